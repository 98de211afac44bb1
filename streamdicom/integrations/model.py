"""Data sets to the dicts and lists of a JSON parser, and back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from streamdicom.api import dumps, loads
from streamdicom.errors import DicomJsonError, InputError, Location
from streamdicom.options import ReadOptions, WriteOptions

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

# A number may be a string on purpose: a double would change it, or the caller asked for strings (``parse_float=str``).
_OPTIONS = ReadOptions(deviations={"number-as-string": "ignore"})


def model_of(dataset: Dataset, options: WriteOptions) -> Any:
    """Return a data set as dicts and lists.

    >>> model_of(loads('{"00100020": {"vr": "LO"}}'), WriteOptions())
    {'00100020': {'vr': 'LO'}}
    """
    return json.loads(dumps(dataset, options=options))


def dataset_from_model(model: object, *, as_file: bool) -> Dataset:
    """Return the data set of dicts and lists from a JSON parser.

    Raises:
        InputError: They are not DICOM JSON; the location has the tag path.

    >>> dataset_from_model({"00100020": {"vr": "LO"}}, as_file=False).PatientID
    ''
    """
    if not isinstance(model, dict):
        raise DicomJsonError(f"expected an object of a data set, found {type(model).__name__}")
    try:
        text = json.dumps(model, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError) as error:
        # The message of the json module may quote the document.
        raise DicomJsonError(f"the object cannot be written as JSON: {type(error).__name__}") from None
    return parse_dataset(text, as_file=as_file)


def parse_dataset(text: str, *, as_file: bool = False) -> Dataset:
    """Return the data set of a JSON text that was made here.

    Raises:
        InputError: The text is not DICOM JSON. The location has no offset, because the caller does not know the text.
    """
    try:
        return loads(text, options=_OPTIONS, as_file=as_file)
    except InputError as error:
        error.location = Location(tag_path=error.location.tag_path)
        raise
