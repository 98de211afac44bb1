"""States of the parser of DICOM JSON, with the input expected in each."""

from __future__ import annotations

from enum import IntEnum


class ParserState(IntEnum):
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
    INVALID_FRAGMENTS = 11  # a DataFragment in another form


OPEN_CONTAINERS: dict[int, int] = {
    ParserState.OPEN: 0,
    ParserState.ATTRIBUTE: 1,
    ParserState.VR: 1,
    ParserState.VALUE: 1,
    ParserState.VALUES: 2,
    ParserState.OBJECT: 3,
    ParserState.NAME: 3,
    ParserState.GROUP: 3,
    ParserState.URI: 1,
    ParserState.URI_IN_ARRAY: 2,
    ParserState.URI_END: 2,
    ParserState.BINARY: 1,
    ParserState.BINARY_PARTS: 1,
    ParserState.BINARY_END: 2,
    ParserState.FRAGMENTS: 1,
}
"""Objects and arrays of the attribute that are open in a state."""

EXPECTED: dict[int, str] = {
    ParserState.ROOT: "'{' or '[' of a data set",
    ParserState.ARRAY: "'{' of a data set, or ']'",
    ParserState.DATASET: "the key of an attribute",
    ParserState.OPEN: "the object of an attribute",
    ParserState.ATTRIBUTE: "a member of an attribute",
    ParserState.VR: "a string for 'vr'",
    ParserState.VALUE: "an array for 'Value'",
    ParserState.VALUES: "a value",
    ParserState.TEXT: "the rest of a string",
    ParserState.OBJECT: "an item or a person name",
    ParserState.NAME: "a component group",
    ParserState.GROUP: "a string for a component group",
    ParserState.URI: "a string for 'BulkDataURI'",
    ParserState.URI_IN_ARRAY: "a string for 'BulkDataURI'",
    ParserState.URI_END: "']' after 'BulkDataURI'",
    ParserState.BINARY: "a base64 string for 'InlineBinary'",
    ParserState.BINARY_PARTS: "the rest of a string",
    ParserState.BINARY_END: "']' after 'InlineBinary'",
    ParserState.FRAGMENTS: "an array for 'DataFragment'",
}
