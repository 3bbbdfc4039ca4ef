"""Streams come back after every kind of end, and say so."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import WSCloseCode, web

from tests.venues.fake_venue import Desk, FakeVenue, answer, drop, error, order, silence
from titan.model.commands import PlaceOrder
from titan.model.events import BalanceUpdate, OrderUpdate
from titan.model.orders import Lifetime
from titan.venues.adapter import VenueUnreachable
from titan.venues.binance_streams import channel_of
from titan.venues.server_time import synchronise
from titan.venues.websocket import Stream, StreamRefused, StreamSettings

Opened = Callable[..., Awaitable[Desk]]
DEPTH = b'{"stream":"btcusdt@depth@100ms","data":{}}'
MARK = b'{"stream":"btcusdt@markPrice@1s","data":{}}'


async def test_frames_arrive_untouched(venue: FakeVenue, opened: Opened) -> None:
    desk = await opened()
    await venue.sockets["market"][0].send_bytes(DEPTH)
    await venue.sockets["market"][0].send_str('{"odd": "\u00e9"}')
    await desk.until(lambda: len(desk.frames) == 2)
    assert desk.frames == [DEPTH, '{"odd": "\u00e9"}'.encode()]
    (address,) = [params["streams"] for method, path, params in venue.asked if path == "/stream"]
    assert address == "btcusdt@depth@100ms/btcusdt@bookTicker/btcusdt@trade/btcusdt@markPrice@1s"
    assert [state.up for state in desk.states] == [True, True]


async def test_a_dropped_socket_comes_back(venue: FakeVenue, opened: Opened) -> None:
    desk = await opened()
    first = venue.sockets["market"][0]
    assert first._req is not None
    assert first._req.transport is not None
    first._req.transport.abort()
    await desk.until(lambda: len(desk.said("market")) == 3)
    assert [up for up, _ in desk.said("market")] == [True, False, True]
    assert desk.said("market")[1][1]
    await venue.sockets["market"][1].send_bytes(DEPTH)
    await desk.until(lambda: desk.frames)


async def test_a_socket_that_the_venue_closes_comes_back(venue: FakeVenue, opened: Opened) -> None:
    desk = await opened()
    await venue.sockets["market"][0].close(code=WSCloseCode.GOING_AWAY)
    await desk.until(lambda: len(desk.said("market")) == 3)
    assert desk.said("market")[1] == (False, "closed by the venue, code 1001")


async def test_a_silent_stream_is_rebuilt(venue: FakeVenue, opened: Opened) -> None:
    desk = await opened(stale_after_s=0.3)
    await desk.until(lambda: len(desk.said("market")) == 3)
    assert "silent for" in desk.said("market")[1][1]
    assert len(venue.sockets["market"]) == 2


async def test_one_silent_channel_is_enough(venue: FakeVenue, opened: Opened) -> None:
    desk = await opened(stale_after_s=0.4)

    async def marks() -> None:
        while True:
            await venue.sockets["market"][0].send_bytes(MARK)
            await asyncio.sleep(0.05)

    sending = asyncio.create_task(marks())
    await desk.until(lambda: len(desk.said("market")) >= 2)
    sending.cancel()
    assert "btcusdt@depth@100ms silent" in desk.said("market")[1][1]


PLACE = PlaceOrder(
    venue="binance", symbol="BTCUSDT", client_id="mine", strategy="s", side=1, price=600_001, size=3,
    lifetime=Lifetime.POST_ONLY, reduce_only=False,
)  # fmt: skip


async def test_a_private_stream_that_is_silent_about_an_answered_order_is_rebuilt(
    venue: FakeVenue, opened: Opened
) -> None:
    """Its key has expired and the word of that was lost: nothing else would tell before the next renewal."""
    venue.on("POST", "v1/order", answer(order()))
    desk = await opened(stale_after_s=0.3)
    assert isinstance((await desk.adapter.place(PLACE))[0], OrderUpdate)
    assert isinstance((await desk.adapter.place(PLACE))[0], OrderUpdate)  # one rebuild is enough for both
    await desk.until(lambda: len(desk.said("private")) == 3)
    assert desk.said("private")[1] == (False, "no word for 0.3 s of an order that the venue has answered")
    assert venue.keys_made == 2


async def test_a_private_stream_that_speaks_of_it_stays(venue: FakeVenue, opened: Opened) -> None:
    """Before the answer, as it mostly does, or after it."""
    desk = await opened(stale_after_s=0.3)
    socket = venue.sockets["private"][0]

    async def told_before(request: web.Request) -> web.StreamResponse:
        await socket.send_str('{"e":"TRADE_LITE"}')
        await desk.until(lambda: len(desk.private) == 1)
        return await answer(order())(request)

    venue.on("POST", "v1/order", told_before, answer(order()))
    await desk.adapter.place(PLACE)
    await asyncio.sleep(0.5)
    await desk.adapter.place(PLACE)
    await socket.send_str('{"e":"TRADE_LITE"}')
    await asyncio.sleep(0.5)
    assert desk.said("private") == [(True, "connected")]


async def test_without_a_watchdog_nobody_is_owed_a_word(venue: FakeVenue, opened: Opened) -> None:
    """In a replay the venue stands still while the runner works."""
    venue.on("POST", "v1/order", answer(order()))
    desk = await opened(stale_after_s=0.0)
    await desk.adapter.place(PLACE)
    await asyncio.sleep(0.2)
    assert desk.said("private") == [(True, "connected")]


async def test_private_frames_are_delivered_one_by_one(venue: FakeVenue, opened: Opened) -> None:
    desk = await opened()
    socket = venue.sockets["private"][0]
    await socket.send_str('{"e":"TRADE_LITE"}')
    await socket.send_str(
        '{"e":"ACCOUNT_UPDATE","E":1,"T":1,"a":{"m":"DEPOSIT","B":[{"a":"USDT","wb":"5","cw":"5","bc":"0"}],"P":[]}}'
    )
    await desk.until(lambda: len(desk.private) == 2)
    assert desk.private[0] == []
    (balance,) = desk.private[1]
    assert isinstance(balance, BalanceUpdate)
    assert not isinstance(balance, OrderUpdate)


async def test_an_unreadable_private_frame_rebuilds_the_stream(venue: FakeVenue, opened: Opened) -> None:
    desk = await opened()
    await venue.sockets["private"][0].send_str('{"e":"ORDER_TRADE_UPDATE","o":')
    await desk.until(lambda: len(desk.said("private")) == 3)
    assert desk.private == [[]]
    assert "unreadable" in desk.said("private")[1][1]


async def test_an_expired_listen_key_is_replaced(venue: FakeVenue, opened: Opened) -> None:
    desk = await opened()
    await venue.sockets["private"][0].send_str('{"e":"listenKeyExpired","E":1,"listenKey":"key-1"}')
    await desk.until(lambda: len(desk.said("private")) == 3)
    assert desk.said("private")[1] == (False, "listen key expired")
    assert [path for method, path, _ in venue.asked if path.startswith("/ws/")] == ["/ws/key-1", "/ws/key-2"]
    assert desk.private == [[]]


async def test_a_listen_key_that_is_refused_is_replaced(venue: FakeVenue, opened: Opened) -> None:
    venue.on("PUT", "v1/listenKey", answer({}), drop, error(-1125, text="no such key"), answer({}))
    desk = await opened(keep_alive_s=0.1)
    await desk.until(lambda: len(desk.said("private")) == 3)
    assert desk.said("private")[1] == (False, "listen key not renewed: -1125 no such key")
    assert len(venue.calls("PUT", "v1/listenKey")) >= 3


async def test_the_listen_key_is_renewed_by_the_sessions_clock_too(venue: FakeVenue, opened: Opened) -> None:
    desk = await opened()
    await venue.sockets["market"][0].send_bytes(DEPTH)
    await desk.until(lambda: len(desk.frames) == 1)
    assert venue.calls("PUT", "v1/listenKey") == []
    desk.clock.ns += 1_501 * 1_000_000_000
    await venue.sockets["market"][0].send_bytes(DEPTH)
    async with asyncio.timeout(20):
        while not venue.calls("PUT", "v1/listenKey"):
            await asyncio.sleep(0.01)


async def test_the_clock_is_measured_again(venue: FakeVenue, opened: Opened) -> None:
    desk = await opened(clock_sync_interval_s=0.05)
    before = desk.adapter.clock_offset_ns
    venue.on("GET", "v1/time", answer({"serverTime": desk.clock.ns // 1_000_000 + 9_000}))
    async with asyncio.timeout(20):
        while desk.adapter.clock_offset_ns == before:
            await asyncio.sleep(0.02)
    assert desk.adapter.clock_offset_ns == 9_000_000_000 - desk.clock.ns % 1_000_000


async def test_the_clock_is_left_as_it_is_when_no_answer_tells_the_time(
    venue: FakeVenue, opened: Opened
) -> None:
    desk = await opened()
    before = desk.adapter.clock_offset_ns
    venue.on("GET", "v1/time", answer({"serverTime": "x"}), error(-1000))
    assert await synchronise(desk.adapter._client, desk.clock, samples=2) == "status 400 instead of the time"
    assert desk.adapter.clock_offset_ns == before


@pytest.mark.parametrize(
    "reply", [error(-2015, text="Invalid API-key"), answer({}), answer({"listenKey": ""})]
)
async def test_without_a_listen_key_the_venue_is_unreachable(venue: FakeVenue, reply: object) -> None:
    venue.on("POST", "v1/listenKey", reply)  # type: ignore[arg-type]
    desk = Desk(venue, request_timeout_s=0.6)
    with pytest.raises(VenueUnreachable, match="no listen key"):
        await desk.adapter.open()
    assert desk.states == []


async def test_a_venue_that_is_not_there(venue: FakeVenue) -> None:
    await venue.stop()
    desk = Desk(venue)
    with pytest.raises(VenueUnreachable, match=r"cannot be reached.*check rest_url"):
        await desk.adapter.open()


async def test_without_credentials_nothing_is_tried(venue: FakeVenue) -> None:
    desk = Desk(venue, api_secret="")
    with pytest.raises(VenueUnreachable, match="TITAN_VENUE__BINANCE__API_SECRET"):
        await desk.adapter.open()
    assert venue.asked == []


def test_addresses_default_to_the_venues_own(venue: FakeVenue) -> None:
    desk = Desk(venue, rest_url="", stream_url="")
    assert desk.config.rest == "https://fapi.binance.com"
    assert desk.config.stream == "wss://fstream.binance.com"


def test_channels() -> None:
    assert channel_of(DEPTH) == b"btcusdt@depth@100ms"
    assert channel_of(b'{"e":"depthUpdate"}') == b""


# ---- The socket alone


def _stream(url: str, states: list[tuple[bool, str]], settings: StreamSettings, **more: object) -> Stream:
    async def address() -> str:
        return url

    def told(up: bool, reason: str) -> None:
        states.append((up, reason))

    return Stream(address, lambda payload: None, told, settings, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("path", ["/fapi/v1/time", "/absent"])
async def test_an_address_that_is_no_websocket_is_tried_again(venue: FakeVenue, path: str) -> None:
    stream = _stream(f"ws://127.0.0.1:{venue.port}{path}", [], StreamSettings(backoff_first_s=0.01))
    with pytest.raises(TimeoutError, match="status"):
        await stream.open(0.5)
    await stream.close()


async def test_a_handshake_without_an_answer_times_out(venue: FakeVenue) -> None:
    venue.on("GET", "v1/slow", silence)
    settings = StreamSettings(connect_timeout_s=0.1, backoff_first_s=0.01)
    stream = _stream(f"ws://127.0.0.1:{venue.port}/fapi/v1/slow", [], settings)
    with pytest.raises(TimeoutError, match=r"no answer within 0\.1 s"):
        await stream.open(0.5)
    await stream.close()


async def test_a_refused_connection_is_told_by_its_kind(venue: FakeVenue) -> None:
    await venue.stop()
    stream = _stream(f"ws://127.0.0.1:{venue.port}/stream", [], StreamSettings(backoff_first_s=0.01))
    with pytest.raises(TimeoutError, match="ClientConnectorError"):
        await stream.open(0.3)
    await stream.close()


def test_pauses_double_up_to_a_limit_and_are_jittered() -> None:
    drawn = iter([0.0, 1.0, 0.5, 1.0])
    settings = StreamSettings(backoff_first_s=1.0, backoff_limit_s=8.0)
    stream = _stream("", [], settings, jitter=lambda: next(drawn))
    assert [stream._pause_s(failures) for failures in (1, 2, 3, 60)] == [0.5, 2.0, 3.0, 8.0]


async def test_a_connection_that_does_not_last_counts_as_one_that_failed(venue: FakeVenue) -> None:
    """A venue that takes a connection and drops it at once is not asked four times a second for ever."""
    for steady_s, doubled in ((60.0, True), (0.0, False)):
        settings = StreamSettings(backoff_first_s=0.01, steady_s=steady_s)
        waited: list[int] = []
        stream = _stream(f"ws://127.0.0.1:{venue.port}/stream", [], settings)
        pause_s = stream._pause_s

        def noted(
            failures: int, pause_s: Callable[[int], float] = pause_s, waited: list[int] = waited
        ) -> float:
            waited.append(failures)
            return pause_s(failures)

        stream._pause_s = noted  # type: ignore[method-assign]
        await stream.open(5.0)
        for count in range(1, 4):
            stream.rebuild("it did not last")
            async with asyncio.timeout(5.0):
                while len(waited) < count or not stream._up.is_set():
                    await asyncio.sleep(0.005)
        await stream.close()
        assert waited == ([1, 2, 3] if doubled else [1, 1, 1])


async def test_an_error_in_a_callback_ends_the_stream_loudly(venue: FakeVenue) -> None:
    states: list[tuple[bool, str]] = []

    def broken(payload: bytes) -> None:
        raise ZeroDivisionError(payload)

    async def address() -> str:
        return f"ws://127.0.0.1:{venue.port}/stream"

    stream = Stream(address, broken, lambda up, reason: states.append((up, reason)), StreamSettings())
    await stream.open(5)
    await venue.sockets["market"][0].send_bytes(DEPTH)
    async with asyncio.timeout(5):
        while len(states) < 2:
            await asyncio.sleep(0.01)
    assert states[1] == (False, "the stream has ended")
    with pytest.raises(ZeroDivisionError):
        await stream.close()
    await stream.close()


async def test_a_callback_that_fails_at_once_is_raised_by_open(venue: FakeVenue) -> None:
    async def address() -> str:
        raise ZeroDivisionError

    stream = Stream(address, lambda payload: None, lambda up, reason: None, StreamSettings())
    with pytest.raises(ZeroDivisionError):
        await stream.open(5)


async def test_rebuilding_what_is_not_connected_does_nothing(venue: FakeVenue) -> None:
    async def address() -> str:
        raise StreamRefused("not today")

    stream = Stream(address, lambda payload: None, lambda up, reason: None, StreamSettings())
    stream.rebuild("because")
    with pytest.raises(TimeoutError, match="not today"):
        await stream.open(0.1)
    await stream.close()
