"""DICOM events to the Native DICOM Model (PS3.19 Annex A), one document for each data set.

An element becomes its markup at once, and goes to the sink in blocks. Which events may come next is in ``_MOVES``: what
has no move there is an ``OutputError``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import IntEnum
from typing import Any, TypeAlias

from streamdicom.dicomjson._style import row_of
from streamdicom.encapsulation import FragmentsEncoder
from streamdicom.errors import Location, OutputError
from streamdicom.events import ELEMENT, Event, EventType
from streamdicom.jsontext._base64 import Base64Encoder
from streamdicom.nativexml._markup import END, escape, markup_of, reference, start_of, values_of
from streamdicom.nativexml._private import Blocks, is_creator
from streamdicom.options import WriteOptions
from streamdicom.tags import UTF_8_TERM, format_tag
from streamdicom.valuefield import json_field
from streamdicom.vr import VRS, Form

__all__ = ["NativeXmlWriter"]

_MOST_PENDING = 64 * 1024
_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>'
# PS3.19 A.1.5: xml:space shall be included.
_ROOT = '<NativeDicomModel xmlns="http://dicom.nema.org/PS3.19/models/NativeDICOM" xml:space="preserve">'
_END_ROOT = "</NativeDicomModel>"

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


_MEMBERS = int(_Place.MEMBERS)


class NativeXmlWriter:
    r"""Writes the data sets of a stream of DICOM events as XML documents in UTF-8, each with its XML declaration.

    Documents follow one another on lines of their own; no data set is nothing at all. Private elements have their
    ``privateCreator`` and a tag without their block, beside the elements that reserve the blocks; one whose block
    nobody has reserved keeps its tag, and so do those of a creator with several blocks. Person names of more than five
    components have the rest in the last. Words of binary values are in little endian.

    Args:
        sink: Called with blocks of about 64 KiB.
        indent: Spaces, or a string, for each level; None for no white space.
        options: Which elements are written, and how deep sequences may nest.
        array: Whether there may be any number of data sets, or else one.

    >>> blocks = []
    >>> writer = NativeXmlWriter(blocks.append)
    >>> writer.write((EventType.START_DATASET, 0, "", 0))
    >>> writer.write((EventType.ELEMENT, 0x00100020, "LO", ("17",)))
    >>> writer.write((EventType.END_DATASET, 0, "", None))
    >>> writer.close()
    >>> blocks[0].partition(b'xml:space="preserve">')[2]  # doctest: +NORMALIZE_WHITESPACE
    b'<DicomAttribute tag="00100020" vr="LO" keyword="PatientID"><Value
     number="1">17</Value></DicomAttribute></NativeDicomModel>\n'
    """

    def __init__(
        self,
        sink: Callable[[bytes], object],
        *,
        indent: int | str | None = None,
        options: WriteOptions | None = None,
        array: bool = True,
    ) -> None:
        options = options or WriteOptions()
        self._sink = sink
        self._indent = " " * indent if isinstance(indent, int) else indent
        self._level = 0  # of what is open, for the indent
        self._markup = markup_of(options)
        self._array = array
        self._most_sequences = (options.limits.depth - 4) // 3  # see ``Limits.depth``
        self._place: int = _Place.STREAM
        self._index: int | None = None
        self._last = -1  # the tag before, within the innermost data set or item
        self._blocks = Blocks()
        self._frames: list[tuple[int, int, Blocks]] = []  # of each open sequence: its tag, the items begun; around it
        self._texts: list[str] = []
        self._size = 0
        # The element in parts that is being written:
        self._part_vr = ""
        self._count = 0  # of its values
        self._base64 = Base64Encoder()
        self._fragments = FragmentsEncoder()
        self._skipped = 0  # how many things are open within what is left out
        self._event = 0, 0  # the type and the tag of the last one, for errors
        self._error: OutputError | None = None

    def write(self, event: Event) -> None:
        """Write one event; see ``write_all``."""
        self.write_all((event,))

    def write_all(self, events: Iterable[Event]) -> None:
        """Write events.

        Group lengths are left out, and group 0002 unless the options say otherwise. Encapsulated pixel data is one
        InlineBinary: the items of the value field, without the delimiter behind them. An element in a form that its
        VR does not have is UN, as in a DICOM file. An element in parts must tell its VR at its start.

        Raises:
            OutputError: An event out of order, a tag not above the one before it in its data set, a value that does
                not fit its VR, or a character that XML cannot carry. Nothing can be written from then on.
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
        """The innermost loop: elements that are not private. ``_MOVES`` has all else."""
        known, texts, is_compact = self._markup.known, self._texts, self._indent is None
        place, last, size = self._place, self._last, self._size
        kind = tag = 0
        try:
            for kind, tag, vr, value in events:
                if kind == ELEMENT and place == _MEMBERS and tag > last and is_compact:
                    entry = known.get(tag)
                    if entry is not None and entry[0] == vr:
                        _, start, content = entry
                        if start:
                            text = start + (content(value) if value else "") + END
                            texts.append(text)
                            last = tag
                            size += len(text)
                            if size >= _MOST_PENDING:
                                self._flush()
                                size = 0
                        continue
                self._place, self._last, self._size = place, last, size
                self._move(kind, tag, vr, value)
                place, last, size = self._place, self._last, self._size
        finally:
            self._place, self._last, self._size = place, last, size
            self._event = kind, tag

    def flush(self) -> None:
        """Give all that was written so far to the sink."""
        if self._texts:
            self._flush()

    def close(self) -> None:
        """Finish the last document.

        Raises:
            OutputError: A data set is still open, or there is none where one is due.
        """
        if self._error:
            raise self._error
        if self._place != _Place.STREAM:
            raise OutputError("a data set is not complete", Location(None, self._index, self._tag_path(0)))
        if self._index is None and not self._array:
            raise OutputError("no data set, where one is due")
        self.flush()

    def _tag_path(self, tag: int) -> str:
        parts = [format_tag(sequence) + (f"[{items - 1}]" if items else "") for sequence, items, _ in self._frames]
        return ".".join([*parts, format_tag(tag)] if tag else parts)

    # --- text --------------------------------------------------------------------------------------------------

    def _put(self, markup: str) -> None:
        """Write whole tags and what is between them."""
        self._put_text(markup if self._indent is None else self._indented(markup))

    def _put_text(self, text: str) -> None:
        self._texts.append(text)
        self._size += len(text)
        if self._size >= _MOST_PENDING:
            self._flush()

    def _put_end(self, text: str) -> None:
        """Write an end tag on the line of what it ends."""
        self._level -= 1
        self._put_text(text)

    def _indented(self, markup: str) -> str:
        """The same with each tag on a line of its own, but for the end of what holds text."""
        lines = []
        for line in markup.replace("><", ">\0<").split("\0"):  # which no text in XML has
            is_end = line.startswith("</")
            self._level -= is_end
            lines.append(f"\n{self._indent * self._level if self._indent else ''}{line}")
            self._level += not (is_end or line.endswith("/>") or "</" in line)
        return "".join(lines)

    def _flush(self) -> None:
        text = "".join(self._texts)
        self._texts.clear()
        self._size = 0
        self._sink(text.encode())

    # --- moves -------------------------------------------------------------------------------------------------

    def _move(self, kind: int, tag: int, vr: str, value: Any) -> None:
        if self._place == _Place.LEFT_OUT:
            self._skipped += _OPENS.get(kind, 0)
            if not self._skipped:
                self._place = _MEMBERS
            return
        move = _MOVES[self._place].get(kind)
        if move is None:
            raise OutputError(f"no {EventType(kind).name if kind in _KINDS else 'such event'} may come here")
        move(self, tag, vr, value)

    def _begins(self, tag: int) -> bool:
        """Whether an element is written, which may come now."""
        if tag <= self._last:
            raise OutputError(f"the tag is not above the one before it, {format_tag(self._last)}")
        if not self._markup.is_written(tag):
            return False
        self._last = tag
        return True

    def _start_of(self, tag: int, vr: str) -> str:
        """The start tag of an element, of a private one with its creator."""
        if not tag & 0x10000:
            return start_of(tag, vr)
        creator = self._blocks.creator(tag)
        return start_of(self._blocks.without_block(tag), vr, "" if is_creator(tag) else creator)

    def _skip(self) -> None:
        self._skipped = 1
        self._place = _Place.LEFT_OUT

    def _element(self, tag: int, vr: str, value: Any) -> None:
        content = self._markup.content(tag, vr)
        if not self._begins(tag):
            return
        if tag & 0x10000:
            start = self._start_of(tag, vr)
            self._reserve(tag, value)
        else:
            start = self._markup.learn(tag, vr)[1]
        self._put(start + (content(value) if value else "") + END)

    def _reserve(self, tag: int, value: Any) -> None:
        if is_creator(tag):
            is_text = bool(value) and isinstance(value[0], str)
            self._blocks.reserve(tag, value[0] if is_text else "")

    def _bulk_data(self, tag: int, vr: str, value: Any) -> None:
        if vr not in VRS or not VRS[vr].bulk:
            raise OutputError(f"'BulkData' for VR {vr} (PS3.18 F.2.2)")
        if not isinstance(value, str) or not value:
            raise OutputError("a URI that is not text")
        if self._begins(tag):
            self._put(self._start_of(tag, vr) + reference(value) + END)

    def _json_element(self, tag: int, vr: str, value: Any) -> None:
        """An element that no VR has as it is: what can be known of it, as UN."""
        try:
            data = json_field(tag, value)
        except (TypeError, ValueError) as error:
            raise OutputError("JSON text that is no text") from error
        self._element(tag, "UN", (data,) if data else ())

    def _start_dataset(self, tag: int, vr: str, value: Any) -> None:
        if self._index is not None and not self._array:
            raise OutputError("more than one data set, where one is due")
        self._index = 0 if self._index is None else self._index + 1
        self._put_text(f"{_DECLARATION}\n{_ROOT}")
        self._level = 1
        self._last = -1
        self._blocks = Blocks()
        self._place = _MEMBERS

    def _end_dataset(self, tag: int, vr: str, value: Any) -> None:
        if self._frames:
            raise OutputError("no END_DATASET may come here")
        self._put(_END_ROOT)
        self._put_text("\n")
        self._place = _Place.STREAM

    # --- sequences ---------------------------------------------------------------------------------------------

    def _start_sequence(self, tag: int, vr: str, value: Any) -> None:
        if not self._begins(tag):
            self._skip()
            return
        if len(self._frames) >= self._most_sequences:
            raise OutputError(f"more than {len(self._frames)} sequences within one another")
        self._put(self._start_of(tag, "SQ"))
        self._frames.append((tag, 0, self._blocks))
        self._place = _Place.SEQUENCE

    def _start_item(self, tag: int, vr: str, value: Any) -> None:
        tag, items, blocks = self._frames[-1]
        self._frames[-1] = tag, items + 1, blocks
        self._put(f'<Item number="{items + 1}">')
        self._last = -1
        self._blocks = Blocks()
        self._place = _MEMBERS

    def _end_item(self, tag: int, vr: str, value: Any) -> None:
        if not self._frames:
            raise OutputError("no END_ITEM may come here")
        self._put("</Item>")
        self._place = _Place.SEQUENCE

    def _end_sequence(self, tag: int, vr: str, value: Any) -> None:
        self._last, _, self._blocks = self._frames.pop()
        self._put(END)
        self._place = _MEMBERS

    # --- elements in parts -------------------------------------------------------------------------------------

    def _start_parts(self, tag: int, vr: str, value: Any) -> None:
        if not self._begins(tag):
            self._skip()
            return
        if self._markup.sets_character_set(tag) and row_of(vr or "CS").form is Form.TEXT:
            self._put(f'{start_of(tag, vr or "CS")}<Value number="1">{UTF_8_TERM}</Value>{END}')
            self._skip()
            return
        if not vr:
            raise OutputError("a long value whose VR comes behind it, where XML has it before")
        row_of(vr)
        self._part_vr = vr
        self._count = 0
        self._put(self._start_of(tag, vr))
        self._place = _Place.PARTS

    def _part_values(self, tag: int, vr: str, value: Any) -> None:
        self._put(values_of(self._part_vr, value, self._count + 1))
        self._count += len(value)

    def _segment(self, tag: int, vr: str, value: Any) -> None:
        self._put_segment(value, final=False)

    def _last_segment(self, tag: int, vr: str, value: Any) -> None:
        self._put_segment(value, final=True)

    def _put_segment(self, value: Any, final: bool) -> None:
        is_binary = isinstance(value, bytes)
        if not is_binary and not isinstance(value, str):
            raise OutputError("a segment that is neither text nor bytes")
        if self._place != _Place.SEGMENTS:
            self._open_segments(is_binary)
        elif is_binary is not (VRS[self._part_vr].form is Form.BINARY):
            raise OutputError("a value in segments of text and of bytes")
        self._put_text(self._base64.encode(value, final=final) if is_binary else escape(value))
        if final:
            self._put_end("</InlineBinary>" if is_binary else "</Value>")
        self._place = _Place.PARTS if final else _Place.SEGMENTS

    def _open_segments(self, is_binary: bool) -> None:
        if VRS[self._part_vr].form is not (Form.BINARY if is_binary else Form.TEXT):
            raise OutputError(f"a {'binary value' if is_binary else 'text segment'} for VR {self._part_vr}")
        self._count += 1
        if is_binary and self._count > 1:
            raise OutputError("one binary value is all that an element can have")
        self._put("<InlineBinary>" if is_binary else f'<Value number="{self._count}">')

    def _end_parts(self, tag: int, vr: str, value: Any) -> None:
        if vr != self._part_vr:
            raise OutputError(f"a long value of VR {vr} that was told to be of another")
        self._put(END)
        self._place = _MEMBERS

    # --- encapsulated pixel data -------------------------------------------------------------------------------

    def _start_fragments(self, tag: int, vr: str, value: Any) -> None:
        if vr not in VRS or VRS[vr].form is not Form.BINARY:
            raise OutputError(f"fragments for VR {vr}")
        if not self._begins(tag):
            self._skip()
            return
        self._put(self._start_of(tag, vr))
        self._count = 0
        self._place = _Place.FRAGMENTS

    def _start_fragment(self, tag: int, vr: str, value: Any) -> None:
        text = self._fragments.start(value)
        if not self._count:
            self._put("<InlineBinary>")
        self._count += 1
        self._put_text(text)
        self._place = _Place.FRAGMENT

    def _fragment_segment(self, tag: int, vr: str, value: Any) -> None:
        self._put_text(self._fragments.segment(value, final=False))

    def _end_fragment(self, tag: int, vr: str, value: Any) -> None:
        self._put_text(self._fragments.segment(value, final=True))
        self._place = _Place.FRAGMENTS

    def _end_fragments(self, tag: int, vr: str, value: Any) -> None:
        text = self._fragments.close()
        if self._count:
            self._put_end(text + "</InlineBinary>")
        self._put(END)
        self._place = _MEMBERS


