"""The kernel on recorded data, and parameter sweeps.

The room is callable: ``titan.backtest(capture)`` is `titan.backtest.trial.backtest`.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from titan._lazy import lazy_package as _lazy_package

if TYPE_CHECKING:
    from titan.reports.session_frames import SessionFrames
    from titan.settings import Settings

__getattr__, __dir__ = _lazy_package(__name__, __path__)


class _CallableRoom(ModuleType):
    """Lets ``titan.backtest(capture)`` run one while ``titan.backtest.sweep`` stays a package."""

    def __call__(
        self,
        capture: str | Path,
        strategy: Any = None,
        *,
        parameters: Mapping[str, float] | None = None,
        settings: Settings | str | Path | None = None,
        journals: str | Path | None = None,
        seconds: float = 0.0,
    ) -> SessionFrames:
        """Run strategies on a recorded market; see `titan.backtest.trial.backtest`."""
        run: Any = __getattr__("trial").backtest
        found: SessionFrames = run(
            capture, strategy, parameters=parameters, settings=settings, journals=journals, seconds=seconds
        )
        return found


sys.modules[__name__].__class__ = _CallableRoom
