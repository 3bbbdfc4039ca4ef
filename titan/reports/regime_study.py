"""Regimes of candles as they were called at the time, and a portfolio that holds only in the calm ones."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from titan.calibration.regime_fit import Fit
from titan.calibration.regime_walk import (
    Walk,
    agreement,
    bar_features,
    peer_regimes,
    refit_agreements,
    walk_regimes,
)
from titan.calibration.regimes import Rule
from titan.model.contract import Range
from titan.reports.drawn import candles
from titan.reports.errors import ReportError
from titan.reports.portfolios import Costs, Record, portfolios, record_of
from titan.reports.price_files import read_frame
from titan.reports.studies import Text

COLUMNS = ("open", "high", "low", "close")
LEAST_LABELLED = 30


class Asked(NamedTuple):
    """What the study of regimes is asked for."""

    candles: Annotated[
        str, Text("a file of candles, CSV or Parquet, with open, high, low, close; empty draws them")
    ] = ""
    regimes: Annotated[int, Range(2, 4, "", "how many")] = 2
    calm: Annotated[int, Range(1, 3, "", "of them, by volatility, in which the portfolio holds")] = 1
    window: Annotated[int, Range(200, 50_000, "bars", "to which the regimes are fitted")] = 4_380
    refit: Annotated[int, Range(10, 50_000, "bars", "from one fit to the next")] = 1_095
    starts: Annotated[int, Range(1, 50, "", "from which a fit begins")] = 3
    degrees_of_freedom: Annotated[
        float, Range(0.0, 100.0, "", "of Student's emissions; 0 for normal ones")
    ] = 6.0
    threshold: Annotated[float, Range(0.0, 0.999, "", "probability above which a change is believed")] = 0.8
    confirming: Annotated[int, Range(1, 100, "bars", "in a row above it")] = 3
    fee_bps: Annotated[float, Range(0.0, 100.0, "bps", "of an order")] = 5.0
    slippage_bps: Annotated[float, Range(0.0, 100.0, "bps", "of an order")] = 1.0
    bars: Annotated[int, Range(300, 100_000, "bars", "length of drawn candles")] = 6_000
    seed: Annotated[int, Range(0, 2**31, "", "of drawn candles and of the fits")] = 1


class RegimeStudy(NamedTuple):
    """What was found, from the first bar after the first window on.

    Attributes
    ----------
    bars : pandas.DataFrame
        The candles.
    walk : Walk
        The regimes in force after each bar, and the refits.
    peer : numpy.ndarray
        statsmodels' labels of the same bars.
    agreements : tuple of float
        Of each refit with the one before.
    overlay, bought : Record
        Held in the calm regimes only, and bought and held.
    """

    name: str
    bars: pd.DataFrame
    walk: Walk
    peer: npt.NDArray[np.int64]
    agreements: tuple[float, ...]
    overlay: Record
    bought: Record


def read_candles(asked: Asked) -> tuple[str, pd.DataFrame]:
    """The candles that are asked for, and what they are called.

    Raises
    ------
    ReportError
        If the file is not there or holds no candles, or too few.
    """
    if asked.calm >= asked.regimes:
        raise ReportError(f"parameter calm = {asked.calm}: must be less than regimes = {asked.regimes}")
    name, frame = "drawn candles (no market)", candles(asked.bars, asked.seed)
    if asked.candles:
        name, frame = Path(asked.candles).stem, read_frame("candles", asked.candles)
    missing = [column for column in COLUMNS if column not in frame]
    if missing:
        raise ReportError(f"parameter candles: {name} has no column {', '.join(missing)}")
    frame = frame[list(COLUMNS)].dropna()
    if len(frame) < asked.window + LEAST_LABELLED:
        raise ReportError(
            f"{len(frame)} candles: a window of {asked.window} needs {asked.window + LEAST_LABELLED}; "
            "give more of them or a shorter window"
        )
    return name, frame


def study_regimes(name: str, frame: pd.DataFrame, asked: Asked) -> RegimeStudy:
    """Walk over the candles, and trade on what was known."""
    features = bar_features(*(frame[column] for column in COLUMNS))
    fit = Fit(
        asked.regimes, starts=asked.starts, seed=asked.seed, degrees_of_freedom=asked.degrees_of_freedom
    )
    rule = Rule(asked.threshold, asked.confirming)
    walk = walk_regimes(features, fit, rule, asked.window, asked.refit)
    seen = frame.iloc[walk.first :]
    calm = (walk.regimes >= 0) & (walk.regimes < asked.calm)
    return RegimeStudy(
        name,
        seen,
        walk,
        peer_regimes(features[walk.first :, 0], asked.regimes),
        refit_agreements(walk, features, rule),
        _traded(seen, calm, asked),
        _traded(seen, np.ones(len(seen), dtype=bool), asked),
    )


def _traded(seen: pd.DataFrame, wanted: npt.NDArray[np.bool_], asked: Asked) -> Record:
    """The record of holding where it is wanted: known at a bar's close, done at the next one's open."""
    weights = pd.DataFrame({"weight": np.append(0.0, wanted[:-1].astype(float))}, index=seen.index)
    prices = pd.DataFrame({"weight": seen["open"]})
    costs = Costs(1e-4 * asked.fee_bps, 1e-4 * asked.slippage_bps)
    hours = pd.Series(seen.index).diff().median() / pd.Timedelta(hours=1)
    return record_of(portfolios(prices, weights, costs, f"{hours:g}h")["weight"])


def peer_agreement(study: RegimeStudy) -> float:
    """The share of bars that statsmodels calls alike; NaN if its fit did not converge."""
    return agreement(study.walk.regimes, study.peer)
