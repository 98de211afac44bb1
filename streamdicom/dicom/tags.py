"""Tags of data elements: the well-known ones, tag syntax, and keywords."""

from __future__ import annotations

from functools import lru_cache

from streamdicom._cache import MAX_KNOWN_TAGS
from streamdicom._dictionary import entry_of, tag_of_keyword
from streamdicom._late import late_pattern
from streamdicom.dicom.private_blocks import is_private, is_private_creator

MAX_TAG = 0xFFFFFFFF

# File Meta Information (PS3.10 7.1)
FILE_META_GROUP = 0x0002
FILE_META_INFORMATION_VERSION = 0x00020001
MEDIA_STORAGE_SOP_CLASS_UID = 0x00020002
MEDIA_STORAGE_SOP_INSTANCE_UID = 0x00020003
TRANSFER_SYNTAX_UID = 0x00020010
IMPLEMENTATION_CLASS_UID = 0x00020012
IMPLEMENTATION_VERSION_NAME = 0x00020013

SPECIFIC_CHARACTER_SET = 0x00080005
SOP_CLASS_UID = 0x00080016
SOP_INSTANCE_UID = 0x00080018
STUDY_INSTANCE_UID = 0x0020000D
SERIES_INSTANCE_UID = 0x0020000E
SAMPLES_PER_PIXEL = 0x00280002
PHOTOMETRIC_INTERPRETATION = 0x00280004
NUMBER_OF_FRAMES = 0x00280008
ROWS = 0x00280010
COLUMNS = 0x00280011
BITS_ALLOCATED = 0x00280100
PIXEL_REPRESENTATION = 0x00280103
PALETTE_COLOR_LUT_DESCRIPTORS = (0x00281101, 0x00281102, 0x00281103)  # red, green, blue
LUT_DESCRIPTOR = 0x00283002
LUT_DATA = 0x00283006
ENCAPSULATED_DOCUMENT = 0x00420011
FLOAT_PIXEL_DATA = 0x7FE00008
DOUBLE_FLOAT_PIXEL_DATA = 0x7FE00009
PIXEL_DATA = 0x7FE00010

# PS3.5 7.5
DELIMITER_GROUP = 0xFFFE
ITEM = 0xFFFEE000
ITEM_DELIMITATION = 0xFFFEE00D
SEQUENCE_DELIMITATION = 0xFFFEE0DD
ITEM_TAG_BYTES = b"\xfe\xff\x00\xe0"  # in little endian, as before each fragment (PS3.5 A.4)

_KEY = late_pattern(r"[0-9A-F]{8}")
_ANY_FORM = late_pattern(r"[xX]?([0-9A-Fa-f]{4})([0-9A-Fa-f]{4})|\(?([0-9A-Fa-f]{4}), ?([0-9A-Fa-f]{4})\)?")
_FIRST_WORD = late_pattern(r"[A-Z](?:[A-Z]*(?![^A-Z]))?")  # an abbreviation ends before the capital of the next word
_MAX_KEYWORD_LENGTH = 64  # characters; the longest of PS3.6 has 62


@lru_cache(maxsize=MAX_KNOWN_TAGS)
def parse_tag(key: str) -> int:
    """Parse a tag written as eight upper-case hexadecimal digits (PS3.18 F.2.2).

    Raises:
        ValueError: The text has another form.

    >>> hex(parse_tag("00100010"))
    '0x100010'
    """
    if not _KEY.fullmatch(key):
        raise ValueError("expected a tag of eight upper-case hexadecimal digits")
    return int(key, 16)


def parse_tag_in_any_form(text: str) -> int:
    """Parse a tag of the form ggggeeee, xggggeeee, gggg,eeee or (gggg,eeee).

    Hexadecimal digits may have any case.

    Raises:
        ValueError: The text has another form.

    >>> hex(parse_tag_in_any_form("(0010,001e)"))
    '0x10001e'
    """
    match = _ANY_FORM.fullmatch(text)
    if not match or text.startswith("(") is not text.endswith(")"):
        raise ValueError("expected a tag of eight hexadecimal digits, such as 00100010 or (0010,0010)")
    return int("".join([group for group in match.groups() if group]), 16)


@lru_cache(maxsize=MAX_KNOWN_TAGS)
def format_tag(tag: int) -> str:
    """Format a tag as eight upper-case hexadecimal digits (PS3.18 F.2.2).

    >>> format_tag(0x7FE00010)
    '7FE00010'
    """
    return f"{tag:08X}"


def is_group_length(tag: int) -> bool:
    """Return True for (gggg,0000), Group Length.

    >>> is_group_length(0x00080000)
    True
    """
    return not tag & 0xFFFF


def keyword(tag: int) -> str:
    """Return the keyword of a tag in the data dictionary (PS3.6), or an empty string.

    >>> keyword(0x00100010)
    'PatientName'
    """
    entry = entry_of(tag)
    return entry.keyword if entry else ""


def dictionary_vrs(tag: int) -> list[str]:
    """Return the VRs of a tag in the data dictionary (PS3.6); an unknown tag has none.

    >>> dictionary_vrs(0x00280106)
    ['US', 'SS']
    >>> dictionary_vrs(0x00091001)
    []
    """
    if is_group_length(tag):
        return ["UL"]
    if is_private(tag):
        return ["LO"] if is_private_creator(tag) else []
    entry = entry_of(tag)
    return entry.vr.split(" or ") if entry else []


def camel_case(keyword: str) -> str:
    """Convert a keyword to camel case, with its first word in small letters.

    .NET's ``JsonNamingPolicy.CamelCase`` does the same.

    >>> camel_case("PatientID"), camel_case("SOPInstanceUID"), camel_case("dBdt")
    ('patientID', 'sopInstanceUID', 'dBdt')
    """
    found = _FIRST_WORD.match(keyword)
    return keyword[: found.end()].lower() + keyword[found.end() :] if found else keyword


def keyword_key(tag: int, *, camel: bool = False) -> str:
    """Return the keyword that identifies a tag as a JSON key, or an empty string.

    Private tags, tags outside the data dictionary and repeating groups have no such keyword.

    Args:
        tag: Any tag.
        camel: Return the keyword in camel case.

    >>> keyword_key(0x00100010, camel=True), keyword_key(0x60000010), keyword_key(0x00091001)
    ('patientName', '', '')
    """
    name = keyword(tag)
    if not name or tag_of_keyword(name) != tag:
        return ""
    return camel_case(name) if camel else name


def tag_for_keyword_key(text: str) -> int | None:
    """Return the tag of a keyword, in camel case or not, or None.

    >>> tag_for_keyword_key("PatientName") == tag_for_keyword_key("patientName") == 0x00100010
    True
    >>> tag_for_keyword_key("patientname")
    """
    # Text that cannot be a keyword may be long, so it must not enter the cache.
    if len(text) > _MAX_KEYWORD_LENGTH or not (text.isascii() and text.isalnum()):
        return None
    return _tag_for_keyword(text)


@lru_cache(maxsize=MAX_KNOWN_TAGS)
def _tag_for_keyword(text: str) -> int | None:
    tag = tag_of_keyword(text)
    for end in range(1, len(text) + 1):  # the first word may have been an abbreviation, such as SOP
        if tag is not None or not text[:end].islower():
            break
        candidate = text[:end].upper() + text[end:]
        tag = tag_of_keyword(candidate) if camel_case(candidate) == text else None
    return tag
