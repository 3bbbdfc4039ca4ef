"""The judges of a trial themselves: what they let pass, and what they must not."""

from __future__ import annotations

import msgspec
import pytest

from titan.chaos import trial
from titan.chaos.door import MOST_CANCELS, Door
from titan.chaos.excuses import Excuses
from titan.chaos.invariants import Checker
from titan.chaos.life import Life
from titan.chaos.run import attempt
from titan.chaos.schedule import Schedule
from titan.chaos.trial import LIMITS
from titan.engine import exit_orders, risk_measures
from titan.engine.configuration import ExitSettings, KernelConfig
from titan.engine.desk import Desk
from titan.loopback.fault_gate import FaultGate
from titan.loopback.faults import Fault, Kind, Plan

ORDER = "/fapi/v1/order"


class Times:
    """A world of which only the time is asked, and whether it can be reached: not from 9.3 s to 10.3 s."""

    def __init__(self) -> None:
        self.elapsed_s = 0.0
        outage = Fault(kind=Kind.REFUSE_CONNECTION, at_s=9.3, for_s=1.0)
        self.gate = FaultGate(Plan(faults=(outage,)), 0)
        self.desk = self.clock = self

    def now_ns(self) -> int:
        return round(self.elapsed_s * 1e9)


@pytest.fixture
def door():
    """A door, its clock, and what was found at it."""
    found: list[str] = []
    times = Times()
    return Door(times, found.append), times, found


def test_a_pause_lets_a_bounded_number_of_cancels_through(door):
    shut, times, found = door
    shut.struck(Fault(kind=Kind.RATE_LIMITED, delay_s=5.0))
    times.elapsed_s = 1.0
    for _ in range(MOST_CANCELS):
        shut.knocked("DELETE", ORDER)
    assert found == []
    shut.knocked("DELETE", ORDER)
    shut.knocked("POST", ORDER)
    assert [text.split(":")[0] for text in found] == [f"DELETE {ORDER}", f"POST {ORDER}"]


def test_a_ban_lets_nothing_through_and_ends(door):
    shut, times, found = door
    shut.struck(Fault(kind=Kind.RATE_LIMITED, delay_s=5.0))
    shut.struck(Fault(kind=Kind.BANNED, delay_s=3.0))
    times.elapsed_s = 0.4
    shut.knocked("DELETE", ORDER)  # it was on its way
    assert found == []
    times.elapsed_s = 2.0
    shut.knocked("DELETE", ORDER)
    assert len(found) == 1
    times.elapsed_s = 4.0
    shut.knocked("DELETE", ORDER)
    times.elapsed_s = 6.0
    shut.knocked("POST", ORDER)
    assert len(found) == 1


def test_a_refusal_that_was_lost_on_its_way_binds_nobody(door):
    """The exchange restarted, or could not be reached any more, before its answer had arrived."""
    shut, times, found = door
    shut.struck(Fault(kind=Kind.RATE_LIMITED, delay_s=5.0))
    times.elapsed_s = 0.1
    shut.struck(Fault(kind=Kind.RESTART, for_s=1.0))
    times.elapsed_s = 9.0
    shut.struck(Fault(kind=Kind.BANNED, delay_s=5.0))
    for at_s in (3.0, 12.0):
        times.elapsed_s = at_s
        shut.knocked("POST", ORDER)
    assert found == []


def test_a_refusal_that_was_heard_before_a_restart_still_binds(door):
    shut, times, found = door
    shut.struck(Fault(kind=Kind.RATE_LIMITED, delay_s=5.0))
    times.elapsed_s = 2.0
    shut.struck(Fault(kind=Kind.RESTART, for_s=1.0))
    times.elapsed_s = 4.0
    shut.knocked("POST", ORDER)
    assert len(found) == 1


def test_what_was_cancelled_before_a_stop_need_not_be_cancelled_again():
    """A resume of a new life withdrew what its predecessor had left; its cancel was on its way when the stop came."""
    away = Fault(kind=Kind.REFUSE_CONNECTION, at_s=9.8, for_s=5.0)
    acts = ((9.0, "resume"), (9.9, "kill"), (10.0, "end"))
    assert attempt(3, Schedule(Plan(faults=(away,)), acts)).violations == ()


