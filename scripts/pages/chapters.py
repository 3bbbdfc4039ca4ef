"""The reading order: which notebook is which chapter. A new notebook is entered here, in `PARTS`, and nowhere else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from scripts.notebooks import load, notebook_paths, source_of


class Part(NamedTuple):
    """One part of the book: the room, a line on what it answers, and its notebooks in the order of reading."""

    room: str
    question: str
    notebooks: tuple[str, ...]


PARTS = (
    Part("market", "What is it worth now, and who is pressing?", ("fair_value", "order_flow")),
    Part(
        "calibration",
        "How volatile, how often hit, how poisonous: the numbers that a strategy is fed.",
        (
            "intervals",
            "volatility",
            "intensity",
            "tape",
            "intensity_fit",
            "toxicity",
            "emissions",
            "regimes",
            "regime_step",
            "regime_matching",
            "regime_fit",
            "regime_walk",
        ),
    ),
    Part(
        "strategy",
        "Where should the bid and the ask stand?",
        (
            "touch",
            "avellaneda_stoikov",
            "glft_table",
            "glft",
            "glft_matrix",
            "glft_portfolio",
            "reversion",
            "carry",
            "carry_history",
            "pair_outlook",
            "funding_arbitrage",
            "quoting",
            "adjustments",
        ),
    ),
    Part(
        "risk",
        "How much can be lost, whose risk it is, and what stops it.",
        (
            "tail",
            "tail_evt",
            "tail_backtests",
            "tail_forecasts",
            "tail_verdicts",
            "correlation",
            "proxies",
            "shrinkage",
            "attribution",
            "scenarios",
            "portfolio",
            "stress",
            "sizing",
            "shutdown",
            "denials",
            "checks",
            "budget",
            "limits",
        ),
    ),
    Part(
        "simulation",
        "What a backtest must not take for granted.",
        ("latency", "queue_position", "queue_fit", "order_arrivals"),
    ),
    Part(
        "evaluation",
        "Was it skill, and where did the money come from?",
        ("pnl", "running_pnl", "markouts", "performance", "overfitting"),
    ),
)


class Chapter(NamedTuple):
    """One notebook as a chapter; `name` is room/notebook, `module` the module that it exports."""

    name: str
    module: str
    title: str
    claim: str


class ChapterError(Exception):
    """The reading order and nbs/ do not agree, or a page cannot be made; the message says what to do."""


def reading_order() -> list[str]:
    """Return every chapter as room/notebook, in the order of reading."""
    return [f"{part.room}/{notebook}" for part in PARTS for notebook in part.notebooks]


def disagreements(order: list[str], present: list[str]) -> list[str]:
    """Return one line for each notebook that has no chapter, has two, or does not exist."""
    lines = [f"{name}: is in no part; enter it in PARTS" for name in present if name not in order]
    lines += [
        f"{name}: there is no such notebook; take it out of PARTS" for name in order if name not in present
    ]
    return lines + [
        f"{name}: is entered twice in PARTS" for name in sorted(set(order)) if order.count(name) > 1
    ]


def chapter(root: Path, name: str) -> Chapter:
    """Return the chapter ``name``, its title and claim read from the notebook's first cell.

    Raises
    ------
    ChapterError
        If the notebook does not begin with '# Title' and '> one-sentence claim'.
    """
    first = source_of(load(root / "nbs" / f"{name}.ipynb")["cells"][0])
    found = re.match(r"# (\S.*)\n+((?:> ?.*\n?)+)", first)
    if found is None:
        raise ChapterError(f"{name}: must begin with '# Title' and '> one-sentence claim'")
    claim = " ".join(line.removeprefix(">").strip() for line in found[2].splitlines())
    return Chapter(name, "titan." + name.replace("/", "."), found[1].strip(), claim.strip())


def chapters(root: Path) -> list[Chapter]:
    """Return the chapters of ``root``/nbs in the order of reading.

    Raises
    ------
    ChapterError
        If a notebook is in no part, or a part names one that does not exist.
    """
    present = [
        path.relative_to(root / "nbs").with_suffix("").as_posix() for path in notebook_paths(root / "nbs")
    ]
    wrong = disagreements(reading_order(), present)
    if wrong:
        raise ChapterError("scripts/pages/chapters.py: " + "; ".join(wrong))
    return [chapter(root, name) for name in reading_order()]
