"""Docstrings and signatures as Sphinx reads them."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import pytest

import titan.risk.attribution
from scripts.pages.docstrings import as_roles, is_alias, qualified, signature, undivided


class Pair(NamedTuple):
    """Two numbers."""

    first: float
    second: int | None = None


@dataclass(frozen=True)
class Settings:
    name: str
    kinds: ClassVar[tuple[str, ...]] = ()
    _hidden: int = 0


class Socket:
    def __init__(self, address: str, *, seconds: float = 1.0) -> None:
        self.address = address

    async def send(self, frame: bytes) -> int:
        return len(frame)


class Bare:
    pass


class Level(enum.IntEnum):
    LOW = 0


def plain(rate: float, /, *depths: float, **more: int) -> list[float]:
    return [rate, *depths]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (r"Return $\sigma^2$ of $x_i$.", r"Return :math:`\sigma^2` of :math:`x_i`."),
        ("The $n$th of `a|b` and c|d.", r"The :math:`n`\ th of `a|b` and c\|d."),
        ("Costs \\$5 or 5$ or $6.", "Costs \\$5 or 5$ or $6."),
        ("`$x$` is code.", "`$x$` is code."),
        ("Names *args and end_ here.", r"Names \*args and end\_ here."),
        ("A product a * b and `x_` too.", "A product a * b and `x_` too."),
    ],
)
def test_marks_reach_the_page_as_they_are_meant(line: str, expected: str) -> None:
    assert as_roles(line) == expected


@pytest.mark.parametrize(
    ("doc", "expected"),
    [("Alias for field number 12", True), ("Alias for field number 1, too", False), (None, False)],
)
def test_the_docstring_of_a_bare_field_is_known(doc: str | None, expected: bool) -> None:
    assert is_alias(doc) is expected


@pytest.mark.parametrize(
    ("thing", "expected"),
    [
        (plain, ("(rate: float, /, *depths: float, **more: int)", "list[float]")),
        (Pair, ("(first: float, second: int | None = None)", "")),
        (Settings, ("(name: str)", "")),
        (Socket, ("(address: str, *, seconds: float=1.0)", "")),
        (Socket.send, ("(frame: bytes)", "int")),
        (Bare, None),
        (Level, None),
        (len, None),
        (7, None),
    ],
)
def test_a_signature_is_what_the_author_wrote(thing: object, expected: tuple[str, str] | None) -> None:
    assert signature(thing) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("tail_days", "titan.risk.tail.tail_days"),
        ("Attribution.parts", "titan.risk.attribution.Attribution.parts"),
        ("np.ndarray", "numpy.ndarray"),
        ("holdings", "holdings"),
        ("titan.model.Clock", "titan.model.Clock"),
        ("__all__", "titan.risk.attribution.__all__"),
    ],
)
def test_a_name_means_what_it_means_in_its_module(name: str, expected: str) -> None:
    assert qualified(titan.risk.attribution.__name__, name) == expected


def test_a_name_outside_a_module_is_left_alone() -> None:
    assert qualified(None, "tail_days") == "tail_days"


def test_a_value_that_is_told_with_a_colon_is_given_no_type() -> None:
    told = ["The study of a folder: its page keeps one name.", "", "More: of it."]
    for what in ("attribute", "data", "property"):
        assert undivided(what, told) == [
            ": The study of a folder: its page keeps one name.",
            "",
            "More: of it.",
        ]
        assert undivided(what, []) == []
        assert undivided(what, ["", "x: y"]) == ["", "x: y"]
    assert undivided("function", told) == told
