"""What the reader of events may be reading, and what it says where something else comes."""

from __future__ import annotations

from enum import IntEnum


class State(IntEnum):
    """What is being read."""

    ROOT = 0  # the document: a data set, or an array of them
    ARRAY = 1  # the array of data sets
    DATASET = 2  # the members of a data set or an item
    OPEN = 3  # behind the name of an attribute
    ATTRIBUTE = 4  # the members of an attribute
    VR = 5  # behind "vr"
    VALUE = 6  # behind "Value"
    VALUES = 7  # the values
    SKIP = 8  # what is passed over
    TEXT = 9  # a long string among the values
    OBJECT = 10  # an object among them, that may be an item or a person name
    NAME = 11  # the members of a person name
    GROUP = 12  # a component group of a person name
    URI = 13  # behind "BulkDataURI"
    BINARY = 14  # behind "InlineBinary"
    BINARY_PARTS = 15  # a long one
    BINARY_END = 16  # behind one in an array
    OTHER = 17  # a value that no VR has, as JSON text
    FIRST = 18  # the members of the object that is the document, before one is known
    UNKNOWN = 19  # behind the name of one of them that is no attribute
    WRAPPED = 20  # an array there
    WRAPPER = 21  # the members behind it
    FRAGMENTS = 22  # behind "DataFragment"


class Content(IntEnum):
    """What an attribute was seen to hold."""

    NOTHING = 0
    VALUES = 1
    PARTS = 2  # values, of which some have been delivered
    TEXT = 3  # values, of which one is a long string
    ITEMS = 4
    URI = 5
    BINARY = 6
    BINARY_PARTS = 7
    NO_BINARY = 8  # an InlineBinary that is not base64
    FRAGMENTS = 9


OPEN_CONTAINERS: dict[int, int] = {
    State.OPEN: 0,
    State.ATTRIBUTE: 1,
    State.VR: 1,
    State.VALUE: 1,
    State.VALUES: 2,
    State.OBJECT: 3,
    State.NAME: 3,
    State.GROUP: 3,
    State.URI: 1,
    State.BINARY: 1,
    State.BINARY_PARTS: 1,
    State.BINARY_END: 2,
    State.FRAGMENTS: 1,
}
"""How many objects and arrays of the attribute are open in a state."""

WANTED: dict[int, str] = {
    State.ROOT: "a data set or an array of them",
    State.ARRAY: "a data set",
    State.DATASET: "an attribute",
    State.OPEN: "the object of an attribute",
    State.ATTRIBUTE: "a member of an attribute",
    State.VR: "the value representation",
    State.VALUE: "an array of values",
    State.VALUES: "a value",
    State.TEXT: "the rest of a string",
    State.OBJECT: "an item or a person name",
    State.NAME: "a component group",
    State.GROUP: "the text of a component group",
    State.URI: "a URI",
    State.BINARY: "a string in base64",
    State.BINARY_PARTS: "the rest of a string",
    State.BINARY_END: "the end of the array",
    State.FRAGMENTS: "an array of fragments",
}
