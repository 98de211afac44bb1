"""The documentation: each Python block runs alone and prints its comments."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from importlib.util import find_spec
from pathlib import Path

import httpx2
import pytest
from pydicom import Dataset, dcmread

import streamdicom
from streamdicom import BulkDataPolicy, ReadOptions, WriteOptions
from streamdicom.cli import COMMANDS
from streamdicom.cli.parsers import command_parser, parse_arguments
from tests.support.each import each
from tests.web.client.server import serving

_ROOT = Path(__file__).parent.parent
_README = _ROOT / "README.md"
_PAGES = [_README, *sorted((_ROOT / "docs").rglob("*.md"))]
_PRINTED = re.compile(r"print\(.*\)  # (.*)")
_NEEDS_SERVER = "http://127.0.0.1:8042"
_MAX_README_LINES = 150
_ENGINES = ("dask", "pyspark", "ray")
_SERVED = """\
from streamdicom.server import Catalog, server_app

catalog = Catalog("archive")
catalog.refresh()
app = server_app(catalog)
"""


def _blocks() -> Iterator[object]:
    for page in _PAGES:
        if "_generated" in page.parts or "_build" in page.parts:
            continue
        name = str(page.relative_to(_ROOT)).removesuffix(".md")
        for number, block in enumerate(_python(page)):
            yield pytest.param(block, id=f"{name}-{number}")


def _python(page: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def _patient(patient_id: str) -> Dataset:
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = (
        "1.2.840.10008.5.1.4.1.1.7",
        f"1.2.{len(patient_id)}.{ord(patient_id[0])}",
    )
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2.1", "1.2.2"
    dataset.PatientName, dataset.PatientID, dataset.Modality = "Smith^John", patient_id, "CT"
    dataset.add_new("PixelData", "OW", bytes(4000))
    return dataset


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that the examples read, as the current one."""
    monkeypatch.chdir(tmp_path)
    streamdicom.dump([_patient("1"), _patient("2")], "studies.json")
    Path("images").mkdir()
    for name in ("image", "a", "b", "images/1", "images/2"):
        _patient(name).save_as(f"{name}.dcm", implicit_vr=True, little_endian=True, enforce_file_format=True)
    return tmp_path


def test_there_are_blocks() -> None:
    assert len(_python(_README)) == 5
    assert len(list(_blocks())) > 30


