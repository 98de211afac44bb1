"""pydicom data sets to DICOM events.

Raw elements are decoded here, without conversion by pydicom, and the usual types of values are converted by ``SIMPLE``.
All other elements are left to pydicom's own conversion.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, MutableSequence
from contextlib import suppress
from copy import copy
from io import BufferedIOBase, BytesIO
from operator import itemgetter

import pydicom.config
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.filewriter import correct_ambiguous_vr_element
from pydicom.hooks import hooks
from pydicom.tag import BaseTag

from streamdicom._typing import Any
from streamdicom._warn import warn
from streamdicom.datasets._pydicom import put_back, raw_element
from streamdicom.datasets.elements import is_guess, json_text, known_vr, unknown_element
from streamdicom.datasets.encodings import sets_in_force
from streamdicom.datasets.long_values import buffer_events, fragment_events, has_only_items, length_of, parts
from streamdicom.datasets.native import native_raw_events
from streamdicom.datasets.values import (
    MAX_LENGTH,
    MAX_VALUES,
    NO_MAKERS,
    SIMPLE,
    SIMPLE_EXCEPT_BINARY,
    kept_value,
    values_of,
)
from streamdicom.deviations import DEVIATIONS, DeviationWarning
from streamdicom.dicom import (
    DECODERS,
    ENCODERS,
    FILE_META_GROUP,
    IMPLICIT_VR_LITTLE_ENDIAN,
    ITEM_TAG_BYTES,
    LUT_DESCRIPTOR,
    PALETTE_COLOR_LUT_DESCRIPTORS,
    SPECIFIC_CHARACTER_SET,
    SPLITTERS,
    UNDECODABLE,
    VRS,
    Form,
    format_tag,
    swap_words,
)
from streamdicom.errors import Location, OutputError
from streamdicom.events import (
    BULK_DATA,
    ELEMENT,
    END_DATASET,
    END_ITEM,
    END_SEQUENCE,
    JSON_ELEMENT,
    START_DATASET,
    START_ITEM,
    START_SEQUENCE,
    Event,
    Value,
)
from streamdicom.options import WriteOptions
from streamdicom.patterns import selection

_Elements = Iterator[tuple[int, DataElement | RawDataElement]]

_FILE_META = FILE_META_GROUP << 16
_BATCH_SIZE = 512  # events

_SHORTS = ("US", "SS")
_LUT_DESCRIPTORS = frozenset((*PALETTE_COLOR_LUT_DESCRIPTORS, LUT_DESCRIPTOR))

_MAX_SHORT = 0xFFFF  # bytes; pydicom does not look up longer UN in the dictionary
_STARTS_OF_ITEMS = (ITEM_TAG_BYTES, b"\xfe\xff\xdd\xe0")
_CYCLE_CHECK_INTERVAL = 8  # levels of nesting, so that the check costs flatter data sets nothing
_DEFAULTS = WriteOptions()
_EXTENDED_VRS = frozenset(vr for vr, row in VRS.items() if row.character_set)
_DEFAULT_HOOKS = (hooks.raw_element_value, hooks.raw_element_vr)


class _OpenSequence:
    """A sequence around the current item.

    Attributes:
        tag: Its tag.
        items: Its remaining items.
        number: The number of the current item.
        dataset: The data set that it is in.
        elements: The elements after it in that data set.
    """

    __slots__ = ("dataset", "elements", "items", "number", "tag")

    def __init__(self, tag: int, items: MutableSequence[Dataset] | None, dataset: Dataset, elements: _Elements) -> None:
        self.tag = tag
        self.items = iter(() if items is None else items[:])
        self.number = -1
        self.dataset = dataset
        self.elements = elements


def walk(dataset: Dataset, index: int = 0, *, options: WriteOptions | None = None) -> Iterator[list[Event]]:
    """Yield the events of a data set in batches, in ascending order of tags.

    The depth of sequences is not bounded here; writers bound it.

    Args:
        dataset: The data set. It stays unchanged, except that pydicom converts some of its raw elements.
        index: The number of the data set in its stream.
        options: Whether to include ``file_meta``, and the handler for bulk data.

    Raises:
        OutputError: An element cannot be expressed in events, or the data set contains itself; the location has the
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
    """Yield batches of events of a data set and, without recursion, its items.

    Returns:
        The last events, which the caller adds to the next batch.
    """
    decoders = _decoders(options)
    raw_events = native_raw_events() if decoders is _DECODERS else None
    simple = SIMPLE if little_endian and not options.bulk_data_element_handler else SIMPLE_EXCEPT_BINARY
    sequences: list[_OpenSequence] = []
    while True:
        for tag, element in elements:
            if raw_events is not None and type(element) is RawDataElement:
                left = raw_events(tag, element, elements, events)
                if left is None:
                    continue
                tag, element = left
            if type(element) is RawDataElement:
                vr = element.VR or known_vr(tag)
                decoder = decoders.get(vr)
                data = element.value
                if decoder is not None and type(data) is bytes and len(data) <= MAX_LENGTH:
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
            found = _located_events(dataset, tag, element, little_endian, sequences, options, index)
            if isinstance(found, DataElement):
                events.append((START_SEQUENCE, tag, "SQ", None))
                sequences.append(_OpenSequence(tag, found.value, dataset, elements))
                _check_cycle(sequences, index)
                break
            if isinstance(found, list):
                events += found
            else:
                yield events
                events = []
                yield from ([part] for part in found)
        else:
            if not sequences:
                return events
            events.append((END_ITEM, sequences[-1].tag, "SQ", None))
        sequence = sequences[-1]
        item = next(sequence.items, None)
        if item is None:
            events.append((END_SEQUENCE, sequence.tag, "SQ", None))
            dataset, elements = sequence.dataset, sequence.elements
            sequences.pop()
        else:
            sequence.number += 1
            events.append((START_ITEM, sequence.tag, "SQ", sequence.number))
            dataset, elements = item, _sorted(item)
        if len(events) >= _BATCH_SIZE:
            yield events
            events = []


