"""One pass of the writer of DICOM files.

The writer is an automaton. ``WRITER_TRANSITIONS`` has the events that each state accepts, and ``_moves`` the method
that writes each of them. ``part10_bytes`` writes the canonical ones.

Sequences and items get undefined lengths, because theirs are known only at their end. A long binary value goes straight
to the target, where its length is filled in at its end. Other long values wait in a temporary file, because the layout
of their header depends on their length.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, BinaryIO, ClassVar

from streamdicom.deviations import warner
from streamdicom.dicom import (
    FILE_META_GROUP,
    IMPLICIT_VR_LITTLE_ENDIAN,
    MAX_TAG,
    PIXEL_DATA,
    SOP_CLASS_UID,
    SOP_INSTANCE_UID,
    SPECIFIC_CHARACTER_SET,
    UNDEFINED_LENGTH,
    UTF_8_TERM,
    VRS,
    Form,
    FragmentCheck,
    is_encapsulated,
    is_group_length,
    json_value,
)
from streamdicom.errors import OutputError, StreamDicomError
from streamdicom.events import Event, EventType
from streamdicom.formats.element_rules import ROUNDED, are_rounded, check_tag
from streamdicom.formats.encoded import ENCODED
from streamdicom.formats.part10.file_meta import FileMeta, check_transfer_syntax
from streamdicom.formats.part10.headers import ITEM_END, ITEM_START, ITEM_TAG, LENGTH_32, SEQUENCE_END, write_header
from streamdicom.formats.part10.long_values import BinaryValue, SpooledValues
from streamdicom.formats.part10.recode import events_taken_back
from streamdicom.formats.part10.runs import WRITE_TABLES, bytes_of_engine, most_sequences, write_entry
from streamdicom.formats.part10.states import WRITER_TRANSITIONS, OpenItem, WriterState, move_to
from streamdicom.formats.part10.target import overwrite, write_fully
from streamdicom.formats.part10.values import NotEncodableError, encode_field, is_odd_number, padding
from streamdicom.formats.writer import BLOCK_SIZE, ONE_DATASET, Move, Moves, Writer, check_end, order_error, vr_info
from streamdicom.options import WriteOptions

_UTF_8_TERMS = (UTF_8_TERM,)
_NO_EVENT: Event = (0, 0, "", None)
_MAX_LENGTH = UNDEFINED_LENGTH - 1  # of a value field
_HEAD, _DATASET, _SEQUENCE = WriterState.HEAD, WriterState.DATASET, WriterState.SEQUENCE


class SinglePassWriter(Writer):
    """Writes a file from start to end, in one set of character sets.

    ``write_all`` raises a ``NotEncodableError`` if the character sets do not carry a text. The event is not written
    then, and another writer must take over. For other errors see ``Part10Writer``.

    Args:
        target: See ``Part10Writer``.
        temporary: See ``Part10Writer``.
        options: See ``Part10Writer``.
        in_utf_8: True to write text in UTF-8, False for the character sets of the data set.
    """

    def __init__(
        self, target: BinaryIO, temporary: Callable[[], BinaryIO], options: WriteOptions, *, in_utf_8: bool
    ) -> None:
        super().__init__()
        check_transfer_syntax(options.transfer_syntax)
        self._limits = options.limits
        self._on_error = options.on_error
        self._warn = warner()
        self._target = target
        self._temporary = temporary
        self._max_sequences = most_sequences(options.limits)
        self._in_utf_8 = in_utf_8
        self._state = WriterState.START
        self._meta = FileMeta(options.transfer_syntax)
        self._has_meta = False
        self._is_implicit = options.transfer_syntax == IMPLICIT_VR_LITTLE_ENDIAN
        self._is_encapsulated = False
        self._lacks_character_set = in_utf_8
        self._has_extended_text = False  # beyond ASCII, in the character sets of the data set
        self._table = WRITE_TABLES[self._is_implicit]
        self._part10_bytes = bytes_of_engine(implicit=self._is_implicit)
        self._items = [OpenItem(())]  # the data set and the open items
        self._parts: list[bytes] = []
        self._size = 0
        # The current element in parts:
        self._vr = ""
        self._expected_length: int | None = None
        self._length = 0  # of the fragment
        self._binary = BinaryValue(0)
        self._spooled: SpooledValues | None = None

    def _write_all(self, events: Iterable[Event]) -> None:
        remaining = iter(events)
        while True:
            event: Event | None
            if (self._state == _DATASET or self._state == _SEQUENCE) and not self._lacks_character_set:
                self._event = _NO_EVENT
                event, self._size = self._part10_bytes(
                    remaining, self._items, self._parts, self._size, BLOCK_SIZE, self._max_sequences
                )
                self._state = _SEQUENCE if self._items[-1].in_sequence else _DATASET
                is_full = self._size >= BLOCK_SIZE
                if is_full:
                    self._flush()
                if event is None:
                    if is_full:
                        continue
                    return
            else:
                event = next(remaining, _NO_EVENT)
                if event is _NO_EVENT:
                    return
            self._event = event
            self._move(*event)

    @property
    def is_complete(self) -> bool:
        """Whether the data set has ended."""
        return self._state == WriterState.END

    def close(self) -> None:
        """Finish the file; the target stays open."""
        self._raise_error()
        if self._state == WriterState.START:
            raise OutputError("expected one data set, found no data set")
        if self._state != WriterState.END:
            raise OutputError("the data set is not complete", self._location())
        self._guard(self._flush)

    def take_over(self, first: SinglePassWriter, origin: int) -> None:
        """Write the file of a writer that raised a ``NotEncodableError`` again.

        The event that it did not write follows.

        Args:
            first: The writer, with the same target.
            origin: The offset of the file in the target.
        """
        self._guard(first._flush)
        events = events_taken_back(self._target, origin, self._temporary, self._limits, first._index or 0)
        self.write_all(events)
        if first._spooled is not None:
            self._guard(self._take_element_over, first)
        self.write(first._event)

    def _take_element_over(self, first: SinglePassWriter) -> None:
        self._begin(first._event[1])
        self._vr, self._spooled = first._vr, first._spooled
        self._state = WriterState.SPOOLED

    def _fail(self, error: BaseException) -> StreamDicomError:
        if self._spooled is not None and not isinstance(error, NotEncodableError):
            self._spooled.close()
        return super()._fail(error)

    def _expected(self) -> list[str]:
        never = EventType.END_DATASET if len(self._items) > 1 else EventType.END_ITEM
        return [kind.name for kind in WRITER_TRANSITIONS[WriterState(self._state)] if kind is not never]

    def _open_sequences(self) -> Iterable[tuple[int, int]]:
        items = self._items if self._items[-1].in_sequence else self._items[:-1]
        return [(item.tag, item.items) for item in items]

    # --- output ------------------------------------------------------------------------------------------------

    def _put(self, data: bytes) -> None:
        self._parts.append(data)
        self._size += len(data)
        if self._size >= BLOCK_SIZE:
            self._flush()

    def _flush(self) -> None:
        self._put_meta()
        write_fully(self._target, b"".join(self._parts))
        self._parts.clear()
        self._size = 0

    def _put_meta(self) -> None:
        """Put the File Meta Information before all other bytes, once."""
        if not self._has_meta:
            self._has_meta = True
            self._is_encapsulated = is_encapsulated(self._meta.transfer_syntax)
            self._parts.insert(0, self._meta.encode())

    def _header(self, tag: int, vr: str, length: int) -> bytes:
        return write_header(tag, vr, length, implicit=self._is_implicit)

    def _encode(self, vr: str, values: tuple[Any, ...]) -> bytes:
        try:
            data = encode_field(vr, values, self._items[-1].terms, in_utf_8=self._is_utf_8)
        except NotEncodableError:
            raise self._not_encodable() from None
        if VRS[vr].character_set and not data.isascii():
            self._has_extended_text = True
        return data

    @property
    def _is_utf_8(self) -> bool:
        """Whether text is in UTF-8 from here on."""
        return self._in_utf_8 and self._items[-1].terms == _UTF_8_TERMS

    def _not_encodable(self) -> Exception:
        if self._in_utf_8:
            return OutputError("expected ASCII in elements before Specific Character Set, found other characters")
        # In implicit VR no reader could find out which private elements are text, and encode them again.
        return _charset_error() if self._is_implicit and self._has_extended_text else NotEncodableError()

    # --- the data set ------------------------------------------------------------------------------------------

    def _start_dataset(self, tag: int, vr: str, value: Any) -> None:
        self._index = value
        self._state = _HEAD

    def _second_dataset(self, tag: int, vr: str, value: Any) -> None:
        self._index = value
        raise OutputError(ONE_DATASET)

    def _end_dataset(self, tag: int, vr: str, value: Any) -> None:
        if len(self._items) > 1:
            raise self._unexpected(EventType.END_DATASET)
        self._settle_character_set(MAX_TAG + 1)
        self._put_meta()
        self._state = WriterState.END

    # --- elements ----------------------------------------------------------------------------------------------

    def _begin(self, tag: int) -> None:
        """Check that an element may start, and write the parts that precede it."""
        item = self._items[-1]
        check_tag(tag)
        if tag <= item.last:
            raise order_error(tag, item.last)
        if tag >> 16 == FILE_META_GROUP and len(self._items) == 1:
            raise OutputError(
                "expected the File Meta Information before all other elements, and without sequences and long values"
            )
        if self._state == _HEAD and tag > SOP_INSTANCE_UID:
            self._put_meta()
            self._state = _DATASET
        self._settle_character_set(tag)
        item.last = tag

    def _head_element(self, tag: int, vr: str, value: Any) -> None:
        if tag >> 16 == FILE_META_GROUP and not self._has_meta:
            vr_info(vr)
            self._meta.add(tag, vr, value)
            return
        if tag == SOP_CLASS_UID:
            self._meta.sop_class_uid = value
        elif tag == SOP_INSTANCE_UID:
            self._meta.sop_instance_uid = value
        self._element(tag, vr, value)

    def _element(self, tag: int, vr: str, value: Any) -> None:
        if is_group_length(tag):  # PS3.5 7.2: retired
            return
        vr_info(vr)
        self._begin(tag)
        if tag == SPECIFIC_CHARACTER_SET:
            self._put_character_set(value)
            return
        try:
            is_odd = vr == "UN" and is_odd_number(tag, value, self._parts, implicit=self._is_implicit)
            data = value[0] if is_odd else self._encode(vr, value)
        except OutputError as error:
            self._replace(tag, value, error)
            return
        if tag == PIXEL_DATA and data and VRS[vr].form is Form.BINARY:
            self._put_pixel_data(vr, value[0], data)
            return
        self._put(self._header(tag, vr, len(data)) + data)
        if vr == "FL" and are_rounded(value):
            self._warn("inexact-number", f"{ROUNDED} ({self._location(tag)})")
        if self._state == _DATASET and tag != PIXEL_DATA:
            self._table.elements.remember(tag, write_entry(tag, vr, implicit=self._is_implicit))

    def _replace(self, tag: int, values: tuple[Any, ...], error: OutputError) -> None:
        """Leave out an element whose values do not fit its VR, or write them as text."""
        if self._on_error == "raise" or (self._on_error == "keep" and self._is_implicit):
            raise error
        if self._on_error == "keep":
            data = self._encode("UT", ("\\".join(["" if value is None else str(value) for value in values]),))
            self._put(self._header(tag, "UT", len(data)) + data)
        self._warn("wrong-value", f"{error.message} ({self._location(tag)})")

    def _put_pixel_data(self, vr: str, value: bytes, padded: bytes) -> None:
        check = FragmentCheck()
        check.feed(value)
        if self._is_in_fragments(check):
            self._put(self._header(PIXEL_DATA, vr, UNDEFINED_LENGTH) + value + SEQUENCE_END)
        else:
            self._put(self._header(PIXEL_DATA, vr, len(padded)) + padded)

    def _is_in_fragments(self, check: FragmentCheck) -> bool:
        """Return True if pixel data in one value is encapsulated (PS3.5 A.4)."""
        self._put_meta()
        if self._is_encapsulated and not check.is_complete and len(self._items) == 1:
            raise OutputError("expected encapsulated pixel data by the transfer syntax, found native pixel data")
        if check.is_complete and not self._is_encapsulated:
            raise _encapsulated_error()
        return check.is_complete

    def _settle_character_set(self, tag: int) -> None:
        """Put Specific Character Set before an element, if UTF-8 needs it.

        An item inherits it from the data set, unless its sequence stands before it there.
        """
        if self._in_utf_8 and tag > SPECIFIC_CHARACTER_SET and not self._is_utf_8:
            if self._items[-1].last == SPECIFIC_CHARACTER_SET:
                raise OutputError("expected Specific Character Set of VR CS and in one event, found another form")
            self._put_character_set(())

    def _put_character_set(self, terms: tuple[Any, ...]) -> None:
        """Put Specific Character Set (PS3.3 C.12.1.1.2)."""
        if len(self._items) == 1:
            self._lacks_character_set = False
        self._items[-1].terms = terms = _UTF_8_TERMS if self._in_utf_8 else terms
        data = self._encode("CS", terms)
        self._put(self._header(SPECIFIC_CHARACTER_SET, "CS", len(data)) + data)

    def _run(self, tag: int, vr: str, value: Any) -> None:
        self._put(value[0])
        move_to(self._items, value)
        self._state = _SEQUENCE if self._items[-1].in_sequence else _DATASET

    def _bulk_data(self, tag: int, vr: str, value: Any) -> None:
        raise OutputError("expected a value, found a reference to bulk data; set ReadOptions(bulk_data_store=...)")

    def _json_element(self, tag: int, vr: str, value: Any) -> None:
        """Write an element in a form that its VR does not have, as text or bytes."""
        try:
            vr, values = json_value(tag, value)
        except TypeError as error:
            raise OutputError("expected JSON text, found another value") from error
        if self._state == _HEAD and tag >> 16 == FILE_META_GROUP and not self._has_meta:
            self._meta.add(tag, vr, values)
        elif self._is_implicit and values:  # the reader would decode it with the VR of the dictionary
            raise OutputError("expected a value of its VR, found an element that is kept as it was in JSON or XML")
        else:
            self._element(tag, vr, values)

    # --- sequences ---------------------------------------------------------------------------------------------

    def _start_sequence(self, tag: int, vr: str, value: Any) -> None:
        if len(self._items) > self._max_sequences:
            raise OutputError(f"more than {self._max_sequences} nested sequences; Limits.depth sets the bound")
        self._begin(tag)
        header = self._header(tag, "SQ", UNDEFINED_LENGTH)
        self._put(self._table.sequences.remember(tag, header))
        item = self._items[-1]
        item.tag, item.items, item.in_sequence = tag, 0, True
        self._state = _SEQUENCE

    def _start_item(self, tag: int, vr: str, value: Any) -> None:
        item = self._items[-1]
        self._put(ITEM_START)
        item.items += 1
        item.in_sequence = False
        self._items.append(OpenItem(item.terms))
        self._state = _DATASET

    def _end_item(self, tag: int, vr: str, value: Any) -> None:
        if len(self._items) == 1:
            raise self._unexpected(EventType.END_ITEM)
        self._put(ITEM_END)
        self._items.pop()
        self._items[-1].in_sequence = True
        self._state = _SEQUENCE

    def _end_sequence(self, tag: int, vr: str, value: Any) -> None:
        self._put(SEQUENCE_END)
        self._items[-1].in_sequence = False
        self._end_structure()

    def _end_structure(self) -> None:
        is_in_head = len(self._items) == 1 and self._items[-1].last <= SOP_INSTANCE_UID
        self._state = _HEAD if is_in_head else _DATASET

    # --- elements in parts -------------------------------------------------------------------------------------

    def _start_element(self, tag: int, vr: str, value: Any) -> None:
        if vr:
            vr_info(vr)
        self._begin(tag)
        self._vr = vr
        self._expected_length = value
        self._state = WriterState.ELEMENT

    def _end_empty_element(self, tag: int, vr: str, value: Any) -> None:
        vr_info(vr)
        check_end(self._vr, vr)
        self._put(self._header(tag, vr, 0))
        self._end_structure()

    def _first_segment(self, tag: int, vr: str, value: Any) -> None:
        self._start_value(tag, value)
        self._move(EventType.SEGMENT, tag, vr, value)

    def _only_segment(self, tag: int, vr: str, value: Any) -> None:
        self._start_value(tag, value)
        self._move(EventType.LAST_SEGMENT, tag, vr, value)

    def _start_value(self, tag: int, value: Any) -> None:
        if isinstance(value, str):
            self._start_spooling()
            return
        if not isinstance(value, bytes):
            raise OutputError(f"expected a segment of str or bytes, found {type(value).__name__}")
        if self._vr and VRS[self._vr].form is not Form.BINARY:
            raise OutputError(f"expected text or numbers for VR {self._vr}, found bytes")
        self._put(self._header(tag, self._vr or "UN", 0))
        self._flush()
        self._binary = BinaryValue(self._target.tell() - LENGTH_32.size)
        self._state = WriterState.BINARY

    # --- binary values

    def _binary_segment(self, tag: int, vr: str, value: Any) -> None:
        data = self._binary.add(value)
        if tag == PIXEL_DATA:
            self._binary.fragments.feed(data)
        self._put(data)

    def _last_binary_segment(self, tag: int, vr: str, value: Any) -> None:
        self._binary_segment(tag, vr, value)
        self._binary.is_complete = True

    def _end_binary(self, tag: int, vr: str, value: Any) -> None:
        binary, expected = self._binary, self._expected_length
        if vr not in VRS or VRS[vr].form is not Form.BINARY:
            raise OutputError("expected a binary VR for a binary value, found another one")
        check_end(self._vr, vr)
        if not binary.is_complete:
            raise OutputError("expected LAST_SEGMENT before END_ELEMENT, found none")
        if expected not in (None, binary.length):
            raise OutputError(f"expected a value of {expected} bytes, found {binary.length}")
        length = binary.length
        if tag == PIXEL_DATA and length and self._is_in_fragments(binary.fragments):
            length = UNDEFINED_LENGTH
            self._put(SEQUENCE_END)
        elif length & 1:
            length += 1
            self._put(b"\0")
        if length > UNDEFINED_LENGTH:
            raise _length_error()
        self._flush()
        overwrite(self._target, binary.length_offset, LENGTH_32.pack(length))
        if not self._vr and not self._is_implicit:
            overwrite(self._target, binary.length_offset - 4, vr.encode())
        self._end_structure()

    # --- numbers and text

    def _first_values(self, tag: int, vr: str, value: Any) -> None:
        self._start_spooling()
        self._values(tag, vr, value)

    def _start_spooling(self) -> None:
        self._spooled = SpooledValues(self._vr, self._temporary())
        self._state = WriterState.SPOOLED

    def _values(self, tag: int, vr: str, value: Any) -> None:
        assert self._spooled
        self._spooled.add_values(value)

    def _text_segment(self, tag: int, vr: str, value: Any) -> None:
        assert self._spooled
        self._spooled.add_segment(value, final=False)

    def _last_text_segment(self, tag: int, vr: str, value: Any) -> None:
        assert self._spooled
        self._spooled.add_segment(value, final=True)

    def _end_spooled(self, tag: int, vr: str, value: Any) -> None:
        spooled, terms = self._spooled, self._items[-1].terms
        assert spooled
        spooled.check(vr)
        try:
            length = spooled.encoded_length(vr, terms, in_utf_8=self._is_utf_8)
        except NotEncodableError:  # the second pass takes the temporary file over
            raise self._not_encodable() from None
        if length >= _MAX_LENGTH:
            raise _length_error()
        self._put(self._header(tag, vr, length + (length & 1)))
        self._has_extended_text = self._has_extended_text or not spooled.is_plain(vr)
        for piece in spooled.encoded(vr, terms, in_utf_8=self._is_utf_8):
            self._put(piece)
        if length & 1:
            self._put(padding(vr))
        spooled.close()
        if spooled.is_rounded:
            self._warn("inexact-number", f"{ROUNDED} ({self._location(tag)})")
        self._spooled = None
        self._end_structure()

    # --- encapsulated pixel data (PS3.5 A.4) -------------------------------------------------------------------

    def _start_fragments(self, tag: int, vr: str, value: Any) -> None:
        if vr not in ("OB", "OW"):
            raise OutputError("expected VR OB or OW for fragments, found another one")
        self._begin(tag)
        self._put_meta()
        if not self._is_encapsulated:
            raise _encapsulated_error()
        self._put(self._header(tag, vr, UNDEFINED_LENGTH))
        self._state = WriterState.FRAGMENTS

    def _start_fragment(self, tag: int, vr: str, value: Any) -> None:
        if not isinstance(value, int) or not 0 <= value <= _MAX_LENGTH:
            raise OutputError(f"expected START_FRAGMENT with a length of 0 to {_MAX_LENGTH} bytes, found another value")
        self._put(ITEM_TAG + LENGTH_32.pack(value + (value & 1)))
        self._expected_length = value
        self._length = 0
        self._state = WriterState.FRAGMENT

    def _fragment_segment(self, tag: int, vr: str, value: Any) -> None:
        if not isinstance(value, bytes):
            raise OutputError(f"expected a segment of bytes, found {type(value).__name__}")
        self._length += len(value)
        self._put(value)

    def _last_fragment_segment(self, tag: int, vr: str, value: Any) -> None:
        self._fragment_segment(tag, vr, value)
        if self._length != self._expected_length:
            raise OutputError(f"expected a fragment of {self._expected_length} bytes, found {self._length}")
        if self._length & 1:
            self._put(b"\0")
        self._state = WriterState.FRAGMENTS

    def _end_fragments(self, tag: int, vr: str, value: Any) -> None:
        self._put(SEQUENCE_END)
        self._end_structure()

    _dataset_moves: ClassVar[dict[int, Move]] = {
        EventType.ELEMENT: _element,
        EventType.BULK_DATA: _bulk_data,
        EventType.JSON_ELEMENT: _json_element,
        EventType.START_ELEMENT: _start_element,
        EventType.START_SEQUENCE: _start_sequence,
        EventType.START_FRAGMENTS: _start_fragments,
        EventType.END_DATASET: _end_dataset,
    }
    _moves: ClassVar[Moves] = {
        WriterState.START: {EventType.START_DATASET: _start_dataset},
        WriterState.HEAD: {**_dataset_moves, EventType.ELEMENT: _head_element},
        WriterState.DATASET: {**_dataset_moves, EventType.END_ITEM: _end_item, ENCODED: _run},
        WriterState.SEQUENCE: {EventType.START_ITEM: _start_item, EventType.END_SEQUENCE: _end_sequence, ENCODED: _run},
        WriterState.ELEMENT: {
            EventType.VALUES: _first_values,
            EventType.SEGMENT: _first_segment,
            EventType.LAST_SEGMENT: _only_segment,
            EventType.END_ELEMENT: _end_empty_element,
        },
        WriterState.BINARY: {
            EventType.SEGMENT: _binary_segment,
            EventType.LAST_SEGMENT: _last_binary_segment,
            EventType.END_ELEMENT: _end_binary,
        },
        WriterState.SPOOLED: {
            EventType.VALUES: _values,
            EventType.SEGMENT: _text_segment,
            EventType.LAST_SEGMENT: _last_text_segment,
            EventType.END_ELEMENT: _end_spooled,
        },
        WriterState.FRAGMENTS: {
            EventType.START_FRAGMENT: _start_fragment,
            EventType.END_FRAGMENTS: _end_fragments,
        },
        WriterState.FRAGMENT: {
            EventType.SEGMENT: _fragment_segment,
            EventType.LAST_SEGMENT: _last_fragment_segment,
        },
        WriterState.END: {EventType.START_DATASET: _second_dataset},
    }


def _charset_error() -> OutputError:
    return OutputError(
        "expected text that Specific Character Set carries, found other characters; "
        "in implicit VR the file cannot be written in UTF-8 instead"
    )


def _encapsulated_error() -> OutputError:
    return OutputError(
        "expected native pixel data by the transfer syntax, found encapsulated pixel data; "
        "WriteOptions.transfer_syntax sets its transfer syntax"
    )


def _length_error() -> OutputError:
    return OutputError("expected a value of less than 4 GiB, found a longer one, which a file cannot hold")
