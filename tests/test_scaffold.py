"""What `titan new strategy` writes, and what it refuses."""

from __future__ import annotations

import json
import shlex
import tomllib
from pathlib import Path

import pytest

import titan
from scripts.notebooks import cleaned
from titan import scaffold, settings
from titan.cli import main
from titan.scaffold import ScaffoldError, new_strategy

DESK = """[venue.loopback]
symbols = ETHUSDT, BTCUSDT
[strategy.maker]
code = own.maker
symbols = ETHUSDT
"""


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that looks like Titan's checkout, with the settings of a desk."""
    root = tmp_path / "checkout"
    for folder in ("nbs/strategy", "tests/strategy", "titan/strategy"):
        (root / folder).mkdir(parents=True)
    (root / "settings.ini").write_text(DESK, encoding="utf-8")
    (root / "pyproject.toml").write_text('[tool.nbdev]\nlib_path = "titan"\n', encoding="utf-8")
    monkeypatch.setattr(titan, "__file__", str(root / "titan" / "__init__.py"))
    return root


def files(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }


def test_a_strategy_joins_the_checkout_and_no_file_is_edited(checkout: Path) -> None:
    before = files(checkout)
    new_strategy("slow_spread")
    after = files(checkout)
    assert {name: after[name] for name in before} == before
    made = sorted(set(after) - set(before))
    assert made == [
        "nbs/strategy/slow_spread.ipynb",
        "settings.local.ini",
        "tests/strategy/test_slow_spread.py",
    ]
    found = settings.load(checkout / "settings.ini", {}).strategy["slow_spread"]
    assert (found.code, found.symbols, found.enabled) == ("titan.strategy.slow_spread", ("ETHUSDT",), True)
    assert "beside maker on ETHUSDT" in (checkout / "settings.local.ini").read_text()
    notebook = checkout / "nbs/strategy/slow_spread.ipynb"
    assert cleaned(notebook) == notebook.read_text(encoding="utf-8")
    assert "#| default_exp strategy.slow_spread" in notebook.read_text()
    assert "@" not in "".join(json.loads(notebook.read_text())["cells"][0]["source"])


def test_settings_local_ini_keeps_what_it_says(checkout: Path) -> None:
    local = checkout / "settings.local.ini"
    local.write_text("[live]\nmarkout_s = 7\n", encoding="utf-8")
    new_strategy("first")
    new_strategy("second")
    assert local.read_text().startswith("[live]\nmarkout_s = 7\n\n# The parameters")
    found = settings.load(checkout / "settings.ini", {})
    assert found.live.markout_s == 7
    assert {"maker", "first", "second"} == set(found.strategy)
    assert "beside first, maker on" in local.read_text() or "beside maker, first on" in local.read_text()


def test_a_package_of_its_own_is_complete_and_takes_further_strategies(tmp_path: Path) -> None:
    root = tmp_path / "My-Desk"
    new_strategy("gentle", root)
    assert sorted(files(root)) == [
        ".gitignore",
        "my_desk/__init__.py",
        "nbs/gentle.ipynb",
        "pyproject.toml",
        "settings.ini",
        "tests/test_gentle.py",
    ]
    project = tomllib.loads((root / "pyproject.toml").read_text())
    assert project["project"]["name"] == "my-desk"
    assert project["tool"]["nbdev"]["lib_path"] == "my_desk"
    assert "*.egg-info/" in (root / ".gitignore").read_text().splitlines()
    before = files(root)
    new_strategy("keen", root)
    after = files(root)
    assert {name: after[name] for name in before} == before
    assert set(after) - set(before) == {"nbs/keen.ipynb", "tests/test_keen.py", "settings.local.ini"}
    found = settings.load(root / "settings.ini", {})
    assert {name: strategy.code for name, strategy in found.strategy.items()} == {
        "gentle": "my_desk.gentle",
        "keen": "my_desk.keen",
    }
    assert found.risk.max_daily_loss > 0


@pytest.mark.parametrize(
    "name", ["", "Spread", "spread2", "slow-spread", "_slow", "slow__spread", "class", "a/b"]
)
def test_a_name_that_is_no_lowercase_noun_is_refused(checkout: Path, name: str) -> None:
    before = files(checkout)
    with pytest.raises(ScaffoldError, match="use a lowercase noun"):
        new_strategy(name)
    assert files(checkout) == before


