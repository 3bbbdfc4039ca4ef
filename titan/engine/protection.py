"""Protection from a venue that fails: bans, the breaker, the clocks, the dead-man switch, a stream that keeps silent.

Each gives a reason not to quote there; none holds a cancel back.
"""

from __future__ import annotations

from titan.engine.account import ask_fills, ask_orders
from titan.engine.desk import Desk, Phase, VenueDesk
from titan.model.commands import KeepAlive, QueryInstruments, RebuildStream
from titan.model.events import (
    ClockSync,
    CommandOutcome,
    Fill,
    FillsQueried,
    KeptAlive,
    OrderUpdate,
    QueryFailed,
    StreamState,
    VenueShut,
)
from titan.model.instruments import InstrumentKey
from titan.model.orders import TERMINAL, Order, OrderState

AFTER_BAN_NS = 100_000_000
"""How long after a ban the first request goes out: the venue's clock is known to half a round trip only."""
PROBE_NS = 5_000_000_000
"""How long the one query after a ban is waited for; each further one twice as long."""

FAILED_PROBE_NS = 1_000_000_000
LONGEST_PROBE_NS = 60_000_000_000

RENEWALS = 3
"""The dead-man switch is renewed so many times within its countdown."""

ALIVE_FAILURES = 2
"""Renewals that fail in a row before the quotes are pulled."""


def obstacle(desk: Desk, key: InstrumentKey) -> str:
    """Why a venue's health forbids quoting an instrument now; empty if it does not."""
    venue, settings = desk.venues[key.venue], desk.config.resilience
    health = venue.health
    if health.shut:
        return f"{venue.name} refuses all requests: {health.shut_because}"
    if desk.now_ns < health.resting_until_ns:
        return f"{venue.name} fails too often: quoting rests"
    if health.drift:
        return f"{venue.name}: {health.drift}"
    if settings.dead_man_ns:
        if health.alive_failures.get(key.symbol, 0) >= ALIVE_FAILURES:
            return "the venue does not confirm the dead-man switch"
        if desk.now_ns >= health.alive_until_ns.get(key.symbol, 0):
            return "the dead-man switch is not armed"
    return ""


# ---- Bans --------------------------------------------------------------------------------------------------


def on_shut(desk: Desk, event: VenueShut) -> None:
    """The venue refuses everything for a while: nothing is asked and nothing quoted until it listens again."""
    health = desk.venues[event.venue].health
    if not health.shut:
        wait_s = (event.until_ns - desk.now_ns) / 1e9
        desk.note("error", "venue_shut", f"{event.venue}: {event.reason}; nothing is sent for {wait_s:.1f} s")
    health.shut_until_ns = max(health.shut_until_ns, event.until_ns)
    health.shut_because = event.reason
    health.probed_ns = 0
    health.failures_ns.clear()  # what it refused says nothing of how it works
    desk.timer(f"probe {event.venue}", health.shut_until_ns - desk.now_ns + AFTER_BAN_NS)


def probe(desk: Desk, name: str) -> None:
    """A ban is over: ask one thing, and nothing else until it is answered."""
    health = desk.venues[name].health
    if not health.shut:
        return
    health.probed_ns = desk.now_ns
    health.probes += 1
    if "terms" in desk.venues[name].unread:
        desk.emit(QueryInstruments(venue=name))  # without them no list of orders can be read
    else:
        ask_orders(desk, name)
    desk.timer(f"probe {name}", min(PROBE_NS << min(health.probes - 1, 10), LONGEST_PROBE_NS))


def on_answer(desk: Desk, venue: VenueDesk) -> None:
    """The venue has answered the probe: what was missed meanwhile is read before quoting resumes."""
    health = venue.health
    if not health.shut or not health.probed_ns:
        return
    health.shut_until_ns = health.probed_ns = health.probes = 0
    health.shut_because = ""
    desk.note("info", "venue_open", f"{venue.name} answers again")
    if "terms" in venue.unread:
        return
    for market in desk.markets_of(venue.name):
        venue.unread.add(f"fills {market.key.symbol}")
        ask_fills(desk, market)
    keep_alive(desk, venue)


# ---- The breaker -------------------------------------------------------------------------------------------


