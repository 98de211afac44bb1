"""The JsonParser: each case whole and in pieces, alone and beside other data sets."""

from __future__ import annotations

import base64
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pydicom
import pytest

import streamdicom
from streamdicom.deviations import Deviation
from streamdicom.dicom.vr import VRS
from streamdicom.errors import DicomJsonError, InputError, JsonSyntaxError, LimitError, Location, TruncatedError
from streamdicom.events import Event, EventType
from streamdicom.formats.json import JsonParser
from streamdicom.formats.json.canonical import canonical_pattern
from streamdicom.jsontext import JsonTokenizer
from streamdicom.limits import Limits
from streamdicom.options import ReadOptions
from tests.formats.json.reading import (
    KEY,
    MARK,
    OTHER,
    SMALL,
    SURROUNDINGS,
    TAG,
    Surroundings,
    attribute,
    bulk_data,
    cases,
    element,
    end_parts,
    in_dataset,
    other,
    pieces_of,
    read_badly,
    read_every_way,
    read_well,
    run,
    segments,
    sequence,
    shown,
    some,
    start_parts,
    ways_to_cut,
)
from tests.support.each import each

# --- data sets that are right ------------------------------------------------------------------------------------

Case = tuple[str, str, list[Event]]


# For each VR two values, as JSON text and as the event has them.
VALUES: list[tuple[str, str, Any, str, Any]] = [
    ("AE", '"STORE_SCU"', "STORE_SCU", '"a b"', "a b"),
    ("AS", '"045Y"', "045Y", '"003M"', "003M"),
    ("AT", '"7FE00010"', 0x7FE00010, '"00100020"', 0x00100020),
    ("CS", '"ORIGINAL"', "ORIGINAL", '"PRIMARY"', "PRIMARY"),
    ("DA", '"20240229"', "20240229", '"19000101"', "19000101"),
    ("DS", "1.0000", "1.0000", '"+1.50"', "+1.50"),
    ("DT", '"20240229235960.999999+0100"', "20240229235960.999999+0100", '"2024"', "2024"),
    ("FD", "0.1", 0.1, "-1e-7", -0.0000001),
    ("FL", "1.5", 1.5, "2", 2.0),
    ("IS", "-0", "-0", '"007"', "007"),
    ("LO", '"\u00c6skulap"', "\u00c6skulap", '"\\u5c71\\n"', "\u5c71\n"),
    ("LT", '"a\\\\b"', "a\\b", '"c\\\\d"', "c\\d"),
    ("PN", '{"Alphabetic":"Doe^Jane"}', ("Doe^Jane", "", ""), '{"Phonetic":"d"}', ("", "", "d")),
    ("SH", '"short"', "short", '" "', " "),
    ("SL", "-2147483648", -(2**31), "2147483647", 2**31 - 1),
    ("SS", "-32768", -(2**15), "32767", 2**15 - 1),
    ("ST", '"two\\r\\nlines"', "two\r\nlines", '"c"', "c"),
    ("SV", "-9223372036854775808", -(2**63), '"9223372036854775807"', 2**63 - 1),
    ("TM", '"235960.5"', "235960.5", '"12"', "12"),
    ("UC", '"unlimited"', "unlimited", '"\\ud83d\\ude00"', "\U0001f600"),
    ("UI", '"1.2.840.10008.1.1"', "1.2.840.10008.1.1", '"1.2"', "1.2"),
    ("UL", "4294967295", 2**32 - 1, "0", 0),
    ("UR", '"http:\\/\\/a\\/b?c=d"', "http://a/b?c=d", '"e"', "e"),
    ("US", "65535", 65535, "-0", 0),
    ("UT", '"text"', "text", '"c"', "c"),
    ("UV", "18446744073709551615", 2**64 - 1, '"18446744073709551614"', 2**64 - 2),
]

BINARY: list[tuple[str, str, bytes]] = [
    ("OB", "AP8=", b"\x00\xff"),
    ("OD", "AAAAAAAA8D8=", struct.pack("<d", 1.0)),
    ("OF", "AACAPw==", struct.pack("<f", 1.0)),
    ("OL", "AQAAAA==", struct.pack("<L", 1)),
    ("OV", "AQAAAAAAAAA=", struct.pack("<Q", 1)),
    ("OW", "AQACAA==", struct.pack("<2H", 1, 2)),
    ("UN", "Zm9v", b"foo"),
]

BULK = ["DS", "FL", "FD", "IS", "LT", "OB", "OD", "OF", "OL", "OV", "OW", "SL", "SS", "ST", "SV", "UC", "UL", "UN"]
BULK += ["US", "UT", "UV"]


def vr_cases() -> list[Case]:
    """For each VR: no value, one, several, and null among them; ``vr`` first and last."""
    table: list[Case] = []
    for vr, text, value, second_text, second in VALUES:
        members = {
            "one": (f'"Value":[{text}]', (value,)),
            "several": (f'"Value":[{text},{second_text}]', (value, second)),
            "null among others": (f'"Value":[{text},null,{second_text},null]', (value, None, second, None)),
            "null first": (f'"Value":[null,{second_text}]', (None, second)),
        }
        if vr in ("LT", "ST", "UR", "UT"):  # which have one value
            members = {"one": members["one"]}
        for what, (member, values) in members.items():
            table += both_orders(f"{vr} {what}", vr, member, [element(vr, *values)])
    for vr, text, data in BINARY:
        table += both_orders(f"{vr} inline", vr, f'"InlineBinary":"{text}"', [element(vr, data)])
        table += both_orders(f"{vr} inline, empty", vr, '"InlineBinary":""', [element(vr)])
    for vr in BULK:
        uri = "https://host/bulk?a=1"
        table += both_orders(f"{vr} bulk", vr, f'"BulkDataURI":"{uri}"', [bulk_data(vr, uri)])
    table += [(f"{vr} empty", attribute(f'"vr":"{vr}"'), [element(vr)]) for vr in VRS if vr != "SQ"]
    return table


def both_orders(name: str, vr: str, member: str, events: list[Event]) -> list[Case]:
    return [
        (f"{name}, vr before", attribute(f'"vr":"{vr}",{member}'), events),
        (f"{name}, vr behind", attribute(f'{member},"vr":"{vr}"'), events),
    ]


def test_table_of_values_has_every_vr() -> None:
    assert sorted([row[0] for row in VALUES] + [row[0] for row in BINARY] + ["SQ"]) == sorted(VRS)


NUMBERS: list[tuple[str, str, str, Any]] = [
    ("integer with a fraction of zero", "US", "5.0", 5),
    ("integer with an exponent", "US", "1e2", 100),
    ("integer with a negative exponent", "US", "500e-2", 5),
    ("integer with a positive exponent", "UL", "1.5E+1", 15),
    ("negative integer with a fraction", "SL", "-2.00", -2),
    ("64 bits with a fraction", "UV", "18446744073709551615.0", 2**64 - 1),
    ("64 bits beyond a double", "SV", "9007199254740993", 2**53 + 1),
    ("64 bits beyond a double, as a string", "SV", '"-9007199254740993"', -(2**53) - 1),
    ("plus in a string", "UV", '"+5"', 5),
    ("zero to a large power", "US", "0e20", 0),
    ("DS with zeros behind", "DS", "1.2300", "1.2300"),
    ("DS with an exponent", "DS", "1E+2", "1E+2"),
    ("DS beyond a double", "DS", "1e400", "1e400"),
    ("DS of many digits", "DS", "3.14159265358979323846264338327950288", "3.14159265358979323846264338327950288"),
    ("DS as a string", "DS", '"  1.50 "', "  1.50 "),
    ("IS as a string", "IS", '"0042"', "0042"),
    ("FD as an integer", "FD", "17", 17.0),
    ("FD negative zero", "FD", "-0", -0.0),
    ("FD smallest", "FD", "5e-324", struct.unpack("<d", b"\x01" + bytes(7))[0]),
    ("FD largest", "FD", "1.7976931348623157e308", struct.unpack("<d", b"\xff\xff\xff\xff\xff\xff\xef\x7f")[0]),
    ("FD below the smallest", "FD", "1e-400", 0.0),
    ("FD not a number", "FD", '"NaN"', float("nan")),
    ("FD infinity", "FD", '"Infinity"', float("inf")),
    ("FL negative infinity", "FL", '"-Infinity"', float("-inf")),
    ("AT all digits", "AT", '"FFFEE00D"', 0xFFFEE00D),
]

