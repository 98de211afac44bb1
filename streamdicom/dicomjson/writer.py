"""DICOM events to JSON, in the canonical form of PS3.18 Annex F: keys ascending, empty attributes without Value.

A small element becomes its JSON text at once, with the loops in C; the texts go to the ``JsonWriter`` together.
Which events may come next is in ``_MOVES``: what has no move there is an ``OutputError``.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable, Iterable
from enum import IntEnum
from json.encoder import encode_basestring
from math import isfinite
from typing import Any, TypeAlias

from streamdicom.errors import Location, OutputError
from streamdicom.events import Event, EventType
from streamdicom.jsontext import JsonWriter
from streamdicom.multipart import LONGEST_FRAGMENT
from streamdicom.options import WriteOptions
from streamdicom.tags import FILE_META_GROUP, ITEM_TAG, format_tag, is_group_length
from streamdicom.vr import VRS, Form, ValueRepresentation

__all__ = ["EventWriter"]

_MOST_PENDING = 64 * 1024
_MOST_KNOWN = 16 * 1024  # tags; an archive uses some thousands

_LAST_TAG = 0xFFFFFFFF

_ELEMENT = int(EventType.ELEMENT)
# Events with the tag of the sequence that they are in.
_OF_SEQUENCE = frozenset({EventType.START_ITEM, EventType.END_ITEM, EventType.END_SEQUENCE})
_KINDS = frozenset(EventType)

_SURROGATE = re.compile("[\ud800-\udfff]")
_JSON_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")


class _Place(IntEnum):
    """What is open."""

    STREAM = 0
    MEMBERS = 1  # a data set or an item
    SEQUENCE = 2
    PARTS = 3  # an element in parts
    SEGMENTS = 4  # one of its values
    FRAGMENTS = 5  # encapsulated pixel data
    FRAGMENT = 6  # one of its fragments


class EventWriter:
    """Writes the data sets of a stream of DICOM events as one JSON array, or a single one as an object.

    Args:
        json: Where to; the caller closes it.
        options: Whether group 0002 is written, and how deep sequences may nest.
        array: Whether the data sets are put into an array.

    >>> blocks = []
    >>> json = JsonWriter(blocks.append)
    >>> writer = EventWriter(json, array=False)
    >>> writer.write((EventType.START_DATASET, 0, "", 0))
    >>> writer.write((EventType.ELEMENT, 0x00100020, "LO", ("17",)))
    >>> writer.write((EventType.END_DATASET, 0, "", None))
    >>> writer.close()
    >>> json.close()
    >>> blocks
    [b'{"00100020":{"vr":"LO","Value":["17"]}}']
    """

    def __init__(self, json: JsonWriter, *, options: WriteOptions | None = None, array: bool = True) -> None:
        self._json = json
        self._file_meta = (options or WriteOptions()).file_meta
        self._array = array
        self._place = _Place.STREAM
        self._index: int | None = None
        self._last = -1  # the tag before, within the innermost data set or item
        self._frames: list[tuple[int, int]] = []  # of each open sequence: its tag, the number of items begun
        self._members: list[str] = []
        self._size = 0
        self._part_vr = ""
        self._part_member = ""
        self._part_is_text = False
        self._rest = 0  # bytes of the fragment that are still to come
        self._skipped = 0  # how many things are open within what is left out
        self._error: OutputError | None = None
        self._known: dict[int, _Known] = {}
        if array:
            json.start_array()

    def write(self, event: Event) -> None:
        """Write one event; see ``write_all``."""
        self.write_all((event,))

    def write_all(self, events: Iterable[Event]) -> None:
        """Write events.

        Group lengths are left out, and group 0002 unless the options say otherwise. Encapsulated pixel data is one
        InlineBinary: the items of the value field, without the delimiter behind them.

        Raises:
            OutputError: An event out of order, a tag not above the one before it in its data set, or a value
                that does not fit its VR. Nothing can be written from then on.
        """
        if self._error:
            raise self._error
        kind = tag = 0
        known, members = self._known, self._members
        in_members, last, size = self._is_in_members(), self._last, self._size
        try:
            for kind, tag, vr, value in events:
                if kind == _ELEMENT and in_members and tag > last:
                    last = tag
                    entry = known.get(tag)
                    if entry is None or entry[0] != vr:
                        entry = self._learn(tag, vr)
                    start = entry[1]
                    if start:
                        text = start + entry[2](value) if value else start + "}"
                        members.append(text)
                        size += len(text)
                        if size >= _MOST_PENDING:
                            self._flush()
                            size = 0
                else:
                    self._last = last
                    self._move(kind, tag, vr, value)
                    in_members, last, size = self._is_in_members(), self._last, self._size
        except OutputError as error:
            if error.location == Location():  # it is no error of whoever makes the events
                error.location = Location(None, self._index, self._tag_path(0 if kind in _OF_SEQUENCE else tag))
            self._error = error
            raise
        finally:
            self._last, self._size = last, size

    def _is_in_members(self) -> bool:
        return self._place is _Place.MEMBERS and not self._skipped

    def _learn(self, tag: int, vr: str) -> _Known:
        """How an element of this tag and VR starts, and how the rest of it is made; empty if it is left out."""
        row = _row(vr)
        if tag > _LAST_TAG:
            raise OutputError("not a tag of 32 bits")
        start = f'"{format_tag(tag)}":{{"vr":"{vr}"' if self._is_written(tag) else ""
        if len(self._known) > _MOST_KNOWN:
            self._known.clear()
        entry = self._known[tag] = vr, start, _ATTRIBUTES[row.form]
        return entry

    def close(self) -> None:
        """Finish the document.

        Raises:
            OutputError: A data set is still open.
        """
        if self._error:
            raise self._error
        if self._place is not _Place.STREAM:
            raise OutputError("a data set is not complete", Location(None, self._index, self._tag_path(0)))
        if self._array:
            self._json.end_array()

    def _tag_path(self, tag: int) -> str:
        parts = [format_tag(sequence) + (f"[{items - 1}]" if items else "") for sequence, items in self._frames]
        return ".".join([*parts, format_tag(tag)] if tag else parts)

    def _is_written(self, tag: int) -> bool:
        # PS3.18 F.2.2: group length is prohibited. Annex F says nothing of group 0002.
        return not is_group_length(tag) and (tag >> 16 != FILE_META_GROUP or self._file_meta)

    def _flush(self) -> None:
        if self._members:
            self._json.raw_members(",".join(self._members))
            self._members.clear()
            self._size = 0

    # --- moves -------------------------------------------------------------------------------------------------

    def _move(self, kind: int, tag: int, vr: str, value: Any) -> None:
        if self._skipped:
            self._skipped += _OPENS.get(kind, 0)
            return
        move = _MOVES[self._place].get(kind)
        if move is None:
            raise OutputError(f"no {EventType(kind).name if kind in _KINDS else 'such event'} may come here")
        move(self, tag, vr, value)

    def _begins(self, tag: int) -> bool:
        """Check the order, and whether the element is to be written at all (PS3.18 F.2.2)."""
        if tag <= self._last:
            raise OutputError(f"the tag is not above the one before it, {format_tag(self._last)}")
        self._last = tag
        return self._is_written(tag)

    def _element(self, tag: int, vr: str, value: Any) -> None:
        self._begins(tag)  # which it does not, or the innermost loop would have written it

    def _bulk_data(self, tag: int, vr: str, value: Any) -> None:
        if vr not in VRS or not VRS[vr].bulk:
            raise OutputError(f"'BulkDataURI' for VR {vr} (PS3.18 F.2.2)")
        if not isinstance(value, str):
            raise OutputError("a URI that is not text")
        if self._begins(tag):
            self._flush()
            self._json.property_name(format_tag(tag))
            self._json.raw(f'{{"vr":"{vr}","BulkDataURI":{_string(value)}}}')

    def _start_dataset(self, tag: int, vr: str, value: Any) -> None:
        if self._index is not None and not self._array:
            raise OutputError("a second data set, where one is due")
        self._index = 0 if self._index is None else self._index + 1
        self._json.start_object()
        self._open_members()

    def _end_dataset(self, tag: int, vr: str, value: Any) -> None:
        if self._frames:
            raise OutputError("no END_DATASET may come here")
        self._flush()
        self._json.end_object()
        self._place = _Place.STREAM

    def _open_members(self) -> None:
        self._last = -1
        self._place = _Place.MEMBERS

    def _start_sequence(self, tag: int, vr: str, value: Any) -> None:
        if not self._begins(tag):
            self._skipped = 1
            return
        self._flush()
        self._json.property_name(format_tag(tag))
        self._json.start_object()
        self._json.raw_members('"vr":"SQ"')
        self._frames.append((tag, 0))
        self._place = _Place.SEQUENCE

    def _start_item(self, tag: int, vr: str, value: Any) -> None:
        sequence, items = self._frames[-1]
        if not items:
            self._json.property_name("Value")
            self._json.start_array()
        self._frames[-1] = sequence, items + 1
        self._json.start_object()
        self._open_members()

    def _end_item(self, tag: int, vr: str, value: Any) -> None:
        if not self._frames:
            raise OutputError("no END_ITEM may come here")
        self._flush()
        self._json.end_object()
        self._place = _Place.SEQUENCE

    def _end_sequence(self, tag: int, vr: str, value: Any) -> None:
        self._last, items = self._frames.pop()
        if items:  # PS3.18 F.2.5: an empty attribute has no Value
            self._json.end_array()
        self._json.end_object()
        self._place = _Place.MEMBERS

    def _start_parts(self, tag: int, vr: str, value: Any) -> None:
        if not self._begins(tag):
            self._skipped = 1
            return
        if vr:
            _row(vr)
        self._flush()
        self._json.property_name(format_tag(tag))
        self._json.start_object()
        if vr:
            self._json.property_name("vr")
            self._json.string(vr)
        self._part_vr = vr
        self._part_member = ""
        self._part_is_text = False
        self._place = _Place.PARTS

    def _open_member(self, member: str) -> None:
        if not self._part_member:
            self._part_member = member
            self._json.property_name(member)
            if member == "Value":
                self._json.start_array()
        elif member == "InlineBinary" or self._part_member != member:
            raise OutputError("one binary value is all that an element can have")

    def _part_values(self, tag: int, vr: str, value: Any) -> None:
        self._open_member("Value")
        encode = _ENCODERS.get(_row(self._part_vr or "LO").form)
        if encode is None:
            raise OutputError(f"'Value' for VR {self._part_vr}")
        try:
            texts = list(map(encode, value))
        except (TypeError, ValueError, AttributeError, OverflowError) as error:
            raise _misfit(error) from None
        for text in texts:
            self._json.raw(text)

    def _segment(self, tag: int, vr: str, value: Any) -> None:
        self._put_segment(value, final=False)

    def _last_segment(self, tag: int, vr: str, value: Any) -> None:
        self._put_segment(value, final=True)

    def _put_segment(self, value: Any, final: bool) -> None:
        if not isinstance(value, str | bytes):
            raise OutputError("a segment that is neither text nor bytes")
        if self._place is not _Place.SEGMENTS:
            self._open_member("Value" if isinstance(value, str) else "InlineBinary")
        if isinstance(value, str):
            self._part_is_text = True
            self._json.string_segment(value, final=final)
        else:
            self._json.base64_segment(value, final=final)
        self._place = _Place.PARTS if final else _Place.SEGMENTS

    def _end_parts(self, tag: int, vr: str, value: Any) -> None:
        if self._part_member == "Value":
            self._json.end_array()
        if not self._part_vr:
            self._json.property_name("vr")
            self._json.string(vr)
        form = _row(vr).form
        if self._part_member and (form is Form.BINARY) != (self._part_member == "InlineBinary"):
            raise OutputError(f"'{self._part_member}' for VR {vr}")
        if self._part_is_text and form is not Form.TEXT:
            raise OutputError(f"a text segment for VR {vr}")
        self._json.end_object()
        self._place = _Place.MEMBERS

    def _start_fragments(self, tag: int, vr: str, value: Any) -> None:
        if _row(vr).form is not Form.BINARY:
            raise OutputError(f"fragments for VR {vr}")
        self._start_parts(tag, vr, value)
        if not self._skipped:
            self._place = _Place.FRAGMENTS

    def _start_fragment(self, tag: int, vr: str, value: Any) -> None:
        if not isinstance(value, int) or not 0 <= value <= LONGEST_FRAGMENT:
            raise OutputError("a fragment without a length of 32 bits")
        if not self._part_member:
            self._open_member("InlineBinary")
        self._json.base64_segment(ITEM_TAG + value.to_bytes(4, "little"))
        self._rest = value
        self._place = _Place.FRAGMENT

    def _fragment_segment(self, tag: int, vr: str, value: Any) -> None:
        if not isinstance(value, bytes):
            raise OutputError("a segment of a fragment that is not bytes")
        self._rest -= len(value)
        if self._rest < 0:
            raise OutputError("a fragment that is longer than was said")
        self._json.base64_segment(value)

    def _last_fragment_segment(self, tag: int, vr: str, value: Any) -> None:
        self._fragment_segment(tag, vr, value)
        if self._rest:
            raise OutputError("a fragment that is shorter than was said")
        self._place = _Place.FRAGMENTS

    def _end_fragments(self, tag: int, vr: str, value: Any) -> None:
        if self._part_member:
            self._json.base64_segment(b"", final=True)
        self._json.end_object()
        self._place = _Place.MEMBERS


_Known: TypeAlias = "tuple[str, str, Callable[[tuple[Any, ...]], str]]"
_Move: TypeAlias = Callable[[EventWriter, int, str, Any], None]
_MOVES: dict[int, dict[int, _Move]] = {
    _Place.STREAM: {EventType.START_DATASET: EventWriter._start_dataset},
    _Place.MEMBERS: {
        EventType.ELEMENT: EventWriter._element,
        EventType.BULK_DATA: EventWriter._bulk_data,
        EventType.START_ELEMENT: EventWriter._start_parts,
        EventType.START_FRAGMENTS: EventWriter._start_fragments,
        EventType.START_SEQUENCE: EventWriter._start_sequence,
        EventType.END_ITEM: EventWriter._end_item,
        EventType.END_DATASET: EventWriter._end_dataset,
    },
    _Place.SEQUENCE: {EventType.START_ITEM: EventWriter._start_item, EventType.END_SEQUENCE: EventWriter._end_sequence},
    _Place.PARTS: {
        EventType.VALUES: EventWriter._part_values,
        EventType.SEGMENT: EventWriter._segment,
        EventType.LAST_SEGMENT: EventWriter._last_segment,
        EventType.END_ELEMENT: EventWriter._end_parts,
    },
    _Place.SEGMENTS: {EventType.SEGMENT: EventWriter._segment, EventType.LAST_SEGMENT: EventWriter._last_segment},
    _Place.FRAGMENTS: {
        EventType.START_FRAGMENT: EventWriter._start_fragment,
        EventType.END_FRAGMENTS: EventWriter._end_fragments,
    },
    _Place.FRAGMENT: {
        EventType.SEGMENT: EventWriter._fragment_segment,
        EventType.LAST_SEGMENT: EventWriter._last_fragment_segment,
    },
}
_OPENS: dict[int, int] = {
    EventType.START_ELEMENT: 1,
    EventType.END_ELEMENT: -1,
    EventType.START_FRAGMENTS: 1,
    EventType.END_FRAGMENTS: -1,
    EventType.START_SEQUENCE: 1,
    EventType.END_SEQUENCE: -1,
}


# --- one element -----------------------------------------------------------------------------------------------
# Each function makes what stands behind the VR of an attribute, from values of which there is one at least.


def _attribute(encode: Callable[[Any], str]) -> Callable[[tuple[Any, ...]], str]:
    def attribute(values: tuple[Any, ...]) -> str:
        try:
            if len(values) > 1:
                return f',"Value":[{",".join(map(encode, values))}]}}'
            text = encode(values[0])
        except (TypeError, ValueError, AttributeError, OverflowError) as error:
            raise _misfit(error) from None
        # PS3.18 F.2.5: an empty attribute has no Value, an empty value among several is null.
        return "}" if text == "null" else f',"Value":[{text}]}}'

    return attribute


def _misfit(error: Exception) -> OutputError:
    return error if isinstance(error, OutputError) else OutputError("a value that does not fit the VR")


def _row(vr: str) -> ValueRepresentation:
    row = VRS.get(vr)
    if row is None or row.form is Form.SEQUENCE:
        raise OutputError("not a value representation that an element can have (PS3.5 6.2)")
    return row


def _binary(values: tuple[Any, ...]) -> str:
    if len(values) > 1:
        raise OutputError("one binary value is all that an element can have")
    if not values[0]:
        return "}"
    try:
        return f',"InlineBinary":"{binascii.b2a_base64(values[0], newline=False).decode("ascii")}"}}'
    except TypeError:
        raise OutputError("a binary value that is not bytes") from None


def _string(text: str) -> str:
    if not text.isascii() and _SURROGATE.search(text):
        raise OutputError("half of a surrogate pair, which UTF-8 cannot carry")
    return encode_basestring(text)


def _text_attribute(values: tuple[Any, ...]) -> str:
    """What ``_attribute`` makes of ``_text``, and faster where there is one value, as there mostly is."""
    if len(values) == 1:
        [value] = values
        if value and isinstance(value, str) and value.isascii():
            return f',"Value":[{encode_basestring(value)}]}}'
    return _general_text_attribute(values)


def _text(value: str | None) -> str:
    if not value:
        return "null"
    return encode_basestring(value) if value.isascii() else _string(value)


def _decimal(value: str | None) -> str:
    """A number where the text is one of JSON's, so that it stays exact; a string otherwise (CP-1861)."""
    if not value:
        return "null"
    if isinstance(value, str) and value.isascii() and value.isdigit() and value[0] != "0":  # the common case
        return value
    return value if _JSON_NUMBER.fullmatch(value) else _string(value)


