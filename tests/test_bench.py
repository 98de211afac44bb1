"""The benchmarks run: their commands are text, which no type checker sees."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from subprocess import CalledProcessError

import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file

import streamdicom
from bench import engine_share
from bench.peers.jobs import Job, Unit, engines, make_jobs, measure
from bench.peers.table import machine, table
from streamdicom import _native

_OURS = [", ".join(filter(None, ("streamdicom", engine))) for engine in engines()]
_INSTALLED = (*_OURS, "pydicom", "json", "ijson", "orjson", "msgspec", "ElementTree", "lxml")
_SECONDS = Unit("s", lambda seconds, _: seconds)


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> list[Job]:
    return [job for job in make_jobs(tmp_path_factory.mktemp("peers"), 1000) if "pixel data" not in job.name]


@pytest.mark.slow
def test_each_peer_does_its_jobs(jobs: list[Job]) -> None:
    results = [result for job in jobs for result in measure(job, runs=1)]

    assert {result.program for result in results if result.seconds is not None} >= set(_INSTALLED)
    assert {result.remark for result in results if result.program in _INSTALLED} == {""}
    assert {result.remark for result in results} <= {"", "not installed"}
    text = table(results)
    assert [text.count(f"| {job.name} ") for job in jobs] == [1] * len(jobs)
    for job in jobs:
        _compare(job)


def _compare(job: Job) -> None:
    """Compare the outputs: files, and JSON of those that follow the standard."""
    targets = {label: Path(command[-1]) for label, command in job.commands.items()}
    if "-> JSON" in job.name and job.name.startswith(".dcm"):
        texts = [path for label, path in targets.items() if label.startswith(("streamdicom", "pydicom", "DCMTK"))]
        _equal([json.loads(path.read_bytes()) for path in texts if path.stat().st_size])
    if job.name.startswith("JSON -> .dcm"):
        files = [path for path in targets.values() if path.stat().st_size]
        _equal([dcmread(path).to_json_dict() for path in files])


def _equal(contents: list[object]) -> None:
    assert contents
    assert all(content == contents[0] for content in contents)


def test_peer_that_is_missing_or_fails_has_no_figure() -> None:
    commands = {
        "streamdicom: ours": _python("pass"),
        "a: no program": ["no-such-program"],
        "b: no package": _python("raise SystemExit(127)"),
        "c: a fault": _python("raise SystemExit(1)"),
    }

    results = measure(Job("a job", _SECONDS, 1, commands), runs=2)
    ours, others = results[0], results[len(_OURS) :]

    assert ours.ratio == 1
    assert [result.figure for result in others] == ["not installed", "not installed", "failed"]


def test_own_fault_is_an_error() -> None:
    with pytest.raises(CalledProcessError):
        measure(Job("a job", _SECONDS, 1, {"streamdicom: ours": _python("raise SystemExit(1)")}), runs=1)


def test_each_engine_has_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streamdicom, "engine", "native", raising=False)
    code = "import os; assert os.environ['STREAMDICOM_ENGINE'] in ('native', 'pure')"

    results = measure(Job("a job", _SECONDS, 1, {"streamdicom: ours": _python(code)}), runs=1)

    assert [result.program for result in results] == ["streamdicom, native", "streamdicom, pure"]
    assert "(native engine)" in machine()


def _python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


_WITH_ENGINE = pytest.mark.skipif(_native.functions is None, reason="the compiled engine was not built")


@_WITH_ENGINE
@pytest.mark.slow
def test_engine_reads_nearly_all_elements_of_each_writer() -> None:
    shares = engine_share.measure()
    assert len(shares) >= 2
    for name, found in shares.items():
        assert found.taken >= 0.99 * found.elements, f"{name}: {found}"
    assert engine_share.table(shares).count("%") == len(shares)


@_WITH_ENGINE
@pytest.mark.parametrize("name", ["rtdose_rle.dcm", "rtplan.dcm", "reportsi.dcm"])
def test_engine_reads_character_sets_new_tags_and_public_elements_of_vr_un(name: str) -> None:
    path = get_testdata_file(name)
    assert isinstance(path, str)
    elements, taken = engine_share.share([Path(path).read_bytes()])
    assert 0 <= elements - taken <= 3  # fragments, and a sequence of VR UN
