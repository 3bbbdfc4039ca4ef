"""`python -m bench [NAME ...]`: run the benchmarks and end 1 if a target is missed.

The table goes to stdout and the rows to bench/results.json.
"""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench import ROOT, data_folder

Row = dict[str, Any]
COLUMNS = ("name", "value", "unit", "peer", "peer_value", "ratio", "target", "met")
COMMANDS = ("__main__", "oracles")
RESULTS = ROOT / "bench" / "results.json"


def benchmarks() -> tuple[str, ...]:
    """Return the names of the benchmarks: every module here that is no command; a folder is no benchmark."""
    return tuple(
        found.name
        for found in pkgutil.iter_modules([str(ROOT / "bench")])
        if found.name not in COMMANDS and not found.ispkg
    )


def rows_of(name: str) -> list[Row]:
    """Run one benchmark. It is imported only now, so that one never pays for another's peer."""
    rows: list[Row] = importlib.import_module(f"bench.{name}").run()
    return rows


def measure(names: Sequence[str], tell: Callable[[str], None]) -> list[Row]:
    """Run the benchmarks one after another and return their rows, without those that have nothing to measure."""
    rows: list[Row] = []
    for name in names:
        tell(f"{name} ...")
        found = rows_of(name)
        if not found:
            tell(
                f"{name}: skipped, there is no recorded market data in {data_folder()}; set TITAN_DATA to its folder"
            )
        for row in found:
            if set(row) != set(COLUMNS):
                raise ValueError(f"benchmark {name}: a row has {sorted(row)}, not {sorted(COLUMNS)}")
        rows += found
    return rows


def table(rows: Sequence[Row]) -> str:
    """Return the rows as text in columns; one without a target has nothing to miss."""
    head = ("name", "value", "unit", "against", "its value", "ratio", "target", "met")
    body = [
        (
            row["name"],
            _number(row["value"]),
            row["unit"],
            row["peer"] or "",
            _number(row["peer_value"]),
            _number(row["ratio"]),
            _number(row["target"]),
            "" if row["target"] is None else "yes" if row["met"] else "NO",
        )
        for row in rows
    ]
    widths = [max(len(line[column]) for line in (head, *body)) for column in range(len(head))]
    aligned = (
        "  ".join(f"{text:{width}}" for text, width in zip(line, widths, strict=True)).rstrip()
        for line in (head, *body)
    )
    return "\n".join(aligned)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print and write; 1 if a target is missed."""
    known = benchmarks()
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(known)} (default: all)")
    parser.add_argument(
        "--out", type=Path, default=RESULTS, help="results file (default: bench/results.json)"
    )
    options = parser.parse_args(arguments)
    unknown = [name for name in options.names if name not in known]
    if unknown:
        parser.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(known)}")
    rows = measure(options.names or known, lambda text: print(f"bench: {text}", file=sys.stderr, flush=True))
    options.out.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    print(table(rows))
    missed = [row["name"] for row in rows if not row["met"]]
    for name in missed:
        print(f"bench: target missed: {name}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
