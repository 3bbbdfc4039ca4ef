"""From the market to orders: ask each strategy, let the router plan the difference, let the gatekeeper judge it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from titan.engine import backoff, permission, sending
from titan.engine.account import cancel
from titan.engine.desk import Desk, Market, Phase
from titan.engine.judgement import judge
from titan.engine.protection import obstacle as failing
from titan.engine.router import Amend, Cancel, Place, Wanted, plan
from titan.engine.strategies import Outlook, Seat, StrategyHost
from titan.model.commands import Decision
from titan.model.orders import AT_ONCE, Lifetime, Order, OrderState
from titan.risk.denials import Denial, explain

S = TypeVar("S")
A = TypeVar("A")


def obstacle(desk: Desk, market: Market, host: Seat) -> str:
    """Why this strategy may not quote here and now; empty if it may."""
    venue = desk.venues[market.key.venue]
    reasons = (
        (desk.storage_failed, f"storage failed: {desk.storage_failed}"),
        (desk.phase is not Phase.RUNNING, f"the session is {desk.phase}"),
        (desk.halted, f"STOP: {desk.halted}"),
        (desk.paused, f"paused: {desk.paused}"),
        (not venue.connected, "a stream is down"),
        (venue.unread, f"still reading {', '.join(sorted(venue.unread))}"),
        (failing(desk, market.key), failing(desk, market.key)),
        (market.stopped, market.stopped),
        (market.closed, f"closed: {market.closed}"),
        (desk.exiting(market.key, host.config.name), desk.exiting(market.key, host.config.name)),
        (market.instrument is None or not market.instrument.trading, "the instrument is not trading"),
        (market.book.state != "ready", f"the book is {market.book.state}: {market.book.reason}"),
        (not (market.book.best_bid and market.book.best_ask), "a side of the book is empty"),
        (host.quarantined, f"the strategy is quarantined: {host.quarantined}"),
        (_held(desk, host), _held(desk, host)),
    )
    return next((text for true, text in reasons if true), "")


def _held(desk: Desk, host: Seat) -> str:
    """Why a strategy holds because of its parameters; empty if it does not."""
    calibrated = host.config.calibrated
    return calibrated.in_doubt(desk.now_ns) if calibrated is not None and calibrated.hold else ""


def _caution(desk: Desk, market: Market, host: Seat) -> tuple[float, float]:
    """How much wider and smaller a strategy quotes whose parameters are in doubt; beginning and end are told."""
    calibrated = host.config.calibrated
    doubt = calibrated.in_doubt(desk.now_ns) if calibrated is not None else ""
    if doubt != host.doubted:
        host.doubted = doubt
        told = f"{doubt}; it quotes with more caution" if doubt else "its parameters are in doubt no more"
        desk.note("warning", "parameters_in_doubt", f"{host.config.name}: {told}", market.key)
    if calibrated is None or not doubt:
        return 1.0, 1.0
    return calibrated.spread_factor, calibrated.size_factor


def evaluate(desk: Desk, market: Market) -> None:
    """Let every strategy on this instrument quote, or withdraw its quotes and say why.

    Those over several instruments wait for the end of the step.
    """
    desk.touched.add(market.key)
    for host in desk.hosts:
        if host.key != market.key:
            continue
        reason = obstacle(desk, market, host)
        if reason:
            withdraw(desk, market, host, reason)
        elif desk.now_ns - host.evaluated_ns >= desk.config.timing.quote_interval_ns:
            _quote(desk, market, host)


def pull_orphans(desk: Desk, market: Market) -> None:
    """Cancel the orders of strategies that no longer quote here, and of exits that are over: a predecessor's."""
    here = {seat.config.name for seat in desk.seats if seat.key == market.key}
    for order in desk.orders.live(market.key):
        steady = order.state is not OrderState.PENDING_CANCEL and not _just_cancelled(desk, order)
        wanted = desk.owned_by_exit(order) if order.reduce_only else order.strategy in here
        if not wanted and steady:
            cancel(desk, order)


def withdraw(desk: Desk, market: Market, host: Seat, reason: str) -> None:
    """Cancel everything that this strategy has in the book."""
    if reason != host.obstacle:
        host.obstacle = market.obstacle = reason
        desk.note("info", "not_quoting", reason, market.key)
    carry_out(desk, market, host, [])


def look(desk: Desk, market: Market, host: Seat) -> Outlook:
    """What a strategy is to know of this instrument now."""
    wider, smaller = _caution(desk, market, host)
    return Outlook(
        time_s=(desk.now_ns - desk.epoch_ns) / 1e9,
        book=market.book,
        instrument=market.terms,
        fees=market.rates,
        mark=market.mark,
        now_ns=desk.now_ns,
        lots=desk.ledger.strategy_lots(market.key, host.config.name),
        spread_multiplier=desk.action.spread_factor * wider,
        size_multiplier=desk.action.size_factor * desk.config.size_share * smaller,
        adjusting=desk.config.quoting,
        signals=None if market.signals is None else market.signals.read(desk.now_ns),
    )


