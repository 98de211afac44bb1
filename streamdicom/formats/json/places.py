"""Byte offsets of events of DICOM JSON, by their text or their tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from streamdicom._late import late_pattern
from streamdicom._typing import Any
from streamdicom.formats.places import Places
from streamdicom.jsontext import length_in_bytes

_BLANK = late_pattern(r"[ \t\r\n]*+")
_COLON = late_pattern(r"[ \t\r\n]*+:")


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


class Cursor:
    """A byte offset that moves along a text."""

    def __init__(self, text: str, offset: int) -> None:
        self.text = text
        self._offset = self._place = offset
        self._position = 0
        self._has_bytes: bool | None = None  # each character is one byte
        self._key = -1, 0, 0  # the start of a run, a tag in it and its position

    def offset(self, position: int) -> int:
        """Return the byte offset after the white space at a position."""
        blank = _BLANK.match(self.text, position)
        assert blank
        return self.at(blank.end())

    def key_offset(self, tag: int, start: int, end: int) -> int:
        """Return the byte offset of an attribute among canonical ones.

        Ascending tags cost least.
        """
        key, text = f'"{tag:08X}"', self.text
        run, before, position = self._key
        position = text.find(key, position if run == start and before <= tag else start, end)
        while position >= 0 and not _COLON.match(text, position + len(key)):  # a value
            position = text.find(key, position + 1, end)
        assert position >= 0, "a canonical attribute has its key in the text"
        self._key = start, tag, position
        return self.at(position)

    def at(self, position: int) -> int:
        """Return the byte offset of a position; ascending positions cost least."""
        if self._has_bytes is None:
            self._has_bytes = length_in_bytes(self.text) == len(self.text)
        if self._has_bytes:
            return self._offset + position
        if position < self._position:
            self._position, self._place = 0, self._offset
        self._place += length_in_bytes(self.text[self._position : position])
        self._position = position
        return self._place


class JsonPlaces(Places):
    """The places of the events of a ``JsonParser``.

    A mark has the number of a token, the position of a piece of structure in a text, or the positions of canonical
    attributes in it, with the index after their events and the last tag. The parser adds the frequent ones itself.

    Attributes:
        cursor: Finds byte offsets in the current text.
    """

    def __init__(self) -> None:
        super().__init__()
        self.cursor = Cursor("", 0)
        self._tokens = _TokenMarks()

    def mark_token(self, index: int) -> None:
        """Note that the next events begin with a token, by its index in the call."""
        tokens = self._tokens
        self.marks.append((len(self._events), (tokens, len(tokens.indices))))
        tokens.indices.append(index)

    def end_tokens(self, locator: Callable[[], Callable[[Iterable[int]], list[int]]]) -> None:
        """Declare the end of a call of the tokenizer."""
        if self._tokens.indices:
            self._tokens.locate = locator()
            self._tokens = _TokenMarks()

    def _resolved(self, place: Any, start: int, index: int) -> int:
        source, position, *run = place
        if isinstance(source, memoryview):
            return super()._resolved(place, start, index)
        if run and index < run[1]:
            return source.key_offset(self._events[index][1], position, run[0])  # type: ignore[no-any-return]
        return self._last(place)

    def _last(self, place: Any) -> int:
        if not place:
            return 0
        source, position, *run = place
        if isinstance(source, memoryview):
            return super()._last(place)
        return source.key_offset(run[2], position, run[0]) if run else source.offset(position)  # type: ignore[no-any-return]
