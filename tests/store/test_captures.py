"""Research captures: their formats, their grids, and the check of the book against their bookTickers."""

import gzip
import json
import lzma
from decimal import Decimal

import pytest

from titan.store.capture_scale import infer_instruments, symbol_of
from titan.store.capture_verify import verify_captures
from titan.store.captures import CaptureError, read_capture
from titan.wire.binance_usdm import wrap_snapshot

NS = 1_723_161_255_000_000_000


def frame(kind, data, symbol="BTCUSDT"):
    return {"stream": f"{symbol.lower()}@{kind}", "data": {"s": symbol, **data}}


def snapshot(last_id=10, bids=(("100.0", "5"),), asks=(("101.0", "4.5"),)):
    return {"lastUpdateId": last_id, "bids": bids, "asks": asks}


def depth(first, last, previous, bids=(), asks=(), symbol="BTCUSDT"):
    data = {"e": "depthUpdate", "U": first, "u": last, "pu": previous, "b": bids, "a": asks}
    return frame("depth@0ms", data, symbol)


def ticker(u, bid=("100.0", "5"), ask=("101.0", "4.5"), symbol="BTCUSDT"):
    return frame("bookTicker", {"u": u, "b": bid[0], "B": bid[1], "a": ask[0], "A": ask[1]}, symbol)


GOOD = [
    depth(8, 9, 7, bids=[("99.0", "1")]),
    depth(10, 11, 9, bids=[("100.0", "6")]),
    snapshot(),
    ticker(11, bid=("100.0", "6")),
    depth(12, 14, 11, asks=[("101.0", "0"), ("102.0", "2")]),
    depth(15, 15, 14, bids=[("100.5", "1")]),
    ticker(15, bid=("100.5", "1"), ask=("102.0", "2")),
    ticker(13, bid=("100.0", "6"), ask=("102.0", "2")),
]


@pytest.fixture
def write(tmp_path):
    def write(messages, name="capture", compress=None):
        path = tmp_path / name
        lines = [b"%d %s\n" % (NS + i, json.dumps(message).encode()) for i, message in enumerate(messages)]
        data = b"".join(lines)
        path.write_bytes(compress(data) if compress else data)
        return path

    return write


def counts(report):
    return report.depth, report.checked, report.matched, report.gaps, report.crossed, report.ok


# ---- Reading ----------------------------------------


@pytest.mark.parametrize("compress", [None, gzip.compress, lzma.compress])
def test_plain_gzip_and_xz_say_the_same(write, compress):
    frames = list(read_capture(write(GOOD, compress=compress)))
    assert [each.time_ns for each in frames] == [NS + i for i in range(len(GOOD))]
    assert [json.loads(each.payload) for each in frames] == json.loads(json.dumps(GOOD))
    assert [each.line for each in frames] == list(range(1, len(GOOD) + 1))


@pytest.mark.parametrize(
    ("stamp", "time_ns"),
    [
        (b"1723161255030314667 ", 1723161255030314667),
        (b"1723161255030314 ", 1723161255030314000),
        (b"1723161255030 ", 1723161255030000000),
        (b"1626992741.06217: ", 1626992741062170000),
        (b"1626992741.3105128: ", 1626992741310512800),
    ],
)
def test_every_time_format(tmp_path, stamp, time_ns):
    path = tmp_path / "capture"
    path.write_bytes(stamp + b'{"a":1}\n')
    (found,) = read_capture(path)
    assert (found.time_ns, found.payload) == (time_ns, b'{"a":1}')


def test_the_recorder_s_own_lines_are_passed_over_and_rest_depth_becomes_a_snapshot(tmp_path):
    path = tmp_path / "capture"
    answer = json.dumps(snapshot()).encode()
    path.write_bytes(
        b'configuration: {"trades":[]}\n'
        b"wss://x/stream?streams=a <-> 1626992740.179554\n\n"
        b'https://x/fapi/v1/exchangeInfo -> 1626992740.1: {"symbols":[]}\n'
        b"https://x/fapi/v1/depth?symbol=SUSHIUSDT&limit=1000 -> 1626992741.3: " + answer + b"\n"
    )
    (found,) = read_capture(path)
    assert found.payload == wrap_snapshot("SUSHIUSDT", answer)
    assert symbol_of(found.payload) == "SUSHIUSDT"


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "no frame"),
        (b"configuration: {}\n", "no frame"),
        (b"time,price\n1,2\n", "is no `<time> <json>`"),
        (b'12345 {"a":1}\n', "is no `<time> <json>`"),
        (b'1723161255030314667 {"a":', "cut short"),
        (gzip.compress(b'1723161255030314667 {"a":1}\n' * 999)[:-12], "fetch or record"),
        (lzma.compress(b'1723161255030314667 {"a":1}\n' * 999)[:-12], "fetch or record"),
        (gzip.compress(b'1723161255030314667 {"a":1}\n' * 999)[:-8] + b"x" * 8, "fetch or record"),
    ],
)
def test_what_cannot_be_read_says_where_and_what_to_do(tmp_path, content, word):
    path = tmp_path / "capture"
    path.write_bytes(content)
    with pytest.raises(CaptureError, match=word) as caught:
        list(read_capture(path))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_a_folder_are_one_clear_line(tmp_path):
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(CaptureError, match="cannot be opened"):
            list(read_capture(path))


