"""The parser of the Native DICOM Model, with every document cut in many ways."""

from __future__ import annotations

import pytest

from streamdicom.errors import DicomXmlError, InputError, LimitError, TruncatedError, XmlSyntaxError
from streamdicom.formats.xml import XmlParser
from streamdicom.limits import Limits
from streamdicom.options import ReadOptions
from tests.formats.json.reading import (
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
    DECLARATION,
    NAMESPACE,
    attribute,
    document,
    read_badly,
    read_every_way,
    read_oddly,
    read_well,
    values,
)
from tests.support.each import each
from tests.support.memory import peak

_SMALL = ReadOptions(limits=SMALL)


def _name(*groups: str, number: int = 1) -> str:
    return f'<PersonName number="{number}">{"".join(groups)}</PersonName>'


# --- values ------------------------------------------------------------------------------------------------------

_VALUES = [
    ("text", "LO", values("a"), ("a",)),
    ("space", "LO", values(" a\tb "), (" a\tb ",)),
    ("lines", "LT", values("a\nb\r\nc&#13;d"), ("a\nb\nc\rd",)),  # XML 1.0, section 2.11
    ("markup", "LO", values("&lt;&amp;&gt;&#x41;&quot;<![CDATA[<]]>"), ('<&>A"<',)),
    ("comment", "LO", values("a<!-- b -->c<?d e?>"), ("ac",)),
    ("beyond-ascii", "LO", values("é山😀&#x1F600;"), ("é山😀😀",)),
    ("empty-among-others", "CS", values("MPG", "", "XR3"), ("MPG", None, "XR3")),  # PS3.19 A.1.5
    ("none", "LO", "", ()),
    ("white-space", "LO", "\n \t", ()),
    ("two-empty", "LO", values("", ""), (None, None)),
    ("left-out", "LO", '<Value number="2">b</Value><Value number="5">e</Value>', (None, "b", None, None, "e")),
    ("decimal", "DS", values("1.0000", "-1e400", " 7 "), ("1.0000", "-1e400", " 7 ")),
    ("integer", "US", values("0", " 65535\n", "+1"), (0, 65535, 1)),
    ("long", "SV", values("-9223372036854775808", "9007199254740993"), (-(2**63), 2**53 + 1)),
    ("float", "FD", values("1.5", "-1E-300", "1", " .5 "), (1.5, -1e-300, 1.0, 0.5)),
    ("nonfinite", "FL", values("NaN", "INF", "-INF"), (float("nan"), float("inf"), float("-inf"))),
    ("number-among-others", "US", values("1", ""), (1, None)),
    ("tag", "AT", values("0018106A", " 00181063\n"), (0x0018106A, 0x00181063)),
    ("whole-float", "US", values("5.0", "1e3"), (5, 1000)),
    ("backslash-in-long-text", "LT", values(r"a\b"), (r"a\b",)),
    ("binary", "OB", "<InlineBinary>AAEC</InlineBinary>", (b"\0\1\2",)),
    ("binary-in-lines", "OW", "<InlineBinary>\nAA\r\nEC\t AwQ=\n</InlineBinary>", (b"\0\1\2\3\4",)),
    ("no-bytes", "UN", "<InlineBinary> </InlineBinary>", ()),
    ("no-bytes-at-all", "OB", "<InlineBinary/>", ()),
]


@each(("vr", "content", "expected"), cases(_VALUES))
def test_values_are_parsed(vr: str, content: str, expected: tuple[object, ...]) -> None:
    assert read_well(document(attribute(vr, content))) == shown(in_dataset([element(vr, *expected)]))


