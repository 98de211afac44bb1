"""Events as the lines of a tree, one for each element."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from streamdicom._cache import BoundedCache
from streamdicom._records import NamedTuple
from streamdicom._typing import Any
from streamdicom.dicom import MAX_WIDTH, keyword, plain_text, short, value_text, values_text
from streamdicom.events import (
    BULK_DATA,
    ELEMENT,
    END_DATASET,
    END_ELEMENT,
    END_FRAGMENTS,
    END_ITEM,
    END_SEQUENCE,
    JSON_ELEMENT,
    LAST_SEGMENT,
    SEGMENT,
    START_DATASET,
    START_ELEMENT,
    START_FRAGMENT,
    START_FRAGMENTS,
    START_ITEM,
    START_SEQUENCE,
    VALUES,
    Event,
)

_INDENT = "  "
_CLOSING = frozenset({END_DATASET, END_SEQUENCE, END_ITEM})


class Colours(NamedTuple):
    """The control sequences before each part of a line, and after it; empty for none."""

    heading: str = ""
    tag: str = ""
    vr: str = ""
    keyword: str = ""
    end: str = ""


PLAIN = Colours()
BRIGHT = Colours(heading="\x1b[1m", tag="\x1b[36m", vr="\x1b[33m", keyword="\x1b[32m", end="\x1b[0m")


class Tree:
    """Makes the text of a tree, batch by batch.

    Args:
        values: ``short`` cuts values, ``full`` has all of each value, bytes in hexadecimal digits, and ``none`` has
            none of them.
        width: Characters of a short value.
        depth: Sequences within each other whose items are shown; the number of items stands for deeper ones. None
            for all.
        colours: The colours.

    >>> from streamdicom import iter_events
    >>> print(Tree(depth=0).text(iter_events(b'{"00081140": {"vr": "SQ", "Value": [{}, {}]}}')), end="")
    Data set 0
      (0008,1140) SQ ReferencedImageSequence: [2 items]
    """

    def __init__(
        self, *, values: str = "short", width: int = MAX_WIDTH, depth: int | None = None, colours: Colours = PLAIN
    ) -> None:
        self._is_full = values == "full"
        self._has_values = values != "none"
        self._width = width
        self._most_sequences = depth
        self._colours = colours
        self._heading, self._end = colours.heading, colours.end
        self._names: BoundedCache[tuple[int, str], str] = BoundedCache()
        self._indent = ""
        self._sequences = 0  # that are open
        self._folded = 0  # open sequences from the first that is folded
        self._items = 0  # of that
        # The current element in parts:
        self._length = 0  # characters or bytes
        self._count = 0  # values that are no long ones
        self._start = ""  # the first text
        self._fragments = 0
        self._is_first = True  # no value was printed yet
        self._is_within = False  # a value was printed in part

    def text(self, events: Iterable[Event]) -> str:
        """Return the lines of the next events, each with its line feed.

        The parts of a long value in full are a line together.
        """
        parts: list[str] = []
        add, names, width = parts.append, self._names, -1 if self._is_full or not self._has_values else self._width
        indent, heading, end = self._indent, self._heading, self._end
        for kind, tag, vr, value in events:
            if self._folded:
                self._fold(add, kind, tag)
            elif kind == ELEMENT:
                name = names.get((tag, vr)) or self._name(tag, vr)
                one = value[0] if len(value) == 1 else None
                if type(one) is int or type(one) is float:
                    one = str(one)
                if type(one) is str and len(one) <= width and one.isprintable():
                    add(f"{indent}{name}: {one}\n")
                elif self._has_values:
                    add(f"{indent}{name}: {self._values(value)}\n")
                else:
                    add(f"{indent}{name}\n")
            elif kind == START_ITEM:
                add(f"{indent}{heading}Item {value}{end}\n")
                self._indent = indent = indent + _INDENT
            elif kind in _CLOSING:
                self._sequences -= kind == END_SEQUENCE
                self._indent = indent = indent[len(_INDENT) :]
            elif kind == START_SEQUENCE and self._sequences != self._most_sequences:
                add(f"{indent}{names.get((tag, vr)) or self._name(tag, vr)}\n")
                self._sequences += 1
                self._indent = indent = indent + _INDENT
            else:
                self._add_other(add, kind, tag, vr, value)
                indent = self._indent
        return "".join(parts)

    def _values(self, values: Sequence[Any]) -> str:
        if not self._is_full:
            return values_text(values, self._width)
        if len(values) == 1 and isinstance(values[0], bytes):
            return f"[{len(values[0]):,} bytes] {values[0].hex()}"
        return plain_text("\\".join(map(value_text, values)))

    def _short(self, text: str) -> str:
        return plain_text(text) if self._is_full else short(text, self._width)

    def _name(self, tag: int, vr: str) -> str:
        """Return the tag, the VR and the keyword of an element, with their colours."""
        known = self._names.get((tag, vr))
        if known is not None:
            return known
        colours, name = self._colours, keyword(tag)
        text = f"{colours.tag}({tag >> 16:04X},{tag & 0xFFFF:04X}){colours.end} {colours.vr}{vr}{colours.end}"
        if name:
            text += f" {colours.keyword}{name}{colours.end}"
        return self._names.remember((tag, vr), text)

    def _add_other(self, add: Any, kind: int, tag: int, vr: str, value: Any) -> None:
        """Add the text of an event that is neither a whole element, an item nor an end."""
        indent = self._indent
        if kind == START_DATASET:
            add(f"{self._heading}Data set {value}{self._end}\n")
            self._indent = _INDENT
        elif kind == START_SEQUENCE:  # which is folded
            self._folded, self._items = 1, 0
        elif kind == BULK_DATA or kind == JSON_ELEMENT:
            reference = "-> " if kind == BULK_DATA else ""
            shown = f": {reference}{self._short(value)}" if self._has_values else ""
            add(f"{indent}{self._name(tag, vr or '??')}{shown}\n")
        else:
            self._add_part(add, kind, tag, vr, value)

    def _fold(self, add: Any, kind: int, tag: int) -> None:
        if kind == START_SEQUENCE:
            self._folded += 1
        elif kind == START_ITEM:
            self._items += self._folded == 1
        elif kind == END_SEQUENCE:
            self._folded -= 1
            if not self._folded:
                unit = "item" if self._items == 1 else "items"
                add(f"{self._indent}{self._name(tag, 'SQ')}: [{self._items:,} {unit}]\n")

    def _add_part(self, add: Any, kind: int, tag: int, vr: str, value: Any) -> None:
        """Add the text of a part of an element."""
        if kind == START_ELEMENT or kind == START_FRAGMENTS:
            self._length = self._count = self._fragments = 0
            self._start = ""
            self._is_first, self._is_within = True, False
            if self._is_full:
                add(f"{self._indent}{self._name(tag, vr or '??')}: ")
        elif kind == START_FRAGMENT:
            self._fragments += 1
            if self._is_full and self._fragments > 1:
                add(" ")
        elif kind == END_FRAGMENTS or kind == END_ELEMENT:
            self._add_end(add, kind, tag, vr)
        elif self._is_full:
            self._add_in_full(add, kind, value)
        else:
            text = values_text(value, self._width) if kind == VALUES else value
            if kind == VALUES:
                self._count += len(value)
            else:
                self._length += len(text)
            if isinstance(text, str) and not self._start:
                self._start = f"{short(text, self._width)} "

    def _add_end(self, add: Any, kind: int, tag: int, vr: str) -> None:
        if self._is_full:
            add("\n")
            return
        if kind == END_FRAGMENTS:
            number = max(0, self._fragments - 1)  # the first item is the Basic Offset Table (PS3.5 A.4)
            size = f": [{self._length:,} bytes in {number:,} fragments]"
        else:
            sizes = [f"{self._count:,} values"] if self._count else []
            if self._length or not self._count:
                sizes.append(f"{self._length:,} {'characters' if self._start else 'bytes'}")
            size = f": {self._start}[{', '.join(sizes)}]"
        add(f"{self._indent}{self._name(tag, vr)}{size if self._has_values else ''}\n")

    def _add_in_full(self, add: Any, kind: int, value: Any) -> None:
        is_text = kind == VALUES or isinstance(value, str)
        if is_text and not self._is_first and not self._is_within:
            add("\\")
        add(self._values(value) if kind == VALUES else plain_text(value) if is_text else value.hex())
        self._is_first = False
        self._is_within = kind == SEGMENT
        assert kind in (VALUES, SEGMENT, LAST_SEGMENT)


def lines(events: Iterable[Event]) -> Iterator[str]:
    """Yield a line for each element, indented by its depth.

    >>> from streamdicom import iter_events
    >>> for line in lines(iter_events(b'{"00100020": {"vr": "LO", "Value": ["17"]}}')):
    ...     print(line)
    Data set 0
      (0010,0020) LO PatientID: 17
    """
    tree = Tree()
    for event in events:
        yield from tree.text((event,)).splitlines()
