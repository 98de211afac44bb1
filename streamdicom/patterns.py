"""Which elements are wanted: patterns of tags and VRs, and what is to be found at the start of a data set.

A pattern is one step for each level, with ``.`` between them: the sequences on the way, and the element in them.

    0x00100010, "00100010", "(0010,0010)", "PatientName"    the element of this tag
    "0010xxxx", "60xx3000"                                  those of all tags with any digit for an x
    "0010"                                                  those of a group, as "0010xxxx"
    "private"                                               those of odd groups (PS3.5 7.8)
    "OB"                                                    those of a VR
    "**"                                                    as a step: any number of sequences, or none

So that "PatientName" is the one at the top of a data set, "ReferencedImageSequence.ReferencedSOPInstanceUID" those in
the items of one sequence, and "**.PatientName" all of them, however deep. "private" and a VR by themselves are meant
at every level: "private" is "**.private". Items have no number in a pattern.

A pattern takes an element with all that is in it. If there are patterns to include, no other element comes; of the
sequences on the way to one, every item comes, with what is wanted of it. What is excluded does not come, even if it is
included. The file meta information (group 0002) comes unless it is excluded by its tags or its group, because the rest
may need it. Values of VR UN are not looked into.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

from streamdicom.dicom import FILE_META_GROUP, VRS, Form
from streamdicom.events import Value
from streamdicom.limits import Limits

Pattern: TypeAlias = str | int
"""A tag, or a text as it is told above."""

_TAG = re.compile(r"[0-9A-Fa-fXx]{8}")
_GROUP = re.compile(r"[0-9A-Fa-f]{4}")
_PARENTHESES = re.compile(r"\(?([0-9A-Fa-fXx]{4}),([0-9A-Fa-fXx]{4})\)?")
_ALL_DIGITS = 0xFFFFFFFF
_ODD_GROUP = 0x00010000
_MAX_KNOWN = 16 * 1024  # tags; archives use some thousands
_MOST_LEVELS = 256
_LONG_VRS = [vr for vr, row in VRS.items() if row.form in (Form.TEXT, Form.BINARY)]


class PatternStep(NamedTuple):
    """Some tags, or a VR: the tags that have these digits where the mask has ones.

    >>> PatternStep(0x00100000, 0xFFFF0000).fits(0x00100010, "PN")
    True
    """

    digits: int = 0
    mask: int = 0
    vr: str = ""

    def fits(self, tag: int, vr: str) -> bool:
        """Whether an element is one of those."""
        return tag & self.mask == self.digits and (not self.vr or self.vr == vr)


_PRIVATE = PatternStep(_ODD_GROUP, _ODD_GROUP)
_ANY_DEPTH = PatternStep(-1)
_Path: TypeAlias = tuple[PatternStep, ...]


def parse_pattern_step(pattern: Pattern) -> PatternStep:
    """One step of a pattern.

    Raises:
        ValueError: It is none; the text names it.

    >>> parse_pattern_step("(0010,0010)") == parse_pattern_step("PatientName") == parse_pattern_step(0x00100010)
    True
    """
    if isinstance(pattern, int):
        if not 0 <= pattern <= _ALL_DIGITS:
            raise ValueError(f"{pattern!r} is not a tag of 32 bits")
        return PatternStep(pattern, _ALL_DIGITS)
    if pattern == "private":
        return _PRIVATE
    if pattern in VRS:
        return PatternStep(vr=pattern)
    text = _PARENTHESES.sub(r"\1\2", pattern.strip())
    if _GROUP.fullmatch(text):
        text += "xxxx"
    if _TAG.fullmatch(text):
        digits, mask = re.sub("[Xx]", "0", text), re.sub("[^Xx]", "F", text)
        return PatternStep(int(digits, 16), int(re.sub("[Xx]", "0", mask), 16))
    return PatternStep(_keyword_tag(pattern), _ALL_DIGITS)


def _keyword_tag(text: str) -> int:
    from pydicom.datadict import tag_for_keyword

    tag = tag_for_keyword(text) if text else None  # some old elements have no keyword
    if tag is None:
        raise ValueError(f"{text!r} is no tag, no keyword of the data dictionary, and no pattern of tags or VRs")
    return tag


@lru_cache(maxsize=1024)  # because a parser is made for each of many short data sets
def _parse(pattern: Pattern) -> _Path:
    if not isinstance(pattern, str):
        return (parse_pattern_step(pattern),)
    try:
        path = tuple([_ANY_DEPTH if text == "**" else parse_pattern_step(text) for text in pattern.split(".")])
    except ValueError as error:
        raise ValueError(f"{error}, in {pattern!r}" if "." in pattern else str(error)) from None
    if path[-1] is _ANY_DEPTH:
        raise ValueError(f"{pattern!r} ends in '**', and names no element")
    if len(path) == 1 and (path[0].vr or path[0] is _PRIVATE):
        return (_ANY_DEPTH, *path)
    return path


def patterns_of(name: str, patterns: Iterable[Pattern]) -> tuple[Pattern, ...]:
    """The patterns of an option, which were looked at.

    Raises:
        ValueError: One of them is none; or it is a text, which would be taken for its characters.

    >>> patterns_of("include", ["PatientName", 0x00100020])
    ('PatientName', 1048608)
    """
    if isinstance(patterns, str):
        raise ValueError(f"{name} takes several patterns, not the text {patterns!r}")
    found = tuple(patterns)
    for pattern in found:
        _parse(pattern)
    return found


def selection(include: Iterable[Pattern] = (), exclude: Iterable[Pattern] = ()) -> Selection:
    """What is wanted of each data set.

    Args:
        include: Patterns; if there are none, every element is included.
        exclude: Patterns of what does not come.

    Raises:
        ValueError: A pattern is none.

    >>> top = selection(include=["PatientName", "ReferencedImageSequence.ReferencedSOPInstanceUID"])
    >>> top.takes(0x00100010, "PN"), top.takes(0x00100020, "LO"), top.inner(0x00081140).takes(0x00081155, "UI")
    (True, False, True)
    """
    return _selection(patterns_of("include", include), patterns_of("exclude", exclude))


@lru_cache(maxsize=16)  # because what it remembers is worth keeping for the next file
def _selection(include: tuple[Pattern, ...], exclude: tuple[Pattern, ...]) -> Selection:
    included, excluded = frozenset(map(_parse, include)), frozenset(map(_parse, exclude))
    return Selection(included or None, excluded, {}, is_top=True)


class Selection:
    """What is wanted of a data set, or of the items of a sequence.

    It remembers what it has been asked, within bounds.

    Attributes:
        is_whole: Whether everything is wanted, here and below.
        asks_vr: Whether that depends on VRs here.
    """

    __slots__ = ("_excluded", "_included", "_inner", "_is_top", "_levels", "_taken", "asks_vr", "is_whole")

    def __init__(
        self,
        included: frozenset[_Path] | None,
        excluded: frozenset[_Path],
        levels: dict[Any, Selection],
        *,
        is_top: bool = False,
    ) -> None:
        self._included = included  # None: everything
        self._excluded = excluded
        self._levels = levels  # those that the same patterns have made
        self._is_top = is_top
        self._taken: dict[Any, bool] = {}
        self._inner: dict[int, Selection | None] = {}
        self.is_whole = included is None and not excluded
        self.asks_vr = any(step.vr for path in (included or frozenset()) | excluded for step in _here(path))

    def takes(self, tag: int, vr: str) -> bool:
        """Whether an element comes that is no sequence."""
        key = (tag, vr) if self.asks_vr else tag
        taken = self._taken.get(key)
        if taken is None:
            if len(self._taken) >= _MAX_KNOWN:
                self._taken.clear()
            taken = self._taken[key] = self._decide(tag, vr) and self._includes(tag, vr)
        return taken

    def inner(self, tag: int) -> Selection | None:
        """What is wanted of the items of a sequence; None if it does not come."""
        try:
            return self._inner[tag]
        except KeyError:
            pass
        if len(self._inner) >= _MAX_KNOWN:
            self._inner.clear()
        inner = self._inner[tag] = self._go_in(tag)
        return inner

    def skips(self, tag: int) -> bool:
        """Whether nothing of this tag comes, whatever its VR."""
        vrs = VRS if self.asks_vr else ("UN",)
        return self.inner(tag) is None and not any(self.takes(tag, vr) for vr in vrs)

    def takes_long(self, tag: int) -> bool | None:
        """Whether a long value comes whose VR is not known; None if it depends on that."""
        verdicts = {self.takes(tag, vr) for vr in (_LONG_VRS if self.asks_vr else ("UN",))}
        return verdicts.pop() if len(verdicts) == 1 else None

    def takes_unknown(self, tag: int, vr: str) -> bool:
        """Whether an element comes of which only the JSON text is known, that may hide what is not wanted."""
        if vr in VRS and vr not in ("SQ", "UN"):
            return self.takes(tag, vr)
        inner = self.inner(tag)
        return inner is not None and inner.is_whole and not self.asks_vr

    def _decide(self, tag: int, vr: str) -> bool:
        """Whether an element is not excluded."""
        is_meta = self._is_top and tag >> 16 == FILE_META_GROUP
        for path in self._excluded:
            for step in _last_here(path):
                if step.fits(tag, vr) and not (is_meta and step.mask >> 16 != 0xFFFF):
                    return False
        return True

    def _includes(self, tag: int, vr: str) -> bool:
        if self._included is None or (self._is_top and tag >> 16 == FILE_META_GROUP):
            return True
        return any(step.fits(tag, vr) for path in self._included for step in _last_here(path))

    def _go_in(self, tag: int) -> Selection | None:
        if not self._decide(tag, "SQ"):
            return None
        included = None
        if not self._includes(tag, "SQ"):
            included = _rest(self._included or frozenset(), tag)
            if not included:
                return None
        key = included, _rest(self._excluded, tag)
        if len(self._levels) >= _MOST_LEVELS:
            self._levels.clear()
        return self._levels.setdefault(key, Selection(*key, self._levels))


def _here(path: _Path) -> _Path:
    """The steps that may be taken next: those behind a ``**`` too."""
    return path[:1] if path[0] is not _ANY_DEPTH else _here(path[1:])


def _last_here(path: _Path) -> _Path:
    """The step that may be taken next, if it is the last."""
    while path[0] is _ANY_DEPTH:
        path = path[1:]
    return path if len(path) == 1 else ()


def _rest(paths: Collection[_Path], tag: int) -> frozenset[_Path]:
    """What is left of the paths within a sequence."""
    rest = set()
    for path in paths:
        if path[0] is _ANY_DEPTH:
            rest.add(path)
            while path[0] is _ANY_DEPTH:
                path = path[1:]
        if len(path) > 1 and path[0].fits(tag, "SQ"):
            rest.add(path[1:])
    return frozenset(rest)


# --- by what a data set begins with ----------------------------------------------------------------------------

Fits: TypeAlias = Callable[[tuple[Value, ...]], bool]
"""Whether the values of an element are such as are wanted."""


class DatasetConditions:
    """The elements that decide whether a data set is wanted.

    Args:
        conditions: For the tag or the keyword of an element at the top of a data set a value, a collection of values
            of which one is enough, or a callable that is given the tuple of its values. Text is compared with text,
            a number by its value, also with DS and IS; a person name has ``=`` between its groups. None is wanted of
            an element that is missing or empty.
        limits: ``values_per_event`` bounds what is held until it is decided.

    Attributes:
        tags: The tags that are asked for.

    Raises:
        ValueError: A key is neither a tag nor a keyword.

    >>> decision = DatasetConditions({"Modality": ["CT", "MR"], "SeriesNumber": 3}, Limits()).decision()
    >>> decision.element(0x00080060, ("MR",)), decision.element(0x00200011, ("3.0",))
    (None, True)
    """

    def __init__(self, conditions: Mapping[Pattern, Any], limits: Limits) -> None:
        self._conditions: dict[int, Fits] = {}
        for key, wanted in conditions.items():
            step = parse_pattern_step(key)
            if step.vr or step.mask != _ALL_DIGITS:
                raise ValueError(f"{key!r} is not one tag, which select is about")
            self._conditions[step.digits] = wanted if callable(wanted) else _OneOf(wanted)
        self.tags = frozenset(self._conditions)
        self.most_held = limits.values_per_event
        self._begun: deque[dict[int, bool]] = deque()  # what is foreseen of data sets that are still to be decided
        self._last: dict[int, bool] = {}  # of the last of those that a reader has begun

    def begin(self) -> None:
        """Say that a reader has begun a data set, which ``decision`` will be asked for later."""
        self._last = {}
        self._begun.append(self._last)

    def foresee(self, tag: int, values: tuple[Value, ...]) -> bool:
        """Whether an element of the data set that was begun last is such as is wanted.

        Its ``Decision`` will say the same, so that a condition is asked once.
        """
        condition = self._conditions[tag]
        try:
            fits = condition(values)
        except Exception:  # it comes again behind the data sets that are to be delivered before it
            return True
        self._last[tag] = fits
        return fits

    def decision(self) -> ConditionState:
        """What is to be decided of the next data set."""
        return ConditionState(self._conditions, self._begun.popleft() if self._begun else {})


class ConditionState:
    """Whether one data set is wanted, as its elements come: True, False, or None while that is open.

    Attributes:
        missing: The tags that have not come.
    """

    __slots__ = ("_conditions", "_foreseen", "missing")

    def __init__(self, conditions: Mapping[int, Fits], foreseen: Mapping[int, bool]) -> None:
        self._conditions = conditions
        self._foreseen = foreseen
        self.missing = set(conditions)

    def element(self, tag: int, values: tuple[Value, ...]) -> bool | None:
        """Take an element at the top of the data set; one that is no whole element has no values."""
        if tag in self.missing:
            fits = self._foreseen[tag] if tag in self._foreseen else self._conditions[tag](values)
            if not fits:
                return False
            self.missing.discard(tag)
        return None if self.missing else True

    def end(self) -> bool:
        """Say that no more comes of what is asked for."""
        return all(self._conditions[tag](()) for tag in self.missing)


class _OneOf:
    """Whether one of the values of an element is one of those that are wanted."""

    def __init__(self, wanted: Any) -> None:
        several = wanted if isinstance(wanted, Collection) and not isinstance(wanted, str | bytes) else [wanted]
        self._wanted = list(several)

    def __call__(self, values: tuple[Value, ...]) -> bool:
        return any(_is_same(value, wanted) for value in values or (None,) for wanted in self._wanted)


def _is_same(value: Any, wanted: Any) -> bool:
    if isinstance(value, tuple):  # a person name
        value = "=".join(value).rstrip("=")
    if isinstance(value, str) and isinstance(wanted, int | float):
        return _is_number(value, wanted)
    return bool(value == wanted)


def _is_number(text: str, wanted: float) -> bool:
    from decimal import Decimal, InvalidOperation  # which takes a tenth of this package's time to import

    try:
        return Decimal(text.strip()) == wanted
    except InvalidOperation:
        return False
