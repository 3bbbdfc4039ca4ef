"""Sessions in mode shadow, on an exchange on real sockets that notes everything it is asked."""

from __future__ import annotations

import asyncio
import signal
from decimal import Decimal
from pathlib import Path

from tests.live.desks import SYMBOL, Log, read_settings, until, write_settings
from tests.live.watched import Watched, watched_exchange
from titan import settings as settings_module
from titan.live.configure import kernel_config
from titan.live.result import Result
from titan.live.runner import RunOptions, run
from titan.loopback.main import ExchangeOptions
from titan.loopback.signatures import DEFAULT_CREDENTIALS
from titan.matching.types import OrderRequest
from titan.model.commands import AmendOrder, CancelOrder, PlaceOrder
from titan.model.orders import BUY, SELL, Lifetime
from titan.settings import Settings
from titan.store.journal import SessionReader
from titan.store.replay import replay_session

ACCOUNT = DEFAULT_CREDENTIALS.key
KEYS = {
    "TITAN_VENUE__LOOPBACK__API_KEY": DEFAULT_CREDENTIALS.key,
    "TITAN_VENUE__LOOPBACK__API_SECRET": DEFAULT_CREDENTIALS.secret,
}
SHADOW = {"live__mode": "shadow", "paper__maker_fee_bps": -0.5, "live__flatten_at_end": "true"}


def settings_for(folder: Path, url: str, environment: dict[str, str], **changes: object) -> Settings:
    path = write_settings(folder, venue__rest_url=url, **{**SHADOW, **changes})
    return settings_module.load(path, environment=environment)


async def shadow(settings: Settings, duration_s: float = 0.0) -> Result:
    return await run(settings, RunOptions(venue="loopback", duration_s=duration_s, quiet=True))


def by_hand(market: Watched, side: int, price: int, size: int, lifetime: Lifetime = Lifetime.GTC) -> int:
    """An order of the operator's own; its number."""
    request = OrderRequest(symbol=SYMBOL, side=side, size=size, price=price, lifetime=lifetime)
    placed = market.desk.exchange.place(ACCOUNT, request).order_id
    market.desk.feeds.pump()
    return placed


def lots(market: Watched) -> int:
    return market.desk.exchange.lots(ACCOUNT, SYMBOL)


def commands(result: Result) -> dict[str, int]:
    """How many commands about orders the journal holds, by kind."""
    counts = {kind.__name__: 0 for kind in (PlaceOrder, AmendOrder, CancelOrder)}
    for _, _, command in SessionReader(Path(result.summary["journal"])).commands():
        if type(command).__name__ in counts:
            counts[type(command).__name__] += 1
    return counts


async def test_without_keys_it_decides_and_records_and_nothing_private_is_asked(tmp_path, monkeypatch):
    async with watched_exchange(monkeypatch, ExchangeOptions(seed=7, speed=5.0)) as market:
        result = await shadow(settings_for(tmp_path, market.url, {}), 2.0)
        again = await shadow(settings_for(tmp_path, market.url, {}), 0.3)
        assert market.nothing_private()
        assert market.desk.exchange.orders(ACCOUNT, SYMBOL) == ()
    found = result.summary
    assert (found["mode"], result.exit_code) == ("shadow", 0)
    assert found["fills"] == 0
    assert found["orders_acked"] == found["orders_sent"] == commands(result)["PlaceOrder"] > 0
    assert found["amends_sent"] + found["cancels_sent"] > 3  # it follows the market
    assert Decimal(found["pnl"]) == Decimal(found["equity_change_at_venue"]) == 0
    assert found["position"] == {"loopback:BTCUSDT": 0}
    assert found["open_orders_at_exit"] == found["unknown_orders_at_exit"] == 0
    assert found["reconciliation_differences"] == 0
    replay = replay_session(Path(found["journal"]))
    assert replay.identical, replay.difference
    assert again.exit_code == 0
    assert SessionReader(Path(again.summary["journal"])).header.predecessor == found["session"]


