"""DICOM events of the events of ijson."""

from __future__ import annotations

import io
import json
from decimal import Decimal
from typing import Any

import ijson
import pytest
from hypothesis import given
from hypothesis import strategies as st

import streamdicom
from streamdicom import Deviation, InputError, ReadOptions
from streamdicom.integrations.ijson import iter_events
from tests.conformance.bundled import files
from tests.support.each import each

_BACKENDS = [ijson.get_backend(name) for name in ijson.ALL_BACKENDS if name in ("python", "yajl2_c")]
_PATH = "entry.item.resource"
_DATASETS = [
    {},
    {
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": 'D"oe^\u5c71\n'}]},
        "00281050": {"vr": "DS", "Value": [1.5, None]},
    },
    {"00081115": {"vr": "SQ", "Value": [{}, {"0020000E": {"vr": "UI", "Value": ["1.2"]}}]}},
    {"7FE00010": {"vr": "OB", "InlineBinary": "AAE="}, "00091001": {"vr": "UV", "Value": [2**64 - 1]}},
]


def bundle(values: Any) -> bytes:
    return json.dumps({"total": None, "entry": [{"n": True, "resource": value} for value in values]}).encode()


@each("backend", _BACKENDS, ids=lambda backend: backend.backend_name)
@each("indent", [None, 1])
def test_events_are_those_of_the_path(backend: Any, indent: int | None) -> None:
    data = bundle([*_DATASETS, *_DATASETS])
    data = json.dumps(json.loads(data), indent=indent).encode()
    expected = list(streamdicom.iter_events(data, options=ReadOptions(path=_PATH)))
    assert sum(1 for kind, *_ in expected if kind == 1) == 8
    assert list(iter_events(backend.parse(io.BytesIO(data)), _PATH)) == expected


@given(st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)),
))  # fmt: skip
def test_text_is_the_value(value: Any) -> None:
    from streamdicom.integrations.ijson import _texts

    text = "".join(_texts(ijson.parse(json.dumps({"a": [value, value]}).encode()), "a.item"))
    assert [json.loads(line) for line in text.split("\n")[:-1]] == [value, value]


@pytest.mark.slow
@pytest.mark.parametrize(
    "path", [path for path in files() if path.stat().st_size < 60_000][:40], ids=lambda path: path.name
)
def test_bundled_files_have_their_events(path: Any) -> None:
    options = ReadOptions(on_deviation=lambda _: None)
    file = io.BytesIO()
    streamdicom.write_events(streamdicom.iter_events(path, options=options), file)
    expected = list(streamdicom.iter_events(file.getvalue(), options=options))
    assert list(iter_events(ijson.parse(file.getvalue()), "item", options=options)) == expected


def test_numbers_keep_their_digits() -> None:
    data = b'{"00281050": {"vr": "DS", "Value": [1.0000, 5, 1e2]}}'
    [values] = [event[3] for event in iter_events(ijson.parse(data)) if event[0] == 3]
    assert [Decimal(value) for value in values] == [Decimal("1.0000"), 5, 100]
    assert values[:2] == ("1.0000", "5")


def test_places_have_no_offsets() -> None:
    found: list[Deviation] = []
    options = ReadOptions(on_deviation=found.append)
    data = bundle([{"00100020": {"vr": "LO", "Value": "17"}}, {"00100020": 5}])
    with pytest.raises(InputError) as error:
        list(iter_events(ijson.parse(data), _PATH, options=options))
    assert str(error.value.location) == "[1].00100020 PatientID"
    assert [str(one.location) for one in found] == ["[0].00100020 PatientID"]


def test_stream_without_the_prefix_has_no_events() -> None:
    assert list(iter_events(ijson.parse(b'{"a": {}}'), "b")) == []
    with pytest.raises(InputError):
        list(iter_events(ijson.parse(b'{"a": 5}'), "a"))
    with pytest.raises(ijson.IncompleteJSONError):
        list(iter_events(ijson.parse(b'{"a": {'), "a"))
