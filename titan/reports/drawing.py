"""Matplotlib's figure, shown by a notebook without pyplot and its global state."""

from __future__ import annotations

import io

from matplotlib import figure


class Figure(figure.Figure):
    """A figure that a notebook shows as it is when its cell ends."""

    def png(self) -> bytes:
        """The figure drawn, the same bytes for the same content."""
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=110, metadata={"Software": None})
        return buffer.getvalue()

    def _repr_png_(self) -> bytes:
        return self.png()
