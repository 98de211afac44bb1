"""The same values and the same deviations in XML, JSON and DICOM files."""

from __future__ import annotations

import io
import json
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pytest

import streamdicom
from streamdicom import DEVIATIONS, Event, OutputError, TruncatedError, WriteOptions
from streamdicom.dicom import VRS, Form
from streamdicom.filters.sort import sort_elements
from tests.conformance.bundled import files
from tests.formats.json.reading import MARK
from tests.formats.json.test_deviation_policy import FORMS
from tests.formats.xml.reading import NAMESPACE
from tests.support.each import each
from tests.support.roads import elements, read

pytestmark = pytest.mark.filterwarnings("ignore")  # many test files have defects on purpose

_ROOT = f'<NativeDicomModel xmlns="{NAMESPACE}" xml:space="preserve">'
_NOT_A_CHARACTER = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")  # XML 1.0, section 2.2
_FRAGMENTS = ('{"vr":"OB","DataFragment"', '{"vr":"LO","DataFragment"')
_KEEP = WriteOptions(file_meta=True, on_error="keep")


def _xml(events: list[Event], options: WriteOptions = _KEEP) -> bytes:
    target = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        streamdicom.write_events(events, target, format="xml", options=options)
    return target.getvalue()


def _json(events: list[Event]) -> bytes:
    target = io.BytesIO()
    streamdicom.write_events(events, target, options=_KEEP)
    return target.getvalue()


# --- files -----------------------------------------------------------------------------------------------------------


def _is_writable(events: list[Event]) -> bool:
    """Return whether events have nothing that XML lacks: a character, or a reference."""
    return not any(_NOT_A_CHARACTER.search(text) or text.startswith(_FRAGMENTS) for text in _texts(events))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _texts(one)


@each("path", files(), ids=lambda path: path.name)
def test_file_has_the_same_events_through_xml(path: Path) -> None:
    try:
        events = list(sort_elements(read(path.read_bytes()).events))
    except TruncatedError:
        pytest.skip("the file is truncated")
    found, deviations = read(_xml(events))
    if _is_writable(events):
        assert elements(found) == elements(events)
        assert _json(found) == _json(events)
    else:
        assert len(elements(found)) == len(elements(events))
    from_json = read(_json(events))
    assert {code for code, _ in deviations} <= {code for code, _ in from_json.deviations} | {"file-meta"}


# --- JSON documents --------------------------------------------------------------------------------------------------

_DOCUMENTS = {f"form-{number}": form.text.replace(MARK, "") for number, form in enumerate(FORMS)}
_DOCUMENTS |= {code: row.example for code, row in DEVIATIONS.items() if row.example.startswith(("{", "["))}


@each("name", _DOCUMENTS)
def test_json_is_the_same_after_xml(name: str) -> None:
    try:
        events = list(sort_elements(read(_DOCUMENTS[name].encode()).events))
    except TruncatedError:
        pytest.skip("the document is empty")
    if not events:
        pytest.skip("the document has no data set")
    try:
        expected = _json(events)
    except OutputError:
        with pytest.raises(OutputError):
            _xml(events)
        return
    if not _is_writable(events):
        with pytest.raises(OutputError, match=r"expected text for XML|only JSON can hold"):
            _xml(events, WriteOptions(file_meta=True))
        return
    found = read(_xml(events)).events
    pairs = list(zip(elements(events), elements(found), strict=True))
    for before, after in pairs:
        is_kept = before.vr == "" and before.content is not None and after.vr in ("UT", "OB")
        assert (before.path, after.path) == (before.path, before.path)
        assert before == after or is_kept
    if all(before == after for before, after in pairs):
        assert _json(found) == expected


# --- values ----------------------------------------------------------------------------------------------------------

