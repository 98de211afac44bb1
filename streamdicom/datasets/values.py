"""Values of pydicom elements to values of events.

``SIMPLE`` serves the innermost loop in the common cases: a function for each VR and each usual type of its value.
``values_of`` converts all other values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set, Sized
from decimal import Decimal
from numbers import Real
from operator import index as as_integer

from pydicom.multival import MultiValue
from pydicom.uid import UID
from pydicom.valuerep import IS, DSfloat, PersonName

from streamdicom._typing import Any
from streamdicom.converters import dicom_text
from streamdicom.dicom import DECODERS, ITEM_TAG_BYTES, VRS, Form, split_name
from streamdicom.errors import OutputError
from streamdicom.events import Value
from streamdicom.limits import Limits

MAX_LENGTH = Limits().segment_size
MAX_VALUES = Limits().values_per_event

_KEEP_NUL = frozenset({"AE", "UR"})  # VRs of which pydicom does not strip NUL at the end, which is padding of other VRs


def values_of(vr: str, value: Any) -> tuple[Any, ...]:
    """Return the values of an element in the types that events have.

    Raises:
        OutputError: The value does not fit the VR.
    """
    try:
        return _convert(vr, value)
    except (TypeError, ValueError, ArithmeticError, AttributeError):
        raise OutputError(f"expected a value of VR {vr}, found {_type_name(value)}") from None


def _type_name(value: Any) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        parts = sorted({type(part).__name__ for part in value})
        return f"{type(value).__name__} of {' and '.join(parts)}"
    return type(value).__name__


def _convert(vr: str, value: Any) -> tuple[Any, ...]:
    if value is None or (isinstance(value, Sized) and not len(value)):
        return ()
    form = VRS[vr].form
    if form is Form.BINARY:
        if not isinstance(value, bytes | bytearray | memoryview):
            raise TypeError("expected bytes")
        return (bytes(value),)
    if isinstance(value, bytes) and VRS[vr].code:
        values = DECODERS[vr](value, True)
        if values is None:
            raise ValueError("an incomplete number")
        return values
    make = _as_unpadded if vr in _KEEP_NUL else _MAKERS[form]
    if not _is_several(value):
        return (make(value),)
    return tuple([None if part is None else make(part) for part in value])


def _is_several(value: Any) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, _SINGLE)


def kept_value(value: Any) -> tuple[str, str | bytes] | None:
    r"""Return the VR and the value of an element whose values do not fit its VR.

    Returns:
        Text with a backslash between values, or bytes; None for objects that are neither text nor numbers.

    >>> kept_value(["a", 5, None]), kept_value(b"\5"), kept_value(object())
    (('UT', 'a\\5\\'), ('UN', b'\x05'), None)
    """
    if isinstance(value, bytes | bytearray | memoryview):
        return "UN", bytes(value)
    try:
        texts = [_kept_text(part) for part in (value if _is_several(value) else (value,))]
    except (TypeError, ValueError):
        return None
    return "UT", "\\".join(texts)


def _kept_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str | bytes):
        return _string(value)
    return str(value) if isinstance(value, Real | Decimal | PersonName) else _as_text(value)


def _string(value: str | bytes) -> str:
    # The ``str`` of an Enum member that is a string may be another text.
    return str.__str__(value) if isinstance(value, str) else value.decode("ascii")


def _as_text(value: Any) -> str:
    if isinstance(value, str | bytes):
        return _string(value)
    return str(value) if hasattr(value, "original_string") else dicom_text(value)  # pydicom's dates, and Python's


def _as_unpadded(value: Any) -> str:
    return _as_text(value).rstrip("\0")


def _as_decimal(value: Any) -> str:
    if isinstance(value, str | bytes):
        return _string(value)
    if not isinstance(value, Real | Decimal) or isinstance(value, bool):
        raise TypeError("expected a number")
    return getattr(value, "original_string", None) or str(value)  # the ``str`` may be shorter


def _as_number(value: Any) -> int | None:
    return None if value == "" else as_integer(value)


def _as_float(value: Any) -> float | None:
    return None if value == "" else float(value)


def _as_name(value: Any) -> tuple[str, str, str]:
    if isinstance(value, str | bytes):
        return split_name(_string(value))
    if not isinstance(value, PersonName):
        raise TypeError("expected a name")
    return split_name(str(value))


# The common cases. A function returns None for a value that needs ``values_of``.


def _no_values(value: None) -> tuple[Value, ...]:
    return ()


def _one(value: Any) -> tuple[Any, ...]:
    return (value,)


def _one_text(value: str) -> tuple[Value, ...] | None:
    if not value:
        return ()
    return (value,) if len(value) <= MAX_LENGTH else None


def _one_unpadded(value: str) -> tuple[Value, ...] | None:
    return _one_text(value.rstrip("\0"))


def _one_binary(value: bytes) -> tuple[Value, ...] | None:
    # A value that starts with an Item may be encapsulated.
    return (value,) if 0 < len(value) <= MAX_LENGTH and not value.startswith(ITEM_TAG_BYTES) else None


def _one_name(value: PersonName) -> tuple[Value, ...] | None:
    try:
        name = split_name(str(value))
    except UnicodeError:  # if pydicom is configured to be strict
        return None
    return (name,) if any(name) else ()


def _float_text(value: DSfloat) -> str:
    """Return the ``str`` of a number, in a quarter of the time."""
    return getattr(value, "original_string", None) or float.__repr__(value)


def _integer_text(value: IS) -> str:
    return getattr(value, "original_string", None) or int.__repr__(value)


def _one_float_text(value: DSfloat) -> tuple[Value, ...]:
    return (_float_text(value),)


def _one_integer_text(value: IS) -> tuple[Value, ...] | None:
    try:
        return (_integer_text(value),)
    except ValueError:  # more digits than Python converts to text
        return None


def _several(*types: type) -> Callable[[Sequence[Any]], tuple[Any, ...] | None]:
    """Return a function for lists of these types that are neither many nor long."""
    allowed = frozenset(types)

    def maker(value: Sequence[Any]) -> tuple[Any, ...] | None:
        values = tuple(value[:])  # slicing a MultiValue is in C, iterating it is not
        if len(values) > MAX_VALUES or not allowed.issuperset(map(type, values)):
            return None
        return values if str not in allowed or sum(map(len, values)) <= MAX_LENGTH else None

    return maker


def _several_texts(kind: type, text: Callable[[Any], str]) -> Callable[[Sequence[Any]], tuple[Value, ...] | None]:
    """Return a function for lists of numbers of one type, which become text."""
    numbers = _several(kind)

    def maker(value: Sequence[Any]) -> tuple[Value, ...] | None:
        values = numbers(value)
        try:
            return None if values is None else tuple(map(text, values))
        except ValueError:  # as in ``_one_integer_text``
            return None

    return maker


_Maker = Callable[[Any], tuple[Value, ...] | None]


def _makers(vr: str) -> dict[type, _Maker]:
    form = VRS[vr].form
    if form is Form.TEXT:
        if vr in _KEEP_NUL:
            return {str: _one_unpadded, type(None): _no_values}
        texts = _several(str, UID)
        return {str: _one_text, UID: _one_text, MultiValue: texts, type(None): _no_values}
    if vr == "SS":  # not its lists, which may be a LUT Descriptor
        return {int: _one, type(None): _no_values}
    if form in (Form.INTEGER, Form.LONG_INTEGER):
        integers = _several(int)
        return {int: _one, list: integers, MultiValue: integers, type(None): _no_values}
    if form is Form.FLOAT:
        floats = _several(float)
        return {float: _one, list: floats, MultiValue: floats, type(None): _no_values}
    if vr == "DS":
        floats = _several_texts(DSfloat, _float_text)
        return {DSfloat: _one_float_text, MultiValue: floats, type(None): _no_values}
    if vr == "IS":
        integers = _several_texts(IS, _integer_text)
        return {IS: _one_integer_text, MultiValue: integers, type(None): _no_values}
    if form is Form.BINARY and vr != "UN":  # UN may have the JSON text of its element
        return {bytes: _one_binary}
    return {PersonName: _one_name} if vr == "PN" else {}


NO_MAKERS: dict[type, _Maker] = {}
SIMPLE = {vr: _makers(vr) for vr in VRS}
SIMPLE_EXCEPT_BINARY = SIMPLE | {vr: NO_MAKERS for vr, row in VRS.items() if row.form is Form.BINARY}
_SINGLE = (str, bytes, int, float, PersonName, Mapping, Set)  # a mapping or a set is no list of values

_MAKERS: dict[Form, Callable[[Any], Any]] = {
    Form.TEXT: _as_text,
    Form.DECIMAL: _as_decimal,
    Form.INTEGER: _as_number,
    Form.LONG_INTEGER: _as_number,
    Form.FLOAT: _as_float,
    Form.TAG: _as_number,
    Form.PERSON_NAME: _as_name,
}
