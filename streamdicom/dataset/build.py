"""DICOM events to pydicom data sets.

An element becomes a raw one wherever pydicom reads the very same values from its bytes; pydicom converts it when
somebody looks, as it does after ``dcmread``. Any other becomes a DataElement with the values themselves, as
``Dataset.from_json`` makes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from io import BytesIO
from typing import Any

from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag
from pydicom.uid import ExplicitVRBigEndian
from pydicom.valuerep import IS

from streamdicom import charset
from streamdicom.errors import DatasetError, InputError, LimitError
from streamdicom.events import Event, EventType
from streamdicom.limits import Limits
from streamdicom.tags import FILE_META_GROUP, SPECIFIC_CHARACTER_SET, format_tag
from streamdicom.valuefield import ENCODERS, joined_text, swap_words
from streamdicom.vr import VRS, Form

__all__ = ["DatasetBuilder"]

_ELEMENT = int(EventType.ELEMENT)
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

    Group 0002 goes to ``file_meta``. A reference to bulk data becomes an empty element with the attribute
    ``bulk_data_uri``, which ``walk`` turns into the reference again. Text that the character set of a data set
    cannot carry switches Specific Character Set to ISO_IR 192, which is UTF-8.

    Args:
        limits: Bounds on the length of a value and the size of a data set.
        file_dataset: Whether to make FileDataset objects.

    >>> builder = DatasetBuilder(Limits())
    >>> events = [(1, 0, "", 0), (3, 0x00100020, "LO", ("17",)), (2, 0, "", None)]
    >>> [ds.PatientID for ds in builder.take(events)]
    ['17']
    """

    def __init__(self, limits: Limits, *, file_dataset: bool = False) -> None:
        self._limits = limits
        self._most = limits.dataset_size
        self._file_dataset = file_dataset
        self._index = 0
        self._size = 0
        self._frames: list[_Frame] = []
        self._frame = _Frame(charset.DEFAULT)
        self._datasets: list[Dataset] = []
        self._parts: list[Any] = []  # the values of an element in parts
        self._segments: list[Any] = []  # the pieces of one of them
        self._length = 0
        self._error: InputError | None = None

    @property
    def error(self) -> InputError | None:
        """The error that ended the stream, even if data sets before it were returned first."""
        return self._error

    def take(self, events: Iterable[Event]) -> list[Dataset]:
        """Take the next events; return the data sets that they complete.

        As with ``EventParser.feed``, a fault raises at the next call if there are data sets before it.

        Raises:
            DatasetError: pydicom cannot hold an element, or it comes twice.
            LimitError: A value or a data set is larger than the limits allow.
        """
        if self._error:
            raise self._error
        datasets = self._datasets = []
        tag = 0
        try:
            for kind, tag, vr, value in events:
                if kind == _ELEMENT:
                    self._add(tag, vr, value)
                else:
                    _MOVES[kind](self, tag, vr, value)
        except InputError as error:
            error.within(self._index, self._tag_path(tag))
            self._error = error
            if not datasets:
                raise
        return datasets

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
            frame.encodings = charset.encodings_of(values if vr == "CS" else ())
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
            plain = "\\".join(_pydicom_text(vr, value) for value in values) if text is None else text
            size += 4 * len(plain)
            if row.character_set and not plain.isascii():
                self._frame.undecided.append(_Undecided(elements, tag, vr, plain))
                if text is not None and "\x1b" not in text:
                    # A place holder, that the bytes will be put into.
                    elements[tag] = _raw_element(tag, vr, b"")
                    self._grow(size)
                    return
        elements[tag] = _data_element(tag, vr, values)
        self._grow(size)

    def _bulk_data(self, tag: int, vr: str, value: Any) -> None:
        self._add(tag, vr, ())
        element = _data_element(_base_tag(tag), vr, ())
        setattr(element, "bulk_data_uri", value)  # noqa: B010 - no attribute that pydicom declares
        self._frame.elements[element.tag] = element

    # --- elements in parts -------------------------------------------------------------------------------------

    def _start_element(self, tag: int, vr: str, value: Any) -> None:
        self._parts = []
        self._length = 0

    def _lengthen(self, length: int) -> None:
        self._length += length
        if self._length > self._limits.value_length:
            raise LimitError(f"a value of more than {self._limits.value_length} bytes or characters", "value_length")

    def _values(self, tag: int, vr: str, value: Any) -> None:
        self._parts.extend(value)
        self._lengthen(sum(map(_value_size, value)))

    def _segment(self, tag: int, vr: str, value: Any) -> None:
        self._segments.append(value)
        self._lengthen(len(value))

    def _last_segment(self, tag: int, vr: str, value: Any) -> None:
        self._segment(tag, vr, value)
        self._parts.append(type(value)().join(self._segments))
        self._segments = []

    def _end_element(self, tag: int, vr: str, value: Any) -> None:
        parts, self._parts = self._parts, []
        self._add(tag, vr, tuple(parts))

    # --- data sets, sequences and items ------------------------------------------------------------------------

    def _start_dataset(self, tag: int, vr: str, value: Any) -> None:
        self._index = value
        self._size = 0
        self._frames = []
        self._frame = _Frame(charset.DEFAULT)

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

    def _end_dataset(self, tag: int, vr: str, value: Any) -> None:
        frame = self._frame
        group = _take_group(frame.elements, FILE_META_GROUP)
        meta = FileMetaDataset(group) if group or self._file_dataset else None
        dataset: Dataset
        if self._file_dataset:
            dataset = FileDataset(BytesIO(), frame.elements, b"\0" * 128, meta, is_implicit_VR=False)
            dataset.buffer = None
        else:
            dataset = _new_dataset(frame.elements, charset.DEFAULT)
            if meta:
                dataset.file_meta = meta
        _settle_text(dataset, frame)
        if meta:
            meta.set_original_encoding(False, True, charset.DEFAULT)
            if meta.get("TransferSyntaxUID") == ExplicitVRBigEndian:
                _to_big_endian(dataset)
        self._datasets.append(dataset)


