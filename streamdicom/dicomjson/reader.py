"""JSON tokens to DICOM events (PS3.18 Annex F), one by one: no data set is ever held.

Everything that decides what a token means lives here: a state, the frames of the sequences that are open, and the
attribute that is being read. A token makes the move that there is for it in the state; where there is none, the
element is given up.

    ROOT ── [ ──> ARRAY ── { ──> DATASET ── "00100010" ──> OPEN ── { ──> ATTRIBUTE ── } ──> DATASET
      └── { ──> FIRST ─────────────^                                       │   ^
                                                                           v   │
          VR after "vr", VALUE after "Value", URI after "BulkDataURI", BINARY after "InlineBinary"

Values are held as they come and made what they are at the end of the attribute, because ``vr`` may stand behind
them, as it does in what pydicom writes. What may be long is never held: strings and long arrays flow on in parts,
and an object among the values shows by its first name whether it is an item or a person name.

What the standard does not have is told to the ``Dialect``, which raises an error or lets it pass; whoever tells it goes
on as the row of ``DEVIATIONS`` says.
"""

from __future__ import annotations

from binascii import b2a_base64
from bisect import bisect_left
from collections.abc import Callable, Iterator
from json.encoder import encode_basestring
from operator import length_hint
from typing import Any, TypeAlias

from streamdicom.bulkdata import Base64Decoder, decode_base64
from streamdicom.dicomjson._capture import Capture
from streamdicom.dicomjson._dialect import Dialect, before
from streamdicom.dicomjson._fragments import Fragments
from streamdicom.dicomjson._keys import KeyFilter
from streamdicom.dicomjson._states import OPEN_CONTAINERS, WANTED, Content, State
from streamdicom.dicomjson._values import (
    GROUPS,
    NAME,
    OTHER,
    PARSERS,
    Held,
    WrongValueError,
    convert,
    from_value_field,
    json_values,
    take,
)
from streamdicom.errors import DicomJsonError, InputError, LimitError, Location
from streamdicom.events import Event, EventType
from streamdicom.jsontext import JsonReader, Token, TokenType
from streamdicom.jsontext.tokens import DEPTHS
from streamdicom.options import ReadOptions
from streamdicom.tags import (
    FILE_META_GROUP,
    dictionary_vrs,
    format_tag,
    is_group_length,
    parse_tag,
    parse_tag_in_any_form,
    tag_for_keyword_key,
)
from streamdicom.vr import VRS, Form

__all__ = ["EventParser"]

# Bytes whose tokens are made at once. More of them are slower, by what the garbage collector has to look at: 64 KiB
# by a tenth for events, by a fifth for data sets.
_PIECE = 16 * 1024
_MOST_KEYS = 16 * 1024  # that are known by heart; an archive uses some thousands
_MOST_SEEN = 4096  # elements of a data set that one which comes again is compared with
_LONGEST_KEYWORD = 64  # characters; the longest of PS3.6 has 62

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
    _START_FRAGMENTS,
    _START_FRAGMENT,
    _END_FRAGMENTS,
    _JSON_ELEMENT,
) = map(int, EventType)
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


# For the innermost loop.
_ROOT, _ARRAY, _DATASET, _OPEN, _ATTRIBUTE, _VR, _VALUE, _IN_VALUES, _SKIP = map(int, list(State)[:9])
_HOLDS_NOTHING, _HOLDS_VALUES = map(int, list(Content)[:2])
_HOLDS_ITEMS = int(Content.ITEMS)

_KEYS: dict[str, int] = {}
"""The keys of elements that have nothing odd about them, as they were met; the same for every parser."""
_NO_KEYS: dict[str, int] = {}  # is never filled
_NO_TAGS: set[int] = set()  # stands for the sets of data sets whose tags ascend, and is never filled


_Frame: TypeAlias = tuple[int, str, int, int, int, list[int], set[int]]
"""A sequence that is open, as it is to be gone on with behind the item that is being read: its tag, its VR, the number
of its items; and what ``EventParser`` has in ``_values_state``, ``_last``, ``_seen`` and ``_disordered``."""