def _located_events(
    dataset: Dataset,
    tag: int,
    element: DataElement | RawDataElement,
    little_endian: bool,
    sequences: list[_OpenSequence],
    options: WriteOptions,
    index: int,
) -> Iterable[Event] | DataElement:
    """Return the result of ``_other_events``, or of ``_kept_events`` after a fault.

    Raises:
        OutputError: The element has a fault, and ``on_error`` does not allow it; the location has its tag path.
    """
    try:
        return _other_events(dataset, tag, element, little_endian, sequences, options)
    except OutputError as error:
        if _is_left_out(tag, sequences, options):
            return []
        error.location = Location(None, index, _path(sequences, tag))
        # In implicit VR, readers would take the text for a value of the VR of the dictionary.
        is_implicit = options.transfer_syntax == IMPLICIT_VR_LITTLE_ENDIAN
        if options.on_error == "raise" or (options.on_error == "keep" and is_implicit):
            raise
        return _kept_events(tag, element, error, is_kept=options.on_error == "keep")


def _is_left_out(tag: int, sequences: list[_OpenSequence], options: WriteOptions) -> bool:
    """Return whether the writer leaves an element out, whose faults do not count."""
    selected = selection(options.include, options.exclude)
    return not selected.is_whole and selected.skips_path(*[sequence.tag for sequence in sequences], tag)


def _kept_events(
    tag: int, element: DataElement | RawDataElement, error: OutputError, *, is_kept: bool
) -> Iterable[Event]:
    """Report an element with a fault; return its values as text or bytes, if kept."""
    kept = kept_value(element.value) if is_kept else None
    rest = "; it is left out, as it is neither text nor numbers" if is_kept and kept is None else ""
    warn(f"wrong-value: {error}{rest}", DeviationWarning)
    if kept is None:
        return []
    vr, value = kept
    if tag == SPECIFIC_CHARACTER_SET:  # which readers use with any VR
        return [(ELEMENT, tag, "CS", ())]
    return parts(tag, vr, (value,)) if len(value) > MAX_LENGTH else [(ELEMENT, tag, vr, (value,))]


