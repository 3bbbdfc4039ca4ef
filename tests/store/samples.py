"""Events, commands and sessions for the tests of the store."""

from __future__ import annotations

import enum
import types
import typing
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import msgspec
from hypothesis import strategies as st

from titan.model.commands import AnyCommand, CancelOrder, PlaceOrder
from titan.model.events import AnyEvent, TimerFired
from titan.model.orders import Lifetime
from titan.store.disk import Disk
from titan.store.journal import Header
from titan.store.writer import SessionWriter

SESSION = "20240808T120000Z-0a1b2c"

_PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    int: st.integers(-(2**63), 2**63 - 1),
    float: st.floats(allow_nan=False),
    str: st.text(max_size=12),
    bytes: st.binary(max_size=12),
    bool: st.booleans(),
    Decimal: st.decimals(allow_nan=False, allow_infinity=False),
    type(None): st.none(),
}


def values_of(hint: Any) -> st.SearchStrategy[Any]:
    """Any value of a type of the model."""
    if hint in _PLAIN:
        return _PLAIN[hint]
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin in (typing.Union, types.UnionType):
        return st.one_of([values_of(each) for each in arguments])
    if origin is tuple:
        if arguments[-1] is Ellipsis:
            return st.lists(values_of(arguments[0]), max_size=3).map(tuple)
        return st.tuples(*[values_of(each) for each in arguments])
    if issubclass(hint, enum.Enum):
        return st.sampled_from(list(hint))
    return st.builds(hint, **{each.name: values_of(each.type) for each in msgspec.structs.fields(hint)})


def example_of(hint: Any) -> Any:
    """One fixed value of a type of the model, so that a stored journal can be compared for ever."""
    plain = {
        int: 7,
        float: 0.5,
        str: "text",
        bytes: b"bytes",
        bool: True,
        Decimal: Decimal("-0.10"),
        type(None): None,
    }
    if hint in plain:
        return plain[hint]
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return arguments[0]
    if origin in (typing.Union, types.UnionType):
        return example_of(arguments[0])
    if origin is tuple:
        inner = arguments[:1] if arguments[-1] is Ellipsis else arguments
        return tuple(example_of(each) for each in inner)
    if issubclass(hint, enum.Enum):
        return next(iter(hint))
    return hint(**{each.name: example_of(each.type) for each in msgspec.structs.fields(hint)})


events = st.one_of([values_of(each) for each in get_args(AnyEvent)])
commands = st.one_of([values_of(each) for each in get_args(AnyCommand)])


def header(session: str = SESSION, account: str = "binance") -> Header:
    return Header(
        schema=1,
        session=session,
        predecessor=None,
        created_ns=1_723_118_400_000_000_000,
        commit="0" * 40,
        lock_hash="lock",
        cpu_flags="avx2",
        source_hashes={"titan.model.events": "hash"},
        config=b"\x80",
        snapshot=b"state",
        state_hash="digest",
        account=account,
    )


def timer(seq: int) -> TimerFired:
    return TimerFired(time_ns=seq, name=f"timer-{seq}")


def place(seq: int) -> PlaceOrder:
    return PlaceOrder(
        venue="binance",
        symbol="BTCUSDT",
        client_id=f"order-{seq}",
        strategy="as",
        side=1,
        price=600_000,
        size=3,
        lifetime=Lifetime.POST_ONLY,
        reduce_only=False,
    )


def cancel(seq: int) -> CancelOrder:
    return CancelOrder(venue="binance", symbol="BTCUSDT", client_id=f"order-{seq}")


def append(writer: SessionWriter, seq: int) -> None:
    """Input `seq`: every third is a frame, the others are timers, each of which causes two commands."""
    if seq % 3 == 0:
        writer.append_frame(seq, seq * 10, "binance", b'{"u":%d}' % seq)
    else:
        writer.append_event(seq, timer(seq))
        writer.append_command(seq, 0, place(seq))
        writer.append_command(seq, 1, cancel(seq))


def write_session(journals: Path, count: int, disk: Disk | None = None, **settings: Any) -> Path:
    """A closed session of `count` inputs."""
    directory = journals / SESSION
    writer = SessionWriter.create(directory, header(), disk=disk, **settings)
    for seq in range(1, count + 1):
        append(writer, seq)
    writer.close()
    assert writer.failed is None
    return directory


def begun_after(directory: Path, other: Path) -> None:
    """Touch a directory until this machine's clock calls it the younger one."""
    while directory.stat().st_ctime_ns <= other.stat().st_ctime_ns:
        directory.touch()
