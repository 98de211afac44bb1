"""A push parser of JSON text (RFC 8259): bytes in, tokens out.

A document is never held as a whole. An incomplete end of a chunk is held back, so tokens, errors and their locations
do not depend on how the bytes were cut. The mode determines the held bytes:

    BETWEEN   nothing, or a number or literal name that may continue
    STRING    a string that is not closed yet, and short enough for one token
    SEGMENTS  the rest of a string that is delivered in segments
    COMMENT   nothing, or a star that may close the comment; only if ``lenient``

Complete tokens make up a ``Stretch``; strings that arrive in several chunks are stretches of their own. Each byte is
examined a fixed number of times at most.

Lenient parsing costs nothing as long as the text is standard. The grammar marks the tokens that depart from the
standard. A comment is a fault in text that is first read as if there were none; the text is then read again from there.
"""

from __future__ import annotations

from codecs import BOM_UTF8, utf_8_decode
from collections.abc import Callable, Iterable, Iterator
from enum import IntEnum

from streamdicom._late import late_pattern
from streamdicom._push import PushParser
from streamdicom.errors import InputError, JsonSyntaxError, LimitError, Location, TruncatedError
from streamdicom.jsontext.comments import OpenComment, blank, may_hold_comment
from streamdicom.jsontext.grammar import Expect, Fault, Grammar, State
from streamdicom.jsontext.locate import Origins
from streamdicom.jsontext.origin import Origin
from streamdicom.jsontext.scanner import Scanner
from streamdicom.jsontext.stretch import Stretch, StringStretch
from streamdicom.jsontext.strings import (
    escape_fault,
    has_control,
    is_character_start,
    is_valid_start,
    length_in_bytes,
    mask_bytes,
    mask_text,
    unescape,
    whole_characters,
)
from streamdicom.jsontext.tokens import NUMBER_TEXT, Token, TokenType
from streamdicom.limits import Limits

_PIECE = 64 * 1024

_PROPERTY_NAME = int(TokenType.PROPERTY_NAME)
_STRING_SEGMENT = int(TokenType.STRING_SEGMENT)
_STRING_END = int(TokenType.STRING_END)


_STRUCTURE = b' \t\r\n[]{}:,"'
_WORD_BYTES = bytes(set(range(256)) - set(_STRUCTURE))
_NUMBER_WHOLE = late_pattern(NUMBER_TEXT)
_NUMBER_START = late_pattern(r"-?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*|(?:\.[0-9]+)?[eE][+-]?[0-9]*)?)?")
_STRING_BODY = late_pattern(rb'(?s)[^"\\]*+(?:\\.[^"\\]*+|(?!))*+')  # ``jsontext.strings`` explains (?!)


class _Mode(IntEnum):
    BETWEEN = 0
    STRING = 1
    SEGMENTS = 2
    COMMENT = 3


