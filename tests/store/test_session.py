"""Sessions are named by time and found by account."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tests.store.memory_disk import MemoryDisk
from tests.store.samples import begun_after, header
from titan.store.session import SESSION_PATTERN, last_begun, latest_session, list_sessions, new_session_id
from titan.store.writer import SessionWriter


def _session(journals: Path, name: str, account: str) -> None:
    SessionWriter.create(journals / name, header(name, account)).close()


def test_a_name_says_when_and_is_unique_within_the_second() -> None:
    assert new_session_id(1_723_118_400_999_999_999, b"\x0a\x1b\x2c\x3d") == "20240808T120000Z-0a1b2c"
    assert SESSION_PATTERN.fullmatch(new_session_id(0, b"\xff" * 3))
    with pytest.raises(ValueError, match="3 bytes of entropy, got 2"):
        new_session_id(0, b"ab")


def test_the_latest_session_of_an_account(tmp_path: Path) -> None:
    _session(tmp_path, "20240808T120000Z-000001", "binance")
    _session(tmp_path, "20240809T120000Z-000001", "okx")
    _session(tmp_path, "20240808T130000Z-000001", "binance")
    assert [info.session[:11] for info in list_sessions(tmp_path)] == [
        "20240808T12",
        "20240808T13",
        "20240809T12",
    ]
    latest = latest_session(tmp_path, "binance")
    assert latest is not None
    assert latest.session == "20240808T130000Z-000001"
    assert latest.header is not None
    assert latest.header.account == "binance"
    assert latest_session(tmp_path, "deribit") is None


def test_of_two_sessions_of_one_second_the_later_begun_is_the_latest(tmp_path: Path) -> None:
    for suffix, created_ns in (("ffffff", 5), ("000001", 7), ("0a0a0a", 6)):
        name = f"20240808T120000Z-{suffix}"
        begun = msgspec.structs.replace(header(name, "binance"), created_ns=created_ns)
        SessionWriter.create(tmp_path / name, begun).close()
    latest = latest_session(tmp_path, "binance")
    assert latest is not None
    assert latest.session == "20240808T120000Z-000001"


def test_a_session_that_never_began_is_listed_with_its_problem_and_passed_over(tmp_path: Path) -> None:
    _session(tmp_path, "20240808T120000Z-000001", "binance")
    (tmp_path / "20240808T130000Z-000001").mkdir()
    disk = MemoryDisk(fail_at=4)
    with pytest.raises(OSError, match="power loss"):
        SessionWriter.create(Path("20240808T140000Z-000001"), header("20240808T140000Z-000001"), disk=disk)
    disk.named = set(disk.files)
    disk.survivors(tmp_path / "20240808T140000Z-000001", "synced")
    (tmp_path / "notes.txt").write_text("not a session")
    found = list_sessions(tmp_path)
    assert ["is no session" in found[1].problem, "never began" in found[2].problem] == [True, True]
    latest = latest_session(tmp_path, "binance")
    assert latest is not None
    assert latest.session == "20240808T120000Z-000001"


def test_no_directory_holds_no_session(tmp_path: Path) -> None:
    assert list_sessions(tmp_path / "absent") == []
    assert last_begun(tmp_path / "absent") is None


def test_the_session_last_begun_is_told_by_this_machine_not_by_the_name(tmp_path: Path) -> None:
    live, replayed = "20240809T120000Z-000001", "20240808T120000Z-000001"
    _session(tmp_path, live, "binance")
    _session(tmp_path, replayed, "loopback")
    begun_after(tmp_path / replayed, tmp_path / live)
    found = last_begun(tmp_path)
    assert found is not None
    assert found.session == replayed
