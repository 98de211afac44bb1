"""The page of ``streamdicom browse`` over long arrays.

``python -m bench.browsing FILE DATASETS`` measures once and prints JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from http.client import HTTPConnection
from pathlib import Path
from random import Random
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

from bench.corpus import entries
from bench.exporting import busy
from bench.memory import ENVIRONMENT, ROOT, printed_by, resident
from tests.browser.chromium import drive, missing

_JUMPS = 20
_COLUMNS = "PatientName,PatientID,StudyDate,Modality"
_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


@dataclass(frozen=True)
class Browsed:
    """One run.

    Attributes:
        size: The size of the array in bytes.
        datasets: The number of data sets.
        first: Seconds from the start of the command until the first rows are there.
        first_cpu: CPU seconds of the server until then.
        is_early: Whether data sets were still being found then.
        indexed: Seconds until all data sets are found.
        jump: Seconds of the requests for the rows and the elements at another place; the median.
        peak: The highest resident size of the server, in bytes.
        frame: Seconds of a frame while the list scrolls in Chromium, the median; None without Chromium.
        page_jump: Seconds in Chromium from a jump until its row and its elements are shown; the median, or None.
        others: Cores used by other programs until the first rows; None if unknown.
    """

    size: int
    datasets: int
    first: float
    first_cpu: float
    is_early: bool
    indexed: float
    jump: float
    peak: int
    frame: float | None
    page_jump: float | None
    others: float | None


def measure(size: int, datasets: int) -> list[Browsed]:
    """Browse an array of long data sets, and one of many short ones.

    Args:
        size: Bytes of the first.
        datasets: Data sets of the second.
    """
    runs = []
    with TemporaryDirectory() as folder:
        path = Path(folder, "array.json")
        for write, amount in ((_write_long, size), (_write_short, datasets)):
            count = write(path, amount)
            print(f"page over {count:,} data sets", file=sys.stderr)
            runs.append(Browsed(**printed_by("bench.browsing", str(path), str(count))))
    return runs


def _write_long(path: Path, size: int) -> int:
    """Write an array of headers of images; return the number of data sets."""
    texts = [entry.text for entry in entries("headers") if '"00280010"' in entry.text]
    with path.open("w", encoding="utf-8") as file:
        file.write("[")
        count = 0
        while file.tell() < size:
            file.write(("," if count else "") + texts[count % len(texts)])
            count += 1
        file.write("]")
    return count


def _write_short(path: Path, datasets: int) -> int:
    with path.open("w", encoding="utf-8") as file:
        file.write("[{}")
        for number in range(1, datasets):
            file.write(
                f',{{"00080018":{{"vr":"UI","Value":["1.2.840.99.{number}"]}},'
                f'"00100020":{{"vr":"LO","Value":["P{number}"]}}}}'
            )
        file.write("]")
    return datasets


class _Client:
    """A client of the page's server."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self._connection = HTTPConnection(parts.hostname or "", parts.port, timeout=60)
        self._headers = {"Authorization": f"Bearer {parts.fragment.partition('=')[2]}"}

    def get(self, path: str) -> Any:
        self._connection.request("GET", f"/api/{path}", headers=self._headers)
        return json.loads(self._connection.getresponse().read())


def _main(path: Path, datasets: int) -> None:
    command = [sys.executable, "-m", "streamdicom", "browse", "--no-open", str(path)]
    before, start = busy(), time.monotonic()
    process = subprocess.Popen(command, cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        address = process.stdout.readline().strip()
        client = _Client(address)
        while not client.get(f"rows?count=40&columns={_COLUMNS}")["rows"]:
            pass
        first = time.monotonic() - start
        first_cpu = _cpu(process.pid)
        after = busy()
        others = None if before is None or after is None else max(0.0, (after - before - first_cpu) / first)
        is_early = not client.get("status")["complete"]
        while not client.get("status")["complete"]:
            time.sleep(0.05)
        indexed = time.monotonic() - start
        random = Random(1)
        jumps = [_jump(client, random.randrange(datasets)) for _ in range(_JUMPS)]
        page = {} if missing() else drive("browse.mjs", scene="speed", url=address, number=datasets // 2)
        run = Browsed(
            size=path.stat().st_size,
            datasets=datasets,
            first=first,
            first_cpu=first_cpu,
            is_early=is_early,
            indexed=indexed,
            jump=median(jumps),
            peak=resident("VmHWM", process.pid),
            frame=median(page["frames"]) / 1000 if page else None,
            page_jump=median(page["jumps"]) / 1000 if page else None,
            others=others,
        )
        print(json.dumps(asdict(run)))
    finally:
        process.kill()
        process.communicate()


def _jump(client: _Client, number: int) -> float:
    start = time.monotonic()
    client.get(f"rows?start={number}&count=50&columns={_COLUMNS}")
    client.get(f"tree?number={number}")
    return time.monotonic() - start


def _cpu(process: int) -> float:
    """Return the CPU seconds of another process."""
    fields = Path("/proc", str(process), "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


if __name__ == "__main__":
    _main(Path(sys.argv[1]), int(sys.argv[2]))
