"""Compressed streams, read and written in pieces of bounded size.

A decompressor never yields more than 16 KiB at once, so a few bytes that expand to a great many cost time
and no memory. ``Expansion`` bounds the time.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from importlib import import_module

from streamdicom._push import PIECE_SIZE
from streamdicom._typing import Any, Protocol
from streamdicom.errors import InputError, TruncatedError
from streamdicom.io.expansion import Expansion

_GZIP = 16 + zlib.MAX_WBITS
_MAX_LZMA_MEMORY = 128 * 1024 * 1024  # twice the needs of xz preset 9
_WINDOW = 128 * 1024 * 1024  # of zstd, as with ``--long``
_ZSTD_LEVEL = 3  # the default of the command line tool
_GZIP_LEVEL = 6

FREE_SIZE = 1024 * 1024
"""Bytes that the body of an HTTP message of any size may expand to."""

# RFC 1952, RFC 8878, bzip2, the .xz file format 1.2
_MAGICS = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz"}

RAW_DEFLATE = "raw deflate"
"""The compression of a stream of RFC 1951, which has no header."""

COMPRESSION_SUFFIXES = {".gz": "gzip", ".zst": "zstd"}
"""The suffixes of compressed outputs, each with its compression."""


def compression_of(start: bytes) -> str | None:
    r"""Return the compression of a stream by its first bytes, or None.

    A zlib stream has no magic number, only a header of two bytes with a checksum of five bits (RFC 1950 2.2), so
    its first bytes must also decompress.

    >>> compression_of(b"\x1f\x8b\x08\x00")
    'gzip'
    >>> compression_of(zlib.compress(b"[]"))
    'deflate'
    """
    kind = next((kind for magic, kind in _MAGICS.items() if start.startswith(magic)), None)
    return "deflate" if kind is None and _is_zlib(start) else kind


def _is_zlib(start: bytes) -> bool:
    if len(start) < 2 or start[0] & 0x0F != zlib.DEFLATED or start[1] & 0x20 or (start[0] << 8 | start[1]) % 31:
        return False
    with suppress(zlib.error):
        zlib.decompressobj().decompress(start, 1)
        return True
    return False


def inflated(start: bytes) -> Iterator[bytes]:
    """Yield the contents of ever longer starts of a raw deflate stream.

    Raises:
        InputError: The bytes are not such a stream.

    >>> compressor = zlib.compressobj(wbits=-15)
    >>> [*inflated(compressor.compress(b"[]") + compressor.flush())][-1]
    b'[]'
    """
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    content = b""
    for byte in start:
        try:
            content += inflater.decompress(bytes([byte]))
        except zlib.error as error:
            raise InputError("the raw deflate stream is damaged") from error
        yield content


class Compressor(Protocol):
    """Compresses one member of a stream; members may follow one another."""

    def compress(self, data: bytes, /) -> bytes:
        """Take the next bytes; return those that are ready."""

    def flush(self) -> bytes:
        """End the member; return the rest of it."""


def new_compressor(kind: str) -> Compressor:
    """Start a member of a gzip file (RFC 1952) or a frame of zstd (RFC 8878).

    The output is reproducible: it holds no time stamp and no file name.

    Raises:
        ValueError: The kind is neither "gzip" nor "zstd", or the package for it is not installed.

    >>> compressor = new_compressor("gzip")
    >>> zlib.decompress(compressor.compress(b"[]") + compressor.flush(), 31)
    b'[]'
    """
    if kind == "gzip":
        return zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP)
    if kind != "zstd":
        raise ValueError(f"expected gzip or zstd as compression of an output, found {kind}")
    module = _zstd()
    if module.__name__ == "zstandard":
        compressor: Compressor = module.ZstdCompressor(level=_ZSTD_LEVEL).compressobj()
    else:
        compressor = module.ZstdCompressor(level=_ZSTD_LEVEL)
    return compressor


def _zstd() -> Any:
    """Import the package ``zstandard``, or the module of Python 3.14."""
    for name in ("zstandard", "compression.zstd"):
        try:
            return import_module(name)
        except ModuleNotFoundError:
            continue
    raise ValueError('zstd needs a package; install "streamdicom[zstd]"')


class _Member(Protocol):
    """The interface of decompressors in ``bz2``, ``lzma`` and ``compression.zstd``."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Zlib:
    """Adapter of zlib to ``_Member``."""

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
    """Adapter of the package zstandard to ``_Member``.

    The package takes no ``max_length``. Four bytes expand to 128 KiB at most (RFC 8878 3.1.1.2), so it is fed
    ``_STEP`` bytes at a time.
    """

    _STEP = 64

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
            step, self._held = self._held[: self._STEP], self._held[self._STEP :]
            found = self._inner.decompress(step)
        return found


def _new_zstd(window: int) -> _Member:
    module = _zstd()
    if module.__name__ == "zstandard":
        return _Zstandard(module, window)
    options = {module.DecompressionParameter.window_log_max: window.bit_length() - 1}
    decompressor: _Member = module.ZstdDecompressor(options=options)
    return decompressor


