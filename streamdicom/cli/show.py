"""``streamdicom show``: print the elements of a file as a tree, while it is read."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from streamdicom.cli.exit_codes import DONE, UsageError
from streamdicom.cli.inputs import event_batches, size_of
from streamdicom.cli.options import read_options
from streamdicom.cli.progress import ProgressLine
from streamdicom.dicom import join_name, keyword
from streamdicom.events import Event, EventType
from streamdicom.options import ReadOptions

if TYPE_CHECKING:
    from streamdicom.index import StreamIndex

_MAX_WIDTH = 64  # characters of a value


def run(arguments: Namespace) -> int:
    """Run the command."""
    if arguments.at is None:
        show_file(arguments.source, read_options(arguments))
    else:
        _show_one(arguments.source, arguments.at)
    return DONE


def _show_one(source: Path, place: str) -> None:
    """Print one data set, by its number or its SOP Instance UID."""
    from streamdicom.index import open_index

    try:
        with open_index(source) as index:
            number = _number(index, place)
            sys.stdout.writelines(f"{line}\n" for line in lines(index.iter_events(number, number + 1)))
    except FileNotFoundError as error:
        if not source.exists():
            raise
        raise UsageError(f"{source}: expected an index beside the file; build it with streamdicom index") from error


def _number(index: StreamIndex, place: str) -> int:
    """Return the number of a data set, which is its SOP Instance UID if it has a dot."""
    if "." in place:
        found = index.ordinals(place)
        if not found:
            raise UsageError("--at: no data set has this SOP Instance UID")
        return found[0]
    try:
        number = int(place)
    except ValueError:
        raise UsageError("--at: expected the number of a data set or a SOP Instance UID") from None
    number = number + len(index) if number < 0 else number
    if not 0 <= number < len(index):
        raise UsageError(f"--at: expected a number below {len(index)}")
    return number


def show_file(source: Path, options: ReadOptions | None = None) -> None:
    """Print the elements of a file of any format.

    Raises:
        InputError: The file is not valid; the elements before the error are printed.
        OSError: The file cannot be read.
    """
    with ProgressLine(f"Reading {source}", size_of(source), prints=True) as progress:
        tree = _Tree()
        for events in event_batches(source, progress, options):
            sys.stdout.writelines(f"{line}\n" for line in tree.lines(events))
            sys.stdout.flush()


def lines(events: Iterable[Event]) -> Iterator[str]:
    """Yield a line for each element, indented by its depth.

    >>> from streamdicom import iter_events
    >>> for line in lines(iter_events(b'{"00100020": {"vr": "LO", "Value": ["17"]}}')):
    ...     print(line)
    Data set 0
      (0010,0020) LO PatientID: 17
    """
    return _Tree().lines(events)


class _Tree:
    def __init__(self) -> None:
        self._depth = 0
        self._length = 0  # characters or bytes of the current element
        self._start = ""  # the first text of the current element
        self._fragments = 0

    def lines(self, events: Iterable[Event]) -> Iterator[str]:
        for kind, tag, vr, value in events:
            line = self._line(kind, tag, vr, value)
            if line:
                yield line

    def _line(self, kind: int, tag: int, vr: str, value: Any) -> str:
        indent = "  " * self._depth
        if kind == EventType.ELEMENT:
            return f"{indent}{_name(tag, vr)}: {values_text(value)}"
        if kind == EventType.BULK_DATA:
            return f"{indent}{_name(tag, vr)}: -> {short(value)}"
        if kind == EventType.JSON_ELEMENT:
            return f"{indent}{_name(tag, vr or '??')}: {short(value)}"
        if kind == EventType.START_DATASET:
            self._depth += 1
            return f"Data set {value}"
        if kind == EventType.START_SEQUENCE:
            self._depth += 1
            return f"{indent}{_name(tag, vr)}"
        if kind == EventType.START_ITEM:
            self._depth += 1
            return f"{indent}Item {value}"
        if kind in (EventType.END_DATASET, EventType.END_SEQUENCE, EventType.END_ITEM):
            self._depth -= 1
            return ""
        return self._part(kind, tag, vr, value)

    def _part(self, kind: int, tag: int, vr: str, value: Any) -> str:
        if kind in (EventType.START_ELEMENT, EventType.START_FRAGMENTS):
            self._length = self._fragments = 0
            self._start = ""
        elif kind == EventType.START_FRAGMENT:
            self._fragments += 1
        elif kind == EventType.END_FRAGMENTS:
            number = max(0, self._fragments - 1)  # the first item is the Basic Offset Table (PS3.5 A.4)
            return f"{'  ' * self._depth}{_name(tag, vr)}: [{self._length:,} bytes in {number:,} fragments]"
        elif kind == EventType.END_ELEMENT:
            unit = "bytes" if not self._start else "characters"
            return f"{'  ' * self._depth}{_name(tag, vr)}: {self._start}[{self._length:,} {unit}]"
        else:
            text = values_text(value) if kind == EventType.VALUES else value
            self._length += len(text)
            if isinstance(text, str) and not self._start:
                self._start = f"{short(text)} "
        return ""


def _name(tag: int, vr: str) -> str:
    name = keyword(tag)
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X}) {vr}{' ' if name else ''}{name}"


def values_text(values: tuple[Any, ...]) -> str:
    """Return the values of an element on one line of bounded length."""
    if len(values) == 1 and isinstance(values[0], bytes):
        return f"[{len(values[0]):,} bytes]"
    return short("\\".join(_value_text(value) for value in values[:_MAX_WIDTH]))


def _value_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, tuple):
        return join_name(value)
    return str(value)


def short(text: str) -> str:
    """Return a text on one line, of bounded length and without control characters."""
    cut = text[:_MAX_WIDTH]
    plain = "".join(character if character.isprintable() else ascii(character)[1:-1] for character in cut)
    return plain if len(text) <= _MAX_WIDTH else f"{plain}..."
