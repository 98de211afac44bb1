"""DICOM events to pydicom data sets.

An element becomes a raw element if pydicom reads exactly its values from the bytes; pydicom converts it on first
access, as after ``dcmread``. Every other element becomes a DataElement with its values, as in ``Dataset.from_json``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache, partial
from inspect import signature
from io import BufferedIOBase, BytesIO

from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.tag import BaseTag
from pydicom.uid import UID, ExplicitVRBigEndian
from pydicom.valuerep import BUFFERABLE_VRS

from streamdicom._cache import MAX_KNOWN_TAGS
from streamdicom._typing import Any, cast
from streamdicom.bulkdata import BulkDataStore
from streamdicom.converters import converters_in_force
from streamdicom.datasets._pydicom import (
    RAW_TAIL,
    RAW_TAIL_OF_UN,
    Elements,
    new_dataset,
    new_raw,
    raw_element,
    sequence_element,
)
from streamdicom.datasets.byte_order import to_big_endian
from streamdicom.datasets.elements import (
    is_misfit,
    json_element,
    may_be_numbers,
    reference,
    rejected_value,
    unknown_element,
)
from streamdicom.datasets.encodings import DEFAULT_SETS
from streamdicom.datasets.native import DEFAULT_ENCODINGS, Fill, native_filler
from streamdicom.datasets.open_dataset import ELEMENT_OVERHEAD, OpenDataset, add_unencoded
from streamdicom.dicom import (
    ENCODERS,
    FILE_META_GROUP,
    ITEM_TAG_BYTES,
    PIXEL_DATA,
    SPECIFIC_CHARACTER_SET,
    UNDEFINED_LENGTH,
    character_sets,
    format_tag,
    is_decimal,
    is_private,
)
from streamdicom.errors import DatasetError, InputError, LimitError, StreamDicomError
from streamdicom.events import BINARY_SEGMENT_SIZE, ELEMENT, END_DATASET, Event, EventType
from streamdicom.filters import FRAGMENT_FORMS, has_form_of, open_bulk_data, value_field
from streamdicom.io import LazyValue, SpooledValue, SpoolFile
from streamdicom.options import ReadOptions, UriHandler

# Bytes of memory, for ``Limits.dataset_size`` and ``Limits.value_length``.
_VALUE_OVERHEAD = 64  # of a value and the reference to it

_base_tag = lru_cache(maxsize=MAX_KNOWN_TAGS)(BaseTag)
_ListIterator: type[Iterator[Any]] = type(iter([]))


class DatasetBuilder:
    """Builds pydicom data sets from events.

    Group 0002 goes to ``file_meta``. Encapsulated pixel data becomes an element of undefined length, as after
    ``dcmread``. If the character set of a data set lacks a character, Specific Character Set becomes ISO_IR 192
    (UTF-8).

    Args:
        options: Limits, the treatment of bulk data, and when a long value goes to a temporary file.
        as_file: Whether to make FileDataset objects.

    >>> builder = DatasetBuilder(ReadOptions())
    >>> events = [(1, 0, "", 0), (3, 0x00100020, "LO", ("17",)), (2, 0, "", None)]
    >>> [ds.PatientID for ds in builder.build(events)]
    ['17']
    """

    def __init__(self, options: ReadOptions, *, as_file: bool = False) -> None:
        self._options = options
        self._limits = options.limits
        self._max_size = options.limits.dataset_size
        handler = options.bulk_data_uri_handler
        self._handler = _with_three_arguments(handler) if handler else None
        self._as_file = as_file
        self._has_converters = converters_in_force(options.converters) is not None  # they may return Python objects
        self._index = 0
        self._size = 0
        self._outer: list[OpenDataset] = []  # the data sets around the current one
        self._current = OpenDataset(DEFAULT_SETS, DEFAULT_ENCODINGS)
        self._filler = None if self._has_converters else native_filler()
        # The element in parts:
        self._values: list[Any] = []
        self._segments: list[Any] = []  # of the current value
        self._length = 0
        self._is_encapsulated = False
        self._spool: SpoolFile | None = None  # for the long values of the data set
        self._spool_start: int | None = None  # of the current value in the file, if it is there

    @property
    def raws(self) -> Any:
        """The maker of raw elements that ``build`` takes in the place of events.

        It is None if the builder takes events only.
        """
        return self._filler and self._filler.raws

    def build(self, events: Iterable[Event]) -> Iterator[Dataset]:
        """Yield the data sets that the next events complete.

        The builder cannot be used after an exception.

        Raises:
            DatasetError: pydicom cannot hold an element, or it is repeated.
            LimitError: A value or a data set is larger than the limits allow.
        """
        return self._build(events) if self._filler is None else self._build_natively(events, self._filler.fill)

    def _build(self, events: Iterable[Event]) -> Iterator[Dataset]:
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
            self._locate(error, tag)
            raise

    def _build_natively(self, events: Iterable[Event], fill: Fill) -> Iterator[Dataset]:
        remaining = iter(events)
        holds_gc = isinstance(remaining, _ListIterator)
        ends_datasets = not self._as_file
        tag = 0
        while True:
            self._current, self._size, tag, dataset, event, error = fill(
                remaining, self._current, self._outer, self._size, self._max_size, tag, ends_datasets, holds_gc
            )
            if self._size > self._max_size:
                error = self._too_large()
            if error is not None:
                self._locate(error, tag)
                raise error
            if dataset is not None:
                yield dataset
            elif isinstance(event, RawDataElement):  # left only if there is one with its tag
                error = _duplicate()
                self._locate(error, event.tag)
                raise error
            elif event is not None:
                yield from self._build((event,))
                tag = event[1]
            else:
                return

    def _locate(self, error: Exception, tag: int) -> None:
        # The source of the events may know more.
        if isinstance(error, InputError) and error.location.dataset_index is None:
            error.within(self._index, self._tag_path(tag))

    def _tag_path(self, tag: int) -> str:
        parts = [f"{format_tag(outer.sequence_tag)}[{len(outer.items)}]" for outer in self._outer]
        return ".".join([*parts, format_tag(tag)] if tag else parts)

    def _grow(self, size: int) -> None:
        self._size += size + ELEMENT_OVERHEAD
        if self._size > self._max_size:
            raise self._too_large()

    def _too_large(self) -> LimitError:
        return LimitError(f"a data set of more than {self._max_size} bytes", "dataset_size")

    # --- elements ----------------------------------------------------------------------------------------------

    def _add(self, tag: int, vr: str, values: tuple[Any, ...]) -> None:
        elements = self._current.elements
        base_tag = _base_tag(tag)
        if base_tag in elements:
            raise _duplicate()
        if self._has_converters and values and not has_form_of(vr, values):
            self._add_object(tag, vr, values[0] if len(values) == 1 else list(values))
            return
        data = ENCODERS[vr](values) if values else b""
        if data is not None:
            if vr == "UN":
                elements[base_tag] = self._unknown(base_tag, data)
            else:
                elements[base_tag] = new_raw(RawDataElement, (base_tag, vr, len(data), data, *RAW_TAIL))
            self._size += len(data) + ELEMENT_OVERHEAD
            if self._size > self._max_size:
                self._grow(0)
        else:
            self._grow(add_unencoded(elements, self._current.pending, base_tag, vr, values))
        if tag == SPECIFIC_CHARACTER_SET:
            self._set_encodings(vr, values)

    def _unknown(self, tag: BaseTag, data: bytes) -> DataElement | RawDataElement:
        """Return UN, which pydicom gives the VR of its dictionaries when it is accessed."""
        if is_private(tag) and is_decimal(data):
            creator = self._current.elements.get(_base_tag(tag & 0xFFFF0000 | tag >> 8 & 0xFF))
            if creator is not None and may_be_numbers(tag, creator.value):
                return unknown_element(tag, data)
        elif is_misfit(tag, data):
            return unknown_element(tag, data)
        return new_raw(RawDataElement, (tag, "UN", len(data), data, *RAW_TAIL_OF_UN))

    def _set_encodings(self, vr: str, values: tuple[Any, ...]) -> None:
        try:
            self._current.set_sets(character_sets(values if vr == "CS" else ()))
        except LookupError as error:
            raise DatasetError("pydicom rejects Specific Character Set") from error

    # --- references to bulk data -------------------------------------------------------------------------------

    def _bulk_data(self, tag: int, vr: str, value: Any) -> None:
        store = self._options.bulk_data_store
        if self._handler:
            value = self._handler(format_tag(tag), vr, value)
            if vr == "UN" and isinstance(value, bytes):  # a raw element, which pydicom converts to the dictionary VR
                self._add(tag, vr, (value,))
            else:
                self._add_object(tag, vr, value)
        elif store is None:
            self._put_element(reference(_base_tag(tag), vr, value))
        elif vr in BUFFERABLE_VRS:
            is_encapsulated = value.endswith(FRAGMENT_FORMS)
            max_size = self._limits.spooled_size
            fetch = partial(_fetch, store, tag, vr, value, max_size, self._index, self._tag_path(tag))
            self._put_buffer(tag, vr, LazyValue(fetch, padded=not is_encapsulated), is_encapsulated)
        else:
            for kind, _, _, part in open_bulk_data(store, tag, vr, value):
                if kind == ELEMENT:
                    self._add(tag, vr, part)
                else:
                    _MOVES[kind](self, tag, vr, part)

    def _add_object(self, tag: int, vr: str, value: Any) -> None:
        """Add an element with a value from a converter or a handler."""
        try:
            element = DataElement(tag, vr, value)
        except Exception as error:
            raise rejected_value(vr, error) from error
        self._put_element(element)
        self._grow(len(value) if isinstance(value, str | bytes) else 0)

    def _put_element(self, element: DataElement) -> None:
        if element.tag in self._current.elements:
            raise _duplicate()
        self._current.elements[element.tag] = element
        self._grow(0)

    def _json_element(self, tag: int, vr: str, value: Any) -> None:
        element = json_element(_base_tag(tag), value)
        self._put_element(element)
        self._grow(len(element.value) + 4 * len(value))

    def _put_buffer(self, tag: int, vr: str, buffer: BufferedIOBase, is_encapsulated: bool) -> None:
        self._put_element(DataElement(_base_tag(tag), vr, buffer, is_undefined_length=is_encapsulated))

    # --- elements in parts -------------------------------------------------------------------------------------

    def _start_element(self, tag: int, vr: str, value: Any) -> None:
        self._values = []
        self._segments = []
        self._length = 0
        self._is_encapsulated = False
        self._spool_start = None

    def _lengthen(self, length: int) -> None:
        self._length += length
        if self._length > self._limits.value_length:
            raise LimitError(f"a value of more than {self._limits.value_length} bytes or characters", "value_length")

    def _add_values(self, tag: int, vr: str, value: Any) -> None:
        self._values.extend(value)
        self._lengthen(sum(map(_value_size, value)))

    def _segment(self, tag: int, vr: str, value: Any) -> None:
        if self._spool_start is not None:
            self._spool_segment(value)
        elif self._length + len(value) <= self._options.spool_threshold or not _is_bufferable(vr, value):
            self._segments.append(value)
            self._lengthen(len(value))
        else:
            self._spool = self._spool or SpoolFile()
            self._spool_start = self._spool.size
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
        if self._spool_start is None and not self._is_encapsulated:
            self._values.append(type(value)().join(self._segments))
            self._segments = []

    def _end_element(self, tag: int, vr: str, value: Any) -> None:
        if self._spool_start is not None:
            self._add_spooled(tag, vr)
            return
        values, self._values = self._values, []
        self._add(tag, vr, tuple(values))

    def _add_spooled(self, tag: int, vr: str) -> None:
        assert self._spool
        buffer = SpooledValue(self._spool, self._spool_start or 0, padded=not self._is_encapsulated)
        self._spool_start = None
        if _is_bufferable(vr, b""):
            self._put_buffer(tag, vr, buffer, self._is_encapsulated)
        else:  # the VR, which follows the value in this source, takes no buffer
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
        if self._spool_start is not None:
            self._add_spooled(tag, vr)
            return
        data, self._segments = b"".join(self._segments), []
        self._add(tag, vr, ())
        if data:
            elements = self._current.elements
            elements[_base_tag(tag)] = _undefined_length(raw_element(_base_tag(tag), vr, data))
            self._grow(len(data))

    # --- data sets, sequences and items ------------------------------------------------------------------------

    def _start_dataset(self, tag: int, vr: str, value: Any) -> None:
        self._index = value
        self._size = 0
        self._spool = None
        self._outer = []
        self._current = OpenDataset(DEFAULT_SETS, DEFAULT_ENCODINGS)

    def _start_sequence(self, tag: int, vr: str, value: Any) -> None:
        if tag in self._current.elements:
            raise _duplicate()
        self._current.sequence_tag = tag
        self._current.items = []

    def _start_item(self, tag: int, vr: str, value: Any) -> None:
        self._outer.append(self._current)
        self._current = OpenDataset(self._current.sets, self._current.encodings)

    def _end_item(self, tag: int, vr: str, value: Any) -> None:
        current = self._current
        self._current = outer = self._outer.pop()
        # PS3.5 7.5.3: an item without Specific Character Set has that of the data set around it.
        item = new_dataset(current.elements, outer.encodings)
        if current.has_own_encodings:
            current.settle_text(item)
        else:
            outer.pending += current.pending
        outer.items.append(item)
        outer.has_items = True
        self._grow(ELEMENT_OVERHEAD)

    def _end_sequence(self, tag: int, vr: str, value: Any) -> None:
        current = self._current
        base_tag = _base_tag(tag)
        current.elements[base_tag] = sequence_element(base_tag, current.items)
        current.items = []
        self._grow(ELEMENT_OVERHEAD)

    def _end_dataset(self) -> Dataset:
        current = self._current
        current.keep_file_meta_text()
        group = _take_group(current.elements, FILE_META_GROUP)
        meta = FileMetaDataset(group) if group or self._as_file else None
        dataset: Dataset
        if self._as_file:
            dataset = FileDataset(BytesIO(), current.elements, b"\0" * 128, meta, is_implicit_VR=False)
            dataset.buffer = None
        else:
            dataset = new_dataset(current.elements, DEFAULT_ENCODINGS)
            if meta:
                dataset.file_meta = meta
        current.settle_text(dataset)
        if meta:
            meta.set_original_encoding(False, True, DEFAULT_ENCODINGS)
            syntax = _transfer_syntax(meta)
            if syntax == ExplicitVRBigEndian:
                to_big_endian(dataset)
            elif syntax is not None and syntax.is_transfer_syntax and syntax.is_compressed:
                _encapsulate(current.elements)
        return dataset


_Move = Callable[[DatasetBuilder, int, str, Any], None]
_MOVES: dict[int, _Move] = {
    EventType.START_DATASET: DatasetBuilder._start_dataset,
    EventType.BULK_DATA: DatasetBuilder._bulk_data,
    EventType.JSON_ELEMENT: DatasetBuilder._json_element,
    EventType.START_ELEMENT: DatasetBuilder._start_element,
    EventType.VALUES: DatasetBuilder._add_values,
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


def _with_three_arguments(handler: UriHandler) -> Callable[[str, str, str], Any]:
    """Return a handler that takes a tag, a VR and a URI.

    As in pydicom, the number of its parameters decides how it is called.
    """
    if len(signature(handler).parameters) == 1:
        return lambda tag, vr, uri: cast(Callable[[str], Any], handler)(uri)
    return cast(Callable[[str, str, str], Any], handler)


def _fetch(
    store: BulkDataStore, tag: int, vr: str, uri: str, max_size: int, index: int, tag_path: str
) -> Iterator[bytes]:
    """Yield the segments of a lazy value."""
    size = 0
    try:
        for segment in value_field(open_bulk_data(store, tag, vr, uri)):
            size += len(segment)
            if size > max_size:
                raise LimitError(f"bulk data of more than {max_size} bytes", "spooled_size")
            yield segment
    except StreamDicomError as error:
        error.within(index, tag_path)
        raise


def _is_bufferable(vr: str, value: Any) -> bool:
    """Return whether pydicom takes a buffer for a value; it may if the VR is unknown."""
    return isinstance(value, bytes) and (not vr or vr in BUFFERABLE_VRS)


def _duplicate() -> DatasetError:
    return DatasetError("duplicate element in the data set")


def _undefined_length(element: RawDataElement) -> RawDataElement:
    return element._replace(length=UNDEFINED_LENGTH)


def _encapsulate(elements: Elements) -> None:
    """Give compressed Pixel Data undefined length if it has Items."""
    element = elements.get(_base_tag(PIXEL_DATA))
    if isinstance(element, RawDataElement):
        if element.value and element.value.startswith(ITEM_TAG_BYTES):
            elements[element.tag] = _undefined_length(element)
    elif element is not None:
        value = element.value
        # A lazy value is not fetched for this: a reference to fragments has undefined length already.
        is_items = isinstance(value, bytes) and value.startswith(ITEM_TAG_BYTES)
        if isinstance(value, SpooledValue) and not isinstance(value, LazyValue):
            is_items = next(value.segments(len(ITEM_TAG_BYTES)), b"") == ITEM_TAG_BYTES
        element.is_undefined_length = element.is_undefined_length or is_items


# --- values ----------------------------------------------------------------------------------------------------


def _value_size(value: Any) -> int:
    """Return the approximate size of a value in memory."""
    if isinstance(value, tuple):
        return _VALUE_OVERHEAD + sum(map(len, value))
    return _VALUE_OVERHEAD + (len(value) if isinstance(value, str) else 0)


def _transfer_syntax(meta: FileMetaDataset) -> UID | None:
    try:
        syntax = meta.get("TransferSyntaxUID")
    except Exception:  # of any type; access to the element raises it again
        return None
    return syntax if isinstance(syntax, UID) else None


def _take_group(elements: Elements, group: int) -> Elements:
    tags = [tag for tag in elements if tag >> 16 == group]
    return {tag: elements.pop(tag) for tag in tags}
