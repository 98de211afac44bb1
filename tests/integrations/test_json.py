"""Hooks for json, orjson and msgspec, called by these libraries."""

from __future__ import annotations

import io
import json
from typing import Any

import msgspec
import orjson
import pydicom.data
import pytest
from pydicom import Dataset, FileDataset, Sequence, dcmread

import streamdicom
from streamdicom import DicomJSONEncoder, InputError, OutputError, json_default, json_object_hook
from streamdicom.integrations.model import dataset_from_model
from tests.support.each import each

_TEXT = (
    '{"00080005":{"vr":"CS","Value":["ISO_IR 192"]},"00081140":{"vr":"SQ","Value":['
    '{"00100010":{"vr":"PN","Value":[{"Alphabetic":"Müller^Jörg","Ideographic":"山田"}]}},{}]},'
    '"00100020":{"vr":"LO","Value":["17"]},"00101030":{"vr":"DS","Value":[70.5]},'
    '"00091001":{"vr":"UN","InlineBinary":"AAE="},"00189445":{"vr":"FD","Value":[0.1]}}'
)


def _dataset() -> Dataset:
    return streamdicom.loads(_TEXT)


def _model() -> Any:
    return json.loads(streamdicom.dumps(_dataset()))


# --- json.dumps and orjson.dumps -------------------------------------------------------------------------------


@each(
    "dumps",
    [
        lambda obj: json.dumps(obj, default=json_default),
        lambda obj: json.dumps(obj, cls=DicomJSONEncoder),
        lambda obj: orjson.dumps(obj, default=json_default),
    ],
    ids=["json", "encoder", "orjson"],
)
def test_nested_datasets_are_written(dumps: Any) -> None:
    file = streamdicom.loads(_TEXT, as_file=True)
    obj = {"a": [_dataset(), {"b": file}], "c": Sequence([_dataset(), Dataset()]), "d": (Dataset(), 1)}
    expected = {"a": [_model(), {"b": _model()}], "c": [_model(), {}], "d": [{}, 1]}
    assert json.loads(dumps(obj)) == expected


@each("obj", [{1, 2}, object(), Dataset, b"", iter(())])
def test_other_objects_raise_type_error(obj: object) -> None:
    with pytest.raises(TypeError, match="is not JSON serializable"):
        json_default(obj)
    with pytest.raises(TypeError):
        json.dumps([obj], cls=DicomJSONEncoder)
    with pytest.raises(TypeError):
        orjson.dumps([obj], default=json_default)


def test_64_bit_integers_are_exact() -> None:
    dataset = Dataset()
    dataset.add_new(0x00091001, "UV", [2**64 - 1, 2**53 + 1])
    dataset.add_new(0x00091002, "SV", [-(2**63)])
    for text in (json.dumps(dataset, default=json_default), orjson.dumps(dataset, default=json_default)):
        members = json.loads(text)
        assert [int(value) for value in members["00091001"]["Value"]] == [2**64 - 1, 2**53 + 1]
        assert [int(value) for value in members["00091002"]["Value"]] == [-(2**63)]


_NUMBERS = ["1.10", "1E2", "1e400", "-0", "-0.0", "0.1", "9007199254740993", "-12", "+5", "100", "1.0", ".5", "1e5"]


@pytest.mark.parametrize("parse", [json.loads, orjson.loads])
def test_number_text_survives_double_parsers(parse: Any) -> None:
    values = ",".join(f'"{number}"' for number in _NUMBERS)
    dataset = streamdicom.loads('{"00101030":{"vr":"DS","Value":[%s]}}' % values)
    for text in (json.dumps(dataset, default=json_default), orjson.dumps(dataset, default=json_default)):
        again = streamdicom.loads(json.dumps(parse(text)))
        assert [value.original_string for value in again.PatientWeight] == _NUMBERS


def test_unwritable_element_raises_with_location() -> None:
    dataset = Dataset()
    item = Dataset()
    item.PatientComments = "\ud800"
    dataset.ReferencedImageSequence = [item]
    with pytest.raises(OutputError, match=r"00081140\[0\]\.00104000"):
        json.dumps([dataset], default=json_default)


# --- json.loads ------------------------------------------------------------------------------------------------


