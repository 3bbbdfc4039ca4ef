"""The adapter on the account itself: how it is set up, the dead-man switch, bans, the clock, and tasks that die."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.venues.fake_venue import NOW_NS, Desk, FakeVenue, answer, drop, error, order
from titan.model import commands as c
from titan.model.events import AccountSetup, ClockSync, KeptAlive, OrderUpdate, QueryFailed, VenueShut
from titan.venues import binance_streams
from titan.venues.binance_config import BinanceConfig

Opened = Callable[..., Awaitable[Desk]]
SETUP = c.QuerySetup(venue="binance")
KEEP = c.KeepAlive(venue="binance", symbol="BTCUSDT", countdown_ns=60_000_000_000)
CANCEL = c.CancelOrder(venue="binance", symbol="BTCUSDT", client_id="mine")
OPEN = c.QueryOpenOrders(venue="binance")
S = 1_000_000_000


def modes(venue: FakeVenue, **changes: Any) -> None:
    told = {
        "v1/positionSide/dual": {"dualSidePosition": False},
        "v1/multiAssetsMargin": {"multiAssetsMargin": False},
        "v1/symbolConfig": [
            {"symbol": "BTCUSDT", "marginType": "CROSSED", "leverage": 20},
            {"symbol": "ETHUSDT", "marginType": "ISOLATED", "leverage": 3},
        ],
        **changes,
    }
    for path, value in told.items():
        venue.on("GET", path, answer(value))


# ---- How it is set up


async def test_the_modes_of_an_account(venue: FakeVenue, opened: Opened) -> None:
    modes(venue)
    (found,) = await (await opened()).adapter.query_setup(SETUP)
    assert isinstance(found, AccountSetup)
    assert (found.position_mode, found.multi_assets, found.withdrawals) == ("one_way", False, None)
    assert [(each.symbol, each.margin_mode, each.leverage) for each in found.symbols] == [
        ("BTCUSDT", "cross", 20)
    ]


async def test_what_the_key_may_do_is_asked_of_the_spot_host(venue: FakeVenue, opened: Opened) -> None:
    modes(venue)
    venue.on("GET", "sapi/account/apiRestrictions", answer({"enableWithdrawals": True}))
    (found,) = await (await opened(spot_url=f"http://127.0.0.1:{venue.port}")).adapter.query_setup(SETUP)
    assert isinstance(found, AccountSetup)
    assert found.withdrawals is True


def test_the_spot_host_is_the_venues_own_or_none() -> None:
    whole = {"venue": "v", "account": "a", "symbols": ("X",)}
    assert BinanceConfig(**whole).spot == "https://api.binance.com"
    assert BinanceConfig(**whole, rest_url="http://127.0.0.1:1").spot == ""
    assert BinanceConfig(**whole, rest_url="x", spot_url="https://y/").spot == "https://y"


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("v1/positionSide/dual", {}, "dualSidePosition = None"),
        (
            "v1/positionSide/dual",
            {"dualSidePosition": "false"},
            "dualSidePosition = false: must be true or false",
        ),
        ("v1/multiAssetsMargin", [], "multiAssetsMargin = None"),
        ("v1/symbolConfig", {}, "no list"),
        ("v1/symbolConfig", [{"symbol": "BTCUSDT", "marginType": "?", "leverage": 2}], "marginType = ?"),
        (
            "v1/symbolConfig",
            [{"symbol": "BTCUSDT", "marginType": "CROSSED", "leverage": "2"}],
            "leverage = 2",
        ),
        (
            "v1/symbolConfig",
            [{"symbol": "BTCUSDT", "marginType": "CROSSED", "leverage": True}],
            "leverage = True",
        ),
        ("v1/symbolConfig", [{"symbol": "BTCUSDT", "marginType": "CROSSED", "leverage": 0}], "leverage = 0"),
    ],
)
async def test_a_mode_that_is_not_told_is_not_taken_for_any(
    venue: FakeVenue, opened: Opened, path: str, value: Any, says: str
) -> None:
    modes(venue, **{path: value})
    (failed,) = await (await opened()).adapter.query_setup(SETUP)
    assert isinstance(failed, QueryFailed)
    assert failed.query == "query_setup"
    assert says in failed.reason


@pytest.mark.parametrize("path", ["v1/positionSide/dual", "v1/multiAssetsMargin", "v1/symbolConfig"])
@pytest.mark.parametrize("reply", [drop, error(-1021), answer(b"{", 502)])
async def test_a_failed_answer_about_the_account_changes_nothing(
    venue: FakeVenue, opened: Opened, path: str, reply: Any
) -> None:
    modes(venue)
    venue.on("GET", path, reply)
    (failed,) = await (await opened()).adapter.query_setup(SETUP)
    assert isinstance(failed, QueryFailed)


# ---- The dead-man switch


async def test_a_countdown_that_the_venue_repeats_is_confirmed(venue: FakeVenue, opened: Opened) -> None:
    venue.on("POST", "v1/countdownCancelAll", answer({"symbol": "BTCUSDT", "countdownTime": "60000"}))
    (found,) = await (await opened()).adapter.keep_alive(KEEP)
    assert found == KeptAlive(time_ns=NOW_NS, venue="binance", symbol="BTCUSDT", countdown_ns=60 * S)
    (sent,) = venue.calls("POST", "v1/countdownCancelAll")
    assert (sent["symbol"], sent["countdownTime"]) == ("BTCUSDT", "60000")


@pytest.mark.parametrize(
    "reply",
    [
        answer({"symbol": "BTCUSDT", "countdownTime": "0"}),
        answer({"symbol": "ETHUSDT", "countdownTime": "60000"}),
        answer({}),
        answer([]),
        answer({"symbol": "BTCUSDT", "countdownTime": "60000"}, 503),
        error(-1000),
        drop,
    ],
    ids=range(7),
)
async def test_any_other_answer_confirms_nothing(venue: FakeVenue, opened: Opened, reply: Any) -> None:
    venue.on("POST", "v1/countdownCancelAll", reply)
    (failed,) = await (await opened()).adapter.keep_alive(KEEP)
    assert isinstance(failed, QueryFailed)
    assert (failed.query, failed.symbol) == ("keep_alive", "BTCUSDT")


# ---- Bans


async def test_a_ban_is_told_before_the_answer_that_it_refused_and_by_the_sessions_clock(
    venue: FakeVenue, opened: Opened
) -> None:
    venue.on("GET", "v1/time", answer({"serverTime": NOW_NS // 1_000_000 + 2_000}))
    desk = await opened()
    offset_ns = desk.adapter.clock_offset_ns
    until_ms = NOW_NS // 1_000_000 + 30_000
    venue.on("GET", "v1/openOrders", error(-1003, 418, f"Way too many requests; IP banned until {until_ms}."))
    (failed,) = await desk.adapter.query_open_orders(OPEN)
    assert isinstance(failed, QueryFailed)
    (told,) = [event for event in desk.told if isinstance(event, VenueShut)]
    assert told.until_ns == until_ms * 1_000_000 - offset_ns
    assert told.reason == "banned (418)"


async def test_after_too_many_requests_cancels_still_go_out_and_after_a_ban_nothing_does(
    venue: FakeVenue, opened: Opened
) -> None:
    desk = await opened()
    venue.on("DELETE", "v1/order", answer(order(status="CANCELED")))
    venue.on("GET", "v1/openOrders", error(-1003, 429, headers={"Retry-After": "9"}))
    await desk.adapter.query_open_orders(OPEN)
    (cancelled,) = await desk.adapter.cancel(CANCEL)
    assert isinstance(cancelled, OrderUpdate)
    (failed,) = await desk.adapter.query_open_orders(OPEN)
    assert isinstance(failed, QueryFailed)
    assert "refuses all requests" in failed.reason
    assert len(venue.calls("GET", "v1/openOrders")) == 1
    venue.on("DELETE", "v1/order", error(-1003, 418, "banned until 9999999999999"))
    await desk.adapter.cancel(CANCEL)
    await desk.adapter.cancel(CANCEL)
    assert len(venue.calls("DELETE", "v1/order")) == 2


# ---- The clock


async def test_each_measurement_of_the_clock_is_told(venue: FakeVenue, opened: Opened) -> None:
    desk = await opened(clock_sync_interval_s=0.05)
    venue.on("GET", "v1/time", answer({"serverTime": NOW_NS // 1_000_000 + 7}))
    await desk.until(lambda: len(desk.told) >= 2 and _offset(desk.told[-1]) > 0)
    venue.on("GET", "v1/time", error(-1000))
    await desk.until(lambda: isinstance(desk.told[-1], QueryFailed))
    assert all(isinstance(event, ClockSync | QueryFailed) for event in desk.told)
    failed = desk.told[-1]
    assert isinstance(failed, QueryFailed)
    assert failed.query == "clock"
    assert desk.told[0] == ClockSync(
        time_ns=NOW_NS, venue="binance", offset_ns=-(NOW_NS % 1_000_000), round_trip_ns=0
    )


def _offset(event: object) -> int:
    return event.offset_ns if isinstance(event, ClockSync) else 0


# ---- The private stream, and tasks that die


async def test_the_private_stream_is_rebuilt_when_asked_to(venue: FakeVenue, opened: Opened) -> None:
    desk = await opened()
    assert await desk.adapter.rebuild_stream(c.RebuildStream(venue="binance", reason="it keeps silent")) == []
    await desk.until(lambda: len(desk.said("private")) == 3)
    assert desk.said("private")[1] == (False, "it keeps silent")
    assert len(venue.sockets["private"]) == 2


async def test_a_listen_key_that_is_twice_not_renewed_is_replaced(venue: FakeVenue, opened: Opened) -> None:
    venue.on("PUT", "v1/listenKey", answer({}), drop, answer({}), drop, drop, answer({}))
    desk = await opened(keep_alive_s=0.05)
    await desk.until(lambda: len(desk.said("private")) == 3)
    assert desk.said("private")[1][1].startswith("listen key not renewed 2 times: ")
    assert len(venue.calls("PUT", "v1/listenKey")) >= 5
    assert [path for _, path, _ in venue.asked if path.startswith("/ws/")] == ["/ws/key-1", "/ws/key-2"]


@pytest.mark.parametrize("task", ["_keep_clock", "_keep_listen_key", "_watch"])
async def test_a_task_that_dies_tells_what_it_died_of(
    venue: FakeVenue, monkeypatch: pytest.MonkeyPatch, task: str
) -> None:
    async def dies(*_: object) -> None:
        await asyncio.sleep(0.05)
        raise ZeroDivisionError(task)

    faults: list[BaseException] = []
    desk = Desk(venue, faults=faults)
    owner = {
        "_keep_clock": type(desk.adapter),
        "_keep_listen_key": binance_streams.BinanceStreams,
        "_watch": binance_streams.Stream,
    }[task]
    monkeypatch.setattr(owner, task, dies)
    await desk.adapter.open()
    async with asyncio.timeout(10):
        while not faults:
            await asyncio.sleep(0.01)
    assert {str(fault) for fault in faults} == {task}
    await desk.adapter.close()


async def test_a_task_that_is_cancelled_is_no_fault(venue: FakeVenue) -> None:
    faults: list[BaseException] = []
    desk = Desk(venue, faults=faults)
    await desk.adapter.open()
    await desk.adapter.close()
    await asyncio.sleep(0)
    assert faults == []


def test_where_nobody_supervises_a_fault_is_raised() -> None:
    from titan.venues.adapter import Sinks

    with pytest.raises(ZeroDivisionError):
        Sinks(lambda payload: None, lambda events: None, lambda event: None).fault(ZeroDivisionError())
