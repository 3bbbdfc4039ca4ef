"""Rules of order entry, in a generated market."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from tests.matching.builders import START, SYMBOL, buy, exchange, instrument, market, request, sell, trade
from titan.matching.exchange import Exchange
from titan.matching.terms import AccountTerms
from titan.matching.types import (
    OrderChanged,
    OrderKind,
    Refusal,
    RefusalReason,
    SelfTrade,
    Status,
)
from titan.model.events import BookDelta, TopOfBook, TradePrint
from titan.model.orders import BUY, SELL, Lifetime

POST = Lifetime.POST_ONLY


@pytest.fixture
def ex() -> Exchange:
    """Two makers' quotes at 600000/600010, 100 lots each."""
    made = exchange("a", "b", "m")
    buy(made, "m", 600_000, 100)
    sell(made, "m", 600_010, 100)
    made.drain()
    return made


def refused(call: Callable[[], object]) -> RefusalReason:
    with pytest.raises(Refusal) as caught:
        call()
    return caught.value.reason


def test_every_rule_refuses_with_its_own_reason(ex):
    reasons = RefusalReason
    cases = [
        (reasons.UNKNOWN_ACCOUNT, lambda: buy(ex, "nobody", 600_000, 1)),
        (reasons.UNKNOWN_SYMBOL, lambda: ex.cancel_all("a", "ETHUSDT")),
        (reasons.BAD_PARAMETER, lambda: ex.place("a", request(0, 600_000, 1))),
        (reasons.BAD_PARAMETER, lambda: buy(ex, "a", 600_000, 1, client_id="x" * 37)),
        (reasons.BAD_PARAMETER, lambda: ex.place("a", request(BUY, 5, 1, kind=OrderKind.MARKET))),
        (reasons.BAD_PARAMETER, lambda: ex.set_countdown("a", SYMBOL, -1)),
        (reasons.TICK, lambda: buy(ex, "a", 0, 1)),
        (reasons.LOT, lambda: buy(ex, "a", 600_000, 0)),
        (reasons.MAX_SIZE, lambda: buy(ex, "a", 600_000, 100_001)),
        (reasons.MAX_SIZE, lambda: market(ex, "a", BUY, 50_001)),
        (reasons.PRICE_BAND, lambda: buy(ex, "a", 640_000, 1)),
        (reasons.PRICE_BAND, lambda: sell(ex, "a", 560_000, 1)),
        (reasons.POST_ONLY_WOULD_CROSS, lambda: buy(ex, "a", 600_010, 1, lifetime=POST)),
        (reasons.REDUCE_ONLY_REJECTED, lambda: buy(ex, "a", 600_000, 1, reduce_only=True)),
        (reasons.UNKNOWN_ORDER, lambda: ex.cancel("a", SYMBOL, order_id=99)),
        (reasons.UNKNOWN_ORDER, lambda: ex.order("a", SYMBOL, client_id="none")),
        (reasons.MAX_POSITION, lambda: [ex.set_leverage("a", SYMBOL, 125), buy(ex, "a", 600_000, 6000)]),
        (reasons.INSUFFICIENT_MARGIN, lambda: buy(ex, "b", 600_000, 40_000)),
    ]
    for reason, call in cases:
        assert refused(call) is reason
    assert ex.open_orders("a") == ()
    assert not [event for event in ex.drain() if isinstance(event, OrderChanged)]


def test_refused_order_says_value_and_bound(ex):
    with pytest.raises(Refusal, match="can't be higher than 63000"):
        buy(ex, "a", 640_000, 1)


def test_far_limit_on_the_harmless_side_is_accepted(ex):
    assert buy(ex, "a", 500_000, 1).status is Status.OPEN


def test_minimum_notional_exempts_reduce_only():
    ex = exchange("a", "m", terms=instrument(min_notional=Decimal(100)))
    sell(ex, "m", 600_000, 100)
    buy(ex, "m", 599_000, 100)
    assert refused(lambda: market(ex, "a", BUY, 1)) is RefusalReason.MIN_NOTIONAL
    market(ex, "a", BUY, 5)
    assert refused(lambda: sell(ex, "a", 600_000, 1)) is RefusalReason.MIN_NOTIONAL
    assert sell(ex, "a", 600_010, 1, reduce_only=True).open


