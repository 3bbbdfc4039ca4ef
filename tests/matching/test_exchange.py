"""Money and time: conservation, funding, mark prices, margin, determinism."""

from __future__ import annotations

import contextlib
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.matching.builders import (
    SECOND,
    START,
    SYMBOL,
    WALLET,
    buy,
    exchange,
    instrument,
    market,
    replayed,
    sell,
    snapshot,
)
from titan.matching.exchange import Exchange
from titan.matching.terms import AccountTerms, ExchangeSettings, Fees
from titan.matching.types import (
    AccountChanged,
    OrderChanged,
    OrderKind,
    OrderRequest,
    Refusal,
    SelfTrade,
)
from titan.model.events import MarkPrice
from titan.model.orders import BUY, SELL, Lifetime

NAMES = ("a", "b", "c")
REBATE = Fees(maker=Decimal("-0.00012345"), taker=Decimal("0.00054321"))
INVERSE = instrument(kind="inverse", multiplier=Decimal(100), lot_size=Decimal(1), settle="BTC")

actions = st.lists(
    st.tuples(
        st.sampled_from(["limit", "limit", "post", "market", "reduce", "cancel", "amend", "wait"]),
        st.sampled_from(NAMES),
        st.sampled_from([BUY, SELL]),
        st.integers(-6, 6),
        st.integers(1, 40),
        st.sampled_from(list(SelfTrade)),
    ),
    max_size=50,
)


def act(ex: Exchange, what, account, side, offset, size, mode) -> None:
    place = buy if side == BUY else sell
    price = 600_000 + offset
    if what == "limit":
        place(ex, account, price, size, self_trade=mode)
    elif what == "post":
        place(ex, account, price, size, lifetime=Lifetime.POST_ONLY)
    elif what == "market":
        market(ex, account, side, size, self_trade=mode)
    elif what == "reduce":
        held = ex.positions(account)[0].lots
        record = place(ex, account, price, size, reduce_only=True, self_trade=mode)
        assert held * side < 0
        assert record.size <= abs(held)
    elif what == "amend" and ex.open_orders(account):
        order = ex.open_orders(account)[0]
        ex.amend(account, SYMBOL, order_id=order.order_id, price=price, size=size)
    elif what == "cancel":
        ex.cancel_all(account, SYMBOL)
    else:
        ex.advance(ex.now_ns + 700_000_000)


def check_money(ex: Exchange, fees: Fees) -> None:
    """Every wallet is its records; nothing is made or lost between accounts."""
    settle = ex.instruments()[SYMBOL].settle
    wealth = rounding = Decimal(0)
    for account in NAMES:
        (balance,) = ex.balances(account)
        records = ex.income(account)
        sums = {kind: Decimal(0) for kind in ("transfer", "realized_pnl", "commission", "funding_fee")}
        for record in records:
            sums[record.kind] += record.amount
            assert record.asset == settle
        assert balance.wallet == sum(sums.values())
        trades = ex.trades(account)
        assert sums["realized_pnl"] == sum(t.realized for t in trades)
        assert sums["commission"] == -sum(t.fee for t in trades)
        for t in trades:
            exact = t.value * (fees.maker if t.maker else fees.taker)
            assert abs(t.fee - exact) <= Decimal("0.000000005")
        (position,) = ex.positions(account)
        wealth += balance.wallet - position.basis + sum(t.fee for t in trades)
        rounding += len([r for r in records if r.kind == "funding_fee"])
    assert sum(ex.positions(account)[0].lots for account in NAMES) == 0
    assert abs(wealth - len(NAMES) * WALLET) <= rounding * Decimal("0.000000005")


@given(actions=actions, terms=st.sampled_from([instrument(), INVERSE]))
@settings(max_examples=100, deadline=None)
def test_money_and_positions_are_conserved(actions, terms):
    ex = exchange(*NAMES, terms=terms, fees=REBATE, funding_interval_s=7)
    for step in actions:
        before = {account: ex.positions(account)[0].lots for account in NAMES}
        try:
            act(ex, *step)
        except Refusal:
            assert before == {account: ex.positions(account)[0].lots for account in NAMES}
        check_money(ex, REBATE)
        for account in NAMES:
            reducing = [o for o in ex.open_orders(account) if o.reduce_only]
            lots = ex.positions(account)[0].lots
            assert all(o.side * lots < 0 for o in reducing)
            assert sum(o.remaining for o in reducing) <= abs(lots)
    for event in ex.drain():
        if isinstance(event, OrderChanged) and event.execution and event.order.reduce_only:
            assert event.order.filled <= event.order.size


@given(actions=actions)
@settings(max_examples=30, deadline=None)
def test_same_calls_give_the_same_events(actions):
    told = []
    for _ in range(2):
        ex = exchange(*NAMES, funding_interval_s=7)
        for step in actions:
            with contextlib.suppress(Refusal):
                act(ex, *step)
        told.append(ex.drain())
    assert told[0] == told[1]


