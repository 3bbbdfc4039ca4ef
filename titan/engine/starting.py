"""The start: nothing is traded at a venue until its terms, orders, executions, book and account have been read."""

from __future__ import annotations

import msgspec

from titan.engine import comparing, exits, protection
from titan.engine.account import ELSEWHERE, ask_account, ask_fills, ask_orders, cancel
from titan.engine.desk import Desk, Market, Phase, VenueDesk
from titan.engine.stopping import REFUSED, request_stop
from titan.model.commands import QueryInstruments, RequestBook
from titan.model.events import AccountSnapshot, FeeRates, InstrumentUpdate, SessionStarted, StreamState
from titan.model.instruments import Instrument
from titan.model.orders import OrderState

BOOK_RETRY_NS = 1_000_000_000
CLOCK_ERROR_NS = 500_000_000
"""The venue's clock is known to half of a round trip."""


def on_start(desk: Desk, event: SessionStarted) -> None:
    """Ask every venue for its terms; all other questions follow from the answers."""
    for order in desk.orders.live():
        if order.key not in desk.markets:
            desk.orders.drop(order)
            desk.note("error", "order_elsewhere", ELSEWHERE, order.key, order.client_id)
        else:
            desk.orders.doubt(order, event.time_ns)
    for name, venue in desk.venues.items():
        venue.unread = {"terms", "orders", "account"}
        venue.unread |= {f"fills {market.key.symbol}" for market in desk.markets_of(name)}
        if desk.config.venue(name).expected is not None:
            venue.unread.add("setup")
        for market in desk.markets_of(name):
            if not market.fills_from_ns:
                market.fills_from_ns = event.time_ns
    ask_terms(desk)
    if desk.exits:
        desk.timer(exits.TIMER, desk.config.exits.interval_ns)
    desk.timer("terms", desk.config.timing.terms_ns)
    desk.timer("check", desk.config.timing.check_ns)
    desk.timer("reconcile", desk.config.timing.reconcile_ns)
    if desk.config.resilience.dead_man_ns:
        protection.on_alive_timer(desk)


def ask_terms(desk: Desk) -> None:
    """Read, or read again, the terms and rates of every venue that listens."""
    for name, venue in desk.venues.items():
        if not venue.health.shut:
            desk.emit(QueryInstruments(venue=name))


def _versioned(old: Instrument | None, stated: Instrument) -> Instrument:
    """The terms stated, with a version that rises by one when they differ from the last ones."""
    if old is None or msgspec.structs.replace(stated, version=old.version) == old:
        return old or stated
    return msgspec.structs.replace(stated, version=old.version + 1)


def on_instrument(desk: Desk, event: InstrumentUpdate) -> None:
    """Take up new terms. A changed grid pulls every quote and re-keys what is held before anything is quoted again."""
    market = desk.markets.get(event.instrument.key)
    if market is None:
        return
    old, new = market.instrument, _versioned(market.instrument, event.instrument)
    market.instrument = new
    if old is None or old.same_grid(new):
        desk.ledger.learn(new)
    if old is None or (old.same_grid(new) and old.status == new.status):
        return
    if old.status != new.status:
        desk.note("warning", "instrument_status", f"status is now {new.status}", market.key)
    if old.same_grid(new):
        return
    desk.note(
        "warning",
        "instrument_terms",
        "tick or lot changed: quotes are pulled and all is re-keyed",
        market.key,
    )
    tick_ratio = old.tick_size / new.tick_size
    lot_ratio = old.lot_size * old.multiplier / (new.lot_size * new.multiplier)
    desk.orders.rekey(market.key, tick_ratio, lot_ratio)
    market.mid_half_ticks = round(market.mid_half_ticks * tick_ratio)
    left_over = desk.ledger.rekey(market.key, old, new)
    if left_over:
        market.stopped = (
            f"the position is no whole number of the new lots: {left_over}; close it by hand, then restart"
        )
        desk.differences += 1
    market.book.reset("the instrument's terms changed")
    if market.signals is not None:
        market.signals.restart()  # they are counted in lots
    for order in desk.orders.live(market.key):
        if order.state is not OrderState.PENDING_CANCEL:
            cancel(desk, order)


