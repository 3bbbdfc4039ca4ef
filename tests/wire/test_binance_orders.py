"""Request parameters, and the table of definite refusals."""

from decimal import Decimal

import pytest

from tests.wire.conftest import make_instrument
from titan.model.commands import AmendOrder, CancelAll, CancelOrder, PlaceOrder, QueryOrder
from titan.model.orders import Lifetime
from titan.wire.binance_orders import cancel_all_params
from titan.wire.binance_usdm import (
    REJECTS,
    amend_params,
    cancel_params,
    classify,
    place_params,
    query_params,
    refusal,
)

NAME = {"venue": "v", "symbol": "BTCUSDT", "client_id": "T1"}


@pytest.mark.parametrize(
    ("lifetime", "word"),
    [(Lifetime.POST_ONLY, "GTX"), (Lifetime.GTC, "GTC"), (Lifetime.IOC, "IOC"), (Lifetime.FOK, "FOK")],
)
def test_place(btc, lifetime, word):
    command = PlaceOrder(
        **NAME, strategy="s", side=1, price=618002, size=4, lifetime=lifetime, reduce_only=False
    )
    assert place_params(command, btc) == {
        "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": word, "quantity": "0.004",
        "price": "61800.20", "newClientOrderId": "T1", "newOrderRespType": "RESULT",
    }  # fmt: skip


def test_place_reduce_only_sell(btc):
    command = PlaceOrder(
        **NAME, strategy="s", side=-1, price=1, size=1, lifetime=Lifetime.GTC, reduce_only=True
    )
    params = place_params(command, btc)
    assert (params["side"], params["reduceOnly"]) == ("SELL", "true")


def test_an_order_at_the_market_has_neither_price_nor_time_in_force(btc):
    command = PlaceOrder(
        **NAME, strategy="s", side=-1, price=0, size=4, lifetime=Lifetime.MARKET, reduce_only=True
    )
    assert place_params(command, btc) == {
        "symbol": "BTCUSDT", "side": "SELL", "type": "MARKET", "quantity": "0.004", "newClientOrderId": "T1",
        "newOrderRespType": "RESULT", "reduceOnly": "true",
    }  # fmt: skip


def test_numbers_never_carry_an_exponent():
    coarse = make_instrument(tick_size=Decimal("1E+1"), lot_size=Decimal("1E-8"))
    params = amend_params(AmendOrder(**NAME, side=1, price=6000, size=1), coarse)
    assert (params["price"], params["quantity"]) == ("60000", "0.00000001")


def test_amend_sends_price_and_total_quantity(btc):
    assert amend_params(AmendOrder(**NAME, side=-1, price=618002, size=4), btc) == {
        "symbol": "BTCUSDT", "side": "SELL", "quantity": "0.004", "price": "61800.20",
        "origClientOrderId": "T1",
    }  # fmt: skip


def test_cancel_and_query():
    by_name = {"symbol": "BTCUSDT", "origClientOrderId": "T1"}
    assert cancel_params(CancelOrder(**NAME)) == by_name
    assert query_params(QueryOrder(**NAME)) == by_name
    assert cancel_all_params(CancelAll(venue="v", symbol="BTCUSDT")) == {"symbol": "BTCUSDT"}


@pytest.mark.parametrize(
    "code", [-2019, -5022, -1111, -4164, -1021, -1015, -2022, -4014, -4023, -4016, -4024]
)
def test_definite_refusals_of_a_new_order(code):
    assert classify("place", code, 400) == "rejected"


@pytest.mark.parametrize("code", [-1000, -1001, -1006, -1007, -1008, -2011, -2013, -4116, -9999, 0, None])
@pytest.mark.parametrize("action", list(REJECTS))
def test_everything_unlisted_is_unknown(action, code):
    assert classify(action, code, 400) == "unknown"


@pytest.mark.parametrize("action", list(REJECTS))
def test_a_turned_away_request_is_refused_and_a_server_error_or_silence_proves_nothing(action):
    assert classify(action, -1021, 400) == "rejected"
    assert classify(action, None, 429) == "rejected"
    assert classify(action, None, 418) == "rejected"
    for status in (0, 500, 502, 503, 504):
        assert classify(action, -1021, status) == "unknown"


def test_each_call_has_a_table_of_its_own():
    assert classify("amend", -5022, 400) == "unknown"
    assert classify("amend", -5027, 400) == "rejected"
    assert classify("cancel", -2019, 400) == "unknown"
    assert classify("query", -4164, 400) == "unknown"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"code": -2019, "msg": "Margin is insufficient."}, (-2019, "Margin is insufficient.")),
        ({"code": -1000}, (-1000, "")),
        ({"code": 200, "msg": "The operation of cancel all open order is done."}, None),
        ({"orderId": 5}, None),
        ({"code": "x"}, None),
        ([{"code": -2019}], None),
        (None, None),
    ],
)
def test_refusal(answer, expected):
    assert refusal(answer) == expected
