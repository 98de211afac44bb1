"""The index of thousands of small files, built in one pass.

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
        files: The number of files.
        seconds: CPU seconds to build the index.
        again: CPU seconds to find no change.
        peak: Highest resident size, in bytes above the size after import.
    """

    files: int
    seconds: float
    again: float
    peak: int


def measure(counts: list[int]) -> list[Indexed]:
    """Build an index of files."""
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