# ---- The grid ----------------------------------------


def test_the_grid_is_the_last_decimal_used_over_all_files(write):
    first = write([depth(1, 2, 0, bids=[("1.20000000", "63.38000000")]), snapshot(bids=[("1.5", "7")])], "a")
    second = write([ticker(3, ("1.21400000", "1"), ("1.3", "2.125"))], "b")
    found = infer_instruments([first, second], "v")["BTCUSDT"]
    assert (found.tick_size, found.lot_size) == (Decimal("0.001"), Decimal("0.001"))
    assert (found.venue, found.base, found.quote, found.kind, found.multiplier) == (
        "v",
        "BTC",
        "USDT",
        "linear",
        1,
    )


def test_mark_prices_tell_nothing_of_the_grid(write):
    mark = {"e": "markPriceUpdate", "p": "100.12345678", "i": "100.12345678", "r": "0.0001", "T": 1}
    found = infer_instruments([write([frame("markPrice@1s", mark), ticker(3)])], "v")["BTCUSDT"]
    assert found.tick_size == 1


@pytest.mark.parametrize(
    ("symbol", "kind", "base", "settle", "multiplier"),
    [
        ("BTCUSD_PERP", "inverse", "BTC", "BTC", 100), ("ETHUSD_PERP", "inverse", "ETH", "ETH", 10),
        ("1000PEPEUSDT", "linear", "1000PEPE", "USDT", 1), ("ODD", "linear", "ODD", "", 1),
        ("BTCUSDT_250926", "linear", "BTC", "USDT", 1),
    ],
)  # fmt: skip
def test_the_kind_is_told_by_the_symbol(write, symbol, kind, base, settle, multiplier):
    found = infer_instruments([write([ticker(1, symbol=symbol)])], "v")[symbol]
    assert (found.kind, found.base, found.settle, found.multiplier) == (kind, base, settle, multiplier)


def test_a_file_in_which_no_frame_names_a_symbol_is_refused(write):
    with pytest.raises(CaptureError, match="names a symbol"):
        infer_instruments([write([{"result": None, "id": 1}])], "v")


# ---- The check ----------------------------------------


def test_a_good_capture(write):
    (report,) = verify_captures([write(GOOD)])
    assert counts(report) == (4, 3, 3, 0, 0, True)
    assert report.reason == ""


def test_a_book_that_differs_is_told(write):
    bad = [*GOOD[:-2], ticker(15, bid=("100.5", "2"), ask=("102.0", "2"))]
    (report,) = verify_captures([write(bad)])
    assert counts(report) == (4, 3, 1, 0, 0, False)
    assert report.untold == 0
    assert "2 touches differ" in report.reason


def test_a_level_that_nothing_told_of_is_counted_apart_and_still_no_match(write):
    bad = [
        *GOOD[:-2],
        ticker(12, ask=("102.0", "2"), bid=("100.0", "6")),
        ticker(15, ("100.7", "1"), ("102.0", "2")),
    ]
    (report,) = verify_captures([write(bad)])
    assert counts(report) == (4, 3, 2, 0, 0, False)
    assert report.untold == 1


def test_a_gap_is_told(write):
    (report,) = verify_captures([write([*GOOD, depth(30, 31, 29)])])
    assert counts(report) == (5, 3, 3, 1, 0, False)
    assert "gap" in report.reason


@pytest.mark.parametrize(
    ("bad", "crossed"),
    [
        ([depth(16, 16, 15, bids=[("103.0", "1")])], 1),
        ([ticker(16, ("103.0", "1"), ("102.0", "1"))], 1),
        ([snapshot(20, bids=[("103.0", "1")], asks=[("102.0", "1")])], 1),
    ],
)
def test_a_crossed_book_is_told(write, bad, crossed):
    (report,) = verify_captures([write([*GOOD, *bad])])
    assert (report.crossed, report.gaps, report.ok) == (crossed, 0, False)
    assert "crossed" in report.reason


