"""Whatever is in a data set, other serializers carry it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset

import streamdicom
from streamdicom import json_default, json_object_hook
from tests.support.strategies import datasets


@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")  # of values that are too long
@given(dataset=datasets(), character_set=st.sampled_from(["ISO_IR 192", "ISO_IR 100"]))
def test_a_data_set_comes_back_through_the_json_module(dataset: Dataset, character_set: str) -> None:
    dataset.SpecificCharacterSet = character_set
    model = _exact(streamdicom.dumps(dataset))
    found = json.loads(json.dumps({"x": dataset}, default=json_default), object_hook=json_object_hook)["x"]
    assert _without_lent(_exact(streamdicom.dumps(found)), model) == model


def _exact(text: str) -> Any:
    """The model with each digit of its numbers."""
    return json.loads(text, parse_float=str, parse_int=str)


def _without_lent(found: dict[str, Any], model: dict[str, Any]) -> dict[str, Any]:
    """Without the character sets that the text of items has needed beyond that of the data set."""
    result = {}
    for key, attribute in found.items():
        if key == "00080005" and key not in model:
            assert attribute["Value"] == ["ISO_IR 192"]
        elif attribute["vr"] == "SQ" and "Value" in attribute:
            items = zip(attribute["Value"], model[key]["Value"], strict=True)
            result[key] = {"vr": "SQ", "Value": [_without_lent(*pair) for pair in items]}
        elif key == "00080005":
            result[key] = model[key]  # which such text may have changed
        else:
            result[key] = attribute
    return result
