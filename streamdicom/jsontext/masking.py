"""Values within a JSON text: everything else becomes white space.

The text keeps its length, so offsets in it are offsets in the whole. A path is a prefix of the package ijson: names of
members separated by dots, with ``item`` for any value in an array.
"""

from __future__ import annotations

from collections.abc import Sequence

from streamdicom.errors import InputError
from streamdicom.jsontext.tokenizer import JsonTokenizer
from streamdicom.jsontext.tokens import DEPTHS, Token, TokenType
from streamdicom.limits import Limits

_PROPERTY_NAME, _START_ARRAY = int(TokenType.PROPERTY_NAME), int(TokenType.START_ARRAY)


class PathMask:
    """Masks all of a JSON text but the objects and arrays at a path.

    Memory is bounded by the limits and the longest chunk that is fed.

    Args:
        path: The path.
        limits: Bounds on the text.
        lenient: See ``JsonTokenizer``.

    Attributes:
        error: The fault of the text, which was fed up to there.
        other: The offset of the first value at the path that is no object and no array, at which masking ends.
        is_empty: Whether there was no token yet.

    >>> mask = PathMask("a.item", Limits(), lenient=False)
    >>> mask.feed(b'{"a": [{}, '), mask.feed(b'{"b": 1}], "c": {}}')
    (b'       {}  ', b'{"b": 1}           ')
    """

    def __init__(self, path: str, limits: Limits, *, lenient: bool) -> None:
        self._path = path
        self._json = JsonTokenizer(limits, multiple=True, lenient=lenient)
        self._offset = 0  # of the next byte
        self._paths: list[str] = []  # in each open object or array, the path of the current value
        self._depth = 0  # objects and arrays open in a value at the path, or where there can be no such value
        self._is_within = False  # a value at the path
        self.error: InputError | None = None
        self.other: int | None = None
        self.is_empty = True

    def feed(self, data: bytes) -> bytes:
        """Return the next bytes, masked."""
        start = self._offset
        self._offset += len(data)
        if self.error or self.other is not None:
            return bytes(data) if self._is_within else b" " * len(data)
        pieces = []
        position, was_within = 0, self._is_within
        for offset in self._json.locate_all(self._changes(self._tokens(data))):
            end = offset - start + was_within  # after the closing bracket
            pieces.append(data[position:end] if was_within else b" " * (end - position))
            position, was_within = end, not was_within
        pieces.append(data[position:] if was_within else b" " * (len(data) - position))
        return b"".join(pieces)

    def close(self) -> None:
        """Declare the end of the text, which may be a fault."""
        if not self.error and self.other is None:
            self._changes(self._tokens(None))

    def _tokens(self, data: bytes | None) -> Sequence[Token]:
        try:
            tokens = self._json.finish() if data is None else self._json.feed(data)
        except InputError as error:
            self.error = error
            return ()
        if data is None and not self._json.error:
            try:
                self._json.close()
            except InputError as error:
                self.error = error
        self.error = self.error or _input_error(self._json.error)
        self.is_empty = self.is_empty and not tokens
        return tokens

    def _changes(self, tokens: Sequence[Token]) -> list[int]:
        """Return the indices of the tokens that start or end a value at the path."""
        changes: list[int] = []
        depth, paths, path = self._depth, self._paths, self._path
        for index, (kind, text) in enumerate(tokens):
            change = DEPTHS.get(kind, 0)
            if depth:
                depth += change
                if not depth and self._is_within:
                    changes.append(index)
                    self._is_within = False
            elif kind == _PROPERTY_NAME:
                paths[-1] = text if len(paths) == 1 else f"{paths[-2]}.{text}"
            elif change < 0:
                paths.pop()
            elif (current := paths[-1] if paths else "") == path:
                if not change:
                    self.other = self._json.locate(index)
                    break
                changes.append(index)
                depth, self._is_within = 1, True
            elif change and paths and not path.startswith(f"{current}."):
                depth = 1
            elif change:
                item = f"{current}.item" if paths else "item"
                paths.append(item if kind == _START_ARRAY else "")
        self._depth = depth
        return changes


def _input_error(error: Exception | None) -> InputError | None:
    return error if isinstance(error, InputError) else None