def _other_events(
    dataset: Dataset,
    tag: int,
    element: DataElement | RawDataElement,
    little_endian: bool,
    sequences: list[_OpenSequence],
    options: WriteOptions,
) -> Iterable[Event] | DataElement:
    """Return the events of any other element, or the element if it is a sequence."""
    if isinstance(element, DataElement) and element.VR == "SQ":
        return element
    if isinstance(element, DataElement) and _is_long_unknown(element):
        raw = raw_element(BaseTag(tag), "UN", element.value)._replace(is_little_endian=little_endian)
        try:
            return _other_events(dataset, tag, raw, little_endian, sequences, options)
        finally:
            put_back(dataset, element)
    if isinstance(element, RawDataElement):
        vr = element.VR
        if vr is None or vr == "UN":
            vr = known_vr(tag)
        if vr in _EXTENDED_VRS and _is_extended(element.value) and _decoders(options):
            found = _extended_text(dataset, element, vr, sequences, options)
            if found is not None:
                return found
        if vr == "AT" and element.VR != "UN" and isinstance(element.value, bytes) and len(element.value) % 4:
            # pydicom would drop the bytes of the last one.
            raise OutputError(f"expected 4 bytes for each value of VR AT, found {len(element.value)} bytes")
        if vr == "SQ" and element.VR is None and element.value and element.value[:4] not in _STARTS_OF_ITEMS:
            # pydicom takes any tag for that of an item, and would lose the bytes.
            raise OutputError("expected items for VR SQ, found other bytes")
    converted = _converted(dataset, tag, element, little_endian, sequences)
    return converted if converted.VR == "SQ" else _element_events(tag, converted, little_endian, options)


def _is_long_unknown(element: DataElement) -> bool:
    """Return whether pydicom has left UN as it was only because it is long."""
    if element.VR != "UN" or not isinstance(element.value, bytes) or json_text(element) is not None:
        return False
    return len(element.value) >= _MAX_SHORT and known_vr(element.tag) != ""


def _path(sequences: list[_OpenSequence], *tags: int) -> str:
    items = [f"{format_tag(sequence.tag)}[{sequence.number}]" for sequence in sequences]
    return ".".join([*items, *map(format_tag, tags)])


def _check_cycle(sequences: list[_OpenSequence], index: int) -> None:
    """Check that no data set contains itself, which would never end.

    Raises:
        OutputError: An item is one of the data sets around it.
    """
    if len(sequences) % _CYCLE_CHECK_INTERVAL:
        return
    outer: set[int] = set()
    for depth, sequence in enumerate(sequences):
        if id(sequence.dataset) in outer:
            raise OutputError("the data set contains itself", Location(None, index, _path(sequences[:depth])))
        outer.add(id(sequence.dataset))


def _sorted(dataset: Dataset) -> _Elements:
    tags = array("I", dataset.keys()).tolist()  # plain integers, in half the time of ``int``
    if tags == sorted(tags):  # as in data sets that were read
        return zip(tags, list(dataset.values()), strict=True)
    return iter(sorted(zip(tags, dataset.values(), strict=True), key=itemgetter(0)))


# --- raw elements ----------------------------------------------------------------------------------------------


def _decoders(options: WriteOptions) -> Mapping[str, Callable[[bytes, bool], tuple[Value, ...] | None]]:
    """Return the decoders of raw elements that agree with pydicom's configuration."""
    config = pydicom.config
    if (
        config.data_element_callback
        or config.use_DS_numpy
        or config.use_IS_numpy
        or (hooks.raw_element_value, hooks.raw_element_vr) != _DEFAULT_HOOKS
    ):
        return {}
    if options.bulk_data_element_handler:
        return _DECODERS_EXCEPT_BINARY
    return _DECODERS_EXCEPT_DATES if config.datetime_conversion else _DECODERS


def _decode_unless_items(vr: str) -> Callable[[bytes, bool], tuple[Value, ...] | None]:
    """Return the decoder of a VR for values that are not encapsulated."""
    decode = DECODERS[vr]
    return lambda data, little_endian: None if data.startswith(ITEM_TAG_BYTES) else decode(data, little_endian)


# Not UN: pydicom converts it to the dictionary VR.
_DECODERS = {vr: decoder for vr, decoder in DECODERS.items() if vr != "UN"}
_DECODERS |= {vr: _decode_unless_items(vr) for vr in ("OB", "OW")}
_DECODERS_EXCEPT_DATES = {vr: decoder for vr, decoder in _DECODERS.items() if vr not in ("DA", "DT", "TM")}
_DECODERS_EXCEPT_BINARY = {
    vr: decoder for vr, decoder in _DECODERS_EXCEPT_DATES.items() if VRS[vr].form is not Form.BINARY
}


