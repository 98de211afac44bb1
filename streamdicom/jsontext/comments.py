"""Comments, which are not part of RFC 8259.

They run from ``//`` to the end of the line, or from ``/*`` to ``*/``. A comment is replaced by spaces, one for each
byte, so byte offsets after it do not change.
"""

from __future__ import annotations

from streamdicom._late import late_pattern

_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_OPENING = late_pattern(rb"/[/*]")
# The rest of a comment, up to its end or the end of the text. A star that ends the text is left out, because it may
# begin "*/". The group matches if the comment ends.
_LINE = rb"[^\r\n]*+((?=[\r\n]))?"
# ``_VALID_RUN`` in ``strings`` explains (?!).
_BLOCK = rb"(?:[^*]++|\*(?!/|\Z)|(?!))*+(\*/)?"
_REST = {b"//": late_pattern(_LINE), b"/*": late_pattern(_BLOCK)}
_COMMENT = late_pattern(rb'(?s)(?:[^"/]++|%b|/(?![/*])|(?!))*+(//%b|/\*%b)' % (_STRING, _LINE, _BLOCK))


class OpenComment:
    """A comment that has not ended yet.

    Args:
        offset: Byte offset of its start.
        opening: ``//`` or ``/*``.
    """

    def __init__(self, offset: int, opening: bytes) -> None:
        self.offset = offset
        self.ends_with_stream = opening == b"//"
        self._rest = _REST[opening]

    def skip(self, piece: bytes) -> tuple[int, bool]:
        """Return how many bytes belong to the comment, and whether it ends there."""
        match = self._rest.match(piece)
        assert match is not None  # it matches the empty string
        return match.end(), match[1] is not None


def may_hold_comment(word: bytes | bytearray) -> bool:
    """True if a comment may start within a word."""
    return _OPENING.search(word) is not None


def blank(piece: bytes, offset: int) -> tuple[bytes, list[int], OpenComment | None]:
    """Blank the comments in a piece that starts outside strings and comments.

    Args:
        piece: JSON text.
        offset: Byte offset of the piece.

    Returns:
        The piece without comments, the offsets of the comments that end, and the comment that does not, or None.
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
