"""Values that wait in temporary files, as buffers that pydicom takes in place of bytes and writes without loading."""

from __future__ import annotations

import io
import os
import weakref
from collections.abc import Callable, Iterator
from threading import Lock
from typing import Any, Self

_IN_MEMORY = 1024 * 1024  # of a temporary file, before it is one


class SpoolFile:
    """A temporary file without a name that values are put into one behind the other.

    It stays in memory while it is small. It goes when nothing refers to it any more, or with the process, however
    that ends; until then it takes one descriptor of the process, for all of the values in it. A process that has
    none left gets an OSError.

    >>> spool = SpoolFile()
    >>> spool.append(b"abc")
    >>> spool.read_at(1, 5)
    b'bc'
    """

    def __init__(self) -> None:
        from tempfile import SpooledTemporaryFile  # which takes a tenth of this package's time to import

        file = SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - it is closed by the next line
        self._release = weakref.finalize(self, file.close)
        self._file = file
        self._lock = Lock()
        self.size = 0

    def close(self) -> None:
        """Let the file go now, whatever still refers to it, such as a traceback. Nothing can be read any more."""
        self._release()

    def append(self, data: bytes) -> None:
        """Put bytes behind those that are there.

        Raises:
            OSError: The disk is full, or the process has too many files open.
        """
        with self._lock:
            self._file.seek(self.size)
            self._file.write(data)
            self.size += len(data)

    def read_at(self, offset: int, length: int) -> bytes:
        """So many bytes from a place on, or fewer where the file ends."""
        with self._lock:
            self._file.seek(offset)
            return self._file.read(length)


class SpooledValue(io.BufferedIOBase):
    """A value in a temporary file, as a read-only buffer that a pydicom DataElement takes.

    Copies, deep ones too, have a position of their own in the same file. A pickled one has the bytes.

    pydicom 3.0 does not count the byte by which it pads a buffer. So an odd value is padded here, as in a file it
    would be (PS3.5 7.1.1).

    Args:
        file: The file; the value keeps it. It is the last value in it so far.
        start: Where the value starts in it.
        padded: Whether the length is to be even.

    >>> spool = SpoolFile()
    >>> spool.append(b"abcdef")
    >>> SpooledValue(spool, 2).read()
    b'cdef'
    """

    def __init__(self, file: SpoolFile, start: int = 0, *, padded: bool = True) -> None:
        self._position = 0
        self._padded = padded
        self._use(file, start)

    def _use(self, file: SpoolFile, start: int) -> None:
        self._padding = (file.size - start) & 1 if self._padded else 0
        if self._padding:
            file.append(b"\0")
        self._file = file
        self._start = start
        self._length = file.size - start

    def _load(self) -> None:
        """See to it that the file is there."""
        if self.closed:
            raise ValueError("the buffer is closed")

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """The position."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Set the position, which may be behind the end."""
        self._load()
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._length}[whence]
        if base + offset < 0:
            raise ValueError("a position before the start")
        self._position = base + offset
        return self._position

    def read(self, size: int | None = -1, /) -> bytes:
        """So many bytes, or all that are left."""
        self._load()
        left = max(0, self._length - self._position)
        wanted = left if size is None or size < 0 else min(size, left)
        data = self._file.read_at(self._start + self._position, wanted) if wanted else b""
        self._position += len(data)
        return data

    def read1(self, size: int = -1, /) -> bytes:
        """As ``read``."""
        return self.read(size)

    def __copy__(self) -> Self:
        return self.__deepcopy__({})

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        copy = type(self).__new__(type(self))
        copy.__dict__.update(self.__dict__)
        return copy

    def __reduce__(self) -> tuple[Callable[[bytes, bool, int], SpooledValue], tuple[bytes, bool, int]]:
        return _restored, (b"".join(self.segments(_IN_MEMORY)), self._padded, self._position)

    def segments(self, size: int) -> Iterator[bytes]:
        """The value without its padding, from the start; the position does not change."""
        self._load()
        for start in range(0, self._length - self._padding, size):
            yield self._file.read_at(self._start + start, min(size, self._length - self._padding - start))


def _restored(data: bytes, padded: bool, position: int) -> SpooledValue:
    file = SpoolFile()
    file.append(data)
    value = SpooledValue(file, padded=padded)
    value.seek(position)
    return value


class LazyValue(SpooledValue):
    """A value that is fetched when it is first looked at, which is when its length is asked for or it is read.

    Args:
        fetch: Gives the segments of the value. What it raises, the first look raises, and the next one again.
        padded: Whether the length is to be even.

    >>> value = LazyValue(lambda: iter([b"ab", b"cd"]))
    >>> value.seek(1), value.read()
    (1, b'bcd')
    """

    def __init__(self, fetch: Callable[[], Iterator[bytes]], *, padded: bool = True) -> None:
        super().__init__(SpoolFile(), padded=padded)
        self._fetch: Callable[[], Iterator[bytes]] | None = fetch

    def _load(self) -> None:
        super()._load()
        if self._fetch is not None:
            file = SpoolFile()
            for segment in self._fetch():
                file.append(segment)
            self._use(file, 0)
            self._fetch = None
