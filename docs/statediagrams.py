"""State diagrams of the automata.

The tables of writers and of the parser of DICOM files name the next state of each move. The parsers of JSON and XML
choose the next state by the element, so theirs are observed while they parse examples.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from typing import Any

import streamdicom
from streamdicom import InputError, Limits, ReadOptions
from streamdicom.events import EventType
from streamdicom.formats import text_writer
from streamdicom.formats.json import JsonParser
from streamdicom.formats.json import states as json_states
from streamdicom.formats.part10 import states as part10_states
from streamdicom.formats.xml import XmlParser
from streamdicom.formats.xml import states as xml_states
from streamdicom.jsontext import JsonTokenizer, TokenType

Edge = tuple[str, str, str]

_SHORT = Limits(segment_size=12)  # so that short texts are long ones
_LONG_TEXT = "a text of more than a segment"
_LONG_BINARY = "AAECAwQF" * 8

_STRUCTURE = re.compile(r'("(?:[^"\\]|\\.)*")|([\[\]{},:])')

_JSON = [
    "{}",
    "[]",
    "[{}, {}]",
    '[{"00080005": {"vr": "CS", "Value": ["ISO_IR 192"]}}]',
    '{"00080018": {"Value": ["1.2", null], "vr": "UI"}}',
    '{"00080054": {"vr": "AE", "Value": ["A", "B"]}, "00080060": {"vr": "CS"}}',
    '{"00080082": {"vr": "SQ", "Value": [{}, {"00100020": {"vr": "LO", "Value": ["17"]}}]}}',
    '{"00100010": {"vr": "PN", "Value": [{"Alphabetic": "A", "Ideographic": null}, null]}}',
    '{"00200013": {"vr": "IS", "Value": [1, 2]}, "00280010": {"vr": "US", "Value": [5]}}',
    f'{{"00204000": {{"vr": "LT", "Value": ["{_LONG_TEXT}"]}}}}',
    '{"7FE00010": {"vr": "OW", "InlineBinary": "AAE="}}',
    f'{{"7FE00010": {{"vr": "OW", "InlineBinary": "{_LONG_BINARY}"}}}}',
    '{"7FE00010": {"vr": "OW", "BulkDataURI": "b"}}',
]

_JSON_STARTS = ("{", "[", "\ufeff", "//")

# Beside the examples of the deviations.
_LENIENT = [
    '{"00100020": "17"}',
    '{"00100020": null}',
    '{"00100020": {"vr": null, "Value": 17}}',
    f'{{"00204000": {{"vr": "LT", "Value": "{_LONG_TEXT}"}}}}',
    '{"00080082": {"vr": "SQ", "Value": {"00100020": {"vr": "LO"}}}}',
    '{"00080082": {"Value": [{"00100020": {"vr": "LO"}}], "vr": "SQ"}}',
    '{"7FE00010": {"vr": "OW", "InlineBinary": null}, "7FE00011": {"vr": "OW", "BulkDataURI": null}}',
    '{"7FE00010": {"vr": "OW", "InlineBinary": []}}',
    '{"count": 1, "next": null, "name": "all", "pages": {}, "results": [{}]}',
    '{"results": [], "count": 1}',
]

_ATTRIBUTE = '<DicomAttribute tag="{}" vr="{}">{}</DicomAttribute>'
_XML = [
    _ATTRIBUTE.format("00080005", "CS", '<Value number="1">ISO_IR 192</Value>'),
    _ATTRIBUTE.format("00080054", "AE", '<Value number="1">A</Value><Value number="2">B</Value>'),
    _ATTRIBUTE.format("00080060", "CS", ""),
    _ATTRIBUTE.format("00080082", "SQ", ""),
    _ATTRIBUTE.format(
        "00080082",
        "SQ",
        '<Item number="1"/><Item number="2">'
        + _ATTRIBUTE.format("00100020", "LO", '<Value number="1">17</Value>')
        + "</Item>",
    ),
    _ATTRIBUTE.format("00100010", "PN", ""),
    _ATTRIBUTE.format(
        "00100010",
        "PN",
        "".join(
            f'<PersonName number="{number}"><Alphabetic><FamilyName>A</FamilyName><GivenName>B</GivenName>'
            "<MiddleName>C</MiddleName><NamePrefix>D</NamePrefix><NameSuffix>E</NameSuffix></Alphabetic>"
            "<Ideographic><FamilyName>I</FamilyName></Ideographic><Phonetic/></PersonName>"
            for number in (1, 2)
        ),
    ),
    _ATTRIBUTE.format("7FE00010", "OW", ""),
    _ATTRIBUTE.format("7FE00010", "OW", "<InlineBinary>AAE=</InlineBinary>"),
    *(_ATTRIBUTE.format("7FE00010", vr, '<BulkData uri="b"/>') for vr in ("OW", "UT")),
    *(
        _ATTRIBUTE.format(tag, "", content)  # the dictionary has the VR
        for tag, content in (
            ("00100020", ""),
            ("00100020", '<Value number="1">A</Value>'),
            ("00100010", '<PersonName number="1"/>'),
            ("00080082", '<Item number="1"/>'),
            ("00420011", "<InlineBinary>AAE=</InlineBinary>"),
            ("00420011", '<BulkData uri="b"/>'),
        )
    ),
]


def pages() -> Iterator[str]:
    """Yield the lines of the page."""
    yield from _diagram("Writers of JSON and XML", _writer_edges(text_writer.TRANSITIONS))
    yield from _diagram("Writer of DICOM files", _writer_edges(part10_states.WRITER_TRANSITIONS))
    conformant = list(dict.fromkeys(_json_edges(_JSON)))
    yield from _diagram("Parser of DICOM JSON", conformant)
    yield "The lenient profile adds these moves:\n"
    examples = [row.example for row in streamdicom.DEVIATIONS.values() if row.example.startswith(_JSON_STARTS)]
    lenient = dict.fromkeys(_json_edges(examples + _LENIENT))
    yield from _table([edge for edge in lenient if edge not in conformant])
    yield from _diagram("Parser of Native DICOM XML", _xml_edges())
    yield from _diagram("Parser of DICOM files", _part10_edges())


def _diagram(title: str, edges: Iterator[Edge] | list[Edge]) -> Iterator[str]:
    found = list(dict.fromkeys(edges))
    yield f"## {title}\n"
    if shutil.which("dot"):
        yield "```{graphviz}\ndigraph {\nnode [shape=box, fontsize=11]; edge [fontsize=9];"
        grouped: dict[tuple[str, str], list[str]] = {}
        for start, label, end in found:
            grouped.setdefault((start, end), []).append(label)
        for (start, end), labels in grouped.items():
            text = "\\n".join(labels)
            yield f'"{start}" -> "{end}" [label="{text}"];'
        yield "}\n```\n"
    yield from _table(found)


def _table(edges: list[Edge]) -> Iterator[str]:
    yield "| state | input | next state |\n| --- | --- | --- |"
    for start, label, end in sorted(edges, key=lambda edge: edge[0]):
        yield f"| {start} | {label} | {end} |"
    yield ""


def _writer_edges(table: Any) -> Iterator[Edge]:
    for state, row in table.items():
        for kind, after in row.items():
            yield state.name, EventType(kind).name, after.name


def _part10_edges() -> Iterator[Edge]:
    for state, targets in part10_states.PARSER_TRANSITIONS.items():
        for target in sorted(targets):
            yield state.name, "", target.name


def _json_edges(documents: list[str]) -> Iterator[Edge]:
    """Feed byte by byte, and note the state before and after each token."""
    states = json_states.ParserState
    for document in documents:
        spaced = _STRUCTURE.sub(lambda match: match[1] or f" {match[2]} ", document)  # one token a byte
        parser = JsonParser(options=ReadOptions(limits=_SHORT, on_deviation=lambda deviation: None, on_error="skip"))
        tokenizer = JsonTokenizer(limits=_SHORT, lenient=True)
        for byte in spaced.encode():
            before = states(parser._state).name
            tokens = tokenizer.feed(bytes([byte]))
            try:
                parser.feed(bytes([byte]))
            except InputError:
                break
            if len(tokens) == 1:
                yield before, TokenType(tokens[0][0]).name, states(parser._state).name


class _ObservedParser(XmlParser):
    """A parser that notes its states."""

    def __init__(self, found: list[Edge]) -> None:
        super().__init__(options=ReadOptions(limits=_SHORT))
        self._found = found

    def _start(self, name: str, attributes: list[str]) -> None:
        before = self._state
        super()._start(name, attributes)
        self._note(before, f"<{name.rpartition(' ')[2]}>")

    def _end(self, name: str) -> None:
        before = self._state
        super()._end(name)
        self._note(before, "end tag")

    def _note(self, before: int, label: str) -> None:
        states = xml_states.ParserState
        self._found.append((states(before).name, label, states(self._state).name))


def _xml_edges() -> Iterator[Edge]:
    found: list[Edge] = []
    for content in _XML:
        parser = _ObservedParser(found)
        parser.feed(f"<NativeDicomModel>{content}</NativeDicomModel>".encode())
        parser.close()
    return iter(found)
