"""DICOM files (PS3.10 7) to DICOM events, one by one: no data set is ever held, and no long value.

Everything that decides what a byte means lives here: a state, and the contexts of the data set and the items that are
open. In each state one function takes a step: it emits events and moves on, or it says how many bytes it needs.

    PREAMBLE ──> META ──> DATA_SET ──> ELEMENTS <──> ITEMS
                                        │    ^
                                        v    │
                               BYTES, NUMBERS, TEXT <──> FRAGMENTS

What the elements mean is told by pydicom's dictionary and character sets, which are imported when something asks for
them: text in ASCII in explicit VR does not.
"""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Callable
from contextlib import suppress
from enum import IntEnum
from struct import Struct
from typing import Any, TypeAlias

from streamdicom._push import PushParser
from streamdicom.dicom import (
    DECODERS,
    EXPLICIT_BIG_ENDIAN,
    EXPLICIT_LITTLE_ENDIAN,
    FILE_META_GROUP,
    IMPLICIT_LITTLE_ENDIAN,
    ITEM,
    ITEM_DELIMITATION,
    SEQUENCE_DELIMITATION,
    SHORT_VRS,
    TRANSFER_SYNTAX_UID,
    UNDEFINED_LENGTH,
    VRS,
    Encoding,
    Form,
    encoding_of,
    format_tag,
    is_deflated,
    swap_words,
)
from streamdicom.errors import DicomFileError, LimitError, Location, StreamDicomError, TruncatedError
from streamdicom.events import (
    BINARY_SEGMENT_SIZE,
    ELEMENT,
    END_DATASET,
    END_ELEMENT,
    END_FRAGMENTS,
    END_ITEM,
    END_SEQUENCE,
    LAST_SEGMENT,
    SEGMENT,
    START_DATASET,
    START_ELEMENT,
    START_FRAGMENT,
    START_FRAGMENTS,
    START_ITEM,
    START_SEQUENCE,
    VALUES,
    Event,
)
from streamdicom.formats.part10.context import (
    NO_END,
    Context,
    ElementContext,
    affects_context,
    is_ambiguous,
)
from streamdicom.formats.part10.text import LongText, text_values
from streamdicom.options import ReadOptions, options_or_default

_PIECE = 16 * 1024  # bytes whose events are made at once; see the reader of DICOM JSON
_LONG = 64 * 1024  # bytes of a value that comes in parts
_MANY = 4096  # numbers in one event
_LONGEST_WORD = 8  # bytes that are swapped as one
_MAX_KNOWN = 16 * 1024  # tags; an archive uses some thousands
_MOST_UN = 0xFFFF  # bytes of a UN that pydicom looks up in the dictionary

_BIG_ENDIAN_GROUP = 0x0400  # in the other byte order, a group below 4


class _State(IntEnum):
    """What is being read."""

    PREAMBLE = 0
    META = 1  # the file meta information
    DATA_SET = 2  # the start of the data set
    ELEMENTS = 3  # of the data set or of an item
    ITEMS = 4  # of a sequence
    BYTES = 5  # a long binary value, or a fragment
    NUMBERS = 6  # many
    TEXT = 7  # long
    FRAGMENTS = 8


class _Layout(IntEnum):
    """How the header of an element goes on behind its tag (PS3.5 7.1)."""

    SHORT = 0  # VR, 16 bits of length
    LONG = 1  # VR, 16 bits reserved, 32 bits of length
    IMPLICIT = 2  # 32 bits of length
    SEQUENCE = 3  # as LONG


_SHORT, _LONG_LAYOUT, _IMPLICIT, _SEQUENCE = map(int, _Layout)

_Decoder: TypeAlias = Callable[[bytes, bool], "tuple[Any, ...] | None"]
_Known: TypeAlias = "tuple[int, int, str, _Decoder]"  # layout, tag, VR

# What is known of elements that mean the same in every file.
_KNOWN: dict[Encoding, dict[bytes, _Known]] = {
    encoding: {} for encoding in (IMPLICIT_LITTLE_ENDIAN, EXPLICIT_LITTLE_ENDIAN, EXPLICIT_BIG_ENDIAN)
}


