"""Exports: output, order, errors, kills and resumed runs."""

from __future__ import annotations

import gzip
import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset

import streamdicom
from streamdicom import InputError, WriteOptions
from streamdicom.archive import Report, export_archive, sink
from streamdicom.errors import ResumeError
from streamdicom.progress import Progress
from tests.archive.corpus import (
    dataset,
    encapsulated,
    file_bytes,
    files,
    moments,
    patient_ids,
    run_killed,
    truncated,
)
from tests.support.each import each


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def _text(sources: Any, **options: Any) -> bytes:
    target = io.BytesIO()
    export_archive(sources, target, **options)
    return target.getvalue()


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Three hundred files, which make several tasks."""
    files(tmp_path / "in" / "a", 150)
    files(tmp_path / "in" / "b", 150, 151)
    (tmp_path / "in" / "README.txt").write_text("no DICOM")
    return tmp_path / "in"


# --- output ---------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_array_has_all_data_sets_in_the_order_of_the_names(corpus: Path, tmp_path: Path) -> None:
    report = export_archive(corpus, tmp_path / "out.json")
    text = (tmp_path / "out.json").read_bytes()
    assert patient_ids(text) == [str(number) for number in range(1, 301)]
    assert report == Report(datasets=300, passed_over=[str(corpus / "README.txt")], passed_over_count=1)
    assert report.is_complete
    assert _names(tmp_path) == ["in", "out.json"]
    assert [ds.PatientID for ds in streamdicom.iter_datasets(text)] == patient_ids(text)


@pytest.mark.slow
def test_ndjson_has_one_data_set_per_line(corpus: Path, tmp_path: Path) -> None:
    export_archive(corpus, tmp_path / "out.ndjson")
    lines = (tmp_path / "out.ndjson").read_bytes().splitlines()
    assert [json.loads(line)["00100020"]["Value"] for line in lines] == [[str(number)] for number in range(1, 301)]
    assert (tmp_path / "out.ndjson").read_bytes() == _text(corpus, format="ndjson")


def test_no_input_makes_an_empty_array(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    assert json.loads(_text(tmp_path / "in")) == []
    assert _text(tmp_path / "in", format="ndjson") == b""


def test_name_of_maximum_length(tmp_path: Path) -> None:
    target = tmp_path / ("\u00e9" * 120 + ".json")
    export_archive([], target)
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["out.json", "out.ndjson", "out.json.gz", "out.ndjson.zst"])
def test_output_does_not_depend_on_the_number_of_processes(corpus: Path, tmp_path: Path, name: str) -> None:
    if name.endswith(".zst"):
        pytest.importorskip("zstandard")
    truncated(corpus / "a" / "00077a.dcm")
    one = export_archive(corpus, tmp_path / name, on_error="skip")
    text = (tmp_path / name).read_bytes()
    assert export_archive(corpus, tmp_path / name, on_error="skip", jobs=3) == one
    assert (tmp_path / name).read_bytes() == text
    assert len(one.skipped) == 1


@pytest.mark.slow
def test_gzip_output_has_the_same_text(corpus: Path, tmp_path: Path) -> None:
    export_archive(corpus, tmp_path / "out.json.gz")
    assert gzip.decompress((tmp_path / "out.json.gz").read_bytes()) == _text(corpus)
    assert gzip.decompress(_text(corpus, compress="gzip")) == _text(corpus)
    export_archive(corpus, tmp_path / "plain.json.gz", compress="none")
    assert (tmp_path / "plain.json.gz").read_bytes() == _text(corpus)


@pytest.mark.slow
def test_zstd_output_has_the_same_text(corpus: Path, tmp_path: Path) -> None:
    zstandard = pytest.importorskip("zstandard")
    export_archive(corpus, tmp_path / "out.json.zst")
    with (tmp_path / "out.json.zst").open("rb") as file:
        reader = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
        assert reader.read() == _text(corpus)


def test_group_0002_is_written_where_needed_or_requested(tmp_path: Path) -> None:
    (tmp_path / "a.dcm").write_bytes(file_bytes(dataset()))
    (tmp_path / "b.dcm").write_bytes(file_bytes(encapsulated()))
    native, jpeg = json.loads(_text(tmp_path))
    assert "00020010" not in native
    assert jpeg["00020010"]["Value"] == ["1.2.840.10008.1.2.4.50"]
    native, jpeg = json.loads(_text(tmp_path, options=WriteOptions(file_meta=True)))
    assert native["00020010"]["Value"] == ["1.2.840.10008.1.2.1"]


def test_elements_are_selected(tmp_path: Path) -> None:
    [path] = files(tmp_path, 1)
    assert json.loads(_text(path, options=WriteOptions(include=[0x00100020]))) == [
        {"00100020": {"vr": "LO", "Value": ["1"]}}
    ]
    [rest] = json.loads(_text(path, options=WriteOptions(exclude=[0x00100020])))
    assert "00100010" in rest
    assert "00100020" not in rest


@pytest.mark.slow
def test_large_value_is_unchanged(tmp_path: Path) -> None:
    ds = dataset()
    ds.PixelData = random.Random(1).randbytes(3_000_000)
    ds["PixelData"].VR = "OB"
    (tmp_path / "a.dcm").write_bytes(file_bytes(ds))
    files(tmp_path / "b", 2, 2)
    for options in ({}, {"jobs": 2}, {"compress": "gzip"}):
        text = _text(tmp_path, **options)
        first, *others = streamdicom.iter_datasets(gzip.decompress(text) if "compress" in options else text)
        assert first.PixelData == ds.PixelData
        assert [ds.PatientID for ds in others] == ["2", "3"]


def _image(number: int, size: int = 5000) -> Dataset:
    ds = dataset(number, PixelData=random.Random(1).randbytes(size))
    ds["PixelData"].VR = "OB"
    return ds


@pytest.mark.slow
def test_bulk_dir_receives_large_values_and_is_not_an_input(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number in (1, 2):
        (tmp_path / "in" / f"{number}").write_bytes(file_bytes(_image(number)))
    bulk = tmp_path / "in" / "bulk"
    for jobs in (1, 2):
        text = _text(tmp_path / "in", bulk_dir=bulk, bulk_uri_prefix="https://host/b/", jobs=jobs)
        uris = [item["7FE00010"]["BulkDataURI"] for item in json.loads(text)]
        assert len(uris) == 2
        assert len(set(uris)) == 1  # equal values are kept once
        assert (bulk / uris[0].removeprefix("https://host/b/")).read_bytes() == _image(1).PixelData
    [kept] = [path for path in bulk.rglob("*") if path.is_file()]
    assert kept.stat().st_size == 5000
    small = json.loads(_text(tmp_path / "in", bulk_dir=bulk, bulk_threshold=5000))
    assert "InlineBinary" in small[0]["7FE00010"]


def test_incomplete_bulk_data_of_a_killed_run_is_removed(tmp_path: Path) -> None:
    (tmp_path / "in.dcm").write_bytes(file_bytes(_image(1)))
    code = f"""
