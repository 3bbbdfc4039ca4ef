"""Titan: market making for crypto futures, from the notebook to production.

Rooms, modules and the functions shown here are imported when they are first used, so ``import titan`` costs almost
nothing.
"""

from titan._lazy import lazy_package as _lazy_package

__version__ = "0.1.0"

__all__ = [
    "backtest",
    "calibration",
    "chaos",
    "engine",
    "evaluation",
    "live",
    "load_capture",
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
    "venues",
    "wire",
]

_FUNCTIONS = {"load_capture": "titan.reports.capture_frames"}

__getattr__, __dir__ = _lazy_package(__name__, __path__, _FUNCTIONS)
