"""Private blocks (PS3.5 7.8.1), which the tags of the Native DICOM Model do not have."""

from __future__ import annotations

from streamdicom.errors import DicomXmlError

LONGEST_CREATOR = 256
"""Characters of a private creator, where an LO may have 64 (PS3.5 6.2)."""

_FIRST, _LAST = 0x10, 0xFF


def is_creator(tag: int) -> bool:
    """Whether the tag is (gggg,0010-00FF) of an odd group: that of a Private Creator.

    >>> is_creator(0x00090010), is_creator(0x00091010)
    (True, False)
    """
    return bool(tag & 0x10000) and _FIRST <= tag & 0xFFFF <= _LAST


class Blocks:
    """The blocks of the private group that is being read, in a data set or an item.

    >>> blocks = Blocks()
    >>> blocks.reserve(0x00090011, "ACME")
    >>> hex(blocks.place(0x00090001, "ACME", last=0)), hex(blocks.place(0x00090001, "OTHER", last=0))
    ('0x91101', '0x91001')
    """

    __slots__ = ("_creators", "_group")

    def __init__(self) -> None:
        self._group = -1
        self._creators: dict[int, str] = {}  # by block

    def reserve(self, tag: int, creator: str) -> None:
        """Take the element that reserves a block; a creator that is empty, or too long, reserves none."""
        self._go_to(tag >> 16)
        creator = creator.strip(" \0")
        if 0 < len(creator) <= LONGEST_CREATOR:
            self._creators[tag & 0xFF] = creator

    def creator(self, tag: int) -> str:
        """The private creator of the block that a tag is in, or that it reserves; empty if there is none.

        >>> blocks = Blocks()
        >>> blocks.reserve(0x00090010, "ACME")
        >>> blocks.creator(0x00091001), blocks.creator(0x00090010), blocks.creator(0x00091101)
        ('ACME', 'ACME', '')
        """
        return self._creators.get(tag >> 8 & 0xFF or tag & 0xFF, "") if tag >> 16 == self._group else ""

    def without_block(self, tag: int) -> int:
        """The tag in the form gggg00ee, if its creator has this block alone; or else the tag as it is.

        >>> blocks = Blocks()
        >>> blocks.reserve(0x00090010, "ACME")
        >>> hex(blocks.without_block(0x00091001)), hex(blocks.without_block(0x00091101))
        ('0x90001', '0x91101')
        """
        creator = self.creator(tag)
        if not creator or list(self._creators.values()).count(creator) > 1:
            return tag
        return tag & 0xFFFF00FF

    def place(self, tag: int, creator: str, last: int) -> int:
        """The tag that an element has in a block of its private creator.

        A tag has the form gggg00ee (PS3.19 A.1.5). One that has its block is taken as it is, if the block is that of
        the creator or of nobody. Where there are several blocks of one creator it is the first whose tag is above
        the last one; where there is none it is the first that is free, which the caller must reserve.

        Args:
            tag: The tag as it stands in XML.
            creator: The private creator.
            last: The highest tag that has come.

        Raises:
            DicomXmlError: The creator is too long, or no block is free.
        """
        if len(creator) > LONGEST_CREATOR:
            raise DicomXmlError(f"a private creator of more than {LONGEST_CREATOR} characters")
        self._go_to(tag >> 16)
        block = tag >> 8 & 0xFF
        if block >= _FIRST and self._creators.get(block, creator) == creator:
            return tag
        own = [block for block, other in self._creators.items() if other == creator]
        tags = [tag & 0xFFFF00FF | block << 8 for block in sorted(own)]
        return next((tag for tag in tags if tag > last), tags[0]) if tags else self._in_free_block(tag)

    def _in_free_block(self, tag: int) -> int:
        for block in range(_FIRST, _LAST + 1):
            if block not in self._creators:
                return tag & 0xFFFF00FF | block << 8
        raise DicomXmlError("no private block is free (PS3.5 7.8.1)")

    def _go_to(self, group: int) -> None:
        if group != self._group:
            self._group = group
            self._creators.clear()
