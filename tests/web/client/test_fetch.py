"""The client against servers that answer as PS3.18 has it, and against those that do not."""

from __future__ import annotations

import contextlib
import gzip
import json
import time
import tracemalloc
from collections.abc import Iterable, Iterator
from itertools import chain, count, repeat
from typing import Any

import httpx2
import pytest

from streamdicom import (
    BulkDataError,
    InputError,
    LimitError,
    Limits,
    OutputError,
    ReadOptions,
    ResponseError,
    TruncatedError,
    TruncatedResult,
    iter_datasets,
)
from streamdicom.bulkdata.store import BulkDataInfo
from streamdicom.web import content
from streamdicom.web.client import paging
from streamdicom.web.client.fetch import HttpStore, fetch_datasets
from tests.web.client.scripted import DICOM_JSON, Request, Reset, Scripted, response, scripted

METADATA = "/studies/1.2/metadata"
UIDS = [f"1.2.3.{number}" for number in range(7)]
MORE = ("Warning", "299 localhost: There are 3 additional results that can be requested")


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "_PAUSES", (0.0, 0.0, 0.0, 0.0))


def dataset(uid: str, **more: Any) -> dict[str, Any]:
    return {
        "00080018": {"vr": "UI", "Value": [uid]},
        "00080060": {"vr": "CS", "Value": ["CT"]},
        "0020000D": {"vr": "UI", "Value": [uid]},
        **more,
    }


def document(uids: Iterable[str] = UIDS) -> bytes:
    return json.dumps([dataset(uid) for uid in uids]).encode()


def fetched(url: str, **options: Any) -> list[str]:
    return [str(ds.SOPInstanceUID) for ds in fetch_datasets(url, **options)]


def taken(datasets: Iterator[Any]) -> tuple[list[str], Exception | None]:
    """What came before an error, and that."""
    uids = []
    try:
        for ds in datasets:
            uids.append(str(ds.SOPInstanceUID))
    except (InputError, OSError) as error:
        return uids, error
    return uids, None


def page(request: Request, uids: list[str] = UIDS, cap: int = 1000) -> list[str]:
    offset = int(request.query["offset"])
    return uids[offset : offset + min(cap, int(request.query["limit"]))]


# --- searches --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page_size", [1, 2, 3, 6, 7, 8, 1000])
@pytest.mark.parametrize("path", ["/studies", "/series", "/instances", "/studies/1.2/series/", "/studies/1/instances"])
def test_a_search_is_asked_for_in_pages_until_one_is_empty(page_size: int, path: str) -> None:
    with scripted(lambda request: response(document(page(request)))) as server:
        assert fetched(server.url + path + "?Modality=CT", page_size=page_size) == UIDS
    offsets = [int(request.query["offset"]) for request in server.requests]
    assert offsets == sorted({*range(0, 7, page_size), 7})
    assert {(request.path, request.query["Modality"]) for request in server.requests} == {(path, "CT")}
    assert {request.headers["accept"] for request in server.requests} == {DICOM_JSON}


def test_a_search_ends_with_no_content() -> None:
    def answer(request: Request) -> list[bytes]:
        found = page(request)
        return response(document(found)) if found else response(status=204)

    with scripted(answer) as server:
        assert fetched(server.url + "/studies", page_size=4) == UIDS


@pytest.mark.parametrize("warns", [True, False])
def test_a_server_that_gives_less_than_it_is_asked_for_is_asked_again(warns: bool) -> None:
    def answer(request: Request) -> list[bytes]:
        has_more = int(request.query["offset"]) + 3 < 7
        return response(document(page(request, cap=3)), headers=[MORE] if warns and has_more else [])

    with scripted(answer) as server:
        assert fetched(server.url + "/instances") == UIDS
    assert [int(request.query["offset"]) for request in server.requests] == [0, 3, 6, 7]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("limit=5", UIDS[:5]),
        ("limit=0", []),
        ("offset=2", UIDS[2:]),
        ("offset=2&limit=3&x=y", UIDS[2:5]),
        ("limit=4&offset=6", UIDS[6:]),
        ("offset=9", []),
    ],
)
@pytest.mark.parametrize("page_size", [1, 2, 1000])
def test_limit_and_offset_of_the_url_bound_the_whole_search(query: str, expected: list[str], page_size: int) -> None:
    with scripted(lambda request: response(document(page(request)), headers=[MORE])) as server:
        uids, error = taken(fetch_datasets(f"{server.url}/studies?{query}", page_size=page_size))
    assert uids == expected
    assert (error is None) is (len(expected) == int(dict(parse(query)).get("limit", -1)))
    assert all(list(request.query)[-2:] == ["offset", "limit"] for request in server.requests)


