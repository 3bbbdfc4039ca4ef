"""Records of promotion: durable, in order, and noticed when they were touched."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from titan.engine.promotion import Identity
from titan.store.lock import AccountLock
from titan.store.promotions import (
    Evidence,
    Gate,
    Promotion,
    PromotionRecordError,
    append_promotion,
    read_promotions,
)

IDENTITY = Identity(code="own.maker", sources={"own.maker": "aa"}, parameters={"BTCUSDT": {"spread": 2}})


def step(stage: str, to: str, before: Promotion | None = None, **changes: object) -> Promotion:
    record = Promotion(
        strategy="maker",
        stage=stage,
        to=to,
        identity=IDENTITY,
        gates=(Gate("days", 3, 1, True), Gate("dsr", None, 0, False)),
        evidence=(Evidence("session", "20261101T000000Z-abcdef", "ff"),),
        operator="ann",
        reason="it is good",
        time_ns=1_700_000_000_000_000_000,
        commit="c" * 40,
        previous=before.id if before else "",
    )
    return msgspec.structs.replace(record, **changes)


@pytest.fixture
def three(tmp_path: Path) -> list[Path]:
    first = step("research", "shadow")
    second = step("shadow", "paper", first)
    third = step("paper", "shadow", second)
    return [append_promotion(tmp_path, record) for record in (first, second, third)]


def test_records_are_read_back_in_order_and_named_by_what_they_say(tmp_path, three):
    found = read_promotions(tmp_path, "maker")
    assert [record.to for record in found] == ["shadow", "paper", "shadow"]
    assert [path.name for path in three] == [f"{n:06d}-{record.id}.json" for n, record in enumerate(found, 1)]
    assert found[0] == step("research", "shadow")
    assert [record.previous for record in found] == ["", found[0].id, found[1].id]
    assert read_promotions(tmp_path, "other") == ()
    assert not list(tmp_path.rglob("*.part"))


def test_a_changed_record_is_refused(tmp_path, three):
    three[1].write_bytes(three[1].read_bytes().replace(b'"to": "paper"', b'"to": "live"'))
    with pytest.raises(PromotionRecordError, match="was changed after it was written"):
        read_promotions(tmp_path, "maker")


def test_a_record_that_was_taken_away_in_between_is_noticed(tmp_path, three):
    three[1].unlink()
    with pytest.raises(PromotionRecordError, match="one was taken away or put in"):
        read_promotions(tmp_path, "maker")


def test_the_numbers_of_the_others_do_not_hide_it(tmp_path, three):
    three[1].unlink()
    three[2].rename(three[2].with_name(three[2].name.replace("000003", "000002")))
    with pytest.raises(PromotionRecordError, match="one was taken away or put in"):
        read_promotions(tmp_path, "maker")


def test_a_record_under_another_number_or_strategy_is_noticed(tmp_path, three):
    with pytest.raises(PromotionRecordError, match="one was taken away or put in"):
        read_promotions(_moved(tmp_path, three[0], "other"), "other")
    three[2].rename(three[2].with_name(three[2].name.replace("000003", "000004")))
    with pytest.raises(PromotionRecordError, match="one was taken away or put in"):
        read_promotions(tmp_path, "maker")


def _moved(root: Path, path: Path, strategy: str) -> Path:
    folder = root / "copy" / strategy
    folder.mkdir(parents=True)
    (folder / path.name).write_bytes(path.read_bytes())
    return root / "copy"


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"\xff"])
def test_what_is_no_record_is_refused(tmp_path, three, content):
    three[0].write_bytes(content)
    with pytest.raises(PromotionRecordError, match="restore it from a backup"):
        read_promotions(tmp_path, "maker")


def test_a_record_that_does_not_follow_the_last_one_is_not_added(tmp_path, three):
    with pytest.raises(PromotionRecordError, match="another record was made meanwhile"):
        append_promotion(tmp_path, step("research", "shadow"))
    assert len(read_promotions(tmp_path, "maker")) == 3


def test_two_operators_at_once_make_one_record(tmp_path):
    with (
        AccountLock(tmp_path, "promotions of maker"),
        pytest.raises(PromotionRecordError, match="another promotion of it is under way"),
    ):
        append_promotion(tmp_path, step("research", "shadow"))
    assert read_promotions(tmp_path, "maker") == ()
    append_promotion(tmp_path, step("research", "shadow"))


def test_every_word_of_a_record_is_in_its_name():
    record = step("research", "shadow")
    changes = {
        "strategy": "x", "stage": "paper", "to": "live", "identity": msgspec.structs.replace(IDENTITY, code="x"),
        "gates": (), "evidence": (), "operator": "x", "reason": "x", "time_ns": 1, "commit": "x", "previous": "x",
    }  # fmt: skip
    assert set(changes) == set(Promotion.__struct_fields__)
    others = [msgspec.structs.replace(record, **{name: value}) for name, value in changes.items()]
    assert len({record.id, *(other.id for other in others)}) == len(changes) + 1
