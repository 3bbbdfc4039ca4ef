"""Pure codecs, one per venue, between bytes and events."""

from titan._lazy import lazy_package as _lazy_package

__getattr__, __dir__ = _lazy_package(__name__, __path__)
