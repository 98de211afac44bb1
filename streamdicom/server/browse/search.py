"""Searches through all data sets, as streams that can be stopped.

A text is searched in the values of all elements, without regard to case. Most data sets of JSON are passed over without
being parsed, because their bytes do not have the text.
"""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import chain, islice
from typing import Any, NamedTuple

from streamdicom.dicom import join_name
from streamdicom.errors import InputError
from streamdicom.events import (
    BULK_DATA,
    ELEMENT,
    JSON_ELEMENT,
    LAST_SEGMENT,
    SEGMENT,
    VALUES,
    Event,
    by_dataset,
)
from streamdicom.filters import Pipeline
from streamdicom.formats.json import JsonParser, KeyFilter
from streamdicom.index import origin_of
from streamdicom.io import read_range
from streamdicom.jsontext import NEXT, Origin
from streamdicom.limits import Limits
from streamdicom.patterns import DatasetConditions, Pattern
from streamdicom.server.browse.datasets import events_of, reading_options, uid_of
from streamdicom.server.browse.library import MAX_SAME, Library, Located
from streamdicom.server.browse.rows import Columns

_MAX_DATASETS = 2048  # of a part
_MAX_SIZE = 1024 * 1024  # bytes of a part, unless one data set is longer
_MAX_WORD = 256  # characters of a text in segments that can be found across two of them
_PAUSE = 0.05  # seconds to wait for data sets that are not found yet
_ASCII_WHEN_LOWER = {0x130: 0xE000, 0x212A: 0xE001}
_ASCII_ESCAPE = re.compile(rb"\\(?:u00[2-7]|/)")
_ANY_ESCAPE = re.compile(rb"\\[u/]")
_NUMBER = re.compile(r"[+-]?[0-9]*\.?[0-9]*(?:e[+-]?[0-9]*)?|nan|-?inf(?:inity)?")


class Query:
    """Conditions on data sets.

    Args:
        where: The values of each keyword, as for ``--select``.
        words: Texts, each of which some value has.

    Raises:
        ValueError: A keyword is unknown.
    """

    def __init__(self, where: Mapping[Pattern, Any], words: Sequence[str]) -> None:
        self.where = where
        self.words = [_folded(word) for word in words if word]
        self.key = (tuple(sorted((str(name), tuple(values)) for name, values in where.items())), tuple(self.words))
        DatasetConditions(where, Limits())
        # The bytes that a JSON text must have. A number can have another text there than its value has.
        self._needles = [
            run.encode()
            for word in self.words
            if word.isprintable() and not _NUMBER.fullmatch(word) and not any(mark in word for mark in '"\\=')
            for run in _runs(word)
        ]
        # The escapes that can stand for these bytes. Writers often use others, such as escaped quotes.
        wide = any(not needle.isascii() for needle in self._needles)
        self._escapes = _ANY_ESCAPE if wide else _ASCII_ESCAPE

    def may_match(self, data: bytes) -> bool:
        """Return False if no data set in a part of a JSON text can have all words."""
        if not self._needles or (b"\\" in data and self._escapes.search(data)):
            return True
        lower = data.lower()
        return all(needle in lower for needle in self._needles)


class _Words(Iterator[Event]):
    """Passes the events of a data set on, and notes which words its values have.

    Args:
        words: The words.
        events: The events.

    Attributes:
        left: The words that no value so far has.
    """

    def __init__(self, words: Iterable[str], events: Iterator[Event]) -> None:
        self.left = set(words)
        self._events = events
        self._held = ""  # the end of a text in segments

    def __next__(self) -> Event:
        event = next(self._events)
        if self.left:
            for text in self._texts(event):
                folded = _folded(text)
                self.left = {word for word in self.left if word not in folded}
        return event

    def _texts(self, event: Event) -> Iterable[str]:
        kind, _, _, value = event
        if kind == ELEMENT or kind == VALUES:
            return map(_text, value)
        if kind == BULK_DATA or kind == JSON_ELEMENT:
            return (value,)
        if kind in (SEGMENT, LAST_SEGMENT) and isinstance(value, str):
            text = self._held + value
            self._held = text[-_MAX_WORD:] if kind == SEGMENT else ""
            return (text,)
        return ()


def _runs(word: str) -> list[str]:
    """Return the parts of a word whose bytes a text has in the same form.

    Other letters can be capital in the text.

    >>> _runs("müller"), _runs("山田 taro")
    (['m', 'ller'], ['山田 taro'])
    """
    stand_ins = map(chr, _ASCII_WHEN_LOWER.values())
    hidden = {*stand_ins, *(one for one in word if not one.isascii() and one.upper() != one)}
    shown = "".join("\0" if one in hidden else one for one in word)
    return [run for run in shown.split("\0") if run]


def _folded(text: str) -> str:
    """Return a text without case; ASCII stays ASCII, and the rest does not become it."""
    return text.lower() if text.isascii() else text.translate(_ASCII_WHEN_LOWER).lower()


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return join_name(value)
    return "" if value is None or isinstance(value, bytes) else str(value)


class Step(NamedTuple):
    """The result of a part.

    Attributes:
        numbers: The data sets that satisfy the conditions.
        cells: The texts of the columns of each of them.
        position: The number of data sets that were searched so far.
        faults: Those that could not be read.
    """

    numbers: list[int]
    cells: list[list[str]]
    position: int
    faults: int


class _Part(NamedTuple):
    """Consecutive data sets of one unit."""

    numbers: range
    located: Located
    end: int | None


