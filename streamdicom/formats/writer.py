"""What the writers of events have in common: which event may come where, and what an error tells.

A writer is a place, which says what is open, and a table of moves: for each place the events that may come there. What
has no move is an ``OutputError``. An innermost loop of its own makes those moves that there are most of.

The moves of formats of text stand here. What text comes of them is said by the methods without a body.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from enum import IntEnum
from typing import Any, ClassVar, TypeAlias

from streamdicom.dicom import UTF_8_TERM, VRS, Form, ValueRepresentation, format_tag
from streamdicom.errors import Location, OutputError, aborted
from streamdicom.events import CLOSING, ELEMENT, END_ITEM, END_SEQUENCE, OPENING, START_ITEM, Event, EventType
from streamdicom.formats.element_rules import ElementRules
from streamdicom.formats.encapsulated import FragmentsEncoder
from streamdicom.jsontext import Base64Encoder

BLOCK_SIZE = 64 * 1024
"""How long what is pending may be before it is given away."""

# Events with the tag of the sequence that they are in.
_OF_SEQUENCE = frozenset({START_ITEM, END_ITEM, END_SEQUENCE})
_KINDS = frozenset(EventType)

Move: TypeAlias = Callable[[Any, int, str, Any], None]
"""A method of a writer that takes the tag, the VR and the value of an event."""

Moves: TypeAlias = Mapping[int, Mapping[int, Move]]
"""What there is for each type of event, by place."""


class Writer(ABC):
    """A writer of events. After an error nothing can be written."""

    _moves: ClassVar[Moves]

    def __init__(self) -> None:
        self._state: int = 0
        self._index: int | None = None
        self._event = 0, 0  # the type and the tag of the last one, for errors
        self._error: OutputError | None = None

    def write(self, event: Event) -> None:
        """Write one event; see ``write_all``."""
        self.write_all((event,))

    def write_all(self, events: Iterable[Event]) -> None:
        """Write events.

        Raises:
            OutputError: An event that cannot be written; the class says which. Nothing can be written from then on, nor
                behind whatever else was raised by the target or by what makes the events.
        """
        if self._error:
            raise self._error
        self._guard(self._write_all, events)

    def _guard(self, act: Callable[..., None], *arguments: Any) -> None:
        try:
            act(*arguments)
        except OutputError as error:
            if error.location == Location():  # it is no error of whoever makes the events
                kind, tag = self._event
                error.location = self._location(0 if kind in _OF_SEQUENCE else tag)
            self._error = error
            raise
        except BaseException as error:
            self._error = aborted(OutputError, "writer", error)
            raise

    @abstractmethod
    def _write_all(self, events: Iterable[Event]) -> None:
        """The innermost loop, which sets ``_event``."""

    @abstractmethod
    def _open_sequences(self) -> Iterable[tuple[int, int]]:
        """Of each open sequence: its tag, and the number of items begun."""

    def _location(self, tag: int = 0) -> Location:
        parts = [
            format_tag(sequence) + (f"[{items - 1}]" if items else "") for sequence, items in self._open_sequences()
        ]
        return Location(None, self._index, ".".join([*parts, format_tag(tag)] if tag else parts))

    def _move(self, kind: int, tag: int, vr: str, value: Any) -> None:
        move = self._moves[self._state].get(kind)
        if move is None:
            raise OutputError(f"no {EventType(kind).name if kind in _KINDS else 'such event'} may come here")
        move(self, tag, vr, value)


# --- text ------------------------------------------------------------------------------------------------------


class State(IntEnum):
    """What is open."""

    STREAM = 0
    DATASET = 1  # a data set or an item
    SEQUENCE = 2
    ELEMENT = 3  # an element in parts
    SEGMENTS = 4  # one of its values, that is long
    FRAGMENTS = 5  # encapsulated pixel data
    FRAGMENT = 6  # one of its fragments
    SKIPPED = 7  # what is open is not written


class TextWriter(Writer):
    """A writer of data sets as text. A format adds to the moves those of whole elements, and of items.

    Args:
        rules: Which elements are written.
        max_sequences: How many may be open within one another.
        is_stream: Whether there may be any number of data sets, or else one.
    """

    _reference: ClassVar[str]  # what the format calls a reference to bulk data

    def __init__(self, rules: ElementRules, *, max_sequences: int, is_stream: bool) -> None:
        super().__init__()
        self._rules = rules
        self._max_sequences = max_sequences
        self._is_stream = is_stream
        self._last = -1  # the tag before, within the innermost data set or item
        self._sequences: list[tuple[int, int]] = []  # of each open sequence: its tag, the number of items begun
        self._texts: list[str] = []
        self._size = 0
        # The element in parts that is being written:
        self._vr = ""
        self._count = 0  # of its values
        self._is_binary = False  # whether the last of them was
        self._is_open = False  # whether it has content, if it is in segments
        self._base64 = Base64Encoder()
        self._fragments = FragmentsEncoder()
        self._skipped = 0  # how many things are open within what is left out

    def flush(self) -> None:
        """Give away what is pending."""
        if self._texts:
            self._guard(self._flush)

    def close(self) -> None:
        """Finish the output.

        Raises:
            OutputError: A data set is still open, or there is none where one is due.
        """
        if self._error:
            raise self._error
        if self._state != State.STREAM:
            raise OutputError("a data set is not complete", self._location())
        self._finish()

    def _open_sequences(self) -> Iterable[tuple[int, int]]:
        return self._sequences

    def _put(self, text: str) -> None:
        self._texts.append(text)
        self._size += len(text)
        if self._size >= BLOCK_SIZE:
            self._flush()

    def _drain(self) -> str:
        """What is pending, which it is no longer."""
        text = "".join(self._texts)
        self._texts.clear()
        self._size = 0
        return text

    # --- what text comes of a move -----------------------------------------------------------------------------

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
        """Of one in parts the VR may be unknown, and is empty then."""

    @abstractmethod
    def _close_element(self, tag: int, vr: str) -> None:
        """The end of one in parts or in fragments."""

    @abstractmethod
    def _put_reference(self, uri: str) -> None:
        """The content and the end of an element."""

    @abstractmethod
    def _put_values(self, values: tuple[Any, ...]) -> None: ...

    @abstractmethod
    def _put_empty(self, is_binary: bool) -> None:
        """A value in segments that all are empty."""

    @abstractmethod
    def _open_value(self, is_binary: bool) -> None: ...

    @abstractmethod
    def _close_value(self, is_binary: bool) -> None: ...

    @abstractmethod
    def _escape(self, text: str) -> str: ...

    # --- data sets, sequences and whole elements ---------------------------------------------------------------

    def _start_dataset(self, tag: int, vr: str, value: Any) -> None:
        if self._index is not None and not self._is_stream:
            raise OutputError("more than one data set, where one is due")
        self._index = 0 if self._index is None else self._index + 1
        self._open_dataset()
        self._last = -1
        self._state = State.DATASET

    def _end_dataset(self, tag: int, vr: str, value: Any) -> None:
        if self._sequences:
            raise OutputError("no END_DATASET may come here")
        self._close_dataset()
        self._state = State.STREAM

    def _is_written(self, tag: int) -> bool:
        """Whether an element is not left out; it is an error if it may not come now."""
        if tag <= self._last:
            raise OutputError(f"the tag is not above the one before it, {format_tag(self._last)}")
        return self._rules.is_written(tag)

    def _begin(self, tag: int, vr: str) -> None:
        self._open_element(tag, vr)
        self._last = tag

    def _skip(self, *_: object) -> None:
        self._skipped += 1
        self._state = State.SKIPPED

    def _pass_over(self, *_: object) -> None:
        pass

    def _end_skipped(self, *_: object) -> None:
        self._skipped -= 1
        if not self._skipped:
            self._state = State.DATASET

    def _bulk_data(self, tag: int, vr: str, value: Any) -> None:
        if vr not in VRS or not VRS[vr].bulk:
            raise OutputError(f"'{self._reference}' for VR {vr} (PS3.18 F.2.2)")
        if not isinstance(value, str):
            raise OutputError("a URI that is not text")
        if self._is_written(tag):
            self._begin(tag, vr)
            self._put_reference(value)

    def _start_sequence(self, tag: int, vr: str, value: Any) -> None:
        if not self._is_written(tag):
            self._skip()
            return
        if len(self._sequences) >= self._max_sequences:
            raise OutputError(f"more than {len(self._sequences)} sequences within one another")
        self._begin(tag, "SQ")
        self._sequences.append((tag, 0))
        self._state = State.SEQUENCE

    # --- elements in parts -------------------------------------------------------------------------------------

    def _start_parts(self, tag: int, vr: str, value: Any) -> None:
        if not self._is_written(tag):
            self._skip()
        elif self._rules.sets_character_set(tag) and vr_info(vr or "CS").form is Form.TEXT:
            self._write_all([(ELEMENT, tag, vr or "CS", (UTF_8_TERM,))])
            self._skip()
        else:
            if vr:
                vr_info(vr)
            self._begin_parts(tag, vr)
            self._state = State.ELEMENT

    def _begin_parts(self, tag: int, vr: str) -> None:
        self._begin(tag, vr)
        self._vr = vr
        self._count = 0

    def _values(self, tag: int, vr: str, value: Any) -> None:
        self._next_value(is_binary=False)
        self._put_values(value)
        self._count += len(value)

    def _next_value(self, *, is_binary: bool) -> None:
        if self._count and (is_binary or self._is_binary):
            raise OutputError("one binary value is all that an element can have")
        self._is_binary = is_binary

    def _segment(self, tag: int, vr: str, value: Any) -> None:
        self._put_segment(value, final=False)

    def _last_segment(self, tag: int, vr: str, value: Any) -> None:
        self._put_segment(value, final=True)

    def _put_segment(self, value: Any, final: bool) -> None:
        is_binary = isinstance(value, bytes)
        if not is_binary and not isinstance(value, str):
            raise OutputError("a segment that is neither text nor bytes")
        if self._state != State.SEGMENTS:
            self._next_value(is_binary=is_binary)
            self._is_open = False
        elif is_binary is not self._is_binary:
            raise OutputError("a value in segments of text and of bytes")
        if value and not self._is_open:
            self._open_value(is_binary)
            self._is_open = True
        if self._is_open:
            self._put(self._base64.encode(value, final=final) if is_binary else self._escape(value))
        if final:
            if self._is_open:
                self._close_value(is_binary)
            else:
                self._put_empty(is_binary)
            self._count += 1
        self._state = State.ELEMENT if final else State.SEGMENTS

    def _end_parts(self, tag: int, vr: str, value: Any) -> None:
        self._close_element(tag, vr)
        self._state = State.DATASET

    # --- encapsulated pixel data -------------------------------------------------------------------------------

    def _start_fragments(self, tag: int, vr: str, value: Any) -> None:
        if vr not in VRS or VRS[vr].form is not Form.BINARY:
            raise OutputError(f"fragments for VR {vr}")
        if not self._is_written(tag):
            self._skip()
            return
        self._begin_parts(tag, vr)
        self._is_binary = True
        self._state = State.FRAGMENTS

    def _start_fragment(self, tag: int, vr: str, value: Any) -> None:
        text = self._fragments.start(value)
        if not self._count:
            self._open_value(is_binary=True)
        self._count += 1
        self._put(text)
        self._state = State.FRAGMENT

    def _fragment_segment(self, tag: int, vr: str, value: Any) -> None:
        self._put(self._fragments.segment(value, final=False))

    def _end_fragment(self, tag: int, vr: str, value: Any) -> None:
        self._put(self._fragments.segment(value, final=True))
        self._state = State.FRAGMENTS

    def _end_fragments(self, tag: int, vr: str, value: Any) -> None:
        if self._count:
            self._put(self._fragments.close())
            self._close_value(is_binary=True)
        self._end_parts(tag, self._vr, value)

    _moves: ClassVar[Moves] = {
        State.STREAM: {EventType.START_DATASET: _start_dataset},
        State.DATASET: {
            EventType.BULK_DATA: _bulk_data,
            EventType.START_ELEMENT: _start_parts,
            EventType.START_SEQUENCE: _start_sequence,
            EventType.START_FRAGMENTS: _start_fragments,
            EventType.END_DATASET: _end_dataset,
        },
        State.SEQUENCE: {},
        State.ELEMENT: {
            EventType.VALUES: _values,
            EventType.SEGMENT: _segment,
            EventType.LAST_SEGMENT: _last_segment,
            EventType.END_ELEMENT: _end_parts,
        },
        State.SEGMENTS: {EventType.SEGMENT: _segment, EventType.LAST_SEGMENT: _last_segment},
        State.FRAGMENTS: {EventType.START_FRAGMENT: _start_fragment, EventType.END_FRAGMENTS: _end_fragments},
        State.FRAGMENT: {EventType.SEGMENT: _fragment_segment, EventType.LAST_SEGMENT: _end_fragment},
        State.SKIPPED: dict.fromkeys(EventType, _pass_over)
        | dict.fromkeys(OPENING, _skip)
        | dict.fromkeys(CLOSING, _end_skipped),
    }


def vr_info(vr: str) -> ValueRepresentation:
    """What there is to know of the VR of an element.

    Raises:
        OutputError: No element has it.
    """
    row = VRS.get(vr)
    if row is None or row.form is Form.SEQUENCE:
        raise OutputError("not a value representation that an element can have (PS3.5 6.2)")
    return row


def value_error(error: Exception) -> OutputError:
    """What is said of a value that cannot be encoded."""
    return error if isinstance(error, OutputError) else OutputError("a value that does not fit the VR")
