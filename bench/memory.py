"""Memory and time over the size of the input, each measured in a new process.

The input is made piece by piece and never held. ``python -m bench.memory CASE MIB`` measures once and prints JSON.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from binascii import b2a_base64
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from time import process_time
from typing import Any, BinaryIO, cast

import streamdicom
import streamdicom.formats.json

MIB = 1024 * 1024
# New processes must find compiled modules, as an installed program does.
ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}

_PIECE = 64 * 1024

# A result of a search for studies (QIDO-RS).
DATASET = b"""{
"00080005":{"vr":"CS","Value":["ISO_IR 192"]},
"00080020":{"vr":"DA","Value":["20240131"]},
"00080030":{"vr":"TM","Value":["101530.25"]},
"00080050":{"vr":"SH","Value":["A-2024-004711"]},
"00080056":{"vr":"CS","Value":["ONLINE"]},
"00080061":{"vr":"CS","Value":["CT","SR"]},
"00080090":{"vr":"PN","Value":[{"Alphabetic":"Referring^Physician"}]},
"00081030":{"vr":"LO","Value":["CT of the chest with contrast medium"]},
"00081032":{"vr":"SQ","Value":[{"00080100":{"vr":"SH","Value":["24627-2"]},
"00080102":{"vr":"SH","Value":["LN"]},"00080104":{"vr":"LO","Value":["Chest CT"]}}]},
"00081190":{"vr":"UR","Value":["https://pacs.example.org/studies/1.2.840.113619.2.55.3.604688119"]},
"00100010":{"vr":"PN","Value":[{"Alphabetic":"Doe^Jane","Ideographic":"","Phonetic":""}]},
"00100020":{"vr":"LO","Value":["0017"]},
"00100030":{"vr":"DA","Value":["19640229"]},
"00100040":{"vr":"CS","Value":["F"]},
"00101020":{"vr":"DS","Value":[1.68]},
"0020000D":{"vr":"UI","Value":["1.2.840.113619.2.55.3.604688119.969.1268071029.320"]},
"00200010":{"vr":"SH","Value":["4711"]},
"00201206":{"vr":"IS","Value":[4]},
"00201208":{"vr":"IS","Value":[1260]},
"00280010":{"vr":"US","Value":[512]}
}""".replace(b"\n", b"")


@dataclass(frozen=True)
class Measurement:
    """One run.

    Attributes:
        size: Bytes of JSON.
        seconds: CPU seconds from the first byte to the last.
        peak: Highest resident size, in bytes above the size after import.
    """

    size: int
    seconds: float
    peak: int


class Sink:
    """A binary file that counts bytes and discards them."""

    def __init__(self) -> None:
        self.size = 0

    def write(self, data: bytes | memoryview) -> int:
        """Count the bytes."""
        self.size += len(data)
        return len(data)


def binary_to_events(size: int) -> int:
    unit = b2a_base64(bytes(range(240)) * 240, newline=False)
    head = b'[{"7FE00010":{"vr":"OB","InlineBinary":"'
    return _feed(streamdicom.EventParser(), _pieces(head, unit, b'"}}]', size))


def array_to_events(size: int) -> int:
    return _feed(streamdicom.EventParser(), _array(size))


def array_to_datasets(size: int) -> int:
    return _feed(streamdicom.DatasetParser(), _array(size))


def datasets_to_array(size: int) -> int:
    dataset = streamdicom.loads(DATASET)
    sink = Sink()
    with streamdicom.DatasetWriter(cast(BinaryIO, sink)) as writer:
        while sink.size < size:
            writer.write(dataset)
    return sink.size


def array_with_json(size: int) -> int:
    """The whole array in memory, for contrast."""
    text = b"".join(_array(size))
    json.loads(text)
    return len(text)


def string_with_ijson(size: int) -> int:
    """One long string, for contrast: ijson scans all of it again with every piece."""
    import ijson

    pieces = _pieces(b'["', b"0123456789ABCDEF" * 1024, b'"]', size)
    for _ in ijson.items(ijson.from_iter(pieces), "item"):
        pass
    return size


CASES: dict[str, Callable[[int], int]] = {
    "binary": binary_to_events,
    "events": array_to_events,
    "datasets": array_to_datasets,
    "writing": datasets_to_array,
    "json": array_with_json,
    "ijson": string_with_ijson,
}


def measure(case: str, mib: int) -> Measurement:
    """Measure once, in a new process."""
    return run_alone("bench.memory", case, str(mib))


def run_alone(module: str, *arguments: str) -> Measurement:
    """Run a module in a new process, which prints its measurement."""
    return Measurement(**printed_by(module, *arguments))


def printed_by(module: str, *arguments: str) -> dict[str, Any]:
    """Run a module in a new process; return the JSON that it printed.

    Raises:
        subprocess.CalledProcessError: It failed; its traceback went to the standard error.
    """
    command = [sys.executable, "-m", module, *arguments]
    result = subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.PIPE, check=True)
    printed: dict[str, Any] = json.loads(result.stdout)
    return printed


def print_measurement(action: Callable[[], int]) -> None:
    """Measure an action in this fresh process; the action returns the size."""
    base = resident("VmRSS")
    start = process_time()
    size = action()
    seconds = process_time() - start
    print(json.dumps(asdict(Measurement(size, seconds, resident("VmHWM") - base))))


def _main(case: str, mib: int) -> None:
    if case in ("datasets", "writing"):
        import_module("streamdicom.datasets")  # and pydicom with it
    print_measurement(lambda: CASES[case](mib * MIB))


def resident(name: str, process: int | str = "self") -> int:
    """Return the resident size, now (VmRSS) or at its peak (VmHWM), in bytes.

    An ended process has 0.

    Elsewhere than on Linux, both are the peak, and other processes have 0. On Linux ``ru_maxrss`` is useless, because a
    process inherits it from its parent.
    """
    status = Path("/proc", str(process), "status")
    if status.exists():
        fields = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(fields.get(name, "0").split()[0]) * 1024
    if process != "self":
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _feed(parser: streamdicom.EventParser | streamdicom.DatasetParser, pieces: Iterator[bytes]) -> int:
    size = 0
    for piece in pieces:
        size += len(piece)
        parser.feed(piece)
    parser.close()
    return size


def _array(size: int) -> Iterator[bytes]:
    return _pieces(b"[" + DATASET, b"," + DATASET, b"]", size)


def _pieces(head: bytes, unit: bytes, tail: bytes, size: int) -> Iterator[bytes]:
    """Yield a text of about a size with a repeated unit, cut anywhere."""
    left = (size - len(head) - len(tail)) // len(unit) * len(unit)
    text = unit * (_PIECE // len(unit) + 2)
    start = 0
    while left:
        length = min(_PIECE - len(head), left)
        yield head + text[start : start + length]
        head = b""
        start = (start + length) % len(unit)
        left -= length
    yield tail


if __name__ == "__main__":
    _main(sys.argv[1], int(sys.argv[2]))
