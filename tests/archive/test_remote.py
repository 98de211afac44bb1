"""Sources, outputs and bulk data at URLs: in memory, and on a server of S3."""

from __future__ import annotations

import importlib.util
import io
import json
import random
import uuid
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec import AbstractFileSystem
from pydicom import dcmread

from streamdicom import OutputError, build_index, iter_datasets, open_index
from streamdicom.archive import Report, export_archive, import_archive
from streamdicom.archive import iter_datasets as iter_archive
from streamdicom.errors import InputError, ResumeError
from tests.archive.corpus import dataset, file_bytes, patient_ids
from tests.cli.running import run

_S3 = [name for name in ("s3fs", "moto", "flask", "boto3") if importlib.util.find_spec(name) is None]
_WITHOUT_S3 = pytest.mark.skipif(bool(_S3), reason=f"not installed: {', '.join(_S3)}")
_COUNT = 5


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """Start a server, and return the URL of a bucket on it."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    account = {"aws_access_key_id": "key", "aws_secret_access_key": "secret"}
    endpoint = f"http://127.0.0.1:{port}"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"endpoint_url": endpoint, "key": "key", "secret": "secret"}.items():
            patch.setenv(f"FSSPEC_S3_{name.upper()}", value)
            patch.setitem(fsspec.config.conf.setdefault("s3", {}), name, value)
        boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", **account).create_bucket(Bucket="archive")
        yield "s3://archive"
        fsspec.get_filesystem_class("s3").clear_instance_cache()
    server.stop()


@pytest.fixture(params=["memory", pytest.param("s3", marks=[_WITHOUT_S3, pytest.mark.slow])])
def top(request: pytest.FixtureRequest) -> str:
    """Return the URL of a new folder."""
    base = "memory://" if request.param == "memory" else request.getfixturevalue("s3")
    return f"{base}/{uuid.uuid4().hex}"


def _put(url: str, data: bytes) -> None:
    with fsspec.open(url, "wb") as file:
        file.write(data)


def _get(url: str) -> bytes:
    with fsspec.open(url, "rb") as file:
        data: bytes = file.read()
    return data


def _names(url: str) -> list[str]:
    system, path = fsspec.core.url_to_fs(url)
    system.invalidate_cache()
    return sorted(name.removeprefix(path).strip("/") for name in system.find(path))


def _fill(top: str) -> str:
    for number in range(1, _COUNT + 1):
        _put(f"{top}/in/{number % 2}/{number}.dcm", file_bytes(dataset(number)))
    _put(f"{top}/in/readme.txt", b"no data set")
    return f"{top}/in"


@pytest.mark.parametrize("name", ["out.json", "out.ndjson.gz"])
def test_archive_goes_to_urls_and_back(name: str, top: str) -> None:
    source = _fill(top)
    report = export_archive(source, f"{top}/{name}")
    assert (report.datasets, report.passed_over) == (_COUNT, [f"{fsspec_url(source)}/readme.txt"])
    assert sorted(ds.PatientID for ds in iter_datasets(f"{top}/{name}")) == list("12345")
    assert import_archive(f"{top}/{name}", f"{top}/back", layout="{PatientID}.dcm") == Report(datasets=_COUNT)
    assert _names(f"{top}/back") == [f"{number}.dcm" for number in range(1, _COUNT + 1)]
    for number in range(1, _COUNT + 1):
        assert dcmread(io.BytesIO(_get(f"{top}/back/{number}.dcm"))) == dataset(number)


def fsspec_url(url: str) -> str:
    """Return a URL as fsspec writes it."""
    system, path = fsspec.core.url_to_fs(url)
    text: str = system.unstrip_protocol(path)
    return text


class _NoCredentials(Exception):
    """An error of the package of a file system."""


class _ClosedFileSystem(AbstractFileSystem):  # type: ignore[misc]
    """A file system that nobody may use."""

    protocol = "closed"

    def _refuse(self, *_: object, **__: object) -> None:
        raise _NoCredentials("no credentials")

    info = ls = makedirs = open = exists = isdir = put_file = glob = _refuse


_REFUSED = r"^closed://a/.*: _NoCredentials: no credentials$"


@pytest.fixture
def closed() -> str:
    """Return the URL of a folder that cannot be used."""
    fsspec.register_implementation("closed", _ClosedFileSystem, clobber=True)
    return "closed://a"


def test_error_of_the_package_of_a_file_system_is_an_os_error(closed: str, tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    path.write_bytes(file_bytes(dataset(1, EncapsulatedDocument=bytes(3000))))
    export_archive(path, tmp_path / "a.json")
    for action in (
        lambda: list(iter_archive(f"{closed}/in")),
        lambda: list(iter_archive(f"{closed}/*")),
        lambda: list(iter_datasets(f"{closed}/a.json")),
        lambda: export_archive(path, f"{closed}/out.json"),
        lambda: export_archive(path, tmp_path / "b.json", bulk_dir=f"{closed}/bulk"),
        lambda: import_archive(tmp_path / "a.json", f"{closed}/back"),
        lambda: import_archive(f"{closed}/a.json", tmp_path / "back"),
    ):
        with pytest.raises(OSError, match=_REFUSED):
            action()


def test_command_names_the_error_of_a_file_system(closed: str, tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    path.write_bytes(file_bytes(dataset(1)))
    done = run("export", path, "-o", f"{closed}/out.json")
    assert (done.code, done.stderr) == (1, f"streamdicom: {closed}/out.json: _NoCredentials: no credentials\n")


def test_order_is_that_of_the_names(top: str) -> None:
    source = _fill(top)
    assert [ds.PatientID for ds in iter_archive(source)] == ["2", "4", "1", "3", "5"]
    assert [ds.PatientID for ds in iter_archive(f"{source}/*/[1-3].dcm")] == ["2", "1", "3"]
    assert [ds.PatientID for ds in iter_archive(f"{source}/1/3.dcm")] == ["3"]
    with pytest.raises(FileNotFoundError):
        list(iter_archive(f"{source}/none"))
    with pytest.raises(FileNotFoundError):
        list(iter_archive(f"{source}/*.none"))
    with pytest.raises(InputError, match=r"readme\.txt"):
        list(iter_archive(f"{source}/readme.txt"))


def test_members_of_a_zip_file_are_read(top: str) -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for number in (1, 2):
            archive.writestr(f"{number}.dcm", file_bytes(dataset(number)))
    _put(f"{top}/a.zip", data.getvalue())
    assert [ds.PatientID for ds in iter_archive(f"{top}/a.zip")] == ["1", "2"]


def test_bulk_data_at_a_url(top: str, tmp_path: Path) -> None:
    large = dataset(1, PixelData=random.Random(1).randbytes(200_000))
    large["PixelData"].VR = "OB"
    (tmp_path / "a.dcm").write_bytes(file_bytes(large))
    export_archive(tmp_path / "a.dcm", f"{top}/out.json", bulk_dir=f"{top}/bulk")
    [reference] = [
        one["BulkDataURI"]
        for one in json.loads(_get(f"{top}/out.json"))[0].values()
        if len(one) == 2 and "BulkDataURI" in one
    ]
    assert _names(f"{top}/bulk") == [reference]
    import_archive(f"{top}/out.json", tmp_path / "back", bulk_root=f"{top}/bulk", layout="a")
    assert dcmread(tmp_path / "back" / "a") == large


def test_output_is_not_an_input(top: str) -> None:
    source = _fill(top)
    export_archive(source, f"{source}/out.json", bulk_dir=f"{source}/bulk", bulk_threshold=0)
    assert export_archive(source, f"{source}/out.json", bulk_dir=f"{source}/bulk").datasets == _COUNT


def test_output_of_a_run_that_fails_does_not_exist(top: str) -> None:
    source = _fill(top)
    _put(f"{source}/9.dcm", file_bytes(dataset(9))[:-5])
    with pytest.raises(InputError, match=r"9\.dcm"):
        export_archive(source, f"{top}/out.json")
    assert all(name.startswith("in/") for name in _names(top))
    assert export_archive(source, f"{top}/out.json", on_error="skip").datasets == _COUNT


def test_duplicates_are_found(top: str) -> None:
    stream = json.dumps([{"00080018": {"vr": "UI", "Value": ["1.2"]}}]).encode()
    import_archive(stream, f"{top}/a", layout="x")
    with pytest.raises(OutputError, match="a file exists at x"):
        import_archive(stream, f"{top}/a", layout="x")
    assert import_archive(stream, f"{top}/a", layout="x", on_duplicate="keep-both").datasets == 1
    assert import_archive(stream, f"{top}/a", layout="x", on_duplicate="replace").datasets == 1
    assert len(import_archive(stream, f"{top}/a", layout="x", on_duplicate="skip").skipped) == 1
    assert _names(f"{top}/a") == ["x", "x-2"]


def test_runs_to_urls_cannot_be_resumed(top: str) -> None:
    with pytest.raises(ValueError, match="only an export to a regular file"):
        export_archive(_fill(top), f"{top}/out.json", resume=True)
    with pytest.raises(ValueError, match="only an import to a local folder"):
        import_archive(b"[]", f"{top}/out", resume=True)


def test_source_at_a_url_is_resumed(top: str, tmp_path: Path) -> None:
    bad: dict[str, Any] = {
        "00080018": {"vr": "UI", "Value": ["1.3"]},
        "00420011": {"vr": "OB", "BulkDataURI": "nowhere"},
    }
    good = [{"00080018": {"vr": "UI", "Value": [f"1.2.{number}"]}} for number in range(9)]
    _put(f"{top}/in.json", json.dumps([*good[:4], bad, *good[4:]]).encode())
    with pytest.raises(OutputError, match="a reference to bulk data"):
        import_archive(f"{top}/in.json", tmp_path / "out")
    report = import_archive(f"{top}/in.json", tmp_path / "out", resume=True, on_error="skip")
    assert (report.datasets, len(report.skipped)) == (9, 1)
    (tmp_path / "out").rename(tmp_path / "done")
    with pytest.raises(OutputError, match="a reference to bulk data"):
        import_archive(f"{top}/in.json", tmp_path / "out")
    _put(f"{top}/in.json", json.dumps([*good[:4], bad, *good[3:]]).encode())
    with pytest.raises(ResumeError, match="differing: source"):
        import_archive(f"{top}/in.json", tmp_path / "out", resume=True)


def test_index_stands_beside_its_source(top: str) -> None:
    export_archive(_fill(top), f"{top}/out.json")
    build_index(f"{top}/out.json").close()
    with open_index(f"{top}/out.json") as index:
        assert [index[number].PatientID for number in range(_COUNT)] == ["2", "4", "1", "3", "5"]


def test_columns_of_a_folder(top: str) -> None:
    columns = pytest.importorskip("streamdicom.columns")
    table = columns.read(_fill(top), columns=["PatientID"]).to_table()
    assert table["PatientID"].to_pylist() == ["2", "4", "1", "3", "5"]


@pytest.mark.slow
@_WITHOUT_S3
def test_commands_take_urls(s3: str, tmp_path: Path) -> None:
    top = f"{s3}/{uuid.uuid4().hex}"
    source = _fill(top)
    assert run("export", source, "-o", f"{top}/out.ndjson", "--jobs", 2, "--bulk-dir", f"{top}/bulk").code == 0
    assert patient_ids(_get(f"{top}/out.ndjson")) == ["2", "4", "1", "3", "5"]
    assert run("import", f"{top}/out.ndjson", "-o", f"{top}/back", "--jobs", 2).code == 0
    assert len(_names(f"{top}/back")) == _COUNT
    assert run("table", source, "-o", tmp_path / "a.csv", "--columns", "PatientID").code == 0
    assert (tmp_path / "a.csv").read_text().split() == ['"PatientID"', *(f'"{number}"' for number in (2, 4, 1, 3, 5))]


def test_unknown_scheme_is_a_usage_error(tmp_path: Path) -> None:
    result = run("export", "nothing://a", "-o", tmp_path / "out.json")
    assert (result.code, "nothing" in result.error) == (2, True)
    assert list(tmp_path.iterdir()) == []