@pytest.mark.parametrize("block", list(_blocks()))
@pytest.mark.slow
def test_block_runs_alone_and_prints_its_comments(block: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    engines = [name for name in _ENGINES if re.search(rf"^from .*\b{name}\b", block, re.MULTILINE)]
    for name in engines:
        if find_spec(name) is None:
            pytest.skip(f"{name} is not installed")
    if _NEEDS_SERVER in block:
        (folder / "archive").mkdir()
        (folder / "image.dcm").rename(folder / "archive" / "image.dcm")
        (folder / "served.py").write_text(_SERVED)
        with serving("served:app", "--app-dir", str(folder), cwd=folder) as server:
            exec(compile(block.replace(_NEEDS_SERVER, server.url), "block.py", "exec"), {"__name__": "__main__"})
    elif '"__main__"' in block or engines:  # it starts processes, which import it
        Path("block.py").write_text(block)
        environment = {**os.environ, "PYTHONPATH": str(_ROOT), "PYSPARK_PYTHON": sys.executable}
        command = [sys.executable, "block.py"]
        print(subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout)
    else:
        exec(compile(block, "block.py", "exec"), {"__name__": "__main__"})
    printed = iter(capsys.readouterr().out.splitlines())
    for comment in _PRINTED.findall(block):
        expected = comment.split(", after")[0]
        assert expected in printed, f"{expected!r} is not printed"


def test_converted_file_keeps_its_pixel_data(folder: Path) -> None:
    [block] = [block for block in _python(_README) if "copy.dcm" in block]
    exec(compile(block, "block.py", "exec"), {})
    assert dcmread("copy.dcm").PixelData == dcmread("image.dcm").PixelData == bytes(4000)
    assert streamdicom.load("light.json")["PixelData"].bulk_data_uri


@pytest.mark.slow
def test_served_application_answers_and_stores(folder: Path) -> None:
    [block] = [block for block in _python(_ROOT / "docs" / "guide" / "web.md") if "Starlette(" in block]
    Path("example.py").write_text(block)
    with serving("example:app", "--app-dir", str(folder), cwd=folder) as server:
        response = httpx2.get(f"{server.url}/studies", headers={"Accept": "application/json"})
        assert [ds["00100020"]["Value"] for ds in response.json()] == [["1"], ["2"]]
        url, headers = f"{server.url}/studies", {"Content-Type": response.headers["content-type"]}
        assert httpx2.post(url, content=response.content, headers=headers).status_code == 200
        assert httpx2.post(url, content=b'[{"', headers=headers).status_code == 400
    assert [ds.PatientID for ds in streamdicom.iter_datasets("received.json")] == ["1", "2"]


@pytest.mark.parametrize("page", [_README, _ROOT / "docs" / "quickstart.md"], ids=lambda page: page.stem)
def test_page_names_every_extra(page: Path) -> None:
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    text = page.read_text(encoding="utf-8")
    assert [extra for extra in project["optional-dependencies"] if f"`{extra}`" not in text] == []


def test_readme_is_short() -> None:
    assert len(_README.read_text(encoding="utf-8").splitlines()) <= _MAX_README_LINES


def test_ci_runs_the_second_command_of_readme() -> None:
    commands = re.findall(r"^```sh\n(.*?)^```", _README.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    [packages] = re.findall(r"`(apt-get [^`]*)`", _README.read_text(encoding="utf-8"))
    script = (_ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert commands[2].strip() in script
    assert packages in script


def _commands() -> Iterator[object]:
    for page in _PAGES:
        if "_generated" not in page.parts and "_build" not in page.parts:
            for block in re.findall(r"^```sh\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE):
                for line in block.replace("\\\n", "").splitlines():
                    if re.match("streamdicom [a-z]", line):
                        yield pytest.param(re.split(r" [|>&] ?", line)[0], id=line)


@each("line", [*_commands()])
def test_arguments_of_command_are_right(line: str) -> None:
    _, name, *arguments = shlex.split(line, comments=True)
    parse_arguments(command_parser(COMMANDS[name]), arguments)


def test_equivalents_of_other_libraries_exist() -> None:
    page = (_ROOT / "docs" / "howto" / "migrate.md").read_text(encoding="utf-8")
    [table] = re.findall(r"^\| here .*\n\|[- |]+\n((?:\|.*\n)+)", page, re.MULTILINE)
    rows = [[cell.strip() for cell in row.split("|")[1:-1]] for row in table.splitlines()]
    assert {len(row) for row in rows} == {6}
    for here, *_ in rows:
        options = ReadOptions if here.startswith("for reading: ") else WriteOptions
        known = {field.name for field in fields(options)} | {"indent"} | set(streamdicom.__all__)
        names = re.findall(r"`(\w+)(?:=\"([^\"]+)\")?`", here)
        assert names
        for name, value in names:
            assert name in known, here
            assert not value or options(**{name: value})


def test_every_option_has_a_topic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(_ROOT / "docs")
    import generate

    for kind, topics in generate.TOPICS.items():
        assert sorted(name for names in topics.values() for name in names) == sorted(
            field.name for field in fields(kind)
        )


@each("kind", [ReadOptions, WriteOptions, streamdicom.Limits, BulkDataPolicy])
def test_every_option_is_documented(kind: type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(_ROOT / "docs")
    import generate

    meanings = generate._meanings(kind)
    assert [field.name for field in fields(kind)] == list(meanings)
    assert all(meanings.values())
