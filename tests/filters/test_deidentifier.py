"""De-identify events: each action, in any form of an element, at any level."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pydicom
import pytest

import streamdicom
from streamdicom import Event, EventType, Limits, OutputError, ReadOptions, WriteOptions, iter_events, write_events
from streamdicom.converters import PrivateKey
from streamdicom.deidentification import Deidentification, KeyedValues
from streamdicom.dicom import VALUE_RULES
from streamdicom.filters import deidentify
from tests.deidentification.planting import KEY, SECRETS, planted
from tests.support.each import each

_CT = "1.2.840.10008.5.1.4.1.1.2"
_NEW = KeyedValues(KEY)
_ALL = [
    "retain-device-identity",
    "retain-institution-identity",
    "retain-patient-characteristics",
    "retain-modified-dates",
    "retain-safe-private",
    "clean-descriptors",
    "clean-structured-content",
    "clean-graphics",
]


def _text(value: Any, vr: str = "LO") -> dict[str, Any]:
    return {"vr": vr, "Value": [value]}


def _code(value: str, scheme: str = "DCM") -> dict[str, Any]:
    item = {"00080100": _text(value, "SH"), "00080102": _text(scheme, "SH"), "00080104": _text("meaning")}
    return {"vr": "SQ", "Value": [item]}


def _run(document: dict[str, Any], *options: str, chunk: int = 0, **others: Any) -> dict[str, Any]:
    """Return the JSON of a de-identified data set, without the marks of the method."""
    found = _run_whole(document, *options, chunk=chunk, **others)
    return {tag: value for tag, value in found.items() if tag not in ("00120062", "00120063", "00120064", "00280303")}


def _run_whole(document: Any, *options: str, chunk: int = 0, limits: Limits | None = None, **others: Any) -> Any:
    data = json.dumps(document).encode()
    pieces = [data[start : start + chunk] for start in range(0, len(data), chunk)] if chunk else data
    deidentification = Deidentification(KEY, options, **others)
    reading = ReadOptions(
        limits=limits or Limits(), deidentification=deidentification, on_error="keep", on_deviation=lambda _: None
    )
    target = BytesIO()
    write_events(iter_events(pieces, options=reading), target, array=False)
    return json.loads(target.getvalue())


def _values(found: dict[str, Any], tag: str) -> list[Any] | None:
    return found[tag].get("Value", []) if tag in found else None


# --- nothing of the original is left ---------------------------------------------------------------------------


@pytest.mark.parametrize("format", ["json", "xml", "dicom"])
@pytest.mark.parametrize("options", [[], ["clean-descriptors", "clean-structured-content", "clean-graphics"]])
def test_no_value_of_any_attribute_of_the_table_is_left(format: Any, options: list[str]) -> None:
    target = BytesIO()
    writing = WriteOptions(deidentification=Deidentification(KEY, options))
    write_events(iter(planted()), target, format=format, options=writing, array=False)
    data = target.getvalue()
    for secret in SECRETS:
        assert secret.encode() not in data
    for secret in (b"QWERTZSECRET", (54321).to_bytes(2, "little")):
        assert secret not in data
        assert base64.b64encode(secret).rstrip(b"=") not in data
    assert b"54321" not in data


@pytest.mark.slow
@pytest.mark.parametrize("options", [[], _ALL])
def test_output_has_the_same_values_in_every_format(options: list[str]) -> None:
    results = []
    for format in ("json", "xml", "dicom"):
        target = BytesIO()
        writing = WriteOptions(deidentification=Deidentification(KEY, options))
        write_events(iter(planted()), target, format=format, options=writing, array=False)
        again = BytesIO()
        write_events(iter_events(target.getvalue()), again, array=False)
        results.append(again.getvalue())
    assert results[0] == results[1] == results[2]


_FILES = ["CT_small", "MR_small_bigendian", "reportsi", "rtplan", "rtdose_1frame", "JPEG2000", "waveform_ecg"]


@pytest.mark.slow
@each("name", _FILES)
@each("options", [[], _ALL])
def test_roads_agree(name: str, options: list[str]) -> None:
    path = Path(pydicom.__file__).parent / "data" / "test_files" / f"{name}.dcm"
    sources: list[Any] = [path]
    for format in ("json", "xml"):
        converted = BytesIO()
        write_events(iter_events(path), converted, format=format, options=WriteOptions(file_meta=True), array=False)
        sources.append(converted.getvalue())
    results = []
    for source in sources:
        target = BytesIO()
        reading = ReadOptions(deidentification=Deidentification(KEY, options))
        write_events(iter_events(source, options=reading), target, options=WriteOptions(file_meta=True), array=False)
        results.append(json.loads(target.getvalue()))
    assert results[0] == results[1] == results[2]
    assert "00120062" in results[0]


def test_values_that_are_written_follow_the_rules_of_their_vr() -> None:
    events = list(deidentify(iter(planted()), Deidentification(KEY)))
    elements = [(tag, vr, value) for kind, tag, vr, value in events if kind == EventType.ELEMENT]
    assert len(elements) > 100
    for tag, vr, value in elements:
        assert not value or VALUE_RULES[vr](value), f"{tag:08X}"


@pytest.mark.slow
def test_planted_data_set_is_the_same_in_another_process(tmp_path: Path) -> None:
    document = {"00100020": _text("17"), "0020000D": _text("1.2.3", "UI"), "00080020": _text("20260131", "DA")}
    (tmp_path / "in.json").write_text(json.dumps(document))
    code = (
        "import sys, streamdicom as s; from streamdicom.deidentification import Deidentification as D; "
        f"o = s.ReadOptions(deidentification=D({KEY!r}, ['retain-modified-dates'])); "
        "print(s.dumps(s.load(sys.argv[1], options=o)))"
    )
    runs = [subprocess.check_output([sys.executable, "-c", code, tmp_path / "in.json"]) for _ in range(2)]
    assert runs[0] == runs[1]
    assert json.loads(runs[0]) == _run_whole(document, "retain-modified-dates")


# --- actions ---------------------------------------------------------------------------------------------------


def test_each_action_of_the_basic_profile() -> None:
    document = {
        "00080016": _text(_CT, "UI"),
        "00080018": _text("1.2.3", "UI"),
        "00080020": _text("20260131", "DA"),  # Z
        "00080021": _text("20260131", "DA"),  # X/D, type 3
        "00081030": _text("Knee of Doe"),  # X
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Doe^John"}]},  # Z
        "00100020": _text("17"),  # Z/D
        "00280010": {"vr": "US", "Value": [5]},  # K
        "0040A075": {"vr": "PN", "Value": [{"Alphabetic": "Roe^Jane"}]},  # D
    }
    assert _run(document) == {
        "00080016": _text(_CT, "UI"),
        "00080018": _text(_NEW.uid("1.2.3"), "UI"),
        "00080020": {"vr": "DA"},
        "00100010": {"vr": "PN"},
        "00100020": _text(_NEW.patient_id("17")),
        "00280010": {"vr": "US", "Value": [5]},
        "0040A075": {"vr": "PN", "Value": [{"Alphabetic": "DEIDENTIFIED"}]},
    }


def test_method_is_written_in_order_of_tags() -> None:
    for document in ({}, {"00080060": _text("CT", "CS")}, {"00120065": _text("x"), "7FE00010": {"vr": "OW"}}):
        found = _run_whole(document, "retain-uids", "retain-modified-dates")
        assert list(found) == sorted(found)
        assert _values(found, "00120062") == ["YES"]
        assert _values(found, "00120063") == ["streamdicom: PS3.15 2026d Annex E"]
        codes = [item["00080100"]["Value"][0] for item in found["00120064"]["Value"]]
        assert codes == ["113100", "113110", "113107"]
        assert {item["00080102"]["Value"][0] for item in found["00120064"]["Value"]} == {"DCM"}
        assert _values(found, "00280303") == ["MODIFIED"]


@each(
    ("options", "expected"),
    [([], "REMOVED"), (["retain-full-dates"], "UNMODIFIED"), (["retain-modified-dates"], "MODIFIED")],
)
def test_treatment_of_dates_is_written(options: list[str], expected: str) -> None:
    assert _values(_run_whole({}, *options), "00280303") == [expected]


def test_earlier_methods_stay_and_their_claims_do_not() -> None:
    document = {
        "00120062": _text("NO", "CS"),
        "00120063": _text("another tool"),
        "00120064": _code("113101"),
        "00280303": _text("UNMODIFIED", "CS"),
    }
    found = _run_whole(document)
    assert _values(found, "00120062") == ["YES"]
    assert _values(found, "00120063") == ["another tool", "streamdicom: PS3.15 2026d Annex E"]
    assert [item["00080100"]["Value"][0] for item in found["00120064"]["Value"]] == ["113101", "113100"]
    assert _values(found, "00280303") == ["REMOVED"]
    again = _run_whole(found)
    assert _values(again, "00120063") == _values(found, "00120063")


@each("wrong", [{"vr": "SQ", "Value": [{}]}, {"vr": "OB", "BulkDataURI": "x"}, _text("x", "CS")])
def test_marks_of_a_wrong_kind_are_replaced(wrong: dict[str, Any]) -> None:
    for tag in ("00120062", "00120063", "00120064", "00280303"):
        found = _run_whole({tag: wrong})
        assert _values(found, "00120062") == ["YES"]
        assert found["00120064"]["Value"][-1]["00080100"]["Value"] == ["113100"]


def test_uids_are_replaced_in_lists_and_items_and_those_of_dicom_stay() -> None:
    document = {
        "00080018": _text("1.2.3", "UI"),
        "00080058": {"vr": "UI", "Value": ["1.2.3", "1.2.4", None]},
        "00081115": {"vr": "SQ", "Value": [{"0020000E": _text("1.2.3", "UI")}]},
        "00081150": _text(_CT, "UI"),
        "00200052": _text("1.2.840.10008.1.4.1.1", "UI"),
    }
    found = _run(document)
    new = _NEW.uid("1.2.3")
    assert _values(found, "00080018") == [new]
    assert _values(found, "00080058") == [new, _NEW.uid("1.2.4"), None]
    assert found["00081115"]["Value"] == [{"0020000E": _text(new, "UI")}]
    assert _values(found, "00081150") == [_CT]
    assert _values(found, "00200052") == ["1.2.840.10008.1.4.1.1"]
    assert _run(document, "retain-uids") == document


def test_files_get_a_new_instance_uid_in_their_meta_information_too() -> None:
    target = BytesIO()
    path = next(Path(pydicom.__file__).parent.joinpath("data", "test_files").glob("CT_small.dcm"))
    write_events(
        iter_events(path), target, format="dicom", options=WriteOptions(deidentification=Deidentification(KEY))
    )
    data = target.getvalue()
    dataset = pydicom.dcmread(BytesIO(data))
    original = pydicom.dcmread(path)
    assert data[:128] == bytes(128)
    assert dataset.file_meta.MediaStorageSOPInstanceUID == dataset.SOPInstanceUID == _NEW.uid(original.SOPInstanceUID)
    assert dataset.SOPClassUID == original.SOPClassUID
    assert "SourceApplicationEntityTitle" not in dataset.file_meta
    assert dataset.PixelData == original.PixelData
    assert not [element for element in dataset if element.tag.is_private]
    for name in ("PatientName", "PatientID", "InstitutionName", "StudyDate"):
        assert str(original[name].value).encode() not in data


# --- options ---------------------------------------------------------------------------------------------------


_DATED = {
    "00080012": _text("20260131", "DA"),
    "00080020": _text("20260131", "DA"),
    "0008002A": _text("20260131093000+0100", "DT"),
    "00080030": _text("0930", "TM"),
    "00080201": _text("+0100", "SH"),
    "00081115": {"vr": "SQ", "Value": [{"00080021": _text("20260201", "DA")}]},
    "00100020": _text("17"),
    "00400244": {"vr": "DA", "Value": ["20260131", "soon", None]},
}


def test_full_dates_stay() -> None:
    found = _run(_DATED, "retain-full-dates")
    assert {tag: found[tag] for tag in _DATED if tag != "00100020"} == {
        tag: value for tag, value in _DATED.items() if tag != "00100020"
    }


@each("chunk", [0, 1, 7])
def test_modified_dates_are_shifted_by_the_key_and_the_patient(chunk: int) -> None:
    found = _run(_DATED, "retain-modified-dates", chunk=chunk)
    day = pydicom.valuerep.DA("20260131").toordinal() + _NEW.days("17")  # type: ignore[union-attr]
    shifted = [f"{date:%Y%m%d}" for date in map(pydicom.valuerep.DA.fromordinal, (day, day + 1))]
    assert _values(found, "00080012") == _values(found, "00080020") == shifted[:1]
    assert _values(found, "0008002A") == [f"{shifted[0]}093000"]
    assert _values(found, "00080030") == ["0930"]
    assert "00080201" not in found
    assert found["00081115"]["Value"][0]["00080021"]["Value"] == shifted[1:]
    assert _values(found, "00400244") == [shifted[0], None, None]
    other = _run({**_DATED, "00100020": _text("18")}, "retain-modified-dates")
    assert _values(other, "00080020") != shifted[:1]


def test_patient_id_must_be_in_order_to_shift_dates_of_a_long_data_set() -> None:
    def events() -> Iterator[Event]:
        yield EventType.START_DATASET, 0, "", 0
        yield EventType.ELEMENT, 0x00080020, "DA", ("20260131",)
        for number in range(6_500):
            yield EventType.ELEMENT, 0x00280010 + number, "US", (1,)
        yield EventType.ELEMENT, 0x00100020, "LO", ("17",)

    with pytest.raises(OutputError, match="in order"):
        list(deidentify(events(), Deidentification(KEY, ["retain-modified-dates"])))


def test_patient_id_must_not_be_excluded_to_shift_dates() -> None:
    deidentification = Deidentification(KEY, ["retain-modified-dates"])
    for options in (ReadOptions, WriteOptions):
        with pytest.raises(ValueError, match="Patient ID"):
            options(deidentification=deidentification, exclude=["PatientID"])
        options(deidentification=deidentification, exclude=["PatientName"])


def test_device_institution_and_patient_are_retained_by_their_options() -> None:
    document = {
        "00080054": _text("ARCHIVE", "AE"),
        "00080080": _text("Hospital"),
        "00100040": _text("F", "CS"),
        "00101030": {"vr": "DS", "Value": [70]},
        "00102110": _text("contrast agent, says Dr. Doe"),
        "00181000": _text("4711"),
        "00400241": _text("SCANNER", "AE"),
    }
    assert set(_run(document)) == {"00080080", "00100040", "00181000"}
    assert set(_run({**document, "00080016": _text(_CT, "UI")})) == {"00080016", "00100040"}
    assert _run(document, "retain-device-identity")["00181000"] == document["00181000"]
    assert "00400241" not in _run(document, "retain-device-identity")
    assert _run(document, "retain-institution-identity")["00080080"] == document["00080080"]
    found = _run(document, "retain-patient-characteristics")
    assert found["00101030"] == document["00101030"]
    assert _values(found, "00100040") == ["F"]
    assert _values(found, "00102110") == ["contrast agent"]


def test_descriptors_keep_their_known_words() -> None:
    document = {
        "00081030": _text("CHEST of Mrs Doe"),
        "0008103E": _text("Doe"),
        "00081084": {"vr": "SQ", "Value": [{"00080100": _text("X1", "SH"), "00080104": _text("Doe, chest")}]},
        "00180010": _text("Doe"),
    }
    found = _run(document, "clean-descriptors")
    assert _values(found, "00081030") == ["CHEST of"]
    assert "0008103E" not in found
    assert found["00081084"]["Value"] == [{"00080100": _text("X1", "SH"), "00080104": _text("chest")}]
    assert _values(found, "00180010") == ["DEIDENTIFIED"]
    own = _run(document, "clean-descriptors", clean_text=lambda text: text.replace("Doe", "X"))
    assert _values(own, "0008103E") == ["X"]


_REPORT = {
    "00080016": _text("1.2.840.10008.5.1.4.1.1.88.33", "UI"),
    "0040A040": _text("CONTAINER", "CS"),
    "0040A730": {
        "vr": "SQ",
        "Value": [
            {
                "0040A040": _text("TEXT", "CS"),
                "0040A043": _code("121022"),  # Accession Number: X
                "0040A160": _text("secret accession", "UT"),
                "0040A730": {"vr": "SQ", "Value": [{"0040A160": _text("secret child", "UT")}]},
            },
            {
                "0040A040": _text("PNAME", "CS"),
                "0040A043": _code("121008"),  # Person Observer Name: D
                "0040A123": {"vr": "PN", "Value": [{"Alphabetic": "Secret^Observer"}]},
            },
            {
                "0040A040": _text("TEXT", "CS"),
                "0040A043": _code("1", "99ACME"),  # not in the table
                "0040A160": _text("secret lung", "UT"),
                "0040A730": {
                    "vr": "SQ",
                    "Value": [
                        {
                            "0040A040": _text("NUM", "CS"),
                            "0040A043": _code("G-D705", "SRT"),
                            "0040A300": {"vr": "SQ", "Value": [{"0040A30A": {"vr": "DS", "Value": [5]}}]},
                        },
                    ],
                },
            },
            {
                "0040A040": _text("DATE", "CS"),
                "0040A043": _code("126201"),  # Acquisition Date: X, or by the options for dates
                "0040A121": _text("20260131", "DA"),
            },
            {
                "0040A040": _text("UIDREF", "CS"),
                "0040A043": _code("121012"),  # Device Observer UID: D
                "0040A124": _text("1.2.3", "UI"),
            },
        ],
    },
}


def test_structured_content_is_replaced_by_a_valid_dummy() -> None:
    [item] = _run(_REPORT)["0040A730"]["Value"]
    assert item["0040A160"] == _text("DEIDENTIFIED", "UT")
    assert item["0040A043"]["Value"][0]["00080100"]["Value"] == ["121106"]


@pytest.mark.parametrize("chunk", [0, 1])
def test_structured_content_is_cleaned_by_the_concept_of_each_item(chunk: int) -> None:
    name, finding, uid = _run(_REPORT, "clean-structured-content", chunk=chunk)["0040A730"]["Value"]
    assert name["0040A123"] == {"vr": "PN", "Value": [{"Alphabetic": "DEIDENTIFIED"}]}
    assert finding["0040A160"] == _text("lung", "UT")
    assert finding["0040A730"]["Value"][0]["0040A300"]["Value"] == [{"0040A30A": {"vr": "DS", "Value": [5]}}]
    assert uid["0040A124"] == _text(_NEW.uid("1.2.3"), "UI")


def test_options_apply_to_content_items() -> None:
    finding = {"0040A040": _text("TEXT", "CS"), "0040A043": _code("121071"), "0040A160": _text("lung of Doe", "UT")}
    document = {"0040A730": {"vr": "SQ", "Value": [finding]}}
    [item] = _run(document, "clean-structured-content")["0040A730"]["Value"]
    assert item["0040A160"] == _text("DEIDENTIFIED", "UT")
    [item] = _run(document, "clean-structured-content", "clean-descriptors")["0040A730"]["Value"]
    assert item["0040A160"] == _text("lung of", "UT")
    found = _run(_REPORT, "clean-structured-content", "retain-full-dates", "retain-uids")["0040A730"]["Value"]
    assert [item["0040A121"] for item in found if "0040A121" in item] == [_text("20260131", "DA")]
    assert found[-1]["0040A124"] == _text("1.2.3", "UI")
    report = {**_REPORT, "00100020": _text("17")}
    found = _run(report, "clean-structured-content", "retain-modified-dates")["0040A730"]["Value"]
    [[value]] = [item["0040A121"]["Value"] for item in found if "0040A121" in item]
    assert value < "20260131"


def test_items_without_a_concept_and_modifiers_before_it_are_cleaned() -> None:
    modifier = {"0040A040": _text("TEXT", "CS"), "0040A043": _code("121022"), "0040A160": _text("secret", "UT")}
    kept = {"0040A040": _text("TEXT", "CS"), "0040A043": _code("1", "99ACME"), "0040A160": _text("lung of Doe", "UT")}
    items = [
        {"0040A160": _text("secret lung", "UT")},
        {"00400441": {"vr": "SQ", "Value": [modifier, kept]}, **kept},
    ]
    found = _run({"0040A730": {"vr": "SQ", "Value": items}}, "clean-structured-content")["0040A730"]["Value"]
    assert found[0] == {"0040A160": _text("lung", "UT")}
    assert [item["0040A160"] for item in found[1]["00400441"]["Value"]] == [_text("lung of", "UT")]


def test_content_item_with_too_much_before_its_concept_is_removed() -> None:
    long = {"vr": "SQ", "Value": [{"00081155": _text("1.2.3", "UI")}] * 5000}
    items = [{"00081199": long, "0040A043": _code("121071")}, {"00081199": long}, {"0040A160": _text("lung", "UT")}]
    found = _run({"0040A730": {"vr": "SQ", "Value": items}}, "clean-structured-content")["0040A730"]["Value"]
    assert found == [{"0040A160": _text("lung", "UT")}]


def test_graphics_keep_their_shapes_and_lose_their_text() -> None:
    text = {"vr": "SQ", "Value": [{"00700006": _text("secret", "ST")}]}
    shape = {"vr": "SQ", "Value": [{"00700023": _text("CIRCLE", "CS")}]}
    document = {
        "00700001": {"vr": "SQ", "Value": [{"00700008": text, "00700009": shape}]},
        "60003000": {"vr": "OW", "InlineBinary": "AAE="},
        "60004000": _text("secret", "LT"),
    }
    [item] = _run(document)["00700001"]["Value"]
    assert "00700009" not in item
    found = _run(document, "clean-graphics")
    assert set(found) == {"00700001"}
    [item] = found["00700001"]["Value"]
    assert item["00700009"] == shape
    assert item["00700008"]["Value"] == [{"00700006": _text("DEIDENTIFIED", "ST")}]


# --- private elements ------------------------------------------------------------------------------------------


_NAMED = {"vr": "PN", "Value": [{"Alphabetic": "Doe"}]}
_PRIVATE = {
    "00190010": _text("SIEMENS MR HEADER"),
    "00190011": _text("ACME"),
    "0019100C": {"vr": "IS", "Value": [1000]},
    "0019100F": _text("secret"),
    "00191110": _text("own"),
    "20010010": _text("Philips Imaging DD 001"),
    "2001105F": {"vr": "SQ", "Value": [{"00100010": _NAMED, "0009100C": {"vr": "LO"}}]},
    "20011060": {"vr": "SQ", "Value": [{"00100010": {"vr": "PN"}}]},
    "20011061": {"vr": "UN", "InlineBinary": "AAE="},
}  # fmt: skip


def test_private_elements_are_removed_unless_they_are_safe() -> None:
    assert _run(_PRIVATE) == {}
    assert set(_run(_PRIVATE, "retain-safe-private")) == {
        "00190010",
        "0019100C",
        "20010010",
        "2001105F",
        "20011061",
    }
    found = _run(_PRIVATE, "retain-safe-private", safe_private=[PrivateKey("ACME", 0x10)])
    assert set(found) >= {"00190011", "00191110"}
    assert found["2001105F"]["Value"] == [{"00100010": {"vr": "PN"}}]


def test_safe_sequence_whose_items_are_hidden_is_removed() -> None:
    document = {"20010010": _text("Philips Imaging DD 001"), "2001105F": {"vr": "UN", "InlineBinary": "AAE="}}
    assert set(_run(document, "retain-safe-private")) == {"20010010"}


def test_uids_in_safe_private_elements_are_replaced() -> None:
    document = {"00990010": _text("NQHeader"), "00991002": _text("1.2.3", "UI")}
    assert _values(_run(document, "retain-safe-private"), "00991002") == [_NEW.uid("1.2.3")]
    assert _values(_run(document, "retain-safe-private", "retain-uids"), "00991002") == ["1.2.3"]


# --- forms that hide values ------------------------------------------------------------------------------------


def test_references_and_json_elements_are_never_passed_on() -> None:
    document = {
        "00080018": {"vr": "UI", "Value": [17]},
        "00081030": {"vr": "LO", "BulkDataURI": "http://pacs/1.2.3"},
        "00081115": {"vr": "SQ", "Value": "secret"},
        "00100010": {"vr": "PN", "BulkDataURI": "http://pacs/1.2.3"},
        "00180050": {"vr": "DS", "Value": ["secret"]},
        "0040A075": {"vr": "PN", "Value": [17]},
        "7FE00010": {"vr": "OW", "BulkDataURI": "http://pacs/1.2.3"},
    }
    assert _run(document) == {
        "00100010": {"vr": "PN"},
        "0040A075": {"vr": "PN", "Value": [{"Alphabetic": "DEIDENTIFIED"}]},
    }


def test_un_that_hides_a_known_attribute_takes_its_action_and_vr() -> None:
    def hidden(data: bytes) -> dict[str, Any]:
        return {"vr": "UN", "InlineBinary": base64.b64encode(data).decode()}

    document = {
        "00080018": hidden(b"1.2.3\0"),
        "00080020": hidden(b"20260131"),
        "0008103E": hidden(b"Doe"),
        "00082218": hidden(b"items"),
        "00100010": hidden(b"Doe^John"),
        "00100020": hidden(b"17"),
        "00280010": hidden(b"\5\0"),
        "0040A075": hidden(b"Doe^John"),
    }
    found = _run(document, "retain-modified-dates")
    assert found == {
        "00080018": _text(_NEW.uid("1.2.3"), "UI"),
        "00080020": {"vr": "DA"},
        "00100010": {"vr": "PN"},
        "00100020": _text(_NEW.patient_id("17")),
        "00280010": hidden(b"\5\0"),
        "0040A075": {"vr": "PN", "Value": [{"Alphabetic": "DEIDENTIFIED"}]},
    }


def test_value_that_may_have_swallowed_other_elements_is_removed() -> None:
    # A wrong length makes the elements after it part of a value, which the reader may have to keep as UN.
    swallowed = b"CT\x10\0\x10\0PN\x08\0Doe^John"

    def hidden(data: bytes) -> dict[str, Any]:
        return {"vr": "UN", "InlineBinary": base64.b64encode(data).decode()}

    document = {
        "00080060": hidden(swallowed),
        "00189004": hidden(swallowed * 10),
        "00200011": hidden(b"17"),
        "00280004": hidden(b"RGB\0"),
        "00280010": hidden(swallowed + b"\0"),
        "00280011": {"vr": "UN"},
        "7FE00010": hidden(b"\0" * 40),
    }
    kept = ["00200011", "00280004", "00280011", "7FE00010"]
    for limits in (Limits(), _SHORT):  # with parts and without
        found = _run(document, limits=limits)
        assert found["7FE00010"] == document["7FE00010"]
        assert [tag for tag in found if tag not in kept] == []
    document["00280301"] = _text(swallowed.decode(), "CS")
    assert _run(document) == {tag: document[tag] for tag in kept}


def test_items_where_the_dictionary_has_none_are_removed() -> None:
    items = {"vr": "SQ", "Value": [{"00080060": _text("secret", "CS")}]}
    document = {"00100010": items, "00180015": items, "00081030": items, "0040A075": items}
    assert _run(document) == {
        "00100010": {"vr": "PN"},
        "0040A075": {"vr": "PN", "Value": [{"Alphabetic": "DEIDENTIFIED"}]},
    }


_SHORT = Limits(segment_size=12, values_per_event=4)


@each("chunk", [0, 1, 5])
@each("vr_is_last", [False, True])
def test_long_elements_in_parts_take_their_action(chunk: int, vr_is_last: bool) -> None:
    def ordered(vr: str, **value: Any) -> dict[str, Any]:
        return {**value, "vr": vr} if vr_is_last else {"vr": vr, **value}

    binary = base64.b64encode(bytes(range(200))).decode()
    document = {
        "00080018": ordered("UI", Value=["1.2.3"]),
        "00080058": ordered("UI", Value=[f"1.2.{number}" for number in range(20)]),
        "00080119": ordered("UC", Value=["not in the table " * 20]),
        "00081030": ordered("LO", Value=["secret" * 20]),
        "00102297": ordered("PN", Value=[{"Alphabetic": "secret"}] * 20),
        "00420011": ordered("OB", InlineBinary=binary),
        "00420015": ordered("UL", Value=[200] * 20),
        "300A00C3": ordered("ST", Value=["chest secret" * 20]),
        "7FE00010": ordered("OW", InlineBinary=binary),
    }
    found = _run(document, "clean-descriptors", chunk=chunk, limits=_SHORT)
    assert found["00080018"] == _text(_NEW.uid("1.2.3"), "UI")
    assert _values(found, "00080058") == [_NEW.uid(f"1.2.{number}") for number in range(20)]
    assert {"00081030", "00102297", "300A00C3"}.isdisjoint(found)
    assert _values(found, "00080119") == document["00080119"]["Value"]
    assert found["00420011"] == {"vr": "OB", "InlineBinary": base64.b64encode(bytes(8)).decode()}
    assert _values(found, "00420015") == [8]
    assert found["7FE00010"]["InlineBinary"] == binary


def test_fragments_pass_and_other_groups_are_removed() -> None:
    fragments: list[Event] = [
        (EventType.START_DATASET, 0, "", 0),
        (EventType.ELEMENT, 0x00080000, "UL", (4,)),
        (EventType.ELEMENT, 0x50000010, "US", (1,)),
        (EventType.START_FRAGMENTS, 0x7FE00010, "OB", None),
        (EventType.START_FRAGMENT, 0x7FE00010, "OB", 2),
        (EventType.LAST_SEGMENT, 0x7FE00010, "OB", b"ab"),
        (EventType.END_FRAGMENTS, 0x7FE00010, "OB", None),
        (EventType.START_SEQUENCE, 0xFFFAFFFA, "SQ", None),
        (EventType.START_ITEM, 0xFFFAFFFA, "", 0),
        (EventType.ELEMENT, 0x04000100, "UI", ("1.2.3",)),
        (EventType.END_ITEM, 0xFFFAFFFA, "", None),
        (EventType.END_SEQUENCE, 0xFFFAFFFA, "SQ", None),
        (EventType.END_DATASET, 0, "", None),
    ]
    found = [event for event in deidentify(fragments, Deidentification(KEY)) if event[1] > 0x00280303]
    assert found == fragments[3:7]


# --- options, report, memory -----------------------------------------------------------------------------------


def test_data_sets_are_deidentified_while_they_are_written() -> None:
    dataset = streamdicom.loads(json.dumps({"00100010": {"vr": "PN", "Value": [{"Alphabetic": "Doe"}]}}))
    text = streamdicom.dumps(dataset, options=WriteOptions(deidentification=Deidentification(KEY)))
    assert "Doe" not in text
    assert json.loads(text)["00120062"]["Value"] == ["YES"]
    assert dataset.PatientName == "Doe"


def test_marks_are_written_even_if_not_included() -> None:
    options = WriteOptions(deidentification=Deidentification(KEY), include=["PatientName"])
    target = BytesIO()
    write_events(
        iter_events(b'{"00080060": {"vr": "CS"}, "00100010": {"vr": "PN"}}'), target, options=options, array=False
    )
    assert list(json.loads(target.getvalue())) == ["00100010", "00120062", "00120063", "00120064", "00280303"]


def test_bulk_data_of_a_store_is_loaded_before_references_are_removed(tmp_path: Path) -> None:
    store = streamdicom.DirectoryStore(tmp_path)
    document = json.dumps({"0020000D": _text("1.2.3", "UI"), "7FE00010": {"vr": "OB", "InlineBinary": "AAE="}})
    writing = WriteOptions(
        bulk_data_store=store,
        bulk_data_policy=streamdicom.BulkDataPolicy(0),
        deidentification=Deidentification(KEY),
    )
    target = BytesIO()
    write_events(iter_events(document.encode()), target, options=writing, array=False)
    assert "1.2.3" not in " ".join(str(path) for path in tmp_path.rglob("*"))
    reading = ReadOptions(bulk_data_store=store, deidentification=Deidentification(KEY))
    values = [value for _, tag, _, value in iter_events(target.getvalue(), options=reading) if tag == 0x7FE00010]
    dataset = streamdicom.loads(target.getvalue(), options=reading)
    assert bytes(dataset["7FE00010"].value) == b"\0\1"
    assert b"\0\1" in [value[0] if isinstance(value, tuple) else value for value in values]


def test_handlers_of_bulk_data_are_refused() -> None:
    deidentification = Deidentification(KEY)
    with pytest.raises(ValueError, match="bulk_data_store"):
        ReadOptions(deidentification=deidentification, bulk_data_uri_handler=lambda uri: b"")
    with pytest.raises(ValueError, match="bulk_data_store"):
        WriteOptions(deidentification=deidentification, bulk_data_element_handler=lambda element: "x")


def test_report_has_numbers_and_no_values() -> None:
    deidentification = Deidentification(KEY, ["retain-full-dates"])
    documents = [
        {**_PRIVATE, "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Doe"}]}, "00280301": _text("YES", "CS")},
        {"00080018": _text("1.2.3", "UI"), "00080020": _text("20260131", "DA"), "00280301": _text("NO", "CS")},
        {"00081F00": _text("x"), "0040B03B": _text("x")},
    ]
    options = ReadOptions(deidentification=deidentification)
    list(iter_events(json.dumps(documents).encode(), options=options))
    report = deidentification.report
    assert report.to_dict() == {
        "datasets": 3,
        "elements": {
            "emptied": {"PatientName": 1},
            "removed": {"0040B03B": 1, "private": 9, "unknown": 1},
            "retained": {"StudyDate": 1},
            "uids replaced": {"SOPInstanceUID": 1},
        },
        "burned_in_annotation": {"YES": 1, "NO": 1, "not stated": 1},
        "recognizable_visual_features": {"not stated": 3},
    }
    assert report.summary() == (
        "de-identified 3 data sets: 11 elements removed, 1 emptied, 1 with UIDs replaced, 1 retained; "
        "2 may have text in their pixels (Burned In Annotation is not NO)"
    )


@pytest.mark.memory
@pytest.mark.slow
@pytest.mark.parametrize("options", [[], ["retain-modified-dates", "clean-structured-content"]])
def test_memory_does_not_grow_with_the_data_set(options: list[str]) -> None:
    def events(count: int) -> Iterator[Event]:
        yield EventType.START_DATASET, 0, "", 0
        yield EventType.START_SEQUENCE, 0x00081115, "SQ", None
        for number in range(count):
            yield EventType.START_ITEM, 0x00081115, "", number
            yield EventType.ELEMENT, 0x0020000E, "UI", (f"1.2.{number}",)
            yield EventType.END_ITEM, 0x00081115, "", None
        yield EventType.END_SEQUENCE, 0x00081115, "SQ", None
        yield EventType.ELEMENT, 0x00100020, "LO", ("17",)
        yield EventType.START_ELEMENT, 0x7FE00010, "OW", None
        for _ in range(count // 100):
            yield EventType.SEGMENT, 0x7FE00010, "OW", bytes(48 * 1024)
        yield EventType.LAST_SEGMENT, 0x7FE00010, "OW", b""
        yield EventType.END_ELEMENT, 0x7FE00010, "OW", None
        yield EventType.END_DATASET, 0, "", None

    tracemalloc.start()
    count = sum(1 for _ in deidentify(events(15_000), Deidentification(KEY, options)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count > 45_000
    assert peak < 6 * 1024 * 1024


@each("values", [[None, None], [None, None, None]])
def test_values_without_content_stay_also_in_parts(values: list[None]) -> None:
    document = {"00080012": {"vr": "DA", "Value": values}, "00080013": _text("0930", "TM")}
    for limits in (None, Limits(values_per_event=1)):
        found = _run(document, "retain-modified-dates", limits=limits)
        assert found["00080012"] == {"vr": "DA", "Value": values}


@each("values", [[None, None], [None, None, None], ["a", "b"]])
def test_descriptors_are_the_same_in_parts(values: list[str | None]) -> None:
    document = {tag: {"vr": "LO", "Value": values} for tag in ("00081030", "00181030")}
    whole = _run(document, "clean-descriptors")
    assert _run(document, "clean-descriptors", limits=Limits(values_per_event=1)) == whole
    assert "00081030" not in whole
