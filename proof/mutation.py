"""`python -m proof.mutation`: do the tests notice a small change to the code that money depends on?

Of all mutants of a target a seeded sample is tried, each against the tests that run its lines. Verdicts are remembered
in the state folder for as long as what they rest on does not change: a second run goes on from there, and an empty
folder begins anew. `--page` writes docs/mutation.md.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from proof.parts.mutant_trial import Bench, Verdict
from proof.parts.mutants import Mutant, functions, mutants
from proof.result import Result

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "mutation.md"
SEED = 4
SAMPLE = 200
LEAST_KILLED = 0.9


class Target(NamedTuple):
    """What is trusted with one task: the files that hold its decisions, and the tests that may notice a change."""

    name: str
    files: tuple[str, ...]
    tests: tuple[str, ...]


def _files(room: str, *names: str) -> tuple[str, ...]:
    """Files of tests."""
    return tuple(f"tests/{room}/test_{name}.py" for name in names)


TARGETS = (
    Target(
        "gatekeeper",
        (
            "titan/risk/checks.py",
            "titan/risk/limits.py",
            "titan/risk/budget.py",
            "titan/engine/gatekeeper.py",
            "titan/engine/judgement.py",
            "titan/engine/permission.py",
        ),
        (
            *_files("risk", "checks", "limits", "limits_edges", "budget"),
            *_files("engine", "gatekeeper", "judgement", "judgement_gathers", "risk_levels"),
        ),
    ),
    Target(
        "orders",
        ("titan/engine/orders.py", "titan/model/orders.py"),
        _files(
            "engine",
            "orders",
            "orders_unproven",
            "orders_told",
            "orders_and_ledger",
            "worst_case",
            "reconciliation",
        ),
    ),
    Target(
        "ledger",
        ("titan/engine/ledger.py", "titan/engine/holdings.py", "titan/engine/between.py"),
        _files("engine", "ledger", "ledger_between", "ledger_money", "holdings", "orders_and_ledger"),
    ),
    Target(
        "reconciliation",
        ("titan/engine/reconciliation.py", "titan/engine/account.py", "titan/engine/comparing.py"),
        _files(
            "engine", "reconciliation", "account", "account_positions", "comparing", "starting", "stopping"
        ),
    ),
    Target("shutdown", ("titan/risk/shutdown.py",), _files("risk", "shutdown", "shutdown_edges")),
)


class Tried(NamedTuple):
    """A mutant and its verdict."""

    mutant: Mutant
    verdict: Verdict


class Outcome(NamedTuple):
    """What a target's trial came to."""

    target: Target
    possible: int
    """How many mutants its files have."""
    tried: tuple[Tried, ...]

    def count(self, verdict: str) -> int:
        """How many mutants came to this."""
        return sum(each.verdict.verdict == verdict for each in self.tried)

    @property
    def share(self) -> float:
        """Of the mutants tried, the share that did not survive."""
        return 1 - self.count("survived") / len(self.tried)


def sample_of(target: Target, root: Path, count: int, seed: int) -> tuple[list[Mutant], int]:
    """Return the seeded sample in the order of the text, and how many mutants there are."""
    everything = [
        m for file in target.files for m in mutants(file, (root / file).read_text(encoding="utf-8"))
    ]
    chosen = random.Random(seed).sample(range(len(everything)), min(count, len(everything)))
    return [everything[at] for at in sorted(chosen)], len(everything)


def try_target(
    target: Target, root: Path, state: Path, count: int, seed: int, tell: Callable[[str], None]
) -> Outcome:
    """Try the sample of one target; what `state` remembers is not tried again."""
    chosen, possible = sample_of(target, root, count, seed)
    memory = _Memory(state / f"{target.name}.jsonl", root)
    verdicts = {mutant: memory.recall(mutant) for mutant in chosen}
    unknown = [mutant for mutant, verdict in verdicts.items() if verdict is None]
    if unknown:
        with Bench(root, target.files, target.tests) as bench:
            for at, mutant in enumerate(unknown, start=1):
                tests = bench.tests_of(mutant)
                verdict = bench.judge(mutant, memory.not_passed(mutant, tests))
                memory.keep(mutant, verdict, tests)
                verdicts[mutant] = verdict
                where = f"{mutant.path}:{mutant.line} {mutant.what}"
                tell(f"{target.name} {at}/{len(unknown)}: {verdict.verdict}: {where}")
    return Outcome(target, possible, tuple(Tried(m, v) for m, v in verdicts.items() if v is not None))


