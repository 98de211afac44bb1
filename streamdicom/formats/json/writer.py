"""DICOM events to JSON, in the canonical form of PS3.18 Annex F.

An element becomes its JSON text in one step, with the loops in C. The texts go to the ``JsonEmitter`` in blocks, as
segments of one value.
"""

from __future__ import annotations

from collections.abc import Iterable

from streamdicom._encoded import ENCODED, UNCHANGED
from streamdicom._typing import Any, ClassVar
from streamdicom.dicom import Form
from streamdicom.errors import InputError, LimitError, OutputError
from streamdicom.events import Event, EventType
from streamdicom.formats.json.element_text import element_text_of, string
from streamdicom.formats.json.json_text import json_text_of_engine, most_levels, most_sequences
from streamdicom.formats.text_writer import TextWriter, WriterState
from streamdicom.formats.writer import BLOCK_SIZE, MIN_BLOCK_SIZE, Moves, value_error, vr_info
from streamdicom.jsontext import ONE_LINE, JsonEmitter
from streamdicom.limits import Limits
from streamdicom.options import WriteOptions, options_or_default

_MAX_NULLS = 8 * 1024  # written at once
_UNKNOWN_VR = "UT"  # text, which a backslash may separate or not
_LATE_FORMS = (Form.TEXT, Form.DECIMAL)  # of VRs that may follow text


