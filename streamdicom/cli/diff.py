"""``streamdicom diff``: which elements of two streams differ.

Both streams are gone through side by side. A data set that the other stream does not have at the same place waits, as
its entries in a temporary file, until it comes there: memory has a line for each that waits.
"""

from __future__ import annotations

import marshal
import sys
from collections import deque
from collections.abc import Collection, Iterator
from itertools import chain, islice, zip_longest
from pathlib import Path
from typing import BinaryIO, TypeAlias

from streamdicom.cli.diff_entries import DataSet, Entry, Key, datasets
from streamdicom.cli.inputs import PIPE, CallError, Meter, calling, event_batches, size_of
from streamdicom.errors import InputError
from streamdicom.events import Event
from streamdicom.io import temporary
from streamdicom.options import ReadOptions
from streamdicom.patterns import PatternStep, parse_pattern_step

_MOST_WAITING = 100_000  # data sets of a stream
_BATCH = 256  # entries

_Pair: TypeAlias = "tuple[DataSet | None, DataSet | None]"
_Difference: TypeAlias = tuple[Key, str]


def diff_files(
    one: Path, other: Path, *, by_position: bool, ignore: Collection[str], values: bool, file_meta: bool
) -> bool:
    """Print what differs between two streams, a line for each element.

    Args:
        one: A file, or a pipe.
        other: Another.
        by_position: Whether data sets belong together by their place in the stream, and not by SOP Instance UID.
        ignore: Elements that do not count, wherever they are: tags, keywords, groups, VRs, as a step of a pattern has
            them.
        values: Whether values are printed too.
        file_meta: Whether group 0002 counts.

    Returns:
        Whether the streams are equal.

    Raises:
        CallError: Both are the same pipe, or there are no such elements.
        InputError: A stream is at fault; the text names it.
        OSError: A file cannot be read.
    """
    if one == other == PIPE:
        raise CallError("only one of A and B can be a pipe")
    with calling():
        ignored = [parse_pattern_step(text) for text in ignore]
    sizes = size_of(one), size_of(other)
    total = None if None in sizes else sum(size or 0 for size in sizes)
    is_equal = True
    with Meter("Comparing", total, prints=True) as meter:
        left = datasets(_events(one, meter), file_meta=file_meta, shown=values)
        right = datasets(_events(other, meter), file_meta=file_meta, shown=values)
        for pair in zip_longest(left, right) if by_position else _by_uid(left, right):
            for line in _lines(pair, ignored, values):
                is_equal = False
                sys.stdout.write(f"{line}\n")
    return is_equal


def _events(path: Path, meter: Meter) -> Iterator[Event]:
    try:
        yield from chain.from_iterable(event_batches(path, meter, ReadOptions(on_error="keep")))
    except InputError as error:
        error.message = f"{path}: {error.message}"
        raise


# --- one data set ----------------------------------------------------------------------------------------------


def _lines(pair: _Pair, ignored: list[PatternStep], values: bool) -> Iterator[str]:
    """A line for each difference of two data sets, or one if there is only one."""
    one, other = pair
    if one is None or other is None:
        found = one or other
        assert found is not None
        yield f"[{found.number}]: only in {'A' if other is None else 'B'}"
        return
    place = f"[{one.number}]" if one.number == other.number else f"[{one.number} / {other.number}]"
    for key, what in _differences(_counting(one.entries, ignored), _counting(other.entries, ignored), values):
        yield f"{place}.{_tag_path(key)}: {what}"


def _counting(entries: Iterator[Entry], ignored: list[PatternStep]) -> Iterator[Entry]:
    return (entry for entry in entries if not _is_ignored(entry, ignored)) if ignored else entries


def _is_ignored(entry: Entry, ignored: list[PatternStep]) -> bool:
    """Whether an element does not count, or one that it is in."""
    return any(step.matches(tag, entry[1]) for step in ignored for tag in entry[0][::2])


def _tag_path(key: Key) -> str:
    steps = [f"{tag:08X}" for tag in key[::2]]
    items = [f"[{item}]." for item in key[1::2]]
    return "".join(chain.from_iterable(zip_longest(steps, items, fillvalue=""))).rstrip(".")


