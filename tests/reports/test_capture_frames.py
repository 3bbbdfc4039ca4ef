"""Captures as pandas frames: columns, units, several symbols, torn ends; and the real ones."""

import numpy as np
import pandas as pd
import pytest

import titan
from tests.store.tapes import START_NS, capture_lines
from titan.store.capture_writer import CaptureWriter, Rotation
from titan.store.captures import CaptureError

STEPS = [
    ("depth", ({998: 1}, {}), False),
    ("snapshot", ({999: 5}, {1_001: 6}), False),
    ("depth", ({999: 0}, {}), False),
    ("trade", 1_001, True),
    ("top", ({998: 4}, {}), False),
    ("mark", 100_123_456, False),
    ("disconnected", None, False),
]


@pytest.fixture
def capture(tmp_path):
    path = tmp_path / "one"
    path.write_bytes(b"".join(capture_lines(STEPS, [250])))
    return path


def at(ns):
    return pd.Timestamp(ns, tz="UTC")


def test_columns_and_units(capture):
    frames = titan.load_capture(capture)
    received_ns = START_NS + 3 * 1_234_567
    (trade,) = frames.trades.to_dict("records")
    assert trade == {
        "symbol": "BTCUSDT",
        "time": at((received_ns - 250_000) // 1_000_000 * 1_000_000),
        "received": at(received_ns // 1_000 * 1_000),
        "price": 100.1,
        "size": 0.007,
        "side": -1,
    }
    (top,) = frames.top.drop(columns=["symbol", "time", "received"]).to_dict("records")
    assert (top["bid"], top["bid_size"]) == (99.8, 0.004)
    assert np.isnan([top["ask"], top["ask_size"]]).all()
    depth = frames.depth.drop(columns=["symbol", "time", "received"])
    assert depth.replace({np.nan: None}).astype(object).values.tolist() == [
        ["clear", 0, None, None, False, ""],
        ["snapshot", 1, 99.9, 0.005, False, ""],
        ["snapshot", 1, 99.8, 0.001, False, ""],
        ["snapshot", -1, 100.1, 0.006, True, ""],
        ["depth", 1, 99.9, 0.0, True, ""],
        ["clear", 0, None, None, True, "disconnected"],
    ]
    (mark,) = frames.marks.to_dict("records")
    assert (mark["mark_price"], mark["funding_rate"]) == (100.123456, 0.0001)
    assert mark["next_funding"] - mark["time"] == pd.Timedelta(seconds=1)
    assert frames.notes == (f"{capture}: 1 depth messages of BTCUSDT came while its book was unknown",)
    assert frames.memory_bytes == sum(f.memory_usage(deep=True).sum() for f in frames[:4])


def test_several_symbols_stand_in_one_frame_by_receipt(tmp_path, capture):
    other = tmp_path / "two"
    moved = capture_lines(STEPS, [250], START_NS + 500_000)
    other.write_bytes(b"".join(moved).replace(b"BTCUSDT", b"ETHUSDT").replace(b"btcusdt", b"ethusdt"))
    frames = titan.load_capture([capture, str(other)])
    assert frames.trades["symbol"].tolist() == ["BTCUSDT", "ETHUSDT"]
    assert frames.depth["received"].is_monotonic_increasing
    assert set(frames.top["symbol"].cat.categories) == {"BTCUSDT", "ETHUSDT"}


def test_a_folder_with_a_torn_file(tmp_path):
    folder = tmp_path / "out"
    writer = CaptureWriter(folder, "v", Rotation())
    writer.begin(START_NS)
    for line in capture_lines(STEPS, [0]):
        stamp, _, payload = line.rstrip(b"\n").partition(b" ")
        writer.write(int(stamp), payload)
    writer.flush()
    frames = titan.load_capture(folder)
    assert len(frames.trades) == 1
    assert "torn, the compressed data ends after line 7" in frames.notes[0]
    writer.close()
    assert len(titan.load_capture(folder).notes) == 1


def test_a_capture_of_nothing_is_named(tmp_path):
    path = tmp_path / "one"
    path.write_bytes(b'1723161255000000000 {"stream":"!titan","data":{"mark":"started"}}\n')
    with pytest.raises(CaptureError, match="was anything recorded"):
        titan.load_capture(path)


def test_a_real_capture(titan_data):
    frames = titan.load_capture(titan_data / "binance_spot_nexo_34h" / "spot_nexousdt_20240723.dat.gz")
    assert (len(frames.trades), len(frames.top)) == (178, 437)
    assert set(frames.trades["side"]) == {-1, 1}
    assert (frames.top["bid"] < frames.top["ask"]).all()
    assert frames.trades["time"].between("2024-07-23 15:39", "2024-07-23 15:47", inclusive="both").any()
