"""Deviations from the standard: the table of codes, and reports.

The lenient profile reads each form as its row says and reports a ``Deviation``. The strict profile raises an error.
``ReadOptions.deviations`` overrides single codes. Codes are stable.
"""

from __future__ import annotations

from collections import Counter
from enum import IntEnum
from functools import partial

from streamdicom._html import table
from streamdicom._records import NamedTuple, record
from streamdicom._warn import Warner
from streamdicom._warn import warn as _warn
from streamdicom.errors import Location


class Severity(IntEnum):
    """The severity of a deviation.

    >>> Severity.NOTE < Severity.SLIGHT < Severity.WARNING < Severity.ERROR
    True
    """

    NOTE = 1  # a form that the standard leaves open
    SLIGHT = 2  # a wrong form without consequence
    WARNING = 3  # a wrong form that other readers may misread
    ERROR = 4  # an element was dropped, emptied, or kept as JSON text


class DeviationWarning(UserWarning):
    """Issued once for each code that matters, unless ``on_deviation`` is set."""


class _Row(NamedTuple):
    severity: Severity
    meaning: str  # the form, with the clause that it departs from, and how it is read
    example: str
    is_checked: bool = False  # found by a check of values or modules only, and not by a parser or a writer


_checked = partial(_Row, is_checked=True)
_NOTE, _SLIGHT, _WARNING, _ERROR = Severity

_XML = '<NativeDicomModel xmlns="http://dicom.nema.org/PS3.19/models/NativeDICOM">'

