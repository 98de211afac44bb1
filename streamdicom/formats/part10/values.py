"""Values to and from value fields, with text in any character set (PS3.5 6.1)."""

from __future__ import annotations

from collections.abc import Collection

from streamdicom._typing import Any
from streamdicom.dicom import (
    DECODERS,
    ENCODERS,
    MAX_SHORT_LENGTH,
    NO_CHARACTER_SET,
    SHORT_VRS,
    SPLITTERS,
    UNDECODABLE,
    VRS,
    CharacterSets,
    Definition,
    Form,
    TextDecoder,
    TextEncoder,
    character_sets,
    creator_of,
    definition_of,
    dictionary_vrs,
    field_numbers,
    field_text,
    is_private,
    join_name,
    private_definition,
)
from streamdicom.errors import LimitError, OutputError
from streamdicom.events import LAST_SEGMENT, SEGMENT, VALUES, Event
from streamdicom.formats.element_rules import check_values
from streamdicom.formats.part10.headers import TAG
from streamdicom.formats.part10.runs import MISMATCHES
from streamdicom.formats.writer import several_binary_values, value_error

_ESCAPE, _ESCAPE_BYTE = "\x1b", b"\x1b"
_REPLACEMENT = "?"  # which, unlike U+FFFD, can be written again where no character set applies
_MAX_VALUE_LENGTH = 64 * 1024  # characters of a value that is not delivered in segments
_BATCH_SIZE = 4096  # values in one event
_TEXT_FORMS = frozenset({Form.TEXT, Form.DECIMAL, Form.PERSON_NAME})
_MAGIC, _PREAMBLE_SIZE = b"DICM", 128  # at the start of a file (PS3.10 7.1)
_MAX_CREATORS = 64  # that are looked up for one element


STRIPPED_VRS = frozenset({"AE", "DS", "IS", "UI", "UR"})
"""The VRs from whose values pydicom strips all white space at the ends."""

# --- value fields to values ------------------------------------------------------------------------------------


def text_values(vr: str, data: bytes, sets: CharacterSets) -> tuple[tuple[Any, ...], Collection[str]]:
    r"""Return the values of a text VR from its value field, and the codes of faults.

    Args:
        vr: A text VR.
        data: The value field.
        sets: The character sets in force.

    >>> text_values("LO", b"\xe9\\b ", character_sets(["ISO_IR 100"]))
    (('é', 'b'), frozenset())
    """
    if VRS[vr].character_set:
        text, faults = sets.decode(data, vr)
        return SPLITTERS[vr](text), faults
    decoder = _PlainDecoder()
    return SPLITTERS[vr](decoder.decode(data, final=True)), decoder.faults


class _PlainDecoder:
    """A decoder for VRs to which no character set applies (PS3.5 6.1.2.2)."""

    def __init__(self) -> None:
        self.faults: set[str] = set()

    def decode(self, data: bytes, *, final: bool) -> str:
        """Return the text of the next bytes."""
        if not data.isascii():
            self.faults.add(NO_CHARACTER_SET)
        text = data.decode("latin_1")
        if _ESCAPE in text:
            self.faults.add(UNDECODABLE)
            text = text.replace(_ESCAPE, _REPLACEMENT)
        return text


class LongText:
    """Decodes a long value field of text into the events of an element in parts.

    Args:
        tag: The tag of the element.
        vr: A text VR.
        sets: The character sets in force.
    """

    def __init__(self, tag: int, vr: str, sets: CharacterSets) -> None:
        self._tag = tag
        self._vr = vr
        self._split_values = SPLITTERS[vr]
        self._multiple = VRS[vr].multiple
        self._decoder = TextDecoder(sets, vr) if VRS[vr].character_set else _PlainDecoder()
        self._known_faults: set[str] = set()
        self._pending = ""  # text after the last delimiter
        self._in_segments = False

    def feed(self, data: bytes, *, final: bool) -> list[Event]:
        """Take the next bytes; return the events that they complete.

        Args:
            data: The next bytes of the value field.
            final: True for the last ones.

        Raises:
            LimitError: A value of a VR without long values is too long.
        """
        text = self._pending + self._decoder.decode(data, final=final)
        self._pending = ""
        events: list[Event] = []
        if self._multiple:
            text = self._take_values(text, events)
        if final:
            self._end(text, events)
        elif not self._multiple or self._in_segments or len(text) > _MAX_VALUE_LENGTH:
            self._add_segment(SEGMENT, text, events)
        else:
            self._pending = text
        return events

    def new_faults(self) -> set[str]:
        """Return the codes of faults that were not there at the last call."""
        found = self._decoder.faults - self._known_faults
        self._known_faults |= found
        return found

    def _take_values(self, text: str, events: list[Event]) -> str:
        """Deliver the complete values; return the text after them."""
        if self._in_segments and "\\" in text:
            value, text = text.split("\\", 1)
            self._end_segments(value, events)
        complete, delimiter, rest = text.rpartition("\\")
        if delimiter:
            # A further value after them keeps the padding of the last one.
            self._add_values(self._split_values(complete + "\\.")[:-1], events)
        return rest

    def _add_values(self, values: tuple[Any, ...], events: list[Event]) -> None:
        for start in range(0, len(values), _BATCH_SIZE):
            events.append((VALUES, self._tag, self._vr, values[start : start + _BATCH_SIZE]))

    def _add_segment(self, kind: int, text: str, events: list[Event]) -> None:
        if VRS[self._vr].form is not Form.TEXT:
            raise LimitError(
                f"expected a value of at most {_MAX_VALUE_LENGTH} characters for VR {self._vr}, found a longer one",
                "segment_size",
            )
        self._in_segments = kind == SEGMENT
        events.append((kind, self._tag, self._vr, text))

    def _end_segments(self, text: str, events: list[Event]) -> None:
        # Padding may be longer than a segment; the padding before the last segment stays.
        self._add_segment(LAST_SEGMENT, text.rstrip("\0 "), events)

    def _end(self, text: str, events: list[Event]) -> None:
        if self._in_segments or not self._multiple:
            self._end_segments(text, events)
        else:
            self._add_values(self._split_values(text), events)


