"""Lines and columns of byte offsets."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streamdicom.cli import places
from streamdicom.cli.places import TextLines


@given(st.text("aé\n日\r", max_size=60), st.lists(st.integers(0, 200), max_size=8), st.integers(1, 9))
def test_line_and_column_of_any_offset(text: str, offsets: list[int], size: int) -> None:
    data = text.encode()
    lines = TextLines()
    for start in range(0, len(data), size):
        lines.feed(data[start : start + size])
    for offset in offsets:
        if offset > len(data):
            assert lines.at(offset) == (0, 0)
            continue
        if offset == len(data) or data[offset] & 0xC0 != 0x80:  # not within a character
            before = data[:offset].decode().split("\n")
            assert lines.at(offset) == ((len(before), len(before[-1]) + 1) if len(before) > 1 else (0, 0))


def test_start_of_a_long_text_is_forgotten() -> None:
    lines = TextLines()
    block = b"x" * 99 + b"\n"
    for _ in range(20):
        lines.feed(block * 1024)
    size = 20 * 1024 * len(block)
    assert lines.at(5) == (0, 0)
    assert lines.at(size - 50) == (20 * 1024, 51)
    assert lines.at(size - 250) == (20 * 1024 - 2, 51)
    assert len(lines._text) < 4 * places._MAX_HELD


def test_column_of_a_long_line_is_known() -> None:
    lines = TextLines()
    lines.feed(b"\n")
    for _ in range(20):
        lines.feed("é".encode() * 50_000)
    assert lines.at(2_000_001) == (2, 1_000_001)


def test_text_in_utf_16_has_no_lines() -> None:
    lines = TextLines()
    lines.feed("\ufeff\n\n<a/>".encode("utf-16"))
    assert lines.at(8) == (0, 0)
