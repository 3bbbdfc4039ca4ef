"""REST calls about the account: balances, positions, fees, margin, income, modes, listen keys."""

from __future__ import annotations

from decimal import Decimal

from titan.loopback import errors, refusals, shapes_account
from titan.loopback.call import Call, Endpoint, Security, flat
from titan.loopback.shapes_account import Holding
from titan.loopback.shapes_market import Payload, ms, rate_limits
from titan.matching.margin import liquidation_price
from titan.matching.types import PositionRecord, Refusal, RefusalReason
from titan.model.instruments import Instrument

_NOT_HERE = (-4084, "Method is not allowed currently. Coming soon.")


def _max_value(call: Call, leverage: int) -> Decimal:
    """Largest position value that a leverage allows."""
    caps = [each.notional_cap for each in call.desk.settings.brackets if each.max_leverage >= leverage]
    return max(caps, default=Decimal(0))


def _holding(call: Call, instrument: Instrument) -> Holding:
    position = call.desk.exchange.positions(call.account, instrument.symbol)[0]
    open_value = call.desk.feeds.open_value(call.account, instrument.symbol)
    return Holding(
        instrument,
        position,
        open_value,
        _max_value(call, position.leverage),
        _liquidation(call, instrument, position),
    )


def _liquidation(call: Call, instrument: Instrument, position: PositionRecord) -> Decimal:
    """The position's liquidation price; 0 for an inverse contract, whose profit is no straight line."""
    if instrument.kind != "linear":
        return Decimal(0)
    balances = {row.asset: row for row in call.desk.exchange.balances(call.account)}
    row = balances[instrument.settle]
    return liquidation_price(call.desk.settings.brackets, position, row.margin, row.maintenance_margin)


def _holdings(call: Call) -> list[Holding]:
    return [_holding(call, instrument) for instrument in call.instruments()]


def _balance(call: Call) -> object:
    rows = call.desk.exchange.balances(call.account)
    return [shapes_account.balance_row(row, "Loop", call.now_ns) for row in rows]


def _account_v2(call: Call) -> object:
    return shapes_account.account_answer(
        call.desk.exchange.balances(call.account), _holdings(call), 2, call.now_ns
    )


def _account_v3(call: Call) -> object:
    return shapes_account.account_answer(
        call.desk.exchange.balances(call.account), _holdings(call), 3, call.now_ns
    )


def _position_risk_v2(call: Call) -> object:
    return [shapes_account.position_risk_v2(holding) for holding in _holdings(call)]


def _position_risk_v3(call: Call) -> object:
    """Only symbols with a position or an open order, as v3 answers."""
    return [
        shapes_account.position_risk_v3(holding)
        for holding in _holdings(call)
        if holding.position.lots or any(holding.open_value)
    ]


def _commission_rate(call: Call) -> object:
    instrument = call.instrument()
    maker, taker = call.desk.exchange.fees(call.account, instrument.symbol)
    return {
        "symbol": instrument.symbol,
        "makerCommissionRate": f"{maker:f}",
        "takerCommissionRate": f"{taker:f}",
    }


def _leverage_bracket(call: Call) -> object:
    brackets = call.desk.settings.brackets
    return [
        shapes_account.leverage_brackets(instrument.symbol, brackets) for instrument in call.instruments()
    ]


def _leverage(call: Call) -> object:
    instrument = call.instrument()
    leverage = call.params.integer("leverage")
    if not 1 <= leverage <= 125:
        raise _leverage_error(leverage)
    try:
        call.desk.exchange.set_leverage(call.account, instrument.symbol, leverage)
    except Refusal as refusal:
        if refusal.reason is RefusalReason.MAX_LEVERAGE:
            raise _leverage_error(leverage) from None
        raise refusals.venue_error(refusal) from None
    most = _max_value(call, leverage)
    return {"leverage": leverage, "maxNotionalValue": f"{most:f}", "symbol": instrument.symbol}


def _leverage_error(leverage: int) -> errors.VenueError:
    return refusals.venue_error(Refusal(RefusalReason.MAX_LEVERAGE, str(leverage)), str(leverage))


def _margin_type(call: Call) -> object:
    call.instrument()
    kinds = {"CROSSED": True, "ISOLATED": False}
    if call.params.choice("marginType", kinds, errors.illegal("marginType")):
        raise errors.VenueError(-4046, "No need to change margin type.")
    raise errors.VenueError(*_NOT_HERE)


def _position_mode(call: Call) -> object:
    return {"dualSidePosition": False}


def _set_position_mode(call: Call) -> object:
    if call.params.required_flag("dualSidePosition"):
        raise errors.VenueError(*_NOT_HERE)
    raise errors.VenueError(-4059, "No need to change position side.")


def _multi_assets(call: Call) -> object:
    return {"multiAssetsMargin": False}