NAMES: list[tuple[str, str, Any]] = [
    ("one group", '{"Alphabetic":"A"}', ("A", "", "")),
    ("two groups", '{"Alphabetic":"A","Ideographic":"I"}', ("A", "I", "")),
    ("three groups", '{"Alphabetic":"A","Ideographic":"I","Phonetic":"P"}', ("A", "I", "P")),
    ("three groups in another order", '{"Phonetic":"P","Alphabetic":"A","Ideographic":"I"}', ("A", "I", "P")),
    ("ideographic only", '{"Ideographic":"\u5c71\u7530^\u592a\u90ce"}', ("", "\u5c71\u7530^\u592a\u90ce", "")),
    ("an empty group", '{"Alphabetic":"","Phonetic":"P"}', ("", "", "P")),
]

LO = '"00100020":{"vr":"LO","Value":["a"]}'
LO_EVENT = element("LO", "a", tag=0x00100020)

DATASETS: list[Case] = [
    ("no attribute", "{}", []),
    ("white space", ' { "00091001" :\r\n{\t"vr" : "LO" , "Value" : [ "a" ] } } ', [element("LO", "a")]),
    ("escapes in names", '{"0009\\u0031001":{"v\\u0072":"\\u004cO","Val\\u0075e":["a"]}}', [element("LO", "a")]),
    (
        "tags in any order",
        f'{{{LO},"00080018":{{"vr":"UI"}},"FFFCFFFC":{{"vr":"OB"}},"00080005":{{"vr":"CS"}}}}',
        [
            LO_EVENT,
            element("UI", tag=0x00080018),
            element("OB", tag=0xFFFCFFFC),
            element("CS", tag=0x00080005),
        ],
    ),
    (
        "group 0002 and group length as they come",
        '{"00020000":{"vr":"UL","Value":[4]},"00020010":{"vr":"UI","Value":["1.2"]},"00080000":{"vr":"UL"}}',
        [
            element("UL", 4, tag=0x00020000),
            element("UI", "1.2", tag=0x00020010),
            element("UL", tag=0x00080000),
        ],
    ),
    (
        "base64 with escaped slashes",
        attribute('"vr":"OB","InlineBinary":"\\/\\/8\\u003d"'),
        [element("OB", b"\xff\xff")],
    ),
    (
        "base64 of the whole alphabet",
        attribute('"vr":"OB","InlineBinary":"+/az09AZ"'),
        [
            element("OB", bytes([0xFB, 0xF6, 0xB3, 0xD3, 0xD0, 0x19])),
        ],
    ),
    ("URI with escapes", attribute('"vr":"OW","BulkDataURI":"a\\/b\\u00e9"'), [bulk_data("OW", "a/b\u00e9")]),
    ("sequence without Value", attribute('"vr":"SQ"'), sequence()),
    *both_orders("sequence with one item", "SQ", f'"Value":[{{{LO}}}]', sequence([LO_EVENT])),
    *both_orders(
        "sequence with items", "SQ", f'"Value":[{{{LO}}},{{}},{{{LO}}}]', sequence([LO_EVENT], [], [LO_EVENT])
    ),
    *both_orders("sequence that starts with an empty item", "SQ", f'"Value":[{{}},{{{LO}}}]', sequence([], [LO_EVENT])),
    *both_orders("sequence with one empty item", "SQ", '"Value":[{}]', sequence([])),
    *both_orders("sequence with empty items", "SQ", '"Value":[{},{},{},{}]', sequence([], [], [], [])),
    *both_orders(
        "sequence in a sequence",
        "SQ",
        f'"Value":[{{"00081140":{{"vr":"SQ","Value":[{{}},{{{LO}}}]}},{LO}}},{{"00081140":{{"vr":"SQ"}}}}]',
        sequence([*sequence([], [LO_EVENT], tag=0x00081140), LO_EVENT], sequence(tag=0x00081140)),
    ),
    *both_orders(
        "sequence in a sequence, vr behind",
        "SQ",
        f'"Value":[{{"00081140":{{"Value":[{{{LO}}},{{}}],"vr":"SQ"}}}}]',
        sequence(sequence([LO_EVENT], [], tag=0x00081140)),
    ),
    *both_orders(
        "the same tag in a sequence",
        "SQ",
        f'"Value":[{{"{KEY}":{{"vr":"SQ","Value":[{{"{KEY}":{{"vr":"US","Value":[1]}}}}]}}}}]',
        sequence(sequence([element("US", 1)])),
    ),
    *both_orders(
        "person name in a sequence",
        "SQ",
        '"Value":[{"00100010":{"Value":[{"Alphabetic":"A"}],"vr":"PN"}}]',
        sequence([element("PN", ("A", "", ""), tag=0x00100010)]),
    ),
    (
        "attribute behind a sequence",
        f'{{"00081140":{{"vr":"SQ","Value":[{{{LO}}}]}},"{KEY}":{{"vr":"US","Value":[1]}}}}',
        [*sequence([LO_EVENT], tag=0x00081140), element("US", 1)],
    ),
]

CASES: list[Case] = [
    *vr_cases(),
    *(
        case
        for name, vr, text, value in NUMBERS
        for case in both_orders(name, vr, f'"Value":[{text}]', [element(vr, value)])
    ),
    *(
        case
        for name, text, value in NAMES
        for case in both_orders(name, "PN", f'"Value":[{text}]', [element("PN", value)])
    ),
    *DATASETS,
]


def check(text: str, expected: list[Event], limits: Limits) -> None:
    """Check the events of a data set alone, and at both ends of an array."""
    assert read_well(text, ReadOptions(limits=limits)) == shown(in_dataset(expected))
    events = read_well(f"[{text},{OTHER},{text}]", ReadOptions(limits=limits))
    assert events == shown([*in_dataset(expected), *other(1), *in_dataset(expected, 2)])


@each(("text", "expected"), cases(CASES))
def test_data_set_is_read(text: str, expected: list[Event]) -> None:
    check(text, expected, Limits())


# --- elements in parts -------------------------------------------------------------------------------------------

