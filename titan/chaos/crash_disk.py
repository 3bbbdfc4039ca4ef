"""A disk that loses power: what was not synced is gone, or torn, when the files are opened again."""

from __future__ import annotations

import random
from pathlib import Path

from titan.store.disk import SystemDisk


class CrashDisk(SystemDisk):
    """Real files, of which a crash keeps what was synced and, of the rest, a drawn part.

    Parameters
    ----------
    draw : random.Random
        Decides how much of what was not synced survives.
    """

    def __init__(self, draw: random.Random) -> None:
        self._draw = draw
        self._paths: dict[int, Path] = {}
        self._written: dict[Path, int] = {}
        self._synced: dict[Path, int] = {}

    def create(self, path: Path) -> int:
        """Make a new file, of which nothing is safe yet."""
        descriptor = super().create(path)
        self._paths[descriptor] = path
        self._written[path] = self._synced[path] = 0
        return descriptor

    def write(self, descriptor: int, data: bytes | memoryview) -> int:
        """Append; the bytes are not safe yet."""
        taken = super().write(descriptor, data)
        self._written[self._paths[descriptor]] += taken
        return taken

    def fdatasync(self, descriptor: int) -> None:
        """What was written is safe from here on. The medium itself is not waited for: the crash is ours."""
        path = self._paths[descriptor]
        self._synced[path] = self._written[path]

    def sync_directory(self, directory: Path) -> None:
        """Names are always safe here: a lost name is a test of the store's own."""

    def crash(self) -> None:
        """Lose power: cut every file behind what was synced, somewhere."""
        for path, written in self._written.items():
            safe = self._synced[path]
            kept = safe + (self._draw.randint(0, written - safe) if written > safe else 0)
            with path.open("rb+") as file:
                file.truncate(kept)
        for descriptor in list(self._paths):
            self.close(descriptor)

    def close(self, descriptor: int) -> None:
        """Close the file, once."""
        if self._paths.pop(descriptor, None) is not None:
            super().close(descriptor)