_NAMES = [
    ("family", _name("<Alphabetic><FamilyName>Doe</FamilyName></Alphabetic>"), ("Doe", "", "")),
    (
        "all",
        _name(
            "<Alphabetic><FamilyName>a</FamilyName><GivenName>b</GivenName><MiddleName>c</MiddleName>"
            "<NamePrefix>d</NamePrefix><NameSuffix>e</NameSuffix></Alphabetic>"
        ),
        ("a^b^c^d^e", "", ""),
    ),
    ("suffix", _name("<Alphabetic><NameSuffix>e</NameSuffix></Alphabetic>"), ("^^^^e", "", "")),
    (
        "other-order",
        _name("<Phonetic><GivenName>b</GivenName><FamilyName>a</FamilyName></Phonetic>"),
        ("", "", "a^b"),
    ),
    (
        "groups",
        _name(
            "\n<Alphabetic>\n<FamilyName>Yamada</FamilyName>\n</Alphabetic>\n",
            "<Ideographic><FamilyName>山田</FamilyName></Ideographic>",
            "<Phonetic><FamilyName>やまだ</FamilyName></Phonetic>",
        ),
        ("Yamada", "山田", "やまだ"),
    ),
    ("more-than-five", _name("<Alphabetic><NameSuffix>e^f</NameSuffix></Alphabetic>"), ("^^^^e^f", "", "")),
    ("empty-suffix", _name("<Alphabetic><FamilyName>a</FamilyName><NameSuffix/></Alphabetic>"), ("a^^^^", "", "")),
]


@each(("content", "expected"), cases(_NAMES))
def test_person_names_are_parsed(content: str, expected: tuple[str, str, str]) -> None:
    assert read_well(document(attribute("PN", content))) == shown(in_dataset([element("PN", expected)]))


@each(
    ("content", "codes"),
    [
        ("", []),
        (_name(), ["empty-name"]),
        (_name("<Alphabetic/>"), ["empty-name-group", "empty-name"]),
        ("<PersonName/>", ["value-number", "empty-name"]),
    ],
)
def test_empty_person_name_is_empty_element(content: str, codes: list[str]) -> None:
    assert read_oddly(document(attribute("PN", content))) == (shown(in_dataset([element("PN")])), codes)


def test_empty_person_names_among_others_are_kept() -> None:
    one = "<Alphabetic><FamilyName>a</FamilyName></Alphabetic>"
    content = _name(one) + _name(number=2) + _name(one, number=4)
    expected = [element("PN", ("a", "", ""), None, None, ("a", "", ""))]
    assert read_well(document(attribute("PN", content))) == shown(in_dataset(expected))


# --- data sets ---------------------------------------------------------------------------------------------------


@each(
    "text",
    [
        document(attribute("LO", values("a"))),
        DECLARATION + document(attribute("LO", values("a"))),
        "\ufeff" + DECLARATION + document(attribute("LO", values("a"))),
        " \n" + DECLARATION + "\n<!-- one -->" + document("\n", attribute("LO", "\n" + values("a") + "\n")) + "\n",
        f'<NativeDicomModel xmlns="{NAMESPACE}" xml:space="preserve">{attribute("LO", values("a"))}</NativeDicomModel>',
        f'<n:NativeDicomModel xmlns:n="{NAMESPACE}">'
        f'<n:DicomAttribute tag="00091001" vr="LO"><n:Value number="1">a</n:Value></n:DicomAttribute>'
        f"</n:NativeDicomModel>",
        '<NativeDicomModel xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:noNamespaceSchemaLocation="x">'
        f"{attribute('LO', values('a'))}</NativeDicomModel>",
        document(f"<DicomAttribute vr='LO' keyword='' tag='00091001'>{values('a')}</DicomAttribute >"),
    ],
    ids=range(8),
)
def test_declarations_namespaces_and_white_space_are_accepted(text: str) -> None:
    assert read_well(text) == shown(in_dataset([element("LO", "a")]))


@each("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be", "iso-8859-1", "us-ascii"])
def test_common_encodings_are_accepted(encoding: str) -> None:
    mark = "\ufeff" if encoding in ("utf-16-le", "utf-16-be") else ""
    name = "utf-16" if mark else encoding
    text = f'{mark}<?xml version="1.0" encoding="{name}"?>{document(attribute("LO", values("é")))}\n'
    data = text.encode(encoding, errors="xmlcharrefreplace")
    assert read_well(data) == shown(in_dataset([element("LO", "é")]))
    two = shown([*in_dataset([element("LO", "é")]), *in_dataset([element("LO", "é")], 1)])
    assert read_well(data + data) == two


