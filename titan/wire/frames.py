"""Frames of every venue to events: picks the codec of the venue's protocol and follows its instruments' terms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from titan.model.events import MarketEvent
from titan.model.instruments import Instrument
from titan.wire.binance_market import MarketCodec


class Codec(Protocol):
    """Decodes one venue's market frames."""

    def decode(self, payload: bytes, time_ns: int) -> MarketEvent | None:
        """One frame to one event; None for frames that say nothing of the market. Never raises."""
        ...


CODECS: Mapping[str, Callable[[Mapping[str, Instrument], str], Codec]] = {"binance_usdm": MarketCodec}
"""The codec of each protocol that a [venue.NAME] may speak."""


class FrameDecoder:
    """Turns captured frames into events, live and on replay alike.

    Parameters
    ----------
    protocols : mapping of str to str
        Protocol by venue name.
    """

    def __init__(self, protocols: Mapping[str, str]) -> None:
        self._protocols = dict(protocols)
        self._instruments: dict[str, dict[str, Instrument]] = {venue: {} for venue in protocols}
        self._codecs: dict[str, Codec] = {}

    def learn(self, instrument: Instrument) -> None:
        """Take up an instrument's terms: from here on its frames are decoded by them."""
        known = self._instruments[instrument.venue]
        known[instrument.symbol] = instrument
        self._codecs[instrument.venue] = CODECS[self._protocols[instrument.venue]](
            dict(known), instrument.venue
        )

    def decode(self, venue: str, payload: bytes, time_ns: int) -> MarketEvent | None:
        """One frame to one event. Frames that come before the instruments' terms say nothing yet."""
        codec = self._codecs.get(venue)
        return codec.decode(payload, time_ns) if codec else None
