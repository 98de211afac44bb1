"""Converters: which one an element is given to, what becomes of it, and those that ship."""

from __future__ import annotations

import json
import pickle
import re
import uuid
import warnings
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta, timezone
from io import BytesIO
from typing import Any

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.data import get_testdata_file

import streamdicom
from streamdicom import (
    Converter,
    ConverterError,
    Converters,
    DeviationLog,
    DeviationWarning,
    Element,
    Event,
    EventType,
    LimitError,
    Limits,
    PrivateKey,
    ReadOptions,
    WriteOptions,
    iter_events,
)
from streamdicom.converters import (
    BEST_KNOWN_IDENTIFIERS,
    UNSEEN,
    DatetimeObjects,
    Deidentifier,
    IsoDates,
    PlainNames,
    UidMap,
)
from streamdicom.filters.convert import ElementConverter
from streamdicom.filters.vr_first import vr_first

_DATE, _NAME, _ID, _SEQUENCE = 0x00080020, 0x00100010, 0x00100020, 0x00081140


class _Marks(Converter):
    """Puts a mark in place of the values."""

    def __init__(self, mark: str) -> None:
        self.mark = mark

    def read(self, element: Element) -> Element:
        return element._replace(values=(self.mark,), uri="")

    write = read


class _Fails(Converter):
    def read(self, element: Element) -> Element:
        raise KeyError("a secret value")

    write = read


class _Sees(Converter):
    """Remembers what it is shown, and changes nothing."""

    def __init__(self, needs_value: bool = True) -> None:
        self.needs_value = needs_value
        self.seen: list[Element] = []

    def read(self, element: Element) -> Element:
        self.seen.append(element)
        return Element(*element)


def _read(document: Any, *sources: Any, **options: Any) -> list[Event]:
    data = json.dumps(document).encode()
    return list(iter_events(data, options=ReadOptions(converters=Converters(*sources), **options)))


def _elements(events: Iterable[Event]) -> dict[str, Any]:
    return {f"{tag:08X}": value for kind, tag, _, value in events if kind == EventType.ELEMENT}


def _written(events: Iterable[Event], *sources: Any, **options: Any) -> list[Event]:
    return list(
        ElementConverter.for_writing(Converters(*sources), WriteOptions(**options)).run(
            [(EventType.START_DATASET, 0, "", 0), *events]
        )
    )[1:]


# --- which one -------------------------------------------------------------------------------------------------

_PRIVATE = {
    "00091001": {"vr": "LO", "Value": ["before"]},
    "00090010": {"vr": "LO", "Value": ["ACME 1.1"]},
    "00090011": {"vr": "LO", "Value": ["OTHER"]},
    "00091010": {"vr": "LO", "Value": ["a"]},
    "00091110": {"vr": "LO", "Value": ["b"]},
    "00110010": {"vr": "LO", "Value": ["ACME 1.1"]},
    "00111010": {"vr": "LO", "Value": ["c"]},
    "00111110": {"vr": "LO", "Value": ["d"]},
}


def test_the_most_specific_one_wins() -> None:
    keys = ["PatientName", "0010001x", "0010xxxx", "PN", "xxxxxxxx"]
    for number in range(len(keys)):
        for order in (keys[number:], keys[number:][::-1]):
            converters = Converters({key: _Marks(key) for key in order})
            found = converters.find(_NAME, "PN")
            assert isinstance(found, _Marks)
            assert found.mark == keys[number]
    assert Converters({"PatientName": _Marks("")}).find(_ID, "LO") is None


def test_a_private_creator_comes_between_a_tag_and_a_pattern() -> None:
    keys: list[Any] = ["00091010", PrivateKey("ACME 1.1", 0x10, 9), PrivateKey("ACME 1.1", 0x10), "0009xxxx", "private"]
    for number in range(len(keys)):
        found = Converters({key: _Marks(str(key)) for key in reversed(keys[number:])}).find(0x91010, "LO", "ACME 1.1")
        assert isinstance(found, _Marks)
        assert found.mark == str(keys[number])


