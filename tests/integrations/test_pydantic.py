"""Data sets in pydantic models and FastAPI bodies."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

pytest.importorskip("pydantic", reason="pydantic is an extra: install streamdicom[pydantic]")

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydicom import Dataset, FileDataset

import streamdicom
from streamdicom.integrations.pydantic import DatasetField, FileDatasetField
from tests.support.each import each

_MEMBERS = {
    "00081140": {"vr": "SQ", "Value": [{}, {"00100010": {"vr": "PN", "Value": [{"Alphabetic": "Müller"}]}}]},
    "00100020": {"vr": "LO", "Value": ["17"]},
    "00101030": {"vr": "DS", "Value": [70.5]},
}
_META = {"00020010": {"vr": "UI", "Value": ["1.2.840.10008.1.2.1"]}}
_WRONG = {"00081140": {"vr": "SQ", "Value": [{}, {"00280010": {"vr": "US", "Value": ["many"]}}]}}


class Study(BaseModel):
    number: int
    one: DatasetField
    file: FileDatasetField
    several: list[DatasetField] = []
    perhaps: DatasetField | None = None


_STUDY = {"number": 5, "one": _MEMBERS, "file": {**_META, **_MEMBERS}, "several": [_MEMBERS, {}], "perhaps": None}


@pytest.mark.parametrize(
    "validated", [lambda obj: Study.model_validate(obj), lambda obj: Study.model_validate_json(json.dumps(obj))]
)
def test_model_with_datasets_round_trips(validated: Any) -> None:
    study = validated(_STUDY)
    assert type(study.one) is Dataset
    assert type(study.file) is FileDataset
    assert study.one.ReferencedImageSequence[1].PatientName == "Müller"
    assert study.file.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"
    assert len(study.several) == 2
    assert json.loads(study.model_dump_json()) == study.model_dump(mode="json") == _STUDY


def test_dataset_object_is_kept() -> None:
    one, file = Dataset(), streamdicom.loads("{}", as_file=True)
    study = Study(number=1, one=one, file=file, several=[file])
    assert study.one is one
    assert study.several[0] is file
    assert study.model_dump()["file"] is file


@each(
    ("change", "loc"),
    [
        ({"one": _WRONG}, ("one", "00081140", "Value", 1, "00280010")),
        ({"several": [{}, _WRONG]}, ("several", 1, "00081140", "Value", 1, "00280010")),
        ({"one": {"00280010": {"vr": "US", "Value": ["many"]}}}, ("one", "00280010")),
        ({"one": 5}, ("one",)),
        ({"file": [_MEMBERS]}, ("file",)),
        ({"file": None}, ("file",)),
    ],
)
@each("mode", ["python", "json"])
def test_error_has_loc_and_no_input(change: Any, loc: Any, mode: str) -> None:
    with pytest.raises(ValidationError) as caught:
        study = {**_STUDY, **change}
        Study.model_validate(study) if mode == "python" else Study.model_validate_json(json.dumps(study))
    [error] = caught.value.errors()
    assert (error["loc"], error["type"], error["input"]) == (loc, "dicom_json", None)
    assert error["msg"]


def test_errors_of_all_fields_are_collected() -> None:
    with pytest.raises(ValidationError) as caught:
        Study.model_validate({"number": "x", "one": 5, "file": _WRONG})
    assert [error["loc"][0] for error in caught.value.errors()] == ["number", "one", "file"]


def test_file_field_rejects_dataset() -> None:
    with pytest.raises(ValidationError):
        Study(number=1, one=Dataset(), file=Dataset())


def test_invalid_json_raises_validation_error() -> None:
    circle: dict[str, Any] = {}
    circle["00081140"] = {"vr": "SQ", "Value": [circle]}
    for value in (circle, {"00100020": {"vr": "LO", "Value": [{1}]}}, {5: {"vr": "LO", "Value": [object()]}}):
        with pytest.raises(ValidationError):
            TypeAdapter(DatasetField).validate_python(value)


@pytest.mark.parametrize("mode", ["validation", "serialization"])
def test_json_schema_describes_model(mode: Any) -> None:
    schema = TypeAdapter(DatasetField).json_schema(mode=mode)
    [(pattern, attribute)] = schema["patternProperties"].items()
    assert (schema["type"], pattern, attribute["required"]) == ("object", "^[0-9A-F]{8}$", ["vr"])
    assert {"SQ", "PN", "OB"} < set(attribute["properties"]["vr"]["enum"])
    assert Study.model_json_schema(mode=mode)["properties"]["several"]["items"] == schema


def _post(app: Any, body: object) -> tuple[int, Any]:
    """Return the status and the JSON of a response."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": json.dumps(body).encode(), "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": headers}
    asyncio.run(app({**scope, "root_path": "", "http_version": "1.1", "scheme": "http"}, receive, send))
    return sent[0]["status"], json.loads(b"".join(message.get("body", b"") for message in sent))


def test_fastapi_body_round_trips() -> None:
    fastapi = pytest.importorskip("fastapi", reason="FastAPI is not installed")
    app = fastapi.FastAPI()

    @app.post("/")
    async def post(study: Study) -> Study:
        assert study.one.PatientID == "17"
        return study

    assert _post(app, _STUDY) == (200, _STUDY)
    status, answer = _post(app, {**_STUDY, "one": _WRONG})
    assert status == 422
    assert [error["loc"] for error in answer["detail"]] == [["body", "one", "00081140", "Value", 1, "00280010"]]
    assert "patternProperties" in json.dumps(app.openapi())
