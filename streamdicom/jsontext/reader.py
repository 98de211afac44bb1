"""A push parser of JSON text (RFC 8259): bytes in, tokens out.

The reader never needs the whole of anything. What a chunk ends in the middle of is held back, so that the tokens,
the errors and their places do not depend on how the bytes were cut. Three modes say what is held:

    BETWEEN   nothing, or a number or literal name that may go on
    STRING    a string that is not closed yet and not too long to be one token
    SEGMENTS  the rest of a string that is delivered in segments

A text of complete tokens is cut at its quotation marks, which gives the strings and what stands between them by
turns; ``_grammar`` knows what the latter mean. No byte is looked at more than a fixed number of times.
"""

from __future__ import annotations

import json
import re
from codecs import utf_8_decode
from collections.abc import Iterable, Iterator, Sequence
from enum import IntEnum
from itertools import islice

from streamdicom.errors import InputError, JsonSyntaxError, LimitError, Location, TruncatedError
from streamdicom.jsontext._grammar import Expect, Fault, Grammar, State, StringStep
from streamdicom.jsontext.tokens import DEPTHS, Token, TokenType
from streamdicom.limits import Limits

__all__ = ["JsonReader"]

_PIECE = 64 * 1024

_NUMBER = int(TokenType.NUMBER)
_PROPERTY_NAME = int(TokenType.PROPERTY_NAME)
_STRING_SEGMENT = int(TokenType.STRING_SEGMENT)
_STRING_END = int(TokenType.STRING_END)


_STRUCTURE = b' \t\r\n[]{}:,"'
_WORD_BYTES = bytes(set(range(256)) - set(_STRUCTURE))
_NUMBER_TEXT = r"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+(?:[eE][+-]?[0-9]++)?+"  # RFC 8259, section 6
_LONGEST_LITERAL = len("false")
_NUMBERS = re.compile(rf"(?<![^ \t\r\n\[\]{{}}:,])({_NUMBER_TEXT})(?![^ \t\r\n\[\]{{}}:,])")
_IS_VALUE = re.compile(rf"{_NUMBER_TEXT}|true|false|null")
_NUMBER_BEGUN = re.compile(r"-?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*|(?:\.[0-9]+)?[eE][+-]?[0-9]*)?)?")
_STRING_BODY = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
_CONTROLS = bytes(range(0x20))
_SURROGATE = re.compile("[\ud800-\udfff]")
_VALID_RUN = re.compile(
    r"""(?:[^\\\x00-\x1f]+
       |\\(?:["\\/bfnrt]
            |u(?![dD][89a-fA-F])[0-9a-fA-F]{4}
            |u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}))*+""",
    re.VERBOSE,
)
# A segment must not end in the middle of an escape, nor of two escapes that make up one character.
_ESCAPES = re.compile(
    rb"""(?:[^\\]+
        |\\(?:[^u]
             |u(?![dD][89abAB])[0-9a-fA-F]{4}
             |u[dD][89abAB][0-9a-fA-F]{2}\\u[0-9a-fA-F]{4}))*+""",
    re.VERBOSE | re.DOTALL,
)
# The start of an escape. One of \ud800 to \udbff is such a start too: it takes another that begins with \ud.
_BEGUN = (
    r"\\(?:u(?:[0-9a-cA-CefEF][0-9a-fA-F]{0,2}|[dD](?:[0-7][0-9a-fA-F]?|[89abAB][0-9a-fA-F]?)?)?"
    r"|u[dD][89abAB][0-9a-fA-F]{2}(?:\\(?:u(?:[dD](?:[c-fC-F][0-9a-fA-F]?)?)?)?)?)?"
)
_ESCAPE_BEGUN = re.compile(_BEGUN)
_RAW_ESCAPE_BEGUN = re.compile(_BEGUN.encode())

# Escaped quotation marks must not count as the end of a string, nor escaped backslashes as the start of an escape.
# Lone surrogates take their places: no text decoded from UTF-8 can hold one.
_ESCAPED_BACKSLASH, _ESCAPED_QUOTE = "\udc5c\udc5c", "\udc5c\udc22"

_decode_string = json.JSONDecoder().decode


class _Mode(IntEnum):
    BETWEEN = 0
    STRING = 1
    SEGMENTS = 2