PARTS: list[Case] = [
    ("text as long as a segment", attribute('"vr":"UT","Value":["abcdefghijkl"]'), [element("UT", "abcdefghijkl")]),
    (
        "text one byte longer",
        attribute('"vr":"UT","Value":["abcdefghijklm"]'),
        [start_parts("UT"), *segments("UT", "abcdefghijkl", "m"), end_parts("UT")],
    ),
    (
        "text of two segments",
        attribute('"vr":"LT","Value":["abcdefghijklmnopqrstuvwx"]'),
        [start_parts("LT"), *segments("LT", "abcdefghijkl", "mnopqrstuvwx"), end_parts("LT")],
    ),
    (
        "text of three segments, vr behind",
        attribute('"Value":["abcdefghijklmnopqrstuvwxyz"],"vr":"UT"'),
        [start_parts(""), *segments("", "abcdefghijkl", "mnopqrstuvwx", "yz"), end_parts("UT")],
    ),
    (
        "no character is cut",
        attribute('"vr":"ST","Value":["a\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9"]'),  # 1 byte and 6 times 2
        [start_parts("ST"), *segments("ST", "a\u00e9\u00e9\u00e9\u00e9\u00e9", "\u00e9"), end_parts("ST")],
    ),
    (
        "no escape is cut",
        attribute('"vr":"ST","Value":["abcd\\u00e9\\u00e9\\\\"]'),  # 4 bytes, 6, 6 and 2
        [start_parts("ST"), *segments("ST", "abcd\u00e9", "\u00e9\\"), end_parts("ST")],
    ),
    (
        "long texts among others",
        attribute('"vr":"UC","Value":["a",null,"abcdefghijklm","b","nopqrstuvwxyz","c"]'),
        [
            start_parts("UC"),
            some("UC", "a", None),
            *segments("UC", "abcdefghijkl", "m"),
            some("UC", "b"),
            *segments("UC", "nopqrstuvwxy", "z"),
            some("UC", "c"),
            end_parts("UC"),
        ],
    ),
    (
        "long text first",
        attribute('"vr":"UC","Value":["abcdefghijklm",null,null]'),
        [start_parts("UC"), *segments("UC", "abcdefghijkl", "m"), some("UC", None, None), end_parts("UC")],
    ),
    (
        "long texts among others, vr behind",
        attribute('"Value":["a",null,"abcdefghijklm","b","nopqrstuvwxyz"],"vr":"UC"'),
        [
            start_parts(""),
            some("", "a", None),
            *segments("", "abcdefghijkl", "m"),
            some("", "b"),
            *segments("", "nopqrstuvwxy", "z"),
            end_parts("UC"),
        ],
    ),
    (
        "many values behind a long text, vr behind them",
        attribute('"Value":["abcdefghijklm","a","b","c","d"],"vr":"UC"'),
        [
            start_parts(""),
            *segments("", "abcdefghijkl", "m"),
            some("", "a", "b", "c"),
            some("UC", "d"),
            end_parts("UC"),
        ],
    ),
    ("few values", attribute('"vr":"US","Value":[1,2]'), [element("US", 1, 2)]),
    ("as many values as are held", attribute('"vr":"US","Value":[1,2,3]'), [element("US", 1, 2, 3)]),
    (
        "many values",
        attribute('"vr":"US","Value":[1,2,3,4,5,6,7]'),
        [start_parts("US"), some("US", 1, 2, 3), some("US", 4, 5, 6), some("US", 7), end_parts("US")],
    ),
    (
        "many values, some null",
        attribute('"vr":"FD","Value":[null,null,null,0.5]'),
        [start_parts("FD"), some("FD", None, None, None), some("FD", 0.5), end_parts("FD")],
    ),
    (
        "many person names",
        attribute('"vr":"PN","Value":[{"Alphabetic":"a"},{},null,{"Phonetic":"b"}]'),
        [start_parts("PN"), some("PN", ("a", "", ""), None, None), some("PN", ("", "", "b")), end_parts("PN")],
    ),
    (
        "long texts together",
        attribute('"vr":"UC","Value":["abcdefg","hijklmn","o"]'),
        [start_parts("UC"), some("UC", "abcdefg"), some("UC", "hijklmn", "o"), end_parts("UC")],
    ),
    (
        "long person names together",
        attribute('"vr":"PN","Value":[{"Alphabetic":"abcdefg","Phonetic":"hijklmn"},{"Alphabetic":"o"}]'),
        [start_parts("PN"), some("PN", ("abcdefg", "", "hijklmn")), some("PN", ("o", "", "")), end_parts("PN")],
    ),
    ("many empty items", attribute('"vr":"SQ","Value":[{},{},{},{}]'), sequence([], [], [], [])),
    (
        "many items, vr behind",
        attribute(f'"Value":[{{{LO}}},{{}},{{}},{{}},{{{LO}}}],"vr":"SQ"'),
        sequence([LO_EVENT], [], [], [], [LO_EVENT]),
    ),
    (
        "long base64",
        attribute('"vr":"OB","InlineBinary":"AAECAwQFBgcICQ=="'),  # 12 characters and 4
        [start_parts("OB"), *segments("OB", bytes(range(9)), bytes([9])), end_parts("OB")],
    ),
    (
        "long base64, vr behind",
        attribute('"InlineBinary":"AAECAwQFBgcICQ==","vr":"UN"'),
        [start_parts(""), *segments("", bytes(range(9)), bytes([9])), end_parts("UN")],
    ),
    (
        "many texts, vr behind",
        attribute('"Value":["a",null,"b","c","d"],"vr":"UC"'),
        [start_parts(""), some("", "a", None, "b"), some("UC", "c", "d"), end_parts("UC")],
    ),
    (
        "long texts together, vr behind",
        attribute('"Value":["abcdefg","hijklmn","abcdefghijklm"],"vr":"UC"'),
        [
            *[start_parts(""), some("", "abcdefg"), some("", "hijklmn")],
            *segments("", "abcdefghijkl", "m"),
            end_parts("UC"),
        ],
    ),
    (
        "one long number, vr behind",
        attribute('"Value":[1234567890123],"vr":"DS"'),
        [element("DS", "1234567890123")],
    ),
    (
        "element behind one in parts",
        f'{{"{KEY}":{{"vr":"UT","Value":["abcdefghijklm"]}},{LO}}}',
        [start_parts("UT"), *segments("UT", "abcdefghijkl", "m"), end_parts("UT"), LO_EVENT],
    ),
    (
        "element in parts in an item",
        '{"00081140":{"vr":"SQ","Value":[' + attribute('"vr":"UT","Value":["abcdefghijklm"]') + "]}}",
        sequence([start_parts("UT"), *segments("UT", "abcdefghijkl", "m"), end_parts("UT")], tag=0x00081140),
    ),
]


@each(("text", "expected"), cases(PARTS))
def test_long_values_are_delivered_in_parts(text: str, expected: list[Event]) -> None:
    check(text, expected, SMALL)


@each("segment", [12, 13, 14, 15])
@each("data", [bytes(range(100, 148)), b"\xff" * 48], ids=["plain", "slashes"])
@each("slash", ["/", "\\/"], ids=["as it is", "escaped"])
@each("vr_first", [True, False], ids=["vr before", "vr behind"])
def test_long_base64_of_every_length_is_decoded(segment: int, data: bytes, slash: str, vr_first: bool) -> None:
    for length in range(len(data)):
        encoded = base64.b64encode(data[:length]).decode()
        inline = f'"InlineBinary":"{encoded.replace("/", slash)}"'
        text = attribute(f'"vr":"OB",{inline}' if vr_first else f'{inline},"vr":"OB"')
        parser = JsonParser(options=ReadOptions(limits=Limits(segment_size=segment)))
        events = parser.feed(text.encode())
        assert parser.close() == []
        assert _joined(events) == base64.b64decode(encoded)
        is_long = len(encoded.replace("/", slash)) > segment
        assert (EventType.START_ELEMENT in [event[0] for event in events]) == is_long


def _joined(events: list[Event]) -> bytes:
    carriers = (EventType.ELEMENT, EventType.SEGMENT, EventType.LAST_SEGMENT)
    values = [value for kind, _, _, value in events if kind in carriers]
    return b"".join(b"".join(value) if isinstance(value, tuple) else value for value in values)


# --- data sets with faults ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Fault:
    """A data set with a fault.

    Attributes:
        text: The data set, with a mark at the fault.
        words: Words of the message.
        error: The class of the error.
        path: Its tag path.
        before: The events before the fault.
        limit: The limit that a LimitError has to name.
        limits: The limits that are set.
    """

    id: str
    text: str
    words: str
    error: type[InputError] = DicomJsonError
    path: str = KEY
    before: Sequence[Event] = ()
    limit: str = ""
    limits: Limits = field(default_factory=Limits)


def too_long(name: str, text: str, words: str, before: Sequence[Event] = ()) -> Fault:
    return Fault(name, text, words, LimitError, before=before, limit="segment_size", limits=SMALL)


def wrong_values() -> list[Fault]:
    """One wrong value, found at the end of the attribute for any place of ``vr``."""
    faults = []
    for vr, text, words in WRONG_VALUES:
        name = f"{text} for {vr}"
        faults.append(Fault(f"{name}, vr before", attribute(f'"vr":"{vr}","Value":[{text}]{MARK}'), words))
        faults.append(Fault(f"{name}, vr behind", attribute(f'"Value":[{text}],"vr":"{vr}"{MARK}'), words))
    return faults


STRINGS = ["AE", "AS", "CS", "DA", "DT", "LO", "LT", "SH", "ST", "TM", "UC", "UI", "UR", "UT"]
INTEGERS = ["SL", "SS", "UL", "US"]
INLINE = ["OB", "OD", "OF", "OL", "OV", "OW", "UN"]
NAME = '{"Alphabetic":"A"}'

WRONG_VALUES: list[tuple[str, str, str]] = [
    *((vr, "5", f"for VR {vr}, found a number") for vr in [*STRINGS, "AT", "PN", *INLINE]),
    *((vr, '"a"', f"for VR {vr}, found a string") for vr in [*INTEGERS, "PN", *INLINE]),
    *(
        (vr, NAME, f"for VR {vr}, found an object")
        for vr in [*STRINGS, *INTEGERS, "AT", "DS", "FD", "FL", "IS", "SV", "OB"]
    ),
    *((vr, "null", f"for VR {vr}, found null") for vr in INLINE),
    *((vr, "1.5", f"for VR {vr}, found another") for vr in [*INTEGERS, "SV", "UV"]),
    ("US", '"12"', "for VR US, found a string"),
    ("US", "1e-1", "for VR US, found another"),
    ("US", "1e400", "for VR US, found another"),
    ("US", "1e999999999", "for VR US, found another"),
    ("US", "-1e999999999", "for VR US, found another"),
    ("US", "1e-999999999", "for VR US, found another"),
    ("US", "1e99999999999999999999", "for VR US, found another"),
    ("UV", "1e999999999", "for VR UV, found another"),
    ("SV", '"1.0"', "for VR SV, found a string"),
    ("SV", '""', "an empty string"),
    ("SV", '" 1"', "for VR SV, found a string"),
    ("SV", '"1_0"', "for VR SV, found another"),
    ("UV", '"0x10"', "for VR UV, found another"),
    ("UV", '"\u0661"', "for VR UV, found another"),  # a digit, but not of ASCII
    ("FD", "1e400", "for VR FD, found another"),
    ("FL", "-1e400", "for VR FL, found another"),
    ("FD", '"1.5"', "for VR FD, found a string"),
    ("FD", '"nan"', "in a spelling of its own"),
    ("FD", '"+Infinity"', "in a spelling of its own"),
    ("FL", '"inf"', "in a spelling of its own"),
    ("FL", '""', "an empty string"),
    ("AT", '"7fe00010"', "expected eight upper-case"),
    ("AT", '"0010001"', "for VR AT, found another"),
    ("AT", '"(0010,0010)"', "expected eight upper-case"),
    ("AT", '"PatientID"', "for VR AT, found another"),
    ("US", '1,"2",3', "for VR US, found a string"),
    ("LO", '"a",null,5', "for VR LO, found a number"),
]

