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

Anything that is not standard is reported to ``JsonDeviationPolicy``, which raises or returns; the parser then recovers
as the entry in ``DEVIATIONS`` says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from operator import length_hint

from streamdicom._typing import ClassVar
from streamdicom.dicom import DELIMITER_GROUP, FILE_META_GROUP, format_tag, is_group_length
from streamdicom.errors import InputError, JsonSyntaxError, Location, StreamDicomError, TruncatedError
from streamdicom.events import ELEMENT, END_DATASET, START_DATASET, Event
from streamdicom.formats.deviation_policy import FILE_META_IN_ITEM
from streamdicom.formats.json.canonical import (
    ATTRIBUTE,
    ATTRIBUTE_AND_COMMA,
    DEPTH_CHANGES,
    CanonicalAttribute,
    GapPiece,
    Piece,
    attribute_structure,
    canonical_attributes,
    canonical_pattern,
    json_run,
    read_gap,
    read_last_gap,
)
from streamdicom.formats.json.contents import ContentParser
from streamdicom.formats.json.deviation_policy import JsonDeviationPolicy, before
from streamdicom.formats.json.document import Move, Moves
from streamdicom.formats.json.habits import FILE_META, GROUP_LENGTH, KEY_ORDER
from streamdicom.formats.json.key_filter import KeyFilter
from streamdicom.formats.json.keys import KEYS, tag_of
from streamdicom.formats.json.native import NativeParser
from streamdicom.formats.json.places import Cursor, JsonPlaces
from streamdicom.formats.json.states import ParserState
from streamdicom.formats.json.wrong_values import with_kind
from streamdicom.formats.pixel_representation import learn_pixel_representation
from streamdicom.formats.seen_tags import SeenTags
from streamdicom.jsontext import DEPTHS, Origin, Stretch, Token, TokenType
from streamdicom.options import ReadOptions, options_or_default

# Plain integers, which compare faster than the members.
_DATASET, _OPEN, _VALUES = int(ParserState.DATASET), int(ParserState.OPEN), int(ParserState.VALUES)
_OBJECT, _SKIP = int(ParserState.OBJECT), int(ParserState.SKIP)
_SEQUENCE, _NEXT_ITEM, _END_SEQUENCE = int(Piece.SEQUENCE), int(Piece.NEXT_ITEM), int(Piece.END_SEQUENCE)
_OUTSIDE = (int(ParserState.ROOT), int(ParserState.ARRAY))
_END_ARRAY, _STRING_SEGMENT = int(TokenType.END_ARRAY), int(TokenType.STRING_SEGMENT)


