"""What everything else speaks of: instruments, units, events, orders, commands, the strategy contract."""

from titan._lazy import lazy_package

__getattr__, __dir__ = lazy_package(__name__, __path__)