# --- values to value fields ------------------------------------------------------------------------------------


class NotEncodableError(Exception):
    """The character sets do not carry a text, or VR UN would hide them."""


def encode_field(vr: str, values: tuple[Any, ...], terms: tuple[Any, ...], *, in_utf_8: bool) -> bytes:
    r"""Return the padded value field of an element (PS3.5 6.2).

    Args:
        vr: Any VR but SQ.
        values: The values.
        terms: The values of Specific Character Set in force.
        in_utf_8: True to encode text in UTF-8 and ignore the terms.

    Raises:
        NotEncodableError: The character sets do not carry a text.
        OutputError: A value does not fit the VR.

    >>> encode_field("LO", ("é",), ("ISO_IR 100",), in_utf_8=False)
    b'\xe9 '
    """
    try:
        data = ENCODERS[vr](values) if values else b""
        if data is not None:
            return data
        data = _encode_field(vr, values, terms, in_utf_8)
    except MISMATCHES as error:
        raise value_error(error) from error
    return data + padding(vr) if len(data) & 1 else data


def _encode_field(vr: str, values: tuple[Any, ...], terms: tuple[Any, ...], in_utf_8: bool) -> bytes:
    row = VRS[vr]
    if row.form is Form.BINARY:
        if len(values) > 1:
            raise several_binary_values()
        if not isinstance(values[0], bytes):
            raise TypeError
        return values[0]
    if row.code:
        return field_numbers(vr, values)
    check_values(vr, values)
    text = field_text(vr, values)
    check_ends(vr, values)
    data = FieldEncoder(vr, terms, in_utf_8=in_utf_8).encode(text, final=True)
    check_length(vr, len(data), is_ascii=data.isascii(), in_utf_8=in_utf_8)
    return data


def check_ends(vr: str, values: tuple[Any, ...]) -> None:
    """Check that readers strip nothing but padding from a value.

    Raises:
        OutputError: They do, as pydicom does with all white space.
    """
    if vr in STRIPPED_VRS and are_stripped(values):
        raise ends_error(vr)


def are_stripped(values: tuple[Any, ...]) -> bool:
    """Return True if a value has white space other than padding at its ends."""
    return any(value and value.strip() != value.strip(" \0") for value in values)


def ends_error(vr: str) -> OutputError:
    """Return the error for a value from whose ends readers strip more than padding."""
    return OutputError(f"expected a value of VR {vr} without white space at its ends, found some other than spaces")


class FieldEncoder:
    """Encodes the text of a value field in any number of pieces.

    Args:
        vr: A text VR.
        terms: The values of Specific Character Set in force.
        in_utf_8: True to encode text in UTF-8 and ignore the terms.
    """

    def __init__(self, vr: str, terms: tuple[Any, ...], *, in_utf_8: bool) -> None:
        # No character set applies to other VRs (PS3.5 6.1.2.2); readers take their text for ISO 8859-1.
        has_sets = VRS[vr].character_set
        self._codec = "utf-8" if has_sets else "latin_1"
        self._encoder = TextEncoder(character_sets(terms), vr) if has_sets and not in_utf_8 else None

    def encode(self, text: str, *, final: bool) -> bytes:
        """Return the bytes of the next piece.

        Args:
            text: The piece.
            final: True for the last one.

        Raises:
            NotEncodableError: The character sets do not carry the text, but UTF-8 does.
            OutputError: The text has the control character ESC, which starts a code extension.
            ValueError: No character set carries the text.
        """
        if _ESCAPE in text:
            raise OutputError("expected text without the control character ESC, found one, which no file can hold")
        if self._encoder is None:
            return text.encode(self._codec)
        if not text.isascii():
            text.encode()  # half of a surrogate pair is a fault in every character set
        data = self._encoder.encode(text, final=final)
        if data is None:
            raise NotEncodableError
        return data


