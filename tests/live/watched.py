"""A loopback exchange that keeps a log of everything that was asked of it, over real sockets."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any, NamedTuple
from urllib.parse import parse_qs

import pytest

from tests.live.desks import open_exchange
from titan.loopback import rest
from titan.loopback.desk import Desk
from titan.loopback.main import ExchangeOptions

PUBLIC = {"/fapi/v1/time", "/fapi/v1/exchangeInfo", "/fapi/v1/depth"}


class Asked(NamedTuple):
    """One REST request as it arrived."""

    method: str
    path: str
    key: str | None
    signed: bool


class Watched:
    """The exchange, its address, and what was asked of it: REST requests, and private streams."""

    def __init__(self, desk: Desk, url: str) -> None:
        self.desk = desk
        self.url = url
        self.asked: list[Asked] = []
        self.private_streams = 0

    def nothing_private(self) -> bool:
        """Whether everything could have been asked by anybody: no key, no signature, no private stream."""
        anybody = all(each.key is None and not each.signed and each.path in PUBLIC for each in self.asked)
        return anybody and not self.private_streams

    def changing(self) -> list[Asked]:
        """Requests that could change an order or the account."""
        return [each for each in self.asked if each.method != "GET" and each.path != "/fapi/v1/listenKey"]


@contextlib.asynccontextmanager
async def watched_exchange(
    monkeypatch: pytest.MonkeyPatch, options: ExchangeOptions | None = None
) -> AsyncIterator[Watched]:
    """An exchange in this process whose every request is noted as it stands on the wire."""
    async with open_exchange(options) as (desk, url):
        watched = Watched(desk, url)
        carry_out, add_private = rest.answer, desk.register.add_private

        def answer(of: Desk, method: str, path: str, query: str, body: str, key: str | None) -> Any:
            stated = {**parse_qs(query), **parse_qs(body)}
            watched.asked.append(Asked(method, path, key, "signature" in stated))
            return carry_out(of, method, path, query, body, key)

        def add(connection: Any) -> None:
            watched.private_streams += 1
            add_private(connection)

        with monkeypatch.context() as patch:
            patch.setattr(rest, "answer", answer)
            patch.setattr(desk.register, "add_private", add)
            yield watched
