"""The main functions, in the manner of the ``json`` module and of pydicom.

pydicom is imported with the first data set, not with this module.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from itertools import chain
from types import TracebackType

from streamdicom._push import PIECE_SIZE, drained, finished
from streamdicom._typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar, cast
from streamdicom._writers import check_no_indent, new_writer, write_blocks, write_file, write_rest
from streamdicom.codec import (
    SOURCE_LOST,
    DatasetEncoder,
    EventEncoder,
    EventStream,
    check_list,
    checked_events,
    dataset_parser,
    file_options,
    reading_pipeline,
    truncated_by,
)
from streamdicom.errors import InputError, Location, StreamDicomError
from streamdicom.events import Event, by_dataset
from streamdicom.formats import (
    DICOM,
    FORMATS,
    HEAD_SIZE,
    JSON,
    NDJSON,
    UNKNOWN,
    UNKNOWN_MESSAGE,
    Format,
    FormatName,
    detect,
    encode_text,
    expand,
    form_of_name,
    format_named,
)
from streamdicom.io import (
    CHUNK,
    Expansion,
    Output,
    Source,
    Target,
    check_source,
    check_target,
    chunks,
    is_special,
    name_of,
)
from streamdicom.options import ReadOptions, WriteOptions, options_or_default

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_T = TypeVar("_T")


# --- reading ---------------------------------------------------------------------------------------------------


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
    parser: _Parser[_T], source: Source, expansion: Expansion, name: str | None = None, *, size: int = CHUNK
) -> Iterator[list[_T]]:
    """Feed a source to a parser; yield the results in lists of bounded length.

    Args:
        parser: The parser.
        source: The source, which may be compressed.
        expansion: Bounds the decompressed size.
        name: The name of the source in errors; by default its own.
        size: Bytes to feed at once. ``PIECE_SIZE`` is for data sets, which take more memory than events.

    >>> from streamdicom.codec import DatasetParser
    >>> from streamdicom.limits import Limits
    >>> [len(batch) for batch in batches(DatasetParser(), [b"[{},", b"{}]"], Expansion(Limits()))]
    [1, 1, 0]
    """
    name = name or name_of(source)
    is_empty = True
    try:
        for chunk in _read(parser, source, expansion):
            is_empty = False
            for start in range(0, len(chunk), size):
                yield from drained(parser, chunk[start : start + size])
                if parser.error:
                    break
            if parser.error:
                break  # without waiting for the next chunk
        if not (is_empty and _is_lines(name)):
            yield from finished(parser)
    except StreamDicomError as error:
        error.filename = error.filename or name
        raise


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


# --- writing ---------------------------------------------------------------------------------------------------


class DatasetWriter:
    """Writes data sets to a target one by one.

    They form a DICOM JSON array (PS3.18 Annex F), NDJSON, XML documents or a DICOM file. A context manager: at its
    end the array is closed, and a path gets its name. After an error the array stays open, and a path leaves no file.

    Args:
        target: A path, a binary file, or a socket, which is sent each data set when it is written.
        indent: Spaces, or a string, for each level; None for no white space.
        format: "json", "ndjson", "xml" or "dicom", which is a single data set. By default that of the name of the
            target: .json, .ndjson, .jsonl, .xml or .dcm, each also with .gz or .zst, which compress. A target without
            a name gets JSON.
        options: Options for writing.

    Raises:
        OSError: The target cannot be written, or is a socket in non-blocking mode.
        TypeError: The target is of another kind, such as a text file.
        ValueError: The name has no known suffix, or the format takes no indent.

    >>> import io
    >>> from pydicom import Dataset
    >>> target = io.BytesIO()
    >>> with DatasetWriter(target) as writer:
    ...     writer.write(Dataset())
    >>> target.getvalue()
    b'[{}]'
    """

    def __init__(
        self,
        target: Target,
        *,
        indent: int | str | None = None,
        format: FormatName | None = None,
        options: WriteOptions | None = None,
    ) -> None:
        row, compression = _form_of(target, format)
        self._writer = new_writer(row, indent, options, array=True)
        self._output = Output(target, compression)
        self._is_closed = False

    def write(self, obj: Dataset) -> None:
        """Write one data set.

        Raises:
            OutputError: An element cannot be written, and the location has its tag path; the array is closed, which
                ends with the error; or this is the second data set of a DICOM file.
            OSError: The target, or the store of bulk data, cannot be written. The array ends with the error.
            TypeError: This is not a data set.
        """
        try:
            self._writer.write(obj, self._output)
        except (StreamDicomError, OSError):
            self._output.discard()  # ``close`` need not be called after an error
            raise

    def flush(self) -> None:
        """Pass everything written so far to the target, before a block is full."""
        self._writer.flush(self._output)

    def close(self) -> None:
        """Close the array; give a path its name. Closing twice does nothing.

        Raises:
            OutputError: An earlier call has failed, or a DICOM file has no data set.
        """
        if not self._is_closed:
            try:
                self._writer.close(self._output)
                self._output.commit()
            finally:
                self._output.discard()  # nothing happens to a file that has its name
            self._is_closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self.close()
            elif isinstance(error, StreamDicomError):
                self._writer.write_pending(self._output)
        finally:
            self._output.discard()


def dump(
    obj: Dataset | Iterable[Dataset],
    target: Target,
    indent: int | str | None = None,
    *,
    format: FormatName | None = None,
    options: WriteOptions | None = None,
) -> None:
    """Write a data set, or an iterable of data sets while it is consumed.

    In JSON a data set is an object, and an iterable an array. In NDJSON each data set is a line, in XML a document.
    A DICOM file holds one data set.

    Args:
        obj: A Dataset, a FileDataset, or an iterable of them.
        target: A path, a binary file, or a socket. A path appears under its name only when it is complete; the others
            have the data sets before an error.
        indent: Spaces, or a string, for each level of JSON and XML; None for no white space.
        format: "json", "ndjson", "xml" or "dicom". By default that of the name of the target: .json, .ndjson, .jsonl,
            .xml or .dcm, each also with .gz or .zst, which compress. A target without a name gets JSON.
        options: Options for writing.

    Raises:
        OutputError: An element cannot be written, and the location has its tag path; or a DICOM file would get several
            data sets.
        OSError: The target, or the store of bulk data, cannot be written.
        TypeError: This is neither a data set nor an iterable of them.
        ValueError: The name has no known suffix, or the format takes no indent.

    >>> import io
    >>> target = io.BytesIO()
    >>> dump(loads('{"00100020": {"vr": "LO", "Value": ["17"]}}'), target)
    >>> target.getvalue()
    b'{"00100020":{"vr":"LO","Value":["17"]}}'
    """
    row, compression = _form_of(target, format)
    datasets = _each(obj)
    writer = new_writer(row, indent, options, array=_is_array(obj))
    with Output(target, compression) as output:
        try:
            for dataset in datasets:
                writer.write(dataset, output)
        except StreamDicomError:
            writer.write_pending(output)
            raise
        writer.close(output)
        output.commit()


def dumps(
    obj: Dataset | Iterable[Dataset],
    indent: int | str | None = None,
    *,
    format: FormatName = "json",
    options: WriteOptions | None = None,
) -> str:
    r"""Return a data set, or an iterable of data sets, as text; see ``dump``.

    >>> dumps([loads("{}"), loads("{}")])
    '[{},{}]'
    >>> dumps([loads("{}"), loads("{}")], format="ndjson")
    '{}\n{}\n'
    """
    if format_named(format) is DICOM:
        raise ValueError("a DICOM file is not text; write it with dump()")
    encoder = DatasetEncoder(indent, format=format, options=options, array=_is_array(obj))
    blocks = [block for dataset in _each(obj) for block in encoder.encode(dataset)]
    return b"".join([*blocks, encoder.close()]).decode()


def _is_array(obj: Dataset | Iterable[Dataset]) -> bool:
    from pydicom.dataset import Dataset

    return not isinstance(obj, Dataset)


def _each(obj: Dataset | Iterable[Dataset]) -> Iterable[Dataset]:
    if not _is_array(obj):
        return [cast("Dataset", obj)]
    if isinstance(obj, str | bytes | os.PathLike | dict) or not isinstance(obj, Iterable):
        raise TypeError(f"expected a Dataset or an iterable of them, found {type(obj).__name__}")
    return _datasets(cast("Iterable[Dataset]", obj))


def _datasets(datasets: Iterable[Dataset]) -> Iterator[Dataset]:
    for dataset in datasets:
        if isinstance(dataset, tuple):
            raise TypeError("expected a Dataset, found a tuple; write events with write_events()")
        yield dataset


def _form_of(target: Target, format: FormatName | None) -> tuple[Format, str | None]:
    """Return the format and the compression that a target is written in.

    Raises:
        TypeError: The target is the text of a document.
        ValueError: There is no such format, or the name of the target has no known suffix.
    """
    row = None if format is None else format_named(format)
    check_target(target)
    if not isinstance(target, str | os.PathLike) or is_special(target):
        return row or JSON, None
    form = form_of_name(target)
    row = row or form.format
    if row is None:
        suffixes = ", ".join(suffix for one in FORMATS.values() for suffix in one.suffixes)
        raise ValueError(f"{os.fspath(target)!r} ends in none of {suffixes}, also with .gz or .zst; give format=")
    return row, form.compression


def write_events(
    events: Iterable[Event],
    target: Target,
    indent: int | str | None = None,
    *,
    format: FormatName | None = None,
    options: WriteOptions | None = None,
    array: bool = True,
) -> None:
    """Write DICOM events while they are consumed.

    To a DICOM file (PS3.10) missing file meta information is added. Its transfer syntax is explicit VR little endian
    unless the options name another; encapsulated pixel data keeps its own, which the events or the options must
    name. Text that the character sets of the data set do not cover changes them to UTF-8.

    Args:
        events: As ``iter_events`` returns them; they may be filtered or changed on the way.
        target: A path, a binary file, or a socket. A path appears under its name only when it is complete; the others
            have the data sets before an error. A DICOM file for a target without random access is made in a temporary
            file first.
        indent: Spaces, or a string, for each level of JSON and XML; None for no white space.
        format: "json", "ndjson", "xml" or "dicom". By default that of the name of the target; see ``dump``.
        options: Options for writing.
        array: Accept any number of data sets, which JSON has in an array; otherwise there must be one.

    Raises:
        OutputError: An event out of order, a tag not above the one before it, a value that its VR does not allow, or a
            second data set where there must be one.
        OSError: The target cannot be written.
        TypeError: These are not events.
        ValueError: The name has no known suffix, or the format takes no indent.

    >>> import io
    >>> target = io.BytesIO()
    >>> write_events(iter_events(b'[{"00100020": {"Value": ["17"], "vr": "LO"}}]'), target)
    >>> target.getvalue()
    b'[{"00100020":{"vr":"LO","Value":["17"]}}]'
    >>> write_events(iter_events(target.getvalue()), target, format="dicom")
    """
    options = options_or_default(options, WriteOptions)
    row, compression = _form_of(target, format)
    if isinstance(events, EventStream):
        events.encode_for(file_options(options) if row is DICOM else options, row.name, array=array)
    if row is DICOM:
        check_no_indent(indent)
        with Output(target, compression) as output:
            try:
                write_file(checked_events(events), output, file_options(options))
            except Exception as error:
                check_list(events, error)
                raise
            output.commit()
        return
    encoder = EventEncoder(indent, format=row.name, options=options, array=array)
    with Output(target, compression) as output:
        try:
            for part in by_dataset(checked_events(events)) if output.is_connection else [events]:
                write_blocks(encoder, encoder.encode(part), output)
        except StreamDicomError:
            write_rest(encoder, output)
            raise
        output.write(encoder.close())
        output.commit()
