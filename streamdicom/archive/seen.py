"""The SOP Instance UIDs and paths of an import."""

from __future__ import annotations

from streamdicom._typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlite3 import Connection

_MAX_HELD = 4096  # data sets in memory


class Seen:
    """The UIDs and paths of the files of a run.

    A temporary database, which spills to disk, holds more than some thousands of them. It takes long to import, so a
    small import has none.

    >>> seen = Seen()
    >>> seen.put("1.2", "a.dcm")
    >>> seen.path_of("1.2"), seen.uid_of("a.dcm"), seen.uid_of("b.dcm")
    ('a.dcm', '1.2', None)
    """

    def __init__(self) -> None:
        self._paths: dict[str, str] = {}  # by UID
        self._uids: dict[str, str] = {}  # by path
        self._database: Connection | None = None  # has them all

    def path_of(self, uid: str) -> str | None:
        """Return the path of a UID, or None."""
        if self._database is None:
            return self._paths.get(uid)
        return self._value("SELECT path FROM seen WHERE uid = ?", uid)

    def uid_of(self, path: str) -> str | None:
        """Return the UID of a path, or None."""
        if self._database is None:
            return self._uids.get(path)
        return self._value("SELECT uid FROM seen WHERE path = ?", path)

    def put(self, uid: str, path: str) -> None:
        """Add a UID and its path, in place of others with that UID or path."""
        if self._database is None and len(self._paths) < _MAX_HELD:
            for keys, values, key in ((self._paths, self._uids, uid), (self._uids, self._paths, path)):
                if key in keys:
                    del values[keys.pop(key)]
            self._paths[uid], self._uids[path] = path, uid
        else:
            self._opened().execute("REPLACE INTO seen VALUES (?, ?)", (uid, path))

    def number_of(self, path: str) -> int:
        """Return the next number for a path that is taken."""
        row = self._opened().execute("SELECT number FROM numbers WHERE path = ?", (path,)).fetchone()
        return row[0] if row else 2

    def put_number(self, path: str, number: int) -> None:
        """Set the next number for a path that is taken."""
        self._opened().execute("REPLACE INTO numbers VALUES (?, ?)", (path, number))

    def close(self) -> None:
        if self._database is not None:
            self._database.close()

    def _value(self, query: str, key: str) -> str | None:
        row = self._opened().execute(query, (key,)).fetchone()
        return None if row is None else row[0]

    def _opened(self) -> Connection:
        if self._database is None:
            from sqlite3 import connect

            self._database = connect("", isolation_level=None)
            self._database.execute("PRAGMA journal_mode = OFF")
            self._database.execute("CREATE TABLE seen (uid TEXT PRIMARY KEY, path TEXT UNIQUE) WITHOUT ROWID")
            self._database.execute("CREATE TABLE numbers (path TEXT PRIMARY KEY, number INTEGER) WITHOUT ROWID")
            self._database.executemany("INSERT INTO seen VALUES (?, ?)", self._paths.items())
            self._paths.clear()
            self._uids.clear()
        return self._database