class EventParser:
    """A push parser of DICOM JSON: bytes in, DICOM events out.

    An array of data sets and a single data set are both read. What is not as PS3.18 Annex F has it is an error or a
    ``Deviation``, as the options say. Memory is bounded by the limits and by the longest chunk that is fed, whatever
    the number and the size of the data sets.

    Args:
        options: Limits, the profile, and whether more than one document is expected.
        skip: What need not come. It is passed over as JSON, whatever it holds; nothing that is wrong with it is told.

    >>> parser = EventParser()
    >>> for kind, tag, vr, value in parser.feed(b'{"00100020": {"vr": "LO", "Value": ["17"]}}'):
    ...     print(EventType(kind).name, value)
    START_DATASET 0
    ELEMENT ('17',)
    END_DATASET None
    >>> parser.close()
    []
    """

    def __init__(self, *, options: ReadOptions | None = None, skip: KeyFilter | None = None) -> None:
        options = options or ReadOptions()
        self._filter = skip
        self._limits = options.limits
        self._dialect = dialect = Dialect(options, self._place)
        self._json = JsonReader(options.limits, multiple=options.multiple_documents, lenient=not dialect.is_json_strict)
        self._tokens: Iterator[Token] = iter(())  # that are still to be looked at, of those that were made last
        self._token_count = 0
        self._state = _ROOT
        self._in_array = False
        self._index: int | None = None  # of the data set that is being read, or was read last
        self._is_wrapped = False
        self._had_empty_array = False
        self._frames: list[_Frame] = []
        self._events: list[Event] = []
        # The innermost data set or item:
        self._last = -1  # its highest tag so far
        self._seen: list[int] = []  # its tags that were above all before them
        self._disordered = _NO_TAGS  # and those that were not
        self._error: InputError | None = None
        # The attribute that is being read:
        self._tag: int | None = None
        self._vr = ""
        self._vr_text = ""  # a vr that there is not
        self._content: int = _HOLDS_NOTHING
        self._held: list[Held] = []  # its values, see ``convert``
        self._size = 0  # the characters of those
        self._items = 0
        self._values_state: int = _IN_VALUES  # the state behind a value
        self._binary_state: int = _ATTRIBUTE  # the state behind InlineBinary
        self._bytes_or_uri: Any = None
        self._groups: dict[str, str] = {}
        self._group = ""
        self._decoder = Base64Decoder()
        self._fragments = Fragments(self._limits)
        # What is passed over, or taken as JSON text:
        self._depth = 0  # objects and arrays within it
        self._state_behind: int = _DATASET
        self._capture = Capture(0)

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
        except InputError as caught:
            # A fault without a token before it was raised before anyone looked at what is told of the text up to it.
            departure = self._dialect.first_fault(self._json) if caught is self._json.error else None
            self._error = error = departure or caught
            self._dialect.flush(self._json, error)
            error.within(self._dataset_index(), self._tag_path())
            if not events:
                raise error from None
        return events

    def _take(self, tokens: list[Token]) -> None:
        json, dialect = self._json, self._dialect
        fault = dialect.first_fault(json) if json.departures else None
        if fault:
            tokens = before(json, tokens, fault.location.byte_offset or 0)
        self._tokens = remaining = iter(tokens)
        self._token_count = len(tokens)
        error: InputError | None = None
        try:
            self._run(remaining)
        except InputError as caught:
            caught.location = Location(json.locate(self._token_number()))
            error = caught
        error = error or fault or json.error
        if error:
            raise error
        dialect.flush(json, None)

    def _token_number(self) -> int:
        return self._token_count - length_hint(self._tokens) - 1

    def _place(self) -> tuple[int, Location]:
        return self._token_number(), Location(None, self._dataset_index(), self._tag_path())

    def _dataset_index(self) -> int | None:
        """The index of the data set that is being read, even if it is not sure yet that it is one."""
        if self._state in (State.FIRST, State.UNKNOWN, State.WRAPPED):
            return 0 if self._index is None else self._index + 1
        return self._index

    def _run(self, tokens: Iterator[Token]) -> None:
        """The innermost loop. The moves that make up most elements stand here; ``_MOVES`` has the others."""
        if self._state == _SKIP:
            self._pass_over(tokens)
        state, tag, vr, content, held, size = self._state, self._tag, self._vr, self._content, self._held, self._size
        last, seen = self._last, self._seen
        emit, skip = self._events.append, self._filter
        keys, unwanted = (_KEYS, _NO_KEYS) if skip is None else (skip.wanted, skip.unwanted)
        most_held, most_text = self._limits.held_values, self._limits.string_segment
        for token in tokens:
            kind, text = token
            if kind == _PROPERTY_NAME:
                if state == _DATASET:
                    if text in keys and keys[text] > last:
                        tag = last = keys[text]
                        seen.append(last)
                        state = _OPEN
                        continue
                    if text in unwanted and unwanted[text] > last:
                        last = unwanted[text]
                        seen.append(last)
                        depth = 0  # as ``_pass_over`` does it; one call less for most of a data set
                        for kind, _ in tokens:
                            if kind <= _END_ARRAY:
                                depth += DEPTHS[kind]
                                if not depth:
                                    break
                            elif not depth and kind != _STRING_SEGMENT:
                                break
                        else:
                            self._state_behind, self._depth = _DATASET, depth
                            state = _SKIP
                        continue
                elif state == _ATTRIBUTE:
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
                    values = convert(vr, held) if held else None if content else ()
                    if values is not None:
                        emit((_ELEMENT, tag or 0, vr, values))
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
            self._last = last
            self._move(kind, text)
            if self._state == _SKIP:
                self._pass_over(tokens)
            state, tag, vr, content, size = self._state, self._tag, self._vr, self._content, self._size
            last, seen = self._last, self._seen
            if skip is not None:
                keys, unwanted = skip.wanted, skip.unwanted
        self._state, self._tag, self._vr, self._content, self._size = state, tag, vr, content, size
        self._last = last
        if len(seen) > 2 * _MOST_SEEN:
            del seen[:-_MOST_SEEN]

    def _move(self, kind: int, text: str) -> None:
        move = _MOVES[self._state].get(kind)
        if move is None:
            self._give_up_at(kind)
        else:
            move(self, text)

    def _misplaced(self, kind: int) -> InputError:
        wanted = WANTED[self._state]
        if kind == _STRING_SEGMENT:
            return LimitError(f"{wanted} expected, not so long a string", "string_segment")
        return DicomJsonError(f"{wanted} expected, not {TokenType(kind).name.replace('_', ' ').lower()}")

    def _tag_path(self) -> str:
        parts = [f"{format_tag(frame[0])}[{frame[2]}]" for frame in self._frames]
        if self._tag is not None:
            parts.append(format_tag(self._tag))
        return ".".join(parts)

    # --- what is passed over -----------------------------------------------------------------------------------

    def _skip(self, state_behind: int, depth: int = 0) -> None:
        """Pass over the next value, or over all to the end of some objects and arrays that are open."""
        self._state_behind = state_behind
        self._depth = depth
        self._state = _SKIP

    def _pass_over(self, tokens: Iterator[Token]) -> None:
        depth = self._depth
        for kind, _ in tokens:
            if kind <= _END_ARRAY:
                depth += DEPTHS[kind]
            if depth <= 0 and kind != _STRING_SEGMENT:
                self._state = self._state_behind
                break
        self._depth = depth

    # --- documents ---------------------------------------------------------------------------------------------

    def _start_array(self, _: str) -> None:
        self._in_array = True
        self._state = _ARRAY

    def _end_array(self, _: str) -> None:
        self._in_array = False
        self._state = State.WRAPPER if self._is_wrapped else _ROOT

    def _start_document(self, _: str) -> None:
        if self._dialect.takes("wrapper") or self._dialect.takes("unknown-key"):
            self._had_empty_array = False
            self._state = State.FIRST
        else:
            self._start_dataset()

    def _first_name(self, text: str) -> None:
        """The first name of the document that may be one of an attribute."""
        if text in _KEYS or _may_be_key(text):
            self._start_dataset()
            self._key(text)
        else:
            self._state = State.UNKNOWN

    def _unknown_value(self, _: str) -> None:
        self._dialect.deviate("unknown-key", "a key that is neither a tag nor a keyword")
        self._state = State.FIRST

    def _unknown_object(self, text: str) -> None:
        self._unknown_value(text)
        self._skip(State.FIRST, 1)

    def _unknown_array(self, _: str) -> None:
        self._state = State.WRAPPED

    def _wrapped_dataset(self, _: str) -> None:
        self._dialect.deviate("wrapper", "an object around the array of data sets")
        self._is_wrapped = self._in_array = True
        self._start_dataset()

    def _wrapped_nothing(self, _: str) -> None:
        self._dialect.deviate("wrapper", "an object around an array of no data sets")
        self._had_empty_array = True
        self._state = State.FIRST

    def _wrapped_value(self, text: str) -> None:
        self._unknown_value(text)
        self._skip(State.FIRST, 1)

    def _wrapped_array(self, text: str) -> None:
        self._unknown_value(text)
        self._skip(State.FIRST, 2)

    def _wrapper_name(self, _: str) -> None:
        self._dialect.deviate("unknown-key", "a member beside the array of data sets")
        self._skip(State.WRAPPER)

    def _wrapper_end(self, _: str) -> None:
        self._is_wrapped = False
        self._state = _ROOT

    def _first_end(self, text: str) -> None:
        """The end of a document that has no attribute."""
        self._state = _ROOT
        if not self._had_empty_array:
            self._start_dataset()
            self._end_members(text)

    # --- data sets and items -----------------------------------------------------------------------------------

    def _start_dataset(self, _: str = "") -> None:
        self._index = 0 if self._index is None else self._index + 1
        self._events.append((_START_DATASET, 0, "", self._index))
        if self._filter:
            self._filter.start()
        self._enter()

    def _enter(self) -> None:
        self._last = -1
        self._seen = []
        self._disordered = _NO_TAGS
        self._state = _DATASET

    def _end_members(self, _: str) -> None:
        """The end of a data set or an item."""
        if self._frames:
            frame = self._frames.pop()
            self._tag, self._vr, items, state, self._last, self._seen, self._disordered = frame
            if self._filter:
                self._filter.go_out()
            self._events.append((_END_ITEM, frame[0], "SQ", None))
            self._items = items + 1
            self._content = _HOLDS_ITEMS
            self._state = state
        else:
            self._events.append((_END_DATASET, 0, "", None))
            self._state = _ARRAY if self._in_array else _ROOT

    def _start_item(self) -> None:
        tag = self._tag or 0
        if self._content != _HOLDS_ITEMS or self._held:
            self._begin_items()
        items = self._items
        self._events.append((_START_ITEM, tag, "SQ", items))
        self._frames.append((tag, self._vr, items, self._values_state, self._last, self._seen, self._disordered))
        if self._filter:
            self._filter.go_in(tag)
        self._tag = None
        self._vr = ""
        self._content = _HOLDS_NOTHING
        self._size = 0
        self._values_state = _IN_VALUES
        self._enter()

    def _begin_items(self) -> None:
        """Start the sequence, if it is not yet, and deliver the items whose objects were empty."""
        if self._content != _HOLDS_ITEMS:
            self._content = _HOLDS_ITEMS
            self._items = 0
            self._events.append((_START_SEQUENCE, self._tag or 0, "SQ", None))
        for kind, groups in self._held:
            if kind == _NULL:
                self._dialect.deviate("null-item", "null for an item")
            elif kind != NAME or groups is not _EMPTY_OBJECT:
                self._dialect.wrong("an item expected among items, not another value")
                continue
            self._events.append((_START_ITEM, self._tag or 0, "SQ", self._items))
            self._events.append((_END_ITEM, self._tag or 0, "SQ", None))
            self._items += 1
        self._held.clear()

    # --- keys --------------------------------------------------------------------------------------------------

    def _key(self, text: str) -> None:
        """A key that the innermost loop does not know, or that does not ascend."""
        self._tag = None
        tag = _KEYS.get(text) or self._tag_of(text)
        if tag is None:
            self._dialect.deviate("unknown-key", "a key that is neither a tag nor a keyword")
            self._skip(_DATASET)
            return
        self._tag = tag
        if tag > self._last:
            if text not in _KEYS:
                self._note_odd_group(tag)
            self._see(tag)
        elif self._was_seen(tag):
            self._dialect.deviate("duplicate-key", "the element comes twice in its data set")
            self._tag = None
            self._skip(_DATASET)
            return
        else:
            self._dialect.deviate("key-order", "a tag below one before it")
            if self._disordered is _NO_TAGS or len(self._disordered) >= _MOST_SEEN:
                self._disordered = set()
            self._disordered.add(tag)
        if self._filter and self._filter.skips(text if text in _KEYS else "", tag):
            self._tag = None
            self._skip(_DATASET)
        else:
            self._state = _OPEN

    def _see(self, tag: int) -> None:
        self._last = tag
        self._seen.append(tag)

    def _was_seen(self, tag: int) -> bool:
        seen = self._seen
        place = bisect_left(seen, tag, lo=max(0, len(seen) - _MOST_SEEN))
        return tag in self._disordered or (place < len(seen) and seen[place] == tag)

    def _tag_of(self, text: str) -> int | None:
        try:
            tag = parse_tag(text)
        except ValueError:
            return self._tag_in_other_form(text)
        if not is_group_length(tag) and tag >> 16 != FILE_META_GROUP:
            if len(_KEYS) >= _MOST_KEYS:
                _KEYS.clear()
            _KEYS[text] = tag
        return tag

    def _tag_in_other_form(self, text: str) -> int | None:
        try:
            tag = parse_tag_in_any_form(text)
        except ValueError:
            known = tag_for_keyword_key(text) if _may_be_keyword(text) else None
            if known is not None:
                self._dialect.deviate("keyword-key", "a keyword for a key")
            return known
        self._dialect.deviate("key-form", "a key that is not a tag of eight upper-case hexadecimal digits")
        return tag

    def _note_odd_group(self, tag: int) -> None:
        if is_group_length(tag):
            self._dialect.deviate("group-length", "a group length (PS3.18 F.2.2)")
        elif tag >> 16 == FILE_META_GROUP and self._last >> 16 != FILE_META_GROUP:
            self._dialect.deviate("file-meta", "file meta information, which Annex F does not know")

    # --- attributes --------------------------------------------------------------------------------------------

    def _reset_attribute(self) -> None:
        self._tag = None
        self._vr = self._vr_text = ""
        self._content = _HOLDS_NOTHING
        self._held.clear()
        self._size = 0
        self._values_state = _IN_VALUES
        self._binary_state = _ATTRIBUTE

    def _member_name(self, text: str) -> None:
        name = text if text in _MEMBERS else _MEMBER_NAMES.get(text.lower(), "")
        if not name:
            self._unknown_member(text)
            return
        if name != text:
            self._dialect.deviate("member-case", f"a member that should be '{name}'")
        if name == "vr":
            self._vr_name()
        else:
            self._content_name(name)

    def _unknown_member(self, text: str) -> None:
        if text.lower() in _EXTRA_MEMBERS:
            self._dialect.deviate("extra-member", f"'{text.lower()}' beside 'vr'")
        else:
            self._dialect.deviate("unknown-member", "not a member that an attribute has (PS3.18 F.2.2)")
        self._skip(_ATTRIBUTE)

    def _vr_name(self) -> None:
        if self._vr or self._vr_text:
            self._dialect.deviate("unknown-member", "'vr' comes twice")
            self._skip(_ATTRIBUTE)
        else:
            self._state = _VR

    def _content_name(self, name: str) -> None:
        content, state = _MEMBERS[name]
        if self._content != _HOLDS_NOTHING:
            self._dialect.deviate(
                "several-contents", "more than one of 'Value', 'BulkDataURI' and 'InlineBinary' (PS3.18 F.2.2)"
            )
            if self._content != Content.URI or content == Content.URI:
                self._skip(_ATTRIBUTE)
                return
        if content == Content.FRAGMENTS:
            self._dialect.deviate("data-fragment", "'DataFragment' (not in PS3.18 F.2.2)")
            self._fragments = Fragments(self._limits)
        self._content, self._state = content, state

    def _no_vr(self, _: str) -> None:
        self._dialect.deviate("null-value", "null where a value is due")
        self._state = _ATTRIBUTE

    def _wrong_vr(self, text: str) -> None:
        self._dialect.deviate("unknown-vr", "not a value representation (PS3.5 6.2)")
        self._vr_text = text or "?"
        self._state = _ATTRIBUTE

    def _end_attribute(self, _: str) -> None:
        """The end of an attribute that is no small element of simple values."""
        vr = self._vr or self._missing_vr()
        _ENDS[self._content](self, self._tag or 0, vr)
        self._reset_attribute()
        self._state = _DATASET

    def _missing_vr(self) -> str:
        """The VR of an attribute that does not tell it, or tells one that there is not; empty if that is not known."""
        content, held = self._content, self._held
        vrs: list[str] = []
        if not self._vr_text:
            self._dialect.deviate("missing-vr", "an attribute without 'vr'")
            vrs = dictionary_vrs(self._tag or 0)
        if content == Content.ITEMS:
            return "SQ"
        if vrs:
            return _one_of(vrs, content, held)
        if held and _are_empty_objects(held):
            return "SQ"
        return "" if content in (_HOLDS_VALUES, Content.PARTS, Content.TEXT) else "UN"

    def _end_values(self, tag: int, vr: str) -> None:
        held, dialect = self._held, self._dialect
        if not held:
            if self._content == _HOLDS_VALUES:
                dialect.deviate("empty-array", "a 'Value' of no values")
            if vr == "SQ":
                self._end_items(tag, vr)
            else:
                self._events.append((_ELEMENT, tag, vr or "UN", ()))
        elif not vr:
            self._give_up("a value whose VR is not known")
        elif vr == "SQ" or (vr != "PN" and _are_empty_objects(held)):
            self._end_small_items(tag, vr)
        else:
            self._end_element(tag, vr, held)

    def _end_small_items(self, tag: int, vr: str) -> None:
        if all(kind == _NULL or groups is _EMPTY_OBJECT for kind, groups in self._held):
            self._end_items(tag, vr)
        else:
            self._give_up("an item expected among items, not another value")

    def _end_element(self, tag: int, vr: str, held: list[Held]) -> None:
        values = convert(vr, held)
        if values is None:
            try:
                values = take(vr, held, self._dialect.deviate)
            except WrongValueError as error:
                self._give_up(str(error))
                return
            if values == (None,):
                if held[0][0] == _NULL:
                    self._dialect.deviate("null-only", "null for the only value")
                values = ()
        self._events.append((_ELEMENT, tag, vr, values))

    def _end_parts(self, tag: int, vr: str) -> None:
        if self._held:
            self._deliver_values()
        if self._content == Content.TEXT and (not vr or VRS[vr].form is not Form.TEXT):
            self._dialect.wrong(f"so long a string for VR {vr}" if vr else "a value whose VR is not known")
            vr = "UT"
        self._events.append((_END_ELEMENT, tag, vr, None))

    def _end_items(self, tag: int, vr: str) -> None:
        if vr != "SQ":
            self._dialect.deviate("items-for-vr", f"items for VR {vr}")
        self._begin_items()
        self._events.append((_END_SEQUENCE, tag, "SQ", None))

    def _end_reference(self, tag: int, vr: str) -> None:
        if VRS[vr].bulk:
            self._events.append((_BULK_DATA, tag, vr, self._bytes_or_uri))
        else:
            self._give_up(f"'BulkDataURI' for VR {vr}")

    def _end_binary(self, tag: int, vr: str) -> None:
        data = self._bytes_or_uri
        values: tuple[Any, ...] = (data,) if data else ()
        if VRS[vr].form is not Form.BINARY:
            self._dialect.deviate("binary-for-vr", f"'InlineBinary' for VR {vr}")
            try:
                vr, values = ("UN", values) if vr == "SQ" else (vr, from_value_field(vr, data))
            except WrongValueError as error:
                self._give_up(str(error))
                return
        self._events.append((_ELEMENT, tag, vr, values))

    def _end_no_binary(self, tag: int, vr: str) -> None:
        self._give_up("'InlineBinary' is not base64")

    def _end_binary_parts(self, tag: int, vr: str) -> None:
        if VRS[vr].form is not Form.BINARY:
            self._dialect.deviate("binary-for-vr", f"'InlineBinary' for VR {vr}")
            vr = "UN"
        self._events.append((_END_ELEMENT, tag, vr, None))

    # --- what cannot be right ----------------------------------------------------------------------------------

    def _give_up(self, message: str) -> None:
        """An element whose value cannot be right: keep it as it came, or leave it out."""
        text = self._as_it_came() if self._dialect.keeps else None
        too_long = self._dialect.keeps and text is None
        self._dialect.wrong(f"{message}; it is too long to be kept" if too_long else message)
        if text is not None:
            self._events.append((_JSON_ELEMENT, self._tag or 0, self._vr, text))

    def _as_it_came(self) -> str | None:
        """The JSON text of the attribute; None if more came than can be held."""
        vr = self._vr or self._vr_text
        members = [f'"vr":{encode_basestring(vr)}'] if vr else []
        member, content = "Value", json_values(self._held)
        if self._content == Content.URI:
            member, content = "BulkDataURI", encode_basestring(self._bytes_or_uri)
        elif self._content == Content.NO_BINARY:
            member, content = "InlineBinary", encode_basestring(self._bytes_or_uri)
        elif self._content == Content.BINARY:
            member, content = "InlineBinary", f'"{_base64(self._bytes_or_uri)}"'
        elif self._content == Content.FRAGMENTS:
            member, content = "DataFragment", self._fragments.json_text()
        if content is None:
            return None
        members.append(f'"{member}":{content}')
        return f"{{{','.join(members)}}}"

    def _give_up_at(self, kind: int) -> None:
        """A token for which there is no move: leave out what there is still to come of the attribute."""
        error = self._misplaced(kind)
        if self._tag is None:
            raise error
        self._leave_out(error, kind)

    def _leave_out(self, error: InputError, kind: int) -> None:
        depth = OPEN_CONTAINERS[self._state]
        if depth > 1 and self._values_state == _ATTRIBUTE:  # there is no array around the value
            depth -= 1
        if self._state in (State.BINARY, State.BINARY_PARTS) and self._binary_state != _ATTRIBUTE:
            depth += 1
        if self._state == State.FRAGMENTS:
            depth += self._fragments.depth
        self._dialect.wrong(error.message, error)
        self._close_what_is_open()
        self._reset_attribute()
        self._skip(_DATASET, depth + (kind in (_START_OBJECT, _START_ARRAY)))
        if not depth and kind in _WHOLE_VALUES:
            self._state = _DATASET

    def _close_what_is_open(self) -> None:
        tag, vr, events = self._tag or 0, self._vr, self._events
        if self._content == _HOLDS_ITEMS:
            events.append((_END_SEQUENCE, tag, "SQ", None))
        elif self._content in (Content.PARTS, Content.TEXT):
            events.append((_END_ELEMENT, tag, vr or "UT", None))
        elif self._content == Content.BINARY_PARTS:
            if self._state == State.BINARY_PARTS:
                events.append((_LAST_SEGMENT, tag, vr, b""))
            events.append((_END_ELEMENT, tag, vr if vr and VRS[vr].form is Form.BINARY else "UN", None))

    def _no_attribute(self, text: str) -> None:
        """A value, as JSON text, where the object of an attribute is due."""
        self._dialect.wrong("the object of an attribute expected, not another value")
        if self._dialect.keeps and text:
            self._events.append((_JSON_ELEMENT, self._tag or 0, "", text))
        self._reset_attribute()
        self._state = _DATASET

    def _start_other(self, kind: int) -> None:
        """Take a value that no VR has as JSON text, which is held if it is not too long."""
        if not self._dialect.takes_wrong_values:
            self._give_up_at(kind)
        self._state_behind = self._state
        self._capture = Capture(self._limits.string_segment)
        self._state = State.OTHER
        self._go_on_with_other(kind, "")

    def _go_on_with_other(self, kind: int, text: str) -> None:
        capture = self._capture
        capture.add(kind, text)
        if capture.is_complete:
            if self._state_behind == _OPEN:
                self._no_attribute(capture.text)
            else:
                self._size += len(capture.text)
                self._hold((OTHER, capture.text))

    # --- URIs and values ---------------------------------------------------------------------------------------

    def _uri_text(self, text: str) -> None:
        self._bytes_or_uri = text
        self._state = _ATTRIBUTE

    def _null_for_value(self, _: str) -> None:
        self._dialect.deviate("null-value", "null where a value is due")
        self._content = _HOLDS_NOTHING
        self._state = _ATTRIBUTE

    def _scalar(self) -> None:
        self._dialect.deviate("scalar-value", "a 'Value' that is no array")
        self._values_state = _ATTRIBUTE

    def _scalar_string(self, text: str) -> None:
        self._scalar()
        self._size += len(text)
        self._hold((_STRING, text))

    def _scalar_number(self, text: str) -> None:
        self._scalar()
        self._size += len(text)
        self._hold((_NUMBER, text))

    def _scalar_true(self, text: str) -> None:
        self._scalar()
        self._true_value(text)

    def _scalar_false(self, text: str) -> None:
        self._scalar()
        self._false_value(text)

    def _scalar_object(self, text: str) -> None:
        self._scalar()
        self._object_value(text)

    def _scalar_segment(self, text: str) -> None:
        self._scalar()
        self._text_segment(text)

    def _after_value(self) -> None:
        self._state = self._values_state
        self._values_state = _IN_VALUES

    def _hold(self, value: Held) -> None:
        self._held.append(value)
        self._after_value()
        if len(self._held) > self._limits.held_values or self._size > self._limits.string_segment:
            self._hold_less()

    def _hold_less(self, _: str = "") -> None:
        """Deliver the values that came before the last one, because there are too many to be held."""
        held = self._held
        if self._content == _HOLDS_ITEMS or self._vr == "SQ":
            self._begin_items()
            return
        if not self._vr and self._content != Content.TEXT:
            limit = "string_segment" if self._size > self._limits.string_segment else "held_values"
            raise LimitError("more values than can be held before the 'vr' they need", limit)
        last = held.pop()
        if held:
            self._deliver_values()
        held.append(last)
        self._size = len(last[1]) if last[0] != NAME else sum(map(len, last[1]))

    def _deliver_values(self) -> None:
        # Before the VR is known only a long string makes parts, and it is text whatever the VR.
        vr = self._vr or "LO"
        values = convert(vr, self._held)
        if values is None:
            values = take(vr, self._held, self._dialect.deviate, self._dialect.wrong)
        self._begin_parts(Content.PARTS)
        self._events.append((_VALUES, self._tag or 0, self._vr, values))
        self._held.clear()
        self._size = 0

    def _begin_parts(self, content: int) -> None:
        if self._content == _HOLDS_VALUES:
            self._events.append((_START_ELEMENT, self._tag or 0, self._vr, None))
        self._content = max(self._content, content)

    def _null_value(self, _: str) -> None:
        self._hold((_NULL, ""))

    def _true_value(self, _: str) -> None:
        self._hold_literal(_TRUE, "true")

    def _false_value(self, _: str) -> None:
        self._hold_literal(_FALSE, "false")

    def _hold_literal(self, kind: int, text: str) -> None:
        if self._dialect.takes_wrong_values:
            self._hold((OTHER, text))
        else:
            self._give_up_at(kind)

    def _object_value(self, _: str) -> None:
        if self._vr == "SQ" or self._content == _HOLDS_ITEMS:
            self._start_item()
        else:
            self._groups = {}
            self._state = State.NAME if self._vr == "PN" else State.OBJECT

    def _object_name(self, text: str) -> None:
        if text not in _KEYS and text.capitalize() in GROUPS:
            self._group_name(text)
        elif self._may_be_item(text):
            self._start_item()
            self._key(text)
        elif self._dialect.takes_wrong_values:
            self._start_other(_START_OBJECT)
            self._go_on_with_other(_PROPERTY_NAME, text)
        else:
            raise DicomJsonError("neither an item nor a person name")

    def _may_be_item(self, text: str) -> bool:
        """Whether an object among the values whose first name this is may be an item."""
        if self._content in (Content.PARTS, Content.TEXT):
            return False
        if text not in _KEYS and not _may_be_key(text):
            return not self._vr and not self._held and self._dialect.takes("unknown-key")
        return not self._held or all(kind == _NULL or groups is _EMPTY_OBJECT for kind, groups in self._held)

    def _object_end(self, _: str) -> None:
        self._hold((NAME, _EMPTY_OBJECT))

    # --- person names (PS3.18 F.2.2) ---------------------------------------------------------------------------

    def _group_name(self, text: str) -> None:
        group = text if text in GROUPS else text.capitalize()
        if group not in GROUPS:
            self._dialect.deviate("unknown-member", "not a component group of a person name")
            self._skip(State.NAME)
        elif group in self._groups:
            self._dialect.deviate("unknown-member", "a component group of a person name comes twice")
            self._skip(State.NAME)
        else:
            if group != text:
                self._dialect.deviate("member-case", f"a component group that should be '{group}'")
            self._group = group
            self._state = State.GROUP

    def _group_text(self, text: str) -> None:
        if not text:
            self._dialect.deviate("empty-name-group", "a component group that is null or empty")
        self._groups[self._group] = text
        self._size += len(text)
        self._state = State.NAME

    def _name_end(self, _: str) -> None:
        groups = self._groups
        self._hold((NAME, tuple([groups.get(group, "") for group in GROUPS])))

    # --- what is long ------------------------------------------------------------------------------------------

    def _text_segment(self, text: str) -> None:
        if self._state == State.TEXT:
            self._events.append((_SEGMENT, self._tag or 0, self._vr, text))
            return
        misfit = self._long_misfit()
        if misfit:
            self._dialect.wrong(misfit.message, misfit)
            self._held.append((OTHER, ""))
            self._skip(self._values_state)
            return
        self._begin_parts(Content.TEXT)
        if self._held:
            self._deliver_values()
        self._events.append((_SEGMENT, self._tag or 0, self._vr, text))
        self._state = State.TEXT

    def _long_misfit(self) -> InputError | None:
        if self._content == _HOLDS_ITEMS or (self._vr and VRS[self._vr].form is not Form.TEXT):
            return LimitError(f"so long a string for VR {self._vr or 'SQ'}", "string_segment")
        if any(kind not in (_STRING, _NULL) for kind, _ in self._held):
            return LimitError("so long a string among other values", "string_segment")
        return None

    def _text_end(self, text: str) -> None:
        self._events.append((_LAST_SEGMENT, self._tag or 0, self._vr, text))
        self._after_value()

    def _start_binary_array(self, _: str) -> None:
        if self._binary_state != _ATTRIBUTE:
            self._give_up_at(_START_ARRAY)
            return
        self._dialect.deviate("binary-in-array", "'InlineBinary' in an array")
        self._binary_state = State.BINARY_END

    def _end_binary_array(self, _: str) -> None:
        if self._state == State.BINARY:  # without a value in it
            if self._binary_state == _ATTRIBUTE:
                self._give_up_at(_END_ARRAY)
                return
            self._bytes_or_uri = b""
        self._state = _ATTRIBUTE

    def _null_binary(self, _: str) -> None:
        self._dialect.deviate("null-value", "null where a value is due")
        self._bytes_or_uri = b""
        self._state = self._binary_state

    def _binary_text(self, text: str) -> None:
        try:
            self._bytes_or_uri = decode_base64(text)
        except ValueError as error:
            if not self._dialect.takes_wrong_values:
                raise DicomJsonError(f"'InlineBinary' is {error}") from None
            self._bytes_or_uri = text
            self._content = Content.NO_BINARY
        self._state = self._binary_state

    def _binary_segment(self, text: str) -> None:
        if self._content != Content.BINARY_PARTS:
            if self._vr and VRS[self._vr].form is not Form.BINARY:
                self._dialect.deviate("binary-for-vr", f"'InlineBinary' for VR {self._vr}")
                self._vr = "UN"
            self._content = Content.BINARY_PARTS
            self._decoder = Base64Decoder()
            self._events.append((_START_ELEMENT, self._tag or 0, self._vr, None))
        self._state = State.BINARY_PARTS
        self._add_binary(_SEGMENT, text)

    def _binary_end(self, text: str) -> None:
        if self._add_binary(_LAST_SEGMENT, text):
            self._state = self._binary_state

    def _add_binary(self, kind: int, text: str) -> bool:
        try:
            value = self._decoder.feed(text)
            if kind == _LAST_SEGMENT:
                value += self._decoder.close()
        except ValueError as error:
            self._leave_out(DicomJsonError(f"'InlineBinary' is {error}"), _STRING_SEGMENT)
            return False
        self._events.append((kind, self._tag or 0, self._vr, value))
        return True

    # --- encapsulated pixel data as dcm4che writes it --------------------------------------------------------------

    def _go_on_with_fragments(self, kind: int, text: str) -> None:
        try:
            self._fragments.take(kind, text)
        except WrongValueError as error:
            self._leave_out(DicomJsonError(str(error)), kind)
            return
        if self._fragments.is_complete:
            self._state = _ATTRIBUTE

    def _end_fragments(self, tag: int, vr: str) -> None:
        if VRS[vr].form is not Form.BINARY:
            self._give_up(f"'DataFragment' for VR {vr}")
        elif self._fragments.has_reference:
            self._give_up("a fragment that is a reference")
        else:
            self._events += self._fragments.events(tag, vr)


