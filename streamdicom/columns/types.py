"""The Arrow type of each VR, and the conversion of values to it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from math import isfinite

import pyarrow as pa

from streamdicom._records import NamedTuple
from streamdicom._typing import Any, Literal, TypeAlias, get_args
from streamdicom.dicom import VRS, Form

DecimalType: TypeAlias = Literal["float64", "string", "decimal"]
"""The type of DS."""

DateTimeType: TypeAlias = Literal["string", "timestamp"]
"""The type of DT."""

_DECIMAL = pa.decimal128(38, 16)
_SCALE = 16
_PERSON_NAME = pa.struct([(group, pa.string()) for group in ("Alphabetic", "Ideographic", "Phonetic")])

Convert: TypeAlias = Callable[[Any], Any]
"""Converts one value of an event; raises ValueError or TypeError if it does not fit."""


class ColumnType(NamedTuple):
    """The Arrow type of one value, and its conversion."""

    type: pa.DataType
    convert: Convert


@dataclass(frozen=True, slots=True)
class TypeOptions:
    """Choices of types.

    Attributes:
        ds: The type of DS: "float64"; "string", the exact text; or "decimal", with 16 digits after the point.
        dt: The type of DT: "string", or "timestamp" in UTC, for which the text must have an offset.
        unsigned: Whether UL, US and UV are unsigned. Spark has no unsigned types.

    Raises:
        ValueError: An unknown choice.

    >>> TypeOptions(ds="string").ds
    'string'
    """

    ds: DecimalType = "float64"
    dt: DateTimeType = "string"
    unsigned: bool = False

    def __post_init__(self) -> None:
        for name, choices in (("ds", get_args(DecimalType)), ("dt", get_args(DateTimeType))):
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, not {getattr(self, name)!r}")


def type_of(vr: str, options: TypeOptions) -> ColumnType:
    """Return the type of one value of a VR other than SQ.

    >>> type_of("DA", TypeOptions()).type
    DataType(date32[day])
    """
    if vr == "DS":
        return _DS_TYPES[options.ds]
    if vr == "DT" and options.dt == "timestamp":
        return ColumnType(pa.timestamp("us", "UTC"), _timestamp)
    if options.unsigned and vr in _UNSIGNED:
        return _UNSIGNED[vr]
    found = _TYPES.get(vr)
    if found is not None:
        return found
    return ColumnType(pa.binary(), _bytes) if VRS[vr].form is Form.BINARY else ColumnType(pa.string(), as_text)


# --- conversions -----------------------------------------------------------------------------------------------


def as_text(value: Any) -> str:
    """Return a text as it is.

    Raises:
        TypeError: The value is not text.

    >>> as_text("a")
    'a'
    """
    if type(value) is not str:
        raise TypeError("expected text")
    return value


def _bytes(value: Any) -> bytes:
    if not isinstance(value, bytes | bytearray | memoryview):
        raise TypeError("expected bytes")
    return bytes(value)


@dataclass(frozen=True, slots=True)
class _Integer:
    """The conversion to integers of a range."""

    low: int
    high: int

    def __call__(self, value: Any) -> int:
        number = int(value) if isinstance(value, str) else value
        if not isinstance(number, int) or not self.low <= number <= self.high:
            raise ValueError("expected an integer in the range of the type")
        return number


def _single(value: Any) -> float:
    number = _float(value)
    if isfinite(number) and abs(number) > _MAX_SINGLE:
        raise ValueError("expected a number of 32 bits")
    return number


def _float(value: Any) -> float:
    if isinstance(value, bytes):
        raise TypeError("expected a number")
    return float(value)


def _decimal(value: Any) -> Decimal:
    try:
        number = Decimal(as_text(value).strip())
    except InvalidOperation:
        raise ValueError("expected a decimal number") from None
    if not number.is_finite() or number != round(number, _SCALE):
        raise ValueError(f"expected at most {_SCALE} digits after the point")
    return number


def _long_decimal(value: Any) -> Decimal:
    return Decimal(_LONG(value))


def _tag(value: Any) -> str:
    return f"{value:08X}"


def _person_name(value: Any) -> dict[str, str | None]:
    alphabetic, ideographic, phonetic = value
    return {"Alphabetic": alphabetic or None, "Ideographic": ideographic or None, "Phonetic": phonetic or None}


@lru_cache(maxsize=4096)
def _date(value: Any) -> date:
    text = as_text(value).rstrip(" ")
    if not _DATE.fullmatch(text):
        raise ValueError("expected a date as YYYYMMDD")
    return date.fromisoformat(text)


def _time(value: Any) -> time:
    """Return the time of a TM; missing components are 0."""
    text = as_text(value).rstrip(" ")
    if not _TIME.fullmatch(text):
        raise ValueError("expected a time as HHMMSS.FFFFFF")
    return time.fromisoformat(text)


def _timestamp(value: Any) -> datetime:
    text = as_text(value).rstrip(" ")
    parts = _DATETIME.fullmatch(text)
    if not parts:
        raise ValueError("expected a date, a time and an offset from UTC")
    return datetime.fromisoformat(f"{parts[1]}T{parts[2] or '00'}{parts[3]}")


_DATE = re.compile("[0-9]{8}")
_TIME = re.compile(r"(?:[0-9]{2}){1,2}|[0-9]{6}(?:\.[0-9]{1,6})?")
_DATETIME = re.compile(rf"({_DATE.pattern})({_TIME.pattern})?([+-][0-9]{{4}})")
_LONG = _Integer(0, 2**64 - 1)
_MAX_SINGLE = 3.4028235677973366e38  # above it, rounding to 32 bits gives infinity
_UNSIGNED = {
    "UL": ColumnType(pa.uint32(), _Integer(0, 2**32 - 1)),
    "US": ColumnType(pa.uint16(), _Integer(0, 2**16 - 1)),
    "UV": ColumnType(pa.uint64(), _Integer(0, 2**64 - 1)),
}
_INTEGER = ColumnType(pa.int64(), _Integer(-(2**63), 2**63 - 1))
_SHORT = ColumnType(pa.int32(), _Integer(-(2**31), 2**31 - 1))
_TYPES = {
    "AT": ColumnType(pa.string(), _tag),
    "DA": ColumnType(pa.date32(), _date),
    "FD": ColumnType(pa.float64(), _float),
    "FL": ColumnType(pa.float32(), _single),
    "IS": _INTEGER,
    "PN": ColumnType(_PERSON_NAME, _person_name),
    "SL": _INTEGER,
    "SS": _SHORT,
    "SV": _INTEGER,
    "TM": ColumnType(pa.time64("us"), _time),
    "UL": _INTEGER,
    "US": _SHORT,
    "UV": ColumnType(pa.decimal128(20, 0), _long_decimal),
}
_DS_TYPES = {
    "float64": ColumnType(pa.float64(), _float),
    "string": ColumnType(pa.string(), as_text),
    "decimal": ColumnType(_DECIMAL, _decimal),
}
