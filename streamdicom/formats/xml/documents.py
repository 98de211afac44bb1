"""A stream of XML documents as calls of handlers, in bounded memory.

Nothing here is specific to DICOM. expat parses each document. It delivers text at once, and markup that does not end is
an error, so the memory it holds is bounded. Document type declarations are refused, and with them all entities: they
could expand a small document into a large one, or refer to other resources.

expat must not see the bytes between two documents. It would take them for a part of the first document, although the
second may have another encoding, and the position where it stops would depend on the cuts of the stream. ``_Epilog``
scans them instead.
"""

from __future__ import annotations

from collections.abc import Callable
from xml.parsers import expat

from streamdicom._late import late_pattern
from streamdicom._push import PIECE_SIZE
from streamdicom._records import record
from streamdicom._typing import TYPE_CHECKING, Self
from streamdicom.errors import LimitError, Location, TruncatedError, XmlSyntaxError
from streamdicom.limits import Limits

if TYPE_CHECKING:
    from xml.parsers.expat import XMLParserType

SPACE = " \t\r\n"
"""White space (XML 1.0, section 2.3)."""

_SPACE_BYTES = SPACE.encode()
_SEPARATOR = " "  # between the namespace and the name of an element
_FIRST_BYTES = b"<\0\xef\xfe\xff"  # of a tag in UTF-8 or UTF-16, or of a byte order mark
# The encodings that expat supports, and those with one byte for each character that DCMTK writes.
_ENCODINGS = late_pattern(r"(?i)UTF-8|UTF-16(LE|BE)?|US-ASCII|ISO-8859-([1-9]|1[013-6])")
# Errors that no further bytes could mend, so that they are not truncation.
_SYNTAX_ERRORS = frozenset(
    {
        expat.errors.codes[expat.errors.XML_ERROR_SYNTAX],
        expat.errors.codes[expat.errors.XML_ERROR_INVALID_TOKEN],
    }
)
_ASCII = "latin-1"  # for a document whose markup is ASCII
_END_OF_CDATA = (b"]]>", b"]\0]\0>")  # the second one in UTF-16
_MAX_PREFIXES = 16  # of namespaces; expat keeps them up to the end of the document


