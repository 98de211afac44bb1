"""Measure everything, the peers or the sizes of inputs, for the terminal and docs."""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from bench import (
    browsing,
    bulk,
    engine_share,
    exporting,
    indexing,
    latency,
    mixed,
    origin,
    random_access,
    report,
    requests,
    serving,
)
from bench.memory import MIB, Measurement, measure
from bench.peers import jobs
from bench.peers.table import machine, table
from bench.steps import STEPS

_FOLDER = Path(__file__).parent
_SIZES = {  # MiB
    "binary": (1, 4, 16, 64, 256, 1024),
    "events": (1, 4, 16, 64, 256, 1024),
    "datasets": (1, 4, 16, 64, 256, 1024),
    "writing": (1, 4, 16, 64, 256, 1024),
    "json": (1, 4, 16, 64, 256),  # it holds the whole array
    "ijson": (1, 4, 8, 16, 32),  # its time is quadratic
}
_BENCHMARKS = "test_options.py"
_FIGURES = _FOLDER.parent / "docs" / "figures"
_FILES = (128, 512, 2048)  # MiB of pixel data
_EXPORTS = (1000, 10_000)  # files
_INDEXED = 20_000  # data sets of an array
_ARCHIVES = (100, 100_000)  # instances of an origin server
_MIXED = 150  # seconds of requests of many clients
_RESPONSE = 100_000  # data sets
_BROWSED = 1_000_000_000, 5_000_000  # bytes of an array, and data sets of another
_QUICK = 64  # MiB, the largest input
_QUICKER = 8  # the factor by which a quick run reduces all other counts
_REPEATED = 256  # MiB, the largest input that is measured more than once
_CAPTION = f"""\
User time of the processor: medians of {jobs.RUNS} runs, in which the programs take turns. "x our time" is the time over
that of the job's first row: above 1, the program is slower than streamdicom."""

_PEERS = "The time of each program over that of streamdicom, a line for each job; the table above has the same figures"


def main() -> int:
    arguments = _arguments()
    arguments.out.mkdir(parents=True, exist_ok=True)
    part = _QUICKER if arguments.quick else 1
    caption = machine()
    if arguments.what in ("all", "peers"):
        _write_peers(part, arguments.out, caption)
    if arguments.what in ("all", "sizes"):
        _write_sizes(part, arguments, caption)
    if arguments.what == "all":
        print(f"\n{report.table(_measure_rest(part, arguments))}\n\n{report.NOTES}")
    print(f"\n{caption}")
    return 0


def _write_peers(part: int, out: Path, caption: str) -> None:
    """Measure the peers; write their page and its plot."""
    peers = _measure_peers(part)
    print(table(peers))
    shares = engine_share.table(engine_share.measure())
    print(f"\n{shares}")
    picture = _picture(_PEERS, report.draw_peers(peers, caption, out))
    _write(out / "peers.md", [_CAPTION, caption, table(peers), picture, shares])


def _write_sizes(part: int, arguments: argparse.Namespace, caption: str) -> None:
    """Measure time and memory over the size of the input; write page and plots."""
    runs = _measure_memory(_QUICK if arguments.quick else max(_SIZES["binary"]))
    files = _measure_files([size // part for size in _FILES])
    rows = report.memory_rows(runs) + report.file_rows(files, max(_FILES) // part)
    print(f"\n{report.table(rows)}")
    pictures = report.draw(runs, caption, arguments.out) | report.draw_files(files, caption, arguments.out)
    texts = [_picture(text, path) for path, text in pictures.items()]
    _write(arguments.out / "sizes.md", [report.SIZES, caption, *texts, report.sizes_table(rows)])


def _write(path: Path, parts: list[str]) -> None:
    path.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def _measure_rest(part: int, arguments: argparse.Namespace) -> list[report.Row]:
    """Measure all but the peers and the sizes."""
    speed = _measure_speed(3000 // part)
    exports = exporting.measure([count // part for count in _EXPORTS])
    indexed = indexing.measure([count // part for count in _EXPORTS])
    accessed = random_access.measure(_INDEXED // part)
    served = serving.measure(_RESPONSE // part)
    asked = origin.measure(1000 // part, [count // part for count in _ARCHIVES])
    mixture = mixed.measure(_MIXED // part)
    browsed = browsing.measure(*[count // part for count in _BROWSED])
    sent = requests.measure((_QUICK if arguments.quick else max(_SIZES["binary"])) * MIB)
    rows = report.speed_rows(speed["benchmarks"]) + report.export_rows(exports)
    rows += report.index_rows(indexed)
    rows.append(report.access_row(accessed))
    rows += report.serving_rows(served) + report.request_rows(sent)
    rows += report.origin_rows(asked)
    rows.append(report.mixed_row(mixture))
    rows += report.browse_rows(browsed)
    return rows + report.latency_rows(_measure_latency())


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="at most 64 MiB, and an eighth of all else")
    folders = "the folder of the page and the plots; default: docs/figures, or bench/out with --quick"
    parser.add_argument("--out", type=Path, help=folders)
    parser.add_argument("what", nargs="?", choices=("all", "peers", "sizes"), default="all", help="default: all")
    arguments = parser.parse_args()
    arguments.out = arguments.out or (_FOLDER / "out" if arguments.quick else _FIGURES)
    return arguments


def _picture(text: str, path: Path) -> str:
    return f"![{text}]({path.name})"


def _measure_peers(part: int) -> list[jobs.Result]:
    found = []
    with TemporaryDirectory() as folder:
        for job in jobs.make_jobs(Path(folder), part):
            print(job.name, file=sys.stderr)
            found += jobs.measure(job)
    return found


def _measure_speed(datasets: int) -> dict[str, Any]:
    """Return the report of pytest-benchmark on the speed benchmarks."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "benchmark.json")
        options = ["-p", "no:cacheprovider", "-q", "--benchmark-quiet", f"--benchmark-storage={folder}"]
        options += ["--benchmark-timer=time.process_time"]  # ignore other programs
        options += ["-W", "ignore:Module already imported"]  # anyio, by the other benchmarks: it is a plugin of pytest
        options += [f"--benchmark-json={path}", f"--datasets={datasets}"]
        with redirect_stdout(sys.stderr):
            code = pytest.main([str(_FOLDER / _BENCHMARKS), *options])
        if code != pytest.ExitCode.OK:
            raise SystemExit(f"the speed benchmarks ended with {code!r}")
        measured: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return measured


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
