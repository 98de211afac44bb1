"""The index of a stream of data sets, against reading its events.

``python -m bench.random_access FILE`` measures once and prints JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import streamdicom
from bench.corpus import write_array
from bench.memory import printed_by, resident

_DATASETS = 200  # opened one by one
_RUNS = 3


@dataclass(frozen=True)
class Accessed:
    """One run.

    Attributes:
        size: The size of the stream in bytes.
        datasets: The number of data sets.
        seconds: CPU seconds to build the index.
        events: CPU seconds to read the events.
        peak: Highest resident size while it is built, in bytes above the size after import.
        extra: CPU seconds of ``index[k]`` beyond those to build the data set from its text.
    """

    size: int
    datasets: int
    seconds: float
    events: float
    peak: int
    extra: float


def measure(datasets: int) -> Accessed:
    """Index an array of data sets without long values."""
    print(f"index of an array, {datasets} data sets", file=sys.stderr)
    with TemporaryDirectory() as folder:
        path = Path(folder, "array.json")
        write_array("headers", datasets, path)
        return Accessed(**printed_by("bench.random_access", str(path)))


def _main(path: Path) -> None:
    _warm_up()
    base = resident("VmRSS")
    seconds = _seconds(lambda: streamdicom.build_index(path).close())
    peak = resident("VmHWM") - base
    events = _seconds(lambda: all(True for _ in streamdicom.iter_events(path, options=_quiet())))
    with streamdicom.open_index(path, options=_quiet()) as index:
        numbers = range(0, len(index), max(1, len(index) // _DATASETS))
        texts = [index.raw(number) for number in numbers]
        found = min(_seconds(lambda: [index[number] for number in numbers]) for _ in range(_RUNS))
        built = min(
            _seconds(lambda: [list(streamdicom.iter_datasets(text, options=_quiet())) for text in texts])
            for _ in range(_RUNS)
        )
        extra = (found - built) / len(numbers)
        run = Accessed(path.stat().st_size, len(index), seconds, events, peak, extra)
    print(json.dumps(asdict(run)))


def _warm_up() -> None:
    """Import all modules that the measured work imports late."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "small.json")
        path.write_text("[{}]")
        with streamdicom.build_index(path) as index:
            _ = index[0], list(streamdicom.iter_events(path))


def _quiet() -> streamdicom.ReadOptions:
    return streamdicom.ReadOptions(on_deviation=lambda _: None, on_error="keep")


def _seconds(action: Callable[[], object]) -> float:
    start = time.process_time()
    action()
    return time.process_time() - start


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
