"""Fetching days of a venue's public history archive: resumable, and kept only if the published checksum agrees."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path
from typing import Literal, NamedTuple

import aiohttp

MARKETS = {"usdm": "data/futures/um", "coinm": "data/futures/cm", "spot": "data/spot"}
KINDS = ("trades", "aggTrades", "bookTicker")

_ATTEMPTS = 3
_CHUNK_BYTES = 1 << 18
_SUM = re.compile(r"([0-9a-fA-F]{64})\b")
_WAIT = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=30)
_OK, _PARTIAL, _NOT_FOUND, _BEYOND = 200, 206, 404, 416


class ArchiveError(Exception):
    """A day that could not be fetched; the message says which, why, and what to do."""


class Wanted(NamedTuple):
    """One file of the archive: a market of `MARKETS`, a kind of `KINDS`, the venue's symbol, a UTC day."""

    market: str
    kind: str
    symbol: str
    day: date

    @property
    def name(self) -> str:
        """The file's name."""
        return f"{self.symbol}-{self.kind}-{self.day.isoformat()}.zip"

    @property
    def address(self) -> str:
        """Its path in the archive."""
        return f"{MARKETS[self.market]}/daily/{self.kind}/{self.symbol}/{self.name}"


class Fetched(NamedTuple):
    """What came of one file: where it is, whether it was there before, and at which byte the transfer went on."""

    path: Path
    state: Literal["fetched", "present"]
    resumed_at: int


def days_between(first: date, last: date) -> list[date]:
    """Every day from the first to the last, both included."""
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


async def fetch(wanted: Wanted, folder: Path, base_url: str, http: aiohttp.ClientSession) -> Fetched:
    """Fetch one file, unless a whole one is there.

    Parameters
    ----------
    wanted : Wanted
        The file.
    folder : Path
        It goes to MARKET/KIND/SYMBOL within it, its checksum beside it.
    base_url : str
        Of the archive.
    http : aiohttp.ClientSession
        Makes the requests.

    Raises
    ------
    ArchiveError
        If the archive does not have it, the connection breaks again and again, or the checksum does not agree: in
        this case nothing of it is kept.
    """
    path = folder / wanted.market / wanted.kind / wanted.symbol / wanted.name
    url = f"{base_url.rstrip('/')}/{wanted.address}"
    stated = path.with_name(f"{path.name}.CHECKSUM")
    unfinished = path.with_name(f"{path.name}.part")
    try:
        if path.exists() and stated.exists() and _stated_sum(stated.read_text("ascii")) == _sum_of(path):
            return Fetched(path, "present", 0)
        path.parent.mkdir(parents=True, exist_ok=True)
        text = await _text(f"{url}.CHECKSUM", http)
        expected = _stated_sum(text)
        if not expected:
            raise ArchiveError(f"{url}.CHECKSUM holds no SHA-256: {text[:80]!r}; check the archive's address")
        resumed_at = await _transfer(url, unfinished, http)
        found = _sum_of(unfinished)
        if found != expected:
            unfinished.unlink()
            raise ArchiveError(
                f"{url}: its SHA-256 is {found[:12]}… and should be {expected[:12]}…; nothing of it was kept: fetch "
                "again, and if it differs again the archive's own copy is damaged"
            )
        stated.write_text(text, "ascii")
        unfinished.replace(path)
    except OSError as error:
        raise ArchiveError(f"{path}: {error.strerror}; make room, or name another folder") from None
    return Fetched(path, "fetched", resumed_at)


async def fetch_all(wanted: Iterable[Wanted], folder: Path, base_url: str) -> list[Fetched | ArchiveError]:
    """Fetch files one after the other; what cannot be had does not stop the others."""
    found: list[Fetched | ArchiveError] = []
    async with aiohttp.ClientSession(timeout=_WAIT) as http:
        for each in wanted:
            try:
                found.append(await fetch(each, folder, base_url, http))
            except ArchiveError as error:
                found.append(error)
    return found


async def _text(url: str, http: aiohttp.ClientSession) -> str:
    try:
        async with http.get(url) as answer:
            _require_found(url, answer.status)
            return await answer.text("ascii")
    except (aiohttp.ClientError, TimeoutError, UnicodeDecodeError) as error:
        raise ArchiveError(f"{url}: {_plain(error)}; check the network, and fetch again") from None


async def _transfer(url: str, unfinished: Path, http: aiohttp.ClientSession) -> int:
    """Bring the file to its end, from where it broke off; the byte at which the first attempt went on."""
    began_at = unfinished.stat().st_size if unfinished.exists() else 0
    failure = ""
    for _ in range(_ATTEMPTS):
        try:
            await _receive(url, unfinished, http)
        except (aiohttp.ClientError, TimeoutError) as error:
            failure = _plain(error)
        else:
            return began_at
    held = unfinished.stat().st_size if unfinished.exists() else 0
    raise ArchiveError(
        f"{url}: broke off {_ATTEMPTS} times ({failure}); {held} bytes are kept: fetch again to go on from there"
    )


async def _receive(url: str, unfinished: Path, http: aiohttp.ClientSession) -> None:
    held = unfinished.stat().st_size if unfinished.exists() else 0
    async with http.get(url, headers={"Range": f"bytes={held}-"} if held else {}) as answer:
        if answer.status == _BEYOND:
            return  # all of it is here, or too much: the checksum tells
        _require_found(url, answer.status)
        goes_on = answer.status == _PARTIAL and answer.headers.get("Content-Range", "").startswith(
            f"bytes {held}-"
        )
        with unfinished.open("ab" if goes_on else "wb") as file:
            async for chunk in answer.content.iter_chunked(_CHUNK_BYTES):
                file.write(chunk)


def _require_found(url: str, status: int) -> None:
    if status == _NOT_FOUND:
        raise ArchiveError(
            f"{url}: the archive has no such file; a day is published once it is over, and not every kind for every "
            "day: check symbol, kind and date"
        )
    if status not in (_OK, _PARTIAL):
        raise ArchiveError(f"{url}: status {status}; fetch again later")


def _stated_sum(text: str) -> str:
    stated = _SUM.match(text)
    return stated[1].lower() if stated else ""


def _sum_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _plain(error: Exception) -> str:
    words = str(error) if isinstance(error, aiohttp.ClientError) else ""
    return f"{type(error).__name__}: {words}" if words else type(error).__name__
