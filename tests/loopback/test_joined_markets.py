"""Several generated contracts on one exchange: each a market of its own, in the order of time."""

import pytest

from titan.loopback.errors import ExchangeStartError
from titan.loopback.main import LOCKSTEP, ExchangeOptions, build_desk
from titan.loopback.market import JoinedMarkets
from titan.matching.exchange import Exchange


def moved(*symbols, seconds=5.0, seed=3):
    desk = build_desk(ExchangeOptions(seed=seed, symbols=symbols, speed=LOCKSTEP))
    desk.advance_to(desk.exchange.now_ns + int(seconds * 1e9))
    return desk


def levels(desk, symbol):
    depth = desk.exchange.depth(symbol, 20)
    return depth.bids, depth.asks


def test_the_first_is_the_same_whatever_the_others_are():
    alone, beside = moved("BTCUSDT"), moved("BTCUSDT", "ETHUSDT")
    assert levels(alone, "BTCUSDT") == levels(beside, "BTCUSDT")


def test_each_moves_by_itself():
    desk = moved("BTCUSDT", "ETHUSDT")
    assert levels(desk, "BTCUSDT") != levels(desk, "ETHUSDT")
    trades = [desk.feeds.recent_trades(symbol) for symbol in ("BTCUSDT", "ETHUSDT")]
    assert all(trades)
    assert {trade.symbol for trade in trades[1]} == {"ETHUSDT"}
    assert {name: terms.base for name, terms in desk.exchange.instruments().items()} == {
        "BTCUSDT": "BTC", "ETHUSDT": "ETH"
    }  # fmt: skip


@pytest.mark.parametrize("symbols", [(), ("",), ("BTCUSDT", "BTCUSDT"), ("BTCUSD",), ("btcusdt",), ("USDT",)])
def test_what_cannot_be_generated_is_refused(symbols):
    with pytest.raises(ExchangeStartError, match="must be different coins in USDT"):
        build_desk(ExchangeOptions(symbols=symbols))


class Script:
    """A source that acts at given times and writes down who acted."""

    def __init__(self, name, times, acted):
        self.name, self.times, self.acted = name, list(times), acted
        self.instruments, self.start_ns = (), min(times)

    def prepare(self, exchange):
        self.acted.append(f"{self.name} is ready")

    def next_ns(self):
        return self.times[0] if self.times else None

    def step(self, exchange):
        self.acted.append(f"{self.name}{self.times.pop(0)}")


def test_whoever_is_due_first_acts_until_all_have_ended():
    acted, exchange = [], Exchange([], build_desk(ExchangeOptions()).settings)
    joined = JoinedMarkets([Script("a", [1, 5, 5], acted), Script("b", [2, 5], acted)])
    joined.prepare(exchange)
    assert joined.start_ns == 2
    while joined.next_ns() is not None:
        joined.step(exchange)
    assert acted == ["a is ready", "b is ready", "a1", "b2", "a5", "a5", "b5"]
