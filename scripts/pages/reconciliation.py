"""The page of reconciliation: what each word of the venue makes of each state, as the order manager itself answers."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Literal, NamedTuple

from scripts.pages.orders import words
from titan.engine.configuration import Timing
from titan.engine.orders import OrderManager
from titan.engine.reconciliation import compare_open_orders
from titan.model.events import CommandOutcome, Fill, OrderAbsent, OrderUpdate
from titan.model.orders import TERMINAL, Lifetime, Order, OrderState

S = OrderState
SIZE, PART, SENT_NS, ASKED_NS = 10, 4, 1_000_000_000, 2_000_000_000
TIMING = Timing()
LATER_NS = SENT_NS + TIMING.absence_proof_ns + 1
LIVE = tuple(state for state in OrderState if state not in TERMINAL)
SEEN = frozenset(LIVE) - {S.INTENT}
"""States in which the venue has acknowledged the order, in these cases."""

INTRODUCTION = f"""# Reconciliation

What we hold to be true is compared with what the venue says: at the start, which refuses to trade until they agree;
every `query_interval_s` while running; and at each reconnect. The comparison changes nothing by itself; each difference
has one answer. A failed or partial query changes nothing at all. Every answer below is what the engine gives: the
first table is made by asking it.

## An order: our state, and the venue's word

