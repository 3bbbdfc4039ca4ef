"""The runner's protections, each with the duty that it keeps and a way to take it away.

Taken away, each must be missed: `titan.chaos.sabotage` counts the trials that it takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

from titan.engine import account, desk, kernel, quoting, starting, stopping
from titan.engine.book import Book
from titan.engine.orders import OrderManager
from titan.live.outbox import Outbox
from titan.model.events import BookDelta, OpenOrders, StreamState
from titan.model.orders import OrderState
from titan.store.stepped_writer import SteppedWriter
from titan.venues import binance, binance_streams
from titan.venues.binance import BinanceAdapter
from titan.venues.binance_streams import BinanceStreams
from titan.venues.websocket import Stream
from titan.venues.weights import WeightBudget

Patch = tuple[Any, str, Any]


class Protection(NamedTuple):
    """One protection: the duty that it keeps, and what is put in its place."""

    duty: str
    patches: tuple[Patch, ...]
    second_line: str = ""
    """Why no trial misses it, where another protection stands before it; empty where one must."""

    @contextmanager
    def taken_away(self) -> Iterator[None]:
        """The runner without it, until the context ends."""
        with ExitStack() as stack:
            for owner, name, instead in self.patches:
                if name in vars(owner):
                    stack.callback(setattr, owner, name, vars(owner)[name])
                else:
                    stack.callback(delattr, owner, name)  # it is inherited
                setattr(owner, name, instead)
            yield


async def _at_once(writer: SteppedWriter, seq: int) -> None:
    """A journal that calls everything durable."""


async def _nothing(*ignored: Any) -> str:
    return ""


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


def _without_unknown(orders: OrderManager, key: Any, side: int, without: str = "") -> int:
    counted = (order for order in orders.live(key) if order.state is not OrderState.UNKNOWN)
    return sum(order.remaining for order in counted if order.side == side and order.client_id != without)


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

PROTECTIONS: dict[str, Protection] = {
    "durable_first": Protection(
        "an intent is durable before it is sent",
        ((SteppedWriter, "wait_durable", _at_once),),
    ),
    "half_answer_unknown": Protection(
        "a truncated status 200 proves nothing: the order is queried by its client id",
        ((BinanceAdapter, "_order_answer", _half_refused),),
    ),
    "silence_unknown": Protection(
        "no answer is never a refusal",
        (_rejects(lambda action, code, status: status == 0),),
    ),
    "server_error_unknown": Protection(
        "a server error proves nothing",
        (_rejects(lambda action, code, status: status >= 500),),
    ),
    "unlisted_code_unknown": Protection(
        "only an allow-list of codes is a definite refusal: -1007 is none",
        (_rejects(lambda action, code, status: code == -1007),),
    ),
    "duplicate_id_unknown": Protection(
        "a client id in use means that the first one may live",
        (_rejects(lambda action, code, status: code == -4116),),
    ),
    "sent_once": Protection("an order creation is never resent", ((BinanceAdapter, "place", _resend),)),
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
        "a list without ours ends nothing: each order is asked for, and a stop waits for each of them before the list",
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
        ((OrderManager, "open_lots", _without_unknown),),
        "the router places no second quote on a side while one there is unproven",
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
        ((Stream, "_watch", _nothing),),
    ),
    "listen_key_renewed": Protection(
        "a listen key that has expired is made anew",
        ((binance_streams, "decode_user_event", _deaf_to_expiry),),
        "a private stream that says nothing of an answered order is rebuilt anyway, and its key with it",
    ),
    "deaf_stream_rebuilt": Protection(
        "a private stream that says nothing of an answered order is rebuilt",
        ((BinanceStreams, "owe", lambda streams, since_s: None),),
    ),
    "book_sequence": Protection(
        "a gap in the updates of a book makes it useless until a snapshot",
        ((Book, "_take_delta", _any_delta),),
    ),
    "book_touch": Protection(
        "a book that disagrees with the venue's own best bid and ask is not used",
        ((Book, "note_top", lambda book, top: None),),
    ),
    "bans_obeyed": Protection(
        "status 418 and 429 shut our own door until the time that they name",
        ((WeightBudget, "observe", lambda *seen: None),),
    ),
    "clock_measured": Protection(
        "requests are stamped by the venue's clock, as measured",
        ((binance, "synchronise", _nothing),),
    ),
    "grid_of_the_decision": Protection(
        "what was decided in old ticks is not sent in new ones",
        ((Outbox, "_note_grid", lambda outbox, terms: None),),
        "seldom drawn: an order must be decided in the commit in which the terms arrive (the outbox has a test)",
    ),
    "stop_cancels": Protection(
        "a stop cancels everything before it calls itself done",
        ((stopping, "cancel", lambda of, order: None), (quoting, "withdraw", _say_only)),
    ),
    "stop_outlives": Protection(
        "a STOP holds over restarts until a named operator resumes",
        ((kernel, "thaw", _thaw_without_stop),),
    ),
}  # fmt: skip
"""By name."""
