"""The units that data sets are in: files, and members of ZIP and tar files.

A unit that has changed since it was found, or is gone, is an error each time it is read, so that no data set is taken
from the wrong place.
"""

from __future__ import annotations

import io
import os
import struct
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO, NamedTuple, cast

from streamdicom.inputs import reading
from streamdicom.io import MemberPlace, UnpackedFile

ZIP, TAR = "zip", "tar"
_LOOK_BACK = 256 * 1024  # bytes that are held
_STEP_BACK = 1024  # bytes before a data set that may be read
_MAX_READERS = 4  # that are open and idle
_SKIPPED = 64 * 1024  # bytes of a member of a ZIP file that are decompressed at once, to pass over them
_SIGNATURE = b"PK\x03\x04"
_HEADER = struct.Struct("<26x2H")  # of a member of a ZIP file; the lengths of its variable fields
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
        place: The offset of the member in the file; in a ZIP file, that of its header.
        length: The size of the member in the file.
        packing: The compression of the file, or "".
        method: The compression of a member of a ZIP file.
        content: The size of its content.
        checksum: The CRC-32 of its content.
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
    method: int = 0
    content: int = 0
    checksum: int = 0

    @property
    def name(self) -> str:
        """The name for people."""
        return f"{self.path}!{self.member}" if self.member else self.path


class _Seekable(io.RawIOBase):
    """A file that is read from its position."""

    _position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position


class Slice(_Seekable):
    """A range of a file, as a file.

    >>> Slice(io.BytesIO(b"abcdef"), 2, 3).read()
    b'cde'
    """

    def __init__(self, file: BinaryIO, start: int, length: int) -> None:
        self._file = file
        self._start = start
        self._length = length

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


class _LookBack(_Seekable):
    """A file that is best read forwards, with its last bytes held for steps back.

    Args:
        file: The file, which nothing else reads.

    Attributes:
        first: The offset of the first byte that is held.

    >>> file = _LookBack(io.BytesIO(b"abcdef"))
    >>> file.read(3), file.seek(1), file.read(3), file.seek(5), file.read(), file.first
    (b'abc', 1, b'bcd', 5, b'f', 5)
    """

    def __init__(self, file: BinaryIO) -> None:
        self.first = 0
        self._file = file
        self._held = b""

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_END:
            self.first, self._held = self._file.seek(0, io.SEEK_END), b""
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.first}[whence]
        self._position = max(0, origin + offset)
        return self._position

    def read(self, size: int | None = -1, /) -> bytes:
        start = self._position - self.first
        if not 0 <= start <= len(self._held):
            self.first, self._held, start = self._file.seek(self._position), b"", 0
        left = size if size is not None and size >= 0 else None
        data = self._held[start : None if left is None else start + left]
        if left is None or len(data) < left:
            more = self._file.read(-1 if left is None else left - len(data))
            held = self._held + more
            self._held = held[-_LOOK_BACK:]
            self.first += len(held) - len(self._held)
            data += more
        self._position += len(data)
        return data


class _Reader:
    """A file that is open, with the content of a compressed unit in it.

    Args:
        unit: The unit.
        places: The members of a compressed file, as far as they are known.
    """

    def __init__(self, unit: Unit, places: list[MemberPlace] | None) -> None:
        self.key = _key(unit)
        with ExitStack() as stack:
            self._raw = stack.enter_context(Path(unit.path).open("rb"))
            content: Any = UnpackedFile(self._raw, unit.packing, places or None) if unit.packing else self._raw
            self.content = _LookBack(_zip_member(content, unit) if unit.container == ZIP else content)
            stack.pop_all()

    def check(self, unit: Unit) -> None:
        _check(unit, self._raw)

    def close(self) -> None:
        self._raw.close()


