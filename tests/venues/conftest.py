"""A fake venue, and an adapter that has read its terms."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from tests.venues.fake_venue import Desk, FakeVenue
from titan.model.commands import QueryInstruments
from titan.model.events import QueryFailed


@pytest.fixture
async def venue() -> AsyncIterator[FakeVenue]:
    fake = FakeVenue()
    await fake.start()
    yield fake
    await fake.stop()


@pytest.fixture
async def opened(venue: FakeVenue) -> AsyncIterator[Callable[..., Awaitable[Desk]]]:
    """Opens desks with given settings and closes them after the test."""
    desks: list[Desk] = []

    async def make(**changes: Any) -> Desk:
        desk = Desk(venue, **changes)
        desks.append(desk)
        await desk.adapter.open()
        events = await desk.adapter.query_instruments(QueryInstruments(venue="binance"))
        assert not any(isinstance(event, QueryFailed) for event in events)
        return desk

    yield make
    for desk in desks:
        await desk.adapter.close()