class JsonReader:
    """Turns the bytes of a JSON text into tokens, as they come.

    Strict by RFC 8259: what is not UTF-8, a byte order mark, a lone surrogate, a control character in a string,
    ``NaN``, a leading zero, a trailing comma or a comment is an error. Memory is bounded by ``limits`` and by the
    longest chunk that is fed.

    Args:
        limits: Bounds on nesting, numbers and names, and the length of a segment.
        multiple: Whether several documents may follow one another, with or without white space between them
            (NDJSON, concatenated JSON). Without it, anything but white space behind the document is an error.

    >>> reader = JsonReader()
    >>> [(TokenType(t).name, text) for t, text in reader.feed(b'{"a": [1.50, nu')]
    [('START_OBJECT', ''), ('PROPERTY_NAME', 'a'), ('START_ARRAY', ''), ('NUMBER', '1.50')]
    >>> [TokenType(t).name for t, text in reader.feed(b"ll]}") + reader.close()]
    ['NULL', 'END_ARRAY', 'END_OBJECT']
    """

    def __init__(self, limits: Limits | None = None, *, multiple: bool = False, lenient: bool = False) -> None:
        limits = limits or Limits()
        self.departures: list[tuple[int, str]] = []
        self._segment = limits.string_segment
        self._number_length = limits.number_length
        self._grammar = Grammar(limits.depth, limits.number_length, multiple)
        self._state = self._grammar.start()
        self._mode = _Mode.BETWEEN
        self._held = bytearray()
        self._scanned = 0  # bytes of what is held that are known not to close the string
        self._offset = 0  # of the first byte that is held, or of the next to come
        self._multiple = multiple
        self._closed = False
        self._error: InputError | None = None
        self._depth_at_error = 0
        # Where the tokens of the last call come from: index of the first token, text, byte offset of the text.
        self._origins: list[tuple[int, str, int]] = []

    @property
    def depth(self) -> int:
        """How many objects and arrays are open behind the last token."""
        return self._depth_at_error if self._error else self._state.frame.depth

    @property
    def bytes_consumed(self) -> int:
        """Bytes of the stream that the tokens so far account for, white space included; up to the fault after one."""
        return self._offset

    @property
    def error(self) -> InputError | None:
        """The error that ended the document, even if tokens before it are still to be looked at."""
        return self._error

    def feed(self, data: bytes) -> list[Token]:
        """Take the next bytes of the stream; return the tokens that they complete.

        A fault raises at once if there are no tokens before it. Otherwise those are returned first, and this
        call's successor raises: nothing that was right is lost. From then on every call raises the same error.

        Args:
            data: Any number of bytes, from none at all; cut anywhere.

        Raises:
            JsonSyntaxError: The bytes are not JSON; the location is that of the first wrong token or byte.
            LimitError: Something is longer or deeper than ``limits`` allows.
            ValueError: The reader was closed before.
        """
        if self._closed:
            raise ValueError("feed after close")
        return self._deliver(data if isinstance(data, bytes) else memoryview(data).tobytes())

    def close(self) -> list[Token]:
        """Say that the stream has ended; return the last token, if the document was a lone number or literal.

        Raises:
            TruncatedError: The document was not complete; the location is the end of the stream.
            JsonSyntaxError: As in ``feed``.
        """
        self._closed = True
        return self._deliver(None)

    def read(self, chunks: Iterable[bytes]) -> Iterator[Token]:
        """The tokens of a whole stream, from any iterable of bytes.

        >>> [text for _, text in JsonReader().read([b'["a', b'b"]'])]
        ['', 'ab', '']
        """
        for chunk in chunks:
            yield from self.feed(chunk)
        yield from self.close()

    def locate(self, index: int) -> int:
        """The byte offset at which a token of the last call of ``feed`` or ``close`` starts.

        It is found by going through the text once more: errors are rare, and tokens carry nothing for them.

        Args:
            index: The token's place in the list that was returned.
        """
        [offset] = self.locate_all([index])
        return offset

    def locate_all(self, indices: Sequence[int]) -> list[int]:
        """As ``locate``, for several tokens in the order of the list, in one pass."""
        offsets = []
        origins = iter(self._origins)
        coming = next(origins, None)
        tokens: Iterator[re.Match[str]] = iter(())
        text, offset, done, number = "", 0, 0, 0
        for index in indices:
            while coming and coming[0] <= index:
                number, text, offset = coming
                tokens, done = _TOKEN.finditer(text), 0
                coming = next(origins, None)
            match = next(islice(tokens, index - number, None), None) if index >= number else None
            if match:
                offset += _length(text[done : match.start()])
                done, number = match.start(), index + 1
            offsets.append(offset)
        return offsets

    def _deliver(self, data: bytes | None) -> list[Token]:
        if self._error:
            raise self._error
        tokens: list[Token] = []
        self._origins.clear()
        depth = self.depth
        try:
            if data is None:
                self._finish(tokens)
            else:
                # A string within one piece is shorter than a segment, so that only a held one can grow too long.
                size = min(_PIECE, self._segment)
                for start in range(0, len(data), size):
                    self._take(data[start : start + size], tokens)
        except InputError as error:
            # What the faulty text would have changed does not count.
            self._depth_at_error = depth + sum(DEPTHS.get(kind, 0) for kind, _ in tokens)
            self._offset = error.location.byte_offset or 0
            self._error = error
            if not tokens:
                raise
        return tokens

    # --- bytes -> texts of complete tokens ---------------------------------------------------------------------

    def _take(self, piece: bytes, tokens: list[Token]) -> None:
        if self._mode is _Mode.SEGMENTS:
            piece = self._segments(piece, tokens)
        elif self._mode is _Mode.STRING:
            piece = self._string(piece, tokens)
        else:
            piece = bytes(self._held) + piece if self._held else piece
            self._held.clear()
        if piece:
            self._complete(piece, tokens)

    def _complete(self, piece: bytes, tokens: list[Token]) -> None:
        """Scan what is complete of a piece that starts with a token; hold back the rest."""
        cut, in_string = _complete_length(_mask(piece))
        self._scan(piece[:cut], tokens)
        self._held += piece[cut:]
        if in_string:
            self._mode = _Mode.STRING
            self._scanned = 1
            self._string(b"", tokens)
        elif len(self._held) > max(self._number_length, _LONGEST_LITERAL):
            raise self._fault(self._grammar.too_long())

    def _string(self, piece: bytes, tokens: list[Token]) -> bytes:
        """Go on with the string that is held; return it with the rest of the piece once it is closed."""
        held = self._held
        held += piece
        end = self._find_end()
        if end is not None and end - 1 <= self._segment:
            self._mode = _Mode.BETWEEN
            complete = bytes(held)
            held.clear()
            return complete
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

    def _start_segments(self) -> None:
        state = self._state
        if state.string_type == _PROPERTY_NAME:
            raise self._fault(Fault(f"a name of more than {self._segment} bytes", limit="string_segment"))
        try:
            self._grammar.step_to_string(state, "")
        except Fault as fault:
            raise self._fault(fault) from None
        self._mode = _Mode.SEGMENTS
        del self._held[0]
        self._scanned -= 1
        self._offset += 1

    def _segments(self, piece: bytes, tokens: list[Token]) -> bytes:
        """Deliver the segments that are complete; return the rest of the piece once the string is closed.

        A segment is the longest run of whole characters and escapes within the next ``string_segment`` bytes, so
        that the places of the cuts do not depend on the chunks.
        """
        self._held += piece
        end = self._find_end()
        stop = len(self._held) if end is None else end
        start = 0
        while stop - start > self._segment:
            segment = bytes(self._held[start : start + self._segment])
            segment = segment[: _whole_characters(segment)]
            self._add_segment(_STRING_SEGMENT, segment, tokens)
            start += len(segment)
        rest = b""
        if end is not None:
            self._add_segment(_STRING_END, bytes(self._held[start:end]), tokens)
            self._state = self._grammar.after_value(self._state)
            self._mode = _Mode.BETWEEN
            self._offset += 1
            rest = bytes(self._held[end + 1 :])
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
        """The characters of the segment that is at the current offset."""
        try:
            text = raw.decode()
        except UnicodeDecodeError as error:
            raise self._fault(Fault(_NOT_UTF8), error.start) from None
        if b"\\" not in raw and not _has_control(raw):
            return text
        try:
            return _unescape(text)
        except Fault as fault:
            raise self._fault(fault, _length(text[: fault.position])) from None

    # --- texts of complete tokens -> tokens --------------------------------------------------------------------

    def _scan(self, piece: bytes, tokens: list[Token]) -> None:
        try:
            text = piece.decode()
        except UnicodeDecodeError as error:
            self._scan_before(piece, error.start, tokens)
            raise self._fault(Fault(_NOT_UTF8), error.start) from None
        if "\\" in text:
            text = text.replace("\\\\", _ESCAPED_BACKSLASH).replace('\\"', _ESCAPED_QUOTE)
        self._origins.append((len(tokens), text, self._offset))
        self._scan_text(text, b"\\" in piece or _has_control(piece), tokens)
        self._offset += len(piece)

    def _scan_before(self, piece: bytes, wrong: int, tokens: list[Token]) -> None:
        """Scan the complete tokens before a byte that cannot be decoded, without moving on."""
        offset = self._offset
        masked = _mask(piece)
        cut, in_string = _complete_length(masked[:wrong])
        self._scan(piece[:cut], tokens)
        if not in_string:
            word = len(piece) - cut - len(masked[cut:].lstrip(_WORD_BYTES))
            if word > max(self._number_length, _LONGEST_LITERAL):
                raise self._fault(self._grammar.too_long())
        self._offset = offset

    def _scan_text(self, text: str, is_odd: bool, tokens: list[Token]) -> None:
        parts = text.split('"')
        # An escape that is masked is not printable, nor is a control character; both may stand between the strings.
        strings_to_check = is_odd and ("\\" in text or not "".join(parts[1::2]).isprintable())
        iterator = iter(parts)
        pairs = zip(iterator, iterator, strict=False)  # the last part, behind the last string, is left over
        try:
            self._scan_pairs(pairs, strings_to_check, tokens)
        except Fault as fault:
            done = len(parts) // 2 - sum(1 for _ in pairs) - 1
            before = sum(len(part) + 1 for part in parts[: 2 * done])
            if isinstance(fault, _StringFault):
                before += len(parts[2 * done]) + 1
            raise self._fault(fault, _length(text[: before + fault.position])) from None
        try:
            self._scan_end(parts[-1], tokens)
        except Fault as fault:
            before = len(text) - len(parts[-1])
            raise self._fault(fault, _length(text[: before + fault.position])) from None

    def _scan_end(self, text: str, tokens: list[Token]) -> None:
        """Scan what stands behind the last string."""
        state, start = self._scan_numbers(self._state, text, tokens)
        try:
            structure, self._state = self._grammar.step(state, text[start:])
        except Fault as fault:
            fault.position += start
            tokens += fault.tokens
            raise
        tokens += structure

    def _scan_pairs(self, pairs: Iterable[tuple[str, str]], strings_to_check: bool, tokens: list[Token]) -> None:
        """The innermost loop: what stands before a string, then the string, and on."""
        append = tokens.append
        state = self._state
        for between, string in pairs:
            step = state.before_string.get(between)
            if step is None:
                step = self._before_string(state, between, tokens)
            structure, string_type, state = step
            if structure:
                tokens += structure
            if strings_to_check and ("\\" in string or not string.isprintable()):
                string = _unescape(string)
            append((string_type, string))
        self._state = state

    def _before_string(self, state: State, between: str, tokens: list[Token]) -> StringStep:
        """What the innermost loop does not know by heart yet."""
        first = len(tokens)
        after, start = self._scan_numbers(state, between, tokens)
        try:
            structure, string_type, after = self._grammar.step_to_string(after, between[start:])
        except Fault as fault:
            fault.position += start
            tokens += fault.tokens
            raise
        if start == 0:
            return structure, string_type, after
        step = (*tokens[first:], *structure), string_type, after
        del tokens[first:]
        self._grammar.remember(state, between, step)
        return step

    def _scan_numbers(self, state: State, text: str, tokens: list[Token]) -> tuple[State, int]:
        """Scan a text without strings up to its last number.

        Returns:
            The state behind the number, and where in the text that is.
        """
        parts = _NUMBERS.split(text)
        if len(parts) == 1:
            return state, 0
        grammar = self._grammar
        last = parts.pop()
        iterator = iter(parts)
        pairs = zip(iterator, iterator, strict=False)
        try:
            for structure, number in pairs:
                step = state.steps.get(structure)
                new, state = step if step is not None else grammar.step(state, structure)
                if new:
                    tokens += new
                if len(number) > self._number_length:
                    raise grammar.too_long(len(structure))
                if not state.takes_value:
                    raise Fault(f"{state.wanted()} expected, not a number", len(structure))
                tokens.append((_NUMBER, number))
                state = state.after or grammar.after_value(state)
        except Fault as fault:
            done = len(parts) - 2 * (sum(1 for _ in pairs) + 1)
            fault.position += sum(map(len, parts[:done]))
            tokens += fault.tokens
            raise
        return state, len(text) - len(last)

    # --- the end, and the faults -------------------------------------------------------------------------------

    def _finish(self, tokens: list[Token]) -> None:
        held = bytes(self._held)
        state = self._state
        if self._mode is not _Mode.BETWEEN:
            self._check_begun(held)
        elif held:
            is_last = not state.frame.container and _IS_VALUE.fullmatch(held.decode(errors="replace"))
            if is_last or not state.takes_value or not _begins_a_value(held):
                self._held.clear()
                self._scan(held, tokens)
        self._offset += len(self._held)
        state = self._state
        complete = state.expect is Expect.END or (self._multiple and not state.frame.container)
        if self._held or self._mode is not _Mode.BETWEEN or not complete:
            message = "the input ends within a JSON document" if self._offset else "the input is empty"
            raise TruncatedError(message, Location(self._offset))

    def _check_begun(self, held: bytes) -> None:
        """Whether a string that was never closed was right as far as it went."""
        start = 0
        if self._mode is _Mode.STRING:
            start = 1
            try:
                self._grammar.step_to_string(self._state, "")
            except Fault as fault:
                raise self._fault(fault) from None
        body = held[start:]
        try:
            text, length = utf_8_decode(body, "strict", False)
        except UnicodeDecodeError as error:
            raise self._fault(Fault(_NOT_UTF8), start + error.start) from None
        if not _is_begun(text):
            wrong = _escape_fault(text)
            raise self._fault(wrong, start + len(text[: wrong.position].encode()))
        if not _may_be_character(body[length:]):
            raise self._fault(Fault(_NOT_UTF8), start + length)

    def _fault(self, fault: Fault, length: int = 0) -> InputError:
        """The error for a fault that is ``length`` bytes behind the current offset."""
        location = Location(self._offset + length)
        if fault.limit:
            return LimitError(fault.message, fault.limit, location)
        return JsonSyntaxError(fault.message, location)


