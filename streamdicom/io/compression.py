"""Compressed streams in bounded pieces.

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

_MOST = 64 * 1024
_GZIP = 16 + zlib.MAX_WBITS
_LZMA_MEMORY = 128 * 1024 * 1024  # what the preset 9 of xz asks for, twice
_WINDOW = 128 * 1024 * 1024  # of zstd: what ``--long`` asks for
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


class _Member(Protocol):
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

    def __init__(self, wbits: int) -> None:
        self._inner = zlib.decompressobj(wbits)
        self._may_have_more = False

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail and not self._may_have_more

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        found = self._inner.decompress(self._inner.unconsumed_tail + data, max_length)
        self._may_have_more = len(found) == max_length
        return found


class _Zstandard:
    """The package zstandard in the manner of bz2 and lzma.

    It knows no greatest length, but four bytes stand for 128 KiB at most (RFC 8878 3.1.1.2): so it gets few at a time.
    """

    _FEW = 64

    def __init__(self, module: Any, window: int) -> None:
        self._inner = module.ZstdDecompressor(max_window_size=window).decompressobj()
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


def _new_zstd(window: int) -> _Member:
    module = _zstd()
    if module.__name__ == "zstandard":
        return _Zstandard(module, window)
    most = {module.DecompressionParameter.window_log_max: window.bit_length() - 1}
    decompressor: _Member = module.ZstdDecompressor(options=most)
    return decompressor


_MEMBERS: dict[str, Callable[[int], _Member]] = {
    "gzip": lambda _: _Zlib(_GZIP),
    "deflate": lambda _: _Zlib(zlib.MAX_WBITS),  # RFC 1950, which HTTP means by it (RFC 9110 8.4.1.2)
    "zstd": _new_zstd,
    "bzip2": lambda _: bz2.BZ2Decompressor(),
    "xz": lambda _: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_LZMA_MEMORY),
}


class Decompressor:
    """A push parser of a compressed stream; members may follow one another.

    Args:
        kind: "gzip", "deflate", "zstd", "bzip2" or "xz".
        window: Bytes that a frame of zstd may ask to be held (RFC 8878 3.1.1.1.2), a power of two.

    Raises:
        ValueError: What the kind needs is not installed.

    >>> decompressor = Decompressor("deflate")
    >>> b"".join(decompressor.feed(zlib.compress(b"[]")))
    b'[]'
    >>> decompressor.close()
    """

    def __init__(self, kind: str, *, window: int = _WINDOW) -> None:
        self._kind = kind
        self._window = window
        self._member: _Member | None = _MEMBERS[kind](window)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What the next bytes hold, in pieces of bounded length; all of them must be taken before the next call.

        Raises:
            InputError: The stream is damaged, or something else follows.
        """
        while data or (self._member is not None and not self._member.needs_input):
            if self._member is None:
                data = data.lstrip(b"\0")  # which pad what was written to a tape
                if not data:
                    break
                self._member = _MEMBERS[self._kind](self._window)
            yield from self._piece(self._member, data)
            data = b""
            if self._member.eof:
                data, self._member = self._member.unused_data, None

    def _piece(self, member: _Member, data: bytes) -> Iterator[bytes]:
        try:
            found = member.decompress(data, _MOST)
        except MemoryError:
            raise
        except Exception as error:  # each library has an exception of its own
            raise InputError(f"the {self._kind} stream is damaged") from error
        for start in range(0, len(found), _MOST):
            yield found[start : start + _MOST]

    def close(self) -> None:
        """Say that the stream has ended.

        Raises:
            TruncatedError: It has ended within a member.
        """
        if self._member is not None:
            raise TruncatedError(f"the {self._kind} stream stops before its end")


def decompress(chunks: Iterable[bytes], kind: str) -> Iterator[bytes]:
    """What a compressed stream holds, as ``Decompressor`` gives it.

    Raises:
        TruncatedError: The stream ends within a member.
        InputError: The stream is damaged, or something else follows.
        ValueError: What the kind needs is not installed.

    >>> compressor = new_compressor("gzip")
    >>> b"".join(decompress([compressor.compress(b"[]") + compressor.flush()], "gzip"))
    b'[]'
    """
    decompressor = Decompressor(kind)
    for chunk in chunks:
        yield from decompressor.feed(chunk)
    decompressor.close()
