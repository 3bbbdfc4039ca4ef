"""A calibration as a researcher asks for it: `titan.calibrate`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from titan import settings as desk
from titan.reports.calibration import Asked, Calibration, artefact_of, read_tape
from titan.reports.calibration import calibrate as fitted
from titan.reports.calibration_tables import fit_table, headline, intensity_picture, value_table
from titan.reports.drawing import Figure
from titan.reports.errors import ReportError
from titan.reports.studies import read
from titan.reports.tables import show
from titan.store.artefacts import Artefact, write_artefact
from titan.store.captures import captures_in
from titan.store.tape import Tape


@dataclass(frozen=True, repr=False, eq=False)
class CalibrationResult:
    """A strategy's parameters as a recorded market has them.

    Parameters
    ----------
    found : Calibration
        The fits, in quote currency and seconds.
    tape : Tape
        The market.
    files : tuple of Path
        Its captures.
    asked : Asked
        With which bounds.
    """

    found: Calibration
    tape: Tape
    files: tuple[Path, ...]
    asked: Asked

    @cached_property
    def values(self) -> pd.DataFrame:
        """One row a parameter, by name: value, low and high of its 95% interval, unit."""
        return value_table(self.found)

    @cached_property
    def fits(self) -> pd.DataFrame:
        """The laws of arrivals with their intervals and fit quality as rows; columns sells, buys, both."""
        return fit_table(self.found)

    @property
    def doubt(self) -> str:
        """Why it is not to be relied on; empty if it is."""
        return self.found.doubt

    @property
    def parameters(self) -> dict[str, float]:
        """The values by name, as `titan.backtest(parameters=...)` takes them."""
        return {str(name): float(value) for name, value in self.values["value"].items()}

    def artefact(self) -> Artefact:
        """The parameter file's content, named by its hash: values, fit quality, data, notebook, sources and commit.

        Raises
        ------
        ReportError
            If nothing was found that could be used.
        """
        return artefact_of(self.found, self.tape, self.files, self.asked)

    def write(self, folder: str | Path | None = None) -> Path:
        """Write the artefact, and make it the current one of its instrument: a runner that uses it takes it up.

        Parameters
        ----------
        folder : str or Path, optional
            The settings' [project] artefacts unless given.

        Returns
        -------
        Path
            Of the file.

        Raises
        ------
        ReportError
            If nothing was found that could be used.
        """
        root = desk.load().project.artefacts if folder is None else Path(folder)
        return write_artefact(root, self.artefact())

    def plot(self) -> Figure:
        """Orders a second that reach a depth, measured and fitted, by side."""
        return intensity_picture(self.found).figure

    def __repr__(self) -> str:
        return headline(self.found, self.tape.instrument.symbol).text

    def _repr_html_(self) -> str:
        return headline(self.found, self.tape.instrument.symbol).html + show(self.values).html


def calibrate(
    captures: str | Path | Iterable[str | Path],
    symbol: str = "",
    *,
    venue: str = "loopback",
    nearest_bps: float = 0.0,
    farthest_bps: float = 1.0,
    valid_h: float = 26.0,
    largest_misfit: float = 0.25,
) -> CalibrationResult:
    """Find a strategy's parameters in a recorded market.

    Parameters
    ----------
    captures : str, Path or several of them
        Captures of one market, or folders of them.
    symbol : str
        The instrument; empty takes the only one there is.
    venue : str
        The [venue.NAME] whose strategies are to use it.
    nearest_bps, farthest_bps : float
        Depths from the mid that are fitted, basis points: nearer ones are left out, what goes farther counts as there.
    valid_h : float
        How long an artefact of it may be used as it is, hours.
    largest_misfit : float
        Gap between measured and fitted shares beyond which it is in doubt.

    Returns
    -------
    CalibrationResult
        Values with their intervals, fit quality, and an artefact on request.

    Raises
    ------
    CaptureError
        If a file is damaged or no capture.
    ParameterProblem
        If a bound is out of range.
    ReportError
        If a capture is not there or holds too little, or which instrument is meant is not clear.
    """
    given = [captures] if isinstance(captures, str | Path) else list(captures)
    found = captures_in([Path(each).expanduser() for each in given])
    odd = next((path for path in found if "," in str(path)), None)
    if odd is not None:
        raise ReportError(f"{odd}: a comma separates captures; rename it")
    asked = read(
        {
            "captures": ",".join(map(str, found)),
            "symbol": symbol,
            "venue": venue,
            "nearest_bps": nearest_bps,
            "farthest_bps": farthest_bps,
            "valid_h": valid_h,
            "largest_misfit": largest_misfit,
        },
        Asked,
    )
    tape, files = read_tape(asked)
    return CalibrationResult(fitted(tape, asked), tape, tuple(files), asked)
