"""Sessions that go wrong: the exchange is gone, the child dies, the code fails. Each ends, and says what may stand."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from pathlib import Path

import aiohttp
import pytest

from tests.live.desks import (
    RUNNER,
    SYMBOL,
    Log,
    address_of_telemetry,
    last_object,
    log_lines,
    open_exchange,
    read_settings,
    record_capture,
    running,
    trade,
    until,
    write_settings,
)
from titan.engine.kernel import Kernel
from titan.live.runner import InternalFault, RunOptions, run
from titan.loopback.main import LOCKSTEP, ExchangeOptions, build_desk, keep_moving, serving
from titan.loopback.signatures import DEFAULT_CREDENTIALS
from titan.model.events import TimerFired, TradePrint
from titan.store.replay import replay_session

ACCOUNT = DEFAULT_CREDENTIALS.key


async def test_an_exchange_that_goes_away_leaves_orders_that_are_listed(tmp_path, capsys):
    log = Log(capsys)
    desk = build_desk(ExchangeOptions(seed=7))
    ending = asyncio.Event()
    async with serving(desk) as port:
        moving = asyncio.create_task(keep_moving(desk, ending))
        url = f"http://127.0.0.1:{port}"
        session = asyncio.create_task(trade(tmp_path, url, live__shutdown_timeout_s=1))
        await until(lambda: len(desk.exchange.open_orders(ACCOUNT, SYMBOL)) >= 1)
        ending.set()
        await moving
    await until(lambda: log.lines("market_stream_down"))
    standing = desk.exchange.open_orders(ACCOUNT, SYMBOL)
    signal.raise_signal(signal.SIGTERM)
    result = await session
    assert result.exit_code == 5
    for order in standing:
        assert any(order.client_id in left for left in result.summary["left_open"])
    assert result.summary["left_open"]
    assert len(log.lines("left_open")) == len(result.summary["left_open"])
    assert replay_session(Path(result.summary["journal"])).identical


def test_a_child_that_dies_ends_the_session(tmp_path):
    settings = write_settings(tmp_path, live__shutdown_timeout_s=1)
    with running(RUNNER, "--settings", settings, "--json") as runner:
        child = _child_of(runner.pid)
        _wait_for_log(runner, "quoting")
        os.kill(child, signal.SIGKILL)
        out, err = runner.communicate(timeout=30)
    assert runner.returncode == 5, err
    assert "the loopback exchange ended with code -9" in last_object(out)["stopped_because"]
    assert all(log_lines(err))


def _child_of(pid: int) -> int:
    path = Path(f"/proc/{pid}/task/{pid}/children")
    end_s = time.monotonic() + 30
    while not (found := path.read_text().split()):
        assert time.monotonic() < end_s
        signal.sigtimedwait([], 0.05)
    return int(found[0])


def _wait_for_log(runner, code: str) -> None:
    for line in runner.stderr:
        if json.loads(line)["code"] == code:
            return
    raise AssertionError(f"the runner ended before {code}")


@pytest.mark.parametrize("event", [TradePrint, TimerFired])
async def test_a_fault_of_ours_cancels_everything_and_is_internal(tmp_path, monkeypatch, event):
    """Whatever fails in a stream's callback or at a timer ends the session; it does not vanish in a task."""
    step = Kernel.step
    async with open_exchange() as (desk, url):

        def faulty(kernel, found):
            if isinstance(found, event) and desk.exchange.open_orders(ACCOUNT, SYMBOL):
                raise ZeroDivisionError("made up")
            return step(kernel, found)

        monkeypatch.setattr(Kernel, "step", faulty)
        with pytest.raises(
            InternalFault, match="ZeroDivisionError: made up; every order was cancelled"
        ) as caught:
            await trade(tmp_path, url)
        assert desk.exchange.orders(ACCOUNT, SYMBOL)
        assert desk.exchange.open_orders(ACCOUNT, SYMBOL) == ()
    assert caught.value.exit_code == 6


async def test_a_fault_in_an_answer_is_internal_too(tmp_path, monkeypatch):
    step = Kernel.step

    def faulty(kernel, found):
        if type(found).__name__ == "OrderUpdate" and found.source == "answer":
            raise KeyError("made up")
        return step(kernel, found)

    monkeypatch.setattr(Kernel, "step", faulty)
    async with open_exchange() as (desk, url):
        with pytest.raises(InternalFault, match="KeyError: 'made up'; every order was cancelled"):
            await trade(tmp_path, url)
        assert desk.exchange.open_orders(ACCOUNT, SYMBOL) == ()


