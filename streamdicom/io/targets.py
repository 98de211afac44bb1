"""Targets: paths, binary files and connections that are written to."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress

from streamdicom._typing import TYPE_CHECKING, Any, BinaryIO, Self, TypeAlias, cast
from streamdicom.errors import OutputError
from streamdicom.io.ranges import is_special, is_url
from streamdicom.io.sockets import Connection, SendingFile, is_connection
from streamdicom.io.sources import CHUNK

if TYPE_CHECKING:
    from streamdicom.io.compression import Compressor
    from streamdicom.io.remote import RemoteOutput

_MAX_IN_MEMORY = 1024 * 1024  # bytes of a temporary file
_MAX_STEM = 200  # bytes; a name may have 255


Target: TypeAlias = str | os.PathLike[str] | BinaryIO | Connection
"""A path, a URL for fsspec, a binary file, or a socket. Files and sockets stay open."""


def check_distinct(outputs: Mapping[str, object], inputs: Iterable[object] = ()) -> None:
    """Check that files to write are neither inputs nor each other.

    Args:
        outputs: What each output is, and its path or URL. Other objects, pipes and devices are passed over.
        inputs: Paths and URLs that are read.

    Raises:
        ValueError: Two are the same.

    >>> check_distinct({"the report": "a.json"}, ["./a.json"])
    Traceback (most recent call last):
        ...
    ValueError: the report would replace the input a.json; give it another name
    """
    taken = {_identity(place): "the input" for place in inputs}
    for name, place in outputs.items():
        identity = _identity(place)
        if identity is None:
            continue
        if identity in taken:
            raise ValueError(f"{name} would replace {taken[identity]} {place}; give it another name")
        taken[identity] = name


def _identity(place: object) -> str | None:
    if not isinstance(place, str | os.PathLike):
        return None
    path = os.fspath(place)
    if not isinstance(path, str) or is_url(path):
        return str(path)
    with suppress(OSError):  # which the use of the path reports
        if is_special(path):
            return None
    return os.path.realpath(path)


def temporary() -> BinaryIO:
    """Make an empty file without a name, in memory while it is small.

    >>> with temporary() as file:
    ...     file.write(b"a")
    1
    """
    return cast(BinaryIO, _Temporary())


class _Temporary:
    """A file in memory, or on the disk once it is large.

    ``tempfile`` has one too, but takes as long to import as half of Python to start, and most files stay small.
    """

    def __init__(self) -> None:
        self._file: BinaryIO = io.BytesIO()
        self._is_in_memory = True

    def write(self, data: Any) -> int:
        written = self._file.write(data)
        if self._is_in_memory and self._file.tell() > _MAX_IN_MEMORY:
            self._move()
        return written

    def _move(self) -> None:
        from tempfile import TemporaryFile

        memory, self._file, self._is_in_memory = self._file, cast(BinaryIO, TemporaryFile()), False  # noqa: SIM115 - as this file
        position = memory.tell()
        memory.seek(0)
        while piece := memory.read(CHUNK):
            self._file.write(piece)
        self._file.seek(position)

    def writelines(self, pieces: Iterable[Any]) -> None:
        for piece in pieces:
            self.write(piece)

    def read(self, size: int = -1) -> bytes:
        return self._file.read(size)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def close(self) -> None:  # a method of this object, which a finalizer may call after the move
        self._file.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._file)


@contextmanager
def naming(name: str | os.PathLike[str]) -> Iterator[None]:
    """Make errors of the system name the file that the caller asked for.

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
    """A raw file whose errors name the file that the caller asked for.

    Args:
        file: A path or a descriptor.
        mode: As for ``io.FileIO``.
        name: The name in errors.
        closefd: Whether the descriptor is closed with the file.
    """

    def __init__(
        self, file: str | os.PathLike[str] | int, mode: str, name: str | os.PathLike[str], *, closefd: bool = True
    ) -> None:
        with naming(name):
            super().__init__(file, mode, closefd)
        self._name = name

    def write(self, data: Any, /) -> int:
        """Write as ``io.FileIO`` does."""
        with naming(self._name):
            return super().write(data)


