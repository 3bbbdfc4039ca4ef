"""Seeds of `titan.chaos`, run to their number and told of in one line."""

from __future__ import annotations

import json
from pathlib import Path

from proof.result import Result
from titan.chaos.run import Failure, Total, run_trials, told


def run_seeds(state: Path, most: int, scale: float, workers: int, *, sockets: bool = False) -> Total:
    """Run seeds 1 to `most` times `scale`, behind those noted in `state`; failures are added to a file there."""
    state.mkdir(parents=True, exist_ok=True)
    seeds = range(1, 1 + max(round(most * scale), 1))

    def failed(failure: Failure) -> None:
        with (state / "failures.jsonl").open("a", encoding="utf-8") as file:
            file.write(told(failure, as_json=True) + "\n")

    return run_trials(
        seeds, workers=workers, state=state / f"seeds-{len(seeds)}.json", failed=failed, sockets=sockets
    )


def result_of(name: str, total: Total, state: Path) -> Result:
    """What trials came to: passed without a violation."""
    counts = total.counts
    summary = ", ".join(f"{count:,} {what}" for what, count in counts.items())
    return Result(name, not counts["violations"], summary, tuple(_failures(state)))


def _failures(state: Path) -> list[str]:
    """One line for each seed that failed; a seed that was run again behind an interruption is told once."""
    file = state / "failures.jsonl"
    if not file.exists():
        return []
    found = {}
    for text in file.read_text(encoding="utf-8").splitlines():
        failure = json.loads(text)
        found[failure["seed"]] = f"seed {failure['seed']}: {'; '.join(failure['violations'])}"
    return [found[seed] for seed in sorted(found)]
