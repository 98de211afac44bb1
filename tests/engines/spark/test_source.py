"""Spark: columns, partitions, options, errors, and the end of processes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("pyspark", reason="Spark is not installed")

import pyarrow as pa
from pydicom.data import get_testdata_file
from pyspark.errors import AnalysisException, PySparkException, PythonException

import streamdicom
from streamdicom.columns import TypeOptions, read
from streamdicom.dicom import VRS
from tests.columns.elements import element
from tests.engines.conftest import COLUMNS, datasets
from tests.engines.killing import killer

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]


def load(spark: SparkSession, path: Path, columns: list[str] = COLUMNS, **options: Any) -> DataFrame:
    reader = spark.read.format("dicomjson").option("columns", ",".join(columns))
    return reader.options(**{"tm": "time", **options}).load(str(path))


def rows(table: pa.Table) -> list[dict[str, Any]]:
    """Return the rows in the order of their numbers."""
    return sorted(table.to_pylist(), key=lambda row: (row.get("_source", ""), row["_index"]))


def place(name: str, number: int = 0) -> str:
    return rf"\[{number}\].* {name}"


@pytest.mark.parametrize("form", ["array", "lines", "indented"])
@pytest.mark.parametrize("partitions", [1, 5])
def test_partitions_have_the_rows_of_the_whole(form: str, partitions: int, path: Path, spark: SparkSession) -> None:
    if form == "lines":
        path.write_text("".join(json.dumps(one) + "\n" for one in datasets(200)))
    elif form == "indented":
        path.write_text(json.dumps(datasets(200), indent=2))
    frame = load(spark, path, partitions=partitions)
    assert frame.rdd.getNumPartitions() == partitions
    assert rows(frame.toArrow()) == read(path, columns=COLUMNS).to_table().to_pylist()


def test_folder_of_files_is_read(tmp_path: Path, spark: SparkSession) -> None:
    for number, name in enumerate(["CT_small.dcm", "MR_small.dcm", "rtplan.dcm"] * 3):
        shutil.copy(get_testdata_file(name), tmp_path / f"{number}.dcm")
    columns = ["SOPInstanceUID", "StudyDate", "PatientName", "Rows", "_source", "_index"]
    frame = load(spark, tmp_path, columns, partitions=3)
    assert frame.rdd.getNumPartitions() >= 3
    assert rows(frame.toArrow()) == rows(read(tmp_path, columns=columns).to_table())
    assert frame.count() == 9


def test_several_paths_are_read(path: Path, tmp_path: Path, spark: SparkSession) -> None:
    shutil.copy(path, tmp_path / "b.json")
    frame = spark.read.format("dicomjson").load([str(path), str(tmp_path / "b.json")])
    assert frame.columns == ["_source", "_index", "_json"]
    assert frame.count() == 400
    assert frame.select("_source").distinct().count() == 2


def test_source_without_data_sets_has_no_rows(tmp_path: Path, spark: SparkSession) -> None:
    (tmp_path / "a.json").write_text("[]")
    assert load(spark, tmp_path / "a.json").count() == 0
    (tmp_path / "folder").mkdir()
    assert load(spark, tmp_path / "folder").count() == 0


def test_frame_filtered_two_ways_and_unfiltered_keeps_its_rows(path: Path, spark: SparkSession) -> None:
    frame = load(spark, path, partitions=2)
    ct, mr = frame.filter("Modality = 'CT'"), frame.filter("Modality = 'MR'")
    assert (ct.count(), mr.count(), frame.count()) == (67, 67, 200)
    assert ct.union(mr).count() == 134
    assert ct.union(frame).count() == 267
    assert frame.filter("Rows < 50").filter("Modality = 'US'").count() == 16
    assert frame.count() == 200


def test_select_reads_some_data_sets(path: Path, spark: SparkSession) -> None:
    assert load(spark, path, select='{"Modality": "CT"}').count() == 67
    assert load(spark, path, select='{"Modality": ["CT", "US"]}', partitions=3).count() == 133


def test_names_are_those_of_a_mapping(path: Path, spark: SparkSession) -> None:
    frame = spark.read.format("dicomjson").option("columns", '{"id": "PatientID"}').load(str(path))
    assert frame.columns == ["id"]
    assert frame.distinct().count() == 7


# --- types -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("choice", [{}, {"ds": "string"}, {"ds": "decimal", "dt": "timestamp"}], ids=str)
@pytest.mark.parametrize("tm", ["string", "time"])
def test_every_value_representation_has_its_type(
    choice: dict[str, Any], tm: str, tmp_path: Path, spark: SparkSession
) -> None:
    path = tmp_path / "in.json"
    tags = {vr: f"000910{number:02X}" for number, vr in enumerate(VRS)}
    path.write_text(json.dumps([{tags[vr]: element(vr, number) for vr in VRS} for number in range(3)]))
    columns = [f"{tag}:{vr}" for vr, tag in tags.items()] + ["_index"]
    found = load(spark, path, columns, tm=tm, **choice).toArrow()
    whole = read(path, columns=columns, types=TypeOptions(**choice)).to_table()
    expected = whole.to_pylist()
    if tm == "string":
        for row in expected[:2]:
            row[tags["TM"]] = ["10:11:00.000000"]
    assert found.schema.names == whole.schema.names
    for one in whole.schema:
        if tm == "time" and one.name == tags["TM"]:
            assert found.schema.field(one.name).type.value_type == pa.time64("ns")
        elif one.name != tags["TM"]:
            assert str(found.schema.field(one.name).type).replace("element", "item") == str(one.type), one.name
    assert rows(found) == expected


def test_schema_names_the_columns(path: Path, spark: SparkSession) -> None:
    ddl = "Rows int, PatientName struct<Alphabetic:string,Ideographic:string,Phonetic:string>, _index long"
    series = "ReferencedSeriesSequence array<struct<SeriesInstanceUID:string>>"
    frame = spark.read.format("dicomjson").schema(f"{ddl}, {series}").load(str(path))
    columns = ["Rows", "PatientName", "_index", "ReferencedSeriesSequence.SeriesInstanceUID"]
    assert rows(frame.toArrow()) == read(path, columns=columns).to_table().to_pylist()
    with pytest.raises(AnalysisException, match="column Rows: expected int, found string"):
        spark.read.format("dicomjson").schema("Rows string").load(str(path)).count()


# --- errors ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"splitsize": "much"}, "expected a size"),
        ({"cols": "PatientID"}, "unknown option 'cols'; expected one of columns, "),
        ({"partitions": "0"}, "the option partitions must be a number of at least 1"),
        ({"select": "CT"}, "the option select is not JSON"),
        ({"columns": "PatientIdentity"}, "PatientIdentity"),
        ({"onMismatch": "shrug"}, "on_mismatch must be one of"),
        ({"index": "require"}, "No such file or directory"),
    ],
    ids=str,
)
def test_wrong_options_are_named(options: dict[str, str], message: str, path: Path, spark: SparkSession) -> None:
    with pytest.raises(AnalysisException, match=message):
        spark.read.format("dicomjson").options(**options).load(str(path)).count()


def test_changed_source_is_an_error_of_planning(path: Path, spark: SparkSession) -> None:
    streamdicom.build_index(path).close()
    path.write_text(path.read_text().replace("Doe^1", "Doe^2"))
    with pytest.raises(AnalysisException, match=rf"IndexMismatchError: {path}: the source has changed"):
        load(spark, path, partitions=2).count()


def test_error_has_its_place(path: Path, spark: SparkSession) -> None:
    path.write_text(path.read_text().replace('"20240205"', '"2024"', 1))
    with pytest.raises(PythonException, match=rf"ColumnError: {path}.*{place('StudyDate', 4)}"):
        load(spark, path, partitions=9).count()
    frame = load(spark, path, partitions=9, onMismatch="null")
    [row] = frame.filter("_problems is not null").collect()
    assert (row["_index"], row["StudyDate"]) == (4, None)


def test_truncated_source_is_an_error(path: Path, spark: SparkSession) -> None:
    path.write_text(path.read_text()[:-100])
    with pytest.raises(PySparkException, match=r"TruncatedError: .*\[199\]"):
        load(spark, path, partitions=3).count()


# --- the end of processes --------------------------------------------------------------------------------------


def test_killed_python_workers_change_nothing(path: Path, tmp_path: Path, spark: SparkSession) -> None:
    marker = tmp_path / "killed"
    frame = load(spark, path, partitions=6, rows=10)
    found = frame.mapInArrow(killer(marker, "workers"), frame.schema).toArrow()
    assert marker.exists()
    assert rows(found) == read(path, columns=COLUMNS).to_table().to_pylist()
