"""Answers that are written while all data sets are read: lines of JSON."""

from __future__ import annotations

import json
import time
from collections.abc import Generator, Iterator
from typing import Any

from streamdicom.server.browse.library import Library
from streamdicom.server.browse.rows import SOURCE, Columns
from streamdicom.server.browse.search import Query, search
from streamdicom.server.browse.tables import Table, Tables
from streamdicom.server.browse.units import SourceChangedError

_INTERVAL = 0.1  # seconds between two lines
_MAX_NUMBERS = 5000  # of a line


def found_lines(library: Library, query: Query) -> Iterator[bytes]:
    """Yield the numbers of the data sets that satisfy conditions, and the progress.

    Args:
        library: The data sets.
        query: The conditions.
    """
    numbers: list[int] = []
    faults = 0
    last = time.monotonic()
    position = 0
    try:
        for step in search(library, query):
            numbers += step.numbers
            faults += step.faults
            position = step.position
            now = time.monotonic()
            if now - last >= _INTERVAL or len(numbers) >= _MAX_NUMBERS:
                yield _line(numbers=numbers, done=position, count=len(library), faults=faults)
                numbers, last = [], now
    except SourceChangedError as error:
        yield _line(numbers=numbers, error=str(error), changed=True)
        return
    yield _line(numbers=numbers, done=position, count=len(library), faults=faults, complete=True)


def statistics_lines(library: Library, tables: Tables, query: Query, column: str) -> Iterator[bytes]:
    """Yield the progress, and at last the statistics of a column.

    Args:
        library: The data sets.
        tables: The tables that are kept.
        query: Conditions on data sets.
        column: The name of the column.
    """
    try:
        table = yield from _table(library, tables, query, column)
    except SourceChangedError as error:
        yield _line(error=str(error), changed=True)
        return
    yield _line(statistics=table.statistics(), complete=True)


def sorted_lines(
    library: Library, tables: Tables, query: Query, column: str, *, descending: bool = False
) -> Iterator[bytes]:
    """Yield the progress, and then the numbers of data sets in the order of a column.

    See ``statistics_lines``.
    """
    try:
        table = yield from _table(library, tables, query, column)
    except SourceChangedError as error:
        yield _line(error=str(error), changed=True)
        return
    for block in table.order(descending=descending):
        yield _line(numbers=block)
    yield _line(numbers=[], complete=True)


def _table(library: Library, tables: Tables, query: Query, column: str) -> Generator[bytes, None, Table]:
    """Yield the progress of reading a column; return its table."""
    key = (id(library), column, query.key)
    known = tables.get(key)
    if known is not None:
        return known
    columns = Columns([column])
    table = Table(columns.kind(0))
    is_whole = False
    last = time.monotonic()
    try:
        for step in search(library, query, columns):
            cells: Any = zip(step.numbers, (cells[0] for cells in step.cells), strict=True)
            if column == SOURCE:
                cells = ((number, library.locate(number).unit.name) for number in step.numbers)
            table.extend(cells)
            table.faults += step.faults
            now = time.monotonic()
            if now - last >= _INTERVAL:
                yield _line(done=step.position, count=len(library))
                last = now
        is_whole = True
    finally:
        if not is_whole:
            table.close()
    tables.put(key, table)
    return table


def _line(**members: Any) -> bytes:
    return json.dumps(members, separators=(",", ":")).encode() + b"\n"