def _may_be_keyword(text: str) -> bool:
    return len(text) <= _LONGEST_KEYWORD and text.isascii() and text.isalnum()


def _may_be_key(text: str) -> bool:
    """Whether a name is a tag, in whatever form, or a keyword."""
    try:
        parse_tag_in_any_form(text)
    except ValueError:
        return _may_be_keyword(text) and tag_for_keyword_key(text) is not None
    return True


def _are_empty_objects(held: list[Held]) -> bool:
    return all(groups is _EMPTY_OBJECT for _, groups in held)


def _one_of(vrs: list[str], content: int, held: list[Held]) -> str:
    """The VR of those that the data dictionary has for a tag that goes with what came."""
    if content == _HOLDS_VALUES:
        if "SS" in vrs and any(kind == _NUMBER and text.startswith("-") for kind, text in held):
            return "SS"
        return next((vr for vr in vrs if VRS[vr].form is not Form.BINARY), vrs[0])
    return "OW" if "OW" in vrs else vrs[0]


def _base64(data: bytes) -> str:
    return b2a_base64(data, newline=False).decode()


_EMPTY_OBJECT = ("", "", "")  # known by its identity: it may be an item
_WHOLE_VALUES = frozenset({_STRING, _STRING_END, _NUMBER, _TRUE, _FALSE, _NULL})

