"""The columns that a caller asks for, and their Arrow schema."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass, field
from functools import cached_property

import pyarrow as pa

from streamdicom._typing import TypeAlias
from streamdicom.columns.types import Convert, TypeOptions, as_text, type_of
from streamdicom.dicom import MAX_TAG, VRS, definition_of, keyword
from streamdicom.patterns import parse_pattern_step

Columns: TypeAlias = Iterable[str] | Mapping[str, str]
"""Names of columns, or names by the name that each gets."""

PLACES = {"_source": pa.string(), "_index": pa.int64(), "_offset": pa.int64(), "_json": pa.string()}
"""Columns that say where a row is from: the name of the file, the number of the data set in it, the offset of its first
byte, and the data set as JSON."""

PROBLEMS = "_problems"
"""The column of the values that do not fit, which is there if they are not errors."""

_URI = "_uri"
_VR = re.compile(r"(.+):([A-Z]{2})")


@dataclass
class Field:
    """A column, or a member of the items of a sequence.

    Attributes:
        name: Its name.
        tag: The tag of its element.
        vr: The VR, or "SQ".
        convert: The conversion of one value; None for a sequence.
        is_list: Whether its type is a list.
        type: Its Arrow type.
        members: The members of the items of a sequence, by tag.
    """

    name: str
    tag: int
    vr: str
    convert: Convert | None = None
    is_list: bool = False
    type: pa.DataType = field(default_factory=pa.string)
    members: dict[int, Members] = field(default_factory=dict)


@dataclass
class Members:
    """The fields of one element.

    Attributes:
        value: That of its value.
        uri: That of a reference to bulk data.
    """

    value: Field | None = None
    uri: Field | None = None

    @cached_property
    def text(self) -> str:
        """The name of the field if its value is one text, as it is."""
        field = self.value
        return field.name if field is not None and field.convert is as_text and not field.is_list else ""

    @property
    def fields(self) -> list[Field]:
        """The fields that there are."""
        return [one for one in (self.value, self.uri) if one is not None]


class Schema:
    """The columns of a table.

    Args:
        columns: See ``read``.
        options: Choices of types.
        has_problems: Whether there is a column of the values that do not fit.

    Attributes:
        arrow: The Arrow schema.
        members: The fields of the elements at the top of a data set, by tag.
        places: The columns that say where a row is from.

    Raises:
        ValueError: A name is unknown, or given twice.

    >>> Schema(["PatientID", "ReferencedSeriesSequence.SeriesInstanceUID"], TypeOptions(), has_problems=False).arrow
    PatientID: string
    ReferencedSeriesSequence: list<item: struct<SeriesInstanceUID: string>>
      child 0, item: struct<SeriesInstanceUID: string>
          child 0, SeriesInstanceUID: string
    """

    def __init__(self, columns: Columns, options: TypeOptions, *, has_problems: bool) -> None:
        if isinstance(columns, str):
            raise TypeError("expected a list of columns, found text")
        self._options = options
        self.members: dict[int, Members] = {}
        self.places: list[str] = []
        self._names: list[str | Field] = []  # in the order of the columns
        named = columns.items() if isinstance(columns, Mapping) else ((None, column) for column in columns)
        for name, column in named:
            self._add(column, name)
        if not self._names:
            raise ValueError("expected at least one column")
        if has_problems:
            self._names.append(PROBLEMS)
        self.arrow = pa.schema([_arrow_field(one) for one in self._names])
        if len(set(self.arrow.names)) != len(self._names):
            raise ValueError("expected each column once")

    @property
    def include(self) -> list[str]:
        """Patterns of the elements of the columns; empty if every element is needed."""
        return [] if "_json" in self.places else list(_patterns(self.members))

    @property
    def tags(self) -> list[int] | None:
        """The tags of the columns; None if one is a sequence, a reference or the data set."""
        has_parts = any(one.uri or not one.value or not one.value.convert for one in self.members.values())
        return None if has_parts or not {"_source", "_index"}.issuperset(self.places) else list(self.members)

    def select(self, names: Collection[str]) -> Schema:
        """Return some of the columns, in their order."""
        selected = copy(self)
        selected._names = [one for one in self._names if _column_name(one) in names]
        selected.places = [one for one in self.places if one in names]
        tags = {one.tag: one for one in selected._names if isinstance(one, Field)}
        selected.members = {
            tag: Members(*[one if one in tags.values() else None for one in (member.value, member.uri)])
            for tag, member in self.members.items()
            if tag in tags
        }
        selected.arrow = pa.schema([_arrow_field(one) for one in selected._names])
        return selected

    def _add(self, column: str, name: str | None) -> None:
        if column in PLACES:
            if name not in (None, column):
                raise ValueError(f"the column {column} cannot have another name")
            self.places.append(column)
            self._names.append(column)
            return
        *path, last = column.split(".")
        if path and name is not None:
            raise ValueError(f"a path keeps the names of its elements: {column}")
        members, top = self.members, None
        for step in path:
            sequence = self._sequence(members, step, column)
            if top is None:
                top = sequence
            members = sequence.members
        added = self._element(members, last, name)
        if top is None:
            self._names.append(added)
        elif top not in self._names:
            self._names.append(top)

    def _sequence(self, members: dict[int, Members], step: str, column: str) -> Field:
        tag, vr = _tag_and_vr(step)
        if vr != "SQ":
            raise ValueError(f"expected a sequence before the last step of {column}")
        slot = members.setdefault(tag, Members())
        if slot.value is None:
            slot.value = Field(_name(tag), tag, "SQ", is_list=True)
        elif not slot.value.members:
            raise ValueError(f"expected the whole sequence or parts of it, found both: {column}")
        return slot.value

    def _element(self, members: dict[int, Members], step: str, name: str | None) -> Field:
        is_uri = step.endswith(_URI)
        tag, vr = _tag_and_vr(step.removesuffix(_URI))
        slot = members.setdefault(tag, Members())
        if (slot.uri if is_uri else slot.value) is not None:
            raise ValueError(f"expected each column once, found another {step}")
        name = name or _name(tag) + (_URI if is_uri else "")
        if is_uri:
            slot.uri = Field(name, tag, vr)
            return slot.uri
        slot.value = Field(name, tag, vr)
        if vr != "SQ":
            one = type_of(vr, self._options)
            slot.value.convert, slot.value.is_list = one.convert, _is_multiple(tag)
            slot.value.type = pa.list_(one.type) if slot.value.is_list else one.type
        return slot.value


def _tag_and_vr(step: str) -> tuple[int, str]:
    """Return the tag and the VR of a step, which may name its VR after a colon."""
    vr = ""
    named = _VR.fullmatch(step)
    if named:
        step, vr = named.groups()
        if vr not in VRS:
            raise ValueError(f"expected a VR after the colon, found {vr}")
    found = parse_pattern_step(step)
    if found.mask != MAX_TAG or found.vr:
        raise ValueError(f"expected the tag or the keyword of one element, found {step!r}")
    definition = definition_of(found.digits)
    if not vr and definition is None:
        raise ValueError(f"the dictionary does not have {step}; add its VR, as in {step}:LO")
    return found.digits, vr or (definition.vrs[0] if definition else "")


def _is_multiple(tag: int) -> bool:
    definition = definition_of(tag)
    return definition is None or definition.max_values > 1


def _name(tag: int) -> str:
    return keyword(tag) or f"{tag:08X}"


def _column_name(column: str | Field) -> str:
    return column.name if isinstance(column, Field) else column


def _arrow_field(column: str | Field) -> pa.Field:
    if isinstance(column, Field):
        return pa.field(column.name, _arrow_type(column))
    return pa.field(column, pa.list_(pa.string()) if column == PROBLEMS else PLACES[column])


def _arrow_type(column: Field) -> pa.DataType:
    if not column.members:
        return column.type
    fields = [one for member in column.members.values() for one in member.fields]
    return pa.list_(pa.struct([pa.field(one.name, _arrow_type(one)) for one in fields]))


def _patterns(members: Mapping[int, Members], prefix: str = "") -> Iterator[str]:
    for tag, member in members.items():
        path = f"{prefix}{tag:08X}"
        if member.value is not None and member.value.members:
            yield from _patterns(member.value.members, f"{path}.")
        else:
            yield path
