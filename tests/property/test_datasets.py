"""Round trips of random data sets through DICOM JSON, with random cuts."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import Dataset

import streamdicom
from streamdicom import InputError, Limits, ReadOptions
from streamdicom.formats.json import JsonParser
from tests.support.strategies import cuts, datasets, pieces

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # of pydicom, about odd but legal values
slow = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@given(datasets())
@slow
@pytest.mark.slow
def test_data_set_makes_the_round_trip(dataset: Dataset) -> None:
    assert streamdicom.loads(streamdicom.dumps(dataset)) == dataset


@given(datasets())
@slow
@pytest.mark.slow
def test_written_text_is_canonical_json(dataset: Dataset) -> None:
    text = streamdicom.dumps(dataset)
    parsed = json.loads(text)
    assert list(parsed) == sorted(parsed)
    assert json.loads(streamdicom.dumps(dataset, indent=2)) == parsed
    assert streamdicom.dumps(streamdicom.loads(text)) == text


@given(datasets(), st.sampled_from([12, 20, 64]), st.data())
@slow
@pytest.mark.slow
def test_cuts_do_not_change_events(dataset: Dataset, segment: int, data: st.DataObject) -> None:
    text = streamdicom.dumps([dataset, dataset]).encode()
    limits = Limits(segment_size=segment, values_per_event=3)
    whole = _events([text], limits)
    assert _events(data.draw(cuts(text)), limits) == whole
    assert _events([text[i : i + 1] for i in range(len(text))], limits) == whole


@given(datasets(depth=1), st.data())
@slow
@pytest.mark.slow
def test_cuts_do_not_change_errors_of_damaged_input(dataset: Dataset, data: st.DataObject) -> None:
    text = bytearray(streamdicom.dumps([dataset]).encode())
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(text) - 1))
        text[place : place + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2))
    damaged = bytes(text)
    limits = Limits(segment_size=20, values_per_event=3, depth=12, number_length=8)
    whole = _events([damaged], limits)
    assert _events(pieces(damaged, data.draw(st.lists(st.integers(0, len(damaged))).map(sorted))), limits) == whole
    assert _events([damaged[i : i + 1] for i in range(len(damaged))], limits) == whole


def _events(chunks: list[bytes], limits: Limits) -> tuple[list[Any], tuple[Any, ...] | None]:
    """Return all events, and the fields of the error if there was one."""
    parser = JsonParser(options=ReadOptions(limits=limits))
    events: list[Any] = []
    try:
        for chunk in chunks:
            events += parser.feed(chunk)
        events += parser.close()
        if parser.error:
            raise parser.error
    except InputError as error:
        return events, (type(error), error.message, error.location)
    return events, None
