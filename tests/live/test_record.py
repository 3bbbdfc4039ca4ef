"""Recording from the loopback exchange over real sockets, and the chain from a capture to a catalogue and back."""

from __future__ import annotations

import asyncio
import gzip
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.live.desks import open_exchange, read_settings, until, write_settings
from tests.loopback.test_fault_sockets import failing
from tests.store.tapes import Seen, read_back
from titan.live.errors import StartRefused, StorageFault, UsageError
from titan.live.record import Recorded, RecordOptions, record
from titan.loopback.faults import Fault, Kind
from titan.loopback.main import ExchangeOptions
from titan.loopback.replay import ReplayedMarket
from titan.store.capture_tapes import parts_of, tapes_of
from titan.store.capture_verify import verify_captures
from titan.store.capture_writer import CaptureWriter, Rotation
from titan.store.captures import captures_in, read_capture
from titan.store.catalogue import load, write_part

SYMBOL = "BTCUSDT"


def options(folder: Path, **changes: object) -> RecordOptions:
    return RecordOptions(venue="loopback", out=folder / "out", flush_s=0.05, **changes)


def lines(files: list[Path]) -> list[bytes]:
    """The lines of files, as they stand there."""
    return [line for path in files for line in gzip.decompress(path.read_bytes()).splitlines(keepends=True)]


def marks(files: list[Path]) -> list[str]:
    found = [json.loads(line.partition(b" ")[2]) for line in lines(files)]
    return [each["data"]["mark"] for each in found if each["stream"] == "!titan"]


