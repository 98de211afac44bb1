"""Where bytes come from and go to: paths, binary files, bytes, iterables of bytes."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Self, TypeAlias, cast

__all__ = ["Output", "Source", "Target", "chunks", "temporary"]

_MOST_IN_MEMORY = 1024 * 1024
_CHUNK = 16 * 1024  # see the reader of DICOM JSON, which takes no more at once

Source: TypeAlias = str | os.PathLike[str] | BinaryIO | bytes | bytearray | memoryview | Iterable[bytes]
"""A path, a binary file (read from where it stands, and not closed), the bytes themselves, or any iterable of bytes."""

Target: TypeAlias = str | os.PathLike[str] | BinaryIO
"""A path, or a binary file, which is not closed."""


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
        for start in range(0, len(view), _CHUNK):
            yield bytes(view[start : start + _CHUNK])
    elif hasattr(source, "read"):
        yield from _reads(cast(BinaryIO, source))
    elif isinstance(source, Iterable):
        for chunk in source:
            yield _checked(chunk)
    else:
        raise TypeError(f"a path, a binary file, bytes or an iterable of bytes is needed, not {type(source).__name__}")


def _reads(file: BinaryIO) -> Iterator[bytes]:
    read = getattr(file, "read1", file.read)
    while chunk := read(_CHUNK):
        yield _checked(chunk)
    if chunk is None:
        raise BlockingIOError("the file is in non-blocking mode and has nothing to read yet")
    _checked(chunk)


def _checked(chunk: object) -> bytes:
    if isinstance(chunk, bytes):
        return chunk
    if isinstance(chunk, bytearray | memoryview):
        return bytes(chunk)
    hint = "; open the file in binary mode" if isinstance(chunk, str) else ""
    raise TypeError(f"bytes are needed, not {type(chunk).__name__}{hint}")


def temporary() -> BinaryIO:
    """An empty file without a name, which is in memory as long as it is small and goes when it is closed.

    >>> with temporary() as file:
    ...     file.write(b"a")
    1
    """
    from tempfile import SpooledTemporaryFile  # which takes a tenth of this package's time to import

    return cast(BinaryIO, SpooledTemporaryFile(_MOST_IN_MEMORY))


class Output:
    """A target that is being written.

    A path gets its name only when the output is complete: until then the bytes are in a hidden file beside it. What
    exists and is no regular file, such as a pipe or ``/dev/null``, is written as it is.

    Args:
        target: A path or a binary file.

    Raises:
        OSError: The path cannot be written.
        TypeError: The target is neither.
    """

    def __init__(self, target: Target) -> None:
        self._path: Path | None = None
        self._partial: Path | None = None
        if isinstance(target, str | os.PathLike):
            # A link stays a link: what it points to is what is replaced.
            self._path = Path(os.path.realpath(target))
            self._file = self._open(self._path)
        elif hasattr(target, "write"):
            self._file = target
        else:
            raise TypeError(f"a path or a binary file is needed, not {type(target).__name__}")

    def _open(self, path: Path) -> BinaryIO:
        mode = 0o666  # less the umask
        with suppress(FileNotFoundError):
            status = path.stat()
            if not stat.S_ISREG(status.st_mode):
                return path.open("wb")
            mode = stat.S_IMODE(status.st_mode)
        self._partial = path.with_name(f".{path.name[:200]}.{os.urandom(4).hex()}.partial")
        descriptor = os.open(self._partial, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
        return os.fdopen(descriptor, "w+b")

    def write(self, data: bytes) -> None:
        """Write all of the bytes."""
        view = memoryview(data)
        while view:
            # A raw file may take less than it is given.
            written = self._file.write(view)
            if not isinstance(written, int):
                return
            view = view[written:]

    @contextmanager
    def random_access(self) -> Iterator[BinaryIO]:
        """A file to write, read and seek in: this one, or else a temporary one that is copied to it at the end."""
        if self._partial is not None or _is_random_access(self._file):
            yield self._file
            return
        with temporary() as file:
            yield file
            file.seek(0)
            while piece := file.read(_CHUNK):
                self.write(piece)

    def flush(self) -> None:
        """Flush the file, if it is one that can be."""
        flush = getattr(self._file, "flush", None)
        if flush is not None:
            flush()

    def commit(self) -> None:
        """Give the complete file its name; flush a file that the caller opened."""
        if self._path is None:
            self.flush()
            return
        self._file.close()
        if self._partial is not None:
            self._partial.replace(self._path)
            self._partial = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.discard()

    def discard(self) -> None:
        """Leave nothing behind under the path."""
        if self._path is None:
            return
        with suppress(OSError):  # such as a full disk, which has been told already
            self._file.close()
        if self._partial is not None:
            with suppress(FileNotFoundError):
                self._partial.unlink()
            self._partial = None


def _is_random_access(file: BinaryIO) -> bool:
    try:
        return file.readable() and file.seekable() and file.writable()
    except AttributeError:  # less of a file than it might be
        return False
