"""Write the pages of docs/drills that are rehearsed in virtual time, or check them with ``--check``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from scripts.drills import (
    accepted_and_silent,
    dns_outage,
    fill_while_cancelling,
    one_sided_market,
    restart_in_stop,
)
from scripts.drills.stage import FOLDER

DRILLS = (accepted_and_silent, dns_outage, fill_while_cancelling, one_sided_market, restart_in_stop)


def main(arguments: list[str] | None = None) -> int:
    """Write or check the pages, and return the exit code."""
    parser = argparse.ArgumentParser(prog="drills", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; end 1 on drift")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    options = parser.parse_args(arguments)
    drifted = False
    for drill in DRILLS:
        page = options.folder / drill.FILE
        kept = page.read_text(encoding="utf-8") if page.exists() else ""
        found = drill.text()
        if kept == found:
            continue
        if options.check:
            print(f"drills/{page.name} is not current; run 'python -m scripts.drills'", file=sys.stderr)
            drifted = True
            continue
        options.folder.mkdir(parents=True, exist_ok=True)
        page.write_text(found, encoding="utf-8")
    return int(drifted)


if __name__ == "__main__":
    sys.exit(main())
