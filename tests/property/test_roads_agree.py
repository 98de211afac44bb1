"""All roads agree: JSON, XML, files and data sets carry an element alike.

It has the same values and the same faults on each.

The sources are damaged on purpose: JSON documents with other values, files with other bytes, and data sets with values
of odd Python types. A source may be refused. A value that was read may be refused by a format that cannot carry it.
"""

from __future__ import annotations

import datetime
import decimal
import json
import warnings
from itertools import chain
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import DataElement, Dataset
from pydicom.sequence import Sequence

from streamdicom.datasets import walk
from streamdicom.dicom import VRS
from streamdicom.errors import InputError, OutputError
from streamdicom.events import Event, EventType
from tests.support.each import each
from tests.support.events import dataset, members, tag_for
from tests.support.roads import assert_agree, assert_same_in_dataset, elements, read, through_pydicom, write, written

pytestmark = pytest.mark.filterwarnings("ignore")  # of pydicom, about values that are wrong on purpose

# --- JSON documents ------------------------------------------------------------------------------------------------

_scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-70000, 70000),
    st.floats(),
    st.sampled_from(
        ["", "a\\b", "A=B=C=D", "1.0", "17", "AAE=", "AA", "NaN", "00100010", "2004-01-19", " x ", "\x1b$B", "\xe9"]
    ),
    st.sampled_from([2**31, 2**64, 10**30, 1e39, 16777217]),
)
_json_values = st.one_of(
    _scalars,
    st.dictionaries(st.sampled_from(["Alphabetic", "Ideographic", "00100020", "vr", "x"]), _scalars, max_size=2),
    st.lists(_scalars, max_size=2),
    st.just({"00100020": {"vr": "LO", "Value": ["17"]}}),
)
_members = st.dictionaries(
    st.sampled_from(["vr", "Value", "Value", "InlineBinary", "BulkDataURI", "DataFragment", "x"]),
    st.one_of(st.sampled_from([*VRS, "XX", "US or SS", ""]), st.lists(_json_values, max_size=3), _json_values),
    max_size=2,
)


@st.composite
def _documents(draw: st.DrawFn) -> bytes:
    """Draw a document, of which some attributes have other members."""
    try:
        document: dict[str, Any] = json.loads(write(dataset(draw(members(1, wild=False))), "json"))
    except OutputError:
        document = {}
    for _ in range(draw(st.integers(1, 2))):
        vr = draw(st.sampled_from(sorted(VRS)))
        key = draw(st.sampled_from([*document, f"{draw(tag_for(vr)) & 0xFFFFFFFF:08X}", "PatientID", "(0010,0020)"]))
        document[key] = {"vr": vr, **document.get(key, {}), **draw(_members)}
    return json.dumps(document).encode()


@given(_documents())
@pytest.mark.slow
def test_json_document_has_the_same_values_on_all_roads(document: bytes) -> None:
    try:
        events = read(document).events
    except InputError:
        return
    assert_agree(events)


def test_text_that_is_no_integer_follows_integers_on_all_roads() -> None:
    assert_agree(dataset([(int(EventType.ELEMENT), 0x00081160, "IS", ("", "0", "0 \xfe"))]))


@each(
    "attribute",
    [
        '"00080108": {"vr": "LT", "Value": {}}',
        # without a VR that is known
        '"00080054": {"BulkDataURI": "x"}',
        '"00080054": {"vr": "XX", "BulkDataURI": "x"}',
        '"00280010": {"Value": ["many"]}',
        '"00280010": {"InlineBinary": "%"}',
        '"00280106": {"vr": "US or SS", "Value": ["many"]}',
        '"00080018": {"Value": [{"Alphabetic": "a"}]}',
        '"00100010": {"vr": "PN", "Value": [{"Alphabetic": "a=b", "Phonetic": "c"}]}',
        '"00091001": {"Value": [{"Alphabetic": "a"}]}',
        '"00091001": {"vr": "XX", "Value": ["a", {"Alphabetic": "a"}]}',
    ],
)
def test_wrong_value_is_kept_alike_on_all_roads(attribute: str) -> None:
    events = read(f"{{{attribute}}}".encode()).events
    assert_agree(events)
    assert read(write(events, "xml")).events == events


@each("text", ["1===", "===", "a=b==", "a=b=c=d", "a=b=c==", "a=b=c= "])
def test_name_in_one_group_is_the_same_on_all_roads(text: str) -> None:
    for names in ([text], [text, "b"]):
        values = [{"Alphabetic": name} for name in names]
        events = read(json.dumps({"00100010": {"vr": "PN", "Value": values}}).encode()).events
        for form in ("json", "xml", "dicom"):
            assert written(events, form) is not None
        assert elements(through_pydicom(events), padded=True) == elements(events, padded=True)
        assert_agree(events)


