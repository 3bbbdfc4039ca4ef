"""The REST gateway: find the endpoint, charge its weight, check key and signature, answer as Binance."""

from __future__ import annotations

from urllib.parse import parse_qsl

import msgspec

from titan.loopback import rest_account, rest_market, rest_orders
from titan.loopback.answer import RestAnswer
from titan.loopback.call import Call, Endpoint, Security
from titan.loopback.desk import Desk
from titan.loopback.errors import VenueError
from titan.loopback.params import Params
from titan.loopback.refusals import venue_error
from titan.matching.types import Refusal

ENDPOINTS: dict[tuple[str, str], Endpoint] = (
    rest_market.ENDPOINTS | rest_orders.ENDPOINTS | rest_account.ENDPOINTS
)


def answer(desk: Desk, method: str, path: str, query: str, body: str, api_key: str | None) -> RestAnswer:
    """Carry out one REST call; never raises for what a client sent.

    Parameters
    ----------
    query, body : str
        As sent, still encoded: the signature covers these bytes.
    """
    desk.catch_up()
    now_ns = desk.exchange.now_ns
    endpoint = ENDPOINTS.get((method, path))
    stated = dict(parse_qsl(query, keep_blank_values=True) + parse_qsl(body, keep_blank_values=True))
    account = None
    desk.arrived(method, path, stated)
    try:
        if endpoint is None:
            raise VenueError(-5000, f"Path {path}, Method {method} is invalid", 404)
        params = Params(stated)
        desk.limiter.charge(endpoint.weight(params), now_ns)
        account = _account(desk, endpoint, query, body, params, api_key, now_ns)
        if account is not None and any(endpoint.orders):
            desk.limiter.charge_orders(account, *endpoint.orders, now_ns)
        result = endpoint.handler(Call(desk, params, account or "", now_ns))
        status, content = 200, msgspec.json.encode(result)
    except (VenueError, Refusal) as problem:
        error = problem if isinstance(problem, VenueError) else venue_error(problem)
        status, content = error.status, msgspec.json.encode(error.body())
    desk.carried_out(method, path, stated)
    desk.feeds.pump()  # what the call caused goes out before its answer
    counted = endpoint is not None and any(endpoint.orders)
    headers = desk.limiter.headers(account, counted, now_ns)
    if status in (418, 429):
        headers["Retry-After"] = str(desk.limiter.retry_after_s(now_ns))
    return RestAnswer(status, headers, content)


def _account(
    desk: Desk, endpoint: Endpoint, query: str, body: str, params: Params, api_key: str | None, now_ns: int
) -> str | None:
    if endpoint.security is Security.NONE:
        return None
    account = desk.keyring.account(api_key)
    if endpoint.security is Security.SIGNED:
        desk.keyring.verify(account, query, body, params, now_ns)
    return account
