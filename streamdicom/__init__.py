"""DICOM JSON (PS3.18 Annex F) as a stream: data sets and DICOM events in bounded memory.

>>> import streamdicom
>>> ds = streamdicom.loads('{"00100010": {"vr": "PN", "Value": [{"Alphabetic": "Doe^Jane"}]}}')
>>> str(ds.PatientName)
'Doe^Jane'
>>> streamdicom.dumps(ds)
'{"00100010":{"vr":"PN","Value":[{"Alphabetic":"Doe^Jane"}]}}'
"""

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
from streamdicom.converters import Converter, Converters, Element, PrivateKey
from streamdicom.deviations import DEVIATIONS, Deviation, DeviationLog, DeviationWarning, Severity
from streamdicom.errors import (
    BulkDataError,
    ConverterError,
    DatasetError,
    DicomFileError,
    DicomJsonError,
    DicomXmlError,
    InputError,
    JsonSyntaxError,
    LimitError,
    Location,
    OutputError,
    RequestError,
    ResponseError,
    ResumeError,
    StreamDicomError,
    TruncatedError,
    TruncatedResult,
    XmlSyntaxError,
)
from streamdicom.events import Event, EventType
from streamdicom.filters import load_bulk_data, store_bulk_data
from streamdicom.formats import EventParser
from streamdicom.integrations import (
    DicomJSONEncoder,
    json_default,
    json_object_hook,
    msgspec_dec_hook,
    msgspec_enc_hook,
)
from streamdicom.limits import Limits
from streamdicom.options import ReadOptions, WriteOptions

__version__ = "0.1.0"

__all__ = [
    "DEVIATIONS",
    "AsyncDatasetWriter",
    "BulkDataAction",
    "BulkDataError",
    "BulkDataInfo",
    "BulkDataPolicy",
    "BulkDataStore",
    "Converter",
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
    "Element",
    "Event",
    "EventEncoder",
    "EventParser",
    "EventType",
    "FsspecStore",
    "InputError",
    "JsonSyntaxError",
    "LimitError",
    "Limits",
    "Location",
    "OutputError",
    "PrivateKey",
    "ReadOptions",
    "RequestError",
    "ResponseError",
    "ResumeError",
    "Severity",
    "StreamDicomError",
    "TruncatedError",
    "TruncatedResult",
    "WriteOptions",
    "XmlSyntaxError",
    "aiter_datasets",
    "aiter_events",
    "dump",
    "dumps",
    "iter_datasets",
    "iter_events",
    "json_default",
    "json_object_hook",
    "load",
    "load_bulk_data",
    "loads",
    "msgspec_dec_hook",
    "msgspec_enc_hook",
    "store_bulk_data",
    "write_events",
]