class _StringFault(Fault):
    """A fault within a string; the position counts from its first character."""


_NOT_UTF8 = "not UTF-8 (RFC 8259, section 8.1)"
_TOKEN = re.compile(r'"[^"]*"|[\[\]{}]|[^ \t\r\n\[\]{}:,"]+')


def _has_control(raw: bytes) -> bool:
    return len(raw.translate(None, _CONTROLS)) < len(raw)


def _mask(piece: bytes) -> bytes:
    """A piece of the same length, in which no quotation mark is an escaped one."""
    if b"\\" not in piece:
        return piece
    return piece.replace(b"\\\\", b"--").replace(b'\\"', b"--")


def _complete_length(masked: bytes) -> tuple[int, bool]:
    """How many bytes of a piece are complete tokens, and whether a string has begun behind them."""
    if masked.count(b'"') & 1:
        return masked.rfind(b'"'), True
    return len(masked.rstrip(_WORD_BYTES)), False


def _unmask(text: str) -> str:
    return text.replace(_ESCAPED_BACKSLASH, "\\\\").replace(_ESCAPED_QUOTE, '\\"')


def _length(text: str) -> int:
    """The length in bytes of a text in which escapes may be masked (of which one may be cut in two)."""
    return len(_unmask(text).replace(_ESCAPED_QUOTE[0], "-").encode())


