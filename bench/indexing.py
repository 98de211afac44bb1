"""The index of thousands of small files, made in one pass, each run in a process of its own.

``python -m bench.indexing FOLDER`` makes it once and prints JSON.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.exporting import write_files
from bench.memory import printed_by, resident
from streamdicom.server import Catalog


@dataclass(frozen=True)
class Indexed:
    """One run.

    Attributes:
        files: How many there were.
        seconds: Of the processor, to make the index.
        again: Seconds of the processor, to see that nothing has changed.
        peak: Bytes of the highest resident size, above that after import.
    """

    files: int
    seconds: float
    again: float
    peak: int


def measure(counts: list[int]) -> list[Indexed]:
    """Make an index of so many files."""
    found = []
    with TemporaryDirectory() as root:
        for count in counts:
            print(f"index, {count} files", file=sys.stderr)
            folder = Path(root, str(count))
            write_files(folder, count)
            found.append(Indexed(**printed_by("bench.indexing", str(folder))))
    return found


def _main(folder: Path) -> None:
    for module in ("streamdicom.formats.part10", "streamdicom.dicom.charset", "pydicom.datadict"):
        import_module(module)
    base = resident("VmRSS")
    with Catalog(folder) as index:
        start = time.process_time()
        files = index.refresh().read
        seconds = time.process_time() - start
        peak = resident("VmHWM") - base
        start = time.process_time()
        known = index.refresh().known
        again = time.process_time() - start
    assert files == known
    print(json.dumps(asdict(Indexed(files, seconds, again, peak))))


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
