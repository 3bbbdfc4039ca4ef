"""exchangeInfo to instruments."""

import json
import lzma
from decimal import Decimal

import pytest

from titan.wire.binance_usdm import WireError, instrument_from_exchange_info

FILTERS = [
    {"filterType": "PRICE_FILTER", "minPrice": "556.80", "maxPrice": "4529764", "tickSize": "0.10"},
    {"filterType": "LOT_SIZE", "stepSize": "0.001", "maxQty": "1000", "minQty": "0.001"},
    {"filterType": "MARKET_LOT_SIZE", "stepSize": "0.001", "maxQty": "120.5", "minQty": "0.001"},
    {"filterType": "MIN_NOTIONAL", "notional": "100"},
    {
        "filterType": "PERCENT_PRICE",
        "multiplierUp": "1.0500",
        "multiplierDown": "0.9500",
        "multiplierDecimal": "4",
    },
    {"filterType": "MAX_NUM_ORDERS", "limit": 200},
]
ENTRY = {
    "symbol": "BTCUSDT", "status": "TRADING", "contractType": "PERPETUAL", "baseAsset": "BTC",
    "quoteAsset": "USDT",
    "marginAsset": "USDT", "pricePrecision": 2, "quantityPrecision": 3, "filters": FILTERS,
}  # fmt: skip


def test_a_linear_contract():
    found = instrument_from_exchange_info(ENTRY, "binance", version=3)
    assert (found.venue, found.symbol, found.base, found.quote, found.settle) == (
        "binance", "BTCUSDT", "BTC", "USDT", "USDT",
    )  # fmt: skip
    assert (found.kind, found.multiplier, found.status, found.version) == ("linear", 1, "trading", 3)
    assert (found.tick_size, found.lot_size) == (Decimal("0.1"), Decimal("0.001"))
    assert (found.min_lots, found.max_lots, found.max_market_lots) == (1, 1_000_000, 120_500)
    assert (found.min_notional, found.band_up, found.band_down) == (100, Decimal("1.05"), Decimal("0.95"))


def test_an_inverse_contract():
    entry = {key: value for key, value in ENTRY.items() if key != "status"}
    entry |= {
        "symbol": "BTCUSD_PERP",
        "contractSize": 100,
        "contractStatus": "SETTLING",
        "marginAsset": "BTC",
    }
    found = instrument_from_exchange_info(entry, "binance")
    assert (found.kind, found.multiplier, found.settle, found.status) == ("inverse", 100, "BTC", "settling")
    assert not found.trading


def test_trailing_zeros_of_a_step_are_not_sent_back():
    coarse = [
        {"filterType": "PRICE_FILTER", "tickSize": "0.0100000"},
        {"filterType": "LOT_SIZE", "stepSize": "10.0"},
    ]
    found = instrument_from_exchange_info(ENTRY | {"filters": coarse}, "binance")
    assert (found.price_text(1234567), found.size_text(3)) == ("12345.67", "30")


def test_bounds_that_are_not_stated():
    found = instrument_from_exchange_info(ENTRY | {"filters": FILTERS[:2]}, "binance")
    assert (found.max_market_lots, found.min_notional, found.band_up, found.band_down) == (
        1_000_000,
        0,
        1000,
        0,
    )


@pytest.mark.parametrize(
    "change",
    [
        {"filters": FILTERS[1:]}, {"filters": FILTERS[:1]}, {"filters": None}, {"symbol": None},
        {"filters": [{"filterType": "PRICE_FILTER", "tickSize": "0"}, FILTERS[1]]},
        {"filters": [{"filterType": "PRICE_FILTER", "tickSize": "NaN"}, FILTERS[1]]},
        {"filters": [FILTERS[0], FILTERS[1] | {"maxQty": "Infinity"}]},
    ],
)  # fmt: skip
def test_terms_that_nothing_can_be_traded_on_are_refused(change):
    with pytest.raises(WireError):
        instrument_from_exchange_info(ENTRY | change, "binance")


def test_every_symbol_of_a_real_answer(titan_data):
    with lzma.open(titan_data / "venue_captures" / "BINANCE_FUTURES.0.xz", "rt") as file:
        line = next(each for each in file if "exchangeInfo" in each)
    entries = json.loads(line[line.index("{") :])["symbols"]
    assert len(entries) > 50
    for entry in entries:
        found = instrument_from_exchange_info(entry, "binance")
        filters = {each["filterType"]: each for each in entry["filters"]}
        assert found.tick_size == Decimal(filters["PRICE_FILTER"]["tickSize"])
        assert found.lot_size == Decimal(filters["LOT_SIZE"]["stepSize"])
        assert found.max_lots * found.lot_size == Decimal(filters["LOT_SIZE"]["maxQty"])
        assert found.min_lots * found.lot_size == Decimal(filters["LOT_SIZE"]["minQty"])
        assert found.min_notional == Decimal(filters["MIN_NOTIONAL"]["notional"])
        assert found.band_up == Decimal(filters["PERCENT_PRICE"]["multiplierUp"])
        assert (found.base, found.quote, found.settle) == (
            entry["baseAsset"],
            entry["quoteAsset"],
            entry["marginAsset"],
        )
        assert found.trading == (entry["status"] == "TRADING")
