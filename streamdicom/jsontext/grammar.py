"""The grammar of RFC 8259 outside strings and numbers: a lazy state machine.

Everything that decides whether a structural character is allowed lives here.

JSON repeats itself: the text between two strings is nearly always one of a few dozen, like ``":{"`` or ``"]},"``
without the quotes. Its meaning depends only on the open objects and arrays and on the token expected next. A ``State``
represents both, and remembers the tokens and the next state for each text. The characters of a text are examined once;
after that, a dictionary answers.

Memory is bounded: only texts of up to ``_MAX_TEXT_LENGTH`` characters are remembered, or ``_MAX_INDENTED_LENGTH`` with
white space. All states are dropped when there are more than ``_MAX_REMEMBERED`` entries, not counting one for each open
object and array.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

from streamdicom._late import late_pattern
from streamdicom._typing import TypeAlias
from streamdicom.jsontext.origin import FIRST, NEXT
from streamdicom.jsontext.tokens import Token, TokenType

_MAX_TEXT_LENGTH = 32
_MAX_INDENTED_LENGTH = 256  # with its white space
_MAX_REMEMBERED = 2560


class Expect(IntEnum):
    """The token expected next in the innermost open object or array.

    >>> Expect.AFTER.name
    'AFTER'
    """

    VALUE = 0
    FIRST_VALUE = 1
    FIRST_NAME = 2
    NAME = 3
    COLON = 4
    AFTER = 5
    END = 6


# Plain integers, see ``Token``.
_PROPERTY_NAME = int(TokenType.PROPERTY_NAME)
_STRING = int(TokenType.STRING)
_START = {"{": (int(TokenType.START_OBJECT), ""), "[": (int(TokenType.START_ARRAY), "")}
_END = {"}": (int(TokenType.END_OBJECT), ""), "]": (int(TokenType.END_ARRAY), "")}
_NUMBER = int(TokenType.NUMBER)
_LITERALS = {"true": (int(TokenType.TRUE), ""), "false": (int(TokenType.FALSE), ""), "null": (int(TokenType.NULL), "")}
# NaN and infinity as written by Python, C and JavaScript; not part of RFC 8259, section 6.
_NONFINITE = ("NaN", "nan", "Infinity", "+Infinity", "-Infinity", "inf", "+inf", "-inf")
_CLOSE = {"{": "}", "[": "]", "": ""}
_FIRST = {"{": Expect.FIRST_NAME, "[": Expect.FIRST_VALUE}

# RFC 8259, sections 4 and 5, by container ("" is the document itself).
_AFTER_COMMA = {"{": Expect.NAME, "[": Expect.VALUE}
_STRING_TYPES = {
    Expect.VALUE: _STRING,
    Expect.FIRST_VALUE: _STRING,
    Expect.FIRST_NAME: _PROPERTY_NAME,
    Expect.NAME: _PROPERTY_NAME,
}
_MAY_CLOSE = frozenset({Expect.FIRST_VALUE, Expect.FIRST_NAME, Expect.AFTER})

_STRUCTURE = frozenset("{}[]:,")
_SYMBOL = late_pattern(r"[{}\[\]:,]|[^{}\[\]:, \t\r\n]+")

_ORIGINS = {Expect.FIRST_VALUE: FIRST, Expect.VALUE: NEXT}

_EXPECTED = {
    Expect.VALUE: "a value",
    Expect.FIRST_VALUE: "a value or ']'",
    Expect.FIRST_NAME: "a name or '}'",
    Expect.NAME: "a name",
    Expect.COLON: "':'",
    Expect.END: "the end of the document",
}

# A token that only a lenient grammar accepts has its type negated, until the departure is recorded.
DEPARTURES = {
    -int(TokenType.END_OBJECT): "trailing-comma",
    -int(TokenType.END_ARRAY): "trailing-comma",
    -_NUMBER: "bare-nonfinite",
}

Step: TypeAlias = "tuple[tuple[Token, ...], State]"
StringStep: TypeAlias = "tuple[tuple[Token, ...], int, State]"

# Shared by states without entries, to save memory: many states occur only once. Never filled.
_NO_STEPS: dict[str, Step] = {}
_NO_STRING_STEPS: dict[str, StringStep] = {}
_NOTHING_PASSED: dict[str, State | None] = {}


class Fault(Exception):
    """A fault in a text.

    Attributes:
        position: Index of the first wrong character.
        limit: Name of the exceeded limit, or an empty string.
        tokens: Tokens of the text before the fault.
    """

    def __init__(self, message: str, position: int = 0, limit: str = "", tokens: list[Token] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.position = position
        self.limit = limit
        self.tokens = tokens or []


class _Frame:
    """An open object or array, or the document, with its enclosing ones."""

    __slots__ = ("container", "depth", "inner", "parent", "states")

    def __init__(self, container: str, parent: _Frame | None) -> None:
        self.container = container
        self.parent = parent
        self.depth: int = parent.depth + 1 if parent else 0
        self.inner: dict[str, _Frame] = {}
        self.states: dict[Expect, State] = {}

    def path(self) -> list[str]:
        path = []
        frame = self
        while frame.parent is not None:
            path.append(frame.container)
            frame = frame.parent
        return path[::-1]


class State:
    """A state of the grammar: the open containers and the token expected next.

    Attributes:
        before_string: By text before a string: its tokens, the type of the string, and the state after the string. The
            innermost loop reads this.
        steps: By text: its tokens and the state after it.
        string_type: Type of a string in this state: PROPERTY_NAME, STRING, or None where no string is allowed.
        allows_value: True if a value is allowed.
        after: The state after a value or a name, once it has been requested.
        passed: By structure of a text to pass over: the state after it, or None if it is not allowed.
    """

    __slots__ = (
        "after", "allows_value", "before_string", "expect", "frame", "passed", "steps", "string_type"
    )  # fmt: skip

    def __init__(self, frame: _Frame, expect: Expect) -> None:
        self.frame = frame
        self.expect = expect
        self.before_string = _NO_STRING_STEPS
        self.steps = _NO_STEPS
        self.after: State | None = None
        self.passed = _NOTHING_PASSED
        self.string_type = _STRING_TYPES.get(expect)
        self.allows_value = self.string_type == _STRING

    def expected(self) -> str:
        if self.expect is Expect.AFTER:
            return f"',' or '{_CLOSE[self.frame.container]}'"
        return _EXPECTED[self.expect]


class Grammar:
    """Create the states, and the steps between them.

    Args:
        depth: Maximum number of open objects and arrays.
        number_length: Maximum bytes in a number.
        multiple: Allow several documents.
        lenient: Allow a comma before a closing bracket, and NaN or Infinity as a number.

    Attributes:
        literals: Tokens by literal name.
        has_departures: True once a token was accepted only because the grammar is lenient.
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
        """Return the state before a document."""
        return self._state(self._root, Expect.VALUE)

    def _state(self, frame: _Frame, expect: Expect) -> State:
        state = frame.states.get(expect)
        if state is None:
            state = frame.states[expect] = State(frame, expect)
            self._remembered += 1
        return state

    def after_value(self, state: State) -> State:
        """Return the state after a value, or after a name where a name is expected."""
        if state.after is None:
            container = state.frame.container
            if state.string_type == _PROPERTY_NAME:
                expect = Expect.COLON
            else:
                expect = Expect.AFTER if container else self._after_document
            state.after = self._state(state.frame, expect)
        return state.after

    def remember_passed(self, state: State, structure: str, after: State | None) -> None:
        """Remember the state after a structure, or None if it is not allowed."""
        self._remembered += 1
        if not state.passed:
            state.passed = {}
        state.passed[structure] = after

    def step(self, state: State, text: str) -> Step:
        """Return the tokens of a structural text, and the state after it.

        Raises:
            Fault: A character is not allowed.
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
        if _can_be_remembered(text):
            self._remembered += 1
            if not state.steps:
                state.steps = {}
            state.steps[text] = step
        return step

    def step_to_string(self, state: State, text: str) -> StringStep:
        """Return the tokens before a string, its type, and the state after it.

        Raises:
            Fault: A character or the string is not allowed.
        """
        state = self._bounded(state)
        tokens, at_string = self.step(state, text)
        string_type = at_string.string_type
        if string_type is None:
            raise Fault(f"expected {at_string.expected()}, found a string", len(text), tokens=list(tokens))
        step = (tokens, string_type, self.after_value(at_string))
        self.remember(state, text, step)
        return step

    def remember(self, state: State, text: str, step: StringStep) -> None:
        """Remember the step for a text before a string, which may contain numbers."""
        if _can_be_remembered(text):
            self._remembered += 1
            if not state.before_string:
                state.before_string = {}
            state.before_string[text] = step

    def _symbol(self, state: State, symbol: str, tokens: list[Token]) -> State:
        frame = state.frame
        if symbol in _START and state.allows_value:
            if frame.depth >= self._depth:
                raise Fault(f"expected at most {self._depth} nested objects and arrays, found more", limit="depth")
            tokens.append(_START[symbol])
            return self._state(self._inner(frame, symbol), _FIRST[symbol])
        if symbol == _CLOSE[frame.container] and self._close(state, symbol, tokens):
            assert frame.parent is not None  # only the document has no parent, and no symbol closes it
            return self.after_value(self._state(frame.parent, Expect.VALUE))
        if symbol == ":" and state.expect is Expect.COLON:
            return self._state(frame, Expect.VALUE)
        if symbol == "," and state.expect is Expect.AFTER:
            return self._state(frame, _AFTER_COMMA[frame.container])
        if symbol in self.literals and state.allows_value:
            self._add(self.literals[symbol], tokens)
            return self.after_value(state)
        raise self._misplaced(symbol, state)

    def _close(self, state: State, symbol: str, tokens: list[Token]) -> bool:
        """Add the token of a closing bracket and return True, if it is allowed."""
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
            return Fault(f"expected {state.expected()}, found '{symbol}'")
        if len(symbol.encode(errors="replace")) > self._number_length:
            return self.number_too_long()
        if symbol[0] == "\ufeff":
            return Fault("expected JSON text, found a byte order mark (RFC 8259, section 8.1)")
        return Fault("expected a string, a number, true, false or null, found another word")

    def number_too_long(self, position: int = 0) -> Fault:
        return Fault(
            f"expected a number of at most {self._number_length} bytes, found a longer one", position, "number_length"
        )

    def _inner(self, frame: _Frame, container: str) -> _Frame:
        inner = frame.inner.get(container)
        if inner is None:
            inner = frame.inner[container] = _Frame(container, frame)
        return inner

    def _bounded(self, state: State) -> State:
        """Return the same state, after dropping all states if there are too many."""
        if self._remembered <= _MAX_REMEMBERED + state.frame.depth:  # which allows for rebuilding the path
            return state
        self._remembered = 0
        _unlink(self._root)
        self._root = _Frame("", None)
        return self.rebuild(state)

    def origin_of(self, state: State) -> str | None:
        """Return the structure of an ``Origin`` at a state, or None elsewhere."""
        frame = state.frame
        if frame.parent is None:
            return "" if state.expect is Expect.VALUE else None
        is_outermost = frame.parent.parent is None and frame.container == "["
        return _ORIGINS.get(state.expect) if is_outermost else None

    def rebuild(self, state: State) -> State:
        """Return an equal state, which may have been dropped in the meantime."""
        return self.state_in(state.frame.path(), state.expect)

    def state_in(self, containers: Iterable[str], expect: Expect) -> State:
        """Return the state in open objects and arrays, outermost first."""
        frame = self._root
        for container in containers:
            frame = self._inner(frame, container)
        return self._state(frame, expect)


def _can_be_remembered(text: str) -> bool:
    if len(text) <= _MAX_TEXT_LENGTH:
        return True
    return len(text) <= _MAX_INDENTED_LENGTH and len("".join(text.split())) <= _MAX_TEXT_LENGTH


def _unlink(root: _Frame) -> None:
    """Break the reference cycles between states, so that they are freed at once."""
    frames = [root]
    while frames:
        frame = frames.pop()
        frames.extend(frame.inner.values())
        for state in frame.states.values():
            state.before_string, state.steps = _NO_STRING_STEPS, _NO_STEPS
            state.passed = _NOTHING_PASSED
            state.after = None
        frame.inner, frame.states = {}, {}