def on_fee_rates(desk: Desk, event: FeeRates) -> None:
    """Note the account's rates; they complete an instrument's terms."""
    market = desk.markets.get(event.key)
    if market is None:
        return
    market.fees = event
    venue = desk.venues[event.venue]
    markets = desk.markets_of(event.venue)
    if "terms" not in venue.unread or not all(m.instrument and m.fees for m in markets):
        return
    protection.on_answer(desk, venue)  # where a ban kept them unread, they are what it was probed with
    venue.unread.discard("terms")
    ask_orders(desk, venue.name)
    for each in markets:
        ask_fills(desk, each)
    comparing.ask(desk, venue)
    protection.keep_alive(desk, venue)


def on_stream(desk: Desk, event: StreamState) -> None:
    """A stream dropped or came back: what was missed in between is read again before quoting resumes."""
    venue = desk.venues[event.venue]
    came_back = event.up and not venue.streams[event.stream]
    venue.streams[event.stream] = event.up
    level = "info" if event.up else "warning"
    desk.note(
        level, f"{event.stream}_stream_{'up' if event.up else 'down'}", f"{event.venue}: {event.reason}"
    )
    if event.stream == "market":
        for market in desk.markets_of(event.venue):
            market.book.reset(f"market stream {'restarted' if event.up else 'down'}")
    elif came_back and "terms" not in venue.unread:
        venue.unread |= {"orders", *(f"fills {m.key.symbol}" for m in desk.markets_of(event.venue))}
        ask_orders(desk, venue.name)
        for market in desk.markets_of(event.venue):
            ask_fills(desk, market)


def ask_book(desk: Desk, market: Market) -> None:
    """Fetch a depth snapshot where the book wants one, not more often than once a second."""
    waited = desk.now_ns - market.book_asked_ns >= BOOK_RETRY_NS or not market.book_asked_ns
    if (
        market.instrument
        and market.book.wants_snapshot
        and desk.venues[market.key.venue].streams["market"]
        and waited
    ):
        market.book_asked_ns = desk.now_ns
        desk.emit(RequestBook(venue=market.key.venue, symbol=market.key.symbol))


def advance(desk: Desk) -> None:
    """Ask for the account as the last thing: its equity is measured at known mids, and no order may fill meanwhile."""
    for venue in desk.venues.values():
        for market in desk.markets_of(venue.name):
            _mark_for_mid(desk, market)
        books_ready = all(m.book.state == "ready" and m.mid_half_ticks for m in desk.markets_of(venue.name))
        live = any(order.venue == venue.name for order in desk.orders.live())
        if venue.unread == {"account"} and books_ready and not live and "account" not in venue.asked_ns:
            ask_account(desk, venue.name, "start")


def _mark_for_mid(desk: Desk, market: Market) -> None:
    """Open at the mark where an exit waits in a market with one side: the other side may be long in coming."""
    waits = market.key in desk.exits and market.book.ready and not market.mid_half_ticks
    if waits and market.mark is not None and market.instrument is not None:
        market.mid_half_ticks = round(2 * market.mark.mark / market.instrument.tick_size)


def ask_again(desk: Desk) -> None:
    """Repeat the questions of the start that have had no answer."""
    for venue in desk.venues.values():
        if venue.health.shut:
            continue
        if "terms" in venue.unread:
            desk.emit(QueryInstruments(venue=venue.name))
            continue
        comparing.ask(desk, venue)
        if "orders" in venue.unread:
            ask_orders(desk, venue.name)
        for market in desk.markets_of(venue.name):
            if f"fills {market.key.symbol}" in venue.unread:
                ask_fills(desk, market)
        if venue.unread == {"account"}:
            venue.asked_ns.pop("account", None)


