"""The page of denials: what each code means, and which published control each check maps to. All from the code."""

from __future__ import annotations

from collections.abc import Mapping

from titan.risk.denials import EXPLANATIONS, Denial, Explanation, denial_table
from titan.risk.shutdown import Level, Parameters, action

INTRODUCTION = """# Denials and controls

Every refusal of an order has one code, one meaning and one next step; the chapter {doc}`/chapters/risk/denials`
says more. The codes are stable and counted in the metrics. Checks are asked in this order, and the first that refuses
names itself ({py:func}`~titan.risk.limits.evaluate`).
"""
CONTROLS = """## Published controls

Which checks map to which control of SEC 15c3-5, RTS 6 and the FIA's practices of 2024. *Maps to* is not *complies
with*: that depends on the limits, the people and the venue. Only checks of an order stand here; kill switches, alerts
and reconciliation are no denials, and the rules ask for those too.
"""
SHUTDOWN = """## Graduated shutdown

What {py:mod}`titan.risk.shutdown` does to the quotes at each level, with its default parameters. The chapter
{doc}`/chapters/risk/shutdown` says when a level is entered and left.
"""


def by_control(explanations: Mapping[Denial, Explanation]) -> dict[str, list[Denial]]:
    """Return the denials of each published control, controls sorted by name."""
    found: dict[str, list[Denial]] = {}
    for denial, (_, _, controls) in explanations.items():
        for control in controls:
            found.setdefault(control, []).append(denial)
    return dict(sorted(found.items()))


def control_table(explanations: Mapping[Denial, Explanation]) -> str:
    """Return the published controls and the codes that map to each, as a Markdown table."""
    rows = [
        f"| {control} | {', '.join(f'`{denial}`' for denial in denials)} |"
        for control, denials in by_control(explanations).items()
    ]
    return "\n".join(["| control | codes of the checks that map to it |", "| --- | --- |", *rows])


def shutdown_table(parameters: Parameters) -> str:
    """Return what each level of the graduated shutdown does, as a Markdown table."""
    rows = []
    for level in Level:
        size, spread, may_increase = action(parameters, level)
        allowed = "all" if may_increase else "those that reduce the position, and cancels"
        rows.append(f"| `{level.name}` | {size:g} | {spread:g} | {allowed} |")
    head = ["| level | size times | spread times | orders that pass |", "| --- | ---: | ---: | --- |"]
    return "\n".join([*head, *rows])


def controls_page() -> str:
    """Return the page."""
    return "\n\n".join(
        [
            INTRODUCTION.strip(),
            denial_table(),
            CONTROLS.strip(),
            control_table(EXPLANATIONS),
            SHUTDOWN.strip(),
            shutdown_table(Parameters(())),
            "",
        ]
    )
