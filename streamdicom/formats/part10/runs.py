"""The innermost loops of the parser and of the writer.

Each loop is a function without state of its own. It takes canonical input and stops before the first thing that it does
not know: an element that is not in its table, a value that needs a closer look, a fault, or the end of the input. It
never raises, reports nothing, and returns where it stopped. The parser and the writer handle that one thing, and call
it again.

The tables hold one entry for each kind of element met before that has the same meaning wherever it stands. They are the
same for all parsers and writers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from struct import error as struct_error
from types import ModuleType

from streamdicom import _native
from streamdicom._cache import BoundedCache
from streamdicom._typing import Any, TypeAlias
from streamdicom.dicom import (
    ENCODERS,
    EXPLICIT_BIG_ENDIAN,
    EXPLICIT_LITTLE_ENDIAN,
    IMPLICIT_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    MAX_SHORT_LENGTH,
    SHORT_VRS,
    SOP_INSTANCE_UID,
    UNDEFINED_LENGTH,
    Encoding,
)
from streamdicom.events import ELEMENT, END_ITEM, END_SEQUENCE, START_ITEM, START_SEQUENCE, Event
from streamdicom.formats.part10.context import NO_END, PUBLIC, Context, certain_vr
from streamdicom.formats.part10.headers import (
    ITEM_END,
    ITEM_START,
    LENGTH_16,
    LENGTH_32,
    LONG,
    SEQUENCE_END,
    SHORT,
    write_header,
)
from streamdicom.formats.part10.states import OpenItem
from streamdicom.formats.seen_tags import NO_TAGS
from streamdicom.limits import Limits
from streamdicom.options import WriteOptions

MAX_WHOLE_VALUE = 64 * 1024
"""Bytes of a value that the parser delivers in one event."""

_NO_VALUES: tuple[()] = ()
_ODD_OR_LONG = ~0xFFFE  # bits of a length that is odd, or not below ``MAX_WHOLE_VALUE``

# Layouts of the header of a sequence
SEQUENCE = 2  # that of LONG
IMPLICIT_SEQUENCE = 3  # that of SHORT
_SEQUENCES = (SEQUENCE, IMPLICIT_SEQUENCE)

LEARNED = 4
"""The layout of an element that the context learns from, which is that of SHORT."""

Decoder: TypeAlias = Callable[[bytes, bool], "tuple[Any, ...] | None"]
ReadEntry: TypeAlias = tuple[int, int, str, Decoder]
"""Layout, tag, VR and decoder of an element, by its tag and VR as bytes (in implicit VR, its tag)."""

READ_TABLES: dict[Encoding, BoundedCache[bytes, ReadEntry]] = {
    encoding: BoundedCache() for encoding in (IMPLICIT_LITTLE_ENDIAN, EXPLICIT_LITTLE_ENDIAN, EXPLICIT_BIG_ENDIAN)
}

FILE_META_TABLE: BoundedCache[bytes, ReadEntry] = BoundedCache()
"""Elements of the File Meta Information, so that a run ends with it."""

CHECKING_TABLES = {encoding: BoundedCache[bytes, ReadEntry]() for encoding in READ_TABLES}
"""``READ_TABLES`` with decoders that return None for wrong padding too."""

CHECKING_FILE_META_TABLE: BoundedCache[bytes, ReadEntry] = BoundedCache()
"""``FILE_META_TABLE`` with these decoders."""

Encoder: TypeAlias = Callable[[tuple[Any, ...]], "bytes | None"]
WriteEntry: TypeAlias = tuple[str, bytes, Callable[[int], bytes], int, Encoder]
"""VR, start of the header, packer of the length, maximum length and encoder of an element, by its tag."""


class WriteTable:
    """Elements and sequences that the writer has met.

    Attributes:
        elements: An entry for each tag, with the VR that it had last.
        sequences: The header of the sequence with each tag.
    """

    def __init__(self) -> None:
        self.elements = BoundedCache[int, WriteEntry]()
        self.sequences = BoundedCache[int, bytes]()


WRITE_TABLES = {False: WriteTable(), True: WriteTable()}
"""By whether the file is in implicit VR."""

MISMATCHES = (TypeError, ValueError, AttributeError, struct_error)
"""The exceptions of an encoder for a value that does not fit its VR."""


def write_entry(tag: int, vr: str, *, implicit: bool) -> WriteEntry:
    """Return the entry of ``WriteTable.elements`` for an element."""
    size, max_length = LENGTH_32, UNDEFINED_LENGTH - 1
    if vr in SHORT_VRS and not implicit:
        size, max_length = LENGTH_16, MAX_SHORT_LENGTH
    start = write_header(tag, vr, 0, implicit=implicit)[: -size.size]
    return vr, start, size.pack, max_length, ENCODERS[vr]


def part10_run(  # noqa: C901 - innermost loop
    buffer: bytes,
    pos: int,
    base: int,
    context: Context,
    outer: list[Context],
    events: list[Event],
    max_outer: int,
    is_item_due: bool,
) -> tuple[int, Context, bool]:
    """Read short elements with known headers, and the sequences and items around them.

    Args:
        buffer: Bytes of the file.
        pos: Where to start in the buffer.
        base: The offset of the buffer in the file.
        context: The innermost open data set or item.
        outer: The contexts around it, outermost first. Items that start or end change it.
        events: Takes the events.
        max_outer: The number of contexts around a data set or item in which no further sequence may start.
        is_item_due: True in a sequence, before an item or the end of the sequence.

    Returns:
        The position of the first byte that is not read, the context there, and whether an item is due there.
    """
    known = context.known
    encoding = context.encoding
    little_endian = encoding.little_endian
    head, long, item = encoding.head.unpack_from, encoding.long.unpack_from, encoding.pair.unpack_from
    item_start, sequence_delimitation = (0xE000FFFE, 0xE0DDFFFE) if little_endian else (0xFFFEE000, 0xFFFEE0DD)
    item_delimitation = encoding.tag.pack(0xFFFE, 0xE00D)
    size = len(buffer)
    facts = context.facts
    inherited = facts.inherited
    learns = False  # from an element of this context
    spare: Context | None = None  # of an item that has ended
    while True:
        if not is_item_due:
            last = context.reach - base
            if last > size:
                last = size
            last_header = last - 8
            layout = -1
            highest, made = context.last, len(events)
            while pos <= last_header:
                key, length = head(buffer, pos)
                entry = known.get(key)
                if entry is None:
                    break
                layout, tag, vr, decode = entry
                if layout == SHORT:
                    start = pos + 8
                elif layout == LONG and pos + 12 <= last:
                    length = long(buffer, pos + 8)[0]
                    start = pos + 12
                elif layout == LEARNED:
                    start = pos + 8
                    learns = True
                else:
                    break
                stop = start + length
                if stop > last or length & _ODD_OR_LONG or tag <= highest:
                    break
                values = decode(buffer[start:stop], little_endian) if length else ()
                if values is None:
                    break
                events.append((ELEMENT, tag, vr, values))
                highest = tag
                pos = stop
            end = context.end
            is_ended = base + pos == end
            if not is_ended and end == NO_END and outer and pos <= last_header:
                is_ended = buffer[pos : pos + 4] == item_delimitation
                if is_ended:
                    pos += 8
            if is_ended:
                spare = context
                context = outer.pop()
                events.append((END_ITEM, context.tag, "SQ", None))
                if context.known is not known:
                    return pos, context, True
            else:
                if len(events) > made:
                    context.see_all([event[1] for event in events[made:]], highest)
                    if learns:
                        learns = False
                        context.learn_all(events[made:])
                if layout not in _SEQUENCES or len(outer) >= max_outer or tag <= highest:
                    return pos, context, False
                if layout == SEQUENCE:
                    if pos + 12 > last:
                        return pos, context, False
                    length = long(buffer, pos + 8)[0]
                    start = pos + 12
                else:
                    start = pos + 8
                sequence_start = base + start
                sequence_end = sequence_start + length
                if length == UNDEFINED_LENGTH:
                    sequence_start, sequence_end = -1, NO_END
                elif length & 1:
                    return pos, context, False
                elif length > MAX_WHOLE_VALUE and sequence_end <= context.limit:
                    sequence_start = -1
                elif start + length > last:
                    return pos, context, False
                context.seen.append(tag)
                events.append((START_SEQUENCE, tag, "SQ", None))
                context.last = context.tag = tag
                context.items = 0
                context.sequence_start = sequence_start
                context.sequence_end = sequence_end
                context.sequence_kind = PUBLIC
                pos = start
        is_item_due = False
        offset = base + pos
        if offset == context.sequence_end:
            events.append((END_SEQUENCE, context.tag, "SQ", None))
            continue
        if pos + 8 <= size and context.sequence_kind == PUBLIC:
            item_tag, length = item(buffer, pos)
            start, limit = offset + 8, context.limit
            if item_tag == item_start:
                if length == UNDEFINED_LENGTH:
                    item_end, reach = NO_END, context.sequence_end
                    fits = reach >= start <= limit
                else:
                    item_end = limit = reach = start + length
                    fits = context.sequence_end >= item_end <= context.limit
                if fits:
                    events.append((START_ITEM, context.tag, "SQ", context.items))
                    context.items += 1
                    outer.append(context)
                    if context.facts is not facts:
                        facts = context.facts
                        inherited = facts.inherited
                    if reach > context.reach:
                        reach = context.reach
                    if spare is None:
                        context = Context(encoding, known, start, item_end, limit, reach, inherited)
                    else:  # an object for each item, or a call of a method, takes more time
                        context, spare = spare, None
                        if context.last >= 0:
                            context.last = -1
                            context.seen = []
                            context.disordered = NO_TAGS
                        context.start = start
                        context.end = item_end
                        context.limit = limit
                        context.reach = reach
                        context.facts = inherited
                    pos += 8
                    continue
            elif item_tag == sequence_delimitation and context.sequence_end == NO_END and start <= limit:
                events.append((END_SEQUENCE, context.tag, "SQ", None))
                pos += 8
                continue
        return pos, context, True


Run: TypeAlias = Callable[..., tuple[int, Context, bool]]
"""``part10_run``.

