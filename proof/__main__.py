"""`python -m proof [NAME ...]`: run the long trials one after another, and end 1 if one fails.

What is done is kept under .proof, by the sources that it was done on: a second run goes on from there.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import json
import pkgutil
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from proof.parts import sources
from proof.result import Result

FRAME = ("__main__", "result")
MOST_DETAILS = 20
"""Lines of a trial that failed; the others are in its file."""


class Told(NamedTuple):
    """A trial's result, and how long it took in this run."""

    result: Result
    minutes: float


def trials() -> tuple[str, ...]:
    """The names of the trials: every module here that is not of the frame."""
    folder = str(Path(__file__).parent)
    return tuple(
        found.name for found in pkgutil.iter_modules([folder]) if not found.ispkg and found.name not in FRAME
    )


def purpose(name: str) -> str:
    """The first line of a trial's docstring; nothing of it is imported."""
    text = Path(__file__).with_name(f"{name}.py").read_text(encoding="utf-8")
    return (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0]


def proven(name: str, state: Path, scale: float) -> Result:
    """Run one trial, or return what it came to before. One that breaks off has failed, and the others go on."""
    state.mkdir(parents=True, exist_ok=True)
    file = state / f"result-{scale:g}.json"
    if file.exists():
        found = json.loads(file.read_text(encoding="utf-8"))
        return Result(found["name"], found["passed"], found["summary"], tuple(found["details"]))
    try:
        # Imported only now, so that one never pays for another's needs.
        result: Result = importlib.import_module(f"proof.{name}").run(state, scale)
    # Whatever a trial raises is a failure of it, and no reason not to run the next one.
    except Exception as error:
        return Result(name, False, f"broke off: {type(error).__name__}: {error}", ())
    if result.passed:
        file.write_text(json.dumps(result._asdict(), indent=1) + "\n", encoding="utf-8")
    return result


def prove(names: Sequence[str], state: Path, scale: float, tell: Callable[[str], None]) -> list[Told]:
    """Run trials one after another; each tells one line, and what failed its details."""
    told = []
    for name in names:
        tell(f"{name}: {purpose(name)}")
        begun_s = time.monotonic()
        result = proven(name, state / name, scale)
        told.append(Told(result, (time.monotonic() - begun_s) / 60))
        tell(line(told[-1]))
        if not result.passed:
            for detail in result.details[:MOST_DETAILS]:
                tell(f"  {detail}")
    return told


def line(told: Told) -> str:
    """A result for people."""
    word = "passed" if told.result.passed else "FAILED"
    return f"{told.result.name}: {word} in {told.minutes:.1f} min: {told.result.summary}"


def table(told: Sequence[Told]) -> str:
    """Every result in columns."""
    rows = [("trial", "passed", "minutes", "what it came to")]
    rows += [
        (each.result.name, "yes" if each.result.passed else "NO", f"{each.minutes:.1f}", each.result.summary)
        for each in told
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join(
        "  ".join(f"{text:{width}}" for text, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run and tell; 1 if a trial fails."""
    known = trials()
    parser = argparse.ArgumentParser(prog="proof", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(known)} (default: all)")
    parser.add_argument(
        "--scale", type=float, default=1.0, metavar="X", help="share of the work (default: 1)"
    )
    parser.add_argument("--list", action="store_true", help="say what there is, and run nothing")
    parser.add_argument(
        "--state", type=Path, default=sources.STATE, help="where what is done is kept (default: .proof)"
    )
    options = parser.parse_args(arguments)
    unknown = [name for name in options.names if name not in known]
    if unknown:
        parser.error(f"no trial {', '.join(unknown)}; there are {', '.join(known)}")
    if options.scale <= 0:
        parser.error(f"--scale {options.scale:g}: must be more than 0")
    if options.list:
        for name in known:
            print(f"{name:12} {purpose(name)}")
        return 0
    state = options.state / sources.digest()
    told = prove(options.names or known, state, options.scale, lambda text: print(text, flush=True))
    print(table(told))
    return 0 if all(each.result.passed for each in told) else 1


if __name__ == "__main__":
    sys.exit(main())
