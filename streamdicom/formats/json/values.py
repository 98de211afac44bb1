"""JSON values to the values of a data element, by VR (PS3.18 F.2.3).

``PARSERS`` has the forms of the standard. ``values_of`` also accepts other forms, and reports each by its code.
"""

from __future__ import annotations

from _json import encode_basestring  # json takes long to import
from collections.abc import Callable, Iterable, Mapping, Sequence
from sys import float_info

from streamdicom._late import late_pattern
from streamdicom._typing import Any
from streamdicom.dicom import (
    INTEGER_RANGES,
    MAX_TAG,
    NAME_GROUPS,
    VRS,
    Form,
    decimal_string,
    integer_string,
    is_single,
    parse_tag,
    split_name,
    whole_number,
)
from streamdicom.errors import InputError
from streamdicom.events import PersonName, Value
from streamdicom.formats.json.habits import EMPTY_NAME, EMPTY_STRING, number_as_string
from streamdicom.formats.value_forms import (
    SINGLE_VRS,
    Report,
    WrongValueError,
    in_one_if_single,
    nonfinite,
    odd_decimal_string,
    odd_float,
    odd_tag,
    report_range,
    split_groups,
)
from streamdicom.jsontext import TokenType

_STRING = int(TokenType.STRING)
_NUMBER = int(TokenType.NUMBER)
_NULL = int(TokenType.NULL)
NAME = int(TokenType.START_OBJECT)  # the kind of a person name
EMPTY_OBJECT = ("", "", "")  # known by its identity: it may be an item
OTHER = int(TokenType.START_ARRAY)  # the kind of a value that fits no VR, as JSON text, empty if it was too long
WRONG_NAME = int(TokenType.END_OBJECT)  # the kind of a person name with a group that is no text, as JSON text

Held = tuple[int, Any]
"""A JSON value that is held until the VR is known: the type and the text of its token, or NAME and the groups."""

_INTEGER = late_pattern(r"[+-]?[0-9]+")
_NONFINITE = frozenset({"NaN", "Infinity", "-Infinity"})  # of CP-2352
_NUMBER_AS_TEXT = {  # the numbers that stand for one text only
    **dict.fromkeys(("LO", "LT", "SH", "ST", "UC", "UT"), late_pattern("-?[0-9]+")),
    "DA": late_pattern("[0-9]{8}"),
    "TM": late_pattern("[0-9]{6}"),
}