class Part10Parser(PushParser[Event]):
    """A push parser of one DICOM file: bytes in, DICOM events out.

    Explicit and implicit VR, little and big endian, and deflated data sets are read, in each length defined or not.
    As pydicom does, it goes by what is in the file where the transfer syntax says otherwise, with a warning; it takes
    UN that the dictionary knows for what the dictionary says; and it replaces text that its character set does not
    decode, with a warning. Values are those that pydicom reads. Memory is bounded, whatever the size of the file.

    Args:
        options: Limits, and whether the preamble may be missing.
        index: The number of the data set in its stream.

    >>> import pydicom.data
    >>> parser = Part10Parser()
    >>> with open(pydicom.data.get_testdata_file("CT_small.dcm"), "rb") as file:
    ...     events = parser.feed(file.read()) + parser.close()
    >>> [value for kind, tag, vr, value in events if tag == 0x00080060]
    [('CT',)]
    """

    def __init__(self, *, options: ReadOptions | None = None, index: int = 0) -> None:
        super().__init__()
        options = options_or_default(options, ReadOptions)
        self._force = options.force
        self._depth = options.limits.depth
        self._index = index
        self._state = _State.PREAMBLE
        self._step: Callable[[Part10Parser], bool] = Part10Parser._preamble
        self._events: list[Event] = []
        # The bytes that are there:
        self._buffer = b""
        self._pos = 0
        self._base = 0  # the offset of the buffer in the stream
        self._arrived: list[bytes] = []  # behind the buffer
        self._size = 0  # of the buffer from ``_pos``, and of those
        self._needed = 1  # bytes from ``_pos`` without which there is no next step
        self._inflater: Any = None
        # What is open:
        self._transfer_syntax = ""
        self._context = Context(EXPLICIT_LITTLE_ENDIAN, {}, 0, NO_END, ElementContext())
        self._contexts: list[Context] = []  # those around it
        self._tag = -1  # of the element that is being read, for errors; -1 if there is none
        # The long value that is being read:
        self._vr = ""
        self._left = 0  # bytes of it
        self._in_fragments = False
        self._text: LongText | None = None

    @property
    def bytes_consumed(self) -> int:
        """Bytes that are accounted for so far; of a deflated data set, as they are when inflated."""
        return self._base + self._pos

    def skip(self, but: int = -1) -> int:
        """Do without the rest of a long binary value that is being read.

        The value comes in fewer bytes than its length says, but ends as it would.

        Args:
            but: The tag of elements of which no bytes are passed over.

        Returns:
            How many of the bytes that come next must not be fed.

        >>> Part10Parser().skip()
        0
        """
        if self._state is not _State.BYTES or self._tag == but or self._inflater is not None or self._error:
            return 0
        # At least one byte has to come, by which it shows that the file has all of them.
        count = max(0, self._left - self._size - 1) // _LONGEST_WORD * _LONGEST_WORD
        if count:
            self._left -= count
            self._base += count
            self._needed = 1
        return count

    def _locate(self, error: StreamDicomError) -> None:
        error.location = Location(self.bytes_consumed, self._index, self._tag_path())

    def _tag_path(self) -> str:
        parts = [f"{format_tag(context.tag)}[{context.items - 1}]" for context in self._contexts]
        if self._state is _State.ITEMS:
            parts.append(f"{format_tag(self._context.tag)}[{self._context.items}]")
        elif self._tag >= 0:
            parts.append(format_tag(self._tag))
        return ".".join(parts)

    # --- bytes -------------------------------------------------------------------------------------------------

    def _feed(self, data: bytes, events: list[Event]) -> None:
        self._events = events
        for start in range(0, len(data), _PIECE):
            piece = data[start : start + _PIECE]
            if self._inflater is None:
                self._take(piece)
            else:
                self._inflate(piece)

    def _inflate(self, data: bytes) -> None:
        """Take the next bytes of a deflated data set (PS3.5 A.5), some at a time however much they expand.

        What comes behind it, such as padding or the end of a gzip file, is passed over, as pydicom does.
        """
        while not self._inflater.eof:
            before = self._inflater.copy()
            try:
                piece = self._inflater.decompress(data, _PIECE)
            except zlib.error:
                self._inflate_up_to_damage(before, data)
                raise DicomFileError("the deflated data set is damaged") from None
            data = self._inflater.unconsumed_tail
            self._take(piece)
            if not data and len(piece) < _PIECE:
                break

    def _inflate_up_to_damage(self, inflater: Any, data: bytes) -> None:
        """What stands before the damage comes, however the stream is cut: byte by byte, as zlib loses a whole piece."""
        with suppress(zlib.error):
            for byte in data:
                self._take(inflater.decompress(bytes((byte,))))

    def _take(self, data: bytes) -> None:
        self._arrived.append(data)
        self._size += len(data)
        if self._size < self._needed:
            return
        self._gather()
        was_inflating = self._inflater is not None
        while self._step(self):
            pass
        self._size = len(self._buffer) - self._pos
        if self._inflater is not None and not was_inflating:
            self._start_inflating()

    def _gather(self) -> None:
        self._base += self._pos
        self._buffer = b"".join([self._buffer[self._pos :], *self._arrived])
        self._arrived.clear()
        self._pos = 0

    def _start_inflating(self) -> None:
        """What is there of the data set goes through the inflater, and comes back."""
        rest = self._buffer[self._pos :]
        self._base += self._pos
        self._buffer, self._pos, self._size = b"", 0, 0
        self._inflate(rest)

    def _lacks(self, count: int) -> bool:
        """Whether fewer bytes than this are there; no step is taken before they have come."""
        self._needed = count
        return len(self._buffer) - self._pos < count

    def _move(self, state: _State) -> bool:
        self._state = state
        self._step = _STEPS[state]
        self._needed = 1
        return True

    def _close(self, events: list[Event]) -> None:
        self._events = events
        if self._inflater is not None and not self._inflater.eof:
            raise TruncatedError("the file stops within its deflated data set")
        self._gather()
        if self._state is _State.PREAMBLE and self._force and self._buffer:
            self._start(_State.META)
            while self._step(self):
                pass
        if self._state is _State.PREAMBLE:
            raise TruncatedError("not a DICOM file, or no more of one than the start of its preamble (PS3.10 7.1)")
        left = len(self._buffer) - self._pos
        if left or self._contexts or self._state not in (_State.META, _State.DATA_SET, _State.ELEMENTS):
            raise TruncatedError("the file stops within its data set")
        self._events.append((END_DATASET, 0, "", None))

    # --- the start of a file -----------------------------------------------------------------------------------

    def _preamble(self) -> bool:
        if self._lacks(132):
            return False
        if self._buffer[128:132] == b"DICM":  # PS3.10 7.1
            self._pos = 132
        elif not self._force:
            raise DicomFileError("not a DICOM file: no 'DICM' behind a preamble of 128 bytes (PS3.10 7.1)")
        return self._start(_State.META)

    def _start(self, state: _State) -> bool:
        self._events.append((START_DATASET, 0, "", self._index))
        return self._move(state)

    def _meta(self) -> bool:
        """One element of the file meta information, which is in explicit VR little endian (PS3.10 7.1)."""
        self._tag = -1
        if self._lacks(2):
            return False
        group = self._buffer[self._pos] | self._buffer[self._pos + 1] << 8
        if group != FILE_META_GROUP:  # an empty data set takes no more than two bytes when deflated
            return self._move(_State.DATA_SET)
        if self._lacks(8):
            return False
        if self._context.encoding is EXPLICIT_LITTLE_ENDIAN and not self._has_vr():
            self._context.encoding = IMPLICIT_LITTLE_ENDIAN
        before = len(self._events)
        if not self._element():
            return False
        for kind, tag, _, values in self._events[before:]:
            if kind == ELEMENT and tag == TRANSFER_SYNTAX_UID and values:
                self._transfer_syntax = values[0]
        if self._state is not _State.META:
            raise DicomFileError("a long value in the file meta information")
        return True

    def _has_vr(self) -> bool:
        """Whether there are two capital letters where explicit VR has them; no tag's length looks like that."""
        first, second = self._buffer[self._pos + 4 : self._pos + 6]
        return 0x41 <= first <= 0x5A and 0x41 <= second <= 0x5A

    def _data_set(self) -> bool:
        if is_deflated(self._transfer_syntax) and self._inflater is None:
            self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)
            return False
        if self._lacks(8):
            return False
        encoding = self._encoding()
        self._context = Context(encoding, _KNOWN[encoding], 0, NO_END, ElementContext())
        return self._move(_State.ELEMENTS)

    def _encoding(self) -> Encoding:
        """That of the transfer syntax, if the first element bears it out."""
        encoding = encoding_of(self._transfer_syntax)
        if not self._has_vr():
            if self._transfer_syntax and not encoding.implicit:
                _warn("the data set is in implicit VR, other than its transfer syntax")
            return IMPLICIT_LITTLE_ENDIAN
        if not self._transfer_syntax:
            group = self._buffer[self._pos] | self._buffer[self._pos + 1] << 8
            return EXPLICIT_BIG_ENDIAN if group >= _BIG_ENDIAN_GROUP else EXPLICIT_LITTLE_ENDIAN
        if encoding.implicit:
            _warn("the data set is in explicit VR, other than its transfer syntax")
            return EXPLICIT_LITTLE_ENDIAN
        return encoding

    # --- elements ----------------------------------------------------------------------------------------------

    def _elements(self) -> bool:
        """The innermost loop: small elements of a VR that the file tells, and the sequences and items around them.

        ``_element`` and ``_items`` have all others, what is not there as a whole yet, and what is wrong.
        """
        context, contexts, known = self._context, self._contexts, self._context.known
        encoding = context.encoding
        width = 4 if encoding.implicit else 6
        little_endian = encoding.little_endian
        short, long, item = encoding.short.unpack_from, encoding.long.unpack_from, encoding.item.unpack_from
        item_delimitation = encoding.tag.pack(0xFFFE, 0xE00D)
        buffer, pos, base = self._buffer, self._pos, self._base
        size, emit = len(buffer), self._events.append
        while True:
            end = context.end - base
            most = min(size, end)
            layout = -1
            while pos + 8 <= most:
                entry = known.get(buffer[pos : pos + width])
                if entry is None:
                    break
                layout, tag, vr, decode = entry
                if layout == _SHORT:
                    start = pos + 8
                    stop = start + short(buffer, pos + 6)[0]
                elif layout == _IMPLICIT:
                    start = pos + 8
                    stop = start + long(buffer, pos + 4)[0]
                elif layout == _LONG_LAYOUT and pos + 12 <= most:
                    start = pos + 12
                    stop = start + long(buffer, pos + 8)[0]
                else:
                    break
                if stop > most or stop - start > _LONG:
                    break
                values = decode(buffer[start:stop], little_endian) if stop > start else ()
                if values is None:
                    break
                emit((ELEMENT, tag, vr, values))
                pos = stop
            self._context, self._pos = context, pos
            if pos == end:
                context = contexts.pop()
                emit((END_ITEM, context.tag, "SQ", None))
            elif context.end == NO_END and contexts and pos + 8 <= size and buffer[pos : pos + 4] == item_delimitation:
                context = contexts.pop()
                emit((END_ITEM, context.tag, "SQ", None))
                pos += 8
            elif layout == _SEQUENCE and pos + 12 <= size:
                self._tag = tag
                self._open_sequence(tag, "SQ", 12, long(buffer, pos + 8)[0])
                pos += 12
            else:
                goes_on = self._element()
                context, pos = self._context, self._pos
                if not goes_on or context.known is not known:
                    return goes_on
                if self._state is _State.ELEMENTS:
                    continue
                if self._state is not _State.ITEMS:
                    return True
            # An item is due.
            offset = base + pos
            if offset == context.sequence_end and context.known is known:
                emit((END_SEQUENCE, context.tag, "SQ", None))
                self._state, self._step = _State.ELEMENTS, _ELEMENTS_STEP
                continue
            if pos + 8 <= size and context.known is known and not context.sequence_is_un:
                group, element, length = item(buffer, pos)
                item_end = NO_END if length == UNDEFINED_LENGTH else offset + 8 + length
                fits = item_end == NO_END or context.sequence_end >= item_end <= context.end
                if group == 0xFFFE and element == 0xE000 and fits:
                    emit((START_ITEM, context.tag, "SQ", context.items))
                    context.items += 1
                    contexts.append(context)
                    context = Context(encoding, known, offset + 8, item_end, context.facts.inherited)
                    pos += 8
                    self._state, self._step = _State.ELEMENTS, _ELEMENTS_STEP
                    continue
                is_delimited = group == 0xFFFE and element == 0xE0DD and context.sequence_end == NO_END
                if is_delimited and offset + 8 <= context.end:
                    emit((END_SEQUENCE, context.tag, "SQ", None))
                    pos += 8
                    self._state, self._step = _State.ELEMENTS, _ELEMENTS_STEP
                    continue
            self._context, self._pos = context, pos
            return self._move(_State.ITEMS)

    def _element(self) -> bool:
        """One element, whatever it is, or a delimiter."""
        context = self._context
        encoding = context.encoding
        self._tag = -1
        if self._lacks(8):
            return False
        buffer, pos = self._buffer, self._pos
        group, element = encoding.tag.unpack_from(buffer, pos)
        self._tag = tag = group << 16 | element
        if group == 0xFFFE:
            return self._delimiter(tag)
        if self._contexts and self._base + pos == context.start:
            self._switch()
            encoding = context.encoding
        if encoding.implicit:
            layout, vr = _IMPLICIT, ""
        else:
            vr = _vr(buffer[pos + 4 : pos + 6])
            layout = _SHORT if vr in SHORT_VRS else _LONG_LAYOUT
        header = 12 if layout == _LONG_LAYOUT else 8
        if self._lacks(header):
            return False
        size = encoding.short if layout == _SHORT else encoding.long
        [length] = size.unpack_from(buffer, pos + (8 if layout == _LONG_LAYOUT else 6 if layout == _SHORT else 4))
        if length != UNDEFINED_LENGTH and self._base + pos + header + length > context.end:
            raise DicomFileError("an element goes on behind the end of its item")
        file_vr, vr = vr, self._meaning(tag, vr, length)
        self._learn(layout, tag, file_vr, vr)
        if vr == "SQ":
            return self._start_sequence(tag, file_vr, header, length)
        if length == UNDEFINED_LENGTH:
            return self._start_fragments(tag, vr, header)
        if length > _LONG:
            return self._start_long(tag, vr, header, length)
        if self._lacks(header + length):
            return False
        start = pos + header
        values = self._values(vr, buffer[start : start + length]) if length else ()
        if affects_context(tag):
            context.facts = context.facts.learn(tag, values)
        self._events.append((ELEMENT, tag, vr, values))
        self._pos = start + length
        return self._at_end()

    def _meaning(self, tag: int, vr: str, length: int) -> str:
        """The VR of an element whose header has this one."""
        if vr and vr != "UN":
            return vr
        # PS3.5 6.2.2: UN of undefined length is a sequence in implicit VR.
        if length == UNDEFINED_LENGTH and (vr == "UN" or self._context.facts.vr(tag, length) == "UN"):
            return "SQ"
        if vr == "UN" and length >= _MOST_UN and not tag >> 16 & 1:
            return "UN"
        return self._context.facts.vr(tag, length)

    def _learn(self, layout: int, tag: int, file_vr: str, vr: str) -> None:
        """Keep what the innermost loop needs to know of elements that mean the same wherever they come."""
        if file_vr == "UN" or affects_context(tag) or self._state is not _State.ELEMENTS:
            return
        if not file_vr and (vr == "SQ" or tag >> 16 & 1 or is_ambiguous(tag)):
            return
        known = self._context.known
        if len(known) > _MAX_KNOWN:
            known.clear()
        key = self._context.encoding.tag.pack(tag >> 16, tag & 0xFFFF) + file_vr.encode()
        known[key] = _SEQUENCE if vr == "SQ" else layout, tag, vr, DECODERS.get(vr, _no_values)

    def _values(self, vr: str, data: bytes) -> tuple[Any, ...]:
        values = DECODERS[vr](data, self._context.encoding.little_endian)
        if values is not None:
            return values
        if VRS[vr].code:
            raise DicomFileError(f"a length that is no multiple of that of a value of VR {vr}")
        return text_values(vr, data, self._context.facts.encodings)

    # --- sequences and items -----------------------------------------------------------------------------------

    def _at_end(self) -> bool:
        """Whether to go on; an item of defined length may have come to its end."""
        offset, end = self._base + self._pos, self._context.end
        if offset < end:
            return True
        if offset > end:
            raise DicomFileError("a value of undefined length goes on behind the end of its item")
        return self._end_item()

    def _start_sequence(self, tag: int, file_vr: str, header: int, length: int) -> bool:
        self._open_sequence(tag, file_vr, header, length)
        return self._move(_State.ITEMS)

    def _open_sequence(self, tag: int, file_vr: str, header: int, length: int) -> None:
        context = self._context
        if 3 * len(self._contexts) + 7 > self._depth:
            raise LimitError(f"more than {len(self._contexts) + 1} sequences within one another", "depth")
        end = NO_END
        if length != UNDEFINED_LENGTH:
            end = self._base + self._pos + header + length
            if end > context.end:
                raise DicomFileError("an element goes on behind the end of its item")
        self._pos += header
        context.tag = tag
        context.items = 0
        context.sequence_end = end
        context.sequence_is_un = file_vr == "UN"
        self._events.append((START_SEQUENCE, tag, "SQ", None))

    def _items(self) -> bool:
        """The start of an item, or the end of the sequence."""
        context, pos = self._context, self._pos
        offset = self._base + pos
        if offset >= context.sequence_end:
            if offset > context.sequence_end:  # the item is right, so that nothing of it is lost
                _warn("an item goes on behind the end of its sequence")
            return self._end_sequence()
        if self._lacks(8):
            return False
        # PS3.5 6.2.2: what is in UN is in implicit VR little endian.
        encoding = IMPLICIT_LITTLE_ENDIAN if context.sequence_is_un else context.encoding
        group, element, length = encoding.item.unpack_from(self._buffer, pos)
        if group != 0xFFFE or element != 0xE000:
            if group << 16 | element != SEQUENCE_DELIMITATION or context.sequence_end != NO_END:
                raise DicomFileError("an item expected in a sequence (PS3.5 7.5)")
            self._pos += 8
            return self._end_sequence()
        end = NO_END
        if length != UNDEFINED_LENGTH:
            end = offset + 8 + length
            if end > context.end:
                raise DicomFileError("an item goes on behind the end of the item around it")
        self._pos = pos + 8
        self._tag = -1
        self._events.append((START_ITEM, context.tag, "SQ", context.items))
        context.items += 1
        self._contexts.append(context)
        known = context.known if encoding is context.encoding else {}
        self._context = Context(encoding, known, offset + 8, end, context.facts.inherited)
        self._state, self._step = _State.ELEMENTS, _ELEMENTS_STEP
        return True if length else self._end_item()

    def _switch(self) -> None:
        """Take an item for what its first element looks like, as pydicom does; UN may hold either."""
        context = self._context
        if context.encoding is EXPLICIT_LITTLE_ENDIAN and not self._has_vr():
            context.encoding, context.known = IMPLICIT_LITTLE_ENDIAN, _KNOWN[IMPLICIT_LITTLE_ENDIAN]
        elif context.encoding.implicit and self._contexts[-1].sequence_is_un and self._has_vr():
            context.encoding, context.known = EXPLICIT_LITTLE_ENDIAN, _KNOWN[EXPLICIT_LITTLE_ENDIAN]

    def _delimiter(self, tag: int) -> bool:
        if tag != ITEM_DELIMITATION or self._context.end != NO_END or not self._contexts:
            raise DicomFileError("a delimiter without anything to end (PS3.5 7.5)")
        self._pos += 8
        return self._end_item()

    def _end_item(self) -> bool:
        self._context = context = self._contexts.pop()
        self._tag = context.tag
        self._events.append((END_ITEM, context.tag, "SQ", None))
        self._state, self._step = _State.ITEMS, _ITEMS_STEP
        return True

    def _end_sequence(self) -> bool:
        self._events.append((END_SEQUENCE, self._context.tag, "SQ", None))
        self._state, self._step = _State.ELEMENTS, _ELEMENTS_STEP
        return self._at_end()

    # --- long values -------------------------------------------------------------------------------------------

    def _start_long(self, tag: int, vr: str, header: int, length: int) -> bool:
        self._pos += header
        self._vr = vr
        self._left = length
        row = VRS[vr]
        known_length = length if row.form is Form.BINARY else None
        self._events.append((START_ELEMENT, tag, vr, known_length))
        if row.form is Form.BINARY:
            return self._move(_State.BYTES)
        if row.code:
            if length % _value_size(vr):
                raise DicomFileError(f"a length that is no multiple of that of a value of VR {vr}")
            return self._move(_State.NUMBERS)
        self._text = LongText(tag, vr, self._context.facts.encodings)
        return self._move(_State.TEXT)

    def _next(self, length: int) -> bytes | None:
        """The next bytes of the long value, as many as that or as are left; None if they have not come yet."""
        length = min(length, self._left)
        if self._lacks(length):
            return None
        data = self._buffer[self._pos : self._pos + length]
        self._pos += length
        self._left -= length
        return data

    def _end_long(self) -> bool:
        self._events.append((END_ELEMENT, self._tag, self._vr, None))
        self._move(_State.ELEMENTS)
        return self._at_end()

    def _bytes(self) -> bool:
        data = self._next(BINARY_SEGMENT_SIZE)
        if data is None:
            return False
        if not self._context.encoding.little_endian and not self._in_fragments:
            data = swap_words(data, VRS[self._vr].word)
        self._events.append((SEGMENT if self._left else LAST_SEGMENT, self._tag, self._vr, data))
        if self._left:
            return True
        return self._move(_State.FRAGMENTS) if self._in_fragments else self._end_long()

    def _numbers(self) -> bool:
        data = self._next(_MANY * _value_size(self._vr))
        if data is None:
            return False
        self._events.append((VALUES, self._tag, self._vr, self._values(self._vr, data)))
        return True if self._left else self._end_long()

    def _long_text(self) -> bool:
        assert self._text
        data = self._next(BINARY_SEGMENT_SIZE)
        if data is None:
            return False
        self._events += self._text.feed(data, final=not self._left)
        return True if self._left else self._end_long()

    # --- encapsulated pixel data (PS3.5 A.4) -------------------------------------------------------------------

    def _start_fragments(self, tag: int, vr: str, header: int) -> bool:
        if vr not in ("OB", "OW"):
            raise DicomFileError(f"an undefined length for VR {vr} (PS3.5 7.1.2)")
        self._pos += header
        self._vr = vr
        self._in_fragments = True
        self._events.append((START_FRAGMENTS, tag, vr, None))
        return self._move(_State.FRAGMENTS)

    def _fragments(self) -> bool:
        if self._lacks(8):
            return False
        encoding = self._context.encoding
        group, element = encoding.tag.unpack_from(self._buffer, self._pos)
        [length] = encoding.long.unpack_from(self._buffer, self._pos + 4)
        tag = group << 16 | element
        if tag == SEQUENCE_DELIMITATION:
            self._pos += 8
            self._in_fragments = False
            self._events.append((END_FRAGMENTS, self._tag, self._vr, None))
            self._move(_State.ELEMENTS)
            return self._at_end()
        if tag != ITEM or length == UNDEFINED_LENGTH:
            raise DicomFileError("a fragment of defined length expected in encapsulated pixel data (PS3.5 A.4)")
        if self._base + self._pos + 8 + length > self._context.end:
            raise DicomFileError("a fragment goes on behind the end of its item")
        self._pos += 8
        self._left = length
        self._events.append((START_FRAGMENT, self._tag, self._vr, length))
        return self._move(_State.BYTES)


