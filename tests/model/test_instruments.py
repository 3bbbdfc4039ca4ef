"""Instruments: text and integers are exact both ways, and floats round in the direction that is asked for."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from titan.model.instruments import Instrument, InstrumentKey, OffGridError

LINEAR = Instrument(
    venue="v", symbol="BTCUSDT", base="BTC", quote="USDT", settle="USDT", kind="linear", multiplier=Decimal(1),
    tick_size=Decimal("0.10"), lot_size=Decimal("0.001"), min_lots=1, max_lots=1000, max_market_lots=100,
    min_notional=Decimal(5), band_up=Decimal("1.05"), band_down=Decimal("0.95"), status="trading",
)  # fmt: skip
INVERSE = msgspec.structs.replace(
    LINEAR,
    symbol="BTCUSD_PERP",
    quote="USD",
    settle="BTC",
    kind="inverse",
    multiplier=Decimal(100),
    lot_size=Decimal(1),
)
steps = st.sampled_from(["0.10", "0.001", "0.00000001", "0.5", "5", "1", "0.0025"]).map(Decimal)
counts = st.integers(0, 10**7)


@given(steps, steps, counts)
def test_ticks_and_lots_go_to_text_and_back(tick_size, lot_size, count):
    terms = msgspec.structs.replace(LINEAR, tick_size=tick_size, lot_size=lot_size)
    assert terms.ticks(terms.price_text(count)) == terms.ticks(terms.price(count)) == count
    assert terms.lots(terms.size_text(count)) == terms.lots(terms.size(-count)) * -1 == count
    assert "E" not in terms.price_text(count) + terms.size_text(count)


@given(steps, counts)
def test_a_float_of_a_whole_count_keeps_it_in_both_directions(tick_size, count):
    terms = msgspec.structs.replace(LINEAR, tick_size=tick_size)
    price = float(terms.price(count))
    assert terms.ticks_below(price) == terms.ticks_above(price) == count
    assert terms.ticks_below(price * (1 + 1e-15)) == terms.ticks_above(price * (1 - 1e-15)) == count


@given(steps, st.floats(1e-6, 1e6))
def test_directed_rounding_brackets_the_price(tick_size, price):
    terms = msgspec.structs.replace(LINEAR, tick_size=tick_size)
    below, above = terms.ticks_below(price), terms.ticks_above(price)
    assert above - below in {0, 1}
    assert float(terms.price(below)) <= price * (1 + 1e-11)
    assert float(terms.price(above)) >= price * (1 - 1e-11)


def test_twelve_digits_count():
    assert LINEAR.ticks_below(50000.09999999999) == 500001
    assert LINEAR.ticks_below(50000.0999999) == 500000
    assert LINEAR.ticks_above(50000.10000000001) == 500001
    assert LINEAR.ticks_above(50000.1000001) == 500002


@pytest.mark.parametrize("value", ["50000.05", Decimal("0.01")])
def test_a_price_between_ticks_is_an_error_that_says_what_to_do(value):
    with pytest.raises(
        OffGridError, match=rf"v:BTCUSDT: price {value} is no whole number of ticks of 0\.10.*re-read"
    ):
        LINEAR.ticks(value)


def test_a_size_between_lots_is_an_error():
    with pytest.raises(OffGridError, match=r"size 0\.0005 is no whole number of lots of 0\.001"):
        LINEAR.lots("0.0005")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_what_is_not_finite_cannot_be_quoted(value):
    for convert in (LINEAR.ticks_below, LINEAR.ticks_above, lambda coins: LINEAR.lots_within(coins, 1.0)):
        with pytest.raises(ValueError, match="is not a finite number"):
            convert(value)


def test_lots_are_rounded_towards_nothing():
    assert LINEAR.lots_within(0.0129999, 50_000.0) == 12
    assert LINEAR.lots_within(-0.0129999, 50_000.0) == -12
    assert LINEAR.lots_within(0.0009, 50_000.0) == 0
    assert LINEAR.lots_within(0.013, 50_000.0) == 13


def test_inverse_contracts_are_worth_coins_by_the_price():
    assert INVERSE.coins(10, 50_000.0) == pytest.approx(0.02)
    assert INVERSE.lots_within(0.0219, 50_000.0) == 10
    assert INVERSE.lots_within(-0.02, 50_000.0) == -10
    assert INVERSE.notional(Decimal(50_000), -3) == 300


def test_linear_contracts_are_worth_their_price():
    assert LINEAR.coins(-10, 50_000.0) == pytest.approx(-0.01)
    assert LINEAR.notional(Decimal(50_000), -10) == 500
    assert msgspec.structs.replace(LINEAR, multiplier=Decimal(10)).coins(10, 1.0) == pytest.approx(0.1)


@given(st.sampled_from([LINEAR, INVERSE]), st.integers(-(10**6), 10**6), st.floats(100.0, 1e5))
def test_coins_and_lots_are_inverse(terms, lots, price):
    assert terms.lots_within(terms.coins(lots, price), price) == lots


def test_a_key_reads_as_venue_and_symbol():
    assert str(LINEAR.key) == "v:BTCUSDT"
    assert LINEAR.key == InstrumentKey("v", "BTCUSDT")


def test_only_the_word_trading_means_trading():
    assert LINEAR.trading
    assert not msgspec.structs.replace(LINEAR, status="SETTLING").trading


@pytest.mark.parametrize(
    ("changes", "same"),
    [({"max_lots": 1, "status": "x"}, True), ({"tick_size": Decimal("0.1")}, True), ({"tick_size": Decimal(1)}, False),
     ({"lot_size": Decimal(1)}, False), ({"multiplier": Decimal(2)}, False), ({"kind": "inverse"}, False)],
)  # fmt: skip
def test_the_grid_is_tick_lot_multiplier_and_kind(changes, same):
    assert LINEAR.same_grid(msgspec.structs.replace(LINEAR, **changes)) is same
