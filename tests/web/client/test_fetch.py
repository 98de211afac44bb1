"""``fetch_datasets`` against scripted servers, conforming (PS3.18) and faulty."""

from __future__ import annotations

import gzip
import json
import time
import tracemalloc
from collections.abc import Iterable, Iterator
from io import BytesIO
from itertools import chain, count, repeat
from typing import Any

import httpx2
import pytest

from streamdicom import InputError, LimitError, Limits, ReadOptions, TruncatedError, iter_datasets, write_events
from streamdicom.errors import ResponseError, TruncatedResult
from streamdicom.web.client import HttpStore, fetch_datasets, fetch_events, paging, retrieve
from tests.support.each import each
from tests.web.client.scripted import (
    DICOM_JSON,
    GZIP,
    METADATA,
    SECRETS,
    Request,
    Reset,
    client_with_secrets,
    dataset,
    endless,
    redirect,
    response,
    scripted,
)

UIDS = [f"1.2.3.{number}" for number in range(7)]
MORE = ("Warning", "299 localhost: There are 3 additional results that can be requested")


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "PAUSES", (0.0, 0.0, 0.0, 0.0))


def document(uids: Iterable[str] = UIDS) -> bytes:
    return json.dumps([dataset(uid) for uid in uids]).encode()


def fetch_uids(url: str, **options: Any) -> list[str]:
    return [str(ds.SOPInstanceUID) for ds in fetch_datasets(url, **options)]


def uids_and_error(datasets: Iterator[Any]) -> tuple[list[str], Exception | None]:
    """Return the UIDs before an error, and the error."""
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


@each("page_size", [1, 2, 3, 6, 7, 8, 1000])
@each("path", ["/studies", "/series", "/instances", "/studies/1.2/series/", "/studies/1/instances"])
def test_search_is_paged_until_an_empty_page(page_size: int, path: str) -> None:
    with scripted(lambda request: response(document(page(request)))) as server:
        assert fetch_uids(server.url + path + "?Modality=CT", page_size=page_size) == UIDS
    offsets = [int(request.query["offset"]) for request in server.requests]
    assert offsets == sorted({*range(0, 7, page_size), 7})
    assert {(request.path, request.query["Modality"]) for request in server.requests} == {(path, "CT")}
    assert {request.headers["accept"] for request in server.requests} == {DICOM_JSON}


def test_search_ends_with_status_204() -> None:
    def script(request: Request) -> list[bytes]:
        found = page(request)
        return response(document(found)) if found else response(status=204)

    with scripted(script) as server:
        assert fetch_uids(server.url + "/studies", page_size=4) == UIDS


@pytest.mark.parametrize("warns", [True, False])
def test_short_page_is_followed_by_another_request(warns: bool) -> None:
    def script(request: Request) -> list[bytes]:
        has_more = int(request.query["offset"]) + 3 < 7
        return response(document(page(request, cap=3)), headers=[MORE] if warns and has_more else [])

    with scripted(script) as server:
        assert fetch_uids(server.url + "/instances") == UIDS
    assert [int(request.query["offset"]) for request in server.requests] == [0, 3, 6, 7]


@each(
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
@each("page_size", [1, 2, 1000])
def test_limit_and_offset_bound_the_whole_search(query: str, expected: list[str], page_size: int) -> None:
    with scripted(lambda request: response(document(page(request)), headers=[MORE])) as server:
        uids, error = uids_and_error(fetch_datasets(f"{server.url}/studies?{query}", page_size=page_size))
    assert uids == expected
    assert (error is None) is (len(expected) == int(dict(parse(query)).get("limit", -1)))
    assert all(list(request.query)[-2:] == ["offset", "limit"] for request in server.requests)


def parse(query: str) -> list[list[str]]:
    return [item.split("=") for item in query.split("&")]


def test_results_beyond_the_limit_are_dropped() -> None:
    with scripted(lambda _: response(document())) as server:
        assert fetch_uids(server.url + "/studies?limit=3") == UIDS[:3]
    assert len(server.requests) == 1


def test_endless_response_ends_at_the_limit() -> None:
    pieces = ((json.dumps(dataset(str(number))) + ",").encode() for number in count())
    with scripted(lambda _: chain([_LONG[0], b"["], pieces)) as server:
        assert fetch_uids(server.url + "/studies?limit=3") == ["0", "1", "2"]


@each("path", ["/studies", "/series", "/instances"])
def test_pages_without_uids_are_not_taken_as_repeated(path: str) -> None:
    keyword = {"/studies": "00080018", "/series": "00080018", "/instances": "0020000D"}[path]

    def script(request: Request) -> list[bytes]:
        return response(json.dumps([{keyword: {"vr": "UI", "Value": ["1.2"]}} for _ in page(request)]).encode())

    with scripted(script) as server:
        assert len(list(fetch_datasets(server.url + path, page_size=2))) == 7


def test_endless_pages_without_uids_are_an_error() -> None:
    def script(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"Content-Type": "application/dicom+json"}, content=iter([b"[{},{}]"]))

    count = 0
    with httpx2.Client(transport=httpx2.MockTransport(script)) as client, pytest.raises(ResponseError, match="UIDs"):
        for _ in fetch_datasets("http://localhost/studies", client=client, page_size=2):
            count += 1
    assert 100 <= count <= 210


