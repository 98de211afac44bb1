"""The elements of a data set as the rows of a tree, level by level."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

from streamdicom.dicom import (
    PrivateBlocks,
    format_tag,
    is_group_length,
    is_private,
    is_private_creator,
    keyword,
    private_name,
)
from streamdicom.errors import InputError
from streamdicom.events import (
    BULK_DATA,
    CLOSING,
    ELEMENT,
    END_DATASET,
    END_ITEM,
    END_SEQUENCE,
    JSON_ELEMENT,
    LAST_SEGMENT,
    OPENING,
    SEGMENT,
    START_DATASET,
    START_ELEMENT,
    START_FRAGMENT,
    START_FRAGMENTS,
    START_ITEM,
    START_SEQUENCE,
    VALUES,
    Event,
)
from streamdicom.server.browse.datasets import batches, reading_options
from streamdicom.server.browse.library import Library
from streamdicom.server.browse.texts import MAX_TEXT, texts_of

Path: TypeAlias = tuple[int, ...]
"""Tags and numbers of items in turn: that of an element has an odd length, that of an item an even length."""

Row: TypeAlias = dict[str, Any]

MAX_ROWS = 500
"""Rows that are returned at once."""

_PREVIEW = 32  # bytes of a binary value
_STEP = re.compile(r"([0-9A-Fa-f]{8})(?:\[([0-9]{1,9})\])?")
_MEANING = 0x00080104
_UIDS = "UI"


def parse_path(text: str) -> Path:
    """Parse a path such as ``00081140[0].00081155``.

    Raises:
        ValueError: It has another form.

    >>> parse_path("00081140[0].00081155"), parse_path("")
    ((528704, 0, 528725), ())
    """
    found: list[int] = []
    for step in filter(None, text.split(".")):
        match = _STEP.fullmatch(step)
        if match is None or len(found) % 2:
            raise ValueError("expected a path such as 00081140[0].00081155")
        found.append(int(match[1], 16))
        if match[2]:
            found.append(int(match[2]))
    return tuple(found)


def format_path(path: Path) -> str:
    """Return the text of a path, the opposite of ``parse_path``.

    >>> format_path((0x00081140, 0, 0x00081155))
    '00081140[0].00081155'
    """
    parts = [f"[{step}]." if place % 2 else format_tag(step) for place, step in enumerate(path)]
    return "".join(parts).rstrip(".")


class Placed(NamedTuple):
    """An event with its place.

    Attributes:
        event: The event.
        path: The path of the element or item that it belongs to.
        offset: Its byte offset in the unit.
    """

    event: Event
    path: Path
    offset: int


def placed_events(library: Library, number: int) -> Iterator[Placed]:
    """Yield the events of a data set with their paths and offsets; see ``batches``."""
    path: Path = ()
    options = reading_options(library)
    for batch in batches(library, number, options):
        for index, event in enumerate(batch.events):
            kind, tag, _, value = event
            if kind in (END_SEQUENCE, END_ITEM):
                yield Placed(event, path, batch.offset_of(index))
                path = path[:-1]
                continue
            if kind == START_SEQUENCE:
                path = (*path, tag)
                place = path
            elif kind == START_ITEM:
                path = (*path, value)
                place = path
            else:
                place = path if kind in (START_DATASET, END_DATASET) else (*path, tag)
            yield Placed(event, place, batch.offset_of(index))


class Children(NamedTuple):
    """The rows of a level.

    Attributes:
        rows: Of the elements or items.
        total: The number of them in all.
        error: Why the data set could not be read to its end, or None.
    """

    rows: list[Row]
    total: int
    error: InputError | None


def children(library: Library, number: int, path: Path, start: int = 0, count: int = MAX_ROWS) -> Children:
    """Return the elements of a data set or an item, or the items of a sequence.

    Args:
        library: The data sets.
        number: The number of the data set.
        path: The path of the sequence or item; empty for the data set.
        start: The first row.
        count: The most rows.

    Raises:
        IndexError: There is no such data set.
        SourceChangedError: The source has changed.
    """
    builder = _Rows(path, start, min(count, MAX_ROWS))
    error = None
    try:
        builder.add_all(placed_events(library, number))
    except InputError as found:
        error = found
    return Children(builder.rows, builder.total, error)


class _Rows:
    """Collects the rows of a level."""

    def __init__(self, path: Path, start: int, count: int) -> None:
        self._path = path
        self._depth = len(path)
        self._window = range(start, start + count)
        self.rows: list[Row] = []
        self.total = 0
        self._blocks = PrivateBlocks()
        self._row: Row | None = None  # the open one
        self._value: _LongValue | None = None

    def add_all(self, events: Iterable[Placed]) -> None:
        for placed in events:
            if len(placed.path) > self._depth and placed.path[: self._depth] == self._path:
                if len(placed.path) == self._depth + 1:
                    self._add(placed)
                elif self._row is not None:
                    self._add_inner(placed)

    def _new_row(self, row: Row) -> None:
        self._row = row
        if self.total in self._window:
            self.rows.append(row)
        self.total += 1

    def _add(self, placed: Placed) -> None:
        kind, tag, vr, value = placed.event
        if kind == START_ITEM:
            item = {"item": value, "path": format_path(placed.path), "offset": placed.offset, "kind": "item"}
            self._new_row({**item, "elements": 0, "value": ""})
        elif kind in (ELEMENT, BULK_DATA, JSON_ELEMENT) or kind in OPENING:
            self._new_row(self._element(placed))
            if kind == START_ELEMENT or kind == START_FRAGMENTS:
                self._value = _LongValue(is_fragments=kind == START_FRAGMENTS)
            elif kind == ELEMENT and is_private_creator(tag):
                self._blocks.reserve(tag, value)
        elif kind in CLOSING:
            self._end(vr)
        elif self._value is not None:
            self._value.add(kind, value)

    def _end(self, vr: str) -> None:
        if self._row is not None and self._value is not None:
            self._row.update(self._value.row())
            self._row["vr"] = self._row["vr"] or vr
        self._value = None

    def _element(self, placed: Placed) -> Row:
        (kind, tag, vr, value), path = placed.event, format_path(placed.path)
        row: Row = {"tag": format_tag(tag), "vr": vr, "path": path, "offset": placed.offset, "keyword": keyword(tag)}
        if is_group_length(tag):
            row["name"] = "Group Length"
        elif is_private(tag):
            row["private"] = True
            row["name"] = "Private Creator" if is_private_creator(tag) else ""
            creator = self._blocks.creator(tag)
            if creator:
                row["creator"] = creator
                row["name"] = private_name(tag, creator)
        if kind == START_SEQUENCE:
            row |= {"kind": "sequence", "items": 0}
        elif kind == BULK_DATA:
            row |= {"kind": "reference", "value": value[:MAX_TEXT], "length": len(value)}
        elif kind == JSON_ELEMENT:
            row |= {"kind": "json", "value": value[:MAX_TEXT], "length": len(value)}
        elif kind == ELEMENT:
            row |= _values(value, vr)
        return row

    def _add_inner(self, placed: Placed) -> None:
        """Count what is below the open row."""
        assert self._row is not None
        kind, tag, vr, value = placed.event
        level = len(placed.path) - self._depth
        if level != 2:
            return
        if "items" in self._row:
            self._row["items"] += kind == START_ITEM
        elif "elements" in self._row and (kind in (ELEMENT, BULK_DATA, JSON_ELEMENT) or kind in OPENING):
            self._row["elements"] += 1
            if kind == ELEMENT and value and (tag == _MEANING or not self._row["value"]) and vr != _UIDS:
                self._row["value"] = texts_of(value, vr)


def _values(values: Sequence[Any], vr: str) -> Row:
    """Return the part of a row that has the values of a whole element."""
    if len(values) == 1 and isinstance(values[0], bytes):
        data = values[0]
        return {"kind": "bytes", "length": len(data), "hex": data[:_PREVIEW].hex()}
    row: Row = {"kind": "values", "value": texts_of(values, vr), "count": len(values)}
    row["length"] = sum(len(value) for value in values if isinstance(value, str))
    if vr == "PN":
        row["names"] = [list(value) for value in values[:8] if isinstance(value, tuple)]
    return row


class _LongValue:
    """The start and the length of a value in parts."""

    def __init__(self, *, is_fragments: bool) -> None:
        self._is_fragments = is_fragments
        self._fragments = 0
        self._length = 0
        self._count = 0
        self._text = ""
        self._start = b""
        self._is_text = False

    def add(self, kind: int, value: Any) -> None:
        if kind == VALUES:
            self._is_text = True
            self._count += len(value)
            if len(self._text) <= MAX_TEXT:
                self._text += ("\\" if self._text else "") + texts_of(value)
            self._length += sum(len(one) for one in value if isinstance(one, str))
        elif kind == START_FRAGMENT:
            self._fragments += 1
        elif kind in (SEGMENT, LAST_SEGMENT):
            self._length += len(value)
            self._count += kind == LAST_SEGMENT
            if isinstance(value, str):
                self._is_text = True
                self._text += value[: max(0, MAX_TEXT + 1 - len(self._text))]
            else:
                self._start += value[: max(0, _PREVIEW - len(self._start))]

    def row(self) -> Row:
        if self._is_text:
            text = self._text if len(self._text) <= MAX_TEXT else f"{self._text[:MAX_TEXT]}…"
            return {"kind": "values", "value": text, "count": self._count, "length": self._length}
        row: Row = {"kind": "bytes", "length": self._length, "hex": self._start.hex()}
        if self._is_fragments:  # the first item is the Basic Offset Table (PS3.5 A.4)
            row["fragments"] = max(0, self._fragments - 1)
        return row
