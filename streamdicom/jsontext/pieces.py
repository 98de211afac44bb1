r"""The boundaries of JSON text that arrives in pieces.

In plain Python, text is cut at the bytes that stand between most objects, such as ``}},{``, whether they are between
outermost objects, between others or in a string. The braces and quotation marks of each piece prove which. Many pieces
have the same ones, which are examined once.
"""

from __future__ import annotations

from array import array

from streamdicom import _native
from streamdicom.jsontext.boundaries import (
    OTHERS,
    Ambiguous,
    Joiner,
    Summary,
    is_escaped_text,
    may_have_comment,
    scan,
    without_escapes,
)

_WHITE_SPACE = b" \t\r\n"
_MAX_SEPARATOR = 64  # bytes
_MAX_DEPTH = 32  # of objects between two separators
_MAX_TRUST = 32  # failures in a row after which no separator is tried
_MAX_SHAPES = 256
_MAX_SHAPE = 16 * 1024  # bytes
_MIN_SKIP = 400  # bytes; a look at them takes as long as a call
_NO_DEPTH = 1 << 62


def held_back(data: bytes) -> int:
    r"""Return the number of last bytes that belong to an escape which may go on.

    A part must not end within an escape. Pass these bytes with the next part.

    >>> held_back(b'"a\\'), held_back(b'"a\\\\')
    (1, 0)
    """
    return (len(data) - len(data.rstrip(b"\\"))) & 1


class Shapes(dict[bytes, tuple[int, int, bool] | None]):
    """Braces and quotation marks of text, with their meaning.

    It consists of the closing and the opening braces without a partner, and of whether the text ends within a string;
    None if the braces are deep. The text begins outside of a string. Braces in strings do not count.

    >>> Shapes()[b'}""{{""}']
    (1, 1, False)
    """

    def __missing__(self, marks: bytes) -> tuple[int, int, bool] | None:
        """Find it, and remember it if it is short."""
        shape = _shape(marks)
        if len(marks) <= _MAX_SHAPE:
            if len(self) >= _MAX_SHAPES:
                self.clear()
            self[marks] = shape
        return shape


def _shape(marks: bytes) -> tuple[int, int, bool] | None:
    braces = marks.replace(b'""', b"")
    if b'"' in braces:  # a string has a brace, or does not end
        braces = b"".join(braces.split(b'"')[::2])
    for _ in range(_MAX_DEPTH):
        size = len(braces)
        braces = braces.replace(b"{}", b"")
        if len(braces) == size:
            closed = braces.count(b"}")
            return closed, size - closed, marks.count(b'"') % 2 == 1
    return None


class Cutter:
    """Summarizes parts by one separator, in a third of the time of ``scan``.

    The separator is not looked for right after the one before, but about where the next one is expected. If it is
    nearer for once, the braces of the piece that has it tell, and the part is cut again.

    Args:
        separator: From the braces that close objects to that which opens the next; see ``separator_before``.

    >>> list(Cutter(b"}},{").summarize(b'{}},{"a":{}},{"a":', 0, False, 1).starts)
    [4, 13]
    """

    def __init__(self, separator: bytes) -> None:
        self.separator = separator
        self._skip = 0  # bytes after each separator, less than there have ever been between two
        self._shapes = Shapes()

    def summarize(self, data: bytes, offset: int, in_string: bool, depth: int | None) -> Summary | None:
        """Summarize a part.

        Args:
            data: The part.
            offset: Of the part in the text.
            in_string: Whether the part starts within a string.
            depth: The depth at its start, if it is known. The summary may be right for this depth only.

        Returns:
            The summary, or None if the part is not evident.
        """
        data = without_escapes(data)
        if may_have_comment(data, in_string):
            return None
        for skip in (self._skip, 0) if self._skip else (0,):
            pieces = self._cut(data, skip)
            found = self._joined(pieces, offset, in_string)
            if found and found[1] > _outermost(found[0], depth):
                if len(pieces) > 2:  # the first and the last go on in other parts
                    nearest = min(map(len, pieces[1:-1])) * 3 // 4
                    self._skip = min(self._skip or nearest, nearest)
                return found[0]
        return None

    def _cut(self, data: bytes, skip: int) -> list[bytes]:
        if skip < _MIN_SKIP:
            return data.split(self.separator)
        separator, width = self.separator, len(self.separator)
        pieces, start, end = [], 0, data.find(self.separator)
        while end >= 0:
            pieces.append(data[start:end])
            start = end + width
            end = data.find(separator, start + skip)
        return [*pieces, data[start:]]

    def _joined(self, pieces: list[bytes], offset: int, in_string: bool) -> tuple[Summary, int] | None:
        """Return the summary of a part by its pieces, or None if an object is deep.

        Returns:
            The summary, and the least depth of other objects, which it lacks.
        """
        width, closing, shapes = len(self.separator), self.separator.count(b"}") - 1, self._shapes
        starts, lowest, least = array("Q"), _NO_DEPTH, _NO_DEPTH
        depth, place, is_object, ends_in_string = 0, offset, False, in_string
        for piece in pieces:
            if is_object:
                depth -= closing
                if depth - 1 < lowest:
                    lowest = depth - 1
                    del starts[:]
                if depth - 1 == lowest:
                    starts.append(place - 1)
            marks = piece.translate(None, OTHERS)
            shape = shapes[b'"' + marks if ends_in_string else marks]
            if shape is None:
                return None
            closed, opened, ends_in_string = shape
            depth -= closed
            if depth < least:
                least = depth
            depth += opened
            place += len(piece) + width
            is_object = not ends_in_string
        return Summary(in_string, ends_in_string, depth, lowest if starts else 0, starts), least


