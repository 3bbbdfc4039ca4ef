"""The stop: cancel everything, prove that nothing is left, read the account a last time, end."""

from __future__ import annotations

from titan.engine import exits, risk_standing
from titan.engine.account import ask_account, ask_fills, ask_orders, cancel, query
from titan.engine.client_ids import account_prefix
from titan.engine.desk import Desk, Ending, Phase, VenueDesk
from titan.engine.exit_state import Cause
from titan.engine.protection import disarm
from titan.model.commands import EndSession
from titan.model.events import OpenOrders
from titan.model.orders import OrderState
from titan.risk.shutdown import Level

RETRY_NS = 500_000_000

REFUSED = 3
"""Exit code: the session may not start as it is configured."""

STOPPED_BY_RISK = 4
"""Exit code: the session ended in STOP by a risk channel."""

NOT_PROVEN = 5
"""Exit code: stopped by storage, orders not proven cancelled, or a position not closed that was to be."""


def request_stop(desk: Desk, reason: str, exit_code: int) -> None:
    """Begin to end the session; a second request can only make the exit code graver."""
    if desk.ending is not None:
        desk.ending.exit_code = max(desk.ending.exit_code, exit_code)
        return
    flatten = desk.config.flatten_at_end and desk.phase is Phase.RUNNING and not desk.storage_failed
    desk.ending = Ending(reason, exit_code, desk.now_ns + desk.config.timing.shutdown_ns)
    desk.phase = Phase.STOPPING
    desk.note("error" if exit_code else "info", "stopping", reason)
    if flatten:
        exits.begin_all(desk, f"the session ends: {reason}", Cause.END)
    if desk.storage_failed:
        desk.ending.held += exits.give_up(desk)
    await_exits(desk)
    for order in desk.orders.live():
        if order.state is not OrderState.PENDING_CANCEL and not desk.owned_by_exit(order):
            cancel(desk, order)
    desk.timer("stop", RETRY_NS)
    advance(desk)


def await_exits(desk: Desk) -> None:
    """Put off the end until exits are flat or their time is up; only then every order has to be proven ended."""
    if (
        desk.ending is not None
        and not desk.ending.exiting
        and exits.under_way(desk)
        and not desk.storage_failed
    ):
        desk.ending.exiting = True
        timeout_ns = round(desk.config.exits.exit_timeout_s * 1e9)
        desk.ending.deadline_ns = desk.now_ns + timeout_ns + desk.config.timing.shutdown_ns


def _still_exiting(desk: Desk, ending: Ending) -> bool:
    """Whether exits are still to be waited for; once they are not, the end takes its usual time."""
    if not ending.exiting:
        return False
    shutdown_ns = desk.config.timing.shutdown_ns
    if desk.storage_failed or desk.now_ns >= ending.deadline_ns - shutdown_ns:
        ending.held += exits.give_up(desk)
    if exits.under_way(desk):
        return True
    ending.exiting = False
    ending.deadline_ns = desk.now_ns + shutdown_ns
    return False


def advance(desk: Desk) -> None:
    """Take the next step of the stop that the venues' answers allow."""
    if desk.ending is None or desk.phase is Phase.ENDED or _still_exiting(desk, desk.ending):
        return
    for venue in desk.venues.values():
        if _untouched(desk, venue):
            continue
        proven = venue.name in desk.ending.proven
        if not _live_at(desk, venue) and not proven and "stop" not in venue.asked_ns:
            venue.asked_ns["stop"] = desk.now_ns
            ask_orders(desk, venue.name)
        fills_read = not any(name.startswith("fills") for name in venue.unread)
        if proven and fills_read and "end" not in venue.asked_ns:
            venue.asked_ns["end"] = desk.now_ns
            ask_account(desk, venue.name, "end")
            disarm(desk, venue)
    if all(venue.closing is not None or _untouched(desk, venue) for venue in desk.venues.values()):
        _end(desk, ())


def _live_at(desk: Desk, venue: VenueDesk) -> bool:
    return any(order.venue == venue.name for order in desk.orders.live())


def _untouched(desk: Desk, venue: VenueDesk) -> bool:
    """It was never read far enough to have sent an order, and no predecessor has left one there."""
    return "terms" in venue.unread and not _live_at(desk, venue)


def on_open_orders(desk: Desk, answer: OpenOrders) -> None:
    """An empty list of ours, asked for after the last cancel, is the proof; then the account is read."""
    venue = desk.venues[answer.venue]
    if desk.ending is None or "stop" not in venue.asked_ns:
        return
    prefix = account_prefix(desk.config.venue(answer.venue).account)
    ours = [update for update in answer.orders if update.client_id.startswith(prefix)]
    if ours or _live_at(desk, venue) or desk.ending.exiting:
        del venue.asked_ns["stop"]
        return
    desk.ending.proven.add(answer.venue)
    for market in desk.markets_of(answer.venue):
        venue.unread.add(f"fills {market.key.symbol}")
        ask_fills(desk, market)


def on_timer(desk: Desk) -> None:
    """Try again what has not been answered; give up at the deadline and say what is left."""
    if desk.ending is None or desk.phase is Phase.ENDED:
        return
    if not _still_exiting(desk, desk.ending) and desk.now_ns >= desk.ending.deadline_ns:
        left = tuple(f"{o.venue}:{o.symbol}:{o.client_id} ({o.state})" for o in desk.orders.live())
        unproven = tuple(
            f"{v.name}: open orders not read" for v in desk.venues.values()
            if v.name not in desk.ending.proven and not _untouched(desk, v)
        )  # fmt: skip
        _end(desk, left + unproven)
        return
    for order in desk.orders.live():
        if desk.owned_by_exit(order):
            continue
        if order.state is OrderState.PENDING_CANCEL and desk.now_ns - order.asked_ns >= RETRY_NS:
            desk.orders.doubt(order, desk.now_ns)
        if order.state is OrderState.UNKNOWN:
            query(desk, order)
            cancel(desk, order)
        elif order.state is not OrderState.PENDING_CANCEL:
            cancel(desk, order)
        if order.ends_as is not None:
            ask_fills(desk, desk.markets[order.key])
    for venue in desk.venues.values():
        venue.asked_ns.pop("end" if venue.name in desk.ending.proven else "stop", None)
        for market in desk.markets_of(venue.name):
            if venue.name in desk.ending.proven and f"fills {market.key.symbol}" in venue.unread:
                ask_fills(desk, market)
    desk.timer("stop", RETRY_NS)
    advance(desk)


def _end(desk: Desk, left_open: tuple[str, ...]) -> None:
    ending = desk.ending
    if ending is None:
        return
    if desk.risk.begun:
        risk_standing.tell(desk)
    desk.phase = Phase.ENDED
    by_risk = desk.risk.level is Level.STOP and not ending.exit_code
    unproven = left_open or ending.held
    code = NOT_PROVEN if unproven else STOPPED_BY_RISK if by_risk else ending.exit_code
    for order in left_open:
        desk.note(
            "error", "left_open", f"not proven cancelled: {order}; look at the venue and cancel it by hand"
        )
    desk.emit(EndSession(exit_code=code, reason=ending.reason, left_open=(*left_open, *ending.held)))
