"""What no frame may do: each bad one is counted and logged, pulls the quotes, and is followed by a fresh book."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import msgspec
import pytest

from tests.live.desks import SYMBOL, STREAMS, open_exchange, trade, until
from titan.live.result import Result
from titan.loopback.desk import Desk
from titan.loopback.signatures import DEFAULT_CREDENTIALS

ACCOUNT = DEFAULT_CREDENTIALS.key
DEPTH = "btcusdt@depth@100ms"


def inject(desk: Desk, raw: bytes) -> None:
    """Send a frame, as it is, to everyone who follows the depth."""
    for connection in list(desk.register._by_name.get(DEPTH, ())):
        connection.send(raw)


def wrapped(kind: str, channel: str = "depth@100ms", symbol: str = SYMBOL, **fields: object) -> bytes:
    data = {"e": kind, "E": 1, "T": 1, "s": symbol} | fields
    return msgspec.json.encode({"stream": f"{symbol.lower()}@{channel}", "data": data})


def diff(**changes: object) -> bytes:
    fields: dict[str, object] = {"U": 1, "u": 2, "pu": 0, "b": [], "a": []}
    return wrapped("depthUpdate", **(fields | changes))


def top(**changes: object) -> bytes:
    fields: dict[str, object] = {"u": 1, "b": "60000.00", "B": "1.000", "a": "60000.10", "A": "1.000"}
    return wrapped("bookTicker", "bookTicker", **(fields | changes))


async def counted(port_url: str) -> dict[str, float]:
    """Notices by code, from the metrics."""
    async with aiohttp.ClientSession() as http, http.get(port_url) as answer:
        text = await answer.text()
    found = re.findall(r'^titan_notices_total\{code="(\w+)"\} (\S+)$', text, re.MULTILINE)
    return {code: float(value) for code, value in found}


def notices(err: str, code: str) -> list[dict[str, Any]]:
    return [line for line in map(json.loads, err.splitlines()) if line.get("code") == code]


FAR_AHEAD = 10**15
BAD = {
    "no JSON at all": (b"\x00\xff\x00 not json", "bad_frame"),
    "truncated": (diff(b=[["60000.00", "1.000"]])[:-9], "bad_frame"),
    "an empty frame": (b"", "bad_frame"),
    "a bare number": (b"7", "bad_frame"),
    "a negative size": (diff(b=[["60000.00", "-1.000"]]), "bad_frame"),
    "a price of 0": (diff(a=[["0", "1.000"]]), "bad_frame"),
    "a size that is not a number": (diff(b=[["60000.00", "NaN"]]), "bad_frame"),
    "an infinite price": (diff(b=[["Infinity", "1.000"]]), "bad_frame"),
    "a price off the grid": (diff(b=[["60000.03", "1.000"]]), "bad_frame"),
    "ids that run backwards": (diff(U=9, u=3), "bad_frame"),
    "a gap in the sequence": (diff(U=FAR_AHEAD, u=FAR_AHEAD + 1, pu=FAR_AHEAD - 1), "book_doubtful"),
    "a mark price of 0": (
        wrapped("markPriceUpdate", "markPrice@1s", p="0", i="60000", P="60000", r="0.0001", T=1),
        "bad_frame",
    ),
    "a trade of size 0": (
        wrapped("trade", "trade", t=1, p="60000.00", q="0", X="MARKET", m=True),
        "bad_frame",
    ),
    "an error of the venue": (b'{"code":-1121,"msg":"Invalid symbol."}', "bad_frame"),
    "a best bid of nonsense": (top(b="sixty"), "bad_frame"),
}


async def test_every_bad_frame_pulls_the_quotes_and_quoting_resumes(tmp_path, capsys):
    """One session takes them all, one after another."""
    async with open_exchange() as (desk, url):
        running = asyncio.create_task(trade(tmp_path, url, 60.0, live__telemetry_port=0))
        metrics = await _metrics_url(capsys, desk, running)

        def standing() -> int:
            return len(desk.exchange.open_orders(ACCOUNT, SYMBOL))

        cancels = _cancels(desk)
        for name, (raw, code) in BAD.items():
            await until(lambda: standing() > 0)
            before, pulled = await counted(metrics), cancels()
            inject(desk, raw)
            await until(lambda pulled=pulled: cancels() > pulled)
            after = await counted(metrics)
            assert after.get(code, 0) == before.get(code, 0) + 1, name
            await until(lambda: standing() > 0)
        await _stop(running)
        result = await running
    assert result.exit_code == 0
    assert result.summary["open_orders_at_exit"] == 0
    assert result.summary["reconciliation_differences"] == 0