def _integer_of(vr: str) -> Callable[[str], int]:
    """Return the parser of a JSON number for an integer VR."""
    least, greatest = INTEGER_RANGES[vr]

    def integer(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = whole_number(text)
        if not least <= number <= greatest:
            raise ValueError
        return number

    return integer


def _integer_in_string_of(vr: str) -> Callable[[str], int]:
    """Return the parser of a JSON string for an integer VR (CP-1889)."""
    make = _integer_of(vr)

    def integer(text: str) -> int:
        if not _INTEGER.fullmatch(text):
            raise ValueError
        return make(text)

    return integer


def _decimal_number(text: str) -> str:
    if text[-1] in "Nny":  # NaN and infinities, which a lenient tokenizer accepts
        raise ValueError
    return text


def _float(text: str) -> float:
    number = float(text)
    if not -float_info.max < number < float_info.max:
        raise ValueError
    return number


def _single(text: str) -> float:
    number = float(text)
    if not is_single(number):
        raise ValueError
    return number


def _name(groups: PersonName) -> PersonName:
    text = "".join(groups)
    if not text or "=" in text or "\\" in text or ("\0" in text and _are_padded(groups)):
        raise ValueError
    return groups


def _are_padded(groups: PersonName) -> bool:
    return any(group.endswith("\0") for group in groups)


def _nothing(_: str) -> None:
    return None


# ``str`` stands for text that is a value as it is.
_FORMS: dict[Form, dict[int, Callable[[Any], Value]]] = {
    Form.TEXT: {_STRING: str},
    Form.DECIMAL: {_STRING: decimal_string, _NUMBER: _decimal_number},
    Form.INTEGER: {},  # one for each VR, below
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
"""For each VR, the parser of each kind of JSON value that the standard has."""

PARSERS["IS"] = {_STRING: integer_string, _NUMBER: integer_string, _NULL: _nothing}
PARSERS["FL"][_NUMBER] = _single
for _vr, _row in VRS.items():
    if _row.form in (Form.INTEGER, Form.LONG_INTEGER):
        PARSERS[_vr][_NUMBER] = _integer_of(_vr)
    if _row.form is Form.LONG_INTEGER:
        PARSERS[_vr][_STRING] = _integer_in_string_of(_vr)


TEXT_VRS = frozenset(vr for vr, parsers in PARSERS.items() if parsers.get(_STRING) is str)
"""The VRs of which any string is a value as it is."""


def report_base64(report: Report) -> None:
    """Report base64 in another form."""
    report("base64-form", "expected base64 of RFC 4648, section 4, found it in another form")


# --- other forms -----------------------------------------------------------------------------------------------


def values_of(
    vr: str, held: list[Held], report: Report, reject: Callable[[str], None] | None = None
) -> tuple[Value, ...]:
    """Return the values of a data element, in any form.

    Args:
        vr: A VR other than SQ.
        held: At least one value.
        report: Called for each deviation.
        reject: Called for a value that cannot be right, which becomes an empty value. Without it an error is raised.

    Raises:
        WrongValueError: A value cannot be a value of its VR.
    """
    values: list[Value] = []
    parsers = PARSERS[vr]
    for kind, text in held:
        if kind != _STRING or (text and text[-1] != "\0" and "\\" not in text):
            try:
                values.append(parsers[kind](text))
                continue
            except (KeyError, ValueError, ArithmeticError):  # another form
                pass
        for part in _parts(vr, kind, text, report):
            try:
                values.append(None if part is None else _value(vr, kind, part, report))
            except WrongValueError as error:
                if reject is None:
                    raise
                reject(str(error))
                values.append(None)
    return in_one_if_single(vr, values, report)


def _parts(vr: str, kind: int, text: Any, report: Report) -> Sequence[Any]:
    """Return the texts that a value consists of; an empty one is None."""
    if kind == NAME:
        if _are_padded(text):
            report("padding", "expected text for VR PN, found NUL at its end")
            text = tuple([group.rstrip("\0") for group in text])
        return _names_in_one(text, report)
    if kind != _STRING or (text and text[-1] != "\0" and "\\" not in text) or VRS[vr].form is Form.BINARY:
        return (text,)
    if text.endswith("\0"):
        report("padding", f"expected text for VR {vr}, found NUL at its end")
        text = text.rstrip("\0")
    elif not text:
        report(*EMPTY_STRING)
    if "\\" not in text or vr in SINGLE_VRS:
        return (text or None,)
    report("backslash", "expected an array of values, found a backslash between values")
    return [part.rstrip("\0") or None for part in text.split("\\")]


def _names_in_one(groups: PersonName, report: Report) -> Sequence[PersonName | None]:
    alphabetic, *others = groups
    if "\\" not in alphabetic or any(others):
        return (groups,)
    report("backslash", "expected an array of person names, found a backslash between names")
    return [(part, "", "") if part else None for part in alphabetic.split("\\")]


def _value(vr: str, kind: int, text: Any, report: Report) -> Value:
    parse = PARSERS[vr].get(kind)
    if parse is not None:
        try:
            return parse(text)
        except (ValueError, ArithmeticError):
            pass
    return _other_value(vr, kind, text, report)


def _other_value(vr: str, kind: int, text: Any, report: Report) -> Value:
    form = VRS[vr].form
    if kind == _NUMBER and form is not Form.FLOAT and nonfinite(text) is not None:
        return _value(vr, _STRING, text, report)  # the tokenizer has reported it
    other = _OTHER_FORMS.get((form, kind))
    if other is not None:
        try:
            return other(vr, text, report)
        except InputError:
            raise
        except (ValueError, ArithmeticError):
            pass
    found = _INVALID_KINDS[kind] if kind in PARSERS[vr] else _KINDS[kind]
    raise WrongValueError(f"expected {_EXPECTED[form]} for VR {vr}, found {found}")


def _odd_decimal_number(vr: str, text: str, report: Report) -> str:
    if vr != "IS" or _INTEGER.fullmatch(text):
        return odd_decimal_string(vr, text, report)
    try:
        integer = whole_number(text)
    except (ValueError, ArithmeticError):
        return odd_decimal_string(vr, text, report)
    report("integer-fraction", "expected an integer for VR IS, found a fraction or an exponent")
    report_range(vr, integer, report)
    return str(integer)


def _integer_as_string(vr: str, text: str, report: Report) -> int:
    number = whole_number(text)
    if VRS[vr].form is Form.INTEGER or not _INTEGER.fullmatch(text):  # CP-1889 allows strings for SV and UV
        report(*number_as_string(vr))
    report_range(vr, number, report)
    return number


def _integer_out_of_range(vr: str, text: str, report: Report) -> int:
    number = whole_number(text)
    report_range(vr, number, report)
    return number


def _float_as_string(vr: str, text: str, report: Report) -> float:
    number = nonfinite(text)
    if number is not None:
        if text in _NONFINITE:
            report("nonfinite", "expected a finite number, found NaN or Infinity as a string")
        else:
            report("nonfinite-spelling", "expected a finite number, found NaN or Infinity in a spelling of its own")
        return number
    number = odd_float(vr, text, report)
    report(*number_as_string(vr))
    return number


def _float_number(vr: str, text: str, report: Report) -> float:
    number = nonfinite(text)  # the tokenizer has reported it
    return odd_float(vr, text, report) if number is None else number


def _tag_in_other_form(vr: str, text: str, report: Report) -> int:
    return odd_tag(text, report)


def _tag_as_number(vr: str, text: str, report: Report) -> int:
    number = int(text)
    if not 0 <= number <= MAX_TAG:
        raise ValueError
    report("tag-as-number", f"expected a tag of eight hexadecimal digits for VR {vr}, found a number")
    return number


def _number_as_text(vr: str, text: str, report: Report) -> str:
    pattern = _NUMBER_AS_TEXT.get(vr)
    if pattern is None or not pattern.fullmatch(text):
        raise ValueError
    report("number-for-text", f"expected a string for VR {vr}, found a number")
    return text


def _name_as_string(vr: str, text: str, report: Report) -> PersonName | None:
    groups = _split(text)
    report("name-as-string", "expected an object for VR PN, found a string")
    return groups if any(groups) else None


def _groups_in_one(vr: str, groups: PersonName, report: Report) -> PersonName | None:
    if not any(groups):
        report(*EMPTY_NAME)
        return None
    name = split_groups(groups)
    report("name-groups-in-one", "expected one component group for each member of a person name, found several in one")
    return name if any(name) else None


def _split(text: str) -> PersonName:
    if text.count("=") > len(NAME_GROUPS) - 1:
        raise ValueError
    return split_name(text)


_OTHER_FORMS: dict[tuple[Form, int], Callable[[str, Any, Report], Value]] = {
    (Form.TEXT, _NUMBER): _number_as_text,
    (Form.DECIMAL, _STRING): odd_decimal_string,
    (Form.DECIMAL, _NUMBER): _odd_decimal_number,
    (Form.INTEGER, _NUMBER): _integer_out_of_range,
    (Form.LONG_INTEGER, _NUMBER): _integer_out_of_range,
    (Form.INTEGER, _STRING): _integer_as_string,
    (Form.LONG_INTEGER, _STRING): _integer_as_string,
    (Form.FLOAT, _STRING): _float_as_string,
    (Form.FLOAT, _NUMBER): _float_number,
    (Form.TAG, _STRING): _tag_in_other_form,
    (Form.TAG, _NUMBER): _tag_as_number,
    (Form.PERSON_NAME, _STRING): _name_as_string,
    (Form.PERSON_NAME, NAME): _groups_in_one,
}

_EXPECTED: dict[Form, str] = {
    Form.TEXT: "a string",
    Form.DECIMAL: "a number or a string",
    Form.INTEGER: "an integer",
    Form.LONG_INTEGER: "an integer",
    Form.FLOAT: "a number",
    Form.TAG: "a string of eight hexadecimal digits",
    Form.PERSON_NAME: "an object of component groups",
    Form.BINARY: "'InlineBinary' or 'BulkDataURI'",
    Form.SEQUENCE: "items",
}
_KINDS = {
    _STRING: "a string",
    _NUMBER: "a number",
    _NULL: "null",
    NAME: "an object",
    OTHER: "an array, an object or a literal",
    WRONG_NAME: "a component group that is not a string",
}
_INVALID_KINDS = {_STRING: "another string", _NUMBER: "another number", NAME: "another object"}


# --- JSON text ------------------------------------------------------------------------------------------------


def json_values(held: Iterable[Held], names: Mapping[int, str]) -> str | None:
    """Return the JSON text of an array of values, or None if a value was too long.

    Args:
        held: The values.
        names: The JSON text of some person names, by their index.
    """
    texts = [names.get(index) or _json_value(kind, text) for index, (kind, text) in enumerate(held)]
    return None if "" in texts else f"[{','.join(texts)}]"


def json_name(groups: Mapping[str, str | None]) -> str:
    """Return the JSON text of a person name with some component groups.

    >>> json_name({"Ideographic": None, "Alphabetic": "a"})
    '{"Ideographic":null,"Alphabetic":"a"}'
    """
    members = [f'"{name}":{"null" if text is None else encode_basestring(text)}' for name, text in groups.items()]
    return f"{{{','.join(members)}}}"


def must_precede_vr(vr: str, held: Iterable[Held]) -> bool:
    """Return True if an object would be an item or a name after this ``vr``."""
    kinds = {"SQ": (NAME, WRONG_NAME), "PN": ()}.get(vr)
    return kinds is not None and any(kind in kinds or (kind == OTHER and text[:1] == "{") for kind, text in held)


def _json_value(kind: int, text: Any) -> str:
    if kind == _STRING:
        return encode_basestring(text)
    if kind == _NULL:
        return "null"
    if kind == NAME:
        return json_name({name: group for name, group in zip(NAME_GROUPS, text, strict=True) if group})
    if kind == _NUMBER and nonfinite(text) is not None:
        return f'"{text}"'
    return str(text)
