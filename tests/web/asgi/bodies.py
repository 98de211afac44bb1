"""Request bodies of any length, generated while they are sent."""

from __future__ import annotations

import http.client
from binascii import b2a_base64
from collections.abc import Callable, Iterator
from io import BytesIO

from streamdicom import loads
from tests.web.client.server import Server

__all__ = ["BODIES", "RELATED_JSON", "many_parts", "send"]

_JSON = "application/dicom+json"
_RELATED = 'multipart/related; type="{}"; boundary=b'
RELATED_JSON = _RELATED.format(_JSON)
_PART = b"--b\r\nContent-Type: %b\r\n%b\r\n%b"
_CLOSE = b"\r\n--b--\r\n"

_BLOCK = bytes(range(256)) * 256
_DATASET = (
    b'{"00080018":{"vr":"UI","Value":["1.2.840.113619.2.55.3.604688119.971.1268071029.%d"]},'
    b'"00080060":{"vr":"CS","Value":["CT"]},"00100010":{"vr":"PN","Value":[{"Alphabetic":"Doe^Jane"}]},'
    b'"00100020":{"vr":"LO","Value":["0017"]},"00201208":{"vr":"IS","Value":[1260]},'
    b'"00324000":{"vr":"LT","Value":["' + b"No comment. " * 60 + b'"]}}'
)


def _many_datasets(size: int) -> Iterator[bytes]:
    start = b"["
    for number in range(size // len(_DATASET) // 100):
        yield start + b",".join([_DATASET % (100 * number + index) for index in range(100)])
        start = b","
    yield b"]"


def _inline_binary(size: int) -> Iterator[bytes]:
    yield b'[{"7FE00010":{"vr":"OB","InlineBinary":"'
    block = b2a_base64(_BLOCK[:49152], newline=False)
    for _ in range(size // len(block)):
        yield block
    yield b'"}}]'


def _bulk_data(size: int) -> Iterator[bytes]:
    yield _PART % (_JSON.encode(), b"", b'[{"7FE00010":{"vr":"OW","BulkDataURI":"pixels"}}]\r\n')
    yield _PART % (b"application/octet-stream", b"Content-Location: pixels\r\n", b"")
    yield from [_BLOCK] * (size // len(_BLOCK))
    yield _CLOSE


def _file(size: int) -> Iterator[bytes]:
    count = size // len(_BLOCK)
    dataset = loads('{"00080018":{"vr":"UI","Value":["1.2.3"]},"7FE00010":{"vr":"OW"}}', as_file=True)
    dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    dataset.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    # The file ends with the length of the last value.
    yield _PART % (b"application/dicom", b"", buffer.getvalue()[:-4] + (count * len(_BLOCK)).to_bytes(4, "little"))
    yield from [_BLOCK] * count
    yield _CLOSE


def many_parts(count: int) -> Iterator[bytes]:
    """Yield metadata and parts with addresses of maximum length."""
    uri = b"%04d" + b"x" * 900
    datasets = [b'{"00091010":{"vr":"OB","BulkDataURI":"%b"}}' % uri % number for number in range(1, count)]
    yield _PART % (_JSON.encode(), b"", b"[" + b",".join(datasets) + b"]\r\n")
    for number in range(1, count):
        yield _PART % (b"application/octet-stream", b"Content-Location: %b\r\n" % uri % number, b"\0\0\r\n")
    yield b"--b--"


BODIES: dict[str, tuple[str, Callable[[int], Iterator[bytes]]]] = {
    "an array of data sets": (_JSON, _many_datasets),
    "one InlineBinary": (_JSON, _inline_binary),
    "one part of bulk data": (RELATED_JSON, _bulk_data),
    "one DICOM file": (_RELATED.format("application/dicom"), _file),
}
"""Media type and generator of each kind of body."""


def send(server: Server, path: str, content_type: str, body: Iterator[bytes]) -> tuple[int, bytes]:
    """Send a body; return status and body of the response."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=600)
    try:
        connection.request("POST", path, body, {"Content-Type": content_type}, encode_chunked=True)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()