def parse(query: str) -> list[list[str]]:
    return [item.split("=") for item in query.split("&")]


def test_a_server_that_gives_more_than_the_limit_is_not_listened_to() -> None:
    with scripted(lambda _: response(document())) as server:
        assert fetched(server.url + "/studies?limit=3") == UIDS[:3]
    assert len(server.requests) == 1


def test_a_search_without_end_ends_at_its_limit() -> None:
    pieces = ((json.dumps(dataset(str(number))) + ",").encode() for number in count())
    with scripted(lambda _: chain([_LONG[0], b"["], pieces)) as server:
        assert fetched(server.url + "/studies?limit=3") == ["0", "1", "2"]


@pytest.mark.parametrize("path", ["/studies", "/series", "/instances"])
def test_pages_whose_results_cannot_be_told_apart_are_not_taken_for_one(path: str) -> None:
    keyword = {"/studies": "00080018", "/series": "00080018", "/instances": "0020000D"}[path]

    def answer(request: Request) -> list[bytes]:
        return response(json.dumps([{keyword: {"vr": "UI", "Value": ["1.2"]}} for _ in page(request)]).encode())

    with scripted(answer) as server:
        assert len(list(fetch_datasets(server.url + path, page_size=2))) == 7


def test_a_server_that_sends_the_same_page_without_uids_for_ever_is_given_up() -> None:
    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"Content-Type": "application/dicom+json"}, content=iter([b"[{},{}]"]))

    count = 0
    with httpx2.Client(transport=httpx2.MockTransport(answer)) as client, pytest.raises(ResponseError, match="UIDs"):
        for _ in fetch_datasets("http://localhost/studies", client=client, page_size=2):
            count += 1
    assert 100 <= count <= 210


@pytest.mark.parametrize("query", ["limit=-1", "offset=x", "limit=", "limit=1e3", "limit=%31", "offset=" + "9" * 20])
def test_a_limit_that_is_no_number_is_refused(query: str) -> None:
    with pytest.raises(ValueError, match="must be an unsigned integer"):
        fetch_datasets(f"http://localhost/studies?{query}")


def test_the_rest_of_the_query_is_sent_as_it_is() -> None:
    seen = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.url.raw_path)
        return httpx2.Response(204)

    url = "http://localhost/studies?PatientName=M%C3%BCller%5E*&includefield=00100010&includefield=all&limit=9"
    with httpx2.Client(transport=httpx2.MockTransport(answer)) as client:
        assert list(fetch_datasets(url, client=client)) == []
    expected = b"/studies?PatientName=M%C3%BCller%5E*&includefield=00100010&includefield=all&offset=0&limit=9"
    assert seen == [expected]


# --- truncation ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("last", [response(status=204), response(b"[]"), response(b"[]", headers=[MORE])])
def test_more_that_is_told_of_and_not_given_is_a_truncated_result(last: list[bytes]) -> None:
    def answer(request: Request) -> list[bytes]:
        return last if request.query["offset"] == "7" else response(document(page(request)), headers=[MORE])

    with scripted(answer) as server:
        uids, error = taken(fetch_datasets(server.url + "/studies", page_size=4))
    assert uids == UIDS
    assert isinstance(error, TruncatedResult)


@pytest.mark.parametrize(
    "warning",
    [
        "299 localhost: The number of results exceeded the maximum supported by the server.",
        '299 - "There are 3, or more, additional results"',
        "199 - something, 299 localhost more",
    ],
)
def test_metadata_with_a_warning_is_a_truncated_result(warning: str) -> None:
    with scripted(lambda _: response(document(), headers=[("Warning", warning)])) as server:
        uids, error = taken(fetch_datasets(server.url + METADATA))
    assert uids == UIDS
    assert isinstance(error, TruncatedResult)


def test_partial_content_is_a_truncated_result() -> None:
    with scripted(lambda _: response(document(), status=206)) as server:
        uids, error = taken(fetch_datasets(server.url + METADATA))
    assert uids == UIDS
    assert isinstance(error, TruncatedResult)


