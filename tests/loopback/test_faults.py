"""Which call, frame and moment a plan of faults hits, and how a plan is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from titan.loopback.fault_gate import FaultGate
from titan.loopback.faults import (
    ACT_KINDS,
    CALL_KINDS,
    FRAME_KINDS,
    MEANINGS,
    Fault,
    FaultPlanError,
    Kind,
    Plan,
    read_plan,
)

S = 1_000_000_000
ORDER = ("POST", "/fapi/v1/order")


def gate(*faults: Fault, seed: int = 1) -> FaultGate:
    return FaultGate(Plan(faults=faults, seed=seed), 100 * S)


def test_every_kind_is_explained_and_of_one_sort() -> None:
    assert set(MEANINGS) == set(Kind)
    sorts = (ACT_KINDS, CALL_KINDS, FRAME_KINDS, frozenset({Kind.SILENCE_STREAM}))
    assert sorted(kind for sort in sorts for kind in sort) == sorted(Kind)


def test_a_fault_of_one_moment_hits_the_first_call_that_fits_and_no_other() -> None:
    found = gate(Fault(kind=Kind.LOSE_ANSWER, at_s=5, call="POST /fapi/v1/order"))
    assert found.call(104 * S, *ORDER) is None
    assert found.call(105 * S, "GET", "/fapi/v1/order") is None
    hit = found.call(106 * S, *ORDER)
    assert hit is not None
    assert hit.kind is Kind.LOSE_ANSWER
    assert found.call(106 * S, *ORDER) is None
    assert found.hits == {Kind.LOSE_ANSWER: 1}


def test_a_fault_that_lasts_hits_its_share_the_same_way_each_time() -> None:
    def hits(seed: int) -> list[bool]:
        found = gate(Fault(kind=Kind.SERVER_ERROR, at_s=1, for_s=10, share=0.3), seed=seed)
        return [found.call((101 + n // 100) * S, *ORDER) is not None for n in range(1_000)]

    assert hits(1) == hits(1) != hits(2)
    assert 200 < sum(hits(1)) < 400
    assert gate(Fault(kind=Kind.SERVER_ERROR, at_s=1, for_s=10)).call(111 * S, *ORDER) is None


def test_some_kinds_mean_something_for_some_calls_alone() -> None:
    found = gate(Fault(kind=Kind.DUPLICATE_ID), Fault(kind=Kind.LYING_SNAPSHOT))
    assert found.call(100 * S, "GET", "/fapi/v1/openOrders") is None
    assert found.call(100 * S, *ORDER) == Fault(kind=Kind.DUPLICATE_ID)
    assert found.call(100 * S, "GET", "/fapi/v1/depth") == Fault(kind=Kind.LYING_SNAPSHOT)


def test_an_outage_and_a_restart_refuse_everybody() -> None:
    found = gate(Fault(kind=Kind.REFUSE_CONNECTION, at_s=1, for_s=2))
    assert [found.unreachable(at * S) for at in (100, 101, 102, 103)] == [False, True, True, False]
    found.away(110 * S)
    assert (found.unreachable(109 * S), found.unreachable(110 * S)) == (True, False)
    hit = found.call(109 * S, *ORDER)
    assert hit is not None
    assert hit.kind is Kind.REFUSE_CONNECTION


def test_a_refusal_of_one_moment_is_no_outage() -> None:
    found = gate(Fault(kind=Kind.REFUSE_CONNECTION, at_s=1))
    assert not found.unreachable(101 * S)
    assert found.call(101 * S, *ORDER) == Fault(kind=Kind.REFUSE_CONNECTION, at_s=1)
    assert found.call(101 * S, *ORDER) is None


def test_frames_are_hit_by_stream() -> None:
    found = gate(Fault(kind=Kind.LOSE_FRAME, stream="private"))
    assert found.frame(100 * S, "market") is None
    assert found.frame(100 * S, "private") == Fault(kind=Kind.LOSE_FRAME, stream="private")
    assert found.frame(100 * S, "private") is None


def test_a_silence_is_of_the_connections_made_before_it() -> None:
    found = gate(Fault(kind=Kind.SILENCE_STREAM, at_s=5, stream="market"))
    assert found.silence(104 * S, "market", 100 * S) is None
    assert found.silence(106 * S, "market", 100 * S) == Fault(
        kind=Kind.SILENCE_STREAM, at_s=5, stream="market"
    )
    assert found.silence(106 * S, "market", 106 * S) is None
    assert found.silence(106 * S, "private", 100 * S) is None


def test_acts_are_due_once_and_in_order() -> None:
    found = gate(Fault(kind=Kind.HALT, at_s=3, for_s=1), Fault(kind=Kind.SWEEP, at_s=2))
    assert found.next_act_ns() == 102 * S
    assert list(found.due_acts(101 * S)) == []
    assert [fault.kind for fault in found.due_acts(110 * S)] == [Kind.SWEEP, Kind.HALT]
    assert (found.next_act_ns(), list(found.due_acts(200 * S))) == (None, [])


def test_a_plan_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "faults.json"
    path.write_text('{"seed": 7, "faults": [{"kind": "halt", "at_s": 3, "for_s": 2.5}]}')
    assert read_plan(path) == Plan(seed=7, faults=(Fault(kind=Kind.HALT, at_s=3.0, for_s=2.5),))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nonsense", "a fault has kind, one of refuse_connection"),
        ('{"faults": [{"kind": "earthquake"}]}', "Invalid enum value 'earthquake'"),
        ('{"faults": [{"kind": "halt", "when": 3}]}', "unknown field `when`"),
        ('{"faults": [{"kind": "halt", "at_s": -1}]}', "at_s = -1.0: must be from 0 to 1e"),
        ('{"faults": [{"kind": "halt", "share": 2}]}', "share = 2.0: must be from 0 to 1"),
        (
            '{"faults": [{"kind": "drop_stream", "stream": "x"}]}',
            "stream = x: must be market, private or empty",
        ),
    ],
)
def test_a_plan_that_is_none_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "faults.json"
    path.write_text(text)
    with pytest.raises(FaultPlanError, match=message):
        read_plan(path)


def test_a_missing_plan_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FaultPlanError, match="No such file"):
        read_plan(tmp_path / "none.json")


def test_after_the_end_nothing_strikes_that_still_waited() -> None:
    waiting = Fault(kind=Kind.BANNED, at_s=0.0, call="DELETE /fapi/v1/order")
    found = gate(waiting)
    assert found.call(100 * S, "GET", "/fapi/v1/depth") is None
    found.end()
    assert found.call(100 * S, "DELETE", "/fapi/v1/order") is None
    assert gate(waiting).call(100 * S, "DELETE", "/fapi/v1/order") == waiting
