"""Every fault over real sockets: what an unmodified ccxt makes of a call, and what a websocket sees."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import ccxt
import pytest
from aiohttp import web

from scripts.faults_page import EXAMPLES
from tests.loopback import capture
from tests.loopback.client import DEFAULT, SYMBOL, Client, frame
from tests.loopback.test_ccxt import BTC, pointed_at
from titan.loopback.errors import ExchangeStartError
from titan.loopback.fault_sockets import Door, SocketFaults
from titan.loopback.faults import CALL_KINDS, FRAME_KINDS, Fault, Kind, Plan, read_plan
from titan.loopback.main import (
    HOST,
    LOCKSTEP,
    ExchangeOptions,
    build_desk,
    keep_moving,
    run_exchange,
    serving,
)
from titan.loopback.replay import ReplayedMarket

ORDER = "POST /fapi/v1/order"
MARKET = "/stream?streams=btcusdt@depth@100ms"


@asynccontextmanager
async def failing(*faults: Fault, speed: float = 1.0) -> AsyncIterator[tuple[Client, SocketFaults]]:
    """An exchange that moves with the wall clock and fails, and a client that signs by hand."""
    desk = build_desk(ExchangeOptions(seed=7, speed=speed))
    follows = SocketFaults(desk, Plan(faults=faults))
    ending = asyncio.Event()
    async with serving(desk, faults=follows) as port, aiohttp.ClientSession() as session:
        moving = asyncio.create_task(keep_moving(desk, ending, follows))
        yield Client(desk, port, session, DEFAULT), follows
        ending.set()
        await moving


async def refused(ask: Any) -> bool:
    """Whether the system refused to connect; a kept connection that broke is no refusal."""
    try:
        await ask
    except aiohttp.ClientConnectionError as error:
        return isinstance(error, aiohttp.ClientConnectorError)
    return False


async def answered(client: Client) -> bool:
    try:
        return (await client.public("/v1/time")).status == 200
    except (aiohttp.ClientConnectionError, aiohttp.ContentTypeError):
        return False


async def until(holds: Any, seconds: float = 5.0) -> None:
    async with asyncio.timeout(seconds):
        while not await holds():
            await asyncio.sleep(0.01)


# ---- Calls, as an unmodified ccxt meets them


MEETS: dict[Kind, tuple[type[Exception] | None, bool]] = {
    Kind.REFUSE_CONNECTION: (ccxt.ExchangeNotAvailable, False),
    Kind.DELAY_CALL: (None, True),
    Kind.LOSE_REQUEST: (ccxt.RequestTimeout, False),
    Kind.LOSE_ANSWER: (ccxt.RequestTimeout, True),
    Kind.LATE_ANSWER: (None, True),
    Kind.TRUNCATE_ANSWER: (ccxt.ExchangeError, True),
    Kind.HALF_ANSWER: (None, True),
    Kind.SERVER_ERROR: (ccxt.OperationFailed, False),
    Kind.SERVER_ERROR_AFTER: (ccxt.ExchangeNotAvailable, True),
    Kind.UNKNOWN_RESULT: (ccxt.RequestTimeout, True),
    Kind.BAD_TIMESTAMP: (ccxt.InvalidNonce, False),
    Kind.DUPLICATE_ID: (ccxt.ExchangeError, True),
    Kind.RATE_LIMITED: (ccxt.DDoSProtection, False),
    Kind.BANNED: (ccxt.DDoSProtection, False),
}
"""The exact class that ccxt raises (None: nothing at all), and whether the order stands nevertheless."""


def test_every_fault_of_an_order_call_is_shown() -> None:
    assert set(MEETS) == CALL_KINDS - {Kind.LYING_SNAPSHOT}


@pytest.mark.parametrize("kind", MEETS)
async def test_an_unmodified_ccxt_meets_the_fault(kind: Kind) -> None:
    raised, stands = MEETS[kind]
    async with failing(Fault(kind=kind, call=ORDER, delay_s=0.3)) as (client, follows):
        venue = pointed_at(client.port)
        venue.timeout = 800
        await venue.load_markets()
        placed: Any = None
        begun_s, error = time.monotonic(), None
        try:
            placed = await venue.create_order(BTC, "limit", "buy", 0.01, 59_000, {"clientOrderId": "one"})
        except ccxt.BaseError as caught:
            error = type(caught)
        took_s = time.monotonic() - begun_s
        await venue.close()
        assert error is raised
        assert follows.gate.hits == {kind: 1}
        standing = [order.client_id for order in client.desk.exchange.open_orders(DEFAULT.key)]
        assert standing == (["one"] if stands else [])
        if kind is Kind.HALF_ANSWER:
            assert (placed["id"], placed["status"]) == (None, None)
        elif raised is None:
            assert (placed["clientOrderId"], placed["status"]) == ("one", "open")
            assert took_s >= 0.3
        if kind in (Kind.LOSE_REQUEST, Kind.LOSE_ANSWER):
            assert 0.8 <= took_s < 3.0


async def test_the_next_call_goes_well() -> None:
    async with failing(Fault(kind=Kind.TRUNCATE_ANSWER, call=ORDER)) as (client, _):
        with pytest.raises(aiohttp.ClientPayloadError):
            await client.order(newClientOrderId="one")
        assert (await client.order(newClientOrderId="two")).status == 200
        assert [row["clientOrderId"] for row in (await client.signed("GET", "/v1/openOrders")).body] == [
            "one", "two",
        ]  # fmt: skip


async def test_a_ban_names_its_end_and_a_limit_its_pause() -> None:
    faults = (Fault(kind=Kind.BANNED, delay_s=3), Fault(kind=Kind.RATE_LIMITED, delay_s=2))
    async with failing(*faults) as (client, _):
        banned, limited = await client.public("/v1/time"), await client.public("/v1/time")
        assert banned.status == 418
        until_ms = int(banned.body["msg"].rpartition(" ")[2].rstrip("."))
        assert 1_500 < until_ms - client.now_ms <= 3_000
        assert (limited.status, limited.headers["Retry-After"]) == (429, "2")


async def test_a_snapshot_lies_about_its_update() -> None:
    async with failing(Fault(kind=Kind.LYING_SNAPSHOT)) as (client, _):
        lying = await client.public("/v1/depth", symbol=SYMBOL, limit=5)
        honest = client.desk.exchange.depth(SYMBOL, 5)
        assert lying.body["lastUpdateId"] > honest.last_id


async def test_a_delay_runs_on_the_exchanges_clock() -> None:
    async with failing(Fault(kind=Kind.DELAY_CALL, delay_s=5.0), speed=20.0) as (client, _):
        begun_s = time.monotonic()
        assert (await client.public("/v1/time")).status == 200
        assert 0.25 <= time.monotonic() - begun_s < 2.0


# ---- Outages


@pytest.mark.parametrize("kind", [Kind.REFUSE_CONNECTION, Kind.RESTART])
async def test_in_an_outage_the_system_itself_refuses_and_the_port_is_the_same_afterwards(kind: Kind) -> None:
    """Only a refused connection proves that nothing was sent: ccxt's `ClientConnectorError` must be the real one."""
    async with failing(Fault(kind=kind, at_s=1.5, for_s=1.0)) as (client, _):
        socket = await client.stream(MARKET)
        await frame(socket)
        await until(lambda: refused(client.public("/v1/time")))
        assert await refused(client.stream(MARKET))
        async with asyncio.timeout(2):
            while (await socket.receive()).type is aiohttp.WSMsgType.TEXT:
                continue
        assert socket.closed
        await until(lambda: answered(client))
        assert (await frame(await client.stream(MARKET)))["stream"] == "btcusdt@depth@100ms"


async def test_an_answer_that_is_due_in_an_outage_never_comes() -> None:
    faults = (
        Fault(kind=Kind.DELAY_CALL, call=ORDER, delay_s=2.0),
        Fault(kind=Kind.RESTART, at_s=1.5, for_s=2.5),
    )
    async with failing(*faults) as (client, _):
        with pytest.raises(aiohttp.ClientConnectionError):
            await client.order()
        assert client.desk.exchange.open_orders(DEFAULT.key) == ()


async def test_a_port_that_somebody_else_took_meanwhile_is_waited_for() -> None:
    async with failing(Fault(kind=Kind.REFUSE_CONNECTION, at_s=0.5, for_s=0.6)) as (client, _):
        await until(lambda: refused(client.public("/v1/time")))
        other = await asyncio.start_server(lambda reader, writer: writer.close(), HOST, client.port)
        await asyncio.sleep(0.8)
        other.close()
        await other.wait_closed()
        await until(lambda: answered(client))


async def test_a_connection_that_is_gone_is_not_broken_again() -> None:
    """The door closes over whatever the server still lists."""
    runner = web.AppRunner(web.Application())
    await runner.setup()
    site = web.TCPSite(runner, HOST, 0)
    await site.start()
    port = runner.addresses[0][1]
    _, writer = await asyncio.open_connection(HOST, port)
    await asyncio.sleep(0.05)
    follows = SocketFaults(
        build_desk(ExchangeOptions()), Plan(faults=(Fault(kind=Kind.REFUSE_CONNECTION, for_s=60),))
    )
    for connection in runner.server.connections:
        connection.transport.abort()
        connection.transport = None
    door = asyncio.create_task(Door(runner, follows, lambda: site, site).keep())
    await asyncio.sleep(0.05)
    assert runner.sites == set()
    door.cancel()
    writer.close()
    await runner.cleanup()


# ---- Frames


def ids(found: dict[str, Any]) -> tuple[int, int]:
    return found["data"]["pu"], found["data"]["u"]


@pytest.mark.parametrize("kind", sorted(FRAME_KINDS))
async def test_a_frame_meets_the_fault(kind: Kind) -> None:
    fault = Fault(kind=kind, at_s=0.5, stream="market", delay_s=0.5 if kind is Kind.DELAY_FRAME else 0.0)
    async with failing(fault) as (client, follows):
        socket = await client.stream(MARKET)
        payloads, stamps = [], []
        while len(payloads) < 16:
            payloads.append(await socket.receive_str(timeout=5))
            stamps.append(time.monotonic())
        assert follows.gate.hits == {kind: 1}
        if kind in (Kind.MALFORM_FRAME, Kind.TRUNCATE_FRAME):
            assert sum(not text.endswith("}}") for text in payloads) == 1
            return
        decoded = [json.loads(text) for text in payloads]
        steps = [ids(found) for found in decoded]
        unbroken = all(before[1] == after[0] for before, after in itertools.pairwise(steps))
        if kind is Kind.DUPLICATE_FRAME:
            assert len(set(steps)) == len(steps) - 1
        elif kind is Kind.DELAY_FRAME:
            assert unbroken
            assert max(b - a for a, b in itertools.pairwise(stamps)) >= 0.4
        else:
            assert not unbroken
            assert (sorted(steps) == steps) == (kind is Kind.LOSE_FRAME)


async def test_a_half_dead_stream_answers_no_ping_and_a_new_one_lives() -> None:
    fault = Fault(kind=Kind.SILENCE_STREAM, at_s=0.5)
    async with failing(fault) as (client, follows), aiohttp.ClientSession() as session:
        url = f"ws://{HOST}:{client.port}{MARKET}"
        socket = await session.ws_connect(url, autoping=False)
        await socket.ping()
        async with asyncio.timeout(2):
            while (await socket.receive()).type is not aiohttp.WSMsgType.PONG:
                continue

        async def silent() -> bool:
            return follows.gate.hits[Kind.SILENCE_STREAM] == 1

        await until(silent)
        await socket.ping()
        heard = set()

        async def listen() -> None:
            while True:
                heard.add((await socket.receive(timeout=0.6)).type)

        with pytest.raises(TimeoutError):
            await listen()
        assert heard <= {aiohttp.WSMsgType.TEXT}
        assert await frame(await session.ws_connect(url))
        await socket.close()


async def test_a_dropped_private_stream_misses_what_happens_meanwhile() -> None:
    async with failing(Fault(kind=Kind.DROP_STREAM, at_s=0.5, stream="private")) as (client, _):
        market, private = await client.stream(MARKET), await client.private()
        assert (await private.receive(timeout=3)).type is aiohttp.WSMsgType.CLOSE
        assert await frame(market)


# ---- The exchange itself