class JsonWriter(TextWriter):
    """Writes data sets as a JSON array, as NDJSON, or one data set as an object.

    Keys ascend and empty attributes have no ``Value``. Group lengths are not written, and group 0002 only on request.
    Encapsulated pixel data is one InlineBinary: the items of the value field, without the delimiter.

    An event out of order, a tag that does not ascend, and a value of a wrong type raise an ``OutputError``.

    Args:
        json: The emitter, which decides about indent and escapes; the caller closes it. NDJSON needs an emitter for
            several documents.
        options: Options for writing.
        array: Whether to write any number of data sets, or one.
        lines: Whether to write a document for each data set, and not an array.

    >>> blocks = []
    >>> json = JsonEmitter(blocks.append)
    >>> writer = JsonWriter(json, array=False)
    >>> writer.write((EventType.START_DATASET, 0, "", 0))
    >>> writer.write((EventType.ELEMENT, 0x00100020, "LO", ("17",)))
    >>> writer.write((EventType.END_DATASET, 0, "", None))
    >>> writer.close()
    >>> json.close()
    >>> blocks
    [b'{"00100020":{"vr":"LO","Value":["17"]}}']
    """

    _reference = "BulkDataURI"

    def __init__(
        self, json: JsonEmitter, *, options: WriteOptions | None = None, array: bool = True, lines: bool = False
    ) -> None:
        options = options_or_default(options, WriteOptions)
        is_stream, array = array, array and not lines
        style = element_text_of(options)
        self._most_levels = most_levels(options, array=array)
        super().__init__(
            style.rules, max_sequences=most_sequences(self._most_levels), is_stream=is_stream, on_error=options.on_error
        )
        self._json = json
        self._style = style
        self._json_text = json_text_of_engine(style)
        self._array = array
        # WriterState of the element in parts:
        self._has_text = False  # whether it has a text segment
        self._has_content = False  # whether the member with its values has begun
        self._held = 0  # the number of empty values before it
        if array:
            self._put("[")

    def _write_all(self, events: Iterable[Event]) -> None:
        iterator, text = iter(events), self._style
        self._event = 0, 0, "", None
        while True:
            event, self._state, self._last, self._size = self._json_text(
                iterator,
                int(self._state),
                self._last,
                self._size,
                text.cache,
                text.starts,
                self._sequences,
                self._max_sequences,
                BLOCK_SIZE,
                self._texts,
            )
            is_full = self._size >= BLOCK_SIZE
            if is_full:
                self._flush()
            if event is not None:
                self._event = event
                self._move(*event)
            elif not is_full:
                return

    def _flush(self) -> None:
        self._json.raw_segment(self._drain())

    def _end_document(self) -> None:
        self._json.raw_segment(self._drain(), final=True)

    def _finish(self) -> None:
        if self._array:
            self._put("]")
            self._end_document()

    # --- data sets and elements --------------------------------------------------------------------------------

    def _open_dataset(self) -> None:
        self._put(",{" if self._index and self._array else "{")

    def _close_dataset(self) -> None:
        self._put("}")
        if not self._array:
            self._end_document()

    def _put_start(self, start: str) -> None:
        self._put(start if self._last >= 0 else start[1:])  # without its comma

    def _open_element(self, tag: int, vr: str) -> None:
        self._put_start(self._style.start(tag, vr))

    def _element(self, tag: int, vr: str, value: Any) -> None:
        """Write an element that ``json_text`` left: a new tag or VR, or a wrong value."""
        self._check_values(value)
        self._is_written(tag)
        _, start, attribute = self._style.compile(tag, vr)
        if start:
            try:
                text = attribute(start, value) if value else start + "}"
            except OutputError as error:
                self._replace(tag, vr, value, error)
                return
            self._put_start(text)
            self._last = tag

    def _start_sequence(self, tag: int, vr: str, value: Any) -> None:
        super()._start_sequence(tag, vr, value)
        self._style.learn_sequence(tag)

    def _json_element(self, tag: int, vr: str, value: Any) -> None:
        if not isinstance(value, str):
            raise OutputError("expected str for JSON text")
        _check_json(value, self._most_levels - 3 * len(self._sequences))
        if self._is_written(tag):
            self._put_start(f',"{self._style.key(tag)}":{value.translate(ONE_LINE)}')
            self._last = tag

    def _encoded(self, tag: int, vr: str, value: Any) -> None:
        data, last, in_sequence, changed, opened, *_ = value
        if self._last < 0 and self._state == WriterState.DATASET and data.startswith(b","):
            data = data[1:]
        if len(data) < MIN_BLOCK_SIZE:
            self._put(data.decode())
        else:
            self._json.raw_segment(self._drain())
            self._json.raw_bytes(data)
        if changed:
            del self._sequences[-changed:]
        self._sequences += opened
        if last != UNCHANGED:
            self._last = last
        self._state = WriterState.SEQUENCE if in_sequence else WriterState.DATASET

    def _put_reference(self, uri: str) -> None:
        self._put(f',"BulkDataURI":{string(uri)}}}')

    # --- elements in parts -------------------------------------------------------------------------------------

    def _comma(self) -> str:
        """Return the comma before the member with the values, or before a late VR."""
        return "," if self._vr or self._has_content else ""

    def _put_before_value(self) -> None:
        """Write the separator before the next value, after pending empty values."""
        if self._has_content:
            self._put(",")
            return
        self._put(f'{self._comma()}"Value":[')
        self._has_content = True
        while self._held:
            count = min(self._held, _MAX_NULLS)
            self._put("null," * count)
            self._held -= count

    def _put_values(self, values: tuple[Any, ...]) -> None:
        encode = self._style.encoders.get(self._vr or _UNKNOWN_VR)
        if encode is None:
            raise OutputError(f"expected 'InlineBinary' for VR {self._vr}, found values")
        try:
            if not self._vr:
                self._has_backslash = self._has_backslash or any("\\" in value for value in values if value)
            texts = list(map(encode, values))
        except (TypeError, ValueError, AttributeError, OverflowError) as error:
            raise value_error(error) from None
        if not self._has_content and texts.count("null") == len(texts):
            self._held += len(texts)
        elif texts:
            self._put_before_value()
            self._put(",".join(texts))

    def _put_empty(self, is_binary: bool) -> None:
        self._has_text = self._has_text or not is_binary
        if not is_binary:
            self._put_values(("",))

    def _open_value(self, is_binary: bool) -> None:
        self._has_text = self._has_text or not is_binary
        if is_binary:
            self._put(f'{self._comma()}"InlineBinary":"')
            self._has_content = True
        else:
            self._put_before_value()
            self._put('"')

    def _escape(self, text: str) -> str:
        return string(text)[1:-1]

    def _close_value(self, is_binary: bool) -> None:
        self._put('"')

    def _give_up(self) -> None:
        super()._give_up()
        self._has_text = self._has_content = False
        self._held = 0

    def _close_element(self, tag: int, vr: str) -> None:
        form, member = vr_info(vr).form, "InlineBinary" if self._is_binary else "Value"
        if self._count and (form is Form.BINARY) is not self._is_binary:
            raise OutputError(f"'{member}' for VR {vr}")
        if self._has_text and form is not Form.TEXT:
            raise OutputError(f"a text segment for VR {vr}")
        if self._has_content and not self._vr and form not in _LATE_FORMS and not self._is_binary:
            raise OutputError(f"expected numbers or names for VR {vr}, found text before the VR")
        if self._held > 1:  # PS3.18 F.2.5: an empty attribute has no Value, an empty value among several is null
            self._held -= 1
            self._put_before_value()
            self._put("null")
        end = "]" if self._has_content and not self._is_binary else ""
        if not self._vr:
            end += self._comma() + self._style.vr(tag, vr)
        self._put(end + "}")
        self._has_text = self._has_content = False
        self._held = 0

    _moves: ClassVar[Moves] = {
        **TextWriter._moves,
        WriterState.DATASET: {
            **TextWriter._moves[WriterState.DATASET],
            EventType.ELEMENT: _element,
            EventType.JSON_ELEMENT: _json_element,
            EventType.START_SEQUENCE: _start_sequence,
            ENCODED: _encoded,
        },
        WriterState.SEQUENCE: {ENCODED: _encoded},  # ``json_text`` has the others
    }


def _check_json(text: str, depth: int) -> None:
    """Check that a text is one JSON value of at most a depth.

    Raises:
        OutputError: The text is not.
    """
    from streamdicom.jsontext import JsonTokenizer  # imported late: most writers need none

    length = max(12, 4 * len(text))
    reader = JsonTokenizer(Limits(depth=max(1, depth), segment_size=length, number_length=length))
    try:
        reader.feed(text.encode())
        reader.close()
    except LimitError:
        raise OutputError("objects and arrays are nested too deeply; Limits.depth sets the bound") from None
    except (InputError, UnicodeEncodeError):
        raise OutputError("expected one JSON value") from None
