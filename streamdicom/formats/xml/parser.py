"""The Native DICOM Model to events (PS3.19 Annex A), in bounded memory.

The parser is an automaton over tags. A start tag makes the move that ``_STARTS`` has for its name in the current state;
any other XML element is reported and passed over. An end tag makes the move that ``_ENDS`` has for the state. Only
sequences nest, on a stack of ``_OpenSequence``.

    DOCUMENT ── NativeDicomModel ──> DATASET ── DicomAttribute ──> OPEN ── Value ──> VALUE ──> VALUES
                                      ^   ^                         ├── PersonName ──> NAME ──> VALUES
                                      │   │                         ├── InlineBinary ──> BINARY ──> FULL
                                      │   └───────── Item ───────── ITEMS

The compiled engine reads canonical markup; see ``NativeParser``. ``_start`` and ``_end`` make the most frequent moves
themselves: an element in the canonical form with values of text or
numbers, in ascending order. ``AttributeParser`` judges the values at the end of their attribute, and ``NameParser`` has
the moves within PersonName.

Anything that is not standard is reported to ``DeviationPolicy``, which raises or returns; the parser then recovers as
the entry in ``DEVIATIONS`` says.
"""

from __future__ import annotations

from collections.abc import Callable

from streamdicom._cache import BoundedCache
from streamdicom._push import PushParser
from streamdicom._typing import TypeAlias
from streamdicom.dicom import (
    DELIMITER_GROUP,
    FILE_META_GROUP,
    NAME_GROUPS,
    VRS,
    format_tag,
    is_group_length,
    keyword,
    parse_tag,
    parse_tag_in_any_form,
    tag_for_keyword_key,
)
from streamdicom.errors import DicomXmlError, LimitError, Location, StreamDicomError
from streamdicom.events import (
    ELEMENT,
    END_DATASET,
    END_ITEM,
    END_SEQUENCE,
    START_DATASET,
    START_ITEM,
    START_SEQUENCE,
    Event,
    Value,
)
from streamdicom.formats.deviation_policy import FILE_META_IN_ITEM
from streamdicom.formats.pixel_representation import learn_pixel_representation
from streamdicom.formats.seen_tags import SeenTags
from streamdicom.formats.vr_choice import named_vrs
from streamdicom.formats.xml.attribute import NO_XML_ATTRIBUTES, NUMBER_ONLY
from streamdicom.formats.xml.documents import SPACE
from streamdicom.formats.xml.native import NAMESPACE, NativeParser, OpenSequence
from streamdicom.formats.xml.person_names import COMPONENTS
from streamdicom.formats.xml.private_blocks import CREATOR, CREATOR_MASK, PrivateBlocks, is_creator
from streamdicom.formats.xml.states import EXPECTED, IN_ATTRIBUTE, IN_TEXT, ParserState
from streamdicom.formats.xml.values import PARSERS, standard_values
from streamdicom.options import ReadOptions, options_or_default

_NAMESPACE = f"{NAMESPACE} "  # with the separator of ``Documents``

# Plain integers compare faster than members of an enumeration.
_DATASET, _OPEN, _VALUES, _VALUE = (
    int(ParserState.DATASET),
    int(ParserState.OPEN),
    int(ParserState.VALUES),
    int(ParserState.VALUE),
)

_NUMBERS = [["number", str(number)] for number in range(1, 33)]  # the XML attributes of most values
_ATTRIBUTE_NAMES = frozenset({"DicomAttribute", _NAMESPACE + "DicomAttribute"})
_VALUE_NAMES = frozenset({"Value", _NAMESPACE + "Value"})

_Opener: TypeAlias = tuple[int, str, Callable[[str], Value] | None]
"""The tag, the VR, and the function that parses the values."""

_OPENERS: BoundedCache[tuple[str, ...], _Opener] = BoundedCache()
"""By the XML attributes of a DicomAttribute in the canonical form; shared by all parsers."""

_ATTRIBUTE_XML_ATTRIBUTES = frozenset({"tag", "vr", "keyword", "privateCreator"})
_CANONICAL_XML_ATTRIBUTES = frozenset({"tag", "vr", "keyword"})
_REFERENCE_XML_ATTRIBUTES = frozenset({"uri", "uuid"})


