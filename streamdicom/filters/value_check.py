"""A check of elements by the data dictionary and by their VRs (PS3.5, PS3.6).

Most elements cost one look-up, in the rules of the tags that were right before. Their values are collected by VR, and
checked together after all events of a call. Everything else takes a closer look.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterator, Sequence
from functools import lru_cache
from operator import itemgetter, length_hint

from streamdicom import _native
from streamdicom._cache import BoundedCache
from streamdicom._typing import Any, TypeAlias
from streamdicom.deviations import DEVIATIONS, Deviation
from streamdicom.dicom import (
    GROUP_RULES,
    ITEM_TAG_BYTES,
    NO_MAXIMUM,
    PIXEL_DATA,
    SPECIFIC_CHARACTER_SET,
    TRANSFER_SYNTAX_UID,
    VALUE_RULES,
    VRS,
    Definition,
    Fault,
    Form,
    character_sets,
    creator_of,
    definition_of,
    format_tag,
    is_encapsulated,
    is_private_creator,
    is_transfer_syntax,
    is_uid,
    private_definition,
    reserved_block,
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
    END_SEQUENCE,
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

OffsetOf: TypeAlias = Callable[[int], int]
"""Returns the byte offset of an event of a batch, by its index."""

_TELLING = frozenset({SPECIFIC_CHARACTER_SET, TRANSFER_SYNTAX_UID, PIXEL_DATA})
"""Elements that need more than a check of their values."""

_DICOM_ROOT = "1.2.840.10008."  # of the UIDs of the standard (PS3.5 9)

_MAX_REMEMBERED = 4  # values of an element whose verdict is kept
_MAX_TEXT = 64  # characters of such a value
_MAX_RIGHT = 4096  # creators, character sets and texts whose verdict is kept
_MAX_RULES = 16 * 1024  # elements whose rule is kept
_MAX_BLOCKS = 4096  # private blocks of a data set that are remembered


_Rule: TypeAlias = tuple[str, Container[int], Callable[[Any], object]]
"""VR, possible numbers of values, and a function that takes the values, of an element that is right otherwise."""


class _Rules(dict[int, _Rule]):
    """The rules of elements by their tags.

    Attributes:
        creator: The Private Creator of their block.
    """

    __slots__ = ("creator",)

    def __init__(self, creator: str = "") -> None:
        super().__init__()
        self.creator = creator


_Blocks: TypeAlias = dict[int, _Rules]
"""The rules of the private blocks of a data set or an item, by ``tag >> 8`` of their elements."""

_Open: TypeAlias = tuple[int, int, _Blocks]
"""The tag and the number of an open item, and the blocks of the data set around it."""

_NO_RULES = _Rules()
_NO_BLOCKS: _Blocks = {}  # of every item without private elements; never filled


class ValueCheck:
    """Reports the elements of a stream that break a rule.

    Checked are VR and VM by the data dictionary, private blocks, and the values by their VR. Values in UN, by reference
    or in JSON that fits no VR are not looked into. Parsers check the order of tags.

    Verdicts are kept for the streams after this one.

    Args:
        report: Takes each deviation.

    Attributes:
        engine_rules: The rules for the compiled engine, or None without it. A parser that has them leaves out elements
            that are right.
        datasets: The number of data sets in all streams.

    >>> from streamdicom import iter_events
    >>> check = ValueCheck(lambda deviation: print(deviation.code, deviation.location))
    >>> check.start()
    >>> check.check(list(iter_events(b'{"00100040": {"vr": "CS", "Value": ["m"]}}')))
    lower-case [0].00100040 PatientSex
    """

    def __init__(self, report: Callable[[Deviation], object]) -> None:
        self._report_to = report
        self._rules = _Rules()
        self.engine_rules: Any = _native.functions.ElementRules() if _native.functions else None
        self._creators: BoundedCache[str, _Rules] = BoundedCache(_MAX_BLOCKS)
        self._groups: dict[str, list[Any]] = {vr: [] for vr in VRS}  # values of the call, by VR
        self._right: BoundedCache[tuple[int, str, Any], None] = BoundedCache(_MAX_RIGHT)
        self._count = 0  # of rules
        self.datasets = 0
        self._reports = 0
        self._in_binary: bool | None = None
        self.start()

    def start(self, *, in_binary: bool = False) -> None:
        """Start a stream.

        Args:
            in_binary: Values have a binary form, so that numbers are in the range of their VR.
        """
        if self._in_binary is not in_binary:
            self._forget()
        self._in_binary = in_binary
        self._dataset: int | None = None
        self._open: list[_Open] = []
        self._blocks = _NO_BLOCKS
        self._is_encapsulated = False  # pixel data of the data set, by its transfer syntax
        self._parts: _OpenElement | None = None
        self._events: Sequence[Event] = ()
        self._remaining: Iterator[Event] = iter(())
        self._offset_of: OffsetOf | None = None
        self._counts: Counter[str] | None = None
        self._found: list[tuple[int, Deviation]] = []  # by the index of the event
        self._seen: set[int] = set()  # the indices of elements that had their closer look
        for group in self._groups.values():
            group.clear()

    def check(
        self, events: Sequence[Event], offset_of: OffsetOf | None = None, counts: Counter[str] | None = None
    ) -> None:
        """Check the next events of the stream.

        Args:
            events: The events.
            offset_of: Returns the byte offset of an event, by its index. It is called only for a deviation.
            counts: Counts deviations by code, which are then not reported. To find their places takes half of the time.
        """
        self._events, self._offset_of, self._counts = events, offset_of, counts
        self._remaining = remaining = iter(events)
        start = self._dataset, self._open.copy()
        find, levels, blocks = self._rules.get, self._open, self._blocks
        for kind, tag, vr, value in remaining:
            if kind == ELEMENT:
                rule = find(tag)
                if rule is None and tag & 0x10000:
                    rule = blocks.get(tag >> 8, _NO_RULES).get(tag)
                if rule is not None:
                    rule_vr, possible, collect = rule
                    if vr == rule_vr and len(value) in possible:
                        collect(value)
                        continue
                self._blocks = blocks
                self._seen.add(self._index())
                self._element(tag, vr, value)
                blocks = self._blocks
            elif kind == START_ITEM:
                levels.append((tag, value, blocks))
                blocks = _NO_BLOCKS
            elif kind == END_ITEM:
                blocks = levels.pop()[2]
            elif kind != END_SEQUENCE:
                if kind == START_SEQUENCE:
                    rule = (blocks.get(tag >> 8, _NO_RULES) if tag & 0x10000 else self._rules).get(tag)
                    if rule is not None and rule[0] == vr:
                        continue
                self._blocks = blocks
                self._other(kind, tag, vr, value)
                blocks = self._blocks
        self._blocks = blocks
        if self._parts is not None and self._parts.offset is None:
            self._parts.offset = self._offset()
        self._check_values(*start)
        self._events, self._offset_of, self._counts = (), None, None

    # --- values ------------------------------------------------------------------------------------------------

    def _check_values(self, dataset: int | None, opened: list[_Open]) -> None:
        """Check the values that were collected, and report what the call has found."""
        suspects = {vr for vr, group in self._groups.items() if group and not GROUP_RULES[vr](group)}
        if suspects:
            self._look_closer(suspects, dataset, opened)
        for group in self._groups.values():
            group.clear()
        self._seen.clear()
        if self._found:
            found = sorted(self._found, key=itemgetter(0))
            self._found.clear()
            for _, deviation in found:
                self._report_to(deviation)

    def _look_closer(self, suspects: set[str], dataset: int | None, opened: list[_Open]) -> None:
        """Check the elements of some VRs in the call one by one.

        Args:
            suspects: The VRs.
            dataset: The index of the data set before the call.
            opened: The open items before it.
        """
        after = self._dataset, self._open, self._parts
        self._dataset, self._open, self._parts = dataset, opened, None
        self._remaining = remaining = iter(self._events)
        for index, (kind, tag, vr, value) in enumerate(remaining):
            if kind == ELEMENT:
                if vr in suspects and not VALUE_RULES[vr](value) and index not in self._seen:
                    self._values(tag, vr, value, is_counted=True)
            elif kind == START_ITEM:
                opened.append((tag, value, _NO_BLOCKS))
            elif kind == END_ITEM:
                opened.pop()
            elif kind == START_DATASET:
                self._dataset = value
                opened.clear()
        self._dataset, self._open, self._parts = after

    def _values(self, tag: int, vr: str, values: tuple[Any, ...], *, is_counted: bool) -> None:
        """Check the values of an element; their number is possible or has been reported."""
        if values and vr != "SQ":
            text = values[0]
            if len(values) == 1 and isinstance(text, str) and len(text) <= _MAX_TEXT:
                faults = _faults_of_text(vr, text)
            else:
                faults = [] if self._in_binary and vr not in _TEXT_VRS else value_faults(vr, values)
            for code, message in faults:
                if is_counted or code != "multiplicity":
                    self._report(code, message, tag)

    # --- structure ---------------------------------------------------------------------------------------------

    def _other(self, kind: int, tag: int, vr: str, value: Any) -> None:
        if kind == START_ELEMENT:
            self._parts = _OpenElement(self._index())
        elif self._parts is not None:
            self._part(kind, tag, vr, value)
        elif kind == START_FRAGMENTS:
            if vr != "OB":
                self._not_ob(tag, vr)
            else:
                self._definition(tag, vr)
        elif kind == START_SEQUENCE or kind == BULK_DATA:
            self._definition(tag, vr)
        elif kind == START_DATASET:
            self._dataset = value
            self._is_encapsulated = False
            self.datasets += 1
            self._open.clear()
            self._blocks = _NO_BLOCKS

    # --- elements ----------------------------------------------------------------------------------------------

    def _element(self, tag: int, vr: str, values: tuple[Any, ...]) -> None:
        is_creator, is_character_set = is_private_creator(tag), tag == SPECIFIC_CHARACTER_SET
        if is_creator:
            self._reserve(tag, values)
        is_kept = is_creator or is_character_set
        if is_kept and (tag, vr, values) in self._right:
            return
        before = self._reports
        if is_character_set:
            self._character_sets(tag, vr, values)
        elif tag == TRANSFER_SYNTAX_UID and not self._open:
            self._transfer_syntax(values[0] if values else "")
        elif tag == PIXEL_DATA:
            self._pixel_data(vr, values[0] if values else b"")
        is_counted = self._has_count(tag, self._definition(tag, vr), len(values))
        self._values(tag, vr, values, is_counted=is_counted)
        if is_kept and self._reports == before:
            if len(values) <= _MAX_REMEMBERED and all(map(_is_short, values)):
                self._right.remember((tag, vr, values), None)
            if is_character_set and vr == "CS" and not self._in_binary and self.engine_rules is not None:
                self.engine_rules.learn_terms("\\".join([value or "" for value in values]))

    def _definition(self, tag: int, vr: str) -> Definition | None:
        """Return the definition of an element, after a check of its VR and its block."""
        rules: _Rules | None = self._rules
        is_in_block = bool(tag & 0x10000) and not is_private_creator(tag) and bool(tag & 0xFFFF)
        if is_in_block:
            rules = self._block(tag)
            definition = private_definition(tag, rules.creator) if rules is not None else None
        else:
            definition = definition_of(tag)
            if definition is None and not tag & 0x10000:
                message = "expected an element of the data dictionary (PS3.6), found another"
                self._report("unknown-element", message, tag)
        if not vr:
            return definition
        if definition is not None and vr not in (*definition.vrs, "UN") and definition.vrs != _UNKNOWN:
            expected = " or ".join(definition.vrs)
            if is_in_block:
                self._report("private-element", f"expected VR {expected} by the private dictionary, found {vr}", tag)
            else:
                self._report("wrong-vr", f"expected VR {expected} by the data dictionary (PS3.6), found {vr}", tag)
        elif rules is not None and (is_in_block or definition is not None):
            self._add_rule(rules, tag, vr, definition)
        return definition

    def _add_rule(self, rules: _Rules, tag: int, vr: str, definition: Definition | None) -> None:
        known = rules.get(tag)
        if known is not None and known[0] == vr:
            return
        self._count += 1
        if self._count > _MAX_RULES:
            self._count = 1
            self._forget()
        if tag in _TELLING and tag != SPECIFIC_CHARACTER_SET:
            return
        if not is_private_creator(tag) and tag not in _TELLING:
            counts = _counts(definition) if rules is self._rules else _ANY_COUNT
            is_checked = vr in GROUP_RULES and (vr in _TEXT_VRS or not self._in_binary)
            rules[tag] = vr, counts, self._groups[vr].append if is_checked else bool
        if self.engine_rules is not None:
            _, least, most, step = definition if rules is self._rules and definition else _ANY_NUMBER
            self.engine_rules.learn(rules.creator, tag, vr, least, most, step)

    def _forget(self) -> None:
        self._rules.clear()
        self._right.clear()
        for others in self._creators.values():
            others.clear()
        if self.engine_rules is not None:
            self.engine_rules.clear()

    def _transfer_syntax(self, uid: Any) -> None:
        """Check a transfer syntax, which says how pixel data is encoded."""
        is_known = isinstance(uid, str) and is_transfer_syntax(uid)
        self._is_encapsulated = is_known and is_encapsulated(uid)
        if is_known or not (isinstance(uid, str) and is_uid(uid)):  # a UID in another form is reported
            return
        if f"{uid}.".startswith(_DICOM_ROOT):
            message = "expected a transfer syntax of PS3.6 Table A-1, found another UID that begins as those of DICOM"
            self._report("unknown-transfer-syntax", message, TRANSFER_SYNTAX_UID)
        else:
            message = "expected a transfer syntax of PS3.6 Table A-1, found a private one"
            self._report("private-transfer-syntax", message, TRANSFER_SYNTAX_UID)

    def _pixel_data(self, vr: str, start: Any) -> None:
        """Check a value of pixel data against the transfer syntax (PS3.5 A.4).

        In text, the value of encapsulated pixel data has its items. In a file, only fragments do.

        Args:
            vr: The VR.
            start: The first bytes, or another value; empty without a value.
        """
        if not self._is_encapsulated or self._open:
            return
        is_native = start and not (isinstance(start, bytes) and start.startswith(ITEM_TAG_BYTES))
        if is_native or self._in_binary:
            message = "expected encapsulated pixel data by the transfer syntax (PS3.5 A.4), found native pixel data"
            self._report("native-pixel-data", message, PIXEL_DATA)
        elif vr == "OW":
            self._not_ob(PIXEL_DATA, vr)

    def _not_ob(self, tag: int, vr: str) -> None:
        self._report("wrong-vr", f"expected VR OB for encapsulated pixel data (PS3.5 A.4), found {vr}", tag)

    def _character_sets(self, tag: int, vr: str, values: tuple[Any, ...]) -> None:
        """Check the terms of Specific Character Set, unless the parser does."""
        if vr == "CS" and not self._in_binary and not character_sets(values).is_defined:
            message = "expected defined terms in Specific Character Set (PS3.3 C.12.1.1.2), found another"
            self._report("character-set", message, tag)

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
        if self._blocks is _NO_BLOCKS or len(self._blocks) >= _MAX_BLOCKS:
            self._blocks = {}
        creator = creator_of(values)
        if creator:
            rules = self._creators.get(creator)
            if rules is None:
                rules = self._creators.remember(creator, _Rules(creator))
            self._blocks[reserved_block(tag)] = rules

    def _block(self, tag: int) -> _Rules | None:
        """Return the rules of the block of a private element; report a missing one."""
        rules = self._blocks.get(tag >> 8)
        if rules is None:
            message = "expected a Private Creator for the block of a private element (PS3.5 7.8.1), found none"
            self._report("private-block", message, tag)
        return rules

    # --- elements in parts -------------------------------------------------------------------------------------

    def _part(self, kind: int, tag: int, vr: str, value: Any) -> None:
        parts = self._parts
        assert parts is not None
        if tag == PIXEL_DATA:
            parts.begin(value)
        if kind == VALUES:
            parts.count += len(value)
            if vr in _TEXT_VRS:
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

    def _end_parts(self, parts: _OpenElement, tag: int, vr: str) -> None:
        if tag == PIXEL_DATA:
            self._pixel_data(vr, parts.start)
        definition = self._definition(tag, vr)
        self._has_count(tag, definition, parts.count)
        for code, message in parts.faults.values():
            self._report(code, message, tag)

    # --- reports -----------------------------------------------------------------------------------------------

    def _report(self, code: str, message: str, tag: int) -> None:
        self._reports += 1
        if self._counts is not None:
            self._counts[code] += 1
            return
        items = [f"{format_tag(sequence)}[{item}]" for sequence, item, *_ in self._open]
        location = Location(self._offset(), self._dataset, ".".join([*items, format_tag(tag)]))
        self._found.append((self._index(), Deviation(code, DEVIATIONS[code].severity, location, message)))

    def _index(self) -> int:
        """Return the index of the current event in the batch."""
        return len(self._events) - length_hint(self._remaining) - 1

    def _offset(self) -> int | None:
        """Return the byte offset of the current element, or None."""
        parts = self._parts
        if parts is not None and parts.offset is not None:
            return parts.offset
        if self._offset_of is None:
            return None
        return self._offset_of(self._index() if parts is None else parts.index)


class _OpenElement:
    """An element in parts that is open.

    Attributes:
        index: The index of its first event in the batch.
        offset: The byte offset of that event, if the batch is over.
        count: The number of its values.
        length: The characters of the current value.
        faults: Its faults so far, by code.
        start: Of pixel data, the first bytes, text or values.
    """

    def __init__(self, index: int) -> None:
        self.index = index
        self.offset: int | None = None
        self.count = 0
        self.length = 0
        self.faults: dict[str, Fault] = {}
        self.start: Any = b""

    def begin(self, value: Any) -> None:
        """Note the value of an event, if it belongs to the start."""
        if not self.start:
            self.start = value or b""
        elif isinstance(self.start, bytes) and isinstance(value, bytes) and len(self.start) < len(ITEM_TAG_BYTES):
            self.start += value

    def add(self, faults: list[Fault]) -> None:
        for fault in faults:
            self.faults.setdefault(fault.code, fault)


_UNKNOWN = ("UN",)  # the VR of private elements that pydicom knows by their name only
_TEXT_VRS = frozenset(vr for vr, row in VRS.items() if row.form in (Form.TEXT, Form.DECIMAL, Form.PERSON_NAME))
_ANY_COUNT = range(NO_MAXIMUM)
_ANY_NUMBER = Definition((), 0, NO_MAXIMUM)


def _counts(definition: Definition | None) -> Container[int]:
    """Return possible numbers of values of an element; others need a closer look."""
    if definition is None:
        return _ANY_COUNT
    _, least, most, step = definition
    if least == most:
        return (0, least)
    if step > 1:
        return range(0, NO_MAXIMUM, step) if least == step else ()
    return range(0 if least == 1 else least, min(most + 1, NO_MAXIMUM))


@lru_cache(maxsize=_MAX_RIGHT)  # the data sets of a stream often share values
def _faults_of_text(vr: str, text: str) -> list[Fault]:
    return value_faults(vr, (text,))


def _is_short(value: Any) -> bool:
    text = "".join(value) if isinstance(value, tuple) else value
    return not isinstance(text, str | bytes) or len(text) <= _MAX_TEXT