@pytest.mark.parametrize(
    "warning",
    ["299 localhost: The fuzzymatching parameter is not supported. Only literal matching.", "199 - 299", "110 - stale"],
)
def test_other_warnings_are_none_of_truncation(warning: str) -> None:
    with scripted(lambda _: response(document(), headers=[("Warning", warning)])) as server:
        assert fetched(server.url + METADATA) == UIDS


def test_a_server_that_minds_neither_offset_nor_limit_has_given_all() -> None:
    with scripted(lambda _: response(document())) as server:
        assert fetched(server.url + "/studies") == UIDS
        assert fetched(server.url + "/studies", page_size=3) == UIDS
    assert len(server.requests) == 4


@pytest.mark.parametrize("headers", [[], [MORE]])
def test_a_server_that_minds_no_offset_is_a_truncated_result(headers: list[tuple[str, str]]) -> None:
    with scripted(lambda request: response(document(UIDS[: int(request.query["limit"])]), headers=headers)) as server:
        uids, error = taken(fetch_datasets(server.url + "/studies", page_size=3))
    assert uids == UIDS[:3]
    assert isinstance(error, TruncatedResult)


# --- broken connections ----------------------------------------------------------------------------------------


def whole(request: Request) -> bytes:
    uids = page(request) if "offset" in request.query else UIDS
    return document(uids)


def breaks_once(at: int, *, chunked: bool, reset: bool) -> Any:
    """An answer that ends after so many bytes, and comes in full from then on."""
    is_first = repeat(False)
    state = iter([True])

    def answer(request: Request) -> Iterator[bytes]:
        data = b"".join(response(whole(request), chunked=chunked))
        if next(state, next(is_first)):
            yield data[:at]
            if reset:
                time.sleep(0.01)  # so that the bytes are there before the connection is gone
                raise Reset
        else:
            yield data

    return answer


_HEAD, _BODY = response(document())
_CHUNKED_HEAD, _CHUNKED_BODY = response(document(), chunked=True)


@pytest.mark.parametrize("path", [METADATA, "/instances"])
@pytest.mark.parametrize("at", [*range(0, len(_BODY), 23), len(_BODY) - 1])
def test_an_answer_that_breaks_goes_on_without_duplicates(path: str, at: int) -> None:
    with scripted(breaks_once(len(_HEAD) + at, chunked=False, reset=False)) as server:
        assert fetched(server.url + path) == UIDS
    # The page that ends a search is the one that goes on where only its end was missing.
    assert len(server.requests) == (3 if path == "/instances" and at < len(_BODY) - 1 else 2)


@pytest.mark.parametrize("path", [METADATA, "/instances"])
@pytest.mark.parametrize("at", [*range(0, len(_CHUNKED_BODY), 53), len(_CHUNKED_BODY) - 1])
@pytest.mark.parametrize("reset", [False, True])
def test_a_chunked_answer_that_breaks_goes_on_without_duplicates(path: str, at: int, reset: bool) -> None:
    with scripted(breaks_once(len(_CHUNKED_HEAD) + at, chunked=True, reset=reset)) as server:
        uids, error = taken(fetch_datasets(server.url + path))
    if error is None:
        assert uids == UIDS
    else:  # a reset may take away the head too
        assert reset
        assert isinstance(error, ConnectionError)


@pytest.mark.parametrize("at", [0, 1, 20, len(_HEAD) - 1])
def test_a_server_that_has_never_answered_is_not_asked_again(at: int) -> None:
    with scripted(breaks_once(at, chunked=False, reset=False)) as server, pytest.raises(ConnectionError):
        fetched(server.url + METADATA)
    assert len(server.requests) == 1


def test_elements_and_data_sets_that_are_left_out_count_when_an_answer_goes_on() -> None:
    modalities = ["CT", "MR", "CT", "MR", "CT", "MR", "CT"]
    body = json.dumps(
        [
            dataset(uid, **{"00080060": {"vr": "CS", "Value": [name]}})
            for uid, name in zip(UIDS, modalities, strict=True)
        ]
    ).encode()
    options = ReadOptions(where={"Modality": "MR"}, include=["Modality", "StudyInstanceUID"])
    for path in (METADATA, "/instances"):
        parts = iter([2 / 3, 1, 1])

        def answer(request: Request, parts: Iterator[float] = parts) -> Iterator[bytes]:
            start = int(request.query.get("offset", 0))
            data = b"".join(response(json.dumps(json.loads(body)[start:]).encode()))
            yield data[: int(len(data) * next(parts))]

        with scripted(answer) as server:
            found = list(fetch_datasets(server.url + path, options=options))
        assert [sorted(ds.dir()) for ds in found] == [["Modality", "StudyInstanceUID"]] * 3
        assert [ds.Modality for ds in found] == ["MR"] * 3


