"""What most callers need, in the manner of the ``json`` module and of pydicom.

pydicom is imported when a data set is first asked for, not with this module.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, cast

from streamdicom.codec import SOURCE_LOST, DatasetEncoder, DatasetParser, reading_pipeline, truncated_by
from streamdicom.errors import InputError, Location, StreamDicomError
from streamdicom.events import END_DATASET, Event
from streamdicom.filters import Pipeline
from streamdicom.formats import Parser
from streamdicom.io import Output, Source, Target, chunks, temporary
from streamdicom.options import ReadOptions, WriteOptions, options_or_default

if TYPE_CHECKING:
    from pydicom.dataset import Dataset, FileDataset

_DECLARED = re.compile(r"""\ufeff?[ \t\r\n]*<\?xml[^?>]*?(\sencoding\s*=\s*(?:"[^"?>]*"|'[^'?>]*'))""")


# --- reading ---------------------------------------------------------------------------------------------------


def iter_datasets(source: Source, *, options: ReadOptions | None = None, as_file: bool = False) -> Iterator[Dataset]:
    """The data sets of a stream of DICOM JSON (PS3.18 Annex F) or of XML (PS3.19 Annex A), each with its last byte.

    Memory holds what one chunk completes, however many data sets there are. A single data set is read as an array
    of one. Data sets before a fault have been delivered when it raises. A socket is read until its peer says that
    this is all; an array that was closed proves that nothing is missing, NDJSON does not.

    Args:
        source: A path, a binary file, a socket, bytes, or an iterable of bytes.
        options: What is taken, what is chosen of it, and what becomes of bulk data.
        as_file: Whether to make FileDataset objects.

    Raises:
        TruncatedError: The source ended within a document, or with a ConnectionError, a TimeoutError or an EOFError,
            which is the cause then.
        InputError: What was read is at fault; the location says where.
        OSError: The source cannot be read.

    >>> [ds.PatientID for ds in iter_datasets(b'[{"00100020": {"vr": "LO", "Value": ["17"]}}]')]
    ['17']
    """
    # Made at once, because what is in force here may not be when the first data set is asked for.
    return _datasets(DatasetParser(options=options, as_file=as_file), source)


def _datasets(parser: DatasetParser, source: Source) -> Iterator[Dataset]:
    for chunk in _read(parser, source):
        yield from parser.feed(chunk)
        if parser.error:
            break  # without waiting for what comes next
    yield from parser.close()


def _read(parser: DatasetParser | Parser, source: Source) -> Iterator[bytes]:
    """The chunks of a source for a parser, which tells where it was if the source breaks off."""
    size = 0
    try:
        for chunk in chunks(source):
            size += len(chunk)
            yield chunk
    except StreamDicomError:  # of a source that is a stream of ours
        raise
    except SOURCE_LOST as error:
        raise truncated_by(parser, error, size) from error


def iter_events(source: Source, *, options: ReadOptions | None = None) -> Iterator[Event]:
    """The DICOM events of a stream of DICOM JSON or XML: no data set is ever held, and no long value.

    Args:
        source: A path, a binary file, a socket, bytes, or an iterable of bytes.
        options: What is taken, what is chosen of it, and where bulk data is. With a store, the values come in
            place of the references.

    Raises:
        TruncatedError: As ``iter_datasets``.
        InputError: What was read is at fault; the events before it have been delivered.
        OSError: The source or the store cannot be read.

    >>> from streamdicom import EventType
    >>> for kind, tag, vr, value in iter_events(b'[{"00100020": {"vr": "LO", "Value": ["17"]}}]'):
    ...     if kind == EventType.ELEMENT:
    ...         print(f"{tag:08X}", vr, value)
    00100020 LO ('17',)
    """
    options = options_or_default(options, ReadOptions)
    parser, pipeline = reading_pipeline(options, options.bulk_data_store)
    return pipeline.iter(_fed(parser, source))


def _fed(parser: Parser, source: Source) -> Iterator[Event]:
    # A chain in C, which passes an event on in a quarter of the time that a generator takes.
    return chain.from_iterable(_batches(parser, source))


