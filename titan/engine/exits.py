"""Getting out: a small state machine an instrument, from the venue's own word on the position to its proof of 0.

One order at a time: post-only at the touch, then immediate-or-cancel within a collar, then at the market; between two
orders the venue is asked for the position anew. It works in STOP, in a pause, at every limit and while the session
ends. What keeps it from going on is said, and it goes on by itself as soon as that is gone.
"""

from __future__ import annotations

from titan.engine import exit_orders
from titan.engine.account import ask_account, awaits_executions, cancel, query
from titan.engine.desk import Desk, Market, Phase
from titan.engine.exit_state import Cause, Exit, Stage
from titan.engine.router import STEADY
from titan.model.commands import QueryAccount, QueryInstruments
from titan.model.events import AccountSnapshot, QueryFailed
from titan.model.instruments import InstrumentKey
from titan.model.orders import AT_ONCE, Order, OrderState

TIMER = "exit"
PURPOSE = "exit"
"""Of the account queries asked here: it is followed by their number, so that no answer is taken for another's."""

TERMS_AGAIN_NS = 5_000_000_000
"""How often a venue is asked whether it trades again."""


def begin(desk: Desk, market: Market, because: str, cause: Cause, strategy: str = "") -> None:
    """Begin to get out, unless that is under way; an exit of the whole position takes over one of old inventory."""
    found = desk.exits.get(market.key)
    if found is not None and found.under_way and (strategy or not found.passive):
        if cause is Cause.OPERATOR:
            found.cause = cause  # what somebody asks for outlives the session that was to end with it
        return
    arrival = market.mid if market.mid_half_ticks else None
    desk.exits[market.key] = Exit(because, cause, desk.now_ns, strategy, arrival=arrival)
    whose = f"old inventory of {strategy}" if strategy else "the whole position"
    desk.note("warning", "exit_begun", f"{whose} is closed: {because}", market.key)
    desk.timer(TIMER, desk.config.exits.interval_ns)


def begin_all(desk: Desk, because: str, cause: Cause) -> None:
    """Begin to get out of everything."""
    for market in desk.markets.values():
        begin(desk, market, because, cause)


def begin_aged(desk: Desk) -> None:
    """Begin to work out what a strategy has held for longer than it may, as far as that cannot turn the position.

    Quotes of other strategies on that side may close it first, and leave so much less.
    Not a leg of a strategy over several instruments: it may be another one's hedge, and only an operator lets it go.
    """
    if not desk.config.exits.max_inventory_age_s or desk.phase is not Phase.RUNNING:
        return
    for host in desk.hosts:
        market = desk.markets[host.key]
        lots = _old_lots(desk, market, host.config.name)
        if _ends_for_now(desk, market) or host.key in desk.exits or not lots:
            continue
        side, held = -1 if lots > 0 else 1, desk.ledger.lots(host.key)
        if exit_orders.room(desk, market, side, held, host.config.name):
            age_s = desk.config.exits.max_inventory_age_s
            because = f"{abs(lots)} lots of {host.config.name} are older than max_inventory_age_s = {age_s:g}"
            begin(desk, market, because, Cause.AGE, host.config.name)


def _old_lots(desk: Desk, market: Market, strategy: str) -> int:
    before_ns = desk.now_ns - round(desk.config.exits.max_inventory_age_s * 1e9)
    return desk.ledger.lots_older(market.key, strategy, before_ns)


def _ends_for_now(desk: Desk, market: Market) -> bool:
    """Whether old inventory is left alone: nobody who has paused a desk expects it to trade."""
    return bool(desk.halted or desk.paused or market.closed or desk.phase is not Phase.RUNNING)


def under_way(desk: Desk) -> bool:
    """Whether the session's end has to wait: for an exit of an account that was read."""
    return any(
        found.under_way and desk.venues[key.venue].opening is not None for key, found in desk.exits.items()
    )


def give_up(desk: Desk, keys: list[InstrumentKey] | None = None) -> list[str]:
    """Let exits be, all of them unless some are named; their orders are cancelled. Returns what each had left to do."""
    left = []
    for key, found in list(desk.exits.items()):
        if not found.under_way or (keys is not None and key not in keys):
            continue
        left.append(f"{key}: {progress(desk, key)}")
        desk.note("error", "exit_given_up", f"not proven flat: {progress(desk, key)}", key)
        found.resting = True
        for order in desk.orders.live(key):
            if order.reduce_only and order.state is not OrderState.PENDING_CANCEL:
                cancel(desk, order)
    return left


