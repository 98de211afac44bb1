"""Sans-I/O parsers and encoders: bytes to events and data sets, and back.

    bytes ──> EventParser ──> events ──> EventEncoder ──> bytes
    bytes ──> DatasetParser ──> data sets ──> DatasetEncoder ──> bytes

Nothing here reads or writes a target. Only a DICOM file is encoded in a temporary file, because it has lengths before
values.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice

from streamdicom._encoded import ENCODED
from streamdicom._push import PushParser, StickyError, finished
from streamdicom._records import replace
from streamdicom._typing import TYPE_CHECKING, Any, BinaryIO, Protocol
from streamdicom.bulkdata import BulkDataPolicy, BulkDataStore
from streamdicom.converters import converters_in_force
from streamdicom.errors import Location, OutputError, StreamDicomError, TruncatedError
from streamdicom.events import Event
from streamdicom.filters import Pipeline, vr_first
from streamdicom.formats import (
    DICOM,
    ONE_DATASET,
    EventParser,
    FormatName,
    MakesRaws,
    Parser,
    SelfEncoding,
    chosen_form,
    format_named,
    new_writer,
)
from streamdicom.formats.json import KeyFilter
from streamdicom.io import CHUNK, Expansion, temporary
from streamdicom.options import ReadOptions, WriteOptions, options_or_default
from streamdicom.patterns import DatasetConditions

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

SOURCE_LOST = (ConnectionError, TimeoutError, EOFError)
"""Exceptions of a source that ends too early: the peer is gone or silent, or the file is truncated."""

_EVENT_LENGTH = 4
_DEFAULT_POLICY = BulkDataPolicy()
_BATCH_SIZE = 32  # events between two checks for blocks; each segment of a long value may fill a block
_LONG = 8 * 1024  # bytes of output in one event
_MAX_BLOCKS = 64  # of about 64 KiB in memory; a batch makes fewer


# --- bytes to events and data sets -----------------------------------------------------------------------------


def reading_pipeline(
    options: ReadOptions,
    store: BulkDataStore | None = None,
    expansion: Expansion | None = None,
    form: object | None = None,
) -> tuple[EventParser, Pipeline]:
    """Return the parser and the filters that the options ask for.

    Args:
        options: The options.
        store: The store that references to bulk data are loaded from, if any.
        expansion: The bound of the compressed stream around the bytes, if any.
        form: The form of the writer that gets the events, as ``output_form`` returns it, if nothing else does.
    """
    conditions = DatasetConditions(options.where, options.limits)
    key_filter = KeyFilter.of(options, conditions)
    parser = EventParser(options=options, key_filter=key_filter, expansion=expansion)
    pipeline = Pipeline.for_reading(options, store, conditions, key_filter.has_selected if key_filter else None)
    if form is not None:
        parser.encode_in(form)
    return parser, pipeline


class DatasetPipeline(PushParser["Dataset"]):
    """A push parser of data sets, on top of a parser of events.

    Args:
        parser: The parser of events.
        pipeline: The filters.
        options: The options for building data sets.
        as_file: Whether to make FileDataset objects.
        last: A filter after the others. It passes events on one by one, so that no long value is held.

    >>> pipeline = DatasetPipeline(*reading_pipeline(ReadOptions()), ReadOptions())
    >>> len(pipeline.feed(b"[{}, {}]"))
    2
    """

    _deferred = Exception

    def __init__(
        self,
        parser: Parser,
        pipeline: Pipeline,
        options: ReadOptions,
        *,
        as_file: bool = False,
        last: Callable[[Iterable[Event]], Iterable[Event]] | None = None,
    ) -> None:
        from streamdicom.datasets import DatasetBuilder

        super().__init__()
        self._parser = parser
        self._pipeline = pipeline
        self._last = last
        self._builder = DatasetBuilder(options, as_file=as_file)
        if not pipeline and last is None and isinstance(parser, MakesRaws):
            parser.make_raws(self._builder.raws)

    def _has_more(self) -> bool:
        return self._parser.has_more

    def _feed(self, data: bytes, datasets: list[Dataset]) -> None:
        self._build(self._parser.feed(data), datasets)

    def _close(self, datasets: list[Dataset]) -> None:
        for events in finished(self._parser):
            self._build(events, datasets)

    def _build(self, events: Iterable[Event], datasets: list[Dataset]) -> None:
        events = self._pipeline.iter(events)
        datasets.extend(self._builder.build(self._last(events) if self._last else events))
        if self._parser.error:
            raise self._parser.error


class DatasetParser(DatasetPipeline):
    """A push parser of data sets: bytes in, pydicom data sets out.

    The format is recognized by the first bytes, unless ``ReadOptions.format`` names it. Memory is bounded by one data
    set. An exception of a callable in the options is raised once as it is; from then on it is the ``__cause__`` of an
    InputError.

    Args:
        options: Options for reading.
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


