"""Sending DICOM files to a DICOMweb server (STOW-RS, PS3.18 10.5)."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from httpx2 import URL, Client, HTTPError

from streamdicom.api import iter_datasets, iter_events
from streamdicom.dicom import SOP_INSTANCE_UID
from streamdicom.errors import InputError, ResponseError
from streamdicom.events import ELEMENT
from streamdicom.io import CHUNK
from streamdicom.limits import Limits
from streamdicom.options import ReadOptions
from streamdicom.web.client.fetch import CONNECTION_LOST
from streamdicom.web.client.http import Exchange, Response, as_os_error, parse_url
from streamdicom.web.client.paging import GATEWAY_ERRORS, PAUSES, status_text

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_MAX_FILES = 100  # of a request
_MAX_SIZE = 64 * 1024 * 1024  # bytes of a request, unless one file is longer
_ANSWERED = frozenset({200, 202, 409})  # with the outcome of each instance (PS3.18 10.5.3)
_REFERENCED, _FAILED = "ReferencedSOPSequence", "FailedSOPSequence"

_REASONS = {  # PS3.18, table I.2-2; PS3.7 C
    0x0110: "processing failure",
    0x0111: "the server has another instance with this UID",
    0x0122: "the SOP Class is not supported",
    0x0124: "not authorized",
}
_RANGES = {0xA700: "the server is out of resources", 0xA900: "the SOP Class does not match", 0xC000: "not understood"}


@dataclass(frozen=True, slots=True)
class Stored:
    """The outcome for one file.

    Attributes:
        path: The file.
        instance: Its SOP Instance UID; "" if it has none.
        failure: Why it is not stored; "" if the server has acknowledged it.
    """

    path: Path
    instance: str
    failure: str = ""


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    instance: str
    size: int


def store_files(files: Iterable[Path | str], url: str, *, client: Client | None = None) -> Iterator[Stored]:
    """Send DICOM files to a DICOMweb server; yield the outcome of each.

    This is STOW-RS (PS3.18 10.5).

    Requests hold up to 100 files, or 64 MiB. Files are sent as they are, while they are read. A request whose
    connection is lost is sent again, up to four times, with pauses of 0.5, 1, 2 and 4 seconds: servers answer the same
    instances as the first time.

    Args:
        files: The files.
        url: An absolute URL that ends in ``/studies`` or ``/studies/{study}``.
        client: Sends the requests, and is not closed. By default a client without credentials is used.

    Raises:
        ValueError: The URL is invalid.
        ResponseError: An error status, or an answer that does not name the outcomes.
        OSError: A file cannot be read, or the server cannot be reached.
    """
    target = parse_url(url)
    return _outcomes(map(Path, files), target, Exchange(target, client, (), Limits()))


def _outcomes(files: Iterable[Path], url: URL, exchange: Exchange) -> Iterator[Stored]:
    with exchange:
        for batch in _batches(files):
            if isinstance(batch, Stored):
                yield batch
            else:
                yield from _send(batch, url, exchange)


def _batches(files: Iterable[Path]) -> Iterator[Stored | list[_File]]:
    """Yield the files of each request, and outcomes of files that are not sent."""
    batch: list[_File] = []
    size = 0
    for path in files:
        file = _examined(path)
        if isinstance(file, Stored):
            yield file
            continue
        if batch and (len(batch) == _MAX_FILES or size + file.size > _MAX_SIZE):
            yield batch
            batch, size = [], 0
        batch.append(file)
        size += file.size
    if batch:
        yield batch


def _examined(path: Path) -> _File | Stored:
    try:
        for event in iter_events(path, options=ReadOptions(format="dicom", on_deviation=lambda _: None)):
            if event[1] == SOP_INSTANCE_UID and event[0] == ELEMENT and event[3]:
                return _File(path, str(event[3][0]), path.stat().st_size)
            if event[1] is not None and event[1] > SOP_INSTANCE_UID:
                break
    except InputError as error:
        return Stored(path, "", error.message)
    return Stored(path, "", "no SOP Instance UID")


def _send(batch: Sequence[_File], url: URL, exchange: Exchange) -> Iterator[Stored]:
    """Send one request, again if the connection is lost."""
    boundary = secrets.token_hex(16)
    heads = f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
    tail = f"--{boundary}--\r\n".encode()
    length = sum(len(heads) + file.size + 2 for file in batch) + len(tail)
    headers = {
        "Accept": "application/dicom+json",
        "Content-Type": f'multipart/related; type="application/dicom"; boundary={boundary}',
        "Content-Length": str(length),
    }
    for pause in (*PAUSES, None):
        try:
            with exchange.post(url, headers, _body(batch, heads, tail)) as response:
                if response.status not in GATEWAY_ERRORS or pause is None:
                    yield from _read(batch, response)
                    return
        except CONNECTION_LOST as error:
            if pause is None:
                raise as_os_error(error) if isinstance(error, HTTPError) else error from error
        except HTTPError as error:
            raise as_os_error(error) from error
        time.sleep(pause or 0)


def _body(batch: Sequence[_File], head: bytes, tail: bytes) -> Iterator[bytes]:
    for file in batch:
        yield head
        left = file.size
        with file.path.open("rb") as source:
            while data := source.read(min(CHUNK, left)):
                left -= len(data)
                yield data
        if left:
            raise OSError(f"{file.path}: the file has become shorter while it was sent")
        yield b"\r\n"
    yield tail


def _read(batch: Sequence[_File], response: Response) -> Iterator[Stored]:
    """Yield the outcome of each file of a request."""
    if response.status not in _ANSWERED:
        raise ResponseError(f"the server did not store: {status_text(response)}", response.status)
    stored: set[str] = set()
    failed: dict[str, str] = {}
    try:
        for module in iter_datasets(response.chunks, options=ReadOptions(format="json")):
            stored.update(str(item.get("ReferencedSOPInstanceUID", "")) for item in module.get(_REFERENCED, ()))
            failed |= {str(item.get("ReferencedSOPInstanceUID", "")): _reason(item) for item in module.get(_FAILED, ())}
    except InputError as error:
        raise ResponseError(f"the answer of the server cannot be read: {error.message}", response.status) from error
    for file in batch:
        if file.instance in failed:
            yield Stored(file.path, file.instance, failed[file.instance])
        elif file.instance in stored:
            yield Stored(file.path, file.instance)
        else:
            yield Stored(file.path, file.instance, "the server did not acknowledge it")


def _reason(item: Dataset) -> str:
    code = item.get("FailureReason")
    if not isinstance(code, int):
        return "the server gives no reason"
    text = _REASONS.get(code) or _RANGES.get(code & 0xFF00) or _RANGES.get(code & 0xF000) or "failed"
    return f"{text} ({code:04X})"