def _batches(parser: Parser, source: Source) -> Iterator[list[Event]]:
    for chunk in _read(parser, source):
        yield parser.feed(chunk)
        if parser.error:
            break
    yield parser.close()


def iter_file_events(source: Source, *, options: ReadOptions | None = None) -> Iterator[Event]:
    """The DICOM events of a DICOM file (PS3.10), group 0002 among them: no data set is ever held, and no long value.

    Args:
        source: A path, a binary file, a socket, bytes, or an iterable of bytes.
        options: What is chosen, whether the preamble may be missing, and limits.

    Raises:
        InputError: What was read is at fault; the events before it have been delivered.
        OSError: The source cannot be read.

    >>> from pydicom.data import get_testdata_file
    >>> [value for _, tag, _, value in iter_file_events(get_testdata_file("CT_small.dcm")) if tag == 0x00080060]
    [('CT',)]
    """
    from streamdicom.formats.part10 import Part10Parser

    options = options_or_default(options, ReadOptions)
    return Pipeline.for_reading(options).iter(_fed(Part10Parser(options=options), source))


def load(source: Source, *, options: ReadOptions | None = None) -> Dataset:
    """The one data set of a DICOM JSON document, an object or an array of one, or of an XML document.

    It reads like one from ``pydicom.dcmread``: pydicom converts a value when somebody looks. Group 0002, where there
    is one, is in its ``file_meta``. A data set that was dumped comes back as from a file: what was empty is "" in text
    and None elsewhere, an ambiguous VR is the one that it is, and group lengths are gone.

    Args:
        source: A path, a binary file, a socket, bytes, or an iterable of bytes.
        options: What is taken, what is chosen of it, and what becomes of bulk data.

    Raises:
        InputError: What was read is at fault, or is no data set, or several.
        OSError: The source cannot be read.

    >>> load(b'{"00100020": {"vr": "LO", "Value": ["17"]}}').PatientID
    '17'
    """
    return _only(source, options, as_file=False)


def load_file(source: Source, *, options: ReadOptions | None = None) -> FileDataset:
    """As ``load``, but a FileDataset, with the file meta information that there is.

    >>> type(load_file(b"{}")).__name__
    'FileDataset'
    """
    return cast("FileDataset", _only(source, options, as_file=True))


def loads(text: str | bytes, *, options: ReadOptions | None = None) -> Dataset:
    """As ``load``, from a text or its bytes in UTF-8. Of a text in XML it does not matter what encoding it declares.

    >>> loads('{"00100020": {"vr": "LO", "Value": ["17"]}}').PatientID
    '17'
    """
    return load(_utf8(text), options=options)


def loads_file(text: str | bytes, *, options: ReadOptions | None = None) -> FileDataset:
    """As ``load_file``, from a text or its bytes in UTF-8.

    >>> loads_file('{"00020010": {"vr": "UI", "Value": ["1.2.840.10008.1.2.1"]}}').file_meta.TransferSyntaxUID.name
    'Explicit VR Little Endian'
    """
    return load_file(_utf8(text), options=options)


def _utf8(text: str | bytes) -> bytes:
    if not isinstance(text, str):
        return text
    # What an XML declaration says of the encoding was so before somebody made a text of it.
    declared = _DECLARED.match(text)
    if declared:
        start, end = declared.span(1)
        text = text[:start] + " " * (end - start) + text[end:]
    # A lone surrogate becomes what is no UTF-8, and is told as such.
    return text.encode(errors="surrogatepass")


def _only(source: Source, options: ReadOptions | None, as_file: bool) -> Dataset:
    datasets = iter_datasets(source, options=options, as_file=as_file)
    first = next(datasets, None)
    if first is None:
        raise InputError("no data set, where one is due")
    if next(datasets, None) is not None:
        raise InputError("more than one data set, where one is due", Location(dataset_index=1))
    return first


# --- writing ---------------------------------------------------------------------------------------------------


