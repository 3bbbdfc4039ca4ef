"""From a sweep's own decisions to the kernel's, one rule at a time: what each rule moves.

The walk begins with a sweep as it is and ends with a session in lock-step that neither amends nor adjusts its quotes.
Where both send the same requests and have the same fills, nothing of the difference is left without a name.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from titan.backtest.parity import set_of
from titan.backtest.session_looks import Looked, read_looks
from titan.backtest.session_told import Told
from titan.backtest.study import MS
from titan.backtest.sweep.given_looks import GivenLooks
from titan.backtest.sweep.given_orders import OrderFill, cut, given_orders
from titan.backtest.sweep.results import SetResult
from titan.backtest.sweep.run import sweep
from titan.backtest.sweep.stored_tape import stored_tape
from titan.backtest.sweep.tape import Tape
from titan.evaluation.pnl import add_up
from titan.simulation.queue_position import QueueModel

OWN = "a sweep's own: it looks at whole intervals"
LOOKS = "it looks when the kernel looks"
REACHES = "what a timer leads to reaches the exchange after the market's message of that moment"
DENIES = "none that the gatekeeper takes for a duplicate, or that would trade with one of ours"
KERNEL = "the kernel in its place"
LEARNT_NS = 1
"""What happens at an input is known at the next one."""


class State(NamedTuple):
    """What came of one set of rules, before the next one changes.

    Attributes
    ----------
    pnl : Decimal
        After fees, at the tape's last mid.
    exact : bool
        Whether the components of the P&L add up to it, summed on its own.
    """

    rules: str
    lots: int
    fills: int
    requests: int
    pnl: Decimal
    exact: bool


class Alike(NamedTuple):
    """How many of the sweep's and the kernel's are the same, by time, side, price and lots, of how many of either."""

    same: int
    sweep: int
    kernel: int


class Walk(NamedTuple):
    """The states on the way, and what the last two have in common."""

    states: tuple[State, ...]
    requests: Alike
    fills: Alike


def walk(told: Told, queue: QueueModel) -> Walk:
    """Go from a sweep's own decisions to those of a session.

    Parameters
    ----------
    told : Told
        The session by receipt: in lock-step, without amendments, with [quoting] that changes nothing.

    Raises
    ------
    ReportError
        If the session does not replay as it was.
    """
    looked, tape = read_looks(told), _tape(told)
    at_once = [look._replace(reaches_ns=look.time_ns) for look in looked.looks]
    one = dataclasses.replace(
        set_of(told), entry=0, response=LEARNT_NS, queue=queue, maker_fee=told.maker_fee
    )
    states = [_whole_intervals(told, tape, queue)]
    limits = told.result.recording.config.limits
    ways = ((LOOKS, at_once, None), (REACHES, looked.looks, None), (DENIES, looked.looks, limits))
    for rules, looks, denied_by in ways:
        given = GivenLooks(tape, one, looks, limits=denied_by)
        found = given.run()
        states.append(_of_set(rules, found))
    fills = given_orders(tape, told.words, queue).fills
    states.append(_of_session(KERNEL, told, looked, fills))
    return Walk(
        tuple(states),
        _alike(given.sent, looked.sent),
        _alike(
            [tuple(map(int, row)) for row in found.fills[["time_ns", "side", "price", "lots"]].tolist()],
            [(fill.time_ns, fill.side, fill.price, fill.lots) for fill in fills],
        ),
    )


def state_of(rules: str, told: Told, queue: QueueModel) -> State:
    """A session as it was, by receipt; what its orders filled is counted by the sweep's queue."""
    fills = given_orders(_tape(told), told.words, queue).fills
    return _of_session(rules, told, read_looks(told), fills)


def _tape(told: Told) -> Tape:
    tape = stored_tape(told.market, delayed=False)
    return cut(tape, tape.start_ns, told.last_ns)


def _whole_intervals(told: Told, tape: Tape, queue: QueueModel) -> State:
    interval_ns = told.result.recording.config.timing.quote_interval_ns
    one = dataclasses.replace(set_of(told), queue=queue, maker_fee=told.maker_fee)
    span = cut(tape, told.first_ns - interval_ns, told.last_ns)
    return _of_set(OWN, sweep(span, [one], interval_ms=interval_ns // MS).sets[0])


def _of_set(rules: str, found: SetResult) -> State:
    pnl, counts = found.pnl, found.counts
    return State(
        rules,
        int(found.fills["lots"].sum()),
        len(found.fills),
        counts.placed + counts.cancels,
        pnl.total,
        pnl.spread + pnl.inventory - pnl.fees == pnl.total,
    )


def _of_session(rules: str, told: Told, looked: Looked, fills: Sequence[OrderFill]) -> State:
    result = told.result
    return State(
        rules,
        sum(fill.lots for fill in fills),
        len(fills),
        len(looked.sent),
        add_up([line.parts.total for line in result.lines]),
        not result.failed and all(proof.difference == 0 for proof in result.proofs),
    )


def _alike(ours: Sequence[tuple[object, ...]], theirs: Sequence[tuple[object, ...]]) -> Alike:
    same = Counter(map(tuple, ours)) & Counter(map(tuple, theirs))
    return Alike(same.total(), len(ours), len(theirs))
