"""The export of thousands of small files, with one process and with two.

Time is that on the clock, because the processor has the same work either way. So it means something only where no
other program wants the two cores, and how much of them others had is measured too.
``python -m bench.exporting FOLDER JOBS`` exports once and prints JSON.
"""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import asdict, dataclass, field
from importlib import import_module
from io import BytesIO
from multiprocessing import active_children
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.memory import printed_by, resident
from streamdicom.archive import export_archive
from streamdicom.progress import Progress

MAX_BUSY = 0.1  # cores used by other programs; beyond, two jobs are not judged

_FOLDER_SIZE = 500  # files
_UID = "1.2.840.113619.2.55.3.1%08d"
_STAT = Path("/proc/stat")
JOBS = (1, 2)
_RUNS = 2


@dataclass(frozen=True)
class Export:
    """One run.

    Attributes:
        files: The number of files.
        jobs: The number of processes.
        size: Bytes of JSON.
        seconds: Elapsed time.
        processor: CPU seconds of all processes.
        peak: Highest resident size of a process, in bytes above its size after import.
        others: Cores used by other programs; None if unknown.
    """

    files: int
    jobs: int
    size: int
    seconds: float
    processor: float
    peak: int
    others: float | None


def measure(counts: list[int]) -> list[Export]:
    """Export files with one job and two, in turns; keep the shortest times."""
    found = []
    with TemporaryDirectory() as root:
        for count in counts:
            print(f"export, {count} files", file=sys.stderr)
            folder = Path(root, str(count))
            write_files(folder, count)
            runs = [
                Export(**printed_by("bench.exporting", str(folder), str(jobs))) for _ in range(_RUNS) for jobs in JOBS
            ]
            found += [min(runs[start :: len(JOBS)], key=lambda run: run.seconds) for start in range(len(JOBS))]
    return found


def write_files(folder: Path, count: int) -> None:
    """Write copies of a CT image without pixels, each a new instance."""
    # Imported here, because an export does not need pydicom.
    from pydicom import dcmread
    from pydicom.data import get_testdata_file

    dataset = dcmread(str(get_testdata_file("CT_small.dcm")))
    del dataset.PixelData
    dataset.SOPInstanceUID = _UID % 0
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    buffer = BytesIO()
    dataset.save_as(buffer)
    first = (_UID % 0).encode()
    for number in range(count):
        path = folder / f"{number // _FOLDER_SIZE:04}" / f"{number:08}.dcm"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(buffer.getvalue().replace(first, (_UID % number).encode()))


# --- a run, in a process of its own ----------------------------------------------------------------------------


@dataclass
class _Watch:
    """Return the highest resident size of this process and its workers."""

    highest: dict[int, int] = field(default_factory=dict)

    def __call__(self, progress: Progress) -> None:
        for process in active_children():
            assert process.pid
            self._look(process.pid)
        self._look(os.getpid())

    def _look(self, process: int) -> None:
        self.highest[process] = max(self.highest.get(process, 0), resident("VmHWM", process))


def _main(folder: Path, jobs: int) -> None:
    for module in ("streamdicom.formats.part10", "streamdicom.dicom.charset"):
        import_module(module)
    base = resident("VmRSS")
    watch = _Watch()
    target = folder.with_suffix(".json")
    worked, own, start = busy(), used(), time.perf_counter()
    report = export_archive(folder, target, jobs=jobs, progress=watch)
    seconds = time.perf_counter() - start
    processor = used() - own
    others = None if worked is None else max(0.0, (busy() or 0) - worked - processor) / seconds
    peak = max(watch.highest.values()) - base
    run = Export(report.datasets, jobs, target.stat().st_size, seconds, processor, peak, others)
    target.unlink()
    print(json.dumps(asdict(run)))


def used() -> float:
    """Return CPU seconds of this process and of finished workers."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def busy() -> float | None:
    """Return CPU seconds of all cores since the system started."""
    if not _STAT.exists():
        return None
    user, nice, system, _, _, interrupts, softirqs, *_ = map(int, _STAT.read_text().split("\n")[0].split()[1:])
    return (user + nice + system + interrupts + softirqs) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    _main(Path(sys.argv[1]), int(sys.argv[2]))
