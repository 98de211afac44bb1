"""An Orthanc server with its DICOMweb plugin, on loopback."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx2

USER, PASSWORD = "somebody", "secret"
_PROGRAM = shutil.which("Orthanc")
_PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")  # on Debian
_SECONDS = 60


def is_installed() -> bool:
    """Return whether the Debian packages orthanc and orthanc-dicomweb are installed."""
    return _PROGRAM is not None and _PLUGIN.exists()


@contextmanager
def orthanc(files: Iterable[Path]) -> Iterator[str]:
    """Run an Orthanc with some DICOM files; yield the URL of its DICOMweb service."""
    assert _PROGRAM
    with TemporaryDirectory() as folder:
        port = _free_port()
        configuration = Path(folder, "orthanc.json")
        configuration.write_text(json.dumps(_configuration(folder, port)))
        with Path(folder, "log").open("wb") as log:
            process = subprocess.Popen([_PROGRAM, configuration], cwd=folder, stdout=log, stderr=log)
        try:
            with httpx2.Client(base_url=f"http://127.0.0.1:{port}", auth=(USER, PASSWORD)) as client:
                _wait(process, client, Path(folder, "log"))
                for file in files:
                    client.post("/instances", content=file.read_bytes()).raise_for_status()
            yield f"http://127.0.0.1:{port}/dicom-web"
        finally:
            process.terminate()
            try:
                process.wait(_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _configuration(folder: str, port: int) -> dict[str, object]:
    return {
        "StorageDirectory": f"{folder}/storage",
        "IndexDirectory": f"{folder}/storage",
        "HttpPort": port,
        "DicomServerEnabled": False,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": True,
        "RegisteredUsers": {USER: PASSWORD},
        "Plugins": [str(_PLUGIN)],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/", "StudiesMetadata": "Full", "SeriesMetadata": "Full"},
    }


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _wait(process: subprocess.Popen[bytes], client: httpx2.Client, log: Path) -> None:
    end = time.monotonic() + _SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            client.get("/system").raise_for_status()
        except httpx2.HTTPError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"Orthanc did not start:\n{log.read_text()}")
