"""The Native DICOM Model to events (PS3.19 Annex A), in bounded memory.

The parser is an automaton over tags. A start tag makes the move that ``_STARTS`` has for its name in the current state;
any other start tag is an error. An end tag makes the move that ``_ENDS`` has for the state. Only sequences nest, on a
stack of ``_OpenSequence``.

    DOCUMENT ── NativeDicomModel ──> DATASET ── DicomAttribute ──> OPEN_VALUES ── Value ──> VALUE ──> VALUES
                                      ^   ^                        OPEN_NAMES ── PersonName ──> NAME ──> NAMES
                                      │   │                        OPEN_BINARY ── InlineBinary ──> BINARY ──> FULL
                                      │   └──────── Item ───────── ITEMS

``_start`` and ``_end`` make the most frequent moves themselves: an element in the canonical form with values of text or
numbers, in ascending order. Values are parsed by ``AttributeParser``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from streamdicom._cache import BoundedCache
from streamdicom._push import PushParser
from streamdicom.dicom import NAME_GROUPS, VRS, Form, dictionary_vrs, format_tag
from streamdicom.errors import DicomXmlError, LimitError, Location, StreamDicomError
from streamdicom.events import (
    BULK_DATA,
    ELEMENT,
    END_DATASET,
    END_ELEMENT,
    END_ITEM,
    END_SEQUENCE,
    START_DATASET,
    START_ITEM,
    START_SEQUENCE,
    Event,
)
from streamdicom.formats.places import KeepsPlaces
from streamdicom.formats.seen_tags import SeenTags
from streamdicom.formats.xml.attribute import AttributeParser
from streamdicom.formats.xml.documents import SPACE, Documents
from streamdicom.formats.xml.person_names import COMPONENTS, EMPTY_NAME, parse_name
from streamdicom.formats.xml.private_blocks import PrivateBlocks, is_creator
from streamdicom.formats.xml.states import EXPECTED, IN_ATTRIBUTE, IN_TEXT, State
from streamdicom.formats.xml.values import PARSERS, parse_tag_in_any_case
from streamdicom.options import ReadOptions, options_or_default

_NAMESPACE = "http://dicom.nema.org/PS3.19/models/NativeDICOM "  # with the separator of ``Documents``

# Plain integers compare faster than members of an enumeration.
_DATASET, _OPEN_VALUES, _VALUES, _VALUE = (
    int(State.DATASET),
    int(State.OPEN_VALUES),
    int(State.VALUES),
    int(State.VALUE),
)

# The state after the start of an attribute, by VR.
_STATE_BY_VR: dict[str, int] = {
    vr: {Form.PERSON_NAME: State.OPEN_NAMES, Form.BINARY: State.OPEN_BINARY, Form.SEQUENCE: State.ITEMS}.get(
        row.form, _OPEN_VALUES
    )
    for vr, row in VRS.items()
}
_NUMBERS = [{"number": str(number)} for number in range(1, 33)]  # the XML attributes of most values
_VALUE_VRS = frozenset(vr for vr, state in _STATE_BY_VR.items() if state == _OPEN_VALUES)
_ATTRIBUTE_NAMES = frozenset({"DicomAttribute", _NAMESPACE + "DicomAttribute"})
_VALUE_NAMES = frozenset({"Value", _NAMESPACE + "Value"})
_TAGS: BoundedCache[str, int] = BoundedCache()  # standard tags by their text, for all parsers

_ATTRIBUTE_XML_ATTRIBUTES = frozenset({"tag", "vr", "keyword", "privateCreator"})
_VALUE_XML_ATTRIBUTES = frozenset({"number"})
_REFERENCE_XML_ATTRIBUTES = frozenset({"uri", "uuid"})
_NO_XML_ATTRIBUTES: frozenset[str] = frozenset()


class _OpenSequence:
    """A sequence that is open, and the data set or item around it."""

    __slots__ = ("blocks", "items", "offset", "seen", "tag")

    def __init__(self, tag: int, items: int, offset: int, seen: SeenTags, blocks: PrivateBlocks) -> None:
        self.tag = tag
        self.items = items  # begun so far
        self.offset = offset  # of the start tag of the attribute
        self.seen = seen
        self.blocks = blocks


class XmlParser(PushParser[Event], AttributeParser, KeepsPlaces):
    """A push parser of the Native DICOM Model: bytes in, events out.

    Each document is a data set; documents may follow one another in a stream. The parser also accepts documents without
    the namespace, tags in lower case, a missing ``vr`` that the data dictionary has, a missing ``number``, and numbers
    with gaps, which are empty values. Elements may be in any order, but not twice in a data set.

    Private elements get a block of their ``privateCreator``; if no Private Creator element has reserved one, the parser
    adds such an element. Document type declarations are refused.

    Memory is bounded by the limits and by the longest chunk that is fed: ``segment_size`` bounds the text, start tags
    and comments that are held. The byte offset of an error in a value is that of the start tag of its attribute.

    Args:
        options: Limits.
        offset: Byte offset of the first fed byte in the stream.

    >>> from streamdicom.events import EventType
    >>> parser = XmlParser()
    >>> for kind, tag, vr, value in parser.feed(
    ...     b'<NativeDicomModel><DicomAttribute tag="00100020" vr="LO"><Value number="1">17</Value></DicomAttribute>'
    ...     b'</NativeDicomModel>'
    ... ):
    ...     print(EventType(kind).name, value)
    START_DATASET 0
    ELEMENT ('17',)
    END_DATASET None
    >>> parser.close()
    []
    """

    def __init__(self, *, options: ReadOptions | None = None, offset: int = 0) -> None:
        limits = options_or_default(options, ReadOptions).limits
        PushParser.__init__(self)
        AttributeParser.__init__(self, limits)
        self._documents = Documents(limits, self._start, self._end, self._texts.append, self._pause, offset)
        self._max_sequences = (limits.depth - 4) // 3  # see ``Limits.depth``
        self._index: int | None = None
        self._sequences: list[_OpenSequence] = []
        self._seen = SeenTags()  # in the innermost data set or item
        self._blocks = PrivateBlocks()
        self._uri = ""  # of the BulkData in the current attribute
        self._name: dict[str, dict[str, str]] = {}  # components by group
        self._group: dict[str, str] = {}
        self._component = ""

    @property
    def bytes_consumed(self) -> int:
        """Bytes of the stream so far."""
        return self._documents.bytes_fed

    def _begin(self, events: list[Event]) -> None:
        self._events = events
        if self._places is not None:
            self._places.begin(events)

    def _feed(self, data: bytes, events: list[Event]) -> None:
        self._begin(events)
        self._documents.feed(data)
        self._seen.forget()

    def _close(self, events: list[Event]) -> None:
        self._begin(events)
        self._documents.close()

    def _locate(self, error: StreamDicomError) -> None:
        error.within(self._index, self._tag_path())

    def _tag_path(self) -> str:
        parts = [f"{format_tag(sequence.tag)}[{sequence.items - 1}]" for sequence in self._sequences]
        if self._state in IN_ATTRIBUTE:
            parts.append(format_tag(self._tag))
        return ".".join(parts)

    # --- tags --------------------------------------------------------------------------------------------------

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        """Handle a start tag."""
        if self._texts:
            self._check_text()
        state = self._state
        if state == _DATASET:
            tag = _TAGS.get(attributes.get("tag", ""), -1)
            seen = self._seen
            if tag > seen.last and name in _ATTRIBUTE_NAMES:
                vr = attributes.get("vr", "")
                if vr in _VALUE_VRS and len(attributes) == 2 + ("keyword" in attributes):
                    seen.last = tag
                    seen.seen.append(tag)
                    self._tag, self._vr, self._parse = tag, vr, PARSERS[vr]
                    self._offset = self._documents.expat.CurrentByteIndex  # type: ignore[union-attr]
                    if self._places is not None:
                        self._places.mark(self._documents.base + self._offset)
                    self._count = 0
                    self._state = _OPEN_VALUES
                    return
        elif state == _VALUES or state == _OPEN_VALUES:
            count = self._count
            if count < len(_NUMBERS) and attributes == _NUMBERS[count] and name in _VALUE_NAMES:
                self._count = count + 1
                self._state = _VALUE
                return
        move = _STARTS[state].get(name)
        if move is None:
            raise self._error_here(f"expected {EXPECTED[state]}, found {_known_name(name)}")
        move(self, attributes)

    def _end(self, name: str) -> None:
        """Handle an end tag, which is that of the current state."""
        texts, state, held = self._texts, self._state, self._held
        if state == _VALUE:
            text = texts[0] if len(texts) == 1 else "".join(texts)
            texts.clear()
            if self._counted or len(text) > self._max_text:
                self._end_long_value(text)
                return
            held.append(text)
            self._size += len(text)
            if self._size > self._max_text or len(held) > self._max_values:
                self._deliver_values()
            self._state = _VALUES
            return
        if texts and state not in IN_TEXT:
            self._check_text()
        if state == _VALUES and len(held) == 1 and not self._in_parts and not self._tag & 0x10000:
            [text] = held
            if self._parse is None and text:
                self._events.append((ELEMENT, self._tag, self._vr, (text,)))
                held.clear()
                self._size = 0
                self._state = _DATASET
                return
        _ENDS[state](self)

    def _check_text(self) -> None:
        """Check the text before a tag, which must be white space between elements."""
        if self._state in IN_TEXT:
            self._pause()
        elif "".join(self._texts).strip(SPACE):
            raise self._error_here(f"expected {EXPECTED[self._state]}, found text")
        else:
            self._texts.clear()

    def _check_attributes(self, attributes: dict[str, str], names: frozenset[str]) -> None:
        if not attributes.keys() <= names:
            expected = f"only the XML attributes {', '.join(sorted(names))}" if names else "no XML attributes"
            raise self._error_here(f"expected {expected}, found another one")

    def _error_here(self, message: str) -> DicomXmlError:
        """Return an error with the location of the current tag."""
        return DicomXmlError(message, Location(self._documents.position))

    # --- data sets and items -----------------------------------------------------------------------------------

    def _start_dataset(self, attributes: dict[str, str]) -> None:
        if self._places is not None:
            self._places.mark(self._documents.position)
        self._documents.enter()
        self._index = 0 if self._index is None else self._index + 1
        self._seen = SeenTags()
        self._blocks = PrivateBlocks()
        self._events.append((START_DATASET, 0, "", self._index))
        self._state = _DATASET

    def _end_dataset(self) -> None:
        if not self._sequences:
            self._events.append((END_DATASET, 0, "", None))
            self._state = State.DOCUMENT
            self._documents.leave()
            return
        sequence = self._sequences.pop()
        self._seen, self._blocks = sequence.seen, sequence.blocks
        self._tag, self._vr, self._offset, self._count = sequence.tag, "SQ", sequence.offset, sequence.items
        self._events.append((END_ITEM, sequence.tag, "SQ", None))
        self._state = State.ITEMS

    def _start_item(self, attributes: dict[str, str]) -> None:
        self._check_attributes(attributes, _VALUE_XML_ATTRIBUTES)
        expected = str(self._count + 1)
        if attributes.get("number", expected) != expected:
            raise self._error_at_start(f"expected Item number {expected}, found another number (PS3.19 A.1.5)")
        if not self._vr:
            self._set_vr("SQ")
        tag = self._tag
        self._events.append((START_ITEM, tag, "SQ", self._count))
        self._sequences.append(_OpenSequence(tag, self._count + 1, self._offset, self._seen, self._blocks))
        self._seen = SeenTags()
        self._blocks = PrivateBlocks()
        self._state = _DATASET

    # --- attributes --------------------------------------------------------------------------------------------

    def _start_attribute(self, attributes: dict[str, str]) -> None:
        self._offset = self._documents.position - self._documents.base
        if self._places is not None:
            self._places.mark(self._documents.base + self._offset)
        self._check_attributes(attributes, _ATTRIBUTE_XML_ATTRIBUTES)
        try:
            tag = parse_tag_in_any_case(attributes.get("tag", ""))
        except ValueError:
            raise self._error_at_start("expected a tag of eight hexadecimal digits (PS3.19 A.1.5)") from None
        vr = attributes.get("vr", "")
        self._open_attribute(tag)
        if tag & 0x10000:
            self._move_to_block(attributes.get("privateCreator", "").strip(" "), vr)
        elif attributes.get("privateCreator"):
            raise self._error_at_start("expected no privateCreator for a standard element")
        else:
            _TAGS.remember(attributes["tag"], tag)
        self._check_duplicate()
        if vr in VRS:
            self._set_vr(vr)
        elif vr:
            raise self._error_at_start("expected a VR (PS3.5 6.2), found other text")

    def _open_attribute(self, tag: int) -> None:
        self._tag = tag
        self._vr = ""
        self._count = 0
        self._state = State.OPEN

    def _check_duplicate(self) -> None:
        seen, tag = self._seen, self._tag
        if self._required_creator:
            return
        if tag <= seen.last and seen.has(tag):
            raise self._error_at_start("duplicate element in its data set")
        seen.see(tag)

    def _set_vr(self, vr: str) -> None:
        self._vr, self._parse = vr, PARSERS[vr]
        self._state = _STATE_BY_VR[vr]
        if vr == "SQ":
            if len(self._sequences) >= self._max_sequences:
                message = f"more than {self._max_sequences} nested sequences"
                raise LimitError(message, "depth", self._location())
            self._events.append((START_SEQUENCE, self._tag, vr, None))

    def _look_up_vr(self, state: int | None = None) -> None:
        """Set a missing VR from the data dictionary.

        Args:
            state: The state that the content of the attribute requires; None if it has no content.
        """
        vrs = [vr for vr in dictionary_vrs(self._tag) if state in (None, _STATE_BY_VR[vr])]
        if not vrs:
            raise self._error_at_start("expected a vr, because the data dictionary has none for this element")
        self._set_vr("OW" if "OW" in vrs else vrs[0])

    def _move_to_block(self, creator: str, vr: str) -> None:
        """Move a private element into the block of its creator; reserve it if needed."""
        blocks, seen, tag = self._blocks, self._seen, self._tag
        if not creator:
            if is_creator(tag) and vr == "LO" and seen.has(tag):
                self._required_creator = blocks.creator(tag)
            return
        try:
            self._tag = tag = blocks.with_block(tag, creator, seen.last)
        except DicomXmlError as error:
            raise self._error_at_start(error.message) from None
        reserving = tag & 0xFFFF0000 | tag >> 8 & 0xFF
        if not seen.has(reserving):
            seen.see(reserving)
            blocks.reserve(reserving, creator)
            self._events.append((ELEMENT, reserving, "LO", (creator,)))

    def _end_attribute(self) -> None:
        tag, vr, held = self._tag, self._vr, self._held
        if self._in_parts:
            if held:
                self._deliver_values()
            self._events.append((END_ELEMENT, tag, vr, None))
            self._in_parts = False
        else:
            self._end_element(self._take_values() if held else ())
        self._size = self._omitted = 0
        self._state = _DATASET

    def _end_element(self, values: tuple[Any, ...]) -> None:
        if values == (None,):  # PS3.19 A.1.5: an element of zero length has no values
            values = ()
        tag = self._tag
        if tag & 0x10000 and is_creator(tag):
            creator = values[0] if values and isinstance(values[0], str) else ""
            if self._required_creator:
                if self._required_creator != creator.strip(" "):
                    raise self._error_at_start("the private block is already reserved for another creator")
                self._required_creator = ""
                return
            self._blocks.reserve(tag, creator)
        self._events.append((ELEMENT, tag, self._vr, values))

    def _end_open(self) -> None:
        """End an attribute without content."""
        if not self._vr:
            self._look_up_vr()
        if self._vr == "SQ":
            self._end_items()
        else:
            self._end_element(())
            self._state = _DATASET

    def _end_items(self) -> None:
        self._events.append((END_SEQUENCE, self._tag, "SQ", None))
        self._state = _DATASET

    # --- values ------------------------------------------------------------------------------------------------

    def _start_value(self, attributes: dict[str, str]) -> None:
        self._take_number(attributes)
        self._count += 1
        self._state = _VALUE

    def _take_number(self, attributes: dict[str, str]) -> None:
        """Check the number of a value; add an empty value for each omitted number."""
        self._check_attributes(attributes, _VALUE_XML_ATTRIBUTES)
        number = attributes.get("number", "").strip()
        if not number and "number" not in attributes:
            return
        if not (number.isascii() and number.isdigit()) or len(number) > self._max_number:
            raise self._error_at_start("expected a positive integer as the number of a value")
        gap = int(number) - self._count - 1
        if gap < 0:
            raise self._error_at_start("expected values with ascending numbers from 1 (PS3.19 A.1.5)")
        self._omitted += gap
        if self._omitted > self._max_values:
            message = f"more than {self._max_values} values left out by the numbers of others"
            raise LimitError(message, "values_per_event", self._location())
        self._held += [EMPTY_NAME if self._vr == "PN" else ""] * gap
        self._count += gap

    def _start_value_without_vr(self, attributes: dict[str, str]) -> None:
        self._look_up_vr(State.OPEN_VALUES)
        self._start_value(attributes)

    # --- bulk data, inline or not ------------------------------------------------------------------------------

    def _start_binary(self, attributes: dict[str, str]) -> None:
        self._check_attributes(attributes, _NO_XML_ATTRIBUTES)
        if not self._vr:
            self._look_up_vr(State.OPEN_BINARY)
        self._state = State.BINARY

    def _start_reference(self, attributes: dict[str, str]) -> None:
        self._check_attributes(attributes, _REFERENCE_XML_ATTRIBUTES)
        if not self._vr:
            self._look_up_vr()
        if not VRS[self._vr].bulk:
            raise self._error_at_start(f"expected a VR that allows BulkData, found {self._vr}")
        if len(attributes) != 1 or not all(attributes.values()):
            raise self._error_at_start("expected one uri or uuid in BulkData (PS3.19 A.1.5)")
        [(name, text)] = attributes.items()
        self._uri = text if name == "uri" else f"urn:uuid:{text}"
        self._state = State.REFERENCE

    def _end_reference(self) -> None:
        self._state = State.FULL

    def _end_full(self) -> None:
        if not self._uri:
            self._end_attribute()
            return
        self._events.append((BULK_DATA, self._tag, self._vr, self._uri))
        self._uri = ""
        self._state = _DATASET

    # --- person names ------------------------------------------------------------------------------------------

    def _start_name(self, attributes: dict[str, str]) -> None:
        if not self._vr:
            self._set_vr("PN")
        self._take_number(attributes)
        self._count += 1
        self._name = {}
        self._state = State.NAME

    def _end_name(self) -> None:
        name = parse_name(self._name)
        self._hold(name, sum(map(len, name)))
        self._state = State.NAMES

    def _start_group(self, group: str, attributes: dict[str, str]) -> None:
        self._check_attributes(attributes, _NO_XML_ATTRIBUTES)
        if group in self._name:
            raise self._error_at_start("duplicate component group in a person name")
        self._group = self._name[group] = {}
        self._state = State.GROUP

    def _end_group(self) -> None:
        self._state = State.NAME

    def _start_component(self, component: str, attributes: dict[str, str]) -> None:
        self._check_attributes(attributes, _NO_XML_ATTRIBUTES)
        if component in self._group:
            raise self._error_at_start("duplicate component in a person name")
        self._component = component
        self._state = State.COMPONENT

    def _end_component(self) -> None:
        self._pause()
        text = self._take_text()
        if "=" in text:  # the delimiter of component groups (PS3.5 6.2.1)
            raise self._error_at_start("expected a component of VR PN without '='")
        self._group[self._component] = text
        self._state = State.GROUP


_Start: TypeAlias = Callable[[XmlParser, dict[str, str]], None]


def _group(group: str) -> _Start:
    return lambda parser, attributes: parser._start_group(group, attributes)


def _component(component: str) -> _Start:
    return lambda parser, attributes: parser._start_component(component, attributes)


def _row(moves: dict[str, _Start]) -> dict[str, _Start]:
    """Return the moves by name, in the namespace and without it."""
    return moves | {_NAMESPACE + name: move for name, move in moves.items()}


_REFERENCE: dict[str, _Start] = {"BulkData": XmlParser._start_reference}
_VALUE_START: dict[str, _Start] = {"Value": XmlParser._start_value}
_NAME_START: dict[str, _Start] = {"PersonName": XmlParser._start_name}
_ITEM_START: dict[str, _Start] = {"Item": XmlParser._start_item}
_BINARY_START: dict[str, _Start] = {"InlineBinary": XmlParser._start_binary}

_STARTS: dict[int, dict[str, _Start]] = {
    State.DOCUMENT: _row({"NativeDicomModel": XmlParser._start_dataset}),
    State.DATASET: _row({"DicomAttribute": XmlParser._start_attribute}),
    State.OPEN_VALUES: _row(_VALUE_START | _REFERENCE),
    State.VALUES: _row(_VALUE_START),
    State.OPEN_NAMES: _row(_NAME_START | _REFERENCE),
    State.NAMES: _row(_NAME_START),
    State.ITEMS: _row(_ITEM_START),
    State.OPEN_BINARY: _row(_BINARY_START | _REFERENCE),
    State.OPEN: _row(
        _NAME_START | _ITEM_START | _BINARY_START | _REFERENCE | {"Value": XmlParser._start_value_without_vr}
    ),
    State.FULL: {},
    State.VALUE: {},
    State.BINARY: {},
    State.REFERENCE: {},
    State.NAME: _row({group: _group(group) for group in NAME_GROUPS}),
    State.GROUP: _row({component: _component(component) for component in COMPONENTS}),
    State.COMPONENT: {},
}
_ENDS: dict[int, Callable[[XmlParser], None]] = {
    State.DATASET: XmlParser._end_dataset,
    State.OPEN_VALUES: XmlParser._end_open,
    State.VALUES: XmlParser._end_attribute,
    State.OPEN_NAMES: XmlParser._end_open,
    State.NAMES: XmlParser._end_attribute,
    State.ITEMS: XmlParser._end_items,
    State.OPEN_BINARY: XmlParser._end_open,
    State.OPEN: XmlParser._end_open,
    State.FULL: XmlParser._end_full,
    State.BINARY: XmlParser._end_binary,
    State.REFERENCE: XmlParser._end_reference,
    State.NAME: XmlParser._end_name,
    State.GROUP: XmlParser._end_group,
    State.COMPONENT: XmlParser._end_component,
}


def _known_name(name: str) -> str:
    """Return the name of a known element for a message."""
    return name.removeprefix(_NAMESPACE) if any(name in moves for moves in _STARTS.values()) else "another element"
