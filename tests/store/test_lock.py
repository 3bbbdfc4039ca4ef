"""One runner per account."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from titan.store.lock import AccountLock, AccountLocked, lock_path

_HOLDER = """
import sys
from pathlib import Path
from titan.store.lock import AccountLock
lock = AccountLock(Path(sys.argv[1]), "binance:main")
print("held", flush=True)
sys.stdin.read()
"""


def test_a_second_runner_is_refused_with_the_pid_of_the_first(tmp_path: Path, repository: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(repository)},
    )
    assert holder.stdout is not None
    assert holder.stdin is not None
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(AccountLocked, match=f"binance:main is already run by process {holder.pid}") as caught:
        AccountLock(tmp_path, "binance:main")
    assert caught.value.pid == holder.pid
    holder.kill()
    holder.wait()
    holder.stdout.close()
    holder.stdin.close()
    with AccountLock(tmp_path, "binance:main") as lock:
        assert lock.path.read_text() == f"{os.getpid()}\n"


def test_accounts_do_not_hinder_each_other_and_a_released_one_is_free(tmp_path: Path) -> None:
    first = AccountLock(tmp_path / "journals", "a")
    with AccountLock(tmp_path / "journals", "b"), pytest.raises(AccountLocked):
        AccountLock(tmp_path / "journals", "a")
    first.release()
    first.release()
    AccountLock(tmp_path / "journals", "a").release()


def test_odd_names_do_not_share_a_file(tmp_path: Path) -> None:
    assert lock_path(tmp_path, "a/b") != lock_path(tmp_path, "a:b")
    assert lock_path(tmp_path, "../x").parent == tmp_path


def test_a_holder_that_has_not_written_its_pid_is_still_named(tmp_path: Path) -> None:
    with AccountLock(tmp_path, "a") as lock:
        lock.path.write_text("")
        with pytest.raises(AccountLocked, match="another process") as caught:
            AccountLock(tmp_path, "a")
        assert caught.value.pid is None
