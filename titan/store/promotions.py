"""Records of promotion: one file a step, named by its place and by the hash of what it says, never changed.

``FOLDER/STRATEGY/NNNNNN-<id>.json`` holds a step up or down. Each names the one before it, so that a record that was
changed, or taken out from between two others, is noticed.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import msgspec

from titan.engine.promotion import Identity
from titan.store.artefacts import ID_LENGTH
from titan.store.disk import put_whole
from titan.store.lock import AccountLock, AccountLocked

_NAME = re.compile(rf"(\d{{6}})-([0-9a-f]{{{ID_LENGTH}}})\.json")


class PromotionRecordError(ValueError):
    """Records that cannot be read or added to; the message says which and what to do."""


class Evidence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file that was looked at: what it is, where it lay, and the hash of its bytes."""

    kind: str
    name: str
    sha256: str


class Gate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A gate as it was passed: what was measured, None where it was not asked for, and the bound."""

    gate: str
    measured: float | None
    bound: float
    asked: bool


class Promotion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One step of a strategy, up or down.

    Attributes
    ----------
    identity : Identity
        What was promoted: another source or other parameters are not.
    previous : str
        The id of the record before; empty for the first.
    time_ns : int
        When, ns UTC: evidence of the next stage begins here.
    """

    strategy: str
    stage: str
    to: str
    identity: Identity
    gates: tuple[Gate, ...]
    evidence: tuple[Evidence, ...]
    operator: str
    reason: str
    time_ns: int
    commit: str
    previous: str

    @property
    def id(self) -> str:
        """Its name: the hash of what it says."""
        return _id(_encoded(self))


def _encoded(record: Promotion) -> bytes:
    # Read back first, for a whole number in place of a float would be written differently the second time.
    record = msgspec.convert(msgspec.to_builtins(record), Promotion)
    return msgspec.json.format(msgspec.json.encode(record, order="sorted"), indent=1) + b"\n"


def _id(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:ID_LENGTH]


def read_promotions(root: Path, strategy: str) -> tuple[Promotion, ...]:
    """Every record of a strategy, the oldest first.

    Raises
    ------
    PromotionRecordError
        If one cannot be read, is not what its name says, or does not follow the one before it.
    """
    found: list[Promotion] = []
    for path in sorted((root / strategy).glob("*.json")):
        record = _read(path)
        before = found[-1].id if found else ""
        if int(path.name[:6]) != len(found) + 1 or record.previous != before or record.strategy != strategy:
            raise PromotionRecordError(
                f"record {path}: does not follow {before or 'nothing'} as the record {len(found) + 1} of {strategy}; "
                "one was taken away or put in: restore the folder from a backup, or move it away and begin at research"
            )
        found.append(record)
    return tuple(found)


def _read(path: Path) -> Promotion:
    advice = "restore it from a backup, or move the folder away and begin at research"
    named = _NAME.fullmatch(path.name)
    try:
        content = path.read_bytes()
        record = msgspec.json.decode(content, type=Promotion)
    except OSError as error:
        raise PromotionRecordError(f"record {path}: {error.strerror}; {advice}") from None
    except msgspec.MsgspecError as error:
        raise PromotionRecordError(f"record {path}: {error}; {advice}") from None
    if named is None or _id(content) != named[2]:
        raise PromotionRecordError(f"record {path}: was changed after it was written; {advice}")
    return record


def append_promotion(root: Path, record: Promotion) -> Path:
    """Add a record after the last one; it is on the disk once this returns.

    Raises
    ------
    PromotionRecordError
        If `record` does not follow the last one, as where another operator was faster, or as of `read_promotions`.
    OSError
        If it cannot be written.
    """
    try:
        with AccountLock(root, f"promotions of {record.strategy}"):
            before = read_promotions(root, record.strategy)
            if record.previous != (before[-1].id if before else ""):
                raise PromotionRecordError(
                    f"{record.strategy}: another record was made meanwhile; look at it and ask again"
                )
            path = root / record.strategy / f"{len(before) + 1:06d}-{record.id}.json"
            path.parent.mkdir(exist_ok=True)
            put_whole(path, _encoded(record))
            return path
    except AccountLocked:
        raise PromotionRecordError(
            f"{record.strategy}: another promotion of it is under way; ask again"
        ) from None
