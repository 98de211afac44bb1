"""Tags of data elements: the eight digits of a JSON key, the number, and the keyword."""

from __future__ import annotations

import re
from functools import lru_cache

_KEY = re.compile(r"[0-9A-F]{8}")
_ANY_FORM = re.compile(r"[xX]?([0-9A-Fa-f]{4})([0-9A-Fa-f]{4})|\(?([0-9A-Fa-f]{4}), ?([0-9A-Fa-f]{4})\)?")
_FIRST_WORD = re.compile(r"[A-Z](?:[A-Z]*(?![^A-Z]))?")  # an abbreviation up to the capital of the next word
_LONGEST_KEYWORD = 64  # characters; the longest of PS3.6 has 62

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


def camel_case(keyword: str) -> str:
    """A keyword in camel case: its first word in small letters, as .NET's ``JsonNamingPolicy.CamelCase`` has it.

    >>> camel_case("PatientID"), camel_case("SOPInstanceUID"), camel_case("dBdt")
    ('patientID', 'sopInstanceUID', 'dBdt')
    """
    found = _FIRST_WORD.match(keyword)
    return keyword[: found.end()].lower() + keyword[found.end() :] if found else keyword


def keyword_key(tag: int, *, camel: bool = False) -> str:
    """The keyword that may stand for a tag as a JSON key; empty if the keyword does not tell the tag.

    That is so for private tags, for those that the data dictionary does not know, and for repeating groups.

    Args:
        tag: Any tag.
        camel: Whether the keyword is put in camel case.

    >>> keyword_key(0x00100010, camel=True), keyword_key(0x60000010), keyword_key(0x00091001)
    ('patientName', '', '')
    """
    from pydicom.datadict import tag_for_keyword

    name = keyword(tag)
    if not name or tag_for_keyword(name) != tag:
        return ""
    return camel_case(name) if camel else name


def tag_for_keyword_key(text: str) -> int | None:
    """The tag whose keyword this is, in camel case or not; None if there is none.

    >>> tag_for_keyword_key("PatientName") == tag_for_keyword_key("patientName") == 0x00100010
    True
    >>> tag_for_keyword_key("patientname")
    """
    # What cannot be a keyword is not remembered either: it may be long.
    if len(text) > _LONGEST_KEYWORD or not (text.isascii() and text.isalnum()):
        return None
    return _tag_for_keyword(text)


@lru_cache(maxsize=16384)
def _tag_for_keyword(text: str) -> int | None:
    from pydicom.datadict import tag_for_keyword

    tag = tag_for_keyword(text)
    for end in range(1, len(text) + 1):  # an abbreviation may have been the first word
        if tag is not None or not text[:end].islower():
            break
        candidate = text[:end].upper() + text[end:]
        tag = tag_for_keyword(candidate) if camel_case(candidate) == text else None
    return tag
