"""The table and the pictures."""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from bench.memory import MIB, Measurement

MOST_MEMORY = 24  # MiB above the memory after import
_MOST_GROWTH = 4.5  # of the time, where the input grows by 4
_LEAST_SPEED = 150  # MB of JSON a second, of one long value
_LEAST_MEASURED = 64  # MiB of input; smaller ones take too short a time to be judged by it

LABELS = {
    "binary": "bytes -> events, one InlineBinary",
    "events": "bytes -> events, array",
    "datasets": "bytes -> data sets, array",
    "writing": "data sets -> bytes, array",
    "ijson": "ijson.items, one string, for contrast",
}
_LOOKS = {
    "binary": ("#0072B2", "o", "-"),
    "events": ("#009E73", "s", "-"),
    "datasets": ("#E69F00", "D", "-"),
    "writing": ("#CC79A7", "^", "--"),
    "ijson": ("#555555", "x", "-."),
}

_plain = FuncFormatter(lambda number, _: f"{number:g}")

Runs = dict[str, list[Measurement]]


@dataclass
class Row:
    """A row of the table; what is empty was not measured, or means nothing there."""

    what: str
    source: str
    seconds: float
    size: int
    datasets: int | None = None
    elements: int | None = None
    ratio: float | None = None
    growth: float | None = None
    peak: float | None = None
    goals: list[tuple[str, bool]] = field(default_factory=list)

    @property
    def speed(self) -> float:
        """MB of JSON a second."""
        return self.size / self.seconds / 1e6


_COLUMNS: dict[str, Callable[[Row], str]] = {
    "what": lambda row: row.what,
    "input": lambda row: row.source,
    "data sets": lambda row: _text(row.datasets, "d"),
    "MB": lambda row: f"{row.size / 1e6:.1f}",
    "s": lambda row: f"{row.seconds:.3f}",
    "MB/s": lambda row: f"{row.speed:.1f}",
    "us/element": lambda row: _text(row.elements and row.seconds * 1e6 / row.elements, ".2f"),
    "x rival": lambda row: _text(row.ratio, ".2f"),
    "x quarter": lambda row: _text(row.growth, ".2f"),
    "peak MiB": lambda row: _text(row.peak, ".1f"),
    "goal": lambda row: "; ".join(text for text, _ in row.goals),
    "result": lambda row: "; ".join("reached" if reached else "not reached" for _, reached in row.goals),
}
_TEXT_COLUMNS = ("what", "input", "goal", "result")

NOTES = """\
rival: ijson.items(file, "item") + Dataset.from_json, or Dataset.to_json, on the same data in the same run.
files: pydicom's files as they are; headers: without attributes that hold a binary value of more than 1,000 base64
characters. One array of all of them, repeated; in writing each file twice. raw: as dcmread gives the data sets;
converted: every element was accessed before. MB are of the JSON.
s: the least time of the rounds, on the processor, which differs from that on the clock when the machine is busy.
x quarter: the time over that of the row with a quarter of the input.
peak MiB: the highest resident size of a new process above that after import. What the import leaves free is used
first, so that 0 means: no more than that."""


def speed_rows(benchmarks: list[dict[str, Any]]) -> list[Row]:
    """The rows of the speed benchmarks, from what pytest-benchmark writes."""
    rivals = {entry["group"]: entry["stats"]["min"] for entry in benchmarks if entry["extra_info"]["goal"] is None}
    return [_speed_row(entry["extra_info"], entry["stats"]["min"], rivals[entry["group"]]) for entry in benchmarks]


def _speed_row(info: dict[str, Any], seconds: float, rival: float) -> Row:
    row = Row(info["way"], info["source"], seconds, info["size"], info["datasets"], info["elements"], rival / seconds)
    if info["goal"] is not None:
        row.goals.append((f">= {info['goal']} x rival", rival / seconds >= info["goal"]))
    return row


def memory_rows(runs: Runs) -> list[Row]:
    """The rows of the measurements over the size of the input."""
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


