"""The base of the writers of JSON and XML.

``WriterState`` names the open structure, ``TRANSITIONS`` lists the events that each state accepts, and the moves of
``TextWriter`` are those that both formats share. Its abstract methods make the text.

A value that the format cannot hold costs its element if ``WriteOptions.on_error`` says so. Therefore the text of an
element in parts waits in a temporary file then, until all of its values are known; a binary value does not wait.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from enum import IntEnum

from streamdicom._typing import Any, ClassVar
from streamdicom.dicom import SPECIFIC_CHARACTER_SET, UTF_8_TERM, VRS, Form
from streamdicom.errors import OutputError, StreamDicomError
from streamdicom.events import CLOSING, ELEMENT, OPENING, EventType
from streamdicom.formats.element_rules import (
    SEPARATED_VRS,
    ElementRules,
    UnwritableTextError,
    check_count,
    separator_error,
)
from streamdicom.formats.encapsulated import FragmentsEncoder
from streamdicom.formats.kept_text import TEXT_VR, UNKNOWN_VR, KeptValues, kept_bytes, kept_text, padding_of
from streamdicom.formats.trial import Trial
from streamdicom.formats.writer import (
    BLOCK_SIZE,
    Moves,
    Writer,
    check_end,
    order_error,
    several_binary_values,
    vr_info,
    vr_name,
)
from streamdicom.jsontext import Base64Encoder
from streamdicom.options import OnError


class WriterState(IntEnum):
    """The innermost structure that is open in a text writer."""

    STREAM = 0
    DATASET = 1  # a data set or an item
    SEQUENCE = 2
    ELEMENT = 3  # an element in parts
    SEGMENTS = 4  # a long value of such an element
    FRAGMENTS = 5  # encapsulated pixel data
    FRAGMENT = 6
    SKIPPED = 7  # an element that is left out, and everything in it
    TRIAL = 8  # an element in parts whose text waits, as a value may be wrong


TRANSITIONS: Mapping[int, Mapping[EventType, WriterState]] = {
    WriterState.STREAM: {EventType.START_DATASET: WriterState.DATASET},
    WriterState.DATASET: {
        EventType.ELEMENT: WriterState.DATASET,
        EventType.JSON_ELEMENT: WriterState.DATASET,
        EventType.BULK_DATA: WriterState.DATASET,
        EventType.START_ELEMENT: WriterState.ELEMENT,
        EventType.START_SEQUENCE: WriterState.SEQUENCE,
        EventType.START_FRAGMENTS: WriterState.FRAGMENTS,
        EventType.END_ITEM: WriterState.SEQUENCE,  # only in an item
        EventType.END_DATASET: WriterState.STREAM,  # only outside of all items
    },
    WriterState.SEQUENCE: {EventType.START_ITEM: WriterState.DATASET, EventType.END_SEQUENCE: WriterState.DATASET},
    WriterState.ELEMENT: {
        EventType.VALUES: WriterState.ELEMENT,
        EventType.SEGMENT: WriterState.SEGMENTS,
        EventType.LAST_SEGMENT: WriterState.ELEMENT,
        EventType.END_ELEMENT: WriterState.DATASET,
    },
    WriterState.SEGMENTS: {EventType.SEGMENT: WriterState.SEGMENTS, EventType.LAST_SEGMENT: WriterState.ELEMENT},
    WriterState.FRAGMENTS: {
        EventType.START_FRAGMENT: WriterState.FRAGMENT,
        EventType.END_FRAGMENTS: WriterState.DATASET,
    },
    WriterState.FRAGMENT: {EventType.SEGMENT: WriterState.FRAGMENT, EventType.LAST_SEGMENT: WriterState.FRAGMENTS},
    WriterState.TRIAL: {
        EventType.VALUES: WriterState.TRIAL,
        EventType.SEGMENT: WriterState.TRIAL,
        EventType.LAST_SEGMENT: WriterState.TRIAL,
        EventType.END_ELEMENT: WriterState.DATASET,
    },
}
"""The events that a text writer accepts in each state, and the state after each of them.

