"""Outputs of commands that would replace an input, or another output."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.archive.corpus import dataset, file_bytes
from tests.cli.running import run
from tests.support.each import each

DEIDENTIFY = ["--deidentify", "--key-file", "key", "--deidentify-report"]


@each(
    ("arguments", "message"),
    [
        (["export", "a.dcm", "-o", "./a.dcm", "--to", "json"], "the output would replace the input ./a.dcm"),
        (["export", "a.dcm", "b.json", "-o", "b.json"], "the output would replace the input b.json"),
        (["export", "a.dcm", "-o", "c.json", "--report", "a.dcm"], "--report would replace the input a.dcm"),
        (["export", "a.dcm", "-o", "c.json", "--manifest", "a.dcm"], "--manifest would replace the input a.dcm"),
        (["export", "a.dcm", "-o", "c.json", "--manifest", "c.json"], "--manifest would replace OUT c.json"),
        (
            ["export", "a.dcm", "-o", "c.json", "--report", "r", "--manifest", "r"],
            "--report would replace --manifest r",
        ),
        (["export", "a.dcm", "-o", "c.json", *DEIDENTIFY, "key"], "--deidentify-report would replace the input key"),
        (["import", "b.json", "-o", "out", "--report", "b.json"], "--report would replace the input b.json"),
        (["import", "b.json", "-o", "out", "--manifest", "b.json"], "--manifest would replace the input b.json"),
        (["convert", "a.dcm", "c.dcm", *DEIDENTIFY, "a.dcm"], "--deidentify-report would replace the input a.dcm"),
        (["convert", "a.dcm", "c.dcm", *DEIDENTIFY, "c.dcm"], "--deidentify-report would replace OUT c.dcm"),
        (["convert", "a.dcm", "key", "--to", "dicom", *DEIDENTIFY, "r"], "OUT would replace the input key"),
        (["send", "a.dcm", "localhost:9", *DEIDENTIFY, "a.dcm"], "--deidentify-report would replace the input a.dcm"),
    ],
)
def test_no_output_replaces_an_input_or_another_output(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    inputs = {"a.dcm": file_bytes(dataset(1)), "b.json": b"[]", "key": b"k" * 64}
    for name, content in inputs.items():
        Path(name).write_bytes(content)
    found = run(*arguments)
    assert (found.code, message in found.stderr) == (2, True), found.stderr
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == inputs


def test_a_converted_file_may_replace_its_input(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(file_bytes(dataset(1)))
    assert run("convert", path, path, "--to", "json").code == 0
    assert path.read_bytes().startswith(b"{")
