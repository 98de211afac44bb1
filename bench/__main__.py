"""Measures everything, prints one table and draws two pictures."""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from bench import report
from bench.memory import Measurement, measure

_FOLDER = Path(__file__).parent
_SIZES = {  # MiB
    "binary": (16, 64, 256, 1024),
    "events": (16, 64, 256, 1024),
    "datasets": (16, 64, 256),
    "writing": (16, 64, 256),
    "ijson": (4, 8, 16, 32),  # its time is quadratic
}
_QUICK = 64  # MiB, the largest input
_REPEATED = 256  # MiB, the largest input that is measured more than once


def main() -> int:
    arguments = _arguments()
    arguments.out.mkdir(parents=True, exist_ok=True)
    speed = _measure_speed(300 if arguments.quick else 3000)
    runs = _measure_memory(_QUICK if arguments.quick else max(_SIZES["binary"]))
    machine = report.machine(speed["machine_info"])
    print(report.table(report.speed_rows(speed["benchmarks"]) + report.memory_rows(runs)))
    print(f"\n{report.NOTES}\n\n{machine}")
    for path in report.draw(runs, machine, arguments.out):
        print(path)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="300 data sets and at most 64 MiB")
    parser.add_argument("--out", type=Path, default=_FOLDER / "out", help="the folder of the pictures")
    return parser.parse_args()


def _measure_speed(datasets: int) -> dict[str, Any]:
    """What pytest-benchmark writes about the speed benchmarks."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "benchmark.json")
        options = ["-p", "no:cacheprovider", "-q", "--benchmark-quiet", f"--benchmark-storage={folder}"]
        options += ["--benchmark-timer=time.process_time"]  # what else runs on the machine does not count
        with redirect_stdout(sys.stderr):
            code = pytest.main(
                [str(_FOLDER / "test_speed.py"), *options, f"--benchmark-json={path}", f"--datasets={datasets}"]
            )
        if code != pytest.ExitCode.OK:
            raise SystemExit(f"the speed benchmarks ended with {code!r}")
        measured: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return measured


def _measure_memory(largest: int) -> report.Runs:
    return {case: [_measure(case, size) for size in sizes if size <= largest] for case, sizes in _SIZES.items()}


def _measure(case: str, mib: int) -> Measurement:
    """The least time and the highest peak of several runs, where they are short."""
    print(f"{report.LABELS[case]}, {mib} MiB", file=sys.stderr)
    repeats = 3 if case == "binary" and mib <= _REPEATED else 1
    runs = [measure(case, mib) for _ in range(repeats)]
    return Measurement(runs[0].size, min(run.seconds for run in runs), max(run.peak for run in runs))


if __name__ == "__main__":
    sys.exit(main())
