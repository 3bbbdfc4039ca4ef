"""The drills: each keeps its promise, and its page is the one that is committed."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from scripts.drills import (
    accepted_and_silent,
    dns_outage,
    fill_while_cancelling,
    one_sided_market,
    restart_in_stop,
)
from scripts.drills.__main__ import main
from scripts.drills.stage import FOLDER, Drill, commands_of, page, section
from titan.model.commands import CancelOrder, PlaceOrder
from titan.model.orders import Lifetime

rehearsed = cache(lambda drill, *settings: drill.rehearse(*settings))
"""Each drill once for all tests."""

ALL = [
    (accepted_and_silent,),
    (dns_outage, 0.0),
    (dns_outage, 60.0),
    (fill_while_cancelling,),
    (one_sided_market,),
    (restart_in_stop,),
]


def states(drill: Drill, who: str) -> list[str]:
    """What one side said of the orders that were followed."""
    return [line.text for line in drill.transcript.lines if line.who == who]


def codes(drill: Drill) -> set[str]:
    return {notice.code for notice in drill.transcript.notices}


@pytest.mark.parametrize("named", ALL, ids=lambda named: " ".join(str(part) for part in named[1:]) or None)
def test_in_the_end_both_sides_agree_and_the_journal_replays(named) -> None:
    ending = rehearsed(*named).ending
    assert ending.open_orders == (0, 0)
    assert ending.position[0] == ending.position[1]
    assert ending.executions[0] == ending.executions[1] > 0
    assert (ending.differences, ending.exit_code, ending.replays) == (0, 0, True)


def test_after_a_time_out_one_order_lives_and_the_venue_proves_it() -> None:
    drill = rehearsed(accepted_and_silent)
    assert list(drill.fates) == ["A"]  # nothing was sent in its place
    (placed,) = [
        each for each in commands_of(drill, PlaceOrder) if each.client_id in drill.transcript.followed
    ]
    unproven, proven, _ = drill.moments
    assert "intent" in unproven.known_states or "unknown" in unproven.known_states
    assert (proven.open_at_venue, proven.known_states) == (1, "1 open")  # A, once
    assert states(drill, "engine").index("A unknown, 0 of 5 lots booked") == 1
    assert "A open, 0 of 5 lots booked" in states(drill, "engine")
    assert placed.client_id.startswith("T")
    assert "place_unknown" in codes(drill)


def test_the_answer_is_not_waited_for_before_the_venue_is_asked() -> None:
    """The call stays silent for 10 s; the order is known long before."""
    drill = rehearsed(accepted_and_silent)
    known_s = next(
        line.at_s for line in drill.transcript.lines if line.text.startswith("A open, 0 of 5 lots booked")
    )
    sent_s = next(line.at_s for line in drill.transcript.lines if line.text.startswith("place A"))
    assert known_s - sent_s < 4.0


@pytest.mark.parametrize("dead_man_s", [0.0, 60.0])
def test_in_an_outage_no_order_is_declared_lost(dead_man_s: float) -> None:
    drill = rehearsed(dns_outage, dead_man_s)
    assert (drill.moments[0].open_at_venue, drill.moments[0].known_states) == (6, "6 open")
    assert [moment.known_states for moment in drill.moments[1:4]] == ["6 unknown"] * 3
    assert "order_absent" not in codes(drill)
    assert len(drill.fates) == 6
    for fate in drill.fates.values():
        there, here = (side.strip() for side in fate.split("|"))
        assert there == here
    assert drill.moments[-1].obstacle == "quoting"


def test_a_fill_that_overtakes_its_cancel_is_booked_once() -> None:
    drill = rehearsed(fill_while_cancelling)
    assert drill.fates == {"A": "filled, 5 of 5 lots | filled, 5 of 5 lots"}
    engine = states(drill, "engine")
    refused = engine.index("A unknown, 0 of 5 lots booked")
    assert engine[refused + 1 : refused + 3] == [
        "A unknown, ended as filled, 0 of 5 lots booked",
        "A filled, 5 of 5 lots booked",
    ]
    assert any(
        notice.code == "cancel_unknown" and "-2011" in notice.message for notice in drill.transcript.notices
    )
    (answer,) = drill.transcript.answers
    assert answer.done
    assert "filled 5 of 5 lots" in answer.text
    assert "order_absent" not in codes(drill)


def test_in_a_one_sided_market_the_exit_gets_out_by_degrees_and_says_flat_only_at_0() -> None:
    drill = rehearsed(one_sided_market)
    exits = [order for order in commands_of(drill, PlaceOrder) if order.reduce_only]
    kinds = [order.lifetime for order in exits]
    assert kinds[0] is Lifetime.POST_ONLY
    assert kinds.index(Lifetime.POST_ONLY) < kinds.index(Lifetime.IOC) < kinds.index(Lifetime.MARKET)
    assert kinds[-1] is Lifetime.MARKET
    unproven, proven = drill.transcript.answers
    assert not unproven.done
    assert "NOT proven" in unproven.text
    assert proven.done
    assert "position 0 lots" in proven.text
    assert drill.ending.position == (0, 0)
    flat = [line.at_s for line in drill.transcript.lines if "exit_flat" in line.text]
    filled = [
        line.at_s for line in drill.transcript.lines if line.who == "venue" and " filled, 21" in line.text
    ]
    assert flat[0] >= filled[0]
    assert all(order.reduce_only for order in commands_of(drill, PlaceOrder))


def test_a_stop_outlives_a_kill_and_only_a_named_operator_with_a_reason_lifts_it() -> None:
    drill = rehearsed(restart_in_stop)
    stopped, unnamed, unreasoned, resumed = drill.transcript.answers
    assert stopped.done
    assert "no order of ours is open" in stopped.text
    assert not unnamed.done
    assert not unreasoned.done
    assert resumed.done
    before, *held, after = drill.moments
    assert before.open_at_venue == after.open_at_venue == 6
    assert all((moment.open_at_venue, moment.known_states) == (0, "none") for moment in held)
    assert all(moment.obstacle.startswith("STOP: Ada") for moment in held)
    resumed_s = next(line.at_s for line in drill.transcript.lines if line.text.startswith("done: resumed"))
    quoting_s = [line.at_s for line in drill.transcript.lines if line.text.startswith("quoting:")]
    assert quoting_s
    assert min(quoting_s) >= resumed_s
    assert len(commands_of(drill, CancelOrder)) >= 6


def test_the_pages_are_current() -> None:
    """A second rehearsal of each drill says the same as the first, and as the page that is committed."""
    assert main(["--check"]) == 0
    kept = (FOLDER / fill_while_cancelling.FILE).read_text(encoding="utf-8")
    drill = rehearsed(fill_while_cancelling)
    assert kept == page(fill_while_cancelling.TITLE, fill_while_cancelling.PROMISE, section(drill))


def test_a_page_that_is_not_current_is_told_and_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scripts.drills.__main__.DRILLS", (fill_while_cancelling,))
    assert main(["--check", "--folder", str(tmp_path)]) == 1
    assert f"{fill_while_cancelling.FILE} is not current" in capsys.readouterr().err
    assert main(["--folder", str(tmp_path)]) == 0
    kept = (FOLDER / fill_while_cancelling.FILE).read_text(encoding="utf-8")
    assert (tmp_path / fill_while_cancelling.FILE).read_text(encoding="utf-8") == kept
