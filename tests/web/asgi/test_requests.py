"""Requests to a real server: each format, each fault, and their cost."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import zlib
from collections.abc import Iterator
from contextlib import aclosing, suppress
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx2
import pytest
import zstandard
from dicomweb_client.api import DICOMwebClient
from pydicom import dcmread
from pydicom.data import get_testdata_file
from starlette.requests import Request

from streamdicom import DirectoryStore, InputError
from streamdicom.web.asgi.requests import iter_request_datasets
from tests.support.each import each
from tests.web.asgi.receiving import described
from tests.web.client.server import Server, serving

_JSON = "application/dicom+json"
_ARRAY = b'[{"00100020": {"vr": "LO", "Value": ["1"]}}, {"00100020": {"vr": "LO", "Value": ["2"]}}]'
_MIB = 1024 * 1024


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving("tests.web.asgi.receiving:app", "--timeout-keep-alive", "1") as running:
        yield running


def _post(
    server: Server, body: Any, content_type: str | None, path: str = "/datasets", **headers: str
) -> httpx2.Response:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    if content_type is not None:
        fields["Content-Type"] = content_type
    return httpx2.post(server.url + path, content=body, headers=fields, timeout=60)


def _taken(server: Server, body: Any, content_type: str, path: str = "/datasets", **headers: str) -> Any:
    response = _post(server, body, content_type, path, **headers)
    assert response.status_code == 200, response.text
    return response.json()


def _ids(answer: list[dict[str, Any]]) -> list[str]:
    return [one["id"] for one in answer]


def _digest(data: bytes) -> str:
    return sha256(data).hexdigest()


# --- documents -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/dicom+json", _ARRAY),
        ("Application/DICOM+JSON; charset=UTF-8", _ARRAY),
        ('application/json; charset="utf-8"', _ARRAY),
        ("application/x-ndjson", _ARRAY[1:-1].replace(b"}, {", b"}\n{")),
    ],
)
@pytest.mark.slow
def test_media_types_of_json_are_accepted(server: Server, content_type: str, body: bytes) -> None:
    assert _ids(_taken(server, body, content_type)) == ["1", "2"]


def test_single_object_and_empty_array_are_accepted(server: Server) -> None:
    assert _ids(_taken(server, b'{"00100020": {"vr": "LO", "Value": ["1"]}}', _JSON)) == ["1"]
    assert _taken(server, b"[]", _JSON) == []


def test_body_may_have_any_number_of_pieces(server: Server) -> None:
    pieces = iter([_ARRAY[index : index + 1] for index in range(len(_ARRAY))])
    assert _ids(_taken(server, pieces, _JSON)) == ["1", "2"]


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", gzip.compress(_ARRAY, mtime=0)),
        ("X-Gzip", gzip.compress(_ARRAY[:20], mtime=0) + gzip.compress(_ARRAY[20:], mtime=0)),
        ("deflate", zlib.compress(_ARRAY)),
        ("zstd", zstandard.compress(_ARRAY)),
        ("identity", _ARRAY),
    ],
)
def test_body_may_be_compressed(server: Server, coding: str, body: bytes) -> None:
    assert _ids(_taken(server, body, _JSON, Content_Encoding=coding)) == ["1", "2"]
    pieces = iter([body[index : index + 1] for index in range(len(body))])
    assert _ids(_taken(server, pieces, _JSON, Content_Encoding=coding)) == ["1", "2"]


# --- DICOM files -----------------------------------------------------------------------------------------------

_FILES = [get_testdata_file(name) for name in ("CT_small.dcm", "JPEG2000.dcm", "MR_small_bigendian.dcm")]


def test_client_stores_instances(server: Server) -> None:
    datasets = [dcmread(path) for path in _FILES]
    answer = DICOMwebClient(server.url).store_instances(datasets)
    assert [item.ReferencedSOPInstanceUID for item in answer.ReferencedSOPSequence] == [
        dataset.SOPInstanceUID for dataset in datasets
    ]


@pytest.mark.parametrize("path", _FILES, ids=lambda path: Path(path).name)
def test_files_are_received_unchanged(server: Server, path: str) -> None:
    data, dataset = Path(path).read_bytes(), dcmread(path)
    body = b"--b\r\nContent-Type: application/dicom\r\n\r\n%b\r\n--b\r\n\r\n%b\r\n--b--" % (data, data)
    alone = _taken(server, data, "application/dicom")
    assert _taken(server, body, 'multipart/related; type="application/dicom"; boundary=b') == alone * 2
    assert alone == [
        {
            "type": "FileDataset",
            "id": dataset.PatientID,
            "digest": _digest(dataset.PixelData),
            "uri": None,
            "syntax": dataset.file_meta.TransferSyntaxUID,
        }
    ]


# --- metadata and bulk data ------------------------------------------------------------------------------------

_PIXELS = bytes(range(256)) * 40
_RELATED = f'multipart/related; type="{_JSON}"; boundary="b b"'


def _dataset(uri: str, number: int = 1, tag: str = "7FE00010", vr: str = "OW") -> dict[str, Any]:
    return {"00100020": {"vr": "LO", "Value": [str(number)]}, tag: {"vr": vr, "BulkDataURI": uri}}


def _metadata(*datasets: dict[str, Any]) -> tuple[dict[str, str], bytes]:
    return {"Content-Type": _JSON}, json.dumps(datasets).encode()


def _bulk(location: str, data: bytes = _PIXELS, media_type: str = "application/octet-stream") -> tuple[Any, bytes]:
    return {"Content-Type": media_type, "Content-Location": location}, data


_XML = "application/dicom+xml"
_RELATED_XML = f'multipart/related; type="{_XML}"; boundary="b b"'


def _instance(number: int, uri: str) -> tuple[dict[str, str], bytes]:
    text = f"""<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
        <NativeDicomModel xmlns="http://dicom.nema.org/PS3.19/models/NativeDICOM" xml:space="preserve">
        <DicomAttribute tag="00100020" vr="LO" keyword="PatientID"><Value number="1">{number}</Value></DicomAttribute>
        <DicomAttribute tag="7FE00010" vr="OW" keyword="PixelData"><BulkData uri="{uri}"/></DicomAttribute>
        </NativeDicomModel>"""
    return {"Content-Type": f"{_XML}; charset=utf-8"}, text.encode()


def _body(*parts: tuple[dict[str, str], bytes]) -> bytes:
    texts = []
    for headers, data in parts:
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        texts.append(b"--b b\r\n" + lines.encode() + b"\r\n" + data + b"\r\n")
    return b"".join([*texts, b"--b b--\r\n"])


@pytest.mark.parametrize(
    ("uri", "location"),
    [
        ("https://example.org/bulk/1", "https://example.org/bulk/1"),
        ("bulk/1", "bulk/1"),
        ("bulk/1", "/bulk/1"),
        ("./bulk/../bulk/1", "bulk/1"),
        ("urn:uuid:3bf2bd4b", "urn:uuid:3bf2bd4b"),
        ("a b", "a b"),
        ("bulk/ä", "bulk/ä"),
        ("http://[", "http://["),
    ],
)
def test_part_is_found_by_its_content_location(server: Server, uri: str, location: str) -> None:
    [answer] = _taken(server, _body(_metadata(_dataset(uri)), _bulk(location)), _RELATED)
    assert answer["digest"] == _digest(_PIXELS)


def test_reference_is_relative_to_the_metadata_or_to_the_request(server: Server) -> None:
    headers, metadata = _metadata(_dataset("1"), _dataset("bulk/2", 2))
    headers["Content-Location"] = "/metadata/all"
    body = _body((headers, metadata), _bulk("/metadata/1"), _bulk("/bulk/2", b"22"))
    assert [one["digest"] for one in _taken(server, body, _RELATED)] == [_digest(_PIXELS), _digest(b"22")]


def test_part_is_found_by_its_content_id(server: Server) -> None:
    body = _body(_metadata(_dataset("cid:1@b")), ({"Content-ID": "<1@b>"}, _PIXELS))
    assert _taken(server, body, _RELATED)[0]["digest"] == _digest(_PIXELS)


def test_parts_have_any_order_and_any_number_of_references(server: Server) -> None:
    metadata = _metadata(_dataset("1"), _dataset("2", 2), _dataset("1", 3), _dataset("elsewhere", 4))
    answer = _taken(server, _body(_bulk("2", b"22"), metadata, _bulk("1")), _RELATED)
    assert _ids(answer) == ["1", "2", "3", "4"]
    digests = [_digest(_PIXELS), _digest(b"22"), _digest(_PIXELS), None]
    assert [one["digest"] for one in answer] == digests
    assert [one["uri"] for one in answer] == [None, None, None, "elsewhere"]


def test_bulk_data_goes_to_a_store(server: Server, tmp_path: Path) -> None:
    body = _body(_metadata(_dataset("1"), _dataset("2", 2)), _bulk("1"), _bulk("2", b"22"))
    answer = _taken(server, body, _RELATED, f"/datasets?store={tmp_path}/bulk")
    for one, data in zip(answer, (_PIXELS, b"22"), strict=True):
        assert one["digest"] is None
        assert (tmp_path / one["uri"]).read_bytes() == data
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 2


def test_compressed_frame_is_encapsulated(server: Server) -> None:
    frame = b"\xff\xd8 frame \xff\xd9"
    syntax = "1.2.840.10008.1.2.4.50"
    parts = _metadata(_dataset("1", vr="OB")), _bulk("1", frame + b"!", f"image/jpeg; transfer-syntax={syntax}")
    [answer] = _taken(server, _body(*parts), _RELATED)
    # PS3.5 A.4: an empty Basic Offset Table, and a fragment of even length.
    item = b"\xfe\xff\x00\xe0"
    assert answer["digest"] == _digest(item + bytes(4) + item + (12).to_bytes(4, "little") + frame + b"!")
    assert answer["syntax"] == syntax


def test_compressed_frame_of_odd_length_is_padded(server: Server, tmp_path: Path) -> None:
    parts = _metadata(_dataset("1", vr="OB")), _bulk("1", b"odd", "image/jpeg; transfer-syntax=1.2.840.10008.1.2.4.50")
    [answer] = _taken(server, _body(*parts), _RELATED)
    item = b"\xfe\xff\x00\xe0"
    assert answer["digest"] == _digest(item + bytes(4) + item + (4).to_bytes(4, "little") + b"odd\0")
    [stored] = _taken(server, _body(*parts), _RELATED, f"/datasets?store={tmp_path}")
    assert stored["uri"].endswith("#fragments")


def test_each_instance_in_xml_is_a_part(server: Server, tmp_path: Path) -> None:
    body = _body(_instance(1, "a"), _instance(2, "b"), _bulk("b", b"22"), _bulk("a"))
    answer = _taken(server, body, _RELATED_XML)
    assert _ids(answer) == ["1", "2"]
    assert [one["digest"] for one in answer] == [_digest(_PIXELS), _digest(b"22")]
    answer = _taken(server, body, _RELATED_XML, f"/datasets?store={tmp_path}/bulk")
    assert (tmp_path / answer[1]["uri"]).read_bytes() == b"22"


def test_xml_without_multipart_is_accepted(server: Server) -> None:
    assert _ids(_taken(server, _instance(1, "a")[1], _XML)) == ["1"]


def test_encapsulated_document_may_be_in_any_media_type(server: Server) -> None:
    parts = _metadata(_dataset("1", tag="00420011", vr="OB")), _bulk("1", b"%PDF", "application/pdf")
    assert _ids(_taken(server, _body(*parts), _RELATED)) == ["1"]


# --- faults ----------------------------------------------------------------------------------------------------

_GOOD = _body(_metadata(_dataset("1")), _bulk("1"))
_BOMB = b"[" + b" " * 8 * _MIB + b"]"
_LONG_HEADER = ({"Content-Location": "1", "X": "x" * 100_000}, b"")

_FAULTS: dict[str, tuple[int, str | None, bytes, dict[str, str], str]] = {
    # Status, media type, body, other header fields, and a part of the response.
    "no media type": (415, None, _ARRAY, {}, "Content-Type is missing"),
    "another media type": (415, "text/plain", _ARRAY, {}, "application/dicom"),
    "a media type that is none": (415, ";;=", _ARRAY, {}, "Content-Type"),
    "a form": (415, "multipart/form-data; boundary=b", _GOOD, {}, "Content-Type"),
    "parts without a type": (415, "multipart/related; boundary=b", _GOOD, {}, "Content-Type"),
    "another charset": (415, f"{_JSON}; charset=latin-1", _ARRAY, {}, "charset"),
    "another coding": (415, _JSON, _ARRAY, {"Content_Encoding": "br"}, "Content-Encoding"),
    "two codings": (415, _JSON, _ARRAY, {"Content_Encoding": "gzip, gzip"}, "Content-Encoding"),
    "no document": (400, _JSON, b"", {}, ""),
    "malformed JSON": (400, _JSON, _ARRAY[:45] + b"}", {}, "byte 45"),
    "JSON that stops": (400, _JSON, _ARRAY[:-1], {}, "byte"),
    "JSON of something else": (400, _JSON, b'[{"00100020": 1}]', {}, "[0].00100020"),
    "deep JSON": (
        413,
        _JSON,
        b'[{"00081140":{"vr":"SQ","Value":' + b'[{"00081140":{"vr":"SQ","Value":' * 99,
        {},
        "depth",
    ),
    "no gzip": (400, _JSON, _ARRAY, {"Content_Encoding": "gzip"}, "gzip stream is damaged"),
    "gzip that stops": (400, _JSON, gzip.compress(_ARRAY)[:-1], {"Content_Encoding": "gzip"}, "stops"),
    "a bomb of gzip": (413, _JSON, gzip.compress(_BOMB), {"Content_Encoding": "gzip"}, "Limits.max_expansion_ratio"),
    "a bomb of zstd": (
        413,
        _JSON,
        zstandard.compress(_BOMB),
        {"Content_Encoding": "zstd"},
        "Limits.max_expansion_ratio",
    ),
    "malformed XML": (400, _XML, b"<NativeDicomModel><a></NativeDicomModel>", {}, "byte"),
    "a bomb of XML": (
        400,
        _XML,
        b'<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;">]><NativeDicomModel>&c;</NativeDicomModel>',
        {},
        "",
    ),
    "malformed XML in a part": (
        400,
        _RELATED_XML,
        _body(_instance(1, "1"), ({"Content-Type": _XML}, b"<NativeDicomModel>"), _bulk("1")),
        {},
        "[1]",
    ),
    "JSON that says that it is XML": (400, _XML, _ARRAY, {}, ""),
    "XML that says that it is JSON": (400, _JSON, b"<NativeDicomModel/>", {}, "byte 0"),
    "no DICOM file": (400, "application/dicom", _ARRAY, {}, ""),
    "a DICOM file that stops": (400, "application/dicom", Path(_FILES[0]).read_bytes()[:30_000], {}, ""),
    "no boundary": (400, f"multipart/related; type={_JSON}", _GOOD, {}, "boundary"),
    "a long boundary": (400, f"multipart/related; type={_JSON}; boundary={'b' * 71}", _GOOD, {}, "boundary"),
    "another boundary": (400, f"multipart/related; type={_JSON}; boundary=c", _GOOD, {}, "boundary"),
    "line feeds alone": (400, _RELATED, _GOOD.replace(b"\r\n", b"\n"), {}, "malformed"),
    "parts that stop": (400, _RELATED, _GOOD[:-30], {}, "closing boundary"),
    "no closing boundary": (400, _RELATED, _GOOD[:-4], {}, "closing boundary"),
    "a huge header": (400, _RELATED, _body(_metadata(_dataset("1")), _LONG_HEADER), {}, "malformed"),
    "no parts": (400, _RELATED, b"--b b--", {}, "expected a part"),
    "no metadata": (400, _RELATED, _body(_bulk("1")), {}, "a part with the type"),
    "metadata twice": (400, _RELATED, _body(_metadata(), _metadata()), {}, "found several"),
    "malformed metadata": (400, _RELATED, _body(({"Content-Type": _JSON}, b"[{]"), _bulk("1")), {}, "byte 2"),
    "bulk data that nothing means": (
        400,
        _RELATED,
        _body(_metadata(_dataset("2")), _bulk("1")),
        {},
        "without a reference",
    ),
    "bulk data twice": (400, _RELATED, _body(_metadata(_dataset("1")), _bulk("1"), _bulk("1")), {}, "of another"),
    "bulk data from nowhere": (400, _RELATED, _body(_metadata(_dataset("1")), ({}, b"")), {}, "Content-Location"),
    "a frame without its syntax": (
        415,
        _RELATED,
        _body(_metadata(_dataset("1", vr="OB")), _bulk("1", b"", "image/jpeg")),
        {},
        "transfer syntax",
    ),
    "a picture of no pixels": (
        415,
        _RELATED,
        _body(_metadata(_dataset("1", tag="00091010")), _bulk("1", b"", "image/jpeg; transfer-syntax=1.2")),
        {},
        "media type",
    ),
    "a part in base64": (
        415,
        _RELATED,
        _body(_metadata(_dataset("1")), ({"Content-Location": "1", "Content-Transfer-Encoding": "base64"}, b"AAA=")),
        {},
        "Content-Transfer-Encoding",
    ),
    "a part in gzip": (
        415,
        _RELATED,
        _body(_metadata(_dataset("1")), ({"Content-Location": "1", "Content-Encoding": "gzip"}, b"")),
        {},
        "Content-Encoding",
    ),
    "a part that is no DICOM file": (415, 'multipart/related; type="application/dicom"; boundary="b b"', _GOOD, {}, ""),
    "numbers that are cut": (
        400,
        _RELATED,
        _body(_metadata(_dataset("1", tag="00091010", vr="UL")), _bulk("1", b"123")),
        {},
        "00091010",
    ),
}


@pytest.mark.parametrize("fault", _FAULTS)
@pytest.mark.slow
def test_fault_is_answered_and_nothing_is_stored(server: Server, tmp_path: Path, fault: str) -> None:
    status, content_type, body, headers, told = _FAULTS[fault]
    path = f"/datasets?store={tmp_path}/bulk" if fault != "numbers that are cut" else "/datasets"
    server.forget_peak()
    before = server.resident
    response = _post(server, body, content_type, path, **headers)
    assert response.status_code == status, response.text
    assert told in response.text
    assert not (tmp_path / "bulk").exists()
    assert server.peak - before < 8 * _MIB
    assert _ids(_taken(server, _ARRAY, _JSON)) == ["1", "2"]


@pytest.mark.parametrize(
    ("limit", "body"),
    [("multipart_parts=1", _GOOD), ("spooled_size=1000", _GOOD), ("depth=2", _GOOD), ("dataset_size=300", _GOOD)],
)
def test_exceeded_limit_is_named(server: Server, tmp_path: Path, limit: str, body: bytes) -> None:
    response = _post(server, body, _RELATED, f"/datasets?store={tmp_path}/bulk&{limit}")
    assert response.status_code == 413
    assert f"Limits.{limit.split('=')[0]}" in response.text
    assert not (tmp_path / "bulk").exists()


def _request(content_type: str, receive: Any, headers: dict[str, str] | None = None) -> Request:
    fields = {"Content-Type": content_type, **(headers or {})}
    scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "server": ("a", 80)}
    lines = [(name.replace("_", "-").lower().encode(), value.encode()) for name, value in fields.items()]
    return Request({**scope, "headers": lines}, receive)


async def _delivered(content_type: str, pieces: list[bytes], headers: dict[str, str]) -> tuple[list[Any], str]:
    """Return the data sets of a body in pieces, and the error that ends it."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": pieces.pop(0) if pieces else b"", "more_body": bool(pieces)}

    found = []
    try:
        async for dataset in iter_request_datasets(_request(content_type, receive, headers)):
            found.append(described(dataset))
    except InputError as error:
        return found, f"{type(error).__name__}: {error}"
    return found, ""


