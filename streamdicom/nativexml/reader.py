"""Native DICOM Model XML to DICOM events (PS3.19 Annex A)."""

from __future__ import annotations

from streamdicom.errors import InputError
from streamdicom.events import Event
from streamdicom.options import ReadOptions

__all__ = ["NativeXmlParser"]


class NativeXmlParser:
    """A push parser of the Native DICOM Model: bytes in, DICOM events out."""

    def __init__(self, *, options: ReadOptions | None = None) -> None:
        self._options = options or ReadOptions()

    @property
    def error(self) -> InputError | None:
        """The error that ended the stream."""
        return None

    def feed(self, data: bytes) -> list[Event]:
        """Take the next bytes."""
        raise NotImplementedError

    def close(self) -> list[Event]:
        """Say that the stream has ended."""
        raise NotImplementedError
