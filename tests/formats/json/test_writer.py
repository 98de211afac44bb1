"""The JsonWriter over a JsonEmitter: its output, and its errors."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Sequence
from itertools import chain, repeat
from typing import Any

import pytest
from pydicom.encaps import generate_fragments
from pydicom.uid import UID

from streamdicom.codec import EventEncoder
from streamdicom.dicom.vr import VRS
from streamdicom.errors import LimitError, Location, OutputError
from streamdicom.events import Event, EventType
from streamdicom.formats.json import JsonParser, JsonWriter, element_text
from streamdicom.formats.text_writer import WriterState
from streamdicom.jsontext import JsonEmitter, JsonTokenizer
from streamdicom.limits import Limits
from streamdicom.options import ReadOptions, WriteOptions
from tests.support.each import each
from tests.support.memory import peak

TAG, NEXT, LAST = 0x00091001, 0x00091002, 0x00091003
SEQ = 0x00081140
PIXELS = 0x7FE00010

START: Event = (EventType.START_DATASET, 0, "", 0)
END: Event = (EventType.END_DATASET, 0, "", None)


def element(vr: str, *values: Any, tag: int = TAG) -> Event:
    return EventType.ELEMENT, tag, vr, values


def bulk_data(vr: str, uri: Any = "uri", tag: int = TAG) -> Event:
    return EventType.BULK_DATA, tag, vr, uri


def sequence(*items: Sequence[Event], tag: int = TAG) -> list[Event]:
    events: list[Event] = [(EventType.START_SEQUENCE, tag, "SQ", None)]
    for index, item in enumerate(items):
        events += [(EventType.START_ITEM, tag, "SQ", index), *item, (EventType.END_ITEM, tag, "SQ", None)]
    return [*events, (EventType.END_SEQUENCE, tag, "SQ", None)]


def parts(vr: str, *pieces: Event, late: bool = False, tag: int = TAG) -> list[Event]:
    """An element in parts, whose VR may be known only at its end."""
    start = (EventType.START_ELEMENT, tag, "" if late else vr, None)
    return [start, *pieces, (EventType.END_ELEMENT, tag, vr, None)]


def segmented_fragments(*contents: Sequence[bytes], vr: str = "OB", tag: int = TAG) -> list[Event]:
    """Encapsulated pixel data, its fragments each in segments."""
    events: list[Event] = [(EventType.START_FRAGMENTS, tag, vr, None)]
    for segments in contents:
        events.append((EventType.START_FRAGMENT, tag, vr, sum(map(len, segments))))
        events += [(EventType.SEGMENT, tag, vr, data) for data in segments[:-1]]
        events.append((EventType.LAST_SEGMENT, tag, vr, segments[-1]))
    return [*events, (EventType.END_FRAGMENTS, tag, vr, None)]


def some(*values: Any) -> Event:
    return EventType.VALUES, TAG, "", values


def segment(value: Any) -> Event:
    return EventType.SEGMENT, TAG, "", value


def last_segment(value: Any) -> Event:
    return EventType.LAST_SEGMENT, TAG, "", value


def fragments(*values: bytes, vr: str = "OB", tag: int = TAG) -> list[Event]:
    """Encapsulated pixel data, each fragment in one segment."""
    events: list[Event] = [(EventType.START_FRAGMENTS, tag, vr, None)]
    for value in values:
        events += [(EventType.START_FRAGMENT, tag, vr, len(value)), (EventType.LAST_SEGMENT, tag, vr, value)]
    return [*events, (EventType.END_FRAGMENTS, tag, vr, None)]


def fragment(length: Any) -> Event:
    return EventType.START_FRAGMENT, TAG, "OB", length


def cases(table: Sequence[tuple[Any, ...]]) -> list[Any]:
    assert table
    return [pytest.param(*row[1:], id=row[0]) for row in table]


def write(
    events: Iterable[Event],
    *,
    array: bool = False,
    indent: int | None = None,
    options: WriteOptions | None = None,
) -> str:
    blocks: list[bytes] = []
    json_writer = JsonEmitter(blocks.append, indent=indent)
    event_writer = JsonWriter(json_writer, array=array, options=options)
    event_writer.write_all(events)
    event_writer.close()
    json_writer.close()
    return b"".join(blocks).decode()


def refused(events: Sequence[Event], *, array: bool = False, options: WriteOptions | None = None) -> OutputError:
    """Return the error of the last event; check that it is sticky."""
    event_writer = JsonWriter(JsonEmitter(lambda _: None), array=array, options=options)
    event_writer.write_all(events[:-1])
    with pytest.raises(OutputError) as caught:
        event_writer.write(events[-1])
    for again in (lambda: event_writer.write(events[-1]), event_writer.close):
        with pytest.raises(OutputError) as once_more:
            again()
        assert once_more.value is caught.value
    return caught.value


# --- the canonical form ------------------------------------------------------------------------------------------


def inline(digits: str) -> str:
    """Bytes in hexadecimal to base64."""
    return base64.b64encode(bytes.fromhex(digits)).decode()


def value_cases() -> list[tuple[str, list[Event], str]]:
    return [
        (f"{vr} {text}", [element(vr, *values)], f'"00091001":{{"vr":"{vr}"{"," if text else ""}{text}}}')
        for vr, values, text in VALUES
    ]


VALUES: list[tuple[str, tuple[Any, ...], str]] = [
    *((vr, (), "") for vr in VRS if vr != "SQ"),
    *((vr, (None,), "") for vr in VRS if vr != "SQ"),
    *(
        (vr, ("a b",), '"Value":["a b"]')
        for vr in ["AE", "AS", "CS", "DA", "DT", "LO", "LT", "SH", "ST", "TM", "UC", "UI", "UR", "UT"]
    ),
    ("LO", ("",), ""),
    ("LO", ("a", "", None, "b"), '"Value":["a",null,null,"b"]'),
    ("LO", (None, None), '"Value":[null,null]'),
    ("LT", ('"\\/\b\f\n\r\t\x00\x1f',), '"Value":["\\"\\\\/\\b\\f\\n\\r\\t\\u0000\\u001f"]'),
    ("LO", ("\u00e9\u5c71\U0001f600\x7f",), '"Value":["\u00e9\u5c71\U0001f600\x7f"]'),
    ("UT", ("a\\b",), '"Value":["a\\\\b"]'),
    ("AT", (0x00100020, 0xFFFEE00D, None), '"Value":["00100020","FFFEE00D",null]'),
    ("DS", ("1.0000",), '"Value":[1.0000]'),
    ("DS", ("-0", "1e400", "1E+2", "9007199254740993"), '"Value":[-0,1e400,1E+2,9007199254740993]'),
    ("DS", ("+1", ".5", "5.", "007", " 1", "0x1"), '"Value":["+1",".5","5.","007"," 1","0x1"]'),
    ("DS", ("NaN", "Infinity", "text", "1\n"), '"Value":["NaN","Infinity","text","1\\n"]'),
    ("DS", ("\u0661",), '"Value":["\u0661"]'),  # a digit, but not one of JSON's
    ("DS", ("1", "", None), '"Value":[1,null,null]'),
    ("IS", ("2147483647",), '"Value":[2147483647]'),
    ("IS", ("0042", "-7"), '"Value":["0042",-7]'),
    ("FD", (0.1, 1e22, -0.0, 5e-324), '"Value":[0.1,1e+22,-0.0,5e-324]'),
    ("FD", (float("nan"), float("inf"), float("-inf")), '"Value":["NaN","Infinity","-Infinity"]'),
    ("FL", (1.5, None, 2), '"Value":[1.5,null,2.0]'),
    ("SL", (-(2**31), 2**31 - 1), '"Value":[-2147483648,2147483647]'),
    ("SS", (-(2**15), None), '"Value":[-32768,null]'),
    ("UL", (2**32 - 1,), '"Value":[4294967295]'),
    ("US", (0, 65535), '"Value":[0,65535]'),
    ("SV", (-(2**63), 2**53 + 1), '"Value":[-9223372036854775808,9007199254740993]'),
    ("UV", (2**64 - 1,), '"Value":[18446744073709551615]'),
    ("US", (EventType.ELEMENT,), '"Value":[3]'),  # an int, however it prints
    ("PN", (("Doe^Jane", "", ""),), '"Value":[{"Alphabetic":"Doe^Jane"}]'),
    ("PN", (("A", "I", "P"),), '"Value":[{"Alphabetic":"A","Ideographic":"I","Phonetic":"P"}]'),
    ("PN", (("", "\u5c71", ""), None), '"Value":[{"Ideographic":"\u5c71"},null]'),
    ("PN", (("", "", ""),), ""),
    ("PN", (("", "", ""), ("", "", "P")), '"Value":[null,{"Phonetic":"P"}]'),
    *((vr, (b"",), "") for vr in ["OB", "OD", "OF", "OL", "OV", "OW", "UN"]),
    *((vr, (b"\x00\xff",), '"InlineBinary":"AP8="') for vr in ["OB", "OD", "OF", "OL", "OV", "OW", "UN"]),
    ("OB", (b"\xff\xff\xff\xfb\xf0",), '"InlineBinary":"////+/A="'),
]

BULK = ["DS", "FL", "FD", "IS", "LT", "OB", "OD", "OF", "OL", "OV", "OW", "SL", "SS", "ST", "SV", "UC", "UL", "UN"]
BULK += ["US", "UT", "UV"]

# PS3.18 F.2.5: null for an empty value among several, and no member for an attribute that is empty.
EMPTY_PARTS: list[tuple[str, str, list[Event], str]] = [
    ("an empty value", "UC", [some(None)], ""),
    ("an empty text", "UC", [some("")], ""),
    ("no values", "UC", [some()], ""),
    ("an empty segment", "UC", [last_segment("")], ""),
    ("empty segments", "UT", [segment(""), segment(""), last_segment("")], ""),
    ("no bytes", "OB", [last_segment(b"")], ""),
    ("no bytes in segments", "OB", [segment(b""), last_segment(b"")], ""),
    ("no bytes, and then some", "OB", [segment(b""), segment(b"a"), last_segment(b"")], '"InlineBinary":"YQ=="'),
    ("empty values", "UC", [some(None, ""), some(None)], '"Value":[null,null,null]'),
    ("an empty value and an empty segment", "UC", [some(None), last_segment("")], '"Value":[null,null]'),
    ("empty first", "UC", [some(None), last_segment(""), some(), last_segment("a")], '"Value":[null,null,"a"]'),
    ("an empty segment first", "UC", [last_segment(""), some("a")], '"Value":[null,"a"]'),
    ("an empty segment last", "UC", [some("a"), last_segment("")], '"Value":["a",null]'),
    (
        "an empty segment within",
        "UC",
        [last_segment("a"), last_segment(""), last_segment("b")],
        '"Value":["a",null,"b"]',
    ),
    ("text behind an empty segment", "UC", [segment(""), last_segment("a")], '"Value":["a"]'),
]


def written(vr: str, member: str, late: bool) -> str:
    """An element whose VR is first or last."""
    members = [f'"vr":"{vr}"', member] if member else [f'"vr":"{vr}"']
    return f'"00091001":{{{",".join(members[::-1] if late else members)}}}'


STRUCTURE: list[tuple[str, list[Event], str]] = [
    ("nothing", [], ""),
    (
        "elements",
        [element("LO", "a"), element("UI", tag=NEXT), element("US", 1, tag=LAST)],
        '"00091001":{"vr":"LO","Value":["a"]},"00091002":{"vr":"UI"},"00091003":{"vr":"US","Value":[1]}',
    ),
    (
        "a tag with another VR the second time",
        sequence([element("US", 1)], [element("SS", -1)], [element("US", 2)], tag=SEQ),
        '"00081140":{"vr":"SQ","Value":[{"00091001":{"vr":"US","Value":[1]}},'
        '{"00091001":{"vr":"SS","Value":[-1]}},{"00091001":{"vr":"US","Value":[2]}}]}',
    ),
    (
        "bulk data",
        [element("LO", "a"), bulk_data("OB", 'https://host/\u00e9?"', NEXT), element("LO", "b", tag=LAST)],
        '"00091001":{"vr":"LO","Value":["a"]},"00091002":{"vr":"OB","BulkDataURI":"https://host/\u00e9?\\""},'
        '"00091003":{"vr":"LO","Value":["b"]}',
    ),
    *((f"bulk data of {vr}", [bulk_data(vr)], f'"00091001":{{"vr":"{vr}","BulkDataURI":"uri"}}') for vr in BULK),
    ("sequence without items", sequence(), '"00091001":{"vr":"SQ"}'),
    ("sequence with an empty item", sequence([]), '"00091001":{"vr":"SQ","Value":[{}]}'),
    (
        "sequence among elements",
        [element("LO", "a"), *sequence([element("LO", "b")], [], tag=NEXT), element("LO", "c", tag=LAST)],
        '"00091001":{"vr":"LO","Value":["a"]},"00091002":{"vr":"SQ","Value":[{"00091001":{"vr":"LO","Value":["b"]}},'
        '{}]},"00091003":{"vr":"LO","Value":["c"]}',
    ),
    (
        "sequence in a sequence of the same tag",
        sequence([*sequence([element("US", 1)], tag=TAG), element("US", 2, tag=NEXT)]),
        '"00091001":{"vr":"SQ","Value":[{"00091001":{"vr":"SQ","Value":[{"00091001":{"vr":"US","Value":[1]}}]},'
        '"00091002":{"vr":"US","Value":[2]}}]}',
    ),
    (
        "group length is left out",
        [
            *fragments(b"a", b"", tag=0x00070000),
            element("UL", 4, tag=0x00080000),
            element("UI", tag=0x00080016),
            bulk_data("UL", tag=0x00090000),
            *parts("UL", some(1), tag=0x00100000),
            *sequence([element("US", 1)], tag=0x00110000),
            element("LO", tag=TAG + 2**24),
        ],
        '"00080016":{"vr":"UI"},"01091001":{"vr":"LO"}',
    ),
    (
        "group length is left out of items",
        sequence([element("UL", 4, tag=0x00080000), element("UI", tag=0x00080016)]),
        '"00091001":{"vr":"SQ","Value":[{"00080016":{"vr":"UI"}}]}',
    ),
    ("text in one segment", parts("UT", last_segment("abc")), '"00091001":{"vr":"UT","Value":["abc"]}'),
    (
        "text in segments",
        parts("UT", segment("a\u00e9"), segment(""), segment('"\n'), last_segment("")),
        '"00091001":{"vr":"UT","Value":["a\u00e9\\"\\n"]}',
    ),
    (
        "text in segments, VR late",
        parts("UT", segment("a"), last_segment("b"), late=True),
        '"00091001":{"Value":["ab"],"vr":"UT"}',
    ),
    (
        "values and segments mixed",
        parts("UC", some("a", None, ""), segment("b"), last_segment("c"), last_segment("d"), some("e")),
        '"00091001":{"vr":"UC","Value":["a",null,null,"bc","d","e"]}',
    ),
    (
        "values and segments mixed, VR late",
        parts("UC", last_segment("a"), some("b", "c"), some(None), late=True),
        '"00091001":{"Value":["a","b","c",null],"vr":"UC"}',
    ),
    ("numbers in parts", parts("US", some(1, 2), some(None, 3)), '"00091001":{"vr":"US","Value":[1,2,null,3]}'),
    ("decimals in parts", parts("DS", some("1.0", "+1")), '"00091001":{"vr":"DS","Value":[1.0,"+1"]}'),
    ("floats in parts", parts("FD", some(0.5, float("inf"))), '"00091001":{"vr":"FD","Value":[0.5,"Infinity"]}'),
    ("tags in parts", parts("AT", some(TAG)), '"00091001":{"vr":"AT","Value":["00091001"]}'),
    ("names in parts", parts("PN", some(("", "", "P"))), '"00091001":{"vr":"PN","Value":[{"Phonetic":"P"}]}'),
    *(
        (f"{name}, VR {'late' if late else 'first'}", parts(vr, *pieces, late=late), written(vr, member, late))
        for name, vr, pieces, member in EMPTY_PARTS
        for late in (False, True)
    ),
    (
        "elements around an empty one in parts",
        [*parts("UC", some(None), some(None)), *parts("UC", last_segment(""), tag=NEXT), element("LO", "c", tag=LAST)],
        '"00091001":{"vr":"UC","Value":[null,null]},"00091002":{"vr":"UC"},"00091003":{"vr":"LO","Value":["c"]}',
    ),
    ("no parts", parts("LO"), '"00091001":{"vr":"LO"}'),
    ("no parts, VR late", parts("OB", late=True), '"00091001":{"vr":"OB"}'),
    (
        "bytes in segments that fill no group of base64",
        parts("OB", segment(b"\x00"), segment(b""), segment(b"\x01\x02\x03"), last_segment(b"\x04")),
        '"00091001":{"vr":"OB","InlineBinary":"AAECAwQ="}',
    ),
    (
        "bytes in segments, VR late",
        parts("UN", segment(b"\xff\xff"), last_segment(b"\xff"), late=True),
        '"00091001":{"InlineBinary":"////","vr":"UN"}',
    ),
    (
        "elements around one in parts",
        [element("LO", "a"), *parts("UT", last_segment("b"), tag=NEXT), element("LO", "c", tag=LAST)],
        '"00091001":{"vr":"LO","Value":["a"]},"00091002":{"vr":"UT","Value":["b"]},"00091003":{"vr":"LO","Value":["c"]}',
    ),
    (
        "what is left out has no place in the order of tags",
        [
            element("UI", "1.2", tag=0x00020010),
            element("LO", "a", tag=0x00011001),  # as in files with private group 0001 after the file meta information
            element("UL", 4, tag=0x00080000),
            element("UL", 4, tag=0x00080000),
            element("LO", "b", tag=0x00011002),
        ],
        '"00011001":{"vr":"LO","Value":["a"]},"00011002":{"vr":"LO","Value":["b"]}',
    ),
    # The value field without the delimiter: an item for the Basic Offset Table and one for each fragment (PS3.5 A.4).
    (
        "fragments",
        fragments(b"\0\0\0\0", b"\xff\xd8\xff\xd9", tag=PIXELS),
        f'"7FE00010":{{"vr":"OB","InlineBinary":"{inline("feff00e0 04000000 00000000 feff00e0 04000000 ffd8ffd9")}"}}',
    ),
    (
        "empty fragments",
        fragments(b"", b"a", b"", vr="OW"),
        '"00091001":{"vr":"OW","InlineBinary":'
        f'"{inline("feff00e0 00000000 feff00e0 01000000 61 feff00e0 00000000")}"}}',
    ),
    ("no fragments", fragments(), '"00091001":{"vr":"OB"}'),
    (
        "fragments of zero bytes",
        fragments(b"", vr="UN"),
        f'"00091001":{{"vr":"UN","InlineBinary":"{inline("feff00e0 00000000")}"}}',
    ),
    (
        "fragments in items, among other things",
        [
            *sequence([element("US", 1, tag=SEQ), *fragments(b"abc"), element("LO", "d", tag=NEXT)], [], tag=SEQ),
            *fragments(b"e"),
            *parts("OB", last_segment(b"f"), tag=NEXT),
        ],
        '"00081140":{"vr":"SQ","Value":[{"00081140":{"vr":"US","Value":[1]},"00091001":{"vr":"OB","InlineBinary":'
        f'"{inline("feff00e0 03000000 616263")}"}},"00091002":{{"vr":"LO","Value":["d"]}}}},{{}}]}},'
        f'"00091001":{{"vr":"OB","InlineBinary":"{inline("feff00e0 01000000 65")}"}},'
        '"00091002":{"vr":"OB","InlineBinary":"Zg=="}',
    ),
    (
        "element in parts in an item",
        sequence(parts("UT", last_segment("a"))),
        '"00091001":{"vr":"SQ","Value":[{"00091001":{"vr":"UT","Value":["a"]}}]}',
    ),
    ("no fragments", fragments(), '"00091001":{"vr":"OB"}'),
    # FEFF00E0 00000000, FEFF00E0 05000000 and "abcde"
    (
        "fragments",
        segmented_fragments([b""], [b"a", b"bcd", b"e"]),
        '"00091001":{"vr":"OB","InlineBinary":"/v8A4AAAAAD+/wDgBQAAAGFiY2Rl"}',
    ),
    (
        "fragments in an item, and what follows",
        [*sequence(segmented_fragments([b""], vr="OW")), element("LO", "a", tag=NEXT)],
        '"00091001":{"vr":"SQ","Value":[{"00091001":{"vr":"OW","InlineBinary":"/v8A4AAAAAA="}}]},'
        '"00091002":{"vr":"LO","Value":["a"]}',
    ),
]

CANONICAL = [*value_cases(), *STRUCTURE]


@each(("events", "members"), cases(CANONICAL))
def test_data_set_is_written_in_canonical_form(events: list[Event], members: str) -> None:
    assert write([START, *events, END]) == f"{{{members}}}"


@each(("events", "members"), cases(CANONICAL))
def test_data_sets_are_written_as_an_array(events: list[Event], members: str) -> None:
    text = write([START, *events, END, START, END, START, *events, END], array=True)
    assert text == f"[{{{members}}},{{}},{{{members}}}]"


@each(("events", "members"), cases(CANONICAL))
def test_indent_changes_the_white_space_only(events: list[Event], members: str) -> None:
    pairs = json.loads(write([START, *events, END], indent=2), object_pairs_hook=list, parse_float=str, parse_int=str)
    assert pairs == json.loads(f"{{{members}}}", object_pairs_hook=list, parse_float=str, parse_int=str)


@each(("events", "members"), cases(STRUCTURE))
def test_indent_is_laid_out_as_the_json_module_does(events: list[Event], members: str) -> None:
    parsed = json.loads(f"[{{{members}}}]")
    assert write([START, *events, END], array=True, indent=3) == json.dumps(parsed, indent=3, ensure_ascii=False)


@each(("events", "members"), cases(CANONICAL))
def test_output_is_read_back_equal(events: list[Event], members: str) -> None:
    parser = JsonParser(options=ReadOptions(deviations={"not-a-number": "ignore"}))
    read = parser.feed(write([START, *events, END]).encode())
    assert parser.close() == []
    assert json.loads(write(read)) == json.loads(f"{{{members}}}")


@pytest.mark.slow
def test_empty_values_before_the_first_are_only_counted() -> None:
    blocks: list[bytes] = []
    json_writer = JsonEmitter(blocks.append)
    writer = JsonWriter(json_writer, array=False)
    count = 1_000_000
    batches = repeat(some(*[""] * 1000), count // 1000)
    assert peak(lambda: writer.write_all(chain([START, parts("UC")[0]], batches))) < 2**20
    assert blocks == []
    assert peak(lambda: writer.write_all([some("a"), parts("UC")[-1], END])) < 6 * 2**20  # of which the blocks are 5
    writer.close()
    json_writer.close()
    assert b"".join(blocks) == b'{"00091001":{"vr":"UC","Value":[' + b"null," * count + b'"a"]}}'


def test_array_of_none() -> None:
    assert write([], array=True) == "[]"


def test_index_of_the_event_is_not_needed() -> None:
    assert write([(EventType.START_DATASET, 0, "", 17), END], array=True) == "[{}]"


FILE_META: list[tuple[str, list[Event], str]] = [
    ("element", [element("UI", "1.2", tag=0x00020010)], '"00020010":{"vr":"UI","Value":["1.2"]}'),
    ("empty element", [element("SH", tag=0x00020013)], '"00020013":{"vr":"SH"}'),
    ("bulk data", [bulk_data("OB", tag=0x00020102)], '"00020102":{"vr":"OB","BulkDataURI":"uri"}'),
    (
        "sequence",
        sequence([element("LO", "a"), *sequence([], tag=NEXT), *parts("UT", tag=LAST)], [], tag=0x00020999),
        '"00020999":{"vr":"SQ","Value":[{"00091001":{"vr":"LO","Value":["a"]},"00091002":{"vr":"SQ","Value":[{}]},'
        '"00091003":{"vr":"UT"}},{}]}',
    ),
    (
        "text in parts",
        parts("UC", some("a"), segment("b"), last_segment("c"), tag=0x00020999),
        '"00020999":{"vr":"UC","Value":["a","bc"]}',
    ),
    (
        "bytes in parts",
        parts("OB", last_segment(b"\0\0\0"), tag=0x00020102),
        '"00020102":{"vr":"OB","InlineBinary":"AAAA"}',
    ),
]
BEHIND, BEHIND_TEXT = element("LO", "a"), '"00091001":{"vr":"LO","Value":["a"]}'


@each(("events", "members"), cases(FILE_META))
def test_file_meta_information_is_written_on_request(events: list[Event], members: str) -> None:
    length = element("UL", 4, tag=0x00020000)
    stream = [START, length, *events, BEHIND, END]
    assert write(stream, options=WriteOptions(file_meta=True)) == f"{{{members},{BEHIND_TEXT}}}"
    assert write(stream) == f"{{{BEHIND_TEXT}}}"
    assert write([*stream, *stream], array=True) == f"[{{{BEHIND_TEXT}}},{{{BEHIND_TEXT}}}]"


# --- refused: values ---------------------------------------------------------------------------------------------

TEXTS = ["AE", "AS", "CS", "DA", "DT", "LO", "LT", "SH", "ST", "TM", "UC", "UI", "UR", "UT"]

MISFITS: list[tuple[str, tuple[Any, ...]]] = [
    *((vr, (value,)) for vr in TEXTS for value in (5, 1.5, b"a", ("a", "b", "c"), ["a"])),
    *((vr, (value,)) for vr in ("DS", "IS") for value in (5, 1.5, b"1", ("1",))),
    *((vr, (value,)) for vr in ("SL", "SS", "SV", "UL", "US", "UV") for value in ("5", 1.5, b"a", (1,), "")),
    *((vr, (value,)) for vr in ("FD", "FL") for value in ("a", b"a", (1.5,), 10**400, "")),
    *(("AT", (value,)) for value in ("00100020", 1.5, b"a", (1,), -1, 2**32, "")),
    *(("PN", (value,)) for value in ("Doe^Jane", "Doe", 5, ("a", "b"), ("a", "b", "c", "d"), ("a", 5, ""), b"abc")),
    *((vr, (value,)) for vr in ("OB", "OD", "OF", "OL", "OV", "OW", "UN") for value in ("a", 5, 1.5, (b"a",), [0])),
    # False values that are not an empty value of the VR.
    *((vr, (value,)) for vr in [*TEXTS, "DS", "IS"] for value in (0, 0.0, False, b"", (), [])),
    *((vr, ("1", 0)) for vr in [*TEXTS, "DS", "IS"]),
    *((vr, (value,)) for vr in ("OB", "OD", "OF", "OL", "OV", "OW", "UN") for value in (0, 0.0, False, "", (), [])),
    *(("PN", (value,)) for value in ("", 0, False, b"", (), (0, "", ""), ("a", b"", ""))),
    *((vr, (b"a", b"b")) for vr in ("OB", "OD", "OF", "OL", "OV", "OW", "UN")),
    ("OB", (None, b"a")),
    *((vr, ("a", value, "b")) for vr, value in (("LO", 5), ("US", 1), ("DS", 1.5), ("FD", 1.5), ("PN", "Doe^Jane"))),
    *((vr, ("a\ud800",)) for vr in [*TEXTS, "DS", "IS"]),
    ("LO", ("\udc00", "a")),
    ("PN", (("a", "\udfff", ""),)),
]


@each(("vr", "values"), [pytest.param(*row, id=f"{row[0]} {row[1]!a}") for row in MISFITS])
def test_value_of_a_wrong_type_is_refused(vr: str, values: tuple[Any, ...]) -> None:
    error = refused([START, element("LO", "a", tag=SEQ), element(vr, *values)])
    assert error.location == Location(None, 0, "00091001")


@each("vr", ["", "XX", "lo", "SQ", "US or SS"])
def test_unknown_vr_is_refused(vr: str) -> None:
    error = refused([START, element(vr)])
    assert "expected a VR" in error.message
    assert error.location == Location(None, 0, "00091001")


@each("vr", ["AE", "AS", "AT", "CS", "DA", "DT", "LO", "PN", "SH", "SQ", "TM", "UI", "UR"])
def test_vr_without_bulk_data_is_refused(vr: str) -> None:
    error = refused([START, bulk_data(vr)])
    assert f"BulkDataURI (PS3.18 F.2.2), found {vr}" in error.message
    assert error.location == Location(None, 0, "00091001")


@each("vr", ["", "XX"])
def test_bulk_data_of_an_unknown_vr_is_refused(vr: str) -> None:
    assert refused([START, bulk_data(vr)]).location == Location(None, 0, "00091001")


@each("uri", ["\ud800", 5, None, b"uri"], ids=ascii)
def test_uri_that_is_not_text_is_refused(uri: Any) -> None:
    assert refused([START, bulk_data("OB", uri)]).location == Location(None, 0, "00091001")


# --- refused: the order of tags ----------------------------------------------------------------------------------

ORDERS: list[tuple[str, list[Event], str, int]] = [
    ("element below", [START, element("LO", tag=NEXT), element("LO")], "00091001", 0),
    ("element twice", [START, element("LO"), element("LO")], "00091001", 0),
    ("element twice, with another VR", [START, element("LO"), element("SH")], "00091001", 0),
    ("bulk data twice", [START, bulk_data("OB"), bulk_data("OB")], "00091001", 0),
    ("sequence behind its element", [START, element("UN"), sequence()[0]], "00091001", 0),
    ("parts below", [START, element("LO", tag=NEXT), parts("UT")[0]], "00091001", 0),
    ("element behind its parts", [START, *parts("UT"), element("UT")], "00091001", 0),
    ("element behind its sequence", [START, *sequence([element("LO", tag=LAST)]), element("LO")], "00091001", 0),
    ("one that is left out below", [START, element("LO"), element("UL", tag=0x00080000)], "00080000", 0),
    (
        "below one before what is left out",
        [START, element("LO", tag=NEXT), element("UL", tag=0x00100000), element("LO")],
        "00091001",
        0,
    ),
    ("fragments below", [START, element("LO", tag=NEXT), fragments()[0]], "00091001", 0),
    ("element behind its fragments", [START, *fragments(b"a"), element("OB")], "00091001", 0),
    (
        "in an item",
        [START, *sequence([], [element("LO", tag=NEXT), element("LO", tag=SEQ)])[:-2]],
        "00091001[1].00081140",
        0,
    ),
    (
        "in an item of an item",
        [START, *sequence(sequence([element("LO", tag=LAST), element("LO", tag=NEXT)])[:-2], tag=SEQ)[:-2]],
        "00081140[0].00091001[0].00091002",
        0,
    ),
    (
        "the tag of the sequence in its item",
        [START, *sequence([element("LO", tag=NEXT), element("LO", tag=TAG)])[:-2]],
        "00091001[0].00091001",
        0,
    ),
    ("in the third data set", [START, END, START, END, START, element("LO"), element("LO")], "00091001", 2),
]


@each(("events", "path", "index"), cases(ORDERS))
def test_tags_that_do_not_ascend_are_refused(events: list[Event], path: str, index: int) -> None:
    error = refused(events, array=True)
    assert "ascending order" in error.message
    assert error.location == Location(None, index, path)


# --- refused: the order of events --------------------------------------------------------------------------------

PLACES: dict[str, list[Event]] = {
    "stream": [],
    "data set": [START],
    "sequence": [START, sequence(tag=SEQ)[0]],
    "item": [START, *sequence([], tag=SEQ)[:2]],
    "element": [START, parts("UC", tag=SEQ)[0]],
    "text": [START, parts("UC", tag=SEQ)[0], segment("a")],
    "bytes": [START, parts("OB", tag=SEQ)[0], segment(b"a")],
    "fragments": [START, fragments(tag=SEQ)[0]],
    "fragment": [START, fragments(tag=SEQ)[0], fragment(2)],
    "segment of a fragment": [START, fragments(tag=SEQ)[0], fragment(2), segment(b"a")],
    "behind a fragment": [START, *fragments(b"a", tag=SEQ)[:-1]],
}
IN_MEMBERS = {
    EventType.ELEMENT,
    EventType.JSON_ELEMENT,
    EventType.BULK_DATA,
    EventType.START_ELEMENT,
    EventType.START_SEQUENCE,
    EventType.START_FRAGMENTS,
}
LEGAL: dict[str, set[EventType]] = {
    "stream": {EventType.START_DATASET},
    "data set": {*IN_MEMBERS, EventType.END_DATASET},
    "sequence": {EventType.START_ITEM, EventType.END_SEQUENCE},
    "item": {*IN_MEMBERS, EventType.END_ITEM},
    "element": {EventType.VALUES, EventType.SEGMENT, EventType.LAST_SEGMENT, EventType.END_ELEMENT},
    "text": {EventType.SEGMENT, EventType.LAST_SEGMENT},
    "bytes": {EventType.SEGMENT, EventType.LAST_SEGMENT},
    "fragments": {EventType.START_FRAGMENT, EventType.END_FRAGMENTS},
    "fragment": {EventType.SEGMENT, EventType.LAST_SEGMENT},
    "segment of a fragment": {EventType.SEGMENT, EventType.LAST_SEGMENT},
    "behind a fragment": {EventType.START_FRAGMENT, EventType.END_FRAGMENTS},
}
IN_BYTES = {"bytes", "fragment", "segment of a fragment"}
EXAMPLES: dict[EventType, Event] = {
    EventType.START_DATASET: START,
    EventType.END_DATASET: END,
    EventType.ELEMENT: element("LO", "a"),
    EventType.BULK_DATA: bulk_data("OB"),
    EventType.JSON_ELEMENT: (EventType.JSON_ELEMENT, TAG, "", "{}"),
    EventType.START_ELEMENT: parts("UC")[0],
    EventType.VALUES: some("a"),
    EventType.SEGMENT: segment("a"),
    EventType.LAST_SEGMENT: last_segment("a"),
    EventType.END_ELEMENT: parts("UC")[-1],
    EventType.START_SEQUENCE: sequence()[0],
    EventType.START_ITEM: sequence([])[1],
    EventType.END_ITEM: sequence([])[2],
    EventType.END_SEQUENCE: sequence()[-1],
    EventType.START_FRAGMENTS: fragments()[0],
    EventType.START_FRAGMENT: fragment(1),
    EventType.END_FRAGMENTS: fragments()[-1],
}


@each("kind", EventType, ids=lambda kind: kind.name)
@each("place", PLACES)
def test_event_out_of_order_is_refused(place: str, kind: EventType) -> None:
    event = EXAMPLES[kind]
    if place in IN_BYTES and kind in LEGAL[place]:
        event = (kind, 0, "", b"a" if place != "fragment" or kind == EventType.SEGMENT else b"ab")
    if kind in LEGAL[place]:
        JsonWriter(JsonEmitter(lambda _: None)).write_all([*PLACES[place], event])
    else:
        assert f"found {kind.name}" in refused([*PLACES[place], event], array=True).message


def test_fragments_are_left_out() -> None:
    events = [START, *segmented_fragments([b""], [b"a"], tag=0x00080000), element("LO", "a"), END]
    assert write(events) == '{"00091001":{"vr":"LO","Value":["a"]}}'


def test_location_raised_by_the_source_of_events_stays() -> None:
    place = Location(None, 7, "00100020")

    def events() -> Iterable[Event]:
        yield START
        raise OutputError("no such value", place)

    with pytest.raises(OutputError) as caught:
        JsonWriter(JsonEmitter(lambda _: None)).write_all(events())
    assert caught.value.location == place


def test_unknown_event_is_refused() -> None:
    assert refused([START, (99, TAG, "LO", ())]).location.dataset_index == 0


def test_item_has_a_place_once_it_is_open() -> None:
    assert refused([START, sequence(tag=SEQ)[0], element("LO")]).location.tag_path == "00081140.00091001"


def test_second_data_set_needs_an_array() -> None:
    error = refused([START, END, START])
    assert "found a second one" in error.message


@each(
    ("events", "path"),
    [
        ([START], ""),
        ([START, sequence(tag=SEQ)[0], sequence([], tag=SEQ)[1]], "00081140[0]"),
        ([START, *sequence([], sequence([]), tag=SEQ)[:-3]], "00081140[1].00091001[0]"),
        ([START, parts("UT")[0]], ""),
        ([START, fragments()[0]], ""),
        ([START, *fragments(b"a")[:2]], ""),
        ([START, *fragments(b"a")[:-1]], ""),
    ],
)
@each("array", [True, False])
def test_close_refuses_an_open_data_set(events: list[Event], path: str, array: bool) -> None:
    event_writer = JsonWriter(JsonEmitter(lambda _: None), array=array)
    event_writer.write_all(events)
    with pytest.raises(OutputError, match="not complete") as caught:
        event_writer.close()
    assert caught.value.location == Location(None, 0, path)


# --- refused: elements in parts ----------------------------------------------------------------------------------

BAD_PARTS: list[tuple[str, list[Event]]] = [
    ("unknown VR", [parts("XX")[0]]),
    ("unknown VR at the end", [parts("UT", late=True)[0], parts("XX")[-1]]),
    ("no VR at all", [parts("", late=True)[0], parts("")[-1]]),
    ("values of OB", [parts("OB")[0], some("a")]),
    ("VR of a sequence", [parts("SQ")[0]]),
    ("values behind bytes", [parts("OB")[0], last_segment(b"a"), some("a")]),
    ("text behind bytes", [parts("OB")[0], last_segment(b"a"), last_segment("a")]),
    ("bytes behind bytes", [parts("OB")[0], last_segment(b"a"), segment(b"a")]),
    ("bytes behind text", [parts("", late=True)[0], last_segment("a"), last_segment(b"a")]),
    ("bytes within text", [parts("", late=True)[0], segment("a"), segment(b"a")]),
    ("text within bytes", [parts("", late=True)[0], segment(b"a"), segment("a")]),
    ("half of a surrogate pair in a segment", [parts("UT")[0], segment("\ud800")]),
    ("half of a surrogate pair in a value", [parts("UC")[0], some("a", "\ud800")]),
    ("segment of a number", [parts("UT")[0], last_segment(5)]),
    ("number for text", [parts("UC")[0], some(5)]),
    ("zero for text", [parts("UC")[0], some("a", 0)]),
    ("number before the VR", [parts("", late=True)[0], some(5)]),
    ("text for a number", [parts("US")[0], some("a")]),
    ("text for a float", [parts("FD")[0], some("a")]),
    ("text for a tag", [parts("AT")[0], some("a")]),
    ("text for a name", [parts("PN")[0], some("Doe^Jane")]),
    *((f"bytes for {vr}, VR late", parts(vr, last_segment(b"a"), late=True)) for vr in ("UT", "US", "PN", "SQ")),
    *(
        (f"text for {vr}, VR late", parts(vr, last_segment("a"), late=True))
        for vr in ("OB", "US", "FD", "AT", "PN", "SQ")
    ),
    ("empty text for OB", [parts("OB")[0], last_segment("")]),
    ("empty text for US", [parts("US")[0], last_segment("")]),
    *((f"empty text for {vr}, VR late", parts(vr, last_segment(""), late=True)) for vr in ("OB", "US", "PN")),
    *((f"no bytes for {vr}, VR late", parts(vr, last_segment(b""), late=True)) for vr in ("UT", "US", "SQ")),
    ("bytes behind no bytes", [parts("OB")[0], last_segment(b""), segment(b"a")]),
    ("values for OB, VR late", parts("OB", some("a"), late=True)),
    ("fragments of text", [fragments(vr="UT")[0]]),
    ("fragments of an unknown VR", [fragments(vr="XX")[0]]),
    *(
        (f"fragment of {length!r} bytes", [fragments()[0], (EventType.START_FRAGMENT, TAG, "OB", length)])
        for length in (None, "1", -1, 2**32 - 1)
    ),
    ("fragment that is longer", [*segmented_fragments([b"a"])[:2], segment(b"ab")]),
    ("fragment that is shorter", [*segmented_fragments([b"ab"])[:2], last_segment(b"a")]),
    ("fragment of text", [*segmented_fragments([b"a"])[:2], last_segment("a")]),
]


@each("events", cases(BAD_PARTS))
def test_parts_of_a_wrong_type_are_refused(events: list[Event]) -> None:
    error = refused([START, *events])
    assert error.location.dataset_index == 0


@each("vr", ["US", "FD", "AT", "PN", "SQ"])
def test_long_text_of_another_vr_is_refused(vr: str) -> None:
    with pytest.raises(OutputError):
        write([START, *parts(vr, last_segment("a")), END])


# --- fragments ---------------------------------------------------------------------------------------------------


@each("cut", range(12))
@each("second", range(12))
def test_text_of_fragments_does_not_depend_on_segments(cut: int, second: int) -> None:
    value = bytes(range(11))
    pieces = value[: min(cut, second)], value[min(cut, second) : max(cut, second)], value[max(cut, second) :]
    events = [
        fragments()[0],
        fragment(0),
        last_segment(b""),
        fragment(len(value)),
        segment(pieces[0]),
        segment(pieces[1]),
        last_segment(pieces[2]),
        fragment(len(value)),
        *map(segment, pieces),
        last_segment(b""),
        fragments()[-1],
    ]
    whole = fragments(b"", value, value)
    assert write([START, *events, END]) == write([START, *whole, END])


@pytest.mark.parametrize("lengths", [[0, 70_000], [65_536] * 3, [1, 2, 3, 4, 5, 6, 7] * 20_000], ids=len)
@pytest.mark.slow
def test_pydicom_finds_the_fragments_in_the_text(lengths: list[int]) -> None:
    values = [bytes(length) for length in lengths]
    attribute = json.loads(write([START, *fragments(*values), END]))["00091001"]
    data = base64.b64decode(attribute["InlineBinary"], validate=True)
    assert list(generate_fragments(data)) == values


BAD_FRAGMENTS: list[tuple[str, list[Event]]] = [
    *((f"VR {vr}", [fragments(vr=vr)[0]]) for vr in ("", "XX", "SQ", "UT", "US", "PN", "AT")),
    *((f"length {length}", [fragments()[0], fragment(length)]) for length in (None, -1, 2**32 - 1, 2**40, 1.0, "1")),
    ("longer than told", [fragments()[0], fragment(1), last_segment(b"ab")]),
    ("longer than told, with its first segment", [fragments()[0], fragment(1), segment(b"ab")]),
    ("longer than told, with its second segment", [fragments()[0], fragment(1), segment(b"a"), segment(b"b")]),
    ("longer than nothing", [fragments()[0], fragment(0), last_segment(b"a")]),
    ("shorter than told", [fragments()[0], fragment(2), last_segment(b"a")]),
    ("shorter than told, in segments", [fragments()[0], fragment(3), segment(b"a"), last_segment(b"b")]),
    ("empty, unlike told", [fragments()[0], fragment(1), last_segment(b"")]),
    ("text", [fragments()[0], fragment(1), last_segment("a")]),
    ("text in segments", [fragments()[0], fragment(1), segment("a")]),
    ("a number", [fragments()[0], fragment(1), last_segment(1)]),
    ("nothing", [fragments()[0], fragment(0), last_segment(None)]),
]


@each("events", cases(BAD_FRAGMENTS))
def test_invalid_fragments_are_refused(events: list[Event]) -> None:
    events = [*sequence([], tag=SEQ)[:2], *events[:-1], (events[-1][0], TAG, *events[-1][2:])]
    assert refused([START, *events]).location == Location(None, 0, "00081140[0].00091001")


# --- depth, memory -----------------------------------------------------------------------------------------------


def nested(sequences: int, *innermost: Event) -> list[Event]:
    return sequence(nested(sequences - 1, *innermost)) if sequences else list(innermost)


DEPTHS = [(False, 4, 0), (False, 6, 0), (False, 7, 1), (False, 9, 1), (False, 10, 2), (False, 256, 84)]
DEPTHS += [(True, 5, 0), (True, 7, 0), (True, 8, 1), (True, 10, 1), (True, 11, 2), (True, 256, 83)]


# An object, the object and array of a sequence, its item: for n sequences 3 n + 1, and for a value in the last item
# three more, as a person name is an object in the array of its attribute.
@each(("array", "depth", "most"), DEPTHS)
def test_sequences_nest_as_deep_as_the_options_allow(array: bool, depth: int, most: int) -> None:
    options = WriteOptions(limits=Limits(depth=depth))
    name = element("PN", ("a", "", ""))
    for indent in (None, 1):
        text = write([START, *nested(most, name), END], array=array, options=options, indent=indent)
        reader = JsonParser(options=ReadOptions(limits=Limits(depth=depth)))
        assert name in reader.feed(text.encode())
    events = [START, *nested(most + 1)]
    error = refused(events[: 2 * most + 2], array=array, options=options)
    assert error.message.startswith(f"more than {most} nested sequences")
    assert error.location == Location(None, 0, ".".join(["00091001[0]"] * most + ["00091001"]))


def test_more_members_than_a_block_are_written_whole() -> None:
    elements = [element("LO", "x" * 100, tag=TAG + number) for number in range(2000)]
    parsed = json.loads(write([START, *elements, END]))
    assert parsed == {f"{TAG + number:08X}": {"vr": "LO", "Value": ["x" * 100]} for number in range(2000)}


def many_elements() -> list[Event]:
    return [element("LO", "x" * 1000, tag=TAG + number) for number in range(1000)]


def many_references() -> list[Event]:
    return [bulk_data("OB", "x" * 1000, tag=TAG + number) for number in range(1000)]


@each("events", [many_elements(), many_references()], ids=["elements", "bulk data"])
def test_members_are_sent_before_their_data_set_ends(events: list[Event]) -> None:
    blocks: list[bytes] = []
    json_writer = JsonEmitter(blocks.append)
    JsonWriter(json_writer, array=False).write_all([START, *events])
    assert sum(map(len, blocks)) > 1_000_000 - 200_000


def test_more_tags_than_the_cache_holds_are_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(element_text.element_text_of(WriteOptions()).cache, "max_size", 2)
    elements = [element("US", number, tag=TAG + number) for number in range(8)]
    parsed = json.loads(write([START, *elements, END, START, *elements, END], array=True))
    assert parsed == [{f"{TAG + number:08X}": {"vr": "US", "Value": [number]} for number in range(8)}] * 2


def test_optional_escapes_apply_to_all_texts() -> None:
    blocks: list[bytes] = []
    json_writer = JsonEmitter(blocks.append, ensure_ascii=True)
    JsonWriter(json_writer, array=False).write_all([START, element("LO", "\u00e9"), END])
    json_writer.close()
    assert b"".join(blocks) == b'{"00091001":{"vr":"LO","Value":["\\u00e9"]}}'


# --- options: values ---------------------------------------------------------------------------

NUMBERS: list[tuple[str, tuple[Any, ...], str, str, str]] = [
    ("DS", ("1.5", "-2"), "[1.5,-2]", '["1.5","-2"]', "[1.5,-2]"),
    ("DS", ("1.50", "-0", "1E2"), "[1.50,-0,1E2]", '["1.50","-0","1E2"]', '["1.50","-0","1E2"]'),
    ("DS", ("1e-07", "1e+22", "-0.0"), "[1e-07,1e+22,-0.0]", '["1e-07","1e+22","-0.0"]', "[1e-07,1e+22,-0.0]"),
    ("DS", ("1e400", "+1", ""), '[1e400,"+1",null]', '["1e400","+1",null]', '["1e400","+1",null]'),
    ("DS", ("0.1234567890123456789",), *["[0.1234567890123456789]", *['["0.1234567890123456789"]'] * 2]),
    ("DS", ("9" * 30,), f"[{'9' * 30}]", f'["{"9" * 30}"]', f'["{"9" * 30}"]'),
    ("IS", ("5", "007", None), '[5,"007",null]', '["5","007",null]', '[5,"007",null]'),
    # PS3.5 6.2: an IS has no fraction and no exponent, so these are not numbers.
    ("IS", ("1.0", "1e3", "-0"), '["1.0","1e3",-0]', *['["1.0","1e3","-0"]'] * 2),
    (
        "IS",
        ("9007199254740991", "-9007199254740993"),
        *[
            "[9007199254740991,-9007199254740993]",
            '["9007199254740991","-9007199254740993"]',
            '[9007199254740991,"-9007199254740993"]',
        ],
    ),
    ("SV", (5, None), "[5,null]", '["5",null]', "[5,null]"),
    (
        "SV",
        (-(2**53), 1 - 2**53),
        *[
            "[-9007199254740992,-9007199254740991]",
            '["-9007199254740992","-9007199254740991"]',
            '["-9007199254740992",-9007199254740991]',
        ],
    ),
    ("UV", (2**64 - 1,), "[18446744073709551615]", *['["18446744073709551615"]'] * 2),
    ("UV", (EventType.ELEMENT,), "[3]", '["3"]', "[3]"),
    *((vr, (5,), *["[5]"] * 3) for vr in ["SL", "SS", "UL", "US"]),
    *((vr, (0.1,), *["[0.1]"] * 3) for vr in ["FL", "FD"]),
]


@each("in_parts", [False, True])
@each(("vr", "values", "number", "text", "auto"), NUMBERS)
def test_number_handling(vr: str, values: tuple[Any, ...], number: str, text: str, auto: str, in_parts: bool) -> None:
    events = parts(vr, some(*values)) if in_parts else [element(vr, *values)]
    for options, expected in (
        (WriteOptions(), number),
        (WriteOptions(number_handling="number"), number),
        (WriteOptions(number_handling="string"), text),
        (WriteOptions(number_handling="auto"), auto),
    ):
        written = write([START, *events, END], options=options)
        assert written == f'{{"00091001":{{"vr":"{vr}","Value":{expected}}}}}'


@each("handling", ["number", "string", "auto"])
@each("text", ["9" * 1001, "0." + "1" * 1000, "-" + "9" * 1000, "1e" + "0" * 999])
def test_too_long_number_is_written_as_text(text: str, handling: Any) -> None:
    for vr in ("DS", "IS"):
        for events in ([element(vr, "1", text)], parts(vr, some("1", text))):
            written = write([START, *events, END], options=WriteOptions(number_handling=handling))
            assert f',"{text}"]' in written
            parser = JsonParser(options=ReadOptions(on_deviation=lambda _: None))
            assert len(parser.feed(written.encode())) >= 3
            assert parser.close() == []


@each(("handling", "expected"), [("number", [1234, 123, "12345"]), ("auto", [1234, 123, "12345"])])
def test_length_of_numbers_is_an_option(handling: Any, expected: list[Any]) -> None:
    options = WriteOptions(number_handling=handling, limits=Limits(number_length=4))
    for vr in ("DS", "IS"):
        written = write([START, element(vr, "1234", "123", "12345"), END], options=options)
        assert json.loads(written)["00091001"]["Value"] == expected


def test_number_is_written_as_number_up_to_the_bound() -> None:
    for text in ("9" * 1000, "0." + "1" * 998):
        assert f"[{text}]" in write([START, element("DS", text), END])


@each("text", ["0", "-1", "1.5", "1e-07", "123456789012345", "0.1", "1e22", "5E-324", "1.0", "00"])
def test_auto_writes_a_number_only_if_its_text_survives(text: str) -> None:
    [value] = json.loads(write([START, element("DS", text), END], options=WriteOptions(number_handling="auto")))[
        "00091001"
    ]["Value"]
    assert str(value) == text


@each("handling", ["number", "string", "auto"])
@each(("vr", "value"), [("DS", 1), ("IS", 1.5), ("SV", "1"), ("UV", 1.5), ("US", "1"), ("DS", b"1")])
def test_invalid_number_is_refused_with_any_handling(vr: str, value: Any, handling: Any) -> None:
    error = refused([START, element(vr, value)], options=WriteOptions(number_handling=handling))
    assert f"for VR {vr}, found {type(value).__name__}" in error.message
    assert error.location.tag_path == "00091001"


NAN, INFINITY = float("nan"), float("inf")


@each("vr", ["FL", "FD"])
@each(
    ("values", "names", "nulls"),
    [
        ((1.5, NAN, INFINITY, -INFINITY), '[1.5,"NaN","Infinity","-Infinity"]', "[1.5,null,null,null]"),
        ((NAN, NAN), '["NaN","NaN"]', "[null,null]"),
        ((None, INFINITY), '[null,"Infinity"]', "[null,null]"),
        ((NAN,), '["NaN"]', ""),  # PS3.18 F.2.5: an empty attribute has no Value
    ],
)
def test_nonfinite_numbers(vr: str, values: tuple[Any, ...], names: str, nulls: str) -> None:
    for options, expected in (
        (WriteOptions(), names),
        (WriteOptions(nonfinite="string"), names),
        (WriteOptions(nonfinite="null"), nulls),
    ):
        member = f',"Value":{expected}' if expected else ""
        assert write([START, element(vr, *values), END], options=options) == f'{{"00091001":{{"vr":"{vr}"{member}}}}}'
    error = refused([START, element(vr, *values)], options=WriteOptions(nonfinite="error"))
    assert "NaN or an infinity" in error.message
    assert error.location == Location(None, 0, "00091001")


def test_nonfinite_option_does_not_change_other_values() -> None:
    for nonfinite in ("string", "null", "error"):
        options = WriteOptions(nonfinite=nonfinite)
        events = [element("FD", 1.5, None, 2), element("DS", "NaN", tag=NEXT)]
        assert write([START, *events, END], options=options) == (
            '{"00091001":{"vr":"FD","Value":[1.5,null,2.0]},"00091002":{"vr":"DS","Value":["NaN"]}}'
        )


def test_character_set_is_kept_or_utf_8() -> None:
    charset = 0x00080005
    items = sequence([element("CS", "ISO_IR 101", tag=charset)], [element("CS", tag=charset)], tag=SEQ)
    events = [START, element("CS", "", "ISO 2022 IR 87", tag=charset), *items, END]
    kept = (
        '{"00080005":{"vr":"CS","Value":[null,"ISO 2022 IR 87"]},"00081140":{"vr":"SQ","Value":['
        '{"00080005":{"vr":"CS","Value":["ISO_IR 101"]}},{"00080005":{"vr":"CS"}}]}}'
    )
    utf_8 = (
        '{"00080005":{"vr":"CS","Value":["ISO_IR 192"]},"00081140":{"vr":"SQ","Value":['
        '{"00080005":{"vr":"CS","Value":["ISO_IR 192"]}},{"00080005":{"vr":"CS"}}]}}'
    )
    assert write(events) == kept
    assert write(events, options=WriteOptions(character_set="utf-8")) == utf_8
    in_parts = [START, *parts("CS", some("ISO_IR 101"), tag=charset), element("LO", "a"), END]
    assert write(in_parts, options=WriteOptions(character_set="utf-8")) == (
        '{"00080005":{"vr":"CS","Value":["ISO_IR 192"]},"00091001":{"vr":"LO","Value":["a"]}}'
    )
    assert '"ISO_IR 101"' in write(in_parts)


# --- options: keys, and members beside vr ------------------------------------------------------------------

ID, ROWS, OVERLAY, BLANK = 0x00100020, 0x00280010, 0x60000010, 0x00189445
EVERY_FORM: list[tuple[str, list[Event], str]] = [
    ("element", [element("LO", "a", tag=ID)], ',"Value":["a"]}'),
    ("empty element", [element("LO", tag=ID)], "}"),
    ("bulk data", [bulk_data("UT", tag=ID)], ',"BulkDataURI":"uri"}'),
    ("parts", parts("UT", segment("a"), last_segment("b"), tag=ID), ',"Value":["ab"]}'),
    ("empty parts", parts("UT", tag=ID), "}"),
    ("fragments", fragments(b"a", tag=ID), ',"InlineBinary":"/v8A4AEAAABh"}'),
    ("sequence", sequence([], tag=ID), ',"Value":[{}]}'),
]


@each(("events", "rest"), cases(EVERY_FORM))
def test_keys_and_further_members_are_from_the_dictionary(events: list[Event], rest: str) -> None:
    vr = f'"vr":"{events[0][2]}"'
    for choice, key, members in (
        ({}, "00100020", vr),
        ({"keys": "keyword"}, "PatientID", vr),
        ({"keys": "camel"}, "patientID", vr),
        ({"write_keyword": True}, "00100020", f'{vr},"keyword":"PatientID"'),
        ({"write_name": True}, "00100020", f'{vr},"name":"Patient ID"'),
        (
            {"keys": "camel", "write_name": True, "write_keyword": True},
            "patientID",
            f'{vr},"keyword":"PatientID","name":"Patient ID"',
        ),
    ):
        options = WriteOptions(**choice)  # type: ignore[arg-type]
        assert write([START, *events, END], options=options) == f'{{"{key}":{{{members}{rest}}}'


def test_further_members_with_a_late_vr() -> None:
    options = WriteOptions(write_keyword=True, write_name=True)
    events = [START, *parts("OB", last_segment(b"a"), late=True, tag=ID), *parts("UT", late=True, tag=ROWS), END]
    assert write(events, options=options) == (
        '{"00100020":{"InlineBinary":"YQ==","vr":"OB","keyword":"PatientID","name":"Patient ID"},'
        '"00280010":{"vr":"UT","keyword":"Rows","name":"Rows"}}'
    )


@each(
    ("tag", "members"),
    [
        (TAG, ""),
        (0x00100001, ""),  # of a group that the dictionary knows
        (0x00090010, ""),
        (OVERLAY, ',"keyword":"OverlayRows","name":"Overlay Rows"'),  # a repeating group: there are others
        (BLANK, ',"name":"Retired-blank"'),
    ],
)
def test_tag_without_keyword_stays(tag: int, members: str) -> None:
    for keys in ("keyword", "camel"):
        options = WriteOptions(keys=keys, write_keyword=True, write_name=True)
        written = write([START, element("LO", tag=tag), *sequence(tag=0x7FE10010), END], options=options)
        assert written == f'{{"{tag:08X}":{{"vr":"LO"{members}}},"7FE10010":{{"vr":"SQ"}}}}'


def test_elements_are_in_order_of_tags_with_any_keys() -> None:
    events = [element("CS", tag=0x00080060), element("PN", tag=0x00100010), element("LO", tag=ID)]
    written = write([START, *events, END], options=WriteOptions(keys="keyword"))
    assert list(json.loads(written)) == ["Modality", "PatientName", "PatientID"]


# --- options: elements left out -----------------------------------------------------------------------------------

RETIRED = 0x00080010  # Recognition Code


@each(
    "events",
    [
        [element("SH", "a", tag=RETIRED)],
        [bulk_data("UT", tag=RETIRED)],
        parts("UT", last_segment("a"), tag=RETIRED),
        fragments(b"a", tag=RETIRED),
        sequence([element("LO", "a"), *sequence([], tag=NEXT)], [], tag=RETIRED),
        [(EventType.JSON_ELEMENT, RETIRED, "", "{}")],
    ],
    ids=["element", "bulk data", "parts", "fragments", "sequence", "JSON"],
)
def test_retired_elements_are_left_out_on_request(events: list[Event]) -> None:
    around = [START, element("CS", tag=0x00080008), *events, element("LO", "a"), END]
    assert '"00080010"' in write(around)
    assert write(around, options=WriteOptions(include_retired=False)) == (
        '{"00080008":{"vr":"CS"},"00091001":{"vr":"LO","Value":["a"]}}'
    )


@each("event", [element("LO", tag=2**32), bulk_data("OB", tag=2**32), sequence(tag=2**32)[0]])
@each(
    "options",
    [WriteOptions(), WriteOptions(include_retired=False, keys="camel", write_name=True)],
    ids=["default", "names"],
)
def test_invalid_tag_is_refused_even_if_excluded(event: Event, options: WriteOptions) -> None:
    assert "tag of 32 bits" in refused([START, event], options=options).message


def test_unknown_element_is_not_retired() -> None:
    events = [START, element("LO", tag=TAG), element("US", tag=OVERLAY), element("LO", tag=0x7FE10010), END]
    assert write(events, options=WriteOptions(include_retired=False)) == write(events)


# --- the options: documents ------------------------------------------------------------------------------------------


def test_ndjson_has_each_data_set_on_a_line() -> None:
    events = [START, element("LT", "a\nb\r\u2028"), END, START, END, START, *sequence([]), END]
    blocks: list[bytes] = []
    json_writer = JsonEmitter(blocks.append, multiple=True, trailing_newline=True)
    event_writer = JsonWriter(json_writer, lines=True)
    for event in events:
        event_writer.write(event)
    event_writer.close()
    json_writer.close()
    assert b"".join(blocks).decode() == (
        '{"00091001":{"vr":"LT","Value":["a\\nb\\r\u2028"]}}\n{}\n{"00091001":{"vr":"SQ","Value":[{}]}}\n'
    )


def test_writers_with_other_options_do_not_disturb_one_another() -> None:
    events = [START, element("DS", "1.50", tag=ID), *sequence(tag=ROWS), END]
    plain = '{"00100020":{"vr":"DS","Value":[1.50]},"00280010":{"vr":"SQ"}}'
    assert write(events) == plain
    options = WriteOptions(number_handling="string", keys="keyword")
    assert write(events, options=options) == '{"PatientID":{"vr":"DS","Value":["1.50"]},"Rows":{"vr":"SQ"}}'
    assert write(events) == plain


# --- an element in a form of its own ---------------------------------------------------------------------------------


def json_element(text: Any, tag: int = TAG) -> Event:
    return EventType.JSON_ELEMENT, tag, "", text


@each("text", ['{"vr":"US","Value":["many", 1.50]}', "5", '"\u00e9"', "null", '{ "a" : [ {} ] }'])
def test_json_element_is_written_unchanged(text: str) -> None:
    events = [START, element("LO", "a", tag=ID), json_element(text, ROWS), json_element(text, OVERLAY), END]
    assert write(events) == f'{{"00100020":{{"vr":"LO","Value":["a"]}},"00280010":{text},"60000010":{text}}}'
    options = WriteOptions(keys="keyword", write_keyword=True)
    assert f'"Rows":{text},"60000010":{text}' in write(events, options=options)
    assert json.loads(write(events, indent=2)) == json.loads(write(events))
    assert write(events, indent=2).count("\n") > 5
    assert write([START, *sequence([json_element(text)]), END]) == (
        f'{{"00091001":{{"vr":"SQ","Value":[{{"00091001":{text}}}]}}}}'
    )


def test_json_element_has_no_line_feeds() -> None:
    assert write([START, json_element('{\n"a":\r\n"\\n"}'), END]) == '{"00091001":{ "a":  "\\n"}}'


def test_json_element_of_a_group_length_is_left_out() -> None:
    assert write([START, json_element("5", 0x00020010), json_element("5", 0x00080000), json_element("5"), END]) == (
        '{"00091001":5}'
    )


@each(
    "text",
    ["", "{", "[1,]", "1 2", '{"a":NaN}', '"\ud800"', r'"\ud800"', "tru", '"a\nb"', 5, None, b"{}", '"a":1', "1,2"],
    ids=ascii,
)
def test_json_element_must_be_one_json_value(text: Any) -> None:
    error = refused([START, json_element(text, ID)])
    assert error.message in ("expected one JSON value", "expected str for JSON text")
    assert error.location == Location(None, 0, "00100020")


def test_json_element_is_in_order_of_tags() -> None:
    assert "ascending order" in refused([START, element("LO"), json_element("1")]).message


@each("array", [False, True])
def test_json_element_nests_up_to_the_limit(array: bool) -> None:
    limits = Limits(depth=12)
    options = WriteOptions(limits=limits)
    for around, depth in ((0, 11 - array), (2, 5 - array)):
        opened = [START, *[sequence([], tag=SEQ)[0], sequence([], tag=SEQ)[1]] * around]
        closed = [*[sequence([], tag=SEQ)[2], sequence([], tag=SEQ)[3]] * around, END]
        text = "[" * depth + "]" * depth
        written = write([*opened, json_element(text, ROWS), *closed], array=array, options=options)
        assert list(JsonTokenizer(limits).read([written.encode()]))
        with pytest.raises(LimitError):
            list(JsonTokenizer(limits).read([written.replace(text, f"[{text}]").encode()]))
        error = refused([*opened, json_element(f"[{text}]", ROWS)], array=array, options=options)
        assert "too deep" in error.message


def test_long_json_element_is_written() -> None:
    text = json.dumps({"vr": "LO", "Value": ["a" * 300_000, 5], "b" * 70_000: "1" * 5000})
    assert write([START, json_element(text), END]) == f'{{"00091001":{text}}}'


def test_a_subclass_of_str_is_text_that_the_innermost_loop_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    events = [START, element("UI", UID("1.2")), END]
    expected = b'[{"00091001":{"vr":"UI","Value":["1.2"]}}]'
    left: list[int] = []
    moves = dict(JsonWriter._moves[WriterState.DATASET])
    leave = moves[EventType.ELEMENT]

    def note(writer: Any, tag: int, vr: str, value: Any) -> None:
        left.append(tag)
        leave(writer, tag, vr, value)

    for moves[EventType.ELEMENT] in (leave, note):  # the first time the loop learns the tag
        monkeypatch.setitem(JsonWriter._moves, WriterState.DATASET, moves)
        encoder = EventEncoder()
        assert b"".join([*encoder.encode(events), encoder.close()]) == expected
    assert not left
