"""Imports: files and their paths, errors, kills and resumed runs."""

from __future__ import annotations

import gzip
import io
import json
import os
import random
import shutil
import subprocess
import sys
import tracemalloc
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom import dcmread
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

import streamdicom
from streamdicom import DicomJsonError, JsonSyntaxError, OutputError, TruncatedError
from streamdicom.archive import Report, export_archive, import_archive
from streamdicom.cli.demo import differences
from streamdicom.errors import ResumeError
from streamdicom.inputs import Kind, find
from streamdicom.progress import Progress
from tests.archive.corpus import dataset, encapsulated, file_bytes, moments, run_killed
from tests.support.each import each

_BAD = {"00080018": {"vr": "UI", "Value": ["1.2.3.66"]}, "00420011": {"vr": "OB", "BulkDataURI": "nowhere"}}


def _object(number: int, **more: Any) -> dict[str, Any]:
    return {**json.loads(streamdicom.dumps(dataset(number))), **more}


def _array(*objects: dict[str, Any]) -> bytes:
    return json.dumps(objects).encode()


def _stream(count: int) -> bytes:
    return _array(*map(_object, range(1, count + 1)))


def _files(folder: Path) -> list[str]:
    """Return the files in a folder and its subfolders."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


def _expected(count: int) -> list[str]:
    return sorted(f"1.2.1/1.2.2.{number % 3}/1.2.3.{number}.dcm" for number in range(1, count + 1))


def _check(folder: Path, count: int) -> None:
    assert _files(folder) == _expected(count)
    for path in folder.rglob("*.dcm"):
        ds = dcmread(path)
        assert ds == dataset(int(ds.PatientID))
        assert path.name == f"1.2.3.{ds.PatientID}.dcm"


# --- output ---------------------------------------------------------------------------------------------------


def test_default_layout_is_by_study_series_and_instance(tmp_path: Path) -> None:
    assert import_archive(_stream(5), tmp_path / "a" / "b") == Report(datasets=5)
    _check(tmp_path / "a" / "b", 5)


def test_export_round_trips(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number, ds in enumerate([dataset(1), encapsulated(2), dataset(3, Rows=7)]):
        (tmp_path / "in" / str(number)).write_bytes(file_bytes(ds))
    export_archive(tmp_path / "in", tmp_path / "out.ndjson.gz")
    import_archive(tmp_path / "out.ndjson.gz", tmp_path / "back", layout="{SOPInstanceUID}")
    for number in range(3):
        one, other = dcmread(tmp_path / "in" / str(number)), dcmread(tmp_path / "back" / f"1.2.3.{number + 1}")
        assert one == other
        assert one.file_meta.TransferSyntaxUID == other.file_meta.TransferSyntaxUID


def test_bulk_data_is_restored(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    large = dataset(1, PixelData=random.Random(1).randbytes(5000))
    large["PixelData"].VR = "OB"
    for ds in (large, encapsulated(2)):
        (tmp_path / "in" / ds.PatientID).write_bytes(file_bytes(ds))
    options: dict[str, Any] = {"bulk_uri_prefix": "https://host/b/"}
    export_archive(tmp_path / "in", tmp_path / "out.json", bulk_dir=tmp_path / "bulk", bulk_threshold=10, **options)
    assert (tmp_path / "out.json").read_bytes().count(b"BulkDataURI") == 2
    options |= {"layout": "{PatientID}"}
    import_archive(tmp_path / "out.json", tmp_path / "back", bulk_root=tmp_path / "bulk", **options)
    for name in "12":
        assert dcmread(tmp_path / "back" / name) == dcmread(tmp_path / "in" / name)
    shutil.rmtree(tmp_path / "bulk")
    report = import_archive(
        tmp_path / "out.json", tmp_path / "again", bulk_root=tmp_path / "bulk", on_error="skip", **options
    )
    assert [skipped.name for skipped in report.skipped] == ["[0]", "[1]"]
    assert "7FE00010" in report.skipped[0].reason


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # many of the files are not conforming
def test_files_of_pydicom_round_trip(tmp_path: Path) -> None:
    """All files that can be exported."""
    count = 0
    for item in find([str(Path(pydicom.__file__).parent / "data")]):
        text = io.BytesIO()
        if item.kind != Kind.DICOM or export_archive(item.path, text, on_error="skip").skipped:
            continue
        assert import_archive(text.getvalue(), tmp_path / str(count), layout="x") == Report(datasets=1)
        one, other = dcmread(item.path, force=True), dcmread(tmp_path / str(count) / "x")
        if one.original_encoding[1] is False and one.get("PixelData") and one["PixelData"].VR == "OW":
            words = array("H", one.PixelData)
            words.byteswap()  # the imported file is in little endian
            one.PixelData = words.tobytes()
        assert differences(one, other)[1] == [], item.path
        count += 1
    assert count > 150


def _one_by_one(data: bytes) -> Iterator[bytes]:
    for start in range(len(data)):
        yield data[start : start + 1]


@each("form", ["array", "lines", "concatenated", "one", "bytes", "file", "iterable", "gzip", "zstd"])
def test_every_form_of_stream_is_read(tmp_path: Path, form: str) -> None:
    objects = [json.dumps(_object(number)).encode() for number in range(1, 4)]
    source: Any = {
        "lines": b"\n".join(objects),
        "concatenated": b"[%s,%s]%s" % tuple(objects),
        "one": objects[0],
    }.get(form, b"[" + b",".join(objects) + b"]")
    if form == "file":
        source = io.BytesIO(source)
    elif form == "iterable":
        source = _one_by_one(source)
    elif form == "gzip":
        source = _one_by_one(gzip.compress(source))
    elif form == "zstd":
        source = _one_by_one(pytest.importorskip("zstandard").compress(source))
    import_archive(source, tmp_path)
    _check(tmp_path, 1 if form == "one" else 3)


def test_other_formats_are_imported(tmp_path: Path) -> None:
    xml = io.BytesIO()
    streamdicom.dump(dataset(1), xml, format="xml")
    for number, source in enumerate((xml.getvalue(), file_bytes(dataset(1)), gzip.compress(file_bytes(dataset(1))))):
        assert import_archive(source, tmp_path / str(number)) == Report(datasets=1)
        _check(tmp_path / str(number), 1)


def test_error_names_the_stream(tmp_path: Path) -> None:
    source = tmp_path / "in.json"
    source.write_bytes(_stream(2)[:-1])
    with pytest.raises(TruncatedError, match=r"in\.json: "):
        import_archive(source, tmp_path / "out")


def test_stream_without_data_sets_makes_no_file(tmp_path: Path) -> None:
    assert import_archive(b"[]", tmp_path) == Report()
    assert _files(tmp_path) == []


def test_transfer_syntax_is_that_requested(tmp_path: Path) -> None:
    import_archive(_stream(1), tmp_path / "a")
    import_archive(_stream(1), tmp_path / "b", transfer_syntax=ImplicitVRLittleEndian)
    one, other = (dcmread(tmp_path / name / _expected(1)[0]) for name in "ab")
    assert one.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert other.file_meta.TransferSyntaxUID == ImplicitVRLittleEndian
    assert one == other


def test_progress_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "in.json"
    path.write_bytes(_stream(3))
    reported: list[Progress] = []
    import_archive(path, tmp_path / "out", progress=reported.append)
    size = path.stat().st_size
    assert (reported[-1].files, reported[-1].size, reported[-1].size_known) == (3, size, size)


# --- names -----------------------------------------------------------------------------------------------------

_HOSTILE = [
    "../../../../tmp/evil",
    "/etc/passwd",
    "..",
    ".",
    "",
    "a/b",
    "a\\b",
    "C:\\x",
    "nul",
    "x\0y",
    "\n",
    "1.2.3/../../..",
    "9" * 5000,
    "1.2..3",
    ".1.2",
    "\u202e1.2",
    "\uff0e\uff0e",
    "\u0661",
    "~",
    "$(id)",
    ".streamdicom",
]


@pytest.mark.filterwarnings("ignore:wrong-value")  # no file can hold some of the UIDs
@pytest.mark.filterwarnings("ignore:backslash")  # it separates values
@each("layout", ["{StudyInstanceUID}/{SOPInstanceUID}.dcm", "{PatientID}/{SOPInstanceUID}"])
@each("text", _HOSTILE)
def test_no_value_makes_a_path_outside_the_folder(tmp_path: Path, text: str, layout: str) -> None:
    folder = tmp_path / "a" / "b" / "c"
    value = {"Value": [text]} if text else {}
    hostile = _object(
        1,
        **{"00080018": {"vr": "UI", **value}, "0020000D": {"vr": "UI", **value}, "00100020": {"vr": "LO", **value}},
    )
    report = import_archive(_array(hostile), folder, layout=layout, on_error="skip")
    assert report.datasets + len(report.skipped) == 1
    assert report.datasets == len(_files(tmp_path))
    for name in _files(tmp_path):
        parts = Path(name).parts
        assert parts[:3] == ("a", "b", "c")
        assert len(parts) == 5
        assert all(0 < len(part.encode()) <= 255 and part[0] != "." and part.isprintable() for part in parts)


def test_names_of_invalid_uids_are_unique(tmp_path: Path) -> None:
    texts = ["x" * 1000, "x" * 1001, "../1", "../2"]
    objects = [_object(n, **{"00080018": {"vr": "UI", "Value": [text]}}) for n, text in enumerate(texts)]
    assert import_archive(_array(*objects), tmp_path).datasets == 4
    assert len(_files(tmp_path)) == 4


def test_names_of_missing_uids_are_unique(tmp_path: Path) -> None:
    assert import_archive(b"[{},{}]", tmp_path).datasets == 2
    assert _files(tmp_path) == ["unknown/unknown/unknown-0.dcm", "unknown/unknown/unknown-1.dcm"]


def test_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "1.2.1").symlink_to(tmp_path / "outside")
    with pytest.raises(OutputError, match=r"a link leads from .* out of the folder"):
        import_archive(_stream(1), folder)
    assert _files(tmp_path / "outside") == []


def test_link_within_the_folder_is_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "1.2.1").symlink_to(tmp_path / "elsewhere")
    import_archive(_stream(1), tmp_path)
    assert _files(tmp_path / "elsewhere") == ["1.2.2.1/1.2.3.1.dcm"]


def test_link_at_the_path_of_a_file_is_replaced(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    folder = tmp_path / "in"
    path = folder / _expected(1)[0]
    path.parent.mkdir(parents=True)
    path.symlink_to(victim)
    with pytest.raises(OutputError, match=r"a file exists at 1\.2\.1/1\.2\.2\.1/1\.2\.3\.1\.dcm"):
        import_archive(_stream(1), folder)
    import_archive(_stream(1), folder, on_duplicate="replace")
    assert victim.read_bytes() == b"precious"
    _check(folder, 1)


def test_link_in_place_of_the_work_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / ".streamdicom").symlink_to(tmp_path / "outside")
    with pytest.raises(ResumeError, match="found a link"):
        import_archive(_stream(1), tmp_path / "in")
    assert _files(tmp_path / "outside") == []


def test_file_in_place_of_a_folder_fails_the_data_set(tmp_path: Path) -> None:
    (tmp_path / "1.2.1").write_bytes(b"")
    report = import_archive(_stream(2), tmp_path, on_error="skip")
    assert [skipped.name for skipped in report.skipped] == ["[0]", "[1]"]
    assert (tmp_path / "1.2.1").read_bytes() == b""


# --- errors ----------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("syntax", [None, ImplicitVRLittleEndian])
def test_wrong_values_among_many_cost_their_element(syntax: str | None, tmp_path: Path) -> None:
    wrong = {"00281201": {"vr": "US", "Value": [1] * 5000 + [70_000]}, "00400310": {"vr": "ST", "Value": ["a"]}}
    with pytest.raises(OutputError, match="00281201"):
        import_archive(_array(_object(1, **wrong)), tmp_path / "a", transfer_syntax=syntax)
    report = import_archive(_array(_object(1, **wrong)), tmp_path / "b", transfer_syntax=syntax, on_error="skip")
    assert report == Report(datasets=1)
    [name] = _files(tmp_path / "b")
    found = dcmread(tmp_path / "b" / name)
    assert found[0x00400310].value == "a"
    if syntax is None:
        assert (found[0x00281201].VR, found[0x00281201].value[-8:]) == ("UT", "\\1\\70000")
    else:  # which has no VR for the text
        assert 0x00281201 not in found


def test_data_set_that_fails_stops_the_run_or_is_skipped(tmp_path: Path) -> None:
    text = _array(_object(1), _BAD, _object(2))
    with pytest.raises(streamdicom.StreamDicomError, match=r"\[1\]"):
        import_archive(text, tmp_path / "a")
    assert _files(tmp_path / "a") == [".streamdicom/journal", _expected(1)[0]]
    report = import_archive(text, tmp_path / "b", on_error="skip")
    _check(tmp_path / "b", 2)
    assert report.datasets == 2
    assert [skipped.name for skipped in report.skipped] == ["[1]"]
    assert "00420011" in report.skipped[0].reason


@each(
    ("end", "error"),
    [(b"", TruncatedError), (b",}", JsonSyntaxError), (b",5]", DicomJsonError)],
)
def test_syntax_error_keeps_the_data_sets_before_it(tmp_path: Path, end: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        import_archive(_stream(2)[:-1] + end, tmp_path, on_error="skip")
    shutil.rmtree(tmp_path / ".streamdicom")
    _check(tmp_path, 2)


def test_invalid_value_is_kept_with_on_error_skip(tmp_path: Path) -> None:
    text = _array(_object(1), _object(2, **{"00280010": {"vr": "US", "Value": ["many"]}}))
    with pytest.raises(DicomJsonError, match=r"\[1\]\.00280010"):
        import_archive(text, tmp_path / "a")
    with pytest.warns(streamdicom.DeviationWarning, match="wrong-value"):
        assert import_archive(text, tmp_path / "b", on_error="skip").datasets == 2
    assert _files(tmp_path / "b") == _expected(2)
    [path] = (tmp_path / "b").rglob("*.2.dcm")
    raw = dcmread(path).get_item(0x00280010)
    assert (raw.VR, raw.value) == ("UT", b"many")


@each(("vr", "value"), [("FL", 1e39), ("US", -1), ("SL", 2**40)])
def test_value_that_no_file_can_hold_costs_its_element(vr: str, value: float, tmp_path: Path) -> None:
    stream = _array(_object(1), _object(2, **{"00281052": {"vr": vr, "Value": [value]}}))
    with pytest.warns(streamdicom.DeviationWarning):
        report = import_archive(stream, tmp_path / "a", on_error="skip", layout="{PatientID}")
    assert report == Report(datasets=2)
    ds = dcmread(tmp_path / "a" / "2")
    assert (ds[0x00281052].VR, float(ds[0x00281052].value)) == ("UT", value)
    del ds[0x00281052]
    assert ds == dataset(2)
    options = {"on_error": "skip", "layout": "{PatientID}", "transfer_syntax": ImplicitVRLittleEndian}
    with pytest.warns(streamdicom.DeviationWarning):
        report = import_archive(stream, tmp_path / "b", **options)
    assert report == Report(datasets=2)
    assert dcmread(tmp_path / "b" / "2") == dataset(2)
    with pytest.warns(streamdicom.DeviationWarning), pytest.raises(streamdicom.StreamDicomError, match="00281052"):
        import_archive(stream, tmp_path / "c")


def test_unordered_elements_are_sorted(tmp_path: Path) -> None:
    text = _array(*(dict(reversed(_object(number).items())) for number in (1, 2)))
    assert import_archive(text, tmp_path).datasets == 2
    shutil.rmtree(tmp_path / ".streamdicom", ignore_errors=True)
    _check(tmp_path, 2)


@each("cut", [1, 5, 9, 100])
def test_truncated_gzip_stream_is_an_error(tmp_path: Path, cut: int) -> None:
    with pytest.raises(TruncatedError, match="stop"):
        import_archive(gzip.compress(_stream(2))[:-cut], tmp_path)
    assert not [name for name in _files(tmp_path) if name.endswith(".partial")]


def test_reference_without_bulk_root_is_an_error(tmp_path: Path) -> None:
    reference = {"7FE00010": {"vr": "OW", "BulkDataURI": "file:///etc/passwd"}}
    with pytest.raises(OutputError, match=r"bulk_root \(import --bulk-dir\), or .*7FE00010"):
        import_archive(_array(_object(1, **reference)), tmp_path)


@each(
    "options",
    [
        {"on_error": "ignore"},
        {"on_duplicate": "both"},
        {"layout": "../{SOPInstanceUID}"},
        {"layout": "/tmp/{SOPInstanceUID}"},
        {"layout": "{NoSuchKeyword}"},
        {"layout": ""},
        {"layout": ".streamdicom/{SOPInstanceUID}"},
        {"layout": "a//b"},
        {"layout": "{SOPInstanceUID"},
        {"bulk_root": "nothing://bucket/bulk"},
        {"bulk_root": Path("s3://bucket/bulk")},
    ],
)
def test_invalid_arguments_are_a_value_error(tmp_path: Path, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        import_archive(_stream(1), tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


@pytest.mark.memory
@pytest.mark.slow
def test_memory_does_not_depend_on_the_expanded_size(tmp_path: Path) -> None:
    bomb = gzip.compress(b" " * 50_000_000 + b"[]")
    import_archive(_stream(1), tmp_path / "warm")  # exclude imports
    tracemalloc.start()
    try:
        assert import_archive(bomb, tmp_path / "out") == Report()
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


# --- duplicates ------------------------------------------------------------------------------------------------


def _twice() -> bytes:
    """Return the same SOP Instance UID in two series, and another data set."""
    second = _object(1, **{"0020000E": {"vr": "UI", "Value": ["1.2.2.9"]}, "00280010": {"vr": "US", "Value": [9]}})
    return _array(_object(1), second, _object(2))


def test_duplicate_uid_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"an earlier data set, at 1\.2\.1/1\.2\.2\.1/1\.2\.3\.1\.dcm.*\(\[1\]\)"):
        import_archive(_twice(), tmp_path)


def test_duplicate_uid_can_be_skipped(tmp_path: Path) -> None:
    report = import_archive(_twice(), tmp_path, on_duplicate="skip")
    _check(tmp_path, 2)
    assert [skipped.name for skipped in report.skipped] == ["[1]"]
    assert report.datasets == 2


def test_duplicate_uid_can_replace_the_earlier_file(tmp_path: Path) -> None:
    report = import_archive(_twice(), tmp_path, on_duplicate="replace")
    assert _files(tmp_path) == ["1.2.1/1.2.2.2/1.2.3.2.dcm", "1.2.1/1.2.2.9/1.2.3.1.dcm"]
    assert dcmread(tmp_path / "1.2.1/1.2.2.9/1.2.3.1.dcm").Rows == 9
    assert report == Report(datasets=2)


def test_all_duplicates_can_be_kept(tmp_path: Path) -> None:
    report = import_archive(_array(*[_object(1)] * 4), tmp_path, on_duplicate="keep-both")
    assert report == Report(datasets=4)
    stem = _expected(1)[0].removesuffix(".dcm")
    assert _files(tmp_path) == [f"{stem}-{number}.dcm" for number in (2, 3, 4)] + [f"{stem}.dcm"]
    import_archive(_array(_object(1)), tmp_path, on_duplicate="keep-both")
    assert f"{stem}-5.dcm" in _files(tmp_path)


def test_existing_file_is_a_duplicate(tmp_path: Path) -> None:
    import_archive(_stream(2), tmp_path)
    with pytest.raises(OutputError, match=r"a file exists at 1\.2\.1/1\.2\.2\.1/1\.2\.3\.1\.dcm"):
        import_archive(_stream(2), tmp_path)
    assert len(import_archive(_stream(3), tmp_path, on_duplicate="skip").skipped) == 2
    assert import_archive(_stream(3), tmp_path, on_duplicate="replace") == Report(datasets=3)
    _check(tmp_path, 3)


def test_layout_with_colliding_paths_loses_no_data_set(tmp_path: Path) -> None:
    for on_duplicate in ("error", "replace"):
        with pytest.raises(OutputError):
            import_archive(_stream(2), tmp_path / on_duplicate, layout="x.dcm", on_duplicate=on_duplicate)
        assert dcmread(tmp_path / on_duplicate / "x.dcm").PatientID == "1"
    import_archive(_stream(3), tmp_path / "both", layout="x.dcm", on_duplicate="keep-both")
    assert _files(tmp_path / "both") == ["x-2.dcm", "x-3.dcm", "x.dcm"]


# --- resuming --------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize(("on_duplicate", "count"), [("keep-both", 60), ("skip", 20), ("replace", 20)])
def test_resuming_after_a_kill_at_any_moment_makes_the_same_files(
    tmp_path: Path, on_duplicate: str, count: int
) -> None:
    source = tmp_path / "in.json"
    objects = [_object(number) for number in range(1, 8)]
    again = _object(3, **{"0020000E": {"vr": "UI", "Value": ["1.2.2.9"]}})
    source.write_bytes(_array(*objects[:4], _BAD, again, *objects[4:], objects[0]))
    folder = tmp_path / "out"

    def run() -> Report:
        return import_archive(source, folder, on_error="skip", on_duplicate=on_duplicate, resume=True)

    expected, files = run(), _files(folder)
    contents = [(folder / name).read_bytes() for name in files]
    shutil.rmtree(folder)
    lines = run_killed(run, 0)
    kills = 0
    for moment in moments(lines, count):
        shutil.rmtree(folder)
        if run_killed(run, moment) != -1:  # the number of lines depends on the clock
            continue
        kills += 1
        for name in set(_files(folder)):
            if not name.startswith(".streamdicom"):
                dcmread(folder / name)  # no file is incomplete
        assert run() == expected
        assert _files(folder) == files
        assert [(folder / name).read_bytes() for name in files] == contents
    assert kills >= count * 5 // 6


def _interrupted(tmp_path: Path) -> tuple[Path, Path]:
    """Stop at the third data set of a stream; return the stream and the folder."""
    source = tmp_path / "in.json"
    source.write_bytes(_array(_object(1), _object(2), _BAD, _object(3)))
    with pytest.raises(streamdicom.StreamDicomError):
        import_archive(source, tmp_path / "out")
    return source, tmp_path / "out"


def test_run_that_wrote_nothing_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(streamdicom.InputError):
        import_archive(b"no JSON", tmp_path / "new" / "out")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(streamdicom.InputError):
        import_archive(b"no JSON", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_resumed_run_may_skip_errors(tmp_path: Path) -> None:
    source, folder = _interrupted(tmp_path)
    report = import_archive(source, folder, resume=True, on_error="skip")
    assert (report.datasets, len(report.skipped)) == (3, 1)
    _check(folder, 3)


def test_stopped_run_is_not_replaced_without_resume(tmp_path: Path) -> None:
    source, folder = _interrupted(tmp_path)
    with pytest.raises(ResumeError, match=r"stopped; resume it .*--resume.* or remove"):
        import_archive(source, folder)


@pytest.mark.parametrize("separator", [b", ", b"\n"])
def test_resumed_run_reads_from_where_it_stopped(separator: bytes, tmp_path: Path) -> None:
    source, folder = tmp_path / "in.json", tmp_path / "out"
    objects = [json.dumps(one).encode() for one in (*map(_object, range(1, 150)), _BAD, *map(_object, range(150, 160)))]
    text = separator.join(objects)
    source.write_bytes(b"[" + text + b"]" if separator == b", " else text)
    with pytest.raises(streamdicom.StreamDicomError) as stopped:
        import_archive(source, folder)
    status = source.stat()
    with source.open("r+b") as file:
        file.seek(1)
        file.write(b"#" * 10_000)
    os.utime(source, ns=(status.st_atime_ns, status.st_mtime_ns))
    with pytest.raises(streamdicom.StreamDicomError) as again:
        import_archive(source, folder, resume=True)
    assert str(again.value) == str(stopped.value)
    report = import_archive(source, folder, resume=True, on_error="skip")
    assert (report.datasets, [skipped.name for skipped in report.skipped]) == (159, ["[149]"])
    _check(folder, 159)


def test_data_sets_are_selected(tmp_path: Path) -> None:
    report = import_archive(_stream(9), tmp_path, where={"PatientID": ["2", "7"]})
    assert report == Report(datasets=2)
    assert [Path(name).name for name in _files(tmp_path)] == ["1.2.3.7.dcm", "1.2.3.2.dcm"]


def test_selection_is_resumed(tmp_path: Path) -> None:
    source, folder = tmp_path / "in.json", tmp_path / "out"
    source.write_bytes(
        _array(*map(_object, range(1, 8)), {**_BAD, **_object(8), "00420011": _BAD["00420011"]}, _object(9))
    )
    where = {"SeriesInstanceUID": ["1.2.2.1", "1.2.2.2"]}
    with pytest.raises(streamdicom.StreamDicomError):
        import_archive(source, folder, where=where)
    with pytest.raises(ResumeError, match="differing: where"):
        import_archive(source, folder, resume=True, on_error="skip")
    report = import_archive(source, folder, where=where, resume=True, on_error="skip")
    assert (report.datasets, [skipped.name for skipped in report.skipped]) == (5, ["[7]"])
    assert sorted(Path(name).stem[-1] for name in _files(folder)) == ["1", "2", "4", "5", "7"]


def test_run_after_a_kill_at_the_very_end_can_be_resumed(tmp_path: Path) -> None:
    source, folder = _interrupted(tmp_path)
    expected = import_archive(source, folder, resume=True, on_error="skip")
    with pytest.raises(streamdicom.StreamDicomError):
        import_archive(source, folder, resume=True)  # there is no journal, and the run stops again
    assert import_archive(source, folder, resume=True, on_error="skip") == expected
    _check(folder, 3)


def test_other_stream_cannot_be_resumed(tmp_path: Path) -> None:
    source, folder = _interrupted(tmp_path)
    with pytest.raises(ResumeError, match="differing: source"):
        import_archive(_stream(3), folder, resume=True)
    status = source.stat()
    text = source.read_bytes().replace(b'"1.2.3.2"', b'"1.2.3.7"')
    source.write_bytes(text)
    os.utime(source, ns=(status.st_atime_ns, status.st_mtime_ns))
    with pytest.raises(ResumeError, match=r"not that of the stopped run .*\[1\]"):
        import_archive(source, folder, resume=True)


def test_shorter_stream_cannot_be_resumed(tmp_path: Path) -> None:
    with pytest.raises(TruncatedError):
        import_archive(_stream(3)[:-1], tmp_path)
    with pytest.raises(ResumeError, match="fewer data sets"):
        import_archive(_stream(2), tmp_path, resume=True)
    import_archive(_stream(4), tmp_path, resume=True)
    _check(tmp_path, 4)


@pytest.mark.parametrize("option", [{"layout": "{SOPInstanceUID}.dcm"}, {"transfer_syntax": "1.2.840.10008.1.2"}])
def test_other_arguments_cannot_be_resumed(tmp_path: Path, option: dict[str, str]) -> None:
    source, folder = _interrupted(tmp_path)
    with pytest.raises(ResumeError, match=f"differing: {next(iter(option))}"):
        import_archive(source, folder, resume=True, **option)  # type: ignore[arg-type]


# --- a full disk -----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_full_disk_leaves_no_incomplete_file(tmp_path: Path) -> None:
    large = dataset(2)
    large.PixelData = random.Random(3).randbytes(200_000)
    large["PixelData"].VR = "OB"
    source = tmp_path / "in.json"
    source.write_bytes(_array(_object(1), json.loads(streamdicom.dumps(large)), _object(3)))
    code = f"""
import resource, signal
from streamdicom.archive import import_archive
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    import_archive({str(source)!r}, {str(tmp_path / "out")!r}, on_error="skip")
except OSError as error:
    print(error.strerror, error.filename)
"""
    root = Path(streamdicom.__file__).parent.parent
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=False, cwd=root)
    assert done.stdout.decode() == f"File too large {tmp_path / 'out'}\n", done.stderr
    assert _files(tmp_path / "out") == [".streamdicom/journal", _expected(1)[0]]
    import_archive(source, tmp_path / "out", resume=True)
    assert _files(tmp_path / "out") == _expected(3)
    assert dcmread(tmp_path / "out" / "1.2.1/1.2.2.2/1.2.3.2.dcm").PixelData == large.PixelData
