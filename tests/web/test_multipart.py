"""Multipart bodies: whole and cut, well-formed and malformed (RFC 2046)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamdicom import InputError, TruncatedError
from streamdicom.errors import RequestError
from streamdicom.web.multipart import DATA, END, START, MultipartParser
from tests.support.each import each
from tests.support.memory import peak

_BODY = (
    b"--x\r\nContent-Type: application/dicom+json\r\nContent-ID: <a>\r\n\r\n[]\r\n"
    b"--x\r\nContent-Location: b\r\n\r\n\r\n--y\r\n\r\n-\r\r\n--\r\n"
    b"--x\r\n\r\n\r\n"
    b"--x--"
)
_PARTS = [
    ({"content-type": "application/dicom+json", "content-id": "<a>"}, b"[]"),
    ({"content-location": "b"}, b"\r\n--y\r\n\r\n-\r\r\n--"),
    ({}, b""),
]


def _parts(pieces: Iterable[bytes], boundary: bytes = b"x") -> list[tuple[dict[str, str], bytes]]:
    """Return the complete parts."""
    parser = MultipartParser(boundary)
    events = [event for piece in pieces for event in parser.feed(piece)]
    parser.close()
    return _joined(events)


def _joined(events: Iterable[tuple[int, Any]]) -> list[tuple[dict[str, str], bytes]]:
    parts: list[tuple[dict[str, str], bytes]] = []
    data = b""
    for kind, value in events:
        if kind == START:
            headers, data = value, b""
        elif kind == DATA:
            assert value
            data += value
        else:
            assert kind == END
            parts.append((headers, data))
    return parts


def _cut(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


def _outcome(pieces: Iterable[bytes]) -> tuple[list[tuple[dict[str, str], bytes]], str]:
    """Return the parts before an error, and its message."""
    parser = MultipartParser(b"x")
    events = []
    try:
        for piece in pieces:
            events += parser.feed(piece)
        parser.close()
    except InputError as error:
        return _joined(events), str(error)
    return _joined(events), ""


@each("size", [1, 2, 3, 5, 17, 10_000])
@each(
    ("preamble", "epilogue"),
    [(b"", b""), (b"\r\n", b"\r\n"), (b"Pre-amble --x\r\n-\r\n", b"  \r\nan epilogue\r\n--x\r\n"), (b"\r\n\r\n", b"x")],
)
def test_parts_do_not_depend_on_cuts(size: int, preamble: bytes, epilogue: bytes) -> None:
    assert _parts(_cut(preamble + _BODY + epilogue, size)) == _PARTS


@each("size", [1, 7, 10_000])
def test_boundary_of_seventy_characters_with_trailing_white_space(size: int) -> None:
    boundary = b"a (b)+_,-./:=?'" * 4 + b"0123456789"
    assert len(boundary) == 70
    body = b"--%b\r\n\r\n1\r\n--%b \t\r\n\r\n2\r\n--%b--" % (boundary, boundary, boundary)
    assert [data for _, data in _parts(_cut(body, size), boundary)] == [b"1", b"2"]


@each("boundary", [b"", b"a" * 71, b"a ", b"a\r\nb", b'"', b"\xe4"], ids=repr)
def test_missing_or_malformed_boundary_is_an_error(boundary: bytes) -> None:
    with pytest.raises(RequestError, match="boundary") as caught:
        MultipartParser(boundary)
    assert caught.value.status == 400


@pytest.mark.parametrize("size", [1, 10_000])
def test_truncated_body_delivers_complete_parts(size: int) -> None:
    for length in range(len(_BODY)):
        parts, fault = _outcome(_cut(_BODY[:length], size))
        assert parts == _PARTS[: len(parts)]
        assert fault in (
            "the multipart body stops before its closing boundary",
            "the multipart body does not contain the boundary of its Content-Type",
        )
    with pytest.raises(TruncatedError):
        _parts([_BODY[:-1]])


@each("size", [1, 10_000])
@each(
    ("body", "fault"),
    [
        (b"", "does not contain the boundary"),
        (b"--y\r\n\r\n1\r\n--y--", "does not contain the boundary"),
        (_BODY.replace(b"\r\n", b"\n"), "malformed"),
        (b"--xyz\r\n\r\n1\r\n--xyz--", "malformed"),
        (b"--x\r\nno colon\r\n\r\n1\r\n--x--", "malformed"),
        (b"--x\r\n: 1\r\n\r\n1\r\n--x--", "malformed"),
        (b"--x\r\na: 1\nb: 2\r\n\r\n1\r\n--x--", ""),
        (b"--x\r\na: 1\r\n folded\r\n\r\n1\r\n--x--", "malformed"),
        (b"--x\r\na: 1\r\nA: 2\r\n\r\n1\r\n--x--", "malformed"),
        (b"--x\r\na: \xff\r\n\r\n1\r\n--x--", "malformed"),
        (b"--x\r\na: 1\r\n\r\n--x\r\n\r\n2\r\n--x--", "malformed"),
        (b"--x\r\na: 1\r\n\r\n--x--", "malformed|closing boundary"),
        (b"--x\r\na: %b\r\n\r\n1\r\n--x--" % (b"b" * 1100), "more than 1024 bytes"),
        (b"--x\r\n%b: 1\r\n\r\n1\r\n--x--" % (b"b" * 1100), "more than 1024 bytes"),
        (b"--x\r\n%b\r\n1\r\n--x--" % b"".join(b"a%d: 1\r\n" % n for n in range(33)), "more than 32 headers"),
        (b"-" * 70_000, "65536"),
        (b"a" * 70_000 + b"\r\n" + _BODY, "65536"),
        (b"a" * 65_534 + b"\r\n" + _BODY, ""),
        (b"a" * 65_535 + b"\r\n" + _BODY, "65536"),
    ],
    ids=lambda value: repr(value[:40]),
)
def test_error_of_malformed_body_does_not_depend_on_cuts(size: int, body: bytes, fault: str) -> None:
    found = _outcome(_cut(body, size))
    if fault:
        assert re.search(fault, found[1])
    assert found == _outcome([body])


def test_bytes_of_a_malformed_body_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    for body in (b"--x\r\nDoe^Jane\r\n\r\n1\r\n--x--", b"--xyz\r\n\r\n1\r\n--xyz--", b"--x\r\n: 1\r\n\r\n1\r\n--x--"):
        assert "malformed" in _outcome([body])[1]
    assert _outcome([_BODY + b"\r\nDoe^Jane"]) == _outcome([_BODY])
    assert not caplog.records


def test_error_is_sticky() -> None:
    parser = MultipartParser(b"x")
    assert len(parser.feed(b"--x\r\n\r\n1\r\n--x\r\n: 2\r\n")) == 3
    for _ in range(2):
        with pytest.raises(RequestError, match="malformed") as caught:
            parser.feed(b"")
        assert caught.value.status == 400
    with pytest.raises(RequestError, match="malformed"):
        parser.close()


@pytest.mark.memory
@pytest.mark.slow
def test_memory_holds_only_the_headers_of_a_part() -> None:
    def read() -> None:
        parser = MultipartParser(b"x")
        parser.feed(b"--x\r\n\r\n")
        for _ in range(500):
            parser.feed(bytes(65536))
        for _ in range(500):
            parser.feed(b"\r\n--" * 16384)

    assert peak(read) < 1024 * 1024


_TOKENS = st.lists(
    st.sampled_from([b"--x", b"\r\n", b"\r", b"\n", b"-", b"--", b"a: 1", b":", b"", b"x", b" ", b"\r\n--x\r\n", b"1"]),
    max_size=14,
).map(b"".join)


@given(_TOKENS, st.data())
def test_outcome_of_random_body_does_not_depend_on_cuts(body: bytes, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(body)))
    whole = _outcome([body])
    assert _outcome([body[:cut], body[cut:]]) == whole
    assert _outcome(_cut(body, 1)) == whole


@given(st.lists(st.binary(max_size=40).filter(lambda data: b"--x" not in data), min_size=1, max_size=4))
def test_part_contents_round_trip(contents: list[bytes]) -> None:
    body = b"".join(b"--x\r\n\r\n%b\r\n" % content for content in contents) + b"--x--"
    for size in (1, 3, 1000):
        assert [data for _, data in _parts(_cut(body, size))] == contents
