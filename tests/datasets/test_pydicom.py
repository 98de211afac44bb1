"""Shortcuts into pydicom, with the installed pydicom and with others."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag

import streamdicom
from streamdicom.datasets import _pydicom, builder, open_dataset
from tests.support.each import each

_NAME = BaseTag(0x00100010)
_FIELDS = {"LO": _pydicom.RAW_TAIL, "UN": _pydicom.RAW_TAIL_OF_UN}

# Text beyond ASCII, whose character set follows the item that inherits it.
_TEXT = (
    b'{"00081140": {"vr": "SQ", "Value": ['
    b'{"00100010": {"vr": "PN", "Value": [{"Alphabetic": "Gr\xc3\xbc\xc3\x9f"}]}}]}, '
    b'"00080005": {"vr": "CS", "Value": ["ISO_IR 100"]}, "00091001": {"vr": "UN", "InlineBinary": "AQI="}}'
)


def test_shortcuts_are_used_with_the_installed_pydicom() -> None:
    assert _pydicom.new_dataset is not _pydicom.construct_dataset
    assert _pydicom.new_raw is not _pydicom.construct_raw
    assert _pydicom.inherit_encodings is not _pydicom.construct_again


@each("new_dataset", [_pydicom.new_dataset, _pydicom.construct_dataset])
def test_new_dataset_equals_constructed_dataset(new_dataset: _pydicom.NewDataset) -> None:
    elements: _pydicom.Elements = {_NAME: _pydicom.raw_element(_NAME, "PN", b"Gr\xfc\xdf")}
    dataset, expected = new_dataset(elements, ["latin_1"]), Dataset(dict(elements))
    assert dataset == expected
    assert vars(dataset).keys() == vars(expected).keys()
    assert dataset.original_encoding == (False, True)
    assert dataset.PatientName == "Grüß"


def test_copied_datasets_share_no_state() -> None:
    first, second = (_pydicom.new_dataset({}, ["latin_1"]) for _ in range(2))
    first.private_block(0x0009, "creator", create=True)
    assert vars(first)["_private_blocks"]
    assert not vars(second)["_private_blocks"]
    assert not second


@each("vr", ["LO", "UN"])
@each("new_raw", [_pydicom.new_raw, _pydicom.construct_raw])
def test_new_raw_element_equals_constructed_element(new_raw: _pydicom.NewRaw, vr: str) -> None:
    raw = new_raw(RawDataElement, (_NAME, vr, 2, b"17", *_FIELDS[vr]))
    assert type(raw) is RawDataElement
    assert raw == _pydicom.raw_element(_NAME, vr, b"17")
    assert raw.is_implicit_VR is (vr == "UN")


@each("inherit", [_pydicom.inherit_encodings, _pydicom.construct_again])
def test_item_inherits_encodings(inherit: _pydicom.Inherit) -> None:
    item = _pydicom.construct_dataset({_NAME: _pydicom.raw_element(_NAME, "PN", b"\xbc")}, ["latin_1"])
    inherit(item, ["iso8859_5"])
    assert item.original_character_set == ["iso8859_5"]
    assert item.PatientName == "М"


# --- other releases of pydicom -----------------------------------------------------------------------------------


class _DatasetWithList(Dataset):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._history: list[str] = []


class _DatasetWithNestedState(Dataset):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._cache: dict[str, list[str]] = {"a": []}


class _DatasetWithRenamedDict(Dataset):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._elements = self._dict


class _DatasetWithoutParent(Dataset):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        vars(self)["_inherited"] = vars(self).pop("_parent_encoding")


class _DatasetThatIsUnknown:
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise NotImplementedError


@each(
    "kind",
    [
        _DatasetWithList,
        _DatasetWithNestedState,
        _DatasetWithRenamedDict,
        _DatasetWithoutParent,
        _DatasetThatIsUnknown,
    ],
)
def test_constructor_is_used_if_a_copy_would_differ(kind: type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_pydicom, "Dataset", kind)
    assert _pydicom.copy_constructor() is _pydicom.construct_dataset


@each("kind", [_DatasetWithoutParent, _DatasetThatIsUnknown])
def test_items_are_constructed_again_without_parent_encoding(kind: type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_pydicom, "Dataset", kind)
    assert _pydicom.encoding_setter() is _pydicom.construct_again


class _RawWithAnotherOrder(NamedTuple):
    VR: str
    tag: int
    length: int
    value: bytes
    value_tell: int
    is_implicit_VR: bool  # noqa: N815 - as pydicom has it
    is_little_endian: bool


@each("kind", [_RawWithAnotherOrder, lambda *_, **__: object()])
def test_constructor_is_used_if_raw_elements_differ(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_pydicom, "RawDataElement", kind)
    assert _pydicom.raw_constructor() == (_pydicom.construct_raw, (), ())


def test_datasets_read_without_shortcuts_are_equal(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = streamdicom.loads(_TEXT)
    monkeypatch.setattr(builder, "new_dataset", _pydicom.construct_dataset)
    monkeypatch.setattr(builder, "new_raw", _pydicom.construct_raw)
    monkeypatch.setattr(builder, "RAW_TAIL", ())
    monkeypatch.setattr(builder, "RAW_TAIL_OF_UN", ())
    monkeypatch.setattr(open_dataset, "inherit_encodings", _pydicom.construct_again)
    dataset = streamdicom.loads(_TEXT)
    assert isinstance(dataset.get_item(0x00091001), RawDataElement)
    assert isinstance(dataset.ReferencedImageSequence, Sequence)
    assert dataset == expected
    assert dataset.ReferencedImageSequence[0].PatientName == "Grüß"
    assert streamdicom.dumps(dataset) == streamdicom.dumps(expected)
