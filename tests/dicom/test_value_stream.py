"""Value Fields in segments, compared with the struct module and literal bytes."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamdicom.dicom.value_stream import ValueEncoder, blocks, decode_value
from streamdicom.dicom.vr import VRS
from streamdicom.errors import BulkDataError, OutputError
from streamdicom.events import EventType
from tests.support.each import each
from tests.support.stores import joined

TAG = 0x00091001

FIELDS: list[tuple[str, tuple[Any, ...], bytes]] = [
    ("US", (1, 65535), b"\1\0\xff\xff"),
    ("SS", (-2,), b"\xfe\xff"),
    ("UL", (2**32 - 1,), b"\xff" * 4),
    ("SL", (-1, 1), b"\xff" * 4 + b"\1\0\0\0"),
    ("UV", (2**64 - 1,), b"\xff" * 8),
    ("SV", (-(2**63),), b"\0" * 7 + b"\x80"),
    ("FD", (1.1,), struct.pack("<d", 1.1)),
    ("FL", (1.5, -0.25), struct.pack("<ff", 1.5, -0.25)),
    ("DS", ("1.0000", "-2"), b"1.0000\\-2"),
    ("IS", ("007", None), b"007\\"),
    ("LT", (" a\\b ",), b" a\\b "),
    ("UT", ("é",), b"\xc3\xa9"),
    ("UC", ("a", None, "b "), b"a\\\\b "),
    ("UC", (None, None), b"\\"),
    ("OB", (b"\0\1\2",), b"\0\1\2"),
    ("OW", (b"ab" * 50_000,), b"ab" * 50_000),
    ("UT", ("ä€" * 50_000,), "ä€".encode() * 50_000),
    ("UC", ("a" * 200_000, "b"), b"a" * 200_000 + b"\\b"),
    ("UC", ("b", None, "a" * 200_000), b"b\\\\" + b"a" * 200_000),
    ("UC", ("a" * 150_000, "b" * 150_000), b"a" * 150_000 + b"\\" + b"b" * 150_000),
    ("US", tuple(range(10_000)), struct.pack("<10000H", *range(10_000))),
    ("IS", ("12",) * 10_000, b"\\".join([b"12"] * 10_000)),
]


def cut(data: bytes, length: int) -> list[bytes]:
    return [data[start : start + length] for start in range(0, len(data), length)]


@each(("vr", "values", "field"), FIELDS)
def test_values_are_encoded(vr: str, values: tuple[Any, ...], field: bytes) -> None:
    assert ValueEncoder(vr).values(values) == field
    encoder = ValueEncoder(vr)
    if not isinstance(values[0], bytes):
        assert b"".join([encoder.values((value,)) for value in values]) == field


@each("segment", [1, 3, 65536, 10**6])
@each(("vr", "values", "field"), FIELDS)
def test_values_are_decoded_from_segments_of_any_length(
    vr: str, values: tuple[Any, ...], field: bytes, segment: int
) -> None:
    events = list(decode_value(TAG, vr, cut(field, segment)))
    assert joined(events) == [(EventType.ELEMENT, TAG, vr, values)]
    max_length = max(len(value) if isinstance(value, str | bytes) else 1 for value in values)
    assert (len(events) == 1) == (len(values) <= 4096 and max_length <= 48 * 1024)
    for _, _, _, value in events:
        assert value is None or len(value) <= 128 * 1024


@each("vr", sorted(vr for vr, row in VRS.items() if row.bulk))
def test_empty_value_field_has_no_values(vr: str) -> None:
    assert list(decode_value(TAG, vr, [])) == [(EventType.ELEMENT, TAG, vr, ())]
    assert list(decode_value(TAG, vr, [b"", b""])) == [(EventType.ELEMENT, TAG, vr, ())]


def test_segments_of_text_form_one_value() -> None:
    encoder = ValueEncoder("")
    data = encoder.values(("a", "b")) + encoder.segment("c", last=False) + encoder.segment("", last=True)
    data += encoder.segment("d", last=True) + encoder.values((None,))
    assert data == b"a\\b\\c\\d\\"
    assert ValueEncoder("").segment(b"\0", last=True) == b"\0"


@each(
    ("vr", "values"),
    [
        ("US", (1, None)),
        ("US", (65536,)),
        ("US", ("1",)),
        ("FL", (1e39,)),
        ("UT", ("\ud800",)),
        ("UC", (1,)),
        ("OB", (b"a", b"b")),
    ],
)
def test_values_out_of_range_are_rejected(vr: str, values: tuple[Any, ...]) -> None:
    with pytest.raises(OutputError):
        ValueEncoder(vr).values(values)


def test_half_of_a_surrogate_pair_in_a_segment_is_rejected() -> None:
    with pytest.raises(OutputError, match="surrogate"):
        ValueEncoder("UT").segment("\ud800", last=True)


@each(
    ("vr", "data"),
    [
        ("US", b"abc"),
        ("FD", b"abcdefg"),
        ("UT", b"\xe9"),
        ("UT", b"a\xe2\x82"),
        ("UC", b"a\\\xff"),
        ("DS", b"1" * 100_000),
        ("US", b"a" * 100_001),
    ],
)
@each("segment", [1, 65536])
def test_invalid_bytes_for_the_vr_are_rejected(vr: str, data: bytes, segment: int) -> None:
    with pytest.raises(BulkDataError):
        list(decode_value(TAG, vr, cut(data, segment)))


@given(st.lists(st.binary(max_size=20)), st.integers(1, 30))
def test_blocks_have_equal_length(segments: list[bytes], length: int) -> None:
    result = list(blocks(segments, length))
    assert b"".join(result) == b"".join(segments)
    assert all(len(block) == length for block in result[:-1])
    assert all(result)