An element that the options leave out leads to SKIPPED, which accepts every event up to the end of the element. If a
wrong value is to cost its element only, START_ELEMENT leads to TRIAL, which bytes leave for SEGMENTS or ELEMENT. An
END_FRAGMENTS that says how many bytes are missing leads from FRAGMENT to DATASET.
"""


class TextWriter(Writer):
    """The base of the writers of JSON and XML.

    A format adds the moves of whole elements and of items, and makes the text in the abstract methods.

    Args:
        rules: Which elements are written.
        max_sequences: Maximum number of sequences nested within each other.
        is_stream: Accept any number of data sets; otherwise one.
        on_error: What an element with a wrong value costs.
    """

    _reference: ClassVar[str]  # the name of a reference to bulk data in the format

    def __init__(self, rules: ElementRules, *, max_sequences: int, is_stream: bool, on_error: OnError) -> None:
        super().__init__()
        self._on_error = on_error
        self._rules = rules
        self._max_sequences = max_sequences
        self._is_stream = is_stream
        self._last = -1  # the previous tag in the innermost data set or item
        self._sequences: list[tuple[int, int]] = []  # of each open sequence: its tag, the number of items begun
        self._texts: list[str] = []
        self._size = 0
        # The element in parts:
        self._vr = ""
        self._count = 0  # values so far
        self._is_binary = False  # whether the last value is binary
        self._is_open = False  # whether the value in segments has any content yet
        self._has_backslash = False  # whether any text in segments has one
        self._base64 = Base64Encoder()
        self._fragments = FragmentsEncoder()
        self._trial: Trial | None = None
        self._skip_depth = 0  # elements open within an element that is left out, which counts itself

    def flush(self) -> None:
        """Pass the pending text on, unless a value of its element may be wrong."""
        if self._texts:
            self._guard(self._pass_on)

    def close(self) -> None:
        """Finish the output.

        Raises:
            OutputError: A data set is still open, or the one data set is missing.
        """
        self._raise_error()
        if self._state != WriterState.STREAM:
            raise OutputError("the data set is not complete", self._location())
        if self._index is None and not self._is_stream:
            raise OutputError("expected one data set, found no data set")
        self._finish()

    def _open_sequences(self) -> Iterable[tuple[int, int]]:
        return self._sequences

    def _expected(self) -> list[str]:
        if self._state == WriterState.DATASET:
            return ["an element", "END_ITEM" if self._sequences else "END_DATASET"]
        return [kind.name for kind in TRANSITIONS[self._state]]

    def _put(self, text: str) -> None:
        self._texts.append(text)
        self._size += len(text)
        if self._size >= BLOCK_SIZE:
            self._pass_on()

    def _pass_on(self) -> None:
        if self._trial is None:
            self._flush()
        else:
            self._trial.add_text(self._drain())

    def _drain(self) -> str:
        """Return the pending text and clear it."""
        text = "".join(self._texts)
        self._texts.clear()
        self._size = 0
        return text

    # --- the text of a format ----------------------------------------------------------------------------------

    @abstractmethod
    def _flush(self) -> None: ...

    @abstractmethod
    def _finish(self) -> None: ...

    @abstractmethod
    def _open_dataset(self) -> None: ...

    @abstractmethod
    def _close_dataset(self) -> None: ...

    @abstractmethod
    def _open_element(self, tag: int, vr: str) -> None:
        """Write the start of an element. The VR of one in parts may be empty."""

    @abstractmethod
    def _close_element(self, tag: int, vr: str) -> None:
        """Write the end of an element in parts or in fragments."""

    @abstractmethod
    def _put_reference(self, uri: str) -> None:
        """Write a reference to bulk data and the end of its element."""

    @abstractmethod
    def _put_values(self, values: tuple[Any, ...]) -> None: ...

    @abstractmethod
    def _put_empty(self, is_binary: bool) -> None:
        """Write a value whose segments are all empty."""

    @abstractmethod
    def _open_value(self, is_binary: bool) -> None: ...

    @abstractmethod
    def _close_value(self, is_binary: bool) -> None: ...

    @abstractmethod
    def _escape(self, text: str) -> str: ...

    # --- data sets, sequences and whole elements ---------------------------------------------------------------

    def _start_dataset(self, tag: int, vr: str, value: Any) -> None:
        if self._index is not None and not self._is_stream:
            raise OutputError("expected one data set, found a second one; array=True accepts several")
        self._index = 0 if self._index is None else self._index + 1
        self._open_dataset()
        self._last = -1
        self._state = WriterState.DATASET

    def _end_dataset(self, tag: int, vr: str, value: Any) -> None:
        if self._sequences:
            raise self._unexpected(EventType.END_DATASET)
        self._close_dataset()
        self._state = WriterState.STREAM

    def _is_written(self, tag: int) -> bool:
        """Check the order of an element; return False if the options leave it out."""
        if tag <= self._last:
            raise order_error(tag, self._last)
        return self._rules.is_written(tag)

    def _begin(self, tag: int, vr: str) -> None:
        self._open_element(tag, vr)
        self._last = tag

    def _skip(self, *_: object) -> None:
        self._skip_depth += 1
        self._state = WriterState.SKIPPED

    def _ignore(self, *_: object) -> None:
        pass

    def _end_skipped(self, *_: object) -> None:
        self._skip_depth -= 1
        if not self._skip_depth:
            self._state = WriterState.DATASET

    def _bulk_data(self, tag: int, vr: str, value: Any) -> None:
        if vr not in VRS or not VRS[vr].bulk:
            raise OutputError(f"expected a VR that allows {self._reference} (PS3.18 F.2.2), found {vr_name(vr)}")
        if not isinstance(value, str):
            raise OutputError(f"expected a str for the URI of bulk data, found {type(value).__name__}")
        if not value:
            raise OutputError("expected a URI of bulk data, found an empty text")
        if self._is_written(tag):
            self._begin(tag, vr)
            self._put_reference(value)

    def _start_sequence(self, tag: int, vr: str, value: Any) -> None:
        if not self._is_written(tag):
            self._skip()
            return
        if len(self._sequences) >= self._max_sequences:
            raise OutputError(f"more than {self._max_sequences} nested sequences; Limits.depth sets the bound")
        self._begin(tag, "SQ")
        self._sequences.append((tag, 0))
        self._state = WriterState.SEQUENCE

    # --- elements in parts -------------------------------------------------------------------------------------

    def _start_element(self, tag: int, vr: str, value: Any) -> None:
        if not self._is_written(tag):
            self._skip()
        elif self._rules.sets_character_set(tag) and vr_info(vr or "CS").form is Form.TEXT:
            self._write_all([(ELEMENT, tag, vr or "CS", (UTF_8_TERM,))])
            self._skip()
        else:
            if vr:
                vr_info(vr)
            if self._on_error != "raise":
                self._flush()
                self._trial = Trial(WriterState.ELEMENT, self._last, keeps=self._on_error == "keep")
            self._begin_parts(tag, vr)
            self._state = WriterState.ELEMENT if self._trial is None else WriterState.TRIAL

    def _begin_parts(self, tag: int, vr: str) -> None:
        self._begin(tag, vr)
        self._vr = vr
        self._count = 0
        self._has_backslash = False

    def _values(self, tag: int, vr: str, value: Any) -> None:
        self._check_values(value)
        self._next_value(is_binary=False)
        self._put_values(value)
        self._count += len(value)

    def _next_value(self, *, is_binary: bool) -> None:
        if self._count and (is_binary or self._is_binary):
            raise several_binary_values()
        self._is_binary = is_binary

    def _segment(self, tag: int, vr: str, value: Any) -> None:
        self._put_segment(value, final=False)

    def _last_segment(self, tag: int, vr: str, value: Any) -> None:
        self._put_segment(value, final=True)

    def _put_segment(self, value: Any, final: bool) -> None:
        is_binary = isinstance(value, bytes)
        if not is_binary and not isinstance(value, str):
            raise OutputError(f"expected a segment of str or bytes, found {type(value).__name__}")
        if self._state != WriterState.SEGMENTS:
            if is_binary and self._vr and VRS[self._vr].form is not Form.BINARY:
                raise OutputError(f"expected text or numbers for VR {self._vr}, found bytes")
            self._next_value(is_binary=is_binary)
            self._is_open = False
        elif is_binary is not self._is_binary:
            expected, found = ("str", "bytes") if is_binary else ("bytes", "str")
            raise OutputError(f"expected a segment of {expected} like the one before it, found {found}")
        if value and not self._is_open:
            self._open_value(is_binary)
            self._is_open = True
        if self._is_open:
            self._put(self._base64.encode(value, final=final) if is_binary else self._escape(value))
            self._has_backslash = self._has_backslash or (not is_binary and "\\" in value)
        if final:
            if self._is_open:
                self._close_value(is_binary)
            else:
                self._put_empty(is_binary)
            self._count += 1
        self._state = WriterState.ELEMENT if final else WriterState.SEGMENTS

    def _end_element(self, tag: int, vr: str, value: Any) -> None:
        check_end(self._vr, vr)
        check_count(vr, self._count)
        if self._has_backslash and vr in SEPARATED_VRS:
            raise separator_error()
        self._close_element(tag, vr)
        self._state = WriterState.DATASET

    # --- elements with a wrong value ---------------------------------------------------------------------------

    def _replace(self, tag: int, vr: str, values: tuple[Any, ...], error: OutputError) -> None:
        """Leave out an element with a wrong value, or write its values as text or bytes."""
        if self._on_error == "raise":
            raise error
        self._report(tag, error)
        if self._on_error == "keep":
            text = kept_text(values)
            if tag == SPECIFIC_CHARACTER_SET:  # which readers use with any VR
                self._write_whole(tag, UNKNOWN_VR, ())
            elif text is not None and self._can_hold((text,)):
                self._write_whole(tag, TEXT_VR, (text,))
            else:
                data = kept_bytes(values)
                self._write_whole(tag, UNKNOWN_VR, (data + padding_of(text is not None, len(data)),))

    def _report(self, tag: int, error: OutputError) -> None:
        code = "unwritable-text" if isinstance(error, UnwritableTextError) else "wrong-value"
        self._warn(code, f"{self._message_of(error)} ({self._location(tag)})")

    def _write_whole(self, tag: int, vr: str, values: tuple[Any, ...]) -> None:
        self._moves[WriterState.DATASET][ELEMENT](self, tag, vr, values)

    def _can_hold(self, texts: Iterable[str]) -> bool:
        """Return whether the format can hold a text in pieces."""
        try:
            for text in texts:
                self._escape(text)
        except OutputError:
            return False
        return True

    def _try_values(self, tag: int, vr: str, value: Any) -> None:
        assert self._trial
        self._check_values(value)
        self._trial.add_values(value)
        self._try(EventType.VALUES, tag, vr, value)

    def _try_segment(self, tag: int, vr: str, value: Any) -> None:
        assert self._trial
        self._trial.add_segment(value, final=False)
        self._try(EventType.SEGMENT, tag, vr, value)

    def _try_last_segment(self, tag: int, vr: str, value: Any) -> None:
        assert self._trial
        self._trial.add_segment(value, final=True)
        self._try(EventType.LAST_SEGMENT, tag, vr, value)

    def _try(self, kind: int, tag: int, vr: str, value: Any) -> None:
        """Write an event of the element if none before it was wrong."""
        trial = self._trial
        assert trial
        if trial.error is not None:
            return
        self._state = trial.state
        if kind not in self._moves[self._state]:
            raise self._unexpected(kind)
        try:
            self._move(kind, tag, vr, value)
        except OutputError as error:
            error.message = self._message_of(error)
            trial.error = error
        trial.state = self._state
        if trial.error is None and isinstance(value, bytes):  # bytes are right if the first ones are
            self._accept(trial)
        elif kind != EventType.END_ELEMENT:
            self._state = WriterState.TRIAL

    def _end_trial(self, tag: int, vr: str, value: Any) -> None:
        trial = self._trial
        assert trial
        vr_info(vr)
        check_end(self._vr, vr)
        self._try(EventType.END_ELEMENT, tag, vr, value)
        if trial.error is None:
            self._accept(trial)
            return
        self._trial = None
        self._drain()
        self._last = trial.last
        self._give_up()
        self._report(tag, trial.error)
        if trial.values is not None:
            self._put_kept(tag, trial.values)
        trial.close()
        self._state = WriterState.DATASET

    def _accept(self, trial: Trial) -> None:
        """Write the text that has waited."""
        rest = self._drain()
        self._trial = None
        for text in trial.texts():
            self._put(text)
        self._put(rest)
        trial.close()

    def _give_up(self) -> None:
        """Forget the values of the element in parts."""
        self._base64 = Base64Encoder()

    def _put_kept(self, tag: int, values: KeptValues) -> None:
        if tag == SPECIFIC_CHARACTER_SET:
            self._write_whole(tag, UNKNOWN_VR, ())
            return
        is_text = not values.has_bytes and self._can_hold(values.texts())
        vr = TEXT_VR if is_text else UNKNOWN_VR
        self._begin_parts(tag, vr)
        self._state = WriterState.ELEMENT
        length = 0
        for segment in values.texts() if is_text else values.pieces():
            length += len(segment)
            self._put_segment(segment, final=False)
        self._put_segment("" if is_text else padding_of(not values.has_bytes, length), final=True)
        self._end_element(tag, vr, None)

    def _fail(self, error: BaseException) -> StreamDicomError:
        if self._trial is not None:
            self._trial.close()
        return super()._fail(error)

    # --- encapsulated pixel data -------------------------------------------------------------------------------

    def _start_fragments(self, tag: int, vr: str, value: Any) -> None:
        if vr not in VRS or VRS[vr].form is not Form.BINARY:
            raise OutputError(f"expected a binary VR for fragments, found {vr_name(vr)}")
        if not self._is_written(tag):
            self._skip()
            return
        self._begin_parts(tag, vr)
        self._is_binary = True
        self._state = WriterState.FRAGMENTS

    def _start_fragment(self, tag: int, vr: str, value: Any) -> None:
        text = self._fragments.start(value)
        if not self._count:
            self._open_value(is_binary=True)
        self._count += 1
        self._put(text)
        self._state = WriterState.FRAGMENT

    def _fragment_segment(self, tag: int, vr: str, value: Any) -> None:
        self._put(self._fragments.segment(value, final=False))

    def _last_fragment_segment(self, tag: int, vr: str, value: Any) -> None:
        self._put(self._fragments.segment(value, final=True))
        self._state = WriterState.FRAGMENTS

    def _end_fragments(self, tag: int, vr: str, value: Any) -> None:
        if self._count:
            self._put(self._fragments.close())
            self._close_value(is_binary=True)
        self._end_element(tag, self._vr, value)

    def _end_cut_fragment(self, tag: int, vr: str, value: Any) -> None:
        if value is None:
            raise self._unexpected(EventType.END_FRAGMENTS)
        self._end_fragments(tag, vr, value)

    _moves: ClassVar[Moves] = {
        WriterState.STREAM: {EventType.START_DATASET: _start_dataset},
        WriterState.DATASET: {
            EventType.BULK_DATA: _bulk_data,
            EventType.START_ELEMENT: _start_element,
            EventType.START_SEQUENCE: _start_sequence,
            EventType.START_FRAGMENTS: _start_fragments,
            EventType.END_DATASET: _end_dataset,
        },
        WriterState.SEQUENCE: {},
        WriterState.ELEMENT: {
            EventType.VALUES: _values,
            EventType.SEGMENT: _segment,
            EventType.LAST_SEGMENT: _last_segment,
            EventType.END_ELEMENT: _end_element,
        },
        WriterState.SEGMENTS: {EventType.SEGMENT: _segment, EventType.LAST_SEGMENT: _last_segment},
        WriterState.FRAGMENTS: {EventType.START_FRAGMENT: _start_fragment, EventType.END_FRAGMENTS: _end_fragments},
        WriterState.FRAGMENT: {
            EventType.SEGMENT: _fragment_segment,
            EventType.LAST_SEGMENT: _last_fragment_segment,
            EventType.END_FRAGMENTS: _end_cut_fragment,
        },
        WriterState.TRIAL: {
            EventType.VALUES: _try_values,
            EventType.SEGMENT: _try_segment,
            EventType.LAST_SEGMENT: _try_last_segment,
            EventType.END_ELEMENT: _end_trial,
        },
        WriterState.SKIPPED: dict.fromkeys(EventType, _ignore)
        | dict.fromkeys(OPENING, _skip)
        | dict.fromkeys(CLOSING, _end_skipped),
    }