def test_a_private_creator_is_found_in_its_data_set() -> None:
    item = {"00091010": {"vr": "LO", "Value": ["of no one"]}}
    document = _PRIVATE | {"00130010": {"vr": "SQ", "Value": [item]}}
    events = _read([document, item], {PrivateKey("ACME 1.1", 0x10): _Marks("x")})
    assert [event[3][0] for event in events if event[0] == EventType.ELEMENT and event[1] & 0xFFFF >= 0x1000] == [
        "before",
        "x",
        "b",
        "x",
        "d",
        "of no one",
        "of no one",
    ]
    only = _read(_PRIVATE, {PrivateKey("ACME 1.1", 0x10, group=0x11): _Marks("x")})
    assert [_elements(only)[tag] for tag in ("00091010", "00111010")] == [("a",), ("x",)]


def test_keys_that_mean_the_same_are_one_and_the_last_converter_counts() -> None:
    converters = Converters(
        {"PatientName": _Marks("1")}, Converters({"(0010,0010)": _Marks("2")}), {_NAME: _Marks("3")}
    )
    found = converters.find(_NAME, "PN")
    assert isinstance(found, _Marks)
    assert found.mark == "3"


@pytest.mark.parametrize("key", ["Foo", "", "00081140.00081150", "**.PN"])
def test_a_wrong_key_is_named(key: str) -> None:
    with pytest.raises(ValueError, match=re.escape(repr(key))):
        Converters({key: Converter()})


def test_a_decorator_registers_a_class_or_a_converter() -> None:
    converters = Converters()
    converters.register()(IsoDates)
    converters.register("PN")(_Marks("x"))

    @converters.register("LO", "PatientID")
    class Upper(Converter):
        pass

    found = [type(converters.find(*key)).__name__ for key in ((_DATE, "DA"), (_NAME, "PN"), (_ID, "LO"), (_ID, "SH"))]
    assert found == ["IsoDates", "_Marks", "Upper", "Upper"]


def test_a_block_has_converters_of_its_own() -> None:
    document = {"00100010": {"vr": "PN"}, "00100020": {"vr": "LO"}, "00100040": {"vr": "CS"}}
    outer = Converters({"PatientName": _Marks("outer"), "PatientID": _Marks("outer"), "PatientSex": _Marks("outer")})
    inner = Converters({"PatientID": _Marks("inner"), "PatientSex": _Marks("inner")})
    with outer.active():
        with inner.active():
            events = _read(document, {"PatientSex": _Marks("own")})
            started = iter_events(json.dumps(document).encode())
            datasets = streamdicom.iter_datasets(json.dumps([{"00100020": {"vr": "LO"}}]).encode())
        assert _elements(_read(document)) == dict.fromkeys(["00100010", "00100020", "00100040"], ("outer",))
    assert _elements(events) == {"00100010": ("outer",), "00100020": ("inner",), "00100040": ("own",)}
    assert _elements(started)["00100040"] == ("inner",)
    assert next(datasets).PatientID == "inner"
    assert _elements(_read(document)) == dict.fromkeys(["00100010", "00100020", "00100040"], ())


# --- what they are shown ---------------------------------------------------------------------------------------

_ITEM = {"00100020": {"vr": "LO", "Value": ["17"]}}
_DOCUMENT = {
    "00081140": {"vr": "SQ", "Value": [_ITEM, {}]},
    "00100020": {"vr": "LO", "Value": ["4711"]},
    "00101002": {"vr": "UT", "Value": ["long " * 10]},
    "00280010": {"vr": "US", "Value": list(range(30))},
    "00880200": {"vr": "OW", "BulkDataURI": "x"},
    "7FE00010": {"vr": "OB", "InlineBinary": "AAEC" * 10},
}
_PARTS = Limits(segment_size=16, values_per_event=10)


@pytest.mark.parametrize("sort", [False, True], ids=["vr first", "vr last"])
def test_what_is_given_back_as_it_was_stays_as_it_was(sort: bool) -> None:
    # Behind its values the VR of many numbers comes too late for any reader.
    document = {tag: row for tag, row in _DOCUMENT.items() if not (sort and tag == "00280010")}
    data = json.dumps(document, sort_keys=sort).encode()
    for limits in (Limits(), _PARTS):
        expected = list(vr_first(iter_events(data, options=ReadOptions(limits=limits))))
        for sees in (_Sees(), _Sees(needs_value=False)):
            options = ReadOptions(limits=limits, converters=Converters({"xxxxxxxx": sees}))
            assert list(vr_first(iter_events(data, options=options))) == expected
            assert [element.tag for element in sees.seen] == [_SEQUENCE, _ID, *[int(t, 16) for t in document][1:]]


