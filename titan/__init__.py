"""Titan: market making for crypto futures, from the notebook to production.

Rooms, modules and the functions shown here are imported when they are first used, so ``import titan`` costs almost
nothing.
"""

from titan._lazy import lazy_package as _lazy_package

__version__ = "0.1.0"

__all__ = [
    "backtest",
    "calibrate",
    "calibration",
    "chaos",
    "engine",
    "evaluation",
    "follow",
    "live",
    "load_capture",
    "load_session",
    "loopback",
    "market",
    "matching",
    "model",
    "reports",
    "risk",
    "settings",
    "simulation",
    "store",
    "strategy",
    "sweep",
    "venues",
    "wire",
]

_FUNCTIONS = {
    "calibrate": "titan.reports.calibrating",
    "follow": "titan.reports.following",
    "load_capture": "titan.reports.capture_frames",
    "load_session": "titan.reports.session_frames",
    "sweep": "titan.backtest.sweep_study",
}

__getattr__, __dir__ = _lazy_package(__name__, __path__, _FUNCTIONS)
