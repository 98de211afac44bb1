"""Export of chosen data sets, written by the library while it is sent."""

from __future__ import annotations

import io
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from streamdicom.codec import EventEncoder
from streamdicom.errors import StreamDicomError
from streamdicom.events import Event
from streamdicom.filters import needed_file_meta, sort_elements
from streamdicom.options import WriteOptions
from streamdicom.server.browse.datasets import events_of, reading_options
from streamdicom.server.browse.library import Library
from streamdicom.server.browse.rows import SOURCE
from streamdicom.server.browse.search import Query, search

_BLOCK = 64 * 1024
_OPTIONS = WriteOptions(file_meta=True, on_error="keep")
_MAX_FAULTS = 1000  # that are listed


class Format(NamedTuple):
    """A form of an export.

    Attributes:
        suffix: Of the name of the file.
        media_type: The media type.
        write: Yields the bytes.
    """

    suffix: str
    media_type: str
    write: Callable[[Export], Iterator[bytes]]


class Export:
    """Data sets to write.

    Args:
        library: The data sets.
        numbers: The numbers of the chosen ones; None for all that satisfy the query.
        query: Conditions on data sets.
        columns: The columns of tables.
    """

    def __init__(
        self, library: Library, numbers: Sequence[int] | None, query: Query, columns: Sequence[str] = ()
    ) -> None:
        self.library = library
        self.columns = _elements(columns)
        self.faults: list[str] = []
        self._numbers = numbers
        self._query = query

    def numbers(self) -> Iterator[int]:
        """Yield the numbers of the data sets."""
        if self._numbers is not None:
            yield from self._numbers
        elif not self._query.where and not self._query.words:
            yield from range(len(self.library))
        else:
            for step in search(self.library, self._query):
                yield from step.numbers

    def events(self, number: int) -> Iterator[Event]:
        """Yield the events of a data set in the order of tags, with group 0002 if needed."""
        events = events_of(self.library, number, reading_options(self.library))
        if self.library.locate(number).unit.format == "dicom":  # where group 0002 is first, whatever tags follow
            return sort_elements(needed_file_meta(events))
        return needed_file_meta(sort_elements(events))

    def add_fault(self, number: int, error: Exception) -> None:
        """Note a data set that cannot be written."""
        if len(self.faults) < _MAX_FAULTS:
            self.faults.append(f"#{number}: {error}")


def _lines(export: Export) -> Iterator[bytes]:
    """Yield NDJSON. A data set that is not readable ends it with an error."""
    encoder = EventEncoder(format="ndjson", options=_OPTIONS)
    for number in export.numbers():
        yield from encoder.encode(export.events(number))
    yield encoder.close()


def _files(export: Export) -> Iterator[bytes]:
    """Yield a ZIP file of DICOM files, with a list of what is not written."""
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for number in export.numbers():
            try:
                with tempfile.TemporaryFile() as file:
                    write_file(export.library, number, file)
                    file.seek(0)
                    with archive.open(f"{number:08}.dcm", "w", force_zip64=True) as member:
                        while block := file.read(_BLOCK):
                            member.write(block)
                            yield sink.take()
            except StreamDicomError as error:
                export.add_fault(number, error)
            yield sink.take()
        if export.faults:
            archive.writestr("not-written.txt", "\n".join(export.faults) + "\n")
    yield sink.take()


def write_file(library: Library, number: int, file: Any) -> None:
    """Write a data set as a DICOM file; a DICOM file is copied byte for byte.

    Raises:
        InputError: The data set is at fault.
        OutputError: It cannot be a DICOM file.
        SourceChangedError: The source has changed.
    """
    located = library.locate(number)
    if located.unit.format == "dicom":
        with library.opened(located) as source:
            shutil.copyfileobj(source, file, _BLOCK)
        return
    encoder = EventEncoder(format="dicom", options=_OPTIONS, array=False)
    events = sort_elements(events_of(library, number, reading_options(library)))
    for block in encoder.encode(events):
        file.write(block)
    file.write(encoder.close())


def _table(format: str) -> Callable[[Export], Iterator[bytes]]:
    def write(export: Export) -> Iterator[bytes]:
        from streamdicom.columns import read, write_table

        with tempfile.TemporaryDirectory(prefix="streamdicom-") as folder:
            rows, target = Path(folder, "rows.ndjson"), Path(folder, f"table.{format}")
            with rows.open("wb") as file:
                for block in _lines(export):
                    file.write(block)
                    yield b""
                if not file.tell():
                    file.write(b"[]")  # for a table without rows
            write_table(read(rows, columns=export.columns, on_mismatch="null"), target, format)
            with target.open("rb") as file:
                while block := file.read(_BLOCK):
                    yield block

    return write


def check_columns(names: Sequence[str]) -> None:
    """Check that a table can have some columns.

    Raises:
        ValueError: The VR of a column is unknown, or there are no columns.
    """
    from streamdicom.columns import read

    read(columns=_elements(names))


def _elements(columns: Sequence[str]) -> list[str]:
    return [name for name in columns if name != SOURCE]


class _Sink(io.RawIOBase):
    """A target that is not seekable, whose bytes are taken."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        """Return the bytes since the last call."""
        data = b"".join(self._parts)
        self._parts.clear()
        return data


FORMATS = {
    "ndjson": Format(".ndjson", "application/x-ndjson", _lines),
    "dicom": Format(".zip", "application/zip", _files),
    "parquet": Format(".parquet", "application/vnd.apache.parquet", _table("parquet")),
    "csv": Format(".csv", "text/csv; charset=utf-8", _table("csv")),
}
"""The forms of exports."""

TABLES = ("parquet", "csv")
"""The forms that have columns."""