@each("tag", [0x00280009, 0x00280010, 0x00189087, 0x00081140, 0x00200013, 0x60003000])
@each("data", [b"\0\4", b"ab", b"abcdef", b"abcdefgh"])
def test_bytes_in_un_are_the_same_in_a_data_set_in_big_endian(tag: int, data: bytes) -> None:
    syntax: Event = (EventType.ELEMENT, 0x00020010, "UI", ("1.2.840.10008.1.2.2",))
    assert_same_in_dataset(dataset([syntax, (EventType.ELEMENT, tag, "UN", (data,))]))


@each("vr", ["CS", "LO", "UC"])
def test_text_is_the_same_after_a_wrong_character_set(vr: str) -> None:
    wrong: Event = (EventType.ELEMENT, 0x00080005, vr, ("\xe9",))
    text: Event = (EventType.ELEMENT, 0x00080119, "UC", ("\u0100",))
    start, end = (EventType.START_SEQUENCE, 0x00081140, "SQ", None), (EventType.END_SEQUENCE, 0x00081140, "SQ", None)
    item: list[Event] = [(EventType.START_ITEM, 0x00081140, "SQ", 0), wrong, text]
    for content in ([wrong, text], [start, *item, (EventType.END_ITEM, 0x00081140, "SQ", None), end]):
        found = through_pydicom(dataset(content))
        assert [event[3] for event in found if event[1] == 0x00080119] == [("\u0100",)]


def test_empty_name_is_kept_as_a_name_and_not_as_an_item() -> None:
    events = read(b'{"00080054": {"vr": "UN", "Value": {"Alphabetic": null}}}').events
    assert_agree(events)
    assert read(write(events, "json")).events == events


# --- files ---------------------------------------------------------------------------------------------------------


@st.composite
def _files(draw: st.DrawFn) -> bytes:
    """Draw a file of which some bytes after the file meta information are others."""
    try:
        data = bytearray(write(dataset(draw(members(1, wild=False))), "dicom"))
    except OutputError:
        data = bytearray(write(dataset([]), "dicom"))
    start = 144 + int.from_bytes(data[140:144], "little")
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(start, len(data)))
        gone = draw(st.integers(0, 2))
        data[place : place + gone] = draw(st.one_of(st.binary(max_size=2), st.sampled_from([b"\\", b"\0\0", b"UN"])))
    return bytes(data)


@given(_files())
@pytest.mark.slow
def test_file_has_the_same_values_on_all_roads(data: bytes) -> None:
    try:
        events = read(data).events
    except InputError:
        return
    assert_agree(events)


# --- data sets -----------------------------------------------------------------------------------------------------

_python_values = st.one_of(
    st.sampled_from(["", "a", "a\\b", " 1 ", "1.0", "A^B=C=D=E", "\xe9", "\u5c71", "2004-01-19", "\x1b"]),
    st.integers(-70000, 70000),
    st.floats(),
    st.sampled_from([None, True, b"", b"ab", b"abc", b"a\\b", 2**64, decimal.Decimal("1.50")]),
    st.sampled_from([datetime.date(2004, 1, 19), datetime.time(12), datetime.datetime(2004, 1, 19), {}, set(), 1j]),
)


@st.composite
def _odd_datasets(draw: st.DrawFn, depth: int = 1) -> Dataset:
    found = Dataset()
    for _ in range(draw(st.integers(1, 3))):
        vr = draw(st.sampled_from(sorted(VRS)))
        tag = draw(tag_for(vr).filter(lambda tag: 0x00080005 < tag < 0xFFFE0000))
        if vr == "SQ":
            value: Any = Sequence([draw(_odd_datasets(depth - 1))] if depth else [])
        else:
            value = draw(st.one_of(_python_values, st.lists(_python_values, max_size=3)))
        try:
            found[tag] = DataElement(tag, vr, value)
        except Exception:  # of any type: pydicom does not take every value
            continue
    return found


@given(_odd_datasets())
@pytest.mark.slow
def test_data_set_has_the_same_values_on_all_roads(odd: Dataset) -> None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            events: list[Event] = list(chain.from_iterable(walk(odd)))
    except OutputError as error:
        if not error.location.tag_path:
            raise AssertionError("a refusal without a tag path") from error
        return
    assert_agree(events)
