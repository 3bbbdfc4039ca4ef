"""The command of a page of docs/ that is generated: it writes the page, or checks that it is current."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path


def page_command(
    description: str | None, page: Callable[[], str], place: Path, arguments: Sequence[str] | None = None
) -> int:
    """Write or check a page, and return the exit code: 1 where it was only to be checked, and is not current."""
    parser = argparse.ArgumentParser(prog=f"{place.stem}_page", description=description)
    parser.add_argument("--check", action="store_true", help="change nothing; end 1 on drift")
    parser.add_argument("--page", type=Path, default=place)
    options = parser.parse_args(arguments)
    current = options.page.read_text(encoding="utf-8") if options.page.exists() else ""
    text = page()
    if current == text:
        return 0
    if options.check:
        print(f"{options.page.name} is not current; run 'make export'", file=sys.stderr)
        return 1
    options.page.parent.mkdir(parents=True, exist_ok=True)
    options.page.write_text(text, encoding="utf-8")
    return 0