@pytest.mark.parametrize(
    ("messages", "word"),
    [([ticker(1)], "no depth event"), ([snapshot(), depth(11, 12, 10)], "no bookTicker")],
)
def test_what_could_not_be_checked_is_noted(write, messages, word):
    (report,) = verify_captures([write(messages)])
    assert (report.ok, report.reason, report.checked) == (True, "", 0)
    assert word in report.note


def test_a_book_that_is_never_synchronised_is_wrong(write):
    (report,) = verify_captures([write([depth(1, 2, 0), ticker(2)])])
    assert (report.ok, report.checked) == (False, 0)
    assert "never synchronised" in report.reason


def test_a_line_that_the_codec_cannot_read_is_named(write):
    (report,) = verify_captures([write([GOOD[0], depth(9, 3, 8)])])
    assert not report.ok
    assert report.events["bad"] == 1
    assert "line 2 is unreadable" in report.reason


def test_the_book_is_carried_into_the_file_that_continues_it(write):
    first, second = write(GOOD, "a"), write([depth(16, 17, 15, bids=[("100.5", "3")]), ticker(18)], "b")
    reports = verify_captures([first, second])
    assert [counts(report)[:3] for report in reports] == [(4, 3, 3), (1, 1, 0)]
    third = write([depth(16, 17, 15, bids=[("99.5", "3.25")])], "c")
    assert verify_captures([first, third])[1].ok


def test_the_book_is_not_carried_over_a_hole(write):
    first, second = write(GOOD, "a"), write([depth(18, 19, 17), ticker(19)], "b")
    report = verify_captures([first, second])[1]
    assert "never synchronised" in report.reason


def test_a_snapshot_given_is_used_where_it_joins(write, tmp_path):
    start = tmp_path / "start.json.gz"
    start.write_bytes(gzip.compress(json.dumps({"note": "x", **snapshot(20)}).encode()))
    second = write([depth(21, 22, 20, bids=[("100.0", "7")]), ticker(22, bid=("100.0", "7"))], "b")
    first, last = verify_captures([write(GOOD, "a"), second], start)
    assert first.ok
    assert counts(last) == (1, 1, 1, 0, 0, True)


def test_a_snapshot_that_joins_nothing_is_refused(write, tmp_path):
    start = tmp_path / "start.json"
    start.write_text(json.dumps(snapshot(99)))
    with pytest.raises(CaptureError, match="joins no depth event"):
        verify_captures([write(GOOD)], start)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"lastUpdateId":', json.dumps({"lastUpdateId": 11, "bids": [["0", "1"]], "asks": []})],
)
def test_a_snapshot_that_is_none_is_refused(write, tmp_path, text):
    start = tmp_path / "start.json"
    start.write_text(text)
    with pytest.raises(CaptureError, match="no depth snapshot"):
        verify_captures([write([depth(12, 12, 11)])], start)


# ---- The real files ----------------------------------------

BTC = "binance_capture_20240808"
NEXO = "binance_spot_nexo_34h"


@pytest.mark.parametrize(
    ("names", "start", "expected"),
    [
        ([f"{BTC}/usdm_btcusdt_20240808.gz"], None, [(6551, 6547, 6547)]),
        (
            [f"{BTC}/cm_btcusd_perp_20240808.gz", f"{BTC}/cm_btcusd_perp_20240809.gz"],
            None,
            [(26847, 26824, 26824), (17948, 17948, 17948)],
        ),
        ([f"{BTC}/spot_btcusdt_20240808.gz"], None, [(3451, 3449, 3449)]),
        (
            [f"{NEXO}/spot_nexousdt_20240723.dat.gz", f"{NEXO}/spot_nexousdt_20240724.dat.gz"],
            "spot_nexousdt_20240724",
            [(1188, 1186, 1186), (66994, 66994, 66994)],
        ),
    ],
)
def test_real_captures_match_throughout(titan_data, names, start, expected):
    snapshot_path = titan_data / "derived_snapshots" / f"{start}.start_snapshot.json.gz" if start else None
    reports = verify_captures([titan_data / name for name in names], snapshot_path)
    assert [(r.depth, r.checked, r.matched) for r in reports] == expected
    assert all(r.ok and r.gaps == 0 and r.crossed == 0 for r in reports)


def test_the_second_spot_capture_reaches_two_orders_that_it_never_told_of(titan_data):
    """The price falls below the 1,000 levels of the only snapshot, on to orders that no delta had touched."""
    names = ["spot_btcusdt_20240808.gz", "spot_btcusdt_20240809.gz"]
    report = verify_captures([titan_data / BTC / name for name in names])[1]
    assert (report.depth, report.checked, report.matched, report.untold) == (3044, 3044, 3042, 2)
    assert (report.gaps, report.crossed, report.ok) == (0, 0, False)
