"""The adapter of Binance USD-M: commands to calls, answers to the events that they prove."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from titan.model import commands as c
from titan.model.clock import Clock
from titan.model.events import (
    ClockSync,
    CommandOutcome,
    FillsQueried,
    InstrumentUpdate,
    JournalledEvent,
    OpenOrders,
    OrderAbsent,
    OrderUpdate,
    QueryFailed,
    VenueShut,
)
from titan.model.instruments import Instrument
from titan.venues import binance_calls as calls
from titan.venues.adapter import Sinks, VenueUnreachable
from titan.venues.binance_account import AccountCalls
from titan.venues.binance_config import BinanceConfig
from titan.venues.binance_fills import FillsQuery, OrderNames, QueryRefused, reason_of, rows
from titan.venues.binance_rules import NotListed, listed_terms
from titan.venues.binance_streams import BinanceStreams, MarketStream
from titan.venues.ccxt_client import Answer, ClientConfig, Endpoint, RestClient
from titan.venues.server_time import Measured, synchronise
from titan.venues.supervised import supervised
from titan.venues.websocket import Connector
from titan.venues.weights import WeightBudget
from titan.wire.binance_orders import Action
from titan.wire.binance_usdm import (
    NO_SUCH_ORDER,
    WireError,
    account_from_rest,
    amend_params,
    cancel_all_params,
    cancel_params,
    classify,
    fee_rates_from_rest,
    order_from_rest,
    place_params,
    query_params,
    refusal,
    wrap_snapshot,
)


def _ccxt_client(config: BinanceConfig, clock: Clock) -> RestClient:
    return RestClient(
        ClientConfig(
            rest_url=config.rest,
            api_key=config.api_key,
            api_secret=config.api_secret,
            timeout_s=config.request_timeout_s,
            recv_window_ms=config.recv_window_ms,
            spot_url=config.spot,
            read_only=config.read_only,
        ),
        clock,
        WeightBudget(config.limits),
    )


class BinancePublic:
    """What Binance USD-M tells everybody: market stream, terms, depth, time.

    Parameters
    ----------
    config : BinanceConfig
        Addresses and symbols; its keys serve `BinanceAdapter` alone.
    sinks : Sinks
        Where the stream delivers.
    clock : Clock
        The session's clock: it stamps events.
    client : Client, optional
        Carries out the calls; ccxt over the network unless given.
    connector : function, optional
        Makes what opens a stream's connections; over the network unless given.
    jitter : function, optional
        Draws from 0 to 1 for the pauses between connections.
    """

    _stream_needs = "stream_url"

    def __init__(
        self,
        config: BinanceConfig,
        sinks: Sinks,
        clock: Clock,
        client: calls.Client | None = None,
        connector: Callable[[], Connector] | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.config = config
        self._clock = clock
        self._sinks = sinks
        self._client = client or _ccxt_client(config, clock)
        self._terms: dict[str, Instrument] = {}
        self._streams = self._make_streams(connector, jitter)
        self._clock_task: asyncio.Task[None] | None = None
        self._client.budget.shut = self._tell_shut

    def _make_streams(
        self, connector: Callable[[], Connector] | None, jitter: Callable[[], float]
    ) -> MarketStream:
        return MarketStream(self.config, self._clock, self._sinks, connector, jitter)

    @property
    def where(self) -> str:
        """The venue and its address, for messages."""
        return f"venue {self.config.venue} at {self.config.rest}"

    @property
    def clock_offset_ns(self) -> int:
        """Venue's clock minus the session's, as last measured."""
        return self._client.offset_ns

    async def open(self) -> None:
        """Measure the venue's clock, connect the streams, return once they are up.

        Raises
        ------
        VenueUnreachable
            If the venue does not answer; nothing was sent and everything is closed again.
        """
        self._client.open()
        measured = await synchronise(self._client, self._clock)
        if isinstance(measured, str):
            await self.close()
            raise VenueUnreachable(
                f"{self.where} cannot be reached: {measured}; check rest_url and the network"
            )
        try:
            await self._streams.open(self.config.request_timeout_s)
        except TimeoutError as error:
            await self.close()
            raise VenueUnreachable(f"{self.where}: {error}; check {self._stream_needs}") from error
        if self.config.clock_sync_interval_s > 0:
            self._tell_clock(measured)
            self._clock_task = supervised(self._keep_clock(), self._sinks.fault)

    def take_market(self, payload: bytes) -> None:
        """A market frame, where something else than a socket delivers it."""
        self._streams.take_market(payload)

    async def close(self) -> None:
        """Close streams and connections; nothing is cancelled."""
        if self._clock_task is not None:
            self._clock_task.cancel()
        await self._streams.close()
        await self._client.close()

    async def _keep_clock(self) -> None:
        while True:
            await asyncio.sleep(self.config.clock_sync_interval_s)
            self._tell_clock(await synchronise(self._client, self._clock))

    def _tell_clock(self, measured: Measured | str) -> None:
        now_ns, venue = self._clock.now_ns(), self.config.venue
        if isinstance(measured, str):
            self._sinks.stream(self.query_failed("clock", measured))
        else:
            self._sinks.stream(ClockSync(time_ns=now_ns, venue=venue, **measured._asdict()))

    def _tell_shut(self, until_ns: int, reason: str) -> None:
        """Tell when the venue listens again, by the session's clock."""
        ends_ns = until_ns - self._client.offset_ns
        now_ns, venue = self._clock.now_ns(), self.config.venue
        self._sinks.stream(VenueShut(time_ns=now_ns, venue=venue, until_ns=ends_ns, reason=reason))

    async def terms(self) -> dict[str, Instrument] | QueryFailed:
        """Read the terms of every symbol that the venue lists; `adopt_terms` makes them hold."""
        try:
            info = self._value(await self._client.call(calls.EXCHANGE_INFO, {}))
            return listed_terms(info, self.config.venue, self.config.symbols, self._terms)
        except NotListed as error:
            return self.query_failed("query_instruments", str(error), error.symbol, final=True)
        except (WireError, QueryRefused) as error:
            return self.query_failed("query_instruments", str(error))

    def adopt_terms(self, terms: Mapping[str, Instrument]) -> None:
        """From here on these terms hold."""
        self._terms = dict(terms)

    async def depth(self, command: c.RequestBook) -> bytes | QueryFailed:
        """A depth snapshot as a frame for the market codec."""
        params: dict[str, str | int] = {"symbol": command.symbol, "limit": self.config.depth_levels}
        answer = await self._client.call(calls.DEPTH, params)
        value = answer.value
        if answer.status != 200 or not isinstance(value, dict) or "lastUpdateId" not in value:
            return self.query_failed("request_book", reason_of(answer), command.symbol)
        return wrap_snapshot(command.symbol, answer.payload)

    def _value(self, answer: Answer) -> dict[str, Any]:
        value = answer.value
        if answer.status != 200 or not isinstance(value, dict) or refusal(value) is not None:
            raise QueryRefused(reason_of(answer))
        return value

    def query_failed(
        self, query: str, reason: str, symbol: str = "", client_id: str = "", final: bool = False
    ) -> QueryFailed:
        """A query without a usable answer, told at this moment."""
        return QueryFailed(
            time_ns=self._clock.now_ns(),
            venue=self.config.venue,
            query=query,
            symbol=symbol,
            client_id=client_id,
            reason=reason,
            final=final,
        )


