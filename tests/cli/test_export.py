"""``streamdicom export``: many DICOM files to one stream."""

from __future__ import annotations

import errno
import gzip
import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import IO

import pytest

from streamdicom import inputs
from tests.archive.corpus import dataset, file_bytes, files, patient_ids, truncated
from tests.cli.running import COMMAND, run, without_preamble
from tests.support.each import each


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    files(tmp_path / "in", 20)
    return tmp_path / "in"


@pytest.mark.parametrize("name", ["out.json", "out.ndjson", "out.jsonl.gz", "out.json.zst"])
def test_folder_is_exported_in_the_format_of_the_suffix(name: str, corpus: Path, tmp_path: Path) -> None:
    result = run("export", corpus, "-o", tmp_path / name)
    assert (result.code, result.stdout) == (0, b"")
    assert "20 data sets" in result.error
    shown = run("show", tmp_path / name).stdout
    assert shown.count(b"Data set ") == 20
    if name.endswith(".gz"):
        assert len(patient_ids(gzip.decompress((tmp_path / name).read_bytes()))) == 20


@pytest.mark.slow
def test_several_processes_write_the_same_output(corpus: Path, tmp_path: Path) -> None:
    assert run("export", corpus, "-o", tmp_path / "a.json").code == 0
    assert run("export", corpus, "-o", tmp_path / "b.json", "--jobs", 2).code == 0
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


@pytest.mark.parametrize("name", ["b.csv", "b", "b.xml", "b.dcm"])
def test_other_suffix_needs_to(name: str, corpus: Path, tmp_path: Path) -> None:
    result = run("export", corpus, "-o", tmp_path / name)
    assert result.code == 2
    assert result.error.startswith(f"{tmp_path / name}: expected one of the suffixes .json, .ndjson, .jsonl")
    assert [path.name for path in tmp_path.iterdir()] == ["in"]
    assert run("export", corpus, "-o", tmp_path / name, "--to", "ndjson").code == 0
    assert len(patient_ids((tmp_path / name).read_bytes())) == 20


def test_standard_output_can_be_compressed(corpus: Path) -> None:
    result = run("export", corpus, "-o", "-", "--compress", "gzip", "--to", "ndjson")
    assert result.code == 0
    assert len(patient_ids(gzip.decompress(result.stdout))) == 20


def test_skipped_inputs_are_named_and_have_their_own_exit_code(corpus: Path, tmp_path: Path) -> None:
    bad = truncated(corpus / "bad\n.dcm")
    report = tmp_path / "report.json"
    result = run("export", corpus, "-o", tmp_path / "out.json", "--on-error", "skip", "--report", report)
    assert result.code == 3
    first, last = result.stderr.splitlines()
    assert first.startswith(f"streamdicom: skipped: {corpus}/bad .dcm: ")
    assert "20 data sets" in last
    assert last.endswith("1 skipped")
    assert [one["name"] for one in json.loads(report.read_text())["skipped"]] == [str(bad)]
    quiet = run("export", corpus, "-o", tmp_path / "out.json", "--on-error", "skip", "-q")
    assert (quiet.code, quiet.stderr) == (3, "")


def test_inputs_passed_over_are_named_in_the_report(corpus: Path, tmp_path: Path) -> None:
    (corpus / "notes.txt").write_text("not DICOM")
    report = tmp_path / "report.json"
    result = run("export", corpus, "-o", tmp_path / "out.json", "--report", report, "-v")
    assert result.code == 0
    assert "1 other file passed over" in result.stderr
    assert json.loads(report.read_text())["passed_over"] == [str(corpus / "notes.txt")]
    assert f"passed over: {corpus / 'notes.txt'}" in result.stderr


def test_empty_file_named_dcm_is_an_error(corpus: Path, tmp_path: Path) -> None:
    (corpus / "empty.dcm").touch()
    result = run("export", corpus, "-o", tmp_path / "out.json")
    assert result.code == 1
    assert "empty.dcm" in result.error
    assert run("export", corpus, "-o", tmp_path / "out.json", "--on-error", "skip", "--resume").code == 3


def test_file_that_cannot_be_read_has_the_exit_code_of_the_help(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: str) -> IO[bytes]:
        raise PermissionError(errno.EACCES, "Permission denied", path)

    monkeypatch.setattr(inputs, "open_input", refuse)
    for source in (corpus, next(corpus.iterdir())):
        result = run("export", source, "-o", tmp_path / "out.json")
        assert (result.code, "Permission denied" in result.error) == (1, True)
        assert run("export", source, "-o", tmp_path / "out.json", "--on-error", "skip").code == 3
    help_ = " ".join(run("export", "--help").stdout.decode().split())
    assert "1 An input is not valid, or cannot be read or converted. 2 The arguments are wrong, a source" in help_


