"""Formats of a response body."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from secrets import token_hex
from typing import TYPE_CHECKING, Any, Literal, Protocol

from streamdicom.codec import DatasetEncoder, EventEncoder
from streamdicom.events import END_DATASET
from streamdicom.options import WriteOptions
from streamdicom.web.asgi.negotiation import read_accept

if TYPE_CHECKING:
    pass

_NEWLINE = b"\r\n"


class Encoder(Protocol):
    """Data sets in, bytes out; see ``DatasetEncoder``."""

    def encode(self, dataset: Any) -> Iterator[bytes]:
        """Yield the blocks that one data set completes, or a list of events of one."""

    def flush(self) -> bytes:
        """Return the pending bytes."""

    def close(self) -> bytes:
        """Return the pending bytes and the end of the document."""


@dataclass(frozen=True)
class Formatter:
    """A format that a client may choose, and its encoder.

    Attributes:
        media_type: The value of Content-Type. With "multipart/related", each data set is a part of its own
            (PS3.18 8.6.1.2), of the media type in the parameter "type".
        encoder: Returns an encoder, given the options and True for any number of data sets or False for one. It is
            called for each body, or for each part.
        also: Other media types that select this format.
        part_type: Returns the Content-Type of the part of a data set; by default the parameter "type".

    >>> from functools import partial
    >>> def lines(options, array):
    ...     return DatasetEncoder(format="ndjson", options=options)
    >>> formatters = (*DEFAULT_FORMATTERS, Formatter("application/x-ndjson", lines))
    """

    media_type: str
    encoder: Callable[[WriteOptions, bool], Encoder]
    also: tuple[str, ...] = ()
    part_type: Callable[[Any], str] | None = None


class _Encoder:
    """An encoder of data sets, or of batches of events."""

    def __init__(self, format: Literal["json", "xml"], options: WriteOptions, array: bool) -> None:
        self._options: Any = {"format": format, "options": options, "array": array}
        self._chosen: DatasetEncoder | EventEncoder | None = None

    def encode(self, dataset: Any) -> Iterator[bytes]:
        if self._chosen is None:  # by the first
            self._chosen = (EventEncoder if isinstance(dataset, list) else DatasetEncoder)(**self._options)
        return self._chosen.encode(dataset)

    def flush(self) -> bytes:
        return self._chosen.flush() if self._chosen else b""

    def close(self) -> bytes:
        return (self._chosen or DatasetEncoder(**self._options)).close()


def _encoder(format: Literal["json", "xml"]) -> Callable[[WriteOptions, bool], Encoder]:
    return partial(_Encoder, format)


DICOM_JSON = Formatter("application/dicom+json", _encoder("json"))
"""DICOM JSON (PS3.18 Annex F): an array of data sets."""

JSON = Formatter("application/json", _encoder("json"))
"""DICOM JSON under its former name, which clients still request."""

DICOM_XML = Formatter('multipart/related; type="application/dicom+xml"', _encoder("xml"), ("application/dicom+xml",))
"""The Native DICOM Model (PS3.19 A.1), a part for each data set. A request for the type of the parts selects it too."""

DEFAULT_FORMATTERS: tuple[Formatter, ...] = (DICOM_JSON, JSON, DICOM_XML)
"""The formats a client may choose from by default, in order of preference."""


class Body(Encoder, Protocol):
    """An encoder of the whole body of a response."""

    @property
    def content_type(self) -> str:
        """The value of Content-Type."""

    def size(self, encoded: Iterable[tuple[Any, int]]) -> int:
        """Return the bytes of the body, from data sets and their encoded sizes."""


def new_body(formatter: Formatter, options: WriteOptions, *, array: bool) -> Body:
    """Return an encoder of a response body.

    Args:
        formatter: The format.
        options: The options of the encoder.
        array: True for any number of data sets, False for exactly one.

    >>> from pydicom import Dataset
    >>> body = new_body(DICOM_JSON, WriteOptions(), array=True)
    >>> body.content_type, list(body.encode(Dataset())), body.close()
    ('application/dicom+json', [], b'[{}]')
    """
    [media_type] = read_accept(formatter.media_type)
    if media_type.type.startswith("multipart/"):
        return _MultipartBody(formatter, options, media_type.parameters["type"])
    return _DocumentBody(formatter, options, array)


class _DocumentBody:
    """All data sets in one document."""

    def __init__(self, formatter: Formatter, options: WriteOptions, array: bool) -> None:
        self.content_type = formatter.media_type
        encoder = formatter.encoder(options, array)
        self.encode, self.flush, self.close = encoder.encode, encoder.flush, encoder.close

    def size(self, encoded: Iterable[tuple[Any, int]]) -> int:
        return sum(size for _, size in encoded)


class _MultipartBody:
    """Each data set in its own part."""

    def __init__(self, formatter: Formatter, options: WriteOptions, part_type: str) -> None:
        boundary = token_hex(16)
        self.content_type = f"{formatter.media_type}; boundary={boundary}"
        self._start = f"--{boundary}\r\nContent-Type: "
        self._part_type = formatter.part_type or (lambda _: part_type)
        self._end = f"--{boundary}--\r\n".encode()
        self._formatter = formatter
        self._options = options
        self._open: Encoder | None = None  # of the part of which some events have been encoded

    def encode(self, dataset: Any) -> Iterator[bytes]:
        if self._open is None:
            self._open = self._formatter.encoder(self._options, False)
            yield self._head(dataset)
        yield from self._open.encode(dataset)
        if not isinstance(dataset, list) or dataset[-1][0] == END_DATASET:
            yield self._open.close() + _NEWLINE
            self._open = None

    def flush(self) -> bytes:
        return b""

    def close(self) -> bytes:
        if self._open is not None:
            self._open.close()  # raises, because the last data set has no end
        return self._end

    def size(self, encoded: Iterable[tuple[Any, int]]) -> int:
        return sum(len(self._head(dataset)) + size + len(_NEWLINE) for dataset, size in encoded) + len(self._end)

    def _head(self, dataset: Any) -> bytes:
        return f"{self._start}{self._part_type(dataset)}\r\n\r\n".encode()
