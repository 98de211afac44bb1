"""Round trips of random data sets through other serializers."""

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


@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")  # about values that are too long
@pytest.mark.filterwarnings("ignore:inexact-number")
@given(dataset=datasets(), character_set=st.sampled_from(["ISO_IR 192", "ISO_IR 100"]))
@pytest.mark.slow
def test_data_set_makes_the_round_trip_through_the_json_module(dataset: Dataset, character_set: str) -> None:
    dataset.SpecificCharacterSet = character_set
    model = _exact(streamdicom.dumps(dataset))
    found = json.loads(json.dumps({"x": dataset}, default=json_default), object_hook=json_object_hook)["x"]
    assert _without_added(_exact(streamdicom.dumps(found)), model) == model


def _exact(text: str) -> Any:
    """Parse a model; numbers keep all their digits."""
    return json.loads(text, parse_float=str, parse_int=str)


def _without_added(found: dict[str, Any], model: dict[str, Any]) -> dict[str, Any]:
    """Remove the character sets that were added to items for their text."""
    result = {}
    for key, attribute in found.items():
        if key == "00080005" and key not in model:
            assert attribute["Value"] == ["ISO_IR 192"]
        elif attribute["vr"] == "SQ" and "Value" in attribute:
            items = zip(attribute["Value"], model[key]["Value"], strict=True)
            result[key] = {"vr": "SQ", "Value": [_without_added(*pair) for pair in items]}
        elif key == "00080005":
            result[key] = model[key]  # the text of items may have changed it
        else:
            result[key] = attribute
    return result
