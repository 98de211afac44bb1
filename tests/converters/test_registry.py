"""Find the converter of an element."""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Iterable
from typing import Any

import pytest

import streamdicom
from streamdicom import Converters, Event, EventType, ReadOptions, iter_events
from streamdicom.converters import (
    Converter,
    Element,
    IsoDates,
    PrivateKey,
)
from tests.support.each import each

_DATE, _NAME, _ID, _SEQUENCE = 0x00080020, 0x00100010, 0x00100020, 0x00081140


class _Marks(Converter):
    """Replace values with a mark."""

    def __init__(self, mark: str) -> None:
        self.mark = mark

    def read(self, element: Element) -> Element:
        return element._replace(values=(self.mark,), uri="")

    write = read


def _read(document: Any, *sources: Any, **options: Any) -> list[Event]:
    data = json.dumps(document).encode()
    return list(iter_events(data, options=ReadOptions(converters=Converters(*sources), **options)))


def _elements(events: Iterable[Event]) -> dict[str, Any]:
    return {f"{tag:08X}": value for kind, tag, _, value in events if kind == EventType.ELEMENT}


def test_most_specific_key_wins() -> None:
    keys = ["PatientName", "0010001x", "0010xxxx", "PN", "xxxxxxxx"]
    for number in range(len(keys)):
        for order in (keys[number:], keys[number:][::-1]):
            converters = Converters({key: _Marks(key) for key in order})
            found = converters.find(_NAME, "PN")
            assert isinstance(found, _Marks)
            assert found.mark == keys[number]
    assert Converters({"PatientName": _Marks("")}).find(_ID, "LO") is None


def test_private_key_ranks_between_tag_and_pattern() -> None:
    keys: list[Any] = ["00091010", PrivateKey("ACME 1.1", 0x10, 9), PrivateKey("ACME 1.1", 0x10), "0009xxxx", "private"]
    for number in range(len(keys)):
        found = Converters({key: _Marks(str(key)) for key in reversed(keys[number:])}).find(0x91010, "LO", "ACME 1.1")
        assert isinstance(found, _Marks)
        assert found.mark == str(keys[number])


def test_last_converter_of_equal_keys_wins() -> None:
    converters = Converters(
        {"PatientName": _Marks("1")}, Converters({"(0010,0010)": _Marks("2")}), {_NAME: _Marks("3")}
    )
    found = converters.find(_NAME, "PN")
    assert isinstance(found, _Marks)
    assert found.mark == "3"


@each("key", ["Foo", "", "00081140.00081150", "**.PN"])
def test_message_names_the_invalid_key(key: str) -> None:
    with pytest.raises(ValueError, match=re.escape(repr(key))):
        Converters({key: Converter()})


def test_decorator_registers_classes_and_instances() -> None:
    converters = Converters()
    converters.register()(IsoDates)
    converters.register("PN")(_Marks("x"))

    @converters.register("LO", "PatientID")
    class Upper(Converter):
        pass

    found = [type(converters.find(*key)).__name__ for key in ((_DATE, "DA"), (_NAME, "PN"), (_ID, "LO"), (_ID, "SH"))]
    assert found == ["IsoDates", "_Marks", "Upper", "Upper"]


def test_active_converters_apply_within_the_block() -> None:
    document = {"00100010": {"vr": "PN"}, "00100020": {"vr": "LO"}, "00100040": {"vr": "CS"}}
    outer = Converters({"PatientName": _Marks("outer"), "PatientID": _Marks("outer"), "PatientSex": _Marks("outer")})
    inner = Converters({"PatientID": _Marks("inner"), "PatientSex": _Marks("inner")})
    with outer.active():
        with inner.active():
            events = _read(document, {"PatientSex": _Marks("own")})
            started = iter_events(json.dumps(document).encode())
            datasets = streamdicom.iter_datasets(json.dumps([{"00100020": {"vr": "LO"}}]).encode())
        assert _elements(_read(document)) == dict.fromkeys(["00100010", "00100020", "00100040"], ("outer",))
    assert _elements(events) == {"00100010": ("outer",), "00100020": ("inner",), "00100040": ("own",)}
    assert _elements(started)["00100040"] == ("inner",)
    assert next(datasets).PatientID == "inner"
    assert _elements(_read(document)) == dict.fromkeys(["00100010", "00100020", "00100040"], ())


def test_remembered_elements_are_bounded() -> None:
    converters = Converters({"private": Converter()})
    for tag in range(0, 1 << 22, 64):
        converters.find(tag, "UN")
    assert len(converters._found) <= 16 * 1024


def test_options_with_converters_compare_and_pickle() -> None:
    options = ReadOptions(converters=Converters(IsoDates()))
    assert options != ReadOptions()
    restored = pickle.loads(pickle.dumps(options))
    assert isinstance(restored.converters.find(_DATE, "DA"), IsoDates)
