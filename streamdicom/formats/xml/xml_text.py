"""The innermost loop of the writer: events to the text of Native DICOM XML.

The function keeps no state and raises nothing of its own. It takes the events it knows, and returns the first other
one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from types import ModuleType

from streamdicom import _native
from streamdicom._typing import Any, TypeAlias
from streamdicom.dicom import SPECIFIC_CHARACTER_SET, keyword
from streamdicom.errors import OutputError
from streamdicom.events import ELEMENT, END_ITEM, END_SEQUENCE, START_ITEM, START_SEQUENCE, Event
from streamdicom.formats.text_writer import WriterState
from streamdicom.formats.xml.element_markup import END, MAX_MARKUPS, ElementMarkup, Known, start_tag
from streamdicom.formats.xml.private_blocks import BlocksState, PrivateBlocks, is_creator
from streamdicom.limits import Limits
from streamdicom.options import WriteOptions

_NO_VALUES: tuple[()] = ()
_DATASET, _SEQUENCE = int(WriterState.DATASET), int(WriterState.SEQUENCE)

Blocks: TypeAlias = list[PrivateBlocks | None]
"""The private blocks of the data set and each open item, outermost first; None for no private element so far."""


def blocks_of(blocks: Blocks) -> PrivateBlocks:
    """Return the private blocks of the innermost data set or item."""
    innermost = blocks[-1]
    if innermost is None:
        innermost = blocks[-1] = PrivateBlocks()
    return innermost


def with_state(state: BlocksState) -> PrivateBlocks | None:
    """Return the private blocks of an item that the engine has begun, if any."""
    if state[0] < 0:
        return None
    blocks = PrivateBlocks()
    blocks.state = state
    return blocks


def private_start_tag(blocks: Blocks, tag: int, vr: str) -> str:
    """Return the start tag of a private element, with its creator.

    >>> private_start_tag([None], 0x00091001, "LO")
    '<DicomAttribute tag="00091001" vr="LO">'
    """
    innermost = blocks_of(blocks)
    creator = "" if is_creator(tag) else innermost.creator(tag)
    return start_tag(innermost.without_block(tag), vr, creator)


def reserve(blocks: Blocks, tag: int, values: Any) -> None:
    """Reserve a private block by the values of a Private Creator element."""
    blocks_of(blocks).reserve(tag, values[0] if values and isinstance(values[0], str) else "")


def xml_text(
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
    blocks: Blocks,
) -> tuple[Event | None, int, int, int]:
    """Write elements, sequences and items, up to the first other event or a block.

    The text has no indent.

    Args:
        events: The events, which are consumed.
        state: DATASET or SEQUENCE; in any other state nothing is written.
        last: The last tag of the data set or the item, or -1.
        size: Characters in ``texts``.
        cache: See ``ElementMarkup``.
        starts: See ``ElementMarkup``.
        sequences: Of each open sequence: the tag, and the number of items begun.
        max_sequences: Maximum number of open sequences.
        max_size: Size of a block.
        texts: Receives the text.
        blocks: The private blocks.

    Returns:
        The first event that was not written, or None at the end or after a block; and the state, the last tag, and the
        size after it.
    """
    for event in events:
        kind, tag, vr, value = event
        if state == _DATASET:
            if kind == ELEMENT and tag > last:
                try:
                    known_vr, start, content = cache[tag]
                    if known_vr != vr:
                        break
                    if not start:  # the element is left out
                        continue
                    text = start + ("" if value is _NO_VALUES else content(value)) + END
                except Exception:  # a private or unknown tag, or a value whose error the caller raises
                    break
                last = tag
            elif kind == END_ITEM and sequences:
                text = "</Item>"
                blocks.pop()
                state = _SEQUENCE
            elif kind == START_SEQUENCE and tag > last and tag in starts and len(sequences) < max_sequences:
                text = starts[tag]
                sequences.append((tag, 0))
                state = _SEQUENCE
            else:
                break
        elif state == _SEQUENCE and kind == START_ITEM:
            tag, items = sequences[-1]
            items += 1
            sequences[-1] = tag, items
            text = f'<Item number="{items}">'
            blocks.append(None)
            last = -1
            state = _DATASET
        elif state == _SEQUENCE and kind == END_SEQUENCE:
            last, _ = sequences.pop()
            text = END
            state = _DATASET
        else:
            break
        texts.append(text)
        size += len(text)
        if size >= max_size:
            return None, state, last, size
    else:
        return None, state, last, size
    return event, state, last, size


XmlText: TypeAlias = Callable[
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
        Blocks,
    ],
    tuple[Event | None, int, int, int],
]


def most_sequences(limits: Limits) -> int:
    """Return how many sequences may be nested; see ``Limits.depth``."""
    return (limits.depth - 4) // 3


def output_form(options: WriteOptions) -> Any:
    """Return the form in which parsers of the engine may write, or None.

    Args:
        options: The options of the writer.
    """
    if _native.functions is None or not options.include_retired:
        return None
    return _native.functions.OutputForm.xml(
        has_file_meta=options.file_meta,
        sets_character_set=options.character_set == "utf-8",
        max_sequences=max(0, most_sequences(options.limits)),
        keyword=keyword,
    )


def xml_text_of_engine(markup: ElementMarkup) -> XmlText:
    """Return ``xml_text``, or the compiled one for these options."""
    functions = _native.functions
    return xml_text if functions is None else _compiled(functions, markup)


@lru_cache(maxsize=MAX_MARKUPS)
def _compiled(functions: ModuleType, markup: ElementMarkup) -> XmlText:
    compiled: XmlText = functions.XmlText(
        sets_character_set=markup.rules.sets_character_set(SPECIFIC_CHARACTER_SET),
        private_start=_private_start_or_none,
        reserve=reserve,
    )
    return compiled


def _private_start_or_none(blocks: Blocks, tag: int, vr: str) -> str | None:
    """Return the start tag of a private element, or None.

    None is for a group length, and for a creator that XML cannot represent.
    """
    try:
        return private_start_tag(blocks, tag, vr) if tag & 0xFFFF else None
    except OutputError:
        return None