def _may_agree_yet(desk: Desk, venue: VenueDesk, stated: dict[str, int]) -> bool:
    """An execution may be on its way from the venue's records: only a difference that outlasts the grace counts.

    One that was explained meanwhile says nothing of the next: another position that is stated begins the grace anew.
    """
    young = False
    for market in desk.markets_of(venue.name):
        there = stated.get(market.key.symbol, 0)
        if desk.ledger.lots(market.key) == there:
            market.differing_since_ns = 0
        else:
            if not market.differing_since_ns or market.stated_lots != there:
                market.differing_since_ns, market.stated_lots = desk.now_ns, there
            young |= desk.now_ns - market.differing_since_ns < desk.config.timing.grace_ns
            young |= market.fills_read_ns < market.differing_since_ns
            ask_fills(desk, market)
    return young


def on_opening(desk: Desk, venue: VenueDesk, snapshot: AccountSnapshot) -> None:
    """The account as the session finds it: from here on P&L is counted."""
    if venue.unread != {"account"}:
        venue.asked_ns.pop("account", None)  # a stream came back meanwhile: what it missed is read first
        return
    stated = {position.symbol: position.lots for position in snapshot.positions}
    if desk.ledger.inherited(venue.name) and _may_agree_yet(desk, venue, stated):
        return
    if any(m.fill_ns > venue.asked_ns["account"] for m in desk.markets_of(venue.name)):
        ask_account(
            desk, venue.name, "start"
        )  # a trade by hand meanwhile: in the wallet, in the position, or in both?
        return
    # What the venue stamps is compared on its own clock: ours may be off.
    took_ns = desk.now_ns - venue.asked_ns["account"]
    asked_ns = snapshot.venue_ns or venue.asked_ns["account"]
    stamps = [m.mark.next_funding_ns for m in desk.markets_of(venue.name) if m.mark]
    if any(asked_ns <= stamp <= asked_ns + took_ns for stamp in stamps):
        ask_account(desk, venue.name, "start")  # funding settled meanwhile: is it in this wallet or not?
        return
    if any(abs(stamp - asked_ns) <= CLOCK_ERROR_NS for stamp in stamps):
        return  # so close to it the measured clock decides nothing: it is asked again a little later
    venue.unread.discard("account")
    venue.opening = snapshot
    for market in desk.markets_of(venue.name):
        held, there = desk.ledger.lots(market.key), stated.get(market.key.symbol, 0)
        if held != there and desk.ledger.inherited(venue.name):
            desk.differences += 1
            market.stopped = (
                f"the venue states a position of {there} lots, the predecessor's ledger {held} after all executions; "
                "compare the venue's trades with the journals, then start without the predecessor"
            )
            desk.note("error", "position_difference", market.stopped, market.key)
        elif held != there:
            owners = [seat.config.name for seat in desk.seats if seat.key == market.key]
            desk.ledger.adopt(market.key, owners[0] if len(owners) == 1 else "manual", there)
            desk.note("info", "position_adopted", f"the account already held {there} lots", market.key)
    for stranger in sorted(set(stated) - {m.key.symbol for m in desk.markets_of(venue.name)}):
        desk.note(
            "warning",
            "position_elsewhere",
            f"{stranger}: a position in a symbol not configured; it is left alone",
        )
    desk.ledger.open_session(
        venue.name, {m.key: m.mid for m in desk.markets_of(venue.name)}, desk.now_ns, asked_ns
    )
    if desk.phase is Phase.STARTING and not any(v.unread for v in desk.venues.values()):
        unpriced = sorted(
            {m.terms.quote for m in desk.markets.values() if desk.conversion(m.terms.quote) is None}
        )
        if unpriced:
            text = (
                f"no price converts {', '.join(unpriced)} to reporting_currency {desk.config.reporting_currency}, so "
                "no limit can be judged; add a symbol that gives one, or report in the currency that is traded"
            )
            request_stop(desk, text, REFUSED)
            return
        desk.phase = Phase.RUNNING
        desk.note("info", "ready", "all venues are read and agree; quoting begins")
