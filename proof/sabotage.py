"""Every protection of the runner is taken away in turn, and missed within two thousand seeds.

`python -m proof.sabotage --page` writes docs/protections.md from what was found.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from proof.parts import sources
from proof.parts.pages import page_command
from proof.parts.without import TESTED, first_failure
from proof.result import Result
from titan.chaos.protections import PROTECTIONS
from titan.chaos.sabotage import Missed, sabotage

SEEDS = 2_000
PAGE = sources.ROOT / "docs" / "protections.md"
INTRODUCTION = """# Protections, and how each is missed

A protection is worth what happens without it. Here each is taken away in turn, and trials are run from seed 1 on until
one breaks a promise that the same seed keeps with it. Where another protection stands before it, or the usual desk does
not need it, the trials are of the desk named beside it, with the protection and without. The last ones have nothing to
do with an exchange: without them a test fails.
"""


def run(state: Path, scale: float = 1.0) -> Result:
    """Take away what was not taken away yet; passed if every one is missed."""
    return result_of(find_all(state, scale))


def find_all(state: Path, scale: float) -> list[Missed]:
    """How each was missed; what is noted in `state` is not tried again."""
    state.mkdir(parents=True, exist_ok=True)
    file = state / f"missed-{scale:g}.json"
    done = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    for name in (*PROTECTIONS, *TESTED):
        if name not in done:
            found = by_a_test(name) if name in TESTED else sabotage(name, max(round(SEEDS * scale), 1))
            done[name] = found._asdict()
            file.write_text(json.dumps(done, indent=1) + "\n", encoding="utf-8")
    return [Missed(**done[name]) for name in (*PROTECTIONS, *TESTED)]


def by_a_test(name: str) -> Missed:
    """A protection that the exchange cannot try, and the test that misses it: after no seeds."""
    failure = first_failure(name)
    return Missed(name, TESTED[name].duty, 0 if failure else None, failure, "no trial: its tests")


def result_of(found: Sequence[Missed]) -> Result:
    """Passed if an invariant missed every one."""
    missed = {each.protection: each.seeds for each in found if each.seeds is not None}
    left = tuple(
        f"{each.protection}: {each.duty}: not missed" for each in found if each.protection not in missed
    )
    summary = f"{len(missed)} of {len(found)} protections missed"
    if missed:
        slowest = max(missed, key=lambda name: missed[name])
        summary += f", the last of them ({slowest}) after {missed[slowest]} seeds"
    return Result("sabotage", not left, summary, left)


def page(state: Path, scale: float) -> str:
    """The table."""
    found = find_all(state / "sabotage", scale)
    made = f"Made by `python -m proof.sabotage --page` at commit `{sources.commit()}`"
    rows = [f"| {each.duty} | {each.scene} | {_after(each)} | {_plain(each.violation)} |" for each in found]
    return "\n".join(
        [
            INTRODUCTION,
            f"{made}, of at most {max(round(SEEDS * scale), 1):,} seeds each.\n",
            "| protection | desk | missed after seeds | what the trial found |",
            "| --- | --- | ---: | --- |",
            *rows,
            "",
        ]
    )


def _after(each: Missed) -> str:
    return "not missed" if each.seeds is None else str(each.seeds or "")


def _plain(violation: str) -> str:
    """A violation in a cell of a table: without the time, and cut where it goes on for long."""
    text = re.sub(r"^[\d.]+ s: ", "", violation).replace("|", "/")
    return f"`{text[:157]}...`" if len(text) > 160 else f"`{text}`" if text else ""


if __name__ == "__main__":
    sys.exit(page_command("sabotage", page, PAGE))
