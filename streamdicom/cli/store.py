"""``streamdicom store``: send DICOM files to a DICOMweb server."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Iterator
from contextlib import ExitStack

from streamdicom._typing import TextIO
from streamdicom.cli.arguments import Arguments
from streamdicom.cli.exit_codes import DONE, FAILED, UsageError, usage_errors
from streamdicom.cli.progress import ProgressLine
from streamdicom.cli.requests import client_of, naming_server
from streamdicom.cli.terminal import console, counted
from streamdicom.inputs import Kind, recognized, walk_within

try:
    from streamdicom.web.client import Stored, store_files
except ModuleNotFoundError as missing:
    raise UsageError(f'{missing.name} is not installed; install "streamdicom[http]"') from None

_Known = tuple[str, int, int]  # the path of a file, its size, and its modification time in nanoseconds


def run(arguments: Arguments) -> int:
    """Run the command."""
    url = arguments.url.rstrip("/")
    if "/studies" not in url:
        url += "/studies"
    known = set(_read_journal(arguments.journal))
    numbers = dict.fromkeys(("stored", "failed", "before", "passed over"), 0)
    with ExitStack() as stack:
        stack.enter_context(naming_server(url))
        client = stack.enter_context(client_of(arguments))
        journal = stack.enter_context(_opened(arguments.journal)) if arguments.journal else None
        progress = stack.enter_context(ProgressLine("Storing", prints=True))
        files = _new_files(arguments.sources, known, numbers)
        with usage_errors():
            outcomes = store_files(files, url, client=client)
        for outcome in outcomes:
            _report(outcome, journal)
            numbers["failed" if outcome.failure else "stored"] += 1
            progress.update(f"Storing {counted(numbers['stored'], 'instance')}", 0, None)
    before = f", {counted(numbers['before'], 'file')} before" if numbers["before"] else ""
    passed_over = f", {counted(numbers['passed over'], 'file')} passed over" if numbers["passed over"] else ""
    summary = f"stored {counted(numbers['stored'], 'instance')}{before}{passed_over}"
    console.note(f"{summary}, {numbers['failed']} not stored")
    return FAILED if numbers["failed"] else DONE


def _new_files(sources: Iterable[str], known: Collection[_Known], numbers: dict[str, int]) -> Iterator[str]:
    """Yield the files that the journal does not have.

    Files of a folder are chosen by content: those that are no DICOM files are passed over.
    """
    for source in sources:
        for path in _dicom_files(source, numbers) if os.path.isdir(source) else [source]:
            if known and _key(path) in known:
                numbers["before"] += 1
            else:
                yield path


def _dicom_files(folder: str, numbers: dict[str, int]) -> Iterator[str]:
    for path, status in walk_within(os.fspath(folder)):
        found = recognized(path, status, is_named=False)
        if found.kind == Kind.DICOM:
            yield path
        elif found.kind == Kind.FAULT:
            console.note(f"not stored: {path}: {found.fault}")
            numbers["failed"] += 1
        else:
            console.detail(f"passed over: {path}")
            numbers["passed over"] += 1


def _report(outcome: Stored, journal: TextIO | None) -> None:
    if outcome.failure:
        console.note(f"not stored: {outcome.path}: {outcome.failure}")
        return
    print(f"{outcome.instance}\t{outcome.path}", flush=True)
    if journal:
        journal.write(json.dumps([outcome.instance, *_key(os.fspath(outcome.path))]) + "\n")
        journal.flush()


def _key(path: str) -> _Known:
    status = os.stat(path)
    return os.path.abspath(path), status.st_size, status.st_mtime_ns


def _opened(journal: str) -> TextIO:
    """Open a journal to append to, after its last whole line."""
    file = open(journal, "a+", encoding="utf-8")  # noqa: SIM115 - the caller closes it
    file.seek(0)
    text = file.read()
    file.truncate(len(text[: text.rfind("\n") + 1].encode()))
    return file


def _read_journal(journal: str | None) -> Iterator[_Known]:
    """Yield the files that a journal has. A line that a kill has cut is ignored.

    Raises:
        UsageError: The file is not a journal.
    """
    if journal is None or not os.path.exists(journal):
        return
    with open(journal, encoding="utf-8") as file:
        *lines, _ = file.read().split("\n")
    for number, line in enumerate(lines, 1):
        try:
            _, path, size, mtime = json.loads(line)
            yield str(path), int(size), int(mtime)
        except (ValueError, TypeError):
            raise UsageError(f"{journal}: line {number} is not that of a journal of this command") from None
