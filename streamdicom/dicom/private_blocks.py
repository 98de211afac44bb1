"""Private elements and the blocks that their creators reserve (PS3.5 7.8)."""

from __future__ import annotations

from streamdicom._typing import Any

_MAX_CREATOR_LENGTH = 64  # characters of an LO (PS3.5 6.2)


def is_private(tag: int) -> bool:
    """Return True for a tag with an odd group number.

    >>> is_private(0x00091001), is_private(0x00100020)
    (True, False)
    """
    return bool(tag & 0x10000)


def is_private_creator(tag: int) -> bool:
    """Return True for a Private Creator, which reserves a block.

    >>> is_private_creator(0x00090010), is_private_creator(0x00091010)
    (True, False)
    """
    return bool(tag & 0x10000) and 0x10 <= tag & 0xFFFF <= 0xFF


def reserved_block(tag: int) -> int:
    """Return the block that a Private Creator reserves.

    It is a tag of the block without the last two digits.

    >>> hex(reserved_block(0x00090010))
    '0x910'
    """
    return tag >> 16 << 8 | tag & 0xFF


def creator_of(values: tuple[Any, ...]) -> str:
    """Return the name in the values of a Private Creator, or "".

    >>> creator_of(("GEMS_IDEN_01 ",)), creator_of(())
    ('GEMS_IDEN_01', '')
    """
    creator = values[0] if values else ""
    return creator.strip(" \0")[:_MAX_CREATOR_LENGTH] if isinstance(creator, str) else ""


class PrivateBlocks:
    """The private creators of a data set or an item.

    Tags ascend, so only the creators of one group are held.

    >>> blocks = PrivateBlocks()
    >>> blocks.reserve(0x00090010, ("GEMS_IDEN_01",))
    >>> blocks.creator(0x00091002), blocks.creator(0x00091102)
    ('GEMS_IDEN_01', '')
    """

    __slots__ = ("_creators",)

    def __init__(self) -> None:
        self._creators: dict[int, str] = {}

    def reserve(self, tag: int, values: tuple[Any, ...]) -> None:
        """Note the value of a Private Creator."""
        block = reserved_block(tag)
        if self._creators and next(iter(self._creators)) >> 8 != block >> 8:
            self._creators.clear()
        self._creators[block] = creator_of(values)

    def creator(self, tag: int) -> str:
        """Return the creator of a private element, or ""."""
        return self._creators.get(tag >> 8, "")
