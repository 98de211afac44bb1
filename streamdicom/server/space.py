"""The free space of a disk, which clients must not use up."""

from __future__ import annotations

import os
from errno import ENOSPC
from shutil import disk_usage
from tempfile import gettempdir
from typing import BinaryIO

_CHECKED = 4 * 1024 * 1024  # bytes after which the free space is checked; short temporary files are in memory


class Space:
    """The space of a disk but for the bytes that stay free.

    Args:
        kept: Bytes that stay free.
        folder: A folder of the disk; by default that of temporary files.

    Attributes:
        taken: Bytes that were written.
    """

    def __init__(self, kept: int, folder: str | os.PathLike[str] | None = None) -> None:
        self._kept = kept
        self._folder = folder or gettempdir()
        self._unchecked = 0
        self.taken = 0

    def take(self, size: int) -> None:
        """Note bytes that are written next.

        Raises:
            OSError: The disk has no more space.
        """
        self.taken += size
        self._unchecked += size
        if self._unchecked >= _CHECKED:
            self.check()

    def check(self) -> None:
        """Check the free space.

        Raises:
            OSError: The disk has no more space.
        """
        self._unchecked = 0
        if disk_usage(self._folder).free < self._kept:
            raise OSError(ENOSPC, f"less than {self._kept} bytes of the disk are free")


class SparingWriter:
    """A file that is written while its disk has space.

    Args:
        file: The file.
        space: The space of its disk.
    """

    def __init__(self, file: BinaryIO, space: Space) -> None:
        self._file = file
        self._space = space

    def write(self, data: bytes) -> int:
        """Write bytes.

        Raises:
            OSError: The disk has no more space.
        """
        self._space.take(len(data))
        return self._file.write(data)
