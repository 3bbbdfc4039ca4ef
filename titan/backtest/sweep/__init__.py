"""Many parameter sets on one tape in one pass: the market is reconstructed once, the strategies are compiled."""

from titan._lazy import lazy_package as _lazy_package

__getattr__, __dir__ = _lazy_package(__name__, __path__)