@pytest.mark.parametrize(
    "other",
    [["9.9", *UIDS[1:]], [UIDS[1], UIDS[0], *UIDS[2:]], UIDS[:2], [], [UIDS[0], *UIDS]],
    ids=["another UID", "another order", "fewer", "none", "more at the start"],
)
def test_an_answer_that_has_changed_is_an_error(other: list[str]) -> None:
    answers = iter(
        [b"".join(response(document()))[: len(_HEAD) + len(_BODY) * 5 // 7], b"".join(response(document(other)))]
    )
    with scripted(lambda _: [next(answers)]) as server:
        uids, error = taken(fetch_datasets(server.url + METADATA))
    assert uids == UIDS[:5]
    assert isinstance(error, ResponseError)
    assert "not what comes now" in str(error)


def test_an_answer_that_has_grown_at_its_end_goes_on() -> None:
    answers = iter([b"".join(response(document()))[:-9], b"".join(response(document([*UIDS, "9.9"])))])
    with scripted(lambda _: [next(answers)]) as server:
        assert fetched(server.url + METADATA) == [*UIDS, "9.9"]


@pytest.mark.parametrize("path", [METADATA, "/instances"])
def test_a_connection_that_breaks_again_and_again_is_an_error_in_the_end(path: str) -> None:
    with scripted(lambda request: [b"".join(response(whole(request)))[: len(_HEAD) + 200]]) as server:
        uids, error = taken(fetch_datasets(server.url + path))
    assert isinstance(error, TruncatedError)
    assert uids == UIDS[: len(uids)]
    assert len(server.requests) == 5


def test_a_gateway_whose_server_is_gone_is_asked_again() -> None:
    answers = iter([response(document())[:1], response(status=503), response(status=502), response(document())])
    with scripted(lambda _: next(answers)) as server:
        assert fetched(server.url + METADATA) == UIDS


@pytest.mark.parametrize("length", [0, 2, 100, len(_BODY) - 1, len(_BODY) + 1, 10**12])
def test_a_wrong_content_length_is_a_truncated_answer(length: int) -> None:
    with scripted(lambda _: response(document(), length=length)) as server:
        uids, error = taken(fetch_datasets(server.url + METADATA))
    assert isinstance(error, TruncatedError)
    assert uids == UIDS[: len(uids)]
    assert len(server.requests) == 5


# --- errors ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [201, 304, 400, 401, 403, 404, 406, 413, 500, 503, 599])
@pytest.mark.parametrize("path", [METADATA, "/studies"])
def test_an_error_status_is_told(status: int, path: str) -> None:
    with (
        scripted(lambda _: response(b"[]" if status != 304 else b"", status=status)) as server,
        pytest.raises(ResponseError, match=str(status)) as caught,
    ):
        fetched(server.url + path)
    assert caught.value.status == status
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "content_type",
    ["", "text/html", "application/dicom+xml", "multipart/related; type=application/dicom+json", "x" * 5000,
     "application/dicom+json; charset=latin-1"],
)  # fmt: skip
def test_another_media_type_is_an_error(content_type: str) -> None:
    with (
        scripted(lambda _: response(document(), content_type=content_type)) as server,
        pytest.raises(ResponseError),
    ):
        fetched(server.url + METADATA)


@pytest.mark.parametrize("content_type", ["application/json", "Application/DICOM+JSON; charset=UTF-8"])
def test_the_media_types_of_json_are_taken(content_type: str) -> None:
    with scripted(lambda _: response(document(), content_type=content_type)) as server:
        assert fetched(server.url + METADATA) == UIDS


def test_nothing_is_what_no_content_holds() -> None:
    with scripted(lambda _: response(status=204)) as server:
        assert fetched(server.url + METADATA) == []


def test_what_is_wrong_in_the_json_is_told_after_what_came_before() -> None:
    with scripted(lambda _: response(document()[:-1] + b", {} {}]")) as server:
        uids, error = taken(fetch_datasets(server.url + METADATA, options=ReadOptions(where={"Modality": "CT"})))
    assert uids == UIDS
    assert isinstance(error, InputError)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "url",
    ["", "/studies", "ftp://localhost/studies", "file:///etc/passwd", "http://", "http://a" + "b" * 9000],
)
def test_what_is_no_url_of_http_is_refused_at_once(url: str) -> None:
    with pytest.raises(ValueError, match="absolute URL"):
        fetch_datasets(url)
    with pytest.raises(ValueError, match="absolute URL"):
        HttpStore(url)
    with pytest.raises(ValueError, match="absolute URL"):
        fetch_datasets("http://localhost/studies", origins=[url])