_Move = Callable[[DatasetBuilder, int, str, Any], None]
_MOVES: dict[int, _Move] = {
    EventType.START_DATASET: DatasetBuilder._start_dataset,
    EventType.END_DATASET: DatasetBuilder._end_dataset,
    EventType.BULK_DATA: DatasetBuilder._bulk_data,
    EventType.START_ELEMENT: DatasetBuilder._start_element,
    EventType.VALUES: DatasetBuilder._values,
    EventType.SEGMENT: DatasetBuilder._segment,
    EventType.LAST_SEGMENT: DatasetBuilder._last_segment,
    EventType.END_ELEMENT: DatasetBuilder._end_element,
    EventType.START_SEQUENCE: DatasetBuilder._start_sequence,
    EventType.START_ITEM: DatasetBuilder._start_item,
    EventType.END_ITEM: DatasetBuilder._end_item,
    EventType.END_SEQUENCE: DatasetBuilder._end_sequence,
}


def _value_size(value: Any) -> int:
    """About what one of many values takes in memory."""
    if isinstance(value, tuple):
        return _VALUE_OVERHEAD + sum(map(len, value))
    return _VALUE_OVERHEAD + (len(value) if isinstance(value, str) else 0)


# Archives use some thousands of tags; the bound is for an input that tries them all.
_base_tag = lru_cache(maxsize=16384)(BaseTag)


def _raw_element(tag: BaseTag, vr: str, data: bytes) -> RawDataElement:
    return RawDataElement(tag, vr, len(data), data, 0, is_implicit_VR=vr == "UN", is_little_endian=True)


# What stands behind the value in a raw element: made once, because the constructor takes twice as long as this does.
_new_tuple = tuple.__new__
_REST = _raw_element(BaseTag(0), "OB", b"")[4:]
_REST_OF_UN = _raw_element(BaseTag(0), "UN", b"")[4:]


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


def _take_group(elements: _Elements, group: int) -> _Elements:
    tags = [tag for tag in elements if tag >> 16 == group]  # a few, and the first ones as a rule
    return {tag: elements.pop(tag) for tag in tags}


def _pydicom_text(vr: str, value: Any) -> str:
    if VRS[vr].form is Form.PERSON_NAME and value:
        return "=".join(value).rstrip("=")
    return value or ""


def _data_element(tag: BaseTag, vr: str, values: tuple[Any, ...]) -> DataElement:
    """An element with these values, as ``Dataset.from_json`` makes it.

    Raises:
        DatasetError: pydicom does not take a value; how much it takes is set in ``pydicom.config``.
    """
    form = VRS[vr].form
    if form in (Form.TEXT, Form.PERSON_NAME):
        values = tuple([_pydicom_text(vr, value) for value in values])
    elif form is Form.DECIMAL:
        values = tuple([_integer_string(value) if vr == "IS" else value or "" for value in values])
    value = None if not values else values[0] if len(values) == 1 else list(values)
    try:
        element = DataElement(tag, vr, value)
        return element if values else DataElement(tag, vr, element.empty_value)
    except Exception as error:
        raise DatasetError(f"pydicom does not take the value for VR {vr}: {type(error).__name__}") from error


def _integer_string(text: str | None) -> IS | str:
    """An IS that is exact beyond 53 bits, which pydicom's own from a text is not."""
    try:
        number = IS(int(text or ""))
    except ValueError:
        return text or ""
    number.original_string = text or ""
    return number


# --- character sets --------------------------------------------------------------------------------------------


def _settle_text(dataset: Dataset, frame: _Frame) -> None:
    """Encode the text beyond ASCII of a data set and of the items that inherit its character set."""
    encodings = frame.encodings
    texts = [charset.encode(one.text, encodings) for one in frame.undecided]
    if None in texts:
        encodings = charset.UTF_8
        texts = [one.text.encode() for one in frame.undecided]
        tag = _base_tag(SPECIFIC_CHARACTER_SET)
        term = charset.UTF_8_TERM.encode()
        frame.elements[tag] = _raw_element(tag, "CS", term)
        frame.is_late = frame.has_items
    for one, data in zip(frame.undecided, texts, strict=True):
        held = one.elements[_base_tag(one.tag)]
        if isinstance(held, RawDataElement) and data is not None:  # others hold the text itself
            one.elements[held.tag] = _raw_element(held.tag, one.vr, data + b" " * (len(data) & 1))
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
        for element in current:  # which converts what is raw, in little endian
            if element.VR == "SQ":
                waiting.extend(element.value)
            elif element.VR in VRS and VRS[element.VR].word > 1 and isinstance(element.value, bytes):
                element.value = swap_words(element.value, VRS[element.VR].word)
        current.set_original_encoding(False, False)
