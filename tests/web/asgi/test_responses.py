"""Responses of a real server to real clients; some are slow, some leave."""

from __future__ import annotations

import asyncio
import json
import socket
import time
import zlib
from collections.abc import AsyncIterator, Callable, Iterator, MutableMapping
from contextlib import closing
from email import message_from_bytes
from email.message import Message
from typing import Any, NoReturn
from xml.etree import ElementTree

import httpx2
import pytest
import zstandard
from dicomweb_client import DICOMwebClient
from pydicom import Dataset

from streamdicom.web.asgi.responses import DicomJSONResponse
from tests.web.asgi.samples import dataset
from tests.web.client.server import Server, serving

_MIB = 1024 * 1024
_KINDS = ("sync", "async")


def _expected(count: int) -> list[dict[str, object]]:
    return [
        {
            "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Doe^Jane"}]},
            "00100020": {"vr": "LO", "Value": [f"{number:06}"]},
        }
        for number in range(count)
    ]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving("tests.web.asgi.responding:app") as running:
        yield running


def _get(server: Server, path: str, **headers: str) -> httpx2.Response:
    return httpx2.get(server.url + path, headers=headers, timeout=60)


def _seen(server: Server, what: str) -> int:
    return _get(server, "/state").json().get(what, 0)


def _wait_until(condition: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def _asking(server: Server, path: str, *headers: str, body: str = "") -> socket.socket:
    """Open a socket and send a request."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.settimeout(30)
    client.connect(("127.0.0.1", server.port))
    method = "POST" if body else "GET"
    lines = [f"{method} {path} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", *headers, "", body]
    client.sendall("\r\n".join(lines).encode())
    return client


def _chunks(client: socket.socket) -> Iterator[bytes]:
    """Yield the chunks of a response (RFC 9112, section 7.1) until it ends or breaks."""
    received = bytearray()

    def take(length: int) -> bytes:
        while len(received) < length:
            received.extend(client.recv(65_536) or pytest.fail("the connection was closed"))
        taken = bytes(received[:length])
        del received[:length]
        return taken

    def line(end: bytes) -> bytes:
        while end not in received:
            received.extend(client.recv(65_536) or pytest.fail("the connection was closed"))
        return take(received.index(end) + len(end))

    line(b"\r\n\r\n")
    while size := int(line(b"\r\n"), 16):
        yield take(size + 2)[:-2]


# --- content ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", _KINDS)
@pytest.mark.parametrize("count", [1, 3, 5000])
@pytest.mark.slow
def test_iterable_becomes_an_array(server: Server, kind: str, count: int) -> None:
    response = _get(server, f"/{kind}/studies?count={count}")
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/dicom+json"
    assert response.json() == _expected(count)


@pytest.mark.slow
def test_single_data_set_becomes_an_object(server: Server) -> None:
    response = _get(server, "/form/json?one=1")
    assert response.status_code == 202
    assert response.json()["00100020"]["Value"] == ["000017"]


@pytest.mark.slow
def test_iterable_of_events_becomes_the_same_data_sets(server: Server) -> None:
    """In XML, a part for each data set; long values are cut into several batches."""
    for query in ("", "&async=1"):
        assert _get(server, f"/events?count=100{query}").json() == _expected(100)
        [one] = _get(server, f"/events?count=1&filling=3000000{query}").json()
        assert len(one["00204000"]["Value"][0]) == 3_000_000
        parts = _parts(_get(server, f"/events?count=3{query}", accept="application/dicom+xml"))
        expected = _parts(_get(server, "/studies", accept="application/dicom+xml"))
        assert [part.get_payload() for part in parts] == [part.get_payload() for part in expected]
        assert _get(server, f"/events?count=0{query}").status_code == 204


def test_events_without_the_end_of_a_data_set_break_the_response(server: Server) -> None:
    for accept in ("application/dicom+json", "application/dicom+xml"):
        for query in ("", "&async=1"):
            with pytest.raises(httpx2.RemoteProtocolError, match="incomplete chunked read"):
                _get(server, f"/events?count=3&cut=1{query}", accept=accept)


@pytest.mark.parametrize("kind", _KINDS)
def test_response_without_data_sets_has_no_content(server: Server, kind: str) -> None:
    response = _get(server, f"/{kind}/studies?count=0")
    assert response.status_code == 204
    assert response.content == b""
    assert "content-type" not in response.headers
    assert response.headers["x-page"] == "1"


def test_other_status_stays_without_data_sets(server: Server) -> None:
    response = _get(server, "/form/json?count=0&status=409")
    assert response.status_code == 409
    assert response.content == b""


@pytest.mark.slow
def test_body_is_sent_in_blocks_of_about_64_kib(server: Server) -> None:
    for kind in _KINDS:
        with closing(_asking(server, f"/{kind}/studies?count=20000")) as client:
            sizes = [len(chunk) for chunk in _chunks(client)]
        assert max(sizes) < 80 * 1024
        assert sum(sizes) / len(sizes) > 32 * 1024


def test_long_value_is_sent_in_blocks(server: Server) -> None:
    for kind in _KINDS:
        with closing(_asking(server, f"/{kind}/studies?count=2&filling=5000000")) as client:
            chunks = list(_chunks(client))
        assert [len(one["00204000"]["Value"][0]) for one in json.loads(b"".join(chunks))] == [5_000_000] * 2
        assert len(chunks) > 2


def test_head_sends_headers_and_draws_one_data_set(server: Server) -> None:
    drawn, closed = _seen(server, "drawn"), _seen(server, "closed")
    for kind in _KINDS:
        response = httpx2.head(f"{server.url}/forever/{kind}")
        assert response.status_code == 200
        assert response.headers["content-type"] == "application/dicom+json"
    assert _seen(server, "drawn") == drawn + 2
    _wait_until(lambda: _seen(server, "closed") == closed + 2)


def test_background_task_runs_at_the_end(server: Server) -> None:
    ran = _seen(server, "background")
    assert len(_get(server, "/ending").json()) == 3
    _wait_until(lambda: _seen(server, "background") == ran + 1)


# --- format --------------------------------------------------------------------------------------------------


def test_request_decides_the_format(server: Server) -> None:
    for path, accept, content_type in [
        ("/studies", "application/json", "application/json"),
        ("/studies", "*/*", "application/dicom+json"),
        ("/studies?accept=application/json", "application/dicom+json", "application/json"),
        ("/studies?accept=application/dicom+json", "application/json", "application/dicom+json"),
        ("/studies?accept=application/dicom%2Bjson", "application/json", "application/dicom+json"),
        ("/studies?accept=image/png&accept=application/json", "*/*", "application/json"),
    ]:
        response = _get(server, path, accept=accept)
        assert response.headers["content-type"] == content_type
        assert response.headers["vary"] == "Accept"
        assert response.json() == _expected(3)


def test_several_headers_are_one_list(server: Server) -> None:
    headers = [("accept", "text/html"), ("accept", "image/png, application/json;q=0.5")]
    assert httpx2.get(f"{server.url}/studies", headers=headers).headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("path", "accept"),
    [
        ("/studies", 'multipart/related; type="application/dicom+xml"'),
        ("/studies", "multipart/related;type=application/dicom+xml, application/json;q=0.9"),
        ("/async/studies", "multipart/*"),
        ("/studies?accept=multipart/related;type=%22application/dicom%2Bxml%22", "*/*"),
        ("/studies?accept=multipart/related;type=application/dicom+xml", "*/*"),
        ("/form/xml", "*/*"),
    ],
)
def test_in_xml_each_data_set_is_a_part(server: Server, path: str, accept: str) -> None:
    parts = _parts(_get(server, path, accept=accept))
    assert [_patient_id(part) for part in parts] == ["000000", "000001", "000002"]


def test_one_data_set_is_one_part_in_xml(server: Server) -> None:
    [part] = _parts(_get(server, "/form/xml?one=1"))
    assert _patient_id(part) == "000017"


def _parts(response: httpx2.Response) -> list[Message]:
    assert response.status_code in (200, 202)
    content_type = response.headers["content-type"]
    message = message_from_bytes(f"Content-Type: {content_type}\r\n\r\n".encode() + response.content)
    assert not message.defects
    assert message.get_content_type() == "multipart/related"
    assert message.get_param("type") == "application/dicom+xml"
    parts = message.get_payload()
    assert isinstance(parts, list)
    return parts


def _patient_id(part: Message) -> str | None:
    assert part.get_content_type() == "application/dicom+xml"
    root = ElementTree.fromstring(part.get_payload(decode=True))
    return root.findtext("{*}DicomAttribute[@tag='00100020']/{*}Value")


def test_unacceptable_request_is_answered_with_the_offers(server: Server) -> None:
    response = _get(server, "/studies", accept="image/secret")
    assert response.status_code == 406
    assert response.headers["content-type"].startswith("text/plain")
    assert "application/dicom+json, application/json, multipart/related" in response.text
    assert "secret" not in response.text


def test_application_adds_its_own_format(server: Server) -> None:
    assert _get(server, "/custom", accept="*/*").text == "000000\n000001\n000002\nend\n"
    assert _get(server, "/custom", accept="application/dicom+json").status_code == 406


# --- errors ----------------------------------------------------------------------------------------------------


def test_error_before_the_first_data_set_has_its_status(server: Server) -> None:
    response = _get(server, "/failure/found/0")
    assert (response.status_code, response.text) == (404, "no such study")
    assert _get(server, "/failure/server/0").status_code == 500
    assert _get(server, "/failure/stored/0").status_code == 500  # not the fault of a client without a body
    assert _get(server, "/unwritable").status_code == 500


@pytest.mark.parametrize("error", ["found", "server"])
@pytest.mark.parametrize("after", [1, 3, 5000])
@pytest.mark.slow
def test_later_error_breaks_the_connection_and_leaves_the_array_open(server: Server, error: str, after: int) -> None:
    body = b""
    with (
        pytest.raises(httpx2.RemoteProtocolError, match="incomplete chunked read"),
        httpx2.stream("GET", f"{server.url}/failure/{error}/{after}") as response,
    ):
        assert response.status_code == 200
        for chunk in response.iter_raw():
            body += chunk
    assert not body.endswith(b"]")
    assert _get(server, "/studies").status_code == 200


@pytest.mark.parametrize(
    ("body", "status", "place"),
    [
        (b'{"00100020": {"vr": "LO", "Value": ["secret"', 400, "byte 44"),
        (b'{"00100020": {"vr": "LO", "Value": ["secret" 1]}}', 400, "byte"),
        (b'{"00080020": {"vr": "DA", "Value": [19]}}', 400, "[0].00080020"),
        (b'{"00081140": {"vr": "SQ", "Value": [' * 300, 413, "Limits.depth"),
    ],
)
def test_fault_in_a_request_is_answered_with_its_place(server: Server, body: bytes, status: int, place: str) -> None:
    response = httpx2.post(f"{server.url}/wrong", content=body)
    assert response.status_code == status
    assert place in response.text
    assert "secret" not in response.text


def test_later_error_leaves_the_last_part_of_xml_open(server: Server) -> None:
    body = b""
    with (
        pytest.raises(httpx2.RemoteProtocolError, match="incomplete chunked read"),
        httpx2.stream("GET", f"{server.url}/failure/server/3?form=xml") as response,
    ):
        boundary = response.headers["content-type"].split("boundary=")[1]
        for chunk in response.iter_raw():
            body += chunk
    assert f"--{boundary}--".encode() not in body


@pytest.mark.parametrize("kind", _KINDS)
def test_departed_client_raises_no_error_in_the_server(kind: str) -> None:
    """Since ASGI 2.4, ``send`` raises OSError then; uvicorn does not."""
    closed = []

    def endless() -> Iterator[Dataset]:
        try:
            while True:
                yield dataset(0)
        finally:
            closed.append(True)

    async def endless_async() -> AsyncIterator[Dataset]:
        with closing(endless()) as datasets:
            for one in datasets:
                yield one

    async def respond(response: DicomJSONResponse) -> None:
        async def receive() -> NoReturn:
            await asyncio.Event().wait()
            raise AssertionError

        async def send(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.body":
                raise OSError("the client has left")

        await response({"type": "http", "method": "GET", "headers": []}, receive, send)

    asyncio.run(respond(DicomJSONResponse(endless() if kind == "sync" else endless_async())))
    assert closed == [True]


# --- slow producers, slow clients, clients that leave -----------------------------------------------------------


@pytest.mark.parametrize("kind", _KINDS)
@pytest.mark.slow
def test_data_set_arrives_while_the_producer_waits_for_the_next(server: Server, kind: str) -> None:
    drawn, closed = _seen(server, "drawn"), _seen(server, "closed")
    with closing(_asking(server, f"/forever/{kind}?pause=2")) as client:
        chunks = _chunks(client)
        for number in range(2):
            text = b""
            while not text.endswith(b"}}"):
                text += next(chunks)
            assert json.loads(text.strip(b"[,"))["00100020"]["Value"] == [f"{number:06}"]
            assert _seen(server, "drawn") == drawn + number + 1
    _wait_until(lambda: _seen(server, "closed") == closed + 1)


@pytest.mark.parametrize("kind", _KINDS)
@pytest.mark.parametrize("pause", [0, 0.1])
@pytest.mark.parametrize("body", ["", "read before"], ids=["without a body", "with a body"])
@pytest.mark.slow
def test_client_that_leaves_stops_the_producer(server: Server, kind: str, pause: float, body: str) -> None:
    closed, background = _seen(server, "closed"), _seen(server, "background")
    with closing(_asking(server, f"/forever/{kind}?pause={pause}", body=body)) as client:
        assert client.recv(1000)
    _wait_until(lambda: _seen(server, "closed") == closed + 1)
    drawn = _seen(server, "drawn")
    time.sleep(0.3)
    assert _seen(server, "drawn") == drawn
    assert _seen(server, "background") == background


@pytest.mark.parametrize("kind", _KINDS)
@pytest.mark.slow
def test_producer_waits_for_a_client_that_does_not_read(server: Server, kind: str) -> None:
    closed = _seen(server, "closed")
    with closing(_asking(server, f"/forever/{kind}?filling=10000")):
        drawn = [0, _seen(server, "drawn")]

        def stays() -> bool:
            time.sleep(0.5)  # longer than a busy machine stops a process
            drawn.append(_seen(server, "drawn"))
            return 0 < drawn[-1] == drawn[-2]

        _wait_until(stays)
        time.sleep(0.5)
        assert _seen(server, "drawn") == drawn[-1]
    _wait_until(lambda: _seen(server, "closed") == closed + 1)


@pytest.mark.slow
def test_others_are_served_while_a_producer_never_waits(server: Server) -> None:
    with httpx2.stream("GET", f"{server.url}/forever/async", timeout=60) as response:
        blocks = response.iter_raw()
        for _ in range(20):
            next(blocks)
            start = time.monotonic()
            assert _get(server, "/studies").status_code == 200
            assert time.monotonic() - start < 2


@pytest.mark.slow
def test_data_sets_are_sent_while_the_request_is_received(server: Server) -> None:
    sent = []

    def body() -> Iterator[bytes]:
        yield b"["
        for number, one in enumerate(_expected(6)):
            yield (b"," if number else b"") + json.dumps(one).encode()
            sent.append(number)
            time.sleep(0.15)  # longer than an incomplete block waits
        yield b"]"

    headers = {"Content-Type": "application/dicom+json"}
    response = httpx2.post(f"{server.url}/echo", content=body(), headers=headers)
    assert response.json() == _expected(6)
    assert sent == list(range(6))


# --- compression ------------------------------------------------------------------------------------------------


def _gunzip() -> Callable[[bytes], bytes]:
    return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress


def _unzstd() -> Callable[[bytes], bytes]:
    return zstandard.ZstdDecompressor().decompressobj().decompress


@pytest.mark.parametrize(("encoding", "decoder"), [("gzip", _gunzip), ("zstd", _unzstd)])
@pytest.mark.slow
def test_response_still_streams_under_a_compressing_middleware(
    encoding: str, decoder: Callable[[], Callable[[bytes], bytes]]
) -> None:
    with serving(f"tests.web.asgi.responding:{encoding}") as server:
        accept = f"Accept-Encoding: {encoding}"
        for kind in _KINDS:
            with closing(_asking(server, f"/{kind}/studies?count=5000", accept)) as client:
                decode = decoder()
                assert json.loads(b"".join(map(decode, _chunks(client)))) == _expected(5000)
            with closing(_asking(server, f"/forever/{kind}?pause=5", accept)) as client:
                decode, text = decoder(), b""
                start = time.monotonic()
                chunks = _chunks(client)
                while not text.endswith(b"}}"):
                    text += decode(next(chunks))
                assert time.monotonic() - start < 4
                assert json.loads(text + b"]") == _expected(1)
        _wait_until(lambda: _seen(server, "closed") == 2, 10)
        base = server.forget_peak()
        with httpx2.stream(
            "GET", f"{server.url}/studies?count=50000", headers={"Accept-Encoding": encoding}
        ) as response:
            assert response.headers["content-encoding"] == encoding
            assert sum(map(len, response.iter_raw())) < 1_000_000
        assert server.peak - base < 8 * _MIB


# --- how small --------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_response_of_100_000_data_sets_takes_at_most_32_mib() -> None:
    for kind in _KINDS:
        with serving("tests.web.asgi.responding:app") as server:
            base = server.resident
            with httpx2.stream("GET", f"{server.url}/{kind}/studies?count=100000&filling=1000", timeout=60) as response:
                ids = sum(chunk.count(b'"00100020"') for chunk in response.iter_bytes(1 << 20))
            assert 99_900 < ids <= 100_000  # some are cut
            assert server.peak - base < 32 * _MIB


@pytest.mark.parametrize("kind", _KINDS)
@pytest.mark.slow
def test_each_of_50_slow_clients_takes_at_most_1_mib(kind: str) -> None:
    with serving("tests.web.asgi.responding:app") as server:
        assert _get(server, f"/{kind}/studies").status_code == 200
        base = server.forget_peak()
        clients = [_asking(server, f"/forever/{kind}?filling=100000") for _ in range(50)]
        drawn = [0, 1]
        _wait_until(lambda: drawn.append(_seen(server, "drawn")) or drawn[-1] == drawn[-2] > 50, 30)
        for _ in range(100):
            for client in clients:
                assert client.recv(4096)
        assert server.peak - base < 50 * _MIB
        for client in clients:
            client.close()
        _wait_until(lambda: _seen(server, "closed") == 50, 10)


# --- others -----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_fastapi_sends_it_too() -> None:
    with serving("tests.web.asgi.responding:fast") as server:
        assert _get(server, "/studies?count=2").json() == _expected(2)
        assert _get(server, "/studies?count=0").status_code == 204
        assert _get(server, "/studies", accept="text/html").status_code == 406


def test_dicomweb_client_searches(server: Server) -> None:
    client = DICOMwebClient(server.url)
    assert client.search_for_studies() == _expected(3)
    assert client.search_for_studies(search_filters={"count": "0"}) == []