def test_datasets_are_found_at_any_depth() -> None:
    text = f'{{"id": 5, "list": [{_TEXT}, [{{"x": {_TEXT}}}]], "00100020": 7, "empty": {{}}}}'
    found = json.loads(text, object_hook=json_object_hook)
    assert found["id"] == 5
    assert found["00100020"] == 7
    assert found["empty"] == {}
    for dataset in (found["list"][0], found["list"][1][0]["x"]):
        assert type(dataset) is Dataset
        assert dataset == _dataset()
        assert type(dataset.ReferencedImageSequence) is Sequence
        assert str(dataset.ReferencedImageSequence[0].PatientName) == "Müller^Jörg=山田"
        assert streamdicom.dumps(dataset) == streamdicom.dumps(_dataset())


@each(
    "text",
    [
        "{}",
        '{"00100020": {}}',
        '{"00100020": 5}',
        '{"0010002": {"vr": "LO"}}',
        '{"00100020": {"vr": "LO"}, "id": {"vr": "LO"}}',
        '{"PatientID": {"vr": "LO"}}',
    ],
)
def test_other_objects_are_unchanged(text: str) -> None:
    assert json.loads(text, object_hook=json_object_hook) == json.loads(text)


def test_json_module_round_trip() -> None:
    for name in ("CT_small.dcm", "reportsi.dcm", "rtplan.dcm", "test-SR.dcm", "JPEG2000.dcm"):
        dataset = dcmread(pydicom.data.get_testdata_file(name))
        text = json.dumps({"x": dataset}, default=json_default)
        found = json.loads(text, object_hook=json_object_hook)["x"]
        assert streamdicom.dumps(found) == streamdicom.dumps(streamdicom.loads(json.dumps(json.loads(text)["x"])))
        assert len(found) > 10


def test_parse_float_str_keeps_decimal_text() -> None:
    text = '{"00101030": {"vr": "DS", "Value": [70.50, 1.0E2]}}'
    found = json.loads(text, object_hook=json_object_hook, parse_float=str)
    assert [value.original_string for value in found.PatientWeight] == ["70.50", "1.0E2"]


def test_parse_float_str_does_not_warn() -> None:
    text = '{"00189445": {"vr": "FD", "Value": [0.5, 1e-3]}}'
    found = json.loads(text, object_hook=json_object_hook, parse_float=str)
    assert streamdicom.dumps(found) == '{"00189445":{"vr":"FD","Value":[0.5,0.001]}}'


def _nested(outer: str, item: str, inner: str) -> str:
    members = '"00081140":{"vr":"SQ","Value":[{%s"00081140":{"vr":"SQ","Value":[{%s}]}}]}'
    return "{" + outer + members % (item, inner) + "}"


_NAME = '"00100010":{"vr":"PN","Value":[{"Alphabetic":"%s"}]}'
_SET = '"00080005":{"vr":"CS","Value":["%s"]},'


@each(
    ("outer", "item", "inner", "character_sets"),
    [
        (_SET % "ISO_IR 192", "", _NAME % "山田", ["ISO_IR 192", None, None]),
        (_SET % "ISO_IR 100", "", _NAME % "Jörg", ["ISO_IR 100", None, None]),
        (_SET % "ISO_IR 100", _NAME % "Jörg" + ",", _NAME % "Jörg", ["ISO_IR 100", None, None]),
        (_SET % "ISO_IR 192", _SET % "ISO_IR 100", _NAME % "Jörg", ["ISO_IR 192", "ISO_IR 100", None]),
        ("", "", _NAME % "Jörg", ["ISO_IR 192", None, None]),
        ("", "", _NAME % "Joerg", [None, None, None]),
        # The outermost character set lacks the characters.
        (_SET % "ISO_IR 100", "", _NAME % "山田", ["ISO_IR 100", "ISO_IR 192", None]),
    ],
)
def test_items_inherit_character_set(outer: str, item: str, inner: str, character_sets: list[str | None]) -> None:
    text = _nested(outer, item, inner)
    name = json.loads("{" + inner + "}")["00100010"]["Value"][0]["Alphabetic"]
    found = json.loads(text, object_hook=json_object_hook)
    target = io.BytesIO()
    found.save_as(target, implicit_vr=False, little_endian=True)
    target.seek(0)
    for dataset in (found, dcmread(target, force=True)):
        chain = [dataset, dataset.ReferencedImageSequence[0]]
        chain.append(chain[1].ReferencedImageSequence[0])
        assert [one.get("SpecificCharacterSet") for one in chain] == character_sets
        assert chain[2].PatientName == name
    if character_sets[:2] != ["ISO_IR 100", "ISO_IR 192"] and outer:
        assert json.loads(streamdicom.dumps(found)) == json.loads(text)


