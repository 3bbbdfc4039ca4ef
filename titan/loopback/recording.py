"""A raw capture of the generated market, as a recorder beside a real venue would have written it."""

from __future__ import annotations

from pathlib import Path

from titan.loopback import rest
from titan.loopback.clock import LockstepClock
from titan.loopback.main import LOCKSTEP, ExchangeOptions, build_desk
from titan.loopback.streams import Connection

_CHANNELS = ("depth@0ms", "bookTicker", "trade")
_SYMBOL = "BTCUSDT"
_SNAPSHOT_AFTER_NS = 500_000_000
"""Diffs come before the snapshot that they join, as they do where a recorder connects first and asks then."""


class _Listener(Connection):
    """Keeps every frame in place of a websocket."""

    def __init__(self) -> None:
        self.account = self.listen_key = ""
        self.counted = self.combined = True
        self.names: set[str] = set()
        self.frames: list[bytes] = []

    def send(self, payload: bytes) -> None:
        """Keep one frame."""
        self.frames.append(payload)


def record_market(path: Path, seconds: float = 60.0, seed: int = 1) -> Path:
    """Record the loopback exchange's market in virtual time: the same arguments give the same bytes.

    Parameters
    ----------
    path : Path
        The file to write, ``<local ns> <json>`` a line; its folder is made.
    seconds : float
        Of the market's clock.
    seed : int
        Of the generated market.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ValueError
        If it would end before the snapshot without which no book begins.
    """
    if not seconds * 1e9 > _SNAPSHOT_AFTER_NS:
        raise ValueError(f"seconds = {seconds:g}: must be above {_SNAPSHOT_AFTER_NS / 1e9:g}")
    desk = build_desk(ExchangeOptions(seed=seed, symbols=(_SYMBOL,), speed=LOCKSTEP))
    assert isinstance(desk.clock, LockstepClock)
    listener = _Listener()
    desk.register.subscribe(listener, [f"{_SYMBOL.lower()}@{channel}" for channel in _CHANNELS])
    start_ns = desk.exchange.now_ns
    lines: list[bytes] = []
    snapshot = b""
    while (due_ns := desk.source.next_ns()) is not None and due_ns < start_ns + seconds * 1e9:
        desk.clock.set(due_ns)
        desk.step(due_ns)
        lines += [b"%d %b" % (desk.exchange.now_ns, frame) for frame in listener.frames]
        listener.frames.clear()
        if not snapshot and desk.exchange.now_ns > start_ns + _SNAPSHOT_AFTER_NS:
            query = f"symbol={_SYMBOL}&limit=1000"
            snapshot = rest.answer(desk, "GET", "/fapi/v1/depth", query, "", None).body
            lines.append(b"%d %b" % (desk.exchange.now_ns, snapshot))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path
