"""Whatever comes, the only errors are those of this package; what is read can be written and used."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import dcmwrite

import streamdicom
from streamdicom import InputError, OutputError
from streamdicom.vr import VRS

pytestmark = pytest.mark.filterwarnings("ignore")  # pydicom's, of values that are not right

_TAGS = ["00020010", "00080005", "00080000", "00081140", "00100010", "00280106", "00283006", "7FE00010", "00091001"]
_words = st.one_of(
    st.text(max_size=6),
    st.sampled_from(
        ["utf-16", "ISO 2022 IR 87", "1.2.840.10008.1.2.2", "NaN", "AAAA", "00100010", "1e5", "-", "A=B=C=D"]
    ),
)
_scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), _words)
_names = st.dictionaries(st.sampled_from(["Alphabetic", "Ideographic", "Phonetic", "Other"]), _scalars, max_size=3)


def _attributes(items: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    values = st.one_of(_scalars, _names, items)
    members = {
        "vr": st.sampled_from([*sorted(VRS), "XX", ""]),
        "Value": st.lists(values, max_size=3),
        "InlineBinary": st.one_of(_scalars, st.binary(max_size=6).map(lambda data: data.hex())),
        "BulkDataURI": _scalars,
    }
    one = st.sampled_from(["Value", "Value", "Value", "InlineBinary", "BulkDataURI"]).flatmap(
        lambda name: st.fixed_dictionaries({"vr": members["vr"], name: members[name]})
    )
    return st.one_of(one, st.fixed_dictionaries({}, optional=members), values)


_datasets = st.recursive(
    st.dictionaries(st.sampled_from(_TAGS), _attributes(st.just({})), max_size=4),
    lambda items: st.dictionaries(st.sampled_from(_TAGS), _attributes(items), max_size=4),
    max_leaves=4,
)


@given(_datasets)
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_json_is_read_or_refused(document: Any) -> None:
    text = json.dumps(document)
    try:
        dataset = streamdicom.loads_file(text)
    except InputError:
        return
    try:
        again = streamdicom.dumps(dataset)
    except OutputError:
        return
    assert streamdicom.dumps(streamdicom.loads(again)) == again


@given(st.lists(st.tuples(st.sampled_from(sorted(VRS)), _words), max_size=5))
@settings(deadline=None)
def test_text_of_any_vr_is_held_as_it_came(elements: list[tuple[str, str]]) -> None:
    document = {f"000910{n:02X}": {"vr": vr, "Value": [text]} for n, (vr, text) in enumerate(elements)}
    try:
        dataset = streamdicom.loads(json.dumps(document))
    except InputError:
        return
    for n, (vr, text) in enumerate(elements):
        if vr in ("LO", "SH", "UC", "UT", "LT", "ST") and "\\" not in text:
            assert dataset[0x00091000 + n].value == text


@given(_datasets)
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_what_pydicom_can_write_it_writes(document: Any) -> None:
    try:
        dataset = streamdicom.loads(json.dumps(document))
        expected = streamdicom.dumps(dataset)
    except (InputError, OutputError):
        return
    buffer = io.BytesIO()
    try:
        dcmwrite(buffer, dataset, implicit_vr=False, little_endian=True)
    except Exception:
        return
    assert streamdicom.dumps(dataset) == expected
