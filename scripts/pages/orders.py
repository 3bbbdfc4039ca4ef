"""The page of an order's life: a diagram and a table, both drawn from the transitions that the engine enforces."""

from __future__ import annotations

import math
from collections.abc import Mapping

from titan.engine.orders import TRANSITIONS
from titan.model.orders import TERMINAL, OrderState

S = OrderState
Transitions = Mapping[OrderState, frozenset[OrderState]]

INTRODUCTION = """# The life of an order

Every order of ours is in one of these states, and moves only along these lines: any other step is an
`IllegalTransition`, a fault of the engine ({py:mod}`titan.engine.orders`). Nothing is concluded from silence. *Unknown*
is no end: the order counts at its worst case, everywhere, until the venue's word ends it; {doc}`/reconciliation` says
which word does what.
"""
NOTE = """A line with two heads is a step in both directions. Executions are booked once in any of these states, late
ones too; an order that the venue has ended stays live here until the executions that it counted are booked.
"""
MEANINGS: dict[OrderState, str] = {
    S.INTENT: "decided, made durable, then sent; there is no answer yet",
    S.OPEN: "the venue has it in its book",
    S.PARTIALLY_FILLED: "the same, and some of it has traded",
    S.PENDING_AMEND: "a change is on its way; the larger of the old and the new size counts",
    S.PENDING_CANCEL: "a cancel is on its way; it may still trade",
    S.UNKNOWN: "silence, or an answer that proves nothing: it counts at its worst case, and is asked for",
    S.FILLED: "all of it has traded, and every execution is booked",
    S.CANCELLED: "cancelled at the venue, and every execution of before is booked",
    S.REJECTED: "the venue refused it by a code that is a definite refusal, it never left, or it is proven absent",
    S.EXPIRED: "the venue ended it by itself: an immediate order's rest, a post-only order that would have crossed",
}
REASONS: dict[OrderState, str] = {
    S.INTENT: "the beginning of every order",
    S.OPEN: "the venue says that it stands: an answer, the private stream, a query; or it refuses a change of it",
    S.PARTIALLY_FILLED: "the venue says so, or an execution is booked",
    S.PENDING_AMEND: "the router moves it",
    S.PENDING_CANCEL: "anybody cancels it: nothing ever forbids a cancel",
    S.UNKNOWN: "an answer proves nothing or stays away, a list lacks it, a session begins with it",
    S.FILLED: "the last execution is booked",
    S.CANCELLED: "the venue says so, and the executions that it counts are booked; or it is proven absent after a fill",
    S.REJECTED: "a definite refusal, it was never sent, or it is proven absent",
    S.EXPIRED: "the venue says so, and the executions that it counts are booked",
}
"""What brings an order into a state."""

PLACES: dict[OrderState, tuple[int, int]] = {
    S.INTENT: (110, 190),
    S.OPEN: (300, 70),
    S.PARTIALLY_FILLED: (570, 70),
    S.PENDING_AMEND: (720, 190),
    S.PENDING_CANCEL: (570, 310),
    S.UNKNOWN: (300, 310),
}
"""Where the middle of each live state stands."""

WIDTH, HEIGHT = 840, 520
BOX_W, BOX_H = 150, 40
FRAME_BOTTOM, ENDS_Y = 365, 455


def lines(transitions: Transitions) -> list[tuple[OrderState, OrderState, bool]]:
    """The lines between live states: from, to, and whether it goes both ways."""
    found = []
    for start, ends in transitions.items():
        for end in sorted(ends - TERMINAL, key=list(OrderState).index):
            back = start in transitions[end]
            if not back or list(OrderState).index(start) < list(OrderState).index(end):
                found.append((start, end, back))
    return found


def ends(transitions: Transitions) -> dict[frozenset[OrderState], tuple[OrderState, ...]]:
    """The states that end an order, together where the same states lead to them."""
    found: dict[frozenset[OrderState], tuple[OrderState, ...]] = {}
    for end in OrderState:
        if end in TERMINAL:
            before = frozenset(start for start, after in transitions.items() if end in after)
            found[before] = (*found.get(before, ()), end)
    return found


