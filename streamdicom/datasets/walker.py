"""pydicom data sets to DICOM events.

Elements that nobody has looked at yet are read from their bytes by ``valuefield``, so that pydicom need not convert
them, and the values of others by ``_values``; pydicom's own conversion is asked wherever those do not know.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import suppress
from copy import copy
from io import SEEK_END, BufferedIOBase, BytesIO
from itertools import chain
from operator import itemgetter
from typing import Any

import pydicom.config
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.filewriter import correct_ambiguous_vr_element
from pydicom.hooks import hooks
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag

from streamdicom.datasets.elements import json_text, known_vr, unknown_element
from streamdicom.datasets.values import LONG, MANY, NO_MAKERS, SIMPLE, SIMPLE_BUT_BINARY, values_of
from streamdicom.dicom import (
    DECODERS,
    ENCODERS,
    FILE_META_GROUP,
    ITEM_TAG_BYTES,
    LUT_DESCRIPTOR,
    MAX_FRAGMENT_LENGTH,
    PALETTE_COLOR_LUT_DESCRIPTORS,
    SPLITTERS,
    VRS,
    Form,
    format_tag,
    swap_words,
)
from streamdicom.errors import Location, OutputError
from streamdicom.events import (
    BINARY_SEGMENT_SIZE,
    BULK_DATA,
    ELEMENT,
    END_DATASET,
    END_ELEMENT,
    END_FRAGMENTS,
    END_ITEM,
    END_SEQUENCE,
    JSON_ELEMENT,
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
    Value,
)
from streamdicom.io import SpooledValue
from streamdicom.options import WriteOptions

_Elements = Iterator[tuple[int, DataElement | RawDataElement]]


_FILE_META = FILE_META_GROUP << 16
_BATCH = 512  # events

_SHORTS = ("US", "SS")
_LUT_DESCRIPTORS = frozenset((*PALETTE_COLOR_LUT_DESCRIPTORS, LUT_DESCRIPTOR))

_LEVELS = 8  # so often it is seen whether a data set contains itself, which costs what is flatter nothing
_DEFAULTS = WriteOptions()
_DEFAULT_HOOKS = (hooks.raw_element_value, hooks.raw_element_vr)


class _Frame:
    """A sequence that is being gone through, and what is left to do behind it."""

    __slots__ = ("dataset", "elements", "items", "number", "tag")

    def __init__(self, tag: int, items: Iterator[Dataset], dataset: Dataset, elements: _Elements) -> None:
        self.tag = tag
        self.items = items
        self.number = -1  # of the item
        self.dataset = dataset
        self.elements = elements


def walk(dataset: Dataset, index: int = 0, *, options: WriteOptions | None = None) -> Iterator[list[Event]]:
    """The events of one data set, some hundreds at a time, its elements in ascending order.

    Sequences nest as deep as they like; whoever takes the events sets the bound.

    Args:
        dataset: What to go through. It is not changed, except that pydicom converts some raw elements in it.
        index: The number of the data set in its stream.
        options: Whether the elements of its ``file_meta`` come too, and the handler of bulk data.

    Raises:
        OutputError: An element that no event can express, or a data set that contains itself; the location has the
            tag path.

    >>> from streamdicom.events import EventType
    >>> ds = Dataset()
    >>> ds.PatientID = "17"
    >>> [(EventType(kind).name, value) for events in walk(ds) for kind, _, _, value in events]
    [('START_DATASET', 0), ('ELEMENT', ('17',)), ('END_DATASET', None)]
    """
    options = options or _DEFAULTS
    little_endian = dataset.original_encoding[1] is not False
    meta = getattr(dataset, "file_meta", None) if options.file_meta else None
    events: list[Event] = [(START_DATASET, 0, "", index)]
    if meta:
        lower = [item for item in _sorted(dataset) if item[0] < _FILE_META]
        higher = [item for item in _sorted(dataset) if item[0] >= _FILE_META]
        events = yield from _members(dataset, iter(lower), events, index, little_endian, options)
        # PS3.10 7.1: the file meta information is always in little endian.
        events = yield from _members(meta, _sorted(meta), events, index, True, options)
        events = yield from _members(dataset, iter(higher), events, index, little_endian, options)
    else:
        events = yield from _members(dataset, _sorted(dataset), events, index, little_endian, options)
    events.append((END_DATASET, 0, "", None))
    yield events


def _members(
    dataset: Dataset,
    elements: _Elements,
    events: list[Event],
    index: int,
    little_endian: bool,
    options: WriteOptions,
) -> Generator[list[Event], None, list[Event]]:
    """The innermost loop: each element in turn, and into the items of sequences without recursion.

    Returns:
        The last events, which are yielded with those that follow.
    """
    decoders = _decoders(options)
    simple = SIMPLE if little_endian and not options.bulk_data_element_handler else SIMPLE_BUT_BINARY
    frames: list[_Frame] = []
    while True:
        for tag, element in elements:
            if type(element) is RawDataElement:
                vr = element.VR or known_vr(tag)
                decoder = decoders.get(vr)
                data = element.value
                if decoder is not None and type(data) is bytes and len(data) <= LONG:
                    values = decoder(data, element.is_little_endian) if data else ()
                    if values is not None:
                        events.append((ELEMENT, tag, vr, values))
                        continue
            else:
                vr, value = element.VR or "", element.value
                maker = simple.get(vr, NO_MAKERS).get(type(value))
                if maker is not None:
                    values = maker(value)
                    if values or (values is not None and not hasattr(element, "bulk_data_uri")):
                        events.append((ELEMENT, tag, vr, values))
                        continue
            try:
                converted = _converted(dataset, tag, element, little_endian, frames)
                is_sequence = converted.VR == "SQ"
                parts = () if is_sequence else _element_events(tag, converted, little_endian, options)
            except OutputError as error:
                error.location = Location(None, index, _path(frames, tag))
                raise
            if is_sequence:
                events.append((START_SEQUENCE, tag, "SQ", None))
                items = converted.value
                frames.append(_Frame(tag, iter(() if items is None else items[:]), dataset, elements))
                if not len(frames) % _LEVELS:
                    _check_frames(frames, index)
                break
            if isinstance(parts, list):
                events += parts
            else:
                yield events
                events = []
                yield from ([part] for part in parts)
        else:
            if not frames:
                return events
            events.append((END_ITEM, frames[-1].tag, "SQ", None))
        frame = frames[-1]
        item = next(frame.items, None)
        if item is None:
            events.append((END_SEQUENCE, frame.tag, "SQ", None))
            dataset, elements = frame.dataset, frame.elements
            frames.pop()
        else:
            frame.number += 1
            events.append((START_ITEM, frame.tag, "SQ", frame.number))
            dataset, elements = item, _sorted(item)
        if len(events) >= _BATCH:
            yield events
            events = []


def _path(frames: list[_Frame], *tags: int) -> str:
    return ".".join([f"{format_tag(frame.tag)}[{frame.number}]" for frame in frames] + list(map(format_tag, tags)))


def _check_frames(frames: list[_Frame], index: int) -> None:
    """Check that no item is one of the data sets around it; if one is, there is no end of going through it."""
    around: set[int] = set()
    for number, frame in enumerate(frames):
        if id(frame.dataset) in around:
            raise OutputError("an item that is a data set around it", Location(None, index, _path(frames[:number])))
        around.add(id(frame.dataset))


def _sorted(dataset: Dataset) -> _Elements:
    tags = array("I", dataset.keys()).tolist()  # plain integers, in half the time that ``int`` takes
    if tags == sorted(tags):  # as they are in what was read
        return zip(tags, list(dataset.values()), strict=True)
    return iter(sorted(zip(tags, dataset.values(), strict=True), key=itemgetter(0)))


# --- raw elements ----------------------------------------------------------------------------------------------


def _decoders(options: WriteOptions) -> Mapping[str, Callable[[bytes, bool], tuple[Value, ...] | None]]:
    """What may stand in for pydicom's conversion of raw elements, as pydicom is configured now."""
    config = pydicom.config
    if (
        config.data_element_callback
        or config.use_DS_numpy
        or config.use_IS_numpy
        or (hooks.raw_element_value, hooks.raw_element_vr) != _DEFAULT_HOOKS
    ):
        return {}
    if options.bulk_data_element_handler:
        return _DECODERS_BUT_BINARY
    return _DECODERS_BUT_DATES if config.datetime_conversion else _DECODERS


