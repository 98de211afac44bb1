"""A push parser of JSON text (RFC 8259): bytes in, tokens out.

The reader never needs the whole of anything. What a chunk ends in the middle of is held back, so that the tokens,
the errors and their places do not depend on how the bytes were cut. Four modes say what is held:

    BETWEEN   nothing, or a number or literal name that may go on
    STRING    a string that is not closed yet and not too long to be one token
    SEGMENTS  the rest of a string that is delivered in segments
    COMMENT   nothing, or a star that may close the comment; only a lenient reader has this mode

Of a text of complete tokens ``_scanner`` makes the tokens. No byte is looked at more than a fixed number of times.

What a lenient reader takes in addition costs nothing while it is not there. The grammar marks the tokens that depart
from the standard. A comment is a fault where the text is cut as if there were none; then it is cut once more.
"""

from __future__ import annotations

import re
from codecs import BOM_UTF8, utf_8_decode
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import IntEnum
from functools import partial

from streamdicom._push import PushParser
from streamdicom.errors import InputError, JsonSyntaxError, LimitError, Location, TruncatedError
from streamdicom.jsontext.comments import OpenComment, blank, may_hold_comment
from streamdicom.jsontext.grammar import DEPARTURES, Expect, Fault, Grammar, State
from streamdicom.jsontext.locate import Origin, Position, locate
from streamdicom.jsontext.scanner import Scanner
from streamdicom.jsontext.strings import (
    escape_fault,
    has_control,
    is_begun,
    length_in_bytes,
    mask_bytes,
    mask_text,
    may_be_character,
    unescape,
    whole_characters,
)
from streamdicom.jsontext.tokens import DEPTHS, NUMBER_TEXT, Token, TokenType
from streamdicom.limits import Limits

_PIECE = 64 * 1024

_PROPERTY_NAME = int(TokenType.PROPERTY_NAME)
_STRING_SEGMENT = int(TokenType.STRING_SEGMENT)
_STRING_END = int(TokenType.STRING_END)


_STRUCTURE = b' \t\r\n[]{}:,"'
_WORD_BYTES = bytes(set(range(256)) - set(_STRUCTURE))
_NUMBER_WHOLE = re.compile(NUMBER_TEXT)
_NUMBER_BEGUN = re.compile(r"-?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*|(?:\.[0-9]+)?[eE][+-]?[0-9]*)?)?")
_STRING_BODY = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+|(?!))*+', re.DOTALL)  # of (?!) ``_strings`` tells


class _Mode(IntEnum):
    BETWEEN = 0
    STRING = 1
    SEGMENTS = 2
    COMMENT = 3