DEVIATIONS: dict[str, _Row] = {
    # JSON text (RFC 8259)
    "byte-order-mark": _Row(_SLIGHT, "a byte order mark before the text (RFC 8259 8.1); it is skipped", "\ufeff[]"),
    "trailing-comma": _Row(_WARNING, "a comma before a closing bracket (RFC 8259 4, 5); it is skipped", "[{},]"),
    "comment": _Row(_WARNING, "a comment after // or within /* */ (RFC 8259 2); it is white space", "[] // the end"),
    "bare-nonfinite": _Row(
        _WARNING,
        "NaN or Infinity outside of a string (RFC 8259 6); it is read as the string",
        '{"00189087":{"vr":"FD","Value":[NaN]}}',
    ),
    # data sets
    "wrapper": _Row(_WARNING, "an object around the array (PS3.18 F.2.1); the array is read", '{"results":[{}]}'),
    "unknown-key": _Row(
        _WARNING,
        "a key that is neither a tag nor a keyword (PS3.18 F.2.2); the member is dropped",
        '{"has_pixel":true}',
    ),
    "key-form": _Row(
        _WARNING,
        "a tag in another form: lower case, (gggg,eeee), gggg,eeee or xggggeeee (PS3.18 F.2.2)",
        '{"(0010,0010)":{"vr":"PN"}}',
    ),
    "keyword-key": _Row(
        _SLIGHT,
        "a keyword as key, in camel case or not (PS3.18 F.2.2); it is read as its tag",
        '{"PatientID":{"vr":"LO"}}',
    ),
    "key-order": _Row(
        _SLIGHT,
        "a tag lower than the one before (PS3.5 7.1, PS3.18 F.2.2); events keep the order of the source",
        '{"00100020":{"vr":"LO"},"00100010":{"vr":"PN"}}',
    ),
    "duplicate-key": _Row(
        _ERROR,
        "a repeated element of a data set (PS3.5 7.1); the first one counts",
        '{"00100020":{"vr":"LO"},"00100020":{"vr":"LO","Value":["2"]}}',
    ),
    "delimiter-key": _Row(
        _WARNING,
        "a tag of group FFFE, which marks items and their ends (PS3.5 7.5); the member is dropped",
        '{"FFFEE00D":{"vr":"UN"}}',
    ),
    "group-length": _Row(
        _SLIGHT, "a group length (PS3.5 7.2); it is read and never written", '{"00080000":{"vr":"UL","Value":[8]}}'
    ),
    "file-meta": _Row(
        _NOTE,
        "file meta information (group 0002), which PS3.18 F does not define; it is read",
        '{"00020010":{"vr":"UI","Value":["1.2.840.10008.1.2.1"]}}',
    ),
    "file-meta-in-item": _Row(
        _SLIGHT,
        "an element of group 0002 in an item of a sequence (PS3.5 7.1, PS3.10 7.1); it is read",
        '{"00081140":{"vr":"SQ","Value":[{"00020012":{"vr":"UI","Value":["1.2.3"]}}]}}',
    ),
    # attributes
    "member-case": _Row(
        _WARNING,
        "vr, Value, BulkDataURI or InlineBinary in another case (PS3.18 F.2.2)",
        '{"00100020":{"vr":"LO","value":["1"]}}',
    ),
    "extra-member": _Row(
        _SLIGHT,
        "keyword, name or _rawValue beside vr, as some writers add (PS3.18 F.2.2); it is skipped",
        '{"00100020":{"vr":"LO","keyword":"PatientID"}}',
    ),
    "unknown-member": _Row(
        _WARNING, "another unknown member (PS3.18 F.2.2); it is dropped", '{"00100020":{"vr":"LO","x":1}}'
    ),
    "several-contents": _Row(
        _ERROR,
        "more than one of Value, InlineBinary and BulkDataURI in an attribute (PS3.18 F.2.2) or a fragment; "
        "the first of Value and InlineBinary counts, and a reference counts only alone",
        '{"00091001":{"vr":"OB","BulkDataURI":"x","InlineBinary":"AAE="}}',
    ),
    "missing-vr": _Row(
        _WARNING,
        "no vr (PS3.18 F.2.2); "
        "it is the VR of the data dictionary, SQ for items, PN for names, UN for InlineBinary or without a value",
        '{"00100020":{"Value":["1"]}}',
    ),
    "unknown-vr": _Row(
        _ERROR,
        "an unknown vr (PS3.5 6.2); "
        "it is the VR of the data dictionary, SQ for items, PN for names, UN for InlineBinary or without a value, "
        "and UN in a DICOM file",
        '{"00091001":{"vr":"XX"}}',
    ),
    "ambiguous-vr": _Row(
        _WARNING,
        "several VRs, as pydicom writes, or one of DCMTK's names for several (PS3.5 6.2); "
        "it is the one that fits the value and Pixel Representation",
        '{"00280106":{"vr":"US or SS","Value":[0]}}',
    ),
    # attributes in XML (PS3.19 A.1.5)
    "no-namespace": _Row(
        _SLIGHT, "a NativeDicomModel without its namespace (PS3.19 A.1); it is read", "<NativeDicomModel/>"
    ),
    "keyword-mismatch": _Row(
        _WARNING,
        "a keyword that is not the keyword of the tag (PS3.6 6); the tag counts",
        f'{_XML}<DicomAttribute tag="00100020" vr="LO" keyword="PatientName"/></NativeDicomModel>',
    ),
    "value-number": _Row(
        _WARNING,
        "a missing, repeated or odd number of a Value, PersonName or Item (PS3.19 A.1); their order counts",
        f'{_XML}<DicomAttribute tag="00100020" vr="LO"><Value>1</Value></DicomAttribute></NativeDicomModel>',
    ),
    # values
    "scalar-value": _Row(
        _WARNING,
        "a Value that is not an array (PS3.18 F.2.2); it is the only value",
        '{"00100020":{"vr":"LO","Value":"1"}}',
    ),
    "null-value": _Row(
        _SLIGHT,
        "null for a member of an attribute (PS3.18 F.2.5); the member is ignored",
        '{"00100020":{"vr":"LO","Value":null}}',
    ),
    "empty-array": _Row(
        _SLIGHT, "an empty Value (PS3.18 F.2.5); the element is empty", '{"00100020":{"vr":"LO","Value":[]}}'
    ),
    "null-only": _Row(
        _SLIGHT,
        "null for the only value (PS3.18 F.2.5); the element is empty",
        '{"00100020":{"vr":"LO","Value":[null]}}',
    ),
    "empty-string": _Row(
        _SLIGHT, "an empty string (PS3.18 F.2.5); the value is empty", '{"00100020":{"vr":"LO","Value":[""]}}'
    ),
    "backslash": _Row(
        _WARNING,
        "a backslash in a value, where the VR uses it as separator (PS3.5 6.4); it separates values",
        '{"00080060":{"vr":"CS","Value":["CT\\\\MR"]}}',
    ),
    "several-values": _Row(
        _WARNING,
        "several values for LT, ST, UR or UT, which have one (PS3.5 6.4); it is the values with a backslash between "
        "them, as in a file",
        '{"00104000":{"vr":"LT","Value":["a","b"]}}',
    ),
    "padding": _Row(
        _SLIGHT,
        "padding that PS3.5 6.2 does not allow: NUL after text, which pads UI in files only, a space or several NULs "
        "after UI, spaces after AS or DA; in JSON, NUL is dropped, and in DICOM files all padding is",
        '{"00080018":{"vr":"UI","Value":["1.2\\u0000"]}}',
    ),
    "number-for-text": _Row(
        _WARNING,
        "a whole number for LO, LT, SH, ST, UC or UT, of eight digits for DA, or of six for TM (PS3.18 F.2.3); "
        "it is the text",
        '{"00100020":{"vr":"LO","Value":[123]}}',
    ),
    "null-item": _Row(
        _WARNING, "null among items (PS3.18 F.2.5); it is an empty item", '{"00081140":{"vr":"SQ","Value":[null]}}'
    ),
    "number-as-string": _Row(
        _WARNING,
        "a string for a VR of binary numbers (PS3.18 F.2.3); it is the number",
        '{"00280010":{"vr":"US","Value":["5"]}}',
    ),
    "out-of-range": _Row(
        _WARNING,
        "a number out of the range of its VR (PS3.5 6.2); it is read unchanged",
        '{"00280010":{"vr":"US","Value":[65536]}}',
    ),
    "inexact-number": _Row(
        _WARNING,
        "an FL of more digits than 32 bits hold (PS3.5 6.2); it is read unchanged, and rounded in a DICOM file",
        '{"00089459":{"vr":"FL","Value":[16777217]}}',
    ),
    "integer-fraction": _Row(
        _WARNING,
        "an IS with a fraction of zero or an exponent (PS3.5 6.2); a number is the integer, a string is kept",
        '{"00200013":{"vr":"IS","Value":[5.0]}}',
    ),
    "not-a-number": _Row(
        _WARNING,
        "a DS that is not a number, or an IS that is not an integer (PS3.5 6.2); the text is kept",
        '{"00200013":{"vr":"IS","Value":["first"]}}',
    ),
    "nonfinite": _Row(
        _NOTE,
        "NaN, Infinity or -Infinity as a string (CP-2352), as JSON has no such number",
        '{"00189087":{"vr":"FD","Value":["NaN"]}}',
    ),
    "nonfinite-spelling": _Row(
        _WARNING,
        "NaN or an infinity as a string in another spelling (PS3.18 F.2.3)",
        '{"00189087":{"vr":"FD","Value":["-inf"]}}',
    ),
    "largest-double": _Row(
        _NOTE,
        "the largest double, which dcm4che writes for infinity (PS3.18 F.2.3); it is read unchanged",
        '{"00189087":{"vr":"FD","Value":[1.7976931348623157e308]}}',
    ),
    "name-as-string": _Row(
        _WARNING,
        "a person name that is a string (PS3.18 F.2.2); = separates its component groups",
        '{"00100010":{"vr":"PN","Value":["Doe^Jane"]}}',
    ),
    "name-groups-in-one": _Row(
        _WARNING,
        "several component groups within Alphabetic (PS3.18 F.2.2); = separates them",
        '{"00100010":{"vr":"PN","Value":[{"Alphabetic":"A=I=P"}]}}',
    ),
    "empty-name": _Row(
        _SLIGHT,
        "a person name without component groups (PS3.18 F.2.2); it is empty",
        '{"00100010":{"vr":"PN","Value":[{}]}}',
    ),
    "empty-name-group": _Row(
        _SLIGHT,
        "a component group that is null or empty (PS3.18 F.2.2); it is ignored",
        '{"00100010":{"vr":"PN","Value":[{"Alphabetic":"A","Phonetic":null}]}}',
    ),
    "tag-value-form": _Row(
        _WARNING,
        "a value of AT in another form, as in key-form (PS3.18 F.2.3)",
        '{"00280009":{"vr":"AT","Value":["(0018,1063)"]}}',
    ),
    "tag-as-number": _Row(
        _WARNING,
        "a number for AT, as dcmjs writes (PS3.18 F.2.3); it is the tag",
        '{"00280009":{"vr":"AT","Value":[1577059]}}',
    ),
    "items-for-vr": _Row(
        _WARNING, "items for UN (PS3.5 6.2.2); they are a sequence", '{"00081140":{"vr":"UN","Value":[{}]}}'
    ),
    "binary-in-array": _Row(
        _NOTE,
        "InlineBinary in an array, as in the example of F.4 (PS3.18 F.2.7)",
        '{"00091001":{"vr":"OB","InlineBinary":["AAE="]}}',
    ),
    "base64-form": _Row(
        _WARNING,
        "base64 without padding, of the URL-safe alphabet, or with white space (RFC 4648); it is decoded",
        '{"00091001":{"vr":"OB","InlineBinary":"AAE"}}',
    ),
    "uri-in-array": _Row(
        _WARNING,
        "BulkDataURI in an array (PS3.18 F.2.6); it is the URI",
        '{"00091001":{"vr":"OB","BulkDataURI":["x"]}}',
    ),
    "empty-uri": _Row(
        _WARNING,
        "an empty BulkDataURI (PS3.18 F.2.6); the element is empty",
        '{"00091001":{"vr":"OB","BulkDataURI":""}}',
    ),
    "binary-for-vr": _Row(
        _WARNING,
        "InlineBinary for a VR that is not binary (PS3.18 F.2.7); it is the value field, or UN if it is long",
        '{"00280010":{"vr":"US","InlineBinary":"AAI="}}',
    ),
    "data-fragment": _Row(
        _WARNING,
        "DataFragment of dcm4che (PS3.18 F.2.7); it is encapsulated pixel data, or JSON text if it has references",
        '{"7FE00010":{"vr":"OB","DataFragment":[null,{"InlineBinary":"/9j/4A=="}]}}',
    ),
    "wrong-value": _Row(
        _ERROR,
        "a value that its VR cannot have, or a vr or element of another type (PS3.5 6.2); ReadOptions.on_error decides",
        '{"00280010":{"vr":"US","Value":["many"]}}',
    ),
    # values by their VR and the data dictionary, which validate checks
    "multiplicity": _checked(
        _WARNING,
        "a number of values that the data dictionary or the VR excludes (PS3.5 6.4, PS3.6)",
        '{"00280030":{"vr":"DS","Value":[1,2,3]}}',
    ),
    "wrong-vr": _checked(
        _WARNING,
        "a VR other than that of the data dictionary (PS3.6); UN is not reported (PS3.5 6.2.2)",
        '{"00100020":{"vr":"SH","Value":["1"]}}',
    ),
    "unknown-element": _checked(
        _NOTE,
        "an element of an even group that this data dictionary lacks (PS3.5 7.1, PS3.6)",
        '{"00100011":{"vr":"LO","Value":["1"]}}',
    ),
    "native-pixel-data": _checked(
        _ERROR,
        "native pixel data in a transfer syntax for encapsulated pixel data (PS3.5 A.4); DCMTK refuses the file",
        '{"00020010":{"vr":"UI","Value":["1.2.840.10008.1.2.4.50"]},"7FE00010":{"vr":"OW","InlineBinary":"AAA="}}',
    ),
    "unknown-transfer-syntax": _checked(
        _ERROR,
        "a UID for a transfer syntax that begins as those of DICOM, but is not one of PS3.6 Table A-1 (PS3.10 7.1)",
        '{"00020010":{"vr":"UI","Value":["1.2.840.10008.1.1"]}}',
    ),
    "private-transfer-syntax": _checked(
        _WARNING,
        "a private transfer syntax, which other systems may not read (PS3.5 10, PS3.10 7.1)",
        '{"00020010":{"vr":"UI","Value":["1.2.3"]}}',
    ),
    "private-block": _checked(
        _WARNING,
        "a private element in a block that no Private Creator reserves (PS3.5 7.8.1)",
        '{"00091001":{"vr":"LO","Value":["1"]}}',
    ),
    "private-element": _checked(
        _NOTE,
        "a private element with another VR than pydicom's private dictionary has for its creator (PS3.5 7.8)",
        '{"00090010":{"vr":"LO","Value":["GEMS_IDEN_01"]},"00091002":{"vr":"LO","Value":["1"]}}',
    ),
    "too-long": _checked(
        _WARNING,
        "a value longer than its VR allows (PS3.5 6.2, 6.2.1.2)",
        '{"00080050":{"vr":"SH","Value":["12345678901234567"]}}',
    ),
    "wrong-character": _checked(
        _WARNING,
        "a character outside of the repertoire of its VR (PS3.5 6.1, 6.2)",
        '{"00080060":{"vr":"CS","Value":["C-T"]}}',
    ),
    "lower-case": _checked(
        _WARNING, "a letter in lower case in a CS (PS3.5 6.2)", '{"00080060":{"vr":"CS","Value":["ct"]}}'
    ),
    "not-a-uid": _checked(
        _WARNING,
        "a UI of anything but components of digits without leading zeros (PS3.5 9.1)",
        '{"00080018":{"vr":"UI","Value":["1.02.840"]}}',
    ),
    "not-a-date": _checked(
        _WARNING,
        "a DA that is not a date YYYYMMDD of the calendar (PS3.5 6.2)",
        '{"00080020":{"vr":"DA","Value":["2004-01-19"]}}',
    ),
    "not-a-time": _checked(
        _WARNING,
        "a TM that is not a time HHMMSS.FFFFFF; the second 60 is a leap second (PS3.5 6.2)",
        '{"00080030":{"vr":"TM","Value":["25:99"]}}',
    ),
    "not-a-date-time": _checked(
        _WARNING,
        "a DT that is not a date and time YYYYMMDDHHMMSS.FFFFFF&ZZXX (PS3.5 6.2)",
        '{"0008002A":{"vr":"DT","Value":["20040119T103000"]}}',
    ),
    "not-an-age": _checked(
        _WARNING,
        "an AS that is not three digits and D, W, M or Y (PS3.5 6.2)",
        '{"00101010":{"vr":"AS","Value":["50"]}}',
    ),
    "name-groups": _checked(
        _WARNING,
        "a person name of more than three component groups (PS3.5 6.2.1.1)",
        '{"00100010":{"vr":"PN","Value":[{"Alphabetic":"A","Phonetic":"P=Q"}]}}',
    ),
    "name-components": _checked(
        _WARNING,
        "a component group of a person name with more than five components (PS3.5 6.2.1.1)",
        '{"00100010":{"vr":"PN","Value":[{"Alphabetic":"A^B^C^D^E^F"}]}}',
    ),
    "empty-number": _checked(
        _WARNING,
        "an empty value among binary numbers, which no DICOM file can carry (PS3.5 6.2)",
        '{"00540010":{"vr":"US","Value":[1,null]}}',
    ),
    "incomplete-word": _checked(
        _WARNING,
        "a binary value that ends within a word of its VR (PS3.5 6.2)",
        '{"7FE00010":{"vr":"OW","InlineBinary":"AAAA"}}',
    ),
    # text in DICOM files (PS3.5 6.1, PS3.3 C.12.1.1.2)
    "character-set": _Row(
        _WARNING,
        "a value of Specific Character Set that PS3.3 C.12.1.1.2 does not define there; it is read as the term that it "
        "resembles, else as the default",
        '{"00080005":{"vr":"CS","Value":["ISO_IR 99"]}}',
    ),
    "no-character-set": _Row(
        _WARNING,
        "text beyond ASCII where no character set is in force (PS3.5 6.1.2); it is read as ISO 8859-1, or as the first "
        "set that Specific Character Set has for escape sequences",
        "(0010,0010) PN M\\xfcller, without (0008,0005)",
    ),
    "escape-sequence": _Row(
        _WARNING,
        "an escape sequence that Specific Character Set does not allow, or a missing one before a delimiter (PS3.5 "
        "6.1.2.5); it is followed, and a data set or file with such text may need ISO_IR 192",
        "(0008,0005) CS ISO_IR 100, (0010,0010) PN \\x1b$B;3ED\\x1b(B",
    ),
    "undecodable-text": _Row(
        _ERROR,
        "bytes that no character set in force has, or an unknown escape sequence (PS3.5 6.1); "
        "U+FFFD stands for them, and ? for ESC where no character set applies",
        "(0008,0005) CS ISO_IR 192, (0010,0010) PN M\\xfcller",
    ),
    # DICOM files (PS3.5 7, PS3.10 7)
    "odd-length": _Row(
        _SLIGHT, "a value or fragment of odd length (PS3.5 7.1.1, A.4); it is read", "(0010,0020) LO, length 3"
    ),
    "undefined-length": _Row(
        _WARNING,
        "an undefined length for a VR that cannot have one (PS3.5 7.1.2), which makes the element a sequence; or "
        "fragments in a native transfer syntax, or in another element than Pixel Data (PS3.5 A.4)",
        "(0009,1001) UT, length FFFFFFFF: an item",
    ),
    "misplaced-end": _Row(
        _WARNING,
        "an end of an item or a sequence that is missing, out of place or too early (PS3.5 7.5); items are read as "
        "they are, and other delimiters are passed over",
        "(0008,1140) SQ, length 30: an item of 22 bytes, (FFFE,E0DD)",
    ),
    "broken-structure": _Row(
        _ERROR,
        "bytes that are no element, item or fragment (PS3.5 7), or whose end is beyond that of the item around them; "
        "the rest of that item, of the sequence or of the data set is left out",
        "(0008,1140) SQ, length FFFFFFFF: 'hello world'",
    ),
    "truncated": _Row(
        _ERROR,
        "a file that ends within its data set (PS3.5 7.1); the data set has the elements before the end",
        "(0010,0020) LO, length 8: value '123', the end of the file",
    ),
    "trailing-padding": _Row(
        _WARNING,
        "zero bytes after the last element, as padding without (FFFC,FFFC) (PS3.10 7.2); they are passed over",
        "(0010,0020) LO, length 4: value '1234', 100 zero bytes",
    ),
    "file-meta-length": _Row(
        _SLIGHT,
        "a number in (0002,0000) that is not the length of the File Meta Information (PS3.10 7.1); the group counts",
        "(0002,0000) UL, length 4: value 0, (0002,0010)",
    ),
    "wrong-encoding": _Row(
        _ERROR,
        "implicit VR in a file whose transfer syntax has explicit VR, or the reverse (PS3.5 10.1); the data set counts",
        "(0002,0010) UI: value '1.2.840.10008.1.2.1', (0010,0020), length 4: value '1234'",
    ),
    "misplaced-file-meta": _Row(
        _ERROR,
        "an element of group 0002 after the File Meta Information (PS3.10 7.1); it is left out",
        "(0008,0018) UI, (0002,0010) UI",
    ),
    # modules, which validate --iod checks
    "missing-attribute": _checked(
        _WARNING,
        "no attribute of type 1 or 2 of a module that the IOD of the SOP Class requires, or that is present (PS3.3)",
        '{"00080016":{"vr":"UI","Value":["1.2.840.10008.5.1.4.1.1.7"]}}',
    ),
    "empty-attribute": _checked(
        _WARNING,
        "an attribute of type 1 or 1C without a value (PS3.5 7.4.1, PS3.3)",
        '{"00080016":{"vr":"UI","Value":["1.2.840.10008.5.1.4.1.1.7"]},"00080060":{"vr":"CS"}}',
    ),
    "file-meta-differs": _checked(
        _WARNING,
        "a UID of the File Meta Information other than the SOP Class UID or SOP Instance UID (PS3.10 7.1)",
        '{"00020003":{"vr":"UI","Value":["1.2.3"]},"00080018":{"vr":"UI","Value":["1.2.4"]}}',
    ),
    "shared-uid": _checked(
        _WARNING,
        "one UID for two of instance, series, study and frame of reference (PS3.5 9)",
        '{"0020000D":{"vr":"UI","Value":["1.2.3"]},"0020000E":{"vr":"UI","Value":["1.2.3"]}}',
    ),
    "unknown-sop-class": _checked(
        _NOTE,
        "no SOP Class UID, or a SOP Class that the tables of IODs lack (PS3.3 A); modules are not checked",
        '{"00080016":{"vr":"UI","Value":["1.2.3"]}}',
    ),
    # elements
    "converter-failed": _Row(
        _ERROR,
        "an element whose converter fails; ReadOptions.on_error decides",
        '{"00080020":{"vr":"DA","Value":["soon"]}}',
    ),
    "unwritable-text": _Row(
        _ERROR,
        "a character that XML 1.0 cannot represent (section 2.2), found while writing; WriteOptions.on_error decides",
        '{"00104000":{"vr":"LT","Value":["\\u001b"]}}',
    ),
}
"""Every code, with its severity, its meaning, and an example."""