def test_a_new_life_knows_of_no_ban(door):
    shut, times, found = door
    shut.struck(Fault(kind=Kind.BANNED, delay_s=3.0))
    shut.begin()
    times.elapsed_s = 2.0
    shut.knocked("GET", ORDER)
    assert found == []


def obstacles(*acts: tuple[float, str], obstacle: str = "") -> list[str]:
    """What a calm trial finds wrong with quoting at rest, with another obstacle than it has if one is given."""
    check = Checker.check_quoting

    def otherwise(self: Checker, life: Life) -> None:
        for market in life.kernel.desk.markets.values():
            market.obstacle = obstacle or market.obstacle
        check(self, life)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Checker, "check_quoting", otherwise)
        return [text for text in attempt(3, Schedule(Plan(), acts)).violations if "nothing is quoted" in text]


@pytest.mark.parametrize(
    ("acts", "obstacle", "lawful"),
    [
        (("stop",), "", True),
        (("pause",), "", True),
        (("close",), "", True),
        (("close", "resume"), "", True),
        (("stop", "resume"), "STOP: trial: drawn", False),
        (("pause",), "STOP: trial: drawn", False),
        (("close", "resume"), "closed: trial: drawn", False),
        ((), "loopback refuses all requests: banned", False),
        ((), "STOP: risk: bucket_loss (max_loss_per_bucket = 0.1)", False),
    ],
)
def test_a_desk_that_stands_still_needs_a_reason(acts: tuple[str, ...], obstacle: str, lawful: bool) -> None:
    found = obstacles(*((8.0 + 4.0 * index, act) for index, act in enumerate(acts)), obstacle=obstacle)
    assert (found == []) == lawful


def test_a_book_in_which_nothing_was_heard_needs_an_exchange_that_told_nothing(monkeypatch) -> None:
    """A thin market at rest may have nothing to tell for 5 s, and may have begun again a moment ago."""
    silent = "the book is empty: nothing was heard for 5 s"
    assert obstacles(obstacle=silent)
    monkeypatch.setattr("titan.chaos.sight.LEAST_STILL_S", 0.0)
    assert obstacles(obstacle=silent) == []


def test_a_breaker_that_rests_needs_a_minute_that_is_used_up(monkeypatch) -> None:
    resting = "loopback fails too often: quoting rests"
    assert obstacles(obstacle=resting)
    monkeypatch.setattr("titan.chaos.excuses.USED_UP", 0.01)
    assert obstacles(obstacle=resting) == []


def test_a_judge_that_fails_is_heard(monkeypatch) -> None:
    """Its fault ended the call in silence once, and the order of an exit at the market with it."""

    def broken(self: Checker, verb: str, path: str, params: dict[str, str]) -> None:
        raise LookupError("a fault of the trial")

    monkeypatch.setattr(Checker, "_arrived", broken)
    found = attempt(3, Schedule(Plan(), ())).violations
    assert found == ("LookupError: a fault of the trial",)


def test_an_order_at_the_market_is_carried_out(monkeypatch) -> None:
    """It has no price, and its judge must not stumble over that."""
    kinds = []
    arrived = Checker._arrived

    def noted(self: Checker, verb: str, path: str, params: dict[str, str]) -> None:
        kinds.append(params.get("type", ""))
        arrived(self, verb, path, params)

    usual = trial.configuration

    def hasty(session: str, symbol: str) -> KernelConfig:
        return msgspec.structs.replace(usual(session, symbol), exits=ExitSettings(chase_attempts=0))

    monkeypatch.setattr(Checker, "_arrived", noted)
    monkeypatch.setattr(exit_orders, "TAKES", 0)
    monkeypatch.setattr(trial, "configuration", hasty)
    assert attempt(1, Schedule(Plan(), ((8.0, "flatten"),))).violations == ()
    assert "MARKET" in kinds


def test_a_stop_by_risk_is_lawful_only_if_the_exchange_has_seen_the_loss(monkeypatch) -> None:
    measures = risk_measures.measures

    def pessimistic(desk: Desk) -> dict[str, float]:
        return measures(desk) | {"daily_loss": LIMITS.max_daily_loss}

    monkeypatch.setattr(risk_measures, "measures", pessimistic)
    assert any("STOP: the day's loss" in text for text in attempt(3, Schedule(Plan(), ())).violations)
    monkeypatch.setattr(Excuses, "_lost", lambda self, desk: True)
    assert not any("nothing is quoted" in text for text in attempt(3, Schedule(Plan(), ())).violations)
