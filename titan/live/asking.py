"""The other end of the control socket: ask a running session, and show what it answers."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from titan.live.control import PATIENCE_S
from titan.live.errors import StartRefused

MOST_STRESSES = 3
"""Stress scenarios shown, the worst first."""


class NoAnswer(StartRefused):
    """Nobody listens, or the answer did not come: nothing is known to have been done."""


def ask(
    path: Path, deadline_s: float, *, action: str, target: str = "", who: str = "", why: str = ""
) -> dict[str, Any]:
    """Send one request and return the answer: `done`, `text`, and `status` where that was asked for.

    Raises
    ------
    NoAnswer
        If no runner listens there, or it ended before it answered.
    """
    request = json.dumps({"action": action, "target": target, "who": who, "why": why})
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(deadline_s + 2 * PATIENCE_S)
            connection.connect(str(path))
            connection.sendall(request.encode() + b"\n")
            with connection.makefile("rb") as lines:
                answer = lines.readline()
    except OSError as error:
        raise NoAnswer(
            f"no runner answers here ({error.strerror or error}); start titan-live with the same settings, "
            "or make the file of [project] kill_file, which a running session obeys"
        ) from None
    if not answer:
        raise NoAnswer("the runner ended before it answered; look at its log and at the venue")
    found: dict[str, Any] = json.loads(answer)
    return found


def lines(status: Mapping[str, Any]) -> Iterator[str]:
    """The status for people: the state first, then what is held, what stands, and why nothing does."""
    state = next(
        (f"{word}: {status[key]}" for key, word in (("halted", "STOP"), ("paused", "paused")) if status[key]),
        status["phase"],
    )
    yield f"{status['session']}  {status['mode']}  {state}"
    loss = "unknown" if status["day_loss"] is None else status["day_loss"]
    currency = status["reporting_currency"]
    yield (
        f"P&L {status['pnl'] or 'unknown'} {currency}, day's loss {loss} of {status['max_daily_loss']:g}, "
        f"differences {status['differences']}"
    )
    risk = status["risk"]
    yield f"risk {risk['level']}: size x {risk['size_factor']:g}, spread x {risk['spread_factor']:g}"
    for name, channel in risk["channels"].items():
        value = "unknown" if channel["value"] is None else f"{channel['value']:.6g}"
        yield f"  {name} {value} of {channel['key']} = {channel['limit']:g}  {channel['level']}"
    yield from _risk_result(risk["result"])
    for name, venue in status["venues"].items():
        down = [stream for stream, up in venue["streams"].items() if not up]
        problems = [f"{stream} stream down" for stream in down] + [
            f"unread {what}" for what in venue["unread"]
        ]
        yield f"{name}: {', '.join(problems) or 'connected'}"
    for key, one in status["instruments"].items():
        reason = one["not_quoting_because"]
        held = one["position"] or f"{one['position_lots']} lots"
        yield f"{key}: position {held}, mid {one['mid'] or 'unknown'}, {reason or 'quoting'}"
        if one["exit"]:
            yield f"  exit: {one['exit']}"
    yield from status["waiting"]
    for order in status["orders"]:
        yield (
            f"  {order['client_id']}  {order['instrument']} {order['side']} {order['remaining_lots']} lots "
            f"at {order['price']}  {order['state']}  ({order['strategy'] or 'of no strategy'})"
        )


def _risk_result(result: Mapping[str, Any] | None) -> Iterator[str]:
    """The shortfall with its error, whose it is, the worst scenarios, and how old all that is."""
    if result is None:
        yield "  no risk result yet: shortfall and stress losses are not known"
        return
    age = f"{result['age_s']:.0f} s old{', EXPIRED: nothing is known now' if result['expired'] else ''}"
    tail = f" ({result['tail']:.1%} tail over {result['horizon_s']:g} s)" if result["tail"] else ""
    amount = _amount(result["shortfall"], result["error"])
    yield f"  expected shortfall {amount} {result['currency']}{tail}, {age}"
    if result["basis"]:
        yield f"    {result['basis']}"
    for name, parts in (
        ("position", {f"{part['venue']}:{part['symbol']}": part for part in result["parts"]}),
        ("strategy", {part["strategy"]: part for part in result["strategies"]}),
    ):
        for owner, part in parts.items():
            share = f", {part['shortfall'] / result['shortfall']:.0%}" if result["shortfall"] else ""
            yield f"    {name} {owner}: {_amount(part['shortfall'], part['error'])}{share}"
    for stress in sorted(result["stresses"], key=lambda stress: -stress["loss"])[:MOST_STRESSES]:
        yield f"    stress {stress['name']}: loses {stress['loss']:.6g} {result['currency']}"


def _amount(amount: float, error: float | None) -> str:
    return f"{amount:.4g} +- {'unknown' if error is None else f'{error:.2g}'}"