def test_several_documents_in_a_stream_are_parsed() -> None:
    one, empty = document(attribute("LO", values("a"))), "<NativeDicomModel/>"
    expected = [*in_dataset([element("LO", "a")]), *in_dataset([], 1), *in_dataset([element("LO", "a")], 2)]
    for between in ("", "\n", f"\n{DECLARATION}\n", "<!-- </NativeDicomModel> -->", "<?a b?> ", "\ufeff"):
        text = one + between + empty + between + one + "\n"
        assert read_well(text) == shown(expected)


def test_data_set_is_complete_with_its_last_byte() -> None:
    parser = XmlParser()
    for index in range(3):
        data = f"{DECLARATION}{document(attribute('LO', values('a')))}".encode()
        parser.feed(data[:-1])
        assert shown(parser.feed(data[-1:])) == shown([(2, 0, "", None)])
        assert parser.feed(b"\n") == []
        assert parser.bytes_consumed == (len(data) + 1) * (index + 1)


def test_items_are_parsed() -> None:
    inner = attribute("SQ", f'<Item number="1">{attribute("LO", values("a"))}</Item><Item number="2"/>')
    text = document(attribute("SQ", f'\n<Item number="1">\n{inner}\n</Item>\n'), attribute("SQ", tag="00091002"))
    nested = sequence([element("LO", "a")], [])
    assert read_well(text) == shown(in_dataset([*sequence(nested), *sequence(tag=0x00091002)]))


@each(
    ("name", "text", "uri"),
    [
        ("uri", "http://host/a?b=1&amp;c=2", "http://host/a?b=1&c=2"),
        ("uuid", "f6586190-e51d-01f1-ca5d-2f2756f08414", "urn:uuid:f6586190-e51d-01f1-ca5d-2f2756f08414"),
    ],
)
def test_bulk_data_references_are_parsed(name: str, text: str, uri: str) -> None:
    for vr in ("OW", "US", "UT"):
        content = f'<BulkData {name}="{text}"/>'
        assert read_well(document(attribute(vr, content))) == shown(in_dataset([bulk_data(vr, uri)]))


# --- private elements --------------------------------------------------------------------------------------------


def _private(tag: str, creator: str, vr: str = "LO", content: str = "") -> str:
    return attribute(vr, content or values("x"), tag, f' privateCreator="{creator}"')


_PRIVATE = [
    # PS3.19 A.1.5: tags do not include the block
    ("standard", [_private("00090001", "A")], [(0x00090010, "A"), (0x00091001, "x")]),
    (
        "with-reservation",  # as DCMTK writes it
        [attribute("LO", values("A"), "00090020"), _private("00090001", "A")],
        [(0x00090020, "A"), (0x00092001, "x")],
    ),
    (
        "two-creators",
        [_private("00090001", "A"), _private("00090002", "B"), _private("00090003", "A")],
        [(0x00090010, "A"), (0x00091001, "x"), (0x00090011, "B"), (0x00091102, "x"), (0x00091003, "x")],
    ),
    (
        "two-blocks-of-one",
        [
            attribute("LO", values("A"), "00090010"),
            attribute("LO", values("A"), "00090011"),
            _private("00090001", "A"),
            _private("00090001", "A"),
        ],
        [(0x00090010, "A"), (0x00090011, "A"), (0x00091001, "x"), (0x00091101, "x")],
    ),
    (
        "other-group",
        [_private("00090001", "A"), _private("000B0001", "A")],
        [(0x00090010, "A"), (0x00091001, "x"), (0x000B0010, "A"), (0x000B1001, "x")],
    ),
    ("block", [_private("00091201", "A")], [(0x00090012, "A"), (0x00091201, "x")]),
    (
        "block-of-another",
        [attribute("LO", values("B"), "00090012"), _private("00091201", "A")],
        [(0x00090012, "B"), (0x00090010, "A"), (0x00091001, "x")],
    ),
    (
        "reservation-after",
        [_private("00090001", "A"), attribute("LO", values("A"), "00090010")],
        [(0x00090010, "A"), (0x00091001, "x")],
    ),
    ("no-creator", [attribute("LO", values("x"), "00091001")], [(0x00091001, "x")]),
    ("no-block", [attribute("LO", values("x"), "00090001")], [(0x00090001, "x")]),
]


