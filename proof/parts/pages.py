"""Pages that trials write, and the command that writes one."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from proof.parts import sources


def page_command(
    name: str,
    page: Callable[[Path, float], str],
    file: Path,
    arguments: Sequence[str] | None = None,
) -> int:
    """Write a trial's page to its place in docs; what it needs and is not done yet is done first.

    Parameters
    ----------
    name : str
        The trial.
    page : function of Path and float
        The text, by the folder of all trials' state on these sources, and the share of the work.
    """
    parser = argparse.ArgumentParser(prog=f"proof.{name}")
    parser.add_argument("--page", action="store_true", required=True, help=f"write {file.name}")
    parser.add_argument(
        "--scale", type=float, default=1.0, metavar="X", help="share of the work (default: 1)"
    )
    parser.add_argument(
        "--state", type=Path, default=sources.STATE, help="where what is done is kept (default: .proof)"
    )
    options = parser.parse_args(arguments)
    file.write_text(page(options.state / sources.digest(), options.scale), encoding="utf-8")
    print(f"{file.name} is written")
    return 0
