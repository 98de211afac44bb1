"""From DICOM events to DICOM events: the elements as converters make them.

No more is held than a converter needs: an element in parts, if it looks at values.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from math import isfinite
from typing import Any

from streamdicom.converters import UNSEEN, Converter, Converters, Element
from streamdicom.deviations import DEVIATIONS, Deviation, warner
from streamdicom.dicom import VRS, Form
from streamdicom.errors import ConverterError, LimitError, Location
from streamdicom.events import (
    BULK_DATA,
    CLOSING,
    ELEMENT,
    END_ITEM,
    END_SEQUENCE,
    JSON_ELEMENT,
    LAST_SEGMENT,
    OPENING,
    SEGMENT,
    START_DATASET,
    START_ELEMENT,
    START_ITEM,
    START_SEQUENCE,
    VALUES,
    Event,
)
from streamdicom.filters.position import Position
from streamdicom.limits import Limits
from streamdicom.options import OnError, ReadOptions, WriteOptions

_CODE = "converter-failed"
_LONGEST_CREATOR = 64  # characters of an LO (PS3.5 6.2)
_VALUE_OVERHEAD = 64  # bytes of an object and of the place that refers to it
_TEXT_VRS = [vr for vr, row in VRS.items() if row.form is Form.TEXT]
_BINARY_VRS = [vr for vr, row in VRS.items() if row.form is Form.BINARY]

_Convert = Callable[[Converter, Element], Element | None]
_Make = Callable[[Element], Event]


class ElementConverter:
    """Gives elements to their converters; events may come in batches.

    Args:
        converters: All that are in force.
        convert: What calls one of them.
        make: What makes an event of a result with values.
        limits: ``value_length`` bounds what a converter is shown of an element in parts.
        on_error: What becomes of an element whose converter fails.
        tell: Told of such an element, unless it is an error.
    """

    def __init__(
        self,
        converters: Converters,
        convert: _Convert,
        make: _Make,
        limits: Limits,
        on_error: OnError,
        tell: Callable[[ConverterError], object],
    ) -> None:
        self._converters = converters
        self._call = convert
        self._make = make
        self._most = limits.value_length
        self._on_error = on_error
        self._tell = tell
        self._place = Position()
        self._creators: list[dict[int, str]] = [{}]  # of each open item: the blocks of one group, and whose they are
        self._depth = 0  # how much is open of an element that comes or goes as one
        self._comes = True  # whether that one does
        self._parts: _Parts | None = None  # an element that is put together
        self._replaced: Converter | None = None  # what replaces an element whose VR is still to come

    @classmethod
    def for_reading(cls, converters: Converters, options: ReadOptions) -> ElementConverter:
        """One for events from a source."""
        action = options.deviations.get(_CODE, "report")
        on_error: OnError = "raise" if action == "error" else options.on_error
        tell = _teller(options.on_deviation) if action == "report" else _ignore
        return cls(converters, _read, _read_event, options.limits, on_error, tell)

    @classmethod
    def for_writing(cls, converters: Converters, options: WriteOptions) -> ElementConverter:
        """One for events on their way to a target."""
        return cls(converters, _write, _write_event, options.limits, options.on_error, _teller(None))

    def run(self, events: Iterable[Event]) -> Iterator[Event]:
        """What becomes of the next events."""
        for event in events:
            kind, tag, vr, value = event
            if self._depth:
                yield from self._within(event)
            elif kind == ELEMENT:
                converter = self._find(tag, vr)
                if tag & 0x10000 and 0x10 <= tag & 0xFFFF <= 0xFF:
                    self._note_creator(tag, value)
                if converter is None:
                    yield event
                else:
                    yield from self._converted(event, converter, Element(tag, vr, value))
            elif kind in OPENING:
                yield from self._open(event)
            elif kind == BULK_DATA:
                yield from self._converted(event, self._find(tag, vr), Element(tag, vr, (), value))
            elif kind == JSON_ELEMENT:
                yield from self._converted(event, self._find(tag, vr), Element(tag, vr, UNSEEN))
            else:
                self._move(kind, tag, value)
                yield event

    # --- places ------------------------------------------------------------------------------------------------

    def _move(self, kind: int, tag: int, value: Any) -> None:
        self._place.move(kind, tag, value)
        if kind == START_DATASET:
            self._creators = [{}]
        elif kind == START_ITEM:
            self._creators.append({})
        elif kind == END_ITEM:
            self._creators.pop()

    def _find(self, tag: int, vr: str) -> Converter | None:
        creator = ""
        if tag & 0x10000 and self._converters.has_private_keys:
            creator = self._creators[-1].get(tag >> 8, "")
        return self._converters.find(tag, vr, creator)

    def _note_creator(self, tag: int, values: tuple[Any, ...]) -> None:
        """PS3.5 7.8.1: (gggg,00ee) reserves (gggg,ee00) to (gggg,eeFF)."""
        creators = self._creators[-1]
        block = tag & 0xFFFF0000 | (tag & 0xFF) << 8
        if creators and next(iter(creators)) >> 8 != block >> 16:  # tags ascend: no more comes of the group before
            creators.clear()
        if values and isinstance(values[0], str):
            creators[block >> 8] = values[0].strip(" \0")[:_LONGEST_CREATOR]

    # --- elements ----------------------------------------------------------------------------------------------

    def _converted(self, event: Event, converter: Converter | None, element: Element) -> Iterable[Event]:
        """What becomes of an element that is one event."""
        return (event,) if converter is None else self._attempt(converter, element, (event,))

    def _attempt(self, converter: Converter, element: Element, events: Iterable[Event]) -> Iterable[Event]:
        """What a converter makes of an element; its own events if that is nothing new."""
        try:
            result = self._call(converter, element)
            if result is None:
                return ()
            if result is element or result == element:
                return events
            return self._events(element, result)
        except Exception as error:
            self._failed(converter, element, error)
            return events if self._on_error == "keep" else ()

    def _failed(self, converter: Converter, element: Element, error: Exception) -> None:
        text = f"the converter {type(converter).__name__} failed: {type(error).__name__}"
        failure = ConverterError(text, Location(None, self._place.index, self._place.tag_path(element.tag)))
        if self._on_error == "raise":
            raise failure from error
        failure.__cause__ = error
        self._tell(failure)

    def _events(self, element: Element, result: Element) -> Iterable[Event]:
        tag, vr, values, uri = result
        if tag != element.tag:
            raise ValueError("a converter cannot change the tag")
        if vr not in VRS or (vr == "SQ") is not (element.vr == "SQ"):
            raise ValueError("not a VR that the element can have")
        if not isinstance(values, tuple) or values == UNSEEN:
            raise ValueError("what was not seen can be kept, replaced or left out")
        if uri:
            return ((BULK_DATA, tag, vr, uri),)
        if vr == "SQ" and not values:
            return (START_SEQUENCE, tag, vr, None), (END_SEQUENCE, tag, vr, None)
        return (self._make(result),)

    # --- sequences, fragments and elements in parts ------------------------------------------------------------

    def _open(self, event: Event) -> Iterable[Event]:
        kind, tag, vr, _ = event
        if kind == START_ELEMENT and not vr:
            self._depth = 1
            self._parts = _Parts(event)
            return ()
        converter = self._find(tag, vr)
        if kind == START_ELEMENT and converter is not None and converter.needs_value:
            self._depth = 1
            self._parts = _Parts(event, converter)
            return ()
        if converter is None:
            return self._keep(event)
        itself = (event,)
        result = self._attempt(converter, Element(tag, vr, UNSEEN), itself)
        if result is itself:
            return self._keep(event)
        self._depth = 1
        self._comes = False
        return result

    def _keep(self, event: Event) -> Iterable[Event]:
        kind, tag, _, value = event
        if kind == START_SEQUENCE:  # which is gone into
            self._place.move(kind, tag, value)
        else:
            self._depth = 1
            self._comes = True
        return (event,)

    def _within(self, event: Event) -> Iterable[Event]:
        """What becomes of an event within an element that comes or goes as one."""
        kind, tag, vr, _ = event
        self._depth += (kind in OPENING) - (kind in CLOSING)
        if self._parts is not None:
            return self._gather(self._parts, event)
        if self._replaced is not None and not self._depth:
            converter, self._replaced = self._replaced, None
            return self._attempt(converter, Element(tag, vr, UNSEEN), ())
        return (event,) if self._comes else ()

    def _gather(self, parts: _Parts, event: Event) -> Iterable[Event]:
        _, tag, vr, value = event
        parts.add(event)
        if not self._depth:
            self._parts = None
            converter = parts.converter or self._find(tag, vr)
            return parts.events if converter is None else self._attempt(converter, parts.element(vr), parts.events)
        if not parts.converter and not parts.is_open:
            return self._decide(parts, tag, value)
        if parts.size > self._most:
            error = LimitError(f"a value of more than {self._most} bytes or characters", "value_length")
            error.within(self._place.index, self._place.tag_path(tag))
            raise error
        return ()

    def _decide(self, parts: _Parts, tag: int, value: Any) -> Iterable[Event]:
        """Which converter it is, by the first part of a value whose VR comes behind it."""
        vrs = _BINARY_VRS if isinstance(value, bytes) else _TEXT_VRS
        found = {id(converter): converter for converter in (self._find(tag, vr) for vr in vrs)}
        if len(found) > 1:
            parts.is_open = True
            return ()
        [converter] = found.values()
        if converter is not None and converter.needs_value:
            parts.converter = converter
            return ()
        self._parts = None
        element = Element(tag, "", UNSEEN)
        result: Element | None = element
        if converter is not None:
            try:
                result = self._call(converter, element)
            except Exception as error:
                self._failed(converter, element, error)
                result = element if self._on_error == "keep" else None
        self._comes = result == element
        if not self._comes and result is not None:
            self._replaced = converter
        return parts.events if self._comes else ()


class _Parts:
    """An element in parts that is put together."""

    def __init__(self, start: Event, converter: Converter | None = None) -> None:
        self.events = [start]
        self.converter = converter
        self.is_open = False  # whether the VR is waited for
        self.size = 0

    def add(self, event: Event) -> None:
        self.events.append(event)
        values = event[3] if event[0] == VALUES else (event[3] or "",)
        self.size += sum([len(value) if isinstance(value, str | bytes) else 0 for value in values])
        self.size += _VALUE_OVERHEAD * len(values)

    def element(self, vr: str) -> Element:
        values: list[Any] = []
        segments: list[Any] = []
        for kind, _, _, value in self.events:
            if kind == VALUES:
                values += value
            elif kind == SEGMENT:
                segments.append(value)
            elif kind == LAST_SEGMENT:
                values.append(type(value)().join([*segments, value]))
                segments = []
        return Element(self.events[0][1], vr, tuple(values))


# --- results ---------------------------------------------------------------------------------------------------


def _read(converter: Converter, element: Element) -> Element | None:
    return converter.read(element)


def _write(converter: Converter, element: Element) -> Element | None:
    return converter.write(element)


def _read_event(result: Element) -> Event:
    if result.vr == "SQ":
        raise ValueError("items that did not come from the source")
    return ELEMENT, result.tag, result.vr, result.values


def _write_event(result: Element) -> Event:
    """An element if its values are those that the VR has, or else JSON text."""
    tag, vr, values, _ = result
    if not values or has_form_of(vr, values):
        return ELEMENT, tag, vr, values
    attribute = {"vr": vr, "Value": [_plain(value) for value in values]}
    return JSON_ELEMENT, tag, vr, json.dumps(attribute, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


_TYPES: dict[Form, tuple[type, ...]] = {
    Form.TEXT: (str,),
    Form.DECIMAL: (str,),
    Form.INTEGER: (int,),
    Form.LONG_INTEGER: (int,),
    Form.FLOAT: (float, int),
    Form.TAG: (int,),
    Form.PERSON_NAME: (tuple,),
    Form.BINARY: (bytes,),
    Form.SEQUENCE: (),
}


def has_form_of(vr: str, values: tuple[Any, ...]) -> bool:
    """Whether values are such as events have for a VR.

    >>> has_form_of("DS", ("1.0", None)), has_form_of("DS", (1.0,))
    (True, False)
    """
    types = _TYPES[VRS[vr].form]
    return all(value is None or (isinstance(value, types) and not isinstance(value, bool)) for value in values)


def _plain(value: Any) -> Any:
    """A value as ``json`` takes it: a person name as the object of its groups, NaN as text (CP-2352)."""
    if isinstance(value, tuple):
        names = zip(("Alphabetic", "Ideographic", "Phonetic"), value, strict=True)
        return {name: text for name, text in names if text} or None
    if isinstance(value, float) and not isfinite(value):
        return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
    return value


# --- failures --------------------------------------------------------------------------------------------------


def _ignore(_: ConverterError) -> None:
    pass


def _teller(on_deviation: Callable[[Deviation], object] | None) -> Callable[[ConverterError], object]:
    """What tells of an element whose converter failed: to whom it was asked for, or as a warning."""
    if on_deviation is None:
        return partial(_warn, warner())
    return lambda error: on_deviation(Deviation(_CODE, DEVIATIONS[_CODE].severity, error.location, error.message))


def _warn(warn: Callable[[str], None], _: ConverterError) -> None:
    warn(_CODE)