_FILE = Path(_FILES[0]).read_bytes()
_WHOLE = {
    **{
        name: (fault[1] or "", fault[2], fault[3])
        for name, fault in _FAULTS.items()
        if not name.startswith("a bomb of")
    },
    "JSON": (_JSON, _ARRAY, {}),
    "gzip": (_JSON, gzip.compress(_ARRAY), {"Content_Encoding": "gzip"}),
    "metadata and bulk data": (_RELATED, _GOOD, {}),
    "XML": (_RELATED_XML, _body(_instance(1, "a"), _instance(2, "b"), _bulk("b", b"22"), _bulk("a")), {}),
    "files": ('multipart/related; type="application/dicom"; boundary="b b"', _body(({}, _FILE), ({}, _FILE)), {}),
    "a file and half of one": (
        'multipart/related; type="application/dicom"; boundary="b b"',
        _body(({}, _FILE), ({}, _FILE[:20_000])),
        {},
    ),
}


@pytest.mark.parametrize("name", _WHOLE)
@pytest.mark.filterwarnings("ignore::streamdicom.deviations.DeviationWarning")
@pytest.mark.slow
def test_result_does_not_depend_on_chunking(name: str) -> None:
    content_type, body, headers = _WHOLE[name]
    whole = asyncio.run(_delivered(content_type, [body], headers))
    for size in (1, 1000):
        pieces = [body[start : start + size] for start in range(0, len(body), size)]
        assert asyncio.run(_delivered(content_type, pieces, headers)) == whole
    assert bool(whole[1]) is (name in _FAULTS or "half" in name)


