"""Starting and ending an exchange: ports, signals, standard input, accounts, speeds."""

from __future__ import annotations

import asyncio
import errno
import math
import os
import signal
import sys
from decimal import Decimal
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from tests.loopback import capture
from tests.loopback.client import DEFAULT, SYMBOL
from titan.loopback.clock import LockstepClock
from titan.loopback.errors import ExchangeStartError
from titan.loopback.main import (
    LOCKSTEP,
    ExchangeOptions,
    build_desk,
    parse_account,
    parse_speed,
    run_exchange,
    serving,
)

REPOSITORY = Path(__file__).resolve().parents[2]
PROGRAM = """
import asyncio, sys
from titan.loopback.main import ExchangeOptions, run_exchange
options = ExchangeOptions(stop_at_stdin_end="--stdin" in sys.argv)
asyncio.run(run_exchange(options, lambda port: print(port, flush=True)))
print("ended", flush=True)
"""


async def _child(*arguments: str) -> asyncio.subprocess.Process:
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        PROGRAM,
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_cleanly(number):
    child = await _child()
    assert child.stdout is not None
    port = int(await child.stdout.readline())
    async with aiohttp.ClientSession() as session:
        await session.ws_connect(f"ws://127.0.0.1:{port}/ws/btcusdt@bookTicker")
        child.send_signal(number)
        out, err = await child.communicate()
    assert (child.returncode, out, err) == (0, b"ended\n", b"")


async def test_it_ends_when_its_parents_pipe_closes():
    child = await _child("--stdin")
    assert child.stdout is not None
    assert child.stdin is not None
    await child.stdout.readline()
    child.stdin.write(b"still here\n")
    child.stdin.close()
    out, err = await child.communicate()
    assert (child.returncode, out, err) == (0, b"ended\n", b"")


async def test_a_port_in_use_is_one_clear_line():
    async with serving(build_desk(ExchangeOptions())) as port:
        with pytest.raises(ExchangeStartError) as caught:
            await run_exchange(ExchangeOptions(port=port), lambda port: None)
    assert str(caught.value) == (
        f"port {port} on 127.0.0.1 is in use; give another with --port, or 0 for a free one"
    )


async def test_a_port_that_cannot_be_had_is_one_clear_line():
    with pytest.raises(ExchangeStartError, match="0 to 65535"):
        async with serving(build_desk(ExchangeOptions()), port=70_000):
            pass


async def test_a_port_kept_for_others_is_one_clear_line(monkeypatch):
    async def refused(site: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(web.TCPSite, "start", refused)
    with pytest.raises(ExchangeStartError, match="port 80: Permission denied"):
        async with serving(build_desk(ExchangeOptions()), port=80):
            pass


async def test_only_this_machine_can_connect():
    async with serving(build_desk(ExchangeOptions())) as port:
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.2", port)


async def test_a_replay_paced_by_the_wall_clock_runs_and_ends(tmp_path):
    path = capture.write(tmp_path / "c", capture.lines())
    ports: asyncio.Queue[int] = asyncio.Queue()
    stop = asyncio.Event()
    options = ExchangeOptions(replay=path, speed=50.0)
    running = asyncio.create_task(run_exchange(options, ports.put_nowait, stop))
    port = await ports.get()
    async with aiohttp.ClientSession() as session:
        socket = await session.ws_connect(f"ws://127.0.0.1:{port}/ws/btcusdt@trade")
        assert (await socket.receive_json(timeout=5))["p"] == "60000.00"
        control = await session.ws_connect(f"ws://127.0.0.1:{port}/control")
        hello = await control.receive_json(timeout=5)
        assert (hello["clock"], hello["speed"]) == ("scaled", 50.0)
        await control.send_str("?")
        assert (await control.receive_json(timeout=5))["now_ns"] > hello["now_ns"]
        await control.close()
    stop.set()
    await running


async def test_accounts_are_separate_and_as_given():
    other = parse_account("k:s:250.5")
    desk = build_desk(ExchangeOptions(accounts=(DEFAULT, other), speed=LOCKSTEP))
    wallets = {name: desk.exchange.balances(name)[0].wallet for name in ("loopback-key", "k")}
    assert wallets == {"loopback-key": Decimal(100_000), "k": Decimal("250.5")}
    assert "secret" not in repr(DEFAULT).replace("Credentials", "")


@pytest.mark.parametrize("text", ["", "key", "key:secret", "key:secret:much", "key:secret:-1", ":secret:1"])
def test_a_malformed_account_is_refused_without_its_secret(text):
    with pytest.raises(ExchangeStartError) as caught:
        parse_account(text)
    assert "key:secret:balance" in str(caught.value)


def test_two_accounts_of_one_key_are_refused():
    with pytest.raises(ExchangeStartError, match="share one key"):
        build_desk(ExchangeOptions(accounts=(DEFAULT, DEFAULT)))


def test_speeds():
    assert parse_speed("max") == LOCKSTEP == math.inf
    assert parse_speed("2.5") == 2.5
    for text in ("0", "-1", "nan", "inf", "fast"):
        with pytest.raises(ExchangeStartError, match="positive number, or max"):
            parse_speed(text)


def test_a_lockstep_clock_never_goes_back():
    clock = LockstepClock(10)
    clock.set(20)
    clock.set(15)
    assert clock.now_ns() == 20


def test_the_same_seed_gives_the_same_market():
    def book(seed: int) -> object:
        desk = build_desk(ExchangeOptions(seed=seed, speed=LOCKSTEP))
        desk.advance_to(desk.clock.now_ns() + 5 * 10**9)
        return desk.exchange.depth(SYMBOL), desk.feeds.recent_trades(SYMBOL)

    assert book(3) == book(3)
    assert book(3) != book(4)
