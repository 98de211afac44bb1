"""The output of pydicom's ``to_json`` is read as pydicom reads the file itself.

Its deviations from the standard are reported. ``test_bundled.py`` compares the result with ``from_json``.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import streamdicom
from streamdicom import DeviationLog, InputError, ReadOptions
from tests.conformance.bundled import differences, files, read
from tests.support.each import each

pytestmark = pytest.mark.filterwarnings("ignore")  # many test files have defects on purpose

_NOT_WRITTEN = "badVR.dcm"  # to_json fails, because the text of an IS is not a number


def _text(path: Path) -> str:
    if path.name == _NOT_WRITTEN:
        pytest.skip("pydicom cannot write it")
    return read(path).to_json()


def _codes(members: dict[str, dict[str, Any]]) -> Iterator[str]:
    """Return the expected deviations from Annex F, found with the json module."""
    for key, attribute in members.items():
        values = attribute.get("Value")
        if key.endswith("0000"):
            yield "group-length"
        if values == []:
            yield "empty-array"  # F.2.5: an empty attribute has no Value
        for value in values or []:
            if value == "":
                yield "empty-string"  # F.2.5: an empty value is null
            elif attribute["vr"] == "SQ":
                yield from _codes(value)


@each("path", files(), ids=lambda path: path.name)
@pytest.mark.slow
def test_file_is_read_from_json_as_by_pydicom(path: Path) -> None:
    loaded = streamdicom.loads(_text(path))
    assert list(differences(loaded, read(path))) == []


@each("path", files(), ids=lambda path: path.name)
def test_exactly_the_deviations_are_reported(path: Path) -> None:
    text, log = _text(path), DeviationLog()
    events = list(streamdicom.iter_events(text.encode(), options=ReadOptions(on_deviation=log)))
    assert log.counts == Counter(_codes(json.loads(text)))
    strict = streamdicom.iter_events(text.encode(), options=ReadOptions(profile="strict"))
    if log.counts:
        with pytest.raises(InputError) as caught:
            list(strict)
        assert caught.value.location == log.first[0].location
    else:
        assert list(strict) == events
