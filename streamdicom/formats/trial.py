"""The text of an element in parts that may turn out to have a wrong value."""

from __future__ import annotations

from collections.abc import Iterator

from streamdicom._typing import Any
from streamdicom.errors import OutputError
from streamdicom.formats.kept_text import KeptValues
from streamdicom.io import temporary


class Trial:
    """Holds the text and the values of an element in temporary files.

    Args:
        state: The state of the writer in the element.
        last: The tag before the element.
        keeps: Whether the values are kept if one is wrong.

    Attributes:
        state: The state of the writer after the events so far.
        last: The tag before the element.
        values: The values so far, if they are kept.
        error: The first error of a value.
    """

    def __init__(self, state: int, last: int, *, keeps: bool) -> None:
        self.state = state
        self.last = last
        self.values = KeptValues(temporary()) if keeps else None
        self.error: OutputError | None = None
        self._texts: KeptValues | None = None

    def close(self) -> None:
        """Close the temporary files."""
        for file in (self.values, self._texts):
            if file is not None:
                file.close()

    def add_values(self, values: tuple[Any, ...]) -> None:
        """Take complete values."""
        if self.values is not None:
            self.values.add_values(values)

    def add_segment(self, segment: Any, *, final: bool) -> None:
        """Take a segment of a value."""
        if self.values is not None:
            self.values.add_segment(segment, final=final)

    def add_text(self, text: str) -> None:
        """Take text of the element that waits no longer in memory."""
        if self._texts is None:
            self._texts = KeptValues(temporary())
        self._texts.add_segment(text, final=False)

    def texts(self) -> Iterator[str]:
        """Yield the text in pieces."""
        if self._texts is not None:
            yield from self._texts.texts()
