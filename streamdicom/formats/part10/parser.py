"""DICOM files (PS3.10 7) to DICOM events, without holding a data set.

The parser is an automaton: ``ParserState`` names the structure that it reads next, and ``PARSER_TRANSITIONS`` the
states that may follow. ``ElementParser`` reads the data set, after this module has read the start of the file.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from streamdicom import _native
from streamdicom._cache import BoundedCache
from streamdicom._push import PIECE_SIZE
from streamdicom._typing import TYPE_CHECKING, Any, ClassVar
from streamdicom.dicom import (
    EXPLICIT_BIG_ENDIAN,
    EXPLICIT_LITTLE_ENDIAN,
    FILE_META_GROUP,
    IMPLICIT_LITTLE_ENDIAN,
    TRANSFER_SYNTAX_UID,
    Encoding,
    encoding_of,
    is_deflated,
    is_encapsulated,
)
from streamdicom.errors import DicomFileError, TruncatedError
from streamdicom.events import (
    ELEMENT,
    END_DATASET,
    START_DATASET,
    Event,
)
from streamdicom.formats.encoded import SelfEncoding
from streamdicom.formats.first_element import PREFIX, starts_with_element
from streamdicom.formats.part10.context import NO_END, Context, ElementContext
from streamdicom.formats.part10.elements import ElementParser
from streamdicom.formats.part10.headers import read_header, write_header
from streamdicom.formats.part10.runs import encoding_run, part10_run
from streamdicom.formats.part10.states import ParserState
from streamdicom.io import CHUNK, Expansion
from streamdicom.options import ReadOptions, options_or_default

if TYPE_CHECKING:
    from streamdicom.formats.part10.inflater import Inflater

_MAX_WORD_SIZE = 8  # bytes that are swapped as one
_BETWEEN_ELEMENTS = (ParserState.FILE_META, ParserState.DATASET, ParserState.ELEMENTS)
_WRONG_LENGTH = "expected the length of the File Meta Information in (0002,0000), found another number"
_WRONG_ENCODING = "wrong-encoding"
_GROUP_LENGTH = FILE_META_GROUP << 16
_GROUP_LENGTH_HEADER = write_header(_GROUP_LENGTH, "UL", 4, implicit=False)
_GROUP_LENGTH_SIZE = len(_GROUP_LENGTH_HEADER) + 4
_BIG_ENDIAN_GROUP = 0x0400  # a group number below 4, in the other byte order


class Part10Parser(ElementParser, SelfEncoding):
    """A push parser of one DICOM file: bytes in, DICOM events out.

    The parser reads explicit and implicit VR, little and big endian, deflated data sets, and defined and undefined
    lengths. It follows pydicom: where the file contradicts its transfer syntax, the file counts, with a warning; UN
    gets the VR of the dictionary; bytes that a character set does not decode are replaced, with a warning. Values are
    those that pydicom reads, except for text where pydicom departs from PS3.5 6.1. Memory does not depend on the size
    of the file.

    ``feed`` and ``close`` raise a ``DicomFileError`` if this is not a DICOM file or its data set violates PS3.5, and a
    ``LimitError`` if sequences nest too deep; ``close`` raises a ``TruncatedError`` if the file is not complete.

    Args:
        options: Limits, and whether the preamble may be missing.
        index: The number of the data set in its stream.
        expansion: The bound of the compressed stream around the bytes, if any. It holds for a deflated data set too.

    >>> import pydicom.data
    >>> parser = Part10Parser()
    >>> with open(pydicom.data.get_testdata_file("CT_small.dcm"), "rb") as file:
    ...     events = parser.feed(file.read()) + parser.close()
    >>> [value for kind, tag, vr, value in events if tag == 0x00080060]
    [('CT',)]
    """

    def __init__(
        self, *, options: ReadOptions | None = None, index: int = 0, expansion: Expansion | None = None
    ) -> None:
        options = options_or_default(options, ReadOptions)
        super().__init__(options, index)
        self._force = options.force
        self._piece_size = PIECE_SIZE
        self._limits = options.limits
        self._expansion = expansion
        self._inflater: Inflater | None = None
        self._transfer_syntax = ""
        self._facts = ElementContext()  # at the start of the data set
        self._meta_end: int | None = None  # the offset after the File Meta Information, as (0002,0000) says

    def encode_in(self, form: Any) -> None:
        """Append ``Encoded`` events in the form of a writer; call it before ``feed``."""
        if form.is_part10:  # its writer needs the events of the UIDs that the File Meta Information repeats
            return
        self._part10_run = encoding_run(form)
        self._piece_size = CHUNK  # there are no events that take memory; the text is two to seven times as long

    def keep_un(self) -> None:
        """Leave elements of VR UN and defined length as they are; call it before ``feed``."""
        self._keeps_un = True
        self._part10_run = part10_run

    def start_within(self, facts: ElementContext, transfer_syntax: str) -> None:
        """Read elements without a file around them; call it before ``feed``.

        Args:
            facts: The values of the elements before them.
            transfer_syntax: The transfer syntax of the bytes.
        """
        self._facts, self._transfer_syntax = facts, transfer_syntax
        self._move(ParserState.DATASET)

    def skip(self, keep: int = -1) -> int:
        """Skip the rest of the current long binary value.

        The events of the value then have fewer bytes than its length says.

        Args:
            keep: A tag whose values are not skipped.

        Returns:
            The number of following bytes of the file that must not be fed.

        >>> Part10Parser().skip()
        0
        """
        if self._state is not ParserState.BINARY or self._tag == keep or self._inflater is not None or self._error:
            return 0
        if self._holds:  # a fault may need the bytes
            return 0
        # At least one byte must be fed, which proves that the file has all of them.
        count = max(0, self._remaining - self._input.size - 1) // _MAX_WORD_SIZE * _MAX_WORD_SIZE
        if count:
            self._remaining -= count
            self._input.skip(count)
        return count

    # --- input -------------------------------------------------------------------------------------------------

    def _feed(self, data: bytes, events: list[Event]) -> None:
        self._begin(events)
        if self._surplus and not data:
            self._end(events, PIECE_SIZE)
            return
        try:
            if data:
                self._inflate(math.inf)  # for a caller that does not heed ``has_more``
            for start in range(0, len(data), self._piece_size):
                piece = data[start : start + self._piece_size]
                if self._inflater is None:
                    self._take(piece)
                else:
                    self._inflater.add(piece)
            self._inflate(1)
        except BaseException:
            self._let_go()
            self._end(events, math.inf)
            raise
        self._end(events, max(len(data), PIECE_SIZE))

    def _has_more(self) -> bool:
        return self._surplus > 0 or self._can_inflate()

    def _can_inflate(self) -> bool:
        return self._inflater is not None and self._inflater.has_more and self._state is not ParserState.END

    def _inflate(self, max_pieces: float) -> None:
        """Take the next pieces of a deflated data set."""
        while self._inflater is not None and self._can_inflate() and max_pieces:
            try:
                piece = self._inflater.inflate()
            except DicomFileError as error:
                self._end_early("broken-structure", error.message, error)
                return
            self._take(piece)
            self._inflater.check(self._input.offset, self._long_size)
            max_pieces -= 1

    def _take(self, data: bytes) -> None:
        if not data or not self._input.add(data):
            return
        was_inflating = self._inflater is not None
        while self._step(self):
            pass
        self._input.settle()
        if self._contexts or self._holds or self._state is ParserState.ITEMS:
            self._settle()
        if self._inflater is not None and not was_inflating:
            self._inflater.add(self._input.take_rest())

    def _close(self, events: list[Event]) -> None:
        self._begin(events)
        try:
            self._read_rest()
        finally:
            self._let_go()
            self._end(events, math.inf)

    def _read_rest(self) -> None:
        self._inflate(math.inf)
        self._input.gather()
        data = self._input.data
        if self._state is ParserState.PREAMBLE and data and (self._force or starts_with_element(data)):
            self._start()
            while self._step(self):
                pass
        if self._state is ParserState.PREAMBLE:
            raise TruncatedError("not a DICOM file: it ends within the preamble of 128 bytes and 'DICM' (PS3.10 7.1)")
        if not self._is_complete():
            where = "deflated data set" if self._inflater is not None and not self._inflater.is_complete else "data set"
            message = f"the file ends within its {where}"
            self._end_early("truncated", message, TruncatedError(message))
        self._results.append((END_DATASET, 0, "", None))

    def _is_complete(self) -> bool:
        if self._state in (ParserState.PADDING, ParserState.END):
            return True
        if self._contexts or self._state not in _BETWEEN_ELEMENTS:
            return False
        if self._inflater is not None and not self._inflater.is_complete:
            return False
        rest = self._input.data[self._input.pos :]
        if rest and not rest.strip(b"\0") and not self._may_be_tag(len(rest)):
            self._start_padding()
            return True
        return not rest

    def _may_be_tag(self, count: int) -> bool:
        """Return whether so many zero bytes at the end may be the start of a tag.

        Two may not, because no element has group 0. One is that of group 6000 and others, and of most groups in big
        endian. It is padding where it makes the length of the file even in little endian.
        """
        is_odd = bool(self._input.offset & 1)
        return count == 1 and not (is_odd and self._context.encoding.little_endian)

    # --- the start of a file -----------------------------------------------------------------------------------

    def _preamble(self) -> bool:
        if self._input.lacks(132):
            return False
        if self._input.data[128:132] == b"DICM":  # PS3.10 7.1
            self._input.pos = 132
        elif not (self._force or starts_with_element(self._input.data)):
            raise DicomFileError(
                "not a DICOM file: expected 'DICM' after a preamble of 128 bytes (PS3.10 7.1); "
                "ReadOptions(force=True) reads files without a preamble"
            )
        return self._start()

    def _start(self) -> bool:
        if not self._input.pos and self._input.data.startswith(PREFIX):  # the preamble is missing
            self._input.pos = len(PREFIX)
        self._events.append((START_DATASET, 0, "", self._index))
        return self._move(ParserState.FILE_META)

    def _file_meta(self) -> bool:
        """Read some elements of the File Meta Information (PS3.10 7.1)."""
        self._tag = -1
        if self._input.lacks(2):
            return False
        if self._group() != FILE_META_GROUP:  # an empty data set has no more than two bytes when deflated
            return self._end_file_meta()
        if self._input.lacks(8):
            return False
        context = self._context
        is_native = _native.functions is not None
        if not is_native and context.last < 0 and self._input.data.startswith(_GROUP_LENGTH_HEADER, self._input.pos):
            return self._group_length()
        if context.last < 0 and context.encoding is EXPLICIT_LITTLE_ENDIAN and not self._has_vr():
            context.encoding, context.known = IMPLICIT_LITTLE_ENDIAN, BoundedCache()
        tag, _, _, size, length = read_header(self._input.data, self._input.pos, context.encoding)
        if size > 8 and self._input.lacks(size):
            return False
        if self._input.offset + size + length > context.limit:
            # The length of the group is wrong, or elements of the group are repeated in the data set.
            if tag <= context.last or (not self._has_vr() and not context.encoding.implicit):
                return self._end_file_meta()
            self._policy.report("file-meta-length", _WRONG_LENGTH)
            context.bound(NO_END)
            self._meta_end = None
        before, start = len(self._events), self._input.pos
        end = self._input.offset + size + length
        self._run()
        if self._input.pos == start and not self._element():
            return False
        for kind, tag, _, values in self._events[before:]:
            if kind == ELEMENT and values:
                if tag == TRANSFER_SYNTAX_UID and isinstance(values[0], str):
                    self._transfer_syntax = values[0]
                elif tag == _GROUP_LENGTH and isinstance(values[0], int):
                    self._meta_end = end + values[0]
                    context.bound(self._meta_end)
        return True

    def _group_length(self) -> bool:
        """Read the length of the File Meta Information, as nearly every file has it."""
        self._tag = _GROUP_LENGTH
        if self._input.lacks(_GROUP_LENGTH_SIZE):
            return False
        if self._places is not None:
            self._places.mark(self._input.offset)
        length = int.from_bytes(self._input.take(_GROUP_LENGTH_SIZE)[len(_GROUP_LENGTH_HEADER) :], "little")
        self._context.see(_GROUP_LENGTH)
        self._meta_end = self._input.offset + length
        self._context.bound(self._meta_end)
        self._events.append((ELEMENT, _GROUP_LENGTH, "UL", (length,)))
        return True

    def _end_file_meta(self) -> bool:
        if self._meta_end not in (None, self._input.offset):
            self._policy.report("file-meta-length", _WRONG_LENGTH)
        return self._move(ParserState.DATASET)

    def _group(self) -> int:
        """Return the group number at the current position, in little endian."""
        return int.from_bytes(self._input.data[self._input.pos : self._input.pos + 2], "little")

    def _dataset(self) -> bool:
        if is_deflated(self._transfer_syntax) and self._inflater is None:
            from streamdicom.formats.part10.inflater import Inflater  # imported late: few data sets are deflated

            self._inflater = Inflater(self._limits, self._expansion, self._input.offset)
            return False
        if self._input.lacks(8):
            return False
        encoding = self._encoding()
        self._is_native = bool(self._transfer_syntax) and not is_encapsulated(self._transfer_syntax)
        if encoding.tag.unpack_from(self._input.data, self._input.pos)[0] <= FILE_META_GROUP:
            self._stop_encoding()  # the writer must see that the order is wrong
        self._context = Context(encoding, self._tables[encoding], 0, NO_END, NO_END, NO_END, self._facts)
        return self._move(ParserState.ELEMENTS)

    def _encoding(self) -> Encoding:
        """Return the encoding of the transfer syntax, if the first element confirms it."""
        encoding = encoding_of(self._transfer_syntax)
        if self._input.data.startswith(bytes(8), self._input.pos):  # padding
            return encoding
        if not self._has_vr():
            if self._transfer_syntax and not encoding.implicit:
                if self._has_odd_vr():
                    return encoding
                self._policy.report(_WRONG_ENCODING, "expected explicit VR by the transfer syntax, found implicit VR")
            return IMPLICIT_LITTLE_ENDIAN
        if not self._transfer_syntax:
            group = self._group()
            return EXPLICIT_BIG_ENDIAN if group >= _BIG_ENDIAN_GROUP else EXPLICIT_LITTLE_ENDIAN
        if encoding.implicit:
            self._policy.report(_WRONG_ENCODING, "expected implicit VR by the transfer syntax, found explicit VR")
            return EXPLICIT_LITTLE_ENDIAN
        return encoding

    _steps: ClassVar[Mapping[ParserState, Callable[[Any], bool]]] = {
        ParserState.PREAMBLE: _preamble,
        ParserState.FILE_META: _file_meta,
        ParserState.DATASET: _dataset,
        ParserState.ELEMENTS: ElementParser._structure,
        ParserState.ITEMS: ElementParser._structure,
        ParserState.BINARY: ElementParser._binary,
        ParserState.NUMBERS: ElementParser._numbers,
        ParserState.TEXT: ElementParser._long_text,
        ParserState.FRAGMENTS: ElementParser._fragment,
        ParserState.SKIPPED: ElementParser._skipped,
        ParserState.SEARCH: ElementParser._search_end,
        ParserState.PADDING: ElementParser._padding,
        ParserState.END: ElementParser._ended,
    }
