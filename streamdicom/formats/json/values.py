"""JSON values to the values of a data element, by VR (PS3.18 F.2.3).

``convert`` takes what the standard has, and fast; ``take`` looks at the same values one by one and knows the other
forms too, each of which it tells by its code.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from json.encoder import encode_basestring
from math import isfinite
from struct import calcsize
from sys import float_info
from typing import Any

from streamdicom.dicom import (
    DECODERS,
    NAME_GROUPS,
    SPLITTERS,
    VRS,
    Form,
    parse_tag,
    parse_tag_in_any_form,
    split_name,
)
from streamdicom.errors import InputError
from streamdicom.events import PersonName, Value
from streamdicom.jsontext import TokenType

_STRING = int(TokenType.STRING)
_NUMBER = int(TokenType.NUMBER)
_NULL = int(TokenType.NULL)
NAME = int(TokenType.START_OBJECT)  # stands for a whole person name
OTHER = int(TokenType.START_ARRAY)  # stands for what no VR has; its text is JSON, or empty if that was too long

Held = tuple[int, Any]
"""A value as it came: the kind and the text of its token. A person name has NAME and its groups."""

Deviate = Callable[[str, str], None]

_INTEGER = re.compile(r"[+-]?[0-9]+")
_INTEGER_STRING = re.compile(r" *[+-]?[0-9]+ *")  # PS3.5 6.2
_DECIMAL_STRING = re.compile(r" *[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)? *")
_NONFINITE = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}
_NONFINITE_SPELLING = re.compile(r"(?i)([+-]?)(nan|inf|infinity|1\.#inf|1\.#qnan|1\.#ind)")
_MOST_DIGITS = 20  # of 64 bits


class WrongValueError(Exception):
    """A value that cannot be one of its VR."""


def convert(vr: str, held: list[Held]) -> tuple[Value, ...] | None:
    """The values of a data element; None if they are not of the form that the standard has.

    Args:
        vr: A VR that is no sequence.
        held: One value at least.
    """
    parsers = PARSERS[vr]
    try:
        if len(held) == 1:  # as most are
            [(kind, text)] = held
            parse = parsers[kind]
            if parse is str:
                return (text,) if text and "\\" not in text else None
            value = parse(text)
            return None if value is None else (value,)  # PS3.18 F.2.5: an empty attribute has no Value
        values = tuple([text if (parse := parsers[kind]) is str else parse(text) for kind, text in held])
        has_backslash = parsers.get(_STRING) is str and any("\\" in text for _, text in held)
        return None if has_backslash or "" in values else values
    except (KeyError, ValueError, ArithmeticError):
        return None


def _integer(text: str) -> int:
    """An integer from the text of a JSON number, which may have a fraction of zero or an exponent."""
    try:
        return int(text)
    except ValueError:
        from decimal import Decimal  # which takes a tenth of this package's time to import, and is rarely needed

        number = Decimal(text)
        if number == 0:
            return 0
        if not number.is_finite() or number.adjusted() > _MOST_DIGITS or number != number.to_integral_value():
            raise
        return int(number)


def _range(vr: str) -> tuple[int, int]:
    """The least and the greatest integer of a VR (PS3.5 6.2)."""
    code = VRS[vr].code
    bits = 8 * calcsize(f"<{code}")
    return (-(1 << bits - 1), (1 << bits - 1) - 1) if code.islower() else (0, (1 << bits) - 1)


def _integer_of(vr: str) -> Callable[[str], int]:
    """What makes an integer of the text of a JSON number."""
    least, greatest = _range(vr)

    def integer(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = _integer(text)
        if not least <= number <= greatest:
            raise ValueError
        return number

    return integer


def _integer_in_string_of(vr: str) -> Callable[[str], int]:
    """The same of a JSON string (CP-1889)."""
    make = _integer_of(vr)

    def integer(text: str) -> int:
        if not _INTEGER.fullmatch(text):
            raise ValueError
        return make(text)

    return integer


def _decimal_string(text: str) -> str:
    if not _DECIMAL_STRING.fullmatch(text):
        raise ValueError
    return text


def _decimal_number(text: str) -> str:
    if text[-1] in "Nny":  # NaN and infinities, which the tokenizer may have let pass
        raise ValueError
    return text


def _integer_string(text: str) -> str:
    if not (text.isascii() and text.isdigit()) and not _INTEGER_STRING.fullmatch(text):
        raise ValueError
    return text


def _float(text: str) -> float:
    number = float(text)
    if not -float_info.max < number < float_info.max:
        raise ValueError
    return number


def _name(groups: PersonName) -> PersonName:
    text = "".join(groups)
    if not text or "=" in text:
        raise ValueError
    return groups


def _nothing(_: str) -> None:
    return None


# str: the text as it is.
_FORMS: dict[Form, dict[int, Callable[[Any], Value]]] = {
    Form.TEXT: {_STRING: str},
    Form.DECIMAL: {_STRING: _decimal_string, _NUMBER: _decimal_number},
    Form.INTEGER: {},  # of each VR its own
    Form.LONG_INTEGER: {},
    Form.FLOAT: {_NUMBER: _float},
    Form.TAG: {_STRING: parse_tag},
    Form.PERSON_NAME: {NAME: _name},
    Form.BINARY: {},
    Form.SEQUENCE: {},
}

PARSERS: dict[str, dict[int, Callable[[Any], Value]]] = {
    vr: {**_FORMS[row.form], **({} if row.form in (Form.BINARY, Form.SEQUENCE) else {_NULL: _nothing})}
    for vr, row in VRS.items()
}
"""For each VR, how a value is made from each kind of JSON value that may stand for it."""

PARSERS["IS"] = {_STRING: _integer_string, _NUMBER: _integer_string, _NULL: _nothing}
for _vr, _row in VRS.items():
    if _row.form in (Form.INTEGER, Form.LONG_INTEGER):
        PARSERS[_vr][_NUMBER] = _integer_of(_vr)
    if _row.form is Form.LONG_INTEGER:
        PARSERS[_vr][_STRING] = _integer_in_string_of(_vr)


# --- the other forms -------------------------------------------------------------------------------------------


def take(vr: str, held: list[Held], deviate: Deviate, wrong: Callable[[str], None] | None = None) -> tuple[Value, ...]:
    """The values of a data element, whatever form they have.

    Args:
        vr: A VR that is no sequence.
        held: One value at least.
        deviate: Called with the code and the message of each departure from the standard.
        wrong: Called for a value that cannot be right, which is empty then. Without it the error is raised.

    Raises:
        WrongValueError: A value cannot be one of its VR.
    """
    values: list[Value] = []
    separates = VRS[vr].form is Form.TEXT and VRS[vr].multiple
    for kind, text in held:
        if separates and kind == _STRING and "\\" in text:
            deviate("backslash", "a backslash in a value, which separates values")
            values += [part or None for part in text.split("\\")]
            continue
        try:
            values.append(_value(vr, kind, text, deviate))
        except WrongValueError as error:
            if wrong is None:
                raise
            wrong(str(error))
            values.append(None)
    return tuple(values)


def _value(vr: str, kind: int, text: Any, deviate: Deviate) -> Value:
    parse = PARSERS[vr].get(kind)
    form = VRS[vr].form
    if kind == _STRING and not text and form is not Form.BINARY:
        deviate("empty-string", "an empty string for an empty value")
        return None
    if parse is not None:
        try:
            return parse(text)
        except (ValueError, ArithmeticError):
            pass
    other = _OTHER_FORMS.get((form, kind))
    if other is None:
        raise WrongValueError(f"{_KINDS[kind]} for VR {vr}" if parse is None else f"not a value of VR {vr}")
    try:
        return other(vr, text, deviate)
    except InputError:
        raise
    except (ValueError, ArithmeticError):
        raise WrongValueError(f"{_KINDS[kind]} for VR {vr}" if parse is None else f"not a value of VR {vr}") from None


def _odd_decimal(vr: str, text: str, deviate: Deviate) -> str:
    integer = _whole(text) if vr == "IS" else None
    if integer is None:
        deviate("not-a-number", f"not a number of VR {vr}")
        return text
    deviate("integer-fraction", "an IS with a fraction or an exponent")
    return str(integer)


def _whole(text: str) -> int | None:
    try:
        return _integer(_decimal_string(text).strip(" "))
    except (ValueError, ArithmeticError):
        return None


def _integer_as_string(vr: str, text: str, deviate: Deviate) -> int:
    number = _integer(_decimal_string(text).strip(" "))
    if VRS[vr].form is Form.INTEGER or not _INTEGER.fullmatch(text):  # SV and UV may be strings as CP-1889 has it
        deviate("number-as-string", f"a string for VR {vr}")
    _tell_range(vr, number, deviate)
    return number


def _integer_out_of_range(vr: str, text: str, deviate: Deviate) -> int:
    number = _integer(text)
    _tell_range(vr, number, deviate)
    return number


def _tell_range(vr: str, number: int, deviate: Deviate) -> None:
    least, greatest = _range(vr)
    if not least <= number <= greatest:
        deviate("out-of-range", f"a number that VR {vr} cannot hold")


def _float_as_string(vr: str, text: str, deviate: Deviate) -> float:
    nonfinite = _NONFINITE.get(text)
    if nonfinite is not None:
        deviate("nonfinite", "no number, which JSON has nothing for")
        return nonfinite
    match = _NONFINITE_SPELLING.fullmatch(text)
    if match:
        deviate("nonfinite-spelling", "no number, in a spelling of its own")
        return _nonfinite(match)
    number = _odd_number(text, deviate)
    deviate("number-as-string", f"a string for VR {vr}")
    return number


def _float_number(vr: str, text: str, deviate: Deviate) -> float:
    match = _NONFINITE_SPELLING.fullmatch(text)  # which the tokenizer has told of
    return _nonfinite(match) if match else _odd_number(text, deviate)


def _nonfinite(match: re.Match[str]) -> float:
    if match[2].lower() not in ("inf", "infinity", "1.#inf"):
        return float("nan")
    return float("-inf") if match[1] == "-" else float("inf")


def _odd_number(text: str, deviate: Deviate) -> float:
    number = float(_decimal_string(text))
    if not isfinite(number):
        raise ValueError
    if abs(number) == float_info.max:
        deviate("largest-double", "the largest double, which may stand for infinity")
    return number


def _tag_in_other_form(vr: str, text: str, deviate: Deviate) -> int:
    tag = parse_tag_in_any_form(text)
    deviate("tag-value-form", "a tag that is not eight upper-case hexadecimal digits")
    return tag


def _name_as_string(vr: str, text: str, deviate: Deviate) -> PersonName | None:
    groups = _split(text)
    deviate("name-as-string", "a string for VR PN")
    return groups if any(groups) else None


def _groups_in_one(vr: str, groups: PersonName, deviate: Deviate) -> PersonName | None:
    alphabetic, ideographic, phonetic = groups
    if not any(groups):
        deviate("empty-name", "a person name without component groups")
        return None
    deviate("name-groups-in-one", "several component groups within one")
    if ideographic or phonetic or alphabetic.count("=") >= len(NAME_GROUPS):  # more groups than exist
        return groups
    split = _split(alphabetic)
    return split if any(split) else None


def _split(text: str) -> PersonName:
    if text.count("=") > len(NAME_GROUPS) - 1:
        raise ValueError
    return split_name(text)


_OTHER_FORMS: dict[tuple[Form, int], Callable[[str, Any, Deviate], Value]] = {
    (Form.DECIMAL, _STRING): _odd_decimal,
    (Form.DECIMAL, _NUMBER): _odd_decimal,
    (Form.INTEGER, _NUMBER): _integer_out_of_range,
    (Form.LONG_INTEGER, _NUMBER): _integer_out_of_range,
    (Form.INTEGER, _STRING): _integer_as_string,
    (Form.LONG_INTEGER, _STRING): _integer_as_string,
    (Form.FLOAT, _STRING): _float_as_string,
    (Form.FLOAT, _NUMBER): _float_number,
    (Form.TAG, _STRING): _tag_in_other_form,
    (Form.PERSON_NAME, _STRING): _name_as_string,
    (Form.PERSON_NAME, NAME): _groups_in_one,
}

_KINDS = {
    _STRING: "a string",
    _NUMBER: "a number",
    _NULL: "null",
    NAME: "an object",
    OTHER: "neither a string nor a number",
}


def from_value_field(vr: str, data: bytes) -> tuple[Value, ...]:
    """The values of a value field in little endian, whose text is in UTF-8.

    Raises:
        WrongValueError: The bytes are no such value field.
    """
    if not data:
        return ()
    values = DECODERS[vr](data, True)
    if values is None and vr in SPLITTERS:
        try:
            values = SPLITTERS[vr](data.decode())
        except UnicodeDecodeError:
            values = None
    if values is None:
        raise WrongValueError(f"'InlineBinary' that is no value field of VR {vr}")
    return values


# --- as it came ------------------------------------------------------------------------------------------------


def json_values(held: Iterable[Held]) -> str | None:
    """The JSON text of an array of values; None if one of them was too long to be held."""
    texts = [_json_value(kind, text) for kind, text in held]
    return None if "" in texts else f"[{','.join(texts)}]"


def _json_value(kind: int, text: Any) -> str:
    if kind == _STRING:
        return encode_basestring(text)
    if kind == _NULL:
        return "null"
    if kind == NAME:
        groups = [
            f'"{name}":{encode_basestring(group)}' for name, group in zip(NAME_GROUPS, text, strict=True) if group
        ]
        return f"{{{','.join(groups)}}}"
    if kind == _NUMBER and _NONFINITE_SPELLING.fullmatch(text):
        return f'"{text}"'
    return str(text)
