"""Byte offsets of events of DICOM JSON, by their text or their tokens."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from streamdicom.events import Event
from streamdicom.formats.places import Places
from streamdicom.jsontext import Stretch, length_in_bytes

_BLANK = re.compile(r"[ \t\r\n]*+")


class _TokenMarks:
    """The tokens of a call of the tokenizer that begin elements."""

    def __init__(self) -> None:
        self.indices: list[int] = []
        self.locate: Callable[[Iterable[int]], list[int]] = list
        self._offsets: list[int] | None = None

    def offset(self, number: int) -> int:
        """Return the byte offset of a token, by its number among the marked ones."""
        if self._offsets is None:
            self._offsets = self.locate(self.indices)
        return self._offsets[number]


class _Cursor:
    """A byte offset that moves along a text."""

    def __init__(self, text: str, offset: int) -> None:
        self.text = text
        self.offset = offset
        self._has_bytes = length_in_bytes(text) == len(text)  # each character is one byte
        self._position = 0
        self._place = offset

    def at(self, position: int) -> int:
        """Return the byte offset of a position; ascending positions cost least."""
        if self._has_bytes:
            return self.offset + position
        if position < self._position:
            self._position, self._place = 0, self.offset
        self._place += length_in_bytes(self.text[self._position : position])
        self._position = position
        return self._place


class JsonPlaces(Places):
    """The places of the events of a ``JsonParser``."""

    def __init__(self) -> None:
        super().__init__()
        self._tokens = _TokenMarks()
        self._cursor = _Cursor("", 0)

    def mark_token(self, index: int) -> None:
        """Note that the next events begin with a token, by its index in the call."""
        tokens = self._tokens
        number = len(tokens.indices)
        tokens.indices.append(index)
        self.mark(lambda _: (tokens.offset(number),))

    def end_tokens(self, locator: Callable[[], Callable[[Iterable[int]], list[int]]]) -> None:
        """Declare the end of a call of the tokenizer."""
        if self._tokens.indices:
            self._tokens.locate = locator()
            self._tokens = _TokenMarks()

    def mark_text(self, stretch: Stretch, position: int) -> None:
        """Note that the next events begin after the white space at a position of a text."""
        cursor = self._cursor_of(stretch)

        def walk(_: Sequence[Event]) -> tuple[int]:
            blank = _BLANK.match(cursor.text, position)
            assert blank
            return (cursor.at(blank.end()),)

        self.mark(walk)

    def mark_attributes(
        self, made: int, stretch: Stretch, start: int, end: int, pattern: re.Pattern[str], tags: dict[str, int]
    ) -> None:
        """Note that the last events are made from canonical attributes.

        Args:
            made: The number of events before them.
            stretch: The text.
            start: The position of the first of them.
            end: The position after the last.
            pattern: The pattern of canonical attributes.
            tags: The tags of the keys, negative of keys that are passed over.
        """
        cursor = self._cursor_of(stretch)

        def walk(_: Sequence[Event]) -> list[int]:
            found = pattern.finditer(cursor.text, start, end)
            offsets = [cursor.at(attribute.start()) for attribute in found if tags.get(attribute[2], 0) >= 0]
            return offsets or [cursor.at(start)]

        self.mark(walk, made)

    def _cursor_of(self, stretch: Stretch) -> _Cursor:
        if self._cursor.text is not stretch.text or self._cursor.offset != stretch.offset:
            self._cursor = _Cursor(stretch.text, stretch.offset)
        return self._cursor
