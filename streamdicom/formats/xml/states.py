"""The states of ``XmlParser``, and the content that each of them expects."""

from __future__ import annotations

from enum import IntEnum


class ParserState(IntEnum):
    """The content that is being parsed."""

    DOCUMENT = 0  # before or after the document element
    DATASET = 1  # in NativeDicomModel or Item
    OPEN = 2  # in DicomAttribute, before its content
    VALUES = 3  # after a Value or PersonName
    ITEMS = 4  # after an Item, or before the first one
    FULL = 5  # after InlineBinary or BulkData
    VALUE = 6  # the text of Value
    BINARY = 7  # the text of InlineBinary
    REFERENCE = 8  # in BulkData, which is empty
    NAME = 9  # in PersonName, between component groups
    GROUP = 10  # in a component group, between components
    COMPONENT = 11  # the text of a component
    SKIPPED = 12  # an XML element that is passed over


IN_ATTRIBUTE = frozenset(range(ParserState.OPEN, ParserState.COMPONENT + 1))
"""The states within DicomAttribute."""

IN_TEXT = frozenset({ParserState.VALUE, ParserState.BINARY, ParserState.COMPONENT})
"""The states whose content is text."""

OPEN_TAGS: dict[int, int] = {
    ParserState.OPEN: 1,
    ParserState.VALUES: 1,
    ParserState.FULL: 1,
    ParserState.VALUE: 2,
    ParserState.BINARY: 2,
    ParserState.COMPONENT: 4,
}
"""The XML elements that are open in a state within DicomAttribute, which counts itself."""

_CONTENT = "Value, PersonName, Item, InlineBinary or BulkData"

EXPECTED: dict[int, str] = {
    ParserState.DOCUMENT: "NativeDicomModel",
    ParserState.DATASET: "DicomAttribute",
    ParserState.OPEN: _CONTENT,
    ParserState.VALUES: "Value or PersonName",
    ParserState.ITEMS: "Item",
    ParserState.FULL: "the end of DicomAttribute",
    ParserState.VALUE: "the end of Value",
    ParserState.BINARY: "the end of InlineBinary",
    ParserState.REFERENCE: "the end of BulkData",
    ParserState.NAME: "Alphabetic, Ideographic or Phonetic",
    ParserState.GROUP: "FamilyName, GivenName, MiddleName, NamePrefix or NameSuffix",
    ParserState.COMPONENT: "the end of the name component",
}
"""The content that each state expects, for messages."""