def _unescape(string: str) -> str:
    """The characters of a string, from what stands between its quotation marks (RFC 8259, section 7).

    Raises:
        Fault: at a control character, a wrong escape or a lone surrogate.
    """
    raw = _unmask(string)
    try:
        text: str = _decode_string(f'"{raw}"')
    except ValueError:
        raise _escape_fault(raw) from None
    if not text.isascii() and _SURROGATE.search(text):
        raise _escape_fault(raw)
    return text


def _escape_fault(raw: str) -> Fault:
    match = _VALID_RUN.match(raw)
    assert match is not None  # it matches the empty string
    position = match.end()
    if raw[position] != "\\":
        return _StringFault("a control character in a string", position)
    if re.match(r"u[dD][89a-fA-F]", raw[position + 1 :]):
        return _StringFault("half of a surrogate pair", position)
    return _StringFault("not an escape that JSON knows", position)


def _may_be_character(raw: bytes) -> bool:
    """Whether the bytes are the start of a character, or nothing."""
    if not raw:
        return True
    return any(_is_utf8(raw + last * more) for last in (b"\x80", b"\xbf") for more in (1, 2, 3))


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def _is_begun(text: str) -> bool:
    """Whether the start of a string has nothing wrong in it."""
    match = _VALID_RUN.match(text)
    assert match is not None  # it matches the empty string
    return match.end() == len(text) or _ESCAPE_BEGUN.fullmatch(text, match.end()) is not None


def _whole_characters(raw: bytes) -> int:
    """How many bytes of the start of a string are whole characters and escapes."""
    if b"\\" in raw:
        match = _ESCAPES.match(raw)
        assert match is not None  # it matches the empty string
        if _RAW_ESCAPE_BEGUN.fullmatch(raw, match.end()):
            return match.end()
    for back in range(1, min(3, len(raw)) + 1):
        byte = raw[-back]
        if byte >= 0xC0:
            needs = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return len(raw) - back if needs > back else len(raw)
        if byte < 0x80:
            break
    return len(raw)


def _begins_a_value(word: bytes) -> bool:
    text = word.decode(errors="replace")
    return any(name.startswith(text) for name in ("true", "false", "null")) or _NUMBER_BEGUN.fullmatch(text) is not None
