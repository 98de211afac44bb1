"""The compiled engine and plain Python agree on Native DICOM XML, for every cut."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamdicom import _native
from streamdicom.deviations import Deviation
from streamdicom.errors import InputError, OutputError
from streamdicom.events import BULK_DATA, ELEMENT, START_DATASET, START_SEQUENCE, Event
from streamdicom.formats.xml import XmlParser, XmlWriter
from streamdicom.formats.xml.documents import Documents
from streamdicom.limits import Limits
from streamdicom.options import ReadOptions, WriteOptions
from tests.support.each import each
from tests.support.events import dataset, members
from tests.support.strategies import cuts

_ENGINE = _native.functions
pytestmark = [
    pytest.mark.skipif(_ENGINE is None, reason="the compiled engine was not built"),
    pytest.mark.filterwarnings("ignore"),  # of elements that XML cannot represent
]

_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>'
_ROOT = '<NativeDicomModel xmlns="http://dicom.nema.org/PS3.19/models/NativeDICOM" xml:space="preserve">'
_SEQUENCE = '<DicomAttribute tag="00081140" vr="SQ"><Item number="1">'
_VALUES = f"""{_DECLARATION}
{_ROOT}
<DicomAttribute tag="00080005" vr="CS" keyword="SpecificCharacterSet"><Value number="1">ISO_IR 192</Value>
</DicomAttribute>
<DicomAttribute tag="00080008" vr="CS"><Value number="1">A</Value><Value number="2"/><Value number="3">B</Value>
</DicomAttribute><DicomAttribute tag="00080016" vr="UI" keyword="SOPClassUID"/>
<DicomAttribute keyword="ReferencedImageSequence" tag = '00081140' vr="SQ" ><Item number="1">
  <DicomAttribute tag="00081150" vr="UI"><Value number="1">1.2</Value></DicomAttribute></Item><Item number="2"/>
  <Item number="3"><DicomAttribute tag="00090010" vr="LO"><Value number="1">INNER</Value></DicomAttribute>
  <DicomAttribute tag="00090001" vr="LO" privateCreator="INNER"><Value number="1">a</Value></DicomAttribute></Item>