import os
from streamdicom.archive import export_archive
from streamdicom.bulkdata import directory

def kill(*_):
    os.kill(os.getpid(), 9)

directory._settle = kill
export_archive({str(tmp_path / "in.dcm")!r}, {str(tmp_path / "out.json")!r}, bulk_dir={str(tmp_path / "bulk")!r})
"""
    assert _python("-c", code).returncode == -signal.SIGKILL
    assert len(list((tmp_path / "bulk").glob(".*.partial"))) == 1
    (tmp_path / "bulk" / ".0123456789abcdef.partial").write_bytes(b"of another run")
    export_archive(tmp_path / "in.dcm", tmp_path / "out.json", bulk_dir=tmp_path / "bulk", resume=True)
    left, folder = _names(tmp_path / "bulk")
    assert left == ".0123456789abcdef.partial"
    assert not folder.startswith(".")


def test_large_values_can_be_dropped(tmp_path: Path) -> None:
    (tmp_path / "1").write_bytes(file_bytes(_image(1)))
    (tmp_path / "2").write_bytes(file_bytes(_image(2, 500)))
    (tmp_path / "3").write_bytes(file_bytes(encapsulated(3)))
    large, small, jpeg = json.loads(_text(tmp_path, bulk=False))
    assert "7FE00010" not in large
    assert "7FE00010" in small
    assert "7FE00010" in jpeg
    [jpeg] = json.loads(_text(tmp_path / "3", bulk=False, bulk_threshold=1))
    assert "7FE00010" not in jpeg


def test_unwritable_bulk_dir_stops_the_run(tmp_path: Path) -> None:
    (tmp_path / "1").write_bytes(file_bytes(_image(1)))
    (tmp_path / "bulk").write_bytes(b"a file")
    with pytest.raises(OSError, match="bulk"):
        export_archive(tmp_path / "1", io.BytesIO(), bulk_dir=tmp_path / "bulk", on_error="skip")


def test_output_is_not_an_input(tmp_path: Path) -> None:
    files(tmp_path, 2)
    old = tmp_path / "out.json"
    old.write_bytes(file_bytes(dataset(9)))  # it would be an input
    assert export_archive(tmp_path, old) == Report(datasets=2)
    assert export_archive(tmp_path, old) == Report(datasets=2)
    with (tmp_path / "other").open("wb") as file:
        assert export_archive(tmp_path, file) == Report(datasets=4)  # an earlier output is an input


@pytest.mark.slow
def test_all_readable_formats_are_inputs_in_order(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    files(folder, 1)
    documents = [streamdicom.dumps(dataset(number)) for number in range(6)]
    (folder / "b.json").write_text(f"[{documents[2]},\n{documents[3]}]")
    (folder / "c.ndjson.gz").write_bytes(gzip.compress(f"{documents[4]}\n{documents[5]}\n".encode()))
    xml = io.BytesIO()
    streamdicom.dump(dataset(6), xml, format="xml")
    (folder / "d.xml").write_bytes(xml.getvalue())
    (folder / "e").write_bytes(file_bytes(dataset(7))[132:])
    (folder / "package.json").write_text('{"name": "none of ours"}')
    for options in ({}, {"format": "ndjson"}, {"jobs": 2}):
        target = io.BytesIO()
        report = export_archive(folder, target, **options)
        assert patient_ids(target.getvalue()) == [str(number) for number in range(1, 8)]
        assert report == Report(datasets=7, passed_over=[str(folder / "package.json")], passed_over_count=1)


@pytest.mark.slow
def test_output_is_a_valid_input(corpus: Path, tmp_path: Path) -> None:
    for name in ("a.json", "b.ndjson.gz"):
        export_archive(corpus, tmp_path / name)
        assert _text(tmp_path / name) == _text(corpus)


def test_unordered_elements_are_sorted(tmp_path: Path) -> None:
    unordered = dict(reversed(json.loads(streamdicom.dumps(dataset(1))).items()))
    (tmp_path / "a.json").write_text(json.dumps(unordered))
    (tmp_path / "b.dcm").write_bytes(file_bytes(dataset(1)))
    first, second = json.loads(_text(tmp_path))
    assert list(first.items()) == list(second.items())


@pytest.mark.parametrize("name", ["a.ndjson", "a.ndjson.gz"])
def test_unordered_dicom_file_is_sorted_and_written_once(tmp_path: Path, name: str) -> None:
    whole = file_bytes(dataset(1, PatientName="A", PatientWeight=60))
    start, end = whole.index(b"\x10\0\x10\0PN"), whole.index(b"\x10\0\x30\x10DS")
    (tmp_path / "in").mkdir()
    for folder, data in (("a", whole), ("b", whole[:start] + whole[end:] + whole[start:end]), ("c", whole)):
        (tmp_path / "in" / f"{folder}.dcm").write_bytes(data)
    report = export_archive(tmp_path / "in", tmp_path / name)
    lines = (gzip.decompress if name.endswith(".gz") else bytes)((tmp_path / name).read_bytes()).splitlines()
    assert len(lines) == report.datasets == 3
    assert lines[0] == lines[1] == lines[2]


@pytest.mark.slow
def test_data_sets_are_selected(corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(streamdicom.dumps([dataset(number) for number in (5, 6, 7)]))
    target = io.BytesIO()
    report = export_archive([corpus / "a", tmp_path / "a.json"], target, where={"PatientID": ["5", "7"]})
    assert patient_ids(target.getvalue()) == ["5", "7", "5", "7"]
    assert report == Report(datasets=4, not_selected=148)


def test_members_passed_over_are_named(tmp_path: Path) -> None:
    files(tmp_path / "in", 2)
    (tmp_path / "in" / "README").write_text("no DICOM")
    archive = shutil.make_archive(str(tmp_path / "a"), "zip", tmp_path / "in")
    assert export_archive(archive, io.BytesIO()).passed_over == [f"{archive}!README"]


@pytest.mark.parametrize("name", ["out", "out.csv", "out.xml", "out.dcm", "out.gz", "out.json.bz2"])
@pytest.mark.slow
def test_unknown_suffix_needs_a_format(corpus: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=r"ends in none of .*format="):
        export_archive(corpus, tmp_path / name)
    assert _names(tmp_path) == ["in"]
    export_archive(corpus / "a" / "00001.dcm", tmp_path / name, format="ndjson")
    text = (tmp_path / name).read_bytes()
    assert patient_ids(gzip.decompress(text) if name == "out.gz" else text) == ["1"]


# --- errors ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_malformed_file_is_named_with_the_location(corpus: Path, tmp_path: Path, jobs: int) -> None:
    bad = truncated(corpus / "b" / "00200a.dcm")
    with pytest.raises(InputError, match=r"00200a\.dcm: the file ends .*\[0\]\.00200") as caught:
        export_archive(corpus, tmp_path / "out.json", jobs=jobs)
    assert str(bad) in str(caught.value)
    assert "Müller" not in str(caught.value)
    assert not (tmp_path / "out.json").exists()


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"jobs": 2}, {"compress": "gzip"}, {"format": "ndjson"}])
def test_skipped_file_leaves_nothing_in_the_output(corpus: Path, options: dict[str, Any]) -> None:
    for name in ("a/00000.dcm", "a/00064a.dcm", "b/99999.dcm"):
        truncated(corpus / name)
    target = io.BytesIO()
    report = export_archive(corpus, target, on_error="skip", **options)
    text = target.getvalue()
    assert patient_ids(gzip.decompress(text) if "compress" in options else text) == [str(n) for n in range(1, 301)]
    assert [Path(skipped.name).name for skipped in report.skipped] == ["00000.dcm", "00064a.dcm", "99999.dcm"]
    assert not report.is_complete
    assert json.loads(json.dumps(report.to_dict()))["skipped"][0]["reason"].startswith("the file ends")


def test_named_file_must_be_readable(tmp_path: Path) -> None:
    other = tmp_path / "README.txt"
    other.write_text("no DICOM")
    with pytest.raises(InputError, match=r"README\.txt: not DICOM JSON"):
        export_archive(other, io.BytesIO())
    assert [skipped.name for skipped in export_archive([other], io.BytesIO(), on_error="skip").skipped] == [str(other)]


@pytest.mark.slow
def test_empty_file_named_dcm_fails(corpus: Path) -> None:
    empty = corpus / "b" / "empty.dcm"
    empty.write_bytes(b"")
    with pytest.raises(InputError, match=r"empty\.dcm: the file is empty"):
        export_archive(corpus, io.BytesIO())
    assert [skipped.name for skipped in export_archive(corpus, io.BytesIO(), on_error="skip").skipped] == [str(empty)]


def test_url_as_a_path_is_a_value_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    calls: list[tuple[Path, Path, dict[str, Any]]] = [
        (Path("s3://bucket/in"), Path("out.json"), {}),
        (Path(), Path("s3://bucket/out.json"), {}),
        (Path(), Path("out.json"), {"bulk_dir": Path("s3://bucket/bulk")}),
    ]
    for source, target, options in calls:
        with pytest.raises(ValueError, match=r"text with a URL, not a path that starts with s3:"):
            export_archive(source, target, **options)
    assert _names(tmp_path) == []


@pytest.mark.slow
def test_run_that_wrote_nothing_leaves_nothing(corpus: Path, tmp_path: Path) -> None:
    truncated(corpus / "a" / "00000.dcm")
    with pytest.raises(InputError):
        export_archive(corpus, tmp_path / "out.json")
    assert _names(tmp_path) == ["in"]


def test_missing_source_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        export_archive(tmp_path / "none", io.BytesIO(), on_error="skip")


@pytest.mark.skipif(os.name != "posix" or not os.getuid(), reason="the administrator may read everything")
def test_unreadable_file_is_an_error(tmp_path: Path) -> None:
    [path] = files(tmp_path, 1)
    path.chmod(0)
    with pytest.raises(InputError, match="Permission denied"):
        export_archive(tmp_path, io.BytesIO())


@each(
    "options",
    [
        {"format": "xml"},
        {"compress": "rar"},
        {"on_error": "ignore"},
        {"jobs": 0},
        {"resume": True},
        {"bulk": False, "bulk_dir": "x"},
    ],
)
def test_contradictory_arguments_are_a_value_error(tmp_path: Path, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        export_archive(tmp_path, io.BytesIO(), **options)


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_warnings_are_counted_and_the_first_is_issued(tmp_path: Path, jobs: int) -> None:
    wrong = file_bytes(dataset(1)).replace("Müller".encode(), b"M\xffxller")
    for name in ("a.dcm", "b.dcm"):
        (tmp_path / name).write_bytes(wrong)
    with pytest.warns(UserWarning, match=r"a\.dcm: undecodable-text") as caught:
        report = export_archive(tmp_path, io.BytesIO(), jobs=jobs)
    assert len(caught) == 1
    assert list(report.warnings.values()) == [2]


@pytest.mark.slow
def test_progress_is_reported(corpus: Path) -> None:
    reported: list[Progress] = []
    export_archive(corpus, io.BytesIO(), progress=reported.append)
    size = sum(path.stat().st_size for path in corpus.rglob("*") if path.is_file())
    assert (reported[-1].files, reported[-1].files_known) == (301, 301)
    assert (reported[-1].size, reported[-1].size_known) == (size, size)
    assert reported[-1].time_left == 0


# --- killed workers --------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_killed_worker_is_an_error(corpus: Path, tmp_path: Path) -> None:
    code = f"""
