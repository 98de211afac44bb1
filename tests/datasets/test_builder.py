"""Events to data sets, compared with pydicom's own."""

from __future__ import annotations

import base64
import contextlib
import copy
import datetime
import io
import json
import struct
from typing import Any

import numpy as np
import pytest
from pydicom import DataElement, Dataset, config, dcmread, dcmwrite
from pydicom.dataelem import RawDataElement, convert_raw_data_element
from pydicom.errors import BytesLengthException
from pydicom.tag import Tag
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian

import streamdicom
from streamdicom import (
    DatasetError,
    DatasetParser,
    Event,
    EventType,
    InputError,
    LimitError,
    Limits,
    ReadOptions,
    WriteOptions,
)
from streamdicom.datasets import DatasetBuilder
from tests.support.each import each

_PRIVATE = "00091001"


def _loads(vr: str, *values: Any) -> DataElement:
    text = json.dumps({_PRIVATE: {"vr": vr, "Value": list(values)}})
    return streamdicom.loads(text)[int(_PRIVATE, 16)]


@each(
    ("vr", "values"),
    [
        ("AE", ["PACS"]),
        ("AS", ["018M"]),
        ("AT", ["00100020", "7FE00010"]),
        ("CS", ["ORIGINAL", "PRIMARY"]),
        ("DA", ["20240229"]),
        ("DS", [1.5, -2]),
        ("DT", ["20240229101530.000000+0100"]),
        ("FD", [0.1, -1e300]),
        ("FL", [0.1, 0.5]),
        ("IS", [1, -2]),
        ("LO", ["a", "b c"]),
        ("LT", ["line\r\nline \\ back"]),
        ("PN", [{"Alphabetic": "A^B", "Ideographic": "I"}, {"Phonetic": "P"}]),
        ("SH", ["x"]),
        ("SL", [-2147483648]),
        ("SS", [-1, 32767]),
        ("ST", ["text"]),
        ("SV", [-9223372036854775808]),
        ("TM", ["101530"]),
        ("UC", ["unlimited"]),
        ("UI", ["1.2.840.10008.1.2.1"]),
        ("UL", [4294967295]),
        ("UR", ["http://example.org/?a=b"]),
        ("US", [0, 65535]),
        ("UT", ["unlimited text"]),
        ("UV", [18446744073709551615]),
        ("LO", ["ends in a space "]),
        ("LO", ["two\\values"]),
        ("PN", [{}]),
        ("SQ", []),
        ("SQ", [{}, {"00100020": {"vr": "LO", "Value": ["1"]}}]),
    ],
)
def test_element_equals_from_json(vr: str, values: list[Any]) -> None:
    text = json.dumps({_PRIVATE: {"vr": vr, "Value": values}})
    quiet = ReadOptions(deviations={"backslash": "ignore"})
    ours, theirs = streamdicom.loads(text, options=quiet), Dataset.from_json(text)
    assert ours == theirs


@each("vr", ["LO", "DA", "PN", "UI", "DS", "IS", "US", "FD", "OB", "AT", "SQ", "UN"])
def test_empty_element_equals_from_json(vr: str) -> None:
    text = f'{{"{_PRIVATE}": {{"vr": "{vr}"}}}}'
    assert streamdicom.loads(text) == Dataset.from_json(text)


def test_value_types_equal_dcmread() -> None:
    source = Dataset()
    source.PatientName, source.PatientID, source.StudyDate = "A^B", "1", "20240229"
    source.SliceThickness, source.InstanceNumber, source.Rows = "1.50", "7", 2
    source.SOPInstanceUID, source.ImageType, source.FrameIncrementPointer = "1.2.3", ["A", "B"], 0x00181063
    buffer = io.BytesIO()
    dcmwrite(buffer, source, implicit_vr=False, little_endian=True)
    buffer.seek(0)
    read = dcmread(buffer, force=True)
    loaded = streamdicom.loads(streamdicom.dumps(read))
    assert loaded == read
    assert [type(element.value) for element in loaded] == [type(element.value) for element in read]


@each("text", ["1.0000", "1E2", "-0", "9007199254740993", "0.30000000000000004"])
@pytest.mark.filterwarnings("ignore:The value length:UserWarning")
def test_decimal_text_is_exact(text: str) -> None:
    dataset = streamdicom.loads(f'{{"{_PRIVATE}": {{"vr": "DS", "Value": [{text}]}}}}')
    assert dataset[int(_PRIVATE, 16)].value.original_string == text
    assert f"[{text}]" in streamdicom.dumps(dataset)