def _outermost(summary: Summary, depth: int | None) -> int:
    """Return the greatest depth of objects that a summary must have."""
    if depth is not None:
        return -depth
    return summary.depth if summary.starts else _NO_DEPTH - 1


def separator_before(data: bytes, start: int) -> bytes | None:
    """Return the text between two objects with a brace of each, or None.

    Args:
        data: A part of the text.
        start: The offset of the object in it.

    >>> separator_before(b'[{"a": {}}, {"b": {}}]', 12)
    b'}}, {'
    """
    before = data[max(0, start - _MAX_SEPARATOR) : start]
    inner = before.rstrip(_WHITE_SPACE + b",")
    if not inner.endswith(b"}"):
        return None
    rest = inner[:-1].rstrip(_WHITE_SPACE)  # all but empty objects end with two braces
    return before[len(rest if rest.endswith(b"}") else inner) - 1 :] + b"{"


class PartScanner:
    """Summarizes JSON text that arrives in pieces.

    Args:
        offset: Bytes of the text before the first piece.
        in_string: Whether the first piece starts within a string; None if that is unknown.

    >>> scanner = PartScanner()
    >>> [scanner.feed(piece).change for piece in (b'[{"a": {', b'"b": "}"', b"}}]")]
    [2, 0, -2]
    """

    def __init__(self, offset: int = 0, in_string: bool | None = False) -> None:
        self._offset = offset
        self._tail = b""
        self._in_string = in_string
        self._cutter: Cutter | None = None
        self._trust = _MAX_TRUST if _native.functions is None else 0

    def feed(self, data: bytes, depth: int | None = None) -> Summary | Ambiguous:
        """Summarize the next bytes, but hold back an escape that may go on.

        Args:
            data: The bytes.
            depth: The depth at their start, if it is known. The summary may be right for this depth only.

        Raises:
            CommentError: The text has a comment.
        """
        data = self._tail + data
        held = held_back(data)
        self._tail = data[len(data) - held :]
        data = data[: len(data) - held]
        part: Summary | Ambiguous | None = self._scan_alike(data, depth)
        if part is None:
            part = scan(data, offset=self._offset, in_string=self._in_string)
            if self._trust and isinstance(part, Summary) and len(part.starts) > 1:
                self._learn(separator_before(data, part.starts[-1] - self._offset))
        self._offset += len(data)
        if isinstance(part, Summary):
            self._in_string = part.ends_in_string
        return part

    def _scan_alike(self, data: bytes, depth: int | None) -> Summary | None:
        """Summarize a part by the separator of the last parts, or return None."""
        if not self._trust or self._cutter is None or self._in_string is None or is_escaped_text(data):
            return None
        part = self._cutter.summarize(data, self._offset, self._in_string, depth)
        self._trust = self._trust - 1 if part is None else min(self._trust + 1, _MAX_TRUST)
        return part

    def _learn(self, separator: bytes | None) -> None:
        if separator is None:
            self._cutter = None
        elif self._cutter is None or self._cutter.separator != separator:
            self._cutter = Cutter(separator)


class BoundaryScanner:
    r"""Finds the outermost objects of JSON text that arrives in pieces.

    Memory is bounded by the piece.

    Args:
        offset: Bytes of the text before the first piece, which starts at an outermost object.

    >>> scanner = BoundaryScanner()
    >>> [list(scanner.feed(piece)) for piece in (b'[{"a": "\\', b'"{"}, ', b'{}]')]
    [[1], [], [15]]
    """

    def __init__(self, offset: int = 0) -> None:
        self._parts = PartScanner(offset)
        self._joiner = Joiner()

    def feed(self, data: bytes) -> array[int]:
        """Return the offsets of the outermost objects that begin in the next bytes.

        Raises:
            CommentError: The text has a comment.
        """
        return self._joiner.add(self._parts.feed(data, self._joiner.depth))

    @property
    def is_between(self) -> bool:
        """Whether no object is open."""
        return self._joiner.depth == 0 and not self._joiner.in_string
