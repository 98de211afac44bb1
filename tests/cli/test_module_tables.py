"""The tables of highdicom, and the option that needs them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from streamdicom.cli.exit_codes import UsageError
from streamdicom.cli.module_tables import HighdicomTables
from tests.cli.running import run


@pytest.fixture
def tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package with the form of highdicom's tables."""
    folder = tmp_path / "highdicom" / "_standard"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").write_text("raise AssertionError")
    row = {"keyword": "PatientID", "type": "2", "path": []}
    item = {"keyword": "CodeMeaning", "type": "1", "path": ["PatientSpeciesCodeSequence"]}
    (folder / "sop_class_iod_map.json").write_text('{"1.2": "an-image"}')
    (folder / "iod_module_map.json").write_text('{"an-image": [{"key": "patient", "usage": "M", "ie": "Patient"}]}')
    (folder / "module_attribute_map.json").write_text(json.dumps({"other": [], "patient": [row, item]}, indent=2))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "highdicom", raising=False)
    return tmp_path


def test_tables_are_read_without_an_import(tables: Path) -> None:
    [module] = HighdicomTables().modules("1.2") or []
    assert (module.name, module.is_mandatory) == ("patient", True)
    assert module.types == {(): {0x00100020: "2"}, (0x00102202,): {0x00080104: "1"}}
    assert HighdicomTables().modules("1.3") is None


def test_option_checks_modules(tables: Path) -> None:
    path = tables / "a.json"
    path.write_text('{"00080016": {"vr": "UI", "Value": ["1.2"]}}')
    done = run("validate", path, "--iod", "--report", "json")
    report = json.loads(done.stdout)
    assert report["checked"] == ["form", "values", "modules"]
    [found] = report["files"][0]["deviations"]
    assert (found["code"], found["tag_path"], found["keyword"]) == ("missing-attribute", "00100020", "PatientID")
    path.write_text('{"00080016": {"vr": "UI", "Value": ["1.2"]}, "00100020": {"vr": "LO"}}')
    text = run("validate", path, "--iod").stdout.decode().splitlines()
    assert text[0] == "1 data set, 0 deviations: conformant in form, values and modules"
    assert "conditions of types 1C and 2C" in text[-1]


def test_missing_package_is_a_usage_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamdicom.cli.module_tables.find_spec", lambda _: None)
    with pytest.raises(UsageError, match=r"streamdicom\[iod\]"):
        HighdicomTables()
    path = tmp_path / "a.json"
    path.write_text("{}")
    assert run("validate", path, "--iod").code == 2


@pytest.mark.slow
def test_real_tables_have_the_modules_of_a_ct_image() -> None:
    pytest.importorskip("highdicom._standard_utils", reason="highdicom is not installed", exc_type=ImportError)
    modules = HighdicomTables().modules("1.2.840.10008.5.1.4.1.1.2") or []
    types = {module.name: module.types for module in modules if module.is_mandatory}
    assert types["patient"][()][0x00100020] == "2"
    assert types["ct-image"][()][0x00281053] == "1"
