"""Events to the Native DICOM Model (PS3.19 Annex A).

Each data set becomes an XML document. The markup of an element is made at once, and passed to the sink in blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from streamdicom._encoded import ENCODED, UNCHANGED
from streamdicom._typing import Any, ClassVar
from streamdicom.dicom import VRS, Form, json_value
from streamdicom.errors import OutputError
from streamdicom.events import Event, EventType
from streamdicom.formats.text_writer import TextWriter, WriterState
from streamdicom.formats.writer import BLOCK_SIZE, MIN_BLOCK_SIZE, Moves
from streamdicom.formats.xml.element_markup import (
    END,
    element_markup,
    escape,
    quoted,
    reference,
    start_tag,
    values_markup,
)
from streamdicom.formats.xml.private_blocks import is_creator
from streamdicom.formats.xml.xml_text import (
    Blocks,
    blocks_of,
    most_sequences,
    private_start_tag,
    reserve,
    with_state,
    xml_text_of_engine,
)
from streamdicom.options import WriteOptions, options_or_default

_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>'
# PS3.19 A.1.5: xml:space shall be included.
_ROOT = '<NativeDicomModel xmlns="http://dicom.nema.org/PS3.19/models/NativeDICOM" xml:space="preserve">'
_END_ROOT = "</NativeDicomModel>"

_EMPTY_BATCH_SIZE = 1024  # empty values that are written at once


class XmlWriter(TextWriter):
    r"""Write the data sets of a stream of events as XML documents in UTF-8.

    Each document has an XML declaration and begins on a line of its own. Without any data set the output is empty.

    - A private element has its ``privateCreator`` and a tag without its block, beside the elements that reserve the
      blocks. It keeps its tag as it is if its block is not reserved, or if its creator has several blocks.
    - The last component of a person name includes all components after the fifth.
    - Words of binary values are in little endian.
    - Encapsulated pixel data is one InlineBinary: the Items of the Value Field, without the Sequence Delimitation Item.
    - A JSON_ELEMENT becomes the element that a parser keeps as the same JSON_ELEMENT; without any, it becomes UN, as in
      a DICOM file.
    - A character that XML 1.0 cannot represent is an error, unless ``WriteOptions.on_error`` skips the element or keeps
      it as UN in UTF-8. So is any other value that does not fit its VR, which is kept as text (UT).
    - Group lengths are left out, and group 0002 unless the options include it.

    An element in parts must have its VR at its start. Errors are ``OutputError``: an event out of order, a tag that is
    not above the previous one, a value that does not fit its VR, or a character that XML cannot represent.

    Args:
        sink: Called with blocks of about 64 KiB.
        indent: Spaces, or a string, for each level; None for no white space.
        options: Which elements are written, and how deep sequences may nest.
        array: Accept any number of data sets; otherwise exactly one.

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
        markup = element_markup(options)
        super().__init__(
            markup.rules, max_sequences=most_sequences(options.limits), is_stream=array, on_error=options.on_error
        )
        self._sink = sink
        self._indent = indent if indent is None or isinstance(indent, str) else " " * indent
        self._empty_count = 0  # empty values at the start of the element in parts that are not written yet
        self._level_before = 0  # the element in parts
        self._level = 0  # of the open XML elements, for the indent
        self._markup = markup
        self._xml_text = xml_text_of_engine(markup)
        self._blocks: Blocks = [None]

    def _write_all(self, events: Iterable[Event]) -> None:
        iterator, markup = iter(events), self._markup
        self._event = 0, 0, "", None
        if self._indent is not None:
            for event in iterator:
                self._event = event
                self._move(*event)
            return
        while True:
            other, self._state, self._last, self._size = self._xml_text(
                iterator,
                int(self._state),
                self._last,
                self._size,
                markup.cache,
                markup.starts,
                self._sequences,
                self._max_sequences,
                BLOCK_SIZE,
                self._texts,
                self._blocks,
            )
            is_full = self._size >= BLOCK_SIZE
            if is_full:
                self._flush()
            if other is not None:
                self._event = other
                self._move(*other)
            elif not is_full:
                return

    def _flush(self) -> None:
        self._sink(self._drain().encode())

    def _finish(self) -> None:
        self.flush()

    def _put_tags(self, markup: str) -> None:
        """Write markup that starts and ends with a tag."""
        self._put(markup if self._indent is None else self._indented(markup))

    def _indented(self, markup: str) -> str:
        """Put each tag on a line of its own, except for an end tag after text."""
        lines = []
        for line in markup.replace("><", ">\0<").split("\0"):  # a character that XML text cannot contain
            is_end = line.startswith("</")
            self._level -= is_end
            lines.append(f"\n{self._indent * self._level if self._indent else ''}{line}")
            self._level += not (is_end or line.endswith("/>") or "</" in line)
        return "".join(lines)

    # --- data sets and elements --------------------------------------------------------------------------------

    def _open_dataset(self) -> None:
        self._put(f"{_DECLARATION}\n{_ROOT}")
        self._level = 1
        self._blocks[:] = [None]

    def _close_dataset(self) -> None:
        self._put_tags(_END_ROOT)
        self._put("\n")

    def _start_tag(self, tag: int, vr: str) -> str:
        """Return the start tag of an element, with the creator of a private one."""
        return private_start_tag(self._blocks, tag, vr) if tag & 0x10000 else start_tag(tag, vr)

    def _open_element(self, tag: int, vr: str) -> None:
        if not vr:
            raise OutputError("expected the VR at the start of an element in parts, because XML has it there")
        self._level_before = self._level
        self._put_tags(self._start_tag(tag, vr))

    def _element(self, tag: int, vr: str, value: Any) -> None:
        self._check_values(value)
        content = self._markup.content(tag, vr)
        if not self._is_written(tag):
            return
        try:
            text = content(value) if value else ""
        except OutputError as error:
            self._replace(tag, vr, value, error)
            return
        self._last = tag
        if tag & 0x10000:
            start = self._start_tag(tag, vr)
            if is_creator(tag):
                reserve(self._blocks, tag, value)
        else:
            start = self._markup.compile(tag, vr)[1]
        self._put_tags(start + text + END)

    def _json_element(self, tag: int, vr: str, value: Any) -> None:
        """Write an element that does not fit its VR as it was in XML, or as text."""
        from streamdicom.formats.xml.kept import xml_of  # most streams have no such element

        kept = xml_of(value) if isinstance(value, str) else None
        if kept:
            if self._is_written(tag):
                self._last = tag
                self._put_tags(self._start_tag(tag, quoted(kept[0])[1:-1]) + kept[1] + END)
            return
        try:
            vr, values = json_value(tag, value)
        except TypeError as error:
            raise OutputError("expected JSON text in a JSON_ELEMENT") from error
        self._element(tag, vr, values)

    def _encoded(self, tag: int, vr: str, value: Any) -> None:
        data, last, in_sequence, changed, opened, _, ended_items, _, blocks, *_ = value
        if self._indent is None and len(data) >= MIN_BLOCK_SIZE:  # not copied
            if self._texts:
                self._flush()
            self._sink(data)
        elif data:  # otherwise all elements in it are left out
            self._put_tags(data.decode())
        if changed:
            del self._sequences[-changed:]
        self._sequences += opened
        if ended_items:
            del self._blocks[-ended_items:]
        outer, *inner = blocks
        if outer[0] >= 0:
            blocks_of(self._blocks).state = outer
        self._blocks += [with_state(state) for state in inner]
        if last != UNCHANGED:
            self._last = last
        self._state = WriterState.SEQUENCE if in_sequence else WriterState.DATASET

    def _put_reference(self, uri: str) -> None:
        self._put_tags(reference(uri) + END)

    def _start_sequence(self, tag: int, vr: str, value: Any) -> None:
        super()._start_sequence(tag, vr, value)
        self._markup.learn_sequence(tag)

    # --- items -------------------------------------------------------------------------------------------------

    def _start_item(self, tag: int, vr: str, value: Any) -> None:
        tag, items = self._sequences[-1]
        self._sequences[-1] = tag, items + 1
        self._put_tags(f'<Item number="{items + 1}">')
        self._last = -1
        self._blocks.append(None)
        self._state = WriterState.DATASET

    def _end_item(self, tag: int, vr: str, value: Any) -> None:
        if not self._sequences:
            raise self._unexpected(EventType.END_ITEM)
        self._put_tags("</Item>")
        self._blocks.pop()
        self._state = WriterState.SEQUENCE

    def _end_sequence(self, tag: int, vr: str, value: Any) -> None:
        self._last, _ = self._sequences.pop()
        self._put_tags(END)
        self._state = WriterState.DATASET

    # --- elements in parts -------------------------------------------------------------------------------------

    def _put_values(self, values: tuple[Any, ...]) -> None:
        markup = values_markup(self._vr, values, self._count + 1)
        if self._empty_count == self._count and "</" not in markup:  # only empty values so far
            self._empty_count += len(values)
        elif markup:
            self._put_empty_values()
            self._put_tags(markup)

    def _put_empty_values(self) -> None:
        """Write the empty values from the start of the element."""
        for start in range(0, self._empty_count, _EMPTY_BATCH_SIZE):
            count = min(self._empty_count - start, _EMPTY_BATCH_SIZE)
            self._put_tags(values_markup(self._vr, (None,) * count, start + 1))
        self._empty_count = 0

    def _put_empty(self, is_binary: bool) -> None:
        self._check_form(is_binary)
        if not is_binary:
            self._put_values((None,))

    def _check_form(self, is_binary: bool) -> None:
        if VRS[self._vr].form is not (Form.BINARY if is_binary else Form.TEXT):
            found = "bytes" if is_binary else "text"
            raise OutputError(f"expected a value of VR {self._vr}, found a segment of {found}")

    def _open_value(self, is_binary: bool) -> None:
        self._check_form(is_binary)
        self._put_empty_values()
        self._put_tags("<InlineBinary>" if is_binary else f'<Value number="{self._count + 1}">')

    def _escape(self, text: str) -> str:
        return escape(text)

    def _close_value(self, is_binary: bool) -> None:
        self._level -= 1
        self._put("</InlineBinary>" if is_binary else "</Value>")  # without an indent, which would add to the text

    def _give_up(self) -> None:
        super()._give_up()
        self._empty_count = 0
        self._level = self._level_before

    def _close_element(self, tag: int, vr: str) -> None:
        if self._empty_count > 1:  # an element of zero length has no value (PS3.19 A.1.5)
            self._put_empty_values()
        self._empty_count = 0
        self._put_tags(END)

    _moves: ClassVar[Moves] = {
        **TextWriter._moves,
        WriterState.DATASET: {
            **TextWriter._moves[WriterState.DATASET],
            EventType.ELEMENT: _element,
            EventType.JSON_ELEMENT: _json_element,
            EventType.START_SEQUENCE: _start_sequence,
            EventType.END_ITEM: _end_item,
            ENCODED: _encoded,
        },
        WriterState.SEQUENCE: {
            EventType.START_ITEM: _start_item,
            EventType.END_SEQUENCE: _end_sequence,
            ENCODED: _encoded,
        },
    }
