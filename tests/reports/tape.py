"""Small sessions written event by event, with a venue that keeps its own books beside them."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from titan.engine.client_ids import ClientIds
from titan.engine.configuration import KernelConfig, StrategyConfig, VenueConfig
from titan.matching.account import Position
from titan.model import commands as c
from titan.model import events as e
from titan.model.instruments import Instrument, InstrumentKey
from titan.model.orders import Lifetime
from titan.risk.limits import LimitSettings
from titan.store.journal import Header
from titan.store.session import new_session_id
from titan.store.writer import SessionWriter

START_NS = 1_704_067_200_000_000_000
SECOND_NS = 10**9


def linear(symbol: str, base: str, venue: str = "desk", lot: str = "0.001") -> Instrument:
    return Instrument(
        venue=venue, symbol=symbol, base=base, quote="USDT", settle="USDT", kind="linear", multiplier=Decimal(1),
        tick_size=Decimal("0.1"), lot_size=Decimal(lot), min_lots=1, max_lots=10**6, max_market_lots=10**6,
        min_notional=Decimal(5), band_up=Decimal("1.05"), band_down=Decimal("0.95"), status="trading",
    )  # fmt: skip


def inverse(symbol: str = "BTCUSD_PERP", venue: str = "desk") -> Instrument:
    return msgspec.structs.replace(
        linear(symbol, "BTC", venue),
        quote="USD",
        settle="BTC",
        kind="inverse",
        multiplier=Decimal(100),
        lot_size=Decimal(1),
    )


class Tape:
    """Writes one session. The venue's wallets and positions follow every execution at 8 decimals.

    Parameters
    ----------
    journals : Path
        Where the session's directory is made.
    instruments : Instrument
        What is traded.
    strategies : tuple of str
        Each quotes every instrument.
    """

    def __init__(
        self,
        journals: Path,
        *instruments: Instrument,
        strategies: tuple[str, ...] = ("maker",),
        start_ns: int = START_NS,
        number: int = 1,
        reporting: str = "USDT",
    ) -> None:
        self.now_ns = start_ns
        self.session = new_session_id(start_ns, number.to_bytes(3, "big"))
        self.directory = journals / self.session
        self.instruments = {terms.key: terms for terms in instruments}
        venues = dict.fromkeys(terms.venue for terms in instruments)
        self.config = KernelConfig(
            session=self.session,
            reporting_currency=reporting,
            venues=tuple(
                VenueConfig(
                    name=venue, protocol="binance_usdm", account="main",
                    symbols=tuple(terms.symbol for terms in instruments if terms.venue == venue),
                )
                for venue in venues
            ),
            strategies=tuple(
                StrategyConfig(name=name, code="tests.none", venue=terms.venue, symbol=terms.symbol, parameters=())
                for name in strategies
                for terms in instruments
            ),
            limits=LimitSettings(max_position_notional=10_000.0, max_daily_loss=100.0, max_order_notional=5_000.0),
        )  # fmt: skip
        header = Header(
            schema=1, session=self.session, predecessor=None, created_ns=start_ns, commit="c" * 40, lock_hash="lock",
            cpu_flags="flags", source_hashes={"titan.model": "hash"}, config=msgspec.msgpack.encode(self.config),
            snapshot=None, state_hash=None, account="desk.main",
        )  # fmt: skip
        self.writer = SessionWriter.create(self.directory, header)
        self.ids = ClientIds(self.session)
        self.wallets: dict[str, dict[str, Decimal]] = {venue: defaultdict(Decimal) for venue in venues}
        self.positions = {key: Position(terms) for key, terms in self.instruments.items()}
        self.marks: dict[InstrumentKey, Decimal] = {}
        self._seq = self._count = 0
        self.put(e.SessionStarted(time_ns=self.now_ns))
        for terms in instruments:
            self.put(e.InstrumentUpdate(time_ns=self.now_ns, instrument=terms))

    def put(self, event: Any, *commands: c.AnyCommand) -> None:
        """One input and what was decided on it."""
        self._seq += 1
        self.writer.append_event(self._seq, event)
        for index, command in enumerate(commands):
            self.writer.append_command(self._seq, index, command)

    def wait(self, seconds: float) -> None:
        self.now_ns += round(seconds * SECOND_NS)

    def tick(self, *commands: c.AnyCommand) -> None:
        """An input that says nothing, for the commands."""
        self.put(e.TimerFired(time_ns=self.now_ns, name="check"), *commands)

    def book(self, terms: Instrument, bid: int, ask: int) -> None:
        """A whole new book of one level a side, in ticks. The venue marks at its mid."""
        self.marks[terms.key] = (bid + ask) * terms.tick_size / 2
        self._count += 1
        self.put(
            e.BookSnapshot(
                time_ns=self.now_ns,
                venue=terms.venue,
                symbol=terms.symbol,
                last_id=self._count,
                bids=((bid, 5),),
                asks=((ask, 5),),
            )
        )

    def account(self, venue: str, purpose: str) -> None:
        """The venue's account as it stands, its positions marked a little off the mid."""
        positions = []
        for key, position in self.positions.items():
            if key.venue == venue and position.lots:
                mark = self.marks[key] + Decimal("0.03")
                positions.append(
                    e.Position(key.symbol, position.lots, position.entry(), mark, position.unrealized(mark))
                )
        balances = tuple(e.Balance(asset, wallet) for asset, wallet in self.wallets[venue].items())
        self.put(
            e.AccountSnapshot(
                time_ns=self.now_ns,
                venue=venue,
                purpose=purpose,
                balances=balances,
                positions=tuple(positions),
            )
        )

    def open(self) -> None:
        for venue in self.wallets:
            self.account(venue, "start")

    def place(self, terms: Instrument, side: int, price: int, size: int, strategy: str = "maker") -> str:
        """Place an order; the venue acknowledges it 2 ms later."""
        client_id = self.ids.next("main", strategy)
        self.tick(
            c.PlaceOrder(
                venue=terms.venue, symbol=terms.symbol, client_id=client_id, strategy=strategy, side=side, price=price,
                size=size, lifetime=Lifetime.POST_ONLY, reduce_only=False,
            )
        )  # fmt: skip
        self.wait(0.002)
        self.update(terms, client_id, side, price, size, "open")
        return client_id

    def update(
        self,
        terms: Instrument,
        client_id: str,
        side: int,
        price: int,
        size: int,
        state: str,
        filled: int = 0,
        source: Any = "answer",
    ) -> None:
        self.put(
            e.OrderUpdate(
                time_ns=self.now_ns, venue=terms.venue, symbol=terms.symbol, venue_ns=self.now_ns - 1_000_000,
                client_id=client_id, venue_id=f"v{client_id}", state=state, side=side, price=price, size=size,
                filled=filled, reduce_only=False, source=source,
            )
        )  # fmt: skip

    def fill(
        self,
        terms: Instrument,
        side: int,
        price: int,
        size: int,
        *,
        client_id: str = "",
        strategy: str = "maker",
        fee: str = "0.01",
        fee_asset: str = "",
        maker: bool = True,
    ) -> e.Fill:
        """An execution, booked by the venue in its own way."""
        self._count += 1
        asset = fee_asset or terms.settle
        realized = self.positions[terms.key].execute(side, size, terms.price(price), self.now_ns)
        self.wallets[terms.venue][terms.settle] += realized
        self.wallets[terms.venue][asset] -= Decimal(fee)
        client_id = client_id or self.ids.next("main", strategy)
        found = e.Fill(
            time_ns=self.now_ns, venue=terms.venue, symbol=terms.symbol, venue_ns=self.now_ns, client_id=client_id,
            venue_id=f"v{client_id}", trade_id=str(self._count), side=side, price=price, size=size, maker=maker,
            fee=Decimal(fee), fee_asset=asset, realized=realized, source="stream",
        )  # fmt: skip
        self.put(found)
        return found

    def income(self, terms: Instrument, amount: str, kind: str = "funding", asset: str = "") -> e.Income:
        self._count += 1
        self.wallets[terms.venue][asset or terms.settle] += Decimal(amount)
        found = e.Income(
            time_ns=self.now_ns, venue=terms.venue, symbol=terms.symbol, venue_ns=self.now_ns, kind=kind,
            asset=asset or terms.settle, amount=Decimal(amount), income_id=str(self._count),
        )  # fmt: skip
        self.put(found)
        return found

    def note(self, level: str, code: str, message: str) -> None:
        self.tick(c.Notice(level=level, code=code, message=message))

    def end(self) -> Path:
        """Read every account a last time and end."""
        for venue in self.wallets:
            self.account(venue, "end")
        self.tick(c.EndSession(exit_code=0, reason="over", left_open=()))
        return self.kill()

    def kill(self) -> Path:
        """End without a word."""
        self.writer.close()
        assert self.writer.failed is None
        return self.directory
