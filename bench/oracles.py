"""`python -m bench.oracles`: every number that is known from elsewhere, one JSON object a line.

The notebooks' examples run on the shipped modules; each states its numbers with `titan._oracles.oracle`.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from bench import ROOT, data_folder
from scripts.notebooks import notebook_paths
from scripts.run_notebook import run_examples
from titan import _oracles


def row(found: _oracles.Oracle) -> dict[str, Any]:
    """Return an oracle as the object that is printed; a number that is not finite becomes null."""
    numbers = {
        name: value if math.isfinite(value) else None
        for name, value in (("expected", found.expected), ("got", found.got), ("tolerance", found.tolerance))
    }
    return {"name": found.name, **numbers, "source": found.source, "ok": found.ok}


def run_notebook(path: Path, tell: Callable[[str], None]) -> list[dict[str, Any]]:
    """Return the oracles of one notebook. An example that fails ends it and counts as an oracle that is not met."""
    first = len(_oracles.recorded)
    data = data_folder() if data_folder().is_dir() else None
    failure: AssertionError | None = None
    try:
        # What a notebook prints is for its reader; stdout is for the objects.
        with redirect_stdout(sys.stderr):
            run_examples(ROOT, path, data)
    except AssertionError as error:
        failure = error
    rows = [row(found) for found in _oracles.recorded[first:]]
    if failure is not None:
        where = path.relative_to(ROOT).as_posix()
        tell(f"{where}: an example does not hold, and those after it were not run: {failure}")
        if all(found["ok"] for found in rows):
            rows.append(
                row(_oracles.Oracle(f"{where}: examples", 1.0, 0.0, 0.0, "exact: the notebook's own check"))
            )
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    """Print every oracle; 1 if one falls short."""
    parser = argparse.ArgumentParser(prog="oracles", description=__doc__)
    parser.add_argument("notebooks", nargs="*", type=Path, metavar="NOTEBOOK", help="default: all under nbs/")
    options = parser.parse_args(arguments)
    chosen = [path.resolve() for path in options.notebooks] or notebook_paths(ROOT / "nbs")
    short = 0
    for path in chosen:
        for found in run_notebook(path, lambda text: print(f"oracles: {text}", file=sys.stderr)):
            print(json.dumps(found, ensure_ascii=False), flush=True)
            short += not found["ok"]
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