def dataset_parser(options: ReadOptions, expansion: Expansion, *, as_file: bool = False) -> DatasetPipeline:
    """Return a ``DatasetParser`` of a stream that may be within a compressed stream.

    Args:
        options: Options for reading.
        expansion: The bound of the compressed stream.
        as_file: Whether to make FileDataset objects.
    """
    return DatasetPipeline(*reading_pipeline(options, expansion=expansion), options, as_file=as_file)


class _Closable(Protocol):
    def close(self) -> list[Any]: ...


def truncated_by(parser: _Closable, cause: Exception, size: int) -> StreamDicomError:
    """Return the error of a stream whose source was lost before its end.

    Args:
        parser: The push parser of the stream. It is closed.
        cause: The exception of the source, one of ``SOURCE_LOST``.
        size: The number of bytes from the source.

    Returns:
        A TruncatedError, or an earlier error of the parser.

    >>> parser = DatasetParser()
    >>> len(parser.feed(b'[{}, {"00100020": '))
    1
    >>> print(truncated_by(parser, TimeoutError(), 18))
    the source broke off with TimeoutError (byte 18, [1].00100020 PatientID)
    """
    location = Location(size)
    try:
        parser.close()
    except TruncatedError as error:
        location = error.location
    except StreamDicomError as error:
        return error
    return TruncatedError(f"the source broke off with {type(cause).__name__}", location)


# --- events and data sets to bytes -----------------------------------------------------------------------------


def output_form(
    reading: ReadOptions,
    writing: WriteOptions,
    *,
    format: FormatName,
    array: bool,
    seen: Iterable[int] = (),
    sees_references: bool = False,
) -> object | None:
    """Return the form in which a parser may write elements itself.

    Args:
        reading: Options for reading.
        writing: Options for writing.
        format: The name of the format.
        array: As for ``EventEncoder``.
        seen: The tags of elements that Python must see.
        sees_references: Whether Python must see references to bulk data.

    Returns:
        The form for ``EventParser.encode_in``; None if Python must see the events.
    """
    form_of = format_named(format).output_form
    if form_of is None or any(
        one.deidentification or converters_in_force(one.converters) for one in (reading, writing)
    ):
        return None
    form: object | None = form_of(writing, array)
    return None if form is None else chosen_form(form, reading, writing, seen, sees_references)


class EventStream(Iterator[Event]):
    """The events of a source, or the output of the engine in their place.

    Args:
        parser: The parser of the source.
        events: The events.
        options: Options for reading.
        seen: The tags of elements that Python must see, with the references to bulk data.

    >>> parser, pipeline = reading_pipeline(ReadOptions())
    >>> stream = EventStream(parser, pipeline.iter([(1, 0, "", 0)]), ReadOptions())
    >>> next(stream)
    (1, 0, '', 0)
    """

    def __init__(
        self, parser: SelfEncoding, events: Iterator[Event], options: ReadOptions, seen: Iterable[int] = ()
    ) -> None:
        self._parser = parser
        self._events = events
        self._options = options
        self._seen = seen
        self._is_begun = False

    def __iter__(self) -> Iterator[Event]:
        self._is_begun = True
        return self._events  # which takes less time than this object for each event

    def __next__(self) -> Event:
        self._is_begun = True
        return next(self._events)

    def encode_for(self, options: WriteOptions, format: FormatName, *, array: bool) -> None:
        """Let the engine write as much as it can, if nobody else has read an event.

        Args:
            options: Options for writing.
            format: The name of the format.
            array: As for ``EventEncoder``.
        """
        if self._is_begun:
            return
        form = output_form(
            self._options, options, format=format, array=array, seen=self._seen, sees_references=bool(self._seen)
        )
        if form is not None:
            self._parser.encode_in(form)


class _Blocks(Protocol):
    """A writer whose output is taken in blocks."""

    def write_all(self, events: Iterable[Event]) -> None: ...

    def flush(self) -> None: ...

    def close(self) -> None: ...

    def take(self) -> Iterable[bytes]:
        """Return the blocks since the last call."""


class _TextBlocks:
    """JSON or XML, in blocks of about 64 KiB.

    One event may complete the text of a long element, of which most waits in a temporary file then.
    """

    def __init__(self, indent: int | str | None, format: FormatName, options: WriteOptions, array: bool) -> None:
        self._blocks: list[bytes] = []
        self._file: BinaryIO | None = None  # with earlier blocks
        writer = new_writer(self._add, indent, options, format=format, array=array)
        self.write_all, self.flush, self.close = writer.write_all, writer.flush, writer.close

    def _add(self, block: bytes) -> None:
        if len(self._blocks) >= _MAX_BLOCKS:
            if self._file is None:
                self._file = temporary()
            for held in self._blocks:
                self._file.write(held)
            self._blocks.clear()
        self._blocks.append(block)

    def take(self) -> Iterable[bytes]:
        file, self._file = self._file, None
        blocks = self._blocks[:]
        self._blocks.clear()
        return blocks if file is None else chain(_contents(file), blocks)