def search(library: Library, query: Query, columns: Columns | None = None) -> Iterator[Step]:
    """Search all data sets, also those that are still being found.

    Args:
        library: The data sets.
        query: The conditions.
        columns: Elements whose text is wanted.

    Raises:
        SourceChangedError: A source has changed.
    """
    position = 0
    for part in _parts(library):
        if part is None:
            yield Step([], [], position, 0)
            continue
        position = part.numbers.stop
        found, faults = None, 0
        if part.located.unit.format == "json":
            with suppress(InputError):
                found = _search_json(library, part, query, columns)
        if found is None:
            found, faults = _search_each(library, part.numbers, query, columns)
        yield Step([number for number, _ in found], [cells for _, cells in found], position, faults)


def find_uid(library: Library, uid: str) -> Iterator[int]:
    """Yield the numbers of the first ``MAX_SAME`` data sets with a UID.

    Raises:
        SourceChangedError: A source has changed.
    """
    library.wait()  # it knows all UIDs sooner than a search finds one
    candidates = library.candidates(uid)
    if candidates is not None:
        yield from (number for number in candidates if uid_of(library, number) == uid)
        return
    steps = search(library, Query({"SOPInstanceUID": uid}, []))
    yield from islice((number for step in steps for number in step.numbers), MAX_SAME)


def _parts(library: Library) -> Iterator[_Part | None]:
    """Yield the data sets in parts, and None while there are no more yet."""
    number = 0
    while not library.is_closed:
        is_complete = library.progress.is_complete
        if number >= len(library):
            if is_complete:
                return
            time.sleep(_PAUSE)
            yield None
            continue
        located = library.locate(number)
        records = library.places(number, _MAX_DATASETS + 1)
        count = 0
        for unit, start in zip(records[::2], records[1::2], strict=True):
            if unit != located.unit_number or (count and start - located.start >= _MAX_SIZE) or count == _MAX_DATASETS:
                break
            count += 1
        end = records[2 * count + 1] if 2 * count < len(records) and records[2 * count] == located.unit_number else None
        if count > 1 and (end is None or end - located.start > _MAX_SIZE):  # the last one is searched on its own
            count -= 1
            end = records[2 * count + 1]
        yield _Part(range(number, number + count), located, end)
        number += count


def _search_json(
    library: Library, part: _Part, query: Query, columns: Columns | None
) -> list[tuple[int, list[str]]] | None:
    """Search a part of a JSON text at once; None if one of its data sets is long."""
    located = part.located
    base = part.numbers.start - located.number
    if part.end is None or part.end - located.start > _MAX_SIZE:
        return None
    with library.opened(located) as file:
        origin = origin_of(file, located.start)
        data = b"".join(read_range(file, located.start, part.end))
    if not query.may_match(data):
        return []
    if query.words:
        return _search_words(library, part, data, origin, query, columns)
    options = reading_options(library, where=query.where, include=_include(query, columns))
    conditions = DatasetConditions(options.where, options.limits)
    skip = KeyFilter.of(options, conditions)
    parser = JsonParser(options=options, skip=skip, origin=origin, first=located.number)
    pipeline = Pipeline.for_reading(options, None, conditions, skip.has_selected if skip else None)
    events = parser.feed(data)
    if parser.error:
        raise parser.error
    if parser.dataset_count != located.number + len(part.numbers):
        return None
    found = []
    for one in by_dataset(pipeline.iter(events)):
        matched = _match(one, query, columns)
        if matched is not None:
            found.append((matched[0] + base, matched[1]))
    return found


def _search_words(
    library: Library, part: _Part, data: bytes, origin: Origin, query: Query, columns: Columns | None
) -> list[tuple[int, list[str]]]:
    """Search for words in a part of a JSON text; parse only what may have them."""
    options = reading_options(library, where=query.where)
    starts = library.places(part.numbers.start, len(part.numbers))[1::2]
    ends = [*starts[1:], origin.offset + len(data)]
    found = []
    for number, start, end in zip(part.numbers, starts, ends, strict=True):
        text = data[start - origin.offset : end - origin.offset]
        if not query.may_match(text):
            continue
        place = Origin(start, NEXT if origin.structure else "")
        conditions = DatasetConditions(options.where, options.limits)
        parser = JsonParser(options=options, origin=place)
        pipeline = Pipeline.for_reading(options, None, conditions)
        for one in by_dataset(pipeline.iter(parser.feed(text))):
            matched = _match(one, query, columns)
            if matched is not None:
                found.append((number, matched[1]))
            break
        if parser.error:
            raise parser.error
    return found


def _include(query: Query, columns: Columns | None) -> list[Pattern]:
    """Return the elements that a search looks at."""
    if query.words:
        return []
    return [*query.where, *(columns.include if columns else ["SOPInstanceUID"])]


def _match(events: Iterator[Event], query: Query, columns: Columns | None) -> tuple[int, list[str]] | None:
    """Return the number in its unit and the cells of a data set, if it matches."""
    first = next(events)
    words = _Words(query.words, events) if query.words else None
    cells = columns.texts(words or events) if columns else []
    deque(words or events, maxlen=0)
    return None if words and words.left else (first[3], cells)


def _search_each(
    library: Library, numbers: range, query: Query, columns: Columns | None
) -> tuple[list[tuple[int, list[str]]], int]:
    """Search data sets one by one; also return the number of those at fault."""
    options = reading_options(library, where=query.where, include=_include(query, columns))
    found, faults = [], 0
    for number in numbers:
        try:
            events = events_of(library, number, options)
            first = next(events, None)
            if first is not None:
                matched = _match(chain((first,), events), query, columns)
                if matched is not None:
                    found.append((number, matched[1]))
        except InputError:
            faults += 1
    return found, faults