def test_a_server_that_is_not_there_cannot_be_reached() -> None:
    with scripted(lambda _: []) as server:
        pass
    with pytest.raises(ConnectionError):
        fetched(server.url + METADATA)


# --- servers that never end ------------------------------------------------------------------------------------


def peak_of(datasets: Iterator[Any], most: int) -> tuple[int, Exception | None]:
    """The bytes of memory that so many data sets take, and the error on the way."""
    list(iter_datasets(document()))  # what is imported for the first data set does not count
    tracemalloc.start()
    error = None
    try:
        for _, _ in zip(range(most), datasets, strict=False):
            pass
    except (InputError, OSError) as caught:
        error = caught
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak, error


def endless(head: list[bytes], *pieces: bytes) -> Iterator[bytes]:
    yield head[0]
    yield from pieces[:-1]
    yield from repeat(pieces[-1])


_LONG = response(length=10**15)


def test_endless_white_space_is_an_error() -> None:
    with scripted(lambda _: endless(_LONG, b"[", b" " * 65536)) as server:
        peak, error = peak_of(fetch_datasets(server.url + METADATA), 1)
    assert isinstance(error, ResponseError)
    assert peak < 8 * 1024 * 1024


def test_endless_data_sets_take_no_memory() -> None:
    piece = (json.dumps(dataset("1.2.3")) + ",").encode() * 100
    with scripted(lambda _: endless(_LONG, b"[", piece)) as server:
        datasets = fetch_datasets(server.url + METADATA)
        next(datasets)
        peak, error = peak_of(datasets, 5_000)
        datasets.close()
    assert error is None
    assert peak < 8 * 1024 * 1024


@pytest.mark.parametrize("piece", [b"X-Y: z\r\n" * 1000, b"x" * 8000])
def test_endless_headers_are_an_error(piece: bytes) -> None:
    with scripted(lambda _: endless([b"HTTP/1.1 200 OK\r\n"], piece)) as server:
        peak, error = peak_of(fetch_datasets(server.url + METADATA), 1)
    assert isinstance(error, ConnectionError)
    assert peak < 8 * 1024 * 1024


def test_a_server_that_falls_silent_is_a_time_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(_: Request) -> Iterator[bytes]:
        time.sleep(0.5)
        yield b""

    with scripted(answer) as server, httpx2.Client(timeout=0.1) as client, pytest.raises(TimeoutError):
        fetched(server.url + METADATA, client=client)


def test_a_server_that_falls_silent_half_way_is_asked_again() -> None:
    def answer(_: Request) -> Iterator[bytes]:
        head, body = response(document())
        yield head + body[: len(body) // 2]
        time.sleep(0.3)

    with scripted(answer) as server, httpx2.Client(timeout=0.05) as client:
        uids, error = taken(fetch_datasets(server.url + METADATA, client=client))
    assert uids == UIDS[:3]
    assert isinstance(error, TruncatedError)
    assert len(server.requests) == 5


def test_white_space_that_drips_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "_LONGEST_WITHOUT_EVENTS", 0.2)

    def answer(_: Request) -> Iterator[bytes]:
        yield response(length=10**6)[0] + b"["
        for _ in range(200):
            time.sleep(0.02)
            yield b" "

    start = time.monotonic()
    with scripted(answer) as server, pytest.raises(ResponseError, match="on and on"):
        fetched(server.url + METADATA)
    assert time.monotonic() - start < 8


# --- compression -----------------------------------------------------------------------------------------------

GZIP = ("Content-Encoding", "gzip")


