"""The exchange behind the protocol: core, market, clock, streams and keys, moved through time together."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping

import msgspec

from titan.loopback import shapes_orders
from titan.loopback.clock import ExchangeClock, LockstepClock
from titan.loopback.feeds import FLUSH_NS, Feeds
from titan.loopback.limits import Limiter, RateLimits
from titan.loopback.listen_keys import ListenKeys
from titan.loopback.market import MarketSource
from titan.loopback.signatures import Keyring
from titan.loopback.streams import Register
from titan.matching.exchange import Exchange
from titan.matching.terms import ExchangeSettings

Heard = Callable[[str, str, Mapping[str, str]], None]
"""Takes a call's method, path and parameters."""


class Desk:
    """One running exchange.

    Parameters
    ----------
    exchange, settings : Exchange, ExchangeSettings
        The core and what it was made with.
    source : MarketSource
        Prepared.
    clock : ExchangeClock
        Everything served is stamped by it.
    keyring, limits
        Who may sign in, and how much they may ask.
    """

    def __init__(
        self,
        exchange: Exchange,
        settings: ExchangeSettings,
        source: MarketSource,
        clock: ExchangeClock,
        keyring: Keyring,
        limits: RateLimits,
    ) -> None:
        self.exchange = exchange
        self.settings = settings
        self.source = source
        self.clock = clock
        self.keyring = keyring
        self.limits = limits
        self.limiter = Limiter(limits)
        self.listen_keys = ListenKeys()
        self.instance = secrets.token_hex(4)
        self.register = Register()
        self.feeds = Feeds(exchange, self.register)
        self.arrived: Heard = lambda method, path, params: None
        """Called with method, path and parameters when a call has arrived, before it is carried out."""
        self.carried_out: Heard = lambda method, path, params: None
        """Called afterwards."""
        self._next_flush_ns = (exchange.now_ns // FLUSH_NS + 1) * FLUSH_NS

    def catch_up(self) -> None:
        """Bring market and core to the clock's present: a call is answered from the book as it now is.

        In lock-step nothing happens here: only the control moves time.
        """
        if not isinstance(self.clock, LockstepClock):
            self.advance_to(self.clock.now_ns())

    def advance_to(self, now_ns: int, most_steps: int | None = None) -> bool:
        """Let everything due up to `now_ns` happen, in order.

        Parameters
        ----------
        most_steps : int or None
            Stop after so many acts of the market, to let others run.

        Returns
        -------
        bool
            False if it stopped early.
        """
        steps = 0
        while True:
            due_ns = self.source.next_ns()
            if due_ns is None or due_ns > now_ns:
                break
            if most_steps is not None and steps >= most_steps:
                return False
            steps += 1
            self.step(due_ns)
        self._advance(now_ns)
        return True

    def step(self, due_ns: int) -> None:
        """Let time pass until the market's next act, and let that happen."""
        self._advance(due_ns)
        recorded = self.source.step(self.exchange)
        if recorded is not None:
            if recorded.trade is not None:
                self.feeds.note_trade(recorded.trade)
            self.feeds.forward(recorded.symbol, recorded.kind, recorded.payload)
        self.feeds.pump()

    def _advance(self, now_ns: int) -> None:
        """Move the core's clock, publishing gathered depth at each 100 ms on the way."""
        while self._next_flush_ns <= now_ns:
            self.exchange.advance(max(self._next_flush_ns, self.exchange.now_ns))
            self.feeds.pump()
            self.feeds.flush(self._next_flush_ns)
            self.expire_listen_keys(self._next_flush_ns)
            self._next_flush_ns += FLUSH_NS
        self.exchange.advance(max(now_ns, self.exchange.now_ns))
        self.feeds.pump()

    def expire_listen_keys(self, now_ns: int) -> None:
        """End the private streams whose key is an hour old: one last frame, then silence, as at the venue."""
        self._tell_expired(self.listen_keys.expire(now_ns), now_ns)

    def expire_every_listen_key(self) -> None:
        """End every private stream's key before its time."""
        self._tell_expired(self.listen_keys.expire_all(), self.exchange.now_ns)

    def _tell_expired(self, ended: list[tuple[str, str]], now_ns: int) -> None:
        for account, key in ended:
            frame = msgspec.json.encode(shapes_orders.listen_key_expired(key, now_ns))
            self.register.publish_private(account, frame)
            self.register.end_private(account)