def test_instrument_not_trading_refuses_new_and_amended_but_cancels(ex):
    order = buy(ex, "a", 599_000, 1)
    ex.set_instrument(instrument(status="SETTLING", version=2))
    assert refused(lambda: buy(ex, "a", 599_000, 1)) is RefusalReason.NOT_TRADING
    amend = lambda: ex.amend("a", SYMBOL, order_id=order.order_id, price=599_001, size=1)  # noqa: E731
    assert refused(amend) is RefusalReason.NOT_TRADING
    assert ex.cancel("a", SYMBOL, order_id=order.order_id).status is Status.CANCELLED
    with pytest.raises(ValueError, match="cannot change"):
        ex.set_instrument(instrument(tick_size=Decimal(1)))


def test_client_id_is_unique_among_open_orders_only(ex):
    first = buy(ex, "a", 599_000, 1, client_id="mine")
    assert refused(lambda: buy(ex, "a", 599_000, 1, client_id="mine")) is RefusalReason.DUPLICATE_CLIENT_ID
    assert buy(ex, "b", 599_000, 1, client_id="mine").open  # another account's
    ex.cancel("a", SYMBOL, client_id="mine")
    again = buy(ex, "a", 599_000, 2, client_id="mine")
    assert ex.order("a", SYMBOL, client_id="mine").order_id == again.order_id
    ex.cancel("a", SYMBOL, client_id="mine")
    assert ex.order("a", SYMBOL, client_id="mine").order_id == again.order_id
    assert ex.order("a", SYMBOL, order_id=first.order_id).status is Status.CANCELLED


def test_open_orders_are_limited():
    ex = exchange("a", max_open_orders=2)
    buy(ex, "a", 600_000, 1)
    buy(ex, "a", 600_000, 1)
    assert refused(lambda: buy(ex, "a", 600_000, 1)) is RefusalReason.MAX_ORDERS


def test_price_then_time_priority(ex):
    late = buy(ex, "a", 600_000, 10)
    best = buy(ex, "b", 600_001, 10)
    taken = market(ex, "a", SELL, 115, self_trade=SelfTrade.EXPIRE_MAKER)
    assert taken.status is Status.EXPIRED  # its own order went away instead of trading
    assert taken.filled == 110
    assert ex.order("b", SYMBOL, order_id=best.order_id).status is Status.FILLED
    assert ex.order("a", SYMBOL, order_id=late.order_id).reason == "self_trade"


@pytest.mark.parametrize("lifetime", [Lifetime.IOC, Lifetime.FOK, Lifetime.GTC])
def test_lifetimes_when_only_part_is_there(ex, lifetime):
    order = buy(ex, "a", 600_010, 150, lifetime=lifetime)
    filled = {Lifetime.IOC: 100, Lifetime.FOK: 0, Lifetime.GTC: 100}[lifetime]
    status = Status.PARTIALLY_FILLED if lifetime is Lifetime.GTC else Status.EXPIRED
    assert (order.filled, order.status) == (filled, status)
    assert order.filled_value == Decimal("60.001") * filled


def test_fill_or_kill_fills_whole_over_two_levels(ex):
    sell(ex, "b", 600_020, 100)
    assert buy(ex, "a", 600_020, 150, lifetime=Lifetime.FOK).status is Status.FILLED


def test_market_order_without_opposite_expires():
    ex = exchange("a")
    order = market(ex, "a", BUY, 10)
    assert (order.status, order.reason) == (Status.EXPIRED, "unfilled")


@pytest.mark.parametrize("mode", list(SelfTrade))
def test_self_trade_prevention(ex, mode):
    mine = sell(ex, "a", 600_005, 10)
    taker = buy(ex, "a", 600_010, 30, self_trade=mode)
    resting = ex.order("a", SYMBOL, order_id=mine.order_id)
    assert resting.open is (mode is SelfTrade.EXPIRE_TAKER)
    assert taker.status is (Status.FILLED if mode is SelfTrade.EXPIRE_MAKER else Status.EXPIRED)
    assert taker.filled == (30 if mode is SelfTrade.EXPIRE_MAKER else 0)


@pytest.mark.parametrize(
    ("mode", "filled"),
    [(SelfTrade.EXPIRE_TAKER, 0), (SelfTrade.EXPIRE_BOTH, 0), (SelfTrade.EXPIRE_MAKER, 105)],
)
def test_fill_or_kill_reckons_with_self_trade_prevention(ex, mode, filled):
    sell(ex, "a", 600_005, 10)
    sell(ex, "b", 600_010, 10)
    order = buy(ex, "a", 600_010, 105, lifetime=Lifetime.FOK, self_trade=mode)
    assert order.filled == filled