def _decode_unless_items(vr: str) -> Callable[[bytes, bool], tuple[Value, ...] | None]:
    """The decoder of a VR, but for what may be encapsulated: that takes a look at the element."""
    decode = DECODERS[vr]
    return lambda data, little_endian: None if data.startswith(ITEM_TAG_BYTES) else decode(data, little_endian)


# UN may stand for a VR that the dictionary knows; pydicom looks it up.
_DECODERS = {vr: decoder for vr, decoder in DECODERS.items() if vr != "UN"}
_DECODERS |= {vr: _decode_unless_items(vr) for vr in ("OB", "OW")}
_DECODERS_BUT_DATES = {vr: decoder for vr, decoder in _DECODERS.items() if vr not in ("DA", "DT", "TM")}
_DECODERS_BUT_BINARY = {vr: decoder for vr, decoder in _DECODERS_BUT_DATES.items() if VRS[vr].form is not Form.BINARY}


# --- converted elements ----------------------------------------------------------------------------------------


def _converted(
    dataset: Dataset, tag: int, element: DataElement | RawDataElement, little_endian: bool, frames: list[_Frame]
) -> DataElement:
    if not isinstance(element, RawDataElement) and element.VR in VRS:
        return element
    if isinstance(element, RawDataElement) and element.VR == "UN" and isinstance(element.value, bytes):
        converted = _known(dataset, element, element.value)
    else:
        try:
            converted = dataset[BaseTag(tag)]
        except Exception as error:  # whatever pydicom raises for a value that it cannot read
            raise OutputError(f"pydicom cannot convert the element: {type(error).__name__}") from error
    if converted.VR in VRS:
        return converted
    return _unambiguous(converted, [dataset, *(frame.dataset for frame in reversed(frames))], little_endian)


