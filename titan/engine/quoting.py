"""From the market to orders: ask each strategy, let the router plan the difference, let the gatekeeper judge it."""

from __future__ import annotations

from titan.engine.account import cancel
from titan.engine.desk import Desk, Market, Phase
from titan.engine.judgement import judge
from titan.engine.router import Amend, Cancel, Place, Wanted, plan
from titan.engine.strategies import Outlook, StrategyHost
from titan.model.commands import AmendOrder, Decision, PlaceOrder
from titan.model.orders import Lifetime, Order, OrderState
from titan.risk.budget import RecentOrder
from titan.risk.denials import Denial, explain


def obstacle(desk: Desk, market: Market, host: StrategyHost) -> str:
    """Why this strategy may not quote here and now; empty if it may."""
    venue = desk.venues[market.key.venue]
    reasons = (
        (desk.storage_failed, f"storage failed: {desk.storage_failed}"),
        (desk.phase is not Phase.RUNNING, f"the session is {desk.phase}"),
        (desk.paused, f"paused: {desk.paused}"),
        (not venue.connected, "a stream is down"),
        (venue.unread, f"still reading {', '.join(sorted(venue.unread))}"),
        (market.stopped, market.stopped),
        (market.instrument is None or not market.instrument.trading, "the instrument is not trading"),
        (market.book.state != "ready", f"the book is {market.book.state}: {market.book.reason}"),
        (not (market.book.best_bid and market.book.best_ask), "a side of the book is empty"),
        (host.quarantined, f"the strategy is quarantined: {host.quarantined}"),
    )
    return next((text for true, text in reasons if true), "")


def evaluate(desk: Desk, market: Market) -> None:
    """Let every strategy on this instrument quote, or withdraw its quotes and say why."""
    for host in desk.hosts:
        if host.key != market.key:
            continue
        reason = obstacle(desk, market, host)
        if reason:
            withdraw(desk, market, host, reason)
        elif desk.now_ns - host.evaluated_ns >= desk.config.timing.quote_interval_ns:
            _quote(desk, market, host)


def pull_orphans(desk: Desk, market: Market) -> None:
    """Cancel the orders of strategies that no longer quote here: a predecessor's, whose settings have changed."""
    here = {host.config.name for host in desk.hosts if host.key == market.key}
    for order in desk.orders.live(market.key):
        steady = order.state is not OrderState.PENDING_CANCEL and not _just_cancelled(desk, order)
        if order.strategy not in here and steady:
            cancel(desk, order)


def withdraw(desk: Desk, market: Market, host: StrategyHost, reason: str) -> None:
    """Cancel everything that this strategy has in the book."""
    if reason != host.obstacle:
        host.obstacle = market.obstacle = reason
        desk.note("info", "not_quoting", reason, market.key)
    _carry_out(desk, market, host, [], {})


def _quote(desk: Desk, market: Market, host: StrategyHost) -> None:
    outlook = Outlook(
        time_s=(desk.now_ns - desk.epoch_ns) / 1e9,
        book=market.book,
        instrument=market.terms,
        fees=market.rates,
        mark=market.mark,
        now_ns=desk.now_ns,
        lots=desk.ledger.strategy_lots(market.key, host.config.name),
        spread_multiplier=1.0,
        size_multiplier=1.0,
        adjusting=desk.config.quoting,
        signals=None if market.signals is None else market.signals.read(desk.now_ns),
    )
    try:
        quotes = host.evaluate(outlook)
    # A strategy is anybody's code: whatever it raises takes it out of service, never the others.
    except Exception as error:
        host.quarantined = f"{type(error).__name__}: {error}"
        desk.note(
            "error",
            "strategy_quarantined",
            f"{host.config.name}: {host.quarantined}; its orders are pulled",
            market.key,
        )
        withdraw(desk, market, host, f"the strategy is quarantined: {host.quarantined}")
        return
    if host.obstacle:
        host.obstacle = market.obstacle = ""
        desk.note("info", "quoting", f"{host.config.name} quotes", market.key)
    _carry_out(desk, market, host, [quote for quote, _ in quotes], dict(quotes))


def _carry_out(
    desk: Desk, market: Market, host: StrategyHost, wanted: list[Wanted], decisions: dict[Wanted, Decision]
) -> None:
    working = [order for order in desk.orders.live(market.key) if order.strategy == host.config.name]
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
    """A cancel without a clear answer is repeated at the pace of the queries, not with every change of the book."""
    recent = desk.now_ns - order.cancel_asked_ns < desk.config.timing.unknown_after_ns
    return order.state is OrderState.UNKNOWN and order.cancel_asked_ns > 0 and recent


def _place(desk: Desk, market: Market, host: StrategyHost, change: Place, decision: Decision | None) -> None:
    wanted = change.wanted
    denial = judge(
        desk, market, strategy=host.config.name, side=wanted.side, price=wanted.price, size=wanted.size
    )
    if _denied(desk, market, host, denial):
        return
    client_id = desk.ids.next(desk.config.venue(market.key.venue).account, host.config.name)
    venue, symbol = market.key
    order = Order(
        venue=venue, symbol=symbol, client_id=client_id, strategy=host.config.name,
        side=wanted.side, price=wanted.price, size=wanted.size,
        lifetime=Lifetime.POST_ONLY, reduce_only=False, state=OrderState.INTENT,
        created_ns=desk.now_ns, changed_ns=desk.now_ns, asked_ns=desk.now_ns,
    )  # fmt: skip
    desk.orders.add(order)
    desk.gate.note_order(market.key, RecentOrder(desk.now_ns, wanted.side, wanted.price, wanted.size))
    if not desk.first_quote_ns:
        desk.first_quote_ns = desk.now_ns
        if desk.config.timing.duration_ns:
            desk.timer("duration", desk.config.timing.duration_ns)
    desk.emit(
        PlaceOrder(
            venue=venue, symbol=symbol, client_id=client_id, strategy=host.config.name,
            side=wanted.side, price=wanted.price, size=wanted.size,
            lifetime=order.lifetime, reduce_only=False, decision=decision,
        )
    )  # fmt: skip


def _amend(
    desk: Desk, market: Market, host: StrategyHost, change: Amend, decisions: dict[Wanted, Decision]
) -> None:
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
    desk.orders.begin_amend(order, change.price, change.size, desk.now_ns)
    order.asked_ns = desk.now_ns
    decision = next(
        (d for w, d in decisions.items() if (w.side, w.price) == (order.side, change.price)), None
    )
    desk.emit(
        AmendOrder(
            venue=order.venue, symbol=order.symbol, client_id=order.client_id,
            side=order.side, price=change.price, size=change.size, decision=decision,
        )
    )  # fmt: skip


def _denied(desk: Desk, market: Market, host: StrategyHost, denial: Denial | None) -> bool:
    """Tell of a denial when it is another than the last one told; the same one again is the same story."""
    told = denial.value if denial else ""
    if denial and told != host.denied:
        desk.note("warning", f"denied_{told}", f"{host.config.name}: {explain(denial)}", market.key)
    host.denied = told or host.denied
    return denial is not None
