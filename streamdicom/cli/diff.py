"""``streamdicom diff``: print the elements that differ between two streams.

Both streams are read side by side. A data set without a partner at the same position waits, as entries in a temporary
file, until the other stream has its SOP Instance UID. Memory holds one position for each waiting data set.
"""

from __future__ import annotations

import marshal
from collections import deque
from collections.abc import Callable, Collection, Iterator
from functools import partial
from itertools import islice, zip_longest

from streamdicom._typing import BinaryIO, TypeAlias
from streamdicom.cli.arguments import Arguments
from streamdicom.cli.exit_codes import DONE, FAILED, UsageError, usage_errors
from streamdicom.cli.inputs import PIPE, name_of, naming_each, size_of
from streamdicom.cli.places import PlacedParser, placed_batches
from streamdicom.cli.progress import ProgressLine
from streamdicom.cli.reports import FoundDifference, new_diff_report
from streamdicom.comparison import (
    Batch,
    DataSet,
    Difference,
    DifferenceKind,
    Entry,
    Place,
    datasets,
    differences,
    leave_out_equal,
    tag_path,
)
from streamdicom.errors import Location
from streamdicom.formats.part10 import UnknownReader
from streamdicom.io import temporary
from streamdicom.options import ReadOptions
from streamdicom.patterns import PatternStep, parse_pattern_step

_MAX_WAITING = 100_000  # data sets of a stream
_BATCH_SIZE = 256  # entries
_LENGTH_SIZE = 4  # bytes of the length of a batch

_Pair: TypeAlias = "tuple[DataSet | None, DataSet | None]"


def run(arguments: Arguments) -> int:
    """Run the command."""
    is_equal = diff_files(
        arguments.one,
        arguments.other,
        by_position=arguments.by == "position",
        ignore=arguments.ignore,
        values=arguments.values,
        file_meta=arguments.file_meta,
        force=arguments.force,
        report="html" if arguments.html else arguments.report,
    )
    return DONE if is_equal else FAILED


def diff_files(
    one: str,
    other: str,
    *,
    by_position: bool = False,
    ignore: Collection[str] = (),
    values: bool = False,
    file_meta: bool = False,
    force: bool = False,
    report: str = "text",
) -> bool:
    """Print the differences between two streams, a line for each element.

    Args:
        one: A file of any format, or ``-`` for standard input.
        other: Another.
        by_position: Pair data sets by their position, and not by SOP Instance UID.
        ignore: Elements to ignore at any depth: tags, keywords, groups or VRs, as in the steps of a pattern.
        values: Print values too.
        file_meta: Compare group 0002 too.
        force: Read DICOM files that have no preamble.
        report: The form of the report: "text", "json" or "html".

    Returns:
        True if the streams are equal.

    Raises:
        UsageError: Both are standard input, or a pattern is not valid.
        InputError: A stream is not valid.
        OSError: A file cannot be read.
    """
    if one == other == PIPE:
        raise UsageError("expected a file as A or B, found standard input twice")
    with usage_errors():
        ignored = [parse_pattern_step(text) for text in ignore]
    options = ReadOptions(on_error="keep", force=force)
    sizes = size_of(one), size_of(other)
    total = None if None in sizes else sum(size or 0 for size in sizes)
    count = 0
    written = new_diff_report(report, name_of(one), name_of(other))
    with ProgressLine("Comparing", total, prints=True) as progress:
        left, right = [
            _datasets(source, progress, options, file_meta=file_meta, shown=values) for source in (one, other)
        ]
        for pair in zip_longest(left, right) if by_position else _by_uid(left, right):
            for found in _found(pair, ignored, values):
                count += 1
                written.add(found)
    written.end(count)
    return not count


def _datasets(
    source: str, progress: ProgressLine, options: ReadOptions, *, file_meta: bool, shown: bool
) -> Iterator[DataSet]:
    batches = _batches(PlacedParser(options), source, progress)
    return datasets(batches, file_meta=file_meta, shown=shown)


def _batches(parser: PlacedParser, source: str, progress: ProgressLine) -> Iterator[Batch]:
    """Yield the events of an input."""
    unknown = UnknownReader(parser.options.limits)
    for found in naming_each(name_of(source), placed_batches(parser, source, progress)):
        place_of = partial(_place_of, parser, found.offset_of)
        yield Batch(*unknown.read(found.events, place_of)) if parser.is_text else Batch(found.events, place_of)
        del found  # before the next is made


