"""Values that cannot be right, which are kept as JSON text or left out.

By ``on_error="keep"``, the tokens of such a value become JSON text. The attribute is read up to its end, because ``vr``
may follow, and kept with this text. If ``vr`` is not a string, all members of the attribute become the text.
"""

from __future__ import annotations

from _json import encode_basestring  # json takes long to import
from abc import abstractmethod
from collections.abc import Callable, Iterable

from streamdicom._typing import Any, ClassVar
from streamdicom.errors import DicomJsonError, InputError, LimitError
from streamdicom.formats.json.attribute import Attribute
from streamdicom.formats.json.deviation_policy import JsonDeviationPolicy
from streamdicom.formats.json.document import DocumentParser, Move, Moves
from streamdicom.formats.json.raw_value import Capture, json_number
from streamdicom.formats.json.states import EXPECTED, OPEN_CONTAINERS, Content, ParserState
from streamdicom.formats.json.values import OTHER, WRONG_NAME, Held
from streamdicom.jsontext import Token, TokenType
from streamdicom.limits import Limits

# Plain integers, see ``Token``.
_STRING, _NULL = int(TokenType.STRING), int(TokenType.NULL)
_ATTRIBUTE, _VALUES = int(ParserState.ATTRIBUTE), int(ParserState.VALUES)
_START_ARRAY: Token = int(TokenType.START_ARRAY), ""
_START_OBJECT: Token = int(TokenType.START_OBJECT), ""

_WHOLE_VALUES = frozenset(
    {TokenType.STRING, TokenType.STRING_END, TokenType.NUMBER, TokenType.TRUE, TokenType.FALSE, TokenType.NULL}
)
_FOUND: dict[int, str] = {
    TokenType.START_OBJECT: "an object",
    TokenType.END_OBJECT: "'}'",
    TokenType.START_ARRAY: "an array",
    TokenType.END_ARRAY: "']'",
    TokenType.PROPERTY_NAME: "a name",
    TokenType.STRING: "a string",
    TokenType.STRING_END: "a string",
    TokenType.NUMBER: "a number",
    TokenType.TRUE: "true",
    TokenType.FALSE: "false",
    TokenType.NULL: "null",
}

# The content and the message for a value in place of bulk data.
NO_BASE64 = int(Content.INVALID_BINARY), "expected a base64 string for 'InlineBinary', found another value"
_NO_URI = int(Content.INVALID_URI), "expected a string for 'BulkDataURI', found another value"
_NOT_OF_BULK: dict[int, tuple[int, str]] = {  # by the state in which the value was found
    ParserState.BINARY: NO_BASE64,
    ParserState.BINARY_END: NO_BASE64,
    ParserState.URI: _NO_URI,
    ParserState.URI_IN_ARRAY: _NO_URI,
    ParserState.URI_END: _NO_URI,
}
# Elsewhere NaN, as a string, would be base64, a URI, a component group or a VR.
_MAY_HAVE_NONFINITE = (ParserState.OPEN, ParserState.VALUE, ParserState.VALUES, ParserState.OBJECT)


def with_kind(move: Callable[[Any, int, str], None], kind: int) -> Move:
    """Return a move that takes the type of the token too."""
    return lambda parser, text: move(parser, kind, text)


def for_kinds(move: Callable[[Any, int, str], None], kinds: Iterable[int]) -> dict[int, Move]:
    """Return such a move for each of several types."""
    return {kind: with_kind(move, kind) for kind in kinds}


