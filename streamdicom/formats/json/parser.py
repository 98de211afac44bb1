"""A push parser of DICOM JSON (PS3.18 Annex F): bytes in, events out.

Canonical attributes, which most documents consist of, become events directly from the text, by ``json_run``. The text
up to the next canonical attribute is read as tokens. A token makes the move that the table has for it in the current
state; without a move, the attribute is given up:

    ROOT ── [ ──> ARRAY ── { ──> DATASET ── "00100010" ──> OPEN ── { ──> ATTRIBUTE ── } ──> DATASET
      └── { ──> FIRST ─────────────^                                       │   ^
                                                                           v   │
          VR after "vr", VALUE after "Value", URI after "BulkDataURI", BINARY after "InlineBinary"

The events are the same either way. ``DocumentParser`` has the moves outside of data sets, and ``ContentParser`` those
within attributes. ``Attribute`` holds the values until ``vr`` is known, ``SeenTags`` the tags of a data set, and
``KeyFilter`` the attributes that are not wanted.

Anything that is not standard is reported to ``DeviationPolicy``, which raises or returns; the parser then recovers as
the entry in ``DEVIATIONS`` says.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from operator import length_hint
from typing import ClassVar, TypeAlias

from streamdicom._push import PIECE_SIZE
from streamdicom.dicom import FILE_META_GROUP, format_tag, is_group_length
from streamdicom.errors import InputError, JsonSyntaxError, Location, StreamDicomError, TruncatedError
from streamdicom.events import ELEMENT, END_DATASET, START_DATASET, Event
from streamdicom.formats.json.canonical import (
    ATTRIBUTE,
    ATTRIBUTE_AND_COMMA,
    DEPTH_CHANGES,
    STRUCTURE,
    STRUCTURES,
    Piece,
    canonical_pattern,
    json_run,
    skip_run,
)
from streamdicom.formats.json.contents import ContentParser
from streamdicom.formats.json.deviation_policy import DeviationPolicy, before
from streamdicom.formats.json.document import Move, Moves
from streamdicom.formats.json.key_filter import KeyFilter
from streamdicom.formats.json.keys import KEYS, tag_of
from streamdicom.formats.json.states import State
from streamdicom.formats.seen_tags import SeenTags
from streamdicom.jsontext import DEPTHS, JsonTokenizer, Stretch, Token, TokenType
from streamdicom.options import ReadOptions, options_or_default

# Plain integers, which compare faster than the members.
_DATASET, _VALUES, _OBJECT, _SKIP = int(State.DATASET), int(State.VALUES), int(State.OBJECT), int(State.SKIP)
_SEQUENCE, _END_SEQUENCE = int(Piece.SEQUENCE), int(Piece.END_SEQUENCE)
_END_ARRAY, _STRING_SEGMENT = int(TokenType.END_ARRAY), int(TokenType.STRING_SEGMENT)

_NO_TAG = -2  # lower than the last tag of any data set
_NO_KEYS: dict[str, int] = {}  # never filled


_Frame: TypeAlias = tuple[int, str, str, int, int, SeenTags]
"""State of an enclosing sequence, restored when the current item ends.

