"""Updates of the tables, a step at a time."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple, TypeAlias

from streamdicom.server.catalog.records import Record, Row
from streamdicom.server.qido import COLUMNS, UNIQUE_KEYS, Level


class Start(NamedTuple):
    """A file is about to be read; its rows are removed."""

    path: bytes


class Found(NamedTuple):
    """The file holds a data set."""

    path: bytes
    record: Record


class End(NamedTuple):
    """The file has been read; its size and time identify it from now on."""

    path: bytes
    size: int
    mtime: int
    kind: int
    fault: str


Step: TypeAlias = Start | Found | End


def apply(connection: sqlite3.Connection, step: Step) -> None:
    """Write a step, within a transaction."""
    if isinstance(step, Start):
        _start(connection, step.path)
    elif isinstance(step, Found):
        _found(connection, step)
    else:
        statement = "UPDATE file SET size = ?, mtime = ?, kind = ?, fault = ? WHERE path = ?"
        connection.execute(statement, (step.size, step.mtime, step.kind, step.fault, step.path))


def _start(connection: sqlite3.Connection, path: bytes) -> None:
    row = connection.execute("SELECT id FROM file WHERE path = ?", (path,)).fetchone()
    if row is None:
        connection.execute("INSERT INTO file (path) VALUES (?)", (path,))
    else:
        connection.execute("DELETE FROM instance WHERE file = ?", row)
        connection.execute("UPDATE file SET size = NULL, mtime = NULL, fault = '', twice = 0 WHERE id = ?", row)
        _unsettle(connection)


def _found(connection: sqlite3.Connection, step: Found) -> None:
    row = connection.execute("SELECT id FROM file WHERE path = ?", (step.path,)).fetchone()
    if row is None:  # another process has removed the file
        return
    [file] = row
    record = step.record
    study = _parent(connection, Level.STUDY, (), record.rows[Level.STUDY], file)
    series = _parent(connection, Level.SERIES, (study,), record.rows[Level.SERIES], file)
    instance = record.rows[Level.INSTANCE]
    values = (series, file, record.offset, record.length, instance.attributes, *instance.columns)
    if not connection.execute(_INSERTS[Level.INSTANCE], values).rowcount and _is_elsewhere(connection, file, record):
        connection.execute("UPDATE file SET twice = twice + 1 WHERE id = ?", (file,))


def _is_elsewhere(connection: sqlite3.Connection, file: int, record: Record) -> bool:
    """Return whether another place has the instance."""
    uid = record.rows[Level.INSTANCE].columns[_keywords(Level.INSTANCE).index(UNIQUE_KEYS[Level.INSTANCE])]
    statement = "SELECT file, start FROM instance WHERE SOPInstanceUID = ?"
    return bool(connection.execute(statement, (uid,)).fetchone() != (file, record.offset))


def _parent(connection: sqlite3.Connection, level: Level, keys: tuple[int, ...], row: Row, file: int) -> int:
    """Return the id of a study or series; insert it, or update it from its source."""
    uid = row.columns[_keywords(level).index(UNIQUE_KEYS[level])]
    found = connection.execute(_SELECTS[level], (*keys, uid)).fetchone()
    if found is None:
        cursor = connection.execute(_INSERTS[level], (*keys, file, row.attributes, *row.columns))
        assert cursor.lastrowid is not None
        return cursor.lastrowid
    number, source = found
    if source == file:
        connection.execute(_UPDATES[level], (row.attributes, *row.columns, number))
    return int(number)


def _keywords(level: Level) -> list[str]:
    return [attribute.keyword for attribute in COLUMNS[level]]


def _names(level: Level, *others: str) -> tuple[str, ...]:
    return (*others, "attributes", *_keywords(level))


def _insert(table: str, names: tuple[str, ...]) -> str:
    return f"INSERT OR IGNORE INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"


def _update(table: str, names: tuple[str, ...]) -> str:
    return f"UPDATE {table} SET {', '.join(f'{name} = ?' for name in names)} WHERE id = ?"


_INSERTS = {
    Level.STUDY: _insert("study", _names(Level.STUDY, "source")),
    Level.SERIES: _insert("series", _names(Level.SERIES, "study", "source")),
    Level.INSTANCE: _insert("instance", _names(Level.INSTANCE, "series", "file", "start", "length")),
}
_UPDATES = {
    Level.STUDY: _update("study", _names(Level.STUDY)),
    Level.SERIES: _update("series", _names(Level.SERIES)),
}
_SELECTS = {
    Level.STUDY: "SELECT id, source FROM study WHERE StudyInstanceUID = ?",
    Level.SERIES: "SELECT id, source FROM series WHERE study = ? AND SeriesInstanceUID = ?",
}


# --- removal -------------------------------------------------------------------------------------------------


def forget(connection: sqlite3.Connection, path: bytes) -> None:
    """Remove a file and its instances; ``settle`` cares for series and studies."""
    row = connection.execute("SELECT id FROM file WHERE path = ?", (path,)).fetchone()
    if row is not None:
        connection.execute("DELETE FROM instance WHERE file = ?", row)
        connection.execute("DELETE FROM file WHERE id = ?", row)
        _unsettle(connection)


# The instances of a series, and of a study.
_OF_SERIES = "FROM instance WHERE instance.series = series.id"
_OF_STUDY = "FROM series AS s CROSS JOIN instance ON instance.series = s.id WHERE s.study = study.id"
_OF = {"series": _OF_SERIES, "study": _OF_STUDY}


def settle(connection: sqlite3.Connection) -> list[bytes]:
    """Remove series and studies without instances, and replace lost sources.

    Returns:
        The files to read again: the new sources, and files whose instances another file had first.
    """
    if connection.execute("SELECT 1 FROM unsettled").fetchone() is None:
        return []
    connection.execute(f"DELETE FROM series WHERE NOT EXISTS (SELECT 1 {_OF_SERIES})")
    connection.execute("DELETE FROM study WHERE NOT EXISTS (SELECT 1 FROM series WHERE series.study = study.id)")
    files = {file for (file,) in connection.execute("SELECT id FROM file WHERE twice")}
    for table, instances in _OF.items():
        is_lost = f"NOT EXISTS (SELECT 1 {instances} AND instance.file = {table}.source)"
        first = f"(SELECT file {instances} ORDER BY instance.id LIMIT 1)"
        lost = connection.execute(f"SELECT {first}, id FROM {table} WHERE {is_lost}").fetchall()
        connection.executemany(f"UPDATE {table} SET source = ? WHERE id = ?", lost)
        files |= {file for file, _ in lost}
    found = [connection.execute("SELECT path FROM file WHERE id = ?", (file,)).fetchone() for file in sorted(files)]
    return [row[0] for row in found if row]


def mark_settled(connection: sqlite3.Connection) -> None:
    """Record that the files of ``settle`` have been read again."""
    connection.execute("DELETE FROM unsettled")


def _unsettle(connection: sqlite3.Connection) -> None:
    connection.execute("INSERT OR IGNORE INTO unsettled VALUES (1)")
