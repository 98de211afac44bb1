"""Frames of Spark written as data sets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("pyspark", reason="Spark is not installed")

from pyspark.errors import AnalysisException, PySparkException

import streamdicom
from tests.engines.conftest import COLUMNS, datasets
from tests.engines.killing import killer

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]

_ELEMENTS = [name for name in COLUMNS if not name.startswith("_")]
_WRITTEN = [
    {tag: one if one.get("Value") else {"vr": one["vr"]} for tag, one in dataset.items()} for dataset in datasets(200)
]


def load(spark: SparkSession, path: Path, columns: list[str]) -> DataFrame:
    return spark.read.format("dicomjson").option("columns", ",".join(columns)).option("partitions", 3).load(str(path))


def identities(path: Path) -> list[str]:
    return sorted(str(ds.SOPInstanceUID) for ds in streamdicom.iter_datasets(path))


@pytest.mark.parametrize("single", ["true", "false"])
@pytest.mark.parametrize("columns", [["_json"], _ELEMENTS], ids=["json", "elements"])
def test_written_rows_are_read_again(
    single: str, columns: list[str], path: Path, tmp_path: Path, spark: SparkSession
) -> None:
    frame, target = load(spark, path, columns), tmp_path / "out"
    frame.write.format("dicomjson").mode("append").option("single", single).save(str(target))
    again = load(spark, target, columns)
    assert frame.exceptAll(again).count() == again.exceptAll(frame).count() == 0
    assert sorted(item.name for item in tmp_path.iterdir()) == ["in.json", "out"]
    if single == "true":
        assert json.loads(target.read_text()) == _WRITTEN
        assert len(target.read_text().splitlines()) == 202
    else:
        names = sorted(item.name for item in target.iterdir())
        assert [name.split("-")[:2] for name in names[1:]] == [["part", f"0000{number}"] for number in range(3)]
        assert names[0] == "_SUCCESS"
        text = "".join((target / name).read_text() for name in names[1:])
        assert [json.loads(line) for line in text.splitlines()] == _WRITTEN


def test_rows_are_appended_or_overwritten(path: Path, tmp_path: Path, spark: SparkSession) -> None:
    frame, target = load(spark, path, ["_json"]), tmp_path / "out"
    for mode, count in (("append", 200), ("append", 400), ("overwrite", 200)):
        frame.write.format("dicomjson").mode(mode).save(str(target))
        assert load(spark, target, ["_index"]).count() == count


def test_existing_array_stays_unless_it_is_overwritten(path: Path, spark: SparkSession) -> None:
    frame = load(spark, path, ["_json", "Modality"]).filter("Modality = 'CT'").select("_json")
    writer = frame.write.format("dicomjson").option("single", "true")
    with pytest.raises(AnalysisException, match="FileExistsError"):
        writer.mode("append").save(str(path))
    assert len(identities(path)) == 200
    writer.mode("overwrite").save(str(path))
    assert len(identities(path)) == 67


def test_frame_without_rows_is_an_empty_array(path: Path, tmp_path: Path, spark: SparkSession) -> None:
    frame = load(spark, path, ["_json"]).limit(0)
    frame.write.format("dicomjson").mode("append").option("single", "true").save(str(tmp_path / "out.json"))
    assert json.loads((tmp_path / "out.json").read_text()) == []


def test_failed_task_leaves_nothing(path: Path, tmp_path: Path, spark: SparkSession) -> None:
    frame = load(spark, path, ["_json", "Rows"]).selectExpr("if(Rows = 150, '[]', _json) as _json")
    with pytest.raises(PySparkException, match="expected one data set in a row"):
        frame.write.format("dicomjson").mode("append").save(str(tmp_path / "out"))
    assert [item.name for item in tmp_path.iterdir()] == ["in.json"]
    with pytest.raises(AnalysisException, match="Nonsense"):
        frame.withColumnRenamed("_json", "Nonsense").write.format("dicomjson").mode("append").save("out")


def test_killed_python_workers_write_nothing_twice(path: Path, tmp_path: Path, spark: SparkSession) -> None:
    marker, target = tmp_path / "killed", tmp_path / "out.json"
    frame = load(spark, path, ["_json"])
    killed = frame.mapInArrow(killer(marker, "workers"), frame.schema)
    killed.write.format("dicomjson").mode("append").option("single", "true").save(str(target))
    assert marker.exists()
    assert identities(target) == identities(path)
