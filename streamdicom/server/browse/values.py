"""All of the value of an element, within bounds."""

from __future__ import annotations

from typing import Any

from streamdicom.errors import InputError
from streamdicom.events import BULK_DATA, ELEMENT, JSON_ELEMENT, LAST_SEGMENT, SEGMENT, VALUES
from streamdicom.server.browse.library import Library
from streamdicom.server.browse.texts import text_of
from streamdicom.server.browse.tree import Path, placed_events

_MAX_BYTES = 2048
_MAX_VALUES = 1000
_MAX_TEXT = 64 * 1024  # characters in all


def value_of(library: Library, number: int, path: Path) -> dict[str, Any]:
    """Return the value of an element, and its number of values or bytes.

    Args:
        library: The data sets.
        number: The number of the data set.
        path: The path of the element.
    """
    builder = _Value()
    try:
        for placed in placed_events(library, number):
            if placed.path == path:
                builder.add(*placed.event)
            elif builder.is_started:
                break
    except InputError:
        if not builder.is_started:
            raise
    return builder.result()


class _Value:
    def __init__(self) -> None:
        self.is_started = False
        self._values: list[Any] = []
        self._total = 0
        self._bytes = b""
        self._length = 0
        self._text = ""  # of an open segment
        self._left = _MAX_TEXT

    def add(self, kind: int, _: int, vr: str, value: Any) -> None:
        self.is_started = True
        if kind in (ELEMENT, VALUES):
            for one in value:
                if isinstance(one, bytes):
                    self._add_bytes(one)
                else:
                    self._add_value(f"{one:08X}" if vr == "AT" and isinstance(one, int) else one)
        elif kind in (BULK_DATA, JSON_ELEMENT):
            self._add_value(value)
        elif kind in (SEGMENT, LAST_SEGMENT) and isinstance(value, bytes):
            self._add_bytes(value)
        elif kind in (SEGMENT, LAST_SEGMENT):
            self._text += value[: max(0, self._left + 1 - len(self._text))]
            if kind == LAST_SEGMENT:
                self._add_value(self._text)
                self._text = ""

    def _add_bytes(self, data: bytes) -> None:
        self._length += len(data)
        self._bytes += data[: max(0, _MAX_BYTES - len(self._bytes))]

    def _add_value(self, value: Any) -> None:
        self._total += 1
        if len(self._values) < _MAX_VALUES and self._left > 0:
            text = text_of(value)
            self._left -= len(text)
            self._values.append(value if isinstance(value, tuple) else text[: self._left + len(text)])

    def result(self) -> dict[str, Any]:
        if self._length:
            return {"kind": "bytes", "hex": self._bytes.hex(), "shown": len(self._bytes), "total": self._length}
        names = self._values and all(isinstance(one, tuple) for one in self._values)
        return {
            "kind": "names" if names else "text",
            "values": self._values if names else [text_of(one) for one in self._values],
            "shown": len(self._values),
            "total": self._total,
            "cut": self._left < 0,
        }
