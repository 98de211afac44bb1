"""The inputs of an export: files, folders with all that is in them, and what is in ZIP and tar files.

What a file is shows in its first bytes and never in its name: a DICOM file has "DICM" behind a preamble of 128 bytes
(PS3.10 7.1). A folder may hold whatever else it likes; a file that is named must be a DICOM file or hold some.

Links are followed, because whole archives consist of them. A folder is gone into once, however many links lead to
it, so that no circle of links has an effect. What is no regular file, such as a pipe, is never opened.
"""

from __future__ import annotations

import os
import stat
import struct
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from enum import IntEnum
from itertools import chain
from pathlib import Path
from typing import IO, NamedTuple, TypeAlias, cast

from streamdicom.errors import DicomFileError, InputError, TruncatedError
from streamdicom.formats import DICOM, detect
from streamdicom.io import COMPRESSIONS, compression_of, decompress

_CHUNK = 64 * 1024
_HEAD = 512  # what it takes to tell a tar file, and more than the others need
_LONGEST_HEADER = 1024 * 1024  # of a member in a tar file, with its name, which tarfile reads whole

# What the standard library raises for damaged files.
_DAMAGE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    struct.error,
    EOFError,
    ValueError,
    OverflowError,
    NotImplementedError,
    RecursionError,
)

FileId: TypeAlias = tuple[int, int]
"""The device and the number of a file, which no other has while it is there."""


class Kind(IntEnum):
    """What an input is."""

    OTHER = 0  # no DICOM file, and nothing that may hold one
    FAULT = 1  # it cannot be read
    DICOM = 2
    ZIP = 3
    TAR = 4
    COMPRESSED = 5  # which may be a tar file, or a DICOM file


CONTAINERS = frozenset({Kind.ZIP, Kind.TAR, Kind.COMPRESSED})


class Input(NamedTuple):
    """A file among the inputs.

    The time is that of its last change, in nanoseconds. The fault is why it cannot be read, if it cannot.
    """

    path: str
    size: int
    mtime: int
    kind: int
    fault: str = ""


class Member(NamedTuple):
    """A DICOM file in a ZIP or tar file; its bytes come as a stream."""

    name: str
    data: Iterable[bytes]
    fault: str = ""


def file_id(path: str | Path) -> FileId | None:
    """What tells a file from all others, under whatever name; None if there is none."""
    with suppress(OSError):
        status = Path(path).stat()
        return status.st_dev, status.st_ino
    return None


# --- files and folders -----------------------------------------------------------------------------------------


def find(sources: Iterable[str], left_out: Collection[FileId] = ()) -> Iterator[Input]:
    """The inputs, in the order of the sources and of the names in each folder, which is always the same.

    Args:
        sources: Files and folders.
        left_out: Files and folders that are no inputs, wherever they are.

    Raises:
        FileNotFoundError: A source is not there.
    """
    for path, status, is_named in _walk(sources, left_out):
        if isinstance(status, str):
            yield Input(path, 0, 0, Kind.FAULT, status)
            continue
        kind, fault = _kind(path)
        if kind == Kind.OTHER and is_named:
            kind, fault = Kind.FAULT, "not a DICOM file, nor a ZIP or tar file"
        yield Input(path, status.st_size, status.st_mtime_ns, kind, fault)


def measure(sources: Iterable[str], left_out: Collection[FileId] = ()) -> tuple[int, int]:
    """How many files ``find`` will look at, and how many bytes they have."""
    files = size = 0
    for _, status, _ in _walk(sources, left_out):
        files += 1
        size += 0 if isinstance(status, str) else status.st_size
    return files, size


_Found: TypeAlias = "tuple[str, os.stat_result | str, bool]"  # a path, its status or a fault, whether it was named


def walk_within(folder: str, left_out: Collection[FileId] = ()) -> Iterator[tuple[str, os.stat_result | str]]:
    """The files in a folder, in an order that is always the same, each with its status or why there is none.

    Links are followed as long as they do not lead out of the folder.

    Raises:
        FileNotFoundError: The folder is not there.
    """
    top = os.path.realpath(folder)
    for path, status, _ in _folder(folder, set(left_out), top):
        yield path, status


