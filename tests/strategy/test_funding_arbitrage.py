"""The pair's life: whatever is filled, in part or late, on dark legs or not, the bounds hold and it ends flat."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from titan.model.contract import Leg, View, build_parameters, parameter_ranges
from titan.strategy.carry import whole_lots
from titan.strategy.funding_arbitrage import (
    ENTERING,
    EXITING,
    FLAT,
    LEGS,
    OPEN,
    UNWINDING,
    Parameters,
    State,
    are_known,
    initial,
    quote,
    setting_of,
    unhedged,
    update,
)
from titan.strategy.pair_outlook import Seen

NAN = math.nan
HOUR = 3_600.0
USUAL = Parameters(horizon_h=72.0, usual_funding=0.0)
GOOD, BAD = 9e-4, -9e-4


def view_of(time_s: float = 0.0, price: float = 60_000.0, **changes: float) -> View:
    """Return a view of a touch of 1e-5 around a price, nothing held, lots of .001 coins."""
    values = dict.fromkeys(View._fields, NAN)
    values.update(time_s=time_s, bid=price * (1 - 5e-6), ask=price * (1 + 5e-6), bid_size=1.0, ask_size=1.0)
    values.update(inventory=0.0, maker_fee=2e-4, taker_fee=5e-4, tick_size=0.1, lot_size=0.001)
    return View(**{**values, **changes})


def pair(time_s: float, held: tuple[float, float], rate: float = GOOD, **hedge: float) -> tuple[View, View]:
    """Return both views: leg 0 pays no funding, leg 1 pays the short `rate`."""
    funding = {"funding_in_s": 28_800.0 - time_s % 28_800.0}
    thin = view_of(time_s, inventory=held[0], funding_rate=0.0, **funding)
    return thin, view_of(time_s, **{"inventory": held[1], "funding_rate": rate, **funding, **hedge})


def ready(**changes: float) -> State:
    """Return a state that knows its intervals."""
    state = initial(USUAL, 2)
    seen = Seen(*state.seen)._replace(interval_0_s=8 * HOUR, interval_1_s=8 * HOUR)
    return state._replace(seen=tuple(seen), **changes)


def at(phase: int, direction: int = 1, size: float = 0.1, **changes: float) -> State:
    """Return a state in the middle of a pair's life."""
    return ready(phase=phase, direction=direction, size=size, **changes)


