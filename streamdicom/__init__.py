"""DICOM JSON, Native DICOM XML and DICOM files as streams, in bounded memory.

>>> import streamdicom
>>> ds = streamdicom.loads('{"00100010": {"vr": "PN", "Value": [{"Alphabetic": "Doe^Jane"}]}}')
>>> str(ds.PatientName)
'Doe^Jane'
>>> streamdicom.dumps(ds)
'{"00100010":{"vr":"PN","Value":[{"Alphabetic":"Doe^Jane"}]}}'

Names and subpackages are imported when they are first accessed (PEP 562).
"""

__version__ = "0.1.0"

TYPE_CHECKING = False  # as in typing, which takes long to import
if TYPE_CHECKING:
    from streamdicom._native import engine
    from streamdicom.aio import AsyncDatasetWriter, aiter_datasets, aiter_events
    from streamdicom.api import (
        DatasetWriter,
        dump,
        dumps,
        iter_datasets,
        iter_events,
        load,
        loads,
        write_events,
    )
    from streamdicom.bulkdata import (
        BulkDataAction,
        BulkDataInfo,
        BulkDataPolicy,
        BulkDataStore,
        DirectoryStore,
        FsspecStore,
    )
    from streamdicom.codec import DatasetEncoder, DatasetParser, EventEncoder
    from streamdicom.converters import Converters
    from streamdicom.deviations import DEVIATIONS, Deviation, DeviationLog, DeviationWarning, Severity
    from streamdicom.errors import (
        BulkDataError,
        ColumnError,
        ConverterError,
        DatasetError,
        DicomFileError,
        DicomJsonError,
        DicomXmlError,
        IndexMismatchError,
        InputError,
        JsonSyntaxError,
        LimitError,
        Location,
        OutputError,
        SplitError,
        StreamDicomError,
        TruncatedError,
        XmlSyntaxError,
    )
    from streamdicom.events import Event, EventType, describe
    from streamdicom.filters import select, sort_elements, where
    from streamdicom.formats import EventParser
    from streamdicom.index import Split, StreamIndex, build_index, open_index, plan_splits
    from streamdicom.integrations import (
        DicomJSONEncoder,
        json_default,
        json_object_hook,
        msgspec_dec_hook,
        msgspec_enc_hook,
    )
    from streamdicom.limits import Limits
    from streamdicom.options import ReadOptions, WriteOptions
    from streamdicom.progress import Progress, ProgressBar

__all__ = [
    "DEVIATIONS",
    "AsyncDatasetWriter",
    "BulkDataAction",
    "BulkDataError",
    "BulkDataInfo",
    "BulkDataPolicy",
    "BulkDataStore",
    "ColumnError",
    "ConverterError",
    "Converters",
    "DatasetEncoder",
    "DatasetError",
    "DatasetParser",
    "DatasetWriter",
    "Deviation",
    "DeviationLog",
    "DeviationWarning",
    "DicomFileError",
    "DicomJSONEncoder",
    "DicomJsonError",
    "DicomXmlError",
    "DirectoryStore",
    "Event",
    "EventEncoder",
    "EventParser",
    "EventType",
    "FsspecStore",
    "IndexMismatchError",
    "InputError",
    "JsonSyntaxError",
    "LimitError",
    "Limits",
    "Location",
    "OutputError",
    "Progress",
    "ProgressBar",
    "ReadOptions",
    "Severity",
    "Split",
    "SplitError",
    "StreamDicomError",
    "StreamIndex",
    "TruncatedError",
    "WriteOptions",
    "XmlSyntaxError",
    "aiter_datasets",
    "aiter_events",
    "build_index",
    "describe",
    "dump",
    "dumps",
    "engine",
    "iter_datasets",
    "iter_events",
    "json_default",
    "json_object_hook",
    "load",
    "loads",
    "msgspec_dec_hook",
    "msgspec_enc_hook",
    "open_index",
    "plan_splits",
    "select",
    "sort_elements",
    "where",
    "write_events",
]

# The modules of the names above; a test compares the three lists.
_NAMES = {
    "_native": ("engine",),
    "aio": ("AsyncDatasetWriter", "aiter_datasets", "aiter_events"),
    "api": ("DatasetWriter", "dump", "dumps", "iter_datasets", "iter_events", "load", "loads", "write_events"),
    "bulkdata": (
        "BulkDataAction",
        "BulkDataInfo",
        "BulkDataPolicy",
        "BulkDataStore",
        "DirectoryStore",
        "FsspecStore",
    ),
    "codec": ("DatasetEncoder", "DatasetParser", "EventEncoder"),
    "converters": ("Converters",),
    "deviations": ("DEVIATIONS", "Deviation", "DeviationLog", "DeviationWarning", "Severity"),
    "errors": (
        "BulkDataError",
        "ColumnError",
        "ConverterError",
        "DatasetError",
        "DicomFileError",
        "DicomJsonError",
        "DicomXmlError",
        "IndexMismatchError",
        "InputError",
        "JsonSyntaxError",
        "LimitError",
        "Location",
        "OutputError",
        "SplitError",
        "StreamDicomError",
        "TruncatedError",
        "XmlSyntaxError",
    ),
    "events": ("Event", "EventType", "describe"),
    "filters": ("select", "sort_elements", "where"),
    "formats": ("EventParser",),
    "index": ("Split", "StreamIndex", "build_index", "open_index", "plan_splits"),
    "integrations": (
        "DicomJSONEncoder",
        "json_default",
        "json_object_hook",
        "msgspec_dec_hook",
        "msgspec_enc_hook",
    ),
    "limits": ("Limits",),
    "options": ("ReadOptions", "WriteOptions"),
    "progress": ("Progress", "ProgressBar"),
}
_HOMES = {name: module for module, names in _NAMES.items() for name in names}
_PACKAGES = frozenset(
    {*_NAMES, "archive", "cli", "columns", "dicom", "engines", "io", "jsontext", "patterns", "server", "web"}
)


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name in _HOMES:
        value = getattr(import_module(f"streamdicom.{_HOMES[name]}"), name)
    elif name in _PACKAGES:
        value = import_module(f"streamdicom.{name}")
    else:
        raise AttributeError(f"module 'streamdicom' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES, *_PACKAGES})
