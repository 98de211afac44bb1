"""Sans-I/O parsers and encoders: bytes to events and data sets, and back.

    bytes ──> EventParser ──> events ──> EventEncoder ──> bytes
    bytes ──> DatasetParser ──> data sets ──> DatasetEncoder ──> bytes

Nothing here reads or writes a target. Only a DICOM file is encoded in a temporary file, because it has lengths before
values.

A program that only reads need not import the encoders, and the other way round.
"""

from streamdicom._late import late_names
from streamdicom._typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streamdicom.codec.encoding import DatasetEncoder, EventEncoder
    from streamdicom.codec.output import (
        EventStream,
        check_list,
        checked_events,
        file_options,
        output_form,
        written_events,
    )
    from streamdicom.codec.parsing import (
        SOURCE_LOST,
        DatasetParser,
        DatasetPipeline,
        dataset_parser,
        reading_pipeline,
        truncated_by,
    )

__all__ = [
    "SOURCE_LOST",
    "DatasetEncoder",
    "DatasetParser",
    "DatasetPipeline",
    "EventEncoder",
    "EventStream",
    "check_list",
    "checked_events",
    "dataset_parser",
    "file_options",
    "output_form",
    "reading_pipeline",
    "truncated_by",
    "written_events",
]

_LATE = {
    "encoding": ("DatasetEncoder", "EventEncoder"),
    "output": ("EventStream", "check_list", "checked_events", "file_options", "output_form", "written_events"),
    "parsing": (
        "SOURCE_LOST",
        "DatasetParser",
        "DatasetPipeline",
        "dataset_parser",
        "reading_pipeline",
        "truncated_by",
    ),
}
__getattr__, __dir__ = late_names(__name__, _LATE, globals())
