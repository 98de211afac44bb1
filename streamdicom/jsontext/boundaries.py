r"""The places at which the outermost objects of JSON text begin.

Only the braces outside strings count. An object that begins at depth 0 is one of a document, of an array of objects,
or of a line. A chunk from anywhere in the text tells by itself which of its bytes are in strings (RFC 8259): only white
space, ``,``, ``:``, ``]`` or ``}`` may follow a string, so a quotation mark before another byte opens one if it is not
escaped. A chunk without such a mark has two summaries, of which one fits the chunk before.

No look at a chunk tells its depth: an array of objects and one object that holds that array have the same bytes. But
the depth at its start is the sum of the changes before, so ``join`` is exact, and chunks can be scanned in any order.

This holds for JSON. Text with comments, which some parsers accept, is refused.

>>> summary = join([scan(b'[{"a": "},{"},'), scan(b'\n{"b": [{}]}]', offset=14)])
>>> list(summary.starts)
[1, 15]
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable

from streamdicom import _native
from streamdicom._late import late_pattern
from streamdicom._records import record

_STRUCTURE = b'"{}'
_OTHERS = bytes(set(range(256)) - set(_STRUCTURE))
_CUT = b"\xff"  # which UTF-8 never has
_NEITHER = bytes(set(_OTHERS) - set(_CUT))
_PARENTHESES = bytes.maketrans(b"{}", b"()")
_BLANK = bytes.maketrans(b"/", b"_")
_ESCAPED = late_pattern(rb'\\["\\]')
_OPENING = late_pattern(rb'"(?![\s,:\]}])(?=.)', re.DOTALL)
_SEPARATOR = late_pattern(rb'\}[^"{}]*\{')
_COMPACT_SEPARATOR = late_pattern(rb"\},\{")
_SLASHES = late_pattern(rb"/(?:[/*]|\Z)")  # or at the end, which may cut a comment
_BRACED = late_pattern(rb'"([^"]*)"')
_GAPS = late_pattern(rb"\}\{|(?<=\))(?=\()")
_WHITE_SPACE = b" \t\r\n"
_MAX_SEPARATOR = 64  # bytes
_MAX_DEPTH = 32  # of objects between two separators
_MAX_TRUST = 32  # failures in a row after which no separator is tried
_NO_DEPTH = 1 << 62
_COMMENT_MESSAGE = "expected JSON without comments, found one"


class CommentError(ValueError):
    """The text has a comment, so its boundaries cannot be found without a tokenizer."""


@record(frozen=True, slots=True)
class Summary:
    """The structure of a part of JSON text.

    Attributes:
        starts_in_string: Whether the part starts within a string.
        ends_in_string: Whether it ends within one.
        change: The depth at the end less that at the start.
        depth: The depth of the objects at ``starts``, less that at the start of the part.
        starts: Offsets of objects. They are outermost objects if the depth at the start of the part is ``-depth``;
            otherwise the part has none.

    >>> summary = scan(b'{"a": {}}, {"b": ')
    >>> summary.change, list(summary.outermost(0)), list(summary.outermost(1))
    (1, [0, 11], [])
    """

    starts_in_string: bool
    ends_in_string: bool
    change: int
    depth: int
    starts: array[int]

    def outermost(self, depth: int) -> array[int]:
        """Return the offsets of the outermost objects, for a depth at the start."""
        return self.starts if depth + self.depth == 0 else array("Q")

    def followed_by(self, other: Summary) -> Summary:
        """Return the summary of this part and the next.

        >>> list(scan(b'{"a": ').followed_by(scan(b"{}} {}", offset=6)).starts)
        [0, 10]
        """
        depth, starts = self.depth, self.starts
        other_depth = self.change + other.depth
        if other.starts and (not starts or other_depth < depth):
            depth, starts = other_depth, other.starts
        elif other.starts and other_depth == depth:
            starts = starts + other.starts
        return Summary(self.starts_in_string, other.ends_in_string, self.change + other.change, depth, starts)


@record(frozen=True, slots=True)
class Ambiguous:
    """Both summaries of a part which does not tell whether it starts within a string.

    Attributes:
        outside: If it starts outside of a string; None if it has a comment then.
        inside: If it starts within a string; None if it has a comment then.

    >>> part = scan(b"{} {", in_string=None)
    >>> list(part.after(False).starts), list(part.after(True).starts)
    ([0, 3], [])
    """

    outside: Summary | None
    inside: Summary | None

    def after(self, in_string: bool) -> Summary:
        """Return the summary of the part if it starts within a string, or outside.

        Raises:
            CommentError: It has a comment then.
        """
        summary = self.inside if in_string else self.outside
        if summary is None:
            raise CommentError(_COMMENT_MESSAGE)
        return summary


def join(parts: Iterable[Summary | Ambiguous]) -> Summary:
    """Join the summaries of consecutive parts, from the start of the text on.

    Args:
        parts: In the order of the text.

    Raises:
        CommentError: The text has a comment.
        ValueError: The text is not JSON.
    """
    joiner = Joiner()
    starts = array("Q")
    for part in parts:
        starts.extend(joiner.add(part))
    return Summary(False, joiner.in_string, joiner.depth, 0, starts)


class Joiner:
    """Joins the summaries of consecutive parts, from the start of the text on.

    Attributes:
        in_string: Whether the parts so far end within a string.
        depth: The depth at their end.

    >>> joiner = Joiner()
    >>> [list(joiner.add(scan(text, in_string=None))) for text in (b'[{"a":"', b'{"},{', b'"b":1}]')]
    [[1], [4], []]
    """

    def __init__(self) -> None:
        self.in_string = False
        self.depth = 0

    def add(self, part: Summary | Ambiguous) -> array[int]:
        """Return the offsets of the outermost objects that begin in the next part.

        Raises:
            CommentError: The text has a comment.
            ValueError: The text is not JSON.
        """
        summary = part.after(self.in_string) if isinstance(part, Ambiguous) else part
        if summary.starts_in_string != self.in_string:
            raise ValueError("the text is not JSON")
        starts = summary.outermost(self.depth)
        self.depth += summary.change
        self.in_string = summary.ends_in_string
        return starts


def held_back(data: bytes) -> int:
    r"""Return the number of last bytes that belong to an escape which may go on.

    A part must not end within an escape. Pass these bytes with the next part.

    >>> held_back(b'"a\\'), held_back(b'"a\\\\')
    (1, 0)
    """
    return (len(data) - len(data.rstrip(b"\\"))) & 1


def scan(data: bytes, *, offset: int = 0, in_string: bool | None = False) -> Summary | Ambiguous:
    """Summarize a part of JSON text, which neither starts nor ends within an escape.

    Args:
        data: The part.
        offset: Of the part in the text.
        in_string: Whether the part starts within a string; None if that is unknown.

    Raises:
        CommentError: The text has a comment.

    >>> list(scan(b'[{"a": "{"}, {}]').starts)
    [1, 13]
    """
    found = (_scan_any if _native.functions is None else _scan_natively)(data, offset, in_string)
    if found is None:
        raise CommentError(_COMMENT_MESSAGE)
    return found


def _scan_natively(data: bytes, offset: int, in_string: bool | None) -> Summary | Ambiguous | None:
    known, parts = _native.functions.json_boundaries(data, offset, in_string)  # type: ignore[union-attr]
    if known is None:
        outside, inside = parts
        return Ambiguous(outside and _summary(False, *outside), inside and _summary(True, *inside))
    [part] = parts
    return part and _summary(known, *part)


def _summary(in_string: bool, ends_in_string: bool, change: int, depth: int, starts: bytes) -> Summary:
    return Summary(in_string, ends_in_string, change, depth, array("Q", starts))


def _scan_any(data: bytes, offset: int, in_string: bool | None) -> Summary | Ambiguous | None:
    data = without_escapes(data)
    if in_string is None:
        in_string = _starts_in_string(data)
    if in_string is None:
        return Ambiguous(_scan(data, offset, False), _scan(data, offset, True))
    return _scan(data, offset, in_string)


def without_escapes(data: bytes) -> bytes:
    """Replace escaped backslashes and quotation marks by other bytes."""
    return _ESCAPED.sub(b"__", data) if b"\\" in data else data


def _starts_in_string(data: bytes) -> bool | None:
    """Return whether a part starts within a string, or None if it does not tell."""
    opening = _OPENING.search(data)
    return None if opening is None else data.count(b'"', 0, opening.start()) % 2 == 1


def _scan(data: bytes, offset: int, in_string: bool) -> Summary | None:
    """Summarize a part without escapes; return None if it has a comment."""
    if _may_have_comment(data, in_string) and _SLASHES.search(_without_strings(data, in_string)):
        return None
    marks, ends_in_string = _marks(data, in_string)
    if b'"' in marks:
        marks = _BRACED.sub(_in_parentheses, marks)
    pieces = _GAPS.split(marks) if b")(" in marks else marks.split(b"}{")
    pattern = _COMPACT_SEPARATOR if data.count(b"},{") == len(pieces) - 1 else _SEPARATOR
    lowest: int | None = None
    starts, depth = array("Q"), 0
    if marks.startswith(b"{"):  # no string is before an outermost object
        starts.append(offset + data.index(b"{"))
        lowest = 0
    for piece, separator in zip(pieces, pattern.finditer(data), strict=False):
        depth += piece.count(b"{") - piece.count(b"}")
        if piece.endswith(b")"):  # the separator is in a string
            continue
        if lowest is None or depth - 1 < lowest:
            lowest = depth - 1
            del starts[:]
        if depth - 1 == lowest:
            starts.append(offset + separator.end() - 1)
    depth += pieces[-1].count(b"{") - pieces[-1].count(b"}")
    return Summary(in_string, ends_in_string, depth, lowest or 0, starts)


def _in_parentheses(region: re.Match[bytes]) -> bytes:
    return region[0].translate(_PARENTHESES)


def _marks(data: bytes, in_string: bool) -> tuple[bytes, bool]:
    """Return the braces of a part, with a dot for each string.

    A quotation mark is left where a string has a brace.

    Returns:
        The marks, and whether the part ends within a string.
    """
    marks = data.translate(None, _OTHERS)
    if in_string:
        marks = b'"' + marks
    ends_in_string = marks.count(b'"') % 2 == 1
    if ends_in_string:
        marks += b'"'
    return marks.replace(b'""', b"."), ends_in_string


def _may_have_comment(data: bytes, in_string: bool) -> bool:
    """Return False if there are no slashes but in evident strings."""
    end = data.find(b'"') if in_string else 0  # of a string
    while end >= 0:
        slash = data.find(b"/", end)
        if slash < 0:
            return False
        mark = data.rfind(b'"', end, slash)
        end = data.find(b'"', slash)
        is_evident = mark >= 0 and _OPENING.match(data, mark)
        if not is_evident and _SLASHES.search(data, slash, end + 1 if end >= 0 else len(data)):
            return True
    return False


def _without_strings(data: bytes, in_string: bool) -> bytes:
    """Replace slashes in strings by other bytes."""
    parts = data.split(b'"')
    inside = slice(0 if in_string else 1, None, 2)
    parts[inside] = [part.translate(_BLANK) for part in parts[inside]]
    return b'"'.join(parts)


def _scan_alike(data: bytes, offset: int, in_string: bool, separator: bytes) -> tuple[Summary, int] | None:
    """Summarize a part by one separator of objects, in half of the time of ``_scan``.

    The text is cut at each separator, whether it is between outermost objects, between others or in a string. The
    braces of the pieces prove which are which.

    Args:
        data: The part.
        offset: Of the part in the text.
        in_string: Whether the part starts within a string.
        separator: From the braces that close objects to that which opens the next; see ``_separator_before``.

    Returns:
        The summary, and the least depth of other objects, which the summary lacks; None if the part is not evident.
    """
    data = without_escapes(data)
    if _CUT in data or _may_have_comment(data, in_string):
        return None
    pieces = data.split(separator)
    marks = (b"}" * (separator.count(b"}") - 1) + _CUT).join(pieces).translate(None, _NEITHER)
    if in_string:
        marks = b'"' + marks
    braces, ends_in_string = _braces(marks)
    lengths = list(map(len, pieces))
    if b";" in braces:
        lengths = _joined(lengths, braces, len(separator))
        braces = braces.replace(b";", b"")
    unpaired = _unpaired(braces)
    if unpaired is None:
        return None
    starts, lowest, least = array("Q"), _NO_DEPTH, _NO_DEPTH
    depth, place = 0, offset - 1
    for length, piece in zip(lengths, unpaired, strict=True):
        if place >= offset:  # the opening brace of a separator
            if depth - 1 < lowest:
                lowest = depth - 1
                del starts[:]
            if depth - 1 == lowest:
                starts.append(place)
        closed = piece.count(b"}")
        if depth - closed < least:
            least = depth - closed
        depth += len(piece) - 2 * closed
        place += length + len(separator)
    return Summary(in_string, ends_in_string, depth, lowest if starts else 0, starts), least


def _braces(marks: bytes) -> tuple[bytes, bool]:
    """Return the braces and cuts outside strings, and whether marks end within one.

    A semicolon stands for a cut in a string.
    """
    braces = marks.translate(None, b'"')
    count = len(marks) - len(braces)
    ends_in_string = count % 2 == 1
    if ends_in_string:
        marks += b'"'
        count += 1
    if 2 * marks.count(b'""') < count:  # a string has a brace
        pieces = marks.replace(b'""', b"").split(b'"')
        pieces[1::2] = [b";" * piece.count(_CUT) for piece in pieces[1::2]]
        braces = b"".join(pieces)
    return braces, ends_in_string


def _unpaired(braces: bytes) -> list[bytes] | None:
    """Return the braces without a partner between two cuts, or None if they are deep."""
    for _ in range(_MAX_DEPTH):
        size = len(braces)
        braces = braces.replace(b"{}", b"")
        if len(braces) == size:
            return braces.split(_CUT)
    return None


def _joined(lengths: list[int], braces: bytes, width: int) -> list[int]:
    """Return the lengths of pieces without those cuts that are in strings."""
    joined, position = [], 0
    for piece in braces.split(_CUT):
        count = piece.count(b";")
        joined.append(sum(lengths[position : position + count + 1]) + count * width)
        position += count + 1
    return joined


def _separator_before(data: bytes, start: int) -> bytes | None:
    """Return the text between two objects with a brace of each, or None.

    Args:
        data: A part of the text.
        start: The offset of the object in it.

    >>> _separator_before(b'[{"a": {}}, {"b": {}}]', 12)
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
        self._separator: bytes | None = None
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
                self._separator = _separator_before(data, part.starts[-1] - self._offset)
        self._offset += len(data)
        if isinstance(part, Summary):
            self._in_string = part.ends_in_string
        return part

    def _scan_alike(self, data: bytes, depth: int | None) -> Summary | None:
        """Summarize a part by the separator of the last parts, or return None."""
        if not self._trust or self._separator is None or self._in_string is None:
            return None
        found = _scan_alike(data, self._offset, self._in_string, self._separator)
        if found is None or found[1] <= _outermost(found[0], depth):
            self._trust -= 1
            return None
        self._trust = min(self._trust + 1, _MAX_TRUST)
        return found[0]


def _outermost(summary: Summary, depth: int | None) -> int:
    """Return the greatest depth of objects that a summary must have."""
    if depth is not None:
        return -depth
    return summary.depth if summary.starts else _NO_DEPTH - 1


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
