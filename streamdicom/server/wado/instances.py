"""Instances as a client retrieves them: their metadata, single values, and as DICOM files. Nothing here is of HTTP.

Of a DICOM file, no more is read from the disk than is asked for: long values that do not come are passed over.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO

from streamdicom.api import write_file
from streamdicom.bulkdata import BulkDataAction, BulkDataInfo, BulkDataPolicy, DirectoryStore
from streamdicom.dicom import (
    BITS_ALLOCATED,
    COLUMNS,
    DOUBLE_FLOAT_PIXEL_DATA,
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    FLOAT_PIXEL_DATA,
    IMPLICIT_VR_LITTLE_ENDIAN,
    NUMBER_OF_FRAMES,
    PHOTOMETRIC_INTERPRETATION,
    PIXEL_DATA,
    ROWS,
    SAMPLES_PER_PIXEL,
    TRANSFER_SYNTAX_UID,
    is_encapsulated,
)
from streamdicom.errors import InputError
from streamdicom.events import (
    BULK_DATA,
    ELEMENT,
    END_ELEMENT,
    END_FRAGMENTS,
    END_ITEM,
    LAST_SEGMENT,
    SEGMENT,
    START_ELEMENT,
    START_FRAGMENT,
    START_FRAGMENTS,
    START_ITEM,
    START_SEQUENCE,
    Event,
)
from streamdicom.filters import (
    FRAGMENT_FORMS,
    Frames,
    Position,
    load_bulk_data,
    open_bulk_data,
    sort_elements,
    store_bulk_data,
)
from streamdicom.formats.part10 import Part10Parser
from streamdicom.io import CHUNK, temporary
from streamdicom.options import ReadOptions
from streamdicom.server.catalog import Entry

NATIVE = EXPLICIT_VR_LITTLE_ENDIAN
"""The transfer syntax that everything can be had in but what is compressed."""


# PS3.18 8.7.3: not to be used with web services.
_NOT_ON_THE_WEB = frozenset({IMPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_BIG_ENDIAN})

_LOOKED_AT = 4  # chunks, whose events are held until it is known whether they are in order
_COPY = 64 * 1024
_FACTS = frozenset(
    {
        TRANSFER_SYNTAX_UID,
        SAMPLES_PER_PIXEL,
        PHOTOMETRIC_INTERPRETATION,
        NUMBER_OF_FRAMES,
        ROWS,
        COLUMNS,
        BITS_ALLOCATED,
    }
)

# Pixel data is always a reference, so that it can be asked for by one.
_POLICY = BulkDataPolicy(
    by_tag=dict.fromkeys((PIXEL_DATA, FLOAT_PIXEL_DATA, DOUBLE_FLOAT_PIXEL_DATA), BulkDataAction.STORE)
)
_READING = ReadOptions(on_deviation=lambda _: None)  # the files are as they are

_ABSOLUTE = re.compile(r"https?:|//", re.IGNORECASE)  # RFC 3986 4.2 and 4.3

_OF_A_VALUE = frozenset({ELEMENT, BULK_DATA, START_ELEMENT, START_FRAGMENTS})
_STARTS = _OF_A_VALUE | {START_SEQUENCE}
_ENDS = frozenset({END_ELEMENT, END_FRAGMENTS})


def resource_of(study: str, series: str, instance: str) -> str:
    """The path of an instance behind the base URL of the service (PS3.18 10.1.1).

    >>> resource_of("1.2", "1.2.3", "1.2.3.4")
    'studies/1.2/series/1.2.3/instances/1.2.3.4'
    """
    return f"studies/{study}/series/{series}/instances/{instance}"


# --- metadata --------------------------------------------------------------------------------------------------


def metadata(entry: Entry, url: str) -> Iterator[Event]:
    """The events of an instance, with references in place of its bulk data (PS3.18 10.4.1.1.2).

    Args:
        entry: Where it is.
        url: That of the instance, which those of its bulk data begin with.

    Raises:
        InputError: The file is at fault, or has changed.
        OSError: It cannot be read.
    """
    events = _referring(sort_elements(entry.events(_READING)), url) if entry.is_json else _ascending(entry)
    for event in store_bulk_data(events, _POLICY, _References(url)):
        if event[0] == BULK_DATA:
            kind, tag, vr, value = event
            yield kind, tag, vr, value.removesuffix(FRAGMENT_FORMS[0])
        else:
            yield event


class _References:
    """Where bulk data will be found, which stays where it is."""

    def __init__(self, url: str) -> None:
        self._url = url

    def put(self, segments: object, info: BulkDataInfo) -> str:
        return _url_of_value(self._url, info.tag_path)

    def open(self, uri: str) -> Iterator[bytes]:
        raise NotImplementedError


def _url_of_value(url: str, tag_path: str) -> str:
    return f"{url}/bulkdata/{tag_path.replace('[', '/').replace('].', '/')}"


def _tag_path(path: str) -> str:
    """The other way."""
    first, *others = path.split("/")
    return first + "".join(f"[{item}].{tag}" for item, tag in zip(others[::2], others[1::2], strict=False))


def _referring(events: Iterator[Event], url: str) -> Iterator[Event]:
    """References of DICOM JSON lead here, unless they lead to another server."""
    place = Position()
    for event in events:
        kind, tag, vr, value = event
        if kind == BULK_DATA and not _ABSOLUTE.match(value):
            yield kind, tag, vr, _url_of_value(url, place.tag_path(tag))
            continue
        if kind != ELEMENT:
            place.move(kind, tag, value)
        yield event


def _ascending(entry: Entry) -> Iterator[Event]:
    """The events of a file without what is in long values, in ascending order of their tags, which some files lack.

    Only a file that lacks it in its first chunks pays for that, and one that lacks it behind them cannot be written.
    """
    with entry.open() as file:
        batches = _short_batches(file)
        first = list(chain.from_iterable(islice(batches, _LOOKED_AT)))
        events = chain(first, chain.from_iterable(batches))
        yield from events if _ascends(first) else sort_elements(events)


def _ascends(events: Iterable[Event]) -> bool:
    """Whether tags ascend in the data set, and in each item (PS3.5 7.1)."""
    last = [-1]
    for kind, tag, _, _ in events:
        if kind in _STARTS:
            if tag <= last[-1]:
                return False
            last[-1] = tag
        elif kind == START_ITEM:
            last.append(-1)
        elif kind == END_ITEM:
            last.pop()
    return True


def _file_events(entry: Entry, but: int) -> Iterator[Event]:
    with entry.open() as file:
        yield from short_events(file, but)


def short_events(file: BinaryIO, but: int = -1) -> Iterator[Event]:
    """The events of a DICOM file without what is in long values, but for those of one tag.

    Raises:
        InputError: The file is at fault, or not complete.
        OSError: It cannot be read.
    """
    return chain.from_iterable(_short_batches(file, but))


def _short_batches(file: BinaryIO, but: int = -1) -> Iterator[Iterable[Event]]:
    parser = Part10Parser(options=_READING)
    while chunk := file.read(CHUNK):
        yield parser.feed(chunk)
        if passed_over := parser.skip(but):
            file.seek(passed_over, os.SEEK_CUR)
    yield parser.close()


# --- a single value --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Value:
    """The value of one element.

    Attributes:
        transfer_syntax: What its frames are compressed in; empty if it is not compressed.
        frames: How many frames the data set says that there are.
        frame_size: Bytes of a frame that is not compressed; 0 if it is no number of bytes.
        parts: The value; if it is compressed its frames. The bytes of each come in segments, and must be taken before
            the next part.
    """

    transfer_syntax: str
    frames: int
    frame_size: int
    parts: Iterator[Iterator[bytes]]


def find_value(entry: Entry, path: str) -> Value | None:
    """The value at a place in a data set; None if there is none that is bulk data.

    Args:
        entry: Where the data set is.
        path: As the URLs in ``metadata`` have it behind ``bulkdata/``.

    Raises:
        InputError: The file is at fault, or has changed.
        OSError: It cannot be read.
    """
    wanted = _tag_path(path)
    tag = int(wanted[-8:], 16)
    place = Position()
    facts: dict[int, Any] = {}
    events = entry.events(_READING) if entry.is_json else _file_events(entry, tag)
    for event in events:
        kind, one, _, value = event
        if one == tag and kind in _OF_A_VALUE and place.tag_path(tag) == wanted:
            return _value(entry, facts, chain([event], _until_end(events, kind)))
        if kind == ELEMENT:
            if one in _FACTS and not place.items and value:
                facts[one] = value[0]
        else:
            place.move(kind, one, value)
    return None


def _until_end(events: Iterator[Event], kind: int) -> Iterator[Event]:
    if kind not in (START_ELEMENT, START_FRAGMENTS):
        return
    for event in events:
        yield event
        if event[0] in _ENDS:
            return


def _value(entry: Entry, facts: dict[int, Any], events: Iterator[Event]) -> Value | None:
    kind, tag, vr, value = event = next(events)
    syntax = str(facts.get(TRANSFER_SYNTAX_UID, ""))
    frames = max(1, _number(facts.get(NUMBER_OF_FRAMES)))
    if kind == BULK_DATA:
        if not value.endswith(FRAGMENT_FORMS):
            return Value("", frames, _frame_size(facts), iter([_store_of(entry).open(value)]))
        events = open_bulk_data(_store_of(entry), tag, vr, value)
        event = next(events)
    if event[0] == START_FRAGMENTS:
        return Value(syntax, frames, 0, _compressed(events, frames))
    events = chain([event], events)
    first = next(events)
    # Only what is bytes can be a reference in ``metadata``.
    if first[0] == ELEMENT and not all(isinstance(one, bytes) for one in first[3]):
        return None
    return Value("", frames, _frame_size(facts), iter([_bytes_of(chain([first], events))]))


def _bytes_of(events: Iterator[Event]) -> Iterator[bytes]:
    for kind, _, _, value in events:
        if kind == ELEMENT:
            yield from value
        elif kind == SEGMENT or kind == LAST_SEGMENT:
            if not isinstance(value, bytes):
                raise InputError("a long value that is no bulk data")
            yield value


def _store_of(entry: Entry) -> DirectoryStore:
    """Where references of DICOM JSON lead: to what is beside it (RFC 3986 5.1.3)."""
    return DirectoryStore(Path(entry.path).parent)


def _number(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        return 0


def _frame_size(facts: dict[int, Any]) -> int:
    rows, columns, samples, bits = (
        _number(facts.get(tag)) for tag in (ROWS, COLUMNS, SAMPLES_PER_PIXEL, BITS_ALLOCATED)
    )
    size = rows * columns * (samples or 1) * bits
    if facts.get(PHOTOMETRIC_INTERPRETATION) == "YBR_FULL_422":  # PS3.3 C.7.6.3.1.2
        size = size * 2 // 3
    return 0 if size % 8 else size // 8


def _compressed(events: Iterator[Event], count: int) -> Iterator[Iterator[bytes]]:
    """The frames of encapsulated pixel data (PS3.5 A.4)."""
    fragments = _fragments(events)
    table = b"".join(next(fragments, (0, iter(())))[1])
    if count == 1:
        yield chain.from_iterable(segments for _, segments in fragments)
        return
    for _, segments in Frames(fragments, table):
        yield segments


def _fragments(events: Iterator[Event]) -> Iterator[tuple[int, Iterator[bytes]]]:
    for kind, _, _, value in events:
        if kind == START_FRAGMENT:
            yield value, _fragment(events) if value else iter(())


def _fragment(events: Iterator[Event]) -> Iterator[bytes]:
    for kind, _, _, value in events:
        yield value
        if kind == LAST_SEGMENT:
            return


# --- a whole file ----------------------------------------------------------------------------------------------


def stored_syntax(entry: Entry) -> str:
    """The transfer syntax of an instance (PS3.18 8.7.3), which is that of its file unless the web does not have it.

    Raises:
        InputError: The file is at fault, or has changed.
        OSError: It cannot be read.
    """
    found = _told_syntax(entry)
    is_kept = is_encapsulated(found) if entry.is_json else found not in _NOT_ON_THE_WEB
    return found if found and is_kept else NATIVE


def _told_syntax(entry: Entry) -> str:
    for kind, tag, _, value in entry.events(_READING):
        if kind == ELEMENT and tag == TRANSFER_SYNTAX_UID and value:
            return str(value[0])
        if tag > TRANSFER_SYNTAX_UID:
            break
    return ""


def as_file(entry: Entry, syntax: str) -> Iterator[bytes]:
    """The bytes of an instance as a DICOM file: those that are there, if they are in that transfer syntax.

    Args:
        entry: Where the instance is.
        syntax: Its own transfer syntax, or ``NATIVE``.

    Raises:
        StreamDicomError: The file is at fault, or has changed.
        OSError: It cannot be read.
    """
    if not entry.is_json and _told_syntax(entry) == syntax:
        yield from entry.chunks()
        return
    store = _store_of(entry) if entry.is_json else None
    with temporary() as file:
        write_file(load_bulk_data(sort_elements(entry.events(_READING)), store), file)
        file.seek(0)
        while chunk := file.read(_COPY):
            yield chunk
