"""The JSON text of one element, by ``WriteOptions``, with a cache by tag.

Writers with equal options share the cache. The functions for each VR build the text of an attribute from its start and
at least one value.
"""

from __future__ import annotations

from _json import encode_basestring  # json takes long to import
from collections.abc import Callable
from functools import lru_cache
from math import isfinite
from operator import attrgetter

from streamdicom._cache import BoundedCache
from streamdicom._dictionary import entry_of
from streamdicom._late import late_pattern
from streamdicom._records import NamedTuple
from streamdicom._typing import Any, TypeAlias
from streamdicom.dicom import (
    MAX_TAG,
    NAME_GROUPS,
    UTF_8_TERM,
    VRS,
    Form,
    format_tag,
    keyword,
    keyword_key,
)
from streamdicom.errors import OutputError
from streamdicom.formats.element_rules import (
    ONE_VALUE_VRS,
    SEPARATED_VRS,
    ElementRules,
    check_count,
    check_name,
    element_rules,
    separator_error,
)
from streamdicom.formats.writer import several_binary_values, value_error, vr_info
from streamdicom.jsontext import NUMBER_TEXT, SURROGATE, encode_base64
from streamdicom.options import WriteOptions

MAX_STYLES = 8  # a program uses one or two
_JSON_NUMBER = late_pattern(NUMBER_TEXT)
_JSON_INTEGER = late_pattern("-?(?:0|[1-9][0-9]*)")
_MAX_DOUBLE_LENGTH = 24  # characters, as in -1.7976931348623157e+308
_MAX_EXACT = 2**53  # a double holds every smaller integer exactly

_CHARACTER_SET_VALUE = f'"Value":["{UTF_8_TERM}"]'

Encoder: TypeAlias = Callable[[Any], str]
Attribute: TypeAlias = Callable[[str, tuple[Any, ...]], str]
Known: TypeAlias = tuple[str, str, Attribute]


class _Choices(NamedTuple):
    """The fields of ``WriteOptions`` that the text of an element depends on."""

    number_handling: str
    nonfinite: str
    keys: str
    write_keyword: bool
    write_name: bool
    number_length: int


_choices = attrgetter(*_Choices._fields[:-1], "limits.number_length")


def element_text_of(options: WriteOptions) -> ElementText:
    """Return the shared text builder for the options."""
    return _style(_Choices(*_choices(options)), element_rules(options))


class ElementText:
    """Builds the text of elements.

    Attributes:
        choices: The options that the text depends on.
        rules: The elements to write.
        cache: For each tag, its last VR, the start of its attribute ("" if the element is not written), and the
            function for the rest.
        starts: For each tag, the start of its sequence.
        encoders: For each VR that has values in an array, the function for the text of one value.
    """

    def __init__(self, choices: _Choices, rules: ElementRules) -> None:
        self.choices = choices
        self.rules = rules
        self.cache: BoundedCache[int, Known] = BoundedCache()
        self.starts: BoundedCache[int, str] = BoundedCache()
        self.encoders = _encoders(choices)
        self._attributes = _attributes(self.encoders)

    def compile(self, tag: int, vr: str) -> Known:
        """Add an element to ``cache``."""
        form = vr_info(vr).form
        start = self._start(tag, vr)
        attribute = self._attributes[vr]
        if form is Form.TEXT and self.rules.sets_character_set(tag):
            attribute = _character_set
        return self.cache.remember(tag, (vr, start, attribute))

    def learn_sequence(self, tag: int) -> str:
        """Add a sequence to ``starts``, unless it is not written."""
        start = self._start(tag, "SQ")
        return self.starts.remember(tag, start) if start else start

    def start(self, tag: int, vr: str) -> str:
        """Return the start of an attribute, with its comma; the VR may be ""."""
        return f',"{self.key(tag)}":{{{self.vr(tag, vr) if vr else ""}'

    def _start(self, tag: int, vr: str) -> str:
        return self.start(tag, vr) if self.rules.is_written(tag) else ""

    def key(self, tag: int) -> str:
        """Return the key of an element."""
        keys = self.choices.keys
        name = "" if keys == "tag" else keyword_key(tag, camel=keys == "camel")
        return name or format_tag(tag)

    def vr(self, tag: int, vr: str) -> str:
        """Return the member ``vr`` and the members beside it."""
        members = f'"vr":"{vr}"'
        if self.choices.write_keyword and (text := keyword(tag)):
            members += f',"keyword":{string(text)}'
        if self.choices.write_name and (text := _name(tag)):
            members += f',"name":{string(text)}'
        return members