def _known(dataset: Dataset, element: RawDataElement, data: bytes) -> DataElement:
    """UN as the VR that pydicom knows of the tag, or else as the bytes that it came as."""
    with suppress(Exception):  # whatever pydicom raises for a value that it cannot read
        converted = dataset[element.tag]
        if not _is_guess(converted, data):
            return converted
    dataset[element.tag] = element  # it may be half converted
    return unknown_element(element.tag, data[: element.length])


def _is_guess(element: DataElement, data: bytes) -> bool:
    """Whether pydicom has made of UN what does not bring back its bytes, which it does rather than fail."""
    vr, value = str(element.VR), element.value
    if vr == "AT":
        return len(data) % 4 > 0
    if vr in ("DS", "IS"):
        return any(isinstance(part, str) and part for part in (value if isinstance(value, MultiValue) else (value,)))
    return vr in SPLITTERS and "\ufffd" in str(value)


def _unambiguous(element: DataElement, datasets: list[Dataset], little_endian: bool) -> DataElement:
    """A copy of an element whose VR is one of several, such as "US or SS", with the one that it is.

    Args:
        element: The element.
        datasets: Its data set, and those around it, from the inside out.
        little_endian: Whether its bytes are.

    Raises:
        OutputError: There is none, or none that holds the values.
    """
    element = copy(element)
    try:
        correct_ambiguous_vr_element(element, datasets[0], little_endian, datasets)  # in place
    except Exception:  # what it depends on is missing
        element.VR = "US" if not element.is_empty and not isinstance(element.value, bytes) else "OW"
    if element.VR not in VRS:
        raise OutputError("not a value representation (PS3.5 6.2)")
    if element.VR in _SHORTS:
        element.VR = _fitting(element)
    return element


def _fitting(element: DataElement) -> str:
    """The VR that pydicom has chosen, which does not look at the values, or the other one if those fit it alone."""
    vr = str(element.VR)
    values = tuple([value or 0 for value in values_of(vr, element.value)])
    for fitting in (vr, *_SHORTS):
        if ENCODERS[fitting](_signed(element.tag, values) if fitting == "SS" else values) is not None:
            return fitting
    raise OutputError(f"not a value of VR {' or '.join(_SHORTS)}")