async def test_with_keys_the_account_is_read_and_nothing_of_it_is_changed(tmp_path, monkeypatch, capsys):
    log = Log(capsys)
    async with watched_exchange(monkeypatch) as market:
        best = market.desk.exchange.depth(SYMBOL, 1)
        by_hand(market, BUY, best.asks[0][0] + 50, 7, Lifetime.IOC)
        own = by_hand(market, BUY, best.bids[0][0] - 5_000, 9)
        held, before = lots(market), len(market.desk.exchange.trades(ACCOUNT, SYMBOL))
        assert held > 0
        session = asyncio.create_task(shadow(settings_for(tmp_path, market.url, KEYS)))
        await until(lambda: log.lines("quoting"))
        # A trade by hand meanwhile is heard on the private stream, as it would be live.
        by_hand(market, SELL, best.bids[0][0] - 200, 3, Lifetime.IOC)
        traded = len(market.desk.exchange.trades(ACCOUNT, SYMBOL))
        signal.raise_signal(signal.SIGTERM)
        result = await session
        assert market.desk.exchange.order(ACCOUNT, SYMBOL, order_id=own).open
        assert len(market.desk.exchange.orders(ACCOUNT, SYMBOL)) == 3
        assert lots(market) == held - 3
    found = result.summary
    assert market.changing() == []
    assert {each.method for each in market.asked} == {"GET", "POST"}
    assert (market.private_streams, any(each.signed for each in market.asked)) == (1, True)
    assert found["position"] == {"loopback:BTCUSDT": held - 3}
    assert (result.exit_code, found["fills"], found["reconciliation_differences"]) == (
        0, traded - before, 0,
    )  # fmt: skip
    assert found["orders_acked"] == found["orders_sent"] == commands(result)["PlaceOrder"] > 0
    assert abs(Decimal(found["equity_change_at_venue"]) - Decimal(found["pnl"])) <= Decimal("0.000001")
    replay = replay_session(Path(found["journal"]))
    assert replay.identical, replay.difference


async def test_an_account_set_up_otherwise_is_refused_as_it_would_be_live(tmp_path, monkeypatch):
    async with watched_exchange(monkeypatch) as market:
        result = await shadow(settings_for(tmp_path, market.url, KEYS, venue__leverage=3))
        assert market.changing() == []
    assert result.exit_code == 3
    assert "leverage: expected 3, BTCUSDT has 20" in result.summary["stopped_because"]


async def test_it_stands_beside_a_session_that_trades_the_same_account(tmp_path, monkeypatch, capsys):
    """Orders of the live session are not ours to touch, though their names begin alike; its fills are heard."""
    log = Log(capsys)
    live, beside = tmp_path / "live", tmp_path / "shadow"
    live.mkdir()
    beside.mkdir()
    async with watched_exchange(monkeypatch) as market:
        trading = settings_module.load(write_settings(live, venue__rest_url=market.url), environment={})
        trader = asyncio.create_task(run(trading, RunOptions(venue="loopback", duration_s=4.0, quiet=True)))
        await until(lambda: market.desk.exchange.open_orders(ACCOUNT, SYMBOL))
        sent = len(market.changing())
        result = await shadow(settings_for(beside, market.url, KEYS), 1.5)
        traded = await trader
        placed = market.desk.exchange.orders(ACCOUNT, SYMBOL)
    assert sent > 0
    assert (result.exit_code, traded.exit_code) == (0, 0)
    assert len(placed) == traded.summary["orders_sent"]
    changing = [each for each in market.changing() if each.path == "/fapi/v1/order"]
    summary = traded.summary
    assert len(changing) == summary["orders_sent"] + summary["amends_sent"] + summary["cancels_sent"]
    assert not log.lines("order_adopted")
    assert result.summary["reconciliation_differences"] == summary["reconciliation_differences"] == 0


def test_in_shadow_no_position_is_closed_at_the_end(tmp_path):
    changes = {"live__flatten_at_end": "true"}
    shadowed = kernel_config(read_settings(tmp_path, live__mode="shadow", **changes), "s", "loopback", 0)
    papered = kernel_config(read_settings(tmp_path, live__mode="paper", **changes), "s", "loopback", 0)
    assert (shadowed.flatten_at_end, papered.flatten_at_end) == (False, True)
