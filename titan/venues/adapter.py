"""What the outbox asks of a venue. An adapter turns every answer into events and never raises for what a venue says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from titan.model import commands as c
from titan.model.events import JournalledEvent, QueryFailed
from titan.model.instruments import Instrument


class AccountReader(Protocol):
    """What can be learned of one account at one venue, and of the venue; nothing here changes anything there.

    Every method returns the events that its answer proves, stamped with the session's clock. A query without a usable
    answer is a `QueryFailed`.
    """

    async def open(self) -> None:
        """Connect both streams and return once they are up (`on_stream` tells of each change).

        Raises
        ------
        VenueUnreachable
            If the venue cannot be reached at all: nothing was sent.
        """
        ...

    async def close(self) -> None:
        """Close streams and connections; nothing is cancelled."""
        ...

    async def query_account(self, command: c.QueryAccount) -> list[JournalledEvent]: ...

    async def query_fills(self, command: c.QueryFills) -> list[JournalledEvent]:
        """`Income`s first, then one `FillsQueried`, complete over all pages."""
        ...

    async def query_instruments(self, command: c.QueryInstruments) -> list[JournalledEvent]:
        """An `InstrumentUpdate` for every configured symbol, then its `FeeRates`."""
        ...

    async def query_setup(self, command: c.QuerySetup) -> list[JournalledEvent]:
        """The account's modes as one `AccountSetup`; nothing is changed."""
        ...

    async def rebuild_stream(self, command: c.RebuildStream) -> list[JournalledEvent]:
        """Drop the private stream and connect it anew; `on_stream` tells of it."""
        ...

    async def depth(self, command: c.RequestBook) -> bytes | QueryFailed:
        """A depth snapshot as a frame that the venue's market codec decodes."""
        ...


class Adapter(AccountReader, Protocol):
    """One account at one venue, with its orders.

    Silence and anything not on the list of definite refusals is a `CommandOutcome` that says ``unknown``. Nothing is
    ever sent twice.
    """

    async def place(self, command: c.PlaceOrder) -> list[JournalledEvent]: ...

    async def amend(self, command: c.AmendOrder) -> list[JournalledEvent]: ...

    async def cancel(self, command: c.CancelOrder) -> list[JournalledEvent]: ...

    async def cancel_all(self, command: c.CancelAll) -> list[JournalledEvent]: ...

    async def query_order(self, command: c.QueryOrder) -> list[JournalledEvent]: ...

    async def query_open_orders(self, command: c.QueryOpenOrders) -> list[JournalledEvent]: ...

    async def keep_alive(self, command: c.KeepAlive) -> list[JournalledEvent]:
        """Renew the dead-man switch of a symbol; `KeptAlive` only if the venue repeats the countdown."""
        ...


class PublicVenue(Protocol):
    """What a venue tells everybody: no key, no account, nothing private.

    `open` and `close`, the market stream and `depth` are those of `Adapter`.
    """

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def terms(self) -> Mapping[str, Instrument] | QueryFailed:
        """Read the terms of every symbol that the venue lists; `adopt_terms` makes them hold."""
        ...

    def adopt_terms(self, terms: Mapping[str, Instrument]) -> None: ...

    async def depth(self, command: c.RequestBook) -> bytes | QueryFailed: ...

    def query_failed(
        self, query: str, reason: str, symbol: str = "", client_id: str = "", final: bool = False
    ) -> QueryFailed: ...


class VenueUnreachable(ConnectionError):
    """The venue cannot be reached; the message says what was tried and what to check."""


def _unheard(error: BaseException) -> None:
    """Where nobody supervises, the event loop tells it."""
    raise error


class Sinks:
    """Where an adapter's streams deliver; set before `Adapter.open`.

    Attributes
    ----------
    market : function of bytes
        A market frame, untouched.
    private : function of a list of events
        What one private frame says, in order; called once for EVERY private frame, also with an empty list.
    stream : function of an event
        What the connection itself has to tell: a stream came up or went down, the venue refuses all requests, its clock
        was measured.
    fault : function of an exception
        A task of the adapter has died of a fault of ours.
    """

    def __init__(
        self,
        market: Callable[[bytes], None],
        private: Callable[[list[JournalledEvent]], None],
        stream: Callable[[JournalledEvent], None],
        fault: Callable[[BaseException], None] = _unheard,
    ) -> None:
        self.market = market
        self.private = private
        self.stream = stream
        self.fault = fault