def check_length(vr: str, length: int, *, is_ascii: bool, in_utf_8: bool) -> None:
    """Check that a value field of text does not become UN because of its length.

    UN would hide its character set.

    Raises:
        NotEncodableError: It does, and is not in UTF-8.
    """
    if length > MAX_SHORT_LENGTH and vr in SHORT_VRS and not is_ascii and not in_utf_8:
        raise NotEncodableError


def padding(vr: str) -> bytes:
    """Return the byte that makes the length of a value field even (PS3.5 6.2)."""
    return b"\0" if vr == "UI" or VRS[vr].form is Form.BINARY else b" "


def has_odd_length(values: tuple[Any, ...]) -> bool:
    """Return whether the values are one binary value of an odd length."""
    return len(values) == 1 and isinstance(values[0], bytes) and len(values[0]) & 1 == 1


def is_number_in_dictionary(tag: int, parts: list[bytes]) -> bool:
    """Return whether readers of explicit VR may take UN for numbers if it fits.

    They give UN the VR of the dictionary (PS3.5 6.2.2), and private elements that of pydicom's private dictionary.

    Args:
        tag: The tag.
        parts: The bytes before the element, as far as they are in memory.
    """
    if is_private(tag):
        return _may_be_private_number(tag, b"".join(parts))
    return _has_numbers(definition_of(tag))


def _has_numbers(definition: Definition | None) -> bool:
    return definition is not None and all(VRS[vr].code for vr in definition.vrs)


def _may_be_private_number(tag: int, data: bytes) -> bool:
    """Return whether a creator in the bytes before a private element makes it numbers.

    The bytes are not parsed, so creators in items that have ended, and others, count too.
    """
    if not data.startswith(_MAGIC, _PREAMBLE_SIZE):  # some have left the memory
        return True
    start = TAG.pack(tag >> 16, tag >> 8 & 0xFF)
    place = data.find(start)
    for _ in range(_MAX_CREATORS):
        if place < 0:
            return False
        creator = data[place + 8 : place + 8 + int.from_bytes(data[place + 6 : place + 8], "little")].decode("latin-1")
        if data[place + 4 : place + 6] != b"LO" or _has_numbers(private_definition(tag, creator_of((creator,)))):
            return True
        place = data.find(start, place + 1)
    return True


def is_read_alike(tag: int, vr: str, read_vr: str, values: tuple[Any, ...], data: bytes) -> bool:
    r"""Return whether readers of implicit VR find the same values in a value field.

    They are the same text, bytes or numbers. UN says nothing about the value. PS3.5 A.1 makes tables of numbers bytes.

    Args:
        tag: The tag.
        vr: The VR of the element.
        read_vr: The VR that readers take.
        values: The values.
        data: The value field.

    >>> is_read_alike(0x00100020, "LO", "SH", ("a",), b"a ")
    True
    >>> is_read_alike(0x00280106, "US", "SS", (65535,), b"\xff\xff")
    False
    """
    if is_long_read_alike(tag, vr, read_vr):
        return True
    row, read_row = VRS[vr], VRS[read_vr]
    if {row.form, read_row.form} <= _TEXT_FORMS:
        is_plain = data.isascii() or (row.character_set and read_row.character_set)
        return is_plain and _ESCAPE_BYTE not in data and _texts(vr, data) == _texts(read_vr, data)
    return bool(row.code and read_row.code) and DECODERS[read_vr](data, True) == values


def is_long_read_alike(tag: int, vr: str, read_vr: str) -> bool:
    """Return whether readers of implicit VR find the same in any value field.

    Args:
        tag: The tag.
        vr: The VR of the element.
        read_vr: The VR that readers take.

    >>> is_long_read_alike(0x00104000, "UT", "LT"), is_long_read_alike(0x00104000, "LO", "LT")
    (True, False)
    """
    if vr == read_vr or "UN" in (vr, read_vr):
        return True
    row, read_row = VRS[vr], VRS[read_vr]
    if row.form is Form.BINARY or read_row.form is Form.BINARY:
        return row.form is read_row.form or vr in dictionary_vrs(tag)
    is_text = row.form is read_row.form is Form.TEXT and (vr in STRIPPED_VRS) is (read_vr in STRIPPED_VRS)
    return is_text and (row.character_set, row.multiple) == (read_row.character_set, read_row.multiple)


def _texts(vr: str, data: bytes) -> list[str]:
    """Return the texts that readers find in a value field, without its character set."""
    values: tuple[Any, ...] = SPLITTERS[vr](data.decode("latin-1"))
    return [join_name(value) if isinstance(value, tuple) else value or "" for value in values]