def note_outcome(desk: Desk, outcome: CommandOutcome) -> None:
    """Count an outcome that proves nothing.

    Where the venue has spoken of an amend or a cancel, the order is elsewhere, filled above all: that is no failure.
    """
    spoken = bool(outcome.code) and outcome.action in {"amend", "cancel"}
    if outcome.outcome != "rejected" and not spoken:
        note_failure(desk, outcome.venue)


def note_failure(desk: Desk, name: str) -> None:
    """Count a failure; too many of them, and quoting rests, each time for longer.

    A ban and a stream that is down are reasons of their own, and end by themselves.
    """
    settings, health = desk.config.resilience, desk.venues[name].health
    if not settings.breaker_failures or health.shut or not desk.venues[name].connected:
        return
    since_ns = desk.now_ns - settings.breaker_window_ns
    health.failures_ns = [at_ns for at_ns in health.failures_ns if at_ns > since_ns] + [desk.now_ns]
    if len(health.failures_ns) < settings.breaker_failures or desk.now_ns < health.resting_until_ns:
        return
    if desk.now_ns - health.resting_until_ns > settings.breaker_longest_ns:
        health.rests = 0
    rest_ns = min(settings.breaker_first_ns << min(health.rests, 20), settings.breaker_longest_ns)
    health.rests += 1
    health.resting_until_ns = desk.now_ns + rest_ns
    text = f"{name}: {len(health.failures_ns)} failures within {settings.breaker_window_ns / 1e9:g} s"
    desk.note("warning", "breaker", f"{text}; quoting rests for {rest_ns / 1e9:g} s, cancels go on")
    health.failures_ns.clear()


# ---- The clocks --------------------------------------------------------------------------------------------


def on_clock(desk: Desk, event: ClockSync) -> None:
    """Compare the venue's clock with the last measurement: a jump makes every stamp and signature doubtful."""
    settings, health = desk.config.resilience, desk.venues[event.venue].health
    moved_ns = 0 if health.offset_ns is None else abs(event.offset_ns - health.offset_ns)
    health.offset_ns = event.offset_ns
    was, health.drift = health.drift, ""
    if settings.most_drift_ns and moved_ns > settings.most_drift_ns:
        moved, most = moved_ns / 1e6, settings.most_drift_ns / 1e6
        health.drift = f"its clock moved by {moved:.0f} ms against ours, beyond {most:.0f} ms"
    elif settings.most_round_trip_ns and event.round_trip_ns > settings.most_round_trip_ns:
        took, most = event.round_trip_ns / 1e6, settings.most_round_trip_ns / 1e6
        health.drift = f"a round trip takes {took:.0f} ms, beyond {most:.0f} ms"
    if health.drift:
        text = f"{event.venue}: {health.drift}; quoting rests until a measurement is within the bounds"
        desk.note("warning", "clock", text)
    elif was:
        desk.note("info", "clock", f"{event.venue}: the clocks agree again")


# ---- The dead-man switch -----------------------------------------------------------------------------------


