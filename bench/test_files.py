"""A DICOM file of many elements to DICOM JSON and back, beside pydicom.

Nothing is asserted about time: a benchmark group has the rival and streamdicom side by side.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian
from pytest_benchmark.fixture import BenchmarkFixture

import streamdicom
from bench.multiframe import LENGTHS, write_files

_ROUNDS = 3

Way = Callable[[Path, Path], object]


@dataclass(frozen=True)
class Pair:
    """A DICOM file, and pydicom's DICOM JSON of the same content."""

    dicom: Path
    json: Path
    elements: int
    lengths: str


@pytest.fixture(scope="module")
def pairs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Pair]:
    folder = tmp_path_factory.mktemp("frames")
    files = write_files(folder, request.config.getoption("--frames"))
    text = folder / "image.json"
    to_json_with_pydicom(files["defined"].path, text)
    return {lengths: Pair(file.path, text, file.elements, lengths) for lengths, file in files.items()}


def to_json_with_pydicom(source: Path, target: Path) -> None:
    target.write_text(dcmread(source).to_json(), encoding="utf-8")


def to_json(source: Path, target: Path) -> None:
    streamdicom.write_events(streamdicom.iter_events(source), target, array=False)


def to_dicom_with_pydicom(source: Path, target: Path) -> None:
    dataset = Dataset.from_json(source.read_text(encoding="utf-8"))
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dcmwrite(target, dataset, enforce_file_format=True)


def to_dicom(source: Path, target: Path) -> None:
    streamdicom.write_events(streamdicom.iter_events(source), target, format="dicom")


@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize(
    ("way", "convert", "goal"),
    [(".dcm -> JSON, dcmread + to_json", to_json_with_pydicom, None), (".dcm -> JSON", to_json, 10)],
    ids=["rival", "streamdicom"],
)
def test_to_json(
    benchmark: BenchmarkFixture,
    pairs: dict[str, Pair],
    lengths: str,
    tmp_path: Path,
    way: str,
    convert: Way,
    goal: int | None,
) -> None:
    pair, target = pairs[lengths], tmp_path / "out.json"
    _run(benchmark, pair, way, goal, lambda: convert(pair.dicom, target))
    assert json.loads(target.read_bytes()) == json.loads(pair.json.read_bytes())


@pytest.mark.parametrize(
    ("way", "convert", "goal"),
    [("JSON -> .dcm, from_json + dcmwrite", to_dicom_with_pydicom, None), ("JSON -> .dcm", to_dicom, 8)],
    ids=["rival", "streamdicom"],
)
def test_to_dicom(
    benchmark: BenchmarkFixture, pairs: dict[str, Pair], tmp_path: Path, way: str, convert: Way, goal: int | None
) -> None:
    pair, target = pairs["defined"], tmp_path / "out.dcm"  # JSON has no lengths
    _run(benchmark, pair, way, goal, lambda: convert(pair.json, target))
    assert dcmread(target).to_json_dict() == json.loads(pair.json.read_bytes())


def _run(benchmark: BenchmarkFixture, pair: Pair, way: str, goal: int | None, action: Callable[[], None]) -> None:
    benchmark.group = f"{way[:4]} {pair.lengths}"
    source = f"frames, {pair.lengths} lengths"
    info = {"datasets": 1, "elements": pair.elements, "size": pair.json.stat().st_size}
    benchmark.extra_info.update(info, way=way, source=source, goal=goal)
    benchmark.pedantic(action, rounds=_ROUNDS)
