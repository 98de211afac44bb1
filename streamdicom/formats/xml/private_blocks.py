"""Private blocks (PS3.5 7.8.1), which are not part of tags in XML (PS3.19 A.1.5)."""

from __future__ import annotations

from streamdicom._typing import TypeAlias
from streamdicom.errors import DicomXmlError

MAX_CREATOR_LENGTH = 256
"""Characters of a private creator; an LO has at most 64 (PS3.5 6.2)."""

CREATOR, CREATOR_MASK = 0x10000, 0x1FF00
"""A tag that is not CREATOR under CREATOR_MASK reserves no private block."""

BlocksState: TypeAlias = tuple[int, list[tuple[int, str]]]
"""The private group, -1 before the first, and each reserved block with its creator."""

_FIRST, _LAST = 0x10, 0xFF


def is_creator(tag: int) -> bool:
    """Return True for the tag of a Private Creator: (gggg,0010-00FF), gggg odd.

    >>> is_creator(0x00090010), is_creator(0x00091010)
    (True, False)
    """
    return bool(tag & 0x10000) and _FIRST <= tag & 0xFFFF <= _LAST


class PrivateBlocks:
    """The reserved blocks of the current private group, in a data set or an item.

    >>> blocks = PrivateBlocks()
    >>> blocks.reserve(0x00090011, "ACME")
    >>> hex(blocks.with_block(0x00090001, "ACME", last=0)), hex(blocks.with_block(0x00090001, "OTHER", last=0))
    ('0x91101', '0x91001')
    """

    __slots__ = ("_creators", "_group")

    def __init__(self) -> None:
        self._group = -1
        self._creators: dict[int, str] = {}  # by block

    def reserve(self, tag: int, creator: str) -> None:
        """Reserve a block; an empty or too long creator reserves nothing."""
        self._enter(tag >> 16)
        creator = creator.strip(" \0")
        if 0 < len(creator) <= MAX_CREATOR_LENGTH:
            self._creators[tag & 0xFF] = creator

    def __len__(self) -> int:
        return len(self._creators)

    @property
    def state(self) -> BlocksState:
        """The private group and its reserved blocks."""
        return self._group, list(self._creators.items())

    @state.setter
    def state(self, state: BlocksState) -> None:
        self._group, creators = state
        self._creators = dict(creators)

    def creator(self, tag: int) -> str:
        """Return the creator of the block that a tag is in, or reserves; empty if unknown.

        >>> blocks = PrivateBlocks()
        >>> blocks.reserve(0x00090010, "ACME")
        >>> blocks.creator(0x00091001), blocks.creator(0x00090010), blocks.creator(0x00091101)
        ('ACME', 'ACME', '')
        """
        return self._creators.get(tag >> 8 & 0xFF or tag & 0xFF, "") if tag >> 16 == self._group else ""

    def without_block(self, tag: int) -> int:
        """Return a tag in the form gggg00ee if its creator has one block, else as it is.

        >>> blocks = PrivateBlocks()
        >>> blocks.reserve(0x00090010, "ACME")
        >>> hex(blocks.without_block(0x00091001)), hex(blocks.without_block(0x00091101))
        ('0x90001', '0x91101')
        """
        creator = self.creator(tag)
        if not creator or list(self._creators.values()).count(creator) > 1:
            return tag
        return tag & 0xFFFF00FF

    def with_block(self, tag: int, creator: str, last: int) -> int:
        """Return the tag of an element in a block of its private creator.

        A tag in XML has the form gggg00ee (PS3.19 A.1.5). A tag that includes its block is accepted if the block
        belongs to the creator or is free. Of several blocks of one creator, the first that leads to a tag above the
        last one is used. Without any block of the creator, the first free one is, and the caller must reserve it.

        Args:
            tag: The tag as it stands in XML.
            creator: The private creator.
            last: The highest tag so far.

        Raises:
            DicomXmlError: The creator is too long, or no block is free.
        """
        if len(creator) > MAX_CREATOR_LENGTH:
            raise DicomXmlError(f"expected a privateCreator of at most {MAX_CREATOR_LENGTH} characters")
        self._enter(tag >> 16)
        block = tag >> 8 & 0xFF
        if block >= _FIRST and self._creators.get(block, creator) == creator:
            return tag
        own = [block for block, other in self._creators.items() if other == creator]
        if len(own) == 1:  # nearly always
            return tag & 0xFFFF00FF | own[0] << 8
        tags = [tag & 0xFFFF00FF | block << 8 for block in sorted(own)]
        return next((tag for tag in tags if tag > last), tags[0]) if tags else self._in_free_block(tag)

    def _in_free_block(self, tag: int) -> int:
        for block in range(_FIRST, _LAST + 1):
            if block not in self._creators:
                return tag & 0xFFFF00FF | block << 8
        raise DicomXmlError("no private block is free (PS3.5 7.8.1)")

    def _enter(self, group: int) -> None:
        if group != self._group:
            self._group = group
            self._creators.clear()
