"""DICOM events to Native DICOM Model XML (PS3.19 Annex A)."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from streamdicom.events import Event
from streamdicom.options import WriteOptions

__all__ = ["NativeXmlWriter"]


class NativeXmlWriter:
    """Writes the data sets of a stream of DICOM events as XML documents, one after another."""

    def __init__(
        self,
        sink: Callable[[bytes], object],
        *,
        indent: int | str | None = None,
        options: WriteOptions | None = None,
        array: bool = True,
    ) -> None:
        self._sink = sink

    def write_all(self, events: Iterable[Event]) -> None:
        """Write events."""
        raise NotImplementedError

    def flush(self) -> None:
        """Give all that was written so far to the sink."""
        raise NotImplementedError

    def close(self) -> None:
        """Finish the last document."""
        raise NotImplementedError
