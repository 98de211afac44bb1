"""The forms that a stream of data sets may have, DICOM JSON and the Native DICOM Model, behind one face."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from streamdicom.errors import StreamDicomError
from streamdicom.events import Event
from streamdicom.formats.json import JsonParser, JsonWriter, KeyFilter
from streamdicom.jsontext import JsonEmitter
from streamdicom.options import ReadOptions, WriteOptions, options_or_default


class Parser(Protocol):
    """Takes bytes, cut anywhere, and gives events; see ``JsonParser``."""

    @property
    def error(self) -> StreamDicomError | None:
        """The error that ended the stream, even if events before it are still to be looked at."""

    def feed(self, data: bytes) -> list[Event]:
        """Take the next bytes of the stream; return the events that they complete."""

    def close(self) -> list[Event]:
        """Say that the stream has ended."""


class Writer(Protocol):
    """Takes events, and gives blocks of about 64 KiB to its sink; see ``JsonWriter``."""

    def write_all(self, events: Iterable[Event]) -> None:
        """Write events."""

    def flush(self) -> None:
        """Give all that was written so far to the sink."""

    def close(self) -> None:
        """Finish the document."""


# --- reading ---------------------------------------------------------------------------------------------------

_BLANK = b" \t\r\n"
_MARK = b"\xef\xbb\xbf"  # the byte order mark of UTF-8
_XML = (b"<", b"\xff\xfe", b"\xfe\xff")  # or that of UTF-16, which no JSON text is in (RFC 8259, section 8.1)
_MOST_BLANK = 1024  # bytes before the first character; behind more of them the stream is taken for JSON


class EventParser:
    """A push parser that knows by the first character what the stream is.

    Args:
        options: The format, if it is known, and what either parser takes.
        skip: As for ``JsonParser``.

    >>> parser = EventParser()
    >>> [value for *_, value in parser.feed(b' {"00100020": {"vr": "LO", "Value": ["17"]}}')]
    [0, ('17',), None]
    """

    def __init__(self, *, options: ReadOptions | None = None, skip: KeyFilter | None = None) -> None:
        self._options = options_or_default(options, ReadOptions)
        self._skip = skip
        self._held = b""  # the first bytes, as long as they do not tell
        self._parser = None if self._options.format == "auto" else self._of(self._options.format == "xml")

    @property
    def error(self) -> StreamDicomError | None:
        """The error that ended the stream, even if events before it are still to be looked at."""
        return self._parser.error if self._parser else None

    def feed(self, data: bytes) -> list[Event]:
        """Take the next bytes of the stream; return the events that they complete. See ``JsonParser.feed``."""
        if self._parser is None:
            data = self._held + data
            self._held = b""
            is_xml = _is_xml(data)
            if is_xml is None:
                self._held = data
                return []
            self._parser = self._of(is_xml)
        return self._parser.feed(data)

    def close(self) -> list[Event]:
        """Say that the stream has ended. See ``JsonParser.close``."""
        if self._parser is None:
            self._parser = self._of(False)
            if self._held:
                self._parser.feed(self._held)
        return self._parser.close()

    def _of(self, is_xml: bool) -> Parser:
        if not is_xml:
            return JsonParser(options=self._options, skip=self._skip)
        from streamdicom.formats.xml import XmlParser

        return XmlParser(options=self._options)


def _is_xml(start: bytes) -> bool | None:
    """Whether a stream is XML by its first bytes; None if they do not tell."""
    text = start.removeprefix(_MARK).lstrip(_BLANK)
    if len(start) - len(text) > _MOST_BLANK:
        return False
    if text in (b"", _MARK[:1], _MARK[:2], b"\xff", b"\xfe"):
        return None
    return text.startswith(_XML)


# --- writing ---------------------------------------------------------------------------------------------------


def new_writer(
    sink: Callable[[bytes], object], indent: int | str | None, options: WriteOptions, *, array: bool
) -> Writer:
    """A writer of the format that the options say, which is JSON with "auto".

    Args:
        sink: What takes the blocks.
        indent: Spaces, or a string, for each level; None for no white space.
        options: The format, and what its writer takes.
        array: Whether there may be any number of data sets.

    Raises:
        ValueError: An indent for NDJSON, or NDJSON in XML.

    >>> blocks = []
    >>> writer = new_writer(blocks.append, None, WriteOptions(), array=True)
    >>> writer.write_all([(1, 0, "", 0), (2, 0, "", None)])
    >>> writer.close()
    >>> blocks
    [b'[{}]']
    """
    if options.format == "xml":
        if options.ndjson:
            raise ValueError("NDJSON is JSON, and no XML")
        from streamdicom.formats.xml import XmlWriter

        return XmlWriter(sink, indent=indent, options=options, array=array)
    if options.ndjson and indent is not None:
        raise ValueError("NDJSON has a data set on one line, and so no indent")
    return _JsonStream(sink, indent, options, array=array)


class _JsonStream:
    """Both layers of a JSON document."""

    def __init__(
        self, sink: Callable[[bytes], object], indent: int | str | None, options: WriteOptions, *, array: bool
    ) -> None:
        self._json = JsonEmitter(
            sink,
            indent=indent,
            ensure_ascii=options.ensure_ascii,
            escape_html=options.escape_html,
            depth=options.limits.depth,
            multiple=options.ndjson,
            trailing_newline=options.trailing_newline or options.ndjson,
        )
        self._events = JsonWriter(self._json, options=options, array=array)
        self.write_all = self._events.write_all

    def flush(self) -> None:
        self._events.flush()
        self._json.flush()

    def close(self) -> None:
        self._events.close()
        self._json.close()