@each("name", ["metadata and bulk data", "XML", "files", "JSON"])
def test_task_that_is_cancelled_anywhere_leaves_nothing_open(name: str, tmp_path: Path) -> None:
    content_type, body, _ = _WHOLE[name]
    cut = max(1, len(body) // 7)
    pieces = [body[start : start + cut] for start in range(0, len(body), cut)]

    async def cancelled(at: int) -> None:
        reached = asyncio.Event()
        left = list(enumerate(pieces))

        async def receive() -> dict[str, Any]:
            number, piece = left.pop(0)
            if number == at:
                reached.set()
                await asyncio.Event().wait()
            return {"type": "http.request", "body": piece, "more_body": bool(left)}

        async def take() -> None:
            store = DirectoryStore(tmp_path / "bulk")
            async with aclosing(iter_request_datasets(_request(content_type, receive), store=store)) as datasets:
                async for _ in datasets:
                    pass

        task = asyncio.create_task(take())
        await reached.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert asyncio.all_tasks() == {asyncio.current_task()}

    for at in range(len(pieces)):
        asyncio.run(cancelled(at))
    assert not (tmp_path / "bulk").exists()


@pytest.mark.slow
def test_no_temporary_file_stays_open(server: Server) -> None:
    bodies = [_body(_metadata(_dataset("1")), _bulk("1", bytes(3 * _MIB)), *more) for more in ([], [_bulk("2")])]
    for _ in range(5):
        _taken(server, bodies[0], _RELATED)
        assert _post(server, bodies[1], _RELATED).status_code == 400
        assert _post(server, bodies[0][:-3], _RELATED).status_code == 400
        assert not _temporary_files(server)


def _temporary_files(server: Server) -> list[str]:
    """List the anonymous open files of the server."""
    found = []
    for path in Path("/proc", str(server.pid), "fd").iterdir():
        with suppress(FileNotFoundError):  # a connection, closed meanwhile
            found.append(str(path.readlink()))
    return [name for name in found if name.endswith("(deleted)")]


# --- peers -----------------------------------------------------------------------------------------------------


def _sent(server: Server, data: bytes) -> bytes:
    """Send bytes; return the response until the connection closes."""
    with socket.create_connection(("127.0.0.1", server.port), 10) as peer:
        peer.sendall(data)
        answer = b""
        while piece := peer.recv(65536):
            answer += piece
    return answer


def _head(length: int, content_type: str = _JSON, path: str = "/datasets") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n"
    return head.encode()


@pytest.mark.parametrize(("content_type", "body"), [(_JSON, _ARRAY), (_RELATED, _GOOD)])
@pytest.mark.slow
def test_stalled_peer_is_answered_408(server: Server, tmp_path: Path, content_type: str, body: bytes) -> None:
    path = f"/datasets?store={tmp_path}/bulk"
    answer = _sent(server, _head(len(body), content_type, path) + body[:-3])
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert not (tmp_path / "bulk").exists()
    assert _ids(_taken(server, _ARRAY, _JSON)) == ["1", "2"]


@pytest.mark.parametrize(("content_type", "body"), [(_JSON, _ARRAY), (_RELATED, _GOOD)])
def test_departed_peer_leaves_no_files(server: Server, tmp_path: Path, content_type: str, body: bytes) -> None:
    log = server.log.read_text().count("the client left")
    with socket.create_connection(("127.0.0.1", server.port), 10) as peer:
        peer.sendall(_head(len(body), content_type, f"/datasets?store={tmp_path}/bulk") + body[:-3])
    assert _ids(_taken(server, _ARRAY, _JSON)) == ["1", "2"]
    assert server.log.read_text().count("the client left") == log + 1
    assert not (tmp_path / "bulk").exists()


def test_body_that_is_longer_than_it_says_is_cut_there(server: Server) -> None:
    answer = _sent(server, _head(len(_ARRAY) - 1) + _ARRAY + b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert _ids(_taken(server, _ARRAY, _JSON)) == ["1", "2"]


# --- others on the same loop -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_many_small_data_sets_let_other_tasks_run() -> None:
    body = b"[" + b"{}," * 50_000 + b"{}]"
    turns: list[int] = []
    count = 0

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    async def others() -> None:
        while True:
            turns.append(count)
            await asyncio.sleep(0)

    async def main() -> None:
        nonlocal count
        waiting = asyncio.ensure_future(others())
        async for _ in iter_request_datasets(_request(_JSON, receive)):
            count += 1
        waiting.cancel()

    asyncio.run(main())
    assert count == 50_001
    steps = [after - before for before, after in pairwise(turns)]
    assert max(steps) <= 200  # after the first piece of 16 KiB
