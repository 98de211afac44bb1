"""DICOM events to DICOM files (PS3.10 7), in explicit VR little endian, or implicit VR where it is asked for.

Sequences and items have undefined length, because nobody knows theirs before they end. A long binary value whose
length the events do not tell gets it when it has ended; other long values wait in a temporary file, because the
layout of their header depends on it. Which events may come next is in ``_moves``.

Text is encoded in the character sets of the data set. At the first one that they do not carry, what was written is
read back and written again in UTF-8, which is the reason why the target must be a file that can be read.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable, Iterator
from enum import IntEnum
from struct import Struct
from struct import error as struct_error
from typing import Any, BinaryIO, ClassVar, TypeAlias

from streamdicom.dicom import (
    ENCODERS,
    FILE_META_GROUP,
    IMPLICIT_VR_LITTLE_ENDIAN,
    MAX_SHORT_LENGTH,
    MAX_TAG,
    PIXEL_DATA,
    SHORT_VRS,
    SOP_CLASS_UID,
    SOP_INSTANCE_UID,
    SPECIFIC_CHARACTER_SET,
    UNDEFINED_LENGTH,
    UTF_8_TERM,
    VRS,
    Form,
    FragmentCheck,
    field_numbers,
    field_text,
    format_tag,
    is_encapsulated,
    is_group_length,
    json_field,
)
from streamdicom.errors import OutputError
from streamdicom.events import (
    BINARY_SEGMENT_SIZE,
    ELEMENT,
    END_ITEM,
    END_SEQUENCE,
    START_ITEM,
    START_SEQUENCE,
    Event,
    EventType,
)
from streamdicom.formats.part10.file_meta import FileMeta, check_transfer_syntax
from streamdicom.formats.part10.parser import Part10Parser
from streamdicom.formats.writer import BLOCK_SIZE, Move, Moves, Writer
from streamdicom.options import ReadOptions, WriteOptions, options_or_default

_MAX_KNOWN = 16 * 1024


_TAG = Struct("<HH")
_SHORT = Struct("<H")
_LONG = Struct("<I")
_UNDEFINED = _LONG.pack(UNDEFINED_LENGTH)
_ITEM = _TAG.pack(0xFFFE, 0xE000)
_START_OF_ITEM = _ITEM + _UNDEFINED
_END_OF_ITEM = _TAG.pack(0xFFFE, 0xE00D) + _LONG.pack(0)
_END_OF_SEQUENCE = _TAG.pack(0xFFFE, 0xE0DD) + _LONG.pack(0)

_MISFITS = (TypeError, ValueError, AttributeError, struct_error)  # what a value that does not fit its VR raises


class _Place(IntEnum):
    """What is open."""

    START = 0
    HEAD = 1  # the data set, as long as the UIDs that the file meta information repeats may come
    MEMBERS = 2  # the data set behind them, or an item
    SEQUENCE = 3
    PARTS = 4  # a long element, of which nothing is written yet
    BYTES = 5  # its binary value, on its way to the target
    SPOOL = 6  # its other values, on their way to a temporary file
    FRAGMENTS = 7  # encapsulated pixel data
    FRAGMENT = 8
    END = 9


_HEAD, _MEMBERS, _SEQUENCE = _Place.HEAD, _Place.MEMBERS, _Place.SEQUENCE


class _NotEncodable(Exception):
    """The character sets of the data set do not carry a text."""


class _Frame:
    """A data set or an item."""

    __slots__ = ("items", "last", "tag", "terms")

    def __init__(self, terms: tuple[Any, ...]) -> None:
        self.last = -1  # the tag before
        self.terms = terms  # the values of Specific Character Set
        self.tag = 0  # of the sequence that is open
        self.items = 0  # how many of it have begun


class Part10Writer(Writer):
    """Writes one data set from its events as a DICOM file.

    File meta information that is missing is made. The transfer syntax is that of the options, or else an encapsulated
    one that came with the data set, or else explicit VR little endian.

    Group lengths are left out but for that of group 0002. What cannot be written is an ``OutputError``: an event out of
    order, a tag not above the one before it, a value that does not fit its VR or no file at all, a reference to bulk
    data. It is an ``OSError`` if the target, or a temporary file, cannot be written.

    Args:
        target: A binary file that can be written, read and sought in; writing begins where it stands.
        temporary: Makes an empty file of the same kind, which is closed when it is no longer needed.
        options: The transfer syntax, and how deep sequences may nest.

    Raises:
        ValueError: Files are not written in this transfer syntax.

    >>> import io
    >>> file = io.BytesIO()
    >>> writer = Part10Writer(file, io.BytesIO)
    >>> writer.write_all([(1, 0, "", 0), (3, 0x00100020, "LO", ("17",)), (2, 0, "", None)])
    >>> writer.close()
    >>> import pydicom
    >>> pydicom.dcmread(io.BytesIO(file.getvalue())).PatientID
    '17'
    """

    def __init__(
        self, target: BinaryIO, temporary: Callable[[], BinaryIO], *, options: WriteOptions | None = None
    ) -> None:
        super().__init__()
        options = options_or_default(options, WriteOptions)
        check_transfer_syntax(options.transfer_syntax)
        self._target = target
        self._temporary = temporary
        self._options = options
        self._most_sequences = (options.limits.depth - 4) // 3  # see ``Limits.depth``
        self._origin = target.tell()
        self._reset(in_utf_8=False)

    def _reset(self, *, in_utf_8: bool) -> None:
        self._in_utf_8 = in_utf_8
        self._state = _Place.START
        self._meta = FileMeta(self._options.transfer_syntax)
        self._has_meta = False
        self._is_implicit = self._options.transfer_syntax == IMPLICIT_VR_LITTLE_ENDIAN
        self._is_encapsulated = False
        self._has_charset = False
        self._frame = _Frame(())
        self._frames: list[_Frame] = []  # those around it
        self._parts: list[bytes] = []
        self._size = 0
        self._known = _KNOWN[self._is_implicit]
        self._starts = _STARTS[self._is_implicit]
        # The long element that is being written:
        self._vr = ""
        self._told: int | None = None  # its length, if the events tell
        self._length = 0  # of what came of it
        self._length_at = 0  # where in the target its length stands
        self._check = FragmentCheck()
        self._is_complete = False  # whether its one binary value has ended
        self._spool: BinaryIO | None = None
        self._is_ascii = True
        self._is_first = True  # among its values

    def _write_all(self, events: Iterable[Event]) -> None:
        """The innermost loop: elements behind the head, and sequences and their items. ``_moves`` has all else."""
        place, frame, known, parts, size = self._state, self._frame, self._known, self._parts, self._size
        frames, starts, most_sequences = self._frames, self._starts, self._most_sequences
        kind, tag, vr, value = 0, 0, "", None
        try:
            for kind, tag, vr, value in events:
                if place == _SEQUENCE:
                    if kind == START_ITEM:
                        parts.append(_START_OF_ITEM)
                        size += len(_START_OF_ITEM)
                        if size >= BLOCK_SIZE:
                            self._flush()
                            size = 0
                        frame.items += 1
                        frames.append(frame)
                        # PS3.5 7.5.3: an item without Specific Character Set has that of the data set around it.
                        self._frame = frame = _Frame(frame.terms)
                        place = _MEMBERS
                        continue
                    if kind == END_SEQUENCE:
                        parts.append(_END_OF_SEQUENCE)
                        place = _MEMBERS if frames or frame.last > SOP_INSTANCE_UID else _HEAD
                        continue
                elif kind == END_ITEM and place == _MEMBERS and frames:
                    parts.append(_END_OF_ITEM)
                    self._frame = frame = frames.pop()
                    place = _SEQUENCE
                    continue
                elif kind == ELEMENT and place == _MEMBERS and tag > frame.last:
                    entry = known.get(tag)
                    if entry is not None and entry[0] == vr:
                        _, start, pack, most, encode = entry
                        try:
                            data = encode(value) if value else b""
                        except _MISFITS:
                            data = None  # ``_field`` says so
                        if data is not None and len(data) <= most:
                            parts.append(start + pack(len(data)) + data)
                            size += len(data) + 12
                            frame.last = tag
                            if size >= BLOCK_SIZE:
                                self._flush()
                                size = 0
                            continue
                elif kind == START_SEQUENCE and place == _MEMBERS and frames and tag > frame.last:
                    header = starts.get(tag)
                    if header is not None and len(frames) < most_sequences:
                        parts.append(header)
                        size += len(header)
                        frame.last = frame.tag = tag
                        frame.items = 0
                        place = _SEQUENCE
                        continue
                self._state, self._size = place, size
                self._move(kind, tag, vr, value)
                place, frame, known, parts, size = self._state, self._frame, self._known, self._parts, self._size
                frames = self._frames
        finally:
            self._state, self._size = place, size
            self._event = kind, tag, vr, value

    def close(self) -> None:
        """Finish the file; the target stays open.

        Raises:
            OutputError: The data set is not complete.
        """
        self._raise_error()
        if self._state == _Place.START:
            raise OutputError("no data set, where one is due")
        if self._state != _Place.END:
            raise OutputError("the data set is not complete", self._location())
        self._guard(self._flush)

    def _open_sequences(self) -> Iterable[tuple[int, int]]:
        frames = [*self._frames, self._frame] if self._state == _SEQUENCE else self._frames
        return [(frame.tag, frame.items) for frame in frames]

    # --- bytes -------------------------------------------------------------------------------------------------

    def _put(self, data: bytes) -> None:
        self._parts.append(data)
        self._size += len(data)
        if self._size >= BLOCK_SIZE:
            self._flush()

    def _flush(self) -> None:
        if not self._has_meta:
            self._put_meta()
        _write(self._target, b"".join(self._parts))
        self._parts.clear()
        self._size = 0

    def _header(self, tag: int, vr: str, length: int) -> bytes:
        start = _TAG.pack(tag >> 16, tag & 0xFFFF)
        if self._is_implicit:
            return start + _LONG.pack(length)
        if vr in SHORT_VRS:
            if length <= MAX_SHORT_LENGTH:
                return start + vr.encode() + _SHORT.pack(length)
            vr = "UN"  # PS3.5 6.2.2, note 4
        return start + vr.encode() + b"\0\0" + _LONG.pack(length)

    def _put_meta(self) -> None:
        """The preamble and the file meta information, before what is pending."""
        self._has_meta = True
        self._is_encapsulated = is_encapsulated(self._meta.transfer_syntax)
        pending, self._parts[:] = self._parts[:], []
        is_implicit, self._is_implicit = self._is_implicit, False
        for tag, vr, values in self._meta.elements():
            data = self._meta_field(vr, values)
            self._parts.append(self._header(tag, vr, len(data)) + data)
        length = _LONG.pack(sum(map(len, self._parts)))
        self._parts.insert(0, b"\0" * 128 + b"DICM" + self._header(FILE_META_GROUP << 16, "UL", 4) + length)
        self._is_implicit = is_implicit
        self._parts += pending

    def _meta_field(self, vr: str, values: tuple[Any, ...]) -> bytes:
        """A value field in the file meta information, whose text is in the default character set."""
        frame, in_utf_8 = self._frame, self._in_utf_8
        self._frame, self._in_utf_8 = _Frame(()), False
        try:
            return self._field(vr, values)
        except _NotEncodable:
            raise OutputError(
                "text in the file meta information that the default character set does not carry"
            ) from None
        finally:
            self._frame, self._in_utf_8 = frame, in_utf_8

    # --- moves -------------------------------------------------------------------------------------------------

    def _start_dataset(self, tag: int, vr: str, value: Any) -> None:
        self._index = value
        self._state = _Place.HEAD

    def _second_dataset(self, tag: int, vr: str, value: Any) -> None:
        self._index = value
        raise OutputError("more than one data set, where one is due")

    def _end_dataset(self, tag: int, vr: str, value: Any) -> None:
        if self._frames:
            raise OutputError("no END_DATASET may come here")
        self._settle_charset(MAX_TAG + 1)
        self._leave_head()
        self._state = _Place.END

    def _leave_head(self) -> None:
        if not self._has_meta:
            self._put_meta()
        self._state = _MEMBERS

    def _begin(self, tag: int, vr: str) -> None:
        """Check that an element may come now, and put before it what is due."""
        if not 0 <= tag <= MAX_TAG:
            raise OutputError("not a tag of 32 bits")
        if tag <= self._frame.last:
            raise OutputError(f"the tag is not above the one before it, {format_tag(self._frame.last)}")
        if vr not in VRS:
            raise OutputError("not a value representation (PS3.5 6.2)")
        if tag >> 16 == FILE_META_GROUP and not self._frames:
            raise OutputError("a sequence or a long value in the file meta information, or an element too late for it")
        if self._state == _Place.HEAD and tag > SOP_INSTANCE_UID:
            self._leave_head()
        self._settle_charset(tag)
        self._frame.last = tag

    def _head_element(self, tag: int, vr: str, value: Any) -> None:
        if tag >> 16 == FILE_META_GROUP and not self._has_meta:
            if vr not in ENCODERS:
                raise OutputError("not a value representation that an element can have (PS3.5 6.2)")
            self._meta.add(tag, vr, value)
            return
        if tag == SOP_CLASS_UID:
            self._meta.sop_class_uid = value
        elif tag == SOP_INSTANCE_UID:
            self._meta.sop_instance_uid = value
        self._element(tag, vr, value)

    def _element(self, tag: int, vr: str, value: Any) -> None:
        if is_group_length(tag):  # PS3.5 7.2: retired
            return
        if vr == "SQ":
            raise OutputError("not a value representation that an element can have (PS3.5 6.2)")
        self._begin(tag, vr)
        if tag == SPECIFIC_CHARACTER_SET:
            self._put_charset(value)
            return
        try:
            data = self._field(vr, value)
        except _NotEncodable:
            self._restart()
            self._begin(tag, vr)
            data = self._field(vr, value)
        if tag == PIXEL_DATA and data and VRS[vr].form is Form.BINARY:
            self._put_pixel_data(vr, value[0], data)
            return
        self._put(self._header(tag, vr, len(data)) + data)
        if self._state == _MEMBERS and tag != PIXEL_DATA:
            self._learn(tag, vr)

    def _learn(self, tag: int, vr: str) -> None:
        """Keep what the innermost loop needs to know of elements of this tag and VR."""
        if len(self._known) > _MAX_KNOWN:
            self._known.clear()
        is_short = vr in SHORT_VRS and not self._is_implicit
        size = _SHORT if is_short else _LONG
        most = MAX_SHORT_LENGTH if is_short else UNDEFINED_LENGTH - 1
        start = self._header(tag, vr, 0)[: -size.size]
        self._known[tag] = vr, start, size.pack, most, ENCODERS[vr]

    def _settle_charset(self, tag: int) -> None:
        """Put Specific Character Set before an element, if UTF-8 needs it and it has not come."""
        if self._in_utf_8 and not self._has_charset and not self._frames and tag > SPECIFIC_CHARACTER_SET:
            self._put_charset(())

    def _put_charset(self, terms: tuple[Any, ...]) -> None:
        """Specific Character Set (PS3.3 C.12.1.1.2), which is that of UTF-8 once a text has made it necessary."""
        if not self._frames:
            self._has_charset = True
        if self._in_utf_8:
            terms = (UTF_8_TERM,)
        self._frame.terms = terms
        data = self._field("CS", terms)
        self._put(self._header(SPECIFIC_CHARACTER_SET, "CS", len(data)) + data)

    def _bulk_data(self, tag: int, vr: str, value: Any) -> None:
        raise OutputError("a reference to bulk data, which a file cannot hold")

    def _json_element(self, tag: int, vr: str, value: Any) -> None:
        """An element that no VR has as it is: what can be known of it, as UN."""
        try:
            data = json_field(tag, value)
        except (TypeError, ValueError) as error:
            raise OutputError("JSON text that is no text") from error
        values = (data,) if data else ()
        if self._state == _Place.HEAD and tag >> 16 == FILE_META_GROUP and not self._has_meta:
            self._meta.add(tag, "UN", values)
        else:
            self._element(tag, "UN", values)

    # --- value fields ------------------------------------------------------------------------------------------

    def _field(self, vr: str, values: tuple[Any, ...]) -> bytes:
        """The value field of an element, padded (PS3.5 6.2)."""
        try:
            data = ENCODERS[vr](values) if values else b""
            if data is not None:
                return data
            data = self._hard_field(vr, values)
        except _MISFITS as error:
            raise OutputError("a value that does not fit the VR") from error
        return data + _padding(vr) if len(data) & 1 else data

    def _hard_field(self, vr: str, values: tuple[Any, ...]) -> bytes:
        row = VRS[vr]
        if row.form is Form.BINARY:
            if len(values) > 1:
                raise OutputError("one binary value is all that an element can have")
            if not isinstance(values[0], bytes):
                raise TypeError("a binary value that is not bytes")
            return values[0]
        if row.code:
            return field_numbers(vr, values)
        data = self._encode(vr, field_text(vr, values))
        if len(data) > MAX_SHORT_LENGTH and vr in SHORT_VRS and not (self._in_utf_8 or data.isascii()):
            raise _NotEncodable  # it will be UN, whose character set nobody knows again
        return data

    def _encode(self, vr: str, text: str) -> bytes:
        """The bytes of a text.

        Raises:
            _NotEncodable: The character sets of the data set do not carry it.
        """
        if text.isascii() and "\x1b" not in text:
            return text.encode("ascii")
        if not VRS[vr].character_set:
            return text.encode("latin_1")  # no character set applies (PS3.5 6.1.2.2); as pydicom reads it
        utf_8 = text.encode()
        if self._in_utf_8:
            return utf_8
        from streamdicom.dicom import encode_text, python_encodings

        data = encode_text(text, python_encodings(self._frame.terms))
        if data is None:
            raise _NotEncodable
        return data

    def _restart(self) -> None:
        """Write what there is once more, in UTF-8."""
        self._flush()
        if self._is_implicit:  # where nobody could tell the text in private elements
            raise OutputError("text that the character set does not carry, in implicit VR")
        with self._temporary() as copy:
            self._target.seek(self._origin)
            for piece in _pieces(self._target):
                _write(copy, piece)
            self._target.seek(self._origin)
            self._target.truncate()
            copy.seek(0)
            self._reset(in_utf_8=True)
            parser = Part10Parser(options=ReadOptions(limits=self._options.limits), index=self._index or 0)
            for piece in _pieces(copy):
                self._write_all(parser.feed(piece))

    # --- sequences ---------------------------------------------------------------------------------------------

    def _start_sequence(self, tag: int, vr: str, value: Any) -> None:
        if len(self._frames) >= self._most_sequences:
            raise OutputError(f"more than {len(self._frames)} sequences within one another")
        self._begin(tag, "SQ")
        if len(self._starts) > _MAX_KNOWN:
            self._starts.clear()
        header = self._starts[tag] = self._header(tag, "SQ", UNDEFINED_LENGTH)
        self._put(header)
        self._frame.tag = tag
        self._frame.items = 0
        self._state = _SEQUENCE

    def _end_structure(self) -> None:
        is_in_head = not self._frames and self._frame.last <= SOP_INSTANCE_UID
        self._state = _Place.HEAD if is_in_head else _MEMBERS

    # --- elements in parts -------------------------------------------------------------------------------------

    def _start_parts(self, tag: int, vr: str, value: Any) -> None:
        if vr == "SQ":
            raise OutputError("not a value representation that an element can have (PS3.5 6.2)")
        self._begin(tag, vr or "UN")
        self._vr = vr
        self._told = value
        self._length = 0
        self._check = FragmentCheck()
        self._is_complete = False
        self._is_ascii = True
        self._is_first = True
        self._state = _Place.PARTS

    def _first_values(self, tag: int, vr: str, value: Any) -> None:
        self._spool = self._temporary()
        self._state = _Place.SPOOL
        self._values(tag, vr, value)

    def _first_segment(self, tag: int, vr: str, value: Any) -> None:
        self._start_value(tag, value)
        self._move(EventType.SEGMENT, tag, vr, value)

    def _only_segment(self, tag: int, vr: str, value: Any) -> None:
        self._start_value(tag, value)
        self._move(EventType.LAST_SEGMENT, tag, vr, value)

    def _start_value(self, tag: int, value: Any) -> None:
        if isinstance(value, str):
            self._spool = self._temporary()
            self._state = _Place.SPOOL
            return
        if not isinstance(value, bytes):
            raise OutputError("a segment that is neither text nor bytes")
        if self._vr and VRS[self._vr].form is not Form.BINARY:
            raise OutputError(f"a binary value for VR {self._vr}")
        self._put(self._header(tag, self._vr or "UN", 0))
        self._flush()
        self._length_at = self._target.tell() - 4
        self._state = _Place.BYTES

    def _segment(self, tag: int, vr: str, value: Any) -> None:
        if not isinstance(value, bytes) or self._is_complete:
            raise OutputError("one binary value is all that an element can have")
        self._length += len(value)
        if tag == PIXEL_DATA:
            self._check.feed(value)
        self._put(value)

    def _last_segment(self, tag: int, vr: str, value: Any) -> None:
        self._segment(tag, vr, value)
        self._is_complete = True

    def _end_bytes(self, tag: int, vr: str, value: Any) -> None:
        if vr not in VRS or VRS[vr].form is not Form.BINARY:
            raise OutputError(f"a binary value for VR {vr}")
        if not self._is_complete or self._told not in (None, self._length):
            raise OutputError("a binary value that is not complete")
        length = self._length
        if tag == PIXEL_DATA and length and self._is_in_items():
            length = UNDEFINED_LENGTH
            self._put(_END_OF_SEQUENCE)
        elif length & 1:
            length += 1
            self._put(b"\0")
        if length > UNDEFINED_LENGTH:
            raise OutputError("a value of 4 GiB or more, which a file cannot hold")
        self._flush()
        self._patch(self._length_at, _LONG.pack(length))
        if not self._vr and not self._is_implicit:
            self._patch(self._length_at - 4, vr.encode())
        self._end_structure()

    def _patch(self, place: int, data: bytes) -> None:
        end = self._target.tell()
        self._target.seek(place)
        _write(self._target, data)
        self._target.seek(end)

    def _is_in_items(self) -> bool:
        """Whether pixel data that came as one value is encapsulated (PS3.5 A.4)."""
        if not self._has_meta:
            self._put_meta()
        is_in_items = self._check.is_complete
        if self._is_encapsulated and not is_in_items and not self._frames:
            raise OutputError("pixel data that is not encapsulated, other than the transfer syntax has it")
        if is_in_items and not self._is_encapsulated:
            raise OutputError(
                "encapsulated pixel data without its transfer syntax, which WriteOptions.transfer_syntax can tell"
            )
        return is_in_items

    def _put_pixel_data(self, vr: str, value: bytes, padded: bytes) -> None:
        self._check = FragmentCheck()
        self._check.feed(value)
        if self._is_in_items():
            self._put(self._header(PIXEL_DATA, vr, UNDEFINED_LENGTH) + value + _END_OF_SEQUENCE)
        else:
            self._put(self._header(PIXEL_DATA, vr, len(padded)) + padded)

    # --- in a temporary file, because the length stands before the values and the header depends on it ------------

    def _values(self, tag: int, vr: str, value: Any) -> None:
        row = VRS.get(self._vr)
        if row is None or row.form in (Form.BINARY, Form.SEQUENCE):
            raise OutputError(f"values for VR {self._vr}")
        try:
            if row.code:
                self._put_in_spool(field_numbers(self._vr, value))
            else:
                self._put_text(field_text(self._vr, value))
        except (TypeError, ValueError, AttributeError) as error:
            raise OutputError("a value that does not fit the VR") from error
        self._is_complete = True

    def _text_segment(self, tag: int, vr: str, value: Any) -> None:
        if not isinstance(value, str) or (self._vr and VRS[self._vr].form is not Form.TEXT):
            raise OutputError(f"a text segment for VR {self._vr}")
        try:
            self._put_text(value)
        except ValueError as error:
            raise OutputError("half of a surrogate pair, which UTF-8 cannot carry") from error
        self._is_complete = False

    def _last_text_segment(self, tag: int, vr: str, value: Any) -> None:
        self._text_segment(tag, vr, value)
        self._is_complete = True

    def _put_text(self, text: str) -> None:
        if self._is_complete and not self._is_first:
            if self._vr and not VRS[self._vr].multiple:
                raise OutputError("more than one value")
            text = "\\" + text
        self._is_first = False
        self._is_ascii = self._is_ascii and text.isascii() and "\x1b" not in text
        self._put_in_spool(text.encode())

    def _put_in_spool(self, data: bytes) -> None:
        assert self._spool
        self._length += len(data)
        _write(self._spool, data)

    def _end_spool(self, tag: int, vr: str, value: Any) -> None:
        if vr not in VRS or VRS[vr].form in (Form.BINARY, Form.SEQUENCE):
            raise OutputError(f"values for VR {vr}")
        if not self._vr and VRS[vr].form is not Form.TEXT:
            raise OutputError(f"a text segment for VR {vr}")
        assert self._spool
        with self._spool as spool:
            recode = not VRS[vr].code and not self._is_ascii
            try:
                length = sum(map(len, self._encoded(spool, vr))) if recode else self._length
                if length > MAX_SHORT_LENGTH and vr in SHORT_VRS and recode and not self._in_utf_8:
                    raise _NotEncodable  # as in ``_hard_field``
            except _NotEncodable:
                length = self._length
                self._restart()
                self._begin(tag, vr)
            if length > UNDEFINED_LENGTH - 2:
                raise OutputError("a value of 4 GiB or more, which a file cannot hold")
            self._put(self._header(tag, vr, length + (length & 1)))
            spool.seek(0)
            for piece in self._encoded(spool, vr) if recode else _pieces(spool):
                self._put(piece)
        if length & 1:
            self._put(_padding(vr))
        self._spool = None
        self._end_structure()

    def _encoded(self, spool: BinaryIO, vr: str) -> Iterator[bytes]:
        spool.seek(0)
        decoder = codecs.getincrementaldecoder("utf-8")()
        for piece in _pieces(spool):
            try:
                yield self._encode(vr, decoder.decode(piece))
            except UnicodeEncodeError as error:
                raise OutputError("a value that does not fit the VR") from error

    def _end_nothing(self, tag: int, vr: str, value: Any) -> None:
        if vr not in VRS or vr == "SQ":
            raise OutputError("not a value representation that an element can have (PS3.5 6.2)")
        self._put(self._header(tag, vr, 0))
        self._end_structure()

    # --- encapsulated pixel data (PS3.5 A.4) -------------------------------------------------------------------

    def _start_fragments(self, tag: int, vr: str, value: Any) -> None:
        if vr not in ("OB", "OW"):
            raise OutputError(f"fragments for VR {vr}")
        self._begin(tag, vr)
        if not self._has_meta:
            self._put_meta()
        if not self._is_encapsulated:
            raise OutputError(
                "encapsulated pixel data without its transfer syntax, which WriteOptions.transfer_syntax can tell"
            )
        self._put(self._header(tag, vr, UNDEFINED_LENGTH))
        self._state = _Place.FRAGMENTS

    def _start_fragment(self, tag: int, vr: str, value: Any) -> None:
        if not isinstance(value, int) or not 0 <= value < UNDEFINED_LENGTH:
            raise OutputError("a fragment whose length is not told")
        self._put(_ITEM + _LONG.pack(value + (value & 1)))
        self._told = value
        self._length = 0
        self._state = _Place.FRAGMENT

    def _fragment_segment(self, tag: int, vr: str, value: Any) -> None:
        if not isinstance(value, bytes):
            raise OutputError("a fragment that is not bytes")
        self._length += len(value)
        self._put(value)

    def _end_fragment(self, tag: int, vr: str, value: Any) -> None:
        self._fragment_segment(tag, vr, value)
        if self._length != self._told:
            raise OutputError("a fragment whose length is not as was told")
        if self._length & 1:
            self._put(b"\0")
        self._state = _Place.FRAGMENTS

    def _end_fragments(self, tag: int, vr: str, value: Any) -> None:
        self._put(_END_OF_SEQUENCE)
        self._end_structure()

    _in_members: ClassVar[dict[int, Move]] = {
        EventType.ELEMENT: _element,
        EventType.BULK_DATA: _bulk_data,
        EventType.JSON_ELEMENT: _json_element,
        EventType.START_ELEMENT: _start_parts,
        EventType.START_SEQUENCE: _start_sequence,
        EventType.START_FRAGMENTS: _start_fragments,
        EventType.END_DATASET: _end_dataset,
    }
    _moves: ClassVar[Moves] = {
        _Place.START: {EventType.START_DATASET: _start_dataset},
        _Place.HEAD: {**_in_members, EventType.ELEMENT: _head_element},
        _Place.MEMBERS: _in_members,
        _Place.SEQUENCE: {},  # the innermost loop has them all
        _Place.PARTS: {
            EventType.VALUES: _first_values,
            EventType.SEGMENT: _first_segment,
            EventType.LAST_SEGMENT: _only_segment,
            EventType.END_ELEMENT: _end_nothing,
        },
        _Place.BYTES: {
            EventType.SEGMENT: _segment,
            EventType.LAST_SEGMENT: _last_segment,
            EventType.END_ELEMENT: _end_bytes,
        },
        _Place.SPOOL: {
            EventType.VALUES: _values,
            EventType.SEGMENT: _text_segment,
            EventType.LAST_SEGMENT: _last_text_segment,
            EventType.END_ELEMENT: _end_spool,
        },
        _Place.FRAGMENTS: {
            EventType.START_FRAGMENT: _start_fragment,
            EventType.END_FRAGMENTS: _end_fragments,
        },
        _Place.FRAGMENT: {
            EventType.SEGMENT: _fragment_segment,
            EventType.LAST_SEGMENT: _end_fragment,
        },
        _Place.END: {EventType.START_DATASET: _second_dataset},
    }


_Known: TypeAlias = "tuple[str, bytes, Callable[[int], bytes], int, Callable[[tuple[Any, ...]], bytes | None]]"
# How elements of a tag start, in explicit and in implicit VR; the same for every writer.
_KNOWN: dict[bool, dict[int, _Known]] = {False: {}, True: {}}
_STARTS: dict[bool, dict[int, bytes]] = {False: {}, True: {}}  # and how sequences do


def _padding(vr: str) -> bytes:
    """What makes the length of a value field even (PS3.5 6.2)."""
    return b"\0" if vr == "UI" or VRS[vr].form is Form.BINARY else b" "


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    while piece := file.read(BINARY_SEGMENT_SIZE):
        yield piece


def _write(file: BinaryIO, data: bytes) -> None:
    """Write all of the bytes; a raw file may take less than it is given."""
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]