_MEMBERS: dict[str, tuple[int, int]] = {
    "vr": (Content.NOTHING, State.VR),
    "Value": (Content.VALUES, State.VALUE),
    "BulkDataURI": (Content.URI, State.URI),
    "InlineBinary": (Content.BINARY, State.BINARY),
    "DataFragment": (Content.FRAGMENTS, State.FRAGMENTS),
}
_MEMBER_NAMES = {name.lower(): name for name in _MEMBERS}
_EXTRA_MEMBERS = frozenset({"keyword", "name"})

_End: TypeAlias = Callable[[EventParser, int, str], None]
_ENDS: dict[int, _End] = {
    Content.NOTHING: EventParser._end_values,
    Content.VALUES: EventParser._end_values,
    Content.PARTS: EventParser._end_parts,
    Content.TEXT: EventParser._end_parts,
    Content.ITEMS: EventParser._end_items,
    Content.URI: EventParser._end_reference,
    Content.BINARY: EventParser._end_binary,
    Content.BINARY_PARTS: EventParser._end_binary_parts,
    Content.NO_BINARY: EventParser._end_no_binary,
    Content.FRAGMENTS: EventParser._end_fragments,
}

_Move: TypeAlias = Callable[[EventParser, str], None]


def _other(kind: int) -> _Move:
    return lambda parser, text: parser._go_on_with_other(kind, text)


