"""The places of the data sets of a stream, while it is read."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from contextlib import suppress

from streamdicom._late import late_pattern
from streamdicom.errors import InputError
from streamdicom.jsontext import BoundaryScanner, CommentError
from streamdicom.options import ReadOptions

WRAPPER = "wrapper"
"""The code of the deviation of an object around an array of data sets."""

BLANK = b" \t\r\n"
"""White space of JSON (RFC 8259, section 2)."""

_NO_WRAPPER = late_pattern(rb'(?:\xef\xbb\xbf)?\s*(?:\[|\{\s*(?:"[0-9A-Fa-f]{8}"|\}))')


def has_wrapper(head: bytes) -> bool:
    """Return whether the text starts with an object around an array of data sets.

    Args:
        head: The start of the text.

    >>> has_wrapper(b'{"results": [{}, {}]}'), has_wrapper(b"[{}, {}]")
    (True, False)
    """
    is_tag_first = head.startswith(b'{"') and head[2:10].isdigit() and head[10:11] == b'"'
    if head.startswith(b"[") or is_tag_first or _NO_WRAPPER.match(head):  # the pattern takes long to make
        return False
    from streamdicom.formats.json import JsonParser  # which takes long to import

    codes: set[str] = set()
    options = ReadOptions(on_deviation=lambda deviation: codes.add(deviation.code), on_error="skip")
    with suppress(InputError):
        JsonParser(options=options).feed(head)
    return WRAPPER in codes


class DatasetOffsets:
    """The places of the data sets of a stream that is being read.

    >>> offsets = DatasetOffsets()
    >>> for chunk in offsets.watch([b"[{},", b" {}]"]):
    ...     pass
    >>> offsets.get(1)
    5
    """

    def __init__(self) -> None:
        self._first = 0
        self._starts: array[int] | None = None

    def watch(self, chunks: Iterable[bytes], first: int = 0, offset: int = 0) -> Iterator[bytes]:
        """Yield the chunks of a stream, and learn where its data sets start.

        Args:
            chunks: The bytes, from a data set or from the start of the stream on.
            first: The index of the first data set.
            offset: The bytes before the chunks.
        """
        self._first, self._starts = first, array("Q")
        scanner = BoundaryScanner(offset)
        is_start = True
        for chunk in chunks:
            if is_start and chunk:
                is_start = False
                if not chunk.lstrip(BLANK).startswith((b"[", b"{")) or has_wrapper(chunk):
                    self._starts = None
            if self._starts is not None:
                self._learn(scanner, chunk)
            yield chunk

    def _learn(self, scanner: BoundaryScanner, chunk: bytes) -> None:
        assert self._starts is not None
        try:
            self._starts += scanner.feed(chunk)
        except CommentError:
            self._starts = None

    def get(self, index: int) -> int | None:
        """Return the offset of a data set, or None if the stream is not plain JSON.

        Data sets before it are forgotten.
        """
        if self._starts is None:
            return None
        del self._starts[: index - self._first]
        self._first = index
        return self._starts[0] if self._starts else None
