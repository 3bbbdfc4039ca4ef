"""What may go wrong at the exchange or on the way to it: a plan of faults, each with its time, chosen or drawn by seed.

A plan is a JSON list; `titan exchange --faults FILE` follows it for any client, and the trials of `titan.chaos` draw
theirs. Times count in seconds from the exchange's start, so a plan with its seed always does the same.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

import msgspec


class Kind(StrEnum):
    """Every fault, in the order of the documentation: of calls, of streams, of the exchange itself."""

    REFUSE_CONNECTION = "refuse_connection"
    DELAY_CALL = "delay_call"
    LOSE_REQUEST = "lose_request"
    LOSE_ANSWER = "lose_answer"
    LATE_ANSWER = "late_answer"
    TRUNCATE_ANSWER = "truncate_answer"
    HALF_ANSWER = "half_answer"
    SERVER_ERROR = "server_error"
    SERVER_ERROR_AFTER = "server_error_after"
    UNKNOWN_RESULT = "unknown_result"
    BAD_TIMESTAMP = "bad_timestamp"
    DUPLICATE_ID = "duplicate_id"
    RATE_LIMITED = "rate_limited"
    BANNED = "banned"
    LYING_SNAPSHOT = "lying_snapshot"
    DROP_STREAM = "drop_stream"
    SILENCE_STREAM = "silence_stream"
    DELAY_FRAME = "delay_frame"
    DUPLICATE_FRAME = "duplicate_frame"
    REORDER_FRAME = "reorder_frame"
    LOSE_FRAME = "lose_frame"
    MALFORM_FRAME = "malform_frame"
    TRUNCATE_FRAME = "truncate_frame"
    EXPIRE_LISTEN_KEY = "expire_listen_key"
    RESTART = "restart"
    RESTART_LOSING_ORDERS = "restart_losing_orders"
    SWEEP = "sweep"
    HALT = "halt"
    LIQUIDATE = "liquidate"
    DELEVERAGE = "deleverage"
    CHANGE_TICK = "change_tick"


MEANINGS: dict[Kind, str] = {
    Kind.REFUSE_CONNECTION: "nobody can connect for `for_s`; with a `call`, or no `for_s`, a call's connection breaks",
    Kind.DELAY_CALL: "a call is carried out `delay_s` late",
    Kind.LOSE_REQUEST: "a call never arrives: a time-out before acceptance",
    Kind.LOSE_ANSWER: "a call is carried out and its answer never arrives: a time-out after acceptance",
    Kind.LATE_ANSWER: "a call is carried out at once and answered `delay_s` late",
    Kind.TRUNCATE_ANSWER: "a call is carried out; the connection breaks in the middle of its answer of status 200",
    Kind.HALF_ANSWER: "a call is carried out and answered with status 200 and a body that is half a JSON text",
    Kind.SERVER_ERROR: "status 503, not carried out",
    Kind.SERVER_ERROR_AFTER: "status 503, although it was carried out",
    Kind.UNKNOWN_RESULT: "code -1007: the result is unknown; it was carried out",
    Kind.BAD_TIMESTAMP: "code -1021: outside of the receive window, not carried out",
    Kind.DUPLICATE_ID: "code -4116: the client id is in use; the order was carried out",
    Kind.RATE_LIMITED: "status 429 with Retry-After, not carried out",
    Kind.BANNED: "status 418 with the time at which the ban ends, not carried out",
    Kind.LYING_SNAPSHOT: "a depth snapshot whose update id is newer than its levels",
    Kind.DROP_STREAM: "the connection of a stream is closed",
    Kind.SILENCE_STREAM: "a stream stays open and nothing comes any more",
    Kind.DELAY_FRAME: "a frame, and all behind it, arrive `delay_s` late",
    Kind.DUPLICATE_FRAME: "a frame arrives twice",
    Kind.REORDER_FRAME: "a frame arrives behind its successor",
    Kind.LOSE_FRAME: "a frame never arrives: a gap",
    Kind.MALFORM_FRAME: "a frame with a byte that cannot be JSON",
    Kind.TRUNCATE_FRAME: "half of a frame",
    Kind.EXPIRE_LISTEN_KEY: "the listen key expires before its time",
    Kind.RESTART: "every connection ends, the state is kept; back after `for_s`",
    Kind.RESTART_LOSING_ORDERS: "the same, and every open order is gone without a word",
    Kind.SWEEP: "a large order takes everything up to 20 ticks beyond the touch, on both sides",
    Kind.HALT: "the symbol is not traded for `for_s`",
    Kind.LIQUIDATE: "the account's position is closed by the venue at the market",
    Kind.DELEVERAGE: "half of the account's position is closed by the venue at the market",
    Kind.CHANGE_TICK: "the tick becomes twice as large; every order is cancelled first, positions are kept",
}

FRAME_KINDS = frozenset(
    {
        Kind.DELAY_FRAME, Kind.DUPLICATE_FRAME, Kind.REORDER_FRAME, Kind.LOSE_FRAME, Kind.MALFORM_FRAME,
        Kind.TRUNCATE_FRAME,
    }
)  # fmt: skip
ACT_KINDS = frozenset(
    {
        Kind.DROP_STREAM, Kind.EXPIRE_LISTEN_KEY, Kind.RESTART, Kind.RESTART_LOSING_ORDERS, Kind.SWEEP, Kind.HALT,
        Kind.LIQUIDATE, Kind.DELEVERAGE, Kind.CHANGE_TICK,
    }
)  # fmt: skip
CALL_KINDS = frozenset(Kind) - FRAME_KINDS - ACT_KINDS - {Kind.SILENCE_STREAM}


class FaultPlanError(ValueError):
    """A plan that cannot be followed; the message names the fault, the key and what is allowed."""


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One fault.

    Parameters
    ----------
    kind : Kind
        What goes wrong.
    at_s : float
        From when on, seconds from the exchange's start.
    for_s : float
        How long; 0 is one moment: the next call or frame that fits, once.
    share : float
        Of the calls or frames within that time, the part that is hit, 0 to 1, drawn by seed.
    delay_s : float
        Where the kind delays.
    call : str
        Only calls of this method and path, ``POST /fapi/v1/order``; empty is any.
    stream : str
        Only ``market`` or ``private``; empty is both.
    """

    kind: Kind
    at_s: float = 0.0
    for_s: float = 0.0
    share: float = 1.0
    delay_s: float = 0.0
    call: str = ""
    stream: str = ""

    def __post_init__(self) -> None:
        for name, least, most in (
            ("at_s", 0.0, 1e9),
            ("for_s", 0.0, 1e9),
            ("share", 0.0, 1.0),
            ("delay_s", 0.0, 3_600.0),
        ):
            value = getattr(self, name)
            if not least <= value <= most:
                raise ValueError(f"{name} = {value}: must be from {least:g} to {most:g}")
        if self.stream not in {"", "market", "private"}:
            raise ValueError(f"stream = {self.stream}: must be market, private or empty")


class Plan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Faults and the seed that draws which calls and frames they hit."""

    faults: tuple[Fault, ...] = ()
    seed: int = 1


def read_plan(path: Path) -> Plan:
    """Read a plan from a JSON file.

    Raises
    ------
    FaultPlanError
        If it cannot be read, or a fault of it is not one.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Plan)
    except OSError as error:
        raise FaultPlanError(f"faults {path}: {error.strerror}; name a file with a plan") from None
    except msgspec.DecodeError as error:
        kinds = ", ".join(Kind)
        raise FaultPlanError(f"faults {path}: {error}; a fault has kind, one of {kinds}") from None
