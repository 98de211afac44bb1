"""Table E.1-1 as data, and the action that an element takes."""

from __future__ import annotations

import pytest

from streamdicom.converters import PrivateKey
from streamdicom.deidentification import METHOD_CODES, Deidentification, DeidentificationOption, Profile
from streamdicom.deidentification.table import tables
from streamdicom.dicom import dictionary_vrs, tag_for_keyword_key
from tests.deidentification.planting import KEY
from tests.support.each import each

_CT = "1.2.840.10008.5.1.4.1.1.2"
_ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"
_PRESENTATION_STATE = "1.2.840.10008.5.1.4.1.1.11.1"


def _action(tag: str, *options: str, sop_class: str = _CT, is_nested: bool = False) -> str:
    profile = Profile(options)
    return profile.action(tag_for_keyword_key(tag) or int(tag, 16), sop_class, is_nested=is_nested)


def test_table_has_all_rows_and_known_actions() -> None:
    rows = tables().attributes
    assert len(rows) == 653  # 657 of edition 2026d less private elements, curves, overlay data and overlay comments
    assert {action for action, _ in rows.values()} == {"X", "Z", "D", "U", "X/Z", "X/D", "Z/D", "X/Z/D", "X/Z/U*"}
    assert {action for _, options in rows.values() for action in options.values()} == {"K", "C"}
    assert {name for _, options in rows.values() for name in options} < set(DeidentificationOption)


def test_every_option_has_its_code() -> None:
    assert set(METHOD_CODES) == set(DeidentificationOption)
    assert {code for code, _ in METHOD_CODES.values()} == {str(code) for code in range(113103, 113113)}
    assert all(len(meaning) <= 64 for _, meaning in METHOD_CODES.values())


@each(
    ("tag", "expected"),
    [
        ("PatientName", "Z"),
        ("PatientBirthDate", "Z"),
        ("StudyDate", "Z"),
        ("StudyDescription", "X"),
        ("VerifyingObserverName", "D"),
        ("SOPInstanceUID", "U"),
        ("00020003", "U"),
        ("00020016", "X"),
        ("00020012", "X"),
        ("00020010", "K"),
        ("00041500", "X"),
        ("00080000", "X"),
        ("Rows", "K"),
        ("PixelData", "K"),
        ("50100010", "X"),
        ("60023000", "X"),
        ("60020010", "X"),
        ("60EE4000", "X"),
        ("FFFAFFFA", "X"),
        ("00081F00", "X"),  # not in the data dictionary
        ("0040A067", "Z"),  # Document Author (Trial), a name that the table does not have
        ("00321031", "X"),  # Requesting Physician Identification Sequence
        ("00100033", "X"),  # Patient's Birth Date in Alternative Calendar
        ("0008041F", "D"),  # Study Update DateTime, a date that it does not have
        ("00209312", "U"),  # Volume Frame of Reference UID
        ("00081150", "K"),  # Referenced SOP Class UID
        ("0008010C", "K"),  # Coding Scheme UID
    ],
)
def test_basic_profile(tag: str, expected: str) -> None:
    assert _action(tag) == expected


@each(
    ("tag", "option", "expected"),
    [
        ("SOPInstanceUID", "retain-uids", "K"),
        ("00209312", "retain-uids", "K"),
        ("DeviceUID", "retain-uids", "K"),
        ("DeviceSerialNumber", "retain-device-identity", "K"),
        ("StationAETitle", "retain-device-identity", "C"),
        ("InstitutionName", "retain-institution-identity", "K"),
        ("PatientSex", "retain-patient-characteristics", "K"),
        ("Allergies", "retain-patient-characteristics", "C"),
        ("StudyDate", "retain-full-dates", "K"),
        ("0008041F", "retain-full-dates", "K"),
        ("StudyTime", "retain-modified-dates", "C"),
        ("StudyDescription", "clean-descriptors", "C"),
        ("ContentSequence", "clean-structured-content", "C"),
        ("GraphicAnnotationSequence", "clean-graphics", "C"),
        ("60023000", "clean-graphics", "X"),
        ("PatientBirthDate", "retain-full-dates", "Z"),
        ("PatientName", "clean-descriptors", "Z"),
    ],
)
def test_option_overrides_the_basic_profile(tag: str, option: str, expected: str) -> None:
    assert _action(tag, option) == expected


