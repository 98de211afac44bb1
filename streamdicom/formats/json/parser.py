"""JSON tokens to DICOM events (PS3.18 Annex F), one by one: no data set is ever held.

Everything that decides what a token means lives here: a state, and the frames of the sequences that are open. A
token makes the move that there is for it in the state; where there is none, the element is given up.

    ROOT ── [ ──> ARRAY ── { ──> DATASET ── "00100010" ──> OPEN ── { ──> ATTRIBUTE ── } ──> DATASET
      └── { ──> FIRST ─────────────^                                       │   ^
                                                                           v   │
          VR after "vr", VALUE after "Value", URI after "BulkDataURI", BINARY after "InlineBinary"

Most attributes need none of this: they come whole, in one token, and are elements at once; ``_whole`` says which.
What comes of the others, ``Attribute`` knows, which holds its values until ``vr`` is known. What may be long is
never held: strings and long arrays flow on in parts, and an object among the values shows by its first name whether
it is an item or a person name. ``Elements`` knows what has come of a data set, and ``KeyFilter`` what is not wanted
of it.

What the standard does not have is told to the ``DeviationPolicy``, which raises an error or lets it pass;
the parser then goes on as the row of ``DEVIATIONS`` says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from json.encoder import encode_basestring
from operator import length_hint
from typing import TypeAlias

from streamdicom._push import PushParser
from streamdicom.dicom import FILE_META_GROUP, NAME_GROUPS, VRS, format_tag, is_group_length
from streamdicom.errors import DicomJsonError, InputError, LimitError, Location, StreamDicomError, TruncatedError
from streamdicom.events import ELEMENT, END_DATASET, LAST_SEGMENT, START_DATASET, Event, Value
from streamdicom.formats.json.attribute import EMPTY_OBJECT, Attribute
from streamdicom.formats.json.canonical import TEXT_VRS, members, tokens_of, whole_values
from streamdicom.formats.json.data_fragment import Fragments
from streamdicom.formats.json.deviation_policy import DeviationPolicy, before
from streamdicom.formats.json.key_filter import KeyFilter
from streamdicom.formats.json.keys import KEYS, may_be_key, tag_of
from streamdicom.formats.json.raw_value import Capture
from streamdicom.formats.json.states import OPEN_CONTAINERS, WANTED, Content, State
from streamdicom.formats.json.values import (
    NAME,
    OTHER,
    PARSERS,
    Held,
    WrongValueError,
    convert,
)
from streamdicom.formats.seen_tags import SeenTags
from streamdicom.jsontext import DEPTHS, JsonTokenizer, Token, TokenType, decode_base64
from streamdicom.options import ReadOptions, options_or_default

# Bytes whose tokens are made at once, however many come: the tokens may take forty times as much. More are no faster.
_PIECE = 16 * 1024

# Plain integers, see ``Token``.
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
    _MEMBER,
) = map(int, TokenType)


# Plain integers for the innermost loop, which compares others more slowly.
_ROOT, _ARRAY, _DATASET, _OPEN, _ATTRIBUTE, _VR, _VALUE, _IN_VALUES, _SKIP = map(int, list(State)[:9])
_IN_OBJECT, _IN_NAME, _IN_GROUP = int(State.OBJECT), int(State.NAME), int(State.GROUP)
_HOLDS_NOTHING, _HOLDS_VALUES = map(int, list(Content)[:2])
_HOLDS_ITEMS = int(Content.ITEMS)
_HOLDS_OR_MAY_HOLD_ITEMS = (_HOLDS_ITEMS, _HOLDS_VALUES)
_ASKED_FOR = -1  # below every ``Content``
_OBJECT_DEPTHS = DEPTHS | {_START_ARRAY: 0, _END_ARRAY: 0}

_NO_TAG = -2  # below all that may have been the last one
_NO_KEYS: dict[str, int] = {}  # is never filled

_Frame: TypeAlias = tuple[int, str, str, int, int, SeenTags]
"""A sequence that is open, as it is to be gone on with behind the item that is being read: its tag, its VR or what
there was in place of one, the number of its items, the state behind a value, and what has come around it."""


class JsonParser(PushParser[Event]):
    """A push parser of DICOM JSON: bytes in, DICOM events out.

    A document is a data set or an array of data sets; documents may follow one another (NDJSON). Departures from
    PS3.18 Annex F are errors or reported as ``Deviation``, as the options say. Memory is bounded by the limits and by
    the longest chunk that is fed, whatever the number and the size of the data sets.

    Args:
        options: Limits and the profile.
        skip: What need not come. It is passed over as JSON, whatever it holds; nothing that is wrong with it is told.

    >>> from streamdicom.events import EventType
    >>> parser = JsonParser()
    >>> for kind, tag, vr, value in parser.feed(b'{"00100020": {"vr": "LO", "Value": ["17"]}}'):
    ...     print(EventType(kind).name, value)
    START_DATASET 0
    ELEMENT ('17',)
    END_DATASET None
    >>> parser.close()
    []
    """

    def __init__(self, *, options: ReadOptions | None = None, skip: KeyFilter | None = None) -> None:
        super().__init__()
        options = options_or_default(options, ReadOptions)
        self._filter = skip
        self._limits = options.limits
        self._policy = policy = DeviationPolicy(options, self._place)
        self._json = JsonTokenizer(
            options.limits,
            multiple=True,
            lenient=not policy.is_json_strict,
            members=members(options.limits),
        )
        self._tokens: Iterator[Token] = iter(())  # that are still to be looked at, of those that were made last
        self._token_count = 0
        self._inner_tokens: Iterator[Token] = iter(())  # the same of those that a whole member stands for
        self._inner_count = 0
        self._state = _ROOT
        self._in_array = False
        self._has_document = False
        self._index: int | None = None  # of the data set that is being read, or was read last
        self._is_wrapped = False
        self._had_empty_array = False
        self._frames: list[_Frame] = []
        self._events: list[Event] = []
        self._elements = SeenTags()  # of the innermost data set or item
        # The attribute that is being read:
        self._attribute = Attribute(policy, options.limits)
        self._most_content: int = _HOLDS_VALUES  # with which the innermost loop ends it
        self._values_state: int = _IN_VALUES  # the state behind a value
        self._binary_state: int = _ATTRIBUTE  # the state behind InlineBinary
        self._groups: dict[str, str] = {}
        self._group = ""
        # What is passed over, or taken as JSON text:
        self._depth = 0  # objects and arrays within it that are open, or objects
        self._depths = DEPTHS  # what a token adds to those
        self._state_behind: int = _DATASET
        self._capture = Capture(self._limits)

    @property
    def bytes_consumed(self) -> int:
        """Bytes of the stream that are accounted for so far."""
        return self._json.bytes_consumed

    def _feed(self, data: bytes, events: list[Event]) -> None:
        for start in range(0, len(data), _PIECE):
            self._deliver(self._json.feed, data[start : start + _PIECE], events=events)

    def _close(self, events: list[Event]) -> None:
        self._deliver(self._json.close, events=events)
        if not self._has_document:
            raise TruncatedError("the input is empty", Location(self.bytes_consumed))

    def _deliver(self, read: Callable[..., list[Token]], *arguments: bytes, events: list[Event]) -> None:
        self._events = self._attribute.events = events
        try:
            self._look_at(read(*arguments))
        except InputError as error:
            # Without a token before it, the tokenizer raised the fault before its departures were looked at.
            departure = self._policy.first_fault(self._json) if error is self._json.error else None
            self._policy.flush(self._json, departure or error)
            if departure:
                raise departure from None
            raise

    def _locate(self, error: StreamDicomError) -> None:
        if error.location.byte_offset is None:
            error.location = Location(self.bytes_consumed)
        error.within(self._dataset_index(), self._tag_path())

    def _look_at(self, tokens: list[Token]) -> None:
        json, policy = self._json, self._policy
        fault = policy.first_fault(json) if json.departures else None
        if fault:
            tokens = before(json, tokens, fault.location.byte_offset or 0)
        self._tokens = remaining = iter(tokens)
        self._token_count = len(tokens)
        error: StreamDicomError | None = None
        try:
            self._run(remaining)
        except InputError as caught:
            caught.location = Location(json.locate(*self._token_place()))
            error = caught
        error = error or fault or json.error
        if error:
            raise error
        policy.flush(json, None)

    def _token_place(self) -> tuple[int, int]:
        """Which token is being looked at, and which of those that it stands for."""
        inner = self._inner_count - length_hint(self._inner_tokens) - 1 if self._inner_count else 0
        return self._token_count - length_hint(self._tokens) - 1, inner

    def _place(self) -> tuple[tuple[int, int], int | None, str]:
        return self._token_place(), self._dataset_index(), self._tag_path()

    def _dataset_index(self) -> int | None:
        """The index of the data set that is being read, even if it is not sure yet that it is one."""
        if self._state in (State.FIRST, State.UNKNOWN, State.WRAPPED):
            return 0 if self._index is None else self._index + 1
        return self._index

    def _run(self, tokens: Iterator[Token]) -> None:
        """The innermost loop. The moves that make up most elements stand here; ``_MOVES`` has the others."""
        if self._state == _SKIP:
            self._pass_over(tokens)
        state, elements, most_content, attribute = self._state, self._elements, self._most_content, self._attribute
        tag, vr, content, held, size = attribute.tag, attribute.vr, attribute.content, attribute.held, attribute.size
        last, seen = elements.last, elements.seen
        emit, skip = self._events.append, self._filter
        known, unwanted = (KEYS.get, _NO_KEYS) if skip is None else (skip.wanted.get, skip.unwanted)
        most_held, most_text = self._limits.values_per_event, self._limits.segment_size
        values: tuple[Value, ...] | None
        for token in tokens:
            kind, text = token
            if kind == _MEMBER:
                if state == _DATASET:
                    key, first_vr, one, several, numbers, name, last_vr = text
                    its_tag, its_vr = known(key, _NO_TAG), first_vr or last_vr
                    if its_tag > last:
                        if one and its_vr in TEXT_VRS:
                            values = (one,)
                        else:
                            values = whole_values(its_vr, one, several, numbers, name)
                        if values is not None:
                            last = its_tag
                            seen.append(last)
                            emit((ELEMENT, last, its_vr, values))
                            continue
                    elif key in unwanted and unwanted[key] > last:
                        last = unwanted[key]
                        seen.append(last)
                        continue
            elif kind == _PROPERTY_NAME:
                if state == _DATASET:
                    tag = known(text, _NO_TAG)
                    if tag > last:
                        last = tag
                        seen.append(tag)
                        state = _OPEN
                        continue
                    if text in unwanted and unwanted[text] > last:
                        last = unwanted[text]
                        seen.append(last)
                        depth = 0  # as ``_pass_over`` does it, but brackets need not be counted within an object
                        for kind, _ in tokens:
                            if kind > _END_OBJECT:
                                if depth:
                                    continue
                                state = self._pass_over_no_object(kind, tokens)
                                break
                            if kind == _START_OBJECT:
                                depth += 1
                            elif depth > 1:
                                depth -= 1
                            else:
                                break
                        else:
                            self._skip(_DATASET, depth, _OBJECT_DEPTHS if depth else DEPTHS)
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
                elif state == _VR and text in PARSERS and not vr:
                    vr = text
                    state = _ATTRIBUTE
                    continue
            elif kind == _END_OBJECT:
                if state == _ATTRIBUTE and content <= most_content and vr and vr != "SQ":
                    if held:
                        values = convert(vr, held)
                        if values is not None:
                            emit((ELEMENT, tag or 0, vr, values))
                            held.clear()
                            content = size = 0
                            tag, vr, state = None, "", _DATASET
                            continue
                    elif not content:
                        emit((ELEMENT, tag or 0, vr, ()))
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
            self._state, elements.last = state, last
            attribute.tag, attribute.vr, attribute.content, attribute.size = tag, vr, content, size
            if kind == _MEMBER:
                self._take_apart(text)
            else:
                self._move(kind, text)
            if self._state == _SKIP:
                self._pass_over(tokens)
            state, elements, most_content = self._state, self._elements, self._most_content
            tag, vr, content, size = attribute.tag, attribute.vr, attribute.content, attribute.size
            last, seen = elements.last, elements.seen
            if skip is not None:
                known, unwanted = skip.wanted.get, skip.unwanted
        self._state, elements.last = state, last
        attribute.tag, attribute.vr, attribute.content, attribute.size = tag, vr, content, size
        elements.forget()

    def _take_apart(self, member: tuple[str, ...]) -> None:
        """Take a member that came whole and is no small element of a data set or an item that has begun."""
        if self._state == _IN_OBJECT and self._is_first_of_item(member[0]):
            self._start_item()
            self._run(iter(((_MEMBER, member),)))
            return
        tokens = tokens_of(*member)
        self._inner_tokens = remaining = iter(tokens)
        self._inner_count = len(tokens)
        self._run(remaining)
        self._inner_count = 0

    def _move(self, kind: int, text: str) -> None:
        move = _MOVES[self._state].get(kind)
        if move is None:
            self._give_up_at(kind)
        else:
            move(self, text)

    def _misplaced(self, kind: int) -> InputError:
        wanted = WANTED[self._state]
        if kind == _STRING_SEGMENT:
            return LimitError(f"{wanted} expected, not so long a string", "segment_size")
        return DicomJsonError(f"{wanted} expected, not {TokenType(kind).name.replace('_', ' ').lower()}")

    def _tag_path(self) -> str:
        parts = [f"{format_tag(tag)}[{items}]" for tag, _, _, items, *_ in self._frames]
        if self._attribute.tag is not None:
            parts.append(format_tag(self._attribute.tag))
        return ".".join(parts)

    # --- what is passed over -----------------------------------------------------------------------------------

    def _skip(self, state_behind: int, depth: int = 0, depths: dict[int, int] = DEPTHS) -> None:
        """Pass over the next value, or over all to the end of some objects and arrays that are open."""
        self._state_behind = state_behind
        self._depth, self._depths = depth, depths
        self._state = _SKIP

    def _pass_over(self, tokens: Iterator[Token]) -> None:
        depth, depths = self._depth, self._depths
        for kind, _ in tokens:
            if kind <= _END_ARRAY:
                depth += depths[kind]
            elif depth > 0:
                continue
            if depth <= 0 and kind != _STRING_SEGMENT:
                self._state = self._state_behind
                break
        self._depth = depth

    def _pass_over_no_object(self, kind: int, tokens: Iterator[Token]) -> int:
        """Pass over what stands in place of an attribute, behind its first token."""
        if kind != _START_ARRAY and kind != _STRING_SEGMENT:
            return _DATASET
        self._skip(_DATASET, int(kind == _START_ARRAY))
        self._pass_over(tokens)
        return self._state

    # --- documents ---------------------------------------------------------------------------------------------

    def _start_array(self, _: str) -> None:
        self._has_document = self._in_array = True
        self._state = _ARRAY

    def _end_array(self, _: str) -> None:
        self._in_array = False
        self._state = State.WRAPPER if self._is_wrapped else _ROOT

    def _start_document(self, _: str) -> None:
        self._has_document = True
        if self._policy.accepts("wrapper") or self._policy.accepts("unknown-key"):
            self._had_empty_array = False
            self._state = State.FIRST
        else:
            self._start_dataset()

    def _first_name(self, text: str) -> None:
        """The first name of the document that may be one of an attribute."""
        if text in KEYS or may_be_key(text):
            self._start_dataset()
            self._key(text)
        else:
            self._state = State.UNKNOWN

    def _unknown_value(self, _: str) -> None:
        self._policy.report("unknown-key", "a key that is neither a tag nor a keyword")
        self._state = State.FIRST

    def _unknown_object(self, text: str) -> None:
        self._unknown_value(text)
        self._skip(State.FIRST, 1)

    def _unknown_array(self, _: str) -> None:
        self._state = State.WRAPPED

    def _wrapped_dataset(self, _: str) -> None:
        self._policy.report("wrapper", "an object around the array of data sets")
        self._is_wrapped = self._in_array = True
        self._start_dataset()

    def _wrapped_nothing(self, _: str) -> None:
        self._policy.report("wrapper", "an object around an array of no data sets")
        self._had_empty_array = True
        self._state = State.FIRST

    def _wrapped_value(self, text: str) -> None:
        self._unknown_value(text)
        self._skip(State.FIRST, 1)

    def _wrapped_array(self, text: str) -> None:
        self._unknown_value(text)
        self._skip(State.FIRST, 2)

    def _wrapper_name(self, _: str) -> None:
        self._policy.report("unknown-key", "a member beside the array of data sets")
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
        self._events.append((START_DATASET, 0, "", self._index))
        if self._filter:
            self._filter.start()
        self._enter()

    def _enter(self) -> None:
        self._elements = SeenTags()
        self._state = _DATASET

    def _end_members(self, _: str) -> None:
        """The end of a data set or an item."""
        if self._frames:
            attribute = self._attribute
            tag, vr, attribute.vr_text, items, self._state, self._elements = self._frames.pop()
            if self._filter:
                self._filter.go_out()
            attribute.end_item(tag, vr, items)
        else:
            self._events.append((END_DATASET, 0, "", None))
            self._state = _ARRAY if self._in_array else _ROOT

    def _start_item(self) -> None:
        attribute = self._attribute
        attribute.start_item()
        tag = attribute.tag or 0
        frame = tag, attribute.vr, attribute.vr_text, attribute.items, self._values_state, self._elements
        self._frames.append(frame)
        if self._filter:
            self._filter.go_in(tag)
        attribute.tag = None
        attribute.vr = attribute.vr_text = ""
        attribute.content = _HOLDS_NOTHING
        attribute.size = 0
        self._values_state, self._most_content = _IN_VALUES, _HOLDS_VALUES
        self._enter()

    # --- keys --------------------------------------------------------------------------------------------------

    def _key(self, text: str) -> None:
        """A key that the innermost loop does not know, or that does not ascend."""
        self._attribute.tag = None
        tag = KEYS.get(text) or tag_of(text, self._policy)
        if tag is None:
            self._policy.report("unknown-key", "a key that is neither a tag nor a keyword")
            self._skip(_DATASET)
            return
        self._attribute.tag = tag
        elements = self._elements
        if tag > elements.last:
            if text not in KEYS:
                self._note_odd_group(tag)
        elif elements.has(tag):
            self._policy.report("duplicate-key", "the element comes twice in its data set")
            self._attribute.tag = None
            self._skip(_DATASET)
            return
        else:
            self._policy.report("key-order", "a tag below one before it")
        elements.see(tag)
        if self._filter and self._filter.skips(text if text in KEYS else "", tag):
            self._attribute.tag = None
            self._skip(_DATASET)
        else:
            self._state = _OPEN
            if self._filter and self._filter.asks(tag):
                self._most_content = _ASKED_FOR

    def _note_odd_group(self, tag: int) -> None:
        if is_group_length(tag):
            self._policy.report("group-length", "a group length (PS3.18 F.2.2)")
        elif tag >> 16 == FILE_META_GROUP and self._elements.last >> 16 != FILE_META_GROUP:
            self._policy.report("file-meta", "file meta information, which Annex F does not know")

    # --- attributes --------------------------------------------------------------------------------------------

    def _reset_attribute(self) -> None:
        self._attribute.reset()
        self._most_content = _HOLDS_VALUES
        self._values_state = _IN_VALUES
        self._binary_state = _ATTRIBUTE

    def _member_name(self, text: str) -> None:
        name = text if text in _MEMBERS else _MEMBER_NAMES.get(text.lower(), "")
        if not name:
            self._unknown_member(text)
            return
        if name != text:
            self._policy.report("member-case", f"a member that should be '{name}'")
        if name == "vr":
            self._vr_name()
        else:
            self._content_name(name)

    def _unknown_member(self, text: str) -> None:
        if text.lower() in _EXTRA_MEMBERS:
            self._policy.report("extra-member", f"'{text.lower()}' beside 'vr'")
        else:
            self._policy.report("unknown-member", "not a member that an attribute has (PS3.18 F.2.2)")
        self._skip(_ATTRIBUTE)

    def _vr_name(self) -> None:
        attribute = self._attribute
        if (attribute.vr and not attribute.foreseen_vr) or attribute.vr_text:
            self._policy.report("unknown-member", "'vr' comes twice")
            self._skip(_ATTRIBUTE)
        else:
            self._state = _VR

    def _content_name(self, name: str) -> None:
        content, state = _MEMBERS[name]
        if self._attribute.content != _HOLDS_NOTHING:
            self._policy.report(
                "several-contents", "more than one of 'Value', 'BulkDataURI' and 'InlineBinary' (PS3.18 F.2.2)"
            )
            if self._attribute.content != Content.URI or content == Content.URI:
                self._skip(_ATTRIBUTE)
                return
        if content == Content.FRAGMENTS:
            self._policy.report("data-fragment", "'DataFragment' (not in PS3.18 F.2.2)")
            self._attribute.fragments = Fragments(self._limits)
        self._attribute.content, self._state = content, state

    def _no_vr(self, _: str) -> None:
        self._policy.report("null-value", "null where a value is due")
        self._state = _ATTRIBUTE

    def _late_vr(self, text: str) -> None:
        """The VR of an attribute whose VR the data dictionary has told before; or one that there is not."""
        attribute = self._attribute
        if text not in VRS:
            self._policy.report("unknown-vr", "not a value representation (PS3.5 6.2)")
            attribute.vr_text = text or "?"
        elif text != attribute.foreseen_vr:
            raise attribute.no_vr_yet()
        attribute.foreseen_vr = ""
        self._state = _ATTRIBUTE

    def _end_attribute(self, _: str) -> None:
        """The end of an attribute that is no small element of simple values."""
        tag, is_asked_for = self._attribute.tag or 0, self._most_content == _ASKED_FOR
        self._attribute.end()
        self._reset_attribute()
        self._state = _DATASET
        if is_asked_for:
            self._decide(tag)

    def _decide(self, tag: int) -> None:
        """Leave out the rest of a data set if an element that has come is not such as is wanted."""
        kind, of, _, values = self._events[-1] if self._events else (0, 0, "", None)
        if kind == ELEMENT and of == tag and self._filter and not self._filter.fits(tag, values):
            self._end_members("")
            self._skip(self._state, 1, _OBJECT_DEPTHS)

    # --- what cannot be right ----------------------------------------------------------------------------------

    def _give_up_at(self, kind: int) -> None:
        """A token for which there is no move: leave out what there is still to come of the attribute."""
        error = self._misplaced(kind)
        if self._attribute.tag is None:
            raise error
        self._leave_out(error, kind)

    def _leave_out(self, error: InputError, kind: int) -> None:
        depth = OPEN_CONTAINERS[self._state]
        if depth > 1 and self._values_state == _ATTRIBUTE:  # there is no array around the value
            depth -= 1
        if self._state in (State.BINARY, State.BINARY_PARTS) and self._binary_state != _ATTRIBUTE:
            depth += 1
        if self._state == State.FRAGMENTS:
            depth += self._attribute.fragments.depth
        self._policy.reject_value(error.message, error)
        self._attribute.break_off(self._state == State.BINARY_PARTS)
        self._reset_attribute()
        self._skip(_DATASET, depth + (kind in (_START_OBJECT, _START_ARRAY)))
        if not depth and kind in _WHOLE_VALUES:
            self._state = _DATASET

    def _no_attribute(self, text: str) -> None:
        """A value, as JSON text, where the object of an attribute is due."""
        self._attribute.replace(text)
        self._reset_attribute()
        self._state = _DATASET

    def _start_other(self, kind: int) -> None:
        """Take a value that no VR has as JSON text, which is held if it is not too long."""
        if not self._policy.takes_wrong_values:
            self._give_up_at(kind)
        self._state_behind = self._state
        self._capture = Capture(self._limits)
        self._state = State.OTHER
        self._go_on_with_other(kind, "")

    def _go_on_with_other(self, kind: int, text: str) -> None:
        capture = self._capture
        capture.add(kind, text)
        if capture.is_complete:
            if self._state_behind == _OPEN:
                self._no_attribute(capture.text)
            else:
                self._hold((OTHER, capture.text), len(capture.text))

    # --- URIs and values ---------------------------------------------------------------------------------------

    def _uri_text(self, text: str) -> None:
        self._attribute.bytes_or_uri = text
        self._state = _ATTRIBUTE

    def _null_for_value(self, _: str) -> None:
        self._policy.report("null-value", "null where a value is due")
        self._attribute.content = _HOLDS_NOTHING
        self._state = _ATTRIBUTE

    def _scalar(self) -> None:
        self._policy.report("scalar-value", "a 'Value' that is no array")
        self._values_state = _ATTRIBUTE

    def _hold_string(self, text: str) -> None:
        self._hold((_STRING, text), len(text))

    def _hold_number(self, text: str) -> None:
        self._hold((_NUMBER, text), len(text))

    def _after_value(self) -> None:
        self._state = self._values_state
        self._values_state = _IN_VALUES

    def _hold(self, value: Held, size: int = 0) -> None:
        self._after_value()
        self._attribute.held.append(value)
        self._attribute.size += size
        self._hold_less()

    def _hold_less(self, _: str = "") -> None:
        """Go on with the values that came before the last one, if there are too many to be held."""
        try:
            self._attribute.hold_less()
        except WrongValueError as error:
            self._leave_out(DicomJsonError(str(error)), _STRING)

    def _null_value(self, _: str) -> None:
        self._hold((_NULL, ""))

    def _true_value(self, _: str) -> None:
        self._hold_literal(_TRUE, "true")

    def _false_value(self, _: str) -> None:
        self._hold_literal(_FALSE, "false")

    def _hold_literal(self, kind: int, text: str) -> None:
        if self._policy.takes_wrong_values:
            self._hold((OTHER, text))
        else:
            self._give_up_at(kind)

    def _object_value(self, _: str) -> None:
        if self._attribute.vr == "SQ" or self._attribute.content == _HOLDS_ITEMS:
            self._start_item()
        else:
            self._groups = {}
            self._state = _IN_NAME if self._attribute.vr == "PN" else _IN_OBJECT

    def _object_name(self, text: str) -> None:
        if self._is_first_of_item(text) and not self._filter:  # as most are
            self._start_item()
            self._attribute.tag = tag = KEYS[text]
            self._elements.see(tag)
            self._state = _OPEN
        elif text not in KEYS and text.capitalize() in NAME_GROUPS:
            self._group_name(text)
        elif self._may_be_item(text):
            self._start_item()
            self._key(text)
        elif self._policy.takes_wrong_values:
            self._start_other(_START_OBJECT)
            self._go_on_with_other(_PROPERTY_NAME, text)
        else:
            raise DicomJsonError("neither an item nor a person name")

    def _is_first_of_item(self, text: str) -> bool:
        """Whether a name is surely the first of an item, without a closer look."""
        attribute = self._attribute
        return text in KEYS and attribute.content in _HOLDS_OR_MAY_HOLD_ITEMS and not attribute.held

    def _may_be_item(self, text: str) -> bool:
        """Whether an object among the values whose first name this is may be an item."""
        attribute = self._attribute
        if text in KEYS or may_be_key(text):
            return attribute.may_have_item()
        is_first = attribute.content <= _HOLDS_VALUES and not attribute.held
        return is_first and not attribute.vr and self._policy.accepts("unknown-key")

    def _object_end(self, _: str) -> None:
        self._hold((NAME, EMPTY_OBJECT))

    # --- person names (PS3.18 F.2.2) ---------------------------------------------------------------------------

    def _group_name(self, text: str) -> None:
        group = text if text in NAME_GROUPS else text.capitalize()
        if group not in NAME_GROUPS:
            self._policy.report("unknown-member", "not a component group of a person name")
            self._skip(State.NAME)
        elif group in self._groups:
            self._policy.report("unknown-member", "a component group of a person name comes twice")
            self._skip(State.NAME)
        else:
            if group != text:
                self._policy.report("member-case", f"a component group that should be '{group}'")
            self._group = group
            self._state = _IN_GROUP

    def _group_text(self, text: str) -> None:
        if not text:
            self._policy.report("empty-name-group", "a component group that is null or empty")
        self._groups[self._group] = text
        self._attribute.size += len(text)
        self._state = _IN_NAME

    def _name_end(self, _: str) -> None:
        groups = self._groups
        self._hold((NAME, tuple([groups.get(group, "") for group in NAME_GROUPS])))

    # --- what is long ------------------------------------------------------------------------------------------

    def _text_segment(self, text: str) -> None:
        if self._state == State.TEXT:
            self._attribute.add_text(text)
        elif self._attribute.begin_text(text):
            self._state = State.TEXT
        else:
            self._skip(self._values_state)

    def _text_end(self, text: str) -> None:
        self._attribute.add_text(text, LAST_SEGMENT)
        self._after_value()

    def _start_binary_array(self, _: str) -> None:
        if self._binary_state != _ATTRIBUTE:
            self._give_up_at(_START_ARRAY)
            return
        self._policy.report("binary-in-array", "'InlineBinary' in an array")
        self._binary_state = State.BINARY_END

    def _end_binary_array(self, _: str) -> None:
        if self._state == State.BINARY:  # without a value in it
            if self._binary_state == _ATTRIBUTE:
                self._give_up_at(_END_ARRAY)
                return
            self._attribute.bytes_or_uri = b""
        self._state = _ATTRIBUTE

    def _null_binary(self, _: str) -> None:
        self._policy.report("null-value", "null where a value is due")
        self._attribute.bytes_or_uri = b""
        self._state = self._binary_state

    def _binary_text(self, text: str) -> None:
        try:
            self._attribute.bytes_or_uri = decode_base64(text)
        except ValueError as error:
            if not self._policy.takes_wrong_values:
                raise DicomJsonError(f"'InlineBinary' is {error}") from None
            self._attribute.bytes_or_uri = text
            self._attribute.content = Content.NO_BINARY
        self._state = self._binary_state

    def _binary_segment(self, text: str) -> None:
        if self._attribute.content != Content.BINARY_PARTS:
            self._attribute.begin_binary_parts()
        self._state = State.BINARY_PARTS
        try:
            self._attribute.add_binary(text)
        except ValueError as error:
            self._leave_out(DicomJsonError(f"'InlineBinary' is {error}"), _STRING_SEGMENT)

    def _binary_end(self, text: str) -> None:
        try:
            self._attribute.add_binary(text, LAST_SEGMENT)
        except ValueError as error:
            self._leave_out(DicomJsonError(f"'InlineBinary' is {error}"), _STRING_SEGMENT)
        else:
            self._state = self._binary_state

    # --- encapsulated pixel data as dcm4che writes it --------------------------------------------------------------

    def _go_on_with_fragments(self, kind: int, text: str) -> None:
        try:
            self._attribute.fragments.take(kind, text)
        except WrongValueError as error:
            self._leave_out(DicomJsonError(str(error)), kind)
            return
        if self._attribute.fragments.is_complete:
            self._state = _ATTRIBUTE


_WHOLE_VALUES = frozenset({_STRING, _STRING_END, _NUMBER, _TRUE, _FALSE, _NULL})

_MEMBERS: dict[str, tuple[int, int]] = {
    "vr": (_HOLDS_NOTHING, _VR),
    "Value": (_HOLDS_VALUES, _VALUE),
    "BulkDataURI": (int(Content.URI), int(State.URI)),
    "InlineBinary": (int(Content.BINARY), int(State.BINARY)),
    "DataFragment": (Content.FRAGMENTS, State.FRAGMENTS),
}
_MEMBER_NAMES = {name.lower(): name for name in _MEMBERS}
_EXTRA_MEMBERS = frozenset({"keyword", "name"})

_Move: TypeAlias = Callable[[JsonParser, str], None]


def _as_scalar(move: _Move) -> _Move:
    def take(parser: JsonParser, text: str) -> None:
        parser._scalar()
        move(parser, text)

    return take


def _other(kind: int) -> _Move:
    return lambda parser, text: parser._go_on_with_other(kind, text)


def _fragment(kind: int) -> _Move:
    return lambda parser, text: parser._go_on_with_fragments(kind, text)


_MOVES: dict[int, dict[int, _Move]] = {
    State.ROOT: {_START_ARRAY: JsonParser._start_array, _START_OBJECT: JsonParser._start_document},
    State.ARRAY: {_START_OBJECT: JsonParser._start_dataset, _END_ARRAY: JsonParser._end_array},
    State.DATASET: {_PROPERTY_NAME: JsonParser._key, _END_OBJECT: JsonParser._end_members},
    State.OPEN: {
        _STRING: lambda parser, text: parser._no_attribute(encode_basestring(text)),
        _NUMBER: JsonParser._no_attribute,
        _TRUE: lambda parser, _: parser._no_attribute("true"),
        _FALSE: lambda parser, _: parser._no_attribute("false"),
        _NULL: lambda parser, _: parser._no_attribute("null"),
        _START_ARRAY: lambda parser, _: parser._start_other(_START_ARRAY),
    },
    State.ATTRIBUTE: {_PROPERTY_NAME: JsonParser._member_name, _END_OBJECT: JsonParser._end_attribute},
    State.VR: {_STRING: JsonParser._late_vr, _NULL: JsonParser._no_vr},
    State.VALUE: {
        _STRING: _as_scalar(JsonParser._hold_string),
        _NUMBER: _as_scalar(JsonParser._hold_number),
        _NULL: JsonParser._null_for_value,
        _TRUE: _as_scalar(JsonParser._true_value),
        _FALSE: _as_scalar(JsonParser._false_value),
        _START_OBJECT: _as_scalar(JsonParser._object_value),
        _STRING_SEGMENT: _as_scalar(JsonParser._text_segment),
    },
    State.VALUES: {
        _STRING: JsonParser._hold_less,  # which the innermost loop has added
        _NUMBER: JsonParser._hold_less,
        _NULL: JsonParser._null_value,
        _TRUE: JsonParser._true_value,
        _FALSE: JsonParser._false_value,
        _START_OBJECT: JsonParser._object_value,
        _START_ARRAY: lambda parser, _: parser._start_other(_START_ARRAY),
        _STRING_SEGMENT: JsonParser._text_segment,
    },
    State.TEXT: {_STRING_SEGMENT: JsonParser._text_segment, _STRING_END: JsonParser._text_end},
    State.OBJECT: {_PROPERTY_NAME: JsonParser._object_name, _END_OBJECT: JsonParser._object_end},
    State.NAME: {_PROPERTY_NAME: JsonParser._group_name, _END_OBJECT: JsonParser._name_end},
    State.GROUP: {_STRING: JsonParser._group_text, _NULL: JsonParser._group_text},
    State.URI: {_STRING: JsonParser._uri_text, _NULL: JsonParser._null_for_value},
    State.BINARY: {
        _STRING: JsonParser._binary_text,
        _STRING_SEGMENT: JsonParser._binary_segment,
        _NULL: JsonParser._null_binary,
        _START_ARRAY: JsonParser._start_binary_array,
        _END_ARRAY: JsonParser._end_binary_array,
    },
    State.BINARY_PARTS: {_STRING_SEGMENT: JsonParser._binary_segment, _STRING_END: JsonParser._binary_end},
    State.BINARY_END: {_END_ARRAY: JsonParser._end_binary_array},
    State.OTHER: {kind: _other(kind) for kind in map(int, TokenType)},
    State.FIRST: {_PROPERTY_NAME: JsonParser._first_name, _END_OBJECT: JsonParser._first_end},
    State.UNKNOWN: {
        **dict.fromkeys((_STRING, _STRING_END, _NUMBER, _TRUE, _FALSE, _NULL), JsonParser._unknown_value),
        _STRING_SEGMENT: lambda parser, _: None,
        _START_OBJECT: JsonParser._unknown_object,
        _START_ARRAY: JsonParser._unknown_array,
    },
    State.WRAPPED: {
        **dict.fromkeys((_STRING, _STRING_SEGMENT, _NUMBER, _TRUE, _FALSE, _NULL), JsonParser._wrapped_value),
        _START_OBJECT: JsonParser._wrapped_dataset,
        _START_ARRAY: JsonParser._wrapped_array,
        _END_ARRAY: JsonParser._wrapped_nothing,
    },
    State.WRAPPER: {_PROPERTY_NAME: JsonParser._wrapper_name, _END_OBJECT: JsonParser._wrapper_end},
    State.FRAGMENTS: {kind: _fragment(kind) for kind in map(int, TokenType)},
}