class Readers:
    """Opens units, and keeps compressed ones open for the next who reads on.

    Otherwise each look at a data set would decompress all that is before it.
    """

    def __init__(self) -> None:
        self._idle: list[_Reader] = []
        self._lock = Lock()

    @contextmanager
    def opened(self, unit: Unit, start: int, places: list[MemberPlace] | None = None) -> Iterator[BinaryIO]:
        """Open the content of a unit for random access; see ``opened``.

        Args:
            unit: The unit.
            start: The offset at which reading starts, or shortly before.
            places: The members of a compressed file, as far as they are known.
        """
        if not unit.packing and unit.container != ZIP:
            with opened(unit) as file:
                yield file
            return
        with _reading(unit):
            reader = self._take(unit, start + (unit.place if unit.container == TAR else 0)) or _Reader(unit, places)
            is_kept = False
            try:
                reader.check(unit)
                yield _part(unit, cast(BinaryIO, reader.content))
                reader.check(unit)
                is_kept = True
            except GeneratorExit:
                is_kept = True
                raise
            finally:
                self._put(reader, is_kept=is_kept)

    def _take(self, unit: Unit, start: int) -> _Reader | None:
        """Return the reader that is the nearest before an offset, or None."""
        key = _key(unit)
        with self._lock:
            near = [one for one in self._idle if one.key == key and one.content.first <= max(0, start - _STEP_BACK)]
            found = max(near, key=lambda one: one.content.first, default=None)
            if found is not None:
                self._idle.remove(found)
            return found

    def _put(self, reader: _Reader, *, is_kept: bool) -> None:
        with self._lock:
            if is_kept:
                self._idle.append(reader)
            else:
                reader.close()
            if len(self._idle) > _MAX_READERS:
                self._idle.pop(0).close()

    def close(self) -> None:
        """Close the files."""
        with self._lock:
            for reader in self._idle:
                reader.close()
            self._idle.clear()


@contextmanager
def opened(unit: Unit) -> Iterator[BinaryIO]:
    """Open the content of a unit for random access.

    Args:
        unit: The unit.

    Raises:
        SourceChangedError: The file has changed or is gone, also while it was read.
        InputError: The file is damaged.
    """
    with _reading(unit), Path(unit.path).open("rb") as file:
        _check(unit, file)
        content = cast(BinaryIO, UnpackedFile(file, unit.packing)) if unit.packing else cast(BinaryIO, file)
        yield _zip_member(content, unit) if unit.container == ZIP else _part(unit, content)
        _check(unit, file)


@contextmanager
def _reading(unit: Unit) -> Iterator[None]:
    """Name the unit in errors of its file."""
    try:
        with reading(DAMAGED) if unit.container == ZIP else nullcontext():
            yield
    except FileNotFoundError as error:
        raise SourceChangedError(f"{unit.path}: the file is gone") from error
    except OSError as error:
        raise SourceChangedError(f"{unit.path}: {error.strerror or 'the file cannot be read'}") from error


def _key(unit: Unit) -> tuple[object, ...]:
    return unit.path, unit.size, unit.mtime, unit.packing, unit.place if unit.container == ZIP else None


def _part(unit: Unit, content: BinaryIO) -> BinaryIO:
    """Return the member of a tar file, or the whole content of another file."""
    return cast(BinaryIO, Slice(content, unit.place, unit.length)) if unit.container == TAR else content


def _zip_member(content: BinaryIO, unit: Unit) -> BinaryIO:
    """Return a member of a ZIP file, without reading the list of all members.

    Raises:
        BadZipFile: The header of the member is damaged.
    """
    content.seek(unit.place)
    header = content.read(_HEADER.size)
    if len(header) < _HEADER.size or not header.startswith(_SIGNATURE):
        raise zipfile.BadZipFile("the header of a member is damaged")
    start = unit.place + _HEADER.size + sum(_HEADER.unpack(header))
    info = zipfile.ZipInfo(unit.member)
    info.compress_type, info.CRC = unit.method, unit.checksum
    info.compress_size, info.file_size = unit.length, unit.content
    member = zipfile.ZipExtFile(cast(BinaryIO, Slice(content, start, unit.length)), "r", info)
    member.MAX_SEEK_READ = _SKIPPED
    return cast(BinaryIO, member)


def _check(unit: Unit, file: BinaryIO) -> None:
    """Check that the open file is what it was, and that its path still leads to it."""
    status = os.fstat(file.fileno())
    there = os.stat(unit.path)
    same = (status.st_dev, status.st_ino) == (there.st_dev, there.st_ino)
    if not same or (status.st_size, status.st_mtime_ns) != (unit.size, unit.mtime):
        raise SourceChangedError(f"{unit.path}: the file has changed since it was opened")