def test_a_converter_is_shown_whole_values() -> None:
    sees = _Sees()
    _read(_DOCUMENT, {"xxxxxxxx": sees}, limits=_PARTS)
    assert sees.seen == [
        Element(_SEQUENCE, "SQ", UNSEEN),
        Element(_ID, "LO", ("17",)),
        Element(_ID, "LO", ("4711",)),
        Element(0x00101002, "UT", ("long " * 10,)),
        Element(0x00280010, "US", tuple(range(30))),
        Element(0x00880200, "OW", (), "x"),
        Element(0x7FE00010, "OB", (b"\0\1\2" * 10,)),
    ]


@pytest.mark.parametrize("sort", [False, True], ids=["vr first", "vr last"])
@pytest.mark.parametrize("cut", [False, True], ids=["whole", "byte by byte"])
@pytest.mark.parametrize("action", ["remove", "empty", "x"])
@pytest.mark.parametrize("tag", ["00100020", "00101002", "00081140", "00880200", "7FE00010"])
def test_any_element_can_be_left_out_emptied_or_replaced(tag: str, action: str, cut: bool, sort: bool) -> None:
    if action == "x" and tag == "00081140":
        pytest.skip("items cannot be made of a value")
    value: Any = b"x" if action == "x" and tag in ("00880200", "7FE00010") else action
    document = {key: row for key, row in _DOCUMENT.items() if key != "00280010"}
    expected = dict(document)
    values = {"x": {"InlineBinary": "eA=="} if value == b"x" else {"Value": ["x"]}}.get(action, {})
    expected[tag] = {"vr": document[tag]["vr"], **values}
    if action == "remove":
        del expected[tag]
    if tag == "00100020":
        item = {} if action == "remove" else {tag: expected[tag]}
        expected["00081140"] = {"vr": "SQ", "Value": [item, {}]}
    data = json.dumps(document, sort_keys=sort).encode()
    parser = streamdicom.DatasetParser(options=ReadOptions(limits=_PARTS, converters=Deidentifier({tag: value})))
    datasets = [ds for byte in data for ds in parser.feed(bytes([byte]))] if cut else parser.feed(data)
    datasets += parser.close()
    assert json.loads(streamdicom.dumps(datasets)) == [expected]


def test_fragments_are_not_shown_and_can_be_replaced() -> None:
    fragments: list[Event] = [
        (EventType.START_FRAGMENTS, 0x7FE00010, "OB", None),
        (EventType.START_FRAGMENT, 0x7FE00010, "OB", 2),
        (EventType.LAST_SEGMENT, 0x7FE00010, "OB", b"ab"),
        (EventType.END_FRAGMENTS, 0x7FE00010, "OB", None),
    ]
    sees = _Sees()
    sees.write = sees.read  # type: ignore[method-assign]
    assert _written(fragments, {"OB": sees}) == fragments
    assert sees.seen == [Element(0x7FE00010, "OB", UNSEEN)]
    assert _written(fragments, Deidentifier({"PixelData": b"x"})) == [(3, 0x7FE00010, "OB", (b"x",))]
    assert _written(fragments, Deidentifier({"PixelData": "remove"})) == []


def test_an_element_in_json_text_is_not_shown_and_can_be_left_out() -> None:
    raw: list[Event] = [(EventType.JSON_ELEMENT, _NAME, "PN", '{"vr":"PN","Value":["Doe"]}')]
    assert _written(raw, {"PN": Converter()}) == raw
    assert _written(raw, Deidentifier({"PN": "remove"})) == []
    assert _written(raw, Deidentifier({"PN": "A=B"})) == [(3, _NAME, "PN", (("A", "B", ""),))]
    sequence: list[Event] = [(EventType.JSON_ELEMENT, _SEQUENCE, "SQ", "{}")]
    assert [event[0] for event in _written(sequence, Deidentifier({"SQ": "empty"}))] == [10, 13]


