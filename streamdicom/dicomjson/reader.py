"""JSON tokens to DICOM events (PS3.18 Annex F), one by one: no data set is ever held.

Everything that decides what a token means lives here: a state, the frames of the sequences that are open, and the
attribute that is being read. A token makes the move that there is for it in the state; where there is none it is
an error.

    ROOT ── [ ──> ARRAY ── { ──> DATASET ── "00100010" ──> OPEN ── { ──> ATTRIBUTE ── } ──> DATASET
      └───────────── { ────────────^                                       │   ^
                                                                           v   │
          VR after "vr", VALUE after "Value", URI after "BulkDataURI", BINARY after "InlineBinary"

Values are held as they come and made what they are at the end of the attribute, because ``vr`` may stand behind
them, as it does in what pydicom writes. What may be long is never held: strings and long arrays flow on in parts,
and an object among the values shows by its first name whether it is an item or a person name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import IntEnum
from operator import length_hint
from typing import Any, NamedTuple, TypeAlias

from streamdicom.bulkdata import Base64Decoder, decode_base64
from streamdicom.dicomjson._values import NAME, PARSERS, convert
from streamdicom.errors import DicomJsonError, InputError, LimitError, Location
from streamdicom.events import Event, EventType
from streamdicom.jsontext import JsonReader, Token, TokenType
from streamdicom.options import ReadOptions
from streamdicom.tags import format_tag, parse_tag
from streamdicom.vr import VRS, Form

__all__ = ["EventParser"]

# Bytes whose tokens are made at once. More of them are slower, by what the garbage collector has to look at: 64 KiB
# by a tenth for events, by a fifth for data sets.
_PIECE = 16 * 1024

# Plain integers, see ``Event`` and ``Token``.
(
    _START_DATASET,
    _END_DATASET,
    _ELEMENT,
    _BULK_DATA,
    _START_ELEMENT,
    _VALUES,
    _SEGMENT,
    _LAST_SEGMENT,
    _END_ELEMENT,
    _START_SEQUENCE,
    _START_ITEM,
    _END_ITEM,
    _END_SEQUENCE,
) = map(int, list(EventType)[:13])
(
    _START_OBJECT,
    _END_OBJECT,
    _START_ARRAY,
    _END_ARRAY,
    _PROPERTY_NAME,
    _STRING,
    _STRING_SEGMENT,
    _STRING_END,
    _NUMBER,
    _TRUE,
    _FALSE,
    _NULL,
) = map(int, TokenType)


class _State(IntEnum):
    """What is being read."""

    ROOT = 0  # the document: a data set, or an array of them
    ARRAY = 1  # the array of data sets
    DATASET = 2  # the members of a data set or an item
    OPEN = 3  # behind the name of an attribute
    ATTRIBUTE = 4  # the members of an attribute
    VR = 5  # behind "vr"
    VALUE = 6  # behind "Value"
    VALUES = 7  # the values
    TEXT = 8  # a long string among them
    OBJECT = 9  # an object among them, that may be an item or a person name
    NAME = 10  # the members of a person name
    GROUP = 11  # a component group of a person name
    URI = 12  # behind "BulkDataURI"
    BINARY = 13  # behind "InlineBinary"
    BINARY_PARTS = 14  # a long one


class _Content(IntEnum):
    """What an attribute was seen to hold."""

    NOTHING = 0
    VALUES = 1
    PARTS = 2  # values, of which some have been delivered
    TEXT = 3  # values, of which one is a long string
    ITEMS = 4
    URI = 5
    BINARY = 6
    BINARY_PARTS = 7


# For the innermost loop.
_ROOT, _ARRAY, _DATASET, _OPEN, _ATTRIBUTE, _VR, _VALUE, _IN_VALUES = map(int, list(_State)[:8])
_HOLDS_NOTHING, _HOLDS_VALUES = map(int, list(_Content)[:2])


class _Frame(NamedTuple):
    """A sequence that is open, as it is to be gone on with behind the item that is being read."""

    tag: int
    vr: str
    items: int


class EventParser:
    """A push parser of DICOM JSON: bytes in, DICOM events out.

    An array of data sets and a single data set are both read. The DICOM JSON Model is taken as PS3.18 Annex F has
    it, except that the keys may come in any order. Memory is bounded by the limits and by the longest chunk that
    is fed, whatever the number and the size of the data sets.

    Args:
        options: Limits, and whether more than one document is expected.

    >>> parser = EventParser()
    >>> for kind, tag, vr, value in parser.feed(b'{"00100020": {"vr": "LO", "Value": ["17"]}}'):
    ...     print(EventType(kind).name, value)
    START_DATASET 0
    ELEMENT ('17',)
    END_DATASET None
    >>> parser.close()
    []
    """

    def __init__(self, *, options: ReadOptions | None = None) -> None:
        options = options or ReadOptions()
        self._limits = options.limits
        self._json = JsonReader(options.limits, multiple=options.multiple_documents)
        self._state = _ROOT
        self._in_array = False
        self._index: int | None = None  # of the data set that is being read, or was read last
        self._frames: list[_Frame] = []
        self._events: list[Event] = []
        self._error: InputError | None = None
        # The attribute that is being read:
        self._tag: int | None = None
        self._vr = ""
        self._content: int = _HOLDS_NOTHING
        self._held: list[tuple[int, Any]] = []  # its values, see ``convert``
        self._size = 0  # the characters of those
        self._items = 0
        self._bytes_or_uri: Any = None
        self._groups: dict[str, str] = {}
        self._group = ""
        self._decoder = Base64Decoder()

    @property
    def error(self) -> InputError | None:
        """The error that ended the stream, even if events before it are still to be looked at."""
        return self._error

    @property
    def bytes_consumed(self) -> int:
        """Bytes of the stream that are accounted for so far."""
        return self._json.bytes_consumed

    def feed(self, data: bytes) -> list[Event]:
        """Take the next bytes of the stream; return the events that they complete.

        A fault raises at once if there are no events before it; otherwise those are returned first and the next
        call raises. From then on every call raises the same error. The byte offset of a fault in a value is that
        of the end of its attribute.

        Args:
            data: Any number of bytes, cut anywhere. The events do not depend on the cuts.

        Raises:
            JsonSyntaxError: The bytes are not JSON.
            DicomJsonError: The JSON is not DICOM JSON.
            LimitError: Something is longer or deeper than the limits allow.
            ValueError: The parser was closed before.
        """
        return self._deliver([data[start : start + _PIECE] for start in range(0, max(len(data), 1), _PIECE)])

    def close(self) -> list[Event]:
        """Say that the stream has ended. There are never events left.

        Raises:
            TruncatedError: The stream stopped within a document, or had none.
            InputError: As in ``feed``.
        """
        return self._deliver(None)

    def _deliver(self, pieces: list[bytes] | None) -> list[Event]:
        if self._error:
            raise self._error
        events = self._events = []
        try:
            if pieces is None:
                self._take(self._json.close())
            else:
                for piece in pieces:
                    self._take(self._json.feed(piece))
        except InputError as error:
            error.within(self._index, self._tag_path())
            self._error = error
            if not events:
                raise
        return events

    def _take(self, tokens: list[Token]) -> None:
        remaining = iter(tokens)
        try:
            self._run(remaining)
        except InputError as error:
            error.location = Location(self._json.locate(len(tokens) - length_hint(remaining) - 1))
            raise
        if self._json.error:
            raise self._json.error

    def _run(self, tokens: Iterator[Token]) -> None:
        """The innermost loop. The moves that make up most elements stand here; ``_MOVES`` has the others."""
        state, tag, vr, content, held, size = self._state, self._tag, self._vr, self._content, self._held, self._size
        emit = self._events.append
        most_held, most_text = self._limits.held_values, self._limits.string_segment
        try:
            for token in tokens:
                kind, text = token
                if kind == _PROPERTY_NAME:
                    if state == _DATASET:
                        tag = parse_tag(text)
                        state = _OPEN
                        continue
                    if state == _ATTRIBUTE:
                        if text == "vr" and not vr:
                            state = _VR
                            continue
                        if text == "Value" and content == _HOLDS_NOTHING:
                            content = _HOLDS_VALUES
                            state = _VALUE
                            continue
                elif kind == _STRING or kind == _NUMBER:
                    if state == _IN_VALUES:
                        held.append(token)
                        size += len(text)
                        if len(held) <= most_held and size <= most_text:
                            continue
                    elif state == _VR and text in PARSERS:
                        vr = text
                        state = _ATTRIBUTE
                        continue
                elif kind == _END_OBJECT:
                    if state == _ATTRIBUTE and content <= _HOLDS_VALUES and vr and vr != "SQ":
                        emit((_ELEMENT, tag or 0, vr, convert(vr, held) if held else ()))
                        held.clear()
                        content = size = 0
                        tag, vr, state = None, "", _DATASET
                        continue
                elif kind == _START_OBJECT:
                    if state == _OPEN:
                        state = _ATTRIBUTE
                        continue
                elif kind == _START_ARRAY:
                    if state == _VALUE:
                        state = _IN_VALUES
                        continue
                elif kind == _END_ARRAY and state == _IN_VALUES:
                    state = _ATTRIBUTE
                    continue
                self._state, self._tag, self._vr, self._content, self._size = state, tag, vr, content, size
                self._move(kind, text)
                state, tag, vr, content, size = self._state, self._tag, self._vr, self._content, self._size
        except InputError:
            raise
        except ValueError as error:  # of parse_tag
            raise DicomJsonError(f"the name of an attribute is {error}") from None
        finally:
            self._state, self._tag, self._vr, self._content, self._size = state, tag, vr, content, size

    def _move(self, kind: int, text: str) -> None:
        move = _MOVES[self._state].get(kind)
        if move is None:
            raise self._misplaced(kind)
        move(self, text)

    def _misplaced(self, kind: int) -> InputError:
        wanted = _WANTED[self._state]
        if kind == _STRING_SEGMENT:
            return LimitError(f"{wanted} expected, not so long a string", "string_segment")
        return DicomJsonError(f"{wanted} expected, not {TokenType(kind).name.replace('_', ' ').lower()}")

    def _tag_path(self) -> str:
        parts = [f"{format_tag(frame.tag)}[{frame.items}]" for frame in self._frames]
        if self._tag is not None:
            parts.append(format_tag(self._tag))
        return ".".join(parts)

    # --- documents, data sets and items ------------------------------------------------------------------------

    def _start_array(self, _: str) -> None:
        self._in_array = True
        self._state = _ARRAY

    def _end_array(self, _: str) -> None:
        self._in_array = False
        self._state = _ROOT

    def _start_dataset(self, _: str) -> None:
        self._index = 0 if self._index is None else self._index + 1
        self._events.append((_START_DATASET, 0, "", self._index))
        self._state = _DATASET

    def _end_members(self, _: str) -> None:
        """The end of a data set or an item."""
        if self._frames:
            self._tag, self._vr, items = self._frames.pop()
            self._events.append((_END_ITEM, self._tag, "SQ", None))
            self._items = items + 1
            self._content = _Content.ITEMS
            self._state = _IN_VALUES
        else:
            self._events.append((_END_DATASET, 0, "", None))
            self._state = _ARRAY if self._in_array else _ROOT

    def _start_item(self) -> None:
        tag = self._tag or 0
        self._begin_items()
        self._events.append((_START_ITEM, tag, "SQ", self._items))
        self._frames.append(_Frame(tag, self._vr, self._items))
        self._reset_attribute()
        self._state = _DATASET

    def _begin_items(self) -> None:
        """Start the sequence, if it is not yet, and deliver the items whose objects were empty."""
        if self._content in (_Content.PARTS, _Content.TEXT):
            raise DicomJsonError("an item among other values")
        if self._content != _Content.ITEMS:
            self._content = _Content.ITEMS
            self._items = 0
            self._events.append((_START_SEQUENCE, self._tag or 0, "SQ", None))
        for kind, groups in self._held:
            if kind != NAME or groups is not _EMPTY_OBJECT:
                raise DicomJsonError("an item expected among items, not another value")
            self._events.append((_START_ITEM, self._tag or 0, "SQ", self._items))
            self._events.append((_END_ITEM, self._tag or 0, "SQ", None))
            self._items += 1
        self._held.clear()

    # --- attributes --------------------------------------------------------------------------------------------

    def _reset_attribute(self) -> None:
        self._tag = None
        self._vr = ""
        self._content = _HOLDS_NOTHING
        self._held.clear()
        self._size = 0

    def _member_name(self, text: str) -> None:
        if text == "vr":
            raise DicomJsonError("'vr' comes twice")
        if text not in _MEMBERS:
            raise DicomJsonError("not a member that an attribute has (PS3.18 F.2.2)")
        if self._content != _HOLDS_NOTHING:
            raise DicomJsonError("more than one of 'Value', 'BulkDataURI' and 'InlineBinary' (PS3.18 F.2.2)")
        self._content, self._state = _MEMBERS[text]

    def _wrong_vr(self, _: str) -> None:
        raise DicomJsonError("not a value representation (PS3.5 6.2)")

    def _end_attribute(self, _: str) -> None:
        """The end of an attribute that is no small element of simple values."""
        if not self._vr:
            raise DicomJsonError("an attribute without 'vr'")
        tag, vr, content, events = self._tag or 0, self._vr, self._content, self._events
        self._check(vr)
        if vr == "SQ":
            self._begin_items()
            events.append((_END_SEQUENCE, tag, vr, None))
        elif content == _Content.URI:
            events.append((_BULK_DATA, tag, vr, self._bytes_or_uri))
        elif content == _Content.BINARY:
            events.append((_ELEMENT, tag, vr, (self._bytes_or_uri,) if self._bytes_or_uri else ()))
        else:
            if self._held:
                self._deliver_values()
            events.append((_END_ELEMENT, tag, vr, None))
        self._reset_attribute()
        self._state = _DATASET

    def _check(self, vr: str) -> None:
        """Whether what the attribute holds may stand for a value of this VR (PS3.18 F.2.2, F.2.3)."""
        form, content = VRS[vr].form, self._content
        if content in (_Content.BINARY, _Content.BINARY_PARTS) and form is not Form.BINARY:
            raise DicomJsonError(f"'InlineBinary' for VR {vr}")
        if content == _Content.URI and not VRS[vr].bulk:
            raise DicomJsonError(f"'BulkDataURI' for VR {vr}")
        if content == _Content.ITEMS and form is not Form.SEQUENCE:
            raise DicomJsonError(f"items for VR {vr}")
        if content == _Content.TEXT and form is not Form.TEXT:
            raise DicomJsonError(f"so long a string for VR {vr}")

    def _uri_text(self, text: str) -> None:
        self._bytes_or_uri = text
        self._state = _ATTRIBUTE

    # --- values ------------------------------------------------------------------------------------------------

    def _hold(self, value: tuple[int, Any]) -> None:
        self._held.append(value)
        self._state = _IN_VALUES
        if len(self._held) > self._limits.held_values or self._size > self._limits.string_segment:
            self._hold_less()

    def _hold_less(self, _: str = "") -> None:
        """Deliver the values that came before the last one, because there are too many to be held."""
        held = self._held
        if self._content == _Content.ITEMS or self._vr == "SQ":
            self._begin_items()
            return
        if not self._vr and self._content != _Content.TEXT:
            limit = "string_segment" if self._size > self._limits.string_segment else "held_values"
            raise LimitError("more values than can be held before the 'vr' they need", limit)
        last = held.pop()
        if held:
            self._deliver_values()
        held.append(last)
        self._size = len(last[1]) if last[0] != NAME else sum(map(len, last[1]))

    def _deliver_values(self) -> None:
        # Before the VR is known only a long string makes parts, and it is text whatever the VR.
        values = convert(self._vr or "LO", self._held)
        self._begin_parts(_Content.PARTS)
        self._events.append((_VALUES, self._tag or 0, self._vr, values))
        self._held.clear()
        self._size = 0

    def _begin_parts(self, content: int) -> None:
        if self._content == _HOLDS_VALUES:
            self._events.append((_START_ELEMENT, self._tag or 0, self._vr, None))
        self._content = max(self._content, content)

    def _null_value(self, _: str) -> None:
        self._hold((_NULL, ""))

    def _object_value(self, _: str) -> None:
        if self._vr == "SQ" or self._content == _Content.ITEMS:
            self._start_item()
        else:
            self._groups = {}
            self._state = _State.NAME if self._vr else _State.OBJECT

    def _object_name(self, text: str) -> None:
        if text in _GROUPS:
            self._group_name(text)
        else:
            try:
                tag = parse_tag(text)
            except ValueError:
                raise DicomJsonError("neither an item nor a person name") from None
            self._start_item()
            self._tag = tag
            self._state = _OPEN

    def _object_end(self, _: str) -> None:
        self._hold((NAME, _EMPTY_OBJECT))

    # --- person names (PS3.18 F.2.2) ---------------------------------------------------------------------------

    def _group_name(self, text: str) -> None:
        if text not in _GROUPS:
            raise DicomJsonError("not a component group of a person name")
        if text in self._groups:
            raise DicomJsonError("a component group of a person name comes twice")
        self._group = text
        self._state = _State.GROUP

    def _group_text(self, text: str) -> None:
        self._groups[self._group] = text
        self._size += len(text)
        self._state = _State.NAME

    def _name_end(self, _: str) -> None:
        groups = self._groups
        self._hold((NAME, tuple([groups.get(group, "") for group in _GROUPS])))

    # --- what is long ------------------------------------------------------------------------------------------

    def _text_segment(self, text: str) -> None:
        if self._content == _Content.ITEMS or (self._vr and VRS[self._vr].form is not Form.TEXT):
            raise LimitError(f"so long a string for VR {self._vr or 'SQ'}", "string_segment")
        held = self._held
        if held and any(kind not in (_STRING, _NULL) for kind, _ in held):
            raise LimitError("so long a string among other values", "string_segment")
        self._begin_parts(_Content.TEXT)
        if held:
            self._deliver_values()
        self._events.append((_SEGMENT, self._tag or 0, self._vr, text))
        self._state = _State.TEXT

    def _text_end(self, text: str) -> None:
        self._events.append((_LAST_SEGMENT, self._tag or 0, self._vr, text))
        self._state = _IN_VALUES

    def _binary_text(self, text: str) -> None:
        try:
            self._bytes_or_uri = decode_base64(text)
        except ValueError as error:
            raise DicomJsonError(f"'InlineBinary' is {error}") from None
        self._state = _ATTRIBUTE

    def _binary_segment(self, text: str) -> None:
        if self._content != _Content.BINARY_PARTS:
            if self._vr:
                self._check(self._vr)
            self._content = _Content.BINARY_PARTS
            self._decoder = Base64Decoder()
            self._events.append((_START_ELEMENT, self._tag or 0, self._vr, None))
        self._add_binary(_SEGMENT, text)
        self._state = _State.BINARY_PARTS

    def _binary_end(self, text: str) -> None:
        self._add_binary(_LAST_SEGMENT, text)
        self._state = _ATTRIBUTE

    def _add_binary(self, kind: int, text: str) -> None:
        try:
            value = self._decoder.feed(text)
            if kind == _LAST_SEGMENT:
                value += self._decoder.close()
        except ValueError as error:
            raise DicomJsonError(f"'InlineBinary' is {error}") from None
        self._events.append((kind, self._tag or 0, self._vr, value))


# PS3.18 F.2.2, in the order of the groups in a value (PS3.5 6.2.1).
_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
_EMPTY_OBJECT = ("", "", "")  # known by its identity: it may be an item

_MEMBERS: dict[str, tuple[int, int]] = {
    "Value": (_Content.VALUES, _State.VALUE),
    "BulkDataURI": (_Content.URI, _State.URI),
    "InlineBinary": (_Content.BINARY, _State.BINARY),
}

_Move: TypeAlias = Callable[[EventParser, str], None]
_MOVES: dict[int, dict[int, _Move]] = {
    _State.ROOT: {_START_ARRAY: EventParser._start_array, _START_OBJECT: EventParser._start_dataset},
    _State.ARRAY: {_START_OBJECT: EventParser._start_dataset, _END_ARRAY: EventParser._end_array},
    _State.DATASET: {_END_OBJECT: EventParser._end_members},
    _State.OPEN: {},
    _State.ATTRIBUTE: {_PROPERTY_NAME: EventParser._member_name, _END_OBJECT: EventParser._end_attribute},
    _State.VR: {_STRING: EventParser._wrong_vr},
    _State.VALUE: {},
    _State.VALUES: {
        _STRING: EventParser._hold_less,  # which the innermost loop has added
        _NUMBER: EventParser._hold_less,
        _NULL: EventParser._null_value,
        _START_OBJECT: EventParser._object_value,
        _STRING_SEGMENT: EventParser._text_segment,
    },
    _State.TEXT: {_STRING_SEGMENT: EventParser._text_segment, _STRING_END: EventParser._text_end},
    _State.OBJECT: {_PROPERTY_NAME: EventParser._object_name, _END_OBJECT: EventParser._object_end},
    _State.NAME: {_PROPERTY_NAME: EventParser._group_name, _END_OBJECT: EventParser._name_end},
    _State.GROUP: {_STRING: EventParser._group_text},
    _State.URI: {_STRING: EventParser._uri_text},
    _State.BINARY: {_STRING: EventParser._binary_text, _STRING_SEGMENT: EventParser._binary_segment},
    _State.BINARY_PARTS: {_STRING_SEGMENT: EventParser._binary_segment, _STRING_END: EventParser._binary_end},
}

_WANTED: dict[int, str] = {
    _State.ROOT: "a data set or an array of them",
    _State.ARRAY: "a data set",
    _State.DATASET: "an attribute",
    _State.OPEN: "the object of an attribute",
    _State.ATTRIBUTE: "a member of an attribute",
    _State.VR: "the value representation",
    _State.VALUE: "an array of values",
    _State.VALUES: "a value",
    _State.TEXT: "the rest of a string",
    _State.OBJECT: "an item or a person name",
    _State.NAME: "a component group",
    _State.GROUP: "the text of a component group",
    _State.URI: "a URI",
    _State.BINARY: "a string in base64",
    _State.BINARY_PARTS: "the rest of a string",
}