def test_file_without_preamble_needs_force(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    path = without_preamble(tmp_path / "in" / "a.dcm")
    for source in (path, path.parent):
        assert run("export", source, "-o", tmp_path / "out.json").code == 1
        assert run("export", source, "-o", tmp_path / "out.json", "--force").code == 0
        assert patient_ids((tmp_path / "out.json").read_bytes()) == ["17"]


def test_selection_of_nothing_is_reported(corpus: Path, tmp_path: Path) -> None:
    result = run("export", corpus, "-o", tmp_path / "out.json", "--select", "PatientID=none")
    assert result.code == 0
    assert "warning: no data set matches --select PatientID=none" in result.stderr


def test_invalid_input_is_one_line(corpus: Path, tmp_path: Path) -> None:
    truncated(corpus / "bad.dcm")
    result = run("export", corpus, "-o", tmp_path / "out.json")
    assert (result.code, "bad.dcm" in result.error) == (1, True)


@each(
    "arguments",
    [
        ["none", "-o", "out.json"],
        [".", "-o", "none/out.json"],
        [".", "-o", "out.json", "--include", "NoSuchKeyword"],
        [".", "-o", "-", "--resume"],
        [".", "-o", "out.json", "--bulk-dir", "b", "--no-bulk"],
        ["."],
    ],
    ids=" ".join,
)
def test_wrong_arguments_create_no_file(arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("export", *arguments)
    assert (result.code, bool(result.error)) == (2, True)
    assert not any(tmp_path.iterdir())


def test_elements_are_chosen_by_patterns(corpus: Path) -> None:
    result = run(
        "export", corpus, "-o", "-", "--include", "PatientID", "--include", "(0020,000D)", "--exclude", "0020000d"
    )
    assert {tuple(one) for one in json.loads(result.stdout)} == {("00100020",)}


def test_name_that_is_not_utf8_is_reported(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.dcm"))
    path.write_bytes(file_bytes(dataset(1))[:-3])
    result = run("export", tmp_path, "-o", "-", "--on-error", "skip")
    assert result.code == 3
    assert "\\udcff.dcm" in result.stderr


# --- interruption ----------------------------------------------------------------------------------------------


def _linked_files(folder: Path, count: int) -> list[str]:
    """Make files, mostly hard links, in little time; return their patient IDs."""
    originals = files(folder, 20)
    for number in range(len(originals), count):
        (folder / f"{number + 1:05}.dcm").hardlink_to(originals[number % len(originals)])
    return [str(number % len(originals) + 1) for number in range(count)]


def _wait_for_journal(process: subprocess.Popen[bytes], journal: Path) -> None:
    while process.poll() is None and (not journal.exists() or journal.read_bytes().count(b"\n") < 2):
        time.sleep(0.01)
    assert process.poll() is None


@pytest.mark.slow
def test_killed_export_is_resumed(tmp_path: Path) -> None:
    expected = _linked_files(tmp_path / "in", 3000)
    arguments = ["export", str(tmp_path / "in"), "-o", str(tmp_path / "out.json"), "--jobs", "2"]
    with subprocess.Popen([*COMMAND, *arguments], stderr=subprocess.DEVNULL) as process:
        _wait_for_journal(process, tmp_path / ".out.json.journal")
        process.send_signal(signal.SIGKILL)
    assert not (tmp_path / "out.json").exists()
    refused = run(*arguments)
    assert refused.code == 2
    assert "--resume" in refused.error
    assert run(*arguments, "--resume", "--file-meta").code == 2
    assert run(*arguments, "--resume").code == 0
    assert patient_ids((tmp_path / "out.json").read_bytes()) == expected


@pytest.mark.slow
def test_ctrl_c_ends_all_processes_and_says_how_to_resume(tmp_path: Path) -> None:
    _linked_files(tmp_path / "in", 3000)
    arguments = ["export", str(tmp_path / "in"), "-o", str(tmp_path / "out.json"), "--jobs", "2"]
    with subprocess.Popen([*COMMAND, *arguments], stderr=subprocess.PIPE, start_new_session=True) as process:
        _wait_for_journal(process, tmp_path / ".out.json.journal")
        os.killpg(process.pid, signal.SIGINT)
        assert process.stderr is not None
        lines = process.stderr.read().decode().splitlines()
        assert lines == ["streamdicom: interrupted; run the same command again with --resume to continue"]
        assert process.wait(20) == 130
    deadline = time.monotonic() + 10
    with pytest.raises(ProcessLookupError):
        while time.monotonic() < deadline:  # helper processes of multiprocessing take a moment to end
            os.killpg(process.pid, 0)
            time.sleep(0.01)


@pytest.mark.slow
def test_reader_that_closes_the_pipe_ends_the_command_quietly(corpus: Path) -> None:
    with subprocess.Popen(
        [*COMMAND, "export", str(corpus), "-o", "-"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(20) == 141
