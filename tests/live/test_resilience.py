"""Whole sessions at an exchange that does not find them well set up, or finds them dead."""

from __future__ import annotations

import asyncio
import re
import signal
import time
from decimal import Decimal

import aiohttp
import pytest

from tests.live.desks import (
    RUNNER,
    SYMBOL,
    Log,
    address_of_telemetry,
    open_exchange,
    read_settings,
    running,
    trade,
    until,
    write_settings,
)
from titan.live.child import ChildExchange
from titan.live.runner import InternalFault, RunOptions, run
from titan.loopback.main import ExchangeOptions
from titan.loopback.signatures import DEFAULT_CREDENTIALS
from titan.matching.terms import ExchangeSettings, Fees
from titan.store.replay import replay_session
from titan.venues.binance import BinanceAdapter
from titan.venues.websocket import Stream

ACCOUNT = DEFAULT_CREDENTIALS.key
DEAD_MAN_S = 3


async def test_a_runner_that_is_killed_leaves_no_order_behind_its_countdown(tmp_path):
    """kill -9: nobody is left to cancel, and the exchange does it by itself in time."""
    async with open_exchange() as (desk, url):
        # So far from the mid that they rest until somebody cancels them.
        far = {"strategy__minimum_half_spread_bps": 20}
        settings = write_settings(tmp_path, venue__rest_url=url, live__dead_man_s=DEAD_MAN_S, **far)
        with running(RUNNER, "--settings", settings, "--json") as runner:
            await until(lambda: len(desk.exchange.open_orders(ACCOUNT, SYMBOL)) == 2, 60)
            await asyncio.sleep(1.5 * DEAD_MAN_S)
            left = [order.client_id for order in desk.exchange.open_orders(ACCOUNT, SYMBOL)]
            assert len(left) == 2, "it fired on a runner that lives"
            runner.send_signal(signal.SIGKILL)
            died_s = time.monotonic()
            await asyncio.to_thread(runner.wait)
        await until(lambda: not desk.exchange.open_orders(ACCOUNT, SYMBOL))
        assert time.monotonic() - died_s <= DEAD_MAN_S + 0.5
    ends = [desk.exchange.order(ACCOUNT, SYMBOL, client_id=name) for name in left]
    assert [order.reason for order in ends] == ["countdown", "countdown"]


async def test_after_a_proven_stop_the_switch_spares_an_operators_orders(tmp_path):
    async with open_exchange() as (desk, url):
        result = await trade(tmp_path, url, 0.5, live__dead_man_s=DEAD_MAN_S)
        assert result.exit_code == 0
        assert desk.exchange._countdowns == {}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"venue__leverage": 5}, "[venue.loopback] leverage: expected 5, BTCUSDT has 20"),
        ({"venue__margin_mode": "isolated"}, "margin_mode: expected isolated, BTCUSDT has cross"),
        ({"venue__multi_assets": "true"}, "multi_assets: expected true, the account has false"),
        ({"venue__max_maker_fee_bps": -1}, "max_maker_fee_bps: expected at most -1, BTCUSDT has -0.5"),
    ],
)
async def test_an_account_that_is_set_up_otherwise_is_refused_and_left_as_it_is(tmp_path, changes, says):
    async with open_exchange() as (desk, url):
        result = await trade(tmp_path, url, **changes)
        assert result.exit_code == 3
        assert says in result.summary["stopped_because"]
        assert desk.exchange.orders(ACCOUNT, SYMBOL) == ()
        assert desk.exchange.leverage(ACCOUNT, SYMBOL) == 20


async def test_fees_above_the_expected_are_refused(tmp_path):
    fees = Fees(maker=Decimal("0.0002"), taker=Decimal("0.001"))
    options = ExchangeOptions(seed=7, settings=ExchangeSettings(fees=fees))
    async with open_exchange(options) as (_desk, url):
        result = await trade(tmp_path, url)
    assert result.exit_code == 3
    assert "max_taker_fee_bps: expected at most 5, BTCUSDT has 10" in result.summary["stopped_because"]


async def test_a_key_whose_powers_were_not_checked_is_told(tmp_path, capsys):
    log = Log(capsys)
    async with open_exchange() as (_desk, url):
        await trade(tmp_path, url, 0.2)
    assert "may withdraw was not checked" in log.lines("not_checked")[0]["event"]


@pytest.mark.parametrize(("owner", "task"), [(BinanceAdapter, "_keep_clock"), (Stream, "_watch")])
async def test_a_task_of_the_adapter_that_dies_ends_the_session_with_the_cause(
    tmp_path, monkeypatch, owner, task
):
    async with open_exchange() as (desk, url):

        async def dies(of_it: object) -> None:
            await until(lambda: desk.exchange.open_orders(ACCOUNT, SYMBOL))
            raise ZeroDivisionError("made up")

        monkeypatch.setattr(owner, task, dies)
        with pytest.raises(InternalFault, match="ZeroDivisionError: made up; every order was cancelled"):
            await trade(tmp_path, url)
        assert desk.exchange.open_orders(ACCOUNT, SYMBOL) == ()
    (journal,) = (tmp_path / "journals").glob("2*-*")
    assert replay_session(journal).identical


async def test_a_watch_over_the_exchange_that_dies_ends_the_session_with_the_cause(
    tmp_path, monkeypatch, capsys
):
    log = Log(capsys)

    async def dies(child: ChildExchange) -> int:
        await until(lambda: log.lines("quoting"), 60)
        raise ZeroDivisionError("made up")

    monkeypatch.setattr(ChildExchange, "wait", dies)
    with pytest.raises(InternalFault, match="ZeroDivisionError: made up; every order was cancelled"):
        await run(read_settings(tmp_path), RunOptions(venue="loopback", quiet=True))


async def test_frames_that_waited_are_in_the_metrics(tmp_path, capsys):
    log = Log(capsys)
    async with open_exchange() as (desk, exchange_url), aiohttp.ClientSession() as http:
        session = asyncio.create_task(trade(tmp_path, exchange_url))
        url = await address_of_telemetry(log)
        await until(lambda: desk.exchange.open_orders(ACCOUNT, SYMBOL))
        (connection,) = desk.register._by_name["btcusdt@bookTicker"]
        frame = b'{"stream":"btcusdt@bookTicker","data":{"e":"old","s":"BTCUSDT"}}'
        for _ in range(5_000):
            connection.send(frame)

        async def conflated() -> float:
            async with http.get(f"{url}/metrics") as answer:
                found = re.search(r'titan_frames_conflated\{venue="loopback"\} (\S+)', await answer.text())
                return float(found[1]) if found else 0.0

        async with asyncio.timeout(20):
            while await conflated() == 0.0:
                await asyncio.sleep(0.1)
        signal.raise_signal(signal.SIGINT)
        assert (await session).exit_code == 0
