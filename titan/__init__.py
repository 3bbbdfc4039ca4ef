"""Titan: market making for crypto futures, from the notebook to production.

Rooms and modules are imported when they are first used, so ``import titan`` costs almost nothing.
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

__getattr__, __dir__ = _lazy_package(__name__, __path__)
