"""A value that no VR has, as the JSON text that it came in."""

from __future__ import annotations

from streamdicom.errors import OutputError
from streamdicom.jsontext import JsonEmitter, TokenType
from streamdicom.limits import Limits

_DEPTHS: dict[int, int] = {
    TokenType.START_OBJECT: 1,
    TokenType.START_ARRAY: 1,
    TokenType.END_OBJECT: -1,
    TokenType.END_ARRAY: -1,
}
_STRING_SEGMENT = int(TokenType.STRING_SEGMENT)


class Capture:
    """The JSON text of a value, token by token, unless it becomes too long.

    Args:
        limits: On the characters that are held, and on the nesting.

    Attributes:
        is_complete: Whether the last token ended the value.
    """

    def __init__(self, limits: Limits) -> None:
        self._most = limits.segment_size
        self._blocks: list[bytes] = []
        self._json: JsonEmitter | None = JsonEmitter(self._blocks.append, depth=limits.depth)
        self._size = 0
        self._depth = 0
        self.is_complete = False

    def add(self, kind: int, text: str) -> None:
        """Take its next token."""
        self._depth += _DEPTHS.get(kind, 0)
        self._size += len(text) + 1
        if self._size > self._most:
            self._json = None
            self._blocks.clear()
        if self._json:
            try:
                self._json.write([(kind, text)])
            except OutputError:  # of NaN, which is no JSON
                self._json.string(text)
        self.is_complete = self._depth == 0 and kind != _STRING_SEGMENT

    @property
    def text(self) -> str:
        """The text; empty if there was too much of it."""
        if self._json is None:
            return ""
        self._json.flush()
        return b"".join(self._blocks).decode()
