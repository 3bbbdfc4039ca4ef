"""A backtest: repeatable, journalled like a live session, and honest about its exchange."""

from __future__ import annotations

import gzip
import lzma
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from tests.live.desks import read_settings, record_capture
from titan.backtest.exchange import InProcessClient
from titan.backtest.replay import recorded_exchange, run_backtest
from titan.backtest.session import backtest_session
from titan.engine.kernel import Kernel
from titan.live.configure import kernel_config, strategy_modules
from titan.live.journaling import begin_journal
from titan.loopback.errors import ExchangeStartError
from titan.loopback.main import ExchangeOptions, build_desk
from titan.loopback.signatures import DEFAULT_CREDENTIALS
from titan.model.clock import SetClock
from titan.store.journal import SessionReader
from titan.store.replay import replay_session
from titan.venues.ccxt_client import Endpoint
from titan.venues.weights import Cost

FREE = Cost(weight=0)


@pytest.fixture(scope="module")
def capture(tmp_path_factory) -> Path:
    return record_capture(tmp_path_factory.mktemp("captures") / "capture", seconds=8.0)


async def test_twice_the_same(tmp_path, capture):
    one, two = [(await backtest_session(read_settings(tmp_path), capture)).summary for _ in range(2)]
    same = ("fills", "fills_digest", "pnl", "pnl_parts", "position", "orders_sent", "amends_sent", "events")
    assert {name: one[name] for name in same} == {name: two[name] for name in same}
    assert one["fills"] > 0
    assert one["session"] != two["session"]
    assert abs(Decimal(one["equity_change_at_venue"]) - Decimal(one["pnl"])) <= Decimal("0.000001")


async def test_its_journal_is_a_sessions_without_predecessor(tmp_path, capture):
    settings = read_settings(tmp_path)
    await backtest_session(settings, capture)
    found = (await backtest_session(settings, capture)).summary
    header = SessionReader(Path(found["journal"])).header
    assert (header.predecessor, header.snapshot) == (None, None)
    assert header.account == f"backtest.{found['session']}"
    assert replay_session(Path(found["journal"])).identical


async def test_it_ends_at_its_duration(tmp_path, capture):
    result = await backtest_session(read_settings(tmp_path), capture, 2.0)
    assert (result.exit_code, result.summary["stopped_because"]) == (0, "the session's duration is over")
    assert result.summary["open_orders_at_exit"] == 0


async def test_a_loss_beyond_the_limit_stops_it(tmp_path, capture):
    """Quotes that cross each other's fees lose a little; the limit is smaller still."""
    settings = read_settings(tmp_path, risk__max_daily_loss="0.000001")
    result = await backtest_session(settings, capture)
    assert result.exit_code in {0, 4}
    if result.exit_code == 4:
        assert "max_daily_loss" in result.summary["stopped_because"]
    assert result.summary["open_orders_at_exit"] == 0


async def test_an_exchange_with_a_clock_of_its_own_is_refused(tmp_path):
    desk = build_desk(ExchangeOptions(seed=1))
    settings = read_settings(tmp_path)
    config = kernel_config(settings, "20240101T000000Z-000000", "loopback", 0)
    kernel = Kernel(config, strategy_modules(config))
    clock = SetClock(desk.exchange.now_ns)
    writer = begin_journal(settings, kernel, clock, "a", None, lambda error: None)
    with pytest.raises(TypeError, match="build it with speed max"):
        await run_backtest(desk, "loopback", clock, kernel, writer)
    writer.close()


async def test_calls_are_signed_and_answered_as_on_the_wire(capture):
    desk = recorded_exchange(capture)
    client = InProcessClient(desk, DEFAULT_CREDENTIALS)
    answer = await client.call(Endpoint("fapiPrivateV3GetBalance", FREE), {})
    assert (answer.status, answer.value[0]["asset"]) == (200, "USDT")
    with pytest.raises(ValueError, match="sapiGetNothing is no method"):
        await client.call(Endpoint("sapiGetNothing", FREE), {})
    thief = InProcessClient(desk, msgspec.structs.replace(DEFAULT_CREDENTIALS, secret="guessed"))
    refused = await thief.call(Endpoint("fapiPrivateV3GetBalance", FREE), {})
    assert (refused.status, refused.value["code"]) == (400, -1022)


@pytest.mark.parametrize("content", [b"", b"\x1f\x8b\x08 broken gzip", b"1700000000000000000 {}\n"])
def test_a_capture_that_cannot_be_replayed_is_refused(tmp_path, content):
    path = tmp_path / "capture"
    path.write_bytes(content)
    with pytest.raises(ExchangeStartError):
        recorded_exchange(path)


@pytest.mark.parametrize("pack", [bytes, gzip.compress, lzma.compress])
def test_a_capture_that_was_cut_short_is_refused(tmp_path, capture, pack):
    path = tmp_path / "capture"
    data = pack(capture.read_bytes())
    path.write_bytes(data)
    recorded_exchange(path)
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(ExchangeStartError, match=r"cut short or damaged: copy it anew"):
        recorded_exchange(path)


def test_a_capture_with_a_hole_is_refused(tmp_path, capture):
    path = tmp_path / "capture"
    lines = capture.read_bytes().splitlines()
    lines[len(lines) // 2] = b"damage"
    path.write_bytes(b"\n".join(lines))
    with pytest.raises(ExchangeStartError, match=f"line {len(lines) // 2 + 1} cannot be read"):
        recorded_exchange(path)