def test_a_reference_can_be_made_and_taken_away() -> None:
    class Moves(Converter):
        def read(self, element: Element) -> Element:
            return Element(element.tag, "OW", (), "y") if element.values else Element(element.tag, "OW", (b"ab",))

    document = {"00880200": {"vr": "OW", "BulkDataURI": "x"}, "7FE00010": {"vr": "OW", "InlineBinary": "AAE="}}
    events = _read(document, {"OW": Moves()})
    assert events[1:-1] == [(3, 0x00880200, "OW", (b"ab",)), (4, 0x7FE00010, "OW", "y")]


def test_what_a_converter_is_shown_is_bounded() -> None:
    document = {"00091001": {"vr": "OB", "InlineBinary": "AAEC" * 1000}}
    limits = Limits(segment_size=16, value_length=100)
    with pytest.raises(LimitError, match="value_length"):
        _read(document, {"OB": Converter()}, limits=limits)
    for converter in ({"private": _Sees(needs_value=False)}, {"UT": Converter()}, {0x91001: _Sees(needs_value=False)}):
        assert _read(document, converter, limits=limits)
        assert list(
            iter_events(
                json.dumps(document, sort_keys=True).encode(),
                options=ReadOptions(limits=limits, converters=Converters(converter)),
            )
        )


def test_what_is_remembered_of_elements_is_bounded() -> None:
    converters = Converters({"private": Converter()})
    for tag in range(0, 1 << 22, 64):
        converters.find(tag, "UN")
    assert len(converters._known) <= 16 * 1024


# --- values that are not of the VR -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("vr", "values", "expected"),
    [
        ("PN", ("A=B", None), ["A=B", None]),
        ("DS", (1.5, 2), [1.5, 2]),
        ("US", ("many", True), ["many", True]),
        ("LO", ({"a": [1]}, ["é"]), [{"a": [1]}, ["é"]]),
        (
            "LO",
            (("A", "", "P"), float("nan"), float("-inf")),
            [{"Alphabetic": "A", "Phonetic": "P"}, "NaN", "-Infinity"],
        ),
    ],
)
def test_values_of_other_types_are_written_as_json(vr: str, values: tuple[Any, ...], expected: list[Any]) -> None:
    class Makes(Converter):
        def write(self, element: Element) -> Element:
            return element._replace(values=values)

    [(kind, tag, written_vr, text)] = _written([(EventType.ELEMENT, 0x00091001, vr, ())], {"private": Makes()})
    assert (kind, tag, written_vr) == (EventType.JSON_ELEMENT, 0x00091001, vr)
    assert json.loads(text) == {"vr": vr, "Value": expected}


@pytest.mark.parametrize("values", [(object(),), (b"a", 1), ({1: float("nan")},), "text", 5])
def test_values_that_json_has_not_fail(values: Any) -> None:
    class Makes(Converter):
        def write(self, element: Element) -> Element:
            return element._replace(values=values)

    with pytest.raises(ConverterError):
        _written([(EventType.ELEMENT, 0x00091001, "LO", ())], {"private": Makes()})


# --- failures --------------------------------------------------------------------------------------------------


def test_a_failure_says_where_and_why_but_not_what() -> None:
    document = [{}, {"00081140": {"vr": "SQ", "Value": [{}, _ITEM]}}]
    with pytest.raises(ConverterError) as caught:
        _read(document, {"PatientID": _Fails()})
    assert str(caught.value) == "the converter _Fails failed: KeyError ([1].00081140[1].00100020)"
    assert isinstance(caught.value.__cause__, KeyError)


def test_the_data_sets_before_a_failure_come_first_and_the_failure_stays() -> None:
    data = json.dumps([{"00100010": {"vr": "PN"}}, _ITEM, {}]).encode()
    parser = streamdicom.DatasetParser(options=ReadOptions(converters=Converters({"PatientID": _Fails()})))
    assert len(parser.feed(data)) == 1
    for call in (lambda: parser.feed(b""), parser.close):
        with pytest.raises(ConverterError):
            call()
    assert isinstance(parser.error, ConverterError)


