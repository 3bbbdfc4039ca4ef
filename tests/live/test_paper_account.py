"""What a session's journal tells of a paper account, against the account itself."""

from __future__ import annotations

import random
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.live.desks import read_settings
from tests.venues.paper_desk import MS, SYMBOL, TERMS, VENUE
from titan.live import paper
from titan.live.errors import StartRefused
from titan.live.paper import carried_account, fold_account, paper_config
from titan.matching.terms import Fees
from titan.model import commands as c
from titan.model.events import (
    AccountSnapshot,
    Balance,
    BookSnapshot,
    Fill,
    FillsQueried,
    Income,
    InstrumentUpdate,
    JournalledEvent,
    MarkPrice,
    Position,
)
from titan.model.orders import BUY, SELL, Lifetime
from titan.simulation.latency import LatencyModel
from titan.store.framing import JournalError
from titan.venues.paper_exchange import CarriedAccount, CarriedPosition, PaperConfig, PaperExchange

S = 1_000_000_000
START = 1_700_000_000 * S
COIN = msgspec.structs.replace(
    TERMS, symbol="BTCUSD_PERP", quote="USD", settle="BTC", kind="inverse", multiplier=Decimal(100),
    lot_size=Decimal(1), min_notional=Decimal(1),
)  # fmt: skip
ASK = c.QueryAccount(venue=VENUE, purpose="start")


class Trader:
    """A paper exchange on which one thing happens after another, and what a session would have heard of it."""

    def __init__(self, seed: int, carried: CarriedAccount | None = None) -> None:
        self.draw = random.Random(seed)
        self.now_ns = START + seed * 3600 * S
        self.terms = {SYMBOL: TERMS, COIN.symbol: COIN}
        config = PaperConfig(
            venue=VENUE,
            protocol="binance_usdm",
            symbols=tuple(self.terms),
            wallet=Decimal(1_000),
            carried=carried,
        )
        self.exchange = PaperExchange(config, self.terms, self.now_ns)
        self.heard: list[JournalledEvent] = [
            InstrumentUpdate(time_ns=0, instrument=terms) for terms in self.terms.values()
        ]
        for symbol in self.terms:
            self.market(symbol)
        self.heard += self.exchange.query_account(ASK)

    def market(self, symbol: str) -> None:
        """A new book around a new price, and a mark whose funding is due within seconds."""
        self.now_ns += self.draw.randrange(1, 3 * S)
        mid = self.draw.randrange(550_000, 650_000)
        sides = {
            "bids": tuple((mid - n, self.draw.randrange(1, 40)) for n in range(1, 5)),
            "asks": tuple((mid + n, self.draw.randrange(1, 40)) for n in range(1, 5)),
        }
        told: dict[str, Any] = {"time_ns": self.now_ns, "venue": VENUE, "symbol": symbol}
        self.exchange.take(BookSnapshot(**told, last_id=self.now_ns, **sides))
        price = Decimal(mid) / 10
        due = self.now_ns + self.draw.randrange(1, 8 * S)
        self.exchange.take(
            MarkPrice(**told, mark=price, index=price, funding_rate=0.0003, next_funding_ns=due)
        )
        self.heard += self.exchange.private()

    def trade(self, number: int) -> None:
        """An order that takes or rests."""
        symbol = self.draw.choice(sorted(self.terms))
        command = c.PlaceOrder(
            venue=VENUE, symbol=symbol, client_id=f"n{number}", strategy="s", side=self.draw.choice((BUY, SELL)),
            price=self.draw.randrange(560_000, 640_000), size=self.draw.randrange(1, 30),
            lifetime=self.draw.choice((Lifetime.GTC, Lifetime.IOC)), reduce_only=False,
        )  # fmt: skip
        self.now_ns += 1
        self.exchange.advance(self.now_ns)
        self.heard += self.exchange.place(command, self.terms[symbol])
        self.heard += self.exchange.private()

    def funding(self) -> None:
        """What a query of own executions tells: funding, and every execution again."""
        for symbol in self.terms:
            self.heard += self.exchange.query_fills(c.QueryFills(venue=VENUE, symbol=symbol, since_ns=0))

    def account(self) -> CarriedAccount:
        """Wallets and positions as the exchange has them."""
        account = self.exchange._exchange
        positions = [
            CarriedPosition(held.symbol, self.terms[held.symbol].size(held.lots), held.basis)
            for held in sorted(account.positions("paper"))
            if held.lots
        ]
        wallets = tuple((balance.asset, balance.wallet) for balance in account.balances("paper"))
        return CarriedAccount(wallets, tuple(positions))


@pytest.mark.parametrize("seed", range(3))
def test_the_journal_tells_the_account_to_the_last_digit_over_several_runs(seed):
    carried: CarriedAccount | None = None
    for run in range(3):
        trader = Trader(seed * 3 + run, carried)
        for number in range(40):
            trader.market(trader.draw.choice(sorted(trader.terms)))
            trader.trade(number)
        trader.funding()
        trader.funding()
        assert any(isinstance(event, Fill) for event in trader.heard)
        assert any(isinstance(event, Income) for event in trader.heard)
        carried = fold_account(trader.heard)
        assert carried == trader.account()
    assert carried is not None
    assert carried.positions


