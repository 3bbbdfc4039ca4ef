"""Why a report cannot be made, each as one clear line."""

from __future__ import annotations


class ReportError(ValueError):
    """A report that cannot be made as asked; the message says why and what to do."""


class ParameterProblem(ReportError):
    """A parameter of the report that is unknown, of the wrong type, or out of range."""
