"""Where bytes come from and go to: paths, binary files, connections, bytes, iterables of bytes."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, Self, TypeAlias, cast

from streamdicom.errors import OutputError
from streamdicom.io.sockets import Connection, SendingFile, is_connection
from streamdicom.io.sources import CHUNK

_MOST_IN_MEMORY = 1024 * 1024
_LONGEST_STEM = 200  # bytes; a name may have 255


Target: TypeAlias = str | os.PathLike[str] | BinaryIO | Connection
"""A path, a binary file, or a socket; the last two stay open."""


def temporary() -> BinaryIO:
    """An empty file without a name, which is in memory as long as it is small and goes when it is closed.

    >>> with temporary() as file:
    ...     file.write(b"a")
    1
    """
    from tempfile import SpooledTemporaryFile  # which takes a tenth of this package's time to import

    return cast(BinaryIO, SpooledTemporaryFile(_MOST_IN_MEMORY))


@contextmanager
def naming(name: str | os.PathLike[str]) -> Iterator[None]:
    """Let errors of the system name what was asked for, and neither nothing nor a hidden file.

    >>> with naming("out.json"):
    ...     open("/none/.out.json.partial", "wb")
    Traceback (most recent call last):
        ...
    FileNotFoundError: [Errno 2] No such file or directory: 'out.json'
    """
    try:
        yield
    except OSError as error:
        error.filename = os.fspath(name)
        raise


class NamedFile(io.FileIO):
    """A raw file; what goes wrong when it is opened or written names what was asked for.

    Args:
        file: A path or a descriptor.
        mode: As for ``io.FileIO``.
        name: What was asked for.
        closefd: Whether the descriptor is closed with the file.
    """

    def __init__(self, file: Path | int, mode: str, name: str | os.PathLike[str], *, closefd: bool = True) -> None:
        with naming(name):
            super().__init__(file, mode, closefd)
        self._name = name

    def write(self, data: Any, /) -> int:
        """As that of ``io.FileIO``."""
        with naming(self._name):
            return super().write(data)


class Output:
    """A target that is being written.

    A path gets its name only when the output is complete: until then the bytes are in a hidden file beside it. What
    exists and is no regular file, such as a pipe or ``/dev/null``, is written as it is. An error names the path and not
    the hidden file.

    Args:
        target: A path, a binary file or a socket.

    Attributes:
        is_connection: Whether somebody waits at the other end.

    Raises:
        OSError: The path cannot be written, or the socket is in non-blocking mode.
        TypeError: The target is none of them, or is a text file.
    """

    def __init__(self, target: Target) -> None:
        self.is_connection = False
        self._is_whole = True  # whether all was written of what there was to write
        self._name: str | os.PathLike[str] = ""  # as it was given
        self._path: Path | None = None
        self._partial: Path | None = None
        if isinstance(target, str | os.PathLike):
            self._name = target
            with naming(target):
                self._file = self._open(target)
        elif is_connection(target):
            self.is_connection = True
            self._file = cast(BinaryIO, SendingFile(target))
        elif isinstance(target, io.TextIOBase):
            raise TypeError(f"bytes are written, which {type(target).__name__} does not take; open it in binary mode")
        elif hasattr(target, "write"):
            self._file = cast(BinaryIO, target)
        else:
            raise TypeError(f"a path, a binary file or a socket is needed, not {type(target).__name__}")

    def _open(self, name: str | os.PathLike[str]) -> BinaryIO:
        if is_special(name):
            self._path = Path(name)
            return io.BufferedWriter(NamedFile(self._path, "w", name))
        # A link stays a link: what it points to is what is replaced.
        self._path = path = Path(os.path.realpath(name))
        mode = 0o666  # less the umask
        with suppress(FileNotFoundError):
            mode = stat.S_IMODE(path.stat().st_mode)
        self._partial = path.with_name(f"{hidden(path.name)}.{os.urandom(4).hex()}.partial")
        descriptor = os.open(self._partial, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
        return io.BufferedRandom(NamedFile(descriptor, "r+", name))

    def write(self, data: bytes) -> None:
        """Write all of the bytes.

        Raises:
            OSError: They cannot be written, or the file is in non-blocking mode and takes no more.
            OutputError: A write before has failed, so that nothing may follow it.
        """
        if not self._is_whole:
            raise OutputError("what came before has not been written")
        self._is_whole = False
        view = memoryview(data)
        while view:
            # A raw file may take less than it is given.
            written = self._file.write(view)
            if isinstance(written, int):
                view = view[written:]
            elif isinstance(self._file, io.RawIOBase):
                raise BlockingIOError("the file is in non-blocking mode and takes no more yet")
            else:
                break  # less of a file than it might be: its write does not tell
        self._is_whole = True

    @contextmanager
    def random_access(self) -> Iterator[BinaryIO]:
        """A file to write, read and seek in: this one, or else a temporary one that is copied to it at the end."""
        if self._partial is not None or _is_random_access(self._file):
            yield self._file
            return
        with temporary() as file:
            yield file
            file.seek(0)
            while piece := file.read(CHUNK):
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
        with naming(self._name):
            self._file.close()
            if self._partial is not None:
                self._partial.replace(self._path)
                self._partial = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.discard()

    def discard(self) -> None:
        """Leave nothing behind under the path, which nothing can be written to then."""
        if self._path is None:
            return
        self._is_whole = False
        with suppress(OSError):  # such as a full disk, which has been told already
            self._file.close()
        if self._partial is not None:
            with suppress(FileNotFoundError):
                self._partial.unlink()
            self._partial = None


def is_special(path: str | os.PathLike[str]) -> bool:
    """Whether something is there that is no regular file, such as a pipe or a device.

    >>> is_special(os.devnull), is_special("/none")
    (True, False)
    """
    try:
        return not stat.S_ISREG(Path(path).stat().st_mode)
    except FileNotFoundError:
        return False


def hidden(name: str) -> str:
    """What the names of the hidden files beside a file start with, so short that something may follow.

    >>> hidden("out.json")
    '.out.json'
    """
    # File systems count bytes. What is no UTF-8 is dropped, because not all of them take it.
    return "." + name.encode(errors="ignore")[:_LONGEST_STEM].decode(errors="ignore")


def _is_random_access(file: BinaryIO) -> bool:
    try:
        return file.readable() and file.seekable() and file.writable()
    except AttributeError:  # less of a file than it might be
        return False