@record(frozen=True, slots=True)
class Deviation:
    """A deviation from the standard, found while reading.

    Attributes:
        code: A key of ``DEVIATIONS``.
        severity: The severity.
        location: The byte offset, the index of the data set, and the tag path.
        message: The fault. It never quotes values of the document.

    >>> str(Deviation("null-value", Severity.NOTE, Location(31, 0, "00100020"), "a 'Value' of null"))
    "note null-value: a 'Value' of null (byte 31, [0].00100020 PatientID)"
    """

    code: str
    severity: Severity
    location: Location
    message: str

    def __str__(self) -> str:
        place = str(self.location)
        return f"{self.severity.name.lower()} {self.code}: {self.message}{f' ({place})' if place else ''}"


class DeviationLog:
    """An ``on_deviation`` that keeps the first ones, and counts all by code.

    Args:
        max_kept: The maximum number of deviations to keep.

    Attributes:
        first: The deviations kept, in the order of the stream.
        counts: The number of deviations of each code.

    >>> from streamdicom import ReadOptions, loads
    >>> log = DeviationLog()
    >>> ds = loads('{"00100020": {"vr": "LO", "Value": "17"}}', options=ReadOptions(on_deviation=log))
    >>> ds.PatientID, log.counts["scalar-value"], log.first[0].location.tag_path
    ('17', 1, '00100020')
    >>> log
    <DeviationLog scalar-value: 1>
    """

    def __init__(self, max_kept: int = 1000) -> None:
        self._max_kept = max_kept
        self.first: list[Deviation] = []
        self.counts: Counter[str] = Counter()

    def __repr__(self) -> str:
        counts = ", ".join(f"{code}: {count}" for code, count in self.counts.most_common())
        return f"<DeviationLog {counts or 'empty'}>"

    def _repr_html_(self) -> str:
        rows = [(DEVIATIONS[code], code, count) for code, count in self.counts.most_common()]
        cells = [(count, row.severity.name.lower(), code, row.meaning) for row, code, count in rows]
        return table(f"{self.counts.total():,} deviations", ["number", "severity", "code", "meaning"], cells)

    def __call__(self, deviation: Deviation) -> None:
        """Record a deviation."""
        self.counts[deviation.code] += 1
        if len(self.first) < self._max_kept:
            self.first.append(deviation)


def warner() -> Warner:
    """Return a function that warns once of each code that matters."""
    warned: set[str] = set()

    def warn(code: str, text: str = "") -> None:
        row = DEVIATIONS[code]
        if code not in warned and row.severity >= Severity.WARNING:
            warned.add(code)
            hint = "ReadOptions.on_deviation and 'streamdicom validate' report every occurrence"
            _warn(f"{code}: {text or row.meaning}. {hint}", DeviationWarning)

    return warn
