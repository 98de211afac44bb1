"""The contents of an index, collected in bounded memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from streamdicom.index.sidecar import Fingerprint, Packing, write
from streamdicom.index.sorting import SortedPairs, words
from streamdicom.io import Place, read_range, temporary

_BLOCK = 64 * 1024


class IndexWriter:
    """Collects the places and the UIDs of data sets, and writes an index.

    >>> writer = IndexWriter()
    >>> writer.add_starts([1, 5])
    >>> [len(block) for block in writer.starts()]
    [16]
    >>> writer.close()
    """

    def __init__(self) -> None:
        self._starts = temporary()
        self._pairs = SortedPairs()

    def add_starts(self, starts: Iterable[int]) -> None:
        """Add the offsets of data sets."""
        self._starts.write(words(iter(starts)))

    def starts(self) -> Iterator[bytes]:
        """Yield the offsets so far, as bytes of numbers."""
        return read_range(self._starts, 0, None, _BLOCK)

    def clear_starts(self) -> None:
        """Forget the offsets."""
        self._starts.seek(0)
        self._starts.truncate()

    def add_hashes(self, hashes: Iterable[int]) -> None:
        """Add the hashes of SOP Instance UIDs, in the order of the data sets."""
        for ordinal, value in enumerate(hashes, len(self._pairs)):
            self._pairs.add(value, ordinal)

    def write(self, place: Place, source: Fingerprint, packing: Packing | None) -> None:
        """Write the index; see ``sidecar.write``."""
        write(place, source, self.starts(), self._pairs, packing)

    def close(self) -> None:
        """Remove the temporary files."""
        self._starts.close()
        self._pairs.close()