@pytest.mark.parametrize("on_error", ["skip", "keep"])
@pytest.mark.parametrize("limits", [Limits(), _PARTS], ids=["whole", "parts"])
@pytest.mark.parametrize("sort", [False, True], ids=["vr first", "vr last"])
@pytest.mark.parametrize("tag", list(_DOCUMENT))
def test_one_element_is_lost_or_kept_and_told(tag: str, sort: bool, limits: Limits, on_error: Any) -> None:
    document = {key: row for key, row in _DOCUMENT.items() if key != "00280010" or not sort}
    if tag not in document:
        pytest.skip("the VR of many numbers comes too late for any reader")
    data = json.dumps(document, sort_keys=sort).encode()
    log = DeviationLog()
    options = ReadOptions(limits=limits, on_error=on_error, on_deviation=log, converters=Converters({tag: _Fails()}))
    expected = dict(document)
    if on_error == "skip":
        del expected[tag]
        if tag == "00100020":
            expected["00081140"] = {"vr": "SQ", "Value": [{}, {}]}
    plain = iter_events(json.dumps(expected, sort_keys=sort).encode(), options=ReadOptions(limits=limits))
    assert list(vr_first(iter_events(data, options=options))) == list(vr_first(plain))
    assert log.counts["converter-failed"] == (2 if tag == "00100020" else 1)
    assert log.first[-1].location.tag_path == tag


def test_a_failure_without_anybody_to_tell_is_a_warning() -> None:
    with pytest.warns(DeviationWarning, match="converter-failed"):
        _read(_ITEM, {"PatientID": _Fails()}, on_error="skip")
    with pytest.warns(DeviationWarning, match="converter-failed"):
        assert _written([(3, _ID, "LO", ())], {"PatientID": _Fails()}, on_error="keep") == [(3, _ID, "LO", ())]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _read(_ITEM, {"PatientID": _Fails()}, on_error="skip", deviations={"converter-failed": "ignore"})
    with pytest.raises(ConverterError):
        _read(_ITEM, {"PatientID": _Fails()}, on_error="skip", deviations={"converter-failed": "error"})


@pytest.mark.parametrize(
    "result",
    [
        Element(_NAME, "LO"),
        Element(_ID, "XX"),
        Element(_ID, "SQ"),
        Element(_ID, "LO", UNSEEN),
        Element(_ID, "LO", "text"),  # type: ignore[arg-type]
        (1, 2),
        "text",
    ],
)
def test_what_is_no_element_is_a_failure(result: Any) -> None:
    class Wrong(Converter):
        def read(self, element: Element) -> Element:
            return result  # type: ignore[no-any-return]

    with pytest.raises(ConverterError):
        _read(_ITEM, {"PatientID": Wrong()})


def test_an_array_stays_open_after_a_failure() -> None:
    writer = streamdicom.DatasetWriter(BytesIO(), options=WriteOptions(converters=Converters({"PatientID": _Fails()})))
    writer.write(pydicom.Dataset())
    dataset = pydicom.Dataset()
    dataset.PatientID = "1"
    for _ in range(2):
        with pytest.raises(ConverterError, match=re.escape("([1].00100020)")):
            writer.write(dataset)
    with pytest.raises(ConverterError):
        writer.close()


# --- dates -----------------------------------------------------------------------------------------------------

_ISO_PAIRS = [
    ("DA", "20260131", "2026-01-31"),
    ("TM", "0930", "09:30"),
    ("TM", "093059", "09:30:59"),
    ("TM", "235960", "23:59:60"),
    ("TM", "093059.000100", "09:30:59.000100"),
    ("DT", "2026", "2026"),
    ("DT", "202601", "2026-01"),
    ("DT", "20260131", "2026-01-31"),
    ("DT", "2026013109", "2026-01-31T09"),
    ("DT", "20260131093059.5+0100", "2026-01-31T09:30:59.5+01:00"),
    ("DT", "202601310930-0330", "2026-01-31T09:30-03:30"),
]
_LEFT_ALONE = [
    ("DA", "20260101-20260131"),
    ("DA", "-20260131"),
    ("DA", "20261301"),
    ("DA", "2026.01.31"),
    ("DA", "202601"),
    ("DA", ""),
    ("TM", "09"),
    ("TM", "0900-1000"),
    ("TM", "2500"),
    ("DT", "2025-2026"),
    ("DT", "2026+0100"),
    ("DT", "20260131093000-20260131100000"),
    ("DT", "soon"),
]


