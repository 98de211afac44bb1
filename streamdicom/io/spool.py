"""Long values in temporary files, as buffers for pydicom.

A pydicom element takes such a buffer in place of bytes, and writes it without loading it into memory.
"""

from __future__ import annotations

import io
import os
from _thread import allocate_lock  # threading takes a while to import
from collections.abc import Callable, Iterator

from streamdicom._typing import Any, Self

_MAX_IN_MEMORY = 1024 * 1024  # bytes, before there is a file


class SpoolFile:
    """An unnamed temporary file to which values are appended.

    A small file stays in memory. The file is deleted when nothing refers to it, or when the process ends in any way. It
    uses one file descriptor for all its values.

    Args:
        max_in_memory: Bytes that stay in memory.

    >>> spool = SpoolFile()
    >>> spool.append(b"abc")
    >>> spool.read_at(1, 5)
    b'bc'
    """

    def __init__(self, max_in_memory: int = _MAX_IN_MEMORY) -> None:
        # Both are slow to import: a tenth of the time of this package.
        from tempfile import SpooledTemporaryFile
        from weakref import finalize

        file = SpooledTemporaryFile(max_size=max_in_memory)  # noqa: SIM115 - closed by the finalizer
        self._release = finalize(self, file.close)
        self._file = file
        self._lock = allocate_lock()
        self.size = 0

    def close(self) -> None:
        """Delete the file now, even if something such as a traceback refers to it."""
        self._release()

    def append(self, data: bytes) -> None:
        """Append bytes.

        Raises:
            OSError: The disk is full, or the process has too many open files.
        """
        with self._lock:
            self._file.seek(self.size)
            self._file.write(data)
            self.size += len(data)

    def read_at(self, offset: int, length: int) -> bytes:
        """Return bytes from an offset, or fewer at the end of the file."""
        with self._lock:
            self._file.seek(offset)
            return self._file.read(length)


class SpooledValue(io.BufferedIOBase):
    """A value in a temporary file, as a read-only buffer for a pydicom DataElement.

    Copies, also deep copies, share the file and have their own position. Pickling includes the bytes.

    A value of odd length is padded here, as in a DICOM file (PS3.5 7.1.1), because pydicom 3.0 pads a buffer without
    counting the byte.

    Args:
        file: The file, which ends with the value. The buffer keeps it open.
        start: The offset of the value in the file.
        padded: Whether to pad the value to even length.

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
        """Make sure that the value is in the file."""
        if self.closed:
            raise ValueError("the buffer is closed")

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Set the position, which may be after the end; return it."""
        self._load()
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._length}[whence]
        if base + offset < 0:
            raise ValueError("negative seek position")
        self._position = base + offset
        return self._position

    def read(self, size: int | None = -1, /) -> bytes:
        """Read and return up to ``size`` bytes, or all that are left."""
        self._load()
        left = max(0, self._length - self._position)
        length = left if size is None or size < 0 else min(size, left)
        data = self._file.read_at(self._start + self._position, length) if length else b""
        self._position += len(data)
        return data

    def read1(self, size: int = -1, /) -> bytes:
        """Read and return up to ``size`` bytes."""
        return self.read(size)

    def __copy__(self) -> Self:
        return self.__deepcopy__({})

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        copy = type(self).__new__(type(self))
        copy.__dict__.update(self.__dict__)
        return copy

    def __reduce__(self) -> tuple[Callable[[bytes, bool, int], SpooledValue], tuple[bytes, bool, int]]:
        return _restored, (b"".join(self.segments(_MAX_IN_MEMORY)), self._padded, self._position)

    def segments(self, size: int) -> Iterator[bytes]:
        """Yield the value without padding, in segments. The position stays the same."""
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
    """A value that is fetched on first access: when it is read, or its length is used.

    Args:
        fetch: Returns the segments of the value. If it raises, the access raises; the next access calls it again.
        padded: Whether to pad the value to even length.

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
