"""The base of all writers of events: the order of events, errors and text output.

A writer is an automaton. ``WriterState`` names the open structure, ``TRANSITIONS`` lists the events that each state
accepts, and ``_moves`` of a class has the method that writes each of them. An innermost loop in ``_write_all`` may
write the most frequent events itself; it passes every other event to ``_move``. Any event that a state does not
accept, and any value that does not fit its VR, is an ``OutputError``, after which the writer refuses further events.

``TextWriter`` has the moves that JSON and XML share. Its abstract methods make the text.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import IntEnum
from typing import Any, ClassVar, TypeAlias

from streamdicom._encoded import ENCODED
from streamdicom._push import StickyWriter
from streamdicom.dicom import UTF_8_TERM, VRS, Form, ValueRepresentation, format_tag
from streamdicom.errors import Location, OutputError
from streamdicom.events import (
    CLOSING,
    ELEMENT,
    END_DATASET,
    END_ITEM,
    END_SEQUENCE,
    OPENING,
    START_DATASET,
    START_ITEM,
    Event,
    EventType,
)
from streamdicom.formats.element_rules import SEPARATED_VRS, ElementRules, check_count, separator_error
from streamdicom.formats.encapsulated import FragmentsEncoder
from streamdicom.jsontext import Base64Encoder

BLOCK_SIZE = 64 * 1024
"""Characters or bytes that a writer gathers before it passes them on."""

ONE_DATASET = "a DICOM file holds one data set; write several as JSON, NDJSON or XML, or each to a file of its own"
"""The message about a second data set for a DICOM file."""


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
}
"""The events that a text writer accepts in each state, and the state after each of them.

