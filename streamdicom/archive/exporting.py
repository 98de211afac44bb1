"""Many DICOM files to one stream of DICOM JSON.

The output is in a hidden file beside its path, ``.NAME.partial``, until it is complete; what the workers hand over
is in the folder ``.NAME.spool``. Beside them is the journal, ``.NAME.journal``:

    {"export": {...}, "end": 2}            what was asked for; the partial output has 2 bytes then
    {"inputs": [["a.dcm", 5120, 1700000000000000000], ...], "datasets": 64, "passed_over": 0, "skipped": [],
     "warnings": [], "members_done": 0, "is_last": true, "end": 81920}
    ...
    {"complete": 163840}                   nothing but the name is missing

A line stands for what one task has added: the files with their sizes and times, how many data sets came of them, the
names and reasons of what was skipped, for a ZIP or tar file how many of its members are done, and how long the
partial output is after it. The order of writes makes it safe to be killed at any moment:

1. the text is added to the partial output, which is then put on the disk;
2. only then the line is added to the journal, which is put on the disk too (both some times a second, for all lines
   since the last time);
3. at the end "complete" is added, the partial output gets its name, and the journal goes.

So the partial output always has what the journal says, and perhaps more, which a run that goes on cuts off. A run
that goes on looks at the inputs again, and must find those that the journal has, in the same order and with the same
sizes and times. If there is no journal, because no run has been interrupted or a run has been completed, it starts
anew, and replaces what is there when it is complete.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from functools import partial
from itertools import chain, islice, zip_longest
from pathlib import Path
from typing import Any

from streamdicom.archive.report import ProgressCallback, Report, Skipped, Ticker
from streamdicom.archive.sink import Sink, open_sink
from streamdicom.archive.sources import CONTAINERS, FileId, Input, Kind, file_id, find, measure
from streamdicom.archive.tasks import SEPARATOR, Rendering, Result, Task, render
from streamdicom.archive.workers import in_order
from streamdicom.errors import InputError, ResumeError
from streamdicom.io import Target, new_compressor
from streamdicom.options import ReadOptions, WriteOptions, options_or_default

_MOST_FILES = 64  # of a task
_MOST_BYTES = 1024 * 1024
_COPY = 256 * 1024

_LINES = (".ndjson", ".jsonl")
_COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}


def export_archive(
    sources: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    target: Target,
    *,
    format: str | None = None,
    compress: str | None = None,
    bulk_dir: str | os.PathLike[str] | None = None,
    bulk_threshold: int = 1024,
    bulk_uri_prefix: str = "",
    bulk: bool = True,
    indent: int | str | None = None,
    options: WriteOptions | None = None,
    where: Mapping[str, str | Iterable[str]] | None = None,
    jobs: int = 1,
    on_error: str = "stop",
    resume: bool = False,
    progress: ProgressCallback | None = None,
) -> Report:
    r"""Write DICOM files as one stream of DICOM JSON (PS3.18 Annex F).

    Files are found in folders and in ZIP and tar files, by their content; what is no DICOM file there is passed
    over. Their order is that of the sources and of the names in each folder. The output does not depend on how
    many processes make it, and a file that fails leaves nothing in it.

    A path gets its name when the output is complete. If it is not, because of an error or a kill, a partial output
    and a journal stay beside it, with which ``resume`` goes on. A run without it starts anew.

    With several processes, a program must be one that ``multiprocessing`` can start again: what it does must stand
    behind ``if __name__ == "__main__"``.

    Args:
        sources: Files and folders.
        target: A path, or a binary file.
        format: "json" for one array, "ndjson" for a data set on each line. By default it is what the name says,
            ".ndjson" or ".jsonl", and else an array.
        compress: "gzip", "zstd" or "none". By default it is what the name says, ".gz" or ".zst".
        bulk_dir: The folder that large binary values go to, each replaced by a reference. By default they stay.
        bulk_threshold: Bytes up to which a binary value stays.
        bulk_uri_prefix: What the references begin with.
        bulk: Whether large binary values come at all.
        indent: As for ``dump``; a data set of NDJSON has none.
        options: Which elements come, and in which form. ``file_meta`` of them is always true where pixel data is
            encapsulated, which cannot be understood without it. What becomes of bulk data, and whether it is NDJSON,
            the arguments before say.
        where: Which data sets come, as in ``ReadOptions``, but with texts only, which go into the journal. Files of
            others are passed over.
        jobs: How many processes.
        on_error: "stop" at an input that fails, or "skip" it, which the report tells.
        resume: Whether to go on where another run has been stopped. It must be asked for the same.
        progress: Called with a ``Progress`` some times a second.

    Returns:
        How many data sets came, and what was skipped.

    Raises:
        InputError: An input is at fault; its name and the place stand in the text.
        ResumeError: The run was asked for something else, or the inputs have changed since.
        OSError: A source is not there, or the target cannot be written.
        ValueError: The arguments do not fit together.

    >>> import io, pydicom.data
    >>> target = io.BytesIO()
    >>> options = WriteOptions(include=["PatientID"])
    >>> export_archive(pydicom.data.get_testdata_file("CT_small.dcm"), target, format="ndjson", options=options)
    Report(datasets=1, passed_over=0, skipped=[], warnings={})
    >>> target.getvalue()
    b'{"00100020":{"vr":"LO","Value":["1CT1"]}}\n'
    """
    names = [os.fspath(source) for source in _several(sources)]
    name = Path(target).name if isinstance(target, str | os.PathLike) else ""
    compress = _compression(compress, name)
    for value, allowed in ((format, (None, "json", "ndjson")), (on_error, ("stop", "skip"))):
        if value not in allowed:
            raise ValueError(f"one of {', '.join(map(str, allowed))} is needed, not {value}")
    if jobs < 1:
        raise ValueError("at least one job is needed")
    if bulk_dir is not None and not bulk:
        raise ValueError("a folder for bulk data, and none wanted")
    if compress:
        new_compressor(compress)  # it is said before the work starts if that is not installed
    options = options_or_default(options, WriteOptions)
    _check_options(options)
    rendering = Rendering(
        lines=_is_lines(format, name),
        compress=compress,
        indent=indent,
        options=options,
        bulk_dir=None if bulk_dir is None else os.fspath(bulk_dir),
        bulk_threshold=bulk_threshold,
        bulk_uri_prefix=bulk_uri_prefix,
        bulk=bulk,
        where=_values(where or {}),
    )
    ReadOptions(where=dict(rendering.where))  # it is said before the work starts if there is no such element
    if rendering.lines and indent is not None:
        raise ValueError("NDJSON has a data set on one line, and so no indent")
    with open_sink(target, resume) as sink:
        return _Export(names, rendering, on_error == "skip", progress).run(sink, jobs)


def _check_options(options: WriteOptions) -> None:
    """See that nothing is asked for that the arguments of an export say.

    Raises:
        ValueError: It is.
    """
    own = ("trailing_newline", "bulk_data_store", "bulk_data_policy", "bulk_data_element_handler")
    asked = [name for name in own if getattr(options, name) != getattr(WriteOptions(), name)]
    if asked:
        raise ValueError(f"an export has arguments of its own for {', '.join(asked)}")


def _values(select: Mapping[str, str | Iterable[str]]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple((key, (one,) if isinstance(one, str) else tuple(one)) for key, one in select.items())


def _several(sources: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> Iterable[str | os.PathLike[str]]:
    return [sources] if isinstance(sources, str | os.PathLike) else sources


def _compression(compress: str | None, name: str) -> str | None:
    if compress is None:
        return _COMPRESSIONS.get(Path(name).suffix.lower())
    return None if compress == "none" else compress


def _is_lines(format: str | None, name: str) -> bool:
    if format is not None:
        return format == "ndjson"
    suffixes = [suffix for suffix in Path(name).suffixes if suffix.lower() not in _COMPRESSIONS]
    return bool(suffixes) and suffixes[-1].lower() in _LINES


# --- the run ---------------------------------------------------------------------------------------------------


class _Export:
    """A run."""

    def __init__(self, sources: list[str], rendering: Rendering, skip: bool, progress: ProgressCallback | None) -> None:
        self._sources = sources
        self._rendering = rendering
        self._skip = skip
        self._ticker = Ticker(progress)
        self._wants_progress = progress is not None
        self._report = Report()

    def run(self, sink: Sink, jobs: int) -> Report:
        left_out = sink.left_out | _ids(self._rendering.bulk_dir)
        if self._wants_progress:
            self._ticker.files_known, self._ticker.size_known = measure(self._sources, left_out)
        inputs = (item for item in find(self._sources, left_out) if self._counts(item))
        unfinished = self._replay(sink, inputs)
        tasks = chain(unfinished, _tasks(inputs))
        rendering = replace(self._rendering, folder=sink.folder)
        with closing(in_order(partial(render, rendering=rendering), tasks, jobs)) as results:
            for task, result in results:
                self._take(sink, task, result)
        sink.finish(self._packed(b"" if rendering.lines else b"\n]\n"))
        self._ticker.tell()
        return self._report

    def _counts(self, item: Input) -> bool:
        if item.kind == Kind.OTHER:
            self._report.passed_over += 1
            self._ticker.advance(1, item.size)
        return item.kind != Kind.OTHER

    def _packed(self, text: bytes) -> bytes:
        if not text or not self._rendering.compress:
            return text
        compressor = new_compressor(self._rendering.compress)
        return compressor.compress(text) + compressor.flush()

    def _replay(self, sink: Sink, inputs: Iterator[Input]) -> list[Task]:
        """Go over what an earlier run has done; return the task that it was at, if that was not done."""
        request = {**self._rendering.request(), "sources": self._sources}
        start = self._packed(b"" if self._rendering.lines else b"[\n")
        task: Task | None = None
        for entry in sink.replay(request, start):
            before = task.inputs if task else tuple(islice(inputs, len(entry["inputs"])))
            _check_inputs(before, entry["inputs"])
            task = None if entry["is_last"] else Task(before, entry["members_done"])
            self._report.datasets += entry["datasets"]
            self._report.passed_over += entry["passed_over"]
            self._report.skipped += [Skipped(*failure) for failure in entry["skipped"]]
            for name, text in entry["warnings"]:
                self._report.warn(name, text)
            if task is None:
                self._ticker.advance_before(len(before), sum(item.size for item in before))
        return [task] if task else []

    def _take(self, sink: Sink, task: Task, result: Result) -> None:
        if result.failures and not self._skip:
            failure = result.failures[0]
            raise InputError(f"{failure.name}: {failure.reason}")
        if result.datasets:
            if self._report.datasets and not self._rendering.lines:
                sink.write(self._packed(SEPARATOR))
            sink.write(result.data)
            if result.path:
                _move(result.path, sink)
        self._report.datasets += result.datasets
        self._report.passed_over += result.passed_over
        self._report.skipped += [Skipped(*failure) for failure in result.failures]
        for name, text in result.warnings:
            self._report.warn(name, text)
        sink.record(
            {
                "inputs": [_described(item) for item in task.inputs],
                "datasets": result.datasets,
                "passed_over": result.passed_over,
                "skipped": result.failures,
                "warnings": result.warnings,
                "members_done": result.members_done,
                "is_last": result.is_last,
            }
        )
        if result.is_last:
            self._ticker.advance(len(task.inputs), sum(item.size for item in task.inputs))


def _ids(path: str | None) -> set[FileId]:
    found = file_id(path) if path is not None else None
    return {found} if found else set()


def _tasks(inputs: Iterator[Input]) -> Iterator[Task]:
    """The inputs in tasks: some files together, or one that holds others."""
    batch: list[Input] = []
    size = 0
    for item in inputs:
        is_container = item.kind in CONTAINERS
        if batch and (is_container or len(batch) >= _MOST_FILES or size + item.size > _MOST_BYTES):
            yield Task(tuple(batch))
            batch, size = [], 0
        if is_container:
            yield Task((item,))
        else:
            batch.append(item)
            size += item.size
    if batch:
        yield Task(tuple(batch))


def _described(item: Input) -> list[Any]:
    return [item.path, item.size, item.mtime]


def _check_inputs(found: tuple[Input, ...], expected: list[list[Any]]) -> None:
    for item, before in zip_longest(map(_described, found), expected):
        if item != before:
            name = before[0] if item is None else item[0]
            raise ResumeError(f"{name} is new, has changed or has gone since the run that is to be gone on with")


def _move(path: str, sink: Sink) -> None:
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - as elsewhere
        while block := file.read(_COPY):
            sink.write(block)
    Path(path).unlink()