def _signed(tag: int, values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Values of SS. The first of a LUT Descriptor is unsigned all the same (PS3.3 C.11.1.1), and pydicom has it so."""
    if tag in _LUT_DESCRIPTORS and values and 0x7FFF < (values[0] or 0) <= 0xFFFF:
        return (values[0] - 0x10000, *values[1:])
    return values


def _element_events(tag: int, element: DataElement, little_endian: bool, options: WriteOptions) -> Iterable[Event]:
    vr = str(element.VR)
    value = element.value
    text = json_text(element) if vr == "UN" else None
    if text is not None:
        return [(JSON_ELEMENT, tag, "", text)]
    if VRS[vr].form is Form.BINARY and isinstance(value, bytes | bytearray | BufferedIOBase):
        handler = options.bulk_data_element_handler
        # As pydicom compares them.
        if handler and _length(value) > options.handler_threshold // 4 * 3:
            return [(BULK_DATA, tag, vr, handler(element))]
        if element.is_undefined_length and little_endian:
            buffer = value if isinstance(value, BufferedIOBase) else BytesIO(value)
            if _holds_items(buffer):
                return _fragment_events(tag, vr, buffer)
    if isinstance(value, BufferedIOBase):
        return _buffer_events(tag, vr, value, 1 if little_endian else VRS[vr].word)
    values = values_of(vr, value)
    if not values:
        # What ``DatasetBuilder`` makes of a reference.
        uri = getattr(element, "bulk_data_uri", None)
        return [(ELEMENT, tag, vr, ()) if uri is None else (BULK_DATA, tag, vr, uri)]
    if VRS[vr].form is Form.BINARY and not little_endian:
        values = (swap_words(values[0], VRS[vr].word),)
    if vr == "SS":
        values = _signed(tag, values)
    if len(values) > MANY or max(map(_text_length, values)) > LONG:
        return _parts(tag, vr, values)
    return [(ELEMENT, tag, vr, values)]


def _text_length(value: Any) -> int:
    return len(value) if isinstance(value, str | bytes) else 0


def _parts(tag: int, vr: str, values: tuple[Any, ...]) -> Iterator[Event]:
    """A long element in parts, so that its JSON text is never whole."""
    yield START_ELEMENT, tag, vr, None
    run: list[Any] = []
    for value in values:
        if isinstance(value, str | bytes) and len(value) > LONG:
            if run:
                yield VALUES, tag, vr, tuple(run)
                run = []
            last = (len(value) - 1) // BINARY_SEGMENT_SIZE * BINARY_SEGMENT_SIZE
            for start in range(0, last, BINARY_SEGMENT_SIZE):
                yield SEGMENT, tag, vr, value[start : start + BINARY_SEGMENT_SIZE]
            yield LAST_SEGMENT, tag, vr, value[last:]
        else:
            run.append(value)
            if len(run) >= MANY:
                yield VALUES, tag, vr, tuple(run)
                run = []
    if run:
        yield VALUES, tag, vr, tuple(run)
    yield END_ELEMENT, tag, vr, None


def _length(value: bytes | bytearray | BufferedIOBase) -> int:
    if not isinstance(value, BufferedIOBase):
        return len(value)
    start = value.tell()
    length = value.seek(0, SEEK_END)
    value.seek(start)
    return length - start


def _buffer_events(tag: int, vr: str, buffer: BufferedIOBase, word: int) -> Iterator[Event]:
    """A value that pydicom keeps in a file; where the file stands does not change."""
    segments = _buffer_segments(buffer)
    first = next(segments, b"")
    if not first:
        yield ELEMENT, tag, vr, ()
        return
    yield START_ELEMENT, tag, vr, None
    for data in chain((first,), segments):
        yield SEGMENT, tag, vr, swap_words(data, word)
    yield LAST_SEGMENT, tag, vr, b""
    yield END_ELEMENT, tag, vr, None


def _buffer_segments(buffer: BufferedIOBase) -> Iterator[bytes]:
    if isinstance(buffer, SpooledValue):
        yield from buffer.segments(BINARY_SEGMENT_SIZE)  # which leaves out the padding (PS3.18 F.2.7)
        return
    start = buffer.tell()
    while data := buffer.read(BINARY_SEGMENT_SIZE):
        yield data
    buffer.seek(start)


# --- encapsulated pixel data -----------------------------------------------------------------------------------


def _holds_items(buffer: BufferedIOBase) -> bool:
    """Whether a buffer has items of defined length and nothing else (PS3.5 A.4). Only their headers are read."""
    start = position = buffer.tell()
    end = buffer.seek(0, SEEK_END)
    try:
        while position < end:
            buffer.seek(position)
            header = buffer.read(8)
            length = int.from_bytes(header[4:], "little")
            position += 8 + length
            if not header.startswith(ITEM_TAG_BYTES) or length > MAX_FRAGMENT_LENGTH or position > end:
                return False
        return position > start
    finally:
        buffer.seek(start)


def _fragment_events(tag: int, vr: str, buffer: BufferedIOBase) -> Iterator[Event]:
    """The items of a buffer, which is known to have nothing else."""
    start = buffer.tell()
    yield START_FRAGMENTS, tag, vr, None
    while header := buffer.read(8):
        length = int.from_bytes(header[4:], "little")
        yield START_FRAGMENT, tag, vr, length
        while length > BINARY_SEGMENT_SIZE:
            yield SEGMENT, tag, vr, buffer.read(BINARY_SEGMENT_SIZE)
            length -= BINARY_SEGMENT_SIZE
        yield LAST_SEGMENT, tag, vr, buffer.read(length)
    yield END_FRAGMENTS, tag, vr, None
    buffer.seek(start)
