"""The index of a folder of DICOM files and of DICOM JSON: what is where, and what is searched for.

It is kept in ``FOLDER/.streamdicom/index.sqlite``, or in a temporary file where that cannot be written. Files are
known by path, size and time of their last change. A file of DICOM JSON may have any number of data sets, each of which
is found again by its place in the file. What leads out of the folder by a link is not in the index.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self, cast

from streamdicom.api import iter_events, iter_file_events
from streamdicom.archive import ProgressCallback, Skipped, Ticker, file_id, is_within, measure, walk_within
from streamdicom.errors import InputError, StreamDicomError
from streamdicom.events import Event
from streamdicom.options import ReadOptions
from streamdicom.server.catalog.database import Database
from streamdicom.server.catalog.records import FileKind, json_text, kind_of_file, read_range, records
from streamdicom.server.catalog.tables import End, Found, Start, Step, apply, forget, is_settled, settle
from streamdicom.server.qido import Level, Plan, Query, Renderer, Uids, from_tables, order_of, other_tags

FOLDER = ".streamdicom"
_NAME = "index.sqlite"
_MOST_STEPS = 512  # of a transaction, which are held in memory until then; three for a DICOM file
_LONGEST_REASON = 500  # characters


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a refresh has found.

    Attributes:
        read: Files that are new or have changed, and were read.
        removed: Files that are gone.
        known: Files that are as they were.

    >>> Refreshed(1, 0, 2).read
    1
    """

    read: int
    removed: int
    known: int


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a data set is.

    Attributes:
        path: The file.
        offset: Its first byte in the file.
        length: How many bytes it has.
        is_json: Whether they are DICOM JSON; otherwise they are a whole DICOM file.
        study: The Study Instance UID.
        series: The Series Instance UID.
        instance: The SOP Instance UID.
        size: What the size of the file was when it was read.
        mtime: What its time was, in nanoseconds.
        folder: The real path of the folder that the file must be in still.
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

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """The file, from its start.

        Raises:
            InputError: The file has changed since it was read, or leads out of the folder by now.
            OSError: It cannot be read.
        """
        with Path(self.path).open("rb", buffering=0) as file:
            status = os.fstat(file.fileno())
            if (status.st_size, status.st_mtime_ns) != (self.size, self.mtime) or not is_within(self.path, self.folder):
                raise InputError("the file has changed since the index was made")
            yield cast(BinaryIO, file)

    def chunks(self) -> Iterator[bytes]:
        """The bytes of the data set, some at a time.

        Raises:
            InputError: As for ``open``.
            OSError: It cannot be read.
        """
        with self.open() as file:
            yield from read_range(file, self.offset, self.length)

    def events(self, options: ReadOptions | None = None) -> Iterator[Event]:
        """The DICOM events of the data set, as ``iter_events`` and ``iter_file_events`` give them.

        Raises:
            InputError: As for ``chunks``, or what was read is at fault.
            OSError: It cannot be read.
        """
        read = iter_events if self.is_json else iter_file_events
        return iter(read(self.chunks(), options=options))


