"""Byte offsets of tokens.

Tokens carry no offset. When one is needed, as it is for errors and deviations, the text is searched once more.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from itertools import islice

from streamdicom._late import late_pattern
from streamdicom.jsontext.strings import length_in_bytes

_TOKEN = late_pattern(r'"[^"]*"|[\[\]{}]|[^ \t\r\n\[\]{}:,"]+')


class Origins:
    """The texts that the tokens of a call were made from.

    Attributes:
        count: Number of tokens so far.
    """

    def __init__(self) -> None:
        self.count = 0
        self._firsts: list[int] = []  # of each text, the index of its first token
        self._texts: list[tuple[str, int, int]] = []  # a text, the position of its first token, its byte offset

    def clear(self) -> None:
        """Forget all tokens."""
        self.count = 0
        self._firsts.clear()
        self._texts.clear()

    def copy(self) -> Origins:
        """Return the origins of the tokens so far."""
        copy = Origins()
        copy.count, copy._firsts, copy._texts = self.count, self._firsts.copy(), self._texts.copy()
        return copy

    def add(self, count: int, text: str, start: int, offset: int) -> None:
        """Add tokens.

        Args:
            count: Number of tokens.
            text: The text that contains them, with escapes masked; empty for a string without its quotation marks.
            start: Characters of the text before them.
            offset: Byte offset of the text in the stream.
        """
        self._firsts.append(self.count)
        self._texts.append((text, start, offset))
        self.count += count

    def locate(self, indices: Iterable[int]) -> list[int]:
        """Return the byte offsets of tokens, whose indices must not descend, in one pass."""
        offsets: list[int] = []
        last = -1
        for index in indices:
            number = bisect_right(self._firsts, index) - 1
            if number != last:
                last, following = number, self._firsts[number]
                text, start, offset = self._texts[number]
                matches = _TOKEN.finditer(text, start)
                position = 0  # of the byte offset in the text
            if index >= following:
                found = next(islice(matches, index - following, None), None)
                following = index + 1
                if found:
                    offset += length_in_bytes(text[position : found.start()])
                    position = found.start()
            offsets.append(offset)
        return offsets
