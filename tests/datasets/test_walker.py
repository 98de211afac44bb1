"""Data sets to events: values of every type, and locations of errors."""

from __future__ import annotations

import base64
import io
import json
import warnings
from copy import deepcopy
from decimal import Decimal
from enum import Enum
from itertools import chain
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import DataElement, Dataset, config, dcmread, dcmwrite
from pydicom.data import get_testdata_file
from pydicom.dataelem import RawDataElement
from pydicom.hooks import hooks, raw_element_value
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag
from pydicom.valuerep import DA, DT, IS, TM, DSdecimal, DSfloat, PersonName

import streamdicom
from streamdicom import DeviationWarning, EventType, Limits, Location, OutputError, ReadOptions, WriteOptions, _native
from streamdicom.datasets import DatasetBuilder, walk
from streamdicom.dicom.vr import VRS, Form
from streamdicom.io.spool import LazyValue
from tests.support.each import each

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # from pydicom, about odd values

_TAG = 0x00091001


def _written(dataset: Dataset) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(streamdicom.dumps(dataset))
    return parsed


def _attribute(vr: str, value: Any) -> dict[str, Any]:
    dataset = Dataset()
    dataset[_TAG] = DataElement(_TAG, vr, value)
    attribute: dict[str, Any] = _written(dataset)[f"{_TAG:08X}"]
    return attribute


@each(
    ("vr", "value", "json_values"),
    [
        ("LO", "a", ["a"]),
        ("LO", ["a", ""], ["a", None]),
        ("LO", ["a", None], ["a", None]),
        ("LO", b"bytes", ["bytes"]),
        ("PN", "A^B=I", [{"Alphabetic": "A^B", "Ideographic": "I"}]),
        ("PN", ["A", "=I"], [{"Alphabetic": "A"}, {"Ideographic": "I"}]),
        ("DS", "1.50", [1.5]),
        ("DS", ["1.50", ""], [1.5, None]),
        ("DS", DSfloat("1.0000"), [1.0]),
        ("DS", DSdecimal("1E+2"), [100.0]),
        ("DS", Decimal("1.5"), [1.5]),
        ("DS", 2, [2]),
        ("IS", "007", ["007"]),
        ("IS", [1, 2], [1, 2]),
        ("US", 1, [1]),
        ("US", [1, 2], [1, 2]),
        ("US", b"\1\0\2\0", [1, 2]),
        ("FD", 1, [1.0]),
        ("FD", float("-inf"), ["-Infinity"]),
        ("AT", 0x00100020, ["00100020"]),
        ("AT", ["PatientID", (0x7FE0, 0x10)], ["00100020", "7FE00010"]),
        ("DA", DA("20240229"), ["20240229"]),
        ("TM", TM("101530"), ["101530"]),
        ("DT", DT("20240229101530"), ["20240229101530"]),
        ("UI", "1.2.3", ["1.2.3"]),
        ("SV", -(2**63), [-(2**63)]),
    ],
)
def test_values_are_written(vr: str, value: Any, json_values: list[Any]) -> None:
    assert _attribute(vr, value) == {"vr": vr, "Value": json_values}


class _Choice(str, Enum):  # noqa: UP042 - the text of a StrEnum is its value
    CT = "1.2"
    MR = "3"


class _Marked(str):
    def __str__(self) -> str:
        return f"<{super().__str__()}>"


_STRINGS = sorted(vr for vr, row in VRS.items() if row.form in (Form.TEXT, Form.DECIMAL, Form.PERSON_NAME))


@each("is_converted", [False, True])
@each("value", [_Choice.CT, list(_Choice), _Marked("1"), [_Marked("1"), "3"]], ids=repr)
@each("vr", _STRINGS)
def test_str_subclass_is_written_as_its_text(vr: str, value: Any, is_converted: bool) -> None:
    if isinstance(value, list) and not VRS[vr].multiple:
        value = value[0]
    plain = Dataset()
    plain[_TAG] = DataElement(_TAG, vr, [str.__str__(one) for one in value] if isinstance(value, list) else value[:])
    dataset = Dataset()
    dataset[_TAG] = DataElement(_TAG, vr, value, already_converted=is_converted)
    assert streamdicom.dumps(dataset) == streamdicom.dumps(plain)


def test_enum_member_is_written_as_in_pydicom() -> None:
    dataset = Dataset()
    dataset.Modality = _Choice.CT
    dataset.ImageType = list(_Choice)
    assert _written(dataset) == dataset.to_json_dict()


@each("vr", ["LO", "PN", "DS", "US", "AT", "OB", "UN", "SQ"])
@each("value", [None, "", [], b""])
def test_empty_element_has_no_value(vr: str, value: Any) -> None:
    dataset = Dataset()
    element = DataElement(_TAG, vr, None if vr != "SQ" else [])
    if vr != "SQ":
        element._value = value
    dataset[_TAG] = element
    assert _written(dataset) == {f"{_TAG:08X}": {"vr": vr}}


