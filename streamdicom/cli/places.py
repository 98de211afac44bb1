"""Places of events: byte offsets, and in text line and column."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain

from streamdicom._records import NamedTuple
from streamdicom._typing import Any, TypeAlias
from streamdicom.api import batches
from streamdicom.cli.exit_codes import usage_errors
from streamdicom.cli.inputs import name_of, read
from streamdicom.cli.progress import ProgressLine
from streamdicom.errors import InputError, Location, StreamDicomError
from streamdicom.events import Event
from streamdicom.formats import EventParser
from streamdicom.io import Expansion
from streamdicom.options import ReadOptions

Place: TypeAlias = tuple[int, int, int]
"""Byte offset, line and column; line and column are 0 if they are not known."""

_MAX_HELD = 256 * 1024  # bytes of the text before the last chunk
_FIRST_SIZE = 4 * 1024  # bytes of a long stream that are read first
_CONTINUATIONS = bytes(range(0x80, 0xC0))  # of a character in UTF-8
_UTF_16 = (b"\xff\xfe", b"\xfe\xff", b"<\0", b"\0<")


class TextLines:
    r"""Lines and columns of a text in UTF-8, of which the last part is held.

    >>> lines = TextLines()
    >>> lines.feed("[\n é{".encode())
    >>> lines.at(5)
    (2, 3)
    """

    def __init__(self) -> None:
        self._text = bytearray()
        self._base = 0  # the offset of its first byte
        self._cursor = 0  # an offset
        self._line = self._column = 1  # there
        self._first = 1, 1  # line and column at the base
        self._is_text = True
        self._has_breaks = False

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the stream."""
        if not self._base and not self._text:
            self._is_text = not data.startswith(_UTF_16)
        self._has_breaks = self._has_breaks or b"\n" in data
        if len(self._text) > 2 * _MAX_HELD:
            self._drop(len(self._text) - _MAX_HELD)
        self._text += data

    def _drop(self, count: int) -> None:
        self._move(self._base + count)
        self._first = self._line, self._column
        del self._text[:count]
        self._base += count

    def _move(self, offset: int) -> None:
        """Move the cursor to an offset in the text that is held."""
        if offset < self._cursor:
            self._cursor = self._base
            self._line, self._column = self._first
        passed = self._text[self._cursor - self._base : offset - self._base]
        if passed.find(b"\n") >= 0:  # twenty times as fast as to count
            self._line += passed.count(b"\n")
            self._column = 1
            passed = passed[passed.rfind(b"\n") + 1 :]
        if self._line > 1:
            self._column += len(passed if passed.isascii() else passed.translate(None, _CONTINUATIONS))
        self._cursor = offset

    def at(self, offset: int) -> tuple[int, int]:
        """Return the line and the column of a byte offset.

        They are 0 if they are forgotten, and in the first line, which is all of a text without line breaks: the byte
        offset is the column.
        """
        if not (self._has_breaks and self._is_text) or not self._base <= offset <= self._base + len(self._text):
            return 0, 0
        self._move(offset)
        return (self._line, self._column) if self._line > 1 else (0, 0)


class Batch(NamedTuple):
    """The events of a chunk.

    Attributes:
        events: The events.
        offset_of: Returns the byte offset of an event, by its index, also after later batches.
    """

    events: list[Event]
    offset_of: Callable[[int], int]


class PlacedParser:
    """A push parser of any format whose batches have places.

    Args:
        options: The options of the parser.
        checks_padding: Report padding that PS3.5 6.2 does not allow.
        rules: Leave out elements that are right by these rules of the compiled engine, if any.

    Attributes:
        options: As given.
        expansion: The bound of a compressed stream.
    """

    def __init__(self, options: ReadOptions, *, checks_padding: bool = False, rules: Any = None) -> None:
        self.options = options
        self.expansion = Expansion(options.limits)
        self._parser = EventParser(options=options, expansion=self.expansion)
        self._parser.keep_places()
        if checks_padding:
            self._parser.check_padding()
        self._parser.leave_out_right(rules)
        self._lines = TextLines()
        self._size = 0  # bytes so far

    @property
    def error(self) -> StreamDicomError | None:
        """The error that ended the stream, even if it has not been raised yet."""
        return self._parser.error

    @property
    def has_more(self) -> bool:
        """Whether the bytes so far have more events; see ``EventParser``."""
        return self._parser.has_more

    @property
    def is_holding(self) -> bool:
        """Whether events are held that a later call returns."""
        return self._parser.is_holding

    @property
    def is_text(self) -> bool:
        """False for DICOM files."""
        return self._parser.format != "dicom"

    def feed(self, data: bytes) -> list[Batch]:
        """Take the next bytes of the stream; return the batch of their events."""
        self._size += len(data)
        if data and self.is_text:
            self._lines.feed(data)
        return [Batch(self._parser.feed(data), self._parser.offset_of())]

    def finish(self) -> list[Batch]:
        """Declare the end of the stream; return the batch of the last events."""
        return [Batch(self._parser.finish(), self._parser.offset_of())]

    def close(self) -> list[Batch]:
        """Raise a fault after the last events."""
        return [Batch(self._parser.close(), self._parser.offset_of())]

    def place(self, offset: int) -> Place:
        """Return the place of a byte offset."""
        line, column = self._lines.at(offset) if self.is_text else (0, 0)
        return offset, line, column

    def located(self, location: Location) -> Location:
        """Return a location with line and column.

        A location without a byte offset is at the end of the bytes so far.
        """
        offset = self._size if location.byte_offset is None else location.byte_offset
        _, line, column = self.place(offset)
        if not line and offset == location.byte_offset:
            return location
        return Location(offset, location.dataset_index, location.tag_path, line or None, column or None)


def placed_batches(
    parser: PlacedParser, source: str, progress: ProgressLine, *, learns: bool = False
) -> Iterator[Batch]:
    """Yield the events of an input in batches, each as soon as a chunk is read.

    Args:
        parser: The parser.
        source: The input.
        progress: Counts the bytes.
        learns: Begin with small batches, so that rules for the engine are found soon.

    Raises:
        InputError: The input is not valid; the events before the error were yielded.
        UsageError: The package for its compression is not installed.
        OSError: The input cannot be read.
    """
    with usage_errors():
        try:
            chunks = read(source, progress)
            if learns:
                chunks = _growing(chunks)
            # No variable holds a batch while the next is made: memory for one is in the caches of the processor.
            yield from chain.from_iterable(batches(parser, chunks, parser.expansion, name_of(source)))
        except InputError as error:
            error.location = parser.located(error.location)
            raise


def _growing(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the first chunk in growing parts."""
    start, size = 0, _FIRST_SIZE
    first = next(chunks, b"")
    while start < len(first):
        if len(first) - start < 2 * size:
            size = len(first)
        yield first[start : start + size]
        start += size
        size *= 2
    yield from chunks
