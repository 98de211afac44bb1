"""A writer of JSON text (RFC 8259): tokens in, bytes out.

Whether a token may come next is decided by what is open and by what came last; ``_Place`` says the latter, and a
token that may not come is an ``OutputError`` that leaves the writer as it was. Behind a sink that has failed nothing
can be written, because nobody knows what it has taken.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from enum import IntEnum
from itertools import accumulate
from json.encoder import encode_basestring

from streamdicom._push import StickyWriter
from streamdicom.errors import InputError, OutputError
from streamdicom.jsontext.base64 import Base64Encoder
from streamdicom.jsontext.escapes import escaper
from streamdicom.jsontext.strings import SURROGATE
from streamdicom.jsontext.tokenizer import JsonTokenizer
from streamdicom.jsontext.tokens import (
    DEPTHS,
    NUMBER_TEXT,
    Token,
    TokenType,
)
from streamdicom.limits import Limits

_BLOCK = 64 * 1024
_LONG_NUMBER = 1 << 30  # what is written is not a stranger's
_NUMBER = re.compile(NUMBER_TEXT)

ONE_LINE = {ord("\n"): " ", ord("\r"): " "}
"""For ``str.translate``. JSON text has line feeds only between its tokens (RFC 8259, section 2)."""


class _Place(IntEnum):
    """What came last within the innermost open object or array."""

    START = 0
    NAME = 1
    VALUE = 2
    SEGMENT = 3


_START, _NAME, _VALUE, _SEGMENT = _Place


class JsonEmitter(StickyWriter):
    """Writes a JSON text token by token, in blocks of about 64 KiB.

    Args:
        sink: Called with each block, such as the ``write`` of a binary file.
        indent: Spaces, or a string, for each level, laid out as ``json.dumps`` does; None for no white space.
        ensure_ascii: Whether characters beyond ASCII are written as escapes.
        escape_html: Whether <, >, &, ', U+2028 and U+2029 are, so that the text may stand within HTML.
        depth: How many objects and arrays may be open at once.
        multiple: Whether several documents may be written, each on a line of its own, or on several with an indent.
        trailing_newline: Whether the text ends with a line feed, unless it is empty.

    >>> blocks = []
    >>> writer = JsonEmitter(blocks.append)
    >>> writer.start_object()
    >>> writer.property_name("a")
    >>> writer.number("1.50")
    >>> writer.end_object()
    >>> writer.close()
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
        # Of what is no number, this is a TypeError, as it is in the json module.
        self._indent = indent if indent is None or isinstance(indent, str) else " " * indent
        self._colon = ":" if indent is None else ": "
        self._escapes = escaper(ensure_ascii=ensure_ascii, escape_html=escape_html)
        self._depth = depth
        self._multiple = multiple
        self._end_of_text = "\n" if trailing_newline else ""
        self._open: list[str] = []  # the containers around the innermost one
        self._container = ""
        self._place = _START
        self._base64: Base64Encoder | None = None  # of a base64 string in segments
        self._in_raw = False  # whether a segment is one of a raw value
        self._reader: JsonTokenizer | None = None  # of a raw value in segments that is laid out anew
        self._raw_place = _START  # within it
        self._raw_error: OutputError | None = None
        self._parts: list[str] = []
        self._size = 0
        self._committed = 0

    @property
    def depth(self) -> int:
        """How many objects and arrays are open."""
        return len(self._open)

    @property
    def bytes_pending(self) -> int:
        """Bytes that have been written but not yet given to the sink."""
        return sum(len(part.encode()) for part in self._parts)

    @property
    def bytes_committed(self) -> int:
        """Bytes that have been given to the sink."""
        return self._committed

    def start_object(self) -> None:
        """Open an object.

        Raises:
            OutputError: No value may come here, or too many objects and arrays are open.
        """
        self._start("{")

    def end_object(self) -> None:
        """Close the object that was opened last.

        Raises:
            OutputError: The innermost container is no object, or a name in it lacks its value.
        """
        self._end("{", "}")

    def start_array(self) -> None:
        """Open an array; raises as ``start_object``."""
        self._start("[")

    def end_array(self) -> None:
        """Close the array that was opened last; raises as ``end_object``."""
        self._end("[", "]")

    def property_name(self, name: str) -> None:
        """Write the name of a member; its value comes next.

        Raises:
            OutputError: No name may come here, or it holds half of a surrogate pair.
        """
        if self._container != "{" or self._place is _NAME or self._place is _SEGMENT:
            raise OutputError("a name is due only within an object, before a value")
        text = self._escape(name)
        comma = self._place is _VALUE
        before = ("," if comma else "") if self._indent is None else self._line(comma)
        self._put(f"{before}{text}{self._colon}")
        self._place = _NAME

    def string(self, text: str) -> None:
        """Write a string.

        Raises:
            OutputError: No value may come here, or it holds half of a surrogate pair.
        """
        self._value(self._escape(text))

    def number(self, number: int | float | str) -> None:
        """Write a number: an int, a finite float in its shortest exact form, or any number's exact text.

        Raises:
            OutputError: No value may come here, or this is no number of RFC 8259, section 6.
        """
        try:
            text = _number_text(number)
        except ValueError:  # Python limits the digits of an int
            raise OutputError("an integer of too many digits") from None
        if not _NUMBER.fullmatch(text):
            raise OutputError("not a number that JSON knows")
        self._value(text)

    def boolean(self, value: bool) -> None:
        """Write ``true`` or ``false``; raises as ``start_object``."""
        self._value("true" if value else "false")

    def null(self) -> None:
        """Write ``null``; raises as ``start_object``."""
        self._value("null")

    def write(self, tokens: Iterable[Token]) -> None:
        """Write tokens as a ``JsonTokenizer`` gives them.

        Raises:
            OutputError: A token may not come where it comes; those before it have been written.
        """
        for kind, text in tokens:
            _WRITE[kind](self, text)

    def raw(self, text: str) -> None:
        """Write a value of any kind that is JSON text already. With an indent it is laid out anew.

        Raises:
            OutputError: No value may come here, or the text is not one JSON value.
        """
        tokens = self._tokens(text, len(self._open))
        if self._indent is None:
            self._value(text.translate(ONE_LINE) if self._multiple else text)
        else:
            self.write(tokens)

    def raw_segment(self, text: str, *, final: bool = False) -> None:
        """Write a value that is JSON text already, in segments that are cut anywhere; the last one is marked final.

        The text is written as it is, but for escapes, where the layout allows it, and is not checked then: this is
        for a caller who has just made it, without line feeds if there are several documents, and is in a hurry. With
        an indent it is laid out anew, token by token.

        Raises:
            OutputError: No value may come here. Or, where it is laid out anew, the text is not one JSON value;
                then nothing can be written from there on.
        """
        before = ""
        if self._place is not _SEGMENT:
            before = self._before_value()
            self._in_raw = True
        elif not self._in_raw:
            raise OutputError("a raw segment within a value of another kind")
        if self._indent is None:
            if before:
                self._put(before)  # by itself: the text may be long
            self._put(text)
            self._place = _VALUE
        else:
            self._lay_out(text, final)
        self._in_raw = not final
        if not final:
            self._place = _SEGMENT

    def _lay_out(self, text: str, final: bool) -> None:
        """Write the tokens of the next segment of a raw value. From a fault on, nothing can be written."""
        if self._raw_error:
            raise self._raw_error
        if self._reader is None:
            # A level more than may be written, so that it is the writer who says what is too deep.
            self._reader = JsonTokenizer(Limits(depth=self._depth + 1, number_length=_LONG_NUMBER))
            self._raw_place = self._place
        self._place = _SEGMENT
        try:
            self._write_segment(self._reader, text, final)
        except OutputError as error:
            self._raw_error = error
            raise
        if final:
            self._reader = None
            self._place = self._raw_place

    def _write_segment(self, reader: JsonTokenizer, text: str, final: bool) -> None:
        try:
            tokens = reader.feed(text.encode())
            if final:
                tokens += reader.close()
        except (InputError, UnicodeEncodeError):
            raise OutputError("not JSON text") from None
        self._place, self._in_raw = self._raw_place, False
        try:
            self.write(tokens)
        finally:
            self._raw_place, self._place, self._in_raw = self._place, _SEGMENT, True
        if reader.error:
            raise OutputError("not JSON text")

    def _tokens(self, text: str, depth: int) -> list[Token]:
        """The tokens of a JSON value, which may nest as deep as is left from this depth."""
        length = max(12, 4 * len(text))
        reader = JsonTokenizer(Limits(depth=length, segment_size=length, number_length=length))
        try:
            tokens = reader.feed(text.encode()) + reader.close()
        except (InputError, UnicodeEncodeError):
            raise OutputError("not JSON text") from None
        depths = accumulate(DEPTHS.get(kind, 0) for kind, _ in tokens)
        if depth + max(depths, default=0) > self._depth:
            raise OutputError(f"more than {self._depth} objects and arrays within one another")
        return tokens

    def segment_size(self, text: str, *, final: bool = False) -> None:
        """Write a string in segments; the last one, marked final, may be empty.

        Raises:
            OutputError: No value may come here, or the segment holds half of a surrogate pair.
        """
        inner = self._escape(text)[1:-1]
        if self._place is not _SEGMENT:
            self._begin_segments()
        elif self._base64 is not None or self._in_raw:
            raise OutputError("a string segment within a value of another kind")
        self._end_segment(inner, final)

    def base64_segment(self, data: bytes | memoryview, *, final: bool = False) -> None:
        """Write bytes as a string in base64 (RFC 4648, section 4), in segments of any length.

        Raises:
            OutputError: No value may come here.
        """
        if self._place is not _SEGMENT:
            self._begin_segments()
            self._base64 = Base64Encoder()
        elif self._base64 is None:
            raise OutputError("a base64 segment within a value of another kind")
        text = self._base64.encode(data, final=final)
        if final:
            self._base64 = None
        self._end_segment(text, final)

    def flush(self) -> None:
        """Give all that was written so far to the sink, with the line feed of a document that is complete."""
        if self._multiple and self._end_of_text and not self._container and self._place is _VALUE:
            self._parts.append(self._end_of_text)
            self._place = _START
        self._flush()

    def _flush(self) -> None:
        if self._error:
            self._parts.clear()
        self._raise_error()
        if not self._parts:
            return
        block = "".join(self._parts).encode()
        self._parts.clear()
        try:
            self._sink(block)
        except BaseException as error:
            self._fail(error)
            self._size = _BLOCK  # so that whatever comes is flushed, and told of it
            raise
        self._size = 0
        self._committed += len(block)

    def close(self) -> None:
        """Flush, once the document is complete.

        Raises:
            OutputError: Something is still open, or nothing was written; what there is has not been flushed.
        """
        self._raise_error()
        if self._container or self._place is _SEGMENT or (self._place is _START and not self._multiple):
            raise OutputError("the document is not complete")
        if self._end_of_text and self._place is not _START:
            self._put(self._end_of_text)
            self._end_of_text = ""
        self._flush()

    def _start(self, container: str) -> None:
        if len(self._open) >= self._depth:
            raise OutputError(f"more than {self._depth} objects and arrays within one another")
        self._value(container)
        self._open.append(self._container)
        self._container = container
        self._place = _START

    def _end(self, container: str, bracket: str) -> None:
        if self._container != container or self._place is _NAME or self._place is _SEGMENT:
            raise OutputError(f"no '{bracket}' may come here")
        outer = self._open.pop()
        if self._indent is not None and self._place is _VALUE:
            bracket = self._line(False) + bracket
        self._put(bracket)
        self._container = outer
        self._place = _VALUE

    def _value(self, text: str) -> None:
        self._put(self._before_value() + text)
        self._place = _VALUE

    def _before_value(self) -> str:
        place = self._place
        if place is _SEGMENT:
            raise OutputError("no value may come within a string")
        if self._container == "{":
            if place is not _NAME:
                raise OutputError("a value needs a name within an object")
            return ""
        if self._container == "[":
            if self._indent is not None:
                return self._line(place is _VALUE)
            return "," if place is _VALUE else ""
        if place is _VALUE:
            if not self._multiple:
                raise OutputError("the document is complete")
            return "\n"
        return ""

    def _line(self, comma: bool) -> str:
        assert self._indent is not None
        return f"{',' if comma else ''}\n{self._indent * len(self._open)}"

    def _begin_segments(self) -> None:
        self._put(self._before_value() + '"')
        self._place = _SEGMENT

    def _end_segment(self, text: str, final: bool) -> None:
        if final:
            self._place = _VALUE
            text += '"'
        self._put(text)

    def _escape(self, text: str) -> str:
        if not text.isascii() and SURROGATE.search(text):
            raise OutputError("half of a surrogate pair, which UTF-8 cannot carry")
        return encode_basestring(text)

    def _put(self, text: str) -> None:
        if self._escapes is not None:
            text = self._escapes(text)
        self._parts.append(text)
        self._size += len(text)
        if self._size >= _BLOCK:
            self._flush()


def _number_text(number: int | float | str) -> str:
    """A number as text, whatever a class that is made from int or float prints."""
    if isinstance(number, str):
        return number
    if isinstance(number, float):
        return float.__repr__(number)
    return int.__repr__(number) if isinstance(number, int) and not isinstance(number, bool) else ""


_WRITE: dict[int, Callable[[JsonEmitter, str], None]] = {
    TokenType.START_OBJECT: lambda writer, _: writer.start_object(),
    TokenType.END_OBJECT: lambda writer, _: writer.end_object(),
    TokenType.START_ARRAY: lambda writer, _: writer.start_array(),
    TokenType.END_ARRAY: lambda writer, _: writer.end_array(),
    TokenType.PROPERTY_NAME: JsonEmitter.property_name,
    TokenType.STRING: JsonEmitter.string,
    TokenType.STRING_SEGMENT: JsonEmitter.segment_size,
    TokenType.STRING_END: lambda writer, text: writer.segment_size(text, final=True),
    TokenType.NUMBER: JsonEmitter.number,
    TokenType.TRUE: lambda writer, _: writer.boolean(True),
    TokenType.FALSE: lambda writer, _: writer.boolean(False),
    TokenType.NULL: lambda writer, _: writer.null(),
}
