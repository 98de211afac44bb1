"""Write data sets and events."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from types import TracebackType

from streamdicom._typing import TYPE_CHECKING, Self, cast
from streamdicom._writers import check_no_indent, new_writer, write_blocks, write_file, write_rest
from streamdicom.codec import (
    DatasetEncoder,
    EventEncoder,
    EventStream,
    check_list,
    checked_events,
    file_options,
)
from streamdicom.errors import StreamDicomError
from streamdicom.events import Event, by_dataset
from streamdicom.formats import (
    DICOM,
    FORMATS,
    JSON,
    Format,
    FormatName,
    form_of_name,
    format_named,
)
from streamdicom.io import (
    Output,
    Target,
    check_target,
    is_special,
)
from streamdicom.options import WriteOptions, options_or_default

if TYPE_CHECKING:
    from pydicom.dataset import Dataset


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
    >>> from streamdicom import loads
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

    >>> from streamdicom import loads
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
    >>> from streamdicom import iter_events
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
