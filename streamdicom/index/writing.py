"""The contents of an index, collected in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from streamdicom.index.sidecar import FileTable, Fingerprint, Packing, write
from streamdicom.index.sorting import SortedPairs, numbers_of, words
from streamdicom.io import Place, read_range, temporary

_BLOCK = 64 * 1024
_WORD = 8


class IndexWriter:
    """Collects the places and the UIDs of data sets, and writes an index.

    >>> writer = IndexWriter()
    >>> writer.add_starts([1, 5])
    >>> len(writer), [len(block) for block in writer.starts()]
    (2, [16])
    >>> writer.close()
    """

    def __init__(self) -> None:
        self._starts = temporary()
        self._pairs = SortedPairs()
        self._missing = temporary()  # the ordinals of data sets without a hash
        self._count = 0
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def add_starts(self, starts: Iterable[int]) -> None:
        """Add the offsets of data sets."""
        self._length += self._starts.write(words(starts)) // _WORD

    def add(self, starts: Iterable[int], hashes: Sequence[int], missing: Sequence[int] = ()) -> None:
        """Add the offsets and hashes of data sets.

        Args:
            starts: The offsets.
            hashes: The hashes of the SOP Instance UIDs.
            missing: The numbers of those hashes that are not known, which ``add_missing`` adds.
        """
        self.add_starts(starts)
        ordinals: Sequence[int] = range(self._count, self._count + len(hashes))
        self._count += len(hashes)
        if missing:
            self._missing.write(words(ordinals[number] for number in missing))
            known = sorted(set(range(len(hashes))).difference(missing))
            ordinals, hashes = [ordinals[number] for number in known], [hashes[number] for number in known]
        self._pairs.extend(hashes, ordinals)

    def add_missing(self, hash_of: Callable[[int, int], int], end: int) -> None:
        """Add the hash of each data set that was added without one.

        Args:
            hash_of: Returns the hash of a data set, by its start and its end.
            end: The size of the source.
        """
        for block in read_range(self._missing, 0, None, _BLOCK):
            for ordinal in numbers_of(block):
                place = ordinal * _WORD
                bounds = numbers_of(b"".join(read_range(self._starts, place, place + 2 * _WORD)))
                self._pairs.add(hash_of(bounds[0], bounds[1] if len(bounds) > 1 else end), ordinal)

    def starts(self) -> Iterator[bytes]:
        """Yield the offsets so far, as bytes of numbers."""
        return read_range(self._starts, 0, None, _BLOCK)

    def clear_starts(self) -> None:
        """Forget the offsets."""
        self._starts.seek(0)
        self._starts.truncate()
        self._length = 0

    def add_hashes(self, hashes: Iterable[int]) -> None:
        """Add the hashes of SOP Instance UIDs, in the order of the data sets."""
        for ordinal, value in enumerate(hashes, len(self._pairs)):
            self._pairs.add(value, ordinal)

    def write(
        self, place: Place, source: Fingerprint, packing: Packing | None = None, files: FileTable | None = None
    ) -> None:
        """Write the index; see ``sidecar.write``."""
        write(place, source, self.starts(), self._pairs, packing, files)

    def close(self) -> None:
        """Remove the temporary files."""
        self._starts.close()
        self._missing.close()
        self._pairs.close()
