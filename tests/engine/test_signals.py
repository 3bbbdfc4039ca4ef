"""Signals in a session: felt in what is sent, journalled with it, kept over a restart, replayed."""

from __future__ import annotations

import math
import random

import msgspec
import pytest

from tests.engine.scripted import MODULES, Session, configuration, of, strategy
from tests.engine.scripted_venue import MID, SECOND
from titan.engine.configuration import KernelConfig
from titan.engine.kernel import Kernel
from titan.engine.risk_settings import RiskSettings
from titan.engine.signals import MarketSignals, RegimeFactors, SignalSettings
from titan.model import commands as c
from titan.model import events as e
from titan.model.contract import parameter_ranges
from titan.model.instruments import InstrumentKey
from titan.store.upcasters import Upcasters
from titan.strategy.adjustments import Parameters

KEY = InstrumentKey("v", "BTCUSDT")
MS = SECOND // 1000
CALM = RiskSettings(
    max_mark_age_s=0.0
)  # the scripted venue sends no marks; here only the signals shall speak
QUICK = SignalSettings(
    vpin_bucket_s=0.2, vpin_window=4, rank_history=60, markout_horizon_s=0.3, markout_half_life_s=5.0,
    markout_prior_s=0.5, volatility_half_life_s=0.5, usual_memory=4.0,
)  # fmt: skip
ANSWERS = Parameters(
    full_inventory=6_000.0, skew_at_full_bps=3.0, skew_steepness=1.5, skew_shed_share=0.6, toxic_from=0.4,
    toxic_spread=1.6, toxic_size=0.4, markout_weight=3.0, most_markout_bps=2.0, volatility_spread=0.5,
    volatility_size=0.3, most_volatility=3.0, most_spread=2.5,
)  # fmt: skip
OTHER_ANSWERS = {
    "full_inventory": 9_000.0, "skew_at_full_bps": 1.0, "skew_steepness": 4.0, "skew_shed_share": 0.2,
    "toxic_from": 0.8, "toxic_spread": 1.2, "toxic_size": 0.8, "markout_weight": 1.5, "most_markout_bps": 0.5,
    "volatility_spread": 1.0, "volatility_size": 0.6, "most_volatility": 1.3, "most_spread": 1.5,
}  # fmt: skip
OTHER_SETTINGS = {
    "vpin_bucket_s": 0.3, "vpin_window": 7, "rank_history": 25, "markout_horizon_s": 0.6, "markout_half_life_s": 1.0,
    "markout_prior_s": 3.0, "volatility_half_life_s": 0.8, "usual_memory": 8.0,
}  # fmt: skip


def trade(session, side, size, key=KEY):
    return e.TradePrint(
        time_ns=session.now, venue=key.venue, symbol=key.symbol, trade_id=1, price=MID, size=size, side=side
    )


def lively(answers=ANSWERS, settings=QUICK, regimes=None, steps=160, **changes):
    """A session in which takers lead the price, calm and wild by turns, and some of our quotes are filled."""
    quotes = strategy(parameters=(14.0, 0.1, 0.0, 1), **changes)
    config = msgspec.structs.replace(
        configuration(strategies=(quotes,)), quoting=answers, signals=settings, risk=CALM
    )
    session = Session(config)
    session.kernel = Kernel(config, MODULES, regimes=regimes)
    session.start()
    rng, mid = random.Random(7), MID
    for step in range(steps):
        wild = 3 if step % 60 > 40 else 1
        side = rng.choice((-1, 1))
        for _ in range(rng.randrange(1, 5)):
            session.send(trade(session, side if rng.random() < 0.8 else -side, rng.randrange(1, 80)))
        mid += side * wild * rng.randrange(0, 40)
        session.tick(mid, wait_s=0.1)
        if step % 12 == 5:
            resting = [o for o in session.live if o.side > 0 and session.venue.alive(o.client_id)]
            for order in resting[:1]:
                session.fill(order.client_id, 15)
    return session


