"""Shortcuts into pydicom: the only module that depends on its internals.

The parser makes a data set for each item and a raw element for each element, and pydicom's constructors would take most
of its time. So a data set is a copy of an empty one (1 us instead of 10 us), and a raw element is made as a tuple.

Each shortcut is compared with the constructors when this module is imported. Where a release of pydicom makes them
differ, the constructors are used: slower, but right.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag

from streamdicom._records import NamedTuple
from streamdicom._typing import Any, TypeAlias

Elements: TypeAlias = dict[BaseTag, RawDataElement | DataElement]
NewDataset: TypeAlias = Callable[[Elements, list[str]], Dataset]
NewRaw: TypeAlias = Callable[[type[RawDataElement], tuple[Any, ...]], RawDataElement]
Inherit: TypeAlias = Callable[[Dataset, list[str]], None]

_IMMUTABLE = (type(None), bool, int, float, str, bytes, tuple, frozenset)

# For the comparisons.
_TAG = BaseTag(0x00100010)
_ENCODINGS = ["latin_1"]


# --- the constructors ------------------------------------------------------------------------------------------


def raw_element(tag: BaseTag, vr: str, data: bytes) -> RawDataElement:
    """Return an element in little endian, which pydicom converts on first access."""
    # PS3.5 6.2.2: UN is in implicit VR, which matters if pydicom finds a sequence in the value.
    return RawDataElement(
        tag=tag,
        VR=vr,
        length=len(data),
        value=data,
        value_tell=0,
        is_implicit_VR=vr == "UN",
        is_little_endian=True,
    )


def construct_dataset(elements: Elements, encodings: list[str]) -> Dataset:
    """Return a data set in explicit VR little endian that shares the dict."""
    dataset = Dataset(elements, parent_encoding=encodings)
    dataset.set_original_encoding(False, True, encodings)
    return dataset


def construct_raw(kind: type[RawDataElement], fields: tuple[Any, ...]) -> RawDataElement:
    """Return a raw element with these fields, where those after the value are fixed."""
    tag, vr, _, data = fields[:4]
    return raw_element(tag, vr, data)


def construct_again(item: Dataset, encodings: list[str]) -> None:
    """Change the character set that an item inherits."""
    Dataset.__init__(item, dict(item.items()), parent_encoding=encodings)
    item.set_original_encoding(False, True, encodings)


# --- the shortcuts ---------------------------------------------------------------------------------------------


def copy_constructor() -> NewDataset:
    """Return a function like ``construct_dataset`` that copies an empty data set.

    If a copy would differ, it is ``construct_dataset``.
    """
    try:
        copied = _copier()
        return copied if _makes_same_datasets(copied) else construct_dataset
    except Exception:  # pydicom has changed in a way that cannot be foreseen
        return construct_dataset


def _copier() -> NewDataset:
    empty = vars(construct_dataset({}, []))
    own_dicts = [(name, value) for name, value in empty.items() if isinstance(value, dict) and name != "_dict"]

    def copy_dataset(elements: Elements, encodings: list[str]) -> Dataset:
        dataset = Dataset.__new__(Dataset)
        state = dataset.__dict__
        state.update(empty)
        for name, value in own_dicts:
            state[name] = value.copy()
        state["_dict"] = elements
        state["_parent_encoding"] = state["_read_charset"] = encodings
        return dataset

    return copy_dataset


def _makes_same_datasets(new_dataset: NewDataset) -> bool:
    elements: Elements = {_TAG: raw_element(_TAG, "PN", b"Gr\xfc\xdf")}
    state = vars(new_dataset(elements, _ENCODINGS))
    other = vars(new_dataset({}, _ENCODINGS))
    return _is_same_state(state, vars(construct_dataset(elements, _ENCODINGS))) and all(
        value is elements or value is _ENCODINGS or _is_independent(value, other[name]) for name, value in state.items()
    )


def _is_same_state(state: dict[str, Any], expected: dict[str, Any]) -> bool:
    return state == expected and all(type(state[name]) is type(value) for name, value in expected.items())


def _is_independent(value: object, other: object) -> bool:
    """Return whether no change of an attribute can show in another data set."""
    if isinstance(value, dict):
        return value is not other and all(isinstance(part, _IMMUTABLE) for part in value.values())
    return isinstance(value, _IMMUTABLE)


def raw_constructor() -> tuple[NewRaw, tuple[Any, ...], tuple[Any, ...]]:
    """Return a function like ``construct_raw``, and the fields after the value.

    The constructor of tuples takes half the time of ``RawDataElement``. The fields differ for VR UN.
    """
    try:
        tail, tail_of_un = (tuple(raw_element(_TAG, vr, b"")[4:]) for vr in ("LO", "UN"))
        new_raw = tuple.__new__
        for vr, rest in (("LO", tail), ("UN", tail_of_un)):
            made, expected = new_raw(RawDataElement, (_TAG, vr, 2, b"17", *rest)), raw_element(_TAG, vr, b"17")
            if type(made) is not type(expected) or made._asdict() != expected._asdict():
                return construct_raw, (), ()
    except Exception:
        return construct_raw, (), ()
    return new_raw, tail, tail_of_un


RAW_FIELDS = ("tag", "VR", "length", "value", "value_tell", "is_implicit_VR", "is_little_endian")
"""The first fields of a raw element, as the compiled engine has them."""


class Template(NamedTuple):
    """The attributes of new objects of a class.

    Attributes:
        kind: The class.
        state: The attributes of a new object.
        own: The names of those that are dicts, of which each object has its own.
        varying: The names of those that differ.
    """

    kind: type
    state: dict[str, Any]
    own: list[str]
    varying: list[str]


def templates() -> tuple[Template, Template, Template]:
    """Return the templates of a data set, a Sequence, and the element that holds one.

    Their varying attributes are the elements, the character set around the data set and its own; the items; the tag,
    the Sequence and the validation mode.

    Raises:
        ValueError: The objects of this pydicom cannot be made of templates.
    """
    sequence = Sequence([])
    element = sequence_element(_TAG, [])
    return (
        _template(construct_dataset({}, []), ["_dict", "_parent_encoding", "_read_charset"]),
        _template(sequence, ["_list"]),
        _template(element, ["tag", "_value", "validation_mode"]),
    )


def _template(example: object, varying: list[str]) -> Template:
    kind, state = type(example), dict(vars(example))
    own = [name for name, value in state.items() if isinstance(value, dict) and name not in varying]
    fixed = [value for name, value in state.items() if name not in varying and name not in own]
    if kind.__new__ is not object.__new__ or not state.keys() >= set(varying):
        raise ValueError("an unknown class")
    if not all(isinstance(value, _IMMUTABLE) for value in fixed) or any(hasattr(kind, name) for name in state):
        raise ValueError("an unknown attribute")
    return Template(kind, state, own, varying)


def sequence_element(tag: BaseTag, items: list[Dataset]) -> DataElement:
    """Return an element with a Sequence of items."""
    return DataElement(tag, "SQ", Sequence(items), already_converted=True)


def is_same(one: object, other: object) -> bool:
    """Return whether two objects of pydicom have the same attributes, at any depth."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict) and isinstance(other, dict):
        return list(one) == list(other) and all(is_same(value, other[name]) for name, value in one.items())
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(is_same, one, other))
    if isinstance(one, Dataset | DataElement | Sequence):
        return is_same(vars(one), vars(other))
    return one == other


def encoding_setter() -> Inherit:
    """Return a function that changes the character set that an item inherits."""
    try:
        item = construct_dataset({}, [])
        _inherit(item, _ENCODINGS)
        is_same = _is_same_state(vars(item), vars(construct_dataset({}, _ENCODINGS)))
    except Exception:
        return construct_again
    return _inherit if is_same else construct_again


def _inherit(item: Dataset, encodings: list[str]) -> None:
    item._parent_encoding = encodings
    item.set_original_encoding(False, True, encodings)


def put_back(dataset: Dataset, element: DataElement | RawDataElement) -> None:
    """Put an element back into its data set, after pydicom has tried to convert it.

    The data set itself would convert a private element again.
    """
    elements = vars(dataset).get("_dict")
    if isinstance(elements, dict) and element.tag in elements:
        elements[element.tag] = element
    else:
        with suppress(Exception):  # of any type, if pydicom cannot convert the value
            dataset[element.tag] = element


new_dataset = copy_constructor()
new_raw, RAW_TAIL, RAW_TAIL_OF_UN = raw_constructor()
inherit_encodings = encoding_setter()
