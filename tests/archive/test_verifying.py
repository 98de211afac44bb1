"""Verification of exports: faults of text, index, bulk data and manifest."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import pytest

from streamdicom.archive import Verification, export_archive, verify_export
from streamdicom.index import sidecar_of
from tests.archive.corpus import dataset, file_bytes, files
from tests.cli.running import run


@pytest.fixture(params=["out.json", "out.ndjson", "out.json.gz"])
def export(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    files(tmp_path / "in", 4)
    for number in (5, 6, 7):
        ds = dataset(number, PixelData=random.Random(number // 2).randbytes(4000))
        ds["PixelData"].VR = "OB"
        (tmp_path / "in" / f"{number}.dcm").write_bytes(file_bytes(ds))
    target = tmp_path / str(request.param)
    export_archive(tmp_path / "in", target, index=True, bulk_dir=tmp_path / "bulk", manifest=tmp_path / "m")
    return target


def _verified(export: Path) -> Verification:
    return verify_export(export, bulk_dir=export.parent / "bulk", manifest=export.parent / "m")


def test_intact_export(export: Path) -> None:
    assert _verified(export) == Verification(datasets=7, references=3, values=2, has_index=True)
    result = run("verify", export, "--bulk-dir", export.parent / "bulk", "--manifest", export.parent / "m")
    assert (result.code, result.stdout) == (0, b"")
    assert result.error == f"{export}: 7 data sets, index, 2 values of bulk data, manifest, 0 faults"
    result = run("verify", export)
    assert (result.code, result.error) == (
        0,
        f"{export}: 7 data sets, index, 3 references to bulk data not checked, 0 faults",
    )


def test_without_an_index(export: Path) -> None:
    Path(sidecar_of(export)).unlink()
    found = _verified(export)
    assert (found.is_intact, found.has_index) == (True, False)


def _values(export: Path) -> list[Path]:
    return sorted(path for path in (export.parent / "bulk").rglob("*") if path.is_file())


def test_changed_and_missing_bulk_data(export: Path) -> None:
    changed, missing = _values(export)
    changed.write_bytes(changed.read_bytes()[:-1] + b"x")
    missing.unlink()
    found = _verified(export)
    assert found.problem_count == 2
    assert any(f"expected the content of {changed.name}, found another" in problem for problem in found.problems)
    assert any("no entry" in problem for problem in found.problems)
    result = run("verify", export, "--bulk-dir", export.parent / "bulk")
    assert (result.code, len(result.stdout.splitlines())) == (1, 2)


def test_changed_text(export: Path) -> None:
    if export.suffix == ".gz":
        pytest.skip("the changed text is plain")
    data = export.read_bytes()
    export.write_bytes(data.replace(b'"1.2.3.2"', b'"1.2.3.9"'))
    problems = _verified(export).problems
    assert any("the source has changed" in problem for problem in problems)
    assert any(problem.endswith("the manifest has another sha256") for problem in problems)


def test_truncated_text(export: Path) -> None:
    export.write_bytes(export.read_bytes()[:-30])
    problems = _verified(export).problems
    assert any(problem.endswith("the manifest has another size") for problem in problems)
    assert any("the source has changed" in problem for problem in problems)
    assert len(problems) > 2


def test_missing_data_set(export: Path, tmp_path: Path) -> None:
    (tmp_path / "in" / "7.dcm").unlink()
    export_archive(tmp_path / "in", export, index=True, bulk_dir=tmp_path / "bulk")
    problems = _verified(export).problems
    assert any(problem.endswith("the manifest has another datasets") for problem in problems)


def test_index_of_another_order(export: Path, tmp_path: Path) -> None:
    """An index with a right fingerprint and count, whose entries are wrong."""
    from streamdicom.index.sidecar import Sidecar, write
    from streamdicom.index.sorting import SortedPairs, words

    sidecar = Sidecar(sidecar_of(export))
    starts = [sidecar.start(number) for number in range(7)]
    pairs = SortedPairs()
    pairs.extend(range(7), range(7))
    write(sidecar_of(export), sidecar.source, [words(iter(starts))], pairs, sidecar.packing)
    sidecar.close()
    pairs.close()
    found = _verified(export)
    assert [problem.rpartition(" ")[2] for problem in found.problems] == [f"[{number}]" for number in range(7)]


def test_broken_line_of_ndjson(tmp_path: Path) -> None:
    path = tmp_path / "a.ndjson"
    path.write_bytes(b'{"00100020": {"vr": "LO", "Value": ["1"]}}\n{"00100020": {\n')
    found = verify_export(path)
    assert (found.datasets, found.problem_count) == (1, 1)
    result = run("verify", path)
    assert result.code == 1
    assert str(path) in result.stdout.decode()


def test_empty_ndjson_has_no_data_sets(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "1.dcm").write_bytes(file_bytes(dataset(1)))
    export_archive(tmp_path / "in", tmp_path / "a.ndjson", manifest=tmp_path / "a")
    export_archive(tmp_path / "in", tmp_path / "b.ndjson", manifest=tmp_path / "b", since=tmp_path / "a")
    assert (tmp_path / "b.ndjson").read_bytes() == b""
    assert verify_export(tmp_path / "b.ndjson", manifest=tmp_path / "b") == Verification()
    (tmp_path / "c.json").touch()
    assert verify_export(tmp_path / "c.json").problem_count == 1


def test_file_that_does_not_exist(tmp_path: Path) -> None:
    assert run("verify", tmp_path / "none.json").code == 2


def test_manifest_of_an_import_is_refused(export: Path, tmp_path: Path) -> None:
    shutil.copy(tmp_path / "m", tmp_path / "n")
    lines = (tmp_path / "n").read_text().splitlines()
    (tmp_path / "n").write_text("\n".join([json.dumps({**json.loads(lines[0]), "run": "import"}), *lines[1:]]))
    result = run("verify", export, "--manifest", tmp_path / "n")
    assert (result.code, "manifest of an export" in result.error) == (1, True)
