"""Requests as viewers in browsers send them, and as pages that attack a server do."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path
from shutil import copy

import pytest
from fastapi import FastAPI
from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_file
from pydicom.encaps import generate_frames
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from streamdicom.server import Catalog, server_app
from streamdicom.server.catalog import Entry
from tests.server import corpus

_VIEWER = "https://viewer.example"
_NATIVE = "1.2.840.10008.1.2.1"
_NAMES = ("CT_small.dcm", "JPEG2000.dcm", "SC_rgb_rle_2frame.dcm", "MR_small_implicit.dcm")
_ANY = 'multipart/related; type="application/{}"; transfer-syntax=*'


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("archive")
    return {name: Path(copy(get_testdata_file(name), folder)) for name in _NAMES}


@pytest.fixture(scope="module")
def client(files: dict[str, Path]) -> Iterator[TestClient]:
    with TestClient(server_app(files["CT_small.dcm"].parent, cors=[_VIEWER]), "http://localhost") as running:
        yield running


def _path(ds: Dataset) -> str:
    return f"/studies/{ds.StudyInstanceUID}/series/{ds.SeriesInstanceUID}/instances/{ds.SOPInstanceUID}"


def _parts(content: bytes, content_type: str) -> list[tuple[str, bytes]]:
    """Return the Content-Type and the bytes of each part."""
    boundary = content_type.partition("boundary=")[2].encode()
    pairs = (part.split(b"\r\n\r\n", 1) for part in content.split(b"--" + boundary)[1:-1])
    return [(head.decode().strip().partition(": ")[2], body[:-2]) for head, body in pairs]


# --- transfer syntaxes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["CT_small.dcm", "JPEG2000.dcm", "SC_rgb_rle_2frame.dcm"])
def test_each_part_names_its_transfer_syntax(client: TestClient, files: dict[str, Path], name: str) -> None:
    ds = dcmread(files[name])
    syntax = ds.file_meta.TransferSyntaxUID
    for resource, kind in (("", "dicom"), ("/frames/1", "octet-stream"), ("/bulkdata/7FE00010", "octet-stream")):
        response = client.get(_path(ds) + resource, headers={"Accept": _ANY.format(kind)})
        parts = _parts(response.content, response.headers["Content-Type"])
        assert parts
        assert {head for head, _ in parts} == {f"application/{kind}; transfer-syntax={syntax}"}, resource
    frames = client.get(f"{_path(ds)}/frames/1", headers={"Accept": "*/*; transfer-syntax=*"})
    [(head, _)] = _parts(frames.content, frames.headers["Content-Type"])
    assert head.endswith(f"; transfer-syntax={syntax}")  # also with the media type of the compression


def test_part_of_a_converted_file_names_the_new_transfer_syntax(client: TestClient, files: dict[str, Path]) -> None:
    response = client.get(_path(dcmread(files["MR_small_implicit.dcm"])), headers={"Accept": _ANY.format("dicom")})
    [(head, _)] = _parts(response.content, response.headers["Content-Type"])
    assert head == f"application/dicom; transfer-syntax={_NATIVE}"


def test_lenient_server_sends_compressed_data_unasked(client: TestClient, files: dict[str, Path]) -> None:
    ds = dcmread(files["JPEG2000.dcm"])  # 1.2.840.10008.1.2.4.91
    lenient = TestClient(server_app(files["JPEG2000.dcm"].parent, lenient_accept=True), "http://localhost")
    frame = next(generate_frames(ds.PixelData))
    for resource, kind in (("", "dicom"), ("/frames/1", "octet-stream"), ("/bulkdata/7FE00010", "octet-stream")):
        for accept in (f'multipart/related; type="application/{kind}"', "multipart/related", "*/*", ""):
            headers = {"Accept": accept}
            assert client.get(_path(ds) + resource, headers=headers).status_code == 406, (resource, accept)
            assert client.head(_path(ds) + resource, headers=headers).status_code == 406, (resource, accept)
            response = lenient.get(_path(ds) + resource, headers=headers)
            [(head, body)] = _parts(response.content, response.headers["Content-Type"])
            assert head.endswith(f"; transfer-syntax={ds.file_meta.TransferSyntaxUID}")
            assert body == (frame if resource else files["JPEG2000.dcm"].read_bytes())


def test_media_type_of_a_compression_stands_for_its_default_transfer_syntax(tmp_path: Path) -> None:
    """PS3.18 table 8.7.3-5: image/jp2 alone means 1.2.840.10008.1.2.4.90."""
    accept = 'multipart/related; type="image/jp2"'
    for name, status in (("MR_small_jp2klossless.dcm", 200), ("JPEG2000.dcm", 406)):
        ds = dcmread(copy(get_testdata_file(name), tmp_path))
        client = TestClient(server_app(tmp_path), "http://localhost")
        assert client.get(f"{_path(ds)}/frames/1", headers={"Accept": accept}).status_code == status
        named = f"{accept}; transfer-syntax={ds.file_meta.TransferSyntaxUID}"
        assert client.get(f"{_path(ds)}/frames/1", headers={"Accept": named}).status_code == 200
        octets = f'multipart/related; type="application/octet-stream", {accept}; transfer-syntax=1.2.3'
        assert client.get(f"{_path(ds)}/frames/1", headers={"Accept": octets}).status_code == 406


def test_descending_frames_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ds = corpus.dataset(0, NumberOfFrames=200, Rows=64, Columns=64, BitsAllocated=8, SamplesPerPixel=1)
    pixels = b"".join(bytes([number]) * 4096 for number in range(200))
    ds.add_new(0x7FE00010, "OB", pixels)
    corpus.write(tmp_path / "a.dcm", ds)
    opened, own = [], Entry.open
    monkeypatch.setattr(Entry, "open", lambda self: opened.append(self) or own(self))
    client = TestClient(server_app(tmp_path), "http://localhost")
    numbers = [*range(200, 0, -1), 7, 7]
    response = client.get(f"{_path(ds)}/frames/{','.join(map(str, numbers))}")
    found = [body for _, body in _parts(response.content, response.headers["Content-Type"])]
    assert found == [pixels[4096 * (number - 1) : 4096 * number] for number in numbers]
    assert len(opened) == 1


# --- other origins ---------------------------------------------------------------------------------------------


def test_allowed_origin_may_read_and_store(client: TestClient, files: dict[str, Path]) -> None:
    asked = {"Origin": _VIEWER, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-a, range"}
    preflight = client.options("/studies", headers=asked)
    assert preflight.status_code == 200
    assert preflight.headers["Access-Control-Allow-Origin"] == _VIEWER
    assert "POST" in preflight.headers["Access-Control-Allow-Methods"]
    found = client.get("/studies", headers={"Origin": _VIEWER})
    assert found.headers["Access-Control-Allow-Origin"] == _VIEWER
    assert {"ETag", "Content-Range"} <= set(found.headers["Access-Control-Expose-Headers"].split(", "))
    headers = {"Origin": _VIEWER, "Content-Type": "application/dicom", "Sec-Fetch-Site": "cross-site"}
    stored = client.post("/studies", content=files["CT_small.dcm"].read_bytes(), headers=headers)
    assert stored.status_code == 200


def test_another_origin_may_neither_read_nor_store(client: TestClient, files: dict[str, Path]) -> None:
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    assert client.options("/studies", headers=asked).status_code == 400
    assert "Access-Control-Allow-Origin" not in client.get("/studies", headers=asked).headers
    data = files["CT_small.dcm"].read_bytes()
    another_scheme = {"Origin": "https://localhost", "Sec-Fetch-Site": "cross-site"}
    for fields in (
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        another_scheme,
    ):
        headers = {"Content-Type": "application/dicom", **fields}
        assert client.post("/studies", content=data, headers=headers).status_code == 403, fields
    for fields in ({}, {"Origin": "http://localhost"}, {"Sec-Fetch-Site": "same-origin"}):
        headers = {"Content-Type": "application/dicom", **fields}
        assert client.post("/studies", content=data, headers=headers).status_code == 200, fields


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:8042", 200),
        ("127.0.0.1:80", 200),
        ("[::1]:80", 200),
        ("pacs.example", 200),
        ("evil.example", 421),
        ("localhost.evil.example", 421),
        ("evil.example@localhost:x", 421),
        ("", 421),
        ("[", 421),
    ],
)
def test_only_names_of_the_server_are_answered(files: dict[str, Path], host: str, status: int) -> None:
    client = TestClient(server_app(files["CT_small.dcm"].parent, hosts=["PACS.example"]), "http://localhost")
    response = client.get("/studies?limit=1", headers={"Host": host})
    assert response.status_code == status
    assert host not in response.text or status == 200 or not host


# --- conditional requests and ranges ---------------------------------------------------------------------------


@pytest.mark.parametrize("resource", ["", "/metadata", "/frames/1", "/bulkdata/7FE00010"])
def test_known_representation_is_304_until_the_file_changes(tmp_path: Path, resource: str) -> None:
    path = Path(copy(get_testdata_file("CT_small.dcm"), tmp_path))
    ds = dcmread(path)
    with Catalog(tmp_path) as catalog:
        client = TestClient(server_app(catalog), "http://localhost")
        first = client.get(_path(ds) + resource)
        for field, name in (("If-None-Match", "ETag"), ("If-Modified-Since", "Last-Modified")):
            again = client.get(_path(ds) + resource, headers={field: first.headers[name]})
            assert (again.status_code, again.content) == (304, b"")
            assert again.headers["ETag"] == first.headers["ETag"]
        other = client.get(_path(ds) + resource, headers={"If-None-Match": '"x"'})
        assert other.status_code == 200
        ds.PatientComments = "changed"
        ds.save_as(path)
        catalog.refresh()
        changed = client.get(_path(ds) + resource, headers={"If-None-Match": first.headers["ETag"]})
        assert changed.status_code == 200
        assert changed.headers["ETag"] != first.headers["ETag"]


def test_media_types_of_one_resource_have_tags_of_their_own(client: TestClient, files: dict[str, Path]) -> None:
    path = _path(dcmread(files["CT_small.dcm"]))
    kinds = ("application/dicom", 'multipart/related; type="application/dicom"')
    one, other = (client.get(path, headers={"Accept": kind}).headers["ETag"] for kind in kinds)
    assert one.removeprefix("W/") != other.removeprefix("W/")


@pytest.mark.parametrize(
    ("wanted", "start", "stop"),
    [("0-0", 0, 1), ("5-99", 5, 100), ("100-", 100, None), ("-7", -7, None), ("0-999999999", 0, None)],
)
@pytest.mark.parametrize("resource", ["", "/bulkdata/7FE00010"])
def test_range_of_a_single_part(
    client: TestClient, files: dict[str, Path], resource: str, wanted: str, start: int, stop: int | None
) -> None:
    ds = dcmread(files["CT_small.dcm"])
    kind = "octet-stream" if resource else "dicom"
    whole = ds.PixelData if resource else files["CT_small.dcm"].read_bytes()
    headers = {"Accept": f"application/{kind}", "Range": f"bytes={wanted}"}
    head = client.head(_path(ds) + resource, headers=headers)
    assert (head.status_code, head.content, head.headers["Accept-Ranges"]) == (200, b"", "bytes")
    assert int(head.headers["Content-Length"]) == len(whole)
    part = client.get(_path(ds) + resource, headers=headers)
    assert (part.status_code, part.content) == (206, whole[start:stop])
    bounds = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", part.headers["Content-Range"])
    assert bounds
    assert whole[int(bounds[1]) : int(bounds[2]) + 1] == part.content
    assert int(bounds[3]) == len(whole)


def test_range_that_cannot_be_served(client: TestClient, files: dict[str, Path]) -> None:
    path = _path(dcmread(files["CT_small.dcm"]))
    size = files["CT_small.dcm"].stat().st_size
    accept = {"Accept": "application/dicom"}
    beyond = client.get(path, headers={**accept, "Range": f"bytes={size}-"})
    assert (beyond.status_code, beyond.headers["Content-Range"]) == (416, f"bytes */{size}")
    for ignored in ("bytes=1-2,4-5", "lines=1-2", "bytes=5-2", "bytes=-", "bytes=a-b"):
        assert client.get(path, headers={**accept, "Range": ignored}).status_code == 200, ignored
    tag = client.get(path, headers=accept).headers["ETag"]
    for condition, status in ((tag, 206), ('"other"', 200)):
        headers = {**accept, "Range": "bytes=0-9", "If-Range": condition}
        assert client.get(path, headers=headers).status_code == status


@pytest.mark.slow
def test_preconditions(client: TestClient, files: dict[str, Path]) -> None:
    """RFC 9110 13: lists, weak and strong comparison, and precedence."""
    path = _path(dcmread(files["CT_small.dcm"]))
    exact = client.get(path, headers={"Accept": "application/dicom"}).headers
    weak = client.get(f"{path}/metadata").headers
    assert (exact["ETag"][0], weak["ETag"][:3]) == ('"', 'W/"')
    before, after = "Thu, 01 Jan 1970 00:00:00 GMT", "Fri, 01 Jan 2100 00:00:00 GMT"
    none, since, match, unmodified = "If-None-Match", "If-Modified-Since", "If-Match", "If-Unmodified-Since"
    for kind, tag, other in (("exact", exact["ETag"], f"W/{exact['ETag']}"), ("weak", weak["ETag"], weak["ETag"][2:])):
        cases: list[tuple[dict[str, str] | list[tuple[str, str]], int]] = [
            ({none: f'"x", {tag}'}, 304),
            ({none: f'"a,b" ,W/"c",{other}'}, 304),  # weak comparison
            ([(none, '"x"'), (none, tag)], 304),
            ({none: "*"}, 304),
            ({none: f'{tag[:-2]}x"'}, 200),
            ({none: tag.strip("W/").strip('"')}, 200),  # not a tag
            ({none: '"x"', since: after}, 200),
            ({none: tag, since: before}, 304),
            ({since: after}, 304),
            ({since: before}, 200),
            ({since: "yesterday"}, 200),
            ({since: "Mon, 01 Jan 0001 00:00:00 -0000"}, 200),
            ({match: "*"}, 200),
            ({match: '"x"'}, 412),
            ({match: f'"x", {tag}'}, 200 if kind == "exact" else 412),  # strong comparison
            ({match: other}, 412),
            ({match: "*", unmodified: before}, 200),
            ({unmodified: before}, 412),
            ({unmodified: after}, 200),
            ({unmodified: exact["Last-Modified"]}, 200),
            ({unmodified: "yesterday"}, 200),
            ({match: '"x"', none: tag}, 412),
            ({match: "*", none: tag}, 304),
        ]
        for fields, status in cases:
            headers = [*(fields if isinstance(fields, list) else fields.items())]
            if kind == "exact":
                headers.append(("Accept", "application/dicom"))
            for method in ("GET", "HEAD"):
                found = client.request(method, path if kind == "exact" else f"{path}/metadata", headers=headers)
                assert found.status_code == status, (method, fields)


@pytest.mark.parametrize("coding", ["gzip", "identity"])
def test_not_modified_varies_as_the_whole(client: TestClient, files: dict[str, Path], coding: str) -> None:
    """RFC 9110 15.4.5: a 304 has the Vary of the 200."""
    for resource in ("", "/metadata", "/frames/1", "/bulkdata/7FE00010"):
        path = _path(dcmread(files["CT_small.dcm"])) + resource
        for origin in ({}, {"Origin": _VIEWER}):
            headers = {"Accept-Encoding": coding, **origin}
            whole = client.get(path, headers=headers).headers
            known = client.get(path, headers={**headers, "If-None-Match": whole["ETag"]})
            assert known.status_code == 304
            assert set(known.headers["Vary"].split(", ")) == set(whole["Vary"].split(", ")), resource
            assert known.headers.get("Access-Control-Allow-Origin") == whole.get("Access-Control-Allow-Origin")


def test_multipart_of_known_size_has_a_length(tmp_path: Path) -> None:
    ds = corpus.dataset(0, NumberOfFrames=3, Rows=4, Columns=5, BitsAllocated=8, SamplesPerPixel=1)
    ds.add_new(0x7FE00010, "OB", bytes(range(60)))
    path = corpus.write(tmp_path / "a.dcm", ds)
    client = TestClient(server_app(tmp_path), "http://localhost")
    for resource, expected in (
        ("", [path.read_bytes()]),
        ("/bulkdata/7FE00010", [bytes(range(60))]),
        ("/frames/2", [bytes(range(20, 40))]),
        ("/frames/3,1,3", [bytes(range(40, 60)), bytes(range(20)), bytes(range(40, 60))]),
    ):
        whole = client.get(_path(ds) + resource)
        assert [body for _, body in _parts(whole.content, whole.headers["Content-Type"])] == expected
        assert int(whole.headers["Content-Length"]) == len(whole.content), resource
        head = client.head(_path(ds) + resource)
        assert (head.headers["Content-Length"], head.content) == (whole.headers["Content-Length"], b"")


def test_frame_after_the_end_of_the_pixel_data_is_404(tmp_path: Path) -> None:
    ds = corpus.dataset(0, NumberOfFrames=3, Rows=4, Columns=5, BitsAllocated=8, SamplesPerPixel=1)
    ds.add_new(0x7FE00010, "OB", bytes(50))  # two frames and a half
    corpus.write(tmp_path / "a.dcm", ds)
    client = TestClient(server_app(tmp_path), "http://localhost")
    found = [client.get(f"{_path(ds)}/frames/{numbers}").status_code for numbers in ("2", "3", "1,3")]
    assert found == [200, 404, 404]


# --- compression -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_json_is_compressed_and_files_are_not(client: TestClient, files: dict[str, Path], coding: str) -> None:
    ds = dcmread(files["CT_small.dcm"])
    headers = {"Accept-Encoding": coding}
    with client.stream("GET", f"{_path(ds)}/metadata", headers=headers) as response:
        raw = b"".join(response.iter_raw())
        assert response.headers["Content-Encoding"] == coding
        assert "Accept-Encoding" in response.headers["Vary"]
    if coding == "gzip":
        assert json.loads(gzip.decompress(raw))[0]["00080018"]["Value"] == [ds.SOPInstanceUID]
    assert len(raw) < len(client.get(f"{_path(ds)}/metadata", headers={"Accept-Encoding": "identity"}).content) / 2
    whole = client.get(_path(ds), headers={**headers, "Accept": "application/dicom"})
    assert "Content-Encoding" not in whole.headers


# --- mounting --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [FastAPI, Starlette])
def test_mounted_server_indexes_its_folder_on_first_use(files: dict[str, Path], tmp_path: Path, kind: type) -> None:
    copy(files["CT_small.dcm"], tmp_path)
    inner = server_app(tmp_path)
    if kind is FastAPI:
        app = FastAPI()
        app.mount("/dicom-web", inner)
    else:
        app = Starlette(routes=[Mount("/dicom-web", inner)])
    for _ in range(2):  # each client has an event loop of its own
        client = TestClient(app, "http://localhost")
        [found] = client.get("/dicom-web/studies").json()
        url = found["00081190"]["Value"][0]
        assert url.startswith("http://localhost/dicom-web/studies/")
        assert client.get(f"{url}/metadata").status_code == 200


def test_folder_that_vanished_before_first_use_is_503(tmp_path: Path) -> None:
    folder = tmp_path / "archive"
    folder.mkdir()
    client = TestClient(server_app(Catalog(folder, tmp_path / "index")), "http://localhost")
    folder.rmdir()
    assert client.get("/studies").status_code == 503
    folder.mkdir()
    assert client.get("/studies").status_code == 204
