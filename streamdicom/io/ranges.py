"""Random access to sources that stay: files, and URLs by fsspec."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from streamdicom._typing import BinaryIO, TypeAlias, cast

_BLOCK = 64 * 1024

Place: TypeAlias = str | os.PathLike[str]
"""A path, or a URL that fsspec opens, such as ``s3://bucket/studies.json``."""


def is_url(place: object) -> bool:
    """Return whether a place is a URL.

    >>> is_url("s3://bucket/a.json"), is_url("a.json")
    (True, False)
    """
    return isinstance(place, str) and place.partition("://")[0].isalnum() and "://" in place


def absolute(place: Place) -> str:
    """Return a place that means the same in every process."""
    return cast(str, place) if is_url(place) else os.path.abspath(os.fspath(place))


def is_folder(place: Place) -> bool:
    """Return whether a place is a folder.

    Raises:
        OSError: The place cannot be reached.
    """
    if not is_url(place):
        return os.path.isdir(place)
    from streamdicom.io.remote import file_system, remote_errors

    url = cast(str, place)
    system, path = file_system(url)
    with remote_errors(url):
        return bool(system.isdir(path))


def exists(place: Place) -> bool:
    """Return whether there is something at a place."""
    if not is_url(place):
        return os.path.exists(place)
    from streamdicom.io.remote import file_system, remote_errors

    url = cast(str, place)
    system, path = file_system(url)
    with remote_errors(url):
        return bool(system.exists(path))


def is_special(path: str | os.PathLike[str]) -> bool:
    """Return whether a path is something else than a regular file, such as a pipe.

    >>> is_special(os.devnull), is_special("/none")
    (True, False)
    """
    try:
        return not stat.S_ISREG(os.stat(path).st_mode)
    except FileNotFoundError:
        return False


def open_place(place: Place, mode: str = "rb") -> BinaryIO:
    """Open a place in a binary mode, for random access if it is read.

    Raises:
        OSError: The place cannot be opened.
        ValueError: It is a URL, and the file system is not known; see ``file_system``.
    """
    if not is_url(place):
        return cast(BinaryIO, open(place, mode))
    from streamdicom.io.remote import file_system, remote_errors

    url = cast(str, place)
    system, path = file_system(url)
    with remote_errors(url):
        return cast(BinaryIO, system.open(path, mode))


def size_of(file: BinaryIO) -> int:
    """Return the size of an open file in bytes."""
    return file.seek(0, os.SEEK_END)


def read_range(file: BinaryIO, start: int, end: int | None, block: int = _BLOCK) -> Iterator[bytes]:
    """Yield the bytes of a range in blocks.

    Args:
        file: A file for random access.
        start: The offset of the first byte.
        end: The offset after the last byte; None for the end of the file.
        block: Bytes to read at once.

    >>> import io
    >>> list(read_range(io.BytesIO(b"abcdef"), 1, 5, 3))
    [b'bcd', b'e']
    """
    while end is None or start < end:
        file.seek(start)  # the caller may read elsewhere in the meantime
        data = file.read(block if end is None else min(block, end - start))
        if not data:
            return
        start += len(data)
        yield data
