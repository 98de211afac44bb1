"""Compressed streams: pieces, members, truncation, damage and expansion."""

from __future__ import annotations

import bz2
import gzip
import lzma
import random
import zlib
from collections.abc import Callable

import pytest

from streamdicom import InputError, LimitError, Limits, TruncatedError
from streamdicom.io import Expansion
from streamdicom.io.compression import Decompressor, compression_of, decompress, new_compressor
from tests.support.each import each

zstandard = pytest.importorskip("zstandard")

_KINDS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "zstd": zstandard.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
}
_TEXT = b"".join(b"%d " % random.Random(1).getrandbits(40) for _ in range(10_000)) + random.Random(2).randbytes(90_000)


def _cut(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


@pytest.mark.parametrize("size", [1, 7, 1000, 10**9])
@pytest.mark.parametrize("kind", _KINDS)
def test_compressed_data_is_decompressed_from_pieces_of_any_size(kind: str, size: int) -> None:
    data = _KINDS[kind](_TEXT)
    assert compression_of(data) == kind
    assert b"".join(decompress(_cut(data, size), kind)) == _TEXT


@each("size", [1, 1000, 10**9])
@each("kind", _KINDS)
def test_several_members_and_padding_are_accepted(kind: str, size: int) -> None:
    data = _KINDS[kind](b"one ") + _KINDS[kind](b"") + _KINDS[kind](b"two") + b"\0" * 700
    assert b"".join(decompress(_cut(data, size), kind)) == b"one two"


@each("kind", _KINDS)
def test_truncated_stream_is_an_error(kind: str) -> None:
    data = _KINDS[kind](_TEXT[:300])
    for cut in range(len(data)):
        with pytest.raises(TruncatedError, match=f"the {kind} stream stops before its end"):
            list(decompress([data[:cut]], kind))


@each("kind", _KINDS)
def test_data_after_the_last_member_is_an_error(kind: str) -> None:
    with pytest.raises(InputError, match=f"the {kind} stream is damaged"):
        list(decompress([_KINDS[kind](b"[]") + b"something else that follows"], kind))


@pytest.mark.parametrize("kind", ["gzip", "bzip2", "xz"])
def test_damaged_stream_is_an_error(kind: str) -> None:
    data = bytearray(_KINDS[kind](_TEXT))
    data[len(data) // 2] ^= 0xFF
    with pytest.raises(InputError):
        list(decompress([bytes(data)], kind))


@pytest.mark.parametrize("kind", _KINDS)
@pytest.mark.slow
def test_pieces_are_short_at_any_expansion_ratio(kind: str) -> None:
    data = _KINDS[kind](bytes(20_000_000))
    total = 0
    for piece in decompress([data], kind):
        assert len(piece) <= 65536
        total += len(piece)
    assert total == 20_000_000


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
def test_compressed_output_is_reproducible_and_standard(kind: str) -> None:
    members = []
    for _ in range(2):
        compressor = new_compressor(kind)
        members.append(b"".join(compressor.compress(part) for part in _cut(_TEXT, 999)) + compressor.flush())
    assert members[0] == members[1]
    decompressed = gzip.decompress(members[0]) if kind == "gzip" else zstandard.decompress(members[0], len(_TEXT))
    assert decompressed == _TEXT


def test_text_is_not_detected_as_compressed() -> None:
    assert compression_of(b'[{"00100010"') is None
    assert compression_of(b"") is None


@pytest.mark.parametrize("size", [1, 1000, 10**9])
def test_deflate_is_the_zlib_format_as_in_http(size: int) -> None:
    assert b"".join(decompress(_cut(zlib.compress(_TEXT), size), "deflate")) == _TEXT
    with pytest.raises(InputError, match="the deflate stream is damaged"):
        list(decompress([zlib.compress(_TEXT, wbits=-15)], "deflate"))


def test_window_of_a_zstd_frame_is_limited() -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=24)
    data = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    frame = data.compress(_TEXT) + data.flush()
    assert b"".join(Decompressor("zstd").feed(frame)) == _TEXT
    with pytest.raises(InputError, match="the zstd stream is damaged"):
        list(Decompressor("zstd", window=2**23).feed(frame))


def test_unknown_compression_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="gzip or zstd"):
        new_compressor("rar")


@pytest.mark.parametrize("size", [1, 1000, 10**9])
@pytest.mark.parametrize("kind", ["gzip", "deflate", "zstd"])
def test_expansion_ends_at_the_same_byte_for_any_cut(kind: str, size: int) -> None:
    data = {**_KINDS, "deflate": zlib.compress}[kind](bytes(40_000_000))
    decompressor = Decompressor(kind, expansion=Expansion(Limits(max_expansion_ratio=3)), free=1000)
    count = 0
    with pytest.raises(LimitError, match=r"Limits\.max_expansion_ratio"):
        for start in range(0, len(data), size):
            for piece in decompressor.feed(data[start : start + size]):
                assert 0 < len(piece) <= 64 * 1024
                count += len(piece)
    assert count > 0
    assert (count - 1000) % (3 * 16 * 1024) == 0


def test_text_with_the_header_of_zlib_is_not_compressed() -> None:
    assert compression_of(b"x\x9c is not a stream of zlib") is None
    assert compression_of(zlib.compress(b"[]")) == "deflate"
    assert compression_of(zlib.compress(b"[]", wbits=9)) == "deflate"
