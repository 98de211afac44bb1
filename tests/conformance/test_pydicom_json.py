"""What pydicom's ``to_json`` writes is read as pydicom reads the file, and what is not standard in it is told.

``tests/test_bundled.py`` compares the same with what ``from_json`` reads.
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

pytestmark = pytest.mark.filterwarnings("ignore")  # many of the files are not quite right, which is what they are for

_NOT_WRITTEN = "badVR.dcm"  # to_json fails: the text of an IS is no number


def _text(path: Path) -> str:
    if path.name == _NOT_WRITTEN:
        pytest.skip("pydicom cannot write it")
    return read(path).to_json()


def _codes(members: dict[str, dict[str, Any]]) -> Iterator[str]:
    """What is not as Annex F has it, by the json module and the clauses of F.2."""
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


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_a_file_is_read_from_json_as_pydicom_reads_it(path: Path) -> None:
    loaded = streamdicom.loads(_text(path))
    assert list(differences(loaded, read(path))) == []


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_what_is_not_standard_is_told_and_nothing_else(path: Path) -> None:
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