class PairLife(RuleBasedStateMachine):
    """An exchange of two legs: quotes filled in part, takes filled in part, touches that vanish, a process killed."""

    parameters = USUAL
    thin_lot, hedge_lot = 0.001, 0.002

    def __init__(self) -> None:
        super().__init__()
        self.time_s, self.price, self.rate = 1.0, 60_000.0, GOOD
        self.dark = [False, False]
        self.held = [0.0, 0.0]
        self.state = ready()
        self.legs: tuple[Leg, ...] = ()
        self.views: tuple[View, ...] = ()

    def look(self) -> None:
        views = []
        for leg, (rate, lot) in enumerate(((0.0, self.thin_lot), (self.rate, self.hedge_lot))):
            left = 28_800.0 - self.time_s % 28_800.0
            known = {"inventory": self.held[leg], "funding_rate": rate, "funding_in_s": left, "lot_size": lot}
            view = view_of(self.time_s, self.price, **known)
            views.append(view._replace(bid=NAN) if self.dark[leg] else view)
        self.views = tuple(views)
        self.state = update(self.parameters, self.state, self.views)
        self.legs = quote(self.parameters, self.state, self.views)

    @rule(
        share=st.sampled_from([0.0, 0.3, 1.0]),
        taken=st.tuples(*[st.sampled_from([0.0, 0.5, 1.0])] * 2),
        wait_s=st.floats(0.1, 30.0),
    )
    def fill(self, share: float, taken: tuple[float, float], wait_s: float) -> None:
        """Fill parts of what stands, then look again."""
        if self.legs:
            resting = self.legs[0].quotes.bid_size - self.legs[0].quotes.ask_size
            self.held[0] += whole_lots(share * resting, self.thin_lot)
            for leg, lot in enumerate((self.thin_lot, self.hedge_lot)):
                if not self.dark[leg]:
                    self.held[leg] += whole_lots(taken[leg] * self.legs[leg].take.size, lot)
        self.time_s += wait_s
        self.look()

    @rule(leg=st.integers(0, 1))
    def toggle_touch(self, leg: int) -> None:
        """A touch vanishes, or comes back."""
        self.dark[leg] = not self.dark[leg]
        self.look()

    @rule(rate=st.sampled_from([GOOD, 0.0, BAD]))
    def funding(self, rate: float) -> None:
        """The next rate changes."""
        self.rate = rate
        self.look()

    @rule(keep=st.booleans())
    def restart(self, keep: bool) -> None:
        """The process is killed: its clock starts again; its state comes back from the journal in lists, or is lost."""
        thawed = State(*[list(value) if isinstance(value, tuple) else value for value in self.state])
        self.state = thawed if keep else ready()
        self.time_s = 1.0
        self.look()

    @invariant()
    def bounds_hold(self) -> None:
        if not self.legs:
            return
        lot, limit = self.hedge_lot, self.parameters.max_unhedged_notional
        net, size = sum(self.held), max(self.state.size, *map(abs, self.held))
        quotes, hedge = self.legs[0].quotes, self.legs[1].take
        resting = quotes.bid_size - quotes.ask_size
        # Unhedged beyond the bound only with something done about it.
        if abs(net) * self.price > limit * (1 + 1e-9) and not any(self.dark):
            assert self.state.phase == UNWINDING or hedge.size * net < 0.0
        # All that stands filled at once leaves no more than the bound.
        if resting != 0.0:
            assert abs(net + resting) * self.price <= max(limit, abs(net) * self.price) * (1 + 1e-9)
            assert abs(self.held[0] + resting) <= size * (1 + 1e-9)
            assert not any(self.dark)
        # The hedge is never more than what leg 0 holds, and takes reduce what is unhedged.
        if self.state.phase != UNWINDING:
            assert self.legs[0].take.size == 0.0
            assert abs(net + hedge.size) <= abs(net) + 1e-12
            assert abs(self.held[1] + hedge.size) <= size + lot * (1 + 1e-9)
        else:
            assert resting == 0.0
            for held, leg in zip(self.held, self.legs, strict=True):
                assert leg.take.size * held <= 0.0
                assert abs(leg.take.size) <= abs(held) * (1 + 1e-9)

    def teardown(self) -> None:
        """However it stands: with both legs there again, no more carry and all filled, it ends flat."""
        self.dark, self.rate = [False, False], 0.0
        self.look()
        for _ in range(80):
            self.fill(1.0, (1.0, 1.0), 10.0)
            # A pair that still earns over its half-life is kept; leaving is asked for.
            if self.state.phase in (ENTERING, OPEN):
                self.state = self.state._replace(phase=EXITING)
                self.legs = quote(self.parameters, self.state, self.views)
        assert max(map(abs, self.held)) < 1e-9
        assert self.state.phase == FLAT
        assert all(leg.take.size == 0.0 for leg in self.legs)


class SpotLife(PairLife):
    """The same with leg 0 spot, and its lots the coarser."""

    parameters = USUAL._replace(thin_is_spot=True)
    thin_lot, hedge_lot = 0.002, 0.001

    @invariant()
    def spot_is_never_short(self) -> None:
        assert self.held[0] >= -1e-9


TestPairLife = PairLife.TestCase
TestPairLife.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestSpotLife = SpotLife.TestCase
TestSpotLife.settings = TestPairLife.settings


def run(parameters: Parameters, state: State, *rounds: tuple[View, View]) -> State:
    """Return the state after a series of views."""
    for views in rounds:
        state = update(parameters, state, views)
    return state


@pytest.mark.parametrize(("rate", "direction"), [(GOOD, 1), (BAD, -1)])
def test_a_rate_that_pays_is_entered_in_its_direction(rate: float, direction: int) -> None:
    views = pair(0.0, (0.0, 0.0), rate)
    state = run(USUAL, ready(), views)
    assert (state.phase, state.direction) == (ENTERING, direction)
    assert state.size * 60_000.0 == pytest.approx(9_960.0)  # 10,000 in whole lots
    thin, hedge = quote(USUAL, state, views)
    side = thin.quotes.bid_size - thin.quotes.ask_size
    assert side == pytest.approx(0.016 * direction)  # 1,000 in whole lots
    assert (thin.quotes.bid if side > 0 else thin.quotes.ask) == (views[0].bid if side > 0 else views[0].ask)
    assert hedge.take.size == 0.0


