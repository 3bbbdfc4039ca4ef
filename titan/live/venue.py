"""From a [venue.NAME] section to an adapter: addresses, keys, protocol."""

from __future__ import annotations

import hashlib
import ipaddress
from typing import NamedTuple
from urllib.parse import urlsplit

from titan.live.errors import StartRefused, UsageError
from titan.model.clock import Clock, SetClock
from titan.settings import Venue
from titan.venues.adapter import Adapter, Sinks
from titan.venues.binance import BinanceAdapter
from titan.venues.binance_config import BinanceConfig

WATCHDOG_S = 15.0
"""Silence after which a market stream is rebuilt; the engine pulls its quotes long before."""

CLOCK_SYNC_S = 30.0

LOOPBACK_KEY = "loopback-key"
LOOPBACK_SECRET = "loopback-secret"


class VenueAddress(NamedTuple):
    """Where a venue is reached."""

    rest_url: str
    stream_url: str
    control_url: str


def address_of(venue: Venue, child_port: int | None) -> VenueAddress:
    """The addresses of a loopback exchange: the child's, or those of the settings.

    Raises
    ------
    UsageError
        If an address is not one of this machine, which mode loopback requires.
    """
    if child_port is not None:
        host = f"127.0.0.1:{child_port}"
        return VenueAddress(f"http://{host}", f"ws://{host}", f"ws://{host}/control")
    rest = urlsplit(venue.rest_url)
    try:
        port_exists = rest.port is None or rest.port > 0
    except ValueError:
        port_exists = False
    if not port_exists or rest.scheme not in {"http", "https"} or not rest.hostname:
        raise UsageError(f"rest_url = {venue.rest_url}: write it like http://127.0.0.1:8080")
    websocket = "wss" if rest.scheme == "https" else "ws"
    stream_url = venue.stream_url or f"{websocket}://{rest.netloc}"
    for url in (venue.rest_url, stream_url):
        _require_this_machine(url)
    return VenueAddress(
        venue.rest_url.rstrip("/"), stream_url.rstrip("/"), f"{websocket}://{rest.netloc}/control"
    )


def _require_this_machine(url: str) -> None:
    host = urlsplit(url).hostname or ""
    try:
        local = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = False
    if not local:
        text = f"mode loopback trades on this machine only, and {url} is elsewhere; use 127.0.0.1 or another mode"
        raise StartRefused(text)


def credentials_name(venue: Venue) -> str:
    """Names the account behind an address and a key, without showing the key."""
    key = venue.api_key.get_secret_value() if venue.api_key else LOOPBACK_KEY
    return f"account at {urlsplit(venue.rest_url).netloc}, key {hashlib.sha256(key.encode()).hexdigest()[:8]}"


def build_adapter(venue: Venue, name: str, address: VenueAddress, clock: Clock, sinks: Sinks) -> Adapter:
    """The adapter of a venue's protocol. On a loopback exchange the public default key is used unless one is set.

    In lock-step the venue's clock stands still while we work: no watchdog and no clock of ours may judge it.
    """
    lockstep = isinstance(clock, SetClock)
    config = BinanceConfig(
        venue=name,
        account=venue.account,
        symbols=venue.symbols,
        stale_after_s=0.0 if lockstep else WATCHDOG_S,
        clock_sync_interval_s=0.0 if lockstep else CLOCK_SYNC_S,
        rest_url=address.rest_url,
        stream_url=address.stream_url,
        spot_url=venue.spot_url,
        api_key=venue.api_key.get_secret_value() if venue.api_key else LOOPBACK_KEY,
        api_secret=venue.api_secret.get_secret_value() if venue.api_secret else LOOPBACK_SECRET,
    )
    return BinanceAdapter(config, sinks, clock)
