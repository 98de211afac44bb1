"""Every exception of streamdicom.

    StreamDicomError
    ├── InputError (ValueError)        the input is invalid
    │   ├── JsonSyntaxError            the bytes are not JSON (RFC 8259)
    │   ├── XmlSyntaxError             the bytes are not XML (XML 1.0), or contain a DTD or entities
    │   ├── TruncatedError (EOFError)  the input is incomplete
    │   ├── DicomJsonError             JSON, but not the DICOM JSON Model (PS3.18 Annex F)
    │   ├── DicomXmlError              XML, but not the Native DICOM Model (PS3.19 Annex A)
    │   ├── DicomFileError             not a DICOM file (PS3.10), or an invalid encoding in it (PS3.5)
    │   ├── BulkDataError              a reference to bulk data that is forbidden or leads nowhere
    │   ├── DatasetError               an element that a pydicom data set cannot hold
    │   ├── LimitError                 the input exceeds one of the ``Limits``
    │   ├── IndexMismatchError         an index is damaged, or of another state of its source
    │   ├── ColumnError                a value does not fit the type of its column
    │   ├── SplitError                 a part of a stream does not end where a data set starts
    │   ├── RequestError               an invalid or unsupported HTTP request
    │   └── ResponseError              an HTTP response that is an error or unexpected
    │       └── TruncatedResult        the server has more results than it returns
    ├── ConverterError (ValueError)    a converter has failed
    ├── OutputError (ValueError)       the data to write is invalid
    └── ResumeError (ValueError)       an interrupted run cannot resume

Each error has a ``Location``, with byte offset, index of the data set and tag path, and the name of the file, as far as
they are known. Messages never quote values of the document, which may be a health record.
"""

from __future__ import annotations

from functools import lru_cache

from streamdicom._late import late_pattern
from streamdicom._records import record, replace
from streamdicom._typing import Any, TypeVar


@record(frozen=True, slots=True)
class Location:
    """A place in a stream of data sets. Unknown parts are None or empty.

    Attributes:
        byte_offset: The number of bytes before the place.
        dataset_index: The index of the data set in the stream, from 0.
        tag_path: Tags and item numbers, outermost first, such as ``00081140[0].00080016``.
        line: The line of the place in a text, from 1; only commands work it out.
        column: The character in that line, from 1.

    >>> str(Location(byte_offset=5120, dataset_index=17, tag_path="00081140[0].00080016"))
    'byte 5120, [17].00081140[0].00080016 SOPClassUID'
    """

    byte_offset: int | None = None
    dataset_index: int | None = None
    tag_path: str = ""
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        parts = []
        if self.byte_offset is not None:
            parts.append(f"byte {self.byte_offset}")
        if self.line is not None:
            parts.append(f"line {self.line}, column {self.column}")
        path = self.tag_path
        if self.dataset_index is not None:
            path = f"[{self.dataset_index}]{'.' if path else ''}{path}"
        if path:
            parts.append(f"{path} {self.keyword}".rstrip())
        return ", ".join(parts)

    @property
    def keyword(self) -> str:
        """The keyword of the last tag of the path, or ""."""
        last = _LAST_TAG.search(self.tag_path)
        return keyword_of(int(last[1], 16)) if last else ""


_LAST_TAG = late_pattern(r"([0-9A-F]{8})(?:\[\d+\])?\Z")


@lru_cache(maxsize=4096)
def keyword_of(tag: int) -> str:
    """Return the keyword of a tag in the data dictionary, or "".

    >>> keyword_of(0x00080016)
    'SOPClassUID'
    """
    from streamdicom._dictionary import entry_of  # imported late: only printing needs it

    entry = entry_of(tag)
    return entry.keyword if entry else ""


_Error = TypeVar("_Error", bound="StreamDicomError")


class StreamDicomError(Exception):
    """The base class of all exceptions of this package.

    Attributes:
        message: The fault, without its place.
        location: The place of the fault.
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

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (type(self), self.args, self.__dict__)

    def within(self, dataset_index: int | None, tag_path: str) -> None:
        """Set data set and tag path, which a higher layer knows; keep the byte offset."""
        self.location = replace(self.location, dataset_index=dataset_index, tag_path=tag_path)


def _restored(kind: type[_Error], arguments: tuple[Any, ...], state: dict[str, Any]) -> _Error:
    """Return an error of another process."""
    error = kind.__new__(kind, *arguments)
    error.__dict__.update(state)
    return error


class InputError(StreamDicomError, ValueError):
    """The input is invalid."""


class JsonSyntaxError(InputError):
    """The bytes are not JSON text as RFC 8259 defines it."""


class XmlSyntaxError(InputError):
    """The bytes are not XML 1.0, or contain a document type declaration or entities."""


class TruncatedError(InputError, EOFError):
    """The input is incomplete, and valid up to its end."""


class DicomJsonError(InputError):
    """The JSON text is not the DICOM JSON Model (PS3.18 Annex F)."""


class DicomXmlError(InputError):
    """The XML is not the Native DICOM Model (PS3.19 Annex A)."""


class DicomFileError(InputError):
    """The bytes are not a DICOM file (PS3.10 7), or its encoding is invalid (PS3.5 7)."""


class BulkDataError(InputError):
    """A reference to bulk data is forbidden or leads nowhere."""


class DatasetError(InputError):
    """A pydicom data set cannot hold a data element."""


class LimitError(InputError):
    """The input exceeds a limit.

    Attributes:
        limit: The field of ``Limits`` that sets the bound.
    """

    def __init__(self, message: str, limit: str, location: Location | None = None) -> None:
        super().__init__(f"{message}; Limits.{limit} sets the bound", location)
        self.limit = limit


class IndexMismatchError(InputError):
    """An index is damaged, or its source has changed."""


class ColumnError(InputError):
    """A value does not fit the type of its column."""


class SplitError(InputError):
    """A part of a stream does not end where a data set starts."""


class RequestError(InputError):
    """An HTTP request is invalid or not supported.

    Attributes:
        status: The status code of the response (RFC 9110, section 15.5).
    """

    def __init__(self, message: str, status: int, location: Location | None = None) -> None:
        super().__init__(message, location)
        self.status = status


class ResponseError(InputError):
    """An HTTP response is an error or unexpected.

    Attributes:
        status: The status code (RFC 9110, section 15).
    """

    def __init__(self, message: str, status: int, location: Location | None = None) -> None:
        super().__init__(message, location)
        self.status = status


class TruncatedResult(ResponseError):
    """All results of the server have been delivered, but the server announced more."""


class ConverterError(StreamDicomError, ValueError):
    """A converter failed for an element; its exception is the ``__cause__``."""


class OutputError(StreamDicomError, ValueError):
    """The data to write is invalid: events out of order, or a value of a wrong type."""


class ResumeError(StreamDicomError, ValueError):
    """An interrupted run cannot resume: its arguments or inputs have changed."""


def aborted(kind: type[_Error], name: str, cause: BaseException, location: Location | None = None) -> _Error:
    """Return the error of all calls after an exception of the caller's code.

    >>> print(aborted(OutputError, "encoder", KeyError()))
    the encoder was stopped by KeyError
    """
    error = kind(f"the {name} was stopped by {type(cause).__name__}", location)
    error.__cause__ = cause
    return error
