"""The grammar of RFC 8259 between strings and numbers, as a state machine that is built while it is used.

Everything that decides whether a structural character may stand where it stands lives here.

JSON repeats itself: between two strings there is nearly always one of a few dozen texts, such as ``":{"`` or
``"]},"`` without the quotes. What such a text means depends only on which objects and arrays are open and on what
may come next. So a ``State`` stands for exactly that, and remembers for each text that it has met the tokens and
the state that follow. The characters of a text are looked at once, and a dictionary answers from then on.

Memory stays bounded: only texts of up to ``_LONGEST_REMEMBERED`` characters are remembered, those that are indented
of up to ``_LONGEST_INDENTED``, and all that is remembered is dropped when it comes to ``_MOST_REMEMBERED`` entries,
and one for each object and array that is open.
"""

from __future__ import annotations

import re
from enum import IntEnum
from typing import TypeAlias

from streamdicom.jsontext.tokens import Token, TokenType

_LONGEST_REMEMBERED = 32
_LONGEST_INDENTED = 256  # with its white space
_MOST_REMEMBERED = 2560


class Expect(IntEnum):
    """What may come next within the innermost open object or array."""

    VALUE = 0
    FIRST_VALUE = 1
    FIRST_NAME = 2
    NAME = 3
    COLON = 4
    AFTER = 5
    END = 6


# Tokens have plain integers for their types, see ``Token``.
_PROPERTY_NAME = int(TokenType.PROPERTY_NAME)
_STRING = int(TokenType.STRING)
_START = {"{": (int(TokenType.START_OBJECT), ""), "[": (int(TokenType.START_ARRAY), "")}
_END = {"}": (int(TokenType.END_OBJECT), ""), "]": (int(TokenType.END_ARRAY), "")}
_NUMBER = int(TokenType.NUMBER)
_LITERALS = {"true": (int(TokenType.TRUE), ""), "false": (int(TokenType.FALSE), ""), "null": (int(TokenType.NULL), "")}
# As Python, C and JavaScript write what is no number of RFC 8259, section 6.
_NONFINITE = ("NaN", "nan", "Infinity", "+Infinity", "-Infinity", "inf", "+inf", "-inf")
_CLOSE = {"{": "}", "[": "]", "": ""}
_FIRST = {"{": Expect.FIRST_NAME, "[": Expect.FIRST_VALUE}

# RFC 8259, sections 4 and 5: what follows a value or a comma, by the container ("" is the document itself).
_AFTER_COMMA = {"{": Expect.NAME, "[": Expect.VALUE}
_STRING_TYPES = {
    Expect.VALUE: _STRING,
    Expect.FIRST_VALUE: _STRING,
    Expect.FIRST_NAME: _PROPERTY_NAME,
    Expect.NAME: _PROPERTY_NAME,
}
_MAY_CLOSE = frozenset({Expect.FIRST_VALUE, Expect.FIRST_NAME, Expect.AFTER})

_STRUCTURE = frozenset("{}[]:,")
_SYMBOL = re.compile(r"[{}\[\]:,]|[^{}\[\]:, \t\r\n]+")

_WANTED = {
    Expect.VALUE: "a value",
    Expect.FIRST_VALUE: "a value or ']'",
    Expect.FIRST_NAME: "a name or '}'",
    Expect.NAME: "a name",
    Expect.COLON: "':'",
    Expect.END: "the end of the document",
}

# A token that only a lenient grammar takes has the negative of its type, until the reader has told of it.
DEPARTURES = {
    -int(TokenType.END_OBJECT): "trailing-comma",
    -int(TokenType.END_ARRAY): "trailing-comma",
    -_NUMBER: "bare-nonfinite",
}

Step: TypeAlias = "tuple[tuple[Token, ...], State]"
StringStep: TypeAlias = "tuple[tuple[Token, ...], int, State]"


# Many states of an odd document are met once only: these stand for their dictionaries, and are never filled.
_NO_STEPS: dict[str, Step] = {}
_NO_STRING_STEPS: dict[str, StringStep] = {}
_NOTHING_PASSED: dict[str, State | None] = {}


