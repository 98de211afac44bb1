"""Codes and messages of the departures that both engines report."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from streamdicom._typing import TypeAlias
from streamdicom.dicom import NAME_GROUPS
from streamdicom.formats.value_forms import INEXACT_NUMBER

CodeAndMessage: TypeAlias = tuple[str, str]

KEY_FORM = "key-form", "expected a key of eight upper-case hexadecimal digits, found another form"
GROUP_LENGTH = "group-length", "expected no group length (PS3.18 F.2.2), found one"
FILE_META = "file-meta", "expected no File Meta Information (PS3.18 Annex F), found some"
EMPTY_ARRAY = "empty-array", "expected no 'Value' for an empty element, found an empty array"
NULL_ONLY = "null-only", "expected no 'Value' for an empty element, found null"
EMPTY_STRING = "empty-string", "expected null for an empty value, found an empty string"
KEY_ORDER = "key-order", "expected tags in ascending order, found a lower tag"
EMPTY_NAME = "empty-name", "expected a component group in a person name, found none"
EXTRA_MEMBERS = ("keyword", "name", "_rawvalue")


def number_as_string(vr: str) -> CodeAndMessage:
    """Return the code and the message of a number in a string."""
    return "number-as-string", f"expected a number for VR {vr}, found a string"


def empty_name_group(name: str, _: str = "") -> CodeAndMessage:
    """Return the code and the message of an empty component group."""
    return "empty-name-group", f"expected text for '{name}', found null or an empty string"


def extra_member(name: str, _: str = "") -> CodeAndMessage:
    """Return the code and the message of a member beyond the standard."""
    return "extra-member", f"expected only members of PS3.18 F.2.2, found '{name}'"


# In the order of ``Habit`` in ``native/scan/src/json/habits.rs``.
HABITS: list[Callable[[str], CodeAndMessage]] = [
    lambda _: KEY_FORM,
    lambda _: GROUP_LENGTH,
    lambda _: FILE_META,
    lambda _: EMPTY_ARRAY,
    lambda _: EMPTY_STRING,
    lambda _: NULL_ONLY,
    *(partial(empty_name_group, group) for group in NAME_GROUPS),
    lambda _: EMPTY_NAME,
    number_as_string,
    lambda _: INEXACT_NUMBER,
    *(partial(extra_member, name) for name in EXTRA_MEMBERS),
    lambda _: KEY_ORDER,
]
"""The departures that the compiled engine takes, by their numbers: functions of the VR."""
