"""Imports by several processes: the same results as by one; kills and interrupts."""

from __future__ import annotations

import gzip
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread

import streamdicom
from streamdicom import DeviationWarning, OutputError, StreamDicomError, WriteOptions
from streamdicom._workers import in_order
from streamdicom.archive import Report, import_archive, importing
from tests.archive.corpus import dataset
from tests.cli.running import COMMAND

_BAD = {"00080018": {"vr": "UI", "Value": ["1.2.3.66"]}, "00420011": {"vr": "OB", "BulkDataURI": "nowhere"}}
_COUNT = 40
_MIDDLE = 23


def _object(number: int, **more: Any) -> dict[str, Any]:
    return {**json.loads(streamdicom.dumps(dataset(number))), **more}


def _objects(count: int = _COUNT) -> list[bytes]:
    return [json.dumps(_object(number)).encode() for number in range(1, count + 1)]


def _array(objects: list[bytes]) -> bytes:
    return b"[" + b", ".join(objects) + b"]"


def _contents(folder: Path) -> dict[str, bytes]:
    """Return the files in a folder and its subfolders."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _outcome(source: Path, folder: Path, jobs: int, **options: Any) -> tuple[object, dict[str, bytes]]:
    """Return the report or the error of an import, and its files except the journal."""
    result: object
    try:
        result = import_archive(source, folder, jobs=jobs, **options)
    except (StreamDicomError, UnicodeError) as error:
        result = type(error), str(error)
    return result, {name: data for name, data in _contents(folder).items() if not name.endswith("/journal")}


def _with_sequence(objects: list[bytes]) -> bytes:
    """Return an array in which one data set holds as many items as there are others."""
    items = b",".join(b'{"00100020":{"vr":"LO","Value":["},{"]}}' for _ in objects)
    held = b'{"00081140": {"vr": "SQ", "Value": [' + items + b"]}}"
    return _array([*objects[:_MIDDLE], held, *objects[_MIDDLE:]])


_FORMS: dict[str, Callable[[list[bytes]], bytes]] = {
    "array": _array,
    "lines": b"\n".join,
    "concatenated": b"".join,
    "sequence": _with_sequence,
    "comment": lambda objects: _array(
        [*objects[:_MIDDLE], b"// a comment, {\n" + objects[_MIDDLE], *objects[_MIDDLE + 1 :]]
    ),
    "wrapper": lambda objects: b'{"results": ' + _array(objects) + b"}",
    "cut": lambda objects: _array(objects)[:-20],
    "broken": lambda objects: _array([*objects[:_MIDDLE], b'{"00100020": {]}}', *objects[_MIDDLE:]]),
    "number": lambda objects: _array([*objects[:_MIDDLE], b"17", *objects[_MIDDLE:]]),
    "quotation mark": lambda objects: _array([*objects[:_MIDDLE], b'{"0010', *objects[_MIDDLE:]]),
    "garbage": lambda objects: _array(objects) + b"garbage",
    "bad value": lambda objects: _array([*objects[:_MIDDLE], json.dumps(_BAD).encode(), *objects[_MIDDLE:]]),
    "duplicate": lambda objects: _array([*objects, objects[3]]),
    "compressed": lambda objects: gzip.compress(_array(objects)),
    "compressed members": lambda objects: b"".join(gzip.compress(one + b"\n") for one in objects),
    "compressed and cut": lambda objects: gzip.compress(_array(objects))[:-20],
    "one": lambda objects: objects[0],
    "empty": lambda objects: b"[]",
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("form", _FORMS)
def test_result_does_not_depend_on_the_parts(form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The parts of several processes, read by this one."""
    monkeypatch.setattr(
        "streamdicom._workers.in_order", lambda function, parts, jobs, **_: in_order(function, parts, jobs - 1)
    )
    monkeypatch.setattr(importing, "_PART_COUNT", 8)
    source = tmp_path / "in.json"
    source.write_bytes(_FORMS[form](_objects()))
    expected = _outcome(source, tmp_path / "one", 1)
    assert _outcome(source, tmp_path / "two", 2) == expected
    skipping = {"on_error": "skip", "on_duplicate": "skip"}
    expected = _outcome(source, tmp_path / "one skipping", 1, **skipping)
    assert _outcome(source, tmp_path / "two skipping", 2, **skipping) == expected


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("form", ["array", "broken"])
def test_result_does_not_depend_on_the_number_of_processes(form: str, tmp_path: Path) -> None:
    source = tmp_path / "in.json"
    source.write_bytes(_FORMS[form](_objects(300)))
    assert _outcome(source, tmp_path / "two", 2) == _outcome(source, tmp_path / "one", 1)


