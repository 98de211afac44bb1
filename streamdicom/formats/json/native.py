"""The compiled engine within the parser: it reads canonical text, Python the rest.

The engine is called where an attribute, an item or a data set may begin or end. It appends the events of as much text
as is canonical, and returns the place that it has reached and what is open there. The automaton goes on from there with
a few attributes, and the engine is called again.

``json_skim`` foretells the end of these attributes by brackets and quotation marks only. The engine is called again
only where the automaton itself stands between two attributes, so a wrong answer costs time and nothing else.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator

from streamdicom import _native
from streamdicom._push import PIECE_SIZE
from streamdicom._typing import Any, TypeAlias
from streamdicom.errors import Location
from streamdicom.events import Event
from streamdicom.formats.deviation_policy import FILE_META_IN_ITEM
from streamdicom.formats.encoded import SelfEncoding
from streamdicom.formats.json.contents import ContentParser
from streamdicom.formats.json.deviation_policy import JsonDeviationPolicy
from streamdicom.formats.json.habits import FILE_META, GROUP_LENGTH, HABITS, CodeAndMessage
from streamdicom.formats.json.key_filter import KeyFilter
from streamdicom.formats.json.places import JsonPlaces
from streamdicom.formats.json.states import Content, ParserState
from streamdicom.formats.pixel_representation import learn_pixel_representation
from streamdicom.formats.places import KeepsPlaces
from streamdicom.formats.raws import MakesRaws
from streamdicom.formats.seen_tags import SeenTags
from streamdicom.jsontext import Expect, JsonTokenizer, Origin, Stretch
from streamdicom.limits import Limits
from streamdicom.options import ReadOptions

_MIN_DEPTH = 16  # below it, most documents are at fault
_MAX_SHORT_TAIL = 1024  # bytes of an incomplete attribute that wait for the rest of it, however few bytes arrive
_MAX_TAIL_FACTOR = 4  # of the bytes that arrived last
_SHORT_RUN = 1536  # bytes of canonical text that do not pay for another call of the engine
_MAX_ODD = 512  # attributes that the automaton reads at once

# The places of the engine, in its order: the state of the parser, and the token expected next.
_PLACES: list[tuple[int, Expect]] = [
    (int(ParserState.ROOT), Expect.VALUE),
    (int(ParserState.ARRAY), Expect.FIRST_VALUE),
    (int(ParserState.ARRAY), Expect.AFTER),
    (int(ParserState.ARRAY), Expect.VALUE),
    (int(ParserState.DATASET), Expect.FIRST_NAME),
    (int(ParserState.DATASET), Expect.AFTER),
    (int(ParserState.DATASET), Expect.NAME),
    (int(ParserState.VALUES), Expect.AFTER),
    (int(ParserState.BINARY_PARTS), Expect.VALUE),
    (int(ParserState.ATTRIBUTE), Expect.AFTER),
    (int(ParserState.SKIP), Expect.FIRST_NAME),
    (int(ParserState.SKIP), Expect.NAME),
    (int(ParserState.SKIP), Expect.FIRST_VALUE),
    (int(ParserState.SKIP), Expect.VALUE),
    (int(ParserState.SKIP), Expect.AFTER),
]
_PLACE_OF = {place: number for number, place in enumerate(_PLACES)}
_IN_SKIPPED_TEXT = len(_PLACES)  # at the start of a segment of a string
_INCOMPLETE, _PAUSED = 0, 2  # why the engine stopped
_OUTSIDE = (int(ParserState.ROOT), int(ParserState.ARRAY))
_VALUES, _DATASET, _SKIP = int(ParserState.VALUES), int(ParserState.DATASET), int(ParserState.SKIP)
_ATTRIBUTE, _BINARY_PARTS = int(ParserState.ATTRIBUTE), int(ParserState.BINARY_PARTS)
_IN_BINARY = (_BINARY_PARTS, _ATTRIBUTE)
_ITEMS = int(Content.ITEMS)
_IN_ITEMS = dict.fromkeys((FILE_META, GROUP_LENGTH), FILE_META_IN_ITEM)  # of group 0002

Frame: TypeAlias = tuple[int, str, str, int, int, SeenTags]
"""ParserState of an enclosing sequence, restored when the current item ends.

