"""From a fill back to why it happened: its order, the decision at its price, the parameters, code and data."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from titan.engine.configuration import KernelConfig, StrategyConfig
from titan.engine.strategies import StrategyError, load_strategy
from titan.model import events as e
from titan.model.commands import AmendOrder, CancelOrder, Decision, OperatorAnswer, PlaceOrder
from titan.model.contract import parameter_ranges
from titan.model.instruments import Instrument, InstrumentKey
from titan.model.orders import Lifetime
from titan.reports.errors import ReportError
from titan.store.artefacts import Artefact, ArtefactError
from titan.store.framing import JournalError
from titan.store.journal import Header, SessionReader
from titan.store.replay import session_events

EXPLAINED = {
    "fair_value": "fair value",
    "inventory": "inventory of the strategy",
    "reservation": "reservation price",
    "skew_bps": "added for the inventory, bps",
    "edge_bps": "kept for the takers' gain, bps",
    "toxicity_rank": "toxicity, its rank of 1",
    "markout_bps": "takers' gain measured, bps",
    "volatility_ratio": "volatility to the usual",
    "inventory_share": "share of the inventory's limit",
    "regime_spread": "regime: times the spread",
    "regime_size": "regime: times the size",
    "spread_multiplier": "risk level: times the spread",
    "size_multiplier": "risk level: times the size",
    "wanted": "price wanted",
    "rounded": "price on the grid, off the touch",
}
"""Every step of a `Decision`, in the order in which it was taken, and what it says."""


class Happening(NamedTuple):
    """One thing that happened to an order: when it was known, in which input, and what."""

    time_ns: int
    seq: int
    text: str


class Trace(NamedTuple):
    """A fill and what led to it; `decision` is None where the order was not ours to explain, such as an exit."""

    fill: e.Fill
    terms: Instrument
    seq: int
    happenings: tuple[Happening, ...]
    decision: Decision | None
    decided_seq: int
    strategy: StrategyConfig | None
    header: Header
    directory: Path


def find_fill(directories: list[Path], name: str) -> Trace:
    """Look for a fill by the venue's trade id, or for the last one of an order by its client id.

    Parameters
    ----------
    directories : list of Path
        Of sessions, the likeliest first; one that cannot be read is passed over, unless it is the only one.

    Raises
    ------
    ReportError
        If none of them holds it.
    JournalError
        If the only session cannot be read.
    """
    for directory in directories:
        try:
            found = trace_fill(directory, name)
        except JournalError:
            if len(directories) == 1:
                raise
            continue
        if found is not None:
            return found
    where = directories[0].name if len(directories) == 1 else f"{len(directories)} sessions"
    raise ReportError(
        f"fill {name}: not in {where}; give the venue's trade id or the order's client id, as the report lists them"
    )


def trace_fill(directory: Path, name: str) -> Trace | None:
    """The fill of that trade id, or the last one of that client id, in one session; None if it is not there."""
    reader = SessionReader(directory)
    config = msgspec.msgpack.decode(reader.header.config, type=KernelConfig)
    terms: dict[InstrumentKey, Instrument] = {}
    found: tuple[int, e.Fill, Instrument] | None = None
    for seq, event in session_events(reader, config):
        if isinstance(event, e.InstrumentUpdate):
            terms[event.instrument.key] = event.instrument
        for fill in _fills(event):
            if name == fill.trade_id or (name == fill.client_id and not _same(found, fill)):
                known = terms.get(InstrumentKey(fill.venue, fill.symbol))
                if known is None:
                    raise ReportError(
                        f"fill {name}: the journal states no terms of {fill.venue}:{fill.symbol}"
                    )
                found = (seq, fill, known) if found is None or name == fill.client_id else found
    return None if found is None else _traced(reader, config, *found)


def _same(found: tuple[int, e.Fill, Instrument] | None, fill: e.Fill) -> bool:
    return found is not None and found[1].trade_id == fill.trade_id


def _fills(event: Any) -> tuple[e.Fill, ...]:
    if isinstance(event, e.Fill):
        return (event,)
    return event.fills if isinstance(event, e.FillsQueried) else ()


def _traced(reader: SessionReader, config: KernelConfig, seq: int, fill: e.Fill, terms: Instrument) -> Trace:
    happenings: list[Happening] = []
    times: dict[int, int] = {}
    reloads: list[tuple[int, e.SettingsReloaded]] = []
    booked: set[str] = set()  # an execution is told by the stream, and again by whoever asks
    for at, event in session_events(reader, config):
        times[at] = event.time_ns
        if isinstance(event, e.SettingsReloaded):
            reloads.append((at, event))
        told = [text for text in _told(event, fill, terms) if text not in booked]
        booked.update(text for text in told if text.startswith("filled"))
        happenings += [Happening(event.time_ns, at, text) for text in told]
    decided: tuple[int, PlaceOrder | AmendOrder] | None = None
    strategy = ""
    taken_up: set[str] = set()
    for at, _, command in reader.commands():
        if isinstance(command, OperatorAnswer) and command.done:
            taken_up.add(command.request)
        if getattr(command, "client_id", "") != fill.client_id:
            continue
        if isinstance(command, PlaceOrder | AmendOrder | CancelOrder):
            happenings.append(Happening(times[at], at, _asked(command, terms)))
        if isinstance(command, PlaceOrder):
            strategy = command.strategy
        if isinstance(command, PlaceOrder | AmendOrder) and at < seq:
            at_price = command.price == fill.price
            if decided is None or at_price or decided[1].price != fill.price:
                decided = at, command
    for at, reload in reloads:
        if decided and at < decided[0] and reload.request in taken_up:
            config = msgspec.msgpack.decode(reload.config, type=KernelConfig)
    key = InstrumentKey(fill.venue, fill.symbol)
    named = (each for each in config.strategies if each.name == strategy and key in each.keys)
    return Trace(
        fill=fill,
        terms=terms,
        seq=seq,
        happenings=tuple(sorted(happenings, key=lambda each: each.seq)),
        decision=decided[1].decision if decided else None,
        decided_seq=decided[0] if decided else 0,
        strategy=next(named, None),
        header=reader.header,
        directory=reader.directory,
    )


def _told(event: Any, fill: e.Fill, terms: Instrument) -> Iterator[str]:
    """What an input says of the fill's order."""
    for execution in _fills(event):
        if execution.client_id == fill.client_id:
            how = "maker" if execution.maker else "taker"
            price = execution.price_in(terms)
            yield f"filled {terms.size_text(execution.size)} at {price} as {how}, trade {execution.trade_id}"
    if getattr(event, "client_id", "") != fill.client_id:
        return
    if isinstance(event, e.OrderUpdate):
        told = f"the venue says {event.state}, {terms.size_text(event.filled)} of {terms.size_text(event.size)} filled"
        yield told + (f" ({event.reason})" if event.reason else "")
    elif isinstance(event, e.CommandOutcome):
        yield f"{event.action} ended {event.outcome}: {event.code} {event.message}".rstrip()
    elif isinstance(event, e.OrderAbsent):
        yield "the venue does not know the order"


