"""Native DICOM Model XML to DICOM events (PS3.19 Annex A), one by one: no data set is ever held, and no long value.

Everything that decides what a tag means lives here: a state, and the frames of the sequences that are open. A start tag
makes the move that there is for it in the state; where there is none it is an error. An end tag makes the move of the
state that it ends.

    DOCUMENT ── NativeDicomModel ──> DATASET ── DicomAttribute ──> OPEN_VALUES ── Value ──> VALUE ──> VALUES
                                      ^   ^                        OPEN_NAMES ── PersonName ──> NAME ──> NAMES
                                      │   │                        OPEN_BINARY ── InlineBinary ──> BINARY ──> FULL
                                      │   └──────── Item ───────── ITEMS

Text is gathered between two tags. Where it is longer than is held it flows on in segments, whose lengths do not depend
on the cuts of the stream: see ``ValueReader``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

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
from streamdicom.formats.seen_tags import SeenTags
from streamdicom.formats.xml.documents import SPACE, Documents
from streamdicom.formats.xml.private_blocks import Blocks, is_creator
from streamdicom.formats.xml.states import OF_ATTRIBUTE, WANTED, State
from streamdicom.formats.xml.value_reader import TEXT_STATES, ValueReader
from streamdicom.formats.xml.values import (
    COMPONENTS,
    PARSERS,
    name_of,
    tag_of,
)
from streamdicom.options import ReadOptions, options_or_default

_NAMESPACE = "http://dicom.nema.org/PS3.19/models/NativeDICOM "  # and the space behind it, see ``Documents``

# Plain integers for what most elements are.
_DATASET, _OPEN_VALUES, _VALUES, _VALUE = (
    int(State.DATASET),
    int(State.OPEN_VALUES),
    int(State.VALUES),
    int(State.VALUE),
)

_OPENED: dict[str, int] = {
    vr: {Form.PERSON_NAME: State.OPEN_NAMES, Form.BINARY: State.OPEN_BINARY, Form.SEQUENCE: State.ITEMS}.get(
        row.form, _OPEN_VALUES
    )
    for vr, row in VRS.items()
}
_NUMBERS = [{"number": str(number)} for number in range(1, 33)]  # the attributes of most values
_VALUE_VRS = frozenset(vr for vr, state in _OPENED.items() if state == _OPEN_VALUES)
_ATTRIBUTE_NAMES = frozenset({"DicomAttribute", _NAMESPACE + "DicomAttribute"})
_VALUE_NAMES = frozenset({"Value", _NAMESPACE + "Value"})
_MOST_TAGS = 16 * 1024  # that are known by heart; an archive uses some thousands
_TAGS: dict[str, int] = {}  # those of the standard, as they were met; the same for every parser
_OF_ATTRIBUTE = frozenset({"tag", "vr", "keyword", "privateCreator"})
_OF_VALUE = frozenset({"number"})
_OF_REFERENCE = frozenset({"uri", "uuid"})
_NOTHING: frozenset[str] = frozenset()


class _Frame:
    """A sequence that is open, and what has come around it."""

    __slots__ = ("at", "blocks", "elements", "items", "tag")

    def __init__(self, tag: int, items: int, at: int, elements: SeenTags, blocks: Blocks) -> None:
        self.tag = tag
        self.items = items
        self.at = at
        self.elements = elements
        self.blocks = blocks


class XmlParser(PushParser[Event], ValueReader):
    """A push parser of the Native DICOM Model: bytes in, DICOM events out.

    A document has one data set; documents may follow one another in a stream. Beside what PS3.19 A.1.6 has, these are
    taken: documents without the namespace, tags in lower case, a ``vr`` that is missing where the data dictionary has
    it, a ``number`` that is missing, and one that leaves numbers out, whose values are empty. An element must not come
    twice; the order of elements is as it comes. Private elements get a block of their ``privateCreator``; where no
    Private Creator element has reserved one before, such an element is made. A document type declaration is refused.

    Memory is bounded by the limits and by the longest chunk that is fed: ``segment_size`` bounds what is held of a
    text, of a start tag and of a comment. The byte offset of a fault in a value is that of the start of its attribute.

    Args:
        options: Limits.
        offset: Bytes of the stream before those that are fed.

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
        ValueReader.__init__(self, limits)
        self._documents = Documents(limits, self._start, self._end, self._texts.append, self._pause, offset)
        self._most_sequences = (limits.depth - 4) // 3  # see ``Limits.depth``
        self._index: int | None = None
        self._frames: list[_Frame] = []
        self._elements = SeenTags()  # of the innermost data set or item
        self._blocks = Blocks()
        self._uri = ""  # of the attribute that is being read
        self._name: dict[str, dict[str, str]] = {}  # components, by group
        self._group: dict[str, str] = {}
        self._component = ""

    @property
    def bytes_consumed(self) -> int:
        """Bytes of the stream so far."""
        return self._documents.bytes_fed

    def _feed(self, data: bytes, events: list[Event]) -> None:
        self._events = events
        self._documents.feed(data)
        self._elements.forget()

    def _close(self, events: list[Event]) -> None:
        self._events = events
        self._documents.close()

    def _locate(self, error: StreamDicomError) -> None:
        error.within(self._index, self._tag_path())

    def _tag_path(self) -> str:
        parts = [format_tag(frame.tag) + f"[{frame.items - 1}]" for frame in self._frames]
        if self._state in OF_ATTRIBUTE:
            parts.append(format_tag(self._tag))
        return ".".join(parts)

    # --- tags --------------------------------------------------------------------------------------------------

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        """A start tag. The moves that make up most elements stand here; ``_STARTS`` has the others."""
        if self._texts:
            self._between()
        state = self._state
        if state == _DATASET:
            tag = _TAGS.get(attributes.get("tag", ""), -1)
            elements = self._elements
            if tag > elements.last and name in _ATTRIBUTE_NAMES:
                vr = attributes.get("vr", "")
                if vr in _VALUE_VRS and len(attributes) == 2 + ("keyword" in attributes):
                    elements.last = tag
                    elements.seen.append(tag)
                    self._tag, self._vr, self._parse = tag, vr, PARSERS[vr]
                    self._at = self._documents.expat.CurrentByteIndex  # type: ignore[union-attr]
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
            raise DicomXmlError(f"another element than {WANTED[state]}", Location(self._documents.place))
        move(self, attributes)

    def _end(self, name: str) -> None:
        """The end tag of what the state is in. What ends most elements stands here; ``_ENDS`` has the others."""
        texts, state, held = self._texts, self._state, self._held
        if state == _VALUE:
            text = texts[0] if len(texts) == 1 else "".join(texts)
            texts.clear()
            if self._counted or len(text) > self._most_text:
                self._end_long_value(text)
                return
            held.append(text)
            self._size += len(text)
            if self._size > self._most_text or len(held) > self._most_held:
                self._deliver_values()
            self._state = _VALUES
            return
        if texts and state not in TEXT_STATES:
            self._between()
        if state == _VALUES and len(held) == 1 and not self._in_parts and not self._tag & 0x10000:
            [text] = held
            if self._parse is None and text:
                self._events.append((ELEMENT, self._tag, self._vr, (text,)))
                held.clear()
                self._size = 0
                self._state = _DATASET
                return
        _ENDS[state](self)

    def _between(self) -> None:
        """Take the text before a start tag, or the end tag of what has no text."""
        if self._state in TEXT_STATES:
            self._pause()
        elif "".join(self._texts).strip(SPACE):
            raise DicomXmlError(f"text where {WANTED[self._state]} is due", Location(self._documents.place))
        else:
            self._texts.clear()

    def _known(self, attributes: dict[str, str], names: frozenset[str]) -> None:
        if not attributes.keys() <= names:
            raise DicomXmlError(
                "an XML attribute that the Native DICOM Model does not have", Location(self._documents.place)
            )

    # --- data sets and items -----------------------------------------------------------------------------------

    def _start_dataset(self, attributes: dict[str, str]) -> None:
        self._documents.enter()
        self._index = 0 if self._index is None else self._index + 1
        self._elements = SeenTags()
        self._blocks = Blocks()
        self._events.append((START_DATASET, 0, "", self._index))
        self._state = _DATASET

    def _end_dataset(self) -> None:
        if not self._frames:
            self._events.append((END_DATASET, 0, "", None))
            self._state = State.DOCUMENT
            self._documents.leave()
            return
        frame = self._frames.pop()
        self._elements, self._blocks = frame.elements, frame.blocks
        self._tag, self._vr, self._at, self._count = frame.tag, "SQ", frame.at, frame.items
        self._events.append((END_ITEM, frame.tag, "SQ", None))
        self._state = State.ITEMS

    def _start_item(self, attributes: dict[str, str]) -> None:
        self._known(attributes, _OF_VALUE)
        if attributes.get("number", str(self._count + 1)) != str(self._count + 1):
            raise self._wrong("items that are not numbered from 1 by 1 (PS3.19 A.1.5)")
        if not self._vr:
            self._set_vr("SQ")
        tag = self._tag
        self._events.append((START_ITEM, tag, "SQ", self._count))
        self._frames.append(_Frame(tag, self._count + 1, self._at, self._elements, self._blocks))
        self._elements = SeenTags()
        self._blocks = Blocks()
        self._state = _DATASET

    # --- attributes --------------------------------------------------------------------------------------------

    def _start_attribute(self, attributes: dict[str, str]) -> None:
        self._at = self._documents.place - self._documents.base
        self._known(attributes, _OF_ATTRIBUTE)
        try:
            tag = tag_of(attributes.get("tag", ""))
        except ValueError:
            raise self._wrong("a tag that is not eight hexadecimal digits (PS3.19 A.1.5)") from None
        vr = attributes.get("vr", "")
        self._open_attribute(tag)
        if tag & 0x10000:
            self._go_to_block(attributes.get("privateCreator", "").strip(" "), vr)
        elif attributes.get("privateCreator"):
            raise self._wrong("a private creator for an element of the standard")
        else:
            _learn(attributes["tag"], tag)
        self._see()
        if vr in VRS:
            self._set_vr(vr)
        elif vr:
            raise self._wrong("not a value representation (PS3.5 6.2)")

    def _open_attribute(self, tag: int) -> None:
        self._tag = tag
        self._vr = ""
        self._count = 0
        self._state = State.OPEN

    def _see(self) -> None:
        elements, tag = self._elements, self._tag
        if self._creator:
            return
        if tag <= elements.last and elements.has(tag):
            raise self._wrong("the element comes twice in its data set")
        elements.see(tag)

    def _set_vr(self, vr: str) -> None:
        self._vr, self._parse = vr, PARSERS[vr]
        self._state = _OPENED[vr]
        if vr == "SQ":
            if len(self._frames) >= self._most_sequences:
                message = f"more than {self._most_sequences} sequences within one another"
                raise LimitError(message, "depth", self._location())
            self._events.append((START_SEQUENCE, self._tag, vr, None))

    def _learn_vr(self, opened: int | None = None) -> None:
        """The VR of an element that does not tell it: that which the data dictionary has, for what it holds."""
        vrs = [vr for vr in dictionary_vrs(self._tag) if opened in (None, _OPENED[vr])]
        if not vrs:
            raise self._wrong("an element without its VR, which the data dictionary does not tell")
        self._set_vr("OW" if "OW" in vrs else vrs[0])

    def _go_to_block(self, creator: str, vr: str) -> None:
        """Give a private element the tag that it has in the block of its creator, which is reserved if need be."""
        blocks, elements, tag = self._blocks, self._elements, self._tag
        if not creator:
            if is_creator(tag) and vr == "LO" and elements.has(tag):
                self._creator = blocks.creator(tag)
            return
        try:
            self._tag = tag = blocks.place(tag, creator, elements.last)
        except DicomXmlError as error:
            raise self._wrong(error.message) from None
        reserving = tag & 0xFFFF0000 | tag >> 8 & 0xFF
        if not elements.has(reserving):
            elements.see(reserving)
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
            self._end_element(self._converted() if held else ())
        self._size = self._skipped = 0
        self._state = _DATASET

    def _end_element(self, values: tuple[Any, ...]) -> None:
        if values == (None,):  # PS3.19 A.1.5: an element of zero length has no values
            values = ()
        tag = self._tag
        if tag & 0x10000 and is_creator(tag):
            creator = values[0] if values and isinstance(values[0], str) else ""
            if self._creator:
                if self._creator != creator.strip(" "):
                    raise self._wrong("a private block that is reserved for another creator")
                self._creator = ""
                return
            self._blocks.reserve(tag, creator)
        self._events.append((ELEMENT, tag, self._vr, values))

    def _end_open(self) -> None:
        """The end of an attribute that nothing was in."""
        if not self._vr:
            self._learn_vr()
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
        """Look at the number of a value; those that were left out are empty."""
        self._known(attributes, _OF_VALUE)
        number = attributes.get("number", "").strip()
        if not number and "number" not in attributes:
            return
        if not (number.isascii() and number.isdigit()) or len(number) > self._most_digits:
            raise self._wrong("a number of a value that is not a positive integer")
        gap = int(number) - self._count - 1
        if gap < 0:
            raise self._wrong("values whose numbers do not ascend from 1 (PS3.19 A.1.5)")
        self._skipped += gap
        if self._skipped > self._most_held:
            raise LimitError("more values that were left out than are held", "values_per_event", self._location())
        self._held += [_EMPTY_NAME if self._vr == "PN" else ""] * gap
        self._count += gap

    def _start_value_without_vr(self, attributes: dict[str, str]) -> None:
        self._learn_vr(State.OPEN_VALUES)
        self._start_value(attributes)

    # --- bulk data, inline or not ------------------------------------------------------------------------------

    def _start_binary(self, attributes: dict[str, str]) -> None:
        self._known(attributes, _NOTHING)
        if not self._vr:
            self._learn_vr(State.OPEN_BINARY)
        self._state = State.BINARY

    def _start_reference(self, attributes: dict[str, str]) -> None:
        self._known(attributes, _OF_REFERENCE)
        if not self._vr:
            self._learn_vr()
        if not VRS[self._vr].bulk:
            raise self._wrong(f"'BulkData' for VR {self._vr}")
        if len(attributes) != 1 or not all(attributes.values()):
            raise self._wrong("'BulkData' without its one URI or UUID (PS3.19 A.1.5)")
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
        name = name_of(self._name)
        self._hold(name, sum(map(len, name)))
        self._state = State.NAMES

    def _start_group(self, group: str, attributes: dict[str, str]) -> None:
        self._known(attributes, _NOTHING)
        if group in self._name:
            raise self._wrong("a component group that comes twice")
        self._group = self._name[group] = {}
        self._state = State.GROUP

    def _end_group(self) -> None:
        self._state = State.NAME

    def _start_component(self, component: str, attributes: dict[str, str]) -> None:
        self._known(attributes, _NOTHING)
        if component in self._group:
            raise self._wrong("a name component that comes twice")
        self._component = component
        self._state = State.COMPONENT

    def _end_component(self) -> None:
        self._pause()
        text = self._take_text()
        if "=" in text:  # which ends a component group (PS3.5 6.2.1)
            raise self._wrong("not a value of VR PN")
        self._group[self._component] = text
        self._state = State.GROUP


_EMPTY_NAME = ("", "", "")


def _learn(text: str, tag: int) -> None:
    if len(_TAGS) >= _MOST_TAGS:
        _TAGS.clear()
    _TAGS[text] = tag


_Start: TypeAlias = Callable[[XmlParser, dict[str, str]], None]


def _group(group: str) -> _Start:
    return lambda parser, attributes: parser._start_group(group, attributes)


def _component(component: str) -> _Start:
    return lambda parser, attributes: parser._start_component(component, attributes)


def _row(moves: dict[str, _Start]) -> dict[str, _Start]:
    """The moves for names in the namespace, and in none."""
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
