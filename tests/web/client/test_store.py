"""``HttpStore`` against scripted servers, conforming (PS3.18) and faulty."""

from __future__ import annotations

import contextlib
import gzip
import json
from typing import Any

import pytest

from streamdicom import BulkDataError, InputError, LimitError, Limits, OutputError, ReadOptions
from streamdicom.bulkdata import BulkDataInfo
from streamdicom.web.client import HttpStore, fetch_datasets
from tests.support.each import each
from tests.web.client.scripted import (
    GZIP,
    METADATA,
    SECRETS,
    Request,
    Scripted,
    client_with_secrets,
    dataset,
    endless,
    redirect,
    response,
    scripted,
)

OCTETS = "application/octet-stream"
RELATED = 'multipart/related; type="application/octet-stream"; boundary=b'
INFO = BulkDataInfo(0, "7FE00010", 0x7FE00010, "OW")


def parts(*bodies: bytes, content_type: str = OCTETS) -> bytes:
    return (
        b"".join(b"--b\r\nContent-Type: %b\r\n\r\n%b\r\n" % (content_type.encode(), one) for one in bodies) + b"--b--"
    )


def value(server: Scripted, uri: str = "bulk/1", **options: Any) -> bytes:
    return b"".join(HttpStore(server.url + "/rs/studies", **options).open(uri))


def test_relative_reference_is_made_absolute_and_fetch_uids() -> None:
    references = {"7FE00010": {"vr": "OW", "BulkDataURI": "../bulk/1"}, "00400010": {"vr": "UC", "BulkDataURI": "/b/2"}}
    nested = dataset("1.2.3", **{"00081140": {"vr": "SQ", "Value": [references]}}, **references)

    def script(request: Request) -> list[bytes]:
        if request.path == METADATA:
            return redirect("/other/study/metadata")
        if request.path == "/other/study/metadata":
            return response(json.dumps([nested]).encode())
        return response(parts(request.path.encode()), content_type=RELATED)

    with scripted(script) as server, client_with_secrets(server) as client:
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
def test_value_is_the_body_or_its_only_part(data: bytes, chunked: bool) -> None:
    with scripted(lambda _: response(data, content_type=OCTETS, chunked=chunked)) as server:
        assert value(server) == data
    body = parts(data)
    if b"--b" not in data:
        with scripted(lambda _: response(body, content_type=RELATED, chunked=chunked)) as server:
            assert value(server) == data
    assert server.requests[0].path == "/rs/bulk/1"
    assert server.requests[0].headers["accept"].startswith('multipart/related; type="application/octet-stream"')


def test_gzip_value_is_decompressed() -> None:
    with scripted(lambda _: response(gzip.compress(b"ab" * 1000), content_type=OCTETS, headers=[GZIP])) as server:
        assert value(server) == b"ab" * 1000


@each(
    "script",
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
def test_response_that_is_not_exactly_one_value_is_an_error(script: list[bytes]) -> None:
    with scripted(lambda _: script) as server, pytest.raises(InputError):
        value(server)


@pytest.mark.slow
@pytest.mark.parametrize("chunked", [True, False])
def test_truncated_value_is_an_error(chunked: bool) -> None:
    head, body = response(b"ab" * 100, content_type=OCTETS, chunked=chunked)
    for at in range(0, len(head) + len(body), 17):
        with (
            scripted(lambda _, at=at: [(head + body)[:at]]) as server,
            pytest.raises(OSError, match="was lost"),
        ):
            value(server)


@each(
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
def test_reference_to_another_origin_is_not_followed(uri: str) -> None:
    with scripted(lambda _: response(b"a", content_type="text/html")) as server, pytest.raises(BulkDataError):
        value(server, uri.format(port=server.port))
    # A reference that is a path after all is requested from the server itself.
    assert all("127.0.0.1:1" in request.path for request in server.requests)


def test_reference_cannot_inject_headers() -> None:
    with scripted(lambda _: response(b"a", content_type=OCTETS)) as server:
        for uri in ("/a\r\nX-Evil: 1", "/a HTTP/1.1\r\nX-Evil: 1\r\n\r\n", "/a\0", "/\u20ac"):
            with contextlib.suppress(BulkDataError):
                value(server, uri)
    assert all("x-evil" not in request.headers for request in server.requests)


def test_redirect_of_a_value_to_another_origin_is_not_followed() -> None:
    with scripted(lambda _: response(b"a", content_type=OCTETS)) as other:
        with scripted(lambda _: redirect(other.url + "/1")) as server, pytest.raises(BulkDataError, match="redirect"):
            value(server)
        assert other.requests == []
        with client_with_secrets(server) as client, scripted(lambda _: redirect(other.url + "/1")) as server:
            assert value(server, client=client, origins=[other.url]) == b"a"
            assert value(server, other.url + "/2", client=client, origins=[other.url]) == b"a"
    assert [request.path for request in other.requests] == ["/1", "/2"]
    assert "secret" not in repr(other.requests)


def test_credentials_of_the_url_are_sent_to_its_origin() -> None:
    with scripted(lambda _: response(b"a", content_type=OCTETS)) as server:
        store = HttpStore(server.url.replace("//", "//user:secret@") + "/rs/")
        assert b"".join(store.open("1")) + b"".join(store.open(server.url + "/2")) == b"aa"
    assert {request.headers["authorization"] for request in server.requests} == {"Basic dXNlcjpzZWNyZXQ="}


def test_references_do_not_contain_credentials_of_the_url() -> None:
    body = json.dumps([{"7FE00010": {"vr": "OW", "BulkDataURI": "../1"}}]).encode()
    with scripted(lambda _: response(body)) as server:
        [ds] = fetch_datasets(server.url.replace("//", "//user:secret@") + METADATA)
    assert ds[0x7FE00010].bulk_data_uri == server.url + "/studies/1"


def test_size_of_a_value_is_limited() -> None:
    with (
        scripted(lambda _: endless(response(length=10**15, content_type=OCTETS), b"a" * 65536)) as server,
        pytest.raises(LimitError, match="spooled_size"),
    ):
        value(server, limits=Limits(spooled_size=10**6))


def test_store_is_read_only() -> None:
    with pytest.raises(OutputError):
        HttpStore("http://localhost/").put([b"a"], INFO)
