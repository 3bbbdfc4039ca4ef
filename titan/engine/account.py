"""What the venue says of our account: orders, executions, balances, and the comparisons that keep the ledger honest."""

from __future__ import annotations

from decimal import Decimal

from titan.engine.client_ids import account_prefix, strategy_of
from titan.engine.desk import Desk, Market, Phase
from titan.engine.reconciliation import (
    compare_open_orders,
    compare_positions,
    compare_wallets,
)
from titan.engine.router import STEADY
from titan.model.commands import CancelOrder, QueryAccount, QueryFills, QueryOpenOrders, QueryOrder
from titan.model.events import (
    AccountSnapshot,
    CommandOutcome,
    Fill,
    FillsQueried,
    Income,
    OpenOrders,
    OrderAbsent,
    OrderUpdate,
)
from titan.model.orders import AT_ONCE, Lifetime, Order, OrderState

MANUAL = "manual"
"""The book of executions that no strategy asked for: an operator's by hand, or the venue's own."""

ELSEWHERE = "an order of ours stands in an instrument that is not configured; cancel it by hand"

EXECUTIONS_WITHIN = 6
"""Graces after which executions that were announced should have come: from then on they count as a difference."""

FILLS_OVERLAP_NS = 10_000_000_000
"""Own executions are re-read this far back: the venue's stamps and ours differ, and duplicates are harmless."""


def on_order_update(desk: Desk, update: OrderUpdate) -> None:
    """Book it; an order of ours that is not known here is adopted."""
    if desk.orders.apply_update(update, desk.config.timing.absence_proof_ns) is None:
        _adopt(desk, update)


def _adopt(desk: Desk, update: OrderUpdate) -> None:
    venue = desk.config.venue(update.venue)
    if not update.client_id.startswith(account_prefix(venue.account)):
        foreign = desk.venues[update.venue].foreign
        if update.venue_id not in foreign:
            foreign.add(update.venue_id)
            desk.note(
                "info", "foreign_order", f"order {update.venue_id} is not ours; it is left alone", update.key
            )
        return
    if update.state not in {OrderState.OPEN, OrderState.PARTIALLY_FILLED}:
        return
    if update.key not in desk.markets:
        desk.note("error", "order_elsewhere", ELSEWHERE, update.key, update.client_id)
        return
    order = Order(
        venue=update.venue,
        symbol=update.symbol,
        client_id=update.client_id,
        strategy=strategy_of(update.client_id, desk.config.strategy_names),
        side=update.side,
        price=update.price,
        size=update.size,
        lifetime=Lifetime.POST_ONLY,
        reduce_only=update.reduce_only,
        state=OrderState(update.state),
        created_ns=update.time_ns,
        changed_ns=update.time_ns,
        venue_id=update.venue_id,
        venue_ns=update.venue_ns,
        venue_filled=update.filled,
        filled=update.filled,  # what it did before we knew it is in the venue's position already
        adopted_ns=update.venue_ns,
    )
    desk.orders.add(order)
    desk.note(
        "warning",
        "order_adopted",
        "found at the venue by its client id and taken over",
        update.key,
        order.client_id,
    )
    if not order.strategy or desk.phase is not Phase.RUNNING:
        cancel(desk, order)


def cancel(desk: Desk, order: Order) -> None:
    """Cancel an order; nothing ever forbids it. One that the venue has ended only waits for its executions."""
    if order.ends_as is not None:
        return
    desk.orders.begin_cancel(order, desk.now_ns)
    order.asked_ns = order.cancel_asked_ns = desk.now_ns
    desk.emit(CancelOrder(venue=order.venue, symbol=order.symbol, client_id=order.client_id))


def query(desk: Desk, order: Order) -> None:
    """Ask the venue what became of an order."""
    order.queried_ns = desk.now_ns
    desk.emit(QueryOrder(venue=order.venue, symbol=order.symbol, client_id=order.client_id))


def ask_unanswered(desk: Desk) -> None:
    """Ask what became of every order whose state has been waited for too long, or whose executions have."""
    for order in desk.orders.live():
        venue = desk.venues[order.venue]
        if "terms" in venue.unread or venue.health.shut:
            continue  # nothing can be read there yet
        waited_ns = desk.now_ns - max(order.asked_ns, order.queried_ns)
        waited = waited_ns >= desk.config.timing.unknown_after_ns
        # What takes at once never stands: until its end is told it is in flight.
        in_flight = order.state not in STEADY or order.lifetime in AT_ONCE
        if waited and order.ends_as is not None:
            order.queried_ns = desk.now_ns
            ask_fills(desk, desk.markets[order.key])
        elif waited and in_flight:
            desk.orders.doubt(order, desk.now_ns)
            query(desk, order)


