"""A small made-up capture: a snapshot, diffs that continue it, best prices, trades, one off-market."""

from __future__ import annotations

from pathlib import Path

import msgspec

START_NS = 1_700_000_000_000_000_000
STEP_NS = 250_000_000


def lines(steps: int = 20, symbol: str = "BTCUSDT") -> list[str]:
    """Lines of a capture; from line 2 on the book is synchronised, and a trade takes the bid at each fourth step."""
    messages: list[object] = [
        _data(symbol, "depth@0ms", "depthUpdate", U=80, u=90, pu=79, b=[["59990.00", "1.000"]], a=[]),
        {
            "lastUpdateId": 95,
            "E": START_NS // 10**6,
            "T": START_NS // 10**6,
            "bids": [["60000.00", "2.000"], ["59999.90", "3.000"], ["59990.00", "1.000"]],
            "asks": [["60000.10", "1.500"], ["60000.20", "4.000"]],
        },
        _data(symbol, "depth@0ms", "depthUpdate", U=91, u=100, pu=90, b=[["60000.00", "2.100"]], a=[]),
    ]
    update = 100
    for step in range(steps):
        size = f"{2 + step / 10:.3f}"
        messages.append(
            _data(
                symbol,
                "bookTicker",
                "bookTicker",
                u=update + 1,
                b="60000.00",
                B=size,
                a="60000.10",
                A="1.500",
            )
        )
        if step % 4 == 3:
            messages.append(
                _data(symbol, "trade", "trade", t=step, p="60000.00", q="0.400", X="MARKET", m=True)
            )
        if step == 5:
            messages.append(
                _data(symbol, "trade", "trade", t=99, p="61000.00", q="9.000", X="INSURANCE_FUND", m=True)
            )
        messages.append(
            _data(
                symbol,
                "depth@0ms",
                "depthUpdate",
                U=update + 1,
                u=update + 3,
                pu=update,
                b=[["60000.00", size]],
                a=[],
            )
        )
        update += 3
    return [
        f"{START_NS + number * STEP_NS} {msgspec.json.encode(message).decode()}"
        for number, message in enumerate(messages)
    ]


def write(path: Path, text: list[str]) -> Path:
    path.write_text("\n".join(text) + "\n")
    return path


def _data(symbol: str, stream: str, kind: str, **fields: object) -> dict[str, object]:
    stamp = START_NS // 10**6
    data = {"e": kind, "E": stamp, "T": stamp, "s": symbol} | fields
    return {"stream": f"{symbol.lower()}@{stream}", "data": data}
