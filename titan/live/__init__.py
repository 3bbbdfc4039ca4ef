"""The runner, its outbox, supervision, control and telemetry."""

from titan._lazy import lazy_package as _lazy_package

__getattr__, __dir__ = _lazy_package(__name__, __path__)
