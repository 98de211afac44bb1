"""The base of all writers of events: the order of events, errors and text output.

A writer is an automaton: ``_moves`` of a class has the method that writes each event that a state accepts. An innermost
loop in ``_write_all`` may write the most frequent events itself; it passes every other event to ``_move``. Any event
that a state does not accept, and any value that does not fit its VR, is an ``OutputError``, after which the writer
refuses further events.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property

from streamdicom._encoded import ENCODED
from streamdicom._push import StickyWriter
from streamdicom._typing import TYPE_CHECKING, Any, ClassVar, TypeAlias
from streamdicom.dicom import VRS, Form, ValueRepresentation, format_tag
from streamdicom.errors import Location, OutputError
from streamdicom.events import (
    END_DATASET,
    END_ITEM,
    END_SEQUENCE,
    START_DATASET,
    START_ITEM,
    Event,
    EventType,
)

if TYPE_CHECKING:
    from streamdicom._warn import Warner

BLOCK_SIZE = 64 * 1024
"""Characters or bytes that a writer gathers before it passes them on."""

MIN_BLOCK_SIZE = 8 * 1024
"""Bytes that are passed on alone, and not joined with others."""

ONE_DATASET = "a DICOM file holds one data set; write several as JSON, NDJSON or XML, or each to a file of its own"
"""The message about a second data set for a DICOM file."""


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

    @cached_property
    def _warn(self) -> Warner:
        from streamdicom.deviations import warner  # imported late: most data sets need no warning

        return warner()

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


def vr_name(vr: str) -> str:
    """Return a VR for a message, which must not quote arbitrary text."""
    return vr if vr in VRS else "an unknown one"
