"""Long values whose VR the source tells only behind them, for writers that need it before.

The members of a JSON object come in any order, and some programs sort them, so that ``vr`` is the last one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from struct import Struct
from typing import BinaryIO

from streamdicom.events import END_ELEMENT, START_ELEMENT, VALUES, Event

_HEADER = Struct("<BBI")  # of a value or a segment in the temporary file: its event, its type, its length
_NONE, _TEXT, _BYTES = range(3)


def vr_first(events: Iterable[Event], temporary: Callable[[], BinaryIO]) -> Iterator[Event]:
    """The same events, but that each START_ELEMENT tells the VR.

    Args:
        events: Any stream of DICOM events.
        temporary: Makes an empty file, where a value waits for its VR.

    >>> import io
    >>> events = [(5, 0x7FE00010, "", None), (8, 0x7FE00010, "", b"ab"), (9, 0x7FE00010, "OB", None)]
    >>> list(vr_first(events, io.BytesIO))
    [(5, 2145386512, 'OB', None), (8, 2145386512, 'OB', b'ab'), (9, 2145386512, 'OB', None)]
    """
    events = iter(events)
    for event in events:
        if event[0] == START_ELEMENT and not event[2]:
            with temporary() as file:
                yield from _one(event, events, file)
        else:
            yield event


def _one(start: Event, events: Iterator[Event], file: BinaryIO) -> Iterator[Event]:
    kind, tag, _, told = start
    for event in events:
        kind, _, vr, value = event
        if kind == END_ELEMENT:
            yield START_ELEMENT, tag, vr, told
            file.seek(0)
            for kind, held in _held(file):
                yield kind, tag, vr, (held,) if kind == VALUES else held
            yield event
            return
        for one in value if kind == VALUES else (value,):
            _hold(file, kind, one)


def _hold(file: BinaryIO, kind: int, value: str | bytes | None) -> None:
    if value is None:
        file.write(_HEADER.pack(kind, _NONE, 0))
    else:
        data = value.encode(errors="surrogatepass") if isinstance(value, str) else value
        file.write(_HEADER.pack(kind, _TEXT if isinstance(value, str) else _BYTES, len(data)) + data)


def _held(file: BinaryIO) -> Iterator[tuple[int, str | bytes | None]]:
    while header := file.read(_HEADER.size):
        kind, form, length = _HEADER.unpack(header)
        data = file.read(length)
        yield kind, None if form == _NONE else data if form == _BYTES else data.decode(errors="surrogatepass")