@pytest.mark.parametrize(
    ("parameters", "rate"),
    [
        (USUAL, 1e-4),
        (USUAL, NAN),
        (USUAL._replace(thin_is_spot=True), BAD),
        (USUAL._replace(hedge_is_spot=True), GOOD),
        (USUAL._replace(pair_notional=10.0), GOOD),
    ],
)
def test_what_does_not_pay_or_is_not_known_or_cannot_be_is_not_entered(
    parameters: Parameters, rate: float
) -> None:
    assert run(parameters, ready(), pair(0.0, (0.0, 0.0), rate)).phase == FLAT


def test_an_interval_that_is_not_known_is_not_guessed() -> None:
    assert run(USUAL, initial(USUAL, 2), pair(0.0, (0.0, 0.0))).phase == FLAT
    over_a_stamp = [pair(28_790.0, (0.0, 0.0)), pair(28_801.0, (0.0, 0.0))]
    assert run(USUAL, initial(USUAL, 2), *over_a_stamp).phase == ENTERING


def test_the_phases_of_a_whole_life() -> None:
    held, rounds = (0.166, -0.166), pair(0.0, (0.0, 0.0))
    state = run(USUAL, ready(), rounds)
    state = run(USUAL, state, pair(1.0, (0.05, -0.05)))
    assert state.phase == ENTERING
    state = run(USUAL, state, pair(2.0, held))
    assert state.phase == OPEN
    state = run(USUAL, state, pair(3.0, held, rate=3e-4))
    assert state.phase == OPEN  # below the threshold of entry, above the cost of leaving
    state = run(USUAL, state, pair(4.0, held, rate=1e-5))
    assert state.phase == EXITING
    leaving = quote(USUAL, state, pair(4.0, held))[0].quotes
    assert (leaving.bid_size, leaving.ask_size) == (0.0, pytest.approx(0.016))
    assert run(USUAL, state, pair(5.0, held, rate=GOOD)).phase in (EXITING, OPEN, ENTERING)
    state = run(USUAL, state, pair(6.0, (0.0, 0.0), rate=GOOD))
    assert (state.phase, state.direction, state.pause_s) == (FLAT, 0, 600.0)
    assert run(USUAL, state, pair(600.0, (0.0, 0.0))).phase == FLAT
    assert run(USUAL, state, pair(607.0, (0.0, 0.0))).phase == ENTERING


def test_entering_ends_when_the_carry_goes() -> None:
    state = at(ENTERING, size=0.166)
    assert run(USUAL, state, pair(1.0, (0.0, 0.0), rate=3e-4)).phase == FLAT
    assert run(USUAL, state, pair(1.0, (0.05, -0.05), rate=3e-4)).phase == OPEN


@pytest.mark.parametrize("phase", [FLAT, ENTERING, OPEN, EXITING])
def test_a_fill_during_cancel_is_hedged_in_every_phase(phase: int) -> None:
    views = pair(1.0, (0.02, -0.005))
    take = quote(USUAL, at(phase), views)[1].take
    assert take.size == pytest.approx(-0.015)
    assert take.limit == pytest.approx(views[1].bid * (1 - 5e-4))
    bought = quote(USUAL, at(phase), pair(1.0, (-0.02, 0.0)))[1].take
    assert (bought.size, bought.limit) == (pytest.approx(0.02), pytest.approx(views[1].ask * (1 + 5e-4)))


def test_spot_is_never_sold_short() -> None:
    spot = USUAL._replace(hedge_is_spot=True)
    assert quote(spot, at(OPEN), pair(1.0, (0.02, 0.0)))[1].take.size == 0.0
    assert quote(spot, at(OPEN), pair(1.0, (-0.02, 0.0)))[1].take.size == pytest.approx(0.02)
    assert quote(spot, at(OPEN), pair(1.0, (0.02, 0.005)))[1].take.size == pytest.approx(-0.005)


