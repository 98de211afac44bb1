"""Pass elements through converters."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from math import isfinite

from streamdicom._typing import Any
from streamdicom._warn import Warner
from streamdicom.converters import UNSEEN, Converter, Converters, Element
from streamdicom.deviations import DEVIATIONS, Deviation, warner
from streamdicom.dicom import NAME_GROUPS, VRS, Form, PrivateBlocks, is_private_creator
from streamdicom.errors import ConverterError, LimitError, Location
from streamdicom.events import (
    BULK_DATA,
    CLOSING,
    ELEMENT,
    END_ITEM,
    END_SEQUENCE,
    JSON_ELEMENT,
    OPENING,
    START_DATASET,
    START_ELEMENT,
    START_ITEM,
    START_SEQUENCE,
    VALUES,
    Event,
    joined_values,
)
from streamdicom.filters.position import Position
from streamdicom.limits import Limits
from streamdicom.options import OnError, ReadOptions, WriteOptions

_CODE = "converter-failed"
_VALUE_OVERHEAD = 64  # bytes of an object and of the reference to it
_BINARY_VRS = [vr for vr, row in VRS.items() if row.form is Form.BINARY]

_Convert = Callable[[Converter, Element], Element | None]
_Make = Callable[[Element], Event]


class ElementConverter:
    """A stage that passes each element to its converter, for events in batches.

    An element in parts is held in memory if its converter needs the value; nothing else is held. The events must have
    passed ``VRFirst`` with ``needs_vr`` of this object.

    Args:
        converters: All converters in force.
        convert: Calls a converter.
        make: Makes the event of a result with values.
        limits: ``value_length`` bounds an element in parts that is held.
        on_error: How to treat an element whose converter fails.
        report: Called with the error of such an element, unless it is raised.

    Attributes:
        uses_vrs: True, because converters are found by VR and are passed the VR.
    """

    uses_vrs = True

    def __init__(
        self,
        converters: Converters,
        convert: _Convert,
        make: _Make,
        limits: Limits,
        on_error: OnError,
        report: Callable[[ConverterError], object],
    ) -> None:
        self._converters = converters
        self._call = convert
        self._make = make
        self._max_length = limits.value_length
        self._on_error = on_error
        self._report = report
        self._position = Position()
        self._blocks = [PrivateBlocks()]  # of each open item
        self._depth = 0  # open events of an element that is kept or left out as a whole
        self._keeps = True  # True if that element is kept
        self._parts: _HeldElement | None = None  # an element in parts that is held
        self._replaced_by: Converter | None = None  # replaces the open element as soon as its VR is known

    @classmethod
    def for_reading(cls, converters: Converters, options: ReadOptions) -> ElementConverter:
        """Return a stage that calls ``Converter.read``."""
        action = options.deviations.get(_CODE, "report")
        on_error: OnError = "raise" if action == "error" else options.on_error or "raise"
        report = _reporter(options.on_deviation) if action == "report" else _ignore
        return cls(converters, _read, _read_event, options.limits, on_error, report)

    @classmethod
    def for_writing(cls, converters: Converters, options: WriteOptions) -> ElementConverter:
        """Return a stage that calls ``Converter.write``."""
        return cls(converters, _write, _write_event, options.limits, options.on_error, _reporter(None))

    def needs_vr(self, tag: int) -> bool:
        """Return True if the VR decides the converter of the next, binary, element."""
        if self._depth:
            return False
        first, *others = [self._find(tag, vr) for vr in _BINARY_VRS]
        return any(converter is not first for converter in others)

    def run(self, events: Iterable[Event]) -> Iterator[Event]:
        """Yield the converted events of the next events."""
        for event in events:
            kind, tag, vr, value = event
            if self._depth:
                yield from self._within(event)
            elif kind == ELEMENT:
                converter = self._find(tag, vr)
                if is_private_creator(tag):
                    self._blocks[-1].reserve(tag, value)
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

    # --- position ----------------------------------------------------------------------------------------------

    def _move(self, kind: int, tag: int, value: Any) -> None:
        self._position.move(kind, tag, value)
        if kind == START_DATASET:
            self._blocks = [PrivateBlocks()]
        elif kind == START_ITEM:
            self._blocks.append(PrivateBlocks())
        elif kind == END_ITEM:
            self._blocks.pop()

    def _find(self, tag: int, vr: str) -> Converter | None:
        creator = ""
        if tag & 0x10000 and self._converters.has_private_keys:
            creator = self._blocks[-1].creator(tag)
        return self._converters.find(tag, vr, creator)

    # --- elements ----------------------------------------------------------------------------------------------

    def _converted(self, event: Event, converter: Converter | None, element: Element) -> Iterable[Event]:
        return (event,) if converter is None else self._attempt(converter, element, (event,))

    def _attempt(self, converter: Converter, element: Element, events: Iterable[Event]) -> Iterable[Event]:
        """Return the events of the result, or ``events`` if the element is unchanged."""
        try:
            result = self._call(converter, element)
            if result is None:
                return ()
            if result is element or result == element:
                return events
            return self._events(element, result)
        except Exception as error:
            self._fail(converter, element, error)
            return events if self._on_error == "keep" else ()

    def _fail(self, converter: Converter, element: Element, error: Exception) -> None:
        text = f"the converter {type(converter).__name__} failed: {type(error).__name__}"
        failure = ConverterError(text, Location(None, self._position.index, self._position.tag_path(element.tag)))
        if self._on_error == "raise":
            raise failure from error
        failure.__cause__ = error
        self._report(failure)

    def _events(self, element: Element, result: Element) -> Iterable[Event]:
        tag, vr, values, uri = result
        if tag != element.tag:
            raise ValueError("a converter must not change the tag")
        if vr not in VRS or (vr == "SQ") is not (element.vr == "SQ"):
            raise ValueError("a converter must return a VR that the element can have")
        if not isinstance(values, tuple) or values == UNSEEN:
            raise ValueError("a converter must keep, replace or remove values that it does not see")
        if uri:
            return ((BULK_DATA, tag, vr, uri),)
        if vr == "SQ" and not values:
            return (START_SEQUENCE, tag, vr, None), (END_SEQUENCE, tag, vr, None)
        return (self._make(result),)

    # --- sequences, fragments and elements in parts ------------------------------------------------------------

    def _open(self, event: Event) -> Iterable[Event]:
        kind, tag, vr, _ = event
        # A binary value may have no VR yet; then its converter is the same for every binary VR.
        converter = self._find(tag, vr or "UN")
        if converter is None:
            return self._keep(event)
        if kind == START_ELEMENT and converter.needs_value:
            self._depth = 1
            self._parts = _HeldElement(event, converter)
            return ()
        if not vr:
            return self._open_without_vr(event, converter)
        itself = (event,)
        result = self._attempt(converter, Element(tag, vr, UNSEEN), itself)
        if result is itself:
            return self._keep(event)
        self._depth = 1
        self._keeps = False
        return result

    def _open_without_vr(self, event: Event, converter: Converter) -> Iterable[Event]:
        """Decide on a binary value without its VR; a replacement is made at its end."""
        element = Element(event[1], "", UNSEEN)
        result: Element | None = element
        try:
            result = self._call(converter, element)
        except Exception as error:
            self._fail(converter, element, error)
            result = element if self._on_error == "keep" else None
        if result == element:
            return self._keep(event)
        self._depth = 1
        self._keeps = False
        self._replaced_by = converter if result is not None else None
        return ()

    def _keep(self, event: Event) -> Iterable[Event]:
        kind, tag, _, value = event
        if kind == START_SEQUENCE:  # its items are converted
            self._position.move(kind, tag, value)
        else:
            self._depth = 1
            self._keeps = True
        return (event,)

    def _within(self, event: Event) -> Iterable[Event]:
        """Handle an event within an element that is kept, left out or held as a whole."""
        kind, tag, vr, _ = event
        self._depth += (kind in OPENING) - (kind in CLOSING)
        if self._parts is not None:
            return self._gather(self._parts, event)
        if self._replaced_by is not None and not self._depth:
            converter, self._replaced_by = self._replaced_by, None
            return self._attempt(converter, Element(tag, vr, UNSEEN), ())
        return (event,) if self._keeps else ()

    def _gather(self, parts: _HeldElement, event: Event) -> Iterable[Event]:
        _, tag, vr, _ = event
        parts.add(event)
        if not self._depth:
            self._parts = None
            return self._attempt(parts.converter, parts.element(vr), parts.events)
        if parts.size > self._max_length:
            message = f"expected at most {self._max_length} bytes or characters for a converter, found more"
            error = LimitError(message, "value_length")
            error.within(self._position.index, self._position.tag_path(tag))
            raise error
        return ()


class _HeldElement:
    """An element in parts that is held for its converter."""

    def __init__(self, start: Event, converter: Converter) -> None:
        self.events = [start]
        self.converter = converter
        self.size = 0

    def add(self, event: Event) -> None:
        self.events.append(event)
        values = event[3] if event[0] == VALUES else (event[3] or "",)
        self.size += sum([len(value) if isinstance(value, str | bytes) else 0 for value in values])
        self.size += _VALUE_OVERHEAD * len(values)

    def element(self, vr: str) -> Element:
        return Element(self.events[0][1], vr, joined_values(self.events))


# --- results ---------------------------------------------------------------------------------------------------


def _read(converter: Converter, element: Element) -> Element | None:
    return converter.read(element)


def _write(converter: Converter, element: Element) -> Element | None:
    return converter.write(element)


def _read_event(result: Element) -> Event:
    if result.vr == "SQ":
        raise ValueError("a converter must not make items")
    return ELEMENT, result.tag, result.vr, result.values


def _write_event(result: Element) -> Event:
    """Return ELEMENT if the values have the types of the VR, JSON_ELEMENT otherwise."""
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
    """Return True if values have the types that events have for a VR.

    >>> has_form_of("DS", ("1.0", None)), has_form_of("DS", (1.0,))
    (True, False)
    """
    types = _TYPES[VRS[vr].form]
    return all(value is None or (isinstance(value, types) and not isinstance(value, bool)) for value in values)


def _plain(value: Any) -> Any:
    """Return a value for ``json.dumps``; NaN becomes text (CP-2352)."""
    if isinstance(value, tuple):
        names = zip(NAME_GROUPS, value, strict=True)
        return {name: text for name, text in names if text} or None
    if isinstance(value, float) and not isfinite(value):
        return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
    return value


# --- failures --------------------------------------------------------------------------------------------------


def _ignore(_: ConverterError) -> None:
    pass


def _reporter(on_deviation: Callable[[Deviation], object] | None) -> Callable[[ConverterError], object]:
    """Return a function that reports a failed converter."""
    if on_deviation is None:
        return partial(_warn, warner())
    return lambda error: on_deviation(Deviation(_CODE, DEVIATIONS[_CODE].severity, error.location, error.message))


def _warn(warn: Warner, _: ConverterError) -> None:
    warn(_CODE)
