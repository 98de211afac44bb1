"""``streamdicom show``: the elements of a stream as a readable tree, while it is read."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from streamdicom.cli.inputs import Meter, event_batches, size_of
from streamdicom.dicom import (
    join_name,
    keyword,
)
from streamdicom.events import Event, EventType

_WIDTH = 64  # characters of a value


def show_file(source: Path) -> None:
    """Print the elements of DICOM JSON, one array or NDJSON, of XML, or of a DICOM file; they may be compressed.

    Raises:
        InputError: What was read is at fault; what came before has been printed.
        OSError: The file cannot be read.
    """
    with Meter(f"Reading {source}", size_of(source), prints=True) as meter:
        tree = _Tree()
        for events in event_batches(source, meter):
            sys.stdout.writelines(f"{line}\n" for line in tree.lines(events))
            sys.stdout.flush()


def lines(events: Iterable[Event]) -> Iterator[str]:
    """A line for each element, indented as sequences nest.

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
        self._length = 0  # of the parts of an element so far
        self._start = ""  # the text that the element in parts begins with
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
            number = max(0, self._fragments - 1)  # the first one is the Basic Offset Table
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
    """The values of an element on one line of bounded length."""
    if len(values) == 1 and isinstance(values[0], bytes):
        return f"[{len(values[0]):,} bytes]"
    return short("\\".join(_value_text(value) for value in values[:_WIDTH]))


def _value_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, tuple):
        return join_name(value)
    return str(value)


def short(text: str) -> str:
    """A text on one line, of bounded length, that cannot command a terminal."""
    cut = text[:_WIDTH]
    plain = "".join(character if character.isprintable() else ascii(character)[1:-1] for character in cut)
    return plain if len(text) <= _WIDTH else f"{plain}..."