def _integer(value: int | None) -> str:
    return "null" if value is None else int.__repr__(value)


def _float(value: float | None) -> str:
    if value is None:
        return "null"
    number = float(value)
    if isfinite(number):
        return repr(number)
    return '"NaN"' if number != number else '"Infinity"' if number > 0 else '"-Infinity"'


def _tag(value: int | None) -> str:
    if value is None:
        return "null"
    if not 0 <= value <= _LAST_TAG:
        raise OutputError("not a tag of 32 bits")
    return f'"{format_tag(value)}"'


def _person_name(value: tuple[str, str, str] | None) -> str:
    if value is None:
        return "null"
    if isinstance(value, str):
        raise OutputError("a person name that is not its three component groups")
    # PS3.18 F.2.2: only the groups that are not empty.
    names = zip(("Alphabetic", "Ideographic", "Phonetic"), value, strict=True)
    groups = [f'"{name}":{_string(text)}' for name, text in names if text]
    return f"{{{','.join(groups)}}}" if groups else "null"


_ENCODERS: dict[Form, Callable[[Any], str]] = {
    Form.TEXT: _text,
    Form.DECIMAL: _decimal,
    Form.INTEGER: _integer,
    Form.LONG_INTEGER: _integer,
    Form.FLOAT: _float,
    Form.TAG: _tag,
    Form.PERSON_NAME: _person_name,
}
_general_text_attribute = _attribute(_text)
_ATTRIBUTES: dict[Form, Callable[[tuple[Any, ...]], str]] = {
    **{form: _attribute(encode) for form, encode in _ENCODERS.items()},
    Form.BINARY: _binary,
    Form.TEXT: _text_attribute,
}