class Documents:
    """A push parser of XML documents that follow one another.

    Pieces for expat end at fixed positions in the stream, wherever the caller cuts it, so that the limit on incomplete
    markup does not depend on the cuts.

    Args:
        limits: Bounds on markup.
        start: Called with the name of each start tag, and with a list of the names and values of its attributes in
            turn. A name in a namespace follows its URI and a space. The handler must call ``enter`` for the document
            element.
        end: Called with the name of each end tag. The handler must call ``leave`` for the document element.
        text: Called with pieces of text, which depend on the cuts.
        pause: Called when expat has parsed all bytes so far, and before a syntax error is raised.
        offset: Byte offset of the first fed byte in the stream.

    Attributes:
        bytes_fed: Bytes of the stream so far.
        expat: The parser of the current document, or None between documents.
        base: The byte offset of the current document.
    """

    def __init__(
        self,
        limits: Limits,
        start: Callable[[str, list[str]], None],
        end: Callable[[str], None],
        text: Callable[[str], None],
        pause: Callable[[], None],
        offset: int = 0,
    ) -> None:
        self._max_markup = max(limits.segment_size, PIECE_SIZE)
        self._start = start
        self._end = end
        self._text = text
        self._pause = pause
        self.bytes_fed = offset
        self.expat: XMLParserType | None = None
        self.base = offset
        self._first_tag = 0  # offset of the start tag of the document element
        self._last_tag: int | None = None  # offset of its end tag, once that was parsed
        self._epilog: _Epilog | None = None  # None before the first document
        self._unread = b""  # bytes that are not complete yet
        self._encoding = ""  # as the document declares it
        self._prefixes: set[str | None] = set()
        self._is_in_root = False  # the start tag of the document element was read
        self._is_plain = False  # the document has ASCII as it is, and one default namespace or none

    @property
    def position(self) -> int:
        """The byte offset of the current or incomplete markup."""
        if self.expat is None:
            return self.bytes_fed - len(self._unread)
        return self.base + max(self.expat.CurrentByteIndex, 0)

    def feed(self, data: bytes) -> None:
        """Parse the next bytes.

        Raises:
            XmlSyntaxError: The bytes are not XML, or contain a refused construct.
            LimitError: Markup is longer than the limits allow.
        """
        start = 0
        while start < len(data):
            end = start + PIECE_SIZE - self.bytes_fed % PIECE_SIZE
            piece = data[start : _end_of_piece(data, start, end)]
            start += len(piece)
            self.bytes_fed += len(piece)
            self._parse_piece(piece)
            if self.bytes_fed % PIECE_SIZE == 0 and self.bytes_fed - self.position > self._max_markup:
                message = f"markup of more than {self._max_markup} bytes"
                raise LimitError(message, "segment_size", Location(self.position))

    def enter(self) -> None:
        """Note that a handler is called for the start tag of the document element."""
        self._first_tag = self.position
        self._is_in_root = True

    def leave(self) -> None:
        """Note that a handler is called for the end tag of the document element."""
        self._last_tag = self.position

    # --- another reader ----------------------------------------------------------------------------------------

    @property
    def is_between_tags(self) -> bool:
        """True where another reader may go on.

        That is between two documents, or between two tags in a plain one.
        """
        if self._unread:
            return False
        if self.expat is None:
            return self._epilog is None or self._epilog.encoding == _ASCII
        return self._is_plain and self._is_in_root

    @property
    def is_utf8(self) -> bool:
        """True if the encoding of a plain document is UTF-8."""
        return self._encoding.upper() in ("", "UTF-8")

    def pass_over(self, size: int, *, in_document: bool, is_new: bool, has_ended: bool) -> None:
        """Note bytes that another reader has read.

        They end with a tag, or with white space after it.

        Args:
            size: The number of bytes.
            in_document: A document is open. Before more of it is fed here, ``reopen`` must be called.
            is_new: It has begun since, in UTF-8 and with a default namespace.
            has_ended: A document has ended since.
        """
        self.bytes_fed += size
        self.expat = None
        if has_ended:
            self._epilog = _Epilog(_ASCII)
        if in_document and is_new:
            self._is_plain = self._is_in_root = True
            self._encoding, self._prefixes = "", {None}

    def reopen(self, root: str, namespace: str, others: str) -> None:
        """Go on within a plain document, after another reader.

        Args:
            root: The name of the document element.
            namespace: Its namespace, if it has one.
            others: The start tags of the other elements that are open.
        """
        declaration = f'<?xml version="1.0" encoding="{self._encoding}"?>' if self._encoding else ""
        default = f' xmlns="{namespace}"' if self._prefixes else ""
        before = f"{declaration}<{root}{default}>{others}".encode()
        self.expat = self._new_expat(before)
        self.base = self.bytes_fed - len(before)

    # --- the end -----------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Finish the stream.

        Raises:
            TruncatedError: The stream ends within a document, or has none.
        """
        rest = b""
        if self.expat is None:
            if self._epilog is None:
                raise TruncatedError("expected an XML document, found the end of the stream", Location(self.bytes_fed))
            rest, self._unread = self._unread.strip(_SPACE_BYTES), b""
            if not rest:
                return
            self._begin(rest)
        self._parse(rest, final=True)

    def _parse_piece(self, rest: bytes) -> None:
        while rest:
            if self.expat is None:
                rest = self._skip_epilog(rest)
                if not rest:
                    return
                self._begin(rest)
            rest = self._parse(rest, final=False)

    def _skip_epilog(self, data: bytes) -> bytes:
        """Return the start of the next document, or nothing if it is not here yet."""
        if self._epilog is not None:
            data = self._unread + data
            size, is_open = self._epilog.skip(data)
            self._unread = data[size:]
            if is_open:
                return b""
            data, self._unread = self._unread, b""
        return data.lstrip(_SPACE_BYTES)

    def _begin(self, data: bytes) -> None:
        self.base = self.bytes_fed - len(data)
        self._is_plain = data[:1] == b"<" and data[1:2] not in (b"", b"\0")
        self._is_in_root = False
        self._encoding = ""
        self._prefixes.clear()
        if (
            data[1:2] == b"\0" and data[0] not in _FIRST_BYTES
        ):  # which expat takes for UTF-16, unless it gets them singly
            code = expat.errors.codes[expat.errors.XML_ERROR_INVALID_TOKEN]
            raise _syntax_error(code, self.base + 1)
        self.expat = self._new_expat()

    def _parse(self, data: bytes, *, final: bool) -> bytes:
        """Parse bytes of a document; return those that follow its end."""
        parser = self.expat
        assert parser
        try:
            parser.Parse(data, final)
        except expat.ExpatError as error:
            if self._last_tag is None:  # otherwise expat has seen bytes of the epilog, which are scanned below
                self._pause()
                if final and error.code not in _SYNTAX_ERRORS:
                    message = "the stream ends within an XML document"
                    raise TruncatedError(message, Location(self.bytes_fed)) from None
                raise _syntax_error(error.code, self.base + parser.ErrorByteIndex) from None
        self._pause()
        if self._last_tag is None:
            data = self._unread + data
            self._unread = data[len(data) - (self.bytes_fed - self.position) :]
            return b""
        return self._end_document(self._last_tag, data)

    def _end_document(self, last_tag: int, data: bytes) -> bytes:
        data = self._unread + data
        start = self.bytes_fed - len(data)
        self._epilog, end = _Epilog.after(data, self._first_tag - start, last_tag - start)
        self.expat = self._last_tag = None
        self._unread = b""
        return data[end:]

    def _new_expat(self, before: bytes = b"") -> XMLParserType:
        """Return a parser that has read some bytes, of which no handler hears."""
        parser = expat.ParserCreate(namespace_separator=_SEPARATOR)
        if hasattr(parser, "SetReparseDeferralEnabled"):
            # Deferral could delay the end of a data set until more bytes arrive. It saves expat from parsing long
            # tokens again and again, which the limit on markup bounds here.
            parser.SetReparseDeferralEnabled(False)
        parser.ordered_attributes = True
        if before:
            parser.Parse(before, False)
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.XmlDeclHandler = self._declaration
        parser.StartDoctypeDeclHandler = self._doctype
        parser.StartNamespaceDeclHandler = self._namespace
        return parser

    def _declaration(self, version: str, encoding: str | None, standalone: int) -> None:
        if encoding is not None and not _ENCODINGS.fullmatch(encoding):
            message = "expected the encoding UTF-8, UTF-16, US-ASCII or ISO 8859, found another one"
            raise XmlSyntaxError(message, Location(self.position))
        self._encoding = encoding or ""
        self._is_plain = self._is_plain and not self._encoding.upper().startswith("UTF-16")

    def _doctype(self, *_: object) -> None:
        raise XmlSyntaxError("a document type declaration, which is refused", Location(self.position))

    def _namespace(self, prefix: str | None, uri: str | None) -> None:
        self._is_plain = self._is_plain and prefix is None and not self._prefixes
        self._prefixes.add(prefix)
        if len(self._prefixes) > _MAX_PREFIXES:
            raise XmlSyntaxError(f"more than {_MAX_PREFIXES} namespace prefixes", Location(self.position))


def _syntax_error(code: int, offset: int) -> XmlSyntaxError:
    return XmlSyntaxError(f"not XML: {expat.ErrorString(code)}", Location(offset))


def _end_of_piece(data: bytes, start: int, end: int) -> int:
    """Return the end of the next piece: at most ``end``, and before any ``]]>``.

    ``]]>`` is an error within text, and makes expat drop the text before it in the same piece.
    """
    if data.find(b"]", start + 1, end) < 0:
        return end
    marks = (data.find(mark, start + 1, end) for mark in _END_OF_CDATA)
    return min((mark for mark in marks if mark >= 0), default=end)


# --- between documents -----------------------------------------------------------------------------------------

_BLANK = late_pattern(r"[ \t\r\n]*")
_TAG = late_pattern(r"""<(?:[^>"']++|"[^"]*+"|'[^']*+')*+>""")
_USUAL_SIZE = 256  # bytes that are scanned first; epilogs are rarely longer
_COMMENT = "<!--"
_INSTRUCTION = "<?"
_NOT_AN_INSTRUCTION = late_pattern(r"<\?(?:[xX][mM][lL])?[ \t\r\n?>]")  # an XML declaration, or no target


@record(frozen=True, slots=True)
class _Epilog:
    """A scanner of the bytes between two documents.

    These are white space, comments and processing instructions (XML 1.0, section 2.1).

    Attributes:
        encoding: The encoding of the document, or another with its markup at the same positions.

    >>> _Epilog("latin-1").skip(b"<!-- a --> <?b?> <NativeDicomModel")
    (17, False)
    """

    encoding: str

    @classmethod
    def after(cls, data: bytes, start: int, end: int) -> tuple[Self, int]:
        r"""Return the scanner for the epilog of a document, and its first index.

        Args:
            data: Bytes of the document and of its epilog.
            start: The index of the start tag of the document element; negative if ``data`` begins after it.
            end: The index of its end tag, if it has one.

        >>> _Epilog.after(b"<a/> ", 0, 4), _Epilog.after(b"<\0/\0a\0>\0", -6, 0)
        ((_Epilog(encoding='latin-1'), 4), (_Epilog(encoding='utf-16-le'), 8))
        """
        index = start if start >= 0 else end
        epilog = cls({b"<\0": "utf-16-le", b"\0<": "utf-16-be"}.get(data[index : index + 2], _ASCII))
        tag = epilog._tag(data, index)
        if start >= 0 and not tag.endswith("/>"):
            index, tag = end, epilog._tag(data, end)
        return epilog, index + epilog._size(tag)

    def _tag(self, data: bytes, start: int) -> str:
        tag = _TAG.match(self._decoded(data[start : start + _USUAL_SIZE])) or _TAG.match(self._decoded(data[start:]))
        assert tag
        return tag[0]

    def skip(self, data: bytes) -> tuple[int, bool]:
        """Return the number of bytes to skip, and whether the epilog may continue.

        If it may, the rest of ``data`` must be passed again, together with the bytes that follow.
        """
        size, is_open = self._skip(data[:_USUAL_SIZE])
        return self._skip(data) if is_open and len(data) > _USUAL_SIZE else (size, is_open)

    def _skip(self, data: bytes) -> tuple[int, bool]:
        text = self._decoded(data)
        start, end = -1, 0
        while end > start:
            start = _BLANK.match(text, end).end()  # type: ignore[union-attr]
            end = _end_of_markup(text, start)
        return self._size(text[:start]), end < 0 or start == len(text)

    def _decoded(self, data: bytes) -> str:
        if self.encoding != _ASCII:
            data = data[: len(data) // 2 * 2]
        return data.decode(self.encoding, "surrogatepass")

    def _size(self, text: str) -> int:
        return len(text.encode(self.encoding, "surrogatepass"))


def _end_of_markup(text: str, start: int) -> int:
    """Return the end of a comment or processing instruction.

    Without either, return ``start``; if it is incomplete, -1.
    """
    if text.startswith(_COMMENT, start):
        dashes = text.find("--", start + len(_COMMENT))
        if dashes < 0 or dashes + 2 == len(text):
            return -1
        return dashes + 3 if text[dashes + 2] == ">" else start
    if text.startswith(_INSTRUCTION, start):
        if _NOT_AN_INSTRUCTION.match(text, start):
            return start
        mark = text.find("?>", start)
        return mark + 2 if mark >= 0 else -1
    return -1 if start < len(text) and _COMMENT.startswith(text[start : start + len(_COMMENT)]) else start
