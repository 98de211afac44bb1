"""Value Fields: values are decoded and encoded as pydicom reads them."""

from __future__ import annotations

import math
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataelem import DataElement, RawDataElement, convert_raw_data_element
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag

from streamdicom.datasets.values import values_of
from streamdicom.dicom.person_name import split_name
from streamdicom.dicom.value_field import DECODERS, ENCODERS, is_single, joined_text, json_field, swap_words
from streamdicom.dicom.vr import VRS, Form
from tests.support.each import each

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom's, of odd but possible values

_TAG = BaseTag(0x00091001)
_TEXT = sorted(vr for vr, row in VRS.items() if row.form in (Form.TEXT, Form.PERSON_NAME))
_NUMBERS = sorted(vr for vr, row in VRS.items() if row.code)
_bytes = st.text(st.sampled_from("aB1 .=\\^\0\t\n"), max_size=12).map(str.encode)


def _pydicom(vr: str, data: bytes, little_endian: bool = True) -> DataElement:
    raw = RawDataElement(_TAG, vr, len(data), data, 0, False, little_endian)
    return convert_raw_data_element(raw, encoding=["iso8859"])


@given(data=_bytes)
@each("vr", _TEXT)
def test_text_is_decoded_as_by_pydicom(vr: str, data: bytes) -> None:
    values = DECODERS[vr](data, True)
    assert values is not None
    if data:
        expected = [_plain(part, vr) for part in _as_list(_pydicom(vr, data).value)]
        assert [value or None for value in values] == expected


def _as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, MultiValue | list) else [value]


def _plain(value: Any, vr: str) -> Any:
    text = str(value or "")
    if vr in ("AE", "DS", "IS", "UI", "UR"):
        text = text.rstrip("\0 \t\n")
    ends = "=\0 " if vr == "PN" else "\0 "
    if "\0" in text[len(text.rstrip(ends)) :]:  # pydicom keeps NULL at the end of other values than the last
        text = text.rstrip(ends)
    return (split_name(text) if vr == "PN" else text) or None


@each(
    ("vr", "data", "values"),
    [
        ("IS", b"1\\ 2 \\+3 ", ("1", "2", "+3")),
        ("DS", b"1.50\\\\-1e2", ("1.50", "", "-1e2")),
        ("PN", b"A^B=I=P\\\\C", (("A^B", "I", "P"), ("", "", ""), ("C", "", ""))),
        ("UI", b"1.2\\3.4\0", ("1.2", "3.4")),
        ("UI", b"1.2\0\\3.4\0 \0", ("1.2", "3.4")),
        ("DS", b"1\0\\2\0\t\0", ("1", "2")),
        ("CS", b"a \0\\b ", ("a", "b")),
        ("PN", b"a\0\\b", (("a", "", ""), ("b", "", ""))),
        ("LT", b" a\\b ", (" a\\b",)),
        ("AE", b" A \\ B", ("A", "B")),
        ("AT", b"\x10\x00\x20\x00\x08\x00\x05\x00", (0x00100020, 0x00080005)),
        ("OW", b"\x01\x02", (b"\x01\x02",)),
    ],
)
def test_values_are_decoded(vr: str, data: bytes, values: tuple[Any, ...]) -> None:
    assert DECODERS[vr](data, True) == values


@given(data=st.binary(min_size=1, max_size=24))
@each("vr", _NUMBERS)
@each("little_endian", [True, False])
def test_numbers_are_decoded_as_by_pydicom(vr: str, little_endian: bool, data: bytes) -> None:
    values = DECODERS[vr](data, little_endian)
    size = 4 if vr == "AT" else struct.calcsize(f"={VRS[vr].code}")
    if len(data) % size:
        assert values is None
    else:
        assert repr(list(values or ())) == repr(
            [_number(part) for part in _as_list(_pydicom(vr, data, little_endian).value)]
        )


def _number(value: Any) -> Any:
    return int(value) if isinstance(value, int) else value