class JsonTokenizer(PushParser[Token]):
    """Turns the bytes of a JSON text into tokens, as they come.

    Strict by RFC 8259: what is not UTF-8, a byte order mark, a lone surrogate, a control character in a string,
    ``NaN``, a leading zero, a trailing comma or a comment is an error. Memory is bounded by ``limits`` and by the
    longest chunk that is fed.

    A lenient reader takes, and tells of in ``departures``:

    - "byte-order-mark": one at the very start of the stream.
    - "trailing-comma": a single comma between a value and the bracket that closes its array or object. The place is
      that of the bracket.
    - "comment": from ``//`` to the end of the line, or within ``/* */``, wherever white space may stand, and whatever
      bytes are in it. The place is that of its start; it is told of when it has ended.
    - "bare-nonfinite": ``NaN``, ``nan``, and ``Infinity`` or ``inf`` with or without a sign, where a number may
      stand. It is a NUMBER token with that text.

    Args:
        limits: Bounds on nesting, numbers and names, and the length of a segment.
        multiple: Whether several documents may follow one another, with or without white space between them
            (NDJSON, concatenated JSON). Without it, anything but white space behind the document is an error.
        lenient: Whether the departures from RFC 8259 that are listed above are taken.
        members: A pattern of members of objects, with one group at least. What it matches in a text comes as one
            MEMBER token in place of the tokens of the member; its text is the tuple of the groups. It is for who knows
            what most of a text looks like: to make nine tokens of forty characters takes twice as long as to match
            them. What it matches must be a whole member as RFC 8259 has it, without escapes, control characters and
            surrogates, with no more than three objects and arrays within one another, and with nothing that
            ``limits`` forbid, but for the depth. Where a member is cut, longer than a segment, too deep, or
            near a comment or a fault, its tokens come.

    Attributes:
        departures: The byte offsets and codes of what was taken in the last call of ``feed`` or ``close`` and is no
            JSON, in the order of the stream; none is behind an error. Over all calls they do not depend on how the
            bytes were cut.

    >>> reader = JsonTokenizer()
    >>> [(TokenType(t).name, text) for t, text in reader.feed(b'{"a": [1.50, nu')]
    [('START_OBJECT', ''), ('PROPERTY_NAME', 'a'), ('START_ARRAY', ''), ('NUMBER', '1.50')]
    >>> [TokenType(t).name for t, text in reader.feed(b"ll]}") + reader.close()]
    ['NULL', 'END_ARRAY', 'END_OBJECT']
    >>> reader = JsonTokenizer(lenient=True)
    >>> reader.feed(b'[NaN, /* the end */]')
    [(3, ''), (9, 'NaN'), (4, '')]
    >>> reader.departures
    [(1, 'bare-nonfinite'), (6, 'comment'), (19, 'trailing-comma')]
    >>> reader = JsonTokenizer(members=re.compile('"([a-z]+)": ?([1-9][0-9]{0,9})(?=[,}])'))
    >>> reader.feed(b'{"a": 1, "b": 2, "c": true}')
    [(1, ''), (13, ('a', '1')), (13, ('b', '2')), (5, 'c'), (10, ''), (2, '')]
    """

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        multiple: bool = False,
        lenient: bool = False,
        members: re.Pattern[str] | None = None,
    ) -> None:
        super().__init__()
        limits = limits or Limits()
        self._segment = limits.segment_size
        self._grammar = Grammar(limits.depth, limits.number_length, multiple, lenient)
        self._longest_word = max(limits.number_length, *map(len, self._grammar.literals))
        self._scanner = Scanner(self._grammar, limits.number_length, members)
        self._mode = _Mode.BETWEEN
        self._held = bytearray()
        self._scanned = 0  # bytes of what is held that are known not to close the string
        self._offset = 0  # of the first byte that is held, or of the next to come
        self._multiple = multiple
        self._members = members
        self._lenient = lenient
        self._comment: OpenComment | None = None
        self.departures: list[tuple[int, str]] = []
        self._depth_at_error = 0
        self._origins: list[Origin] = []  # of the tokens of the last call
        self._tokens: list[Token] = []  # of the last call

    @property
    def depth(self) -> int:
        """How many objects and arrays are open behind the last token."""
        return self._depth_at_error if self._error else self._scanner.state.frame.depth

    @property
    def bytes_consumed(self) -> int:
        """Bytes of the stream that the tokens so far account for, white space included; up to the fault after one."""
        return self._offset

    def read(self, chunks: Iterable[bytes]) -> Iterator[Token]:
        """The tokens of a whole stream, from any iterable of bytes.

        >>> [text for _, text in JsonTokenizer().read([b'["a', b'b"]'])]
        ['', 'ab', '']
        """
        for chunk in chunks:
            yield from self.feed(chunk)
        yield from self.close()

    def locate(self, index: int, inner: int = 0) -> int:
        """The byte offset at which a token of the last call of ``feed`` or ``close`` starts.

        Args:
            index: The token's place in the list that was returned.
            inner: If that is a MEMBER, the place among the tokens that it stands for.
        """
        [offset] = self.locate_all([(index, inner)])
        return offset

    def locate_all(self, places: Sequence[Position]) -> list[int]:
        """As ``locate``, for several tokens in the order of the list, in one pass."""
        return locate(self._origins, self._tokens, places, self._members if self._tokens else None)

    def _feed(self, data: bytes, tokens: list[Token]) -> None:
        self._deliver(partial(self._take_all, data), tokens)

    def _close(self, tokens: list[Token]) -> None:
        self._deliver(self._take_end, tokens)

    def _raise_error(self) -> None:
        self.departures = []  # those of the previous call
        super()._raise_error()

    def _deliver(self, step: Callable[[list[Token]], None], tokens: list[Token]) -> None:
        self._tokens = tokens
        self._scanner.has_members = False
        self._origins.clear()
        depth = self.depth
        fault: InputError | None = None
        try:
            step(tokens)
        except InputError as error:
            fault = error
        if self.departures or self._grammar.departed:
            self._settle(tokens, fault)
        if not self._scanner.has_members:
            self._tokens = []  # they may be many, and ``locate`` asks for members alone
        if fault:
            # What the faulty text would have changed does not count.
            self._depth_at_error = depth + sum(DEPTHS.get(kind, 0) for kind, _ in tokens)
            self._offset = fault.location.byte_offset or 0
            raise fault

    def _settle(self, tokens: list[Token], fault: InputError | None) -> None:
        """Take the marks off the tokens that depart from the standard, and tell of these."""
        marked = [(index, 0) for index, (kind, _) in enumerate(tokens) if kind < 0]
        for (index, _), offset in zip(marked, self.locate_all(marked), strict=True):
            kind, text = tokens[index]
            tokens[index] = -kind, text
            self.departures.append((offset, DEPARTURES[kind]))
        end = fault.location.byte_offset if fault else None
        self.departures = sorted(place for place in self.departures if end is None or place[0] < end)

    # --- bytes -> texts of complete tokens ---------------------------------------------------------------------

    def _take_all(self, data: bytes, tokens: list[Token]) -> None:
        if not isinstance(data, bytes):
            data = memoryview(data).tobytes()
        # A string within one piece is shorter than a segment, so that only a held one can grow too long.
        size = min(_PIECE, self._segment)
        for start in range(0, len(data), size):
            self._take(data[start : start + size], tokens)

    def _take(self, piece: bytes, tokens: list[Token]) -> None:
        if self._mode is _Mode.SEGMENTS:
            piece = self._segments(piece, tokens)
        elif self._mode is _Mode.STRING:
            piece = self._string(piece, tokens)
        else:
            piece = bytes(self._held) + piece if self._held else piece
            self._held.clear()
            if self._lenient and (self._comment or not self._offset):
                piece = self._skip(piece)
        if piece:
            self._complete(piece, tokens)

    def _skip(self, piece: bytes) -> bytes:
        """What is left of a piece behind a byte order mark, or behind the comment that it starts in."""
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

    def _complete(self, piece: bytes, tokens: list[Token]) -> None:
        """Take a piece that starts with a token."""
        if not self._lenient or b"/" not in piece:
            self._split(piece, tokens)
            return
        place = self._scanner.state, self._offset, len(tokens), len(self._origins)
        if self._has_no_comment(piece, tokens):
            return
        state, self._offset, first, origin = place
        self._scanner.state, self._mode = self._grammar.again(state), _Mode.BETWEEN
        self._held.clear()
        del tokens[first:], self._origins[origin:]
        self._split_blanked(piece, tokens)

    def _has_no_comment(self, piece: bytes, tokens: list[Token]) -> bool:
        """Take a piece, and say whether it was right to take it as if there were no comments."""
        try:
            self._split(piece, tokens)
        except InputError:  # it comes again if no comment was the reason
            return False
        return self._mode is not _Mode.BETWEEN or not may_hold_comment(self._held)

    def _split_blanked(self, piece: bytes, tokens: list[Token]) -> None:
        piece, starts, self._comment = blank(piece, self._offset)
        self.departures += [(start, _COMMENT) for start in starts]
        self._split(piece, tokens, whole_members=False)  # who takes no comments looks at no token behind one
        if self._comment:
            self._mode = _Mode.COMMENT

    def _split(self, piece: bytes, tokens: list[Token], *, whole_members: bool = True) -> None:
        """Scan what is complete of a piece that starts with a token; hold back the rest."""
        cut, in_string = _complete_length(mask_bytes(piece))
        self._scan(piece[:cut], tokens, whole_members=whole_members)
        self._held += piece[cut:]
        if in_string:
            self._mode = _Mode.STRING
            self._scanned = 1
            self._string(b"", tokens)
        elif len(self._held) > self._longest_word and len(self._word()) > self._longest_word:
            raise self._fault(self._grammar.too_long())

    def _word(self) -> bytes:
        """What is held between strings, without a slash that may begin a comment."""
        held = bytes(self._held)
        return held.removesuffix(b"/") if self._lenient else held

    def _string(self, piece: bytes, tokens: list[Token]) -> bytes:
        """Go on with the string that is held; return the rest of the piece once it is closed."""
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
        """The place of the quotation mark that closes the string that is held."""
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
        """Deliver a string that has come in more than one piece; it is long, as a rule, and is not cut once more."""
        kind, self._scanner.state = self._step_to_string()
        self._origins.append((len(tokens), "", self._offset))
        self._offset += 1
        tokens.append((kind, self._text(raw)))
        self._offset += len(raw) + 1

    def _step_to_string(self) -> tuple[int, State]:
        """What the string is that is held, and the state behind it."""
        try:
            _, kind, state = self._grammar.step_to_string(self._scanner.state, "")
        except Fault as fault:
            raise self._fault(fault) from None
        return kind, state

    def _start_segments(self) -> None:
        kind, _ = self._step_to_string()
        if kind == _PROPERTY_NAME:
            raise self._fault(Fault(f"a name of more than {self._segment} bytes", limit="segment_size"))
        self._mode = _Mode.SEGMENTS
        del self._held[0]
        self._scanned -= 1
        self._offset += 1

    def _segments(self, piece: bytes, tokens: list[Token]) -> bytes:
        """Deliver the segments that are complete; return the rest of the piece once the string is closed.

        A segment is the longest run of whole characters and escapes within the next ``segment_size`` bytes, so
        that the places of the cuts do not depend on the chunks.
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
        self._origins.append((len(tokens), "", self._offset))
        tokens.append((kind, text))
        self._offset += len(raw)

    def _text(self, raw: bytes) -> str:
        """The characters of the string or the segment that is at the current offset."""
        try:
            text = raw.decode()
        except UnicodeDecodeError as error:
            self._check_begun(raw[: error.start], 0)
            raise self._fault(Fault(_NOT_UTF8), error.start) from None
        if b"\\" not in raw and not has_control(raw):
            return text
        try:
            return unescape(text)
        except Fault as fault:
            raise self._fault(fault, length_in_bytes(text[: fault.position])) from None

    # --- texts of complete tokens -> tokens --------------------------------------------------------------------

    def _scan(self, piece: bytes, tokens: list[Token], *, whole_members: bool = True) -> None:
        try:
            text = piece.decode()
        except UnicodeDecodeError as error:
            self._scan_before(piece, error.start, tokens)
            raise self._fault(Fault(_NOT_UTF8), error.start) from None
        if "\\" in text:
            text = mask_text(text)
        self._origins.append((len(tokens), text, self._offset))
        is_odd = b"\\" in piece or has_control(piece)
        try:
            self._scanner.scan(text, tokens, is_odd=is_odd, whole_members=whole_members)
        except Fault as fault:
            raise self._fault(fault, length_in_bytes(text[: fault.position])) from None
        self._offset += len(piece)

    def _scan_before(self, piece: bytes, wrong: int, tokens: list[Token]) -> None:
        """Scan the complete tokens before a byte that cannot be decoded, without moving on."""
        offset = self._offset
        masked = mask_bytes(piece)
        cut, in_string = _complete_length(masked[:wrong])
        self._scan(piece[:cut], tokens)
        if in_string:
            self._check_begun(piece[cut:wrong], 1)
        else:
            word = len(piece) - cut - len(masked[cut:].lstrip(_WORD_BYTES))
            if word > self._longest_word:
                raise self._fault(self._grammar.too_long())
        self._offset = offset

    # --- the end, and the faults -------------------------------------------------------------------------------

    def _take_end(self, tokens: list[Token]) -> None:
        if self._comment:
            if self._comment.ends_with_stream:
                self._end_comment(self._comment)
        elif self._mode is not _Mode.BETWEEN:
            self._check_begun(bytes(self._held), int(self._mode is _Mode.STRING))
        elif self._held and not self._may_go_on():
            word = self._word()
            self._held.clear()
            self._scan(word, tokens)
        self._offset += len(self._held)
        state = self._scanner.state
        complete = state.expect is Expect.END or (self._multiple and not state.frame.container)
        if self._held or self._mode is not _Mode.BETWEEN or not complete:
            message = "the input ends within a JSON document" if self._offset else "the input is empty"
            raise TruncatedError(message, Location(self._offset))

    def _may_go_on(self) -> bool:
        """Whether there is no saying what the word at the end of the stream would have become."""
        state, word = self._scanner.state, self._word()
        text = word.decode(errors="replace")
        is_value = text in self._grammar.literals or _NUMBER_WHOLE.fullmatch(text) is not None
        if len(word) < len(self._held):
            return not word or (state.takes_value and is_value)
        if self._lenient and not self._offset and BOM_UTF8.startswith(word):
            return True
        if is_value and not state.frame.container:
            return False
        return state.takes_value and self._begins_a_value(text)

    def _begins_a_value(self, text: str) -> bool:
        names = self._grammar.literals
        return any(name.startswith(text) for name in names) or _NUMBER_BEGUN.fullmatch(text) is not None

    def _check_begun(self, held: bytes, start: int) -> None:
        """Whether a string is right as far as it goes; ``start`` bytes are its quotation mark, if that is held."""
        if start:
            self._step_to_string()
        body = held[start:]
        try:
            text, length = utf_8_decode(body, "strict", False)
        except UnicodeDecodeError as error:
            raise self._fault(Fault(_NOT_UTF8), start + error.start) from None
        if not is_begun(text):
            wrong = escape_fault(text)
            raise self._fault(wrong, start + len(text[: wrong.position].encode()))
        if not may_be_character(body[length:]):
            raise self._fault(Fault(_NOT_UTF8), start + length)

    def _fault(self, fault: Fault, length: int = 0) -> InputError:
        """The error for a fault that is ``length`` bytes behind the current offset."""
        location = Location(self._offset + length)
        if fault.limit:
            return LimitError(fault.message, fault.limit, location)
        return JsonSyntaxError(fault.message, location)


_BYTE_ORDER_MARK = "byte-order-mark"
_COMMENT = "comment"
_NOT_UTF8 = "not UTF-8 (RFC 8259, section 8.1)"


def _copy(held: bytearray, start: int, end: int | None = None) -> bytes:
    with memoryview(held) as view:  # a slice of the array itself would be another copy
        return bytes(view[start:end])


def _complete_length(masked: bytes) -> tuple[int, bool]:
    """How many bytes of a piece are complete tokens, and whether a string has begun behind them."""
    if masked.count(b'"') & 1:
        return masked.rfind(b'"'), True
    return len(masked.rstrip(_WORD_BYTES)), False
