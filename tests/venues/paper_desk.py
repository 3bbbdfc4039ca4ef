"""A venue's public half that a test speaks for, and a paper account on it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from titan.live.clocks import ScaledClock
from titan.matching.terms import ExchangeSettings, Fees
from titan.model import commands as c
from titan.model.events import (
    AccountSnapshot,
    FillsQueried,
    InstrumentUpdate,
    JournalledEvent,
    OpenOrders,
    QueryFailed,
)
from titan.model.instruments import Instrument
from titan.model.orders import BUY, Lifetime
from titan.simulation.latency import LatencyModel
from titan.venues.adapter import Sinks
from titan.venues.paper import PaperAdapter
from titan.venues.paper_exchange import PaperConfig
from titan.wire.binance_usdm import wrap_snapshot

VENUE, SYMBOL = "binance", "BTCUSDT"
MS = 1_000_000
E = TypeVar("E")

TERMS = Instrument(
    venue=VENUE,
    symbol=SYMBOL,
    base="BTC",
    quote="USDT",
    settle="USDT",
    kind="linear",
    multiplier=Decimal(1),
    tick_size=Decimal("0.1"),
    lot_size=Decimal("0.001"),
    min_lots=1,
    max_lots=100_000,
    max_market_lots=50_000,
    min_notional=Decimal(5),
    band_up=Decimal("1.05"),
    band_down=Decimal("0.95"),
    status="trading",
)


class FakePublic:
    """Answers what everybody may ask; nothing else can be asked of it."""

    def __init__(self, sinks: Sinks) -> None:
        self.sinks = sinks
        self.is_open = False
        self.listed: Mapping[str, Instrument] | QueryFailed = {SYMBOL: TERMS}
        self.adopted: Mapping[str, Instrument] = {}
        self.book: bytes = b""

    async def open(self) -> None:
        self.is_open = True

    async def close(self) -> None:
        self.is_open = False

    async def terms(self) -> Mapping[str, Instrument] | QueryFailed:
        return self.listed

    def adopt_terms(self, terms: Mapping[str, Instrument]) -> None:
        self.adopted = terms

    async def depth(self, command: c.RequestBook) -> bytes | QueryFailed:
        return self.book or self.query_failed("request_book", "no book", command.symbol)

    def query_failed(
        self, query: str, reason: str, symbol: str = "", client_id: str = "", final: bool = False
    ) -> QueryFailed:
        return QueryFailed(
            time_ns=1,
            venue=VENUE,
            query=query,
            symbol=symbol,
            client_id=client_id,
            reason=reason,
            final=final,
        )


class PaperDesk:
    """A paper account with everything that it says."""

    def __init__(self, entry_ms: float = 0.0, response_ms: float = 0.0, **changes: Any) -> None:
        self.clock = ScaledClock(time.time_ns(), 1.0)
        self.market: list[bytes] = []
        self.private: list[JournalledEvent] = []
        self.streams: list[JournalledEvent] = []
        self.faults: list[BaseException] = []
        self.last_id = 10
        fees = Fees(Decimal("0.0002"), Decimal("0.0005"))
        stated: dict[str, Any] = {
            "venue": VENUE,
            "protocol": "binance_usdm",
            "symbols": (SYMBOL,),
            "wallet": Decimal(10_000),
            "entry": LatencyModel((entry_ms * MS,)),
            "response": LatencyModel((response_ms * MS,)),
            "exchange": ExchangeSettings(market="replayed", fees=fees, queue_model="risk_averse"),
        }
        sinks = Sinks(self.market.append, self.private.extend, self.streams.append, self.faults.append)
        self.adapter = PaperAdapter(PaperConfig(**(stated | changes)), self._public, sinks, self.clock)

    def _public(self, sinks: Sinks) -> FakePublic:
        self.public = FakePublic(sinks)
        return self.public

    async def ready(self) -> PaperDesk:
        """Open, with terms, a book of 5 lots at 60000.0 and 60000.1 and more behind, and a mark."""
        await self.adapter.open()
        await self.terms()
        await self.snapshot(
            {"60000.0": "0.005", "59999.9": "0.007"}, {"60000.1": "0.005", "60000.2": "0.007"}
        )
        self.mark("60000.05")
        return self

    async def terms(self) -> list[JournalledEvent]:
        return await self.adapter.query_instruments(c.QueryInstruments(venue=VENUE))

    # ---- What the venue tells

    def tell(self, stream: str, **data: Any) -> None:
        frame = {"stream": f"btcusdt@{stream}", "data": data}
        self.public.sinks.market(msgspec.json.encode(frame))

    async def snapshot(self, bids: Mapping[str, str], asks: Mapping[str, str]) -> bytes | QueryFailed:
        sides = {"bids": list(bids.items()), "asks": list(asks.items())}
        answer = {"lastUpdateId": self.last_id, "E": 1, "T": 1, **sides}
        self.public.book = wrap_snapshot(SYMBOL, msgspec.json.encode(answer))
        return await self.adapter.depth(c.RequestBook(venue=VENUE, symbol=SYMBOL))

    def depth(
        self, bids: Mapping[str, str] | None = None, asks: Mapping[str, str] | None = None, lost: int = 0
    ) -> None:
        before = self.last_id + lost
        self.last_id = before + 1
        self.tell(
            "depth@100ms", e="depthUpdate", s=SYMBOL, U=self.last_id, u=self.last_id, pu=before, E=1, T=1,
            b=list((bids or {}).items()), a=list((asks or {}).items()),
        )  # fmt: skip

    def trade(self, price: str, size: str, *, sold: bool = True) -> None:
        self.tell("trade", e="trade", s=SYMBOL, t=1, p=price, q=size, m=sold, X="MARKET", E=1, T=1)

    def mark(self, price: str, next_funding_ms: int = 0, rate: str = "0.0001") -> None:
        self.tell(
            "markPrice@1s", e="markPriceUpdate", s=SYMBOL, p=price, i=price, r=rate, T=next_funding_ms, E=1
        )

    # ---- What we ask

    async def place(
        self,
        client_id: str = "one",
        side: int = BUY,
        price: int = 600_000,
        size: int = 3,
        lifetime: Lifetime = Lifetime.POST_ONLY,
        reduce_only: bool = False,
    ) -> JournalledEvent:
        command = c.PlaceOrder(
            venue=VENUE, symbol=SYMBOL, client_id=client_id, strategy="s", side=side, price=price, size=size,
            lifetime=lifetime, reduce_only=reduce_only,
        )  # fmt: skip
        (answer,) = await self.adapter.place(command)
        return answer

    async def amend(self, client_id: str, price: int, size: int, side: int = BUY) -> JournalledEvent:
        command = c.AmendOrder(
            venue=VENUE, symbol=SYMBOL, client_id=client_id, side=side, price=price, size=size
        )
        (answer,) = await self.adapter.amend(command)
        return answer

    async def cancel(self, client_id: str) -> JournalledEvent:
        (answer,) = await self.adapter.cancel(c.CancelOrder(venue=VENUE, symbol=SYMBOL, client_id=client_id))
        return answer

    async def order(self, client_id: str) -> JournalledEvent:
        (answer,) = await self.adapter.query_order(
            c.QueryOrder(venue=VENUE, symbol=SYMBOL, client_id=client_id)
        )
        return answer

    async def open_orders(self) -> OpenOrders:
        (answer,) = await self.adapter.query_open_orders(c.QueryOpenOrders(venue=VENUE))
        assert isinstance(answer, OpenOrders)
        return answer

    async def account(self, purpose: str = "check") -> AccountSnapshot:
        (answer,) = await self.adapter.query_account(c.QueryAccount(venue=VENUE, purpose=purpose))
        assert isinstance(answer, AccountSnapshot)
        return answer

    async def fills(self) -> tuple[list[JournalledEvent], FillsQueried]:
        *income, queried = await self.adapter.query_fills(
            c.QueryFills(venue=VENUE, symbol=SYMBOL, since_ns=0)
        )
        assert isinstance(queried, FillsQueried)
        return income, queried

    def heard(self, kind: type[E]) -> list[E]:
        return [event for event in self.private if isinstance(event, kind)]


def terms_of(events: list[JournalledEvent]) -> list[Instrument]:
    return [event.instrument for event in events if isinstance(event, InstrumentUpdate)]
