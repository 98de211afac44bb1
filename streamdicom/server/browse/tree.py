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
from streamdicom.server.browse.datasets import Batch, batches, reading_options
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
        batch: The batch that has it.
        ordinal: Its index in the batch.
    """

    event: Event
    path: Path
    batch: Batch
    ordinal: int

    @property
    def offset(self) -> int:
        """Its byte offset in the unit."""
        return self.batch.offset_of(self.ordinal)


def placed_events(library: Library, number: int) -> Iterator[Placed]:
    """Yield the events of a data set with their places; see ``batches``."""
    path: Path = ()
    options = reading_options(library)
    for batch in batches(library, number, options):
        for index, event in enumerate(batch.events):
            kind, tag, _, value = event
            if kind in (END_SEQUENCE, END_ITEM):
                yield Placed(event, path, batch, index)
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
            yield Placed(event, place, batch, index)


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

    The data set is read up to the end of that sequence or item.

    Args:
        library: The data sets.
        number: The number of the data set.
        path: The path of the sequence or item, of which the first counts; empty for the data set.
        start: The first row.
        count: The most rows.

    Raises:
        IndexError: There is no such data set.
        SourceChangedError: The source has changed.
    """
    builder = _Rows(path, start, min(count, MAX_ROWS))
    error = None
    try:
        builder.add_all(batches(library, number, reading_options(library)))
    except InputError as found:
        error = found
    return Children(builder.rows, builder.total, error)


class _Rows:
    """Collects the rows of a level."""

    def __init__(self, path: Path, start: int, count: int) -> None:
        self._path = path
        self._window = range(start, start + count)
        self.rows: list[Row] = []
        self.total = 0
        self._blocks = PrivateBlocks()
        self._row: Row | None = None  # the open one, if it is returned
        self._value: _LongValue | None = None

    def add_all(self, found: Iterable[Batch]) -> None:
        """Add the events of a data set, of which most are passed over."""
        goal = len(self._path)
        depth = same = 0  # steps of the current path, and those at its start that are in the path of the level
        for batch in found:
            for index, event in enumerate(batch.events):
                kind = event[0]
                if kind == END_SEQUENCE or kind == END_ITEM:
                    depth -= 1
                    if depth < same:
                        if same == goal:
                            return
                        same = depth
                    continue
                level = depth + 1 - goal if same == goal and kind != START_DATASET and kind != END_DATASET else 0
                if kind == START_SEQUENCE or kind == START_ITEM:
                    step = event[1] if kind == START_SEQUENCE else event[3]
                    if same == depth < goal and step == self._path[depth]:
                        same += 1
                    depth += 1
                if level == 1:
                    self._add(event, batch, index)
                elif level == 2 and self._row is not None:
                    self._add_inner(event)

    def _is_new_row_shown(self) -> bool:
        """Count a row."""
        self._row = None
        self.total += 1
        return self.total - 1 in self._window

    def _add(self, event: Event, batch: Batch, index: int) -> None:
        kind, tag, vr, value = event
        if kind == START_ITEM:
            if self._is_new_row_shown():
                place = {"path": format_path((*self._path, value)), "offset": batch.offset_of(index)}
                self._row = {"item": value, **place, "kind": "item", "elements": 0, "value": ""}
                self.rows.append(self._row)
        elif kind in (ELEMENT, BULK_DATA, JSON_ELEMENT) or kind in OPENING:
            if self._is_new_row_shown():
                self._row = self._element(event, batch.offset_of(index))
                self.rows.append(self._row)
                if kind == START_ELEMENT or kind == START_FRAGMENTS:
                    self._value = _LongValue(is_fragments=kind == START_FRAGMENTS)
            if kind == ELEMENT and is_private_creator(tag):
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

    def _element(self, event: Event, offset: int) -> Row:
        kind, tag, vr, value = event
        path = format_path((*self._path, tag))
        row: Row = {"tag": format_tag(tag), "vr": vr, "path": path, "offset": offset, "keyword": keyword(tag)}
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

    def _add_inner(self, event: Event) -> None:
        """Count an event directly below the open row."""
        assert self._row is not None
        kind, tag, vr, value = event
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
