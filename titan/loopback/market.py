"""What moves the market: a source gives the time of its next act and carries it out on the exchange."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from titan.loopback.generator import Generator
from titan.matching.exchange import Exchange
from titan.model.events import TradePrint
from titan.model.instruments import Instrument


class Recorded(NamedTuple):
    """A recorded frame to forward: stream kind (after ``@``), payload as received, the trade if it is one."""

    symbol: str
    kind: str
    payload: bytes
    trade: TradePrint | None = None


class MarketSource(Protocol):
    """A market, acting at its own moments; it reads no clock."""

    @property
    def instruments(self) -> tuple[Instrument, ...]: ...

    @property
    def start_ns(self) -> int:
        """Where the exchange's clock stands when the port opens."""
        ...

    def prepare(self, exchange: Exchange) -> None:
        """Bring the book to where the port may open."""
        ...

    def next_ns(self) -> int | None:
        """Time of the next act; None when the market has ended."""
        ...

    def step(self, exchange: Exchange) -> Recorded | None:
        """Carry out the next act; the exchange's clock stands at its time."""
        ...

    def learn(self, instrument: Instrument) -> None:
        """Go on in another tick."""
        ...


class GeneratedMarket:
    """The seeded generator as a source; it never ends."""

    def __init__(self, generator: Generator, instrument: Instrument, start_ns: int) -> None:
        self.instruments = (instrument,)
        self.start_ns = start_ns
        self._generator = generator

    def prepare(self, exchange: Exchange) -> None:
        """Let the generator's first act lay the book."""
        exchange.advance(max(self._generator.next_ns, exchange.now_ns))
        self._generator.act(exchange)

    def next_ns(self) -> int | None:
        """Time of the next act."""
        return self._generator.next_ns

    def step(self, exchange: Exchange) -> Recorded | None:
        """Let the background act."""
        self._generator.act(exchange)
        return None

    def learn(self, instrument: Instrument) -> None:
        """Let the background go on in another tick."""
        self._generator.learn(instrument)


class JoinedMarkets:
    """Several sources as one: whoever is due first acts, the first named among equals."""

    def __init__(self, sources: Sequence[MarketSource]) -> None:
        self._sources = sources
        self.instruments = tuple(each for source in sources for each in source.instruments)
        self.start_ns = max(source.start_ns for source in sources)

    def prepare(self, exchange: Exchange) -> None:
        """Let each lay its book."""
        for source in self._sources:
            source.prepare(exchange)

    def next_ns(self) -> int | None:
        """Time of the next act of any; None when all have ended."""
        return min((due for _, due in self._due()), default=None)

    def step(self, exchange: Exchange) -> Recorded | None:
        """Carry out the next act."""
        source, _ = min(self._due(), key=lambda each: each[1])
        return source.step(exchange)

    def learn(self, instrument: Instrument) -> None:
        """Let whoever trades it go on in another tick."""
        for source in self._sources:
            source.learn(instrument)

    def _due(self) -> list[tuple[MarketSource, int]]:
        return [(source, due) for source in self._sources if (due := source.next_ns()) is not None]