def _quote(desk: Desk, market: Market, host: StrategyHost) -> None:
    quotes = ask(desk, [host], host.evaluate, look(desk, market, host))
    if quotes is not None:
        resume(desk, market, host)
        carry_out(desk, market, host, quotes)


def ask(desk: Desk, seats: Sequence[Seat], evaluate: Callable[[S], A], shown: S) -> A | None:
    """What a strategy answers to what it is shown; None if it is quarantined for that."""
    try:
        return evaluate(shown)
    # A strategy is anybody's code: whatever it raises takes it out of service, never the others.
    except Exception as error:
        _quarantine(desk, seats, f"{type(error).__name__}: {error}")
        return None


def _quarantine(desk: Desk, seats: Sequence[Seat], fault: str) -> None:
    """Take a strategy out of service on every instrument it trades."""
    text = f"{seats[0].config.name}: {fault}; its orders are pulled"
    desk.note("error", "strategy_quarantined", text, seats[0].key)
    for seat in seats:
        seat.quarantined = fault
        withdraw(desk, desk.markets[seat.key], seat, f"the strategy is quarantined: {fault}")


def resume(desk: Desk, market: Market, host: Seat) -> None:
    """Nothing stands in the way any more, or only the risk level of what would add to a position."""
    told = permission.restriction(desk)
    if told == host.obstacle:
        return
    host.obstacle = market.obstacle = told
    if told:
        desk.note("warning", "reducing_only", told, market.key)
    else:
        desk.note("info", "quoting", f"{host.config.name} quotes", market.key)


def carry_out(desk: Desk, market: Market, host: Seat, quotes: Sequence[tuple[Wanted, Decision]]) -> None:
    """Bring what this strategy has in the book to the quotes it wants."""
    quotes = permission.permitted(desk, market, host.config.name, quotes)
    wanted, decisions = [quote for quote, _ in quotes], dict(quotes)
    working = [
        order
        for order in desk.orders.live(market.key)
        if order.strategy == host.config.name and order.lifetime not in AT_ONCE and not order.reduce_only
    ]
    use_amend = desk.config.venue(market.key.venue).use_amend
    for change in plan(wanted, working, requote_ticks=host.config.requote_ticks, use_amend=use_amend):
        if isinstance(change, Cancel):
            if not _just_cancelled(desk, change.order):
                cancel(desk, change.order)
        elif isinstance(change, Amend):
            _amend(desk, market, host, change, decisions)
        else:
            _place(desk, market, host, change, decisions.get(change.wanted))


def _just_cancelled(desk: Desk, order: Order) -> bool:
    """A cancel without a clear answer is repeated at the pace of the queries, not with every change of the book.

    While the venue refuses everything it is not repeated at all.
    """
    recent = desk.now_ns - order.cancel_asked_ns < desk.config.timing.unknown_after_ns
    recent |= desk.venues[order.venue].health.shut
    return order.state is OrderState.UNKNOWN and order.cancel_asked_ns > 0 and recent


def _place(desk: Desk, market: Market, host: Seat, change: Place, decision: Decision | None) -> None:
    if not backoff.waits(host, change.wanted.side, desk.now_ns):
        send(desk, market, host, change.wanted, decision, Lifetime.POST_ONLY)


def send(
    desk: Desk, market: Market, host: Seat, wanted: Wanted, decision: Decision | None, lifetime: Lifetime
) -> None:
    """Send a new order, if the gatekeeper lets it pass."""
    denial = judge(
        desk, market, strategy=host.config.name, side=wanted.side, price=wanted.price, size=wanted.size,
        post_only=lifetime is Lifetime.POST_ONLY,
    )  # fmt: skip
    if _denied(desk, market, host, denial):
        return
    if not desk.first_quote_ns:
        desk.first_quote_ns = desk.now_ns
        if desk.config.timing.duration_ns:
            desk.timer("duration", desk.config.timing.duration_ns)
    sending.place(desk, market, host.config.name, wanted, lifetime, decision=decision)


def _amend(desk: Desk, market: Market, host: Seat, change: Amend, decisions: dict[Wanted, Decision]) -> None:
    order = change.order
    denial = judge(
        desk,
        market,
        strategy=host.config.name,
        side=order.side,
        price=change.price,
        size=change.size - order.filled,
        replaces=order,
    )
    if _denied(desk, market, host, denial):
        away = (change.price - order.price) * order.side < 0
        if away or denial is not Denial.MESSAGE_BUDGET:
            cancel(desk, order)  # a quote that may not move to where it belongs must not stay where it was
        return
    decision = next(
        (d for w, d in decisions.items() if (w.side, w.price) == (order.side, change.price)), None
    )
    sending.amend(desk, order, change.price, change.size, decision)


def _denied(desk: Desk, market: Market, host: Seat, denial: Denial | None) -> bool:
    """Tell of a denial when it is another than the last one told; the same one again is the same story."""
    told = denial.value if denial else ""
    if denial and told != host.denied:
        desk.note("warning", f"denied_{told}", f"{host.config.name}: {explain(denial)}", market.key)
    host.denied = told or host.denied
    return denial is not None
