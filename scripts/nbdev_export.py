"""Run nbdev's export in one folder, in a process of its own: nbdev keeps its configuration per process."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from nbdev.doclinks import nbdev_export


def main(folder: Path) -> None:
    """Export the notebooks of the nbdev project at ``folder``."""
    os.chdir(folder)
    nbdev_export.__wrapped__()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
