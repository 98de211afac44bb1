"""Base64 in pieces, against the base64 module; what becomes of which value."""

from __future__ import annotations

import base64
from itertools import pairwise

import pytest

from streamdicom.bulkdata.policy import BulkDataAction, BulkDataPolicy
from streamdicom.dicom.vr import VRS
from streamdicom.jsontext.base64 import Base64Decoder, decode_base64

DATA = [bytes(range(length)) for length in range(9)] + [b"\xff" * 7, b"\xfb\xf0\x00"]

NOT_BASE64 = {
    "one character": "A",
    "five characters": "AAAAA",
    "no padding": "AA",
    "half of the padding": "AA=",
    "padding only": "====",
    "one character and padding": "A===",
    "padding behind a group": "AAAA=",
    "a group of padding": "AAAA====",
    "too much padding": "AAA==",
    "padding in the middle": "AA==AAAA",
    "padding within a group": "AA=A",
    "white space": "AAA A",
    "white space within": "AA AAAAA",
    "line feed": "AAAA\n",
    "url-safe alphabet": "AA-_",
    "beyond ASCII": "AAA\u00e9",
    "nul": "AAA\0",
}


def decode(pieces: list[str]) -> bytes:
    decoder = Base64Decoder()
    data = b"".join([decoder.feed(piece) for piece in pieces])
    decoder.close()
    return data


def splits(text: str) -> list[list[str]]:
    """The text whole, in single characters, and cut in two or three anywhere."""
    places = [sorted((i, j)) for i in range(len(text) + 1) for j in range(i, len(text) + 1)]
    return [[text], list(text), *([text[a:b] for a, b in pairwise([0, *cuts, len(text)])] for cuts in places)]


@pytest.mark.parametrize("data", DATA, ids=bytes.hex)
def test_the_bytes_do_not_depend_on_the_cuts(data: bytes) -> None:
    text = base64.b64encode(data).decode()
    assert base64.b64decode(text, validate=True) == data
    assert decode_base64(text) == data
    for pieces in splits(text):
        assert decode(pieces) == data


def test_bits_behind_the_data_are_ignored() -> None:
    assert decode_base64("AB==") == decode(["AB", "=="]) == base64.b64decode("AB==", validate=True)


@pytest.mark.parametrize("text", NOT_BASE64.values(), ids=NOT_BASE64.keys())
def test_what_is_not_base64_is_an_error_however_it_is_cut(text: str) -> None:
    for pieces in splits(text):
        with pytest.raises(ValueError, match="base64"):
            decode(pieces)


@pytest.mark.parametrize("text", NOT_BASE64.values(), ids=NOT_BASE64.keys())
def test_what_is_not_base64_is_an_error_whole(text: str) -> None:
    with pytest.raises(ValueError, match="not base64"):
        decode_base64(text)


def test_what_is_known_is_decoded_at_once() -> None:
    decoder = Base64Decoder()
    assert [decoder.feed(piece) for piece in ("AAE", "C", "", "A", "wQFBg=")] == [
        b"",
        bytes(range(3)),
        b"",
        b"",
        bytes([3, 4, 5]),
    ]
    assert decoder.feed("=") == bytes([6])
    decoder.close()


def test_nothing_goes_on_behind_the_padding() -> None:
    decoder = Base64Decoder()
    assert decoder.feed("AA==") + decoder.feed("") == bytes(1)
    with pytest.raises(ValueError, match="behind its padding"):
        decoder.feed("AAAA")


# --- the policy --------------------------------------------------------------------------------------------------

BULK_VRS = {"DS", "FL", "FD", "IS", "LT", "OB", "OD", "OF", "OL", "OV", "OW", "SL", "SS", "ST", "SV", "UC", "UL", "UN"}
BULK_VRS |= {"US", "UT", "UV"}  # PS3.18 F.2.2
BINARY = {"OB", "OD", "OF", "OL", "OV", "OW", "UN"}
TAG = 0x00091001


@pytest.mark.parametrize("vr", sorted(VRS))
def test_by_size_only_binary_values_are_stored(vr: str) -> None:
    policy = BulkDataPolicy(threshold=10)
    assert policy.action(TAG, vr, 10) is BulkDataAction.INLINE
    assert policy.action(TAG, vr, 11) is (BulkDataAction.STORE if vr in BINARY else BulkDataAction.INLINE)


@pytest.mark.parametrize("vr", sorted(VRS))
@pytest.mark.parametrize("action", BulkDataAction)
def test_a_tag_goes_before_a_vr_and_a_vr_before_the_size(vr: str, action: BulkDataAction) -> None:
    by_vr = dict.fromkeys(BULK_VRS, action)
    expected = action if vr in BULK_VRS else BulkDataAction.INLINE
    for size in (0, 10**9):
        assert BulkDataPolicy(by_vr=by_vr).action(TAG, vr, size) is expected
        for other in BulkDataAction:
            policy = BulkDataPolicy(by_vr=by_vr, by_tag={TAG: other})
            assert policy.action(TAG, vr, size) is (other if vr in BULK_VRS else BulkDataAction.INLINE)
            assert policy.action(TAG + 1, vr, size) is expected


@pytest.mark.parametrize("vr", ["PN", "SQ", "AT", "UI", "XX", ""])
def test_a_vr_that_has_no_bulk_data_has_no_rule(vr: str) -> None:
    with pytest.raises(ValueError, match="BulkDataURI"):
        BulkDataPolicy(by_vr={vr: BulkDataAction.STORE})


def test_a_negative_threshold_is_refused() -> None:
    with pytest.raises(ValueError, match="threshold"):
        BulkDataPolicy(threshold=-1)