class Said:
    """What a recording said, and whether it has said something yet."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, line: str) -> None:
        self.lines.append(line)

    def count(self, begin: str) -> int:
        return sum(line.startswith(begin) for line in self.lines)


async def recorded(folder: Path, url: str, said: Said, enough: object, **changes: object) -> Recorded:
    """Record until `enough()`, and end it as Ctrl-C does."""
    settings = read_settings(folder, venue__rest_url=url)
    task = asyncio.create_task(record(settings, options(folder, **changes), said))
    await until(lambda: task.done() or enough())
    if not task.done():
        signal.raise_signal(signal.SIGINT)
    return await task


def written(folder: Path) -> int:
    """Whole lines in the captures so far."""
    return sum(1 for path in (folder / "out").glob("*.gz") for _ in read_capture(path, lambda where: None))


async def test_what_was_recorded_is_verified_converted_and_loaded_and_stays_the_same(tmp_path):
    said = Said()
    async with open_exchange() as (_, url):
        done = await recorded(
            tmp_path, url, said, lambda: said.count("writing") >= 3, rotation=Rotation(every_s=1)
        )
    files = [Path(name) for name in done.files]
    assert captures_in([tmp_path / "out"]) == files
    assert (done.lines, done.disconnects, done.gaps) == (len(lines(files)), 0, 0)
    assert done.snapshots >= 2

    together = verify_captures(files)
    assert [report.reason for report in together] == [""] * len(files)
    assert sum(report.checked for report in together) > 5
    # A rotated file stands by itself: its snapshot meets its first deltas.
    assert verify_captures(files[1:2])[0].reason == ""

    for part in parts_of(files, "loopback"):
        write_part(tmp_path / "catalogue", part)
    tape = load(tmp_path / "catalogue", "loopback", SYMBOL)
    seen = Seen(lines(files))
    rows, books = read_back(tape)
    assert rows == seen.rows
    # A file of the catalogue begins with the book that was: what is told twice in a row is told once here.
    assert once(books) == once(seen.books)
    assert len(rows) > 20
    assert tape.instrument.max_lots == 1_000_000  # as the venue states it, not as numbers would tell


def once(books: list[object]) -> list[object]:
    return [book for at, book in enumerate(books) if at == 0 or book != books[at - 1]]


async def test_a_recording_can_be_replayed_by_the_loopback_exchange(tmp_path):
    said = Said()
    async with open_exchange() as (_, url):
        done = await recorded(tmp_path, url, said, lambda: written(tmp_path) > 60)
    market = ReplayedMarket(Path(done.files[0]), "binance")
    assert market.instrument.symbol == SYMBOL
    assert market.instrument.tick_size > 0


async def test_a_dropped_connection_is_marked_and_followed_by_a_snapshot(tmp_path):
    said = Said()
    async with failing(Fault(kind=Kind.DROP_STREAM, at_s=1.0, stream="market")) as (client, _):
        url = f"http://127.0.0.1:{client.port}"
        done = await recorded(
            tmp_path, url, said, lambda: said.count("connected") == 2 and written_more(tmp_path)
        )
    files = [Path(name) for name in done.files]
    assert done.disconnects == 1
    assert marks(files) == ["terms", "started", "connected", "disconnected", "connected", "ended"]
    (report,) = verify_captures(files)
    assert (report.reason, report.disconnects, report.events["snapshot"]) == ("", 1, 2)
    assert None in read_back(tapes_of(files)[SYMBOL])[1]


def written_more(folder: Path) -> bool:
    """True once something stands behind the last snapshot."""
    (path,) = (folder / "out").glob("*.gz")
    kinds = [frame.payload[:40] for frame in read_capture(path, lambda where: None)]
    snapshots = [at for at, head in enumerate(kinds) if b"@snapshot" in head]
    return len(snapshots) == 2 and sum(b"@depth" in head for head in kinds[snapshots[1] :]) > 2


async def test_a_lost_update_is_marked_told_and_followed_by_a_snapshot(tmp_path):
    said = Said()
    async with failing(Fault(kind=Kind.LOSE_FRAME, at_s=1.0, for_s=0.3, stream="market")) as (client, _):
        url = f"http://127.0.0.1:{client.port}"
        done = await recorded(
            tmp_path, url, said, lambda: said.count("gap in BTCUSDT: after update") and written_more(tmp_path)
        )
    files = [Path(name) for name in done.files]
    assert (done.gaps, done.snapshots) == (1, 2)
    assert "gap" in marks(files)
    (report,) = verify_captures(files)
    assert (report.gaps, report.ok) == (1, False)
    assert "the updates between are lost" in report.reason


async def test_a_snapshot_that_is_refused_is_asked_for_again(tmp_path):
    said = Said()
    async with failing(Fault(kind=Kind.SERVER_ERROR, call="GET /fapi/v1/depth")) as (client, _):
        url = f"http://127.0.0.1:{client.port}"
        done = await recorded(tmp_path, url, said, lambda: b"@snapshot" in b"".join(heads(tmp_path)))
    assert done.snapshots == 1
    (refused,) = [line for line in said.lines if line.startswith("no snapshot")]
    assert "no snapshot of BTCUSDT (status 503" in refused
    assert refused.endswith("asking again in 1 s")


async def test_a_frame_that_is_no_json_is_kept_apart(tmp_path):
    said = Said()
    async with failing(Fault(kind=Kind.TRUNCATE_FRAME, at_s=0.8, stream="market")) as (client, _):
        url = f"http://127.0.0.1:{client.port}"
        done = await recorded(tmp_path, url, said, lambda: "unreadable" in str(heads(tmp_path)))
    (report,) = verify_captures([Path(name) for name in done.files])
    assert report.ok is False
    assert "the venue sent no JSON" in report.reason


def heads(folder: Path) -> list[bytes]:
    return [
        frame.payload[:60]
        for path in (folder / "out").glob("*.gz")
        for frame in read_capture(path, lambda w: None)
    ]


# ---- Processes ----------------------------------------


def start(folder: Path, url: str, *words: str) -> subprocess.Popen[str]:
    settings = write_settings(folder, venue__rest_url=url)
    command = [
        sys.executable,
        "-m",
        "titan.cli",
        "record",
        "--venue",
        "loopback",
        "--settings",
        str(settings),
    ]
    return subprocess.Popen(
        [*command, "--out", str(folder / "out"), "--flush", "0.05", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


async def test_a_killed_recording_is_read_up_to_its_last_whole_line_and_another_goes_on(tmp_path):
    async with open_exchange() as (_, url):
        process = start(tmp_path, url)
        await until(lambda: written(tmp_path) > 40)
        process.kill()
        await asyncio.to_thread(process.communicate)
        (torn,) = captures_in([tmp_path / "out"])
        (report,) = verify_captures([torn])
        assert report.torn.startswith("the compressed data ends after line")
        assert report.reason.startswith("torn")
        assert sum(report.events.values()) > 40
        said = Said()
        done = await recorded(tmp_path, url, said, lambda: said.count("connected"), duration_s=0.6)
    files = captures_in([tmp_path / "out"])
    assert files == [torn, Path(done.files[0])]
    parts = list(parts_of(files))
    assert [bool(part.torn) for part in parts] == [True, False]
    # The hole between the two is told: the second begins with a book that is known to be unknown.
    assert None in read_back(tapes_of(files)[SYMBOL])[1]
    assert verify_captures(files)[1].reason == ""


async def test_ctrl_c_ends_the_file_whole_and_prints_what_was_written(tmp_path):
    async with open_exchange() as (_, url):
        process = start(tmp_path, url, "--json", "--symbols", SYMBOL, "--channels", "trade,bookTicker")
        await until(lambda: written(tmp_path) > 20)
        process.send_signal(signal.SIGINT)
        out, err = await asyncio.to_thread(process.communicate)
    assert process.returncode == 0, err
    (row,) = json.loads(out)["recorded"]
    files = [Path(name) for name in row["files"]]
    assert row["lines"] == len(lines(files))
    assert marks(files)[-1] == "ended"
    assert err.splitlines()[0].startswith("writing ")
    (report,) = verify_captures(files)
    assert (report.ok, report.note) == (True, "no depth event in it")


# ---- What is refused ----------------------------------------


async def test_what_cannot_be_recorded_is_one_line(tmp_path):
    async with open_exchange() as (_, url):
        settings = read_settings(tmp_path, venue__rest_url=url)
        with pytest.raises(StartRefused, match="does not list NOPEUSDT; check --symbols"):
            await record(settings, options(tmp_path, symbols=("NOPEUSDT",)), print)
    with pytest.raises(StartRefused, match="does not state its instruments"):
        await record(settings, options(tmp_path), print)
    assert list((tmp_path / "out").iterdir()) == []
    with pytest.raises(UsageError, match=r"no \[venue.mars\]"):
        await record(settings, RecordOptions(venue="mars", out=tmp_path), print)
    with pytest.raises(UsageError, match=r"\[venue.loopback\] has no rest_url"):
        await record(read_settings(tmp_path), options(tmp_path), print)
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="name another folder with --out"):
        await record(settings, RecordOptions(venue="loopback", out=tmp_path / "file"), print)


async def test_a_disk_that_fills_ends_the_recording_and_what_was_flushed_stays(tmp_path, monkeypatch):
    put = CaptureWriter._put

    def fills(self: CaptureWriter, compressed: bytes) -> None:
        if self._bytes > 8_000:
            raise OSError(28, "No space left on device")
        put(self, compressed)

    monkeypatch.setattr(CaptureWriter, "_put", fills)
    async with open_exchange(ExchangeOptions(seed=7)) as (_, url):
        with pytest.raises(StorageFault, match="No space left on device"):
            await recorded(tmp_path, url, Said(), lambda: False)
    assert written(tmp_path) > 10


def test_no_part_of_a_recording_or_a_session_loads_the_catalogue_s_library():
    code = (
        "import sys, titan.live.record, titan.live.runner; print(*{'pandas', 'pyarrow'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == []
