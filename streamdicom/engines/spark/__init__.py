"""Data sets as a source and a sink of Spark: ``spark.read.format("dicomjson")``.

Spark finds the source by its name if streamdicom is installed where the driver and the executors run Python. The extra
``spark`` has the packages that this needs.
"""

from streamdicom.engines.spark.source import DicomJsonSource

__all__ = ["DicomJsonSource"]
