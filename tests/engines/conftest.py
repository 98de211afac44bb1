"""Sources that the engines read."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import streamdicom

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def datasets(count: int) -> list[dict[str, Any]]:
    """Return data sets whose texts look like the borders of data sets."""
    return [
        {
            "00080018": {"vr": "UI", "Value": [f"1.2.{number}"]},
            "00080020": {"vr": "DA", "Value": [f"202402{1 + number % 28:02}"]},
            "00080030": {"vr": "TM", "Value": ["101112.500000"]},
            "00080060": {"vr": "CS", "Value": [("CT", "MR", "US")[number % 3]]},
            "00081115": {"vr": "SQ", "Value": [
                {"0020000E": {"vr": "UI", "Value": [f"1.3.{number}.{item}"]}} for item in range(number % 3)
            ]},
            "00100010": {"vr": "PN", "Value": [{"Alphabetic": f"Doe^{number}", "Ideographic": "\u5c71\u7530"}]},
            "00100020": {"vr": "LO", "Value": [f'}},{{"00080018{number % 7}']},
            "00280010": {"vr": "US", "Value": [number]},
            "00280030": {"vr": "DS", "Value": [0.5, number / 4]},
        }
        for number in range(count)
    ]  # fmt: skip


COLUMNS = [
    "SOPInstanceUID",
    "StudyDate",
    "StudyTime",
    "Modality",
    "ReferencedSeriesSequence.SeriesInstanceUID",
    "PatientName",
    "PatientID",
    "Rows",
    "PixelSpacing",
    "_index",
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """An array of 200 data sets."""
    path = tmp_path / "in.json"
    path.write_text(json.dumps(datasets(200)))
    return path


_CONFIGURATION = {
    "spark.ui.enabled": "false",
    "spark.driver.memory": "512m",
    "spark.sql.shuffle.partitions": "3",
    "spark.sql.timeType.enabled": "true",
}


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    """A session with two threads, which tries each task four times."""
    if find_spec("pyspark") is None:
        pytest.skip("Spark is not installed")
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java, which is not installed")
    from pyspark.sql import SparkSession

    os.environ["PYTHONPATH"] = str(Path(streamdicom.__file__).parent.parent)
    os.environ["PYSPARK_PYTHON"] = sys.executable
    builder = SparkSession.builder.master("local[2,4]")
    for name, value in _CONFIGURATION.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("OFF")
    yield session
    session.stop()
