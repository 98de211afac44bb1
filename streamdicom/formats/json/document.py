"""Documents of DICOM JSON: a data set, an array, or an object around an array.

The standard has the first two (PS3.18 F.2.1). Some software wraps the array in an object, so the first name in an
object decides, if the deviations allow a wrapper: a key makes the object a data set, any other name does not.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping

from streamdicom._push import PushParser
from streamdicom._typing import Any, ClassVar, TypeAlias
from streamdicom.events import Event
from streamdicom.formats.json.deviation_policy import JsonDeviationPolicy
from streamdicom.formats.json.keys import KEYS, may_be_key
from streamdicom.formats.json.states import ParserState
from streamdicom.jsontext import TokenType

Move: TypeAlias = Callable[[Any, str], None]
"""A method of a parser that takes the text of a token."""

Moves: TypeAlias = Mapping[int, Mapping[int, Move]]
"""The move for each type of token, by state."""

_BEFORE_DATASET = frozenset({ParserState.ARRAY, ParserState.FIRST, ParserState.UNKNOWN, ParserState.WRAPPED})
_SCALARS = (
    TokenType.STRING,
    TokenType.STRING_END,
    TokenType.NUMBER,
    TokenType.TRUE,
    TokenType.FALSE,
    TokenType.NULL,
)


class DocumentParser(PushParser[Event], ABC):
    """The moves outside of data sets."""

    def __init__(self, policy: JsonDeviationPolicy) -> None:
        super().__init__()
        self._policy = policy
        self._state: int = ParserState.ROOT
        self._has_document = False
        self._in_array = False
        self._index: int | None = None  # of the current data set, or the last one
        self._is_wrapped = False
        self._had_empty_array = False
        self._depth = 0  # objects and arrays open in text that is passed over
        self._state_after_skip: int = ParserState.DATASET

    def _go_on(self, first: int, *, in_array: bool) -> None:
        """Start after other data sets, within an array or between documents."""
        self._has_document = True
        self._in_array = in_array
        self._state = ParserState.ARRAY if in_array else ParserState.ROOT
        self._index = first - 1 if first else None

    def _dataset_index(self) -> int | None:
        """Return the index of the current data set, or of the next between two."""
        if self._state in _BEFORE_DATASET:
            return 0 if self._index is None else self._index + 1
        if self._state == ParserState.ROOT and self._index is not None:
            return self._index + 1
        return self._index

    @abstractmethod
    def _start_dataset(self, _: str = "") -> None: ...

    @abstractmethod
    def _end_members(self, _: str = "") -> None:
        """End a data set or an item."""

    @abstractmethod
    def _key(self, text: str) -> None: ...

    def _skip(self, state_after: int, depth: int = 0) -> None:
        """Pass over the next value, or the rest of some open objects and arrays.

        Args:
            state_after: The state to go to.
            depth: Number of objects and arrays that are open.
        """
        self._state_after_skip = state_after
        self._depth = depth
        self._state = ParserState.SKIP

    def _start_array(self, _: str) -> None:
        self._has_document = self._in_array = True
        self._state = ParserState.ARRAY

    def _end_array(self, _: str) -> None:
        self._in_array = False
        self._state = ParserState.WRAPPER if self._is_wrapped else ParserState.ROOT

    def _start_document(self, _: str) -> None:
        self._has_document = True
        if self._policy.accepts("wrapper") or self._policy.accepts("unknown-key"):
            self._had_empty_array = False
            self._state = ParserState.FIRST
        else:
            self._start_dataset()

    def _first_name(self, text: str) -> None:
        if text in KEYS or may_be_key(text):
            self._start_dataset()
            self._key(text)
        else:
            self._state = ParserState.UNKNOWN

    def _first_end(self, _: str) -> None:
        self._state = ParserState.ROOT
        if not self._had_empty_array:
            self._start_dataset()
            self._end_members()

    # --- members that are not attributes, and wrappers ---------------------------------------------------------

    def _unknown_value(self, _: str) -> None:
        self._policy.report("unknown-key", "expected a tag or a keyword for a key, found another name")
        self._state = ParserState.FIRST

    def _unknown_object(self, text: str) -> None:
        self._unknown_value(text)
        self._skip(ParserState.FIRST, 1)

    def _unknown_array(self, _: str) -> None:
        self._state = ParserState.WRAPPED

    def _ignore(self, _: str) -> None:
        pass

    def _wrapped_dataset(self, _: str) -> None:
        self._policy.report("wrapper", "expected an array of data sets, found an object around one")
        self._is_wrapped = self._in_array = True
        self._start_dataset()

    def _wrapped_nothing(self, _: str) -> None:
        self._policy.report("wrapper", "expected an array of data sets, found an object around an empty one")
        self._had_empty_array = True
        self._state = ParserState.FIRST

    def _wrapped_value(self, text: str) -> None:
        self._unknown_value(text)
        self._skip(ParserState.FIRST, 1)

    def _wrapped_array(self, text: str) -> None:
        self._unknown_value(text)
        self._skip(ParserState.FIRST, 2)

    def _wrapper_name(self, _: str) -> None:
        self._policy.report("unknown-key", "expected '}' after the array of data sets, found another member")
        self._skip(ParserState.WRAPPER)

    def _wrapper_end(self, _: str) -> None:
        self._is_wrapped = False
        self._state = ParserState.ROOT

    _moves: ClassVar[Moves] = {
        ParserState.ROOT: {TokenType.START_ARRAY: _start_array, TokenType.START_OBJECT: _start_document},
        ParserState.FIRST: {TokenType.PROPERTY_NAME: _first_name, TokenType.END_OBJECT: _first_end},
        ParserState.UNKNOWN: {
            **dict.fromkeys(_SCALARS, _unknown_value),
            TokenType.STRING_SEGMENT: _ignore,
            TokenType.START_OBJECT: _unknown_object,
            TokenType.START_ARRAY: _unknown_array,
        },
        ParserState.WRAPPED: {
            **dict.fromkeys(_SCALARS, _wrapped_value),
            TokenType.STRING_SEGMENT: _wrapped_value,
            TokenType.START_OBJECT: _wrapped_dataset,
            TokenType.START_ARRAY: _wrapped_array,
            TokenType.END_ARRAY: _wrapped_nothing,
        },
        ParserState.WRAPPER: {TokenType.PROPERTY_NAME: _wrapper_name, TokenType.END_OBJECT: _wrapper_end},
    }
