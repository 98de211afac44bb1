"""The index that an export writes is the index of its output."""

from __future__ import annotations

import gzip
import json
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

import streamdicom
from streamdicom import InputError, open_index, plan_splits
from streamdicom.archive import export_archive
from streamdicom.index import build_index, sidecar_of
from tests.archive.corpus import dataset, file_bytes, files, truncated, uid
from tests.cli.running import run


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of 70 files, some of which fail, and NDJSON of 200 data sets."""
    folder = tmp_path_factory.mktemp("corpus")
    files(folder, 70)
    truncated(folder / "00033.dcm")
    large = [dataset(number, ImageComments="},{" * 500) for number in range(100, 300)]
    streamdicom.dump(large, folder / "z.ndjson")
    return folder


@pytest.mark.parametrize(
    "options", [{}, {"indent": 2}, {"format": "ndjson"}, {"where": {"SeriesInstanceUID": "1.2.2.1"}}]
)
@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
def test_index_is_that_of_the_output(
    options: dict[str, Any], suffix: str, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if suffix == ".zst":
        pytest.importorskip("zstandard")
    monkeypatch.setattr("streamdicom.archive.tasks._MEMBER_SIZE", 2000)
    path = tmp_path / f"out.json{suffix}"
    report = export_archive(corpus, path, index=True, on_error="skip", **options)
    whole = list(streamdicom.iter_datasets(path))
    with open_index(path) as index:
        assert len(index) == len(whole) == report.datasets
        assert [index[ordinal] for ordinal in range(0, len(whole), 7)] == whole[::7]
        assert [index[ds.SOPInstanceUID] for ds in whole[::9]] == whole[::9]
        if not suffix:
            expected = Path(sidecar_of(path)).read_bytes()
            build_index(path).close()
            assert Path(sidecar_of(path)).read_bytes() == expected
    events = list(streamdicom.iter_events(path))
    parts = plan_splits(path, parts=5, index="require")
    assert [event for part in parts for event in part.iter_events()] == events
    assert len(parts) > 1


def test_no_data_set_makes_an_empty_index(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("out.json", "out.ndjson", "out.json.gz"):
        export_archive(tmp_path / "in", tmp_path / name, index=True)
        with open_index(tmp_path / name) as index:
            assert len(index) == 0


def test_resumed_export_has_the_whole_index(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamdicom.archive.exporting._BATCH_FILES", 5)
    path = tmp_path / "out.json.gz"
    with pytest.raises(InputError):
        export_archive(corpus, path, index=True)
    report = export_archive(corpus, path, index=True, resume=True, on_error="skip")
    with open_index(path) as index:
        assert len(index) == report.datasets == 269
        assert index[uid(250)].SOPInstanceUID == uid(250)


def test_long_input_is_compressed_in_members_that_end_at_data_sets(corpus: Path, tmp_path: Path) -> None:
    path = tmp_path / "out.json.gz"
    noise = "".join(f"{number:x}" for number in range(2000))
    large = [dataset(number, ImageComments=f"{number}{noise[number % 999 :]}") for number in range(1000)]
    streamdicom.dump(large, tmp_path / "long.ndjson")
    export_archive(tmp_path / "long.ndjson", path, index=True)
    data = path.read_bytes()
    assert [item["00100020"]["Value"] for item in json.loads(gzip.decompress(data))] == [[str(n)] for n in range(1000)]
    assert len(plan_splits(path, parts=3, index="require")) == 3


def test_index_of_a_stream_is_refused(corpus: Path) -> None:
    with pytest.raises(ValueError, match="only an export to a regular file"):
        export_archive(corpus, BytesIO(), index=True)


def test_command_writes_the_index(tmp_path: Path) -> None:
    (tmp_path / "a.dcm").write_bytes(file_bytes(dataset(7)))
    assert run("export", tmp_path / "a.dcm", "-o", tmp_path / "out.json.gz", "--index").code == 0
    assert run("count", tmp_path / "out.json.gz").stdout == b"1\n"
    with open_index(tmp_path / "out.json.gz") as index:
        assert index[uid(7)].PatientID == "7"
