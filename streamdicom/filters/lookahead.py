"""Look ahead for the values of some elements before the elements before them pass."""

from __future__ import annotations

import marshal
from collections.abc import Iterable, Iterator
from weakref import finalize

from streamdicom._typing import Any, BinaryIO
from streamdicom.events import CLOSING, ELEMENT, END_DATASET, OPENING, START_DATASET, Event
from streamdicom.io import temporary

_MAX_HELD = 4096  # events in memory; more wait in a temporary file
_MAX_SIZE = 1024 * 1024  # bytes of them


class Lookahead:
    """A stage that holds each data set until it has the values of some elements.

    The elements must be in order. Many events, or long ones, are held in a temporary file.

    Args:
        tags: The elements, at the top of a data set.

    Attributes:
        values: The values that were found in the data set of the last event, by tag.

    >>> lookahead = Lookahead([0x00100020])
    >>> list(lookahead.run([(1, 0, "", 0), (3, 0x00080020, "DA", ())]))
    []
    >>> len(list(lookahead.run([(3, 0x00100020, "LO", ("17",))]))), lookahead.values
    (3, {1048608: ('17',)})
    """

    def __init__(self, tags: Iterable[int]) -> None:
        self.values: dict[int, tuple[Any, ...]] = {}
        self._tags = frozenset(tags)
        self._last = max(self._tags)
        self._is_holding = False
        self._depth = 0  # open elements
        self._held: list[Event] = []
        self._size = 0
        self._file: BinaryIO | None = None  # with earlier events than those held
        self._close: finalize[..., Lookahead] | None = None

    def run(self, events: Iterable[Event]) -> Iterator[Event]:
        """Yield the events that need not be held any longer, after the next events."""
        remaining = iter(events)
        if self._is_holding:
            yield from self._hold(remaining)
        for event in remaining:
            if event[0] == START_DATASET:
                self.values = {}
                self._is_holding = True
                self._depth = 0
                self._keep(event)
                yield from self._hold(remaining)
            else:
                yield event

    def _hold(self, events: Iterator[Event]) -> Iterator[Event]:
        for event in events:
            kind, tag, _, value = event
            is_top = not self._depth
            self._depth += (kind in OPENING) - (kind in CLOSING)
            self._keep(event)
            if is_top and kind == ELEMENT and tag in self._tags:
                self.values[tag] = value
            if is_top and (kind == END_DATASET or tag > self._last or len(self.values) == len(self._tags)):
                self._is_holding = False
                yield from self._release()
                return

    def _keep(self, event: Event) -> None:
        self._held.append(event)
        value = event[3]
        self._size += len(value) if isinstance(value, str | bytes) else 0
        if isinstance(value, tuple):
            self._size += sum([len(one) for one in value if isinstance(one, str | bytes)])
        if len(self._held) > _MAX_HELD or self._size > _MAX_SIZE:
            if self._file is None:
                self._file = temporary()
                self._close = finalize(self, self._file.close)
            marshal.dump([(int(kind), *others) for kind, *others in self._held], self._file)  # not an IntEnum
            self._held, self._size = [], 0

    def _release(self) -> Iterator[Event]:
        file, self._file = self._file, None
        held, self._held, self._size = self._held, [], 0
        if file is not None:
            file.seek(0)
            try:
                while True:
                    yield from marshal.load(file)  # noqa: S302 - written by _keep
            except EOFError:
                pass
            finally:
                if self._close is not None:
                    self._close()
        yield from held
