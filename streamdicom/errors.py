"""Every exception that streamdicom raises of its own.

    StreamDicomError
    ├── InputError (ValueError)        what was read is at fault
    │   ├── JsonSyntaxError            the bytes are not JSON (RFC 8259)
    │   ├── XmlSyntaxError             the bytes are not XML (XML 1.0), or have what is refused: a DTD, entities
    │   ├── TruncatedError (EOFError)  the input stopped before it was complete
    │   ├── DicomJsonError             JSON, but not the DICOM JSON Model (PS3.18 Annex F)
    │   ├── DicomXmlError              XML, but not the Native DICOM Model (PS3.19 Annex A)
    │   ├── DicomFileError             the bytes are no DICOM file (PS3.10), or break the encoding in it (PS3.5)
    │   ├── BulkDataError              a reference to bulk data that may not be followed, or leads nowhere
    │   ├── DatasetError               read, but not to be held in a pydicom data set
    │   ├── LimitError                 more than one of the ``Limits`` allows
    │   ├── RequestError               an HTTP request that cannot be taken, or not be answered as it asks
    │   └── ResponseError              an HTTP response that is an error, or not what was asked for
    │       └── TruncatedResult        all that the server gives, of more that it says there is
    ├── ConverterError (ValueError)    a converter has failed
    ├── OutputError (ValueError)       what was to be written is at fault
    └── ResumeError (ValueError)       a run cannot go on where another has stopped

Each one says where: a ``Location`` with the byte offset, the index of the data set and the tag path, as far as
they are known. The text of an error never quotes values of the document, which may be somebody's health record.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar


@dataclass(frozen=True, slots=True)
class Location:
    """A place in a stream of data sets; what is not known is None or empty.

    Attributes:
        byte_offset: Bytes of the stream before the place.
        dataset_index: Number of the data set in the stream, from 0.
        tag_path: Tags and item numbers from the data set down, such as ``00081140[0].00080016``.

    >>> str(Location(byte_offset=5120, dataset_index=17, tag_path="00081140[0].00080016"))
    'byte 5120, [17].00081140[0].00080016'
    """

    byte_offset: int | None = None
    dataset_index: int | None = None
    tag_path: str = ""

    def __str__(self) -> str:
        parts = []
        if self.byte_offset is not None:
            parts.append(f"byte {self.byte_offset}")
        if self.dataset_index is not None:
            path = f".{self.tag_path}" if self.tag_path else ""
            parts.append(f"[{self.dataset_index}]{path}")
        elif self.tag_path:
            parts.append(self.tag_path)
        return ", ".join(parts)


class StreamDicomError(Exception):
    """The root of the tree: ``except StreamDicomError`` catches whatever this package raises on purpose.

    Attributes:
        message: What is wrong, without the place.
        location: Where it is wrong.
        filename: The name of the file, if it is known.
    """

    filename: str | None = None

    def __init__(self, message: str, location: Location | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.location = location or Location()

    def __str__(self) -> str:
        place = str(self.location)
        text = f"{self.message} ({place})" if place else self.message
        return f"{self.filename}: {text}" if self.filename else text

    def within(self, dataset_index: int | None, tag_path: str) -> None:
        """Add what a higher layer knows of the place; the byte offset stays."""
        self.location = replace(self.location, dataset_index=dataset_index, tag_path=tag_path)


class InputError(StreamDicomError, ValueError):
    """What was read is at fault."""


class JsonSyntaxError(InputError):
    """The bytes are not JSON text as RFC 8259 defines it."""


class XmlSyntaxError(InputError):
    """The bytes are not XML 1.0, or have what is refused in it: a document type declaration, entities."""


class TruncatedError(InputError, EOFError):
    """The input stopped before it was complete; what came was right as far as it went."""


class DicomJsonError(InputError):
    """JSON text that breaks the rules of the DICOM JSON Model (PS3.18 Annex F)."""


class DicomXmlError(InputError):
    """XML that breaks the rules of the Native DICOM Model (PS3.19 Annex A)."""


class DicomFileError(InputError):
    """Bytes that are no DICOM file (PS3.10 7), or that break the encoding of data sets (PS3.5 7)."""


class BulkDataError(InputError):
    """A reference to bulk data that may not be followed, or that leads nowhere."""


class DatasetError(InputError):
    """A data element that was read, but that a pydicom data set cannot hold."""


class LimitError(InputError):
    """More than a limit allows.

    Attributes:
        limit: The name of the field of ``Limits`` that raises the bound.
    """

    def __init__(self, message: str, limit: str, location: Location | None = None) -> None:
        super().__init__(f"{message}; Limits.{limit} sets the bound", location)
        self.limit = limit


class RequestError(InputError):
    """An HTTP request that cannot be taken, or not be answered as it asks.

    Attributes:
        status: The status code to answer with, of RFC 9110, section 15.5.
    """

    def __init__(self, message: str, status: int, location: Location | None = None) -> None:
        super().__init__(message, location)
        self.status = status


class ResponseError(InputError):
    """An HTTP response that is an error, or not what was asked for.

    Attributes:
        status: Its status code, of RFC 9110, section 15.
    """

    def __init__(self, message: str, status: int, location: Location | None = None) -> None:
        super().__init__(message, location)
        self.status = status


class TruncatedResult(ResponseError):
    """All that the server gives has been delivered, but it says that there is more."""


class ConverterError(StreamDicomError, ValueError):
    """A converter has failed at an element; its own error is the ``__cause__``."""


class OutputError(StreamDicomError, ValueError):
    """What was to be written is at fault: events or tokens out of order, a value that does not fit its VR."""


class ResumeError(StreamDicomError, ValueError):
    """A run cannot go on where another has stopped: it is asked for something else, or the inputs have changed."""


_Error = TypeVar("_Error", bound=StreamDicomError)


def aborted(kind: type[_Error], what: str, cause: BaseException, location: Location | None = None) -> _Error:
    """What is told from then on by something that an exception of the caller's own has stopped.

    >>> print(aborted(OutputError, "encoder", KeyError()))
    the encoder was stopped by KeyError
    """
    error = kind(f"the {what} was stopped by {type(cause).__name__}", location)
    error.__cause__ = cause
    return error