@given(actions=actions)
@settings(max_examples=50, deadline=None)
def test_no_match_has_one_account_on_both_sides(actions):
    ex = exchange(*NAMES)
    for step in actions:
        with contextlib.suppress(Refusal):
            act(ex, *step)
    sides: dict[int, list[str]] = {}
    for account in NAMES:
        for execution in ex.trades(account):
            sides.setdefault(execution.trade_id, []).append(account)
    assert all(len(set(accounts)) == 2 for accounts in sides.values())


class TestFunding:
    def open(self, **changes) -> Exchange:
        ex = exchange("a", "m", **({"funding_rate": Decimal("0.0001")} | changes))
        buy(ex, "m", 599_990, 100)
        sell(ex, "m", 600_010, 100)
        market(ex, "a", BUY, 50)
        ex.drain()
        return ex

    def test_settles_at_whole_intervals_of_the_day(self):
        ex = self.open()
        due = START // (8 * 3600 * SECOND) * 8 * 3600 * SECOND + 8 * 3600 * SECOND
        assert ex.mark(SYMBOL).next_funding_ns == due
        ex.advance(due - 1)
        assert ex.income("a")[-1].kind != "funding_fee"
        ex.advance(due + 5)
        paid = ex.income("a")[-1]
        assert (paid.kind, paid.amount, paid.time_ns) == ("funding_fee", Decimal("-0.3"), due)
        assert ex.income("m")[-1].amount == Decimal("0.3")
        assert ex.mark(SYMBOL).next_funding_ns == due + 8 * 3600 * SECOND
        (record,) = ex.funding_history(SYMBOL)
        assert (record.rate, record.mark, record.time_ns) == (Decimal("0.0001"), Decimal(60_000), due)

    def test_tells_every_holder_and_nobody_else(self):
        ex = self.open(funding_interval_s=60)
        ex.open_account("flat", AccountTerms(balances=(("USDT", Decimal(1)),)))
        ex.drain()
        ex.advance(START + 60 * SECOND)
        told = [event for event in ex.drain() if isinstance(event, AccountChanged)]
        assert {(event.account, event.cause) for event in told} == {
            ("a", "funding_fee"),
            ("m", "funding_fee"),
        }
        assert all(event.wallets[0].wallet == ex.balances(event.account)[0].wallet for event in told)

    def test_each_stamp_of_a_long_jump_settles_at_the_rate_of_its_time(self):
        ex = self.open(funding_interval_s=60)
        ex.set_funding_rate(SYMBOL, Decimal("-0.0002"))
        ex.advance(START + 200 * SECOND)
        assert [record.amount for record in ex.income("a", SYMBOL)[-3:]] == [Decimal("0.6")] * 3

    def test_a_countdown_that_ends_at_the_stamp_does_not_hide_it(self):
        ex = self.open(funding_interval_s=60)
        stamp = ex.mark(SYMBOL).next_funding_ns
        ex.set_countdown("m", SYMBOL, stamp - ex.now_ns)
        ex.advance(stamp)
        assert ex.open_orders("m") == ()
        assert [record.time_ns for record in ex.funding_history(SYMBOL)] == [stamp]
        assert ex.now_ns == stamp

    def test_nothing_is_settled_before_there_is_a_mark(self):
        ex = exchange("a", funding_interval_s=60)
        ex.advance(START + 200 * SECOND)
        assert ex.funding_history(SYMBOL) == ()


class TestMark:
    def test_one_a_second_and_only_the_last_after_a_jump(self):
        ex = exchange("m")
        ex.advance(START + SECOND)
        assert ex.mark(SYMBOL) is None
        buy(ex, "m", 600_000, 1)
        sell(ex, "m", 600_010, 1)
        ex.drain()
        for step in (400, 900, 1100, 5000):
            ex.advance(START + SECOND + step * 1_000_000)
        marks = [event for event in ex.drain() if isinstance(event, MarkPrice)]
        assert [event.time_ns for event in marks] == [START + 2 * SECOND, START + 6 * SECOND]
        assert marks[0].mark == Decimal("60000.5")

    def test_generated_mark_is_smoothed_and_replayed_mark_is_the_mid(self):
        smoothed = exchange("m", mark_weight=0.25)
        buy(smoothed, "m", 600_000, 1)
        sell(smoothed, "m", 600_010, 1)
        buy(smoothed, "m", 600_008, 1)
        smoothed.advance(START + SECOND)
        assert smoothed.mark(SYMBOL).mark == Decimal("60000.6")
        plain = replayed("a")
        plain.apply_market(snapshot(1, {600_000: 1}, {600_010: 1}))
        plain.apply_market(snapshot(2, {600_008: 1}, {600_010: 1}, START + SECOND - 1))
        plain.advance(START + SECOND)
        assert plain.mark(SYMBOL).mark == Decimal("60000.9")

    def test_index_is_the_mark_until_it_is_stated(self):
        ex = exchange("m")
        buy(ex, "m", 600_000, 1)
        sell(ex, "m", 600_010, 1)
        assert ex.mark(SYMBOL).index_price == ex.mark(SYMBOL).mark
        ex.set_index(SYMBOL, Decimal("59999.5"))
        assert ex.mark(SYMBOL).index_price == Decimal("59999.5")