</DicomAttribute><DicomAttribute tag="00081250" vr="SQ"/>
<DicomAttribute tag="00090010" vr="LO"><Value number="1">ACME</Value></DicomAttribute>
<DicomAttribute tag="00090011" vr="LO"><Value number="1">B&amp;C</Value></DicomAttribute>
<DicomAttribute tag="00090002" vr="UV" privateCreator="ACME"><Value number="1">18446744073709551615</Value>
</DicomAttribute>
<DicomAttribute tag="00090010" vr="US" privateCreator="ACME"/>
<DicomAttribute tag="00091013" vr="AT" privateCreator=" ACME"><Value number="1">00100010</Value></DicomAttribute>
<DicomAttribute tag="00091104" vr="LT" privateCreator="B&#x26;C"><Value number="1">a\\b
&#13;&#10; \U0001f600</Value></DicomAttribute>
<DicomAttribute tag="00091208" vr="LO"><Value number="1">é山&lt;</Value></DicomAttribute>
<DicomAttribute tag="00100010" vr="PN"><PersonName number="1"><Alphabetic><FamilyName>A</FamilyName><GivenName/>
<NameSuffix>é&gt;</NameSuffix></Alphabetic><Phonetic><GivenName>x</GivenName></Phonetic></PersonName>
<PersonName number="2"/>
<PersonName number="3"><Ideographic><FamilyName>山</FamilyName></Ideographic></PersonName></DicomAttribute>
<DicomAttribute tag="00280010" vr="US"><Value number="1">512</Value></DicomAttribute>
<DicomAttribute tag="00280030" vr="DS"><Value number="1">0.5</Value><Value number="2">1.50 </Value></DicomAttribute>
<DicomAttribute tag="00281052" vr="FL"><Value number="1">0.1</Value><Value number="2">NaN</Value></DicomAttribute>
<DicomAttribute tag="00281053" vr="FD"><Value number="1">1e300</Value><Value number="2">-INF</Value></DicomAttribute>
<DicomAttribute tag="00282000" vr="OB"><InlineBinary>AAECAwQFBgcICQoLDA0ODw==</InlineBinary></DicomAttribute>
<DicomAttribute tag="00283002" vr="OW"><InlineBinary/></DicomAttribute>
<DicomAttribute tag="00283010" vr="OB"><BulkData uuid="1-2"></BulkData></DicomAttribute>
<DicomAttribute tag="7FE00010" vr="OW"><BulkData uri="http://a/b?c&amp;d"/></DicomAttribute></NativeDicomModel>
"""
_ODD = f"""<?xml version="1.0" encoding="ISO-8859-1"?><NativeDicomModel><!-- a -->
<DicomAttribute tag="00020010" vr="UI"><Value number="1">1.2</Value></DicomAttribute>
<DicomAttribute tag="00080008" vr="CS" keyword="Wrong"><Value number="1"><![CDATA[A]]></Value></DicomAttribute>
<DicomAttribute tag="00080016" vr="UI"><Value number="1">1.2</Value></DicomAttribute>
<DicomAttribute tag="00081140" vr="UN"><Item number="1"><DicomAttribute tag="0008115A" vr="US">
<Value number="2">5</Value></DicomAttribute></Item>
<Item number="2"><DicomAttribute tag="00081160" vr="IS"><Value number="1">1</Value></DicomAttribute>
<DicomAttribute tag="00090001" vr="LO" privateCreator="NEW"><Value number="1"/></DicomAttribute></Item></DicomAttribute>
<DicomAttribute tag="00090000" vr="UL"><Value number="1">4</Value></DicomAttribute>
<DicomAttribute tag="00280103" vr="US"><Value number="1">1</Value></DicomAttribute>
<DicomAttribute tag="00280106"><Value number="1">-5</Value></DicomAttribute>
<DicomAttribute tag="0010001b" vr="PN"><Value number="1">A=B</Value></DicomAttribute></NativeDicomModel>
{_ROOT}</NativeDicomModel><?b?> {_DECLARATION}{_ROOT}
<DicomAttribute tag="00100020" vr="LO"><Value number="1">17</Value></DicomAttribute></NativeDicomModel>"""
_NESTED = (
    f"{_DECLARATION}{_ROOT}{_SEQUENCE * 4}" + "</Item></DicomAttribute>" * 4 + f"</NativeDicomModel>{_ROOT}{_SEQUENCE}"
)
_DOCUMENTS = [_VALUES, _VALUES + _VALUES, _ODD, _NESTED]
_FRAGMENTS = [
    *"<>/\"'=& \n\r\0%]A0-\\é",
    *("]]>", "<!--x-->", "<![CDATA[", "<?x?>", "&#0;", "&lt;", "&a;", "&#x1F600;", "\ufeff", "\ufffe", "%ff"),
    *("<!DOCTYPE a>", 'xmlns="a"', ' xmlns=""', ' xmlns:p="b"', "<p:a/>", _DECLARATION, _ROOT, "</NativeDicomModel>"),
    *("<DicomAttribute", "</DicomAttribute>", '<Item number="1">', "</Item>", _SEQUENCE, "<Value/>", "</Value>"),
    *('<Value number="1">', ' number="2"', ' vr="SQ"', ' vr="PN"', ' vr="US"', ' vr="LT"', ' vr=""', ' tag="0008"'),
    *("00100010", "00020010", "00080000", "FFFEE000", "00090010", "00091001", "NaN", "1e400", "99999999999", "1_0"),
    *(
        ' privateCreator="ACME"',
        ' keyword="PatientID"',
        "<PersonName/>",
        "<Alphabetic/>",
        "<FamilyName>",
        "<BulkData/>",
    ),
    *(
        "<InlineBinary>AA=</InlineBinary>",
        "A" * 70,
        " " * 70,
        "<a><DicomAttribute/></a>",
        '<DicomAttribute tag="00280106">',
    ),
]
_PLACED = (ELEMENT, BULK_DATA, START_SEQUENCE, START_DATASET)
_LIMITS = [
    Limits(),
    Limits(segment_size=12, values_per_event=2),
    Limits(segment_size=60),
    Limits(depth=11, number_length=4),
]


@pytest.fixture(scope="module", autouse=True)
def both_engines() -> None:
    """Run each test once: these choose the engines themselves."""


# --- reading ---------------------------------------------------------------------------------------------------


@st.composite
def _damaged(draw: st.DrawFn) -> bytes:
    data = draw(st.sampled_from(_DOCUMENTS)).encode()
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(len(data), start + 12)))
        fragment = draw(st.sampled_from(_FRAGMENTS)).encode().replace(b"%ff", b"\xff")
        data = data[:start] + fragment + data[end:]
    return data[: draw(st.integers(0, len(data)))] if draw(st.integers(0, 5)) == 0 else data


def _outcome(engine: Any, chunks: list[bytes], options: dict[str, Any], *, has_places: bool = True) -> tuple[Any, ...]:
    """Return the events, the deviations, the error and the places of elements."""
    deviations: list[Deviation] = []
    events: list[Event] = []
    places: list[int] = []
    error = None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_native, "functions", engine)
        parser = XmlParser(options=ReadOptions(on_deviation=deviations.append, **options))
        if has_places:
            parser.keep_places()
        try:
            for step in (*chunks, None):
                delivered = parser.close() if step is None else parser.feed(step)
                if has_places:
                    places += map(parser.offset_of(), range(len(delivered)))
                events += delivered
        except InputError as raised:
            error = type(raised), str(raised), raised.location
    elements = [place for place, event in zip(places, events, strict=False) if event[0] in _PLACED]
    return list(map(repr, events)), deviations, error, elements


@settings(max_examples=150)
@given(
    data=st.data(),
    document=_damaged(),
    profile=st.sampled_from(["lenient", "lenient", "strict"]),
    on_error=st.sampled_from(["raise", "skip", "keep"]),
    limits=st.sampled_from(_LIMITS),
)
@pytest.mark.slow
def test_engines_read_the_same_xml(
    data: st.DataObject, document: bytes, profile: str, on_error: str, limits: Limits
) -> None:
    options = {"profile": profile, "on_error": on_error, "limits": limits}
    expected = _outcome(None, [document], options)
    assert _outcome(_ENGINE, [document], options) == expected
    assert _outcome(_ENGINE, data.draw(cuts(document)), options) == expected
    assert _outcome(_ENGINE, data.draw(cuts(document)), options, has_places=False)[:3] == expected[:3]
    assert _outcome(_ENGINE, [document[place : place + 1] for place in range(len(document))], options) == expected


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-8-sig", "iso-8859-1", "us-ascii", "iso-8859-5"])
@pytest.mark.parametrize("chunk", [1, 37, 1 << 20])
def test_engines_read_other_encodings(encoding: str, chunk: int) -> None:
    name = encoding.upper().replace("-LE", "").replace("-SIG", "")
    text = _VALUES.replace("UTF-8", name).replace("é", "e").replace("山", "s").replace("\U0001f600", "")
    data = (text + "\n<!-- -->" + text).encode(encoding) + _VALUES.encode()
    chunks = [data[place : place + chunk] for place in range(0, len(data), chunk)]
    expected = _outcome(None, chunks, {})
    assert expected[2] is None or encoding in ("utf-16", "utf-16-le")  # documents in two encodings
    assert len(expected[0]) > 30
    assert _outcome(_ENGINE, chunks, {}) == expected


@each("size", [16 * 1024, 40_000, 70_000])
@each("chunk", [1000, 1 << 20])
@each(
    "markup",
    [
        '<DicomAttribute tag="00100020" vr="LO"><Value number="1">{}</Value></DicomAttribute>',
        '<DicomAttribute tag="7FE00010" vr="OB"><InlineBinary>{}</InlineBinary></DicomAttribute>',
        '<DicomAttribute tag="00100020" vr="LO" keyword="{}"/>',
        "<!-- {} -->",
        "<{}/>",
    ],
)
def test_engines_agree_on_long_text(size: int, chunk: int, markup: str) -> None:
    known = '<DicomAttribute tag="00100010" vr="PN"/>'
    data = f"{_DECLARATION}{_ROOT}{known}{markup.format('QUJD' * (size // 4))}</NativeDicomModel>".encode()
    chunks = [data[place : place + chunk] for place in range(0, len(data), chunk)]
    assert _outcome(_ENGINE, chunks, {}) == _outcome(None, [data], {})


@pytest.mark.parametrize("chunk", [100, 1 << 20])
def test_engines_agree_on_many_private_blocks(chunk: int) -> None:
    creators = "".join(
        f'<DicomAttribute tag="000900{block:02X}" vr="LO"><Value number="1">A{block}</Value></DicomAttribute>'
        for block in range(0x10, 0x50)
    )
    others = "".join(
        f'<DicomAttribute tag="00090001" vr="LO" privateCreator="A{block}"/>' for block in (0x10, 0x4F, 0x60)
    )
    level = f'{creators}{{}}{others}<DicomAttribute tag="00090050" vr="LO"/>'
    content = level.format(f"{_SEQUENCE}{level.format('')}</Item></DicomAttribute>")
    data = f"{_ROOT}{content}</NativeDicomModel>".encode()
    chunks = [data[place : place + chunk] for place in range(0, len(data), chunk)]
    assert _outcome(_ENGINE, chunks, {}) == _outcome(None, [data], {})


def test_engine_reads_canonical_markup_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of these documents reaches expat, however they are cut."""
    monkeypatch.setattr(Documents, "feed", _fail_on_documents)
    monkeypatch.setattr(_native, "functions", _ENGINE)
    data = _VALUES.encode() * 2 + _NESTED.encode()
    for chunk in (50, 10_000):
        parser = XmlParser()
        events = [event for place in range(0, len(data), chunk) for event in parser.feed(data[place : place + chunk])]
        assert len(events) > 80


