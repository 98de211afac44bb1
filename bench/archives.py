"""Columns of many small files, and imports by two processes.

``python -m bench.archives [FILES]`` prints ratios of CPU time, of programs that take turns. Two processes take at
least half of their CPU time, and that of the process that decides; the bound of the speed-up follows.
"""

from __future__ import annotations

import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.exporting import write_files
from streamdicom.archive import export_archive, import_archive

_FILES = 10_000
_RUNS = 3
_COLUMNS = {
    "SOPInstanceUID": "0008,0018",
    "StudyDate": "0008,0020",
    "StudyTime": "0008,0030",
    "Modality": "0008,0060",
    "PatientName": "0010,0010",
    "PatientID": "0010,0020",
    "StudyInstanceUID": "0020,000d",
    "Rows": "0028,0010",
    "SliceThickness": "0018,0050",
    "ImageOrientationPatient": "0020,0037",
}


def main() -> None:
    """Measure and print."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else _FILES
    with TemporaryDirectory() as top:
        folder = Path(top, "in")
        write_files(folder, count)
        _measure_columns(folder)
        _measure_import(folder, Path(top))


def _measure_columns(folder: Path) -> None:
    roads = {"streamdicom": _read, "pydicom": _loop}
    if shutil.which("gdcmscanner"):
        roads["gdcmscanner"] = _scan
    least = dict.fromkeys(roads, float("inf"))
    for _ in range(_RUNS):
        for name, road in roads.items():
            least[name] = min(least[name], sum(_used(lambda road=road: road(folder))))
    for name, seconds in least.items():
        print(f"columns, {name}: {seconds:.2f} CPU s, {seconds / least['streamdicom']:.1f} x streamdicom")


def _read(folder: Path) -> None:
    from streamdicom import columns

    columns.read(folder, columns=list(_COLUMNS), on_mismatch="null").to_table()


def _loop(folder: Path) -> None:
    from pydicom import dcmread

    rows = []
    for path in folder.rglob("*.dcm"):
        dataset = dcmread(path, stop_before_pixels=True)
        rows.append([dataset.get(name) for name in _COLUMNS])


def _scan(folder: Path) -> None:
    tags = [part for tag in _COLUMNS.values() for part in ("-t", tag)]
    command = ["gdcmscanner", "-d", str(folder), "-r", "-p", *tags]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)


def _measure_import(folder: Path, top: Path) -> None:
    export_archive(folder, top / "in.json")
    bounds = []
    for _ in range(_RUNS):
        used = []
        for jobs in (1, 2):
            start = time.perf_counter()
            used.append(_used(lambda jobs=jobs: import_archive(top / "in.json", top / "out", jobs=jobs)))
            print(
                f"import, {jobs} jobs: {time.perf_counter() - start:.1f} s, CPU s {used[-1][0]:.2f} + {used[-1][1]:.2f}"
            )
            shutil.rmtree(top / "out")
        (alone, _), (own, workers) = used
        bounds.append(alone / max(own, (own + workers) / 2))
    print(f"import, two jobs: {max(bounds):.2f} x one on two free cores, by processor time")


def _used(action: Callable[[], object]) -> tuple[float, float]:
    """Return the CPU seconds of this process and of its children during an action."""
    own, children = _times()
    action()
    own_after, children_after = _times()
    return own_after - own, children_after - children


def _times() -> tuple[float, float]:
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime, children.ru_utime + children.ru_stime


if __name__ == "__main__":
    main()
