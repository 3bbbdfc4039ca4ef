"""What the studies of this room say for a promotion, or why they say nothing."""

from __future__ import annotations

import math
from html import escape
from pathlib import Path

from titan.backtest.parity import Parity
from titan.backtest.study import Asked, Study
from titan.live.stages import identity_tried
from titan.reports.findings import Findings
from titan.reports.screen import Page
from titan.store.capture_scale import infer_instruments


def of_parity(found: Parity) -> Findings:
    """How far apart a session and its simulation are, of what was traded."""
    return Findings(
        study="parity",
        strategy=found.strategy,
        measured={"parity_bps": float(found.gap_bps)},
        sessions=(found.session,),
    )


def of_study(asked: Asked, found: Study) -> Findings | Page:
    """The best set's deflated Sharpe ratio, with every parameter of that set.

    A made market is none that anybody trades; a ratio that cannot be computed is no number.
    """
    if not asked.captures:
        return _nothing("it was tried on a synthetic market")
    if math.isnan(found.doubt.deflated):
        return _nothing("; ".join(found.doubt.reasons))
    best = found.grid.sets[found.best]
    identity = identity_tried(
        asked.strategy, _symbol(asked), best.build()._asdict(), best.requote_ticks, best.minimum_edge_bps
    )
    return Findings(
        study="backtest_study",
        strategy=asked.strategy,
        measured={"dsr": found.doubt.deflated},
        identity=identity,
    )


def _symbol(asked: Asked) -> str:
    """The instrument that was tried: the captures' only one, where it is not named."""
    if asked.symbol:
        return asked.symbol
    return next(
        iter(infer_instruments([Path(asked.captures.partition(",")[0].strip()).expanduser()], "capture"))
    )


def _nothing(why: str) -> Page:
    text = f"No evidence for a promotion: {why}."
    return Page(f"<p>{escape(text)}</p>", text)
