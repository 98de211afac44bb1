"""Stretches of JSON text, each of complete tokens and read from its start.

The reader of a stretch asks for tokens. It may also pass over text that it has read itself: much of JSON repeats a few
forms, and matching one of them takes half the time of making its tokens.
"""

from __future__ import annotations

from collections.abc import Sequence

from streamdicom.jsontext.grammar import DEPARTURES, Fault
from streamdicom.jsontext.locate import Origins
from streamdicom.jsontext.scanner import Scanner
from streamdicom.jsontext.strings import length_in_bytes, unescape
from streamdicom.jsontext.tokens import Token


class Stretch:
    """A text that starts and ends between two tokens.

    Args:
        text: The characters, with escapes masked, see ``jsontext.strings``.
        offset: Byte offset of the text in the stream.
        scanner: Makes the tokens.
        origins: Where the tokens are registered.
        departures: Where departures from the standard are added.
        has_escapes: The text may hold escapes.
        is_odd: The text may hold escapes or control characters.
        has_comments: Comments were blanked in the text.
        is_tentative: A comment may be the reason for a fault. The tokens before a fault in the same part are dropped
            then, and made again from ``position``.

    Attributes:
        text: As given.
        offset: As given.
        has_escapes: As given.
        is_odd: As given.
        has_comments: As given.
        position: Characters read so far.
        fault: The first fault, after which nothing can be read.

    >>> from streamdicom.jsontext import JsonTokenizer
    >>> [stretch] = JsonTokenizer().stretches(b"[1, ")
    >>> [text for _, text in stretch.tokens()]
    ['', '1']
    """

    __slots__ = (
        "_departures",
        "_is_tentative",
        "_origins",
        "_scanner",
        "fault",
        "has_comments",
        "has_escapes",
        "is_odd",
        "offset",
        "position",
        "text",
    )

    def __init__(
        self,
        text: str,
        offset: int,
        scanner: Scanner,
        origins: Origins,
        departures: list[tuple[int, str]],
        *,
        has_escapes: bool,
        is_odd: bool,
        has_comments: bool,
        is_tentative: bool,
    ) -> None:
        self.text = text
        self.offset = offset
        self.position = 0
        self.fault: Fault | None = None
        self.has_comments = has_comments
        self.has_escapes = has_escapes
        self._scanner = scanner
        self._origins = origins
        self._departures = departures
        self.is_odd = is_odd
        self._is_tentative = is_tentative

    def tokens(self, end: int | None = None) -> Sequence[Token]:
        """Read up to a position, or to the end of the text.

        Args:
            end: A position between two tokens.

        Returns:
            The tokens, up to the fault if there is one.
        """
        start, scanner = self.position, self._scanner
        part = self.text[start:end]
        step = scanner.state.steps.get(part)  # most parts are structural characters only
        tokens: Sequence[Token]
        if step is not None:
            tokens, scanner.state = step
        else:
            tokens = made = list[Token]()
            before = scanner.state
            try:
                scanner.scan(part, made, is_odd=self.is_odd)
            except Fault as fault:
                fault.position += start
                # Tracebacks refer to this object: each fault would be a cycle for the garbage collector.
                self.fault = fault.with_traceback(None)
                fault.__context__ = None
                if self._is_tentative:
                    scanner.state = before
                    return []
                end = self.offset + length_in_bytes(self.text[: fault.position])
                self._departures[:] = [departure for departure in self._departures if departure[0] < end]
        if self.fault is None:
            self.position = start + len(part)
        if tokens:
            self._origins.add(len(tokens), self.text, start, self.offset)
            if scanner.grammar.has_departures:
                return self._without_marks(tokens)
        return tokens

    def accepts(self, structure: str) -> bool:
        """Return whether a text with this structure is allowed next.

        Args:
            structure: JSON text that differs only in strings, numbers and white space: ``'"":0,'`` for a member with a
                scalar value and the comma after it.
        """
        scanner = self._scanner
        return (scanner.state.passed.get(structure) or scanner.state_after(structure)) is not None

    def pass_over(self, end: int, structure: str) -> bool:
        """Pass over a text that the caller has parsed itself.

        Args:
            end: The position after the text.
            structure: As for ``accepts``.

        Returns:
            False if the text is not allowed next; the position is then unchanged.
        """
        scanner = self._scanner
        state = scanner.state.passed.get(structure) or scanner.state_after(structure)
        if state is None:
            return False
        scanner.state = state
        self.position = end
        return True

    @staticmethod
    def unescape(string: str) -> str:
        """Return the characters of a string that the caller has found in the text.

        Args:
            string: The text between the quotation marks, with escapes masked.

        Raises:
            ValueError: The string is not valid.
        """
        try:
            return unescape(string)
        except Fault as fault:
            raise ValueError(fault.message) from None

    def _without_marks(self, tokens: Sequence[Token]) -> Sequence[Token]:
        """Take the marks off tokens that depart from the standard, and add the departures."""
        marked = [index for index, (kind, _) in enumerate(tokens) if kind < 0]
        if not marked:
            return tokens
        unmarked = list(tokens)
        first = self._origins.count - len(tokens)
        offsets = self._origins.locate([first + index for index in marked])
        for index, offset in zip(marked, offsets, strict=True):
            kind, text = tokens[index]
            unmarked[index] = -kind, text
            self._departures.append((offset, DEPARTURES[kind]))
        return unmarked


class StringStretch(Stretch):
    """A string, or segments of one, whose tokens are made already."""

    __slots__ = ("_tokens",)

    def __init__(self, tokens: list[Token], offset: int) -> None:
        self._tokens = tokens
        self.text = ""
        self.offset = offset
        self.position = 0
        self.fault = None
        self.is_odd = self.has_escapes = self.has_comments = False

    def tokens(self, end: int | None = None) -> Sequence[Token]:
        """Return the tokens."""
        tokens, self._tokens = self._tokens, []
        return tokens
