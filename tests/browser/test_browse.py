"""The page of ``streamdicom browse`` in Chromium."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydicom import DataElement, dcmread
from pydicom.data import get_testdata_file

from streamdicom import DatasetWriter
from tests.browser.chromium import drive, needs_chromium
from tests.cli.running import COMMAND
from tests.server.browse.sources import array

pytestmark = [pytest.mark.slow, needs_chromium]

_COUNT = 40
_MANY = 1_000_000
_SCENARIO = "browse.mjs"
_DOCUMENTED = Path(__file__).parents[2] / "docs" / "figures" / "browse.png"
_SCREENSHOTS = os.environ.get("STREAMDICOM_SCREENSHOTS")  # the folder of new pictures for the documentation
_MOST_DIFFERENT = 2.5  # shades of 255; another font makes 1.3, rows that are 6 pixels lower 3.9


@contextmanager
def browsing(*sources: Path, folder: Path | None = None) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run the command in a folder; yield its process and the address that it prints."""
    process = subprocess.Popen(
        [*COMMAND, "-q", "browse", "--no-open", *map(str, sources)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
    )
    assert process.stdout
    try:
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("source") / "a.json"
    path.write_bytes(array(_COUNT))
    return path


@pytest.fixture(scope="module")
def url(source: Path) -> Iterator[str]:
    with browsing(source) as (_, url):
        yield url


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a page over a million data sets."""
    path = tmp_path_factory.mktemp("many") / "many.json"
    with path.open("wb") as file:
        file.write(b"[{}")
        for number in range(1, _MANY):
            file.write(b',{"00100020":{"vr":"LO","Value":["P%d"]}}' % number)
        file.write(b"]")
    with browsing(path) as (_, url):
        yield url
    path.unlink()


def _run(scene: str, url: str, **arguments: object) -> dict[str, Any]:
    found = drive(_SCENARIO, scene=scene, url=url, **arguments)
    assert found.get("faults", []) == []
    return dict(found)


def test_page_opens_and_hides_its_token(url: str) -> None:
    found = _run("start", url)
    assert "token" not in found["address"]
    assert found["address"].endswith("/#0")
    assert found["status"] == f"{_COUNT} data sets"
    assert found["cells"][:2] == ["<b>0</b>=山田", "P0000"]
    assert found["title"].startswith("a.json")


def test_logic_of_the_page(url: str) -> None:
    found = drive(_SCENARIO, scene="logic", url=url)
    place = {"number": 17, "path": "00081140[0]", "compare": None}
    assert found["hash"] == [place, {"number": 17, "path": "", "compare": 20}, place, None, None]
    assert found["back"] == "#17/00081140[0]"
    assert found["steps"] == [{"tag": "00081140", "item": 1}, {"tag": "00081155", "item": None}]
    assert found["parents"] == ["00081140[0]", "00081140", ""]
    assert found["ancestors"] == ["00081140", "00081140[0]", "00081140[0].00081155"]
    assert found["names"] == [
        "ReferencedImageSequence[1].ReferencedSOPInstanceUID",
        "ds.ReferencedImageSequence[1][0x00091002].value",
    ]
    assert found["queries"] == [
        {"select": ["Modality=CT"], "word": ["GE MEDICAL", "x"]},
        {"select": ["Name=a b"], "word": []},
        {"select": [], "word": []},
        {"select": ["a=b=c"], "word": []},
    ]
    assert found["numbers"] == [5000, 4999]
    assert found["hex"].splitlines() == [f"000000  {' '.join(['41'] * 16)}  {'A' * 16}", f"000010  {'41':<47}  A"]
    assert json.loads(found["json"]) == {"a": [1.0, {"b": []}], "c": 'x{,}"y', "d": {}}
    assert "    1.00," in found["json"]  # and not 1
    assert found["sizes"] == ["0 bytes", "1 byte", "1.5 kB", "2.5 GB"]
    assert found["text"] == "&lt;b&gt;x&lt;/b&gt;"


def test_list_scrolls_to_the_end_of_a_million_rows(many: str) -> None:
    found = _run("far", many, count=_MANY)
    assert found["last"] == f"P{_MANY - 1}"
    assert 0.4 * _MANY < found["middle"] < 0.6 * _MANY
    assert found["cell"] == f"P{found['middle']}"
    assert found["moved"] == 2
    assert found["rows"] < 200


def test_search_statistics_and_order(url: str) -> None:
    found = _run("search", url)
    assert found["found"] == ["3"]
    assert found["top"][:2] == ["CT", "14"]
    assert found["first"] == "2"


def test_search_can_be_stopped(many: str) -> None:
    found = _run("cancel", many)
    assert "stopped at" in found["note"]
    assert not found["isRunning"]


def test_tree_folds_and_links_lead_to_elements_in_another_tab(url: str) -> None:
    found = _run("fold", url)
    assert found["path"] == "#0/00081140[1].00081155"
    assert found["value"] == "1.9.0.1"
    copied = found["copied"]
    assert copied["link"].endswith("/#0/00081140[1].00081155")
    assert copied["JSON"] == '"00081155": {"vr": "UI", "Value": ["1.9.0.1"]}'
    assert copied["keywords"] == "ReferencedImageSequence[1].ReferencedSOPInstanceUID"
    assert copied["pydicom"] == "ds.ReferencedImageSequence[1].ReferencedSOPInstanceUID"


def test_page_without_the_token_shows_nothing(url: str) -> None:
    found = drive(_SCENARIO, scene="stranger", url=url)
    assert [(one["rows"], "token" in one["banner"]) for one in found["seen"]] == [(0, True), (0, True)]


def test_marked_data_sets_are_compared(url: str) -> None:
    found = _run("compare", url)
    assert found["hash"] == "#0?compare=3"
    assert "00100010PatientName" in found["rows"]
    assert found["summary"] == f"{len(found['rows'])} differences"


def test_two_files_are_compared_by_uid(tmp_path: Path) -> None:
    one, other = tmp_path / "before.json", tmp_path / "after.json"
    one.write_bytes(array(4))
    other.write_bytes(array(4)[:-1].replace(b"P0002", b"P9999") + b"]")
    with browsing(one, other) as (_, url):
        found = _run("same", url)
    assert found["hash"] == "#2?compare=6"
    assert found["rows"] == ["LO P0002", "LO P9999"]


def test_markup_in_values_stays_text(tmp_path: Path) -> None:
    markup = "</script><img src=x onerror=hacked=1><b>x</b>"
    dataset = {f"{tag:08X}": {"vr": "LO", "Value": [markup]} for tag in range(0x00090010, 0x0009001C)} | {
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": markup}]},
        "00100020": {"vr": "LO", "Value": [markup]},
    }
    path = tmp_path / "<img src=x onerror=hacked=1>.json"
    path.write_text(json.dumps([dataset]))
    with browsing(path) as (_, url):
        found = _run("hostile", url)
    assert found["cell"] == markup
    assert found["foreign"] == 0
    assert found["hacked"] is None


def test_axe_finds_no_violation(url: str) -> None:
    assert drive(_SCENARIO, scene="accessible", url=url)["found"] == []


def test_page_works_by_keyboard_alone(url: str) -> None:
    found = _run("keyboard", url)
    assert (found["number"], found["focus"]) == (3, "tree")
    assert found["heads"] == ["✓", "#", "PatientID", "source"]
    assert {"jump", "search", "columns", "export", "grid", "tree", "tab-elements"} <= set(found["stops"])


def test_source_that_changes_is_named_and_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(array(3))
    with browsing(path) as (_, url):
        found = drive(_SCENARIO, scene="changed", url=url, source=str(path))
    assert "has changed" in found["changed"]
    assert found["status"] == "3 data sets"
    assert "is gone" in found["gone"]
    assert "No such file" in found["again"]
    assert found["thrown"] == []


_MARKUP = "<img src=x onerror=hacked=1>"


@pytest.mark.parametrize(
    ("name", "data", "status", "problem"),
    [
        ("empty.json", b"[]", "0 data sets", ""),
        ("none.json", b"[{}]", "1 data set", ""),
        ("wrong.json", b"[" * 1000, "0 data sets", "expected"),
        ("nul.json", b'[{"00100010":{"vr":"PN","Value":[{"Alphabetic":"a\0b"}]}}]', "1 data set", ""),
        ("utf8.json", b'[{"00100020":{"vr":"LO","Value":["\xff"]}}]', "1 data set", ""),
        ("one.json", array(1), "1 data set", ""),
        (f"{_MARKUP}%zz.dcm", b"no", "0 data sets", _MARKUP),
        ("folder/a.json", array(2), "2 data sets", ""),
    ],
)
def test_odd_source_throws_nothing_in_the_page(
    tmp_path: Path, name: str, data: bytes, status: str, problem: str
) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    with browsing(path.parent if "/" in name else path) as (_, url):
        found = drive(_SCENARIO, scene="odd", url=url)
    assert found["status"] == status
    assert problem in " ".join(found["problems"])
    assert bool(found["problems"]) == bool(problem)
    assert (found["foreign"], found["hacked"], found["pageErrors"]) == (0, None, [])


def test_two_pages_do_not_hinder_each_other(many: str) -> None:
    found = _run("two", many, count=_MANY)
    assert found["value"] == f"P{_MANY - 3}"
    assert found["isSearching"]
    assert found["others"] == f"{_MANY:,} data sets"


def test_frame_and_curves_are_shown() -> None:
    names = ("CT_small.dcm", "waveform_ecg.dcm")
    with browsing(*[Path(get_testdata_file(name)) for name in names]) as (_, url):
        found = _run("picture", url)
    ds = dcmread(get_testdata_file("CT_small.dcm"))
    brightest = ds.pixel_array.reshape(-1).argmax()
    assert found["pixels"][brightest] == max(found["pixels"]) == 255
    assert len(found["labels"]) == 12


@pytest.mark.parametrize(
    ("value", "is_shown"), [('"InlineBinary":"AAAA"', True), ('"BulkDataURI":"http://x/1"', False)]
)
def test_pixels_elsewhere_have_no_tab(tmp_path: Path, value: str, is_shown: bool) -> None:
    path = tmp_path / "a.json"
    path.write_text('[{"7FE00010":{"vr":"OW",%s}}]' % value)
    with browsing(path) as (_, url):
        assert ("Image" in _run("tabs", url)["tabs"]) == is_shown


def test_export_is_downloaded(url: str) -> None:
    found = drive(_SCENARIO, scene="export", url=url)
    assert found["name"] == "datasets.ndjson"
    assert json.loads(found["text"])["00100020"]["Value"] == ["P0000"]


def test_ctrl_c_ends_the_command_within_a_second(source: Path) -> None:
    with browsing(source) as (process, url):
        drive(_SCENARIO, scene="start", url=url)
        start = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.wait(10) in (0, 130)
        assert time.monotonic() - start < 1
        assert process.stderr
        assert process.stderr.read() == ""


def test_picture_of_the_documentation_shows_the_page(tmp_path: Path) -> None:
    ds = dcmread(get_testdata_file("CT_small.dcm"))
    ds.PixelData = ds.PixelData[:64]
    names = ("Smith^John", "Müller^Eva", "Nielsen^Kari", "O'Brien^Pat", "Rossi^Carla")
    with DatasetWriter(tmp_path / "studies.json") as writer:
        for number in range(5000):
            ds.SOPInstanceUID, ds.InstanceNumber = f"1.2.840.99.{number}", number % 60 + 1
            ds.PatientName, ds.PatientID = names[number // 60 % 5], f"P{7919 * (number // 60) % 10000:04}"
            ds.StudyDate = f"2024{number // 60 % 12 + 1:02}17"
            ds["PatientAge"] = DataElement(0x00101010, "AS", "57" if number == 3 else "057Y", validation_mode=0)
            ds.Modality = ("CT", "MR")[number // 60 % 2]
            writer.write(ds)
    target = Path(_SCREENSHOTS or tmp_path).resolve() / "browse.png"
    with browsing(Path("studies.json"), folder=tmp_path) as (_, url):
        found = _run("pictures", url, target=str(target), documented=str(_DOCUMENTED))
    assert found["sizes"] == [[1280, 760]] * 2
    assert found["difference"] < _MOST_DIFFERENT
