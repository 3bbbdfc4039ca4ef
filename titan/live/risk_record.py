"""The prices that the estimating process has seen: in memory, and in a file beside the session's journal.

The file outlives a crash of either side, and the next session of the account goes on from it. It holds no decision and
is no part of a replay: what came of it is journalled.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from titan.model.instruments import InstrumentKey

NAME = "prices.jsonl"

NEAR = (0.5, 1.5)
"""How long a return may be, in periods; one over a gap is none."""


class Sample(msgspec.Struct, frozen=True, array_like=True):
    """The mids of one moment by instrument, session clock ns."""

    time_ns: int
    prices: dict[str, float]


class PriceRecord:
    """The last prices, one sample a period.

    Parameters
    ----------
    path : Path or None
        The file; None keeps them in memory alone.
    inherited : Path or None
        What is taken up where the file is not there yet.
    window : int
        Returns kept.
    complain : function of str
        Takes a line on a file that cannot be read or written; the record goes on in memory.
    """

    def __init__(
        self, path: Path | None, inherited: Path | None, window: int, complain: Callable[[str], None]
    ) -> None:
        self._path = path
        self._complain = complain
        self._samples: deque[Sample] = deque(maxlen=window + 1)
        self._unsaved = 0
        for found in (path, inherited):
            if found is not None and found.exists():
                self._samples.extend(_read(found, complain))
                break
        self._rewrite()

    def note(self, time_ns: int, prices: Mapping[InstrumentKey, float]) -> None:
        """Keep one more moment; one that is not later than the last is passed over."""
        if self._samples and time_ns <= self._samples[-1].time_ns:
            return
        sample = Sample(time_ns, {str(key): price for key, price in prices.items()})
        self._samples.append(sample)
        self._unsaved += 1
        if self._unsaved > len(self._samples):
            self._rewrite()
        elif self._path is not None:
            try:
                with self._path.open("ab") as file:
                    file.write(_line(sample))
            except OSError as error:
                self._give_up(error)

    def returns(self, keys: Sequence[InstrumentKey], period_s: float) -> npt.NDArray[np.float64]:
        """Simple returns (n, k) over one period each, the last being newest, NaN before an instrument's first.

        A row counts only if every instrument that had a price before has one at both its ends: what is missing is
        never taken for a return of 0, nor a gap for a period.
        """
        if len(self._samples) < 2:
            return np.zeros((0, len(keys)))
        names = [str(key) for key in keys]
        times = np.array([sample.time_ns for sample in self._samples])
        prices = np.array([[sample.prices.get(name, np.nan) for name in names] for sample in self._samples])
        known = np.isfinite(prices)
        first = np.where(known.any(axis=0), known.argmax(axis=0), len(times))
        found = prices[1:] / prices[:-1] - 1.0
        before = np.arange(len(found))[:, None] < first
        periods = np.diff(times) / (period_s * 1e9)
        whole = (np.isfinite(found) | before).all(axis=1) & (periods > NEAR[0]) & (periods < NEAR[1])
        return np.asarray(found[whole])

    def _rewrite(self) -> None:
        """Write the file anew, without what is no longer kept and without a line that was cut short."""
        self._unsaved = 0
        if self._path is None:
            return
        aside = self._path.with_suffix(".new")
        try:
            aside.write_bytes(b"".join(map(_line, self._samples)))
            aside.replace(self._path)
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        self._complain(
            f"{self._path}: {error.strerror}; prices are kept in memory, a restart begins without them"
        )
        self._path = None


def _line(sample: Sample) -> bytes:
    return msgspec.json.encode(sample) + b"\n"


def _read(path: Path, complain: Callable[[str], None]) -> list[Sample]:
    """The samples of a file; what was cut short by a crash is left out."""
    found: list[Sample] = []
    bad = 0
    decoder = msgspec.json.Decoder(Sample)
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        complain(f"{path}: {error.strerror}; the record begins anew")
        return []
    for line in lines:
        try:
            sample = decoder.decode(line)
        except msgspec.MsgspecError:
            bad += 1
            continue
        if not found or sample.time_ns > found[-1].time_ns:
            found.append(sample)
    if bad > 1:
        complain(f"{path}: {bad} lines are no prices and are left out")
    return found
