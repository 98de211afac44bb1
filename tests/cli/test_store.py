"""``streamdicom store``, and ``streamdicom fetch`` of files and values."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from shutil import copy

import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.encaps import generate_frames

from streamdicom.server import Catalog
from tests.cli.running import run
from tests.web.client.scripted import response, scripted
from tests.web.client.server import serving

NAMES = ("CT_small.dcm", "MR_small.dcm", "SC_rgb_rle_2frame.dcm")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving("tests.server.hosting:app", cwd=tmp_path_factory.mktemp("archive")) as running:
        yield running.url


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    for name in NAMES:
        copy(get_testdata_file(name), folder)
    return folder


def _lines(folder: Path) -> list[str]:
    return sorted(f"{dcmread(path).SOPInstanceUID}\t{path}" for path in folder.iterdir())


def _path(file: Path) -> str:
    ds = dcmread(file)
    return f"/studies/{ds.StudyInstanceUID}/series/{ds.SeriesInstanceUID}/instances/{ds.SOPInstanceUID}"


@pytest.mark.parametrize("suffix", ["", "/", "/studies", "/studies/"])
def test_each_acknowledged_instance_is_printed(url: str, folder: Path, suffix: str) -> None:
    result = run("store", folder, url + suffix)
    assert (result.code, sorted(result.stdout.decode().splitlines())) == (0, _lines(folder))
    assert result.error == "stored 3 instances, 0 not stored"


def test_file_that_is_not_stored_is_named_and_fails_the_command(url: str, folder: Path) -> None:
    other = folder.parent / "other.txt"
    other.write_text("no DICOM file")
    (folder / "bad.dcm").write_text("no DICOM file")
    result = run("store", folder, other, url)
    assert result.code == 1
    for path in (other, folder / "bad.dcm"):
        assert f"not stored: {path}: " in result.stderr
    assert "no DICOM file" not in result.stderr
    assert result.stderr.splitlines()[-1] == "streamdicom: stored 3 instances, 2 not stored"


def test_files_of_a_folder_that_are_no_dicom_files_are_passed_over(url: str, folder: Path) -> None:
    with Catalog(folder) as catalog:  # which a server has left in the folder
        catalog.refresh()
    (folder / "notes.txt").write_text("no DICOM file")
    result = run("store", folder, url, "--verbose")
    passed_over = {line.split(": ", 2)[-1] for line in result.stderr.splitlines() if "passed over: " in line}
    assert {str(folder / "notes.txt"), str(folder / ".streamdicom" / "index.sqlite")} <= passed_over
    assert result.code == 0
    summary = f"stored 3 instances, {len(passed_over)} files passed over, 0 not stored"
    assert result.stderr.splitlines()[-1] == f"streamdicom: {summary}"


def test_journal_continues_where_the_command_has_stopped(url: str, folder: Path, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    assert run("store", folder / "CT_small.dcm", url, "--journal", journal).code == 0
    with journal.open("a") as file:
        file.write('["1.2", "cut off')  # by a kill
    result = run("store", folder, url, "--journal", journal)
    assert result.error == "stored 2 instances, 1 file before, 0 not stored"
    assert len([json.loads(line) for line in journal.read_text().splitlines()]) == 3
    (folder / "CT_small.dcm").touch()
    assert "stored 1 instance, 2 files before" in run("store", folder, url, "--journal", journal).stderr


def test_other_file_is_no_journal(url: str, folder: Path) -> None:
    before = (folder / "CT_small.dcm").read_bytes()
    other = folder.parent / "notes.txt"
    other.write_text("notes\n")
    result = run("store", folder, url, "--journal", other)
    assert (result.code, result.error) == (2, f"{other}: line 1 is not that of a journal of this command")
    assert other.read_text() == "notes\n"
    assert (folder / "CT_small.dcm").read_bytes() == before


def test_server_that_refuses_is_named(folder: Path) -> None:
    with scripted(lambda _: response(status=401)) as server:
        result = run("store", folder, server.url)
    assert (result.code, result.stdout) == (1, b"")
    assert f"{server.url}/studies" in result.error
    assert "401 Unauthorized" in result.error


@pytest.mark.parametrize("url", ["localhost:80", "ftp://localhost", ""])
def test_text_that_is_no_url_is_wrong_usage(folder: Path, url: str) -> None:
    assert run("store", folder, url).code == 2


# --- files and values of a server ------------------------------------------------------------------------------


def test_instances_become_files_with_their_uids(url: str, folder: Path, tmp_path: Path) -> None:
    run("store", folder, url)
    for file in folder.iterdir():
        result = run("fetch", url + _path(file).partition("/series")[0], "-o", tmp_path / "out")
        assert (result.code, result.error) == (0, "wrote 1 file")
    found = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert found == {f"{dcmread(file).SOPInstanceUID}.dcm": file.read_bytes() for file in folder.iterdir()}


def test_single_instance_can_have_any_name(url: str, folder: Path, tmp_path: Path) -> None:
    run("store", folder, url)
    file = folder / "CT_small.dcm"
    assert run("fetch", url + _path(file), "-o", tmp_path / "one.dcm").code == 0
    assert (tmp_path / "one.dcm").read_bytes() == file.read_bytes()


def test_frames_become_files_with_their_numbers(url: str, folder: Path, tmp_path: Path) -> None:
    run("store", folder, url)
    file = folder / "SC_rgb_rle_2frame.dcm"
    assert run("fetch", f"{url}{_path(file)}/frames/1,2", "-o", tmp_path / "frames").code == 0
    found = [(tmp_path / "frames" / f"{number}.bin").read_bytes() for number in (1, 2)]
    assert found == list(generate_frames(dcmread(file).PixelData, number_of_frames=2))
    result = run("fetch", f"{url}{_path(file)}/frames/1,2", "-o", tmp_path / "both.bin")
    assert (result.code, result.error) == (2, "expected a folder after -o, because the response has several parts")
    assert run("fetch", f"{url}{_path(file)}/frames/1", "-o", "-").code == 2


def test_file_of_a_lost_connection_gets_no_name(tmp_path: Path) -> None:
    data = Path(get_testdata_file("CT_small.dcm")).read_bytes()
    with scripted(lambda _: response(data[:-10], content_type="application/dicom", length=len(data))) as server:
        result = run("fetch", f"{server.url}/studies/1.2", "-o", tmp_path / "out")
    assert result.code != 0
    assert server.url in result.stderr
    assert [path for path in (tmp_path / "out").rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("uid", ["../../x", "1.2/../x", ""])
def test_name_of_a_file_never_leads_out_of_the_folder(tmp_path: Path, uid: str) -> None:
    ds = dcmread(get_testdata_file("CT_small.dcm"))
    ds["SOPInstanceUID"]._value = uid
    ds.save_as(tmp_path / "evil.dcm")
    data = (tmp_path / "evil.dcm").read_bytes()
    with scripted(lambda _: response(data, content_type="application/dicom")) as server:
        result = run("fetch", f"{server.url}/studies/1.2", "-o", tmp_path / "out" / "in")
    assert result.code == 1
    assert "file 1 of the response has no SOP Instance UID" in result.stderr
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["evil.dcm"]