_style = lru_cache(maxsize=MAX_STYLES)(ElementText)


def _name(tag: int) -> str:
    entry = entry_of(tag)
    return entry.name if entry else ""


# --- attributes ------------------------------------------------------------------------------------------------


def _attribute(encode: Encoder) -> Attribute:
    def attribute(start: str, values: tuple[Any, ...]) -> str:
        try:
            match values:  # a str is no sequence here
                case (value,):
                    text = encode(value)
                case (_, *_):
                    return f'{start},"Value":[{",".join(map(encode, values))}]}}'
                case _:
                    raise TypeError
        except (TypeError, ValueError, AttributeError, OverflowError) as error:
            raise value_error(error) from None
        # PS3.18 F.2.5: an empty attribute has no Value, an empty value among several is null.
        return start + "}" if text == "null" else f'{start},"Value":[{text}]}}'

    return attribute


def _character_set(start: str, values: tuple[Any, ...]) -> str:
    if isinstance(values, str):
        raise TypeError
    return f"{start},{_CHARACTER_SET_VALUE}}}" if any(values) else start + "}"


def _binary(start: str, values: tuple[Any, ...]) -> str:
    if len(values) > 1:
        raise several_binary_values()
    if values[0] is None:
        return start + "}"
    try:
        text = encode_base64(values[0])
    except TypeError as error:
        raise value_error(error) from None
    return f'{start},"InlineBinary":"{text}"}}' if text else start + "}"


def _text_attribute(encode: Encoder) -> Attribute:
    """Return a function for text; faster than the general one for one value."""
    general = _attribute(encode)

    def attribute(start: str, values: tuple[Any, ...]) -> str:
        match values:
            case (value,):
                try:
                    if value and value.isascii() and "\\" not in value:
                        return f'{start},"Value":[{encode_basestring(value)}]}}'
                except (AttributeError, TypeError) as error:
                    raise value_error(error) from None
        return general(start, values)

    return attribute


def _integer_attribute(start: str, values: tuple[Any, ...]) -> str:
    """Build an integer attribute; faster than the general function for one value."""
    if len(values) == 1:
        [value] = values
        if type(value) is int and value.bit_length() <= 64:
            return f'{start},"Value":[{value}]}}'
    return _general_integer_attribute(start, values)


# --- values ----------------------------------------------------------------------------------------------------


def string(text: str) -> str:
    """Return a JSON string.

    Raises:
        OutputError: The text has a lone surrogate.
    """
    if not text.isascii() and SURROGATE.search(text):
        raise OutputError("expected text that UTF-8 can encode, found half of a surrogate pair")
    return encode_basestring(text)


def _null(value: object) -> str:
    """Return null for an empty text; refuse other false values."""
    if value is None or value == "":
        return "null"
    raise TypeError


def _text(value: str | None) -> str:
    """Return the text of a value of a VR that a backslash does not separate."""
    if not value:
        return _null(value)
    return encode_basestring(value) if value.isascii() else string(value)


def _separated_text(value: str | None) -> str:
    if not value:
        return _null(value)
    if "\\" in value:
        raise separator_error()
    return encode_basestring(value) if value.isascii() else string(value)


def _is_number(text: str) -> bool:
    """Return True for a number of JSON.

    A pattern, which takes long to make, decides about unusual text only.
    """
    whole, point, fraction = text.removeprefix("-").partition(".")
    if text.isascii() and whole.isdigit() and (whole[0] != "0" or whole == "0") and (fraction.isdigit() or not point):
        return True
    return _JSON_NUMBER.fullmatch(text) is not None


def _is_integer(text: str) -> bool:
    return _JSON_INTEGER.fullmatch(text) is not None


def _decimal(max_length: int, is_number: Callable[[str], bool]) -> Encoder:
    """Return an encoder to a number if the text is one, else to a string.

    A number longer than ``Limits.number_length`` becomes a string too.
    """

    def decimal(value: str | None) -> str:
        if isinstance(value, str) and 0 < len(value) <= max_length:
            if value.isascii() and value.isdigit() and value[0] != "0":  # the common case
                return value
            if is_number(value):
                return value
        return _separated_text(value)

    return decimal


