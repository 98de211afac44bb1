"""One pass of the writer of DICOM files.

The writer is an automaton. ``WRITER_TRANSITIONS`` has the events that each state accepts, and ``_moves`` the method
that writes each of them. ``part10_bytes`` writes the canonical ones.

Sequences and items get undefined lengths, because theirs are known only at their end. A long binary value goes straight
to the target, where its length is filled in at its end. Other long values wait in a temporary file, because the layout
of their header depends on their length.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from streamdicom._encoded import ENCODED
from streamdicom._typing import Any, BinaryIO, ClassVar
from streamdicom.dicom import (
    DECODERS,
    FILE_META_GROUP,
    MAX_TAG,
    PIXEL_DATA,
    SOP_CLASS_UID,
    SOP_INSTANCE_UID,
    SPECIFIC_CHARACTER_SET,
    UNDEFINED_LENGTH,
    VRS,
    Form,
    is_group_length,
    json_value,
)
from streamdicom.errors import OutputError, StreamDicomError
from streamdicom.events import CLOSING, OPENING, Event, EventType
from streamdicom.formats.element_rules import ROUNDED, are_rounded
from streamdicom.formats.kept_text import KeptValues
from streamdicom.formats.part10.binary_output import BinaryOutput
from streamdicom.formats.part10.context import affects_context, is_read_alone
from streamdicom.formats.part10.element_output import MAX_LENGTH, NOT_ITEMS, length_error, native_error, read_vr_error
from streamdicom.formats.part10.headers import ITEM_END, ITEM_START, SEQUENCE_END
from streamdicom.formats.part10.long_values import SpooledValues
from streamdicom.formats.part10.runs import MAX_WHOLE_VALUE, write_entry
from streamdicom.formats.part10.states import WITHIN_DATASET, WRITER_TRANSITIONS, OpenItem, WriterState, move_to
from streamdicom.formats.part10.values import (
    NotEncodableError,
    has_odd_length,
    is_read_alike,
)
from streamdicom.formats.writer import BLOCK_SIZE, ONE_DATASET, Move, Moves, check_end, vr_info
from streamdicom.options import WriteOptions

_NO_EVENT: Event = (0, 0, "", None)
_HEAD, _DATASET, _SEQUENCE = WriterState.HEAD, WriterState.DATASET, WriterState.SEQUENCE


class SinglePassWriter(BinaryOutput):
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
        super().__init__(target, temporary, options, in_utf_8=in_utf_8)
        # The current element in parts:
        self._spooled: SpooledValues | None = None
        self._kept_values: KeptValues | None = None
        self._depth = 0  # of the open structures that are left out

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
        from streamdicom.formats.part10.recode import events_taken_back  # which needs the parser

        self._guard(first._flush)
        self.write_all(events_taken_back(self._target, origin, self._temporary, self._limits, first._index or 0))
        if first._spooled is not None or first._kept_values is not None:
            self._guard(self._take_element_over, first)
        self.write(first._event)

    def _take_element_over(self, first: SinglePassWriter) -> None:
        self._begin(first._event[1])
        self._vr, self._spooled, self._kept_values = first._vr, first._spooled, first._kept_values
        self._state = WriterState.REPLACED if self._spooled is None else WriterState.SPOOLED

    def _fail(self, error: BaseException) -> StreamDicomError:
        if not isinstance(error, NotEncodableError):
            self._close_temporary()
        return super()._fail(error)

    def _close_temporary(self) -> None:
        for file in (self._spooled, self._kept_values):
            if file is not None:
                file.close()
        self._spooled = self._kept_values = None

    def _expected(self) -> list[str]:
        never = EventType.END_DATASET if len(self._items) > 1 else EventType.END_ITEM
        return [kind.name for kind in WRITER_TRANSITIONS[WriterState(self._state)] if kind is not never]

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

    def _head_element(self, tag: int, vr: str, value: Any) -> None:
        if tag >> 16 == FILE_META_GROUP and not self._has_meta:
            vr_info(vr)
            self._check_values(value)
            self._add_file_meta(tag, vr, value)
            return
        self._element(tag, vr, value)
        if tag in (SOP_CLASS_UID, SOP_INSTANCE_UID):
            self._meta.repeat(tag, value)

    def _element(self, tag: int, vr: str, value: Any) -> None:
        if is_group_length(tag):  # PS3.5 7.2: retired
            return
        vr_info(vr)
        self._check_values(value)
        self._begin(tag)
        try:
            if tag == SPECIFIC_CHARACTER_SET:
                self._put_character_set(value)
                return
            is_raw = vr == "UN" and has_odd_length(value) and self._is_number(tag)
            data = value[0] if is_raw else self._encode(vr, value)
            if self._is_implicit and data:
                self._check_read_vr(tag, vr, value, data)
            error = self._refused_error(tag, vr)
            if error is not None:
                raise error
        except OutputError as error:
            self._replace(tag, value, error)
            return
        if tag == PIXEL_DATA:
            self._put_pixel_data(vr, value, data)
            return
        self._put(self._header(tag, vr, len(data)) + data)
        if vr == "FL" and are_rounded(value):
            self._warn("inexact-number", f"{ROUNDED} ({self._location(tag)})")
        if self._is_implicit:
            self._learn(tag, value, data)
        if self._state == _DATASET and (not self._is_implicit or is_read_alone(tag, vr)):
            self._table.elements.remember(tag, write_entry(tag, vr, implicit=self._is_implicit))

    def _check_read_vr(self, tag: int, vr: str, values: tuple[Any, ...], data: bytes) -> None:
        """Check that readers of implicit VR find the values in a value field."""
        read_vr = self._read_vr(tag)
        self._note_unknown_text(vr, read_vr, is_plain=data.isascii())
        if read_vr == "SQ":
            from streamdicom.formats.part10.recode import reads_as_items  # which needs the parser

            if not reads_as_items(tag, data, self._limits):
                raise OutputError(NOT_ITEMS)
        elif not is_read_alike(tag, vr, read_vr, values, data):
            raise read_vr_error(read_vr, vr)

    def _learn(self, tag: int, values: tuple[Any, ...], data: bytes) -> None:
        """Remember values that readers of implicit VR take the VRs of later elements from."""
        if affects_context(tag):
            item = self._items[-1]
            found = DECODERS[self._read_vr(tag)](data, True) if data else ()
            item.facts = item.facts.learn(tag, values if found is None else found)

    def _run(self, tag: int, vr: str, value: Any) -> None:
        if not value[0]:  # all elements are left out
            return
        if self._state == _HEAD:
            self._put_meta()
            self._settle_character_set(MAX_TAG + 1)
        self._put(value[0])
        move_to(self._items, value)
        self._state = _SEQUENCE if self._items[-1].in_sequence else _DATASET

    def _bulk_data(self, tag: int, vr: str, value: Any) -> None:
        raise OutputError(
            "expected a value, found a reference to bulk data, which a DICOM file cannot hold; name its folder with "
            "bulk_root (import --bulk-dir), or set ReadOptions(bulk_data_store=...)"
        )

    def _json_element(self, tag: int, vr: str, value: Any) -> None:
        """Write an element in a form that its VR does not have, as text or bytes."""
        try:
            vr, values = json_value(tag, value)
        except TypeError as error:
            raise OutputError("expected JSON text, found another value") from error
        if self._state == _HEAD and tag >> 16 == FILE_META_GROUP and not self._has_meta:
            self._add_file_meta(tag, vr, values)
        elif self._is_implicit and values:  # the reader would decode it with the VR of the dictionary
            raise OutputError("expected a value of its VR, found an element that is kept as it was in JSON or XML")
        else:
            self._element(tag, vr, values)

    # --- sequences ---------------------------------------------------------------------------------------------

    def _start_sequence(self, tag: int, vr: str, value: Any) -> None:
        if len(self._items) > self._max_sequences:
            raise OutputError(f"more than {self._max_sequences} nested sequences; Limits.depth sets the bound")
        self._begin(tag)
        read_vr = self._read_vr(tag) if self._is_implicit else "SQ"
        if read_vr not in ("SQ", "UN"):
            self._leave_out(tag, read_vr_error(read_vr, "SQ"))
            return
        header = self._header(tag, "SQ", UNDEFINED_LENGTH)
        self._put(header)
        if not self._is_implicit or is_read_alone(tag, "SQ"):
            self._table.sequences.remember(tag, header)
        item = self._items[-1]
        item.tag, item.items, item.in_sequence = tag, 0, True
        self._state = _SEQUENCE

    def _leave_out(self, tag: int, error: OutputError) -> None:
        """Leave out the sequence that starts."""
        self._allow(error)
        self._report(tag, error)
        self._depth = 1
        self._state = WriterState.LEFT_OUT

    def _left_out(self, tag: int, vr: str, value: Any) -> None:
        kind = self._event[0]
        self._depth += (kind in OPENING) - (kind in CLOSING)
        if not self._depth:
            self._end_structure()

    def _start_item(self, tag: int, vr: str, value: Any) -> None:
        item = self._items[-1]
        self._put(ITEM_START)
        item.items += 1
        item.in_sequence = False
        self._items.append(OpenItem(item.terms, item.facts.inherited))
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
        if is_group_length(tag):  # PS3.5 7.2: retired
            self._depth = 1
            self._state = WriterState.LEFT_OUT
            return
        if vr:
            vr_info(vr)
        self._begin(tag)
        self._vr = vr
        self._expected_length = value
        self._state = WriterState.ELEMENT

    def _end_empty_element(self, tag: int, vr: str, value: Any) -> None:
        vr_info(vr)
        check_end(self._vr, vr)
        error = self._refused_error(tag, vr)
        if tag == PIXEL_DATA:
            self._put_pixel_data(vr, (), b"")
        elif error is not None:
            self._replace(tag, (), error)
        else:
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
            self._start_spooling()
            self._replace_values(tag, OutputError(f"expected text or numbers for VR {self._vr}, found bytes"))
            return
        error = self._long_error(tag, self._vr or "UN")
        self._start_binary(tag, self._vr)
        if error is not None:
            self._replace_binary(tag, error)

    # --- numbers and text

    def _first_values(self, tag: int, vr: str, value: Any) -> None:
        self._start_spooling()
        self._values(tag, vr, value)

    def _start_spooling(self) -> None:
        self._spooled = SpooledValues(self._vr, self._temporary(), keeps=self._on_error == "keep")
        self._state = WriterState.SPOOLED

    def _values(self, tag: int, vr: str, value: Any) -> None:
        assert self._spooled
        self._check_values(value)
        try:
            self._spooled.add_values(value)
        except OutputError as error:
            self._replace_values(tag, error)
            self._replaced_values(tag, vr, value)

    def _text_segment(self, tag: int, vr: str, value: Any) -> None:
        self._add_segment(tag, value, final=False)

    def _last_text_segment(self, tag: int, vr: str, value: Any) -> None:
        self._add_segment(tag, value, final=True)

    def _add_segment(self, tag: int, value: Any, *, final: bool) -> None:
        assert self._spooled
        try:
            self._spooled.add_segment(value, final=final)
        except OutputError as error:
            self._replace_values(tag, error)
            self._add_replaced_segment(value, final=final)

    def _end_spooled(self, tag: int, vr: str, value: Any) -> None:
        spooled, terms = self._spooled, self._items[-1].terms
        assert spooled
        vr_info(vr)
        check_end(self._vr, vr)
        try:
            spooled.check(vr)
            error = self._long_error(tag, vr)
            if error is not None:
                raise error
            length = spooled.encoded_length(vr, terms, in_utf_8=self._is_utf_8)
            if length >= MAX_LENGTH:
                raise length_error()
            if self._is_in_fragments(tag):
                raise native_error()
        except (NotEncodableError, OutputError) as error:
            # The second pass takes the temporary file over.
            known = self._not_encodable() if isinstance(error, NotEncodableError) else error
            if not isinstance(known, OutputError):
                raise known from None
            self._replace_values(tag, known)
            self._end_replaced(tag, vr, value)
            return
        self._has_extended_text = self._has_extended_text or not spooled.is_plain(vr)
        field: Iterable[bytes] = spooled.encoded(vr, terms, in_utf_8=self._is_utf_8)
        if self._is_implicit and affects_context(tag) and length <= MAX_WHOLE_VALUE:
            field = [b"".join(field)]
            self._learn(tag, (), field[0])
        self._put_field(tag, vr, length, field)
        if spooled.is_rounded:
            self._warn("inexact-number", f"{ROUNDED} ({self._location(tag)})")
        self._close_temporary()
        self._end_structure()

    # --- values that do not fit the VR

    def _replace_values(self, tag: int, error: OutputError) -> None:
        """Drop the values so far, or take them for text; further values follow."""
        self._allow(error)
        self._report(tag, error)
        assert self._spooled
        if self._on_error == "keep":
            self._kept_values = self._spooled.kept(self._temporary)
        else:
            self._spooled.close()
        self._spooled = None
        self._state = WriterState.REPLACED

    def _replaced_values(self, tag: int, vr: str, value: Any) -> None:
        self._check_values(value)
        if self._kept_values is not None:
            self._kept_values.add_values(value)

    def _replaced_segment(self, tag: int, vr: str, value: Any) -> None:
        self._add_replaced_segment(value, final=False)

    def _last_replaced_segment(self, tag: int, vr: str, value: Any) -> None:
        self._add_replaced_segment(value, final=True)

    def _add_replaced_segment(self, value: Any, *, final: bool) -> None:
        if self._kept_values is not None:
            self._kept_values.add_segment(value, final=final)

    def _end_replaced(self, tag: int, vr: str, value: Any) -> None:
        vr_info(vr)
        check_end(self._vr, vr)
        if self._kept_values is not None:
            self._put_kept(tag, self._kept_values)
        self._close_temporary()
        self._end_structure()

    _dataset_moves: ClassVar[dict[int, Move]] = {
        EventType.ELEMENT: _element,
        EventType.BULK_DATA: _bulk_data,
        EventType.JSON_ELEMENT: _json_element,
        EventType.START_ELEMENT: _start_element,
        EventType.START_SEQUENCE: _start_sequence,
        EventType.START_FRAGMENTS: BinaryOutput._start_fragments,
        EventType.END_DATASET: _end_dataset,
    }
    _moves: ClassVar[Moves] = {
        WriterState.START: {EventType.START_DATASET: _start_dataset},
        WriterState.HEAD: {**_dataset_moves, EventType.ELEMENT: _head_element, ENCODED: _run},
        WriterState.DATASET: {**_dataset_moves, EventType.END_ITEM: _end_item, ENCODED: _run},
        WriterState.SEQUENCE: {EventType.START_ITEM: _start_item, EventType.END_SEQUENCE: _end_sequence, ENCODED: _run},
        WriterState.ELEMENT: {
            EventType.VALUES: _first_values,
            EventType.SEGMENT: _first_segment,
            EventType.LAST_SEGMENT: _only_segment,
            EventType.END_ELEMENT: _end_empty_element,
        },
        WriterState.BINARY: {
            EventType.SEGMENT: BinaryOutput._binary_segment,
            EventType.LAST_SEGMENT: BinaryOutput._last_binary_segment,
            EventType.END_ELEMENT: BinaryOutput._end_binary,
        },
        WriterState.SPOOLED: {
            EventType.VALUES: _values,
            EventType.SEGMENT: _text_segment,
            EventType.LAST_SEGMENT: _last_text_segment,
            EventType.END_ELEMENT: _end_spooled,
        },
        WriterState.REPLACED: {
            EventType.VALUES: _replaced_values,
            EventType.SEGMENT: _replaced_segment,
            EventType.LAST_SEGMENT: _last_replaced_segment,
            EventType.END_ELEMENT: _end_replaced,
        },
        WriterState.FRAGMENTS: {
            EventType.START_FRAGMENT: BinaryOutput._start_fragment,
            EventType.END_FRAGMENTS: BinaryOutput._end_fragments,
        },
        WriterState.FRAGMENT: {
            EventType.SEGMENT: BinaryOutput._fragment_segment,
            EventType.LAST_SEGMENT: BinaryOutput._last_fragment_segment,
            EventType.END_FRAGMENTS: BinaryOutput._end_cut_fragment,
        },
        WriterState.REPLACED_FRAGMENTS: {
            EventType.START_FRAGMENT: BinaryOutput._replaced_fragment,
            EventType.SEGMENT: BinaryOutput._add_replaced_bytes,
            EventType.LAST_SEGMENT: BinaryOutput._add_replaced_bytes,
            EventType.END_FRAGMENTS: BinaryOutput._end_replaced_fragments,
        },
        WriterState.LEFT_OUT: dict.fromkeys(WITHIN_DATASET, _left_out),
        WriterState.END: {EventType.START_DATASET: _second_dataset},
    }