@pytest.mark.parametrize(("vr", "text", "iso"), _ISO_PAIRS)
def test_dates_are_iso_8601_in_json_and_come_back(vr: str, text: str, iso: str) -> None:
    assert IsoDates().write(Element(_DATE, vr, (text, None))).values == (iso, None)
    assert IsoDates().read(Element(_DATE, vr, (iso, None))).values == (text, None)


@pytest.mark.parametrize(("vr", "text"), _LEFT_ALONE)
def test_what_is_no_date_is_left_alone(vr: str, text: str) -> None:
    for converter in (IsoDates(), DatetimeObjects()):
        assert converter.write(Element(_DATE, vr, (text,))).values == (text,)
        assert converter.read(Element(_DATE, vr, (text,))).values == (text,)


@given(st.datetimes(), st.integers(-12 * 60, 14 * 60))
def test_every_date_is_what_python_says_it_is(moment: datetime, minutes: int) -> None:
    moment = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    [iso] = IsoDates().write(Element(0, "DT", DatetimeObjects().write(Element(0, "DT", (moment,))).values)).values
    assert datetime.fromisoformat(iso) == moment
    [text] = IsoDates().read(Element(0, "DT", (iso,))).values
    assert DatetimeObjects().read(Element(0, "DT", (text,))).values == (moment,)


@pytest.mark.parametrize(
    ("vr", "text", "value"),
    [
        ("DA", "20260131", date(2026, 1, 31)),
        ("TM", "093059", time(9, 30, 59)),
        ("TM", "093059.5", time(9, 30, 59, 500000)),
        ("DT", "20260131093059", datetime(2026, 1, 31, 9, 30, 59)),
        ("DT", "20260131093059-0330", datetime(2026, 1, 31, 9, 30, 59, 0, timezone(-timedelta(hours=3, minutes=30)))),
    ],
)
def test_dates_are_objects_and_come_back(vr: str, text: str, value: Any) -> None:
    assert DatetimeObjects().read(Element(_DATE, vr, (text,))).values == (value,)
    assert DatetimeObjects().write(Element(_DATE, vr, (value,))).values == (text,)


@pytest.mark.parametrize(
    ("vr", "text"), [("DA", "20260431"), ("TM", "0930"), ("TM", "235960"), ("DT", "2026"), ("DT", "202601310930")]
)
def test_what_no_object_can_hold_stays_text(vr: str, text: str) -> None:
    assert DatetimeObjects().read(Element(_DATE, vr, (text,))).values == (text,)


def test_an_object_of_another_kind_fails() -> None:
    converter = DatetimeObjects()
    moment = datetime(2026, 1, 31, 9, 30)
    assert converter.write(Element(_DATE, "DA", (moment,))).values == ("20260131",)
    assert converter.write(Element(_DATE, "TM", (moment,))).values == ("093000",)
    assert converter.write(Element(_DATE, "DT", (moment.date(),))).values == ("20260131",)
    for vr, value in (("DA", moment.time()), ("TM", moment.date()), ("DT", moment.time())):
        with pytest.raises(TypeError):
            converter.write(Element(_DATE, vr, (value,)))


def test_a_data_set_holds_dates_as_objects_and_is_written_as_before() -> None:
    text = streamdicom.dumps(pydicom.dcmread(get_testdata_file("CT_small.dcm"), stop_before_pixels=True))
    dataset = streamdicom.loads(text, options=ReadOptions(converters=Converters(DatetimeObjects())))
    original = pydicom.dcmread(get_testdata_file("CT_small.dcm"), stop_before_pixels=True)
    assert type(dataset.StudyDate) is date
    assert dataset.StudyDate.strftime("%Y%m%d") == original.StudyDate
    assert dataset.StudyTime.strftime("%H%M%S") == original.StudyTime
    assert streamdicom.dumps(dataset) == text


