"""One runner per account: a lock file in the journals directory, held for the life of the process."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
from pathlib import Path
from types import TracebackType


class AccountLocked(RuntimeError):
    """Another process runs this account.

    Parameters
    ----------
    account : str
        The account that was asked for.
    pid : int or None
        The process that holds it, if it could be read.
    path : Path
        The lock file.
    """

    def __init__(self, account: str, pid: int | None, path: Path) -> None:
        holder = f"process {pid}" if pid is not None else "another process"
        super().__init__(
            f"account {account} is already run by {holder} (lock {path}): stop that one first, "
            "or give this one another account; two runners would cancel each other's orders"
        )
        self.account = account
        self.pid = pid
        self.path = path


def lock_path(journals: Path, account: str) -> Path:
    """Where an account's lock file lies; accounts that differ only in odd characters do not share one."""
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", account).strip("-")[:60]
    return journals / f"account-{plain}-{hashlib.sha256(account.encode()).hexdigest()[:8]}.lock"


class AccountLock:
    """Holds an account until `release`, the end of a `with` block, or the end of the process.

    Parameters
    ----------
    journals : Path
        The journals directory; made if absent.
    account : str
        Any name that stands for one account at one venue.

    Raises
    ------
    AccountLocked
        If another runner, in this process or in another, holds it.
    """

    def __init__(self, journals: Path, account: str) -> None:
        self.account = account
        self.path = lock_path(journals, account)
        journals.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
            os.close(descriptor)
            raise AccountLocked(account, int(holder) if holder.isdigit() else None, self.path) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)
        self._descriptor: int | None = descriptor

    def release(self) -> None:
        """Let the account go. The file stays: removing it would let two runners lock two different files."""
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> AccountLock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
