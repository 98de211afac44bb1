"""Memory of indexing and of batches does not depend on the size of the source."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import streamdicom
from streamdicom import _native
from tests.archive.corpus import dataset

_MIB = 1024 * 1024
_SIZES = (100, 1000 if _native.functions else 300)  # MiB; plain Python takes longer
_SCRIPT = """
import resource, sys
import pyarrow
from streamdicom import build_index, columns
def resident():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))
build_index(sys.argv[1] + ".warm").close()
stream = columns.read(sys.argv[1] + ".warm", columns=["PatientID", "PatientName", "Rows"])
for batch in stream.iter_batches(): pass
before = resident()
if sys.argv[2] == "index":
    with build_index(sys.argv[1]) as index:
        count = len(index)
else:
    count = sum(batch.num_rows for batch in stream.of([sys.argv[1]]).iter_batches())
print(count, resident() - before)
"""


def _grown(folder: Path, size: int) -> tuple[Path, int]:
    """Write an array of some MiB; return its path and the number of data sets."""
    ds = dataset(1, ImageComments="x" * 4000)
    one = json.dumps(json.loads(streamdicom.dumps(ds))).encode()
    block = (b",\n" + one) * 1000
    count = 1 + 1000 * (size * _MIB // len(block))
    path = folder / f"{size}.json"
    with path.open("wb") as file:
        file.write(b"[" + one)
        for _ in range(count // 1000):
            file.write(block)
        file.write(b"]")
    path.with_name(f"{path.name}.warm").write_bytes(b"[" + one + block * 30 + b"]")
    return path, count


@pytest.mark.memory
@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
@pytest.mark.parametrize("work", ["index", "batches"])
def test_memory_is_the_same_for_ten_times_the_size(work: str, tmp_path: Path) -> None:
    root = Path(streamdicom.__file__).parent.parent
    grown = []
    for size in _SIZES:
        path, count = _grown(tmp_path, size)
        done = subprocess.run(
            [sys.executable, "-c", _SCRIPT, path, work],
            capture_output=True,
            timeout=300,
            check=True,
            env={**os.environ, "PYTHONPATH": str(root)},
        )
        found, kibibytes = map(int, done.stdout.split())
        assert found == count
        grown.append(kibibytes / 1024)
        path.unlink()
    assert max(grown) < 16, grown  # MiB above the same work on a small source
    assert abs(grown[1] - grown[0]) < 8, grown
