"""DICOM events to JSON, in the canonical form of PS3.18 Annex F: keys ascending, empty attributes without Value.

An element becomes its JSON text at once, with the loops in C; the texts go to the ``JsonWriter`` in blocks, as the
segments of one value. Which events may come next is in ``_MOVES``: what has no move there is an
``OutputError``.
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
from streamdicom.jsontext._base64 import Base64Encoder
from streamdicom.multipart import LONGEST_FRAGMENT
from streamdicom.options import WriteOptions
from streamdicom.tags import FILE_META_GROUP, ITEM_TAG, format_tag, is_group_length
from streamdicom.vr import VRS, Form, ValueRepresentation

__all__ = ["EventWriter"]

_MOST_PENDING = 64 * 1024
_ITEM_LENGTH = 12  # characters of the structure of an item
_MOST_KNOWN = 16 * 1024  # tags; an archive uses some thousands

_LAST_TAG = 0xFFFFFFFF

_ELEMENT = int(EventType.ELEMENT)
_START_SEQUENCE = int(EventType.START_SEQUENCE)
_START_ITEM = int(EventType.START_ITEM)
_END_ITEM = int(EventType.END_ITEM)
_END_SEQUENCE = int(EventType.END_SEQUENCE)
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
    LEFT_OUT = 7  # what is open is not written


_MEMBERS, _SEQUENCE = _Place.MEMBERS, _Place.SEQUENCE


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
        options = options or WriteOptions()
        self._json = json
        self._file_meta = options.file_meta
        self._array = array
        # The data set's own objects, and for each sequence three, see ``Limits.depth``; three for the deepest value,
        # which is a person name.
        self._most_sequences = (options.limits.depth - array - 4) // 3
        self._place = _Place.STREAM
        self._index: int | None = None
        self._last = -1  # the tag before, within the innermost data set or item
        self._frames: list[tuple[int, int]] = []  # of each open sequence: its tag, the number of items begun
        self._texts: list[str] = []
        self._size = 0
        self._part_vr = ""
        self._part_member = ""
        self._part_is_text = False
        self._part_comma = False
        self._fragment_left = -1  # bytes of the fragment that is being written, if one is
        self._base64 = Base64Encoder()
        self._skipped = 0  # how many things are open within what is left out
        self._event = 0, 0  # the type and the tag of the last one, for errors
        self._error: OutputError | None = None
        self._known = _KNOWN[self._file_meta]
        self._starts = _STARTS[self._file_meta]
        if array:
            self._put("[")

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
        try:
            self._write_all(events)
        except OutputError as error:
            if error.location == Location():  # it is no error of whoever makes the events
                kind, tag = self._event
                error.location = Location(None, self._index, self._tag_path(0 if kind in _OF_SEQUENCE else tag))
            self._error = error
            raise

    def _write_all(self, events: Iterable[Event]) -> None:
        """The innermost loop. The moves that make up most of a data set stand here; ``_MOVES`` has the others."""
        known, starts, most = self._known, self._starts, self._most_sequences
        texts, frames = self._texts, self._frames
        place, last, size = self._place, self._last, self._size
        kind = tag = 0
        try:
            for kind, tag, vr, value in events:
                if place == _MEMBERS:
                    if kind == _ELEMENT and tag > last:
                        entry = known.get(tag)
                        if entry is None or entry[0] != vr:
                            entry = self._learn(tag, vr)
                        _, start, attribute = entry
                        if start:
                            if last < 0:
                                start = start[1:]  # without the comma
                            text = attribute(start, value) if value else start + "}"
                            texts.append(text)
                            last = tag
                            size += len(text)
                            if size >= _MOST_PENDING:
                                self._flush()
                                size = 0
                        continue
                    if kind == _END_ITEM and frames:
                        texts.append("}")
                        place = _SEQUENCE
                        continue
                    if kind == _START_SEQUENCE and tag > last and len(frames) < most:
                        start = starts.get(tag) or self._learn_sequence(tag)
                        if start:
                            texts.append(start if last >= 0 else start[1:])
                            size += len(start)
                            frames.append((tag, 0))
                            place = _SEQUENCE
                            continue
                elif place == _SEQUENCE:
                    if kind == _START_ITEM:
                        tag, items = frames[-1]
                        frames[-1] = tag, items + 1
                        texts.append(",{" if items else ',"Value":[{')
                        size += _ITEM_LENGTH
                        if size >= _MOST_PENDING:
                            self._flush()
                            size = 0
                        last = -1
                        place = _MEMBERS
                        continue
                    if kind == _END_SEQUENCE:
                        last, items = frames.pop()
                        texts.append("]}" if items else "}")  # PS3.18 F.2.5: an empty attribute has no Value
                        if size >= _MOST_PENDING:
                            self._flush()
                            size = 0
                        place = _MEMBERS
                        continue
                self._place, self._last, self._size = place, last, size
                self._move(kind, tag, vr, value)
                place, last, size = self._place, self._last, self._size
        finally:
            self._place, self._last, self._size = place, last, size
            self._event = kind, tag

    def _learn(self, tag: int, vr: str) -> _Known:
        """How an element of this tag and VR starts, and how the rest of it is made; empty if it is left out."""
        row = _row(vr)
        start = f',"{_key(tag)}":{{"vr":"{vr}"' if self._is_written(tag) else ""
        if len(self._known) > _MOST_KNOWN:
            self._known.clear()
        entry = self._known[tag] = vr, start, _ATTRIBUTES[row.form]
        return entry

    def _learn_sequence(self, tag: int) -> str:
        """How a sequence of this tag starts; empty if it is left out."""
        if not self._is_written(tag):
            return ""
        if len(self._starts) > _MOST_KNOWN:
            self._starts.clear()
        start = self._starts[tag] = f',"{_key(tag)}":{{"vr":"SQ"'
        return start

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
            self._put("]")
            self._flush(final=True)

    def _tag_path(self, tag: int) -> str:
        parts = [format_tag(sequence) + (f"[{items - 1}]" if items else "") for sequence, items in self._frames]
        return ".".join([*parts, format_tag(tag)] if tag else parts)

    def _is_written(self, tag: int) -> bool:
        # PS3.18 F.2.2: group length is prohibited. Annex F says nothing of group 0002.
        return not is_group_length(tag) and (tag >> 16 != FILE_META_GROUP or self._file_meta)

    def _put(self, text: str) -> None:
        self._texts.append(text)
        self._size += len(text)
        if self._size >= _MOST_PENDING:
            self._flush()

    def _flush(self, *, final: bool = False) -> None:
        text = "".join(self._texts)
        self._texts.clear()
        self._size = 0
        self._json.raw_segment(text, final=final)

    # --- moves -------------------------------------------------------------------------------------------------

    def _move(self, kind: int, tag: int, vr: str, value: Any) -> None:
        if self._place is _Place.LEFT_OUT:
            self._skipped += _OPENS.get(kind, 0)
            if not self._skipped:
                self._place = _Place.MEMBERS
            return
        move = _MOVES[self._place].get(kind)
        if move is None:
            raise OutputError(f"no {EventType(kind).name if kind in _KINDS else 'such event'} may come here")
        move(self, tag, vr, value)

    def _begins(self, tag: int) -> bool:
        """Start an attribute, unless it is left out (PS3.18 F.2.2)."""
        if tag <= self._last:
            raise OutputError(f"the tag is not above the one before it, {format_tag(self._last)}")
        if not self._is_written(tag):
            return False
        self._put(f'{"," if self._last >= 0 else ""}"{_key(tag)}":{{')
        self._last = tag
        return True

    def _skip(self) -> None:
        self._skipped = 1
        self._place = _Place.LEFT_OUT

    def _element(self, tag: int, vr: str, value: Any) -> None:
        self._begins(tag)  # which it does not, or the innermost loop would have written it

    def _bulk_data(self, tag: int, vr: str, value: Any) -> None:
        if vr not in VRS or not VRS[vr].bulk:
            raise OutputError(f"'BulkDataURI' for VR {vr} (PS3.18 F.2.2)")
        if not isinstance(value, str):
            raise OutputError("a URI that is not text")
        if self._begins(tag):
            self._put(f'"vr":"{vr}","BulkDataURI":{_string(value)}}}')

    def _start_dataset(self, tag: int, vr: str, value: Any) -> None:
        if self._index is not None and not self._array:
            raise OutputError("more than one data set, where one is due")
        self._index = 0 if self._index is None else self._index + 1
        self._put(",{" if self._index else "{")
        self._last = -1
        self._place = _Place.MEMBERS

    def _end_dataset(self, tag: int, vr: str, value: Any) -> None:
        if self._frames:
            raise OutputError("no END_DATASET may come here")
        self._put("}")
        if not self._array:
            self._flush(final=True)
        self._place = _Place.STREAM

    def _start_sequence(self, tag: int, vr: str, value: Any) -> None:
        """One that the innermost loop does not take: it is left out, or is wrong."""
        if not self._begins(tag):
            self._skip()
            return
        raise OutputError(f"more than {len(self._frames)} sequences within one another")

    # --- elements in parts -------------------------------------------------------------------------------------

    def _start_parts(self, tag: int, vr: str, value: Any) -> None:
        if not self._begins(tag):
            self._skip()
            return
        if vr:
            _row(vr)
            self._put(f'"vr":"{vr}"')
        self._part_vr = vr
        self._part_member = ""
        self._part_is_text = False
        self._part_comma = False
        self._place = _Place.PARTS

    def _open_member(self, member: str) -> None:
        if not self._part_member:
            self._part_member = member
            comma = "," if self._part_vr else ""
            self._put(f'{comma}"{member}":{"[" if member == "Value" else ""}')
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
        if texts:
            self._put(self._next_value() + ",".join(texts))

    def _next_value(self) -> str:
        """The comma before the next value, if it is not the first."""
        comma, self._part_comma = self._part_comma, True
        return "," if comma else ""

    def _segment(self, tag: int, vr: str, value: Any) -> None:
        self._put_segment(value, final=False)

    def _last_segment(self, tag: int, vr: str, value: Any) -> None:
        self._put_segment(value, final=True)

    def _put_segment(self, value: Any, final: bool) -> None:
        if isinstance(value, str):
            self._part_is_text = True
            text = _string(value)[1:-1]
        elif isinstance(value, bytes):
            text = self._base64.encode(value, final=final)
        else:
            raise OutputError("a segment that is neither text nor bytes")
        if self._place is not _Place.SEGMENTS:
            self._open_member("Value" if isinstance(value, str) else "InlineBinary")
            text = f'{self._next_value()}"{text}'
        elif isinstance(value, str) is not (self._part_member == "Value"):
            raise OutputError("a value in segments of text and of bytes")
        self._put(text + '"' if final else text)
        self._place = _Place.PARTS if final else _Place.SEGMENTS

    def _end_parts(self, tag: int, vr: str, value: Any) -> None:
        form = _row(vr).form
        if self._part_member and (form is Form.BINARY) != (self._part_member == "InlineBinary"):
            raise OutputError(f"'{self._part_member}' for VR {vr}")
        if self._part_is_text and form is not Form.TEXT:
            raise OutputError(f"a text segment for VR {vr}")
        end = "]" if self._part_member == "Value" else ""
        if not self._part_vr:
            end += f'{"," if self._part_member else ""}"vr":"{vr}"'
        self._put(end + "}")
        self._place = _Place.MEMBERS

    # --- encapsulated pixel data, as pydicom writes it: the value field with its items, without the delimiter --------

    def _start_fragments(self, tag: int, vr: str, value: Any) -> None:
        if vr not in VRS or VRS[vr].form is not Form.BINARY:
            raise OutputError(f"fragments for VR {vr}")
        if not self._begins(tag):
            self._skip()
            return
        self._put(f'"vr":"{vr}"')
        self._part_member = ""
        self._place = _Place.FRAGMENTS

    def _start_fragment(self, tag: int, vr: str, value: Any) -> None:
        if not isinstance(value, int) or not 0 <= value <= LONGEST_FRAGMENT:
            raise OutputError("a fragment whose length is not told")
        if not self._part_member:
            self._part_member = "InlineBinary"
            self._put(',"InlineBinary":"')
        self._put(self._base64.encode(ITEM_TAG + value.to_bytes(4, "little")))
        self._fragment_left = value
        self._place = _Place.FRAGMENT

    def _fragment_segment(self, tag: int, vr: str, value: Any) -> None:
        if not isinstance(value, bytes):
            raise OutputError("a fragment that is not bytes")
        self._fragment_left -= len(value)
        if self._fragment_left < 0:
            raise OutputError("a fragment that is longer than was told")
        self._put(self._base64.encode(value))

    def _end_fragment(self, tag: int, vr: str, value: Any) -> None:
        self._fragment_segment(tag, vr, value)
        if self._fragment_left:
            raise OutputError("a fragment that is shorter than was told")
        self._place = _Place.FRAGMENTS

    def _end_fragments(self, tag: int, vr: str, value: Any) -> None:
        self._put(self._base64.encode(b"", final=True) + ('"}' if self._part_member else "}"))
        self._place = _Place.MEMBERS


_Known: TypeAlias = "tuple[str, str, Callable[[str, tuple[Any, ...]], str]]"
# How elements of a tag start, without and with group 0002; the same for every writer.
_KNOWN: dict[bool, dict[int, _Known]] = {False: {}, True: {}}

_STARTS: dict[bool, dict[int, str]] = {False: {}, True: {}}  # and how sequences do

_Move: TypeAlias = Callable[[EventWriter, int, str, Any], None]
_MOVES: dict[int, dict[int, _Move]] = {
    _Place.STREAM: {EventType.START_DATASET: EventWriter._start_dataset},
    _Place.MEMBERS: {
        EventType.ELEMENT: EventWriter._element,
        EventType.BULK_DATA: EventWriter._bulk_data,
        EventType.START_ELEMENT: EventWriter._start_parts,
        EventType.START_SEQUENCE: EventWriter._start_sequence,
        EventType.START_FRAGMENTS: EventWriter._start_fragments,
        EventType.END_DATASET: EventWriter._end_dataset,
    },
    _Place.SEQUENCE: {},  # the innermost loop has them all
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
        EventType.LAST_SEGMENT: EventWriter._end_fragment,
    },
}
_OPENS: dict[int, int] = {
    EventType.START_ELEMENT: 1,
    EventType.END_ELEMENT: -1,
    EventType.START_SEQUENCE: 1,
    EventType.END_SEQUENCE: -1,
    EventType.START_FRAGMENTS: 1,
    EventType.END_FRAGMENTS: -1,
}


# --- one element -----------------------------------------------------------------------------------------------
# Each function makes the text of an attribute, from its start and from values of which there is one at least.


def _attribute(encode: Callable[[Any], str]) -> Callable[[str, tuple[Any, ...]], str]:
    def attribute(start: str, values: tuple[Any, ...]) -> str:
        try:
            if len(values) > 1:
                return f'{start},"Value":[{",".join(map(encode, values))}]}}'
            text = encode(values[0])
        except (TypeError, ValueError, AttributeError, OverflowError) as error:
            raise _misfit(error) from None
        # PS3.18 F.2.5: an empty attribute has no Value, an empty value among several is null.
        return start + "}" if text == "null" else f'{start},"Value":[{text}]}}'

    return attribute


def _key(tag: int) -> str:
    if not 0 <= tag <= _LAST_TAG:
        raise OutputError("not a tag of 32 bits")
    return format_tag(tag)


def _misfit(error: Exception) -> OutputError:
    return error if isinstance(error, OutputError) else OutputError("a value that does not fit the VR")


def _row(vr: str) -> ValueRepresentation:
    row = VRS.get(vr)
    if row is None or row.form is Form.SEQUENCE:
        raise OutputError("not a value representation that an element can have (PS3.5 6.2)")
    return row


def _binary(start: str, values: tuple[Any, ...]) -> str:
    if len(values) > 1:
        raise OutputError("one binary value is all that an element can have")
    if not values[0]:
        return start + "}"
    try:
        return f'{start},"InlineBinary":"{binascii.b2a_base64(values[0], newline=False).decode("ascii")}"}}'
    except TypeError:
        raise OutputError("a binary value that is not bytes") from None


def _string(text: str) -> str:
    if not text.isascii() and _SURROGATE.search(text):
        raise OutputError("half of a surrogate pair, which UTF-8 cannot carry")
    return encode_basestring(text)


def _text_attribute(start: str, values: tuple[Any, ...]) -> str:
    """What ``_attribute`` makes of ``_text``, and faster where there is one value, as there mostly is."""
    if len(values) == 1:
        [value] = values
        try:
            if value and value.isascii():
                return f'{start},"Value":[{encode_basestring(value)}]}}'
        except (AttributeError, TypeError):
            raise OutputError("a value that does not fit the VR") from None
    return _general_text_attribute(start, values)


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


def _integer_attribute(start: str, values: tuple[Any, ...]) -> str:
    """As ``_text_attribute``, for integers."""
    if len(values) == 1:
        [value] = values
        if type(value) is int:
            return f'{start},"Value":[{value}]}}'
    return _general_integer_attribute(start, values)


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
_general_integer_attribute = _attribute(_integer)
_ATTRIBUTES: dict[Form, Callable[[str, tuple[Any, ...]], str]] = {
    **{form: _attribute(encode) for form, encode in _ENCODERS.items()},
    Form.BINARY: _binary,
    Form.TEXT: _text_attribute,
    Form.INTEGER: _integer_attribute,
    Form.LONG_INTEGER: _integer_attribute,
}
