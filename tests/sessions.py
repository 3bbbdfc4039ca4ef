"""Whole sessions for tests: the kernel and the loopback exchange in one process, journalled as a real one.

No sockets are used. Seeded and in virtual time, so two calls with the same arguments give the same session.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from titan.engine.configuration import KernelConfig
from titan.engine.kernel import Kernel
from titan.live.configure import kernel_config, strategy_modules
from titan.live.session import Session
from titan.loopback import rest
from titan.loopback.call import Call
from titan.loopback.errors import VenueError
from titan.loopback.main import LOCKSTEP, MAKER_PROGRAMME, ExchangeOptions, build_desk
from titan.loopback.params import Params
from titan.loopback.signatures import DEFAULT_CREDENTIALS
from titan.matching.terms import ExchangeSettings
from titan.model import commands as c
from titan.model import events as e
from titan.model.clock import SetClock
from titan.settings import load
from titan.store.framing import COMMIT, FILE_HEADER_BYTES, JOURNAL, frame
from titan.store.journal import Header, SessionReader
from titan.store.session import new_session_id
from titan.store.writer import SessionWriter
from titan.strategy.adjustments import Parameters as Adjustments
from titan.strategy.avellaneda_stoikov import Parameters
from titan.wire import binance_usdm as wire
from titan.wire.binance_setup import account_setup_from_rest
from titan.wire.frames import FrameDecoder

REPOSITORY = Path(__file__).resolve().parents[1]
VENUE = "loopback"
KEY = DEFAULT_CREDENTIALS.key
STREAMS = [f"btcusdt@{kind}" for kind in ("depth@100ms", "bookTicker", "trade", "markPrice@1s")]


def close_to_the_touch(config: KernelConfig) -> KernelConfig:
    """The default strategy, unadjusted and quoting so close that a short session has many executions."""
    eager = Parameters(mean_fill_depth_bps=0.02, minimum_half_spread_bps=0.01, skew_at_max_inventory_bps=0.5)
    strategies = tuple(
        msgspec.structs.replace(strategy, parameters=tuple(eager)) for strategy in config.strategies
    )
    return msgspec.structs.replace(config, strategies=strategies, quoting=Adjustments())


class _Wire:
    """The one connection: public frames and private messages, in the order they were published."""

    account = KEY
    combined = True
    counted = False
    listen_key = KEY

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.public: deque[bytes] = deque()
        self.private: deque[bytes] = deque()

    def publish(self, name: str, payload: bytes) -> None:
        if name == KEY:
            self.private.append(payload)
        else:
            self.public.append(b'{"stream":"%b","data":%b}' % (name.encode(), payload))


class _Refused(Exception):
    """The exchange's refusal of a call."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(body)
        self.status = status
        self.code = int(body["code"])
        self.message = str(body["msg"])


