"""The states of ``XmlParser``, and the content that each of them expects."""

from __future__ import annotations

from enum import IntEnum


class State(IntEnum):
    """The content that is being parsed."""

    DOCUMENT = 0  # before or after the document element
    DATASET = 1  # in NativeDicomModel or Item
    OPEN_VALUES = 2  # in DicomAttribute, before the first Value or BulkData
    VALUES = 3  # after a Value
    OPEN_NAMES = 4  # in DicomAttribute, before the first PersonName or BulkData
    NAMES = 5  # after a PersonName
    ITEMS = 6  # in the DicomAttribute of a sequence
    OPEN_BINARY = 7  # in DicomAttribute, before InlineBinary or BulkData
    OPEN = 8  # in a DicomAttribute whose VR is not known yet
    FULL = 9  # after InlineBinary or BulkData
    VALUE = 10  # the text of Value
    BINARY = 11  # the text of InlineBinary
    REFERENCE = 12  # in BulkData, which is empty
    NAME = 13  # in PersonName, between component groups
    GROUP = 14  # in a component group, between components
    COMPONENT = 15  # the text of a component


IN_ATTRIBUTE = frozenset(range(State.OPEN_VALUES, State.COMPONENT + 1))
"""The states within DicomAttribute."""

IN_TEXT = frozenset({State.VALUE, State.BINARY, State.COMPONENT})
"""The states whose content is text."""

EXPECTED: dict[int, str] = {
    State.DOCUMENT: "NativeDicomModel",
    State.DATASET: "DicomAttribute",
    State.OPEN_VALUES: "Value or BulkData",
    State.VALUES: "Value",
    State.OPEN_NAMES: "PersonName or BulkData",
    State.NAMES: "PersonName",
    State.ITEMS: "Item",
    State.OPEN_BINARY: "InlineBinary or BulkData",
    State.OPEN: "Value, PersonName, Item, InlineBinary or BulkData",
    State.FULL: "the end of DicomAttribute",
    State.VALUE: "the end of Value",
    State.BINARY: "the end of InlineBinary",
    State.REFERENCE: "the end of BulkData",
    State.NAME: "Alphabetic, Ideographic or Phonetic",
    State.GROUP: "FamilyName, GivenName, MiddleName, NamePrefix or NameSuffix",
    State.COMPONENT: "the end of the name component",
}
"""The content that each state expects, for messages."""
