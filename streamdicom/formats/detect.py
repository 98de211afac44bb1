"""Recognize the format and the compression of a stream by its first bytes.

Text is recognized by its first character that is not white space, so that a peer that sends one short data set and
waits need not send more. Everything else is recognized by its first 132 bytes, or by all of a shorter stream: the
preamble of a DICOM file may hold anything (PS3.10 7.1), so its magic number counts before all others. A raw deflate
stream has no magic number; it is recognized if the bytes are nothing else and expand to the start of a data set.

Results never depend on how the stream is cut, and at most about a KiB is held back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import chain

from streamdicom._late import late_pattern
from streamdicom._push import LOST, check_data
from streamdicom._typing import TYPE_CHECKING, Any
from streamdicom.errors import InputError, Location, StreamDicomError
from streamdicom.events import Event
from streamdicom.formats.encoded import SelfEncoding
from streamdicom.formats.first_element import starts_with_element
from streamdicom.formats.places import KeepsPlaces, Places
from streamdicom.formats.raws import MakesRaws
from streamdicom.formats.spec import DICOM, FORMATS, JSON, XML, FormatName, Parser
from streamdicom.options import ReadOptions, options_or_default

if TYPE_CHECKING:
    from streamdicom.formats.json import KeyFilter
    from streamdicom.io import Decompressor, Expansion

UNKNOWN = "unknown"
"""The content of a stream that is not recognized."""

EMPTY = "empty"
"""The content of a stream that has nothing but white space."""

STREAM_FREE_SIZE = 64 * 1024 * 1024
"""Bytes that a stream of any size may expand to, unless it is the body of an HTTP message.

An image of zeros expands to a thousand times its size. 64 MiB of empty data sets take a minute."""

_BLANK = b" \t\r\n"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_UTF_16_MARKS = tuple(start for start in XML.magic if len(start) == 2)
_TEXT_MAGICS = {start: row.name for row in (JSON, XML) for start in row.magic if start not in _UTF_16_MARKS}
_MAX_BLANK = 1024  # bytes before the first character; a stream with more is JSON
_DECLARED_ENCODING = late_pattern(r"""\ufeff?[ \t\r\n]*<\?xml[^?>]*?(\sencoding\s*=\s*(?:"[^"?>]*"|'[^'?>]*'))""")
UNKNOWN_MESSAGE = f"not {JSON.title}, {XML.title} or {DICOM.title}"
_ZIP_MAGIC = b"PK\x03\x04"  # APPNOTE 4.3.7
_ZIP_HINT = ", but a ZIP file; streamdicom.archive.iter_datasets() and the command export read the files in it"
_DATASET = late_pattern(
    rb"""(?x)(?:\xef\xbb\xbf)?\s*(?: (?:\[\s*)?\{\s*"[0-9A-Za-z]+"\s*: | <\?xml\s | <NativeDicomModel[\s>] )"""
)
_MAX_START = 256  # bytes of content that hold the start of a data set
HEAD_SIZE = 2 * _MAX_BLANK
"""Bytes that recognize any stream."""

_HEAD = DICOM.magic_offset + len(DICOM.magic[0])


def detect(head: bytes, *, is_all: bool = False) -> str | None:
    r"""Recognize a stream by its first bytes.

    Args:
        head: The first bytes.
        is_all: Whether there will be no more, so that a decision is due.

    Returns:
        The name of a format ("json", also for NDJSON, "xml" or "dicom"), one of ``COMPRESSIONS``,
        ``UNKNOWN``, ``EMPTY``, or None if more bytes are needed.

    >>> detect(b'  {"00100020"'), detect(b"\x08\x00\x05\x00CS\x0a\x00", is_all=True), detect(b" ")
    ('json', 'dicom', None)
    """
    text = head.removeprefix(_BYTE_ORDER_MARK).lstrip(_BLANK)
    if len(head) - len(text) > _MAX_BLANK:
        return JSON.name
    if head.startswith(_UTF_16_MARKS):
        return XML.name
    name = _TEXT_MAGICS.get(text[:1]) or _TEXT_MAGICS.get(text[:2])
    if name:
        return name
    if not is_all and (not text or len(head) < _HEAD):
        return None
    if not text:
        return EMPTY
    content = _detect_binary(head[:_HEAD])
    return _detect_deflated(head, is_all) if content == UNKNOWN else content