def test_a_compressed_answer_is_read() -> None:
    with scripted(lambda _: response(gzip.compress(document()), headers=[GZIP])) as server:
        assert fetched(server.url + METADATA) == UIDS
    assert server.requests[0].headers["accept-encoding"] == "gzip"


def test_a_compressed_answer_that_stops_is_asked_for_again() -> None:
    whole = gzip.compress(document())
    answers = iter([response(whole[:-9], headers=[GZIP]), response(whole, headers=[GZIP])])
    with scripted(lambda _: next(answers)) as server:
        assert fetched(server.url + METADATA) == UIDS


def test_an_answer_that_expands_without_end_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "_FREE_SIZE", 1000)
    text = b"[" + (document()[1:-1] + b",") * 2000
    with (
        scripted(lambda _: response(gzip.compress(text), headers=[GZIP])) as server,
        pytest.raises(LimitError, match="max_expansion_ratio"),
    ):
        fetched(server.url + METADATA, options=ReadOptions(limits=Limits(max_expansion_ratio=5)))


def test_another_encoding_is_an_error() -> None:
    with (
        scripted(lambda _: response(document(), headers=[("Content-Encoding", "br")])) as server,
        pytest.raises(ResponseError, match="Content-Encoding"),
    ):
        fetched(server.url + METADATA)


# --- redirects and credentials ---------------------------------------------------------------------------------

SECRETS = {"authorization", "cookie", "x-api-key"}


def knowing(server: Scripted) -> httpx2.Client:
    """A client that has whatever may be known of a server alone."""
    return httpx2.Client(
        auth=("user", "secret"),
        cookies={"session": "secret"},
        headers={"X-Api-Key": "secret"},
        params={"key": "secret"},
    )


def redirect(location: str, status: int = 302) -> list[bytes]:
    return response(status=status, headers=[("Location", location), ("Set-Cookie", "new=secret")])


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_within_the_origin_is_followed_with_credentials(status: int) -> None:
    def answer(request: Request) -> list[bytes]:
        return redirect("/other/metadata", status) if request.path == METADATA else response(document())

    with scripted(answer) as server, knowing(server) as client:
        assert fetched(server.url + METADATA, client=client) == UIDS
    assert [request.path for request in server.requests] == [METADATA, "/other/metadata"]
    assert all(request.headers.keys() >= SECRETS for request in server.requests)


def test_a_redirect_to_another_origin_is_an_error_even_if_the_client_would_follow_it() -> None:
    with scripted(lambda _: response(document())) as other:
        for location in (
            other.url + METADATA,
            f"//127.0.0.1:{other.port}/",
            "https://127.0.0.1/",
            "file:///etc/passwd",
        ):
            with (
                scripted(lambda _, to=location: redirect(to)) as server,
                httpx2.Client(follow_redirects=True) as client,
                pytest.raises(ResponseError, match="redirects to"),
            ):
                fetched(server.url + METADATA, client=client)
    assert other.requests == []


def test_an_origin_that_is_named_gets_no_credentials() -> None:
    with (
        scripted(lambda _: response(document())) as other,
        scripted(lambda _: redirect(other.url + "/x/metadata")) as server,
        knowing(server) as client,
    ):
        assert fetched(server.url + METADATA, client=client, origins=[other.url]) == UIDS
        url = server.url.replace("//", "//user:secret@") + METADATA
        assert fetched(url, origins=[other.url]) == UIDS
    assert all(request.headers.keys() >= {"authorization"} for request in server.requests)
    for request in other.requests:
        assert not request.headers.keys() & SECRETS
        assert "secret" not in repr(request)
    assert len(other.requests) == 2


def test_redirects_that_never_end_are_an_error() -> None:
    with (
        scripted(lambda request: redirect(request.path + "x")) as server,
        pytest.raises(ResponseError, match="more than 5 redirects"),
    ):
        fetched(server.url + METADATA)
    assert len(server.requests) == 6


def test_a_redirect_with_credentials_of_its_own_is_not_followed() -> None:
    with (
        scripted(lambda _: redirect(server.url.replace("//", "//a:b@") + "/x")) as server,
        pytest.raises(ResponseError, match="credentials"),
    ):
        fetched(server.url + METADATA)
    assert len(server.requests) == 1


# --- bulk data -------------------------------------------------------------------------------------------------

