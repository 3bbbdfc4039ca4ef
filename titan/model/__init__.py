"""What everything else speaks of: instruments, units, events, orders, commands, the strategy contract."""

from titan._lazy import lazy_package as _lazy_package

__getattr__, __dir__ = _lazy_package(__name__, __path__)