def progress(desk: Desk, key: InstrumentKey) -> str:
    """How far an exit is, for people."""
    found, market = desk.exits[key], desk.markets[key]
    if found.stage is Stage.FLAT:
        ledger = desk.ledger.lots(key)
        doubt = f" (the ledger states {ledger})" if ledger else ""
        return f"position 0 lots{doubt}, {found.price_paid(market.terms.settle)}"
    held = desk.ledger.lots(key) if found.lots is None else found.lots
    return f"position {held} lots, {found.waiting or f'in stage {found.stage}'}"


# ---- Going on --------------------------------------------------------------------------------------------


def on_account(desk: Desk, answer: AccountSnapshot) -> None:
    """Take the position that was asked for here; an answer to another question proves nothing."""
    stated = {position.symbol: position.lots for position in answer.positions}
    for key, found in desk.exits.items():
        if key.venue == answer.venue and found.question and answer.purpose == f"{PURPOSE} {found.question}":
            found.lots = stated.get(key.symbol, 0)


def on_query_failed(desk: Desk, failure: QueryFailed) -> None:
    """The account could not be read: ask again soon."""
    for key, found in desk.exits.items():
        if failure.query == "query_account" and key.venue == failure.venue and found.lots is None:
            found.ask_again_ns = min(found.ask_again_ns, desk.now_ns + desk.config.exits.interval_ns)


def on_timer(desk: Desk) -> None:
    """Look again, as long as there is something to look at."""
    if any(found.under_way for found in desk.exits.values()):
        desk.timer(TIMER, desk.config.exits.interval_ns)


def advance(desk: Desk) -> None:
    """Take the next step of every exit."""
    for key, found in list(desk.exits.items()):
        market = desk.markets[key]
        if found.stage is Stage.FLAT and found.question == 0 and not found.resting:
            _reopen(desk, market, found)
        if found.under_way:
            _advance(desk, market, found)
            if found.waiting and found.waiting != found.told:
                found.told = found.waiting
                desk.note("info", "exit_waits", found.waiting, key)


def _reopen(desk: Desk, market: Market, found: Exit) -> None:
    """An order of ours filled after the proof, one that nobody knew of above all: the position is not 0 any more."""
    found.stage, found.tries = Stage.CHASE, 0
    desk.note("warning", "exit_begun", "an execution of ours came after the proof of 0", market.key)
    desk.timer(TIMER, desk.config.exits.interval_ns)


def _advance(desk: Desk, market: Market, found: Exit) -> None:
    if found.passive and _ends_for_now(desk, market):
        _drop(desk, market, "the desk is stopped, paused or ending")
        return
    obstacle = _obstacle(desk, market)
    if obstacle:
        found.waiting = obstacle
        return
    if found.arrival is None and market.mid_half_ticks:
        found.arrival = market.mid
    ours = [
        order
        for order in desk.orders.live(market.key)
        if order.ends_as is None and found.strategy in {"", order.strategy}
    ]
    mine = [order for order in ours if order.reduce_only]
    others = [order for order in ours if not order.reduce_only] + mine[1:]
    if others:
        found.forget_position()
        for order in others:
            _withdraw(desk, order)
        found.waiting = "orders of ours are not proven ended yet"
    elif mine:
        _follow(desk, market, found, mine[0])
    elif found.lots is None:
        _ask(desk, market, found)
    elif found.passive:
        _work_out(desk, market, found)
    else:
        _get_out(desk, market, found, found.lots)


def _obstacle(desk: Desk, market: Market) -> str:
    """What keeps any exit from doing anything; empty if nothing does."""
    if desk.storage_failed:
        return f"storage failed ({desk.storage_failed}): nothing can be sent, close the position at the venue"
    venue = desk.venues[market.key.venue]
    if desk.phase is Phase.STARTING or venue.opening is None:
        return "the account has not been read yet"
    if venue.health.shut:
        return f"{venue.name} refuses all requests: {venue.health.shut_because}"
    if market.terms.trading:
        return ""
    _ask_terms(desk, market)
    return f"the venue does not trade it now: its status is {market.terms.status}"


def _ask_terms(desk: Desk, market: Market) -> None:
    asked_ns = desk.venues[market.key.venue].asked_ns
    if desk.now_ns - asked_ns.get("exit terms", 0) >= TERMS_AGAIN_NS:
        asked_ns["exit terms"] = desk.now_ns
        desk.emit(QueryInstruments(venue=market.key.venue))


