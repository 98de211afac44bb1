"""Random access to the data sets of a folder, or of a DICOM file.

The files count as if they followed one another. The place of a data set is the start of its file, and its offset in it
where the file is plain JSON. Other files are read from their start up to the data set.
"""

from __future__ import annotations

import os
import struct
from array import array
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import chain, islice, pairwise, zip_longest

from streamdicom._digests import blake2b
from streamdicom._records import NamedTuple
from streamdicom._typing import TYPE_CHECKING, BinaryIO
from streamdicom.dicom import SOP_INSTANCE_UID
from streamdicom.errors import InputError
from streamdicom.events import ELEMENT, END_DATASET, START_DATASET, Event
from streamdicom.formats import HEAD_SIZE, JSON, detect
from streamdicom.index.base import DatasetIndex
from streamdicom.index.offsets import has_wrapper
from streamdicom.index.parts import Split
from streamdicom.index.places import sidecar_of
from streamdicom.index.scanning import PIECE, Found, hash_of, origin_of, starts_and_hashes, uid_hash
from streamdicom.index.sidecar import FileTable, Fingerprint, Sidecar
from streamdicom.index.sorting import numbers_of, words
from streamdicom.index.writing import IndexWriter
from streamdicom.inputs import Input, Kind, find, walk
from streamdicom.io import Place, absolute, is_url, open_place, read_range, temporary
from streamdicom.jsontext import CommentError
from streamdicom.options import ReadOptions
from streamdicom.progress import Ticker

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_RECORD = struct.Struct("<cQQ")  # kind, size and time of the last change; the name follows
_DICOM, _TEXT, _WHOLE = b"D", b"T", b"W"  # a DICOM file; plain JSON; any other, which is read from its start
_OFFSETS_AT_ONCE = 8192


class IndexedFile(NamedTuple):
    """A file of a source.

    Attributes:
        path: Its path, or a URL for fsspec.
        kind: How its data sets are found.
        size: Its size in bytes.
        mtime: The time of its last change.
        start: Its start, as if the files followed one another.
        first: The ordinal of its first data set.
        stop: The ordinal after its last data set.
    """

    path: str
    kind: bytes
    size: int
    mtime: int
    start: int
    first: int
    stop: int

    @property
    def is_text(self) -> bool:
        """Whether it is plain JSON, in which data sets have places."""
        return self.kind == _TEXT


