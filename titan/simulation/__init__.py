"""Queue position, latency and order arrivals, exported from notebooks."""

from titan._lazy import lazy_package

__getattr__, __dir__ = lazy_package(__name__, __path__)
