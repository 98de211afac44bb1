"""``streamdicom fetch``: write data sets, files or values of a DICOMweb server."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from streamdicom._typing import Any
from streamdicom.api import write_events
from streamdicom.cli.arguments import Arguments
from streamdicom.cli.exit_codes import DONE, UsageError, usage_errors
from streamdicom.cli.inputs import PIPE
from streamdicom.cli.options import note_unmatched, read_options, write_options
from streamdicom.cli.outputs import json_format, target_of
from streamdicom.cli.progress import ProgressLine
from streamdicom.cli.requests import client_of, naming_server
from streamdicom.cli.retrieving import write_parts
from streamdicom.cli.terminal import console, counted
from streamdicom.events import END_DATASET, Event
from streamdicom.filters import needed_file_meta_of_each, sort_elements

try:
    from streamdicom.web.client import fetch_events, retrieve
except ModuleNotFoundError as missing:
    raise UsageError(f'{missing.name} is not installed; install "streamdicom[http]"') from None

# Resources of DICOM files and of values (PS3.18 10.4.1); all others are data sets.
_FILES = re.compile(r"/studies/[0-9.]+(?:/series/[0-9.]+(?:/instances/[0-9.]+(?:/(?:bulkdata|frames)/.+)?)?)?/?")


def run(arguments: Arguments) -> int:
    """Run the command."""
    path = re.sub(r"^[^/]*//[^/?#]*|[?#].*$", "", arguments.url)
    traffic = _Traffic()
    with naming_server(arguments.url), client_of(arguments, traffic.add_response) as client:
        if any(_FILES.fullmatch(path, start) for start in _starts(path)):
            with usage_errors():
                parts = retrieve(arguments.url, client=client)
            count = write_parts(parts, arguments.output, lambda: traffic.size)
            console.note(f"wrote {counted(count, 'file')}")
        else:
            _fetch(arguments, client, traffic)
    return DONE


def _starts(path: str) -> list[int]:
    """Return the places where the path of a resource may begin."""
    return [found.start() for found in re.finditer("/studies/", path)]


class _Traffic:
    """Counts the bytes of the responses of a client."""

    def __init__(self) -> None:
        self._previous = 0  # bytes of the responses before the last
        self._last: Any = None

    def add_response(self, response: Any) -> None:
        self._previous = self.size
        self._last = response

    @property
    def size(self) -> int:
        return self._previous + (self._last.num_bytes_downloaded if self._last else 0)


def _fetch(arguments: Arguments, client: Any, traffic: _Traffic) -> None:
    """Write the data sets of a search or of metadata, each as soon as it is received.

    Raises:
        UsageError: The URL is not valid, or the options do not fit together.
        InputError: A response is an error, is not complete, or is not valid.
        OSError: The server cannot be reached, or the target cannot be written.
    """
    reading, target = read_options(arguments), arguments.output
    with usage_errors():
        fetched = fetch_events(arguments.url, client=client, options=reading, page_size=arguments.page_size)
        writing = write_options(arguments, trailing_newline=True)
        form = json_format(target, arguments.to)
    fetched.encode_for(writing, form, array=True)
    with ProgressLine("Fetching", prints=target == PIPE) as progress:
        counting = _Counting(progress, traffic)
        events = sort_elements(counting.run(fetched))
        if not writing.file_meta:
            events = needed_file_meta_of_each(events)
        with usage_errors():
            write_events(events, target_of(target), arguments.indent, format=form, options=writing)
    if reading.where and not counting.datasets:
        note_unmatched(reading.where)


class _Counting:
    """Counts data sets, and shows their number.

    Attributes:
        datasets: The number of data sets.
    """

    def __init__(self, progress: ProgressLine, traffic: _Traffic) -> None:
        self.datasets = 0
        self._progress = progress
        self._traffic = traffic

    def run(self, events: Iterable[Event]) -> Iterator[Event]:
        """Yield the events."""
        for event in events:
            yield event
            if event[0] == END_DATASET:
                self.datasets += 1
                self._progress.update(f"Fetching {counted(self.datasets, 'data set')}", self._traffic.size, None)