def _is_extended(data: object) -> bool:
    """Return True for bytes of text that ASCII does not have."""
    return isinstance(data, bytes) and (not data.isascii() or b"\x1b" in data)


def _extended_text(
    dataset: Dataset, element: RawDataElement, vr: str, sequences: list[_OpenSequence], options: WriteOptions
) -> Iterable[Event] | None:
    """Return the events of a raw element with text beyond ASCII.

    pydicom reads some code extensions wrongly.

    Returns:
        None if pydicom has other character sets, or would not look up the VR.
    """
    tag, data = int(element.tag), element.value
    assert isinstance(data, bytes)
    is_un = element.VR == "UN"
    is_left = is_un and not pydicom.config.replace_un_with_known_vr
    sets = None if is_left else sets_in_force(_around(dataset, sequences))
    if sets is None:
        return None
    text, faults = sets.decode(data, vr)
    if is_un and UNDECODABLE in faults:
        return [(ELEMENT, tag, "UN", (data[: element.length],))]
    for code in sorted(faults) if faults and not _is_left_out(tag, sequences, options) else ():
        place = Location(tag_path=_path(sequences, tag))
        warn(f"{DEVIATIONS[code].meaning} ({place})", DeviationWarning)
    values = SPLITTERS[vr](text)
    return parts(tag, vr, values) if len(text) > MAX_LENGTH else [(ELEMENT, tag, vr, values)]


def _around(dataset: Dataset, sequences: list[_OpenSequence]) -> list[Dataset]:
    """Return a data set and those around it, innermost first."""
    return [dataset, *[sequence.dataset for sequence in reversed(sequences)]] if sequences else [dataset]


# --- converted elements ----------------------------------------------------------------------------------------


def _converted(
    dataset: Dataset,
    tag: int,
    element: DataElement | RawDataElement,
    little_endian: bool,
    sequences: list[_OpenSequence],
) -> DataElement:
    if not isinstance(element, RawDataElement) and element.VR in VRS:
        return element
    if isinstance(element, RawDataElement) and _may_be_wrong(element) and isinstance(element.value, bytes):
        converted = _known(dataset, element, element.value)
    else:
        converted = _by_pydicom(dataset, BaseTag(tag))
    if converted.VR in VRS:
        return converted
    return _unambiguous(converted, _around(dataset, sequences), little_endian)


def _may_be_wrong(element: RawDataElement) -> bool:
    """Return whether the VR of the dictionary may be wrong."""
    return element.VR == "UN" or (element.VR is None and element.tag.is_private)


def _by_pydicom(dataset: Dataset, tag: BaseTag) -> DataElement:
    """Return an element converted by pydicom, if need be with an ambiguous VR.

    Raises:
        OutputError: pydicom cannot convert it.
    """
    try:
        return dataset[tag]
    except Exception as error:  # of any type
        with suppress(Exception):  # which it may raise again
            element = dataset.get_item(tag)
            if isinstance(element, DataElement) and _named_vrs(element):  # pydicom could not choose one of its VRs
                return element
        raise OutputError(f"pydicom cannot convert the element: {type(error).__name__}") from error


def _named_vrs(element: DataElement) -> list[str]:
    """Return the VRs that an ambiguous one names."""
    names = str(element.VR).split(" or ")
    return names if len(names) > 1 and VRS.keys() >= set(names) else []


def _known(dataset: Dataset, element: RawDataElement, data: bytes) -> DataElement:
    """Return UN with its dictionary VR, or unchanged if that does not fit the bytes."""
    with suppress(Exception):  # of any type, if pydicom cannot convert the value
        if element.VR == "UN":
            put_back(dataset, _readable(element, data))
        converted = dataset[element.tag]
        if not is_guess(converted, data):
            if not element.is_little_endian and isinstance(converted.value, bytes):  # pydicom keeps it as in the file
                converted.value = swap_words(converted.value, VRS[converted.VR].word)
            return converted
    put_back(dataset, element)  # it may be half converted
    return unknown_element(element.tag, data[: element.length])


