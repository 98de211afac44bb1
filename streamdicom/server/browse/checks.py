"""The deviations of one data set, and the JSON text of its elements."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from io import BytesIO
from json import JSONDecoder
from typing import Any

from streamdicom.api import write_events
from streamdicom.deviations import DEVIATIONS, Deviation
from streamdicom.errors import InputError, OutputError
from streamdicom.events import END_DATASET, START_DATASET, Event
from streamdicom.filters import ValueCheck, needed_file_meta_of_each, sort_elements
from streamdicom.io import read_range
from streamdicom.options import WriteOptions
from streamdicom.server.browse.datasets import batches, reading_options
from streamdicom.server.browse.library import Library
from streamdicom.server.browse.tree import Path, placed_events

MAX_DEVIATIONS = 1000
"""Deviations of a data set that are returned."""

MAX_JSON = 256 * 1024
"""Characters of JSON text that are returned."""

_MAX_EVENTS = 20_000  # that become JSON text
_MAX_SIZE = 2 * MAX_JSON  # bytes or characters of values that do
_MAX_PARSED = 20_000  # deviations; a block of the input has fewer
_CLAUSE = re.compile(r"\(((?:PS3|RFC|CP-|XML)[^()]*(?:\([^()]*\)[^()]*)*)\)")


def deviations(library: Library, number: int) -> dict[str, Any]:
    """Return the deviations of a data set, and the fault that ends it.

    Raises:
        IndexError: There is no such data set.
        SourceChangedError: The source has changed.
    """
    located = library.locate(number)
    found = _Found(0 if located.unit.format == "json" else located.start)
    check = ValueCheck(found.add_checked)
    check.start(in_binary=located.unit.format == "dicom")
    fault = None
    options = reading_options(library, on_deviation=found.add_parsed, on_error="skip")
    try:
        for batch in batches(library, number, options, checks_padding=True):
            check.check(batch.events, batch.offset_of)
            del batch  # its events and their places, before the next are made
    except InputError as error:
        fault = {"message": error.message, "offset": error.location.byte_offset, "path": error.location.tag_path}
    found.rows.sort(key=lambda row: row["offset"] or 0)
    return {"deviations": found.rows, "total": found.total, "fault": fault}


class _Found:
    """The first deviations of a data set, and the number of all.

    The check of values sees an element soon after the parser, and does not repeat its deviations.

    Args:
        base: The offset of the data set, which is added to the places of the parser.
    """

    def __init__(self, base: int) -> None:
        self.rows: list[dict[str, Any]] = []
        self.total = 0
        self._base = base
        self._parsed: dict[tuple[str, str | None], None] = {}  # the last ones

    def add_parsed(self, deviation: Deviation) -> None:
        """Add a deviation that the parser reports."""
        self._parsed[_key(deviation)] = None
        if len(self._parsed) > _MAX_PARSED:
            del self._parsed[next(iter(self._parsed))]
        self._add(deviation, self._base)

    def add_checked(self, deviation: Deviation) -> None:
        """Add a deviation of a value, unless the parser has reported the same."""
        if _key(deviation) not in self._parsed:
            self._add(deviation, 0)

    def _add(self, deviation: Deviation, base: int) -> None:
        self.total += 1
        if len(self.rows) < MAX_DEVIATIONS:
            self.rows.append(_row(deviation, base))


def _key(deviation: Deviation) -> tuple[str, str | None]:
    return deviation.code, deviation.location.tag_path


def _row(deviation: Deviation, base: int) -> dict[str, Any]:
    offset = deviation.location.byte_offset
    row = DEVIATIONS[deviation.code]
    clause = _CLAUSE.search(row.meaning)
    return {
        "code": deviation.code,
        "severity": deviation.severity.name.lower(),
        "message": deviation.message,
        "meaning": row.meaning,
        "clause": clause[1] if clause else "",
        "path": deviation.location.tag_path,
        "offset": None if offset is None else offset + base,
    }


# --- JSON ------------------------------------------------------------------------------------------------------


def json_text(library: Library, number: int, path: Path) -> dict[str, Any]:
    """Return the JSON text of a data set, an item or an element.

    That of a source in JSON is taken from it, byte for byte; that of another source is written.

    Args:
        library: The data sets.
        number: The number of the data set.
        path: The path of the element or the item; empty for the data set.

    Returns:
        The text, whether it is that of the source, whether it is cut, and its offset.
    """
    if library.locate(number).unit.format == "json":
        return _source_text(library, number, path)
    return _written_text(library, number, path)


def _source_text(library: Library, number: int, path: Path) -> dict[str, Any]:
    located = library.locate(number)
    start = located.start if not path else None
    if path:
        with suppress(InputError):
            for placed in placed_events(library, number):
                if placed.path == path:
                    start = placed.offset
                    break
    if start is None:
        return {"text": "", "source": True, "cut": False, "offset": None}
    with library.opened(located) as file:
        end = start + 4 * MAX_JSON
        data = b"".join(read_range(file, start, end if located.end is None else min(end, located.end)))
    text, is_cut = _first_value(data.decode(errors="replace"), has_key=len(path) % 2 == 1)
    return {"text": text[:MAX_JSON], "source": True, "cut": is_cut or len(text) > MAX_JSON, "offset": start}


def _first_value(text: str, *, has_key: bool) -> tuple[str, bool]:
    """Return the first value of a text, with its key, and whether it is cut."""
    decoder = JSONDecoder()
    try:
        start = 0
        if has_key:
            _, start = decoder.raw_decode(text)
            start = text.index(":", start) + 1
            start += len(text[start:]) - len(text[start:].lstrip())
        elif not text.startswith("{"):  # the first item has the place of its sequence
            start = text.index("{", text.index("["))
            text, start = text[start:], 0
        _, end = decoder.raw_decode(text, start)
    except (ValueError, RecursionError):
        return text, True
    return text[:end], False


def _written_text(library: Library, number: int, path: Path) -> dict[str, Any]:
    target = BytesIO()
    offset: list[int] = []
    events: list[Event] = []
    size = 0
    is_cut = False
    for event in _within(library, number, path, offset):
        is_cut = len(events) == _MAX_EVENTS or size > _MAX_SIZE
        if is_cut:
            break
        events.append(event)
        size += len(event[3]) if isinstance(event[3], (bytes, str)) else 0
    options = WriteOptions(file_meta=True, on_error="keep")
    with suppress(OutputError, InputError):
        one = [(START_DATASET, 0, "", 0), *events, (END_DATASET, 0, "", None)]
        written = needed_file_meta_of_each(sort_elements(one)) if not path else iter(one)
        write_events(written, target, 2, format="json", options=options, array=False)
    text = target.getvalue().decode(errors="replace")
    if len(path) % 2:  # the element alone
        text = text.strip().removeprefix("{").removesuffix("}").strip()
    place = offset[0] if offset else None
    return {"text": text[:MAX_JSON], "source": False, "cut": is_cut or len(text) > MAX_JSON, "offset": place}


def _within(library: Library, number: int, path: Path, offset: list[int]) -> Iterator[Event]:
    """Yield the events of an element, or of the content of an item or the data set."""
    is_content = len(path) % 2 == 0
    with suppress(InputError):
        for placed in placed_events(library, number):
            if placed.path[: len(path)] == path and placed.event[0] not in (START_DATASET, END_DATASET):
                if not offset:
                    offset.append(placed.offset)
                if not (is_content and placed.path == path):
                    yield placed.event
