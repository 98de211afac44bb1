"""Round trips of random data sets through Native DICOM Model XML, with cuts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import Dataset

import streamdicom
from streamdicom import InputError, Limits, OutputError, ReadOptions
from streamdicom.formats.xml import XmlParser
from tests.formats.json.reading import shown
from tests.support.strategies import cuts, datasets, pieces

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # of pydicom, about odd but legal values
slow = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])

_NOT_A_CHARACTER = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")  # XML 1.0, section 2.2


def _strings(value: Any) -> Iterator[str]:
    """Yield all strings of parsed JSON."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _strings(inner)


def _text(obj: Dataset | list[Dataset], indent: int | None = None) -> str:
    """Return the XML of data sets, or an empty text if XML cannot represent them."""
    if any(map(_NOT_A_CHARACTER.search, _strings(json.loads(streamdicom.dumps(obj))))):
        with pytest.raises(OutputError, match="expected text for XML"):
            streamdicom.dumps(obj, indent, format="xml")
        return ""
    return streamdicom.dumps(obj, indent, format="xml")


@given(datasets(), st.sampled_from([None, 0, 2]))
@slow
@pytest.mark.slow
def test_data_set_makes_the_round_trip(dataset: Dataset, indent: int | None) -> None:
    text = _text(dataset, indent)
    if text:
        assert streamdicom.loads(text) == dataset
        assert streamdicom.dumps(streamdicom.loads(text)) == streamdicom.dumps(dataset)
        assert _text(streamdicom.loads(text), indent) == text


@given(datasets(), st.sampled_from([12, 20, 64]), st.data())
@slow
@pytest.mark.slow
def test_cuts_do_not_change_events(dataset: Dataset, segment: int, data: st.DataObject) -> None:
    text = _text([dataset, dataset], data.draw(st.sampled_from([None, 1]))).encode()
    limits = Limits(segment_size=segment, values_per_event=3)
    whole = _events([text], limits)
    assert _events(data.draw(cuts(text)), limits) == whole
    assert _events([text[i : i + 1] for i in range(len(text))], limits) == whole


@given(datasets(depth=1), st.data())
@slow
@pytest.mark.slow
def test_cuts_do_not_change_errors_of_damaged_input(dataset: Dataset, data: st.DataObject) -> None:
    text = bytearray(_text([dataset, dataset]).encode() or b"<a/>")
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(text) - 1))
        text[place : place + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2))
    damaged = bytes(text)
    limits = Limits(segment_size=20, values_per_event=3, depth=12, number_length=8)
    whole = _events([damaged], limits)
    assert _events(pieces(damaged, data.draw(st.lists(st.integers(0, len(damaged))).map(sorted))), limits) == whole
    assert _events([damaged[i : i + 1] for i in range(len(damaged))], limits) == whole


_words = st.sampled_from(
    ["<Value>", "</Value>", '<Item number="1">', "</Item>", "<PersonName/>", "a", "\n", "<!-- -->", "<![CDATA[a]]>"]
)
_parts = st.sampled_from(
    [
        '<DicomAttribute tag="00091001" vr="LO">',
        '<DicomAttribute tag="00090002" vr="SQ" privateCreator="A">',
        '<DicomAttribute tag="00100010">',
        "</DicomAttribute>",
        "<NativeDicomModel>",
        "</NativeDicomModel>",
        '<BulkData uri="a"/>',
        "<InlineBinary>AAE=</InlineBinary>",
    ]
)


@given(st.lists(_words | _parts | st.text(max_size=3), max_size=12).map("".join))
@slow
def test_any_text_is_refused_or_makes_the_round_trip(text: str) -> None:
    data = f"<NativeDicomModel>{text}</NativeDicomModel>".encode()
    events, error = _events([data], Limits())
    assert _events([data[i : i + 1] for i in range(len(data))], Limits()) == (events, error)
    if error is None:
        for dataset in streamdicom.iter_datasets(data):
            again = streamdicom.dumps(dataset, format="xml")
            assert streamdicom.dumps(streamdicom.loads(again), format="xml") == again


def _events(chunks: list[bytes], limits: Limits) -> tuple[Any, Any]:
    parser = XmlParser(options=ReadOptions(limits=limits))
    events = []
    try:
        for chunk in chunks:
            events += parser.feed(chunk)
        events += parser.close()
    except InputError as error:
        return shown(events), (type(error), error.message, error.location)
    assert parser.error is None
    return shown(events), None
