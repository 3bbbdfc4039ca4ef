"""Exchanges on real sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal

import aiohttp
import pytest

from tests.loopback.client import DEFAULT, Client
from titan.loopback.main import LOCKSTEP, ExchangeOptions, build_desk, serving
from titan.loopback.signatures import Credentials

SECOND = Credentials("second-key", "second-secret", Decimal(1_000))


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    """A client of a generated market that stands still unless the test lets time pass."""
    desk = build_desk(ExchangeOptions(speed=LOCKSTEP, accounts=(DEFAULT, SECOND)))
    async with serving(desk) as port, aiohttp.ClientSession() as session:
        yield Client(desk, port, session, DEFAULT)


@pytest.fixture
def second(client: Client) -> Client:
    """The same exchange, another account with 1,000 USDT."""
    return client.of(SECOND)