def _memory_goals(case: str, mib: int, row: Row) -> list[tuple[str, bool]]:
    goals = []
    if case == "binary" and mib >= _LEAST_MEASURED:
        goals.append((f">= {_LEAST_SPEED} MB/s", row.speed >= _LEAST_SPEED))
        if row.growth is not None:
            goals.append((f"<= {_MOST_GROWTH} x quarter", row.growth <= _MOST_GROWTH))
    if case in ("binary", "events", "datasets"):
        goals.append((f"<= {MOST_MEMORY} MiB", row.peak is not None and row.peak <= MOST_MEMORY))
    return goals


def _mib(run: Measurement) -> int:
    return round(run.size / MIB)


def _text(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)


def table(rows: list[Row]) -> str:
    """The rows as a table in Markdown, its columns aligned."""
    cells = [list(_COLUMNS)] + [[column(row) for column in _COLUMNS.values()] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    alignments = ["<" if name in _TEXT_COLUMNS else ">" for name in _COLUMNS]
    lines = [
        "| " + " | ".join(f"{cell:{a}{w}}" for cell, a, w in zip(line, alignments, widths, strict=True)) + " |"
        for line in cells
    ]
    rule = ["-" * width + ("-" if a == "<" else ":") for a, width in zip(alignments, widths, strict=True)]
    return "\n".join([lines[0], "| " + "| ".join(rule) + "|", *lines[1:]])


def machine(info: dict[str, Any]) -> str:
    """The machine and the versions, from what pytest-benchmark writes."""
    cpu = info["cpu"]
    packages = ", ".join(f"{name} {version(name)}" for name in ("pydicom", "ijson"))
    return (
        f"{cpu.get('brand_raw', info['machine'])}, {cpu['count']} cores, {info['system']}; "
        f"{platform.python_implementation()} {platform.python_version()}, {packages}"
    )


def draw(runs: Runs, caption: str, folder: Path) -> list[Path]:
    """Draw time and memory over the size of the input.

    Returns:
        The files.
    """
    time, axes = _picture(runs, caption, lambda run: run.seconds, "Time over size of input", "processor time (s)")
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(_plain)
    fastest = [run for case, measured in runs.items() if case != "ijson" for run in measured]
    sizes = [min(map(_mib, fastest)), max(map(_mib, fastest))]
    axes.plot(sizes, [size * MIB / _LEAST_SPEED / 1e6 for size in sizes], ":", color="#0072B2", linewidth=1.2)
    axes.annotate(
        f"{_LEAST_SPEED} MB/s", (sizes[0], sizes[0] * MIB / _LEAST_SPEED / 1e6), (8, -4), textcoords="offset points",
        ha="left", va="top", fontsize=8, color="#0072B2",
    )  # fmt: skip
    memory, axes = _picture(
        runs,
        caption,
        lambda run: run.peak / MIB,
        "Peak memory over size of input",
        "memory above import (MiB, linear up to 2)",
    )
    axes.set_yscale("symlog", base=2, linthresh=2)
    highest = max(run.peak // MIB for measured in runs.values() for run in measured)
    axes.set_yticks([0, *(2**power for power in range(max(highest, MOST_MEMORY).bit_length() + 1))])
    axes.set_ylim(bottom=-0.2)
    axes.yaxis.set_major_formatter(_plain)
    axes.axhline(MOST_MEMORY, linestyle=":", color="#B22222", linewidth=1.2)
    axes.annotate(
        f"{MOST_MEMORY} MiB", (1, MOST_MEMORY), (-4, 3), xycoords=("axes fraction", "data"),
        textcoords="offset points", ha="right", fontsize=8, color="#B22222",
    )  # fmt: skip
    files = {folder / "time.png": time, folder / "memory.png": memory}
    for path, figure in files.items():
        figure.savefig(path, dpi=150)
    return list(files)


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
    axes.set_xlabel("JSON text (MiB)")
    axes.set_ylabel(unit)
    axes.set_title(title)
    axes.grid(alpha=0.3, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=8, frameon=False)
    figure.supxlabel(caption, fontsize=7, color="#666666")
    return figure, axes