class Index:
    """An index of a folder. It may be used by several threads, and by several processes at once.

    Args:
        folder: The folder.
        path: Where the index is, if it is to be elsewhere.

    Attributes:
        put_aside: Why an index that was there before was put aside, beside the new one with ``.damaged`` at the end of
            its name; empty if it was not.

    Raises:
        OSError: The folder is not there, or the index at ``path`` cannot be written.

    >>> from pydicom.data import get_testdata_file
    >>> from tempfile import TemporaryDirectory
    >>> from shutil import copy
    >>> from streamdicom.server import Level, parse_query
    >>> with TemporaryDirectory() as folder, Index(folder) as index:
    ...     name = copy(get_testdata_file("CT_small.dcm"), folder)
    ...     index.refresh()
    ...     query = parse_query(Level.STUDY, "PatientName=compressed*")
    ...     [json.loads(text)["00100020"]["Value"] for text in index.search(query)]
    Refreshed(read=1, removed=0, known=0)
    [['1CT1']]
    """

    def __init__(self, folder: str | os.PathLike[str], path: str | os.PathLike[str] | None = None) -> None:
        self.folder = os.path.realpath(folder)
        if not os.path.isdir(self.folder):  # noqa: PTH112 - as below
            raise NotADirectoryError(f"no folder: {os.fspath(folder)!r}")
        self._database = Database(Path(path)) if path is not None else self._own()
        self.put_aside = self._database.put_aside

    def _own(self) -> Database:
        try:
            return Database(Path(self.folder, FOLDER, _NAME))
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

    # --- making it ---------------------------------------------------------------------------------------------

    def refresh(self, progress: ProgressCallback | None = None) -> Refreshed:
        """Make the index what the folder is: read what is new or has changed, and forget what is gone.

        What has been read is kept some hundreds of files at a time, so that a run that was stopped is gone on with by
        the next one. It may be searched meanwhile.

        Args:
            progress: Called with a ``Progress`` some times a second.

        Raises:
            OSError: The folder is not there.
            sqlite3.Error: The index cannot be written.
        """
        if not os.path.isdir(self.folder):  # noqa: PTH112 - as below
            raise NotADirectoryError(f"no folder: {self.folder!r}")  # nothing is forgotten then
        ticker = Ticker(progress)
        left_out = [one for one in (file_id(self._database.path.parent),) if one and self._is_within_own()]
        if progress is not None:
            ticker.files_known, ticker.size_known = measure([self.folder], left_out)
        read = known = 0
        batch = _Batch(self._database)
        for path, status in walk_within(self.folder, left_out):
            if isinstance(status, str):
                batch.fault(self._key(path), status)
            elif self._is_known(path, status):
                known += 1
            else:
                self._read(path, batch)
                read += 1
            ticker.advance(1, 0 if isinstance(status, str) else status.st_size)
        batch.write()
        removed = self._forget_removed()
        self._settle()
        ticker.tell()
        return Refreshed(read, removed, known)

    def add(self, path: str | os.PathLike[str]) -> None:
        """Read one file in the folder, which is new or has changed.

        Raises:
            InputError: There is nothing in it that the index can have, or an instance that is in another file.
            ValueError: It is not in the folder.
            OSError: It cannot be read.
        """
        name = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))  # noqa: PTH118, PTH119, PTH120
        if not is_within(name, self.folder):
            raise ValueError("a file that is not in the folder of the index")
        batch = _Batch(self._database)
        self._read(name, batch)
        batch.write()
        self._settle()
        with self._database.reading() as connection:
            row = connection.execute("SELECT fault, twice FROM file WHERE path = ?", (self._key(name),)).fetchone()
        if row and (row[0] or row[1]):
            raise InputError(_told(*row))

    def remove(self, path: str | os.PathLike[str]) -> None:
        """Forget a file and all that is in it; the file itself stays as it is."""
        name = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))  # noqa: PTH118, PTH119, PTH120
        with self._database.writing() as connection:
            forget(connection, self._key(name))
        self._settle()

    def skipped(self) -> Iterator[Skipped]:
        """The files that are not in the index, or not all that is in them, each with the reason."""
        statement = "SELECT path, fault, twice FROM file WHERE fault <> '' OR twice ORDER BY id"
        for path, fault, twice in self._rows(statement, ()):
            yield Skipped(self._path(path), _told(fault, twice))

    def _is_within_own(self) -> bool:
        # An index elsewhere may be in a folder with files that belong to this one.
        return self._database.path.parent.name == FOLDER

    def _key(self, path: str) -> bytes:
        return os.fsencode(os.path.relpath(path, self.folder))

    def _path(self, key: bytes) -> str:
        return os.path.join(self.folder, os.fsdecode(key))  # noqa: PTH118 - a name that is no text

    def _is_known(self, path: str, status: os.stat_result) -> bool:
        with self._database.reading() as connection:
            row = connection.execute("SELECT size, mtime FROM file WHERE path = ?", (self._key(path),)).fetchone()
        return bool(row == (status.st_size, status.st_mtime_ns))

    def _read(self, path: str, batch: _Batch) -> None:
        """Read a file; what is wrong with it is kept."""
        key = self._key(path)
        fault = ""
        kind = FileKind.OTHER
        batch.add(Start(key))
        status: tuple[int, int] = (0, 0)
        try:
            found = os.stat(path)  # noqa: PTH116 - before it is read, so that a change meanwhile shows
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
            fault = f"the file cannot be read: {error.strerror}"
        batch.add(End(key, *status, kind, fault))

    def _forget_removed(self) -> int:
        """Forget the files that are gone, some at a time."""
        count, last = 0, 0
        while True:
            with self._database.reading() as connection:
                statement = "SELECT id, path FROM file WHERE id > ? ORDER BY id LIMIT ?"
                rows = connection.execute(statement, (last, _MOST_STEPS)).fetchall()
            if not rows:
                return count
            last = rows[-1][0]
            gone = [key for _, key in rows if not self._is_there(self._path(key))]
            if gone:
                with self._database.writing() as connection:
                    for key in gone:
                        forget(connection, key)
            count += len(gone)

    def _is_there(self, path: str) -> bool:
        return os.path.lexists(path) and (os.path.islink(path) or is_within(path, self.folder))  # noqa: PTH114

    def _settle(self) -> None:
        """Read again what has to be, because what it was kept for, or instead of, is gone."""
        with self._database.writing() as connection:
            keys = settle(connection)
        batch = _Batch(self._database)
        for key in keys:
            self._read(self._path(key), batch)
        batch.write()
        if keys:
            with self._database.writing() as connection:
                is_settled(connection)

    # --- asking it ---------------------------------------------------------------------------------------------

    def entries(
        self, study: str | None = None, series: str | None = None, instance: str | None = None
    ) -> Iterator[Entry]:
        """Where the instances of a study, a series, or one of them are, in an order that is always the same.

        They are looked up while they are taken; what is changed meanwhile does not show.

        Args:
            study: The Study Instance UID; None for all.
            series: The Series Instance UID.
            instance: The SOP Instance UID.
        """
        tables, wheres, parameters = from_tables(Level.INSTANCE, (study, series, instance))
        if instance is not None:
            tables = tables.replace("CROSS JOIN", "JOIN")
        statement = (
            f"SELECT {_PLACE}, StudyInstanceUID, SeriesInstanceUID, SOPInstanceUID"
            f" FROM {tables} CROSS JOIN file ON file.id = instance.file"
            f" WHERE {' AND '.join(wheres) or 1} ORDER BY {order_of(Level.INSTANCE)}"
        )
        for row in self._rows(statement, tuple(parameters)):
            yield self._entry(row)

    def _entry(self, row: tuple[Any, ...]) -> Entry:
        key, start, length, kind, size, mtime, study, series, instance = row
        is_json = kind == FileKind.JSON
        return Entry(self._path(key), start, length, is_json, study, series, instance, size, mtime, self.folder)

    def search(
        self, query: Query, study: str | None = None, series: str | None = None, base_url: str = ""
    ) -> Iterator[str]:
        """The results of a search (PS3.18 10.6), each as the text of one data set in DICOM JSON.

        They are looked up while they are taken, in an order that is always the same; what is changed meanwhile does
        not show.

        Args:
            query: As ``parse_query`` reads it.
            study: The Study Instance UID of the path, if it has one.
            series: The Series Instance UID of the path.
            base_url: What Retrieve URL begins with.

        Raises:
            sqlite3.DatabaseError: The index is damaged; the next ``Index`` of the folder puts it aside.
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
                    more = self._more(connection, row[Level.INSTANCE], tags) if tags else {}
                    yield renderer.text(row, more)
            finally:
                cursor.close()

    def _more(self, connection: sqlite3.Connection, number: int, tags: list[str]) -> dict[str, Any]:
        """The elements that only the file has; none if it cannot be read any more."""
        statement = (
            f"SELECT {_PLACE}, '', '', '' FROM instance CROSS JOIN file ON file.id = instance.file"
            " WHERE instance.id = ?"
        )
        entry = self._entry(connection.execute(statement, (number,)).fetchone())
        options = ReadOptions(include=tags, on_deviation=lambda _: None)
        try:
            elements = [event for event in entry.events(options) if event[1] >> 16 > 2]
            found: dict[str, Any] = json.loads(json_text(elements))
        except (InputError, OSError):
            return {}
        return found

    def _rows(self, statement: str, parameters: tuple[Any, ...]) -> Iterator[Any]:
        with self._database.reading() as connection:
            cursor = connection.execute(statement, parameters)
            try:
                yield from cursor
            finally:
                cursor.close()


_PLACE = "file.path, instance.start, instance.length, file.kind, file.size, file.mtime"


def _reason(error: StreamDicomError) -> str:
    return str(error)[:_LONGEST_REASON]


def _told(fault: str, twice: int) -> str:
    told = [fault] if fault else []
    if twice:
        told.append(f"instances that are in another place too, which counts: {twice}")
    return "; ".join(told)


class _Batch:
    """What is to be written in one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._steps: list[Step] = []

    def add(self, step: Step) -> None:
        self._steps.append(step)
        if len(self._steps) >= _MOST_STEPS:
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