It is the tag, the VR, a VR that is not one, the number of items so far, the state after a value, and the tags seen."""


class JsonParser(ContentParser):
    """A push parser of DICOM JSON: bytes in, DICOM events out.

    A document is a data set or an array of data sets; documents may follow one another (NDJSON). Departures from
    PS3.18 Annex F are errors or reported as ``Deviation``, as the options say. Memory is bounded by the limits and by
    the longest chunk, for any number and size of data sets.

    ``feed`` and ``close`` raise ``JsonSyntaxError`` if the bytes are not JSON, ``DicomJsonError`` if the JSON is not
    DICOM JSON, and ``LimitError``. The byte offset of a fault in a value is that of the end of its attribute, or of
    the string if that is not base64.

    Args:
        options: Limits and the profile.
        skip: Attributes that are passed over without a look at their contents.

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
        options = options_or_default(options, ReadOptions)
        policy = DeviationPolicy(options, self._token_location)
        super().__init__(policy, options.limits)
        self._filter = skip
        self._json = JsonTokenizer(options.limits, multiple=True, lenient=not policy.is_json_strict)
        self._pattern = canonical_pattern(options.limits)
        self._token_end = 0  # index after the last token in ``_tokens``, in the last call of the tokenizer
        self._departures = 0  # departures of that call that have been checked
        self._frames: list[_Frame] = []
        self._events: list[Event] = []
        self._seen_tags = SeenTags()  # of the current data set or item

    @property
    def bytes_consumed(self) -> int:
        """Bytes of the stream that are parsed so far."""
        return self._json.bytes_consumed

    # --- bytes -> tokens ---------------------------------------------------------------------------------------

    def _feed(self, data: bytes, events: list[Event]) -> None:
        for start in range(0, len(data), PIECE_SIZE):
            self._read(self._json.stretches(data[start : start + PIECE_SIZE]), events)

    def _close(self, events: list[Event]) -> None:
        self._read(self._json.stretches(None), events)
        if not self._has_document:
            raise TruncatedError("the input is empty", Location(self.bytes_consumed))

    def _read(self, stretches: Iterator[Stretch], events: list[Event]) -> None:
        self._events = self._attribute.events = events
        self._departures = 0
        json, policy = self._json, self._policy
        try:
            for stretch in stretches:
                self._read_stretch(stretch)
            fault = self._first_fault()
            if fault:
                raise fault
        except InputError as error:
            # Departures before a fault of the text may be errors themselves.
            departure = self._first_fault() if error is json.error else None
            policy.flush(json, departure or error)
            if departure:
                raise departure from None
            raise
        policy.flush(json, None)

    def _locate(self, error: StreamDicomError) -> None:
        if error.location.byte_offset is None:
            error.location = Location(self.bytes_consumed)
        error.within(self._dataset_index(), self._tag_path())

    def _read_stretch(self, stretch: Stretch) -> None:
        pattern, text = self._pattern, stretch.text
        if pattern is None or stretch.has_comments or not text:
            self._take_tokens(stretch.tokens())
            return
        while stretch.position < len(text) and not stretch.fault:
            if self._state == _DATASET:
                self._take_canonical(stretch, pattern)
            elif self._state == _SKIP and self._depth:
                self._skip_canonical(stretch)
            if stretch.position == len(text):
                return
            following = _next_canonical(stretch, pattern)
            self._take_tokens(stretch.tokens(following))
            if self._state == _OBJECT and self._starts_item(text[following + 1 : following + 9]):
                self._start_item()

    def _take_tokens(self, tokens: Sequence[Token]) -> None:
        json = self._json
        first = json.token_count - len(tokens)
        fault = self._first_fault() if len(json.departures) > self._departures else None
        if fault:
            tokens = before(json, tokens, first, fault.location.byte_offset or 0)
        self._token_end = first + len(tokens)
        self._tokens = remaining = iter(tokens)
        try:
            self._run(remaining)
        except InputError as error:
            error.location = Location(json.locate(self._token_index()))
            raise
        if fault:
            raise fault

    def _first_fault(self) -> JsonSyntaxError | None:
        """Return the error of the first unchecked departure that is refused, or None."""
        departures = self._json.departures[self._departures :]
        self._departures += len(departures)
        return self._policy.first_fault(departures)

    def _token_index(self) -> int:
        """Return the index of the current token in the last call of the tokenizer."""
        return self._token_end - length_hint(self._tokens) - 1

    def _token_location(self) -> tuple[int, int | None, str]:
        return self._token_index(), self._dataset_index(), self._tag_path()

    def _tag_path(self) -> str:
        parts = [f"{format_tag(tag)}[{items}]" for tag, _, _, items, *_ in self._frames]
        if self._attribute.tag is not None:
            parts.append(format_tag(self._attribute.tag))
        return ".".join(parts)

    def _run(self, tokens: Iterator[Token]) -> None:
        if self._state == _SKIP:
            self._pass_over(tokens)
        for kind, text in tokens:
            move = _MOVES[self._state].get(kind)
            if move is None:
                self._give_up(kind)
            else:
                move(self, text)
            if self._state == _SKIP:
                self._pass_over(tokens)
        self._seen_tags.forget()

    def _pass_over(self, tokens: Iterator[Token]) -> None:
        depth = self._depth
        for kind, _ in tokens:
            if kind <= _END_ARRAY:
                depth += DEPTHS[kind]
            elif depth > 0:
                continue
            if depth <= 0 and kind != _STRING_SEGMENT:
                self._state = self._state_after_skip
                break
        self._depth = depth

    # --- canonical attributes, and the structure of sequences around them --------------------------------------

    def _take_canonical(self, stretch: Stretch, pattern: re.Pattern[str]) -> None:
        text, emit, skip = stretch.text, self._events.append, self._filter
        known, unwanted = KEYS, _NO_KEYS
        while True:
            position = stretch.position
            if text[position : position + 1] == '"' and stretch.accepts(ATTRIBUTE):
                if skip is not None:
                    known, unwanted = skip.kept, skip.skipped
                tags = self._seen_tags
                end, tags.last = json_run(pattern, text, position, tags.last, known, unwanted, tags.seen, emit)
                if end > position:
                    stretch.pass_over(end, ATTRIBUTE if text[end - 1] == "}" else ATTRIBUTE_AND_COMMA)
                    tags.forget()
            piece = STRUCTURE.match(text, stretch.position)
            if piece is None or not _CANONICAL_MOVES[piece.lastindex or 0](self, piece, stretch):
                return

    def _skip_canonical(self, stretch: Stretch) -> None:
        text = stretch.text
        while True:
            if stretch.accepts(ATTRIBUTE):
                end = skip_run(text, stretch.position)
                if end > stretch.position:
                    stretch.pass_over(end, ATTRIBUTE if text[end - 1] == "}" else ATTRIBUTE_AND_COMMA)
            piece = STRUCTURE.match(text, stretch.position)
            if piece is None:
                return
            number = piece.lastindex or 0
            lowest, change = DEPTH_CHANGES[number]
            if self._depth + lowest <= 0 or not stretch.pass_over(piece.end(), STRUCTURES[number]):
                return
            self._depth += change

    # Each move checks that it is possible, passes over the text, and acts.

    def _canonical_sequence(self, piece: re.Match[str], stretch: Stretch) -> bool:
        number, vr, key = piece.lastindex, "SQ", piece[1]
        if number != _SEQUENCE:
            vr, key = "", piece[2]
            if piece[3] not in KEYS:  # the object may be a person name
                return False
        tag = (KEYS if self._filter is None else self._filter.kept).get(key, _NO_TAG)
        if tag <= self._seen_tags.last or not stretch.pass_over(piece.end(), STRUCTURES[number]):
            return False
        self._seen_tags.see(tag)
        self._attribute.tag, self._attribute.vr = tag, vr
        self._start_item()
        return True

    def _canonical_next(self, piece: re.Match[str], stretch: Stretch) -> bool:
        is_item = bool(self._frames)
        if is_item and self._frames[-1][4] != _VALUES:
            return False
        if not stretch.pass_over(piece.end(), "},{"):
            return False
        self._end_members()
        if is_item:
            self._start_item()
        else:
            self._start_dataset()
        return True

    def _canonical_end(self, piece: re.Match[str], stretch: Stretch) -> bool:
        number = piece.lastindex
        if not self._frames:
            return False
        _, vr, vr_text, _, state_after_value, _ = self._frames[-1]
        if vr != ("SQ" if number == _END_SEQUENCE else "") or vr_text or state_after_value != _VALUES:
            return False
        if not stretch.pass_over(piece.end(), STRUCTURES[number]):
            return False
        self._end_members()
        self._attribute.vr = "SQ"
        self._end_attribute()
        return True

    def _canonical_comma(self, piece: re.Match[str], stretch: Stretch) -> bool:
        return stretch.pass_over(piece.end(), ",")

    # --- data sets and items -----------------------------------------------------------------------------------

    def _start_dataset(self, _: str = "") -> None:
        self._index = 0 if self._index is None else self._index + 1
        self._events.append((START_DATASET, 0, "", self._index))
        if self._filter:
            self._filter.start()
        self._seen_tags = SeenTags()
        self._state = State.DATASET

    def _end_members(self, _: str = "") -> None:
        if self._frames:
            attribute = self._attribute
            tag, vr, attribute.vr_text, items, self._state, self._seen_tags = self._frames.pop()
            if self._filter:
                self._filter.leave_item()
            attribute.end_item(tag, vr, items)
        else:
            self._events.append((END_DATASET, 0, "", None))
            self._state = State.ARRAY if self._in_array else State.ROOT

    def _start_item(self) -> None:
        attribute = self._attribute
        attribute.start_item()
        tag = attribute.tag or 0
        frame = tag, attribute.vr, attribute.vr_text, attribute.items, self._state_after_value, self._seen_tags
        self._frames.append(frame)
        if self._filter:
            self._filter.enter_item(tag)
        attribute.reset()
        self._state_after_value = _VALUES
        self._has_condition = False
        self._seen_tags = SeenTags()
        self._state = _DATASET

    def _first_item_key(self, key: str) -> None:
        self._start_item()
        self._key(key)

    # --- attributes --------------------------------------------------------------------------------------------

    def _key(self, text: str) -> None:
        attribute, tags = self._attribute, self._seen_tags
        attribute.tag = None
        tag = KEYS.get(text) or tag_of(text, self._policy)
        if tag is None:
            self._policy.report("unknown-key", "expected a tag or a keyword for a key, found another name")
            self._skip(State.DATASET)
            return
        attribute.tag = tag
        if tag > tags.last:
            if text not in KEYS:
                self._report_group(tag)
        elif tags.has(tag):
            self._policy.report("duplicate-key", "expected each element once in a data set, found a second one")
            attribute.tag = None
            self._skip(State.DATASET)
            return
        else:
            self._policy.report("key-order", "expected tags in ascending order, found a lower tag")
        tags.see(tag)
        if self._filter and self._filter.skips(text if text in KEYS else "", tag):
            attribute.tag = None
            self._skip(State.DATASET)
        else:
            self._state = State.OPEN
            self._has_condition = self._filter is not None and self._filter.has_condition(tag)

    def _report_group(self, tag: int) -> None:
        if is_group_length(tag):
            self._policy.report("group-length", "expected no group length (PS3.18 F.2.2), found one")
        elif tag >> 16 == FILE_META_GROUP and self._seen_tags.last >> 16 != FILE_META_GROUP:
            self._policy.report("file-meta", "expected no File Meta Information (PS3.18 Annex F), found some")

    def _end_attribute(self, _: str = "") -> None:
        tag, has_condition = self._attribute.tag or 0, self._has_condition
        self._attribute.end()
        self._reset_attribute()
        self._state = State.DATASET
        if has_condition:
            self._check_condition(tag)

    def _check_condition(self, tag: int) -> None:
        """Skip the rest of the data set if its last element fails its condition."""
        kind, found, _, values = self._events[-1] if self._events else (0, 0, "", None)
        if kind == ELEMENT and found == tag and self._filter and not self._filter.satisfies(tag, values):
            self._end_members()
            self._skip(self._state, 1)

    _moves: ClassVar[Moves] = {
        **ContentParser._moves,
        State.ARRAY: {TokenType.START_OBJECT: _start_dataset, TokenType.END_ARRAY: ContentParser._end_array},
        State.DATASET: {TokenType.PROPERTY_NAME: _key, TokenType.END_OBJECT: _end_members},
        State.ATTRIBUTE: {TokenType.PROPERTY_NAME: ContentParser._member_name, TokenType.END_OBJECT: _end_attribute},
    }


def _next_canonical(stretch: Stretch, pattern: re.Pattern[str]) -> int:
    """Return the position of the next canonical attribute, or the end of the text."""
    text, position = stretch.text, stretch.position
    match = pattern.search(text, position + 1)
    if match is None or text.count('"', position, match.start()) & 1:  # the match is within a string
        return len(text)
    return match.start()


# With plain integers, which are found faster.
_MOVES: dict[int, dict[int, Move]] = {
    int(state): {int(kind): move for kind, move in row.items()} for state, row in JsonParser._moves.items()
}
_CANONICAL_MOVES: dict[int, Callable[[JsonParser, re.Match[str], Stretch], bool]] = {
    Piece.SEQUENCE: JsonParser._canonical_sequence,
    Piece.SEQUENCE_WITHOUT_VR: JsonParser._canonical_sequence,
    Piece.NEXT_ITEM: JsonParser._canonical_next,
    Piece.END_SEQUENCE: JsonParser._canonical_end,
    Piece.END_SEQUENCE_WITH_VR: JsonParser._canonical_end,
    Piece.COMMA: JsonParser._canonical_comma,
}
