"""The desk: prices for conversions come from traded mids, and what is not known is not used."""

from decimal import Decimal

import msgspec
import pytest

from tests.engine.scripted import Session, configuration
from tests.engine.scripted_venue import MID
from titan.engine.book import Book
from titan.engine.desk import Market
from titan.model.instruments import InstrumentKey


def test_terms_and_rates_are_not_used_before_they_are_known():
    market = Market(InstrumentKey("v", "S"), Book())
    with pytest.raises(LookupError, match="v:S: terms are used before the venue has stated them"):
        _ = market.terms
    with pytest.raises(LookupError, match="v:S: fee rates are used before the venue has stated them"):
        _ = market.rates


def test_a_conversion_comes_from_a_traded_mid_or_from_nowhere():
    session = Session()
    assert session.desk.conversion("BTC") is None
    session.start()
    assert session.desk.conversion("USDT") == 1
    assert session.desk.conversion("BTC") == Decimal(MID) / 10
    assert session.desk.conversion("BNB") is None


def test_a_pair_the_other_way_round_converts_as_well():
    session = Session(configuration())
    session.start()
    market = next(iter(session.desk.markets.values()))
    market.instrument = msgspec.structs.replace(market.terms, base="USDT", quote="EUR")
    assert session.desk.conversion("EUR") * market.mid == 1