def test_invalid_dataset_raises_with_location() -> None:
    text = '[{"x": {"00081140": {"vr": "SQ", "Value": [{"00280010": {"vr": "US", "Value": ["many"]}}]}}}]'
    with pytest.raises(InputError) as caught:
        json.loads(text, object_hook=json_object_hook)
    assert caught.value.location == streamdicom.Location(tag_path="00280010")  # relative to the item


def test_empty_items_are_read() -> None:
    text = '{"00081140": {"vr": "SQ", "Value": [{"00100020": {"vr": "LO"}}, {}, null]}}'
    items = json.loads(text, object_hook=json_object_hook).ReferencedImageSequence
    assert [len(item) for item in items] == [1, 0, 0]
    with pytest.raises(InputError, match="item in 00081140"):
        json.loads(text.replace("null", "5"), object_hook=json_object_hook)


# --- msgspec ---------------------------------------------------------------------------------------------------


class _Study(msgspec.Struct):
    one: Dataset
    file: FileDataset
    several: list[Dataset]
    note: str


def test_struct_with_datasets_round_trips() -> None:
    study = _Study(_dataset(), streamdicom.loads(_TEXT, as_file=True), [_dataset(), Dataset()], "x")
    text = msgspec.json.encode(study, enc_hook=streamdicom.msgspec_enc_hook)
    assert json.loads(text) == {"one": _model(), "file": _model(), "several": [_model(), {}], "note": "x"}
    found = msgspec.json.decode(text, type=_Study, dec_hook=streamdicom.msgspec_dec_hook)
    assert type(found.one) is Dataset
    assert type(found.file) is FileDataset
    assert [found.one, found.file, *found.several] == [_dataset(), _dataset(), _dataset(), Dataset()]


@pytest.mark.filterwarnings("ignore:out-of-range")
def test_msgspec_keeps_number_text() -> None:
    text = '{"00101030":{"vr":"DS","Value":[70.50,1.0E2]},"00200013":{"vr":"IS","Value":[9007199254740993]}}'
    dataset = streamdicom.loads(text)
    encoded = msgspec.json.encode([dataset, Sequence([dataset])], enc_hook=streamdicom.msgspec_enc_hook)
    assert encoded == f"[{text},[{text}]]".encode()
    decoder = msgspec.json.Decoder(list[Dataset], dec_hook=streamdicom.msgspec_dec_hook, float_hook=str)
    [found] = decoder.decode(f"[{text}]")
    assert [value.original_string for value in found.PatientWeight] == ["70.50", "1.0E2"]


def test_json_default_works_for_messagepack() -> None:
    packed = msgspec.msgpack.encode([_dataset()], enc_hook=json_default)
    assert msgspec.msgpack.decode(packed) == [_model()]


def test_msgspec_hooks_reject_other_types() -> None:
    with pytest.raises(NotImplementedError):
        msgspec.json.encode([object()], enc_hook=streamdicom.msgspec_enc_hook)
    with pytest.raises(NotImplementedError):
        streamdicom.msgspec_dec_hook(complex, 1)
    with pytest.raises(msgspec.ValidationError, match=r"00280010 Rows\) - at `\$\.several\[0\]`"):
        msgspec.json.decode(
            '{"several": [{"00280010": {"vr": "US", "Value": ["many"]}}], "one": {}, "file": {}, "note": ""}',
            type=_Study,
            dec_hook=streamdicom.msgspec_dec_hook,
        )


# --- models ----------------------------------------------------------------------------------------------------


def test_invalid_model_raises_input_error() -> None:
    circle: dict[str, Any] = {}
    circle["00081140"] = {"vr": "SQ", "Value": [circle]}
    for model in (5, [], {"00100020": {"vr": "LO", "Value": [{1}]}}, circle):
        with pytest.raises(InputError):
            dataset_from_model(model, as_file=False)
