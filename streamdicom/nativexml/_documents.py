"""XML documents, one after another in a stream of bytes, as the calls of expat's handlers; nothing here is DICOM's.

What expat holds is bounded: it delivers text at once, and markup that does not end is an error. What could make a
small document a large one, or name another, is refused: a document type declaration, and so every entity.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING
from xml.parsers import expat

from streamdicom.errors import LimitError, Location, TruncatedError, XmlSyntaxError
from streamdicom.limits import Limits

if TYPE_CHECKING:
    from xml.parsers.expat import XMLParserType

__all__ = ["SPACE", "Documents"]

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
_MOST_PREFIXES = 16  # of namespaces; expat keeps them as long as the document


class Documents:
    """A push parser of documents.

    Where expat gets its pieces from is a place in the stream, and not a cut of whoever feeds, so that a limit on what
    is pending does not depend on the cuts.

    Args:
        limits: What markup may take.
        start: Called with the name and the attributes of each start tag; in a namespace the name is behind its URI
            and a space.
        end: Called with the name of each end tag.
        text: Called with pieces of text, which depend on the cuts.
        pause: Called when expat has taken all that there is, and before a fault in the XML is raised.
        offset: Bytes of the stream before those that are fed.

    Attributes:
        bytes_fed: Bytes of the stream so far.
        is_behind: Whether the document element has ended, which ``end`` must tell.
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
        self._most_markup = max(limits.string_segment, _PIECE)
        self._start = start
        self._end = end
        self._text = text
        self._pause = pause
        self.bytes_fed = offset
        self.is_behind = False
        self.expat: XMLParserType | None = None
        self.base = offset
        self._unread = b""  # the start of what may be the next document
        self._prefixes: set[str | None] = set()

    @property
    def place(self) -> int:
        """The byte offset of the markup that a handler is called for."""
        return self.base + max(self.expat.CurrentByteIndex, 0) if self.expat else self.bytes_fed

    def feed(self, data: bytes) -> None:
        """Take the next bytes.

        Raises:
            XmlSyntaxError: They are not XML, or have what is refused.
            LimitError: There is too much of something.
        """
        start = 0
        while start < len(data):
            piece = data[start : start + _PIECE - self.bytes_fed % _PIECE]
            start += len(piece)
            self._take(piece, final=False)
            if self.bytes_fed % _PIECE == 0 and self.bytes_fed - self.place > self._most_markup:
                raise LimitError(
                    f"markup of more than {self._most_markup} bytes", "string_segment", Location(self.place)
                )

    def close(self) -> None:
        """Say that the stream has ended.

        Raises:
            TruncatedError: It ends within a document, or has none.
        """
        if self.expat is None:
            raise TruncatedError("the stream ends before a document", Location(self.bytes_fed))
        self._take(b"", final=True)

    def _take(self, data: bytes, *, final: bool) -> None:
        rest: bytes | None = data
        while rest is not None:
            if self.expat is None:
                data = rest.lstrip(_BYTES_OF_SPACE)
                self.bytes_fed += len(rest) - len(data)
                if not data:
                    return
                self.base = self.bytes_fed
                self.expat = self._new_expat()
                rest = data
            self.bytes_fed += len(rest)
            rest = self._parse(self.expat, rest, final)

    def _parse(self, parser: XMLParserType, data: bytes, final: bool) -> bytes | None:
        """Parse some bytes; what is left is the start of the next document, or there is none."""
        try:
            parser.Parse(data, final)
        except expat.ExpatError as error:
            if self.is_behind:
                return self._next_document(parser.ErrorByteIndex, data)
            self._pause()
            if final and error.code not in _WRONG:
                raise TruncatedError("the stream ends within a document", Location(self.bytes_fed)) from None
            message = f"not XML: {expat.ErrorString(error.code)}"
            raise XmlSyntaxError(message, Location(self.base + parser.ErrorByteIndex)) from None
        self._pause()
        if self.is_behind:
            self._unread = self._behind(parser.CurrentByteIndex, data)
        return None

    def _behind(self, index: int, data: bytes) -> bytes:
        """The bytes from an index into the document on."""
        data = self._unread + data
        return data[len(data) - (self.bytes_fed - self.base - index) :]

    def _next_document(self, index: int, data: bytes) -> bytes:
        """What stands behind a document, and does not belong to it, should be another one."""
        rest = self._behind(index, data)
        self.bytes_fed = self.base + index
        self.expat = None
        self._unread = b""
        self.is_behind = False
        return rest

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