An element that the options leave out leads to SKIPPED, which accepts every event up to the end of the element.
"""

Move: TypeAlias = Callable[[Any, int, str, Any], None]
"""A method of a writer that takes the tag, the VR and the value of an event."""

Moves: TypeAlias = Mapping[int, Mapping[int, Move]]
"""The move for each type of event, by state."""

# Events that have no tag, or that of the sequence around them.
_WITHOUT_ELEMENT = frozenset({0, START_DATASET, END_DATASET, START_ITEM, END_ITEM, END_SEQUENCE, ENCODED})
_EVENT_TYPES = frozenset(EventType)


class Writer(StickyWriter, ABC):
    """A writer of events. After an error nothing can be written."""

    _moves: ClassVar[Moves]

    def __init__(self) -> None:
        super().__init__()
        self._state: int = 0
        self._index: int | None = None
        self._event: Event = (0, 0, "", None)  # the last one, for errors

    def write(self, event: Event) -> None:
        """Write one event; see ``write_all``."""
        self.write_all((event,))

    def write_all(self, events: Iterable[Event]) -> None:
        """Write events.

        Any exception, even of the target or of the iterable, ends the output: every later call raises an
        ``OutputError``.

        Raises:
            OutputError: An event is out of order or cannot be written; see the class.
        """
        self._raise_error()
        self._guard(self._write_all, events)

    def _guard(self, act: Callable[..., None], *arguments: Any) -> None:
        """Call a function; keep its error for all later calls."""
        try:
            act(*arguments)
        except OutputError as error:
            kind, tag, _, _ = self._event
            error.message = self._message_of(error)
            if error.location == Location():  # the iterable may have raised it, with a location
                error.location = self._location(None if kind in _WITHOUT_ELEMENT else tag)
            self._fail(error)
            raise
        except BaseException as error:
            self._fail(error)
            raise

    @abstractmethod
    def _write_all(self, events: Iterable[Event]) -> None:
        """Write events, and set ``_event`` to the last one, in the case of an error too."""

    @abstractmethod
    def _open_sequences(self) -> Iterable[tuple[int, int]]:
        """Return the tag and the number of items of each open sequence, outermost first."""

    def _message_of(self, error: OutputError) -> str:
        _, _, vr, value = self._event
        is_mismatch = isinstance(error, _ValueMismatchError) and isinstance(value, tuple | list)
        return _mismatch(vr, value) if is_mismatch else error.message

    def _check_values(self, values: object) -> None:
        """Check that the value of an event is a tuple of values, and not one of them.

        Raises:
            TypeError: It is not.
        """
        if not isinstance(values, tuple | list):
            kind, tag, *_ = self._event
            found = f"{type(values).__name__} ({self._location(tag)})"
            raise TypeError(f"expected a tuple of values in {EventType(kind).name}, found {found}")

    def _location(self, tag: int | None = None) -> Location:
        sequences = self._open_sequences()
        parts = [format_tag(sequence) + (f"[{items - 1}]" if items else "") for sequence, items in sequences]
        return Location(None, self._index, ".".join(parts if tag is None else [*parts, format_tag(tag)]))

    def _move(self, kind: int, tag: int, vr: str, value: Any) -> None:
        move = self._moves[self._state].get(kind)
        if move is None:
            raise self._unexpected(kind)
        move(self, tag, vr, value)

    def _unexpected(self, kind: int) -> OutputError:
        found = EventType(kind).name if kind in _EVENT_TYPES else "an unknown event type"
        *others, last = self._expected() or [""]
        if not last:
            return OutputError(f"unexpected {found}")
        return OutputError(f"expected {', '.join(others) + ' or ' if others else ''}{last}, found {found}")

    def _expected(self) -> list[str]:
        """Return the events that the state accepts, as a message names them."""
        return [EventType(kind).name for kind in self._moves[self._state]]


# --- text ------------------------------------------------------------------------------------------------------


class TextWriter(Writer):
    """The base of the writers of JSON and XML.

    A format adds the moves of whole elements and of items, and makes the text in the abstract methods.

    Args:
        rules: Which elements are written.
        max_sequences: Maximum number of sequences nested within each other.
        is_stream: Accept any number of data sets; otherwise one.
    """

    _reference: ClassVar[str]  # the name of a reference to bulk data in the format

    def __init__(self, rules: ElementRules, *, max_sequences: int, is_stream: bool) -> None:
        super().__init__()
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
        self._skip_depth = 0  # elements open within an element that is left out, which counts itself

    def flush(self) -> None:
        """Pass the pending text on."""
        if self._texts:
            self._guard(self._flush)

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
            self._flush()

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
            raise OutputError(f"expected a VR that allows {self._reference} (PS3.18 F.2.2), found {_vr_name(vr)}")
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
            self._begin_parts(tag, vr)
            self._state = WriterState.ELEMENT

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

    # --- encapsulated pixel data -------------------------------------------------------------------------------

    def _start_fragments(self, tag: int, vr: str, value: Any) -> None:
        if vr not in VRS or VRS[vr].form is not Form.BINARY:
            raise OutputError(f"expected a binary VR for fragments, found {_vr_name(vr)}")
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
        WriterState.FRAGMENT: {EventType.SEGMENT: _fragment_segment, EventType.LAST_SEGMENT: _last_fragment_segment},
        WriterState.SKIPPED: dict.fromkeys(EventType, _ignore)
        | dict.fromkeys(OPENING, _skip)
        | dict.fromkeys(CLOSING, _end_skipped),
    }


# --- errors ----------------------------------------------------------------------------------------------------


def vr_info(vr: str) -> ValueRepresentation:
    """Return the properties of a VR that an element with a value may have.

    Raises:
        OutputError: The VR is unknown, or SQ.

    >>> vr_info("US").code
    'H'
    """
    row = VRS.get(vr)
    if row is None:
        raise OutputError("expected a VR (PS3.5 6.2), found other text")
    if row.form is Form.SEQUENCE:
        raise OutputError("expected a VR with values, or START_SEQUENCE, found an element of VR SQ")
    return row


def order_error(tag: int, last: int) -> OutputError:
    """Return the error for an element whose tag is not above the previous one.

    >>> print(order_error(0x00100010, 0x00100020))
    elements must be in ascending order: 00100010 after 00100020; sort them with streamdicom.sort_elements()
    """
    message = f"elements must be in ascending order: {format_tag(tag)} after {format_tag(last)}"
    if tag != last:
        message += "; sort them with streamdicom.sort_elements()"
    return OutputError(message)


def check_end(start: str, end: str) -> None:
    """Check the VR at the end of an element in parts.

    Raises:
        OutputError: The VR at its start is another one.
    """
    if start and start != end:
        raise OutputError(f"expected VR {start} as at the start of the element, found another one")


def several_binary_values() -> OutputError:
    """Return the error for an element with more than one binary value."""
    return OutputError("expected one binary value, found several")


class _ValueMismatchError(OutputError):
    """A value that does not fit its VR; the writer completes the message."""


def value_error(error: Exception) -> OutputError:
    """Return the error for a value that cannot be encoded.

    Args:
        error: The exception of the function that encodes it; an ``OutputError`` is returned as it is.
    """
    return error if isinstance(error, OutputError) else _ValueMismatchError("a value that does not fit its VR")


# The types that a value may have, and their name in a message.
_TYPES: dict[Form, tuple[type | tuple[type, ...], str]] = {
    Form.TEXT: (str, "str"),
    Form.DECIMAL: (str, "str"),
    Form.INTEGER: (int, "int"),
    Form.LONG_INTEGER: (int, "int"),
    Form.FLOAT: ((float, int), "float"),
    Form.TAG: (int, "int"),
    Form.PERSON_NAME: (tuple, "a tuple of three str"),
    Form.BINARY: (bytes, "bytes"),
}


def _mismatch(vr: str, values: Sequence[object]) -> str:
    """Return the message for a value of an event that does not fit its VR.

    >>> _mismatch("LO", ("a", 5))
    'expected str for VR LO, found int'
    """
    if vr not in VRS or VRS[vr].form not in _TYPES:
        return "a value that does not fit its VR"
    types, name = _TYPES[VRS[vr].form]
    wrong = [value for value in values if value is not None and not isinstance(value, types)]
    found = type(wrong[0]).__name__ if wrong else "other parts" if types is tuple else "a value out of range"
    return f"expected {name} for VR {vr}, found {found}"


def _vr_name(vr: str) -> str:
    """Return a VR for a message, which must not quote arbitrary text."""
    return vr if vr in VRS else "an unknown one"
