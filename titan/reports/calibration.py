"""From a recorded market to a strategy's parameters: the arithmetic is the notebooks', the choice is here."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from titan.calibration.intensity import Arrivals, Fit, fit_depths, verdict
from titan.calibration.tape import tape_arrivals
from titan.calibration.volatility import realised_variance, volatility_per_year
from titan.live.provenance import commit, source_hashes
from titan.model.contract import Range
from titan.reports.errors import ReportError
from titan.reports.studies import RESEARCH, Text
from titan.store.artefacts import Artefact, Source, Value
from titan.store.capture_tapes import tapes_of
from titan.store.tape import ASK, KIND, TOP, TRADE, Tape

HOUR_NS = 3_600_000_000_000
NORMAL_95 = 1.959964
MODULES = (
    "titan.calibration.intensity",
    "titan.calibration.intervals",
    "titan.calibration.tape",
    "titan.calibration.volatility",
)
"""What computes the values; their hashes stand in the artefact."""


class Asked(NamedTuple):
    """What a calibration is asked for."""

    captures: Annotated[str, Text("recorded files of one market, separated by commas")] = ""
    symbol: Annotated[str, Text("the instrument; empty takes the only one of the files")] = ""
    venue: Annotated[str, Text("the [venue.NAME] whose strategies use it")] = "loopback"
    nearest_bps: Annotated[float, Range(0.0, 100.0, "bps", "depths nearer than this are left out")] = 0.0
    farthest_bps: Annotated[float, Range(0.001, 1_000.0, "bps", "depths beyond it count as there")] = 1.0
    valid_h: Annotated[float, Range(0.1, 1_000.0, "h", "how long the result may be used as it is")] = 26.0
    largest_misfit: Annotated[
        float, Range(0.01, 1.0, "share", "gap between measured and fitted shares beyond which it is in doubt")
    ] = 0.25
    artefacts: Annotated[str, Text("folder into which the artefact is written; empty writes none")] = ""


class Calibration(NamedTuple):
    """What was found.

    Attributes
    ----------
    arrivals : Arrivals
        Aggressive orders, one for all prints of equal time and side.
    seconds : float
        How long the market was watched.
    price : float
        The mean mid, quote currency.
    fits : dict of str to Fit
        Of those that sell, of those that buy, and of all together, per side.
    volatility, volatility_error : float
        Of the mid, quote currency per square root of a second, by its moves from second to second.
    doubt : str
        Why it is not to be relied on; empty if it is.
    """

    arrivals: Arrivals
    seconds: float
    price: float
    fits: dict[str, Fit]
    volatility: float
    volatility_error: float
    doubt: str


def read_tape(asked: Asked) -> tuple[Tape, list[Path]]:
    """The recorded market that is asked for, and its files.

    Raises
    ------
    ReportError
        If a file is not there, or which instrument is meant is not clear.
    """
    paths = [Path(name.strip()).expanduser() for name in asked.captures.split(",") if name.strip()]
    if not paths:
        raise ReportError("parameter captures is empty: name recorded files; 'titan record' makes them")
    for path in paths:
        if not path.is_file():
            raise ReportError(f"parameter captures: {path} is no file")
    tapes = tapes_of(paths)
    known = ", ".join(tapes) or "none"
    if asked.symbol and asked.symbol not in tapes:
        raise ReportError(f"parameter symbol = {asked.symbol}: the files hold {known}")
    if not asked.symbol and len(tapes) != 1:
        raise ReportError(f"parameter symbol: say which; the files hold {known}")
    return tapes[asked.symbol or next(iter(tapes))], paths


def calibrate(tape: Tape, asked: Asked) -> Calibration:
    """Fit the law of arrivals and the volatility of the mid.

    Raises
    ------
    ReportError
        If the tape holds no trades, or no best bid and ask before them.
    """
    quotes_ns, mids = _mids(tape)
    found = _arrivals(tape, quotes_ns, mids)
    seconds = float(quotes_ns[-1] - quotes_ns[0]) * 1e-9
    price = float(mids.mean())
    tick = float(tape.instrument.tick_size)
    near, far = (
        max(round(bps * 1e-4 * price / tick), low)
        for bps, low in ((asked.nearest_bps, 0), (asked.farthest_bps, 1))
    )
    # The mid lies on half ticks: so do depths.
    span = {"tick": tick, "nearest": (near + 0.5) * tick, "farthest": (max(far, near + 1) + 0.5) * tick}
    fits = {
        name: fit_depths(found.depth[np.isin(found.side, sides)], seconds * len(sides), **span)
        for name, sides in (("sells", (-1,)), ("buys", (1,)), ("both", (-1, 1)))
    }
    moves = np.diff(_each_second(quotes_ns, mids))
    volatility = math.sqrt(realised_variance(moves) / len(moves))
    # White's error, for moves that come in bursts.
    error = float(np.std(moves**2)) / math.sqrt(len(moves)) / (2.0 * volatility) if volatility else math.nan
    return Calibration(
        found, seconds, price, fits, volatility, error, _doubt(fits, volatility, error, asked.largest_misfit)
    )


def _mids(tape: Tape) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """When the best bid and ask were told, in order of the venue's time, and their mid, quote currency."""
    columns = tape.columns
    top = (columns.what & KIND) == TOP
    asks = np.flatnonzero(top & ((columns.what & ASK) != 0))
    bids = asks - 1  # both sides stand in one message, the bid first
    sound = (columns.size_lots[bids] > 0) & (columns.size_lots[asks] > 0)
    asks, bids = asks[sound], bids[sound]
    if len(asks) < 2:
        raise ReportError("the recording holds no best bid and ask; record the stream of it, too")
    order = np.argsort(columns.time_ns[asks], kind="stable")
    doubled = (columns.price_ticks[asks].astype(np.float64) + columns.price_ticks[bids])[order]
    return columns.time_ns[asks][order], doubled * (0.5 * float(tape.instrument.tick_size))


