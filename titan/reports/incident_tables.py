"""What an incident shows: book, orders, decisions, verdicts and executions of a slice, and one picture of them."""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape
from typing import Any

import msgspec
import numpy as np
import pandas as pd

from titan.model import events as e
from titan.model.commands import CancelOrder, EndSession, Notice, PlaceOrder
from titan.model.instruments import InstrumentKey
from titan.reports.drawing import Figure
from titan.reports.figures import GAIN, LOSS, Picture, bare_axes, date_axis, finished
from titan.reports.incident import Slice, Told
from titan.reports.regression import Regression
from titan.reports.screen import Page
from titan.reports.session_tables import time_text
from titan.reports.trace import steps

MOST_ROWS = 200
SHORT = {
    "fair value": "fair value",
    "reservation price": "reservation",
    "price wanted": "wanted",
    "inventory of the strategy": "inventory",
    "risk level: times the spread": "x level",
    "regime: times the spread": "x regime",
}
"""The steps of a decision that fit beside each other; `titan trace` prints all."""


def headline(cut: Slice) -> Page:
    """What the slice holds, in a sentence."""
    begin, end = cut.window.begin_ns, cut.window.end_ns
    denied = sum(
        isinstance(each.what, Notice) and each.what.code.startswith("denied_") for each in cut.verdicts
    )
    grave = [each.what for each in cut.verdicts if getattr(each.what, "level", "") in {"warning", "error"}]
    counts = [
        _count(len(cut.decisions), "decision"),
        _count(len(cut.fills), "execution"),
        _count(denied, "denial"),
        _count(len(grave), "warning or error", "warnings or errors"),
    ]
    said = (
        f"Session {cut.session}, {(end - begin) / 1e9:.3f} s from {clock(begin)} UTC on {time_text(begin)[:10]}: "
        f"{', '.join(counts)}, in {_count(cut.inputs, 'input')}."
    )
    return Page(f'<p style="font-size:1.35em;line-height:1.35;margin:0.2em 0 0.5em">{escape(said)}</p>', said)


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number or 'no'} {one if number == 1 else many or one + 's'}"


