"""Events to the values of columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from dataclasses import field as field_of

from streamdicom._typing import Any, Literal, TypeAlias
from streamdicom.codec import EventEncoder
from streamdicom.columns.schema import PROBLEMS, Field, Members, Schema
from streamdicom.columns.types import Convert
from streamdicom.dicom import format_tag
from streamdicom.errors import ColumnError, Location
from streamdicom.events import (
    BULK_DATA,
    ELEMENT,
    END_DATASET,
    END_ELEMENT,
    END_FRAGMENTS,
    END_ITEM,
    END_SEQUENCE,
    JSON_ELEMENT,
    LAST_SEGMENT,
    SEGMENT,
    START_DATASET,
    START_ELEMENT,
    START_FRAGMENTS,
    START_ITEM,
    START_SEQUENCE,
    VALUES,
    Event,
    joined_values,
)
from streamdicom.index import DatasetOffsets

OnMismatch: TypeAlias = Literal["error", "null", "first"]
"""The result for a value that does not fit its column: an error, or null, or the first of several values."""

_NO_MEMBER = Members()


@dataclass
class _OpenSequence:
    """An open sequence that is a column, and the state around it."""

    field: Field
    members: dict[int, Members]
    row: dict[str, Any]
    items: list[dict[str, Any]] = field_of(default_factory=list)


@dataclass
class _LongValue:
    """A value that arrives in parts."""

    member: Members
    is_encapsulated: bool
    events: list[Event] = field_of(default_factory=list)
    length: int = 0


class RowBuilder:
    """Collects the values of columns from events.

    Args:
        schema: The columns.
        on_mismatch: See ``read``.
        max_length: Bytes or characters of a value.

    Attributes:
        columns: The values of each column so far.
        size: About the bytes of long values in them.
        count: The number of rows.
    """

    def __init__(self, schema: Schema, on_mismatch: OnMismatch, max_length: int) -> None:
        self._schema = schema
        self._on_mismatch = on_mismatch
        self._max_length = max_length
        self._keeps_json = "_json" in schema.places
        self._members = schema.members
        self._row: dict[str, Any] = {}
        self._index: int | None = None
        self._offset: int | None = None
        self._problems: list[str] = []
        self._frames: list[_OpenSequence] = []
        self._passed = 0  # open sequences without a column
        self._long: _LongValue | None = None
        self._dataset: list[Event] = []  # for its JSON
        self._items: list[Event] = []  # events of a sequence that becomes JSON
        self._depth = 0  # open sequences in them
        self.clear()

    def clear(self) -> None:
        """Start another batch of rows."""
        self.columns: dict[str, list[Any]] = {name: [] for name in self._schema.arrow.names}
        self.size = self.count = 0

    def add_all(self, events: Iterable[Event], source: str, offsets: DatasetOffsets | None) -> Iterator[None]:
        """Add the events of data sets; yield after each data set.

        Args:
            events: The events of a source.
            source: The name of the source.
            offsets: The places of the data sets of the source, if they are wanted.

        Raises:
            ColumnError: A value does not fit its column, and ``on_mismatch`` is "error".
        """
        for event in events:
            kind, tag, _, value = event
            if self._keeps_json:
                self._dataset.append(event)
            if kind == ELEMENT and not self._passed and not self._depth:
                member = self._members.get(tag)
                if member is None:
                    continue
                if member.text and len(value) == 1 and type(value[0]) is str:  # the commonest values
                    self._row[member.text] = value[0] or None
                else:
                    self._set(member, value)
            elif kind == START_DATASET:
                self._index = value
                self._row = {"_source": source, "_index": value}
                if offsets is not None:
                    self._row["_offset"] = self._offset = offsets.get(value)
            elif kind == END_DATASET:
                self._end()
                yield
            else:
                self._structure(event)

    def add_head(self, events: list[Event], source: str) -> bool:
        """Add the row of a data set, of which only the elements of columns are given.

        Args:
            events: The elements that the data set has, none of them a sequence.
            source: The name of the source.

        Returns:
            False if a value does not fit its column; nothing is added then.
        """
        row: dict[str, Any] = {"_source": source, "_index": 0}
        members = self._members
        try:
            for _, tag, _, values in events:
                column = members[tag].value
                assert column is not None
                assert column.convert is not None
                if column.is_list:
                    row[column.name] = [_converted(column.convert, value) for value in values]
                elif len(values) == 1:
                    row[column.name] = _converted(column.convert, values[0])
                elif values:
                    return False
        except (ValueError, TypeError, ArithmeticError):
            return False
        for name, column_values in self.columns.items():
            column_values.append(row.get(name))
        self.count += 1
        return True

    def _end(self) -> None:
        row = self._row
        if self._keeps_json:
            row["_json"] = _json(self._dataset)
            self.size += len(row["_json"])
            self._dataset = []
        if self._problems:
            row[PROBLEMS], self._problems = self._problems, []
        for name, values in self.columns.items():
            values.append(row.get(name))
        self.count += 1

    # --- structure ---------------------------------------------------------------------------------------------

    def _structure(self, event: Event) -> None:
        kind, tag, _, value = event
        if self._depth:
            self._add_to_json(event)
        elif kind == START_SEQUENCE:
            self._start_sequence(event)
        elif kind == END_SEQUENCE:
            self._end_sequence()
        elif self._passed:
            return
        elif kind == START_ITEM:
            self._row = {}
        elif kind == END_ITEM:
            items, row = self._frames[-1].items, self._row
            items.append({one.name: row.get(one.name) for member in self._members.values() for one in member.fields})
        elif kind == BULK_DATA:
            self._refer(self._members.get(tag, _NO_MEMBER), value)
        elif kind == JSON_ELEMENT:
            self._misfit(self._members.get(tag, _NO_MEMBER).value, "a value in a form that its VR does not allow")
        else:
            self._add_part(event)

    def _start_sequence(self, event: Event) -> None:
        column = self._members.get(event[1], _NO_MEMBER).value
        if self._passed or column is None:
            self._passed += 1
        elif column.members:
            self._frames.append(_OpenSequence(column, self._members, self._row))
            self._members = column.members
        else:
            self._items, self._depth = [event], 1

    def _end_sequence(self) -> None:
        if self._passed:
            self._passed -= 1
            return
        frame = self._frames.pop()
        self._members, self._row = frame.members, frame.row
        self._row[frame.field.name] = frame.items

    def _add_to_json(self, event: Event) -> None:
        self._items.append(event)
        kind, tag, *_ = event
        self._depth += (kind == START_SEQUENCE) - (kind == END_SEQUENCE)
        column = self._members[tag].value if not self._depth else None
        if column is not None:
            text = _json([(START_DATASET, 0, "", 0), *self._items, (END_DATASET, 0, "", None)])
            start = text.find("[")
            self._row[column.name] = text[start:-2] if start >= 0 else "[]"
            self.size += len(text)
            self._items = []

    # --- values ------------------------------------------------------------------------------------------------

    def _set(self, member: Members, values: tuple[Any, ...]) -> None:
        column = member.value
        if column is None:
            return
        convert = column.convert
        if convert is None:
            self._misfit(column, "another value than a sequence")
            return
        try:
            if column.is_list:
                self._row[column.name] = [_converted(convert, value) for value in values]
            elif len(values) == 1:
                self._row[column.name] = _converted(convert, values[0])
            elif values:
                if self._on_mismatch == "first":
                    self._row[column.name] = _converted(convert, values[0])
                self._misfit(column, "more than one value")
        except (ValueError, TypeError, ArithmeticError):
            self._misfit(column, "a value of another form")

    def _refer(self, member: Members, uri: str) -> None:
        if member.uri is not None:
            self._row[member.uri.name] = uri
        else:
            self._misfit(member.value, "a reference to bulk data")

    def _misfit(self, column: Field | None, found: str) -> None:
        if column is None:
            return
        parts = [f"{format_tag(frame.field.tag)}[{len(frame.items)}]" for frame in self._frames]
        path = ".".join([*parts, format_tag(column.tag)])
        location = Location(self._offset, self._index, path)
        message = f"expected {column.type} for the column {column.name}, found {found}"
        if self._on_mismatch == "error":
            raise ColumnError(message, location)
        self._problems.append(f"{location.tag_path}: {message}")

    # --- long values -------------------------------------------------------------------------------------------

    def _add_part(self, event: Event) -> None:
        kind, tag, _, value = event
        if kind in (START_ELEMENT, START_FRAGMENTS):
            self._long = _LongValue(self._members.get(tag, _NO_MEMBER), kind == START_FRAGMENTS)
            return
        long = self._long
        if long is None or long.member.value is None:
            return
        if kind in (END_ELEMENT, END_FRAGMENTS):
            self._end_long(long)
        elif kind in (VALUES, SEGMENT, LAST_SEGMENT) and not long.is_encapsulated:
            long.length += len(value)
            if long.length <= self._max_length:
                long.events.append(event)

    def _end_long(self, long: _LongValue) -> None:
        self._long = None
        if long.is_encapsulated:
            self._misfit(long.member.value, "encapsulated pixel data")
        elif long.length > self._max_length:
            self._misfit(long.member.value, f"more than {self._max_length} bytes; max_length sets the bound")
        else:
            self.size += long.length
            self._set(long.member, joined_values(long.events))


def _converted(convert: Convert, value: Any) -> Any:
    return None if value is None or value == "" else convert(value)


def _json(events: list[Event]) -> str:
    encoder = EventEncoder(array=False)
    return b"".join([*encoder.encode(events), encoder.close()]).decode()
