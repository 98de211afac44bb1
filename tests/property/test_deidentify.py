"""De-identification of random data sets with elements of the data dictionary."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pydicom import Dataset

import streamdicom
from streamdicom import Event, EventType, Limits, ReadOptions, iter_events, write_events
from streamdicom.deidentification import Deidentification, DeidentificationOption
from streamdicom.filters import deidentify
from tests.support.strategies import cuts, datasets

pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning"),  # of pydicom, about odd but legal values
    pytest.mark.slow,
]
slow = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])

_KEY = b"0123456789abcdef"
_OPTIONS = st.sets(st.sampled_from(sorted(DeidentificationOption))).map(
    lambda options: options - {"retain-full-dates"} if "retain-modified-dates" in options else options
)

_PARTS = Limits(segment_size=256, values_per_event=2)


def _events(pieces: list[bytes], options: set[str], limits: Limits | None = None) -> list[Event]:
    reading = ReadOptions(limits=limits or Limits(), deidentification=Deidentification(_KEY, sorted(options)))
    return list(iter_events(pieces, options=reading))


def _json(events: Any) -> bytes:
    target = BytesIO()
    write_events(iter(events), target, array=False)
    return target.getvalue()


@given(datasets(public=True), _OPTIONS, st.data())
@slow
def test_cuts_do_not_change_the_result(dataset: Dataset, options: set[str], data: st.DataObject) -> None:
    text = streamdicom.dumps(dataset).encode()
    assert _json(_events(data.draw(cuts(text)), options, _PARTS)) == _json(_events([text], options))


@given(datasets(public=True), _OPTIONS)
@slow
def test_result_makes_the_round_trip(dataset: Dataset, options: set[str]) -> None:
    text = _json(_events([streamdicom.dumps(dataset).encode()], options))
    assert _json(iter_events(text)) == text


@given(datasets(public=True), _OPTIONS)
@slow
def test_no_name_private_element_or_uid_passes(dataset: Dataset, options: set[str]) -> None:
    text = streamdicom.dumps(dataset).encode()
    found = _events([text], options - {"retain-uids", "retain-safe-private"})
    for kind, tag, vr, value in found:
        assert not tag & 0x10000
        if kind == EventType.ELEMENT and vr == "PN":
            assert value in ((), (("DEIDENTIFIED", "", ""),))
    uids = {value for _, tag, vr, values in iter_events(text) if vr == "UI" and tag == 0x00080018 for value in values}
    assert not uids & {value for _, _, vr, values in found if vr == "UI" for value in values or ()}


@given(datasets(public=True), _OPTIONS)
@slow
def test_deidentified_data_set_stays_valid_when_done_again(dataset: Dataset, options: set[str]) -> None:
    once = _events([streamdicom.dumps(dataset).encode()], options)
    assume(not any(vr in ("DA", "DT") and "'00" in str(values) for _, _, vr, values in once))  # years 1 to 99
    again = list(deidentify(once, Deidentification(_KEY, sorted(options))))
    assert [(kind, tag) for kind, tag, _, _ in again if tag >> 16 > 0x0028] == [
        (kind, tag) for kind, tag, _, _ in once if tag >> 16 > 0x0028
    ]
