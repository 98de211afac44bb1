"""The contents of attributes: VRs, values, names, binary data (PS3.18 F.2.2).

An object among the values shows by its first name whether it is an item or a person name. Long strings and long arrays
are delivered in parts. ``WrongValueParser`` has the moves for a value that cannot be right.
"""

from __future__ import annotations

from _json import encode_basestring  # json takes long to import
from abc import abstractmethod
from collections.abc import Iterable, Iterator

from streamdicom._typing import ClassVar
from streamdicom.dicom import NAME_GROUPS, VRS
from streamdicom.errors import DicomJsonError, InputError
from streamdicom.events import LAST_SEGMENT, SEGMENT
from streamdicom.formats.json.data_fragment import Fragments
from streamdicom.formats.json.deviation_policy import JsonDeviationPolicy
from streamdicom.formats.json.document import Move, Moves
from streamdicom.formats.json.habits import EXTRA_MEMBERS, empty_name_group, extra_member
from streamdicom.formats.json.keys import KEYS, may_be_key
from streamdicom.formats.json.raw_value import Capture
from streamdicom.formats.json.states import EXPECTED, Content, ParserState
from streamdicom.formats.json.values import EMPTY_OBJECT, NAME, OTHER, Held, json_name, report_base64
from streamdicom.formats.json.wrong_values import NO_BASE64, WrongValueParser, for_kinds
from streamdicom.formats.value_forms import WrongValueError
from streamdicom.formats.vr_choice import named_vrs
from streamdicom.jsontext import Token, TokenType, decode_any_base64
from streamdicom.limits import Limits

# Plain integers, see ``Token``.
_STRING = int(TokenType.STRING)
_NUMBER = int(TokenType.NUMBER)
_NULL = int(TokenType.NULL)
_ATTRIBUTE, _VR = int(ParserState.ATTRIBUTE), int(ParserState.VR)
_VALUE, _VALUES = int(ParserState.VALUE), int(ParserState.VALUES)
_HOLDS_NOTHING, _HOLDS_VALUES, _HOLDS_ITEMS = int(Content.NOTHING), int(Content.VALUES), int(Content.ITEMS)
_MAY_HOLD_ITEMS = (_HOLDS_ITEMS, _HOLDS_VALUES)
_REFERENCES = (int(Content.URI), int(Content.INVALID_URI))
_OTHER_KINDS = (TokenType.NUMBER, TokenType.TRUE, TokenType.FALSE, TokenType.START_OBJECT)  # than a string
_STRUCTURED_KINDS = (*_OTHER_KINDS, TokenType.START_ARRAY)
_ALL_KINDS = (*_STRUCTURED_KINDS, TokenType.STRING, TokenType.STRING_SEGMENT, TokenType.NULL)
_VRS_OF_ITEMS = ("", "SQ", "UN")  # an unknown VR may follow

# The content and the state after the name of each member of an attribute.
_MEMBERS: dict[str, tuple[int, int]] = {
    "vr": (_HOLDS_NOTHING, _VR),
    "Value": (_HOLDS_VALUES, _VALUE),
    "BulkDataURI": (int(Content.URI), int(ParserState.URI)),
    "InlineBinary": (int(Content.BINARY), int(ParserState.BINARY)),
    "DataFragment": (int(Content.FRAGMENTS), int(ParserState.FRAGMENTS)),
}
_MEMBER_NAMES = {name.lower(): name for name in _MEMBERS}

_WHOLE_VALUES = frozenset(
    {TokenType.STRING, TokenType.STRING_END, TokenType.NUMBER, TokenType.TRUE, TokenType.FALSE, TokenType.NULL}
)


def value_run(
    token: Token, tokens: Iterable[Token], held: list[Held], size: int, max_values: int, max_size: int
) -> tuple[Token | None, int]:
    """Hold strings and numbers, up to the first other token or a limit.

    Args:
        token: The first token.
        tokens: The tokens after it, which are consumed.
        held: Receives the strings and numbers.
        size: Characters held so far.
        max_values: Maximum number of values to hold.
        max_size: Maximum number of characters to hold.

    Returns:
        The first other token, or None at a limit or at the end; and the characters held.
    """
    held.append(token)
    size += len(token[1])
    if len(held) > max_values or size > max_size:
        return None, size
    for token in tokens:
        kind, text = token
        if kind != _STRING and kind != _NUMBER:
            return token, size
        held.append(token)
        size += len(text)
        if len(held) > max_values or size > max_size:
            break
    return None, size


