"""Register the source "dicomjson" with Spark, which imports every module whose name starts like this one."""

from contextlib import suppress

with suppress(ImportError):  # an error here would hide every other source from Spark
    from streamdicom.engines.spark import DicomJsonSource as DefaultSource  # noqa: F401 - Spark looks for the name
