"""A seeded market: background participants who quote, cancel and trade on the exchange, around a moving
fair value.

The fair value follows a random walk whose volatility switches between regimes. Quoters place post-only
orders near it and take away those it has left behind; informed takers trade against quotes on the wrong
side of it; uninformed takers arrive by a self-exciting (Hawkes) process. So a quote near the touch fills
within seconds, and some of its fills are adverse.

References
----------
Hawkes, Biometrika 58(1), 1971. Farmer, Patelli, Zovko, PNAS 102(6), 2005 (zero intelligence).
"""

from __future__ import annotations

import math
import random
from decimal import Decimal
from typing import NamedTuple

from titan.matching.exchange import Exchange
from titan.matching.terms import SECOND_NS, AccountTerms
from titan.matching.types import OrderKind, OrderRequest, Refusal, RefusalReason
from titan.model.instruments import Instrument
from titan.model.orders import BUY, SELL, Lifetime

QUOTER = "crowd/quoter"
TAKER = "crowd/taker"
SECONDS_A_YEAR = 365 * 86_400


class Regime(NamedTuple):
    """Annual volatility (fraction), factor on all arrival rates, and mean time until the next regime."""

    volatility: float
    activity: float
    dwell_s: float


class Crowd(NamedTuple):
    """How the background participants behave; rates are per second at activity 1.

    Uninformed takers arrive at `takers` plus, after each of their orders, `excitement` decaying at `decay`
    (both per second). `orders_a_side` bounds the quotes; a `touch_share` of them stand as close to the fair
    value as a quoter dares, the others `quote_reach_ticks` further on average. Sizes are exponential with
    the given means, in lots.
    """

    start_price: float = 60_000.0
    quotes: float = 40.0
    cancels: float = 30.0
    informed: float = 12.0
    takers: float = 2.5
    excitement: float = 1.0
    decay: float = 2.0
    orders_a_side: int = 60
    touch_share: float = 0.4
    quote_reach_ticks: float = 4.0
    quote_lots: float = 250.0
    taker_lots: float = 180.0
    regimes: tuple[Regime, ...] = (Regime(0.04, 0.8, 60.0), Regime(0.10, 1.0, 90.0), Regime(0.30, 1.5, 30.0))


def default_instrument(venue: str = "loopback", symbol: str = "BTCUSDT") -> Instrument:
    """A perpetual on a coin in USDT with the terms of the large venues for BTCUSDT."""
    return Instrument(
        venue=venue,
        symbol=symbol,
        base=symbol.removesuffix("USDT"),
        quote="USDT",
        settle="USDT",
        kind="linear",
        multiplier=Decimal(1),
        tick_size=Decimal("0.10"),
        lot_size=Decimal("0.001"),
        min_lots=1,
        max_lots=1_000_000,
        max_market_lots=120_000,
        min_notional=Decimal(5),
        band_up=Decimal("1.05"),
        band_down=Decimal("0.95"),
        status="trading",
    )