def is_within(path: str, top: str) -> bool:
    """Whether a path is in a folder, whose real path is given, wherever links lead."""
    return os.path.realpath(path).startswith(top.rstrip(os.sep) + os.sep)


def _walk(sources: Iterable[str], left_out: Collection[FileId]) -> Iterator[_Found]:
    seen = set(left_out)  # the folders, and what is left out
    for source in sources:
        status = Path(source).stat()
        if stat.S_ISDIR(status.st_mode):
            yield from _folder(source, seen)
        elif _id(status) not in seen:
            yield source, status if stat.S_ISREG(status.st_mode) else "neither a file nor a folder", True


def _folder(source: str, seen: set[FileId], top: str | None = None) -> Iterator[_Found]:
    stack = [iter([source])]
    while stack:
        path = next(stack[-1], None)
        if path is None:
            stack.pop()
            continue
        status = _status(path)
        if isinstance(status, str):
            yield path, status, False
        elif _id(status) in seen:
            continue
        elif top and os.path.islink(path) and path != source and not is_within(path, top):  # noqa: PTH114 - as below
            yield path, "a link that leads out of the folder", False
        elif stat.S_ISREG(status.st_mode):
            yield path, status, False
        elif stat.S_ISDIR(status.st_mode):
            seen.add(_id(status))
            names = _names(path)
            if isinstance(names, str):
                yield path, names, False
            else:
                stack.append(iter(names))


def _id(status: os.stat_result) -> FileId:
    return status.st_dev, status.st_ino


def _names(folder: str) -> list[str] | str:
    """The paths in a folder in their order, or why it cannot be read."""
    try:
        return [os.path.join(folder, name) for name in sorted(os.listdir(folder))]  # noqa: PTH118, PTH208 - a million
    except OSError as error:
        return error.strerror or type(error).__name__


def _status(path: str) -> os.stat_result | str:
    try:
        return os.stat(path)  # noqa: PTH116 - as above
    except OSError as error:
        return error.strerror or type(error).__name__


def _kind(path: str) -> tuple[Kind, str]:
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - as above
            return kind_of(file.read(_HEAD) or b""), ""
    except OSError as error:
        return Kind.FAULT, error.strerror or type(error).__name__


def kind_of(head: bytes) -> Kind:
    """What a file is, by its first bytes.

    >>> kind_of(bytes(128) + b"DICM").name
    'DICOM'
    """
    content = detect(head, is_all=True)
    if content == DICOM.name:
        return Kind.DICOM
    if head.startswith(b"PK\x03\x04"):  # APPNOTE 4.3.7
        return Kind.ZIP
    if head[257:262] == b"ustar":  # POSIX.1-1988, and GNU's way
        return Kind.TAR
    return Kind.COMPRESSED if content in COMPRESSIONS else Kind.OTHER


def pieces(file: IO[bytes]) -> Iterator[bytes]:
    """The bytes of an input; what goes wrong with it is the input's fault, and no other file's.

    Raises:
        InputError: The file cannot be read, or what it is in is damaged.
    """
    while True:
        try:
            data = file.read(_CHUNK)
        except InputError:
            raise
        except OSError as error:
            raise InputError(f"the file cannot be read: {error.strerror}") from error
        except _DAMAGE as error:
            raise InputError("what the file is in is damaged") from error
        if not data:
            return
        yield data


# --- what is in other files ------------------------------------------------------------------------------------


def members(path: str, kind: int) -> Iterator[Member | None]:
    """What is in a ZIP, a tar or a compressed file, in its order; None stands for what is no DICOM file.

    The data of a member must be read before the next one is asked for. Nothing is ever extracted to a path. ZIP and
    tar files within others are not gone into.

    Raises:
        InputError: The file is damaged, from here on.
    """
    try:
        with Path(path).open("rb") as file:
            if kind == Kind.ZIP:
                yield from _zip_members(file)
            elif kind == Kind.TAR:
                yield from _tar_members(pieces(file))
            else:
                yield from _compressed_members(file)
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"the file cannot be read: {error.strerror}") from error
    except _DAMAGE as error:
        raise InputError("the file is damaged") from error


