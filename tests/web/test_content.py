"""Header fields of bodies, and compressed bodies."""

from __future__ import annotations

import gzip
import zlib

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from streamdicom import LimitError, Limits, TruncatedError
from streamdicom.errors import RequestError
from streamdicom.io import Expansion
from streamdicom.web.content import DICOM, JSON, NDJSON, XML, Content, ContentDecoder, parse_media_type
from tests.support.each import each

_MIB = 1024 * 1024


@each(
    ("headers", "content"),
    [
        ({"content-type": "application/dicom+json"}, Content(JSON)),
        ({"content-type": "application/json;charset=utf8"}, Content(JSON)),
        ({"content-type": "application/x-ndjson", "content-encoding": " GZIP "}, Content(NDJSON, None, "gzip")),
        ({"content-type": " Application/DICOM+XML ; Charset=US-ASCII"}, Content(XML)),
        ({"content-type": "application/dicom; transfer-syntax=1.2.840.10008.1.2.4.50"}, Content(DICOM)),
        (
            {"content-type": 'Multipart/Related; boundary="a;b"; type="application/dicom+json"; charset=utf-8'},
            Content(JSON, b"a;b"),
        ),
        # Many clients omit the quotes that a slash needs (RFC 9110 5.6.6).
        ({"content-type": "multipart/related;type=application/dicom+xml;boundary=b"}, Content(XML, b"b")),
        ({"content-type": "multipart/related; type=application/dicom"}, Content(DICOM, b"")),
    ],
    ids=lambda value: repr(value),
)
def test_content_is_read_from_header_fields(headers: dict[str, str], content: Content) -> None:
    assert Content.from_headers(headers) == content


@each(
    "headers",
    [
        {},
        {"content-type": ""},
        {"content-type": "application/octet-stream"},
        {"content-type": "multipart/related"},
        {"content-type": "multipart/related; type=application/x-ndjson; boundary=b"},
        {"content-type": "multipart/mixed; type=application/dicom; boundary=b"},
        {"content-type": "application/json; charset=utf-16"},
        {"content-type": "application/json", "content-encoding": "compress"},
        {"content-type": "application/json", "content-encoding": "gzip, zstd"},
    ],
    ids=repr,
)
def test_unsupported_content_has_status_415(headers: dict[str, str]) -> None:
    with pytest.raises(RequestError) as caught:
        Content.from_headers(headers)
    assert caught.value.status == 415


@given(st.text(max_size=60) | st.text(alphabet=' ;="\\\\,a/*', max_size=60))
def test_any_media_type_is_parsed(value: str) -> None:
    name, parameters = parse_media_type(value)
    assert name == name.strip(" \t")
    assert all(key == key.lower() for key in parameters)


def _expanded(coding: str, data: bytes, size: int, limits: Limits) -> tuple[int, str]:
    """Return the decoded size, and the message of the error that ends it."""
    decoder = ContentDecoder(coding, Expansion(limits))
    total = 0
    try:
        for start in range(0, len(data), size):
            for piece in decoder.feed(data[start : start + size]):
                assert 0 < len(piece) <= 16 * 1024
                total += len(piece)
        decoder.close()
    except (LimitError, TruncatedError) as error:
        return total, str(error)
    return total, ""


_CODINGS = {"gzip": gzip.compress, "deflate": zlib.compress, "zstd": zstandard.compress}


@pytest.mark.parametrize("coding", _CODINGS)
def test_expansion_limit_does_not_depend_on_cuts(coding: str) -> None:
    data = _CODINGS[coding](bytes(64 * _MIB))
    for ratio in (2, 200):
        outcomes = {_expanded(coding, data, size, Limits(max_expansion_ratio=ratio)) for size in (13, 4096, len(data))}
        [(total, error)] = outcomes
        assert "Limits.max_expansion_ratio" in error
        # One MiB is free; each started block of 16 KiB allows more.
        assert total < 64 * _MIB
        assert (total - _MIB) % (ratio * 16 * 1024) == 0


@each("coding", _CODINGS)
def test_first_mebibyte_is_not_limited(coding: str) -> None:
    data = _CODINGS[coding](bytes(_MIB))
    assert _expanded(coding, data, len(data), Limits(max_expansion_ratio=1)) == (_MIB, "")


def test_zstd_window_is_limited_to_8_mib() -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=24)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    data = compressor.compress(bytes(1000)) + compressor.flush()
    with pytest.raises(ValueError, match="the zstd stream is damaged"):
        list(ContentDecoder("zstd", Expansion(Limits())).feed(data))
