"""``streamdicom serve`` after nginx, as ``docs/howto/deploy.md`` has both."""

from __future__ import annotations

import json
import os
import re
import shlex
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from shutil import copy, which

import httpx2
import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file

from tests.cli.certificates import certificate, needs_openssl
from tests.cli.serving import serving

pytestmark = [
    pytest.mark.slow,
    pytest.mark.interop,
    needs_openssl,
    pytest.mark.skipif(not which("nginx"), reason="nginx cannot be found"),
]

_PAGE = Path(__file__).parents[2] / "docs" / "howto" / "deploy.md"
_CT = Path(str(get_testdata_file("CT_small.dcm")))
_PATIENCE = 30  # seconds
_MAIN = """\
{user}
daemon off;
pid {folder}/pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
{server}
}}
"""


def _block(kind: str) -> str:
    [found] = re.findall(rf"^```{kind}\n(.*?)^```", _PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return str(found)


def _replaced(text: str, *pairs: tuple[str, object]) -> str:
    for old, new in pairs:
        assert old in text
        text = text.replace(old, str(new))
    return text


@contextmanager
def _nginx(folder: Path, upstream: str) -> Iterator[httpx2.Client]:
    """Run nginx as the page says; yield a client that trusts its certificate."""
    own, key = certificate(folder, "dicom.example")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = _replaced(
        _block("nginx"),
        ("listen 443", f"listen 127.0.0.1:{port}"),
        ("/etc/nginx/dicom.pem", own),
        ("/etc/nginx/dicom.key", key),
        ("http://127.0.0.1:8042", upstream),
    )
    main = folder / "nginx.conf"
    main.write_text(_MAIN.format(user="user root;" if os.geteuid() == 0 else "", folder=folder, server=server))
    process = subprocess.Popen(["nginx", "-c", main, "-p", folder], stderr=subprocess.DEVNULL)
    try:
        tls = ssl.create_default_context(cafile=str(own))
        with httpx2.Client(
            base_url=f"https://127.0.0.1:{port}", verify=tls, headers={"Host": "dicom.example"}
        ) as client:
            end = time.monotonic() + _PATIENCE
            while process.poll() is None and time.monotonic() < end:
                try:
                    client.get("/dicom-web/health")
                    break
                except httpx2.TransportError:
                    time.sleep(0.05)
            yield client
    finally:
        process.terminate()
        process.wait(_PATIENCE)


def test_documented_configuration_of_nginx_serves_viewers(tmp_path: Path) -> None:
    archive, log = tmp_path / "archive", tmp_path / "log"
    archive.mkdir()
    copy(_CT, archive)
    ds = dcmread(_CT)
    tokens = tmp_path / "tokens"
    tokens.write_text(f"write {sha256(b'abc').hexdigest()}\n")
    unit = re.search(r"^ExecStart=(.*?)$", _block("ini").replace("\\\n", ""), re.MULTILINE)
    assert unit
    _, command, folder, *options = shlex.split(unit[1])
    assert (command, folder, options[-2:]) == ("serve", "/srv/archive", ["--access-log", "-"])
    options[options.index("/etc/streamdicom/tokens")], options[-1] = str(tokens), str(log)
    with serving(archive, *options) as (_, upstream), _nginx(tmp_path, upstream) as client:
        assert client.get("/dicom-web/health").text == "ok\n"
        assert client.get("/dicom-web/studies").status_code == 401
        client.headers["Authorization"] = "Bearer abc"
        [study] = client.get("/dicom-web/studies").json()
        url = study["00081190"]["Value"][0]
        base = "https://dicom.example"
        assert url == f"{base}/dicom-web/studies/{ds.StudyInstanceUID}"

        [metadata] = client.get(f"{url.removeprefix(base)}/metadata").json()
        value = metadata["7FE00010"]["BulkDataURI"].removeprefix(base)
        octets = {"Accept": "application/octet-stream"}
        whole = client.get(value, headers=octets)
        assert whole.content == ds.PixelData
        assert client.head(value, headers=octets).headers["Content-Length"] == str(len(ds.PixelData))
        part = client.get(value, headers={**octets, "Range": "bytes=5-99"})
        assert (part.status_code, part.content) == (206, ds.PixelData[5:100])
        known = client.get(value, headers={**octets, "If-None-Match": whole.headers["ETag"]})
        assert (known.status_code, known.content) == (304, b"")
        packed = client.get(f"{url.removeprefix(base)}/metadata", headers={"Accept-Encoding": "gzip"})
        assert (packed.headers["Content-Encoding"], packed.json()) == ("gzip", [metadata])

        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4"
        ds.save_as(tmp_path / "other.dcm")
        data = (tmp_path / "other.dcm").read_bytes()
        headers = {"Content-Type": "application/dicom", "Origin": base}
        stored = client.post("/dicom-web/studies", content=data, headers=headers)
        assert stored.status_code == 200
        assert stored.json()["00081199"]["Value"][0]["00081190"]["Value"][0].startswith(f"{base}/dicom-web/studies/")
        foreign = {**headers, "Origin": "https://evil.example"}
        assert client.post("/dicom-web/studies", content=data, headers=foreign).status_code == 403
        assert client.get("/dicom-web/studies", headers={"Host": "evil.example"}).status_code == 421
        client.get("/dicom-web/studies", headers={"X-Forwarded-For": "192.0.2.1"})
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert {line["client"] for line in lines} == {"127.0.0.1"}  # nginx sets it, and a client cannot
    assert [path.name for path in archive.rglob("1.2.3.4.dcm")]
