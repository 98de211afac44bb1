"""Looking at a data set takes no memory in proportion to it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file

import streamdicom
from streamdicom.server.browse import Library
from streamdicom.server.browse.checks import MAX_DEVIATIONS, MAX_JSON, deviations, json_text
from streamdicom.server.browse.compare import compare
from streamdicom.server.browse.search import Query, search
from streamdicom.server.browse.tree import children
from streamdicom.server.browse.values import value_of
from tests.cli.running import COMMAND
from tests.support.memory import peak

_MIB = 1024 * 1024
_SIZE = 24 * _MIB
_MOST = 6 * _MIB
_PIXEL_DATA = (0x7FE00010,)


def _json(path: Path) -> None:
    one = b'{"00100020":{"vr":"LO","Value":["x"]},"7FE00010":{"vr":"OB","InlineBinary":"%s"}}'
    path.write_bytes(b"[" + b",".join([one % (b"AAAA" * (_SIZE // 4)), one % b"AAAA"]) + b"]")


def _dicom(path: Path) -> None:
    ds = dcmread(get_testdata_file("CT_small.dcm"))
    ds.Rows, ds.Columns, ds.NumberOfFrames = 1024, 1024, _SIZE // (2 * _MIB)
    ds.PixelData = bytes(_SIZE)
    ds.save_as(path)


_LOOKS: dict[str, Callable[[Library], object]] = {
    "tree": lambda library: children(library, 0, ()),
    "value": lambda library: value_of(library, 0, _PIXEL_DATA),
    "JSON": lambda library: json_text(library, 0, ()),
    "JSON of an element": lambda library: json_text(library, 0, _PIXEL_DATA),
    "deviations": lambda library: deviations(library, 0),
    "comparison": lambda library: compare(library, 0, len(library) - 1),
    "search": lambda library: list(search(library, Query({}, ["nothing"]))),
}


@pytest.mark.slow
@pytest.mark.memory
@pytest.mark.parametrize("look", _LOOKS)
@pytest.mark.parametrize("make", [_json, _dicom])
def test_no_look_holds_a_long_value(tmp_path: Path, make: Callable[[Path], None], look: str) -> None:
    path = tmp_path / "source"
    make(path)
    with Library([str(path)]) as library:
        library.wait()
        _LOOKS[look](library)  # which imports
        assert peak(lambda: _LOOKS[look](library)) < _MOST


@pytest.mark.slow
@pytest.mark.memory
def test_search_holds_no_values(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b'[{"30060050":{"vr":"DS","Value":[%s]}}]' % b",".join([b"1.25"] * 400_000))
    with Library([str(path)]) as library:
        library.wait()
        assert peak(lambda: list(search(library, Query({}, ["nothing"])))) < _MOST


@pytest.mark.parametrize("make", [_json, _dicom])
def test_long_json_is_cut_near_its_bound(tmp_path: Path, make: Callable[[Path], None]) -> None:
    path = tmp_path / "source"
    make(path)
    with Library([str(path)]) as library:
        library.wait()
        found = json_text(library, 0, _PIXEL_DATA)
        assert (len(found["text"]), found["cut"]) == (MAX_JSON, True)
        assert found["text"].startswith('"7FE00010"')


@pytest.mark.slow
@pytest.mark.memory
def test_no_more_deviations_are_held_than_returned(tmp_path: Path) -> None:
    wrong = b",".join(b'{"00101010":{"vr":"AS","Value":["%d"]},"x":1}' % number for number in range(40_000))
    path = tmp_path / "a.json"
    path.write_bytes(b'[{"00081140":{"vr":"SQ","Value":[%s]}}]' % wrong)
    with Library([str(path)]) as library:
        library.wait()
        found = deviations(library, 0)
        assert (len(found["deviations"]), found["total"]) == (MAX_DEVIATIONS, 80_000)
        assert peak(lambda: deviations(library, 0)) < 10 * _MIB


def test_deviation_is_listed_once(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b'[{"00101010":{"vr":"AS","Value":["57"]},"00200013":{"vr":"IS","Value":["x"]}}]')
    with Library([str(path)]) as library:
        library.wait()
        found = deviations(library, 0)
        keys = [(row["code"], row["path"]) for row in found["deviations"]]
        assert len(keys) == len(set(keys)) == found["total"] >= 2


# --- the server ------------------------------------------------------------------------------------------------


def _mammogram(path: Path) -> None:
    ds = dcmread(get_testdata_file("CT_small.dcm"))
    ds.Rows, ds.Columns = 4096, 3328
    ds.PixelData = ds.PixelData * (4096 * 3328 // 128**2)
    ds.save_as(path)


def _frames(path: Path) -> None:
    ds = dcmread(get_testdata_file("CT_small.dcm"))
    ds.Rows, ds.Columns, ds.NumberOfFrames = 1024, 1024, 20
    ds.PixelData = ds.PixelData * (20 * 1024**2 // 128**2)
    streamdicom.dump(ds, path, format="json")


def _color(path: Path) -> None:
    ds = dcmread(get_testdata_file("CT_small.dcm"))
    ds.Rows, ds.Columns, ds.SamplesPerPixel, ds.PlanarConfiguration = 4096, 4096, 3, 0
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 8, 8, 7, 0
    ds.PhotometricInterpretation = "RGB"
    ds.PixelData = ds.PixelData * (3 * 4096**2 // len(ds.PixelData))
    ds.save_as(path)


@pytest.mark.slow
@pytest.mark.memory
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="this system does not say the peak of a process")
@pytest.mark.parametrize("make", [_mammogram, _frames, _color])
def test_server_of_a_large_image_stays_small(tmp_path: Path, make: Callable[[Path], None]) -> None:
    path = tmp_path / "source"
    make(path)
    command = [*COMMAND, "-q", "browse", "--no-open", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            parts = urlsplit(process.stdout.readline().strip())
            headers = {"Authorization": f"Bearer {parts.fragment.partition('=')[2]}"}

            def get(name: str) -> bytes:
                with closing(HTTPConnection(parts.hostname or "", parts.port, timeout=60)) as connection:
                    connection.request("GET", f"/api/{name}", headers=headers)
                    response = connection.getresponse()
                    data = response.read()
                    assert response.status == 200, data
                    return data

            while not json.loads(get("status"))["complete"]:
                pass
            get("tree?number=0")
            for window in ("", "&center=40&width=400"):
                assert len(get(f"frame?number=0&frame=0{window}")) >= 1024**2
            fields = Path(f"/proc/{process.pid}/status").read_text().split()
            assert int(fields[fields.index("VmHWM:") + 1]) * 1024 < 80 * _MIB
        finally:
            process.kill()