def clock(time_ns: int) -> str:
    """UTC to the microsecond, without the day."""
    seconds, rest = divmod(time_ns, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%H:%M:%S}.{rest // 1_000:06d}"


def book_table(cut: Slice) -> pd.DataFrame:
    """The best levels of each instrument when the slice begins and when it ends; sizes in the contract's units."""
    rows = []
    for key in cut.before:
        for when, book in (("begins", cut.before[key]), ("ends", cut.after[key])):
            rows += _book_rows(cut, key, when, book.bids, book.asks, book.state)
    columns = ["instrument", "slice", "book", "bid size", "bid", "ask", "ask size"]
    return pd.DataFrame(rows, columns=columns).set_index("instrument")


def _book_rows(
    cut: Slice, key: InstrumentKey, when: str, bids: Any, asks: Any, state: str
) -> list[dict[str, object]]:
    terms, nothing = cut.terms.get(key), float("nan")
    if terms is None or not (bids or asks):
        return [{"instrument": str(key), "slice": when, "book": f"{state}, no level"}]
    rows: list[dict[str, object]] = []
    for at in range(max(len(bids), len(asks))):
        bid, ask = (side[at] if at < len(side) else None for side in (bids, asks))
        rows.append(
            {
                "instrument": str(key),
                "slice": when,
                "book": state,
                "bid size": float(terms.size(bid[1])) if bid else nothing,
                "bid": float(terms.price(bid[0])) if bid else nothing,
                "ask": float(terms.price(ask[0])) if ask else nothing,
                "ask size": float(terms.size(ask[1])) if ask else nothing,
            }
        )
    return rows


def order_table(cut: Slice) -> pd.DataFrame:
    """Every order that stood in the slice: what it was, and what had become of it by the slice's end."""
    rows = []
    for life in cut.orders:
        terms = cut.terms[life.key]
        price = cut.prices.get(life.client_id)
        rows.append(
            {
                "order": life.client_id,
                "instrument": str(life.key),
                "strategy": life.strategy or "unknown",
                "side": "buy" if life.side > 0 else "sell",
                "size": terms.size_text(life.size),
                "price": "not recorded" if price is None else terms.price_text(price),
                "filled": terms.size_text(life.filled),
                "placed": "before the session" if life.adopted else clock(life.placed_ns),
                "acknowledged after, ms": (life.acked_ns - life.placed_ns) / 1e6
                if life.acked_ns and not life.adopted
                else float("nan"),
                "amends": life.amends,
                "end": life.end or "open",
                "ended": clock(life.ended_ns) if life.end else "",
            }
        )
    if len({life.key for life in cut.orders}) == 1:
        rows = [{name: value for name, value in row.items() if name != "instrument"} for row in rows]
    return _whole(rows, "order")


def decision_table(cut: Slice) -> pd.DataFrame:
    """What was decided, with the steps of each quote that are known; prices in quote currency."""
    rows = []
    for told in cut.decisions:
        decision = getattr(told.what, "decision", None)
        known = {} if decision is None else steps(decision)
        rows.append(
            {
                "time": clock(told.time_ns)[:-3],
                "input": told.seq,
                "order": told.what.client_id,
                **_decided(cut, told.what),
                **{short: known.get(text, float("nan")) for text, short in SHORT.items()},
            }
        )
    return _whole(rows, "time")


def _decided(cut: Slice, command: Any) -> dict[str, str]:
    if isinstance(command, CancelOrder):
        return {"decided": "cancel", "side": "", "size": "", "price": ""}
    terms = cut.terms[command.key]
    return {
        "decided": "place" if isinstance(command, PlaceOrder) else "amend",
        "side": "buy" if command.side > 0 else "sell",
        "size": terms.size_text(command.size),
        "price": terms.price_text(command.price),
    }


def verdict_table(cut: Slice) -> pd.DataFrame:
    """What the engine told its operator (denials among it), what the venue answered, and what people asked."""
    rows = [
        {
            "time": clock(told.time_ns),
            "input": told.seq,
            **dict(zip(("from", "code", "text"), _said(told), strict=True)),
        }
        for told in cut.verdicts
    ]
    return _whole(rows, "time")


def _said(told: Told) -> tuple[str, str, str]:
    what = told.what
    if isinstance(what, Notice):
        order = f" ({what.client_id})" if what.client_id else ""
        return "engine", what.code, f"{what.message}{order}"
    if isinstance(what, EndSession):
        return "engine", "end", what.reason
    if isinstance(what, e.CommandOutcome):
        return (
            "venue",
            f"{what.action} {what.outcome}",
            f"{what.code} {what.message} ({what.client_id})".strip(),
        )
    if isinstance(what, e.OrderUpdate):
        return "venue", what.state, f"{what.reason} ({what.client_id})".strip()
    plain = msgspec.to_builtins(what, enc_hook=str, builtin_types=(bytes,))
    shown = {
        name: value
        for name, value in plain.items()
        if name not in {"type", "time_ns", "config"} and value != ""
    }
    sender = "venue" if "venue" in plain else "session"
    return sender, plain["type"], ", ".join(f"{name} {value}" for name, value in shown.items())


def fill_table(cut: Slice) -> pd.DataFrame:
    """Executions of the slice, each with the command that traces it."""
    rows = []
    for told in cut.fills:
        fill = told.what
        terms = cut.terms[InstrumentKey(fill.venue, fill.symbol)]
        rows.append(
            {
                "time": clock(told.time_ns),
                "input": told.seq,
                "order": fill.client_id,
                "side": "buy" if fill.side > 0 else "sell",
                "size": terms.size_text(fill.size),
                "price": str(fill.price_in(terms)),
                "as": "maker" if fill.maker else "taker",
                "fee": f"{fill.fee} {fill.fee_asset}",
                "trace": f"titan trace {fill.trade_id} --session {cut.session}",
            }
        )
    return _whole(rows, "time")


def _whole(rows: list[dict[str, Any]], index: str) -> pd.DataFrame:
    """The rows, the first of them where there are too many to read; the last row then says so."""
    frame = pd.DataFrame(rows[:MOST_ROWS])
    if len(rows) > MOST_ROWS:
        more = {name: "" for name in frame.columns} | {
            index: f"and {len(rows) - MOST_ROWS} more: ask for less time"
        }
        frame = pd.concat([frame.astype(object), pd.DataFrame([more])], ignore_index=True)
    return frame.set_index(index) if rows else frame


def picture(cut: Slice) -> Picture | str:
    """Best bid and ask, our orders where they stood, and our executions, one panel an instrument."""
    keys = [key for key, path in cut.touch.items() if path]
    if not keys:
        return "the slice holds no best bid and ask: there is nothing to draw"
    figure = Figure(figsize=(9.6, 1.0 + 3.4 * len(keys)), layout="constrained")
    panels = bare_axes(figure, len(keys))
    for axes, key in zip(panels, keys, strict=True):
        _draw(cut, key, axes)
    panels[0].legend(frameon=False, fontsize=9, ncols=4, loc="lower left", bbox_to_anchor=(0.0, 1.02))
    date_axis(panels[-1].xaxis)
    return finished(figure, "Best bid and ask, own orders where they stood, and executions over time")


def _draw(cut: Slice, key: InstrumentKey, axes: Any) -> None:
    terms, path = cut.terms[key], cut.touch[key]
    moments = np.array([*(row[0] for row in path), cut.window.end_ns], dtype="datetime64[ns]")
    for place, name in ((1, "best bid and ask"), (2, None)):
        ticks = [*(row[place] for row in path), path[-1][place]]
        prices = [float(terms.price(tick)) for tick in ticks]
        axes.step(moments, prices, where="post", color="#8b919b", linewidth=1.0, label=name)
    for side, colour, name in ((1, GAIN, "our bids"), (-1, LOSS, "our offers")):
        own = [
            stand
            for stand in cut.stands
            if stand.side == side and cut.lives.lives[stand.client_id].key == key
        ]
        if own:
            begins, ends = (np.array([stand[at] for stand in own], dtype="datetime64[ns]") for at in (3, 4))
            axes.hlines(
                [float(terms.price(stand.price)) for stand in own], begins, ends, color=colour, label=name
            )
    fills = [each for each in cut.fills if InstrumentKey(each.what.venue, each.what.symbol) == key]
    axes.scatter(
        np.array([each.time_ns for each in fills], dtype="datetime64[ns]"),
        [float(each.what.price_in(terms)) for each in fills],
        color=[GAIN if each.what.side > 0 else LOSS for each in fills],
        edgecolors="#23272e", s=34, zorder=3, label="executions" if fills else None,
    )  # fmt: skip
    axes.set_title(str(key), loc="right", fontsize=10)
    axes.set_ylabel(terms.quote)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.6g}" if abs(value) < 1e5 else f"{value:,.1f}")


def regression_page(written: Regression | None) -> Page:
    """Where the regression test stands, and how it is run; or how one is had."""
    if written is None:
        text = "No test was written: give the parameter tests, a folder."
        return Page(f"<p>{escape(text)}</p>", text)
    text = (
        f"{written.test.name} replays {written.inputs} inputs ({written.size_bytes / 1e6:.1f} MB of records in "
        f"{written.records.name}) and asks for the same {written.commands} commands and the same state."
    )
    run = f"python -m pytest {written.test}"
    return Page(f"<p>{escape(text)}</p><pre>{escape(run)}</pre>", f"{text}\n{run}")