The compiled one may be called with rules of the engine, and with a list. It leaves out elements that are right by these
rules, and appends the position of each event to the list.
"""


def run_of_engine() -> Run:
    """Return ``part10_run``, or the compiled one."""
    functions = _native.functions
    compiled: Run = part10_run if functions is None else _compiled_run(functions)
    return compiled


def encoding_run(form: Any) -> Run:
    """Return the compiled ``part10_run`` that appends ``Encoded`` events.

    Args:
        form: An ``OutputForm`` of the engine.
    """
    assert _native.functions is not None
    run: Run = partial(_compiled_run(_native.functions).encode, form)
    return run


@lru_cache(maxsize=1)
def _compiled_run(functions: ModuleType) -> Any:
    tables: list[tuple[BoundedCache[bytes, ReadEntry], bool, bool, bool, bool]] = []
    for checks_padding in (False, True):
        for encoding, table in (CHECKING_TABLES if checks_padding else READ_TABLES).items():
            tables.append((table, encoding.implicit, encoding.little_endian, False, checks_padding))
        file_meta = CHECKING_FILE_META_TABLE if checks_padding else FILE_META_TABLE
        tables.append((file_meta, False, True, True, checks_padding))
    return functions.Part10Run(Context, PUBLIC, certain_vr, tables)


def part10_bytes(
    table: WriteTable,
    events: Iterator[Event],
    items: list[OpenItem],
    parts: list[bytes],
    size: int,
    max_size: int,
    max_sequences: int,
) -> tuple[Event | None, int]:
    """Write elements and sequences with known headers, and the items in them.

    Args:
        table: The headers and encoders that are known.
        events: Events after the head of the data set. They are consumed up to the returned event.
        items: The data set and the open items, outermost first. Items that start or end change it.
        parts: Takes the bytes.
        size: The number of bytes in ``parts``.
        max_size: The number of bytes in ``parts`` at which to stop.
        max_sequences: The number of open sequences in which no further one may start.

    Returns:
        The first event that is not written, None if there are no more or ``parts`` is full, and the size of ``parts``.
    """
    item = items[-1]
    elements, sequences = table.elements, table.sequences
    in_sequence = item.in_sequence
    for kind, tag, vr, value in events:
        if in_sequence:
            if kind == START_ITEM:
                parts.append(ITEM_START)
                size += 8
                item.items += 1
                item.in_sequence = in_sequence = False
                # PS3.5 7.5.3: an item without Specific Character Set has that of the data set around it.
                item = OpenItem(item.terms, item.facts.inherited)
                items.append(item)
            elif kind == END_SEQUENCE and (item.last > SOP_INSTANCE_UID or len(items) > 1):
                parts.append(SEQUENCE_END)
                size += 8
                item.in_sequence = in_sequence = False
                continue
            else:
                return (kind, tag, vr, value), size
        elif kind == ELEMENT and tag > item.last:
            entry = elements.get(tag)
            if entry is None or entry[0] != vr:
                return (kind, tag, vr, value), size
            _, start, pack, max_length, encode = entry
            try:
                data = encode(value) if value else b"" if value is _NO_VALUES else None
            except MISMATCHES:
                return (kind, tag, vr, value), size
            if data is None or len(data) > max_length:
                return (kind, tag, vr, value), size
            parts.append(start + pack(len(data)) + data)
            size += len(data) + 12
            item.last = tag
        elif kind == END_ITEM and len(items) > 1:
            parts.append(ITEM_END)
            size += 8
            items.pop()
            item = items[-1]
            item.in_sequence = in_sequence = True
            continue
        elif kind == START_SEQUENCE and tag > item.last and len(items) <= max_sequences:
            start_bytes = sequences.get(tag)
            if start_bytes is None:
                return (kind, tag, vr, value), size
            parts.append(start_bytes)
            size += len(start_bytes)
            item.last = item.tag = tag
            item.items = 0
            item.in_sequence = in_sequence = True
            continue
        else:
            return (kind, tag, vr, value), size
        if size >= max_size:
            return None, size
    return None, size


WriteRun: TypeAlias = Callable[[Iterator[Event], list[OpenItem], list[bytes], int, int, int], tuple[Event | None, int]]


def bytes_of_engine(*, implicit: bool) -> WriteRun:
    """Return ``part10_bytes``, or the compiled one."""
    functions = _native.functions
    if functions is None:
        return partial(part10_bytes, WRITE_TABLES[implicit])
    compiled: WriteRun = functions.Part10Bytes(implicit, OpenItem, certain_vr)
    return compiled


def most_sequences(limits: Limits) -> int:
    """Return how many sequences may be nested; see ``Limits.depth``."""
    return max(0, (limits.depth - 4) // 3)


def output_form(options: WriteOptions) -> Any:
    """Return the form in which parsers of the engine may write, or None.

    Args:
        options: The options of the writer.
    """
    # In implicit VR, the writer must see what readers may take for items.
    if _native.functions is None or options.transfer_syntax == IMPLICIT_VR_LITTLE_ENDIAN:
        return None
    return _native.functions.OutputForm.part10(max_sequences=most_sequences(options.limits))
