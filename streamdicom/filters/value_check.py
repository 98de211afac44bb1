"""A check of elements by the data dictionary and by their VRs (PS3.5, PS3.6).

Most elements cost one look-up: a rule for each tag has the VR, the possible numbers of values, and the values of the
VR that were right before. Everything else takes a closer look.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Container, Sequence
from typing import Any, TypeAlias

from streamdicom._cache import BoundedCache
from streamdicom.deviations import DEVIATIONS, Deviation
from streamdicom.dicom import (
    NO_MAXIMUM,
    VALUE_RULES,
    VRS,
    Definition,
    Fault,
    Form,
    definition_of,
    is_private_creator,
    private_definition,
    segment_faults,
    too_long,
    value_faults,
)
from streamdicom.errors import Location
from streamdicom.events import (
    BULK_DATA,
    ELEMENT,
    END_ELEMENT,
    END_ITEM,
    LAST_SEGMENT,
    SEGMENT,
    START_DATASET,
    START_ELEMENT,
    START_FRAGMENTS,
    START_ITEM,
    START_SEQUENCE,
    VALUES,
    Event,
)
from streamdicom.filters.position import Position

Offsets: TypeAlias = Callable[[], Sequence[int]]
"""Returns the byte offset of each event of a batch."""

_MAX_REMEMBERED = 4  # values of an element whose verdict is kept
_MAX_TEXT = 64  # characters of such a value
_MAX_RIGHT = 16 * 1024  # elements of each VR whose verdict is kept
_MAX_SEEN = 4096  # tags of a data set that are remembered
_MAX_BLOCKS = 4096  # private blocks of a data set that are remembered
_MAX_CREATOR = 64  # characters of an LO (PS3.5 6.2)

# The VR, the possible numbers of values, and the values that are right; None if all are.
_Rule: TypeAlias = tuple[str, Container[int], Container[Any] | None]


class _Level:
    """A data set or an item that is open.

    Attributes:
        last: The highest tag so far.
        seen: The tags so far.
        creators: The private creators by the block that they reserve, as ``tag >> 8`` of its elements.
    """

    __slots__ = ("creators", "last", "seen")

    def __init__(self) -> None:
        self.last = -1
        self.seen: list[int] = []
        self.creators: dict[int, str] = {}

    def has(self, tag: int) -> bool:
        """Return True if a tag was seen, as far as tags are remembered."""
        seen = self.seen
        index = bisect_left(seen, tag)
        return index < len(seen) and seen[index] == tag


class _Holds:
    """The values for which a predicate is true, as a container."""

    __slots__ = ("_holds",)

    def __init__(self, holds: Callable[[Any], bool]) -> None:
        self._holds = holds

    def __contains__(self, values: object) -> bool:
        return self._holds(values)


class ValueCheck:
    """Reports the elements of a stream that break a rule.

    Checked are the order of tags and duplicates, VR and VM by the data dictionary, private blocks, and the values by
    their VR. Values in UN, by reference or in JSON that fits no VR are not looked into.

    Verdicts are kept for the streams after this one.

    Args:
        report: Takes each deviation.

    >>> from streamdicom import iter_events
    >>> check = ValueCheck(lambda deviation: print(deviation.code, deviation.location))
    >>> check.start()
    >>> check.check(list(iter_events(b'{"00100040": {"vr": "CS", "Value": ["m"]}}')))
    lower-case [0].00100040 PatientSex
    """

    def __init__(self, report: Callable[[Deviation], object]) -> None:
        self._report_to = report
        self._rules: BoundedCache[int, _Rule] = BoundedCache()
        self._private_rules: BoundedCache[tuple[int, str], _Rule] = BoundedCache()
        self._right: dict[str, BoundedCache[Any, None]] = {
            vr: BoundedCache(_MAX_RIGHT) for vr, row in VRS.items() if row.form in _TEXT_FORMS
        }
        self._holds: dict[str, Container[Any]] = {vr: _Holds(rule) for vr, rule in VALUE_RULES.items()}
        self.start()

    def start(self, *, in_binary: bool = False, checks_order: bool = True) -> None:
        """Start a stream.

        Args:
            in_binary: Values have a binary form, so that numbers are in the range of their VR.
            checks_order: Report disorder and duplicates, which the parser does not.
        """
        if getattr(self, "_in_binary", None) is not in_binary:
            self._rules.clear()
            self._private_rules.clear()
        self._in_binary = in_binary
        self._checks_order = checks_order
        self._position = Position()
        self._levels: list[_Level] = []  # around the innermost
        self._level = _Level()
        self._parts: _Parts | None = None
        self._index = 0
        self._offsets: Offsets | None = None

    def check(self, events: Sequence[Event], offsets: Offsets | None = None) -> None:
        """Check the next events of the stream.

        Args:
            events: The events.
            offsets: Returns their byte offsets. It is called only if there is a deviation.
        """
        self._offsets = offsets
        rules = self._rules
        level = self._level
        last, see = level.last, level.seen.append
        for index, (kind, tag, vr, value) in enumerate(events):
            if kind == ELEMENT:
                if tag > last:
                    last = tag
                    see(tag)
                    rule = rules.get(tag)
                    if rule is not None:
                        rule_vr, counts, right = rule
                        if vr == rule_vr and len(value) in counts and (right is None or value in right):
                            continue
                else:
                    self._index = index
                    self._disorder(tag)
                self._index = index
                self._element(tag, vr, value)
                continue
            level.last = last
            self._index = index
            self._other(kind, tag, vr, value)
            if self._level is not level:
                level = self._level
                see = level.seen.append
            last = level.last
        level.last = last
        if len(level.seen) > 2 * _MAX_SEEN:
            del level.seen[:-_MAX_SEEN]
        if self._parts is not None and self._parts.offset is None:
            self._parts.offset = self._offset()
        self._offsets = None

    # --- structure ---------------------------------------------------------------------------------------------

    def _other(self, kind: int, tag: int, vr: str, value: Any) -> None:
        if kind in _OPENING:
            self._see(tag)
        if kind == START_ELEMENT:
            self._parts = _Parts(self._index)
        elif self._parts is not None:
            self._part(kind, tag, vr, value)
        elif kind == START_SEQUENCE or kind == START_FRAGMENTS or kind == BULK_DATA:
            self._definition(tag, vr)
            self._position.move(kind, tag, value)
        else:
            self._position.move(kind, tag, value)
            if kind == START_ITEM:
                self._levels.append(self._level)
                self._level = _Level()
            elif kind == END_ITEM:
                self._level = self._levels.pop()
            elif kind == START_DATASET:
                self._levels.clear()
                self._level = _Level()

    def _see(self, tag: int) -> None:
        level = self._level
        if tag > level.last:
            level.last = tag
            level.seen.append(tag)
        else:
            self._disorder(tag)

    def _disorder(self, tag: int) -> None:
        if not self._checks_order:
            return
        if self._level.has(tag):
            self._report(
                "duplicate-key", "expected each element once in a data set (PS3.5 7.1), found a second one", tag
            )
        else:
            self._report("key-order", "expected tags in ascending order (PS3.5 7.1), found a lower tag", tag)

    # --- elements ----------------------------------------------------------------------------------------------

    def _element(self, tag: int, vr: str, values: tuple[Any, ...]) -> None:
        if tag & 0x10000:
            if is_private_creator(tag):
                self._reserve(tag, values)
            elif self._is_right_private(tag, vr, values):
                return
        definition = self._definition(tag, vr)
        is_counted = self._has_count(tag, definition, len(values))
        if values and vr != "SQ":
            faults = () if self._in_binary and vr not in self._right else value_faults(vr, values)
            for fault in faults:
                if is_counted or fault.code != "multiplicity":
                    self._fault(tag, fault)
            if not faults and vr in self._right and _is_short(values):
                self._right[vr].remember(values, None)

    def _definition(self, tag: int, vr: str) -> Definition | None:
        """Return the definition of an element, after a check of its VR and its block."""
        creator: str | None = None
        if tag & 0x10000 and not is_private_creator(tag) and tag & 0xFFFF:
            creator = self._creator(tag)
            definition = private_definition(tag, creator) if creator else None
        else:
            definition = definition_of(tag)
            if definition is None and not tag & 0x10000:
                self._report(
                    "unknown-element", "expected an element of the data dictionary (PS3.6), found another", tag
                )
        if vr == "UN" or not vr:
            return definition
        if definition is not None and vr not in definition.vrs and definition.vrs != _UNKNOWN:
            expected = " or ".join(definition.vrs)
            if creator is None:
                self._report("wrong-vr", f"expected VR {expected} by the data dictionary (PS3.6), found {vr}", tag)
            else:
                self._report("private-element", f"expected VR {expected} by the private dictionary, found {vr}", tag)
        elif creator is None:
            if not tag & 0x10000:  # a Private Creator reserves a block, so that it always needs a closer look
                self._rules.remember(tag, (vr, _counts(definition), self._container(vr)))
        else:
            self._private_rules.remember((tag, creator), (vr, _ANY_COUNT, self._container(vr)))
        return definition

    def _container(self, vr: str) -> Container[Any] | None:
        """Return the values of a VR that are known to be right, or None if all are."""
        if vr in self._right:
            return self._right[vr]
        return None if self._in_binary else self._holds.get(vr)

    def _has_count(self, tag: int, definition: Definition | None, count: int) -> bool:
        """Return True for a possible number of values, and report another one."""
        if definition is None or definition.allows(count):
            return True
        # The private dictionary is no standard, and its VMs are often wrong.
        if tag & 0x10000 and not is_private_creator(tag):
            return True
        message = f"expected a VM of {definition.multiplicity} by the data dictionary (PS3.6), found {count:,}"
        self._report("multiplicity", message, tag)
        return False

    # --- private elements (PS3.5 7.8) --------------------------------------------------------------------------

    def _reserve(self, tag: int, values: tuple[Any, ...]) -> None:
        creators = self._level.creators
        if len(creators) >= _MAX_BLOCKS:
            creators.clear()
        creator = values[0] if values and isinstance(values[0], str) else ""
        creators[tag >> 16 << 8 | tag & 0xFF] = creator.strip(" \0")[:_MAX_CREATOR]

    def _creator(self, tag: int) -> str:
        creator = self._level.creators.get(tag >> 8, "")
        if not creator:
            message = "expected a Private Creator for the block of a private element (PS3.5 7.8.1), found none"
            self._report("private-block", message, tag)
        return creator

    def _is_right_private(self, tag: int, vr: str, values: tuple[Any, ...]) -> bool:
        rule = self._private_rules.get((tag, self._level.creators.get(tag >> 8, "")))
        if rule is None:
            return False
        rule_vr, counts, right = rule
        return vr == rule_vr and len(values) in counts and (right is None or values in right)

    # --- elements in parts -------------------------------------------------------------------------------------

    def _part(self, kind: int, tag: int, vr: str, value: Any) -> None:
        parts = self._parts
        assert parts is not None
        if kind == VALUES:
            parts.count += len(value)
            if vr in self._right:
                parts.add(value_faults(vr, value))
        elif kind == SEGMENT or kind == LAST_SEGMENT:
            if isinstance(value, str):
                parts.length += len(value)
                parts.add(segment_faults(vr, value))
            if kind == LAST_SEGMENT:
                parts.count += 1
                fault = too_long(vr, parts.length) if vr else None
                parts.add([fault] if fault else [])
                parts.length = 0
        elif kind == END_ELEMENT:
            self._end_parts(parts, tag, vr)
            self._parts = None

    def _end_parts(self, parts: _Parts, tag: int, vr: str) -> None:
        definition = self._definition(tag, vr)
        self._has_count(tag, definition, parts.count)
        for fault in parts.faults.values():
            self._fault(tag, fault)

    # --- reports -----------------------------------------------------------------------------------------------

    def _fault(self, tag: int, fault: Fault) -> None:
        self._report(fault.code, fault.message, tag)

    def _report(self, code: str, message: str, tag: int) -> None:
        location = Location(self._offset(), self._position.index, self._position.tag_path(tag))
        self._report_to(Deviation(code, DEVIATIONS[code].severity, location, message))

    def _offset(self) -> int | None:
        """Return the byte offset of the current element, or None."""
        index, parts = self._index, self._parts
        if parts is not None:
            if parts.offset is not None:
                return parts.offset
            index = parts.index
        return None if self._offsets is None else self._offsets()[index]


class _Parts:
    """An element in parts that is open.

    Attributes:
        index: The index of its first event in the batch.
        offset: The byte offset of that event, if the batch is over.
        count: The number of its values.
        length: The characters of the current value.
        faults: Its faults so far, by code.
    """

    def __init__(self, index: int) -> None:
        self.index = index
        self.offset: int | None = None
        self.count = 0
        self.length = 0
        self.faults: dict[str, Fault] = {}

    def add(self, faults: list[Fault]) -> None:
        for fault in faults:
            self.faults.setdefault(fault.code, fault)


_UNKNOWN = ("UN",)  # the VR of private elements that pydicom knows by their name only
_TEXT_FORMS = (Form.TEXT, Form.DECIMAL, Form.PERSON_NAME)
_OPENING = frozenset({START_ELEMENT, START_SEQUENCE, START_FRAGMENTS, BULK_DATA})
_ANY_COUNT = range(NO_MAXIMUM)


def _counts(definition: Definition | None) -> Container[int]:
    """Return the numbers of values of which an element surely may have each."""
    if definition is None:
        return _ANY_COUNT
    _, least, most, step = definition
    if least == most:
        return (0, least)
    if step > 1:
        return range(0, NO_MAXIMUM, step) if least == step else ()
    return range(0 if least == 1 else least, min(most + 1, NO_MAXIMUM))


def _is_short(values: tuple[Any, ...]) -> bool:
    """Return True if the verdict on the values is worth keeping."""
    if len(values) > _MAX_REMEMBERED:
        return False
    return all(
        value is None or len(value if isinstance(value, str) else "".join(value)) <= _MAX_TEXT for value in values
    )
