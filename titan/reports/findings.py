"""What a study has measured, in numbers that a program can read again from the notebook that it left.

A cell of the study ends with a `Findings`; the notebook keeps it as an output of a type of its own, beside the text.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from titan.engine.promotion import Identity
from titan.reports.errors import ReportError

MIME = "application/vnd.titan.findings+json"


class Findings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Numbers that a study found about one strategy.

    Attributes
    ----------
    strategy : str
        The name of its section, or the module of its code where a study knows no settings.
    measured : dict of str to float
        By name: ``dsr``, a probability; ``parity_bps``, traded less simulated P&L in bps of what was traded.
    sessions : tuple of str
        The sessions that were looked at.
    identity : Identity or None
        The strategy as it was tried, on all its symbols or on some, where no session says that.
    """

    study: str
    strategy: str
    measured: dict[str, float]
    sessions: tuple[str, ...] = ()
    identity: Identity | None = None

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        told = ", ".join(f"{name} {value:.6g}" for name, value in self.measured.items())
        return {MIME: msgspec.to_builtins(self), "text/plain": f"{self.study} of {self.strategy}: {told}"}


def read_findings(notebook: Path) -> tuple[Findings, ...]:
    """Every finding in a notebook that was run; none where its study states none.

    Raises
    ------
    ReportError
        If it is no notebook, or holds a finding that cannot be read.
    """
    try:
        content = notebook.read_bytes()
        if MIME.encode() not in content:
            return ()
        cells = msgspec.json.decode(content)["cells"]
        outputs = [output.get("data", {}) for cell in cells for output in cell.get("outputs", [])]
        return tuple(msgspec.convert(data[MIME], Findings) for data in outputs if MIME in data)
    except OSError as error:
        raise ReportError(f"report {notebook}: {error.strerror}; run its study again") from None
    except (msgspec.MsgspecError, KeyError, TypeError, AttributeError) as error:
        raise ReportError(
            f"report {notebook}: its findings cannot be read ({error}); run its study again"
        ) from None
