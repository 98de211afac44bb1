"""Wait for a VR that follows a long value.

JSON members may be in any order, and pydicom sorts them, so that ``vr`` is the last one. The parser delivers a long
value before it has the VR: START_ELEMENT has the VR "" and END_ELEMENT the real one. This stage holds such values in a
temporary file, so that later stages find the VR in START_ELEMENT. No other stage waits for a VR.
"""

from __future__ import annotations

import marshal
from collections.abc import Callable, Iterable, Iterator
from itertools import chain

from streamdicom._typing import Any, BinaryIO
from streamdicom.dicom import format_tag
from streamdicom.errors import LimitError, OutputError
from streamdicom.events import END_ELEMENT, LAST_SEGMENT, SEGMENT, START_ELEMENT, VALUES, Event
from streamdicom.io import temporary

_CONTENT = frozenset({VALUES, SEGMENT, LAST_SEGMENT})


def _always(_: int) -> bool:
    return True


def vr_first(
    events: Iterable[Event], *, needs_vr: Callable[[int], bool] = _always, max_size: int | None = None
) -> Iterator[Event]:
    """Yield the same events, with the VR in START_ELEMENT.

    Args:
        events: Any stream of DICOM events.
        needs_vr: As for ``VRFirst``; by default every binary value waits, too.
        max_size: As for ``VRFirst``.

    Raises:
        LimitError: A value is longer than ``max_size``.
        OutputError: The events end within an element, or have something else in it.

    >>> events = [(5, 0x7FE00010, "", None), (8, 0x7FE00010, "", b"ab"), (9, 0x7FE00010, "OB", None)]
    >>> list(vr_first(events))
    [(5, 2145386512, 'OB', None), (8, 2145386512, 'OB', b'ab'), (9, 2145386512, 'OB', None)]
    """
    stage = VRFirst(needs_vr, max_size)
    return chain(stage.run(events), _at_end(stage))  # in C, because a generator takes time for each event


def _at_end(stage: VRFirst) -> Iterator[Event]:
    stage.finish()
    yield from ()


class VRFirst:
    """The stage of ``vr_first``, for events in batches.

    Text always waits. A binary value waits only if a later stage needs its VR: a long InlineBinary would otherwise be
    written to disk for nothing. After this stage, START_ELEMENT has a VR unless the value is binary and ``needs_vr``
    said no.

    Args:
        needs_vr: Called with the tag of a binary value without a VR; True if it must wait. It is called after the
            later stages have processed every event before the element, so that it may be one of their methods.
        max_size: Bytes of one value in the temporary file; ``Limits.spooled_size`` in a pipeline.

    >>> stage = VRFirst(lambda tag: False)
    >>> list(stage.run([(5, 0x00081049, "", None), (8, 0x00081049, "", "a")]))
    []
    >>> [(kind, vr) for kind, _, vr, _ in stage.run([(7, 0x00081049, "", "b"), (9, 0x00081049, "LO", None)])]
    [(5, 'LO'), (8, 'LO'), (7, 'LO'), (9, 'LO')]
    """

    def __init__(self, needs_vr: Callable[[int], bool], max_size: int | None = None) -> None:
        self._needs_vr = needs_vr
        self._max_size = max_size
        self._start: Event | None = None  # of the element that waits
        self._file: BinaryIO | None = None  # with the values of that element
        self._close: Callable[[], object]  # closes that file, at the latest when this object goes

    def run(self, events: Iterable[Event]) -> Iterator[Event]:
        """Yield the next events; an element that still waits is held for the next call."""
        remaining = iter(events)
        if self._start is not None:
            yield from self._element(self._start, remaining)
        for event in remaining:
            if event[0] == START_ELEMENT and not event[2]:
                self._start = event
                yield from self._element(event, remaining)
            else:
                yield event

    def finish(self) -> None:
        """Check that no element waits at the end of the events.

        Raises:
            OutputError: The events end within an element.
        """
        if self._start is not None:
            raise OutputError("expected END_ELEMENT, found the end of the events")

    def _element(self, start: Event, events: Iterator[Event]) -> Iterator[Event]:
        for event in events:
            kind, tag, vr, value = event
            if kind == END_ELEMENT:
                self._start = None
                yield START_ELEMENT, tag, vr, start[3]
                yield from self._held(tag, vr)
                yield event
                return
            if kind not in _CONTENT:
                raise OutputError("expected the values or the end of an element, found another event")
            if self._file is None and isinstance(value, bytes) and not self._needs_vr(tag):
                self._start = None
                yield start
                yield event
                return
            self._hold(kind, tag, value)

    def _hold(self, kind: int, tag: int, value: Any) -> None:
        if self._file is None:
            self._file = temporary()
            from weakref import finalize  # which takes long to import

            self._close = finalize(self, self._file.close)
        self._file.write(marshal.dumps((int(kind), value)))
        if self._max_size is not None and self._file.tell() > self._max_size:
            message = f"expected 'vr' within {self._max_size} bytes of the value of {format_tag(tag)}"
            raise LimitError(message, "spooled_size")

    def _held(self, tag: int, vr: str) -> Iterator[Event]:
        file, self._file = self._file, None
        if file is None:
            return
        file.seek(0)
        try:
            while True:
                kind, value = marshal.load(file)  # noqa: S302 - written by _hold
                yield kind, tag, vr, value
        except EOFError:
            pass
        finally:
            self._close()
