"""Captures as files: when a new one begins, and what a reader finds at any moment."""

import gzip

import pytest

from titan.store.capture_writer import CaptureWriter, Rotation
from titan.store.captures import CaptureError, captures_in, read_capture

S = 1_000_000_000
START_NS = 1_800_000_000 * S
FRAME = b'{"stream":"btcusdt@trade","data":{"e":"trade"}}'


def read(path):
    return [(frame.time_ns, frame.payload) for frame in read_capture(path, lambda where: None)]


def test_a_file_ends_with_its_period_and_with_its_size(tmp_path):
    writer = CaptureWriter(tmp_path, "v", Rotation(every_s=10, at_bytes=500))
    assert writer.due(START_NS)
    writer.begin(START_NS + 3 * S)
    assert not writer.due(START_NS + 10 * S - 1)
    assert writer.due(START_NS + 10 * S)
    written = 0
    while not writer.due(START_NS + 4 * S):
        writer.write(START_NS + 3 * S + written, b'{"a":%d}' % (written * 7_919))
        writer.flush()
        written += 1
    assert written > 10
    writer.begin(START_NS + 4 * S)
    writer.close()
    assert [path.name for path in writer.files] == [
        "v-20270115T080003.000000000Z.capture.gz",
        "v-20270115T080004.000000000Z.capture.gz",
    ]
    assert len(read(writer.files[0])) == written == writer.lines
    assert gzip.decompress(writer.files[1].read_bytes()) == b""
    assert captures_in([tmp_path]) == writer.files


def test_what_was_flushed_can_be_read_while_it_is_written(tmp_path):
    writer = CaptureWriter(tmp_path, "v", Rotation())
    writer.begin(START_NS)
    writer.write(START_NS, FRAME)
    assert read(writer.files[0]) == []
    writer.flush()
    writer.write(START_NS + 1, FRAME)
    assert read(writer.files[0]) == [(START_NS, FRAME)]
    writer.close()
    writer.close()
    writer.flush()
    assert read(writer.files[0]) == [(START_NS, FRAME), (START_NS + 1, FRAME)]


def test_a_file_is_never_written_over_and_needs_a_beginning(tmp_path):
    first, second = (CaptureWriter(tmp_path, "v", Rotation()) for _ in range(2))
    with pytest.raises(ValueError, match="call begin first"):
        first.write(START_NS, FRAME)
    first.begin(START_NS)
    with pytest.raises(FileExistsError):
        second.begin(START_NS)
    first.close()


def test_a_folder_without_captures_is_named(tmp_path):
    with pytest.raises(CaptureError, match=r"holds no file \*.capture.gz"):
        captures_in([tmp_path])
