"""DICOM events to the Native DICOM Model (PS3.19 Annex A), one document for each data set.

An element becomes its markup at once, and goes to the sink in blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from streamdicom.dicom import VRS, Form, json_field
from streamdicom.errors import OutputError
from streamdicom.events import ELEMENT, Event, EventType
from streamdicom.formats.writer import BLOCK_SIZE, Moves, State, TextWriter
from streamdicom.formats.xml.element_markup import END, escape, markup_of, reference, start_of, values_of
from streamdicom.formats.xml.private_blocks import Blocks, is_creator
from streamdicom.options import WriteOptions, options_or_default

_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>'
# PS3.19 A.1.5: xml:space shall be included.
_ROOT = '<NativeDicomModel xmlns="http://dicom.nema.org/PS3.19/models/NativeDICOM" xml:space="preserve">'
_END_ROOT = "</NativeDicomModel>"

_MOST_EMPTY = 1024  # values that are written at once

_MEMBERS = int(State.DATASET)


class XmlWriter(TextWriter):
    r"""Writes the data sets of a stream of DICOM events as XML documents in UTF-8, each with its XML declaration.

    Documents follow one another on lines of their own; no data set is nothing at all. Private elements have their
    ``privateCreator`` and a tag without their block, beside the elements that reserve the blocks; one whose block
    nobody has reserved keeps its tag, and so do those of a creator with several blocks. Person names of more than five
    components have the rest in the last. Words of binary values are in little endian. Encapsulated pixel data is one
    InlineBinary: the items of the value field, without the delimiter behind them. An element in a form that its VR does
    not have is UN, as in a DICOM file. An element in parts must tell its VR at its start.

    What cannot be written is an ``OutputError``: an event out of order, a tag not above the one before it in its data
    set, a value that does not fit its VR, or a character that XML cannot carry. Group lengths are left out, and group
    0002 unless the options say otherwise.

    Args:
        sink: Called with blocks of about 64 KiB.
        indent: Spaces, or a string, for each level; None for no white space.
        options: Which elements are written, and how deep sequences may nest.
        array: Whether there may be any number of data sets, or else one.

    >>> blocks = []
    >>> writer = XmlWriter(blocks.append)
    >>> writer.write((EventType.START_DATASET, 0, "", 0))
    >>> writer.write((EventType.ELEMENT, 0x00100020, "LO", ("17",)))
    >>> writer.write((EventType.END_DATASET, 0, "", None))
    >>> writer.close()
    >>> blocks[0].partition(b'xml:space="preserve">')[2]  # doctest: +NORMALIZE_WHITESPACE
    b'<DicomAttribute tag="00100020" vr="LO" keyword="PatientID"><Value
     number="1">17</Value></DicomAttribute></NativeDicomModel>\n'
    """

    _reference = "BulkData"

    def __init__(
        self,
        sink: Callable[[bytes], object],
        *,
        indent: int | str | None = None,
        options: WriteOptions | None = None,
        array: bool = True,
    ) -> None:
        options = options_or_default(options, WriteOptions)
        markup = markup_of(options)
        max_sequences = (options.limits.depth - 4) // 3  # see ``Limits.depth``
        super().__init__(markup.rules, max_sequences=max_sequences, is_stream=array)
        self._sink = sink
        self._indent = indent if indent is None or isinstance(indent, str) else " " * indent
        self._held = 0  # how many empty values the element in parts starts with, until more comes
        self._level = 0  # of what is open, for the indent
        self._markup = markup
        self._blocks = Blocks()  # of the innermost data set or item
        self._outer: list[Blocks] = []  # of those around it

    def _write_all(self, events: Iterable[Event]) -> None:
        """The innermost loop: elements that are not private. ``_moves`` has all else."""
        known, texts, is_compact = self._markup.cache, self._texts, self._indent is None
        place, last, size = self._state, self._last, self._size
        kind, tag, vr, value = 0, 0, "", None
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
                            if size >= BLOCK_SIZE:
                                self._flush()
                                size = 0
                        continue
                self._state, self._last, self._size = place, last, size
                self._move(kind, tag, vr, value)
                place, last, size = self._state, self._last, self._size
        finally:
            self._state, self._last, self._size = place, last, size
            self._event = kind, tag, vr, value

    def _flush(self) -> None:
        self._sink(self._drain().encode())

    def _finish(self) -> None:
        if self._index is None and not self._is_stream:
            raise OutputError("no data set, where one is due")
        self.flush()

    def _put_tags(self, markup: str) -> None:
        """Write whole tags and what is between them."""
        self._put(markup if self._indent is None else self._indented(markup))

    def _indented(self, markup: str) -> str:
        """The same with each tag on a line of its own, but for the end of what holds text."""
        lines = []
        for line in markup.replace("><", ">\0<").split("\0"):  # which no text in XML has
            is_end = line.startswith("</")
            self._level -= is_end
            lines.append(f"\n{self._indent * self._level if self._indent else ''}{line}")
            self._level += not (is_end or line.endswith("/>") or "</" in line)
        return "".join(lines)

    # --- data sets and elements --------------------------------------------------------------------------------

    def _open_dataset(self) -> None:
        self._put(f"{_DECLARATION}\n{_ROOT}")
        self._level = 1
        self._blocks = Blocks()

    def _close_dataset(self) -> None:
        self._put_tags(_END_ROOT)
        self._put("\n")

    def _start_of(self, tag: int, vr: str) -> str:
        """The start tag of an element, of a private one with its creator."""
        if not tag & 0x10000:
            return start_of(tag, vr)
        creator = self._blocks.creator(tag)
        return start_of(self._blocks.without_block(tag), vr, "" if is_creator(tag) else creator)

    def _open_element(self, tag: int, vr: str) -> None:
        if not vr:
            raise OutputError("a long value whose VR comes behind it, where XML has it before")
        self._put_tags(self._start_of(tag, vr))

    def _element(self, tag: int, vr: str, value: Any) -> None:
        content = self._markup.content(tag, vr)
        if not self._is_written(tag):
            return
        self._last = tag
        if tag & 0x10000:
            start = self._start_of(tag, vr)
            self._reserve(tag, value)
        else:
            start = self._markup.compile(tag, vr)[1]
        self._put_tags(start + (content(value) if value else "") + END)

    def _reserve(self, tag: int, value: Any) -> None:
        if is_creator(tag):
            is_text = bool(value) and isinstance(value[0], str)
            self._blocks.reserve(tag, value[0] if is_text else "")

    def _json_element(self, tag: int, vr: str, value: Any) -> None:
        """An element that no VR has as it is: what can be known of it, as UN."""
        try:
            data = json_field(tag, value)
        except (TypeError, ValueError) as error:
            raise OutputError("JSON text that is no text") from error
        self._element(tag, "UN", (data,) if data else ())

    def _put_reference(self, uri: str) -> None:
        if not uri:
            raise OutputError("a URI that is not text")
        self._put_tags(reference(uri) + END)

    # --- items -------------------------------------------------------------------------------------------------

    def _start_item(self, tag: int, vr: str, value: Any) -> None:
        tag, items = self._sequences[-1]
        self._sequences[-1] = tag, items + 1
        self._put_tags(f'<Item number="{items + 1}">')
        self._last = -1
        self._outer.append(self._blocks)
        self._blocks = Blocks()
        self._state = _MEMBERS

    def _end_item(self, tag: int, vr: str, value: Any) -> None:
        if not self._sequences:
            raise self._unexpected(EventType.END_ITEM)
        self._put_tags("</Item>")
        self._blocks = self._outer.pop()
        self._state = State.SEQUENCE

    def _end_sequence(self, tag: int, vr: str, value: Any) -> None:
        self._last, _ = self._sequences.pop()
        self._put_tags(END)
        self._state = _MEMBERS

    # --- elements in parts -------------------------------------------------------------------------------------

    def _put_values(self, values: tuple[Any, ...]) -> None:
        markup = values_of(self._vr, values, self._count + 1)
        if self._held == self._count and "</" not in markup:  # there are none but empty ones so far
            self._held += len(values)
        elif markup:
            self._put_held()
            self._put_tags(markup)

    def _put_held(self) -> None:
        """Write the empty values that were held back."""
        for start in range(0, self._held, _MOST_EMPTY):
            count = min(self._held - start, _MOST_EMPTY)
            self._put_tags(values_of(self._vr, (None,) * count, start + 1))
        self._held = 0

    def _put_empty(self, is_binary: bool) -> None:
        self._check_form(is_binary)
        if not is_binary:
            self._put_values((None,))

    def _check_form(self, is_binary: bool) -> None:
        if VRS[self._vr].form is not (Form.BINARY if is_binary else Form.TEXT):
            raise OutputError(f"a {'binary value' if is_binary else 'text segment'} for VR {self._vr}")

    def _open_value(self, is_binary: bool) -> None:
        self._check_form(is_binary)
        self._put_held()
        self._put_tags("<InlineBinary>" if is_binary else f'<Value number="{self._count + 1}">')

    def _escape(self, text: str) -> str:
        return escape(text)

    def _close_value(self, is_binary: bool) -> None:
        self._level -= 1
        self._put("</InlineBinary>" if is_binary else "</Value>")  # on the line of its text

    def _close_element(self, tag: int, vr: str) -> None:
        if vr != self._vr:
            raise OutputError(f"a long value of VR {vr} that was told to be of another")
        if self._held > 1:  # an element of zero length has no value (PS3.19 A.1.5)
            self._put_held()
        self._held = 0
        self._put_tags(END)

    _moves: ClassVar[Moves] = {
        **TextWriter._moves,
        State.DATASET: {
            **TextWriter._moves[State.DATASET],
            EventType.ELEMENT: _element,
            EventType.JSON_ELEMENT: _json_element,
            EventType.END_ITEM: _end_item,
        },
        State.SEQUENCE: {EventType.START_ITEM: _start_item, EventType.END_SEQUENCE: _end_sequence},
    }
