"""Compressed streams in bounded pieces, told by their first bytes.

However much a stream expands, a piece of what comes out of it is never longer than ``_MOST``, so that a few bytes
that stand for a great many cost time and no memory.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from typing import Any, Protocol

from streamdicom.errors import InputError, TruncatedError

__all__ = ["Compressor", "compression_of", "decompress", "new_compressor"]

_MOST = 64 * 1024
_GZIP = 16 + zlib.MAX_WBITS
_LZMA_MEMORY = 128 * 1024 * 1024  # what the preset 9 of xz asks for, twice
_ZSTD_LEVEL = 3  # the default of the command line tool
_GZIP_LEVEL = 6

# RFC 1952, RFC 8878, bzip2, the .xz file format 1.2
_MAGICS = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz"}


def compression_of(start: bytes) -> str | None:
    r"""What a stream is compressed with, by its first bytes; None if it is not.

    >>> compression_of(b"\x1f\x8b\x08\x00")
    'gzip'
    """
    return next((kind for magic, kind in _MAGICS.items() if start.startswith(magic)), None)


class Compressor(Protocol):
    """What compresses one member of a stream; members may follow one another."""

    def compress(self, data: bytes, /) -> bytes:
        """Take the next bytes; return those that are ready."""

    def flush(self) -> bytes:
        """End the member; return the rest of it."""


def new_compressor(kind: str) -> Compressor:
    """Start a member of a gzip file (RFC 1952) or a frame of zstd (RFC 8878).

    The same bytes always make the same member: there is no time or name in it.

    Raises:
        ValueError: The kind is another, or what it needs is not installed.

    >>> compressor = new_compressor("gzip")
    >>> zlib.decompress(compressor.compress(b"[]") + compressor.flush(), 31)
    b'[]'
    """
    if kind == "gzip":
        return zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP)
    if kind != "zstd":
        raise ValueError(f"gzip or zstd is what an output is compressed with, not {kind}")
    module = _zstd()
    if module.__name__ == "zstandard":
        compressor: Compressor = module.ZstdCompressor(level=_ZSTD_LEVEL).compressobj()
    else:
        compressor = module.ZstdCompressor(level=_ZSTD_LEVEL)
    return compressor


def _zstd() -> Any:
    """The package ``zstandard``, or what Python has from 3.14 on."""
    for name in ("zstandard", "compression.zstd"):
        try:
            return import_module(name)
        except ModuleNotFoundError:
            continue
    raise ValueError('zstd needs a package; install "streamdicom[zstd]"')


class _Decompressor(Protocol):
    """The part of the standard library's decompressors that is used here."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Zlib:
    """zlib in the manner of bz2 and lzma."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(_GZIP)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, max_length)


class _Zstandard:
    """The package zstandard in the manner of bz2 and lzma.

    It knows no greatest length, but four bytes stand for 128 KiB at most (RFC 8878 3.1.1.2): so it gets few at a time.
    """

    _FEW = 64

    def __init__(self, module: Any) -> None:
        self._inner = module.ZstdDecompressor(max_window_size=2**27).decompressobj()
        self._held = memoryview(b"")

    @property
    def eof(self) -> bool:
        return bool(self._inner.eof)

    @property
    def needs_input(self) -> bool:
        return not self._held

    @property
    def unused_data(self) -> bytes:
        return bytes(self._inner.unused_data) + bytes(self._held)

    def decompress(self, data: bytes, max_length: int) -> bytes:
        if data:
            self._held = memoryview(bytes(self._held) + data)
        found = b""
        while self._held and not found and not self.eof:
            few, self._held = self._held[: self._FEW], self._held[self._FEW :]
            found = self._inner.decompress(few)
        return found


def _new_zstd() -> _Decompressor:
    module = _zstd()
    if module.__name__ == "zstandard":
        return _Zstandard(module)
    decompressor: _Decompressor = module.ZstdDecompressor()
    return decompressor


_DECOMPRESSORS: dict[str, Callable[[], _Decompressor]] = {
    "gzip": _Zlib,
    "zstd": _new_zstd,
    "bzip2": bz2.BZ2Decompressor,
    "xz": lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_LZMA_MEMORY),
}


def decompress(chunks: Iterable[bytes], kind: str) -> Iterator[bytes]:
    """What a compressed stream holds, in pieces of bounded length; members may follow one another.

    Raises:
        TruncatedError: The stream ends within a member.
        InputError: The stream is damaged, or something else follows.
        ValueError: What the kind needs is not installed.

    >>> compressor = new_compressor("gzip")
    >>> b"".join(decompress([compressor.compress(b"[]") + compressor.flush()], "gzip"))
    b'[]'
    """
    new = _DECOMPRESSORS[kind]
    decompressor: _Decompressor | None = new()
    for chunk in chunks:
        data = chunk
        while data or (decompressor is not None and not decompressor.needs_input):
            if decompressor is None:
                data = data.lstrip(b"\0")  # which pad what was written to a tape
                if not data:
                    break
                decompressor = new()
            yield from _piece(decompressor, data, kind)
            data = b""
            if decompressor.eof:
                data, decompressor = decompressor.unused_data, None
    if decompressor is not None:
        raise TruncatedError(f"the {kind} stream stops before its end")


def _piece(decompressor: _Decompressor, data: bytes, kind: str) -> Iterator[bytes]:
    try:
        found = decompressor.decompress(data, _MOST)
    except MemoryError:
        raise
    except Exception as error:  # each library has an exception of its own
        raise InputError(f"the {kind} stream is damaged") from error
    for start in range(0, len(found), _MOST):
        yield found[start : start + _MOST]