def _not_base64(error: ValueError) -> DicomJsonError:
    return DicomJsonError(f"expected {EXPECTED[ParserState.BINARY]}, found {error}")


def _scalar(move: Move) -> Move:
    """Return a move for a value that is not in an array."""

    def take(parser: ContentParser, text: str) -> None:
        parser._report_scalar()
        move(parser, text)

    return take


class ContentParser(WrongValueParser):
    """The moves within attributes."""

    def __init__(self, policy: JsonDeviationPolicy, limits: Limits) -> None:
        super().__init__(policy, limits)
        self._tokens: Iterator[Token] = iter(())  # the tokens that are still to be examined

    @abstractmethod
    def _start_item(self) -> None: ...

    @abstractmethod
    def _first_item_key(self, key: str) -> None:
        """Take the first key of an item."""

    @abstractmethod
    def _move(self, kind: int, text: str) -> None:
        """Make the move for a token in the current state."""

    # --- members -----------------------------------------------------------------------------------------------

    def _open_attribute(self, _: str) -> None:
        self._state = _ATTRIBUTE

    def _member_name(self, text: str) -> None:
        attribute = self._attribute
        if text == "vr" and not attribute.vr and not attribute.vr_text:  # the common members
            self._state = _VR
            return
        if text == "Value" and attribute.content == _HOLDS_NOTHING:
            attribute.content = _HOLDS_VALUES
            self._state = _VALUE
            return
        name = text if text in _MEMBERS else _MEMBER_NAMES.get(text.lower(), "")
        if not name:
            self._unknown_member(text)
            return
        if name != text:
            self._policy.report("member-case", f"expected '{name}', found it in other case")
        if name == "vr":
            self._vr_name()
        else:
            self._content_name(name)

    def _unknown_member(self, text: str) -> None:
        if text.lower() in EXTRA_MEMBERS:
            self._policy.report(*extra_member(text.lower()))
        else:
            self._policy.report(
                "unknown-member", "expected a member of an attribute (PS3.18 F.2.2), found another name"
            )
        self._skip(_ATTRIBUTE)

    def _vr_name(self) -> None:
        attribute = self._attribute
        if (attribute.vr and not attribute.foreseen_vr) or attribute.vr_text:
            self._policy.report("unknown-member", "expected one 'vr', found a second one")
            self._skip(_ATTRIBUTE)
        else:
            self._state = ParserState.VR

    def _content_name(self, name: str) -> None:
        content, state = _MEMBERS[name]
        if self._attribute.content != _HOLDS_NOTHING:
            self._policy.report(
                "several-contents",
                "expected one of 'Value', 'BulkDataURI' and 'InlineBinary' (PS3.18 F.2.2), found several",
            )
            if self._attribute.content not in _REFERENCES or content == Content.URI:
                self._skip(_ATTRIBUTE)
                return
        if content == Content.FRAGMENTS:
            self._policy.report("data-fragment", "expected a member of PS3.18 F.2.2, found 'DataFragment'")
            self._attribute.fragments = Fragments(self._limits, self._policy.report)
            self._capture = Capture(self._limits)
        self._attribute.content, self._state = content, state

    def _vr(self, text: str) -> None:
        attribute = self._attribute
        if text not in VRS:
            if named_vrs(text):
                self._policy.report("ambiguous-vr", "expected one value representation, found several")
            else:
                self._policy.report("unknown-vr", "expected a value representation (PS3.5 6.2), found another string")
            attribute.vr_text, attribute.vr_json = text or "?", encode_basestring(text)
        elif not attribute.vr:
            attribute.vr = text
        elif text != attribute.foreseen_vr:
            raise attribute.missing_vr_error()
        attribute.foreseen_vr = ""
        self._state = _ATTRIBUTE

    def _null_vr(self, _: str) -> None:
        self._policy.report("null-value", "expected a string for 'vr', found null")
        self._attribute.vr_json = "null"
        self._state = ParserState.ATTRIBUTE

    # --- values ------------------------------------------------------------------------------------------------

    def _open_values(self, _: str) -> None:
        self._state = _VALUES

    def _close_values(self, _: str) -> None:
        self._state = _ATTRIBUTE

    def _string(self, text: str) -> None:
        self._hold_run((_STRING, text))

    def _number(self, text: str) -> None:
        self._hold_run((_NUMBER, text))

    def _hold_run(self, token: Token) -> None:
        """Hold a string or a number in an array, and those after it."""
        attribute, limits = self._attribute, self._limits
        following, attribute.size = value_run(
            token, self._tokens, attribute.held, attribute.size, limits.values_per_event, limits.segment_size
        )
        if following is None:
            self._deliver_surplus()
        else:
            self._move(*following)

    def _report_scalar(self) -> None:
        self._policy.report("scalar-value", "expected an array for 'Value', found a single value")
        self._state_after_value = _ATTRIBUTE

    def _scalar_string(self, text: str) -> None:
        self._hold((_STRING, text), len(text))

    def _scalar_number(self, text: str) -> None:
        self._hold((_NUMBER, text), len(text))

    def _after_value(self) -> None:
        self._state = self._state_after_value
        self._state_after_value = _VALUES

    def _hold(self, value: Held, size: int = 0) -> None:
        self._after_value()
        self._attribute.held.append(value)
        self._attribute.size += size
        self._deliver_surplus()

    def _deliver_surplus(self) -> None:
        try:
            self._attribute.deliver_surplus()
        except WrongValueError as error:
            self._leave_out(DicomJsonError(str(error)), _STRING)

    def _null_value(self, _: str) -> None:
        self._hold((_NULL, ""))

    def _null_for_value(self, _: str) -> None:
        self._policy.report("null-value", f"expected {EXPECTED[self._state]}, found null")
        self._attribute.content = _HOLDS_NOTHING
        self._state = ParserState.ATTRIBUTE

    def _true_value(self, _: str) -> None:
        self._literal(TokenType.TRUE, "true")

    def _false_value(self, _: str) -> None:
        self._literal(TokenType.FALSE, "false")

    def _literal(self, kind: int, text: str) -> None:
        if self._policy.accepts_wrong_values:
            self._hold((OTHER, text))
        else:
            self._give_up(kind)

    # --- objects: items and person names (PS3.18 F.2.2) --------------------------------------------------------

    def _object_value(self, _: str) -> None:
        if self._attribute.vr == "SQ" or self._attribute.content == _HOLDS_ITEMS:
            self._start_item()
        else:
            self._groups = {}
            self._state = ParserState.NAME if self._attribute.vr == "PN" else ParserState.OBJECT

    def _object_name(self, text: str) -> None:
        if self._starts_item(text):
            self._first_item_key(text)
        elif text not in KEYS and text.capitalize() in NAME_GROUPS:
            self._group_name(text)
        elif self._may_start_item(text):
            self._first_item_key(text)
        elif self._policy.accepts_wrong_values:
            self._start_other(TokenType.START_OBJECT)
            self._continue_other(TokenType.PROPERTY_NAME, text)
        else:
            raise DicomJsonError("expected an item or a person name, found another object")

    def _object_end(self, _: str) -> None:
        self._hold((NAME, EMPTY_OBJECT))

    def _starts_item(self, key: str) -> bool:
        """Return True if an object whose first name is a known key is surely an item."""
        attribute = self._attribute
        may_hold = attribute.content in _MAY_HOLD_ITEMS and attribute.vr in _VRS_OF_ITEMS
        return may_hold and key in KEYS and not attribute.held

    def _may_start_item(self, name: str) -> bool:
        attribute = self._attribute
        if attribute.vr not in _VRS_OF_ITEMS:
            return False
        if name in KEYS or may_be_key(name):
            return attribute.may_have_item()
        is_first = attribute.content <= _HOLDS_VALUES and not attribute.held
        return is_first and not attribute.vr and self._policy.accepts("unknown-key")

    def _group_name(self, text: str) -> None:
        group = text if text in NAME_GROUPS else text.capitalize()
        if group not in NAME_GROUPS:
            self._policy.report("unknown-member", "expected a component group of a person name, found another name")
            self._skip(ParserState.NAME)
        elif group in self._groups:
            self._policy.report("unknown-member", f"expected one '{group}' in a person name, found a second one")
            self._skip(ParserState.NAME)
        else:
            if group != text:
                self._policy.report("member-case", f"expected '{group}', found it in other case")
            self._group = group
            self._state = ParserState.GROUP

    def _group_text(self, text: str) -> None:
        if not text:
            self._policy.report(*empty_name_group(self._group))
        self._groups[self._group] = text
        self._attribute.size += len(text)
        self._state = ParserState.NAME

    def _null_group(self, _: str) -> None:
        self._group_text("")
        self._groups[self._group] = None

    def _name_end(self, _: str) -> None:
        groups, attribute = self._groups, self._attribute
        if self._keeps and (not groups or [*groups] != [group for group in NAME_GROUPS if groups.get(group)]):
            attribute.odd_names[len(attribute.held)] = json_name(groups)
        self._hold((NAME, tuple([groups.get(group) or "" for group in NAME_GROUPS])))

    # --- long text ---------------------------------------------------------------------------------------------

    def _text_segment(self, text: str) -> None:
        if self._state == ParserState.TEXT:
            self._attribute.add_text(text)
        elif self._attribute.begin_text(text):
            self._state = ParserState.TEXT
        else:
            self._skip(self._state_after_value)

    def _text_end(self, text: str) -> None:
        self._attribute.add_text(text, LAST_SEGMENT)
        self._after_value()

    # --- binary data, and references to bulk data --------------------------------------------------------------

    def _uri(self, text: str) -> None:
        self._attribute.bytes_or_uri = text
        self._state = ParserState.ATTRIBUTE

    def _uri_in_array(self, kind: int, text: str) -> None:
        self._first = kind, text
        self._attribute.bytes_or_uri = text
        self._state = ParserState.URI_END

    def _start_uri_array(self, _: str) -> None:
        self._policy.report("uri-in-array", "expected a string for 'BulkDataURI', found an array")
        self._state = ParserState.URI_IN_ARRAY

    def _end_uri_array(self, _: str) -> None:
        if self._state == ParserState.URI_IN_ARRAY:
            self._attribute.bytes_or_uri = ""
        self._state = ParserState.ATTRIBUTE

    def _start_binary_array(self, _: str) -> None:
        if self._state_after_binary != _ATTRIBUTE:
            self._start_other(TokenType.START_ARRAY)
            return
        self._policy.report("binary-in-array", "expected a string for 'InlineBinary', found an array")
        self._state_after_binary = ParserState.BINARY_END

    def _end_binary_array(self, _: str) -> None:
        if self._state == ParserState.BINARY:  # the array is empty, or was never open
            if self._state_after_binary == _ATTRIBUTE:
                self._give_up(TokenType.END_ARRAY)
                return
            self._attribute.bytes_or_uri = b""
        elif self._attribute.content == Content.INVALID_BINARY:
            self._attribute.bytes_or_uri = f"[{self._attribute.bytes_or_uri}]"
        self._state = ParserState.ATTRIBUTE

    def _null_binary(self, _: str) -> None:
        self._policy.report("null-value", "expected a string for 'InlineBinary', found null")
        self._first = _NULL, ""
        self._attribute.bytes_or_uri = b""
        self._state = self._state_after_binary

    def _binary(self, text: str) -> None:
        if self._state_after_binary != _ATTRIBUTE:
            self._first = _STRING, text
        try:
            self._attribute.bytes_or_uri, is_odd = decode_any_base64(text)
        except ValueError as error:
            if not self._policy.accepts_wrong_values:
                raise _not_base64(error) from None
            self._attribute.set_invalid(*NO_BASE64, encode_basestring(text))
        else:
            if is_odd:
                report_base64(self._policy.report)
        self._state = self._state_after_binary

    def _binary_segment(self, text: str) -> None:
        if self._attribute.content != Content.BINARY_PARTS:
            self._attribute.begin_binary_parts()
        self._state = ParserState.BINARY_PARTS
        self._add_binary(text, SEGMENT)

    def _binary_end(self, text: str) -> None:
        if self._add_binary(text, LAST_SEGMENT):
            self._state = self._state_after_binary

    def _add_binary(self, text: str, kind: int) -> bool:
        try:
            self._attribute.add_binary(text, kind)
        except InputError:  # base64 in another form, which is refused
            raise
        except ValueError as error:
            self._leave_out(_not_base64(error), TokenType.STRING_SEGMENT)
            return False
        return True

    def _continue_fragments(self, kind: int, text: str) -> None:
        if self._keeps:
            self._capture.add(kind, text)
        try:
            self._attribute.fragments.take(kind, text)
        except WrongValueError as error:
            if self._keeps:
                self._wrong_fragments(str(error))
            else:
                self._leave_out(DicomJsonError(str(error)), kind)
            return
        if self._attribute.fragments.is_complete:
            self._attribute.fragments.text = self._capture.text if self._keeps else ""
            self._state = ParserState.ATTRIBUTE

    _moves: ClassVar[Moves] = {
        **WrongValueParser._moves,
        ParserState.OPEN: {**WrongValueParser._moves[ParserState.OPEN], TokenType.START_OBJECT: _open_attribute},
        ParserState.VALUE: {
            TokenType.START_ARRAY: _open_values,
            TokenType.NULL: _null_for_value,
            TokenType.STRING: _scalar(_scalar_string),
            TokenType.NUMBER: _scalar(_scalar_number),
            TokenType.TRUE: _scalar(_true_value),
            TokenType.FALSE: _scalar(_false_value),
            TokenType.START_OBJECT: _scalar(_object_value),
            TokenType.STRING_SEGMENT: _scalar(_text_segment),
        },
        ParserState.VR: {
            **for_kinds(WrongValueParser._wrong_vr, _STRUCTURED_KINDS),
            TokenType.STRING: _vr,
            TokenType.NULL: _null_vr,
        },
        ParserState.TEXT: {TokenType.STRING_SEGMENT: _text_segment, TokenType.STRING_END: _text_end},
        ParserState.OBJECT: {TokenType.PROPERTY_NAME: _object_name, TokenType.END_OBJECT: _object_end},
        ParserState.NAME: {TokenType.PROPERTY_NAME: _group_name, TokenType.END_OBJECT: _name_end},
        ParserState.GROUP: {
            **for_kinds(WrongValueParser._wrong_group, _STRUCTURED_KINDS),
            TokenType.STRING: _group_text,
            TokenType.NULL: _null_group,
        },
        ParserState.URI: {
            **for_kinds(WrongValueParser._start_other, _OTHER_KINDS),
            TokenType.STRING: _uri,
            TokenType.NULL: _null_for_value,
            TokenType.START_ARRAY: _start_uri_array,
        },
        ParserState.URI_IN_ARRAY: {
            **for_kinds(WrongValueParser._start_other, _STRUCTURED_KINDS),
            **for_kinds(_uri_in_array, (TokenType.STRING, TokenType.NULL)),
            TokenType.END_ARRAY: _end_uri_array,
        },
        ParserState.URI_END: {
            **for_kinds(WrongValueParser._second_in_array, _ALL_KINDS),
            TokenType.END_ARRAY: _end_uri_array,
        },
        ParserState.BINARY: {
            **for_kinds(WrongValueParser._start_other, _OTHER_KINDS),
            TokenType.STRING: _binary,
            TokenType.STRING_SEGMENT: _binary_segment,
            TokenType.NULL: _null_binary,
            TokenType.START_ARRAY: _start_binary_array,
            TokenType.END_ARRAY: _end_binary_array,
        },
        ParserState.BINARY_PARTS: {TokenType.STRING_SEGMENT: _binary_segment, TokenType.STRING_END: _binary_end},
        ParserState.BINARY_END: {
            **for_kinds(WrongValueParser._second_in_array, _ALL_KINDS),
            TokenType.END_ARRAY: _end_binary_array,
        },
        ParserState.VALUES: {
            TokenType.STRING: _string,
            TokenType.NUMBER: _number,
            TokenType.NULL: _null_value,
            TokenType.TRUE: _true_value,
            TokenType.FALSE: _false_value,
            TokenType.START_OBJECT: _object_value,
            TokenType.START_ARRAY: lambda parser, _: parser._start_other(TokenType.START_ARRAY),
            TokenType.STRING_SEGMENT: _text_segment,
            TokenType.END_ARRAY: _close_values,
        },
        ParserState.FRAGMENTS: for_kinds(_continue_fragments, TokenType),
    }