def test_cleaning_wins_over_keeping() -> None:
    assert _action("DateOfLastCalibration", "retain-device-identity") == "K"
    assert _action("DateOfLastCalibration", "retain-device-identity", "retain-modified-dates") == "C"


@each(
    ("tag", "sop_class", "expected"),
    [
        ("SeriesDate", _CT, "X"),  # type 3
        ("SeriesDate", "1.2.840.10008.5.1.4.1.1.128", "D"),  # type 1 in PET
        ("ContentDate", _CT, "Z"),  # type 2C
        ("ContentDate", _ENHANCED_CT, "D"),  # type 1
        ("DeviceSerialNumber", _CT, "X"),
        ("DeviceSerialNumber", _ENHANCED_CT, "D"),
        ("PatientID", _CT, "Z"),
        ("ContentCreatorName", _PRESENTATION_STATE, "Z"),
        ("SourceImageSequence", _CT, "X"),
        ("InstitutionName", "", "D"),
        ("InstitutionName", "1.2.3.4", "D"),
        ("AcquisitionContextSequence", "", "Z"),
        ("ReferencedImageSequence", "", "U"),
    ],
)
def test_compound_actions_are_resolved_by_the_type_in_the_iod(tag: str, sop_class: str, expected: str) -> None:
    assert _action(tag, sop_class=sop_class) == expected


def test_compound_actions_in_items_suit_every_type() -> None:
    assert _action("InstitutionName", is_nested=True) == "D"
    assert _action("RequestedProcedureDescription", is_nested=True) == "Z"


def test_every_safe_private_element_is_private() -> None:
    assert len(tables().safe_private) == 479
    assert all(group % 2 and 0 <= element <= 0xFF for _, group, element in tables().safe_private)


def test_private_elements_are_safe_only_with_the_option_and_their_creator() -> None:
    profile = Profile(["retain-safe-private"], [PrivateKey("ACME", 0x10)])
    assert profile.safe_private("SIEMENS MR HEADER", 0x0019100C) == "K"
    assert profile.safe_private("Philips Imaging DD 001", 0x2001105F) == "SQ"
    assert profile.safe_private("SIEMENS MR HEADER", 0x0019100B) == "X"
    assert profile.safe_private("SIEMENS MR HEADER", 0x0021100C) == "X"
    assert profile.safe_private("ACME", 0x00211010) == "own"
    assert profile.safe_private("", 0x0019100C) == "X"
    assert profile.keeps_creator("ACME")
    assert not profile.keeps_creator("ACME 2")
    assert Profile().safe_private("SIEMENS MR HEADER", 0x0019100C) == "X"


def test_attributes_newer_than_the_data_dictionary_take_the_action_of_the_table() -> None:
    newer = [tag for tag in tables().attributes if not dictionary_vrs(tag)]
    assert {tables().attributes[tag][0] for tag in newer} <= {"X"}


@each(
    ("arguments", "error"),
    [
        ((b"short",), ValueError),
        (("0123456789abcdef",), TypeError),
        ((KEY, ["retain-everything"]), ValueError),
        ((KEY, "retain-uids"), TypeError),
        ((KEY, ["retain-full-dates", "retain-modified-dates"]), ValueError),
    ],
)
def test_wrong_arguments_are_refused(arguments: tuple[object, ...], error: type[Exception]) -> None:
    with pytest.raises(error):
        Deidentification(*arguments)  # type: ignore[arg-type]


def test_text_of_the_options_hides_the_key_and_tells_keys_apart() -> None:
    text = repr(Deidentification(KEY, ["retain-uids"]))
    assert KEY.decode() not in text
    assert "retain-uids" in text
    assert text != repr(Deidentification(KEY + b"x", ["retain-uids"]))