def test_stream_is_imported_by_one_process(tmp_path: Path) -> None:
    assert import_archive(_array(_objects(3)), tmp_path, jobs=2) == Report(datasets=3)


def test_no_process_is_a_value_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="jobs must be at least 1"):
        import_archive(b"[{}]", tmp_path / "out", jobs=0)
    assert not (tmp_path / "out").exists()


def test_elements_are_chosen(tmp_path: Path) -> None:
    options = WriteOptions(include=["SOPInstanceUID", "SOPClassUID", "PatientName"], exclude=["PatientName"])
    import_archive(_array(_objects(2)), tmp_path, options=options, layout="{PatientID}")
    ds = dcmread(tmp_path / "2")
    assert [element.keyword for element in ds] == ["SOPClassUID", "SOPInstanceUID"]


@pytest.mark.parametrize("options", [{"file_meta": True}, {"transfer_syntax": "1.2.840.10008.1.2"}])
def test_other_options_are_a_value_error(options: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="include and exclude only"):
        import_archive(b"[{}]", tmp_path / "out", options=WriteOptions(**options))


@pytest.mark.slow
def test_warnings_of_workers_are_issued(tmp_path: Path) -> None:
    source = tmp_path / "in.json"
    odd = json.dumps({"00080018": {"vr": "UI", "Value": ["1.2.3.99"]}, "PatientID": {"vr": "LO", "Value": "7"}})
    source.write_bytes(_array([*_objects(10), odd.encode()]))
    texts = []
    for jobs in (1, 2):
        with pytest.warns(DeviationWarning) as caught:
            import_archive(source, tmp_path / str(jobs), jobs=jobs)
        texts.append({str(one.message) for one in caught})
    assert texts[0] == texts[1]


# --- the end of a process --------------------------------------------------------------------------------------


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(streamdicom.__file__).parent.parent)}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("source") / "in.json"
    path.write_bytes(_array(_objects(1500)))
    return path