def sent(session):
    """What left the engine, without the reasons."""
    commands = of([x for _, out in session.log for x in out], c.PlaceOrder, c.AmendOrder, c.CancelOrder)
    return [(type(x).__name__, x.client_id, getattr(x, "price", 0), getattr(x, "size", 0)) for x in commands]


def reasons(session):
    commands = of([x for _, out in session.log for x in out], c.PlaceOrder, c.AmendOrder)
    return [x.decision for x in commands if x.decision is not None]


@pytest.fixture(scope="module")
def base():
    return lively()


# ---- Felt in what is sent --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", parameter_ranges(Parameters))
def test_every_key_of_quoting_changes_what_is_sent(base, name):
    assert sent(lively(answers=ANSWERS._replace(**{name: OTHER_ANSWERS[name]}))) != sent(base)


@pytest.mark.parametrize("name", parameter_ranges(SignalSettings))
def test_every_key_of_signals_changes_what_is_sent(base, name):
    assert sent(lively(settings=QUICK._replace(**{name: OTHER_SETTINGS[name]}))) != sent(base)


def test_the_defaults_change_nothing():
    assert sent(lively(answers=Parameters())) == sent(lively(answers=Parameters(), settings=None))


def test_every_factor_is_journalled_and_varies(base):
    names = (
        "spread_multiplier", "size_multiplier", "skew_bps", "edge_bps", "toxicity_rank", "markout_bps",
        "volatility_ratio", "inventory_share",
    )  # fmt: skip
    for name in names:
        seen = {getattr(decision, name) for decision in reasons(base)} - {None}
        assert len(seen) >= 5, name
    assert base.desk.hosts[0].quarantined == ""


def test_a_quote_is_explained_by_its_reasons(base):
    """Price and size of what was sent follow from what was journalled with it."""
    found = of([x for _, out in base.log for x in out], c.PlaceOrder, c.AmendOrder)
    for order in found:
        why, side = order.decision, order.side
        wide = why.reservation - side * abs(why.wanted - why.reservation) * why.spread_multiplier
        leaned = wide + 1e-4 * why.skew_bps * why.fair_value
        bound = why.fair_value * (1 - side * 1e-4 * why.edge_bps)  # the venue's makers pay nothing
        assert abs(why.rounded - (min(leaned, bound) if side > 0 else max(leaned, bound))) <= 0.1 + 1e-6
        if isinstance(order, c.PlaceOrder):
            assert order.size == math.floor(100 * why.size_multiplier + 1e-9)
    assert len(found) > 100


def test_unknown_signals_make_the_first_quotes_the_most_careful(base):
    first = reasons(base)[0]
    assert (first.toxicity_rank, first.markout_bps, first.volatility_ratio) == (None, None, None)
    assert first.spread_multiplier == ANSWERS.most_spread
    assert first.size_multiplier == pytest.approx(0.4 * 3.0**-0.3)
    assert first.edge_bps == 6.0


class Turn:
    """A model of regimes: after `after` mids the spread doubles and the size halves; nothing is known before two."""

    def __init__(self, after):
        self.after = after

    def initial(self):
        return (0.0, 0.0)

    def update(self, state, time_ns, mid):
        return (state[0] + 1.0, mid)

    def factors(self, state):
        if state[0] < 2:
            return RegimeFactors(math.nan, math.nan)
        return RegimeFactors(2.0, 0.5) if state[0] > self.after else RegimeFactors(1.0, 1.0)


def test_a_model_of_regimes_is_heard():
    session = lively(answers=Parameters(), regimes={KEY: Turn(40)})
    seen = {
        (d.regime_spread, d.regime_size, d.spread_multiplier, d.size_multiplier) for d in reasons(session)
    }
    assert seen == {(1.0, 1.0, 1.0, 1.0), (2.0, 0.5, 2.0, 0.5)}, (
        "nothing is quoted while the regime is unknown"
    )


def test_a_model_of_regimes_is_in_the_snapshot():
    regimes = {KEY: Turn(40)}
    session = lively(regimes=regimes, steps=30)
    again = Kernel(session.config, MODULES, session.kernel.snapshot(), regimes)
    assert again.snapshot() == session.kernel.snapshot()
    assert again.desk.markets[KEY].signals.snapshot()["regime"][0] > 2