class TestMargin:
    def test_balance_shows_what_orders_and_position_bind(self):
        ex = exchange("a", "m", fees=Fees(Decimal(0), Decimal(0)))
        buy(ex, "m", 599_990, 1000)
        sell(ex, "m", 600_010, 1000)
        market(ex, "a", BUY, 100)
        buy(ex, "a", 599_000, 100)
        (balance,) = ex.balances("a")
        assert balance.unrealized == Decimal("-0.1")
        assert balance.initial_margin == Decimal(100 * 60_000 + 100 * 59_900) / 1000 / 20
        assert balance.available == balance.margin - balance.initial_margin
        assert balance.maintenance_margin == Decimal(6_000) * Decimal("0.004")

    def test_reducing_passes_without_free_margin(self):
        ex = exchange("a", "m")
        ex.set_leverage("a", SYMBOL, 1)
        buy(ex, "m", 599_990, 1000)
        sell(ex, "m", 600_010, 2000)
        market(ex, "a", BUY, 1600)
        with pytest.raises(Refusal, match="margin"):
            market(ex, "a", BUY, 100)
        assert market(ex, "a", SELL, 100).filled == 100

    def test_leverage_is_bounded_by_table_position_and_margin(self):
        ex = exchange("a", "m")
        sell(ex, "m", 600_010, 20_000)
        buy(ex, "m", 599_990, 20_000)
        market(ex, "a", BUY, 20_000)
        cases = {0: "bad_parameter", 126: "bad_parameter", 125: "max_leverage", 1: "insufficient_margin"}
        for leverage, reason in cases.items():
            with pytest.raises(Refusal) as caught:
                ex.set_leverage("a", SYMBOL, leverage)
            assert caught.value.reason == reason
        ex.set_leverage("a", SYMBOL, 50)
        assert ex.leverage("a", SYMBOL) == 50
        assert ex.positions("a", SYMBOL)[0].initial_margin == Decimal(24_000)

    def test_margin_is_shared_by_symbols_of_one_asset(self):
        other = instrument(symbol="ETHUSDT", base="ETH")
        ex = Exchange([instrument(), other], ExchangeSettings(), START)
        ex.open_account("a", AccountTerms(balances=(("USDT", Decimal(1000)),), leverage=10))
        buy(ex, "a", 600_000, 150)  # binds 900
        with pytest.raises(Refusal, match="margin"):
            ex.place("a", OrderRequest(symbol="ETHUSDT", side=BUY, price=600_000, size=20))
        assert ex.place("a", OrderRequest(symbol="ETHUSDT", side=BUY, price=600_000, size=10)).open
        assert [position.symbol for position in ex.positions("a")] == ["BTCUSDT", "ETHUSDT"]


class TestQueries:
    def test_fees_of_account_go_before_those_of_the_exchange(self):
        ex = exchange("a")
        ex.open_account("vip", AccountTerms(fees=REBATE))
        assert ex.fees("a", SYMBOL) == (Decimal("0.0002"), Decimal("0.0005"))
        assert ex.fees("vip", SYMBOL) == tuple(REBATE)

    def test_a_maker_rebate_is_paid_into_the_wallet(self):
        ex = exchange("a", "m", fees=REBATE)
        buy(ex, "m", 600_000, 100)
        market(ex, "a", SELL, 100)
        (execution,) = ex.trades("m")
        assert execution.fee == Decimal("-0.7407")
        assert ex.balances("m")[0].wallet == WALLET + Decimal("0.7407")

    def test_trades_and_income_since(self):
        ex = exchange("a", "m")
        buy(ex, "m", 600_000, 100)
        market(ex, "a", SELL, 1)
        ex.advance(START + SECOND)
        market(ex, "a", SELL, 2)
        assert [t.size for t in ex.trades("a", SYMBOL, START + 1)] == [2]
        assert [t.size for t in ex.trades("a", from_id=2)] == [2]
        assert {r.kind for r in ex.income("a", SYMBOL, START + 1)} == {"commission"}

    def test_clock(self):
        ex = exchange("a")
        with pytest.raises(ValueError, match="cannot go back"):
            ex.advance(START - 1)
        fresh = Exchange([instrument()], ExchangeSettings())
        fresh.advance(START)
        assert (fresh.now_ns, fresh.drain()) == (START, [])

    def test_kind_of_market_order_is_kept(self):
        ex = exchange("a", "m")
        sell(ex, "m", 600_000, 1)
        order = market(ex, "a", BUY, 1)
        assert (order.kind, order.price, order.client_id) == (OrderKind.MARKET, 0, f"titan-{order.order_id}")
