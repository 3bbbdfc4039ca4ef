"""What no frame may do: each bad one is counted and logged, pulls the quotes, and is followed by a fresh book."""

from __future__ import annotations

import asyncio
import re
import signal

import aiohttp
import msgspec

from tests.live.desks import SYMBOL, Log, Recorder, address_of_telemetry, open_exchange, trade, until
from titan.loopback.desk import Desk
from titan.loopback.signatures import DEFAULT_CREDENTIALS

ACCOUNT = DEFAULT_CREDENTIALS.key
DEPTH = "btcusdt@depth@100ms"


def wrapped(kind: str, channel: str = "depth@100ms", symbol: str = SYMBOL, **fields: object) -> bytes:
    data = {"e": kind, "E": 1, "T": 1, "s": symbol} | fields
    return msgspec.json.encode({"stream": f"{symbol.lower()}@{channel}", "data": data})


def diff(**changes: object) -> bytes:
    fields: dict[str, object] = {"U": 1, "u": 2, "pu": 0, "b": [], "a": []}
    return wrapped("depthUpdate", **(fields | changes))


FAR = 10**15
BAD = {
    "no JSON at all": ("bad_frame", b"\x00\xff not json"),
    "truncated": ("bad_frame", diff(b=[["60000.00", "1.000"]])[:-9]),
    "a negative size": ("bad_frame", diff(b=[["60000.00", "-1.000"]])),
    "a price of 0": ("bad_frame", diff(a=[["0", "1.000"]])),
    "a size that is not a number": ("bad_frame", diff(b=[["60000.00", "NaN"]])),
    "out of sequence": ("book_doubtful", diff(U=FAR, u=FAR + 1, pu=FAR - 1)),
    "a crossed touch": (
        "book_doubtful",
        wrapped("bookTicker", "bookTicker", u=FAR, b="60000.10", B="1.000", a="60000.00", A="1.000"),
    ),
}


class Market:
    """The exchange beside, and what is sent over it to the runner."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._probe = Recorder()
        desk.register.subscribe(self._probe, [DEPTH])

    def standing(self) -> set[int]:
        """Ids of our open orders."""
        return {order.order_id for order in self._desk.exchange.open_orders(ACCOUNT, SYMBOL)}

    def inject(self, raw: bytes) -> None:
        """Send a frame, as it is, to everyone who follows the depth."""
        for connection in self._desk.register._by_name[DEPTH]:
            connection.send(raw)

    def crossing(self) -> bytes:
        """A diff that continues the sequence and bids far above every offer."""
        last_id = msgspec.json.decode(self._probe.frames[-1])["data"]["u"]
        return diff(U=last_id + 1, u=last_id + 1, pu=last_id, b=[["90000.00", "1.000"]])


async def counts(url: str) -> dict[str, float]:
    """Notices by code, from the metrics."""
    async with aiohttp.ClientSession() as http, http.get(f"{url}/metrics") as answer:
        text = await answer.text()
    found = re.findall(r'^titan_notices_total\{code="(\w+)"\} (\S+)$', text, re.MULTILINE)
    return {code: float(value) for code, value in found}


async def told(url: str, code: str, before: float) -> dict[str, float]:
    """The notices once one more of this code has been counted."""
    async with asyncio.timeout(20):
        while (found := await counts(url)).get(code, 0) <= before:
            await asyncio.sleep(0.02)
    return found


async def test_every_bad_frame_pulls_the_quotes_and_quoting_resumes(tmp_path, capsys):
    """One session takes them all, one after another."""
    log = Log(capsys)
    async with open_exchange() as (desk, exchange_url):
        market = Market(desk)
        running = asyncio.create_task(trade(tmp_path, exchange_url))
        url = await address_of_telemetry(log)
        frames = {name: (code, lambda raw=raw: raw) for name, (code, raw) in BAD.items()}
        frames["a crossed book"] = ("book_doubtful", market.crossing)
        for code, frame in frames.values():
            await until(market.standing)
            standing, before = market.standing(), await counts(url)
            market.inject(frame())
            await until(lambda standing=standing: not standing & market.standing())
            # Executions replace orders as well, so the quotes may have gone before the frame was read.
            after = await told(url, code, before.get(code, 0))
            assert after[code] == before.get(code, 0) + 1
            assert after["not_quoting"] > before["not_quoting"]
        await until(market.standing)
        assert (await counts(url))["quoting"] == len(frames) + 1
        signal.raise_signal(signal.SIGTERM)
        result = await running
    assert result.exit_code == 0
    assert result.summary["open_orders_at_exit"] == result.summary["reconciliation_differences"] == 0
    reasons = [line["event"] for line in log.lines() if line["code"] in {"bad_frame", "book_doubtful"}]
    for number, word in enumerate(("malformed", "truncated", "-1.000", "0", "NaN", "", "crossed", "crossed")):
        assert word in reasons[number], (number, reasons)


async def test_a_symbol_that_nobody_asked_for_is_counted_and_disturbs_nothing(tmp_path, capsys):
    log = Log(capsys)
    async with open_exchange() as (desk, exchange_url):
        market = Market(desk)
        running = asyncio.create_task(trade(tmp_path, exchange_url))
        url = await address_of_telemetry(log)
        await until(market.standing)
        market.inject(wrapped("bookTicker", "bookTicker", "NOPEUSDT", u=1, b="1", B="1", a="2", A="1"))
        await until(lambda: log.lines("bad_frame"))
        assert (await counts(url))["bad_frame"] == 1
        assert (await counts(url))["not_quoting"] == 1
        signal.raise_signal(signal.SIGTERM)
        assert (await running).exit_code == 0
    assert "symbol 'NOPEUSDT' is not among" in log.lines("bad_frame")[0]["event"]
