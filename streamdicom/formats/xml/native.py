"""The compiled engine within the parser: it reads canonical markup.

The engine is called between two documents, two attributes or two items. It appends the events of as much text as is
canonical, and returns the place that it has reached, with the sequences that are open there. At anything else, expat
goes on from there: a new parser first reads the start tags of the open elements. After a few attributes the engine is
called again.

``xml_skim`` foretells the end of these attributes by their tags only. The engine is called again only where the
automaton itself stands between two attributes, so a wrong answer costs time and nothing else.
"""

from __future__ import annotations

from abc import abstractmethod

from streamdicom import _native
from streamdicom._typing import Any
from streamdicom.dicom import keyword
from streamdicom.formats.pixel_representation import learn_pixel_representation
from streamdicom.formats.places import KeepsPlaces
from streamdicom.formats.seen_tags import SeenTags
from streamdicom.formats.xml.documents import Documents
from streamdicom.formats.xml.name_parser import NameParser
from streamdicom.formats.xml.private_blocks import BlocksState, PrivateBlocks
from streamdicom.formats.xml.states import IN_ATTRIBUTE, ParserState
from streamdicom.options import ReadOptions

NAMESPACE = "http://dicom.nema.org/PS3.19/models/NativeDICOM"
"""The namespace of the Native DICOM Model (PS3.19 A.1.5)."""

_MAX_SHORT_TAIL = 1024  # bytes of an incomplete attribute that wait for the rest of it, however few bytes arrive
_MAX_TAIL_FACTOR = 4  # of the bytes that arrived last
_SHORT_RUN = 2048  # bytes of canonical text that do not pay for another call of the engine
_MAX_ODD = 512  # attributes that the automaton reads at once

_PLACES = [int(ParserState.DOCUMENT), int(ParserState.DATASET), int(ParserState.ITEMS)]  # of the engine, in its order
_PLACE_OF = {state: place for place, state in enumerate(_PLACES)}
_DOCUMENT, _ITEMS = int(ParserState.DOCUMENT), int(ParserState.ITEMS)


_MAX_CREATORS = 64  # that are passed to the engine in each call; most data sets have fewer
_UNKNOWN: BlocksState = (-2, [])  # for the engine: private elements are odd


class OpenSequence:
    """A sequence that is open, and the data set or item around it."""

    __slots__ = ("blocks", "items", "seen", "tag")

    def __init__(self, tag: int, items: int, seen: SeenTags, blocks: PrivateBlocks) -> None:
        self.tag = tag
        self.items = items  # begun so far
        self.seen = seen
        self.blocks = blocks


