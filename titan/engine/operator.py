"""What a named person asks of a running session, and the proof that it was done.

Nothing is acknowledged because it was sent. A pause or a stop is done when the venue, asked after our last order
ended, lists none of ours; a cancel when the venue's word has ended each order that it named; flatten and close when,
beside that, the venue has stated a position of 0.
"""

from __future__ import annotations

from collections.abc import Iterator

from titan.engine import exits, quoting, risk_measures
from titan.engine.account import ask_orders, cancel, query
from titan.engine.client_ids import account_prefix
from titan.engine.desk import Desk, Market, Phase, Request
from titan.engine.exit_state import Cause, Stage
from titan.engine.stopping import await_exits
from titan.model.commands import OperatorAnswer
from titan.model.events import KillSwitch, OpenOrders, OperatorAction
from titan.model.instruments import InstrumentKey
from titan.model.orders import Order, OrderState
from titan.risk.shutdown import Level

ACTIONS = ("pause", "resume", "stop", "cancel", "flatten", "close")

FLATTEN = "flatten"
"""What a kill switch's file begins with to have every position closed as well."""

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
    elif event.action in {"flatten", "close"}:
        _begin_exits(desk, request, event, because)
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
    late = event.action == "flatten" and desk.phase is Phase.STOPPING and not _proven(desk)
    if desk.phase in {Phase.STOPPING, Phase.ENDED} and event.action != "stop" and not late:
        return f"the session is {desk.phase}; start another one"
    if desk.storage_failed and event.action in {"flatten", "close"}:
        return f"storage failed ({desk.storage_failed}): nothing can be sent; close the position at the venue"
    if event.action in {"close", "resume"} and (event.target or event.action == "close"):
        return _refused_symbol(desk, event)
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


def _proven(desk: Desk) -> bool:
    return desk.ending is not None and bool(desk.ending.proven)


def _refused_symbol(desk: Desk, event: OperatorAction) -> str:
    if not _named(desk, event.target):
        known = ", ".join(sorted(key.symbol for key in desk.markets))
        return f"{event.target or 'no symbol'}: is not traded here; traded are {known}"
    if event.action == "resume" and (desk.halted or desk.paused or desk.kill_switch):
        return "the whole desk is stopped or paused; resume it without a symbol"
    return ""


def _named(desk: Desk, symbol: str) -> list[Market]:
    """The instruments of this symbol, or of this venue:symbol."""
    return [
        market
        for key, market in desk.markets.items()
        if symbol.upper() in {key.symbol.upper(), str(key).upper()}
    ]


def _begin_exits(desk: Desk, request: Request, event: OperatorAction, because: str) -> None:
    """Close one symbol, or in STOP everything."""
    if event.action == "flatten":
        halt(desk, because)
        markets = list(desk.markets.values())
    else:
        markets = _named(desk, event.target)
        for market in markets:
            market.closed = because
    for market in markets:
        exits.begin(desk, market, because, Cause.OPERATOR)
    request.instruments = [str(market.key) for market in markets]
    request.deadline_ns += round(desk.config.exits.exit_timeout_s * 1e9)
    await_exits(desk)


def on_kill_switch(desk: Desk, event: KillSwitch) -> None:
    """The kill switch's file has appeared, or has gone; gone, the stop stays until somebody resumes."""
    if event.on:
        desk.kill_switch = event.why or "no reason given"
        desk.note("error", "kill_switch", f"the kill switch is on: {desk.kill_switch}")
        halt(desk, f"kill switch: {desk.kill_switch}")
        if desk.kill_switch.lower().startswith(FLATTEN):
            exits.begin_all(desk, f"kill switch: {desk.kill_switch}", Cause.OPERATOR)
            await_exits(desk)
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
    markets = _named(desk, event.target) if event.target else list(desk.markets.values())
    closed = [f"{market.key} closed by {market.closed}" for market in markets if market.closed]
    was = "; ".join(filter(None, (desk.halted or desk.paused, *closed)))
    if desk.halted:
        desk.risk.release(event.who)
    desk.paused = desk.halted = ""
    risk_measures.update(desk)
    if desk.risk.level is Level.STOP:
        halt(desk, risk_measures.stop_reason(desk))
        _answer(desk, event.request, False, f"released from: {was}; STOP again at once: {desk.halted}")
        return
    left = _forget_exits(desk, markets)
    for market in markets:
        market.closed = ""
    _withdraw(desk)
    reasons = {quoting.obstacle(desk, desk.markets[host.key], host) for host in desk.seats}
    still = sorted(reason for reason in reasons if reason)
    text = f"resumed from: {was}" if was else "nothing was paused"
    text += f"; given up before it was flat: {'; '.join(left)}" if left else ""
    if still:
        text += f"; not quoting yet: {'; '.join(still)}"
    _answer(desk, event.request, True, text)


def _forget_exits(desk: Desk, markets: list[Market]) -> list[str]:
    """Whoever resumes wants quotes: exits end where they are, and say what they have left."""
    keys = [market.key for market in markets]
    left = exits.give_up(desk, keys)
    for key in keys:
        desk.exits.pop(key, None)
    for request in [request for request in desk.requests if set(request.instruments) & set(map(str, keys))]:
        _done(desk, request, f"given up by a resume: {'; '.join(left) or 'it was flat before'}", done=False)
    return left