def on_fill(desk: Desk, fill: Fill) -> None:
    """Book an execution, once, in whatever state its order is."""
    market = desk.markets.get(fill.key)
    if market is None or market.instrument is None:
        message = "an execution in an instrument that is not configured, or not read yet; it is not booked"
        desk.note("warning", "fill_elsewhere", message, fill.key, fill.client_id)
        return
    if not desk.orders.apply_fill(fill):
        return
    market.fill_ns = desk.now_ns
    order = desk.orders.find(fill, fill.client_id, fill.venue_id)
    strategy = _owner(desk, fill, order)
    desk.gate.note_execution(strategy, desk.now_ns)
    in_session = desk.ledger.book_fill(strategy, fill, desk.now_ns)
    desk.orders.count_fill(fill, in_session)
    if market.differing_since_ns and desk.ledger.lots(market.key) == market.stated_lots:
        market.differing_since_ns = 0  # this execution, told late, was the difference
    if not in_session:
        text = f"{fill.side * fill.size} lots at {fill.price} ticks between the sessions: in the position, in no P&L"
        desk.note("warning", "fill_before_opening", text, fill.key, fill.client_id)
    desk.revalue()
    _tell_exit(desk, market, fill, order)
    if order is not None and order.filled > order.size:
        desk.differences += 1
        message = f"filled {order.filled} of {order.size} lots; compare with the venue's own trades"
        desk.note("error", "overfill", message, fill.key, order.client_id)


def _tell_exit(desk: Desk, market: Market, fill: Fill, order: Order | None) -> None:
    """The position of an exit has changed; once it is flat, only by an execution of ours."""
    found = desk.exits.get(market.key)
    ours = order is not None or fill.client_id.startswith(
        account_prefix(desk.config.venue(fill.venue).account)
    )
    if found is not None and (found.under_way or ours):
        found.note_fill(fill, market.terms, ours=order is not None and order.reduce_only)


def _owner(desk: Desk, fill: Fill, order: Order | None) -> str:
    if order is not None:
        return order.strategy or MANUAL
    ours = fill.client_id.startswith(account_prefix(desk.config.venue(fill.venue).account))
    return (strategy_of(fill.client_id, desk.config.strategy_names) if ours else "") or MANUAL


def on_outcome(desk: Desk, outcome: CommandOutcome) -> None:
    """Book how a command ended, and tell about every refusal."""
    desk.orders.apply_outcome(outcome)
    text = f"{outcome.action}: {outcome.message or 'no answer that proves anything'} (code {outcome.code or 'none'})"
    # With a code the venue has spoken, and a query settles the rest; without one there is only silence.
    level = "info" if outcome.outcome == "rejected" or outcome.code else "warning"
    desk.note(level, f"{outcome.action}_{outcome.outcome}", text, outcome.key, outcome.client_id)
    order = desk.orders.get(outcome.client_id)
    found = desk.exits.get(outcome.key)
    if found is not None and order is not None and order.reduce_only and outcome.outcome != "unknown":
        found.waiting = f"the last {text}"
    refused_change = outcome.outcome == "rejected" and outcome.action in {"amend", "cancel"}
    unclear = refused_change or outcome.outcome == "unknown"
    if order is not None and order.live and unclear and not desk.venues[order.venue].health.shut:
        query(desk, order)


def on_absent(desk: Desk, absent: OrderAbsent) -> None:
    """Weigh one "no such order"; it ends the order only as the second one, with own executions read in between."""
    order = desk.orders.apply_absence(absent, desk.config.timing.absence_proof_ns)
    if order is None or not order.live:
        return
    if order.absences and not order.fills_read:
        ask_fills(desk, desk.markets[order.key])  # each time: the last question may have failed
    elif order.absences >= 2:
        desk.orders.conclude_absent(order, desk.now_ns)
        desk.note(
            "warning",
            "order_absent",
            "the venue does not know it; it is closed here",
            order.key,
            order.client_id,
        )


def on_open_orders(desk: Desk, answer: OpenOrders) -> None:
    """Compare with the venue's list: doubt what is missing there, adopt what is missing here."""
    venue = desk.config.venue(answer.venue)
    desk.venues[venue.name].unread.discard("orders")
    local = [order for order in desk.orders.live() if order.venue == answer.venue]
    asked = desk.venues[venue.name].asked_ns.get("orders", 0)
    found = compare_open_orders(
        local,
        answer.orders,
        prefix=account_prefix(venue.account),
        settled_before_ns=asked if desk.phase is not Phase.RUNNING else asked - desk.config.timing.grace_ns,
    )
    for order in found.ghosts:
        if order.ends_as is None:
            desk.orders.doubt(order, desk.now_ns)
            query(desk, order)
    for update in answer.orders:
        if not _cancelled_since(desk, update, asked):
            on_order_update(desk, update)


def _cancelled_since(desk: Desk, update: OrderUpdate, asked_ns: int) -> bool:
    """Whether we asked for the order's end after we asked for the list that still shows it."""
    order = desk.orders.find(update, update.client_id, update.venue_id)
    return order is not None and order.state is OrderState.PENDING_CANCEL and order.cancel_asked_ns > asked_ns


def ask_orders(desk: Desk, venue: str) -> None:
    """Ask for all open orders."""
    desk.venues[venue].asked_ns["orders"] = desk.now_ns
    desk.emit(QueryOpenOrders(venue=venue))