class _Memory:
    """Verdicts of earlier runs, each with the texts that it rests on: the changed file, and files of tests.

    A kill stands as long as neither the changed file nor that of the test that failed changes. Survival stands as
    long as no file of tests changes at all; a file that has not changed is not run again.
    """

    def __init__(self, path: Path, root: Path) -> None:
        self.path, self.root = path, root
        self.texts = {
            file.relative_to(root).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()[:16]
            for file in root.rglob("*.py")
            if ".venv" not in file.parts
        }
        self.known: dict[tuple[str, int], dict[str, Any]] = {}
        for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
            told = json.loads(line)
            self.known[told["path"], told["number"]] = told

    def recall(self, mutant: Mutant) -> Verdict | None:
        """The verdict, if it still stands."""
        told = self._told(mutant)
        if told is None or told["verdict"][0] == "timed out":
            return None
        stands = all(self.texts.get(file) == text for file, text in told["rests_on"].items())
        if told["verdict"][0] == "survived":
            stands = stands and told["all_tests"] == self._all_tests()
        return Verdict(*told["verdict"]) if stands else None

    def not_passed(self, mutant: Mutant, tests: Sequence[str]) -> list[str]:
        """Those of the tests that the mutant has not passed yet, in a file as it is now."""
        told = self._told(mutant)
        passed = told["rests_on"] if told and told["verdict"][0] == "survived" else {}
        return [test for test in tests if passed.get(_file_of(test)) != self.texts.get(_file_of(test))]

    def keep(self, mutant: Mutant, verdict: Verdict, tests: Sequence[str]) -> None:
        """Remember a verdict."""
        files = [mutant.path, *map(_file_of, [verdict.by] if verdict.verdict == "killed" else tests)]
        line = {
            "path": mutant.path,
            "number": mutant.number,
            "what": mutant.what,
            "verdict": list(verdict),
            "rests_on": {file: self.texts[file] for file in files if file in self.texts},
            "all_tests": self._all_tests(),
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def _told(self, mutant: Mutant) -> dict[str, Any] | None:
        told = self.known.get((mutant.path, mutant.number))
        return told if told and told["rests_on"][mutant.path] == self.texts[mutant.path] else None

    def _all_tests(self) -> str:
        return _digest(text for file, text in sorted(self.texts.items()) if file.startswith("tests/"))


def _file_of(test: str) -> str:
    return test.partition(" (")[0].partition("::")[0]


def _digest(texts: Iterable[str]) -> str:
    return hashlib.sha256(" ".join(texts).encode()).hexdigest()[:16]


def try_all(targets: Sequence[Target], state: Path, scale: float, seed: int) -> list[Outcome]:
    """Try every target; progress is told on standard error."""

    def tell(text: str) -> None:
        print(f"mutation: {text}", file=sys.stderr, flush=True)

    return [try_target(target, ROOT, state, round(SAMPLE * scale), seed, tell) for target in targets]


def run(state: Path, scale: float = 1.0) -> Result:
    """Try every target and return what it came to; it passes if of each target nine mutants in ten are noticed."""
    return result_of(try_all(TARGETS, state, scale, SEED))


def result_of(outcomes: Sequence[Outcome]) -> Result:
    """Return the outcomes in one line, and every survivor."""
    shares = ", ".join(f"{each.target.name} {each.share:.1%}" for each in outcomes)
    survivors = tuple(
        f"{one.mutant.path}:{one.mutant.line} {one.mutant.what}"
        for each in outcomes
        for one in each.tried
        if one.verdict.verdict == "survived"
    )
    return Result(
        "mutation", all(each.share >= LEAST_KILLED for each in outcomes), f"noticed: {shares}", survivors
    )


# ---- The page ------------------------------------------------------------------------------------------------

INTRODUCTION = """# Mutation testing

A test suite is worth what it notices. Here one small change at a time, a mutant, is made to the code that money
depends on, and the tests that run the changed line are run until one fails. A mutant that no test notices has survived:
a test is lacking, or the change makes no difference. None is left out for the latter reason, all survivors are listed.

Changed are comparisons and their boundaries, `and` and `or`, `not`, arithmetic, constants by one, words, conditions,
returned values, removed statements, arguments of one kind in another order, keywords left out, members of sets, `max`
and `min`. Left alone are imports, annotations, decorators, docstrings, and prose: strings with a space, and those with
values set in. A decorated function is changed like any other. A mutant that hangs counts as noticed, and is listed as
timed out. Only the tests named here are asked: what the others would notice does not count.
"""


def page(outcomes: Sequence[Outcome], commit: str, seed: int, root: Path = ROOT) -> str:
    """Return docs/mutation.md."""
    parts = [
        INTRODUCTION,
        f"Made by `python -m proof.mutation --page` at commit `{commit}`, seed {seed}: of each target a sample of "
        f"{SAMPLE} mutants.\n",
        "| target | possible | tried | killed | timed out | survived | noticed |\n|---|--:|--:|--:|--:|--:|--:|",
    ]
    for each in outcomes:
        counts = " | ".join(str(each.count(verdict)) for verdict in ("killed", "timed out", "survived"))
        parts.append(
            f"| {each.target.name} | {each.possible} | {len(each.tried)} | {counts} | {each.share:.1%} |"
        )
    parts += [_section(each, root) for each in outcomes]
    return "\n".join(parts) + "\n"


def _section(outcome: Outcome, root: Path) -> str:
    files = ", ".join(f"`{file}`" for file in outcome.target.files)
    tests = ", ".join(f"`{file}`" for file in outcome.target.tests)
    lines = [f"\n## {outcome.target.name.capitalize()}\n", f"{files}\n", f"**Tests**: {tests}.\n"]
    for verdict, title in (("survived", "Survivors"), ("timed out", "Timed out")):
        found = [each.mutant for each in outcome.tried if each.verdict.verdict == verdict]
        lines += [f"**{title}**:\n", *map(_row, found), ""] if found else [f"**{title}**: none.\n"]
    skipped = _skipped(outcome, root)
    lines.append(
        "**Functions without a mutant in the sample**: " + ("; ".join(skipped) if skipped else "none") + ".\n"
    )
    return "\n".join(lines).rstrip()


def _row(mutant: Mutant) -> str:
    where = f"{mutant.path}:{mutant.line}" + (f" ({mutant.function})" if mutant.function else "")
    fence = "``" if "`" in mutant.what else "`"
    return f"- {where}: {fence}{mutant.what}{fence}"


def _skipped(outcome: Outcome, root: Path) -> list[str]:
    """Functions that the sample left out, and those in which there is nothing to change."""
    told = []
    for file in outcome.target.files:
        source = (root / file).read_text(encoding="utf-8")
        possible = {mutant.function for mutant in mutants(file, source)}
        drawn = {each.mutant.function for each in outcome.tried if each.mutant.path == file}
        told += [
            f"`{name}` ({'not drawn' if name in possible else 'nothing to change'})"
            for name in functions(source)
            if name not in drawn
        ]
    return told


def _commit() -> str:
    """The commit that the verdicts are of.

    Raises
    ------
    RuntimeError
        If the modules or the tests are not as committed: then no commit names what was tried.
    """
    changed = _git("status", "--porcelain", "titan", "tests", "proof")
    if changed:
        raise RuntimeError(f"not committed:\n{changed}\ncommit it first, so that the page can name a commit")
    return _git("rev-parse", "--short=12", "HEAD")


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def main(arguments: Sequence[str] | None = None) -> int:
    """Try the targets; 1 if of one of them fewer than nine mutants in ten are noticed."""
    names = [target.name for target in TARGETS]
    parser = argparse.ArgumentParser(prog="python -m proof.mutation", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="TARGET", help=f"of {', '.join(names)} (default: all)")
    parser.add_argument("--state", type=Path, default=ROOT / "var" / "mutation")
    parser.add_argument("--scale", type=float, default=1.0, help=f"times {SAMPLE} mutants a target")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--page", action="store_true", help="write docs/mutation.md")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.names if name not in names]
    if unknown:
        parser.error(f"no target {', '.join(unknown)}; there are {', '.join(names)}")
    if options.page and (options.names or options.scale != 1.0):
        parser.error("the page is of all targets and the whole sample")
    commit = _commit() if options.page else ""
    chosen = [target for target in TARGETS if not options.names or target.name in options.names]
    outcomes = try_all(chosen, options.state, options.scale, options.seed)
    result = result_of(outcomes)
    print("\n".join([result.summary, *result.details]))
    if options.page:
        PAGE.write_text(page(outcomes, commit, options.seed), encoding="utf-8")
    return 0 if result.passed else 1


if __name__ == "__main__":
    sys.exit(main())