class JsonTokenizer(PushParser[Token]):
    """Turns the bytes of a JSON text into tokens.

    The text must be standard (RFC 8259): invalid UTF-8, a byte order mark, a lone surrogate, a control character in a
    string, ``NaN``, a leading zero, a trailing comma or a comment is an error. Memory is bounded by ``limits`` and by
    the longest chunk.

    A lenient tokenizer also accepts the following, and lists it in ``departures``:

    - "byte-order-mark": at the very start of the stream.
    - "trailing-comma": a single comma between a value and the bracket that closes its array or object. The offset is
      that of the bracket.
    - "comment": from ``//`` to the end of the line, or between ``/*`` and ``*/``, wherever white space may stand, with
      any bytes in it. The offset is that of its start; it is listed when the comment has ended.
    - "bare-nonfinite": ``NaN``, ``nan``, and ``Infinity`` or ``inf`` with or without a sign, in place of a number,
      as a NUMBER token with that text.

    ``feed`` and ``close`` raise ``JsonSyntaxError`` with the location of the first wrong token or byte, ``LimitError``,
    and ``TruncatedError`` at the end of the stream.

    Args:
        limits: Bounds on nesting, numbers and names, and the length of a segment.
        multiple: Accept several documents, with or without white space between them (NDJSON, concatenated JSON).
            Otherwise anything but white space after the document is an error.
        lenient: Accept the departures from RFC 8259 listed above.
        origin: The place in the text at which the bytes start.

    Attributes:
        departures: Byte offset and code of each departure accepted in the last call of ``feed`` or ``close``, in the
            order of the stream and before any error. Their sequence over all calls does not depend on how the bytes
            were cut.

    >>> tokenizer = JsonTokenizer()
    >>> [(TokenType(t).name, text) for t, text in tokenizer.feed(b'{"a": [1.50, nu')]
    [('START_OBJECT', ''), ('PROPERTY_NAME', 'a'), ('START_ARRAY', ''), ('NUMBER', '1.50')]
    >>> [TokenType(t).name for t, text in tokenizer.feed(b"ll]}") + tokenizer.close()]
    ['NULL', 'END_ARRAY', 'END_OBJECT']
    >>> tokenizer = JsonTokenizer(lenient=True)
    >>> tokenizer.feed(b'[NaN, /* the end */]')
    [(3, ''), (9, 'NaN'), (4, '')]
    >>> tokenizer.departures
    [(1, 'bare-nonfinite'), (6, 'comment'), (19, 'trailing-comma')]
    """

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        multiple: bool = False,
        lenient: bool = False,
        origin: Origin | None = None,
    ) -> None:
        super().__init__()
        limits = limits or Limits()
        self._segment = limits.segment_size
        self._grammar = Grammar(limits.depth, limits.number_length, multiple, lenient)
        self._max_word_length = max(limits.number_length, *map(len, self._grammar.literals))
        origin = origin or Origin()
        self._scanner = Scanner(self._grammar, limits.number_length, origin.structure)
        self._mode = _Mode.BETWEEN
        self._held = bytearray()
        self._scanned = 0  # bytes of the held string that are known not to close it
        self._offset = origin.offset  # of the first byte held, or of the next byte to arrive
        self._multiple = multiple
        self._lenient = lenient
        self._comment: OpenComment | None = None
        self.departures: list[tuple[int, str]] = []
        self._origins = Origins()

    @property
    def bytes_consumed(self) -> int:
        """Bytes of the stream read as tokens and white space, before any fault."""
        return self._offset

    @property
    def origin(self) -> Origin | None:
        """The current place as an origin, or None within a token or a value."""
        structure = self._grammar.origin_of(self._scanner.state)
        if self._mode is not _Mode.BETWEEN or self._held or structure is None:
            return None
        return Origin(self._offset, structure)

    @property
    def token_count(self) -> int:
        """Number of tokens made in the last call."""
        return self._origins.count

    def read(self, chunks: Iterable[bytes]) -> Iterator[Token]:
        """Return the tokens of a whole stream.

        >>> [text for _, text in JsonTokenizer().read([b'["a', b'b"]'])]
        ['', 'ab', '']
        """
        for chunk in chunks:
            yield from self.feed(chunk)
        yield from self.close()

    def stretches(self, data: bytes | None) -> Iterator[Stretch]:
        """Parse like ``feed`` and ``close``, but let the caller read the tokens.

        Each stretch must be read to its end, or to its fault, before the next one is requested. After an error the
        tokenizer must not be used any more.

        Args:
            data: Any number of bytes, cut anywhere; None at the end of the stream.

        Raises:
            InputError: As in ``feed`` or ``close``, after the stretches before the fault.

        >>> [stretch] = JsonTokenizer().stretches(b'{"a": 1, "b')
        >>> list(stretch.tokens(1))
        [(1, '')]
        >>> stretch.pass_over(stretch.text.index(","), '"":0')
        True
        >>> list(stretch.tokens())
        []
        """
        self.departures = []
        self._origins.clear()
        try:
            if data is None:
                yield from self._finish()
            else:
                data = data if isinstance(data, bytes) else memoryview(data).tobytes()
                # A string within one piece is shorter than a segment, so only a held string can grow too long.
                size = min(_PIECE, self._segment)
                for start in range(0, len(data), size):
                    yield from self._pieces(data[start : start + size])
        except InputError as error:
            self._fail(error)
            self._offset = error.location.byte_offset or 0
            self.departures[:] = [place for place in self.departures if place[0] < self._offset]
            raise
        finally:
            self.departures.sort()

    @property
    def expects(self) -> Expect | None:
        """What is expected next, or None within a token, a comment or after an error."""
        is_between = self._mode is _Mode.BETWEEN and not self._held and self._error is None
        return self._scanner.state.expect if is_between else None

    @property
    def depth(self) -> int:
        """Number of open objects and arrays."""
        return self._scanner.state.frame.depth

    @property
    def containers(self) -> str:
        """The opening brackets of the open objects and arrays."""
        return "".join(self._scanner.state.frame.path())

    @property
    def in_string(self) -> bool:
        """True within a string that has arrived in part."""
        return self._mode in (_Mode.STRING, _Mode.SEGMENTS)

    @property
    def is_at_segment(self) -> bool:
        """True at the start of a segment that is not the first of its string."""
        return self._mode is _Mode.SEGMENTS and not self._held

    def resume(self, length: int, containers: str, expect: Expect) -> None:
        """Go on after bytes that the caller has read as complete tokens.

        Args:
            length: The number of bytes.
            containers: The opening brackets of the objects and arrays that are open after them.
            expect: The token expected next.
        """
        self._offset += length
        self._scanner.state = self._grammar.state_in(containers, expect)
        self._mode = _Mode.BETWEEN

    def resume_in_string(self, length: int, containers: str) -> None:
        """Go on at the start of a segment, not the first one; see ``resume``."""
        self.resume(length, containers, Expect.VALUE)
        self._mode = _Mode.SEGMENTS
        self._scanned = 0

    def locate(self, index: int) -> int:
        """Return the byte offset of a token of the last call, by its index."""
        [offset] = self.locate_all([index])
        return offset

    def locator(self) -> Callable[[Iterable[int]], list[int]]:
        """Return a function as ``locate_all``, for the tokens of this call for ever."""
        return self._origins.copy().locate

    def locate_all(self, indices: Iterable[int]) -> list[int]:
        """Return the byte offsets of several tokens, in ascending order of indices."""
        return self._origins.locate(indices)

    def _feed(self, data: bytes, tokens: list[Token]) -> None:
        for stretch in self.stretches(data):
            tokens += stretch.tokens()

    def _close(self, tokens: list[Token]) -> None:
        for stretch in self.stretches(None):
            tokens += stretch.tokens()

    def _raise_error(self) -> None:
        self.departures = []  # from the previous call
        super()._raise_error()

    # --- bytes -> stretches ------------------------------------------------------------------------------------

    def _pieces(self, piece: bytes) -> Iterator[Stretch]:
        if self._mode in (_Mode.STRING, _Mode.SEGMENTS):
            made: list[Token] = []
            rest, error = self._strings(piece, made)
            if made:
                yield StringStretch(made, self._offset)
            if error:
                raise error
        else:
            rest = bytes(self._held) + piece if self._held else piece
            self._held.clear()
            if self._lenient and (self._comment or not self._offset):
                rest = self._skip(rest)
        if rest:
            yield from self._complete(rest)

    def _strings(self, piece: bytes, tokens: list[Token]) -> tuple[bytes, InputError | None]:
        """Continue the held string; return the rest of the piece, and any error."""
        try:
            rest = self._segments(piece, tokens) if self._mode is _Mode.SEGMENTS else self._string(piece, tokens)
        except InputError as error:
            return b"", error
        return rest, None

    def _skip(self, piece: bytes) -> bytes:
        """Return the piece after a byte order mark, or after the open comment."""
        length, comment = 0, self._comment
        if comment:
            length, ends = comment.skip(piece)
            if ends:
                self._end_comment(comment)
            else:
                self._held += piece[length:]
                piece = b""
        elif piece.startswith(BOM_UTF8):
            length = len(BOM_UTF8)
            self.departures.append((0, _BYTE_ORDER_MARK))
        self._offset += length
        return piece[length:]

    def _end_comment(self, comment: OpenComment) -> None:
        self._mode, self._comment = _Mode.BETWEEN, None
        self.departures.append((comment.offset, _COMMENT))

    def _complete(self, piece: bytes) -> Iterator[Stretch]:
        """Read a piece that starts with a token."""
        if not self._lenient or b"/" not in piece:
            yield from self._split(piece)
            return
        start = self._offset
        try:
            yield from self._split(piece, is_tentative=True)
        except InputError:  # raised again below, if no comment was the reason
            pass
        else:
            if self._mode is not _Mode.BETWEEN or not may_hold_comment(self._held):
                return
        self._mode = _Mode.BETWEEN
        self._held.clear()
        self._scanner.state = self._grammar.rebuild(self._scanner.state)
        yield from self._split_blanked(piece[self._offset - start :])

    def _split_blanked(self, piece: bytes) -> Iterator[Stretch]:
        piece, starts, self._comment = blank(piece, self._offset)
        self.departures += [(start, _COMMENT) for start in starts]
        yield from self._split(piece, has_comments=True)
        if self._comment:
            self._mode = _Mode.COMMENT

    def _split(self, piece: bytes, *, has_comments: bool = False, is_tentative: bool = False) -> Iterator[Stretch]:
        """Read the complete tokens of a piece; hold back the rest."""
        cut, in_string = _complete_length(mask_bytes(piece))
        yield from self._stretch(piece[:cut], has_comments=has_comments, is_tentative=is_tentative)
        self._held += piece[cut:]
        if in_string:
            self._mode = _Mode.STRING
            self._scanned = 1
            self._string(b"", [])
        elif len(self._held) > self._max_word_length and len(self._word()) > self._max_word_length:
            raise self._fault(self._grammar.number_too_long())

    def _stretch(self, piece: bytes, *, has_comments: bool = False, is_tentative: bool = False) -> Iterator[Stretch]:
        try:
            text = piece.decode()
        except UnicodeDecodeError as error:
            not_utf8 = self._fault(Fault(_NOT_UTF8), error.start)
            yield from self._stretch_before(piece, error.start, has_comments=has_comments, is_tentative=is_tentative)
            raise not_utf8 from None
        if "\\" in text:
            text = mask_text(text)
        has_escapes = b"\\" in piece
        stretch = Stretch(
            text,
            self._offset,
            self._scanner,
            self._origins,
            self.departures,
            has_escapes=has_escapes,
            is_odd=has_escapes or has_control(piece),
            has_comments=has_comments,
            is_tentative=is_tentative,
        )
        yield stretch
        fault = stretch.fault
        if fault is None:
            self._offset += len(piece)
            return
        self._offset += length_in_bytes(text[: stretch.position])
        raise self._fault(fault, length_in_bytes(text[stretch.position : fault.position])) from None

    def _stretch_before(self, piece: bytes, wrong: int, *, has_comments: bool, is_tentative: bool) -> Iterator[Stretch]:
        """Read the tokens before a byte that is not UTF-8; raise any fault before it."""
        masked = mask_bytes(piece)
        cut, in_string = _complete_length(masked[:wrong])
        yield from self._stretch(piece[:cut], has_comments=has_comments, is_tentative=is_tentative)
        if in_string:
            self._check_string_start(piece[cut:wrong], 1)
        else:
            word = len(piece) - cut - len(masked[cut:].lstrip(_WORD_BYTES))
            if word > self._max_word_length:
                raise self._fault(self._grammar.number_too_long())

    def _word(self) -> bytes:
        """Return the held word, without a slash that may begin a comment."""
        held = bytes(self._held)
        return held.removesuffix(b"/") if self._lenient else held

    def _string(self, piece: bytes, tokens: list[Token]) -> bytes:
        """Continue the held string; return the rest of the piece once it is closed."""
        held = self._held
        held += piece
        end = self._find_end()
        if end is not None and end - 1 <= self._segment:
            self._add_string(_copy(held, 1, end), tokens)
            self._mode = _Mode.BETWEEN
            rest = _copy(held, end + 1)
            held.clear()
            return rest
        if len(held) - 1 > self._segment:
            self._start_segments()
            return self._segments(b"", tokens)
        return b""

    def _find_end(self) -> int | None:
        """Return the index of the closing quotation mark, or None."""
        held = self._held
        if held.find(b"\\", self._scanned) < 0:
            end = held.find(b'"', self._scanned)
            self._scanned = len(held) if end < 0 else end
        else:
            match = _STRING_BODY.match(held, self._scanned)
            assert match is not None  # it matches the empty string
            self._scanned = match.end()
        closed = self._held[self._scanned : self._scanned + 1] == b'"'
        return self._scanned if closed else None

    def _add_string(self, raw: bytes, tokens: list[Token]) -> None:
        """Add a string that arrived in several pieces."""
        kind, self._scanner.state = self._step_to_string()
        self._origins.add(1, "", 0, self._offset)
        self._offset += 1
        tokens.append((kind, self._text(raw)))
        self._offset += len(raw) + 1

    def _step_to_string(self) -> tuple[int, State]:
        """Return the type of the held string, and the state after it."""
        try:
            _, kind, state = self._grammar.step_to_string(self._scanner.state, "")
        except Fault as fault:
            raise self._fault(fault) from None
        return kind, state

    def _start_segments(self) -> None:
        kind, _ = self._step_to_string()
        if kind == _PROPERTY_NAME:
            raise self._fault(
                Fault(f"expected a name of at most {self._segment} bytes, found a longer one", limit="segment_size")
            )
        self._mode = _Mode.SEGMENTS
        del self._held[0]
        self._scanned -= 1
        self._offset += 1

    def _segments(self, piece: bytes, tokens: list[Token]) -> bytes:
        """Add the complete segments; return the rest once the string is closed.

        A segment is the longest run of complete characters and escapes within the next ``segment_size`` bytes, so the
        cuts do not depend on the chunks.
        """
        self._held += piece
        end = self._find_end()
        stop = len(self._held) if end is None else end
        start = 0
        while stop - start > self._segment:
            segment = _copy(self._held, start, start + self._segment)
            segment = segment[: whole_characters(segment)]
            self._add_segment(_STRING_SEGMENT, segment, tokens)
            start += len(segment)
        rest = b""
        if end is not None:
            self._add_segment(_STRING_END, _copy(self._held, start, end), tokens)
            self._scanner.state = self._grammar.after_value(self._scanner.state)
            self._mode = _Mode.BETWEEN
            self._offset += 1
            rest = _copy(self._held, end + 1)
            start = len(self._held)
        del self._held[:start]
        self._scanned -= start
        return rest

    def _add_segment(self, kind: int, raw: bytes, tokens: list[Token]) -> None:
        text = self._text(raw)
        self._origins.add(1, "", 0, self._offset)
        tokens.append((kind, text))
        self._offset += len(raw)

    def _text(self, raw: bytes) -> str:
        """Decode the string or segment at the current offset."""
        try:
            text = raw.decode()
        except UnicodeDecodeError as error:
            self._check_string_start(raw[: error.start], 0)
            raise self._fault(Fault(_NOT_UTF8), error.start) from None
        if b"\\" not in raw and not has_control(raw):
            return text
        try:
            return unescape(text)
        except Fault as fault:
            raise self._fault(fault, length_in_bytes(text[: fault.position])) from None

    # --- the end, and the faults -------------------------------------------------------------------------------

    def _finish(self) -> Iterator[Stretch]:
        if self._comment:
            if self._comment.ends_with_stream:
                self._end_comment(self._comment)
        elif self._mode is not _Mode.BETWEEN:
            self._check_string_start(bytes(self._held), int(self._mode is _Mode.STRING))
        elif self._held and not self._is_incomplete_word():
            word = self._word()
            self._held.clear()
            yield from self._stretch(word)
        self._offset += len(self._held)
        state = self._scanner.state
        complete = state.expect is Expect.END or (self._multiple and not state.frame.container)
        if self._held or self._mode is not _Mode.BETWEEN or not complete:
            message = "the input ends within a JSON document" if self._offset else "the input is empty"
            raise TruncatedError(message, Location(self._offset))

    def _is_incomplete_word(self) -> bool:
        """True if the last word may be the start of a valid one."""
        state, word = self._scanner.state, self._word()
        text = word.decode(errors="replace")
        is_value = text in self._grammar.literals or _NUMBER_WHOLE.fullmatch(text) is not None
        if len(word) < len(self._held):
            return not word or (state.allows_value and is_value)
        if self._lenient and not self._offset and BOM_UTF8.startswith(word):
            return True
        if is_value and not state.frame.container:
            return False
        return state.allows_value and self._begins_a_value(text)

    def _begins_a_value(self, text: str) -> bool:
        names = self._grammar.literals
        return any(name.startswith(text) for name in names) or _NUMBER_START.fullmatch(text) is not None

    def _check_string_start(self, held: bytes, start: int) -> None:
        """Check an unfinished string, after ``start`` bytes of quotation mark."""
        if start:
            self._step_to_string()
        body = held[start:]
        try:
            text, length = utf_8_decode(body, "strict", False)
        except UnicodeDecodeError as error:
            raise self._fault(Fault(_NOT_UTF8), start + error.start) from None
        if not is_valid_start(text):
            wrong = escape_fault(text)
            raise self._fault(wrong, start + len(text[: wrong.position].encode()))
        if not is_character_start(body[length:]):
            raise self._fault(Fault(_NOT_UTF8), start + length)

    def _fault(self, fault: Fault, length: int = 0) -> InputError:
        """Return the error for a fault ``length`` bytes after the current offset."""
        location = Location(self._offset + length)
        if fault.limit:
            return LimitError(fault.message, fault.limit, location)
        return JsonSyntaxError(fault.message, location)


_BYTE_ORDER_MARK = "byte-order-mark"
_COMMENT = "comment"
_NOT_UTF8 = "expected UTF-8 (RFC 8259, section 8.1), found another byte"


def _copy(held: bytearray, start: int, end: int | None = None) -> bytes:
    with memoryview(held) as view:  # a slice of the array itself would be another copy
        return bytes(view[start:end])


def _complete_length(masked: bytes) -> tuple[int, bool]:
    """Return the length of the complete tokens, and whether a string follows."""
    if masked.count(b'"') & 1:
        return masked.rfind(b'"'), True
    return len(masked.rstrip(_WORD_BYTES)), False
