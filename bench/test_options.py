"""Cost and savings of options, beside the same work without them.

The data sets have a hundred elements about, and nothing that the standard does not have, so that every profile reads
the same. Nothing is asserted about time.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import redirect_stdout
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest
from pydicom import Dataset
from pytest_benchmark.fixture import BenchmarkFixture

import streamdicom
from bench.corpus import Array, entries, silence
from bench.memory import Sink
from bench.validating import SOURCES, write_source
from streamdicom import DeviationLog, ReadOptions, WriteOptions
from streamdicom.cli.diff import diff_files
from streamdicom.cli.validate import validate_files

pytestmark = pytest.mark.filterwarnings("ignore")

_ROUNDS = 5
_SIZES = range(80, 121)  # elements of a data set
_TEN = [
    *("SOPInstanceUID", "StudyDate", "Modality", "PatientName", "PatientID"),
    *("StudyInstanceUID", "SeriesInstanceUID", "InstanceNumber", "Rows", "Columns"),
]
_STRICT = ReadOptions(profile="strict")
_NOT_JUDGED = 0
_MIN_VALIDATING = 0.66  # of the speed of reading events: form and values in 1.5 times the time


@pytest.fixture(scope="module")
def array(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Array:
    path = tmp_path_factory.mktemp("corpus") / "hundred.json"
    count = request.config.getoption("--datasets") // 3
    with silence():
        repeated = list(islice(cycle(_clean()), count))
    path.write_text(f"[{','.join(repeated)}]", encoding="utf-8")
    return Array(path, count, sum(len(json.loads(text)) for text in repeated), path.stat().st_size)


def _clean() -> list[str]:
    """Data sets with all ten included elements, as streamdicom writes them."""
    found = []
    for entry in entries("headers"):
        dataset = entry.read()
        if len(dataset) in _SIZES and all(keyword in dataset for keyword in _TEN):
            text = streamdicom.dumps(dataset)
            if _is_strict(text):
                found.append(text)
    assert found
    return found


def _is_strict(text: str) -> bool:
    try:
        streamdicom.loads(text, options=_STRICT)
    except streamdicom.InputError:
        return False
    return True


@pytest.mark.parametrize(
    ("way", "options", "goal"),
    [
        ("bytes -> events", ReadOptions(), None),
        ("bytes -> events, on_deviation", ReadOptions(on_deviation=DeviationLog()), 0.97),
        ("bytes -> events, strict", _STRICT, 0.97),
        ("bytes -> events, on_error: keep", ReadOptions(on_error="keep"), 0.97),
        ("bytes -> events, include ten", ReadOptions(include=_TEN), 1),
        ("bytes -> events, exclude one", ReadOptions(exclude=["PatientName"]), 0.9),
        ("bytes -> events, nothing selected", ReadOptions(where={"Modality": "none"}), 1),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_read_events(benchmark: BenchmarkFixture, array: Array, way: str, options: ReadOptions, goal: Any) -> None:
    _describe(benchmark, "events", way, goal, array)
    benchmark.pedantic(_count, (streamdicom.iter_events, array.path, options), rounds=_ROUNDS, warmup_rounds=1)


@pytest.mark.parametrize(
    ("way", "options", "goal"),
    [
        ("bytes -> data sets", ReadOptions(), None),
        ("bytes -> data sets, include ten", ReadOptions(include=_TEN), 2),
        ("bytes -> data sets, nothing selected", ReadOptions(where={"Modality": "none"}), 2),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_read_datasets(benchmark: BenchmarkFixture, array: Array, way: str, options: ReadOptions, goal: Any) -> None:
    _describe(benchmark, "data sets", way, goal, array)
    benchmark.pedantic(_count, (streamdicom.iter_datasets, array.path, options), rounds=_ROUNDS, warmup_rounds=1)


@pytest.mark.parametrize(
    ("kind", "read", "aread"),
    [
        ("events", streamdicom.iter_events, streamdicom.aiter_events),
        ("data sets", streamdicom.iter_datasets, streamdicom.aiter_datasets),
    ],
    ids=["events", "datasets"],
)
@pytest.mark.parametrize("goal", [None, _NOT_JUDGED], ids=["rival", "asyncio"])
def test_read_with_asyncio(
    benchmark: BenchmarkFixture, array: Array, kind: str, read: Callable[..., Any], aread: Callable[..., Any], goal: Any
) -> None:
    _describe(benchmark, f"asyncio, {kind}", f"bytes -> {kind}" + ("" if goal is None else ", asyncio"), goal, array)

    async def count() -> int:
        return len([None async for _ in aread(_pieces(array.path))])

    def run() -> int:
        return _count(read, array.path, ReadOptions()) if goal is None else asyncio.run(count())

    benchmark.pedantic(run, rounds=_ROUNDS, warmup_rounds=1)


async def _pieces(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb", buffering=0) as file:
        while data := file.read(16 * 1024):
            yield data


def _count(read: Callable[..., Any], path: Path, options: ReadOptions) -> int:
    return sum(1 for _ in read(path, options=options))


@pytest.mark.parametrize(
    ("way", "options", "goal"),
    [
        ("data sets -> bytes", WriteOptions(), None),
        ("data sets -> bytes, numbers as strings", WriteOptions(number_handling="string"), _NOT_JUDGED),
        ("data sets -> bytes, keywords for keys", WriteOptions(keys="keyword"), _NOT_JUDGED),
        ("data sets -> bytes, with names", WriteOptions(write_keyword=True, write_name=True), _NOT_JUDGED),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_write(benchmark: BenchmarkFixture, array: Array, way: str, options: WriteOptions, goal: Any) -> None:
    _describe(benchmark, "writing", way, goal, array)
    datasets = list(streamdicom.iter_datasets(array.path))
    benchmark.pedantic(_write, (datasets, options), rounds=_ROUNDS, warmup_rounds=1)


def _write(datasets: list[Dataset], options: WriteOptions) -> None:
    streamdicom.dump(datasets, cast(BinaryIO, Sink()), options=options)


def _validate(path: Path, *, values: bool = True) -> bool:
    validate_files([path], max_printed=0, values=values)  # some of pydicom's files break a rule
    return True


def _diff(path: Path) -> bool:
    return diff_files(path, path, file_meta=True)


@pytest.mark.parametrize(
    ("way", "command", "goal"),
    [
        ("bytes -> events", lambda path: _count(streamdicom.iter_events, path, ReadOptions()), None),
        ("validate", _validate, _MIN_VALIDATING),
        ("validate, form only", partial(_validate, values=False), _NOT_JUDGED),
        ("diff with itself", _diff, _NOT_JUDGED),
    ],
    ids=["rival", "validate", "form", "diff"],
)
def test_commands(
    benchmark: BenchmarkFixture, array: Array, way: str, command: Callable[[Path], int], goal: Any
) -> None:
    _describe(benchmark, "commands", way, goal, array)
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        assert benchmark.pedantic(command, (array.path,), rounds=_ROUNDS)


@pytest.fixture(scope="module", params=SOURCES)
def source(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Array]:
    count = request.config.getoption("--datasets") // 3
    with silence():
        texts = list(islice(cycle(_clean()), count))
        return request.param, write_source(request.param, tmp_path_factory.mktemp("corpus"), texts, count)


@pytest.mark.parametrize(
    ("way", "command", "goal"),
    [
        ("bytes -> events", lambda path: _count(streamdicom.iter_events, path, ReadOptions()), None),
        ("validate", _validate, _MIN_VALIDATING),
    ],
    ids=["rival", "validate"],
)
def test_validate(
    benchmark: BenchmarkFixture, source: tuple[str, Array], way: str, command: Callable[[Path], int], goal: Any
) -> None:
    name, array = source
    _describe(benchmark, f"validate, {name}", way, goal, array)
    benchmark.extra_info["source"] = name
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        assert benchmark.pedantic(command, (array.path,), rounds=_ROUNDS, warmup_rounds=1)


def _describe(benchmark: BenchmarkFixture, group: str, way: str, goal: float | None, array: Array) -> None:
    benchmark.group = f"options, {group}"
    counts = {"datasets": array.datasets, "elements": array.elements, "size": array.size}
    benchmark.extra_info.update(counts, way=way, source="hundred", goal=goal)
