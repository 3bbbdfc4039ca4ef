"""Binance USD-M's private stream and REST answers to account events.

Every function raises `WireError` on what it cannot read to the end: half an answer proves nothing about an
order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from titan.model.events import (
    AccountEvent,
    AccountSnapshot,
    Balance,
    BalanceUpdate,
    FeeRates,
    Fill,
    Income,
    OrderUpdate,
    Position,
    Source,
    StreamState,
)
from titan.model.instruments import Instrument, OffGridError
from titan.model.orders import BUY, SELL
from titan.wire.binance_account_shapes import (
    AccountUpdate,
    OrderOnStream,
    OrderTradeUpdate,
    RestAccount,
    RestCommission,
    RestIncome,
    RestOrder,
    RestPosition,
    RestTrade,
    UserEvent,
)
from titan.wire.grid import UNREADABLE, WireError

_MS = 1_000_000
_T = TypeVar("_T")

ORDER_STATES = {
    "NEW": "open",
    "PARTIALLY_FILLED": "partially_filled",
    "FILLED": "filled",
    "CANCELED": "cancelled",
    "REJECTED": "rejected",
    "EXPIRED": "expired",
    "EXPIRED_IN_MATCH": "expired",
}
_FORCED = frozenset({"NEW_ADL", "NEW_INSURANCE"})
"""Forced closings by the venue: told in one message with the execution."""

_EXPLAINS = _FORCED | {"REJECTED", "EXPIRED", "EXPIRED_IN_MATCH"}
LIVE_STATES = frozenset({"open", "partially_filled"})
_EXECUTIONS = frozenset({"TRADE", "CALCULATED"})
_TOLD_BY_FILLS = frozenset({"COMMISSION", "REALIZED_PNL"})
_INCOME_KINDS = {"FUNDING_FEE": "funding"}
_SIDES = {"BUY": BUY, "SELL": SELL}

_user_event = msgspec.json.Decoder(UserEvent)
_order_trade_update = msgspec.json.Decoder(OrderTradeUpdate, strict=False)
_account_update = msgspec.json.Decoder(AccountUpdate, strict=False)


def decode_user_event(
    payload: bytes, time_ns: int, venue: str, instruments: Mapping[str, Instrument]
) -> list[AccountEvent | StreamState]:
    """One message of the private stream to events.

    Parameters
    ----------
    instruments : mapping of str to Instrument
        By symbol. Orders of other symbols are not ours to follow: they give no event.

    Returns
    -------
    list
        An order message gives an `OrderUpdate`, and after it the `Fill` if it tells one. An account message
        gives a `BalanceUpdate`. An expired listen key gives a `StreamState` that is down. Other messages
        give nothing.

    Raises
    ------
    WireError
        If the message cannot be read: the private stream can then not be trusted until reconciled.
    """
    try:
        kind = _user_event.decode(payload)
        if bytes(kind.data):
            payload = bytes(kind.data)
            kind = _user_event.decode(payload)
        if kind.e == "ORDER_TRADE_UPDATE":
            return _order_events(_order_trade_update.decode(payload), time_ns, venue, instruments)
        if kind.e == "ACCOUNT_UPDATE":
            return [_balance_update(_account_update.decode(payload), time_ns, venue)]
    except UNREADABLE as error:
        text = payload[:200].decode(errors="replace")
        raise WireError(f"private message unreadable ({error}): {text}") from None
    if kind.e == "listenKeyExpired":
        reason = "listen key expired"
        return [StreamState(time_ns=time_ns, venue=venue, stream="private", up=False, reason=reason)]
    return []


def _order_events(
    update: OrderTradeUpdate, time_ns: int, venue: str, instruments: Mapping[str, Instrument]
) -> list[AccountEvent | StreamState]:
    order = update.o
    instrument = instruments.get(order.s)
    if instrument is None:
        return []
    where = f"order {order.c} ({order.i}) of {order.s}"
    size, filled = _lots(instrument, order.q, where), _lots(instrument, order.z, where)
    state = OrderUpdate(
        time_ns=time_ns,
        venue=venue,
        symbol=order.s,
        venue_ns=update.T * _MS,
        client_id=order.c,
        venue_id=str(order.i),
        state=_state(order.X, size, filled, where),
        side=_SIDES[order.S],
        price=_ticks(instrument, order.p, where),
        size=size,
        filled=filled,
        reduce_only=order.R,
        source="stream",
        reason=_reason(order.X),
    )
    if order.x not in _EXECUTIONS or not order.l:
        return [state]
    return [state, _stream_fill(order, instrument, update.T * _MS, time_ns, where)]


def _stream_fill(
    order: OrderOnStream, instrument: Instrument, venue_ns: int, time_ns: int, where: str
) -> Fill:
    return Fill(
        time_ns=time_ns,
        venue=instrument.venue,
        symbol=order.s,
        venue_ns=venue_ns,
        client_id=order.c,
        venue_id=str(order.i),
        trade_id=str(order.t),
        side=_SIDES[order.S],
        price=_ticks(instrument, order.L, where),
        size=_lots(instrument, order.l, where),
        maker=order.m,
        fee=_money(order.n, where),
        fee_asset=order.N or instrument.settle,
        realized=_money(order.rp, where),
        source="stream",
    )


def _balance_update(update: AccountUpdate, time_ns: int, venue: str) -> BalanceUpdate:
    return BalanceUpdate(
        time_ns=time_ns,
        venue=venue,
        balances=tuple(_balance(asset.a, asset.wb) for asset in update.a.B),
        cause=update.a.m,
        venue_ns=update.T * _MS,
    )


# ---- REST ------------------------------------------------------------------------------------------------


def order_from_rest(
    answer: Any, time_ns: int, venue: str, instruments: Mapping[str, Instrument], source: Source
) -> OrderUpdate:
    """One order of a REST answer (place, amend, cancel, query, open orders).

    Raises
    ------
    WireError
        If anything is missing (an answer without an id proves nothing), or the symbol is none of
        `instruments`.
    """
    found = _convert(answer, RestOrder)
    where = f"order {found.clientOrderId} ({found.orderId}) of {found.symbol}"
    instrument = _instrument(instruments, found.symbol, where)
    size, filled = _lots(instrument, found.origQty, where), _lots(instrument, found.executedQty, where)
    state = _state(found.status, size, filled, where)
    # An order that has ended may be of an older grid: nobody acts on its price, which is the nearest tick then.
    price = (
        _ticks(instrument, found.price, where)
        if state in LIVE_STATES
        else _nearest(instrument, found.price, where)
    )
    return OrderUpdate(
        time_ns=time_ns,
        venue=venue,
        symbol=found.symbol,
        venue_ns=found.updateTime * _MS,
        client_id=found.clientOrderId,
        venue_id=str(found.orderId),
        state=state,
        side=_SIDES[found.side],
        price=price,
        size=size,
        filled=filled,
        reduce_only=found.reduceOnly,
        source=source,
        reason=_reason(found.status),
    )


def fill_from_rest(
    answer: Any,
    time_ns: int,
    venue: str,
    instruments: Mapping[str, Instrument],
    client_ids: Mapping[str, str],
) -> Fill:
    """One own execution of userTrades.

    Parameters
    ----------
    client_ids : mapping of str to str
        The venue's order id to the client id, which this answer does not tell; empty where unknown.

    Notes
    -----
    A price off the present grid is of a time before the tick changed: it is told exactly, in a tick of its own.
    """
    found = _convert(answer, RestTrade)
    where = f"trade {found.id} of order {found.orderId} of {found.symbol}"
    instrument = _instrument(instruments, found.symbol, where)
    ticks, tick_size = _exact(instrument, found.price, where)
    return Fill(
        time_ns=time_ns,
        venue=venue,
        symbol=found.symbol,
        venue_ns=found.time * _MS,
        client_id=client_ids.get(str(found.orderId), ""),
        venue_id=str(found.orderId),
        trade_id=str(found.id),
        side=_SIDES[found.side],
        price=ticks,
        size=_lots(instrument, found.qty, where),
        maker=found.maker,
        fee=_money(found.commission, where),
        fee_asset=found.commissionAsset,
        realized=_money(found.realizedPnl, where),
        source="query",
        tick_size=tick_size,
    )


def account_from_rest(
    account: Any,
    position_risk: Any,
    purpose: str,
    time_ns: int,
    venue: str,
    instruments: Mapping[str, Instrument],
) -> AccountSnapshot:
    """The account and positionRisk answers, read together, as one snapshot: every asset, every non-zero
    position.

    Raises
    ------
    WireError
        Also for a position of a symbol that `instruments` does not hold (its lots cannot be told: pass all
        of exchangeInfo), and for one in hedge mode (Titan trades one-way accounts).
    """
    found = _convert(account, RestAccount)
    risks = [risk for risk in _convert(position_risk, list[RestPosition]) if risk.positionAmt]
    return AccountSnapshot(
        time_ns=time_ns,
        venue=venue,
        purpose=purpose,
        balances=tuple(_balance(asset.asset, asset.walletBalance) for asset in found.assets),
        positions=tuple(_position(risk, instruments) for risk in risks),
        venue_ns=max((risk.updateTime for risk in risks), default=0) * _MS,
        maintenance_margin=_stated(found.totalMaintMargin, "totalMaintMargin"),
        margin_balance=_stated(found.totalMarginBalance, "totalMarginBalance"),
    )


def _position(risk: RestPosition, instruments: Mapping[str, Instrument]) -> Position:
    where = f"position of {risk.symbol}"
    if risk.positionSide != "BOTH":
        raise WireError(f"{where} is a {risk.positionSide} of hedge mode: switch the account to one-way mode")
    instrument = _instrument(instruments, risk.symbol, where)
    return Position(
        symbol=risk.symbol,
        lots=_lots(instrument, risk.positionAmt, where),
        entry=_money(risk.entryPrice, where),
        mark=_money(risk.markPrice, where),
        unrealized=_money(risk.unRealizedProfit, where),
        liquidation=_stated(risk.liquidationPrice, where),
        maintenance_margin=_stated(risk.maintMargin, where),
    )


def income_from_rest(answers: Iterable[Any], time_ns: int, venue: str) -> list[Income]:
    """Wallet movements that no fill tells: kind ``funding``, others the venue's word in lower case."""
    found = [_convert(answer, RestIncome) for answer in answers]
    return [
        Income(
            time_ns=time_ns,
            venue=venue,
            symbol=income.symbol,
            venue_ns=income.time * _MS,
            kind=_INCOME_KINDS.get(income.incomeType, income.incomeType.lower()),
            asset=income.asset,
            amount=_money(income.income, f"income {income.tranId}"),
            income_id=f"{income.incomeType}:{income.tranId}",
        )
        for income in found
        if income.incomeType not in _TOLD_BY_FILLS
    ]


