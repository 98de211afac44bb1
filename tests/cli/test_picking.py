"""``count``, ``head``, ``sample``, ``split``, ``index`` and ``show --at``."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from pydicom.data import get_testdata_file

import streamdicom
from streamdicom.cli import picking
from tests.cli.running import dicom_file, run, without_preamble
from tests.formats.part10.files import EXPLICIT, start
from tests.index.test_planning import text_of
from tests.support.each import each


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "in.json"
    path.write_bytes(text_of(40, "array"))
    return path


def uids(data: bytes) -> list[str]:
    return [one["00080018"]["Value"][0] for one in json.loads(data)]


def test_index_is_built_and_reported(path: Path) -> None:
    result = run("index", path)
    assert (result.code, result.error) == (0, f"{path}.sdx: 40 data sets")
    with streamdicom.open_index(path) as index:
        assert index["1.2.7"].SOPInstanceUID == "1.2.7"


@pytest.mark.parametrize("command", ["count", "head", "sample", "show"])
def test_folder_without_data_sets_is_reported(command: str, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no data set")
    result = run(command, tmp_path)
    assert (result.code, result.error) == (0, f"warning: {tmp_path}: found no data sets in this folder")
    assert run(command, tmp_path, "--quiet").stderr == ""


_WRONG = '{"00100020":{"vr":"LO","Value":["1"]},"00280010":{"vr":"US","Value":["many"]}}'


@pytest.mark.parametrize("text", ["no data set", f"[{_WRONG}]"])
def test_nothing_is_written_if_the_first_data_set_is_not_valid(text: str) -> None:
    result = run("head", "-", data=text.encode())
    assert (result.code, result.stdout) == (1, b"")
    assert "standard input: " in result.error


def test_data_sets_before_one_that_is_not_valid_are_written() -> None:
    result = run("head", "-", data=f"[{{}},{_WRONG}]".encode())
    assert (result.code, result.stdout[:4]) == (1, b"[{},")


@pytest.mark.parametrize("count", [picking._MAX_FIRST - 2, picking._MAX_FIRST, 2 * picking._MAX_FIRST])
def test_long_first_data_set_is_written_in_full(count: int) -> None:
    elements = {f"{0x00110010 + number:08X}": {"vr": "LO", "Value": ["a"]} for number in range(count)}
    text = json.dumps([elements, {}], separators=(",", ":")).encode()
    assert run("head", "-", data=text).stdout == text


def test_file_that_is_compressed_as_a_whole_is_not_indexed(path: Path) -> None:
    compressed = path.with_suffix(".json.gz")
    compressed.write_bytes(gzip.compress(path.read_bytes() + b" " * 1024 * 1024))
    result = run("index", compressed)
    assert (result.code, "found one member" in result.error) == (1, True)


@each("command", ["count", "head", "sample"])
def test_file_without_preamble_needs_force(command: str, tmp_path: Path) -> None:
    path = without_preamble(tmp_path / "a")
    assert run(command, path).code == 1
    output = run(command, path, "--force").stdout
    assert output == b"1\n" if command == "count" else json.loads(output)[0]["00100020"]["Value"] == ["17"]


@each("command", ["count", "head", "sample"])
def test_verbose_command_prints_deviations(command: str, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"00080018": {"vr": "UI", "Value": "1.2"}}')
    assert "scalar-value" in run(command, path, "-v").stderr
    assert "1.2" not in run(command, path, "-v").stderr


@pytest.mark.parametrize("is_indexed", [False, True])
def test_count_is_that_of_the_file(is_indexed: bool, path: Path, tmp_path: Path) -> None:
    if is_indexed:
        run("index", path)
    assert run("count", path).stdout == b"40\n"
    dicom = dicom_file(tmp_path / "a.dcm")
    assert run("count", path, dicom).stdout.decode() == f"40\t{path}\n1\t{dicom}\n"


@pytest.mark.parametrize("command", ["count", "diff"])
def test_warning_names_each_of_two_files_at_fault(command: str, tmp_path: Path) -> None:
    paths = [tmp_path / "a.dcm", tmp_path / "b.dcm"]
    for path in paths:
        dicom_file(path)
        path.write_bytes(path.read_bytes()[:-1])
    result = run(command, *paths)
    assert result.code == 0
    warned = [line.partition(": truncated: ")[0] for line in result.stderr.splitlines()]
    assert warned == [f"streamdicom: warning: {path}" for path in paths]


def _odd(path: Path) -> Path:
    """Write a DICOM file with text without a character set."""
    path.write_bytes(start(EXPLICIT.uid) + EXPLICIT.element(0x00100010, "PN", b"M\xfcller"))
    return path


@pytest.mark.parametrize("command", ["show", "head"])
def test_warning_names_each_file_of_a_folder(command: str, tmp_path: Path) -> None:
    paths = [_odd(tmp_path / name) for name in ("a.dcm", "b.dcm")]
    warned = [line.partition(": no-character-set: ")[0] for line in run(command, tmp_path).stderr.splitlines()]
    assert warned == [f"streamdicom: warning: {path}" for path in paths]


@pytest.mark.parametrize("target", ["a.json", "b.dcm"])
def test_warning_of_convert_names_the_file(target: str, tmp_path: Path) -> None:
    path = tmp_path / "in.json"
    path.write_text('{"00100020":{"vr":"LO","Value":"1"}}')
    assert run("convert", path, tmp_path / target).error.startswith(f"warning: {path}: scalar-value: ")


def test_warning_of_import_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "in.json"
    path.write_text('{"00080018":{"vr":"UI","Value":"1.2.3"}}')
    result = run("import", path, "-o", tmp_path / "out", "--layout", "{SOPInstanceUID}")
    assert result.stderr.startswith(f"streamdicom: warning: {path}: scalar-value: ")


def test_count_of_a_changed_file_is_refused(path: Path) -> None:
    run("index", path)
    path.write_bytes(text_of(41, "array"))
    result = run("count", path)
    assert (result.code, "has changed" in result.error) == (1, True)


def test_head_reads_no_further_than_it_must(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])  # a truncated file
    assert uids(run("head", path, "-n", 3).stdout) == ["1.2.0", "1.2.1", "1.2.2"]
    assert json.loads(run("head", path, "-n", 0).stdout) == []


def test_head_of_fewer_data_sets_has_all(path: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.ndjson"
    assert run("head", path, out, "-n", 99).code == 0
    assert list(streamdicom.iter_datasets(out)) == list(streamdicom.iter_datasets(path))


@pytest.mark.parametrize("number", [0, 1, 7, 40, 50])
def test_sample_is_the_same_with_an_index(number: int, path: Path) -> None:
    without = run("sample", path, "-n", number, "--seed", 5).stdout
    run("index", path)
    assert run("sample", path, "-n", number, "--seed", 5).stdout == without
    chosen = [int(uid.rpartition(".")[2]) for uid in uids(without)]
    assert len(chosen) == min(number, 40)
    assert chosen == sorted(set(chosen))


@pytest.mark.slow
def test_each_data_set_is_sampled_as_often_as_others(path: Path) -> None:
    run("index", path)
    counts = dict.fromkeys((f"1.2.{number}" for number in range(40)), 0)
    for seed in range(200):
        for uid in uids(run("sample", path, "-n", 10, "--seed", seed).stdout):
            counts[uid] += 1
    assert min(counts.values()) > 25  # of 50 on average; six standard deviations are 37
    assert max(counts.values()) < 87


def test_split_files_have_all_data_sets(path: Path, tmp_path: Path) -> None:
    result = run("split", path, "-n", 3, "-o", tmp_path / "parts")
    assert (result.code, result.error) == (0, f"3 files in {tmp_path / 'parts'}")
    parts = sorted((tmp_path / "parts").iterdir())
    assert [part.name for part in parts] == ["in-0.ndjson", "in-1.ndjson", "in-2.ndjson"]
    assert [ds for part in parts for ds in streamdicom.iter_datasets(part)] == list(streamdicom.iter_datasets(path))


def test_split_overwrites_nothing(path: Path, tmp_path: Path) -> None:
    (tmp_path / "in-1.json").write_text("[]")
    result = run("split", path, "-n", 3, "-o", tmp_path, "--suffix", ".json")
    assert (result.code, "expected a new file" in result.error) == (2, True)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["in-1.json", "in.json"]


def test_file_is_no_folder_for_parts(path: Path) -> None:
    result = run("split", path, "-n", 3, "-o", path)
    assert (result.code, result.error) == (2, f"{path}: expected a folder, found a file")


def test_failed_split_leaves_no_parts(tmp_path: Path) -> None:
    path, parts = tmp_path / "a.json", tmp_path / "parts"
    path.write_bytes(b'[{"00100020": {"vr": "LO", "Value": ["1"]}}, {"00100020": {"vr": "LO"}}, {"00100020": x}]')
    result = run("split", path, "-n", 3, "-o", parts)
    assert (result.code, "[2].00100020" in result.stderr, list(parts.iterdir())) == (1, True, [])
    path.write_bytes(path.read_bytes().replace(b"x}", b"{}}"))
    assert run("split", path, "-n", 3, "-o", parts).code == 0
    assert len(list(parts.iterdir())) == 3


@each("command", ["head", "sample", "split"])
def test_elements_are_written_in_ascending_order(command: str, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('[{"00100020": {"vr": "LO", "Value": ["1"]}, "00080060": {"vr": "CS", "Value": ["CT"]}}]')
    result = run(command, path, *(["-n", "1", "-o", tmp_path / "out"] if command == "split" else []))
    assert result.code == 0
    is_split = command == "split"
    [written] = [json.loads((tmp_path / "out" / "a-0.ndjson").read_bytes())] if is_split else json.loads(result.stdout)
    assert list(written) == ["00080060", "00100020"]


def test_pipe_is_not_split(tmp_path: Path) -> None:
    result = run("split", "-", "-n", 3, "-o", tmp_path)
    assert (result.code, "only files can be split" in result.error) == (2, True)


@pytest.mark.parametrize("place", ["17", "-23", "1.2.17"])
def test_one_data_set_is_shown(place: str, path: Path) -> None:
    run("index", path)
    lines = run("show", path, f"--at={place}").stdout.decode().splitlines()
    assert lines[:2] == ["Data set 17", "  (0008,0018) UI SOPInstanceUID: 1.2.17"]
    assert sum(line.startswith("Data set") for line in lines) == 1


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("40", "the number of a data set below 40, found 40"),
        ("1.2.99", "no data set has the SOP Instance UID 1.2.99"),
        ("x", "the number of a data set or a SOP"),
    ],
)
def test_wrong_place_is_a_usage_error(place: str, message: str, path: Path) -> None:
    run("index", path)
    result = run("show", path, "--at", place)
    assert (result.code, message in result.error) == (2, True)


def test_place_without_an_index_names_the_command(path: Path) -> None:
    result = run("show", path, "--at", 1)
    assert (result.code, "build it with streamdicom index" in result.error) == (2, True)


def test_folders_are_taken(tmp_path: Path) -> None:
    folder = tmp_path / "archive"
    folder.mkdir()
    (folder / "a.json").write_bytes(text_of(40, "array"))
    (folder / "b.dcm").write_bytes(Path(get_testdata_file("CT_small.dcm")).read_bytes())
    (folder / "c.ndjson").write_bytes(text_of(5, "lines"))
    for _ in range(2):
        assert run("count", folder).stdout == b"46\n"
        assert run("show", f"{folder}#40").stdout.startswith(b"Data set 40\n")
        done = run("sample", folder, "-n", 3, "--seed", 1)
        assert len(json.loads(done.stdout)) == 3
        head = streamdicom.iter_datasets(run("head", folder, "-n", 2).stdout)
        assert list(head) == list(streamdicom.iter_datasets(folder / "a.json"))[:2]
        run("index", folder)
    run("split", folder, "-n", 3, "-o", tmp_path / "parts", "--suffix", ".ndjson")
    parts = sorted((tmp_path / "parts").iterdir())
    assert sum(len(path.read_bytes().splitlines()) for path in parts) == 46
