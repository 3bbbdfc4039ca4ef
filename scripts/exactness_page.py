"""Write the table of docs/sweep.md that sets a sweep beside replay, measured on a capture.

``python -m scripts.exactness_page CAPTURE`` replays the settings' strategy by the kernel, some ways, and lets parity
say which of its orders fill in a sweep as they did there.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from titan.backtest.parity import Asked, Parity, parity
from titan.backtest.session import backtest_session
from titan.settings import load

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
HEAD = (
    "replay of",
    "orders executed",
    "alike",
    "apart at most",
    "lots told",
    "lots of a sweep",
    "queue",
    "parts",
)


def row(name: str, found: Parity) -> tuple[str, ...]:
    """One way, as the table has it."""
    whole = found.simulated + sum(found.parts.values()) == found.live
    return (
        name,
        str(found.matched + len(found.differences)),
        str(found.matched),
        f"{found.apart_ms * 1e6:.0f} ns",
        str(found.money["queue"].lots),
        str(found.money["as simulated"].lots),
        f"{found.parts['queue'].normalize():f}",
        "exact" if whole else "DIFFER",
    )


def measure(capture: Path, changes: Mapping[str, str], folder: Path) -> Parity:
    """Replay the capture, and compare."""
    settings = load(
        REPOSITORY / "settings.ini", environment={**changes, "TITAN_PROJECT__JOURNALS": str(folder)}
    )
    journal = asyncio.run(backtest_session(settings, capture)).summary["journal"]
    return parity(Asked(session=journal, stamps="receipt", latency_ms=0.0, queue="square"))


def table(rows: list[tuple[str, ...]]) -> str:
    """The table in Markdown."""
    lines = [HEAD, ("---",) * len(HEAD), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def written(page: str, text: str) -> str:
    """The page with the table in its place."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    if not after:
        raise SystemExit(f"{PAGE} lacks {BEGIN} or {END}: put both where the table belongs")
    return f"{before}{BEGIN}\n{text}\n{END}{after}"


def main() -> None:
    """Measure all ways and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("capture", type=Path)
    capture = parser.parse_args().capture
    rows = []
    for name, changes in WAYS.items():
        with TemporaryDirectory() as folder:
            rows.append(row(name, measure(capture, changes, Path(folder))))
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), table(rows)), encoding="utf-8")
    print(table(rows))


if __name__ == "__main__":
    main()