def test_unhedged_for_too_long_is_unwound_and_ends_flat() -> None:
    loose = (0.02, 0.0)
    state = run(USUAL, at(OPEN), *[pair(float(t), loose, bid=NAN) for t in (1, 5, 11)])
    assert (state.phase, state.unhedged_for_s) == (OPEN, 10.0)
    dark = pair(12.0, loose, bid=NAN)
    state = run(USUAL, state, dark)
    assert state.phase == UNWINDING
    legs = quote(USUAL, state, dark)
    assert [leg.take.size for leg in legs] == [pytest.approx(-0.02), 0.0]
    assert math.isnan(legs[0].quotes.bid)
    assert run(USUAL, state, pair(13.0, (0.0, 0.0), bid=NAN)).phase == FLAT


def test_a_hedge_that_keeps_up_is_no_time_out() -> None:
    state = at(ENTERING, size=0.166)
    for second in range(1, 100):
        state = run(USUAL, state, pair(float(second), (0.001 * second, -0.001 * (second - 1))))
    assert (state.phase, state.unhedged_for_s) == (ENTERING, 0.0)


def test_beyond_the_bound_a_dark_hedge_is_not_waited_for() -> None:
    state = run(USUAL, at(OPEN), pair(1.0, (0.04, 0.0), bid=NAN))
    assert state.phase == UNWINDING
    assert run(USUAL, at(OPEN), pair(1.0, (0.04, 0.0))).phase != UNWINDING  # the hedge is taken instead


def test_an_exit_that_takes_too_long_is_unwound_by_both_at_once() -> None:
    held = (0.1, -0.1)
    bad = [pair(float(t), held, rate=BAD) for t in (0, 1, 3_600, 3_602)]
    assert run(USUAL, at(OPEN), *bad[:-1]).phase == EXITING
    state = run(USUAL, at(OPEN), *bad)
    assert state.phase == UNWINDING
    assert [leg.take.size for leg in quote(USUAL, state, bad[-1])] == [
        pytest.approx(-0.1),
        pytest.approx(0.1),
    ]
    one_dark = pair(3_603.0, held, bid=NAN)
    assert [leg.take.size for leg in quote(USUAL, state, one_dark)] == [0.0, 0.0]
    only_one = pair(3_603.0, (0.1, 0.0), bid=NAN)
    assert [leg.take.size for leg in quote(USUAL, state, only_one)] == [pytest.approx(-0.1), 0.0]


def test_what_both_legs_hold_the_same_way_is_closed_on_both() -> None:
    views = pair(1.0, (0.02, 0.03))
    sizes = [leg.take.size for leg in quote(USUAL, at(UNWINDING), views)]
    assert sizes == [pytest.approx(-0.02), pytest.approx(-0.03)]


@pytest.mark.parametrize(("mark", "phase"), [(66_000.0, OPEN), (70_000.0, EXITING), (75_000.0, UNWINDING)])
def test_a_leg_near_its_liquidation_is_left(mark: float, phase: int) -> None:
    state = run(USUAL, at(OPEN), pair(0.0, (0.1, -0.1)))
    assert run(USUAL, state, pair(1.0, (0.1, -0.1), mark_price=mark)).phase == phase


@pytest.mark.parametrize(
    ("held", "direction"), [((0.1, -0.1), 1), ((-0.1, 0.1), -1), ((0.0, -0.1), 1), ((0.0, 0.1), -1)]
)
def test_a_state_that_was_lost_is_taken_from_the_inventories(
    held: tuple[float, float], direction: int
) -> None:
    state = run(USUAL, ready(), pair(0.0, held, rate=GOOD * direction))
    assert state.phase in (OPEN, ENTERING)
    assert (state.direction, state.size) == (direction, 0.1)
    assert quote(USUAL, state, pair(0.0, held))[1].take.size == pytest.approx(-sum(held))


@pytest.mark.parametrize("missing", [{"inventory": NAN}, {"inventory": math.inf}, {"lot_size": NAN}])
def test_unknown_inventories_do_nothing_and_change_no_phase(missing: dict[str, float]) -> None:
    views = pair(1.0, (0.02, 0.0), **missing)
    assert not are_known(views)
    state = run(USUAL, at(OPEN), views)
    assert state.phase == OPEN
    assert all(leg.take.size == leg.quotes.bid_size == 0.0 for leg in quote(USUAL, state, views))


