"""The commands export and import, as a user runs them: processes, their output, their exit codes."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pydicom import dcmread

from tests.archive.corpus import dataset, file_bytes, files, patient_ids, truncated

pytest.importorskip("typer", reason="the command line is an extra: install streamdicom[cli]")

_COMMAND = [sys.executable, "-c", "from streamdicom.cli import main; main()"]


def _run(*arguments: object, data: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([*_COMMAND, *map(str, arguments)], input=data, capture_output=True, timeout=120, check=False)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    files(tmp_path / "in", 20)
    return tmp_path / "in"


def test_an_archive_goes_out_and_comes_back(corpus: Path, tmp_path: Path) -> None:
    out = _run("export", corpus, "-o", tmp_path / "out.ndjson.gz", "--jobs", 2)
    assert (out.returncode, out.stdout) == (0, b"")
    assert out.stderr == b"streamdicom: 20 data sets, 0 other files passed over, 0 skipped\n"
    assert len(patient_ids(gzip.decompress((tmp_path / "out.ndjson.gz").read_bytes()))) == 20
    back = _run("import", tmp_path / "out.ndjson.gz", "-o", tmp_path / "back", "--layout", "{PatientID}.dcm")
    assert (back.returncode, back.stderr) == (0, b"streamdicom: 20 data sets, 0 skipped\n")
    for number in range(1, 21):
        assert dcmread(tmp_path / "back" / f"{number}.dcm") == dataset(number)


def test_pipes_on_both_sides(corpus: Path, tmp_path: Path) -> None:
    out = _run("export", corpus, "-o", "-", "--compress", "gzip", "--format", "ndjson")
    assert out.returncode == 0
    back = _run("import", "-", "-o", tmp_path / "back", data=out.stdout)
    assert back.returncode == 0, back.stderr
    assert len(list((tmp_path / "back").rglob("*.dcm"))) == 20


def test_what_was_skipped_is_told_and_the_exit_code_is_3(corpus: Path, tmp_path: Path) -> None:
    bad = truncated(corpus / "bad\n.dcm")
    report = tmp_path / "report.json"
    out = _run("export", corpus, "-o", tmp_path / "out.json", "--on-error", "skip", "--report", report)
    assert out.returncode == 3
    first, last = out.stderr.decode().splitlines()
    assert first.startswith("streamdicom: skipped: ")
    assert "bad .dcm: the file stops" in first
    assert last.endswith("20 data sets, 0 other files passed over, 1 skipped")
    assert [one["name"] for one in json.loads(report.read_text())["skipped"]] == [str(bad)]
    again = _run("import", tmp_path / "out.json", "-o", tmp_path / "back", "--report", report)
    assert (again.returncode, json.loads(report.read_text())["skipped"]) == (0, [])
    again = _run("import", tmp_path / "out.json", "-o", tmp_path / "back", "--on-duplicate", "skip")
    assert again.returncode == 3


def test_a_fault_of_the_input_is_1_and_one_line(corpus: Path, tmp_path: Path) -> None:
    truncated(corpus / "bad.dcm")
    out = _run("export", corpus, "-o", tmp_path / "out.json")
    assert out.returncode == 1
    assert out.stderr.startswith(b"streamdicom: ")
    assert out.stderr.count(b"\n") == 1
    back = _run("import", "-", "-o", tmp_path / "back", data=b"[{}")
    assert (back.returncode, back.stderr.count(b"\n")) == (1, 1)


def test_an_empty_input_is_at_fault(tmp_path: Path) -> None:
    for data in (b"", b"\n", gzip.compress(b"")):
        (tmp_path / "in.json").write_bytes(data)
        for source in ("-", tmp_path / "in.json"):
            done = _run("import", source, "-o", tmp_path / "out", data=data)
            assert (done.returncode, done.stderr.count(b"\n")) == (1, 1)
            assert b"the input is empty" in done.stderr
    assert not any((tmp_path / "out").iterdir())
    assert _run("import", "-", "-o", tmp_path / "out", data=b"[]").returncode == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["export", "none", "-o", "out.json"],
        ["export", ".", "-o", "none/out.json"],
        ["export", ".", "-o", "out.json", "--include", "NoSuchKeyword"],
        ["export", ".", "-o", "-", "--resume"],
        ["export", ".", "-o", "out.json", "--bulk-dir", "b", "--no-bulk"],
        ["export", ".", "-o", "out.json", "--jobs", "0"],
        ["export", "."],
        ["import", "none", "-o", "out"],
        ["import", "-", "-o", "out", "--layout", "../x"],
        ["import", "-", "-o", "out", "--transfer-syntax", "1.2.840.10008.1.2.2"],
        ["import", "-", "-o", "out", "--transfer-syntax", "bogus"],
        ["import", "-", "-o", "out", "--on-duplicate", "both"],
    ],
    ids=" ".join,
)
def test_a_wrong_call_is_2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> None:
    root = str(Path(__file__).parent.parent)
    monkeypatch.setenv("PYTHONPATH", root)
    monkeypatch.chdir(tmp_path)
    done = _run(*arguments, data=b"[{}]")
    assert done.returncode == 2, done.stderr
    assert b"Traceback" not in done.stderr
    assert not (tmp_path / "out.json").exists()
    assert not (tmp_path / "out").exists()


def test_elements_are_chosen_by_keyword_or_number(corpus: Path) -> None:
    out = _run(
        "export", corpus, "-o", "-", "--include", "PatientID", "--include", "(0020,000D)", "--exclude", "0020000d"
    )
    assert {tuple(one) for one in json.loads(out.stdout)} == {("00100020",)}


def test_a_run_that_was_killed_is_gone_on_with(tmp_path: Path) -> None:
    files(tmp_path / "in", 3000)
    arguments = ["export", str(tmp_path / "in"), "-o", str(tmp_path / "out.json"), "--jobs", "2"]
    journal = tmp_path / ".out.json.journal"
    with subprocess.Popen([*_COMMAND, *arguments], stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and (not journal.exists() or journal.read_bytes().count(b"\n") < 2):
            time.sleep(0.01)
        assert process.poll() is None
        process.send_signal(signal.SIGKILL)
    assert not (tmp_path / "out.json").exists()
    assert _run(*arguments, "--resume", "--file-meta").returncode == 2
    assert _run(*arguments, "--resume").returncode == 0
    assert patient_ids((tmp_path / "out.json").read_bytes()) == [str(number) for number in range(1, 3001)]


def test_ctrl_c_ends_it_and_its_processes(tmp_path: Path) -> None:
    files(tmp_path / "in", 2000)
    arguments = ["export", str(tmp_path / "in"), "-o", str(tmp_path / "out.json"), "--jobs", "2"]
    journal = tmp_path / ".out.json.journal"
    with subprocess.Popen([*_COMMAND, *arguments], stderr=subprocess.PIPE, start_new_session=True) as process:
        while process.poll() is None and (not journal.exists() or journal.read_bytes().count(b"\n") < 2):
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGINT)
        assert process.stderr is not None
        assert process.stderr.read() == b""
        assert process.wait(20) == 130
    deadline = time.monotonic() + 10
    with pytest.raises(ProcessLookupError):
        while time.monotonic() < deadline:  # what multiprocessing has for itself takes a moment
            os.killpg(process.pid, 0)
            time.sleep(0.01)


def test_a_reader_that_goes_is_no_error(corpus: Path) -> None:
    with subprocess.Popen(
        [*_COMMAND, "export", str(corpus), "-o", "-"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(20) == 141


def test_a_name_of_any_bytes_can_be_told(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.dcm"))
    path.write_bytes(file_bytes(dataset(1))[:-3])
    out = _run("export", tmp_path, "-o", "-", "--on-error", "skip")
    assert out.returncode == 3
    assert b"\\udcff.dcm" in out.stderr