def fee_rates_from_rest(answer: Any, time_ns: int, venue: str) -> FeeRates:
    """The commissionRate answer."""
    found = _convert(answer, RestCommission)
    where = f"commission rate of {found.symbol}"
    return FeeRates(
        time_ns=time_ns,
        venue=venue,
        symbol=found.symbol,
        maker=_money(found.makerCommissionRate, where),
        taker=_money(found.takerCommissionRate, where),
    )


# ---- Common ----------------------------------------------------------------------------------------------


def _convert(answer: Any, shape: type[_T]) -> _T:
    try:
        return msgspec.convert(answer, shape, strict=False)
    except msgspec.ValidationError as error:
        raise WireError(f"answer unreadable as {shape.__name__} ({error}): {str(answer)[:200]}") from None


def _instrument(instruments: Mapping[str, Instrument], symbol: str, where: str) -> Instrument:
    instrument = instruments.get(symbol)
    if instrument is None:
        raise WireError(f"{where}: the symbol is not among the instruments; re-read them")
    return instrument


def _state(status: str, size: int, filled: int, where: str) -> str:
    if status in _FORCED:
        return "filled" if filled >= size else "open"
    if status not in ORDER_STATES:
        raise WireError(f"{where}: status {status!r} is not known; query the order and look at the venue")
    return ORDER_STATES[status]


