"""What the header fields of a request say of its body, and of a part of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from python_multipart.multipart import parse_options_header

from streamdicom.errors import LimitError, RequestError
from streamdicom.io import Decompressor
from streamdicom.limits import Limits

JSON, NDJSON, XML, FILE = "json", "ndjson", "xml", "file"

_KINDS = {
    "application/dicom+json": JSON,
    "application/json": JSON,
    "application/x-ndjson": NDJSON,
    "application/dicom+xml": XML,
    "application/dicom": FILE,
}
_TAKEN = (
    "application/dicom+json, application/json, application/x-ndjson, application/dicom+xml, application/dicom, "
    'multipart/related with type="application/dicom+json", "application/dicom+xml" or "application/dicom"'
)
_CHARSETS = frozenset({"utf-8", "utf8", "iso_ir 192", "us-ascii"})
_CODINGS = {"": "", "identity": "", "gzip": "gzip", "x-gzip": "gzip", "deflate": "deflate", "zstd": "zstd"}


def media_type(value: str) -> tuple[str, dict[str, str]]:
    """A media type and its parameters (RFC 9110 8.3.1), their names in lower case.

    >>> media_type('Multipart/Related; type="application/dicom"; boundary=x')
    ('multipart/related', {'type': 'application/dicom', 'boundary': 'x'})
    """
    # The parser takes the characters of a header field as bytes (RFC 9110 5.5).
    name, parameters = parse_options_header(value.encode(errors="surrogateescape").decode("latin-1"))
    return name.strip().decode("latin-1"), {
        key.strip().decode("latin-1").lower(): text.decode("latin-1") for key, text in parameters.items()
    }


@dataclass(frozen=True, slots=True)
class Content:
    """What a body, or the metadata in it, is.

    Attributes:
        kind: ``JSON``, ``NDJSON``, ``XML`` or ``FILE``.
        boundary: Of a multipart body; None of another.
        coding: What the body is compressed with, or nothing.
    """

    kind: str
    boundary: bytes | None = None
    coding: str = ""

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> Content:
        """What the header fields of a request say.

        Raises:
            RequestError: It is nothing that is taken here.

        >>> Content.of({"content-type": "application/dicom+json"}).kind
        'json'
        """
        coding = _CODINGS.get(headers.get("content-encoding", "").strip().lower())
        if coding is None:
            raise RequestError("a Content-Encoding other than gzip, deflate and zstd, or more than one", 415)
        name, parameters = media_type(headers.get("content-type", ""))
        boundary = None
        if name == "multipart/related":
            boundary = parameters.get("boundary", "").encode("latin-1")
            name, _ = media_type(parameters.get("type", ""))  # of the root (RFC 2387 3.1)
        kind = kind_of(name, parameters)
        if kind is None or (boundary is not None and kind == NDJSON):
            raise RequestError(f"the media type is missing, or none of those that are taken: {_TAKEN}", 415)
        return cls(kind, boundary, coding)


def kind_of(name: str, parameters: Mapping[str, str]) -> str | None:
    """What a media type says of a body or a part; None if it is none of those that are known here.

    Raises:
        RequestError: Text that is not in UTF-8.

    >>> kind_of("application/dicom", {})
    'file'
    """
    kind = _KINDS.get(name)
    # PS3.18 F.2: the DICOM JSON Model is in UTF-8.
    if kind not in (None, FILE) and parameters.get("charset", "utf-8").lower() not in _CHARSETS:
        raise RequestError("a charset other than UTF-8", 415)
    return kind


# --- content codings -------------------------------------------------------------------------------------------

PIECE = 16 * 1024
"""Bytes that the readers take at once."""
_FREE = 1024 * 1024
_WINDOW = 8 * 1024 * 1024  # which all who decode zstd must have, and none need exceed (RFC 9659)


class ContentDecoder:
    """A push parser of a body that may be compressed (RFC 9110 8.4.1).

    Args:
        coding: "gzip", "deflate" or "zstd", or nothing.
        limits: ``max_expansion_ratio`` bounds what comes out.

    Raises:
        RequestError: What the coding needs is not installed.

    >>> b"".join(ContentDecoder("", Limits()).feed(b"[]"))
    b'[]'
    """

    def __init__(self, coding: str, limits: Limits) -> None:
        self._most = limits.max_expansion_ratio
        self._taken = self._given = 0
        try:
            self._decompressor = Decompressor(coding, window=_WINDOW) if coding else None
        except ValueError:
            raise RequestError(f"the Content-Encoding {coding} is not taken here", 415) from None

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What the next bytes hold, in pieces of 16 KiB or less; all must be taken before the next call.

        Raises:
            InputError: The body is damaged.
            LimitError: It expands too much.
        """
        # What is allowed grows at the same places of the body, however it is cut.
        start = 0
        while start < len(data):
            part = data[start : start + PIECE - self._taken % PIECE]
            start += len(part)
            if self._decompressor is None:
                yield part
            else:
                yield from self._expanded(self._decompressor, part)
            self._taken += len(part)

    def _expanded(self, decompressor: Decompressor, part: bytes) -> Iterator[bytes]:
        allowed = _FREE + self._most * (self._taken // PIECE + 1) * PIECE
        for piece in decompressor.feed(part):
            most = allowed - self._given
            self._given += len(piece)
            for start in range(0, min(len(piece), most), PIECE):
                yield piece[start : min(start + PIECE, most)]
            if len(piece) > most:
                raise LimitError(
                    f"a body that expands to more than {self._most} times its length", "max_expansion_ratio"
                )

    def close(self) -> None:
        """Say that the body has ended.

        Raises:
            TruncatedError: What it is compressed with is not complete.
        """
        if self._decompressor is not None:
            self._decompressor.close()
