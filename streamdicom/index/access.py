"""Random access to the data sets of a stream, by its index."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, zip_longest

from streamdicom._typing import TYPE_CHECKING, BinaryIO, cast
from streamdicom.events import Event
from streamdicom.index.base import DatasetIndex
from streamdicom.index.parts import Member, Split
from streamdicom.index.places import sidecar_of
from streamdicom.index.scanning import is_first_item, origin_of, starts, uid_hash, uid_of
from streamdicom.index.sidecar import Packing, Sidecar, fingerprint
from streamdicom.io import Place, UnpackedFile, absolute, open_place, read_range
from streamdicom.jsontext import Origin
from streamdicom.options import ReadOptions

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_SEPARATORS = b" \t\r\n,[]"


class StreamIndex(DatasetIndex):
    """Random access to the data sets of a stream; ``open_index`` makes it.

    Indices count from 0, and negative ones from the end. Slices are lists of data sets; ``iter_datasets`` streams.

    A damaged index, or one of another source, is an error. An index that somebody has forged with care may have items
    of sequences in place of data sets, which no look at a part of the source can tell. Use ``verify`` for an index from
    elsewhere; ``plan_splits`` needs no trust, because reading all parts checks each place.

    Args:
        source: A path, or a URL for fsspec, with its index beside it.
        options: Options for reading data sets.
        verify: Scan the source, and check that the index has the places of all its data sets.

    Raises:
        IndexMismatchError: The index is damaged, or the source has changed since. With ``verify``: a place is wrong.
        OSError: The source or the index cannot be read.

    >>> import tempfile
    >>> from streamdicom import build_index
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = f"{folder}/a.json"
    ...     with open(path, "w") as file:
    ...         _ = file.write('[{}, {"00100020": {"vr": "LO", "Value": ["17"]}}]')
    ...     with build_index(path) as index:
    ...         len(index), index[-1].PatientID, index.raw(0)
    (2, '17', b'{}')
    """

    def __init__(self, source: Place, *, options: ReadOptions | None = None, verify: bool = False) -> None:
        super().__init__(absolute(source), options)
        self._raw = open_place(self.source)
        try:
            self._sidecar = Sidecar(sidecar_of(source))
            if self._sidecar.file_count is not None:
                raise self._mismatch("expected the index of a stream, found one of files")
            self._size = self._check()
        except BaseException:
            self._raw.close()
            raise
        packing = self._packing = self._sidecar.packing
        self._file = self._raw
        if packing is not None:
            self._size = packing.size
            self._file = cast(BinaryIO, UnpackedFile(self._raw, packing.kind, packing.places, packing.size))
        if verify:
            try:
                self._verify()
            except BaseException:
                self.close()
                raise

    def _verify(self) -> None:
        """Compare the places of the index with the data sets of the source."""
        expected = chain.from_iterable(starts(self._file))
        if any(found != start for found, start in zip_longest(self.starts(), expected)):
            raise self._mismatch("the index has other places than the data sets of the source")

    def _check(self) -> int:
        found = fingerprint(self._raw)
        if found != self._sidecar.source:
            raise self._mismatch("the source has changed since its index was built")
        return found.size

    def __len__(self) -> int:
        return self._sidecar.count

    def _bounds(self, ordinal: int) -> tuple[int, int]:
        """Return the offset of a data set, and of the next one or the end."""
        start = self._sidecar.start(ordinal)
        end = self._size if ordinal + 1 == len(self) else self._sidecar.start(ordinal + 1)
        if not start < end <= self._size:
            raise self._mismatch("the offsets of the index do not ascend, or are beyond the source")
        if is_first_item(self._file, start):
            raise self._mismatch("the index has the place of an item of a sequence")
        return start, end

    def raw(self, index: int) -> bytes:
        """Return the JSON text of a data set, byte for byte.

        Raises:
            IndexError: There is no such data set.
        """
        ordinal = self._ordinal(index)
        return b"".join(read_range(self._file, *self._bounds(ordinal))).rstrip(_SEPARATORS)

    def part(self, start: int, stop: int) -> Split:
        """Return the part of the source with the data sets from one to before another.

        Raises:
            IndexError: There is no data set at ``start``.
        """
        start = self._ordinal(start)
        stop = max(start, min(stop, len(self)))
        end = origin_of(self._file, self._bounds(stop)[0]) if stop < len(self) else None
        origin = origin_of(self._file, self._bounds(start)[0])
        return Split(self.source, origin, end, start, stop - start, self.member_of(origin.offset))

    @property
    def packing(self) -> Packing | None:
        """The compression of the source, or None."""
        return self._packing

    @property
    def content(self) -> BinaryIO:
        """The JSON text."""
        return self._file

    def member_of(self, offset: int) -> Member | None:
        """Return the member in which an offset is, or None if the source is plain."""
        if self._packing is None or not isinstance(self._file, UnpackedFile):
            return None
        return Member(self._packing.kind, self._file.place_of(offset))

    def starts(self) -> Iterator[int]:
        """Yield the offset of each data set.

        Raises:
            IndexMismatchError: The offsets do not ascend, or are beyond the source.
        """
        return self._sidecar.starts(self._size)

    def ordinals(self, uid: str) -> list[int]:
        """Return the indices of all data sets with a SOP Instance UID."""
        found = self._sidecar.ordinals(uid_hash(uid))
        return [ordinal for ordinal in found if uid_of(self._file, *self._bounds(ordinal)) == uid]

    def agrees(self, index: int, offset: int | None, uid: str) -> bool:
        """Return whether a data set has a place and a SOP Instance UID in the index.

        Args:
            index: Its index.
            offset: The offset of the data set, or None if it is not known.
            uid: Its SOP Instance UID, or "".
        """
        ordinal = self._ordinal(index)
        is_there = offset is None or self._packing is not None or self._sidecar.start(ordinal) == offset
        return is_there and ordinal in self._sidecar.ordinals(uid_hash(uid or None))

    def iter_datasets(self, start: int = 0, stop: int | None = None) -> Iterator[Dataset]:
        """Iterate over data sets, as ``streamdicom.iter_datasets`` does."""
        return self._range(start, stop).iter_datasets(options=self._options)

    def iter_events(self, start: int = 0, stop: int | None = None) -> Iterator[Event]:
        """Iterate over events of data sets, as ``streamdicom.iter_events`` does."""
        return self._range(start, stop).iter_events(options=self._options)

    def _range(self, start: int, stop: int | None) -> Split:
        first, last, _ = slice(start, stop).indices(len(self))
        if first >= last:
            return Split(self.source, Origin(self._size), Origin(self._size), first, 0)
        return self.part(first, last)

    def close(self) -> None:
        """Close the files."""
        self._raw.close()
        self._sidecar.close()