@each(("attributes", "expected"), cases(_PRIVATE))
def test_private_element_gets_the_block_of_its_creator(attributes: list[str], expected: list[tuple[int, str]]) -> None:
    events = [element("LO", value, tag=tag) for tag, value in expected]
    assert read_well(document(*attributes)) == shown(in_dataset(events))


def test_each_item_has_its_own_private_blocks() -> None:
    item = f'<Item number="1">{_private("00090001", "B")}</Item>'
    inner = [element("LO", "B", tag=0x00090010), element("LO", "x", tag=0x00091001)]
    text = document(_private("00090001", "A"), _private("00090002", "A", "SQ", item), _private("00090003", "A"))
    expected = [
        element("LO", "A", tag=0x00090010),
        element("LO", "x", tag=0x00091001),
        *sequence(inner, tag=0x00091002),
        element("LO", "x", tag=0x00091003),
    ]
    assert read_well(text) == shown(in_dataset(expected))


# --- long values ---------------------------------------------------------------------------------------------------


def test_long_text_is_delivered_in_segments_independent_of_cuts() -> None:
    text = document(attribute("LT", values("abcdefghijkl" * 2 + "&amp;")))
    parts = [start_parts("LT"), *segments("LT", "abcdefghijkl", "abcdefghijkl", "&"), end_parts("LT")]
    assert read_well(text, _SMALL) == shown(in_dataset(parts))
    text = document(attribute("LT", values("abcdefghijkl")))
    assert read_well(text, _SMALL) == shown(in_dataset([element("LT", "abcdefghijkl")]))


def test_long_text_among_short_values_is_delivered_in_segments() -> None:
    text = document(attribute("LO", values("a", "abcdefghijklm", "b")))
    parts = [start_parts("LO"), some("LO", "a"), *segments("LO", "abcdefghijkl", "m"), some("LO", "b"), end_parts("LO")]
    assert read_well(text, _SMALL) == shown(in_dataset(parts))


def test_many_values_are_delivered_in_parts() -> None:
    text = document(attribute("US", values(*"12345")))
    parts = [start_parts("US"), some("US", 1, 2, 3, 4), some("US", 5), end_parts("US")]
    assert read_well(text, _SMALL) == shown(in_dataset(parts))
    text = document(attribute("LO", values("abcdefg", "hijklmn", "")))
    parts = [start_parts("LO"), some("LO", "abcdefg", "hijklmn"), some("LO", None), end_parts("LO")]
    assert read_well(text, _SMALL) == shown(in_dataset(parts))


def test_many_person_names_are_delivered_in_parts() -> None:
    one = "<Alphabetic><FamilyName>abcde</FamilyName></Alphabetic>"
    names = [("abcde", "", "")] * 4
    text = document(attribute("PN", "".join(_name(one, number=number) for number in (1, 2, 3, 5))))
    parts = [start_parts("PN"), some("PN", *names[:3]), some("PN", None, names[3]), end_parts("PN")]
    assert read_well(text, _SMALL) == shown(in_dataset(parts))


def test_long_binary_value_is_delivered_in_segments() -> None:
    text = document(attribute("OB", "<InlineBinary>\nAAECAwQF\nBgcICQoL\nDA==\n</InlineBinary>"))
    parts = [
        start_parts("OB"),
        *segments("OB", bytes(range(9)), bytes(range(9, 13))),
        end_parts("OB"),
    ]
    assert read_well(text, _SMALL) == shown(in_dataset(parts))
    text = document(attribute("OB", "<InlineBinary>" + " " * 40 + "AAECAwQFBgcI</InlineBinary>"))
    assert read_well(text, _SMALL) == shown(in_dataset([element("OB", bytes(range(9)))]))


