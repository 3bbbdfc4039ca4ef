"""What the integrity report says of times, trade ids, marks, and of files that end too early."""

import gzip
import json
from decimal import Decimal

import pytest

from tests.store.test_captures import GOOD, NS, depth, frame, snapshot, ticker
from titan.store.capture_scale import infer_instruments
from titan.store.capture_verify import verify_captures
from titan.store.captures import CaptureError, read_capture
from titan.wire.binance_usdm import MarketCodec, wrap_snapshot
from titan.wire.capture_marks import Mark, decode_mark, encode_mark


def trade(trade_id, how="MARKET"):
    return frame("trade", {"e": "trade", "t": trade_id, "p": "100.0", "q": "1", "X": how, "m": True, "T": 1})


def aggregated(trade_id):
    return frame("aggTrade", {"e": "aggTrade", "a": trade_id, "p": "100.0", "q": "1", "m": True, "T": 1})


def mark(kind, **fields):
    return json.loads(encode_mark(Mark(mark=kind, **fields)))


def lines(messages, times=None):
    return [
        b"%d %s\n" % (NS + (times[i] if times else i), json.dumps(message, separators=(",", ":")).encode())
        for i, message in enumerate(messages)
    ]


@pytest.fixture
def verify(tmp_path):
    def verify(messages, times=None):
        path = tmp_path / "capture"
        path.write_bytes(b"".join(lines(messages, times)))
        (report,) = verify_captures([path])
        return report

    return verify


def test_times_and_kinds_are_counted(verify):
    report = verify([*GOOD, trade(5), {"result": None, "id": 1}, mark("ended")])
    assert (report.first_ns, report.last_ns) == (NS, NS + len(GOOD) + 2)
    assert report.events == {"depth": 4, "snapshot": 1, "top": 3, "trade": 1, "other": 1, "recorder": 1}
    assert (report.ok, report.torn) == (True, "")


@pytest.mark.parametrize(
    ("ids", "duplicate", "missing"),
    [([5, 6, 7], 0, 0), ([5, 6, 6, 7], 1, 0), ([5, 9], 0, 3), ([5, 7, 6], 0, 0), ([5, 8, 6], 0, 1)],
)
@pytest.mark.parametrize("stream", [trade, aggregated])
def test_trades_told_twice_and_never(verify, stream, ids, duplicate, missing):
    report = verify([*GOOD, *map(stream, ids)])
    assert (report.duplicate_trades, report.missing_trades) == (duplicate, missing)
    assert report.ok == (not duplicate and not missing)
    assert ("twice" in report.reason, "missing" in report.reason) == (duplicate > 0, missing > 0)


def test_an_off_market_print_keeps_its_place_among_the_ids(verify):
    assert verify([*GOOD, trade(5), trade(6, "INSURANCE_FUND"), trade(7)]).missing_trades == 0


def test_two_streams_of_trades_count_apart(verify):
    assert verify([*GOOD, trade(5), aggregated(2), trade(6), aggregated(3)]).ok


def test_a_clock_that_goes_back_is_told(verify):
    report = verify(GOOD, [0, 1, 2, 3, 2, 5, 6, 7])
    assert (report.clock_back, report.ok) == (1, False)
    assert "clock went back" in report.reason


def test_what_was_missed_while_disconnected_is_known_and_no_fault(verify):
    hole = [mark("disconnected", reason="reset"), mark("connected")]
    again = [snapshot(40), depth(39, 41, 38), ticker(41)]
    report = verify([*GOOD, trade(5), *hole, *again, trade(90)])
    assert (report.disconnects, report.gaps, report.missing_trades, report.ok) == (1, 0, 0, True)
    assert verify([*GOOD, trade(5), *again, trade(90)]).missing_trades == 84


