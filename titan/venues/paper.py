"""The adapter of mode paper: a venue's public data, and an account that exists in this process alone.

It asks the venue for what everybody may ask, without a key. Everything about orders and the account goes to an exchange
of its own (`titan.venues.paper_exchange`), and takes as long to go there and back as the settings say.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from titan.model import commands as c
from titan.model.clock import Clock
from titan.model.events import InstrumentUpdate, JournalledEvent, QueryFailed, StreamState
from titan.model.instruments import Instrument
from titan.venues.adapter import PublicVenue, Sinks
from titan.venues.paper_exchange import PaperConfig, PaperExchange, TermsChanged
from titan.venues.paper_way import Way
from titan.venues.paper_words import received
from titan.venues.supervised import supervised
from titan.wire.frames import FrameDecoder

RESYNC_NS = 3_000_000_000
"""How long the exchange's book waits for a snapshot that the engine asks for, before the adapter asks for one."""

Request = Callable[[PaperExchange], list[JournalledEvent]]
"""What is carried out at the exchange; its answer, as said there."""


class PaperAdapter:
    """A paper account; see `titan.venues.adapter.Adapter`.

    Parameters
    ----------
    config : PaperConfig
        The account.
    public : function of Sinks
        Makes the connection to the venue's public data.
    sinks : Sinks
        Where the streams deliver.
    clock : Clock
        The session's clock; the exchange's is the same.
    """

    def __init__(
        self, config: PaperConfig, public: Callable[[Sinks], PublicVenue], sinks: Sinks, clock: Clock
    ) -> None:
        self._config = config
        self._sinks = sinks
        self._clock = clock
        self._public = public(Sinks(self.take_market, sinks.private, sinks.stream, sinks.fault))
        self._decoder = FrameDecoder({config.venue: config.protocol})
        self._exchange: PaperExchange | None = None
        self._there = Way(config.entry, config.seed, clock, self._failed)
        self._back = Way(config.response, config.seed + 1, clock, self._failed)
        self._asked_ns: dict[str, int] = {}
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._waiting: set[asyncio.Future[list[JournalledEvent]]] = set()

    async def open(self) -> None:
        """Connect the venue's public data; the account is there at once.

        Raises
        ------
        VenueUnreachable
            If the venue cannot be reached.
        """
        self._there.open()
        self._back.open()
        await self._public.open()
        self._sinks.stream(
            StreamState(
                time_ns=self._clock.now_ns(),
                venue=self._config.venue,
                stream="private",
                up=True,
                reason="the paper account is open",
            )
        )

    async def close(self) -> None:
        """Close the connection; the account ends with it."""
        self._there.close()
        self._back.close()
        self._give_up()
        for asking in self._asking.values():
            asking.cancel()
        await self._public.close()

    # ---- What arrives ----------------------------------------------------------------------------------------

    def take_market(self, payload: bytes) -> None:
        """A market frame, as received: the exchange takes it first, then the session."""
        self._there.deliver_due()
        self._move(payload)
        self._sinks.market(payload)

    def _move(self, payload: bytes) -> None:
        event = self._decoder.decode(self._config.venue, payload, self._clock.now_ns())
        if event is not None and self._exchange is not None:
            self._exchange.take(event)
            self._publish(self._exchange.private())
            if not self._exchange.synchronised(event.symbol):
                self._resynchronise(event.symbol)

    def _resynchronise(self, symbol: str) -> None:
        """See to a snapshot: the engine asks for one if its book has lost the thread, and it may not have."""
        now_ns = self._clock.now_ns()
        if now_ns - self._asked_ns.setdefault(symbol, now_ns) < RESYNC_NS:
            return
        command = c.RequestBook(venue=self._config.venue, symbol=symbol)
        self._asked_ns[symbol] = now_ns
        self._asking[symbol] = supervised(self._read_book(command), self._sinks.fault)

    async def _read_book(self, command: c.RequestBook) -> None:
        await self.depth(command)  # one that fails is asked for again by a later frame

    def _publish(self, told: list[JournalledEvent]) -> None:
        """Send private words back; each is heard by the session's clock."""
        if told:
            self._back.send(
                lambda: self._sinks.private([received(event, self._clock.now_ns()) for event in told])
            )

    def _failed(self, error: BaseException) -> None:
        self._give_up()
        self._sinks.fault(error)

    def _give_up(self) -> None:
        """No answer will come any more."""
        for answer in self._waiting:
            answer.cancel()

    async def _ask(self, query: str, request: Request) -> list[JournalledEvent]:
        """Have a request carried out at the exchange, and wait for its answer to come back."""
        if self._exchange is None or not (self._there.is_open and self._back.is_open):
            return [self._public.query_failed(query, "the paper account is not open")]
        exchange = self._exchange
        answer: asyncio.Future[list[JournalledEvent]] = asyncio.get_running_loop().create_future()

        def arrive() -> None:
            exchange.advance(self._clock.now_ns())
            said = request(exchange)
            self._publish(exchange.private())
            self._back.send(lambda: None if answer.done() else answer.set_result(said))

        self._waiting.add(answer)
        self._there.send(arrive)
        try:
            said = await answer
        finally:
            self._waiting.discard(answer)
        return [received(event, self._clock.now_ns()) for event in said]

    def _grid(self, symbol: str) -> Instrument | None:
        return None if self._exchange is None else self._exchange.instrument(symbol)

    # ---- Orders ----------------------------------------------------------------------------------------------

    async def place(self, command: c.PlaceOrder) -> list[JournalledEvent]:
        """Place a new order, once."""
        grid = self._grid(command.symbol)
        return await self._ask("place", lambda exchange: exchange.place(command, grid))

    async def amend(self, command: c.AmendOrder) -> list[JournalledEvent]:
        """Change an open order, once."""
        grid = self._grid(command.symbol)
        return await self._ask("amend", lambda exchange: exchange.amend(command, grid))

    async def cancel(self, command: c.CancelOrder) -> list[JournalledEvent]:
        """Cancel one order."""
        return await self._ask("cancel", lambda exchange: exchange.cancel(command))

    async def cancel_all(self, command: c.CancelAll) -> list[JournalledEvent]:
        """Cancel every order of a symbol."""
        return await self._ask("cancel_all", lambda exchange: exchange.cancel_all(command))

    async def keep_alive(self, command: c.KeepAlive) -> list[JournalledEvent]:
        """Renew a symbol's dead-man switch, which the paper exchange has like any other."""
        return await self._ask("keep_alive", lambda exchange: exchange.keep_alive(command))

    # ---- Questions about the account -------------------------------------------------------------------------

    async def query_order(self, command: c.QueryOrder) -> list[JournalledEvent]:
        """One order by client id."""
        return await self._ask("query_order", lambda exchange: exchange.query_order(command))

    async def query_open_orders(self, command: c.QueryOpenOrders) -> list[JournalledEvent]:
        """All open orders of the account."""
        return await self._ask("query_open_orders", lambda exchange: exchange.query_open_orders(command))

    async def query_account(self, command: c.QueryAccount) -> list[JournalledEvent]:
        """Balances and positions."""
        return await self._ask("query_account", lambda exchange: exchange.query_account(command))

    async def query_fills(self, command: c.QueryFills) -> list[JournalledEvent]:
        """Funding and executions."""
        return await self._ask("query_fills", lambda exchange: exchange.query_fills(command))

    async def query_setup(self, command: c.QuerySetup) -> list[JournalledEvent]:
        """How the account is set up."""
        return await self._ask("query_setup", lambda exchange: exchange.query_setup(command))

    async def rebuild_stream(self, command: c.RebuildStream) -> list[JournalledEvent]:
        """Nothing: there is no private connection that could be lost."""
        return []

    # ---- Questions to the venue ------------------------------------------------------------------------------

    async def query_instruments(self, command: c.QueryInstruments) -> list[JournalledEvent]:
        """The venue's terms and the settings' fee rates; the exchange takes the terms up with us."""
        terms = await self._public.terms()
        if isinstance(terms, QueryFailed):
            return [terms]
        now_ns = self._clock.now_ns()
        try:
            if self._exchange is None:
                self._exchange = PaperExchange(self._config, terms, now_ns)
            else:
                self._publish(self._exchange.learn(terms))
        except TermsChanged as error:
            return [self._public.query_failed("query_instruments", str(error), final=True)]
        self._public.adopt_terms(terms)
        events: list[JournalledEvent] = []
        for symbol in self._exchange.symbols:
            self._decoder.learn(terms[symbol])
            events.append(InstrumentUpdate(time_ns=now_ns, instrument=terms[symbol]))
        rates = (self._exchange.fee_rates(symbol) for symbol in self._config.symbols)
        return events + [received(each, now_ns) for each in rates]

    async def depth(self, command: c.RequestBook) -> bytes | QueryFailed:
        """A depth snapshot, which the exchange's book takes up, too."""
        self._asked_ns[command.symbol] = self._clock.now_ns()
        answer = await self._public.depth(command)
        if isinstance(answer, bytes):
            self._move(answer)
        return answer
