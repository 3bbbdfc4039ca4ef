"""The runner's protections, each with the duty that it keeps and a way to take it away.

Taken away, each must be missed: `titan.chaos.sabotage` counts the trials that it takes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec

from titan.chaos import life, network, trial, world
from titan.chaos.limit_protections import LIMIT_PROTECTIONS
from titan.chaos.network import MemorySocket
from titan.chaos.protection import Patch, Protection
from titan.chaos.schedule import beside, changing_ticks, died_in_stop, failing_lists, lied_to, unseen
from titan.engine import account, desk, judgement, kernel, quoting, starting, stopping
from titan.engine.book import Book
from titan.engine.configuration import RefusalSettings
from titan.engine.orders import OrderManager
from titan.live.outbox import Outbox
from titan.loopback.faults import Kind
from titan.loopback.limits import RateLimits as VenueLimits
from titan.model.events import BookDelta, OpenOrders, StreamState
from titan.model.orders import OrderState
from titan.risk.limits import Exposure
from titan.store.stepped_writer import SteppedWriter
from titan.venues import binance, binance_streams
from titan.venues.binance import BinanceAdapter
from titan.venues.binance_streams import BinanceStreams
from titan.venues.websocket import Socket, Stream
from titan.venues.weights import Cost, RateLimits, WeightBudget


async def _at_once(writer: SteppedWriter, seq: int) -> None:
    """A journal that calls everything durable."""


async def _nothing(*ignored: Any) -> str:
    return ""


async def _watch_nothing(stream: Stream) -> None:
    """A watchdog that never barks."""
    await asyncio.get_running_loop().create_future()


def _rejects(which: Callable[[str, int | None, int], bool]) -> Patch:
    """Take for refused what proves nothing."""
    classify = vars(binance)["classify"]

    def sure(action: Any, code: int | None, status: int) -> str:
        return "rejected" if which(action, code, status) else classify(action, code, status)

    return (binance, "classify", sure)


def _half_refused(adapter: BinanceAdapter, action: Any, command: Any, answer: Any, since_s: float) -> Any:
    found = _ORDER_ANSWER(adapter, action, command, answer, since_s)
    half = answer.status == 200 and getattr(found, "outcome", "") == "unknown"
    return adapter._outcome(action, command, "rejected", "", "half an answer") if half else found


async def _resend(adapter: BinanceAdapter, command: Any) -> Any:
    found = await _PLACE(adapter, command)
    return await _PLACE(adapter, command) if getattr(found[0], "outcome", "") == "unknown" else found


async def _empty_for_failed(adapter: BinanceAdapter, command: Any) -> Any:
    (found,) = await _QUERY_OPEN_ORDERS(adapter, command)
    if isinstance(found, OpenOrders):
        return [found]
    return [OpenOrders(time_ns=adapter._clock.now_ns(), venue=command.venue, orders=())]


def _forget_trades(orders: OrderManager, fill: Any) -> bool:
    orders._trades.clear()
    return _APPLY_FILL(orders, fill)


def _absent_at_once(orders: OrderManager, absent: Any, proof_after_ns: int) -> Any:
    order = _APPLY_ABSENCE(orders, absent, -(10**18))
    if order is not None and order.live and order.ends_as is None:
        orders.conclude_absent(order, absent.time_ns)
    return order


def _without_unknown(of: desk.Desk, market: desk.Market, *asked: Any) -> Exposure:
    """The exposure with nothing for orders whose fate is not proven."""
    found: Exposure = _EXPOSURE(of, market, *asked)
    unknown = {1: 0, -1: 0}
    for order in of.orders.live(market.key):
        unknown[order.side] += order.remaining if order.state is OrderState.UNKNOWN else 0
    buying, selling = max(found.buying - unknown[1], 0), max(found.selling - unknown[-1], 0)
    return found._replace(buying=buying, selling=selling)


def _plan_beside_unknown(wanted: Any, working: Any, **more: Any) -> Any:
    """The router, placing a quote beside one whose fate is not proven."""
    return _PLAN(wanted, [order for order in working if order.state is not OrderState.UNKNOWN], **more)


def _forget_old(orders: OrderManager, before_ns: int) -> None:
    for order in orders.live():
        if order.created_ns < order.asked_ns:
            orders.drop(order)


def _close_ghosts(of: desk.Desk, answer: OpenOrders) -> None:
    named = {update.client_id for update in answer.orders}
    for order in of.orders.live():
        if order.client_id not in named and order.ends_as is None:
            of.orders.doubt(order, of.now_ns)
            of.orders.conclude_absent(order, of.now_ns)
    _ON_OPEN_ORDERS(of, answer)


def _believe_lists(of: desk.Desk, answer: OpenOrders) -> None:
    """End every order that has stood for a while and that a list of the venue lacks."""
    named = {update.client_id for update in answer.orders}
    for order in of.orders.live():
        stood = (
            order.state in {OrderState.OPEN, OrderState.PARTIALLY_FILLED}
            and of.now_ns - order.changed_ns > 200_000_000
        )
        if stood and order.client_id not in named and order.ends_as is None:
            of.orders.doubt(order, of.now_ns)
            of.orders.conclude_absent(order, of.now_ns)
    _ON_OPEN_ORDERS(of, answer)


def _no_fills(of: desk.Desk, answer: Any) -> None:
    _ON_FILLS_QUERIED(of, answer._replace(fills=()) if hasattr(answer, "_replace") else _bare(answer))


def _bare(answer: Any) -> Any:
    return type(answer)(
        time_ns=answer.time_ns, venue=answer.venue, symbol=answer.symbol, since_ns=answer.since_ns, fills=()
    )


def _nothing_to_read(of: desk.Desk, event: StreamState) -> None:
    venue = of.venues[event.venue]
    before = set(venue.unread)
    _ON_STREAM(of, event)
    venue.unread &= before


def _any_delta(book: Book, delta: BookDelta) -> None:
    book._bids.apply(delta.bids)
    book._asks.apply(delta.asks)
    book.last_id, book.venue_ns = delta.last_id, delta.venue_ns


def _deaf_to_expiry(*told: Any) -> Any:
    return [event for event in _DECODE_USER_EVENT(*told) if not isinstance(event, StreamState)]


def _thaw_without_stop(of: desk.Desk, snapshot: bytes) -> None:
    _THAW(of, snapshot)
    of.halted = ""


def _say_only(of: desk.Desk, market: desk.Market, host: Any, reason: str) -> None:
    host.obstacle = market.obstacle = reason


def _admit_uncounted(budget: WeightBudget, cost: Cost, now_ns: int) -> str:
    """Send whatever is asked for, unless the venue has said that it refuses everything."""
    return "" if budget._listening else budget._refused(cost, now_ns)


async def _die_of_a_bad_frame(stream: Stream, socket: Socket) -> str:
    """A receive loop that a frame ends which is no JSON, while the connection stays open and nobody looks."""
    async for payload in socket.payloads():
        if not payload.endswith(b"}"):
            await asyncio.get_running_loop().create_future()
        stream._note(payload)
        stream._on_payload(payload)
    return socket.ending()


_PINGS_ANSWERED: Patch = (MemorySocket, "_notice_silence", lambda socket: None)
"""A connection that is half dead says so by nothing."""

_DEAF_STAYS: tuple[Patch, ...] = (
    (BinanceStreams, "owe", lambda streams, since_s: None),
    (trial, "RESILIENCE", msgspec.structs.replace(trial.RESILIENCE, private_late_ns=0)),
)
"""Nobody misses what a private stream does not tell."""

_LITTLE_ALLOWED: tuple[Patch, ...] = (
    (world, "RateLimits", lambda: VenueLimits(weight_per_minute=1_200)),
    (network, "RateLimits", lambda: RateLimits(weight=1_200)),
)
"""Half of what Binance grants, to a desk that knows it."""

_SLOW_DISK: tuple[Patch, ...] = (
    (life, "COMMITS_S", (0.4,)),
    (trial, "TERMS_NS", 2_000_000_000),
    (trial, "RefusalSettings", lambda in_a_row: RefusalSettings(in_a_row=1_000)),
)
"""Whatever is decided waits for the disk, while the terms change."""

_ORDER_ANSWER = BinanceAdapter._order_answer
_PLACE = BinanceAdapter.place
_QUERY_OPEN_ORDERS = BinanceAdapter.query_open_orders
_APPLY_FILL = OrderManager.apply_fill
_APPLY_ABSENCE = OrderManager.apply_absence
_ON_OPEN_ORDERS = account.on_open_orders
_ON_FILLS_QUERIED = account.on_fills_queried
_ON_STREAM = starting.on_stream
_DECODE_USER_EVENT = vars(binance_streams)["decode_user_event"]
_THAW = vars(kernel)["thaw"]
_EXPOSURE = vars(judgement)["_exposure"]
_PLAN = vars(quoting)["plan"]

PROTECTIONS: dict[str, Protection] = {
    "durable_first": Protection(
        "an intent is durable before it is sent",
        ((SteppedWriter, "wait_durable", _at_once),),
    ),
    "half_answer_unknown": Protection(
        "a truncated status 200 proves nothing: the order is queried by its client id",
        ((BinanceAdapter, "_order_answer", _half_refused),),
        schedule=unseen(Kind.HALF_ANSWER),
    ),
    "silence_unknown": Protection(
        "no answer is never a refusal",
        (_rejects(lambda action, code, status: status == 0),),
        schedule=unseen(Kind.LOSE_ANSWER),
    ),
    "server_error_unknown": Protection(
        "a server error proves nothing",
        (_rejects(lambda action, code, status: status >= 500),),
        schedule=unseen(Kind.SERVER_ERROR_AFTER),
    ),
    "unlisted_code_unknown": Protection(
        "only an allow-list of codes is a definite refusal: -1007 is none",
        (_rejects(lambda action, code, status: code == -1007),),
        schedule=unseen(Kind.UNKNOWN_RESULT),
    ),
    "duplicate_id_unknown": Protection(
        "a client id in use means that the first one may live",
        (_rejects(lambda action, code, status: code == -4116),),
        schedule=unseen(Kind.DUPLICATE_ID),
    ),
    "sent_once": Protection(
        "an order creation is never resent",
        ((BinanceAdapter, "place", _resend),),
        schedule=unseen(Kind.LOSE_ANSWER),
    ),
    "absence_proven": Protection(
        "no such order counts once the request can no longer arrive, twice, with own trades read in between",
        ((OrderManager, "apply_absence", _absent_at_once),),
    ),
    "ghosts_asked": Protection(
        "an order that a list lacks is asked for, never concluded to be gone",
        ((account, "on_open_orders", _close_ghosts),),
    ),
    "failed_query_changes_nothing": Protection(
        "a failed query of open orders is no empty list",
        ((BinanceAdapter, "query_open_orders", _empty_for_failed),),
        ((account, "on_open_orders", _believe_lists),),
        "on a desk that lets a list end the orders that it lacks, where most lists fail",
        failing_lists,
    ),
    "foreign_orders_alone": Protection(
        "orders of the account that are not ours are left alone",
        ((account, "account_prefix", lambda name: ""),),
    ),
    "fills_once": Protection(
        "executions are recognised by their trade id and booked once",
        ((OrderManager, "apply_fill", _forget_trades),),
    ),
    "fills_read_back": Protection(
        "executions that no stream told are read by query",
        ((account, "on_fills_queried", _no_fills),),
    ),
    "unknown_counts": Protection(
        "an order whose fate is not proven counts at its worst case",
        ((judgement, "_exposure", _without_unknown),),
        ((quoting, "plan", _plan_beside_unknown),),
        "on a desk whose router places a quote beside one that is unproven",
        schedule=unseen(Kind.LOSE_ANSWER),
    ),
    "live_orders_kept": Protection(
        "a live order is never dropped from memory",
        ((OrderManager, "forget", _forget_old),),
    ),
    "limits_judged": Protection(
        "every order that adds risk is judged before it is decided on",
        ((quoting, "judge", lambda *asked, **more: None),),
    ),
    "stopped_while_blind": Protection(
        "nothing is quoted while a stream is down",
        ((desk.VenueDesk, "connected", True),),
    ),
    "read_after_a_drop": Protection(
        "after a reconnect orders and trades are read before quoting resumes",
        ((starting, "on_stream", _nothing_to_read),),
    ),
    "watchdog": Protection(
        "a stream that stays open and says nothing is rebuilt",
        ((Stream, "_watch", _watch_nothing),),
        (_PINGS_ANSWERED,),
        "where a connection that says nothing still answers pings",
        beside(Kind.SILENCE_STREAM, "market"),
    ),
    "bad_frame_survived": Protection(
        "a frame that cannot be read ends no receive loop",
        ((Stream, "_read", _die_of_a_bad_frame),),
        ((Stream, "_watch", _watch_nothing),),
        "on a desk without the watchdog",
        beside(Kind.MALFORM_FRAME, "market"),
    ),
    "listen_key_renewed": Protection(
        "a listen key that has expired is made anew",
        ((binance_streams, "decode_user_event", _deaf_to_expiry),),
        _DEAF_STAYS,
        "on a desk that does not miss what a private stream owes",
        beside(Kind.EXPIRE_LISTEN_KEY),
    ),
    "deaf_stream_rebuilt": Protection(
        "a private stream that says nothing of an answered order is rebuilt",
        _DEAF_STAYS,
        (_PINGS_ANSWERED,),
        "where a connection that says nothing still answers pings",
        beside(Kind.SILENCE_STREAM, "private"),
    ),
    "book_sequence": Protection(
        "a gap in the updates of a book makes it useless until a snapshot",
        ((Book, "_take_delta", _any_delta),),
        schedule=beside(Kind.LOSE_FRAME, "market"),
    ),
    "book_touch": Protection(
        "a book that disagrees with the venue's own best bid and ask is not used",
        ((Book, "note_top", lambda book, top: None),),
        schedule=lied_to,
    ),
    "bans_obeyed": Protection(
        "status 418 and 429 shut our own door until the time that they name",
        ((WeightBudget, "observe", lambda *seen: None),),
    ),
    "weight_counted": Protection(
        "requests are counted, so that the venue need never refuse one too many",
        ((WeightBudget, "admit", _admit_uncounted),),
        _LITTLE_ALLOWED,
        "at a venue that allows little",
    ),
    "clock_measured": Protection(
        "requests are stamped by the venue's clock, as measured",
        ((binance, "synchronise", _nothing),),
    ),
    "grid_of_the_decision": Protection(
        "what was decided in old ticks is not sent in new ones",
        ((Outbox, "_note_grid", lambda outbox, terms: None),),
        _SLOW_DISK,
        "on a slow disk, where refusals give no pause and the tick changes again and again",
        changing_ticks,
    ),
    "stop_cancels": Protection(
        "a stop cancels everything before it calls itself done",
        ((stopping, "cancel", lambda of, order: None), (quoting, "withdraw", _say_only)),
    ),
    "stop_outlives": Protection(
        "a STOP holds over restarts until a named operator resumes",
        ((kernel, "thaw", _thaw_without_stop),),
        schedule=died_in_stop,
    ),
    **LIMIT_PROTECTIONS,
}  # fmt: skip
"""By name.

:meta hide-value:
"""
