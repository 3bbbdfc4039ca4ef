"""Websockets: subscriptions, combined and raw streams, depth that continues its snapshot, the private stream's life."""

from __future__ import annotations

import asyncio
import itertools
from decimal import Decimal

import aiohttp
import pytest
from aiohttp import web

from tests.loopback.client import SYMBOL, frame, frame_of
from titan.loopback import streams
from titan.loopback.listen_keys import VALIDITY_NS


async def test_subscribe_list_and_unsubscribe(client):
    socket = await client.stream("/public/ws/1")
    await socket.send_json({"method": "SUBSCRIBE", "params": ["btcusdt@depth@100ms"], "id": 1})
    assert await frame(socket) == {"result": None, "id": 1}
    await socket.send_json({"method": "LIST_SUBSCRIPTIONS", "id": 2})
    assert await frame(socket) == {"result": ["btcusdt@depth@100ms"], "id": 2}
    client.run(1.0)
    assert (await frame(socket))["e"] == "depthUpdate"
    await socket.send_json(
        {"method": "UNSUBSCRIBE", "params": ["btcusdt@depth@100ms", "other@trade"], "id": 3}
    )
    while (found := await frame(socket)) != {"result": None, "id": 3}:
        assert found["e"] == "depthUpdate"
    client.run(1.0)
    await socket.send_json({"method": "LIST_SUBSCRIPTIONS", "id": 4})
    assert await frame(socket) == {"result": [], "id": 4}


async def test_properties_and_bad_requests(client):
    socket = await client.stream("/ws")
    await socket.send_json({"method": "SET_PROPERTY", "params": ["combined", True], "id": 1})
    assert await frame(socket) == {"result": None, "id": 1}
    await socket.send_json({"method": "GET_PROPERTY", "params": ["combined"], "id": 2})
    assert await frame(socket) == {"result": True, "id": 2}
    await socket.send_json({"method": "DANCE", "id": 3})
    assert (await frame(socket))["error"]["code"] == 2
    await socket.send_json({"method": "SUBSCRIBE", "params": ["nothing"], "id": 4})
    assert (await frame(socket))["error"]["code"] == 2
    await socket.send_str("{")
    assert (await frame(socket))["error"]["code"] == 3
    await socket.send_json({"method": "SUBSCRIBE", "params": ["btcusdt@trade"], "id": 5})
    await frame(socket)
    client.run(5.0)
    assert (await frame(socket))["stream"] == "btcusdt@trade"


async def test_combined_streams_name_their_frames(client):
    socket = await client.stream("/stream?streams=btcusdt@bookTicker/btcusdt@markPrice@1s")
    client.run(2.0)
    names = {(await frame(socket))["stream"] for _ in range(10)}
    assert "btcusdt@bookTicker" in names
    assert (await frame_of(socket, "markPriceUpdate"))["stream"] == "btcusdt@markPrice@1s"


async def test_diffs_continue_the_snapshot_at_every_interval(client):
    names = ("btcusdt@depth@0ms", "btcusdt@depth@100ms", "btcusdt@depth", "btcusdt@depth@500ms")
    sockets = [await client.stream("/ws/" + name) for name in names]
    snapshot = (await client.public("/v1/depth", symbol=SYMBOL, limit=1_000)).body
    client.run(3.0)
    final = (await client.public("/v1/depth", symbol=SYMBOL, limit=1_000)).body
    for socket in sockets[1:]:
        books = {side: dict(snapshot[side]) for side in ("bids", "asks")}
        last = snapshot["lastUpdateId"]
        while last < final["lastUpdateId"]:
            diff = await frame(socket)
            assert diff["pu"] == last
            assert diff["U"] <= diff["u"]
            last = diff["u"]
            for side, changes in (("bids", diff["b"]), ("asks", diff["a"])):
                books[side] |= dict(changes)
        for side in ("bids", "asks"):
            assert {p: q for p, q in books[side].items() if Decimal(q)} == dict(final[side])
    first = await frame(sockets[0])
    assert (first["pu"], first["U"]) == (snapshot["lastUpdateId"], snapshot["lastUpdateId"] + 1)


async def test_partial_books_hold_the_best_levels(client):
    socket = await client.stream("/ws/btcusdt@depth5@100ms")
    client.run(0.2)
    found = await frame(socket)
    assert (len(found["b"]), len(found["a"])) == (5, 5)
    prices = [Decimal(price) for price, _ in found["b"]]
    assert prices == sorted(prices, reverse=True)
    ignored = await client.stream("/ws/btcusdt@depth7@100ms/nosuch@depth5/btcusdt@depthX")
    client.run(0.2)
    await ignored.send_json({"method": "GET_PROPERTY", "id": 1})
    assert await frame(ignored) == {"result": False, "id": 1}


async def test_mark_price_ticks_every_second_and_every_third(client):
    each = await client.stream("/market/ws/btcusdt@markPrice@1s")
    third = await client.stream("/ws/!markPrice@arr")
    for _ in range(6):
        client.run(1.0)
    stamps = [(await frame(each))["E"] for _ in range(6)]
    assert [later - earlier for earlier, later in itertools.pairwise(stamps)] == [1_000] * 5
    rows = [await frame(third) for _ in range(2)]
    assert rows[1][0]["E"] - rows[0][0]["E"] == 3_000


