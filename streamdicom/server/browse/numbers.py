"""Any number of numbers and texts, in temporary files."""

from __future__ import annotations

import tempfile
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable
from threading import Lock

from streamdicom.index import SortedPairs, numbers_of, words

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
        if not 0 <= index < self._count:
            raise IndexError(f"expected the number of one of {self._count} records, found {index}")
        size = _WORD * self._width
        with self._lock:
            self._file.seek(index * size)
            return numbers_of(self._file.read(min(count, self._count - index) * size))

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
    """The records that have a hash, found at once when ``finish`` has sorted them.

    >>> lookup = Lookup()
    >>> lookup.add(7, 0)
    >>> lookup.add(5, 1)
    >>> lookup.add(7, 2)
    >>> lookup.finish()
    >>> lookup.find(7)
    [0, 2]
    >>> lookup.close()
    """

    def __init__(self) -> None:
        self._pairs = SortedPairs()
        self._sorted = Records(2)
        self.is_finished = False

    def add(self, value: int, number: int) -> None:
        """Add the hash of a record."""
        self._pairs.add(value, number)

    def finish(self, on_block: Callable[[], object] = bool) -> None:
        """Sort the hashes.

        Args:
            on_block: Called now and then; what it raises ends the work.
        """
        held: array[int] = array("Q")
        for pair in self._pairs:
            held.extend(pair)
            if len(held) >= 2 * _BLOCK:
                on_block()
                self._sorted.extend(held)
                held = array("Q")
        if held:
            self._sorted.extend(held)
        self._pairs.close()
        self.is_finished = True

    def find(self, value: int) -> list[int]:
        """Return the numbers of the records with a hash, in ascending order."""
        count = len(self._sorted)
        first = bisect_left(range(count), value, key=lambda place: self._sorted.get(place)[0])
        found: list[int] = []
        while first < count:
            pair = self._sorted.get(first)
            if pair[0] != value:
                break
            found.append(pair[1])
            first += 1
        return found

    def close(self) -> None:
        """Remove the files."""
        self._pairs.close()
        self._sorted.close()