def _readable(element: RawDataElement, data: bytes) -> RawDataElement:
    """Return UN so that pydicom reads it as the file means it.

    The bytes are in implicit VR little endian in every transfer syntax (PS3.5 6.2.2), and may be a long value of
    another VR, for which explicit VR has 16 bits of length.
    """
    vr = known_vr(element.tag) if len(data) >= _MAX_SHORT and pydicom.config.replace_un_with_known_vr else ""
    return element._replace(VR=vr or "UN", is_little_endian=True, is_implicit_VR=True)


def _unambiguous(element: DataElement, datasets: list[Dataset], little_endian: bool) -> DataElement:
    """Return a copy of an element with one VR for an ambiguous one like "US or SS".

    Args:
        element: The element.
        datasets: Its data set and those around it, innermost first.
        little_endian: Whether its bytes are in little endian.

    Raises:
        OutputError: No VR fits the values.
    """
    element = copy(element)
    with suppress(Exception):  # of any type, if the elements that it depends on are missing
        correct_ambiguous_vr_element(element, datasets[0], little_endian, datasets)  # in place
    names = _named_vrs(element)
    if names:
        is_binary = element.is_empty or isinstance(element.value, bytes)
        element.VR = "OW" if is_binary and "OW" in names else "US"
        if isinstance(element.value, bytes) and element.VR == "US" and not little_endian:
            element._value = swap_words(element.value, 2)
    if element.VR not in VRS:
        raise OutputError("expected a VR (PS3.5 6.2), found other text")
    if element.VR in _SHORTS:
        element.VR = _fitting(element)
    return element


def _fitting(element: DataElement) -> str:
    """Return the VR that pydicom chose without the values, or the other if it fits."""
    vr = str(element.VR)
    values = tuple([value or 0 for value in values_of(vr, element.value)])
    for fitting in (vr, *_SHORTS):
        if ENCODERS[fitting](_signed(element.tag, values) if fitting == "SS" else values) is not None:
            return fitting
    raise OutputError(f"the values fit neither VR {' nor '.join(_SHORTS)}")


def _signed(tag: int, values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return values of SS.

    pydicom has the first value of a LUT Descriptor unsigned (PS3.3 C.11.1.1).
    """
    if tag in _LUT_DESCRIPTORS and values and 0x7FFF < (values[0] or 0) <= 0xFFFF:
        return (values[0] - 0x10000, *values[1:])
    return values


def _element_events(tag: int, element: DataElement, little_endian: bool, options: WriteOptions) -> Iterable[Event]:
    vr = str(element.VR)
    value = element.value
    text = json_text(element) if vr == "UN" else None
    if text is not None:
        return [(JSON_ELEMENT, tag, "", text)]
    is_binary = VRS[vr].form is Form.BINARY
    if is_binary and isinstance(value, bytes | bytearray | BufferedIOBase):
        events = _bulk_events(tag, element, value, little_endian, options)
        if events is not None:
            return events
    if isinstance(value, BufferedIOBase):
        return buffer_events(tag, vr, value, 1 if little_endian else VRS[vr].word)
    values = values_of(vr, value)
    if not values:
        uri = getattr(element, "bulk_data_uri", None)  # set by ``elements.reference``
        return [(ELEMENT, tag, vr, ()) if uri is None else (BULK_DATA, tag, vr, uri)]
    if is_binary and not little_endian:
        values = (swap_words(values[0], VRS[vr].word),)
    if vr == "SS":
        values = _signed(tag, values)
    if len(values) > MAX_VALUES or max(map(_text_length, values)) > MAX_LENGTH:
        return parts(tag, vr, values)
    return [(ELEMENT, tag, vr, values)]


def _bulk_events(
    tag: int,
    element: DataElement,
    value: bytes | bytearray | BufferedIOBase,
    little_endian: bool,
    options: WriteOptions,
) -> Iterable[Event] | None:
    """Return the events of bulk data for the handler, or of fragments, or None."""
    vr = str(element.VR)
    handler = options.bulk_data_element_handler
    if handler and length_of(value) > options.handler_threshold // 4 * 3:  # bytes of base64, as in pydicom
        return [(BULK_DATA, tag, vr, handler(element))]
    if element.is_undefined_length and little_endian:
        buffer = value if isinstance(value, BufferedIOBase) else BytesIO(value)
        if has_only_items(buffer):
            return fragment_events(tag, vr, buffer)
    return None


def _text_length(value: Any) -> int:
    return len(value) if isinstance(value, str | bytes) else 0
