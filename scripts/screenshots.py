"""Take the pictures of three studies that docs/studies.md shows: ``python -m scripts.screenshots``.

Each study runs on a market that is drawn from a seed, and Chromium, without a window, shows its page. Only the
session's name differs from one making to the next.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from PIL import Image

from titan.backtest.session import backtest_session
from titan.loopback.recording import record_market
from titan.reports.parameters import DailyParameters
from titan.reports.run import Artefacts, run_daily, run_study
from titan.reports.studies import chosen
from titan.settings import load

REPOSITORY = Path(__file__).resolve().parents[1]
PICTURES = REPOSITORY / "docs" / "_static"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
WIDTH = 1100
LARGEST_BYTES = 200_000
COLOURS = 256
"""Of a picture's palette; a page has few, and its file is then a third as large."""


class ScreenshotError(Exception):
    """A picture cannot be taken; the message says what to do."""


class Shot(NamedTuple):
    """A picture: what it shows, how it is made in a folder, and how many pixels of the page from its top it holds."""

    shows: str
    make: Callable[[Path], Artefacts]
    height: int

    @staticmethod
    def file(study: str) -> str:
        """The name of a study's picture."""
        return f"study_{study}.png"


def daily(folder: Path, *, seconds: float = 120.0, seed: int = 3) -> Artefacts:
    """The daily report of a backtest on a drawn market."""
    capture = record_market(folder / "market.capture", seconds=seconds, seed=seed)
    changes = {"TITAN_PROJECT__JOURNALS": str(folder / "sessions"), "TITAN_LIVE__LOG_LEVEL": "error"}
    settings = load(REPOSITORY / "settings.ini", environment=changes)
    journal = Path(asyncio.run(backtest_session(settings, capture)).summary["journal"])
    return run_daily(DailyParameters(journal.parent, journal.name, None), folder)


def drawn(study: str, values: Mapping[str, object], folder: Path) -> Artefacts:
    """A study on the market that it draws where it is given none."""
    return run_study(chosen(study), values, folder)


SHOTS = {
    "daily_risk": Shot("The first screen of the daily report, of a backtest on a drawn market.", daily, 1170),
    "backtest_study": Shot(
        "On a drawn market: what loses is shown to lose.", partial(drawn, "backtest_study", {"seed": 1}), 890
    ),
    "funding_study": Shot(
        "On twenty drawn perpetuals, which are no market.", partial(drawn, "funding_study", {"seed": 1}), 1390
    ),
}


def browser() -> str:
    """Return the path of Chromium.

    Raises
    ------
    ScreenshotError
        If there is none.
    """
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        raise ScreenshotError(f"none of {', '.join(BROWSERS)} is installed; install Chromium")
    return found


def photograph(page: Path, height: int) -> bytes:
    """Return the upper part of a page as PNG, as Chromium shows it.

    Raises
    ------
    ScreenshotError
        If Chromium is missing or ends badly, or the picture is too large for the documentation.
    """
    with TemporaryDirectory() as folder:
        shot = Path(folder) / "page.png"
        command = [browser(), "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        command += [f"--user-data-dir={folder}/profile", f"--window-size={WIDTH},{height}"]
        done = subprocess.run(
            [*command, f"--screenshot={shot}", page.as_uri()],
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        if done.returncode or not shot.is_file():
            raise ScreenshotError(f"{page.name}: Chromium ended with {done.returncode}: {done.stderr[-300:]}")
        return small(shot.read_bytes(), page.name)


def small(picture: bytes, name: str) -> bytes:
    """Return a picture with a palette, which is refused if it is too large all the same."""
    buffer = io.BytesIO()
    image = Image.open(io.BytesIO(picture)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    image.save(buffer, "PNG", optimize=True)
    if buffer.tell() > LARGEST_BYTES:
        raise ScreenshotError(f"{name}: {buffer.tell():,} bytes, above {LARGEST_BYTES:,}; show less of it")
    return buffer.getvalue()


def main(arguments: list[str] | None = None) -> int:
    """Take the pictures that are named, or all; return the exit code."""
    parser = argparse.ArgumentParser(prog="screenshots", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *SHOTS], default=[], metavar="STUDY")
    parser.add_argument("--out", type=Path, default=PICTURES)
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    for name in options.names or SHOTS:
        with TemporaryDirectory() as folder:
            shot = SHOTS[name]
            try:
                picture = photograph(shot.make(Path(folder).resolve()).page, shot.height)
            except ScreenshotError as error:
                print(f"screenshots: {error}", file=sys.stderr)
                return 1
        target = options.out / shot.file(name)
        target.write_bytes(picture)
        print(f"{target.name}: {len(picture):,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