OCTETS = "application/octet-stream"
RELATED = 'multipart/related; type="application/octet-stream"; boundary=b'
INFO = BulkDataInfo(0, "7FE00010", 0x7FE00010, "OW")


def parts(*bodies: bytes, content_type: str = OCTETS) -> bytes:
    return (
        b"".join(b"--b\r\nContent-Type: %b\r\n\r\n%b\r\n" % (content_type.encode(), one) for one in bodies) + b"--b--"
    )


def value(server: Scripted, uri: str = "bulk/1", **options: Any) -> bytes:
    return b"".join(HttpStore(server.url + "/rs/studies", **options).open(uri))


def test_a_reference_becomes_absolute_and_leads_to_its_value() -> None:
    references = {"7FE00010": {"vr": "OW", "BulkDataURI": "../bulk/1"}, "00400010": {"vr": "UC", "BulkDataURI": "/b/2"}}
    nested = dataset("1.2.3", **{"00081140": {"vr": "SQ", "Value": [references]}}, **references)

    def answer(request: Request) -> list[bytes]:
        if request.path == METADATA:
            return redirect("/other/study/metadata")
        if request.path == "/other/study/metadata":
            return response(json.dumps([nested]).encode())
        return response(parts(request.path.encode()), content_type=RELATED)

    with scripted(answer) as server, knowing(server) as client:
        [ds] = fetch_datasets(server.url + METADATA, client=client)
        assert ds[0x7FE00010].bulk_data_uri == ds.ReferencedImageSequence[0][0x7FE00010].bulk_data_uri
        assert ds[0x7FE00010].bulk_data_uri == server.url + "/other/bulk/1"
        options = ReadOptions(bulk_data_store=HttpStore(server.url, client=client))
        [ds] = fetch_datasets(server.url + METADATA, client=client, options=options)
        assert ds[0x7FE00010].value.read() == b"/other/bulk/1\0"
        assert ds[0x00400010].value == "/b/2"
    assert all(request.headers.keys() >= SECRETS for request in server.requests)


@pytest.mark.parametrize("data", [b"", b"\0\1", b"\r\n--b\r\n-" * 3, bytes(range(256)) * 1000])
@pytest.mark.parametrize("chunked", [True, False])
def test_a_value_comes_by_itself_or_as_the_one_part(data: bytes, chunked: bool) -> None:
    with scripted(lambda _: response(data, content_type=OCTETS, chunked=chunked)) as server:
        assert value(server) == data
    body = parts(data)
    if b"--b" not in data:
        with scripted(lambda _: response(body, content_type=RELATED, chunked=chunked)) as server:
            assert value(server) == data
    assert server.requests[0].path == "/rs/bulk/1"
    assert server.requests[0].headers["accept"].startswith('multipart/related; type="application/octet-stream"')


def test_a_compressed_value_is_read() -> None:
    with scripted(lambda _: response(gzip.compress(b"ab" * 1000), content_type=OCTETS, headers=[GZIP])) as server:
        assert value(server) == b"ab" * 1000


@pytest.mark.parametrize(
    "answer",
    [
        response(parts(b"a", b"b"), content_type=RELATED),
        response(parts(), content_type=RELATED),
        response(parts(b"a", content_type="image/jpeg"), content_type=RELATED),
        response(parts(b"a")[:-2], content_type=RELATED),
        response(parts(b"a")[:-9], content_type=RELATED),
        response(parts(b"a"), content_type="multipart/related"),
        response(parts(b"a"), content_type="multipart/related; boundary=c"),
        response(b"--b\r\nContent-Encoding: gzip\r\n\r\na\r\n--b--", content_type=RELATED),
        response(b"--b\r\n" + b"X: y\r\n" * 1000 + b"\r\n\r\na\r\n--b--", content_type=RELATED),
        response(b"<html>", content_type="text/html"),
        response(b"a", content_type="image/jpeg"),
        response(b"", content_type=""),
        response(status=204),
        response(b"a", status=206, content_type=OCTETS),
        response(status=404),
        response(status=500),
        response(gzip.compress(b"a")[:-4], content_type=OCTETS, headers=[GZIP]),
        response(b"no gzip", content_type=OCTETS, headers=[GZIP]),
        response(b"a", content_type=OCTETS, headers=[("Content-Encoding", "br")]),
    ],
    ids=range(19),
)
def test_what_is_not_one_value_is_an_error(answer: list[bytes]) -> None:
    with scripted(lambda _: answer) as server, pytest.raises(InputError):
        value(server)