def _set_multi_assets(call: Call) -> object:
    if call.params.required_flag("multiAssetsMargin"):
        raise errors.VenueError(*_NOT_HERE)
    raise errors.VenueError(
        -4171, "Adjusted asset mode is currently set and does not need to be adjusted repeatedly"
    )


def _symbol_config(call: Call) -> object:
    rows: list[Payload] = []
    for instrument in call.instruments():
        leverage = call.desk.exchange.leverage(call.account, instrument.symbol)
        rows.append(
            {
                "symbol": instrument.symbol,
                "marginType": "CROSSED",
                "isAutoAddMargin": False,
                "leverage": leverage,
                "maxNotionalValue": f"{_max_value(call, leverage):f}",
            }
        )
    return rows


def _income(call: Call) -> object:
    symbol = call.instrument().symbol if "symbol" in call.params else ""
    kind = call.params.optional("incomeType")
    if kind and kind not in shapes_account.INCOME_KINDS:
        raise errors.illegal("incomeType")
    since_ms = call.params.integer("startTime", 0)
    until_ms = call.params.integer("endTime", ms(call.now_ns))
    limit = call.params.limit(100, 1_000)
    found = [
        record
        for record in call.desk.exchange.income(call.account, symbol, since_ns=since_ms * 1_000_000)
        if ms(record.time_ns) <= until_ms and (not kind or record.kind == shapes_account.INCOME_KINDS[kind])
    ]
    first = (call.params.integer("page", 1) - 1) * limit
    page = found[first : first + limit] if since_ms or "page" in call.params else found[-limit:]
    return [shapes_account.income_row(record) for record in page]


def _order_limits(call: Call) -> object:
    return [row for row in rate_limits(call.desk.limits) if row["rateLimitType"] == "ORDERS"]


def _open_listen_key(call: Call) -> object:
    return {"listenKey": call.desk.listen_keys.create(call.account, call.now_ns)}


def _keep_listen_key(call: Call) -> object:
    return {"listenKey": call.desk.listen_keys.renew(call.account, call.now_ns)}


def _close_listen_key(call: Call) -> object:
    call.desk.listen_keys.close(call.account)
    call.desk.register.end_private(call.account)
    return {}


_KEY, _SIGNED = Security.KEY, Security.SIGNED
_ONE, _FIVE, _TWENTY, _THIRTY = flat(1), flat(5), flat(20), flat(30)

ENDPOINTS: dict[tuple[str, str], Endpoint] = {
    ("GET", "/fapi/v2/balance"): Endpoint(_balance, _SIGNED, _FIVE),
    ("GET", "/fapi/v3/balance"): Endpoint(_balance, _SIGNED, _FIVE),
    ("GET", "/fapi/v2/account"): Endpoint(_account_v2, _SIGNED, _FIVE),
    ("GET", "/fapi/v3/account"): Endpoint(_account_v3, _SIGNED, _FIVE),
    ("GET", "/fapi/v2/positionRisk"): Endpoint(_position_risk_v2, _SIGNED, _FIVE),
    ("GET", "/fapi/v3/positionRisk"): Endpoint(_position_risk_v3, _SIGNED, _FIVE),
    ("GET", "/fapi/v1/commissionRate"): Endpoint(_commission_rate, _SIGNED, _TWENTY),
    ("GET", "/fapi/v1/leverageBracket"): Endpoint(_leverage_bracket, _SIGNED, _ONE),
    ("POST", "/fapi/v1/leverage"): Endpoint(_leverage, _SIGNED, _ONE),
    ("POST", "/fapi/v1/marginType"): Endpoint(_margin_type, _SIGNED, _ONE),
    ("GET", "/fapi/v1/positionSide/dual"): Endpoint(_position_mode, _SIGNED, _THIRTY),
    ("POST", "/fapi/v1/positionSide/dual"): Endpoint(_set_position_mode, _SIGNED, _ONE),
    ("GET", "/fapi/v1/multiAssetsMargin"): Endpoint(_multi_assets, _SIGNED, _THIRTY),
    ("POST", "/fapi/v1/multiAssetsMargin"): Endpoint(_set_multi_assets, _SIGNED, _ONE),
    ("GET", "/fapi/v1/symbolConfig"): Endpoint(_symbol_config, _SIGNED, _FIVE),
    ("GET", "/fapi/v1/income"): Endpoint(_income, _SIGNED, _THIRTY),
    ("GET", "/fapi/v1/rateLimit/order"): Endpoint(_order_limits, _SIGNED, _ONE),
    ("POST", "/fapi/v1/listenKey"): Endpoint(_open_listen_key, _KEY, _ONE),
    ("PUT", "/fapi/v1/listenKey"): Endpoint(_keep_listen_key, _KEY, _ONE),
    ("DELETE", "/fapi/v1/listenKey"): Endpoint(_close_listen_key, _KEY, _ONE),
}
