"""Live less simulated, split: one model after another gives way to what really was, and each step's money is a part.

The order is that of `STEPS`. What is left between two neighbouring simulations is the part of the step that lies
between them, so the parts are the whole by construction, and exactly, for they are summed in decimals.
"""

from __future__ import annotations

import dataclasses
import importlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Annotated, NamedTuple

from titan.backtest.session_told import STAMPS, Told, clock_offset_ns, read_told
from titan.backtest.study import MS, QUEUES
from titan.backtest.sweep.given_orders import Given, cut, given_orders
from titan.backtest.sweep.parameter_sets import ParameterSet
from titan.backtest.sweep.results import SetResult
from titan.backtest.sweep.run import sweep
from titan.backtest.sweep.stored_tape import stored_tape
from titan.backtest.sweep.tape import Tape
from titan.evaluation.pnl import ZERO, add_up
from titan.model.contract import Range
from titan.reports.errors import ReportError
from titan.reports.recording import Execution
from titan.reports.studies import Text
from titan.simulation.latency import LatencyModel, Stamps, fit_latency
from titan.store import tape as t
from titan.store.capture_tapes import tapes_of
from titan.strategy.adjustments import Parameters as Adjustments

STEPS = {
    "latency": "the session's own latencies in place of the assumed one",
    "missed events": "the market that the session saw in place of the recorded feed",
    "residual": "the orders that the session sent in place of the simulation's",
    "queue": "the executions that the venue told in place of the queue model's",
    "fees": "the fees that were charged in place of the assumed rate",
    "funding": "the funding that was paid in place of none",
}
BPS = Decimal(10_000)


ACTING = (
    "skew_at_full_bps",
    "toxic_spread",
    "toxic_size",
    "markout_weight",
    "volatility_spread",
    "volatility_size",
)
"""What of [quoting] changes quotes; the rest says when and how far."""


