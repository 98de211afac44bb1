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

from array import array
from bisect import bisect_right
from collections.abc import Iterable
from itertools import accumulate

from streamdicom import _native
from streamdicom._late import late_pattern
from streamdicom._records import record
from streamdicom._typing import TYPE_CHECKING

if TYPE_CHECKING:
    import re

OTHERS = bytes(set(range(256)) - set(b'"{}'))
"""All bytes but braces and quotation marks."""

_PARENTHESES = bytes.maketrans(b"{}", b"()")
_BLANK = bytes.maketrans(b"/", b"_")
_ESCAPED = late_pattern(rb'\\["\\]')
_QUOTE = late_pattern(rb'"(?<!\\")')  # without a backslash before it
_OPENING = late_pattern(rb'(?s)"(?![\s,:\]}])(?=.)')
_SEPARATOR = late_pattern(rb'\}[^"{}]*\{')
_COMPACT_SEPARATOR = late_pattern(rb"\},\{")
_SLASHES = late_pattern(rb"/(?:[/*]|\Z)")  # or at the end, which may cut a comment
_BRACED = late_pattern(rb'"([^"]*)"')
_GAPS = late_pattern(rb"\}\{|(?<=\))(?=\()")
_NO_OPENING = b" \t\n\r\v\f,:]}"  # the bytes that may follow a quotation mark which closes a string
_STRIDE = 61  # bytes
_SPARSE = 24  # bytes for each quotation mark
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
    if in_string is not None and is_escaped_text(data):
        part = _scan_text(data, offset, in_string)
        if part is not None:
            return part
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
    if may_have_comment(data, in_string) and _SLASHES.search(_without_strings(data, in_string)):
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


def is_escaped_text(data: bytes) -> bool:
    """Return whether a part seems to consist of long strings with escapes."""
    if b"\\" not in data:
        return False
    sample = data[::_STRIDE]
    return sample.count(b'"') * _SPARSE < len(sample)


def _scan_text(data: bytes, offset: int, in_string: bool) -> Summary | None:
    """Summarize a part by its text outside of strings, unless that has a slash."""
    if b'\\\\"' in data:
        data = data.replace(b"\\\\", b"__")
    texts = _QUOTE.split(data)
    if in_string:
        texts.insert(0, b"")
    rest = without_escapes(b'""'.join(texts[::2] if len(texts) % 2 else [*texts[::2], b""]))
    if b"/" in rest:
        return None
    part = _scan(rest, 0, False)
    assert part is not None  # there is no comment without a slash
    removed = list(accumulate(map(len, texts[1::2]), initial=0))
    firsts = list(accumulate([len(text) + 2 for text in texts[::2]]))
    starts = array("Q", [offset - in_string + start + removed[bisect_right(firsts, start)] for start in part.starts])
    return Summary(in_string, len(texts) % 2 == 0, part.change, part.depth, starts)


def _in_parentheses(region: re.Match[bytes]) -> bytes:
    return region[0].translate(_PARENTHESES)


def _marks(data: bytes, in_string: bool) -> tuple[bytes, bool]:
    """Return the braces of a part, with a dot for each string.

    A quotation mark is left where a string has a brace.

    Returns:
        The marks, and whether the part ends within a string.
    """
    marks = data.translate(None, OTHERS)
    if in_string:
        marks = b'"' + marks
    ends_in_string = marks.count(b'"') % 2 == 1
    if ends_in_string:
        marks += b'"'
    return marks.replace(b'""', b"."), ends_in_string


def may_have_comment(data: bytes, in_string: bool) -> bool:
    """Return False if there are no slashes but in evident strings."""
    end = data.find(b'"') if in_string else 0  # of a string
    while end >= 0 and (slash := data.find(b"/", end)) >= 0:
        mark = data.rfind(b'"', end, slash)
        end = data.find(b'"', slash)
        is_evident = mark >= 0 and data[mark + 1] not in _NO_OPENING
        if not is_evident and _SLASHES.search(data, slash, end + 1 if end >= 0 else len(data)):
            return True
    return False


def _without_strings(data: bytes, in_string: bool) -> bytes:
    """Replace slashes in strings by other bytes."""
    parts = data.split(b'"')
    inside = slice(0 if in_string else 1, None, 2)
    parts[inside] = [part.translate(_BLANK) for part in parts[inside]]
    return b'"'.join(parts)