class DatasetWriter:
    """Writes data sets as one DICOM JSON array (PS3.18 Annex F), as NDJSON or as XML, each as it is given.

    A context manager: at its end the array is closed, and a path gets its name. After an error the array stays open
    and a path leaves nothing behind.

    Args:
        target: A path, a binary file, or a socket, which is sent each data set when it is written.
        indent: Spaces, or a string, for each level; None for no white space.
        options: The form of the text, what is left out, what becomes of bulk data, and how deep data sets may nest.

    Raises:
        OSError: The target cannot be written, or is a socket in non-blocking mode.
        ValueError: An indent for NDJSON.

    >>> import io
    >>> from pydicom import Dataset
    >>> target = io.BytesIO()
    >>> with DatasetWriter(target) as writer:
    ...     writer.write(Dataset())
    >>> target.getvalue()
    b'[{}]'
    """

    def __init__(self, target: Target, *, indent: int | str | None = None, options: WriteOptions | None = None) -> None:
        self._encoder = _encoder(target, indent, options, array=True)
        self._output = Output(target)
        self._is_closed = False

    def write(self, obj: Dataset) -> None:
        """Write one data set.

        Raises:
            OutputError: An element cannot be written, and the location has its tag path; or the array is closed. It is
                at its end then.
            OSError: The target, or the store of bulk data, cannot be written. The array is at its end too.
            TypeError: This is no data set.
        """
        try:
            _write(self._encoder, self._encoder.encode(obj), self._output)
        except (StreamDicomError, OSError):
            self._output.discard()  # as close may not be called for what has failed
            raise

    def flush(self) -> None:
        """Give the target all that was written so far, as it stands in a block otherwise until that is full."""
        self._output.write(self._encoder.flush())
        self._output.flush()

    def close(self) -> None:
        """Close the array; give a path its name. Closing twice does nothing.

        Raises:
            OutputError: An error came before.
        """
        if not self._is_closed:
            try:
                self._output.write(self._encoder.close())
                self._output.commit()
            finally:
                self._output.discard()  # which leaves alone what has its name
            self._is_closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self.close()
        finally:
            self._output.discard()


def dump(
    obj: Dataset | Iterable[Dataset],
    target: Target,
    indent: int | str | None = None,
    *,
    options: WriteOptions | None = None,
) -> None:
    """Write a data set as a DICOM JSON object, or any iterable of data sets as an array while it is consumed.

    With ``WriteOptions(ndjson=True)`` each data set is an object on a line of its own; as XML it is a document.

    Args:
        obj: A Dataset, a FileDataset, or an iterable of them.
        target: A path, a binary file, or a socket. A path appears under its name only when it is complete.
        indent: Spaces, or a string, for each level; None for no white space.
        options: The form of the text, what is left out, what becomes of bulk data, and how deep data sets may nest.

    Raises:
        OutputError: An element cannot be written; the location has its tag path.
        OSError: The target, or the store of bulk data, cannot be written.
        TypeError: This is neither a data set nor an iterable of them.
        ValueError: An indent for NDJSON.

    >>> import io
    >>> target = io.BytesIO()
    >>> dump(loads('{"00100020": {"vr": "LO", "Value": ["17"]}}'), target)
    >>> target.getvalue()
    b'{"00100020":{"vr":"LO","Value":["17"]}}'
    """
    encoder = _encoder(target, indent, options, array=_is_array(obj))
    with Output(target) as output:
        for dataset in _each(obj):
            _write(encoder, encoder.encode(dataset), output)
        output.write(encoder.close())
        output.commit()


def dumps(
    obj: Dataset | Iterable[Dataset], indent: int | str | None = None, *, options: WriteOptions | None = None
) -> str:
    r"""As ``dump``, to a text.

    >>> dumps([loads("{}"), loads("{}")])
    '[{},{}]'
    >>> dumps([loads("{}"), loads("{}")], options=WriteOptions(ndjson=True))
    '{}\n{}\n'
    """
    encoder = DatasetEncoder(indent, options=options, array=_is_array(obj))
    blocks = [block for dataset in _each(obj) for block in encoder.encode(dataset)]
    return b"".join([*blocks, encoder.close()]).decode()


def _is_array(obj: Dataset | Iterable[Dataset]) -> bool:
    from pydicom.dataset import Dataset

    return not isinstance(obj, Dataset)


