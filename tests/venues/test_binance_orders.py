"""What each kind of answer proves of an order, and that nothing is ever sent twice."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

import pytest

from tests.venues.fake_venue import (
    KEY,
    NOW_NS,
    SECRET,
    Desk,
    FakeVenue,
    answer,
    cut,
    drop,
    error,
    order,
    silence,
)
from titan.model.commands import AmendOrder, CancelAll, CancelOrder, PlaceOrder
from titan.model.events import CommandOutcome, OrderUpdate
from titan.model.orders import Lifetime

Opened = Callable[..., Awaitable[Desk]]
PLACE = PlaceOrder(
    venue="binance",
    symbol="BTCUSDT",
    client_id="mine",
    strategy="as",
    side=1,
    price=600_001,
    size=3,
    lifetime=Lifetime.POST_ONLY,
    reduce_only=False,
)
AMEND = AmendOrder(venue="binance", symbol="BTCUSDT", client_id="mine", side=1, price=600_002, size=4)
CANCEL = CancelOrder(venue="binance", symbol="BTCUSDT", client_id="mine")
CANCEL_ALL = CancelAll(venue="binance", symbol="BTCUSDT")


async def _outcome(desk: Desk) -> CommandOutcome:
    (event,) = await desk.adapter.place(PLACE)
    assert isinstance(event, CommandOutcome)
    assert (event.action, event.client_id, event.symbol, event.time_ns) == (
        "place",
        "mine",
        "BTCUSDT",
        NOW_NS,
    )
    return event


async def test_a_placed_order(venue: FakeVenue, opened: Opened) -> None:
    venue.on("POST", "v1/order", answer(order()))
    desk = await opened()
    (event,) = await desk.adapter.place(PLACE)
    assert isinstance(event, OrderUpdate)
    assert (event.state, event.price, event.size, event.source, event.venue_id) == (
        "open",
        600_001,
        3,
        "answer",
        "17",
    )
    (sent,) = venue.calls("POST", "v1/order")
    assert (sent["price"], sent["quantity"], sent["timeInForce"]) == ("60000.1", "0.003", "GTX")
    assert sent["newClientOrderId"] == "mine"


async def test_signatures_run_on_the_session_clock_corrected_by_the_venues(
    venue: FakeVenue, opened: Opened
) -> None:
    venue.on("GET", "v1/time", answer({"serverTime": NOW_NS // 1_000_000 + 2_500}))
    venue.on("POST", "v1/order", answer(order()))
    desk = await opened()
    await desk.adapter.place(PLACE)
    assert venue.calls("POST", "v1/order")[0]["timestamp"] == str(NOW_NS // 1_000_000 + 2_500)
    assert desk.adapter.clock_offset_ns == 2_500_000_000 - NOW_NS % 1_000_000


@pytest.mark.parametrize("code", [-2019, -5022, -1111, -4164, -1021, -1015, -2022, -4014, -1121])
async def test_codes_on_the_list_are_refusals(venue: FakeVenue, opened: Opened, code: int) -> None:
    venue.on("POST", "v1/order", error(code))
    event = await _outcome(await opened())
    assert (event.outcome, event.code, event.message) == ("rejected", str(code), "refused")


@pytest.mark.parametrize("code", [-1000, -1001, -1006, -1007, -1008, -2011, -2013, -4116, -99999])
async def test_codes_that_are_not_on_the_list_prove_nothing(
    venue: FakeVenue, opened: Opened, code: int
) -> None:
    venue.on("POST", "v1/order", error(code))
    event = await _outcome(await opened())
    assert (event.outcome, event.code) == ("unknown", str(code))


@pytest.mark.parametrize(
    "reply",
    [
        answer(b'{"orderId":17,"clientOrd'),
        answer(b""),
        answer(b"null"),
        answer(b"[]"),
        answer(b"\xff\xfe"),
        answer({"symbol": "BTCUSDT"}),
        answer(order("another")),
        answer(order(status="MYSTERY")),
        answer(order(price="60000.15")),
        answer(b"<html>bad gateway</html>", 502),
        answer({}, 503),
        error(-1111, 503),
        error(-1007, 408),
        answer(b"moved", 301),
        cut(b'{"orderId":17'),
        drop,
    ],
    ids=range(16),
)
async def test_an_answer_that_is_not_whole_proves_nothing(
    venue: FakeVenue, opened: Opened, reply: object
) -> None:
    venue.on("POST", "v1/order", reply)  # type: ignore[arg-type]
    event = await _outcome(await opened())
    assert event.outcome == "unknown"
    assert event.message
    assert len(venue.calls("POST", "v1/order")) == 1


async def test_silence_proves_nothing(venue: FakeVenue, opened: Opened) -> None:
    venue.on("POST", "v1/order", silence)
    event = await _outcome(await opened(request_timeout_s=0.5))
    assert event.outcome == "unknown"
    assert "RequestTimeout" in event.message


async def test_a_refused_connection_proves_that_nothing_was_sent(venue: FakeVenue, opened: Opened) -> None:
    desk = await opened()
    await venue.stop()
    event = await _outcome(desk)
    assert event.outcome == "not_sent"
    assert "could not connect" in event.message


async def test_a_name_that_does_not_resolve_proves_that_nothing_was_sent(
    venue: FakeVenue, opened: Opened
) -> None:
    desk = await opened()
    desk.adapter._client._signer.urls["api"]["fapiPrivate"] = "http://no-such-venue.invalid/fapi/v1"
    event = await _outcome(desk)
    assert event.outcome == "not_sent"


async def test_an_exhausted_budget_sends_nothing_but_cancels(venue: FakeVenue, opened: Opened) -> None:
    venue.on("POST", "v1/order", answer(order(), headers={"X-MBX-ORDER-COUNT-10S": "300"}))
    venue.on("DELETE", "v1/order", answer(order(status="CANCELED")))
    desk = await opened()
    desk.clock.ns += (
        1_000_000_000  # well within the ten seconds: at their beginning a count may be of those before
    )
    await desk.adapter.place(PLACE)
    (event,) = await desk.adapter.place(PLACE)
    assert isinstance(event, CommandOutcome)
    assert event.outcome == "not_sent"
    assert "orders_10s used 300 of 300" in event.message
    assert len(venue.calls("POST", "v1/order")) == 1
    (cancelled,) = await desk.adapter.cancel(CANCEL)
    assert isinstance(cancelled, OrderUpdate)
    assert cancelled.state == "cancelled"


async def test_too_many_requests_is_a_refusal_and_shuts_the_door(venue: FakeVenue, opened: Opened) -> None:
    venue.on("POST", "v1/order", error(-1003, 429, headers={"Retry-After": "9"}))
    desk = await opened()
    assert (await _outcome(desk)).outcome == "rejected"
    assert (await _outcome(desk)).outcome == "not_sent"
    desk.clock.ns += 10_000_000_000
    venue.on("POST", "v1/order", error(-1003, 418, "banned until 9999999999999"))
    (event,) = await desk.adapter.place(PLACE)
    assert isinstance(event, CommandOutcome)
    assert event.outcome == "rejected"


async def test_an_amend(venue: FakeVenue, opened: Opened) -> None:
    venue.on("PUT", "v1/order", answer(order(price="60000.20", origQty="0.004")), error(-5022), error(-5027))
    desk = await opened()
    (event,) = await desk.adapter.amend(AMEND)
    assert isinstance(event, OrderUpdate)
    assert (event.price, event.size) == (600_002, 4)
    (crossed,) = await desk.adapter.amend(AMEND)
    (unchanged,) = await desk.adapter.amend(AMEND)
    assert isinstance(crossed, CommandOutcome)
    assert isinstance(unchanged, CommandOutcome)
    assert (crossed.outcome, unchanged.outcome) == ("unknown", "rejected")


@pytest.mark.parametrize(("method", "command"), [("PUT", AMEND), ("DELETE", CANCEL), ("POST", PLACE)])
async def test_nothing_is_sent_twice_when_a_kept_connection_dies(
    venue: FakeVenue, opened: Opened, method: str, command: PlaceOrder | AmendOrder | CancelOrder
) -> None:
    desk = await opened()
    venue.on(method, "v1/order", drop)
    send = {"PUT": desk.adapter.amend, "DELETE": desk.adapter.cancel, "POST": desk.adapter.place}[method]
    (event,) = await send(command)  # type: ignore[operator]
    assert isinstance(event, CommandOutcome)
    assert event.outcome == "unknown"
    assert len(venue.calls(method, "v1/order")) == 1


async def test_a_cancel_of_an_unknown_order_proves_nothing(venue: FakeVenue, opened: Opened) -> None:
    venue.on("DELETE", "v1/order", error(-2011))
    (event,) = await (await opened()).adapter.cancel(CANCEL)
    assert isinstance(event, CommandOutcome)
    assert (event.action, event.outcome) == ("cancel", "unknown")


async def test_cancel_all(venue: FakeVenue, opened: Opened) -> None:
    done = answer({"code": 200, "msg": "The operation of cancel all open order is done."})
    venue.on("DELETE", "v1/allOpenOrders", done, error(-1022), answer(b"", 200))
    desk = await opened()
    assert await desk.adapter.cancel_all(CANCEL_ALL) == []
    (refused,) = await desk.adapter.cancel_all(CANCEL_ALL)
    (silent,) = await desk.adapter.cancel_all(CANCEL_ALL)
    assert isinstance(refused, CommandOutcome)
    assert isinstance(silent, CommandOutcome)
    assert (refused.action, refused.client_id, refused.outcome) == ("cancel_all", "", "rejected")
    assert silent.outcome == "unknown"


async def test_without_terms_nothing_is_sent(venue: FakeVenue) -> None:
    desk = Desk(venue)
    await desk.adapter.open()
    (placed,) = await desk.adapter.place(PLACE)
    (amended,) = await desk.adapter.amend(AMEND)
    assert isinstance(placed, CommandOutcome)
    assert isinstance(amended, CommandOutcome)
    assert (placed.outcome, amended.outcome) == ("not_sent", "not_sent")
    await desk.adapter.close()
    (closed,) = await desk.adapter.cancel(CANCEL)
    assert isinstance(closed, CommandOutcome)
    assert closed.outcome == "not_sent"


async def test_secrets_show_nowhere(
    venue: FakeVenue, opened: Opened, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    venue.on("POST", "v1/order", error(-2019), drop)
    desk = await opened()
    events = [*await desk.adapter.place(PLACE), *await desk.adapter.place(PLACE)]
    shown = f"{events} {desk.config!r} {desk.adapter._client._config!r} {caplog.text} {''.join(capsys.readouterr())}"
    assert SECRET not in shown
    assert KEY not in shown
    assert "signature=" not in shown