class BinanceAdapter(BinancePublic):
    """One account at Binance USD-M; see `titan.venues.adapter.Adapter`.

    It takes what `BinancePublic` takes: `config` is the account, and `clock` also signs requests.
    """

    _streams: BinanceStreams
    _stream_needs = "stream_url and the API key"

    def __init__(
        self,
        config: BinanceConfig,
        sinks: Sinks,
        clock: Clock,
        client: calls.Client | None = None,
        connector: Callable[[], Connector] | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        super().__init__(config, sinks, clock, client, connector, jitter)
        self._names = OrderNames()
        self._fills = FillsQuery(self._client, self._names)
        self._account = AccountCalls(self._client, config, clock)

    def _make_streams(
        self, connector: Callable[[], Connector] | None, jitter: Callable[[], float]
    ) -> BinanceStreams:
        return BinanceStreams(
            self.config, self._client, self._clock, self._sinks, lambda: self._terms, connector, jitter
        )

    async def open(self) -> None:
        """Measure the venue's clock, connect both streams, return once they are up.

        Raises
        ------
        VenueUnreachable
            If there are no keys, or the venue does not answer; nothing was sent and everything is closed again.
        """
        if not (self.config.api_key and self.config.api_secret):
            prefix = f"TITAN_VENUE__{self.config.venue.upper()}__"
            raise VenueUnreachable(
                f"{self.where}: no credentials; set {prefix}API_KEY and {prefix}API_SECRET"
            )
        await super().open()

    def take_private(self, payload: bytes) -> None:
        """A private frame, where something else than a socket delivers it."""
        self._streams.take_private(payload)

    # ---- Orders

    async def place(self, command: c.PlaceOrder) -> list[JournalledEvent]:
        """Send a new order, once."""
        instrument = self._terms.get(command.symbol)
        if instrument is None:
            return [self._outcome("place", command, "not_sent", "", "its instrument's terms were never read")]
        return await self._about_order("place", command, calls.PLACE, place_params(command, instrument))

    async def amend(self, command: c.AmendOrder) -> list[JournalledEvent]:
        """Change an open order, once."""
        instrument = self._terms.get(command.symbol)
        if instrument is None:
            return [self._outcome("amend", command, "not_sent", "", "its instrument's terms were never read")]
        return await self._about_order("amend", command, calls.AMEND, amend_params(command, instrument))

    async def cancel(self, command: c.CancelOrder) -> list[JournalledEvent]:
        """Cancel one order."""
        return await self._about_order("cancel", command, calls.CANCEL, cancel_params(command))

    async def cancel_all(self, command: c.CancelAll) -> list[JournalledEvent]:
        """Cancel every order of a symbol. Success proves nothing of any one order, so it gives no event."""
        answer = await self._client.call(calls.CANCEL_ALL, cancel_all_params(command))
        if answer.status == 200 and isinstance(answer.value, dict) and refusal(answer.value) is None:
            return []
        return [self._failure("cancel_all", command, answer)]

    async def _about_order(
        self, action: Action, command: c.OrderCommand, endpoint: Endpoint, params: Mapping[str, str]
    ) -> list[JournalledEvent]:
        since_s = asyncio.get_running_loop().time()
        answer = await self._client.call(endpoint, params)
        return [self._order_answer(action, command, answer, since_s)]

    def _order_answer(
        self, action: Action, command: c.OrderCommand, answer: Answer, since_s: float
    ) -> JournalledEvent:
        """An `OrderUpdate` if the answer is whole and of this order, else what the failure proves."""
        if answer.status != 200 or refusal(answer.value) is not None:
            return self._failure(action, command, answer)
        try:
            update = self._order(answer.value, "answer")
        except WireError as error:
            return self._outcome(action, command, "unknown", "", str(error))
        if (update.client_id, update.symbol) != (command.client_id, command.symbol):
            text = f"the answer is about {update.client_id} of {update.symbol}; query the order"
            return self._outcome(action, command, "unknown", "", text)
        self._streams.owe(since_s)
        return update

    def _failure(
        self, action: Action, command: c.OrderCommand | c.CancelAll, answer: Answer
    ) -> CommandOutcome:
        if not answer.sent:
            return self._outcome(action, command, "not_sent", "", answer.failure)
        code, message = refusal(answer.value) or (None, reason_of(answer))
        outcome = classify(action, code, answer.status)
        return self._outcome(action, command, outcome, "" if code is None else str(code), message)

    def _outcome(
        self, action: Action, command: c.OrderCommand | c.CancelAll, outcome: Any, code: str, message: str
    ) -> CommandOutcome:
        return CommandOutcome(
            time_ns=self._clock.now_ns(),
            venue=self.config.venue,
            symbol=command.symbol,
            action=action,  # type: ignore[arg-type]
            client_id=command.client_id if isinstance(command, c.OrderCommand) else "",
            outcome=outcome,
            code=code,
            message=message,
        )

    def _order(self, value: Any, source: Any) -> OrderUpdate:
        update = order_from_rest(value, self._clock.now_ns(), self.config.venue, self._terms, source)
        self._names.note(update.venue_id, update.client_id)
        return update

    # ---- Queries: a failed one changes nothing

    async def query_order(self, command: c.QueryOrder) -> list[JournalledEvent]:
        """One order by client id."""
        answer = await self._client.call(calls.ORDER, query_params(command))
        refused = refusal(answer.value)
        if refused is not None and refused[0] == NO_SUCH_ORDER:
            absent = OrderAbsent(
                time_ns=self._clock.now_ns(),
                venue=self.config.venue,
                symbol=command.symbol,
                client_id=command.client_id,
                venue_ns=self._client.venue_ns(),
            )
            return [absent]
        try:
            return [self._order(self._value(answer), "query")]
        except (WireError, QueryRefused) as error:
            return [self.query_failed("query_order", str(error), command.symbol, command.client_id)]

    async def query_open_orders(self, command: c.QueryOpenOrders) -> list[JournalledEvent]:
        """All open orders of the account."""
        try:
            found = rows(await self._client.call(calls.OPEN_ORDERS, {}))
            orders = tuple(self._order(row, "query") for row in found)
        except (WireError, QueryRefused) as error:
            return [self.query_failed("query_open_orders", str(error))]
        return [OpenOrders(time_ns=self._clock.now_ns(), venue=self.config.venue, orders=orders)]

    async def query_account(self, command: c.QueryAccount) -> list[JournalledEvent]:
        """Balances and positions; the snapshot's `venue_ns` is the venue's time when it was asked for."""
        asked_ns = self._client.venue_ns()
        try:
            account = self._value(await self._client.call(calls.ACCOUNT, {}))
            positions = rows(await self._client.call(calls.POSITIONS, {}))
            now_ns = self._clock.now_ns()
            found = account_from_rest(
                account, positions, command.purpose, now_ns, self.config.venue, self._terms
            )
            return [msgspec.structs.replace(found, venue_ns=asked_ns)]
        except (WireError, QueryRefused) as error:
            return [self.query_failed("query_account", str(error))]

    async def query_fills(self, command: c.QueryFills) -> list[JournalledEvent]:
        """`Income`s first, then one `FillsQueried`, complete over all pages."""
        symbol, since_ns, venue = command.symbol, command.since_ns, self.config.venue
        try:
            trades = await self._fills.trades(symbol, since_ns)
            income = await self._fills.income(symbol, since_ns, self._clock.now_ns(), venue)
            fills = self._fills.told(trades, since_ns, self._clock.now_ns(), venue, self._terms)
        except (WireError, QueryRefused) as error:
            return [self.query_failed("query_fills", str(error), symbol)]
        now_ns = self._clock.now_ns()
        queried = FillsQueried(time_ns=now_ns, venue=venue, symbol=symbol, since_ns=since_ns, fills=fills)
        return [*income, queried]

    async def query_instruments(self, command: c.QueryInstruments) -> list[JournalledEvent]:
        """An `InstrumentUpdate` for every configured symbol, then its `FeeRates`.

        The new terms hold from the return on, all of them or none: what is still being read is in nobody's ticks yet.
        """
        events: list[JournalledEvent] = []
        terms = await self.terms()
        if isinstance(terms, QueryFailed):
            return [terms]
        try:
            for symbol in self.config.symbols:
                rates = self._value(await self._client.call(calls.COMMISSION, {"symbol": symbol}))
                now_ns = self._clock.now_ns()
                events.append(InstrumentUpdate(time_ns=now_ns, instrument=terms[symbol]))
                events.append(fee_rates_from_rest(rates, now_ns, self.config.venue))
        except (WireError, QueryRefused) as error:
            return [self.query_failed("query_instruments", str(error))]
        self.adopt_terms(terms)
        return events

    async def query_setup(self, command: c.QuerySetup) -> list[JournalledEvent]:
        """The account's modes; nothing is changed."""
        try:
            return [await self._account.setup()]
        except (WireError, QueryRefused) as error:
            return [self.query_failed("query_setup", str(error))]

    async def keep_alive(self, command: c.KeepAlive) -> list[JournalledEvent]:
        """Renew a symbol's dead-man switch."""
        try:
            return [await self._account.keep_alive(command)]
        except QueryRefused as error:
            return [self.query_failed("keep_alive", str(error), command.symbol)]

    async def rebuild_stream(self, command: c.RebuildStream) -> list[JournalledEvent]:
        """Connect the private stream anew."""
        self._streams.private.rebuild(command.reason)
        return []
