"""The output of the writer of DICOM files, also of elements with a fault."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

from streamdicom._typing import Any, BinaryIO
from streamdicom.dicom import (
    FILE_META_GROUP,
    IMPLICIT_VR_LITTLE_ENDIAN,
    PIXEL_DATA,
    SOP_INSTANCE_UID,
    SPECIFIC_CHARACTER_SET,
    UNDEFINED_LENGTH,
    UTF_8_TERM,
    VRS,
    is_encapsulated,
)
from streamdicom.errors import OutputError
from streamdicom.formats.element_rules import check_tag
from streamdicom.formats.kept_text import BYTES_VR, TEXT_VR, KeptValues, kept_bytes, kept_text
from streamdicom.formats.part10.context import ElementContext
from streamdicom.formats.part10.file_meta import FileMeta, check_transfer_syntax
from streamdicom.formats.part10.headers import ITEM_TAG, LENGTH_32, SEQUENCE_END, write_header
from streamdicom.formats.part10.long_values import encoded_text
from streamdicom.formats.part10.runs import WRITE_TABLES, bytes_of_engine, most_sequences
from streamdicom.formats.part10.states import OpenItem, WriterState
from streamdicom.formats.part10.values import (
    NotEncodableError,
    encode_field,
    is_long_read_alike,
    is_number_in_dictionary,
    padding,
)
from streamdicom.formats.target import write_fully
from streamdicom.formats.writer import BLOCK_SIZE, Writer, order_error
from streamdicom.options import WriteOptions

MAX_LENGTH = UNDEFINED_LENGTH - 1
"""The maximum length of a value field."""

NOT_ITEMS = "expected items, for which readers of implicit VR take the value, found other bytes"
"""The message for bytes in the place of a sequence."""

VOI_LUT_SEQUENCE = 0x00283010
"""The only sequence that DCMTK does not read in OB or OW."""

_REMEDY = "WriteOptions.transfer_syntax sets its transfer syntax"
_UTF_8_TERMS = (UTF_8_TERM,)


class ElementOutput(Writer):
    """The base of ``BinaryOutput``: headers, text and faults.

    Args:
        target: See ``SinglePassWriter``.
        temporary: See ``SinglePassWriter``.
        options: See ``SinglePassWriter``.
        in_utf_8: See ``SinglePassWriter``.
    """

    def __init__(
        self, target: BinaryIO, temporary: Callable[[], BinaryIO], options: WriteOptions, *, in_utf_8: bool
    ) -> None:
        super().__init__()
        check_transfer_syntax(options.transfer_syntax)
        self._limits = options.limits
        self._on_error = options.on_error
        self._target = target
        self._temporary = temporary
        self._max_sequences = most_sequences(options.limits)
        self._in_utf_8 = in_utf_8
        self._meta = FileMeta(options.transfer_syntax)
        self._has_meta = False
        self._is_implicit = options.transfer_syntax == IMPLICIT_VR_LITTLE_ENDIAN
        self._is_encapsulated = False
        self._lacks_character_set = in_utf_8
        self._has_extended_text = False  # beyond ASCII, in the character sets of the data set
        self._table = WRITE_TABLES[self._is_implicit]
        self._part10_bytes = bytes_of_engine(implicit=self._is_implicit)
        self._items = [OpenItem((), ElementContext())]  # the data set and the open items
        self._parts: list[bytes] = []
        self._size = 0

    def _open_sequences(self) -> Iterable[tuple[int, int]]:
        items = self._items if self._items[-1].in_sequence else self._items[:-1]
        return [(item.tag, item.items) for item in items]

    # --- bytes -------------------------------------------------------------------------------------------------

    def _put(self, data: bytes) -> None:
        self._parts.append(data)
        self._size += len(data)
        if self._size >= BLOCK_SIZE:
            self._flush()

    def _flush(self) -> None:
        self._put_meta()
        write_fully(self._target, b"".join(self._parts))
        self._parts.clear()
        self._size = 0

    def _put_meta(self) -> None:
        """Put the File Meta Information before all other bytes, once."""
        if not self._has_meta:
            self._has_meta = True
            self._is_encapsulated = is_encapsulated(self._meta.transfer_syntax)
            self._parts.insert(0, self._meta.encode())

    def _header(self, tag: int, vr: str, length: int) -> bytes:
        return write_header(tag, vr, length, implicit=self._is_implicit)

    def _is_in_fragments(self, tag: int) -> bool:
        """Return whether the transfer syntax asks for fragments of an element (PS3.5 A.4)."""
        if tag != PIXEL_DATA:
            return False
        self._put_meta()
        return self._is_encapsulated and len(self._items) == 1

    def _put_field(self, tag: int, vr: str, length: int, field: Iterable[bytes]) -> None:
        """Put a value field in pieces, with its header and its padding."""
        if length >= MAX_LENGTH:
            raise length_error()
        self._put(self._header(tag, vr, length + (length & 1)))
        for piece in field:
            self._put(piece)
        if length & 1:
            self._put(padding(vr))

    def _begin(self, tag: int) -> None:
        """Check that an element may start, and write the parts that precede it."""
        item = self._items[-1]
        check_tag(tag)
        if tag <= item.last:
            raise order_error(tag, item.last)
        if tag >> 16 == FILE_META_GROUP and len(self._items) == 1:
            raise OutputError(
                "expected the File Meta Information before all other elements, and without sequences and long values"
            )
        if self._state == WriterState.HEAD and tag > SOP_INSTANCE_UID:
            self._put_meta()
            self._state = WriterState.DATASET
        self._settle_character_set(tag)
        item.last = tag

    # --- text in character sets --------------------------------------------------------------------------------

    def _encode(self, vr: str, values: tuple[Any, ...]) -> bytes:
        try:
            data = encode_field(vr, values, self._items[-1].terms, in_utf_8=self._is_utf_8)
        except NotEncodableError:
            raise self._not_encodable() from None
        if VRS[vr].character_set and not data.isascii():
            self._has_extended_text = True
        return data

    @property
    def _is_utf_8(self) -> bool:
        """Whether text is in UTF-8 from here on."""
        return self._in_utf_8 and self._items[-1].terms == _UTF_8_TERMS

    def _not_encodable(self) -> Exception:
        if self._in_utf_8:
            return OutputError("expected ASCII in elements before Specific Character Set, found other characters")
        # In implicit VR no reader could find out which private elements are text, and encode them again.
        return _charset_error() if self._is_implicit and self._has_extended_text else NotEncodableError()

    def _settle_character_set(self, tag: int) -> None:
        """Put Specific Character Set before an element, if UTF-8 needs it.

        An item inherits it from the data set, unless its sequence stands before it there.
        """
        if self._in_utf_8 and tag > SPECIFIC_CHARACTER_SET and not self._is_utf_8:
            if self._items[-1].last == SPECIFIC_CHARACTER_SET:
                raise OutputError("expected Specific Character Set of VR CS and in one event, found another form")
            self._put_character_set(())

    def _put_character_set(self, terms: tuple[Any, ...]) -> None:
        """Put Specific Character Set (PS3.3 C.12.1.1.2)."""
        if len(self._items) == 1:
            self._lacks_character_set = False
        terms = _UTF_8_TERMS if self._in_utf_8 else terms
        data = self._encode("CS", terms)
        self._items[-1].terms = terms
        self._put(self._header(SPECIFIC_CHARACTER_SET, "CS", len(data)) + data)

    # --- readers of the file -----------------------------------------------------------------------------------

    def _read_vr(self, tag: int) -> str:
        """Return the VR that readers of implicit VR give an element of defined length."""
        return self._items[-1].facts.effective_vr(tag, "", 0)

    def _is_number(self, tag: int) -> bool:
        """Return whether readers take UN for numbers if its length fits."""
        if self._is_implicit:
            return VRS[self._read_vr(tag)].code != ""
        return is_number_in_dictionary(tag, self._parts)

    def _note_unknown_text(self, vr: str, read_vr: str, *, is_plain: bool) -> None:
        """Remember UN that a second pass would read as text, and encode again."""
        if vr == "UN" and not is_plain and (read_vr == "SQ" or VRS[read_vr].character_set):
            self._has_extended_text = True

    def _refused_error(self, tag: int, vr: str) -> OutputError | None:
        """Return an error for an element that DCMTK takes for a damaged sequence."""
        if tag != VOI_LUT_SEQUENCE or vr not in ("OB", "OW") or self._is_implicit:
            return None
        return OutputError(
            f"expected another VR for VOI LUT Sequence than {vr}, for which other programs refuse a file"
        )

    def _long_error(self, tag: int, vr: str) -> OutputError | None:
        """Return an error for a long value that readers would change or refuse."""
        if not self._is_implicit:
            return self._refused_error(tag, vr)
        read_vr = self._read_vr(tag)
        self._note_unknown_text(vr, read_vr, is_plain=False)
        if read_vr == "SQ":  # the value is not searched for items
            return OutputError(NOT_ITEMS)
        return None if is_long_read_alike(tag, vr, read_vr) else read_vr_error(read_vr, vr)

    # --- elements with a fault ---------------------------------------------------------------------------------

    def _allow(self, error: OutputError) -> None:
        """Raise the error of an element, unless the element is to be left out or kept."""
        # In implicit VR, readers would take the text for a value of the VR of the dictionary.
        if self._on_error == "raise" or (self._on_error == "keep" and self._is_implicit):
            raise error

    def _report(self, tag: int, error: OutputError) -> None:
        self._warn("wrong-value", f"{self._message_of(error)} ({self._location(tag)})")

    def _replace(self, tag: int, values: tuple[Any, ...], error: OutputError) -> None:
        """Leave out an element with a fault, or write its values as text or bytes."""
        self._allow(error)
        if self._on_error == "keep":
            if tag == SPECIFIC_CHARACTER_SET:  # which readers use with any VR
                self._put_character_set(())
            else:
                vr, data = self._kept(values)
                self._put_kept_field(tag, vr, len(data), (data,))
        self._report(tag, error)

    def _kept(self, values: tuple[Any, ...]) -> tuple[str, bytes]:
        """Return the VR and the value field of values that are kept."""
        text = kept_text(values)
        if text is not None:
            with suppress(OutputError):
                return TEXT_VR, self._encode(TEXT_VR, (text,))
        return BYTES_VR, kept_bytes(values)

    def _add_file_meta(self, tag: int, vr: str, values: tuple[Any, ...]) -> None:
        """Add an element of group 0002, or replace it like any other."""
        try:
            self._meta.add(tag, vr, values)
        except OutputError as error:
            self._allow(error)
            if self._on_error == "keep":
                self._meta.keep(tag, values)
            self._report(tag, error)

    def _put_kept(self, tag: int, kept: KeptValues) -> None:
        """Write the values of an element in parts as text or as bytes."""
        if not kept.has_bytes:
            try:
                length = sum(map(len, self._kept_field(kept)))
            except NotEncodableError:
                error = self._not_encodable()
                if not isinstance(error, OutputError):
                    raise error from None
            except OutputError:
                pass
            else:
                self._put_kept_field(tag, TEXT_VR, length, self._kept_field(kept))
                return
        self._put_kept_field(tag, BYTES_VR, sum(map(len, kept.pieces())), kept.pieces())

    def _put_kept_field(self, tag: int, vr: str, length: int, field: Iterable[bytes]) -> None:
        """Put a value field that is kept.

        It is the only fragment where the transfer syntax asks for fragments.
        """
        if not self._is_in_fragments(tag):
            self._put_field(tag, kept_vr(tag, vr), length, field)
            return
        self._put(self._header(tag, BYTES_VR, UNDEFINED_LENGTH) + (only_fragment(length) if length else b""))
        for piece in field:
            self._put(piece)
        self._put((padding(vr) if length & 1 else b"") + SEQUENCE_END)

    def _kept_field(self, kept: KeptValues) -> Iterator[bytes]:
        return encoded_text(TEXT_VR, kept.texts(), self._items[-1].terms, in_utf_8=self._is_utf_8)


def kept_vr(tag: int, vr: str) -> str:
    """Return the VR of a value that is kept, with which other programs read a file."""
    return "UN" if tag == VOI_LUT_SEQUENCE and vr == BYTES_VR else vr


def read_vr_error(read_vr: str, vr: str) -> OutputError:
    """Return the error for a value that readers of implicit VR would change."""
    return OutputError(f"expected VR {read_vr}, which readers of implicit VR take, found {vr}")


def length_error() -> OutputError:
    """Return the error for a value of 4 GiB or more."""
    return OutputError("expected a value of less than 4 GiB, found a longer one, which a file cannot hold")


def only_fragment(length: int) -> bytes:
    """Return the empty Basic Offset Table and the header before the only fragment.

    Args:
        length: The bytes of the fragment, without padding.

    Raises:
        OutputError: The fragment is too long.
    """
    length += length & 1
    if length > MAX_LENGTH:
        raise length_error()
    return ITEM_TAG + LENGTH_32.pack(0) + ITEM_TAG + LENGTH_32.pack(length)


def native_error() -> OutputError:
    """Return the error for a value where the transfer syntax asks for fragments."""
    return OutputError(f"expected encapsulated pixel data by the transfer syntax, found native pixel data; {_REMEDY}")


def encapsulated_error(tag: int = PIXEL_DATA) -> OutputError:
    """Return the error for fragments that do not suit the tag or transfer syntax."""
    if tag != PIXEL_DATA:
        return OutputError("expected fragments in Pixel Data only (PS3.5 A.4), found them in another element")
    return OutputError(f"expected native pixel data by the transfer syntax, found encapsulated pixel data; {_REMEDY}")


def _charset_error() -> OutputError:
    return OutputError(
        "expected text that Specific Character Set carries, found other characters; "
        "in implicit VR the file cannot be written in UTF-8 instead"
    )
