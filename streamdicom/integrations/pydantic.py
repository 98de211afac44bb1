"""Types for pydantic v2 models and the bodies of FastAPI endpoints.

This module needs the extra ``pydantic``. It imports pydantic and pydicom.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, TypeAlias

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationError
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError, core_schema
from pydicom.dataset import Dataset, FileDataset

from streamdicom.dicom import VRS
from streamdicom.errors import InputError
from streamdicom.integrations.model import dataset_from_model, model_of
from streamdicom.options import WriteOptions

_PATH_STEP = re.compile(r"(\w+)(?:\[(\d+)\])?")  # of a tag path

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
    """Validation, serialization and JSON schema of a data set."""

    def __init__(self, kind: type[Dataset]) -> None:
        self._kind = kind
        # A file needs its group 0002, which has the encoding of its pixel data.
        self._options = WriteOptions(number_handling="auto", file_meta=kind is FileDataset)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        serialization = core_schema.plain_serializer_function_ser_schema(self._serialize, when_used="json")
        return core_schema.no_info_plain_validator_function(self._validate, serialization=serialization)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return _SCHEMA

    def _serialize(self, dataset: Dataset) -> Any:
        return model_of(dataset, self._options)

    def _validate(self, value: object) -> Dataset:
        if isinstance(value, self._kind):
            return value
        try:
            return dataset_from_model(value, as_file=self._kind is FileDataset)
        except InputError as error:
            # The input is left out: it may be a health record.
            kind = PydanticCustomError("dicom_json", "{reason}", {"reason": error.message})
            details = InitErrorDetails(type=kind, loc=_loc(error.location.tag_path), input=None)
            raise ValidationError.from_exception_data(self._kind.__name__, [details]) from None


def _loc(tag_path: str) -> tuple[str | int, ...]:
    loc: list[str | int] = []
    for tag, item in _PATH_STEP.findall(tag_path):
        loc += [tag, "Value", int(item)] if item else [tag]
    return tuple(loc)


DatasetField: TypeAlias = Annotated[Dataset, _Field(Dataset)]
"""A Dataset in a pydantic model.

It is validated from a Dataset, which is kept, or from the DICOM JSON Model, in Python objects or JSON. In Python mode
it stays a Dataset; in JSON it is the DICOM JSON Model without group 0002. Errors have the type ``dicom_json`` and the
element in ``loc``, but no input.

pydantic reads a number as a double, so DS keeps its value but not every digit, unless it is a string. A number that a
double would change is written as a string.

>>> from pydantic import BaseModel
>>> class Finding(BaseModel):
...     score: float
...     images: list[DatasetField]
>>> text = '{"score": 0.5, "images": [{"00100020": {"vr": "LO", "Value": ["17"]}}]}'
>>> Finding.model_validate_json(text).images[0].PatientID
'17'
"""

FileDatasetField: TypeAlias = Annotated[FileDataset, _Field(FileDataset)]
"""A FileDataset in a pydantic model. Unlike ``DatasetField``, it has the File Meta Information, also in JSON."""
