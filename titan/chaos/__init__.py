"""Seeded trials of the whole stack in virtual time, against an exchange at which everything goes wrong."""

from titan._lazy import lazy_package as _lazy_package

__getattr__, __dir__ = _lazy_package(__name__, __path__)