class ParityError(Exception):
    """Live and simulated are further apart than is tolerated."""

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows: the verdict, and not where in the code it was given."""
        return [f"{type(self).__name__}: {self}"]


class Asked(NamedTuple):
    """What a parity study is asked for."""

    session: Annotated[str, Text("the session's folder")] = ""
    captures: Annotated[
        str, Text("the feed that was recorded beside it; empty takes what the session saw")
    ] = ""
    stamps: Annotated[str, Text("whose clock orders the inputs", STAMPS)] = "venue"
    latency_ms: Annotated[float, Range(0.0, 10_000.0, "ms", "assumed to the exchange, and back")] = 2.0
    queue: Annotated[str, Text("assumed of cancellations", tuple(QUEUES))] = "risk_averse"
    maker_fee_bps: Annotated[str, Text("assumed; empty takes the rate that the venue told")] = ""
    least_delay_ms: Annotated[float, Range(0.0, 1_000.0, "ms", "what the quickest message took")] = 0.0
    tolerance_bps: Annotated[
        float, Range(0.0, 10_000.0, "bps", "most that live and simulated may differ, of what was traded")
    ] = 0.5


class Money(NamedTuple):
    """What a list of fills made at the closing mid, before fees, and how much it traded."""

    fills: int
    lots: int
    made: Decimal
    turnover: Decimal


class Difference(NamedTuple):
    """An order whose executions are not those of the queue model, and why."""

    client_id: str
    side: int
    price: Decimal
    told_lots: int
    simulated_lots: int
    cause: str


class Parity(NamedTuple):
    """What was found.

    Attributes
    ----------
    simulated, live : Decimal
        Of the backtest as it would have been run, and of the session, after everything.
    parts : dict of str to Decimal
        By the names of `STEPS`, in their order; their sum is `live` less `simulated`.
    money : dict of str to Money
        Of the fills that stood after each step, the assumed ones first.
    differences : tuple of Difference
        Orders whose executions differ from those of the queue model.
    matched : int
        Orders with executions, told and simulated alike.
    apart_ms : float
        Most by which the last executions of such an order lie apart.
    gap_bps : Decimal
        Live less simulated, of what was traded.
    legs_ms : tuple of float
        Mean latency of the session's messages, to the exchange and back.
    known : tuple of str
        What of the session no sweep has: some of the residual's causes.
    """

    session: str
    strategy: str
    currency: str
    simulated: Decimal
    live: Decimal
    parts: dict[str, Decimal]
    money: dict[str, Money]
    differences: tuple[Difference, ...]
    matched: int
    apart_ms: float
    gap_bps: Decimal
    legs_ms: tuple[float, float]
    known: tuple[str, ...]


def parity(asked: Asked) -> Parity:
    """Simulate a session step by step towards what it was.

    Raises
    ------
    ReportError
        If the session or the feed cannot be compared; the message says why.
    """
    if not asked.session:
        raise ReportError("parameter session is empty: name the folder of a session")
    return parity_of(read_told(Path(asked.session).expanduser(), asked.stamps), asked)


def parity_of(told: Told, asked: Asked) -> Parity:
    """The same for a session that has been read; `asked` says where the feed is, and what is assumed.

    Raises
    ------
    ReportError
        If the feed cannot be compared with it.
    """
    interval_ns = told.result.recording.config.timing.quote_interval_ns
    fee = _assumed_fee(asked.maker_fee_bps, told)
    least_ns = round(asked.least_delay_ms * MS)
    seen = _tape(told.market, asked, least_ns)
    recorded = _recorded(told, asked, least_ns) if asked.captures else seen
    spans = [cut(tape, told.first_ns - interval_ns, told.last_ns) for tape in (recorded, seen)]
    assumed = round(asked.latency_ms * MS)
    entry, response = measured_legs(told.trips)

    def simulate(tape: Tape, entry: int | LatencyModel, response: int | LatencyModel) -> SetResult:
        one = dataclasses.replace(
            set_of(told), entry=entry, response=response, queue=QUEUES[asked.queue], maker_fee=fee
        )
        return sweep(tape, [one], interval_ms=interval_ns // MS).sets[0]

    given = given_orders(seen, told.words, QUEUES[asked.queue])
    executions = told.result.recording.executions
    money = {
        "as simulated": _of_set(simulate(spans[0], assumed, assumed), told),
        "latency": _of_set(simulate(spans[0], entry, response), told),
        "missed events": _of_set(simulate(spans[1], entry, response), told),
        "residual": _of_orders(given, executions, told),
        "queue": _of_executions(executions, told),
    }
    return _split(told, money, fee, given, asked.stamps)


def measured_legs(trips: Sequence[Stamps]) -> tuple[int | LatencyModel, int | LatencyModel]:
    """Models of the way to the exchange and back, from a session's requests and answers; 0 without three of them."""
    if len(trips) < 3:
        return 0, 0
    entry, response = zip(*_legs(trips), strict=True)
    if not any(entry) and not any(response):
        return 0, 0
    return fit_latency(entry), fit_latency(response)


def measured_ms(trips: Sequence[Stamps]) -> tuple[float, float]:
    """Mean latency to the exchange and back, ms."""
    if not trips:
        return 0.0, 0.0
    entry, response = zip(*_legs(trips), strict=True)
    return sum(entry) / len(entry) / MS, sum(response) / len(response) / MS


def _legs(trips: Sequence[Stamps]) -> list[tuple[int, int]]:
    """Both legs of each message; stamps in whole milliseconds leave one of a short one below 0, which counts as 0."""
    offset_ns = clock_offset_ns(list(trips))
    return [
        (
            max(trip.exchange_ns + offset_ns - trip.sent_ns, 0),
            max(trip.received_ns - trip.exchange_ns - offset_ns, 0),
        )
        for trip in trips
    ]


def _assumed_fee(text: str, told: Told) -> Decimal:
    if not text:
        return told.maker_fee
    try:
        return Decimal(text) / BPS
    except ArithmeticError:
        raise ReportError(f"parameter maker_fee_bps = {text!r} is no number") from None


def _tape(stored: t.Tape, asked: Asked, least_ns: int) -> Tape:
    return stored_tape(stored, least_ns, delayed=asked.stamps == "venue")


