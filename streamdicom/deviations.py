"""What is met in DICOM JSON that the standard does not have: a row for each, and the report of it.

The lenient profile takes each form with the meaning that its row tells, and reports a ``Deviation``; the strict one
raises an error in its place. ``ReadOptions.deviations`` says otherwise for single codes. The codes are stable.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from streamdicom.errors import Location


class Severity(IntEnum):
    """How much a deviation matters.

    >>> Severity.NOTE < Severity.SLIGHT < Severity.WARNING < Severity.ERROR
    True
    """

    NOTE = 1  # something that the standard leaves open
    SLIGHT = 2  # a wrong form of no consequence
    WARNING = 3  # a wrong form that not every reader will take as it is meant
    ERROR = 4  # something could not be taken for what it should be, and was left out, kept as it came or emptied


class DeviationWarning(UserWarning):
    """Given once for each code of ``Severity.WARNING`` or above that nobody asked to be told of."""


class _Row(NamedTuple):
    severity: Severity
    meaning: str  # what it is, and what it is taken for
    example: str


_NOTE, _SLIGHT, _WARNING, _ERROR = Severity

DEVIATIONS: dict[str, _Row] = {
    # JSON text (RFC 8259)
    "byte-order-mark": _Row(_SLIGHT, "a byte order mark before the text; it is passed over", "\ufeff[]"),
    "trailing-comma": _Row(_WARNING, "a comma before a closing bracket; it is passed over", "[{},]"),
    "comment": _Row(_WARNING, "a comment, from // or within /* */; it is white space", "[] // the end"),
    "bare-nonfinite": _Row(
        _WARNING,
        "NaN or Infinity that is no string; it is taken for the string",
        '{"00189087":{"vr":"FD","Value":[NaN]}}',
    ),
    # data sets
    "wrapper": _Row(_WARNING, "an object around the array; its array is taken for the whole", '{"results":[{}]}'),
    "unknown-key": _Row(
        _WARNING, "a key that is neither a tag nor a keyword; the member is left out", '{"has_pixel":true}'
    ),
    "key-form": _Row(
        _WARNING,
        "a tag in another form: lower case, (gggg,eeee), gggg,eeee or xggggeeee",
        '{"(0010,0010)":{"vr":"PN"}}',
    ),
    "keyword-key": _Row(
        _SLIGHT, "a keyword for a key, in camel case or not; it is the tag that has it", '{"PatientID":{"vr":"LO"}}'
    ),
    "key-order": _Row(
        _SLIGHT,
        "a tag below one before it; events come in the order of the source",
        '{"00100020":{"vr":"LO"},"00100010":{"vr":"PN"}}',
    ),
    "duplicate-key": _Row(
        _ERROR,
        "an element that comes again in its data set; the first one counts",
        '{"00100020":{"vr":"LO"},"00100020":{"vr":"LO","Value":["2"]}}',
    ),
    "group-length": _Row(
        _SLIGHT, "a group length (gggg,0000); it is read, and never written", '{"00080000":{"vr":"UL","Value":[8]}}'
    ),
    "file-meta": _Row(
        _NOTE,
        "file meta information (group 0002), which Annex F does not know; it is read",
        '{"00020010":{"vr":"UI","Value":["1.2.840.10008.1.2.1"]}}',
    ),
    # attributes
    "member-case": _Row(
        _WARNING, "vr, Value, BulkDataURI or InlineBinary in other case", '{"00100020":{"vr":"LO","value":["1"]}}'
    ),
    "extra-member": _Row(
        _SLIGHT,
        "keyword or name beside vr, as some writers add them; it is passed over",
        '{"00100020":{"vr":"LO","keyword":"PatientID"}}',
    ),
    "unknown-member": _Row(
        _WARNING, "another member that an attribute does not have; it is left out", '{"00100020":{"vr":"LO","x":1}}'
    ),
    "several-contents": _Row(
        _ERROR,
        "more than one of Value, InlineBinary and BulkDataURI; of the first two the one that comes first counts, and "
        "a reference only by itself",
        '{"00091001":{"vr":"OB","BulkDataURI":"x","InlineBinary":"AAE="}}',
    ),
    "missing-vr": _Row(
        _WARNING,
        "no vr; it is that of the data dictionary, SQ for items, UN for InlineBinary or if there is no value",
        '{"00100020":{"Value":["1"]}}',
    ),
    "unknown-vr": _Row(
        _ERROR,
        "a vr that there is not; without a value, or with InlineBinary, it is UN, and with items SQ",
        '{"00091001":{"vr":"XX"}}',
    ),
    # values
    "scalar-value": _Row(
        _WARNING, "a Value that is no array; it is the one value", '{"00100020":{"vr":"LO","Value":"1"}}'
    ),
    "null-value": _Row(
        _SLIGHT,
        "null for a member of an attribute; it is as if the member were not there",
        '{"00100020":{"vr":"LO","Value":null}}',
    ),
    "empty-array": _Row(_SLIGHT, "a Value of no values; the element is empty", '{"00100020":{"vr":"LO","Value":[]}}'),
    "null-only": _Row(
        _SLIGHT, "null for the only value; the element is empty", '{"00100020":{"vr":"LO","Value":[null]}}'
    ),
    "empty-string": _Row(_SLIGHT, "an empty string; the value is empty", '{"00100020":{"vr":"LO","Value":[""]}}'),
    "backslash": _Row(
        _WARNING,
        "a backslash in a value of a VR in which it separates values (PS3.5 6.4); there are several values",
        '{"00080060":{"vr":"CS","Value":["CT\\\\MR"]}}',
    ),
    "null-item": _Row(_WARNING, "null among items; it is an empty item", '{"00081140":{"vr":"SQ","Value":[null]}}'),
    "number-as-string": _Row(
        _WARNING, "a string for a VR of binary numbers; it is the number", '{"00280010":{"vr":"US","Value":["5"]}}'
    ),
    "out-of-range": _Row(
        _WARNING,
        "a number that its VR cannot hold (PS3.5 6.2); it is read as the number that it is",
        '{"00280010":{"vr":"US","Value":[65536]}}',
    ),
    "integer-fraction": _Row(
        _WARNING, "an IS with a fraction of zero; it is the integer", '{"00200013":{"vr":"IS","Value":[5.0]}}'
    ),
    "not-a-number": _Row(
        _WARNING,
        "a DS or an IS that is no number, or an IS that is no integer; its text is kept",
        '{"00200013":{"vr":"IS","Value":["first"]}}',
    ),
    "nonfinite": _Row(
        _NOTE,
        "NaN, Infinity or -Infinity as a string (CP-2352), for which JSON has no number",
        '{"00189087":{"vr":"FD","Value":["NaN"]}}',
    ),
    "nonfinite-spelling": _Row(
        _WARNING, "NaN or an infinity as a string in another spelling", '{"00189087":{"vr":"FD","Value":["-inf"]}}'
    ),
    "largest-double": _Row(
        _NOTE,
        "the largest double, which dcm4che writes for infinity; it is read as the number that it is",
        '{"00189087":{"vr":"FD","Value":[1.7976931348623157e308]}}',
    ),
    "name-as-string": _Row(
        _WARNING,
        "a person name that is a string; = separates its component groups",
        '{"00100010":{"vr":"PN","Value":["Doe^Jane"]}}',
    ),
    "name-groups-in-one": _Row(
        _WARNING,
        "several component groups within Alphabetic; = separates them",
        '{"00100010":{"vr":"PN","Value":[{"Alphabetic":"A=I=P"}]}}',
    ),
    "empty-name": _Row(
        _SLIGHT, "a person name without component groups; it is empty", '{"00100010":{"vr":"PN","Value":[{}]}}'
    ),
    "empty-name-group": _Row(
        _SLIGHT,
        "a component group that is null or empty; it is not there",
        '{"00100010":{"vr":"PN","Value":[{"Alphabetic":"A","Phonetic":null}]}}',
    ),
    "tag-value-form": _Row(
        _WARNING, "a value of AT in another form, as in key-form", '{"00280009":{"vr":"AT","Value":["(0018,1063)"]}}'
    ),
    "items-for-vr": _Row(
        _WARNING, "items for a VR that is not SQ; they are a sequence", '{"00081140":{"vr":"UN","Value":[{}]}}'
    ),
    "binary-in-array": _Row(
        _NOTE, "InlineBinary in an array, as F.4 itself has it", '{"00091001":{"vr":"OB","InlineBinary":["AAE="]}}'
    ),
    "binary-for-vr": _Row(
        _WARNING,
        "InlineBinary for a VR that is not binary; it is the value field in little endian, or UN if it is long",
        '{"00280010":{"vr":"US","InlineBinary":"AAI="}}',
    ),
    "data-fragment": _Row(
        _WARNING,
        "DataFragment, as dcm4che has it; it is encapsulated pixel data",
        '{"7FE00010":{"vr":"OB","DataFragment":[null,{"InlineBinary":"/9j/4A=="}]}}',
    ),
    "wrong-value": _Row(
        _ERROR,
        "a value that cannot be one of its VR, or an attribute of no form at all; ReadOptions.on_error says what "
        "becomes of it",
        '{"00280010":{"vr":"US","Value":["many"]}}',
    ),
    # elements
    "converter-failed": _Row(
        _ERROR,
        "an element that its converter fails at; ReadOptions.on_error says what becomes of it",
        '{"00080020":{"vr":"DA","Value":["soon"]}}',
    ),
}
"""Every code: its severity, what it is taken for, and an example."""


@dataclass(frozen=True, slots=True)
class Deviation:
    """A departure from the standard that was met on reading.

    Attributes:
        code: One of ``DEVIATIONS``.
        severity: How much it matters.
        location: Where it is: its byte offset, the index of its data set, its tag path.
        message: What is wrong there. It never quotes values of the document.

    >>> str(Deviation("null-value", Severity.NOTE, Location(31, 0, "00100020"), "a 'Value' of null"))
    "note null-value: a 'Value' of null (byte 31, [0].00100020)"
    """

    code: str
    severity: Severity
    location: Location
    message: str

    def __str__(self) -> str:
        place = str(self.location)
        return f"{self.severity.name.lower()} {self.code}: {self.message}{f' ({place})' if place else ''}"


class DeviationLog:
    """Collects deviations: the first ones whole, and the number of all by their codes.

    It is what ``ReadOptions.on_deviation`` takes.

    Args:
        most: How many are kept whole.

    Attributes:
        first: Those that were kept, in the order of the stream.
        counts: How many there were of each code.

    >>> from streamdicom import ReadOptions, loads
    >>> log = DeviationLog()
    >>> ds = loads('{"00100020": {"vr": "LO", "Value": "17"}}', options=ReadOptions(on_deviation=log))
    >>> ds.PatientID, log.counts["scalar-value"], log.first[0].location.tag_path
    ('17', 1, '00100020')
    """

    def __init__(self, most: int = 1000) -> None:
        self._most = most
        self.first: list[Deviation] = []
        self.counts: Counter[str] = Counter()

    def __call__(self, deviation: Deviation) -> None:
        """Take one."""
        self.counts[deviation.code] += 1
        if len(self.first) < self._most:
            self.first.append(deviation)


def warner() -> Callable[[str], None]:
    """What stands in where nobody asked to be told: a warning for each code that matters, once a stream."""
    told: set[str] = set()

    def warn(code: str) -> None:
        row = DEVIATIONS[code]
        if code not in told and row.severity >= Severity.WARNING:
            told.add(code)
            text = f"{code}: {row.meaning}. ReadOptions.on_deviation and 'streamdicom validate' tell of every one"
            warnings.warn(text, DeviationWarning, stacklevel=2)

    return warn
