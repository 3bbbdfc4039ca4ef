"""Instruments that the codecs' tests share."""

import tarfile
from decimal import Decimal

import pytest

from titan.model.instruments import Instrument


def make_instrument(symbol="BTCUSDT", tick="0.10", lot="0.001", **terms):
    defaults = {
        "venue": "v", "symbol": symbol, "base": "BTC", "quote": "USDT", "settle": "USDT", "kind": "linear",
        "multiplier": Decimal(1), "tick_size": Decimal(tick), "lot_size": Decimal(lot), "min_lots": 1,
        "max_lots": 10**6, "max_market_lots": 10**5, "min_notional": Decimal(5), "band_up": Decimal("1.05"),
        "band_down": Decimal("0.95"), "status": "trading",
    }  # fmt: skip
    return Instrument(**{**defaults, **terms})


@pytest.fixture
def btc():
    return make_instrument()


@pytest.fixture
def instruments(btc):
    return {"BTCUSDT": btc, "ETHUSDT": make_instrument("ETHUSDT", "0.01", "0.001", base="ETH")}


@pytest.fixture(scope="session")
def binance_shapes(titan_data):
    """Read one of the documented USD-M message shapes by name."""
    with tarfile.open(titan_data / "venue_message_shapes" / "adapters_test_data.tar.xz") as archive:
        prefix = "crates/adapters/binance/test_data/futures/"
        members = [each for each in archive.getmembers() if each.isfile() and each.name.startswith(prefix)]
        texts = {each.name.removeprefix(prefix): archive.extractfile(each).read() for each in members}
    return texts.__getitem__
