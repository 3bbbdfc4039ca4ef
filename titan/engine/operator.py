"""What a named person asks of a running session, and the proof that it was done.

Nothing is acknowledged because it was sent. A pause or a stop is done when the venue, asked after our last order
ended, lists none of ours; a cancel when the venue's word has ended each order that it named.
"""

from __future__ import annotations

from collections.abc import Iterator

from titan.engine import quoting, risk_measures
from titan.engine.account import ask_orders, cancel, query
from titan.engine.client_ids import account_prefix
from titan.engine.desk import Desk, Phase, Request
from titan.model.commands import OperatorAnswer
from titan.model.events import KillSwitch, OpenOrders, OperatorAction
from titan.model.orders import Order, OrderState
from titan.risk.shutdown import Level

ACTIONS = ("pause", "resume", "stop", "cancel")

EVERYTHING = "all"
"""The target of a cancel that means every order of ours."""


def on_action(desk: Desk, event: OperatorAction) -> None:
    """Take up what somebody asks for; it is answered once it is proven, or at its deadline."""
    target = f" {event.target}" if event.target else ""
    because = f"{event.who or 'nobody named'}: {event.why or 'no reason given'}"
    desk.note("warning", "operator", f"{event.action}{target} ({because})")
    refusal = _refusal(desk, event)
    if refusal:
        _answer(desk, event.request, False, refusal)
        return
    request = Request(event.request, event.action, desk.now_ns + desk.config.timing.shutdown_ns)
    if event.action == "pause":
        desk.paused = because
    elif event.action == "stop":
        halt(desk, because)
    elif event.action == "resume":
        _resume(desk, event)
        return
    else:
        request.orders = [
            o.client_id for o in desk.orders.live() if event.target in {EVERYTHING, o.client_id}
        ]
        for client_id in request.orders:
            order = desk.orders.get(client_id)
            if order is not None and order.state is not OrderState.PENDING_CANCEL:
                cancel(desk, order)
    desk.requests.append(request)
    _withdraw(desk)
    advance(desk)


def _refusal(desk: Desk, event: OperatorAction) -> str:
    """Why this cannot be done as it is asked; empty if it can."""
    if event.action not in ACTIONS:
        return f"{event.action}: known are {', '.join(ACTIONS)}"
    if desk.phase in {Phase.STOPPING, Phase.ENDED} and event.action != "stop":
        return f"the session is {desk.phase}; start another one"
    if event.action == "resume" and desk.kill_switch:
        return f"the kill switch is on ({desk.kill_switch}); remove its file first"
    if event.action == "resume" and desk.halted and not (event.who.strip() and event.why.strip()):
        return f"stopped ({desk.halted}): resume needs a named operator and a reason (--operator, --reason)"
    if event.action == "cancel" and event.target != EVERYTHING:
        order = desk.orders.get(event.target)
        if order is None:
            return f"order {event.target}: not known here; 'titan status' lists the open ones"
        if not order.live:
            return (
                f"order {event.target}: has ended: {order.state}, filled {order.filled} of {order.size} lots"
            )
    return ""


def on_kill_switch(desk: Desk, event: KillSwitch) -> None:
    """The kill switch's file has appeared, or has gone; gone, the stop stays until somebody resumes."""
    if event.on:
        desk.kill_switch = event.why or "no reason given"
        desk.note("error", "kill_switch", f"the kill switch is on: {desk.kill_switch}")
        halt(desk, f"kill switch: {desk.kill_switch}")
    else:
        desk.kill_switch = ""
        desk.note("warning", "kill_switch_off", "the kill switch is off; 'titan resume' lets trading go on")


def halt(desk: Desk, reason: str) -> None:
    """STOP: every order is cancelled, and nothing is quoted in this session or the next, until a resume."""
    if not desk.halted:
        desk.halted = reason
        desk.note("error", "halted", f"STOP: {reason}; it stays until a named operator resumes")
    _withdraw(desk)