@pytest.mark.slow
def test_memory_is_independent_of_value_length() -> None:
    def read() -> None:
        parser = XmlParser()
        parser.feed(document(attribute("UT", '<Value number="1">')).partition("</Dicom")[0].encode())
        for _ in range(1000):
            for *_, value in parser.feed(b"0123456789abcdef\n" * 1000):
                assert len(value or "") <= 64 * 1024

    read()
    assert peak(read) < 1024 * 1024


# --- errors ------------------------------------------------------------------------------------------------------

_AT = f'{MARK}<DicomAttribute tag="00091001" vr='

_ERRORS = [
    # not XML
    ("text", "no XML at all", XmlSyntaxError, "syntax error"),
    ("json", '{"00100010":{"vr":"PN"}}', XmlSyntaxError, "not XML"),
    ("end-tag", f"<NativeDicomModel></{MARK}Value>", XmlSyntaxError, "mismatched tag"),
    ("control", document(attribute("LO", values(f"a{MARK}\x0c"))), XmlSyntaxError, "invalid token"),
    ("entity", document(attribute("LO", values(f"{MARK}&a;"))), XmlSyntaxError, "undefined entity"),
    ("twice", f'<NativeDicomModel><DicomAttribute tag="1" {MARK}tag="2"/></NativeDicomModel>', XmlSyntaxError, "dupl"),
    ("after-document", document() + "text", XmlSyntaxError, "syntax error"),
    ("doctype", f'<!DOCTYPE a SYSTEM "file:///etc/passwd">{document()}', XmlSyntaxError, "document type"),
    ("doctype-after", document() + f"<!DOCTYPE a []>{document()}", XmlSyntaxError, "document type"),
    ("encoding", f'{MARK}<?xml version="1.0" encoding="EBCDIC"?>{document()}', XmlSyntaxError, "encoding"),
    ("no-part-of-8859", f'{MARK}<?xml version="1.0" encoding="ISO-8859-12"?>{document()}', XmlSyntaxError, "encoding"),
    ("encoding-of-python", f'{MARK}<?xml version="1.0" encoding="cp1252"?>{document()}', XmlSyntaxError, "encoding"),
    # not the Native DICOM Model
    ("root", f"{MARK}<a/>", DicomXmlError, "expected NativeDicomModel, found another"),
    ("namespace", f'{MARK}<NativeDicomModel xmlns="urn:a"/>', DicomXmlError, "found another element"),
    ("dcmtk", f"{MARK}<file-format><data-set/></file-format>", DicomXmlError, "found another element"),
]


@each(("text", "kind", "message"), cases(_ERRORS))
def test_error_has_type_message_and_offset(text: str, kind: type[InputError], message: str) -> None:
    _, error = read_badly(text)
    assert type(error) is kind
    assert message in error.message


def test_location_has_data_set_index_and_tag_path() -> None:
    item = f'<Item number="1"/><Item number="2">{attribute("US", values("x"), "00280010")}</Item>'
    events, error = read_badly(document() + "\n" + document(attribute("SQ", item, "00081140")))
    assert error.location.dataset_index == 1
    assert error.location.tag_path == "00081140[1].00280010"
    assert len(events) == 2 + 5  # the first data set, then the starts of data set, sequence and items


def test_events_before_an_error_are_delivered() -> None:
    text = document(attribute("LO", values("a")), MARK + attribute("US", values("x"), "00091002"))
    events, error = read_badly(text)
    assert events == shown(in_dataset([element("LO", "a")]))[:-1]
    events, error = read_badly(document(attribute("LT", values("abcdefghijklm\x00"))), _SMALL)
    assert isinstance(error, XmlSyntaxError)
    assert events == shown(in_dataset([start_parts("LT"), *segments("LT", "abcdefghijkl", "")]))[:-2]


@each("after", ["0", "a", "-", "."])
def test_nul_after_a_document_is_at_one_place_however_the_bytes_arrive(after: str) -> None:
    data = document("").encode()
    _, error = read_every_way(data + after.encode() + b"\0</a>")
    assert type(error) is XmlSyntaxError
    assert error.location.byte_offset == len(data) + 1


