"""Comments, which RFC 8259 does not have: from ``//`` to the end of the line, and from ``/*`` to ``*/``.

Spaces take the place of a comment, as many as it has bytes, so that all that is behind it keeps its place.
"""

from __future__ import annotations

import re

_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_OPENING = re.compile(rb"/[/*]")
# What is left of a comment, up to its end or that of the text; of the latter all but a star, which may begin "*/".
# The group is there if the comment ends.
_LINE = rb"[^\r\n]*+((?=[\r\n]))?"
# The last alternative is (?!): see ``_strings``.
_BLOCK = rb"(?:[^*]++|\*(?!/|\Z)|(?!))*+(\*/)?"
_REST = {b"//": re.compile(_LINE), b"/*": re.compile(_BLOCK)}
_COMMENT = re.compile(rb'(?:[^"/]++|%b|/(?![/*])|(?!))*+(//%b|/\*%b)' % (_STRING, _LINE, _BLOCK), re.DOTALL)


class OpenComment:
    """A comment that has not ended yet.

    Args:
        offset: Where it starts.
        opening: What it starts with: ``//`` or ``/*``.
    """

    def __init__(self, offset: int, opening: bytes) -> None:
        self.offset = offset
        self.ends_with_stream = opening == b"//"
        self._rest = _REST[opening]

    def skip(self, piece: bytes) -> tuple[int, bool]:
        """How many bytes of a piece belong to the comment for sure, and whether it ends behind them."""
        match = self._rest.match(piece)
        assert match is not None  # it matches the empty string
        return match.end(), match[1] is not None


def may_hold_comment(word: bytes | bytearray) -> bool:
    """Whether a comment starts within what is taken for a word."""
    return _OPENING.search(word) is not None


def blank(piece: bytes, offset: int) -> tuple[bytes, list[int], OpenComment | None]:
    """Blank the comments of a piece that starts outside of strings and comments.

    Args:
        piece: What to blank them in.
        offset: Where it starts.

    Returns:
        The piece without its comments; the offsets of those that end; and the last one, if it does not.
    """
    parts: list[bytes] = []
    starts: list[int] = []
    opened = None
    position = 0
    while match := _COMMENT.match(piece, position):
        start, end = match.span(1)
        parts += piece[position:start], b" " * (end - start)
        if match[2] is None and match[3] is None:
            opened = OpenComment(offset + start, piece[start : start + 2])
        else:
            starts.append(offset + start)
        position = end
    parts.append(piece[position:])
    return b"".join(parts), starts, opened