def test_a_book_is_compared_with_nothing_from_beyond_a_break(verify):
    """What the venue's best prices did meanwhile was missed, and the first update after it has no word on them."""
    hole = [mark("disconnected"), mark("connected")]
    changed = [snapshot(40, bids=[("90.0", "1")]), depth(39, 41, 38), depth(42, 43, 41, bids=[("91.0", "1")])]
    report = verify([*GOOD, *hole, *changed, ticker(43, bid=("91.0", "1"))])
    assert (report.checked, report.matched, report.ok) == (4, 4, True)
    report = verify([*GOOD, *hole, *changed, ticker(43, bid=("91.0", "2"))])
    assert (report.checked, report.matched, report.ok) == (4, 3, False)


def test_an_end_may_cut_an_update_off_from_its_best_prices(verify):
    last = depth(16, 16, 15, bids=[("100.5", "9")])
    assert verify([*GOOD, last]).ok
    assert verify([*GOOD, last, ticker(16, bid=("100.5", "9"), ask=("102.0", "2"))]).checked == 4
    assert not verify([*GOOD, last, ticker(17, bid=("100.5", "9"), ask=("102.0", "2"))]).ok


def test_a_frame_that_was_no_json_is_told(verify):
    report = verify([*GOOD, mark("unreadable", frame='{"stream":"bt', reason="it ends early")])
    assert not report.ok
    assert "the venue sent no JSON (it ends early)" in report.reason


def test_a_torn_end_is_told_and_all_before_it_read(tmp_path):
    path = tmp_path / "capture"
    path.write_bytes(b"".join(lines([*GOOD, trade(5)]))[:-20])
    (report,) = verify_captures([path])
    assert (report.depth, report.matched, report.ok) == (4, 3, False)
    assert report.torn == "line 9 is cut short"
    assert "torn" in report.reason


def test_damage_within_a_file_is_reported_and_the_others_are_read(tmp_path):
    broken, good = tmp_path / "broken", tmp_path / "good"
    broken.write_bytes(b"".join(lines(GOOD[:2])) + b"noise\n" + b"".join(lines(GOOD[2:])))
    good.write_bytes(b"".join(lines(GOOD)))
    first, second = verify_captures([broken, good])
    assert "line 3 is no `<time> <json>`" in first.reason
    assert (first.ok, second.ok) == (False, True)


@pytest.mark.parametrize("compress", [gzip.compress, bytes])
def test_a_file_cut_at_any_byte_gives_its_whole_lines(tmp_path, compress):
    """Never a broken line, never fewer than the bytes hold, and never an error."""
    content = lines(GOOD[:5])
    data = compress(b"".join(content))
    path = tmp_path / "capture"
    counts = []
    for length in range(len(data) + 1):
        path.write_bytes(data[:length])
        torn = []
        try:
            found = [b"%d %s\n" % (each.time_ns, each.payload) for each in read_capture(path, torn.append)]
        except CaptureError:
            assert compress is gzip.compress  # one byte of a gzip header tells nothing of what it begins
            assert length == 1
            continue
        assert found == [line if line.endswith(b"\n") else line + b"\n" for line in content[: len(found)]]
        assert not torn or length < len(data)
        counts.append(len(found))
    assert counts == sorted(counts)
    assert counts[-1] == len(content)
    if compress is bytes:
        assert counts[-2] == len(content)  # only the end of line is lacking


def test_marks_are_what_was_written_and_no_market_data():
    written = Mark(mark="gap", symbol="BTCUSDT", reason="after 7 came 9")
    payload = encode_mark(written)
    assert decode_mark(payload) == written
    assert MarketCodec({}, "v").decode(payload, 1) is None
    assert decode_mark(payload.replace(b'"gap"', b'"later"')) is None
    assert decode_mark(wrap_snapshot("BTCUSDT", b"{}")) is None
    assert json.loads(encode_mark(Mark(mark="started")))["data"] == {"mark": "started"}


def test_marks_do_not_bend_the_inferred_grid(tmp_path):
    path = tmp_path / "capture"
    terms = mark("terms", symbol="BTCUSDT", terms={"filters": [{"p": "1.123456789"}]})
    path.write_bytes(b"".join(lines([terms, *GOOD])))
    assert infer_instruments([path], "v")["BTCUSDT"].tick_size == Decimal("0.1")
