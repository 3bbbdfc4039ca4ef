"""How one account at Binance USD-M is reached."""

from __future__ import annotations

from dataclasses import dataclass, field

from titan.venues.weights import RateLimits

REST_URL = "https://fapi.binance.com"
SPOT_URL = "https://api.binance.com"
STREAM_URL = "wss://fstream.binance.com"


@dataclass(frozen=True, kw_only=True)
class BinanceConfig:
    """One account at Binance USD-M, or at an exchange that speaks its protocol. Secrets never show in `repr`.

    Parameters
    ----------
    venue : str
        The settings' [venue.NAME].
    account : str
        Name of the account.
    symbols : tuple of str
        The venue's own identifiers of the instruments to follow.
    rest_url, stream_url : str
        Without a path; empty takes the venue's own.
    spot_url : str
        Host that tells what the key may do; empty takes the venue's own where `rest_url` is empty, else none.
    api_key, api_secret : str
        Credentials.
    read_only : bool
        Send nothing that would change anything at the venue.
    recv_window_ms : int
        How old a signed request may be when it arrives.
    request_timeout_s : float
        An answer that takes longer is no answer.
    stale_after_s : float
        Silence after which the market stream is rebuilt; 0 for a replay that stands still while the runner
        works.
    clock_sync_interval_s : float
        How often the venue's clock is measured; 0 only at `open`.
    keep_alive_s : float
        How often the listen key is renewed; it lives an hour.
    depth_levels : int
        Levels of a book snapshot.
    limits : RateLimits
        Of the account.
    """

    venue: str
    account: str
    symbols: tuple[str, ...]
    rest_url: str = ""
    stream_url: str = ""
    spot_url: str = ""
    api_key: str = field(default="", repr=False)
    api_secret: str = field(default="", repr=False)
    read_only: bool = False
    recv_window_ms: int = 5_000
    request_timeout_s: float = 10.0
    stale_after_s: float = 15.0
    clock_sync_interval_s: float = 300.0
    keep_alive_s: float = 1_500.0
    depth_levels: int = 1_000
    limits: RateLimits = field(default_factory=RateLimits)

    @property
    def rest(self) -> str:
        """Address of the REST interface."""
        return (self.rest_url or REST_URL).rstrip("/")

    @property
    def stream(self) -> str:
        """Address of the streams."""
        return (self.stream_url or STREAM_URL).rstrip("/")

    @property
    def spot(self) -> str:
        """Address of the host that tells what the key may do; empty if it is not asked."""
        return (self.spot_url or ("" if self.rest_url else SPOT_URL)).rstrip("/")
