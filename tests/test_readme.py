"""What README shows is true: its code runs and prints what it says, its options are all there are."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import httpx2
import pytest
from pydicom import Dataset, dcmread

import streamdicom
from streamdicom import Limits, ReadOptions, WriteOptions
from tests.web.client.server import serving

_ROOT = Path(__file__).parent.parent
_README = (_ROOT / "README.md").read_text()
_PYTHON = re.findall(r"```python\n(.*?)```", _README, re.DOTALL)
_SHELL = re.findall(r"```sh\n(.*?)```", _README, re.DOTALL)


def _patient(patient_id: str) -> Dataset:
    dataset = Dataset()
    dataset.PatientName, dataset.PatientID = "Smith^John", patient_id
    dataset.add_new("PixelData", "OW", bytes(4000))
    return dataset


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that the examples read."""
    monkeypatch.chdir(tmp_path)
    streamdicom.dump([_patient("1"), _patient("2")], "studies.json")
    for name in ("image", "a", "b"):
        dataset = streamdicom.loads_file(streamdicom.dumps(_patient(name)))
        dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
        dataset.save_as(f"{name}.dcm")
    return tmp_path


def test_the_examples_run_and_print_what_they_say(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert len(_PYTHON) == 7
    names: dict[str, object] = {}
    for example in _PYTHON:
        exec(compile(example, "README.md", "exec"), names)
    printed = capsys.readouterr().out.splitlines()
    said = [said.split(", with")[0] for said in re.findall(r"print\(.*\)  # (.*)", "".join(_PYTHON))]
    assert [line for line in printed if line not in ("1", "2")] == said
    assert printed.count("1") == printed.count("2") == 1
    assert [ds.PatientID for ds in streamdicom.iter_datasets("both.json")] == ["a", "b"]
    assert {str(ds.PatientName) for ds in streamdicom.iter_datasets("anonymous.json")} == {"Doe^Jane"}
    assert streamdicom.load("image.json").PatientID == "image"
    assert dcmread("copy.dcm").PixelData == dcmread("image.dcm").PixelData == bytes(4000)
    assert next(iter(streamdicom.iter_datasets("light.json")))["PixelData"].bulk_data_uri


def test_the_server_serves(folder: Path) -> None:
    [example] = [example for example in _PYTHON if "Starlette(" in example]
    Path("example.py").write_text(example)
    with serving("example:app", "--app-dir", str(folder), cwd=folder) as server:
        response = httpx2.get(f"{server.url}/studies", headers={"Accept": "application/json"})
        assert [ds["00100020"]["Value"] for ds in response.json()] == [["1"], ["2"]]
        url, headers = f"{server.url}/studies", {"Content-Type": response.headers["content-type"]}
        assert httpx2.post(url, content=response.content, headers=headers).status_code == 200
        assert httpx2.post(url, content=b'[{"', headers=headers).status_code == 400
    assert [ds.PatientID for ds in streamdicom.iter_datasets("received.json")] == ["1", "2"]


def test_the_two_commands_are_a_line_each_and_ci_runs_the_second() -> None:
    assert len(_SHELL) == 2
    assert all(command.count("\n") == 1 for command in _SHELL)
    script = (_ROOT / ".ci" / "run").read_text()
    commands = [line for line in script.splitlines()[1:] if not line.startswith(("#", "set ", "cd "))]
    [packages] = re.findall(r"`(apt-get [^`]*)`", _README)
    assert commands == [packages, _SHELL[1].strip()]


def test_every_option_is_in_the_table() -> None:
    options = [
        f"{kind.__name__}.{field.name}" for kind in (ReadOptions, WriteOptions, Limits) for field in fields(kind)
    ]
    assert re.findall(r"^\| `(\w+\.\w+)`", _README, re.MULTILINE) == options


def test_what_switches_of_others_are_called_here_is_there() -> None:
    [table] = re.findall(r"^\| here .*\n\|[- |]+\n((?:\|.*\n)+)", _README, re.MULTILINE)
    rows = [[cell.strip() for cell in row.split("|")[1:-1]] for row in table.splitlines()]
    assert {len(row) for row in rows} == {6}
    for here, *_ in rows:
        options = ReadOptions if here.startswith("for reading: ") else WriteOptions
        known = {field.name for field in fields(options)} | {"dump", "indent"} | set(streamdicom.__all__)
        names = re.findall(r"`(\w+)(?:=\"([^\"]+)\")?`", here)
        assert names
        for name, value in names:
            assert name in known, here
            assert not value or options(**{name: value})