class JsonParser(NativeParser):
    """A push parser of DICOM JSON: bytes in, DICOM events out.

    A document is a data set or an array of data sets; documents may follow one another (NDJSON). Departures from
    PS3.18 Annex F are errors or reported as ``Deviation``, as the options say. Memory is bounded by the limits and by
    the longest chunk that is fed, for any number and size of data sets.

    ``feed`` and ``close`` raise ``JsonSyntaxError`` if the bytes are not JSON, ``DicomJsonError`` if the JSON is not
    DICOM JSON, and ``LimitError``. The byte offset of a fault in a value is that of the end of its attribute, or of
    the string if that is not base64.

    Args:
        options: Limits and the profile.
        skip: Attributes that are passed over without a look at their contents.
        origin: The place in a stream at which the bytes start. It must be that of a data set.
        first: The index of the first data set.

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

    def __init__(
        self,
        *,
        options: ReadOptions | None = None,
        skip: KeyFilter | None = None,
        origin: Origin | None = None,
        first: int = 0,
    ) -> None:
        options = options_or_default(options, ReadOptions)
        policy = JsonDeviationPolicy(options, self._token_location)
        super().__init__(policy, options, skip, origin)
        if origin is not None:
            self._go_on(first, in_array=bool(origin.structure))
        self._token_end = 0  # index after the last token in ``_tokens``, in the last call of the tokenizer
        self._departures = 0  # departures of that call that have been checked
        self._events: list[Event] = []

    def keep_places(self) -> None:
        """Keep the places of all events from now on."""
        self._places = JsonPlaces()

    @property
    def bytes_consumed(self) -> int:
        """Bytes of the stream that are parsed so far."""
        return self._json.bytes_consumed

    @property
    def origin(self) -> Origin | None:
        """The current place as an origin, or None within a document."""
        return self._json.origin if self._state in _OUTSIDE else None

    @property
    def dataset_count(self) -> int:
        """Data sets that have started, with those before the origin."""
        return 0 if self._index is None else self._index + 1

    # --- bytes -> tokens ---------------------------------------------------------------------------------------

    def _feed(self, data: bytes, events: list[Event]) -> None:
        if self._places is not None:
            self._places.begin(events)
        self._read_bytes(data, events)

    def _close(self, events: list[Event]) -> None:
        if self._places is not None:
            self._places.begin(events)
        self._read_tail(events)
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
        finally:
            if self._places is not None:
                self._places.end_tokens(json.locator)
        policy.flush(json, None)
        if self._state not in _OUTSIDE:
            learn_pixel_representation(self._levels(), events, self._attribute.tag)

    def _locate(self, error: StreamDicomError) -> None:
        if error.location.byte_offset is None:
            error.location = Location(self.bytes_consumed)
        error.within(self._dataset_index(), self._tag_path())

    def _read_stretch(self, stretch: Stretch) -> None:
        pattern, text = canonical_pattern(self._limits, is_odd=stretch.is_odd), stretch.text
        if pattern is None or stretch.has_comments or not text:
            self._take_tokens(stretch.tokens())
            return
        if self._places is not None:
            self._places.cursor = Cursor(text, stretch.offset)
        attributes, rest = canonical_attributes(pattern, text)
        attribute = next(attributes, None)
        while attribute is not None:
            gap = attribute[0]
            if gap and not self._read_gap(stretch, gap, read_gap(gap)[0]):
                return
            if self._state == _OBJECT and self._starts_item(attribute[2]):
                self._start_item()
            if self._state == _DATASET and stretch.accepts(ATTRIBUTE):
                attribute = self._take_attributes(stretch, attribute, attributes)
            elif self._state == _SKIP and self._depth:
                attribute = self._skip_attributes(stretch, attribute, attributes)
            else:
                attribute = self._take_as_tokens(stretch, attribute, attributes)
            if stretch.fault:
                return
        if stretch.position < len(text):
            self._read_gap(stretch, rest, read_last_gap(rest))

    def _read_gap(self, stretch: Stretch, gap: str, pieces: Sequence[GapPiece]) -> bool:
        """Read the text before an attribute; return False if nothing is left to read."""
        end = stretch.position + len(gap)
        if pieces and stretch.accepts(pieces[-1][3]):
            self._take_pieces(stretch, pieces)
        if stretch.position < end:
            if gap.count('"') & 1:  # the attribute is part of a string
                end = len(stretch.text)
            self._take_tokens(stretch.tokens(end))
        return stretch.fault is None and end < len(stretch.text)

    def _take_attributes(
        self, stretch: Stretch, attribute: CanonicalAttribute, attributes: Iterator[CanonicalAttribute]
    ) -> CanonicalAttribute | None:
        """Read canonical attributes with nothing between them; return the next attribute."""
        start, seen = stretch.position, self._seen_tags
        tags = KEYS if self._filter is None else self._filter.tags
        made = len(self._events)
        following, end, seen.last = json_run(
            chain((attribute,), attributes),
            start,
            seen.last,
            tags,
            seen.seen,
            self._events,
            stretch.unescape if stretch.has_escapes else None,
        )
        if end == start:
            key = attribute[2]
            if key not in tags and self._learn_key(key):
                return self._take_attributes(stretch, attribute, attributes)
            return self._take_as_tokens(stretch, attribute, attributes)
        seen.forget()
        if self._places is not None:
            self._places.marks.append((made, (self._places.cursor, start, end, len(self._events), seen.last)))
        stretch.pass_over(end, ATTRIBUTE if stretch.text[end - 1] == "}" else ATTRIBUTE_AND_COMMA)
        return following

    def _learn_key(self, key: str) -> bool:
        """Add a key to the cache of tags; return False if it must be read as a token."""
        tag = KEYS.get(key) or tag_of(key, self._policy)
        if tag is None or key not in KEYS:
            return False
        if self._filter is None:
            return True
        self._filter.skips(key, tag)
        return key in self._filter.tags

    def _skip_attributes(
        self, stretch: Stretch, attribute: CanonicalAttribute, attributes: Iterator[CanonicalAttribute]
    ) -> CanonicalAttribute | None:
        """Skip canonical attributes and the structure around them; return the next one."""
        if stretch.has_escapes and "\\" in attribute[1]:  # an escape may be wrong
            return self._take_as_tokens(stretch, attribute, attributes)
        position, text = stretch.position, ""
        following: CanonicalAttribute | None = None
        for following in chain((attribute,), attributes):
            if stretch.has_escapes and "\\" in following[1]:
                break
            gap = following[0]
            if gap and text:
                pieces, is_whole, lowest, change = read_gap(gap)
                if not is_whole or self._depth + lowest <= 0:
                    break
                position += len(gap)
                if not stretch.pass_over(position, attribute_structure(text) + pieces[-1][3]):
                    text = ""
                    break
                self._depth += change
            text = following[1]
            position += len(text)
        else:
            following = None
        if text and stretch.pass_over(position, attribute_structure(text)):
            return following
        self._take_tokens(stretch.tokens())  # with the fault
        return None

    def _take_as_tokens(
        self, stretch: Stretch, attribute: CanonicalAttribute, attributes: Iterator[CanonicalAttribute]
    ) -> CanonicalAttribute | None:
        """Read one attribute as tokens; return the next one."""
        self._take_tokens(stretch.tokens(stretch.position + len(attribute[1])))
        return next(attributes, None)

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

    def _levels(self) -> list[SeenTags]:
        """Return the tags of the open data set and its open items, outermost first."""
        return [*(frame[-1] for frame in self._frames), self._seen_tags]

    def _pixel_representation(self) -> int:
        levels = self._levels()
        learn_pixel_representation(levels, self._events, self._attribute.tag)
        found = [level.pixel_representation for level in levels if level.pixel_representation is not None]
        return found[-1] if found else 0

    def _token_location(self) -> tuple[int, int | None, str]:
        return self._token_index(), self._dataset_index(), self._tag_path()

    def _tag_path(self) -> str:
        parts = [f"{format_tag(tag)}[{items}]" for tag, _, _, items, *_ in self._frames]
        if self._attribute.tag is not None:
            parts.append(format_tag(self._attribute.tag))
        return ".".join(parts)

    def _run(self, tokens: Iterator[Token]) -> None:
        for kind, text in tokens:
            _MOVES[self._state][kind](self, text)
        self._seen_tags.forget()

    def _move(self, kind: int, text: str) -> None:
        _MOVES[self._state][kind](self, text)

    def _pass_over(self, kind: int, text: str) -> None:
        """Pass over a token, and the tokens after it."""
        depth, token = self._depth, (kind, text)
        for kind, _ in chain((token,), self._tokens):
            if kind <= _END_ARRAY:
                depth += DEPTHS[kind]
            elif depth > 0:
                continue
            if depth <= 0 and kind != _STRING_SEGMENT:
                self._state = self._state_after_skip
                break
        self._depth = depth

    # --- canonical attributes, and the structure of sequences around them --------------------------------------

    def _take_pieces(self, stretch: Stretch, pieces: Sequence[GapPiece]) -> None:
        """Take canonical pieces of structure, up to the first that is not possible."""
        end, passed, places = 0, "", self._places
        for kind, key, piece_end, structure in pieces:
            if self._state == _DATASET:
                move = _CANONICAL_MOVES[kind]
            elif self._state == _SKIP and self._depth:
                move = JsonParser._skip_piece
            else:
                break
            if places is not None and kind <= _NEXT_ITEM and self._state == _DATASET:
                places.marks.append((len(self._events), (places.cursor, stretch.position + end)))
            if not move(self, kind, key):
                break
            end, passed = piece_end, structure
        if end:
            stretch.pass_over(stretch.position + end, passed)

    def _skip_piece(self, kind: int, key: str) -> bool:
        lowest, change = DEPTH_CHANGES[kind]
        is_end = lowest == change == -self._depth
        if self._depth + lowest <= 0 and not is_end:
            return False
        self._depth += change
        if is_end:
            self._state = self._state_after_skip
        return True

    # Each move returns False if it is not possible.

    def _canonical_sequence(self, kind: int, key: str) -> bool:
        seen = self._seen_tags
        tags = KEYS if self._filter is None else self._filter.tags
        if key not in tags and not self._learn_key(key):
            return False
        tag = tags[key]
        if tag > seen.last:
            seen.see(tag)
            self._attribute.tag, self._attribute.vr = tag, "SQ" if kind == _SEQUENCE else ""
            self._start_item()
        elif ~tag > seen.last:
            seen.see(~tag)
            self._skip(_DATASET, DEPTH_CHANGES[kind][1])
        else:
            return False
        return True

    def _canonical_next(self, kind: int, key: str) -> bool:
        if not self._frames:
            self._end_members()
            self._start_dataset()
        elif self._frames[-1][4] == _VALUES:
            self._end_members()
            self._start_item()
        else:
            return False
        return True

    def _canonical_end(self, kind: int, key: str) -> bool:
        if not self._frames:
            return False
        _, vr, vr_text, _, state_after_value, _ = self._frames[-1]
        if vr != ("SQ" if kind == _END_SEQUENCE else "") or vr_text or state_after_value != _VALUES:
            return False
        self._end_members()
        self._attribute.vr = "SQ"
        self._end_attribute()
        return True

    def _canonical_comma(self, kind: int, key: str) -> bool:
        return True

    # --- data sets and items -----------------------------------------------------------------------------------

    def _start_dataset(self, _: str = "") -> None:
        self._index = 0 if self._index is None else self._index + 1
        self._events.append((START_DATASET, 0, "", self._index))
        if self._filter:
            self._filter.start()
        self._seen_tags = SeenTags()
        self._state = ParserState.DATASET

    def _end_members(self, _: str = "") -> None:
        if self._frames:
            attribute = self._attribute
            tag, vr, attribute.vr_text, items, self._state, self._seen_tags = self._frames.pop()
            if self._filter:
                self._filter.leave_item()
            attribute.end_item(tag, vr, items)
        else:
            self._events.append((END_DATASET, 0, "", None))
            self._state = ParserState.ARRAY if self._in_array else ParserState.ROOT

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
        if self._places is not None:
            self._places.mark_token(self._token_index())
        known = (KEYS if self._filter is None else self._filter.tags).get(text, -1)
        if known > tags.last:
            attribute.tag = known
            tags.see(known)
            self._state = _OPEN
            return
        attribute.tag = None
        tag = KEYS.get(text) or tag_of(text, self._policy)
        if tag is None:
            self._policy.report("unknown-key", "expected a tag or a keyword for a key, found another name")
            self._skip(ParserState.DATASET)
            return
        if tag >> 16 == DELIMITER_GROUP:
            attribute.tag = tag
            self._policy.report("delimiter-key", "expected the tag of a data element, found one of a delimiter")
            attribute.tag = None
            self._skip(ParserState.DATASET)
            return
        attribute.tag = tag
        if tag > tags.last:
            if text not in KEYS:
                self._report_group(tag)
        elif tags.has(tag):
            self._policy.report("duplicate-key", "expected each element once in a data set, found a second one")
            attribute.tag = None
            self._skip(ParserState.DATASET)
            return
        else:
            self._policy.report(*KEY_ORDER)
            self._report_group(tag)
        tags.see(tag)
        if self._filter and self._filter.skips(text if text in KEYS else "", tag):
            attribute.tag = None
            self._skip(ParserState.DATASET)
        else:
            self._state = _OPEN
            self._has_condition = self._filter is not None and self._filter.has_condition(tag)

    def _report_group(self, tag: int) -> None:
        is_first_of_meta = tag >> 16 == FILE_META_GROUP and self._seen_tags.last >> 16 != FILE_META_GROUP
        if is_first_of_meta and self._frames:
            self._policy.report(*FILE_META_IN_ITEM)
        elif is_group_length(tag):
            self._policy.report(*GROUP_LENGTH)
        elif is_first_of_meta:
            self._policy.report(*FILE_META)

    def _end_attribute(self, _: str = "") -> None:
        tag, has_condition = self._attribute.tag or 0, self._has_condition
        self._attribute.end()
        self._reset_attribute()
        self._state = _DATASET
        if has_condition:
            self._check_condition(tag, self._events)

    def _check_condition(self, tag: int, events: list[Event]) -> None:
        """Skip the rest of the data set if its last element fails its condition."""
        kind, found, _, values = events[-1] if events else (0, 0, "", None)
        if kind == ELEMENT and found == tag and self._filter and not self._filter.satisfies(tag, values):
            events.append((END_DATASET, 0, "", None))
            self._skip(ParserState.ARRAY if self._in_array else ParserState.ROOT, 1)

    _moves: ClassVar[Moves] = {
        **ContentParser._moves,
        ParserState.ARRAY: {TokenType.START_OBJECT: _start_dataset, TokenType.END_ARRAY: ContentParser._end_array},
        ParserState.DATASET: {TokenType.PROPERTY_NAME: _key, TokenType.END_OBJECT: _end_members},
        ParserState.ATTRIBUTE: {
            TokenType.PROPERTY_NAME: ContentParser._member_name,
            TokenType.END_OBJECT: _end_attribute,
        },
    }


def _move_for(state: ParserState, kind: TokenType) -> Move:
    if state == ParserState.SKIP:
        return with_kind(JsonParser._pass_over, kind)
    return JsonParser._moves.get(state, {}).get(kind) or (lambda parser, text: parser._give_up(kind))


# By state and type of token; a list is indexed faster than a dict. There is no token of type 0.
_MOVES: list[list[Move]] = [[_move_for(state, TokenType(max(kind, 1))) for kind in range(13)] for state in ParserState]
_CANONICAL_MOVES: dict[int, Callable[[JsonParser, int, str], bool]] = {
    Piece.SEQUENCE: JsonParser._canonical_sequence,
    Piece.SEQUENCE_WITHOUT_VR: JsonParser._canonical_sequence,
    Piece.NEXT_ITEM: JsonParser._canonical_next,
    Piece.END_SEQUENCE: JsonParser._canonical_end,
    Piece.END_SEQUENCE_WITH_VR: JsonParser._canonical_end,
    Piece.COMMA: JsonParser._canonical_comma,
}
