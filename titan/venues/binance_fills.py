"""Own executions and funding since a moment, complete over all pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from titan.model.events import Fill, Income
from titan.model.instruments import Instrument
from titan.venues.binance_calls import ALL_ORDERS, INCOME, USER_TRADES, Client
from titan.venues.ccxt_client import Answer, Endpoint
from titan.wire.binance_usdm import fill_from_rest, income_from_rest, refusal

PAGE = 1_000
WEEK_MS = 7 * 24 * 3_600_000
"""The longest span that one request for trades may cover."""

KNOWN_ORDERS = 10_000
_MS = 1_000_000


class QueryRefused(Exception):
    """A page that did not come; the text says why."""


def rows(answer: Answer) -> list[Any]:
    """The answer as a list; `QueryRefused` if it is none."""
    value = answer.value
    if answer.status != 200 or not isinstance(value, list):
        raise QueryRefused(reason_of(answer))
    return value


def reason_of(answer: Answer) -> str:
    """Why an answer is of no use."""
    refused = refusal(answer.value)
    if refused is not None:
        return f"{refused[0]} {refused[1]}"
    return answer.failure or f"status {answer.status}, unreadable: {answer.payload[:80]!r}"


class OrderNames:
    """Client ids by the venue's order id, of the orders heard of last; own trades name only the latter."""

    def __init__(self) -> None:
        self._client_ids: dict[str, str] = {}

    def note(self, venue_id: str, client_id: str) -> None:
        """Remember one; the oldest is forgotten."""
        self._client_ids.pop(venue_id, None)
        self._client_ids[venue_id] = client_id
        if len(self._client_ids) > KNOWN_ORDERS:
            del self._client_ids[next(iter(self._client_ids))]

    @property
    def known(self) -> Mapping[str, str]:
        """Client id by order id."""
        return self._client_ids


class FillsQuery:
    """Reads one symbol's trades and funding.

    Parameters
    ----------
    client : Client
        Carries the calls.
    names : OrderNames
        Known client ids; completed from the venue where they are missing.
    """

    def __init__(self, client: Client, names: OrderNames) -> None:
        self._client = client
        self._names = names

    async def trades(self, symbol: str, since_ns: int) -> list[Any]:
        """Every execution since then as the venue tells it, oldest first, its order's client id known.

        Raises
        ------
        QueryRefused
            If any page fails: half of them would look like the whole.
        """
        trades = await self._trades(symbol, since_ns // _MS)
        await self._name_orders(symbol, trades)
        return trades

    def told(
        self,
        trades: list[Any],
        since_ns: int,
        time_ns: int,
        venue: str,
        instruments: Mapping[str, Instrument],
    ) -> tuple[Fill, ...]:
        """Executions by the terms that hold now; they may have changed while the query was under way."""
        fills = [fill_from_rest(trade, time_ns, venue, instruments, self._names.known) for trade in trades]
        return tuple(fill for fill in fills if fill.venue_ns >= since_ns // _MS * _MS)

    async def income(self, symbol: str, since_ns: int, time_ns: int, venue: str) -> list[Income]:
        """Funding since then; trades tell their fees and profits themselves."""
        found: list[Any] = []
        page = 1
        while True:
            params: dict[str, str | int] = {"symbol": symbol, "incomeType": "FUNDING_FEE", "limit": PAGE}
            got = await self._page(INCOME, {**params, "startTime": since_ns // _MS, "page": page})
            found += got
            if len(got) < PAGE:
                return income_from_rest(found, time_ns, venue)
            page += 1

    async def _trades(self, symbol: str, since_ms: int) -> list[Any]:
        now_ms = self._client.venue_ns() // _MS
        found: list[Any] = []
        start_ms = since_ms
        while start_ms <= now_ms:
            end_ms = start_ms + WEEK_MS - 1
            span: dict[str, str | int] = {
                "symbol": symbol,
                "startTime": start_ms,
                "endTime": end_ms,
                "limit": PAGE,
            }
            got = await self._page(USER_TRADES, span)
            found += got
            if len(got) >= PAGE:
                return found + await self._trades_after(symbol, int(got[-1]["id"]))
            start_ms = end_ms + 1
        return found

    async def _trades_after(self, symbol: str, trade_id: int) -> list[Any]:
        """All later trades, by id: a time stamp may be shared by more trades than a page holds."""
        found: list[Any] = []
        while True:
            got = await self._page(USER_TRADES, {"symbol": symbol, "fromId": trade_id + 1, "limit": PAGE})
            found += got
            if len(got) < PAGE:
                return found
            trade_id = int(got[-1]["id"])

    async def _name_orders(self, symbol: str, trades: list[Any]) -> None:
        """Learn the client ids of orders that this process has not seen, such as the session's before."""
        unknown = [
            int(trade["orderId"]) for trade in trades if str(trade["orderId"]) not in self._names.known
        ]
        if not unknown:
            return
        next_id, last_id = min(unknown), max(unknown)
        while next_id <= last_id:
            got = await self._page(ALL_ORDERS, {"symbol": symbol, "orderId": next_id, "limit": PAGE})
            for order in got:
                self._names.note(str(order["orderId"]), str(order["clientOrderId"]))
            if len(got) < PAGE:
                return
            next_id = max(int(order["orderId"]) for order in got) + 1

    async def _page(self, endpoint: Endpoint, params: Mapping[str, str | int]) -> list[Any]:
        got = rows(await self._client.call(endpoint, params))
        if not all(isinstance(row, dict) for row in got):
            raise QueryRefused(f"{endpoint.method}: a row is no object")
        return got
