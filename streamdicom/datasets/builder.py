"""DICOM events to pydicom data sets.

An element becomes a raw one wherever pydicom reads the very same values from its bytes; pydicom converts it when
somebody looks, as it does after ``dcmread``. Any other becomes a DataElement with the values themselves, as
``Dataset.from_json`` makes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache, partial
from inspect import signature
from io import BufferedIOBase, BytesIO
from typing import Any, cast

from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag
from pydicom.uid import UID, ExplicitVRBigEndian
from pydicom.valuerep import BUFFERABLE_VRS

from streamdicom.bulkdata import BulkDataStore
from streamdicom.converters import converters_in_force
from streamdicom.datasets.elements import data_element, json_element, pydicom_text, raw_element, reference
from streamdicom.dicom import (
    DEFAULT_ENCODINGS,
    ENCODERS,
    FILE_META_GROUP,
    ITEM_TAG_BYTES,
    PIXEL_DATA,
    SPECIFIC_CHARACTER_SET,
    UNDEFINED_LENGTH,
    UTF_8_ENCODINGS,
    UTF_8_TERM,
    VRS,
    Form,
    encode_text,
    format_tag,
    joined_text,
    python_encodings,
    swap_words,
)
from streamdicom.errors import DatasetError, InputError, LimitError, StreamDicomError
from streamdicom.events import BINARY_SEGMENT_SIZE, ELEMENT, END_DATASET, Event, EventType
from streamdicom.filters import FRAGMENT_FORMS, has_form_of, open_bulk_data, value_field
from streamdicom.io import LazyValue, SpooledValue, SpoolFile
from streamdicom.options import ReadOptions, UriHandler

_VALUE_OVERHEAD = 64  # bytes of an object and of the place that refers to it
_OVERHEAD = 256  # bytes that pydicom needs for an element or an item, see ``Limits.dataset_size``


_Elements = dict[BaseTag, RawDataElement | DataElement]


class _Frame:
    """A data set or an item that is being built."""

    __slots__ = ("elements", "encodings", "has_items", "is_late", "items", "owns_encodings", "tag", "undecided")

    def __init__(self, encodings: list[str]) -> None:
        self.elements: _Elements = {}
        self.encodings = encodings  # in force here, as far as is known
        self.owns_encodings = False  # whether Specific Character Set was met here
        self.has_items = False
        self.is_late = False  # whether Specific Character Set came, or changed, behind items that inherit it
        self.undecided: list[_Undecided] = []
        self.tag = 0  # of the sequence that is open
        self.items: list[Dataset] = []  # those of the open sequence


class _Undecided:
    """Text beyond ASCII, whose bytes depend on a character set that may still come, or may have to change."""

    __slots__ = ("elements", "tag", "text", "vr")

    def __init__(self, elements: _Elements, tag: int, vr: str, text: str) -> None:
        self.elements = elements
        self.tag = tag
        self.vr = vr
        self.text = text


class DatasetBuilder:
    """Makes a Dataset of the events of each data set.

    Group 0002 goes to ``file_meta``. A reference to bulk data becomes what the options say; see ``ReadOptions``.
    Encapsulated pixel data becomes an element of undefined length, as after ``dcmread``. Text that the character
    set of a data set cannot carry switches Specific Character Set to ISO_IR 192, which is UTF-8.

    Args:
        options: Bounds on the length of a value and the size of a data set, and what becomes of bulk data.
        as_file: Whether to make FileDataset objects.

    >>> builder = DatasetBuilder(ReadOptions())
    >>> events = [(1, 0, "", 0), (3, 0x00100020, "LO", ("17",)), (2, 0, "", None)]
    >>> [ds.PatientID for ds in builder.build(events)]
    ['17']
    """

    def __init__(self, options: ReadOptions, *, as_file: bool = False) -> None:
        self._options = options
        self._limits = options.limits
        self._most = options.limits.dataset_size
        handler = options.bulk_data_uri_handler
        self._handler = _of_three_arguments(handler) if handler else None
        self._file_dataset = as_file
        self._takes_objects = converters_in_force(options.converters) is not None
        self._index = 0
        self._size = 0
        self._frames: list[_Frame] = []
        self._frame = _Frame(DEFAULT_ENCODINGS)
        self._parts: list[Any] = []  # the values of an element in parts
        self._segments: list[Any] = []  # the pieces of one of them
        self._length = 0
        self._is_encapsulated = False
        self._spool: SpoolFile | None = None  # of the data set, once a value of it is there
        self._spooled_from: int | None = None  # where in it the value starts that is being read

    def build(self, events: Iterable[Event]) -> Iterator[Dataset]:
        """Yield the data sets that the next events complete. The builder cannot be used after an exception.

        Raises:
            DatasetError: pydicom cannot hold an element, or it is repeated.
            LimitError: A value or a data set is larger than the limits allow.
        """
        tag = 0
        try:
            for kind, tag, vr, value in events:
                if kind == ELEMENT:
                    self._add(tag, vr, value)
                elif kind == END_DATASET:
                    yield self._end_dataset()
                else:
                    _MOVES[kind](self, tag, vr, value)
        except InputError as error:
            if error.location.dataset_index is None:  # the source of the events may know more
                error.within(self._index, self._tag_path(tag))
            raise

    def _tag_path(self, tag: int) -> str:
        parts = [f"{format_tag(frame.tag)}[{len(frame.items)}]" for frame in self._frames]
        return ".".join([*parts, format_tag(tag)] if tag else parts)

    def _grow(self, size: int) -> None:
        self._size += size + _OVERHEAD
        if self._size > self._most:
            raise LimitError(f"a data set of more than {self._most} bytes", "dataset_size")

    # --- elements ----------------------------------------------------------------------------------------------

    def _add(self, tag: int, vr: str, values: tuple[Any, ...]) -> None:
        elements = self._frame.elements
        base_tag = _base_tag(tag)
        if base_tag in elements:
            raise DatasetError("the element comes twice in its data set")
        if self._takes_objects and values and not has_form_of(vr, values):
            self._add_handled(tag, vr, values[0] if len(values) == 1 else list(values))
            return
        data = ENCODERS[vr](values) if values else b""
        if data is not None:
            # PS3.5 6.2.2: UN is in implicit VR, which matters where pydicom finds a sequence in it.
            rest = _REST if vr != "UN" else _REST_OF_UN
            elements[base_tag] = _new_tuple(RawDataElement, (base_tag, vr, len(data), data, *rest))
            self._size += len(data) + _OVERHEAD
            if self._size > self._most:
                self._grow(0)
        else:
            self._add_other(base_tag, vr, values)
        if tag == SPECIFIC_CHARACTER_SET:
            self._set_encodings(vr, values)

    def _set_encodings(self, vr: str, values: tuple[Any, ...]) -> None:
        frame = self._frame
        try:
            frame.encodings = python_encodings(values if vr == "CS" else ())
        except LookupError as error:  # if pydicom is told to be strict
            raise DatasetError("pydicom does not take the character set") from error
        frame.owns_encodings = True
        frame.is_late = frame.has_items

    def _add_other(self, tag: BaseTag, vr: str, values: tuple[Any, ...]) -> None:
        """An element whose values pydicom would not read from bytes in ASCII."""
        elements = self._frame.elements
        row = VRS[vr]
        size = _OVERHEAD * len(values)
        if row.form in (Form.TEXT, Form.DECIMAL, Form.PERSON_NAME):
            text = joined_text(vr, values)
            plain = "\\".join(pydicom_text(vr, value) for value in values) if text is None else text
            size += 4 * len(plain)
            if row.character_set and not plain.isascii():
                self._frame.undecided.append(_Undecided(elements, tag, vr, plain))
                if text is not None and "\x1b" not in text:
                    # A place holder, that the bytes will be put into.
                    elements[tag] = raw_element(tag, vr, b"")
                    self._grow(size)
                    return
        elements[tag] = data_element(tag, vr, values)
        self._grow(size)

    # --- references to bulk data -------------------------------------------------------------------------------

    def _bulk_data(self, tag: int, vr: str, value: Any) -> None:
        store = self._options.bulk_data_store
        if self._handler:
            value = self._handler(format_tag(tag), vr, value)
            if vr == "UN" and isinstance(value, bytes):  # which pydicom converts to the VR that it knows of the tag
                self._add(tag, vr, (value,))
            else:
                self._add_handled(tag, vr, value)
        elif store is None:
            self._put_element(reference(_base_tag(tag), vr, value))
        elif vr in BUFFERABLE_VRS:
            is_encapsulated = value.endswith(FRAGMENT_FORMS)
            most = self._limits.spooled_size
            fetch = partial(_fetch, store, tag, vr, value, most, self._index, self._tag_path(tag))
            self._put_buffer(tag, vr, LazyValue(fetch, padded=not is_encapsulated), is_encapsulated)
        else:
            for kind, _, _, part in open_bulk_data(store, tag, vr, value):
                if kind == ELEMENT:
                    self._add(tag, vr, part)
                else:
                    _MOVES[kind](self, tag, vr, part)

    def _add_handled(self, tag: int, vr: str, value: Any) -> None:
        try:
            element = DataElement(tag, vr, value)
        except Exception as error:
            raise DatasetError(f"pydicom does not take the value for VR {vr}: {type(error).__name__}") from error
        self._put_element(element)
        self._grow(len(value) if isinstance(value, str | bytes) else 0)

    def _put_element(self, element: DataElement) -> None:
        if element.tag in self._frame.elements:
            raise DatasetError("the element comes twice in its data set")
        self._frame.elements[element.tag] = element
        self._grow(0)

    def _json_element(self, tag: int, vr: str, value: Any) -> None:
        element = json_element(_base_tag(tag), value)
        self._put_element(element)
        self._grow(len(element.value) + 4 * len(value))

    def _put_buffer(self, tag: int, vr: str, buffer: BufferedIOBase, is_encapsulated: bool) -> None:
        self._put_element(DataElement(_base_tag(tag), vr, buffer, is_undefined_length=is_encapsulated))

    # --- elements in parts -------------------------------------------------------------------------------------

    def _start_element(self, tag: int, vr: str, value: Any) -> None:
        self._parts = []
        self._segments = []
        self._length = 0
        self._is_encapsulated = False
        self._spooled_from = None

    def _lengthen(self, length: int) -> None:
        self._length += length
        if self._length > self._limits.value_length:
            raise LimitError(f"a value of more than {self._limits.value_length} bytes or characters", "value_length")

    def _values(self, tag: int, vr: str, value: Any) -> None:
        self._parts.extend(value)
        self._lengthen(sum(map(_value_size, value)))

    def _segment(self, tag: int, vr: str, value: Any) -> None:
        if self._spooled_from is not None:
            self._spool_segment(value)
        elif self._length + len(value) <= self._options.spool_threshold or not _is_bufferable(vr, value):
            self._segments.append(value)
            self._lengthen(len(value))
        else:
            self._spool = self._spool or SpoolFile()
            self._spooled_from = self._spool.size
            for segment in (*self._segments, value):
                self._spool_segment(segment)
            self._segments = []

    def _spool_segment(self, data: bytes) -> None:
        assert self._spool
        if self._spool.size + len(data) > self._limits.spooled_size:
            raise LimitError(f"more than {self._limits.spooled_size} bytes of long values", "spooled_size")
        self._spool.append(data)

    def _last_segment(self, tag: int, vr: str, value: Any) -> None:
        self._segment(tag, vr, value)
        if self._spooled_from is None and not self._is_encapsulated:
            self._parts.append(type(value)().join(self._segments))
            self._segments = []

    def _end_element(self, tag: int, vr: str, value: Any) -> None:
        if self._spooled_from is not None:
            self._add_spooled(tag, vr)
            return
        parts, self._parts = self._parts, []
        self._add(tag, vr, tuple(parts))

    def _add_spooled(self, tag: int, vr: str) -> None:
        assert self._spool
        buffer = SpooledValue(self._spool, self._spooled_from or 0, padded=not self._is_encapsulated)
        self._spooled_from = None
        if _is_bufferable(vr, b""):
            self._put_buffer(tag, vr, buffer, self._is_encapsulated)
        else:  # which the source has told only now
            self._length = 0
            segments = buffer.segments(BINARY_SEGMENT_SIZE)
            self._start_element(tag, vr, None)
            for segment in segments:
                self._lengthen(len(segment))
                self._segments.append(segment)
            data, self._segments = b"".join(self._segments), []
            self._add(tag, vr, (data,))

    # --- encapsulated pixel data (PS3.5 A.4) -------------------------------------------------------------------

    def _start_fragments(self, tag: int, vr: str, value: Any) -> None:
        self._start_element(tag, vr, value)
        self._is_encapsulated = True

    def _start_fragment(self, tag: int, vr: str, value: Any) -> None:
        self._segment(tag, vr, ITEM_TAG_BYTES + value.to_bytes(4, "little"))

    def _end_fragments(self, tag: int, vr: str, value: Any) -> None:
        if self._spooled_from is not None:
            self._add_spooled(tag, vr)
            return
        data, self._segments = b"".join(self._segments), []
        self._add(tag, vr, ())
        if data:
            elements = self._frame.elements
            elements[_base_tag(tag)] = _undefined_length(raw_element(_base_tag(tag), vr, data))
            self._grow(len(data))

    # --- data sets, sequences and items ------------------------------------------------------------------------

    def _start_dataset(self, tag: int, vr: str, value: Any) -> None:
        self._index = value
        self._size = 0
        self._spool = None
        self._frames = []
        self._frame = _Frame(DEFAULT_ENCODINGS)

    def _start_sequence(self, tag: int, vr: str, value: Any) -> None:
        if tag in self._frame.elements:
            raise DatasetError("the element comes twice in its data set")
        self._frame.tag = tag
        self._frame.items = []

    def _start_item(self, tag: int, vr: str, value: Any) -> None:
        self._frames.append(self._frame)
        self._frame = _Frame(self._frame.encodings)

    def _end_item(self, tag: int, vr: str, value: Any) -> None:
        frame = self._frame
        self._frame = outer = self._frames.pop()
        # PS3.5 7.5.3: an item without Specific Character Set has that of the data set around it.
        item = _new_dataset(frame.elements, outer.encodings)
        if frame.owns_encodings:
            _settle_text(item, frame)
        else:
            outer.undecided += frame.undecided
        outer.items.append(item)
        outer.has_items = True
        self._grow(_OVERHEAD)

    def _end_sequence(self, tag: int, vr: str, value: Any) -> None:
        frame = self._frame
        base_tag = _base_tag(tag)
        frame.elements[base_tag] = DataElement(base_tag, "SQ", Sequence(frame.items), already_converted=True)
        frame.items = []
        self._grow(_OVERHEAD)

    def _end_dataset(self) -> Dataset:
        frame = self._frame
        group = _take_group(frame.elements, FILE_META_GROUP)
        meta = FileMetaDataset(group) if group or self._file_dataset else None
        dataset: Dataset
        if self._file_dataset:
            dataset = FileDataset(BytesIO(), frame.elements, b"\0" * 128, meta, is_implicit_VR=False)
            dataset.buffer = None
        else:
            dataset = _new_dataset(frame.elements, DEFAULT_ENCODINGS)
            if meta:
                dataset.file_meta = meta
        _settle_text(dataset, frame)
        if meta:
            meta.set_original_encoding(False, True, DEFAULT_ENCODINGS)
            syntax = _transfer_syntax(meta)
            if syntax == ExplicitVRBigEndian:
                _to_big_endian(dataset)
            elif syntax is not None and syntax.is_transfer_syntax and syntax.is_compressed:
                _encapsulate(frame.elements)
        return dataset


_Move = Callable[[DatasetBuilder, int, str, Any], None]
_MOVES: dict[int, _Move] = {
    EventType.START_DATASET: DatasetBuilder._start_dataset,
    EventType.BULK_DATA: DatasetBuilder._bulk_data,
    EventType.JSON_ELEMENT: DatasetBuilder._json_element,
    EventType.START_ELEMENT: DatasetBuilder._start_element,
    EventType.VALUES: DatasetBuilder._values,
    EventType.SEGMENT: DatasetBuilder._segment,
    EventType.LAST_SEGMENT: DatasetBuilder._last_segment,
    EventType.END_ELEMENT: DatasetBuilder._end_element,
    EventType.START_FRAGMENTS: DatasetBuilder._start_fragments,
    EventType.START_FRAGMENT: DatasetBuilder._start_fragment,
    EventType.END_FRAGMENTS: DatasetBuilder._end_fragments,
    EventType.START_SEQUENCE: DatasetBuilder._start_sequence,
    EventType.START_ITEM: DatasetBuilder._start_item,
    EventType.END_ITEM: DatasetBuilder._end_item,
    EventType.END_SEQUENCE: DatasetBuilder._end_sequence,
}


# --- bulk data -------------------------------------------------------------------------------------------------


def _of_three_arguments(handler: UriHandler) -> Callable[[str, str, str], Any]:
    """A handler of references; pydicom tells by the number of parameters what it is to be called with."""
    if len(signature(handler).parameters) == 1:
        return lambda tag, vr, uri: cast(Callable[[str], Any], handler)(uri)
    return cast(Callable[[str, str, str], Any], handler)


def _fetch(store: BulkDataStore, tag: int, vr: str, uri: str, most: int, index: int, tag_path: str) -> Iterator[bytes]:
    """The segments of a value, when somebody looks at it at last."""
    size = 0
    try:
        for segment in value_field(open_bulk_data(store, tag, vr, uri)):
            size += len(segment)
            if size > most:
                raise LimitError(f"bulk data of more than {most} bytes", "spooled_size")
            yield segment
    except StreamDicomError as error:
        error.within(index, tag_path)
        raise


def _is_bufferable(vr: str, value: Any) -> bool:
    """Whether pydicom takes a buffer for a value; what comes before its VR may turn out so."""
    return isinstance(value, bytes) and (not vr or vr in BUFFERABLE_VRS)


def _undefined_length(element: RawDataElement) -> RawDataElement:
    return element._replace(length=UNDEFINED_LENGTH)


def _encapsulate(elements: _Elements) -> None:
    """Give PixelData the undefined length that it has in a compressed transfer syntax, if it is items."""
    element = elements.get(_base_tag(PIXEL_DATA))
    if isinstance(element, RawDataElement):
        if element.value and element.value.startswith(ITEM_TAG_BYTES):
            elements[element.tag] = _undefined_length(element)
    elif element is not None:
        value = element.value
        # A lazy value is not to be fetched for this; a reference to fragments says so itself.
        is_items = isinstance(value, bytes) and value.startswith(ITEM_TAG_BYTES)
        if isinstance(value, SpooledValue) and not isinstance(value, LazyValue):
            is_items = next(value.segments(len(ITEM_TAG_BYTES)), b"") == ITEM_TAG_BYTES
        element.is_undefined_length = element.is_undefined_length or is_items


# --- values ----------------------------------------------------------------------------------------------------


def _value_size(value: Any) -> int:
    """About what one of many values takes in memory."""
    if isinstance(value, tuple):
        return _VALUE_OVERHEAD + sum(map(len, value))
    return _VALUE_OVERHEAD + (len(value) if isinstance(value, str) else 0)


# Archives use some thousands of tags; the bound is for an input that tries them all.
_base_tag = lru_cache(maxsize=16384)(BaseTag)


# What stands behind the value in a raw element: made once, because the constructor takes twice as long as this does.
_new_tuple = tuple.__new__
_REST = raw_element(BaseTag(0), "OB", b"")[4:]
_REST_OF_UN = raw_element(BaseTag(0), "UN", b"")[4:]


def _new_dataset(elements: _Elements, encodings: list[str]) -> Dataset:
    """``Dataset(elements)``, in explicit VR little endian. It costs 10 us to make one, and a tenth to copy it."""
    dataset = Dataset.__new__(Dataset)
    state = dataset.__dict__
    state.update(_NEW_DATASET)
    for name in _OWN_DICTS:
        state[name] = _NEW_DATASET[name].copy()
    state["_dict"] = elements
    state["_parent_encoding"] = state["_read_charset"] = encodings
    return dataset


_FIRST_DATASET = Dataset()
_FIRST_DATASET.set_original_encoding(False, True)
_NEW_DATASET = vars(_FIRST_DATASET)
_OWN_DICTS = [name for name, value in _NEW_DATASET.items() if isinstance(value, dict)]


def _transfer_syntax(meta: FileMetaDataset) -> UID | None:
    try:
        syntax = meta.get("TransferSyntaxUID")
    except Exception:  # whatever pydicom raises; whoever looks at the element gets that
        return None
    return syntax if isinstance(syntax, UID) else None


def _take_group(elements: _Elements, group: int) -> _Elements:
    tags = [tag for tag in elements if tag >> 16 == group]  # a few, and the first ones as a rule
    return {tag: elements.pop(tag) for tag in tags}


# --- character sets --------------------------------------------------------------------------------------------


def _settle_text(dataset: Dataset, frame: _Frame) -> None:
    """Encode the text beyond ASCII of a data set and of the items that inherit its character set."""
    encodings = frame.encodings
    texts = [encode_text(one.text, encodings) for one in frame.undecided]
    if None in texts:
        encodings = UTF_8_ENCODINGS
        texts = [one.text.encode() for one in frame.undecided]
        tag = _base_tag(SPECIFIC_CHARACTER_SET)
        term = UTF_8_TERM.encode()
        frame.elements[tag] = raw_element(tag, "CS", term)
        frame.is_late = frame.has_items
    for one, data in zip(frame.undecided, texts, strict=True):
        held = one.elements[_base_tag(one.tag)]
        if isinstance(held, RawDataElement) and data is not None:  # others hold the text itself
            one.elements[held.tag] = raw_element(held.tag, one.vr, data + b" " * (len(data) & 1))
    dataset.set_original_encoding(False, True, encodings)
    if frame.is_late:
        _pass_on(dataset, encodings)


def _pass_on(dataset: Dataset, encodings: list[str]) -> None:
    """Tell the items that inherit a character set which it is."""
    waiting = [dataset]
    while waiting:
        for element in waiting.pop().values():
            if isinstance(element, DataElement) and element.VR == "SQ":
                for item in element.value:
                    if SPECIFIC_CHARACTER_SET not in item and item.original_character_set != encodings:
                        item._parent_encoding = encodings
                        item.set_original_encoding(False, True, encodings)
                        waiting.append(item)


# --- byte order ------------------------------------------------------------------------------------------------


def _to_big_endian(dataset: Dataset) -> None:
    """Hold binary values as pydicom has them after reading a file in explicit VR big endian: as in the file."""
    waiting = [dataset]
    while waiting:
        current = waiting.pop()
        for element in _converted(current):
            if element.VR == "SQ":
                waiting.extend(element.value)
            elif element.value is not None and element.VR in VRS and VRS[element.VR].word > 1:
                element.value = _swapped(element.value, VRS[element.VR].word)
        current.set_original_encoding(False, False)


def _converted(dataset: Dataset) -> Iterator[DataElement]:
    """The elements, converted from little endian; those that pydicom cannot convert are left out."""
    for tag, element in list(dataset.items()):
        try:
            yield dataset[tag]
        except Exception:  # whatever pydicom raises; whoever looks at the element gets that
            dataset[tag] = element  # it may be half converted


def _swapped(value: Any, word: int) -> Any:
    if isinstance(value, bytes):
        return swap_words(value, word)
    if isinstance(value, SpooledValue):
        return LazyValue(lambda: (swap_words(data, word) for data in value.segments(BINARY_SEGMENT_SIZE)))
    return value
