"""XML documents, one after another in a stream of bytes, as the calls of expat's handlers; nothing here is DICOM's.

What expat holds is bounded: it delivers text at once, and markup that does not end is an error. What could make a
small document a large one, or name another, is refused: a document type declaration, and so every entity.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING
from xml.parsers import expat

from streamdicom.errors import InputError, LimitError, Location, TruncatedError, XmlSyntaxError
from streamdicom.formats.xml.misc import Misc
from streamdicom.limits import Limits

if TYPE_CHECKING:
    from xml.parsers.expat import XMLParserType

SPACE = " \t\r\n"
"""White space (XML 1.0, section 2.3)."""

_BYTES_OF_SPACE = SPACE.encode()
_PIECE = 16 * 1024  # bytes that expat gets at once; see the reader of DICOM JSON
_SEPARATOR = " "  # between the namespace and the name of an element
# Those that expat has itself, and those of one byte a character that DCMTK writes.
_ENCODINGS = re.compile(r"(?i)UTF-8|UTF-16(LE|BE)?|US-ASCII|ISO-8859-([1-9]|1[013-6])")
# What cannot be the beginning of a document, even if nothing comes behind it.
_WRONG = frozenset(
    {
        expat.errors.codes[expat.errors.XML_ERROR_SYNTAX],
        expat.errors.codes[expat.errors.XML_ERROR_INVALID_TOKEN],
    }
)
_WRONG_IN_TEXT = (b"]]>", b"]\0]\0>")  # in UTF-16 too
_MOST_PREFIXES = 16  # of namespaces; expat keeps them as long as the document


class Documents:
    """A push parser of documents.

    Where expat gets its pieces from is a place in the stream, and not a cut of whoever feeds, so that a limit on what
    is pending does not depend on the cuts.

    Args:
        limits: What markup may take.
        start: Called with the name and the attributes of each start tag; in a namespace the name is behind its URI
            and a space.
        end: Called with the name of each end tag. They must tell by ``enter`` and ``leave`` of the document element.
        text: Called with pieces of text, which depend on the cuts.
        pause: Called when expat has taken all that there is, and before a fault in the XML is raised.
        offset: Bytes of the stream before those that are fed.

    Attributes:
        bytes_fed: Bytes of the stream so far.
        expat: The parser of the document that is being read.
        base: The byte offset of that document.
    """

    def __init__(
        self,
        limits: Limits,
        start: Callable[[str, dict[str, str]], None],
        end: Callable[[str], None],
        text: Callable[[str], None],
        pause: Callable[[], None],
        offset: int = 0,
    ) -> None:
        self._most_markup = max(limits.segment_size, _PIECE)
        self._start = start
        self._end = end
        self._text = text
        self._pause = pause
        self.bytes_fed = offset
        self.expat: XMLParserType | None = None
        self.base = offset
        self._first_tag = 0  # where the start tag of the document element stands
        self._last_tag: int | None = None  # where its end tag stands, once that was there
        self._misc: Misc | None = None  # once there was a document
        self._unread = b""  # the start of what is not complete yet
        self._prefixes: set[str | None] = set()

    @property
    def place(self) -> int:
        """The byte offset of the markup that a handler is called for, or that is not complete yet."""
        if self.expat is None:
            return self.bytes_fed - len(self._unread)
        return self.base + max(self.expat.CurrentByteIndex, 0)

    def feed(self, data: bytes) -> None:
        """Take the next bytes.

        Raises:
            XmlSyntaxError: They are not XML, or have what is refused.
            LimitError: There is too much of something.
        """
        start = 0
        while start < len(data):
            piece = data[start : _end_of_piece(data, start, start + _PIECE - self.bytes_fed % _PIECE)]
            start += len(piece)
            self.bytes_fed += len(piece)
            self._take(piece)
            if self.bytes_fed % _PIECE == 0 and self.bytes_fed - self.place > self._most_markup:
                raise LimitError(f"markup of more than {self._most_markup} bytes", "segment_size", Location(self.place))

    def enter(self) -> None:
        """Say that a handler is called for the start of the document element."""
        self._first_tag = self.place

    def leave(self) -> None:
        """Say that a handler is called for the end of the document element."""
        self._last_tag = self.place

    def close(self) -> None:
        """Say that the stream has ended.

        Raises:
            TruncatedError: It ends within a document, or has none.
        """
        rest = b""
        if self.expat is None:
            if self._misc is None:
                raise TruncatedError("the stream ends before a document", Location(self.bytes_fed))
            rest, self._unread = self._unread.strip(_BYTES_OF_SPACE), b""
            if not rest:
                return
            self._begin(rest)
        self._parse(rest, final=True)

    def _take(self, rest: bytes) -> None:
        while rest:
            if self.expat is None:
                rest = self._skip(rest)
                if not rest:
                    return
                self._begin(rest)
            rest = self._parse(rest, final=False)

    def _skip(self, data: bytes) -> bytes:
        """Pass over what may stand before or behind a document; give what is the start of the next one."""
        if self._misc is not None:
            data = self._unread + data
            passed, is_open = self._misc.pass_over(data)
            self._unread = data[passed:]
            if is_open:
                return b""
            data, self._unread = self._unread, b""
        return data.lstrip(_BYTES_OF_SPACE)

    def _begin(self, data: bytes) -> None:
        self.base = self.bytes_fed - len(data)
        self.expat = self._new_expat()

    def _parse(self, data: bytes, *, final: bool) -> bytes:
        """Parse some bytes of a document; what is left stands behind it."""
        parser = self.expat
        assert parser
        try:
            parser.Parse(data, final)
        except expat.ExpatError as error:
            # What expat finds behind the document element is looked at by ourselves.
            if self._last_tag is None:
                self._pause()
                raise self._fault(error, parser.ErrorByteIndex, final) from None
        self._pause()
        if self._last_tag is None:
            data = self._unread + data
            self._unread = data[len(data) - (self.bytes_fed - self.place) :]
            return b""
        return self._end_document(self._last_tag, data)

    def _end_document(self, last_tag: int, data: bytes) -> bytes:
        data = self._unread + data
        start = self.bytes_fed - len(data)
        self._misc, end = Misc.behind(data, self._first_tag - start, last_tag - start)
        self.expat = self._last_tag = None
        self._unread = b""
        return data[end:]

    def _fault(self, error: expat.ExpatError, index: int, final: bool) -> InputError:
        if final and error.code not in _WRONG:
            return TruncatedError("the stream ends within a document", Location(self.bytes_fed))
        return XmlSyntaxError(f"not XML: {expat.ErrorString(error.code)}", Location(self.base + index))

    def _new_expat(self) -> XMLParserType:
        parser = expat.ParserCreate(namespace_separator=_SEPARATOR)
        if hasattr(parser, "SetReparseDeferralEnabled"):
            # Or the end of a data set might wait for what comes behind it. What expat may hold is bounded here.
            parser.SetReparseDeferralEnabled(False)
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.XmlDeclHandler = self._declaration
        parser.StartDoctypeDeclHandler = self._doctype
        parser.StartNamespaceDeclHandler = self._namespace
        self._prefixes.clear()
        return parser

    def _declaration(self, version: str, encoding: str | None, standalone: int) -> None:
        if encoding is not None and not _ENCODINGS.fullmatch(encoding):
            raise XmlSyntaxError("an encoding other than UTF-8, UTF-16, US-ASCII and ISO 8859", Location(self.place))

    def _doctype(self, *_: object) -> None:
        raise XmlSyntaxError("a document type declaration, which is refused", Location(self.place))

    def _namespace(self, prefix: str | None, uri: str | None) -> None:
        self._prefixes.add(prefix)
        if len(self._prefixes) > _MOST_PREFIXES:
            raise XmlSyntaxError(f"more than {_MOST_PREFIXES} prefixes of namespaces", Location(self.place))


def _end_of_piece(data: bytes, start: int, end: int) -> int:
    """Where to cut at last: before ``]]>``, which is wrong in a text, and makes expat forget the text before it."""
    if data.find(b"]", start + 1, end) < 0:
        return end
    marks = (data.find(mark, start + 1, end) for mark in _WRONG_IN_TEXT)
    return min((mark for mark in marks if mark >= 0), default=end)
