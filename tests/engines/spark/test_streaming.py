"""Streams of Spark: a growing file, new files, and a query that goes on."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("pyspark", reason="Spark is not installed")

from pyspark.errors import PySparkException

from streamdicom.columns import read
from tests.engines.conftest import COLUMNS, datasets

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]

_LINES = [json.dumps(one) + "\n" for one in datasets(200)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "in"
    path.mkdir()
    return path


def run(spark: SparkSession, folder: Path, batches: list[list[dict[str, Any]]], **options: Any) -> None:
    """Read until there is nothing more, and add the rows of each batch to a list."""

    def add(frame: DataFrame, _: int) -> None:
        batches.append(frame.toArrow().to_pylist())

    reader = (
        spark.readStream.format("dicomjson").option("columns", ",".join([*COLUMNS, "_source"])).option("tm", "time")
    )
    frame = reader.options(**options).load(str(folder))
    writer = frame.writeStream.foreachBatch(add).option("checkpointLocation", str(folder.parent / "checkpoint"))
    writer.trigger(availableNow=True).start().awaitTermination()


def in_order(batches: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    found = sorted((row for batch in batches for row in batch), key=lambda row: (row["_source"], row["_index"]))
    assert max(Counter((row["_source"], row["_index"]) for row in found).values()) == 1
    return found


def test_growing_file_is_read_line_by_line(folder: Path, spark: SparkSession) -> None:
    path, batches = folder / "a.ndjson", []  # type: ignore[var-annotated]
    text = "".join(_LINES[:100]) + _LINES[100][:50]
    path.write_text(text)
    run(spark, folder, batches, splitSize="5 kB")
    assert [row["_index"] for row in in_order(batches)] == list(range(100))
    run(spark, folder, batches)
    assert len(in_order(batches)) == 100
    with path.open("a") as file:
        file.write(_LINES[100][50:] + "".join(_LINES[101:]))
    (folder / "b.json").write_text(json.dumps(datasets(20)))
    run(spark, folder, batches, splitSize="5 kB")
    assert in_order(batches) == read(folder, columns=[*COLUMNS, "_source"]).to_table().to_pylist()
    assert len(in_order(batches)) == 220


def test_trigger_takes_some_files(folder: Path, spark: SparkSession) -> None:
    for number in range(5):
        (folder / f"{number}.ndjson").write_text("".join(_LINES[: 10 + number]))
    batches: list[list[dict[str, Any]]] = []
    run(spark, folder, batches, maxFilesPerTrigger=2)
    assert [len({row["_source"] for row in batch}) for batch in batches] == [2, 2, 1]
    assert len(in_order(batches)) == 60


def test_shorter_file_is_an_error(folder: Path, spark: SparkSession) -> None:
    path = folder / "a.ndjson"
    path.write_text("".join(_LINES[:10]))
    run(spark, folder, [])
    path.write_text(_LINES[0])
    with pytest.raises(PySparkException, match=f"{path}: expected lines to be added, found a shorter file"):
        run(spark, folder, [])


def test_line_that_is_no_data_set_is_an_error_with_its_place(folder: Path, spark: SparkSession) -> None:
    path = folder / "a.ndjson"
    path.write_text("".join(_LINES[:10]))
    run(spark, folder, [])
    with path.open("a") as file:
        file.write(_LINES[10] + '{"00100020": 5}\n')
    with pytest.raises(PySparkException, match=rf"{path}: .*\[11\].00100020"):
        run(spark, folder, [])
    shutil.rmtree(folder.parent / "checkpoint")