Each row is a word of the venue about an order of {SIZE} lots, each column the state in which it meets the order, and
the cell the state afterwards. *Waits* is an order that the venue has ended, and whose executions are still missing
here: it stays live, its executions are read, and it ends when they are booked.
"""
REST = """
A synthetic correction is never booked: position and P&L come from executions and income of the venue alone, each with
the venue's own id. A difference that executions do not explain stops its symbol.
"""


class Word(NamedTuple):
    """Something that the venue says of an order, or does not say."""

    said: str
    tell: Callable[[OrderManager, Order], object]
    only: frozenset[OrderState] = frozenset(LIVE)
    """States in which it can be said."""


def _update(
    state: OrderState, filled: int, source: Literal["answer", "stream", "query"]
) -> Callable[[OrderManager, Order], object]:
    def tell(manager: OrderManager, order: Order) -> object:
        update = OrderUpdate(
            time_ns=ASKED_NS + 2, venue=order.venue, symbol=order.symbol, venue_ns=ASKED_NS + 1,
            client_id=order.client_id, venue_id="7", state=state.value, side=order.side, price=order.price,
            size=order.size, filled=filled, reduce_only=False, source=source,
        )  # fmt: skip
        return manager.apply_update(update)

    return tell


def _fill(size: int) -> Callable[[OrderManager, Order], object]:
    def tell(manager: OrderManager, order: Order) -> object:
        fill = Fill(
            time_ns=ASKED_NS + 2, venue=order.venue, symbol=order.symbol, venue_ns=ASKED_NS + 1,
            client_id=order.client_id, venue_id="7", trade_id=f"{size}", side=order.side, price=order.price, size=size,
            maker=True, fee=Decimal(0), fee_asset="USDT", realized=Decimal(0), source="stream",
        )  # fmt: skip
        return manager.apply_fill(fill)

    return tell


def _outcome(
    action: Literal["place", "amend", "cancel"], outcome: Literal["rejected", "unknown", "not_sent"]
) -> Callable[[OrderManager, Order], object]:
    def tell(manager: OrderManager, order: Order) -> object:
        return manager.apply_outcome(
            CommandOutcome(
                time_ns=ASKED_NS + 2,
                venue=order.venue,
                symbol=order.symbol,
                action=action,
                client_id=order.client_id,
                outcome=outcome,
                code="",
                message="",
            )
        )

    return tell


def _absent(times: int) -> Callable[[OrderManager, Order], object]:
    """ "No such order", once, or twice with own executions read in between."""

    def tell(manager: OrderManager, order: Order) -> object:
        for _ in range(times):
            absent = OrderAbsent(
                time_ns=LATER_NS,
                venue=order.venue,
                symbol=order.symbol,
                venue_ns=LATER_NS,
                client_id=order.client_id,
            )
            manager.apply_absence(absent, TIMING.absence_proof_ns)
            if order.absences >= 2 and order.fills_read:
                manager.conclude_absent(order, LATER_NS)
            order.fills_read = True
        return order

    return tell


def _not_listed(manager: OrderManager, order: Order) -> object:
    """A list of open orders that lacks it: a ghost is doubted, and asked for."""
    found = compare_open_orders([order], [], prefix="T", settled_before_ns=ASKED_NS)
    for ghost in found.ghosts:
        manager.doubt(ghost, ASKED_NS + 2)
    return found


WORDS: tuple[Word, ...] = (
    Word("a query or a list: it stands", _update(S.OPEN, 0, "query")),
    Word("the private stream: it stands", _update(S.OPEN, 0, "stream")),
    Word("a query: it stands, partly filled", _update(S.PARTIALLY_FILLED, PART, "query")),
    Word("an execution of a part", _fill(PART)),
    Word("an execution of all of it", _fill(SIZE)),
    Word("it is filled, without the executions", _update(S.FILLED, SIZE, "query")),
    Word("it is cancelled, nothing filled", _update(S.CANCELLED, 0, "query")),
    Word("it is cancelled after a part that is not booked here", _update(S.CANCELLED, PART, "query")),
    Word("it has expired, nothing filled", _update(S.EXPIRED, 0, "query")),
    Word("the new order is refused by a listed code", _outcome("place", "rejected"), frozenset({S.INTENT, S.UNKNOWN})),
    Word("the new order: silence, a server error, any other code", _outcome("place", "unknown"), frozenset({S.INTENT})),
    Word("the change is refused by a listed code", _outcome("amend", "rejected"), frozenset({S.PENDING_AMEND})),
    Word("the change: silence, or any other code", _outcome("amend", "unknown"), frozenset({S.PENDING_AMEND})),
    Word(
        "the cancel: refused, silence, or any other code (\"unknown order\" above all)",
        _outcome("cancel", "unknown"),
        frozenset({S.PENDING_CANCEL}),
    ),
    Word("a list of open orders lacks it", _not_listed),
    Word("\"no such order\", once", _absent(1)),
    Word("\"no such order\", twice, own executions read in between", _absent(2)),
)  # fmt: skip


def an_order(state: OrderState) -> Order:
    """An order of ours in a state, as it was sent a second before the venue speaks."""
    return Order(
        venue="v", symbol="S", client_id="T1", strategy="s", side=1, price=100, size=SIZE,
        lifetime=Lifetime.POST_ONLY, reduce_only=False, state=state, created_ns=SENT_NS, changed_ns=SENT_NS,
        asked_ns=SENT_NS, venue_id="7" if state in SEEN - {S.UNKNOWN} else "",
        pending_price=101 if state is S.PENDING_AMEND else 0, pending_size=SIZE if state is S.PENDING_AMEND else 0,
        amended_ns=SENT_NS if state is S.PENDING_AMEND else 0, queried_ns=ASKED_NS,
        filled=PART if state is S.PARTIALLY_FILLED else 0, venue_filled=PART if state is S.PARTIALLY_FILLED else 0,
    )  # fmt: skip


def answer(word: Word, state: OrderState) -> str:
    """What becomes of an order in this state when that is said; asked of the order manager."""
    if state not in word.only:
        return ""
    manager, order = OrderManager(), an_order(state)
    manager.add(order)
    word.tell(manager, order)
    if order.ends_as and order.live:
        return f"waits, to end as {order.ends_as}"
    asked = ", asked for" if order.state is S.UNKNOWN and state is not S.UNKNOWN else ""
    return f"{order.state}{asked}"


def order_table() -> list[str]:
    """Words in rows, our states in columns."""
    rows = [
        "| the venue's word | " + " | ".join(words(state) for state in LIVE) + " |",
        "| --- |" + " --- |" * len(LIVE),
    ]
    for word in WORDS:
        rows.append(f"| {word.said} | " + " | ".join(words(answer(word, state)) for state in LIVE) + " |")
    return rows


class Case(NamedTuple):
    """A difference between two wholes: what we hold, what the venue says, and the answer with its notice."""

    ours: str
    venue: str
    answer: str
    code: str


CASES: tuple[Case, ...] = (
    Case("live", "not in the list of open orders", "doubted and asked for; ended only as the first table says", ""),
    Case("changed within the grace", "not in the list", "in flight around the query: it proves nothing", ""),
    Case("not known, our prefix", "open", "adopted for its strategy; cancelled if it is nobody's", "order_adopted"),
    Case("not known, our prefix, symbol not configured", "open", "told; cancel it by hand", "order_elsewhere"),
    Case("not known, another client id", "open", "left alone, told once", "foreign_order"),
    Case("twice unknown to the venue, executions read", "no such order", "closed here", "order_absent"),
    Case("the same execution booked before", "told again", "booked once: the trade id is known", ""),
    Case("execution not booked", "in the list of own executions", "booked, in whatever state its order is", ""),
    Case("execution of before the opening", "told late", "in the position, in no session's P&L", "fill_before_opening"),
    Case("symbol not configured", "an execution", "told, not booked", "fill_elsewhere"),
    Case("executions exceed the size", "an over-fill", "booked, counted as a difference", "overfill"),
    Case("position agrees", "the same", "nothing", ""),
    Case("position differs, a fill crossed the query", "another number", "it proves nothing; asked again", ""),
    Case("position differs", "another number", "executions are read; then the symbol stops", "position_difference"),
    Case("no position known, a first session", "a position", "adopted at the start", "position_adopted"),
    Case("symbol not configured", "a position", "left alone, told", "position_elsewhere"),
    Case("bookings of the session", "another wallet at its end", "told, with both sums", "wallet_difference"),
    Case("anything", "a query that failed, or half an answer", "changes nothing; asked again", "query_failed"),
    Case("account set up as the settings say", "otherwise", "the start is refused, nothing is changed", "stopping"),
)  # fmt: skip


def case_table() -> list[str]:
    """The cases as a table, each notice leading to its place in the runbook."""
    rows = ["| we hold | the venue says | answer | notice |", "| --- | --- | --- | --- |"]
    return rows + [
        f"| {c.ours} | {c.venue} | {c.answer} | {f'`{c.code}`' if c.code else ''} |" for c in CASES
    ]


def reconciliation_page() -> str:
    """The page."""
    return "\n".join(
        [
            INTRODUCTION,
            ":::{container} cases",
            *order_table(),
            ":::",
            "",
            "## Lists, executions, positions, wallets",
            "",
            *case_table(),
            REST,
            "{doc}`/runbook` says of each notice what to do.",
            "",
        ]
    )