class Rehearsal:
    """An exchange, a kernel and a journal, moved by hand.

    Parameters
    ----------
    journals : Path
        Where the session's directory is made.
    seed : int
        Of the generated market.
    funding_interval_s : int
        The exchange settles funding this often.
    """

    def __init__(
        self,
        journals: Path,
        *,
        seed: int = 7,
        funding_interval_s: int = 8 * 3600,
        configure: Callable[[KernelConfig], KernelConfig] = close_to_the_touch,
    ) -> None:
        terms = ExchangeSettings(fees=MAKER_PROGRAMME, funding_interval_s=funding_interval_s)
        self.exchange = build_desk(ExchangeOptions(seed=seed, speed=LOCKSTEP, settings=terms))
        self.clock = SetClock(self.exchange.exchange.now_ns)
        self.session_id = new_session_id(self.clock.now_ns(), seed.to_bytes(3, "big"))
        settings = load(REPOSITORY / "settings.ini", environment={})
        config = configure(kernel_config(settings, self.session_id, VENUE, 0.0, real_time=False))
        self.kernel = Kernel(config, strategy_modules(config))
        self.directory = journals / self.session_id
        self.writer = SessionWriter.create(self.directory, self._header(config))
        self.session = Session(self.kernel, self.writer, FrameDecoder({VENUE: "binance_usdm"}), self.clock)
        self.session.submit = self._submit
        self._queue: deque[c.AnyCommand] = deque()
        self._instruments: dict[str, Any] = {}
        self._names: dict[str, str] = {}
        self._wire = _Wire()
        self.exchange.register.subscribe(self._wire, STREAMS)
        self.exchange.register.add_private(self._wire)

    def _header(self, config: KernelConfig) -> Header:
        return Header(
            schema=1,
            session=self.session_id,
            predecessor=None,
            created_ns=self.clock.now_ns(),
            commit="0" * 40,
            lock_hash="lock",
            cpu_flags="flags",
            source_hashes={"titan.engine.kernel": "hash"},
            config=msgspec.msgpack.encode(config),
            snapshot=None,
            state_hash=None,
            account=f"{VENUE}.main",
        )

    # ---- Acts --------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Read everything, and let quoting begin."""
        self.session.ingest(e.SessionStarted(time_ns=self.clock.now_ns()))
        for stream in ("market", "private"):
            up = e.StreamState(
                time_ns=self.clock.now_ns(), venue=VENUE, stream=stream, up=True, reason="connected"
            )
            self.session.ingest(up)
        self._work()

    def run(self, seconds: float) -> None:
        """Let the market move."""
        until = self.exchange.exchange.now_ns + int(seconds * 1e9)
        while (due := self.exchange.source.next_ns()) is not None and due < until:
            self.exchange.clock.set(due)
            self.exchange.step(due)
            self.clock.set(self.exchange.exchange.now_ns)
            self.session.fire_due()
            while self._wire.public:
                self.session.ingest_frame(VENUE, self._wire.public.popleft())
            self._take_private()
            self._work()

    def stop(self) -> None:
        """Cancel, prove, read the account a last time, close the journal."""
        self.session.ingest(
            e.StopRequested(time_ns=self.clock.now_ns(), reason="the test is over", exit_code=0)
        )
        self._work()
        while self.session.ended is None and (due := self.session.timers.next_ns) is not None:
            self.clock.set(due)
            self.session.fire_due()
            self._work()
        self.close()

    def close(self) -> None:
        """Close the journal; without `stop` the session looks killed."""
        self.writer.close()
        assert self.writer.failed is None

    def _submit(self, seq: int, command: c.AnyCommand, heard_ns: int) -> None:
        if not isinstance(command, c.Notice | c.RiskStanding):
            self._queue.append(command)

    # ---- Carrying out commands ---------------------------------------------------------------------------

    def _work(self) -> None:
        while self.session.ended is None:
            while self._queue:
                for event in self._carry_out(self._queue.popleft()):
                    self.session.ingest(event)
            if not self._wire.private:
                return
            self._take_private()

    def _take_private(self) -> None:
        while self._wire.private:
            payload = self._wire.private.popleft()
            for event in wire.decode_user_event(payload, self.clock.now_ns(), VENUE, self._instruments):
                if isinstance(event, e.OrderUpdate):
                    self._names[event.venue_id] = event.client_id
                self.session.ingest(event)

    def _call(self, method: str, path: str, **params: Any) -> Any:
        desk = self.exchange
        given = Params({name: str(value) for name, value in params.items()})
        try:
            answer = rest.ENDPOINTS[method, path].handler(Call(desk, given, KEY, desk.exchange.now_ns))
        except VenueError as error:
            raise _Refused(error.status, error.body()) from None
        finally:
            desk.feeds.pump()
        return msgspec.json.decode(msgspec.json.encode(answer))

    def _carry_out(self, command: c.AnyCommand) -> Iterator[Any]:
        now_ns = self.clock.now_ns()
        if isinstance(command, c.PlaceOrder):
            yield self._order(
                "POST", wire.place_params(command, self._instruments[command.symbol]), command, "place"
            )
        elif isinstance(command, c.AmendOrder):
            yield self._order(
                "PUT", wire.amend_params(command, self._instruments[command.symbol]), command, "amend"
            )
        elif isinstance(command, c.CancelOrder):
            yield self._order("DELETE", wire.cancel_params(command), command, "cancel")
        elif isinstance(command, c.QueryOrder):
            answer = self._call("GET", "/fapi/v1/order", **wire.query_params(command))
            yield wire.order_from_rest(answer, now_ns, VENUE, self._instruments, "query")
        elif isinstance(command, c.RequestBook):
            depth = self._call("GET", "/fapi/v1/depth", symbol=command.symbol, limit=1000)
            self.session.ingest_frame(VENUE, wire.wrap_snapshot(command.symbol, msgspec.json.encode(depth)))
        elif isinstance(command, c.QueryInstruments):
            yield from self._terms(now_ns)
        elif isinstance(command, c.QueryOpenOrders):
            found = self._call("GET", "/fapi/v1/openOrders")
            orders = tuple(wire.order_from_rest(o, now_ns, VENUE, self._instruments, "query") for o in found)
            yield e.OpenOrders(time_ns=now_ns, venue=VENUE, orders=orders)
        elif isinstance(command, c.QueryAccount):
            account, risk = self._call("GET", "/fapi/v3/account"), self._call("GET", "/fapi/v3/positionRisk")
            yield wire.account_from_rest(account, risk, command.purpose, now_ns, VENUE, self._instruments)
        elif isinstance(command, c.QueryFills):
            yield from self._fills(command, now_ns)
        elif isinstance(command, c.QuerySetup):
            paths = ("positionSide/dual", "multiAssetsMargin", "symbolConfig")
            told = [self._call("GET", f"/fapi/v1/{path}") for path in paths]
            symbols = self.kernel.desk.config.venue(VENUE).symbols
            yield account_setup_from_rest(*told, None, time_ns=now_ns, venue=VENUE, symbols=symbols)
        else:
            raise TypeError(f"{command} is none that the exchange knows")

    def _order(self, method: str, params: dict[str, str], command: c.OrderCommand, action: Any) -> Any:
        now_ns = self.clock.now_ns()
        try:
            answer = self._call(method, "/fapi/v1/order", **params)
        except _Refused as refused:
            return e.CommandOutcome(
                time_ns=now_ns,
                venue=VENUE,
                symbol=command.symbol,
                action=action,
                client_id=command.client_id,
                outcome=wire.classify(action, refused.code, refused.status),
                code=str(refused.code),
                message=refused.message,
            )
        return wire.order_from_rest(answer, now_ns, VENUE, self._instruments, "answer")

    def _terms(self, now_ns: int) -> Iterator[Any]:
        for symbol in self._call("GET", "/fapi/v1/exchangeInfo")["symbols"]:
            terms = wire.instrument_from_exchange_info(symbol, VENUE)
            self._instruments[terms.symbol] = terms
            yield e.InstrumentUpdate(time_ns=now_ns, instrument=terms)
            rates = self._call("GET", "/fapi/v1/commissionRate", symbol=terms.symbol)
            yield wire.fee_rates_from_rest(rates, now_ns, VENUE)

    def _fills(self, command: c.QueryFills, now_ns: int) -> Iterator[Any]:
        since = {"symbol": command.symbol, "startTime": command.since_ns // 10**6, "limit": 1000}
        yield from wire.income_from_rest(self._call("GET", "/fapi/v1/income", **since), now_ns, VENUE)
        trades = self._call("GET", "/fapi/v1/userTrades", **since)
        fills = tuple(wire.fill_from_rest(t, now_ns, VENUE, self._instruments, self._names) for t in trades)
        yield e.FillsQueried(
            time_ns=now_ns, venue=VENUE, symbol=command.symbol, since_ns=command.since_ns, fills=fills
        )


def make_session(
    journals: Path, *, seconds: float = 20.0, seed: int = 7, killed: bool = False, **options: Any
) -> Rehearsal:
    """A recorded session of a seeded market, ended in good order unless `killed`."""
    rehearsal = Rehearsal(journals, seed=seed, **options)
    rehearsal.start()
    rehearsal.run(seconds)
    if killed:
        rehearsal.close()
    else:
        rehearsal.stop()
    return rehearsal


def rewrite_journal(source: Path, journals: Path, change: Callable[[Any], Any]) -> Path:
    """A copy of a session in which `change` was applied to every event record, with valid checksums.

    `change` takes an event and returns the one to store in its place.
    """
    copy = journals / source.name
    copy.mkdir(parents=True)
    for capture in source.glob("capture-*"):
        (copy / capture.name).write_bytes(capture.read_bytes())
    assert SessionReader(source).truncated == ()
    for path in sorted(source.glob(f"{JOURNAL.stem}-*")):
        data = path.read_bytes()
        (copy / path.name).write_bytes(
            data[:FILE_HEADER_BYTES] + _rewritten(data[FILE_HEADER_BYTES:], change)
        )
    return copy


def _rewritten(data: bytes, change: Callable[[Any], Any]) -> bytes:
    pieces, offset = [], 0
    while offset < len(data):
        size = int.from_bytes(data[offset : offset + 4], "little")
        payload = data[offset + 8 : offset + 8 + size]
        whole = data[offset : offset + 8 + size]
        offset += 8 + size
        if whole != COMMIT:
            payload = _changed(payload, change)
            whole = frame(payload)
        pieces.append(whole)
    return b"".join(pieces)


def _changed(payload: bytes, change: Callable[[Any], Any]) -> bytes:
    seq, kind, version, index, body = msgspec.msgpack.decode(payload)
    if kind != "event":
        return payload
    event = msgspec.convert(body, e.AnyEvent)
    return msgspec.msgpack.encode([seq, kind, version, index, change(event)])