def _detect_binary(head: bytes) -> str:
    if head[DICOM.magic_offset :] in DICOM.magic:
        return DICOM.name
    from streamdicom.io import compression_of  # imported late: most streams are plain

    compression = compression_of(head)
    if compression:
        return compression
    preamble, magic = head[: DICOM.magic_offset], head[DICOM.magic_offset :]
    is_truncated = not preamble.strip(b"\0") and DICOM.magic[0].startswith(magic)
    return DICOM.name if is_truncated or starts_with_element(head) else UNKNOWN


def _detect_deflated(head: bytes, is_all: bool) -> str | None:
    """Recognize a raw deflate stream, which has no magic number, by its contents."""
    from streamdicom.io import RAW_DEFLATE, inflated

    try:
        for content in inflated(head[:_MAX_BLANK]):
            if (
                content[DICOM.magic_offset : _HEAD] in DICOM.magic
                or _DATASET.match(content)
                or starts_with_element(content)
            ):
                return RAW_DEFLATE
            if len(content) >= _MAX_START:
                return UNKNOWN
    except InputError:
        return UNKNOWN
    return UNKNOWN if is_all or len(head) >= _MAX_BLANK else None


def encode_text(text: str) -> bytes:
    """Encode the text of a document as UTF-8, without the encoding that XML declares.

    The declared encoding was that of the bytes that the text was decoded from.

    >>> encode_text('<?xml version="1.0" encoding="UTF-16"?>')
    b'<?xml version="1.0"                  ?>'
    """
    declared = _DECLARED_ENCODING.match(text)
    if declared:
        start, end = declared.span(1)
        text = text[:start] + " " * (end - start) + text[end:]
    # A lone surrogate becomes invalid UTF-8, which the parser reports.
    return text.encode(errors="surrogatepass")


