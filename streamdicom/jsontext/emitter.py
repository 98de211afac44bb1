"""An emitter of JSON text (RFC 8259): tokens in, bytes out.

The open containers and ``_State``, the last token in the innermost one, decide which tokens are allowed next. Any
other token raises ``OutputError`` and leaves the emitter unchanged. After an error of the sink nothing can be written,
because the sink may have taken part of a block.
"""

from __future__ import annotations

from _json import encode_basestring  # json takes long to import
from collections.abc import Callable, Iterable
from enum import IntEnum
from itertools import accumulate

from streamdicom._late import late_pattern
from streamdicom._push import StickyWriter
from streamdicom._typing import TYPE_CHECKING
from streamdicom.errors import InputError, OutputError
from streamdicom.jsontext.base64 import Base64Encoder
from streamdicom.jsontext.escapes import SURROGATE, escaper
from streamdicom.jsontext.tokens import DEPTHS, NUMBER_TEXT, Token, TokenType
from streamdicom.limits import Limits

if TYPE_CHECKING:
    from streamdicom.jsontext.tokenizer import JsonTokenizer

_BLOCK_SIZE = 64 * 1024
_MAX_NUMBER_LENGTH = 1 << 30  # the text is the caller's own
_NUMBER = late_pattern(NUMBER_TEXT)
_NOT_JSON = "expected one JSON value, found other text"

ONE_LINE = {ord("\n"): " ", ord("\r"): " "}
"""Table for ``str.translate`` that puts JSON text on one line.

Line ends occur only between tokens (RFC 8259, section 2).
"""


class _State(IntEnum):
    """The last token in the innermost open object or array."""

    START = 0
    NAME = 1
    VALUE = 2
    SEGMENT = 3


_START, _NAME, _VALUE, _SEGMENT = _State


