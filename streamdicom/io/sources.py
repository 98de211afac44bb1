"""Sources: paths, binary files, connections, bytes and iterables of bytes."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Iterable, Iterator, Mapping

from streamdicom._typing import BinaryIO, TypeAlias, cast
from streamdicom.errors import Location, TruncatedError
from streamdicom.io.ranges import is_url, open_place
from streamdicom.io.sockets import Connection, is_connection, receive

CHUNK = 64 * 1024
"""Bytes that are read at once; the JSON parser splits longer chunks."""

_BLANK = b" \t\r\n\xef\xbb\xbf"  # white space, and the bytes of the byte order mark
_TEXT_STARTS = ("{", "[", "<")
_MAX_PATH = 4096  # characters; PATH_MAX of Linux


Source: TypeAlias = str | os.PathLike[str] | BinaryIO | Connection | bytes | bytearray | memoryview | Iterable[bytes]
"""A path, a URL for fsspec, a binary file (read from its current position), a socket, bytes, or an iterable of bytes.

Files and sockets stay open. A socket is read until its peer shuts down its side."""


def chunks(source: Source) -> Iterator[bytes]:
    """Yield the bytes of a source in chunks; from a pipe or a socket as they arrive.

    Raises:
        OSError: A path cannot be opened, or a file not read.
        TypeError: The source is of another kind, a text file, or a str that is not a path. The text of the error
            never quotes it.

    >>> list(chunks([b"a", b"b"]))
    [b'a', b'b']
    """
    if isinstance(source, str | os.PathLike):
        with open_place(source) if is_url(source) else _opened(source) as file:
            yield from _reads(file)
    elif isinstance(source, bytes | bytearray | memoryview):
        view = memoryview(source).cast("B")
        for start in range(0, len(view), CHUNK):
            yield bytes(view[start : start + CHUNK])
    elif is_connection(source):
        yield from receive(source, CHUNK)
    elif hasattr(source, "read"):
        yield from _reads(cast(BinaryIO, source))
    else:
        for chunk in cast(Iterable[object], source):
            yield as_bytes(chunk)


def check_source(source: object) -> None:
    """Check the kind of a source, before anything is read.

    Raises:
        TypeError: The source cannot be read; the error names the function for it.

    >>> check_source('{"00100020": {}}')
    Traceback (most recent call last):
        ...
    TypeError: expected a path, found text; read text with loads(), or pass it as bytes
    """
    if isinstance(source, str):
        if _is_text(source):
            raise TypeError("expected a path, found text; read text with loads(), or pass it as bytes")
    elif isinstance(source, io.TextIOBase):
        raise TypeError("expected a binary file, found a text file; open it in binary mode")
    elif isinstance(source, Mapping):
        raise TypeError("expected a source of bytes, found a dict; use loads(json.dumps(...)) or json_object_hook()")
    elif hasattr(source, "read") or is_connection(source):
        return
    elif type(source).__module__.partition(".")[0] == "pydicom":
        raise TypeError(f"expected a source of bytes, found a {type(source).__name__}; write data sets with dump()")
    elif not isinstance(source, os.PathLike | Iterable):
        expected = "a path, a binary file, a socket, bytes or an iterable of bytes"
        raise TypeError(f"expected {expected}, found {type(source).__name__}")


def check_target(target: object) -> None:
    """Check that a target is not the text of a document.

    Raises:
        TypeError: The target is text; the error does not quote it.

    >>> check_target("out.json")
    """
    if isinstance(target, str) and _is_text(target):
        raise TypeError("expected a path, found text; the target comes after the data")


def name_of(source: object) -> str | None:
    """Return the name of a source for messages, or None.

    >>> name_of("studies.json"), name_of(b"[]")
    ('studies.json', None)
    """
    if isinstance(source, str | os.PathLike):
        return os.fsdecode(source)
    name = getattr(source, "name", None)
    return name if isinstance(name, str) and hasattr(source, "read") else None


def _is_text(source: str) -> bool:
    """Return whether a str is document text, and not the name of a file."""
    looks_like_text = source.lstrip("\ufeff \t\r\n").startswith(_TEXT_STARTS)
    if not looks_like_text and len(source) <= _MAX_PATH and "\n" not in source and "\0" not in source:
        return False
    try:
        return not os.path.lexists(source)
    except ValueError:  # a null character
        return True


def _opened(source: str | os.PathLike[str]) -> BinaryIO:
    try:
        return cast(BinaryIO, io.FileIO(source))  # a Path of an empty name would be the current folder
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG and not _is_text(os.fsdecode(source)):
            raise
        number = error.errno or errno.ENOENT
    # The name is probably document text, even in a Path: the error must not quote it.
    raise OSError(number, os.strerror(number))


def _reads(file: BinaryIO) -> Iterator[bytes]:
    read = getattr(file, "read1", file.read)
    while chunk := read(CHUNK):
        yield as_bytes(chunk)
    if chunk is None:
        raise BlockingIOError("the file is in non-blocking mode and has nothing to read yet")
    as_bytes(chunk)


def as_bytes(chunk: object) -> bytes:
    """Return a chunk of a source as bytes.

    Raises:
        TypeError: The chunk is something else.

    >>> as_bytes(bytearray(b"a"))
    b'a'
    """
    if isinstance(chunk, bytes):
        return chunk
    if isinstance(chunk, bytearray | memoryview):
        return bytes(chunk)
    hint = ""
    if isinstance(chunk, str | os.PathLike):
        hint = "; open files in binary mode, or read several files with streamdicom.archive.iter_datasets()"
    raise TypeError(f"expected bytes, found {type(chunk).__name__}{hint}")


def not_blank(data: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the same bytes, which must not be white space alone.

    A command before a pipe that has failed leaves such an input.

    Raises:
        TruncatedError: The input ended, and had nothing else.

    >>> list(not_blank([b"", b"[]"]))
    [b'', b'[]']
    """
    size = 0
    is_blank = True
    for piece in data:
        size += len(piece)
        is_blank = is_blank and not piece.strip(_BLANK)
        yield piece
    if is_blank:
        raise TruncatedError("the input is empty", Location(size))