import multiprocessing, os, signal, sys
from streamdicom.archive import export_archive
def progress(_):
    for child in multiprocessing.active_children():
        os.kill(child.pid, signal.SIGKILL)
if __name__ == "__main__":
    import streamdicom.progress as reporting
    reporting._INTERVAL = 0
    try:
        export_archive({str(corpus)!r}, {str(tmp_path / "out.json")!r}, jobs=2, progress=progress)
    except ChildProcessError as error:
        print(error)
"""
    (tmp_path / "program.py").write_text(code)
    done = _python(tmp_path / "program.py")
    assert done.stdout == b"a worker process died with exit code -9\n", done.stderr
    assert not (tmp_path / "out.json").exists()


def _python(*arguments: object) -> subprocess.CompletedProcess[bytes]:
    root = Path(streamdicom.__file__).parent.parent
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": str(root)},
    )


# --- resuming --------------------------------------------------------------------------------------------------


def _state(folder: Path) -> Path:
    """Return a copy of a folder."""
    copy = folder.with_name("state")
    shutil.rmtree(copy, ignore_errors=True)
    return shutil.copytree(folder, copy)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize(("name", "count"), [("out.json", 80), ("out.ndjson.gz", 30)])
def test_resuming_after_a_kill_at_any_moment_makes_the_same_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, count: int
) -> None:
    monkeypatch.setattr(sink, "_INTERVAL", -1.0)  # write the journal as often as possible
    source, out = tmp_path / "in", tmp_path / "out"
    files(source, 70)  # in two tasks
    truncated(source / "00050a.dcm")
    out.mkdir()

    def run() -> Report:
        return export_archive(source, out / name, on_error="skip", resume=True)

    expected = run()
    text = (out / name).read_bytes()
    (out / name).unlink()
    lines = run_killed(run, 0)
    (out / name).unlink()
    kills = 0
    for moment in moments(lines, count):
        kills += run_killed(run, moment) == -1
        if (out / name).exists():
            assert (out / name).read_bytes() == text
        assert run() == expected
        assert (out / name).read_bytes() == text
        assert _names(out) == [name]
        (out / name).unlink()
    assert kills > count // 2


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_run_that_is_killed_repeatedly_completes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sink, "_INTERVAL", -1.0)
    files(tmp_path / "in", 700)

    def run() -> Report:
        return export_archive(tmp_path / "in", tmp_path / "out.json", resume=True)

    lines = run_killed(run, 0)
    (tmp_path / "out.json").unlink()
    kills = 0
    # A kill after the rename would start again.
    while run_killed(run, lines // 3) == -1 and not (tmp_path / "out.json").exists():
        kills += 1
        assert kills < 50
    assert kills > 1
    assert patient_ids((tmp_path / "out.json").read_bytes()) == [str(number) for number in range(1, 701)]


@pytest.mark.slow
def test_killed_run_with_workers_can_be_resumed(corpus: Path, tmp_path: Path) -> None:
    code = f"""
