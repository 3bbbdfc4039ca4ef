"""What the runner asks the process that estimates risk, and what that answers: one line of JSON each."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from titan.live.risk_results import Stated
from titan.model.instruments import Instrument


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """What the process is told when it is started: the settings that it needs, where its record is, whose child it is.

    Parameters
    ----------
    shocks : str
        [risk] stress_shocks.
    valid_s : float
        How long a result is to be believed.
    record, inherited : str
        File of the prices seen, and that of the session before; empty for none.
    parent : int
        Process id of the runner.
    """

    currency: str
    every_s: float
    tail: float
    horizon_s: float
    half_life: float
    window: int
    enough: int
    assumed_volatility: float
    assumed_beta: float
    shocks: str
    valid_s: float
    record: str
    inherited: str
    parent: int


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """One instrument: its terms, signed lots by strategy, and prices; None for one that is not trusted or not known."""

    instrument: Instrument
    lots: dict[str, int]
    mid: Decimal | None
    mark: Decimal | None
    half_spread: float
    """Of the book, as a share of the mid; 0 where it is not known."""
    rate: Decimal | None
    """Reporting currency per unit of quote currency."""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """The positions and prices of one moment, session clock ns."""

    number: int
    now_ns: int
    held: tuple[Held, ...]


class Answer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The result, or what stands against one in words."""

    number: int
    result: Stated | None
    problem: str = ""
