"""Where orders go. Real money takes three acts of the operator, and lacking one the start is refused, never changed."""

from __future__ import annotations

import time
from typing import NamedTuple
from urllib.parse import urlsplit

from titan.live.clocks import ScaledClock, session_clock
from titan.live.errors import StartRefused, UsageError
from titan.live.venue import VenueAddress, credentials_name
from titan.model.clock import Clock
from titan.settings import Settings, Venue

LACKING = {
    "paper": "fills against a venue's public data, by the matching core, are missing",
    "shadow": "recording decisions against a venue's public data without sending them is missing",
}
"""What each mode that this version refuses would need."""

REAL = ("canary", "live")
"""Modes that trade real money: live whole sizes, canary [live] canary_share of them."""

ACCOUNT_VARIABLE = "TITAN_LIVE_ACCOUNT"


class Acts(NamedTuple):
    """What an operator did on purpose."""

    stated_mode: str = "loopback"
    """[live] mode as it stands in the settings file; no command line and no environment goes over it here."""
    live_flag: bool = False
    """``--live`` was given."""
    account: str = ""
    """The account's name as it was typed."""


def require_mode(settings: Settings, venue: str, acts: Acts) -> None:
    """Refuse a mode that this version lacks, and real money without all three acts.

    Raises
    ------
    StartRefused
        Naming each act that is missing.
    """
    mode = settings.live.mode
    if mode in LACKING:
        text = f"mode {mode} cannot be run: {LACKING[mode]}; set [live] mode = loopback"
        raise StartRefused(text)
    if mode not in REAL:
        if acts.live_flag:
            raise StartRefused(f"--live asks for real money, and [live] mode = {mode}; drop one of the two")
        return
    account = settings.venue[venue].account
    lacking = [
        text
        for done, text in (
            (
                acts.stated_mode == mode,
                f"the settings file must say [live] mode = {mode}, it says {acts.stated_mode}",
            ),
            (acts.live_flag, "--live must be given"),
            (
                acts.account == account,
                f"--account or {ACCOUNT_VARIABLE} must name the account of [venue.{venue}]"
                + (f", and {acts.account} is not it" if acts.account else ""),
            ),
        )
        if not done
    ]
    if lacking:
        raise StartRefused(f"mode {mode} trades real money and is refused: {'; '.join(lacking)}")
    stated = settings.venue[venue]
    missing = [
        f"TITAN_VENUE__{venue.upper()}__{key.upper()}"
        for key in ("api_key", "api_secret")
        if not getattr(stated, key)
    ]
    if missing:
        raise StartRefused(f"mode {mode}: no credentials; set {' and '.join(missing)} in the environment")


def real_address(venue: Venue) -> VenueAddress:
    """Where a real venue is reached: the settings' addresses, or the protocol's own where they are empty.

    Raises
    ------
    UsageError
        If an address would send orders unencrypted.
    """
    for key, url, safe in (("rest_url", venue.rest_url, "https"), ("stream_url", venue.stream_url, "wss")):
        if url and urlsplit(url).scheme != safe:
            raise UsageError(f"{key} = {url}: a real account needs {safe}://")
    return VenueAddress(venue.rest_url.rstrip("/"), venue.stream_url.rstrip("/"), "")


async def clock_of(address: VenueAddress, venue: Venue) -> tuple[Clock, str, bool]:
    """The session's clock, a name for the venue's past with us, and whether time runs there as it does here.

    Raises
    ------
    StartRefused
        If no loopback exchange answers where one should be.
    """
    if not address.control_url:
        return ScaledClock(time.time_ns(), 1.0), credentials_name(venue), True
    clock, hello = await session_clock(address.control_url)
    return clock, hello.instance, isinstance(clock, ScaledClock) and hello.speed == 1.0
