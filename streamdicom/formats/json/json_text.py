"""The innermost loop of the writer: events to JSON text.

The function keeps no state and raises nothing of its own. It takes the events it knows, and returns the first other
one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from sys import maxsize
from types import ModuleType

from streamdicom import _native
from streamdicom._typing import Any, TypeAlias
from streamdicom.dicom import SPECIFIC_CHARACTER_SET
from streamdicom.events import ELEMENT, END_ITEM, END_SEQUENCE, START_ITEM, START_SEQUENCE, Event
from streamdicom.formats.json.element_text import MAX_STYLES, ElementText, Known, element_text_of
from streamdicom.formats.text_writer import WriterState
from streamdicom.options import WriteOptions

_NO_VALUES: tuple[()] = ()
_DATASET, _SEQUENCE = int(WriterState.DATASET), int(WriterState.SEQUENCE)
_ITEM_LENGTH = 12  # characters of the structure of an item


def json_text(
    events: Iterator[Event],
    state: int,
    last: int,
    size: int,
    cache: Mapping[int, Known],
    starts: Mapping[int, str],
    sequences: list[tuple[int, int]],
    max_sequences: int,
    max_size: int,
    texts: list[str],
) -> tuple[Event | None, int, int, int]:
    """Write elements, sequences and items, up to the first other event or a block.

    Args:
        events: The events, which are consumed.
        state: DATASET or SEQUENCE; in any other state nothing is written.
        last: The last tag of the data set or the item, or -1.
        size: Characters in ``texts``.
        cache: See ``ElementText``.
        starts: See ``ElementText``.
        sequences: Of each open sequence: the tag, and the number of items begun.
        max_sequences: Maximum number of open sequences.
        max_size: Size of a block.
        texts: Receives the text.

    Returns:
        The first event that was not written, or None at the end or after a block; and the state, the last tag, and the
        size after it.
    """
    for event in events:
        kind, tag, vr, value = event
        if state == _DATASET:
            if kind == ELEMENT and tag > last:
                try:
                    known_vr, start, attribute = cache[tag]
                    if known_vr != vr:
                        break
                    if not start:  # the element is left out
                        continue
                    if last < 0:
                        start = start[1:]  # without its comma
                    text = start + "}" if value is _NO_VALUES else attribute(start, value)
                except Exception:  # an unknown tag, or a value whose error the caller raises
                    break
                texts.append(text)
                last = tag
                size += len(text)
                if size < max_size:
                    continue
            elif kind == END_ITEM and sequences:
                texts.append("}")
                state = _SEQUENCE
            elif kind == START_SEQUENCE and tag > last and tag in starts and len(sequences) < max_sequences:
                start = starts[tag]
                texts.append(start if last >= 0 else start[1:])
                size += len(start)
                sequences.append((tag, 0))
                state = _SEQUENCE
            else:
                break
        elif state == _SEQUENCE and kind == START_ITEM:
            tag, items = sequences[-1]
            sequences[-1] = tag, items + 1
            texts.append(",{" if items else ',"Value":[{')
            size += _ITEM_LENGTH
            last = -1
            state = _DATASET
        elif state == _SEQUENCE and kind == END_SEQUENCE:
            last, items = sequences.pop()
            texts.append("]}" if items else "}")  # PS3.18 F.2.5: an empty attribute has no Value
            state = _DATASET
        else:
            break
        if size >= max_size:
            return None, state, last, size
    else:
        return None, state, last, size
    return event, state, last, size


JsonText: TypeAlias = Callable[
    [
        Iterator[Event],
        int,
        int,
        int,
        Mapping[int, Known],
        Mapping[int, str],
        list[tuple[int, int]],
        int,
        int,
        list[str],
    ],
    tuple[Event | None, int, int, int],
]


def json_text_of_engine(text: ElementText) -> JsonText:
    """Return ``json_text``, or the compiled one for these options."""
    functions = _native.functions
    return json_text if functions is None else _compiled(functions, text)


def most_levels(options: WriteOptions, *, array: bool) -> int:
    """Return how deep objects and arrays may nest in a data set; see ``Limits.depth``.

    Args:
        options: The options of the writer.
        array: Whether the data sets are in an array.
    """
    return options.limits.depth - array - 1


def most_sequences(levels: int) -> int:
    """Return how many sequences may be nested.

    Each takes three levels, and so does a person name, the deepest value.

    Args:
        levels: As ``most_levels`` returns them.
    """
    return (levels - 3) // 3


def output_form(options: WriteOptions, array: bool) -> Any:
    """Return the form in which parsers of the engine may write, or None.

    Args:
        options: The options of the writer.
        array: Whether the data sets are in an array.
    """
    choices = element_text_of(options).choices
    has_names = choices.keys != "tag" or choices.write_keyword or choices.write_name
    if _native.functions is None or has_names or not options.include_retired:
        return None
    return _native.functions.OutputForm.json(
        number_handling=choices.number_handling,
        nonfinite=choices.nonfinite,
        number_length=min(choices.number_length, maxsize),
        has_file_meta=options.file_meta,
        sets_character_set=options.character_set == "utf-8",
        max_sequences=max(0, most_sequences(most_levels(options, array=array))),
    )


@lru_cache(maxsize=MAX_STYLES)
def _compiled(functions: ModuleType, text: ElementText) -> JsonText:
    compiled: JsonText = functions.JsonText(
        number_handling=text.choices.number_handling,
        nonfinite=text.choices.nonfinite,
        number_length=min(text.choices.number_length, maxsize),
        sets_character_set=text.rules.sets_character_set(SPECIFIC_CHARACTER_SET),
    )
    return compiled
