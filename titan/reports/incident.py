"""A slice of a session: what the market showed, what was decided, and what was answered, in order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from titan.engine.book import Book
from titan.engine.client_ids import account_prefix
from titan.engine.configuration import KernelConfig
from titan.model import events as e
from titan.model.commands import AmendOrder, AnyCommand, CancelOrder, EndSession, Notice, PlaceOrder
from titan.model.instruments import Instrument, InstrumentKey
from titan.reports.incident_window import Window
from titan.reports.limit_usage import Usage
from titan.reports.order_lives import OrderLife, OrderLives
from titan.store.journal import SessionReader
from titan.store.replay import session_events

LEVELS = 5


class Levels(NamedTuple):
    """A book at one moment: its best levels (ticks, lots), and whether the engine could quote from it."""

    bids: tuple[tuple[int, int], ...]
    asks: tuple[tuple[int, int], ...]
    state: str


class Stand(NamedTuple):
    """An order at one price, from one moment to the next; ns, ticks."""

    client_id: str
    side: int
    price: int
    from_ns: int
    until_ns: int


class Told(NamedTuple):
    """Something said or decided: when, on which input, and the record itself."""

    time_ns: int
    seq: int
    what: Any


@dataclass
class Slice:
    """A part of a session; records in order, times on the session's clock."""

    window: Window
    session: str
    config: KernelConfig
    lives: OrderLives
    terms: dict[InstrumentKey, Instrument] = field(default_factory=dict)
    before: dict[InstrumentKey, Levels] = field(default_factory=dict)
    after: dict[InstrumentKey, Levels] = field(default_factory=dict)
    touch: dict[InstrumentKey, list[tuple[int, int, int]]] = field(default_factory=lambda: defaultdict(list))
    """Best bid and ask, ticks, at every change of one."""
    prints: dict[InstrumentKey, list[e.TradePrint]] = field(default_factory=lambda: defaultdict(list))
    stands: list[Stand] = field(default_factory=list)
    prices: dict[str, int] = field(default_factory=dict)
    """The last price of each order, ticks."""
    decisions: list[Told] = field(default_factory=list)
    verdicts: list[Told] = field(default_factory=list)
    """Notices of the engine, answers of the venue, and what people asked."""
    fills: list[Told] = field(default_factory=list)
    inputs: int = 0
    last_seq: int = 0
    """The last input of the slice."""

    @property
    def orders(self) -> list[OrderLife]:
        """Every order that stood in the slice, or was sent or answered in it."""
        begin = self.window.begin_ns
        told = {
            getattr(each.what, "client_id", "") for each in (*self.decisions, *self.verdicts, *self.fills)
        }
        return [
            life
            for life in self.lives.lives.values()
            if life.client_id in told or not life.ended_ns or life.ended_ns >= begin
        ]


VERDICTS = (
    e.CommandOutcome, e.OrderAbsent, e.StreamState, e.BadFrame, e.OperatorAction, e.SettingsReloaded, e.KillSwitch,
    e.VenueShut, e.StorageFailed, e.StopRequested, e.QueryFailed, e.TopsLeftOut,
)  # fmt: skip


def read_slice(window: Window) -> Slice:
    """Read a part of a session; orders that stood before are known from its beginning."""
    reader = SessionReader(window.directory)
    config = msgspec.msgpack.decode(reader.header.config, type=KernelConfig)
    commands: dict[int, list[AnyCommand]] = defaultdict(list)
    for seq, _, command in reader.commands():
        commands[seq].append(command)
    prefixes = {venue.name: account_prefix(venue.account) for venue in config.venues}
    cut = Slice(window, reader.header.session, config, OrderLives(prefixes, config.strategy_names))
    cutter = _Cutter(cut)
    for seq, event in session_events(reader, config):
        if max(event.time_ns, cutter.now_ns) > window.end_ns:
            break
        cutter.take(seq, event, commands.get(seq, ()))
    cutter.finish()
    return cut