@pytest.fixture(scope="module")
def expected(source: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of an import that nothing disturbs."""
    folder = tmp_path_factory.mktemp("expected")
    import_archive(source, folder)
    return _contents(folder)


def _start(source: Path, folder: Path, *more: str, jobs: int = 2) -> subprocess.Popen[bytes]:
    arguments = ["import", str(source), "-o", str(folder), "--jobs", str(jobs), *more]
    return subprocess.Popen([*COMMAND, *arguments], stderr=subprocess.PIPE, start_new_session=True, env=_environment())


def _wait_for_lines(process: subprocess.Popen[bytes], folder: Path, lines: int) -> bool:
    """Wait until the journal has some lines; return whether the process still runs."""
    journal = folder / ".streamdicom" / "journal"
    while process.poll() is None:
        try:
            if journal.read_bytes().count(b"\n") > lines:
                return True
        except FileNotFoundError:
            pass
        time.sleep(0.001)
    return False


@pytest.mark.slow
def test_killed_worker_is_an_error_and_the_run_can_be_resumed(
    source: Path, expected: dict[str, bytes], tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    code = f"""
import multiprocessing, os, signal, sys
from streamdicom.archive import import_archive
def progress(state):
    if state.files > 100:
        for child in multiprocessing.active_children():
            os.kill(child.pid, signal.SIGKILL)
if __name__ == "__main__":
    import streamdicom.archive.report as report
    report._INTERVAL = 0
    try:
        import_archive({str(source)!r}, {str(folder)!r}, jobs=2, progress=progress)
    except ChildProcessError as error:
        print(error)
"""
    (tmp_path / "program.py").write_text(code)
    done = subprocess.run(
        [sys.executable, tmp_path / "program.py"], capture_output=True, timeout=120, check=False, env=_environment()
    )
    assert done.stdout == b"a worker process died with exit code -9\n", done.stderr
    assert [name.name for name in (folder / ".streamdicom").iterdir()] == ["journal"]
    assert import_archive(source, folder, resume=True).datasets == 1500
    assert _contents(folder) == expected


@pytest.mark.slow
def test_run_that_is_killed_at_many_moments_is_resumed(
    source: Path, expected: dict[str, bytes], tmp_path: Path
) -> None:
    """Kill the process that decides; its workers may live on beside the next."""
    folder = tmp_path / "out"
    folder.mkdir()
    killed = []
    for lines in range(0, 1500, 150):
        process = _start(source, folder, "--resume", jobs=1 + (len(killed) % 3 > 0))
        if _wait_for_lines(process, folder, lines):
            process.send_signal(signal.SIGKILL)
            killed.append(process)
        process.wait()
        for path in folder.rglob("*.dcm"):  # workers that still live may remove their partial files
            assert path.read_bytes() == expected[str(path.relative_to(folder))]
    assert len(killed) >= 6
    for process in killed:
        assert process.stderr is not None
        with process.stderr:
            process.stderr.read()  # until the last of its workers has ended
    with _start(source, folder, "--resume") as process:
        assert process.stderr is not None
        assert process.stderr.read().decode().splitlines()[-1:] == ["streamdicom: 1,500 data sets, 0 skipped"]
    assert process.returncode == 0
    assert _contents(folder) == expected  # and nothing else


@pytest.mark.slow
def test_ctrl_c_leaves_a_run_that_can_be_resumed(source: Path, expected: dict[str, bytes], tmp_path: Path) -> None:
    folder = tmp_path / "out"
    with _start(source, folder) as process:
        assert _wait_for_lines(process, folder, random.Random(3).randrange(300))
        os.killpg(process.pid, signal.SIGINT)
        assert process.stderr is not None
        lines = process.stderr.read().decode().splitlines()
        assert lines == ["streamdicom: interrupted; run the same command again with --resume to continue"]
        assert process.wait(20) == 130
    assert len(list((folder / ".streamdicom").iterdir())) <= 2  # the journal, and the file of its last entry
    with _start(source, folder, "--resume") as process:
        pass
    assert process.returncode == 0
    assert _contents(folder) == expected


def test_leftovers_of_a_killed_run_are_removed_by_the_next(tmp_path: Path) -> None:
    (tmp_path / ".streamdicom").mkdir()
    (tmp_path / ".streamdicom" / "7.0123abcd.partial").write_bytes(b"of a run that was killed")
    import_archive(_array(_objects(2)), tmp_path)
    assert not (tmp_path / ".streamdicom").exists()


def test_two_runs_cannot_import_to_the_same_folder(tmp_path: Path) -> None:
    def stream() -> Any:
        yield b"["
        with pytest.raises(streamdicom.errors.ResumeError, match="in use"):
            import_archive(b"[{}]", tmp_path, resume=True)
        yield _array(_objects(1))[1:]

    assert import_archive(stream(), tmp_path) == Report(datasets=1)


@pytest.mark.slow
def test_duplicates_of_other_parts_are_found(tmp_path: Path) -> None:
    source = tmp_path / "in.json"
    objects = _objects(200)
    source.write_bytes(_array([*objects, *objects]))
    with pytest.raises(OutputError, match="that of an earlier data set") as caught:
        import_archive(source, tmp_path / "out", jobs=2)
    assert caught.value.location.dataset_index == 200