It is the tag, the VR, a VR that is not one, the number of items so far, the state after a value, and the tags seen."""


_Mark: TypeAlias = tuple[int, str | None, int, int, str]
"""A departure: its number, the VR, its position, the index of the data set, and the tag path."""


class NativeParser(ContentParser, KeepsPlaces, MakesRaws, SelfEncoding):
    """The part of the parser that calls the engine."""

    def __init__(
        self, policy: JsonDeviationPolicy, options: ReadOptions, skip: KeyFilter | None, origin: Origin | None
    ) -> None:
        limits = options.limits
        super().__init__(policy, limits)
        self._filter = skip
        if skip is not None:
            skip.is_used = True
        self._form: Any = None
        self._places: JsonPlaces | None = None
        self._json = JsonTokenizer(limits, multiple=True, lenient=not policy.is_json_strict, origin=origin)
        self._frames: list[Frame] = []
        self._seen_tags = SeenTags()  # of the current data set or item
        self._native: Any = _native.functions if limits.depth >= _MIN_DEPTH else None
        self._native_filter = skip.for_engine(self._native.JsonFilter) if skip and self._native else None
        self._native_limits = self._limits_of(limits) if self._native else None
        self._tail = b""  # the start of an attribute, which waits for the rest
        self._odd_count = 1  # attributes that the automaton reads before the engine is called again

    def encode_in(self, form: Any) -> None:
        """Append ``Encoded`` events in the form of a writer; call it before ``feed``."""
        self._form = form

    @abstractmethod
    def _read(self, stretches: Iterator[Stretch], events: list[Event]) -> None: ...

    @abstractmethod
    def _levels(self) -> list[SeenTags]: ...

    @abstractmethod
    def _check_condition(self, tag: int, events: list[Event]) -> None: ...

    def _limits_of(self, limits: Limits) -> Any:
        is_eager = not (self._policy.accepts("wrapper") or self._policy.accepts("unknown-key"))
        return self._native.JsonLimits(
            depth=limits.depth,
            segment_size=limits.segment_size,
            number_length=limits.number_length,
            values_per_event=limits.values_per_event,
            is_eager=is_eager,
            accepted=sum(1 << bit for bit, habit in enumerate(HABITS) if self._accepts(habit(""))),
            keeps_marks=self._policy.needs_places,
        )

    def _accepts(self, habit: CodeAndMessage) -> bool:
        """Return True if a departure is accepted, whether it stands in an item or not."""
        return all(self._policy.accepts(code) for code, _ in (habit, _IN_ITEMS.get(habit, habit)))

    def _read_bytes(self, data: bytes, events: list[Event]) -> None:
        """Read the next bytes of the stream, as tokens if there is no engine."""
        if self._native is None:
            self._read_tokens(data, events)
            return
        fed = len(data)
        if self._tail or not isinstance(data, bytes):
            data = self._tail + data
            self._tail = b""
        position = 0
        while position < len(data):
            place = self._place()
            if place is not None:
                start = position
                position, stop = self._run_natively(data, position, place, events)
                rest = len(data) - position
                if not rest:
                    break
                if stop == _PAUSED:
                    continue
                if stop == _INCOMPLETE and rest <= max(
                    _MAX_SHORT_TAIL, min(fed * _MAX_TAIL_FACTOR, self._limits.segment_size)
                ):
                    self._tail = data[position:]
                    break
                self._odd_count = 1 if position - start > _SHORT_RUN else min(2 * self._odd_count, _MAX_ODD)
            end = self._native.json_skim(data, position, self._open_depth(), self._json.in_string, self._odd_count)
            self._read_tokens(data[position:end], events)
            position = end
        if self._state not in _OUTSIDE:
            learn_pixel_representation(self._levels(), events, self._attribute.tag)
        for level in self._levels():
            level.forget()

    def _read_tail(self, events: list[Event]) -> None:
        """Read the rest at the end of the stream."""
        tail, self._tail = self._tail, b""
        self._read_tokens(tail, events)

    def _read_tokens(self, data: bytes, events: list[Event]) -> None:
        for start in range(0, len(data), PIECE_SIZE):
            self._read(self._json.stretches(data[start : start + PIECE_SIZE]), events)

    def _place(self) -> int | None:
        """Return the number of the place for the engine, or None if it cannot read there."""
        expect = Expect.VALUE if self._json.is_at_segment else self._json.expects
        if expect is None:
            return None
        place, attribute = _PLACE_OF.get((self._state, expect)), self._attribute
        if place is None or not all(map(_is_canonical, self._frames)):
            return None
        if self._state == _SKIP:
            is_within = self._state_after_skip == _DATASET or self._state_after_skip in _OUTSIDE
            return (_IN_SKIPPED_TEXT if self._json.in_string else place) if is_within and self._depth else None
        if attribute.tag is None:
            return place
        if attribute.vr_text:
            return None
        if self._state == _VALUES:
            is_in_items = attribute.content == _ITEMS and attribute.vr in ("SQ", "") and not attribute.held
            return place if is_in_items and self._state_after_value == _VALUES else None
        return place if attribute.is_in_plain_binary and self._state_after_binary == _ATTRIBUTE else None

    def _open_depth(self) -> int:
        """Return how many objects and arrays of the current attribute are open."""
        outside = 1 + self._in_array + self._is_wrapped
        return max(0, self._json.depth - outside - 3 * len(self._frames)) if self._state not in _OUTSIDE else -1

    def _run_natively(self, data: bytes, position: int, place: int, events: list[Event]) -> tuple[int, int]:
        """Read canonical text.

        Returns:
            The position after it, and why the engine stopped.
        """
        attribute, places, made = self._attribute, self._places, len(events)
        sequences = [(tag, vr == "SQ", items) for tag, vr, _, items, _, _ in self._frames]
        if self._state == _VALUES:
            sequences.append((attribute.tag or 0, attribute.vr == "SQ", attribute.items))
        element = (attribute.tag or 0, attribute.vr) if self._state in _IN_BINARY else (0, "")
        is_outside = (self._state_after_skip if self._state == _SKIP else self._state) in _OUTSIDE
        levels = [] if is_outside else self._levels()
        skipped = self._json.containers[-self._depth :] if self._state == _SKIP else ""
        first = index = -1 if self._index is None else self._index
        end, stop, document, element, sequences, kept, seen, skipped, positions, habits, marks = self._native.json_run(
            data,
            position,
            self._native_limits,
            (place, self._has_document, self._in_array, self._is_wrapped, index),
            element,
            sequences,
            [(level.last, level.all_tags()) for level in levels],
            skipped,
            self._native_filter,
            events,
            places is not None,
            self._rules,
            self._form,
            self._raws,
        )
        if end == position:
            return position, stop
        if places is not None:
            places.mark_run(made, self._json.bytes_consumed - position, memoryview(positions).cast("Q"))
        if habits:
            self._report_habits(habits, marks, self._json.bytes_consumed - position)
        place, self._has_document, self._in_array, self._is_wrapped, index = document
        self._index = None if index < 0 else index
        self._state, expect = _PLACES[place] if place < _IN_SKIPPED_TEXT else (_SKIP, Expect.VALUE)
        self._open(sequences, levels[:kept], seen)
        if self._state in _IN_BINARY:
            attribute.resume_binary_parts(*element)
        elif self._state == _SKIP:
            self._skip(_DATASET if seen else ParserState.ARRAY if self._in_array else ParserState.ROOT, len(skipped))
        containers = self._containers(bool(seen), skipped if self._state == _SKIP else "")
        if self._state == _BINARY_PARTS or place == _IN_SKIPPED_TEXT:
            self._json.resume_in_string(end - position, containers)
        else:
            self._json.resume(end - position, containers, expect)
        if self._filter is not None:
            self._filter.resume(index - first, [tag for tag, *_ in self._frames])
            if stop == _PAUSED:
                self._check_condition(events[-1][1], events)
        return end, stop

    def _report_habits(self, habits: int, marks: list[_Mark], offset: int) -> None:
        """Report the departures that the engine took.

        Args:
            habits: A bit for each kind.
            marks: Each of them, if their places are wanted.
            offset: The byte offset of the data.
        """
        policy = self._policy
        policy.report_all(
            (Location(offset + position, index, path), _placed(HABITS[bit](vr or ""), path))
            for bit, vr, position, index, path in marks
        )
        if not policy.needs_places:
            for bit, habit in enumerate(HABITS):
                if habits >> bit & 1:
                    policy.report(*habit(""))

    def _open(
        self,
        sequences: list[tuple[int, bool, int]],
        levels: list[SeenTags],
        seen: list[tuple[int, list[int], list[int]]],
    ) -> None:
        """Restore the open elements after a run of the engine.

        Args:
            sequences: The open sequences.
            levels: The tags of the data set and the items that were open before and still are.
            seen: The highest tag of each data set or item that is open, its new tags that were higher than all before
                them, and its other new tags.
        """
        levels += [SeenTags() for _ in seen[len(levels) :]]
        for level, (last, tags, lower) in zip(levels, seen, strict=True):
            level.see_all(tags, last)
            for tag in lower:
                level.see(tag)
        attribute = self._attribute
        if attribute.tag is not None:
            self._reset_attribute()
        if self._state == _VALUES:
            attribute.tag, has_vr, attribute.items = sequences.pop()
            attribute.vr = "SQ" if has_vr else ""
            attribute.content = _ITEMS
        self._frames[:] = [
            (tag, "SQ" if has_vr else "", "", items, _VALUES, level)
            for (tag, has_vr, items), level in zip(sequences, levels, strict=False)
        ]
        if levels:
            self._seen_tags = levels[-1]

    def _containers(self, has_dataset: bool, skipped: str) -> str:
        """Return the brackets of all that is open."""
        outside = ("{" if self._is_wrapped else "") + ("[" if self._in_array else "")
        if not has_dataset:
            return outside + skipped
        inside = "{[" if self._state == _VALUES else "{" if self._state in _IN_BINARY else skipped
        return outside + "{" + "{[{" * len(self._frames) + inside


def _placed(habit: CodeAndMessage, path: str) -> CodeAndMessage:
    """Return the code and the message of a departure at a tag path."""
    items, _, tag = path.rpartition(".")
    return _IN_ITEMS.get(habit, habit) if items and tag.startswith("0002") else habit


def _is_canonical(frame: Frame) -> bool:
    _, vr, vr_text, _, state_after_value, _ = frame
    return vr in ("SQ", "") and not vr_text and state_after_value == _VALUES