@pytest.mark.filterwarnings("ignore::UserWarning")
@each("strict", [False, True])
@each(
    ("vr", "values", "written"),
    [
        ("DS", ["abc"], ["abc"]),
        ("DS", ["abc "], ["abc"]),  # PS3.5 6.2: spaces around a DS or IS are padding
        ("DS", ["1,5°"], ["1,5°"]),
        ("DS", [1.5, "ж "], [1.5, "ж "]),
        ("DS", ["abc ", 1.5, None], ["abc", 1.5, None]),
        ("IS", ["12345678901234567x"], ["12345678901234567x"]),
        ("IS", ["1e400 "], ["1e400"]),
        ("IS", ["７x"], ["７x"]),
        ("IS", [9007199254740993], [9007199254740993]),
    ],
)
def test_invalid_number_text_is_kept(
    monkeypatch: pytest.MonkeyPatch, vr: str, values: list[Any], written: list[Any], strict: bool
) -> None:
    if strict:
        monkeypatch.setattr(config.settings, "reading_validation_mode", config.RAISE)
    dataset = streamdicom.loads(json.dumps({_PRIVATE: {"vr": vr, "Value": values}}))
    assert json.loads(streamdicom.dumps(dataset), parse_float=_number) == {_PRIVATE: {"vr": vr, "Value": written}}


def _number(text: str) -> Any:
    return text if text == "1e400" else float(text)


@pytest.mark.filterwarnings("ignore::UserWarning")
@each(("vr", "text"), [("DS", "abc"), ("DS", "abc "), ("IS", "12345678901234567x")])
def test_invalid_number_text_in_strict_pydicom(monkeypatch: pytest.MonkeyPatch, vr: str, text: str) -> None:
    source = json.dumps({_PRIVATE: {"vr": vr, "Value": [text]}})
    assert streamdicom.loads(source)[int(_PRIVATE, 16)].value == text.strip()
    monkeypatch.setattr(config.settings, "reading_validation_mode", config.RAISE)
    dataset = streamdicom.loads(source)
    with pytest.raises(ValueError, match=r"not convert|exceeds"):
        dataset[int(_PRIVATE, 16)]


def test_padded_date_is_converted_on_access(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "datetime_conversion", True)
    dataset = streamdicom.loads('{"00080020":{"vr":"DA","Value":["20240229 "]}}')
    assert dataset.StudyDate == datetime.date(2024, 2, 29)
    assert json.loads(streamdicom.dumps(dataset)) == {"00080020": {"vr": "DA", "Value": ["20240229"]}}


@each("vr", ["LT", "ST", "UR", "UT"])
@each("text", ["http://a\\b", "http://a\\b ", "http://é\\b", "\\"])
def test_backslash_in_single_value_vr_is_kept(vr: str, text: str) -> None:  # PS3.5 6.2
    dataset = streamdicom.loads(json.dumps({_PRIVATE: {"vr": vr, "Value": [text]}}))
    assert dataset[int(_PRIVATE, 16)].value == text
    written = json.loads(streamdicom.dumps(dataset))
    assert written[_PRIVATE] == {"vr": vr, "Value": [text]}


@each(("vr", "number"), [("IS", 9007199254740993), ("SV", -(2**63)), ("UV", 2**64 - 1)])
@pytest.mark.filterwarnings("ignore:The value length:UserWarning", "ignore:out-of-range")
def test_large_integers_are_exact(vr: str, number: int) -> None:
    assert _loads(vr, number).value == number
    assert f"[{number}]" in streamdicom.dumps(streamdicom.loads(f'{{"{_PRIVATE}":{{"vr":"{vr}","Value":[{number}]}}}}'))


def _unknown(tag: str, data: bytes) -> str:
    return '{"%s":{"vr":"UN","InlineBinary":"%s"}}' % (tag, base64.b64encode(data).decode())