def _zip_members(file: IO[bytes]) -> Iterator[Member | None]:
    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            if info.filename.endswith("/"):  # a folder; ``is_dir`` fails without a name
                continue
            if info.flag_bits & 1:
                yield Member(info.filename, (), "the member is encrypted")
            elif info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                # zipfile does not bound what a piece of another method expands to.
                yield Member(info.filename, (), "the member is compressed in another way than by deflate")
            else:
                yield from _zip_member(archive, info)


def _zip_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[Member | None]:
    try:
        file = archive.open(info)
    except (OSError, *_DAMAGE):
        yield Member(info.filename, (), "the member is damaged")
        return
    with file:
        yield _member(info.filename, pieces(file))


def _member(name: str, data: Iterator[bytes]) -> Member | None:
    """A member if it is a DICOM file, or if it cannot be read, which who reads it will be told."""
    head = b""
    try:
        while len(head) < _HEAD and (piece := next(data, b"")):
            head += piece
    except InputError as error:
        return Member(name, (), error.message)
    return Member(name, chain([head], data)) if kind_of(head) == Kind.DICOM else None


def _tar_members(data: Iterator[bytes]) -> Iterator[Member | None]:
    stream = _Stream(data)
    file = cast(IO[bytes], stream)  # of which only ``read``, ``seek`` and ``tell`` are needed
    with tarfile.open(fileobj=file, mode="r:", errors="surrogateescape") as archive:
        for header in archive:
            archive.members = []  # type: ignore[attr-defined]  # or it remembers all of them
            if header.isreg() and not header.issparse():
                content = archive.extractfile(header)
                assert content is not None
                stream.left = sys.maxsize
                yield _member(header.name, pieces(content))
            stream.left = _LONGEST_HEADER
    _check_end(stream.last)


def _check_end(block: bytes) -> None:
    """Whether tarfile stopped at the mark of the end: it takes a header that is cut or damaged for the end too."""
    if len(block) < tarfile.BLOCKSIZE:
        raise TruncatedError("the tar file stops before its end")
    if any(block):
        raise DicomFileError("the header of a member is damaged")


def _compressed_members(file: IO[bytes]) -> Iterator[Member | None]:
    """A compressed tar file, or a single DICOM file that is compressed."""
    head = file.read(_HEAD)
    kind_of_compression = compression_of(head)
    if kind_of_compression is None:
        raise InputError("the file has changed")
    data = decompress(chain([head], pieces(file)), kind_of_compression)
    start = b""
    while len(start) < _HEAD and (piece := next(data, b"")):
        start += piece
    whole = chain([start], data)
    kind = kind_of(start)
    if kind == Kind.TAR:
        yield from _tar_members(whole)
        for _ in data:  # to the end, where it shows whether all of it came
            pass
    else:
        yield Member("", whole) if kind == Kind.DICOM else None


class _Stream:
    """A stream of bytes as tarfile wants it.

    Attributes:
        last: What was read last.
        left: How many bytes may yet be read, lest tarfile reads a name that is as long as it likes.
    """

    def __init__(self, data: Iterator[bytes]) -> None:
        self._data = data
        self._held = memoryview(b"")
        self._position = 0
        self.last = b""
        self.left = _LONGEST_HEADER

    def read(self, size: int) -> bytes:
        self.left -= size
        if self.left < 0:
            raise DicomFileError("a member whose header or name is too long")
        self.last = b"".join(self._take(size))
        return self.last

    def seek(self, position: int) -> None:
        if position < self._position:
            raise tarfile.StreamError("a stream does not go back")
        for _ in self._take(position - self._position):
            pass

    def tell(self) -> int:
        return self._position

    def _take(self, size: int) -> Iterator[memoryview]:
        while size > 0 and (held := self._held or memoryview(next(self._data, b""))):
            found, self._held = held[:size], held[size:]
            self._position += len(found)
            size -= len(found)
            yield found
