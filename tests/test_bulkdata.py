"""Base64 in pieces, against the base64 module."""

from __future__ import annotations

import base64
from itertools import pairwise

import pytest

from streamdicom.bulkdata import Base64Decoder, decode_base64

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
    return b"".join([decoder.feed(piece) for piece in pieces]) + decoder.close()


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
    assert [decoder.feed(piece) for piece in ("AAE", "C", "A", "wQFBg=")] == [
        b"",
        b"",
        bytes(range(3)),
        bytes([3, 4, 5]),
    ]
    assert decoder.feed("=") == b""
    assert decoder.close() == bytes([6])
