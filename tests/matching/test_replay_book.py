"""Our orders in a recorded book: queue, fills, what we consumed, and what is refused."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.matching.builders import (
    SECOND,
    START,
    SYMBOL,
    buy,
    delta,
    mark_price,
    market,
    replayed,
    sell,
    snapshot,
    trade,
)
from titan.matching.exchange import Exchange
from titan.matching.types import OrderChanged, Refusal, RefusalReason, SelfTrade, Status
from titan.model.events import BadFrame, TopOfBook
from titan.model.orders import BUY, SELL, Lifetime

BIDS = {600_000: 10, 599_990: 20}
ASKS = {600_010: 10, 600_020: 20}


@pytest.fixture
def ex() -> Exchange:
    made = replayed("a", "b", queue_model="risk_averse")
    made.apply_market(snapshot(100, BIDS, ASKS))
    return made


def filled(ex: Exchange, account: str = "a") -> list[tuple[int, int]]:
    return [(execution.price, execution.size) for execution in ex.trades(account)]


class TestMaker:
    def test_waits_for_the_recorded_queue(self, ex):
        order = buy(ex, "a", 600_000, 5, lifetime=Lifetime.POST_ONLY)
        assert ex.queue_ahead("a", SYMBOL, order.order_id) == 10
        ex.apply_market(trade(600_000, 9, SELL))
        assert filled(ex) == []
        ex.apply_market(trade(600_000, 3, SELL))
        assert filled(ex) == [(600_000, 2)]
        ex.apply_market(trade(600_000, 50, SELL))
        assert filled(ex) == [(600_000, 2), (600_000, 3)]
        assert ex.order("a", SYMBOL, order_id=order.order_id).status is Status.FILLED

    def test_fills_at_its_price_when_a_trade_goes_through(self, ex):
        buy(ex, "a", 600_000, 5)
        ex.apply_market(trade(599_990, 3, SELL))
        assert filled(ex) == [(600_000, 3)]

    def test_a_buyer_fills_no_bid(self, ex):
        buy(ex, "a", 600_000, 5)
        ex.apply_market(trade(600_000, 100, BUY))
        assert filled(ex) == []

    def test_orders_at_one_price_share_by_time(self, ex):
        buy(ex, "a", 600_000, 5)
        buy(ex, "b", 600_000, 5)
        ex.apply_market(trade(600_000, 17, SELL))
        assert (filled(ex, "a"), filled(ex, "b")) == ([(600_000, 5)], [(600_000, 2)])

    def test_better_price_goes_first_and_the_trade_bounds_all(self, ex):
        buy(ex, "a", 599_990, 5)
        buy(ex, "b", 600_005, 5)
        ex.apply_market(trade(599_990, 6, SELL))
        assert (filled(ex, "a"), filled(ex, "b")) == ([], [(600_005, 5)])

    def test_opposite_best_reaching_the_price_fills_as_far_as_it_goes_once(self, ex):
        buy(ex, "a", 600_005, 5)
        ex.apply_market(delta(101, asks={600_004: 3}))
        assert filled(ex) == [(600_005, 3)]
        ex.apply_market(delta(102, asks={600_030: 1}))
        assert filled(ex) == [(600_005, 3)]
        ex.apply_market(delta(103, asks={600_004: 4}))
        assert filled(ex) == [(600_005, 3), (600_005, 2)]
        assert ex.depth(SYMBOL, 1).asks == ((600_004, 4),)

    def test_seller_mirrors(self, ex):
        sell(ex, "a", 600_010, 5)
        ex.apply_market(trade(600_010, 12, BUY))
        ex.apply_market(delta(101, bids={600_010: 1}, asks={600_010: 0}))
        assert filled(ex) == [(600_010, 2), (600_010, 1)]

    def test_cancellations_ahead_count_by_the_model(self):
        ahead = {}
        for model in ("risk_averse", "power", "logarithmic"):
            ex = replayed("a", queue_model=model, queue_exponent=1.0)
            ex.apply_market(snapshot(100, BIDS, ASKS))
            order = buy(ex, "a", 600_000, 5)
            ex.apply_market(delta(101, bids={600_000: 30}))  # 20 join behind
            ex.apply_market(delta(102, bids={600_000: 24}))  # 6 of 30 leave
            ahead[model] = ex.queue_ahead("a", SYMBOL, order.order_id)
        assert ahead["risk_averse"] == 10
        assert ahead["power"] == pytest.approx(8.0, abs=1e-12)
        assert 6 < ahead["logarithmic"] < 8

    def test_a_shrunken_level_bounds_the_queue(self, ex):
        order = buy(ex, "a", 600_000, 5)
        ex.apply_market(delta(101, bids={600_000: 4}))
        assert ex.queue_ahead("a", SYMBOL, order.order_id) == 4

    def test_trades_since_the_last_update_are_not_ahead_of_a_new_order(self, ex):
        ex.apply_market(trade(600_000, 6, SELL))
        order = buy(ex, "a", 600_000, 5)
        assert ex.queue_ahead("a", SYMBOL, order.order_id) == 4

    def test_amend_goes_to_the_back(self, ex):
        order = buy(ex, "a", 600_000, 5)
        ex.apply_market(trade(600_000, 4, SELL))
        ex.apply_market(delta(101, bids={600_000: 16}))
        ex.amend("a", SYMBOL, order_id=order.order_id, price=600_000, size=6)
        assert ex.queue_ahead("a", SYMBOL, order.order_id) == 16

    def test_reduce_only_orders_shrink_between_two_fills(self, ex):
        market(ex, "a", BUY, 5)
        sell(ex, "a", 600_006, 5)
        sell(ex, "a", 600_007, 5, reduce_only=True)
        ex.apply_market(trade(600_030, 100, BUY))
        assert ex.positions("a", SYMBOL)[0].lots == 0
        assert ex.open_orders("a") == ()

    def test_an_order_ended_by_the_fill_before_it_is_passed_over(self, ex):
        market(ex, "a", BUY, 5)
        sell(ex, "a", 600_006, 5)
        sell(ex, "a", 600_006, 5, reduce_only=True)
        sell(ex, "b", 600_006, 5)
        ex.apply_market(trade(600_006, 8, BUY))
        assert filled(ex)[1:] == [(600_006, 5)]
        assert filled(ex, "b") == [(600_006, 3)]

    def test_a_shrunken_reduce_only_order_keeps_its_place(self, ex):
        market(ex, "a", BUY, 5)
        order = sell(ex, "a", 600_010, 5, reduce_only=True)
        ex.apply_market(trade(600_010, 4, BUY))
        market(ex, "a", SELL, 2)
        assert ex.order("a", SYMBOL, order_id=order.order_id).size == 3
        assert ex.queue_ahead("a", SYMBOL, order.order_id) == 6


class TestTaker:
    def test_takes_recorded_levels_once(self, ex):
        assert buy(ex, "a", 600_020, 15, lifetime=Lifetime.IOC).filled == 15
        assert filled(ex) == [(600_010, 10), (600_020, 5)]
        assert market(ex, "b", BUY, 100).filled == 15
        assert ex.depth(SYMBOL).asks == tuple(ASKS.items())

    def test_a_new_update_of_the_level_makes_it_whole(self, ex):
        market(ex, "a", BUY, 10)
        ex.apply_market(delta(101, asks={600_010: 7}))
        assert market(ex, "a", BUY, 8).filled == 8
        assert filled(ex) == [(600_010, 10), (600_010, 7), (600_020, 1)]

    def test_fill_or_kill_counts_what_is_left(self, ex):
        market(ex, "a", BUY, 5)
        assert buy(ex, "a", 600_010, 6, lifetime=Lifetime.FOK).filled == 0
        assert buy(ex, "a", 600_010, 5, lifetime=Lifetime.FOK).filled == 5

    def test_post_only_is_judged_by_the_recorded_touch(self, ex):
        with pytest.raises(Refusal) as caught:
            buy(ex, "a", 600_010, 1, lifetime=Lifetime.POST_ONLY)
        assert caught.value.reason is RefusalReason.POST_ONLY_WOULD_CROSS

    @pytest.mark.parametrize("mode", list(SelfTrade))
    def test_never_meets_its_own_order(self, ex, mode):
        mine = sell(ex, "a", 600_005, 5)
        taker = buy(ex, "a", 600_010, 5, self_trade=mode)
        assert ex.order("a", SYMBOL, order_id=mine.order_id).open is (mode is SelfTrade.EXPIRE_TAKER)
        assert taker.filled == (5 if mode is SelfTrade.EXPIRE_MAKER else 0)

    def test_meets_another_accounts_order_in_its_turn(self, ex):
        sell(ex, "b", 600_005, 5)
        sell(ex, "b", 600_010, 5)  # behind the recorded ten
        assert buy(ex, "a", 600_010, 17, lifetime=Lifetime.FOK).status is Status.FILLED
        assert filled(ex) == [(600_005, 5), (600_010, 10), (600_010, 2)]
        assert sum(size for _, size in filled(ex, "b")) == 7

    def test_fill_or_kill_stops_at_its_own_order(self, ex):
        sell(ex, "a", 600_010, 5)
        assert buy(ex, "a", 600_020, 15, lifetime=Lifetime.FOK).filled == 0
        expire = {"lifetime": Lifetime.FOK, "self_trade": SelfTrade.EXPIRE_MAKER}
        assert buy(ex, "a", 600_020, 15, **expire).filled == 15


class TestCrossed:
    def test_nothing_fills_until_it_is_sane(self, ex):
        buy(ex, "a", 600_005, 5)
        ex.apply_market(delta(101, bids={600_020: 1}))
        ex.apply_market(trade(600_000, 100, SELL))
        ex.apply_market(delta(102, asks={600_001: 9}))
        assert market(ex, "b", BUY, 5).status is Status.EXPIRED
        assert filled(ex) == []
        ex.apply_market(delta(103, bids={600_020: 0, 600_000: 1}))
        assert filled(ex) == [(600_005, 5)]

    def test_the_mark_stays(self, ex):
        before = ex.mark(SYMBOL)
        ex.apply_market(delta(101, bids={600_020: 1}))
        ex.advance(START + SECOND)
        assert ex.mark(SYMBOL) == before


class TestSequence:
    def test_deltas_before_the_snapshot_are_kept(self):
        ex = replayed("a")
        ex.apply_market(delta(99, bids={600_000: 99}))
        ex.apply_market(delta(101, bids={600_000: 7}, first_id=100, previous_id=99))
        ex.apply_market(delta(102, bids={599_990: 5}))
        assert not ex.synchronised(SYMBOL)
        ex.apply_market(snapshot(100, BIDS, ASKS))
        assert ex.synchronised(SYMBOL)
        assert ex.depth(SYMBOL).bids == ((600_000, 7), (599_990, 5))
        assert ex.depth(SYMBOL).last_id == 102

    def test_a_snapshot_too_old_for_the_kept_deltas_waits_for_another(self):
        ex = replayed("a")
        ex.apply_market(delta(120, bids={600_000: 7}))
        ex.apply_market(snapshot(100, BIDS, ASKS))
        assert not ex.synchronised(SYMBOL)
        assert market(ex, "a", BUY, 1).status is Status.EXPIRED
        ex.apply_market(snapshot(121, BIDS, ASKS))
        assert ex.synchronised(SYMBOL)

    def test_the_first_delta_after_a_snapshot_joins_by_the_id_before_it(self):
        """A venue that numbers all its symbols together leaves gaps between two updates of one."""
        ex = replayed("a")
        ex.apply_market(snapshot(100, BIDS, ASKS))
        ex.apply_market(delta(160, bids={600_000: 7}, first_id=150, previous_id=100))
        assert ex.synchronised(SYMBOL)
        assert ex.depth(SYMBOL, 1).bids == ((600_000, 7),)
        ex.apply_market(delta(190, bids={600_000: 8}, first_id=180, previous_id=160))
        assert ex.depth(SYMBOL).last_id == 190
        late = replayed("a")
        late.apply_market(delta(100, bids={600_000: 1}, first_id=90, previous_id=80))
        late.apply_market(delta(160, bids={600_000: 7}, first_id=150, previous_id=100))
        late.apply_market(snapshot(100, BIDS, ASKS))
        assert late.synchronised(SYMBOL)
        assert late.depth(SYMBOL, 1).bids == ((600_000, 7),)
        with pytest.raises(ValueError, match=r"190\.\.200 does not follow 160"):
            late.apply_market(delta(200, bids={600_000: 8}, first_id=190, previous_id=170))

    def test_stale_deltas_are_dropped(self, ex):
        ex.apply_market(delta(90, bids={600_000: 1}))
        assert ex.depth(SYMBOL, 1).bids == ((600_000, 10),)

    def test_a_delta_without_previous_id_must_join_by_its_first(self, ex):
        ex.apply_market(delta(101, bids={600_000: 1}))
        ex.apply_market(delta(103, bids={600_000: 2}, first_id=102, previous_id=-1))
        assert ex.depth(SYMBOL, 1).bids == ((600_000, 2),)

    def test_a_gap_is_refused_and_the_book_waits(self, ex):
        order = buy(ex, "a", 600_000, 5)
        ex.apply_market(delta(101, bids={600_000: 12}))
        with pytest.raises(ValueError, match=r"103\.\.103 does not follow 101"):
            ex.apply_market(delta(103, bids={600_000: 1}))
        assert not ex.synchronised(SYMBOL)
        ex.apply_market(trade(599_990, 50, SELL))
        assert filled(ex) == []
        ex.apply_market(snapshot(102, {600_000: 8, 599_980: 1}, ASKS))
        assert ex.depth(SYMBOL).bids == ((600_000, 1), (599_980, 1))
        assert ex.queue_ahead("a", SYMBOL, order.order_id) <= 1


@pytest.mark.parametrize(
    "event",
    [
        snapshot(200, {600_000: 0}, {}),
        snapshot(200, {0: 5}, {}),
        delta(101, bids={600_000: 1}, asks={600_010: -1}),
        delta(101, bids={600_000: 1, -5: 1}),
        trade(0, 1, BUY),
        trade(600_000, 0, BUY),
        trade(600_000, 1, 0),
        mark_price("-1"),
        mark_price("NaN"),
        BadFrame(time_ns=START, venue="test", symbol=SYMBOL, reason="truncated"),
        BadFrame(time_ns=START, venue="test", symbol="", reason="truncated"),
    ],
    ids=lambda event: type(event).__name__,
)
def test_absurd_events_change_nothing(ex, event):
    buy(ex, "a", 600_000, 5)
    before = (ex.depth(SYMBOL), ex.mark(SYMBOL), ex.now_ns, ex.last_trade(SYMBOL))
    with pytest.raises(ValueError, match="test:"):
        ex.apply_market(event)
    assert (ex.depth(SYMBOL), ex.mark(SYMBOL), ex.now_ns, ex.last_trade(SYMBOL)) == before
    assert filled(ex) == []


def test_recorded_mark_price_goes_before_the_mid(ex):
    ex.apply_market(mark_price("61000.12345678", START + SECOND))
    ex.advance(START + 3 * SECOND)
    mark = ex.mark(SYMBOL)
    assert (mark.mark, mark.funding_rate) == (Decimal("61000.12345678"), Decimal("0.0002"))


def test_touch_changes_nothing_and_recorded_trades_are_remembered(ex):
    top = TopOfBook(
        time_ns=START, venue="test", symbol=SYMBOL, update_id=1, bid=1, bid_size=1, ask=2, ask_size=1
    )
    ex.apply_market(top)
    ex.apply_market(trade(600_010, 3, BUY, START + 7))
    assert ex.depth(SYMBOL, 1).bids == ((600_000, 10),)
    assert ex.last_trade(SYMBOL) == (600_010, 3, START + 7)
    assert ex.now_ns == START + 7


def test_no_public_events_of_the_book_are_made(ex):
    market(ex, "a", BUY, 5)
    assert all(isinstance(event, OrderChanged) or hasattr(event, "account") for event in ex.drain())


steps = st.lists(
    st.one_of(
        st.tuples(st.just("delta"), st.integers(-3, 3), st.integers(0, 12), st.sampled_from([BUY, SELL])),
        st.tuples(st.just("trade"), st.integers(-4, 4), st.integers(1, 15), st.sampled_from([BUY, SELL])),
        st.tuples(st.just("place"), st.integers(-4, 4), st.integers(1, 9), st.sampled_from([BUY, SELL])),
        st.tuples(st.just("cancel"), st.just(0), st.just(0), st.just(BUY)),
    ),
    max_size=40,
)


@given(steps=steps, model=st.sampled_from(["risk_averse", "power", "logarithmic"]))
@settings(max_examples=80, deadline=None)
def test_queues_stay_inside_their_level_and_trades_bound_fills(steps, model):
    ex = replayed("a", "b", queue_model=model)
    ex.apply_market(snapshot(100, {600_000 - i: 5 for i in range(5)}, {600_001 + i: 5 for i in range(5)}))
    last_id = 100
    for number, (what, offset, size, side) in enumerate(steps):
        before = sum(s for account in ("a", "b") for _, s in filled(ex, account))
        if what == "delta":
            last_id += 1
            levels = {600_000 + offset - (side == BUY): size}
            ex.apply_market(delta(last_id, **({"bids": levels} if side == BUY else {"asks": levels})))
        elif what == "trade":
            ex.apply_market(trade(600_000 + offset, size, side))
            after = sum(s for account in ("a", "b") for _, s in filled(ex, account))
            assert after - before <= size
        elif what == "place":
            place = buy if side == BUY else sell
            place(ex, "ab"[number % 2], 600_000 + offset, size, self_trade=SelfTrade.EXPIRE_MAKER)
        else:
            ex.cancel_all("a", SYMBOL)
        depth = ex.depth(SYMBOL)
        sizes = {BUY: dict(depth.bids), SELL: dict(depth.asks)}
        for order in (*ex.open_orders("a"), *ex.open_orders("b")):
            ahead = ex.queue_ahead(order.account, SYMBOL, order.order_id)
            assert 0 <= ahead <= sizes[order.side].get(order.price, 0)
            assert 0 <= order.filled < order.size