def diagram(transitions: Transitions) -> str:
    """The diagram, as SVG in the page's own colours."""
    parts = [
        f'<svg class="orders" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="states of an order">',
        '<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" '
        'orient="auto-start-reverse"><path d="M0 0 L10 5 L0 10 z"/></marker></defs>',
        f'<rect class="frame" x="15" y="20" width="{WIDTH - 30}" height="{FRAME_BOTTOM - 20}" rx="12"/>',
    ]
    parts += [_line(PLACES[start], PLACES[end], both=both) for start, end, both in lines(transitions)]
    parts += [_box(state, *place) for state, place in PLACES.items()]
    groups = ends(transitions)
    for number, (before, after) in enumerate(groups.items()):
        middle = WIDTH * (2 * number + 1) // (2 * len(groups))
        live = set(OrderState) - TERMINAL
        whence = "every one of these" if before == live else ", ".join(s for s in OrderState if s in before)
        parts.append(_line((middle, FRAME_BOTTOM), (middle, ENDS_Y), both=False, whole=True))
        parts.append(
            f'<text class="whence" x="{middle - 10}" y="{(FRAME_BOTTOM + ENDS_Y) // 2}">from {whence}</text>'
        )
        left = middle - (len(after) - 1) * (BOX_W - 25) // 2
        parts += [
            _box(state, left + index * (BOX_W - 25), ENDS_Y + BOX_H // 2, BOX_W - 35)
            for index, state in enumerate(after)
        ]
    return "\n".join([*parts, "</svg>"])


def _box(state: OrderState, x: int, y: int, width: int = BOX_W) -> str:
    kind = "end" if state in TERMINAL else "doubt" if state is S.UNKNOWN else "live"
    return (
        f'<g class="{kind}"><rect x="{x - width // 2}" y="{y - BOX_H // 2}" width="{width}" height="{BOX_H}" rx="8"/>'
        f'<text x="{x}" y="{y + 5}">{state}</text></g>'
    )


def _line(start: tuple[int, int], end: tuple[int, int], *, both: bool, whole: bool = False) -> str:
    """An arrow from box to box; `whole`: from point to point."""
    (x1, y1), (x2, y2) = start, end
    if not whole:
        (x1, y1), (x2, y2) = _edge(start, end), _edge(end, start)
    tail = ' marker-start="url(#tip)"' if both else ""
    return f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" marker-end="url(#tip)"{tail}/>'


def _edge(box: tuple[int, int], towards: tuple[int, int]) -> tuple[int, int]:
    """Where a line from the middle of a box leaves it."""
    dx, dy = towards[0] - box[0], towards[1] - box[1]
    share = min(BOX_W / 2 / abs(dx) if dx else math.inf, BOX_H / 2 / abs(dy) if dy else math.inf)
    return round(box[0] + share * dx), round(box[1] + share * dy)


def words(state: str) -> str:
    """A state as words, which a narrow column can break."""
    return state.replace("_", " ")


def state_table() -> list[str]:
    """Every state: what it means, and what brings an order into it."""
    rows = ["| state | means | what brings an order there |", "| --- | --- | --- |"]
    return rows + [f"| `{state}` | {MEANINGS[state]} | {REASONS[state]} |" for state in OrderState]


def transition_table(transitions: Transitions) -> list[str]:
    """From (row) and to (column): a dot where the step is legal."""
    rows = ["| from \\ to | " + " | ".join(words(state) for state in OrderState) + " |"]
    rows += ["| --- |" + " :---: |" * len(OrderState)]
    for start in OrderState:
        legal = ["●" if end in transitions[start] else "" for end in OrderState]
        rows.append(f"| `{start}` | " + " | ".join(legal) + " |")
    return rows


def orders_page() -> str:
    """The page."""
    return "\n".join(
        [
            INTRODUCTION,
            "```{raw} html",
            diagram(TRANSITIONS),
            "```",
            "",
            NOTE,
            "## The states",
            "",
            *state_table(),
            "",
            "## The steps",
            "",
            ":::{container} steps",
            *transition_table(TRANSITIONS),
            ":::",
            "",
            "A state that ends an order has no step. {doc}`/drills/index` shows orders on their way.",
            "",
        ]
    )
