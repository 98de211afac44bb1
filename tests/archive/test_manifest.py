"""Manifests: digests, versions and options; exports of changes only."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest

import streamdicom
from streamdicom import InputError, WriteOptions
from streamdicom.archive import export_archive, import_archive
from streamdicom.errors import ResumeError
from tests.archive.corpus import dataset, file_bytes, files, patient_ids, truncated
from tests.cli.running import run


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    files(tmp_path / "in", 5)
    return tmp_path / "in"


@pytest.mark.parametrize("jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", ["out.json", "out.ndjson.gz"])
def test_manifest_has_every_file_with_its_digest(corpus: Path, tmp_path: Path, name: str, jobs: int) -> None:
    unordered = dataset(6)
    data = file_bytes(unordered)
    (corpus / "b.json").write_bytes(streamdicom.dumps([dataset(7), dataset(8)]).encode())
    (corpus / "c.dcm").write_bytes(data[:-20] + data[-10:] + data[-20:-10])  # whose elements are not in order
    truncated(corpus / "d.dcm")
    with zipfile.ZipFile(corpus / "e.zip", "w") as archive:
        archive.writestr("1.dcm", file_bytes(dataset(11)))
        archive.writestr("2.dcm", file_bytes(dataset(12)))
    (corpus / "f.txt").write_bytes(b"passed over")
    options = WriteOptions(exclude=["PatientName"])
    report = export_archive(
        corpus, tmp_path / name, manifest=tmp_path / "m", on_error="skip", jobs=jobs, options=options
    )
    first, *lines, last = _lines(tmp_path / "m")
    assert (first["manifest"], first["run"], first["versions"]["streamdicom"]) == (1, "export", streamdicom.__version__)
    assert (first["options"]["exclude"], first["options"]["sources"]) == (["PatientName"], [str(corpus)])
    done = {line["path"]: line for line in lines if "sha256" in line}
    skipped = [line["path"] for line in lines if "skipped" in line]
    assert skipped == [one.name for one in report.skipped]
    assert str(corpus / "d.dcm") in skipped
    assert set(done) | set(skipped) == {str(path) for path in corpus.iterdir() if path.suffix != ".txt"}
    for path, line in done.items():
        status = Path(path).stat()
        assert (line["size"], line["mtime"], line["sha256"]) == (
            status.st_size,
            status.st_mtime_ns,
            _sha256(Path(path)),
        )
    assert sum(line["datasets"] for line in done.values()) == report.datasets
    assert done[str(corpus / "e.zip")]["datasets"] == done[str(corpus / "b.json")]["datasets"] == 2
    target = tmp_path / name
    expected = {"size": target.stat().st_size, "sha256": _sha256(target), "datasets": report.datasets}
    assert last == {"output": str(target), **expected}


def test_only_new_and_changed_files_are_written_since(corpus: Path, tmp_path: Path) -> None:
    export_archive(corpus, tmp_path / "1.ndjson", manifest=tmp_path / "m1")
    (corpus / "00002.dcm").write_bytes(file_bytes(dataset(22)))
    os.utime(corpus / "00003.dcm", ns=(1, 1))  # another time, and the same content
    (corpus / "00004.dcm").unlink()
    (corpus / "new.dcm").write_bytes(file_bytes(dataset(9)))
    report = export_archive(corpus, tmp_path / "2.ndjson", since=tmp_path / "m1", manifest=tmp_path / "m2")
    assert patient_ids((tmp_path / "2.ndjson").read_bytes()) == ["22", "9"]
    assert (report.datasets, report.unchanged) == (2, 3)
    unchanged = {Path(line["path"]).name for line in _lines(tmp_path / "m2") if line.get("unchanged")}
    assert unchanged == {"00001.dcm", "00003.dcm", "00005.dcm"}
    # The second manifest has all files.
    report = export_archive(corpus, tmp_path / "3.ndjson", since=tmp_path / "m2")
    assert (report.datasets, report.unchanged) == (0, 5)


def test_changed_content_of_the_same_size_is_found(corpus: Path, tmp_path: Path) -> None:
    export_archive(corpus, tmp_path / "1.ndjson", manifest=tmp_path / "m1")
    path = corpus / "00002.dcm"
    path.write_bytes(path.read_bytes().replace(b"LO\2\0002 ", b"LO\2\0007 "))
    export_archive(corpus, tmp_path / "2.ndjson", since=tmp_path / "m1")
    assert patient_ids((tmp_path / "2.ndjson").read_bytes()) == ["7"]


def test_files_that_failed_are_tried_again(corpus: Path, tmp_path: Path) -> None:
    truncated(corpus / "d.dcm")
    with zipfile.ZipFile(corpus / "e.zip", "w") as archive:
        archive.writestr("1.dcm", file_bytes(dataset(11)))
        archive.writestr("2.dcm", file_bytes(dataset(12))[:-5])
    export_archive(corpus, tmp_path / "1.json", manifest=tmp_path / "m1", on_error="skip")
    with pytest.raises(InputError, match=r"d\.dcm"):
        export_archive(corpus, tmp_path / "2.json", since=tmp_path / "m1")
    (corpus / "d.dcm").unlink()
    with pytest.raises(InputError, match=r"e\.zip!2\.dcm"):
        export_archive(corpus, tmp_path / "3.json", since=tmp_path / "m1")


def test_manifests_are_no_inputs(corpus: Path) -> None:
    for name in ("1.json", "2.json"):
        export_archive(corpus, corpus.parent / name, manifest=corpus / "m.json")
    export_archive(corpus, corpus.parent / "3.json", since=corpus / "m.json", manifest=corpus / "m.json")
    assert sum(line.get("unchanged", False) for line in _lines(corpus / "m.json")) == 5


def test_manifest_of_a_resumed_run_is_whole(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamdicom.archive.exporting._BATCH_FILES", 2)
    truncated(corpus / "z.dcm")
    with pytest.raises(InputError):
        export_archive(corpus, tmp_path / "out.json", manifest=tmp_path / "m")
    assert not (tmp_path / "m").exists()
    with pytest.raises(ResumeError, match="differing: manifest"):
        export_archive(corpus, tmp_path / "out.json", resume=True, on_error="skip")
    export_archive(corpus, tmp_path / "out.json", manifest=tmp_path / "m", resume=True, on_error="skip")
    export_archive(corpus, tmp_path / "again.json", manifest=tmp_path / "n", on_error="skip")
    assert _lines(tmp_path / "m")[:-1] == _lines(tmp_path / "n")[:-1]
    assert _lines(tmp_path / "m")[-1]["sha256"] == _lines(tmp_path / "n")[-1]["sha256"]


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"{}", b'{"manifest": 2}\n', b'{"manifest": 1}\n', b'{"manifest": 1}\n{"output']
)
def test_file_that_is_no_manifest_is_an_error(corpus: Path, tmp_path: Path, text: bytes) -> None:
    (tmp_path / "m").write_bytes(text)
    with pytest.raises(InputError, match="manifest"):
        export_archive(corpus, tmp_path / "out.json", since=tmp_path / "m")
    assert not (tmp_path / "out.json").exists()


def test_manifest_of_a_pipe_is_a_value_error(corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="only an export to a file"):
        export_archive(corpus, os.devnull, format="json", manifest=tmp_path / "m")


@pytest.mark.parametrize("jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_manifest_of_an_import_has_every_file(corpus: Path, tmp_path: Path, jobs: int) -> None:
    export_archive(corpus, tmp_path / "out.json")
    import_archive(tmp_path / "out.json", tmp_path / "back", manifest=tmp_path / "m", jobs=jobs)
    first, *lines, last = _lines(tmp_path / "m")
    assert (first["run"], first["options"]["layout"][:1]) == ("import", "{")
    assert [line["uid"] for line in lines] == [f"1.2.3.{number}" for number in range(1, 6)]
    for line in lines:
        path = tmp_path / "back" / line["path"]
        assert (line["size"], line["sha256"]) == (path.stat().st_size, _sha256(path))
    assert last["datasets"] == 5


def test_manifest_of_an_import_has_no_replaced_file(corpus: Path, tmp_path: Path) -> None:
    again = dataset(3, PatientID="again")
    (corpus / "z.dcm").write_bytes(file_bytes(again))
    export_archive(corpus, tmp_path / "out.json")
    layout = "{PatientID}"
    import_archive(
        tmp_path / "out.json", tmp_path / "back", layout=layout, manifest=tmp_path / "m", on_duplicate="replace"
    )
    assert [line["path"] for line in _lines(tmp_path / "m")[1:-1]] == ["1", "2", "4", "5", "again"]


def test_commands_write_reports_with_versions_and_options(corpus: Path, tmp_path: Path) -> None:
    arguments = ["export", corpus, "-o", tmp_path / "out.json", "--report", tmp_path / "r"]
    assert run(*arguments, "--manifest", tmp_path / "m").code == 0
    report = json.loads((tmp_path / "r").read_bytes())
    assert report["versions"]["streamdicom"] == streamdicom.__version__
    assert (report["options"]["jobs"], report["options"]["sources"]) == (1, [str(corpus)])
    result = run(*arguments, "--since", tmp_path / "m")
    assert "0 data sets, 0 other files passed over, 5 unchanged, 0 skipped" in result.stderr
    imported = run("import", tmp_path / "out.json", "-o", tmp_path / "back", "--manifest", tmp_path / "n")
    assert (imported.code, _lines(tmp_path / "n")[-1]["datasets"]) == (0, 0)
