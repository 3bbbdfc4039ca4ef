"""The sections of the settings: every key, its default, its range and its meaning."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_type_hints

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    create_model,
    model_validator,
)

from titan.engine.configuration import ExitSettings
from titan.engine.risk_settings import EstimateSettings, RiskSettings
from titan.engine.signals import SignalSettings
from titan.model.contract import Range, parameter_ranges
from titan.risk.limits import LimitSettings
from titan.strategy.adjustments import Parameters


def _split(value: object) -> object:
    """Split a comma-separated list; anything else is left for pydantic to judge."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def _listed(value: object) -> object:
    """Split a list of symbols, which venues write in capitals."""
    return _split(value.upper() if isinstance(value, str) else value)


def _rising(numbers: tuple[float, ...]) -> tuple[float, ...]:
    """Refuse quantiles that do not rise."""
    if any(later < earlier for earlier, later in pairwise(numbers)):
        raise ValueError("must not fall: write the least first")
    return numbers


Symbols = Annotated[tuple[str, ...], BeforeValidator(_listed), Field(min_length=1)]
Names = Annotated[tuple[str, ...], BeforeValidator(_split)]
Milliseconds = Annotated[
    tuple[Annotated[float, Field(ge=0, le=60_000)], ...],
    BeforeValidator(_split),
    AfterValidator(_rising),
    Field(min_length=1),
]
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
    regimes: Path = Field(
        Path("var/regimes"),
        description="Folder of regime models: SYMBOL.json, where it exists, is heard for that instrument.",
    )
    artefacts: Path = Field(
        Path("var/artefacts"), description="Folder of what 'titan calibrate' has found, by instrument."
    )
    promotions: Path = Field(
        Path("var/promotions"), description="Folder of the records of 'titan promote', by strategy."
    )
    kill_file: Path = Field(
        Path("var/KILL"),
        description="While this file exists nothing is quoted, and if it begins with flatten every position is closed; "
        "it works when the control socket does not.",
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
    flatten_at_end: bool = Field(
        False,
        description="Close every position before the session ends, whatever ends it but failed storage.",
    )
    refusals_in_a_row: int = Field(
        3, ge=0, le=100, description="Refused orders in a row after which that side waits; 0: never."
    )
    refusals_within_s: float = Field(
        5.0, gt=0, le=600, description="Time within which they count as in a row, in seconds."
    )
    refusals_wait_s: float = Field(
        1.0, gt=0, le=600, description="First wait of a side, in seconds; it doubles, up to 32 times as long."
    )
    dead_man_s: int = Field(
        60,
        ge=0,
        le=600,
        description="Time without a sign of life from the runner after which the venue cancels each symbol's orders by "
        "itself, in seconds; renewed three times as often; 0 switches it off. Off in replays.",
    )
    breaker_failures: int = Field(
        5,
        ge=0,
        le=1_000,
        description="Failures within breaker_window_s after which quoting rests, longer each time; 0 is never.",
    )
    breaker_window_s: float = Field(
        10.0, ge=1, le=600, description="Time within which failures count together, in seconds."
    )
    breaker_longest_s: float = Field(60.0, ge=2, le=3600, description="Longest rest of quoting, in seconds.")
    most_drift_ms: int = Field(
        250,
        ge=0,
        le=5_000,
        description="Largest change of the venue's clock against ours between two measurements, in milliseconds; "
        "beyond it quoting rests; 0 is any. Off in replays.",
    )
    most_round_trip_ms: int = Field(
        1_000,
        ge=0,
        le=10_000,
        description="Longest round trip to the venue at which is quoted, in milliseconds; 0 is any. Off in replays.",
    )
    private_late_s: float = Field(
        5.0,
        ge=0,
        le=60,
        description="Time within which the private stream must tell what a query has told, in seconds; else it is "
        "connected anew; 0 is never. Off in replays.",
    )
    canary_share: float = Field(
        0.01,
        gt=0,
        le=0.25,
        description="Mode canary only: the part of each quote's size and of each limit on money that is traded.",
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
    spot_url: str = Field(
        "",
        description="Address of the host that tells what the key may do; empty takes the protocol's own where rest_url "
        "is empty, and otherwise that is not checked.",
    )
    symbols: Symbols = Field(("BTCUSDT",), description="Instruments to follow, separated by commas.")
    account: Name = Field("main", description="Name of the account; one runner may hold it at a time.")
    use_amend: bool = Field(True, description="Amend orders where the venue can; otherwise cancel and place.")
    margin_mode: Literal["any", "cross", "isolated"] = Field(
        "any",
        description="Margin mode that each symbol must have at the venue; a start on another is refused.",
    )
    leverage: int = Field(
        0, ge=0, le=125, description="Leverage that each symbol must have at the venue; 0 is not compared."
    )
    multi_assets: bool = Field(
        False,
        description="Whether the account must be in multi-assets mode; a start on the other is refused.",
    )
    max_maker_fee_bps: float = Field(
        2.0,
        ge=-10,
        le=100,
        description="Highest maker fee to start with, in basis points of notional; a rebate is negative.",
    )
    max_taker_fee_bps: float = Field(
        5.0, ge=-10, le=100, description="Highest taker fee to start with, in basis points of notional."
    )
    api_key: SecretStr | None = Field(None, description="Key of the account; from the environment only.")
    api_secret: SecretStr | None = Field(
        None, description="Secret of the account; from the environment only."
    )


class Paper(Section):
    """The account of mode paper, and of mode shadow without keys: it exists in the runner's process alone."""

    wallet: Decimal = Field(
        Decimal(100_000),
        gt=0,
        le=Decimal(10**12),
        description="What a new account begins with, in each currency that its instruments settle in.",
    )
    maker_fee_bps: float = Field(
        2.0, ge=-10, le=100, description="Maker fee, in basis points of notional; a rebate is negative."
    )
    taker_fee_bps: float = Field(5.0, ge=-10, le=100, description="Taker fee, in basis points of notional.")
    entry_ms: Milliseconds = Field(
        (10.0,),
        description="How long a request takes to the exchange, in milliseconds: one number, or equally spaced "
        "quantiles from the least to the greatest, separated by commas, which are drawn from.",
    )
    response_ms: Milliseconds = Field(
        (10.0,), description="How long an answer takes to come back, in milliseconds, stated alike."
    )
    latency_persistence: float = Field(
        0.0, ge=0, le=0.999, description="How much of a latency's rank the next one keeps."
    )
    seed: int = Field(1, ge=0, le=10**9, description="Of the latencies drawn.")
    queue_model: Literal["risk_averse", "power", "logarithmic"] = Field(
        "power",
        description="How cancellations at our price are split before and behind us; risk_averse: all behind.",
    )
    queue_exponent: float = Field(
        2.0, gt=0, le=20, description="Exponent of the power model: 1 splits in proportion."
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
    calibrated: Names = Field(
        (),
        description="Parameters taken from the instrument's current artefact, separated by commas; empty: none.",
    )
    calibration_bound: float = Field(
        5.0,
        ge=1,
        le=1_000,
        description="Largest factor by which a calibrated value may lie above or below the one that stands here.",
    )
    in_doubt: Literal["caution", "hold"] = Field(
        "caution",
        description="What follows once an artefact has expired or its fit is in doubt: quote wider and smaller, or not "
        "at all.",
    )
    doubt_spread: float = Field(2.0, ge=1, le=100, description="Factor on the spread while in doubt.")
    doubt_size: float = Field(0.5, ge=0, le=1, description="Factor on the size while in doubt.")
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
    kinds = {key: get_args(hint)[0] for key, hint in get_type_hints(stated, include_extras=True).items()}
    fields: dict[str, Any] = {}
    for key, allowed in parameter_ranges(stated).items():
        bounds: dict[str, Any] = {} if kinds[key] is bool else {"ge": allowed.low, "le": allowed.high}
        fields[key] = (
            kinds[key],
            Field(stated._field_defaults[key], description=_sentence(allowed), **bounds),
        )
    return fields


def generated(name: str, meaning: str, *stated: Any, **texts: Any) -> type[Section]:
    """A section with one key for each field of NamedTuples whose fields have a `Range`, and one for each of `texts`."""
    fields = {key: field for each in stated for key, field in _fields(each).items()}
    fields |= texts
    section: type[Section] = create_model(name, __base__=Section, **fields)
    section.__doc__ = meaning
    return section


def _sentence(allowed: Range) -> str:
    unit = f" ({allowed.unit})" if allowed.unit else ""
    return f"{allowed.meaning[:1].upper()}{allowed.meaning[1:]}{unit}."


if TYPE_CHECKING:

    class Risk(Section):
        """Limits, shutdown, exits and estimates: the fields of `LimitSettings` and of the others named below."""

        exit_timeout_s: float = 30.0
        max_estimate_age_s: float = 120.0
        estimate_every_s: float = 30.0
        estimate_tail: float = 0.025
        estimate_horizon_s: float = 3_600.0
        estimate_half_life: float = 120.0
        estimate_window: int = 2_880
        estimate_enough: int = 250
        assumed_volatility: float = 0.1
        assumed_beta: float = 1.2
        stress_shocks: str = ""

    class Quoting(Section):
        """How every strategy's quotes answer; see `titan.strategy.adjustments.Parameters` for its fields."""

    class Signals(Section):
        """How the signals are measured; see `titan.engine.signals.SignalSettings` for its fields."""

else:
    Risk = generated(
        "Risk",
        "Limits that no strategy can pass, what shuts the desk by degrees, how a position is got out of, and how the "
        "process beside the runner estimates shortfall and stress losses. A limit that is not set refuses every order "
        "that needs it.",
        LimitSettings,
        RiskSettings,
        ExitSettings,
        EstimateSettings,
        stress_shocks=(
            str,
            Field(
                "",
                description="Stress scenarios of the desk's own, as in crash: BTC -30% ETH -40%, squeeze: BTC +20%; "
                "what is not named follows Bitcoin by its slope, 1 at the least.",
            ),
        ),
    )
    Quoting = generated(
        "Quoting",
        "How every strategy's quotes answer inventory and danger. The defaults change nothing; a signal that is not "
        "known counts as the worst that these keys allow for.",
        Parameters,
    )
    Signals = generated(
        "Signals",
        "How the signals that [quoting] answers are measured, for each instrument alike.",
        SignalSettings,
    )


class Store(Section):
    """The journal, and where recorded data is fetched from."""

    flush_interval_ms: float = Field(
        2.0, ge=0, le=1_000, description="Longest wait for a group commit, in milliseconds."
    )
    segment_mb: int = Field(
        64, ge=1, le=4_096, description="Size at which a journal file ends, in megabytes."
    )
    archive_url: Annotated[str, Field(pattern=r"^https?://[^\s]+$")] = Field(
        "https://data.binance.vision",
        description="Address of the history archive that titan data fetch reads.",
    )


class Reports(Section):
    """The reports."""

    out: Path = Field(
        Path("var/reports"),
        description="Folder for reports that name none; a relative folder is beside the settings file.",
    )