# Each begins with its fault, independent of its length.
BAD_BASE64 = {
    "white space": "AAAA AAA",
    "line feed": "AAAA\\n",
    "missing padding": "AAAAAA",
    "half of the padding": "AAAAAA=",
    "one character too many": "AAAAA",
    "url-safe alphabet": "AA-_",
    "beyond ASCII": "AAA\u00e9",
    "padding in the middle": "AA==AAAA",
    "padding within a group": "AA=A",
    "padding only": "====",
    "padding behind a whole group": "AAAA=",
    "a group of padding": "AAAA====",
}

FAULTS: list[Fault] = [
    *wrong_values(),
    # attributes
    Fault("attribute a string", f'{{"{KEY}":{MARK}"a"}}', "expected the object of an attribute"),
    Fault("attribute a number", f'{{"{KEY}":{MARK}5}}', "expected the object of an attribute"),
    Fault("attribute null", f'{{"{KEY}":{MARK}null}}', "expected the object of an attribute"),
    Fault("attribute an array", f'{{"{KEY}":{MARK}[]}}', "expected the object of an attribute"),
    Fault("attribute empty", f'{{"{KEY}":{{{MARK}}}}}', "expected 'vr', found none"),
    Fault("key in lower case", f'{{{MARK}"0009100a":{{"vr":"LO"}}}}', "eight upper-case hexadecimal digits", path=""),
    Fault("key of 7 digits", f'{{{MARK}"0009100":{{"vr":"LO"}}}}', "expected a tag or a keyword", path=""),
    Fault("key of 9 digits", f'{{{MARK}"000910010":{{"vr":"LO"}}}}', "expected a tag or a keyword", path=""),
    Fault("key a keyword", f'{{{MARK}"PatientName":{{"vr":"PN"}}}}', "found a keyword", path=""),
    Fault("key with a line feed", f'{{{MARK}"00091001\\n":{{"vr":"PN"}}}}', "expected a tag or a keyword", path=""),
    Fault("key empty", f'{{{MARK}"":{{"vr":"PN"}}}}', "expected a tag or a keyword", path=""),
    Fault("second key", f'{{{LO},{MARK}"x":{{}}}}', "expected a tag or a keyword", path="", before=[LO_EVENT]),
    # vr
    Fault("vr unknown", attribute(f'"vr":{MARK}"XX"'), "expected a value representation"),
    Fault("vr in lower case", attribute(f'"vr":{MARK}"lo","Value":["a"]'), "expected a value representation"),
    Fault("vr empty", attribute(f'"vr":{MARK}""'), "expected a value representation"),
    Fault(
        "vr of the dictionary", attribute(f'"vr":{MARK}"US or SS"'), "expected one value representation, found several"
    ),
    Fault("vr null", attribute(f'"vr":{MARK}null'), "found null"),
    Fault("vr a number", attribute(f'"vr":{MARK}1'), "for 'vr', found a number"),
    Fault("vr an object", attribute(f'"vr":{MARK}{{}}'), "found an object"),
    Fault("vr missing", attribute(f'"Value":["a"]{MARK}'), "expected 'vr', found none"),
    Fault("vr missing beside a URI", attribute(f'"BulkDataURI":"a"{MARK}'), "expected 'vr', found none"),
    Fault("vr missing beside base64", attribute(f'"InlineBinary":"AAAA"{MARK}'), "expected 'vr', found none"),
    Fault(
        "vr missing beside items",
        attribute(f'"Value":[{{{LO}}}]{MARK}'),
        "expected 'vr', found none",
        before=sequence([LO_EVENT])[:-1],
    ),
    Fault("vr twice", attribute(f'"vr":"LO",{MARK}"vr":"LO"'), "expected one 'vr'"),
    Fault("vr twice, around the values", attribute(f'"vr":"LO","Value":["a"],{MARK}"vr":"LO"'), "expected one 'vr'"),
    # members
    Fault("unknown member", attribute(f'"vr":"LO",{MARK}"Name":"a"'), "found 'name'"),
    Fault("value in lower case", attribute(f'"vr":"LO",{MARK}"value":["a"]'), "expected 'Value'"),
    Fault("DataFragment", attribute(f'"vr":"OB",{MARK}"DataFragment":[]'), "found 'DataFragment'"),
    Fault("Value twice", attribute(f'"vr":"LO","Value":["a"],{MARK}"Value":["b"]'), "found several"),
    Fault("Value and URI", attribute(f'"vr":"UT","Value":["a"],{MARK}"BulkDataURI":"b"'), "found several"),
    Fault("URI and Value", attribute(f'"vr":"UT","BulkDataURI":"b",{MARK}"Value":["a"]'), "found several"),
    Fault("URI and base64", attribute(f'"BulkDataURI":"b",{MARK}"InlineBinary":"AAAA"'), "found several"),
    Fault("base64 and Value", attribute(f'"InlineBinary":"AAAA",{MARK}"Value":[]'), "found several"),
    Fault(
        "items and URI",
        attribute(f'"vr":"SQ","Value":[{{}}],{MARK}"BulkDataURI":"b"'),
        "found several",
        before=sequence([])[:-1],
    ),
    # Value
    Fault("Value null", attribute(f'"vr":"LO","Value":{MARK}null'), "found null"),
    Fault("Value a string", attribute(f'"vr":"LO","Value":{MARK}"a"'), "expected an array for 'Value'"),
    Fault("Value a number", attribute(f'"Value":{MARK}5,"vr":"US"'), "expected an array for 'Value'"),
    Fault("Value an object", attribute(f'"vr":"PN","Value":{MARK}{NAME}'), "expected an array for 'Value'"),
    Fault("true", attribute(f'"vr":"US","Value":[1,{MARK}true]'), "expected a value, found true"),
    Fault("false", attribute(f'"vr":"LO","Value":[{MARK}false]'), "expected a value, found false"),
    Fault("array among values", attribute(f'"vr":"US","Value":[{MARK}[1]]'), "expected a value, found an array"),
    Fault(
        "attribute behind a wrong one",
        f'{{{LO},"00200010":{{"vr":"US","Value":["a"]{MARK}}}}}',
        "for VR US, found a string",
        path="00200010",
        before=[LO_EVENT],
    ),
    # person names
    Fault("PN a plain string", attribute(f'"vr":"PN","Value":["Doe^Jane"]{MARK}'), "for VR PN, found a string"),
    Fault("PN unknown group", attribute(f'"vr":"PN","Value":[{{{MARK}"Latin":"a"}}]'), "expected a component group"),
    Fault("PN unknown group, vr behind", attribute(f'"Value":[{{{MARK}"Latin":"a"}}]'), "expected an item or a person"),
    Fault(
        "PN group in lower case",
        attribute(f'"vr":"PN","Value":[{{{MARK}"alphabetic":"a"}}]'),
        "expected 'Alphabetic'",
    ),
    Fault(
        "PN group twice",
        attribute(f'"vr":"PN","Value":[{{"Phonetic":"a",{MARK}"Phonetic":"a"}}]'),
        "found a second one",
    ),
    Fault(
        "PN group twice, vr behind",
        attribute(f'"Value":[{{"Alphabetic":"a",{MARK}"Alphabetic":""}}]'),
        "found a second one",
    ),
    Fault(
        "PN group null", attribute(f'"vr":"PN","Value":[{{"Alphabetic":{MARK}null}}]'), "found null or an empty string"
    ),
    Fault(
        "PN group a number", attribute(f'"Value":[{{"Alphabetic":{MARK}1}}]'), "for a component group, found a number"
    ),
    Fault("PN with an attribute", attribute(f'"vr":"PN","Value":[{{{MARK}{LO}}}]'), "expected a component group"),
    Fault(
        "PN with an attribute behind a group",
        attribute(f'"Value":[{{"Alphabetic":"a",{MARK}{LO}}}]'),
        "expected a component group",
    ),
    # sequences
    Fault(
        "item null",
        attribute(f'"vr":"SQ","Value":[null]{MARK}'),
        "expected an item, found null",
        before=sequence()[:-1],
    ),
    Fault(
        "item null, vr behind",
        attribute(f'"Value":[null],"vr":"SQ"{MARK}'),
        "expected an item, found null",
        before=sequence()[:-1],
    ),
    Fault("item a string", attribute(f'"vr":"SQ","Value":["a"]{MARK}'), "expected an item"),
    Fault(
        "item a number among items",
        attribute(f'"vr":"SQ","Value":[{{{LO}}},5]{MARK}'),
        "expected an item",
        before=sequence([LO_EVENT])[:-1],
    ),
    Fault(
        "item a person name",
        attribute(f'"vr":"SQ","Value":[{{{MARK}"Alphabetic":"a"}}]'),
        "expected a tag or a keyword",
        path=f"{KEY}[0]",
        before=sequence([])[:-2],
    ),
    Fault(
        "item a person name, vr behind",
        attribute(f'"Value":[{NAME}],"vr":"SQ"{MARK}'),
        "expected an item",
    ),
    Fault(
        "long strings for items",
        attribute(f'"vr":"SQ","Value":["abcdefg",{MARK}"hijklmn"]'),
        "expected an item",
        before=sequence()[:-1],
        limits=SMALL,
    ),
    Fault(
        "items for a text",
        attribute(f'"Value":[{{{LO}}}],"vr":"LO"{MARK}'),
        "expected VR SQ for items, found LO",
        before=sequence([LO_EVENT])[:-1],
    ),
    Fault(
        "items for a person name",
        attribute(f'"Value":[{{{LO}}}],"vr":"PN"{MARK}'),
        "expected VR SQ for items, found PN",
        before=sequence([LO_EVENT])[:-1],
    ),
    Fault("empty object for a number", attribute(f'"Value":[{{}}],"vr":"US"{MARK}'), "for VR US, found an object"),
    Fault(
        "fault in an item",
        f'{{"00081140":{{"vr":"SQ","Value":[{{}},{{"00081155":{{"vr":{MARK}"XX"}}}}]}}}}',
        "expected a value representation",
        path="00081140[1].00081155",
        before=sequence([], [], tag=0x00081140)[:-2],
    ),
    Fault(
        "fault in an item in an item, vr behind",
        f'{{"00081140":{{"Value":[{{"00081199":{{"Value":[{{}},{{}},{{"00081155":{{"vr":{MARK}"XX"}}}}]}}}}]}}}}',
        "expected a value representation",
        path="00081140[0].00081199[2].00081155",
        before=sequence(sequence([], [], [], tag=0x00081199)[:-2], tag=0x00081140)[:-2],
    ),
    Fault(
        "fault behind an item",
        f'{{"00081140":{{"vr":"SQ","Value":[{{{LO}}}]}},"00081199":{{"vr":{MARK}"XX"}}}}',
        "expected a value representation",
        path="00081199",
        before=sequence([LO_EVENT], tag=0x00081140),
    ),
    # bulk data
    *(
        Fault(
            f"{vr} with a URI",
            attribute(f'"vr":"{vr}","BulkDataURI":"a"{MARK}'),
            f"allows 'BulkDataURI' (PS3.18 F.2.2), found {vr}",
        )
        for vr in ["AE", "AS", "AT", "CS", "DA", "DT", "LO", "PN", "SH", "SQ", "TM", "UI", "UR"]
    ),
    Fault(
        "URI on LO, vr behind",
        attribute(f'"BulkDataURI":"a","vr":"LO"{MARK}'),
        "allows 'BulkDataURI' (PS3.18 F.2.2), found LO",
    ),
    Fault("URI null", attribute(f'"vr":"OB","BulkDataURI":{MARK}null'), "found null"),
    Fault("URI an array", attribute(f'"vr":"OB","BulkDataURI":{MARK}["a"]'), "for 'BulkDataURI', found an array"),
    *(
        Fault(
            f"base64 on {vr}", attribute(f'"vr":"{vr}","InlineBinary":"AAAA"{MARK}'), f"for 'InlineBinary', found {vr}"
        )
        for vr in [*STRINGS, *INTEGERS, "AT", "DS", "FD", "FL", "IS", "PN", "SQ", "SV", "UV"]
    ),
    Fault(
        "base64 on LO, vr behind", attribute(f'"InlineBinary":"AAAA","vr":"LO"{MARK}'), "for 'InlineBinary', found LO"
    ),
    Fault("base64 null", attribute(f'"vr":"OB","InlineBinary":{MARK}null'), "found null"),
    Fault("base64 a number", attribute(f'"vr":"OB","InlineBinary":{MARK}1234'), "expected a base64 string"),
    Fault(
        "base64 an array", attribute(f'"vr":"OB","InlineBinary":{MARK}["AAAA"]'), "for 'InlineBinary', found an array"
    ),
    *(
        Fault(f"base64 with {what}", attribute(f'"vr":"OB","InlineBinary":{MARK}"{text}"'), "base64")
        for what, text in BAD_BASE64.items()
    ),
    # long strings
    too_long("vr too long", attribute(f'"vr":"{MARK}LOLOLOLOLOLOLO"'), "a string of more than 12 bytes"),
    too_long("URI too long", attribute(f'"vr":"OB","BulkDataURI":"{MARK}https://host/"'), "a string of more than"),
    too_long(
        "group too long",
        attribute(f'"vr":"PN","Value":[{{"Phonetic":"{MARK}abcdefghijklm"}}]'),
        "a string of more than",
    ),
    Fault(
        "Value too long a string",
        attribute(f'"vr":"LO","Value":"{MARK}abcdefghijklm"'),
        "expected an array for 'Value'",
        limits=SMALL,
    ),
    too_long(
        "number too long",
        attribute(f'"vr":"DS","Value":["{MARK}1234567890.12"]'),
        "at most 12 bytes for VR DS, found a longer string",
    ),
    too_long("string too long for US", attribute(f'"vr":"US","Value":["{MARK}abcdefghijklm"]'), "for VR US"),
    too_long("string too long for OB", attribute(f'"vr":"OB","Value":["{MARK}abcdefghijklm"]'), "for VR OB"),
    too_long(
        "string too long behind an item",
        attribute(f'"Value":[{{{LO}}},"{MARK}abcdefghijklm"]'),
        "for VR SQ",
        before=sequence([LO_EVENT])[:-1],
    ),
    too_long(
        "string too long behind a number",
        attribute(f'"Value":[5,"{MARK}abcdefghijklm"]'),
        "beside a string of more than 12 bytes, found another value",
    ),
    too_long("member name too long", attribute(f'{MARK}"BulkDataURIandmore":"a"'), "a name of at most 12 bytes"),
    # elements in parts
    *(
        Fault(
            f"long string for {vr}, vr behind",
            attribute(f'"Value":["abcdefghijklm"],"vr":"{vr}"{MARK}'),
            f"for more than 12 bytes, found VR {vr}",
            before=[start_parts(""), *segments("", "abcdefghijkl", "m")],
            limits=SMALL,
        )
        for vr in [*INLINE, "SQ", *INTEGERS, "AT", "FD", "FL", "PN"]
    ),
    Fault(
        "number behind a long string",
        attribute(f'"Value":["abcdefghijklm",5],"vr":"UC"{MARK}'),
        "for VR UC, found a number",
        before=[start_parts(""), *segments("", "abcdefghijkl", "m")],
        limits=SMALL,
    ),
    Fault(
        "string among many numbers",
        attribute(f'"vr":"US","Value":[1,2,3,4,"a"]{MARK}'),
        "for VR US, found a string",
        before=[start_parts("US"), some("US", 1, 2, 3)],
        limits=SMALL,
    ),
    Fault(
        "vr missing beside a long string",
        attribute(f'"Value":["abcdefghijklm"]{MARK}'),
        "expected 'vr', found none",
        before=[start_parts(""), *segments("", "abcdefghijkl", "m")],
        limits=SMALL,
    ),
    Fault(
        "true behind a long string",
        attribute(f'"vr":"UT","Value":["abcdefghijklm",{MARK}true]'),
        "expected a value, found true",
        before=[start_parts("UT"), *segments("UT", "abcdefghijkl", "m")],
        limits=SMALL,
    ),
    Fault(
        "long base64 on LO",
        attribute(f'"vr":"LO","InlineBinary":"{MARK}AAAAAAAAAAAAAAAA"'),
        "for 'InlineBinary', found LO",
        limits=SMALL,
    ),
    Fault(
        "long base64 on LO, vr behind",
        attribute(f'"InlineBinary":"AAAAAAAAAAAAAAAA","vr":"LO"{MARK}'),
        "for 'InlineBinary', found LO",
        before=[start_parts(""), *segments("", bytes(9), bytes(3))],
        limits=SMALL,
    ),
    Fault(
        "long base64 with white space",
        attribute(f'"vr":"OB","InlineBinary":"{MARK}AAA AAAAAAAAAAAA"'),
        "base64",
        before=[start_parts("OB")],
        limits=SMALL,
    ),
    Fault(
        "long base64 with padding in the middle",
        attribute(f'"vr":"OB","InlineBinary":"{MARK}AA==AAAAAAAAAAAA"'),
        "base64",
        before=[start_parts("OB")],
        limits=SMALL,
    ),
    Fault(
        "long base64 with padding between segments",
        attribute(f'"vr":"OB","InlineBinary":"AAAAAAAAAA=={MARK}AAAA"'),
        "base64",
        before=[start_parts("OB"), (EventType.SEGMENT, TAG, "OB", bytes(7))],
        limits=SMALL,
    ),
    Fault(
        "long base64 without padding",
        attribute(f'"vr":"OB","InlineBinary":"AAAAAAAAAAAA{MARK}AA"'),
        "base64",
        before=[start_parts("OB"), (EventType.SEGMENT, TAG, "OB", bytes(9))],
        limits=SMALL,
    ),
    # JSON
    Fault("no comma", f'{{{LO}{MARK}"00100030":{{"vr":"DA"}}}}', "'}'", JsonSyntaxError, path="", before=[LO_EVENT]),
    Fault("a comma too many", f"{{{LO},{MARK}}}", "expected a name", JsonSyntaxError, path="", before=[LO_EVENT]),
    Fault("NaN", attribute(f'"vr":"FD","Value":[{MARK}NaN]'), "expected a string, a number", JsonSyntaxError),
    Fault("lone surrogate", attribute(f'"vr":"LO","Value":["a{MARK}\\ud800"]'), "surrogate", JsonSyntaxError),
    Fault(
        "number too long",
        attribute(f'"vr":"DS","Value":[{MARK}123456789]'),
        "a number of at most 8 bytes",
        LimitError,
        limit="number_length",
        limits=Limits(number_length=8),
    ),
]


