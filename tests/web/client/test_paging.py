"""Client-side paging and resuming, without a connection."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import pytest
from pydicom import Dataset

from streamdicom import Deviation, ReadOptions, TruncatedError
from streamdicom.errors import ResponseError, TruncatedResult
from streamdicom.web.client.paging import Fetch, Retrieval, Search, dataset_parser, search_uid_tag
from tests.support.each import each

URL = "http://localhost/rs/studies"
INSTANCE = 0x00080018


@dataclass
class Head:
    status: int = 200
    url: str = URL
    media_type: str = "application/dicom+json"
    warnings: list[str] = field(default_factory=list)

    def reason(self) -> str:
        return ""


def document(numbers: Iterable[int]) -> bytes:
    # A string in place of an array is a deviation.
    objects = [
        {"00080018": {"vr": "UI", "Value": [f"1.{number}"]}, "00080060": {"vr": "CS", "Value": "CT"}}
        for number in numbers
    ]
    return json.dumps(objects).encode()


def search(query: str, options: ReadOptions) -> Fetch[Dataset]:
    return Search(query, options, INSTANCE, 3, dataset_parser)


def retrieval(query: str, options: ReadOptions) -> Fetch[Dataset]:
    return Retrieval(query, options, dataset_parser)


def read_body(fetch: Fetch[Dataset], data: bytes, size: int, **head: object) -> list[str]:
    assert fetch.start_response(Head(**head))  # type: ignore[arg-type]
    uids = []
    for start in range(0, len(data), size):
        uids += [ds.SOPInstanceUID for ds in fetch.feed(data[start : start + size])]
    return uids


@each("size", [1, 2, 7, 50, 10_000])
@each("new", [search, retrieval])
@each("at", range(0, 240, 20))
def test_results_do_not_depend_on_cuts(new: Callable[[str, ReadOptions], Fetch[Dataset]], size: int, at: int) -> None:
    reported: list[Deviation] = []
    fetch = new("", ReadOptions(on_deviation=reported.append))
    data = document(range(3))
    uids = read_body(fetch, data[:at], size)
    assert fetch.connection_lost() is not None
    rest = data if new is retrieval else document(range(len(uids), 3))
    uids += read_body(fetch, rest, size)
    fetch.end_response()
    assert uids == ["1.0", "1.1", "1.2"]
    # A deviation of the interrupted data set may be reported twice.
    assert 3 <= len(reported) <= 4


def test_pauses_grow_and_end() -> None:
    fetch = retrieval("", ReadOptions())
    assert fetch.connection_lost() is None
    fetch.start_response(Head())
    assert [fetch.connection_lost() for _ in range(5)] == [0.5, 1.0, 2.0, 4.0, None]


def test_complete_page_resets_the_retries() -> None:
    fetch = search("", ReadOptions(deviations={"scalar-value": "ignore"}))
    for start in range(0, 9, 3):
        fetch.start_response(Head())
        assert [fetch.connection_lost(), fetch.connection_lost()] == [0.5, 1.0]
        read_body(fetch, document(range(start, start + 3)), 100)
        fetch.end_response()
        assert fetch.query == f"offset={start + 3}&limit=3"


@each("status", [502, 503, 504])
def test_gateway_error_is_retried_only_after_a_response(status: int) -> None:
    fetch = retrieval("", ReadOptions())
    with pytest.raises(ResponseError):
        fetch.start_response(Head(status))
    fetch.start_response(Head())
    with pytest.raises(TruncatedError):
        fetch.start_response(Head(status))


def test_header_field_with_several_warnings() -> None:
    fuzzy = "299 localhost: The fuzzymatching parameter is not supported, nor will it be"
    for warning in (f"{fuzzy}, 299 localhost: There are 2 additional results", f"110 - stale, {fuzzy} ,  299 - more"):
        fetch = retrieval("", ReadOptions())
        read_body(fetch, b"[]", 9, warnings=[warning])
        with pytest.raises(TruncatedResult):
            fetch.end_response()
    fetch = retrieval("", ReadOptions())
    read_body(fetch, b"[]", 9, warnings=[f"110 - stale, {fuzzy}"])
    fetch.end_response()
    assert fetch.is_done


@each(
    ("path", "uid_tag"),
    [
        ("/studies", 0x0020000D),
        ("/studies/1.2/series/", 0x0020000E),
        ("/studies/1.2/series/1.3/instances", INSTANCE),
        ("/studies/1.2/metadata", None),
        ("/studies/1.2", None),
        ("/", None),
    ],
)
def test_search_is_recognized_by_its_path(path: str, uid_tag: int | None) -> None:
    assert search_uid_tag(path) == uid_tag
