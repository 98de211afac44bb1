"""Tags: digits, number and keyword."""

from __future__ import annotations

import pytest

from streamdicom.tags import format_tag, is_group_length, keyword, parse_tag

TAGS = [("00000000", 0), ("00080005", 0x00080005), ("7FE00010", 0x7FE00010), ("FFFFFFFF", 2**32 - 1)]
NO_TAGS = ["", "0010001", "001000100", "7fe00010", "7Fe00010", "0010,0010", "(0010,0010)", "PatientName"]
NO_TAGS += ["0x100010", " 0010001", "00100010\n", "+0100010", "-0100010", "0010_010", "0010001G", "\u0660" * 8]


@pytest.mark.parametrize(("digits", "tag"), TAGS)
def test_a_tag_is_eight_digits(digits: str, tag: int) -> None:
    assert parse_tag(digits) == tag
    assert format_tag(tag) == digits


@pytest.mark.parametrize("digits", NO_TAGS, ids=ascii)
def test_other_digits_are_no_tag(digits: str) -> None:
    with pytest.raises(ValueError, match="eight upper-case hexadecimal digits"):
        parse_tag(digits)


@pytest.mark.parametrize(
    ("tag", "expected"),
    [(0x00000000, True), (0x00020000, True), (0xFFFE0000, True), (0x00000001, False), (0x00080005, False)],
)
def test_the_group_length_is_element_0000(tag: int, expected: bool) -> None:
    assert is_group_length(tag) is expected


@pytest.mark.parametrize(
    ("tag", "expected"),
    [(0x00100010, "PatientName"), (0x7FE00010, "PixelData"), (0x00091001, "")],
)
def test_the_keyword_is_that_of_the_dictionary(tag: int, expected: str) -> None:
    assert keyword(tag) == expected
