"""The tree of errors, and the places they have."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from streamdicom import errors
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
    RequestError: (InputError,),
    ResponseError: (InputError,),
    TruncatedResult: (ResponseError,),
    ConverterError: (StreamDicomError, ValueError),
    OutputError: (StreamDicomError, ValueError),
    ResumeError: (StreamDicomError, ValueError),
}

LOCATIONS = [
    (Location(), ""),
    (Location(0), "byte 0"),
    (Location(5, 0), "byte 5, [0]"),
    (Location(dataset_index=17), "[17]"),
    (Location(tag_path="00080016"), "00080016"),
    (Location(5, tag_path="00080016"), "byte 5, 00080016"),
    (Location(5, 17, "00081140[0].00080016"), "byte 5, [17].00081140[0].00080016"),
]


@pytest.mark.parametrize("error", PARENTS)
def test_each_error_has_its_place_in_the_tree(error: type[Exception]) -> None:
    assert error.__bases__ == PARENTS[error]


def test_the_tree_is_complete() -> None:
    found = {value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)}
    assert found == set(PARENTS)


@pytest.mark.parametrize(("location", "text"), LOCATIONS)
def test_a_place_says_what_is_known(location: Location, text: str) -> None:
    assert str(location) == text


@pytest.mark.parametrize(("location", "text"), LOCATIONS)
def test_an_error_says_what_and_where(location: Location, text: str) -> None:
    error = DicomJsonError("wrong", location)
    assert str(error) == (f"wrong ({text})" if text else "wrong")
    assert (error.message, error.location) == ("wrong", location)


def test_an_error_needs_no_place() -> None:
    assert OutputError("wrong").location == Location()


def test_a_higher_layer_adds_what_it_knows() -> None:
    error = JsonSyntaxError("wrong", Location(5))
    error.within(17, "00080016")
    assert error.location == Location(5, 17, "00080016")
    error.within(None, "")
    assert error.location == Location(5)


def test_a_limit_is_named() -> None:
    error = LimitError("too deep", "depth", Location(5))
    assert error.limit == "depth"
    assert str(error) == "too deep; Limits.depth sets the bound (byte 5)"


def test_an_answer_to_a_request_has_a_status() -> None:
    error = RequestError("no such media type", 415)
    assert (error.status, str(error)) == (415, "no such media type")


def test_a_place_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        Location().byte_offset = 1  # type: ignore[misc]
