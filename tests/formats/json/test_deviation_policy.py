"""Deviations: errors in the strict profile, reports in the lenient profile."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import pydicom
import pytest

import streamdicom
from streamdicom import DEVIATIONS, Deviation, DeviationLog, DeviationWarning, Severity
from streamdicom.dicom import VRS
from streamdicom.errors import DicomJsonError, InputError, JsonSyntaxError, LimitError
from streamdicom.events import Event, EventType
from streamdicom.formats.json import JsonParser
from streamdicom.limits import Limits
from streamdicom.options import ReadOptions
from tests.formats.json.reading import (
    KEY,
    MARK,
    SMALL,
    TAG,
    attribute,
    bulk_data,
    element,
    end_parts,
    in_dataset,
    pieces_of,
    run,
    segments,
    sequence,
    shown,
    some,
    start_parts,
    ways_to_cut,
)
from tests.support.codes import FILE_CODES, MODULE_CODES, VALUE_CODES
from tests.support.each import each

_NOT_OF_READING = FILE_CODES | MODULE_CODES | VALUE_CODES | {"converter-failed", "unwritable-text"}
CODES = [code for code, row in DEVIATIONS.items() if code not in _NOT_OF_READING and not row.example.startswith("<")]
NAN, INFINITY = float("nan"), float("inf")
PATIENT_ID, PATIENT_NAME = 0x00100020, 0x00100010
ID = element("LO", "1", tag=PATIENT_ID)
FRAGMENTS = [
    (EventType.START_FRAGMENTS, 0x7FE00010, "OB", None),
    (EventType.START_FRAGMENT, 0x7FE00010, "OB", 0),
    (EventType.LAST_SEGMENT, 0x7FE00010, "OB", b""),
    (EventType.START_FRAGMENT, 0x7FE00010, "OB", 4),
    (EventType.LAST_SEGMENT, 0x7FE00010, "OB", b"\xff\xd8\xff\xe0"),
    (EventType.END_FRAGMENTS, 0x7FE00010, "OB", None),
]


@dataclass(frozen=True)
class Form:
    """A form that the standard does not have.

    Attributes:
        codes: The codes reported, in order.
        text: A document, with a mark at the place of the first report.
        events: The events between start and end of the data set.
        written: The canonical text of it, as one data set.
    """

    codes: tuple[str, ...]
    text: str
    events: list[Event]
    written: str


def form(codes: str, text: str, events: Iterable[Event], written: str) -> Form:
    return Form(tuple(codes.split()), text, list(events), written)


def of(codes: str, vr: str, text: str, values: tuple[Any, ...], written: str) -> Form:
    """A value in another form: it is known at the end of the attribute."""
    value = f',"Value":{written}' if written else ""
    whole = attribute(f'"vr":"{vr}","Value":{text}{MARK}')
    return form(codes, whole, [element(vr, *values)], f'{{"{KEY}":{{"vr":"{vr}"{value}}}}}')


IS_SIGNED = element("US", 1, tag=0x00280103)
SIGNED = '"00280103":{"vr":"US","Value":[1]},'
WRITTEN_ID = '{"00100020":{"vr":"LO","Value":["1"]}}'
EMPTY_LO = f'{{"{KEY}":{{"vr":"LO"}}}}'

FORMS = [
    # JSON text
    form("byte-order-mark", f"{MARK}\ufeff" + WRITTEN_ID, [ID], WRITTEN_ID),
    form("trailing-comma", f'{{"00100020":{{"vr":"LO","Value":["1",{MARK}]}}}}', [ID], WRITTEN_ID),
    form("trailing-comma", f'{{"00100020":{{"vr":"LO","Value":["1"],{MARK}}}}}', [ID], WRITTEN_ID),
    form("trailing-comma", f"[{WRITTEN_ID},{MARK}]", [ID], WRITTEN_ID),
    form("comment", f'{MARK}// "who"\n{WRITTEN_ID}', [ID], WRITTEN_ID),
    form("comment", f'{{"00100020":{MARK}/* [ */{{"vr":"LO","Value":["1"]}}}}', [ID], WRITTEN_ID),
    form(
        "bare-nonfinite",
        attribute(f'"vr":"FD","Value":[{MARK}NaN]'),
        [element("FD", NAN)],
        f'{{"{KEY}":{{"vr":"FD","Value":["NaN"]}}}}',
    ),
    form(
        "bare-nonfinite bare-nonfinite",
        attribute(f'"vr":"FL","Value":[{MARK}-Infinity,Infinity]'),
        [element("FL", -INFINITY, INFINITY)],
        f'{{"{KEY}":{{"vr":"FL","Value":["-Infinity","Infinity"]}}}}',
    ),
    # documents and keys
    form("wrapper", f'{{"results":[{MARK}{WRITTEN_ID}]}}', [ID], WRITTEN_ID),
    form("unknown-key wrapper", f'{{"count":{MARK}1,"data":[{WRITTEN_ID}]}}', [ID], WRITTEN_ID),
    form("wrapper unknown-key", f'{{"data":[{MARK}{WRITTEN_ID}],"next":{{"a":[1]}}}}', [ID], WRITTEN_ID),
    form("unknown-key", f'{{"has_pixel":{MARK}true,{WRITTEN_ID[1:]}', [ID], WRITTEN_ID),
    form("unknown-key", f'{{"hash":[{MARK}1,[2]],{WRITTEN_ID[1:]}', [ID], WRITTEN_ID),
    form("unknown-key", f'{{"more":{MARK}{{"00100010":{{"vr":"PN"}}}},{WRITTEN_ID[1:]}', [ID], WRITTEN_ID),
    form("unknown-key", f'{WRITTEN_ID[:-1]},{MARK}"hash":{{"a":[1,{{"b":2}}]}}}}', [ID], WRITTEN_ID),
    form("delimiter-key", f'{WRITTEN_ID[:-1]},{MARK}"FFFEE00D":{{"vr":"UN"}}}}', [ID], WRITTEN_ID),
    form("delimiter-key", f'{{{MARK}"FFFEE000":{{"vr":"SQ","Value":[{{}}]}},{WRITTEN_ID[1:]}', [ID], WRITTEN_ID),
    form("key-form delimiter-key", f'{{{MARK}"(fffe,e0dd)":5,{WRITTEN_ID[1:]}', [ID], WRITTEN_ID),
    form("unknown-key", f'{WRITTEN_ID[:-1]},{MARK}"0010002":{{"vr":"LO"}}}}', [ID], WRITTEN_ID),
    form(
        "key-form", f'{{{MARK}"0009100a":{{"vr":"LO"}}}}', [element("LO", tag=0x0009100A)], '{"0009100A":{"vr":"LO"}}'
    ),
    *(
        form("key-form", f'{{{MARK}"{key}":{{"vr":"LO","Value":["1"]}}}}', [ID], WRITTEN_ID)
        for key in ("(0010,0020)", "0010,0020", "x00100020", "(0010, 0020)")
    ),
    form("keyword-key", f'{{{MARK}"PatientID":{{"vr":"LO","Value":["1"]}}}}', [ID], WRITTEN_ID),
    form("keyword-key", f'{{{MARK}"patientID":{{"vr":"LO","Value":["1"]}}}}', [ID], WRITTEN_ID),
    form(
        "key-order",
        f'{{"00100020":{{"vr":"LO","Value":["1"]}},{MARK}"00100010":{{"vr":"PN"}}}}',
        [ID, element("PN", tag=PATIENT_NAME)],
        '{"00100010":{"vr":"PN"},"00100020":{"vr":"LO","Value":["1"]}}',
    ),
    form("duplicate-key", f'{WRITTEN_ID[:-1]},{MARK}"00100020":{{"vr":"LO","Value":["2"]}}}}', [ID], WRITTEN_ID),
    form(
        "key-order duplicate-key duplicate-key",
        f'{{"00100020":{{"vr":"LO","Value":["1"]}},{MARK}"00100010":{{"vr":"PN"}},"00100020":{{"vr":"LO"}},'
        '"00100010":{"vr":"PN"}}',
        [ID, element("PN", tag=PATIENT_NAME)],
        '{"00100010":{"vr":"PN"},"00100020":{"vr":"LO","Value":["1"]}}',
    ),
    form(
        "group-length",
        f'{{{MARK}"00080000":{{"vr":"UL","Value":[8]}}}}',
        [element("UL", 8, tag=0x00080000)],
        "{}",
    ),
    form(
        "file-meta",
        f'{{{MARK}"00020010":{{"vr":"UI","Value":["1.2"]}},"00020012":{{"vr":"UI"}}}}',
        [element("UI", "1.2", tag=0x00020010), element("UI", tag=0x00020012)],
        "{}",
    ),
    form(
        "file-meta-in-item",
        f'{{"00081140":{{"vr":"SQ","Value":[{{{MARK}"00020000":{{"vr":"UL"}},"00020012":{{"vr":"UI"}}}}]}}}}',
        sequence([element("UL", tag=0x00020000), element("UI", tag=0x00020012)], tag=0x00081140),
        '{"00081140":{"vr":"SQ","Value":[{}]}}',
    ),
    form(
        "key-order file-meta-in-item",
        f'{{"00081140":{{"vr":"SQ","Value":[{{"00080060":{{"vr":"CS"}},{MARK}"00020012":{{"vr":"UI"}}}}]}}}}',
        sequence([element("CS", tag=0x00080060), element("UI", tag=0x00020012)], tag=0x00081140),
        '{"00081140":{"vr":"SQ","Value":[{"00080060":{"vr":"CS"}}]}}',
    ),
    # attributes
    form("member-case", f'{{"00100020":{{"vr":"LO",{MARK}"value":["1"]}}}}', [ID], WRITTEN_ID),
    form("member-case", f'{{"00100020":{{{MARK}"VR":"LO","Value":["1"]}}}}', [ID], WRITTEN_ID),
    form(
        "member-case",
        attribute(f'"vr":"OB",{MARK}"bulkDataUri":"a"'),
        [bulk_data("OB", "a")],
        f'{{"{KEY}":{{"vr":"OB","BulkDataURI":"a"}}}}',
    ),
    form("extra-member", f'{{"00100020":{{"vr":"LO",{MARK}"keyword":"PatientID","Value":["1"]}}}}', [ID], WRITTEN_ID),
    form("extra-member", f'{{"00100020":{{{MARK}"Name":"Patient ID","vr":"LO","Value":["1"]}}}}', [ID], WRITTEN_ID),
    form("unknown-member", f'{{"00100020":{{"vr":"LO",{MARK}"x":[{{}}],"Value":["1"]}}}}', [ID], WRITTEN_ID),
    form("unknown-member", f'{{"00100020":{{"vr":"LO","Value":["1"],{MARK}"vr":"PN"}}}}', [ID], WRITTEN_ID),
    *(
        form(
            "several-contents",
            attribute(f'"vr":"OB",{first},{MARK}{second}'),
            [element("OB", b"\0\1")],
            f'{{"{KEY}":{{"vr":"OB","InlineBinary":"AAE="}}}}',
        )
        for first, second in (
            ('"BulkDataURI":"a"', '"InlineBinary":"AAE="'),
            ('"InlineBinary":"AAE="', '"BulkDataURI":"a"'),
            ('"InlineBinary":"AAE="', '"Value":["a"]'),
            ('"InlineBinary":"AAE="', '"InlineBinary":"AA=="'),
        )
    ),
    form("several-contents", f'{{"00100020":{{"vr":"LO","Value":["1"],{MARK}"Value":["2"]}}}}', [ID], WRITTEN_ID),
    form("missing-vr", f'{{"00100020":{{"Value":["1"]{MARK}}}}}', [ID], WRITTEN_ID),
    form("missing-vr", attribute(f"{MARK}"), [element("UN")], f'{{"{KEY}":{{"vr":"UN"}}}}'),
    form(
        "missing-vr",
        attribute(f'"InlineBinary":"AAE="{MARK}'),
        [element("UN", b"\0\1")],
        f'{{"{KEY}":{{"vr":"UN","InlineBinary":"AAE="}}}}',
    ),
    form(
        "missing-vr",
        attribute(f'"BulkDataURI":"a"{MARK}'),
        [bulk_data("UN", "a")],
        f'{{"{KEY}":{{"vr":"UN","BulkDataURI":"a"}}}}',
    ),
    form(
        "missing-vr",
        attribute(f'"Value":[{{"00100020":{{"vr":"LO"}}}}]{MARK}'),
        sequence([element("LO", tag=PATIENT_ID)]),
        f'{{"{KEY}":{{"vr":"SQ","Value":[{{"00100020":{{"vr":"LO"}}}}]}}}}',
    ),
    *(  # Smallest Image Pixel Value is US or SS, and Pixel Data OB or OW
        form(
            "missing-vr",
            f'{{"00280106":{{"Value":[{text}]{MARK}}}}}',
            [element(vr, value, tag=0x00280106)],
            f'{{"00280106":{{"vr":"{vr}","Value":[{text}]}}}}',
        )
        for text, vr, value in (("40000", "US", 40000), ("-1", "SS", -1))
    ),
    form(
        "missing-vr",
        f'{{"7FE00010":{{"InlineBinary":"AAE="{MARK}}}}}',
        [element("OW", b"\0\1", tag=0x7FE00010)],
        '{"7FE00010":{"vr":"OW","InlineBinary":"AAE="}}',
    ),
    form("null-value missing-vr", f'{{"00100020":{{"vr":{MARK}null,"Value":["1"]}}}}', [ID], WRITTEN_ID),
    form("unknown-vr", attribute(f'"vr":{MARK}"XX"'), [element("UN")], f'{{"{KEY}":{{"vr":"UN"}}}}'),
    form(
        "unknown-vr",
        attribute(f'"vr":{MARK}"??","InlineBinary":"AAE="'),
        [element("UN", b"\0\1")],
        f'{{"{KEY}":{{"vr":"UN","InlineBinary":"AAE="}}}}',
    ),
    form(
        "unknown-vr",
        attribute(f'"vr":{MARK}"XX","Value":[{{"00100020":{{"vr":"LO"}}}}]'),
        sequence([element("LO", tag=PATIENT_ID)]),
        f'{{"{KEY}":{{"vr":"SQ","Value":[{{"00100020":{{"vr":"LO"}}}}]}}}}',
    ),
    form(
        "unknown-vr",
        attribute(f'"vr":{MARK}"XX","Value":[{{"00081140":{{"vr":"SQ","Value":[{{}}]}}}}]'),
        sequence(sequence([], tag=0x00081140)),
        f'{{"{KEY}":{{"vr":"SQ","Value":[{{"00081140":{{"vr":"SQ","Value":[{{}}]}}}}]}}}}',
    ),
    *(
        form("unknown-vr", f'{{"00100020":{{"vr":{MARK}"{vr}","Value":["1"]}}}}', [ID], WRITTEN_ID)
        for vr in ("XX", "", "lo")
    ),
    *(
        form(
            "ambiguous-vr",
            f'{{{before}"00280106":{{"vr":{MARK}"{vrs}","Value":[{value}]}}}}',
            [*events, element(vr, value, tag=0x00280106)],
            f'{{{before}"00280106":{{"vr":"{vr}","Value":[{value}]}}}}',
        )
        for before, events, vrs, value, vr in (
            ("", [], "US or SS", 5, "US"),
            ("", [], "US or SS", -5, "SS"),
            (SIGNED, [IS_SIGNED], "US or SS", 5, "SS"),
            (SIGNED, [IS_SIGNED], "xs", 5, "SS"),
            (SIGNED, [IS_SIGNED], "US/SS", 40000, "US"),
            (SIGNED.replace("1]", "0]"), [element("US", 0, tag=0x00280103)], "US|SS|OW", 5, "US"),
            (SIGNED, [IS_SIGNED], "lt", 5, "SS"),
        )
    ),
    *(
        form(
            "ambiguous-vr",
            f'{{"7FE00010":{{"vr":{MARK}"{vrs}"{content}}}}}',
            [element("OW", *values, tag=0x7FE00010)],
            f'{{"7FE00010":{{"vr":"OW"{content}}}}}',
        )
        for vrs in ("OB or OW", "ox", "px")
        for content, values in (("", ()), (',"InlineBinary":"AAE="', (b"\0\1",)))
    ),
    form(
        "ambiguous-vr binary-for-vr",
        f'{{{SIGNED}"00280106":{{"vr":{MARK}"US or SS","InlineBinary":"//8="}}}}',
        [IS_SIGNED, element("SS", -1, tag=0x00280106)],
        f'{{{SIGNED}"00280106":{{"vr":"SS","Value":[-1]}}}}',
    ),
    # values
    form("scalar-value", f'{{"00100020":{{"vr":"LO","Value":{MARK}"1"}}}}', [ID], WRITTEN_ID),
    form("scalar-value", f'{{"00100020":{{"Value":{MARK}"1","vr":"LO"}}}}', [ID], WRITTEN_ID),
    form(
        "scalar-value",
        attribute(f'"vr":"DS","Value":{MARK}1.50'),
        [element("DS", "1.50")],
        f'{{"{KEY}":{{"vr":"DS","Value":[1.50]}}}}',
    ),
    form(
        "scalar-value",
        attribute(f'"vr":"PN","Value":{MARK}{{"Alphabetic":"A"}}'),
        [element("PN", ("A", "", ""))],
        f'{{"{KEY}":{{"vr":"PN","Value":[{{"Alphabetic":"A"}}]}}}}',
    ),
    *(
        form(
            "scalar-value",
            attribute(members),
            [*sequence([ID]), element("US", 1, tag=TAG + 1)],
            f'{{"{KEY}":{{"vr":"SQ","Value":[{WRITTEN_ID}]}},"00091002":{{"vr":"US","Value":[1]}}}}',
        )
        for members in (
            f'"vr":"SQ","Value":{MARK}{WRITTEN_ID}}},"00091002":{{"vr":"US","Value":[1]',
            f'"Value":{MARK}{WRITTEN_ID},"vr":"SQ"}},"00091002":{{"vr":"US","Value":[1]',
        )
    ),
    form("null-value", attribute(f'"vr":"LO","Value":{MARK}null'), [element("LO")], EMPTY_LO),
    form(
        "null-value", attribute(f'"vr":"OB","InlineBinary":{MARK}null'), [element("OB")], EMPTY_LO.replace("LO", "OB")
    ),
    form("null-value", attribute(f'"vr":"OB","BulkDataURI":{MARK}null'), [element("OB")], EMPTY_LO.replace("LO", "OB")),
    of("empty-array", "LO", "[]", (), ""),
    form("empty-array", attribute(f'"vr":"SQ","Value":[]{MARK}'), sequence(), EMPTY_LO.replace("LO", "SQ")),
    of("null-only", "LO", "[null]", (), ""),
    of("null-only", "FD", "[null]", (), ""),
    of("null-only", "PN", "[null]", (), ""),
    *(of("backslash", vr, '["1\\\\2"]', ("1", "2"), '["1","2"]') for vr in ("AE", "CS", "LO", "SH", "UC", "UI")),
    of(
        "padding",
        "PN",
        r'[{"Alphabetic":"A\u0000","Phonetic":"B"}]',
        (("A", "", "B"),),
        '[{"Alphabetic":"A","Phonetic":"B"}]',
    ),
    of("backslash", "LO", '["a","b\\\\\\\\c",null]', ("a", "b", None, "c", None), '["a","b",null,"c",null]'),
    of("backslash", "DS", '["-255.5\\\\-175\\\\-1.5"]', ("-255.5", "-175", "-1.5"), "[-255.5,-175,-1.5]"),
    of("backslash", "IS", '["1\\\\\\\\ 2"]', ("1", None, " 2"), '[1,null," 2"]'),
    of("backslash not-a-number", "DS", '["1\\\\a"]', ("1", "a"), '[1,"a"]'),
    of("backslash number-as-string", "US", '["1\\\\2"]', (1, 2), "[1,2]"),
    of("backslash", "AT", '["00181063\\\\00280008"]', (0x00181063, 0x00280008), '["00181063","00280008"]'),
    of(
        "backslash name-as-string",
        "PN",
        '["A^B\\\\C=D"]',
        (("A^B", "", ""), ("C", "D", "")),
        '[{"Alphabetic":"A^B"},{"Alphabetic":"C","Ideographic":"D"}]',
    ),
    of(
        "backslash",
        "PN",
        '[{"Alphabetic":"A\\\\\\\\B"}]',
        (("A", "", ""), None, ("B", "", "")),
        '[{"Alphabetic":"A"},null,{"Alphabetic":"B"}]',
    ),
    of("padding", "UI", '["1.2\\u0000"]', ("1.2",), '["1.2"]'),
    of("padding", "LO", '["a\\u0000\\u0000","b"]', ("a", "b"), '["a","b"]'),
    of("padding", "DS", '["1.50\\u0000"]', ("1.50",), "[1.50]"),
    of("padding", "LO", '["\\u0000"]', (), ""),
    of("padding backslash", "UI", '["1.2\\\\1.3\\u0000"]', ("1.2", "1.3"), '["1.2","1.3"]'),
    of("padding backslash", "DS", '["1\\u0000\\\\2\\u0000"]', ("1", "2"), "[1,2]"),
    *(of("several-values", vr, '["a","b"]', ("a\\b",), '["a\\\\b"]') for vr in ("LT", "ST", "UR", "UT")),
    of("several-values", "LT", '["a",null]', ("a\\",), '["a\\\\"]'),
    *(of("number-for-text", vr, "[123]", ("123",), '["123"]') for vr in ("LO", "LT", "SH", "ST", "UC", "UT")),
    of("number-for-text", "LO", '["a",-5]', ("a", "-5"), '["a","-5"]'),
    of("number-for-text", "DA", "[20240119]", ("20240119",), '["20240119"]'),
    of("number-for-text", "TM", "[101530]", ("101530",), '["101530"]'),
    of("empty-string", "LO", '[""]', (), ""),
    of("empty-string", "DS", '[""]', (), ""),
    of("empty-string", "US", '[""]', (), ""),
    of("empty-string", "PN", '[""]', (), ""),
    of("empty-string", "DA", '["20260101",""]', ("20260101", None), '["20260101",null]'),
    form(
        "null-item",
        attribute(f'"vr":"SQ","Value":[null,{{"00100020":{MARK}{{"vr":"LO"}}}},null]').replace(MARK, ""),
        sequence([], [element("LO", tag=PATIENT_ID)], []),
        f'{{"{KEY}":{{"vr":"SQ","Value":[{{}},{{"00100020":{{"vr":"LO"}}}},{{}}]}}}}',
    ),
    of("number-as-string", "US", '["5"]', (5,), "[5]"),
    of("out-of-range", "US", "[65535,65536,-1]", (65535, 65536, -1), "[65535,65536,-1]"),
    of("out-of-range", "SS", "[-32769]", (-32769,), "[-32769]"),
    of("out-of-range", "UL", "[4294967296]", (2**32,), "[4294967296]"),
    of("out-of-range", "SL", "[2147483648]", (2**31,), "[2147483648]"),
    of("out-of-range", "UV", "[-1]", (-1,), "[-1]"),
    of("out-of-range", "SV", '["9223372036854775808"]', (2**63,), "[9223372036854775808]"),
    of("number-as-string", "SL", '["-5.0"]', (-5,), "[-5]"),
    of("number-as-string", "FD", '["1.5"]', (1.5,), "[1.5]"),
    of("number-as-string", "SV", '[" 1"]', (1,), "[1]"),
    of("integer-fraction", "IS", "[5.0]", ("5",), "[5]"),
    of("integer-fraction", "IS", '["5.0"]', ("5.0",), '["5.0"]'),
    of("integer-fraction", "IS", '["1E3"]', ("1E3",), '["1E3"]'),
    of("integer-fraction", "IS", "[1e3]", ("1000",), "[1000]"),
    of("out-of-range", "IS", "[9007199254740993]", ("9007199254740993",), "[9007199254740993]"),  # beyond a double
    of("out-of-range", "IS", "[2147483648]", ("2147483648",), "[2147483648]"),
    of("out-of-range", "IS", '["-2147483649"]', ("-2147483649",), "[-2147483649]"),
    of("integer-fraction out-of-range", "IS", "[1e10]", ("10000000000",), "[10000000000]"),
    of("out-of-range", "FL", "[1e39]", (1e39,), "[1e+39]"),
    of(
        "out-of-range",
        "FL",
        "[1,-3.4028235677973366e38]",
        (1.0, -3.4028235677973366e38),
        "[1.0,-3.4028235677973366e+38]",
    ),
    of("out-of-range number-as-string", "FL", '["1e39"]', (1e39,), "[1e+39]"),
    of("inexact-number", "FL", "[16777217]", (16777217.0,), "[16777217.0]"),
    of("inexact-number", "FL", "[0.123456789]", (0.123456789,), "[0.123456789]"),
    of("inexact-number number-as-string", "FL", '["33554433"]', (33554433.0,), "[33554433.0]"),
    of("not-a-number", "IS", "[5.7]", ("5.7",), '["5.7"]'),
    of("not-a-number", "IS", '["first"]', ("first",), '["first"]'),
    of("not-a-number", "DS", '["1,5"]', ("1,5",), '["1,5"]'),
    of("nonfinite", "FD", '["NaN"]', (NAN,), '["NaN"]'),
    of("nonfinite", "FL", '["Infinity"]', (INFINITY,), '["Infinity"]'),
    of("nonfinite", "FD", '["-Infinity"]', (-INFINITY,), '["-Infinity"]'),
    *(
        of("nonfinite-spelling", "FD", f'["{text}"]', (INFINITY,), '["Infinity"]')
        for text in ("inf", "+Infinity", "INF", "1.#INF")
    ),
    *(of("nonfinite-spelling", "FD", f'["{text}"]', (-INFINITY,), '["-Infinity"]') for text in ("-inf", "-1.#INF")),
    *(of("nonfinite-spelling", "FL", f'["{text}"]', (NAN,), '["NaN"]') for text in ("nan", "-NaN", "1.#QNAN")),
    of("largest-double", "FD", "[1.7976931348623157e308]", (1.7976931348623157e308,), "[1.7976931348623157e+308]"),
    of("largest-double", "FD", "[-1.7976931348623157e+308]", (-1.7976931348623157e308,), "[-1.7976931348623157e+308]"),
    of("name-as-string", "PN", '["Doe^Jane"]', (("Doe^Jane", "", ""),), '[{"Alphabetic":"Doe^Jane"}]'),
    of("name-as-string", "PN", '["A==P"]', (("A", "", "P"),), '[{"Alphabetic":"A","Phonetic":"P"}]'),
    of(
        "name-groups-in-one",
        "PN",
        '[{"Alphabetic":"A=I=P"}]',
        (("A", "I", "P"),),
        '[{"Alphabetic":"A","Ideographic":"I","Phonetic":"P"}]',
    ),
    of(
        "name-groups-in-one",
        "PN",
        '[{"Alphabetic":"A","Phonetic":"P="}]',
        (("A", "", "P"),),
        '[{"Alphabetic":"A","Phonetic":"P"}]',
    ),
    of("empty-name", "PN", "[{}]", (), ""),
    of("empty-name", "PN", '[{},{"Phonetic":"P"}]', (None, ("", "", "P")), '[null,{"Phonetic":"P"}]'),
    form(
        "empty-name-group",
        attribute(f'"vr":"PN","Value":[{{"Alphabetic":"A","Phonetic":{MARK}null}}]'),
        [element("PN", ("A", "", ""))],
        f'{{"{KEY}":{{"vr":"PN","Value":[{{"Alphabetic":"A"}}]}}}}',
    ),
    form(
        "member-case",
        attribute(f'"vr":"PN","Value":[{{{MARK}"alphabetic":"A"}}]'),
        [element("PN", ("A", "", ""))],
        f'{{"{KEY}":{{"vr":"PN","Value":[{{"Alphabetic":"A"}}]}}}}',
    ),
    of("tag-value-form", "AT", '["(0018,1063)"]', (0x00181063,), '["00181063"]'),
    of("tag-value-form", "AT", '["7fe00010"]', (0x7FE00010,), '["7FE00010"]'),
    of("tag-as-number", "AT", "[1577059,0]", (0x00181063, 0), '["00181063","00000000"]'),
    form(
        "items-for-vr",
        attribute(f'"vr":"UN","Value":[{WRITTEN_ID}]{MARK}'),
        sequence([ID]),
        f'{{"{KEY}":{{"vr":"SQ","Value":[{WRITTEN_ID}]}}}}',
    ),
    form(
        "items-for-vr",
        attribute(f'"vr":"UN","Value":[{{}}]{MARK}'),
        sequence([]),
        f'{{"{KEY}":{{"vr":"SQ","Value":[{{}}]}}}}',
    ),
    *(
        form(
            "base64-form",
            attribute(f'"vr":"OB","InlineBinary":{MARK}"{base64}"'),
            [element("OB", data)],
            f'{{"{KEY}":{{"vr":"OB","InlineBinary":"{written}"}}}}',
        )
        for base64, data, written in (
            ("AAE", b"\0\1", "AAE="),
            ("AA", b"\0", "AA=="),
            ("AA=", b"\0", "AA=="),
            ("--__", b"\xfb\xef\xff", "++//"),
            ("AAEC\\r\\nAwQF\\r\\n", b"\0\1\2\3\4\5", "AAECAwQF"),
            ("A A E=\\n", b"\0\1", "AAE="),
        )
    ),
    form(
        "uri-in-array",
        attribute(f'"vr":"OB","BulkDataURI":{MARK}["http://h/1"]'),
        [bulk_data("OB", "http://h/1")],
        f'{{"{KEY}":{{"vr":"OB","BulkDataURI":"http://h/1"}}}}',
    ),
    *(
        form(
            codes,
            attribute(f'"vr":"OB","BulkDataURI":{MARK}{uri}').replace(MARK, "" if uri == '""' else MARK),
            [element("OB")],
            EMPTY_LO.replace("LO", "OB"),
        )
        for codes, uri in (
            ("empty-uri", '""'),
            ("uri-in-array empty-uri", "[]"),
            ("uri-in-array empty-uri", '[""]'),
            ("uri-in-array empty-uri", "[null]"),
        )
    ),
    form("empty-uri", attribute(f'"vr":"SQ","BulkDataURI":""{MARK}'), sequence(), EMPTY_LO.replace("LO", "SQ")),
    form(
        "binary-in-array",
        attribute(f'"vr":"OB","InlineBinary":{MARK}["AAE="]'),
        [element("OB", b"\0\1")],
        f'{{"{KEY}":{{"vr":"OB","InlineBinary":"AAE="}}}}',
    ),
    form(
        "binary-in-array",
        attribute(f'"vr":"OB","InlineBinary":{MARK}[]'),
        [element("OB")],
        EMPTY_LO.replace("LO", "OB"),
    ),
    *(
        form(
            "binary-for-vr",
            attribute(f'"vr":"{vr}","InlineBinary":"{base64}"{MARK}'),
            [element(vr, *values)],
            f'{{"{KEY}":{{"vr":"{vr}","Value":{written}}}}}',
        )
        for vr, base64, values, written in (
            ("US", "AgABAA==", (2, 1), "[2,1]"),  # 02 00 01 00
            ("FL", "AACAPw==", (1.0,), "[1.0]"),  # 00 00 80 3f
            ("LO", "YVxi", ("a", "b"), '["a","b"]'),
            ("LO", "w6k=", ("\u00e9",), '["\u00e9"]'),
            ("PN", "QT1J", (("A", "I", ""),), '[{"Alphabetic":"A","Ideographic":"I"}]'),
            ("AT", "KABjEA==", (0x00281063,), '["00281063"]'),
        )
    ),
    form(
        "binary-for-vr",
        attribute(f'"vr":"SQ","InlineBinary":"AAE="{MARK}'),
        [element("UN", b"\0\1")],
        f'{{"{KEY}":{{"vr":"UN","InlineBinary":"AAE="}}}}',
    ),
    form(
        "data-fragment",
        f'{{"7FE00010":{{"vr":"OB",{MARK}"DataFragment":[null,{{"InlineBinary":"/9j/4A=="}}]}}}}',
        FRAGMENTS,
        # FE FF 00 E0, 0 bytes; FE FF 00 E0, 4 bytes, FF D8 FF E0
        '{"7FE00010":{"vr":"OB","InlineBinary":"/v8A4AAAAAD+/wDgBAAAAP/Y/+A="}}',
    ),
    form(
        "data-fragment base64-form",
        f'{{"7FE00010":{{"vr":"OB",{MARK}"DataFragment":[null,{{"InlineBinary":"_9j-4A"}}]}}}}',
        [*FRAGMENTS[:4], (EventType.LAST_SEGMENT, 0x7FE00010, "OB", b"\xff\xd8\xfe\xe0"), FRAGMENTS[5]],
        '{"7FE00010":{"vr":"OB","InlineBinary":"/v8A4AAAAAD+/wDgBAAAAP/Y/uA="}}',
    ),
    form(
        "data-fragment",
        f'{{"7FE00010":{{"vr":"OB",{MARK}"DataFragment":[null,{{"BulkDataURI":"http://h/1"}}]}}}}',
        [
            (
                EventType.JSON_ELEMENT,
                0x7FE00010,
                "OB",
                '{"vr":"OB","DataFragment":[null,{"BulkDataURI":"http://h/1"}]}',
            )
        ],
        '{"7FE00010":{"vr":"OB","DataFragment":[null,{"BulkDataURI":"http://h/1"}]}}',
    ),
]


def _first_offset(form: Form) -> int | None:
    return len(form.text[: form.text.index(MARK)].encode()) if MARK in form.text else None


def _read(text: str, options: ReadOptions) -> tuple[list[Any], list[Deviation], InputError | None]:
    """Return the outcome of a text, after checking that no cut changes it."""
    outcomes = []
    for chunks in ways_to_cut(text.encode()):
        log = DeviationLog()
        events, error = run(chunks, replace(options, on_deviation=log))
        outcomes.append((events, log.first, error))
    first = outcomes[0]
    for outcome in outcomes[1:]:
        assert outcome[:2] == first[:2]
        assert str(outcome[2]) == str(first[2])
    return first


FORM = each("form", [pytest.param(form, id=form.text.replace(MARK, "")) for form in FORMS])


@FORM
def test_form_is_read_with_its_meaning_and_reported(form: Form) -> None:
    events, deviations, error = _read(form.text.replace(MARK, ""), ReadOptions())
    assert error is None
    assert events == shown(in_dataset(form.events))
    assert tuple(dict.fromkeys(one.code for one in deviations)) == tuple(dict.fromkeys(form.codes))
    assert all(one.severity is DEVIATIONS[one.code].severity for one in deviations)
    offset = _first_offset(form)
    assert offset is None or deviations[0].location.byte_offset == offset
    offsets = [one.location.byte_offset or 0 for one in deviations]
    assert offsets == sorted(offsets)


@FORM
@pytest.mark.slow
def test_form_is_an_error_at_its_place_in_the_strict_profile(form: Form) -> None:
    _, deviations, error = _read(form.text.replace(MARK, ""), ReadOptions(profile="strict"))
    assert not deviations
    assert isinstance(error, JsonSyntaxError if form.codes[0] in _JSON_CODES else DicomJsonError)
    offset = _first_offset(form)
    if offset is not None and form.codes[0] not in _FOUND_BEFORE:
        assert error.location.byte_offset == offset


_JSON_CODES = ("byte-order-mark", "trailing-comma", "comment", "bare-nonfinite")
# A lenient reader recognizes a wrapper only by the text after a key.
_FOUND_BEFORE = ("wrapper", "unknown-key")


@pytest.mark.filterwarnings("ignore:Invalid value:UserWarning")  # pydicom's, of numbers out of range
@FORM
def test_form_is_written_again_in_standard_form(form: Form) -> None:
    dataset = streamdicom.loads(form.text.replace(MARK, ""), options=ReadOptions(on_deviation=DeviationLog()))
    assert json.loads(streamdicom.dumps(dataset)) == json.loads(form.written)
    _, _, error = _read(form.written, ReadOptions(profile="strict", deviations=_NOT_OF_ANNEX_F))
    assert error is None


# Forms that Annex F lacks are written unchanged.
_NOT_OF_ANNEX_F: dict[str, Any] = dict.fromkeys(
    (
        *("nonfinite", "not-a-number", "integer-fraction", "inexact-number", "out-of-range", "largest-double"),
        *("file-meta", "data-fragment"),
    ),
    "ignore",
)


def test_every_code_except_wrong_value_has_a_form() -> None:
    assert {code for form in FORMS for code in form.codes} == set(CODES) - {"wrong-value"}


@each("code", CODES)
def test_example_of_a_code_has_this_code_only(code: str) -> None:
    log = DeviationLog()
    options = ReadOptions(on_deviation=log, on_error="skip")
    list(streamdicom.iter_events(DEVIATIONS[code].example.encode(), options=options))
    assert set(log.counts) == {code}


@each("code", CODES)
def test_code_can_be_an_error_or_ignored(code: str) -> None:
    text = DEVIATIONS[code].example
    _, deviations, error = _read(text, ReadOptions(on_error="skip", deviations={code: "error"}))
    assert error is not None
    assert not deviations
    events, deviations, error = _read(text, ReadOptions(on_error="skip", deviations={code: "ignore"}))
    assert error is None
    assert not deviations
    assert events == _read(text, ReadOptions(on_error="skip"))[0]
    others: dict[str, Any] = {code: "report"}
    if code != "wrong-value":
        events_too, deviations, error = _read(text, ReadOptions(profile="strict", deviations=others))
        assert error is None
        assert events_too == events
        assert {one.code for one in deviations} == {code}


def test_deviations_are_reported_up_to_an_error_only() -> None:
    text = '[{"00100020":{"vr":"LO","Value":"1"}}, // one\n{"00091001":{"vr":"XX","Value":[1]}, /* */ "a":1,}]'
    _, deviations, error = _read(text, ReadOptions())
    assert error is not None
    assert [one.code for one in deviations] == ["scalar-value", "comment", "unknown-vr"]
    offsets = [text.index('"1"'), text.index("//"), text.index('"XX"')]
    assert [one.location.byte_offset for one in deviations] == offsets
    assert [one.location.dataset_index for one in deviations] == [0, None, 1]
    assert [one.location.tag_path for one in deviations] == ["00100020", "", KEY]


def test_json_code_as_error_ends_the_stream_at_its_place() -> None:
    options = ReadOptions(deviations={"comment": "error"})
    events, deviations, error = _read('[{"00100020":{"vr":"LO","value":["1"]}}, // one\n{}]', options)
    assert isinstance(error, JsonSyntaxError)
    assert error.location.byte_offset == 41
    assert [one.code for one in deviations] == ["member-case"]
    assert events == shown(in_dataset([ID]))


@each("text", ["// x\n}", "/* x */x", "[{},/* x */]"])
def test_json_code_as_error_precedes_a_later_fault(text: str) -> None:
    _, deviations, error = _read(text, ReadOptions(deviations={"comment": "error"}))
    assert isinstance(error, JsonSyntaxError)
    assert error.location.byte_offset == text.index("/")
    assert deviations == []


# --- reports -------------------------------------------------------------------------------------------------


def test_each_code_that_matters_is_warned_about_once() -> None:
    text = (
        '[{"00100020":{"vr":"LO","Value":"1"}},{"00100020":{"vr":"LO","Value":"1"},"00100030":{"vr":"DA","Value":[]}}]'
    )
    with pytest.warns(DeviationWarning, match="scalar-value") as given:
        list(streamdicom.iter_events(text.encode()))
    assert len(given) == 1  # and none for the empty array, which is of no consequence


def test_log_keeps_the_first_deviations_and_counts_all() -> None:
    log = DeviationLog(max_kept=2)
    text = '[{"00100020":{"vr":"LO","Value":"1"}},{"00100020":{"vr":"LO","Value":["",""]}}]'
    list(streamdicom.iter_events(text.encode(), options=ReadOptions(on_deviation=log)))
    assert log.counts == {"scalar-value": 1, "empty-string": 2}
    assert [one.code for one in log.first] == ["scalar-value", "empty-string"]
    assert log.first[0].severity is Severity.WARNING


@pytest.mark.slow
def test_messages_contain_no_values() -> None:
    for form in FORMS:
        _, deviations, _ = _read(form.text.replace(MARK, "").replace("1", "7"), ReadOptions(on_error="skip"))
        assert all("Doe" not in str(one) for one in deviations)


def test_place_of_a_deviation_spans_pieces() -> None:
    before = "[" + '{"00100020":{"vr":"LO","Value":["17"]}},' * 3000
    texts = before + '{"00100020":{"vr":"LO","Value":"1"}}]'
    log = DeviationLog()
    list(streamdicom.iter_events(texts.encode(), options=ReadOptions(on_deviation=log)))
    [deviation] = log.first
    assert deviation.location.byte_offset == len(before) + len('{"00100020":{"vr":"LO","Value":')
    assert deviation.location.dataset_index == 3000


# --- values that cannot be right -----------------------------------------------------------------------------------

AFTER = ',"00100020":{"vr":"LO","Value":["1"]}}'

# The members of an attribute, and the kept text; None if it is too long to keep.
WRONG: list[tuple[str, str | None]] = [
    ('{"vr":"US","Value":["many"]}', '{"vr":"US","Value":["many"]}'),
    ('{"Value":["many"],"vr":"US"}', '{"vr":"US","Value":["many"]}'),
    ('{"vr":"US","Value":[1,"a",null]}', '{"vr":"US","Value":[1,"a",null]}'),
    ('{"vr":"US","Value":[1.5]}', '{"vr":"US","Value":[1.5]}'),
    ('{"vr":"US","Value":[true,false]}', '{"vr":"US","Value":[true,false]}'),
    ('{"vr":"US","Value":true}', '{"vr":"US","Value":[true]}'),
    ('{"vr":"US","Value":[[1,[2,{"a":"b"}]],3]}', '{"vr":"US","Value":[[1,[2,{"a":"b"}]],3]}'),
    ('{"vr":"US","Value":["many",{"a":[1]}]}', '{"vr":"US","Value":["many",{"a":[1]}]}'),
    ('{"vr":"US","Value":["many",{"00100020":{"vr":"LO"}}]}', '{"vr":"US","Value":["many",{"00100020":{"vr":"LO"}}]}'),
    *(
        (f'{{"vr":"{vr}","Value":[{value}]}}', f'{{"vr":"{vr}","Value":[{value}]}}')
        for vr, value in (
            ("LO", "1.5"),
            ("LO", "1e3"),
            ("CS", "5"),
            ("UI", "5"),
            ("DA", "2024"),
            ("TM", "93000"),
            ("AT", "-1"),
            ("AT", "4294967296"),
            ("AT", "1.5"),
            ("PN", "5"),
            ("PN", '{"Alphabetic":"A\\\\B","Phonetic":"C"}'),
            ("PN", '{"Alphabetic":"A=B","Ideographic":"C"}'),
            ("PN", '{"Ideographic":"=","Phonetic":"C"}'),
            *((vr, "{}") for vr in ("LO", "OW", "US", "DS", "AT")),
            ("LO", '{"00100020":{"vr":"LO"}}'),
            ("OW", '{"00100020":{"vr":"LO"}}'),
        )
    ),
    ('{"vr":"LO","Value":[{"Alphabetic":"A"}]}', '{"vr":"LO","Value":[{"Alphabetic":"A"}]}'),
    ('{"vr":"PN","Value":["A=B=C=D"]}', '{"vr":"PN","Value":["A=B=C=D"]}'),
    ('{"vr":"FD","Value":[1e999]}', '{"vr":"FD","Value":[1e999]}'),
    ('{"vr":"AT","Value":["x"]}', '{"vr":"AT","Value":["x"]}'),
    ('{"vr":"OB","Value":["x"]}', '{"vr":"OB","Value":["x"]}'),
    ('{"vr":"OB","InlineBinary":"A*A="}', '{"vr":"OB","InlineBinary":"A*A="}'),
    ('{"vr":"OB","InlineBinary":"AAAAA"}', '{"vr":"OB","InlineBinary":"AAAAA"}'),
    ('{"vr":"OB","InlineBinary":"AA==AAAA"}', '{"vr":"OB","InlineBinary":"AA==AAAA"}'),
    ('{"vr":"US","InlineBinary":"AAEC"}', '{"vr":"US","InlineBinary":"AAEC"}'),
    ('{"vr":"LO","BulkDataURI":"a"}', '{"vr":"LO","BulkDataURI":"a"}'),
    ('{"vr":"XX","Value":[1]}', '{"vr":"XX","Value":[1]}'),
    ('{"Value":[1]}', '{"Value":[1]}'),
    ('{"vr":"SQ","Value":["a"]}', '{"vr":"SQ","Value":["a"]}'),
    ('{"vr":"LO","DataFragment":[null,{"BulkDataURI":"a"}]}', '{"vr":"LO","DataFragment":[null,{"BulkDataURI":"a"}]}'),
    ("5", "5"),
    ('"a"', '"a"'),
    ("null", "null"),
    ("true", "true"),
    ("[1,[2]]", "[1,[2]]"),
    # a structure that does not fit
    *(
        (text, text)
        for text in (
            '{"vr":5,"Value":[1]}',
            '{"vr":{"a":[1]},"Value":[1]}',
            '{"vr":[],"Value":["a",{"00100020":{"vr":"LO"}}]}',
            '{"vr":["LO"],"InlineBinary":"AAE="}',
            '{"vr":true}',
            '{"vr":false,"x":[1],"vr":"LO","Value":["a"]}',
            '{"Value":["a"],"vr":5}',
            '{"Value":[],"vr":1.50,"Value":["a"]}',
            '{"Value":[{"Ideographic":"a","Alphabetic":null},{}],"vr":5}',
            '{"BulkDataURI":"a","vr":5}',
            '{"InlineBinary":"AAE=","vr":{}}',
            '{"InlineBinary":["A*"],"vr":{}}',
            '{"DataFragment":[null,{"InlineBinary":"AAE="}],"vr":[null]}',
            '{"DataFragment":5,"vr":5}',
            '{"vr":null,"Value":[1]}',
            '{"vr":null,"vr":5,"Value":[1]}',
            '{"vr":"","Value":[1]}',
        )
    ),
    ('{"x":1,"VR":5,"value":[1]}', '{"vr":5,"value":[1]}'),
    ('{"vr":NaN,"Value":["a"]}', None),
    ('{"vr":5,"InlineBinary":NaN}', None),
    ('{"InlineBinary":NaN,"vr":5}', None),
    ('{"vr":"OB","InlineBinary":5}', '{"vr":"OB","InlineBinary":5}'),
    *(
        (text, text)
        for text in (
            '{"vr":"OB","InlineBinary":["AAE=","AAI="]}',
            '{"vr":"OB","InlineBinary":["AAE",5,{"a":[null]}]}',
            '{"vr":"OB","InlineBinary":[null,"AAE="]}',
            '{"vr":"OB","InlineBinary":["AAE=",null]}',
            '{"vr":"OB","InlineBinary":["A*A=","AAE="]}',
            '{"vr":"OB","InlineBinary":["A*A="]}',
            '{"vr":"US","InlineBinary":["AAE=",[],true]}',
            '{"InlineBinary":["AAE=","AAI="]}',
        )
    ),
    ('{"InlineBinary":["AAE=","AAI="],"vr":"OB"}', '{"vr":"OB","InlineBinary":["AAE=","AAI="]}'),
    ('{"vr":"OB","InlineBinary":["AAE=",NaN]}', None),
    ('{"vr":"OB","InlineBinary":[5,6]}', '{"vr":"OB","InlineBinary":[5,6]}'),
    ('{"vr":"OB","InlineBinary":[{"a":[1]},"AAE=",null]}', '{"vr":"OB","InlineBinary":[{"a":[1]},"AAE=",null]}'),
    ('{"InlineBinary":[5,6],"vr":"OB"}', '{"vr":"OB","InlineBinary":[5,6]}'),
    ('{"vr":"OB","BulkDataURI":[5,6]}', '{"vr":"OB","BulkDataURI":[5,6]}'),
    # NaN is not JSON, and as a string it would be base64 or a URI
    ('{"vr":"OB","InlineBinary":NaN}', None),
    ('{"InlineBinary":NaN,"vr":"UN"}', None),
    ('{"vr":"OB","InlineBinary":[5,[NaN]]}', None),
    ('{"vr":"OB","BulkDataURI":Infinity}', None),
    ('{"vr":"OB","BulkDataURI":[-Infinity]}', None),
    ('{"vr":"US","Value":[NaN]}', '{"vr":"US","Value":["NaN"]}'),
    ("NaN", '"NaN"'),
    ('{"vr":"OB","InlineBinary":[["AAE="]]}', '{"vr":"OB","InlineBinary":[["AAE="]]}'),
    *(
        (text, text)
        for text in (
            '{"vr":"OB","BulkDataURI":["a","b"]}',
            '{"vr":"OB","BulkDataURI":["a",5,false]}',
            '{"vr":"OB","BulkDataURI":[null,"","b"]}',
            '{"vr":"OB","BulkDataURI":["",{"a":[]}]}',
            '{"vr":"LO","BulkDataURI":["a",["b"]]}',
            '{"BulkDataURI":["a","b"]}',
        )
    ),
    ('{"BulkDataURI":["a","b"],"vr":"OB"}', '{"vr":"OB","BulkDataURI":["a","b"]}'),
    ('{"vr":"OB","BulkDataURI":["a",Infinity]}', None),
    ('{"vr":"OB","BulkDataURI":[["a"]]}', '{"vr":"OB","BulkDataURI":[["a"]]}'),
    ('{"vr":"OB","BulkDataURI":{"a":"b"}}', '{"vr":"OB","BulkDataURI":{"a":"b"}}'),
    *(
        (text, text)
        for text in (
            '{"vr":"PN","Value":[{"Alphabetic":5}]}',
            '{"vr":"PN","Value":[{"Ideographic":["a"]},{"Alphabetic":"b"}]}',
            '{"vr":"PN","Value":[{"Phonetic":null,"Alphabetic":"a","Ideographic":{"a":1},"Alphabetic":"b","x":1}]}',
            '{"vr":"PN","Value":[{},{"Alphabetic":""},{"Ideographic":"a","Alphabetic":null},{"Alphabetic":true}]}',
            '{"vr":"LO","Value":[{"Alphabetic":5}]}',
            '{"Value":[{"Alphabetic":5}]}',
            '{"Value":[{"Alphabetic":5},{"00100020":{"vr":"LO"}}],"vr":"SQ"}',
            '{"Value":[{},5],"vr":"SQ"}',
            '{"Value":[{"Alphabetic":"a"},{"x":5}],"vr":"PN"}',
        )
    ),
    ('{"Value":[{"Alphabetic":5}],"vr":"PN"}', '{"vr":"PN","Value":[{"Alphabetic":5}]}'),
    ('{"vr":"PN","Value":{"Alphabetic":{"a":1}}}', '{"vr":"PN","Value":[{"Alphabetic":{"a":1}}]}'),
    ('{"vr":"PN","Value":[{"Alphabetic":NaN}]}', None),
    *(
        (text, text)
        for text in (
            '{"vr":"OB","DataFragment":[5,{"InlineBinary":"AAE="}]}',
            '{"vr":"OB","DataFragment":{"InlineBinary":"AAE="}}',
            '{"vr":"OB","DataFragment":[null,{"InlineBinary":5}]}',
            '{"vr":"OB","DataFragment":[null,{"InlineBinary":"AAE"},{"InlineBinary":"A"}]}',
            '{"vr":"OB","DataFragment":[null,{"InlineBinary":null}]}',
            '{"vr":"OB","DataFragment":[{"BulkDataURI":["a"]},{}]}',
            '{"vr":"OB","DataFragment":[{"x":"AAE="}]}',
            '{"vr":"OB","DataFragment":[[],true]}',
            '{"vr":"OB","DataFragment":5}',
            '{"vr":"OB","DataFragment":"AAE="}',
            '{"vr":"OB","DataFragment":null}',
            '{"DataFragment":[5]}',
        )
    ),
    ('{"DataFragment":[5],"vr":"OB"}', '{"vr":"OB","DataFragment":[5]}'),
    ('{"vr":"OB","DataFragment":[{"InlineBinary":NaN}]}', None),
]


@each(("members", "kept"), WRONG)
@each("place", ["data set", "item"])
def test_wrong_value_costs_one_element(members: str, kept: str | None, place: str) -> None:
    text = f'{{"{KEY}":{members}{AFTER}'
    path, around = KEY, in_dataset
    if place == "item":
        text, path = f'{{"00081140":{{"vr":"SQ","Value":[{{}},{text}]}}}}', f"00081140[1].{KEY}"
        around = lambda events: in_dataset(sequence([], events, tag=0x00081140))  # noqa: E731
    _, _, error = _read(text, ReadOptions())
    assert isinstance(error, DicomJsonError)
    assert error.location.tag_path == path
    for on_error in ("skip", "keep"):
        events, deviations, error = _read(text, ReadOptions(on_error=on_error))  # type: ignore[arg-type]
        assert error is None
        [wrong] = [one for one in deviations if one.code == "wrong-value"]
        assert wrong.location.tag_path == path
        found = re.search(r'^{"vr":"([^"]+)"|,"vr":"([^"]+)"}$', kept or "")
        vr = found[found.lastindex or 0] if found else ""
        element_kept = [(EventType.JSON_ELEMENT, TAG, vr if vr in VRS else "", kept)]
        expected = element_kept if on_error == "keep" and kept else []
        assert events == shown(around([*expected, ID]))


@each(("members", "kept"), [row for row in WRONG if row[1]])
def test_kept_element_is_written_unchanged(members: str, kept: str) -> None:
    options = ReadOptions(on_error="keep", on_deviation=DeviationLog())
    dataset = streamdicom.loads(f'{{"{KEY}":{members}{AFTER}', options=options)
    assert dataset[TAG].VR == "UN"
    assert dataset.PatientID == "1"
    assert streamdicom.dumps(dataset) == f'{{"{KEY}":{kept}{AFTER}'


@each(
    ("groups", "expected"),
    [
        ('{"Alphabetic":"A","Ideographic":"B","Phonetic":"C=D"}', ("A", "B", "C=D")),
        ('{"Alphabetic":"A=B=C=D"}', ("A", "B", "C=D")),
        ('{"Alphabetic":"A==="}', ("A", "", "")),
        ('{"Alphabetic":"A","Ideographic":"B=C=D="}', ("A", "B", "C=D")),
    ],
)
def test_name_with_too_many_groups_has_the_others_in_the_third(groups: str, expected: tuple[str, ...]) -> None:
    text = attribute(f'"vr":"PN","Value":[{groups}]')
    events, deviations, error = _read(text, ReadOptions())
    assert error is None
    assert events == shown(in_dataset([element("PN", expected)]))
    assert [one.code for one in deviations] == ["name-groups-in-one"]
    quiet = ReadOptions(on_deviation=lambda _: None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pydicom, about the number of groups
        dataset = streamdicom.loads(text, options=quiet)
        assert dataset == pydicom.Dataset.from_json(text)
        assert streamdicom.loads(streamdicom.dumps(dataset), options=quiet) == dataset


@each(
    ("members", "data"),
    [
        ('"InlineBinary":"AAE=","BulkDataURI":"a"', b"\0\1"),
        ('"BulkDataURI":"a","InlineBinary":"AAE="', b"\0\1"),
        ('"InlineBinary":"AAE=","InlineBinary":"AgI="', b"\0\1"),
        ('"InlineBinary":"","InlineBinary":"AgI="', b""),
    ],
)
def test_second_member_of_a_fragment_is_reported(members: str, data: bytes) -> None:
    kept = f'{{"vr":"OB","DataFragment":[null,{{{members}}},{{"InlineBinary":"/9g="}}]}}'
    text = f'{{"7FE00010":{kept}}}'
    fragments = [
        (kind, 0x7FE00010, "OB", value)
        for fragment in (data, b"\xff\xd8")
        for kind, value in ((EventType.START_FRAGMENT, len(fragment)), (EventType.LAST_SEGMENT, fragment))
    ]
    expected = [*FRAGMENTS[:3], *fragments, FRAGMENTS[-1]]
    for options in (ReadOptions(), ReadOptions(on_error="skip"), ReadOptions(on_error="keep")):
        events, deviations, error = _read(text, options)
        assert error is None
        element_kept = [(EventType.JSON_ELEMENT, 0x7FE00010, "OB", kept)]
        assert events == shown(in_dataset(element_kept if options.on_error == "keep" else expected))
        assert [one.code for one in deviations] == ["data-fragment", "several-contents"]


@pytest.mark.parametrize("on_error", ["skip", "keep"])
@pytest.mark.parametrize("value", ["[" * 300 + "1" + "]" * 300, '{"a":' * 300 + "1" + "}" * 300])
def test_wrong_value_may_nest_up_to_the_limit(value: str, on_error: Any) -> None:
    limits = Limits(depth=400)
    for text in (f'{{"{KEY}":{{"vr":"LO","Value":[{value}]}}{AFTER}', f'{{"{KEY}":[{value}]{AFTER}'):
        events, deviations, error = _read(text, ReadOptions(on_error=on_error, limits=limits))
        assert error is None
        assert [one.code for one in deviations] == ["wrong-value"]
        kept = [(kind, tag) for kind, tag, *_ in events if kind == "JSON_ELEMENT"]
        assert kept == ([("JSON_ELEMENT", KEY)] if on_error == "keep" else [])
        assert events[-2:] == shown([ID, *in_dataset([])[1:]])


def test_exception_of_on_deviation_ends_the_stream() -> None:
    class Stopped(BaseException):
        pass

    def stop(_: object) -> None:
        raise Stopped

    text = b'[{"00100020":{"vr":"LO","value":["1"]}},{"00100020":{"vr":"LO","Value":["2"]}}]'
    parser = JsonParser(options=ReadOptions(on_deviation=stop))
    with pytest.raises(Stopped):
        parser.feed(text[:40])
    for again in (lambda: parser.feed(text[40:]), parser.close):
        with pytest.raises(InputError, match="stopped by Stopped") as caught:
            again()
        assert caught.value is parser.error
        assert isinstance(caught.value.__cause__, Stopped)


def test_warning_as_error_ends_the_stream() -> None:
    text = b'[{"00100020":{"vr":"LO","value":["1"],"x":[1]}},{"00100020":{"vr":"LO","Value":["2"]}}]'
    parser = JsonParser()
    with pytest.raises(DeviationWarning):  # pytest makes errors of warnings
        parser.feed(text[:50])
    with pytest.raises(InputError, match="stopped by DeviationWarning"):
        parser.feed(text[50:])


LONG = "a" * 13

# The rest of an element whose first parts were delivered before its fault.
WRONG_IN_PARTS: list[tuple[str, list[Event]]] = [
    (
        '"vr":"US","Value":[1,2,3,4,"a",5]',
        [start_parts("US"), some("US", 1, 2, 3), some("US", 4, None, 5), end_parts("US")],
    ),
    (
        '"vr":"US","Value":[1,2,3,true]',
        [start_parts("US"), some("US", 1, 2, 3), some("US", None), end_parts("US")],
    ),
    (f'"vr":"US","Value":[1,"{LONG}",2]', []),
    (f'"vr":"US","Value":["{LONG}"]', []),
    (f'"vr":"US","Value":"{LONG}"', []),
    (
        f'"vr":"UC","Value":["{LONG}",1.5]',
        [start_parts("UC"), *segments("UC", LONG[:12], "a"), some("UC", None), end_parts("UC")],
    ),
    (f'"Value":["{LONG}"],"vr":"US"', [start_parts(""), *segments("", LONG[:12], "a"), end_parts("UC")]),
    (f'"Value":["{LONG}"],"vr":"XX"', [start_parts(""), *segments("", LONG[:12], "a"), end_parts("UC")]),
    (
        f'"Value":["{LONG}",{{"00100020":{{"vr":"LO"}}}},"b"],"vr":"UC"',
        [start_parts(""), *segments("", LONG[:12], "a"), some("UC", None, "b"), end_parts("UC")],
    ),
    (
        '"vr":"OB","InlineBinary":"AAAAAAAAAAAA*AAAAAAAAAAAAAAAAAAA"',
        [
            start_parts("OB"),
            (EventType.SEGMENT, TAG, "OB", bytes(9)),
            (EventType.LAST_SEGMENT, TAG, "OB", b""),
            end_parts("OB"),
        ],
    ),
    (
        '"InlineBinary":["AAAAAAAAAAAA*AAAAAAAAAAAAAAAAAAA"],"vr":"OB"',
        [
            start_parts(""),
            (EventType.SEGMENT, TAG, "", bytes(9)),
            (EventType.LAST_SEGMENT, TAG, "", b""),
            end_parts("UN"),
        ],
    ),
    (
        f'"Value":["{LONG}",5],"vr":"US"',
        [start_parts(""), *segments("", LONG[:12], "a"), some("UC", "5"), end_parts("UC")],
    ),
    (
        '"Value":["a","b","c","d"],"vr":"US"',
        [start_parts(""), some("", "a", "b", "c"), some("UC", "d"), end_parts("UC")],
    ),
    ('"vr":"OW","Value":[1,2,3,4,5]', []),
    ('"vr":"OW","Value":[1,2,3,null,5]', []),
    (f'"vr":"OB","BulkDataURI":"{LONG}"', []),
    (f'"vr":"PN","Value":[{{"Alphabetic":"{LONG}"}}]', []),
    (
        '"vr":"SQ","Value":[{},"a",{}]',
        sequence([], []),
    ),
    (f'"vr":"SQ","Value":[{{"00100020":{{"vr":"LO"}}}},"{LONG}",{{}}]', sequence([element("LO", tag=PATIENT_ID)], [])),
    ('"Value":[{"00100020":{"vr":"LO"}},{}],"vr":5', sequence([element("LO", tag=PATIENT_ID)], [])),
    ('"Value":[{"00100020":{"vr":"LO"}},{}],"vr":[5]', sequence([element("LO", tag=PATIENT_ID)], [])),
    (
        '"InlineBinary":"AAAAAAAAAAAAAAAA","vr":{}',
        [start_parts(""), *segments("", bytes(9), bytes(3)), end_parts("UN")],
    ),
    (
        '"vr":"OB","InlineBinary":["AAAAAAAAAAAAAAAA","AAE="]',
        [start_parts("OB"), *segments("OB", bytes(9), bytes(3)), end_parts("OB")],
    ),
]


@each(("members", "expected"), WRONG_IN_PARTS)
@each("on_error", ["skip", "keep"])
def test_wrong_value_in_parts_is_empty_or_ends_its_element(members: str, expected: list[Event], on_error: Any) -> None:
    text = f'{{"{KEY}":{{{members}}}{AFTER}'
    _, _, error = _read(text, ReadOptions(limits=SMALL))
    assert error is not None
    events, deviations, error = _read(text, ReadOptions(limits=SMALL, on_error=on_error))
    assert error is None
    assert "wrong-value" in {one.code for one in deviations}
    if on_error == "skip" or expected:
        assert events == shown(in_dataset([*expected, ID]))
    else:
        assert events[-2:] == shown([ID, *in_dataset([])[1:]])


@each(
    "members",
    [
        '{"vr":"US","Value":[["%s"]]}',
        '["%s"]',
        '{"vr":5,"Value":["%s"]}',
        '{"vr":"OB","InlineBinary":["AAE=","%s"]}',
        '{"vr":"OB","BulkDataURI":["a","%s"]}',
        '{"vr":"OB","DataFragment":[5,"%s"]}',
        '{"vr":"OB","DataFragment":"%s"}',
        '{"vr":"PN","Value":[{"Alphabetic":["%s"]}]}',
    ],
)
def test_message_says_if_a_value_is_too_long_to_keep(members: str) -> None:
    text = f'{{"{KEY}":{members % ("ab" * 20)}{AFTER}'
    events, deviations, error = _read(text, ReadOptions(on_error="keep", limits=Limits(segment_size=40)))
    assert error is None
    assert events == shown(in_dataset([ID]))
    assert "too long to be kept" in deviations[-1].message


def test_wrong_vr_after_delivered_values_costs_itself_only() -> None:
    values = f'{{"{KEY}":{{"Value":["a","b","c","d"],"vr":{{"a":[1]}},"x":1}}{AFTER}'
    numbers = '{"00280010":{"Value":[1,2,3,4],"vr":5},"00280011":{"vr":"US"}}'
    options = ReadOptions(on_error="keep", limits=SMALL)
    events, deviations, error = _read(values, options)
    assert error is None
    expected = [start_parts(""), some("", "a", "b", "c"), some("UC", "d"), end_parts("UC"), ID]
    assert events == shown(in_dataset(expected))
    assert deviations[0].message == "expected a string for 'vr', found an object"
    events, deviations, error = _read(numbers, options)
    assert error is None
    assert [(kind, vr, value) for kind, _, vr, value in events[1:-2]] == [
        ("START_ELEMENT", "US", "None"),
        ("VALUES", "US", "(1, 2, 3)"),
        ("VALUES", "US", "(4,)"),
        ("END_ELEMENT", "US", "None"),
    ]
    assert [one.code for one in deviations] == ["wrong-value"]


def test_wrong_name_among_many_is_empty() -> None:
    names = ",".join(['{"Alphabetic":"a"}', '{"Alphabetic":[5]}', *['{"Alphabetic":"b"}'] * 3])
    text = f'{{"{KEY}":{{"vr":"PN","Value":[{names}]}}{AFTER}'
    events, deviations, error = _read(text, ReadOptions(on_error="keep", limits=Limits(values_per_event=3)))
    assert error is None
    a, b = ("a", "", ""), ("b", "", "")
    expected = [start_parts("PN"), some("PN", a, None, b), some("PN", b, b), end_parts("PN"), ID]
    assert events == shown(in_dataset(expected))
    assert [one.code for one in deviations] == ["wrong-value"]


def test_kept_elements_of_several_documents_have_their_places() -> None:
    kept = ['{"vr":5,"Value":["a"]}', '{"vr":"OB","BulkDataURI":["a","b"]}', '{"vr":"PN","Value":[{"Alphabetic":5}]}']
    text = "\n".join([f'{{"{KEY}":{one}{AFTER}' for one in kept])
    events, deviations, error = _read(text, ReadOptions(on_error="keep"))
    assert error is None
    assert events == shown(
        event
        for index, (one, vr) in enumerate(zip(kept, ("", "OB", "PN"), strict=True))
        for event in in_dataset([(EventType.JSON_ELEMENT, TAG, vr, one), ID], index)
    )
    places = [one.location for one in deviations if one.code == "wrong-value"]
    assert [(place.dataset_index, place.tag_path) for place in places] == [(0, KEY), (1, KEY), (2, KEY)]
    ends = [text.index(one) + len(one) - 1 for one in kept]
    assert [place.byte_offset for place in places] == ends


def test_long_inline_binary_of_another_vr_is_un() -> None:
    text = attribute('"vr":"LO","InlineBinary":"AAAAAAAAAAAAAAAA"')
    events, deviations, _ = _read(text, ReadOptions(limits=SMALL))
    assert events == shown(in_dataset([start_parts("UN"), *segments("UN", bytes(9), bytes(3)), end_parts("UN")]))
    assert [one.code for one in deviations] == ["binary-for-vr"]


def test_fragments_up_to_the_limit_are_accepted() -> None:
    base64 = "AAAA" * 100
    text = f'{{"7FE00010":{{"vr":"OB","DataFragment":[null,{{"InlineBinary":"{base64}"}},{{"InlineBinary":"/9g="}}]}}}}'
    limits = Limits(segment_size=12, value_length=600)
    events, _, error = _read(text, ReadOptions(limits=limits))
    assert error is None
    assert [event[3] for event in events if event[0] == "START_FRAGMENT"] == ["0", "300", "2"]
    _, _, error = _read(text, ReadOptions(limits=replace(limits, value_length=300)))
    assert isinstance(error, LimitError)
    assert error.limit == "value_length"


# --- much of it --------------------------------------------------------------------------------------------------


def test_duplicate_is_found_among_thousands_of_elements() -> None:
    keys = [f'"{0x00091000 + 2 * n:08X}":{{"vr":"LO"}}' for n in range(4096)]
    again = [keys[4095], keys[100], '"00091001":{"vr":"LO"}', '"00091001":{"vr":"LO"}']
    log = DeviationLog()
    parser = JsonParser(options=ReadOptions(on_deviation=log))
    text = f"{{{','.join([*keys, *again])}}}".encode()
    events = [event for piece in pieces_of(text, 1000) for event in parser.feed(piece)]
    assert log.counts == {"duplicate-key": 3, "key-order": 1}
    assert len(events) == 4096 + 1 + 2


def test_duplicate_of_the_element_before_a_sequence_is_found() -> None:
    item = '{"00100020":{"vr":"LO"}}'
    text = f'{{"00081140":{{"vr":"SQ","Value":[{item},{item}]}},"00100020":{{"vr":"LO"}},"00081140":{{"vr":"SQ"}}}}'
    _, deviations, _ = _read(text, ReadOptions())
    assert [(one.code, one.location.tag_path) for one in deviations] == [("duplicate-key", "00081140")]


# --- the VR by Pixel Representation ------------------------------------------------------------------------------

_AMBIGUOUS = '"00280106":{"vr":"US or SS","Value":[5]}'


def _item(*members: str) -> str:
    return f'"00081140":{{"vr":"SQ","Value":[{{{",".join(members)}}}]}}'


@each(
    ("members", "vrs"),
    [
        ([_AMBIGUOUS], ["US"]),
        ([SIGNED[:-1], _AMBIGUOUS], ["SS"]),
        ([SIGNED[:-1], '"00289100":{"vr":"LO"}', _AMBIGUOUS], ["SS"]),
        ([SIGNED[:-1].replace("1]", '"a"]'), _AMBIGUOUS], ["US"]),
        (['"00280103":{"vr":"US"}', _AMBIGUOUS], ["US"]),
        ([_item(SIGNED[:-1]), _AMBIGUOUS], ["US"]),
        ([SIGNED[:-1], _item(_AMBIGUOUS)], ["SS"]),
        ([SIGNED[:-1], _item(SIGNED[:-1].replace("1]", "0]"), _AMBIGUOUS), _AMBIGUOUS], ["US", "SS"]),
        ([SIGNED[:-1], _item(_item(SIGNED[:-1].replace("1]", "0]"), _AMBIGUOUS), _AMBIGUOUS)], ["US", "SS"]),
    ],
)
def test_pixel_representation_of_the_innermost_item_decides(members: list[str], vrs: list[str]) -> None:
    text = f'[{{"00280103":{{"vr":"US","Value":[0]}}}},{{{",".join(members)}}}]'
    events, _, error = _read(text, ReadOptions(on_error="skip"))
    assert error is None
    assert [vr for _, tag, vr, _ in events if tag == "00280106"] == vrs


def test_unwanted_pixel_representation_is_not_needed() -> None:
    options = ReadOptions(include=["00280106"], on_deviation=DeviationLog())
    for value, vr in ((5, "US"), (-5, "SS")):
        text = f'{{{SIGNED}"00280106":{{"vr":"US or SS","Value":[{value}]}}}}'
        assert (EventType.ELEMENT, 0x00280106, vr, (value,)) in list(
            streamdicom.iter_events(text.encode(), options=options)
        )


# --- long values in other forms ----------------------------------------------------------------------------------


@each(
    ("members", "codes", "events"),
    [
        (
            '"vr":"OB","InlineBinary":"AAEC\\nAwQF\\nAAECAwQ"',
            ["base64-form"],
            [
                start_parts("OB"),
                *segments("OB", b"\0\1\2\3\4\5", b"\0\1\2\3\4"),
                end_parts("OB"),
            ],
        ),
        (
            f'"vr":"UC","Value":["b","{LONG[:11]}\\\\c\\\\d"]',
            ["backslash"],
            [
                start_parts("UC"),
                some("UC", "b"),
                *segments("UC", LONG[:11], ""),
                *segments("UC", "c"),
                *segments("UC", "d"),
                end_parts("UC"),
            ],
        ),
        (
            f'"vr":"UT","Value":["{LONG}\\\\b"]',
            [],
            [start_parts("UT"), *segments("UT", LONG[:12], "a\\b"), end_parts("UT")],
        ),
        (
            '"vr":"LT","Value":["a","b","c","d"]',
            ["several-values", "wrong-value"],
            [start_parts("LT"), some("LT", "a\\b\\c"), end_parts("LT")],
        ),
        (
            '"Value":["a","b","c","d"],"vr":"LT"',
            ["wrong-value"],
            [start_parts(""), some("", "a", "b", "c"), end_parts("LT")],
        ),
        (f'"vr":"LT","Value":["b","{LONG}"]', ["wrong-value"], []),
        (
            f'"vr":"LT","Value":["{LONG}","b"]',
            ["wrong-value"],
            [start_parts("LT"), *segments("LT", LONG[:12], "a"), end_parts("LT")],
        ),
        (
            '"vr":"US or SS","Value":[1,2,-3,4]',
            ["ambiguous-vr"],
            [start_parts("SS"), some("SS", 1, 2, -3), some("SS", 4), end_parts("SS")],
        ),
    ],
)
def test_long_value_in_another_form_is_read_in_parts(members: str, codes: list[str], events: list[Event]) -> None:
    read, deviations, error = _read(attribute(members), ReadOptions(limits=SMALL, on_error="skip"))
    assert error is None
    assert list(dict.fromkeys(one.code for one in deviations)) == codes
    assert read == shown(in_dataset(events))


@each(("vr", "value"), [("AE", "Infinity"), ("PN", ("Infinity", "", "")), ("DS", "Infinity")])
def test_infinity_without_quotes_is_the_string(vr: str, value: Any) -> None:
    bare, quoted = [
        _read(f'{{"00091001":{{"vr":"{vr}","Value":[{text}]}}}}', ReadOptions()) for text in ("Infinity", '"Infinity"')
    ]
    assert bare[2] is None
    assert bare[0] == quoted[0] == shown(in_dataset([(EventType.ELEMENT, 0x00091001, vr, (value,))]))
    assert [one.code for one in bare[1]] == ["bare-nonfinite", *(one.code for one in quoted[1])]
