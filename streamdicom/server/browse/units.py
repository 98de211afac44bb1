"""The units that data sets are in: files, and members of ZIP and tar files.

A unit that has changed since it was found, or is gone, is an error each time it is read, so that no data set is taken
from the wrong place.
"""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

from streamdicom.inputs import reading
from streamdicom.io import MemberPlace, UnpackedFile

ZIP, TAR = "zip", "tar"
DAMAGED = "the file that contains this file is damaged"


class SourceChangedError(Exception):
    """A source has changed since it was opened, or is gone."""


class Unit(NamedTuple):
    """A file, or a member of one.

    Attributes:
        path: The path of the file.
        size: Its size in bytes.
        mtime: The time of its last change, in nanoseconds.
        format: The format of its content: "json", "xml" or "dicom".
        first: The number of its first data set among all.
        container: "zip" or "tar" if it is a member, otherwise "".
        member: The name of the member, or "".
        place: The number of the member in a ZIP file, or its offset in a tar file.
        length: The size of the member in a tar file.
        packing: The compression of the file, or "".
    """

    path: str
    size: int
    mtime: int
    format: str
    first: int = 0
    container: str = ""
    member: str = ""
    place: int = 0
    length: int = 0
    packing: str = ""

    @property
    def name(self) -> str:
        """The name for people."""
        return f"{self.path}!{self.member}" if self.member else self.path


class Slice(io.RawIOBase):
    """A range of a file, as a file.

    >>> Slice(io.BytesIO(b"abcdef"), 2, 3).read()
    b'cde'
    """

    def __init__(self, file: BinaryIO, start: int, length: int) -> None:
        self._file = file
        self._start = start
        self._length = length
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._length}[whence]
        self._position = max(0, origin + offset)
        return self._position

    def read(self, size: int | None = -1, /) -> bytes:
        left = max(0, self._length - self._position)
        self._file.seek(self._start + self._position)
        data = self._file.read(left if size is None or size < 0 else min(size, left))
        self._position += len(data)
        return data


@contextmanager
def opened(unit: Unit, places: list[MemberPlace] | None = None) -> Iterator[BinaryIO]:
    """Open the content of a unit for random access.

    Args:
        unit: The unit.
        places: The members of a compressed file, as far as they are known.

    Raises:
        SourceChangedError: The file has changed or is gone, also while it was read.
        InputError: The file is damaged.
    """
    try:
        with Path(unit.path).open("rb") as file:
            _check(unit, file)
            yield from _content(unit, file, places)
            _check(unit, file)
    except FileNotFoundError as error:
        raise SourceChangedError(f"{unit.path}: the file is gone") from error
    except OSError as error:
        raise SourceChangedError(f"{unit.path}: {error.strerror or 'the file cannot be read'}") from error


def _content(unit: Unit, file: BinaryIO, places: list[MemberPlace] | None) -> Iterator[BinaryIO]:
    content = file
    if unit.packing:
        content = cast(BinaryIO, UnpackedFile(file, unit.packing, places or None))
    if unit.container == TAR:
        yield cast(BinaryIO, Slice(content, unit.place, unit.length))
    elif unit.container == ZIP:
        with reading(DAMAGED), zipfile.ZipFile(content) as archive:
            info = archive.infolist()[unit.place]
            with archive.open(info) as member:
                yield cast(BinaryIO, member)
    else:
        yield content


def _check(unit: Unit, file: BinaryIO) -> None:
    """Check that the open file is what it was, and that its path still leads to it."""
    status = os.fstat(file.fileno())
    there = os.stat(unit.path)
    same = (status.st_dev, status.st_ino) == (there.st_dev, there.st_ino)
    if not same or (status.st_size, status.st_mtime_ns) != (unit.size, unit.mtime):
        raise SourceChangedError(f"{unit.path}: the file has changed since it was opened")
