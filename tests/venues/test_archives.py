"""Fetching from an archive on this machine: whole, resumed, spoiled, absent."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import AsyncIterator
from datetime import date

import pytest
from aiohttp import web

from titan.venues.archives import ArchiveError, Fetched, Wanted, days_between, fetch_all

DAY = date(2024, 1, 2)
WANTED = Wanted("usdm", "trades", "BTCUSDT", DAY)
ROWS = "id,price,qty,quote_qty,time,is_buyer_maker\n" + "".join(
    f"{i},42000.{i % 10},0.00{i % 9 + 1},1,{1_704_153_600_000 + i},{'true' if i % 3 else 'false'}\n"
    for i in range(5_000)
)


def zipped(text: str, name: str = "table.csv") -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, text)
    return made.getvalue()


class Archive:
    """Files by address, and how the server treats a request for one."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[tuple[str, str]] = []
        self.ranges = True
        self.breaks_after: list[int] = []
        """Of the next answers, the bytes after which the connection breaks."""
        self.url = ""

    def put(self, wanted: Wanted, content: bytes, stated: str = "") -> None:
        digest = stated or hashlib.sha256(content).hexdigest()
        self.files[f"/{wanted.address}"] = content
        self.files[f"/{wanted.address}.CHECKSUM"] = f"{digest}  {wanted.name}\n".encode()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        asked = request.headers.get("Range", "")
        self.asked.append((request.path, asked))
        content = self.files.get(request.path)
        if content is None:
            return web.Response(status=404)
        begin = int(asked.removeprefix("bytes=").rstrip("-")) if asked and self.ranges else 0
        if begin >= len(content):
            return web.Response(status=416)
        headers = {"Content-Length": str(len(content) - begin)}
        if begin:
            headers["Content-Range"] = f"bytes {begin}-{len(content) - 1}/{len(content)}"
        answer = web.StreamResponse(status=206 if begin else 200, headers=headers)
        await answer.prepare(request)
        if self.breaks_after and not request.path.endswith(".CHECKSUM"):
            await answer.write(content[begin : begin + self.breaks_after.pop(0)])
            assert request.transport is not None
            request.transport.close()
            return answer
        await answer.write(content[begin:])
        return answer


@pytest.fixture
async def archive() -> AsyncIterator[Archive]:
    found = Archive()
    application = web.Application()
    application.router.add_get("/{path:.*}", found.serve)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    yield found
    await runner.cleanup()


async def fetch_one(archive, folder, wanted=WANTED):
    (found,) = await fetch_all([wanted], folder, archive.url)
    return found


def kept(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    ("wanted", "address"),
    [
        (WANTED, "data/futures/um/daily/trades/BTCUSDT/BTCUSDT-trades-2024-01-02.zip"),
        (
            Wanted("coinm", "bookTicker", "BTCUSD_PERP", DAY),
            "data/futures/cm/daily/bookTicker/BTCUSD_PERP/BTCUSD_PERP-bookTicker-2024-01-02.zip",
        ),
        (
            Wanted("spot", "aggTrades", "ETHUSDT", DAY),
            "data/spot/daily/aggTrades/ETHUSDT/ETHUSDT-aggTrades-2024-01-02.zip",
        ),
    ],
)
def test_where_a_day_lies(wanted, address):
    assert wanted.address == address


def test_days_are_counted_over_a_month_s_end():
    assert days_between(date(2024, 2, 28), date(2024, 3, 1)) == [
        date(2024, 2, 28),
        date(2024, 2, 29),
        date(2024, 3, 1),
    ]


async def test_a_day_is_fetched_once_with_its_checksum(archive, tmp_path):
    content = zipped(ROWS)
    archive.put(WANTED, content)
    found = await fetch_one(archive, tmp_path)
    path = tmp_path / "usdm" / "trades" / "BTCUSDT" / WANTED.name
    assert found == Fetched(path, "fetched", 0)
    assert path.read_bytes() == content
    assert kept(tmp_path) == [WANTED.name, f"{WANTED.name}.CHECKSUM"]
    before = len(archive.asked)
    assert await fetch_one(archive, tmp_path) == Fetched(path, "present", 0)
    assert len(archive.asked) == before
    path.write_bytes(content[:-1])
    assert (await fetch_one(archive, tmp_path)).state == "fetched"
    assert path.read_bytes() == content


async def test_a_transfer_that_broke_off_goes_on_where_it_was(archive, tmp_path):
    content = zipped(ROWS)
    archive.put(WANTED, content)
    archive.breaks_after = [1_000, 2_000, 500]
    failed = await fetch_one(archive, tmp_path)
    assert isinstance(failed, ArchiveError)
    assert "broke off 3 times" in str(failed)
    assert "3500 bytes are kept: fetch again to go on from there" in str(failed)
    assert kept(tmp_path) == [f"{WANTED.name}.part"]
    found = await fetch_one(archive, tmp_path)
    assert (found.state, found.resumed_at) == ("fetched", 3_500)
    assert found.path.read_bytes() == content
    assert [asked for path, asked in archive.asked if path.endswith(".zip")] == [
        "",
        "bytes=1000-",
        "bytes=3000-",
        "bytes=3500-",
    ]


async def test_a_server_without_ranges_begins_anew(archive, tmp_path):
    content = zipped(ROWS)
    archive.put(WANTED, content)
    archive.ranges = False
    archive.breaks_after = [1_000]
    found = await fetch_one(archive, tmp_path)
    assert found.path.read_bytes() == content


async def test_a_part_that_is_already_whole_is_taken(archive, tmp_path):
    content = zipped(ROWS)
    archive.put(WANTED, content)
    folder = tmp_path / "usdm" / "trades" / "BTCUSDT"
    folder.mkdir(parents=True)
    (folder / f"{WANTED.name}.part").write_bytes(content)
    assert (await fetch_one(archive, tmp_path)).path.read_bytes() == content


@pytest.mark.parametrize("before", [b"", b"another file's beginning"])
async def test_a_wrong_checksum_leaves_nothing_behind_and_says_what_to_do(archive, tmp_path, before):
    archive.put(WANTED, zipped(ROWS), stated="" if before else "0" * 64)
    folder = tmp_path / "usdm" / "trades" / "BTCUSDT"
    folder.mkdir(parents=True)
    if before:
        (folder / f"{WANTED.name}.part").write_bytes(before)
    failed = await fetch_one(archive, tmp_path)
    assert isinstance(failed, ArchiveError)
    assert "nothing of it was kept: fetch again" in str(failed)
    assert kept(tmp_path) == []


async def test_what_the_archive_does_not_have_stops_no_other_day(archive, tmp_path):
    archive.put(WANTED, zipped(ROWS))
    later = WANTED._replace(day=date(2024, 1, 3))
    missing, found = await fetch_all([later, WANTED], tmp_path, archive.url)
    assert "the archive has no such file" in str(missing)
    assert later.name in str(missing)
    assert found.state == "fetched"
    assert kept(tmp_path) == [WANTED.name, f"{WANTED.name}.CHECKSUM"]


async def test_a_checksum_that_is_none_and_a_server_that_is_none(archive, tmp_path):
    archive.put(WANTED, zipped(ROWS))
    archive.files[f"/{WANTED.address}.CHECKSUM"] = b"<html>moved</html>"
    assert "holds no SHA-256" in str(await fetch_one(archive, tmp_path))
    archive.url = "http://127.0.0.1:1"
    assert "check the network" in str(await fetch_one(archive, tmp_path))
    (tmp_path / "file").write_text("")
    assert "name another folder" in str(await fetch_one(archive, tmp_path / "file"))
