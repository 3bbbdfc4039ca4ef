"""A recorded market: opening, terms, verbatim frames, lock-step, truncation, and captures that cannot be replayed."""

from __future__ import annotations

import gzip
import hashlib
import itertools
import lzma
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from tests.loopback import capture
from tests.loopback.client import DEFAULT, SYMBOL, Client
from titan.loopback.capture_reader import CaptureReader, RawSnapshot
from titan.loopback.errors import ExchangeStartError
from titan.loopback.main import LOCKSTEP, ExchangeOptions, build_desk, serving

ALL = "/stream?streams=btcusdt@depth@100ms/btcusdt@bookTicker/btcusdt@trade/btcusdt@markPrice@1s"


@asynccontextmanager
async def replaying(path: Path) -> AsyncIterator[Client]:
    desk = build_desk(ExchangeOptions(replay=path, speed=LOCKSTEP))
    async with serving(desk) as port, aiohttp.ClientSession() as session:
        yield Client(desk, port, session, DEFAULT)


def _absurd(text: list[str]) -> list[str]:
    return [line.replace('"2.000"', '"-2.000"') for line in text]


class Runner:
    """A lock-step runner that reads its streams and may act after each advance."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.frames: list[str] = []
        self.private: list[str] = []
        self.advances: list[dict[str, Any]] = []

    async def run(self, orders: dict[int, dict[str, Any]] | None = None, most: int = 10**9) -> None:
        control = await self.client.stream("/control")
        hello = await control.receive_json(timeout=5)
        assert hello["clock"] == "lockstep"
        public, private = await self.client.stream(ALL), await self.client.private()
        await control.send_json({"op": "start"})
        while len(self.advances) < most:
            told = await control.receive_json(timeout=5)
            if told["op"] == "end":
                break
            while len(self.frames) < told["public"]:
                self.frames.append(await public.receive_str(timeout=5))
            while len(self.private) < told["private"]:
                self.private.append(await private.receive_str(timeout=5))
            if told["op"] == "advance":
                self.advances.append(told)
                if orders and len(self.advances) in orders:
                    await self.client.order(**orders[len(self.advances)])
            counts = {"public": len(self.frames), "private": len(self.private)}
            await control.send_json({"op": "drained", **counts})
        await control.close()

    def digest(self) -> str:
        return hashlib.sha256("".join(self.frames + self.private).encode()).hexdigest()


async def test_the_port_opens_on_a_synchronised_book(tmp_path):
    async with replaying(capture.write(tmp_path / "c", capture.lines())) as client:
        assert (await client.public("/v1/time")).body["serverTime"] == capture.START_NS // 10**6 + 250
        depth = (await client.public("/v1/depth", symbol=SYMBOL, limit=5)).body
        assert depth["lastUpdateId"] == 95
        assert depth["bids"][0] == ["60000.00", "2.000"]
        assert depth["asks"][0] == ["60000.10", "1.500"]
        symbol = (await client.public("/v1/exchangeInfo")).body["symbols"][0]
        filters = {entry["filterType"]: entry for entry in symbol["filters"]}
        assert filters["PRICE_FILTER"]["tickSize"] == "0.10"
        assert (symbol["baseAsset"], symbol["quoteAsset"], symbol["pricePrecision"]) == ("BTC", "USDT", 2)


async def test_lockstep_forwards_every_frame_verbatim_and_counts_it(tmp_path):
    text = capture.lines()
    async with replaying(capture.write(tmp_path / "c", text)) as client:
        runner = Runner(client)
        await runner.run()
        recorded = [line.split(" ", 1)[1] for line in text[2:]]
        sent = [frame for frame in runner.frames if "markPriceUpdate" not in frame]
        assert sent == [line.replace("@depth@0ms", "@depth@100ms") for line in recorded]
        assert len(runner.advances) == len(recorded)
        assert [told["now_ns"] for told in runner.advances] == [
            capture.START_NS + (2 + number) * capture.STEP_NS for number in range(len(recorded))
        ]
        marks = [
            msgspec.json.decode(frame)["data"]["E"] for frame in runner.frames if "markPriceUpdate" in frame
        ]
        assert [later - earlier for earlier, later in itertools.pairwise(marks)] == [1_000] * (len(marks) - 1)


async def test_our_orders_fill_against_recorded_trades_and_twice_the_same(tmp_path):
    path = capture.write(tmp_path / "c", capture.lines(60))
    orders = {2: {"price": "60000.00", "newClientOrderId": "maker"}, 9: {"price": "60000.10"}}
    digests = []
    for _ in range(2):
        async with replaying(path) as client:
            runner = Runner(client)
            await runner.run(orders)
            digests.append(runner.digest())
            trades = (await client.signed("GET", "/v1/userTrades", symbol=SYMBOL)).body
    assert digests[0] == digests[1]
    assert [trade["maker"] for trade in trades] == [False, True]
    prices = [msgspec.json.decode(frame)["o"]["L"] for frame in runner.private if '"x":"TRADE"' in frame]
    assert prices == ["60000.10", "60000.00"]
    settled = [told for told in runner.advances if told["private"]]
    assert settled, "private frames of the runner's own orders are counted"


async def test_public_trades_and_aggregates_of_a_recording(tmp_path):
    async with replaying(capture.write(tmp_path / "c", capture.lines())) as client:
        aggregates = await client.stream("/ws/btcusdt@aggTrade", observer=True)
        await Runner(client).run()
        assert (await aggregates.receive_json(timeout=5))["a"] == 3
        rows = (await client.public("/v1/trades", symbol=SYMBOL)).body
        assert [row["id"] for row in rows] == [3, 7, 11, 15, 19]  # the off-market print is no trade
        assert rows[0]["quoteQty"] == "24000.00000"
        assert (await client.public("/v1/ticker/price", symbol=SYMBOL)).body["price"] == "60000.00"
        later = await client.public("/v1/aggTrades", symbol=SYMBOL, fromId=8, limit=2)
        assert [row["a"] for row in later.body] == [11, 15]


@pytest.mark.parametrize("pack", ["plain", "gzip", "xz"])
async def test_a_truncated_capture_is_served_up_to_its_end(tmp_path, capsys, pack):
    text = ("\n".join(capture.lines()) + "\n").encode()
    path = tmp_path / "cut"
    packed = {"plain": lambda: text, "gzip": lambda: gzip.compress(text), "xz": lambda: lzma.compress(text)}
    whole = packed[pack]()
    path.write_bytes(whole[: int(len(whole) * 0.9)])
    async with replaying(path) as client:
        runner = Runner(client)
        await runner.run()
        assert runner.advances
        assert client.desk.source.next_ns() is None
    told = capsys.readouterr().err.strip()
    assert told.startswith(f"capture {path}: ")
    assert told.count("\n") == 0
    assert "the market ends there" in told


async def test_a_line_that_cannot_be_applied_ends_the_market(tmp_path, capsys):
    text = capture.lines()
    text[10] = text[10].replace("60000.00", "60000.03").replace("0.400", "0.4001")
    text[12] = "not a line"
    async with replaying(capture.write(tmp_path / "c", text)) as client:
        await Runner(client).run()
    assert capsys.readouterr().err.count("the market ends there") == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ([], "holds no depth snapshot"),
        (capture.lines()[:1], "holds no depth snapshot"),
        (capture.lines()[1:2], "holds no depth diffs"),
        (_absurd(capture.lines()), "never has a whole book"),
        (capture.lines(symbol="BTCUSD_PERP"), "is no USD-M perpetual"),
        (["heading", "rubbish"], "line 2 cannot be read"),
    ],
)
def test_a_capture_that_cannot_be_replayed_is_refused(tmp_path, text, says):
    with pytest.raises(ExchangeStartError, match=says):
        build_desk(ExchangeOptions(replay=capture.write(tmp_path / "c", text), speed=LOCKSTEP))


def test_a_missing_capture_is_refused(tmp_path):
    with pytest.raises(ExchangeStartError, match="No such file"):
        build_desk(ExchangeOptions(replay=tmp_path / "absent"))


@pytest.mark.parametrize(
    ("stamp", "time_ns"),
    [
        ("1700000000.25:", 1_700_000_000_250_000_000),
        ("1700000000", 1_700_000_000_000_000_000),
        ("1700000000123", 1_700_000_000_123_000_000),
        ("1700000000123456", 1_700_000_000_123_456_000),
    ],
)
def test_times_in_every_unit(tmp_path, stamp, time_ns):
    path = capture.write(
        tmp_path / "c", [f'{stamp} {{"lastUpdateId":1,"bids":[],"asks":[]}}', f"{stamp} {{}}"]
    )
    reader = CaptureReader(path)
    (line,) = reader.lines()  # the second is the answer to a subscription
    assert (line.time_ns, line.kind) == (time_ns, "snapshot")
    assert isinstance(line.message, RawSnapshot)
    assert reader.damage is None


def test_an_unknown_unit_is_damage(tmp_path):
    reader = CaptureReader(capture.write(tmp_path / "c", ["17 {}"]))
    assert list(reader.lines()) == []
    assert reader.damage is not None
    assert "no known unit" in reader.damage


async def test_the_real_capture_in_lockstep(titan_data):
    path = titan_data / "binance_capture_20240808" / "usdm_btcusdt_20240808.gz"
    with gzip.open(path, "rt") as source:
        recorded = [line.split(" ", 1)[1].strip() for line in itertools.islice(source, 2_055)][55:]
    async with replaying(path) as client:
        assert client.desk.source.instrument.tick_size.as_tuple().exponent == -2
        runner = Runner(client)
        await runner.run(most=2_000)
    sent = [frame for frame in runner.frames if "markPriceUpdate" not in frame]
    assert sent == [line.replace("@depth@0ms", "@depth@100ms") for line in recorded[: len(sent)]]
    assert len(sent) >= 1_999