# JSON has other types than XML, and no place for an empty value.
_OF_JSON = {"number-as-string", "nonfinite", "empty-string", "number-for-text", "tag-as-number"}
_TEXTS = [
    *("a", " a ", "A^B", "1", "-1", "007", "+5", "5.0", "1e3", "1.5", ".5", "5.", "1,5", "0x1", "1_0", "\u0663"),
    *("65535", "65536", "2147483648", "-2147483649", "4294967296", "9223372036854775808", "-9223372036854775809"),
    *("16777217", "1e39", "3.4028235e38", "1e308", "1e400", "1.7976931348623157e308", "0.1", "1e-320"),
    *("00181063", "0018106a", "(0018,1063)", "0018,1063", "PatientID", "A=B", "A=B=C", "A=B=C=D", "=", "^=^"),
    *("a\\b", "1\\2", "\\", "1\\x", "00181063\\00181064", "A=B\\C", "<&>\"'", "\t", "a\nb", "\U0001f600", "é", "]]>"),
]
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_JSON_NUMBERS = (Form.INTEGER, Form.LONG_INTEGER, Form.FLOAT)
_VALUE_VRS = [vr for vr, row in VRS.items() if row.form not in (Form.BINARY, Form.SEQUENCE)]


def _documents(vr: str, texts: list[str]) -> tuple[bytes, bytes]:
    """Return JSON and XML of an element with the same values."""
    is_number = VRS[vr].form in _JSON_NUMBERS
    value = ",".join([text if is_number and _NUMBER.fullmatch(text) else json.dumps(text) for text in texts])
    markup = [f'<Value number="{number}">{escape(text)}</Value>' for number, text in enumerate(texts, 1)]
    attribute = f'<DicomAttribute tag="00091001" vr="{vr}">{"".join(markup)}</DicomAttribute>'
    return (
        f'{{"00091001":{{"vr":"{vr}","Value":[{value}]}}}}'.encode(),
        f"{_ROOT}{attribute}</NativeDicomModel>".encode(),
    )


@each("vr", _VALUE_VRS)
def test_text_has_the_same_values_and_deviations_in_json_and_xml(vr: str) -> None:
    for texts in [*([text] for text in _TEXTS), ["1", "2"], ["a", "b"], ["1", "x", "65536"]]:
        from_json, from_xml = map(read, _documents(vr, texts))
        codes = [[code for code, _ in road.deviations if code not in _OF_JSON] for road in (from_json, from_xml)]
        if codes[0] == codes[1] == [] or "wrong-value" not in codes[0]:
            assert elements(from_xml.events) == elements(from_json.events), texts
        assert codes[1] == codes[0], texts


@each("vr", sorted(VRS))
@each("text", ["AAE=", "AAE", "_-8=", "A AE=", "A", "!", "AAEC", ""])
def test_base64_has_the_same_bytes_and_deviations_in_json_and_xml(vr: str, text: str) -> None:
    attribute = f'<DicomAttribute tag="00091001" vr="{vr}"><InlineBinary>{text}</InlineBinary></DicomAttribute>'
    from_json = read(f'{{"00091001":{{"vr":"{vr}","InlineBinary":"{text}"}}}}'.encode())
    from_xml = read(f"{_ROOT}{attribute}</NativeDicomModel>".encode())
    assert elements(from_xml.events) == elements(from_json.events)
    in_lines = "base64-form" if " " in text else ""  # which base64 in XML may have
    assert from_xml.deviations == [found for found in from_json.deviations if found[0] != in_lines]


@each("vr", sorted(VRS))
@each("uri", ["http://host/a?b=1&c", "urn:uuid:1", "x y", ""])
def test_reference_is_the_same_in_json_and_xml(vr: str, uri: str) -> None:
    attribute = f'<DicomAttribute tag="00091001" vr="{vr}"><BulkData uri="{escape(uri)}"/></DicomAttribute>'
    from_json = read(f'{{"00091001":{{"vr":"{vr}","BulkDataURI":"{uri}"}}}}'.encode())
    from_xml = read(f"{_ROOT}{attribute}</NativeDicomModel>".encode())
    assert elements(from_xml.events) == elements(from_json.events)
    assert from_xml.deviations == from_json.deviations