def _recorded(told: Told, asked: Asked, least_ns: int) -> Tape:
    """The feed that was recorded beside the session."""
    paths = [Path(name.strip()).expanduser() for name in asked.captures.split(",") if name.strip()]
    for path in paths:
        if not path.is_file():
            raise ReportError(f"parameter captures: {path} is no file")
    tapes = tapes_of(paths)
    if told.terms.symbol not in tapes:
        raise ReportError(f"parameter captures: they hold {', '.join(tapes)}, and no {told.terms.symbol}")
    stored = tapes[told.terms.symbol]
    if not stored.instrument.same_grid(told.terms):
        raise ReportError(
            f"parameter captures: {told.terms.symbol} counts in other ticks or lots there than in the session; "
            "record with 'titan record', which writes the terms"
        )
    if asked.stamps == "receipt":
        stored = t.Tape(
            stored.instrument, stored.columns._replace(time_ns=stored.received_ns()), stored.marks
        )
    return _tape(stored, asked, least_ns)


def set_of(told: Told) -> ParameterSet:
    """The session's strategy with its parameters."""
    config = told.strategy
    names = importlib.import_module(config.code).Parameters._fields
    return ParameterSet(
        config.name,
        config.code,
        dict(zip(names, config.parameters, strict=True)),
        minimum_edge_bps=config.minimum_edge_bps,
        requote_ticks=config.requote_ticks,
    )


# ---- Money -----------------------------------------------------------------------------------------------


def _closing(told: Told) -> Decimal:
    """The mid at which the session's own P&L ends."""
    mids = told.result.recording.markets[told.strategy.key].mids
    if not mids:
        raise ReportError(f"{told.result.session} holds no mid after its account was opened")
    return mids[-1][1]


def _sum(rows: Sequence[tuple[int, Decimal, Decimal]], lots: int, closing: Decimal) -> Money:
    """Of (side, quantity, price)."""
    return Money(
        len(rows),
        lots,
        add_up([side * quantity * (closing - price) for side, quantity, price in rows]),
        add_up([quantity * price for _, quantity, price in rows]),
    )


def _of_set(found: SetResult, told: Told) -> Money:
    unit = told.terms.lot_size * told.terms.multiplier
    rows = [
        (int(row["side"]), int(row["lots"]) * unit, told.terms.price(int(row["price"])))
        for row in found.fills
    ]
    return _sum(rows, int(found.fills["lots"].sum()), _closing(told))


def _of_orders(given: Given, executions: Sequence[Execution], told: Told) -> Money:
    """The session's orders by the queue model; what took or was not its strategy's is as it was."""
    unit = told.terms.lot_size * told.terms.multiplier
    rows = [(fill.side, fill.lots * unit, told.terms.price(fill.price)) for fill in given.fills]
    rows += [(row.side, row.quantity, row.price) for row in executions if not row.maker]
    return _sum(rows, int(sum(quantity for _, quantity, _ in rows) / unit), _closing(told))


def _of_executions(executions: Sequence[Execution], told: Told) -> Money:
    unit = told.terms.lot_size * told.terms.multiplier
    rows = [(row.side, row.quantity, row.price) for row in executions]
    return _sum(rows, int(sum(row.quantity for row in executions) / unit), _closing(told))


def _split(told: Told, money: dict[str, Money], fee: Decimal, given: Given, stamps: str) -> Parity:
    """The parts between neighbouring steps, and the session's own result as their end."""
    lines = [line for line in told.result.lines if line.asset == told.terms.settle]
    charged = add_up([line.parts.fees for line in lines])
    funding = add_up([line.parts.funding for line in lines])
    live = add_up([line.parts.total for line in lines])
    # What an opening position earned is the session's and the simulation's alike.
    carried = live - (money["queue"].made - charged + funding)
    states = [each.made - fee * each.turnover for each in money.values()]
    amounts = [later - before for before, later in pairwise(states)]
    amounts += [fee * money["queue"].turnover - charged, funding]
    simulated = states[0] + carried
    parts = dict(zip(STEPS, amounts, strict=True))
    if simulated + add_up(list(parts.values())) != live:
        raise ReportError("the parts do not add up to the whole: a defect of this study, report it")
    turnover = max(money["queue"].turnover, money["as simulated"].turnover)
    gap_bps = (live - simulated) / turnover * BPS if turnover else ZERO
    differences, matched, apart_ms = compare(told, given, stamps)
    return Parity(
        told.result.session,
        told.strategy.name,
        told.terms.settle,
        simulated,
        live,
        parts,
        money,
        differences,
        matched,
        apart_ms,
        gap_bps,
        measured_ms(told.trips),
        not_swept(told),
    )


