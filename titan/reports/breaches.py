"""What went past a bound: limits, levels of risk, refusals of orders, and what does not add up."""

from __future__ import annotations

from collections.abc import Sequence

from titan.reports.order_tables import limit_table
from titan.reports.session_tables import SessionResult, remark_table

BEYOND = {
    "risk_level": "the risk level rose",
    "halted": "STOP",
    "kill_switch": "the kill switch was on",
    "strategy_quarantined": "a strategy raised and was quarantined",
    "position_difference": "the venue states another position",
    "wallet_difference": "the venue states another wallet",
    "overfill": "more was executed than was ordered",
    "exit_given_up": "not proven flat",
}
"""Notices that say that a bound was passed; the denials of orders come on top."""


def breaches(results: Sequence[SessionResult]) -> list[str]:
    """Every breach in a line, the gravest sort first; empty if there was none.

    A denied order is listed because the bound held: it was wanted, and not sent.
    """
    if not results:
        return []
    used = limit_table(results)
    over = used[used["share"] > 1]
    lines = [
        f"{row['measure']}: {row['share']:.0%} of the limit at {row['when']}" for _, row in over.iterrows()
    ]
    lines += [
        f"{result.session}: {text}"
        for result in results
        for text in [
            *(proof.reason for proof in result.proofs if proof.verdict == "differs"),
            *result.differing,
        ]
    ]
    told = remark_table(results)
    if told.empty:
        return lines
    for code, row in told[told["level"].isin({"warning", "error"})].iterrows():
        name = str(code)
        if name in BEYOND:
            lines.append(f"{BEYOND[name]}, {row['count']} x, last {row['last']}: {row['last message']}")
        elif name.startswith("denied_"):
            lines.append(
                f"orders refused, {row['count']} x {name.removeprefix('denied_')}, last {row['last']}"
            )
    return lines
