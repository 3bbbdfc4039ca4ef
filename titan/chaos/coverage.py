"""Which fault met an order in which state: counted while trials run, and written as a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from titan.loopback.faults import Kind
from titan.model.orders import OrderState

Cell = tuple[str, str]
"""A fault and the state of an order that it met."""

STATES = (
    OrderState.INTENT, OrderState.OPEN, OrderState.PARTIALLY_FILLED, OrderState.PENDING_AMEND,
    OrderState.PENDING_CANCEL, OrderState.UNKNOWN,
)  # fmt: skip
"""Every state of a live order: an ended one is met by nothing."""

UNREACHABLE: Mapping[Cell, str] = {
    **{
        (
            Kind.DUPLICATE_ID,
            state,
        ): "it answers a placement, and its order is an intent or on its way out"
        for state in (
            OrderState.OPEN,
            OrderState.PARTIALLY_FILLED,
            OrderState.PENDING_AMEND,
            OrderState.UNKNOWN,
        )
    },
    **{
        (
            Kind.UNKNOWN_RESULT,
            state,
        ): "it answers a placement, an amend or a cancel, and its order waits for that"
        for state in (OrderState.OPEN, OrderState.PARTIALLY_FILLED)
    },
}
"""Cells that no trial can fill, each with its reason: the one place where that is said."""


def holes(met: Mapping[Cell, int]) -> list[Cell]:
    """Cells that were never met and are not declared unreachable."""
    return [
        (kind, state)
        for kind in Kind
        for state in STATES
        if not met.get((kind, state), 0) and (kind, state) not in UNREACHABLE
    ]


def impossible(met: Mapping[Cell, int]) -> list[Cell]:
    """Cells that were met although they are declared unreachable: the reason is wrong then."""
    return [cell for cell in UNREACHABLE if met.get(cell, 0)]


def table(met: Mapping[Cell, int], seeds: range, made: str = "") -> str:
    """The table as Markdown, with what is missing and why; `made` says by what it was made."""
    head = [
        "# Faults that met orders\n",
        *([f"{made}\n"] if made else []),
        f"Trials of seeds {seeds.start} to {seeds.stop - 1}. A count says how often the fault struck while one of our "
        "orders was in that state: the order that the call was about, or every live one where a stream, a query or "
        "the exchange itself was struck.\n",
        f"| fault | {' | '.join(STATES)} |",
        f"| --- |{' ---: |' * len(STATES)}",
    ]
    rows = [f"| {kind} | {' | '.join(_shown(met, (kind, state)) for state in STATES)} |" for kind in Kind]
    reasons = Counter(UNREACHABLE.values())
    notes = [f"\n`-` cannot be met: {reason}." for reason in reasons]
    missing = [f"{kind} while {state}" for kind, state in holes(met)]
    notes.append(f"\nNot met yet: {', '.join(missing) or 'nothing'}.")
    return "\n".join([*head, *rows, *notes, ""])


def _shown(met: Mapping[Cell, int], cell: Cell) -> str:
    return "-" if cell in UNREACHABLE else str(met.get(cell, 0))