def check_fault(fault: Fault, around: Surroundings) -> None:
    marked = around.before + fault.text + around.behind
    offset = len(marked[: marked.index(MARK)].encode())
    events, error = read_badly(marked.replace(MARK, ""), ReadOptions(profile="strict", limits=fault.limits))
    assert type(error) is fault.error
    assert fault.words in error.message
    assert getattr(error, "limit", "") == fault.limit
    assert error.location == Location(offset, around.index, fault.path)
    assert events == shown([*around.events_before, *in_dataset(fault.before, around.index)[:-1]])


@each("fault", [pytest.param(fault, id=fault.id) for fault in FAULTS])
@pytest.mark.slow
def test_fault_is_an_error_with_its_place(fault: Fault) -> None:
    for around in SURROUNDINGS:
        check_fault(fault, around)


# --- many values before their VR ---------------------------------------------------------------------------------


@each("values", ["1,2,3,4", '"a","b","c",4', "{},{},{},{}"])
def test_too_many_values_need_their_vr_first(values: str) -> None:
    events, error = read_badly(attribute(f'"Value":[{values}],"vr":"LO"'), ReadOptions(limits=SMALL))
    assert isinstance(error, LimitError)
    assert error.limit == "values_per_event"
    assert error.location.tag_path == KEY
    assert events == shown(in_dataset([])[:1])


