"""Where bytes come from: paths, binary files, connections, bytes, iterables of bytes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, TypeAlias, cast

from streamdicom.errors import Location, TruncatedError
from streamdicom.io.sockets import Connection, is_connection, receive

CHUNK = 16 * 1024  # bytes; see the reader of DICOM JSON, which takes no more at once


_BLANK = b" \t\r\n\xef\xbb\xbf"  # white space, and the bytes of the byte order mark


Source: TypeAlias = str | os.PathLike[str] | BinaryIO | Connection | bytes | bytearray | memoryview | Iterable[bytes]
"""A path, a binary file (read from where it stands), a socket, the bytes themselves, or any iterable of bytes.

A file and a socket stay open. A socket is read until its peer says that this is all, or to what ends it before."""


def chunks(source: Source) -> Iterator[bytes]:
    """The bytes of a source, some at a time; a pipe or a socket gives what it has, without waiting for more.

    Raises:
        OSError: A path cannot be opened, or a file not read.
        TypeError: The source is of another kind, or is a text file.

    >>> list(chunks([b"a", b"b"]))
    [b'a', b'b']
    """
    if isinstance(source, str | os.PathLike):
        with Path(source).open("rb", buffering=0) as file:
            yield from _reads(cast(BinaryIO, file))
    elif isinstance(source, bytes | bytearray | memoryview):
        view = memoryview(source).cast("B")
        for start in range(0, len(view), CHUNK):
            yield bytes(view[start : start + CHUNK])
    elif is_connection(source):
        yield from receive(source, CHUNK)
    elif hasattr(source, "read"):
        yield from _reads(cast(BinaryIO, source))
    elif isinstance(source, Iterable):
        for chunk in source:
            yield as_bytes(chunk)
    else:
        kinds = "a path, a binary file, a socket, bytes or an iterable of bytes"
        raise TypeError(f"{kinds} is needed, not {type(source).__name__}")


def _reads(file: BinaryIO) -> Iterator[bytes]:
    read = getattr(file, "read1", file.read)
    while chunk := read(CHUNK):
        yield as_bytes(chunk)
    if chunk is None:
        raise BlockingIOError("the file is in non-blocking mode and has nothing to read yet")
    as_bytes(chunk)


def as_bytes(chunk: object) -> bytes:
    """What a source gave, if it is bytes.

    Raises:
        TypeError: It is something else.

    >>> as_bytes(bytearray(b"a"))
    b'a'
    """
    if isinstance(chunk, bytes):
        return chunk
    if isinstance(chunk, bytearray | memoryview):
        return bytes(chunk)
    hint = "; open the file in binary mode" if isinstance(chunk, str) else ""
    raise TypeError(f"bytes are needed, not {type(chunk).__name__}{hint}")


def not_blank(data: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes, which must not be white space alone: a command before a pipe that has failed gives no more.

    Raises:
        TruncatedError: There is nothing else, which shows at the end.

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
