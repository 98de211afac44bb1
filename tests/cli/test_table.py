"""``streamdicom table``: every kind of source, every format, and the schema."""

from __future__ import annotations

import gzip
import tarfile
import zipfile
from pathlib import Path

import pytest

import streamdicom
from tests.archive.corpus import dataset, file_bytes, files
from tests.cli.running import run
from tests.cli.serving import serving
from tests.support.each import each

pa = pytest.importorskip("pyarrow")
_COUNT = 5
_NAMES = ["PatientID", "PatientName", "_index"]
_COLUMNS = ["--columns", ", ".join(_NAMES)]


def _archive(kind: str, folder: Path) -> Path:
    """Write the data sets as a source of some kind."""
    paths = files(folder / "in", _COUNT)
    source = folder / f"source.{kind}"
    if kind == "folder":
        return folder / "in"
    if kind == "zip":
        with zipfile.ZipFile(source, "w") as archive:
            for path in paths:
                archive.write(path, path.name)
    elif kind == "tar":
        with tarfile.open(source, "w") as tar:
            for path in paths:
                tar.add(path, path.name)
    elif kind == "json.gz":
        streamdicom.dump([dataset(number) for number in range(1, _COUNT + 1)], folder / "a.json")
        source.write_bytes(gzip.compress((folder / "a.json").read_bytes()))
    else:
        streamdicom.dump([dataset(number) for number in range(1, _COUNT + 1)], source)
    return source


@pytest.mark.parametrize("jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", ["folder", "zip", "tar", "json", "ndjson", "json.gz"])
def test_each_source_has_its_rows(kind: str, jobs: int, tmp_path: Path) -> None:
    from pyarrow import parquet

    source, target = _archive(kind, tmp_path), tmp_path / "out.parquet"
    done = run("table", source, "-o", target, *_COLUMNS, "--jobs", jobs)
    assert (done.code, done.stderr) == (0, f"streamdicom: {target}: {_COUNT} rows\n")
    table = parquet.read_table(target)
    assert table.column_names == _NAMES
    assert table["PatientID"].to_pylist() == [str(number) for number in range(1, _COUNT + 1)]
    assert {name["Alphabetic"] for name in table["PatientName"].to_pylist()} == {"Müller^Jürgen"}
    is_stream = "json" in kind
    assert table["_index"].to_pylist() == [number if is_stream else 0 for number in range(_COUNT)]


def test_document_of_xml_is_a_row(tmp_path: Path) -> None:
    streamdicom.dump(dataset(7), tmp_path / "in.xml")
    assert run("table", tmp_path / "in.xml", "-o", tmp_path / "out.csv", "--columns", "PatientID").code == 0
    assert (tmp_path / "out.csv").read_text() == '"PatientID"\n"7"\n'


def test_table_can_be_arrow(tmp_path: Path) -> None:
    target = tmp_path / "out.arrow"
    assert run("table", _archive("folder", tmp_path), "-o", target, *_COLUMNS).code == 0
    with pa.ipc.open_file(target) as reader:
        assert reader.read_all()["PatientID"].to_pylist() == ["1", "2", "3", "4", "5"]


def test_selected_data_sets_are_rows(tmp_path: Path) -> None:
    source, target = _archive("json", tmp_path), tmp_path / "out.csv"
    assert run("table", source, "-o", target, "--columns", "PatientID,_index", "--select", "PatientID=4").code == 0
    assert target.read_text() == '"PatientID","_index"\n"4",3\n'


def test_schema_is_printed_and_nothing_is_read(tmp_path: Path) -> None:
    columns = "PatientID,StudyDate,PatientName,ReferencedSeriesSequence.SeriesInstanceUID,SliceThickness,_index"
    done = run("table", tmp_path / "none", "--schema", "--columns", columns, "--ds", "string", "--on-mismatch", "null")
    assert (done.code, done.stderr) == (0, "")
    assert done.stdout.decode().splitlines() == [
        "PatientID: string",
        "StudyDate: date32[day]",
        "PatientName: struct<Alphabetic: string, Ideographic: string, Phonetic: string>",
        "ReferencedSeriesSequence: list<item: struct<SeriesInstanceUID: string>>",
        "SliceThickness: string",
        "_index: int64",
        "_problems: list<item: string>",
    ]
    assert list(tmp_path.iterdir()) == []


@each(
    ("arguments", "message"),
    [
        (["--columns", "PatientID"], "expected -o with a file to write, or --schema"),
        (["--columns", "PatientID", "-o", "out.txt"], "expected one of the suffixes"),
        (["--columns", "NoKeyword", "--schema"], "NoKeyword"),
    ],
)
def test_wrong_arguments_write_nothing(arguments: list[str], message: str, tmp_path: Path) -> None:
    done = run("table", tmp_path / "in.json", *arguments)
    assert done.code == 2
    assert message in done.error


@pytest.mark.slow
def test_metadata_of_a_study_on_a_server_are_rows(tmp_path: Path) -> None:
    pytest.importorskip("aiohttp")
    pytest.importorskip("fsspec")
    target = tmp_path / "out.csv"
    (tmp_path / "in").mkdir()
    for number in range(1, _COUNT + 1):
        long = dataset(number, ImageComments="x" * 9000)
        (tmp_path / "in" / f"{number}.dcm").write_bytes(file_bytes(long))
    with serving(tmp_path / "in") as (_, url):
        source = f"{url}/studies/{dataset().StudyInstanceUID}/metadata"
        done = run("table", source, "-o", target, "--columns", "PatientID,_source")
    assert (done.code, done.stderr) == (0, f"streamdicom: {target}: {_COUNT} rows\n")
    assert sorted(target.read_text().splitlines()[1:]) == [f'"{number}","{source}"' for number in range(1, _COUNT + 1)]
