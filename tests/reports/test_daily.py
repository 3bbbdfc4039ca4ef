"""The finished report: by the command, by plain papermill, of a day, of an altered journal, in a browser."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, date, datetime
from html import unescape
from pathlib import Path

import pytest

from tests.reports.tape import START_NS, Tape, linear
from tests.reports.test_session import change_one_fee
from tests.sessions import Rehearsal, rewrite_journal
from tests.store.samples import begun_after
from titan import cli
from titan.evaluation.pnl import IdentityError
from titan.reports import run
from titan.reports.daily import open_report, report_name
from titan.reports.errors import ReportError
from titan.reports.parameters import DailyParameters
from titan.reports.session_tables import day_table

BTC = linear("BTCUSDT", "BTC")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def command(repository: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a module of Python in a folder, as a plain process."""
    paths = os.pathsep.join(filter(None, [str(repository), os.environ.get("PYTHONPATH", "")]))
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )


@pytest.fixture(scope="module")
def made(rehearsal: Rehearsal, repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the artefacts of `titan report daily --session`."""
    out = tmp_path_factory.mktemp("reports")
    asked = ["--session", str(rehearsal.directory), "--out", str(out / "made")]
    done = command(repository, out, "titan.cli", "report", "daily", *asked)
    assert done.returncode == 0, done.stderr
    files = sorted(path.name for path in (out / "made").iterdir())
    name = f"daily-{rehearsal.directory.name}"
    assert files == [f"{name}.html", f"{name}.ipynb"]
    assert done.stdout.splitlines() == [str(out / "made" / f"{name}{kind}") for kind in (".ipynb", ".html")]
    return out / "made" / name


def test_the_page_needs_no_network_and_no_script(made: Path) -> None:
    page = made.with_suffix(".html").read_text(encoding="utf-8")
    assert set(re.findall(r'<img[^>]*? src="([^"]{0,22})', page)) == {"data:image/png;base64,"}
    assert len(re.findall(r"<img ", page)) == 3
    page = re.sub(r"base64,[^\"]*", "", page)
    assert not re.search(r"""(?:src|href|url|import)\s*[=(]?\s*["']?\s*(?:https?:)?//""", page, re.IGNORECASE)
    assert "<script" not in page
    assert "import " not in page


def test_the_page_begins_with_the_result_and_the_proof(made: Path) -> None:
    page = re.sub(r"<[^>]*>", "\n", made.with_suffix(".html").read_text(encoding="utf-8").split("<body>")[1])
    lines = [line.strip() for line in unescape(page).splitlines() if line.strip()]
    assert lines[0] == "Daily risk report"
    assert lines[2].startswith(f"Session {made.name.removeprefix('daily-')} (loopback.main, ")
    assert lines[3].startswith("parts equal the exchange's equity change: difference ")
    assert lines[4] == "Position"


def test_the_first_screen_holds_all_that_is_asked_first(made: Path) -> None:
    screen = made.with_suffix(".html").read_text(encoding="utf-8").split("<h2")[0]
    asked = [
        "P&amp;L bridge",
        "Against earlier days",
        "Breaches",
        "The ten costliest executions",
        "titan trace ",
        "Terms.",
    ]
    places = [screen.index(text) for text in asked]
    assert places == sorted(places)


def test_what_is_not_recorded_is_said_and_never_zero(made: Path) -> None:
    page = made.with_suffix(".html").read_text(encoding="utf-8")
    assert "not recorded: no model of regimes was given for loopback:BTCUSDT" in page
    assert "not recorded: no shortfall whose horizon ended within its session" in page
    assert page.count("not recorded: no result was handed over") == 2
    assert "no other session of this account in the 30 days before" in page


def test_the_notebook_is_whole_and_hides_its_code(made: Path) -> None:
    notebook = json.loads(made.with_suffix(".ipynb").read_text(encoding="utf-8"))
    assert all(cell["outputs"] is not None for cell in notebook["cells"] if cell["cell_type"] == "code")
    pictures = [
        output
        for cell in notebook["cells"]
        for output in cell.get("outputs", ())
        if "image/png" in output.get("data", {})
    ]
    assert len(pictures) == 3
    tagged = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert all({"hide-input", "injected-parameters"} & set(cell["metadata"]["tags"]) for cell in tagged)


@pytest.mark.browser
def test_the_page_in_a_browser(made: Path, tmp_path: Path) -> None:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    page = made.with_suffix(".html")
    shot = tmp_path / "page.png"
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    subprocess.run(
        [CHROMIUM, *options, f"--screenshot={shot}", "--window-size=1200,1000", page.as_uri()],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    assert shot.stat().st_size > 20_000
    done = subprocess.run(
        [CHROMIUM, *options, "--dump-dom", page.as_uri()],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert f"<title>Titan daily report {made.name.removeprefix('daily-')}</title>" in done.stdout
    assert len(re.findall(r'<img[^>]*alt="(?:P&amp;L|Mean markout)', done.stdout)) == 3


def test_plain_papermill_in_any_folder_and_a_day(
    rehearsal: Rehearsal, repository: Path, tmp_path: Path
) -> None:
    (tmp_path / "some" / "sessions").mkdir(parents=True)
    shutil.copytree(rehearsal.directory, tmp_path / "some" / "sessions" / rehearsal.directory.name)
    tape = Tape(tmp_path / "some" / "sessions", BTC, start_ns=START_NS + 10**12, number=9)
    tape.book(BTC, 999, 1001)
    tape.open()
    tape.fill(BTC, 1, 999, 100)
    tape.kill()
    notebook = repository / "research" / "daily_risk.ipynb"
    given = ["-p", "date", "20240101", "-p", "journals", "some/sessions"]
    done = command(repository, tmp_path, "papermill", str(notebook), "OUT.ipynb", *given)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "OUT.ipynb").read_text(encoding="utf-8")
    assert "2024-01-01 (UTC), 2 sessions, made" in text
    assert "not checkable: the session was killed" in text
    assert "1 of 2 sessions proven; none differs" in text


def test_plain_papermill_with_a_misspelt_parameter_raises(repository: Path, tmp_path: Path) -> None:
    notebook = repository / "research" / "daily_risk.ipynb"
    done = command(repository, tmp_path, "papermill", str(notebook), "OUT.ipynb", "-p", "sesion", "x")
    assert done.returncode == 1
    assert "ParameterProblem: parameter sesion is unknown; did you mean session?" in done.stderr


def test_an_altered_fee_is_reported_and_fails(rehearsal: Rehearsal, repository: Path, tmp_path: Path) -> None:
    copy = rewrite_journal(rehearsal.directory, tmp_path / "journals", change_one_fee("0.01"))
    out = tmp_path / "out"
    done = command(
        repository, tmp_path, "titan.cli", "report", "daily", "--session", str(copy), "--out", str(out)
    )
    assert done.returncode == 1
    assert "report: IdentityError: " in done.stderr
    page = next(out.glob("*.html")).read_text(encoding="utf-8")
    assert "CHECK FAILED (loopback, USDT)" in page
    assert "<h2" in page.split("CHECK FAILED")[1], "the tables follow all the same"


# ---- In process ------------------------------------------------------------------------------------------


def settings_file(folder: Path, repository: Path) -> Path:
    file = folder / "settings.ini"
    file.write_text((repository / "settings.ini").read_text(encoding="utf-8"), encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--session", "20240101T000000Z-abcdef"], "session 20240101T000000Z-abcdef: not in"),
        (["--session", "nonsense"], "is no session's name"),
        (["--date", "soon"], "date = 'soon' is no day"),
        (["--date", "2020-02-02"], "no session was created on 2020-02-02 UTC"),
    ],
)
def test_what_cannot_be_reported_is_one_line_and_exit_2(
    arguments: list[str], message: str, tmp_path: Path, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = settings_file(tmp_path, repository)
    Tape(tmp_path / "var" / "sessions", BTC).kill()
    assert cli.main(["report", "daily", "--settings", str(file), *arguments]) == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert printed.err.count("\n") == 1
    assert not (tmp_path / "var" / "reports").exists()


def test_no_sessions_at_all(tmp_path: Path, repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = settings_file(tmp_path, repository)
    assert cli.main(["report", "daily", "--settings", str(file)]) == 2
    assert "does not exist; run titan-live first" in capsys.readouterr().err
    (tmp_path / "var" / "sessions").mkdir(parents=True)
    assert cli.main(["report", "daily", "--settings", str(file)]) == 2
    assert "no session in" in capsys.readouterr().err


def test_a_missing_notebook_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "NOTEBOOK", tmp_path / "absent.ipynb")
    with pytest.raises(ReportError, match="reports are run from a checkout of Titan"):
        run.run_daily(DailyParameters(tmp_path, "", date(2024, 1, 1)), tmp_path)


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "find_spec", lambda name: None)
    with pytest.raises(
        ReportError, match=r"reports need ipykernel, nbconvert, papermill: install titan-mm\[reports\]"
    ):
        run.run_daily(DailyParameters(tmp_path, "", None), tmp_path)


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    directory = Tape(tmp_path / "sessions", BTC).kill()
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    assert (
        cli.main(["report", "daily", "--session", str(directory), "--out", str(tmp_path / "file" / "out")])
        == 2
    )
    assert capsys.readouterr().err.endswith("; name another folder with --out\n")


def session_of(journals: Path, number: int, start_ns: int = START_NS, *, reporting: str = "USDT") -> None:
    tape = Tape(journals, BTC, start_ns=start_ns, number=number, reporting=reporting)
    tape.book(BTC, 999, 1001)
    tape.open()
    tape.fill(BTC, 1, 999, 1000 * number)
    tape.end()


def test_a_day_is_the_sum_of_its_sessions(tmp_path: Path) -> None:
    day_ns = 86_400 * 10**9
    session_of(tmp_path, 1)
    session_of(tmp_path, 2, START_NS + day_ns - 1)
    session_of(tmp_path, 3, START_NS + day_ns)
    report = open_report(tmp_path, day=date(2024, 1, 1))
    assert report.sums()["USDT"].total == sum(result.total.parts.total for result in report.results)
    table = day_table(report.results)
    assert list(table["check"]) == ["equal", "equal", ""]
    assert table.loc["sum", "total"] == pytest.approx(0.3 - 0.02)
    assert table.loc["sum", "executions"] == 2
    assert report.check() == "2 of 2 sessions proven; none differs"
    assert report.headline().text.count("parts equal the exchange's equity change") == 2
    assert report_name(tmp_path, "", None).startswith("20240102T000000Z")


def test_the_last_session_is_the_one_last_begun_here_whatever_its_name_says(tmp_path: Path) -> None:
    session_of(tmp_path, 1, START_NS + 10**12)
    replayed = Tape(tmp_path, BTC, number=2).kill()  # of an older capture
    begun_after(replayed, next(tmp_path.glob("*-000001")))
    assert open_report(tmp_path).results[0].session == replayed.name == report_name(tmp_path, "", None)
    with pytest.raises(ReportError, match=f"the last begun there is {replayed.name}"):
        report_name(tmp_path, "20240101T000000Z-abcdef", None)


def test_the_page_says_how_old_the_mid_may_be(made: Path) -> None:
    page = made.with_suffix(".html").read_text(encoding="utf-8")
    assert page.count("up to 100 ms old") == 2, "where it is used first, and among the terms"


def test_unlike_currencies_are_never_added(tmp_path: Path) -> None:
    session_of(tmp_path, 1)
    session_of(tmp_path, 2, START_NS + 10**9, reporting="BTC")
    report = open_report(tmp_path, day=date(2024, 1, 1))
    assert list(report.sums()) == ["USDT", "BTC"]
    assert report.headline().text.splitlines()[0].count(" made ") == 2


def test_an_unreadable_session_of_the_day_is_named_and_fails_the_check(tmp_path: Path) -> None:
    session_of(tmp_path, 1)
    session_of(tmp_path, 2, START_NS + 10**9)
    damaged = tmp_path / open_report(tmp_path).results[0].session / "journal-000001.tj"
    damaged.write_bytes(b"TITAN")
    report = open_report(tmp_path, day=date(2024, 1, 1))
    assert len(report.results) == 1
    assert "cannot be read and is not counted" in report.headline().text
    with pytest.raises(IdentityError, match="cannot be read"):
        report.check()


def test_a_day_of_unreadable_sessions_only(tmp_path: Path) -> None:
    name = f"{datetime.fromtimestamp(START_NS / 1e9, UTC):%Y%m%dT%H%M%SZ}-000001"
    (tmp_path / name).mkdir()
    report = open_report(tmp_path, day=date(2024, 1, 1))
    assert "holds no session that can be read" in report.headline().text
    assert day_table(report.results).empty
