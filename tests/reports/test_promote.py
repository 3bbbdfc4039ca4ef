"""``titan promote``, from journals and reports to a record, and what is left out on the way."""

from __future__ import annotations

import json
import math
import re
import shutil
from pathlib import Path

import msgspec
import pytest

from tests.live.promoted import promote as lift
from tests.reports.promoting import (
    ACCOUNTS,
    NAME,
    Staged,
    hold_session,
    parity,
    read_desk,
    sharpe,
    write_desk,
    write_report,
)
from titan.cli import main
from titan.engine.promotion import STAGES, Gates, Identity
from titan.engine.strategies import load_strategy
from titan.live.configure import strategy_configs
from titan.live.stages import identity_tried
from titan.model.events import SettingsReloaded
from titan.reports.errors import ReportError
from titan.reports.evidence import Sought, gather
from titan.reports.findings import Findings
from titan.reports.watched import config_of, watch_session
from titan.store.journal import SessionReader
from titan.store.promotions import Promotion, read_promotions
from titan.store.replay import replay_session


def promote(desk: Path, *arguments: str) -> int:
    return main(["promote", NAME, "--settings", str(desk / "settings.ini"), *arguments])


def records(desk: Path) -> tuple[Promotion, ...]:
    return read_promotions(desk / "promotions", NAME)


