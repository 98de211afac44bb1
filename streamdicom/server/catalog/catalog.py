"""The catalog: an index of the data sets in a folder.

The index is ``FOLDER/.streamdicom/index.sqlite``, or a temporary file if the folder is read-only. Files are identified
by path, size and modification time. A file of DICOM JSON may hold any number of data sets, each found by its offset.
Links that lead out of the folder are ignored.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from errno import EMFILE, ENFILE, ENOMEM
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, NamedTuple, Self

from streamdicom.api import expanded_events
from streamdicom.archive import Skipped
from streamdicom.dicom import MAX_TAG
from streamdicom.errors import InputError, StreamDicomError
from streamdicom.events import Event
from streamdicom.inputs import file_id, is_open_within, is_within, measure, walk_within
from streamdicom.io import Expansion
from streamdicom.options import ReadOptions, options_or_default
from streamdicom.progress import ProgressCallback, Ticker
from streamdicom.server.catalog.database import Database, make_private
from streamdicom.server.catalog.records import (
    FileKind,
    json_text,
    kind_of_file,
    open_file,
    read_range,
    records,
    short_elements,
)
from streamdicom.server.catalog.tables import End, Found, Start, Step, apply, forget, mark_settled, settle
from streamdicom.server.qido import Level, Plan, Query, Renderer, Uids, from_tables, order_of, other_tags

FOLDER = ".streamdicom"
_NAME = "index.sqlite"
_MAX_STEPS = 512  # of a transaction, held in memory; a DICOM file takes three
_EXHAUSTED = frozenset({EMFILE, ENFILE, ENOMEM})
_MAX_REASON_LENGTH = 500  # characters


@dataclass(frozen=True, slots=True)
class Refreshed:
    """The result of a refresh, as numbers of files.

    Attributes:
        read: New and changed files.
        removed: Deleted files.
        known: Unchanged files.

    >>> Refreshed(1, 0, 2).read
    1
    """

    read: int
    removed: int
    known: int


class Counts(NamedTuple):
    """The numbers of studies, series and instances in the index."""

    studies: int
    series: int
    instances: int
    skipped: int
    """Files that are not, or not wholly, in the index."""


@dataclass(frozen=True, slots=True)
class Entry:
    """The place of a data set.

    Attributes:
        path: The path of the file.
        offset: The offset of the data set, in bytes.
        length: The length of the data set, in bytes.
        is_json: True for DICOM JSON, False for a whole DICOM file.
        study: The Study Instance UID.
        series: The Series Instance UID.
        instance: The SOP Instance UID.
        size: The size of the file when the catalog read it.
        mtime: The modification time of the file then, in nanoseconds.
        folder: The real path of the folder, which must still contain the file.
    """

    path: str
    offset: int
    length: int
    is_json: bool
    study: str
    series: str
    instance: str
    size: int
    mtime: int
    folder: str

    def open(self) -> BinaryIO:
        """Open the file.

        Raises:
            InputError: The file has changed since the catalog read it, or now leads out of the folder.
            OSError: The file cannot be read.
        """
        file = open_file(self.path)
        try:
            status = os.fstat(file.fileno())
            is_same = status.st_size == self.size and status.st_mtime_ns == self.mtime
            if is_same and is_open_within(file.fileno(), self.path, self.folder):
                return file
            raise InputError("the file has changed since it was indexed; refresh the catalog")
        except BaseException:
            file.close()
            raise

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes of the data set.

        Raises:
            InputError: The file has changed.
            OSError: The file cannot be read.
        """
        with self.open() as file:
            yield from read_range(file, self.offset, self.length)

    def events(self, options: ReadOptions | None = None, form: object | None = None) -> Iterator[Event]:
        """Yield the events of the data set, as ``expanded_events`` does.

        Raises:
            InputError: The file has changed, or its content is invalid.
            OSError: The file cannot be read.
        """
        options = options_or_default(options, ReadOptions)
        return iter(expanded_events(self.chunks(), options, Expansion(options.limits), form))


