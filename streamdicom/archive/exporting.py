"""Export: many files to one stream of DICOM JSON.

Until the output is complete, it is a hidden file beside its path, ``.NAME.partial``. Results of the workers are in the
folder ``.NAME.spool``. The journal is ``.NAME.journal``:

    {"export": {...}, "end": 2}            the request; the partial output has 2 bytes
    {"inputs": [["a.dcm", 5120, 1700000000000000000], ...], "datasets": 64, "passed_over": [], "not_selected": 0,
     "skipped": [], "warnings": [], "members_done": 0, "is_last": true, "deidentified": null, "facts": [],
     "end": 81920}
    ...
    {"complete": 163840}                   only the rename is left

Each line stands for one result of a task: the files with their sizes and times, the number of data sets, the names and
reasons of skipped inputs, the number of members done of a ZIP or tar file, and the size of the partial output. The
order of writes makes a run safe to kill at any moment:

1. text is appended to the partial output, which is forced onto the disk;
2. then the lines are appended to the journal, which is forced onto the disk too (both a few times a second, for all
   results since the last time);
3. at the end "complete" is appended, the partial output is renamed, and the journal is removed.

So the partial output always has the text of the journal, and possibly more, which a resumed run cuts off. A resumed run
searches the inputs again, and must find the same files as the journal in the same order, with the same sizes and times.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, nullcontext
from functools import partial
from itertools import chain, islice, zip_longest

from streamdicom._records import record, replace
from streamdicom._typing import TYPE_CHECKING, Any, cast
from streamdicom._workers import in_order
from streamdicom.archive.manifest import ManifestWriter, Since, digest_of
from streamdicom.archive.report import Report, Skipped
from streamdicom.archive.sink import Sink, open_sink
from streamdicom.archive.tasks import SEPARATOR, InputFacts, Rendering, Result, Task, render
from streamdicom.errors import InputError, ResumeError
from streamdicom.formats import JSON, NDJSON, form_of_name
from streamdicom.inputs import (
    CONTAINERS,
    FileId,
    Input,
    Kind,
    check_place,
    file_id,
    find,
    measure,
    places,
)
from streamdicom.io import Target, absolute, check_distinct, is_special, is_url, new_compressor
from streamdicom.options import ReadOptions, WriteOptions, options_or_default
from streamdicom.progress import ProgressCallback, Ticker

if TYPE_CHECKING:
    from streamdicom.archive.indexing import OutputIndex

_BATCH_FILES = 64  # of a task
_BATCH_SIZE = 1024 * 1024  # bytes of a task
_COPY_SIZE = 256 * 1024

_FORMATS = (JSON.name, NDJSON.name)


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
    force: bool = False,
    index: bool = False,
    jobs: int = 1,
    on_error: str = "stop",
    resume: bool = False,
    manifest: str | os.PathLike[str] | None = None,
    since: str | os.PathLike[str] | None = None,
    progress: ProgressCallback | None = None,
) -> Report:
    r"""Write the data sets of many files as one stream of DICOM JSON (PS3.18 Annex F).

    The inputs are DICOM files, DICOM JSON, NDJSON and Native DICOM XML, plain or compressed, in folders, ZIP and tar
    files. They are recognized by content. A named file must be one of them; elsewhere, other files are passed over and
    named in the report. The order is that of the sources, and of the names in each folder. The output does not depend
    on the number of processes, and a file that fails leaves nothing in the output.

    A path gets its name when the output is complete. A run that is stopped, by an error or a kill, leaves a partial
    output and a journal beside the path, and can be continued with ``resume``. Without ``resume``, a run then refuses
    to start.

    With several processes, the program must protect its main module with ``if __name__ == "__main__"``, as
    ``multiprocessing`` requires.

    Args:
        sources: Files, folders and glob patterns, local or at URLs for fsspec, such as ``s3://bucket/studies``.
        target: A path, a URL for fsspec, or a binary file. At a URL the output exists when it is complete, and cannot
            be resumed.
        format: "json" for one array, "ndjson" for one data set on each line. By default the name of the target decides:
            ``.json``, ``.ndjson`` or ``.jsonl``, also with ``.gz`` or ``.zst``. A file without a name is an array.
        compress: "gzip", "zstd" or "none". By default the name of the target decides: ``.gz`` or ``.zst``.
        bulk_dir: The folder, or the URL for fsspec, for large binary values, each replaced by a reference. By default
            they stay inline.
        bulk_threshold: The size in bytes above which a binary value is large.
        bulk_uri_prefix: The start of the references.
        bulk: False to leave large binary values out.
        indent: As for ``dump``. Not allowed for NDJSON.
        options: Elements to write, and their form. ``file_meta`` is always true for encapsulated pixel data, which
            cannot be decoded without its transfer syntax. Bulk data is set by the arguments above.
        where: Data sets to write, as in ``ReadOptions.where``, but with strings only.
        force: Read files of unknown content as DICOM files without a preamble, if they are named as a source or end in
            ``.dcm``.
        index: Write the index of the output beside it; see ``streamdicom.build_index``.
        jobs: The number of processes.
        on_error: "stop" at an input that fails, or "skip" it and add it to the report.
        resume: Continue a stopped run. Sources and arguments must be the same, except ``jobs`` and ``on_error``.
        manifest: The file for the manifest: versions, options, and the digest of each input and of the output.
        since: The manifest of an earlier run. Only inputs are written that are not in it, or have changed.
        progress: Called with a ``Progress`` a few times a second.

    Returns:
        The number of data sets written, and the inputs that were skipped or passed over.

    Raises:
        InputError: An input is malformed; the message has its name and the location.
        ResumeError: A stopped run must be resumed, or differs from this one in its arguments or its inputs.
        OSError: A source does not exist, or the target cannot be written.
        ValueError: The arguments contradict each other, the name of the target does not decide the format, or a URL
            is of an unknown kind.

    >>> import io, pydicom.data
    >>> target = io.BytesIO()
    >>> options = WriteOptions(include=["PatientID"])
    >>> export_archive(pydicom.data.get_testdata_file("CT_small.dcm"), target, format="ndjson", options=options)
    Report(datasets=1, passed_over=[], passed_over_count=0, not_selected=0, skipped=[], warnings={})
    >>> target.getvalue()
    b'{"00100020":{"vr":"LO","Value":["1CT1"]}}\n'
    """
    paths = places(_as_list(sources))
    _check_arguments(target, bulk_dir, on_error, jobs)
    format, compress = _form(target, format, compress)
    rendering = Rendering(
        format=format,
        compress=compress,
        indent=indent,
        options=_checked(options_or_default(options, WriteOptions)),
        bulk_dir=None if bulk_dir is None else os.fspath(bulk_dir),
        bulk_threshold=bulk_threshold,
        bulk_uri_prefix=bulk_uri_prefix,
        bulk=bulk,
        force=force,
        index=index,
        manifest=manifest is not None,
        where=_as_tuples(where or {}),
    )
    _check_rendering(rendering, target)
    check_distinct({"the output": target, "the manifest": manifest}, paths)
    return _run(paths, rendering, target, progress, jobs, on_error == "skip", resume, manifest, since)


def _run(
    paths: list[str],
    rendering: Rendering,
    target: Target,
    progress: ProgressCallback | None,
    jobs: int,
    skip: bool,
    resume: bool,
    manifest: str | os.PathLike[str] | None,
    since: str | os.PathLike[str] | None,
) -> Report:
    with (
        closing(Since(since)) if since is not None else nullcontext() as earlier,
        closing(_new_manifest(rendering, paths)) if manifest is not None else nullcontext() as lines,
        open_sink(target, resume) as sink,
        closing(_new_index(rendering.compress)) if rendering.index else nullcontext() as own_index,
    ):
        sink.excluded |= _ids(manifest) | _ids(since)
        run = _Export(paths, rendering, skip, progress, own_index, lines, earlier)
        report = run.run(sink, jobs)
        if manifest is not None and lines is not None:
            _finish_manifest(lines, manifest, cast(str, target), report)
        if own_index is not None:
            own_index.write(cast(str, target))
        return report


def _check_arguments(target: Target, bulk_dir: object, on_error: str, jobs: int) -> None:
    for name, place in (("target", target), ("bulk_dir", bulk_dir)):
        check_place(name, place)
    if on_error not in ("stop", "skip"):
        raise ValueError(f"on_error must be stop or skip, not {on_error}")
    if jobs < 1:
        raise ValueError(f"jobs must be at least 1, not {jobs}")


def _check_rendering(rendering: Rendering, target: Target) -> None:
    """Check that the arguments fit each other and the target.

    Raises:
        ValueError: They do not.
    """
    if rendering.bulk_dir is not None and not rendering.bulk:
        raise ValueError("bulk_dir needs bulk=True")
    if rendering.format == NDJSON.name and rendering.indent is not None:
        raise ValueError("NDJSON has one data set on each line; leave out the indent")
    is_file = isinstance(target, str | os.PathLike) and not is_special(target)
    if rendering.index and (not is_file or is_url(target)):
        raise ValueError("only an export to a regular file can have an index")
    if rendering.manifest and not is_file:
        raise ValueError("only an export to a file can have a manifest")
    ReadOptions(where=dict(rendering.where))  # raises if an element is unknown


def _new_index(compress: str | None) -> OutputIndex:
    from streamdicom.archive.indexing import OutputIndex  # which most exports do not need

    return OutputIndex(compress)


def _new_manifest(rendering: Rendering, sources: list[str]) -> ManifestWriter:
    return ManifestWriter("export", {**rendering.request(), "sources": sources})


def _finish_manifest(lines: ManifestWriter, place: str | os.PathLike[str], target: str, report: Report) -> None:
    size, digest = digest_of(target)
    lines.add({"output": absolute(target), "size": size, "sha256": digest, "datasets": report.datasets})
    lines.write(place)


def _as_list(
    sources: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
) -> Iterable[str | os.PathLike[str]]:
    return [sources] if isinstance(sources, str | os.PathLike) else sources


def _as_tuples(where: Mapping[str, str | Iterable[str]]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple((key, (value,) if isinstance(value, str) else tuple(value)) for key, value in where.items())


def _form(target: Target, format: str | None, compress: str | None) -> tuple[str, str | None]:
    """Return the format and the compression of the output.

    Raises:
        ValueError: A choice is unknown, or the name of the target does not decide the format.
    """
    if format not in (None, *_FORMATS):
        raise ValueError(f"format must be {' or '.join(_FORMATS)}, not {format}")
    if isinstance(target, str | os.PathLike) and not is_special(target):
        form = form_of_name(target)
        compress = compress or form.compression
        if format is None and (form.format is None or form.format.name not in _FORMATS):
            raise ValueError(
                f"{os.fspath(target)} ends in none of .json, .ndjson and .jsonl, also with .gz or .zst; "
                "rename it, or give the format (format=, --to)"
            )
        format = format or (form.format.name if form.format else None)
    compress = None if compress == "none" else compress
    if compress:
        new_compressor(compress)  # raises if the compression is unknown, or its package is not installed
    return format or JSON.name, compress


def _checked(options: WriteOptions) -> WriteOptions:
    """Return options that set nothing that the arguments of an export set.

    Raises:
        ValueError: An option is set.
    """
    own = ("trailing_newline", "bulk_data_store", "bulk_data_policy", "bulk_data_element_handler")
    names = [name for name in own if getattr(options, name) != getattr(WriteOptions(), name)]
    if names:
        raise ValueError(f"an export does not support the options {', '.join(names)}; use its own arguments")
    return options


@record(slots=True)
class _Container:
    """The data sets of a ZIP or tar file so far, and whether a member has failed."""

    datasets: int = 0
    has_failed: bool = False


# --- the run ---------------------------------------------------------------------------------------------------


class _Export:
    """One run."""

    def __init__(
        self,
        sources: list[str],
        rendering: Rendering,
        skip: bool,
        progress: ProgressCallback | None,
        index: OutputIndex | None,
        manifest: ManifestWriter | None,
        since: Since | None,
    ) -> None:
        self._sources = sources
        self._index = index
        self._manifest = manifest
        self._since = since
        self._rendering = rendering
        self._is_array = rendering.format == JSON.name
        self._container = _Container()
        self._skip = skip
        self._ticker = Ticker(progress)
        self._wants_progress = progress is not None
        deidentification = rendering.options.deidentification
        self._report = Report(deidentification=deidentification.report if deidentification else None)

    def run(self, sink: Sink, jobs: int) -> Report:
        excluded = sink.excluded | _ids(self._rendering.bulk_dir)
        if self._wants_progress:
            self._ticker.files_known, self._ticker.size_known = measure(self._sources, excluded)
        inputs = (
            item for item in find(self._sources, excluded, force=self._rendering.force) if self._is_readable(item)
        )
        unfinished = self._replay(sink, inputs)
        tasks = chain(unfinished, _tasks(inputs))
        rendering = replace(self._rendering, folder=sink.spool_folder)
        if rendering.bulk_dir is not None:
            from streamdicom.bulkdata import DirectoryStore  # which takes long to import

            store = rendering.store(rendering.bulk_dir)
            if isinstance(store, DirectoryStore):
                store.remove_leftovers()
        with closing(in_order(partial(render, rendering=rendering), tasks, jobs)) as results:
            for task, result in results:
                self._add(sink, task, result)
        sink.finish(self._text(b"\n]\n" if self._is_array else b""))
        self._report.passed_over.sort()  # found in another order with several processes
        self._ticker.finish()
        return self._report

    def _is_readable(self, item: Input) -> bool:
        if item.kind == Kind.OTHER:
            self._report.pass_over([item.path])
            self._ticker.advance(1, item.size)
            return False
        line = self._since.unchanged(item) if self._since is not None and item.kind != Kind.FAULT else None
        if line is not None:
            if self._manifest is not None:
                self._manifest.add(line)
            self._report.unchanged += 1
            self._ticker.advance(1, item.size)
        return line is None

    def _text(self, text: bytes) -> bytes:
        """Return text around data sets, compressed if the output is."""
        if not text:
            return text
        written = text
        if self._rendering.compress:
            compressor = new_compressor(self._rendering.compress)
            written = compressor.compress(text) + compressor.flush()
        if self._index:
            self._index.pass_over(len(text), len(written))
        return written

    def _replay(self, sink: Sink, inputs: Iterator[Input]) -> list[Task]:
        """Add the results of the stopped run; return its unfinished task, if any."""
        request = {**self._rendering.request(), "sources": self._sources}
        start = self._text(b"[\n" if self._is_array else b"")
        task: Task | None = None
        for entry in sink.replay(request, start):
            if self._index:
                self._index.lose()
            done = task.inputs if task else tuple(islice(inputs, len(entry["inputs"])))
            _check_inputs(done, entry["inputs"])
            task = None if entry["is_last"] else Task(done, entry["members_done"])
            self._note(
                done, [InputFacts(*facts) for facts in entry["facts"]], entry["datasets"], bool(entry["skipped"])
            )
            self._report.datasets += entry["datasets"]
            self._report.pass_over(entry["passed_over"])
            self._report.not_selected += entry["not_selected"]
            self._report.skipped += [Skipped(*failure) for failure in entry["skipped"]]
            for name, text in entry["warnings"]:
                self._report.warn(name, text)
            if self._report.deidentification is not None:
                self._report.deidentification.add(entry["deidentified"])
            if task is None:
                self._ticker.advance_before(len(done), sum(item.size for item in done))
        return [task] if task else []

    def _note(self, inputs: tuple[Input, ...], facts: Iterable[InputFacts], datasets: int, has_failed: bool) -> None:
        """Add inputs that are done to the manifest, if there is one."""
        if self._manifest is None:
            return
        self._container.datasets += datasets
        self._container.has_failed |= has_failed
        for number, sha256, count, skipped in facts:
            item = inputs[number]
            line: dict[str, Any] = {"path": absolute(item.path), "size": item.size, "mtime": item.mtime}
            if item.kind in CONTAINERS:
                count = self._container.datasets
                skipped = skipped or "some of its members" * self._container.has_failed
            self._manifest.add(line | ({"skipped": skipped} if skipped else {"sha256": sha256, "datasets": count}))
            self._container = _Container()

    def _add(self, sink: Sink, task: Task, result: Result) -> None:
        if result.failures and not self._skip:
            failure = result.failures[0]
            error = InputError(failure.text)
            error.filename = failure.name
            raise error
        if result.datasets:
            if self._report.datasets and self._is_array:
                sink.write(self._text(SEPARATOR))
            sink.write(result.data)
            size = len(result.data) + (_move(result.path, sink) if result.path else 0)
            if self._index and result.places:
                self._index.add(result.places, size)
        self._note(task.inputs, result.facts, result.datasets, bool(result.failures))
        self._report.datasets += result.datasets
        self._report.pass_over(result.passed_over)
        self._report.not_selected += result.not_selected
        self._report.skipped += [Skipped(*failure) for failure in result.failures]
        for name, text in result.warnings:
            self._report.warn(name, text)
        if self._report.deidentification is not None and result.deidentified is not None:
            self._report.deidentification.add(result.deidentified)
        sink.record(
            {
                "inputs": [_describe(item) for item in task.inputs],
                "datasets": result.datasets,
                "passed_over": result.passed_over,
                "not_selected": result.not_selected,
                "skipped": result.failures,
                "warnings": result.warnings,
                "members_done": result.members_done,
                "is_last": result.is_last,
                "deidentified": result.deidentified,
                "facts": result.facts,
            }
        )
        if result.is_last:
            self._ticker.advance(len(task.inputs), sum(item.size for item in task.inputs))


def _ids(path: str | os.PathLike[str] | None) -> set[FileId]:
    found = file_id(os.fspath(path)) if path is not None else None
    return {found} if found else set()


def _tasks(inputs: Iterator[Input]) -> Iterator[Task]:
    """Group the inputs into tasks: some files together, or one container."""
    batch: list[Input] = []
    size = 0
    for item in inputs:
        is_container = item.kind in CONTAINERS
        if batch and (is_container or len(batch) >= _BATCH_FILES or size + item.size > _BATCH_SIZE):
            yield Task(tuple(batch))
            batch, size = [], 0
        if is_container:
            yield Task((item,))
        else:
            batch.append(item)
            size += item.size
    if batch:
        yield Task(tuple(batch))


def _describe(item: Input) -> list[Any]:
    return [item.path, item.size, item.mtime]


def _check_inputs(found: tuple[Input, ...], expected: list[list[Any]]) -> None:
    for item, before in zip_longest(map(_describe, found), expected):
        if item != before:
            name = before[0] if item is None else item[0]
            raise ResumeError(f"{name} was added, changed or removed since the stopped run")


def _move(path: str, sink: Sink) -> int:
    """Move the text in a file to the output; return its size."""
    size = 0
    with open(path, "rb", buffering=0) as file:
        while block := file.read(_COPY_SIZE):
            sink.write(block)
            size += len(block)
    os.unlink(path)
    return size