def _differences(one: Iterator[Entry], other: Iterator[Entry], values: bool) -> Iterator[_Difference]:
    """What differs, of entries in the order of their keys. Of what is only in one, what is in it is not told."""
    left, right = next(one, None), next(other, None)
    while left or right:
        if right is None or (left and left[0] < right[0]):
            assert left
            yield left[0], f"only in A{_shown(values, left)}"
            left = _behind(one, left[0])
        elif left is None or right[0] < left[0]:
            yield right[0], f"only in B{_shown(values, right)}"
            right = _behind(other, right[0])
        elif left[1] != right[1]:
            yield left[0], f"VR {left[1]} / {right[1]}{_shown(values, left, right)}"
            left, right = _behind(one, left[0]), _behind(other, right[0])
        else:
            if left[2] != right[2]:
                yield left[0], f"value differs{_shown(values, left, right)}"
            left, right = next(one, None), next(other, None)


def _behind(entries: Iterator[Entry], key: Key) -> Entry | None:
    """The next entry that is not within this one."""
    return next((entry for entry in entries if entry[0][: len(key)] != key), None)


def _shown(values: bool, *entries: Entry) -> str:
    return f": {' / '.join(entry[3] for entry in entries)}" if values and any(entry[3] for entry in entries) else ""


# --- data sets that belong together ----------------------------------------------------------------------------


def _by_uid(one: Iterator[DataSet], other: Iterator[DataSet]) -> Iterator[_Pair]:
    """Pairs of data sets with the same SOP Instance UID, and those that are only in one stream.

    Of several with the same UID, and of those without, the first belongs to the first.
    """
    with temporary() as file, temporary() as other_file:
        yield from _matched(one, other, _Waiting(file), _Waiting(other_file))


def _matched(
    one: Iterator[DataSet], other: Iterator[DataSet], waiting_left: _Waiting, waiting_right: _Waiting
) -> Iterator[_Pair]:
    left = right = None
    while True:
        for left in one:
            found = waiting_right.take(left.uid)
            if found is None:
                break
            yield left, found
        else:
            left = None
        for right in other:
            found = waiting_left.take(right.uid)
            if found is None:
                break
            yield found, right
        else:
            right = None
        if left is None and right is None:
            break
        if left and right and left.uid == right.uid:
            yield left, right
            continue
        if left:
            waiting_left.put(left)
        if right:
            waiting_right.put(right)
        yield from _alone(waiting_left, waiting_right, _MOST_WAITING)
    yield from _alone(waiting_left, waiting_right, 0)


def _alone(left: _Waiting, right: _Waiting, most: int) -> Iterator[_Pair]:
    yield from ((dataset, None) for dataset in left.rest(most))
    yield from ((None, dataset) for dataset in right.rest(most))


class _Waiting:
    """Data sets that the other stream has not had yet."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._places: dict[bytes, deque[tuple[int, int]]] = {}  # of each UID: the number and where the entries are
        self._count = 0

    def put(self, dataset: DataSet) -> None:
        start = self._file.seek(0, 2)
        while batch := list(islice(dataset.entries, _BATCH)):
            marshal.dump(batch, self._file)
        marshal.dump([], self._file)
        self._places.setdefault(dataset.uid, deque()).append((dataset.number, start))
        self._count += 1

    def take(self, uid: bytes) -> DataSet | None:
        """The first data set with this UID, which does not wait any longer."""
        places = self._places.get(uid)
        if places is None:
            return None
        index, start = places.popleft()
        self._count -= 1
        if not places:
            del self._places[uid]
        return DataSet(index, uid, self._entries(start))

    def _entries(self, start: int) -> Iterator[Entry]:
        self._file.seek(start)
        while batch := marshal.load(self._file):  # noqa: S302 - nobody else writes this file
            yield from batch
        if not self._count:
            self._file.seek(0)
            self._file.truncate()

    def rest(self, most: int) -> Iterator[DataSet]:
        """Those that have waited longest, until no more than some are left."""
        while self._count > most:
            dataset = self.take(next(iter(self._places)))
            assert dataset is not None
            yield dataset