def _withdraw(desk: Desk, order: Order) -> None:
    """Cancel an order that is in the way; where the answer proves nothing, ask and cancel again, at a bounded pace."""
    if order.state is OrderState.UNKNOWN:
        if desk.now_ns - max(order.cancel_asked_ns, order.queried_ns) >= desk.config.timing.unknown_after_ns:
            query(desk, order)
            cancel(desk, order)
    elif order.state is not OrderState.PENDING_CANCEL:
        cancel(desk, order)


def _follow(desk: Desk, market: Market, found: Exit, order: Order) -> None:
    """Move a standing order with the touch, or take it out when it is time to try harder."""
    found.forget_position()
    if order.lifetime in AT_ONCE or order.state not in STEADY or desk.now_ns < found.next_ns:
        return
    found.next_ns = desk.now_ns + desk.config.exits.interval_ns
    found.tries += 1
    if not found.passive:
        _escalate(desk, market, found, order.side)
        if found.stage is not Stage.CHASE and exit_orders.reachable(desk, market, order.side, found.stage):
            cancel(desk, order)
            return
    found.waiting = exit_orders.why_passive(desk, market, order.side, found.stage)
    exit_orders.follow(desk, market, order)


def _escalate(desk: Desk, market: Market, found: Exit, side: int) -> None:
    """Try harder after enough tries. In a market with nobody across there is nothing to try harder at."""
    _, across = exit_orders.touch(market, side)
    if market.book.ready and not across:
        found.stage, found.tries = Stage.CHASE if found.stage is Stage.CHASE else Stage.TAKE, 0
    elif found.stage is Stage.CHASE and found.tries >= desk.config.exits.chase_attempts:
        found.stage, found.tries = Stage.TAKE, 0
    elif found.stage is Stage.TAKE and found.tries >= exit_orders.TAKES:
        found.stage = Stage.MARKET


def _ask(desk: Desk, market: Market, found: Exit) -> None:
    """Ask for the position, once for all exits at the venue that ask in the same step."""
    if found.question and desk.now_ns < found.ask_again_ns:
        return
    venue = market.key.venue
    asked_now = [c for c in desk.out if isinstance(c, QueryAccount) and c.venue == venue]
    if not any(command.purpose == f"{PURPOSE} {desk.questions}" for command in asked_now):
        desk.questions += 1
        ask_account(desk, venue, f"{PURPOSE} {desk.questions}")
    found.question = desk.questions
    found.ask_again_ns = desk.now_ns + desk.config.timing.unknown_after_ns


def _get_out(desk: Desk, market: Market, found: Exit, lots: int) -> None:
    """Nothing of ours is in the book, the venue has just stated the position: send the next order, or be done."""
    if lots == 0:
        if awaits_executions(desk, market):
            found.waiting = "executions of an order that has ended are still to be read"
            return
        found.stage = Stage.FLAT
        desk.note("warning", "exit_flat", progress(desk, market.key), market.key)
    elif desk.now_ns >= found.next_ns:
        side = -1 if lots > 0 else 1
        _escalate(desk, market, found, side)
        if found.idle > 1:
            _ask_terms(desk, market)
        strategy, most = exit_orders.owner(exit_orders.books(desk, market), side, abs(lots))
        exit_orders.send(desk, market, found, -side * most, strategy)


def _work_out(desk: Desk, market: Market, found: Exit) -> None:
    """The same for a strategy's old inventory: at the touch only, and never more than reduces the whole position."""
    old = _old_lots(desk, market, found.strategy)
    side = -1 if old > 0 else 1
    most = min(exit_orders.room(desk, market, side, found.lots or 0, found.strategy), abs(old))
    if not old:
        _drop(desk, market, f"no inventory of {found.strategy} is too old any more")
    elif not most:
        _drop(desk, market, f"the whole position leaves no room for {abs(old)} old lots of {found.strategy}")
    elif desk.now_ns >= found.next_ns:
        exit_orders.send(desk, market, found, -side * most, found.strategy)


def _drop(desk: Desk, market: Market, why: str) -> None:
    """An exit of old inventory ends."""
    found = desk.exits.pop(market.key)
    for order in desk.orders.live(market.key):
        if order.reduce_only and order.strategy == found.strategy:
            _withdraw(desk, order)
    desk.note("info", "exit_ended", f"{why}; {found.price_paid(market.terms.settle)}", market.key)