from streamdicom.archive import export_archive, sink
if __name__ == "__main__":
    sink._INTERVAL = 0.0
    export_archive({str(corpus)!r}, {str(tmp_path / "out.json")!r}, jobs=2, resume=True)
"""
    program = tmp_path / "program.py"
    program.write_text(code)
    environment = {**os.environ, "PYTHONPATH": str(Path(streamdicom.__file__).parent.parent)}
    journal = tmp_path / ".out.json.journal"
    for lines in (1, 2, 3):
        with subprocess.Popen([sys.executable, str(program)], env=environment) as process:
            while process.poll() is None and (not journal.exists() or journal.read_bytes().count(b"\n") < lines):
                time.sleep(0.001)
            process.send_signal(signal.SIGKILL)
    assert _python(program).returncode == 0
    assert patient_ids((tmp_path / "out.json").read_bytes()) == [str(number) for number in range(1, 301)]
    assert _names(tmp_path) == ["in", "out.json", "program.py"]


def _stopped(corpus: Path, target: Path, **options: Any) -> Path:
    """Stop a run at its last file, which is removed then; return the journal."""
    last = corpus / "z.dcm"
    truncated(last)
    with pytest.raises(InputError):
        export_archive(corpus, target, **options)
    last.unlink()
    return target.with_name(f".{target.name}.journal")


@pytest.mark.slow
def test_truncated_journal_can_be_resumed(corpus: Path, tmp_path: Path) -> None:
    target = tmp_path / "out" / "out.json"
    target.parent.mkdir()
    journal = _stopped(corpus, target)
    expected, text = _text(corpus), journal.read_bytes()
    assert text.count(b"\n") > 3
    before = _state(target.parent)
    cuts = sorted({0, 1, len(text) - 1, len(text), *random.Random(2).sample(range(len(text)), 12)})
    for cut in cuts:
        shutil.rmtree(target.parent)
        shutil.copytree(before, target.parent)
        journal.write_bytes(text[:cut])
        assert export_archive(corpus, target, resume=True) == Report(
            datasets=300, passed_over=[str(corpus / "README.txt")], passed_over_count=1
        )
        assert target.read_bytes() == expected
        assert _names(target.parent) == ["out.json"]


@pytest.mark.slow
def test_truncated_partial_output_can_be_resumed(corpus: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.json"
    _stopped(corpus, target)
    partial = tmp_path / ".out.json.partial"
    os.truncate(partial, partial.stat().st_size // 2)
    export_archive(corpus, target, resume=True)
    assert target.read_bytes() == _text(corpus)


@pytest.mark.slow
def test_resumed_run_does_not_read_finished_files(corpus: Path, tmp_path: Path) -> None:
    _stopped(corpus, tmp_path / "out.json")
    first = corpus / "a" / "00001.dcm"
    status = first.stat()
    first.write_bytes(b"\0" * 128 + b"DICM" + b"x" * (status.st_size - 132))
    os.utime(first, ns=(status.st_atime_ns, status.st_mtime_ns))  # only reading would show the change
    assert export_archive(corpus, tmp_path / "out.json", resume=True).datasets == 300


@pytest.mark.parametrize("change", ["new", "gone", "touched", "longer"])
@pytest.mark.slow
def test_changed_inputs_cannot_be_resumed(corpus: Path, tmp_path: Path, change: str) -> None:
    _stopped(corpus, tmp_path / "out.json")
    if change == "new":
        files(corpus / "a0", 1, 500)
    elif change == "gone":
        (corpus / "a" / "00002.dcm").unlink()
    elif change == "touched":
        os.utime(corpus / "a" / "00002.dcm", (1, 1))
    else:
        with (corpus / "a" / "00002.dcm").open("ab") as file:
            file.write(b"\0")
    with pytest.raises(ResumeError, match=r"was added, changed or removed"):
        export_archive(corpus, tmp_path / "out.json", resume=True)


@pytest.mark.slow
def test_only_jobs_and_on_error_may_differ_when_resuming(corpus: Path, tmp_path: Path) -> None:
    _stopped(corpus, tmp_path / "out.json")
    options = WriteOptions(file_meta=True, keys="camel", include=[0x00100020])
    with pytest.raises(ResumeError, match="differing: ") as caught:
        export_archive(corpus, tmp_path / "out.json", resume=True, options=options, indent=2)
    names = str(caught.value).partition("differing: ")[2].split(", ")
    assert sorted(names) == ["file_meta", "include", "indent", "keys"]
    assert export_archive(corpus, tmp_path / "out.json", resume=True, jobs=2, on_error="skip").datasets == 300
    assert (tmp_path / "out.json").read_bytes() == _text(corpus)


@pytest.mark.slow
def test_stopped_run_is_not_replaced_without_resume(corpus: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.json"
    journal = _stopped(corpus, target)
    before = journal.read_bytes()
    for _ in range(2):
        with pytest.raises(ResumeError, match=r"stopped; resume it .*--resume.* or remove") as caught:
            export_archive(corpus, target)
        assert str(journal) in str(caught.value)
        assert str(tmp_path / ".out.json.partial") in str(caught.value)
    assert journal.read_bytes() == before
    with pytest.raises(ResumeError, match="differing"):
        export_archive(corpus, target, resume=True, indent=1)
    hidden = corpus.rename(tmp_path / "hidden")
    with pytest.raises(FileNotFoundError):
        export_archive(corpus, target, resume=True)
    hidden.rename(corpus)
    assert export_archive(corpus, target, resume=True).datasets == 300
    assert target.read_bytes() == _text(corpus)


@pytest.mark.slow
def test_removed_state_starts_again(corpus: Path, tmp_path: Path) -> None:
    _stopped(corpus, tmp_path / "out.json").unlink()
    (tmp_path / ".out.json.partial").unlink()
    assert export_archive(corpus, tmp_path / "out.json", options=WriteOptions(file_meta=True)).datasets == 300
    assert (tmp_path / "out.json").read_bytes() == _text(corpus, options=WriteOptions(file_meta=True))


def test_two_runs_cannot_write_the_same_output(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamdicom.progress._INTERVAL", -1.0)  # progress is reported at once
    reported = 0

    def again(progress: Progress) -> None:
        nonlocal reported
        if progress.files < 300:
            reported += 1
            with pytest.raises(ResumeError, match="another run"):
                export_archive(corpus, tmp_path / "out.json")

    assert export_archive(corpus, tmp_path / "out.json", progress=again).datasets == 300
    assert reported > 1


@pytest.mark.slow
def test_resuming_within_members(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamdicom.archive.tasks._BATCH_SIZE", 1000)  # many results
    monkeypatch.setattr(sink, "_INTERVAL", -1.0)
    source = tmp_path / "in"
    files(source, 60)
    shutil.make_archive(str(tmp_path / "zips" / "a"), "zip", source)
    shutil.make_archive(str(tmp_path / "zips" / "b"), "gztar", source)
    expected = _text(tmp_path / "zips")
    assert sorted(patient_ids(expected), key=int) == sorted([str(n) for n in range(1, 61)] * 2, key=int)

    def run() -> Report:
        return export_archive(tmp_path / "zips", tmp_path / "out.json", resume=True)

    lines = run_killed(run, 0)
    (tmp_path / "out.json").unlink()
    kills = 0
    for moment in moments(lines, 10):
        if run_killed(run, moment) == -1:  # the number of lines depends on the clock
            kills += 1
            assert run().datasets == 120
        assert (tmp_path / "out.json").read_bytes() == expected
        (tmp_path / "out.json").unlink()
    assert kills >= len(moments(lines, 10)) - 2


# --- full disks and closed pipes -------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_run_on_a_full_disk_can_be_resumed(corpus: Path, tmp_path: Path, jobs: int) -> None:
    expected = _text(corpus)
    code = f"""
