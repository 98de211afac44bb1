"""Patterns that select elements, and conditions that select data sets.

A pattern has one step for each level, separated by ``.``: the sequences on the way, then the element in them.

    0x00100010, "00100010", "(0010,0010)", "PatientName"    the element with this tag
    "0010xxxx", "60xx3000"                                  every tag, with any digit in place of an x
    "0010"                                                  every tag of a group, same as "0010xxxx"
    "private"                                               every odd group (PS3.5 7.8)
    "OB"                                                    every element of a VR
    "**"                                                    as a step: any number of sequences, or none

"PatientName" is the element at the top of a data set, "ReferencedImageSequence.ReferencedSOPInstanceUID" the elements
in the items of one sequence, and "**.PatientName" the elements at every level. "private" and a VR on their own apply at
every level: "private" is "**.private". Patterns do not number items.

A pattern selects an element with its whole content. With patterns to include, every other element is left out; all
items of a sequence on the way to an included element are kept, with their included elements. An excluded element is
left out even if another pattern includes it. The File Meta Information (group 0002) is kept unless its tags or its
group are excluded, because the data set may be unreadable without it. Values of VR UN are not searched.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import lru_cache

from streamdicom._cache import BoundedCache
from streamdicom._dictionary import tag_of_keyword
from streamdicom._late import late_pattern
from streamdicom._records import NamedTuple
from streamdicom._typing import Any, TypeAlias
from streamdicom.dicom import FILE_META_GROUP, MAX_TAG, VRS, Form, definition_of, join_name
from streamdicom.events import Value
from streamdicom.limits import Limits

Pattern: TypeAlias = str | int
"""A tag, or a pattern as a string."""

_TAG = late_pattern(r"[0-9A-Fa-fXx]{8}")
_GROUP = late_pattern(r"[0-9A-Fa-f]{4}")
_PARENTHESES = late_pattern(r"\(?([0-9A-Fa-fXx]{4}),([0-9A-Fa-fXx]{4})\)?")
_ODD_GROUP = 0x00010000
_MAX_SELECTIONS = 256
_MIN_SIMILARITY = 0.8  # of a keyword that an error message suggests
_BINARY_VRS = [vr for vr, row in VRS.items() if row.form is Form.BINARY]


class PatternStep(NamedTuple):
    """One step of a pattern: a range of tags, a VR, or both.

    Attributes:
        digits: The digits of the tags, zero for each wildcard.
        mask: Ones where a digit must match, zeros for each wildcard.
        vr: The VR, or "" for any.

    >>> PatternStep(0x00100000, 0xFFFF0000).matches(0x00100010, "PN")
    True
    """

    digits: int = 0
    mask: int = 0
    vr: str = ""

    def matches(self, tag: int, vr: str) -> bool:
        """Return True if the step selects an element with this tag and VR."""
        return tag & self.mask == self.digits and (not self.vr or self.vr == vr)


_PRIVATE = PatternStep(_ODD_GROUP, _ODD_GROUP)
_ANY_DEPTH = PatternStep(-1)
_Path: TypeAlias = tuple[PatternStep, ...]
_Paths: TypeAlias = tuple[frozenset[_Path] | None, frozenset[_Path]]  # included and excluded


def parse_pattern_step(pattern: Pattern) -> PatternStep:
    """Parse a pattern of one step.

    Raises:
        ValueError: The pattern is invalid; the message names it and suggests a similar keyword.

    >>> parse_pattern_step("(0010,0010)") == parse_pattern_step("PatientName") == parse_pattern_step(0x00100010)
    True
    """
    if isinstance(pattern, int):
        if not 0 <= pattern <= MAX_TAG:
            raise ValueError(f"expected a tag of 32 bits, found {pattern!r}")
        return PatternStep(pattern, MAX_TAG)
    if pattern == "private":
        return _PRIVATE
    if pattern in VRS:
        return PatternStep(vr=pattern)
    text = _PARENTHESES.sub(r"\1\2", pattern.strip())
    if _GROUP.fullmatch(text):
        text += "xxxx"
    if _TAG.fullmatch(text):
        mask = "".join(["0" if digit in "Xx" else "F" for digit in text])
        return PatternStep(int(text.lower().replace("x", "0"), 16), int(mask, 16))
    return PatternStep(_keyword_tag(pattern), MAX_TAG)


def _keyword_tag(text: str) -> int:
    tag = tag_of_keyword(text) if text else None  # retired elements may have an empty keyword
    if tag is None:
        raise ValueError(f"expected a tag, a keyword or a VR, found {text!r}{_suggestion(text) if text else ''}")
    return tag


def _suggestion(text: str) -> str:
    from difflib import get_close_matches

    from pydicom.datadict import keyword_dict

    similar = get_close_matches(text, keyword_dict, 1, _MIN_SIMILARITY)
    return f"; did you mean {similar[0]!r}?" if similar else ""


@lru_cache(maxsize=1024)  # each of many short data sets may have a parser of its own
def _parse(pattern: Pattern) -> _Path:
    if not isinstance(pattern, str):
        return (parse_pattern_step(pattern),)
    try:
        path = tuple([_ANY_DEPTH if text == "**" else parse_pattern_step(text) for text in pattern.split(".")])
    except ValueError as error:
        raise ValueError(f"invalid pattern {pattern!r}: {error}" if "." in pattern else str(error)) from None
    if path[-1] is _ANY_DEPTH:
        raise ValueError(f"expected a tag, a keyword or a VR as the last step of {pattern!r}, found '**'")
    if len(path) == 1 and (path[0].vr or path[0] is _PRIVATE):
        return (_ANY_DEPTH, *path)
    return path


def patterns_of(name: str, patterns: Iterable[Pattern]) -> tuple[Pattern, ...]:
    """Check the patterns of an option and return them as a tuple.

    Args:
        name: The name of the option, for messages.
        patterns: Its value.

    Raises:
        ValueError: A pattern is invalid, or the value is one string, whose characters would be taken for patterns.

    >>> patterns_of("include", ["PatientName", 0x00100020])
    ('PatientName', 1048608)
    """
    if isinstance(patterns, str):
        raise ValueError(f"{name} must be an iterable of patterns; did you mean [{patterns!r}]?")
    checked = tuple(patterns)
    for pattern in checked:
        _parse(pattern)
    return checked


# --- elements --------------------------------------------------------------------------------------------------


def selection(include: Iterable[Pattern] = (), exclude: Iterable[Pattern] = ()) -> Selection:
    """Return the selection that patterns make of a data set.

    Args:
        include: Patterns of the elements to keep; every element if empty.
        exclude: Patterns of the elements to leave out.

    Raises:
        ValueError: A pattern is invalid.

    >>> top = selection(include=["PatientName", "ReferencedImageSequence.ReferencedSOPInstanceUID"])
    >>> top.includes(0x00100010, "PN"), top.includes(0x00100020, "LO")
    (True, False)
    >>> top.inner(0x00081140).includes(0x00081155, "UI")
    True
    """
    return _selection(patterns_of("include", include), patterns_of("exclude", exclude))


@lru_cache(maxsize=16)  # the decisions that a selection remembers are useful for the next file
def _selection(include: tuple[Pattern, ...], exclude: tuple[Pattern, ...]) -> Selection:
    included, excluded = frozenset(map(_parse, include)), frozenset(map(_parse, exclude))
    return Selection(included or None, excluded, BoundedCache(_MAX_SELECTIONS), is_top=True)


class Selection:
    """The selected elements of a data set, or of the items of a sequence.

    Decisions are remembered, within bounds.

    Attributes:
        is_whole: True if every element is selected, at this level and below.
        names_vrs: True if a pattern for this level or below has a VR.
        is_flat: True if the tags of this level alone decide, so that the items of a selected sequence are whole.
    """

    __slots__ = (
        "_decisions",
        "_excluded",
        "_included",
        "_inner",
        "_is_top",
        "_selections",
        "_uses_vrs",
        "is_flat",
        "is_whole",
        "names_vrs",
    )

    def __init__(
        self,
        included: frozenset[_Path] | None,
        excluded: frozenset[_Path],
        selections: BoundedCache[_Paths, Selection],
        *,
        is_top: bool = False,
    ) -> None:
        self._included = included  # None: every element
        self._excluded = excluded
        self._selections = selections  # shared by all levels of the same patterns
        self._is_top = is_top
        self._decisions: BoundedCache[Any, bool] = BoundedCache()
        self._inner: BoundedCache[int, Selection | None] = BoundedCache()
        self.is_whole = included is None and not excluded
        paths = (included or frozenset()) | excluded
        self.names_vrs = any(step.vr for path in paths for step in path)
        self.is_flat = not self.names_vrs and all(len(path) == 1 for path in paths)
        self._uses_vrs = any(step.vr for path in paths for step in _next_step(path))

    def includes(self, tag: int, vr: str) -> bool:
        """Return True if an element other than a sequence is selected."""
        key = (tag, vr) if self._uses_vrs else tag
        included = self._decisions.get(key)
        if included is None:
            included = not self._excludes_element(tag, vr) and self._includes_element(tag, vr)
            self._decisions.remember(key, included)
        return included

    def inner(self, tag: int) -> Selection | None:
        """Return the selection for the items of a sequence; None if it is left out."""
        try:
            return self._inner[tag]
        except KeyError:
            return self._inner.remember(tag, self._items(tag))

    def skips(self, tag: int) -> bool:
        """Return True if elements with this tag are left out for every VR."""
        vrs = VRS if self._uses_vrs else ("UN",)
        return self.inner(tag) is None and not any(self.includes(tag, vr) for vr in vrs)

    def skips_path(self, *tags: int) -> bool:
        """Return True if an element is left out for every VR.

        Args:
            tags: The tags of the sequences around the element, outermost first, and its own.

        >>> selection(exclude=["PatientName"]).skips_path(0x00081140, 0x00100010)
        False
        """
        level: Selection | None = self
        for sequence in tags[:-1]:
            level = level.inner(sequence) if level else None
        return level is None or level.skips(tags[-1])

    def needs_vr(self, tag: int) -> bool:
        """Return True if the VR of a binary value decides whether it is selected."""
        return self._uses_vrs and len({self.includes(tag, vr) for vr in _BINARY_VRS}) > 1

    def includes_json(self, tag: int, vr: str) -> bool:
        """Return True if an element in JSON text is selected, with its whole content."""
        if vr in VRS and vr not in ("SQ", "UN"):
            return self.includes(tag, vr)
        inner = self.inner(tag)
        return inner is not None and inner.is_whole and not self._uses_vrs

    def _excludes_element(self, tag: int, vr: str) -> bool:
        is_meta = self._is_top and tag >> 16 == FILE_META_GROUP
        for path in self._excluded:
            for step in _last_step(path):
                if step.matches(tag, vr) and not (is_meta and step.mask >> 16 != 0xFFFF):
                    return True
        return False

    def _includes_element(self, tag: int, vr: str) -> bool:
        if self._included is None or (self._is_top and tag >> 16 == FILE_META_GROUP):
            return True
        return any(step.matches(tag, vr) for path in self._included for step in _last_step(path))

    def _items(self, tag: int) -> Selection | None:
        if self._excludes_element(tag, "SQ"):
            return None
        included = None
        if not self._includes_element(tag, "SQ"):
            included = _within(self._included or frozenset(), tag)
            if not included:
                return None
        key = included, _within(self._excluded, tag)
        known = self._selections.get(key)
        return known or self._selections.remember(key, Selection(*key, self._selections))


def _next_step(path: _Path) -> _Path:
    """Return the step that applies at this level, after any ``**``."""
    return path[:1] if path[0] is not _ANY_DEPTH else _next_step(path[1:])


def _last_step(path: _Path) -> _Path:
    """Return the step that applies at this level if it is the last one; otherwise ()."""
    while path[0] is _ANY_DEPTH:
        path = path[1:]
    return path if len(path) == 1 else ()


def _within(paths: Collection[_Path], tag: int) -> frozenset[_Path]:
    """Return the paths that are left for the items of a sequence."""
    left = set()
    for path in paths:
        if path[0] is _ANY_DEPTH:
            left.add(path)
            while path[0] is _ANY_DEPTH:
                path = path[1:]
        if len(path) > 1 and path[0].matches(tag, "SQ"):
            left.add(path[1:])
    return frozenset(left)


# --- data sets -------------------------------------------------------------------------------------------------

Condition: TypeAlias = Callable[[tuple[Value, ...]], bool]
"""Called with the values of an element; True if they satisfy the condition."""


class DatasetConditions:
    """Conditions on elements, all of which a data set must satisfy.

    Args:
        conditions: Maps the tag or the keyword of an element at the top of the data set to a value, to a collection of
            values of which one must match, or to a callable that takes the tuple of values. If an element holds
            numbers, a number is compared by value, also as text: "5" is equal to a DS of 5.00. Other text is compared
            as text. A tag has eight hexadecimal digits, and a person name ``=`` between its component groups. None
            matches an element that is missing or empty.
        limits: ``values_per_event`` bounds the events that are held until the decision.

    Attributes:
        tags: The tags with a condition.
        max_held: Events of a data set that may be held until the decision.

    Raises:
        ValueError: A key is neither a tag nor a keyword; the message suggests a similar keyword.

    >>> state = DatasetConditions({"Modality": ["CT", "MR"], "SeriesNumber": 3}, Limits()).new_state()
    >>> state.add(0x00080060, ("MR",)), state.add(0x00200011, ("3.0",))
    (None, True)
    """

    def __init__(self, conditions: Mapping[Pattern, Any], limits: Limits) -> None:
        self._conditions: dict[int, Condition] = {}
        for key, condition in conditions.items():
            step = parse_pattern_step(key)
            if step.vr or step.mask != MAX_TAG:
                raise ValueError(f"where: expected the tag or the keyword of one element, found {key!r}")
            self._conditions[step.digits] = condition if callable(condition) else _AnyOf(condition, step.digits)
        self.tags = frozenset(self._conditions)
        self.max_held = limits.values_per_event
        self._foreseen: deque[dict[int, bool]] = deque()  # results by tag, for each data set that a parser has begun
        self._last: dict[int, bool] = {}  # the last of them

    def begin(self) -> None:
        """Record that a parser begins a data set; its state is created later."""
        self._last = {}
        self._foreseen.append(self._last)

    def foresee(self, tag: int, values: tuple[Value, ...]) -> bool:
        """Return True if an element of the latest data set satisfies its condition.

        The state of the data set reuses the result, so that a condition is evaluated once.
        """
        condition = self._conditions[tag]
        try:
            satisfied = condition(values)
        except Exception:  # the state evaluates the condition again, after earlier data sets are delivered
            return True
        self._last[tag] = satisfied
        return satisfied

    def new_state(self) -> ConditionState:
        """Return the state of the next data set."""
        return ConditionState(self._conditions, self._foreseen.popleft() if self._foreseen else {})


class ConditionState:
    """The conditions on one data set while its elements are read.

    Attributes:
        missing: The tags with a condition that were not found so far.
    """

    __slots__ = ("_conditions", "_foreseen", "missing")

    def __init__(self, conditions: Mapping[int, Condition], foreseen: Mapping[int, bool]) -> None:
        self._conditions = conditions
        self._foreseen = foreseen
        self.missing = set(conditions)

    def add(self, tag: int, values: tuple[Value, ...]) -> bool | None:
        """Add an element at the top of the data set.

        Args:
            tag: Its tag.
            values: Its values; () for an element in several events.

        Returns:
            True if all conditions are satisfied, False if one is not, None if more elements are needed.
        """
        if tag in self.missing:
            satisfied = self._foreseen[tag] if tag in self._foreseen else self._conditions[tag](values)
            if not satisfied:
                return False
            self.missing.discard(tag)
        return None if self.missing else True

    def finish(self) -> bool:
        """Return True if the missing elements satisfy their conditions as empty ones."""
        return all(self._conditions[tag](()) for tag in self.missing)


class _AnyOf:
    """Satisfied if a value of the element is equal to an expected value."""

    def __init__(self, expected: Any, tag: int) -> None:
        is_collection = isinstance(expected, Collection) and not isinstance(expected, str | bytes)
        self._expected = list(expected if is_collection else [expected])
        definition = definition_of(tag)
        self._vr = definition.vrs[0] if definition else ""

    def __call__(self, values: tuple[Value, ...]) -> bool:
        return any(_is_equal(value, expected, self._vr) for value in values or (None,) for expected in self._expected)


def _is_equal(value: Any, expected: Any, vr: str) -> bool:
    if isinstance(value, tuple):  # a person name
        value = join_name(value)
    if value == expected:
        return True
    if isinstance(value, str) and isinstance(expected, str):
        return vr in ("DS", "IS") and _is_same_number(value, expected, vr)
    if vr == "AT":
        is_tag = isinstance(value, int) and isinstance(expected, str) and _TAG.fullmatch(expected)
        return bool(is_tag) and f"{value:08X}" == expected.upper()
    numbers = isinstance(value, str | int | float) and isinstance(expected, str | int | float)
    return numbers and _is_same_number(value, expected, vr)


def _is_same_number(one: str | float, other: str | float, vr: str) -> bool:
    from decimal import Decimal  # a tenth of the import time of this package

    try:
        if not isinstance(one, float) and not isinstance(other, float):
            return Decimal(one) == (other if isinstance(other, int) else Decimal(other))
        one, other = float(one), float(other)
        return one == other or (vr == "FL" and struct.pack("f", one) == struct.pack("f", other))
    except (ArithmeticError, ValueError):  # not a number, or out of range
        return False
