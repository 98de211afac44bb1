"""Incremental base64, compared with the base64 module."""

from __future__ import annotations

import base64
from itertools import pairwise

import pytest

from streamdicom.jsontext.base64 import Base64Decoder, Base64Encoder, decode_base64, encode_base64
from tests.support.each import each
from tests.support.engines import both_engines as both_engines

DATA = [bytes(range(length)) for length in range(9)] + [b"\xff" * 7, b"\xfb\xf0\x00"]

NOT_BASE64 = {
    "one character": "A",
    "five characters": "AAAAA",
    "no padding": "AA",
    "half of the padding": "AA=",
    "padding only": "====",
    "one character and padding": "A===",
    "padding after a group": "AAAA=",
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
    "half of a surrogate pair": "AAA\ud800",
}


def decode(pieces: list[str]) -> bytes:
    decoder = Base64Decoder()
    data = b"".join([decoder.feed(piece) for piece in pieces])
    decoder.close()
    return data


def splits(text: str) -> list[list[str]]:
    """Return the text whole, in single characters, and in two or three pieces."""
    places = [sorted((i, j)) for i in range(len(text) + 1) for j in range(i, len(text) + 1)]
    return [[text], list(text), *([text[a:b] for a, b in pairwise([0, *cuts, len(text)])] for cuts in places)]


@each("data", DATA, ids=bytes.hex)
def test_bytes_do_not_depend_on_the_pieces(data: bytes) -> None:
    text = base64.b64encode(data).decode()
    assert base64.b64decode(text, validate=True) == data
    assert decode_base64(text) == data
    for pieces in splits(text):
        assert decode(pieces) == data


@each("data", DATA, ids=bytes.hex)
def test_text_does_not_depend_on_the_pieces(data: bytes) -> None:
    text = base64.b64encode(data).decode()
    assert encode_base64(data) == encode_base64(memoryview(data)) == text
    for cut in range(len(data) + 1):
        encoder = Base64Encoder()
        assert encoder.encode(data[:cut]) + encoder.encode(memoryview(data)[cut:], final=True) == text


@each("value", [3, "AAEC", None])
def test_only_bytes_are_encoded(value: object) -> None:
    with pytest.raises(TypeError):
        encode_base64(value)  # type: ignore[arg-type]


def test_unused_bits_are_ignored() -> None:
    assert decode_base64("AB==") == decode(["AB", "=="]) == base64.b64decode("AB==", validate=True)


@each("text", NOT_BASE64.values(), ids=NOT_BASE64.keys())
def test_malformed_text_is_an_error_in_any_pieces(text: str) -> None:
    for pieces in splits(text):
        with pytest.raises(ValueError, match="base64"):
            decode(pieces)


@each("text", NOT_BASE64.values(), ids=NOT_BASE64.keys())
def test_malformed_text_is_an_error_as_a_whole(text: str) -> None:
    with pytest.raises(ValueError, match="not base64"):
        decode_base64(text)


OTHER_FORMS = {
    "no padding": ("AAE", b"\0\1"),
    "no padding of one byte": ("AA", b"\0"),
    "half of the padding": ("AA=", b"\0"),
    "too much padding": ("AAE==", b"\0\1"),
    "url-safe alphabet": ("--__", b"\xfb\xef\xff"),
    "lines": ("AAEC\r\nAwQF\r\n", bytes(range(6))),
    "white space within a group": ("A A\tE\n=", b"\0\1"),
    "white space after the padding": ("AAE=\r\n", b"\0\1"),
    "white space only": (" \n", b""),
}


@each(("text", "data"), OTHER_FORMS.values(), ids=OTHER_FORMS.keys())
def test_other_forms_are_accepted_in_any_pieces_if_lenient(text: str, data: bytes) -> None:
    for pieces in splits(text):
        decoder = Base64Decoder(is_lenient=True)
        assert b"".join([*map(decoder.feed, pieces), decoder.close()]) == data
        assert decoder.is_odd


@each("text", ["A", "AAAAA", "A===", "====", "AA==AAAA", "AA=A", "AAA\u00e9", "AAA\0", "AA*="])
def test_malformed_text_is_an_error_even_if_lenient(text: str) -> None:
    for pieces in splits(text):
        decoder = Base64Decoder(is_lenient=True)
        with pytest.raises(ValueError, match="base64"):
            _ = [*map(decoder.feed, pieces), decoder.close()]


@each("data", DATA, ids=bytes.hex)
def test_standard_form_is_not_odd_if_lenient(data: bytes) -> None:
    for pieces in splits(base64.b64encode(data).decode()):
        decoder = Base64Decoder(is_lenient=True)
        assert b"".join([*map(decoder.feed, pieces), decoder.close()]) == data
        assert not decoder.is_odd


def test_complete_groups_are_decoded_at_once() -> None:
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


def test_data_after_the_padding_is_an_error() -> None:
    decoder = Base64Decoder()
    assert decoder.feed("AA==") + decoder.feed("") == bytes(1)
    with pytest.raises(ValueError, match="after the padding"):
        decoder.feed("AAAA")
