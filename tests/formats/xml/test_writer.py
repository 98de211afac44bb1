"""The writer of the Native DICOM Model: its exact text, and its errors."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from typing import Any

import pytest

import streamdicom
from streamdicom.deviations import DeviationWarning
from streamdicom.dicom import VRS
from streamdicom.errors import OutputError
from streamdicom.events import Event, EventType
from streamdicom.formats.xml import XmlWriter
from streamdicom.limits import Limits
from streamdicom.options import ReadOptions, WriteOptions
from tests.formats.json.reading import (
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
from tests.formats.xml.reading import NAMESPACE, read_oddly, read_well
from tests.support.each import each
from tests.support.memory import peak

_START = f'<?xml version="1.0" encoding="UTF-8"?>\n<NativeDicomModel xmlns="{NAMESPACE}" xml:space="preserve">'  # A.1.5
_END = "</NativeDicomModel>\n"


def _written(events: Iterable[Event], indent: int | str | None = None, **options: Any) -> str:
    blocks: list[bytes] = []
    writer = XmlWriter(blocks.append, indent=indent, options=WriteOptions(**options))
    writer.write_all(events)
    writer.close()
    return b"".join(blocks).decode()


def _attribute(event: Event, **options: Any) -> str:
    """Return the text of an attribute after ``vr=``."""
    start = '<DicomAttribute tag="00091001" vr='
    text = _written(in_dataset([event]), **options)
    assert text.startswith(_START + start)
    assert text.endswith(_END)
    assert read_well(text) == shown(in_dataset([event]))
    return text.removeprefix(_START + start).removesuffix(_END)


_ELEMENTS = [
    ("empty", element("LO"), '"LO"></DicomAttribute>'),
    ("text", element("LO", "a"), '"LO"><Value number="1">a</Value></DicomAttribute>'),
    # the example of PS3.19 A.1.5
    (
        "empty-value",
        element("CS", "MPG", None, "XR3"),
        '"CS"><Value number="1">MPG</Value><Value number="2"/><Value number="3">XR3</Value></DicomAttribute>',
    ),
    (
        "markup",
        element("LT", "<&>\"'\t\r\n]]>é\u2028"),
        '"LT"><Value number="1">&lt;&amp;&gt;"\'\t&#13;\n]]&gt;é\u2028</Value></DicomAttribute>',
    ),
    ("decimal", element("DS", "1.0000", "1e400"), None),
    (
        "integer",
        element("SV", -(2**63), None),
        '"SV"><Value number="1">-9223372036854775808</Value><Value number="2"/>',
    ),
    (
        "float",
        element("FD", 1.5, float("nan"), float("inf"), float("-inf")),
        '"FD"><Value number="1">1.5</Value><Value number="2">NaN</Value><Value number="3">INF</Value>'
        '<Value number="4">-INF</Value>',
    ),
    ("zero", element("US", 0), '"US"><Value number="1">0</Value></DicomAttribute>'),
    ("tag", element("AT", 0x0018106A), '"AT"><Value number="1">0018106A</Value></DicomAttribute>'),
    ("binary", element("OW", b"\1\2\3\4"), '"OW"><InlineBinary>AQIDBA==</InlineBinary></DicomAttribute>'),
    (
        "name",
        element("PN", ("Doe^Jane", "", "x")),
        '"PN"><PersonName number="1"><Alphabetic><FamilyName>Doe</FamilyName><GivenName>Jane</GivenName></Alphabetic>'
        "<Phonetic><FamilyName>x</FamilyName></Phonetic></PersonName></DicomAttribute>",
    ),
    (
        "components",
        element("PN", ("a^b^c^d^e^f", "", "")),
        '"PN"><PersonName number="1"><Alphabetic><FamilyName>a</FamilyName><GivenName>b</GivenName>'
        "<MiddleName>c</MiddleName><NamePrefix>d</NamePrefix><NameSuffix>e^f</NameSuffix></Alphabetic>",
    ),
    (
        "empty-components",
        element("PN", ("^^^^", "", ""), None, ("a^", "", "")),
        '"PN"><PersonName number="1"><Alphabetic><NameSuffix/></Alphabetic></PersonName><PersonName number="2"/>'
        '<PersonName number="3"><Alphabetic><FamilyName>a</FamilyName><GivenName/></Alphabetic></PersonName>',
    ),
    (
        "uri",
        bulk_data("OW", 'http://a/?b&"c"'),
        '"OW"><BulkData uri="http://a/?b&amp;&quot;c&quot;"/></DicomAttribute>',
    ),
    ("uuid", bulk_data("UT", "urn:uuid:f6586190"), '"UT"><BulkData uuid="f6586190"/></DicomAttribute>'),
]


@each(("event", "expected"), cases(_ELEMENTS))
def test_elements_are_written(event: Event, expected: str | None) -> None:
    assert _attribute(event).startswith(expected or '"DS"><Value number="1">1.0000</Value>')


def test_single_empty_value_is_left_out() -> None:
    for event in (element("LO", None), element("US", None), element("PN", ("", "", "")), element("OB", b"")):
        assert "><" in _written(in_dataset([event])).partition("vr=")[2].partition("</")[0] + "<"
        assert read_well(_written(in_dataset([event]))) == shown(in_dataset([element(event[2])]))


def test_elements_have_keywords() -> None:
    text = _written(in_dataset([element("PN", tag=0x00100010), element("US", 1, tag=0x60000010)]))
    assert '<DicomAttribute tag="00100010" vr="PN" keyword="PatientName"></DicomAttribute>' in text
    assert '<DicomAttribute tag="60000010" vr="US" keyword="OverlayRows">' in text


def test_items_are_numbered() -> None:
    text = _written(in_dataset(sequence([element("LO", "a", tag=0x00100020)], [], tag=0x00081140)))
    assert text == (
        f'{_START}<DicomAttribute tag="00081140" vr="SQ" keyword="ReferencedImageSequence"><Item number="1">'
        '<DicomAttribute tag="00100020" vr="LO" keyword="PatientID"><Value number="1">a</Value></DicomAttribute>'
        f'</Item><Item number="2"></Item></DicomAttribute>{_END}'
    )


def test_each_data_set_is_one_document() -> None:
    assert _written([*in_dataset([]), *in_dataset([], 1)]) == (_START + _END) * 2
    assert _written([]) == ""


def test_private_elements_have_their_creator_instead_of_block() -> None:
    events = [
        element("LO", 'A "&', tag=0x00090010),
        element("LO", "B", tag=0x00090011),
        element("LO", "B", tag=0x00090020),
        element("LO", "a", tag=0x00091001),
        *sequence([element("LO", "C", tag=0x00090010), element("SH", "c", tag=0x00091001)], tag=0x00091002),
        element("UN", b"b", tag=0x00091101),
        element("LO", "d", tag=0x00093001),
        (EventType.BULK_DATA, 0x000B1001, "OB", "x"),
    ]
    text = _written(in_dataset(events))
    assert read_well(text) == shown(in_dataset(events))
    for part in (
        '<DicomAttribute tag="00090010" vr="LO"><Value number="1">A "&amp;</Value>',
        '<DicomAttribute tag="00090001" vr="LO" privateCreator="A &quot;&amp;"><Value number="1">a<',
        '<DicomAttribute tag="00090002" vr="SQ" privateCreator="A &quot;&amp;"><Item',
        '<DicomAttribute tag="00090001" vr="SH" privateCreator="C"><Value number="1">c<',
        '<DicomAttribute tag="00091101" vr="UN" privateCreator="B"><Inline',  # of a creator with two blocks
        '<DicomAttribute tag="00093001" vr="LO"><Value',  # not reserved
        '<DicomAttribute tag="000B1001" vr="OB"><BulkData',
    ):
        assert part in text


def test_indent_does_not_change_text() -> None:
    events = in_dataset(
        [
            *sequence([element("LO", "a\nb", None, tag=0x00100020)], tag=0x00081140),
            start_parts("LT"),
            *segments("LT", "<x", "y"),
            end_parts("LT"),
            element("PN", ("a^", "", ""), tag=0x00100010),
        ]
    )
    lines = _written(events, indent=1).splitlines()[1:]
    assert [line.partition(" tag=")[0] for line in lines] == [
        f'<NativeDicomModel xmlns="{NAMESPACE}" xml:space="preserve">',
        " <DicomAttribute",
        '  <Item number="1">',
        "   <DicomAttribute",
        '    <Value number="1">a',
        "b</Value>",
        '    <Value number="2"/>',
        "   </DicomAttribute>",
        "  </Item>",
        " </DicomAttribute>",
        " <DicomAttribute",
        '  <Value number="1">&lt;xy</Value>',
        " </DicomAttribute>",
        " <DicomAttribute",
        '  <PersonName number="1">',
        "   <Alphabetic>",
        "    <FamilyName>a</FamilyName>",
        "    <GivenName/>",
        "   </Alphabetic>",
        "  </PersonName>",
        " </DicomAttribute>",
        "</NativeDicomModel>",
    ]
    assert read_well(_written(events, indent="\t")) == read_well(_written(events))


def test_long_values_are_written_in_segments() -> None:
    parts = [start_parts("LO"), some("LO", "a", None), *segments("LO", "b&", "c"), some("LO", "d"), end_parts("LO")]
    text = _written(in_dataset(parts))
    assert read_well(text) == shown(in_dataset([element("LO", "a", None, "b&c", "d")]))
    parts = [start_parts("OB"), *segments("OB", b"\0", b"\1\2\3", b"\4"), end_parts("OB")]
    assert "<InlineBinary>AAECAwQ=</InlineBinary>" in _written(in_dataset(parts))
    assert read_well(_written(in_dataset([start_parts("OB"), end_parts("OB")]))) == shown(in_dataset([element("OB")]))


@each(
    ("vr", "pieces", "numbers"),
    [
        ("UC", [some("UC", None)], []),
        ("UC", [some("UC")], []),
        ("UC", [*segments("UC", "", "")], []),
        ("OB", [*segments("OB", b"", b"")], []),
        ("PN", [some("PN", ("", "", ""))], []),
        ("UC", [some("UC", None), some("UC", "")], ["1/", "2/"]),
        ("UC", [some("UC", None), *segments("UC", "", "")], ["1/", "2/"]),
        ("UC", [some("UC", None), some("UC"), some("UC", "a", None)], ["1/", "2", "3/"]),
        ("UC", [*segments("UC", ""), *segments("UC", "a")], ["1/", "2"]),
        ("UC", [*segments("UC", "a"), *segments("UC", ""), some("UC", None)], ["1", "2/", "3/"]),
        ("US", [some("US", *[None] * 3000), some("US", 1)], [*(f"{n}/" for n in range(1, 3001)), "3001"]),
    ],
)
@each("indent", [None, 1])
def test_single_empty_value_in_parts_is_left_out(
    vr: str, pieces: list[Event], numbers: list[str], indent: int | None
) -> None:
    element_in_parts = [start_parts(vr), *pieces, end_parts(vr)]
    text = _written(in_dataset([*element_in_parts, element("LO", "b", tag=TAG + 1)]), indent=indent)
    first = text.partition("</DicomAttribute>")[0]
    assert "InlineBinary" not in first
    assert [part.partition(">")[0].replace('"', "") for part in first.split(" number=")[1:]] == numbers


def test_fragments_become_one_value_with_items() -> None:
    def fragment(data: bytes) -> list[Event]:
        return [(EventType.START_FRAGMENT, TAG, "OB", len(data)), (EventType.LAST_SEGMENT, TAG, "OB", data)]

    start, end = (EventType.START_FRAGMENTS, TAG, "OB", None), (EventType.END_FRAGMENTS, TAG, "OB", None)
    text = _written(in_dataset([start, *fragment(b""), *fragment(b"abcd"), end]))
    items = b"\xfe\xff\x00\xe0\0\0\0\0\xfe\xff\x00\xe0\4\0\0\0abcd"  # PS3.5 A.4
    assert read_well(text) == shown(in_dataset([element("OB", items)]))
    assert read_well(_written(in_dataset([start, end]), indent=2)) == shown(in_dataset([element("OB")]))


def test_json_element_becomes_text() -> None:
    event = (EventType.JSON_ELEMENT, TAG, "US", '{"vr":"US","Value":["many",true]}')
    kept = '{"vr":"US","Value":["many",true]}'
    assert read_well(_written(in_dataset([event]))) == shown(in_dataset([element("UT", kept)]))


@each(
    "text",
    [
        '{"vr":"US","Value":["many",1.50,null]}',
        '{"vr":"US","Value":["a\\r\\n\\t<&>"]}',
        '{"vr":"XX","Value":["a",null]}',
        '{"vr":"\\"<","Value":["a"]}',
        '{"Value":["a"]}',
        '{"vr":"LO","Value":[{"Alphabetic":"a^b^^^^c","Phonetic":"d"}]}',
        '{"vr":"PN","Value":["a=b=c=d"]}',
        '{"vr":"OB","InlineBinary":"A"}',
        '{"vr":"LO","BulkDataURI":"a&b"}',
        '{"vr":"LO","BulkDataURI":"urn:uuid:1"}',
        '{"vr":"LO","BulkDataURI":"urn:uuid:"}',
    ],
)
@each("indent", [None, 2])
def test_json_element_with_a_form_in_xml_is_kept(text: str, indent: int | None) -> None:
    vr = json.loads(text).get("vr", "")
    events = in_dataset([(EventType.JSON_ELEMENT, TAG, vr if vr in VRS else "", text)])
    assert read_oddly(_written(events, indent), ReadOptions(on_error="keep"))[0] == shown(events)


@each(
    "text",
    [
        '"a"',
        "[]",
        '{"vr":"US"}',
        '{"vr":"US","Value":"many"}',
        '{"vr":"US","Value":["1"]}',
        '{"vr":"LO","Value":[1]}',
        '{"vr":"US","Value":[[1]]}',
        '{"vr":"US","Value":[""]}',
        '{"vr":"US", "Value":["many"]}',
        '{"vr":"US","Value":["a\\u001b"]}',
        '{"vr":5,"Value":["a"]}',
        '{"vr":"OB","InlineBinary":""}',
        '{"vr":"US","Value":["a"],"x":1}',
        "[" * 5000,
    ],
)
def test_other_json_element_becomes_text_or_bytes(text: str) -> None:
    [_, (_, _, vr, _), _] = read_well(_written(in_dataset([(EventType.JSON_ELEMENT, TAG, "", text)])))
    assert vr == ("OB" if "InlineBinary" in text else "UT")


_UNWRITABLE = [
    (element("LO", "a\x1b$B", "b"), b"a\x1b$B\\b"),
    (element("LT", "a\0", tag=0x00104000), b"a\0"),
    (element("PN", ("a\x01", "", "é")), "a\x01==é".encode()),
    (element("UT", "\ud800"), b"\xed\xa0\x80 "),
    (element("CS", "\x1b", tag=0x00080005), b""),
    (element("LO", "\x1b", tag=0x00090010), b"\x1b "),
]


@each(("event", "data"), _UNWRITABLE)
def test_character_that_xml_lacks_costs_its_element(event: Event, data: bytes) -> None:
    tag = event[1]
    after = element("LO", "a", tag=0x00500010)
    events = in_dataset([event, after])
    with pytest.raises(OutputError, match="expected text for XML") as caught:
        _written(events)
    assert caught.value.location.tag_path == f"{tag:08X}"
    with pytest.warns(DeviationWarning, match=f"unwritable-text: .* found a control .*{tag:08X}"):
        text = _written(events, on_error="skip")
    assert read_well(text) == shown(in_dataset([after]))
    with pytest.warns(DeviationWarning, match=f"{tag:08X}"):
        text = _written(events, indent=2, on_error="keep")
    kept = element("UN", *([data] if data else []), tag=tag)
    assert read_well(text) == shown(in_dataset([kept, after]))


@pytest.mark.filterwarnings("ignore")
def test_private_elements_of_a_creator_that_xml_lacks_keep_their_block() -> None:
    private = element("LO", "a")
    text = _written(in_dataset([element("LO", "\x1b", tag=0x00090010), private]), on_error="skip")
    assert read_well(text) == shown(in_dataset([private]))


def test_options_choose_the_elements() -> None:
    events = [
        element("UI", "1.2", tag=0x00020010),
        element("UL", 8, tag=0x00080000),
        element("CS", "ISO_IR 100", tag=0x00080005),
        element("LO", "a", tag=0x00080040),
        element("LO", "a", tag=0x00100020),
    ]
    tags = ["CS", "LO", "LO"]
    assert [event[2] for event in read_well(_written(in_dataset(events)))[1:-1]] == tags
    written = _written(in_dataset(events), file_meta=True)
    assert [event[2] for event in read_oddly(written)[0][1:-1]] == ["UI", *tags]
    assert "00080040" not in _written(in_dataset(events), include_retired=False)
    assert ">ISO_IR 192</Value>" in _written(in_dataset(events), character_set="utf-8")
    parts = [(EventType.START_ELEMENT, 0x00080005, "CS", None), *segments("CS", "a", "b"), end_parts("CS")]
    assert ">ISO_IR 192</Value>" in _written(in_dataset(parts), character_set="utf-8")
    left_out = [(EventType.START_ELEMENT, 0x00080040, "LO", None), *segments("LO", "a", "b"), end_parts("LO")]
    assert _written(in_dataset(left_out), include_retired=False) == _START + _END
    retired = 0x00080040
    left_out = [*sequence([element("LO", "a")], tag=retired)]
    assert _written(in_dataset(left_out), include_retired=False) == _START + _END
    left_out = [(EventType.START_FRAGMENTS, retired, "OB", None), (EventType.END_FRAGMENTS, retired, "OB", None)]
    assert _written(in_dataset(left_out), include_retired=False) == _START + _END


# --- errors ------------------------------------------------------------------------------------------------------

_FRAGMENT = [(EventType.START_FRAGMENTS, TAG, "OB", None), (EventType.START_FRAGMENT, TAG, "OB", 2)]
_ERRORS = [
    ("control", [element("LO", "a\x1fb")], "expected text for XML 1.0"),
    ("null", [element("LT", "a\0")], "expected text for XML 1.0"),
    ("surrogate", [element("LO", "\ud800")], "expected text for XML 1.0"),
    ("noncharacter", [element("LO", "\uffff")], "expected text for XML 1.0"),
    ("in-name", [element("PN", ("a\x01", "", ""))], "expected text for XML 1.0"),
    ("in-uri", [bulk_data("OB", "a\x01")], "expected text for XML 1.0"),
    ("in-segment", [start_parts("LT"), *segments("LT", "a", "\x0c")], "expected text for XML 1.0"),
    ("order", [element("LO", tag=TAG + 1), element("LO")], "00091001 after 00091002"),
    ("twice", [element("LO"), element("LO")], "00091001 after 00091001"),
    ("order-of-standard", [element("LO", tag=0x00100020), element("LO", tag=0x00100020)], "ascending order"),
    ("vr", [element("XX", "a")], "expected a VR"),
    ("sequence", [element("SQ")], "expected a VR"),
    ("number-for-text", [element("LO", 1)], "expected str for VR LO, found int"),
    *((f"zero-for-{vr}", [element(vr, 0)], f"expected str for VR {vr}, found int") for vr in ("LO", "DS", "IS", "UT")),
    ("zero-among-text", [element("LO", "a", 0)], "expected str for VR LO, found int"),
    ("no-bytes-for-text", [element("LO", b"")], "found bytes"),
    ("no-text-for-number", [element("US", "")], "expected int for VR US, found str"),
    ("no-text-for-float", [element("FD", "")], "expected float for VR FD, found str"),
    ("no-text-for-bytes", [element("OB", "")], "expected bytes for VR OB, found str"),
    ("zero-for-bytes", [element("OB", 0)], "expected bytes for VR OB, found int"),
    ("no-text-for-name", [element("PN", "")], "three str for VR PN, found str"),
    ("zero-in-name", [element("PN", (0, "", ""))], "three str for VR PN, found other parts"),
    ("bytes-for-text", [element("LO", b"a")], "found bytes"),
    ("text-for-number", [element("US", "1")], "found str"),
    ("text-for-name", [element("PN", "Doe")], "found str"),
    ("text-for-bytes", [element("OB", "a")], "found str"),
    ("two-binary", [element("OB", b"a", b"b")], "one binary value"),
    ("large-tag", [element("AT", 2**32)], "32 bits"),
    ("bulk-data", [bulk_data("LO", "a")], "BulkData \\(PS3.18 F.2.2\\), found LO"),
    ("no-uri", [bulk_data("OB", "")], "expected a URI"),
    ("late-vr", [start_parts("")], "expected the VR at the start"),
    ("other-vr", [start_parts("LO"), end_parts("SH")], "expected VR LO as at the start"),
    ("text-segment", [start_parts("OB"), *segments("OB", "a", "b")], "VR OB, found a segment of text"),
    ("bytes-segment", [start_parts("LO"), *segments("LO", b"a", b"b")], "VR LO, found bytes"),
    ("mixed", [start_parts("LO"), *segments("LO", "a", b"b")], "expected a segment of str"),
    ("values-of-binary", [start_parts("OB"), some("OB", b"a")], "expected a binary value for VR OB"),
    ("two-long-binary", [start_parts("OB"), *segments("OB", b"a"), *segments("OB", b"a")], "one binary value"),
    ("item", [(EventType.START_ITEM, TAG, "SQ", 0)], "expected an element or END_DATASET, found START_ITEM"),
    ("end-item", [(EventType.END_ITEM, TAG, "SQ", None)], "expected an element or END_DATASET, found END_ITEM"),
    (
        "in-sequence",
        [(EventType.START_SEQUENCE, TAG, "SQ", None), element("LO")],
        "START_ITEM or END_SEQUENCE, found ELEMENT",
    ),
    (
        "end-in-item",
        [(EventType.START_SEQUENCE, TAG, "SQ", None), (EventType.START_ITEM, TAG, "SQ", 0), in_dataset([])[1]],
        "expected an element or END_ITEM, found END_DATASET",
    ),
    ("no-segment", [start_parts("LO"), (EventType.SEGMENT, TAG, "LO", 1)], "str or bytes, found int"),
    (
        "long-fragment",
        [*_FRAGMENT, (EventType.SEGMENT, TAG, "OB", b"abc")],
        "2 bytes, found more",
    ),
    ("short-fragment", [*_FRAGMENT, (EventType.LAST_SEGMENT, TAG, "OB", b"a")], "2 bytes, found 1"),
    ("text-in-fragment", [*_FRAGMENT, (EventType.SEGMENT, TAG, "OB", "a")], "expected a fragment of bytes"),
    ("vr-of-element", [element("SQ", "a")], "expected a VR"),
    ("name-for-number", [element("AT", "0010")], "expected int for VR AT, found str"),
    ("no-event", [(99, TAG, "LO", None)], "found an unknown event type"),
    ("fragments", [(EventType.START_FRAGMENTS, TAG, "LO", None)], "for fragments, found LO"),
    (
        "fragment",
        [(EventType.START_FRAGMENTS, TAG, "OB", None), (EventType.START_FRAGMENT, TAG, "OB", None)],
        "length of a fragment in bytes, found NoneType",
    ),
    ("json", [(EventType.JSON_ELEMENT, TAG, "", None)], "JSON text"),
]


@each("indent", [None, 2])
@each(("events", "message"), cases(_ERRORS))
def test_error_has_message_and_path(events: list[Event], message: str, indent: int | None) -> None:
    blocks: list[bytes] = []
    writer = XmlWriter(blocks.append, indent=indent)
    writer.write_all(in_dataset([])[:1])
    with pytest.raises(OutputError, match=message) as caught:
        writer.write_all(events)
    assert caught.value.location.dataset_index == 0
    assert caught.value.location.tag_path or events[-1][0] in (EventType.START_ITEM, EventType.END_ITEM)
    for again in (lambda: writer.write_all([]), writer.close):
        with pytest.raises(OutputError):
            again()


def test_open_or_missing_data_set_is_an_error() -> None:
    writer = XmlWriter(len)
    writer.write(in_dataset([])[0])
    with pytest.raises(OutputError, match="not complete"):
        writer.close()
    writer = XmlWriter(len, array=False)
    with pytest.raises(OutputError, match="expected one data set"):
        writer.close()
    writer.write_all(in_dataset([]))
    with pytest.raises(OutputError, match="found a second one"):
        writer.write_all(in_dataset([]))


def test_nesting_depth_is_limited() -> None:
    deep = [(EventType.START_SEQUENCE, TAG, "SQ", None), (EventType.START_ITEM, TAG, "SQ", 0)] * 4
    writer = XmlWriter(len, options=WriteOptions(limits=Limits(depth=13)))
    with pytest.raises(OutputError, match="more than 3 nested sequences"):
        writer.write_all([*in_dataset([])[:1], *deep])


# --- blocks ------------------------------------------------------------------------------------------------------


def test_sink_gets_blocks_and_flushed_text() -> None:
    blocks: list[bytes] = []
    writer = XmlWriter(blocks.append)
    writer.write_all([*in_dataset([])[:1], element("LO", "a")])
    assert blocks == []
    writer.flush()
    assert blocks[0].endswith(b"</DicomAttribute>")
    writer.flush()
    assert len(blocks) == 1
    parts = [start_parts("OB"), *segments("OB", *[bytes(48 * 1024)] * 10), end_parts("OB")]
    writer.write_all([(EventType.START_ELEMENT, TAG + 1, "OB", None), *parts[1:]])
    assert len(blocks) == 11
    writer.write_all([element("LO", "a" * 64, tag=0x00100020 + 16 * number) for number in range(2000)])
    assert len(blocks) > 13
    assert max(map(len, blocks)) < 80 * 1024


@pytest.mark.slow
def test_memory_is_independent_of_number_and_length_of_elements() -> None:
    def events() -> Iterable[Event]:
        for index in range(200):
            yield (EventType.START_DATASET, 0, "", index)
            yield from [element("LO", "a" * 64, tag=0x00100020), (EventType.START_ELEMENT, 0x00104000, "LT", None)]
            yield from [(EventType.SEGMENT, 0x00104000, "LT", "a" * 65536)] * 4
            yield from [(EventType.LAST_SEGMENT, 0x00104000, "LT", ""), end_parts("LT")]
            yield (EventType.END_DATASET, 0, "", None)

    def write() -> None:
        writer = XmlWriter(len)
        writer.write_all(events())
        writer.close()

    write()
    assert peak(write) < 1024 * 1024


# --- late vr in JSON --------------------------------------------------------------------------------------------


@each(
    ("member", "expected"),
    [
        (f'"InlineBinary":"{"AAAA" * 50_000}"', element("OW", bytes(150_000))),
        (f'"Value":["a",null,"{"b" * 100_000}","é"]', element("UC", "a", None, "b" * 100_000, "é")),
    ],
)
def test_long_value_with_late_vr_in_json_is_written(member: str, expected: Event) -> None:
    target = io.BytesIO()
    text = f'{{"00091001":{{{member},"vr":"{expected[2]}"}},"00100020":{{"vr":"LO","Value":["17"]}}}}'
    events = streamdicom.iter_events(text.encode())
    streamdicom.write_events(events, target, format="xml")
    long = streamdicom.ReadOptions(limits=Limits(segment_size=1_000_000))
    both = [expected, element("LO", "17", tag=0x00100020)]
    assert shown(streamdicom.iter_events(target.getvalue(), options=long)) == shown(in_dataset(both))
