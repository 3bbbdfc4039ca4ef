"""The risk result as metrics: the number, its standard error, whose it is, what stress would cost, and its age."""

from __future__ import annotations

import math
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Gauge

from titan.engine.desk import Desk


class RiskGauges:
    """Reads the desk when metrics are asked for. A result that has expired, or never came, is NaN and never 0.

    Parameters
    ----------
    registry : CollectorRegistry
        Where the gauges are registered.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.failures: Callable[[], int] = lambda: 0
        """How often the estimating process has failed."""

        def gauge(name: str, meaning: str, *labels: str) -> Gauge:
            return Gauge(f"titan_{name}", meaning, labels, registry=registry)

        self._shortfall = gauge("shortfall", "Expected shortfall of all positions, reporting currency")
        self._error = gauge("shortfall_error", "Its standard error; NaN where it has none")
        self._part = gauge("shortfall_part", "What each position adds to it", "instrument")
        self._strategy = gauge("shortfall_strategy", "What each strategy adds to it", "strategy")
        self._stress = gauge("stress_loss", "Loss in each scenario, reporting currency", "scenario")
        self._age = gauge("risk_result_age_seconds", "Age of the risk result; NaN before the first")
        self._failed = gauge("risk_process_failures", "How often the estimating process failed, so far")

    def read(self, desk: Desk) -> None:
        """Take the result as it stands now."""
        self._failed.set(self.failures())
        for labelled in (self._part, self._strategy, self._stress):
            labelled.clear()
        found = desk.risk.result
        self._age.set(math.nan if found is None else (desk.now_ns - found.computed_ns) / 1e9)
        result = found if found is not None and desk.now_ns < found.expires_ns else None
        self._shortfall.set(math.nan if result is None else result.shortfall)
        self._error.set(math.nan if result is None or result.error is None else result.error)
        if result is None:
            return
        for part in result.parts:
            self._part.labels(f"{part.venue}:{part.symbol}").set(part.shortfall)
        for strategy in result.strategies:
            self._strategy.labels(strategy.strategy).set(strategy.shortfall)
        for stress in result.stresses:
            self._stress.labels(stress.name).set(stress.loss)
