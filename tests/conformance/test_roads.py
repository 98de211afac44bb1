"""The files of pydicom have the same elements as JSON, as XML and as DICOM file."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest

from streamdicom import DeviationLog, ReadOptions, StreamDicomError, WriteOptions
from streamdicom.cli.convert import convert_file
from streamdicom.cli.diff import diff_files
from tests.conformance.bundled import files
from tests.support.each import each
from tests.support.roads import Element, elements, read

pytestmark = pytest.mark.filterwarnings("ignore")  # many test files have defects on purpose

_MAX_SIZE = 300_000  # bytes
_FILES = [path for path in files() if path.stat().st_size <= _MAX_SIZE]


@each("path", _FILES, ids=lambda path: path.name)
@pytest.mark.slow
def test_file_is_the_same_on_all_roads(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    roads = {"json": tmp_path / "road.json", "xml": tmp_path / "road.xml", "dicom": tmp_path / "road.dcm"}
    log = DeviationLog()
    reading = ReadOptions(on_deviation=log)
    try:
        convert_file(path, roads["json"], reading=reading, writing=WriteOptions(file_meta=True))
        convert_file(path, roads["xml"], reading=reading, writing=WriteOptions(file_meta=True))
    except StreamDicomError as error:
        pytest.skip(f"refused: {error.message}")
    if log.counts["truncated"] or log.counts["odd-length"]:
        pytest.skip("a value of a wrong length is UN, and a file has values of even length")
    convert_file(roads["json"], roads["dicom"], reading=reading, writing=WriteOptions())
    differences = [
        f"{first.name} and {second.name}"
        for first, second in combinations([path, *roads.values()], 2)
        if not diff_files(first, second, file_meta=False)
    ]
    assert differences == [], capsys.readouterr().out
    found = {name: elements(read(file.read_bytes()).events, padded=True) for name, file in roads.items()}
    assert found["json"] == found["xml"]
    # A file may be in UTF-8, which its first element says.
    assert _without_charset(found["dicom"]) == _without_charset(found["json"])


def _without_charset(found: list[Element]) -> list[Element]:
    return [element for element in found if not element.path.endswith("00080005")]


def test_most_files_are_compared() -> None:
    assert len(_FILES) > 80
