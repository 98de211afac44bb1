"""``streamdicom demo``: convert pydicom's test files to DICOM JSON and back."""

from __future__ import annotations

import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import streamdicom
from streamdicom._typing import TYPE_CHECKING, Any
from streamdicom.api import DatasetWriter, iter_datasets
from streamdicom.cli.arguments import Arguments
from streamdicom.cli.exit_codes import DONE, FAILED
from streamdicom.cli.progress import ProgressLine
from streamdicom.dicom import format_tag, is_group_length
from streamdicom.options import WriteOptions

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_MAX_PRINTED = 20  # differences


def run(arguments: Arguments) -> int:
    """Run the command."""
    return DONE if run_demo() else FAILED


def bundled_datasets() -> Iterator[tuple[Path, Dataset]]:
    """Yield the data sets in the files that pydicom ships; other files are left out."""
    import pydicom
    from pydicom import dcmread
    from pydicom.errors import InvalidDicomError

    root = Path(pydicom.__file__).parent / "data"
    for path in sorted([*(root / "test_files").rglob("*"), *(root / "charset_files").rglob("*")]):
        if not path.is_file():
            continue
        try:
            dataset = dcmread(path)
        except InvalidDicomError:
            if path.suffix != ".dcm":
                continue
            dataset = dcmread(path, force=True)  # without a preamble
        if len(dataset):
            yield path, dataset


def differences(one: Dataset, other: Dataset) -> tuple[int, list[str]]:
    """Return the number of elements, and the tag paths of those that differ.

    Elements in sequences are included. Group lengths are not, because DICOM JSON has none (PS3.18 F.2.2).
    """
    count = 0
    found: list[str] = []
    waiting: list[tuple[str, Any, Any]] = [("", one, other)]
    while waiting:
        path, left, right = waiting.pop()
        tags = {int(tag) for ds in (left, right) for tag in ds.keys() if not is_group_length(tag)}  # noqa: SIM118
        for tag in sorted(tags):
            count += 1
            place = f"{path}{format_tag(tag)}"
            if tag not in left or tag not in right or left[tag].VR != right[tag].VR:
                found.append(place)
            elif left[tag].VR == "SQ" and len(left[tag].value) == len(right[tag].value):
                pairs = enumerate(zip(left[tag].value, right[tag].value, strict=True))
                waiting.extend((f"{place}[{number}].", *pair) for number, pair in pairs)
            elif left[tag] != right[tag]:
                found.append(place)
    return count, found


@dataclass
class _Result:
    files: int = 0
    datasets: int = 0
    elements: int = 0
    size: int = 0
    writing: float = 0.0
    reading: float = 0.0
    different: list[str] = field(default_factory=list)


def run_demo() -> bool:
    """Run the demonstration and print its table.

    Returns:
        True if every element is the same after the round trip.
    """
    result = _Result()
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        warnings.simplefilter("ignore")  # many of the files are invalid on purpose
        path = Path(folder) / "demo.json"
        with ProgressLine("Writing and reading") as progress:
            _write(path, result, progress)
            _read(path, result, progress)
    _print(result)
    return not result.different


def _write(path: Path, result: _Result, progress: ProgressLine) -> None:
    with DatasetWriter(path, options=WriteOptions(file_meta=True)) as writer:
        for file, dataset in bundled_datasets():
            start = time.perf_counter()
            writer.write(dataset)
            result.writing += time.perf_counter() - start
            result.files += 1
            progress.advance(file.stat().st_size)
    result.size = path.stat().st_size


def _read(path: Path, result: _Result, progress: ProgressLine) -> None:
    datasets = iter_datasets(path, as_file=True)
    for number, (file, expected) in enumerate(bundled_datasets()):
        start = time.perf_counter()
        dataset = next(datasets)
        result.reading += time.perf_counter() - start
        result.datasets += 1
        progress.advance(file.stat().st_size)
        for one, other in ((expected, dataset), (expected.file_meta, dataset.file_meta)):
            count, different = differences(one, other)
            result.elements += count
            result.different += [f"[{number}].{place} ({file.name})" for place in different]
    result.different += [f"[{result.datasets}] (unexpected data set)" for _ in datasets]


def _print(result: _Result) -> None:
    rows = {
        "engine": streamdicom.engine,
        "files": f"{result.files:,}",
        "data sets": f"{result.datasets:,}",
        "elements": f"{result.elements:,}",
        "bytes of JSON": f"{result.size:,}",
        "written, MB/s": f"{result.size / result.writing / 1e6:.1f}",
        "read, MB/s": f"{result.size / result.reading / 1e6:.1f}",
        "peak memory, MiB": _peak_memory(),
        "differences": f"{len(result.different):,}",
    }
    print("pydicom's files to JSON and back")
    for name, value in rows.items():
        print(f"  {name:<16}  {value:>12}")
    for place in result.different[:_MAX_PRINTED]:
        print(f"differs: {place}")


def _peak_memory() -> str:
    """Return the peak memory of the process, as the system reports it."""
    try:
        import resource
    except ImportError:  # on Windows
        return "unknown"
    unit = 1 if sys.platform == "darwin" else 1024  # bytes
    return f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20:.0f}"
