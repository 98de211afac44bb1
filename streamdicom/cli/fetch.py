"""``streamdicom fetch``: what a DICOMweb server answers with, as one stream of DICOM JSON."""

from __future__ import annotations

import sys
from pathlib import Path

from streamdicom.api import DatasetWriter
from streamdicom.cli.inputs import PIPE, CallError, Meter, calling, is_lines
from streamdicom.formats import FormatName
from streamdicom.options import ReadOptions, WriteOptions

try:
    from httpx2 import Client, Response

    from streamdicom.web.client import fetch_datasets
except ModuleNotFoundError as missing:
    raise CallError(f'{missing.name} is missing; install "streamdicom[http]"') from None


class _Traffic:
    """How many bytes have come in all the responses of a client, of which no more than the last is held."""

    def __init__(self) -> None:
        self._before = 0
        self._last: Response | None = None

    def begin(self, response: Response) -> None:
        self._before = self.size
        self._last = response

    @property
    def size(self) -> int:
        return self._before + (self._last.num_bytes_downloaded if self._last else 0)


def fetch_url(
    url: str,
    target: Path,
    indent: int | str | None,
    *,
    headers: list[str],
    token: str | None,
    page_size: int,
    timeout: float,
    reading: ReadOptions,
    writing: WriteOptions,
    ndjson: bool,
) -> None:
    """Write the data sets of a search or a retrieval as they come; references to bulk data become absolute.

    Args:
        url: Where they are.
        target: A file, which is there when all is in it, or a pipe. If its name ends in ``.ndjson`` or ``.jsonl`` it is
            NDJSON.
        indent: For each level of the JSON text.
        headers: Header fields for each request, as ``Name: value``.
        token: What goes into the header field Authorization, as RFC 6750 has it.
        page_size: Results of a search to ask for at once.
        timeout: Seconds to wait for the next bytes.
        reading: What is taken, and what is chosen of it.
        writing: The form of the text.
        ndjson: Write NDJSON whatever the name of the target.

    Raises:
        CallError: The URL or a header field is none, or the options do not fit together.
        InputError: The server answers with an error, with too little, or with what is at fault.
        OSError: The server cannot be reached, or the file not written.
    """
    fields = [_field(header) for header in headers]
    if token is not None:
        fields.append(_field(f"Authorization: Bearer {token}"))
    traffic = _Traffic()
    with Client(headers=fields, timeout=timeout, event_hooks={"response": [traffic.begin]}) as client:
        with calling():
            datasets = fetch_datasets(url, client=client, options=reading, page_size=page_size)
            output = sys.stdout.buffer if target == PIPE else target
            form: FormatName = "ndjson" if ndjson or is_lines(target) else "json"
            writer = DatasetWriter(output, indent=indent, format=form, options=writing)
        with writer, Meter("Fetching", prints=target == PIPE) as meter:
            for count, dataset in enumerate(datasets, 1):
                writer.write(dataset)
                meter.move(f"Fetching {count:,} data sets", traffic.size, None)


def _field(text: str) -> tuple[str, str]:
    """A header field of a request (RFC 9110 5.1, 5.5).

    >>> _field("Authorization: Bearer x")
    ('Authorization', 'Bearer x')
    """
    name, colon, value = text.partition(":")
    name, value = name.strip(), value.strip()
    is_token = name.isascii() and name.replace("-", "").replace("_", "").isalnum()
    if not colon or not is_token or not (value.isascii() and value.isprintable()):
        raise CallError("a header field is a name and a value with : between them, in ASCII")
    return name, value