def _asked(command: PlaceOrder | AmendOrder | CancelOrder, terms: Instrument) -> str:
    if isinstance(command, CancelOrder):
        return "decided to cancel"
    what = f"{terms.size_text(command.size)} at {terms.price_text(command.price)}"
    if isinstance(command, AmendOrder):
        return f"decided to amend to {what}"
    kind = "reduce only, " if command.reduce_only else ""
    side = "buy" if command.side > 0 else "sell"
    return f"decided to {side} {what}, {kind}{Lifetime(command.lifetime).value.replace('_', ' ')}"


def parameters_of(strategy: StrategyConfig) -> dict[str, bool | int | float]:
    """A strategy's parameters by name; by number where its code can no longer be loaded or has others."""
    try:
        names = list(parameter_ranges(load_strategy(strategy.code).Parameters))
    except StrategyError:
        names = []
    if len(names) != len(strategy.parameters):
        names = [f"parameter {at}" for at in range(1, len(strategy.parameters) + 1)]
    return dict(zip(names, strategy.parameters, strict=True))


def steps(decision: Decision) -> dict[str, float]:
    """The decision's steps that are known, by what they say."""
    values = ((text, getattr(decision, name)) for name, text in EXPLAINED.items())
    return {text: value for text, value in values if value is not None}


