"""Check for the items of encapsulated pixel data (PS3.5 A.4) in a value field."""

from __future__ import annotations

from streamdicom.dicom.tags import ITEM_TAG_BYTES

_HEADER_LENGTH = 8
_UNDEFINED = b"\xff\xff\xff\xff"


class FragmentCheck:
    r"""Checks whether a value field is a series of items, one for each fragment.

    >>> check = FragmentCheck()
    >>> check.feed(b"\xfe\xff\x00\xe0\0\0\0\0\xfe\xff\x00\xe0\2\0\0\0")
    >>> check.is_complete
    False
    >>> check.feed(b"12")
    >>> check.is_complete
    True
    """

    def __init__(self) -> None:
        self._header = b""  # the bytes of it so far
        self._remaining = 0  # bytes of the item
        self._count = 0
        self._is_wrong = False

    @property
    def is_complete(self) -> bool:
        """True if the bytes so far are one or more complete items."""
        return not self._is_wrong and self._count > 0 and not self._remaining and not self._header

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the value field, cut anywhere."""
        pos = 0
        while pos < len(data) and not self._is_wrong:
            if self._remaining:
                step = min(self._remaining, len(data) - pos)
                self._remaining -= step
            else:
                step = min(_HEADER_LENGTH - len(self._header), len(data) - pos)
                self._header += data[pos : pos + step]
                if len(self._header) == _HEADER_LENGTH:
                    self._start_item()
            pos += step

    def _start_item(self) -> None:
        tag, length = self._header[:4], self._header[4:]
        self._is_wrong = tag != ITEM_TAG_BYTES or length == _UNDEFINED
        self._remaining = int.from_bytes(length, "little")
        self._header = b""
        self._count += 1