class XmlParser(PushParser[Event], NativeParser):
    """A push parser of the Native DICOM Model: bytes in, events out.

    Each document is a data set; documents may follow one another in a stream. Departures from PS3.19 Annex A are errors
    or reported as ``Deviation``, as the options say. Numbers with gaps, which are empty values, are no departure.

    Private elements get a block of their ``privateCreator``; if no Private Creator element has reserved one, the parser
    adds such an element. Document type declarations are refused.

    Memory is bounded by the limits and by the longest chunk that is fed: ``segment_size`` bounds the text, start tags
    and comments that are held. The byte offset of a fault in an attribute is that of its start tag; after items, that
    of the tag where the fault is found.

    Args:
        options: Limits and the profile.
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
        options = options_or_default(options, ReadOptions)
        PushParser.__init__(self)
        NativeParser.__init__(self, options, offset)
        self._max_depth = options.limits.depth

    @property
    def bytes_consumed(self) -> int:
        """Bytes of the stream so far."""
        return self._documents.bytes_fed + len(self._tail)

    def _begin(self, events: list[Event]) -> None:
        self._events = events
        if self._places is not None:
            self._places.begin(events)

    def _feed(self, data: bytes, events: list[Event]) -> None:
        self._begin(events)
        self._read_bytes(data)
        self._seen.forget()
        if self._state != ParserState.DOCUMENT:
            learn_pixel_representation(self._levels(), events, self._open_tag())

    def _close(self, events: list[Event]) -> None:
        self._begin(events)
        self._read_tail()
        self._documents.close()

    def _locate(self, error: StreamDicomError) -> None:
        if error.location.byte_offset is None:
            error.location = self._location()
        error.within(self._index, self._tag_path())

    def _location(self) -> Location:
        documents = self._documents
        is_before = self._state not in IN_ATTRIBUTE or self._state == ParserState.ITEMS
        offset = documents.position if is_before else documents.base + self._offset
        return Location(offset, self._index, self._tag_path())

    def _tag_path(self) -> str:
        parts = [f"{format_tag(sequence.tag)}[{sequence.items - 1}]" for sequence in self._sequences]
        tag = self._open_tag()
        return ".".join(parts if tag is None else [*parts, format_tag(tag)])

    # --- tags --------------------------------------------------------------------------------------------------

    def _start(self, name: str, attributes: list[str]) -> None:
        """Handle a start tag."""
        if self._texts:
            self._check_text()
        state = self._state
        if state == _DATASET:
            opener = _OPENERS.get(tuple(attributes))
            if opener is not None and name in _ATTRIBUTE_NAMES:
                tag = opener[0]
                seen = self._seen
                if tag > seen.last:
                    seen.last = tag
                    seen.seen.append(tag)
                    self._tag, self._vr, self._parse = opener
                    self._offset = self._documents.expat.CurrentByteIndex  # type: ignore[union-attr]
                    if self._places is not None:
                        self._places.mark(self._documents.base + self._offset)
                    self._count = 0
                    self._state = _OPEN
                    return
        elif state == _VALUES or state == _OPEN:
            count = self._count
            if count < len(_NUMBERS) and attributes == _NUMBERS[count] and name in _VALUE_NAMES:
                self._count = count + 1
                self._state = _VALUE
                return
        move = _STARTS[state].get(name)
        if move is None:
            self._start_other(name)
        else:
            names = iter(attributes)
            move(self, dict(zip(names, names, strict=True)))

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
            self._state = _VALUES
            if self._size > self._max_text or len(held) > self._max_values:
                self._deliver_values()
            return
        if texts and state not in IN_TEXT:
            self._check_text()
        is_short = state == _VALUES and not self._in_parts and self._tag & CREATOR_MASK != CREATOR
        if is_short and len(held) > 1 and self._vr:
            values = standard_values(self._vr, held, self._max_number)
            if values is not None:
                self._events.append((ELEMENT, self._tag, self._vr, values))
                held.clear()
                self._size = self._omitted = 0
                self._state = _DATASET
                return
        elif is_short and len(held) == 1:
            one, parse = held[0], self._parse
            value: Value = None
            if parse is None:
                value = one if one and "\\" not in one else None
            elif one and len(one) <= self._max_number:
                try:
                    value = parse(one)  # type: ignore[arg-type]
                except (ValueError, TypeError):
                    value = None
            if value is not None:
                self._events.append((ELEMENT, self._tag, self._vr, (value,)))
                held.clear()
                self._size = 0
                self._state = _DATASET
                return
        _ENDS[state](self)

    def _check_text(self) -> None:
        """Check the text before a tag, which must be white space between elements."""
        state = self._state
        if state in IN_TEXT or state == ParserState.SKIPPED:
            self._pause()
            return
        is_space = not "".join(self._texts).strip(SPACE)
        self._texts.clear()
        if is_space:
            return
        message = f"expected {EXPECTED[state]}, found text"
        if state == ParserState.DOCUMENT:
            raise DicomXmlError(message, self._location())
        self._policy.report("unknown-key" if state == _DATASET else "unknown-member", message)

    def _start_other(self, name: str) -> None:
        """Pass over an XML element that has no move."""
        state = self._state
        if state == ParserState.SKIPPED:
            self._skipped += 1
            if self._skipped > self._max_depth:
                message = f"more than {self._max_depth} nested XML elements"
                raise LimitError(message, "depth", self._location())
            return
        message = f"expected {EXPECTED[state]}, found {_known_name(name)}"
        if state == ParserState.DOCUMENT:
            raise DicomXmlError(message, self._location())
        self._policy.report("unknown-key" if state == _DATASET else "unknown-member", message)
        self._skip(state)

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

    def _start_dataset_without_namespace(self, attributes: dict[str, str]) -> None:
        self._start_dataset(attributes)
        self._policy.report("no-namespace", "expected the namespace of PS3.19 A.1.5, found none")

    def _end_dataset(self) -> None:
        if not self._sequences:
            self._events.append((END_DATASET, 0, "", None))
            self._state = ParserState.DOCUMENT
            self._documents.leave()
            return
        sequence = self._sequences.pop()
        self._seen, self._blocks = sequence.seen, sequence.blocks
        self._tag, self._vr, self._count = sequence.tag, "SQ", sequence.items
        self._events.append((END_ITEM, sequence.tag, "SQ", None))
        self._state = ParserState.ITEMS

    def _start_item(self, attributes: dict[str, str]) -> None:
        if self._state == _OPEN and not self._begin_sequence():
            return
        tag, count = self._tag, self._count + 1
        self._check_attributes(attributes, NUMBER_ONLY)
        if attributes.get("number", "").strip(SPACE) != str(count):
            self._policy.report("value-number", "expected the ordinal number of the Item, found another or none")
        self._events.append((START_ITEM, tag, "SQ", count - 1))
        self._sequences.append(OpenSequence(tag, count, self._seen, self._blocks))
        self._seen = SeenTags()
        self._blocks = PrivateBlocks()
        self._state = _DATASET

    def _begin_sequence(self) -> bool:
        """Start a sequence at its first item or at its end; return False if it is dropped."""
        if not self._vr:
            self._settle_vr(ParserState.ITEMS)
        elif self._vr == "UN":
            self._policy.report("items-for-vr", "expected VR SQ for items, found UN")
        elif self._vr != "SQ":
            more = "; items cannot be kept" if self._policy.keeps else ""
            self._policy.reject_value(f"expected VR SQ for items, found {self._vr}{more}")
            self._drop(2)
            return False
        if len(self._sequences) >= self._max_sequences:
            message = f"more than {self._max_sequences} nested sequences"
            raise LimitError(message, "depth", self._location())
        self._events.append((START_SEQUENCE, self._tag, "SQ", None))
        self._finish()
        self._vr = "SQ"
        self._state = ParserState.ITEMS
        return True

    def _end_items(self) -> None:
        self._events.append((END_SEQUENCE, self._tag, "SQ", None))
        self._state = _DATASET

    # --- attributes --------------------------------------------------------------------------------------------

    def _start_attribute(self, attributes: dict[str, str]) -> None:
        self._offset = self._documents.position - self._documents.base
        if self._places is not None:
            self._places.mark(self._documents.base + self._offset)
        tag = self._tag_of(attributes)
        if tag is None:
            self._policy.report("unknown-key", "expected a tag of eight hexadecimal digits (PS3.19 A.1.5)")
            self._skip(_DATASET)
            return
        self._tag, self._vr, self._parse, self._count = tag, "", PARSERS["UN"], 0
        self._state = _OPEN
        if tag >> 16 == DELIMITER_GROUP:
            self._policy.report("delimiter-key", "expected the tag of a data element, found one of a delimiter")
            self._skip(_DATASET)
            return
        self._check_attributes(attributes, _ATTRIBUTE_XML_ATTRIBUTES)
        creator, vr = attributes.get("privateCreator", "").strip(" "), attributes.get("vr", "")
        if tag & 0x10000:
            if not self._move_to_block(creator, vr):
                return
        elif creator:
            self._policy.report("unknown-member", "expected no privateCreator for a standard element, found one")
        if not self._required_creator and not self._see_tag(bool(creator)):
            return
        if vr in VRS:
            self._vr, self._parse = vr, PARSERS[vr]
        elif vr:
            if named_vrs(vr):
                self._policy.report("ambiguous-vr", "expected one value representation, found several")
            else:
                self._policy.report("unknown-vr", "expected a value representation (PS3.5 6.2), found other text")
            self._vr_text = vr
        if not tag & 0x10000:
            self._check_keyword(attributes)

    def _tag_of(self, attributes: dict[str, str]) -> int | None:
        """Return the tag of an attribute, or None."""
        text = attributes.get("tag", "")
        try:
            return parse_tag(text)
        except ValueError:
            pass
        try:
            tag = parse_tag_in_any_form(text.strip(SPACE))
        except ValueError:
            known = tag_for_keyword_key(text or attributes.get("keyword", ""))
            if known is not None:
                self._policy.report("keyword-key", "expected a tag, found a keyword")
            return known
        self._policy.report("key-form", "expected a tag of eight upper-case hexadecimal digits, found another form")
        return tag

    def _see_tag(self, has_creator: bool) -> bool:
        """Check the order of the attribute; return False if a duplicate is passed over."""
        seen, tag = self._seen, self._tag
        if tag > seen.last:
            self._report_group(tag)
        elif seen.has(tag):
            self._policy.report("duplicate-key", "expected each element once in a data set, found a second one")
            self._skip(_DATASET)
            return False
        elif not has_creator or tag >> 16 != seen.last >> 16:  # the parser chooses the blocks
            self._policy.report("key-order", "expected tags in ascending order, found a lower tag")
            self._report_group(tag)
        seen.see(tag)
        return True

    def _report_group(self, tag: int) -> None:
        is_first_of_meta = tag >> 16 == FILE_META_GROUP and self._seen.last >> 16 != FILE_META_GROUP
        if is_first_of_meta and self._sequences:
            self._policy.report(*FILE_META_IN_ITEM)
        elif is_group_length(tag):
            self._policy.report("group-length", "expected no group length, found one")
        elif is_first_of_meta:
            self._policy.report("file-meta", "expected no File Meta Information, found some")

    def _check_keyword(self, attributes: dict[str, str]) -> None:
        """Compare the keyword with the tag; remember attributes in the canonical form."""
        tag = self._tag
        text, expected = attributes.get("keyword", ""), keyword(tag)
        if text and expected and text != expected:
            self._policy.report("keyword-mismatch", "expected the keyword of the tag, found another one")
        elif (
            self._vr
            and text in ("", expected)
            and attributes.keys() <= _CANONICAL_XML_ATTRIBUTES
            and attributes.get("tag") == format_tag(tag)
            and not is_group_length(tag)
            and tag >> 16 != FILE_META_GROUP
        ):
            key = tuple([part for pair in attributes.items() for part in pair])
            _OPENERS.remember(key, (tag, self._vr, self._parse))

    def _move_to_block(self, creator: str, vr: str) -> bool:
        """Move a private element into the block of its creator; reserve it if needed.

        Returns False if the element has no place and is passed over.
        """
        blocks, seen, tag = self._blocks, self._seen, self._tag
        if not creator:
            if is_creator(tag) and vr == "LO" and seen.has(tag):
                self._required_creator = blocks.creator(tag)
            return True
        try:
            self._tag = tag = blocks.with_block(tag, creator, seen.last)
        except DicomXmlError as error:
            self._policy.reject_value(error.message)
            self._skip(_DATASET)
            return False
        reserving = tag & 0xFFFF0000 | tag >> 8 & 0xFF
        if not blocks.creator(tag) and not seen.has(reserving):
            seen.see(reserving)
            blocks.reserve(reserving, creator)
            self._events.append((ELEMENT, reserving, "LO", (creator,)))
        return True

    def _end_open(self) -> None:
        """End an attribute without content."""
        tag = self._tag
        if self._vr and self._vr != "SQ" and tag & CREATOR_MASK != CREATOR:
            self._events.append((ELEMENT, tag, self._vr, ()))
            self._state = _DATASET
            return
        self._vr = vr = self._vr or self._settle_vr(_OPEN)
        if vr == "SQ":
            self._begin_sequence()
            self._end_items()
        else:
            self._end_element(vr, ())
            self._finish()

    # --- contents ----------------------------------------------------------------------------------------------

    def _start_second(self, name: str, attributes: dict[str, str]) -> None:
        """Start content after other content.

        The first counts, and a reference counts only alone.
        """
        message = "expected one of Value, PersonName, Item, InlineBinary and BulkData, found several"
        self._policy.report("several-contents", message)
        if self._state == ParserState.FULL and self._uri and name != "BulkData":
            self._uri = ""
            self._state = _OPEN
            _CONTENTS[name](self, attributes)
        else:
            self._skip(self._state)

    def _start_value(self, attributes: dict[str, str]) -> None:
        if self._take_number(attributes):
            self._count += 1
            self._state = _VALUE

    def _start_binary(self, attributes: dict[str, str]) -> None:
        self._check_attributes(attributes, NO_XML_ATTRIBUTES)
        self._state = ParserState.BINARY

    def _start_reference(self, attributes: dict[str, str]) -> None:
        self._check_attributes(attributes, _REFERENCE_XML_ATTRIBUTES)
        uri, uuid = attributes.get("uri", ""), attributes.get("uuid", "")
        if uri and uuid:
            self._policy.report("several-contents", "expected a uri or a uuid in BulkData, found both")
        self._uri = uri or (uuid and f"urn:uuid:{uuid}")
        self._state = ParserState.REFERENCE

    def _end_reference(self) -> None:
        self._state = ParserState.FULL


_Start: TypeAlias = Callable[[XmlParser, dict[str, str]], None]


def _group(group: str) -> _Start:
    return lambda parser, attributes: parser._start_group(group, attributes)


def _component(component: str) -> _Start:
    return lambda parser, attributes: parser._start_component(component, attributes)


def _second(name: str) -> _Start:
    return lambda parser, attributes: parser._start_second(name, attributes)


def _row(moves: dict[str, _Start]) -> dict[str, _Start]:
    """Return the moves by name, in the namespace and without it."""
    return moves | {_NAMESPACE + name: move for name, move in moves.items()}


_CONTENTS: dict[str, _Start] = {
    "Value": XmlParser._start_value,
    "PersonName": XmlParser._start_name,
    "Item": XmlParser._start_item,
    "InlineBinary": XmlParser._start_binary,
    "BulkData": XmlParser._start_reference,
}


def _contents(*names: str) -> dict[str, _Start]:
    """Return the moves of an attribute that may only have these contents."""
    return _row({name: move if name in names else _second(name) for name, move in _CONTENTS.items()})


_STARTS: dict[int, dict[str, _Start]] = {
    ParserState.DOCUMENT: {
        "NativeDicomModel": XmlParser._start_dataset_without_namespace,
        _NAMESPACE + "NativeDicomModel": XmlParser._start_dataset,
    },
    ParserState.DATASET: _row({"DicomAttribute": XmlParser._start_attribute}),
    ParserState.OPEN: _contents(*_CONTENTS),
    ParserState.VALUES: _contents("Value", "PersonName"),
    ParserState.ITEMS: _contents("Item"),
    ParserState.FULL: _contents(),
    ParserState.VALUE: {},
    ParserState.BINARY: {},
    ParserState.REFERENCE: {},
    ParserState.NAME: _row({group: _group(group) for group in NAME_GROUPS}),
    ParserState.GROUP: _row({component: _component(component) for component in COMPONENTS}),
    ParserState.COMPONENT: {},
    ParserState.SKIPPED: {},
}
_ENDS: dict[int, Callable[[XmlParser], None]] = {
    ParserState.DATASET: XmlParser._end_dataset,
    ParserState.OPEN: XmlParser._end_open,
    ParserState.VALUES: XmlParser._end_values,
    ParserState.ITEMS: XmlParser._end_items,
    ParserState.FULL: XmlParser._end_full,
    ParserState.BINARY: XmlParser._end_binary,
    ParserState.REFERENCE: XmlParser._end_reference,
    ParserState.NAME: XmlParser._end_name,
    ParserState.GROUP: XmlParser._end_group,
    ParserState.COMPONENT: XmlParser._end_component,
    ParserState.SKIPPED: XmlParser._end_skipped,
}
_NAMES = frozenset().union(*_STARTS.values())


def _known_name(name: str) -> str:
    """Return the name of a known element for a message."""
    return name.removeprefix(_NAMESPACE) if name in _NAMES else "another element"