def _contents(file: BinaryIO) -> Iterator[bytes]:
    with file:
        file.seek(0)
        while block := file.read(CHUNK):
            yield block


class _FileBlocks:
    """A DICOM file, which waits in a temporary file until it is complete."""

    def __init__(self, indent: int | str | None, options: WriteOptions) -> None:
        from weakref import finalize  # which takes long to import

        from streamdicom.formats.part10 import Part10Writer

        if indent is not None:
            raise ValueError("a DICOM file has no indent; leave it out")
        self._file = temporary()
        finalize(self, self._file.close)
        self._writer = Part10Writer(self._file, temporary, options=options)
        self._is_taken = False

    def write_all(self, events: Iterable[Event]) -> None:
        if not self._writer.is_complete:
            self._writer.write_all(events)
        elif any(True for _ in events):
            raise OutputError(ONE_DATASET)

    def flush(self) -> None:
        pass

    def close(self) -> None:
        if not self._writer.is_complete:
            self._writer.close()  # raises

    def take(self) -> Iterator[bytes]:
        if not self._writer.is_complete or self._is_taken:
            return
        self._is_taken = True
        self._writer.close()
        yield from _contents(self._file)


def file_options(options: WriteOptions) -> WriteOptions:
    """Return the options for a DICOM file, which cannot refer to bulk data."""
    return replace(options, file_meta=True, bulk_data_element_handler=None, bulk_data_store=None)


def _has_bulk_data(options: WriteOptions) -> bool:
    return options.bulk_data_store is not None or options.bulk_data_policy != _DEFAULT_POLICY


def written_events(events: Iterable[Event], options: WriteOptions, pipeline: Pipeline) -> Iterator[Event]:
    """Yield the events that a writer gets.

    Args:
        events: The events of the caller.
        options: Options for writing.
        pipeline: The filters that the options ask for.
    """
    events = pipeline.iter(events)
    if _has_bulk_data(options):
        from streamdicom.filters import store_bulk_data

        events = store_bulk_data(events, options.bulk_data_policy, options.bulk_data_store)
    return iter(events)


def check_list(events: Iterable[Event], cause: Exception) -> None:
    """Explain an error by an object in a list that is not an event.

    To check each event beforehand would take a twentieth of the time.

    Args:
        events: The events of the caller. Only a list or a tuple can be searched.
        cause: The error.

    Raises:
        TypeError: There is such an object.
    """
    if isinstance(events, list | tuple):
        for event in events:
            if not isinstance(event, tuple) or len(event) != _EVENT_LENGTH:
                raise _not_an_event(event) from cause


class _Encoder(StickyError):
    """The base of the encoders."""

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
        options = options_or_default(options, WriteOptions)
        is_file = format_named(format) is DICOM
        if is_file:
            options = file_options(options)
        self._options = options
        self._blocks: _Blocks = _FileBlocks(indent, options) if is_file else _TextBlocks(indent, format, options, array)
        self._needs_vr = format == "xml"
        self._pipeline = Pipeline.for_writing(options)
        self._stores = _has_bulk_data(options)

    def _encode(self, events: Iterable[Event]) -> Iterator[bytes]:
        events = written_events(events, self._options, self._pipeline)
        if self._needs_vr:
            events = vr_first(events)
        return self._write(_in_batches(events))

    def _write(self, batches: Iterable[Iterable[Event]]) -> Iterator[bytes]:
        self._raise_error()
        try:
            for events in batches:
                self._blocks.write_all(events)
                yield from self._blocks.take()
        except Exception as error:
            self._fail(error)
            raise

    def flush(self) -> bytes:
        """Return the pending bytes. In NDJSON they end with a complete line."""
        self._blocks.flush()
        return b"".join(self._blocks.take())

    def close(self) -> bytes:
        """Return the pending bytes and the end of the document.

        Raises:
            OutputError: A data set is not complete or missing, an earlier call failed, or the document is closed.
        """
        self._raise_error()
        self._blocks.close()
        self._fail(OutputError("the document is closed"))
        return b"".join(self._blocks.take())


