"""The catalogue: what was put in comes out, days and sources kept apart, and nothing by half."""

from datetime import date

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from tests.store.tapes import START_NS, STEPS, SYMBOL, capture_lines, read_back
from titan.store import catalogue
from titan.store import tape as t
from titan.store.capture_tapes import parts_of, tapes_of
from titan.store.catalogue import CatalogueError, entries, load, write_part

DAY = date(2024, 8, 8)
_DAY_NS = 86_400_000_000_000
MIDNIGHT_NS = START_NS // _DAY_NS * _DAY_NS + _DAY_NS
GOOD = [
    ("snapshot", ({999: 5, 998: 1}, {1_001: 5}), False),
    ("depth", ({999: 4}, {}), False),
    ("trade", 1_001, False),
    ("top", ({999: 4}, {1_001: 5}), False),
    ("mark", 1_000_001, False),
]


def capture(folder, steps, start_ns=START_NS, name="first.capture.gz"):
    path = folder / name
    path.write_bytes(b"".join(capture_lines(steps, [250], start_ns)))
    return path


def same(left, right):
    return all(
        np.array_equal(a, b) and a.dtype == b.dtype
        for a, b in zip((*left.columns, *left.marks), (*right.columns, *right.marks), strict=True)
    )


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("catalogue")


@given(STEPS, st.integers(1, 25))
@settings(max_examples=25, deadline=None)
def test_what_was_put_in_comes_out(scratch, steps, before):
    path = capture(scratch, [*GOOD, *steps], MIDNIGHT_NS - before * 1_234_567)
    root = scratch / f"root-{abs(hash((repr(steps), before)))}"
    for part in parts_of([path], "binance"):
        write_part(root, part)
    assert same(load(root, "binance", SYMBOL), tapes_of([path], "binance")[SYMBOL])


def test_an_entry_tells_what_a_file_holds(tmp_path):
    (part,) = parts_of([capture(tmp_path, GOOD)], "binance")
    path = write_part(tmp_path / "root", part)
    (entry,) = entries(tmp_path / "root")
    assert path == tmp_path / "root/venue=binance/symbol=BTCUSDT/day=2024-08-08/first.events.parquet"
    assert entry.path == path
    assert (entry.venue, entry.symbol, entry.day, entry.source) == ("binance", SYMBOL, DAY, "first")
    assert (entry.events, entry.left_out, entry.torn) == (len(part.tape), 0, "")
    assert entry.first_ns == part.tape.received_ns()[0]
    assert entry.last_ns == part.tape.received_ns()[-1]
    assert entry.size_bytes == sum(file.stat().st_size for file in path.parent.iterdir())
    assert entries(tmp_path / "nothing") == []


def test_the_same_source_again_replaces_what_it_gave_and_gives_the_same_bytes(tmp_path):
    (part,) = parts_of([capture(tmp_path, GOOD)])
    before = write_part(tmp_path / "root", part).read_bytes()
    assert write_part(tmp_path / "root", part).read_bytes() == before
    assert len(entries(tmp_path / "root")) == 1


def test_days_are_chosen(tmp_path):
    root = tmp_path / "root"
    for part in parts_of([capture(tmp_path, [*GOOD, *GOOD], MIDNIGHT_NS - 5 * 1_234_567)]):
        write_part(root, part)
    first, second = DAY, date(2024, 8, 9)
    whole = load(root, "capture", SYMBOL)
    one, two = load(root, "capture", SYMBOL, last_day=first), load(root, "capture", SYMBOL, first_day=second)
    assert len(one) + len(two) == len(whole)
    assert one.received_ns().max() < MIDNIGHT_NS <= two.received_ns().min()
    assert two.columns.what[0] & t.KIND == t.CLEAR
    assert read_back(two)[1][0] == read_back(one)[1][-1]
    with pytest.raises(CatalogueError, match="holds nothing of capture BTCUSDT from 2024-08-10"):
        load(root, "capture", SYMBOL, date(2024, 8, 10))
    with pytest.raises(CatalogueError, match="titan data ls"):
        load(root, "other", SYMBOL)


def test_two_sources_of_one_time_must_tell_of_different_things(tmp_path):
    root = tmp_path / "root"
    trades = [("trade", 1_001, False)] * 3
    tops = [("top", ({999: 5}, {1_001: 5}), False)] * 3
    for name, steps, later in (("trades", trades, 0), ("tops", tops, 100_000)):
        for part in parts_of([capture(tmp_path, steps, START_NS + later, name)]):
            write_part(root, part)
    both = load(root, "capture", SYMBOL)
    assert (both.columns.what & t.KIND).tolist() == [t.TRADE, t.TOP, t.TOP] * 3
    assert np.all(np.diff(both.received_ns()) >= 0)
    for part in parts_of([capture(tmp_path, trades, START_NS + 50_000, "again")]):
        write_part(root, part)
    with pytest.raises(CatalogueError, match=r"trades and again tell the same events"):
        load(root, "capture", SYMBOL)


def test_what_is_no_catalogue_is_named(tmp_path):
    (part,) = parts_of([capture(tmp_path, GOOD)])
    path = write_part(tmp_path / "root", part)
    marks = path.with_name("first.marks.parquet")
    kept = marks.read_bytes()
    marks.write_bytes(kept[:-9])
    with pytest.raises(CatalogueError, match="cannot be read"):
        load(tmp_path / "root", "capture", SYMBOL)
    marks.write_bytes(kept)
    table = parquet.read_table(path, partitioning=None)
    meta = msgspec.json.decode(table.schema.metadata[b"titan"]) | {"format": 99}
    parquet.write_table(table.replace_schema_metadata({b"titan": msgspec.json.encode(meta)}), path)
    with pytest.raises(CatalogueError, match="is of format 99, this version reads 1"):
        entries(tmp_path / "root")
    parquet.write_table(pa.table({"x": [1]}), path)
    with pytest.raises(CatalogueError, match="no file of a catalogue"):
        entries(tmp_path / "root")
    path.write_bytes(b"noise")
    with pytest.raises(CatalogueError, match="convert its capture again"):
        entries(tmp_path / "root")
    strange = tmp_path / "root/venue=a/symbol=b/day=soon"
    strange.mkdir(parents=True)
    write_part(tmp_path / "other", part).rename(strange / "x.events.parquet")
    with pytest.raises(CatalogueError):
        entries(tmp_path / "root")


def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch):
    (part,) = parts_of([capture(tmp_path, GOOD)])
    path = write_part(tmp_path / "root", part)
    before = path.read_bytes()

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(catalogue.parquet, "write_table", full)
    with pytest.raises(CatalogueError, match="No space left on device; make room"):
        write_part(tmp_path / "root", part)
    assert path.read_bytes() == before
