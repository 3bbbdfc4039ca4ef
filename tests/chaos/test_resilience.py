"""Trials of one fault each: what the session sends while the venue fails, and how soon it is whole again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import msgspec
import pytest

from titan.chaos import invariants, trial
from titan.chaos.schedule import Schedule
from titan.chaos.trial import run_trial
from titan.engine.configuration import Resilience
from titan.loopback.faults import Fault, Kind, Plan
from titan.model import commands as c
from titan.model.events import CommandOutcome

QUERIES = (c.QueryOrder, c.QueryOpenOrders, c.QueryFills, c.QueryAccount, c.QueryInstruments)


class Decided(NamedTuple):
    """A command, and when it was decided on, seconds."""

    at_s: float
    command: c.AnyCommand


@contextmanager
def decisions() -> Iterator[list[Decided]]:
    """Every command and outcome of the trials within."""
    found: list[Decided] = []
    observe = invariants.Checker._observe

    def noted(self: invariants.Checker, event, commands, heard_ns: int, decided_ns: int) -> None:
        at_s = self._world.elapsed_s
        found.extend(Decided(at_s, command) for command in commands)
        if isinstance(event, CommandOutcome):
            found.append(Decided(at_s, event))
        observe(self, event, commands, heard_ns, decided_ns)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(invariants.Checker, "_observe", noted)
        yield found


def tried(*faults: Fault, acts: tuple[tuple[float, str], ...] = ()) -> list[Decided]:
    with decisions() as found:
        assert run_trial(1, Schedule(Plan(faults=faults), acts)).violations == ()
    return found


def between(found: list[Decided], from_s: float, to_s: float, *kinds: type) -> list[Decided]:
    return [each for each in found if from_s <= each.at_s < to_s and isinstance(each.command, kinds)]


def test_through_a_ban_nothing_is_decided_on_that_cannot_be_sent():
    """Without word of the ban, 21 orders and 38 amends were decided on within these eight seconds, and never sent."""
    found = tried(Fault(kind=Kind.BANNED, at_s=10.0, delay_s=8.0))
    shut_s = next(
        each.at_s
        for each in found
        if isinstance(each.command, c.Notice) and each.command.code == "venue_shut"
    )
    ends_s = shut_s + 7.9
    assert not between(found, shut_s + 0.001, ends_s, c.PlaceOrder, c.AmendOrder, c.KeepAlive, *QUERIES)
    assert len(between(found, shut_s, ends_s, c.CancelOrder)) <= 2
    first = between(found, ends_s, ends_s + 10, *QUERIES)[0]
    assert isinstance(first.command, c.QueryOpenOrders)
    opened_s = next(
        each.at_s
        for each in found
        if isinstance(each.command, c.Notice) and each.command.code == "venue_open"
    )
    assert len(between(found, ends_s, opened_s, *QUERIES)) == 1
    assert between(found, opened_s, opened_s + 5, c.PlaceOrder)


def test_a_half_open_private_stream_is_noticed_by_what_it_owes():
    """By its pings alone it would have been noticed after half a minute, and executions came late all the while."""
    found = tried(Fault(kind=Kind.SILENCE_STREAM, at_s=10.0, for_s=30.0, stream="private"))
    rebuilt = between(found, 10.0, 60.0, c.RebuildStream)
    assert rebuilt
    assert rebuilt[0].at_s < 20.0


def test_without_the_check_only_its_pings_notice_it(monkeypatch):
    monkeypatch.setattr(trial, "RESILIENCE", Resilience())
    found = tried(Fault(kind=Kind.SILENCE_STREAM, at_s=10.0, for_s=30.0, stream="private"))
    assert not between(found, 0.0, 90.0, c.RebuildStream)


def test_an_outage_longer_than_the_countdown_leaves_clean_books(monkeypatch):
    short = msgspec.structs.replace(trial.RESILIENCE, dead_man_ns=3_000_000_000)
    monkeypatch.setattr(trial, "RESILIENCE", short)
    found = tried(Fault(kind=Kind.REFUSE_CONNECTION, at_s=10.0, for_s=8.0))
    codes = [each.command.code for each in found if isinstance(each.command, c.Notice)]
    assert "dead_man" in codes
    assert between(found, 19.0, 40.0, c.PlaceOrder)


def test_a_runner_that_is_killed_during_a_ban_takes_up_what_it_left():
    tried(Fault(kind=Kind.BANNED, at_s=10.0, delay_s=6.0), acts=((12.0, "kill"),))
