"""The values of a column in a temporary table: their order, and statistics."""

from __future__ import annotations

import sqlite3
import tempfile
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import date
from pathlib import Path
from threading import Lock
from typing import Any, Literal, TypeAlias

Kind: TypeAlias = Literal["text", "number", "date"]

_CACHE = 8 * 1024  # KiB of memory for a table
_TOP = 25  # values that are counted one by one
_BINS = 24
_MAX_TABLES = 4
_BLOCK = 4096

_SETTINGS = f"""
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA temp_store = FILE;
PRAGMA cache_size = -{_CACHE};
CREATE TABLE cells (number INTEGER PRIMARY KEY, text TEXT, amount REAL);
"""


class Table:
    """The texts of a column, by the numbers of data sets.

    Args:
        kind: The kind of its values, which decides their order.

    >>> table = Table("number")
    >>> table.extend([(0, "10"), (1, "9"), (2, ""), (3, "9")])
    >>> [list(block) for block in table.order()]
    [[1, 3, 0, 2]]
    >>> table.statistics()["top"]
    [['9', 2], ['10', 1]]
    >>> table.close()
    """

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self._folder = tempfile.TemporaryDirectory(prefix="streamdicom-")
        self._database = sqlite3.connect(
            Path(self._folder.name, "cells.db"), isolation_level=None, check_same_thread=False
        )
        self._database.executescript(_SETTINGS)
        self._lock = Lock()
        self.faults = 0

    def extend(self, cells: Iterable[tuple[int, str]]) -> None:
        """Add the texts of some data sets."""
        with self._lock:
            self._database.execute("BEGIN")
            self._database.executemany(
                "INSERT INTO cells VALUES (?, ?, ?)",
                ((number, _clean(text), _amount(text, self._kind)) for number, text in cells),
            )
            self._database.execute("COMMIT")

    def order(self, *, descending: bool = False) -> Iterator[list[int]]:
        """Yield the numbers of the data sets in the order of their values, in blocks.

        Empty values are last.
        """
        direction = "DESC" if descending else "ASC"
        with self._lock:
            rows = self._database.execute(
                f"SELECT number FROM cells ORDER BY text = '', amount IS NULL, amount {direction}, "
                f"text {direction}, number"
            )
            while block := rows.fetchmany(_BLOCK):
                yield [number for (number,) in block]

    def statistics(self) -> dict[str, Any]:
        """Return counts, the most frequent values, the range, and a histogram."""
        with self._lock:
            run = self._database.execute
            count, empty, numeric = run("SELECT count(*), total(text = ''), count(amount) FROM cells").fetchone()
            (distinct,) = run("SELECT count(DISTINCT text) FROM cells WHERE text != ''").fetchone()
            least, most = run("SELECT min(text), max(text) FROM cells WHERE text != ''").fetchone()
            top = run(
                "SELECT text, count(*) AS n FROM cells WHERE text != '' GROUP BY text ORDER BY n DESC, text LIMIT ?",
                (_TOP,),
            ).fetchall()
            found: dict[str, Any] = {
                "count": count,
                "empty": int(empty),
                "distinct": distinct,
                "top": [list(row) for row in top],
                "least": least,
                "most": most,
                "numeric": numeric,
                "faults": self.faults,
            }
            if numeric and numeric == count - found["empty"]:
                found |= self._amounts()
        return found

    def _amounts(self) -> dict[str, Any]:
        run = self._database.execute
        least, most, mean = run("SELECT min(amount), max(amount), avg(amount) FROM cells").fetchone()
        is_date = self._kind == "date"
        width = most / _BINS - least / _BINS  # whose difference can be infinite
        bins = [0] * (_BINS if width else 1)
        if width:
            rows = run(
                "SELECT min(?, CAST((amount - ?) / ? AS INTEGER)), count(*) FROM cells WHERE amount IS NOT NULL "
                "GROUP BY 1",
                (_BINS - 1, least, width),
            )
            for place, number in rows:
                bins[place] = number
        else:
            (bins[0],) = run("SELECT count(amount) FROM cells").fetchone()
        edges = [least + width * place for place in range(len(bins))] + [most]
        labels = [_label(edge, is_date=is_date) for edge in edges]
        return {"bins": bins, "edges": labels, "mean": _label(mean, is_date=is_date), "is_date": is_date}

    def close(self) -> None:
        """Remove the table."""
        with self._lock, suppress(OSError):
            self._database.close()
            self._folder.cleanup()


def _clean(text: str) -> str:
    """Return a text without lone surrogates, which SQLite cannot hold."""
    return text if text.isascii() else text.encode(errors="replace").decode()


def _amount(text: str, kind: Kind) -> float | None:
    """Return the number that orders a text: the number itself, or the day of a date."""
    if kind == "date":
        return _day(text)
    if kind == "text":
        return None
    try:
        amount = float(text)
    except ValueError:
        return None
    return amount if amount - amount == 0 and "_" not in text else None  # neither infinite nor a NaN


def _day(text: str) -> int | None:
    """Return the day of a DA (PS3.5 6.2), or None."""
    if len(text) == 8 and text.isdecimal() and text.isascii():
        with suppress(ValueError):
            return date(int(text[:4]), int(text[4:6]), int(text[6:])).toordinal()
    return None


def _label(amount: float, *, is_date: bool) -> str:
    if is_date:
        return date.fromordinal(round(amount)).isoformat()
    return f"{amount:.10g}"


class Tables:
    """The tables that were made last."""

    def __init__(self) -> None:
        self._held: OrderedDict[object, Table] = OrderedDict()
        self._lock = Lock()

    def get(self, key: object) -> Table | None:
        """Return a table, or None."""
        with self._lock:
            table = self._held.get(key)
            if table is not None:
                self._held.move_to_end(key)
            return table

    def put(self, key: object, table: Table) -> None:
        """Keep a table."""
        with self._lock:
            dropped = [self._held.pop(key)] if key in self._held else []
            self._held[key] = table
            if len(self._held) > _MAX_TABLES:
                dropped.append(self._held.popitem(last=False)[1])
        for one in dropped:
            one.close()

    def close(self) -> None:
        """Remove all tables."""
        with self._lock:
            for table in self._held.values():
                table.close()
            self._held.clear()
