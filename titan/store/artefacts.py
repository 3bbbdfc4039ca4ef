"""Parameters that a calibration has found: one file each, named by the hash of what it says, never changed.

``FOLDER/VENUE.SYMBOL/<id>.json`` holds the artefact; ``current`` beside it names the one to be used. Both are put in
place whole. An artefact says what it was made of, so that a quote can be followed back to its data.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

from titan.store.disk import put_whole

POINTER = "current"
ID_LENGTH = 16
"""Hexadecimal digits of an artefact's name: of some 10^9 artefacts two would agree by chance once in 40."""


class ArtefactError(ValueError):
    """An artefact that is not there, or not what its name says; the message says which and what to do."""


class Value(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One parameter as it was found, with its interval of 95%, in the parameter's own unit."""

    name: str
    value: float
    low: float
    high: float
    unit: str


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of recorded data: its name, the hash of its bytes, and the stretch of it that was used."""

    file: str
    sha256: str
    from_ns: int
    to_ns: int
    events: int


class Artefact(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a calibration found on one instrument.

    Attributes
    ----------
    doubt : str
        Why the fit is not to be relied on; empty for a good one.
    quality : dict of str to float
        How good the fit was, by name: orders counted, misfit, relative width of the intervals.
    made_ns, expires_ns : int
        The end of the data, from which its age counts, and until when it may be used as it is; ns UTC.
    study : str
        The notebook that made it, with the hash of its cells.
    sources : dict of str to str
        Hash of each module that computed it.
    """

    venue: str
    symbol: str
    values: tuple[Value, ...]
    quality: dict[str, float]
    doubt: str
    data: tuple[Source, ...]
    made_ns: int
    expires_ns: int
    study: str
    sources: dict[str, str]
    commit: str

    @property
    def id(self) -> str:
        """Its name: the hash of what it says."""
        return _id(_encoded(self))

    def value(self, name: str) -> Value | None:
        """The parameter of that name, if it was found."""
        return next((each for each in self.values if each.name == name), None)


def _encoded(artefact: Artefact) -> bytes:
    # Read back first, for a whole number in place of a float would be written differently the second time.
    artefact = msgspec.convert(msgspec.to_builtins(artefact), Artefact)
    return msgspec.json.format(msgspec.json.encode(artefact, order="sorted"), indent=1) + b"\n"


def _id(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:ID_LENGTH]


def folder_of(root: Path, venue: str, symbol: str) -> Path:
    """Where an instrument's artefacts lie."""
    return root / f"{venue}.{symbol}"


def write_artefact(root: Path, artefact: Artefact) -> Path:
    """Write an artefact, and make it the current one of its instrument.

    Returns
    -------
    Path
        Of the file; the same artefact written twice is one file.
    """
    folder, content = folder_of(root, artefact.venue, artefact.symbol), _encoded(artefact)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{_id(content)}.json"
    if not path.exists():
        put_whole(path, content)
    put_whole(folder / POINTER, f"{_id(content)}\n".encode())
    return path


def read_artefact(path: Path) -> Artefact:
    """Read an artefact.

    Raises
    ------
    ArtefactError
        If it cannot be read, or is not what its name says.
    """
    try:
        content = path.read_bytes()
        found = msgspec.json.decode(content, type=Artefact)
    except OSError as error:
        raise ArtefactError(f"artefact {path}: {error.strerror}; run 'titan calibrate' again") from None
    except msgspec.MsgspecError as error:
        raise ArtefactError(f"artefact {path}: {error}; run 'titan calibrate' again") from None
    if _id(content) != path.stem:
        raise ArtefactError(f"artefact {path}: was changed after it was written; run 'titan calibrate' again")
    return found


def current_artefact(root: Path, venue: str, symbol: str) -> Artefact:
    """The artefact of an instrument that is to be used.

    Raises
    ------
    ArtefactError
        If there is none, or as of `read_artefact`.
    """
    pointer = folder_of(root, venue, symbol) / POINTER
    try:
        name = pointer.read_text(encoding="ascii").strip()
    except OSError as error:
        raise ArtefactError(
            f"no artefact of {venue}:{symbol} ({pointer}: {error.strerror}); run 'titan calibrate' first"
        ) from None
    found = read_artefact(pointer.with_name(f"{name}.json"))
    if (found.venue, found.symbol) != (venue, symbol):
        raise ArtefactError(f"artefact {name} is of {found.venue}:{found.symbol}, not of {venue}:{symbol}")
    return found