def test_error_of_too_long_values_names_the_limit() -> None:
    text = attribute('"Value":[1234567,8901234],"vr":"DS"')
    _, error = read_badly(text, ReadOptions(limits=Limits(segment_size=12)))
    assert isinstance(error, LimitError)
    assert error.limit == "segment_size"
    events = read_well(text, ReadOptions(limits=Limits(segment_size=14)))
    assert events == shown(in_dataset([element("DS", "1234567", "8901234")]))


def in_parts(tag: int, vr: str, *parts: tuple[Any, ...]) -> list[Event]:
    values = [(EventType.VALUES, tag, vr, part) for part in parts]
    return [(EventType.START_ELEMENT, tag, vr, None), *values, (EventType.END_ELEMENT, tag, vr, None)]


def test_dictionary_gives_the_vr_of_too_many_values() -> None:
    few = ReadOptions(limits=SMALL)
    contour = '{"30060050":{"Value":[1.5,"2.50",3,4,5],"vr":"DS"},"30060051":{"vr":"IS","Value":[1]}}'
    behind = (EventType.ELEMENT, 0x30060051, "IS", ("1",))
    parts = in_parts(0x30060050, "DS", ("1.5", "2.50", "3"), ("4", "5"))
    assert read_well(contour, few) == shown(in_dataset([*parts, behind]))
    lut = '{"00283006":{"Value":[1,2,3,4],"vr":"US"}}'  # US or OW, of which one has no Value
    assert read_well(lut, few) == shown(in_dataset(in_parts(0x00283006, "US", (1, 2, 3), (4,))))
    signed = '{"00280106":{"Value":[1,-2,3,4],"vr":"SS"}}'  # US or SS
    assert read_well(signed, few) == shown(in_dataset(in_parts(0x00280106, "SS", (1, -2, 3), (4,))))


def test_late_vr_that_differs_from_the_dictionary_is_an_error() -> None:
    text = '{"30060050":{"Value":[1,2,3,4],"vr":"FD"}}'
    events, error = read_badly(text, ReadOptions(limits=SMALL))
    assert isinstance(error, LimitError)
    assert error.limit == "values_per_event"
    assert error.location == Location(text.index('"FD"'), 0, "30060050")
    assert events == shown(in_dataset(in_parts(0x30060050, "DS", ("1", "2", "3"))[:-1])[:-1])


def test_many_values_without_vr_have_the_vr_of_the_dictionary() -> None:
    deviations: list[Deviation] = []
    text = '{"30060050":{"Value":[1,2,3,4]}}'
    options = ReadOptions(limits=SMALL, on_deviation=deviations.append)
    assert run([text.encode()], options)[0] == shown(in_dataset(in_parts(0x30060050, "DS", ("1", "2", "3"), ("4",))))
    assert [one.code for one in deviations] == ["missing-vr"]


def test_contour_written_by_pydicom_is_read() -> None:
    dataset = pydicom.Dataset()
    dataset.ContourData = [float(number) / 4 for number in range(9000)]
    text = dataset.to_json()
    assert text.index('"Value"') < text.index('"vr"')
    assert streamdicom.loads(text) == dataset


@each("vr", ["SQ", "UT", "PN"])
def test_long_string_and_item_do_not_share_an_element(vr: str) -> None:
    text = attribute(f'"Value":["abcdefghijklm",{{{LO}}}],"vr":"{vr}"')
    events, error = read_every_way(text, ReadOptions(limits=SMALL))
    assert error is not None
    assert "START_SEQUENCE" not in [event[0] for event in events]


# --- documents ---------------------------------------------------------------------------------------------------

MANY = ReadOptions()

DOCUMENTS: list[tuple[str, str, ReadOptions, list[Event]]] = [
    ("one data set", OTHER, ReadOptions(), other(0)),
    ("white space around it", f" \n{OTHER}\r\n\t", ReadOptions(), other(0)),
    ("array of none", "[]", ReadOptions(), []),
    ("array of one", f"[{OTHER}]", ReadOptions(), other(0)),
    ("array of three", f"[{OTHER}, {{}} ,{OTHER}]", ReadOptions(), [*other(0), *in_dataset([], 1), *other(2)]),
    ("lines", f"{OTHER}\n{{}}\n{OTHER}\n", MANY, [*other(0), *in_dataset([], 1), *other(2)]),
    ("lines without the last end", f"{OTHER}\n{OTHER}", MANY, [*other(0), *other(1)]),
    ("concatenated", f"{OTHER}{OTHER}", MANY, [*other(0), *other(1)]),
    (
        "arrays and data sets",
        f"[{OTHER},{{}}]{OTHER}[][{{}}]",
        MANY,
        [
            *other(0),
            *in_dataset([], 1),
            *other(2),
            *in_dataset([], 3),
        ],
    ),
    ("one of many", OTHER, MANY, other(0)),
]


@each(("text", "options", "expected"), cases(DOCUMENTS))
def test_documents_are_read(text: str, options: ReadOptions, expected: list[Event]) -> None:
    assert read_well(text, options) == shown(expected)