def _resume(desk: Desk, event: OperatorAction) -> None:
    was = desk.halted or desk.paused
    if desk.halted:
        desk.risk.release(event.who)
    desk.paused = desk.halted = ""
    risk_measures.update(desk)
    if desk.risk.level is Level.STOP:
        halt(desk, risk_measures.stop_reason(desk))
        _answer(desk, event.request, False, f"released from: {was}; STOP again at once: {desk.halted}")
        return
    _withdraw(desk)
    reasons = {quoting.obstacle(desk, desk.markets[host.key], host) for host in desk.seats}
    still = sorted(reason for reason in reasons if reason)
    text = f"resumed from: {was}" if was else "nothing was paused"
    if still:
        text += f"; not quoting yet: {'; '.join(still)}"
    _answer(desk, event.request, True, text)


def _withdraw(desk: Desk) -> None:
    """Let the obstacle take effect now, on every order: also on those whose strategy is no longer hosted."""
    for market in desk.markets.values():
        quoting.evaluate(desk, market)
    if desk.halted or desk.paused:
        for order in list(desk.orders.live()):
            if order.state in {OrderState.INTENT, OrderState.OPEN, OrderState.PARTIALLY_FILLED}:
                cancel(desk, order)


def advance(desk: Desk) -> None:
    """Answer every request that is proven by now; ask the venues for what proves the others."""
    for request in list(desk.requests):
        left = list(_left(desk, request))
        if desk.phase is Phase.ENDED:
            proven = not left and desk.ending is not None and set(desk.ending.proven) >= set(request.asked)
            _done(desk, request, "the session has ended", done=proven)
        if left or desk.phase is Phase.ENDED:
            continue
        if request.action == "cancel":
            _done(desk, request, f"ended at the venue: {_fates(desk, request.orders) or 'no order was open'}")
        elif not request.asked:
            request.asked = sorted(
                venue.name for venue in desk.venues.values() if "terms" not in venue.unread
            )
            for venue in request.asked:
                ask_orders(desk, venue)
            if not request.asked:
                _done(desk, request, "no venue has been read yet, so nothing was ever sent")


def _left(desk: Desk, request: Request) -> Iterator[Order]:
    """The orders whose end is still to be proven."""
    for order in desk.orders.live():
        if request.action != "cancel" or order.client_id in request.orders:
            yield order


def on_open_orders(desk: Desk, answer: OpenOrders) -> None:
    """A list without ours, received after the last one ended, proves it for that venue."""
    prefix = account_prefix(desk.config.venue(answer.venue).account)
    ours = [update.client_id for update in answer.orders if update.client_id.startswith(prefix)]
    for request in list(desk.requests):
        if answer.venue not in request.asked:
            continue
        if ours or any(order.venue == answer.venue for order in _left(desk, request)):
            request.asked, request.proven = [], []  # one of ours was found there: it is asked again
            _withdraw(desk)
            continue
        request.proven = sorted({*request.proven, answer.venue})
        if request.proven == request.asked:
            _done(desk, request, f"no order of ours is open at {', '.join(request.proven)}")


def on_timer(desk: Desk) -> None:
    """Ask again for what was not answered, and say at the deadline what is not proven."""
    for request in list(desk.requests):
        left = list(_left(desk, request))
        if desk.now_ns >= request.deadline_ns:
            desk.requests.remove(request)
            names = ", ".join(f"{o.symbol} {o.client_id} ({o.state})" for o in left) or "open orders not read"
            _answer(desk, request.name, False, f"NOT proven: {names}; it goes on, look at the venue")
            continue
        for order in left:
            shut = desk.venues[order.venue].health.shut
            waited = not shut and desk.now_ns - order.queried_ns >= order_pace(desk)
            if order.state is OrderState.UNKNOWN and waited:
                query(desk, order)
                cancel(desk, order)
        if not left:
            request.asked, request.proven = [], []
    advance(desk)


def order_pace(desk: Desk) -> int:
    """How long an answer is waited for before the question is repeated, ns."""
    return desk.config.timing.unknown_after_ns


def _fates(desk: Desk, client_ids: list[str]) -> str:
    found = [order for order in map(desk.orders.get, client_ids) if order is not None]
    return ", ".join(f"{o.symbol} {o.client_id} {o.state}, filled {o.filled} of {o.size} lots" for o in found)


def _done(desk: Desk, request: Request, text: str, *, done: bool = True) -> None:
    desk.requests.remove(request)
    _answer(desk, request.name, done, text)


def _answer(desk: Desk, name: str, done: bool, text: str) -> None:
    desk.emit(OperatorAnswer(request=name, done=done, text=text))
