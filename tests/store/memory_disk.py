"""A disk in memory that can fail or lose power at any operation, and say what a restart would find."""

from __future__ import annotations

import errno
from pathlib import Path


class PowerLoss(OSError):
    """Nothing after this reaches the medium."""


class MemoryDisk:
    """`Disk` whose operation `fail_at` raises `error`; a failing write first takes half of its bytes."""

    def __init__(self, fail_at: int = 0, error: OSError | None = None, longest_write: int = 1 << 30) -> None:
        self.fail_at = fail_at
        self.error = error or PowerLoss(errno.EIO, "power loss")
        self.longest_write = longest_write
        self.operations = 0
        self.log: list[tuple[str, str]] = []
        self.files: dict[str, bytearray] = {}
        self.synced: dict[str, int] = {}
        self.named: set[str] = set()
        self._names: list[str] = []

    def _step(self, what: str, name: str) -> bool:
        self.operations += 1
        self.log.append((what, name))
        return self.operations == self.fail_at

    def make_directory(self, directory: Path) -> None:
        if self._step("mkdir", directory.name):
            raise self.error

    def create(self, path: Path) -> int:
        if self._step("create", path.name):
            raise self.error
        self.files[path.name] = bytearray()
        self.synced[path.name] = 0
        self._names.append(path.name)
        return len(self._names) - 1

    def write(self, descriptor: int, data: bytes | memoryview) -> int:
        name = self._names[descriptor]
        piece = bytes(data)[: self.longest_write]
        if self._step("write", name):
            self.files[name] += piece[: len(piece) // 2]
            raise self.error
        self.files[name] += piece
        return len(piece)

    def fdatasync(self, descriptor: int) -> None:
        name = self._names[descriptor]
        if self._step("sync", name):
            raise self.error
        self.synced[name] = len(self.files[name])

    def sync_directory(self, directory: Path) -> None:
        if self._step("sync names", directory.name):
            raise self.error
        self.named = set(self.files)

    def close(self, descriptor: int) -> None:
        self._step("close", self._names[descriptor])

    def survivors(self, directory: Path, keep: str) -> None:
        """Write what a restart finds: the synced bytes only, all, or of the others the later half."""
        directory.mkdir()
        for name in self.named:
            data, synced = self.files[name], self.synced[name]
            unsynced = data[synced:]
            if keep == "synced":
                unsynced = bytearray()
            elif keep == "later half":
                half = len(unsynced) // 2
                unsynced = bytearray(half) + unsynced[half:]
            (directory / name).write_bytes(data[:synced] + unsynced)
