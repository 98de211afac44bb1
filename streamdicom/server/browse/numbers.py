"""Any number of numbers and texts, in temporary files."""

from __future__ import annotations

import tempfile
from array import array
from collections.abc import Iterable, Iterator
from threading import Lock

from streamdicom.index import numbers_of, words

_WORD = 8
_BLOCK = 8192  # records that are written at once


class Records:
    """Records of some numbers each, which are appended and read by any thread.

    Args:
        width: The numbers of a record.

    >>> records = Records(2)
    >>> records.extend([1, 10, 1, 20])
    >>> len(records), list(records.get(1))
    (2, [1, 20])
    >>> records.close()
    """

    def __init__(self, width: int) -> None:
        self._width = width
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed below
        self._lock = Lock()
        self._count = 0

    def extend(self, numbers: Iterable[int]) -> None:
        """Append records, given as one list of numbers."""
        data = words(numbers)
        with self._lock:
            self._file.seek(0, 2)
            self._file.write(data)
            self._file.flush()
            self._count += len(data) // (_WORD * self._width)

    def __len__(self) -> int:
        return self._count

    def get(self, index: int, count: int = 1) -> array[int]:
        """Return the numbers of some records; fewer at the end.

        Raises:
            IndexError: There is no such record.
        """
        return numbers_of(self.read(index, count))

    def read(self, index: int, count: int) -> bytes:
        """Return some records as bytes of their numbers; see ``get``.

        Raises:
            IndexError: There is no such record.
        """
        if not 0 <= index < self._count:
            raise IndexError(f"expected the number of one of {self._count} records, found {index}")
        size = _WORD * self._width
        with self._lock:
            self._file.seek(index * size)
            return self._file.read(min(count, self._count - index) * size)

    def close(self) -> None:
        """Remove the file."""
        with self._lock:
            self._file.close()


class Texts:
    """Texts, which are appended and read by any thread.

    >>> texts = Texts()
    >>> texts.append("a"), texts.append("bc"), texts.get(1)
    (0, 1, 'bc')
    >>> texts.close()
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed below
        self._ends = Records(1)
        self._lock = Lock()
        self._size = 0

    def append(self, text: str) -> int:
        """Append a text; return its number."""
        data = text.encode(errors="surrogatepass")
        with self._lock:
            self._file.seek(0, 2)
            self._file.write(data)
            self._file.flush()
            self._size += len(data)
            self._ends.extend([self._size])
            return len(self._ends) - 1

    def __len__(self) -> int:
        return len(self._ends)

    def get(self, number: int) -> str:
        """Return a text.

        Raises:
            IndexError: There is no such text.
        """
        bounds = [0, *self._ends.get(0)] if number == 0 else self._ends.get(number - 1, 2)
        if len(bounds) < 2:
            raise IndexError(f"expected the number of one of {len(self)} texts, found {number}")
        with self._lock:
            self._file.seek(bounds[0])
            return self._file.read(bounds[1] - bounds[0]).decode(errors="surrogatepass")

    def close(self) -> None:
        """Remove the files."""
        self._ends.close()
        with self._lock:
            self._file.close()


class Lookup:
    """The records that have a hash.

    A search looks at all of them, 16 bytes each, which takes a hundredth of a second a million: too little to sort them
    for, which would hold up other requests for seconds.

    >>> lookup = Lookup()
    >>> lookup.add(7, 0)
    >>> lookup.add(5, 1)
    >>> lookup.add(7, 2)
    >>> lookup.finish()
    >>> list(lookup.find(7))
    [0, 2]
    >>> lookup.close()
    """

    def __init__(self) -> None:
        self._pairs = Records(2)
        self._held: array[int] = array("Q")  # pairs that are not written yet
        self.is_finished = False

    def add(self, value: int, number: int) -> None:
        """Add the hash of a record."""
        self._held.extend((value, number))
        if len(self._held) == 2 * _BLOCK:
            self._write()

    def finish(self) -> None:
        """Note that all hashes were added, which can be found now."""
        self._write()
        self.is_finished = True

    def _write(self) -> None:
        self._pairs.extend(self._held)
        self._held = array("Q")

    def find(self, value: int) -> Iterator[int]:
        """Yield the numbers of the records with a hash, in the order of ``add``."""
        wanted = words([value])
        for start in range(0, len(self._pairs), _BLOCK):
            data = self._pairs.read(start, _BLOCK)
            place = data.find(wanted)
            while place >= 0:
                if place % (2 * _WORD) == 0:
                    yield numbers_of(data[place + _WORD : place + 2 * _WORD])[0]
                place = data.find(wanted, place + 1)

    def close(self) -> None:
        """Remove the file."""
        self._pairs.close()