@pytest.mark.parametrize("phase", [ENTERING, EXITING])
def test_no_quote_stands_beside_a_dark_leg(phase: int) -> None:
    views = pair(1.0, (0.02, -0.02), bid=NAN)
    legs = quote(USUAL, at(phase), views)
    assert (legs[0].quotes.bid_size, legs[0].quotes.ask_size) == (0.0, 0.0)
    lit = quote(USUAL, at(phase), pair(1.0, (0.02, -0.02)))[0].quotes
    assert lit.bid_size + lit.ask_size > 0.0


def test_what_is_left_of_a_pair_in_unlike_lots_is_closed_to_the_last() -> None:
    views = pair(1.0, (0.003, 0.0), lot_size=0.01)
    leaving = quote(USUAL, at(EXITING), views)[0].quotes
    assert leaving.ask_size == pytest.approx(0.003)
    assert unhedged(views) == 0.0


def test_priced_nowhere_nothing_is_bounded_so_it_is_unwound() -> None:
    thin, hedge = pair(1.0, (0.02, 0.0))
    blind = thin._replace(bid=NAN), hedge._replace(bid=NAN)
    assert run(USUAL, at(OPEN), blind).phase == UNWINDING


RANGES = parameter_ranges(Parameters)
ENDS = [
    (name, type(usual)(end))
    for name, usual in Parameters._field_defaults.items()
    for end in RANGES[name][:2]
    if end != usual
]


def lives(parameters: Parameters) -> str:
    """Return what a strategy does in a handful of situations."""
    basis = [(3_600.0 * hour, 60_000.0 * (1 + 4e-4 * math.sin(hour))) for hour in range(1, 12)]
    said: list[Any] = []
    for rate in (1e-4, 4.1e-4, 6e-4, GOOD, BAD):
        state = ready()
        for time_s, price in basis:
            thin, hedge = pair(time_s, (0.0, 0.0), rate)
            other = view_of(time_s, price)
            views = thin, hedge._replace(bid=other.bid, ask=other.ask)
            state = update(parameters, state, views)
            said.append((state, quote(parameters, state, views)))
    for held in ((0.02, 0.0), (-0.02, 0.0), (0.1, -0.1), (-0.1, 0.1)):
        state = at(OPEN, 1 if held[0] > 0 else -1)
        for time_s, mark in ((0.0, 60_000.0), (7.0, 62_000.0), (4_000.0, 69_500.0), (8_000.0, 71_000.0)):
            views = pair(time_s, held, rate=4e-4, mark_price=mark)
            state = update(parameters, state, views)
            said.append((state, quote(parameters, state, views)))
    said += [(run(parameters, at(FLAT, 0, 0.0, pause_s=p), pair(1.0, (0.0, 0.0)))) for p in (0.0, 500.0)]
    said += [run(parameters, at(phase), pair(1.0, (0.0, 0.0))).pause_s for phase in (OPEN, UNWINDING)]
    spot = parameters._replace(thin_is_spot=True)
    said += [run(spot, ready(), pair(0.0, (0.0, 0.0), rate)) for rate in (0.0, 3e-4, 4e-4, GOOD, BAD)]
    slow = [pair(t, (0.1, -0.1), rate=BAD) for t in (0.0, 0.6, 2.0, 3_000.0, 20_000.0)]
    said += [(run(parameters, at(OPEN), *slow[:n])) for n in range(1, 6)]
    short = [pair(t, (0.02, 0.0), bid=NAN) for t in (0.0, 0.2, 5.0, 20.0)]
    said += [(run(parameters, at(OPEN), *short[:n])) for n in range(1, 5)]
    return repr(said)


@pytest.mark.parametrize(("name", "value"), ENDS)
def test_every_parameter_changes_what_is_done(name: str, value: float) -> None:
    assert lives(USUAL._replace(**{name: value})) != lives(USUAL)


def test_the_contract() -> None:
    assert LEGS == 2
    built = build_parameters(Parameters, {"thin_is_spot": "1", "horizon_h": "72"}, "strategy.funding")
    assert built == Parameters(thin_is_spot=True, horizon_h=72.0)
    assert setting_of(built).spot == (True, False)
    assert setting_of(built).horizon_s == 72.0 * HOUR
    with pytest.raises(ValueError, match=r"legs = 3: must be 2"):
        initial(USUAL, 3)