# An element of the dictionary for each VR of text.
@each(
    "tag",
    [
        "00080054",
        "00101010",
        "00080060",
        "00080020",
        "00280030",
        "0008002A",
        "00200013",
        "00100020",
        "00104000",
        "00100010",
        "00080050",
        "00081195",
        "00080030",
        "00080119",
        "00080018",
        "00080120",
        "0040A160",
    ],
)
@each("data", [b"123", b"1", b"1 2", b"1\\2"])
@pytest.mark.filterwarnings("ignore:Invalid value:UserWarning")
def test_odd_un_text_gets_dictionary_vr(tag: str, data: bytes) -> None:
    text = _unknown(tag, data)
    dataset = streamdicom.loads(text)
    assert isinstance(dataset.get_item(tag), RawDataElement)
    dcmwrite(buffer := io.BytesIO(), dataset, implicit_vr=False, little_endian=True)
    assert len(buffer.getvalue()) % 2 == 0
    unpadded = RawDataElement(Tag(tag), "UN", len(data), data, 0, True, True)
    assert dataset[tag] == convert_raw_data_element(unpadded)


@each("tag", ["00091001", "00090010", "00020007", "00280010", "00081140", "7FE00010"])
def test_odd_un_bytes_are_unchanged(tag: str) -> None:
    text = _unknown(tag, b"ABC")
    dataset = streamdicom.loads(text, as_file=True)
    element = (dataset.file_meta if tag[:4] == "0002" else dataset)[tag]
    assert (element.VR, element.value) == ("UN", b"ABC")
    assert streamdicom.dumps(dataset, options=WriteOptions(file_meta=True)) == text


@each(
    ("creator", "tag", "vr", "value"),
    [
        ("ELSCINT1", "01F1100E", "UN", b"0.488281"),  # FL by pydicom's private dictionary
        ("ELSCINT1", "01F11027", "DS", 0.488281),
        ("nobody", "01F1100E", "UN", b"0.488281"),
    ],
)
def test_private_un_of_digits_is_no_binary_number(creator: str, tag: str, vr: str, value: Any) -> None:
    text = f'{{"01F10010":{{"vr":"LO","Value":["{creator}"]}},"{tag}":{{"vr":"UN","InlineBinary":"MC40ODgyODE="}}}}'
    element = streamdicom.loads(text)[tag]
    assert (element.VR, element.value) == (vr, value)


@each(
    ("tag", "data"),
    [
        ("00189087", b"abc\0"),  # of FD, 8 bytes each
        ("00280010", b"\1\2\3\4\5\6\7"),  # of US
        ("00081140", b"hello wo"),  # of SQ
        ("00081140", bytes(6)),
    ],
)
def test_public_un_that_does_not_fit_its_vr_is_unchanged(tag: str, data: bytes) -> None:
    text = _unknown(tag, data)
    dataset = streamdicom.loads(text)
    assert (dataset[tag].VR, dataset[tag].value) == ("UN", data)
    assert streamdicom.dumps(dataset) == text


def test_public_un_that_fits_gets_the_vr_of_the_dictionary() -> None:
    dataset = streamdicom.loads(_unknown("00280010", b"\2\0"))
    assert (dataset[0x00280010].VR, dataset.Rows) == ("US", 2)


@each(("value", "member"), [("", {}), ("anonymous", {"Value": ["anonymous"]}), (b"ab", {"InlineBinary": "YWI="})])
def test_un_reference_accepts_value_of_dictionary_vr(value: Any, member: Any) -> None:
    text = '{"00100020":{"vr":"UN","BulkDataURI":"http://h/1"}}'
    dataset = streamdicom.loads(text)
    assert streamdicom.dumps(copy.deepcopy(dataset)) == text
    dataset.PatientID = value
    vr = "UN" if isinstance(value, bytes) else "LO"
    assert json.loads(streamdicom.dumps(dataset)) == {"00100020": {"vr": vr, **member}}


@pytest.mark.filterwarnings("ignore::UserWarning")
@each(
    "text",
    [
        _unknown("00280010", b"f?\x99"),
        _unknown("00280010", b"\1"),
        _unknown("00189073", b"\1\2"),
        _unknown("00081140", b"\xac\x0a"),
        _unknown("00081140", b"ABC"),
        _unknown("7FE00010", b"\xac\x0a"),
        _unknown("00200013", b"1e400"),
        _unknown("00200013", b"first "),
        _unknown("00280030", b"1\\\xff"),
        _unknown("00280009", b"ABCDEF"),
        '{"7FE00010":{"vr":"UN"}}',
        '{"00104000":{"vr":"UN","BulkDataURI":"http://h/1"}}',
        '{"00081140":{"vr":"UN","BulkDataURI":"http://h/1"}}',
    ],
)
def test_unconvertible_un_bytes_are_written_unchanged(text: str) -> None:
    dataset = streamdicom.loads(text)
    held = dataset.get_item(text[2:10])
    for _ in range(2):
        assert streamdicom.dumps(dataset) == text
        assert dataset.get_item(text[2:10]) is held