class JsonEmitter(StickyWriter):
    """Write JSON text token by token, in blocks of about 64 KiB.

    Args:
        sink: Called with each block, such as the ``write`` of a binary file.
        indent: Spaces, or a string, for each level, in the layout of ``json.dumps``; None for no white space.
        ensure_ascii: Escape characters beyond ASCII.
        escape_html: Escape <, >, &, ', U+2028 and U+2029, so that the text can be embedded in HTML.
        depth: Maximum number of open objects and arrays.
        multiple: Allow several documents. Without an indent, each is on a line of its own.
        trailing_newline: End the text with a line feed, unless it is empty.

    >>> blocks = []
    >>> emitter = JsonEmitter(blocks.append)
    >>> emitter.start_object()
    >>> emitter.property_name("a")
    >>> emitter.number("1.50")
    >>> emitter.end_object()
    >>> emitter.close()
    >>> blocks
    [b'{"a":1.50}']
    """

    def __init__(
        self,
        sink: Callable[[bytes], object],
        *,
        indent: int | str | None = None,
        ensure_ascii: bool = False,
        escape_html: bool = False,
        depth: int = Limits().depth,
        multiple: bool = False,
        trailing_newline: bool = False,
    ) -> None:
        super().__init__()
        self._sink = sink
        # Other types raise TypeError here, as in the json module.
        self._indent = indent if indent is None or isinstance(indent, str) else " " * indent
        self._colon = ":" if indent is None else ": "
        self._escapes = escaper(ensure_ascii=ensure_ascii, escape_html=escape_html)
        self._depth = depth
        self._multiple = multiple
        self._end_of_text = "\n" if trailing_newline else ""
        self._outer: list[str] = []  # the containers around the innermost one
        self._container = ""
        self._state = _START
        self._base64: Base64Encoder | None = None  # of an open base64 string
        self._is_raw = False  # the open value is a raw one
        self._tokenizer: JsonTokenizer | None = None  # of an open raw value that is reformatted
        self._raw_state = _START  # within that value
        self._raw_error: OutputError | None = None
        self._parts: list[str] = []
        self._size = 0
        self._committed = 0

    @property
    def depth(self) -> int:
        """Number of open objects and arrays."""
        return len(self._outer)

    @property
    def bytes_pending(self) -> int:
        """Bytes written but not yet passed to the sink."""
        return sum(len(part.encode()) for part in self._parts)

    @property
    def bytes_committed(self) -> int:
        """Bytes passed to the sink."""
        return self._committed

    def start_object(self) -> None:
        """Open an object.

        Raises:
            OutputError: A value is not allowed here, or the nesting is too deep.
        """
        self._start("{")

    def end_object(self) -> None:
        """Close the innermost object.

        Raises:
            OutputError: The innermost container is not an object, or its last name has no value.
        """
        self._end("{", "}")

    def start_array(self) -> None:
        """Open an array; raises as ``start_object``."""
        self._start("[")

    def end_array(self) -> None:
        """Close the innermost array; raises as ``end_object``."""
        self._end("[", "]")

    def property_name(self, name: str) -> None:
        """Write the name of a member, whose value must follow.

        Raises:
            OutputError: A name is not allowed here, or contains half of a surrogate pair.
        """
        if self._container != "{" or self._state is _NAME or self._state is _SEGMENT:
            raise OutputError("expected a name only in an object, before its value")
        text = self._escape(name)
        comma = self._state is _VALUE
        before = ("," if comma else "") if self._indent is None else self._line(comma)
        self._put(f"{before}{text}{self._colon}")
        self._state = _NAME

    def string(self, text: str) -> None:
        """Write a string.

        Raises:
            OutputError: A value is not allowed here, or contains half of a surrogate pair.
        """
        self._value(self._escape(text))

    def number(self, number: int | float | str) -> None:
        """Write a number: an int, a finite float, or the exact text of a number.

        A float is written in its shortest exact form.

        Raises:
            OutputError: A value is not allowed here, or this is not a number of RFC 8259, section 6.
        """
        try:
            text = _number_text(number)
        except ValueError:  # Python limits the digits of an int
            raise OutputError("expected an integer within Python's limit on digits, found a longer one") from None
        if not _NUMBER.fullmatch(text):
            raise OutputError("expected a number of RFC 8259, section 6, found another value")
        self._value(text)

    def boolean(self, value: bool) -> None:
        """Write ``true`` or ``false``; raises as ``start_object``."""
        self._value("true" if value else "false")

    def null(self) -> None:
        """Write ``null``; raises as ``start_object``."""
        self._value("null")

    def write(self, tokens: Iterable[Token]) -> None:
        """Write tokens of a ``JsonTokenizer``.

        Raises:
            OutputError: A token is out of order; the tokens before it have been written.
        """
        for kind, text in tokens:
            _WRITE[kind](self, text)

    def raw(self, text: str) -> None:
        """Write a value that is already JSON text, reformatted if there is an indent.

        Raises:
            OutputError: A value is not allowed here, or the text is not one JSON value.
        """
        tokens = self._tokens(text, len(self._outer))
        if self._indent is None:
            self._value(text.translate(ONE_LINE) if self._multiple else text)
        else:
            self.write(tokens)

    def raw_segment(self, text: str, *, final: bool = False) -> None:
        """Write a value that is already JSON text, in segments cut anywhere.

        Without an indent, the text is escaped if necessary, but not checked: the caller must pass valid JSON text,
        without line feeds if there are several documents. With an indent, it is parsed and reformatted.

        Args:
            text: The next segment.
            final: True for the last segment.

        Raises:
            OutputError: A value is not allowed here; or the text is not one JSON value, which is detected only with an
                indent, and after which nothing can be written.
        """
        before = ""
        if self._state is not _SEGMENT:
            before = self._before_value()
            self._is_raw = True
        elif not self._is_raw:
            raise OutputError("expected a segment of the open string, found a raw segment")
        if self._indent is None:
            if before:
                self._put(before)  # separately, because the text may be long
            self._put(text)
            self._state = _VALUE
        else:
            self._reformat(text, final)
        self._is_raw = not final
        if not final:
            self._state = _SEGMENT

    def raw_bytes(self, data: bytes) -> None:
        """Write a segment of a raw value in UTF-8; see ``raw_segment``.

        It is not copied, unless it must be escaped or indented.
        """
        if self._indent is not None or self._escapes is not None:
            self.raw_segment(data.decode())
            return
        self.raw_segment("")
        self._flush()
        self._pass(data)

    def _reformat(self, text: str, final: bool) -> None:
        """Write the tokens of the next segment of a raw value; fail for good at a fault."""
        if self._raw_error:
            raise self._raw_error
        if self._tokenizer is None:
            from streamdicom.jsontext.tokenizer import JsonTokenizer  # imported late: few texts are reformatted

            # One level more than allowed, so that the emitter reports the excess depth.
            self._tokenizer = JsonTokenizer(Limits(depth=self._depth + 1, number_length=_MAX_NUMBER_LENGTH))
            self._raw_state = self._state
        self._state = _SEGMENT
        try:
            self._write_segment(self._tokenizer, text, final)
        except OutputError as error:
            self._raw_error = error
            raise
        if final:
            self._tokenizer = None
            self._state = self._raw_state

    def _write_segment(self, tokenizer: JsonTokenizer, text: str, final: bool) -> None:
        try:
            tokens = tokenizer.feed(text.encode())
            if final:
                tokens += tokenizer.close()
        except (InputError, UnicodeEncodeError):
            raise OutputError(_NOT_JSON) from None
        self._state, self._is_raw = self._raw_state, False
        try:
            self.write(tokens)
        finally:
            self._raw_state, self._state, self._is_raw = self._state, _SEGMENT, True
        if tokenizer.error:
            raise OutputError(_NOT_JSON)

    def _tokens(self, text: str, depth: int) -> list[Token]:
        """Return the tokens of a JSON value at a depth."""
        from streamdicom.jsontext.tokenizer import JsonTokenizer

        length = max(12, 4 * len(text))
        tokenizer = JsonTokenizer(Limits(depth=length, segment_size=length, number_length=length))
        try:
            tokens = tokenizer.feed(text.encode()) + tokenizer.close()
        except (InputError, UnicodeEncodeError):
            raise OutputError(_NOT_JSON) from None
        depths = accumulate(DEPTHS.get(kind, 0) for kind, _ in tokens)
        if depth + max(depths, default=0) > self._depth:
            raise OutputError(f"expected at most {self._depth} nested objects and arrays, found more")
        return tokens

    def string_segment(self, text: str, *, final: bool = False) -> None:
        """Write a string in segments; the last one, marked final, may be empty.

        Raises:
            OutputError: A value is not allowed here, or the segment contains half of a surrogate pair.
        """
        inner = self._escape(text)[1:-1]
        if self._state is not _SEGMENT:
            self._begin_segments()
        elif self._base64 is not None or self._is_raw:
            raise OutputError("expected a segment of the open value, found a string segment")
        self._end_segment(inner, final)

    def base64_segment(self, data: bytes | memoryview, *, final: bool = False) -> None:
        """Write bytes as a base64 string (RFC 4648, section 4), in segments of any length.

        Raises:
            OutputError: A value is not allowed here.
        """
        if self._state is not _SEGMENT:
            self._begin_segments()
            self._base64 = Base64Encoder()
        elif self._base64 is None:
            raise OutputError("expected a segment of the open value, found a base64 segment")
        text = self._base64.encode(data, final=final)
        if final:
            self._base64 = None
        self._end_segment(text, final)

    def flush(self) -> None:
        """Pass all pending bytes to the sink, with the line feed of a complete document."""
        if self._multiple and self._end_of_text and not self._container and self._state is _VALUE:
            self._parts.append(self._end_of_text)
            self._state = _START
        self._flush()

    def _flush(self) -> None:
        if self._error:
            self._parts.clear()
        self._raise_error()
        if not self._parts:
            return
        block = "".join(self._parts).encode()
        self._parts.clear()
        self._pass(block)
        self._size = 0

    def _pass(self, block: bytes) -> None:
        try:
            self._sink(block)
        except BaseException as error:
            self._fail(error)
            self._size = _BLOCK_SIZE  # the next write flushes, and so raises the error
            raise
        self._committed += len(block)

    def close(self) -> None:
        """End the document and flush.

        Raises:
            OutputError: The document is incomplete or empty; nothing has been flushed.
        """
        self._raise_error()
        if self._container or self._state is _SEGMENT or (self._state is _START and not self._multiple):
            raise OutputError("the document is empty or not complete")
        if self._end_of_text and self._state is not _START:
            self._put(self._end_of_text)
            self._end_of_text = ""
        self._flush()

    def _start(self, container: str) -> None:
        if len(self._outer) >= self._depth:
            raise OutputError(f"expected at most {self._depth} nested objects and arrays, found more")
        self._value(container)
        self._outer.append(self._container)
        self._container = container
        self._state = _START

    def _end(self, container: str, bracket: str) -> None:
        if self._container != container or self._state is _NAME or self._state is _SEGMENT:
            raise OutputError(f"expected a value or another bracket, found '{bracket}'")
        outer = self._outer.pop()
        if self._indent is not None and self._state is _VALUE:
            bracket = self._line(False) + bracket
        self._put(bracket)
        self._container = outer
        self._state = _VALUE

    def _value(self, text: str) -> None:
        self._put(self._before_value() + text)
        self._state = _VALUE

    def _before_value(self) -> str:
        state = self._state
        if state is _SEGMENT:
            raise OutputError("expected the next segment of the open value, found another value")
        if self._container == "{":
            if state is not _NAME:
                raise OutputError("expected a name before a value in an object")
            return ""
        if self._container == "[":
            if self._indent is not None:
                return self._line(state is _VALUE)
            return "," if state is _VALUE else ""
        if state is _VALUE:
            if not self._multiple:
                raise OutputError("expected the end of the document, found another value")
            return "\n"
        return ""

    def _line(self, comma: bool) -> str:
        assert self._indent is not None
        return f"{',' if comma else ''}\n{self._indent * len(self._outer)}"

    def _begin_segments(self) -> None:
        self._put(self._before_value() + '"')
        self._state = _SEGMENT

    def _end_segment(self, text: str, final: bool) -> None:
        if final:
            self._state = _VALUE
            text += '"'
        self._put(text)

    def _escape(self, text: str) -> str:
        if not text.isascii() and SURROGATE.search(text):
            raise OutputError("expected text that UTF-8 carries, found half of a surrogate pair")
        return encode_basestring(text)

    def _put(self, text: str) -> None:
        if self._escapes is not None:
            text = self._escapes(text)
        self._parts.append(text)
        self._size += len(text)
        if self._size >= _BLOCK_SIZE:
            self._flush()


