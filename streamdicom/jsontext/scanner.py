"""Texts of complete tokens, split at quotation marks and turned into tokens.

Every other part is a string; ``jsontext.grammar`` interprets the parts between them. Positions are indices of
characters in the text, in which escapes are masked, see ``jsontext.strings``.
"""

from __future__ import annotations

from collections.abc import Iterable

from streamdicom._late import late_pattern
from streamdicom.jsontext.grammar import Fault, Grammar, State, StringStep
from streamdicom.jsontext.strings import StringFault, unescape
from streamdicom.jsontext.tokens import NUMBER_TEXT, Token, TokenType

_NUMBER = int(TokenType.NUMBER)

_NUMBERS = late_pattern(rf"(?<![^ \t\r\n\[\]{{}}:,])({NUMBER_TEXT})(?![^ \t\r\n\[\]{{}}:,])")


class Scanner:
    """Turn texts into tokens, and follow the state of the grammar.

    Args:
        grammar: The grammar.
        number_length: Maximum bytes in a number.
        structure: The structure before the first text; see ``Origin``.

    Attributes:
        grammar: As given.
        state: State of the grammar after the last token.
    """

    def __init__(self, grammar: Grammar, number_length: int, structure: str = "") -> None:
        self.grammar = grammar
        self._number_length = number_length
        self.state = grammar.start()
        if structure:
            self.scan(structure, [], is_odd=False)

    def state_after(self, structure: str) -> State | None:
        """Return the state after a structure, or None if it departs from the standard.

        Args:
            structure: JSON text that differs only in strings, numbers and white space.
        """
        state = self.state
        if structure in state.passed:
            return state.passed[structure]
        after: State | None = None
        tokens: list[Token] = []
        try:
            self.scan(structure, tokens, is_odd=False)
        except Fault:
            pass
        else:
            if all(kind > 0 for kind, _ in tokens):
                after = self.state
        self.state = self.grammar.rebuild(state)
        self.grammar.remember_passed(self.state, structure, after)
        return after

    def scan(self, text: str, tokens: list[Token], *, is_odd: bool) -> None:
        """Scan a text that starts and ends between two tokens.

        Args:
            text: The text, with escapes masked.
            tokens: Receives the tokens; those before a fault, if there is one.
            is_odd: The text may hold escapes or control characters.

        Raises:
            Fault: The text is not valid JSON.
        """
        parts = text.split('"')
        # Masked escapes and control characters are not printable. Both may stand between strings, too.
        strings_to_check = is_odd and ("\\" in text or not "".join(parts[1::2]).isprintable())
        iterator = iter(parts)
        pairs = zip(iterator, iterator, strict=False)  # without the part after the last string
        try:
            self._scan_pairs(pairs, strings_to_check, tokens)
        except Fault as fault:
            done = len(parts) // 2 - sum(1 for _ in pairs) - 1
            fault.position += sum(len(part) + 1 for part in parts[: 2 * done])
            if isinstance(fault, StringFault):
                fault.position += len(parts[2 * done]) + 1
            raise
        try:
            self._scan_end(parts[-1], tokens)
        except Fault as fault:
            fault.position += len(text) - len(parts[-1])
            raise

    def _scan_end(self, text: str, tokens: list[Token]) -> None:
        """Scan the part after the last string."""
        state, start = self._scan_numbers(self.state, text, tokens)
        try:
            structure, self.state = self.grammar.step(state, text[start:])
        except Fault as fault:
            fault.position += start
            tokens += fault.tokens
            raise
        tokens += structure

    def _scan_pairs(self, pairs: Iterable[tuple[str, str]], strings_to_check: bool, tokens: list[Token]) -> None:
        """Scan pairs of a structural text and a string: the innermost loop."""
        append, extend = tokens.append, tokens.extend
        state = self.state
        for between, string in pairs:
            try:
                structure, string_type, state = state.before_string[between]
            except KeyError:
                structure, string_type, state = self._before_string(state, between, tokens)
            if structure:
                extend(structure)
            if strings_to_check and ("\\" in string or not string.isprintable()):
                string = unescape(string)
            append((string_type, string))
        self.state = state

    def _before_string(self, state: State, between: str, tokens: list[Token]) -> StringStep:
        """Return a step that the innermost loop has not remembered yet."""
        first = len(tokens)
        after, start = self._scan_numbers(state, between, tokens)
        try:
            structure, string_type, after = self.grammar.step_to_string(after, between[start:])
        except Fault as fault:
            fault.position += start
            tokens += fault.tokens
            raise
        if start == 0:
            return structure, string_type, after
        step = (*tokens[first:], *structure), string_type, after
        del tokens[first:]
        self.grammar.remember(state, between, step)
        return step

    def _scan_numbers(self, state: State, text: str, tokens: list[Token]) -> tuple[State, int]:
        """Scan a text without strings up to its last number.

        Returns:
            The state after that number, and the index after it.
        """
        parts = _NUMBERS.split(text)
        if len(parts) == 1:
            return state, 0
        grammar = self.grammar
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
                    raise grammar.number_too_long(len(structure))
                if not state.allows_value:
                    raise Fault(f"expected {state.expected()}, found a number", len(structure))
                tokens.append((_NUMBER, number))
                state = state.after or grammar.after_value(state)
        except Fault as fault:
            done = len(parts) - 2 * (sum(1 for _ in pairs) + 1)
            fault.position += sum(map(len, parts[:done]))
            tokens += fault.tokens
            raise
        return state, len(text) - len(last)
