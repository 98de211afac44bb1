"""The forms that data sets may have in the body of a response."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from secrets import token_hex
from typing import TYPE_CHECKING, Literal, Protocol

from streamdicom.codec import DatasetEncoder
from streamdicom.options import WriteOptions
from streamdicom.web.asgi.negotiation import read_accept

if TYPE_CHECKING:
    from pydicom.dataset import Dataset


class Encoder(Protocol):
    """Data sets in, bytes out; see ``DatasetEncoder``."""

    def encode(self, dataset: Dataset) -> Iterator[bytes]:
        """The blocks that one data set completes."""

    def flush(self) -> bytes:
        """What is pending."""

    def close(self) -> bytes:
        """What is pending, and the end."""


@dataclass(frozen=True)
class Formatter:
    """A form, and how it is made.

    Attributes:
        media_type: What it is, as Content-Type has it. With "multipart/related" each data set is a part of its own
            (PS3.18 8.6.1.2), of the media type that the parameter "type" says.
        encoder: What makes the bytes. It is called with the options and with whether any number of data sets will
            come; for each part anew.
        also: Other media types by which a client may ask for it.

    >>> from functools import partial
    >>> def lines(options, array):
    ...     return DatasetEncoder(options=replace(options, ndjson=True))
    >>> formatters = (*DEFAULT_FORMATTERS, Formatter("application/x-ndjson", lines))
    """

    media_type: str
    encoder: Callable[[WriteOptions, bool], Encoder]
    also: tuple[str, ...] = ()


def _encoder(format: Literal["json", "xml"]) -> Callable[[WriteOptions, bool], Encoder]:  # noqa: A002
    return lambda options, array: DatasetEncoder(options=replace(options, format=format), array=array)


DICOM_JSON = Formatter("application/dicom+json", _encoder("json"))
"""DICOM JSON (PS3.18 Annex F): an array of data sets, never multipart."""

JSON = Formatter("application/json", _encoder("json"))
"""The same under the name that PS3.18 gave it at first, which is asked for still."""

DICOM_XML = Formatter('multipart/related; type="application/dicom+xml"', _encoder("xml"), ("application/dicom+xml",))
"""The Native DICOM Model (PS3.19 A.1), a part for each data set. Who asks for the type of the parts gets it too."""

DEFAULT_FORMATTERS: tuple[Formatter, ...] = (DICOM_JSON, JSON, DICOM_XML)
"""What a client may choose from unless an application has another list; the first is the default."""


class Body(Encoder, Protocol):
    """An encoder of the whole body of a response."""

    @property
    def content_type(self) -> str:
        """The value of the header."""


def new_body(formatter: Formatter, options: WriteOptions, *, array: bool) -> Body:
    """What makes the body of a response.

    Args:
        formatter: The form.
        options: What the encoder takes.
        array: Whether any number of data sets will come, and not one.

    >>> from pydicom import Dataset
    >>> body = new_body(DICOM_JSON, WriteOptions(), array=True)
    >>> body.content_type, list(body.encode(Dataset())), body.close()
    ('application/dicom+json', [], b'[{}]')
    """
    [media_type] = read_accept(formatter.media_type)
    if media_type.type.startswith("multipart/"):
        return _Parts(formatter, media_type.parameters["type"], options)
    return _Single(formatter, options, array)


class _Single:
    """All data sets in one document."""

    def __init__(self, formatter: Formatter, options: WriteOptions, array: bool) -> None:
        self.content_type = formatter.media_type
        encoder = formatter.encoder(options, array)
        self.encode, self.flush, self.close = encoder.encode, encoder.flush, encoder.close


class _Parts:
    """Each data set in a part of its own."""

    def __init__(self, formatter: Formatter, part_type: str, options: WriteOptions) -> None:
        boundary = token_hex(16)
        self.content_type = f"{formatter.media_type}; boundary={boundary}"
        self._part = f"--{boundary}\r\nContent-Type: {part_type}\r\n\r\n".encode()
        self._end = f"--{boundary}--\r\n".encode()
        self._formatter = formatter
        self._options = options

    def encode(self, dataset: Dataset) -> Iterator[bytes]:
        encoder = self._formatter.encoder(self._options, False)
        yield self._part
        yield from encoder.encode(dataset)
        yield encoder.close() + b"\r\n"

    def flush(self) -> bytes:
        return b""

    def close(self) -> bytes:
        return self._end