# --- names -----------------------------------------------------------------------------------------------------


def test_names_are_plain_strings() -> None:
    names = (("Yamada^Tarou", "山田^太郎", "やまだ^たろう"), None, ("Doe", "", ""), ("", "山", ""))
    [(_, _, _, text)] = _written([(EventType.ELEMENT, _NAME, "PN", names)], PlainNames())
    assert json.loads(text)["Value"] == ["Yamada^Tarou=山田^太郎=やまだ^たろう", None, "Doe", "=山"]
    options = ReadOptions(on_deviation=lambda deviation: None)
    assert _elements(iter_events(f'{{"00100010":{text}}}'.encode(), options=options)) == {"00100010": names}


# --- identity --------------------------------------------------------------------------------------------------


def test_a_file_without_its_identifiers() -> None:
    path = get_testdata_file("CT_small.dcm")
    target = BytesIO()
    options = WriteOptions(converters=Deidentifier())
    streamdicom.write_events(streamdicom.iter_file_events(path), target, options=options, array=False)
    found = json.loads(target.getvalue())
    original = pydicom.dcmread(path)
    for key, action in BEST_KNOWN_IDENTIFIERS.items():
        if pydicom.datadict.tag_for_keyword(key) and key in original:
            tag = f"{int(original[key].tag):08X}"
            assert (tag in found) is (action == "empty"), key
            assert set(found.get(tag, {})) <= {"vr"}
    assert not [tag for tag in found if int(tag[:4], 16) % 2]
    assert found["00080060"] == {"vr": "CS", "Value": ["CT"]}
    assert original.PatientName.encode() not in target.getvalue()
    assert original.PatientID.encode() not in target.getvalue()


def test_every_row_of_the_table_is_a_key() -> None:
    assert len(BEST_KNOWN_IDENTIFIERS) > 50
    assert set(BEST_KNOWN_IDENTIFIERS.values()) == {"remove", "empty"}
    Deidentifier(BEST_KNOWN_IDENTIFIERS)


def test_a_table_may_have_callables_and_converters() -> None:
    table = {"DA": lambda element: element._replace(values=("19000101",)), "UI": UidMap("x"), "PN": ("A", "B=C")}
    document = {
        "00080018": {"vr": "UI", "Value": ["1.2.3"]},
        "00080020": {"vr": "DA", "Value": ["20260131"]},
        "00100010": {"vr": "PN"},
    }
    found = _elements(_read(document, Deidentifier(table)))
    assert found["00080020"] == ("19000101",)
    assert found["00080018"] != ("1.2.3",)
    assert found["00100010"] == (("A", "", ""), ("B", "C", ""))


def test_the_same_uid_becomes_the_same_everywhere_and_those_of_dicom_stay() -> None:
    item = {
        "00081150": {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.2"]},
        "00081155": {"vr": "UI", "Value": ["1.2.3"]},
    }
    first = {"00080018": {"vr": "UI", "Value": ["1.2.3", "1.2.4", None]}, "00081140": {"vr": "SQ", "Value": [item]}}
    runs = [_read([first, item], UidMap("salt")) for _ in range(2)]
    assert runs[0] == runs[1]
    values = [event[3] for event in runs[0] if event[0] == EventType.ELEMENT]
    (one, other, nothing), (sop_class,), (inner,), _, (second,) = values
    assert one == inner == second != other
    assert nothing is None
    assert sop_class == "1.2.840.10008.5.1.4.1.1.2"
    assert uuid.UUID(int=int(one.removeprefix("2.25."))).version == 8
    assert pydicom.uid.UID(one).is_valid
    assert _elements(_read(first, UidMap("other salt")))["00080018"][0] != one


def test_the_converters_of_options_are_told_apart_and_can_be_pickled() -> None:
    options = ReadOptions(converters=Converters(IsoDates()))
    assert options != ReadOptions()
    restored = pickle.loads(pickle.dumps(options))
    assert isinstance(restored.converters.find(_DATE, "DA"), IsoDates)
