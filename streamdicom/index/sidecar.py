"""The file of an index, ``NAME.sdx``, beside its source.

    magic       8 bytes
    checksum    CRC-32 of all bytes after it, 4 bytes
    length      of the head, 4 bytes
    head        JSON: version, size and fingerprint of the source, number of data sets
    starts      the offset of each data set, 8 bytes each
    hashes      of the SOP Instance UIDs, ascending, 8 bytes each
    ordinals    the number of the data set of each hash, 8 bytes each
    members     of a compressed source: the bytes before a member, and the bytes of content before it, 8 bytes each
    files       of a source of several files: the start of each file, and the offset of its record, 8 bytes each
    records     of the files, one after another

Offsets count bytes of the content. Files count as if they followed one another. Numbers are little endian. The arrays
are read from the mapped file, so an index of any size takes no memory, except for the members.
"""

from __future__ import annotations

import mmap
import struct
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from zlib import crc32

from streamdicom._digests import blake2b
from streamdicom._records import NamedTuple
from streamdicom._typing import BinaryIO
from streamdicom.errors import IndexMismatchError
from streamdicom.index.sorting import SortedPairs, words
from streamdicom.io import MemberPlace, Output, Place, is_url, open_place, read_range, size_of, temporary

PACKINGS = ("gzip", "zstd")
"""The compressions of sources that can be indexed."""

_MAGIC = b"\x89SDX\r\n\x1a\n"
_PREFIX = struct.Struct("<8sII")
_NUMBER = struct.Struct("<Q")
_WORD = _NUMBER.size
_VERSION = 1
_MAX_HEAD = 64 * 1024  # bytes
_PLACES = 16  # of the source that the fingerprint covers
_PLACE_SIZE = 4096  # bytes
_BLOCK = 1024 * 1024


class Packing(NamedTuple):
    """The compression of a source.

    Attributes:
        kind: Its name, such as "gzip".
        size: The size of the content.
        places: Of the members.
    """

    kind: str
    size: int
    places: list[MemberPlace]


class FileTable(NamedTuple):
    """The files of a source.

    Attributes:
        places: The start of each file, and the offset of its record, as bytes of numbers.
        records: The records of the files, in files of their own.
        number: The number of files.
        size: The bytes of the records.
    """

    places: BinaryIO
    records: BinaryIO
    number: int
    size: int


class Fingerprint(NamedTuple):
    """The state of a source."""

    size: int
    digest: str


def fingerprint(file: BinaryIO) -> Fingerprint:
    """Return the fingerprint of a source: its size, and a digest of samples.

    >>> import io
    >>> fingerprint(io.BytesIO(b"[]")).size
    2
    """
    size = size_of(file)
    digest = blake2b(digest_size=16)
    for place in range(_PLACES):
        start = (size - _PLACE_SIZE) * place // (_PLACES - 1) if size > _PLACE_SIZE else 0
        for block in read_range(file, start, min(size, start + _PLACE_SIZE)):
            digest.update(block)
    return Fingerprint(size, digest.hexdigest())


def write(
    place: Place,
    source: Fingerprint,
    starts: Iterable[bytes],
    pairs: SortedPairs,
    packing: Packing | None = None,
    files: FileTable | None = None,
) -> None:
    """Write the file of an index.

    Args:
        place: Its path.
        source: The fingerprint of the source.
        starts: The offsets of the data sets, as bytes of numbers.
        pairs: The hash of each data set, and its ordinal.
        packing: The compression of the source, if it is compressed.
        files: The files of the source, if it is not one stream.

    Raises:
        OSError: The file cannot be written.
    """
    facts = {"version": _VERSION, **source._asdict(), "count": len(pairs)}
    if packing:
        facts |= {"compression": packing.kind, "content": packing.size, "members": len(packing.places)}
    if files:
        facts |= {"files": files.number, "records": files.size}
    import json  # which takes long to import

    head = json.dumps(facts).encode()
    head += b" " * (-(len(head) + _PREFIX.size) % _WORD)
    members = _blocks(chain.from_iterable(packing.places if packing else ()))
    table = chain(*(read_range(file, 0, None, _BLOCK) for file in files[:2])) if files else ()
    blocks = chain([head], starts, _columns(pairs), members, table)
    if is_url(place):
        with temporary() as file, open_place(place, "wb") as target:
            _write(file, len(head), blocks)
            from shutil import copyfileobj  # which takes long to import

            copyfileobj(file, target)
    else:
        with Output(place) as output:
            with output.random_access() as file:
                _write(file, len(head), blocks)
            output.commit()


def _write(file: BinaryIO, length: int, blocks: Iterable[bytes]) -> None:
    """Write an index, and go back to its start."""
    checksum = 0
    file.write(_PREFIX.pack(_MAGIC, 0, length))
    for block in blocks:
        checksum = crc32(block, checksum)
        file.write(block)
    file.seek(0)
    file.write(_PREFIX.pack(_MAGIC, checksum, length))
    file.seek(0)


def _columns(pairs: SortedPairs) -> Iterator[bytes]:
    """Yield all hashes, and then all ordinals."""
    with temporary() as ordinals:
        for firsts, seconds in pairs.blocks():
            ordinals.write(words(seconds))  # so runs are merged once
            yield words(firsts)
        yield from read_range(ordinals, 0, None, _BLOCK)


