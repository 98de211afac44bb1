"""Read data sets and events."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from streamdicom import _native
from streamdicom._push import PIECE_SIZE, drained, finished
from streamdicom._typing import TYPE_CHECKING, Any, Protocol, TypeVar
from streamdicom.codec import (
    SOURCE_LOST,
    EventStream,
    dataset_parser,
    reading_pipeline,
    truncated_by,
)
from streamdicom.errors import InputError, Location, StreamDicomError
from streamdicom.events import SEGMENT, Event
from streamdicom.formats import (
    HEAD_SIZE,
    NDJSON,
    UNKNOWN,
    UNKNOWN_MESSAGE,
    detect,
    encode_text,
    expand,
    form_of_name,
)
from streamdicom.io import (
    CHUNK,
    Expansion,
    Source,
    check_source,
    chunks,
    name_of,
)
from streamdicom.options import ReadOptions, options_or_default

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_T = TypeVar("_T")


def iter_datasets(source: Source, *, options: ReadOptions | None = None, as_file: bool = False) -> Iterator[Dataset]:
    """Iterate over the data sets of a stream, each as soon as its last byte is read.

    The stream may be DICOM JSON (PS3.18 Annex F: a data set, an array, NDJSON or concatenated documents), Native
    DICOM XML (PS3.19 Annex A) or a DICOM file (PS3.10), plain or compressed with gzip, zstd or deflate. It is
    recognized by its first bytes, never by its name.

    Memory holds one data set, not the stream. Data sets before an error are delivered first. A socket is read until
    its peer shuts down its side. A closed array proves that nothing is missing; NDJSON does not.

    Args:
        source: A path, a binary file, a socket, bytes, or an iterable of bytes.
        options: Options for reading.
        as_file: Make FileDataset objects.

    Raises:
        TruncatedError: The source ended within a document, or with a ConnectionError, a TimeoutError or an EOFError,
            which is the cause then.
        InputError: The stream is not recognized, or breaks the rules of its format; the location says where.
        OSError: The source cannot be read.
        TypeError: The source is of another kind, such as text.

    >>> [ds.PatientID for ds in iter_datasets(b'[{"00100020": {"vr": "LO", "Value": ["17"]}}]')]
    ['17']
    """
    check_source(source)
    options = options_or_default(options, ReadOptions)
    # The parser is made here: pydicom's settings count as they are now, not when the first data set is read.
    expansion = Expansion(options.limits)
    parser = dataset_parser(options, expansion, as_file=as_file)
    return chain.from_iterable(batches(parser, source, expansion, size=PIECE_SIZE))


def iter_events(source: Source, *, options: ReadOptions | None = None) -> Iterator[Event]:
    """Iterate over the DICOM events of a stream.

    Neither data sets nor long values are held in memory. The stream is recognized as in ``iter_datasets``. The events
    of a DICOM file include group 0002.

    Args:
        source: A path, a binary file, a socket, bytes, or an iterable of bytes.
        options: Options for reading. With a store, references to bulk data are replaced by their values.

    Raises:
        TruncatedError: As in ``iter_datasets``.
        InputError: The stream is at fault; the events before have been delivered.
        OSError: The source or the store cannot be read.
        TypeError: The source is of another kind, such as text.

    >>> from streamdicom import EventType
    >>> for kind, tag, vr, value in iter_events(b'[{"00100020": {"vr": "LO", "Value": ["17"]}}]'):
    ...     if kind == EventType.ELEMENT:
    ...         print(f"{tag:08X}", vr, value)
    00100020 LO ('17',)
    """
    check_source(source)
    options = options_or_default(options, ReadOptions)
    return expanded_events(source, options, Expansion(options.limits))


def expanded_events(
    source: Source, options: ReadOptions, expansion: Expansion, form: object | None = None
) -> EventStream:
    """Iterate over the events of a stream, which may be within a compressed one.

    Args:
        source: The stream.
        options: Options for reading.
        expansion: The bound of the compressed stream.
        form: The form of the writer that gets all events, as ``output_form`` returns it. Some of them then are
            ``Encoded`` events, which only that writer knows.
    """
    parser, pipeline = reading_pipeline(options, options.bulk_data_store, expansion, form)
    return EventStream(parser, pipeline.iter(chain.from_iterable(batches(parser, source, expansion))), options)


class _Parser(Protocol[_T]):
    @property
    def error(self) -> StreamDicomError | None: ...

    @property
    def has_more(self) -> bool: ...

    def feed(self, data: bytes) -> list[_T]: ...

    def finish(self) -> list[_T]: ...

    def close(self) -> list[_T]: ...


def batches(
    parser: _Parser[_T], source: Source, expansion: Expansion, name: str | None = None, *, size: int = 0
) -> Iterator[list[_T]]:
    """Feed a source to a parser; yield the results in lists of bounded length.

    Args:
        parser: The parser.
        source: The source, which may be compressed.
        expansion: Bounds the decompressed size.
        name: The name of the source in errors; by default its own.
        size: Bytes to feed at once; 0 for those that take the least time for events. ``PIECE_SIZE`` is for data sets,
            which take more memory.

    >>> from streamdicom.codec import DatasetParser
    >>> from streamdicom.limits import Limits
    >>> [len(batch) for batch in batches(DatasetParser(), [b"[{},", b"{}]"], Expansion(Limits()))]
    [1, 1, 0]
    """
    name = name or name_of(source)
    is_pure = _native.functions is None
    is_empty = True
    in_value = False  # within a long value
    try:
        for chunk in _read(parser, source, expansion):
            is_empty = False
            start = 0
            while start < len(chunk) and not parser.error:
                # In plain Python, the events of a chunk do not fit in the caches of the processor.
                end = start + (size or (PIECE_SIZE if is_pure and not in_value else CHUNK))
                for found in drained(parser, chunk[start:end]):
                    if found and is_pure:
                        in_value = _is_in_value(found[-1])
                    yield found
                    del found  # before the next events are made, for the caches too
                start = end
            if parser.error:
                break  # without waiting for the next chunk
        if not (is_empty and _is_lines(name)):
            yield from finished(parser)
    except StreamDicomError as error:
        error.filename = error.filename or name
        raise


def _is_in_value(result: object) -> bool:
    """Return whether a long value goes on after an event, or the events of a batch."""
    events = getattr(result, "events", None)
    event = events[-1] if events else result
    return type(event) is tuple and event[0] == SEGMENT


def _read(parser: _Parser[Any], source: Source, expansion: Expansion) -> Iterator[bytes]:
    """Yield the chunks of a source, decompressed; report a lost source as truncated."""
    size = 0
    try:
        for chunk in expand(chunks(source), expansion):
            size += len(chunk)
            yield chunk
    except StreamDicomError:  # some are an EOFError too
        raise
    except SOURCE_LOST as error:
        raise truncated_by(parser, error, size) from error


def _is_lines(name: str | None) -> bool:
    """Return whether a name is that of NDJSON, which may be an empty file."""
    return name is not None and form_of_name(name).format is NDJSON


def load(source: Source, *, options: ReadOptions | None = None, as_file: bool = False) -> Dataset:
    """Read the only data set of a stream, which is recognized as in ``iter_datasets``.

    The result behaves as from ``pydicom.dcmread``: pydicom converts a value when it is first accessed, and group
    0002 is in ``file_meta``. A data set that was dumped returns as from a file: empty values are "" in text and None
    elsewhere, ambiguous VRs are resolved, and group lengths are missing.

    Args:
        source: A path, a binary file, a socket, bytes, or an iterable of bytes.
        options: Options for reading.
        as_file: Make a FileDataset.

    Raises:
        InputError: The stream is at fault, or has no data set, or several.
        OSError: The source cannot be read.
        TypeError: The source is of another kind, such as text.

    >>> load(b'{"00100020": {"vr": "LO", "Value": ["17"]}}').PatientID
    '17'
    """
    datasets = iter_datasets(source, options=options, as_file=as_file)
    first = next(datasets, None)
    message, location = "expected one data set, found none", None
    if first is not None:
        if next(datasets, None) is None:
            return first
        message, location = "expected one data set, found more; read them with iter_datasets()", Location(None, 1)
    error = InputError(message, location)
    error.filename = name_of(source)
    raise error


def loads(text: str | bytes, *, options: ReadOptions | None = None, as_file: bool = False) -> Dataset:
    """Read the only data set of a str or bytes; see ``load``.

    The encoding that a str of XML declares is ignored.

    Raises:
        InputError: As in ``load``.
        TypeError: This is neither a str nor bytes.

    >>> loads('{"00100020": {"vr": "LO", "Value": ["17"]}}').PatientID
    '17'
    """
    if not isinstance(text, str | bytes | bytearray | memoryview):
        raise TypeError(f"expected str or bytes, found {type(text).__name__}; read files with load()")
    data = encode_text(text) if isinstance(text, str) else text
    options = options_or_default(options, ReadOptions)
    if options.format == "auto" and not options.force and detect(bytes(data[:HEAD_SIZE]), is_all=True) == UNKNOWN:
        raise InputError(f"{UNKNOWN_MESSAGE}; read files with load()", Location(0))
    return load(data, options=options, as_file=as_file)