class TestAmend:
    def test_requeues_and_states_the_total(self, ex):
        mine = buy(ex, "a", 600_000, 10)
        buy(ex, "b", 600_000, 10)
        amended = ex.amend("a", SYMBOL, order_id=mine.order_id, price=600_000, size=5, side=BUY)
        assert (amended.order_id, amended.size, amended.open) == (mine.order_id, 5, True)
        market(ex, "m", SELL, 10, self_trade=SelfTrade.EXPIRE_MAKER)
        assert ex.order("a", SYMBOL, order_id=mine.order_id).filled == 0

    def test_keeps_the_filled_part(self, ex):
        mine = buy(ex, "a", 600_001, 10)
        market(ex, "b", SELL, 4)
        amended = ex.amend("a", SYMBOL, order_id=mine.order_id, price=600_002, size=12)
        assert (amended.filled, amended.remaining, amended.status) == (4, 8, Status.PARTIALLY_FILLED)

    def test_size_at_or_below_the_filled_part_cancels(self, ex):
        mine = buy(ex, "a", 600_001, 10)
        market(ex, "b", SELL, 4)
        amended = ex.amend("a", SYMBOL, order_id=mine.order_id, price=600_001, size=4)
        assert (amended.status, amended.reason) == (Status.CANCELLED, "amended_below_filled")

    def test_crossing_post_only_is_cancelled(self, ex):
        mine = buy(ex, "a", 600_000, 10, lifetime=POST)
        amended = ex.amend("a", SYMBOL, order_id=mine.order_id, price=600_010, size=10)
        assert (amended.status, amended.reason) == (Status.CANCELLED, "post_only")
        assert ex.trades("a") == ()

    def test_crossing_good_till_cancelled_trades(self, ex):
        mine = buy(ex, "a", 600_000, 10)
        assert ex.amend("a", SYMBOL, order_id=mine.order_id, price=600_010, size=10).status is Status.FILLED

    def test_refusals_leave_the_order(self, ex):
        mine = buy(ex, "a", 599_000, 10)
        reasons = {
            RefusalReason.NO_AMEND_NEEDED: {"price": 599_000, "size": 10},
            RefusalReason.BAD_PARAMETER: {"price": 599_000, "size": 11, "side": SELL},
            RefusalReason.PRICE_BAND: {"price": 640_000, "size": 10},
            RefusalReason.INSUFFICIENT_MARGIN: {"price": 600_000, "size": 50_000},
            RefusalReason.MAX_SIZE: {"price": 599_000, "size": 100_001},
        }
        for reason, change in reasons.items():
            assert refused(lambda c=change: ex.amend("a", SYMBOL, order_id=mine.order_id, **c)) is reason
        assert ex.open_orders("a", SYMBOL) == (mine,)

    def test_reduce_only_is_trimmed(self, ex):
        market(ex, "a", BUY, 10)
        mine = sell(ex, "a", 600_020, 6, reduce_only=True)
        amended = ex.amend("a", SYMBOL, order_id=mine.order_id, price=600_021, size=50)
        assert amended.size == 10


class TestReduceOnly:
    def test_trimmed_to_the_position(self, ex):
        market(ex, "a", BUY, 10)
        assert sell(ex, "a", 600_020, 50, reduce_only=True).size == 10
        another = refused(lambda: sell(ex, "a", 600_020, 1, reduce_only=True))
        assert another is RefusalReason.REDUCE_ONLY_REJECTED

    def test_newest_shrinks_and_expires_as_the_position_goes(self, ex):
        market(ex, "a", BUY, 10)
        first = sell(ex, "a", 600_020, 6, reduce_only=True)
        second = sell(ex, "a", 600_021, 4, reduce_only=True)
        market(ex, "a", SELL, 3)
        assert ex.order("a", SYMBOL, order_id=second.order_id).size == 1
        market(ex, "a", SELL, 7)
        ended = [ex.order("a", SYMBOL, order_id=record.order_id) for record in (first, second)]
        assert [record.reason for record in ended] == ["reduce_only", "reduce_only"]

    def test_one_sweep_through_plain_and_reduce_only_orders_never_flips(self, ex):
        market(ex, "a", BUY, 10)
        sell(ex, "a", 600_002, 10)
        sell(ex, "a", 600_003, 10, reduce_only=True)
        market(ex, "b", BUY, 20)
        assert ex.positions("a", SYMBOL)[0].lots == 0


