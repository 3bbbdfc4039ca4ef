"""Why a runner does not start, or ends: each with its exit code."""

from __future__ import annotations

CLEAN = 0
USAGE = 2
REFUSED = 3
STORAGE = 5
INTERNAL = 6


class RunnerError(Exception):
    """An end that is one clear line and an exit code."""

    exit_code = INTERNAL


class UsageError(RunnerError):
    """The command line or the configuration is wrong."""

    exit_code = USAGE


class StartRefused(RunnerError):
    """The session may not start as asked; nothing was sent."""

    exit_code = REFUSED


class StorageFault(RunnerError):
    """The journal could not be written to its end."""

    exit_code = STORAGE
