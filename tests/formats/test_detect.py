"""The format and the compression of a stream, by its first bytes."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import zstandard
from hypothesis import example, given
from hypothesis import strategies as st
from pydicom.data import get_testdata_file

import streamdicom
from streamdicom import (
    DicomJsonError,
    InputError,
    JsonSyntaxError,
    LimitError,
    Limits,
    ReadOptions,
    TruncatedError,
    XmlSyntaxError,
)
from streamdicom.events import Event
from streamdicom.formats import EMPTY, HEAD_SIZE, UNKNOWN, EventParser, Expander, detect, expand, recognize
from streamdicom.io import Expansion
from tests.support.each import each

_JSON = b'{"00100020":{"vr":"LO","Value":["17"]}}'
_XML = (
    b'<NativeDicomModel><DicomAttribute tag="00100020" vr="LO"><Value number="1">17</Value></DicomAttribute>'
    b"</NativeDicomModel>"
)
_MARK = b"\xef\xbb\xbf"
_FILE = Path(get_testdata_file("CT_small.dcm")).read_bytes()

_ID = b"\x10\x00\x20\x00LO\x02\x0017"
_EXPLICIT = b"\x08\x00\x05\x00CS\x0a\x00ISO_IR 100" + _ID
_META = b"\x02\x00\x10\x00UI\x14\x001.2.840.10008.1.2.1\x00" + _ID
_WITHOUT_PREAMBLE = {
    "explicit": _EXPLICIT,
    "implicit": b"\x08\x00\x05\x00\x0a\x00\x00\x00ISO_IR 100\x10\x00\x20\x00\x02\x00\x00\x0017",
    "big endian": b"\x00\x08\x00\x05CS\x00\x0aISO_IR 100\x00\x10\x00\x20LO\x00\x0217",
    "file meta information": _META,
    "long": _EXPLICIT + b"\x10\x00\x10\x40LT" + len(bytes(200)).to_bytes(2, "little") + b" " * 200,
}

_TEXTS = [
    _JSON,
    b"[" + _JSON + b"]",
    _JSON + b"\n",
    b" \t\r\n" + _JSON,
    _MARK + _JSON,
    b"/* one */" + _JSON,
    b"// one\n" + _JSON,
    _XML,
    b'<?xml version="1.0"?>' + _XML,
    b"\n " + _XML,
    _MARK + _XML,
    b" " * 1000 + _XML,
    _XML.decode().encode("utf-16"),
    b"\xfe\xff" + _XML.decode().encode("utf-16-be"),
]


def _deflated(data: bytes) -> bytes:
    """Return a raw deflate stream (RFC 1951)."""
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(data) + compressor.flush()


_COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "zstd": zstandard.compress,
    "deflate": zlib.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "raw deflate": _deflated,
}


def _bytes(stream: bytes) -> list[bytes]:
    return [stream[at : at + 1] for at in range(len(stream))]


def _cuts(stream: bytes) -> Iterator[list[bytes]]:
    """Cut a stream in several ways, once into bytes within its head and its end."""
    head, end = HEAD_SIZE + 1000, max(HEAD_SIZE + 1000, len(stream) - 100)
    middle = [stream[at : min(at + 500, end)] for at in range(head, end, 500)]
    yield [stream]
    yield [*_bytes(stream[:head]), *middle, *_bytes(stream[end:])]
    yield [b"", stream[:2], b"", stream[2:]]
    yield [stream[:131], stream[131:133], stream[133:]]


def _events(chunks: list[bytes], options: ReadOptions | None = None) -> list[Event]:
    parser = EventParser(options=options)
    events = [event for chunk in expand(chunks, Expansion(Limits())) for event in parser.feed(chunk)] + parser.close()
    assert parser.error is None
    return events


def _values(chunks: list[bytes], options: ReadOptions | None = None) -> list[object]:
    return [value for kind, tag, _, value in _events(chunks, options) if kind == 3 and tag == 0x00100020]


@each("stream", _TEXTS, ids=range(len(_TEXTS)))
def test_text_is_recognized_however_it_is_cut(stream: bytes) -> None:
    options = ReadOptions(deviations={"comment": "ignore"})
    for chunks in _cuts(stream):
        assert _values(chunks, options) == [("17",)]


@each("compression", _COMPRESSIONS)
@each("stream", [*_TEXTS[:2], _XML, _EXPLICIT])
def test_compressed_stream_is_recognized_however_it_is_cut(stream: bytes, compression: str) -> None:
    compressed = _COMPRESSIONS[compression](stream)
    for chunks in _cuts(compressed):
        assert _values(chunks) == [("17",)]


@pytest.mark.parametrize("compression", [None, *_COMPRESSIONS])
def test_dicom_file_is_recognized_however_it_is_cut(compression: str | None) -> None:
    data = _COMPRESSIONS[compression](_FILE) if compression else _FILE
    first, *others = [_events(chunks) for chunks in _cuts(data)]
    assert all(other == first for other in others)
    assert {tag >> 16 for kind, tag, _, _ in first if kind == 3} >= {0x0002, 0x0008, 0x0010}


@each("stream", _WITHOUT_PREAMBLE.values(), ids=_WITHOUT_PREAMBLE)
def test_dicom_file_without_preamble_is_recognized(stream: bytes) -> None:
    for chunks in _cuts(stream):
        assert _values(chunks) == [("17",)]


@pytest.mark.parametrize(
    "start", [b"\x1f\x8b\x08\x00", b"BZh9", b"\x28\xb5\x2f\xfd", b"II*\x00", b"    ", zlib.compress(_JSON)]
)
def test_preamble_may_hold_anything_binary(start: bytes) -> None:
    data = start + _FILE[len(start) :]
    expected = _events([_FILE])
    for chunks in _cuts(data):
        assert _events(chunks) == expected


def test_prefix_without_preamble_is_a_dicom_file() -> None:
    for chunks in _cuts(_FILE[128:]):
        assert _events(chunks) == _events([_FILE])
    assert detect(b"DICM is a prefix of files", is_all=True) == UNKNOWN


@each("level", [0, 1, 9])
@each("name", ["CT_small.dcm", "MR_small_bigendian.dcm", "JPEG2000.dcm", "rtplan.dcm"])
def test_raw_deflate_streams_of_whole_files_are_recognized(name: str, level: int) -> None:
    data = Path(get_testdata_file(name)).read_bytes()
    text = streamdicom.dumps(streamdicom.load(data)).encode()
    for content in (data, text):
        compressor = zlib.compressobj(level, wbits=-zlib.MAX_WBITS)
        stream = compressor.compress(content) + compressor.flush()
        assert detect(stream[:HEAD_SIZE], is_all=len(stream) <= HEAD_SIZE) == "raw deflate"


@given(st.binary(max_size=2000))
@example(_deflated(b"[]"))
@example(_deflated(b"text"))
@example(_deflated(bytes(100_000)))
def test_other_bytes_are_no_raw_deflate_stream(stream: bytes) -> None:
    assert detect(stream, is_all=True) != "raw deflate"


def test_other_files_without_preamble_need_force() -> None:
    for chunks in _cuts(_ID):
        with pytest.raises(InputError, match="not DICOM JSON, Native DICOM XML or a DICOM file"):
            _events(chunks)
        assert _values(chunks, ReadOptions(force=True)) == [("17",)]


@each(
    "stream",
    [b"studies.json", b"root:x:0:0::/root:/bin/sh\n" * 9, b"17", b'"a"', b"null", b"}", b"\0\1", b"/etc", bytes(200)],
)
def test_other_streams_are_refused(stream: bytes) -> None:
    for chunks in _cuts(stream):
        with pytest.raises(InputError, match="not DICOM JSON, Native DICOM XML or a DICOM file") as caught:
            _events(chunks)
        assert caught.value.location.byte_offset == 0


def test_zip_file_names_the_function_that_reads_it() -> None:
    for chunks in _cuts(b"PK\x03\x04" + bytes(200)):
        with pytest.raises(InputError, match=r"a ZIP file; streamdicom\.archive\.iter_datasets\(\)"):
            _events(chunks)


def test_refusal_is_sticky() -> None:
    parser = EventParser()
    with pytest.raises(InputError) as first:
        parser.feed(b"x" * 200)
    for attempt in (parser.close, lambda: parser.feed(_JSON)):
        with pytest.raises(InputError) as again:
            attempt()
        assert again.value is first.value is parser.error


@each("stream", [b"", b" ", _MARK])
def test_empty_stream_is_truncated(stream: bytes) -> None:
    parser = EventParser()
    assert parser.feed(stream) == []
    with pytest.raises(TruncatedError) as caught:
        parser.close()
    assert parser.error is caught.value
    assert caught.value.location.byte_offset == len(stream)


def test_truncated_preamble_is_truncated() -> None:
    data = bytes(128) + _FILE[128:]
    for size in (1, 131, 140, 1000):
        for chunks in _cuts(data[:size]):
            with pytest.raises(TruncatedError):
                _events(chunks, ReadOptions(deviations={"truncated": "error"}))


def test_text_after_much_white_space_is_json() -> None:
    for chunks in ([b" " * 1025 + _XML], [*[b" "] * 1025, _XML]):
        with pytest.raises(JsonSyntaxError) as caught:
            _events(chunks)
        assert caught.value.location.byte_offset == 1025


def test_byte_offset_counts_held_bytes() -> None:
    for cut in range(8):
        stream = b"  \n[1 "
        with pytest.raises(DicomJsonError) as caught:
            _events([stream[:cut], stream[cut:]])
        assert caught.value.location.byte_offset == 4


def test_format_may_be_forced() -> None:
    assert _values([_XML], ReadOptions(format="xml")) == [("17",)]
    assert _values([_EXPLICIT], ReadOptions(format="dicom")) == [("17",)]
    with pytest.raises(JsonSyntaxError):
        _events([_XML], ReadOptions(format="json"))
    with pytest.raises(XmlSyntaxError):
        _events([_JSON], ReadOptions(format="xml"))
    with pytest.raises(InputError, match="DICOM file"):
        _events([_JSON * 10], ReadOptions(format="dicom"))


def test_parser_refuses_compressed_streams() -> None:
    with pytest.raises(InputError, match=r"gzip.*iter_events"):
        EventParser().feed(gzip.compress(_FILE))


@given(st.binary(max_size=300), st.lists(st.integers(0, 300)))
def test_content_does_not_depend_on_cuts(stream: bytes, cuts: list[int]) -> None:
    bounds = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    chunks = [stream[start:end] for start, end in pairwise(bounds)]
    content, _, whole = recognize(chunks)
    assert b"".join(whole) == stream
    assert content == recognize([stream])[0] == recognize(stream[at : at + 1] for at in range(len(stream)))[0]


def test_no_more_is_read_than_needed() -> None:
    remaining = iter([b" ", b"\n", b"[", b"]"])
    assert recognize(remaining)[0] == "json"
    assert list(remaining) == [b"]"]


def test_held_bytes_are_bounded() -> None:
    expander = Expander(Expansion(Limits()))
    for byte in _MARK + b" " * 1100:
        list(expander.feed(bytes([byte])))
    assert list(expander.feed(b"x")) == [b"x"]
    assert detect(b"") is None
    assert (detect(b"", is_all=True), detect(b"x", is_all=True)) == (EMPTY, UNKNOWN)


@pytest.mark.parametrize("compression", ["gzip", "zstd", "deflate"])
@pytest.mark.slow
def test_expansion_is_bounded(compression: str) -> None:
    bombs = [_COMPRESSIONS[compression](b"[" + b" " * size + b"]") for size in (60_000_000, 80_000_000)]

    def size(number: int, ratio: int) -> int:
        return sum(map(len, expand([bombs[number]], Expansion(Limits(max_expansion_ratio=ratio)))))

    with pytest.raises(LimitError, match=r"Limits\.max_expansion_ratio") as caught:
        size(1, 10)
    assert caught.value.limit == "max_expansion_ratio"
    assert size(1, 10**6) == 80_000_002
    assert size(0, 1) == 60_000_002


def test_truncated_and_damaged_compressed_streams_are_reported() -> None:
    data = gzip.compress(b"[" + _JSON * 1 + b"]")
    with pytest.raises(TruncatedError, match="gzip"):
        list(streamdicom.iter_datasets(data[:-4]))
    with pytest.raises(InputError, match="damaged"):
        list(streamdicom.iter_datasets(data[:15] + bytes(20)))