@pytest.mark.parametrize("chunked", [True, False])
def test_a_value_that_breaks_off_is_an_error_wherever_it_does(chunked: bool) -> None:
    head, body = response(b"ab" * 100, content_type=OCTETS, chunked=chunked)
    for at in range(0, len(head) + len(body), 17):
        with scripted(lambda _, at=at: [(head + body)[:at]]) as server, pytest.raises(OSError, match="stopped"):
            value(server)


@pytest.mark.parametrize(
    "uri",
    [
        "file:///etc/passwd",
        "http://169.254.169.254/latest/meta-data",
        "http://127.0.0.1/",
        "http://127.0.0.1:1/",
        "//127.0.0.1:1/",
        "http://localhost:{port}/",
        "https://127.0.0.1:{port}/",
        "http://127.0.0.1:{port}@evil.example/",
        "http://user:secret@127.0.0.1:{port}/",
        "http://[::ffff:127.0.0.1]:{port}/",
        "ftp://127.0.0.1:{port}/",
        "gopher://127.0.0.1:{port}/",
        "javascript:alert(1)",
        "data:,a",
        "http://[",
        "http://127.0.0.1:{port}0/",
        "http:\\\\127.0.0.1:1\\",
        "\\\\127.0.0.1:1\\a",
        "x" * 10_000,
    ],
)
def test_a_reference_to_another_origin_is_not_followed(uri: str) -> None:
    with scripted(lambda _: response(b"a", content_type="text/html")) as server, pytest.raises(BulkDataError):
        value(server, uri.format(port=server.port))
    # What is a path after all is asked for at the server itself.
    assert all("127.0.0.1:1" in request.path for request in server.requests)


def test_no_header_can_be_put_into_a_request() -> None:
    with scripted(lambda _: response(b"a", content_type=OCTETS)) as server:
        for uri in ("/a\r\nX-Evil: 1", "/a HTTP/1.1\r\nX-Evil: 1\r\n\r\n", "/a\0", "/\u20ac"):
            with contextlib.suppress(BulkDataError):
                value(server, uri)
    assert all("x-evil" not in request.headers for request in server.requests)


def test_a_value_behind_a_redirect_to_another_origin_is_not_fetched() -> None:
    with scripted(lambda _: response(b"a", content_type=OCTETS)) as other:
        with scripted(lambda _: redirect(other.url + "/1")) as server, pytest.raises(BulkDataError, match="redirects"):
            value(server)
        assert other.requests == []
        with knowing(server) as client, scripted(lambda _: redirect(other.url + "/1")) as server:
            assert value(server, client=client, origins=[other.url]) == b"a"
            assert value(server, other.url + "/2", client=client, origins=[other.url]) == b"a"
    assert [request.path for request in other.requests] == ["/1", "/2"]
    assert "secret" not in repr(other.requests)


def test_credentials_in_the_url_are_used_for_its_origin() -> None:
    with scripted(lambda _: response(b"a", content_type=OCTETS)) as server:
        store = HttpStore(server.url.replace("//", "//user:secret@") + "/rs/")
        assert b"".join(store.open("1")) + b"".join(store.open(server.url + "/2")) == b"aa"
    assert {request.headers["authorization"] for request in server.requests} == {"Basic dXNlcjpzZWNyZXQ="}


def test_references_have_no_credentials_of_the_url() -> None:
    body = json.dumps([{"7FE00010": {"vr": "OW", "BulkDataURI": "../1"}}]).encode()
    with scripted(lambda _: response(body)) as server:
        [ds] = fetch_datasets(server.url.replace("//", "//user:secret@") + METADATA)
    assert ds[0x7FE00010].bulk_data_uri == server.url + "/studies/1"


def test_a_value_is_bounded() -> None:
    with (
        scripted(lambda _: endless(response(length=10**15, content_type=OCTETS), b"a" * 65536)) as server,
        pytest.raises(LimitError, match="spooled_size"),
    ):
        value(server, limits=Limits(spooled_size=10**6))


def test_a_store_of_a_server_takes_no_values() -> None:
    with pytest.raises(OutputError):
        HttpStore("http://localhost/").put([b"a"], INFO)
