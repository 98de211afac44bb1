"""The end of a sequence of undefined length, by the delimiters in it."""

from __future__ import annotations

from functools import cache

from streamdicom._typing import TYPE_CHECKING
from streamdicom.dicom import EXPLICIT_BIG_ENDIAN, EXPLICIT_LITTLE_ENDIAN

if TYPE_CHECKING:
    import re

TOKEN_SIZE = 8
"""Bytes of a delimiter, or of a length and a tag."""

_SEQUENCE, _ITEM = True, False


@cache
def _tokens(little_endian: bool) -> re.Pattern[bytes]:
    """Return the pattern of starts and ends of undefined length (PS3.5 7.5)."""
    import re  # which takes long, and only a faulty file needs it

    encoding = EXPLICIT_LITTLE_ENDIAN if little_endian else EXPLICIT_BIG_ENDIAN
    item, item_end, sequence_end = [
        re.escape(encoding.tag.pack(0xFFFE, element)) for element in (0xE000, 0xE00D, 0xE0DD)
    ]
    sequence_start = rb"(\xff{4}(?=%b|%b))" % (item, sequence_end)
    return re.compile(
        rb"%b|(%b\xff{4})|(%b\0{4})|(%b\0{4})" % (sequence_start, item, item_end, sequence_end), re.DOTALL
    )


_START_SEQUENCE, _START_ITEM, _END_ITEM = 1, 2, 3  # groups of the pattern; the last is the end of a sequence


class EndSearch:
    r"""The search for the delimiter of a sequence, from its first item on.

    Only structures of undefined length are followed, because each has a delimiter, and lengths may be wrong. They must
    agree with the structures that the parser has found up to the fault, and each delimiter with the innermost open
    structure. Otherwise the end is not known.

    Args:
        fault: The offset of the fault.
        opened: The open structures of undefined length before it, outermost first: True for a sequence or for
            fragments, False for an item. The first is the sequence.
        left: The same after it.
        little_endian: The byte order of the tags.

    Attributes:
        has_failed: True if the end cannot be found.

    >>> search = EndSearch(0, [True], [True], little_endian=True)
    >>> search.find(b"hello world\xfe\xff\xdd\xe0\0\0\0\0", 0, 0)
    (11, 11)
    """

    def __init__(self, fault: int, opened: list[bool], left: list[bool], *, little_endian: bool) -> None:
        self.has_failed = False
        self._fault: int | None = fault
        self._expected, self._left = opened, left
        self._opened = [_SEQUENCE]
        self._tokens = _tokens(little_endian)

    def find(self, data: bytes, pos: int, base: int) -> tuple[int, int | None]:
        """Search some bytes.

        Args:
            data: Bytes of the file.
            pos: The position to start at.
            base: The offset of position 0.

        Returns:
            The position up to which all is searched, and that of the delimiter or None.
        """
        for token in self._tokens.finditer(data, pos):
            if self._fault is not None and base + token.start() >= self._fault:
                self._fault = None
                self.has_failed = self._opened != self._expected
                self._opened = self._left
            if not self.has_failed:
                self._follow(token.lastindex or 0)
            if self.has_failed or not self._opened:
                return token.start(), None if self.has_failed else token.start()
            pos = token.end()
        return max(pos, len(data) - TOKEN_SIZE + 1), None

    def _follow(self, kind: int) -> None:
        opened = self._opened
        if kind == _START_SEQUENCE:
            opened.append(_SEQUENCE)
        elif kind == _START_ITEM:
            opened.append(_ITEM)
        else:
            ended = opened.pop()
            self.has_failed = ended is not (_ITEM if kind == _END_ITEM else _SEQUENCE)
            self.has_failed |= not opened and self._fault is not None