def test_countdown_cancels_at_its_own_moment(ex):
    buy(ex, "a", 599_000, 1)
    ex.set_countdown("a", SYMBOL, 1_500_000_000)
    ex.advance(START + 1_000_000_000)
    ex.set_countdown("a", SYMBOL, 1_500_000_000)  # the heartbeat moves it
    ex.advance(START + 2_400_000_000)
    assert len(ex.open_orders("a")) == 1
    ex.drain()
    ex.advance(START + 9_000_000_000)
    (changed,) = [event for event in ex.drain() if isinstance(event, OrderChanged)]
    assert (changed.time_ns, changed.order.reason) == (START + 2_500_000_000, "countdown")


def test_countdown_of_zero_ends_it(ex):
    buy(ex, "a", 599_000, 1)
    ex.set_countdown("a", SYMBOL, 1_000_000_000)
    ex.set_countdown("a", SYMBOL, 0)
    ex.advance(START + 2_000_000_000)
    assert len(ex.open_orders("a")) == 1


def test_public_events_rebuild_the_book(ex):
    held = exchange("a", "b", "m")
    seen: dict[int, dict[int, int]] = {BUY: {}, SELL: {}}
    last_id = 0

    def follow() -> None:
        nonlocal last_id
        for event in held.drain():
            if isinstance(event, BookDelta):
                assert (event.previous_id, event.first_id) == (last_id, last_id + 1)
                last_id = event.last_id
                for side, levels in ((BUY, event.bids), (SELL, event.asks)):
                    seen[side].update(levels)
            if isinstance(event, TopOfBook):
                assert event.update_id == last_id
                assert event.bid == max((p for p, s in seen[BUY].items() if s), default=0)

    buy(held, "m", 600_000, 10)
    sell(held, "m", 600_005, 10)
    buy(held, "a", 600_005, 4)
    sell(held, "b", 600_003, 7)
    held.cancel_all("m", SYMBOL)
    follow()
    depth = held.depth(SYMBOL)
    assert depth.last_id == last_id
    assert {p: s for p, s in seen[BUY].items() if s} == dict(depth.bids)
    assert {p: s for p, s in seen[SELL].items() if s} == dict(depth.asks)


def test_a_match_is_one_public_trade_and_one_id_on_both_sides(ex):
    market(ex, "a", BUY, 3)
    events = ex.drain()
    (printed,) = [event for event in events if isinstance(event, TradePrint)]
    told = [event for event in events if isinstance(event, OrderChanged) and event.execution]
    assert {event.execution.trade_id for event in told} == {printed.trade_id}
    assert {(event.account, event.execution.maker) for event in told} == {("a", False), ("m", True)}
    assert ex.last_trade(SYMBOL) == (600_010, 3, START)


def test_history_is_bounded_and_queries_see_open_and_ended():
    ex = exchange("a", history_limit=2)
    ids = []
    for _ in range(4):
        ex.cancel_all("a", SYMBOL)
        ids.append(buy(ex, "a", 600_000, 1, client_id="same").order_id)
    assert [record.order_id for record in ex.orders("a", SYMBOL)] == ids[1:]
    assert ex.orders("a", SYMBOL, since_ns=START + 1) == ()
    assert refused(lambda: ex.order("a", SYMBOL, order_id=ids[0])) is RefusalReason.UNKNOWN_ORDER


def test_a_forgotten_order_is_unknown_by_client_id_too():
    ex = exchange("a", history_limit=1)
    for name in ("first", "second"):
        buy(ex, "a", 600_000, 1, client_id=name)
        ex.cancel("a", SYMBOL, client_id=name)
    assert ex.order("a", SYMBOL, client_id="second").client_id == "second"
    assert refused(lambda: ex.order("a", SYMBOL, client_id="first")) is RefusalReason.UNKNOWN_ORDER


def test_background_accounts_leave_no_history_and_tell_nothing(ex):
    ex.open_account("crowd/x", AccountTerms(background=True))
    order = buy(ex, "crowd/x", 600_010, 5)
    assert order.status is Status.FILLED
    assert (ex.trades("crowd/x"), ex.orders("crowd/x", SYMBOL), ex.income("crowd/x")) == ((), (), ())
    assert not [e for e in ex.drain() if isinstance(e, OrderChanged) and e.account == "crowd/x"]
    assert "crowd/x" in ex.accounts()


def test_an_account_opens_once(ex):
    with pytest.raises(ValueError, match="open already"):
        ex.open_account("a", AccountTerms())


def test_recorded_events_have_no_place_in_a_generated_market(ex):
    with pytest.raises(ValueError, match="market is generated"):
        ex.apply_market(trade(600_000, 1, BUY))
    assert ex.queue_ahead("m", SYMBOL, 1) is None
    assert ex.synchronised(SYMBOL)
