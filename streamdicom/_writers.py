"""Write data sets and events to an output, as text or as a DICOM file."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from itertools import chain

from streamdicom._typing import TYPE_CHECKING
from streamdicom.codec import DatasetEncoder, EventEncoder, file_options, written_events
from streamdicom.errors import OutputError, StreamDicomError
from streamdicom.events import Event
from streamdicom.filters import Pipeline
from streamdicom.formats import DICOM, ONE_DATASET, Format
from streamdicom.io import Output, temporary
from streamdicom.options import WriteOptions, options_or_default

if TYPE_CHECKING:
    from pydicom.dataset import Dataset


class TextWriter:
    """Writes data sets as text."""

    def __init__(self, encoder: DatasetEncoder) -> None:
        self._encoder = encoder

    def write(self, dataset: Dataset, output: Output) -> None:
        write_blocks(self._encoder, self._encoder.encode(dataset), output)

    def flush(self, output: Output) -> None:
        output.write(self._encoder.flush())
        output.flush()

    def write_pending(self, output: Output) -> None:
        write_rest(self._encoder, output)

    def close(self, output: Output) -> None:
        output.write(self._encoder.close())


class FileWriter:
    """Writes one data set as a DICOM file."""

    def __init__(self, indent: int | str | None, options: WriteOptions) -> None:
        check_no_indent(indent)
        self._options = file_options(options)
        self._is_written = False
        self._error: OutputError | None = None

    def write(self, dataset: Dataset, output: Output) -> None:
        from pydicom.dataset import Dataset

        from streamdicom.datasets import walk

        if not isinstance(dataset, Dataset):
            raise TypeError(f"expected a Dataset or an iterable of them, found {type(dataset).__name__}")
        if self._is_written:
            raise OutputError(ONE_DATASET)
        self._is_written = True
        self._error = OutputError("the DICOM file is not complete")
        write_file(chain.from_iterable(walk(dataset, 0, options=self._options)), output, self._options)
        self._error = None

    def flush(self, output: Output) -> None:
        output.flush()

    def write_pending(self, output: Output) -> None:
        """Do nothing: part of a DICOM file is of no use."""

    def close(self, _: Output) -> None:
        if self._error:
            raise self._error
        if not self._is_written:
            raise OutputError("expected a data set for a DICOM file, found none")


def new_writer(
    row: Format, indent: int | str | None, options: WriteOptions | None, *, array: bool
) -> TextWriter | FileWriter:
    if row is not DICOM:
        return TextWriter(DatasetEncoder(indent, format=row.name, options=options, array=array))
    return FileWriter(indent, options_or_default(options, WriteOptions))


def write_blocks(encoder: DatasetEncoder | EventEncoder, blocks: Iterable[bytes], output: Output) -> None:
    """Write the blocks of an encoder, and the pending one if a peer waits for it."""
    for block in blocks:
        output.write(block)
    if output.is_connection:
        output.write(encoder.flush())


def write_rest(encoder: DatasetEncoder | EventEncoder, output: Output) -> None:
    """Write the bytes before an error if the output keeps an incomplete document."""
    if output.is_direct:
        with suppress(StreamDicomError):
            output.write(encoder.flush())


def check_no_indent(indent: int | str | None) -> None:
    if indent is not None:
        raise ValueError("a DICOM file has no indent; leave it out")


def write_file(events: Iterable[Event], output: Output, options: WriteOptions) -> None:
    from streamdicom.formats.part10 import Part10Writer

    with output.random_access() as file:
        writer = Part10Writer(file, temporary, options=options)
        writer.write_all(written_events(events, options, Pipeline.for_writing(options)))
        writer.close()
