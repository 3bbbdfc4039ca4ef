"""Where orders go. Real money takes three acts of the operator, and lacking one the start is refused, never changed."""

from __future__ import annotations

import time
from typing import NamedTuple
from urllib.parse import urlsplit

from titan.live.clocks import ScaledClock, session_clock
from titan.live.errors import StartRefused, UsageError
from titan.live.venue import (
    VenueAddress,
    address_of,
    credentials_name,
    has_keys,
    is_this_machine,
    stream_beside,
)
from titan.model.clock import Clock
from titan.settings import Settings, Venue

REAL = ("canary", "live")
"""Modes that trade real money: live whole sizes, canary [live] canary_share of them."""

HARMLESS = ("paper", "shadow")
"""Modes in which nothing is sent that would change anything at the venue."""

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
    """Refuse real money without all three acts, and keys of which one is missing.

    Raises
    ------
    StartRefused
        Naming each act that is missing.
    """
    mode = settings.live.mode
    stated = settings.venue[venue]
    missing = [
        f"TITAN_VENUE__{venue.upper()}__{key.upper()}"
        for key in ("api_key", "api_secret")
        if not getattr(stated, key)
    ]
    if mode not in REAL:
        if acts.live_flag:
            raise StartRefused(f"--live asks for real money, and [live] mode = {mode}; drop one of the two")
        if mode == "shadow" and len(missing) == 1:
            text = f"set {missing[0]} in the environment, or take the other one away and start flat"
            raise StartRefused(f"mode shadow: half of the credentials; {text}")
        return
    account = stated.account
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


def public_address(venue: Venue) -> VenueAddress:
    """Where a venue's public data is read: the settings' addresses, or the protocol's own where both are empty.

    Raises
    ------
    UsageError
        If one of two is missing, or an address elsewhere is not encrypted: what is decided on could be anybody's.
    """
    rest, stream = venue.rest_url, venue.stream_url
    if is_this_machine(rest) and not stream:
        stream = stream_beside(rest)
    if bool(rest) != bool(stream):
        raise UsageError(
            f"rest_url = {rest}, stream_url = {stream}: give both, or neither for the protocol's own"
        )
    for key, url, safe in (("rest_url", rest, "https"), ("stream_url", stream, "wss")):
        if url and urlsplit(url).scheme != safe and not is_this_machine(url):
            raise UsageError(f"{key} = {url}: an address that is not of this machine needs {safe}://")
    return VenueAddress(rest.rstrip("/"), stream.rstrip("/"), "")


def address_for(settings: Settings, venue: str, child_port: int | None) -> VenueAddress:
    """Where a session of the settings' mode reaches its venue: by `child_port` if an exchange was started for it.

    Raises
    ------
    UsageError, StartRefused
        If the addresses do not suit the mode.
    """
    mode, stated = settings.live.mode, settings.venue[venue]
    if mode in REAL:
        return real_address(stated)
    return public_address(stated) if mode in HARMLESS else address_of(stated, child_port)


def account_behind(mode: str, venue: Venue) -> str:
    """Names what a session that is on no loopback exchange trades on: sessions of one name follow one another."""
    if mode == "paper" or (mode == "shadow" and not has_keys(venue)):
        return f"{mode} on {urlsplit(venue.rest_url).netloc or venue.protocol}"
    return credentials_name(venue) if mode in REAL else f"{mode} of {credentials_name(venue)}"


def mode_behind(account: str, size_share: float) -> str:
    """The mode of the session whose journal carries this account's name; "backtest" for one on a recorded market.

    Parameters
    ----------
    size_share : float
        What its configuration traded of every size: below 1 in canary alone.
    """
    if account.startswith("backtest."):
        return "backtest"
    behind = account.partition("@")[2]
    for mode in HARMLESS:
        if behind.startswith((f"{mode} on ", f"{mode} of ")):
            return mode
    if behind.startswith("account at "):
        return "canary" if size_share < 1.0 else "live"
    return "loopback"


async def clock_of(address: VenueAddress, venue: Venue, mode: str) -> tuple[Clock, str, bool]:
    """The session's clock, a name for the venue's past with us, and whether time runs there as it does here.

    Raises
    ------
    StartRefused
        If no loopback exchange answers where one should be.
    """
    if not address.control_url:
        return ScaledClock(time.time_ns(), 1.0), account_behind(mode, venue), True
    clock, hello = await session_clock(address.control_url)
    return clock, hello.instance, isinstance(clock, ScaledClock) and hello.speed == 1.0