_STEPS: dict[int, Callable[[Part10Parser], bool]] = {
    _State.PREAMBLE: Part10Parser._preamble,
    _State.META: Part10Parser._meta,
    _State.DATA_SET: Part10Parser._data_set,
    _State.ELEMENTS: Part10Parser._elements,
    _State.ITEMS: Part10Parser._items,
    _State.BYTES: Part10Parser._bytes,
    _State.NUMBERS: Part10Parser._numbers,
    _State.TEXT: Part10Parser._long_text,
    _State.FRAGMENTS: Part10Parser._fragments,
}


_ITEMS_STEP, _ELEMENTS_STEP = Part10Parser._items, Part10Parser._elements


def _vr(code: bytes) -> str:
    try:
        vr = code.decode("ascii")
    except UnicodeDecodeError:
        vr = ""
    if vr not in VRS:
        raise DicomFileError("not a value representation (PS3.5 6.2)")
    return vr


def _no_values(data: bytes, little_endian: bool) -> None:
    """A sequence has none."""


def _value_size(vr: str) -> int:
    """The bytes of a value of a VR of numbers."""
    return 4 if vr == "AT" else Struct(f"={VRS[vr].code}").size


def _warn(message: str) -> None:
    warnings.warn(message, UserWarning, stacklevel=2)