@pytest.fixture(scope="module")
def sessions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A session of each stage."""
    folder = tmp_path_factory.mktemp("stages")
    write_desk(folder)
    return {
        stage: hold_session(folder / "journals", stage, seed=7 + number)
        for number, stage in enumerate(("research", "shadow", "paper", "canary"))
    }


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    write_desk(tmp_path)
    return tmp_path


def stand_at(desk: Path, *stages: str, time_ns: int = 0) -> None:
    """Records as if the strategy had gone through the stages, before any session was held."""
    for stage in stages:
        lift(read_desk(desk), stage, time_ns=time_ns)


# ---- The way up


def test_a_strategy_leaves_research_by_a_backtest_and_a_study(desk, sessions, capsys):
    dsr = write_report(desk / "reports", "backtest_study-1", sharpe(read_desk(desk), 0.97))
    assert promote(desk, "--to", "shadow", "--evidence", str(sessions["research"]), str(dsr)) == 0
    said = capsys.readouterr().out
    assert re.search(r"^days +1 +at least 1 +passes$", said, re.MULTILINE)
    assert re.search(r"^dsr +0\.97 +at least 0\.95 +passes$", said, re.MULTILINE)
    assert f"counted: session {sessions['research'].name}" in said
    assert f"counted: backtest_study {dsr.name}" in said
    assert f"{NAME} stands at shadow; record " in said
    (record,) = records(desk)
    assert (record.stage, record.to, record.previous) == ("research", "shadow", "")
    assert {each.gate: each.measured for each in record.gates}["dsr"] == 0.97
    assert [each.kind for each in record.evidence] == ["session", "backtest_study"]
    assert record.identity.sources.keys() >= {"titan.strategy.avellaneda_stoikov", "titan.strategy.quoting"}


def test_it_leaves_shadow_by_a_session_without_a_difference(desk, sessions):
    stand_at(desk, "shadow")
    assert promote(desk, "--to", "paper", "--evidence", str(sessions["shadow"])) == 0
    assert [record.to for record in records(desk)] == ["shadow", "paper"]
    assert records(desk)[-1].previous == records(desk)[0].id


@pytest.mark.parametrize(("stage", "to"), [("paper", "canary"), ("canary", "live")])
def test_real_money_takes_parity_an_operator_and_a_reason(desk, sessions, capsys, stage, to):
    stand_at(desk, *STAGES[1 : STAGES.index(to)])
    again = write_report(desk / "reports", "parity-1", parity(sessions[stage].name, -0.4))
    given = ["--to", to, "--evidence", str(sessions[stage]), str(again)]
    assert promote(desk, *given, "--operator", "ann") == 2
    assert "a step to real money; give --operator and --reason" in capsys.readouterr().err
    assert promote(desk, *given, "--operator", "ann", "--reason", "a week of it") == 0
    last = records(desk)[-1]
    assert (last.stage, last.to, last.operator, last.reason) == (stage, to, "ann", "a week of it")
    assert {each.gate: each.measured for each in last.gates}["parity_bps"] == 0.4


def test_it_is_told_where_a_strategy_stands_and_what_the_next_stage_takes(desk, capsys):
    assert promote(desk) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"{NAME} stands at research\n  shadow takes:\n    days         at least 1\n")
    stand_at(desk, "shadow")
    assert promote(desk, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["stage"] == "shadow"
    assert told["next"] == {"days": 1.0, "differences": 0.0, "stops": 0.0}
    assert told["record"] == records(desk)[-1].id
    stand_at(desk, "paper", "canary", "live")
    assert promote(desk) == 0
    said = capsys.readouterr().out
    assert "stands at live" in said
    assert "takes:" not in said
    assert len(re.findall(r"1970-01-01T00:00:00Z  \w+ to \w+  [0-9a-f]{16}  ann", said)) == 4


def test_what_is_missing_is_refused_and_said(desk, sessions, capsys):
    assert promote(desk, "--to", "shadow") == 3
    told = capsys.readouterr()
    assert re.search(r"^dsr +not measured +at least 0\.95 +MISSES$", told.out, re.MULTILINE)
    assert "dsr is not measured and must be at least 0.95 (run 'titan report backtest_study'" in told.err
    assert promote(desk, "--to", "shadow", "--json", "--evidence", str(sessions["research"])) == 3
    told = capsys.readouterr()
    answer = json.loads(told.out)
    assert [gate["gate"] for gate in answer["gates"] if not gate["passed"]] == ["dsr"]
    assert answer["done"] is False
    assert answer["gates"][2]["measured"] is None
    assert records(desk) == ()


def test_sessions_and_reports_are_found_where_the_settings_keep_them(desk, capsys):
    journals = desk / "journals"
    directory = hold_session(journals, "research")
    hold_session(journals, "loopback", seed=8)
    write_report(desk / "reports", "backtest_study-1", sharpe(read_desk(desk), 0.96))
    write_report(desk / "reports", "daily-1")
    assert promote(desk, "--to", "shadow", "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["evidence"] == [directory.name, "backtest_study-1.ipynb"]
    assert answer["left_out"] == []
    assert Path(answer["record"]).is_file()


@pytest.mark.parametrize(
    ("change", "missed"),
    [
        ({"promotion__least_fills": 100_000}, "fills"),
        ({"promotion__largest_drawdown": 0}, "drawdown"),
        ({"promotion__least_hours_a_day": 1}, "days"),
    ],
)
def test_each_number_of_a_session_is_held_against_its_bound(tmp_path, sessions, capsys, change, missed):
    write_desk(tmp_path, promotion__least_dsr=0, **change)
    assert promote(tmp_path, "--to", "shadow", "--json", "--evidence", str(sessions["research"])) == 3
    gates = json.loads(capsys.readouterr().out)["gates"]
    assert [gate["gate"] for gate in gates if not gate["passed"]] == [missed]
    assert not next(gate for gate in gates if gate["gate"] == "dsr")["asked"]


def test_the_worst_of_several_findings_counts(desk, sessions, capsys):
    settings = read_desk(desk)
    good = write_report(desk / "reports", "a", sharpe(settings, 0.99))
    bad = write_report(desk / "reports", "b", sharpe(settings, 0.5))
    files = [str(sessions["research"]), str(good), str(bad)]
    assert promote(desk, "--to", "shadow", "--evidence", *files) == 3
    assert "dsr is 0.5 and must be at least 0.95" in capsys.readouterr().err


def test_no_stage_is_skipped_and_demotion_needs_no_evidence(desk, capsys):
    assert promote(desk, "--to", "paper") == 3
    assert "no stage is skipped: it stands at research, and shadow is the next one" in capsys.readouterr().err
    stand_at(desk, "shadow", "paper", "canary", "live")
    assert promote(desk, "--to", "live", "--operator", "a", "--reason", "b") == 3
    assert "stands at live already" in capsys.readouterr().err
    assert promote(desk, "--to", "shadow", "--reason", "it lost") == 0
    last = records(desk)[-1]
    assert (last.stage, last.to, last.gates, last.evidence, last.reason) == (
        "live",
        "shadow",
        (),
        (),
        "it lost",
    )
    assert last.operator
    assert promote(desk, "--to", "research") == 0
    assert [record.to for record in records(desk)][-2:] == ["shadow", "research"]


def test_a_strategy_that_was_changed_is_at_research_and_can_be_put_back_there(desk, capsys):
    stand_at(desk, "shadow", "paper", "canary", "live")
    write_desk(desk, strategy__requote_ticks=2)
    assert promote(desk, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["stage"], told["departure"]) == ("research", "BTCUSDT: requote_ticks is 2, not 1")
    assert promote(desk) == 0
    assert "the last record does not count: BTCUSDT: requote_ticks is 2, not 1" in capsys.readouterr().out
    assert promote(desk, "--to", "paper") == 3
    assert promote(desk, "--to", "research") == 0
    assert records(desk)[-1].stage == "live"
    assert promote(desk, "--to", "research") == 3
    write_desk(desk)  # and the old numbers do not bring the old stage back
    assert promote(desk, "--json") == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["stage"] == "research"


def test_a_faulty_ask_is_told(desk, capsys):
    settings = str(desk / "settings.ini")
    assert main(["promote", "avelaneda_stoikov", "--settings", settings]) == 2
    assert "did you mean avellaneda_stoikov?" in capsys.readouterr().err
    assert main(["promote", "other", "--settings", settings]) == 2
    assert f"there are {NAME}" in capsys.readouterr().err
    assert promote(desk, "--to", "shadow", "--evidence", str(desk / "none")) == 2
    assert f"--evidence {desk / 'none'}: not there" in capsys.readouterr().err
    (desk / "promotions" / NAME).mkdir(parents=True)
    (desk / "promotions" / NAME / "000001-0123456789abcdef.json").write_text("{}")
    assert promote(desk) == 3
    assert "begin at research" in capsys.readouterr().err


def test_a_record_that_cannot_be_written_is_told(tmp_path, sessions, capsys):
    (tmp_path / "file").write_text("no folder")
    write_desk(tmp_path, promotion__least_dsr=0, project__promotions=tmp_path / "file")
    assert promote(tmp_path, "--to", "shadow", "--evidence", str(sessions["research"])) == 3
    assert "the record cannot be written" in capsys.readouterr().err


# ---- What is left out


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        (
            {"sources": {"titan.strategy.avellaneda_stoikov": "old"}},
            "the source of titan.strategy.avellaneda_stoikov",
        ),
        ({"sources": {"titan.strategy.quoting": "old"}}, "the source of titan.strategy.quoting differs"),
        ({"requote_ticks": 2}, "BTCUSDT: requote_ticks is 2, not 1"),
    ],
)
def test_a_session_of_another_strategy_than_now_is_left_out(desk, capsys, changes, why):
    directory = hold_session(desk / "journals", "shadow", seconds=2.0, **changes)
    stand_at(desk, "shadow")
    assert promote(desk, "--to", "paper") == 3
    assert f"left out: session {directory.name}: another strategy than now: {why}" in capsys.readouterr().out


@pytest.mark.parametrize(("ticks", "code"), [(1, 0), (2, 3)])
def test_a_session_that_took_up_other_parameters_while_it_ran_is_left_out(desk, capsys, ticks, code):
    session = Staged(desk / "journals", "shadow")
    session.start()
    session.run(4.0)
    config = session.kernel.desk.config
    changed = tuple(msgspec.structs.replace(each, requote_ticks=ticks) for each in config.strategies)
    session.session.ingest(
        SettingsReloaded(
            time_ns=session.clock.now_ns(),
            config=msgspec.msgpack.encode(
                msgspec.structs.replace(config, strategies=changed, limits=config.limits._replace(collar_bps=90.0))
            ),
            who="ann", why="a trial", request="1",
        )
    )  # fmt: skip
    session.run(2.0)
    session.stop()
    stand_at(desk, "shadow")
    assert promote(desk, "--to", "paper") == code
    why = "settings were reloaded while it ran: BTCUSDT: requote_ticks is 2, not 1"
    assert (f"left out: session {session.session_id}: {why}" in capsys.readouterr().out) == (code == 3)


def test_a_session_from_before_the_stage_is_left_out(desk, sessions, capsys):
    stand_at(desk, "shadow", time_ns=SessionReader(sessions["shadow"]).header.created_ns + 1)
    assert promote(desk, "--to", "paper", "--evidence", str(sessions["shadow"])) == 3
    said = capsys.readouterr().out
    assert f"left out: session {sessions['shadow'].name}: it began before the strategy was at shadow" in said


@pytest.mark.parametrize("stage", sorted(set(ACCOUNTS) - {"paper", "live"}))
def test_a_session_of_another_stage_counts_for_nothing(desk, sessions, stage, capsys):
    stand_at(desk, "shadow", "paper")
    directory = sessions.get(stage) or hold_session(desk / "other", stage, seconds=2.0)
    evidence = ["--evidence", str(directory)]
    assert promote(desk, "--to", "canary", "--operator", "a", "--reason", "b", "--json", *evidence) == 3
    told = json.loads(capsys.readouterr().out)
    assert (told["evidence"], told["gates"][0]["measured"]) == ([], None)


def test_findings_about_another_strategy_session_or_time_are_left_out(desk, sessions, capsys):
    settings = read_desk(desk)
    changed = write_report(desk / "reports", "changed", sharpe(settings, 0.99, sources={"x": "y"}))
    strange = write_report(desk / "reports", "strange", parity("20200101T000000Z-000000", 0.1))
    bare = write_report(
        desk / "reports", "bare", Findings(study="parity", strategy=NAME, measured={"dsr": 1.0})
    )
    other = write_report(
        desk / "reports", "other", Findings(study="parity", strategy="b", measured={"dsr": 1.0})
    )
    torn = desk / "reports" / "torn.ipynb"
    torn.write_text('{"application/vnd.titan.findings+json')
    files = [str(path) for path in (sessions["research"], changed, strange, bare, other, torn)]
    assert promote(desk, "--to", "shadow", "--json", "--evidence", *files) == 3
    told = json.loads(capsys.readouterr().out)
    assert told["evidence"] == [sessions["research"].name]
    whys = " ".join(told["left_out"])
    assert len(told["left_out"]) == 4
    assert "report changed.ipynb: another strategy than now: the source of" in whys
    assert "report strange.ipynb: session 20200101T000000Z-000000 is none of those that count" in whys
    assert "report bare.ipynb: it names neither a session nor what the strategy was" in whys
    assert "torn.ipynb: its findings cannot be read" in whys


def test_a_study_that_knows_no_settings_names_the_code_and_what_it_tried(desk, sessions, capsys):
    settings = read_desk(desk)
    (config,) = strategy_configs(settings, NAME)
    values = load_strategy(config.code).Parameters(*config.parameters)._asdict()
    for changes, code in (({}, 0), ({"mean_fill_depth_bps": 0.021}, 3)):
        identity = identity_tried(config.code, "BTCUSDT", values | changes)
        found = Findings(study="s", strategy=config.code, measured={"dsr": 0.96}, identity=identity)
        path = write_report(desk / "reports", "study", found)
        assert promote(desk, "--to", "shadow", "--evidence", str(sessions["research"]), str(path)) == code
        for record in (desk / "promotions" / NAME).glob("*.json"):
            record.unlink()
    assert "mean_fill_depth_bps is 0.02, not 0.021" in capsys.readouterr().out


def test_a_ratio_counts_once_every_symbol_was_tried(tmp_path):
    parameters = {symbol: {"spread": 1.0} for symbol in ("BTCUSDT", "ETHUSDT")}
    present = Identity(code="own.maker", sources={}, parameters=parameters)
    sought = Sought("maker", "research", present, 0)
    paths = [
        write_report(
            tmp_path,
            symbol,
            Findings(
                study="s", strategy="maker", measured={"dsr": dsr},
                identity=msgspec.structs.replace(present, parameters={symbol: {"spread": 1.0}}),
            ),
        )
        for symbol, dsr in (("BTCUSDT", 0.9), ("ETHUSDT", 0.8), ("XRPUSDT", 0.1))
    ]  # fmt: skip
    found = gather(sought, Gates(), [], paths[:1])
    assert math.isnan(found.measured.dsr)
    assert found.left_out == ("dsr of the studies: none tried ETHUSDT",)
    found = gather(sought, Gates(), [], paths)
    assert found.measured.dsr == 0.8
    assert found.left_out == ("report XRPUSDT.ipynb: it tried XRPUSDT, which the strategy does not trade",)


def test_what_is_no_session_is_left_out(desk, capsys):
    (desk / "empty").mkdir()
    assert promote(desk, "--to", "shadow", "--evidence", str(desk / "empty")) == 3
    assert "left out: session empty: " in capsys.readouterr().out


def test_the_hash_of_a_session_is_of_all_that_it_was_run_again_from(desk, sessions, capsys):
    """Its market as well as its journal."""
    hashes = []
    for changed in (None, "capture-000001.tc", "journal-000001.tj"):
        copy = desk / str(changed) / sessions["shadow"].name
        shutil.copytree(sessions["shadow"], copy)
        if changed is not None:
            (copy / changed).write_bytes((copy / changed).read_bytes()[:-1])  # the end of its last record
        for path in (desk / "promotions" / NAME).glob("*.json"):
            path.unlink()
        stand_at(desk, "shadow")
        assert promote(desk, "--to", "paper", "--evidence", str(copy)) == 0, capsys.readouterr()
        hashes.append(records(desk)[-1].evidence[0].sha256)
    assert len(set(hashes)) == 3


def test_a_session_that_does_not_replay_as_it_was_says_nothing(sessions, monkeypatch):
    directory = sessions["research"]
    config = config_of(SessionReader(directory).header)
    whole = watch_session(directory, config, NAME, lambda later: "")
    assert whole.fills > 5
    assert 15e9 < sum(whole.time_on.values()) < 60e9
    recorded = SessionReader.commands
    monkeypatch.setattr(SessionReader, "commands", lambda reader: list(recorded(reader))[1:].__iter__())
    with pytest.raises(ReportError, match="it does not replay as it was"):
        watch_session(directory, config, NAME, lambda later: "")


def test_the_path_of_a_strategy_ends_at_the_sessions_own_pnl(sessions):
    directory = sessions["paper"]
    watched = watch_session(directory, config_of(SessionReader(directory).header), NAME, lambda later: "")
    assert watched.path[-1] == float(replay_session(directory).kernel.summary().pnl)
    nobody = watch_session(directory, config_of(SessionReader(directory).header), "nobody", lambda later: "")
    assert (nobody.fills, set(nobody.path)) == (0, {0.0})


def test_a_header_of_another_version_says_so(sessions):
    header = SessionReader(sessions["paper"]).header
    with pytest.raises(ReportError, match="its configuration is none of this version's"):
        config_of(msgspec.structs.replace(header, config=b"\x80"))