import resource, signal
from streamdicom.archive import export_archive
if __name__ == "__main__":
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, ({len(expected) // 2}, resource.RLIM_INFINITY))
    try:
        export_archive({str(corpus)!r}, {str(tmp_path / "out.json")!r}, jobs={jobs}, on_error="skip")
    except OSError as error:
        print(error.strerror, error.filename)
"""
    (tmp_path / "program.py").write_text(code)
    done = _python(tmp_path / "program.py")
    assert done.stdout.decode() == f"File too large {tmp_path / 'out.json'}\n", done.stderr
    assert not (tmp_path / "out.json").exists()
    report = export_archive(corpus, tmp_path / "out.json", resume=True)
    assert report.datasets == 300
    assert (tmp_path / "out.json").read_bytes() == expected


@pytest.mark.slow
def test_full_disk_is_named_when_many_bytes_wait_for_another_process(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.dcm").write_bytes(file_bytes(_image(1, 4 * 1024 * 1024)))
    code = f"""
import resource, signal
from streamdicom.archive import export_archive
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
try:
    export_archive({str(tmp_path / "in")!r}, {str(tmp_path / "out.json")!r})
except OSError as error:
    print(error.strerror, error.filename)
"""
    (tmp_path / "program.py").write_text(code)
    done = _python(tmp_path / "program.py")
    assert done.stdout.decode() == f"File too large {tmp_path / '.out.json.spool'}\n", done.stderr


def test_pipe_by_its_name_in_dev(tmp_path: Path) -> None:
    files(tmp_path, 3)
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as file:
        export_archive(tmp_path, f"/dev/fd/{writer}", format="ndjson")
        os.close(writer)
        assert file.read().count(b"\n") == 3


def test_error_names_the_target(tmp_path: Path) -> None:
    target = tmp_path / "none" / "out.json"
    with pytest.raises(FileNotFoundError) as missing:
        export_archive(tmp_path, target)
    assert missing.value.filename == str(target)


@pytest.mark.slow
def test_closed_pipe_is_an_error(corpus: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb", buffering=0) as file, pytest.raises(BrokenPipeError):
        export_archive(corpus, file)