@each("query", ["limit=-1", "offset=x", "limit=", "limit=1e3", "limit=%31", "offset=" + "9" * 20])
def test_non_numeric_limit_is_a_value_error(query: str) -> None:
    with pytest.raises(ValueError, match="must be an unsigned integer"):
        fetch_datasets(f"http://localhost/studies?{query}")


def test_other_query_parameters_are_sent_unchanged() -> None:
    seen = []

    def script(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.url.raw_path)
        return httpx2.Response(204)

    url = "http://localhost/studies?PatientName=M%C3%BCller%5E*&includefield=00100010&includefield=all&limit=9"
    with httpx2.Client(transport=httpx2.MockTransport(script)) as client:
        assert list(fetch_datasets(url, client=client)) == []
    expected = b"/studies?PatientName=M%C3%BCller%5E*&includefield=00100010&includefield=all&offset=0&limit=9"
    assert seen == [expected]


# --- truncation ------------------------------------------------------------------------------------------------


@each("last", [response(status=204), response(b"[]"), response(b"[]", headers=[MORE])])
def test_announced_results_that_are_missing_are_a_truncated_result(last: list[bytes]) -> None:
    def script(request: Request) -> list[bytes]:
        return last if request.query["offset"] == "7" else response(document(page(request)), headers=[MORE])

    with scripted(script) as server:
        uids, error = uids_and_error(fetch_datasets(server.url + "/studies", page_size=4))
    assert uids == UIDS
    assert isinstance(error, TruncatedResult)


@each(
    "warning",
    [
        "299 localhost: The number of results exceeded the maximum supported by the server.",
        '299 - "There are 3, or more, additional results"',
        "199 - something, 299 localhost more",
    ],
)
def test_metadata_with_warning_299_is_a_truncated_result(warning: str) -> None:
    with scripted(lambda _: response(document(), headers=[("Warning", warning)])) as server:
        uids, error = uids_and_error(fetch_datasets(server.url + METADATA))
    assert uids == UIDS
    assert isinstance(error, TruncatedResult)


def test_status_206_is_a_truncated_result() -> None:
    with scripted(lambda _: response(document(), status=206)) as server:
        uids, error = uids_and_error(fetch_datasets(server.url + METADATA))
    assert uids == UIDS
    assert isinstance(error, TruncatedResult)


@each(
    "warning",
    ["299 localhost: The fuzzymatching parameter is not supported. Only literal matching.", "199 - 299", "110 - stale"],
)
def test_other_warnings_are_ignored(warning: str) -> None:
    with scripted(lambda _: response(document(), headers=[("Warning", warning)])) as server:
        assert fetch_uids(server.url + METADATA) == UIDS


def test_server_that_ignores_offset_and_limit_returns_all_results_once() -> None:
    with scripted(lambda _: response(document())) as server:
        assert fetch_uids(server.url + "/studies") == UIDS
        assert fetch_uids(server.url + "/studies", page_size=3) == UIDS
    assert len(server.requests) == 4


@pytest.mark.parametrize("headers", [[], [MORE]])
def test_server_that_ignores_only_the_offset_is_a_truncated_result(headers: list[tuple[str, str]]) -> None:
    with scripted(lambda request: response(document(UIDS[: int(request.query["limit"])]), headers=headers)) as server:
        uids, error = uids_and_error(fetch_datasets(server.url + "/studies", page_size=3))
    assert uids == UIDS[:3]
    assert isinstance(error, TruncatedResult)