class FilesIndex(DatasetIndex):
    """Random access to the data sets of a folder, or of a DICOM file.

    ``open_index`` makes it.

    Indices count from 0 in the order of ``archive.iter_datasets``, and negative ones from the end. The places of errors
    and deviations are those in the file.

    Args:
        source: A path, or a URL for fsspec, with its index beside it.
        options: Options for reading data sets.
        verify: Read the source, and check that the index has the places of all its data sets.

    Raises:
        IndexMismatchError: The index is damaged, or a file has changed, appeared or disappeared since. With ``verify``:
            a place is wrong.
        OSError: The source or the index cannot be read.

    >>> import shutil, tempfile
    >>> from pydicom.data import get_testdata_file
    >>> from streamdicom import build_index
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("CT_small.dcm", "MR_small.dcm"):
    ...         _ = shutil.copy(get_testdata_file(name), f"{folder}/{name}")
    ...     with build_index(folder) as index:
    ...         len(index), index[1].Modality
    ...     os.remove(f"{folder}.sdx")
    (2, 'MR')
    """

    def __init__(self, source: Place, *, options: ReadOptions | None = None, verify: bool = False) -> None:
        super().__init__(absolute(source), options)
        self._sidecar = Sidecar(sidecar_of(source))
        if self._sidecar.file_count is None:
            raise self._mismatch("expected the index of files, found one of a stream")
        if listing(self.source) != self._sidecar.source:
            raise self._mismatch("the files have changed since their index was built")
        if verify:
            self._verify()

    def _verify(self) -> None:
        with closing(IndexWriter()) as writer:
            add_files(self.source, writer, lambda _, __: None, lambda _: None)
            found = chain.from_iterable(map(numbers_of, writer.starts()))
            if any(one != other for one, other in zip_longest(self._sidecar.starts(1 << 63), found)):
                raise self._mismatch("the index has other places than the data sets of the files")

    def __len__(self) -> int:
        return self._sidecar.count

    def files(self) -> Iterator[IndexedFile]:
        """Yield the files in order."""
        return map(self._file, range(self._sidecar.file_count or 0))

    def starts_of(self, file: IndexedFile) -> Iterator[int]:
        """Yield the offset of each data set of a plain JSON file."""
        for ordinal in range(file.first, file.stop):
            yield self._sidecar.start(ordinal) - file.start

    def _file(self, number: int) -> IndexedFile:
        sidecar = self._sidecar
        record = sidecar.record(number)
        if len(record) < _RECORD.size:
            raise self._mismatch("the records of the index are damaged")
        kind, size, mtime = _RECORD.unpack_from(record)
        name = os.fsdecode(record[_RECORD.size :])
        start = sidecar.file_start(number)
        is_last = number + 1 == sidecar.file_count
        stop = len(self) if is_last else sidecar.ordinal_from(sidecar.file_start(number + 1))
        path = _joined(self.source, name) if name else self.source
        return IndexedFile(path, kind, size, mtime, start, sidecar.ordinal_from(start), stop)

    def _pieces(self, start: int, stop: int) -> Iterator[tuple[IndexedFile, int, int]]:
        """Yield files, and which of their data sets are among some of all."""
        ordinal = start
        while ordinal < stop:
            number = self._sidecar.file_at(self._sidecar.start(ordinal))
            file = self._file(number) if number >= 0 else None
            if file is None or not file.first <= ordinal < file.stop:
                raise self._mismatch("the places of the index are in none of the files")
            end = min(stop, file.stop)
            yield file, ordinal - file.first, end - file.first
            ordinal = end

    def _checked(self, file: IndexedFile) -> IndexedFile:
        """Return a file that has not changed.

        Raises:
            IndexMismatchError: It has.
        """
        if not is_url(file.path):
            status = os.stat(file.path)
            if (status.st_size, status.st_mtime_ns) != (file.size, file.mtime):
                raise self._mismatch("a file has changed since the index was built")
        return file

    def _split(self, file: IndexedFile, start: int, stop: int) -> Split:
        """Return some data sets of a plain JSON file."""
        offset = self._sidecar.start(file.first + start) - file.start
        with open_place(file.path) as text:
            origin = origin_of(text, offset)
            if stop == file.stop - file.first:
                return Split(file.path, origin, None, start, stop - start)
            end = self._sidecar.start(file.first + stop) - file.start
            if not offset < end <= file.size:
                raise self._mismatch("the offsets of the index do not ascend, or are beyond the file")
            return Split(file.path, origin, origin_of(text, end), start, stop - start)

    def _datasets(self, file: IndexedFile, start: int, stop: int) -> Iterator[Dataset]:
        self._checked(file)
        if file.is_text:
            return self._split(file, start, stop).iter_datasets(options=self._options)
        return islice(Split(file.path).iter_datasets(options=self._options), start, stop)

    def _events(self, file: IndexedFile, start: int, stop: int, options: ReadOptions) -> Iterator[Event]:
        self._checked(file)
        if file.is_text:
            events = self._split(file, start, stop).iter_events(options=options)
        else:
            events = _between(Split(file.path).iter_events(options=options), start, stop)
        return _numbered(events, file.first + start)

    def _range(self, start: int, stop: int | None) -> Iterator[tuple[IndexedFile, int, int]]:
        first, last, _ = slice(start, stop).indices(len(self))
        return self._pieces(first, last)

    def iter_datasets(self, start: int = 0, stop: int | None = None) -> Iterator[Dataset]:
        """Iterate over data sets, as ``archive.iter_datasets`` does."""
        return chain.from_iterable(self._datasets(*piece) for piece in self._range(start, stop))

    def iter_events(self, start: int = 0, stop: int | None = None) -> Iterator[Event]:
        """Iterate over events of data sets, as ``archive.iter_events`` does.

        The index in START_DATASET is that of the data set in this index.
        """
        return chain.from_iterable(self._events(*piece, self._options) for piece in self._range(start, stop))

    def raw(self, index: int) -> bytes:
        """Return the JSON text of a data set, or the bytes of its DICOM file.

        Raises:
            IndexError: There is no such data set.
            ValueError: The data set is XML, or in a compressed file.
        """
        ordinal = self._ordinal(index)
        [(file, _, _)] = self._pieces(ordinal, ordinal + 1)
        self._checked(file)
        if file.kind == _DICOM:
            with open_place(file.path) as content:
                return content.read()
        if not file.is_text:
            raise ValueError("raw needs JSON that is not compressed, or a DICOM file")
        start = self._sidecar.start(ordinal) - file.start
        end = file.size if ordinal + 1 == file.stop else self._sidecar.start(ordinal + 1) - file.start
        with open_place(file.path) as content:
            return b"".join(read_range(content, start, end)).rstrip(b" \t\r\n,]")

    def ordinals(self, uid: str) -> list[int]:
        """Return the indices of all data sets with a SOP Instance UID."""
        return [ordinal for ordinal in self._sidecar.ordinals(uid_hash(uid)) if self._uid(ordinal) == uid]

    def _uid(self, ordinal: int) -> str | None:
        [piece] = self._pieces(ordinal, ordinal + 1)
        return next(_uids(self._events(*piece, _uid_options(self._options))), None)

    def close(self) -> None:
        """Close the index."""
        self._sidecar.close()


def _uid_options(options: ReadOptions) -> ReadOptions:
    return ReadOptions(
        include=["SOPInstanceUID"],
        on_deviation=lambda _: None,
        on_error="keep",
        limits=options.limits,
        force=options.force,
    )


def _uids(events: Iterator[Event]) -> Iterator[str | None]:
    """Yield the SOP Instance UID of each data set."""
    uid = None
    for kind, tag, _, value in events:
        if kind == ELEMENT and tag == SOP_INSTANCE_UID and value:
            uid = str(value[0])
        elif kind == END_DATASET:
            yield uid
            uid = None


