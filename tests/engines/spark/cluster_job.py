"""Read a source by a cluster in which an executor is killed, and keep the rows.

Usage: python -m tests.engines.spark.cluster_job MASTER SOURCE MARKER TARGET
"""

from __future__ import annotations

import sys
from pathlib import Path

import pyarrow as pa
from pyspark.sql import SparkSession

from tests.engines.conftest import COLUMNS
from tests.engines.killing import killer


def main(master: str, source: str, marker: str, target: str) -> None:
    """Read 16 partitions, shuffle them, and kill after the shuffle."""
    builder = SparkSession.builder.master(master).config("spark.ui.enabled", "false")
    builder = builder.config("spark.executor.memory", "512m").config("spark.executor.cores", "1")
    spark = builder.config("spark.sql.shuffle.partitions", "4").config("spark.network.timeout", "60s").getOrCreate()
    reader = spark.read.format("dicomjson").option("columns", ",".join(COLUMNS)).option("partitions", 16)
    frame = reader.load(source).repartition(4, "PatientID")
    table = frame.mapInArrow(killer(Path(marker), "executor"), frame.schema).toArrow()
    with pa.OSFile(target, "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)
    spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
