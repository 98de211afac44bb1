"""Hooks for the ``json`` module and orjson.

pydicom is imported when a hook is called.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from streamdicom.dicom import (
    SPECIFIC_CHARACTER_SET,
    UTF_8_TERM,
    VRS,
    Form,
    format_tag,
)
from streamdicom.errors import DicomJsonError
from streamdicom.integrations.model import model_of, parse_dataset
from streamdicom.options import WriteOptions

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_KEY = re.compile("[0-9A-Fa-f]{8}")
_TEXT_FORMS = frozenset({Form.TEXT, Form.PERSON_NAME})
_CHARACTER_SET = format_tag(SPECIFIC_CHARACTER_SET)

# A number in Python has the precision of a double, so a number that a double would change becomes a string.
_OPTIONS = WriteOptions(number_handling="auto")


# --- writing ---------------------------------------------------------------------------------------------------


def json_default(obj: object) -> Any:
    """Convert a data set: the ``default`` of ``json.dumps`` and ``orjson.dumps``.

    A Dataset or FileDataset becomes a dict of the DICOM JSON Model (PS3.18 Annex F), as ``dumps`` writes it, without
    group 0002. A Sequence becomes a list of such dicts. DS, IS, SV and UV numbers that a double would change become
    strings (PS3.18 F.2.3).

    Args:
        obj: Any object that the serializer does not know.

    Raises:
        OutputError: An element cannot be written; the location has its tag path.
        TypeError: The object is not a data set or a Sequence.

    >>> import streamdicom
    >>> ds = streamdicom.loads('{"00101030": {"vr": "DS", "Value": [70.5]}}')
    >>> json.dumps({"patients": [ds]}, default=json_default)
    '{"patients": [{"00101030": {"vr": "DS", "Value": [70.5]}}]}'
    """
    from pydicom.dataset import Dataset
    from pydicom.sequence import Sequence

    if isinstance(obj, Dataset):
        return model_of(obj, _OPTIONS)
    if isinstance(obj, Sequence):
        return [model_of(item, _OPTIONS) for item in obj]
    raise TypeError(f"Object of type {type(obj).__name__} is not JSON serializable")


class DicomJSONEncoder(json.JSONEncoder):
    """A ``json.JSONEncoder`` for data sets; see ``json_default``.

    >>> import streamdicom
    >>> ds = streamdicom.loads('{"00100020": {"vr": "LO", "Value": ["17"]}}')
    >>> json.dumps([ds], cls=DicomJSONEncoder)
    '[{"00100020": {"vr": "LO", "Value": ["17"]}}]'
    """

    def default(self, o: object) -> Any:
        """Convert an object that the ``json`` module does not know."""
        return json_default(o)


# --- reading ---------------------------------------------------------------------------------------------------


def json_object_hook(obj: dict[str, Any]) -> Any:
    """Convert DICOM JSON: the ``object_hook`` of ``json.load`` and ``json.loads``.

    An object becomes a Dataset if it is not empty, its names are tags of eight hexadecimal digits, and its values are
    objects with ``vr``. Any other object is returned unchanged, also an empty data set outside of sequences.

    The parser has converted the numbers already, so DS and IS keep their value but not every digit. Pass
    ``parse_float=str`` to keep the digits; then every number with a fraction in the document becomes a string.

    The parser calls the hook for an item before the data set around it. If text beyond ASCII has no Specific Character
    Set, the outermost data set gets ISO_IR 192.

    Args:
        obj: An object of the document.

    Raises:
        InputError: An object with these names is not a data set; the location has the tag path in it.

    >>> text = '{"id": 5, "image": {"00100020": {"vr": "LO", "Value": ["17"]}}}'
    >>> found = json.loads(text, object_hook=json_object_hook)
    >>> found["id"], found["image"].PatientID
    (5, '17')
    """
    return _dataset_with_items(obj) if _is_dataset(obj) else obj


def _is_dataset(obj: Mapping[str, Any]) -> bool:
    return bool(obj) and all(
        _KEY.fullmatch(key) and isinstance(value, dict) and "vr" in value for key, value in obj.items()
    )


def _dataset_with_items(obj: dict[str, Any]) -> Dataset:
    """Return the data set of an object whose items are data sets already.

    An item is made before the data set around it is known. So an item with text beyond ASCII gets a provisional
    Specific Character Set, which is removed when the outer data set has one.
    """
    from pydicom.dataset import Dataset

    sequences = {key: value["Value"] for key, value in obj.items() if _has_items(value.get("Value"))}
    elements = {key: value for key, value in obj.items() if key not in sequences}
    items = [item for values in sequences.values() for item in values if isinstance(item, Dataset)]
    text = json.dumps(elements, ensure_ascii=False)
    is_provisional = _CHARACTER_SET not in obj and not (text.isascii() and not any(map(_is_provisional, items)))
    if is_provisional:
        elements[_CHARACTER_SET] = {"vr": "CS", "Value": [UTF_8_TERM]}
        text = json.dumps(elements, ensure_ascii=False)
    dataset = parse_dataset(text)
    for item in filter(_is_provisional, items):
        _inherit_character_set(item, dataset)
    for key, values in sequences.items():
        dataset.add_new(int(key, 16), "SQ", [_item(value, key) for value in values])
    dataset._has_provisional_character_set = is_provisional
    return dataset


def _has_items(values: object) -> bool:
    from pydicom.dataset import Dataset

    return isinstance(values, list) and any(isinstance(value, Dataset) for value in values)


def _item(value: object, key: str) -> Dataset:
    from pydicom.dataset import Dataset

    if isinstance(value, Dataset):
        return value
    if value is None or isinstance(value, dict):  # an empty item
        return _dataset_with_items(value or {})
    raise DicomJsonError(f"expected an item in {key}, found {type(value).__name__}")


def _is_provisional(item: Dataset) -> bool:
    return getattr(item, "_has_provisional_character_set", False)


def _inherit_character_set(item: Dataset, dataset: Dataset) -> None:
    """Let an item inherit a character set, if that has all its characters."""
    from streamdicom.datasets import encode_for_pydicom, sets_in_force

    sets = sets_in_force([dataset])
    if sets is None:
        return
    if sets.terms != (UTF_8_TERM,):
        inheriting = list(_inheriting_items(item))
        texts = [text for inner in inheriting for text in _convert_texts(inner)]
        if any(encode_for_pydicom(text, vr, sets) is None for vr, text in texts):
            return
        for inner in inheriting:
            inner.set_original_encoding(False, True, dataset.original_character_set)
    del item[SPECIFIC_CHARACTER_SET]


def _inheriting_items(item: Dataset) -> Iterator[Dataset]:
    """Yield an item and the items within it that have no Specific Character Set."""
    from pydicom.dataelem import DataElement

    pending = [item]
    while pending:
        current = pending.pop()
        yield current
        for element in current.values():
            if isinstance(element, DataElement) and element.VR == "SQ":
                pending += [inner for inner in element.value if SPECIFIC_CHARACTER_SET not in inner]


def _convert_texts(item: Dataset) -> Iterator[tuple[str, str]]:
    """Yield VRs and the texts beyond ASCII, so that pydicom decodes them now."""
    for tag, element in list(item.items()):
        data = element.value
        if isinstance(data, bytes) and not data.isascii() and VRS[element.VR or "UN"].form in _TEXT_FORMS:
            value = item[tag].value
            texts = [value] if isinstance(value, str) else value
            yield from ((item[tag].VR, str(text)) for text in texts)