def _arrivals(tape: Tape, quotes_ns: npt.NDArray[np.int64], mids: npt.NDArray[np.float64]) -> Arrivals:
    columns = tape.columns
    rows = np.flatnonzero(((columns.what & KIND) == TRADE) & (columns.time_ns > quotes_ns[0]))
    if not len(rows):
        raise ReportError("the recording holds no trades after its first best bid and ask")
    rows = rows[np.argsort(columns.time_ns[rows], kind="stable")]
    sides = np.where((columns.what[rows] & ASK) != 0, -1, 1)
    prices = columns.price_ticks[rows] * float(tape.instrument.tick_size)
    return tape_arrivals(columns.time_ns[rows], sides, prices, quotes_ns, mids)


def _each_second(times_ns: npt.NDArray[np.int64], mids: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The mid at each whole second since the first."""
    grid = np.arange(times_ns[0], times_ns[-1] + 1, 1_000_000_000)
    if len(grid) < 3:
        raise ReportError("the recording is shorter than three seconds; record longer")
    return mids[np.searchsorted(times_ns, grid, side="right") - 1]


def _doubt(fits: dict[str, Fit], volatility: float, error: float, largest_misfit: float) -> str:
    """Why the result is not to be relied on, each reason once."""
    reasons = [f"{name}: {verdict(fit)}" for name, fit in fits.items() if verdict(fit)]
    reasons += [
        f"{name}: misfit {fit.misfit:.2f} of {largest_misfit:g} allowed"
        for name, fit in fits.items()
        if not verdict(fit) and not fit.misfit <= largest_misfit
    ]
    if not volatility > 0.0:
        reasons.append("the mid never moved")
    elif not NORMAL_95 * error <= 0.5 * volatility:
        reasons.append(f"volatility is known to {NORMAL_95 * error / volatility:.0%} only: 50% is the most")
    return "; ".join(reasons)


def values_of(found: Calibration) -> tuple[Value, ...]:
    """The parameters as strategies have them."""
    both, price = found.fits["both"], found.price
    value, low, high = (1e4 / (decay * price) for decay in (both.decay, both.decay_high, both.decay_low))
    reach = NORMAL_95 * found.volatility_error
    least = max(found.volatility - reach, 0.0)
    yearly, lowest, highest = (
        volatility_per_year(sigma, price) if sigma > 0.0 else 0.0
        for sigma in (found.volatility, least, found.volatility + reach)
    )
    return (
        Value("mean_fill_depth_bps", value, low, high, "bps"),
        Value("reference_volatility", yearly, lowest, highest, "1/sqrt(year)"),
    )


def artefact_of(found: Calibration, tape: Tape, paths: Sequence[Path], asked: Asked) -> Artefact:
    """The artefact of a calibration.

    Raises
    ------
    ReportError
        If it has no numbers: there is nothing to use, with whatever caution.
    """
    values = values_of(found)
    if not all(math.isfinite(number) for value in values for number in value_numbers(value)):
        raise ReportError(f"nothing was found that could be used: {found.doubt}; the artefact in use stays")
    times = tape.columns.time_ns
    span = int(times.min()), int(times.max())
    both = found.fits["both"]
    known = source_hashes(())
    return Artefact(
        venue=asked.venue,
        symbol=tape.instrument.symbol,
        values=values,
        quality={
            "seconds": found.seconds,
            "orders": both.orders,
            "misfit": both.misfit,
            "decay_per_sell": found.fits["sells"].decay,
            "decay_per_buy": found.fits["buys"].decay,
        },
        doubt=found.doubt,
        data=tuple(Source(path.name, _hash(path), *span, len(tape)) for path in paths),
        made_ns=span[1],
        expires_ns=span[1] + round(asked.valid_h * HOUR_NS),
        study=f"calibration_review {_cells(RESEARCH / 'calibration_review.ipynb')}",
        sources={name: known[name] for name in MODULES},
        commit=commit(),
    )


def value_numbers(value: Value) -> tuple[float, float, float]:
    """A value and the ends of its interval."""
    return value.value, value.low, value.high


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _cells(notebook: Path) -> str:
    """Hash of a notebook's cells: what it says, not when it was run."""
    cells: list[dict[str, Any]] = msgspec.json.decode(notebook.read_bytes())["cells"]
    text = "\n".join("".join(cell["source"]) for cell in cells)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