class NativeParser(NameParser, KeepsPlaces):
    """The part of ``XmlParser`` that calls the engine.

    Args:
        options: See ``AttributeParser``.
        offset: See ``AttributeParser``.
    """

    def __init__(self, options: ReadOptions, offset: int) -> None:
        super().__init__(options, offset)
        limits = options.limits
        self._documents = Documents(limits, self._start, self._end, self._texts.append, self._pause, offset)
        self._max_sequences = (limits.depth - 4) // 3  # see ``Limits.depth``
        self._index: int | None = None
        self._sequences: list[OpenSequence] = []
        self._seen = SeenTags()  # in the innermost data set or item
        self._blocks = PrivateBlocks()
        self._native: Any = _native.functions
        self._native_limits = self._limits_of_engine() if self._native else None
        self._tail = b""  # the start of an attribute, which waits for the rest
        self._odd_count = 1  # attributes that the automaton reads before the engine is called again

    @abstractmethod
    def _start(self, name: str, attributes: list[str]) -> None: ...

    @abstractmethod
    def _end(self, name: str) -> None: ...

    def _limits_of_engine(self) -> Any:
        return self._native.XmlLimits(
            sequences=max(0, self._max_sequences),
            segment_size=self._max_text,
            number_length=self._max_number,
            values_per_event=self._max_values,
            keyword=keyword,
        )

    def _levels(self) -> list[SeenTags]:
        """Return the tags of the open data set and its open items, outermost first."""
        return [*(sequence.seen for sequence in self._sequences), self._seen]

    def _pixel_representation(self) -> int:
        levels = self._levels()
        learn_pixel_representation(levels, self._events, self._tag)
        found = [level.pixel_representation for level in levels if level.pixel_representation is not None]
        return found[-1] if found else 0

    def _open_tag(self) -> int | None:
        """Return the tag of the open attribute."""
        state = self._state_after if self._state == ParserState.SKIPPED else self._state
        return self._tag if state in IN_ATTRIBUTE else None

    def _read_bytes(self, data: bytes) -> None:
        """Read the next bytes of the stream, all with expat if there is no engine."""
        if self._native is None:
            self._documents.feed(data)
            return
        fed = len(data)
        if self._tail or not isinstance(data, bytes):
            data = self._tail + data
            self._tail = b""
        position = 0
        while position < len(data):
            place = _PLACE_OF.get(self._state)
            if place is not None and not self._texts and self._documents.is_between_tags:
                start = position
                position, is_odd = self._run_natively(data, position, place)
                rest = len(data) - position
                if not rest:
                    break
                if not is_odd and rest <= max(_MAX_SHORT_TAIL, min(fed * _MAX_TAIL_FACTOR, self._max_text)):
                    self._tail = data[position:]
                    break
                self._odd_count = 1 if position - start > _SHORT_RUN else min(2 * self._odd_count, _MAX_ODD)
            end = self._native.xml_skim(data, position, 1 if place is None else 0, self._odd_count)
            self._feed_documents(data[position:end])
            position = end

    def _read_tail(self) -> None:
        """Read the rest at the end of the stream."""
        tail, self._tail = self._tail, b""
        if tail or self._state != _DOCUMENT:
            self._feed_documents(tail)

    def _feed_documents(self, data: bytes) -> None:
        if self._state != _DOCUMENT and self._documents.expat is None:
            inner = "<DicomAttribute>" if self._state == _ITEMS else ""
            others = "<DicomAttribute><Item>" * len(self._sequences) + inner
            self._documents.reopen("NativeDicomModel", NAMESPACE, others)
        self._documents.feed(data)

    def _run_natively(self, data: bytes, position: int, place: int) -> tuple[int, bool]:
        """Read canonical text.

        Returns:
            The position after it, and True if the text there is not canonical.
        """
        documents, places, events = self._documents, self._places, self._events
        made = len(events)
        sequences = [(sequence.tag, sequence.items) for sequence in self._sequences]
        levels, blocks = self._levels(), [*(sequence.blocks for sequence in self._sequences), self._blocks]
        if self._state == _ITEMS:
            sequences.append((self._tag, self._count))
        elif self._state == _DOCUMENT:
            levels, blocks = [], []
        before = -1 if self._index is None else self._index
        end, is_odd, place, index, sequences, kept, open_levels, positions = self._native.xml_run(
            data,
            position,
            self._native_limits,
            place,
            documents.is_utf8,
            before,
            sequences,
            [(level.last, state) for level, state in zip(levels, _states(blocks), strict=True)],
            events,
            places is not None,
            self._rules,
        )
        if end == position:
            return position, is_odd
        if places is not None:
            places.mark_run(made, documents.bytes_fed - position, memoryview(positions).cast("Q"))
        has_ended = not kept and (bool(levels) or index - before > bool(open_levels))
        documents.pass_over(end - position, in_document=bool(open_levels), is_new=index > before, has_ended=has_ended)
        self._index = None if index < 0 else index
        self._state = _PLACES[place]
        if open_levels:
            self._open(sequences, levels[:kept], blocks[:kept], open_levels)
        else:
            self._sequences.clear()
        return end, is_odd

    def _open(
        self,
        sequences: list[tuple[int, int]],
        levels: list[SeenTags],
        blocks: list[PrivateBlocks],
        found: list[tuple[int, list[int], BlocksState]],
    ) -> None:
        """Restore the open elements after a run of the engine.

        Args:
            sequences: The tag and the items of each open sequence.
            levels: The tags of the data set and the items that were open before and still are.
            blocks: The private blocks of these.
            found: The last tag, the new tags and the private blocks of each data set or item that is open.
        """
        levels += [SeenTags() for _ in found[len(levels) :]]
        blocks += [PrivateBlocks() for _ in found[len(blocks) :]]
        for level, block, (last, tags, state) in zip(levels, blocks, found, strict=True):
            level.see_all(tags, last)
            if state != _UNKNOWN:
                block.state = state
        if self._state == _ITEMS:
            self._tag, self._count = sequences.pop()
            self._vr = "SQ"
        self._sequences[:] = [
            OpenSequence(tag, items, level, block)
            for (tag, items), level, block in zip(sequences, levels, blocks, strict=False)
        ]
        self._seen, self._blocks = levels[-1], blocks[-1]


def _states(blocks: list[PrivateBlocks]) -> list[BlocksState]:
    """Return the states of private blocks for the engine, unknown beyond a number."""
    states, count = [], 0
    for block in reversed(blocks):
        count += len(block)
        states.append(block.state if count <= _MAX_CREATORS else _UNKNOWN)
    return states[::-1]
