"""The small parts of a session: timers, mailbox, clocks, addresses, child, provenance, configuration, latencies."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tests.live.desks import open_exchange, read_settings, until
from titan.live import child, provenance, telemetry
from titan.live.child import ChildExchange
from titan.live.clocks import ScaledClock, session_clock
from titan.live.configure import kernel_config, strategy_modules
from titan.live.errors import StartRefused, UsageError
from titan.live.lockstep import Mailbox, StreamLost, follow
from titan.live.session import Timers
from titan.live.summary import money
from titan.live.telemetry import Latencies
from titan.live.venue import address_of
from titan.loopback.main import LOCKSTEP, ExchangeOptions
from titan.model.clock import SetClock
from titan.model.contract import ParameterError

# ---- Timers ------------------------------------------------------------------------------------------------


def test_timers_fire_in_order_of_time_and_once():
    timers = Timers()
    assert timers.next_ns is None
    timers.set("late", 30)
    timers.set("early", 10)
    assert timers.next_ns == 10
    assert timers.pop_due(9) is None
    assert [timers.pop_due(30), timers.pop_due(30), timers.pop_due(30)] == ["early", "late", None]


def test_a_timer_asked_for_again_replaces_the_first():
    timers = Timers()
    timers.set("a", 10)
    timers.set("a", 20)
    assert (timers.next_ns, timers.pop_due(19), timers.pop_due(20)) == (20, None, "a")
    timers.set("a", 40)
    timers.set("a", 30)
    assert (timers.pop_due(30), timers.pop_due(99), timers.next_ns) == ("a", None, None)


# ---- Mailbox -----------------------------------------------------------------------------------------------


async def test_a_mailbox_hands_out_public_frames_first_and_only_up_to_the_totals():
    box, taken = Mailbox(), []
    box.put_private(lambda: taken.append("private 1"))
    for number in (1, 2, 3):
        box.put_public(lambda number=number: taken.append(f"public {number}"))
    await box.wait_for(2, 1)
    box.take(2, 1)
    assert taken == ["public 1", "public 2", "private 1"]
    assert (box.taken_public, box.taken_private, box.waiting) == (2, 1, 1)
    box.take_all()
    assert taken[-1] == "public 3"


async def test_a_mailbox_waits_for_what_is_on_its_way():
    box = Mailbox()
    waiting = asyncio.create_task(box.wait_for(1, 1))
    await asyncio.sleep(0)
    box.put_public(lambda: None)
    await asyncio.sleep(0)
    assert not waiting.done()
    box.put_private(lambda: None)
    await asyncio.wait_for(waiting, 1)


async def test_a_mailbox_whose_stream_is_lost_waits_for_nothing():
    box = Mailbox()
    box.put_public(lambda: None)
    box.lose("connection reset")
    await box.wait_for(1, 0)
    with pytest.raises(StreamLost, match="connection reset"):
        await box.wait_for(2, 0)


# ---- Clocks ------------------------------------------------------------------------------------------------


def test_a_scaled_clock_runs_from_where_it_was_set(monkeypatch):
    now = [5_000]
    monkeypatch.setattr("titan.live.clocks.time.monotonic_ns", lambda: now[0])
    clock = ScaledClock(1_000_000, 2.5)
    now[0] += 100
    assert clock.now_ns() == 1_000_250


async def test_the_sessions_clock_is_the_exchanges():
    async with open_exchange(ExchangeOptions(speed=40.0)) as (desk, url):
        clock, hello = await session_clock(url.replace("http", "ws") + "/control")
        assert (hello.clock, hello.speed, hello.instance) == ("scaled", 40.0, desk.instance)
        assert abs(clock.now_ns() - desk.clock.now_ns()) < 40 * 10**9


async def test_in_lock_step_the_clock_is_set_and_a_second_runner_is_refused():
    async with open_exchange(ExchangeOptions(speed=LOCKSTEP)) as (desk, url):
        control = url.replace("http", "ws") + "/control"
        clock, _ = await session_clock(control)
        assert isinstance(clock, SetClock)
        assert clock.now_ns() == desk.exchange.now_ns
        async with aiohttp.ClientSession() as http, http.ws_connect(control) as holder:
            await holder.receive_json()
            with pytest.raises(StartRefused, match="another runner holds the lock-step"):
                await session_clock(control)
            unused: Any = None
            with pytest.raises(StartRefused, match="another runner holds the lock-step"):
                await follow(control, unused, unused, Mailbox(), SetClock(), unused)


@pytest.mark.parametrize("answer", ["not json", '{"hello": "world"}', None])
async def test_something_else_at_the_address_is_no_exchange(answer):
    async def control(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        if answer is not None:
            await socket.send_str(answer)
        await socket.close()
        return socket

    app = web.Application()
    app.router.add_get("/control", control)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    with pytest.raises(StartRefused, match="is no loopback exchange"):
        await session_clock(f"ws://127.0.0.1:{runner.addresses[0][1]}/control")
    await runner.cleanup()


# ---- Addresses ---------------------------------------------------------------------------------------------


def venue(tmp_path: Path, rest_url: str, stream_url: str = ""):
    return read_settings(tmp_path, venue__rest_url=rest_url, venue__stream_url=stream_url).venue["loopback"]


def test_a_childs_addresses_are_made_of_its_port(tmp_path):
    found = address_of(venue(tmp_path, ""), 4321)
    assert found == ("http://127.0.0.1:4321", "ws://127.0.0.1:4321", "ws://127.0.0.1:4321/control")


@pytest.mark.parametrize(
    ("rest", "stream", "expected"),
    [
        (
            "http://127.0.0.1:80/",
            "",
            ("http://127.0.0.1:80", "ws://127.0.0.1:80", "ws://127.0.0.1:80/control"),
        ),
        (
            "https://localhost:1",
            "",
            ("https://localhost:1", "wss://localhost:1", "wss://localhost:1/control"),
        ),
        (
            "http://[::1]:5",
            "ws://127.9.9.9:6/",
            ("http://[::1]:5", "ws://127.9.9.9:6", "ws://[::1]:5/control"),
        ),
    ],
)
def test_addresses_of_this_machine(tmp_path, rest, stream, expected):
    assert address_of(venue(tmp_path, rest, stream), None) == expected


@pytest.mark.parametrize(
    ("rest", "stream", "error"),
    [
        ("http://10.0.0.1", "", StartRefused),
        ("http://localhost.example.com", "", StartRefused),
        ("http://127.0.0.1:1", "ws://fstream.binance.com", StartRefused),
        ("localhost:80", "", UsageError),
        ("http://", "", UsageError),
    ],
)
def test_addresses_elsewhere_are_refused(tmp_path, rest, stream, error):
    with pytest.raises(error):
        address_of(venue(tmp_path, rest, stream), None)


# ---- The child ---------------------------------------------------------------------------------------------


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


async def test_a_child_that_dies_at_once_is_quoted():
    code = "import sys; print('exchange: the roof is on fire', file=sys.stderr); sys.exit(3)"
    with pytest.raises(StartRefused, match=r"^the loopback exchange does not start: the roof is on fire$"):
        async with ChildExchange([], print, python(code)):
            pass


async def test_a_child_that_dies_silently_is_named_by_its_code():
    with pytest.raises(StartRefused, match="it ended with code 7 and said nothing"):
        async with ChildExchange([], print, python("raise SystemExit(7)")):
            pass


async def test_a_child_that_never_opens_its_port_is_ended(monkeypatch):
    monkeypatch.setattr(child, "START_TIMEOUT_S", 0.1)
    with pytest.raises(StartRefused, match="did not open its port"):
        async with ChildExchange([], print, python("import sys; sys.stdin.read()")):
            pass


OPENS = """
import json, signal, sys
print("early", file=sys.stderr, flush=True)
signal.signal(signal.SIGTERM, {handler})
print(json.dumps({{"port": 11}}), flush=True)
{then}
"""


async def test_what_a_child_says_is_passed_on_and_a_deaf_one_is_killed(monkeypatch):
    monkeypatch.setattr(child, "END_TIMEOUT_S", 0.2)
    said: list[str] = []
    code = OPENS.format(
        handler="signal.SIG_IGN",
        then="print('late', file=sys.stderr, flush=True); sys.stdin.read(); signal.pause()",
    )
    async with ChildExchange([], said.append, python(code)) as deaf:
        assert deaf.port == 11
        async with asyncio.timeout(10):
            while "late" not in said:
                await asyncio.sleep(0.01)
    assert said == ["early", "late"]
    assert await deaf.wait() == -9


async def test_a_child_that_ends_by_itself_is_noticed():
    code = OPENS.format(handler="signal.SIG_DFL", then="raise SystemExit(4)")
    async with ChildExchange([], lambda line: None, python(code)) as ended:
        assert await ended.wait() == 4
    with pytest.raises(RuntimeError, match="before it was started"):
        await ChildExchange([], print).wait()


async def test_a_start_that_is_interrupted_leaves_no_child():
    silent = ChildExchange([], print, python("import sys; sys.stdin.read()"))
    starting = asyncio.create_task(silent.__aenter__())
    await until(lambda: silent._listener is not None)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert await silent.wait() == -signal.SIGTERM


# ---- Provenance --------------------------------------------------------------------------------------------


def test_the_sources_of_all_that_is_loaded_are_hashed():
    found = provenance.source_hashes(["json.decoder"])
    assert {"titan", "titan.live.runner", "titan.engine.kernel", "json.decoder"} <= set(found)
    assert "json.scanner" in found  # what a strategy's package is made of decides as well
    assert not any(name.startswith(("asyncio", "msgspec")) for name in found)
    assert all(len(value) == 16 for value in found.values())


def test_outside_a_checkout_the_commit_is_unknown(monkeypatch, tmp_path):
    monkeypatch.setattr(provenance, "ROOT", tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert (provenance.commit(), provenance.lock_hash()) == ("unknown", "unknown")
    assert len(provenance.cpu_flags()) == 16


def test_a_changed_checkout_is_marked(monkeypatch):
    answers = iter(["abc", " M file", "abc", ""])
    monkeypatch.setattr(provenance, "_git", lambda *arguments: next(answers))
    assert [provenance.commit(), provenance.commit()] == ["abc+", "abc"]


def test_without_a_list_of_flags_the_processor_is_unknown(monkeypatch):
    def refused(path: Path, **options: object) -> str:
        raise FileNotFoundError(path)

    monkeypatch.setattr(Path, "read_text", refused)
    assert provenance.cpu_flags() == "unknown"


def test_a_module_older_than_its_notebook_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(provenance, "ROOT", tmp_path)
    monkeypatch.setattr(provenance, "PACKAGE", tmp_path / "titan")
    for name in ("old", "new", "unexported"):
        (tmp_path / "nbs" / "room").mkdir(parents=True, exist_ok=True)
        (tmp_path / "nbs" / "room" / f"{name}.ipynb").write_text("{}")
    (tmp_path / "titan" / "room").mkdir(parents=True)
    for name, age_s in (("old", 100), ("new", -100)):
        module = tmp_path / "titan" / "room" / f"{name}.py"
        module.write_text("")
        stamp = (tmp_path / "nbs" / "room" / f"{name}.ipynb").stat().st_mtime - age_s
        os.utime(module, (stamp, stamp))
    assert provenance.stale_modules() == ["nbs/room/old.ipynb"]


# ---- Configuration, summary, latencies ----------------------------------------------------------------------


def test_the_settings_become_the_kernels_configuration(tmp_path):
    settings = read_settings(tmp_path, live__quote_interval_ms=70, live__markout_s=2.5)
    config = kernel_config(settings, "s", "loopback", 1.5)
    assert (config.timing.quote_interval_ns, config.timing.markout_ns) == (70_000_000, 2_500_000_000)
    assert config.timing.duration_ns == 1_500_000_000
    assert [strategy.symbol for strategy in config.strategies] == ["BTCUSDT"]
    assert set(strategy_modules(config)) == {"titan.strategy.avellaneda_stoikov"}


def test_a_strategy_that_is_not_enabled_stays_out(tmp_path):
    settings = read_settings(tmp_path, strategy__enabled="false")
    with pytest.raises(UsageError, match="no enabled"):
        kernel_config(settings, "s", "loopback", 0)


def test_a_parameter_out_of_range_names_its_section(tmp_path):
    settings = read_settings(tmp_path, strategy__mean_fill_depth_bps="-3")
    with pytest.raises(ParameterError, match=r"strategy\.avellaneda_stoikov"):
        kernel_config(settings, "s", "loopback", 0)


@pytest.mark.parametrize(
    ("amount", "text"), [(None, None), ("1E+2", "100"), ("0.10", "0.1"), ("-0", "0"), ("1E-9", "0.000000001")]
)
def test_money_is_a_plain_decimal(amount, text):
    assert money(None if amount is None else Decimal(amount)) == text


def test_latencies_are_bounded_and_their_percentiles_exact(monkeypatch):
    kept = Latencies()
    assert kept.percentile_us(0.5) is None
    for us in range(1, 101):
        kept.note(us * 1000)
    assert (kept.percentile_us(0.5), kept.percentile_us(0.99), kept.percentile_us(1.0)) == (
        51.0,
        100.0,
        100.0,
    )
    monkeypatch.setattr(telemetry, "KEEP_LATENCIES", 100)
    for _ in range(100):
        kept.note(7_000)
    assert kept.percentile_us(1.0) == 7.0
