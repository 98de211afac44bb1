"""Push parsers and writers for whoever owns the loop: nothing here reads or writes a file or a socket."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Protocol

from streamdicom._push import PushParser, StickyError
from streamdicom.bulkdata import BulkDataPolicy, BulkDataStore
from streamdicom.errors import Location, OutputError, StreamDicomError, TruncatedError
from streamdicom.events import Event
from streamdicom.filters import Pipeline, store_bulk_data, vr_first
from streamdicom.formats import EventParser, FormatName, Parser, new_writer
from streamdicom.formats.json import KeyFilter
from streamdicom.options import ReadOptions, WriteOptions, options_or_default
from streamdicom.patterns import DatasetConditions

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

SOURCE_LOST = (ConnectionError, TimeoutError, EOFError)
"""What a source raises that stops before its end: a peer that has gone or says nothing, a file that is cut."""

_FEW = 32  # events between two looks for blocks, of which a long value has one in each


def reading_pipeline(options: ReadOptions, store: BulkDataStore | None = None) -> tuple[EventParser, Pipeline]:
    """What makes events of bytes, and what they go through then.

    Args:
        options: The choices.
        store: Where values are that come for the references to them.
    """
    wanted = DatasetConditions(options.where, options.limits)
    parser = EventParser(options=options, key_filter=KeyFilter.of(options, wanted))
    return parser, Pipeline.for_reading(options, store, wanted)


class DatasetPipeline(PushParser["Dataset"]):
    """A push parser, whatever makes the events: bytes in, data sets out.

    Args:
        parser: What makes events of bytes.
        stages: What they go through.
        options: What becomes of bulk data.
        as_file: Whether to make FileDataset objects.
        last: What they go through at the end, one by one, so that none of a long value is held.

    >>> assembler = DatasetPipeline(*reading_pipeline(ReadOptions()), ReadOptions())
    >>> len(assembler.feed(b"[{}, {}]"))
    2
    """

    _deferred = Exception

    def __init__(
        self,
        parser: Parser,
        stages: Pipeline,
        options: ReadOptions,
        *,
        as_file: bool = False,
        last: Callable[[Iterable[Event]], Iterable[Event]] | None = None,
    ) -> None:
        from streamdicom.datasets import DatasetBuilder

        super().__init__()
        self._events = parser
        self._pipeline = stages
        self._last = last
        self._builder = DatasetBuilder(options, as_file=as_file)

    def _feed(self, data: bytes, datasets: list[Dataset]) -> None:
        self._build(self._events.feed(data), datasets)

    def _close(self, datasets: list[Dataset]) -> None:
        self._build(self._events.close(), datasets)

    def _build(self, events: Iterable[Event], datasets: list[Dataset]) -> None:
        events = self._pipeline.iter(events)
        datasets.extend(self._builder.build(self._last(events) if self._last else events))
        if self._events.error:
            raise self._events.error


class _Closable(Protocol):
    def close(self) -> list[Any]: ...


def truncated_by(parser: _Closable, cause: Exception, size: int) -> StreamDicomError:
    """What it means for a stream that its source has stopped before its end: the error tells where that was.

    Args:
        parser: The push parser of the stream, which is at its end with this.
        cause: What the source has raised, one of ``SOURCE_LOST``.
        size: Bytes that the source gave.

    Returns:
        A TruncatedError; or the error that the parser had before.

    >>> parser = DatasetParser()
    >>> len(parser.feed(b'[{}, {"00100020": '))
    1
    >>> print(truncated_by(parser, TimeoutError(), 18))
    the source broke off with TimeoutError (byte 18, [1].00100020)
    """
    location = Location(size)
    try:
        parser.close()
    except TruncatedError as error:
        location = error.location
    except StreamDicomError as error:
        return error
    return TruncatedError(f"the source broke off with {type(cause).__name__}", location)


class DatasetParser(DatasetPipeline):
    """A push parser of DICOM JSON, or of what else the options say: bytes in, data sets out.

    Args:
        options: What is taken, what is chosen of it, and what becomes of bulk data.
        as_file: Whether to make FileDataset objects.

    >>> parser = DatasetParser()
    >>> parser.feed(b'[{"00100020": {"vr": "LO", "Va')
    []
    >>> [ds.PatientID for ds in parser.feed(b'lue": ["17"]}}, ')]
    ['17']
    >>> parser.feed(b"{}]") + parser.close()
    []
    """

    def __init__(self, *, options: ReadOptions | None = None, as_file: bool = False) -> None:
        options = options_or_default(options, ReadOptions)
        super().__init__(*reading_pipeline(options), options, as_file=as_file)


class DatasetEncoder(StickyError):
    r"""The other way: data sets in, bytes out, in blocks of about 64 KiB that are made while they are taken.

    So one data set with gigabytes of pixel data takes no more memory than a small one, and whoever sends the blocks
    sets the pace. After an error nothing can be written, and the array is left open; nor can it after ``close``.

    Args:
        indent: Spaces, or a string, for each level; None for no white space.
        format: "json", "ndjson" or "xml".
        options: The form of the text, what is left out, what becomes of bulk data, and how deep data sets may nest.
        array: Whether the data sets are put into an array; NDJSON and XML have none. Otherwise there is one data set.

    Raises:
        ValueError: An indent for NDJSON, or another format.

    >>> from pydicom import Dataset
    >>> encoder = DatasetEncoder()
    >>> list(encoder.encode(Dataset())), encoder.flush(), encoder.close()
    ([], b'[{}', b']')
    """

    _role = "encoder"
    _made = OutputError

    def __init__(
        self,
        indent: int | str | None = None,
        *,
        format: FormatName = "json",
        options: WriteOptions | None = None,
        array: bool = True,
    ) -> None:
        super().__init__()
        self._options = options = options_or_default(options, WriteOptions)
        self._blocks: list[bytes] = []
        self._writer = new_writer(self._blocks.append, indent, options, format=format, array=array)
        self._needs_vr = format == "xml"
        self._pipeline = Pipeline.for_writing(options)
        self._stores = options.bulk_data_store is not None or options.bulk_data_policy != BulkDataPolicy()
        self._index = 0

    def encode(self, dataset: Dataset) -> Iterator[bytes]:
        """The blocks that one data set completes; what is left is pending until there is more of it.

        Nothing is done before the first block is asked for, and all must be taken before the next data set.

        Raises:
            OutputError: An element cannot be written, and the location has its tag path; or the document is closed.
            OSError: The store of bulk data cannot be written.
            TypeError: This is no data set.
        """
        from pydicom.dataset import Dataset

        from streamdicom.datasets import walk

        if not isinstance(dataset, Dataset):
            raise TypeError(f"a Dataset or an iterable of them is needed, not {type(dataset).__name__}")
        walked = walk(dataset, self._index, options=self._options)
        if self._stores or self._pipeline:
            yield from self.encode_events(chain.from_iterable(walked))
        else:
            yield from self._until_error(self._write(walked))
        self._index += 1

    def encode_events(self, events: Iterable[Event]) -> Iterator[bytes]:
        """The blocks that events complete, of any number of data sets.

        Raises:
            OutputError: An event out of order, a tag not above the one before it, or a value that does not fit its VR;
                or the document is closed.
            OSError: The store of bulk data cannot be written.
        """
        events = self._pipeline.iter(events)
        if self._stores:
            events = store_bulk_data(events, self._options.bulk_data_policy, self._options.bulk_data_store)
        if self._needs_vr:
            events = vr_first(events)
        yield from self._until_error(self._write(_in_batches(events)))

    def _write(self, batches: Iterable[Iterable[Event]]) -> Iterator[bytes]:
        for events in batches:
            self._writer.write_all(events)
            yield from self._ready()

    def _until_error(self, blocks: Iterator[bytes]) -> Iterator[bytes]:
        self._raise_error()
        try:
            yield from blocks
        except Exception as error:
            self._fail(error)
            raise

    def flush(self) -> bytes:
        """What is pending of the data sets so far; NDJSON with the end of the line."""
        self._writer.flush()
        return b"".join(self._ready())

    def close(self) -> bytes:
        """What is pending, and the end of the document.

        Raises:
            OutputError: An error came before, a data set is not complete, or the document is closed.
        """
        self._raise_error()
        self._writer.close()
        self._fail(OutputError("the document is closed"))
        return b"".join(self._ready())

    def _ready(self) -> list[bytes]:
        blocks = self._blocks[:]
        self._blocks.clear()
        return blocks


def _in_batches(events: Iterable[Event]) -> Iterator[Iterable[Event]]:
    """A few at a time, which are taken before the next are asked for."""
    remaining = iter(events)
    for event in remaining:
        yield chain((event,), islice(remaining, _FEW))
