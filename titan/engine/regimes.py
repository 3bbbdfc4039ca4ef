"""Regimes on the live path: bars of mids go through the causal filter, and the regime in force sets two factors.

The model comes from a fit elsewhere, as a file; it stands in the session's configuration, so a replay has it too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import msgspec

from titan.calibration.emissions import Model
from titan.calibration.regime_step import Fields, compiled_step
from titan.calibration.regimes import Filter, Rule, filter_gap, filter_start
from titan.engine.signals import RegimeFactors

S_NS = 1_000_000_000
MOST_GAPS = 100
"""Bars without a mid after which the past says nothing any more, and the filter starts anew."""


class RegimeConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The regimes of one instrument, and what each does to its quotes.

    Parameters
    ----------
    symbol : str
        The instrument.
    bar_s : float
        Length of a bar, seconds. Its features are the log return and the log of the log range, as in the fit.
    model : Model
        What `titan.calibration.emissions.regime_model` makes, two features.
    rule : Rule
        When to believe a change.
    spread_factors, size_factors : tuple of float
        One a regime: >= 1, and 0 to 1.
    """

    symbol: str
    bar_s: float
    model: Model
    spread_factors: tuple[float, ...]
    size_factors: tuple[float, ...]
    rule: Rule = Rule()

    def __post_init__(self) -> None:
        count = len(self.model.start)
        if not 0.1 <= self.bar_s <= 86_400.0:
            raise ValueError(f"bar_s = {self.bar_s}: must be from 0.1 to 86400")
        if len(self.model.centre) != 2:
            raise ValueError(f"model has {len(self.model.centre)} features: must have return and range")
        for name, factors, low, high in (
            ("spread_factors", self.spread_factors, 1.0, 100.0), ("size_factors", self.size_factors, 0.0, 1.0),
        ):  # fmt: skip
            if len(factors) != count or not all(low <= factor <= high for factor in factors):
                raise ValueError(f"{name} = {factors}: must be {count} numbers from {low:g} to {high:g}")
        compiled_step(self.model, self.rule)  # refuses a rule that is none


State = tuple[float, ...]
_BAR = 5
"""Numbers of a state before those of the filter: when the bar ends, its first, highest, lowest and last mid."""


class BarRegimes:
    """A `titan.engine.signals.RegimeModel` of bars.

    Parameters
    ----------
    config : RegimeConfig
        The regimes.
    """

    def __init__(self, config: RegimeConfig) -> None:
        self._config = config
        self._bar_ns = round(config.bar_s * S_NS)
        self._step: Callable[[Fields, Sequence[float]], Fields] = compiled_step(config.model, config.rule)
        self._count = len(config.model.start)
        widest = config.spread_factors.index(max(config.spread_factors))
        self._start = filter_start(config.model, widest)

    def initial(self) -> State:
        """No bar yet; the regime with the widest quotes is in force."""
        return (0, 0.0, 0.0, 0.0, 0.0, *self._flat(self._start))

    def update(self, state: State, time_ns: int, mid: float) -> State:
        """The state after one more mid: the bars that ended before it are judged."""
        ends, first, high, low, last = state[:_BAR]
        if not ends:
            return self._begun(time_ns, mid, state[_BAR:])
        if time_ns < ends:
            return (ends, first, max(high, mid), min(low, mid), mid, *state[_BAR:])
        passed = 1 + int(time_ns - ends) // self._bar_ns
        known = self._judged(self._filter(state[_BAR:]), first, high, low, last)
        for _ in range(min(passed - 1, MOST_GAPS)):
            known = filter_gap(self._config.model, known)
        if passed > MOST_GAPS:
            known = self._start
        return self._begun(time_ns, mid, self._flat(known))

    def factors(self, state: State) -> RegimeFactors:
        """What the regime in force does to quotes."""
        regime = int(state[-3])
        return RegimeFactors(self._config.spread_factors[regime], self._config.size_factors[regime])

    def _begun(self, time_ns: int, mid: float, known: State) -> State:
        """The state at a bar's first mid; bars end at whole multiples of their length."""
        ends = (time_ns // self._bar_ns + 1) * self._bar_ns
        return (ends, mid, mid, mid, mid, *known)

    def _judged(self, known: Filter, first: float, high: float, low: float, last: float) -> Filter:
        """The filter after a bar; one that never moved has no range, and counts as missing."""
        if high <= low:
            return filter_gap(self._config.model, known)
        return Filter(*self._step(known, (math.log(last / first), math.log(math.log(high / low)))))

    def _flat(self, known: Filter) -> State:
        return (*known.probabilities, *known.forecast, *known[2:])

    def _filter(self, numbers: State) -> Filter:
        count = self._count
        likelihood, regime, candidate, streak = numbers[2 * count :]
        return Filter(
            tuple(numbers[:count]), tuple(numbers[count : 2 * count]), likelihood, int(regime), int(candidate),
            int(streak),
        )  # fmt: skip
