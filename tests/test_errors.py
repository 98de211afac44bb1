"""The hierarchy of errors, and their text."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import FrozenInstanceError

import pytest

from streamdicom import errors
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
    RequestError,
    ResponseError,
    ResumeError,
    SplitError,
    StreamDicomError,
    TruncatedError,
    TruncatedResult,
    XmlSyntaxError,
)
from tests.support.each import each

PARENTS: dict[type[Exception], tuple[type[Exception], ...]] = {
    StreamDicomError: (Exception,),
    InputError: (StreamDicomError, ValueError),
    JsonSyntaxError: (InputError,),
    XmlSyntaxError: (InputError,),
    TruncatedError: (InputError, EOFError),
    DicomJsonError: (InputError,),
    DicomXmlError: (InputError,),
    DicomFileError: (InputError,),
    BulkDataError: (InputError,),
    DatasetError: (InputError,),
    LimitError: (InputError,),
    IndexMismatchError: (InputError,),
    SplitError: (InputError,),
    ColumnError: (InputError,),
    RequestError: (InputError,),
    ResponseError: (InputError,),
    TruncatedResult: (ResponseError,),
    ConverterError: (StreamDicomError, ValueError),
    OutputError: (StreamDicomError, ValueError),
    ResumeError: (StreamDicomError, ValueError),
}

_REFERENCED = "00081140[0].00080016"

LOCATIONS = [
    (Location(), ""),
    (Location(0), "byte 0"),
    (Location(5, 0), "byte 5, [0]"),
    (Location(dataset_index=17), "[17]"),
    (Location(tag_path="00080016"), "00080016 SOPClassUID"),
    (Location(5, tag_path="00080016"), "byte 5, 00080016 SOPClassUID"),
    (Location(5, 17, _REFERENCED), "byte 5, [17].00081140[0].00080016 SOPClassUID"),
    (Location(dataset_index=1, tag_path="00081140[2]"), "[1].00081140[2] ReferencedImageSequence"),
    (Location(tag_path="00091001"), "00091001"),
    (Location(tag_path="60020010"), "60020010 OverlayRows"),
]


@each("error", PARENTS)
def test_hierarchy_of_errors(error: type[Exception]) -> None:
    assert error.__bases__ == PARENTS[error]


def test_hierarchy_is_complete() -> None:
    found = {value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)}
    assert found == set(PARENTS)


@each(("location", "text"), LOCATIONS)
def test_location_prints_known_parts_and_the_keyword(location: Location, text: str) -> None:
    assert str(location) == text


@each(("location", "text"), LOCATIONS)
def test_error_prints_message_and_location(location: Location, text: str) -> None:
    error = DicomJsonError("wrong", location)
    assert str(error) == (f"wrong ({text})" if text else "wrong")
    assert (error.message, error.location, error.filename) == ("wrong", location, None)


def test_error_prints_the_name_of_the_file() -> None:
    error = DicomJsonError("wrong", Location(5))
    error.filename = "studies.json"
    assert str(error) == "studies.json: wrong (byte 5)"
    assert error.message == "wrong"


@pytest.mark.slow
def test_keyword_is_looked_up_when_an_error_is_printed() -> None:
    code = """if True:
        import sys
        from streamdicom.errors import InputError, Location
        error = InputError("wrong", Location(5, 0, "00080016"))
        print("pydicom" in sys.modules)
        print(error)
    """
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "False\nwrong (byte 5, [0].00080016 SOPClassUID)\n"


def test_location_is_optional() -> None:
    assert OutputError("wrong").location == Location()


def test_higher_layer_adds_data_set_and_tag_path() -> None:
    error = JsonSyntaxError("wrong", Location(5))
    error.within(17, "00080016")
    assert error.location == Location(5, 17, "00080016")
    error.within(None, "")
    assert error.location == Location(5)


def test_limit_error_names_the_limit() -> None:
    error = LimitError("too deep", "depth", Location(5))
    assert error.limit == "depth"
    assert str(error) == "too deep; Limits.depth sets the bound (byte 5)"


def test_request_error_has_a_status() -> None:
    error = RequestError("no such media type", 415)
    assert (error.status, str(error)) == (415, "no such media type")


def test_location_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        Location().byte_offset = 1  # type: ignore[misc]