# --- lost connections ------------------------------------------------------------------------------------------


def search_or_all(request: Request) -> bytes:
    uids = page(request) if "offset" in request.query else UIDS
    return document(uids)


def broken_once(at: int, *, chunked: bool, reset: bool) -> Any:
    """Return a script that breaks off the first response at an offset."""
    is_first = repeat(False)
    state = iter([True])

    def script(request: Request) -> Iterator[bytes]:
        data = b"".join(response(search_or_all(request), chunked=chunked))
        if next(state, next(is_first)):
            yield data[:at]
            if reset:
                time.sleep(0.01)  # let the bytes arrive before the reset
                raise Reset
        else:
            yield data

    return script


_HEAD, _BODY = response(document())
_CHUNKED_HEAD, _CHUNKED_BODY = response(document(), chunked=True)


@each("path", [METADATA, "/instances"])
@each("at", [*range(0, len(_BODY), 23), len(_BODY) - 1])
def test_lost_connection_resumes_without_duplicates(path: str, at: int) -> None:
    with scripted(broken_once(len(_HEAD) + at, chunked=False, reset=False)) as server:
        assert fetch_uids(server.url + path) == UIDS
    # If only the end of the body is missing, the resumed page is empty and ends the search.
    assert len(server.requests) == (3 if path == "/instances" and at < len(_BODY) - 1 else 2)


@each("path", [METADATA, "/instances"])
@each("at", [*range(0, len(_CHUNKED_BODY), 53), len(_CHUNKED_BODY) - 1])
@each("reset", [False, True])
def test_lost_chunked_connection_resumes_without_duplicates(path: str, at: int, reset: bool) -> None:
    with scripted(broken_once(len(_CHUNKED_HEAD) + at, chunked=True, reset=reset)) as server:
        uids, error = uids_and_error(fetch_datasets(server.url + path))
    if error is None:
        assert uids == UIDS
    else:  # a reset may also discard the head
        assert reset
        assert isinstance(error, ConnectionError)


@each("at", [0, 1, 20, len(_HEAD) - 1])
def test_connection_lost_before_the_first_response_is_not_retried(at: int) -> None:
    with scripted(broken_once(at, chunked=False, reset=False)) as server, pytest.raises(ConnectionError):
        fetch_uids(server.url + METADATA)
    assert len(server.requests) == 1


def test_resuming_counts_data_sets_that_are_filtered_out() -> None:
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

        def script(request: Request, parts: Iterator[float] = parts) -> Iterator[bytes]:
            start = int(request.query.get("offset", 0))
            data = b"".join(response(json.dumps(json.loads(body)[start:]).encode()))
            yield data[: int(len(data) * next(parts))]

        with scripted(script) as server:
            found = list(fetch_datasets(server.url + path, options=options))
        assert [sorted(ds.dir()) for ds in found] == [["Modality", "StudyInstanceUID"]] * 3
        assert [ds.Modality for ds in found] == ["MR"] * 3


