"""Native DICOM Model XML, beside ElementTree of the standard library.

The rival builds the elements of each document and looks at their text, which is the least that a reader on it does.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, cast
from xml.etree import ElementTree

import pytest
from pydicom import Dataset
from pytest_benchmark.fixture import BenchmarkFixture

import streamdicom
from bench.corpus import CORPORA, entries, silence
from bench.memory import Sink

pytestmark = pytest.mark.filterwarnings("ignore")

_ROUNDS = 3
_COPIES = 10  # of each file


@pytest.fixture(scope="module", params=CORPORA)
def corpus(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def documents(corpus: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("xml") / f"{corpus}.xml"
    with silence():
        streamdicom.dump(_datasets(corpus), path)
    return path


def _datasets(corpus: str) -> list[Dataset]:
    return [streamdicom.loads(entry.text) for entry in entries(corpus)] * _COPIES


def read_with_element_tree(path: Path) -> int:
    count = 0
    for document in path.read_bytes().split(b"\n<?xml"):
        text = document if document.startswith(b"<?xml") else b"<?xml" + document
        count += sum(1 for element in ElementTree.fromstring(text).iter() if element.text is not None) > 0
    return count


def read_events(path: Path) -> int:
    return sum(1 for event in streamdicom.iter_events(path) if event[0] == 1)


def read_datasets(path: Path) -> int:
    return sum(1 for _ in streamdicom.iter_datasets(path))


@pytest.mark.parametrize(
    ("way", "read"),
    [
        ("XML -> elements, ElementTree", read_with_element_tree),
        ("XML -> events", read_events),
        ("XML -> data sets", read_datasets),
    ],
    ids=["rival", "events", "datasets"],
)
def test_read_xml(
    benchmark: BenchmarkFixture, corpus: str, documents: Path, way: str, read: Callable[[Path], int]
) -> None:
    benchmark.group = f"read XML {corpus}"
    _describe(benchmark, way, corpus, documents.stat().st_size)
    with silence():
        assert benchmark.pedantic(read, (documents,), rounds=_ROUNDS) == len(entries(corpus)) * _COPIES


def test_write_xml(benchmark: BenchmarkFixture, corpus: str, documents: Path) -> None:
    benchmark.group = f"write XML {corpus}"
    _describe(benchmark, "data sets -> XML", corpus, documents.stat().st_size)
    with silence():
        benchmark.pedantic(_write, setup=lambda: ((_datasets(corpus),), {}), rounds=_ROUNDS)


def _write(datasets: list[Dataset]) -> None:
    streamdicom.dump(datasets, cast(BinaryIO, Sink()), format="xml")


def _describe(benchmark: BenchmarkFixture, way: str, corpus: str, size: int) -> None:
    found = entries(corpus)
    elements = sum(entry.elements for entry in found) * _COPIES
    benchmark.extra_info.update(
        datasets=len(found) * _COPIES, elements=elements, size=size, way=way, source=f"{corpus}, XML", goal=None
    )
