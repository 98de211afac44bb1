"""``streamdicom fetch``: write the results of a DICOMweb server as DICOM JSON."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from streamdicom.api import DatasetWriter
from streamdicom.cli.exit_codes import DONE, UsageError, usage_errors
from streamdicom.cli.inputs import PIPE
from streamdicom.cli.options import note_unmatched, read_options, write_options
from streamdicom.cli.outputs import json_format, target_of
from streamdicom.cli.progress import ProgressLine
from streamdicom.cli.terminal import counted
from streamdicom.errors import StreamDicomError
from streamdicom.formats import FormatName
from streamdicom.options import ReadOptions, WriteOptions

try:
    from httpx2 import Client, Response

    from streamdicom.web.client import fetch_datasets
except ModuleNotFoundError as missing:
    raise UsageError(f'{missing.name} is not installed; install "streamdicom[http]"') from None


def run(arguments: Namespace) -> int:
    """Run the command."""
    reading = read_options(arguments)
    count = fetch_url(
        arguments.url,
        arguments.output,
        arguments.indent,
        to=json_format(arguments.output, arguments.to),
        headers=arguments.headers,
        token=arguments.token or os.environ.get("STREAMDICOM_TOKEN"),
        page_size=arguments.page_size,
        timeout=arguments.timeout,
        reading=reading,
        writing=write_options(arguments, trailing_newline=True),
    )
    if reading.where and not count:
        note_unmatched(reading.where)
    return DONE


class _Traffic:
    """Counts the bytes of the responses of a client."""

    def __init__(self) -> None:
        self._previous = 0  # bytes of the responses before the last
        self._last: Response | None = None

    def add_response(self, response: Response) -> None:
        self._previous = self.size
        self._last = response

    @property
    def size(self) -> int:
        return self._previous + (self._last.num_bytes_downloaded if self._last else 0)


def fetch_url(
    url: str,
    target: Path,
    indent: int | str | None = None,
    *,
    to: FormatName,
    headers: Sequence[str],
    token: str | None,
    page_size: int,
    timeout: float,
    reading: ReadOptions,
    writing: WriteOptions,
) -> int:
    """Write the data sets of a search or a retrieval, each as soon as it is received.

    Args:
        url: The URL of the search, or of metadata.
        target: The file to write, or ``-`` for standard output.
        indent: The indent of JSON.
        to: "json" or "ndjson".
        headers: Header fields of the requests, as ``Name: value``.
        token: A bearer token for the header field Authorization (RFC 6750 2.1).
        page_size: Results of a search for each request.
        timeout: Seconds without data after which a connection is given up.
        reading: How the responses are read.
        writing: How the target is written.

    Returns:
        The number of data sets.

    Raises:
        UsageError: The URL or a header field is not valid, or the options do not fit together.
        InputError: A response is an error, is not complete, or is not valid.
        OSError: The server cannot be reached, or the target cannot be written.
    """
    fields = [_header_field(header) for header in headers]
    if token is not None:
        fields.append(_header_field(f"Authorization: Bearer {token}"))
    traffic = _Traffic()
    count = 0
    with (
        _naming(url),
        Client(headers=fields, timeout=timeout, event_hooks={"response": [traffic.add_response]}) as client,
    ):
        with usage_errors():
            datasets = fetch_datasets(url, client=client, options=reading, page_size=page_size)
            writer = DatasetWriter(target_of(target), indent=indent, format=to, options=writing)
        with writer, ProgressLine("Fetching", prints=target == PIPE) as progress:
            for count, dataset in enumerate(datasets, 1):
                writer.write(dataset)
                progress.update(f"Fetching {counted(count, 'data set')}", traffic.size, None)
    return count


@contextmanager
def _naming(url: str) -> Iterator[None]:
    """Add the URL, without user name and password, to errors of the server."""
    scheme, separator, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    name = f"{scheme}{separator}{authority.rpartition('@')[2]}{slash}{path}"
    try:
        yield
    except StreamDicomError as error:
        error.filename = error.filename or name
        raise
    except OSError as error:
        if error.filename is None and error.errno is None:  # not an error of the target
            raise OSError(f"{name}: {error}") from error
        raise


def _header_field(text: str) -> tuple[str, str]:
    """Parse a header field of a request (RFC 9110 5.1, 5.5).

    >>> _header_field("Authorization: Bearer x")
    ('Authorization', 'Bearer x')
    """
    name, colon, value = text.partition(":")
    name, value = name.strip(), value.strip()
    is_token = name.isascii() and name.replace("-", "").replace("_", "").isalnum()
    if not colon or not is_token or not (value.isascii() and value.isprintable()):
        raise UsageError("expected a header field of the form NAME: VALUE, in printable ASCII")
    return name, value
