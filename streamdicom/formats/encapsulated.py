"""Encapsulated pixel data (PS3.5 A.4) as one base64 value, for JSON and XML."""

from __future__ import annotations

from streamdicom.dicom import (
    ITEM_TAG_BYTES,
    MAX_FRAGMENT_LENGTH,
)
from streamdicom.errors import OutputError
from streamdicom.jsontext import Base64Encoder


class FragmentsEncoder:
    """Encode fragments as the base64 of their Value Field, as pydicom does.

    The Value Field has the Basic Offset Table and an Item for each fragment, without the Sequence Delimitation Item.

    >>> encoder = FragmentsEncoder()
    >>> encoder.start(3) + encoder.segment(b"abc", final=True) + encoder.close()
    '/v8A4AMAAABhYmM='
    """

    def __init__(self) -> None:
        self._base64 = Base64Encoder()
        self._length = 0  # of the open fragment
        self._size = 0  # bytes of it so far

    def start(self, length: object) -> str:
        """Start a fragment.

        Args:
            length: Its length in bytes, as START_FRAGMENT has it.

        Raises:
            OutputError: The length is not an integer, or out of range.
        """
        if not isinstance(length, int):
            raise OutputError(f"expected the length of a fragment in bytes, found {type(length).__name__}")
        if not 0 <= length <= MAX_FRAGMENT_LENGTH:
            raise OutputError(f"expected a fragment of 0 to {MAX_FRAGMENT_LENGTH} bytes, found a length of {length}")
        self._length = length
        self._size = 0
        return self._base64.encode(ITEM_TAG_BYTES + length.to_bytes(4, "little"))

    def segment(self, value: object, *, final: bool) -> str:
        """Encode a segment of the open fragment.

        Raises:
            OutputError: The segment is not bytes, or the fragment has another length than its start announced.
        """
        if not isinstance(value, bytes):
            raise OutputError(f"expected a fragment of bytes, found {type(value).__name__}")
        self._size += len(value)
        if self._size > self._length or (final and self._size < self._length):
            found = "more" if self._size > self._length else f"{self._size}"
            raise OutputError(f"expected a fragment of {self._length} bytes, found {found}")
        return self._base64.encode(value)

    def close(self) -> str:
        """Return the rest of the text."""
        return self._base64.encode(b"", final=True)
