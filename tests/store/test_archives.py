"""Days of an archive as tapes: every kind, heading or none, either unit of time."""

from datetime import date
from decimal import Decimal

import pytest

from tests.venues.test_archives import ROWS, zipped
from titan.store import tape as t
from titan.store.archives import archive_part, is_archive
from titan.store.captures import CaptureError

MS = 1_704_153_600_123
NS = MS * 1_000_000
FUTURES = f"id,price,qty,quote_qty,time,is_buyer_maker\n7,42000.10,0.005,210,{MS},true\n8,42000.2,0.010,1,{MS},false\n"
SPOT = f"7,42000.10,0.005,210,{MS}000,True,True\n8,42000.20,0.01000,1,{MS}000,False,True\n"
AGGREGATED = f"7,42000.10,0.005,1,2,{MS},true\n8,42000.20,0.01000,3,3,{MS},false\n"
BEST = (
    "update_id,best_bid_price,best_bid_qty,best_ask_price,best_ask_qty,transaction_time,event_time\n"
    f"1,42000.1,2.5,42000.2,0.001,{MS},{MS}\n2,42000.1,2.0,0,0,{MS},{MS}\n"
)


@pytest.fixture
def part(tmp_path):
    def part(text, kind="trades", symbol="BTCUSDT"):
        path = tmp_path / f"{symbol}-{kind}-2024-01-02.zip"
        path.write_bytes(text if isinstance(text, bytes) else zipped(text))
        assert is_archive(path)
        return archive_part(path, "binance")

    return part


def rows(columns):
    return list(zip(*(column.tolist() for column in columns), strict=True))


@pytest.mark.parametrize(("text", "kind"), [(FUTURES, "trades"), (SPOT, "trades"), (AGGREGATED, "aggTrades")])
def test_trades(part, text, kind):
    found = part(text, kind)
    assert (found.day, found.left_out, found.torn) == (date(2024, 1, 2), 0, "")
    instrument = found.tape.instrument
    assert (instrument.tick_size, instrument.lot_size, instrument.venue) == (
        Decimal("0.1"),
        Decimal("0.001"),
        "binance",
    )
    assert rows(found.tape.columns) == [
        (NS, 0, t.TRADE | t.ASK | t.LAST, 420_001, 5),
        (NS, 0, t.TRADE | t.LAST, 420_002, 10),
    ]


def test_best_prices(part):
    found = part(BEST, "bookTicker")
    assert rows(found.tape.columns) == [
        (NS, 0, t.TOP, 420_001, 2_500),
        (NS, 0, t.TOP | t.ASK | t.LAST, 420_002, 1),
        (NS, 0, t.TOP, 420_001, 2_000),
        (NS, 0, t.TOP | t.ASK | t.LAST, 0, 0),
    ]


def test_a_whole_table_and_an_inverse_contract(part):
    assert len(part(ROWS).tape) == 5_000
    assert part(FUTURES, symbol="BTCUSD_PERP").tape.instrument.kind == "inverse"


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"noise", "damaged .*; fetch it again"),
        (zipped(ROWS)[:-3_000], "damaged"),
        (FUTURES.replace("true", "maybe"), "row 2 is no trades"),
        (FUTURES.replace(str(MS), "17041"), "row 2 is no trades"),
        (FUTURES.replace("0.005", "-1"), "row 2 is no trades"),
        (FUTURES + "9,1\n", "row 4 has 2 columns"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_row(part, content, word):
    with pytest.raises(CaptureError, match=word):
        part(content)


def test_other_files_are_no_archives(tmp_path):
    assert not is_archive(tmp_path / "BTCUSDT-klines-2024-01-02.zip")
    with pytest.raises(CaptureError, match="is not named SYMBOL-KIND"):
        archive_part(tmp_path / "x.zip", "binance")
    with pytest.raises(CaptureError, match="cannot be read"):
        archive_part(tmp_path / "BTCUSDT-trades-2024-01-02.zip", "binance")