# ---- Kept ------------------------------------------------------------------------------------------------


def test_a_replay_is_identical_and_so_is_one_from_a_snapshot_in_the_middle(base):
    kernel = Kernel(base.config, MODULES)
    for at, (event, commands) in enumerate(base.log):
        if at in {50, 300, len(base.log) - 40}:
            snapshot = kernel.snapshot()
            kernel = Kernel(base.config, MODULES, snapshot)
            assert kernel.snapshot() == snapshot
        assert kernel.step(event) == commands
    assert kernel.state_hash() == base.kernel.state_hash()


def signals_of(kernel):
    return kernel.desk.markets[KEY].signals


def test_the_next_session_takes_the_signals_up_unless_they_are_measured_otherwise(base):
    snapshot, held = base.kernel.snapshot(), signals_of(base.kernel).snapshot()
    following = msgspec.structs.replace(base.config, session="20270115T090000Z-abcdef")
    assert signals_of(Kernel(following, MODULES, snapshot)).snapshot() == held
    other = msgspec.structs.replace(following, signals=QUICK._replace(vpin_window=5))
    fresh = MarketSignals(QUICK._replace(vpin_window=5)).snapshot()
    assert msgspec.msgpack.encode(
        signals_of(Kernel(other, MODULES, snapshot)).snapshot()
    ) == msgspec.msgpack.encode(fresh)
    none = msgspec.structs.replace(following, signals=None)
    assert signals_of(Kernel(none, MODULES, snapshot)) is None


def test_a_session_of_before_there_were_signals_still_runs_as_it_did():
    plain = msgspec.msgpack.decode(msgspec.msgpack.encode(configuration()))
    del plain["quoting"], plain["signals"]
    config = msgspec.msgpack.decode(msgspec.msgpack.encode(plain), type=KernelConfig)
    assert (config.quoting, config.signals) == (Parameters(), None)
    session = Session(config)
    session.start()
    session.tick()
    (why, *_) = reasons(session)
    assert (why.skew_bps, why.toxicity_rank, why.volatility_ratio, why.inventory_share) == (None,) * 4
    state = msgspec.msgpack.decode(session.kernel.snapshot())
    for market in state["markets"].values():
        del market["signals"]
    measured = msgspec.structs.replace(config, signals=QUICK)
    assert signals_of(Kernel(measured, MODULES, msgspec.msgpack.encode(state))).snapshot()["past"] == []


def test_a_decision_of_before_there_were_signals_is_still_read():
    session = lively(steps=3)
    command = of([x for _, out in session.log for x in out], c.PlaceOrder)[0]
    body = msgspec.msgpack.decode(msgspec.msgpack.encode(command))
    kept = (
        "fair_value",
        "reservation",
        "wanted",
        "rounded",
        "inventory",
        "spread_multiplier",
        "size_multiplier",
    )
    body["decision"] = {name: body["decision"][name] for name in kept}
    read = msgspec.msgpack.decode(
        Upcasters().read("command", 1, msgspec.msgpack.encode(body)), type=c.AnyCommand
    )
    assert read.decision.toxicity_rank is None
    assert read.decision.fair_value == command.decision.fair_value


def test_other_terms_restart_the_signals(base):
    session = lively(steps=60)
    assert signals_of(session.kernel).snapshot()["past"]
    terms = msgspec.structs.replace(
        session.venue.terms["BTCUSDT"], lot_size=session.venue.terms["BTCUSDT"].lot_size / 10
    )
    session.send(e.InstrumentUpdate(time_ns=session.now, instrument=terms))
    assert signals_of(session.kernel).snapshot()["past"] == []


def test_a_trade_of_a_strange_instrument_is_no_business_of_ours(base):
    before = signals_of(base.kernel).snapshot()
    session_trade = trade(base, 1, 5, InstrumentKey("v", "OTHER"))
    assert base.kernel.step(session_trade) == ()
    assert signals_of(base.kernel).snapshot() == before