def _number_text(number: int | float | str) -> str:
    """Return the text of a number, ignoring ``__repr__`` of subclasses."""
    if isinstance(number, str):
        return number
    if isinstance(number, float):
        return float.__repr__(number)
    return int.__repr__(number) if isinstance(number, int) and not isinstance(number, bool) else ""


_WRITE: dict[int, Callable[[JsonEmitter, str], None]] = {
    TokenType.START_OBJECT: lambda emitter, _: emitter.start_object(),
    TokenType.END_OBJECT: lambda emitter, _: emitter.end_object(),
    TokenType.START_ARRAY: lambda emitter, _: emitter.start_array(),
    TokenType.END_ARRAY: lambda emitter, _: emitter.end_array(),
    TokenType.PROPERTY_NAME: JsonEmitter.property_name,
    TokenType.STRING: JsonEmitter.string,
    TokenType.STRING_SEGMENT: JsonEmitter.string_segment,
    TokenType.STRING_END: lambda emitter, text: emitter.string_segment(text, final=True),
    TokenType.NUMBER: JsonEmitter.number,
    TokenType.TRUE: lambda emitter, _: emitter.boolean(True),
    TokenType.FALSE: lambda emitter, _: emitter.boolean(False),
    TokenType.NULL: lambda emitter, _: emitter.null(),
}
