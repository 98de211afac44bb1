"""Requests and responses for Starlette and FastAPI.

- ``negotiated_response``, ``DatasetResponse``, ``DicomJSONResponse``, ``DicomXMLResponse``: send data sets.
- ``iter_request_datasets``: receive data sets; ``request_events``: receive events.
- ``exception_handlers``: answer invalid requests.
- ``Formatter``, ``DEFAULT_FORMATTERS``: the formats that a client may choose from.
"""

from streamdicom.web.asgi.errors import exception_handlers
from streamdicom.web.asgi.formatters import DEFAULT_FORMATTERS, DICOM_XML, Encoder, Formatter
from streamdicom.web.asgi.negotiation import MediaRange, read_accept
from streamdicom.web.asgi.requests import Patience, feed_body, iter_request_datasets, request_events
from streamdicom.web.asgi.responses import DatasetResponse, DicomJSONResponse, DicomXMLResponse, negotiated_response
from streamdicom.web.content import DICOM, Content, check_part
from streamdicom.web.multipart import DATA, START, MultipartParser

__all__ = [
    "DATA",
    "DEFAULT_FORMATTERS",
    "DICOM",
    "DICOM_XML",
    "START",
    "Content",
    "DatasetResponse",
    "DicomJSONResponse",
    "DicomXMLResponse",
    "Encoder",
    "Formatter",
    "MediaRange",
    "MultipartParser",
    "Patience",
    "check_part",
    "exception_handlers",
    "feed_body",
    "iter_request_datasets",
    "negotiated_response",
    "read_accept",
    "request_events",
]
