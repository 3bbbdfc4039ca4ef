"""What a wrong setting is told: the key, its value, what is allowed, and the nearest known name."""

from __future__ import annotations

import difflib
import typing
from collections.abc import Iterable, Mapping
from typing import Any

import annotated_types
from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo


class SettingsError(ValueError):
    """A setting is missing, unknown or out of range; the message says which and what to do."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ``; did you mean 'x'?``, or the known names if none is near."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known are {', '.join(names)}" if names else ""


def allowed(field: FieldInfo) -> str:
    """Return in words which values ``field`` takes."""
    annotation: Any = field.annotation
    if typing.get_origin(annotation) is typing.Literal:
        return "one of " + ", ".join(map(str, typing.get_args(annotation)))
    if annotation is bool:
        return "true or false"
    if typing.get_origin(annotation) is tuple and typing.get_args(annotation)[0] is not str:
        low, high, _ = _bounds(_limits_of(annotation))
        return f"numbers separated by commas, the least first, each {' and '.join(filter(None, (low, high)))}"
    low, high, pattern = _bounds(field.metadata)
    kind = "a whole number" if annotation is int else "a number"
    if low or high:
        return f"{kind} {' and '.join(filter(None, (low, high)))}"
    if pattern:
        return f"text that matches {pattern}"
    if typing.get_origin(annotation) is tuple:
        return "a list separated by commas, not empty"
    return "text"


def _limits_of(annotation: Any) -> list[object]:
    """Return the metadata of a list's items."""
    (stated,) = typing.get_args(typing.get_args(annotation)[0])[1:]
    return list(stated.metadata)


def _bounds(metadata: Iterable[object]) -> tuple[str, str, str]:
    """Return the lower bound, the upper bound and the pattern in ``metadata``, in words."""
    low = high = pattern = ""
    for item in metadata:
        match item:
            case annotated_types.Ge(ge=bound):
                low = f"at least {bound}"
            case annotated_types.Gt(gt=bound):
                low = f"above {bound}"
            case annotated_types.Le(le=bound):
                high = f"at most {bound}"
            case _:
                pattern = getattr(item, "pattern", None) or pattern
    return low, high, pattern


def _is_secret(field: FieldInfo) -> bool:
    """Tell whether ``field`` holds a secret."""
    return SecretStr in (field.annotation, *typing.get_args(field.annotation))


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """Return the model that a field holds, itself or as the value of a dictionary."""
    # A generic alias such as dict[str, str] passes for a type, and issubclass refuses it.
    plain = (item for item in (annotation, *typing.get_args(annotation)) if typing.get_origin(item) is None)
    return next((item for item in plain if isinstance(item, type) and issubclass(item, BaseModel)), None)


def _walk(model: type[BaseModel], location: tuple[str, ...]) -> tuple[str, type[BaseModel], str]:
    """Return the section's name, its model and the key for an error's location."""
    section: list[str] = []
    at = model
    for part in location:
        field = at.model_fields.get(part)
        below = _model_in(field.annotation) if field else None
        if field is not None and below is None:
            return ".".join(section), at, part
        section.append(part)
        at = below or at
    return ".".join(section[:-1]), at, section[-1]


def _sentence(
    kind: str, location: tuple[str, ...], value: object, message: str, model: type[BaseModel]
) -> str:
    """Return one error as a sentence."""
    section, owner, key = _walk(model, location)
    field = owner.model_fields.get(key)
    if kind == "extra_forbidden":
        return f"[{section}] {key}: unknown key{nearest(key, owner.model_fields)}"
    if kind == "missing":
        return f"[{section}] {key} is missing: {field.description if field else ''}"
    if field is None:
        return f"[{'.'.join(part for part in location if part != '[key]')}]: {message}"
    shown = "(secret)" if _is_secret(field) else value
    return f"[{section}] {key} = {shown}: must be {allowed(field)}"


class Origins:
    """Which file, environment variable or command line each key was read from, the uppermost layer winning.

    Parameters
    ----------
    otherwise
        What is named for a key that no layer states.
    """

    def __init__(self, otherwise: str) -> None:
        self._otherwise = otherwise
        self._by_path: dict[tuple[str, ...], str] = {}

    def note(self, path: tuple[str, ...], origin: str) -> None:
        """Record that ``path`` was read from ``origin``, over what was recorded before."""
        self._by_path[path] = origin

    def note_tree(self, tree: Mapping[str, Any], origin: str, above: tuple[str, ...] = ()) -> None:
        """Record ``origin`` for every leaf of ``tree``, an empty section being one."""
        for key, value in tree.items():
            if isinstance(value, Mapping) and value:
                self.note_tree(value, origin, (*above, key))
            else:
                self.note((*above, key), origin)

    def of(self, *path: str) -> str:
        """Return where ``path`` was read from, or else what made the named section that it belongs to."""
        for length in range(len(path), 1, -1):
            head = path[:length]
            found = [origin for key, origin in self._by_path.items() if key[:length] == head]
            if found:
                return self._by_path.get(head, found[0])
        return self._otherwise


def explain(error: ValidationError, model: type[BaseModel], origins: Origins) -> str:
    """Return every error in ``error`` in words, one a line, beginning with where the value was read."""
    rows = []
    for item in error.errors(include_url=False, include_context=False):
        location = tuple(map(str, item["loc"]))
        said = _sentence(item["type"], location, item["input"], item["msg"], model)
        rows.append(f"{origins.of(*location)}: {said}")
    return "\n".join(rows)
