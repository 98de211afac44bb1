"""The SQLite file of the catalog: its tables, and its connections.

The file is a cache that can be rebuilt. A damaged file, or a file of another version, is renamed and replaced. Any
number of processes may share it: with a write-ahead log, readers see a snapshot and writers wait for one another.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import cast

from streamdicom.archive import SpoolFolder
from streamdicom.server.qido import COLUMNS, UNIQUE_KEYS, Level

ASIDE = ".damaged"  # suffix of a file that was put aside

_APPLICATION = 0x5344_494E
_VERSION = 1  # changes with the tables and the meaning of their rows
_WAIT = 60  # seconds for another writer, whose transactions take milliseconds
_CACHE = -512  # KiB, of each connection
_MAX_IDLE = 16  # connections kept for the next reader
_PARTS = ("", "-wal", "-shm")


def _columns(level: Level) -> str:
    return ", ".join(f"{attribute.keyword} TEXT" for attribute in COLUMNS[level])


# A study or a series has the attributes of its first data set, in the file ``source``.
_SCHEMA = f"""
CREATE TABLE file (id INTEGER PRIMARY KEY, path BLOB NOT NULL UNIQUE, size INTEGER, mtime INTEGER,
    kind INTEGER NOT NULL DEFAULT 0, fault TEXT NOT NULL DEFAULT '', twice INTEGER NOT NULL DEFAULT 0);
CREATE TABLE study (id INTEGER PRIMARY KEY, source INTEGER NOT NULL, attributes TEXT NOT NULL,
    {_columns(Level.STUDY)}, UNIQUE ({UNIQUE_KEYS[Level.STUDY]}));
CREATE TABLE series (id INTEGER PRIMARY KEY, study INTEGER NOT NULL, source INTEGER NOT NULL,
    attributes TEXT NOT NULL, {_columns(Level.SERIES)}, UNIQUE (study, {UNIQUE_KEYS[Level.SERIES]}));
CREATE TABLE instance (id INTEGER PRIMARY KEY, series INTEGER NOT NULL, file INTEGER NOT NULL,
    start INTEGER NOT NULL, length INTEGER NOT NULL, attributes TEXT NOT NULL, {_columns(Level.INSTANCE)},
    UNIQUE ({UNIQUE_KEYS[Level.INSTANCE]}));
CREATE TABLE unsettled (one INTEGER PRIMARY KEY);
CREATE INDEX series_of_study ON series (study);
CREATE INDEX series_by_uid ON series ({UNIQUE_KEYS[Level.SERIES]});
CREATE INDEX instance_of_series ON instance (series);
CREATE INDEX instance_of_file ON instance (file);
CREATE INDEX file_twice ON file (id) WHERE twice;
CREATE INDEX file_fault ON file (id) WHERE fault <> '' OR twice;
PRAGMA application_id = {_APPLICATION};
PRAGMA user_version = {_VERSION};
"""


def make_private(folder: Path) -> None:
    """Make a folder that only its owner can read, unless it exists.

    Raises:
        OSError: The folder cannot be made, or is a link, which may lead anywhere.
    """
    with suppress(FileExistsError):
        folder.mkdir(0o700)
    if folder.is_symlink() or not folder.is_dir():
        raise NotADirectoryError(f"expected a folder: {str(folder)!r}")


class Database:
    """Connections to the SQLite file.

    Args:
        path: The file; None for a file in a temporary folder, deleted on close, or by the next run after a kill.

    Attributes:
        path: The path of the file.
        put_aside: Why an earlier file was put aside; empty if it was not.

    Raises:
        OSError: The folder cannot be written.

    >>> database = Database(None)
    >>> with database.writing() as connection:
    ...     connection.execute("SELECT count(*) FROM study").fetchone()
    (0,)
    >>> database.close()
    """

    def __init__(self, path: Path | None) -> None:
        self._folder = None if path else SpoolFolder()
        self.path = path or Path(cast(SpoolFolder, self._folder).path, "index.sqlite")
        self.put_aside = ""
        self._lock = Lock()
        self._idle: list[sqlite3.Connection] = []
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # SQLite gives its log the permissions of the file.
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
        for part in _PARTS:
            with suppress(PermissionError, FileNotFoundError):  # another user's, or gone
                Path(f"{self.path}{part}").chmod(0o600)
        try:
            self._writer = self._open()
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):  # such as a folder that cannot be written
                raise OSError(f"the index cannot be opened: {error}") from error
            self.put_aside = str(error)
            self._put_aside()
            self._writer = self._open()

    def _open(self) -> sqlite3.Connection:
        """Open the writing connection and check the tables.

        Raises:
            sqlite3.DatabaseError: The file is damaged, or not an index of this version.
        """
        connection = self._connect()
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")  # after a power cut the index is rebuilt
            connection.execute("BEGIN IMMEDIATE")
            if not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                for statement in _SCHEMA.split(";"):
                    connection.execute(statement)
            connection.execute("COMMIT")
            _check(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _connect(self) -> sqlite3.Connection:
        # One thread at a time uses a connection, but not always the same thread.
        connection = sqlite3.connect(self.path, timeout=_WAIT, isolation_level=None, check_same_thread=False)
        try:
            connection.execute(f"PRAGMA cache_size = {_CACHE}")
        except BaseException:
            connection.close()
            raise
        return connection

    def _put_aside(self) -> None:
        for part in _PARTS:
            with suppress(FileNotFoundError):
                os.replace(f"{self.path}{part}", f"{self.path}{ASIDE}{part}")

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Run a transaction, committed unless the block raises. Other writers wait.

        Raises:
            sqlite3.OperationalError: Another writer took over a minute, or the disk is full.
        """
        with self._lock:
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
            except BaseException:
                self._writer.execute("ROLLBACK")
                raise
            self._writer.execute("COMMIT")

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection to one reader."""
        with self._lock:
            connection = self._idle.pop() if self._idle else None
        if connection is None:
            connection = self._connect()
            connection.execute("PRAGMA query_only = 1")
        try:
            yield connection
        finally:
            with self._lock:
                is_kept = len(self._idle) < _MAX_IDLE
                if is_kept:
                    self._idle.append(connection)
            if not is_kept:
                connection.close()

    def close(self) -> None:
        """Close idle connections and the writer; delete a temporary file."""
        with self._lock:
            for connection in (*self._idle, self._writer):
                connection.close()
            self._idle.clear()
        if self._folder:
            self._folder.close()


def _check(connection: sqlite3.Connection) -> None:
    application, version = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in _MARKS]
    if application != _APPLICATION:
        raise sqlite3.DatabaseError("the file is not an index of streamdicom")
    if version != _VERSION:
        raise sqlite3.DatabaseError("the file is an index of another version")
    [found] = connection.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise sqlite3.DatabaseError("the index is damaged")


_MARKS = ("application_id", "user_version")