def _fail_on_documents(documents: Documents, data: bytes) -> None:
    raise AssertionError(f"not read by the engine: {data[:80]!r}")


# --- writing ---------------------------------------------------------------------------------------------------


def _written(engine: Any, events: list[Event], options: WriteOptions, count: int) -> tuple[bytes, Any]:
    """Return the XML and the error of events that are written in batches."""
    blocks: list[bytes] = []
    error = None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_native, "functions", engine)
        writer = XmlWriter(blocks.append, options=options)
        try:
            for start in range(0, len(events), count):
                writer.write_all(events[start : start + count])
                writer.flush()
            writer.close()
        except OutputError as raised:
            error = type(raised), str(raised), raised.location
    return b"".join(blocks), error


@settings(max_examples=200)
@given(
    parts=st.lists(st.one_of(members(2, wild=False), members(2)).map(dataset), min_size=1, max_size=2),
    on_error=st.sampled_from(["raise", "skip", "keep"]),
    file_meta=st.booleans(),
    utf8=st.booleans(),
    depth=st.sampled_from([512, 9]),
)
@pytest.mark.slow
def test_engines_write_the_same_xml(
    parts: list[list[Event]], on_error: Any, file_meta: bool, utf8: bool, depth: int
) -> None:
    events = [event for part in parts for event in part]
    options = WriteOptions(
        on_error=on_error,
        file_meta=file_meta,
        character_set="utf-8" if utf8 else "keep",
        limits=Limits(depth=depth),
    )
    expected = _written(None, events, options, 1)
    assert _written(_ENGINE, events, options, 1) == expected
    output, error = _written(_ENGINE, events, options, len(events))
    assert error == expected[1]
    assert output == expected[0] if error is None else expected[0].startswith(output)
