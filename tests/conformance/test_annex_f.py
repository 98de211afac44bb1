"""PS3.18 Annex F, sentence by sentence, for the parser and the writer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from streamdicom.errors import InputError, OutputError
from streamdicom.events import Event, EventType
from streamdicom.formats.json import JsonParser, JsonWriter
from streamdicom.jsontext import JsonEmitter
from streamdicom.options import ReadOptions
from tests.support.each import each

TAG = 0x00091001
E_ACUTE = "\u00e9"


def element(vr: str, *values: Any, tag: int = TAG) -> Event:
    return EventType.ELEMENT, tag, vr, values


def bulk_data(vr: str, uri: str) -> Event:
    return EventType.BULK_DATA, TAG, vr, uri


def sequence(*items: Sequence[Event]) -> list[Event]:
    events: list[Event] = [(EventType.START_SEQUENCE, TAG, "SQ", None)]
    for index, item in enumerate(items):
        events += [(EventType.START_ITEM, TAG, "SQ", index), *item, (EventType.END_ITEM, TAG, "SQ", None)]
    return [*events, (EventType.END_SEQUENCE, TAG, "SQ", None)]


def datasets(*contents: Sequence[Event]) -> list[Event]:
    """Return the events of a stream of data sets with these contents."""
    events: list[Event] = []
    for index, content in enumerate(contents):
        events += [(EventType.START_DATASET, 0, "", index), *content, (EventType.END_DATASET, 0, "", None)]
    return events


def one(*content: Event) -> list[Event]:
    return datasets(content)


def attribute(members: str) -> bytes:
    return f'{{"00091001":{{{members}}}}}'.encode()


# The requirements on an implementation, by clause. A clause may concern reading, writing, or both.
READING = [
    "F.1 encoded in UTF-8",
    "F.2.1 one result is an object",
    "F.2.1 several results are an array",
    "F.2.2 key of 8 upper-case hexadecimal digits",
    "F.2.2 vr",
    "F.2.2 one of Value, BulkDataURI, InlineBinary",
    "F.2.2 order of members is free",
    "F.2.2 Value an array",
    "F.2.2 Specific Character Set",
    "F.2.2 person name an object of its groups",
    "F.2.3 string",
    "F.2.3 number",
    "F.2.3 number or string",
    "F.2.3 exact numbers",
    "F.2.3 AT 8 hexadecimal digits",
    "F.2.3 SQ an array of objects",
    "F.2.3 NaN and infinity",
    "F.2.4 several values",
    "F.2.5 empty attribute",
    "F.2.5 empty value among several",
    "F.2.5 empty item",
    "F.2.6 BulkDataURI by VR",
    "F.2.7 InlineBinary one base64 string",
    "F.2.7 InlineBinary by VR",
    "F.2.7 InlineBinary in little endian",
    "PS3.5 6.2 backslash in a single text",
    "PS3.5 6.2 padding is not required",
]
WRITING = [
    *(clause for clause in READING if clause != "F.2.2 order of members is free"),
    "F.2.2 keys ascending",
    "F.2.2 no duplicates",
    "F.2.2 group length is prohibited",
    "PS3.10 7.1 group 0002 is not part of the data set",
]

STRINGS = ["AE", "AS", "CS", "DA", "DT", "LO", "LT", "SH", "ST", "TM", "UC", "UI", "UR", "UT"]
NUMBERS = ["SL", "SS", "UL", "US"]
INLINE = ["OB", "OD", "OF", "OL", "OV", "OW", "UN"]
BULK = ["DS", "FL", "FD", "IS", "LT", *INLINE, "SL", "SS", "ST", "SV", "UC", "UL", "US", "UT", "UV"]
NO_BULK = ["AE", "AS", "AT", "CS", "DA", "DT", "LO", "PN", "SH", "SQ", "TM", "UI", "UR"]
NAME = '{"Alphabetic":"A","Ideographic":"I","Phonetic":"P"}'

# Text that the writer makes of these events, and that the parser reads as the same events.
CANONICAL: list[tuple[str, bytes, list[Event]]] = [
    ("F.1 encoded in UTF-8", b'{"00091001":{"vr":"LO","Value":["\xc3\xa9"]}}', one(element("LO", E_ACUTE))),
    ("F.2.1 one result is an object", attribute('"vr":"LO"'), one(element("LO"))),
    ("F.2.1 several results are an array", b"[{},{}]", datasets([], [])),
    ("F.2.1 several results are an array", b"[]", []),
    ("F.2.2 key of 8 upper-case hexadecimal digits", b'{"7FE00010":{"vr":"OW"}}', one(element("OW", tag=0x7FE00010))),
    ("F.2.2 vr", attribute('"vr":"UN"'), one(element("UN"))),
    ("F.2.2 one of Value, BulkDataURI, InlineBinary", attribute('"vr":"UT","Value":["a"]'), one(element("UT", "a"))),
    (
        "F.2.2 one of Value, BulkDataURI, InlineBinary",
        attribute('"vr":"UT","BulkDataURI":"a"'),
        one(bulk_data("UT", "a")),
    ),
    (
        "F.2.2 one of Value, BulkDataURI, InlineBinary",
        attribute('"vr":"OB","InlineBinary":"AA=="'),
        one(element("OB", b"\0")),
    ),
    ("F.2.2 Value an array", attribute('"vr":"LO","Value":["a"]'), one(element("LO", "a"))),
    (
        "F.2.2 Specific Character Set",
        f'{{"00080005":{{"vr":"CS","Value":["ISO_IR 100"]}},"00091001":{{"vr":"LO","Value":["{E_ACUTE}"]}}}}'.encode(),
        one(element("CS", "ISO_IR 100", tag=0x00080005), element("LO", E_ACUTE)),
    ),
    (
        "F.2.2 person name an object of its groups",
        attribute(f'"vr":"PN","Value":[{NAME}]'),
        one(element("PN", ("A", "I", "P"))),
    ),
    (
        "F.2.2 person name an object of its groups",
        attribute('"vr":"PN","Value":[{"Ideographic":"I"}]'),
        one(element("PN", ("", "I", ""))),
    ),
    *(("F.2.3 string", attribute(f'"vr":"{vr}","Value":["a"]'), one(element(vr, "a"))) for vr in STRINGS),
    *(("F.2.3 number", attribute(f'"vr":"{vr}","Value":[17]'), one(element(vr, 17))) for vr in NUMBERS),
    *(("F.2.3 number", attribute(f'"vr":"{vr}","Value":[0.5]'), one(element(vr, 0.5))) for vr in ("FD", "FL")),
    *(
        ("F.2.3 number or string", attribute(f'"vr":"{vr}","Value":[17]'), one(element(vr, "17")))
        for vr in ("DS", "IS")
    ),
    *(
        ("F.2.3 number or string", attribute(f'"vr":"{vr}","Value":["+7"]'), one(element(vr, "+7")))
        for vr in ("DS", "IS")
    ),
    *(("F.2.3 number or string", attribute(f'"vr":"{vr}","Value":[17]'), one(element(vr, 17))) for vr in ("SV", "UV")),
    ("F.2.3 exact numbers", attribute('"vr":"DS","Value":[1.0000]'), one(element("DS", "1.0000"))),
    ("F.2.3 exact numbers", attribute('"vr":"UV","Value":[18446744073709551615]'), one(element("UV", 2**64 - 1))),
    ("F.2.3 exact numbers", attribute('"vr":"SV","Value":[-9223372036854775808]'), one(element("SV", -(2**63)))),
    ("F.2.3 AT 8 hexadecimal digits", attribute('"vr":"AT","Value":["7FE00010"]'), one(element("AT", 0x7FE00010))),
    (
        "F.2.3 SQ an array of objects",
        attribute('"vr":"SQ","Value":[{"00091001":{"vr":"US","Value":[1]}},{"00091001":{"vr":"US","Value":[2]}}]'),
        one(*sequence([element("US", 1)], [element("US", 2)])),
    ),
    ("F.2.4 several values", attribute('"vr":"CS","Value":["A","B"]'), one(element("CS", "A", "B"))),
    ("F.2.4 several values", attribute('"vr":"US","Value":[1,2]'), one(element("US", 1, 2))),
    *(
        ("F.2.5 empty attribute", attribute(f'"vr":"{vr}"'), one(element(vr)))
        for vr in [*STRINGS, *NUMBERS, *INLINE, "AT", "DS", "FD", "FL", "IS", "PN", "SV", "UV"]
    ),
    ("F.2.5 empty attribute", attribute('"vr":"SQ"'), one(*sequence())),
    ("F.2.5 empty value among several", attribute('"vr":"LO","Value":[null,"a"]'), one(element("LO", None, "a"))),
    ("F.2.5 empty value among several", attribute('"vr":"DS","Value":[1,null]'), one(element("DS", "1", None))),
    ("F.2.5 empty item", attribute('"vr":"SQ","Value":[{}]'), one(*sequence([]))),
    *(
        (
            "F.2.6 BulkDataURI by VR",
            attribute(f'"vr":"{vr}","BulkDataURI":"https://h/1"'),
            one(bulk_data(vr, "https://h/1")),
        )
        for vr in BULK
    ),
    *(
        (
            "F.2.7 InlineBinary by VR",
            attribute(f'"vr":"{vr}","InlineBinary":"AAECAwQFBgc="'),
            one(element(vr, bytes(range(8)))),
        )
        for vr in INLINE
    ),
    (
        "F.2.7 InlineBinary one base64 string",
        attribute('"vr":"OB","InlineBinary":"+/8="'),
        one(element("OB", b"\xfb\xff")),
    ),
    (
        "F.2.7 InlineBinary in little endian",
        attribute('"vr":"OW","InlineBinary":"AQI="'),
        one(element("OW", b"\x01\x02")),
    ),
    *(
        ("PS3.5 6.2 backslash in a single text", attribute(f'"vr":"{vr}","Value":["a\\\\b"]'), one(element(vr, "a\\b")))
        for vr in ("LT", "ST", "UR", "UT")
    ),
    ("PS3.5 6.2 padding is not required", attribute('"vr":"UI","Value":["1.2.3"]'), one(element("UI", "1.2.3"))),
    ("PS3.5 6.2 padding is not required", attribute('"vr":"OB","InlineBinary":"AA=="'), one(element("OB", b"\0"))),
]

# Text that the parser reads as these events, but that the writer does not make.
ACCEPTED: list[tuple[str, bytes, list[Event]]] = [
    ("F.1 encoded in UTF-8", attribute('"vr":"LO","Value":["\\u00e9"]'), one(element("LO", E_ACUTE))),
    ("F.2.1 several results are an array", b"[{}]", datasets([])),
    ("F.2.2 order of members is free", attribute('"Value":["a"],"vr":"LO"'), one(element("LO", "a"))),
    ("F.2.2 order of members is free", attribute('"BulkDataURI":"a","vr":"OB"'), one(bulk_data("OB", "a"))),
    ("F.2.2 order of members is free", attribute('"InlineBinary":"AA==","vr":"OB"'), one(element("OB", b"\0"))),
    ("F.2.2 order of members is free", attribute('"Value":[{}],"vr":"SQ"'), one(*sequence([]))),
    *(
        ("F.2.3 number or string", attribute(f'"vr":"{vr}","Value":["17"]'), one(element(vr, "17")))
        for vr in ("DS", "IS")
    ),
    *(
        ("F.2.3 number or string", attribute(f'"vr":"{vr}","Value":["17"]'), one(element(vr, 17)))
        for vr in ("SV", "UV")
    ),
    ("F.2.3 exact numbers", attribute('"vr":"UV","Value":["18446744073709551615"]'), one(element("UV", 2**64 - 1))),
    ("F.2.3 exact numbers", attribute('"vr":"DS","Value":["1.0000"]'), one(element("DS", "1.0000"))),
]

REFUSED: list[tuple[str, bytes]] = [
    ("F.1 encoded in UTF-8", b'{"00091001":{"vr":"LO","Value":["\xe9"]}}'),
    ("F.1 encoded in UTF-8", '{"00091001":{"vr":"LO"}}'.encode("utf-16")),
    ("F.2.1 one result is an object", b'"a"'),
    ("F.2.1 several results are an array", b"{},{}"),
    ("F.2.1 several results are an array", b"[[{}]]"),
    ("F.2.2 key of 8 upper-case hexadecimal digits", b'{"7fe00010":{"vr":"OW"}}'),
    ("F.2.2 key of 8 upper-case hexadecimal digits", b'{"7FE0001":{"vr":"OW"}}'),
    ("F.2.2 key of 8 upper-case hexadecimal digits", b'{"(7FE0,0010)":{"vr":"OW"}}'),
    ("F.2.2 key of 8 upper-case hexadecimal digits", b'{"PixelData":{"vr":"OW"}}'),
    ("F.2.2 vr", attribute('"Value":["a"]')),
    ("F.2.2 vr", attribute('"vr":"ZZ"')),
    ("F.2.2 one of Value, BulkDataURI, InlineBinary", attribute('"vr":"UT","Value":["a"],"BulkDataURI":"b"')),
    ("F.2.2 one of Value, BulkDataURI, InlineBinary", attribute('"vr":"OB","InlineBinary":"AA==","BulkDataURI":"b"')),
    ("F.2.2 Value an array", attribute('"vr":"LO","Value":"a"')),
    ("F.2.2 Value an array", attribute('"vr":"LO","Value":null')),
    ("F.2.2 person name an object of its groups", attribute('"vr":"PN","Value":["A=I=P"]')),
    ("F.2.2 person name an object of its groups", attribute('"vr":"PN","Value":[{"Latin":"A"}]')),
    *(("F.2.3 string", attribute(f'"vr":"{vr}","Value":[17]')) for vr in STRINGS),
    *(("F.2.3 number", attribute(f'"vr":"{vr}","Value":["17"]')) for vr in [*NUMBERS, "FD", "FL"]),
    *(("F.2.3 number", attribute(f'"vr":"{vr}","Value":[1.5]')) for vr in NUMBERS),
    *(("F.2.3 number or string", attribute(f'"vr":"{vr}","Value":[true]')) for vr in ("DS", "IS", "SV", "UV")),
    ("F.2.3 AT 8 hexadecimal digits", attribute('"vr":"AT","Value":["7fe00010"]')),
    ("F.2.3 AT 8 hexadecimal digits", attribute('"vr":"AT","Value":[2145386512]')),
    ("F.2.3 SQ an array of objects", attribute('"vr":"SQ","Value":{}')),
    ("F.2.3 SQ an array of objects", attribute('"vr":"SQ","Value":["a"]')),
    ("F.2.3 NaN and infinity", attribute('"vr":"FD","Value":[NaN]')),
    ("F.2.3 NaN and infinity", attribute('"vr":"FD","Value":["inf"]')),
    ("F.2.3 NaN and infinity", attribute('"vr":"FD","Value":["NaN"]')),
    ("F.2.5 empty item", attribute('"vr":"SQ","Value":[null]')),
    *(("F.2.6 BulkDataURI by VR", attribute(f'"vr":"{vr}","BulkDataURI":"a"')) for vr in NO_BULK),
    ("F.2.7 InlineBinary one base64 string", attribute('"vr":"OB","InlineBinary":["AA=="]')),
    ("F.2.7 InlineBinary one base64 string", attribute('"vr":"OB","InlineBinary":"A-_="')),
    *(
        ("F.2.7 InlineBinary by VR", attribute(f'"vr":"{vr}","InlineBinary":"AAAA"'))
        for vr in [*STRINGS, *NUMBERS, "SQ"]
    ),
]

# Text that the writer makes of these events, but that reads as other events or is not standard.
WRITTEN: list[tuple[str, bytes, list[Event]]] = [
    # Not in Annex F; CP-2352 allows them for FL and FD.
    ("F.2.3 NaN and infinity", attribute('"vr":"FD","Value":["NaN"]'), one(element("FD", float("nan")))),
    ("F.2.3 NaN and infinity", attribute('"vr":"FL","Value":["Infinity"]'), one(element("FL", float("inf")))),
    ("F.2.3 NaN and infinity", attribute('"vr":"FD","Value":["-Infinity"]'), one(element("FD", float("-inf")))),
    (
        "F.2.2 keys ascending",
        b'{"00080005":{"vr":"CS"},"00100010":{"vr":"PN"}}',
        one(element("CS", tag=0x00080005), element("PN", tag=0x00100010)),
    ),
    ("F.2.2 group length is prohibited", b"{}", one(element("UL", 4, tag=0x00080000))),
    (
        "F.2.2 group length is prohibited",
        attribute('"vr":"SQ","Value":[{}]'),
        one(*sequence([element("UL", 4, tag=0x00080000)])),
    ),
    ("PS3.10 7.1 group 0002 is not part of the data set", b"{}", one(element("UI", "1.2", tag=0x00020010))),
    ("F.2.5 empty attribute", attribute('"vr":"LO"'), one(element("LO", None))),
    ("F.2.5 empty attribute", attribute('"vr":"LO"'), one(element("LO", ""))),
    ("F.2.5 empty attribute", attribute('"vr":"OB"'), one(element("OB", b""))),
    ("F.2.5 empty attribute", attribute('"vr":"PN"'), one(element("PN", ("", "", "")))),
    ("F.2.5 empty value among several", attribute('"vr":"LO","Value":["a",null]'), one(element("LO", "a", ""))),
    (
        "F.2.5 empty value among several",
        attribute('"vr":"PN","Value":[null,{"Phonetic":"P"}]'),
        one(element("PN", ("", "", ""), ("", "", "P"))),
    ),
]

UNWRITABLE: list[tuple[str, list[Event]]] = [
    ("F.1 encoded in UTF-8", one(element("LO", "\ud800"))),
    ("F.2.2 keys ascending", one(element("PN", tag=0x00100010), element("CS", tag=0x00080005))),
    ("F.2.2 no duplicates", one(element("LO"), element("LO"))),
    ("F.2.2 no duplicates", one(element("LO"), bulk_data("OB", "a"))),
    ("F.2.2 vr", one(element("ZZ"))),
    *(("F.2.6 BulkDataURI by VR", one(bulk_data(vr, "a"))) for vr in NO_BULK),
    ("F.2.7 InlineBinary one base64 string", one(element("OB", b"a", b"b"))),
    ("F.2.7 InlineBinary by VR", one(element("LO", b"a"))),
]


def test_every_clause_has_a_vector() -> None:
    assert {clause for clause, *_ in [*CANONICAL, *ACCEPTED, *REFUSED]} == set(READING)
    assert {clause for clause, *_ in [*CANONICAL, *WRITTEN, *UNWRITABLE]} == set(WRITING)
    assert all([CANONICAL, ACCEPTED, REFUSED, WRITTEN, UNWRITABLE])


def vectors(table: Sequence[tuple[Any, ...]]) -> list[Any]:
    return [pytest.param(*row[1:], id=row[0]) for row in table]


def read(text: bytes, size: int) -> list[Event]:
    parser = JsonParser(options=ReadOptions(profile="strict"))
    events: list[Event] = []
    for start in range(0, len(text), size):
        events += parser.feed(text[start : start + size])
    events += parser.close()
    if parser.error:
        raise parser.error
    return events


def write(events: list[Event], *, array: bool) -> bytes:
    blocks: list[bytes] = []
    json_writer = JsonEmitter(blocks.append)
    writer = JsonWriter(json_writer, array=array)
    writer.write_all(events)
    writer.close()
    json_writer.close()
    return b"".join(blocks)


def shown(events: list[Event]) -> list[tuple[str, int, str, str]]:
    """Return events in a form in which NaN equals NaN."""
    return [(EventType(kind).name, tag, vr, repr(value)) for kind, tag, vr, value in events]


@each("size", [1, 1000], ids=["byte by byte", "whole"])
@each(("text", "events"), vectors([*CANONICAL, *ACCEPTED]))
def test_conforming_text_is_parsed(text: bytes, events: list[Event], size: int) -> None:
    assert shown(read(text, size)) == shown(events)


@each("size", [1, 1000], ids=["byte by byte", "whole"])
@each("text", vectors(REFUSED))
def test_other_text_is_refused(text: bytes, size: int) -> None:
    with pytest.raises(InputError):
        read(text, size)


@each(("text", "events"), vectors([*CANONICAL, *WRITTEN]))
def test_written_text_conforms(text: bytes, events: list[Event]) -> None:
    assert write(events, array=text.startswith(b"[")) == text


@each("events", vectors(UNWRITABLE))
def test_events_without_conforming_text_are_refused(events: list[Event]) -> None:
    with pytest.raises(OutputError):
        write(events, array=False)
