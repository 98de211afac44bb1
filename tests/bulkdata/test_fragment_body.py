"""Fragments in a multipart body, and malformed bodies."""

from __future__ import annotations

import email
import email.policy
import tracemalloc
from collections.abc import Iterator
from itertools import repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamdicom.bulkdata.fragment_body import read_fragments, write_fragments
from streamdicom.errors import BulkDataError
from tests.support.each import each

LINE = b"\r\n"


def body(*fragments: bytes) -> bytes:
    return b"".join(write_fragments([(len(data), [data]) for data in fragments]))


def parts(data: bytes, segment: int = 5) -> list[bytes]:
    segments = (data[start : start + segment] for start in range(0, len(data), segment))
    result = []
    for length, part in read_fragments(segments):
        result.append(b"".join(part))
        assert len(result[-1]) == length
    return result


@given(st.lists(st.binary(max_size=40), max_size=5), st.integers(1, 200))
def test_fragments_are_read_back_for_any_segments(fragments: list[bytes], segment: int) -> None:
    assert parts(body(*fragments), segment) == fragments


def test_boundary_in_the_data_is_ignored() -> None:
    nested = body(b"a", b"b")
    assert parts(body(b"", nested, LINE + nested + LINE)) == [b"", nested, LINE + nested + LINE]


def test_body_is_mime() -> None:
    data = body(b"", b"abc", bytes(range(128, 256)))
    boundary = data[2 : data.index(LINE)]
    header = b'Content-Type: multipart/related; boundary="' + boundary + b'"' + LINE + LINE
    message = email.message_from_bytes(header + data, policy=email.policy.HTTP)
    assert [part.get_payload(decode=True) for part in message.iter_parts()] == [b"", b"abc", bytes(range(128, 256))]
    assert not message.defects


def test_body_of_another_writer_is_read() -> None:
    text = b"--x\r\ncontent-length:  2 \r\nContent-Type: image/jpeg\r\n\r\nab\r\n"
    text += b"--x\r\nContent-Length: 0\r\n\r\n\r\n--x--\r\n"
    assert parts(text) == [b"ab", b""]
    assert parts(text + b"epilogue") == [b"ab", b""]


HEAD = b"--x\r\nContent-Length: 2\r\n\r\n"
WRONG = {
    "nothing": b"",
    "no boundary": b"abc\r\n",
    "an empty boundary": b"--\r\n",
    "no line end": b"--x",
    "no end of the headers": b"--x\r\nContent-Length: 2\r\n",
    "no length": b"--x\r\nContent-Type: a/b\r\n\r\nab\r\n--x--\r\n",
    "two lengths": b"--x\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nab\r\n--x--\r\n",
    "a negative length": b"--x\r\nContent-Length: -2\r\n\r\nab\r\n--x--\r\n",
    "a length of letters": b"--x\r\nContent-Length: two\r\n\r\nab\r\n--x--\r\n",
    "a length beyond 32 bits": b"--x\r\nContent-Length: 4294967295\r\n\r\nab",
    "a length of many digits": b"--x\r\nContent-Length: " + b"9" * 900 + b"\r\n\r\nab",
    "too short": HEAD + b"a",
    "too long": HEAD + b"abc\r\n--x--\r\n",
    "no line end after the data": HEAD + b"ab--x--\r\n",
    "no last boundary": HEAD + b"ab\r\n",
    "another boundary": HEAD + b"ab\r\n--y--\r\n",
    "a line that is too long": b"--" + b"x" * 2000 + b"\r\n",
    "too many headers": b"--x\r\n" + b"A: b\r\n" * 100 + b"Content-Length: 2\r\n\r\nab\r\n--x--\r\n",
}


@each("data", WRONG.values(), ids=WRONG.keys())
@each("segment", [1, 7, 10000])
def test_malformed_body_is_an_error(data: bytes, segment: int) -> None:
    with pytest.raises(BulkDataError) as caught:
        parts(data, segment)
    assert "two" not in str(caught.value)


@each("start", [b"", b"--x\r\n", HEAD])
def test_memory_is_bounded_for_malformed_bodies(start: bytes) -> None:
    def segments() -> Iterator[bytes]:
        yield start
        yield from repeat(b"a" * 1000, 20_000)

    tracemalloc.start()
    try:
        with pytest.raises(BulkDataError):
            for _, part in read_fragments(segments()):
                for _ in part:
                    pass
        assert tracemalloc.get_traced_memory()[1] < 1024 * 1024
    finally:
        tracemalloc.stop()
