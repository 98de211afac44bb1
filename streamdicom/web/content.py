"""Content-Type, charset and Content-Encoding of HTTP bodies and their parts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from python_multipart.multipart import parse_options_header

from streamdicom.errors import LimitError, RequestError
from streamdicom.io import Decompressor, Expansion
from streamdicom.limits import Limits

JSON, NDJSON, XML, DICOM = "json", "ndjson", "xml", "dicom"

_KINDS = {
    "application/dicom+json": JSON,
    "application/json": JSON,
    "application/x-ndjson": NDJSON,
    "application/dicom+xml": XML,
    "application/dicom": DICOM,
}
_SUPPORTED_TYPES = (
    "application/dicom+json, application/json, application/x-ndjson, application/dicom+xml, application/dicom, "
    'multipart/related with type="application/dicom+json", "application/dicom+xml" or "application/dicom"'
)
_CHARSETS = frozenset({"utf-8", "utf8", "iso_ir 192", "us-ascii"})
_CODINGS = {"": "", "identity": "", "gzip": "gzip", "x-gzip": "gzip", "deflate": "deflate", "zstd": "zstd"}


def parse_media_type(value: str) -> tuple[str, dict[str, str]]:
    """Split a media type into its name and parameters, in lower case (RFC 9110 8.3.1).

    >>> parse_media_type('Multipart/Related; type="application/dicom"; boundary=x')
    ('multipart/related', {'type': 'application/dicom', 'boundary': 'x'})
    """
    # python-multipart takes header fields as bytes, one per character (RFC 9110 5.5).
    name, parameters = parse_options_header(value.encode(errors="surrogateescape").decode("latin-1"))
    return name.strip().decode("latin-1"), {
        key.strip().decode("latin-1").lower(): text.decode("latin-1") for key, text in parameters.items()
    }


@dataclass(frozen=True, slots=True)
class Content:
    """The form of a body.

    Attributes:
        kind: ``JSON``, ``NDJSON``, ``XML`` or ``DICOM``; for a multipart body, the kind of its root part.
        boundary: The boundary of a multipart body, or None for other bodies.
        coding: "gzip", "deflate" or "zstd", or "" for an uncompressed body.
    """

    kind: str
    boundary: bytes | None = None
    coding: str = ""

    @classmethod
    def from_headers(cls, headers: Mapping[str, str]) -> Content:
        """Return the form that the header fields of a request declare.

        Raises:
            RequestError: The media type, charset or Content-Encoding is not supported.

        >>> Content.from_headers({"content-type": "application/dicom+json"}).kind
        'json'
        """
        coding = _CODINGS.get(headers.get("content-encoding", "").strip().lower())
        if coding is None:
            raise RequestError("expected at most one Content-Encoding, of gzip, deflate or zstd", 415)
        name, parameters = parse_media_type(headers.get("content-type", ""))
        boundary = None
        if name == "multipart/related":
            boundary = parameters.get("boundary", "").encode("latin-1")
            name, _ = parse_media_type(parameters.get("type", ""))  # of the root (RFC 2387 3.1)
        kind = content_kind(name, parameters)
        if kind is None or (boundary is not None and kind == NDJSON):
            raise RequestError(f"the Content-Type is missing or not supported; send {_SUPPORTED_TYPES}", 415)
        return cls(kind, boundary, coding)


def content_kind(name: str, parameters: Mapping[str, str]) -> str | None:
    """Return the kind of a media type, or None if it is not a DICOM or JSON type.

    Raises:
        RequestError: The charset of a text format is not UTF-8.

    >>> content_kind("application/dicom", {})
    'dicom'
    """
    kind = _KINDS.get(name)
    # PS3.18 F.2: the DICOM JSON Model is in UTF-8.
    if kind not in (None, DICOM) and parameters.get("charset", "utf-8").lower() not in _CHARSETS:
        raise RequestError("expected the charset UTF-8, found another", 415)
    return kind


def check_part(headers: Mapping[str, str], number: int, limits: Limits) -> str | None:
    """Return the kind of a part, or None as for ``content_kind``.

    Raises:
        RequestError: The part has a transfer encoding or content encoding of its own, or another charset.
        LimitError: The body has more than ``limits.multipart_parts`` parts.

    >>> check_part({"content-type": "application/dicom"}, 0, Limits())
    'dicom'
    """
    if number == limits.multipart_parts:
        raise LimitError(f"a body of more than {number} parts", "multipart_parts")
    if headers.get("content-transfer-encoding", "binary").lower() not in ("binary", "8bit", "7bit"):
        raise RequestError(f"part {number} of the body has a Content-Transfer-Encoding; send it as binary", 415)
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise RequestError(f"part {number} of the body has a Content-Encoding; encode the whole body instead", 415)
    return content_kind(*parse_media_type(headers.get("content-type", "")))


# --- content codings -------------------------------------------------------------------------------------------

PIECE_SIZE = 16 * 1024
"""Bytes passed to a parser at once."""
_WINDOW = 8 * 1024 * 1024  # a zstd decoder must support this window and may refuse a larger one (RFC 9659)


class ContentDecoder:
    """A push parser that removes the Content-Encoding of a body (RFC 9110 8.4.1).

    Args:
        coding: "gzip", "deflate" or "zstd", or "" for an uncompressed body.
        expansion: Bounds the decoded size.

    Raises:
        RequestError: The package that the coding needs is not installed.

    >>> b"".join(ContentDecoder("", Expansion(Limits())).feed(b"[]"))
    b'[]'
    """

    def __init__(self, coding: str, expansion: Expansion) -> None:
        try:
            self._decompressor = Decompressor(coding, window=_WINDOW, expansion=expansion) if coding else None
        except ValueError:
            raise RequestError(f"the Content-Encoding {coding} is not supported by this installation", 415) from None

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the decoded bytes in pieces of at most 16 KiB.

        The caller must exhaust the iterator before the next call.

        Raises:
            InputError: The body is damaged.
            LimitError: The body expands too much.
        """
        for piece in self._decompressor.feed(data) if self._decompressor else (data,):
            for start in range(0, len(piece), PIECE_SIZE):
                yield piece[start : start + PIECE_SIZE]

    def close(self) -> None:
        """End the body.

        Raises:
            TruncatedError: The compressed stream is incomplete.
        """
        if self._decompressor is not None:
            self._decompressor.close()
