"""One estimate: what is summed sums, what is doubled doubles, what is not known is told, and nothing is drawn."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.live.risk_questions import held, question, record, setup, terms
from titan.live.risk_estimate import answer
from titan.live.risk_shocks import ShockError, read_shocks
from titan.model.instruments import InstrumentKey

LONG = record(400)
SHORT = record(20)
books = st.dictionaries(st.sampled_from(["as", "glft", "manual"]), st.integers(-500, 500), max_size=3)


def result(kept, *lines, **changes):
    told = answer(setup(**changes), question(*lines), kept)
    assert told.result is not None, told.problem
    return told.result


def by_name(parts):
    return {getattr(part, "strategy", "") or part.symbol: part.shortfall for part in parts}


def stresses(found):
    return {stress.name: stress.loss for stress in found.stresses}


@settings(deadline=None, max_examples=40)
@given(books, books, st.sampled_from([LONG, SHORT]))
def test_the_parts_by_position_and_by_strategy_sum_to_the_shortfall(bitcoin, ether, kept):
    found = result(kept, held("BTCUSDT", bitcoin), held("ETHUSDT", ether))
    for parts in (found.parts, found.strategies):
        assert sum(part.shortfall for part in parts) == pytest.approx(found.shortfall, rel=1e-9, abs=1e-9)


@settings(deadline=None, max_examples=40)
@given(books, books, st.sampled_from([LONG, SHORT]))
def test_whose_book_it_is_does_not_change_the_desks_risk(bitcoin, ether, kept):
    apart = result(kept, held("BTCUSDT", bitcoin), held("ETHUSDT", ether))
    together = result(
        kept, held("BTCUSDT", {"as": sum(bitcoin.values())}), held("ETHUSDT", {"as": sum(ether.values())})
    )
    assert apart.shortfall == pytest.approx(together.shortfall, rel=1e-9, abs=1e-6)
    assert stresses(apart) == pytest.approx(stresses(together), rel=1e-9, abs=1e-6)


@pytest.mark.parametrize("kept", [LONG, SHORT])
def test_twice_the_positions_are_twice_the_risk(kept):
    once = result(kept, held("BTCUSDT", {"as": 30}), held("ETHUSDT", {"as": -200}))
    twice = result(kept, held("BTCUSDT", {"as": 60}), held("ETHUSDT", {"as": -400}))
    assert twice.shortfall == pytest.approx(2 * once.shortfall)
    assert twice.error == pytest.approx(2 * once.error) if kept is LONG else twice.error is None
    doubled = {name: 2 * loss for name, loss in stresses(once).items()}
    assert stresses(twice) == pytest.approx(doubled)


@pytest.mark.parametrize("kept", [LONG, SHORT])
def test_the_same_question_has_the_same_answer_to_the_byte(kept):
    lines = held("BTCUSDT", {"as": 30, "glft": -7}), held("ETHUSDT", {"as": -200})
    first, second = (msgspec.json.encode(answer(setup(), question(*lines), kept)) for _ in range(2))
    assert first == second


def test_too_short_a_record_is_told_and_counts_every_position_against_the_desk():
    lines = held("BTCUSDT", {"as": 100}), held("ETHUSDT", {"as": -2_000})
    found = result(SHORT, *lines)
    assert found.basis == ("assumed: 10% a day and no netting, for the record has 20 of 100 returns of 30 s")
    assert found.error is None
    # 10% a day over an hour, by Student's t of 3 degrees (5.0396 over the root of 3): long and short lose alike.
    assert found.shortfall == pytest.approx(10_000 * 0.1 * (1 / 24) ** 0.5 * 2.9096, rel=1e-4)
    assert by_name(found.parts)["BTCUSDT"] == pytest.approx(by_name(found.parts)["ETHUSDT"])
    assert found.shortfall > result(LONG, *lines).shortfall
    assert not [name for name in stresses(found) if "of the record" in name]


def test_a_long_record_is_estimated_with_an_error_and_a_hedge_is_one():
    lone = result(LONG, held("BTCUSDT", {"as": 100}), held("ETHUSDT"))
    hedged = result(LONG, held("BTCUSDT", {"as": 100}), held("ETHUSDT", {"glft": -2_000}))
    assert lone.basis == "filtered record of 400 returns of 30 s"
    assert hedged.shortfall < 0.9 * lone.shortfall
    assert by_name(hedged.strategies)["glft"] < by_name(hedged.strategies)["as"]
    assert 0 < lone.error < lone.shortfall / 2
    assert stresses(lone)["worst 3600 s of the record"] > 0


def test_nothing_held_loses_nothing():
    for kept in (LONG, SHORT):
        found = result(kept, held("BTCUSDT"), held("ETHUSDT", {"as": 0}))
        assert (found.shortfall, found.parts, found.strategies) == (0.0, (), ())
        assert {abs(loss) for loss in stresses(found).values()} == {0.0}


def test_a_new_coin_stands_by_proxy_and_is_named():
    kept = record(400, ("BTCUSDT", "NEWUSDT"), late=390)
    found = result(kept, held("BTCUSDT"), held("NEWUSDT", {"as": 100_000}))
    assert found.basis == "filtered record of 400 returns of 30 s; by proxy: NEWUSDT"
    never = result(LONG, held("BTCUSDT"), held("NEWUSDT", {"as": 100_000}))
    assert found.shortfall > 0
    assert never.shortfall > 0


def test_what_is_held_and_has_no_price_leaves_no_result():
    for unknown in ({"mid": None, "mark": None}, {"rate": None}):
        told = answer(setup(), question(held(), held("ETHUSDT", {"as": 1}, **unknown)), LONG)
        assert told.result is None
        assert told.problem == "v:ETHUSDT is held and has no price in USDT: nothing can be estimated"
        assert answer(setup(), question(held(), held("ETHUSDT", **unknown)), LONG).result is not None


def test_without_any_price_nothing_is_said():
    told = answer(setup(), question(held(mid=None, mark=None)), LONG)
    assert (told.result, told.problem) == (None, "no instrument has a price yet")


def test_the_mark_counts_before_the_mid_and_money_is_in_the_reporting_currency():
    plain = result(LONG, held(lots={"as": 10}))
    marked = result(LONG, held(lots={"as": 10}, mark=Decimal(100_000)))
    converted = result(LONG, held(lots={"as": 10}, rate=Decimal(2)))
    for found in (marked, converted):
        assert found.shortfall == pytest.approx(2 * plain.shortfall)
        assert stresses(found)["2022-05 LUNA"] == pytest.approx(2 * stresses(plain)["2022-05 LUNA"])


# ---- Stress --------------------------------------------------------------------------------------------


def test_the_desks_own_shocks_are_by_hand():
    found = result(
        LONG,
        held(lots={"as": 100}, half_spread=0.001),
        held("ETHUSDT", {"as": -100}),
        shocks="crash: BTC -30% ETH -50%, rally: BTC +20.5%",
    )
    after = 5_000 * 0.7
    assert stresses(found)["crash"] == pytest.approx(0.3 * 5_000 + 0.001 * after - 0.5 * 250)
    assert stresses(found)["rally"] < 0
    assert stresses(found)["2020-03-12 crash"] > stresses(found)["2022-05 LUNA"] > 0


def test_a_contract_in_dollars_is_stressed_in_dollars():
    inverse = held(
        lots={"as": -3}, instrument=terms(kind="inverse", multiplier=Decimal(100), lot_size=Decimal(1))
    )
    found = result(LONG, inverse, shocks="rally: BTC +20%")
    assert stresses(found)["rally"] == pytest.approx(0.2 * 300)


def test_a_hedge_whose_slope_is_not_known_hedges_least():
    lines = held("BTCUSDT", {"as": 100}), held("ETHUSDT", {"as": -2_000})
    told = stresses(result(SHORT, *lines))
    assert told["2022-05 LUNA"] == pytest.approx(0.0), "as far as Bitcoin and no farther"
    opposite = held("BTCUSDT", {"as": -100}), held("ETHUSDT", {"as": 2_000})
    assert stresses(result(SHORT, *opposite))["2022-05 LUNA"] == pytest.approx(0.2 * 0.25 * 5_000)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("crash", "write NAME: BTC MOVE%"),
        ("crash: BTC", "write NAME: BTC MOVE%"),
        ("crash: BTC -30", "write NAME: BTC MOVE%"),
        ("crash: btc -30%", "write NAME: BTC MOVE%"),
        (": BTC -30%", "write NAME: BTC MOVE%"),
        ("crash: ETH -30%", "must move BTC"),
        ("crash: BTC 0%", "must move BTC"),
        ("crash: BTC -101%", "no price by less than -100%"),
        ("fine: BTC -1%, crash: BTC -10% ETH -200%", "'crash: BTC -10% ETH -200%'"),
    ],
)
def test_a_shock_that_cannot_be_read_is_refused_by_name(text, word):
    with pytest.raises(ShockError, match=r"\[risk\] stress_shocks: ") as caught:
        read_shocks(text)
    assert word in str(caught.value)


def test_shocks_are_read():
    assert read_shocks("") == ()
    one, two = read_shocks(" big crash: BTC -30% ETH -40.5%,squeeze:  BTC 20% ")
    assert (one.name, dict(one.moves)) == ("big crash", {"BTC": -0.3, "ETH": -0.405})
    assert (two.name, dict(two.moves)) == ("squeeze", {"BTC": 0.2})


def test_a_result_is_of_the_moment_that_was_asked_about():
    found = answer(setup(valid_s=90.0), question(held(lots={"as": 1}), now_ns=7 * 10**12), LONG).result
    assert found.computed_ns == 7 * 10**12
    assert found.expires_ns == found.computed_ns + 90 * 10**9
    assert (found.source, found.currency, found.tail, found.horizon_s) == ("estimate", "USDT", 0.025, 3600.0)
    assert found.parts[0].venue == InstrumentKey("v", "BTCUSDT").venue