def _new_bzip2(_: int) -> _Member:
    from bz2 import BZ2Decompressor

    return BZ2Decompressor()


def _new_xz(_: int) -> _Member:
    from lzma import FORMAT_XZ, LZMADecompressor

    return LZMADecompressor(FORMAT_XZ, memlimit=_MAX_LZMA_MEMORY)


_MEMBERS: dict[str, Callable[[int], _Member]] = {
    "gzip": lambda _: _Zlib(_GZIP),
    "deflate": lambda _: _Zlib(zlib.MAX_WBITS),  # RFC 1950, as in HTTP (RFC 9110 8.4.1.2)
    RAW_DEFLATE: lambda _: _Zlib(-zlib.MAX_WBITS),
    "zstd": _new_zstd,
    "bzip2": _new_bzip2,
    "xz": _new_xz,
}

COMPRESSIONS = frozenset(_MEMBERS)
"""The compressions that ``Decompressor`` reads."""


class Decompressor:
    """A push parser of a compressed stream; members may follow one another.

    Args:
        kind: One of ``COMPRESSIONS``.
        window: Bytes that a frame of zstd may ask to be held (RFC 8878 3.1.1.1.2), a power of two.
        expansion: Bounds the output; None for no bound.
        free: Bytes that a stream of any size may expand to.
        on_member: Called at the start of each member but the first, with the bytes of input and of output before it.

    Raises:
        ValueError: The package for the compression is not installed.

    >>> decompressor = Decompressor("deflate")
    >>> b"".join(decompressor.feed(zlib.compress(b"[]")))
    b'[]'
    >>> decompressor.close()
    """

    def __init__(
        self,
        kind: str,
        *,
        window: int = _WINDOW,
        expansion: Expansion | None = None,
        free: float = FREE_SIZE,
        on_member: Callable[[int, int], object] | None = None,
    ) -> None:
        self._kind = kind
        self._window = window
        self._free = free
        self._expansion = expansion
        self._is_outermost = expansion is not None and expansion.claim()
        self._on_member = on_member
        self._size = 0  # bytes of the output that count
        self._taken = 0  # bytes of the input
        self._returned = 0  # bytes of the output
        self._member: _Member | None = _MEMBERS[kind](window)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the contents of the next bytes, in pieces of at most 16 KiB.

        The iterator must be exhausted before the next call.

        Raises:
            InputError: The stream is damaged, or followed by something else.
            LimitError: The stream expands too much.
        """
        if self._expansion is None:
            yield from self._pieces(data)
        elif self._is_outermost:
            for block in self._expansion.blocks(data):
                yield from self._bounded(block, self._expansion)
                self._expansion.count(len(block))
        else:
            yield from self._bounded(data, self._expansion)

    def _bounded(self, data: bytes, expansion: Expansion) -> Iterator[bytes]:
        pieces = self._pieces(data)
        for piece in expansion.bounded(pieces, f"the {self._kind} stream", self._free - self._size):
            self._size += len(piece)
            yield piece

    def _pieces(self, data: bytes) -> Iterator[bytes]:
        self._taken += len(data)
        while data or (self._member is not None and not self._member.needs_input):
            if self._member is None:
                data = data.lstrip(b"\0")  # the padding of tapes
                if not data:
                    break
                self._member = _MEMBERS[self._kind](self._window)
                if self._on_member is not None:
                    self._on_member(self._taken - len(data), self._returned)
            yield from self._decompress(self._member, data)
            data = b""
            if self._member.eof:
                data, self._member = self._member.unused_data, None

    def _decompress(self, member: _Member, data: bytes) -> Iterator[bytes]:
        try:
            found = member.decompress(data, PIECE_SIZE)
        except MemoryError:
            raise
        except Exception as error:  # each library has an exception of its own
            raise InputError(f"the {self._kind} stream is damaged") from error
        self._returned += len(found)
        for start in range(0, len(found), PIECE_SIZE):
            yield found[start : start + PIECE_SIZE]

    def close(self) -> None:
        """Declare the end of the stream.

        Raises:
            TruncatedError: The stream ended within a member.
        """
        if self._member is not None:
            raise TruncatedError(f"the {self._kind} stream stops before its end")


def decompress(chunks: Iterable[bytes], kind: str) -> Iterator[bytes]:
    """Yield the contents of a compressed stream of any size; see ``Decompressor``.

    Raises:
        TruncatedError: The stream ends within a member.
        InputError: The stream is damaged, or followed by something else.
        ValueError: The package for the compression is not installed.

    >>> compressor = new_compressor("gzip")
    >>> b"".join(decompress([compressor.compress(b"[]") + compressor.flush()], "gzip"))
    b'[]'
    """
    decompressor = Decompressor(kind)
    for chunk in chunks:
        yield from decompressor.feed(chunk)
    decompressor.close()