class _Cutter:
    """Takes a session's inputs in order, and keeps those of the slice."""

    def __init__(self, cut: Slice) -> None:
        self.cut = cut
        self.now_ns = 0
        self._books = {key: Book(key.venue, key.symbol) for key in cut.config.keys}
        self._usage = Usage(cut.config.limits)
        self._standing: dict[str, tuple[int, int, int]] = {}  # client id: side, price, since ns
        self._seen: set[tuple[str, str, str]] = set()

    def take(self, seq: int, event: Any, commands: Sequence[AnyCommand]) -> None:
        """One input, and what was decided on it."""
        cut = self.cut
        self.now_ns = max(self.now_ns, event.time_ns)
        inside = self.now_ns >= cut.window.begin_ns
        if inside and not cut.before:
            cut.before = self._levels()
        cut.last_seq = seq
        cut.inputs += inside
        self._market(event, inside=inside)
        cut.lives.event(event, self.now_ns)
        self._account(event, seq, inside=inside)
        for command in commands:
            cut.lives.command(command, self.now_ns, self._usage)
            self._command(command, seq, inside=inside)
        self._end_stands()

    def finish(self) -> None:
        """Orders that still stand do so until the slice's end."""
        self.cut.after = self._levels()
        for client_id in list(self._standing):
            self._end_stand(client_id, self.cut.window.end_ns)

    def _levels(self) -> dict[InstrumentKey, Levels]:
        return {
            key: Levels(tuple(book.levels(1, LEVELS)), tuple(book.levels(-1, LEVELS)), book.state)
            for key, book in self._books.items()
        }

    def _market(self, event: Any, *, inside: bool) -> None:
        cut = self.cut
        if isinstance(event, e.InstrumentUpdate):
            cut.terms[event.instrument.key] = event.instrument
        elif isinstance(event, e.BadFrame) or (isinstance(event, e.StreamState) and event.stream == "market"):
            symbol = event.symbol if isinstance(event, e.BadFrame) else ""
            for key, book in self._books.items():
                if key.venue == event.venue and symbol in {"", key.symbol}:
                    book.reset(event.reason)
        if not isinstance(event, e.VenueEvent) or event.key not in self._books:
            return
        book = self._books[event.key]
        if isinstance(event, e.BookSnapshot | e.BookDelta):
            book.apply(event)
        elif isinstance(event, e.TopOfBook):
            book.note_top(event)
        elif isinstance(event, e.TopsLeftOut):
            book.skip_tops()
        elif isinstance(event, e.TradePrint) and inside:
            cut.prints[event.key].append(event)
        touch = (book.best_bid, book.best_ask)
        path = cut.touch[event.key]
        if inside and all(touch) and (not path or path[-1][1:] != touch):
            path.append((self.now_ns, *touch))

    def _account(self, event: Any, seq: int, *, inside: bool) -> None:
        fills = (event,) if isinstance(event, e.Fill) else getattr(event, "fills", ())
        for fill in fills:
            name = (fill.venue, fill.symbol, fill.trade_id)
            if inside and name not in self._seen:
                self.cut.fills.append(Told(self.now_ns, seq, fill))
            self._seen.add(name)
        refused = isinstance(event, e.OrderUpdate) and event.state in {"rejected", "expired"}
        if inside and (refused or isinstance(event, VERDICTS)):
            self.cut.verdicts.append(Told(self.now_ns, seq, event))

    def _command(self, command: AnyCommand, seq: int, *, inside: bool) -> None:
        cut = self.cut
        if isinstance(command, PlaceOrder | AmendOrder):
            self._end_stand(command.client_id, self.now_ns)
            self._standing[command.client_id] = (command.side, command.price, self.now_ns)
            cut.prices[command.client_id] = command.price
        if not inside:
            return
        if isinstance(command, PlaceOrder | AmendOrder | CancelOrder):
            cut.decisions.append(Told(self.now_ns, seq, command))
        elif isinstance(command, Notice | EndSession):
            cut.verdicts.append(Told(self.now_ns, seq, command))

    def _end_stands(self) -> None:
        for client_id in list(self._standing):
            if self.cut.lives.lives[client_id].end:
                self._end_stand(client_id, self.now_ns)

    def _end_stand(self, client_id: str, until_ns: int) -> None:
        if client_id not in self._standing:
            return
        side, price, since_ns = self._standing.pop(client_id)
        if until_ns >= self.cut.window.begin_ns:
            begin_ns = max(since_ns, self.cut.window.begin_ns)
            self.cut.stands.append(Stand(client_id, side, price, begin_ns, until_ns))
