"""Sessions in this process, on an exchange on real sockets: what comes out, and what it is equal to."""

from __future__ import annotations

import asyncio
import math
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from tests.live.desks import open_exchange, read_settings, record_capture, trade
from titan.live.runner import RunOptions, run
from titan.loopback.main import LOCKSTEP, ExchangeOptions
from titan.store.replay import replay_session


def total(parts: dict[str, str]) -> Decimal:
    """The parts as the identity of `titan.evaluation.pnl` adds them up: fees are a cost."""
    numbers = {name: Decimal(text) for name, text in parts.items()}
    return sum(numbers.values()) - 2 * numbers["fees"]


async def test_a_session_trades_and_its_parts_make_its_equity(tmp_path):
    async with open_exchange() as (desk, url):
        result = await trade(tmp_path, url, 2.0)
        found = result.summary
        wallet = desk.exchange.balances("loopback-key")[0].wallet
        trades = desk.exchange.trades("loopback-key", "BTCUSDT")
        assert desk.exchange.open_orders("loopback-key", "BTCUSDT") == ()
    assert result.exit_code == 0
    assert found["fills"] == len(trades) > 0
    assert found["orders_acked"] == found["orders_sent"] > 0
    assert abs(total(found["pnl_parts"]) - Decimal(found["pnl"])) <= Decimal("0.000001")
    assert abs(Decimal(found["equity_change_at_venue"]) - Decimal(found["pnl"])) <= Decimal("0.000001")
    assert found["open_orders_at_exit"] == found["unknown_orders_at_exit"] == 0
    assert found["reconciliation_differences"] == 0
    assert wallet != 100_000
    replay = replay_session(Path(found["journal"]))
    assert (replay.identical, replay.difference, replay.truncated) == (True, "", ())
    assert replay.events == found["events"]


async def test_lock_step_twice_gives_the_same_fills(tmp_path):
    capture = record_capture(tmp_path / "capture")
    found = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        async with open_exchange(ExchangeOptions(replay=capture, speed=LOCKSTEP)) as (_desk, url):
            found.append((await trade(folder, url)).summary)
    assert found[0]["fills"] == found[1]["fills"] > 0
    assert found[0]["fills_digest"] == found[1]["fills_digest"]
    assert found[0]["stopped_because"] == "the capture is over"
    assert found[0]["pnl"] == found[1]["pnl"]
