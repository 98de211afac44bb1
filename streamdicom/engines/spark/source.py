"""The source and sink "dicomjson", and its reader."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
from pyspark.sql.datasource import (
    DataSource,
    DataSourceReader,
    DataSourceStreamReader,
    DataSourceWriter,
    InputPartition,
)
from pyspark.sql.types import StructType

from streamdicom.columns import ColumnStream
from streamdicom.engines.spark.options import Options
from streamdicom.engines.spark.types import arrow_schema, spark_schema


class DicomJsonSource(DataSource):
    """Data sets of DICOM JSON, NDJSON, Native DICOM XML and DICOM files.

    See the guide for the options.
    """

    @classmethod
    def name(cls) -> str:
        return "dicomjson"

    def schema(self) -> StructType:
        options = Options(self.options)
        return spark_schema(options.stream(), has_time=options.has_time)

    def reader(self, schema: StructType) -> DataSourceReader:
        return Reader(Options(self.options), schema)

    def streamReader(self, schema: StructType) -> DataSourceStreamReader:  # noqa: N802 - the interface of Spark
        from streamdicom.engines.spark.streaming import StreamReader

        return StreamReader(Options(self.options), schema)

    def writer(self, schema: StructType, overwrite: bool) -> DataSourceWriter:
        from streamdicom.engines.spark.writing import Writer

        return Writer(Options(self.options), schema, overwrite)


class Partition(InputPartition):
    """Columns that one task reads."""

    def __init__(self, stream: ColumnStream) -> None:
        super().__init__(None)
        self.stream = stream


class Columns:
    """The columns of a query, in the types of Spark.

    Args:
        options: The options.
        schema: The schema that Spark expects.

    Attributes:
        stream: The columns of the sources.

    Raises:
        ValueError: The types of the schema are not the types of its columns.
    """

    def __init__(self, options: Options, schema: StructType) -> None:
        stream = options.stream(schema)
        found = spark_schema(stream, has_time=options.has_time)
        types = {one.name: one.dataType for one in found.fields}
        for one in schema.fields:
            if types.get(one.name) != one.dataType:
                expected = types[one.name].simpleString() if one.name in types else "no such column"
                raise ValueError(f"column {one.name}: expected {expected}, found {one.dataType.simpleString()}")
        self.stream = stream.select(schema.names)
        self._names = schema.names
        self._schema = arrow_schema(schema)

    def read(self, partition: InputPartition) -> Iterator[pa.RecordBatch]:
        """Yield the batches of a partition."""
        if isinstance(partition, Partition):  # Spark makes a partition of its own in place of an empty list
            for batch in partition.stream.iter_batches():
                yield batch.select(self._names).cast(self._schema)


class Reader(DataSourceReader):
    """Reads a source once.

    Filters are not pushed down: Spark 4.3 keeps the filters of the first query for all queries of a frame. The option
    ``select`` drops data sets before they are read.
    """

    def __init__(self, options: Options, schema: StructType) -> None:
        self._columns = Columns(options, schema)
        self._partitioning = options.partitioning

    def partitions(self) -> list[InputPartition]:
        return [Partition(part) for part in self._columns.stream.parts(**self._partitioning)]

    def read(self, partition: InputPartition) -> Iterator[pa.RecordBatch]:
        return self._columns.read(partition)