def _decimal_of_double(max_length: int, is_number: Callable[[str], bool]) -> Encoder:
    """Return an encoder to a number only if a double keeps the text.

    Text that is not a number becomes a string.
    """
    max_length = min(max_length, _MAX_DOUBLE_LENGTH)

    def decimal_of_double(value: str | None) -> str:
        if not value:
            return _null(value)
        if len(value) <= max_length and is_number(value):
            number = float(value)
            if value == repr(number) or (abs(number) < _MAX_EXACT and value == repr(int(number))):
                return value
        return _separated_text(value)

    return decimal_of_double


def _integer(value: int | None) -> str:
    return "null" if value is None else int.__repr__(value)


def _integer_of_double(value: int | None) -> str:
    return _integer(value) if value is None or abs(value) < _MAX_EXACT else _integer_text(value)


def _integer_text(value: int | None) -> str:
    return "null" if value is None else f'"{int.__repr__(value)}"'


def _float(value: float | None) -> str:
    if value is None:
        return "null"
    number = float(value)
    if isfinite(number):
        return repr(number)
    return '"NaN"' if number != number else '"Infinity"' if number > 0 else '"-Infinity"'


def _float_or_null(value: float | None) -> str:
    return "null" if value is None or not isfinite(value) else _float(value)


def _finite_float(value: float | None) -> str:
    if value is not None and not isfinite(value):
        raise OutputError("expected a finite number for JSON, found NaN or an infinity")
    return _float(value)


def _tag(value: int | None) -> str:
    if value is None:
        return "null"
    if not 0 <= value <= MAX_TAG:
        raise OutputError("expected a tag of 32 bits, found another number")
    return f'"{format_tag(value)}"'


_NO_GROUPS = ["", ""]


def _person_name(value: tuple[str, str, str] | None) -> str:
    if value is None:
        return "null"
    if isinstance(value, str):
        raise TypeError
    check_name(value)
    # PS3.18 F.2.2: only the groups that are not empty.
    alphabetic, *others = value
    if alphabetic and others == _NO_GROUPS:  # most names
        return f'{{"Alphabetic":{string(alphabetic)}}}'
    names = zip(NAME_GROUPS, value, strict=True)
    groups = [f'"{name}":{string(text)}' for name, text in names if text or text not in ("", None)]
    return f"{{{','.join(groups)}}}" if groups else "null"


_DECIMALS: dict[str, Callable[[int, Callable[[str], bool]], Encoder]] = {
    "number": _decimal,
    "string": lambda *_: _separated_text,
    "auto": _decimal_of_double,
}
_LONG_INTEGERS: dict[str, Encoder] = {"number": _integer, "string": _integer_text, "auto": _integer_of_double}
_FLOATS: dict[str, Encoder] = {"string": _float, "null": _float_or_null, "error": _finite_float}
_general_integer_attribute = _attribute(_integer)
_FAST: dict[Encoder, Attribute] = {
    _text: _text_attribute(_text),
    _separated_text: _text_attribute(_separated_text),
    _integer: _integer_attribute,
}


def _encoders(choices: _Choices) -> dict[str, Encoder]:
    decimal = _DECIMALS[choices.number_handling]
    forms: dict[Form, Encoder] = {
        Form.TEXT: _text,
        Form.DECIMAL: decimal(choices.number_length, _is_number),
        Form.INTEGER: _integer,
        Form.LONG_INTEGER: _LONG_INTEGERS[choices.number_handling],
        Form.FLOAT: _FLOATS[choices.nonfinite],
        Form.TAG: _tag,
        Form.PERSON_NAME: _person_name,
    }
    encoders = {vr: forms[row.form] for vr, row in VRS.items() if row.form in forms}
    encoders |= {vr: _separated_text for vr in SEPARATED_VRS if encoders[vr] is _text}
    # PS3.5 6.2: a fraction or an exponent is not an IS, and a number would lose its text.
    return encoders | {"IS": decimal(choices.number_length, _is_integer)}


def _attributes(encoders: dict[str, Encoder]) -> dict[str, Attribute]:
    made = {vr: _attribute(encode) for vr, encode in encoders.items()}
    fast = {vr: _FAST[encode] for vr, encode in encoders.items() if encode in _FAST}
    single = {vr: _one_value(vr, made[vr]) for vr in ONE_VALUE_VRS}
    return {vr: _binary for vr, row in VRS.items() if row.form is Form.BINARY} | made | fast | single


def _one_value(vr: str, attribute: Attribute) -> Attribute:
    """Return the function for a VR that has one value."""

    def checked(start: str, values: tuple[Any, ...]) -> str:
        check_count(vr, len(values))
        return attribute(start, values)

    return checked