@each(
    ("vr", "value"),
    [
        ("US", "text"),
        ("US", 1.5),
        ("US", b"\1"),
        ("US", np.array(5)),
        ("US", 10**5000),
        ("SV", -(10**5000)),
        ("FD", "x"),
        ("FD", 10**400),
        ("LO", 5),
        ("LO", np.array("a")),
        ("OB", "text"),
        ("OB", np.array(5)),
        ("OW", [1, 2]),
        ("AT", "?"),
        ("DS", 10**5000),
        ("IS", IS(10**5000)),
        ("IS", MultiValue(IS, [1, 10**5000])),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_value_of_wrong_type_raises_with_location(vr: str, value: Any) -> None:
    inner = Dataset()
    inner[_TAG] = DataElement(_TAG, vr, value, already_converted=True)
    dataset = Dataset()
    dataset.PatientID = "1"
    dataset.ReferencedImageSequence = [Dataset(), inner]
    with pytest.raises(OutputError) as caught:
        streamdicom.dumps([Dataset(), dataset])
    assert caught.value.location.dataset_index == 1
    assert caught.value.location.tag_path == "00081140[1].00091001"


def test_elements_are_sorted() -> None:
    dataset = Dataset()
    for tag in (0x7FE00010, 0x00100020, 0x00080005):
        dataset.add_new(tag, "UN" if tag > 0x7F000000 else "LO", b"\0\0" if tag > 0x7F000000 else "a")
    assert list(_written(dataset)) == ["00080005", "00100020", "7FE00010"]


def test_file_meta_is_sorted_among_groups() -> None:
    dataset = Dataset()
    dataset.add_new(0x00010001, "LO", "before")
    dataset.PatientID = "after"
    dataset.file_meta = streamdicom.loads(b"{}", as_file=True).file_meta
    dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2"
    options = streamdicom.WriteOptions(file_meta=True)
    assert list(json.loads(streamdicom.dumps(dataset, options=options))) == ["00010001", "00020010", "00100020"]
    assert list(_written(dataset)) == ["00010001", "00100020"]


@each("length", [64 * 1024, 64 * 1024 + 1, 200_000])
def test_long_binary_value_is_walked_in_parts(length: int) -> None:
    dataset = Dataset()
    dataset.add_new(0x7FE00010, "OB", bytes(length))
    kinds = [kind for events in walk(dataset) for kind, *_ in events]
    assert (EventType.START_ELEMENT in kinds) is (length > 64 * 1024)
    assert streamdicom.loads(streamdicom.dumps(dataset)) == dataset


@each("value", ["é" * 100_000, ["a", "b" * 100_000, "", "c"]])
def test_long_text_is_walked_in_parts(value: str | list[str]) -> None:
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.add_new(_TAG, "UC", value)
    assert EventType.SEGMENT in [kind for events in walk(dataset) for kind, *_ in events]
    assert streamdicom.loads(streamdicom.dumps(dataset)) == dataset


def test_many_values_are_walked_in_parts() -> None:
    dataset = Dataset()
    dataset.add_new(_TAG, "US", list(range(10_000)))
    assert EventType.VALUES in [kind for events in walk(dataset) for kind, *_ in events]
    assert streamdicom.loads(streamdicom.dumps(dataset)) == dataset


def test_buffer_is_written_and_keeps_position() -> None:
    buffer = io.BytesIO(bytes(range(256)) * 1000)
    dataset = Dataset()
    dataset.add_new(0x7FE00010, "OB", buffer)
    loaded = streamdicom.loads(streamdicom.dumps(dataset))
    assert loaded.PixelData == buffer.getvalue()
    assert buffer.tell() == 0


@each("vr", ["OB", "OW"])
def test_empty_buffer_is_empty_element(vr: str) -> None:  # PS3.18 F.2.5
    for buffer in (io.BytesIO(b""), LazyValue(lambda: iter([]))):
        assert _attribute(vr, buffer) == {"vr": vr}
    at_its_end = io.BytesIO(b"ab")
    at_its_end.seek(2)
    assert _attribute(vr, at_its_end) == {"vr": vr}
    assert at_its_end.tell() == 2


def _nested(depth: int) -> Dataset:
    dataset = Dataset()
    for _ in range(depth):
        outer = Dataset()
        outer.ContentSequence = [dataset]
        dataset = outer
    return dataset


def test_sequences_nest_up_to_limit() -> None:
    text = streamdicom.dumps(_nested(84))
    assert streamdicom.dumps(streamdicom.loads(text)) == text
    with pytest.raises(OutputError, match="nested sequences"):
        streamdicom.dumps(_nested(86))


def test_dataset_in_itself_raises() -> None:
    dataset = Dataset()
    dataset.ContentSequence = Sequence([Dataset(), dataset])
    with pytest.raises(OutputError, match="contains itself") as caught:
        streamdicom.dumps([Dataset(), dataset])
    assert caught.value.location == Location(None, 1, "0040A730[1]")


def test_item_in_itself_raises() -> None:
    dataset, item, inner = Dataset(), Dataset(), Dataset()
    dataset.ContentSequence = Sequence([inner, item])
    item.ReferencedSeriesSequence = Sequence([Dataset(), inner])
    inner.ReferencedStudySequence = Sequence([item])
    with pytest.raises(OutputError, match="contains itself") as caught:
        for _ in walk(dataset):  # does not bound the depth itself
            pass
    assert caught.value.location == Location(None, 0, "0040A730[0].00081110[0].00081115[1]")


def test_long_cycle_raises() -> None:
    dataset = Dataset()
    items = [Dataset() for _ in range(40)]
    for outer, inner in zip([dataset, *items], [*items, items[0]], strict=True):
        outer.ContentSequence = Sequence([inner])
    with pytest.raises(OutputError, match="contains itself") as caught:
        streamdicom.dumps(dataset)
    assert caught.value.location.tag_path == ".".join(["0040A730[0]"] * 41)


def test_shared_item_is_not_a_cycle() -> None:
    item = Dataset()
    item.PatientID = "1"
    dataset = Dataset()
    for _ in range(12):
        outer = Dataset()
        outer.ContentSequence = Sequence([dataset, item, item])
        dataset = outer
    assert streamdicom.dumps(dataset).count('"00100020"') == 24


def test_depth_error_has_tag_path() -> None:
    for options, most in ((WriteOptions(), 84), (WriteOptions(limits=Limits(depth=13)), 3)):
        with pytest.raises(OutputError, match=f"more than {most} nested sequences") as caught:
            streamdicom.dumps(_nested(most + 2), options=options)
        assert caught.value.location == Location(None, 0, "0040A730[0]." * most + "0040A730")


def _in_a_form_of_its_own(text: str, tag: int = _TAG) -> Dataset:
    builder = DatasetBuilder(ReadOptions())
    [dataset] = builder.build([(1, 0, "", 0), (EventType.JSON_ELEMENT, tag, "US", text), (2, 0, "", None)])
    return dataset


@each("tag", [_TAG, 0x00080005, 0x00280010], ids="{:08X}".format)
@each("text", ['{"vr":"US","Value":["many"]}', '{"vr":"XX"}', '"a"', '{"x":[{}],"x":1.50}'])
def test_json_element_is_written_unchanged(text: str, tag: int) -> None:
    dataset = _in_a_form_of_its_own(text, tag)
    assert streamdicom.dumps(dataset) == f'{{"{tag:08X}":{text}}}'
    assert streamdicom.dumps(deepcopy(dataset)) == f'{{"{tag:08X}":{text}}}'


def test_changed_json_element_is_written_with_new_value() -> None:
    dataset = _in_a_form_of_its_own('{"vr":"US","Value":["many"]}')
    dataset[_TAG].value = b"other"
    assert _written(dataset) == {"00091001": {"vr": "UN", "InlineBinary": "b3RoZXI="}}
    dataset = _in_a_form_of_its_own('{"vr":"US","Value":["many"]}')
    dataset.add_new(_TAG, "US", 5)
    assert _written(dataset) == {"00091001": {"vr": "US", "Value": [5]}}


@each(
    ("vr", "value", "expected"),
    [("US or SS", b"\xff\xff", "US"), ("OB or OW", b"\0\0", "OW"), ("US or OW", b"\0\0", "OW"), ("US or SS", 5, "US")],
)
def test_ambiguous_vr_is_resolved_in_a_copy(vr: str, value: Any, expected: str) -> None:
    tag = 0x00280106 if "SS" in vr else 0x7FE00010 if vr == "OB or OW" else 0x00283006
    dataset = Dataset()
    dataset[tag] = DataElement(tag, vr, value)
    assert _written(dataset)[f"{tag:08X}"]["vr"] == expected
    assert vr == dataset[tag].VR


@each("little_endian", [True, False])
@each(
    ("tag", "data", "expected"),
    [
        (0x7FE00010, b"\1\2", {"vr": "OW", "InlineBinary": "AQI="}),  # Bits Allocated is missing
        (0x7FE00010, b"", {"vr": "OW"}),
        (0x54001010, b"\1\2", {"vr": "OW", "InlineBinary": "AQI="}),
        (0x00283006, b"\1\2", {"vr": "OW", "InlineBinary": "AQI="}),  # LUT Descriptor is missing
        (0x00280106, b"\1\2", {"vr": "US", "Value": [0x201]}),  # Pixel Representation is missing, beside Pixel Data
        (0x00280106, b"", {"vr": "US"}),
    ],
)
def test_ambiguous_vr_that_pydicom_cannot_resolve(
    tag: int, data: bytes, expected: dict[str, Any], little_endian: bool
) -> None:
    def raw(tag: int, value: bytes) -> RawDataElement:
        data = value if little_endian else value[::-1]
        return RawDataElement(BaseTag(tag), None, len(data), data, 0, True, little_endian)

    dataset = Dataset()
    dataset[0x7FE00010] = raw(0x7FE00010, b"\0\0")
    dataset[tag] = raw(tag, data)
    dataset.set_original_encoding(False, little_endian, ["iso8859"])
    assert _written(dataset)[f"{tag:08X}"] == expected


def test_pixels_without_a_transfer_syntax_are_words_on_all_roads() -> None:
    path = get_testdata_file("meta_missing_tsyntax.dcm")  # without Bits Allocated; dcmdump has OW too
    written = streamdicom.dumps(Dataset(dcmread(path, force=True)))
    assert json.loads(written)["7FE00010"] == {"vr": "OW", "InlineBinary": "AAA="}
    streamdicom.write_events(streamdicom.iter_events(path), target := io.BytesIO(), array=False)
    assert target.getvalue().decode() == written


@each("representation", [None, 0, 1])
@each(
    ("value", "vrs"),  # without Pixel Representation, and with 0 and 1
    [
        (5, ["US", "US", "SS"]),
        ([5, None], ["US", "US", "SS"]),
        (-5, ["SS", "SS", "SS"]),
        ([-(2**15), 2**15 - 1], ["SS", "SS", "SS"]),
        (2**15, ["US", "US", "US"]),
        (2**16, []),
        (-(2**15) - 1, []),
        ([-1, 2**15], []),
    ],
    ids=str,
)
def test_ambiguous_vr_fits_values(value: Any, vrs: list[str], representation: int | None) -> None:
    dataset, item = Dataset(), Dataset()
    item[0x00280106] = DataElement(0x00280106, "US or SS", value)
    dataset.ReferencedImageSequence = [item]
    if representation is not None:
        dataset.PixelRepresentation = representation  # after the item
    if vrs:
        expected = vrs[0 if representation is None else representation + 1]
        assert _written(dataset)["00081140"]["Value"][0]["00280106"]["vr"] == expected
        return
    with pytest.raises(OutputError, match="US nor SS") as caught:
        streamdicom.dumps(dataset)
    assert caught.value.location.tag_path == "00081140[0].00280106"


@each("vr", ["SS", "US or SS"])
def test_lut_descriptor_is_written_signed_for_ss(vr: str) -> None:  # PS3.3 C.11.1.1
    dataset = Dataset()
    dataset.PixelRepresentation = 1
    dataset[0x00283002] = DataElement(0x00283002, vr, [40_000, -5, 16])
    assert _written(dataset)["00283002"] == {"vr": "SS", "Value": [40_000 - 65_536, -5, 16]}
    loaded = streamdicom.loads(streamdicom.dumps(dataset))
    assert loaded.LUTDescriptor == [40_000, -5, 16]
    assert _written(loaded) == _written(dataset)
    read = _read(PixelRepresentation=1, LUTDescriptor=[40_000, -5, 16])
    assert _written(read) == _written(dataset)
    streamdicom.write_events(streamdicom.iter_events(streamdicom.dumps(read).encode()), io.BytesIO(), format="dicom")


def _read(**values: Any) -> Dataset:
    """Read a data set in implicit VR, so that its elements are raw."""
    dataset = Dataset()
    for name, value in values.items():
        setattr(dataset, name, value)
    buffer = io.BytesIO()
    dcmwrite(buffer, dataset, implicit_vr=True, little_endian=True)
    buffer.seek(0)
    return dcmread(buffer, force=True)


def test_raw_elements_stay_raw() -> None:
    dataset = _read(PatientID="1", Rows=2, PatientName="A^B", PixelRepresentation=1, SmallestImagePixelValue=-1)
    assert _written(dataset)["00280106"] == {"vr": "SS", "Value": [-1]}
    assert isinstance(dataset.get_item("PatientID"), RawDataElement)


@each("little_endian", [True, False])
def test_engine_reads_a_sequence_with_a_character_set_from_its_bytes(little_endian: bool) -> None:
    item, dataset = Dataset(), Dataset()
    item.SpecificCharacterSet, item.PatientID, item.Rows = "ISO_IR 100", "1", 2
    dataset.ReferencedStudySequence = [item, item]
    dcmwrite(buffer := io.BytesIO(), dataset, implicit_vr=False, little_endian=little_endian)
    buffer.seek(0)
    read = dcmread(buffer, force=True)
    read_item = {"00080005": _cs("ISO_IR 100"), "00100020": {"vr": "LO", "Value": ["1"]}, "00280010": _us(2)}
    assert _written(read)["00081110"]["Value"] == [read_item, read_item]
    is_raw = isinstance(read.get_item("ReferencedStudySequence"), RawDataElement)
    assert is_raw is (_native.functions is not None)  # plain Python lets pydicom read it


def _cs(text: str) -> dict[str, Any]:
    return {"vr": "CS", "Value": [text]}


def _us(number: int) -> dict[str, Any]:
    return {"vr": "US", "Value": [number]}


@each("decimal", [False, True])
@each(
    ("vr", "text"),
    [
        ("IS", "9007199254740993"),
        ("IS", "1.50"),
        ("IS", "7" * 500),
        ("IS", "007"),
        ("IS", "1\\9007199254740993"),
        ("DS", "1.50"),
        ("DS", "0.30000000000000004441"),
        ("DS", "1.000000000000000000E+2"),
        ("DS", "1.50\\0.30000000000000004441"),
    ],
)
def test_access_to_decimal_keeps_its_text(monkeypatch: pytest.MonkeyPatch, vr: str, text: str, decimal: bool) -> None:
    monkeypatch.setattr(config, "use_DS_decimal", decimal)
    tag = BaseTag(_TAG)
    dataset = Dataset()
    dataset[tag] = RawDataElement(tag, vr, len(text), text.encode(), 0, False, True)
    before = streamdicom.dumps(dataset)
    assert dataset[tag].value
    dcmwrite(buffer := io.BytesIO(), dataset, implicit_vr=False, little_endian=True)
    assert text.encode() in buffer.getvalue()
    assert streamdicom.dumps(dataset) == before


def test_hooks_of_pydicom_are_called(monkeypatch: pytest.MonkeyPatch) -> None:
    def upper(raw: RawDataElement, data: dict[str, Any], **kwargs: Any) -> None:
        raw_element_value(raw, data, **kwargs)
        if raw.tag == 0x00100020:
            data["value"] = data["value"].upper()

    monkeypatch.setattr(hooks, "raw_element_value", upper)
    assert _written(_read(PatientID="id"))["00100020"]["Value"] == ["ID"]


@each("name", ["use_DS_numpy", "datetime_conversion"])
def test_value_types_of_config_are_written_the_same(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    expected = _written(_read(StudyDate="20240229", StudyTime="1015", PixelSpacing=["1.5", "2.5"]))
    monkeypatch.setattr(config, name, True)
    assert _written(_read(StudyDate="20240229", StudyTime="1015", PixelSpacing=["1.5", "2.5"])) == expected


def test_unconvertible_element_raises_with_location() -> None:
    dataset = Dataset()
    tag = BaseTag(_TAG)
    dataset._dict[tag] = RawDataElement(tag, "US", 3, b"\1\2\3", 0, False, True)
    with pytest.raises(OutputError, match="pydicom cannot convert") as caught:
        streamdicom.dumps(dataset)
    assert caught.value.location.tag_path == "00091001"


@each("several", [False, True])
def test_undecodable_name_in_strict_pydicom_raises_with_location(
    monkeypatch: pytest.MonkeyPatch, several: bool
) -> None:
    name = PersonName(b"\xff", ["utf8"])
    dataset = Dataset()
    dataset[_TAG] = DataElement(_TAG, "PN", [name, name] if several else name, already_converted=True)
    monkeypatch.setattr(config.settings, "reading_validation_mode", config.RAISE)
    with pytest.raises(OutputError, match="VR PN") as caught:
        streamdicom.dumps(dataset)
    assert caught.value.location.tag_path == "00091001"


def test_unknown_vr_raises() -> None:
    dataset = Dataset()
    dataset[_TAG] = DataElement(_TAG, "ZZ", "a", already_converted=True)
    with pytest.raises(OutputError, match="expected a VR"):
        streamdicom.dumps(dataset)


def test_values_in_any_list_type_are_written() -> None:
    for values in (["a", "b"], ("a", "b"), MultiValue(str, ["a", "b"])):
        dataset = Dataset()
        dataset[_TAG] = DataElement(_TAG, "LO", values, already_converted=True)
        assert _written(dataset)["00091001"]["Value"] == ["a", "b"]


# --- the round trip ----------------------------------------------------------------------------------------------


def _through_a_file(dataset: Dataset) -> Dataset:
    buffer = io.BytesIO()
    dcmwrite(buffer, deepcopy(dataset), implicit_vr=False, little_endian=True)
    buffer.seek(0)
    return dcmread(buffer, force=True)


@each("value", [None, "", b"", []], ids=repr)
@each("vr", sorted(set(VRS) - {"SQ"}))
def test_empty_value_equals_dcmread(vr: str, value: Any) -> None:
    dataset = Dataset()
    dataset[_TAG] = DataElement(_TAG, vr, None)
    dataset[_TAG]._value = value
    loaded = streamdicom.loads(streamdicom.dumps(dataset))
    assert loaded == _through_a_file(dataset)
    assert repr(loaded[_TAG].value) == repr(_through_a_file(dataset)[_TAG].value)


def _of(tag: int, vr: str, value: Any) -> Dataset:
    dataset = Dataset()
    dataset.BitsAllocated = 16
    dataset[tag] = DataElement(tag, vr, value)
    return dataset


@each(
    "dataset",
    [
        _of(_TAG, "PN", ["a", "", "b="]),
        _of(0x00280106, "US or SS", 5),
        _of(0x7FE00010, "OB or OW", b"ab"),
        _of(0x60003000, "OB or OW", b"ab"),
        _of(0x00100000, "UL", 4),
    ],
    ids=["names", "US or SS", "pixels", "overlay", "group length"],
)
def test_round_trip_changes_equal_those_of_a_file(dataset: Dataset) -> None:
    loaded, read = streamdicom.loads(streamdicom.dumps(dataset)), _through_a_file(dataset)
    assert loaded == read
    assert [element.VR for element in loaded] == [element.VR for element in read]


@each(
    ("tag", "field", "expected"),
    [
        (0x01F11030, b"abc", {"vr": "UN", "InlineBinary": "YWJj"}),  # US, which pydicom refuses
        (0x01F11030, b"\1\2", {"vr": "US", "Value": [0x201]}),
        (0x01F11027, b"abc", {"vr": "UN", "InlineBinary": "YWJj"}),  # DS
        (0x01F11027, b"1.5", {"vr": "DS", "Value": [1.5]}),
        (0x01F1100E, b"0.488281", {"vr": "UN", "InlineBinary": "MC40ODgyODE="}),  # FL, but evidently text
        (0x01F1100E, b"\0\0\0\x3f", {"vr": "FL", "Value": [0.5]}),
    ],
)
@each("implicit", [False, True])
def test_private_element_of_a_known_creator_has_its_vr_if_it_fits(
    tag: int, field: bytes, expected: dict[str, Any], implicit: bool
) -> None:
    dataset = Dataset()
    vars(dataset)["_dict"] = {
        tag: RawDataElement(BaseTag(tag), None if implicit else vr, len(value), value, 0, implicit, True)
        for tag, vr, value in ((0x01F10010, "LO", b"ELSCINT1"), (tag, "UN", field))
    }
    for _ in range(2):  # the first time does not change the data set
        assert _written(dataset)[f"{tag:08X}"] == expected


@each(
    ("field", "vr"),
    [
        (bytes(24), "UN"),  # items for pydicom, which takes any tag
        (b"\xfe\xff\x00\xe0\2\0\0\0abcd", "UN"),
        (b"\xfe\xff\x00\xe0\0\0\0\0" * 2, "SQ"),
        (b"\xfe\xff\x00\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0", "SQ"),
        (b"\xfe\xff\x00\xe0\xff\xff\xff\xff\xfe\xff\x0d\xe0\0\0\0\0", "SQ"),
    ],
)
def test_un_is_a_sequence_only_of_items(field: bytes, vr: str) -> None:
    dataset = Dataset()
    dataset[0x00081140] = RawDataElement(BaseTag(0x00081140), "UN", len(field), field, 0, False, True)
    events = list(chain.from_iterable(walk(dataset)))
    assert events[1][2] == vr
    if vr == "UN":
        assert events[1][3] == (field,)


@each(
    ("tag", "field", "expected"),
    [
        (0x00280010, b"\5\0", {"vr": "US", "Value": [5]}),
        (0x00189087, b"\0\0\0\0\0\0\xf8\x3f", {"vr": "FD", "Value": [1.5]}),
        (0x00280009, b"\x18\0\x63\x10", {"vr": "AT", "Value": ["00181063"]}),
        (0x00281201, b"\1\2\3\4", {"vr": "OW", "InlineBinary": "AQIDBA=="}),
        (0x00091001, b"\1\2", {"vr": "UN", "InlineBinary": "AQI="}),
    ],
)
def test_un_is_in_little_endian_in_a_data_set_in_big_endian(tag: int, field: bytes, expected: dict[str, Any]) -> None:
    dataset = Dataset()
    dataset.set_original_encoding(False, False)
    raw = RawDataElement(BaseTag(tag), "UN", len(field), field, 0, False, False)
    vars(dataset)["_dict"] = {BaseTag(tag): raw}
    for _ in range(2):
        assert _written(dataset)[f"{tag:08X}"] == expected


@each(("tag", "vr", "text"), [(0x30060050, "DS", "1.5\\"), (0x00104000, "LT", "äöü ")])
@each("is_read", [False, True])
def test_long_un_has_the_vr_of_the_dictionary(tag: int, vr: str, text: str, is_read: bool) -> None:
    text *= 0x4000
    field = text.encode("latin-1")[:0x10000]
    dataset = Dataset()
    terms = RawDataElement(BaseTag(0x00080005), "CS", 10, b"ISO_IR 100", 0, False, True)
    raw = RawDataElement(BaseTag(tag), "UN", len(field), field, 0, False, True)
    vars(dataset)["_dict"] = {terms.tag: terms, BaseTag(tag): raw}
    dataset.set_original_encoding(False, True, "latin_1")
    if is_read:
        assert dataset[tag].VR == "UN"
    found = _written(dataset)[f"{tag:08X}"]
    if is_read:
        assert (dataset[tag].VR, dataset[tag].value) == ("UN", field)
    assert found["vr"] == vr
    expected = field.decode("latin-1").rstrip(" ")
    assert found["Value"] == (
        [float(one) if one else None for one in expected.split("\\")] if vr == "DS" else [expected]
    )


@each(("tag", "field"), [(0x00280010, b"abc"), (0x00091001, b"ab"), (0x00081140, b"hello wo")])
@each("is_read", [False, True])
def test_long_un_of_no_known_vr_stays(tag: int, field: bytes, is_read: bool) -> None:
    field *= 0x7FFF
    dataset = Dataset()
    dataset[tag] = RawDataElement(BaseTag(tag), "UN", len(field), field, 0, False, True)
    if is_read:
        assert dataset[tag].value == field
    for _ in range(2):
        found = _written(dataset)[f"{tag:08X}"]
        assert found == {"vr": "UN", "InlineBinary": base64.b64encode(field).decode()}


@each("is_read", [False, True])
def test_long_un_of_items_is_a_sequence(is_read: bool) -> None:
    field = b"\xfe\xff\x00\xe0\x0c\0\0\0\x10\0\x20\0\4\0\0\0abcd" * 3500
    dataset = Dataset()
    dataset[0x00081140] = RawDataElement(BaseTag(0x00081140), "UN", len(field), field, 0, False, True)
    if is_read:
        assert dataset[0x00081140].VR == "UN"
    items = [{"00100020": {"vr": "LO", "Value": ["abcd"]}}] * 3500
    assert _written(dataset) == {"00081140": {"vr": "SQ", "Value": items}}


def test_incomplete_tag_is_a_wrong_value() -> None:
    dataset = Dataset()
    vars(dataset)["_dict"] = {
        BaseTag(0x00280009): RawDataElement(BaseTag(0x00280009), "AT", 6, b"abcdef", 0, False, True)
    }
    with pytest.raises(OutputError, match="expected 4 bytes for each value of VR AT"):
        streamdicom.dumps(dataset)
    with pytest.warns(DeviationWarning, match="wrong-value"):
        text = streamdicom.dumps(dataset, options=WriteOptions(on_error="keep"))
    assert json.loads(text)["00280009"] == {"vr": "UN", "InlineBinary": "YWJjZGVm"}


def test_sequence_in_implicit_vr_without_items_is_a_wrong_value() -> None:
    dataset = Dataset()
    raw = RawDataElement(BaseTag(0x00081140), None, 8, b"hello wo", 0, True, True)
    vars(dataset)["_dict"] = {raw.tag: raw}
    with pytest.raises(OutputError, match="expected items for VR SQ"):
        streamdicom.dumps(dataset)
    with pytest.warns(DeviationWarning, match="wrong-value"):
        text = streamdicom.dumps(dataset, options=WriteOptions(on_error="keep"))
    assert json.loads(text) == {"00081140": {"vr": "UN", "InlineBinary": "aGVsbG8gd28="}}


@each(("tag", "vr"), [(0x00081010, "AE"), (0x00081190, "UR")])
@each("is_read", [False, True])
def test_nul_at_the_end_of_text_is_padding(tag: int, vr: str, is_read: bool) -> None:
    dataset = Dataset()
    dataset[tag] = RawDataElement(BaseTag(tag), vr, 8, b"ACHIEVA\0", 0, False, True)
    if is_read:
        assert dataset[tag].value == "ACHIEVA\0"
    assert _written(dataset)[f"{tag:08X}"] == {"vr": vr, "Value": ["ACHIEVA"]}


# --- the compiled engine and plain Python --------------------------------------------------------------------------

_ITEM = b"\xfe\xff\x00\xe0"
_END_OF_ITEM = b"\xfe\xff\x0d\xe0\0\0\0\0"
_PIECES = [
    _ITEM + b"\xff\xff\xff\xff",
    _ITEM + b"\x0c\0\0\0",
    _ITEM + b"\0\0\0\0",
    _END_OF_ITEM,
    b"\xfe\xff\xdd\xe0\0\0\0\0",
    b"\x08\0\x05\0CS\x0a\0ISO_IR 100",
    b"\x08\0\x05\0\x0a\0\0\0ISO_IR 192",
    b"\x08\0\x60\0CS\4\0MR  ",
    b"\x08\0\x60\0\4\0\0\0CT\\A",
    b"\x08\0\x40\x11SQ\0\0\xff\xff\xff\xff",
    b"\x08\0\x40\x11SQ\0\0\x14\0\0\0",
    b"\x08\0\x40\x11\x08\0\0\0",
    b"\x09\0\x10\0LO\4\0GEMS",
    b"\x09\0\x01\x10UN\0\0\4\0\0\0\1\2\3\4",
    b"\x10\0\x10\0PN\4\0A^\xe9 ",
    b"\x28\0\x06\1US\2\0\1\0",
    b"\x28\0\x06\1\2\0\0\0\1\0",
    b"\x28\0\x02\x30SS\6\0\xff\xff\0\0\x10\0",
    b"\xe0\x7f\x10\0OW\0\0\x08\0\0\0\xfe\xff\x00\xe0\0\0\0\0",
    b"\0",
]


def _walked(dataset: Dataset) -> Any:
    events = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            for batch in walk(dataset):
                events += batch
        except OutputError as error:
            return repr(events), str(error), error.location
    return repr(events)


@given(
    pieces=st.lists(st.sampled_from(_PIECES), max_size=9),
    vr=st.sampled_from(["SQ", None, "UN"]),
    implicit=st.booleans(),
    little=st.sampled_from([True, True, False]),
    around=st.sampled_from([b"MR", b"", b"A\\B ", b"\xe9", None]),
)
def test_engines_walk_the_same_events(
    pieces: list[bytes], vr: str | None, implicit: bool, little: bool, around: bytes | None
) -> None:
    def dataset() -> Dataset:
        value = b"".join(pieces)
        dataset = Dataset()
        for tag, raw_vr, data in [
            (0x00080060, None if implicit else "CS", around),
            (0x00081140, vr, value),
            (0x00280008, None if implicit else "IS", around),
            (0x7FE00010, None if implicit else "OW", b"\0\1"),
        ]:
            length = len(data or b"")
            raw = RawDataElement(BaseTag(tag), raw_vr, length, data, 0, implicit, little)
            dataset._dict[BaseTag(tag)] = raw
        dataset.set_original_encoding(implicit, little, ["iso8859"])
        return dataset

    compiled = _native.functions
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_native, "functions", None)
        expected = _walked(dataset())
        patch.setattr(_native, "functions", compiled)
        assert _walked(dataset()) == expected


def test_engine_makes_no_data_sets_of_plain_items() -> None:
    items = _ITEM + b"\xff\xff\xff\xff" + b"\x08\0\x60\0CS\2\0MR" + _END_OF_ITEM
    dataset = Dataset()
    tag = BaseTag(0x00081140)
    dataset._dict[tag] = RawDataElement(tag, "SQ", len(items), items, 0, False, True)
    text = streamdicom.dumps(dataset)
    assert text == '{"00081140":{"vr":"SQ","Value":[{"00080060":{"vr":"CS","Value":["MR"]}}]}}'
    assert isinstance(dataset.get_item(tag), RawDataElement) is (_native.functions is not None)


_WRONG_TYPES: list[tuple[int, str, Any, list[Any] | None]] = [  # with the VR and value that are kept
    (0x00280010, "US", "x", ["UT", "x"]),
    (0x00280010, "US", [1, "x", None], ["UT", "1\\x\\"]),
    (0x00280010, "US", b"\5", ["UN", b"\5"]),
    (0x00100020, "LO", 5, ["UT", "5"]),
    (0x00100020, "LO", {"a": 1}, None),
    (0x00420011, "OB", "str", ["UT", "str"]),
    (0x00280009, "AT", "zz", ["UT", "zz"]),
    (0x00080018, "UI", [1, 2], ["UT", "1\\2"]),
    (0x00100010, "PN", 5, ["UT", "5"]),
    (0x00101030, "DS", object(), None),
    (0x00101030, "DS", [1.5, True], ["UT", "1.5\\True"]),
    (0x00200013, "IS", 1 + 2j, None),
    (0x00080005, "CS", 5, ["CS"]),
]


@each("format", ["json", "xml", "dicom"])
@each(("tag", "vr", "value", "kept"), _WRONG_TYPES)
def test_wrong_type_costs_its_element(
    tag: int, vr: str, value: Any, kept: list[Any] | None, format: streamdicom.FormatName
) -> None:
    dataset, item = Dataset(), Dataset()
    for one in (dataset, item):
        one[tag] = DataElement(tag, vr, None)
        one[tag]._value = value
        one.PatientComments = "rest"
    dataset.ContentSequence = [item]
    for on_error, expected in (("skip", None), ("keep", kept)):
        file = io.BytesIO()
        with pytest.warns(DeviationWarning, match="wrong-value") as caught:
            streamdicom.dump(dataset, file, format=format, options=WriteOptions(on_error=on_error))
        places = {str(one.message).partition("(")[2].partition(" ")[0] for one in caught}
        assert places >= {f"[0].{tag:08X}", f"[0].0040A730[0].{tag:08X}"}
        found = list(streamdicom.iter_events(file.getvalue(), options=ReadOptions(on_deviation=lambda _: None)))
        assert [event[3] for event in found if event[1] == 0x00104000] == [("rest",)] * 2
        elements = [[event[2], *event[3]] for event in found if event[1] == tag]
        if tag != 0x00080005 or format != "dicom":  # where the writer sets it
            assert elements == [expected] * 2 * (expected is not None)
    with pytest.raises(OutputError, match=f"expected a value of VR {vr}, found"):
        streamdicom.dump(dataset, io.BytesIO(), format=format)


def test_wrong_type_is_not_kept_in_implicit_vr() -> None:
    dataset = Dataset()
    dataset.add(DataElement(0x00280010, "US", None))
    dataset["Rows"]._value = "x"
    options = WriteOptions(on_error="keep", transfer_syntax="1.2.840.10008.1.2")
    with pytest.raises(OutputError, match="expected a value of VR US, found str"):
        streamdicom.dump(dataset, io.BytesIO(), format="dicom", options=options)
