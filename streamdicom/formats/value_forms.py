"""Forms of values beside the standard ones, which JSON and XML share.

Both formats have values as text, so such a form has one meaning and one code in both.
"""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from sys import float_info

from streamdicom._late import late_pattern
from streamdicom._typing import TypeAlias
from streamdicom.dicom import (
    DECODERS,
    MAX_SINGLE,
    SPLITTERS,
    VRS,
    Form,
    decimal_string,
    is_in_range,
    is_integer_string,
    is_single,
    parse_tag_in_any_form,
    split_name,
    whole_number,
)
from streamdicom.events import PersonName, Value

Report: TypeAlias = Callable[[str, str], None]
"""Called with the code and the message of a deviation."""

_NONFINITE = late_pattern(r"(?i)([+-]?)(nan|inf|infinity|1\.#inf|1\.#qnan|1\.#ind)")

SINGLE_VRS = frozenset(vr for vr, row in VRS.items() if row.form is Form.TEXT and not row.multiple)
"""The VRs of one value, in which a backslash is a character like any other (PS3.5 6.2)."""


INEXACT_NUMBER = "inexact-number", "expected a number that 32 bits hold for VR FL, found one of more digits"


class WrongValueError(Exception):
    """A value that cannot be one of its VR."""


def split_groups(groups: PersonName) -> PersonName:
    """Split the component groups of a name, the last of which has several.

    A third "=" and the text after it stay in the third group, as in a file. Empty groups at the end are left out.

    Raises:
        WrongValueError: A group before the last has several, or there are several names.

    >>> split_groups(("a=b==", "", "")), split_groups(("a=b=c=d=", "", "")), split_groups(("a", "b=c", ""))
    (('a', 'b', ''), ('a', 'b', 'c=d'), ('a', 'b', 'c'))
    """
    if any("\\" in group for group in groups):
        raise WrongValueError("expected one name in the component groups, found several")
    if any("=" in group and any(groups[number:]) for number, group in enumerate(groups, 1)):
        raise WrongValueError("expected one component group before others in a person name, found several")
    alphabetic, ideographic, phonetic = split_name("=".join(groups))
    return alphabetic, ideographic, phonetic.rstrip("= ") if "=" in phonetic else phonetic


# --- other forms; the functions raise ValueError or ArithmeticError if the text has none of them --------------


def nonfinite(text: str) -> float | None:
    """Return NaN or an infinity in any spelling, or None for another text.

    >>> nonfinite("-1.#INF"), nonfinite("1")
    (-inf, None)
    """
    match = _NONFINITE.fullmatch(text)
    if match is None:
        return None
    if match[2].lower() not in ("inf", "infinity", "1.#inf"):
        return float("nan")
    return float("-inf") if match[1] == "-" else float("inf")


def odd_float(vr: str, text: str, report: Report) -> float:
    """Return a number that FL or FD does not have in this form, and report it."""
    number = float(decimal_string(text))
    if not isfinite(number):
        raise ValueError
    if abs(number) == float_info.max:
        report("largest-double", "expected a smaller number, found the largest double, which may stand for infinity")
    elif vr == "FL" and not is_single(number):
        if abs(number) >= MAX_SINGLE:
            report_out_of_range(vr, report)
        else:
            report(*INEXACT_NUMBER)
    return number


def odd_decimal_string(vr: str, text: str, report: Report) -> str:
    """Return the text of a DS or an IS that has another form, and report it."""
    if vr == "IS" and is_integer_string(text):
        report_out_of_range(vr, report)
    elif vr == "IS" and _is_whole_number(text):
        report("integer-fraction", "expected an integer for VR IS, found a fraction or an exponent")
    else:
        report("not-a-number", f"expected a number for VR {vr}, found other text")
    return text


def _is_whole_number(text: str) -> bool:
    try:
        whole_number(text)
    except (ValueError, ArithmeticError):
        return False
    return True


def odd_tag(text: str, report: Report) -> int:
    """Return a tag in another form than eight digits, and report it."""
    tag = parse_tag_in_any_form(text)
    report("tag-value-form", "expected eight upper-case hexadecimal digits for a tag, found another form")
    return tag


def report_range(vr: str, number: int, report: Report) -> None:
    """Report an integer that is out of the range of its VR."""
    if not is_in_range(vr, number):
        report_out_of_range(vr, report)


def report_out_of_range(vr: str, report: Report) -> None:
    """Report a number that is out of the range of its VR."""
    report("out-of-range", f"expected a number in the range of VR {vr}, found another number")


# --- elements --------------------------------------------------------------------------------------------------


def in_one_if_single(vr: str, values: list[Value], report: Report) -> tuple[Value, ...]:
    """Return the values; join several of a VR of one value and report them."""
    if len(values) > 1 and vr in SINGLE_VRS:
        report("several-values", f"expected one value for VR {vr}, found several")
        return ("\\".join([str(value or "") for value in values]),)
    return tuple(values)


def from_value_field(vr: str, data: bytes) -> tuple[Value, ...]:
    r"""Return the values of a Value Field in little endian, with text in UTF-8.

    Raises:
        WrongValueError: The bytes are not a Value Field of the VR.

    >>> from_value_field("US", b"\1\0")
    (1,)
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
        raise WrongValueError(f"expected a Value Field of VR {vr} in InlineBinary, found other bytes")
    return values