@each("data", [b"\xe9", b"\x1b$B"])
@each("vr", _TEXT)
def test_text_beyond_ascii_is_not_decoded(vr: str, data: bytes) -> None:
    assert DECODERS[vr](data, True) is None


_ENCODED = [
    ("LO", ("a", "b"), b"a\\b "),
    ("UI", ("1.2",), b"1.2\0"),
    ("PN", (("A", "", "P"), None), b"A==P\\ "),
    ("DS", ("1.0000",), b"1.0000"),
    ("US", (1, 256), b"\x01\x00\x00\x01"),
    ("SV", (-1,), b"\xff" * 8),
    ("FL", (0.5,), struct.pack("<f", 0.5)),
    ("AT", (0x00100020,), b"\x10\x00\x20\x00"),
    ("OB", (b"\x01\x02",), b"\x01\x02"),
    ("LO", (None,), b""),
]
_NOT_ENCODED = [
    ("LO", ("a ",), "pydicom strips the space"),
    ("LO", ("a\0",), "pydicom strips the null"),
    ("LO", ("a ", "b"), "pydicom strips each value"),
    ("AE", (" A",), "pydicom strips both sides"),
    ("DS", (" 1",), "pydicom strips both sides"),
    ("UR", ("http://a\n",), "pydicom strips all white space"),
    ("LT", ("a", "b"), "LT has one value only"),
    ("LO", ("é",), "its bytes depend on the character set"),
    ("LO", ("\x1b$B",), "an escape sequence changes the character set"),
    ("PN", (("A ", "", ""),), "pydicom strips the space"),
    ("FL", (0.1,), "FL cannot hold it"),
    ("FL", (1e300,), "FL cannot hold it"),
    ("US", (65536,), "US cannot hold it"),
    ("US", (None, 1), "there is no empty number"),
    ("AT", (None,), "there is no empty tag"),
    ("OB", (b"\x01",), "raw bytes would be written without padding"),
]


@each(("vr", "values", "data"), _ENCODED)
def test_values_are_encoded(vr: str, values: tuple[Any, ...], data: bytes) -> None:
    assert ENCODERS[vr](values) == data


@each(("vr", "values", "why"), _NOT_ENCODED)
def test_values_that_would_not_survive_a_round_trip_are_not_encoded(vr: str, values: tuple[Any, ...], why: str) -> None:
    assert ENCODERS[vr](values) is None, why


@given(texts=st.lists(st.text(st.sampled_from("aB1 .^\0\t\né"), min_size=1, max_size=4), min_size=1, max_size=3))
@pytest.mark.slow
@each("vr", _TEXT)
def test_pydicom_decodes_the_encoded_values(vr: str, texts: list[str]) -> None:
    is_name = VRS[vr].form is Form.PERSON_NAME
    values = tuple((text, "", "") if is_name else text for text in texts)
    data = ENCODERS[vr](values)
    if data is not None:
        assert len(data) % 2 == 0
        assert values_of(vr, _pydicom(vr, data).value) == values


def test_text_is_joined_only_if_pydicom_splits_it_the_same() -> None:
    assert joined_text("LO", ("a", None, "é")) == "a\\\\é"
    assert joined_text("LO", ("a", "é ")) is None


def test_name_is_split_at_its_first_two_equals_signs() -> None:
    assert split_name("A=I=P=x") == ("A", "I", "P=x")
    assert split_name("") == ("", "", "")


@given(data=st.binary(max_size=40))
@each("word", [1, 2, 4, 8])
def test_words_are_swapped_and_swapped_back(word: int, data: bytes) -> None:
    swapped = swap_words(data, word)
    assert swap_words(swapped, word) == data
    whole = len(data) // word * word
    assert swapped == b"".join(data[i : i + word][::-1] for i in range(0, whole, word)) + data[whole:]


# --- numbers of 32 bits ------------------------------------------------------------------------------------------


