"""The work of an import, possibly in worker processes: data sets to partial files."""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cached_property
from io import BufferedRandom

from streamdicom._records import NamedTuple, record, replace
from streamdicom._typing import TYPE_CHECKING
from streamdicom._warn import caught_warnings
from streamdicom.api import write_events
from streamdicom.archive.layout import with_values
from streamdicom.archive.work_folder import partial_name
from streamdicom.codec import file_options, output_form
from streamdicom.dicom import SOP_INSTANCE_UID
from streamdicom.errors import InputError, StreamDicomError
from streamdicom.events import END_DATASET, Event
from streamdicom.filters import sort_elements
from streamdicom.io import NamedFile, is_url
from streamdicom.options import ReadOptions, WriteOptions

if TYPE_CHECKING:
    from streamdicom.bulkdata import BulkDataStore
    from streamdicom.index import Split


@record(frozen=True, slots=True)
class Written:
    """A data set that was read.

    Attributes:
        index: Its index in the stream.
        values: The first values of the elements that its path needs, by tag.
        partial: The name of its partial file, which is complete; "" if it has none.
        offset: The offset of the data set in the stream, or None.
        skipped: The reason why it has no file, or "".
        warnings: Messages about the data set, where a worker caught them.
    """

    index: int
    values: dict[int, str]
    partial: str
    offset: int | None
    skipped: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def uid(self) -> str:
        """The SOP Instance UID."""
        return self.values.get(SOP_INSTANCE_UID, "")


class Datasets:
    """The events of a stream, one data set at a time.

    Args:
        events: The events of the stream.
        offset_of: Returns the offset of the data set with an index, or None.

    Attributes:
        is_broken: Whether no data set can be read after the current one.
    """

    def __init__(self, events: Iterator[Event], offset_of: Callable[[int], int | None]) -> None:
        self._events = self._read(sort_elements(events))
        self.offset_of = offset_of
        self._in_dataset = False
        self.is_broken = False

    def _read(self, events: Iterator[Event]) -> Iterator[Event]:
        try:
            yield from events
        except InputError:
            self.is_broken = True
            raise

    def __iter__(self) -> Iterator[tuple[int, Iterator[Event]]]:
        """Yield the index of each data set and its events.

        Events that the caller leaves are skipped.
        """
        for start in self._events:
            self._in_dataset = True
            yield start[3], self._dataset(start)
            for _ in self._rest():
                pass

    def _dataset(self, start: Event) -> Iterator[Event]:
        yield start
        yield from self._rest()

    def _rest(self) -> Iterator[Event]:
        while self._in_dataset:
            event = next(self._events)
            self._in_dataset = event[0] != END_DATASET
            yield event


@record(frozen=True)
class FileWriter:
    """Writes data sets to partial files, in any process.

    Attributes:
        folder: The work folder.
        token: The token of the run.
        tags: The elements that paths need.
        reading: Options for reading.
        writing: Options for the files.
        bulk_root: The folder of bulk data, or None.
        bulk_uri_prefix: The start of the references to it.
        skip: Whether a data set that fails is skipped.
    """

    folder: str
    token: str
    tags: frozenset[int]
    reading: ReadOptions
    writing: WriteOptions
    bulk_root: str | None
    bulk_uri_prefix: str
    skip: bool

    @property
    def form(self) -> object | None:
        """The form of the files for a parser of the stream."""
        seen = self.tags | {SOP_INSTANCE_UID}
        return output_form(self.reading, file_options(self.writing), format="dicom", array=False, seen=seen)

    @cached_property
    def _store(self) -> BulkDataStore | None:
        if self.bulk_root is None:
            return None
        from streamdicom.bulkdata import DirectoryStore, FsspecStore  # which most runs do not need

        kind = FsspecStore if is_url(self.bulk_root) else DirectoryStore
        return kind(self.bulk_root, uri_prefix=self.bulk_uri_prefix)

    def _whole(self, events: Iterator[Event]) -> Iterator[Event]:
        """Yield the events with values in place of references, if there is a store."""
        if self._store is None:
            return events
        from streamdicom.filters import load_bulk_data

        return load_bulk_data(events, self._store)

    def write(self, index: int, events: Iterator[Event], datasets: Datasets) -> Written:
        """Write a data set to its partial file.

        Raises:
            StreamDicomError: The data set fails and is not skipped, or no data set can be read after it.
            OSError: The file cannot be written.
        """
        values: dict[int, str] = {}
        name = partial_name(index, self.token)
        partial = os.path.join(self.folder, name)
        try:
            try:
                with BufferedRandom(NamedFile(partial, "w+", os.path.dirname(self.folder))) as file:
                    data = with_values(events, self.tags, values)
                    write_events(self._whole(data), file, format="dicom", options=self.writing)
            except BaseException:
                with suppress(OSError):
                    os.unlink(partial)
                raise
        except StreamDicomError as error:
            locate(error, index)
            if datasets.is_broken or not self.skip:
                raise
            read_values(events, values)
            return Written(index, values, "", datasets.offset_of(index), str(error))
        return Written(index, values, name, datasets.offset_of(index))


class Part(NamedTuple):
    """A part of a file of JSON, and the offsets of its data sets."""

    split: Split
    starts: array[int]


def write_part(part: Part, writer: FileWriter) -> Iterator[tuple[list[Written], bool]]:
    """Write the data sets of a part to partial files.

    Yields:
        The data sets, and whether they are all. They are not if one fails and is not skipped, or if the part cannot be
        read. Reading the stream in order then has the right error.
    """
    split, starts = part

    def offset_of(index: int) -> int | None:
        number = index - split.first
        return starts[number] if number < len(starts) else None

    done: list[Written] = []
    is_handed_over = False
    is_whole = True
    try:
        datasets = Datasets(split.iter_events(options=writer.reading, form=writer.form), offset_of)
        with caught_warnings() as texts:
            try:
                for index, events in datasets:
                    written = writer.write(index, events, datasets)
                    done.append(replace(written, warnings=tuple(sorted(texts))))
                    texts.clear()
            except StreamDicomError:
                is_whole = False
        yield done, is_whole
        is_handed_over = True
    finally:
        if not is_handed_over:  # the other process has ended
            for one in done:
                if one.partial:
                    with suppress(FileNotFoundError):
                        os.unlink(os.path.join(writer.folder, one.partial))


def read_values(events: Iterator[Event], values: dict[int, str]) -> None:
    """Read the rest of a data set for its SOP Instance UID."""
    for _ in with_values(events, frozenset({SOP_INSTANCE_UID}), values):
        pass


def locate(error: StreamDicomError, index: int) -> None:
    """Add the index of the data set to an error without location."""
    if error.location.dataset_index is None and error.location.byte_offset is None:
        error.within(index, error.location.tag_path)
