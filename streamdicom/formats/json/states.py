"""States of the parser of DICOM JSON, with the input expected in each."""

from __future__ import annotations

from enum import IntEnum


class State(IntEnum):
    """The position in a document."""

    ROOT = 0  # a data set, or an array of data sets
    ARRAY = 1  # the array of data sets
    DATASET = 2  # the members of a data set or an item
    OPEN = 3  # after the key of an attribute
    ATTRIBUTE = 4  # the members of an attribute
    VR = 5  # after "vr"
    VALUE = 6  # after "Value"
    VALUES = 7  # the array of values
    SKIP = 8  # text that is passed over
    TEXT = 9  # a long string among the values
    OBJECT = 10  # an object among the values, which may be an item or a person name
    NAME = 11  # the members of a person name
    GROUP = 12  # after the name of a component group
    URI = 13  # after "BulkDataURI"
    BINARY = 14  # after "InlineBinary"
    BINARY_PARTS = 15  # a long InlineBinary
    BINARY_END = 16  # after an InlineBinary in an array
    OTHER = 17  # a value that fits no VR, which is kept as JSON text
    FIRST = 18  # the members of an object that may be a data set or a wrapper around an array
    UNKNOWN = 19  # after the name of such a member that is not a key
    WRAPPED = 20  # an array in such a member
    WRAPPER = 21  # the members after that array
    FRAGMENTS = 22  # after "DataFragment"
    URI_IN_ARRAY = 23  # a BulkDataURI in an array
    URI_END = 24  # after it


class Content(IntEnum):
    """Content of an attribute so far, in the order in which it may change."""

    NOTHING = 0
    VALUES = 1
    PARTS = 2  # values, some of which are delivered already
    TEXT = 3  # values, one of which is a long string
    ITEMS = 4
    URI = 5
    BINARY = 6
    BINARY_PARTS = 7
    INVALID_BINARY = 8  # an InlineBinary that is not base64
    FRAGMENTS = 9
    INVALID_URI = 10  # a BulkDataURI that is not a string


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
    State.URI_IN_ARRAY: 2,
    State.URI_END: 2,
    State.BINARY: 1,
    State.BINARY_PARTS: 1,
    State.BINARY_END: 2,
    State.FRAGMENTS: 1,
}
"""Objects and arrays of the attribute that are open in a state."""

EXPECTED: dict[int, str] = {
    State.ROOT: "'{' or '[' of a data set",
    State.ARRAY: "'{' of a data set, or ']'",
    State.DATASET: "the key of an attribute",
    State.OPEN: "the object of an attribute",
    State.ATTRIBUTE: "a member of an attribute",
    State.VR: "a string for 'vr'",
    State.VALUE: "an array for 'Value'",
    State.VALUES: "a value",
    State.TEXT: "the rest of a string",
    State.OBJECT: "an item or a person name",
    State.NAME: "a component group",
    State.GROUP: "a string for a component group",
    State.URI: "a string for 'BulkDataURI'",
    State.URI_IN_ARRAY: "a string for 'BulkDataURI'",
    State.URI_END: "']' after 'BulkDataURI'",
    State.BINARY: "a base64 string for 'InlineBinary'",
    State.BINARY_PARTS: "the rest of a string",
    State.BINARY_END: "']' after 'InlineBinary'",
    State.FRAGMENTS: "an array for 'DataFragment'",
}