@pytest.mark.parametrize("form", ["LT", "OB"])
@pytest.mark.slow
def test_truncation_is_distinguished_from_syntax_errors(form: str) -> None:
    content = values("a") if form == "LT" else "<InlineBinary>AAAA</InlineBinary>"
    data = (DECLARATION + document(attribute(form, content)) + " ").encode()
    for end in range(len(data) - 1):
        _, error = read_every_way(data[:end])
        assert type(error) is TruncatedError
        assert error.location.byte_offset == end
    assert read_well(data + b" <!-- -->")
    for more in (b"<", b"<?xml", b"<!-- ", b"<Native"):
        _, error = read_every_way(data + more)
        assert type(error) is TruncatedError


# --- limits ------------------------------------------------------------------------------------------------------


def _limited(text: str, limit: str, options: ReadOptions = _SMALL) -> None:
    _, error = read_badly(text, options)
    assert isinstance(error, LimitError)
    assert error.limit == limit


def test_exceeded_limits_are_errors() -> None:
    for vr in ("DS", "US", "FD", "AT"):
        _limited(document(f'{_AT}"{vr}">{values("1234567890123")}</DicomAttribute>'), "segment_size")
    name = _name("<Alphabetic><FamilyName>abcdefghijklm</FamilyName></Alphabetic>")
    _limited(document(f'{_AT}"PN">{name}</DicomAttribute>'), "segment_size")
    number = f'{_AT}"UV">{values("123456789")}</DicomAttribute>'
    _limited(document(number), "number_length", ReadOptions(limits=Limits(number_length=8)))
    _limited(document(f'{_AT}"LO"><Value number="5"/></DicomAttribute>'), "values_per_event")
    _limited(document(f'{_AT}"LO"><Value number="3"/><Value number="6"/></DicomAttribute>'), "values_per_event")
    _limited(document(f'{_AT}"LO"><Value number="99999999999"/></DicomAttribute>'), "values_per_event")


def test_bad_base64_of_long_value_has_offset_of_its_attribute() -> None:
    for text in ("AAAAAAAA====AAAA", "AAAAAAAAAAAAA", "!" * 40):
        _, error = read_badly(document(f'{_AT}"OB"><InlineBinary>{text}</InlineBinary></DicomAttribute>'), _SMALL)
        assert "expected base64" in error.message


@pytest.mark.slow
def test_nesting_depth_is_limited() -> None:
    def nested(depth: int) -> str:
        start = '<DicomAttribute tag="00091001" vr="SQ"><Item number="1">'
        return document(start * depth + "</Item></DicomAttribute>" * depth)

    options = ReadOptions(limits=Limits(depth=13))
    assert read_well(nested(3), options)
    _, error = read_badly(nested(4), options)
    assert isinstance(error, LimitError)
    assert (error.limit, error.location.tag_path) == ("depth", f"{'00091001[0].' * 3}00091001")
    assert read_well(nested(84))
    _, error = read_badly(nested(85))
    assert isinstance(error, LimitError)


_ENDLESS = {
    "attribute": document(attribute("LO", f'<Value number="{MARK}"/>')),
    "name": document(f"<Dicom{MARK}"),
    "comment": f"<NativeDicomModel><!-- {MARK}",
    "instruction": f"<NativeDicomModel><?a {MARK}",
    "reference": document(attribute("LO", values(f"&#{MARK};"))),
    "prolog": f"<!-- {MARK}",
    "epilog": document() + f"<!-- {MARK}",
    "declaration": f'<?xml version="1.0" {MARK}',
}


@pytest.mark.parametrize("kind", _ENDLESS)
@pytest.mark.slow
def test_endless_markup_is_an_error_in_bounded_memory(kind: str) -> None:
    before = _ENDLESS[kind].partition(MARK)[0].encode()
    filler = (b"0" if kind == "reference" else b" " if kind == "declaration" else b"a") * 4096
    offsets = set()

    def read(size: int) -> None:
        parser = XmlParser()
        with pytest.raises(LimitError) as caught:
            parser.feed(before)
            for _ in range(100):
                for start in range(0, len(filler), size):
                    parser.feed(filler[start : start + size])
        assert caught.value.limit == "segment_size"
        offsets.add(caught.value.location.byte_offset)
        assert parser.bytes_consumed <= 64 * 1024 + 2 * 16 * 1024

    for size in (4096, 1000, 97):
        assert peak(lambda size=size: read(size)) < 2 * 1024 * 1024  # type: ignore[misc]
    assert len(offsets) == 1


