"""What a parity study shows: live beside simulated, the bridge between them, and the orders that differ."""

from __future__ import annotations

from html import escape

import numpy as np
import pandas as pd

from titan.backtest.parity import STEPS, Asked, Parity
from titan.reports.drawing import Figure
from titan.reports.figures import GAIN, LOSS, SUM, Picture, bare_axes, finished, signed
from titan.reports.screen import Page

MOST_ORDERS = 40
"""Orders that differ beyond which the rest is only counted."""


def verdict(found: Parity, asked: Asked) -> str:
    """The result in two sentences."""
    within = abs(float(found.gap_bps)) <= asked.tolerance_bps
    largest = max(found.parts, key=lambda name: abs(found.parts[name]))
    gap = float(found.live - found.simulated)
    text = (
        f"Session {found.session} {_made(float(found.live))} {found.currency}; simulated as a backtest would, it "
        f"{_made(float(found.simulated))}. The difference of {signed(gap)} is {abs(float(found.gap_bps)):.3f} bps of "
        f"what was traded, {'within' if within else 'BEYOND'} the {asked.tolerance_bps:g} that are tolerated"
    )
    return f"{text}; most of it is {largest}, {signed(float(found.parts[largest]))}." if gap else f"{text}."


def headline(found: Parity, asked: Asked) -> Page:
    """The result, how alike the executions are, and what no sweep has."""
    within = abs(float(found.gap_bps)) <= asked.tolerance_bps
    lines = [queue_line(found), *([f"Not in a sweep: {'; '.join(found.known)}."] if found.known else [])]
    html = (
        f'<p style="font-size:1.2em;line-height:1.4;color:{SUM if within else LOSS}">'
        f"<strong>{escape(verdict(found, asked))}</strong></p>"
        + "".join(f"<p>{escape(line)}</p>" for line in lines)
    )
    return Page(html, "\n".join([verdict(found, asked), *lines]))


def queue_line(found: Parity) -> str:
    """How many orders the queue model fills as the venue did."""
    count = found.matched + len(found.differences)
    if not count:
        return "No order of the session was executed, told or simulated."
    if not found.differences:
        return f"The session's own orders, simulated, fill as the venue told: all {count} that were executed."
    return f"Of {count} orders that were executed, told or simulated, the queue model fills {found.matched} as told."


def _made(amount: float) -> str:
    return (
        f"{'lost' if amount < 0 else 'made'} {signed(abs(amount)).lstrip('+')}" if amount else "made nothing"
    )


def bridge(found: Parity) -> Picture:
    """From the simulated result to the live one, part by part."""
    names = ["simulated", *found.parts, "live"]
    amounts = [float(amount) for amount in found.parts.values()]
    levels = float(found.simulated) + np.concatenate([[0.0], np.cumsum(amounts)])
    figure = Figure(figsize=(9.6, 3.2), layout="constrained")
    (axes,) = bare_axes(figure)
    axes.bar([0, len(names) - 1], [levels[0], levels[-1]], color=SUM, width=0.62)
    colours = [GAIN if amount >= 0 else LOSS for amount in amounts]
    axes.bar(range(1, len(names) - 1), amounts, bottom=levels[:-1], color=colours, width=0.62)
    for place, level in enumerate(levels):
        axes.plot([place - 0.31, place + 1.31], [level, level], color="#8b919b", linewidth=0.8)
    tops = [max(levels[0], 0.0), *np.maximum(levels[:-1], levels[1:]), max(levels[-1], 0.0)]
    span = max(max(tops) - min(0.0, *levels), 1e-12)
    shown = [float(found.simulated), *amounts, float(found.live)]
    for place, (top, amount) in enumerate(zip(tops, shown, strict=True)):
        axes.text(place, top + 0.02 * span, signed(amount), ha="center", va="bottom", fontsize=9)
    axes.axhline(0, color="#4a4f57", linewidth=0.9)
    axes.set_ylim(min(0.0, *levels) - 0.06 * span, max(tops) + 0.15 * span)
    axes.set_xticks(range(len(names)), names)
    axes.tick_params(axis="x", length=0, labelsize=10)
    axes.set_ylabel(found.currency)
    said = ", ".join(f"{name} {signed(amount)}" for name, amount in zip(names, shown, strict=True))
    return finished(figure, f"From simulated to live in {found.currency}: {said}")


def step_table(found: Parity) -> pd.DataFrame:
    """The steps in their order: what gave way, the fills that then stood, and the money of the step, exact."""
    first = found.money["as simulated"]
    rows: list[tuple[object, ...]] = [
        ("as simulated", "a backtest with the assumed models", first.fills, first.lots, "")
    ]
    for name, what in STEPS.items():
        money = found.money.get(name)
        fills, lots = (money.fills, money.lots) if money else ("", "")
        rows.append((name, what, fills, lots, f"{found.parts[name].normalize():f}"))
    last = found.money["queue"]
    rows.append(
        ("live", "the session", last.fills, last.lots, f"{(found.live - found.simulated).normalize():f}")
    )
    return pd.DataFrame(rows, columns=["step", "what gave way", "fills", "lots", "part"]).set_index("step")


def difference_table(found: Parity) -> pd.DataFrame:
    """Orders that the queue model fills otherwise than the venue did, the largest first."""
    ordered = sorted(found.differences, key=lambda one: abs(one.told_lots - one.simulated_lots), reverse=True)
    rows = [
        {
            "order": one.client_id,
            "side": "buy" if one.side > 0 else "sell",
            "price": float(one.price),
            "lots told": one.told_lots,
            "simulated": one.simulated_lots,
            "cause": one.cause,
        }
        for one in ordered[:MOST_ORDERS]
    ]
    return pd.DataFrame(rows).set_index("order") if rows else pd.DataFrame()


def asked_table(found: Parity, asked: Asked) -> pd.DataFrame:
    """What was assumed, and what was measured in its place."""
    facts = {name: str(value) for name, value in asked._asdict().items() if value != ""}
    facts["measured latency, ms"] = f"{found.legs_ms[0]:.3f} to the exchange, {found.legs_ms[1]:.3f} back"
    return pd.DataFrame({"value": facts})