def _each(obj: Dataset | Iterable[Dataset]) -> Iterable[Dataset]:
    return cast("Iterable[Dataset]", obj if _is_array(obj) else [obj])


def _write(encoder: DatasetEncoder, blocks: Iterable[bytes], output: Output) -> None:
    """Write the blocks of an encoder; and what is pending then, if somebody waits for it."""
    for block in blocks:
        output.write(block)
    if output.is_connection:
        output.write(encoder.flush())


def _encoder(target: Target, indent: int | str | None, options: WriteOptions | None, *, array: bool) -> DatasetEncoder:
    """One of the format that the options or the name of the target say."""
    options = options_or_default(options, WriteOptions)
    if options.format == "auto" and isinstance(target, str | os.PathLike) and Path(target).suffix.lower() == ".xml":
        options = replace(options, format="xml")
    return DatasetEncoder(indent, options=options, array=array)


def write_events(
    events: Iterable[Event],
    target: Target,
    indent: int | str | None = None,
    *,
    options: WriteOptions | None = None,
    array: bool = True,
) -> None:
    """Write DICOM events as an array of data sets, in the canonical form of PS3.18 Annex F.

    Args:
        events: As ``iter_events`` and ``iter_file_events`` give them; they may be filtered or changed on the way.
        target: A path, a binary file, or a socket. A path appears under its name only when it is complete.
        indent: Spaces, or a string, for each level; None for no white space.
        options: The form of the text, what is left out, what becomes of bulk data, and how deep data sets may nest.
        array: Whether the data sets are put into an array; NDJSON has none. Otherwise there is one data set.

    Raises:
        OutputError: An event out of order, a tag not above the one before it, or a value that does not fit its VR.
        OSError: The target cannot be written.
        ValueError: An indent for NDJSON.

    >>> import io
    >>> target = io.BytesIO()
    >>> write_events(iter_events(b'[{"00100020": {"Value": ["17"], "vr": "LO"}}]'), target)
    >>> target.getvalue()
    b'[{"00100020":{"vr":"LO","Value":["17"]}}]'
    """
    encoder = _encoder(target, indent, options, array=array)
    with Output(target) as output:
        for part in _by_dataset(events) if output.is_connection else [events]:
            _write(encoder, encoder.encode_events(part), output)
        output.write(encoder.close())
        output.commit()


def _by_dataset(events: Iterable[Event]) -> Iterator[Iterable[Event]]:
    remaining = iter(events)
    for event in remaining:
        yield chain((event,), _to_end(remaining))


def _to_end(events: Iterator[Event]) -> Iterator[Event]:
    for event in events:
        yield event
        if event[0] == END_DATASET:
            return


def write_file(events: Iterable[Event], target: Target, *, options: WriteOptions | None = None) -> None:
    """Write the DICOM events of one data set as a DICOM file (PS3.10), in explicit VR little endian.

    File meta information that is missing is made. Encapsulated pixel data keeps its transfer syntax, which the events
    or the options must tell. Text that the character sets of the data set do not carry changes them to UTF-8.

    Args:
        events: As ``iter_events`` and ``iter_file_events`` give them.
        target: A path, a binary file, or a socket. A path appears under its name only when it is complete. Because the
            length of a value stands before it, what cannot be read and sought in is copied from a temporary file.
        options: The transfer syntax, and how deep data sets may nest.

    Raises:
        OutputError: An event out of order, a tag not above the one before it, or a value that a file cannot hold.
        OSError: The target cannot be written.

    >>> import io
    >>> target = io.BytesIO()
    >>> write_file(iter_events(b'{"00100020": {"vr": "LO", "Value": ["17"]}}'), target)
    >>> target.getvalue()[128:132]
    b'DICM'
    """
    from streamdicom.formats.part10 import Part10Writer

    options = options_or_default(options, WriteOptions)
    with Output(target) as output:
        with output.random_access() as file:
            writer = Part10Writer(file, temporary, options=options)
            writer.write_all(Pipeline.for_writing(options).iter(events))
            writer.close()
        output.commit()
