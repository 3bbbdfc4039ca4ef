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
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from titan.backtest.own_decisions import State, state_of, walk
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
NEUTRAL = {
    "TITAN_QUOTING__SKEW_AT_FULL_BPS": "0",
    "TITAN_QUOTING__TOXIC_SPREAD": "1",
    "TITAN_QUOTING__TOXIC_SIZE": "1",
    "TITAN_QUOTING__MARKOUT_WEIGHT": "0",
    "TITAN_QUOTING__VOLATILITY_SPREAD": "0",
    "TITAN_QUOTING__VOLATILITY_SIZE": "0",
}
PLAIN = "replay, settings.ini"
UNADJUSTED = "replay, [quoting] that changes nothing"
BARE = "replay, and without amendments"
WAYS: Mapping[str, Mapping[str, str]] = {
    PLAIN: {},
    UNADJUSTED: NEUTRAL,
    BARE: NEUTRAL | {"TITAN_VENUE__LOOPBACK__USE_AMEND": "false"},
}
CLOCK_S = 60.0
"""How long the session by the clock quotes."""
LOCKSTEP, CLOCK = "live, in lock-step", f"live, by the clock, {CLOCK_S:.0f} s"
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


WALK_HEAD = ("rules", "lots", "moved", "fills", "requests", "P&L", "moved", "identity")


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


def traded(capture: Path, folder: Path, speed: str, duration_s: float = 0.0) -> Ended:
    """Trade live, over sockets, on an exchange that replays the capture."""
    options = RunOptions(venue="loopback", replay=capture, speed=speed, duration_s=duration_s, quiet=True)
    return asyncio.run(run(settings_with({}, folder), options)).summary


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


def measured(capture: Path, folder: Path) -> dict[str, Compared]:
    """Every session of the table, its journal in `folder`."""
    found = {}
    for number, (name, changes) in enumerate(WAYS.items()):
        found[name] = in_order(replayed(capture, changes, folder / str(number)))
    found[LOCKSTEP] = in_order(traded(capture, folder / "lockstep", "max"))
    found[CLOCK] = by_the_clock(traded(capture, folder / "clock", "1", CLOCK_S), capture)
    return found


def walked(bare: Told, others: Mapping[str, Told]) -> str:
    """The way from a sweep's own decisions to the sessions' as a table in Markdown, and what is the same on it."""
    found = walk(bare, QUEUES["square"])
    states = [*found.states, *(state_of(rules, told, QUEUES["square"]) for rules, told in others.items())]
    rows = [_moved(state, before) for before, state in pairwise([states[0], *states])]
    said = [
        f"{what}: {alike.same} are the same, of {alike.sweep} of the sweep and {alike.kernel} of the kernel."
        for what, alike in (("Requests", found.requests), ("Fills", found.fills))
    ]
    return "\n".join((table(rows, WALK_HEAD), "", *said))


def _moved(state: State, before: State) -> tuple[str, ...]:
    return (
        state.rules,
        str(state.lots),
        f"{state.lots - before.lots:+d}",
        str(state.fills),
        str(state.requests),
        f"{state.pnl:.4f}",
        f"{state.pnl - before.pnl:+.4f}",
        "exact" if state.exact else "DIFFERS",
    )


def table(rows: list[tuple[str, ...]], head: tuple[str, ...] = HEAD) -> str:
    """The table in Markdown."""
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def causes(found: Mapping[str, Compared]) -> str:
    """Every difference by its cause, as a list in Markdown."""
    lines = []
    for name, compared in found.items():
        counted = Counter(difference.cause for difference in compared.found.differences)
        lines += [f"- {name}: {count} x {cause}." for cause, count in counted.items()]
        if compared.early:
            lines.append(
                f"- {name}: {len(compared.early)} x alike as soon as the order stands at the beginning of its "
                "millisecond, not at its end: the stamp does not tell."
            )
    return "\n".join(lines) or "No order differs."


def same_executions(one: Told, other: Told) -> str:
    """How many executions two sessions have in common, as a sentence."""
    told = [
        Counter((row.time_ns, row.side, row.price, row.quantity) for row in each.result.recording.executions)
        for each in (one, other)
    ]
    same = (told[0] & told[1]).total()
    return (
        f"Live in lock-step and replay, as settings.ini says: {same} executions are the same by time, side, price and "
        f"size, of {told[0].total()} and {told[1].total()}."
    )


def written(page: str, text: str, name: str) -> str:
    """The page with a text in its place."""
    begin, end = marks(name)
    before, _, rest = page.partition(begin)
    _, _, after = rest.partition(end)
    if not after:
        raise SystemExit(f"{PAGE} lacks {begin} or {end}: put both where the table belongs")
    return f"{before}{begin}\n{text}\n{end}{after}"


def marks(name: str) -> tuple[str, str]:
    """Where on the page a text begins and ends."""
    return f"<!-- {name}: python -m scripts.exactness_page -->", f"<!-- {name} ends -->"


def main() -> None:
    """Measure all sessions and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("capture", type=Path)
    capture = parser.parse_args().capture
    with TemporaryDirectory() as folder:
        found = measured(capture, Path(folder))
        rows = [row(name, compared) for name, compared in found.items()]
        texts = {
            "exactness": "\n\n".join(
                (table(rows), causes(found), same_executions(found[LOCKSTEP].told, found[PLAIN].told))
            ),
            "rules": walked(
                found[BARE].told,
                {
                    "orders are amended": found[UNADJUSTED].told,
                    "[quoting] adjusts the quotes": found[PLAIN].told,
                },
            ),
        }
    page = PAGE.read_text(encoding="utf-8")
    for name, text in texts.items():
        page = written(page, text, name)
        print(text, end="\n\n")
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