class Generator:
    """Acts for all background participants of one instrument: call `act` whenever the clock reaches
    `next_ns`.

    Parameters
    ----------
    seed : int
        Same seed, same exchange calls by everyone else: same market.
    instrument : Instrument
        What is traded.
    start_ns : int
        Time of the first act, which opens the accounts and fills the book.
    crowd : Crowd
        Behaviour of the participants.
    """

    def __init__(self, seed: int, instrument: Instrument, start_ns: int, crowd: Crowd | None = None) -> None:
        self.next_ns = start_ns
        self.pace = 1.0
        """Factor on all arrival rates, beside the regime's."""
        self._random = random.Random(seed)
        self._instrument = instrument
        self._crowd = Crowd() if crowd is None else crowd
        self._fair_ticks = self._crowd.start_price / float(instrument.tick_size)
        self._last_ns = start_ns
        self._excited = 0.0
        self._side = BUY
        self._regime = 1 % len(self._crowd.regimes)
        self._quotes: dict[int, dict[int, int]] = {BUY: {}, SELL: {}}  # order id -> price, as far as known
        self._begun = False

    @property
    def fair_ticks(self) -> float:
        """The value that quoters and informed takers know, in ticks."""
        return self._fair_ticks

    def learn(self, instrument: Instrument) -> None:
        """Go on in another tick, once the exchange has cancelled every order; another instrument's is ignored."""
        if instrument.symbol != self._instrument.symbol:
            return
        self._fair_ticks *= float(self._instrument.tick_size / instrument.tick_size)
        self._instrument = instrument
        self._quotes = {BUY: {}, SELL: {}}

    def act(self, exchange: Exchange) -> None:
        """Carry out what happens at `next_ns`, and set the next one."""
        now_ns = self.next_ns
        if now_ns > exchange.now_ns:
            exchange.advance(now_ns)
        if self._begun:
            self._happen(exchange, (now_ns - self._last_ns) / SECOND_NS)
        else:
            self._begin(exchange)
        self._last_ns = now_ns
        # The intensity only falls until the next arrival, so the present one bounds it (thinning).
        wait_s = self._random.expovariate(self._intensity())
        self.next_ns = now_ns + max(int(wait_s * SECOND_NS), 1)

    def _intensity(self) -> float:
        crowd, activity = self._crowd, self._activity
        return activity * (crowd.quotes + crowd.cancels + crowd.informed + crowd.takers) + self._excited

    @property
    def _activity(self) -> float:
        return self.pace * self._crowd.regimes[self._regime].activity

    def _begin(self, exchange: Exchange) -> None:
        # Several generators on one exchange share the crowd's accounts.
        for account in (QUOTER, TAKER):
            if account not in exchange.accounts():
                exchange.open_account(account, AccountTerms(background=True))
        self._begun = True
        self._tell_index(exchange)
        for _ in range(self._crowd.orders_a_side):
            self._quote(exchange, BUY)
            self._quote(exchange, SELL)

    def _happen(self, exchange: Exchange, elapsed_s: float) -> None:
        bound = self._intensity()
        self._drift(exchange, elapsed_s)
        if not exchange.instruments()[self._instrument.symbol].trading:
            return  # a halted market: the fair value moves on, nobody can act
        crowd, activity = self._crowd, self._activity
        draw = self._random.random() * bound
        for rate, happening in (
            (crowd.quotes * activity, self._quote_somewhere),
            (crowd.cancels * activity, self._cancel_somewhere),
            (crowd.informed * activity, self._trade_informed),
            (crowd.takers * activity + self._excited, self._trade_uninformed),
        ):
            if draw < rate:
                happening(exchange)
                return
            draw -= rate

    def _drift(self, exchange: Exchange, elapsed_s: float) -> None:
        """Let the fair value, the regime and the excitement run on."""
        regime = self._crowd.regimes[self._regime]
        deviation = regime.volatility * math.sqrt(elapsed_s / SECONDS_A_YEAR)
        self._fair_ticks *= math.exp(deviation * self._random.gauss(0.0, 1.0))
        self._excited *= math.exp(-self._crowd.decay * elapsed_s)
        if self._random.random() < elapsed_s / regime.dwell_s:
            self._regime = self._random.randrange(len(self._crowd.regimes))
            self._new_funding_rate(exchange)
        self._tell_index(exchange)

    def _new_funding_rate(self, exchange: Exchange) -> None:
        rate = self._random.gauss(0.0001, 0.0001)
        exchange.set_funding_rate(self._instrument.symbol, Decimal(f"{rate:.8f}"))

    def _tell_index(self, exchange: Exchange) -> None:
        index = Decimal(f"{self._fair_ticks:.4f}") * self._instrument.tick_size
        exchange.set_index(self._instrument.symbol, index.quantize(Decimal("0.00000001")))

    # ---- quoters ----

    def renew(self, exchange: Exchange) -> None:
        """Take every quote away and quote both sides anew: none is left on the wrong side of the fair value."""
        if not exchange.instruments()[self._instrument.symbol].trading:
            return
        for quotes in self._quotes.values():
            while quotes:
                self._withdraw(exchange, quotes, next(iter(quotes)))
        for _ in range(self._crowd.orders_a_side):
            self._quote(exchange, BUY)
            self._quote(exchange, SELL)

    def _quote_somewhere(self, exchange: Exchange) -> None:
        side = self._random.choice((BUY, SELL))
        if len(self._quotes[side]) >= self._crowd.orders_a_side:
            self._cancel(exchange, side)
        self._quote(exchange, side)

    def _quote(self, exchange: Exchange, side: int) -> None:
        """Queue one order behind the fair value, mostly close to it."""
        at_touch = self._random.random() < self._crowd.touch_share
        away = 0.0 if at_touch else self._random.expovariate(1.0 / self._crowd.quote_reach_ticks)
        price = self._nearest(side) - side * int(away)
        request = OrderRequest(
            symbol=self._instrument.symbol,
            side=side,
            price=max(price, 1),
            size=self._size(self._crowd.quote_lots),
            lifetime=Lifetime.POST_ONLY,
        )
        try:
            record = exchange.place(QUOTER, request)
        except Refusal as refusal:
            if refusal.reason is not RefusalReason.POST_ONLY_WOULD_CROSS:
                raise
            return
        self._quotes[side][record.order_id] = record.price

    def _nearest(self, side: int) -> int:
        """The price closest to the fair value at which a quoter is willing to stand."""
        return math.floor(self._fair_ticks - 0.5) if side == BUY else math.ceil(self._fair_ticks + 0.5)

    def _cancel_somewhere(self, exchange: Exchange) -> None:
        side = self._random.choice((BUY, SELL))
        if len(self._quotes[side]) > self._crowd.orders_a_side // 2 or self._stale(side):
            self._cancel(exchange, side)

    def _stale(self, side: int) -> list[int]:
        """Quotes that the fair value has passed."""
        nearest = self._nearest(side)
        return [order_id for order_id, price in self._quotes[side].items() if side * (price - nearest) > 0]

    def _cancel(self, exchange: Exchange, side: int) -> None:
        """Take away a quote: one that has become wrong, else mostly one far away."""
        quotes = self._quotes[side]
        stale = self._stale(side)
        if stale:
            order_id = self._random.choice(stale)
        else:
            # The worse of two: far quotes go first, near ones are renewed as well.
            order_id = min(self._random.choices(list(quotes), k=2), key=lambda chosen: side * quotes[chosen])
        self._withdraw(exchange, quotes, order_id)

    def _withdraw(self, exchange: Exchange, quotes: dict[int, int], order_id: int) -> None:
        del quotes[order_id]
        try:
            exchange.cancel(QUOTER, self._instrument.symbol, order_id=order_id)
        except Refusal as refusal:
            if refusal.reason is not RefusalReason.UNKNOWN_ORDER:  # it was filled: nothing is left to cancel
                raise

    # ---- takers ----

    def _trade_informed(self, exchange: Exchange) -> None:
        """Trade against what stands on the wrong side of the fair value."""
        depth = exchange.depth(self._instrument.symbol, 1)
        for side, levels in ((BUY, depth.asks), (SELL, depth.bids)):
            # One tick of gain is asked for.
            limit = math.floor(self._fair_ticks) - 1 if side == BUY else math.ceil(self._fair_ticks) + 1
            if levels and side * (limit - levels[0][0]) >= 0:
                size = self._size(2 * self._crowd.taker_lots)
                self._take(exchange, side, size, OrderKind.LIMIT, limit)

    def _trade_uninformed(self, exchange: Exchange) -> None:
        """Buy or sell at the market; the side tends to stay, and an arrival excites more of them."""
        if self._random.random() > 0.6:
            self._side = -self._side
        self._excited += self._crowd.excitement
        self._take(exchange, self._side, self._size(self._crowd.taker_lots), OrderKind.MARKET, 0)

    def _take(self, exchange: Exchange, side: int, size: int, kind: OrderKind, price: int) -> None:
        request = OrderRequest(
            symbol=self._instrument.symbol,
            side=side,
            size=size,
            price=price,
            kind=kind,
            lifetime=Lifetime.IOC,
        )
        exchange.place(TAKER, request)

    def _size(self, mean_lots: float) -> int:
        return 1 + int(self._random.expovariate(1.0 / mean_lots))
