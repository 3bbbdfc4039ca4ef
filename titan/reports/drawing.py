"""Matplotlib's figure, shown by a notebook without pyplot and its global state."""

from __future__ import annotations

import io
from typing import Any

from matplotlib import figure


class Figure(figure.Figure):
    """A figure that a notebook shows as it is when its cell ends; `alt` is read out where it cannot be seen."""

    alt = "a picture"

    def png(self) -> bytes:
        """The figure drawn, the same bytes for the same content."""
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=110, metadata={"Software": None})
        return buffer.getvalue()

    def _repr_mimebundle_(
        self, include: Any = None, exclude: Any = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        return {"image/png": self.png(), "text/plain": self.alt}, {"image/png": {"alt": self.alt}}


# Matplotlib writes each subclass a `set` of its own, documented in roles that only its own site knows.
del Figure.set
