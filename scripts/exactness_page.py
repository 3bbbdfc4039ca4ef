"""Write the table of docs/sweep.md that sets a sweep beside replay and live runs, measured on a capture.

``python -m scripts.exactness_page CAPTURE`` replays the settings' strategy by the kernel, some ways, trades it over
sockets against an exchange that replays the capture, and lets parity say which orders fill alike in a sweep.
"""

from __future__ import annotations

import argparse
import asyncio
from collections import Counter
from collections.abc import Mapping, Set
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from titan.backtest.parity import Asked, Parity, parity_of
from titan.backtest.session import backtest_session
from titan.backtest.session_replayed import came_earlier, read_replayed
from titan.backtest.session_told import Told, read_told
from titan.backtest.study import QUEUES
from titan.live.runner import RunOptions, run
from titan.settings import Settings, load

Ended = Mapping[str, Any]
"""A session's summary."""
REPOSITORY = Path(__file__).resolve().parents[1]
PAGE = REPOSITORY / "docs" / "sweep.md"
BEGIN, END = "<!-- exactness: python -m scripts.exactness_page -->", "<!-- exactness ends -->"
NEUTRAL = {
    "TITAN_QUOTING__SKEW_AT_FULL_BPS": "0",
    "TITAN_QUOTING__TOXIC_SPREAD": "1",
    "TITAN_QUOTING__TOXIC_SIZE": "1",
    "TITAN_QUOTING__MARKOUT_WEIGHT": "0",
    "TITAN_QUOTING__VOLATILITY_SPREAD": "0",
    "TITAN_QUOTING__VOLATILITY_SIZE": "0",
}
WAYS: Mapping[str, Mapping[str, str]] = {
    "settings.ini": {},
    "[quoting] that changes nothing": NEUTRAL,
    "and without amendments": NEUTRAL | {"TITAN_VENUE__LOOPBACK__USE_AMEND": "false"},
}
LOCKSTEP, CLOCK = "live, in lock-step", "live, by the clock"
CLOCK_S = 60.0
"""How long the session by the clock quotes."""
HEAD = (
    "session",
    "orders executed",
    "alike",
    "apart at most",
    "lots told",
    "lots of a sweep",
    "queue",
    "parts",
    "P&L",
)


class Compared(NamedTuple):
    """A session, what parity found of it, its P&L by its own ledger, and orders at the beginning of their stamps."""

    told: Told
    found: Parity
    ledger: Decimal
    early: Set[str] = frozenset()


def row(name: str, compared: Compared) -> tuple[str, ...]:
    """One session, as the table has it."""
    found, result = compared.found, compared.told.result
    whole = found.simulated + sum(found.parts.values()) == found.live
    proven = not result.failed and all(proof.difference == 0 for proof in result.proofs)
    proven &= compared.ledger == found.live
    return (
        name,
        str(found.matched + len(found.differences)),
        str(found.matched),
        f"{found.apart_ms * 1e6:.0f} ns",
        str(found.money["queue"].lots),
        str(found.money["latency"].lots),
        f"{found.parts['queue'].normalize():f}",
        "exact" if whole else "DIFFER",
        "exact" if proven else "DIFFERS",
    )


def settings_with(changes: Mapping[str, str], folder: Path) -> Settings:
    """The repository's settings, changed, with journals of their own."""
    return load(REPOSITORY / "settings.ini", environment={**changes, "TITAN_PROJECT__JOURNALS": str(folder)})


def replayed(capture: Path, changes: Mapping[str, str], folder: Path) -> Ended:
    """Replay the capture by the kernel."""
    return asyncio.run(backtest_session(settings_with(changes, folder), capture)).summary


def traded(
    capture: Path, folder: Path, speed: str, duration_s: float = 0.0, changes: Mapping[str, str] = {}
) -> Ended:
    """Trade live, over sockets, on an exchange that replays the capture."""
    options = RunOptions(venue="loopback", replay=capture, speed=speed, duration_s=duration_s, quiet=True)
    return asyncio.run(run(settings_with(changes, folder), options)).summary


def in_order(ended: Ended) -> Compared:
    """Compare a session whose inputs came in the exchange's own order: one in lock-step."""
    told = read_told(Path(ended["journal"]), "receipt")
    asked = Asked(session=ended["journal"], stamps="receipt", latency_ms=0.0, queue="square")
    return Compared(told, parity_of(told, asked), Decimal(ended["pnl"]))


def by_the_clock(ended: Ended, capture: Path) -> Compared:
    """Compare a session by the exchange's stamps on its orders; its messages' stamps are the sweep's latencies."""
    asked = Asked(session=ended["journal"], latency_ms=0.0, queue="square")
    told, early = came_earlier(read_replayed(Path(ended["journal"]), capture), QUEUES[asked.queue])
    return Compared(told, parity_of(told, asked), Decimal(ended["pnl"]), early)


def measured(capture: Path) -> list[tuple[str, Compared]]:
    """Every session of the table."""
    found = []
    for name, changes in WAYS.items():
        with TemporaryDirectory() as folder:
            found.append((f"replay, {name}", in_order(replayed(capture, changes, Path(folder)))))
    with TemporaryDirectory() as folder:
        found.append((LOCKSTEP, in_order(traded(capture, Path(folder), "max"))))
    with TemporaryDirectory() as folder:
        session = traded(capture, Path(folder), "1", CLOCK_S)
        found.append((f"{CLOCK}, {CLOCK_S:.0f} s", by_the_clock(session, capture)))
    return found


def table(rows: list[tuple[str, ...]]) -> str:
    """The table in Markdown."""
    lines = [HEAD, ("---",) * len(HEAD), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def causes(found: list[tuple[str, Compared]]) -> str:
    """Every difference by its cause, as a list in Markdown."""
    lines = []
    for name, compared in found:
        counted = Counter(difference.cause for difference in compared.found.differences)
        lines += [f"- {name}: {count} x {cause}." for cause, count in counted.items()]
        if compared.early:
            lines.append(
                f"- {name}: {len(compared.early)} x alike as soon as the order stands at the beginning of its "
                "millisecond, not at its end: the stamp does not tell."
            )
    return "\n".join(lines) or "No order differs."


def written(page: str, text: str) -> str:
    """The page with the table in its place."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    if not after:
        raise SystemExit(f"{PAGE} lacks {BEGIN} or {END}: put both where the table belongs")
    return f"{before}{BEGIN}\n{text}\n{END}{after}"


def main() -> None:
    """Measure all sessions and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("capture", type=Path)
    capture = parser.parse_args().capture
    found = measured(capture)
    text = f"{table([row(name, compared) for name, compared in found])}\n\n{causes(found)}"
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), text), encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
