"""Whether bytes that come in pieces are the items of encapsulated pixel data (PS3.5 A.4)."""

from __future__ import annotations

_ITEM = b"\xfe\xff\x00\xe0"


class ItemsCheck:
    r"""Follows a value field in which fragments of defined length, each in an item, may stand one behind another.

    >>> check = ItemsCheck()
    >>> check.feed(b"\xfe\xff\x00\xe0\0\0\0\0\xfe\xff\x00\xe0\2\0\0\0")
    >>> check.is_complete
    False
    >>> check.feed(b"12")
    >>> check.is_complete
    True
    """

    def __init__(self) -> None:
        self._header = b""  # as much of it as is there
        self._left = 0  # bytes of the item
        self._count = 0
        self._is_wrong = False

    @property
    def is_complete(self) -> bool:
        """Whether all bytes so far are whole items, and there is one at least."""
        return not self._is_wrong and self._count > 0 and not self._left and not self._header

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        pos = 0
        while pos < len(data) and not self._is_wrong:
            if self._left:
                step = min(self._left, len(data) - pos)
                self._left -= step
            else:
                step = min(8 - len(self._header), len(data) - pos)
                self._header += data[pos : pos + step]
                if len(self._header) == 8:
                    self._start_item()
            pos += step

    def _start_item(self) -> None:
        self._is_wrong = self._header[:4] != _ITEM or self._header[4:] == b"\xff\xff\xff\xff"
        self._left = int.from_bytes(self._header[4:], "little")
        self._header = b""
        self._count += 1