class EventEncoder(_Encoder):
    r"""Encodes DICOM events: events in, blocks of about 64 KiB out.

    Blocks are made while they are consumed, so a long value needs no more memory than a short one, and the consumer
    sets the pace. After an error nothing can be encoded, and an array stays open.

    A DICOM file has lengths before values. It waits in a temporary file, and its blocks follow the last event.

    Args:
        indent: Spaces, or a string, for each level; None for no white space.
        format: "json", "ndjson", "xml" or "dicom".
        options: Options for writing.
        array: Whether there may be any number of data sets, which JSON has in an array, or one.

    Raises:
        ValueError: An indent for NDJSON or a DICOM file, or an unknown format.

    >>> from streamdicom import iter_events
    >>> encoder = EventEncoder(format="ndjson")
    >>> list(encoder.encode(iter_events(b"[{}, {}]"))), encoder.close()
    ([], b'{}\n{}\n')
    """

    def encode(self, events: Iterable[Event]) -> Iterator[bytes]:
        """Yield the blocks that events complete; the rest is pending.

        The events may be any number of data sets, or a part of one. Nothing happens until the first block is consumed.
        All blocks must be consumed before the next call.

        Args:
            events: Events, in the order of ``streamdicom.events``.

        Raises:
            OutputError: Events or tags are out of order, a value does not fit its VR, or the document is closed.
            OSError: The store of bulk data cannot be written.
            TypeError: These are not events.
        """
        try:
            yield from self._encode(chain.from_iterable(_checked_later(events)))
        except Exception as error:
            check_list(events, error)
            raise


class DatasetEncoder(_Encoder):
    r"""Encodes data sets: pydicom data sets in, blocks of about 64 KiB out.

    Blocks are made while they are consumed, so a long value needs no more memory than a short one, and the consumer
    sets the pace. After an error nothing can be encoded, and an array stays open.

    A DICOM file has lengths before values. It waits in a temporary file, and its blocks follow when it is complete.

    Args:
        indent: Spaces, or a string, for each level; None for no white space.
        format: "json", "ndjson", "xml" or "dicom".
        options: Options for writing.
        array: Whether there may be any number of data sets, which JSON has in an array, or one.

    Raises:
        ValueError: An indent for NDJSON or a DICOM file, or an unknown format.

    >>> from pydicom import Dataset
    >>> encoder = DatasetEncoder()
    >>> list(encoder.encode(Dataset())), encoder.flush(), encoder.close()
    ([], b'[{}', b']')
    """

    _index = 0

    def encode(self, dataset: Dataset) -> Iterator[bytes]:
        """Yield the blocks that a data set completes; the rest is pending.

        Nothing happens until the first block is consumed. All blocks must be consumed before the next call.

        Args:
            dataset: A Dataset or FileDataset.

        Raises:
            OutputError: An element cannot be written, and the location has its tag path; or the document is closed.
            OSError: The store of bulk data cannot be written.
            TypeError: The object is not a data set.
        """
        from pydicom.dataset import Dataset

        from streamdicom.datasets import walk

        if not isinstance(dataset, Dataset):
            raise TypeError(f"expected a Dataset or an iterable of them, found {type(dataset).__name__}")
        batches = walk(dataset, self._index, options=self._options)
        if self._stores or self._pipeline:
            yield from self._encode(chain.from_iterable(batches))
        else:
            yield from self._write(batches)
        self._index += 1


def _in_batches(events: Iterable[Event]) -> Iterator[Iterable[Event]]:
    """Yield small batches, each of which must be consumed before the next."""
    remaining = iter(events)
    for event in remaining:
        if event[0] == ENCODED and len(event[3][0]) >= _LONG:
            yield (event,)  # which would fill many blocks with others
        else:
            yield chain((event,), islice(remaining, _BATCH_SIZE))


def _checked_later(events: Iterable[Event]) -> Iterator[Iterable[Event]]:
    yield checked_events(events)


def checked_events(events: Iterable[Event]) -> Iterator[Event]:
    """Return the events, of which the first is checked to be one.

    Raises:
        TypeError: These are data sets, or something else.
    """
    if isinstance(events, str | bytes | os.PathLike):
        raise TypeError(f"expected events, found {type(events).__name__}; read them with iter_events()")
    if not isinstance(events, Iterable):
        raise TypeError(f"expected events, found {type(events).__name__}; read them with iter_events()")
    remaining = iter(events)
    for first in remaining:
        if not isinstance(first, tuple):
            raise _not_an_event(first)
        return chain((first,), remaining)
    return iter(())


def _not_an_event(found: object) -> TypeError:
    hint = "; write data sets with dump()" if type(found).__module__.startswith("pydicom.") else ""
    length = f" of {len(found)} values" if isinstance(found, tuple) else ""
    return TypeError(f"expected events, which are tuples of four values, found a {type(found).__name__}{length}{hint}")
