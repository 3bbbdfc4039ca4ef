"""The book at the start of a capture that holds none: a depth snapshot from elsewhere."""

from __future__ import annotations

from pathlib import Path

import msgspec

from titan.model.events import BadFrame, BookDelta, BookSnapshot
from titan.store.capture_scale import Scale
from titan.store.captures import CaptureError, open_capture
from titan.wire.binance_usdm import MarketCodec, wrap_snapshot


class _LastId(msgspec.Struct):
    lastUpdateId: int


class StartSnapshot:
    """A REST depth answer in a file of its own, to be used where it fits.

    Parameters
    ----------
    path : Path or None
        The file; with None there is no such snapshot.

    Attributes
    ----------
    scale : Scale
        Decimals that its numbers use.
    used : bool
        True once a depth event joined it.

    Raises
    ------
    CaptureError
        If the file holds no depth snapshot.
    """

    def __init__(self, path: Path | None) -> None:
        self.scale = Scale()
        self.used = False
        self.path = path
        self.last_id = -1
        self._answer = b""
        if path is not None:
            self._read(path)

    def _read(self, path: Path) -> None:
        with open_capture(path) as file:
            try:
                self._answer = file.read()
                self.last_id = msgspec.json.decode(self._answer, type=_LastId).lastUpdateId
            except (msgspec.DecodeError, UnicodeDecodeError, EOFError, OSError) as error:
                raise CaptureError(
                    f"{path}: no depth snapshot ({error}); it must hold lastUpdateId, bids and asks"
                ) from None
        self.scale.see(self._answer)

    def snapshot_for(self, delta: BookDelta, codec: MarketCodec) -> BookSnapshot | None:
        """The snapshot, if this delta joins it."""
        if self.path is None:
            return None
        previous = delta.previous_id if delta.previous_id >= 0 else delta.first_id - 1
        if not previous <= self.last_id <= delta.last_id:
            return None
        event = codec.decode(wrap_snapshot(delta.symbol, self._answer), delta.time_ns)
        if not isinstance(event, BookSnapshot):
            reason = event.reason if isinstance(event, BadFrame) else "it is something else"
            raise CaptureError(f"{self.path}: no depth snapshot of {delta.symbol} ({reason})")
        self.used = True
        return event

    def require_used(self) -> None:
        """Raise `CaptureError` if nothing has joined it."""
        if self.path is not None and not self.used:
            raise CaptureError(
                f"{self.path}: its update id joins no depth event that needs it; give the one taken at the start"
            )
