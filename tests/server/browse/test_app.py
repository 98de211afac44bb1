"""The API of the page: what it returns, and whom it refuses."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file
from starlette.testclient import TestClient

import streamdicom
from streamdicom.server.browse.search import Query
from tests.server.browse import sources
from tests.server.browse.sources import UID, array, page
from tests.support.each import each

_COUNT = 40


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    path = tmp_path_factory.mktemp("source") / "a.json"
    path.write_bytes(array(_COUNT))
    with page(path) as client:
        yield client


@pytest.fixture(scope="module")
def files() -> Iterator[TestClient]:
    with page(Path(get_testdata_file("CT_small.dcm")), Path(get_testdata_file("693_J2KI.dcm"))) as client:
        yield client


# --- access ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("token", ["", "Bearer ", "Bearer wrong", "Bearer correct2", "Basic correct"])
def test_request_without_the_token_is_refused(client: TestClient, token: str) -> None:
    response = client.get("/api/rows?count=1", headers={"Authorization": token})
    assert response.status_code == 401
    assert UID not in response.text


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "localhost.evil.example"])
def test_request_to_another_name_is_refused(client: TestClient, host: str) -> None:
    assert client.get("/api/status", headers={"Host": host}).status_code == 421
    assert client.get("/", headers={"Host": host}).status_code == 421


def test_page_of_another_origin_gets_no_permission(client: TestClient) -> None:
    response = client.get("/api/status", headers={"Origin": "https://evil.example"})
    assert not [name for name in response.headers if name.startswith("access-control")]
    assert client.post("/api/reload", headers={"Origin": "https://evil.example"}).status_code == 403


def test_page_has_a_strict_policy_and_no_inline_script_or_style(client: TestClient) -> None:
    response = client.get("/", headers={"Authorization": ""})
    assert response.status_code == 200
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert response.headers["referrer-policy"] == "no-referrer"
    for mark in ("<style", "style=", "onclick", "<script>"):
        assert mark not in response.text


@pytest.mark.parametrize("name", ["main.js", "style.css", "icon.svg"])
def test_files_of_the_page_have_their_type(client: TestClient, name: str) -> None:
    response = client.get(f"/{name}")
    expected = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}[name.partition(".")[2]]
    assert response.headers["content-type"].startswith(expected)


@pytest.mark.parametrize("path", ["/../app.py", "/app.py", "/static/main.js", "/%2e%2e/app.py"])
def test_no_other_file_is_served(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


# --- data sets -------------------------------------------------------------------------------------------------


def test_status_has_the_progress(client: TestClient) -> None:
    status = client.get("/api/status").json()
    assert (status["count"], status["complete"], status["problems"]) == (_COUNT, True, [])
    assert status["done"] == status["total"]


def test_rows_have_the_cells_of_columns(client: TestClient) -> None:
    columns = "PatientName,00080060,ReferencedImageSequence.ReferencedSOPInstanceUID,PixelData,Rows,StudyDate"
    found = client.get(f"/api/rows?start=4&count=2&columns={columns}").json()
    assert found["count"] == _COUNT
    assert found["rows"] == [
        {"number": 4, "cells": ["<b>4</b>=山田", "MR", "1.9.4.0 | 1.9.4.1", "4 bytes", "4", ""]},
        {"number": 5, "cells": ["<b>5</b>=山田", "US", "1.9.5.0 | 1.9.5.1", "4 bytes", "0", ""]},
    ]


def test_rows_by_number(client: TestClient) -> None:
    found = client.get("/api/rows?numbers=30,2&columns=PatientID").json()
    assert [row["cells"] for row in found["rows"]] == [["P0030"], ["P0002"]]


@pytest.mark.parametrize("query", ["start=-1", "count=x", "count=9999", "columns=NoSuchKeyword", "columns=0010xxxx"])
def test_wrong_parameters_are_refused(client: TestClient, query: str) -> None:
    response = client.get(f"/api/rows?{query}")
    assert response.status_code == 400
    assert response.json()["error"]


def test_tree_has_the_elements(client: TestClient) -> None:
    found = client.get("/api/tree?number=7").json()
    rows = {row["tag"]: row for row in found["rows"]}
    assert found["total"] == len(found["rows"]) == 12
    assert rows["00081140"] | {"offset": 0} == {
        "tag": "00081140",
        "vr": "SQ",
        "path": "00081140",
        "offset": 0,
        "keyword": "ReferencedImageSequence",
        "kind": "sequence",
        "items": 2,
    }
    assert rows["00090010"]["name"] == "Private Creator"
    assert (rows["00091027"]["creator"], rows["00091027"]["name"]) == ("GEMS_IDEN_01", "Image actual date")
    assert rows["00100010"]["names"] == [["<b>7</b>", "山田", ""]]
    assert (rows["7FE00010"]["length"], rows["7FE00010"]["hex"]) == (4, "00010203")
    assert array(_COUNT)[rows["00100020"]["offset"] :].startswith(b'"00100020"')


def test_tree_of_a_sequence_and_of_an_item(client: TestClient) -> None:
    items = client.get("/api/tree?number=7&path=00081140").json()["rows"]
    assert [(row["path"], row["elements"], row["value"]) for row in items] == [
        ("00081140[0]", 2, "x"),
        ("00081140[1]", 2, "x"),
    ]
    rows = client.get("/api/tree?number=7&path=00081140[1]").json()["rows"]
    assert [(row["path"], row["value"]) for row in rows] == [
        ("00081140[1].00081155", "1.9.7.1"),
        ("00081140[1].00080104", "x"),
    ]
    window = client.get("/api/tree?number=7&path=00081140&start=1&count=1").json()
    assert ([row["item"] for row in window["rows"]], window["total"]) == ([1], 2)


def test_value_is_whole_within_bounds(client: TestClient) -> None:
    assert client.get("/api/value?number=7&path=00100010").json()["values"] == [["<b>7</b>", "山田", ""]]
    assert client.get("/api/value?number=7&path=00081140[1].00081155").json()["values"] == ["1.9.7.1"]
    found = client.get("/api/value?number=7&path=7FE00010").json()
    assert (found["kind"], found["hex"], found["total"]) == ("bytes", "00010203", 4)


def test_unknown_data_set_or_path_is_refused(client: TestClient) -> None:
    assert client.get(f"/api/tree?number={_COUNT}").status_code == 404
    assert client.get("/api/tree?number=0&path=0010").status_code == 400
    assert client.get("/api/tree?number=0&path=00100010").json()["rows"] == []


def test_data_set_is_found_by_its_uid(client: TestClient) -> None:
    assert client.get(f"/api/find?uid={UID}23").json() == {"number": 23, "numbers": [23]}
    assert client.get("/api/find?uid=1.2").json() == {"number": None, "numbers": []}


def test_deviations_have_code_clause_and_offset(client: TestClient) -> None:
    found = client.get("/api/deviations?number=7").json()
    rows = {row["code"]: row for row in found["deviations"]}
    assert rows["key-order"]["clause"] == "PS3.5 7.1, PS3.18 F.2.2"
    wrong = rows["not-an-age"]
    assert (wrong["path"], wrong["severity"]) == ("00101010", "warning")
    assert array(_COUNT)[wrong["offset"] :].startswith(b'"00101010"')


def test_json_of_the_source_is_exact(client: TestClient) -> None:
    found = client.get("/api/json?number=7&path=00100020").json()
    assert found["text"] == '"00100020": {"vr": "LO", "Value": ["P0007"]}'
    assert found["source"]
    item = client.get("/api/json?number=7&path=00081140[0]").json()["text"]
    assert item == '{"00081155": {"vr": "UI", "Value": ["1.9.7.0"]}, "00080104": {"vr": "LO", "Value": ["x"]}}'
    last = client.get(f"/api/json?number={_COUNT - 1}").json()["text"]
    assert last.startswith('{"00080018"')
    assert last.endswith('"AAECAw=="}}')


def test_json_of_a_file_is_written(files: TestClient) -> None:
    found = files.get("/api/json?number=0&path=00080060").json()
    assert not found["source"]
    assert found["text"].split() == ['"00080060":', "{", '"vr":', '"CS",', '"Value":', "[", '"CT"', "]", "}"]


def test_fragments_are_counted(files: TestClient) -> None:
    rows = files.get("/api/tree?number=1").json()["rows"]
    assert (rows[0]["tag"], rows[8]["tag"], rows[8]["name"]) == ("00020000", "00080000", "Group Length")
    assert (rows[-1]["tag"], rows[-1]["kind"], rows[-1]["fragments"]) == ("7FE00010", "bytes", 1)


def test_changed_source_is_an_error_and_can_be_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(array(2))
    with page(path) as client:
        path.write_bytes(array(3))
        response = client.get("/api/tree?number=0")
        assert (response.status_code, response.json()["changed"]) == (409, True)
        row = client.get("/api/rows?count=1&columns=PatientID").json()["rows"][0]
        assert row["changed"]
        assert "cells" not in row
        client.post("/api/reload")
        while not (status := client.get("/api/status").json())["complete"]:
            pass
        assert status["count"] == 3
        assert client.get("/api/tree?number=2").status_code == 200
        path.unlink()
        gone = client.post("/api/reload")
        assert (gone.status_code, gone.json()["error"]) == (409, f"{path}: No such file or directory")


def test_fault_in_a_data_set_does_not_hide_the_others(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b'[{"00100020":{"vr":"LO","Value":["1"]}}, {"00100020":{"vr":"LO","Value":[2,]], {"0"}}]')
    with page(path) as client:
        first, second, *_ = client.get("/api/rows?columns=PatientID").json()["rows"]
        assert first["cells"] == ["1"]
        assert second["error"]
        assert client.get("/api/tree?number=1").json()["error"]["message"]


# --- streams ---------------------------------------------------------------------------------------------------


def _lines(client: TestClient, path: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in client.get(path).text.splitlines()]


def _found(client: TestClient, query: str) -> list[int]:
    lines = _lines(client, f"/api/search?{query}")
    assert lines[-1]["complete"]
    return [number for line in lines for number in line["numbers"]]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("select=Modality=CT", range(0, _COUNT, 3)),
        ("select=Modality=CT&select=Modality=US", [number for number in range(_COUNT) if number % 3 != 1]),
        ("select=Modality=CT&select=Rows=0", range(0, _COUNT, 15)),
        ("word=p0017", [17]),
        ("word=P0017&word=<B>17</B>", [17]),
        ("word=P0017&word=nothing", []),
        ("word=%E5%B1%B1%E7%94%B0&select=PatientID=P0003", [3]),
        ("word=1.9.12.1", [12]),
        ("word=PatientID", []),
        ("word=00100020", []),
        ("word=AAEC", []),
        ("word=39", [39]),
    ],
)
def test_search_finds_values(client: TestClient, query: str, expected: Iterable[int]) -> None:
    assert _found(client, query) == list(expected)


@pytest.mark.parametrize("form", ["json", "ndjson", "escaped", "gzip", "xml", "zip"])
def test_search_is_the_same_in_every_form(tmp_path: Path, form: str) -> None:
    escaped = json.dumps([sources.dataset(number) for number in range(_COUNT)], ensure_ascii=True).encode()
    data = {
        "json": array(_COUNT),
        "ndjson": sources.lines(_COUNT),
        "escaped": escaped.replace(b"P00", b"\\u005000"),
        "gzip": sources.members(array(_COUNT)),
        "xml": sources.xml(_COUNT),
        "zip": sources.zipped({"a.json": array(_COUNT)}),
    }[form]
    path = tmp_path / f"a.{form}"
    path.write_bytes(data)
    with page(path) as client:
        assert _found(client, "word=p0017") == [17]
        assert _found(client, "select=PatientID=P0005") == [5]
        assert len(_found(client, "word=1.2.3")) == _COUNT


def test_search_goes_on_after_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "a.ndjson"
    path.write_bytes(
        b'{"00100020":{"vr":"LO","Value":["1"]}}\n{"00100020":{"vr":}}\n{"00100020":{"vr":"LO","Value":["1"]}}'
    )
    with page(path) as client:
        for query in ("select=PatientID=1", "word=1"):
            lines = _lines(client, f"/api/search?{query}")
            assert [number for line in lines for number in line["numbers"]] == [0, 2]
            assert lines[-1]["faults"] == 1


@pytest.mark.parametrize("query", ["select=NoSuchKeyword=1", "select=Modality"])
def test_wrong_condition_is_refused(client: TestClient, query: str) -> None:
    assert client.get(f"/api/search?{query}").status_code == 400


def test_statistics_of_a_column(client: TestClient) -> None:
    found = _lines(client, "/api/statistics?column=Rows")[-1]["statistics"]
    assert (found["count"], found["empty"], found["distinct"]) == (_COUNT, 0, 5)
    assert found["top"] == [[str(number), 8] for number in range(5)]
    assert (found["edges"][0], found["edges"][-1], found["mean"]) == ("0", "4", "2")
    assert sum(found["bins"]) == _COUNT
    some = _lines(client, "/api/statistics?column=Modality&select=Rows=0")[-1]["statistics"]
    assert (some["count"], some["top"]) == (8, [["CT", 3], ["US", 3], ["MR", 2]])
    missing = _lines(client, "/api/statistics?column=StudyDate")[-1]["statistics"]
    assert (missing["empty"], missing["top"], missing["least"]) == (_COUNT, [], None)


def test_statistics_of_the_greatest_numbers(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    texts = [b'{"00101030":{"vr":"DS","Value":[%s]}}' % number for number in (b"-1e308", b"1e308", b"0")]
    path.write_bytes(b"[" + b",".join(texts) + b"]")
    with page(path) as client:
        found = _lines(client, "/api/statistics?column=PatientWeight")[-1]["statistics"]
    assert (found["edges"][0], found["edges"][-1], sum(found["bins"])) == ("-1e+308", "1e+308", 3)
    assert (found["bins"][0], found["bins"][-1]) == (1, 1)


def test_order_of_a_column(client: TestClient) -> None:
    def order(query: str) -> list[int]:
        return [number for line in _lines(client, f"/api/sort?{query}") for number in line.get("numbers", [])]

    assert order("column=InstanceNumber&descending=1") == list(range(_COUNT))[::-1]
    assert order("column=Modality") == sorted(range(_COUNT), key=lambda number: (number % 3, number))
    assert order("column=PatientID&select=Modality=US") == list(range(2, _COUNT, 3))
    assert order("column=InstanceNumber") == list(range(_COUNT))  # and not by text


def test_changed_source_ends_a_search_with_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(array(2))
    with page(path) as client:
        path.write_bytes(array(3))
        for name in ("search?word=x", "statistics?column=Rows", "sort?column=Rows"):
            last = _lines(client, f"/api/{name}")[-1]
            assert last["changed"]
            assert "complete" not in last


# --- two data sets ---------------------------------------------------------------------------------------------


def test_comparison_has_the_differences_of_diff(tmp_path: Path) -> None:
    one, other = sources.dataset(1), sources.dataset(1)
    other["00100010"] = {"vr": "PN", "Value": [{"Alphabetic": "Other"}]}
    other["00101010"]["vr"] = "LO"
    del other["00200013"]
    other["00100020"] = {"vr": "UN", "InlineBinary": base64.b64encode(one["00100020"]["Value"][0].encode()).decode()}
    other["00081140"]["Value"][1]["00080104"]["Value"] = ["y"]
    path = tmp_path / "a.json"
    path.write_bytes(json.dumps([one, other]).encode())
    with page(path) as client:
        found = client.get("/api/compare?left=0&right=1").json()
        assert [(row["kind"], row["path"], row["keyword"]) for row in found["differences"]] == [
            ("value", "00081140[1].00080104", "CodeMeaning"),
            ("value", "00100010", "PatientName"),
            ("vr", "00101010", "PatientAge"),
            ("left", "00200013", "InstanceNumber"),
        ]
        name = found["differences"][1]
        assert (name["left"]["value"], name["right"]["value"]) == ("<b>1</b>=山田", "Other")
        assert path.read_bytes()[name["right"]["offset"] :].startswith(b'"00100010"')
        assert found["faults"] == [None, None]
        assert client.get("/api/compare?left=1&right=1").json()["differences"] == []


def test_comparison_of_a_faulty_data_set_has_the_fault(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b'[{"00100020":{"vr":"LO"}}, {"00100020":{"vr":"LO"},"00100030":]')
    with page(path) as client:
        found = client.get("/api/compare?left=0&right=1").json()
        assert found["differences"] == []
        assert found["faults"][1]


# --- exports ---------------------------------------------------------------------------------------------------


def _download(client: TestClient, **wish: object) -> bytes:
    ticket = client.post("/api/export", json=wish).json()["ticket"]
    response = client.get(f"/download/{ticket}", headers={"Authorization": ""})
    assert response.status_code == 200
    assert "attachment" in response.headers["content-disposition"]
    assert client.get(f"/download/{ticket}").status_code == 404
    return response.content


def test_export_as_ndjson_is_equal_to_the_source(client: TestClient) -> None:
    lines = _download(client, format="ndjson", numbers=[3, 17]).splitlines()
    found = [json.loads(line) for line in lines]
    assert found == [dict(sorted(sources.dataset(number).items())) for number in (3, 17)]
    some = _download(client, format="ndjson", select=["Modality=CT"], word=["p0003"])
    assert json.loads(some)["00100020"]["Value"] == ["P0003"]
    assert len(_download(client, format="ndjson").splitlines()) == _COUNT


def test_export_as_ndjson_has_no_group_0002_after_lower_groups(tmp_path: Path) -> None:
    low = {"00010002": {"vr": "LO", "Value": ["a"]}, "00020010": {"vr": "UI", "Value": ["1.2.840.10008.1.2.1"]}}
    (tmp_path / "a.json").write_text(json.dumps(low))
    (tmp_path / "b.dcm").write_bytes(Path(get_testdata_file("nested_priv_SQ.dcm")).read_bytes())
    with page(tmp_path) as client:
        found = [json.loads(line) for line in _download(client, format="ndjson").splitlines()]
    assert [list(one) for one in found] == [["00010002"], ["00010001", "7FE00010"]]


def test_export_as_dicom_files(client: TestClient, files: TestClient) -> None:
    with zipfile.ZipFile(io.BytesIO(_download(client, format="dicom", numbers=[3]))) as archive:
        ds = dcmread(io.BytesIO(archive.read("00000003.dcm")), force=True)
        assert (ds.PatientID, ds.InstanceNumber, ds.PixelData) == ("P0003", 3, bytes(range(4)))
    source = Path(get_testdata_file("693_J2KI.dcm")).read_bytes()
    with zipfile.ZipFile(io.BytesIO(_download(files, format="dicom", numbers=[1]))) as archive:
        assert archive.read("00000001.dcm") == source


def test_export_lists_data_sets_that_are_no_files(tmp_path: Path) -> None:
    path = tmp_path / "a.ndjson"
    path.write_bytes(sources.lines(1) + b'{"00100020":{"vr":}}\n')
    with page(path) as client, zipfile.ZipFile(io.BytesIO(_download(client, format="dicom"))) as archive:
        assert archive.namelist() == ["00000000.dcm", "not-written.txt"]
        assert archive.read("not-written.txt").startswith(b"#1: ")


def test_export_as_parquet_and_csv(client: TestClient) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    columns = ["PatientID", "Rows", "source"]
    table = parquet.read_table(io.BytesIO(_download(client, format="parquet", numbers=[7, 8], columns=columns)))
    assert table.select(["PatientID", "Rows"]).to_pylist() == [
        {"PatientID": "P0007", "Rows": 2},
        {"PatientID": "P0008", "Rows": 3},
    ]
    csv = _download(client, format="csv", numbers=[7], columns=columns).decode()
    assert csv.splitlines()[1].startswith('"P0007",2')


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_table_of_no_data_set_has_its_columns(client: TestClient, form: str) -> None:
    pytest.importorskip("pyarrow")
    data = _download(client, format=form, select=["Modality=XX"], columns=["PatientID"])
    assert data.startswith(b"PAR1" if form == "parquet" else b'"PatientID"')
    assert b"P0" not in data


@pytest.mark.parametrize("columns", [["00091027", "PatientID"], ["source"], []])
def test_columns_that_no_table_can_have_are_refused(client: TestClient, columns: list[str]) -> None:
    pytest.importorskip("pyarrow")
    response = client.post("/api/export", json={"format": "csv", "columns": columns})
    assert response.status_code == 400
    assert "column" in response.json()["error"] or "00091027" in response.json()["error"]


def test_export_of_an_unknown_data_set_is_refused(client: TestClient) -> None:
    assert client.post("/api/export", json={"format": "ndjson", "numbers": [0, _COUNT]}).status_code == 404


def _found_by(client: TestClient, word: str) -> list[int]:
    found = client.get("/api/search", params={"word": word}).text.splitlines()
    return [number for line in found for number in json.loads(line)["numbers"]]


@each("word", [".*", "[x]", "(", "\\", "^$", "+?", "{2}", "|", '"q"', "\\d", "a."])
def test_words_are_no_patterns(tmp_path: Path, word: str) -> None:
    path = tmp_path / "a.json"
    value = r'a.*[x](\^$+?){2}|"q"\d'
    texts = [{"00104000": {"vr": "LT", "Value": [one]}} for one in ("abcdqx", value)]
    path.write_bytes(json.dumps(texts).encode())
    with page(path) as client:
        [line] = client.get("/api/search", params={"word": word}).text.splitlines()
        assert json.loads(line)["numbers"] == [1]


@each(
    ("word", "expected"),
    [
        ("yamada", [0, 1, 2]),
        ("YAMADA/x", [0, 1, 2]),
        ("山田", [0, 1, 3]),
        ("müller", [4, 5]),
        ("\u0130", [6]),
        ("absent", []),
        ("山本", []),
    ],
)
def test_words_are_found_with_and_without_escapes(tmp_path: Path, word: str, expected: list[int]) -> None:
    values = [
        r"Yamada/x 山田",
        r"Yamada\/x \u5c71\u7530",
        r"\u0059amada/x\"",
        r"山田\"\\",
        "MÜLLER",
        r"m\u00fcller\n",
        "\u0130",
    ]
    path = tmp_path / "a.json"
    path.write_text("[%s]" % ",".join('{"00104000":{"vr":"LT","Value":["%s"]}}' % one for one in values), "utf-8")
    with page(path) as client:
        assert _found_by(client, word) == expected


def test_words_that_no_bytes_have_are_passed_over() -> None:
    for word, data, may in (
        ("yamada", rb'"Vendor \"X\" \u00fc"', False),
        ("yamada", rb'"\u0059amada"', True),
        ("a/b", rb'"a\/b"', True),
        ("山田", "山本".encode(), False),
        ("山田", rb"\u5c71\u7530", True),
        ("müller", b"MLER", False),
    ):
        assert Query({}, [word]).may_match(data) == may, word


@pytest.mark.parametrize("wish", [{}, {"format": "exe"}, {"format": "csv", "numbers": ["x"]}, []])
def test_wrong_export_is_refused(client: TestClient, wish: object) -> None:
    assert client.post("/api/export", json=wish).status_code == 400
    assert client.post("/api/export", json=wish, headers={"Authorization": ""}).status_code == 401


# --- pictures --------------------------------------------------------------------------------------------------


def _picture(client: TestClient, query: str) -> tuple[dict[str, Any], Any]:
    response = client.get(f"/api/frame?{query}")
    assert response.status_code == 200, response.text
    facts = json.loads(response.headers["x-picture"])
    return facts, np.frombuffer(response.content, np.uint8).reshape(facts["height"], facts["width"], -1)


@pytest.mark.slow
def test_frame_has_the_window_that_is_asked_for(files: TestClient) -> None:
    ds = dcmread(get_testdata_file("CT_small.dcm"))
    values = ds.pixel_array * ds.RescaleSlope + ds.RescaleIntercept
    facts, found = _picture(files, "number=0&center=100&width=200")
    assert (facts["rows"], facts["columns"], facts["frames"]) == (128, 128, 1)
    expected = ((values - (100 - 0.5)) / (200 - 1) + 0.5).clip(0, 1) * 255  # PS3.3 C.11.2.1.2
    assert np.abs(found[..., 0] - expected).max() <= 0.51
    _, whole = _picture(files, "number=0")
    assert (whole.min(), whole.max()) == (0, 255)


@pytest.mark.slow
def test_frame_of_json_is_that_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    streamdicom.dump(dcmread(get_testdata_file("CT_small.dcm")), path)
    with page(path, Path(get_testdata_file("CT_small.dcm"))) as client:
        assert client.get("/api/frame?number=0").content == client.get("/api/frame?number=1").content


@pytest.mark.slow
def test_frames_in_color(tmp_path: Path) -> None:
    path = get_testdata_file("SC_rgb_rle_2frame.dcm")
    with page(Path(path)) as client:
        facts, found = _picture(client, "number=0&frame=1")
        assert (facts["frames"], facts["samples"], facts["window"]) == (2, 3, None)
        assert (found == dcmread(path).pixel_array[1]).all()
        assert client.get("/api/frame?number=0&frame=2").status_code == 422


@pytest.mark.slow
def test_pixels_that_cannot_be_decoded_are_an_error(client: TestClient) -> None:
    response = client.get("/api/frame?number=0")
    assert response.status_code == 422
    assert response.json()["error"]


@pytest.mark.slow
def test_waveform_has_its_curves() -> None:
    path = Path(get_testdata_file("waveform_ecg.dcm"))
    ds = dcmread(path)
    with page(path) as client:
        found = client.get("/api/waveform?number=0").json()
        assert (len(found["channels"]), found["frequency"]) == (12, 1000)
        expected = ds.waveform_array(0)[:, 0]
        points = found["channels"][0]["points"]
        assert (max(points), min(points)) == (expected.max(), expected.min())
        assert found["channels"][0]["label"].startswith("Lead I")
        assert client.get("/api/waveform?number=0&group=9").status_code == 422