def _place_of(parser: PlacedParser, offset_of: Callable[[int], int], index: int) -> Place:
    return parser.place(offset_of(index))


# --- one data set ----------------------------------------------------------------------------------------------


def _found(pair: _Pair, ignored: list[PatternStep], values: bool) -> Iterator[FoundDifference]:
    """Yield the differences between two data sets."""
    one, other = pair
    if one is None or other is None:
        present = one or other
        assert present is not None
        first = next(present.entries, None)
        if other is None:
            yield FoundDifference(present.number, None, "", _place(first), None, "only in A")
        else:
            yield FoundDifference(None, present.number, "", None, _place(first), "only in B")
        return
    leave_out_equal(one, other)
    entries, other_entries = _compared(one.entries, ignored), _compared(other.entries, ignored)
    for difference in differences(entries, other_entries):
        places = _place(difference.left), _place(difference.right)
        text = _described(difference, values)
        yield FoundDifference(one.number, other.number, tag_path(difference.key), *places, text)


def _compared(entries: Iterator[Entry], ignored: list[PatternStep]) -> Iterator[Entry]:
    return (entry for entry in entries if not _is_ignored(entry, ignored)) if ignored else entries


def _is_ignored(entry: Entry, ignored: list[PatternStep]) -> bool:
    """Return whether an element, or a sequence around it, is ignored."""
    return any(step.matches(tag, entry[1]) for step in ignored for tag in entry[0][::2])


def _described(found: Difference, values: bool) -> str:
    """Return the text of a difference."""
    left, right = found.left, found.right
    if left is None or right is None:
        return f"only in {'A' if left else 'B'}{_shown(values, left or right)}"
    text = f"VR {left[1]} / {right[1]}" if found.kind == DifferenceKind.VR else "value differs"
    return text + _shown(values, left, right)


def _place(entry: Entry | None) -> Location | None:
    """Return the place of an element, if it is known."""
    if entry is None or not entry[4]:
        return None
    offset, line, column = entry[4]
    return Location(offset, line=line or None, column=column if line else None)


def _shown(values: bool, *entries: Entry | None) -> str:
    texts = [entry[3] for entry in entries if entry]
    return f": {' / '.join(texts)}" if values and any(texts) else ""


# --- pairs of data sets -----------------------------------------------------------------------------------------


def _by_uid(one: Iterator[DataSet], other: Iterator[DataSet]) -> Iterator[_Pair]:
    """Yield pairs of data sets with the same SOP Instance UID, and the others alone.

    Data sets that share a UID, or have no UID, are paired in their order.
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
        yield from _alone(waiting_left, waiting_right, _MAX_WAITING)
    yield from _alone(waiting_left, waiting_right, 0)


def _alone(left: _Waiting, right: _Waiting, max_waiting: int) -> Iterator[_Pair]:
    yield from ((dataset, None) for dataset in left.drop_to(max_waiting))
    yield from ((None, dataset) for dataset in right.drop_to(max_waiting))


class _Waiting:
    """Data sets of one stream that wait for a partner in the other."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._places: dict[bytes, deque[tuple[int, int]]] = {}  # by UID: number, offset of the entries
        self._count = 0

    def put(self, dataset: DataSet) -> None:
        start = self._file.seek(0, 2)
        while batch := list(islice(dataset.entries, _BATCH_SIZE)):
            data = marshal.dumps(batch)
            self._file.write(len(data).to_bytes(_LENGTH_SIZE, "little"))
            self._file.write(data)
        self._file.write(bytes(_LENGTH_SIZE))
        self._places.setdefault(dataset.uid, deque()).append((dataset.number, start))
        self._count += 1

    def take(self, uid: bytes) -> DataSet | None:
        """Remove and return the first data set with a UID, or None."""
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
        # ``marshal.load`` would read each value by itself, in four times the time.
        while size := int.from_bytes(self._file.read(_LENGTH_SIZE), "little"):
            yield from marshal.loads(self._file.read(size))  # noqa: S302 - written by this process
        if not self._count:
            self._file.seek(0)
            self._file.truncate()

    def drop_to(self, max_waiting: int) -> Iterator[DataSet]:
        """Yield the data sets that have waited longest, until few enough are left."""
        while self._count > max_waiting:
            dataset = self.take(next(iter(self._places)))
            assert dataset is not None
            yield dataset