_Move: TypeAlias = Callable[[NativeXmlWriter, int, str, Any], None]
_MOVES: dict[int, dict[int, _Move]] = {
    _Place.STREAM: {EventType.START_DATASET: NativeXmlWriter._start_dataset},
    _Place.MEMBERS: {
        EventType.ELEMENT: NativeXmlWriter._element,
        EventType.BULK_DATA: NativeXmlWriter._bulk_data,
        EventType.JSON_ELEMENT: NativeXmlWriter._json_element,
        EventType.START_ELEMENT: NativeXmlWriter._start_parts,
        EventType.START_SEQUENCE: NativeXmlWriter._start_sequence,
        EventType.START_FRAGMENTS: NativeXmlWriter._start_fragments,
        EventType.END_ITEM: NativeXmlWriter._end_item,
        EventType.END_DATASET: NativeXmlWriter._end_dataset,
    },
    _Place.SEQUENCE: {
        EventType.START_ITEM: NativeXmlWriter._start_item,
        EventType.END_SEQUENCE: NativeXmlWriter._end_sequence,
    },
    _Place.PARTS: {
        EventType.VALUES: NativeXmlWriter._part_values,
        EventType.SEGMENT: NativeXmlWriter._segment,
        EventType.LAST_SEGMENT: NativeXmlWriter._last_segment,
        EventType.END_ELEMENT: NativeXmlWriter._end_parts,
    },
    _Place.SEGMENTS: {
        EventType.SEGMENT: NativeXmlWriter._segment,
        EventType.LAST_SEGMENT: NativeXmlWriter._last_segment,
    },
    _Place.FRAGMENTS: {
        EventType.START_FRAGMENT: NativeXmlWriter._start_fragment,
        EventType.END_FRAGMENTS: NativeXmlWriter._end_fragments,
    },
    _Place.FRAGMENT: {
        EventType.SEGMENT: NativeXmlWriter._fragment_segment,
        EventType.LAST_SEGMENT: NativeXmlWriter._end_fragment,
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
