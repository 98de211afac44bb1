"""Departures from the Native DICOM Model, and the elements they cost."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

import streamdicom
from streamdicom.deviations import DEVIATIONS, DeviationLog
from streamdicom.errors import DicomXmlError, InputError, LimitError
from streamdicom.events import Event, EventType
from streamdicom.formats.xml import XmlParser
from streamdicom.limits import Limits
from streamdicom.options import OnError, ReadOptions
from tests.formats.json.reading import (
    KEY,
    MARK,
    SMALL,
    TAG,
    bulk_data,
    cases,
    element,
    end_parts,
    in_dataset,
    segments,
    sequence,
    shown,
    some,
    start_parts,
)
from tests.formats.xml.reading import (
    NAMESPACE,
    attribute,
    document,
    read_badly,
    read_fully,
    read_oddly,
    read_well,
    values,
)
from tests.support.each import each

_AT = f'{MARK}<DicomAttribute tag="{KEY}" vr='
_END = "</DicomAttribute>"
_NAME = "<Alphabetic><FamilyName>Doe</FamilyName></Alphabetic>"
_NAN, _INF = float("nan"), float("inf")


def _odd(vr: str, content: str, more: str = "") -> str:
    """Return an attribute with a mark at its start."""
    return f'{_AT}"{vr}"{more}>{content}{_END}'


def _person(*groups: str) -> str:
    return f'<PersonName number="1">{"".join(groups)}</PersonName>'


# --- forms that are read ---------------------------------------------------------------------------------------------

_FORMS: list[tuple[str, str, list[str], Sequence[Event]]] = [
    # data sets
    ("element-in-data-set", f"{MARK}<a><b>x</b></a>" + attribute("LO"), ["unknown-key"], [element("LO")]),
    ("value-in-data-set", f'{MARK}<Value number="1">x</Value>', ["unknown-key"], []),
    ("text-in-data-set", f"x{MARK}" + attribute("LO"), ["unknown-key"], [element("LO")]),
    ("text-at-end", f"a\u00a0b{MARK}", ["unknown-key"], []),
    ("no-tag", f'{MARK}<DicomAttribute vr="LO">{values("a")}{_END}', ["unknown-key"], []),
    ("odd-tag", f'{MARK}<DicomAttribute tag="0010" vr="LO"/>', ["unknown-key"], []),
    ("lower-case", f'{MARK}<DicomAttribute tag="0010002a" vr="LO"/>', ["key-form"], [element("LO", tag=0x0010002A)]),
    ("parentheses", f'{MARK}<DicomAttribute tag="(0009,1001)" vr="LO"/>', ["key-form"], [element("LO")]),
    (
        "keyword-only",
        f'{MARK}<DicomAttribute keyword="PatientID" vr="LO"/>',
        ["keyword-key"],
        [element("LO", tag=0x00100020)],
    ),
    (
        "keyword-as-tag",
        f'{MARK}<DicomAttribute tag="PatientID" vr="LO"/>',
        ["keyword-key"],
        [element("LO", tag=0x00100020)],
    ),
    ("duplicate", attribute("LO", values("a")) + _odd("SH", values("b")), ["duplicate-key"], [element("LO", "a")]),
    (
        "duplicate-sequence",
        attribute("LO") + _odd("SQ", f'<Item number="1">{attribute("LO")}</Item>'),
        ["duplicate-key"],
        [element("LO")],
    ),
    (
        "order",
        attribute("LO", tag="00100020") + MARK + attribute("LO", tag="00080080"),
        ["key-order"],
        [element("LO", tag=0x00100020), element("LO", tag=0x00080080)],
    ),
    (
        "duplicate-after-disorder",
        attribute("LO") + attribute("LO", tag="0009100F") + _odd("SH", ""),
        ["duplicate-key"],
        [element("LO"), element("LO", tag=0x0009100F)],
    ),
    ("group-length", MARK + attribute("UL", tag="00080000"), ["group-length"], [element("UL", tag=0x00080000)]),
    (
        "file-meta",
        MARK + attribute("UI", tag="00020010") + attribute("SH", tag="00020013"),
        ["file-meta"],
        [element("UI", tag=0x00020010), element("SH", tag=0x00020013)],
    ),
    (
        "file-meta-in-item",
        attribute(
            "SQ",
            f'<Item number="1">{MARK}{attribute("UI", tag="00020010")}{attribute("SH", tag="00020013")}</Item>',
        ),
        ["file-meta-in-item"],
        sequence([element("UI", tag=0x00020010), element("SH", tag=0x00020013)]),
    ),
    # XML attributes
    ("other-xml-attribute", _odd("LO", "", ' x="1"'), ["unknown-member"], [element("LO")]),
    (
        "xml-attribute-of-value",
        _odd("LO", '<Value number="1" x="1">a</Value>'),
        ["unknown-member"],
        [element("LO", "a")],
    ),
    (
        "creator-of-standard",
        f'{MARK}<DicomAttribute tag="00100020" vr="LO" privateCreator="A"/>',
        ["unknown-member"],
        [element("LO", tag=0x00100020)],
    ),
    (
        "keyword",
        f'{MARK}<DicomAttribute tag="00100020" vr="LO" keyword="PatientName">{values("a")}{_END}',
        ["keyword-mismatch"],
        [element("LO", "a", tag=0x00100020)],
    ),
    ("no-vr", f'{MARK}<DicomAttribute tag="{KEY}"/>', ["missing-vr"], [element("UN")]),
    ("empty-vr", f'{MARK}<DicomAttribute tag="{KEY}" vr=""/>', ["missing-vr"], [element("UN")]),
    (
        "no-vr-of-text",
        f'{MARK}<DicomAttribute tag="00100020">{values("a")}{_END}',
        ["missing-vr"],
        [element("LO", "a", tag=0x00100020)],
    ),
    (
        "no-vr-of-name",
        f'{MARK}<DicomAttribute tag="00100010">{_person(_NAME)}{_END}',
        ["missing-vr"],
        [element("PN", ("Doe", "", ""), tag=0x00100010)],
    ),
    (
        "no-vr-of-number",
        f'{MARK}<DicomAttribute tag="00280106">{values("1")}{_END}',
        ["missing-vr"],
        [element("US", 1, tag=0x00280106)],
    ),
    (
        "no-vr-of-negative-number",
        f'{MARK}<DicomAttribute tag="00280106">{values("-1")}{_END}',
        ["missing-vr"],
        [element("SS", -1, tag=0x00280106)],
    ),
    (
        "no-vr-of-pixels",
        f'{MARK}<DicomAttribute tag="7FE00010"><InlineBinary>AAE=</InlineBinary>{_END}',
        ["missing-vr"],
        [element("OW", b"\0\1", tag=0x7FE00010)],
    ),
    (
        "no-vr-of-reference",
        f'{MARK}<DicomAttribute tag="7FE00010"><BulkData uri="a"/>{_END}',
        ["missing-vr"],
        [(EventType.BULK_DATA, 0x7FE00010, "OW", "a")],
    ),
    (
        "no-vr-of-creator",
        f'{MARK}<DicomAttribute tag="00090010">{values("A")}{_END}',
        ["missing-vr"],
        [element("LO", "A", tag=0x00090010)],
    ),
    ("no-vr-of-items", f'{MARK}<DicomAttribute tag="{KEY}"><Item number="1"/>{_END}', ["missing-vr"], sequence([])),
    ("no-vr-of-sequence", f'{MARK}<DicomAttribute tag="00081140"/>', ["missing-vr"], sequence(tag=0x00081140)),
    ("unknown-vr", _odd("XX", ""), ["unknown-vr"], [element("UN")]),
    ("unknown-vr-of-binary", _odd("XX", "<InlineBinary>AAE=</InlineBinary>"), ["unknown-vr"], [element("UN", b"\0\1")]),
    ("unknown-vr-of-items", _odd("XX", '<Item number="1"/>'), ["unknown-vr"], sequence([])),
    # contents
    ("element-in-attribute", _odd("LO", f"<a>x</a>{values('a')}"), ["unknown-member"], [element("LO", "a")]),
    ("text-in-attribute", _odd("LO", f"x{values('a')}"), ["unknown-member"], [element("LO", "a")]),
    ("text-after-value", _odd("LO", f"{values('a')}x"), ["unknown-member"], [element("LO", "a")]),
    (
        "element-in-value",
        _odd("LO", '<Value number="1">a<b>c<d/></b>e</Value>'),
        ["unknown-member"],
        [element("LO", "ae")],
    ),
    (
        "element-in-binary",
        _odd("OB", "<InlineBinary>AA<a>x</a>E=</InlineBinary>"),
        ["unknown-member"],
        [element("OB", b"\0\1")],
    ),
    (
        "element-in-reference",
        _odd("OB", '<BulkData uri="a"><a/></BulkData>'),
        ["unknown-member"],
        [bulk_data("OB", "a")],
    ),
    ("name-and-text", _odd("PN", _person(_NAME, "x")), ["unknown-member"], [element("PN", ("Doe", "", ""))]),
    ("component-in-name", _odd("PN", _person("<a/>", _NAME)), ["unknown-member"], [element("PN", ("Doe", "", ""))]),
    (
        "element-in-group",
        _odd("PN", _person("<Alphabetic><Name/><FamilyName>Doe<a/></FamilyName></Alphabetic>")),
        ["unknown-member"] * 2,
        [element("PN", ("Doe", "", ""))],
    ),
    (
        "two-groups",
        _odd("PN", _person(_NAME, "<Alphabetic><FamilyName>Roe</FamilyName></Alphabetic>")),
        ["unknown-member"],
        [element("PN", ("Doe", "", ""))],
    ),
    (
        "two-components",
        _odd("PN", _person("<Alphabetic><FamilyName>Doe</FamilyName><FamilyName>Roe</FamilyName></Alphabetic>")),
        ["unknown-member"],
        [element("PN", ("Doe", "", ""))],
    ),
    (
        "value-and-binary",
        _odd("OB", "<InlineBinary>AAE=</InlineBinary>" + values("a")),
        ["several-contents"],
        [element("OB", b"\0\1")],
    ),
    (
        "reference-and-binary",
        _odd("OB", '<BulkData uri="a"/><InlineBinary>AAE=</InlineBinary>'),
        ["several-contents"],
        [element("OB", b"\0\1")],
    ),
    (
        "value-and-reference",
        _odd("LT", values("a") + '<BulkData uri="a"/>'),
        ["several-contents"],
        [element("LT", "a")],
    ),
    (
        "two-references",
        _odd("OB", '<BulkData uri="a"/><BulkData uri="b"/>'),
        ["several-contents"],
        [bulk_data("OB", "a")],
    ),
    ("two-uris", _odd("OB", '<BulkData uri="a" uuid="b"/>'), ["several-contents"], [bulk_data("OB", "a")]),
    (
        "items-and-value",
        f'<DicomAttribute tag="{KEY}" vr="SQ"><Item number="1"/>{MARK}<Value number="1">a</Value>{_END}',
        ["several-contents"],
        sequence([]),
    ),
    (
        "item-number",
        f'<DicomAttribute tag="{KEY}" vr="SQ"><Item number="1"/>{MARK}<Item number="3"/>{_END}',
        ["value-number"],
        sequence([], []),
    ),
    (
        "items-for-vr",
        _odd("UN", f'<Item number="1">{attribute("LO")}</Item>'),
        ["items-for-vr"],
        sequence([element("LO")]),
    ),
    ("binary-for-vr", _odd("US", "<InlineBinary>AQACAA==</InlineBinary>"), ["binary-for-vr"], [element("US", 1, 2)]),
    ("no-binary-for-vr", _odd("LO", "<InlineBinary/>"), ["binary-for-vr"], [element("LO")]),
    # values
    ("no-number", _odd("LO", "<Value>a</Value><Value>b</Value>"), ["value-number"] * 2, [element("LO", "a", "b")]),
    ("odd-number", _odd("LO", '<Value number="x">a</Value>'), ["value-number"], [element("LO", "a")]),
    ("zero", _odd("LO", '<Value number="0">a</Value>'), ["value-number"], [element("LO", "a")]),
    ("again", _odd("LO", values("a") + values("b")), ["value-number"], [element("LO", "a", "b")]),
    ("one-empty", _odd("LO", values("")), ["null-only"], [element("LO")]),
    ("backslash", _odd("CS", values(r"CT\\MR")), ["backslash"], [element("CS", "CT", None, "MR")]),
    ("backslash-in-decimal", _odd("DS", values(r"-255.5\-175")), ["backslash"], [element("DS", "-255.5", "-175")]),
    ("no-decimal", _odd("DS", values("1,5")), ["not-a-number"], [element("DS", "1,5")]),
    ("no-integer", _odd("IS", values("1.5")), ["not-a-number"], [element("IS", "1.5")]),
    ("fraction", _odd("IS", values("1.0")), ["integer-fraction"], [element("IS", "1.0")]),
    ("range", _odd("US", values("65536", "-1")), ["out-of-range"] * 2, [element("US", 65536, -1)]),
    ("dcmtk", _odd("FL", values("nan", "inf", "-inf")), ["nonfinite-spelling"] * 3, [element("FL", _NAN, _INF, -_INF)]),
    ("java", _odd("FL", values("Infinity", "-Infinity")), ["nonfinite-spelling"] * 2, [element("FL", _INF, -_INF)]),
    (
        "largest",
        _odd("FD", values("1.7976931348623157e308")),
        ["largest-double"],
        [element("FD", 1.7976931348623157e308)],
    ),
    ("tag-form", _odd("AT", values("0018106a")), ["tag-value-form"], [element("AT", 0x0018106A)]),
    ("name-as-value", _odd("PN", values("Doe=Roe")), ["name-as-string"], [element("PN", ("Doe", "Roe", ""))]),
    (
        "groups-in-one",
        _odd("PN", _person("<Alphabetic><FamilyName>A=I=P</FamilyName></Alphabetic>")),
        ["name-groups-in-one"],
        [element("PN", ("A", "I", "P"))],
    ),
    (
        "empty-groups",
        _odd("PN", _person(_NAME, "<Phonetic><FamilyName>C=</FamilyName></Phonetic>")),
        ["name-groups-in-one"],
        [element("PN", ("Doe", "", "C"))],
    ),
    (
        "more-groups",
        _odd("PN", _person(_NAME, "<Phonetic><FamilyName>C=D</FamilyName></Phonetic>")),
        ["name-groups-in-one"],
        [element("PN", ("Doe", "", "C=D"))],
    ),
    (
        "all-groups-in-one",
        _odd("PN", _person("<Alphabetic><FamilyName>A=B=C=D=</FamilyName></Alphabetic>")),
        ["name-groups-in-one"],
        [element("PN", ("A", "B", "C=D"))],
    ),
    (
        "names-in-one",
        _odd("PN", values(r"A\B=C")),
        ["backslash", *["name-as-string"] * 2],
        [element("PN", ("A", "", ""), ("B", "C", ""))],
    ),
    ("delimiter", MARK + attribute("UN", tag="FFFEE00D"), ["delimiter-key"], []),
    (
        "ambiguous-vr",
        f'{MARK}<DicomAttribute tag="00280106" vr="US or SS">{values("-1")}{_END}',
        ["ambiguous-vr"],
        [element("SS", -1, tag=0x00280106)],
    ),
    (
        "pixel-representation",
        attribute("US", values("1"), "00280103") + f'{MARK}<DicomAttribute tag="00280106" vr="xs">{values("1")}{_END}',
        ["ambiguous-vr"],
        [element("US", 1, tag=0x00280103), element("SS", 1, tag=0x00280106)],
    ),
    ("several-texts", _odd("LT", values("a", "", "b")), ["several-values"], [element("LT", "a\\\\b")]),
    ("integer-range", _odd("IS", values("99999999999")), ["out-of-range"], [element("IS", "99999999999")]),
    ("inexact", _odd("FL", values("16777217")), ["inexact-number"], [element("FL", 16777217.0)]),
    ("beyond-single", _odd("FL", values("1e39")), ["out-of-range"], [element("FL", 1e39)]),
    ("no-padding", _odd("OB", "<InlineBinary>AAE</InlineBinary>"), ["base64-form"], [element("OB", b"\0\1")]),
    ("url-safe", _odd("OB", "<InlineBinary>_-8=</InlineBinary>"), ["base64-form"], [element("OB", b"\xff\xef")]),
    ("no-uri", _odd("OB", "<BulkData/>"), ["empty-uri"], [element("OB")]),
    ("empty-uri-of-sequence", _odd("SQ", '<BulkData uri=""/>'), ["empty-uri"], sequence()),
    (
        "creator-of-another",
        attribute("LO", values("x"), "00090001", ' privateCreator="A"')
        + MARK
        + attribute("LO", values("B"), "00090010"),
        ["duplicate-key"],
        [element("LO", "A", tag=0x00090010), element("LO", "x")],
    ),
]


@each(("text", "codes", "events"), cases(_FORMS))
def test_form_is_read_and_reported(text: str, codes: list[str], events: Sequence[Event]) -> None:
    assert read_oddly(document(text)) == (shown(in_dataset(events)), codes)


@each(("text", "codes", "events"), cases(_FORMS))
def test_form_is_an_error_in_the_strict_profile(text: str, codes: list[str], events: Sequence[Event]) -> None:
    _, error = read_badly(document(text), ReadOptions(profile="strict"))
    assert type(error) is DicomXmlError
    only = {code: "ignore" for code in DEVIATIONS if code not in codes}
    _, error_too = read_badly(document(text), ReadOptions(profile="strict", deviations=only))  # type: ignore[arg-type]
    assert str(error) == str(error_too)


def test_missing_namespace_is_a_deviation() -> None:
    options = ReadOptions(deviations={"no-namespace": "report"})
    _, deviations, _ = read_fully(f"<!-- --><NativeDicomModel/> <NativeDicomModel xmlns='{NAMESPACE}'/>", options)
    assert [(one.code, one.location.byte_offset, one.location.dataset_index) for one in deviations] == [
        ("no-namespace", 8, 0)
    ]


# --- values that cannot be right ------------------------------------------------------------------------------------

_WRONG: list[tuple[str, str, str, str]] = [
    ("text-in-number", _odd("US", values("many", "1.50", "")), "an integer for VR US", '["many",1.50,null]'),
    ("integer-of-python", _odd("UL", values("1_0")), "an integer for VR UL", '["1_0"]'),
    ("integer-digits", _odd("SV", values("٣")), "an integer for VR SV", '["٣"]'),
    ("fraction", _odd("SS", values("1.5")), "an integer for VR SS", "[1.5]"),
    ("float", _odd("FD", values("1,5")), "a number for VR FD", '["1,5"]'),
    ("float-of-python", _odd("FD", values("1_0.5")), "a number for VR FD", '["1_0.5"]'),
    ("overflow", _odd("FD", values("1e400")), "a number for VR FD", "[1e400]"),
    ("blank", _odd("FD", values(" ")), "a number for VR FD", '[" "]'),
    ("tag", _odd("AT", values("PatientID")), "a tag of eight hexadecimal digits for VR AT", '["PatientID"]'),
    ("value-of-sq", _odd("SQ", values("a")), "items for VR SQ", '["a"]'),
    ("value-of-ob", _odd("OB", values("a\n", "<![CDATA[\"<]]>")), "InlineBinary or BulkData", '["a\\n","\\"<"]'),
    ("name-of-lo", _odd("LO", _person(_NAME)), "a text for VR LO", '[{"Alphabetic":"Doe"}]'),
    (
        "backslash-in-group",
        _odd("PN", _person(_NAME, r"<Phonetic><GivenName>a\b</GivenName></Phonetic>")),
        "expected one name",
        r'[{"Alphabetic":"Doe","Phonetic":"^a\\b"}]',
    ),
    ("four-groups-in-text", _odd("PN", values("A=I=P=Q")), "three component groups", '["A=I=P=Q"]'),
    ("base64", _odd("OB", "<InlineBinary> A\n</InlineBinary>"), "expected base64", ' A\n'),
    ("binary-for-vr", _odd("US", "<InlineBinary>AAAA</InlineBinary>"), "a Value Field of VR US", "AAAA"),
    ("reference-for-vr", _odd("LO", '<BulkData uri="a&amp;b"/>'), "a VR that allows BulkData", "a&b"),
    ("uuid-for-vr", _odd("CS", '<BulkData uuid="a"/>'), "a VR that allows BulkData", "urn:uuid:a"),
]  # fmt: skip
_MEMBERS = {"base64": "InlineBinary", "binary-for-vr": "InlineBinary", "reference-for-vr": "BulkDataURI"}
_MEMBERS["uuid-for-vr"] = "BulkDataURI"


def _wrong_cases() -> Iterator[Any]:
    for name, text, message, kept in _WRONG:
        member = _MEMBERS.get(name, "Value")
        yield pytest.param(text, message, kept if member == "Value" else json.dumps(kept), member, id=name)


_WRONG_CASES = list(_wrong_cases())


def _around(text: str) -> str:
    return document(attribute("LO", tag="00090010"), text, attribute("LO", tag="00091002"))


@each(("text", "message", "kept", "member"), _WRONG_CASES)
def test_wrong_value_is_an_error_by_default(text: str, message: str, kept: str, member: str) -> None:
    for options in (ReadOptions(), ReadOptions(on_error="keep", deviations={"wrong-value": "error"})):
        events, error = read_badly(_around(text), options)
        assert type(error) is DicomXmlError
        assert message in error.message
        assert error.location.tag_path == KEY
        assert events == shown(in_dataset([element("LO", tag=0x00090010)]))[:-1]


@each(("text", "message", "kept", "member"), _WRONG_CASES)
def test_wrong_value_costs_its_element(text: str, message: str, kept: str, member: str) -> None:
    before, after = element("LO", tag=0x00090010), element("LO", tag=0x00091002)
    events, codes = read_oddly(_around(text), ReadOptions(on_error="skip"))
    assert events == shown(in_dataset([before, after]))
    assert codes[-1] == "wrong-value"
    events, codes_too = read_oddly(_around(text), ReadOptions(on_error="keep"))
    vr = text.partition('vr="')[2][:2]
    event = (EventType.JSON_ELEMENT, TAG, vr, f'{{"vr":"{vr}","{member}":{kept}}}')
    assert events == shown(in_dataset([before, event, after]))
    assert codes_too == codes


@each(("text", "message", "kept", "member"), _WRONG_CASES)
@pytest.mark.filterwarnings("ignore")
def test_kept_element_is_written_unchanged(text: str, message: str, kept: str, member: str) -> None:
    options = ReadOptions(on_error="keep", on_deviation=DeviationLog())
    events = list(streamdicom.iter_events(_around(text).replace(MARK, "").encode(), options=options))
    target = io.BytesIO()
    streamdicom.write_events(events, target, format="xml")
    assert list(streamdicom.iter_events(target.getvalue(), options=options)) == events
    target = io.BytesIO()
    streamdicom.write_events(events, target)
    assert kept in target.getvalue().decode()
    [dataset] = streamdicom.iter_datasets(_around(text).replace(MARK, "").encode(), options=options)
    assert dataset[TAG].VR == "UN"


def test_unknown_vr_with_values_is_kept_with_its_text() -> None:
    text = document(_odd("&lt;X&gt;", values("a")))
    events, codes = read_oddly(text, ReadOptions(on_error="keep"))
    assert codes == ["unknown-vr", "wrong-value"]
    assert events[1] == ("JSON_ELEMENT", KEY, "", repr('{"vr":"<X>","Value":["a"]}'))
    target = io.BytesIO()
    streamdicom.write_events(
        [(1, 0, "", 0), (17, TAG, "", '{"vr":"<X>","Value":["a"]}'), (2, 0, "", None)], target, format="xml"
    )
    assert read_oddly(target.getvalue().decode(), ReadOptions(on_error="keep")) == (events, codes)


def test_value_without_vr_that_is_not_known_is_kept() -> None:
    text = document(f'{MARK}<DicomAttribute tag="{KEY}">{values("a")}{_END}')
    events, codes = read_oddly(text, ReadOptions(on_error="keep"))
    assert codes == ["missing-vr", "wrong-value"]
    assert events[1] == ("JSON_ELEMENT", KEY, "", repr('{"Value":["a"]}'))


def test_fault_in_an_item_costs_its_element_only() -> None:
    item = f'<Item number="1">{attribute("LO", values("a"))}{MARK}{attribute("US", values("x"), "00091002")}</Item>'
    events, codes = read_oddly(document(attribute("SQ", item + '<Item number="2"/>')), ReadOptions(on_error="skip"))
    assert (events, codes) == (shown(in_dataset(sequence([element("LO", "a")], []))), ["wrong-value"])


# --- long values, and limits -----------------------------------------------------------------------------------------

_LONG_TEXT = "abcdefghijklmnop"
_LONG: list[tuple[str, str, list[Event]]] = [
    ("items-of-lo", _odd("LO", f'<Item number="1">{attribute("LO")}</Item>x'), []),
    ("two-long-texts", _odd("LT", values("a", _LONG_TEXT)), []),
    (
        "long-text-and-another",
        _odd("LT", values(_LONG_TEXT, "a")),
        [start_parts("LT"), *segments("LT", _LONG_TEXT[:12], _LONG_TEXT[12:]), end_parts("LT")],
    ),
    ("number", _odd("US", values("1", "1" * 13)), []),
    ("decimal", _odd("DS", values("1" * 13)), []),
    ("name", _odd("PN", _person(f"<Alphabetic><FamilyName>{_LONG_TEXT}</FamilyName></Alphabetic>", _NAME)), []),
    ("value-of-ob", _odd("OB", values(_LONG_TEXT, "a")), []),
    ("unknown-vr", _odd("XX", values(_LONG_TEXT)), []),
    ("many-values-of-sq", _odd("SQ", values(*"abcdefg")), []),
    ("gap", _odd("LO", '<Value number="5">a</Value><Value number="6"/>'), []),
    ("gap-of-names", _odd("PN", f'<PersonName number="5">{_NAME}</PersonName>'), []),
    ("large-gap", _odd("LO", '<Value number="99999999999"/>'), []),
    (
        "base64-later",
        _odd("OB", "<InlineBinary>AAECAwQFBgcI!AAA</InlineBinary>"),
        [start_parts("OB"), *segments("OB", bytes(range(9)), b""), end_parts("OB")],
    ),
    (
        "base64-end",
        _odd("OB", "<InlineBinary>AAECAwQFBgcIA</InlineBinary>"),
        [start_parts("OB"), *segments("OB", bytes(range(9)), b""), end_parts("OB")],
    ),
    (
        "wrong-value-of-many",
        _odd("US", values("1", "2", "3", "x", "5")),
        [start_parts("US"), some("US", 1, 2, 3, None), some("US", 5), end_parts("US")],
    ),
]


@each(("text", "events"), cases(_LONG))
def test_fault_in_a_long_value_costs_its_element(text: str, events: list[Event]) -> None:
    limits = ReadOptions(limits=SMALL)
    _, error = read_badly(_around(text), limits)
    assert isinstance(error, LimitError | DicomXmlError)
    skips: list[OnError] = ["skip", "keep"]
    for on_error in skips:
        found, codes = read_oddly(_around(text), ReadOptions(limits=SMALL, on_error=on_error))
        before, after = element("LO", tag=0x00090010), element("LO", tag=0x00091002)
        assert found == shown(in_dataset([before, *events, after]))
        assert codes[-1] == "wrong-value"


def test_backslash_in_a_long_text_separates_values() -> None:
    text = document(_odd("UC", values(r"abc\defghijklmnop\q")))
    parts = [*segments("UC", "abc"), *segments("UC", "defghijk", "lmnop"), *segments("UC", "q")]
    events, codes = read_oddly(text, ReadOptions(limits=SMALL))
    assert events == shown(in_dataset([start_parts("UC"), *parts, end_parts("UC")]))
    assert set(codes) == {"backslash"}


def test_long_number_is_kept() -> None:
    options = ReadOptions(limits=Limits(number_length=8), on_error="keep")
    events, codes = read_oddly(document(_odd("UV", values("123456789"))), options)
    assert (events[1][3], codes) == (repr('{"vr":"UV","Value":[123456789]}'), ["wrong-value"])


def test_long_binary_value_for_another_vr_is_unknown() -> None:
    text = document(_odd("US", "<InlineBinary>AAECAwQFBgcICQ==</InlineBinary>"))
    parts = [start_parts("UN"), *segments("UN", bytes(range(9)), b"\x09"), end_parts("UN")]
    assert read_oddly(text, ReadOptions(limits=SMALL)) == (shown(in_dataset(parts)), ["binary-for-vr"])


@each("on_error", ["raise", "skip"])
def test_left_out_values_are_bounded_by_the_length_of_the_stream(on_error: OnError) -> None:
    gap = attribute("LO", '<Value number="4097"/>', "00100020")
    data = document(gap).encode() * 200
    parser = XmlParser(options=ReadOptions(on_error=on_error, on_deviation=DeviationLog()))
    events = parser.feed(data)
    found = sum([len(value) for _, _, _, value in events if isinstance(value, tuple)])
    assert 4097 <= found <= 4097 + len(data)
    assert (parser.error is not None) == (on_error == "raise")


def test_skipped_elements_are_bounded_in_depth() -> None:
    assert read_oddly(document(f"{MARK}<a>" + "<a>" * 12 + "</a>" * 13), ReadOptions(limits=Limits(depth=13)))[1]
    _, error = read_badly(document("<a>" * 13 + f"{MARK}<a>" + "</a>" * 14), ReadOptions(limits=Limits(depth=13)))
    assert isinstance(error, LimitError)
    assert error.limit == "depth"


@pytest.mark.parametrize(
    ("creator", "message"),
    [("A" * 257, "at most 256 characters"), ("A256", "no private block is free (PS3.5 7.8.1)")],
)
@pytest.mark.slow
def test_private_element_without_a_block_costs_itself(creator: str, message: str) -> None:
    creators = [f' privateCreator="A{number}"' for number in range(0x10, 0x100)] if creator == "A256" else []
    before = "".join([attribute("LO", "", "00090001", more) for more in creators])
    text = document(before, MARK + attribute("LO", values("x"), "00090001", f' privateCreator="{creator}"'))
    _, error = read_badly(text)
    assert (type(error), message in error.message) == (DicomXmlError, True)
    events, codes = read_oddly(text, ReadOptions(on_error="skip"))
    assert codes == ["wrong-value"]
    assert events == read_well(document(before))


def test_long_creator_of_reserved_block_is_a_duplicate() -> None:
    private = attribute("LO", values("x"), "00090001", ' privateCreator="A"')
    again = MARK + attribute("LO", values("A" * 13), "00090010")
    events, codes = read_oddly(document(private, again), ReadOptions(limits=SMALL))
    assert events == shown(in_dataset([element("LO", "A", tag=0x00090010), element("LO", "x")]))
    assert codes == ["duplicate-key"]


# --- reports ---------------------------------------------------------------------------------------------------------


def test_reports_have_index_and_tag_path() -> None:
    item = f'<Item number="1"/><Item number="2">{attribute("US", values("65536"), "00280010")}</Item>'
    _, [deviation], _ = read_fully(document() + "\n" + document(attribute("SQ", item, "00081140")))
    assert deviation.location.dataset_index == 1
    assert deviation.location.tag_path == "00081140[1].00280010"
    assert deviation.severity is DEVIATIONS["out-of-range"].severity


def test_warning_has_the_place() -> None:
    text = document(attribute("US", values("65536"), "00280010"))
    with pytest.warns(streamdicom.DeviationWarning, match=r"another number \(byte 18, \[0\]\.00280010 Rows\)"):
        list(streamdicom.iter_events(text.encode()))


def test_messages_never_quote_the_document() -> None:
    texts = [text for _, text, *_ in _FORMS] + [text for _, text, *_ in _WRONG]
    for text in texts:
        for word in ("PatientID", "many", "Doe", "XX", "FamilyName>A"):
            text = text.replace(word, word[: -len(word)] + "Secret" if word != "FamilyName>A" else "FamilyName>Secret")
        _, deviations, error = read_fully(document(text.replace(MARK, "")), ReadOptions(on_error="keep"))
        assert "Secret" not in str(error)
        assert "Secret" not in "".join(map(str, deviations))


@each("code", [code for code, row in DEVIATIONS.items() if row.example.startswith("<")])
def test_example_of_a_code_has_this_code_only(code: str) -> None:
    log = DeviationLog()
    list(streamdicom.iter_events(DEVIATIONS[code].example.encode(), options=ReadOptions(on_deviation=log)))
    assert set(log.counts) == {code}


def test_every_deviation_of_a_stream_is_reported() -> None:
    data = document(attribute("US", values("65536"), "00280010")).encode() * 3
    log = DeviationLog()
    list(streamdicom.iter_events(data, options=ReadOptions(on_deviation=log)))
    assert log.counts == {"out-of-range": 3, "no-namespace": 3}


def test_input_errors_are_not_recoverable() -> None:
    for text in (document("<a>"), "<NativeDicomModel><DicomAttribute></Value>"):
        error: Any = read_fully(text, ReadOptions(on_error="skip"))[2]
        assert isinstance(error, InputError)
