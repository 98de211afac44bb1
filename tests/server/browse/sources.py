"""Sources of all kinds, and the page over them."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from streamdicom.server.browse import Library, Opened, browse_app

TOKEN = "correct"
UID = "1.2.3."


def dataset(number: int) -> dict[str, Any]:
    """Return a data set in DICOM JSON; its name has markup."""
    return {
        "00080018": {"vr": "UI", "Value": [f"{UID}{number}"]},
        "00080060": {"vr": "CS", "Value": [("CT", "MR", "US")[number % 3]]},
        "00081140": {
            "vr": "SQ",
            "Value": [
                {"00081155": {"vr": "UI", "Value": [f"1.9.{number}.{item}"]}, "00080104": {"vr": "LO", "Value": ["x"]}}
                for item in range(2)
            ],
        },
        "00090010": {"vr": "LO", "Value": ["GEMS_IDEN_01"]},
        "00091027": {"vr": "SL", "Value": [number]},
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": f"<b>{number}</b>", "Ideographic": "山田"}]},
        "00100020": {"vr": "LO", "Value": [f"P{number:04}"]},
        "00101010": {"vr": "AS", "Value": ["57"]},
        "00200013": {"vr": "IS", "Value": [number]},
        "0020000E": {"vr": "UI"},
        "00280010": {"vr": "US", "Value": [number % 5]},
        "7FE00010": {"vr": "OB", "InlineBinary": "AAECAw=="},
    }


def array(count: int) -> bytes:
    """Return an array of data sets."""
    return json.dumps([dataset(number) for number in range(count)], ensure_ascii=False).encode()


def lines(count: int) -> bytes:
    """Return NDJSON."""
    return b"".join(json.dumps(dataset(number)).encode() + b"\n" for number in range(count))


def xml(count: int) -> bytes:
    """Return concatenated documents of the Native DICOM Model."""
    return b"\n".join(
        '<?xml version="1.0"?>\n<NativeDicomModel xmlns="http://dicom.nema.org/PS3.19/models/NativeDICOM">'
        '<DicomAttribute tag="00080018" vr="UI" keyword="SOPInstanceUID">'
        f'<Value number="1">{UID}{number}</Value></DicomAttribute>'
        '<DicomAttribute tag="00100020" vr="LO" keyword="PatientID">'
        f'<Value number="1">P{number:04}</Value></DicomAttribute></NativeDicomModel>'.encode()
        for number in range(count)
    )


def zipped(files: dict[str, bytes]) -> bytes:
    """Return a ZIP file."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return target.getvalue()


def tarred(files: dict[str, bytes]) -> bytes:
    """Return a tar file."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        for name, data in files.items():
            header = tarfile.TarInfo(name)
            header.size = len(data)
            archive.addfile(header, io.BytesIO(data))
    return target.getvalue()


def members(data: bytes, size: int = 1000) -> bytes:
    """Compress in many members, as exports do."""
    return b"".join(gzip.compress(data[start : start + size]) for start in range(0, len(data), size))


@contextmanager
def page(*sources: Path) -> Iterator[TestClient]:
    """Serve the page, with the token, when all data sets are found."""
    opened = Opened(Library([str(source) for source in sources]))
    try:
        opened.library.wait()
        headers = {"Authorization": f"Bearer {TOKEN}"}
        yield TestClient(browse_app(opened, TOKEN), "http://localhost", headers=headers)
    finally:
        opened.close()