def _between(events: Iterator[Event], start: int, stop: int) -> Iterator[Event]:
    """Yield the events of some data sets of a file."""
    number = -1
    for event in events:
        if event[0] == START_DATASET:
            number += 1
            if number >= stop:
                return
        if number >= start:
            yield event


def _numbered(events: Iterator[Event], number: int) -> Iterator[Event]:
    """Number data sets from a number on."""
    for event in events:
        if event[0] == START_DATASET:
            event = (*event[:3], number)
            number += 1
        yield event


def _joined(source: str, name: str) -> str:
    return f"{source.rstrip('/')}/{name}"


def listing(place: str) -> Fingerprint:
    """Return the total size of files, and a digest of names, sizes and times."""
    digest = blake2b(digest_size=16)
    total = 0
    for path, status, _ in walk([place]):
        size, mtime = (0, 0) if isinstance(status, str) else (status.st_size, status.st_mtime_ns)
        digest.update(b"%d %d %d " % (len(path), size, mtime) + os.fsencode(path.removeprefix(place)))
        total += size
    return Fingerprint(total, digest.hexdigest())


# --- building --------------------------------------------------------------------------------------------------


def build_files(
    place: str,
    writer: IndexWriter,
    ticker: Ticker,
    on_fault: Callable[[InputError], object] | None = None,
) -> None:
    """Build the index of files, and write it beside the source."""
    before = listing(place)
    ticker.size_known = before.size
    with temporary() as places, temporary() as records:
        count = size = 0

        def add(file: IndexedFile, name: str) -> None:
            nonlocal count, size
            record = _RECORD.pack(file.kind, file.size, file.mtime) + os.fsencode(name)
            places.write(words([file.start, size]))
            records.write(record)
            count, size = count + 1, size + len(record)
            ticker.advance(1, file.size)

        add_files(place, writer, add, on_fault)
        writer.write(sidecar_of(place), before, None, FileTable(places, records, count, size))


def add_files(
    place: str,
    writer: IndexWriter,
    add: Callable[[IndexedFile, str], object],
    on_fault: Callable[[InputError], object] | None = None,
) -> None:
    """Add the data sets of the files of a source to an index.

    Args:
        place: The source.
        writer: Takes the data sets.
        add: Takes each file, and its name in the source.
        on_fault: Takes the error of each file that is left out, in place of raising it. Files are read twice then.

    Raises:
        InputError: A file cannot be read, or is a ZIP or tar file.
    """
    start = 0
    for found in find([place]):
        if found.kind == Kind.OTHER:
            continue
        try:
            check_is_stream(found)
            if on_fault is not None:
                with closing(IndexWriter()) as trial:
                    _add_file(found, start, trial)
            kind, length = _add_file(found, start, writer)
        except (CommentError, InputError) as cause:
            error = (
                cause
                if isinstance(cause, InputError)
                else InputError(f"{cause}; only JSON without comments has places")
            )
            error.filename = error.filename or found.path
            if on_fault is None:
                raise error from None
            on_fault(error)
            continue
        name = found.path.removeprefix(place).lstrip("/")
        add(IndexedFile(found.path, kind, found.size, found.mtime, start, 0, 0), name)
        start += max(found.size, length)


def check_is_stream(found: Input) -> None:
    """Check that a file can be read as data sets.

    Raises:
        InputError: It cannot, or is a ZIP or tar file.
    """
    if found.kind in (Kind.FAULT, Kind.ZIP, Kind.TAR):
        error = InputError(found.fault or "the members of ZIP and tar files cannot be indexed or split")
        error.filename = found.path
        raise error


def _add_file(found: Input, start: int, writer: IndexWriter) -> tuple[bytes, int]:
    """Add the data sets of a file.

    Returns:
        Its kind, and the offset after the last place that was used.
    """
    if found.kind == Kind.TEXT:
        with open_place(found.path) as file:
            head = b"".join(read_range(file, 0, PIECE))
            if detect(head[:HEAD_SIZE], is_all=len(head) < HEAD_SIZE) == JSON.name and not has_wrapper(head):
                for offsets, hashes in _scanned(file, found.size):
                    writer.add([start + offset for offset in offsets], hashes)
                return _TEXT, found.size
    uids = _uids(Split(found.path).iter_events(options=_uid_options(ReadOptions())))
    length = 0
    while values := list(islice(uids, _OFFSETS_AT_ONCE)):
        writer.add(range(start + length, start + length + len(values)), [uid_hash(value) for value in values])
        length += len(values)
    return _DICOM if found.kind == Kind.DICOM else _WHOLE, length


def _scanned(file: BinaryIO, size: int) -> Iterator[tuple[array[int], array[int]]]:
    """Yield the offsets and the hashes of the UIDs of the data sets of a JSON text."""
    end = Found(array("Q", [size]), array("Q"), [])
    for (starts, hashes, missing), following in pairwise(chain(starts_and_hashes(file), [end])):
        ends = [*starts[1:], following.starts[0]]
        for number in missing:
            hashes[number] = hash_of(file, starts[number], ends[number])
        yield starts, hashes
