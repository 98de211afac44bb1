"""What may stand behind a document: white space, comments and processing instructions (XML 1.0, section 2.1).

What comes next may be another document, in another encoding. So it is not for expat to look at, which would take it
for a part of the document before: where it stops depends on how the bytes were cut, as a name may always go on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

_SPACE = re.compile(r"[ \t\r\n]*")
_TAG = re.compile(r"""<(?:[^>"']++|"[^"]*+"|'[^']*+')*+>""")
_FEW = 256  # bytes that are looked at first; mostly there are no more
_COMMENT = "<!--"
_INSTRUCTION = "<?"
_NO_INSTRUCTION = re.compile(r"<\?(?:[xX][mM][lL])?[ \t\r\n?>]")  # but the declaration of a document, or nothing


@dataclass(frozen=True, slots=True)
class Misc:
    """A scanner.

    Attributes:
        encoding: That of the document, or one that has its markup at the same places.

    >>> Misc("latin-1").pass_over(b"<!-- a --> <?b?> <NativeDicomModel")
    (17, False)
    """

    encoding: str

    @classmethod
    def behind(cls, data: bytes, start: int, end: int) -> tuple[Self, int]:
        r"""The one for what stands behind a document; and where that begins.

        Args:
            data: Bytes of the document and from behind it.
            start: Where the start tag of the document element starts; below 0 if that was before.
            end: Where its end tag does, if it has one.

        >>> Misc.behind(b"<a/> ", 0, 4), Misc.behind(b"<\0/\0a\0>\0", -6, 0)
        ((Misc(encoding='latin-1'), 4), (Misc(encoding='utf-16-le'), 8))
        """
        place = start if start >= 0 else end
        misc = cls({b"<\0": "utf-16-le", b"\0<": "utf-16-be"}.get(data[place : place + 2], "latin-1"))
        tag = misc._tag(data, place)
        if start >= 0 and not tag.endswith("/>"):
            place, tag = end, misc._tag(data, end)
        return misc, place + misc._size(tag)

    def _tag(self, data: bytes, start: int) -> str:
        tag = _TAG.match(self._decoded(data[start : start + _FEW])) or _TAG.match(self._decoded(data[start:]))
        assert tag
        return tag[0]

    def pass_over(self, data: bytes) -> tuple[int, bool]:
        """How many bytes of some belong to the document before them; and whether more of it may come.

        If so, the rest must come again, with what follows it.
        """
        passed, is_open = self._pass_over(data[:_FEW])
        return self._pass_over(data) if is_open and len(data) > _FEW else (passed, is_open)

    def _pass_over(self, data: bytes) -> tuple[int, bool]:
        text = self._decoded(data)
        start, end = -1, 0
        while end > start:
            start = _SPACE.match(text, end).end()  # type: ignore[union-attr]
            end = _end_of_markup(text, start)
        return self._size(text[:start]), end < 0 or start == len(text)

    def _decoded(self, data: bytes) -> str:
        if self.encoding != "latin-1":
            data = data[: len(data) // 2 * 2]
        return data.decode(self.encoding, "surrogatepass")

    def _size(self, text: str) -> int:
        return len(text.encode(self.encoding, "surrogatepass"))


def _end_of_markup(text: str, start: int) -> int:
    """Where a comment or a processing instruction ends; ``start`` if there is none, and -1 if there may be one."""
    if text.startswith(_COMMENT, start):
        dashes = text.find("--", start + len(_COMMENT))
        if dashes < 0 or dashes + 2 == len(text):
            return -1
        return dashes + 3 if text[dashes + 2] == ">" else start
    if text.startswith(_INSTRUCTION, start):
        if _NO_INSTRUCTION.match(text, start):
            return start
        mark = text.find("?>", start)
        return mark + 2 if mark >= 0 else -1
    return -1 if start < len(text) and _COMMENT.startswith(text[start : start + len(_COMMENT)]) else start
