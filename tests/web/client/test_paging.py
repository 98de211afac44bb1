"""What is asked for next and what comes of the answers, without a connection."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import pytest

from streamdicom import Deviation, ReadOptions, ResponseError, TruncatedError, TruncatedResult
from streamdicom.web.client.paging import Fetch, Retrieval, Search, level_of

URL = "http://localhost/rs/studies"
INSTANCE = 0x00080018


@dataclass
class Head:
    status: int = 200
    url: str = URL
    media_type: str = "application/dicom+json"
    warnings: list[str] = field(default_factory=list)


def document(numbers: Iterable[int]) -> bytes:
    # A string where an array is due is a deviation.
    objects = [
        {"00080018": {"vr": "UI", "Value": [f"1.{number}"]}, "00080060": {"vr": "CS", "Value": "CT"}}
        for number in numbers
    ]
    return json.dumps(objects).encode()


def search(query: str, options: ReadOptions) -> Fetch:
    return Search(query, options, INSTANCE, 3)


def taken(fetch: Fetch, data: bytes, size: int, **head: object) -> list[str]:
    assert fetch.begin(Head(**head))  # type: ignore[arg-type]
    uids = []
    for start in range(0, len(data), size):
        uids += [ds.SOPInstanceUID for ds in fetch.feed(data[start : start + size])]
    return uids


@pytest.mark.parametrize("size", [1, 2, 7, 50, 10_000])
@pytest.mark.parametrize("new", [search, Retrieval])
@pytest.mark.parametrize("at", range(0, 240, 20))
def test_what_comes_does_not_depend_on_the_cuts(new: Callable[[str, ReadOptions], Fetch], size: int, at: int) -> None:
    told: list[Deviation] = []
    fetch = new("", ReadOptions(on_deviation=told.append))
    data = document(range(3))
    uids = taken(fetch, data[:at], size)
    assert fetch.broken() is not None
    rest = data if new is Retrieval else document(range(len(uids), 3))
    uids += taken(fetch, rest, size)
    fetch.end()
    assert uids == ["1.0", "1.1", "1.2"]
    # One of a data set that broke off in the middle may be told of twice.
    assert 3 <= len(told) <= 4


def test_the_pauses_get_longer_and_end() -> None:
    fetch = Retrieval("", ReadOptions())
    assert fetch.broken() is None
    fetch.begin(Head())
    assert [fetch.broken() for _ in range(5)] == [0.5, 1.0, 2.0, 4.0, None]


def test_a_page_that_has_come_makes_up_for_failures() -> None:
    fetch = search("", ReadOptions(deviations={"scalar-value": "ignore"}))
    for start in range(0, 9, 3):
        fetch.begin(Head())
        assert [fetch.broken(), fetch.broken()] == [0.5, 1.0]
        taken(fetch, document(range(start, start + 3)), 100)
        fetch.end()
        assert fetch.query == f"offset={start + 3}&limit=3"


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_gateway_error_is_one_of_the_connection_only_after_an_answer(status: int) -> None:
    fetch = Retrieval("", ReadOptions())
    with pytest.raises(ResponseError):
        fetch.begin(Head(status))
    fetch.begin(Head())
    with pytest.raises(TruncatedError):
        fetch.begin(Head(status))


def test_several_warnings_may_be_in_one_header_field() -> None:
    fuzzy = "299 localhost: The fuzzymatching parameter is not supported, nor will it be"
    for warning in (f"{fuzzy}, 299 localhost: There are 2 additional results", f"110 - stale, {fuzzy} ,  299 - more"):
        fetch = Retrieval("", ReadOptions())
        taken(fetch, b"[]", 9, warnings=[warning])
        with pytest.raises(TruncatedResult):
            fetch.end()
    fetch = Retrieval("", ReadOptions())
    taken(fetch, b"[]", 9, warnings=[f"110 - stale, {fuzzy}"])
    fetch.end()
    assert fetch.is_done


@pytest.mark.parametrize(
    ("path", "level"),
    [
        ("/studies", 0x0020000D),
        ("/studies/1.2/series/", 0x0020000E),
        ("/studies/1.2/series/1.3/instances", INSTANCE),
        ("/studies/1.2/metadata", None),
        ("/studies/1.2", None),
        ("/", None),
    ],
)
def test_the_path_tells_a_search(path: str, level: int | None) -> None:
    assert level_of(path) == level
