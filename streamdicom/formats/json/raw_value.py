"""The JSON text of a value that no VR allows."""

from __future__ import annotations

from streamdicom._typing import TYPE_CHECKING
from streamdicom.errors import OutputError
from streamdicom.jsontext import DEPTHS, TokenType
from streamdicom.limits import Limits

if TYPE_CHECKING:
    from streamdicom.jsontext import JsonEmitter

_STRING_SEGMENT = int(TokenType.STRING_SEGMENT)


class Capture:
    """Collect the JSON text of a value token by token, unless it becomes too long.

    Args:
        limits: ``segment_size`` bounds the characters that are held, ``depth`` the nesting.

    Attributes:
        is_complete: True once the value has ended.
        has_nonfinite: True if NaN or an infinity was among the tokens. The text then has it as a string.
    """

    def __init__(self, limits: Limits) -> None:
        self._max_size = limits.segment_size
        self._max_depth = limits.depth
        self._blocks: list[bytes] = []
        self._made_emitter: JsonEmitter | None = None
        self._size = 0
        self._depth = 0
        self.is_complete = False
        self.has_nonfinite = False

    def add(self, kind: int, text: str) -> None:
        """Add the next token of the value."""
        self._depth += DEPTHS.get(kind, 0)
        self._size += len(text) + 1
        if self._size > self._max_size:
            self._blocks.clear()
        else:
            try:
                self._emitter.write([(kind, text)])
            except OutputError:  # NaN, which is not JSON
                self._emitter.string(text)
                self.has_nonfinite = True
        self.is_complete = self._depth == 0 and kind != _STRING_SEGMENT

    @property
    def _emitter(self) -> JsonEmitter:
        if self._made_emitter is None:
            from streamdicom.jsontext import JsonEmitter  # imported late: few values are captured

            self._made_emitter = JsonEmitter(self._blocks.append, depth=self._max_depth)
        return self._made_emitter

    @property
    def text(self) -> str:
        """The text, or an empty string if it was too long."""
        if self._size > self._max_size:
            return ""
        self._emitter.flush()
        return b"".join(self._blocks).decode()


def json_number(text: str) -> str:
    """Return the text of a number as JSON text, in which NaN is a string.

    >>> json_number("1e3"), json_number("NaN")
    ('1e3', '"NaN"')
    """
    return text if text[-1:].isdigit() else f'"{text}"'
