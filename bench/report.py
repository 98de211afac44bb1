"""The table and the plots."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import isnan, nan
from os import cpu_count
from pathlib import Path
from textwrap import fill
from typing import Any

from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

import streamdicom
from bench import mixed
from bench.browsing import Browsed
from bench.exporting import MAX_BUSY, Export
from bench.indexing import Indexed
from bench.latency import Latency
from bench.memory import MIB, Measurement
from bench.origin import Asked
from bench.peers.jobs import Result
from bench.peers.table import markdown
from bench.random_access import Accessed
from bench.requests import Request
from bench.serving import CLIENTS, Served

MAX_MEMORY = 24  # MiB above the memory after import
_MAX_GROWTH = 4.5  # of the time, where the input grows by 4
_MIN_SPEED = 150  # MB of JSON a second, of one long value
_MIN_MEASURED = 64  # MiB of input; smaller ones take too short a time to be judged by it

_MAX_FILE_MEMORY = 32  # MiB, with pixel data of gigabytes
_MIN_FILE_SPEED = 64  # MB of a DICOM file a second, with its pixel data in JSON
_MIN_RATIO = 3  # of the origin server, to Orthanc
_MAX_FIRST_BYTE = 10  # ms, of the metadata of a series
_MAX_MIXED = 150  # MiB, of an origin server with 200 clients
_MAX_BESIDE = 1.5  # of the median latency, beside idle and slow connections
_MIN_GAIN = 1.7  # of a second job
_MAX_LATENCY = 1  # ms after the last byte
_MAX_MORE_MEMORY = 2  # MiB, of the largest number of files above that of the smallest

_MAX_FIRST_ROWS = 1  # s after the command, of the page
_MAX_JUMP = 100  # ms, to another data set
_MAX_PAGE_MEMORY = 100  # MiB, of the server of the page
_MAX_FRAME = 17  # ms, while the list scrolls

_MAX_SERVING = 32  # MiB, of a server
_MAX_INDEX_MEMORY = 16  # MiB above import
_MIN_INDEXING = 1000  # MB of JSON a second, by the compiled engine
_MIN_INDEX_RATIO = 10  # of the speed of reading events, in plain Python
_MAX_CLIENT = 1  # MiB, of a server for each slow client
_MAX_ASKING = 2  # MiB, of an origin server for each client, of which many are answered by threads at once
_MAX_SERVING_MORE = 8  # MiB, of an origin server for the largest number of instances above the smallest

LABELS = {
    "binary": "bytes -> events, one InlineBinary",
    "events": "bytes -> events, array",
    "datasets": "bytes -> data sets, array",
    "writing": "data sets -> bytes, array",
    "json": "json.loads, array, for contrast",
    "ijson": "ijson.items, one string, for contrast",
    "store-out": ".dcm -> JSON and a store",
    "store-in": "JSON and a store -> .dcm",
    "inline-out": ".dcm -> JSON, inline",
    "inline-in": "JSON, inline -> .dcm",
}
_LOOKS = {
    "binary": ("#0072B2", "o", "-"),
    "events": ("#009E73", "s", "-"),
    "datasets": ("#E69F00", "D", "-"),
    "writing": ("#CC79A7", "^", "--"),
    "json": ("#555555", "+", "--"),
    "ijson": ("#555555", "x", "-."),
    "store-out": ("#009E73", "s", "-"),
    "store-in": ("#009E73", "s", "--"),
    "inline-out": ("#0072B2", "o", "-"),
    "inline-in": ("#0072B2", "o", "--"),
}

_plain = FuncFormatter(lambda number, _: f"{number:g}")

_MARKERS = "oDs^vP*XdphH<>"
_METADATA = {"Date": None}
rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "bench"})  # small files; equal ones for equal figures

Runs = dict[str, list[Measurement]]

_RESULTS = {True: "reached", False: "not reached", None: "not judged"}


@dataclass
class Row:
    """A row of the table; an empty cell was not measured or does not apply."""

    name: str
    source: str
    seconds: float = nan
    size: int = 0
    datasets: int | None = None
    elements: int | None = None
    ratio: float | None = None
    growth: float | None = None
    peak: float | None = None
    goals: list[tuple[str, bool | None]] = field(default_factory=list)
    remark: str = ""

    @property
    def speed(self) -> float:
        """Return MB a second."""
        return self.size / self.seconds / 1e6

    @property
    def results(self) -> str:
        """Return whether the goals were reached, or why they do not apply."""
        return "; ".join([_RESULTS[reached] for _, reached in self.goals] + [self.remark] * bool(self.remark))


_COLUMNS: dict[str, Callable[[Row], str]] = {
    "name": lambda row: row.name,
    "input": lambda row: row.source,
    "data sets": lambda row: _text(row.datasets, "d"),
    "MB": lambda row: _text(row.size / 1e6 or None, ".1f"),
    "s": lambda row: _text(row.seconds, ".3f"),
    "MB/s": lambda row: _text(row.speed, ".1f"),
    "us/element": lambda row: _text(row.elements and row.seconds * 1e6 / row.elements, ".2f"),
    "x rival": lambda row: _text(row.ratio, ".2f"),
    "x quarter": lambda row: _text(row.growth, ".2f"),
    "peak MiB": lambda row: _text(row.peak, ".1f"),
    "goal": lambda row: "; ".join(text for text, _ in row.goals),
    "result": lambda row: row.results,
}
_SIZE_COLUMNS = ("name", "input", "s", "MB/s", "peak MiB")
_TEXT_COLUMNS = ("name", "input", "goal", "result")

SIZES = """\
Time is on the processor, with the part of the system. Memory is the highest resident size above that after import. Each
run has a process of its own. A flat line means that memory does not grow with the input."""

NOTES = f"""\
MB are of the JSON, and of the DICOM file for those by MiB.
hundred: data sets of a hundred elements about, with nothing odd in them; rival: the same work without the option, and
reading events for the commands.
.dcm by MiB: native pixel data; each step in a process of its own; the copy equals the source, bit for bit.
s: the least time of the rounds, on the processor, which differs from that on the clock when the machine is busy. The
part of the system in it, for the pages of files of gigabytes, is more than linear; that of the program is linear.
export: s is on the clock; rival: the same with one job; the peak is of the process that has most; not judged when
other programs had more than {MAX_BUSY} cores of the machine, or it has only one.
request: uvicorn and a client on loopback; s is on the clock.
response: uvicorn and its clients on loopback, each data set made for it; s is on the clock. Slow clients take 4 KiB at
once of responses that never end; the peak is what each of them adds to the server.
loopback: the time from before the last byte of a data set is sent by another process until the data set is there;
not judged when other programs had more than {MAX_BUSY} cores of the machine.
x quarter: the time over that of the row with a quarter of the input.
peak MiB: the highest resident size of a new process above that after import. What the import leaves free is used
first, so that 0 means: no more than that."""


def speed_rows(benchmarks: list[dict[str, Any]]) -> list[Row]:
    """Return the rows of the speed benchmarks, from a report of pytest-benchmark."""
    rivals = {entry["group"]: entry["stats"]["min"] for entry in benchmarks if entry["extra_info"]["goal"] is None}
    return [_speed_row(entry["extra_info"], entry["stats"]["min"], rivals[entry["group"]]) for entry in benchmarks]


def _speed_row(info: dict[str, Any], seconds: float, rival: float) -> Row:
    row = Row(info["way"], info["source"], seconds, info["size"], info["datasets"], info["elements"], rival / seconds)
    if info["goal"]:
        row.goals.append((f">= {info['goal']} x rival", rival / seconds >= info["goal"]))
    return row


def memory_rows(runs: Runs) -> list[Row]:
    """Return the rows of the measurements over the size of the input."""
    return [row for case, measured in runs.items() for row in _case_rows(case, measured)]


def _case_rows(case: str, measured: list[Measurement]) -> list[Row]:
    seconds = {_mib(run): run.seconds for run in measured}
    rows = []
    for run in measured:
        mib = _mib(run)
        row = Row(LABELS[case], f"{mib} MiB", run.seconds, run.size, peak=run.peak / MIB)
        if mib / 4 in seconds:
            row.growth = run.seconds / seconds[mib // 4]
        row.goals = _memory_goals(case, mib, row)
        rows.append(row)
    return rows


def _memory_goals(case: str, mib: int, row: Row) -> list[tuple[str, bool | None]]:
    goals: list[tuple[str, bool | None]] = []
    if case == "binary" and mib >= _MIN_MEASURED:
        goals.append((f">= {_MIN_SPEED} MB/s", row.speed >= _MIN_SPEED))
        if row.growth is not None:
            goals.append((f"<= {_MAX_GROWTH} x quarter", row.growth <= _MAX_GROWTH))
    if case in ("binary", "events", "datasets"):
        goals.append((f"<= {MAX_MEMORY} MiB", row.peak is not None and row.peak <= MAX_MEMORY))
    return goals


def file_rows(runs: Runs, largest: int) -> list[Row]:
    """Return the rows of files with pixel data of gigabytes, to JSON and back."""
    rows = []
    for case, measured in runs.items():
        for run in measured:
            row = Row(LABELS[case], f"{_mib(run)} MiB", run.seconds, run.size, peak=run.peak / MIB)
            row.goals.append((f"<= {_MAX_FILE_MEMORY} MiB", run.peak / MIB <= _MAX_FILE_MEMORY))
            if case.startswith("inline"):
                row.goals.append((f">= {_MIN_FILE_SPEED} MB/s", row.speed >= _MIN_FILE_SPEED))
            rows.append(row)
        if largest not in map(_mib, measured):
            rows.append(Row(LABELS[case], f"{largest} MiB", remark="no room on the disk"))
    return rows


def export_rows(exports: list[Export]) -> list[Row]:
    """Return the rows of exports, with one job and with several."""
    return [_export_row(run, exports) for run in exports]


def _export_row(run: Export, exports: list[Export]) -> Row:
    row = Row("export", f"{run.files:,} files, jobs: {run.jobs}", run.seconds, run.size, run.files)
    row.peak = run.peak / MIB
    [first] = [other for other in exports if (other.files, other.jobs) == (run.files, 1)]
    row.ratio = first.seconds / run.seconds
    least, most = [bound(other.files for other in exports) for bound in (min, max)]
    if run.files == most:
        [few] = [other for other in exports if (other.files, other.jobs) == (least, run.jobs)]
        is_flat = run.peak - few.peak <= _MAX_MORE_MEMORY * MIB
        row.goals.append((f"<= {_MAX_MORE_MEMORY} MiB more than {least:,} files", is_flat))
        if run.jobs > 1:
            busy = max(first.others or 0, run.others or 0)
            is_judged = busy <= MAX_BUSY and (cpu_count() or 1) > 1
            row.goals.append((f">= {_MIN_GAIN} x jobs: 1", row.ratio >= _MIN_GAIN if is_judged else None))
            row.remark = f"others had {busy:.1f} cores, the processor {run.processor / first.processor:.2f} x the work"
    return row


def request_rows(requests: list[Request]) -> list[Row]:
    """Return the rows of long bodies of requests."""
    rows = []
    for request in requests:
        row = Row(f"request -> data sets, {request.body}", f"{request.size // MIB} MiB", request.seconds, request.size)
        row.peak = request.peak / MIB
        row.goals.append((f"<= {_MAX_SERVING} MiB", row.peak <= _MAX_SERVING))
        rows.append(row)
    return rows


def index_rows(indexed: list[Indexed]) -> list[Row]:
    """Return the rows of indexes that were made, the smallest first."""
    rows = []
    for run in indexed:
        row = Row(".dcm -> index", f"{run.files:,} files", run.seconds, datasets=run.files, peak=run.peak / MIB)
        row.remark = f"{run.again:.2f} s when nothing has changed"
        rows.append(row)
    is_flat = indexed[-1].peak - indexed[0].peak <= _MAX_MORE_MEMORY * MIB
    rows[-1].goals.append((f"<= {_MAX_MORE_MEMORY} MiB more than {indexed[0].files:,} files", is_flat))
    return rows


def access_row(run: Accessed) -> Row:
    """Return the row of the index of a stream."""
    row = Row("JSON -> index", f"{run.datasets:,} data sets", run.seconds, run.size, run.datasets, peak=run.peak / MIB)
    row.remark = f"{run.events / run.seconds:.1f} x the speed of reading events"
    if streamdicom.engine == "native":
        row.goals.append((f">= {_MIN_INDEXING} MB/s", run.size >= _MIN_INDEXING * 1e6 * run.seconds))
    else:
        row.goals.append((f">= {_MIN_INDEX_RATIO} x events", run.events >= _MIN_INDEX_RATIO * run.seconds))
    row.goals.append((f"<= {_MAX_INDEX_MEMORY} MiB", run.peak <= _MAX_INDEX_MEMORY * MIB))
    row.goals.append(("index[k] <= 1 ms more than the data set", run.extra <= 0.001))
    return row


def serving_rows(served: list[Served]) -> list[Row]:
    """Return the rows of responses over HTTP."""
    return [_serving_row(run) for run in served]


def _serving_row(run: Served) -> Row:
    row = Row(f"data sets -> response, {run.form}", "", run.seconds, run.size, run.datasets, peak=run.growth / MIB)
    if run.datasets is None:
        row.source = f"{CLIENTS} slow clients"
        row.goals.append((f"<= {_MAX_CLIENT} MiB a client", run.growth <= _MAX_CLIENT * MIB))
    else:
        row.source = f"{run.datasets:,} data sets"
        row.goals.append((f"<= {_MAX_SERVING} MiB", run.growth <= _MAX_SERVING * MIB))
    return row


def origin_rows(asked: list[Asked]) -> list[Row]:
    """Return the rows of the origin server: a series beside Orthanc, and small files."""
    rows = [_origin_row(run) for run in asked]
    rivals = [run for run in asked if run.growth is None]
    if rivals:
        rows[0].ratio = _rate(asked[0]) / _rate(rivals[0])
        rows[0].goals.append((f"x rival >= {_MIN_RATIO}", rows[0].ratio >= _MIN_RATIO))
    rows[0].goals.append((f"first byte <= {_MAX_FIRST_BYTE} ms", asked[0].first * 1e3 <= _MAX_FIRST_BYTE))
    few, many = asked[-2].growth or 0, asked[-1].growth or 0
    is_flat = many - few <= _MAX_SERVING_MORE * MIB
    rows[-1].goals.append((f"<= {_MAX_SERVING_MORE} MiB more than {asked[-2].instances:,} instances", is_flat))
    return rows


def _rate(run: Asked) -> float:
    return run.requests / run.seconds


def _origin_row(run: Asked) -> Row:
    peak = None if run.growth is None else run.growth / MIB
    row = Row(f"series -> metadata, {run.name}", f"{run.instances:,} instances", run.seconds, run.size, peak=peak)
    if run.clients > 1:
        row.source += f", {run.clients} clients"
        is_small = run.growth is not None and run.growth <= _MAX_ASKING * run.clients * MIB
        row.goals.append((f"<= {_MAX_ASKING} MiB a client", is_small))
    row.remark = f"{_rate(run):.2f} requests/s, the first byte after {run.first * 1e3:.1f} ms"
    return row


def mixed_row(run: mixed.Mixed) -> Row:
    """Return the row of many clients of the origin server at once."""
    row = Row("searches, frames, metadata, storing", f"{mixed.CLIENTS} clients", run.seconds, 0, peak=run.peak / MIB)
    row.goals.append(("0 errors, 0 lost", not run.errors and not run.lost))
    row.goals.append((f"<= {_MAX_MIXED} MiB", run.peak <= _MAX_MIXED * MIB))
    row.goals.append((f"median <= {_MAX_BESIDE}x beside {mixed.OTHERS:,} connections", run.slowdown <= _MAX_BESIDE))
    row.remark = f"{run.requests:,} requests, median {run.alone.median * 1e3:.0f} ms, beside {run.slowdown:.2f} times"
    return row


def browse_rows(runs: list[Browsed]) -> list[Row]:
    """Return the rows of the page of the command browse."""
    return [_browse_row(run) for run in runs]


def _browse_row(run: Browsed) -> Row:
    source = f"{run.datasets:,} data sets"
    row = Row("array -> page", source, run.indexed, run.size, run.datasets, peak=run.peak / MIB)
    is_quiet = (run.others or 0) <= MAX_BUSY
    row.goals.append((f"first rows <= {_MAX_FIRST_ROWS} s", run.first <= _MAX_FIRST_ROWS if is_quiet else None))
    row.goals.append((f"jump <= {_MAX_JUMP} ms", run.jump * 1e3 <= _MAX_JUMP if is_quiet else None))
    row.goals.append((f"<= {_MAX_PAGE_MEMORY} MiB", run.peak <= _MAX_PAGE_MEMORY * MIB))
    if run.frame is not None:
        is_smooth = run.frame * 1e3 <= _MAX_FRAME
        row.goals.append((f"a frame <= {_MAX_FRAME} ms", is_smooth if is_quiet else None))
    when = "while data sets are found" if run.is_early else "when all are found"
    row.remark = f"first rows after {run.first:.2f} s ({run.first_cpu:.2f} s on the processor), {when}"
    row.remark += f"; jump {run.jump * 1e3:.0f} ms"
    if run.frame is not None and run.page_jump is not None:
        row.remark += f", in Chromium {run.page_jump * 1e3:.0f} ms; a frame {run.frame * 1e3:.1f} ms"
    return row


def latency_rows(latencies: list[Latency]) -> list[Row]:
    """Return the rows of latency."""
    return [_latency_row(run) for run in latencies]


def _latency_row(run: Latency) -> Row:
    row = Row(run.front, "loopback")
    others = run.others or 0
    row.goals.append((f"< {_MAX_LATENCY} ms", run.slow * 1e3 < _MAX_LATENCY if others <= MAX_BUSY else None))
    times = f"median {run.median * 1e3:.2f} ms, 99 of 100 below {run.slow * 1e3:.2f} ms"
    row.remark = f"{times}; others had {others:.1f} cores"
    return row


def _mib(run: Measurement) -> int:
    return round(run.size / MIB)


def _text(value: float | None, form: str) -> str:
    return "" if value is None or isnan(value) else format(value, form)


def table(rows: list[Row]) -> str:
    """Return the rows as a table in Markdown, its columns aligned."""
    cells = [[column(row) for column in _COLUMNS.values()] for row in rows]
    return markdown([list(_COLUMNS), *cells], ["<" if name in _TEXT_COLUMNS else ">" for name in _COLUMNS])


def sizes_table(rows: list[Row]) -> str:
    """Return the figures of the plots over the size of the input as a table."""
    cells = [[_COLUMNS[name](row) for name in _SIZE_COLUMNS] for row in rows]
    return markdown([list(_SIZE_COLUMNS), *cells], ["<" if name in _TEXT_COLUMNS else ">" for name in _SIZE_COLUMNS])


def draw(runs: Runs, caption: str, folder: Path) -> dict[Path, str]:
    """Draw time and memory over the size of the JSON text.

    Returns:
        The files, each with the text for readers who do not see it.
    """
    return _draw(runs, caption, {"time": folder / "time.svg", "memory": folder / "memory.svg"}, _JSON)


def draw_files(runs: Runs, caption: str, folder: Path) -> dict[Path, str]:
    """Draw time and memory over the size of the DICOM file.

    Returns:
        The files, each with its text; none if there was no room on the disk for any measurement.
    """
    if not any(runs.values()):
        return {}
    return _draw(runs, caption, {"time": folder / "file-time.svg", "memory": folder / "file-memory.svg"}, _FILES)


@dataclass(frozen=True)
class _Bounds:
    """The subject of a pair of plots, and the goals."""

    size: str
    least_speed: int  # MB a second
    most_memory: int  # MiB


_JSON = _Bounds("JSON text (MiB)", _MIN_SPEED, MAX_MEMORY)
_FILES = _Bounds("DICOM file (MiB)", _MIN_FILE_SPEED, _MAX_FILE_MEMORY)


def _draw(runs: Runs, caption: str, files: dict[str, Path], bounds: _Bounds) -> dict[Path, str]:
    figures = {"time": _draw_time(runs, caption, bounds), "memory": _draw_memory(runs, caption, bounds)}
    texts = {}
    for name, path in files.items():
        subject = {"time": "Processor time", "memory": "Peak memory"}[name]
        texts[path] = f"{subject} over the size of the input, {bounds.size}; the table below has the same figures"
        figures[name].savefig(path, metadata=_METADATA | {"Title": texts[path]})
    return texts


def draw_peers(results: list[Result], caption: str, folder: Path) -> Path:
    """Draw the time of each peer over ours, for each job.

    Returns:
        The file.
    """
    names = list(dict.fromkeys(result.job.name for result in results if len(result.job.commands) > 1))[::-1]
    programs = list(dict.fromkeys(result.program for result in results))
    figure = Figure(figsize=(9, 1.5 + 0.32 * len(names)), layout="constrained")
    axes = figure.add_subplot()
    for number, program in enumerate(programs):
        points = [
            (r.ratio, names.index(r.job.name))
            for r in results
            if r.program == program and r.ratio and r.job.name in names
        ]
        if points:
            color, marker = f"C{number % 10}", _MARKERS[number % len(_MARKERS)]
            axes.plot(*zip(*points, strict=True), marker, color=color, markersize=6, alpha=0.85, label=program)
    axes.axvline(1, color="#555555", linewidth=0.8)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(_plain)
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.set_xlabel(f"user time over that of {results[0].program}; right of 1 is slower")
    axes.grid(alpha=0.3, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(fontsize=8, frameon=False, loc="outside upper center", ncols=7)
    figure.supxlabel(fill(caption, 130), fontsize=7, color="#666666")
    path = folder / "peers.svg"
    figure.savefig(path, metadata=_METADATA | {"Title": "Time of each program over that of streamdicom"})
    return path


def _draw_time(runs: Runs, caption: str, bounds: _Bounds) -> Figure:
    time, axes = _picture(runs, caption, lambda run: run.seconds, "Time over size of input", "processor time (s)")
    axes.set_xlabel(bounds.size)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(_plain)
    fastest = [run for case, measured in runs.items() if case != "ijson" for run in measured]
    sizes = [min(map(_mib, fastest)), max(map(_mib, fastest))]
    times = [size * MIB / bounds.least_speed / 1e6 for size in sizes]
    axes.plot(sizes, times, ":", color="#B22222", linewidth=1.2)
    axes.annotate(
        f"{bounds.least_speed} MB/s", (sizes[0], times[0]), (8, -4), textcoords="offset points",
        ha="left", va="top", fontsize=8, color="#B22222",
    )  # fmt: skip
    return time


def _draw_memory(runs: Runs, caption: str, bounds: _Bounds) -> Figure:
    memory, axes = _picture(
        runs,
        caption,
        lambda run: run.peak / MIB,
        "Peak memory over size of input",
        "memory above import (MiB, linear up to 2)",
    )
    axes.set_xlabel(bounds.size)
    axes.set_yscale("symlog", base=2, linthresh=2)
    highest = max(run.peak // MIB for measured in runs.values() for run in measured)
    axes.set_yticks([0, *(2**power for power in range(max(highest, bounds.most_memory).bit_length() + 1))])
    axes.set_ylim(bottom=-0.2)
    axes.yaxis.set_major_formatter(_plain)
    axes.axhline(bounds.most_memory, linestyle=":", color="#B22222", linewidth=1.2)
    axes.annotate(
        f"{bounds.most_memory} MiB", (1, bounds.most_memory), (-4, 3), xycoords=("axes fraction", "data"),
        textcoords="offset points", ha="right", fontsize=8, color="#B22222",
    )  # fmt: skip
    return memory


def _picture(
    runs: Runs, caption: str, value: Callable[[Measurement], float], title: str, unit: str
) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot()
    for case, measured in runs.items():
        color, marker, line = _LOOKS[case]
        sizes = [_mib(run) for run in measured]
        axes.plot(
            sizes,
            [value(run) for run in measured],
            linestyle=line,
            marker=marker,
            markersize=5,
            color=color,
            label=LABELS[case],
        )
    axes.set_xscale("log", base=2)
    axes.set_xticks(sorted({_mib(run) for measured in runs.values() for run in measured}))
    axes.xaxis.set_major_formatter(_plain)
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_ylabel(unit)
    axes.set_title(title)
    axes.grid(alpha=0.3, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=8, frameon=False)
    figure.supxlabel(fill(caption, 130), fontsize=7, color="#666666")
    return figure, axes
