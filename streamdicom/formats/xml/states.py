"""What the reader of the Native DICOM Model may be reading, and what it says where something else comes."""

from __future__ import annotations

from enum import IntEnum


class State(IntEnum):
    """What is being read."""

    DOCUMENT = 0  # a document, before its element or behind it
    DATASET = 1  # what is in NativeDicomModel or Item
    OPEN_VALUES = 2  # what is in DicomAttribute: values, or a reference to bulk data
    VALUES = 3  # values
    OPEN_NAMES = 4  # person names, or a reference
    NAMES = 5
    ITEMS = 6
    OPEN_BINARY = 7  # InlineBinary, or a reference
    OPEN = 8  # anything, because the VR is not known
    FULL = 9  # nothing more
    VALUE = 10  # the text of Value
    BINARY = 11  # the text of InlineBinary
    REFERENCE = 12  # what is in BulkData: nothing
    NAME = 13  # what is in PersonName: component groups
    GROUP = 14  # what is in one of those: components
    COMPONENT = 15  # the text of a component


OF_ATTRIBUTE = frozenset(range(State.OPEN_VALUES, State.COMPONENT + 1))
"""The states within a DicomAttribute."""

WANTED: dict[int, str] = {
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
