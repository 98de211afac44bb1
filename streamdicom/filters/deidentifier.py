"""De-identify data sets (PS3.15 Annex E)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache

from streamdicom._cache import MAX_KNOWN_TAGS
from streamdicom._typing import Any
from streamdicom.deidentification import (
    Deidentification,
    KeyedValues,
    dummy_items,
    dummy_value,
    known_words,
    profile_of,
    shifted,
    uid_text,
)
from streamdicom.deidentification import DeidentificationOption as Option
from streamdicom.dicom import (
    SOP_CLASS_UID,
    VRS,
    Form,
    PrivateBlocks,
    creator_of,
    dictionary_vrs,
    is_group_length,
    is_private_creator,
    may_have_vr,
)
from streamdicom.errors import Location, OutputError
from streamdicom.events import (
    CLOSING,
    ELEMENT,
    END_DATASET,
    END_ITEM,
    END_SEQUENCE,
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
from streamdicom.filters.content_item import (
    CODE_VALUES,
    CODING_SCHEME,
    CONCEPT_NAME,
    CONTENT_SEQUENCES,
    CONTENT_UID,
    CONTENT_VALUES,
    TEXT_VALUE,
    VALUE_TYPE,
    ContentItem,
)
from streamdicom.filters.lookahead import Lookahead
from streamdicom.filters.method_marks import (
    DEIDENTIFICATION_METHOD,
    DEIDENTIFICATION_METHOD_CODES,
    MARKS,
    MethodMarks,
    item_events,
)
from streamdicom.filters.sort import ElementSorter

_PATIENT_ID = 0x00100020
_BURNED_IN_ANNOTATION = 0x00280301
_RECOGNIZABLE_FEATURES = 0x00280302
_DOCUMENT_LENGTH = 0x00420015
_REFERENCES = frozenset({0x00081111})  # sequences of references only: their dummies are the items with other UIDs

_DATES = frozenset({"DA", "TM", "DT"})
_EMPTY = (None, "")
_TEXT = frozenset({"LO", "SH", "ST", "LT", "UT", "UC", "CS"})
_DESCRIPTIVE = frozenset({"LO", "ST", "LT", "UT", "UC"})
_NUMBERS = frozenset({"DS", "IS"})
_MAY_SWALLOW = _TEXT | _DATES | {"AE", "AS", "UN", "UR"}  # other elements, after a wrong length
_NUMBER = re.compile(r"[0-9+\-.eE ]*")

_Events = Iterable[Event]
_Change = Callable[[Any], Any]


def deidentify(events: Iterable[Event], deidentification: Deidentification) -> Iterator[Event]:
    """Yield the events of de-identified data sets.

    ``ReadOptions.deidentification`` and ``WriteOptions.deidentification`` do the same.

    Elements are sorted, as ``sort_elements`` does. Of each data set the start is held until its SOP class is known, or
    its Patient ID if dates are shifted. Nothing else is held. References to bulk data and elements in JSON text are
    removed, because their content is hidden.

    Args:
        events: Any stream of DICOM events.
        deidentification: The key and the options. Its report counts elements.

    Raises:
        OutputError: Dates must be shifted, and the elements of a long data set are not in order.

    >>> from streamdicom import iter_events
    >>> events = iter_events(b'{"00080080": {"vr": "LO"}, "00100020": {"vr": "LO", "Value": ["17"]}}')
    >>> key = b"a secret of 16 bytes or more"
    >>> [value for kind, *_, value in deidentify(events, Deidentification(key)) if kind == ELEMENT][:3]
    [(), ('P14537518BCA4DB1',), ('YES',)]
    """
    return Deidentifier(deidentification).run(events)


class _Level:
    """The data set or an item.

    Attributes:
        blocks: Its private blocks.
        content: The content item, if it is one.
        concept: The content item whose concept this item is.
        cleans_text: True if all descriptive text is cleaned.
    """

    __slots__ = ("blocks", "cleans_text", "concept", "content")

    def __init__(
        self, content: ContentItem | None = None, concept: ContentItem | None = None, cleans_text: bool = False
    ) -> None:
        self.blocks = PrivateBlocks()
        self.content = content
        self.concept = concept
        self.cleans_text = cleans_text


class _Sequence:
    """An open sequence.

    Attributes:
        tag: Its tag.
        count: Items passed on so far.
        has_content: True if its items are content items to clean.
        concept: The content item whose concept it names.
        cleans_text: True if all descriptive text in it is cleaned.
    """

    __slots__ = ("cleans_text", "concept", "count", "has_content", "tag")

    def __init__(self, tag: int, has_content: bool, concept: ContentItem | None, cleans_text: bool) -> None:
        self.tag = tag
        self.count = 0
        self.has_content = has_content
        self.concept = concept
        self.cleans_text = cleans_text


class Deidentifier:
    """The stage of ``deidentify``, for events in batches.

    Args:
        deidentification: The key and the options.
    """

    def __init__(self, deidentification: Deidentification) -> None:
        self._deidentification = deidentification
        self._report = deidentification.report
        self._profile = profile_of(tuple(deidentification.options), tuple(deidentification.safe_private))
        self._keyed = KeyedValues(deidentification.key)
        self._clean_text = deidentification.clean_text or known_words
        self._shifts = self._profile.has(Option.RETAIN_MODIFIED_DATES)
        self._cleans_content = self._profile.has(Option.CLEAN_STRUCTURED_CONTENT)
        self._sorter = ElementSorter()
        self._lookahead = Lookahead([SOP_CLASS_UID, _PATIENT_ID] if self._shifts else [SOP_CLASS_UID])
        self._start()

    def _start(self) -> None:
        self._marks = MethodMarks(self._deidentification)
        self._levels = [_Level()]
        self._sequences: list[_Sequence] = []
        self._depth = 0  # open events of an element that is passed on, changed or left out as a whole
        self._change: _Change | None = None  # of the values of that element; None to leave it out
        self._replacement: Callable[[str], _Events] | None = None  # of that element, by its VR
        self._skips_item = False  # until the end of the innermost item
        self._sop_class = self._patient_id = self._burned_in = self._features = ""

    def run(self, events: Iterable[Event]) -> Iterator[Event]:
        """Yield the de-identified events of the next events."""
        for event in self._lookahead.run(self._sorter.run(events)):
            changed = self._within(event) if self._depth else self._move(event)
            holder = self._holder() if self._cleans_content else None
            if holder is None:
                yield from changed
            else:
                holder.hold(changed)

    def _holder(self) -> ContentItem | None:
        """Return the innermost content item that is held, if any."""
        items = (level.content for level in reversed(self._levels))
        return next((item for item in items if item is not None and item.is_held), None)

    # --- structure ---------------------------------------------------------------------------------------------

    def _move(self, event: Event) -> _Events:
        kind, tag, _, _ = event
        if kind == END_ITEM:
            return self._end_item(event)
        if self._skips_item:
            self._depth = int(kind in OPENING)
            self._change = self._replacement = None
            return ()
        if kind == START_ITEM:
            return self._start_item(event)
        if kind == END_SEQUENCE:
            return self._end_sequence(event)
        if kind == START_DATASET:
            self._start()
            self._sop_class, self._patient_id = [self._found(tag) for tag in (SOP_CLASS_UID, _PATIENT_ID)]
            return (event,)
        if kind == END_DATASET:
            self._report.count_dataset(self._burned_in, self._features)
            return (*self._marks.before(1 << 32), event)
        if self._sequences:
            return self._element(event)
        before = tuple(self._marks.before(tag))
        return (*before, *(self._mark(event) if tag in MARKS else self._element(event)))

    def _found(self, tag: int) -> str:
        values = self._lookahead.values.get(tag)
        return uid_text(values[0]).strip("\0 ") if values and values[0] is not None else ""

    def _mark(self, event: Event) -> _Events:
        """Merge an element that says how the data set was de-identified before."""
        kind, tag, _, value = event
        if not self._marks.has(tag):  # a duplicate, or out of order
            self._leave_out(kind)
        elif tag == DEIDENTIFICATION_METHOD and kind == ELEMENT:
            self._marks.add_methods(value)
        elif tag == DEIDENTIFICATION_METHOD_CODES and kind == START_SEQUENCE:
            self._sequences.append(_Sequence(tag, False, None, False))
            return (event,)
        else:
            self._leave_out(kind)
        return ()

    def _start_item(self, event: Event) -> _Events:
        _, tag, vr, _ = event
        sequence = self._sequences[-1]
        content = ContentItem() if sequence.has_content else None
        self._levels.append(_Level(content, sequence.concept, sequence.cleans_text))
        sequence.count += 1
        return ((START_ITEM, tag, vr, sequence.count - 1),)

    def _end_item(self, event: Event) -> _Events:
        content = self._levels.pop().content
        if self._skips_item or (content is not None and content.is_too_long):
            self._skips_item = False
            self._sequences[-1].count -= 1
            return ()
        return (*content.take(), event) if content is not None else (event,)

    def _end_sequence(self, event: Event) -> _Events:
        sequence = self._sequences.pop()
        if not self._sequences and sequence.tag == DEIDENTIFICATION_METHOD_CODES:
            codes = enumerate(self._marks.take_codes(), sequence.count)
            return (*(one for number, code in codes for one in item_events(sequence.tag, number, code)), event)
        if sequence.concept is not None and sequence.tag == CONCEPT_NAME:
            return self._end_concept(sequence.concept, event)
        return (event,)

    def _end_concept(self, content: ContentItem, event: Event) -> _Events:
        """Decide about a content item whose concept is known."""
        content.action = self._profile.content_action(content.scheme, content.code, content.value_type)
        held = content.take()
        if content.action == "X" or content.is_too_long:
            self._report.count("X", self._sequences[-1].tag)
            self._skips_item = True
            return ()
        return (*held, event)

    # --- elements ----------------------------------------------------------------------------------------------

    def _element(self, event: Event) -> _Events:
        kind, tag, vr, value = event
        if tag & 0x10000:
            return self._private(event)
        action = self._profile.action(tag, self._sop_class, is_nested=bool(self._sequences))
        level = self._levels[-1]
        if level.content is not None:
            action = self._content_action(level.content, event, action)
        elif level.concept is not None:
            _learn_concept(level.concept, event)
        if level.cleans_text and action == "K" and vr in _DESCRIPTIVE and tag not in CODE_VALUES:
            action = "C"
        if not self._sequences and kind == ELEMENT:
            self._learn(tag, value)
        if vr == "PN" and action == "K" and not self._profile.is_in_table(tag):
            action = "Z"
        if tag == _DOCUMENT_LENGTH and kind in (ELEMENT, START_ELEMENT):
            self._leave_out(kind)
            return ((ELEMENT, tag, "UL", (len(dummy_value("OB")),)),)  # of the dummy
        if vr in _NUMBERS and kind == ELEMENT and not all(map(_is_number, value)):  # other text, which may say anything
            return self._apply(self._basic_action(tag), event)
        if action == "K" and vr in _MAY_SWALLOW and not _fits(event):
            return self._apply(self._basic_action(tag), event)
        if action == "K" and not self._profile.is_in_table(tag) and _is_seen(event):
            return self._open(event) if kind == START_SEQUENCE else self._pass(event)
        return self._apply(action, event)

    def _content_action(self, content: ContentItem, event: Event, action: str) -> str:
        kind, tag, _, value = event
        if tag == VALUE_TYPE and kind == ELEMENT and value and isinstance(value[0], str):
            content.value_type = value[0].strip()
        if tag not in CONTENT_VALUES:
            return action
        if content.action in ("K", "C"):
            return content.action
        if content.action == "D":
            return "U" if tag == CONTENT_UID else "D"
        return "C" if tag == TEXT_VALUE else action

    def _learn(self, tag: int, values: tuple[Any, ...]) -> None:
        """Remember values for the report; check that its patient is known."""
        if tag == _BURNED_IN_ANNOTATION:
            self._burned_in = str(values[0]).strip() if values else ""
        elif tag == _RECOGNIZABLE_FEATURES:
            self._features = str(values[0]).strip() if values else ""
        elif tag == _PATIENT_ID and self._shifts and values and uid_text(values[0]).strip("\0 ") != self._patient_id:
            message = "expected elements in order, so that dates can be shifted; found Patient ID after other elements"
            raise OutputError(message, Location(tag_path="00100020"))

    def _private(self, event: Event) -> _Events:
        kind, tag, vr, value = event
        blocks = self._levels[-1].blocks
        if is_private_creator(tag):
            values = value if kind == ELEMENT else ()
            blocks.reserve(tag, values)
            return self._apply("K" if self._profile.keeps_creator(creator_of(values)) else "X", event)
        action = self._profile.safe_private(blocks.creator(tag), tag)
        if action == "SQ" or (action == "own" and kind == START_SEQUENCE):
            action = "K" if kind == START_SEQUENCE else "X"
        elif kind == START_SEQUENCE:
            action = "X"
        elif action != "X":
            action = {"UI": "K" if self._profile.has(Option.RETAIN_UIDS) else "U", "PN": "Z"}.get(vr, "K")
        return self._apply(action, event)

    def _apply(self, action: str, event: Event) -> _Events:
        kind, tag, vr, value = event
        is_seen = _is_seen(event)
        if kind == START_SEQUENCE and is_seen:
            return self._sequence(action, event)
        if action in "KUC" and not is_seen:
            action = self._basic_action(tag)  # which never keeps
        if action == "X" or (action == "K" and is_seen):
            if not is_group_length(tag):
                self._report.count(action, tag)
            return self._pass(event) if action == "K" else self._leave_out(kind)
        vr = _vr_of(tag, vr)
        if action == "U" or (action == "D" and vr == "UI" and kind == ELEMENT):
            return self._changed(action, event, vr, self._new_uid)
        if action == "C":
            change = self._cleaner(vr)
            if change is None or (kind == START_ELEMENT and vr not in _DATES):
                return self._apply(self._basic_action(tag), event)
            return self._changed(action, event, vr, change)
        if tag == _PATIENT_ID and kind == ELEMENT and value and value[0]:
            self._report.count("D", tag)
            return ((ELEMENT, tag, vr, (self._keyed.patient_id(uid_text(value[0])),)),)
        return self._replaced(action, event, vr)

    def _basic_action(self, tag: int) -> str:
        if tag & 0x10000:
            return "X"
        action = self._profile.action(tag, self._sop_class, is_nested=bool(self._sequences), is_basic=True)
        return action if action in "XZD" else "X"

    def _pass(self, event: Event) -> _Events:
        if event[0] in OPENING:
            self._depth = 1
            self._change = _unchanged
            self._replacement = None
        return (event,)

    def _leave_out(self, kind: int) -> _Events:
        if kind in OPENING:
            self._depth = 1
            self._change = self._replacement = None
        return ()

    def _changed(self, action: str, event: Event, vr: str, change: _Change) -> _Events:
        """Return an element with changed values; without any, the basic profile decides."""
        kind, tag, _, value = event
        if kind != ELEMENT:
            self._report.count(action, tag)
            self._pass(event)
            self._change = change
            return ((START_ELEMENT, tag, vr, None),)
        if not value or (all(one in _EMPTY for one in value) and (action == "U" or vr in _DATES)):
            return ((ELEMENT, tag, vr, value),)
        if action == "U":
            value = [one for text in value if isinstance(text, bytes) for one in uid_text(text).split("\\")] or value
        values = tuple([None if one in _EMPTY else change(one) for one in value])
        if not any(values):
            return self._replaced("Z" if action == "U" else self._basic_action(tag), event, vr)
        self._report.count(action, tag)
        return ((ELEMENT, tag, vr, values),)

    def _replaced(self, action: str, event: Event, vr: str) -> _Events:
        """Return an element without its values, with a dummy, or not at all."""
        kind, tag, old_vr, value = event
        self._report.count(action, tag)
        if action == "X":
            return ()

        def replacement(vr: str) -> _Events:
            if vr == "SQ":
                return _dummy_sequence(tag, action)
            is_empty = action == "Z" or (kind == ELEMENT and not value)
            return ((ELEMENT, tag, vr, () if is_empty else (dummy_value(vr),)),)

        self._leave_out(kind)
        if kind == START_ELEMENT and not old_vr:
            self._replacement = replacement
            return ()
        return replacement(vr)

    def _sequence(self, action: str, event: Event) -> _Events:
        tag = event[1]
        if action == "D" and tag in _REFERENCES:
            action = "U"
        if action != "K" or tag & 0x10000 or self._profile.is_in_table(tag):
            self._report.count(action, tag)
        if action in "KUC":
            return self._open(event, cleans_text=action == "C" and tag not in CONTENT_SEQUENCES)
        self._leave_out(START_SEQUENCE)
        return () if action == "X" else _dummy_sequence(tag, action)

    def _open(self, event: Event, *, cleans_text: bool = False) -> _Events:
        tag = event[1]
        level = self._levels[-1]
        has_content = self._cleans_content and tag in CONTENT_SEQUENCES
        concept = level.content if tag == CONCEPT_NAME else None
        self._sequences.append(_Sequence(tag, has_content, concept, cleans_text or level.cleans_text))
        return (event,)

    def _within(self, event: Event) -> _Events:
        """Handle an event within an element that is treated as a whole."""
        kind, tag, vr, value = event
        self._depth += (kind in OPENING) - (kind in CLOSING)
        if not self._depth and self._replacement is not None:
            return self._replacement(_vr_of(tag, vr))
        if self._change is None:
            return ()
        if self._change is _unchanged:
            return (event,)
        if kind == VALUES:
            return ((kind, tag, vr, tuple([one and self._change(one) for one in value])),)
        if kind in (SEGMENT, LAST_SEGMENT):  # too long for a UID or a date
            return () if kind == SEGMENT else ((VALUES, tag, vr, (None,)),)
        return (event,)

    # --- values ------------------------------------------------------------------------------------------------

    def _new_uid(self, value: Any) -> str:
        return self._keyed.uid(uid_text(value))

    def _cleaner(self, vr: str) -> _Change | None:
        """Return the function that cleans values of a VR, if they can be cleaned."""
        if vr in _DATES and self._shifts:
            days = self._keyed.days(self._patient_id)
            return lambda value: shifted(vr, value, days) if isinstance(value, str) else None
        if vr in _TEXT:
            return lambda value: self._clean_text(value) if isinstance(value, str) else None
        return None


@lru_cache(maxsize=MAX_KNOWN_TAGS)
def _known_vrs(tag: int) -> tuple[str, ...]:
    return tuple(dictionary_vrs(tag))


def _unchanged(value: Any) -> Any:
    return value


def _is_number(value: Any) -> bool:
    return not isinstance(value, str) or _NUMBER.fullmatch(value) is not None


def _is_text(kind: int, value: Any) -> bool:
    return kind == ELEMENT and bool(value) and isinstance(value[0], str)


def _vr_of(tag: int, vr: str) -> str:
    """Return the VR for a changed element; the dictionary decides for UN and SQ."""
    known = _known_vrs(tag)
    if known == ("SQ",) or ((vr not in VRS or vr in ("UN", "SQ")) and known):
        return known[0]
    return vr if vr in VRS else "UN"


def _is_seen(event: Event) -> bool:
    """Return whether a converter sees all that an element has.

    Unseen are a reference, JSON text, items in the bytes of UN, and items where the data dictionary has none.
    """
    kind, tag, _, value = event
    known = _known_vrs(tag)
    if kind == START_SEQUENCE:
        return "SQ" in known or not known
    if "SQ" in known:
        return kind == ELEMENT and not value
    return kind == ELEMENT or kind in OPENING


def _fits(event: Event) -> bool:
    """Return whether text has no NULL, and bytes as UN fit the known attribute."""
    kind, tag, vr, value = event
    if vr != "UN":
        return kind != ELEMENT or "\0" not in "".join(map(str, filter(None, value)))
    known = _known_vrs(tag)
    if kind == ELEMENT and value and "SQ" not in known:
        return not known or any(may_have_vr(tag, vr, value[0]) for vr in known)
    return kind != START_ELEMENT or any(VRS[vr].form is Form.BINARY for vr in known)


def _dummy_sequence(tag: int, action: str) -> _Events:
    """Return a sequence without items, or with a dummy."""
    items = enumerate(dummy_items(tag) if action == "D" else ())
    events = [event for number, item in items for event in item_events(tag, number, item)]
    return (START_SEQUENCE, tag, "SQ", None), *events, (END_SEQUENCE, tag, "SQ", None)


def _learn_concept(content: ContentItem, event: Event) -> None:
    kind, tag, _, value = event
    if _is_text(kind, value):
        if tag in CODE_VALUES:
            content.code = value[0].strip()
        elif tag == CODING_SCHEME:
            content.scheme = value[0].strip()