def on_alive_timer(desk: Desk) -> None:
    """Renew every venue's dead-man switch."""
    exiting = desk.ending is not None and desk.ending.exiting
    for venue in desk.venues.values():
        if "terms" not in venue.unread and (exiting or desk.phase in {Phase.STARTING, Phase.RUNNING}):
            keep_alive(desk, venue)
    desk.timer("alive", desk.config.resilience.dead_man_ns // RENEWALS)


def keep_alive(desk: Desk, venue: VenueDesk) -> None:
    """Arm or renew the switch of every symbol; a venue that refuses everything would not hear it."""
    countdown_ns = desk.config.resilience.dead_man_ns
    if countdown_ns and not venue.health.shut:
        for market in desk.markets_of(venue.name):
            desk.emit(KeepAlive(venue=venue.name, symbol=market.key.symbol, countdown_ns=countdown_ns))


def disarm(desk: Desk, venue: VenueDesk) -> None:
    """Our last order is gone: the switch must not fire on an operator's own orders later."""
    for symbol in sorted(venue.health.alive_until_ns):
        desk.emit(KeepAlive(venue=venue.name, symbol=symbol, countdown_ns=0))
    venue.health.alive_until_ns.clear()


def on_alive(desk: Desk, event: KeptAlive) -> None:
    """The venue has confirmed a countdown."""
    health = desk.venues[event.venue].health
    if event.countdown_ns:
        health.alive_until_ns[event.symbol] = desk.now_ns + event.countdown_ns
    if health.alive_failures.pop(event.symbol, 0) >= ALIVE_FAILURES:
        desk.note("info", "dead_man", f"{event.symbol}: the dead-man switch is armed again", event.key)


def on_query_failed(desk: Desk, event: QueryFailed) -> None:
    """Count a failure; a second one of the dead-man switch in a row pulls the symbol's quotes."""
    note_failure(desk, event.venue)
    health = desk.venues[event.venue].health
    if health.probed_ns and event.query in {"query_open_orders", "query_instruments"}:
        # It is known to have failed, or was not sent because an earlier one is out: the next need not wait for long.
        desk.timer(f"probe {event.venue}", FAILED_PROBE_NS)
    if event.query != "keep_alive" or desk.phase not in {Phase.STARTING, Phase.RUNNING}:
        return
    failures = health.alive_failures
    failures[event.symbol] = failures.get(event.symbol, 0) + 1
    if failures[event.symbol] == ALIVE_FAILURES:
        key = InstrumentKey(event.venue, event.symbol)
        text = (
            f"the dead-man switch was not confirmed {ALIVE_FAILURES} times: {event.reason}; quotes are pulled"
        )
        desk.note("error", "dead_man", text, key)


# ---- A private stream that keeps silent --------------------------------------------------------------------


def note_told(desk: Desk, event: OrderUpdate | Fill) -> None:
    """The private stream has told of an order."""
    if event.source == "stream":
        desk.venues[event.venue].health.untold_ns.pop(event.client_id, None)


def before_update(desk: Desk, update: OrderUpdate) -> None:
    """Note what a query tells of an order that the private stream has not told; call it before it is booked."""
    note_told(desk, update)
    order = desk.orders.find(update, update.client_id, update.venue_id)
    if update.source != "query" or order is None or not order.live:
        return
    ended = OrderState(update.state) in TERMINAL and order.ends_as is None
    if ended or update.filled > order.venue_filled:
        _owed(desk, update, order)


def before_fills(desk: Desk, answer: FillsQueried) -> None:
    """The same of executions."""
    for fill in answer.fills:
        order = desk.orders.find(fill, fill.client_id, fill.venue_id)
        if order is not None and not desk.orders.knows(fill):
            _owed(desk, fill, order)


def _owed(desk: Desk, told: OrderUpdate | Fill, order: Order) -> None:
    """A query told it; the private stream owes it, unless it happened before the stream was there."""
    venue = desk.venues[told.venue]
    since_ns = venue.health.private_up_ns + (venue.health.offset_ns or 0)
    if not venue.unread and venue.connected and told.venue_ns > since_ns:
        venue.health.untold_ns.setdefault(order.client_id, desk.now_ns)


def on_stream(desk: Desk, event: StreamState) -> None:
    """A private stream that is new owes nothing of what was before it; and the venue can be reached again."""
    if event.stream == "private":
        venue = desk.venues[event.venue]
        venue.health.private_up_ns = desk.now_ns if event.up else 0
        venue.health.untold_ns.clear()
        if event.up and "terms" not in venue.unread and desk.phase is Phase.RUNNING:
            keep_alive(desk, venue)


def check_private(desk: Desk) -> None:
    """Connect a private stream anew that has not told in time what a query told: executions would come late."""
    late_ns = desk.config.resilience.private_late_ns
    for venue in desk.venues.values():
        untold = venue.health.untold_ns
        late = sorted(name for name, at_ns in untold.items() if desk.now_ns - at_ns > late_ns > 0)
        if late and venue.streams["private"]:
            untold.clear()
            text = f"it has not told of {', '.join(late)} within {late_ns / 1e9:g} s"
            desk.note("warning", "private_silent", f"{venue.name}: {text}; the private stream is rebuilt")
            desk.emit(RebuildStream(venue=venue.name, reason=text))