@pytest.mark.filterwarnings("ignore::UserWarning")
@each("tag", ["00100010", "00100020", "00104000"])
def test_undecodable_un_bytes_are_not_replaced(tag: str) -> None:
    members = {"00080005": {"vr": "CS", "Value": ["ISO_IR 192"]}} | json.loads(_unknown(tag, b"a\xff"))
    assert json.loads(streamdicom.dumps(streamdicom.loads(json.dumps(members)))) == members


@pytest.mark.filterwarnings("ignore::streamdicom.DeviationWarning")
def test_convertible_un_bytes_are_written_with_dictionary_vr() -> None:
    text = _unknown("00100020", b"\xcf")
    assert streamdicom.dumps(streamdicom.loads(text)) == streamdicom.dumps(Dataset.from_json(text))


def test_elements_are_raw_until_access() -> None:
    dataset = streamdicom.loads(b'{"00100020": {"vr": "LO", "Value": ["17"]}}')
    assert isinstance(dataset.get_item(0x00100020), RawDataElement)
    assert dataset.PatientID == "17"
    assert isinstance(dataset.get_item(0x00100020), DataElement)


def test_null_among_values_equals_dcmread() -> None:
    assert list(_loads("LO", "a", None).value) == ["a", ""]
    assert list(_loads("DS", 1, None).value) == [1, ""]
    assert _loads("US", 1, None).value == [1, None]


@each(("vr", "number"), [("US", 65536), ("US", -1), ("SL", 2**31), ("UV", 2**64), ("FL", 1e300)])
@pytest.mark.filterwarnings("ignore:Invalid value:UserWarning", "ignore:out-of-range")
def test_out_of_range_number_is_kept(vr: str, number: float) -> None:
    assert _loads(vr, number).value == number


@pytest.mark.filterwarnings("ignore:out-of-range")
def test_rejected_value_raises_with_location(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config.settings, "reading_validation_mode", config.RAISE)
    with pytest.raises(DatasetError) as caught:
        streamdicom.loads(b'[{"00081140": {"vr": "SQ", "Value": [{"00280010": {"vr": "US", "Value": [70000]}}]}}]')
    assert caught.value.location.dataset_index == 0
    assert caught.value.location.tag_path == "00081140[0].00280010"


def twice(*texts: str) -> list[Event]:
    """Return the events of one data set with the elements of several."""
    members = [event for text in texts for event in list(streamdicom.iter_events(text.encode()))[1:-1]]
    return [(EventType.START_DATASET, 0, "", 0), *members, (EventType.END_DATASET, 0, "", None)]


@each(
    "texts",
    [
        ['{"00100020": {"vr": "LO"}}', '{"00100020": {"vr": "LO"}}'],
        ['{"00100020": {"vr": "SQ"}}', '{"00100020": {"vr": "LO"}}'],
        ['{"00100020": {"vr": "LO"}, "00100030": {"vr": "DA"}}', '{"00100020": {"vr": "SQ", "Value": [{}]}}'],
    ],
)
def test_duplicate_element_raises(texts: list[str]) -> None:
    with pytest.raises(DatasetError, match="duplicate") as caught:
        list(DatasetBuilder(ReadOptions()).build(twice(*texts)))
    assert caught.value.location.tag_path == "00100020"


def test_datasets_before_error_are_returned_first() -> None:
    parser = DatasetParser(options=ReadOptions(deviations={"duplicate-key": "error"}))
    text = b'[{"00100020": {"vr": "LO", "Value": ["1"]}}, {"00100020": {"vr": "LO"}, "00100020": {"vr": "LO"}}]'
    assert [dataset.PatientID for dataset in parser.feed(text)] == ["1"]
    for _ in range(2):
        with pytest.raises(InputError):
            parser.close()