@pytest.mark.slow
def test_markup_up_to_the_limit_is_accepted() -> None:
    uri = "a" * 60_000
    assert read_well(document(attribute("OB", f'<BulkData uri="{uri}"/>'))) == shown(in_dataset([bulk_data("OB", uri)]))


@pytest.mark.slow
def test_entity_bomb_is_refused_in_bounded_memory() -> None:
    entities = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 20))
    text = f'<!DOCTYPE a [<!ENTITY a0 "a">{entities}]>{document(attribute("LT", values("&a19;")))}'
    assert peak(lambda: read_badly(text)) < 1024 * 1024


def test_many_prefixes_are_refused() -> None:
    many = "".join(f' xmlns:n{number}="urn:a"' for number in range(17))
    _, error = read_badly(f"<NativeDicomModel{many}/>")
    assert isinstance(error, XmlSyntaxError)
    assert "prefixes" in error.message


def test_offset_of_first_byte_counts_in_locations() -> None:
    parser = XmlParser(offset=1000)
    with pytest.raises(XmlSyntaxError) as caught:
        parser.feed(b"abc ")
    assert caught.value.location.byte_offset == 1000


def test_tag_used_here_is_private() -> None:
    assert TAG & 0x10000  # so that the data dictionary does not know it


# --- several documents -------------------------------------------------------------------------------------------

_ONE = "<NativeDicomModel></NativeDicomModel>"
_MARKS = {"utf-8": b"\xef\xbb\xbf", "utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff", "latin-1": b""}


@each("between", ["", "\n", "<!-- é -->\r\n<?p é?> ", "<!----><?p??>"])
@each("second", _MARKS)
@each("first", _MARKS)
def test_documents_in_different_encodings_may_follow_each_other(first: str, second: str, between: str) -> None:
    name = {"latin-1": "ISO-8859-1"}.get(second, second[:6])
    data = _MARKS[first] + (_declared(first) + "<NativeDicomModel a='>'/>" + between).encode(first)
    data += _MARKS[second] + f'<?xml version="1.0" encoding="{name}"?>{_ONE}\n'.encode(second)
    assert [value for *_, value in read_well(data)] == ["0", "None", "1", "None"]


def _declared(encoding: str) -> str:
    return '<?xml version="1.0" encoding="ISO-8859-1"?>' if encoding == "latin-1" else ""


@each(
    "junk",
    [
        "junk",
        '"a',
        "<!-- a -- b -->",
        "<!-- a",
        "<?",
        "<?p",
        "<!-",
        "</NativeDicomModel>",
        "]]>",
        "&amp;",
        "<>",
        "<?xml?>",
    ],
)
@each("mark", [b"", b"\xef\xbb\xbf", b"\xff\xfe"])
def test_other_bytes_between_documents_are_an_error(junk: str, mark: bytes) -> None:
    encoding = "utf-16-le" if mark == b"\xff\xfe" else "utf-8"
    for text in ("<NativeDicomModel/>", _ONE):
        _, error = read_every_way((text + junk).encode() + mark + _ONE.encode(encoding))
        assert isinstance(error, XmlSyntaxError | TruncatedError)
        assert error.location.dataset_index == 0


@each("encoding", ["utf-8", "utf-16"])
def test_text_before_an_error_is_independent_of_cuts(encoding: str) -> None:
    text = document(attribute("UT", values("abc" * 20 + "]]>")))
    events, error = read_every_way(text.encode(encoding), _SMALL)
    assert isinstance(error, XmlSyntaxError)
    assert [value for *_, value in events[2:]] == ["'abcabcabcabc'"] * 4  # the last segment may be incomplete
