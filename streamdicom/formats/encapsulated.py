"""Encapsulated pixel data (PS3.5 A.4) as the one value that text formats have for it."""

from __future__ import annotations

from streamdicom.bulkdata import LONGEST_FRAGMENT
from streamdicom.dicom import ITEM_TAG
from streamdicom.errors import OutputError
from streamdicom.jsontext import Base64Encoder


class FragmentsEncoder:
    """Makes base64 of fragments, as pydicom does: the value field with its items, without the delimiter behind them.

    >>> encoder = FragmentsEncoder()
    >>> encoder.start(3) + encoder.segment(b"abc", final=True) + encoder.close()
    '/v8A4AMAAABhYmM='
    """

    def __init__(self) -> None:
        self._base64 = Base64Encoder()
        self._left = 0  # bytes of the fragment that is open

    def start(self, length: object) -> str:
        """Start a fragment of so many bytes.

        Raises:
            OutputError: That is no length.
        """
        if not isinstance(length, int) or not 0 <= length <= LONGEST_FRAGMENT:
            raise OutputError("a fragment whose length is not told")
        self._left = length
        return self._base64.encode(ITEM_TAG + length.to_bytes(4, "little"))

    def segment(self, value: object, *, final: bool) -> str:
        """Take some bytes of it.

        Raises:
            OutputError: They are no bytes, or not as many as was told.
        """
        if not isinstance(value, bytes):
            raise OutputError("a fragment that is not bytes")
        self._left -= len(value)
        if self._left < 0:
            raise OutputError("a fragment that is longer than was told")
        if final and self._left:
            raise OutputError("a fragment that is shorter than was told")
        return self._base64.encode(value)

    def close(self) -> str:
        """The end of the text."""
        return self._base64.encode(b"", final=True)
