"""What the exchange sends, field by field, against the committed forms, and those against recordings and documents."""

from __future__ import annotations

import gzip
import lzma
import tarfile
from typing import Any

import msgspec
import pytest

from tests.loopback.client import SYMBOL, Client, frame_of
from tests.loopback.forms import DOCUMENTED, FILTERS, NEWER, RECORDED, SYMBOL_KEYS, form

STREAMS = "/ws/btcusdt@depth@100ms/btcusdt@trade/btcusdt@bookTicker/btcusdt@aggTrade/btcusdt@markPrice@1s"


async def _public_frames(client: Client) -> dict[str, Any]:
    socket = await client.stream(STREAMS)
    client.run(5.0)
    kinds = ("depthUpdate", "trade", "bookTicker", "aggTrade", "markPriceUpdate")
    found: dict[str, Any] = {}
    while len(found) < len(kinds):
        frame = await socket.receive_json(timeout=5)
        if frame["e"] != "depthUpdate" or (frame["b"] and frame["a"]):
            found[frame["e"]] = frame
    return found


async def test_public_frames(client):
    found = await _public_frames(client)
    for kind in ("depthUpdate", "trade", "bookTicker"):
        assert form(found[kind], places=True) == RECORDED[kind]
    assert form(found["aggTrade"]) == RECORDED["aggTrade"]
    assert form(found["markPriceUpdate"]) == DOCUMENTED["markPriceUpdate"]
    assert form(found["depthUpdate"]["b"][0], places=True) == ["decimal 2"]
    assert len(found["depthUpdate"]["b"][0]) == 2


async def test_depth_answer(client):
    answer = await client.public("/v1/depth", symbol=SYMBOL, limit=5)
    assert form(answer.body, places=True) == RECORDED["snapshot"]


async def test_exchange_info(client):
    info = (await client.public("/v1/exchangeInfo")).body
    assert set(info) == {
        "timezone",
        "serverTime",
        "futuresType",
        "rateLimits",
        "exchangeFilters",
        "assets",
        "symbols",
    }
    assert set(info["symbols"][0]) == SYMBOL_KEYS
    assert {entry["filterType"]: set(entry) for entry in info["symbols"][0]["filters"]} == FILTERS


async def test_private_frames_and_account_answers(client):
    socket = await client.private()
    placed = await client.order(quantity="0.020", newOrderRespType="RESULT")
    order = await client.signed("GET", "/v1/order", symbol=SYMBOL, orderId=placed.body["orderId"])
    assert form(order.body) == DOCUMENTED["order"]
    without_time = {key: kind for key, kind in DOCUMENTED["order"].items() if key != "time"}
    assert form(placed.body) == without_time | {"cumQty": "decimal"}
    update = DOCUMENTED["orderTradeUpdate"]
    update = update | {"o": update["o"] | NEWER["orderTradeUpdate"]}
    new = await frame_of(socket, "ORDER_TRADE_UPDATE")
    assert form(new) == update
    assert (new["o"]["x"], new["o"]["b"], new["o"]["a"]) == ("NEW", "1180.00000", "0")
    await client.taken("BUY", "0.010")
    taken = await frame_of(socket, "ORDER_TRADE_UPDATE")
    while taken["o"]["x"] != "TRADE":
        taken = await frame_of(socket, "ORDER_TRADE_UPDATE")
    assert form(taken) == update
    assert form(await frame_of(socket, "ACCOUNT_UPDATE")) == DOCUMENTED["accountUpdate"]
    assert form((await client.signed("GET", "/v2/balance")).body) == [DOCUMENTED["balance"]]
    assert form((await client.signed("GET", "/v2/positionRisk")).body) == [DOCUMENTED["positionRisk"]]
    assert form((await client.signed("GET", "/v2/account")).body) == DOCUMENTED["account"]


# ---- the committed forms against recordings and documents ----


def test_recorded_traffic_has_the_committed_form(titan_data):
    seen: dict[str, Any] = {}
    path = titan_data / "binance_capture_20240808" / "usdm_btcusdt_20240808.gz"
    with gzip.open(path, "rb") as lines:
        for line in lines:
            message = msgspec.json.decode(line.split(b" ", 1)[1])
            data = message.get("data", message)
            kind = data.get("e", "snapshot")
            if kind != "depthUpdate" or (data["b"] and data["a"]):
                seen.setdefault(kind, data)
            if len(seen) == 4:
                break
    for kind in ("depthUpdate", "trade", "bookTicker", "snapshot"):
        assert form(seen[kind], places=True) == RECORDED[kind]


def test_recorded_agg_trade_has_the_committed_form(titan_data):
    with lzma.open(titan_data / "venue_captures" / "BINANCE_FUTURES.ws.1.0.xz", "rt") as lines:
        line = next(line for line in lines if '"e":"aggTrade"' in line)
    assert form(msgspec.json.decode(line.split(": ", 1)[1])["data"]) == RECORDED["aggTrade"]


def test_recorded_exchange_info_has_the_committed_keys(titan_data):
    with lzma.open(titan_data / "venue_captures" / "BINANCE_FUTURES.0.xz", "rt") as lines:
        line = next(line for line in lines if '"symbols"' in line)
    symbol = msgspec.json.decode(line[line.index('{"timezone"') :])["symbols"][0]
    assert set(symbol) == SYMBOL_KEYS
    assert {entry["filterType"]: set(entry) for entry in symbol["filters"]} == FILTERS


@pytest.mark.parametrize(
    ("name", "member"),
    [
        ("order", "http_json/order_response.json"),
        ("balance", "http_json/balance.json"),
        ("positionRisk", "http_json/position_risk.json"),
        ("account", "http_json/account_info_v2.json"),
        ("orderTradeUpdate", "user_data_json/order_update_new.json"),
        ("orderTradeUpdate", "user_data_json/order_update_trade.json"),
        ("accountUpdate", "user_data_json/account_update.json"),
        ("markPriceUpdate", "market_data_json/mark_price_stream.json"),
    ],
)
def test_documented_messages_have_the_committed_form(titan_data, name, member):
    archive = titan_data / "venue_message_shapes" / "adapters_test_data.tar.xz"
    with tarfile.open(archive) as files:
        ending = "binance/test_data/futures/" + member
        found = next(each for each in files.getmembers() if each.name.endswith(ending))
        source = files.extractfile(found)
        assert source is not None
        documented = form(msgspec.json.decode(source.read()))
    wanted = DOCUMENTED[name]
    assert documented == ([wanted] if isinstance(documented, list) else wanted)