class Expander:
    """A push parser that decompresses a stream, or passes on a plain one.

    Args:
        expansion: Bounds the output.
        free: Bytes that a stream of any size may expand to.

    >>> from streamdicom.io import Expansion
    >>> from streamdicom.limits import Limits
    >>> expander = Expander(Expansion(Limits()))
    >>> list(expander.feed(b"[]")), list(expander.close())
    ([b'[]'], [])
    """

    def __init__(self, expansion: Expansion, free: float = STREAM_FREE_SIZE) -> None:
        self._expansion = expansion
        self._free = free
        self._head: bytes | None = b""  # None when the stream is recognized
        self._decompressor: Decompressor | None = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the contents of the next bytes, in bounded pieces.

        The iterator must be exhausted before the next call.

        Raises:
            InputError: The stream is damaged, or expands too much.
            ValueError: The package for the compression is not installed.
        """
        if self._head is not None:
            data = self._head + data
            self._head = data
            self._recognize(detect(data))
            if self._head is not None:
                return
        if self._decompressor is None:
            yield data
        else:
            yield from self._decompressor.feed(data)

    def close(self) -> Iterator[bytes]:
        """Declare the end of the stream; yield its last contents.

        Raises:
            TruncatedError: The compressed stream is not complete.
            InputError, ValueError: As in ``feed``.
        """
        head = self._head
        if head is not None:
            self._recognize(detect(head, is_all=True))
            if head:
                yield from self.feed(head)
        if self._decompressor is not None:
            self._decompressor.close()

    def _recognize(self, content: str | None) -> None:
        if content is not None:
            self._head = None
            if content not in FORMATS:
                self._decompress(content)

    def _decompress(self, content: str) -> None:
        from streamdicom.io import COMPRESSIONS, Decompressor

        if content in COMPRESSIONS:
            self._decompressor = Decompressor(content, expansion=self._expansion, free=self._free)


def expand(chunks: Iterable[bytes], expansion: Expansion, free: float = STREAM_FREE_SIZE) -> Iterator[bytes]:
    """Yield the bytes of a stream, decompressed if it is compressed; see ``Expander``.

    >>> import gzip
    >>> from streamdicom.io import Expansion
    >>> from streamdicom.limits import Limits
    >>> b"".join(expand([gzip.compress(b"[]")], Expansion(Limits())))
    b'[]'
    """
    expander = Expander(expansion, free)
    for chunk in chunks:
        yield from expander.feed(chunk)
    yield from expander.close()


def recognize(chunks: Iterable[bytes]) -> tuple[str, bytes, Iterator[bytes]]:
    """Recognize a stream; return its content, its first bytes and all of its bytes.

    No more is read than it takes to recognize the stream. The content is as ``detect`` returns it.

    >>> content, head, whole = recognize([b" ", b"[]"])
    >>> content, b"".join(whole)
    ('json', b' []')
    """
    head = b""
    remaining = iter(chunks)
    content = None
    for chunk in remaining:
        head += chunk
        content = detect(head)
        if content is not None:
            break
    return content or detect(head, is_all=True) or UNKNOWN, head, chain([head], remaining)


class EventParser(MakesRaws, SelfEncoding):
    """A push parser of any format: bytes in, DICOM events out.

    The format is recognized by the first bytes, unless ``ReadOptions.format`` names it. Compressed streams are not
    read, because the result of one call could not be bounded; ``iter_events`` decompresses them.

    Args:
        options: The format if it is known, and the options of the parsers.
        key_filter: The elements of JSON that need not be parsed.
        expansion: The bound of the compressed stream around the bytes, if any. It holds for a deflated data set too.

    >>> parser = EventParser()
    >>> [value for *_, value in parser.feed(b' {"00100020": {"vr": "LO", "Value": ["17"]}}')]
    [0, ('17',), None]
    >>> parser.close()
    []
    """

    def __init__(
        self,
        *,
        options: ReadOptions | None = None,
        key_filter: KeyFilter | None = None,
        expansion: Expansion | None = None,
    ) -> None:
        self._options = options_or_default(options, ReadOptions)
        self._key_filter = key_filter
        self._expansion = expansion
        self._head = b""  # the first bytes, until the stream is recognized
        self._format: FormatName | None = None
        self._parser: Parser | None = None
        self._form: object | None = None
        self._keeps_places = False
        self._checks_padding = False
        self._rules: Any = None
        self._early: list[int] = []  # offsets of events that the last call made of a short stream
        if self._options.format != "auto":
            self._parser = self._parser_of(self._options.format)

    @property
    def error(self) -> StreamDicomError | None:
        """The error that ended the stream, even if it has not been raised yet."""
        return self._parser.error if self._parser else None

    @property
    def format(self) -> FormatName | None:
        """The name of the format, "json" for NDJSON; None until it is recognized."""
        return self._format

    def encode_in(self, form: object) -> None:
        """Append ``Encoded`` events, if the format can; call it before ``feed``.

        Args:
            form: The form of the writer.
        """
        self._form = form
        if isinstance(self._parser, SelfEncoding):
            self._parser.encode_in(form)

    def keep_places(self) -> None:
        """Keep the places of all events from now on; call it before ``feed``."""
        self._keeps_places = True
        if isinstance(self._parser, KeepsPlaces):
            self._parser.keep_places()

    def check_padding(self) -> None:
        """Report padding that PS3.5 6.2 does not allow; call it before ``feed``."""
        self._checks_padding = True
        if isinstance(self._parser, KeepsPlaces):
            self._parser.check_padding()

    def leave_out_right(self, rules: Any) -> None:
        """Deliver no elements that are right, if the parser can tell.

        It must be called before ``feed``.

        Args:
            rules: See ``ValueCheck.engine_rules``.
        """
        self._rules = rules
        if isinstance(self._parser, KeepsPlaces):
            self._parser.leave_out_right(rules)

    @property
    def is_holding(self) -> bool:
        """Whether events are held that a later call returns."""
        return isinstance(self._parser, KeepsPlaces) and self._parser.is_holding

    def make_raws(self, raws: Any) -> None:
        """Put raw elements in the place of some events, if the format can.

        Call it before ``feed``.

        Args:
            raws: The maker of raw elements, of the builder that takes them.
        """
        self._raws = raws
        if isinstance(self._parser, MakesRaws):
            self._parser.make_raws(raws)

    def offset_of(self) -> Callable[[int], int]:
        """Return a function from the index of an event of a call to its byte offset.

        See ``KeepsPlaces.offset_of``.
        """
        early = self._early
        later = self._parser.offset_of() if isinstance(self._parser, KeepsPlaces) else Places().offset
        return (lambda index: early[index] if index < len(early) else later(index - len(early))) if early else later

    @property
    def has_more(self) -> bool:
        """Whether the bytes so far have more events; ``feed(b"")`` returns the next."""
        return self._parser is not None and self._parser.has_more

    def feed(self, data: bytes) -> list[Event]:
        """Take the next bytes of the stream; return the events that they complete.

        Their number is bounded by the number of bytes. A deflated data set may have more: while ``has_more`` is true,
        ``feed(b"")`` returns the next.

        An error raises at once if no event precedes it; otherwise those events are returned first and the next call
        raises. From then on every call raises the same error.

        Args:
            data: Any number of bytes, cut anywhere. The events do not depend on the cuts.

        Raises:
            InputError: The stream is not recognized, or breaks the rules of its format.
            TypeError: The data is something other than bytes.
            ValueError: The parser was closed before.
        """
        if self._parser is None:
            check_data(data)
            data = self._head + data
            content = detect(data)
            if content is None:
                self._head = data
                return []
            self._parser = self._parser_of(content, data)
        return self._parser.feed(data)

    def finish(self) -> list[Event]:
        """Declare the end of the stream; return the events before a fault.

        Call ``close`` next, which raises the fault.

        Raises:
            InputError: As in ``feed``.
        """
        events: list[Event] = []
        if self._parser is None:
            self._parser = self._parser_of(detect(self._head, is_all=True), self._head)
            if self._head:
                events = self._parser.feed(self._head)
                self._early = list(map(self.offset_of(), range(len(events)))) if self._keeps_places else []
        if not events:
            return self._parser.finish()
        with suppress(InputError):  # ``close`` raises the same
            events += self._parser.finish()
        return events

    def close(self) -> list[Event]:
        """Declare the end of the stream; return the last events.

        A fault raises at once. The events before it are then lost, unless ``finish`` has returned them; a note of the
        exception says so.

        Raises:
            TruncatedError: The stream stopped before it was complete, or is empty.
            InputError: As in ``feed``.
        """
        events = self.finish()
        if self.error is not None:
            self.error.add_note(LOST)
        assert self._parser
        return events + self._parser.close()

    def _parser_of(self, content: str | None, head: bytes = b"") -> Parser:
        if content == EMPTY:
            content = JSON.name
        elif content == UNKNOWN and self._options.force:
            content = DICOM.name
        if content in FORMATS:
            row = FORMATS[content]
            self._format = row.name
            parser = row.new_parser(self._options, self._key_filter, self._expansion)
            if self._form is not None and isinstance(parser, SelfEncoding):
                parser.encode_in(self._form)
            if isinstance(parser, KeepsPlaces):
                if self._keeps_places:
                    parser.keep_places()
                if self._checks_padding:
                    parser.check_padding()
                parser.leave_out_right(self._rules)
            if isinstance(parser, MakesRaws):
                parser.make_raws(self._raws)
            return parser
        location = Location(0)
        if content == UNKNOWN:
            hint = _ZIP_HINT if head.startswith(_ZIP_MAGIC) else ""
            return _FailedParser(InputError(UNKNOWN_MESSAGE + hint, location))
        return _FailedParser(
            InputError(f"the stream is compressed ({content}); decompress it, or read it with iter_events()", location)
        )


class _FailedParser:
    """Parser of a stream that cannot be read: every call raises the same error."""

    has_more = False

    def __init__(self, error: InputError) -> None:
        self.error = error

    def feed(self, _: bytes) -> list[Event]:
        raise self.error

    def finish(self) -> list[Event]:
        raise self.error

    def close(self) -> list[Event]:
        raise self.error