def ask_fills(desk: Desk, market: Market) -> None:
    """Ask for own executions and funding since they were last known to be complete."""
    venue, symbol = market.key
    desk.venues[venue].asked_ns[f"fills {symbol}"] = desk.now_ns
    desk.emit(QueryFills(venue=venue, symbol=symbol, since_ns=market.fills_from_ns))


def ask_account(desk: Desk, venue: str, purpose: str) -> None:
    """Ask for balances and positions."""
    desk.venues[venue].asked_ns["account"] = desk.now_ns
    desk.emit(QueryAccount(venue=venue, purpose=purpose))


def on_fills_queried(desk: Desk, answer: FillsQueried) -> None:
    """Book what the stream did not bring."""
    market = next(m for m in desk.markets_of(answer.venue) if m.key.symbol == answer.symbol)
    unproven = any(not order.venue_id for order in desk.orders.live(market.key))
    nameless = [fill for fill in answer.fills if unproven and _nameless(desk, fill)]
    for fill in answer.fills:
        if fill not in nameless:
            on_fill(desk, fill)
    for order in desk.orders.live(market.key):
        order.fills_read = True
    if nameless:
        return  # they may belong to the order whose venue id is not known yet: they are read again
    asked = desk.venues[answer.venue].asked_ns.get(f"fills {answer.symbol}", 0)
    market.fills_from_ns = max(market.fills_from_ns, asked - FILLS_OVERLAP_NS)
    market.fills_read_ns = asked
    desk.venues[answer.venue].unread.discard(f"fills {answer.symbol}")


def _nameless(desk: Desk, fill: Fill) -> bool:
    return not fill.client_id and desk.orders.find(fill, "", fill.venue_id) is None


def on_income(desk: Desk, income: Income) -> None:
    """Book a wallet movement that is no execution, once."""
    if not desk.ledger.book_income(income):
        return
    market = desk.markets.get(income.key)
    if market is not None and income.kind == "funding":
        text = f"funding {income.amount} {income.asset}"
        desk.note("info", "funding", text, income.key)


def check_positions(desk: Desk, snapshot: AccountSnapshot) -> None:
    """Compare positions; a difference that outlasts the grace stops its symbol and says why."""
    asked = desk.venues[snapshot.venue].asked_ns.get("account", 0)
    local = {market.key.symbol: desk.ledger.lots(market.key) for market in desk.markets_of(snapshot.venue)}
    differing = {d.symbol: d for d in compare_positions(local, snapshot)}
    final = snapshot.purpose == "end"
    for market in desk.markets_of(snapshot.venue):
        difference = differing.get(market.key.symbol)
        if difference is None:
            market.differing_since_ns = 0
        elif market.fill_ns >= asked and not final:
            continue  # an execution crossed the query: it proves nothing
        elif awaits_executions(desk, market) and not final:
            continue  # the venue has told that an order filled, not yet how: this is the difference
        elif not market.differing_since_ns and not final:
            market.differing_since_ns = desk.now_ns
            market.stated_lots = difference.venue
            ask_fills(desk, market)
        elif market.stopped:
            continue
        elif _executions_unread(desk, market) and not final:
            continue  # own executions have not been read since it was seen: they may explain it
        elif final or desk.now_ns - market.differing_since_ns >= desk.config.timing.grace_ns:
            desk.differences += 1
            market.stopped = (
                f"the venue states a position of {difference.venue} lots, the ledger {difference.local}; "
                "compare the venue's trades with the journal, then restart"
            )
            desk.note("error", "position_difference", market.stopped, market.key)


def awaits_executions(desk: Desk, market: Market) -> bool:
    """Whether an order's fill was told without its executions, and not so long ago that they should have come."""
    patience_ns = EXECUTIONS_WITHIN * desk.config.timing.grace_ns
    return any(
        order.venue_filled > order.filled and desk.now_ns - order.changed_ns < patience_ns
        for order in desk.orders.live(market.key)
    )


def _executions_unread(desk: Desk, market: Market) -> bool:
    """Whether no query of own executions has succeeded since a difference was seen, and not for too long yet."""
    waited_ns = desk.now_ns - market.differing_since_ns
    patient = waited_ns < EXECUTIONS_WITHIN * desk.config.timing.grace_ns
    return patient and market.fills_read_ns < market.differing_since_ns


def check_wallets(desk: Desk, snapshot: AccountSnapshot) -> None:
    """At the end: do the venue's wallets show exactly the bookings that the ledger knows of?"""
    opening = desk.venues[snapshot.venue].opening
    if opening is None:
        return
    expected = {b.asset: b.wallet for b in opening.balances}
    for asset, change in desk.ledger.wallet_changes(snapshot.venue).items():
        expected[asset] = expected.get(asset, Decimal(0)) + change
    for difference in compare_wallets(expected, snapshot.balances):
        desk.differences += 1
        text = (
            f"wallet {difference.asset} at {snapshot.venue}: the venue states {difference.venue}, the bookings give "
            f"{difference.local}; read the venue's income records of this session"
        )
        desk.note("error", "wallet_difference", text)