def test_executions_that_only_a_query_told_count_once():
    trader = Trader(1)
    for number in range(20):
        trader.market(SYMBOL)
        trader.trade(number)
    trader.funding()
    without = [event for event in trader.heard if not isinstance(event, Fill)]
    assert any(isinstance(event, FillsQueried) and event.fills for event in without)
    assert fold_account(without) == fold_account(trader.heard) == trader.account()


def snapshot(purpose: str, wallet: str, *positions: Position) -> AccountSnapshot:
    return AccountSnapshot(
        time_ns=5, venue=VENUE, purpose=purpose, balances=(Balance("USDT", Decimal(wallet)),), positions=positions,
        venue_ns=5,
    )  # fmt: skip


def test_the_last_opening_counts_and_no_other_snapshot():
    told = [
        InstrumentUpdate(time_ns=1, instrument=TERMS),
        snapshot("start", "1"), snapshot("start", "2"), snapshot("check", "3"), snapshot("end", "4"),
    ]  # fmt: skip
    assert fold_account(told) == CarriedAccount((("USDT", Decimal(2)),), ())
    assert fold_account([*told[:1], *told[3:]]) is None


def test_a_position_without_a_mark_keeps_its_entry_for_cost():
    held = Position(symbol=SYMBOL, lots=-4, entry=Decimal(50_000), mark=Decimal(0), unrealized=Decimal(0))
    told = [InstrumentUpdate(time_ns=1, instrument=TERMS), snapshot("start", "1", held)]
    (kept,) = fold_account(told).positions
    assert kept == CarriedPosition(SYMBOL, Decimal("-0.004"), Decimal(-200))


def test_another_tick_is_taken_up():
    coarse = msgspec.structs.replace(TERMS, tick_size=Decimal("0.5"), version=2)
    bought = Fill(
        time_ns=6, venue=VENUE, symbol=SYMBOL, venue_ns=6, client_id="a", venue_id="1", trade_id="1", side=BUY,
        price=120_000, size=2, maker=True, fee=Decimal(0), fee_asset="USDT", realized=Decimal(0), source="stream",
    )  # fmt: skip
    held = Position(
        symbol=SYMBOL, lots=2, entry=Decimal(50_000), mark=Decimal(60_000), unrealized=Decimal(20)
    )
    told = [
        InstrumentUpdate(time_ns=1, instrument=TERMS), snapshot("start", "1", held),
        InstrumentUpdate(time_ns=5, instrument=coarse), bought,
    ]  # fmt: skip
    assert fold_account(told).positions == (CarriedPosition(SYMBOL, Decimal("0.004"), Decimal(220)),)


def test_nothing_was_there_before_the_first_session(tmp_path):
    assert carried_account(tmp_path, "loopback.main@paper on x") is None


def test_a_journal_that_cannot_be_read_refuses_the_start(tmp_path, monkeypatch):
    def damaged(journals: Path, account: str) -> None:
        raise JournalError("its header is damaged")

    monkeypatch.setattr(paper, "latest_session", damaged)
    with pytest.raises(StartRefused, match="the paper account cannot be read: its header is damaged"):
        carried_account(tmp_path, "any")


def test_every_setting_reaches_the_account(tmp_path):
    changes = {
        "paper__wallet": "12.5", "paper__maker_fee_bps": "-0.5", "paper__taker_fee_bps": 4,
        "paper__entry_ms": "1, 2, 8", "paper__response_ms": 3, "paper__latency_persistence": 0.5, "paper__seed": 9,
        "paper__queue_model": "logarithmic", "paper__queue_exponent": 3, "venue__leverage": 7,
        "venue__margin_mode": "isolated", "venue__multi_assets": "true", "venue__symbols": "BTCUSDT, ETHUSDT",
    }  # fmt: skip
    carried = CarriedAccount((), ())
    config = paper_config(read_settings(tmp_path, **changes), "loopback", carried)
    assert config.wallet == Decimal("12.5")
    assert config.exchange.fees == Fees(Decimal("-0.00005"), Decimal("0.0004"))
    assert config.entry == LatencyModel((1.0 * MS, 2.0 * MS, 8.0 * MS), 0.5)
    assert config.response == LatencyModel((3.0 * MS,), 0.5)
    assert (config.seed, config.exchange.queue_model, config.exchange.queue_exponent) == (9, "logarithmic", 3)
    assert (config.leverage, config.margin_mode, config.multi_assets) == (7, "isolated", True)
    assert (config.symbols, config.protocol, config.carried) == (
        ("BTCUSDT", "ETHUSDT"),
        "binance_usdm",
        carried,
    )
    assert config.exchange.market == "replayed"
    plain = {"venue__leverage": 0, "venue__margin_mode": "any"}
    either = paper_config(read_settings(tmp_path, **plain), "loopback", None)
    assert (either.leverage, either.margin_mode) == (20, "cross")