def not_swept(told: Told) -> tuple[str, ...]:
    """What of the session no sweep has, in words."""
    config, recording = told.result.recording.config, told.result.recording
    found = []
    if any(getattr(config.quoting, name) != getattr(Adjustments(), name) for name in ACTING):
        found.append("its quotes were adjusted as [quoting] says")
    if config.size_share != 1.0:
        found.append(f"its quotes were sent at {config.size_share:g} of their size")
    if config.venue(told.strategy.venue).use_amend:
        found.append("it amended orders, where a sweep cancels one and places its successor at the next look")
    taken = sum(not row.maker for row in recording.executions)
    if taken:
        found.append(f"{taken} executions took, where a sweep's orders only rest")
    told_of = Counter(
        remark.code
        for remark in recording.remarks
        if remark.code.startswith(("denied_", "refused_", "risk_", "parameters_in_doubt"))
    )
    found += [f"{count} x {code}" for code, count in told_of.most_common(5)]
    return tuple(found)


def compare(told: Told, given: Given, stamps: str) -> tuple[tuple[Difference, ...], int, float]:
    """Orders whose resting executions are not those of the queue model, with the cause; how many are alike; and by
    how much their last executions lie apart at most, ms.

    Alike are the same lots at the same prices.
    """
    unit = told.terms.lot_size * told.terms.multiplier
    sides: dict[str, int] = {}
    told_of: dict[str, Counter[Decimal]] = defaultdict(Counter)
    simulated_of: dict[str, Counter[Decimal]] = defaultdict(Counter)
    told_ns: dict[str, int] = {}
    simulated_ns: dict[str, int] = {}
    for row in told.result.recording.executions:
        if row.maker:
            sides[row.client_id] = row.side
            told_of[row.client_id][row.price] += int(row.quantity / unit)
            told_ns[row.client_id] = row.time_ns if stamps == "receipt" else row.venue_ns
    for fill in given.fills:
        sides.setdefault(fill.client_id, fill.side)
        simulated_of[fill.client_id][told.terms.price(fill.price)] += fill.lots
        simulated_ns[fill.client_id] = fill.time_ns // told.grain_ns * told.grain_ns
    found, apart_ns = [], [0]
    for name, side in sides.items():
        if told_of[name] == simulated_of[name]:
            apart_ns.append(abs(told_ns[name] - simulated_ns[name]))
            continue
        lots = told_of[name].total(), simulated_of[name].total()
        price = next(iter(told_of[name] or simulated_of[name]))
        found.append(Difference(name, side, price, *lots, _cause(name, *lots, given)))
    return tuple(found), len(apart_ns) - 1, max(apart_ns) / MS


def _cause(name: str, told_lots: int, simulated_lots: int, given: Given) -> str:
    if name in given.refused:
        return "the other side stood at its price when it came: the two clocks order events otherwise"
    if simulated_lots == told_lots:
        return "it was amended, and filled at another of its prices: the two clocks order events otherwise"
    if simulated_lots > told_lots:
        return "the queue model lets it come first too soon"
    ahead = given.ahead.get(name, 0.0)
    if ahead > 0:
        return f"the queue model leaves {ahead:.0f} lots before it"
    return "it was reached after the exchange had ended it: stamps are of whole milliseconds"


def require(found: Parity, asked: Asked) -> None:
    """Nothing, if live and simulated are near enough.

    Raises
    ------
    ParityError
        If they are not; the message names the largest part.
    """
    if abs(found.gap_bps) <= Decimal(str(asked.tolerance_bps)):
        return
    largest = max(found.parts, key=lambda name: abs(found.parts[name]))
    raise ParityError(
        f"{found.session}: live less simulated is {found.live - found.simulated:.4f} {found.currency}, "
        f"{found.gap_bps:.3f} bps of what was traded, where {asked.tolerance_bps:g} are tolerated; most of it is "
        f"{largest} ({found.parts[largest]:+.4f}): {STEPS[largest]}"
    )
