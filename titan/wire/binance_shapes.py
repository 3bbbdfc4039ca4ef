"""Shapes of Binance's market frames for typed decoding: the venue's own field names; others are skipped."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Generic, Literal, TypeVar

import msgspec

Pairs = list[tuple[str, str]]
T = TypeVar("T")

UpdateId = Annotated[int, msgspec.Meta(ge=0, le=2**62)]
Milliseconds = Annotated[int, msgspec.Meta(ge=0, le=4_102_444_800_000)]
"""Up to the year 2100."""


class Wrapped(msgspec.Struct, Generic[T], gc=False):
    """A frame of the combined stream."""

    data: T


class DepthUpdate(msgspec.Struct, gc=False):
    """`<symbol>@depth`: changed levels. Spot gives neither `pu` nor `T`."""

    e: Literal["depthUpdate"]
    s: str
    U: UpdateId
    u: UpdateId
    b: Pairs
    a: Pairs
    pu: Annotated[int, msgspec.Meta(ge=-1, le=2**62)] = -1
    E: Milliseconds = 0
    T: Milliseconds = 0


class DepthSnapshot(msgspec.Struct, gc=False, rename={"last_id": "lastUpdateId"}):
    """Answer of REST depth. Spot gives no time, USD-M no symbol."""

    last_id: UpdateId
    bids: Pairs
    asks: Pairs
    symbol: str = ""
    E: Milliseconds = 0
    T: Milliseconds = 0


class WrappedSnapshot(msgspec.Struct, gc=False):
    """A REST depth answer as a session stores it: `stream` is ``<symbol>@snapshot``."""

    stream: str
    data: DepthSnapshot


class BookTicker(msgspec.Struct, gc=False):
    """`<symbol>@bookTicker`. Spot gives neither event type nor time."""

    u: UpdateId
    s: str
    b: str
    B: str
    a: str
    A: str
    e: Literal["bookTicker"] = "bookTicker"
    E: Milliseconds = 0
    T: Milliseconds = 0


class Trade(msgspec.Struct, gc=False):
    """`<symbol>@trade`; `X` says how it came about, where it is given."""

    e: Literal["trade"]
    s: str
    t: UpdateId
    p: str
    q: str
    m: bool
    T: Milliseconds
    X: str = "MARKET"


class AggTrade(msgspec.Struct, gc=False):
    """`<symbol>@aggTrade`."""

    e: Literal["aggTrade"]
    s: str
    a: UpdateId
    p: str
    q: str
    m: bool
    T: Milliseconds


class MarkPriceUpdate(msgspec.Struct, gc=False):
    """`<symbol>@markPrice`; `r` is empty for contracts without funding."""

    e: Literal["markPriceUpdate"]
    s: str
    p: Decimal
    i: Decimal
    r: str
    T: Milliseconds
    E: Milliseconds = 0


class Peek(msgspec.Struct):
    """What tells an unexpected frame's kind and instrument: every field of it is optional."""

    stream: str = ""
    data: msgspec.Raw = msgspec.Raw()
    e: str = ""
    s: str = ""
    symbol: str = ""
    last_id: int | None = msgspec.field(default=None, name="lastUpdateId")
    B: msgspec.Raw = msgspec.Raw()
    code: int | None = None
    msg: str = ""
    error: msgspec.Raw = msgspec.Raw()
