"""Elements kept with values that a format cannot hold in their VR.

By ``WriteOptions.on_error``, the values are kept as text with a backslash between them, in VR UT. Bytes, and text that
the format cannot hold either, are kept as bytes.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from itertools import chain

from streamdicom._typing import Any, BinaryIO
from streamdicom.formats.target import pieces, write_fully

TEXT_VR = "UT"
"""The VR of values that are kept as text."""

BYTES_VR = "OB"
"""The VR of values that are kept as bytes in a file, where readers would give UN the VR of the dictionary."""

UNKNOWN_VR = "UN"
"""The VR of values that are kept as bytes in JSON and XML."""

_SURROGATES = "surrogatepass"  # halves of surrogate pairs, which UTF-8 does not have


def kept_bytes(values: Iterable[Any]) -> bytes:
    r"""Return the values of an element as text in UTF-8, or as bytes.

    >>> kept_bytes((None, 65536)), kept_bytes((("a=b", "", "c"), ("1==", "", ""))), kept_bytes((b"a", b"\xff"))
    (b'\\65536', b'a=b==c\\1==', b'a\\\xff')
    """
    return b"\\".join([_bytes_of(value) for value in values])


def kept_text(values: Iterable[Any]) -> str | None:
    r"""Return the values of an element as one text, or None for bytes.

    >>> kept_text((1.5, 1e39)), kept_text((b"a",))
    ('1.5\\1e+39', None)
    """
    return None if any(isinstance(value, bytes) for value in values) else _text(kept_bytes(values))


def _text(data: bytes) -> str:
    return data.decode("utf-8", _SURROGATES)


def _bytes_of(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, tuple):
        size = max((number for number, group in enumerate(value, 1) if group), default=0)
        return b"=".join([_bytes_of(group) for group in value[:size]])
    return b"" if value is None else str(value).encode("utf-8", _SURROGATES)


def padding_of(is_text: bool, length: int) -> bytes:
    """Return the byte that makes the length of text even."""
    return b" " if is_text and length & 1 else b""


class KeptValues:
    """The values of an element, in a temporary file.

    Args:
        file: The temporary file, with the text so far in UTF-8.
        is_value_complete: Whether that text ends with a complete value.

    Attributes:
        has_bytes: Whether some of the values are bytes.
    """

    def __init__(self, file: BinaryIO, *, is_value_complete: bool = False) -> None:
        self._file = file
        self._is_value_complete = is_value_complete
        self.has_bytes = False

    def close(self) -> None:
        """Close the temporary file."""
        self._file.close()

    def add_values(self, values: tuple[Any, ...]) -> None:
        """Add complete values."""
        if values:
            self._add(values, is_value_complete=True)

    def add_segment(self, segment: Any, *, final: bool) -> None:
        """Add a segment of a value."""
        self._add((segment,), is_value_complete=final)

    def _add(self, values: tuple[Any, ...], *, is_value_complete: bool) -> None:
        self.has_bytes = self.has_bytes or any(isinstance(value, bytes) for value in values)
        write_fully(self._file, b"\\" * self._is_value_complete + kept_bytes(values))
        self._is_value_complete = is_value_complete

    def texts(self) -> Iterator[str]:
        """Yield the text in pieces of bounded size, from its start."""
        decoder = codecs.getincrementaldecoder("utf-8")(_SURROGATES)
        for piece in chain(self.pieces(), (b"",)):
            yield decoder.decode(piece, not piece)

    def pieces(self) -> Iterator[bytes]:
        """Yield the bytes in pieces of bounded size, from the start."""
        self._file.seek(0)
        yield from pieces(self._file)
