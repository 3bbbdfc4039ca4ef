"""From a [venue.NAME] section to an adapter: addresses, keys, protocol."""

from __future__ import annotations

import hashlib
import ipaddress
from dataclasses import replace
from typing import NamedTuple
from urllib.parse import urlsplit

from titan.live.errors import StartRefused, UsageError
from titan.live.paper import paper_config
from titan.model.clock import Clock, SetClock
from titan.settings import Settings, Venue
from titan.venues.adapter import Adapter, Sinks
from titan.venues.binance import BinanceAdapter, BinancePublic
from titan.venues.binance_config import BinanceConfig
from titan.venues.paper import PaperAdapter
from titan.venues.paper_exchange import CarriedAccount
from titan.venues.shadow import ShadowAdapter

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
    stream_url = venue.stream_url or stream_beside(venue.rest_url)
    for url in (venue.rest_url, stream_url):
        if not is_this_machine(url):
            text = f"mode loopback trades on this machine only, and {url} is elsewhere; use 127.0.0.1 or another mode"
            raise StartRefused(text)
    return VenueAddress(
        venue.rest_url.rstrip("/"), stream_url.rstrip("/"), f"{stream_beside(venue.rest_url)}/control"
    )


def stream_beside(rest_url: str) -> str:
    """Address of the streams of a server that has both on one port."""
    rest = urlsplit(rest_url)
    return f"{'wss' if rest.scheme == 'https' else 'ws'}://{rest.netloc}"


def is_this_machine(url: str) -> bool:
    """Whether an address is of this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def has_keys(venue: Venue) -> bool:
    """Whether the environment names an account."""
    return bool(venue.api_key and venue.api_secret)


def credentials_name(venue: Venue) -> str:
    """Names the account behind an address and a key, without showing the key."""
    key = venue.api_key.get_secret_value() if venue.api_key else LOOPBACK_KEY
    return f"account at {urlsplit(venue.rest_url).netloc}, key {hashlib.sha256(key.encode()).hexdigest()[:8]}"


def build_adapter(
    settings: Settings,
    name: str,
    address: VenueAddress,
    clock: Clock,
    sinks: Sinks,
    carried: CarriedAccount | None = None,
) -> Adapter:
    """The adapter of the settings' mode, on the venue of that name.

    Parameters
    ----------
    carried : CarriedAccount or None
        Mode paper: what the account's last session left.
    """
    mode, venue = settings.live.mode, settings.venue[name]

    def paper(inner: Sinks) -> PaperAdapter:
        config = paper_config(settings, name, carried)
        return PaperAdapter(
            config, lambda own: BinancePublic(_public(venue, name, address, clock), own, clock), inner, clock
        )

    def reader(inner: Sinks) -> BinanceAdapter:
        return BinanceAdapter(_signed(venue, name, address, clock, read_only=True), inner, clock)

    if mode == "paper":
        return paper(sinks)
    if mode == "shadow":
        return ShadowAdapter(name, reader if has_keys(venue) else paper, sinks, clock)
    return BinanceAdapter(_signed(venue, name, address, clock), sinks, clock)


def _public(venue: Venue, name: str, address: VenueAddress, clock: Clock) -> BinanceConfig:
    """A connection without keys.

    In lock-step the venue's clock stands still while we work: no watchdog and no clock of ours may judge it.
    """
    lockstep = isinstance(clock, SetClock)
    return BinanceConfig(
        venue=name,
        account=venue.account,
        symbols=venue.symbols,
        stale_after_s=0.0 if lockstep else WATCHDOG_S,
        clock_sync_interval_s=0.0 if lockstep else CLOCK_SYNC_S,
        rest_url=address.rest_url,
        stream_url=address.stream_url,
        spot_url=venue.spot_url,
    )


def _signed(
    venue: Venue, name: str, address: VenueAddress, clock: Clock, *, read_only: bool = False
) -> BinanceConfig:
    """A connection to an account; on a loopback exchange by the public default key unless one is set."""
    return replace(
        _public(venue, name, address, clock),
        api_key=venue.api_key.get_secret_value() if venue.api_key else LOOPBACK_KEY,
        api_secret=venue.api_secret.get_secret_value() if venue.api_secret else LOOPBACK_SECRET,
        read_only=read_only,
    )
