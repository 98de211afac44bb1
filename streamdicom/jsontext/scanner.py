"""Texts of complete tokens to tokens: what stands between two quotation marks or outside of them, by turns.

A text is cut at its quotation marks, which gives the strings and what stands between them; ``_grammar`` knows what the
latter mean. Places are characters of the text, in which escapes may be masked, see ``_strings``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from streamdicom.jsontext.grammar import Fault, Grammar, State, StringStep
from streamdicom.jsontext.strings import StringFault, unescape
from streamdicom.jsontext.tokens import NUMBER_TEXT, Token, TokenType

_NUMBER = int(TokenType.NUMBER)
_MEMBER = int(TokenType.MEMBER)

_NUMBERS = re.compile(rf"(?<![^ \t\r\n\[\]{{}}:,])({NUMBER_TEXT})(?![^ \t\r\n\[\]{{}}:,])")


class Scanner:
    """Makes the tokens, and knows where in the grammar they end.

    Args:
        grammar: What may stand where.
        number_length: How many bytes a number may have.
        members: A pattern of members that come whole, see ``JsonTokenizer``.

    Attributes:
        state: The state of the grammar behind the last token.
        has_members: Whether members have come whole; whoever wants to know of some texts sets it to False before.
    """

    def __init__(self, grammar: Grammar, number_length: int, members: re.Pattern[str] | None = None) -> None:
        self._grammar = grammar
        self._number_length = number_length
        self._members = members
        self.state = grammar.start()
        self.has_members = False

    def scan(self, text: str, tokens: list[Token], *, is_odd: bool, whole_members: bool) -> None:
        """Scan a text that starts and ends between two tokens.

        Args:
            text: With escapes masked.
            tokens: Where the tokens go; in case of a fault those before it.
            is_odd: Whether there may be escapes or control characters in it.
            whole_members: Whether members may come whole.

        Raises:
            Fault: at the first character of the text that is wrong.
        """
        first, state = len(tokens), self.state
        if self._members and whole_members:
            try:
                self._scan_members(self._members, text, is_odd, tokens)
                return
            except Fault:  # it comes again, with its place
                del tokens[first:]
                self.state = state
        self._scan_part(text, is_odd, tokens)

    def _scan_members(self, pattern: re.Pattern[str], text: str, is_odd: bool, tokens: list[Token]) -> None:
        """Scan a text whose members may come whole. The place of a fault is not right."""
        append = tokens.append
        state = self.state
        parts = pattern.split(text)
        self.has_members = self.has_members or len(parts) > 1
        width = pattern.groups + 1
        members = zip(*[parts[group::width] for group in range(1, width)], strict=True)
        for before, member in zip(parts[:-1:width], members, strict=True):
            step = state.steps.get(before)  # of a comma, as most often
            if step is not None:
                structure, state = step
                if structure:
                    tokens += structure
            else:
                state = self._before_member(state, before, is_odd, tokens)
            append((_MEMBER, member))
            state = state.after_member or self._grammar.after_member(state)
        self.state = state
        self._scan_part(parts[-1], is_odd, tokens)

    def _before_member(self, state: State, text: str, is_odd: bool, tokens: list[Token]) -> State:
        if text.count('"') & 1:
            raise Fault("what looks like a member begins within a string")
        self.state = state
        self._scan_part(text, is_odd, tokens)
        return self.state

    def _scan_part(self, text: str, is_odd: bool, tokens: list[Token]) -> None:
        parts = text.split('"')
        # An escape that is masked is not printable, nor is a control character; both may stand between the strings.
        strings_to_check = is_odd and ("\\" in text or not "".join(parts[1::2]).isprintable())
        iterator = iter(parts)
        pairs = zip(iterator, iterator, strict=False)  # the last part, behind the last string, is left over
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
        """Scan what stands behind the last string."""
        state, start = self._scan_numbers(self.state, text, tokens)
        try:
            structure, self.state = self._grammar.step(state, text[start:])
        except Fault as fault:
            fault.position += start
            tokens += fault.tokens
            raise
        tokens += structure

    def _scan_pairs(self, pairs: Iterable[tuple[str, str]], strings_to_check: bool, tokens: list[Token]) -> None:
        """The innermost loop: what stands before a string, then the string, and on."""
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
