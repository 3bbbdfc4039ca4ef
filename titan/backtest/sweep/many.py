"""Many markets, each swept in a worker: days and symbols shared among processes or the machines of a cluster."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from titan.backtest.sweep.capture_tape import capture_tape
from titan.backtest.sweep.parameter_sets import ParameterSet
from titan.backtest.sweep.results import SweepResult
from titan.backtest.sweep.run import name_of, sweep
from titan.backtest.sweep.stored_tape import stored_tape
from titan.backtest.sweep.synthetic import synthetic_tape
from titan.backtest.sweep.tape import Tape
from titan.store.catalogue import load

if TYPE_CHECKING:
    import pandas as pd

BACKENDS = {"loky": "joblib", "dask": "distributed", "ray": "ray"}
"""What may share the markets out, and the package that it needs."""


class BackendError(RuntimeError):
    """A backend that is unknown or not installed; the message says what to do."""


class Capture(NamedTuple):
    """A recorded file; a worker reads it where it stands, so that it must see the same path."""

    path: str | Path
    symbol: str = ""
    least_delay_ns: int = 0

    def tape(self) -> Tape:
        """Read it."""
        return capture_tape(Path(self.path), self.symbol, self.least_delay_ns)


class Stored(NamedTuple):
    """One instrument of a catalogue, over some days."""

    root: str | Path
    venue: str
    symbol: str
    first_day: date | None = None
    last_day: date | None = None
    least_delay_ns: int = 0

    def tape(self) -> Tape:
        """Read it."""
        stored = load(Path(self.root), self.venue, self.symbol, self.first_day, self.last_day)
        return stored_tape(stored, self.least_delay_ns)


class Made(NamedTuple):
    """A synthetic market."""

    events: int
    seed: int = 1

    def tape(self) -> Tape:
        """Make it."""
        return synthetic_tape(self.events, self.seed)


Market = Capture | Stored | Made | Tape


@dataclass(frozen=True)
class ManyResult:
    """The sweeps by market, in the order given."""

    results: Mapping[str, SweepResult]

    def __getitem__(self, market: str) -> SweepResult:
        return self.results[market]

    @property
    def by(self) -> str:
        """``sweep``, ``replay`` where numba compiled no strategy, or both."""
        kinds = dict.fromkeys(one.by for result in self.results.values() for one in result.sets)
        return " and ".join(sorted(kinds, reverse=True))

    @property
    def digest(self) -> str:
        """A hash of everything found: the same on any number of workers and on each backend."""
        text = "\n".join(f"{name} {result.digest}" for name, result in self.results.items())
        return hashlib.sha256(text.encode()).hexdigest()

    def frame(self) -> pd.DataFrame:
        """One row a market and set."""
        import pandas as pd

        frames = {name: result.frame() for name, result in self.results.items()}
        return pd.concat(frames, names=["market"])


def sweep_many(
    markets: Mapping[str, Market],
    sets: Sequence[ParameterSet],
    *,
    workers: int = 1,
    backend: str = "loky",
    interval_ms: int = 100,
    path_every: int = 10,
) -> ManyResult:
    """Let every set trade on every market.

    Parameters
    ----------
    markets : mapping of str to market
        What a worker reads for itself (`Capture`, `Stored`, `Made`), or a tape, which is sent to it.
    workers : int
        Processes; 1 on ``loky`` stays in this one.
    backend : str
        One of `BACKENDS`. ``dask`` and ``ray`` use the cluster that this process is connected to, and begin one of
        `workers` processes on this machine where there is none.

    Raises
    ------
    BackendError
        If the backend is unknown or not installed.
    SweepError, TapeError, CatalogueError, ValueError
        As of `sweep`, and of what reads the markets.
    """
    if not markets:
        raise ValueError("markets is empty: must hold one or more")
    if workers < 1:
        raise ValueError(f"workers = {workers}: must be >= 1")
    require_backend(backend)
    import joblib

    named = [replace(one, strategy=name_of(one.module)) for one in sets]
    jobs = [joblib.delayed(_one)(market, named, interval_ms, path_every) for market in markets.values()]
    with _CONNECTED[backend](workers):
        results = joblib.Parallel(n_jobs=workers)(jobs)
    return ManyResult(dict(zip(markets, results, strict=True)))


def _one(market: Market, sets: Sequence[ParameterSet], interval_ms: int, path_every: int) -> SweepResult:
    tape = market if isinstance(market, Tape) else market.tape()
    return sweep(tape, sets, interval_ms=interval_ms, path_every=path_every)


def require_backend(backend: str) -> None:
    """Refuse a backend that is unknown, or whose package is absent."""
    if backend not in BACKENDS:
        raise BackendError(f"backend = {backend!r}: must be one of {', '.join(BACKENDS)}")
    missing = [name for name in dict.fromkeys(("joblib", BACKENDS[backend])) if find_spec(name) is None]
    if missing:
        raise BackendError(f"backend {backend} needs {' and '.join(missing)}: install titan-mm[cluster]")


@contextmanager
def _loky(workers: int) -> Iterator[None]:
    import joblib

    with joblib.parallel_config("loky"):
        yield


@contextmanager
def _dask(workers: int) -> Iterator[None]:
    import joblib
    from distributed import Client, LocalCluster, get_client

    try:
        get_client()
    except ValueError:
        # No cluster is connected: one on this machine, for as long as the sweep takes.
        with (
            LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None) as cluster,
            Client(cluster),
            joblib.parallel_config("dask"),
        ):
            yield
        return
    with joblib.parallel_config("dask"):
        yield


@contextmanager
def _ray(workers: int) -> Iterator[None]:
    import joblib
    import ray
    from ray.util.joblib import register_ray

    ours = not ray.is_initialized()
    if ours:
        ray.init(num_cpus=workers, include_dashboard=False, log_to_driver=False)
    register_ray()
    try:
        with joblib.parallel_config("ray"):
            yield
    finally:
        if ours:
            ray.shutdown()


_CONNECTED: Mapping[str, Callable[[int], Any]] = {"loky": _loky, "dask": _dask, "ray": _ray}