def _fragment(kind: int) -> _Move:
    return lambda parser, text: parser._go_on_with_fragments(kind, text)


_MOVES: dict[int, dict[int, _Move]] = {
    State.ROOT: {_START_ARRAY: EventParser._start_array, _START_OBJECT: EventParser._start_document},
    State.ARRAY: {_START_OBJECT: EventParser._start_dataset, _END_ARRAY: EventParser._end_array},
    State.DATASET: {_PROPERTY_NAME: EventParser._key, _END_OBJECT: EventParser._end_members},
    State.OPEN: {
        _STRING: lambda parser, text: parser._no_attribute(encode_basestring(text)),
        _NUMBER: EventParser._no_attribute,
        _TRUE: lambda parser, _: parser._no_attribute("true"),
        _FALSE: lambda parser, _: parser._no_attribute("false"),
        _NULL: lambda parser, _: parser._no_attribute("null"),
        _START_ARRAY: lambda parser, _: parser._start_other(_START_ARRAY),
    },
    State.ATTRIBUTE: {_PROPERTY_NAME: EventParser._member_name, _END_OBJECT: EventParser._end_attribute},
    State.VR: {_STRING: EventParser._wrong_vr, _NULL: EventParser._no_vr},
    State.VALUE: {
        _STRING: EventParser._scalar_string,
        _NUMBER: EventParser._scalar_number,
        _NULL: EventParser._null_for_value,
        _TRUE: EventParser._scalar_true,
        _FALSE: EventParser._scalar_false,
        _START_OBJECT: EventParser._scalar_object,
        _STRING_SEGMENT: EventParser._scalar_segment,
    },
    State.VALUES: {
        _STRING: EventParser._hold_less,  # which the innermost loop has added
        _NUMBER: EventParser._hold_less,
        _NULL: EventParser._null_value,
        _TRUE: EventParser._true_value,
        _FALSE: EventParser._false_value,
        _START_OBJECT: EventParser._object_value,
        _START_ARRAY: lambda parser, _: parser._start_other(_START_ARRAY),
        _STRING_SEGMENT: EventParser._text_segment,
    },
    State.TEXT: {_STRING_SEGMENT: EventParser._text_segment, _STRING_END: EventParser._text_end},
    State.OBJECT: {_PROPERTY_NAME: EventParser._object_name, _END_OBJECT: EventParser._object_end},
    State.NAME: {_PROPERTY_NAME: EventParser._group_name, _END_OBJECT: EventParser._name_end},
    State.GROUP: {_STRING: EventParser._group_text, _NULL: EventParser._group_text},
    State.URI: {_STRING: EventParser._uri_text, _NULL: EventParser._null_for_value},
    State.BINARY: {
        _STRING: EventParser._binary_text,
        _STRING_SEGMENT: EventParser._binary_segment,
        _NULL: EventParser._null_binary,
        _START_ARRAY: EventParser._start_binary_array,
        _END_ARRAY: EventParser._end_binary_array,
    },
    State.BINARY_PARTS: {_STRING_SEGMENT: EventParser._binary_segment, _STRING_END: EventParser._binary_end},
    State.BINARY_END: {_END_ARRAY: EventParser._end_binary_array},
    State.OTHER: {kind: _other(kind) for kind in map(int, TokenType)},
    State.FIRST: {_PROPERTY_NAME: EventParser._first_name, _END_OBJECT: EventParser._first_end},
    State.UNKNOWN: {
        **dict.fromkeys((_STRING, _STRING_END, _NUMBER, _TRUE, _FALSE, _NULL), EventParser._unknown_value),
        _STRING_SEGMENT: lambda parser, _: None,
        _START_OBJECT: EventParser._unknown_object,
        _START_ARRAY: EventParser._unknown_array,
    },
    State.WRAPPED: {
        **dict.fromkeys((_STRING, _STRING_SEGMENT, _NUMBER, _TRUE, _FALSE, _NULL), EventParser._wrapped_value),
        _START_OBJECT: EventParser._wrapped_dataset,
        _START_ARRAY: EventParser._wrapped_array,
        _END_ARRAY: EventParser._wrapped_nothing,
    },
    State.WRAPPER: {_PROPERTY_NAME: EventParser._wrapper_name, _END_OBJECT: EventParser._wrapper_end},
    State.FRAGMENTS: {kind: _fragment(kind) for kind in map(int, TokenType)},
}
