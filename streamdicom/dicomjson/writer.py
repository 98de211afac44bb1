"""DICOM events to JSON, in the canonical form of PS3.18 Annex F: keys ascending, empty attributes without Value.

An element becomes its JSON text at once, with the loops in C; the texts go to the ``JsonWriter`` in blocks, as the
segments of one value. Which events may come next is in ``_MOVES``: what has no move there is an
``OutputError``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import IntEnum
from typing import Any, TypeAlias

from streamdicom.dicomjson._style import CHARACTER_SET_VALUE, misfit, row_of, string, style_of
from streamdicom.encapsulation import FragmentsEncoder
from streamdicom.errors import InputError, LimitError, Location, OutputError
from streamdicom.events import ELEMENT, END_ITEM, END_SEQUENCE, START_ITEM, START_SEQUENCE, Event, EventType
from streamdicom.jsontext import JsonReader, JsonWriter
from streamdicom.jsontext._base64 import Base64Encoder
from streamdicom.limits import Limits
from streamdicom.options import WriteOptions
from streamdicom.tags import format_tag
from streamdicom.vr import VRS, Form

__all__ = ["EventWriter"]

_MOST_PENDING = 64 * 1024
_ITEM_LENGTH = 12  # characters of the structure of an item

# Events with the tag of the sequence that they are in.
_OF_SEQUENCE = frozenset({EventType.START_ITEM, EventType.END_ITEM, EventType.END_SEQUENCE})
_KINDS = frozenset(EventType)


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
    """Writes the data sets of a stream of DICOM events as one JSON array, as NDJSON, or a single one as an object.

    Args:
        json: Where to; the caller closes it. Indent and escapes are its own; for NDJSON it must take several documents.
        options: The form of elements, which of them are written, and how deep sequences may nest.
        array: Whether the data sets are put into an array; NDJSON has none. Otherwise there is one data set.

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
        self._style = style_of(options)
        self._lines = options.ndjson
        self._array = array = array and not options.ndjson
        # See ``Limits.depth``. An attribute has what the array and the data set leave; a sequence takes three levels of
        # that, and the deepest value, which is a person name, as many.
        self._most_levels = options.limits.depth - array - 1
        self._most_sequences = (self._most_levels - 3) // 3
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
        self._fragments = FragmentsEncoder()
        self._base64 = Base64Encoder()
        self._skipped = 0  # how many things are open within what is left out
        self._event = 0, 0  # the type and the tag of the last one, for errors
        self._error: OutputError | None = None
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
        style, most = self._style, self._most_sequences
        known, starts = style.known, style.starts
        texts, frames = self._texts, self._frames
        place, last, size = self._place, self._last, self._size
        kind = tag = 0
        try:
            for kind, tag, vr, value in events:
                if place == _MEMBERS:
                    if kind == ELEMENT and tag > last:
                        entry = known.get(tag)
                        if entry is None or entry[0] != vr:
                            entry = style.learn(tag, vr)
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
                    if kind == END_ITEM and frames:
                        texts.append("}")
                        place = _SEQUENCE
                        continue
                    if kind == START_SEQUENCE and tag > last and len(frames) < most:
                        start = starts.get(tag) or style.learn_sequence(tag)
                        if start:
                            texts.append(start if last >= 0 else start[1:])
                            size += len(start)
                            frames.append((tag, 0))
                            place = _SEQUENCE
                            continue
                elif place == _SEQUENCE:
                    if kind == START_ITEM:
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
                    if kind == END_SEQUENCE:
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

    def flush(self) -> None:
        """Hand over to the ``JsonWriter`` what is pending."""
        if self._texts:
            self._flush()

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
        if not self._style.is_written(tag):
            return False
        self._put(f'{"," if self._last >= 0 else ""}"{self._style.key(tag)}":')
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
            self._put(f'{{{self._style.vr(tag, vr)},"BulkDataURI":{string(value)}}}')

    def _json_element(self, tag: int, vr: str, value: Any) -> None:
        if not isinstance(value, str):
            raise OutputError("JSON text that is not text")
        _check_json(value, self._most_levels - 3 * len(self._frames))
        if self._begins(tag):
            self._put(value.translate(_ONE_LINE))

    def _start_dataset(self, tag: int, vr: str, value: Any) -> None:
        if self._index is not None and not self._array and not self._lines:
            raise OutputError("more than one data set, where one is due")
        self._index = 0 if self._index is None else self._index + 1
        self._put(",{" if self._index and self._array else "{")
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
        if self._style.sets_character_set(tag) and row_of(vr or "CS").form is Form.TEXT:
            self._put(f"{{{self._style.vr(tag, vr or 'CS')},{CHARACTER_SET_VALUE}}}")
            self._skip()
            return
        if vr:
            row_of(vr)
            self._put("{" + self._style.vr(tag, vr))
        else:
            self._put("{")
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
        encode = self._style.encoders.get(row_of(self._part_vr or "LO").form)
        if encode is None:
            raise OutputError(f"'Value' for VR {self._part_vr}")
        try:
            texts = list(map(encode, value))
        except (TypeError, ValueError, AttributeError, OverflowError) as error:
            raise misfit(error) from None
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
            text = string(value)[1:-1]
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
        form = row_of(vr).form
        if self._part_member and (form is Form.BINARY) != (self._part_member == "InlineBinary"):
            raise OutputError(f"'{self._part_member}' for VR {vr}")
        if self._part_is_text and form is not Form.TEXT:
            raise OutputError(f"a text segment for VR {vr}")
        end = "]" if self._part_member == "Value" else ""
        if not self._part_vr:
            end += f"{',' if self._part_member else ''}{self._style.vr(tag, vr)}"
        self._put(end + "}")
        self._place = _Place.MEMBERS

    # --- encapsulated pixel data ---------------------------------------------------------------------------------

    def _start_fragments(self, tag: int, vr: str, value: Any) -> None:
        if vr not in VRS or VRS[vr].form is not Form.BINARY:
            raise OutputError(f"fragments for VR {vr}")
        if not self._begins(tag):
            self._skip()
            return
        self._put("{" + self._style.vr(tag, vr))
        self._part_member = ""
        self._place = _Place.FRAGMENTS

    def _start_fragment(self, tag: int, vr: str, value: Any) -> None:
        text = self._fragments.start(value)
        if not self._part_member:
            self._part_member = "InlineBinary"
            text = f',"InlineBinary":"{text}'
        self._put(text)
        self._place = _Place.FRAGMENT

    def _fragment_segment(self, tag: int, vr: str, value: Any) -> None:
        self._put(self._fragments.segment(value, final=False))

    def _end_fragment(self, tag: int, vr: str, value: Any) -> None:
        self._put(self._fragments.segment(value, final=True))
        self._place = _Place.FRAGMENTS

    def _end_fragments(self, tag: int, vr: str, value: Any) -> None:
        self._put(self._fragments.close() + ('"}' if self._part_member else "}"))
        self._place = _Place.MEMBERS


_Move: TypeAlias = Callable[[EventWriter, int, str, Any], None]
_MOVES: dict[int, dict[int, _Move]] = {
    _Place.STREAM: {EventType.START_DATASET: EventWriter._start_dataset},
    _Place.MEMBERS: {
        EventType.ELEMENT: EventWriter._element,
        EventType.BULK_DATA: EventWriter._bulk_data,
        EventType.JSON_ELEMENT: EventWriter._json_element,
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


# JSON text has line feeds only between its tokens (RFC 8259, section 2), where NDJSON must not.
_ONE_LINE = {ord("\n"): " ", ord("\r"): " "}


def _check_json(text: str, depth: int) -> None:
    """Check that a text is one JSON value of no more than this depth.

    Raises:
        OutputError: It is not.
    """
    length = max(12, 4 * len(text))
    reader = JsonReader(Limits(depth=max(1, depth), string_segment=length, number_length=length))
    try:
        reader.feed(text.encode())
        reader.close()
    except LimitError:
        raise OutputError("objects and arrays too deep within one another") from None
    except (InputError, UnicodeEncodeError):
        raise OutputError("not JSON text") from None