@each("text", ["Åsa", "山"])
def test_text_beyond_ascii_in_group_0002_is_kept(text: str) -> None:
    document = {"00020013": {"vr": "SH", "Value": [text]}, "00100020": {"vr": "LO", "Value": [text]}}
    dataset = streamdicom.loads(json.dumps(document))
    assert (dataset.file_meta.ImplementationVersionName, dataset.PatientID) == (text, text)
    with_meta = json.loads(streamdicom.dumps(dataset, options=WriteOptions(file_meta=True)))
    assert {tag: with_meta[tag] for tag in document} == document


def test_group_0002_becomes_file_meta() -> None:
    text = b'{"00020010": {"vr": "UI", "Value": ["1.2.840.10008.1.2.1"]}, "00100020": {"vr": "LO", "Value": ["1"]}}'
    for dataset in (streamdicom.loads(text), streamdicom.loads(text, as_file=True)):
        assert dataset.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
        assert [element.tag for element in dataset] == [0x00100020]
    assert not hasattr(streamdicom.loads(b"{}"), "file_meta")
    assert len(streamdicom.loads(b"{}", as_file=True).file_meta) == 0


def test_file_dataset_can_be_saved() -> None:
    dataset = streamdicom.loads(
        '{"00080016": {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.7"]}, '
        '"00080018": {"vr": "UI", "Value": ["1.2.3"]}, "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Ж"}]}}',
        as_file=True,
    )
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    buffer.seek(0)
    assert dcmread(buffer) == dataset


def test_words_have_byte_order_of_transfer_syntax() -> None:
    pixels = np.arange(4, dtype=">u2")
    source = Dataset()
    source.Rows = source.Columns = 2
    source.BitsAllocated = source.BitsStored = 16
    source.HighBit, source.PixelRepresentation, source.SamplesPerPixel = 15, 0, 1
    source.PhotometricInterpretation = "MONOCHROME2"
    source.add_new(0x7FE00010, "OW", pixels.tobytes())
    source.file_meta = streamdicom.loads(b"{}", as_file=True).file_meta
    source.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    buffer = io.BytesIO()
    dcmwrite(buffer, source)
    buffer.seek(0)
    read = dcmread(buffer, force=True)
    text = streamdicom.dumps(read, options=streamdicom.WriteOptions(file_meta=True))
    assert json.loads(text)["7FE00010"]["InlineBinary"] == "AAABAAIAAwA="  # PS3.18 F.2.7: in little endian
    again = streamdicom.loads(text, as_file=True)
    assert again == read
    assert again.pixel_array.tolist() == [[0, 1], [2, 3]]
    assert streamdicom.loads(streamdicom.dumps(read)).PixelData == pixels.astype("<u2").tobytes()
    again.save_as(saved := io.BytesIO())
    assert dcmread(io.BytesIO(saved.getvalue()), force=True) == read


_BIG_ENDIAN = '"00020010":{"vr":"UI","Value":["1.2.840.10008.1.2.2"]}'


@pytest.mark.filterwarnings("ignore::UserWarning")
@each(
    ("members", "tag"),
    [
        (_BIG_ENDIAN + ',"00200013":{"vr":"IS","Value":["1e400"]}', 0x00200013),
        (_BIG_ENDIAN + ',"7FE00010":{"vr":"UN","InlineBinary":"AAA="}', 0x7FE00010),
        ('"00020010":{"vr":"IS","Value":["1e400"]}', 0x00020010),
    ],
)
def test_unreadable_value_raises_on_access_only(members: str, tag: int) -> None:
    text = '[{"00100020":{"vr":"LO","Value":["1"]}},{"00280010":{"vr":"US","Value":[258]},%s}]' % members
    [first, second] = DatasetParser().feed(text.encode())
    assert (first.PatientID, second.Rows) == ("1", 258)
    written = streamdicom.dumps(second, options=WriteOptions(file_meta=True))
    assert json.loads(written, parse_float=str) == json.loads(text.replace('"1e400"', "1e400"), parse_float=str)[1]
    held = second.file_meta if tag >> 16 == 2 else second
    with pytest.raises((BytesLengthException, OSError, OverflowError, AttributeError)):
        held[tag]