async def test_the_tick_doubles_and_everything_follows() -> None:
    async with failing(Fault(kind=Kind.CHANGE_TICK, at_s=2.0)) as (client, _):
        taken = await client.taken("BUY", "0.010")
        assert taken.status == 200
        resting = (await client.order(price="59000.10", newClientOrderId="one")).body
        held = client.desk.exchange.positions(DEFAULT.key)
        trades = (await client.signed("GET", "/v1/userTrades", symbol=SYMBOL)).body

        async def changed() -> bool:
            info = (await client.public("/v1/exchangeInfo")).body
            return info["symbols"][0]["filters"][0]["tickSize"] == "0.20"

        await until(changed)
        asked = {"symbol": SYMBOL, "orderId": resting["orderId"]}
        ended = (await client.signed("GET", "/v1/order", **asked)).body
        assert (ended["status"], ended["price"]) == ("CANCELED", "59000.10")
        assert (await client.signed("GET", "/v1/userTrades", symbol=SYMBOL)).body == trades
        (position,) = client.desk.exchange.positions(DEFAULT.key)
        assert (position.lots, position.entry) == (held[0].lots, held[0].entry)
        assert (await client.order(price="59000.10")).code == -4014
        assert (await client.order(price="59000.20")).body["price"] == "59000.20"

        async def quoted() -> bool:
            depth = client.desk.exchange.depth(SYMBOL, 1)
            return bool(depth.bids and depth.asks)

        await until(quoted)  # whoever quotes comes back in the new ticks
        book = (await client.public("/v1/depth", symbol=SYMBOL, limit=20)).body
        mid = float(book["bids"][0][0]) / 2 + float(book["asks"][0][0]) / 2
        assert abs(mid - 60_000) < 600
        assert all(round(float(price) * 10) % 2 == 0 for price, _ in book["bids"] + book["asks"])
        listed = (await client.signed("GET", "/v1/allOrders", symbol=SYMBOL)).body
        assert [order["price"] for order in listed[1:]] == ["59000.10", "59000.20"]


async def test_fills_during_a_disconnect_are_found_by_query_alone(tmp_path: Path) -> None:
    """The documented plan, ten times as early."""
    path = tmp_path / "plan.json"
    path.write_text(EXAMPLES["Fills during a disconnect"].plan)
    plan = read_plan(path)
    early = [Fault(kind=f.kind, at_s=f.at_s / 10, for_s=f.for_s / 4) for f in plan.faults]
    async with failing(*early) as (client, _):
        private = await client.private()
        bid = client.desk.exchange.depth(SYMBOL, 1).bids[0][0]
        price = f"{(bid - 12) / 10:.2f}"
        assert (await client.order(price=price, newClientOrderId="one")).status == 200

        async def filled() -> bool:
            return client.desk.exchange.open_orders(DEFAULT.key) == ()

        await until(filled)
        assert await refused(client.public("/v1/time"))
        told = []
        async with asyncio.timeout(3):
            while (message := await private.receive()).type is aiohttp.WSMsgType.TEXT:
                told.append(message.data)
        assert not any('"x":"TRADE"' in text for text in told)
        await asyncio.sleep(1.0)
        trades = (await client.signed("GET", "/v1/userTrades", symbol=SYMBOL)).body
        assert sum(float(trade["qty"]) for trade in trades) == pytest.approx(0.01)


@pytest.mark.parametrize("title", EXAMPLES)
def test_every_documented_plan_can_be_read(title: str, tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text(EXAMPLES[title].plan)
    assert read_plan(path).faults


# ---- Starting with a plan


async def test_the_exchange_follows_the_plan_it_was_started_with() -> None:
    ports: asyncio.Queue[int] = asyncio.Queue()
    ending = asyncio.Event()
    plan = Plan(faults=(Fault(kind=Kind.SERVER_ERROR),))
    serve = asyncio.create_task(run_exchange(ExchangeOptions(faults=plan), ports.put_nowait, ending))
    url = f"http://{HOST}:{await ports.get()}/fapi/v1/time"
    async with aiohttp.ClientSession() as session:
        statuses = [(await session.get(url)).status for _ in range(2)]
    ending.set()
    await serve
    assert statuses == [503, 200]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"speed": LOCKSTEP, "faults": Plan()}, "faults take time, and at speed max none passes by itself"),
        (
            {"replay": Path("any"), "faults": Plan(faults=(Fault(kind=Kind.CHANGE_TICK),))},
            "a recorded market keeps its tick; leave it out",
        ),
    ],
)
async def test_a_plan_that_cannot_be_followed_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ExchangeStartError, match=message):
        await run_exchange(ExchangeOptions(**options), print)


def test_a_recorded_market_has_no_other_tick(tmp_path: Path) -> None:
    market = ReplayedMarket(capture.write(tmp_path / "capture", capture.lines()), "binance")
    with pytest.raises(ValueError, match="a recorded market keeps its tick"):
        market.learn(market.instrument)
