"""The few file operations that write a session, behind a protocol: tests make each of them fail."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol


class Disk(Protocol):
    """What `SessionWriter` needs of an operating system. Every method raises `OSError` when it fails."""

    def make_directory(self, directory: Path) -> None:
        """Make a new directory and make its name durable in its parent."""
        ...

    def create(self, path: Path) -> int:
        """Make a new file for appending and return its descriptor; an existing file is an error."""
        ...

    def write(self, descriptor: int, data: bytes | memoryview) -> int:
        """Append bytes; return how many were taken, which may be fewer than given."""
        ...

    def fdatasync(self, descriptor: int) -> None:
        """Return once everything written to the file is on the medium."""
        ...

    def sync_directory(self, directory: Path) -> None:
        """Return once the names of the files in the directory are on the medium."""
        ...

    def close(self, descriptor: int) -> None:
        """Give the descriptor back."""
        ...


class SystemDisk:
    """`Disk` on the real file system."""

    def make_directory(self, directory: Path) -> None:
        """Make the directory; `FileExistsError` if it is there already."""
        directory.parent.mkdir(parents=True, exist_ok=True)
        directory.mkdir()
        self.sync_directory(directory.parent)

    def create(self, path: Path) -> int:
        """Open for appending, never truncating and never following an earlier session's file."""
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o644)

    def write(self, descriptor: int, data: bytes | memoryview) -> int:
        """One write call."""
        return os.write(descriptor, data)

    def fdatasync(self, descriptor: int) -> None:
        """Data and the file's length, not its times."""
        os.fdatasync(descriptor)

    def sync_directory(self, directory: Path) -> None:
        """fsync the directory itself."""
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def close(self, descriptor: int) -> None:
        """Close the file."""
        os.close(descriptor)


def write_all(disk: Disk, descriptor: int, data: bytes) -> None:
    """Write every byte, however short the single writes are.

    Raises
    ------
    OSError
        From the disk; also when a write takes nothing, which would otherwise never end.
    """
    view = memoryview(data)
    while view:
        taken = disk.write(descriptor, view)
        if taken <= 0:
            raise OSError(f"the disk took none of {len(view)} bytes; check the file system")
        view = view[taken:]


def put_whole(path: Path, content: bytes) -> None:
    """Put a file in place whole, and its name on the medium: whoever looks finds all of it, or what was there before.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    unfinished = path.with_name(f"{path.name}.part")
    with unfinished.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
    disk = SystemDisk()
    for folder in (path.parent, path.parent.parent):  # the folder may be as new as the file
        disk.sync_directory(folder)