@given(number=st.floats(width=32, allow_nan=False, allow_infinity=False), digits=st.integers(6, 17))
def test_single_and_its_decimal_forms_are_single(number: float, digits: int) -> None:
    assert is_single(number)
    assert is_single(float(f"{number:.{digits}g}"))
    assert is_single(float(str(np.float32(number))))  # the shortest text


@each("number", [16777217.0, 33554433.0, 0.123456789, 1 / 3, 1e39, -1e39, 3.4028235677973366e38])
def test_number_of_more_digits_than_a_single_is_not_single(number: float) -> None:
    assert not is_single(number)


@given(number=st.floats(allow_nan=False, allow_infinity=False))
def test_double_is_single_only_if_it_is_a_decimal_form_of_one(number: float) -> None:
    with np.errstate(over="ignore"):
        single = float(np.float32(number))
    forms = {float(f"{single:.{digits}g}") for digits in range(1, 18)} if math.isfinite(single) else set()
    assert is_single(number) == (number in forms)


# --- values in a non-standard form -------------------------------------------------------------------------------


@each(
    ("text", "expected"),
    [
        ('{"vr":"US","Value":["many"]}', b"many"),
        ('{"vr":"US","Value":["a",5,null,-1.50E2]}', b"a\\5\\\\-1.50E2"),
        (f'{{"vr":"IS","Value":[{"9" * 5000}]}}', b"9" * 5000),
        ('{"vr":"US","Value":"one"}', b"one "),
        ('{"vr":"LO","Value":5}', b"5 "),
        ('{"vr":"XX","Value":["\\u00e9\u5c71"]}', "\xe9\u5c71".encode() + b" "),
        ('{"vr":"XX","InlineBinary":"/w=="}', b"\xff\0"),
        ('{"vr":"XX","InlineBinary":"AP8="}', b"\x00\xff"),
        ('{"vr":"XX","InlineBinary":""}', b""),
        ('{"vr":5,"Value":["a"]}', b"a "),
        ('{"Value":["a"],"vr":{}}', b"a "),
        ('{"vr":null,"InlineBinary":"AP8="}', b"\x00\xff"),
    ],
)
def test_non_standard_values_are_encoded_as_text(text: str, expected: bytes) -> None:
    assert json_field(_TAG, text) == expected


@each(
    "text",
    [
        '{"vr":"XX"}',
        '{"vr":"XX","Value":[]}',
        '{"vr":"XX","Value":[null]}',
        '{"vr":"US","Value":[true]}',
        '{"vr":"US","Value":[{"a":"b"},"c"]}',
        '{"vr":"US","Value":[["a"]]}',
        '{"vr":"US","Value":{"a":"b"}}',
        '{"vr":"XX","InlineBinary":"no base64"}',
        '{"vr":"XX","InlineBinary":["AAE="]}',
        '{"vr":"XX","InlineBinary":1234}',
        '{"vr":"OB","BulkDataURI":["a","b"]}',
        '{"vr":"OB","DataFragment":[{"InlineBinary":"!!"}]}',
        '{"vr":"LO","Value":["a",false]}',
        '{"vr":"LO","Value":["a",{}]}',
        '{"vr":5,"Value":["a"],"InlineBinary":"AAE="}',
        '{"vr":5,"Value":["a"],"Value":["b"]}',
        '{"vr":5,"Value":["a"],"vr":"LO"}',
        r'{"vr":"LO","Value":["\ud800"]}',
        '["a"]',
        '"\u00e9"',
        "5",
        "no JSON",
        "[" * 100_000,
        '{"Value":' + "[" * 100_000,
    ],
    ids=lambda text: text[:40],
)
def test_other_json_is_encoded_as_its_text(text: str) -> None:
    data = text.encode()
    assert json_field(_TAG, text) == data + b" " * (len(data) % 2)


def test_non_standard_specific_character_set_is_empty() -> None:
    assert json_field(0x00080005, '{"vr":"CS","Value":[5]}') == b""


def test_half_of_a_surrogate_pair_cannot_be_encoded() -> None:
    with pytest.raises(UnicodeEncodeError):
        json_field(_TAG, '"\ud800"')