def _reason(status: str) -> str:
    """The venue's word where it explains an end that nobody asked for."""
    return status if status in _EXPLAINS else ""


def _balance(asset: str, wallet: Decimal) -> Balance:
    return Balance(asset, _money(wallet, f"balance of {asset}"))


def _money(amount: Decimal, where: str) -> Decimal:
    if not amount.is_finite():
        raise WireError(f"{where}: {amount} is not a number")
    return amount


def _stated(amount: Decimal | None, where: str) -> Decimal | None:
    """An amount that not every version of an answer holds: absent is unknown, never zero."""
    return None if amount is None else _money(amount, where)


def _ticks(instrument: Instrument, price: Decimal, where: str) -> int:
    return _on_grid(instrument.ticks, _money(price, where), where)


def _exact(instrument: Instrument, price: Decimal, where: str) -> tuple[int, Decimal | None]:
    """A price in ticks, and the tick if it is not the instrument's: the step of its own last decimal."""
    try:
        return instrument.ticks(_money(price, where)), None
    except OffGridError:
        exponent = int(price.as_tuple().exponent)
        return int(price.scaleb(-exponent)), Decimal(1).scaleb(exponent)


def _nearest(instrument: Instrument, price: Decimal, where: str) -> int:
    return round(_money(price, where) / instrument.tick_size)


def _lots(instrument: Instrument, size: Decimal, where: str) -> int:
    return _on_grid(instrument.lots, _money(size, where), where)


def _on_grid(convert: Callable[[Decimal], int], value: Decimal, where: str) -> int:
    try:
        return convert(value)
    except OffGridError as error:
        raise WireError(f"{where}: {error}") from None
