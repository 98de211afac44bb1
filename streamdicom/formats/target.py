"""Access to the targets of writers and to their temporary files."""

from __future__ import annotations

from collections.abc import Iterator

from streamdicom._typing import BinaryIO
from streamdicom.events import BINARY_SEGMENT_SIZE


def pieces(file: BinaryIO) -> Iterator[bytes]:
    """Yield the rest of a file in pieces of bounded size."""
    while piece := file.read(BINARY_SEGMENT_SIZE):
        yield piece


def write_fully(file: BinaryIO, data: bytes) -> None:
    """Write all bytes; a raw file may take fewer than it is given."""
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


def overwrite(file: BinaryIO, offset: int, data: bytes) -> None:
    """Write bytes at an offset, and return to the current position."""
    position = file.tell()
    file.seek(offset)
    write_fully(file, data)
    file.seek(position)


def insert(file: BinaryIO, offset: int, data: bytes) -> None:
    """Insert bytes at an offset before the end, where the next ones are written."""
    end = position = file.tell()
    while position > offset:
        start = max(offset, position - BINARY_SEGMENT_SIZE)
        piece = b""
        while len(piece) < position - start:
            file.seek(start + len(piece))
            piece += file.read(position - start - len(piece))
        file.seek(start + len(data))
        write_fully(file, piece)
        position = start
    file.seek(offset)
    write_fully(file, data)
    file.seek(end + len(data))


def cut_off(file: BinaryIO, offset: int) -> None:
    """Remove the bytes from an offset to the end, where the next ones are written."""
    file.seek(offset)
    file.truncate()