def _withdraw(desk: Desk) -> None:
    """Let the obstacle take effect now, on every order: also on those whose strategy is no longer hosted."""
    for market in desk.markets.values():
        quoting.evaluate(desk, market)
    if desk.halted or desk.paused:
        for order in list(desk.orders.live()):
            steady = order.state in {OrderState.INTENT, OrderState.OPEN, OrderState.PARTIALLY_FILLED}
            if steady and not desk.owned_by_exit(order):
                cancel(desk, order)


def advance(desk: Desk) -> None:
    """Answer every request that is proven by now; ask the venues for what proves the others, one list for all."""
    asked: set[str] = set()
    for request in list(desk.requests):
        left = list(_left(desk, request))
        flat = not _not_flat(desk, request)
        if desk.phase is Phase.ENDED:
            proven = not left and desk.ending is not None and set(desk.ending.proven) >= set(request.asked)
            _done(desk, request, f"{_shown(desk, request)}the session has ended", done=proven and flat)
        if left or not flat or desk.phase is Phase.ENDED:
            continue
        if request.action == "cancel":
            _done(desk, request, f"ended at the venue: {_fates(desk, request.orders) or 'no order was open'}")
        elif not request.asked:
            request.asked = sorted(
                venue.name
                for venue in desk.venues.values()
                if "terms" not in venue.unread and _concerns_venue(request, venue.name)
            )
            asked.update(request.asked)
            if not request.asked:
                _done(desk, request, "no venue has been read yet, so nothing was ever sent")
    for venue_name in sorted(asked):
        ask_orders(desk, venue_name)


def _left(desk: Desk, request: Request) -> Iterator[Order]:
    """The orders whose end is still to be proven."""
    for order in desk.orders.live():
        named = order.client_id in request.orders
        if named or (request.action != "cancel" and _concerns(request, order.key)):
            yield order


def _concerns(request: Request, key: InstrumentKey) -> bool:
    """Whether a request is about an instrument: a pause and a stop are about all."""
    return not request.instruments or str(key) in request.instruments


def _concerns_venue(request: Request, venue: str) -> bool:
    return not request.instruments or any(name.startswith(f"{venue}:") for name in request.instruments)


def _not_flat(desk: Desk, request: Request) -> list[InstrumentKey]:
    """What is to be flat and is not proven so."""
    wanted = [key for key in desk.exits if request.instruments and str(key) in request.instruments]
    return [key for key in wanted if desk.exits[key].stage is not Stage.FLAT]


def _shown(desk: Desk, request: Request) -> str:
    """What the venue has shown of the positions that were to be closed, and what that cost."""
    wanted = [key for key in desk.exits if request.instruments and str(key) in request.instruments]
    return "".join(f"{key}: {exits.progress(desk, key)}; " for key in wanted)


def on_open_orders(desk: Desk, answer: OpenOrders) -> None:
    """A list without ours, received after the last one ended, proves it for that venue."""
    prefix = account_prefix(desk.config.venue(answer.venue).account)
    for request in list(desk.requests):
        if answer.venue not in request.asked:
            continue
        ours = [u for u in answer.orders if u.client_id.startswith(prefix) and _concerns(request, u.key)]
        if (
            ours
            or _not_flat(desk, request)
            or any(order.venue == answer.venue for order in _left(desk, request))
        ):
            request.asked, request.proven = [], []  # one of ours was found there: it is asked again
            _withdraw(desk)
            continue
        request.proven = sorted({*request.proven, answer.venue})
        if request.proven == request.asked:
            where = ", ".join(request.proven)
            if request.action == "close":
                where = f"{', '.join(request.instruments)}"
            _done(desk, request, f"{_shown(desk, request)}no order of ours is open at {where}")


def on_timer(desk: Desk) -> None:
    """Ask again for what was not answered, and say at the deadline what is not proven."""
    for request in list(desk.requests):
        left = list(_left(desk, request))
        if desk.now_ns >= request.deadline_ns:
            desk.requests.remove(request)
            names = ", ".join(f"{o.symbol} {o.client_id} ({o.state})" for o in left) or "open orders not read"
            text = f"NOT proven: {_shown(desk, request)}{names}; it goes on, look at the venue"
            _answer(desk, request.name, False, text)
            continue
        for order in left:
            if desk.owned_by_exit(order):
                continue
            shut = desk.venues[order.venue].health.shut
            waited = not shut and desk.now_ns - order.queried_ns >= order_pace(desk)
            if order.state is OrderState.UNKNOWN and waited:
                query(desk, order)
                cancel(desk, order)
        if not left and all(_list_overdue(desk, venue) for venue in request.asked):
            request.asked, request.proven = [], []  # it is asked again
    advance(desk)


def _list_overdue(desk: Desk, venue: str) -> bool:
    """Whether a list was waited for long enough: one asked again with each look would use up a minute's requests."""
    return desk.now_ns - desk.venues[venue].asked_ns.get("orders", 0) >= order_pace(desk)


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
