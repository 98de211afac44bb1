"""Pass elements through converters: in any form, at any level, with failures."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterable
from io import BytesIO
from typing import Any

import pydicom
import pytest

import streamdicom
from streamdicom import (
    ConverterError,
    Converters,
    DeviationLog,
    DeviationWarning,
    Event,
    EventType,
    LimitError,
    Limits,
    ReadOptions,
    WriteOptions,
    iter_events,
)
from streamdicom.converters import (
    UNSEEN,
    Converter,
    Element,
    PrivateKey,
)
from streamdicom.filters.convert import ElementConverter
from streamdicom.filters.late_vr import vr_first
from tests.support.each import each

_DATE, _NAME, _ID, _SEQUENCE = 0x00080020, 0x00100010, 0x00100020, 0x00081140


class _Marks(Converter):
    """Replace values with a mark."""

    def __init__(self, mark: str) -> None:
        self.mark = mark

    def read(self, element: Element) -> Element:
        return element._replace(values=(self.mark,), uri="")

    write = read


class _Acts(Converter):
    """Remove elements, empty them, or replace their values."""

    needs_value = False

    def __init__(self, action: Any) -> None:
        self.action = action

    def read(self, element: Element) -> Element | None:
        if self.action == "remove":
            return None
        return element._replace(values=() if self.action == "empty" else (self.action,), uri="")

    write = read


class _Fails(Converter):
    def read(self, element: Element) -> Element:
        raise KeyError("a secret value")

    write = read


class _Sees(Converter):
    """Remember the elements and change nothing."""

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


def test_private_creator_applies_to_its_own_data_set() -> None:
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
def test_unchanged_elements_keep_their_events(sort: bool) -> None:
    # Many numbers cannot be parsed without their VR.
    document = {tag: row for tag, row in _DOCUMENT.items() if not (sort and tag == "00280010")}
    data = json.dumps(document, sort_keys=sort).encode()
    for limits in (Limits(), _PARTS):
        expected = list(vr_first(iter_events(data, options=ReadOptions(limits=limits))))
        for sees in (_Sees(), _Sees(needs_value=False)):
            options = ReadOptions(limits=limits, converters=Converters({"xxxxxxxx": sees}))
            assert list(vr_first(iter_events(data, options=options))) == expected
            assert [element.tag for element in sees.seen] == [_SEQUENCE, _ID, *[int(t, 16) for t in document][1:]]


def test_long_values_are_joined_for_a_converter() -> None:
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


@each("sort", [False, True], ids=["vr first", "vr last"])
@each("cut", [False, True], ids=["whole", "byte by byte"])
@each("action", ["remove", "empty", "x"])
@each("tag", ["00100020", "00101002", "00081140", "00880200", "7FE00010"])
def test_any_element_can_be_removed_emptied_or_replaced(tag: str, action: str, cut: bool, sort: bool) -> None:
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
    parser = streamdicom.DatasetParser(options=ReadOptions(limits=_PARTS, converters=Converters({tag: _Acts(value)})))
    datasets = [ds for byte in data for ds in parser.feed(bytes([byte]))] if cut else parser.feed(data)
    datasets += parser.close()
    assert json.loads(streamdicom.dumps(datasets)) == [expected]


def test_fragments_are_unseen_but_can_be_replaced() -> None:
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
    assert _written(fragments, {"PixelData": _Acts(b"x")}) == [(3, 0x7FE00010, "OB", (b"x",))]
    assert _written(fragments, {"PixelData": _Acts("remove")}) == []


def test_json_element_is_unseen_but_can_be_removed() -> None:
    raw: list[Event] = [(EventType.JSON_ELEMENT, _NAME, "PN", '{"vr":"PN","Value":["Doe"]}')]
    assert _written(raw, {"PN": Converter()}) == raw
    assert _written(raw, {"PN": _Acts("remove")}) == []
    assert _written(raw, {"PN": _Acts(("A", "B", ""))}) == [(3, _NAME, "PN", (("A", "B", ""),))]
    sequence: list[Event] = [(EventType.JSON_ELEMENT, _SEQUENCE, "SQ", "{}")]
    assert [event[0] for event in _written(sequence, {"SQ": _Acts("empty")})] == [10, 13]


def test_values_and_references_can_replace_each_other() -> None:
    class Moves(Converter):
        def read(self, element: Element) -> Element:
            return Element(element.tag, "OW", (), "y") if element.values else Element(element.tag, "OW", (b"ab",))

    document = {"00880200": {"vr": "OW", "BulkDataURI": "x"}, "7FE00010": {"vr": "OW", "InlineBinary": "AAE="}}
    events = _read(document, {"OW": Moves()})
    assert events[1:-1] == [(3, 0x00880200, "OW", (b"ab",)), (4, 0x7FE00010, "OW", "y")]


def test_length_of_a_joined_value_is_bounded() -> None:
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


# --- results --------------------------------------------------------------------------------------------------


@each(
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


@each("values", [(object(),), (b"a", 1), ({1: float("nan")},), "text", 5])
def test_values_without_a_json_form_fail(values: Any) -> None:
    class Makes(Converter):
        def write(self, element: Element) -> Element:
            return element._replace(values=values)

    with pytest.raises(ConverterError):
        _written([(EventType.ELEMENT, 0x00091001, "LO", ())], {"private": Makes()})


# --- failures -------------------------------------------------------------------------------------------------


def test_failure_has_location_and_cause_but_no_value() -> None:
    document = [{}, {"00081140": {"vr": "SQ", "Value": [{}, _ITEM]}}]
    with pytest.raises(ConverterError) as caught:
        _read(document, {"PatientID": _Fails()})
    assert str(caught.value) == "the converter _Fails failed: KeyError ([1].00081140[1].00100020 PatientID)"
    assert isinstance(caught.value.__cause__, KeyError)


def test_data_sets_before_a_failure_are_delivered_first() -> None:
    data = json.dumps([{"00100010": {"vr": "PN"}}, _ITEM, {}]).encode()
    parser = streamdicom.DatasetParser(options=ReadOptions(converters=Converters({"PatientID": _Fails()})))
    assert len(parser.feed(data)) == 1
    for call in (lambda: parser.feed(b""), parser.close):
        with pytest.raises(ConverterError):
            call()
    assert isinstance(parser.error, ConverterError)


@each("on_error", ["skip", "keep"])
@each("limits", [Limits(), _PARTS], ids=["whole", "parts"])
@each("sort", [False, True], ids=["vr first", "vr last"])
@each("tag", list(_DOCUMENT))
def test_failed_element_is_skipped_or_kept_and_reported(tag: str, sort: bool, limits: Limits, on_error: Any) -> None:
    document = {key: row for key, row in _DOCUMENT.items() if key != "00280010" or not sort}
    if tag not in document:
        pytest.skip("many numbers cannot be parsed without their VR")
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


def test_failure_is_a_warning_by_default() -> None:
    with pytest.warns(DeviationWarning, match="converter-failed"):
        _read(_ITEM, {"PatientID": _Fails()}, on_error="skip")
    with pytest.warns(DeviationWarning, match="converter-failed"):
        assert _written([(3, _ID, "LO", ())], {"PatientID": _Fails()}, on_error="keep") == [(3, _ID, "LO", ())]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _read(_ITEM, {"PatientID": _Fails()}, on_error="skip", deviations={"converter-failed": "ignore"})
    with pytest.raises(ConverterError):
        _read(_ITEM, {"PatientID": _Fails()}, on_error="skip", deviations={"converter-failed": "error"})


@each(
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
def test_invalid_result_is_a_failure(result: Any) -> None:
    class Wrong(Converter):
        def read(self, element: Element) -> Element:
            return result  # type: ignore[no-any-return]

    with pytest.raises(ConverterError):
        _read(_ITEM, {"PatientID": Wrong()})


def test_array_stays_open_after_a_failure() -> None:
    writer = streamdicom.DatasetWriter(BytesIO(), options=WriteOptions(converters=Converters({"PatientID": _Fails()})))
    writer.write(pydicom.Dataset())
    dataset = pydicom.Dataset()
    dataset.PatientID = "1"
    for _ in range(2):
        with pytest.raises(ConverterError, match=re.escape("([1].00100020 PatientID)")):
            writer.write(dataset)
    with pytest.raises(ConverterError):
        writer.close()
