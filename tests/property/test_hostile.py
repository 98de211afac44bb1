"""Random input, mostly not DICOM JSON: our errors, or writable results."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import dcmwrite

import streamdicom
from streamdicom import (
    DEVIATIONS,
    Deviation,
    Event,
    EventType,
    InputError,
    Limits,
    OutputError,
    ReadOptions,
    StreamDicomError,
)
from streamdicom.dicom.vr import VRS
from tests.formats.json.reading import Shown, shown
from tests.support.strategies import cuts, pieces

pytestmark = pytest.mark.filterwarnings("ignore")  # of pydicom, about wrong values

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
@pytest.mark.slow
def test_any_json_is_read_or_refused(document: Any) -> None:
    text = json.dumps(document)
    try:
        dataset = streamdicom.loads(text, as_file=True)
    except InputError:
        return
    try:
        again = streamdicom.dumps(dataset)
    except OutputError:
        return
    assert streamdicom.dumps(streamdicom.loads(again)) == again


@given(st.lists(st.tuples(st.sampled_from(sorted(VRS)), _words), max_size=5))
@settings(deadline=None)
def test_text_of_any_vr_is_kept(elements: list[tuple[str, str]]) -> None:
    document = {f"000910{n:02X}": {"vr": vr, "Value": [text]} for n, (vr, text) in enumerate(elements)}
    try:
        dataset = streamdicom.loads(json.dumps(document))
    except InputError:
        return
    for n, (vr, text) in enumerate(elements):
        if vr in ("LO", "SH", "UC", "UT", "LT", "ST") and "\\" not in text:
            assert dataset[0x00091000 + n].value == text.rstrip("\0")  # padding, which is reported


@given(_datasets)
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@pytest.mark.slow
def test_data_set_that_pydicom_writes_is_unchanged_by_it(document: Any) -> None:
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


# --- lenient profile -----------------------------------------------------------------------------------------------

_KEYS = [
    *_TAGS,
    *("00081140", "00100020", "00091001"),
    *("PatientID", "patientID", "(0010,0010)", "0010,0020", "x00091002", "7fe00010", "has_pixel", "", "vr", "k" * 20),
]
_VR_TEXTS = [*(f'"{vr}"' for vr in sorted(VRS)), '"SQ"', '"SQ"', '"PN"', '"XX"', '""', "null", "5"]
_SCALAR_TEXTS = [
    *("null", "true", "0", "-1", "5.0", "1e400", "1e-5", "1.7976931348623157e308", "9" * 30, "NaN", "-Infinity"),
    *('""', '"a"', '"5"', '"-inf"', '"Infinity"', '"A=B"', '"A=B=C=D"', '"00100010"', '"(0010,0010)"', '"a\\\\b"'),
    *('"AAAA"', '"AAA"', '"/9j/4A=="', f'"{"AAEC" * 8}"', f'"{"long text " * 4}"', '"\\u00e9\\ud83d\\ude00"'),
]
_SOUP = [
    *(byte.encode() for byte in '{}[]:,"\\ \n'),
    *(b"//", b"/*", b"*/", b"// x\n", b"/* x */", b"\xef\xbb\xbf", b"\xff", b"NaN", b"null", b'"a"', b"{}"),
    *(b'"00100010":', b'"vr":"SQ",', b'"Value":[', b'"InlineBinary":"AAEC",', b'"DataFragment":[null,'),
    *(b'"' + b"A" * 32 + b'",', b'"x'),
]


# Values by VR, most of them in a form that is not standard but can be understood.
_ODD = {
    "AT": ['"00100010"', '"(0010,0010)"', '"0010,0010"', '"x0010001a"', "null"],
    "DS": ["1.0000", '"+1"', '"large"', "NaN", '""', "null", f'"{"1" * 40}"'],
    "FD": ["1.5", '"1.5"', '"NaN"', '"-inf"', "-Infinity", "1.7976931348623157e308", "null", '"many"'],
    "IS": ["5", "5.0", '"5.7"', '"first"', "1e3", "null"],
    "LO": ['"a"', '""', "null", '"a\\\\b"', '"long text and more of it"'],
    "PN": ['{"Alphabetic":"A"}', '{"alphabetic":null}', '{"Alphabetic":"A=B=C"}', '"A=B"', "{}", '"="', "null"],
    "SQ": ["{}", "null", '{"00100020":{"vr":"LO","Value":["17"]}}', '{"PatientID":{"value":"17"}}'],
    "SV": ["-1", '"9223372036854775807"', '" 1 "', "1e3"],
    "US": ["5", '"5"', '"5.0"', '"many"', "true", "null", "[]"],
}
_EXAMPLES = [row.example for row in DEVIATIONS.values()]


def _array(texts: list[str]) -> str:
    return f"[{','.join(texts)}]"


def _object(members: list[tuple[str, str]]) -> str:
    return "{" + ",".join(f'"{name}":{text}' for name, text in members) + "}"


def _objects(names: list[str], texts: st.SearchStrategy[str], most: int) -> st.SearchStrategy[str]:
    """Return the text of an object, which may have duplicate names in any order."""
    return st.lists(st.tuples(st.sampled_from(names), texts), max_size=most).map(_object)


def _attribute_texts(items: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    scalars = st.sampled_from(_SCALAR_TEXTS)
    names = _objects(["Alphabetic", "Alphabetic", "Ideographic", "phonetic", "Other"], scalars, 3)
    values = st.one_of(scalars, scalars, names, items)
    arrays = st.lists(values, max_size=5).map(_array)
    contents = st.one_of(arrays, arrays, arrays, values, arrays.map(lambda text: _array([text])))
    fragments = st.lists(st.one_of(scalars, _objects(["InlineBinary", "BulkDataURI"], scalars, 2)), max_size=3)
    member = st.one_of(
        st.tuples(st.just("vr"), st.sampled_from(_VR_TEXTS)),
        st.tuples(st.sampled_from(["Value", "value", "InlineBinary", "BulkDataURI", "keyword", "x"]), contents),
        st.tuples(st.just("DataFragment"), fragments.map(_array)),
    )
    any_values = st.tuples(st.sampled_from(_VR_TEXTS), contents)
    fitting = st.sampled_from(sorted(_ODD)).flatmap(
        lambda vr: st.tuples(st.just(f'"{vr}"'), st.lists(st.sampled_from(_ODD[vr]), max_size=5).map(_array))
    )
    usual = st.one_of(fitting, any_values).map(lambda pair: [("vr", pair[0]), ("Value", pair[1])])
    last = usual.map(lambda members: members[::-1])
    return st.one_of(usual.map(_object), last.map(_object), st.lists(member, max_size=4).map(_object), contents)


_no_items = st.sampled_from(["{}", *(text for text in _EXAMPLES if text.startswith("{"))])
_items = st.recursive(_no_items, lambda items: _objects(_KEYS, _attribute_texts(items), 4), max_leaves=3)
_texts = st.one_of(
    _items,
    st.sampled_from(_EXAMPLES),
    st.lists(_items, max_size=3).map(_array),
    st.lists(_items, max_size=3).map(lambda texts: f'{{"results":[{",".join(texts)}],"n":1}}'),
    st.lists(_items, max_size=3).map("\n".join),
)


@st.composite
def _documents(draw: st.DrawFn) -> bytes:
    """Return the bytes of a document, often with some bytes deleted or inserted."""
    data = draw(_texts).encode()
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 3]))):
        place = draw(st.integers(0, len(data)))
        data = data[:place] + draw(st.sampled_from([b"", *_SOUP])) + data[place + draw(st.integers(0, 2)) :]
    return data


_PATTERNS = ["PatientID", "0010xxxx", "private", "PN", "00081140.00100020", "**.00091001", "SQ", 0x7FE00010]
_patterns = st.lists(st.sampled_from(_PATTERNS), max_size=2)
_limits = st.builds(
    Limits,
    depth=st.sampled_from([5, 12, 256]),
    segment_size=st.sampled_from([12, 13, 20, 65536]),
    number_length=st.sampled_from([3, 40, 1000]),
    values_per_event=st.sampled_from([1, 2, 4096]),
)
_options = st.fixed_dictionaries(
    {
        "profile": st.sampled_from(["lenient"] * 6 + ["strict"]),
        "on_error": st.sampled_from(["raise", "skip", "keep", "keep"]),
        "deviations": st.dictionaries(
            st.sampled_from(sorted(DEVIATIONS)), st.sampled_from(["report", "ignore", "error"]), max_size=2
        ),
        "limits": st.one_of(st.just(Limits()), _limits),
    },
    optional={
        "include": _patterns,
        "exclude": _patterns,
        "where": st.sampled_from([{"PatientID": "17"}, {"00091001": lambda values: bool(values)}]),
    },
)

_Outcome = tuple[list[Shown], tuple[object, ...] | None, list[Deviation]]


def _outcome(chunks: list[bytes], options: ReadOptions) -> _Outcome:
    """Return the events, the error and the deviations of a stream."""
    deviations: list[Deviation] = []
    events: list[Event] = []
    options = replace(options, on_deviation=deviations.append)
    try:
        events.extend(streamdicom.iter_events(chunks, options=options))
    except StreamDicomError as error:
        if error.location.byte_offset is None:  # raised by a filter, when the parser was ahead of it
            deviations.clear()
        return shown(events), (type(error), error.message, error.location), deviations
    return shown(events), None, deviations


@given(_documents(), _options, st.data())
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@pytest.mark.slow
def test_cuts_do_not_change_the_outcome(data: bytes, choices: dict[str, Any], source: st.DataObject) -> None:
    options = ReadOptions(**choices)
    whole = _outcome([data], options)
    assert _outcome(pieces(data, range(1, len(data))), options) == whole
    assert _outcome(source.draw(cuts(data)), options) == whole


@given(_documents(), _options)
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@pytest.mark.slow
def test_events_are_complete_and_can_be_written(data: bytes, choices: dict[str, Any]) -> None:
    options = ReadOptions(**choices, on_deviation=lambda deviation: None)
    target = io.BytesIO()
    try:
        events = list(streamdicom.iter_events(data, options=options))
    except StreamDicomError:
        return
    assert _open_at_the_end(events) == []
    try:
        streamdicom.write_events(events, target)
    except OutputError:
        return
    json.loads(target.getvalue())


@given(_documents(), _options)
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@pytest.mark.slow
def test_data_sets_are_read_or_refused(data: bytes, choices: dict[str, Any]) -> None:
    options = ReadOptions(**choices, on_deviation=lambda deviation: None)
    try:
        datasets = list(streamdicom.iter_datasets(data, options=options))
        text = streamdicom.dumps(datasets)
    except StreamDicomError:
        return
    json.loads(text)


_ENDS = {
    EventType.END_DATASET: EventType.START_DATASET,
    EventType.END_SEQUENCE: EventType.START_SEQUENCE,
    EventType.END_ITEM: EventType.START_ITEM,
    EventType.END_ELEMENT: EventType.START_ELEMENT,
    EventType.END_FRAGMENTS: EventType.START_FRAGMENTS,
}


def _open_at_the_end(events: list[Event]) -> list[tuple[int, int]]:
    """Return the structures that are open at the end; check that they nest."""
    opened: list[tuple[int, int]] = []
    for kind, tag, _, _ in events:
        if kind in _ENDS.values():
            opened.append((kind, tag))
        elif kind in _ENDS:
            assert opened.pop() == (_ENDS[EventType(kind)], tag)
    return opened