class WrongValueParser(DocumentParser):
    """The moves for values that cannot be right."""

    def __init__(self, policy: JsonDeviationPolicy, limits: Limits) -> None:
        super().__init__(policy)
        self._limits = limits
        self._keeps = policy.keeps and policy.accepts_wrong_values
        self._attribute = Attribute(policy, limits, self._pixel_representation)
        self._state_after_value: int = _VALUES
        self._state_after_binary: int = _ATTRIBUTE
        self._has_condition = False  # a filter has a condition on the current attribute
        self._groups: dict[str, str | None] = {}
        self._group = ""
        self._first: Token = _NULL, ""  # the first value of an array of bulk data
        self._state_of_value: int = _VALUES  # in which a value that is kept as JSON text was found
        self._capture = Capture(limits)
        self._fault = ""

    @abstractmethod
    def _pixel_representation(self) -> int:
        """Return the Pixel Representation of the item, or of the data set around it."""

    @abstractmethod
    def _hold(self, value: Held, size: int = 0) -> None:
        """Hold a value until the VR is known."""

    def _reset_attribute(self) -> None:
        self._attribute.reset()
        self._has_condition = False
        self._state_after_value = _VALUES
        self._state_after_binary = _ATTRIBUTE

    # --- attributes that are left out --------------------------------------------------------------------------

    def _give_up(self, kind: int) -> None:
        """Handle a token without a move: leave out the attribute, or raise."""
        error = self._unexpected(kind)
        if self._attribute.tag is None:
            raise error
        self._leave_out(error, kind)

    def _unexpected(self, kind: int) -> InputError:
        expected = EXPECTED[self._state]
        if kind == TokenType.STRING_SEGMENT:
            size = self._limits.segment_size
            return LimitError(f"expected {expected}, found a string of more than {size} bytes", "segment_size")
        return DicomJsonError(f"expected {expected}, found {_FOUND[kind]}")

    def _leave_out(self, error: InputError, kind: int) -> None:
        """Report a wrong value, and pass over the rest of the attribute."""
        depth = OPEN_CONTAINERS[self._state]
        if depth > 1 and self._state_after_value == _ATTRIBUTE:  # the value is not in an array
            depth -= 1
        if self._state in (ParserState.BINARY, ParserState.BINARY_PARTS) and self._state_after_binary != _ATTRIBUTE:
            depth += 1
        if self._state == ParserState.FRAGMENTS:
            depth += self._attribute.fragments.depth
        self._policy.reject_value(error.message, error)
        self._attribute.abandon(self._state == ParserState.BINARY_PARTS)
        self._reset_attribute()
        self._skip(ParserState.DATASET, depth + (kind in (TokenType.START_OBJECT, TokenType.START_ARRAY)))
        if not depth and kind in _WHOLE_VALUES:
            self._state = ParserState.DATASET

    # --- values that are kept as JSON text ---------------------------------------------------------------------

    def _not_an_attribute(self, text: str) -> None:
        """Take JSON text in place of the object of an attribute."""
        self._keep_attribute("expected the object of an attribute, found another value", text)

    def _keep_attribute(self, message: str, text: str) -> None:
        self._attribute.keep(message, text)
        self._reset_attribute()
        self._state = ParserState.DATASET

    def _start_other(self, kind: int, text: str = "") -> None:
        """Start a value that fits no VR, which is kept as JSON text unless it is too long."""
        if not self._policy.accepts_wrong_values:
            self._give_up(kind)
        in_binary_array = self._state == ParserState.BINARY and self._state_after_binary != _ATTRIBUTE
        in_array = in_binary_array or self._state == ParserState.URI_IN_ARRAY  # whose other values follow
        self._start_capture([_START_ARRAY] if in_array else ())
        self._continue_other(kind, text)

    def _second_in_array(self, kind: int, text: str) -> None:
        """Take a second value in an array of bulk data."""
        if self._keeps and self._attribute.content != Content.BINARY_PARTS:
            self._start_capture([_START_ARRAY, self._first])
            self._continue_other(kind, text)
        else:
            self._give_up(kind)

    def _wrong_group(self, kind: int, text: str) -> None:
        """Take a value in place of the text of a component group."""
        if not self._keeps:
            self._give_up(kind)
            return
        tokens = [_START_OBJECT]
        for name, group in self._groups.items():
            tokens += _name_token(name), (_NULL, "") if group is None else (_STRING, group)
        self._start_capture([*tokens, _name_token(self._group)])
        self._continue_other(kind, text)

    def _wrong_vr(self, kind: int, text: str) -> None:
        """Take a value in place of the string of ``vr``."""
        if not self._keeps:
            self._give_up(kind)
            return
        self._fault = self._unexpected(kind).message
        if self._attribute.is_delivered:
            self._policy.reject_value(self._fault)
            self._attribute.set_unknown_vr()
            self._skip(_ATTRIBUTE, 1)
            if kind in _WHOLE_VALUES:
                self._state = _ATTRIBUTE
            return
        self._start_capture([_START_OBJECT, _name_token("vr")])
        self._continue_other(kind, text)

    def _end_wrong_vr(self, text: str) -> None:
        members = self._attribute.json_members()  # before ``vr``
        if members is None:
            text = ""
        elif members and text:
            text = f"{{{','.join(members)},{text[1:]}"
        self._keep_attribute(self._fault, text)

    def _wrong_fragments(self, message: str) -> None:
        """Keep the value of a ``DataFragment``, some tokens of which are captured."""
        self._fault = message
        self._state_of_value, self._state = self._state, ParserState.OTHER
        if self._capture.is_complete:
            self._end_other()

    def _start_capture(self, tokens: Iterable[Token]) -> None:
        """Start JSON text with some tokens before the next one."""
        self._state_of_value = self._state
        self._capture = Capture(self._limits)
        for kind, text in tokens:
            self._capture.add(kind, text)
        self._state = ParserState.OTHER

    def _continue_other(self, kind: int, text: str) -> None:
        self._capture.add(kind, text)
        if self._capture.is_complete:
            self._end_other()

    def _end_other(self) -> None:
        """Take the JSON text that is complete; it is empty if it cannot be kept."""
        capture, state = self._capture, self._state_of_value
        text = "" if capture.has_nonfinite and state not in _MAY_HAVE_NONFINITE else capture.text
        if state == ParserState.OPEN:
            self._not_an_attribute(text)
        elif state == ParserState.VR:
            self._end_wrong_vr(text)
        elif state == ParserState.FRAGMENTS:
            self._attribute.set_invalid(int(Content.INVALID_FRAGMENTS), self._fault, text)
            self._state = _ATTRIBUTE
        elif state in _NOT_OF_BULK:
            self._attribute.set_invalid(*_NOT_OF_BULK[state], text)
            self._state = _ATTRIBUTE
        else:
            self._hold((WRONG_NAME if state == ParserState.GROUP else OTHER, text), len(text))

    _moves: ClassVar[Moves] = {
        **DocumentParser._moves,
        ParserState.OPEN: {
            TokenType.STRING: lambda parser, text: parser._not_an_attribute(encode_basestring(text)),
            TokenType.NUMBER: lambda parser, text: parser._not_an_attribute(json_number(text)),
            TokenType.TRUE: lambda parser, _: parser._not_an_attribute("true"),
            TokenType.FALSE: lambda parser, _: parser._not_an_attribute("false"),
            TokenType.NULL: lambda parser, _: parser._not_an_attribute("null"),
            TokenType.START_ARRAY: lambda parser, _: parser._start_other(TokenType.START_ARRAY),
        },
        ParserState.OTHER: for_kinds(_continue_other, TokenType),
    }


def _name_token(name: str) -> Token:
    return int(TokenType.PROPERTY_NAME), name
