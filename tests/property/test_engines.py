"""The compiled engine and plain Python agree on damaged documents, for every cut."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamdicom import _native
from streamdicom.deviations import Deviation
from streamdicom.errors import InputError
from streamdicom.events import BULK_DATA, ELEMENT, START_DATASET, Event
from streamdicom.filters import select
from streamdicom.formats.json import KeyFilter
from streamdicom.formats.json.parser import JsonParser
from streamdicom.limits import Limits
from streamdicom.options import ReadOptions
from streamdicom.patterns import DatasetConditions
from tests.support.each import each
from tests.support.strategies import cuts

_ENGINE = _native.functions
pytestmark = pytest.mark.skipif(_ENGINE is None, reason="the compiled engine was not built")

_VALUES = """
{"00080005":{"vr":"CS","Value":["ISO_IR 192"]},"00080008":{"Value":["A","B",null],"vr":"CS"},"00080016":{"vr":"UI"},
 "00081140":{"vr":"SQ","Value":[{"00081150":{"vr":"UI","Value":["1.2"]}},{},{"00081155":{"vr":"UI","Value":["1.3"]}}]},
 "00091002":{"vr":"UV","Value":[18446744073709551615]},"00091003":{"vr":"AT","Value":["00100010"]},
 "00091004":{"vr":"IS","Value":[1,"2"," 3"]},"00091005":{"vr":"LT","Value":["a\\\\b\\n\\u00e9\\ud83d\\ude00"]},
 "00091007":{"vr":"SV","Value":["-5",6,null]},"00091008":{"vr":"LO","Value":["é\\"\\/ 山"]},
 "00100010":{"vr":"PN","Value":[{"Alphabetic":"A^B","Ideographic":"山","Phonetic":"x"},null,{"Alphabetic":"C"}]},
 "00280010":{"vr":"US","Value":[512]},"00280030":{"vr":"DS","Value":["0.5",1.5,2e-1]},
 "00281052":{"vr":"FL","Value":[0.1,1]},"00281053":{"vr":"FD","Value":[1e300]},
 "00283000":{"Value":[{"00283002":{"vr":"US","Value":[1,2]}}],"vr":"SQ"},
 "00290010":{"InlineBinary":"AAECAwQFBgcICQoLDA0ODw==","vr":"UN"},"7FE00010":{"vr":"OW","BulkDataURI":"http://a/b"}}"""
_HABITS = """[
{"0008001a":{"vr":"LO","Value":["a"]},"00080100":{"vr":"SH","Value":["","b",null]},"00081140":{"Value":[],"vr":"SQ"},
 "00082112":{"vr":"SQ","Value":[{"0008115a":{"vr":"US","Value":["5","","6"]},
   "00081160":{"vr":"FL","Value":["0.123456789",0.123456789,""]},"00090000":{"vr":"UL","Value":[4]}},{}]},
 "00100010":{"vr":"PN","Value":[{"Alphabetic":"","Phonetic":"x"},"",{},{"Alphabetic":null}]},
 "0010001b":{"Value":[""],"vr":"PN"},"00280010":{"vr":"US","Value":["512"]},"00280030":{"vr":"DS","Value":[null]}} ,
{"00020000":{"vr":"UL","Value":[1]},"00020010":{"vr":"UI","Value":["1.2"]},"00020012":{"vr":"UI","Value":[""]},
 "00080016":{"keyword":"SOPClassUID","name":"x","vr":"UI","Value":[null]},
 "00091002":{"Value":[{"0009000a":{"vr":"LO","Value":[""]}}],"vr":"SQ"},
 "00100010":{"Value":[{"Alphabetic":"","Ideographic":"","Phonetic":""}],"vr":"PN"},
 "00280010":{"vr":"SV","Value":["","5"]}},{}]"""
_DISORDER = """[
{"20500020":{"vr":"CS","Value":["IDENTITY"]},"00080005":{"vr":"CS","Value":["ISO_IR 192"]},
 "00081140":{"vr":"SQ","Value":[{"30040002":{"vr":"CS"},"00081150":{"vr":"UI"},"00081155":{"vr":"UI","Value":[""]}},
   {"00081155":{"vr":"UI"},"00081150":{"vr":"UI","Value":["1.2"]},"0008115a":{"vr":"UI"}}]},
 "00100010":{"vr":"PN","Value":[{"Alphabetic":"A"}]},"00280010":{"vr":"US","Value":["512"]},
 "20500010":{"vr":"CS"},"20500030":{"vr":"CS"}},
{"00100020":{"vr":"LO"},"00100010":{"vr":"PN"},"00100020":{"vr":"LO","Value":["2"]},"00080018":{"vr":"UI"}},
{"30040002":{"vr":"CS"},"00020010":{"vr":"UI"},"00080000":{"vr":"UL"},"00100010":{"vr":"PN"},"00100010":{"vr":"PN"}}]"""
_ANY_ORDER = """[
{"0020000d":{"Value":["1.2"],"vr":"UI"},"00080018":{"vr":"UI","Value":["1.3"]},
 "00080005":{"Value":["ISO_IR 192"],"vr":"CS"},
 "00280010":{"Value":["512"],"vr":"US"},"0008103e":{"vr":"LO","Value":[""]},"00080016":{"vr":"UI"},
 "00081140":{"Value":[{"00081155":{"vr":"UI","Value":["1.4"]},"0008001a":{"vr":"UI"},"00081150":{"Value":[],"vr":"UI"}},
   {"0008115a":{"vr":"UI"},"00080018":{"vr":"UI"},"00081155":{"vr":"UI"}}],"vr":"SQ"},
 "00100010":{"Value":[{"Alphabetic":"A"}],"vr":"PN"},"0008001a":{"vr":"UI"},"00080060":{"vr":"CS","Value":["MR"]}},
{"00100020":{"vr":"LO"},"00080060":{"vr":"CS"},"00080018":{"vr":"UI"}}]"""
_SEQUENCE = '"00081140":{"vr":"SQ","Value":[{'
_LINES = '{"00080018":{"vr":"UI","Value":["1"]}}\n{"00200013":{"vr":"IS","Value":[null,1]}}{"00100010":{"vr":"PN"}}'
_OF_JAVASCRIPT = _DISORDER.partition(',\n "20500010"')[0] + "}]"
DOCUMENTS = [
    _VALUES,
    _HABITS,
    _DISORDER,
    _ANY_ORDER,
    _LINES,
    "{" + _SEQUENCE * 4 + '"00080018":{"vr":"UI"}' + "}]}" * 4 + "}",
]
_FRAGMENTS = [
    *'"{}[]:, \n\\=aA0-',
    *(
        "null",
        "true",
        "NaN",
        '"vr":"SQ"',
        '"vr":"PN"',
        '"vr":"US"',
        '"Value":[',
        "[]",
        "{}",
        '""',
        "[null]",
        "1e5",
        "1.5",
    ),
    *("\\u0000", "\\ud800", "é", "\0", '"00100010":', "00020010", "00080000", "FFFEE000", "0008", "\ufeff", "// \n"),
    *("99999999999", "3.4028235677973366e38", "16777217", '"keyword":"",', '"InlineBinary":"AA=="', '"BulkDataURI":"'),
    *('"Alphabetic":""', _SEQUENCE, '"00081140":{"Value":[{', "}]},", '}],"vr":"SQ"},', '{"data":[', "A" * 70, "%ff"),
]
_LIMITS = [
    Limits(),
    Limits(segment_size=12, values_per_event=2),
    Limits(segment_size=60),
    Limits(depth=17, number_length=4),
]


@pytest.fixture(scope="module", autouse=True)
def both_engines() -> None:
    """Run each test once: these choose the engines themselves."""


@st.composite
def damaged_json(draw: st.DrawFn, documents: Sequence[str] = DOCUMENTS) -> bytes:
    """Draw a document with faults."""
    data = draw(st.sampled_from(documents)).encode()
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(len(data), start + 12)))
        fragment = draw(st.sampled_from(_FRAGMENTS)).encode().replace(b"%ff", b"\xff")
        data = data[:start] + fragment + data[end:]
    return data[: draw(st.integers(0, len(data)))] if draw(st.integers(0, 5)) == 0 else data


def _outcome(engine: Any, chunks: list[bytes], options: dict[str, Any]) -> tuple[Any, ...]:
    """Return the events, the deviations, the error and the places of elements."""
    deviations: list[Deviation] = []
    events: list[Event] = []
    places: list[int] = []
    error = None
    reading = ReadOptions(on_deviation=deviations.append, **options)
    conditions = DatasetConditions(reading.where, reading.limits)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_native, "functions", engine)
        key_filter = KeyFilter.of(reading, conditions)
        parser = JsonParser(options=reading, skip=key_filter)
        parser.keep_places()
        try:
            for step in (*chunks, None):
                delivered = parser.close() if step is None else parser.feed(step)
                places += map(parser.offset_of(), range(len(delivered)))
                events += delivered
        except InputError as raised:
            error = type(raised), str(raised), raised.location
    if key_filter is not None and key_filter.has_selected():
        assert events == list(select(events, include=reading.include, exclude=reading.exclude))
    elements = [place for place, event in zip(places, events, strict=True) if event[0] in (ELEMENT, BULK_DATA)]
    foreseen = [conditions.new_state()._foreseen for event in events if event[0] == START_DATASET]
    return list(map(repr, events)), deviations, error, elements, foreseen


@pytest.mark.slow
@settings(max_examples=60)
@given(
    data=st.data(),
    document=damaged_json(),
    profile=st.sampled_from(["lenient", "lenient", "strict"]),
    on_error=st.sampled_from(["raise", "skip", "keep"]),
    deviations=st.sampled_from([{}, {"empty-string": "error", "key-form": "ignore"}, {"null-only": "ignore"}]),
    limits=st.sampled_from(_LIMITS),
)
def test_engines_agree_on_json(
    data: st.DataObject, document: bytes, profile: str, on_error: str, deviations: dict[str, str], limits: Limits
) -> None:
    options = {"profile": profile, "on_error": on_error, "deviations": deviations, "limits": limits}
    expected = _outcome(None, [document], options)
    assert _outcome(_ENGINE, [document], options) == expected
    assert _outcome(_ENGINE, data.draw(cuts(document)), options) == expected
    assert _outcome(_ENGINE, [document[place : place + 1] for place in range(len(document))], options) == expected


_PATTERNS = [
    *("00080005", "00081140", "00081140.00081150", "00081140.00081140.00080018", "00082112.0008115a"),
    *("**.00081155", "**.00283002", "private", "0008", "0010", "0002", "PN", "SQ", "UN", "0028xxxx", "7FE00010"),
]
_SKIPPED = [
    '{"00080018":{"vr":"UI","Value":["1.2"]},"00081140":',
    ',"00100010":{"vr":"PN","Value":[{"Alphabetic":"A"}]}}',
]
_ANYTHING = [
    *('{"vr":"LO","Value":["a\\u00e9\\ud83d\\ude00\\\\\\"","é",""]}', "[[],{},[{}],[[[1]]]]", "1.5e3", '"text"'),
    *("[true,false,null,-0,1e5 ,{}]", '{ "a" : { } , "b":[ ] }', '{"a":{"b":{"c":{"d":[{"e":[{"f":0}]}]}}}}', "{}"),
    *('{"InlineBinary":"' + "QUJD" * 60 + '"}', '{"a":"' + "é" * 50 + '","b":"\\n' + "x" * 90 + '"}', "null", '""'),
    *('{"vr":"SQ","Value":[{"00080018":{"vr":"UI"}},{}]}', "[01]", "[1.]", '"\\ud800"', '"\\x"', "[nul]", "[1 2]"),
    *('{"a"}', '{"a":1,}', "[1,]", "[NaN]", '{"a":1/**/}', "[}", "{]", '{"' + "k" * 70 + '":1}', "[12345]", '["\0"]'),
    *('["%ff"]', '["' + "x" * 80 + '%ff"]', "-", "[-]", "]", "", "[1e]", '"' + "x" * 200 + '"', "[" * 12 + "]" * 12),
]


@st.composite
def _filters(draw: st.DrawFn) -> dict[str, Any]:
    patterns = st.lists(st.sampled_from(_PATTERNS), max_size=3)
    conditions = {"00080005": ["ISO_IR 192"], "00100010": "none", "00080018": "1.2", "00081140": None, "00280010": 5}
    where = draw(st.lists(st.sampled_from(sorted(conditions)), max_size=2))
    return {
        "include": draw(patterns),
        "exclude": draw(patterns),
        "where": {tag: conditions[tag] for tag in where},
    }


@st.composite
def _odd_where_skipped(draw: st.DrawFn) -> bytes:
    """Draw data sets with any text in attributes that filters may skip."""
    found = draw(st.lists(st.sampled_from(_ANYTHING).map(_SKIPPED[0].__add__), min_size=1, max_size=3))
    separator = draw(st.sampled_from([",", " ,\n", "\n"]))
    text = separator.join(start + _SKIPPED[1] for start in found)
    return (text if separator == "\n" else f"[{text}]").encode().replace(b"%ff", b"\xff")


@settings(max_examples=120)
@given(
    data=st.data(),
    document=st.one_of(damaged_json(), _odd_where_skipped()),
    filters=_filters(),
    profile=st.sampled_from(["lenient", "lenient", "strict"]),
    on_error=st.sampled_from(["raise", "skip", "keep"]),
    limits=st.sampled_from(_LIMITS),
)
@pytest.mark.slow
def test_engines_agree_on_filtered_json(
    data: st.DataObject, document: bytes, filters: dict[str, Any], profile: str, on_error: str, limits: Limits
) -> None:
    options = {"profile": profile, "on_error": on_error, "limits": limits, **filters}
    expected = _outcome(None, [document], options)
    assert _outcome(_ENGINE, [document], options) == expected
    assert _outcome(_ENGINE, data.draw(cuts(document)), options) == expected
    assert _outcome(_ENGINE, [document[place : place + 1] for place in range(len(document))], options) == expected


def test_engines_agree_on_a_condition_whose_element_items_have_too() -> None:
    dataset = _SKIPPED[0] + '{"vr":"SQ","Value":[{"00080018":{"vr":"UI"}}]}' + _SKIPPED[1]
    document = f"[{dataset},{dataset}]".encode()
    options = {"exclude": ["SQ"], "where": {"00080018": "1.2"}}
    expected = _outcome(None, [document], options)
    assert _outcome(_ENGINE, [document], options) == expected
    assert expected[-1] == [{0x00080018: True}, {0x00080018: True}]


@pytest.mark.parametrize("number", range(len(_ANYTHING)))
@pytest.mark.parametrize(
    "filters", [{"exclude": ["00081140"]}, {"where": {"00080018": "1.3"}}], ids=["element", "rest"]
)
@pytest.mark.parametrize("size", [12, pytest.param(64 * 1024, marks=pytest.mark.slow)])
def test_engines_agree_on_skipped_text(number: int, filters: dict[str, Any], size: int) -> None:
    text = _SKIPPED[0] + _ANYTHING[number] + _SKIPPED[1]
    document = f"[{text},{{}}]".encode().replace(b"%ff", b"\xff")
    options = {"limits": Limits(segment_size=size), "on_error": "skip", **filters}
    expected = _outcome(None, [document], options)
    for place in range(len(document)):
        assert _outcome(_ENGINE, [document[:place], document[place:]], options) == expected


@each("text", ["QUJD" * 3 + "\n", "QUJD" * 3 + " ", "QUJD" * 6 + "\n" + "QUJD" * 6])
@each("filters", [{}, {"exclude": ["7FE00010"]}], ids=["read", "skipped"])
def test_engines_agree_on_white_space_in_a_long_value(text: str, filters: dict[str, Any]) -> None:
    document = f'{{"7FE00010":{{"vr":"OB","InlineBinary":"{text}"}}}}'.encode()
    options = {"limits": Limits(segment_size=12), **filters}
    expected = _outcome(None, [document], options)
    for size in (1, 2, 3):
        chunks = [document[place : place + size] for place in range(0, len(document), size)]
        assert _outcome(_ENGINE, chunks, options) == expected


def test_skipped_text_never_reaches_the_automaton(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(JsonParser, "_read_tokens", _fail_on_tokens)
    monkeypatch.setattr(_native, "functions", _ENGINE)
    plain = _ANYTHING[:13]
    values = "".join(f',"001{number:X}0010":{text}' for number, text in enumerate(plain))
    document = ('{"00080018":{"vr":"UI","Value":["1.2"]}' + values + ',"00810010":{"vr":"PN"}}').encode()
    for options in (ReadOptions(include=["0008"]), ReadOptions(where={"00080018": "1.3"})):
        for chunk in (1, 50, 10_000):
            parser = JsonParser(options=options, skip=KeyFilter.of(options, DatasetConditions(options.where, Limits())))
            for place in range(0, len(document), chunk):
                parser.feed(document[place : place + chunk])


@pytest.mark.parametrize("size", [12, 60, 64 * 1024])
@pytest.mark.parametrize("end", ['","vr":"OW"}}', '","vr":"LO"}}', '=","vr":"OW"}}', "", '"}}', ' A","vr":"OW"}}'])
def test_engines_agree_on_long_binary_values(size: int, end: str) -> None:
    document = ('{"00100010":{"vr":"PN"},"7FE00010":{"InlineBinary":"' + "QUJD" * 40_000 + end).encode()
    options = {"limits": Limits(segment_size=size), "on_error": "skip"}
    expected = _outcome(None, [document], options)
    for chunk in (1000, 16 * 1024, 1 << 20):
        chunks = [document[place : place + chunk] for place in range(0, len(document), chunk)]
        assert _outcome(_ENGINE, chunks, options) == expected, chunk


def test_engine_reads_canonical_text_and_common_habits_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of these documents reaches the automaton, however they are cut."""
    monkeypatch.setattr(JsonParser, "_read_tokens", _fail_on_tokens)
    monkeypatch.setattr(_native, "functions", _ENGINE)
    for document in (_VALUES, _HABITS, _OF_JAVASCRIPT, _ANY_ORDER):
        for chunk in (50, 10_000):
            parser = JsonParser(options=ReadOptions(on_deviation=lambda _: None))
            data = document.strip().encode()
            for place in range(0, len(data), chunk):
                parser.feed(data[place : place + chunk])


def _fail_on_tokens(parser: JsonParser, data: bytes, events: list[Event]) -> None:
    if data:
        raise AssertionError(f"not read by the engine: {data[:80]!r}")