# With the place of the error: its byte is marked, its data set counted, and its tag path given.
BAD_DOCUMENTS: list[tuple[str, str, ReadOptions, type[InputError], str, int | None, str, list[Event]]] = [
    ("number", f"{MARK}5", ReadOptions(), DicomJsonError, "expected '{' or '['", None, "", []),
    (
        "number and more",
        f" {MARK}5 ",
        ReadOptions(),
        DicomJsonError,
        "of a data set, found a number",
        None,
        "",
        [],
    ),
    ("string", f'{MARK}"{KEY}"', ReadOptions(), DicomJsonError, "of a data set, found a string", None, "", []),
    ("null", f"{MARK}null", ReadOptions(), DicomJsonError, "of a data set, found null", None, "", []),
    ("array in the array", f"[{MARK}[{{}}]]", ReadOptions(), DicomJsonError, "found an array", 0, "", []),
    (
        "number in the array",
        f"[{MARK}5]",
        ReadOptions(),
        DicomJsonError,
        "found a number",
        0,
        "",
        [],
    ),
    (
        "null in the array",
        f"[{OTHER},{MARK}null]",
        ReadOptions(),
        DicomJsonError,
        "expected '{'",
        1,
        "",
        other(0),
    ),
    ("string in the array", f'[{OTHER},{MARK}""]', ReadOptions(), DicomJsonError, "found a string", 1, "", other(0)),
    (
        "wrapper",
        f'{{{MARK}"datasets":[{OTHER}]}}',
        ReadOptions(),
        DicomJsonError,
        "expected a tag or a keyword",
        0,
        "",
        in_dataset([])[:1],
    ),
    ("comma between documents", f"{OTHER}{MARK},{OTHER}", MANY, JsonSyntaxError, "", 1, "", other(0)),
    ("number among documents", f"{OTHER}\n{MARK}5\n{OTHER}", MANY, DicomJsonError, "found a number", 1, "", other(0)),
    ("number as the last document", f"{OTHER}\n{MARK}5", MANY, DicomJsonError, "found a number", 1, "", other(0)),
    ("byte order mark", f"{MARK}\ufeff{OTHER}", ReadOptions(), JsonSyntaxError, "byte order mark", None, "", []),
    ("nothing", MARK, ReadOptions(), TruncatedError, "the input is empty", None, "", []),
    ("white space", f" \n{MARK}", ReadOptions(), TruncatedError, "the input is empty", None, "", []),
    (
        "end within the second",
        f"{OTHER}{{{MARK}",
        MANY,
        TruncatedError,
        "ends within",
        1,
        "",
        [
            *other(0),
            *in_dataset([], 1)[:1],
        ],
    ),
]


@each(("marked", "options", "error_class", "words", "index", "path", "expected"), cases(BAD_DOCUMENTS))
def test_invalid_document_is_an_error(
    marked: str,
    options: ReadOptions,
    error_class: type[InputError],
    words: str,
    index: int | None,
    path: str,
    expected: list[Event],
) -> None:
    events, error = read_badly(marked.replace(MARK, ""), replace(options, profile="strict"))
    assert type(error) is error_class
    assert words in error.message
    assert error.location == Location(len(marked[: marked.index(MARK)].encode()), index, path)
    assert events == shown(expected)


def nested(sequences: int) -> str:
    return '{"00081140":{"vr":"SQ","Value":[' * sequences + "{}" + "]}}" * sequences


# A data set takes one level and each sequence three; a sequence that is too deep fails at its attribute, its Value
# or its item.
DEPTHS = [
    ("fits", 7, 2, None, ""),
    ("item too deep", 6, 2, nested(2).index("{}"), "00081140[0].00081140"),
    ("Value too deep", 5, 2, nested(2).index("[{}"), "00081140[0].00081140"),
    ("attribute too deep", 4, 2, nested(2).rindex('{"vr"'), "00081140[0].00081140"),
    ("default fits", 256, 85, None, ""),
    ("default too deep", 256, 86, nested(86).rindex('{"vr"'), "[0].".join(["00081140"] * 86)),
]


@pytest.mark.parametrize(("depth", "sequences", "offset", "path"), cases(DEPTHS))
def test_sequences_nest_up_to_the_limit(depth: int, sequences: int, offset: int | None, path: str) -> None:
    assert Limits().depth == 256
    events, error = read_every_way(nested(sequences), ReadOptions(limits=Limits(depth=depth)))
    if offset is None:
        assert error is None
        assert [event[0] for event in events].count("START_SEQUENCE") == sequences
    else:
        assert isinstance(error, LimitError)
        assert error.limit == "depth"
        assert (error.location.byte_offset, error.location.tag_path) == (offset, path)


def test_array_takes_a_level() -> None:
    options = ReadOptions(limits=Limits(depth=2))
    assert read_well(attribute('"vr":"LO"'), options) == shown(in_dataset([element("LO")]))
    _, error = read_badly("[" + attribute('"vr":"LO"') + "]", options)
    assert isinstance(error, LimitError)
    assert error.limit == "depth"


# --- truncation --------------------------------------------------------------------------------------------------

FIRST = '{"00091001":{"Value":["\u00e9\\n"],"vr":"LO"}}'
SECOND = (
    '{"00081140":{"vr":"SQ","Value":[{},{"00280010":{"vr":"US","Value":[5,1.0e1]}}]},'
    '"00091001":{"vr":"OB","InlineBinary":"AAAA"}}'
)
WHOLE = f"[{FIRST},{SECOND}]"
WHOLE_EVENTS = shown(
    [
        *in_dataset([element("LO", "\u00e9\n")], 0),
        *in_dataset(
            [*sequence([], [element("US", 5, 10, tag=0x00280010)], tag=0x00081140), element("OB", bytes(3))], 1
        ),
    ]
)


def test_document_to_truncate_is_valid() -> None:
    assert read_well(WHOLE) == WHOLE_EVENTS


@each("length", range(len(WHOLE.encode())))
@each("size", [1, 1000], ids=["byte by byte", "whole"])
def test_document_truncated_anywhere_is_an_error_at_its_end(length: int, size: int) -> None:
    data = WHOLE.encode()[:length]
    events, error = run(pieces_of(data, size), ReadOptions())
    assert type(error) is TruncatedError
    assert isinstance(error, EOFError)
    assert error.location.byte_offset == length
    assert events == WHOLE_EVENTS[: len(events)]
    first_end, second_end = len(f"[{FIRST}".encode()), len(WHOLE.encode()) - 1
    complete = (length >= first_end) + (length >= second_end)
    assert [event[0] for event in events].count("END_DATASET") == complete
    begun = (length >= len("[{")) + (length >= len(f"[{FIRST},{{".encode()))
    expected = complete if begun == complete else begun - 1  # between data sets, the next one
    assert error.location.dataset_index == (expected if length else None)


@each(
    ("text", "path"),
    [
        ('{"00081140":{"vr":"SQ","Value":[{},{"00280010":{"vr":"US"', "00081140[1].00280010"),
        ('{"00081140":{"vr":"SQ","Value":[{},{', "00081140[1]"),
        ('{"00081140":{"vr":"SQ","Value":[{},', "00081140"),
        ('{"00081140":{"vr":"SQ"},', ""),
    ],
)
def test_truncated_document_has_the_path_reached(text: str, path: str) -> None:
    _, error = read_badly(text)
    assert error.location.tag_path == path


# --- the parser itself -------------------------------------------------------------------------------------------


def test_events_before_a_fault_are_delivered_by_the_call_that_finds_it() -> None:
    parser = JsonParser()
    events = parser.feed(f"[{OTHER},5,".encode())
    assert shown(events) == shown(other(0))
    assert isinstance(parser.error, DicomJsonError)
    with pytest.raises(DicomJsonError) as caught:
        parser.feed(b"{}]")
    assert caught.value is parser.error


def test_fault_without_events_before_it_raises_at_once() -> None:
    parser = JsonParser()
    assert parser.error is None
    with pytest.raises(DicomJsonError) as caught:
        parser.feed(b"5 ")
    assert parser.error is caught.value


def test_message_never_contains_values() -> None:
    for fault in FAULTS:
        text = fault.text.replace(MARK, "").replace('"a"', '"SECRET"')
        _, error = run([text.encode()], ReadOptions(profile="strict", limits=fault.limits))
        assert "SECRET" not in str(error)


def test_bytes_consumed_counts_the_bytes_of_the_events() -> None:
    parser = JsonParser()
    parser.feed(OTHER.encode())
    assert parser.bytes_consumed == len(OTHER)
    parser.feed(b" \n")
    parser.close()
    assert parser.bytes_consumed == len(OTHER) + 2


