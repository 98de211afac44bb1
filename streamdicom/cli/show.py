"""``streamdicom show``: print the elements of a file as a tree, while it is read."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from itertools import chain, islice

from streamdicom._typing import TYPE_CHECKING
from streamdicom.cli.arguments import Arguments
from streamdicom.cli.exit_codes import DONE, UsageError
from streamdicom.cli.inputs import event_batches, is_pipe, size_of
from streamdicom.cli.options import note_unmatched, read_options
from streamdicom.cli.pager import has_colours, paged
from streamdicom.cli.progress import ProgressLine
from streamdicom.cli.tree import BRIGHT, PLAIN, Tree
from streamdicom.dicom import FILE_META_GROUP, MAX_WIDTH, tag_for_keyword_key
from streamdicom.events import END_DATASET, START_DATASET, Event

if TYPE_CHECKING:
    from streamdicom.index import DatasetIndex
    from streamdicom.options import ReadOptions

_BATCH = 4096  # events of a data set that are printed at once
_JSON_INDENT = 2
_FILE_META = "0002xxxx"


def run(arguments: Arguments) -> int:
    """Run the command."""
    source, place = _address(arguments.source)
    if arguments.json and (arguments.values, arguments.width, arguments.depth) != (None, None, None):
        raise UsageError("--values, --width and --depth are for the tree, and not for --json")
    include, exclude = arguments.include, arguments.exclude
    if include and not arguments.json and not any(map(_is_of_file_meta, include)):
        exclude = [*exclude, _FILE_META]  # which is kept otherwise
    options = read_options(arguments, include=include, exclude=exclude)
    with ProgressLine(f"Reading {source}", size_of(source), prints=True) as progress:
        if arguments.at is not None:
            batches = _indexed(source, arguments.at, options)
        elif place and (not place.isdecimal() or _has_index(source)):
            batches = _indexed(source, place, options)
        else:
            batches = event_batches(source, progress, options)
            if place:
                batches = _one_of(batches, source, int(place))
        is_empty = False
        tree = _tree_of(arguments)  # its colours depend on the terminal, which the pager hides
        with paged(is_wanted=arguments.pager):
            is_empty = _print_json(batches) if arguments.json else _print_tree(batches, tree)
    if is_empty and options.where:
        note_unmatched(options.where)
    return DONE


def _is_of_file_meta(pattern: str) -> bool:
    """Return whether a pattern names elements of group 0002.

    >>> _is_of_file_meta("TransferSyntaxUID"), _is_of_file_meta("0002,0010"), _is_of_file_meta("PatientID")
    (True, True, False)
    """
    tag = tag_for_keyword_key(pattern)
    return pattern.lstrip("(").startswith("0002") or (tag is not None and tag >> 16 == FILE_META_GROUP)


def _tree_of(arguments: Arguments) -> Tree:
    return Tree(
        values=arguments.values or "short",
        width=MAX_WIDTH if arguments.width is None else arguments.width,
        depth=arguments.depth,
        colours=BRIGHT if has_colours(arguments.color) else PLAIN,
    )


def _print_tree(batches: Iterable[list[Event]], tree: Tree) -> bool:
    """Print data sets as a tree; return True if there are no data sets."""
    is_empty = True
    for events in batches:
        is_empty = is_empty and not events
        sys.stdout.write(tree.text(events))
        sys.stdout.flush()
    return is_empty


def _print_json(batches: Iterable[list[Event]]) -> bool:
    """Print each data set as JSON; return True if there are no data sets."""
    from streamdicom.api import write_events
    from streamdicom.filters import needed_file_meta_of_each, sort_elements
    from streamdicom.options import WriteOptions

    is_empty = True
    sys.stdout.flush()
    options = WriteOptions(file_meta=True, trailing_newline=True)  # of file meta, the filter leaves the needed part
    events = needed_file_meta_of_each(sort_elements(chain.from_iterable(batches)))
    for first in events:
        is_empty = False
        one = chain((first,), _rest_of_dataset(events))
        write_events(one, sys.stdout.buffer, _JSON_INDENT, format="json", options=options, array=False)
    return is_empty


def _rest_of_dataset(events: Iterator[Event]) -> Iterator[Event]:
    for event in events:
        yield event
        if event[0] == END_DATASET:
            return


# --- one data set ----------------------------------------------------------------------------------------------


def _address(source: str) -> tuple[str, str]:
    """Split an address such as ``studies.json#17``; a file of that name is not one.

    >>> _address("a.json#-1"), _address("a.json")
    (('a.json', '-1'), ('a.json', ''))
    """
    name, mark, place = os.path.basename(source).rpartition("#")
    if not mark or not name or not place or os.path.exists(source):
        return source, ""
    return source.removesuffix(f"#{place}"), place


def _has_index(source: str) -> bool:
    from streamdicom.index import sidecar_of  # which most calls do not need

    return not is_pipe(source) and os.path.exists(sidecar_of(source))


def _one_of(batches: Iterable[list[Event]], source: str, number: int) -> Iterator[list[Event]]:
    """Yield the events of one data set by its number, and read no further.

    Raises:
        UsageError: The stream has fewer data sets.
    """
    last, is_open = -1, False
    for events in batches:
        found = []
        for event in events:
            if event[0] == START_DATASET:
                last = event[3]
                is_open = last == number
            if is_open:
                found.append(event)
            if event[0] == END_DATASET and last >= number:
                yield found
                return
        yield found
    if last < number:
        raise UsageError(f"{source}: expected the number of a data set below {last + 1}, found {number}")


def _indexed(source: str, place: str, options: ReadOptions) -> Iterator[list[Event]]:
    """Yield the events of one data set, by its number or its SOP Instance UID."""
    from streamdicom.index import open_index

    try:
        with open_index(source, options=options) as index:
            number = _number(index, source, place)
            events = iter(index.iter_events(number, number + 1))
            while batch := list(islice(events, _BATCH)):
                yield batch
    except FileNotFoundError as error:
        if not os.path.exists(source):
            raise
        raise UsageError(f"{source}: expected an index beside the file; build it with streamdicom index") from error


def _number(index: DatasetIndex, source: str, place: str) -> int:
    """Return the number of a data set, which is its SOP Instance UID if it has a dot."""
    if "." in place:
        found = index.ordinals(place)
        if not found:
            raise UsageError(f"{source}: no data set has the SOP Instance UID {place}")
        return found[0]
    try:
        number = int(place)
    except ValueError:
        raise UsageError(
            f"{source}: expected the number of a data set or a SOP Instance UID, found {place!r}"
        ) from None
    number = number + len(index) if number < 0 else number
    if not 0 <= number < len(index):
        raise UsageError(f"{source}: expected the number of a data set below {len(index)}, found {place}")
    return number