class Fault(Exception):
    """What is wrong in a text.

    Attributes:
        position: Characters of the text before the place.
        limit: The name of the limit that was passed, if one was.
        tokens: What the text before the place stands for.
    """

    def __init__(self, message: str, position: int = 0, limit: str = "", tokens: list[Token] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.position = position
        self.limit = limit
        self.tokens = tokens or []


class _Frame:
    """An open object or array (or the document) with all that is open around it."""

    __slots__ = ("container", "depth", "inner", "parent", "states")

    def __init__(self, container: str, parent: _Frame | None) -> None:
        self.container = container
        self.parent = parent
        self.depth: int = parent.depth + 1 if parent else 0
        self.inner: dict[str, _Frame] = {}
        self.states: dict[Expect, State] = {}


class State:
    """A place in a document: what is open, and what may come next.

    Attributes:
        before_string: For a structural text, the tokens it stands for, the kind of string that may follow, and
            the state after that string. The innermost loop reads this.
        steps: For a structural text, the tokens it stands for and the state after it.
        string_type: What a string is here: PROPERTY_NAME, STRING, or None where there can be none.
        takes_value: Whether a value may come next.
        after: The state after a value or a name, once it has been asked for.
        passed: For the structure of a text that may be passed over, the state after it; None if it cannot come next.
    """

    __slots__ = (
        "after", "before_string", "expect", "frame", "passed", "steps", "string_type", "takes_value"
    )  # fmt: skip

    def __init__(self, frame: _Frame, expect: Expect) -> None:
        self.frame = frame
        self.expect = expect
        self.before_string = _NO_STRING_STEPS
        self.steps = _NO_STEPS
        self.after: State | None = None
        self.passed = _NOTHING_PASSED
        self.string_type = _STRING_TYPES.get(expect)
        self.takes_value = self.string_type == _STRING

    def wanted(self) -> str:
        if self.expect is Expect.AFTER:
            return f"',' or '{_CLOSE[self.frame.container]}'"
        return _WANTED[self.expect]


class Grammar:
    """Makes the states, and the steps from one to the next.

    Args:
        depth: How many objects and arrays may be open at once.
        number_length: How many bytes a number may have.
        multiple: Whether the document may be followed by more documents.
        lenient: Whether a comma may stand before a closing bracket, and NaN or Infinity for a number.

    Attributes:
        literals: The tokens of the words that stand for values.
        has_departures: Whether there was a token that only a lenient grammar accepts.
    """

    def __init__(self, depth: int, number_length: int, multiple: bool, lenient: bool = False) -> None:
        self._depth = depth
        self._number_length = number_length
        self._after_document = Expect.VALUE if multiple else Expect.END
        self._lenient = lenient
        self.literals = _LITERALS | {name: (-_NUMBER, name) for name in _NONFINITE if lenient}
        self.has_departures = False
        self._remembered = 0
        self._root = _Frame("", None)

    def start(self) -> State:
        """The state before a document."""
        return self._state(self._root, Expect.VALUE)

    def _state(self, frame: _Frame, expect: Expect) -> State:
        state = frame.states.get(expect)
        if state is None:
            state = frame.states[expect] = State(frame, expect)
            self._remembered += 1
        return state

    def after_value(self, state: State) -> State:
        """The state after a value, or after a name where a name is due."""
        if state.after is None:
            container = state.frame.container
            if state.string_type == _PROPERTY_NAME:
                expect = Expect.COLON
            else:
                expect = Expect.AFTER if container else self._after_document
            state.after = self._state(state.frame, expect)
        return state.after

    def remember_passed(self, state: State, structure: str, after: State | None) -> None:
        """Keep the state after a text with this structure, or None if such a text cannot come next."""
        self._remembered += 1
        if not state.passed:
            state.passed = {}
        state.passed[structure] = after

    def step(self, state: State, text: str) -> Step:
        """The tokens of a structural text, and the state after it.

        Raises:
            Fault: at the first character that cannot stand where it stands.
        """
        known = state.steps.get(text)
        if known is not None:
            return known
        state = self._bounded(state)
        tokens: list[Token] = []
        after = state
        for match in _SYMBOL.finditer(text):
            try:
                after = self._symbol(after, match[0], tokens)
            except Fault as fault:
                fault.position, fault.tokens = match.start(), tokens
                raise
        step = (tuple(tokens), after)
        if _is_worth_remembering(text):
            self._remembered += 1
            if not state.steps:
                state.steps = {}
            state.steps[text] = step
        return step

    def step_to_string(self, state: State, text: str) -> StringStep:
        """The same for a structural text with a string behind it: the string's kind, and the state after it."""
        state = self._bounded(state)
        tokens, at_string = self.step(state, text)
        string_type = at_string.string_type
        if string_type is None:
            raise Fault(f"{at_string.wanted()} expected, not a string", len(text), tokens=list(tokens))
        step = (tokens, string_type, self.after_value(at_string))
        self.remember(state, text, step)
        return step

    def remember(self, state: State, text: str, step: StringStep) -> None:
        """Keep what a text before a string means, be it structural or with small numbers in it."""
        if _is_worth_remembering(text):
            self._remembered += 1
            if not state.before_string:
                state.before_string = {}
            state.before_string[text] = step

    def _symbol(self, state: State, symbol: str, tokens: list[Token]) -> State:
        frame = state.frame
        if symbol in _START and state.takes_value:
            if frame.depth >= self._depth:
                raise Fault(f"more than {self._depth} objects and arrays within one another", limit="depth")
            tokens.append(_START[symbol])
            return self._state(self._inner(frame, symbol), _FIRST[symbol])
        if symbol == _CLOSE[frame.container] and self._close(state, symbol, tokens):
            assert frame.parent is not None  # only the document has none, and nothing closes it
            return self.after_value(self._state(frame.parent, Expect.VALUE))
        if symbol == ":" and state.expect is Expect.COLON:
            return self._state(frame, Expect.VALUE)
        if symbol == "," and state.expect is Expect.AFTER:
            return self._state(frame, _AFTER_COMMA[frame.container])
        if symbol in self.literals and state.takes_value:
            self._add(self.literals[symbol], tokens)
            return self.after_value(state)
        raise self._misplaced(symbol, state)

    def _close(self, state: State, symbol: str, tokens: list[Token]) -> bool:
        """Add the token of a closing bracket, if it may stand here."""
        kind, text = _END[symbol]
        if state.expect in _MAY_CLOSE:
            self._add((kind, text), tokens)
        elif self._lenient and state.expect is _AFTER_COMMA[state.frame.container]:
            self._add((-kind, text), tokens)
        else:
            return False
        return True

    def _add(self, token: Token, tokens: list[Token]) -> None:
        tokens.append(token)
        if token[0] in DEPARTURES:
            self.has_departures = True

    def _misplaced(self, symbol: str, state: State) -> Fault:
        if symbol in _STRUCTURE or symbol in self.literals:
            return Fault(f"{state.wanted()} expected, not '{symbol}'")
        if len(symbol.encode(errors="replace")) > self._number_length:
            return self.too_long()
        if symbol[0] == "\ufeff":
            return Fault("a byte order mark (RFC 8259, section 8.1)")
        return Fault("neither a string nor a number, true, false or null")

    def too_long(self, position: int = 0) -> Fault:
        return Fault(f"a number of more than {self._number_length} bytes", position, "number_length")

    def _inner(self, frame: _Frame, container: str) -> _Frame:
        inner = frame.inner.get(container)
        if inner is None:
            inner = frame.inner[container] = _Frame(container, frame)
        return inner

    def _bounded(self, state: State) -> State:
        """The same state, with all that was remembered dropped if it has become too much."""
        if self._remembered <= _MOST_REMEMBERED + state.frame.depth:  # which is what it costs to make the path again
            return state
        self._remembered = 0
        _take_apart(self._root)
        self._root = _Frame("", None)
        return self.again(state)

    def again(self, state: State) -> State:
        """The same state as before, even if all that was remembered has been dropped since."""
        path = []
        frame: _Frame = state.frame
        while frame.parent is not None:
            path.append(frame.container)
            frame = frame.parent
        frame = self._root
        for container in reversed(path):
            frame = self._inner(frame, container)
        return self._state(frame, state.expect)


def _is_worth_remembering(text: str) -> bool:
    if len(text) <= _LONGEST_REMEMBERED:
        return True
    return len(text) <= _LONGEST_INDENTED and len("".join(text.split())) <= _LONGEST_REMEMBERED


def _take_apart(root: _Frame) -> None:
    """Let go of all states at once: they refer to one another, and the collector may come to them late."""
    frames = [root]
    while frames:
        frame = frames.pop()
        frames.extend(frame.inner.values())
        for state in frame.states.values():
            state.before_string, state.steps = _NO_STRING_STEPS, _NO_STEPS
            state.passed = _NOTHING_PASSED
            state.after = None
        frame.inner, frame.states = {}, {}