def test_nothing_can_be_fed_after_the_end() -> None:
    parser = JsonParser()
    parser.feed(OTHER.encode())
    assert parser.close() == []
    with pytest.raises(ValueError, match="closed"):
        parser.feed(b" ")


def test_stream_longer_than_a_piece_is_read_like_a_short_one() -> None:
    count = 200_000 // len(OTHER)
    events, error = run([f"[{','.join([OTHER] * count)}]".encode()], ReadOptions())
    assert error is None
    assert events == shown([event for index in range(count) for event in other(index)])


def test_place_spans_pieces() -> None:
    before = "[" + f"{OTHER}," * (200_000 // len(OTHER))
    _, error = run([(before + attribute('"vr":"XX"') + "]").encode()], ReadOptions(profile="strict"))
    assert error is not None
    assert error.location.byte_offset == len(before) + len('{"00091001":{"vr":')
    assert error.location.dataset_index == 200_000 // len(OTHER)


# --- canonical attributes ----------------------------------------------------------------------------------

COME_WHOLE: list[tuple[str, str, Event | None]] = [
    ("no value", '"vr":"LO"', element("LO")),
    ("a string", '"vr":"LO","Value":["a b"]', element("LO", "a b")),
    ("a string before its VR", '"Value":["a b"],"vr":"LO"', element("LO", "a b")),
    ("white space", '\t"vr" : "LO"\n , "Value" :\r[ "a" , "b" ] ', element("LO", "a", "b")),
    ("strings", '"vr":"CS","Value":["a","b","c"]', element("CS", "a", "b", "c")),
    ("beyond ASCII", '"vr":"LO","Value":["\u00e9\u20ac\U0001f600\x7f"]', element("LO", "\u00e9\u20ac\U0001f600\x7f")),
    ("escapes", '"vr":"LO","Value":["\\u0041\\n\\/"]', element("LO", "A\n/")),
    ("escapes of quotation marks", '"vr":"LO","Value":["\\"a\\""]', element("LO", '"a"')),
    ("escapes in several strings", '"vr":"LO","Value":["a","\\"b\\u20ac"]', element("LO", "a", '"b\u20ac')),
    ("escapes in a name", '"vr":"PN","Value":[{"Alphabetic":"\\u00e9"}]', element("PN", ("\u00e9", "", ""))),
    ("a number", '"vr":"US","Value":[65535]', element("US", 65535)),
    ("numbers", '"vr":"FD","Value":[1.5,-2e3 , 0]', element("FD", 1.5, -2000.0, 0.0)),
    ("exact numbers", '"Value":[1.50,-0.0e+1 , 7],"vr":"DS"', element("DS", "1.50", "-0.0e+1", "7")),
    ("a tag", '"vr":"AT","Value":["00100010"]', element("AT", 0x00100010)),
    ("a string for a number", '"vr":"UV","Value":["18446744073709551615"]', element("UV", 2**64 - 1)),
    ("a name", '"vr":"PN","Value":[ { "Alphabetic" : "A^B" } ]', element("PN", ("A^B", "", ""))),
]
COME_AS_TOKENS = [
    '"vr":"SQ"',
    '"Value":["a"]',
    "",
    '"vr":"LO",',
    '"vr":"LO" "Value":["a"]',
    '"vr":"LO","Value":["a"],',
    '"vr":"LO","Value":["a",]',
    '"vr":"LO","Value":["a"],"vr":"LO"',
    '"vr":"LO","Value":["a"]"vr":"LO"',
    '"vr":"LO","Value":[]',
    '"vr":"LO","Value":[""]',
    '"vr":"LO","Value":["a",""]',
    '"vr":"LO","Value":["a",null]',
    '"vr":"LO","Value":["a",1]',
    '"vr":"LO","Value":["\t"]',
    '"vr":"US","Value":[01]',
    '"vr":"US","Value":[1 2]',
    '"vr":"US","Value":[1,]',
    '"vr":"US","Value":[NaN]',
    '"vr":"DS","Value":[1.]',
    f'"vr":"DS","Value":[{"1" * 33}]',
    '"vr":"PN","Value":[{"Alphabetic":"A","Phonetic":"B"}]',
    '"vr":"PN","Value":[{"Alphabetic":"A"},{"Alphabetic":"B"}]',
    '"vr":"OB","InlineBinary":"AAEC"',
]


def has_canonical_attribute(text: str, limits: Limits) -> bool:
    pattern = canonical_pattern(limits)
    assert pattern is not None
    stretch = next(JsonTokenizer(limits, lenient=True).stretches(text.encode()))
    return pattern.search(stretch.text) is not None


@each(("text", "expected"), cases(COME_WHOLE))
def test_canonical_attributes(text: str, expected: Event) -> None:
    assert has_canonical_attribute(attribute(text), Limits())
    assert read_well(attribute(text)) == shown(in_dataset([expected]))
    # That nothing is wrong with it anywhere in a data set, or as JSON, the strict reader says.
    sequence = f'{{"00081140":{{"vr":"SQ","Value":[{attribute(text)},{attribute(text)}]}},"00100020":{{{text}}}}}'
    item = [(EventType.START_ITEM, 0x00081140, "SQ", 0), expected, (EventType.END_ITEM, 0x00081140, "SQ", None)]
    again = [(EventType.START_ITEM, 0x00081140, "SQ", 1), *item[1:]]
    kind, _, vr, values = expected
    whole = [(EventType.START_SEQUENCE, 0x00081140, "SQ", None), *item, *again]
    whole += [(EventType.END_SEQUENCE, 0x00081140, "SQ", None), (kind, 0x00100020, vr, values)]
    assert read_well(sequence, ReadOptions(profile="strict")) == shown(in_dataset(whole))


@pytest.mark.filterwarnings("ignore")  # of the oddities of some
@each("text", COME_AS_TOKENS)
def test_attributes_that_are_not_canonical(text: str) -> None:
    assert not has_canonical_attribute(attribute(text), Limits())
    read_every_way(attribute(text))
    read_every_way(attribute(text), ReadOptions(profile="strict"))


@each(
    ("limits", "text", "parts"),
    [
        (Limits(values_per_event=1), '"vr":"US","Value":[1,2]', [(1,), (2,)]),
        (Limits(values_per_event=2), '"vr":"US","Value":[1,2,3]', [(1, 2), (3,)]),
        (Limits(values_per_event=2), '"vr":"LO","Value":["a","b","c"]', [("a", "b"), ("c",)]),
        (Limits(segment_size=12), '"vr":"LO","Value":["abcdef","ghijkl","m"]', [("abcdef", "ghijkl"), ("m",)]),
        (Limits(segment_size=12), '"vr":"UL","Value":[1234567890,1234567890]', [(1234567890,), (1234567890,)]),
    ],
)
def test_limits_hold_for_canonical_attributes(limits: Limits, text: str, parts: list[tuple[Any, ...]]) -> None:
    vr = text[6:8]
    assert read_well(attribute(text), ReadOptions(limits=limits)) == shown(in_dataset(in_parts(TAG, vr, *parts)))


def test_limit_of_numbers_holds_for_canonical_attributes() -> None:
    text = attribute('"vr":"DS","Value":[12345]')
    assert has_canonical_attribute(text, Limits())
    _, error = read_badly(text, ReadOptions(limits=Limits(number_length=4)))
    assert isinstance(error, LimitError)
    assert error.location.byte_offset == text.index("12345")


def test_fault_in_a_canonical_attribute_has_its_place() -> None:
    text = f'{{"00081140":{{"vr":"SQ","Value":[{attribute(_ODD_NUMBER)}]}},"00100020":{{{_ODD_NUMBER}}}}}'
    assert has_canonical_attribute(text, Limits())
    found: list[Deviation] = []
    for chunks in ways_to_cut(text.encode()):
        found.clear()
        run(chunks, ReadOptions(on_deviation=found.append))
        ends = [match.end() - 1 for match in re.finditer('"large".*?}', text)]
        assert [deviation.location.byte_offset for deviation in found] == ends
    _, error = read_badly(text, ReadOptions(profile="strict"))
    assert error.location == Location(ends[0], 0, f"00081140[0].{KEY}")


_ODD_NUMBER = '"vr":"DS","Value":["large"]'


def test_brace_between_attributes_is_an_error_like_the_one_before_the_first() -> None:
    first, second, third = [f'"001000{number}":{{"vr":"LO","Value":["17"]}}' for number in (20, 21, 22)]
    run([f"{{{first},{second},{third}}}".encode()], ReadOptions(profile="strict"))  # the keys are known afterwards
    _, error = run([f"{{{first},{second},{{{third}}}".encode()], ReadOptions(profile="strict"))
    assert str(error).startswith("expected a name, found '{'")