def _blocks(numbers: Iterator[int]) -> Iterator[bytes]:
    while block := words(islice(numbers, _BLOCK // _WORD)):
        yield block


class Sidecar:
    """The file of an index, read.

    Args:
        place: Its path.

    Attributes:
        source: The fingerprint of the source when the index was made.
        count: The number of data sets.
        packing: The compression of the source, or None.
        file_count: The number of files of a source that is not one stream, or None.

    Raises:
        IndexMismatchError: The file is not an index, or is damaged.
        OSError: The file cannot be read.
    """

    def __init__(self, place: Place) -> None:
        self._name = str(place)
        with open_place(place) as file:
            data = self._data = _mapped(file)
            found = _checksum(file)
        if len(data) < _PREFIX.size:
            raise self._damaged("expected an index, found a shorter file")
        magic, checksum, length = _PREFIX.unpack_from(data)
        if magic != _MAGIC:
            raise self._damaged("expected an index, found another file")
        if found != checksum or not length <= min(_MAX_HEAD, len(data) - _PREFIX.size):
            raise self._damaged("the index is damaged")
        import json

        try:
            head = json.loads(data[_PREFIX.size : _PREFIX.size + length])
            self.source = Fingerprint(int(head["size"]), str(head["digest"]))
            self.count = int(head["count"])
            version = head["version"]
            members = int(head.get("members", 0))
            kind, size = head.get("compression"), int(head.get("content", 0))
            self.file_count = int(head["files"]) if "files" in head else None
            self._records_size = int(head.get("records", 0))
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            raise self._damaged("the head of the index is damaged") from error
        if version != _VERSION:
            raise self._damaged(f"expected version {_VERSION} of an index, found another")
        self._start = _PREFIX.size + length
        files = self.file_count or 0
        words_size = _WORD * (3 * self.count + 2 * members + 2 * files)
        is_negative = min(members, self.count, files, self._records_size) < 0
        if is_negative or len(data) - self._start != words_size + self._records_size:
            raise self._damaged("the index has another length than its head says")
        self._files = 3 * self.count + 2 * members
        self._records = self._start + words_size
        self.packing = self._packing(kind, size, members)

    def _packing(self, kind: object, size: int, members: int) -> Packing | None:
        if kind is None:
            return None
        numbers = [self._number(3 * self.count + number) for number in range(2 * members)]
        places = [MemberPlace(*pair) for pair in zip(numbers[::2], numbers[1::2], strict=True)]
        is_sorted = places == sorted(places) and places == sorted(places, key=lambda place: place.content)
        if kind not in PACKINGS or places[:1] != [(0, 0)] or not is_sorted or places[-1].start > self.source.size:
            raise self._damaged("the members of the index are damaged")
        return Packing(str(kind), size, places)

    def _damaged(self, message: str) -> IndexMismatchError:
        error = IndexMismatchError(f"{message}; build it again")
        error.filename = self._name
        return error

    def start(self, ordinal: int) -> int:
        """Return the offset of a data set."""
        return self._number(ordinal)

    def starts(self, size: int) -> Iterator[int]:
        """Yield the offset of every data set, checked against the size of the source.

        Raises:
            IndexMismatchError: The offsets do not ascend, or are beyond the source.
        """
        before = -1
        for ordinal in range(self.count):
            start = self._number(ordinal)
            if not before < start < size:
                raise self._damaged("the offsets of the index do not ascend")
            yield start
            before = start

    def ordinals(self, value: int) -> Iterator[int]:
        """Yield the ordinals of the data sets with a hash, in ascending order.

        Raises:
            IndexMismatchError: An ordinal is not that of a data set.
        """
        hashes = range(self.count, 2 * self.count)
        first = bisect_left(hashes, value, key=self._number)
        for place in hashes[first:]:
            if self._number(place) != value:
                break
            ordinal = self._number(place + self.count)
            if ordinal >= self.count:
                raise self._damaged("the index has the number of a data set that it does not have")
            yield ordinal

    def file_start(self, number: int) -> int:
        """Return the start of a file."""
        return self._number(self._files + 2 * number)

    def file_at(self, offset: int) -> int:
        """Return the number of the file that an offset is in."""
        return bisect_right(range(self.file_count or 0), offset, key=self.file_start) - 1

    def record(self, number: int) -> bytes:
        """Return the record of a file.

        Raises:
            IndexMismatchError: It is not among the records.
        """
        last = self._files + 2 * number + 1
        start = self._number(last)
        end = self._number(last + 2) if number + 1 < (self.file_count or 0) else self._records_size
        if not start < end <= self._records_size:
            raise self._damaged("the records of the index are damaged")
        return self._data[self._records + start : self._records + end]

    def ordinal_from(self, offset: int) -> int:
        """Return the ordinal of the first data set at an offset or after it."""
        return bisect_left(range(self.count), offset, key=self._number)

    def _number(self, place: int) -> int:
        number: int = _NUMBER.unpack_from(self._data, self._start + place * _WORD)[0]
        return number

    def close(self) -> None:
        """Unmap the file."""
        if isinstance(self._data, mmap.mmap):
            self._data.close()


def _checksum(file: BinaryIO) -> int:
    """Return the CRC-32 of the bytes after the prefix, without mapping them."""
    checksum = 0
    for block in read_range(file, _PREFIX.size, None):
        checksum = crc32(block, checksum)
    return checksum


def _mapped(file: BinaryIO) -> mmap.mmap | bytes:
    try:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError, AttributeError):  # not a file of the system, or empty
        return file.read()
