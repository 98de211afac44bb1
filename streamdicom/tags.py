"""Tags of data elements: the eight digits of a JSON key, the number, and the keyword."""

from __future__ import annotations

import re
from functools import lru_cache

__all__ = [
    "dictionary_vrs",
    "format_tag",
    "is_group_length",
    "keyword",
    "parse_tag",
    "parse_tag_in_any_form",
    "tag_for_keyword_key",
]

_KEY = re.compile(r"[0-9A-F]{8}")
_ANY_FORM = re.compile(r"[xX]?([0-9A-Fa-f]{4})([0-9A-Fa-f]{4})|\(?([0-9A-Fa-f]{4}), ?([0-9A-Fa-f]{4})\)?")

SPECIFIC_CHARACTER_SET = 0x00080005
UTF_8_TERM = "ISO_IR 192"  # its value for UTF-8
FILE_META_GROUP = 0x0002
ITEM_TAG = b"\xfe\xff\x00\xe0"  # in little endian, as it stands before each fragment (PS3.5 A.4)


# Archives use some thousands of tags; the bound is for an input that tries them all.
@lru_cache(maxsize=16384)
def parse_tag(key: str) -> int:
    """The number of a tag written as eight upper-case hexadecimal digits (PS3.18 F.2.2).

    Raises:
        ValueError: The text is of another form.

    >>> hex(parse_tag("00100010"))
    '0x100010'
    """
    if not _KEY.fullmatch(key):
        raise ValueError("not a tag of eight upper-case hexadecimal digits")
    return int(key, 16)


def parse_tag_in_any_form(text: str) -> int:
    """The number of a tag in hexadecimal digits of any case: ggggeeee, xggggeeee, gggg,eeee or (gggg,eeee).

    Raises:
        ValueError: The text is of another form.

    >>> hex(parse_tag_in_any_form("(0010,001e)"))
    '0x10001e'
    """
    match = _ANY_FORM.fullmatch(text)
    if not match or text.startswith("(") is not text.endswith(")"):
        raise ValueError("not a tag")
    return int("".join([group for group in match.groups() if group]), 16)


@lru_cache(maxsize=16384)
def format_tag(tag: int) -> str:
    """A tag as eight upper-case hexadecimal digits (PS3.18 F.2.2).

    >>> format_tag(0x7FE00010)
    '7FE00010'
    """
    return f"{tag:08X}"


def is_group_length(tag: int) -> bool:
    """Whether the tag is (gggg,0000), Group Length.

    >>> is_group_length(0x00080000)
    True
    """
    return not tag & 0xFFFF


def keyword(tag: int) -> str:
    """The keyword of a tag in the data dictionary (PS3.6), or an empty string.

    >>> keyword(0x00100010)
    'PatientName'
    """
    from pydicom.datadict import keyword_for_tag

    return keyword_for_tag(tag)


def dictionary_vrs(tag: int) -> list[str]:
    """The VRs that the data dictionary (PS3.6) has for a tag; none if it does not know it.

    >>> dictionary_vrs(0x00280106)
    ['US', 'SS']
    >>> dictionary_vrs(0x00091001)
    []
    """
    from pydicom.datadict import dictionary_VR
    from pydicom.tag import BaseTag

    if is_group_length(tag):
        return ["UL"]
    base_tag = BaseTag(tag)
    if base_tag.is_private:
        return ["LO"] if base_tag.is_private_creator else []
    try:
        return str(dictionary_VR(tag)).split(" or ")
    except KeyError:
        return []


def tag_for_keyword_key(text: str) -> int | None:
    """The tag of a keyword, which may be in camel case; None if there is no such keyword.

    >>> tag_for_keyword_key("PatientName") == 0x00100010
    True
    """
    from pydicom.datadict import tag_for_keyword

    return tag_for_keyword(text)
