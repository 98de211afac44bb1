"""The forms of reports, read by parsers of their own."""

from __future__ import annotations

import json
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest

from streamdicom.deviations import DEVIATIONS
from tests.cli.running import run

_HOSTILE = "<script>alert(1)</script>&\"'"


class _Rows(HTMLParser):
    """The cells of the rows of a page, its scripts and its policy."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.tags: list[str] = []
        self.blocks: dict[str, list[str]] = {"script": [], "style": []}
        self.policy = ""
        self._open = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._open = tag
        values = dict(attrs)
        if values.get("http-equiv") == "Content-Security-Policy":
            self.policy = values["content"] or ""
        assert not any(name.startswith("on") or name in ("style", "src", "href") for name in values)
        if tag == "tr":
            self.rows.append([])
        elif tag == "td":
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open == "td":
            self.rows[-1][-1] += data
        elif self._open in self.blocks:
            self.blocks[self._open].append(data)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with two deviations, and a name that is markup."""
    path = tmp_path / f"a {_HOSTILE.replace('/', '')}.json"
    path.write_text(
        '[{"00080060": {"vr": "CS", "Value": ["ct"]}},\n {"00080060": {"vr": "CS", "Value": ["mr"]},'
        ' "00100020": {"vr": "LO", "Value": []}}]'
    )
    return path


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    path = tmp_path / "broken.json"
    path.write_text('[{"00080060": {"vr": "CS"')
    return path


def _text(*arguments: object) -> str:
    return run(*arguments).stdout.decode()


def test_junit_has_a_case_for_each_code(path: Path, broken: Path, tmp_path: Path) -> None:
    good = tmp_path / "good.json"
    good.write_text("[{}]")
    done = run("validate", path, broken, good, "--report", "junit")
    assert done.code == 1
    suites = ElementTree.fromstring(done.stdout)
    assert suites.tag == "testsuites"
    first, second, third = suites
    assert first.get("name") == str(path)
    assert [case.get("name") for case in first] == ["lower-case", "empty-array"]
    assert [len(case.findall("failure")) for case in first] == [1, 1]
    failure = first[0].find("failure")
    assert failure is not None
    assert failure.text is not None
    assert [line.split(":")[0] for line in failure.text.splitlines()] == [
        "byte 2, [0].00080060 Modality",
        "byte 48, line 2, column 3, [1].00080060 Modality",
    ]
    assert (first.get("tests"), first.get("failures"), first.get("errors")) == ("2", "2", "0")
    assert second[-1].find("error") is not None
    assert second.get("errors") == "1"
    assert [case.get("name") for case in third] == ["conformant"]
    assert len(third[0]) == 0


def test_junit_bounds_its_lines_and_passes_notes(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps([{"00080060": {"vr": "CS", "Value": ["ct"]}}] * 5))
    suites = ElementTree.fromstring(run("validate", path, "--report", "junit", "--max", 2).stdout)
    failure = suites[0][0].find("failure")
    assert failure is not None
    assert (failure.text or "").splitlines()[2:] == ["3 more"]


def test_sarif_has_rules_results_and_places(path: Path, broken: Path) -> None:
    done = run("validate", path, broken, "--report", "sarif")
    report = json.loads(done.stdout)
    assert report["version"] == "2.1.0"
    [log] = report["runs"]
    rules = {rule["id"]: rule for rule in log["tool"]["driver"]["rules"]}
    assert set(DEVIATIONS) <= set(rules)
    results = log["results"]
    assert [one["ruleId"] for one in results[:3]] == ["lower-case", "lower-case", "empty-array"]
    assert all(one["ruleId"] in rules for one in results)
    location = results[1]["locations"][0]
    assert unquote(location["physicalLocation"]["artifactLocation"]["uri"]) == str(path)
    assert location["physicalLocation"]["region"] == {"startLine": 2, "startColumn": 3}
    assert location["logicalLocations"][0]["fullyQualifiedName"] == "[1].00080060"
    assert log["invocations"][0]["executionSuccessful"] is False
    assert results[-1]["level"] == "error"


def test_page_has_its_rows_and_no_markup_of_names(path: Path, broken: Path) -> None:
    page = _Rows(_text("validate", path, broken, "--report", "html"))
    rows = [row for row in page.rows if len(row) == 8]
    assert [row[6] for row in rows] == ["lower-case", "lower-case", "empty-array", ""]
    assert rows[1][:6] == [str(path), "[1]", "00080060", "Modality", "byte 48, line 2, column 3", "warning"]
    assert page.tags.count("script") == 1
    for name in ("script", "style"):
        digest = b64encode(sha256("".join(page.blocks[name]).encode()).digest()).decode()
        assert f"{name}-src 'sha256-{digest}'" in page.policy
    assert page.policy.startswith("default-src 'none'; ")


@pytest.mark.parametrize("form", ["text", "json", "html"])
def test_equal_files_have_an_empty_report(path: Path, form: str) -> None:
    done = run("diff", path, path, "--report", form)
    assert done.code == 0
    text = done.stdout.decode()
    if form == "json":
        assert json.loads(text) == {
            "a": str(path), "b": str(path), "differences": [], "count": 0, "equal": True
        }  # fmt: skip
    elif form == "html":
        assert not [row for row in _Rows(text).rows if row]
    else:
        assert text == ""


def test_differences_are_the_same_in_each_form(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "b.json"
    other.write_text(
        '[{"00080060": {"vr": "CS", "Value": ["CT"]}, "00100010": {"vr": "PN", "Value": [{"Alphabetic": "'
        f'{json.dumps(_HOSTILE)[1:-1]}"}}]}}}},\n {{"00080060": {{"vr": "CS", "Value": ["mr"]}}}}, {{}}]'
    )
    lines = _text("diff", path, other, "--by", "position", "--values").splitlines()
    report = json.loads(_text("diff", path, other, "--by", "position", "--values", "--report", "json"))
    text = _text("diff", path, other, "--by", "position", "--values", "--report", "html")
    assert _text("diff", path, other, "--by", "position", "--values", "--html") == text
    page = _Rows(text)
    assert len(lines) == report["count"] == len(report["differences"]) == 4
    rows = [row for row in page.rows if row]
    assert len(rows) == 4
    for line, found, row in zip(lines, report["differences"], rows, strict=True):
        assert line.startswith(row[0])
        assert line.endswith(found["text"])
        assert found["text"] == row[5]
        assert found["tag_path"] == row[1]
        assert found["tag_path"] in line
    assert report["differences"][0]["place"]["a"] == {"byte_offset": 2, "line": None, "column": None}
    assert report["differences"][-1]["dataset_index"] == {"a": None, "b": 2}
    assert page.tags.count("script") == 1
