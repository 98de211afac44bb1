"""What header fields say of a body, and bodies that are compressed."""

from __future__ import annotations

import gzip
import zlib

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from streamdicom import LimitError, Limits, RequestError, TruncatedError
from streamdicom.web.content import FILE, JSON, NDJSON, XML, Content, ContentDecoder, media_type

_MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("headers", "content"),
    [
        ({"content-type": "application/dicom+json"}, Content(JSON)),
        ({"content-type": "application/json;charset=utf8"}, Content(JSON)),
        ({"content-type": "application/x-ndjson", "content-encoding": " GZIP "}, Content(NDJSON, None, "gzip")),
        ({"content-type": " Application/DICOM+XML ; Charset=US-ASCII"}, Content(XML)),
        ({"content-type": "application/dicom; transfer-syntax=1.2.840.10008.1.2.4.50"}, Content(FILE)),
        (
            {"content-type": 'Multipart/Related; boundary="a;b"; type="application/dicom+json"; charset=utf-8'},
            Content(JSON, b"a;b"),
        ),
        # As many send it, without the quotes that a slash needs (RFC 9110 5.6.6).
        ({"content-type": "multipart/related;type=application/dicom+xml;boundary=b"}, Content(XML, b"b")),
        ({"content-type": "multipart/related; type=application/dicom"}, Content(FILE, b"")),
    ],
    ids=lambda value: repr(value),
)
def test_a_body_is_what_its_header_fields_say(headers: dict[str, str], content: Content) -> None:
    assert Content.of(headers) == content


@pytest.mark.parametrize(
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
def test_what_is_not_taken_is_told_with_415(headers: dict[str, str]) -> None:
    with pytest.raises(RequestError) as caught:
        Content.of(headers)
    assert caught.value.status == 415


@given(st.text(max_size=60) | st.text(alphabet=' ;="\\\\,a/*', max_size=60))
def test_whatever_a_media_type_is_it_is_read(value: str) -> None:
    name, parameters = media_type(value)
    assert name == name.strip(" \t")
    assert all(key == key.lower() for key in parameters)


def _expanded(coding: str, data: bytes, size: int, limits: Limits) -> tuple[int, str]:
    """How much comes out, and the error that ends it."""
    decoder = ContentDecoder(coding, limits)
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
def test_what_expands_too_much_ends_at_the_same_byte_however_it_is_cut(coding: str) -> None:
    data = _CODINGS[coding](bytes(64 * _MIB))
    for ratio in (2, 200):
        outcomes = {_expanded(coding, data, size, Limits(max_expansion_ratio=ratio)) for size in (13, 4096, len(data))}
        [(total, error)] = outcomes
        assert "Limits.max_expansion_ratio" in error
        # A MiB is free, and more is allowed for each 16 KiB that has begun.
        assert total < 64 * _MIB
        assert (total - _MIB) % (ratio * 16 * 1024) == 0


@pytest.mark.parametrize("coding", _CODINGS)
def test_a_mebibyte_is_free(coding: str) -> None:
    data = _CODINGS[coding](bytes(_MIB))
    assert _expanded(coding, data, len(data), Limits(max_expansion_ratio=1)) == (_MIB, "")


def test_a_frame_of_zstd_may_not_ask_for_more_than_all_must_have() -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=24)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    data = compressor.compress(bytes(1000)) + compressor.flush()
    with pytest.raises(ValueError, match="the zstd stream is damaged"):
        list(ContentDecoder("zstd", Limits()).feed(data))
