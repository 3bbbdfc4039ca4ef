"""Calls about the account itself: how it is set up, and its dead-man switch."""

from __future__ import annotations

from typing import Any

from titan.model.clock import Clock
from titan.model.commands import KeepAlive
from titan.model.events import AccountSetup, KeptAlive
from titan.venues import binance_calls as calls
from titan.venues.binance_config import BinanceConfig
from titan.venues.binance_fills import QueryRefused, reason_of
from titan.venues.ccxt_client import Endpoint
from titan.wire.binance_setup import account_setup_from_rest
from titan.wire.binance_usdm import refusal

_MS = 1_000_000


class AccountCalls:
    """Asks about one account.

    Parameters
    ----------
    client : Client
        Carries the calls.
    config : BinanceConfig
        The account.
    clock : Clock
        Stamps events.
    """

    def __init__(self, client: calls.Client, config: BinanceConfig, clock: Clock) -> None:
        self._client = client
        self._config = config
        self._clock = clock

    async def setup(self) -> AccountSetup:
        """Position mode, asset mode, each symbol's margin mode and leverage, and what the key may do.

        Raises
        ------
        QueryRefused, WireError
            If any of them is not told: half of them would look like the whole.
        """
        config = self._config
        mode = await self._asked(calls.POSITION_MODE)
        assets = await self._asked(calls.MULTI_ASSETS)
        rows = await self._asked(calls.SYMBOL_CONFIG)
        restrictions = await self._asked(calls.RESTRICTIONS) if config.spot else None
        return account_setup_from_rest(
            mode, assets, rows, restrictions,
            time_ns=self._clock.now_ns(), venue=config.venue, symbols=config.symbols,
        )  # fmt: skip

    async def keep_alive(self, command: KeepAlive) -> KeptAlive:
        """Have the venue cancel the symbol's orders unless asked again in time.

        Raises
        ------
        QueryRefused
            If the venue does not repeat the symbol and the countdown that it was given.
        """
        countdown_ms = command.countdown_ns // _MS
        answer = await self._client.call(
            calls.KEEP_ALIVE, {"symbol": command.symbol, "countdownTime": countdown_ms}
        )
        value = answer.value
        told = (value.get("symbol"), str(value.get("countdownTime"))) if isinstance(value, dict) else ()
        if answer.status != 200 or told != (command.symbol, str(countdown_ms)):
            raise QueryRefused(reason_of(answer))
        return KeptAlive(
            time_ns=self._clock.now_ns(),
            venue=command.venue,
            symbol=command.symbol,
            countdown_ns=command.countdown_ns,
        )

    async def _asked(self, endpoint: Endpoint) -> Any:
        answer = await self._client.call(endpoint, {})
        if answer.status != 200 or refusal(answer.value) is not None:
            raise QueryRefused(f"{endpoint.method}: {reason_of(answer)}")
        return answer.value
