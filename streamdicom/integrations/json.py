"""Hooks for the serializers that people have: ``json``, ``orjson`` and ``msgspec``. For pydantic there is a module.

pydicom is imported when a hook is first called; a data set that it is called with has imported it already.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from streamdicom.api import dumps, loads
from streamdicom.dicom import SPECIFIC_CHARACTER_SET, UTF_8_TERM, VRS, Form, format_tag
from streamdicom.errors import DicomJsonError, InputError, Location
from streamdicom.options import ReadOptions, WriteOptions

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_KEY = re.compile("[0-9A-Fa-f]{8}")
_TEXT = frozenset({Form.TEXT, Form.PERSON_NAME})
_CHARACTER_SET = format_tag(SPECIFIC_CHARACTER_SET)

# Python's numbers have no digits but those of a double: a text that it would change stays a string.
_AS_PYTHON = WriteOptions(number_handling="auto")
# What comes from Python's numbers, or was asked to come as a string (``parse_float=str``), is as it should be.
_FROM_PYTHON = ReadOptions(deviations={"number-as-string": "ignore"})


# --- json and orjson -------------------------------------------------------------------------------------------


def json_default(obj: object) -> Any:
    """What ``json.dumps`` and ``orjson.dumps`` take as their ``default``: data sets wherever they are.

    A Dataset or a FileDataset becomes a dict of the DICOM JSON Model (PS3.18 Annex F), a Sequence of pydicom a list
    of them, as ``dumps`` has them; group 0002 is left out. Numbers whose text a double would change are strings, as
    F.2.3 allows for DS, IS, SV and UV.

    Raises:
        OutputError: An element cannot be written; the location has its tag path.
        TypeError: The object is of another class, for which the caller has no way.

    >>> ds = loads('{"00101030": {"vr": "DS", "Value": [70.5]}}')
    >>> json.dumps({"patients": [ds]}, default=json_default)
    '{"patients": [{"00101030": {"vr": "DS", "Value": [70.5]}}]}'
    """
    from pydicom.dataset import Dataset
    from pydicom.sequence import Sequence

    if isinstance(obj, Dataset):
        return model_of(obj, _AS_PYTHON)
    if isinstance(obj, Sequence):
        return [model_of(item, _AS_PYTHON) for item in obj]
    raise TypeError(f"Object of type {type(obj).__name__} is not JSON serializable")


class DicomJSONEncoder(json.JSONEncoder):
    """A ``json.JSONEncoder`` that knows data sets, see ``json_default``.

    >>> ds = loads('{"00100020": {"vr": "LO", "Value": ["17"]}}')
    >>> json.dumps([ds], cls=DicomJSONEncoder)
    '[{"00100020": {"vr": "LO", "Value": ["17"]}}]'
    """

    def default(self, o: object) -> Any:
        """What stands for an object that the ``json`` module does not know."""
        return json_default(o)


def json_object_hook(obj: dict[str, Any]) -> Any:
    """What ``json.load`` and ``json.loads`` take as their ``object_hook``: data sets wherever they are.

    An object becomes a Dataset if it has members, all their names are tags of eight hexadecimal digits, and all
    their values are objects with ``vr``. Any other stays what it is, so an empty data set outside of sequences does.

    By then the numbers are Python's: of DS and IS they have the value, and not each digit of the text. With
    ``parse_float=str`` they keep it, but numbers with a fraction are strings everywhere else in the document too.

    The hook sees an item before the data set that it is in. Text beyond ASCII that comes without Specific Character
    Set makes it ISO_IR 192 in the outermost data set.

    Raises:
        InputError: It looks like a data set, and is none; the location has the tag path within it.

    >>> text = '{"id": 5, "image": {"00100020": {"vr": "LO", "Value": ["17"]}}}'
    >>> found = json.loads(text, object_hook=json_object_hook)
    >>> found["id"], found["image"].PatientID
    (5, '17')
    """
    return _with_items(obj) if _is_dataset(obj) else obj


def _is_dataset(obj: Mapping[str, Any]) -> bool:
    return bool(obj) and all(
        _KEY.fullmatch(key) and isinstance(value, dict) and "vr" in value for key, value in obj.items()
    )


def _with_items(obj: dict[str, Any]) -> Dataset:
    """A data set of an object whose items are data sets already.

    Each is made once, before it is known what it is in. So an item with text beyond ASCII has a Specific Character
    Set for the time being, which goes when the one of the data set around it is known.
    """
    from pydicom.dataset import Dataset

    sequences = {key: value["Value"] for key, value in obj.items() if _has_items(value.get("Value"))}
    elements = {key: value for key, value in obj.items() if key not in sequences}
    items = [item for values in sequences.values() for item in values if isinstance(item, Dataset)]
    text = json.dumps(elements, ensure_ascii=False)
    is_lent = _CHARACTER_SET not in obj and not (text.isascii() and not any(map(_is_lent, items)))
    if is_lent:
        elements[_CHARACTER_SET] = {"vr": "CS", "Value": [UTF_8_TERM]}
        text = json.dumps(elements, ensure_ascii=False)
    dataset = _parsed(text, as_file=False)
    for item in filter(_is_lent, items):
        _take_back(item, dataset)
    for key, values in sequences.items():
        dataset.add_new(int(key, 16), "SQ", [_item(value, key) for value in values])
    dataset._has_lent_character_set = is_lent
    return dataset


def _has_items(values: object) -> bool:
    from pydicom.dataset import Dataset

    return isinstance(values, list) and any(isinstance(value, Dataset) for value in values)


def _item(value: object, key: str) -> Dataset:
    """An item that is a data set, or one that the hook did not take for one."""
    from pydicom.dataset import Dataset

    if isinstance(value, Dataset):
        return value
    if value is None or isinstance(value, dict):
        return _with_items(value or {})
    raise DicomJsonError(f"an item expected in {key}, not {type(value).__name__}")


def _is_lent(item: Dataset) -> bool:
    return getattr(item, "_has_lent_character_set", False)


def _take_back(item: Dataset, dataset: Dataset) -> None:
    """Let an item have the Specific Character Set of the data set around it, if that has all of its text."""
    from streamdicom.dicom import UTF_8_ENCODINGS, encode_text

    encodings = list(dataset.original_character_set)
    if encodings != UTF_8_ENCODINGS:
        inheriting = list(_inheriting(item))
        if any(encode_text(text, encodings) is None for one in inheriting for text in _converted(one)):
            return
        for one in inheriting:
            one.set_original_encoding(False, True, encodings)
    del item[SPECIFIC_CHARACTER_SET]


def _inheriting(item: Dataset) -> Iterator[Dataset]:
    """An item, and those within it that have no Specific Character Set of their own."""
    from pydicom.dataelem import DataElement

    waiting = [item]
    while waiting:
        one = waiting.pop()
        yield one
        for element in one.values():
            if isinstance(element, DataElement) and element.VR == "SQ":
                waiting += [inner for inner in element.value if SPECIFIC_CHARACTER_SET not in inner]


def _converted(item: Dataset) -> Iterator[str]:
    """The texts of an item beyond ASCII, which pydicom has decoded then."""
    for tag, element in list(item.items()):
        data = element.value
        if isinstance(data, bytes) and not data.isascii() and VRS[element.VR or "UN"].form in _TEXT:
            value = item[tag].value
            yield from map(str, [value] if isinstance(value, str) else value)


# --- msgspec ---------------------------------------------------------------------------------------------------


# --- what they share -------------------------------------------------------------------------------------------


def model_of(dataset: Dataset, options: WriteOptions) -> Any:
    """A data set in dicts and lists.

    >>> model_of(loads('{"00100020": {"vr": "LO"}}'), WriteOptions())
    {'00100020': {'vr': 'LO'}}
    """
    return json.loads(dumps(dataset, options=options))


def dataset_from_model(model: object, *, as_file: bool) -> Dataset:
    """A data set of the dicts and lists that a parser of JSON has made.

    Raises:
        InputError: They are none; the location has the tag path.

    >>> dataset_from_model({"00100020": {"vr": "LO"}}, as_file=False).PatientID
    ''
    """
    if not isinstance(model, dict):
        raise DicomJsonError(f"an object expected, not {type(model).__name__}")
    try:
        text = json.dumps(model, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError) as error:
        # What the json module says of it may quote it.
        raise DicomJsonError(f"what is not JSON, or too deep: {type(error).__name__}") from None
    return _parsed(text, as_file=as_file)


def _parsed(text: str, *, as_file: bool) -> Dataset:
    try:
        return loads(text, options=_FROM_PYTHON, as_file=as_file)
    except InputError as error:
        error.location = Location(tag_path=error.location.tag_path)  # the text is no document of the caller's
        raise
