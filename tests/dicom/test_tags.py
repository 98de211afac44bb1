"""Tags: digits, number and keyword."""

from __future__ import annotations

import pytest
from pydicom.datadict import keyword_dict

from streamdicom.dicom.tags import (
    camel_case,
    format_tag,
    is_group_length,
    keyword,
    keyword_key,
    parse_tag,
    tag_for_keyword_key,
)
from tests.support.each import each

TAGS = [("00000000", 0), ("00080005", 0x00080005), ("7FE00010", 0x7FE00010), ("FFFFFFFF", 2**32 - 1)]
NOT_TAGS = ["", "0010001", "001000100", "7fe00010", "7Fe00010", "0010,0010", "(0010,0010)", "PatientName"]
NOT_TAGS += ["0x100010", " 0010001", "00100010\n", "+0100010", "-0100010", "0010_010", "0010001G", "\u0660" * 8]


@each(("digits", "tag"), TAGS)
def test_tag_has_eight_digits(digits: str, tag: int) -> None:
    assert parse_tag(digits) == tag
    assert format_tag(tag) == digits


@each("digits", NOT_TAGS, ids=ascii)
def test_other_text_is_not_a_tag(digits: str) -> None:
    with pytest.raises(ValueError, match="eight upper-case hexadecimal digits"):
        parse_tag(digits)


@each(
    ("tag", "expected"),
    [(0x00000000, True), (0x00020000, True), (0xFFFE0000, True), (0x00000001, False), (0x00080005, False)],
)
def test_group_length_is_element_0000(tag: int, expected: bool) -> None:
    assert is_group_length(tag) is expected


@each(
    ("tag", "expected"),
    [(0x00100010, "PatientName"), (0x7FE00010, "PixelData"), (0x00091001, "")],
)
def test_keyword_is_that_of_the_dictionary(tag: int, expected: str) -> None:
    assert keyword(tag) == expected


KEYWORDS = sorted(filter(None, keyword_dict))


@each(
    ("text", "expected"),
    [
        ("PatientID", "patientID"),
        ("SOPInstanceUID", "sopInstanceUID"),
        ("dBdt", "dBdt"),
        ("KVP", "kvp"),
        ("B1rms", "b1rms"),
        ("ICCProfile", "iccProfile"),
        ("CTDIvol", "ctdIvol"),
        ("Rows", "rows"),
        ("A", "a"),
        ("", ""),
    ],
)
def test_camel_case_follows_dotnet(text: str, expected: str) -> None:
    assert camel_case(text) == expected == _dotnet(text)


def _dotnet(text: str) -> str:
    """Convert as documented for ``JsonNamingPolicy.CamelCase``.

    The first letter becomes lower case, and so do the capitals after it that no lower-case letter or digit follows.
    """
    letters = list(text)
    for index, letter in enumerate(letters):
        if index and (not letter.isupper() or (index + 1 < len(text) and not text[index + 1].isupper())):
            break
        letters[index] = letter.lower()
    return "".join(letters)


def test_camel_case_distinguishes_all_keywords() -> None:
    assert len(KEYWORDS) > 5000
    camels = {word: camel_case(word) for word in KEYWORDS}
    assert camels == {word: _dotnet(word) for word in KEYWORDS}
    assert len(set(camels.values())) == len(KEYWORDS)
    assert {camel for word, camel in camels.items() if camel in keyword_dict and camel != word} == set()


def test_every_keyword_is_parsed_into_its_tag() -> None:
    for word in KEYWORDS:
        assert tag_for_keyword_key(word) == tag_for_keyword_key(camel_case(word)) == keyword_dict[word]


@each("text", ["", "patientid", "PATIENTID", "sOPInstanceUID", "Patient ID", "OverlayRows", "patient\xcdD"])
def test_other_text_is_not_a_keyword(text: str) -> None:
    assert tag_for_keyword_key(text) is None


@each("text", ["a" * 1_000_000, "a" * 128, "A" * 129])
def test_text_longer_than_any_keyword_takes_no_time(text: str) -> None:
    assert tag_for_keyword_key(text) is None


def test_keyword_is_a_key_only_if_it_identifies_the_tag() -> None:
    assert (keyword_key(0x00080018), keyword_key(0x00080018, camel=True)) == ("SOPInstanceUID", "sopInstanceUID")
    for tag in (0x60000010, 0x60020010, 0x00091001, 0x00100001, 0x00189445, 0x00080000):
        assert keyword_key(tag) == keyword_key(tag, camel=True) == ""
    for word in KEYWORDS:
        assert keyword_key(keyword_dict[word]) == word
