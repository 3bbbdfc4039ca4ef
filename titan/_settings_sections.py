"""The sections of the settings: every key, its default, its range and its meaning."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_type_hints

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, create_model, model_validator

from titan.engine.risk_settings import RiskSettings
from titan.model.contract import parameter_ranges
from titan.risk.limits import LimitSettings


def _listed(value: object) -> object:
    """Split a comma-separated list; anything else is left for pydantic to judge."""
    if isinstance(value, str):
        return tuple(part.strip().upper() for part in value.split(",") if part.strip())
    return value


Symbols = Annotated[tuple[str, ...], BeforeValidator(_listed), Field(min_length=1)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class Section(BaseModel):
    """One section: frozen, and closed to unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Project(Section):
    """Where a desk keeps its things, and the currency it counts in."""

    reporting_currency: Annotated[str, Field(pattern=r"^[A-Z0-9]{2,12}$")] = Field(
        "USDT", description="Currency in which money is reported and limits are stated."
    )
    journals: Path = Field(
        Path("var/sessions"),
        description="Folder of session journals; a relative folder is beside the settings file.",
    )
    data: Path = Field(Path("var/data"), description="Folder of captures and tables.")
    reports: Path = Field(Path("var/reports"), description="Folder of finished reports.")
    kill_file: Path = Field(
        Path("var/KILL"),
        description="While this file exists nothing is quoted; it works when the control socket does not.",
    )


class Live(Section):
    """The runner."""

    mode: Literal["loopback", "paper", "shadow", "canary", "live"] = Field(
        "loopback", description="Where orders go. Only live, set on purpose, trades the whole size."
    )
    venue: Name = Field("loopback", description="The [venue.NAME] to trade on.")
    quote_interval_ms: int = Field(
        100, ge=1, le=60_000, description="Shortest time between two quotes of a strategy, in milliseconds."
    )
    markout_s: float = Field(
        5.0, gt=0, le=3600, description="Time after a fill at which it is marked, in seconds."
    )
    telemetry_port: int = Field(
        0, ge=0, le=65_535, description="Port on 127.0.0.1 for metrics and health; 0 takes any free one."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least level that is logged."
    )
    query_interval_s: float = Field(
        5.0, ge=0.5, le=600, description="Time between two queries of open orders, in seconds."
    )
    unknown_query_after_s: float = Field(
        2.0, ge=0.1, le=60, description="Silence after which an order's state is queried, in seconds."
    )
    stale_after_s: float = Field(
        5.0, ge=0.1, le=300, description="Silence of the market after which quotes are pulled, in seconds."
    )
    shutdown_timeout_s: float = Field(
        10.0,
        ge=1,
        le=300,
        description="Time allowed for proving every order cancelled at the end, in seconds.",
    )


class Venue(Section):
    """One exchange account."""

    protocol: Literal["binance_usdm"] = Field(
        "binance_usdm", description="Wire protocol that the venue speaks."
    )
    rest_url: str = Field("", description="Address of the REST interface; empty takes the protocol's own.")
    stream_url: str = Field(
        "", description="Address of the websocket streams; empty takes the protocol's own."
    )
    symbols: Symbols = Field(("BTCUSDT",), description="Instruments to follow, separated by commas.")
    account: Name = Field("main", description="Name of the account; one runner may hold it at a time.")
    use_amend: bool = Field(True, description="Amend orders where the venue can; otherwise cancel and place.")
    api_key: SecretStr | None = Field(None, description="Key of the account; from the environment only.")
    api_secret: SecretStr | None = Field(
        None, description="Secret of the account; from the environment only."
    )


class Strategy(Section):
    """One strategy. Every key that is not listed here is a parameter of its code."""

    code: Annotated[str, Field(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+$")] = Field(
        description="Module that holds Parameters, State, update and quote."
    )
    venue: Annotated[str, Field(pattern=r"^([a-z][a-z0-9_]*)?$")] = Field(
        "", description="The [venue.NAME] it trades on; empty takes the one of [live]."
    )
    symbols: Symbols = Field(
        ("BTCUSDT",),
        description="Instruments it quotes, separated by commas: each by itself, or all together, in this order, where "
        "its code is for several.",
    )
    enabled: bool = Field(True, description="Whether the runner hosts it.")
    requote_ticks: int = Field(
        1, ge=1, le=10_000, description="A quote follows the market once it is off by this many ticks."
    )
    minimum_edge_bps: float = Field(
        0.0,
        ge=0,
        lt=10_000,
        description="What a fill must earn beyond its fee, in basis points of the fair value.",
    )
    parameters: dict[str, str] = Field(
        default_factory=dict,
        description="Any further key: a parameter of the code, checked against its ranges.",
    )
    symbol_parameters: dict[str, dict[str, str]] = Field(
        default_factory=dict, description="[strategy.NAME.SYMBOL]: parameters for one symbol."
    )

    @model_validator(mode="before")
    @classmethod
    def gather_parameters(cls, raw: object) -> object:
        """Move the keys that the strategy's code owns into ``parameters`` and ``symbol_parameters``."""
        if not isinstance(raw, Mapping):
            return raw
        own = {key: value for key, value in raw.items() if key in cls.model_fields}
        free = {key: value for key, value in raw.items() if key not in cls.model_fields}
        symbols = {key.upper(): dict(value) for key, value in free.items() if isinstance(value, Mapping)}
        scalars = {key: value for key, value in free.items() if not isinstance(value, Mapping)}
        own["parameters"] = {**own.get("parameters", {}), **scalars}
        own["symbol_parameters"] = {**own.get("symbol_parameters", {}), **symbols}
        return own

    def parameters_for(self, symbol: str) -> dict[str, str]:
        """Return the raw parameters for ``symbol``, its own over the strategy's."""
        return {**self.parameters, **self.symbol_parameters.get(symbol, {})}


def _fields(stated: Any) -> dict[str, Any]:
    """One key for each field of a NamedTuple of ranges."""
    kinds = {name: get_args(hint)[0] for name, hint in get_type_hints(stated, include_extras=True).items()}
    fields: dict[str, Any] = {}
    for name, allowed in parameter_ranges(stated).items():
        bounds: dict[str, Any] = {} if kinds[name] is bool else {"ge": allowed.low, "le": allowed.high}
        text = f"{allowed.meaning[:1].upper()}{allowed.meaning[1:]} ({allowed.unit})."
        fields[name] = (kinds[name], Field(stated._field_defaults[name], description=text, **bounds))
    return fields


def _risk() -> type[Section]:
    """The [risk] section: the gatekeeper's limits, and what shuts the desk by degrees."""
    fields = _fields(LimitSettings) | _fields(RiskSettings)
    section: type[Section] = create_model("Risk", __base__=Section, **fields)
    section.__doc__ = (
        "Limits that no strategy can pass, and what shuts the desk by degrees. A limit that is not set refuses every "
        "order that needs it."
    )
    return section


if TYPE_CHECKING:

    class Risk(Section):
        """Limits and shutdown; see `LimitSettings` and `titan.engine.risk_settings.RiskSettings` for the fields."""

else:
    Risk = _risk()


class Store(Section):
    """The journal."""

    flush_interval_ms: float = Field(
        2.0, ge=0, le=1_000, description="Longest wait for a group commit, in milliseconds."
    )
    segment_mb: int = Field(
        64, ge=1, le=4_096, description="Size at which a journal file ends, in megabytes."
    )


class Reports(Section):
    """The reports."""

    out: Path = Field(
        Path("var/reports"),
        description="Folder for reports that name none; a relative folder is beside the settings file.",
    )