class Catalog:
    """The index of a folder. Threads and processes may share it.

    Args:
        folder: The folder.
        path: The path of the index, if it is not in the folder.

    Attributes:
        put_aside: Why an earlier index was renamed to ``*.damaged``; empty if it was not.
        is_refreshed: Whether this object has brought the index up to date.

    Raises:
        OSError: The folder does not exist, or the index at ``path`` cannot be written.

    >>> import json
    >>> from pydicom.data import get_testdata_file
    >>> from tempfile import TemporaryDirectory
    >>> from shutil import copy
    >>> from streamdicom.server import Level, parse_query
    >>> with TemporaryDirectory() as folder, Catalog(folder) as catalog:
    ...     name = copy(get_testdata_file("CT_small.dcm"), folder)
    ...     catalog.refresh()
    ...     query = parse_query(Level.STUDY, "PatientName=compressed*")
    ...     [json.loads(text)["00100020"]["Value"] for text in catalog.search(query)]
    Refreshed(read=1, removed=0, known=0)
    [['1CT1']]
    """

    def __init__(self, folder: str | os.PathLike[str], path: str | os.PathLike[str] | None = None) -> None:
        self.folder = os.path.realpath(folder)
        if not os.path.isdir(self.folder):
            raise NotADirectoryError(f"expected a folder: {os.fspath(folder)!r}")
        self._database = Database(Path(path)) if path is not None else self._own()
        self.put_aside = self._database.put_aside
        self.is_refreshed = False

    def _own(self) -> Database:
        own = Path(self.folder, FOLDER)
        try:
            make_private(own)
            return Database(own / _NAME)
        except OSError:
            return Database(None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the index."""
        self._database.close()

    # --- refreshing ---------------------------------------------------------------------------------------------

    def refresh(self, progress: ProgressCallback | None = None) -> Refreshed:
        """Bring the index up to date with the folder.

        Files are committed some hundreds at a time, so an interrupted run resumes where it stopped. Searches may run
        meanwhile.

        Args:
            progress: Called with a ``Progress`` a few times a second.

        Raises:
            OSError: The folder does not exist.
            sqlite3.Error: The index cannot be written.
        """
        if not os.path.isdir(self.folder):
            raise NotADirectoryError(f"expected a folder: {self.folder!r}")  # keep the index
        ticker = Ticker(progress)
        excluded = [id_ for id_ in (file_id(self._database.path.parent),) if id_ and self._is_within_own()]
        if progress is not None:
            ticker.files_known, ticker.size_known = measure([self.folder], excluded)
        read = known = 0
        faults: set[bytes] = set()
        batch = _Batch(self._database)
        for path, status in walk_within(self.folder, excluded):
            if isinstance(status, str):
                faults.add(self._key(path))
                batch.fault(self._key(path), status)
            elif self._is_known(path, status):
                known += 1
            else:
                self._read(path, batch)
                read += 1
            ticker.advance(1, 0 if isinstance(status, str) else status.st_size)
        batch.write()
        removed = self._forget_removed(faults)
        self._settle()
        self.is_refreshed = True
        ticker.finish()
        return Refreshed(read, removed, known)

    def add(self, path: str | os.PathLike[str]) -> None:
        """Read a new or changed file of the folder.

        Raises:
            InputError: The file cannot be indexed, or repeats an instance of another file.
            ValueError: The file is outside the folder.
            OSError: The file cannot be read.
        """
        name = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
        if not is_within(name, self.folder):
            raise ValueError("expected a file in the folder of the catalog")
        batch = _Batch(self._database)
        self._read(name, batch)
        batch.write()
        self._settle()
        with self._database.reading() as connection:
            row = connection.execute("SELECT fault, twice FROM file WHERE path = ?", (self._key(name),)).fetchone()
        if row and (row[0] or row[1]):
            raise InputError(_fault_text(*row))

    def remove(self, path: str | os.PathLike[str]) -> None:
        """Remove a file from the index; the file itself stays."""
        name = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
        with self._database.writing() as connection:
            forget(connection, self._key(name))
        self._settle()

    def skipped(self) -> Iterator[Skipped]:
        """Yield the files that are not, or not wholly, in the index, each with the reason."""
        statement = "SELECT path, fault, twice FROM file WHERE fault <> '' OR twice ORDER BY id"
        for path, fault, twice in self._rows(statement, ()):
            yield Skipped(self._path(path), _fault_text(fault, twice))

    def _is_within_own(self) -> bool:
        # An index elsewhere may lie beside files of the folder.
        return self._database.path.parent.name == FOLDER

    def _key(self, path: str) -> bytes:
        return os.fsencode(os.path.relpath(path, self.folder))

    def _path(self, key: bytes) -> str:
        return os.path.join(self.folder, os.fsdecode(key))

    def _is_known(self, path: str, status: os.stat_result) -> bool:
        with self._database.reading() as connection:
            row = connection.execute("SELECT size, mtime FROM file WHERE path = ?", (self._key(path),)).fetchone()
        return bool(row == (status.st_size, status.st_mtime_ns))

    def _read(self, path: str, batch: _Batch) -> None:
        """Read a file and record its fault, if any.

        Raises:
            OSError: The process has no file descriptor or memory left, which is no fault of the file.
        """
        key = self._key(path)
        fault = ""
        kind = FileKind.OTHER
        batch.add(Start(key))
        status: tuple[int, int] = (0, 0)
        try:
            found = os.stat(path)
            status = found.st_size, found.st_mtime_ns
            kind = kind_of_file(path)
            for record in records(path, kind) if kind else ():
                if isinstance(record, StreamDicomError):
                    fault = fault or _reason(record)
                else:
                    batch.add(Found(key, record))
        except StreamDicomError as error:
            fault = _reason(error)
        except OSError as error:
            if error.errno in _EXHAUSTED:
                raise
            fault = f"the file cannot be read: {error.strerror}"
            status = (0, 0)  # the next refresh tries again
        batch.add(End(key, *status, kind, fault))

    def _forget_removed(self, faults: Collection[bytes]) -> int:
        """Remove deleted files from the index, in batches; return their number.

        A folder is in the index only while it is among the faults.
        """
        count, last = 0, 0
        while True:
            with self._database.reading() as connection:
                statement = "SELECT id, path FROM file WHERE id > ? ORDER BY id LIMIT ?"
                rows = connection.execute(statement, (last, _MAX_STEPS)).fetchall()
            if not rows:
                return count
            last = rows[-1][0]
            gone = [key for _, key in rows if key not in faults and not self._is_there(self._path(key))]
            if gone:
                with self._database.writing() as connection:
                    for key in gone:
                        forget(connection, key)
            count += len(gone)

    def _is_there(self, path: str) -> bool:
        if os.path.isdir(path) or not os.path.lexists(path):
            return False
        return os.path.islink(path) or is_within(path, self.folder)

    def _settle(self) -> None:
        """Read files again whose place in the index depended on removed files."""
        with self._database.writing() as connection:
            keys = settle(connection)
        batch = _Batch(self._database)
        for key in keys:
            self._read(self._path(key), batch)
        batch.write()
        if keys:
            with self._database.writing() as connection:
                mark_settled(connection)

    # --- searching ---------------------------------------------------------------------------------------------

    def entries(
        self, study: str | None = None, series: str | None = None, instance: str | None = None
    ) -> Iterator[Entry]:
        """Yield the instances of a study, of a series, or one instance, in a stable order.

        The iterator reads a snapshot: changes meanwhile do not show.

        Args:
            study: The Study Instance UID; None for all.
            series: The Series Instance UID.
            instance: The SOP Instance UID.
        """
        tables, wheres, parameters = from_tables(Level.INSTANCE, (study, series, instance))
        if instance is not None:
            tables = tables.replace("CROSS JOIN", "JOIN")
        statement = (
            f"SELECT {_ENTRY_COLUMNS}, StudyInstanceUID, SeriesInstanceUID, SOPInstanceUID"
            f" FROM {tables} CROSS JOIN file ON file.id = instance.file"
            f" WHERE {' AND '.join(wheres) or 1} ORDER BY {order_of(Level.INSTANCE)}"
        )
        for row in self._rows(statement, tuple(parameters)):
            yield self._entry(row)

    def _entry(self, row: tuple[Any, ...]) -> Entry:
        key, start, length, kind, size, mtime, study, series, instance = row
        is_json = kind == FileKind.JSON
        return Entry(self._path(key), start, length, is_json, study, series, instance, size, mtime, self.folder)

    def check(self) -> None:
        """Check that the folder and its index can be read.

        Raises:
            OSError: The folder cannot be read.
            sqlite3.Error: The index cannot be read.
        """
        Path(self.folder).stat()
        for _ in self._rows("SELECT id FROM file LIMIT 1", ()):
            pass

    def counts(self) -> Counts:
        """Count studies, series, instances, and files that are not in the index.

        Raises:
            sqlite3.Error: The index cannot be read.
        """
        [found] = self._rows(_COUNTS, ())
        return Counts(*found)

    def search(
        self, query: Query, study: str | None = None, series: str | None = None, base_url: str = ""
    ) -> Iterator[str]:
        """Yield the results of a search (PS3.18 10.6), each as DICOM JSON.

        The iterator reads a snapshot, in a stable order.

        Args:
            query: The query, from ``parse_query``.
            study: The Study Instance UID in the path, if any.
            series: The Series Instance UID in the path, if any.
            base_url: The start of Retrieve URL.

        Raises:
            sqlite3.DatabaseError: The index is damaged; the next ``Catalog`` of the folder replaces it.
        """
        uids: Uids = (study, series, None)
        plan = Plan(query, uids)
        tags = other_tags(query)
        with self._database.reading() as connection:
            plan.install(connection)
            renderer = Renderer(query, uids, base_url, connection)
            cursor = connection.execute(plan.sql(renderer.columns), plan.parameters)
            try:
                for row in cursor:
                    more = self._more(connection, row[Level.INSTANCE], tags) if tags else ""
                    yield renderer.text(row, more)
            finally:
                cursor.close()

    def _more(self, connection: sqlite3.Connection, number: int, tags: list[str]) -> str:
        """Return DICOM JSON of elements that only the file has, if it is readable."""
        statement = (
            f"SELECT {_ENTRY_COLUMNS}, '', '', '' FROM instance CROSS JOIN file ON file.id = instance.file"
            " WHERE instance.id = ?"
        )
        entry = self._entry(connection.execute(statement, (number,)).fetchone())
        # One fault costs one element. Tags of files ascend, so what follows the highest need not be read.
        options = ReadOptions(include=tags, on_deviation=lambda _: None, on_error="skip")
        highest = MAX_TAG if entry.is_json else int(tags[-1], 16)
        try:
            elements = short_elements(entry.events(options), highest)
            return json_text([event for element in elements for event in element if element[0][1] >> 16 > 2])
        except InputError:
            return ""
        except OSError as error:
            if error.errno in _EXHAUSTED:
                raise
            return ""

    def _rows(self, statement: str, parameters: tuple[Any, ...]) -> Iterator[Any]:
        with self._database.reading() as connection:
            cursor = connection.execute(statement, parameters)
            try:
                yield from cursor
            finally:
                cursor.close()


_COUNTS = (
    "SELECT (SELECT count(*) FROM study), (SELECT count(*) FROM series), (SELECT count(*) FROM instance),"
    " (SELECT count(*) FROM file WHERE fault != '' OR twice)"
)
_ENTRY_COLUMNS = "file.path, instance.start, instance.length, file.kind, file.size, file.mtime"


def _reason(error: StreamDicomError) -> str:
    return str(error)[:_MAX_REASON_LENGTH]


def _fault_text(fault: str, duplicates: int) -> str:
    faults = [fault] if fault else []
    if duplicates:
        faults.append(f"{duplicates} instance{'' if duplicates == 1 else 's'} that another file has already")
    return "; ".join(faults)


class _Batch:
    """Steps to write in one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._steps: list[Step] = []

    def add(self, step: Step) -> None:
        self._steps.append(step)
        if len(self._steps) >= _MAX_STEPS:
            self.write()

    def fault(self, key: bytes, reason: str) -> None:
        self.add(Start(key))
        self.add(End(key, 0, 0, FileKind.OTHER, reason))

    def write(self) -> None:
        if self._steps:
            with self._database.writing() as connection:
                for step in self._steps:
                    apply(connection, step)
            self._steps.clear()