async def test_a_fault_in_lock_step_is_internal_too(tmp_path, monkeypatch):
    capture = record_capture(tmp_path / "capture", seconds=3.0)
    step = Kernel.step

    def faulty(kernel, found):
        if isinstance(found, TradePrint):
            raise ZeroDivisionError("made up")
        return step(kernel, found)

    monkeypatch.setattr(Kernel, "step", faulty)
    async with open_exchange(ExchangeOptions(replay=capture, speed=LOCKSTEP)) as (desk, url):
        with pytest.raises(InternalFault, match="made up; every order was cancelled"):
            await trade(tmp_path, url)
        assert desk.exchange.open_orders(ACCOUNT, SYMBOL) == ()


async def test_a_lock_step_whose_exchange_is_lost_ends(tmp_path):
    capture = record_capture(tmp_path / "capture", seconds=8.0)
    desk = build_desk(ExchangeOptions(replay=capture, speed=LOCKSTEP))
    async with serving(desk) as port:
        url = f"http://127.0.0.1:{port}"
        session = asyncio.create_task(trade(tmp_path, url, live__shutdown_timeout_s=1))
        await until(lambda: desk.exchange.open_orders(ACCOUNT, SYMBOL))
    result = await asyncio.wait_for(session, 20)
    assert result.exit_code == 5
    assert "the exchange in lock-step is gone" in result.summary["stopped_because"]


async def test_a_telemetry_port_in_use_refuses_the_start(tmp_path):
    async with open_exchange() as (desk, url):
        server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(
            Exception, match=f"telemetry port {port}: .*give another telemetry_port, or 0"
        ) as caught:
            await trade(tmp_path, url, live__telemetry_port=port)
        server.close()
        assert caught.value.exit_code == 3
        assert desk.exchange.orders(ACCOUNT, SYMBOL) == ()


async def test_metrics_health_and_readiness(tmp_path, capsys):
    log = Log(capsys)
    async with open_exchange() as (desk, exchange_url), aiohttp.ClientSession() as http:
        session = asyncio.create_task(trade(tmp_path, exchange_url))
        url = await address_of_telemetry(log)
        await until(lambda: desk.exchange.open_orders(ACCOUNT, SYMBOL))
        async with http.get(f"{url}/healthz") as answer:
            assert (answer.status, await answer.json()) == (200, {"alive": True, "phase": "running"})
        async with http.get(f"{url}/readyz") as answer:
            assert answer.status == 200
            assert (await answer.json())["not_quoting"] == {}
        async with http.get(f"{url}/metrics") as answer:
            text = await answer.text()
            assert answer.content_type == "text/plain"
        for name in (
            'titan_events_total{type="BookDelta"}',
            'titan_commands_total{type="PlaceOrder"}',
            'titan_latency_seconds_count{stage="decision"}',
            'titan_position_lots{instrument="loopback:BTCUSDT"}',
            "titan_pnl ",
            "titan_open_orders ",
            "titan_running 1.0",
        ):
            assert name in text
        desk.register._by_name["btcusdt@depth@100ms"][0].send(b"?")
        await until(lambda: len(log.lines("not_quoting")) == 2)
        async with http.get(f"{url}/readyz") as answer:
            assert answer.status == 503
            assert "the book is" in (await answer.json())["not_quoting"]["loopback:BTCUSDT"]
        with pytest.raises(aiohttp.ClientConnectionError):
            await http.get(url.replace("127.0.0.1", "127.0.0.2"))
        signal.raise_signal(signal.SIGINT)
        assert (await session).exit_code == 0


async def test_a_notebook_newer_than_its_module_is_told(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("titan.live.provenance.stale_modules", lambda: ["nbs/strategy/mine.ipynb"])
    log = Log(capsys)
    async with open_exchange() as (_desk, url):
        await trade(tmp_path, url, 0.2)
    assert log.lines("stale_module")[0]["notebook"] == "nbs/strategy/mine.ipynb"


async def test_the_child_runs_a_replay_in_lock_step(tmp_path):
    capture = record_capture(tmp_path / "capture", seconds=3.0)
    options = RunOptions(venue="loopback", replay=capture, speed="max", quiet=True)
    result = await run(read_settings(tmp_path), options)
    assert (result.exit_code, result.summary["stopped_because"]) == (0, "the capture is over")


async def test_a_session_meets_the_plan_of_its_own_exchange(tmp_path, capsys):
    """An answer that breaks off, a stream that drops: the order is proven, and the books agree at the end."""
    plan = tmp_path / "plan.json"
    plan.write_text(
        '{"faults": [{"kind": "truncate_answer", "call": "POST /fapi/v1/order"},'
        ' {"kind": "drop_stream", "at_s": 4, "stream": "private"}]}'
    )
    log = Log(capsys)
    options = RunOptions(venue="loopback", duration_s=5.0, quiet=True, faults=plan)
    result = await run(read_settings(tmp_path), options)
    assert result.exit_code == 0
    assert result.summary["reconciliation_differences"] == result.summary["unknown_orders_at_exit"] == 0
    assert len(log.lines("place_unknown")) == 1
    assert len(log.lines("private_stream_down")) >= 1
