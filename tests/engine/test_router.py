"""The router: the plan brings what stands to what is wanted, and never adds to what is not proven."""

from itertools import count

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.test_orders import an_order
from titan.engine.router import STEADY, Amend, Cancel, Place, Wanted, plan
from titan.model.orders import TERMINAL, OrderState

LIVE = sorted(set(OrderState) - TERMINAL)


@st.composite
def quotes(draw):
    wanted = []
    for side in (1, -1):
        offsets = draw(st.lists(st.integers(1, 12), unique=True, max_size=4))
        wanted += [Wanted(side, 100 - side * offset, draw(st.integers(1, 20))) for offset in offsets]
    return draw(st.permutations(wanted))


@st.composite
def orders(draw, states):
    made = []
    for number in range(draw(st.integers(0, 6))):
        side, size = draw(st.sampled_from([1, -1])), draw(st.integers(1, 20))
        order = an_order(f"o{number}", draw(st.sampled_from(states)), size)
        made.append(
            msgspec.structs.replace(
                order, side=side, price=100 - side * draw(st.integers(1, 12)), filled=draw(st.integers(0, size - 1)),
                created_ns=number, ends_as=draw(st.sampled_from([None, None, OrderState.CANCELLED])),
            )
        )  # fmt: skip
    return made


steady = orders(sorted(STEADY)).map(lambda made: [o for o in made if o.ends_as is None])
ticks = st.integers(1, 4)


@given(quotes(), steady, ticks, st.booleans())
def test_carried_out_against_steady_orders_the_plan_gives_what_is_wanted(wanted, working, requote, use_amend):
    standing = {order.client_id: order for order in working}
    names = (f"n{number}" for number in count())
    # Without amends an order is cancelled first and placed with the next plan. Where a quote may be served by an order
    # a few ticks off, that may make way for another layer's: so each layer may take a plan of its own.
    for _ in range(2 + (0 if use_amend or requote == 1 else len(wanted))):
        for change in plan(wanted, standing.values(), requote_ticks=requote, use_amend=use_amend):
            match change:
                case Cancel(order):
                    del standing[order.client_id]
                case Amend(order, price, size):
                    standing[order.client_id] = msgspec.structs.replace(order, price=price, size=size)
                case Place(Wanted(side, price, size)):
                    name = next(names)
                    standing[name] = msgspec.structs.replace(
                        an_order(name, OrderState.OPEN, size), side=side, price=price
                    )
    assert plan(wanted, standing.values(), requote_ticks=requote, use_amend=use_amend) == []
    assert len(standing) == len(wanted)
    for side in (1, -1):
        goal = sorted((w for w in wanted if w.side == side), key=lambda w: -side * w.price)
        found = sorted((o for o in standing.values() if o.side == side), key=lambda o: -side * o.price)
        for quote, order in zip(goal, found, strict=True):
            assert 0 <= (quote.price - order.price) * side < requote, "never nearer to the market than wanted"
            assert requote > 1 or quote.size / 2 <= order.remaining <= quote.size


@given(quotes(), orders(LIVE), ticks, st.booleans())
def test_a_plan_is_careful_with_what_is_not_proven(wanted, working, requote, use_amend):
    changes = plan(wanted, working, requote_ticks=requote, use_amend=use_amend)
    ranks = [(Cancel, Amend, Place).index(type(change)) for change in changes]
    assert ranks == sorted(ranks)
    for side in (1, -1):
        standing = sum(order.side == side for order in working)
        placed = sum(isinstance(x, Place) and x.wanted.side == side for x in changes)
        assert placed == max(sum(w.side == side for w in wanted) - standing, 0)
    touched = [change.order for change in changes if not isinstance(change, Place)]
    assert len({order.client_id for order in touched}) == len(touched)
    for change in changes:
        if isinstance(change, Amend):
            assert use_amend
            assert change.order.state in STEADY
        if isinstance(change, Amend | Cancel):
            assert change.order.ends_as is None
            assert change.order.state not in {OrderState.INTENT, OrderState.PENDING_CANCEL}


@given(orders(LIVE), ticks, st.booleans())
def test_with_nothing_wanted_all_that_can_be_cancelled_is(working, requote, use_amend):
    changes = plan([], working, requote_ticks=requote, use_amend=use_amend)
    assert all(isinstance(change, Cancel) for change in changes)
    left = [o for o in working if o.client_id not in {change.order.client_id for change in changes}]
    assert all(o.ends_as or o.state in {OrderState.INTENT, OrderState.PENDING_CANCEL} for o in left)


def test_a_quote_keeps_its_place_for_less_than_requote_ticks_towards_the_market_only():
    order = an_order(state=OrderState.OPEN)  # buys 10 at 100

    def changes(price, size=10):
        return plan([Wanted(1, price, size)], [order], requote_ticks=3, use_amend=True)

    assert changes(102) == []
    assert changes(103) == [Amend(order, 103, 10)]
    assert changes(99) == [Amend(order, 99, 10)]
    assert changes(100, 20) == []
    assert changes(100, 21) == [Amend(order, 100, 21)]
    assert changes(100, 9) == [Amend(order, 100, 9)]


def test_an_amended_size_is_a_total():
    order = an_order(state=OrderState.PARTIALLY_FILLED, filled=4)
    assert plan([Wanted(1, 99, 10)], [order], requote_ticks=1, use_amend=True) == [Amend(order, 99, 14)]
