"""Types for pydantic v2: a model, such as the body of a FastAPI endpoint, may hold data sets.

It needs the extra ``pydantic``, and imports that and pydicom.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, TypeAlias

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationError
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError, core_schema
from pydicom.dataset import Dataset, FileDataset

from streamdicom.dicom import VRS
from streamdicom.errors import InputError
from streamdicom.integrations.json import dataset_from_model, model_of
from streamdicom.options import WriteOptions

_STEP = re.compile(r"(\w+)(?:\[(\d+)\])?")  # of a tag path

_SCHEMA = {
    "title": "DICOM JSON data set",
    "description": "DICOM JSON Model, PS3.18 Annex F",
    "type": "object",
    "patternProperties": {
        "^[0-9A-F]{8}$": {
            "type": "object",
            "properties": {
                "vr": {"enum": sorted(VRS)},
                "Value": {"type": "array"},
                "BulkDataURI": {"type": "string"},
                "InlineBinary": {"type": "string"},
            },
            "required": ["vr"],
        }
    },
}


class _Field:
    """What pydantic has to know of a data set."""

    def __init__(self, kind: type[Dataset]) -> None:
        self._kind = kind
        # A file needs its group 0002, without which nobody can tell how its pixel data is encoded.
        self._options = WriteOptions(number_handling="auto", file_meta=kind is FileDataset)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        writing = core_schema.plain_serializer_function_ser_schema(self._model, when_used="json")
        return core_schema.no_info_plain_validator_function(self._dataset, serialization=writing)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return _SCHEMA

    def _model(self, dataset: Dataset) -> Any:
        return model_of(dataset, self._options)

    def _dataset(self, value: object) -> Dataset:
        if isinstance(value, self._kind):
            return value
        try:
            return dataset_from_model(value, as_file=self._kind is FileDataset)
        except InputError as error:
            # Without the input, which may be somebody's health record.
            kind = PydanticCustomError("dicom_json", "{reason}", {"reason": error.message})
            details = InitErrorDetails(type=kind, loc=_loc(error.location.tag_path), input=None)
            raise ValidationError.from_exception_data(self._kind.__name__, [details]) from None


def _loc(tag_path: str) -> tuple[str | int, ...]:
    loc: list[str | int] = []
    for tag, item in _STEP.findall(tag_path):
        loc += [tag, "Value", int(item)] if item else [tag]
    return tuple(loc)


DatasetField: TypeAlias = Annotated[Dataset, _Field(Dataset)]
"""A Dataset in a model of pydantic's.

It is validated from a Dataset, which is taken as it is, or from the DICOM JSON Model, of Python objects or in JSON.
In Python it stays a Dataset; in JSON it is the DICOM JSON Model again, without group 0002. An error is of the type
``dicom_json``, has the element in its ``loc``, and no input. pydantic reads a number as a double, so that DS keeps
its value, but not each digit of its text, unless it is a string; it is written as one where that matters.

>>> from pydantic import BaseModel
>>> class Finding(BaseModel):
...     score: float
...     images: list[DatasetField]
>>> text = '{"score": 0.5, "images": [{"00100020": {"vr": "LO", "Value": ["17"]}}]}'
>>> Finding.model_validate_json(text).images[0].PatientID
'17'
"""

FileDatasetField: TypeAlias = Annotated[FileDataset, _Field(FileDataset)]
"""As ``DatasetField``, but a FileDataset, with the file meta information that there is; JSON has it too."""