def lines(trace: Trace, artefact: Artefact | ArtefactError | None = None) -> Iterator[str]:
    """The trace for people, from the fill back to the data; of an artefact to the data that it was made of."""
    fill, terms = trace.fill, trace.terms
    side, how = ("bought" if fill.side > 0 else "sold"), ("maker" if fill.maker else "taker")
    yield f"fill {fill.trade_id}: {side} {terms.size_text(fill.size)} at {fill.price_in(terms)} as {how} on {terms.key}"
    charged = "a rebate of" if fill.fee < 0 else "a fee of"
    yield f"  {_clock(fill.time_ns)}  input {trace.seq}, {charged} {abs(fill.fee)} {fill.fee_asset}"
    yield f"order {fill.client_id}"
    for each in trace.happenings:
        yield f"  {_clock(each.time_ns)}  input {each.seq}: {each.text}"
    if trace.decision is None:
        yield "decision: none of a strategy; the order leaves a position, or was placed before this session"
    else:
        yield f"decision at input {trace.decided_seq}, prices in {terms.quote}"
        for text, value in steps(trace.decision).items():
            yield f"  {text:32} {value:.10g}"
    if trace.strategy is not None:
        named = trace.decision.artefact if trace.decision else None
        found = f"artefact {named}" if named else "from the settings alone"
        yield f"parameters of {trace.strategy.name}, {trace.strategy.code}, {found}"
        for name, value in parameters_of(trace.strategy).items():
            yield f"  {name:32} {value:.10g}"
    if artefact is not None:
        yield from _made_of(artefact)
    header = trace.header
    code = (
        header.source_hashes.get(trace.strategy.code, "not in the header")
        if trace.strategy
        else "of the engine"
    )
    yield f"code: commit {header.commit}, locks {header.lock_hash}, strategy's source {code}"
    yield f"data: inputs up to {trace.decided_seq or trace.seq} of {trace.directory}"


def _made_of(artefact: Artefact | ArtefactError) -> Iterator[str]:
    """The study behind an artefact, what it found, and the recordings that it found it in."""
    if isinstance(artefact, ArtefactError):
        yield f"study: not known, for {artefact}"
        return
    doubt = f", in doubt: {artefact.doubt}" if artefact.doubt else ""
    yield f"study: {artefact.study}, commit {artefact.commit}{doubt}"
    for value in artefact.values:
        yield f"  {value.name:32} {value.value:.10g}, 95% from {value.low:.4g} to {value.high:.4g} {value.unit}"
    for source in artefact.data:
        yield f"  recorded in {source.file}, sha256 {source.sha256}, {source.events} events"
        yield f"    from {_clock(source.from_ns)} to {_clock(source.to_ns)}"


def _clock(time_ns: int) -> str:
    seconds, rest = divmod(time_ns, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}.{rest // 1_000:06d}Z"


def as_builtins(trace: Trace, artefact: Artefact | ArtefactError | None = None) -> dict[str, Any]:
    """The trace for programs; `study` is null where no artefact was used, or its file cannot be read."""
    return {
        "fill": msgspec.to_builtins(trace.fill),
        "input": trace.seq,
        "happenings": [each._asdict() for each in trace.happenings],
        "decision": None if trace.decision is None else steps(trace.decision),
        "artefact": None if trace.decision is None else trace.decision.artefact,
        "study": msgspec.to_builtins(artefact) if isinstance(artefact, Artefact) else None,
        "decided_at_input": trace.decided_seq,
        "strategy": None if trace.strategy is None else trace.strategy.name,
        "code": None if trace.strategy is None else trace.strategy.code,
        "parameters": {} if trace.strategy is None else parameters_of(trace.strategy),
        "commit": trace.header.commit,
        "session": trace.header.session,
    }