async def test_the_private_stream_tells_only_its_account(client, second):
    mine, theirs = await client.private(), await second.private()
    await client.order(newClientOrderId="mine")
    await second.order(newClientOrderId="theirs", quantity="0.001")
    assert (await frame(mine))["o"]["c"] == "mine"
    assert (await frame(theirs))["o"]["c"] == "theirs"


async def test_a_combined_private_stream_is_named_by_its_key(client):
    key = (await client.keyed("POST", "/v1/listenKey")).body["listenKey"]
    socket = await client.stream(f"/stream?streams={key}")
    await client.order()
    assert (await frame(socket))["stream"] == key


async def test_the_life_of_an_order_on_the_private_stream(client):
    socket = await client.private()
    order = (await client.order(timeInForce="GTX")).body
    named = {"symbol": SYMBOL, "orderId": order["orderId"]}
    await client.signed("PUT", "/v1/order", **named, side="BUY", price="59000.10", quantity="0.020")
    await client.signed("DELETE", "/v1/order", **named)
    told = [(await frame(socket))["o"] for _ in range(3)]
    assert [(each["x"], each["X"]) for each in told] == [
        ("NEW", "NEW"),
        ("AMENDMENT", "NEW"),
        ("CANCELED", "CANCELED"),
    ]
    assert {each["i"] for each in told} == {order["orderId"]}


async def test_a_match_is_told_before_its_answer_and_the_sums_agree(client):
    socket = await client.private()
    taken = await client.taken("BUY", "0.500", newOrderRespType="RESULT")
    assert taken.body["status"] == "FILLED"
    fees, filled = Decimal(0), Decimal(0)
    while filled < Decimal("0.500"):
        told = await frame(socket)
        if told["e"] == "ORDER_TRADE_UPDATE" and told["o"]["x"] == "TRADE":
            fees += Decimal(told["o"]["n"])
            filled += Decimal(told["o"]["l"])
    account = await frame_of(socket, "ACCOUNT_UPDATE")
    assert Decimal(account["a"]["B"][0]["wb"]) == 100_000 - fees
    assert account["a"]["P"][0]["pa"] == "0.500"


async def test_funding_reaches_the_private_stream(client):
    await client.taken("BUY", "0.500")
    socket = await client.private()
    for _ in range(9 * 3_600 // 600):  # past the settlement at 08:00
        client.desk.exchange.advance(client.desk.exchange.now_ns + 600 * 10**9)
    client.desk.feeds.pump()
    found = await frame_of(socket, "ACCOUNT_UPDATE")
    assert found["a"]["m"] == "FUNDING_FEE"
    assert Decimal(found["a"]["B"][0]["bc"]) != 0


async def test_a_reader_too_far_behind_is_cut_off(client, monkeypatch):
    monkeypatch.setattr(streams, "_MOST_QUEUED", 10)
    socket = await client.stream("/ws/btcusdt@depth@0ms")
    client.run(5.0)
    async with asyncio.timeout(5):
        while not socket.closed:
            await socket.receive()
    assert socket.close_code == 1008
    client.run(1.0)  # it receives nothing more, and disturbs nobody


async def test_a_listen_key_lives_an_hour(client):
    socket = await client.private()
    now_ns = client.desk.exchange.now_ns
    key = (await client.keyed("POST", "/v1/listenKey")).body["listenKey"]
    assert (await client.keyed("PUT", "/v1/listenKey")).body == {"listenKey": key}
    assert client.desk.listen_keys.expire(now_ns + VALIDITY_NS - 1) == []
    client.desk.expire_listen_keys(now_ns + VALIDITY_NS)
    assert await frame(socket) == {
        "e": "listenKeyExpired",
        "E": (now_ns + VALIDITY_NS) // 1_000_000,
        "listenKey": key,
    }
    assert (await client.keyed("PUT", "/v1/listenKey")).code == -1125
    await client.order()
    again = (await client.keyed("POST", "/v1/listenKey")).body["listenKey"]
    assert again != key
    assert (await client.keyed("DELETE", "/v1/listenKey")).body == {}
    assert (await client.keyed("DELETE", "/v1/listenKey")).code == -1125


@pytest.mark.parametrize("path", ["/ws/btcusdt@trade", "/control"])
async def test_a_client_that_is_gone_before_it_is_answered_leaves_no_trace(client, monkeypatch, caplog, path):
    prepare = web.WebSocketResponse.prepare

    async def gone(self: web.WebSocketResponse, request: web.BaseRequest) -> object:
        request.transport.abort()
        return await prepare(self, request)

    monkeypatch.setattr(web.WebSocketResponse, "prepare", gone)
    with pytest.raises(aiohttp.ClientError):
        await client.stream(path)
    await asyncio.sleep(0)
    assert caplog.records == []
    assert client.desk.register.connections() == []
