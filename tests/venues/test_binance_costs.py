"""What our budget counts for a call is what the exchange charges for it: no less, and no more."""

from __future__ import annotations

import pytest

from titan.backtest.exchange import address
from titan.loopback.params import Params
from titan.loopback.rest import ENDPOINTS
from titan.venues import binance_calls
from titan.venues.ccxt_client import Endpoint

DEEP = Params({"limit": "1000"})
"""As our book asks."""

CALLS = {name: found for name, found in vars(binance_calls).items() if isinstance(found, Endpoint)}


@pytest.mark.parametrize("name", [name for name, call in CALLS.items() if "fapi" in call.method])
def test_a_call_costs_what_is_charged(name: str) -> None:
    """An amend uses up none of the minute's weight: 35 a second of them would have been too many."""
    call = CALLS[name]
    charged = ENDPOINTS[address(call)]
    assert call.cost.weight == charged.weight(DEEP)
    assert call.cost.orders == charged.orders[0]