_STRUCTURES = [
    ('"FFFEE00D":{"vr":"UN"}', '<DicomAttribute tag="FFFEE00D" vr="UN"/>'),
    ('"0010002a":{"vr":"LO"}', '<DicomAttribute tag="0010002a" vr="LO"/>'),
    ('"(0010,0020)":{"vr":"LO"}', '<DicomAttribute tag="(0010,0020)" vr="LO"/>'),
    ('"PatientID":{"vr":"LO"}', '<DicomAttribute keyword="PatientID" vr="LO"/>'),
    ('"x":{"vr":"LO"}', '<DicomAttribute tag="x" vr="LO"/>'),
    ('"00100020":{}', '<DicomAttribute tag="00100020"/>'),
    ('"00091001":{}', '<DicomAttribute tag="00091001"/>'),
    ('"00081140":{}', '<DicomAttribute tag="00081140"/>'),
    ('"00280106":{"Value":[-1]}', '<DicomAttribute tag="00280106"><Value number="1">-1</Value></DicomAttribute>'),
    ('"00091001":{"vr":"XX"}', '<DicomAttribute tag="00091001" vr="XX"/>'),
    (
        '"00100020":{"vr":"XX","Value":["a"]}',
        '<DicomAttribute tag="00100020" vr="XX"><Value number="1">a</Value></DicomAttribute>',
    ),
    (
        '"00091001":{"vr":"XX","Value":["a"]}',
        '<DicomAttribute tag="00091001" vr="XX"><Value number="1">a</Value></DicomAttribute>',
    ),
    *(
        (
            f'"00280103":{{"vr":"US","Value":[{sign}]}},"00280106":{{"vr":"US or SS","Value":[1]}}',
            f'<DicomAttribute tag="00280103" vr="US"><Value number="1">{sign}</Value></DicomAttribute>'
            '<DicomAttribute tag="00280106" vr="US or SS"><Value number="1">1</Value></DicomAttribute>',
        )
        for sign in (0, 1)
    ),
    ('"00080000":{"vr":"UL"}', '<DicomAttribute tag="00080000" vr="UL"/>'),
    ('"00020010":{"vr":"UI"}', '<DicomAttribute tag="00020010" vr="UI"/>'),
    (
        '"00100020":{"vr":"LO"},"00100010":{"vr":"PN"},"00100020":{"vr":"SH"}',
        '<DicomAttribute tag="00100020" vr="LO"/><DicomAttribute tag="00100010" vr="PN"/>'
        '<DicomAttribute tag="00100020" vr="SH"/>',
    ),
    (
        '"00091001":{"vr":"UN","Value":[{"00100020":{"vr":"LO"}}]}',
        '<DicomAttribute tag="00091001" vr="UN"><Item number="1"><DicomAttribute tag="00100020" vr="LO"/></Item>'
        "</DicomAttribute>",
    ),
    (
        '"00091001":{"vr":"LO","Value":[{"00100020":{"vr":"LO"}}]}',
        '<DicomAttribute tag="00091001" vr="LO"><Item number="1"><DicomAttribute tag="00100020" vr="LO"/></Item>'
        "</DicomAttribute>",
    ),
    (
        '"00091001":{"vr":"SQ","Value":[{"00100020":{"vr":"US","Value":["x"]}},{}]}',
        '<DicomAttribute tag="00091001" vr="SQ"><Item number="1"><DicomAttribute tag="00100020" vr="US">'
        '<Value number="1">x</Value></DicomAttribute></Item><Item number="2"/></DicomAttribute>',
    ),
    (
        '"00091001":{"vr":"OB","InlineBinary":"AAE=","BulkDataURI":"x"}',
        '<DicomAttribute tag="00091001" vr="OB"><InlineBinary>AAE=</InlineBinary><BulkData uri="x"/></DicomAttribute>',
    ),
    (
        '"00091001":{"vr":"LO","Value":["a"],"x":1}',
        '<DicomAttribute tag="00091001" vr="LO"><Value number="1">a</Value><x>1</x></DicomAttribute>',
    ),
    (
        '"00091001":{"vr":"PN","Value":[{"Alphabetic":"A=I=P"}]}',
        '<DicomAttribute tag="00091001" vr="PN"><PersonName number="1"><Alphabetic><FamilyName>A=I=P</FamilyName>'
        "</Alphabetic></PersonName></DicomAttribute>",
    ),
    (
        '"00091001":{"vr":"PN","Value":[{"Alphabetic":"A\\\\B"}]}',
        '<DicomAttribute tag="00091001" vr="PN"><PersonName number="1"><Alphabetic><FamilyName>A\\B</FamilyName>'
        "</Alphabetic></PersonName></DicomAttribute>",
    ),
    (
        '"00091001":{"vr":"PN","Value":[{"Alphabetic":"A","Phonetic":"A\\\\B"}]}',
        '<DicomAttribute tag="00091001" vr="PN"><PersonName number="1"><Alphabetic><FamilyName>A</FamilyName>'
        "</Alphabetic><Phonetic><FamilyName>A\\B</FamilyName></Phonetic></PersonName></DicomAttribute>",
    ),
    *(
        (
            f'"00091001":{{"vr":"PN","Value":[{{"Alphabetic":"A","Phonetic":"{text}"}},{{"Alphabetic":"{text}"}}]}}',
            '<DicomAttribute tag="00091001" vr="PN"><PersonName number="1"><Alphabetic><FamilyName>A</FamilyName>'
            f"</Alphabetic><Phonetic><FamilyName>{text}</FamilyName></Phonetic></PersonName>"
            f'<PersonName number="2"><Alphabetic><FamilyName>{text}</FamilyName></Alphabetic></PersonName>'
            "</DicomAttribute>",
        )
        for text in ("A=B", "A=B=C=D")
    ),
    (
        '"00091001":{"vr":"PN","Value":[{}]}',
        '<DicomAttribute tag="00091001" vr="PN"><PersonName number="1"/></DicomAttribute>',
    ),
    (
        '"00091001":{"vr":"LO","Value":[{"Alphabetic":"A"}]}',
        '<DicomAttribute tag="00091001" vr="LO"><PersonName number="1"><Alphabetic><FamilyName>A</FamilyName>'
        "</Alphabetic></PersonName></DicomAttribute>",
    ),
    (
        '"00091001":{"vr":"LO","Value":[{}]}',
        '<DicomAttribute tag="00091001" vr="LO"><PersonName number="1"/></DicomAttribute>',
    ),
    (
        '"00091001":{"vr":"OB","Value":[null,null]}',
        '<DicomAttribute tag="00091001" vr="OB"><Value number="1"/><Value number="2"/></DicomAttribute>',
    ),
    (
        '"00091001":{"vr":"LO","Value":[null]}',
        '<DicomAttribute tag="00091001" vr="LO"><Value number="1"/></DicomAttribute>',
    ),
]


@each(("members", "attributes"), _STRUCTURES, ids=range(len(_STRUCTURES)))
@each("on_error", ["skip", "keep"])
def test_structure_is_the_same_in_json_and_xml(members: str, attributes: str, on_error: str) -> None:
    if 'vr="LO"><Item' in attributes and on_error == "keep":
        pytest.skip("items of another VR are not kept in XML")
    from_json = read(f"{{{members}}}".encode(), on_error=on_error)
    from_xml = read(f"{_ROOT}{attributes}</NativeDicomModel>".encode(), on_error=on_error)
    assert elements(from_xml.events) == elements(from_json.events)
    assert from_xml.deviations == from_json.deviations
