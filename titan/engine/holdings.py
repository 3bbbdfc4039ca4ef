"""How old a position is: its lots in the order in which they were opened, first in, first out."""

from __future__ import annotations

from collections.abc import Iterable

Held = tuple[tuple[int, int], ...]
"""(when they were opened in ns, signed lots), oldest first; all of one sign."""

MOST_ENTRIES = 500
"""Beyond it the two oldest entries become one of the older's age: never younger than it is."""


def changed(held: Held, time_ns: int, lots: int) -> Held:
    """What is held after `lots` (signed) more: the oldest lots close first, and what exceeds them opens anew."""
    entries = list(held)
    while entries and lots and entries[0][1] * lots < 0:
        opened_ns, open_lots = entries.pop(0)
        left = open_lots + lots
        if left * open_lots > 0:
            entries.insert(0, (opened_ns, left))
            return tuple(entries)
        lots = left
    if lots:
        entries.append((time_ns, lots))
    if len(entries) > MOST_ENTRIES:
        (opened_ns, first), (_, second), *rest = entries
        entries = [(opened_ns, first + second), *rest]
    return tuple(entries)


def total(held: Iterable[tuple[int, int]]) -> int:
    """Signed lots."""
    return sum(lots for _, lots in held)


def completed(held: Held, lots: int, time_ns: int) -> Held:
    """The same, brought to `lots`: what nobody saw being opened counts from now on."""
    return changed(held, time_ns, lots - total(held))


def older(held: Held, before_ns: int) -> int:
    """Signed lots that were opened before `before_ns`."""
    return total(entry for entry in held if entry[0] < before_ns)


def rekeyed(held: Held, lots: int) -> Held:
    """After the lot has changed: everything, in new lots, as old as the oldest of it."""
    return ((held[0][0], lots),) if held and lots else ()
