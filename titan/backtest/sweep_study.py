"""A parameter sweep from a notebook: `titan.sweep`."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.colors import LinearSegmentedColormap

from titan import settings as desk
from titan.backtest.cell_strategies import code_of, in_a_cell
from titan.backtest.sweep.capture_tape import capture_tape
from titan.backtest.sweep.parameter_sets import ParameterSet
from titan.backtest.sweep.results import SweepResult
from titan.backtest.sweep.run import SweepError
from titan.backtest.sweep.run import sweep as swept
from titan.backtest.sweep.tape import Tape
from titan.engine.strategies import load_strategy
from titan.model.contract import build_parameters
from titan.reports.drawing import Figure
from titan.reports.figures import GAIN, LINE, LOSS, bare_axes, signed
from titan.reports.tables import show
from titan.settings import Settings

MOST_ROWS = 12
"""The display shows so many sets, the best ones; the frame has all."""


@dataclass(frozen=True, repr=False, eq=False)
class SweepStudy:
    """What each parameter set made on one tape.

    Parameters
    ----------
    result : SweepResult
        Fills, orders, exact money and path of each set.
    sets : tuple of ParameterSet
        In the order given.
    """

    result: SweepResult
    sets: tuple[ParameterSet, ...]

    @cached_property
    def varied(self) -> tuple[str, ...]:
        """Names of the parameters that are not the same in all sets."""
        names = dict.fromkeys(name for one in self.sets for name in one.parameters)
        values = {name: [one.parameters.get(name) for one in self.sets] for name in names}
        return tuple(name for name, found in values.items() if len(set(found)) > 1)

    @cached_property
    def frame(self) -> pd.DataFrame:
        """One row a set, by name.

        What is varied, then spread, inventory, fees (a rebate is negative) and total (quote currency), fills, bought
        and sold (lots), orders by what became of them, and how it was computed.
        """
        varied = {name: [one.parameters.get(name, np.nan) for one in self.sets] for name in self.varied}
        found = self.result.frame()
        return pd.concat([pd.DataFrame(varied, index=found.index), found], axis=1)

    @property
    def best(self) -> ParameterSet:
        """The set with the largest total on this tape, the first of equals; on another tape it may be another."""
        return self.sets[int(np.argmax(self.frame["total"].to_numpy()))]

    def table(self, x: str = "", y: str = "", value: str = "total") -> pd.DataFrame:
        """One column of the frame over two parameters, rows `y` and columns `x`, the best where sets share a place.

        Parameters
        ----------
        x, y : str
            Parameters; the first two that are varied unless given.
        value : str
            A column of the frame.

        Raises
        ------
        SweepError
            If there are not two, or a name is none of the frame's.
        """
        spare = iter(name for name in self.varied if name not in (x, y))
        x, y = x or next(spare, ""), y or next(spare, "")
        columns = list(self.frame.columns)
        odd = next((name for name in (x, y, value) if name not in columns), None)
        if odd is not None:
            told = (
                f"{odd}: no such column"
                if odd
                else f"{len(self.varied)} parameters are varied, and this needs two"
            )
            raise SweepError(f"{told}; there are {', '.join(columns)}")
        return self.frame.pivot_table(index=y, columns=x, values=value, aggfunc="max")

    def plot(self, x: str = "", y: str = "", value: str = "total") -> Figure:
        """A heat map over two parameters; where one is varied, a line over it; where none is, a bar for each set.

        Parameters
        ----------
        x, y : str
            Parameters; the first two that are varied unless given.
        value : str
            A column of the frame.
        """
        if len(self.varied) > 1 or y:
            return _heat_map(self.table(x, y, value), value)
        figure = Figure(figsize=(7.2, 3.2), layout="constrained")
        (axes,) = bare_axes(figure)
        if self.varied:
            along = self.frame.sort_values(self.varied[0])
            axes.plot(along[self.varied[0]], along[value], color=LINE, marker="o")
            axes.set_xlabel(self.varied[0])
        else:
            axes.bar(self.frame.index, self.frame[value], color=LINE)
        axes.set_ylabel(_unit(value))
        figure.alt = f"{_unit(value)} of {len(self.sets)} sets"
        return figure

    def __repr__(self) -> str:
        return f"{self._sentence()}\n{self._shown()}"

    def _repr_html_(self) -> str:
        return f"<p><strong>{escape(self._sentence())}</strong></p>{show(self._shown()).html}"

    def _sentence(self) -> str:
        best = self.best
        total = float(self.frame.loc[best.name, "total"])
        said = ", ".join(
            f"{name} {best.parameters[name]:g}" for name in self.varied if name in best.parameters
        )
        span = (self.result.path_ns[-1] - self.result.path_ns[0]) / 60e9
        return (
            f"{len(self.sets)} sets on {self.result.events:,} events of {span:.1f} minutes; the best on this tape, "
            f"{best.name}{f' ({said})' if said else ''}, {'lost' if total < 0 else 'made'} "
            f"{signed(abs(total)).lstrip('+')} in quote currency"
        )

    def _shown(self) -> pd.DataFrame:
        shown = [*self.varied, "spread", "inventory", "fees", "total", "fills", "how"]
        return self.frame.sort_values("total", ascending=False, kind="stable")[shown].head(MOST_ROWS)


def _unit(value: str) -> str:
    return f"{value}, quote currency" if value in ("spread", "inventory", "fees", "total") else value


def _heat_map(table: pd.DataFrame, value: str) -> Figure:
    figure = Figure(figsize=(1.5 + 1.1 * len(table.columns), 1.8 + 0.6 * len(table)), layout="constrained")
    axes: Any = figure.subplots()
    numbers = table.to_numpy(dtype=float)
    # Money is coloured about 0: green is a gain, whatever the others made.
    reach = float(np.nanmax(np.abs(numbers))) or 1.0
    colours = LinearSegmentedColormap.from_list("money", [LOSS, "#ffffff", GAIN])
    drawn = axes.imshow(numbers, cmap=colours, vmin=-reach, vmax=reach, aspect="auto", origin="lower")
    for (row, column), number in np.ndenumerate(numbers):
        ink = "white" if abs(number) > 0.6 * reach else "black"
        axes.text(column, row, f"{number:.4g}", ha="center", va="center", fontsize=9, color=ink)
    axes.set_xticks(range(len(table.columns)), [f"{each:g}" for each in table.columns])
    axes.set_yticks(range(len(table)), [f"{each:g}" for each in table.index])
    axes.set(xlabel=table.columns.name, ylabel=table.index.name)
    figure.colorbar(drawn, label=_unit(value))
    figure.alt = f"{_unit(value)} by {table.columns.name} and {table.index.name}"
    return figure


def sweep(
    capture: str | Path | Tape,
    sets: Sequence[ParameterSet] | Mapping[str, Sequence[float]],
    *,
    strategy: Any = None,
    settings: Settings | str | Path | None = None,
    symbol: str = "",
    least_delay_ns: int = 0,
    interval_ms: int = 100,
    workers: int = 1,
    **world: Any,
) -> SweepStudy:
    """Let many parameter sets trade on one recorded market, in one compiled pass.

    Parameters
    ----------
    capture : str, Path or Tape
        A raw USD-M capture, or a tape of `titan.backtest.sweep`.
    sets : sequence of ParameterSet, or mapping of str to numbers
        The sets; or parameters with the values that each takes, of which every combination is a set.
    strategy : str, module or class, optional
        With a mapping, as for `titan.backtest`: the name of a [strategy.NAME], whose parameters, requote_ticks and
        minimum_edge_bps hold where the sets say nothing; ``package.module``; a module; or a class of a cell.
    settings : Settings, str or Path, optional
        Where a [strategy.NAME] stands; settings.ini in the working folder or above unless given.
    symbol : str
        Which one of the capture; the only one if not given.
    least_delay_ns : int
        What the quickest message took from the exchange to the recorder, which no recording tells, ns.
    interval_ms : int
        Time between two looks of a strategy, as [live] quote_interval_ms.
    workers : int
        Threads that share the compiled sets out, and processes for those that numba cannot compile: they run in plain
        Python, and say so in the column ``how``.
    **world
        With a mapping: `ParameterSet`'s other fields, such as entry, response (ns) and maker_fee, for all sets.

    Returns
    -------
    SweepStudy
        A frame, the best set, and a heat map.

    Raises
    ------
    TapeError
        If the capture is damaged, holds a gap or no whole book, or is of an inverse contract.
    ParameterError
        If a parameter is unknown or out of range.
    SweepError
        If a strategy raises, or is missing.
    """
    chosen = (
        _combined(sets, strategy, settings, symbol, world)
        if isinstance(sets, Mapping)
        else _given(sets, strategy, world)
    )
    if workers > 1 and any(isinstance(one.strategy, str) and in_a_cell(one.strategy) for one in chosen):
        raise SweepError(
            "workers: another process does not know a strategy of a cell; sweep it with workers=1"
        )
    tape = (
        capture
        if isinstance(capture, Tape)
        else capture_tape(Path(capture).expanduser(), symbol, least_delay_ns)
    )
    return SweepStudy(swept(tape, chosen, interval_ms=interval_ms, workers=workers), tuple(chosen))


def _given(sets: Sequence[ParameterSet], strategy: Any, world: Mapping[str, Any]) -> list[ParameterSet]:
    if strategy is not None or world:
        odd = ", ".join([*(["strategy"] if strategy is not None else []), *world])
        raise SweepError(f"{odd}: stand in each ParameterSet; leave out here what the sets say")
    return [replace(one, strategy=code_of(one.strategy)) for one in sets]


def _combined(
    values: Mapping[str, Sequence[float]],
    strategy: Any,
    settings: Settings | str | Path | None,
    symbol: str,
    world: Mapping[str, Any],
) -> list[ParameterSet]:
    """A set for each combination of the values."""
    if strategy is None:
        raise SweepError("sets: a mapping of parameters needs strategy=, such as 'titan.strategy.glft'")
    empty = [name for name, taken in values.items() if not len(taken)]
    if empty or not values:
        raise SweepError(f"sets: {', '.join(empty) or 'the mapping'} holds no values; give one or more")
    unknown = [name for name in world if name not in ParameterSet.__dataclass_fields__]
    if unknown:
        raise SweepError(
            f"{', '.join(unknown)}: no field of ParameterSet; put parameters of the strategy into sets"
        )
    base = _base(strategy, settings, symbol)
    stated = {**base.world, **world}
    rest = {name: value for name, value in base.parameters.items() if name not in values}
    return [
        ParameterSet(
            f"set {number}",
            base.code,
            {**dict(zip(values, map(float, taken), strict=True)), **rest},
            **stated,
        )
        for number, taken in enumerate(itertools.product(*values.values()), start=1)
    ]


class _Base(NamedTuple):
    """What all combinations have in common."""

    code: str
    parameters: dict[str, float]
    world: dict[str, Any]


def _base(strategy: Any, settings: Settings | str | Path | None, symbol: str) -> _Base:
    if not isinstance(strategy, str) or "." in strategy:
        return _Base(code_of(strategy), {}, {})
    found = settings if isinstance(settings, Settings) else desk.load(settings)
    if strategy not in found.strategy:
        raise SweepError(
            f"strategy = {strategy}: there is no [strategy.{strategy}]; there are {', '.join(found.strategy)}; or give "
            "package.module, or a class"
        )
    section = found.strategy[strategy]
    kind = load_strategy(section.code).Parameters
    stated = build_parameters(kind, section.parameters_for(symbol), f"strategy.{strategy}")._asdict()
    world = {"requote_ticks": section.requote_ticks, "minimum_edge_bps": section.minimum_edge_bps}
    return _Base(section.code, {name: float(value) for name, value in stated.items()}, world)
