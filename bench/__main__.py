"""Measure everything, print a table and draw four plots."""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from bench import bulk, exporting, indexing, latency, origin, processes, report, requests, serving
from bench.memory import MIB, Measurement, measure
from bench.multiframe import FRAMES, write_files
from bench.steps import STEPS

_FOLDER = Path(__file__).parent
_SIZES = {  # MiB
    "binary": (16, 64, 256, 1024),
    "events": (16, 64, 256, 1024),
    "datasets": (16, 64, 256),
    "writing": (16, 64, 256),
    "ijson": (4, 8, 16, 32),  # its time is quadratic
}
_BENCHMARKS = ("test_speed.py", "test_options.py", "test_files.py", "test_xml.py")
_FILES = (128, 512, 2048)  # MiB of pixel data
_EXPORTS = (1000, 10_000)  # files
_ARCHIVES = (100, 100_000)  # instances of an origin server
_RESPONSE = 100_000  # data sets
_QUICK = 64  # MiB, the largest input
_QUICKER = 8  # the factor by which a quick run reduces all other counts
_REPEATED = 256  # MiB, the largest input that is measured more than once


def main() -> int:
    arguments = _arguments()
    arguments.out.mkdir(parents=True, exist_ok=True)
    part = _QUICKER if arguments.quick else 1
    speed = _measure_speed(3000 // part, FRAMES // part)
    whole = _measure_processes(FRAMES // part)
    runs = _measure_memory(_QUICK if arguments.quick else max(_SIZES["binary"]))
    files = _measure_files([size // part for size in _FILES])
    exports = exporting.measure([count // part for count in _EXPORTS])
    indexed = indexing.measure([count // part for count in _EXPORTS])
    served = serving.measure(_RESPONSE // part)
    asked = origin.measure(1000 // part, [count // part for count in _ARCHIVES])
    sent = requests.measure((_QUICK if arguments.quick else max(_SIZES["binary"])) * MIB)
    rows = report.speed_rows(speed["benchmarks"]) + report.process_rows(whole) + report.memory_rows(runs)
    rows += report.file_rows(files, max(_FILES) // part) + report.export_rows(exports)
    rows += report.index_rows(indexed)
    rows += report.serving_rows(served) + report.request_rows(sent)
    rows += report.origin_rows(asked)
    rows += report.latency_rows(_measure_latency())
    machine = report.machine(speed["machine_info"])
    print(report.table(rows))
    print(f"\n{report.NOTES}\n\n{machine}")
    pictures = report.draw(runs, machine, arguments.out) + report.draw_files(files, machine, arguments.out)
    print(*pictures, sep="\n")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="at most 64 MiB, and an eighth of all else")
    parser.add_argument("--out", type=Path, default=_FOLDER / "out", help="the folder of the pictures")
    return parser.parse_args()


def _measure_speed(datasets: int, frames: int) -> dict[str, Any]:
    """Return the report of pytest-benchmark on the speed benchmarks."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "benchmark.json")
        options = ["-p", "no:cacheprovider", "-q", "--benchmark-quiet", f"--benchmark-storage={folder}"]
        options += ["--benchmark-timer=time.process_time"]  # ignore other programs
        options += ["-W", "ignore:Module already imported"]  # anyio, by the other benchmarks: it is a plugin of pytest
        options += [f"--benchmark-json={path}", f"--datasets={datasets}", f"--frames={frames}"]
        with redirect_stdout(sys.stderr):
            code = pytest.main([*[str(_FOLDER / name) for name in _BENCHMARKS], *options])
        if code != pytest.ExitCode.OK:
            raise SystemExit(f"the speed benchmarks ended with {code!r}")
        measured: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return measured


def _measure_processes(frames: int) -> list[processes.Process]:
    print("whole processes", file=sys.stderr)
    with TemporaryDirectory() as name:
        return processes.measure(write_files(Path(name), frames), Path(name))


def _measure_latency() -> list[latency.Latency]:
    print("data sets over loopback", file=sys.stderr)
    return latency.measure()


def _measure_files(sizes: list[int]) -> report.Runs:
    runs: report.Runs = {step: [] for step in STEPS}
    for size in sizes:
        print(f"pixel data to JSON and back, {size} MiB", file=sys.stderr)
        for step, measured in bulk.measure(size).items():
            runs[step].append(measured)
    return runs


def _measure_memory(largest: int) -> report.Runs:
    return {case: [_measure(case, size) for size in sizes if size <= largest] for case, sizes in _SIZES.items()}


def _measure(case: str, mib: int) -> Measurement:
    """Return the least time and the highest peak of a few runs, if they are short."""
    print(f"{report.LABELS[case]}, {mib} MiB", file=sys.stderr)
    repeats = 3 if case == "binary" and mib <= _REPEATED else 1
    runs = [measure(case, mib) for _ in range(repeats)]
    return Measurement(runs[0].size, min(run.seconds for run in runs), max(run.peak for run in runs))


if __name__ == "__main__":
    sys.exit(main())