class Output:
    """A target that is being written.

    A path gets its name only when the output is complete: until then the bytes are in a hidden file in the same
    folder. Something that exists and is not a regular file, such as a pipe or ``/dev/null``, is written directly.

    Args:
        target: A path, a binary file or a socket.
        compression: "gzip" or "zstd" to compress the output.

    Attributes:
        is_connection: Whether a peer waits for the bytes.

    Raises:
        OSError: The path cannot be written, or the socket is in non-blocking mode.
        TypeError: The target is of another kind, or a text file.
        ValueError: The package for the compression is not installed.
    """

    def __init__(self, target: Target, compression: str | None = None) -> None:
        self.is_connection = False
        self._compressor: Compressor | None = None
        if compression:
            from streamdicom.io.compression import new_compressor  # imported late: most targets are plain

            self._compressor = new_compressor(compression)
        self._is_whole = True  # False while a write is under way, and after one has failed
        self._name: str | os.PathLike[str] = ""  # as the caller gave it
        self._path: str | None = None
        self._partial: str | None = None
        self._remote: RemoteOutput | None = None
        if is_url(target):
            from streamdicom.io.remote import RemoteOutput

            self._remote = RemoteOutput(cast(str, target))
            self._file = self._remote.file
        elif isinstance(target, str | os.PathLike):
            self._name = target
            try:
                with naming(target):
                    self._file = self._open(target)
            except BaseException:  # such as Ctrl-C after the hidden file was made
                with suppress(OSError):  # if it was not
                    self._remove()
                raise
        elif is_connection(target):
            self.is_connection = True
            self._file = cast(BinaryIO, SendingFile(target))
        elif isinstance(target, io.TextIOBase):
            raise TypeError(f"expected a binary file, found {type(target).__name__}; open it in binary mode")
        elif hasattr(target, "write"):
            self._file = cast(BinaryIO, target)
        else:
            raise TypeError(f"expected a path, a binary file or a socket, found {type(target).__name__}")

    def _open(self, name: str | os.PathLike[str]) -> BinaryIO:
        if is_special(name):
            self._path = os.fspath(name)
            return io.BufferedWriter(NamedFile(self._path, "w", name))
        # A link stays a link: the file that it points to is replaced.
        self._path = path = os.path.realpath(name)
        mode = 0o666  # less the umask
        with suppress(FileNotFoundError):
            mode = stat.S_IMODE(os.stat(path).st_mode)
        folder, own = os.path.split(path)
        self._partial = os.path.join(folder, f"{hidden(own)}.{os.urandom(4).hex()}.partial")
        descriptor = os.open(self._partial, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
        return io.BufferedRandom(NamedFile(descriptor, "r+", name))

    @property
    def is_direct(self) -> bool:
        """Whether written bytes stay when the output is not completed."""
        return self._partial is None and self._remote is None

    def write(self, data: bytes) -> None:
        """Write all of the bytes.

        Raises:
            OSError: The bytes cannot be written, or the file is in non-blocking mode and accepts no more.
            OutputError: An earlier write has failed.
        """
        self._write(self._compressor.compress(data) if self._compressor else data)

    def _write(self, data: bytes) -> None:
        if not self._is_whole:
            raise OutputError("an earlier write has failed")
        self._is_whole = False
        view = memoryview(data)
        while view:
            # A raw file may accept only a part of the bytes.
            written = self._file.write(view)
            if isinstance(written, int):
                view = view[written:]
            elif isinstance(self._file, io.RawIOBase):
                raise BlockingIOError("the file is in non-blocking mode and accepts no more yet")
            else:
                break  # an object whose ``write`` returns nothing
        self._is_whole = True

    @contextmanager
    def random_access(self) -> Iterator[BinaryIO]:
        """Return a file to write, read and seek in.

        It is the target, or a temporary file that is copied to the target at the end.
        """
        if self._compressor is None and (self._partial is not None or _is_random_access(self._file)):
            yield self._file
            return
        with temporary() as file:
            yield file
            file.seek(0)
            while piece := file.read(CHUNK):
                self.write(piece)

    def flush(self) -> None:
        """Flush the file if it can; a compressor keeps its bytes until ``commit``."""
        flush = getattr(self._file, "flush", None)
        if flush is not None:
            flush()

    def commit(self) -> None:
        """Complete the output: give a path its name, or flush a file."""
        if self._compressor is not None:
            compressor, self._compressor = self._compressor, None
            self._write(compressor.flush())
        if self._remote is not None:
            remote, self._remote = self._remote, None
            remote.commit()
            return
        if self._path is None:
            self.flush()
            return
        with naming(self._name):
            self._file.close()
            if self._partial is not None:
                os.replace(self._partial, self._path)
                self._partial = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.discard()

    def discard(self) -> None:
        """Remove the hidden file of an incomplete output."""
        if self._remote is not None:
            remote, self._remote = self._remote, None
            self._is_whole = False
            remote.discard()
        if self._path is None:
            return
        self._is_whole = False
        with suppress(OSError):  # such as a full disk, which the failed write has reported
            self._file.close()
        self._remove()

    def _remove(self) -> None:
        if self._partial is not None:
            with suppress(FileNotFoundError):
                os.unlink(self._partial)
            self._partial = None


def hidden(name: str) -> str:
    """Return the start of the names of hidden files beside a file.

    >>> hidden("out.json")
    '.out.json'
    """
    # File systems count bytes. Names that are not UTF-8 lose the offending bytes, as some systems reject them.
    return "." + name.encode(errors="ignore")[:_MAX_STEM].decode(errors="ignore")


def _is_random_access(file: BinaryIO) -> bool:
    try:
        return file.readable() and file.seekable() and file.writable()
    except AttributeError:  # an object with ``write`` alone
        return False