@each(
    "text",
    [
        '{"00091001":{"vr":"IS","Value":[9007199254740993]}}',
        '{"00020010":{"vr":"UI","Value":["1.2.x"]}}',
        '{%s,"00080018":{"vr":"UI","Value":["1.2.x"]}}' % _BIG_ENDIAN,
    ],
)
@pytest.mark.filterwarnings("ignore:out-of-range")
def test_strict_pydicom_raises_own_errors(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(config.settings, "reading_validation_mode", config.RAISE)
    parser = DatasetParser()
    [first] = parser.feed(b'[{"00100020":{"vr":"LO","Value":["1"]}},')
    assert first.PatientID == "1"
    with contextlib.suppress(DatasetError):
        parser.feed(text.encode() + b"]")


def test_bulk_data_reference_round_trips() -> None:
    text = '{"7FE00010":{"vr":"OW","BulkDataURI":"http://example.org/1"}}'
    dataset = streamdicom.loads(text)
    assert dataset["PixelData"].value is None
    assert dataset["PixelData"].bulk_data_uri == "http://example.org/1"
    assert streamdicom.dumps(dataset) == text
    dataset.PixelData = b"\1\2"
    assert json.loads(streamdicom.dumps(dataset)) == {"7FE00010": {"vr": "OW", "InlineBinary": "AQI="}}


def _empty(element: DataElement, how: Any) -> None:
    if how == "clear":
        element.clear()
    else:
        element.value = how


@pytest.mark.filterwarnings("ignore:A value of type:UserWarning")
@each("how", ["", None, "clear"])
@each("syntax", ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"])
def test_emptied_reference_is_written_empty(how: Any, syntax: str) -> None:
    members = {
        "00020010": {"vr": "UI", "Value": [syntax]},
        "00104000": {"vr": "LT", "BulkDataURI": "http://h/comments"},
        "7FE00010": {"vr": "OW", "BulkDataURI": "http://h/pixels"},
    }
    for tag in (0x00104000, 0x7FE00010):
        dataset = copy.deepcopy(streamdicom.loads(json.dumps(members)))
        _empty(dataset[tag], how)
        expected = members | {f"{tag:08X}": {"vr": dataset[tag].VR}}
        del expected["00020010"]
        assert json.loads(streamdicom.dumps(dataset)) == expected


@each("how", [b"", None, "clear"])
def test_emptied_json_element_is_written_empty(how: Any) -> None:
    for tag in (0x00080005, 0x00280010):
        dataset = _json_elements((tag, '{"vr":"US","Value":["many"]}'))
        _empty(dataset[tag], how)
        assert json.loads(streamdicom.dumps(dataset)) == {f"{tag:08X}": {"vr": "UN"}}


def _parts(limits: Limits) -> DatasetParser:
    return DatasetParser(options=ReadOptions(limits=limits))


@each(
    ("text", "value"),
    [
        ('{"00091001":{"vr":"UT","Value":["%s"]}}' % ("a" * 100), "a" * 100),
        ('{"00091001":{"Value":["%s"],"vr":"UT"}}' % ("a" * 100), "a" * 100),
        ('{"00091001":{"vr":"UC","Value":["x","%s",null,"y"]}}' % ("é" * 50), ["x", "é" * 50, "", "y"]),
        ('{"00091001":{"InlineBinary":"%s","vr":"OB"}}' % ("AAEC" * 30), b"\0\1\2" * 30),
        ('{"00091001":{"vr":"US","Value":[%s]}}' % ",".join(map(str, range(20))), list(range(20))),
        ('{"00091001":{"vr":"FD","Value":[%s]}}' % ",".join(f"{n}.5" for n in range(20)), [n + 0.5 for n in range(20)]),
    ],
    ids=["UT", "UT-vr-last", "UC", "OB-vr-last", "US", "FD"],
)
def test_element_in_parts_is_joined(text: str, value: Any) -> None:
    [dataset] = _parts(Limits(segment_size=16, values_per_event=4)).feed(text.encode())
    held = dataset[int(_PRIVATE, 16)].value
    assert (held if isinstance(held, str | bytes) else list(held)) == value


@each(
    ("limits", "text", "limit"),
    [
        (
            Limits(segment_size=16, value_length=50),
            '{"00091001":{"vr":"UT","Value":["%s"]}}' % ("a" * 51),
            "value_length",
        ),
        (
            Limits(segment_size=16, value_length=50),
            '{"00091001":{"vr":"OB","InlineBinary":"%s"}}' % ("AAEC" * 17),
            "value_length",
        ),
        (
            Limits(values_per_event=4, value_length=50),
            '{"00091001":{"vr":"US","Value":[%s]}}' % ",".join("1" * 9),
            "value_length",
        ),
        (
            Limits(dataset_size=1000),
            "{%s}" % ",".join(f'"000910{n:02X}":{{"vr":"LO"}}' for n in range(4)),
            "dataset_size",
        ),
        (Limits(dataset_size=1000), '{"00081140":{"vr":"SQ","Value":[{},{},{},{}]}}', "dataset_size"),
        (Limits(dataset_size=1000), '{"00091001":{"vr":"LT","Value":["%s"]}}' % ("a" * 800), "dataset_size"),
        (Limits(dataset_size=1000), '{"00091001":{"vr":"LT","Value":["%s"]}}' % ("é" * 800), "dataset_size"),
    ],
)
def test_limit_error_names_limit(limits: Limits, text: str, limit: str) -> None:
    with pytest.raises(LimitError, match=limit) as caught:
        _parts(limits).feed(text.encode())
    assert caught.value.limit == limit


def test_dataset_size_counts_one_dataset() -> None:
    text = b"[" + b",".join([b'{"00091001":{"vr":"LO","Value":["a"]}}'] * 100) + b"]"
    assert len(_parts(Limits(dataset_size=1000)).feed(text)) == 100


def test_builder_builds_items_from_events() -> None:
    builder = DatasetBuilder(ReadOptions())
    events = [
        (EventType.START_DATASET, 0, "", 0),
        (EventType.START_SEQUENCE, 0x00081140, "SQ", None),
        (EventType.START_ITEM, 0x00081140, "SQ", 0),
        (EventType.ELEMENT, 0x00280010, "US", (2,)),
        (EventType.END_ITEM, 0x00081140, "SQ", None),
        (EventType.END_SEQUENCE, 0x00081140, "SQ", None),
        (EventType.END_DATASET, 0, "", None),
    ]
    [dataset] = builder.build(events)
    assert dataset.ReferencedImageSequence[0].Rows == 2
    assert dataset.ReferencedImageSequence[0].get_item(0x00280010).VR == "US"


def test_raw_numbers_are_little_endian() -> None:
    dataset = streamdicom.loads(b'{"00280010": {"vr": "US", "Value": [258]}}')
    assert dataset.get_item(0x00280010).value == struct.pack("<H", 258)  # type: ignore[attr-defined]


# --- elements in a form of their own -------------------------------------------------------------------------------


def _json_elements(*elements: tuple[int, str], options: ReadOptions | None = None) -> Dataset:
    events = [(EventType.JSON_ELEMENT, tag, "", text) for tag, text in elements]
    [dataset] = DatasetBuilder(options or ReadOptions()).build([(1, 0, "", 0), *events, (2, 0, "", None)])
    return dataset


@each("tag", [0x00091001, 0x00280010])
@each(
    ("text", "value"),
    [
        ('{"vr":"US","Value":["many",5]}', b"many\\5"),
        ('{"vr":"US","InlineBinary":"AP8="}', b"\x00\xff"),
        ('{"vr":"XX"}', b'{"vr":"XX"} '),
    ],
)
def test_json_element_is_un(text: str, value: bytes, tag: int) -> None:
    element = _json_elements((tag, text))[tag]
    assert (element.VR, element.value, element.json_text) == ("UN", value, text)


def test_json_elements_are_saved_by_pydicom() -> None:
    text = '{"vr":"US","Value":["seven"]}'
    dataset = _json_elements((0x00020016, text), (0x00080005, text), (0x00091001, text), (0x00280010, text))
    assert dataset.file_meta[0x00020016].value == b"seven "
    buffer = io.BytesIO()
    dcmwrite(buffer, dataset, implicit_vr=False, little_endian=True)
    buffer.seek(0)
    assert dcmread(buffer, force=True)[0x00091001].value == b"seven "


def test_json_element_counts_toward_dataset_size() -> None:
    text = '{"vr":"XX","Value":["' + "a" * 10_000 + '"]}'
    _json_elements((0x00091001, text))
    with pytest.raises(LimitError) as caught:
        _json_elements((0x00091001, text), options=ReadOptions(limits=Limits(dataset_size=20_000)))
    assert (caught.value.limit, caught.value.location.tag_path) == ("dataset_size", "00091001")


def test_duplicate_or_surrogate_json_element_raises() -> None:
    with pytest.raises(DatasetError, match="duplicate"):
        _json_elements((0x00091001, "5"), (0x00091001, "5"))
    with pytest.raises(DatasetError, match="surrogate"):
        _json_elements((0x00091001, '"\ud800"'))