@pytest.mark.parametrize(
    "taken", ["nbs/strategy/spread.ipynb", "tests/strategy/test_spread.py", "titan/strategy/spread.py"]
)
def test_a_file_in_the_way_is_never_overwritten(checkout: Path, taken: str) -> None:
    (checkout / taken).write_text("mine", encoding="utf-8")
    before = files(checkout)
    with pytest.raises(ScaffoldError, match=rf"{taken} is there already"):
        new_strategy("spread")
    assert files(checkout) == before


def test_a_section_that_stands_already_is_refused(checkout: Path) -> None:
    before = files(checkout)
    with pytest.raises(ScaffoldError, match=r"\[strategy\.maker\] stands in"):
        new_strategy("maker")
    assert files(checkout) == before


def test_a_folder_that_cannot_be_exported_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "other"\n', encoding="utf-8")
    with pytest.raises(ScaffoldError, match=r"names no \[tool\.nbdev\] lib_path"):
        new_strategy("spread", tmp_path)


@pytest.mark.parametrize("folder", ["titan", "2desks", "class"])
def test_a_folder_whose_name_is_no_package_is_refused(tmp_path: Path, folder: str) -> None:
    with pytest.raises(ScaffoldError, match="a package cannot be called"):
        new_strategy("spread", tmp_path / folder)
    assert not (tmp_path / folder).exists()


def test_an_installed_titan_asks_for_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(titan, "__file__", str(tmp_path / "titan" / "__init__.py"))
    with pytest.raises(ScaffoldError, match="give --into DIR"):
        new_strategy("spread")


@pytest.mark.parametrize("folder", [".", "nbs", "desk"])
def test_a_package_of_its_own_is_not_begun_in_titans_checkout(checkout: Path, folder: str) -> None:
    before = files(checkout)
    with pytest.raises(ScaffoldError, match="Titan's own checkout; leave --into out"):
        new_strategy("spread", checkout / folder)
    assert files(checkout) == before


def test_a_second_checkout_of_titan_is_refused_too(checkout: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "pyproject.toml").write_text((checkout / "pyproject.toml").read_text(), encoding="utf-8")
    with pytest.raises(ScaffoldError, match="Titan's own checkout"):
        new_strategy("spread", other)


def test_printed_paths_can_be_pasted_into_a_shell(
    checkout: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "my $own" / "desk"
    assert main(["new", "strategy", "spread", "--into", str(root)]) == 0
    lines = [shlex.split(line, comments=True) for line in capsys.readouterr().out.splitlines()]
    assert ["wrote", str(root / "nbs/spread.ipynb")] in lines
    assert ["titan-live", "--settings", str(root / "settings.ini")] in lines
    assert [".venv/bin/python", "-m", "pip", "install", "--no-deps", "-e", str(root)] in lines
    (export,) = (line for line in lines if line[:2] == ["make", "export"])
    assert shlex.split(export[2].removeprefix("ARGS=").replace("$$", "$")) == ["--root", str(root)]


def test_a_failed_write_leaves_nothing_behind(checkout: Path) -> None:
    (checkout / "tests/strategy").rmdir()
    (checkout / "tests/strategy").write_text("a file where a folder should be", encoding="utf-8")
    before = files(checkout)
    with pytest.raises(ScaffoldError, match="nothing was made"):
        new_strategy("spread")
    assert files(checkout) == before


def test_the_command_line_names_files_and_next_steps(
    checkout: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["new", "strategy", "spread"]) == 0
    said = capsys.readouterr().out
    assert f"wrote {checkout / 'nbs/strategy/spread.ipynb'}" in said
    assert "make export" in said
    assert main(["new", "strategy", "spread"]) == 2
    assert "is there already" in capsys.readouterr().err
    assert main(["new", "strategy", "spread", "--into", str(tmp_path / "desk")]) == 0
    assert f"titan-live --settings {tmp_path / 'desk/settings.ini'}" in capsys.readouterr().out


def test_the_names_of_the_settings_files_are_the_settings_own() -> None:
    assert (scaffold.SETTINGS_FILE, scaffold.LOCAL_FILE) == (settings.FILE, settings.LOCAL_FILE)