@each(
    "other",
    [["9.9", *UIDS[1:]], [UIDS[1], UIDS[0], *UIDS[2:]], UIDS[:2], [], [UIDS[0], *UIDS]],
    ids=["another UID", "another order", "fewer", "none", "more at the start"],
)
def test_changed_response_after_lost_connection_is_an_error(other: list[str]) -> None:
    responses = iter(
        [b"".join(response(document()))[: len(_HEAD) + len(_BODY) * 5 // 7], b"".join(response(document(other)))]
    )
    with scripted(lambda _: [next(responses)]) as server:
        uids, error = uids_and_error(fetch_datasets(server.url + METADATA))
    assert uids == UIDS[:5]
    assert isinstance(error, ResponseError)
    assert "other data sets" in str(error)


def test_response_that_grew_at_its_end_is_resumed() -> None:
    responses = iter([b"".join(response(document()))[:-9], b"".join(response(document([*UIDS, "9.9"])))])
    with scripted(lambda _: [next(responses)]) as server:
        assert fetch_uids(server.url + METADATA) == [*UIDS, "9.9"]


@pytest.mark.parametrize("path", [METADATA, "/instances"])
def test_retries_are_limited(path: str) -> None:
    with scripted(lambda request: [b"".join(response(search_or_all(request)))[: len(_HEAD) + 200]]) as server:
        uids, error = uids_and_error(fetch_datasets(server.url + path))
    assert isinstance(error, TruncatedError)
    assert uids == UIDS[: len(uids)]
    assert len(server.requests) == 5


def test_gateway_error_after_a_response_is_retried() -> None:
    responses = iter([response(document())[:1], response(status=503), response(status=502), response(document())])
    with scripted(lambda _: next(responses)) as server:
        assert fetch_uids(server.url + METADATA) == UIDS


@each("length", [0, 2, 100, len(_BODY) - 1, len(_BODY) + 1, 10**12])
def test_wrong_content_length_is_a_truncated_response(length: int) -> None:
    with scripted(lambda _: response(document(), length=length)) as server:
        uids, error = uids_and_error(fetch_datasets(server.url + METADATA))
    assert isinstance(error, TruncatedError)
    assert uids == UIDS[: len(uids)]
    assert len(server.requests) == 5


# --- errors ----------------------------------------------------------------------------------------------------


@each("status", [201, 304, 400, 401, 403, 404, 406, 413, 500, 503, 599])
@each("path", [METADATA, "/studies"])
def test_error_status_is_a_response_error(status: int, path: str) -> None:
    with (
        scripted(lambda _: response(b"[]" if status != 304 else b"", status=status)) as server,
        pytest.raises(ResponseError, match=str(status)) as caught,
    ):
        fetch_uids(server.url + path)
    assert caught.value.status == status
    assert len(server.requests) == 1


@each("path", [METADATA, "/studies", "/studies/1.2", "/studies/1.2/series/3/instances/4/frames/1"])
def test_reason_of_the_server_is_one_plain_line(path: str) -> None:
    text = b"\nthe folder cannot be \x1b[2Jread:\r\n  no such file \xff" + b"x" * 100_000
    for content_type, is_shown in (("text/plain; charset=utf-8", True), ("application/dicom+json", False)):
        with (
            scripted(lambda _, kind=content_type: response(text, status=507, content_type=kind)) as server,
            pytest.raises(ResponseError, match="507 Insufficient Storage") as caught,
        ):
            list(retrieve(server.url + path) if path.count("/") in (2, 8) else fetch_datasets(server.url + path))
        message = caught.value.message
        assert ("the folder cannot be [2Jread: no such file \ufffdxxx" in message) is is_shown
        assert message.isprintable()
        assert len(message) < 300


@each(
    "content_type",
    ["", "text/html", "application/dicom+xml", "multipart/related; type=application/dicom+json", "x" * 5000,
     "application/dicom+json; charset=latin-1"],
)  # fmt: skip
def test_other_media_type_is_an_error(content_type: str) -> None:
    with (
        scripted(lambda _: response(document(), content_type=content_type)) as server,
        pytest.raises(ResponseError),
    ):
        fetch_uids(server.url + METADATA)


@pytest.mark.parametrize("content_type", ["application/json", "Application/DICOM+JSON; charset=UTF-8"])
def test_json_media_types_are_accepted(content_type: str) -> None:
    with scripted(lambda _: response(document(), content_type=content_type)) as server:
        assert fetch_uids(server.url + METADATA) == UIDS


def test_status_204_yields_no_data_sets() -> None:
    with scripted(lambda _: response(status=204)) as server:
        assert fetch_uids(server.url + METADATA) == []


def test_malformed_json_delivers_the_data_sets_before_it() -> None:
    with scripted(lambda _: response(document()[:-1] + b", {} {}]")) as server:
        uids, error = uids_and_error(
            fetch_datasets(server.url + METADATA, options=ReadOptions(where={"Modality": "CT"}))
        )
    assert uids == UIDS
    assert isinstance(error, InputError)
    assert len(server.requests) == 1


@each(
    "url",
    ["", "/studies", "ftp://localhost/studies", "file:///etc/passwd", "http://", "http://a" + "b" * 9000],
)
def test_other_url_than_http_is_a_value_error_at_the_call(url: str) -> None:
    with pytest.raises(ValueError, match="absolute URL"):
        fetch_datasets(url)
    with pytest.raises(ValueError, match="absolute URL"):
        HttpStore(url)
    with pytest.raises(ValueError, match="absolute URL"):
        fetch_datasets("http://localhost/studies", origins=[url])


def test_unreachable_server_is_a_connection_error() -> None:
    with scripted(lambda _: []) as server:
        pass
    with pytest.raises(ConnectionError):
        fetch_uids(server.url + METADATA)


# --- endless responses ------------------------------------------------------------------------------------------


def peak_of(datasets: Iterator[Any], count: int) -> tuple[int, Exception | None]:
    """Return the peak memory of reading a number of data sets, and the error if any."""
    list(iter_datasets(document()))  # exclude imports
    tracemalloc.start()
    error = None
    try:
        for _, _ in zip(range(count), datasets, strict=False):
            pass
    except (InputError, OSError) as caught:
        error = caught
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak, error


_LONG = response(length=10**15)


@pytest.mark.slow
def test_endless_white_space_is_an_error() -> None:
    with scripted(lambda _: endless(_LONG, b"[", b" " * 65536)) as server:
        peak, error = peak_of(fetch_datasets(server.url + METADATA), 1)
    assert isinstance(error, ResponseError)
    assert peak < 8 * 1024 * 1024


@pytest.mark.memory
@pytest.mark.slow
def test_memory_does_not_grow_with_endless_data_sets() -> None:
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


@pytest.mark.slow
def test_silent_server_is_a_timeout_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def script(_: Request) -> Iterator[bytes]:
        time.sleep(0.5)
        yield b""

    with scripted(script) as server, httpx2.Client(timeout=0.1) as client, pytest.raises(TimeoutError):
        fetch_uids(server.url + METADATA, client=client)


@pytest.mark.slow
def test_server_that_falls_silent_within_a_response_is_retried() -> None:
    def script(_: Request) -> Iterator[bytes]:
        head, body = response(document())
        yield head + body[: len(body) // 2]
        time.sleep(0.3)

    with scripted(script) as server, httpx2.Client(timeout=0.05) as client:
        uids, error = uids_and_error(fetch_datasets(server.url + METADATA, client=client))
    assert uids == UIDS[:3]
    assert isinstance(error, TruncatedError)
    assert len(server.requests) == 5


def test_slow_white_space_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "_MAX_IDLE_SECONDS", 0.2)

    def script(_: Request) -> Iterator[bytes]:
        yield response(length=10**6)[0] + b"["
        for _ in range(200):
            time.sleep(0.02)
            yield b" "

    start = time.monotonic()
    with scripted(script) as server, pytest.raises(ResponseError, match="no data in the response"):
        fetch_uids(server.url + METADATA)
    assert time.monotonic() - start < 8


# --- compression -----------------------------------------------------------------------------------------------


def test_gzip_response_is_decompressed() -> None:
    with scripted(lambda _: response(gzip.compress(document()), headers=[GZIP])) as server:
        assert fetch_uids(server.url + METADATA) == UIDS
    assert server.requests[0].headers["accept-encoding"] == "gzip"


def test_truncated_gzip_response_is_retried() -> None:
    whole = gzip.compress(document())
    responses = iter([response(whole[:-9], headers=[GZIP]), response(whole, headers=[GZIP])])
    with scripted(lambda _: next(responses)) as server:
        assert fetch_uids(server.url + METADATA) == UIDS


def test_expansion_ratio_of_response_is_limited() -> None:
    text = b"[" + (document()[1:-1] + b",") * (3 * 1024 * 1024 // len(document()))  # the first MiB is free
    with (
        scripted(lambda _: response(gzip.compress(text), headers=[GZIP])) as server,
        pytest.raises(LimitError, match="max_expansion_ratio"),
    ):
        fetch_uids(server.url + METADATA, options=ReadOptions(limits=Limits(max_expansion_ratio=5)))


def test_other_content_encoding_is_an_error() -> None:
    with (
        scripted(lambda _: response(document(), headers=[("Content-Encoding", "br")])) as server,
        pytest.raises(ResponseError, match="Content-Encoding"),
    ):
        fetch_uids(server.url + METADATA)


# --- redirects and credentials ---------------------------------------------------------------------------------


@each("status", [301, 302, 303, 307, 308])
def test_redirect_within_the_origin_keeps_credentials(status: int) -> None:
    def script(request: Request) -> list[bytes]:
        return redirect("/other/metadata", status) if request.path == METADATA else response(document())

    with scripted(script) as server, client_with_secrets(server) as client:
        assert fetch_uids(server.url + METADATA, client=client) == UIDS
    assert [request.path for request in server.requests] == [METADATA, "/other/metadata"]
    assert all(request.headers.keys() >= SECRETS for request in server.requests)


def test_redirect_to_another_origin_is_an_error() -> None:
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
                pytest.raises(ResponseError, match="a redirect is not followed"),
            ):
                fetch_uids(server.url + METADATA, client=client)
    assert other.requests == []


def test_named_origin_receives_no_credentials() -> None:
    with (
        scripted(lambda _: response(document())) as other,
        scripted(lambda _: redirect(other.url + "/x/metadata")) as server,
        client_with_secrets(server) as client,
    ):
        assert fetch_uids(server.url + METADATA, client=client, origins=[other.url]) == UIDS
        url = server.url.replace("//", "//user:secret@") + METADATA
        assert fetch_uids(url, origins=[other.url]) == UIDS
    assert all(request.headers.keys() >= {"authorization"} for request in server.requests)
    for request in other.requests:
        assert not request.headers.keys() & SECRETS
        assert "secret" not in repr(request)
    assert len(other.requests) == 2


def test_endless_redirects_are_an_error() -> None:
    with (
        scripted(lambda request: redirect(request.path + "x")) as server,
        pytest.raises(ResponseError, match="more than 5 redirects"),
    ):
        fetch_uids(server.url + METADATA)
    assert len(server.requests) == 6


def test_redirect_with_credentials_is_not_followed() -> None:
    with (
        scripted(lambda _: redirect(server.url.replace("//", "//a:b@") + "/x")) as server,
        pytest.raises(ResponseError, match="credentials"),
    ):
        fetch_uids(server.url + METADATA)
    assert len(server.requests) == 1


# --- events ----------------------------------------------------------------------------------------------------

_ITEMS = {"00081199": {"vr": "SQ", "Value": [{"00080018": {"vr": "UI", "Value": ["9.9"]}}, {}]}}
_REFERENCE = {"7FE00010": {"vr": "OW", "BulkDataURI": "bulk/1"}}


def written(url: str, **options: Any) -> list[Any]:
    """Write the events, by the engine if there is one; return the data sets."""
    target = BytesIO()
    write_events(fetch_events(url, **options), target)
    found: list[Any] = json.loads(target.getvalue())
    return found


@each("path", ["/studies/1/instances", METADATA])
@each("at", range(0, 1400, 45))
def test_events_do_not_depend_on_a_lost_connection(path: str, at: int) -> None:
    datasets = [dict(sorted(dataset(uid, **_ITEMS, **_REFERENCE).items())) for uid in UIDS]

    def script(request: Request) -> list[bytes]:
        offset = int(request.query.get("offset", 0))
        body = json.dumps(datasets[offset:]).encode()
        is_lost = not server.requests[1:]
        return response(body[:at] if is_lost else body, length=len(body))

    with scripted(script) as server:
        found = written(server.url + path)
        reference = f"{server.url}{path.rpartition('/')[0]}/bulk/1"
    assert found == [one | {"7FE00010": {"vr": "OW", "BulkDataURI": reference}} for one in datasets]


def test_events_are_numbered_through_all_pages() -> None:
    with scripted(lambda request: response(document(page(request)))) as server:
        events = fetch_events(server.url + "/instances", page_size=3)
        assert [value for kind, _, _, value in events if kind == 1] == list(range(7))


def test_filtered_events_are_those_of_data_sets() -> None:
    options = ReadOptions(where={"SOPInstanceUID": UIDS[3]}, include=["Modality"])
    with scripted(lambda _: response(document())) as server:
        assert written(server.url + METADATA, options=options) == [{"00080060": {"vr": "CS", "Value": ["CT"]}}]


def test_a_lost_connection_within_a_long_data_set_is_an_error() -> None:
    body = json.dumps([dataset("1.2", **{"7FE00010": {"vr": "OB", "InlineBinary": "AAAA" * 50_000}})]).encode()
    options = ReadOptions(spool_threshold=64 * 1024)
    with scripted(lambda _: response(body[:150_000], length=len(body))) as server, pytest.raises(TruncatedError):
        written(server.url + METADATA, options=options)
    assert len(server.requests) == 1
    with scripted(lambda _: response(body)) as server:
        assert written(server.url + METADATA, options=options) == json.loads(body)
