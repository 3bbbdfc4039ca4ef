"""A fill is traced to its order, to the decision at its price, and to the parameters, code and data behind it."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from tests.reports.tape import Tape, linear
from tests.store.test_artefacts import FOUND
from titan import cli
from titan.engine.configuration import StrategyConfig
from titan.model import commands as c
from titan.model import events as e
from titan.reports.errors import ReportError
from titan.reports.trace import EXPLAINED, find_fill, lines, parameters_of, steps, trace_fill
from titan.store.artefacts import write_artefact
from titan.store.framing import JournalError
from titan.strategy.avellaneda_stoikov import Parameters

BTC = linear("BTCUSDT", "BTC")


def decision(wanted: float) -> c.Decision:
    return c.Decision(
        fair_value=60_000.0, reservation=59_990.0, wanted=wanted, rounded=wanted, inventory=0.02,
        spread_multiplier=1.0, size_multiplier=1.0, skew_bps=-1.5,
    )  # fmt: skip


def amended(tape: Tape, client_id: str, price: int, wanted: float) -> None:
    tape.tick(
        c.AmendOrder(
            venue=BTC.venue, symbol=BTC.symbol, client_id=client_id, side=-1, price=price, size=10,
            decision=decision(wanted),
        )
    )  # fmt: skip


@pytest.fixture
def session(tmp_path: Path) -> tuple[Path, str]:
    """A quote that was amended twice and filled at the price of the first amendment; told again by a query."""
    tape = Tape(tmp_path / "sessions", BTC)
    tape.book(BTC, 599_999, 600_001)
    tape.open()
    order = tape.place(BTC, -1, 600_100, 10)
    amended(tape, order, 600_050, 60_005.0)
    tape.update(BTC, order, -1, 600_050, 10, "open")
    amended(tape, order, 600_080, 60_008.0)
    fill = tape.fill(BTC, -1, 600_050, 4, client_id=order)
    tape.put(
        e.FillsQueried(time_ns=tape.now_ns, venue=BTC.venue, symbol=BTC.symbol, since_ns=0, fills=(fill,))
    )
    tape.update(BTC, order, -1, 600_080, 10, "cancelled", filled=4)
    return tape.kill(), order


def test_every_step_of_a_decision_is_explained() -> None:
    assert set(EXPLAINED) == set(c.Decision.__struct_fields__) - {"artefact"}
    assert steps(decision(60_005.0)) == {
        "fair value": 60_000.0,
        "inventory of the strategy": 0.02,
        "reservation price": 59_990.0,
        "added for the inventory, bps": -1.5,
        "risk level: times the spread": 1.0,
        "risk level: times the size": 1.0,
        "price wanted": 60_005.0,
        "price on the grid, off the touch": 60_005.0,
    }


def test_the_decision_is_the_one_at_the_price_of_the_fill(session: tuple[Path, str]) -> None:
    directory, order = session
    found = trace_fill(directory, "2")
    assert found is not None
    assert (found.fill.client_id, found.fill.size) == (order, 4)
    assert found.decision == decision(60_005.0)
    assert found.strategy is not None
    assert found.strategy.name == "maker"
    assert [each.text for each in found.happenings] == [
        "decided to sell 0.010 at 60010.0, post only",
        "the venue says open, 0.000 of 0.010 filled",
        "decided to amend to 0.010 at 60005.0",
        "the venue says open, 0.000 of 0.010 filled",
        "decided to amend to 0.010 at 60008.0",
        "filled 0.004 at 60005.0 as maker, trade 2",
        "the venue says cancelled, 0.004 of 0.010 filled",
    ]
    assert trace_fill(directory, order) == found
    text = "\n".join(lines(found))
    assert "sold 0.004 at 60005.0 as maker on desk:BTCUSDT" in text
    assert f"decision at input {found.decided_seq}, prices in USDT" in text


def test_parameters_are_those_in_use_at_the_decision(tmp_path: Path) -> None:
    """A reload that was taken up counts from there on; one that was refused, or came later, does not."""
    tape = Tape(tmp_path / "sessions", BTC)
    for request, done, edge_bps in (("a", True, 1.0), ("b", False, 2.0)):
        strategies = tuple(
            msgspec.structs.replace(each, minimum_edge_bps=edge_bps) for each in tape.config.strategies
        )
        config = msgspec.structs.replace(tape.config, strategies=strategies)
        tape.put(
            e.SettingsReloaded(
                time_ns=tape.now_ns, config=msgspec.msgpack.encode(config), who="", why="", request=request
            ),
            c.OperatorAnswer(request=request, done=done, text=""),
        )
    order = tape.place(BTC, -1, 600_100, 10)
    fill = tape.fill(BTC, -1, 600_100, 10, client_id=order)
    found = trace_fill(tape.kill(), fill.trade_id)
    assert found is not None
    assert found.strategy is not None
    assert found.strategy.minimum_edge_bps == 1.0


def test_orders_of_no_strategy_have_no_decision(tmp_path: Path) -> None:
    tape = Tape(tmp_path / "sessions", BTC)
    fill = tape.fill(BTC, 1, 600_000, 4, client_id="by-hand", fee="-0.01")
    tape.put(
        e.CommandOutcome(
            time_ns=tape.now_ns, venue=BTC.venue, symbol=BTC.symbol, action="cancel", client_id="by-hand",
            outcome="unknown", code="-1007", message="a timeout",
        )
    )  # fmt: skip
    tape.put(e.OrderAbsent(time_ns=tape.now_ns, venue=BTC.venue, symbol=BTC.symbol, client_id="by-hand"))
    tape.tick(c.CancelOrder(venue=BTC.venue, symbol=BTC.symbol, client_id="by-hand"))
    tape.update(BTC, "by-hand", 1, 600_000, 4, "rejected")
    found = find_fill([tape.kill()], fill.trade_id)
    text = "\n".join(lines(found))
    assert "decision: none of a strategy" in text
    assert "a rebate of 0.01 USDT" in text
    assert "cancel ended unknown: -1007 a timeout" in text
    assert "the venue does not know the order" in text
    assert "decided to cancel" in text


def test_parameters_have_their_names_where_the_code_still_knows_them() -> None:
    here = StrategyConfig(
        name="a",
        code="titan.strategy.avellaneda_stoikov",
        venue="v",
        symbol="s",
        parameters=tuple(Parameters()),
    )
    assert parameters_of(here) == Parameters()._asdict()
    gone = StrategyConfig(name="a", code="no.such", venue="v", symbol="s", parameters=(1.0, 2.0))
    assert parameters_of(gone) == {"parameter 1": 1.0, "parameter 2": 2.0}


def test_a_fill_that_is_nowhere_and_a_session_that_cannot_be_read(
    session: tuple[Path, str], tmp_path: Path
) -> None:
    directory, _ = session
    empty = tmp_path / "20240101T000000Z-00000a"
    empty.mkdir()
    with pytest.raises(
        ReportError, match="fill 99: not in 20240101T000000Z-000001; give the venue's trade id"
    ):
        find_fill([directory], "99")
    with pytest.raises(ReportError, match="fill 99: not in 2 sessions"):
        find_fill([empty, directory], "99")
    assert find_fill([empty, directory], "2").directory == directory
    with pytest.raises(JournalError):
        find_fill([empty], "2")


def test_an_artefact_is_followed_to_its_study_and_its_recordings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    artefact = msgspec.structs.replace(FOUND, venue=BTC.venue, doubt="few orders")
    tape = Tape(tmp_path / "sessions", BTC)
    quoted = msgspec.structs.replace(decision(60_010.0), artefact=artefact.id)
    order = tape.place(BTC, -1, 600_200, 10)
    tape.tick(
        c.AmendOrder(
            venue=BTC.venue, symbol=BTC.symbol, client_id=order, side=-1, price=600_100, size=10, decision=quoted
        )
    )  # fmt: skip
    fill = tape.fill(BTC, -1, 600_100, 10, client_id=order)
    tape.kill()
    monkeypatch.setenv("TITAN_PROJECT__JOURNALS", str(tmp_path / "sessions"))
    monkeypatch.setenv("TITAN_PROJECT__ARTEFACTS", str(tmp_path / "artefacts"))
    assert cli.main(["trace", fill.trade_id]) == 0
    said = capsys.readouterr().out
    assert f"artefact {artefact.id}" in said
    assert f"{artefact.id}.json: No such file or directory; run 'titan calibrate' again" in said
    write_artefact(tmp_path / "artefacts", artefact)
    assert cli.main(["trace", fill.trade_id]) == 0
    said = capsys.readouterr().out
    assert f"study: calibration_review 12ab, commit {'c' * 40}, in doubt: few orders" in said
    assert "mean_fill_depth_bps              0.5, 95% from 0.4 to 0.6 bps" in said
    assert f"recorded in day.gz, sha256 {'ab' * 32}, 3 events" in said
    assert cli.main(["trace", fill.trade_id, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["artefact"], told["study"]["data"][0]["file"]) == (artefact.id, "day.gz")


def test_the_command(
    session: tuple[Path, str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    directory, order = session
    monkeypatch.setenv("TITAN_PROJECT__JOURNALS", str(directory.parent))
    assert cli.main(["trace", "2", "--session", str(directory)]) == 0
    assert f"order {order}" in capsys.readouterr().out
    assert cli.main(["trace", "2", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["decision"]["price wanted"] == 60_005.0
    assert told["session"] == directory.name
    assert cli.main(["trace", "99"]) == 2
    assert "fill 99: not in" in capsys.readouterr().err
    assert cli.main(["trace", "2", "--session", "20200101T000000Z-000001"]) == 2
    assert "nothing of it in" in capsys.readouterr().err
