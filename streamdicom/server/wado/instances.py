"""Instances to retrieve: metadata, single values, and DICOM files.

Long values that are not requested are skipped on the disk.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, cast

from streamdicom._push import drained
from streamdicom.api import write_events
from streamdicom.bulkdata import BulkDataAction, BulkDataInfo, BulkDataPolicy, DirectoryStore
from streamdicom.codec import output_form
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
    LAST_SEGMENT,
    SEGMENT,
    START_ELEMENT,
    START_FRAGMENT,
    START_FRAGMENTS,
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
from streamdicom.formats import FormatName
from streamdicom.formats.part10 import Part10Parser
from streamdicom.io import CHUNK, Expansion, temporary
from streamdicom.limits import Limits
from streamdicom.options import ReadOptions, WriteOptions
from streamdicom.server.catalog import Entry
from streamdicom.server.limits import HELD_SIZE
from streamdicom.server.space import Space, SparingWriter

NATIVE = EXPLICIT_VR_LITTLE_ENDIAN
"""The transfer syntax for all instances that are not compressed."""


# PS3.18 8.7.3 excludes these from web services.
_NOT_ON_THE_WEB = frozenset({IMPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_BIG_ENDIAN})

_COPY_SIZE = 64 * 1024  # bytes
_HEAD = 16 * 1024  # bytes that are read first of a long file: most have pixel data after it, which is skipped
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

# Pixel data is always a reference, so that clients can retrieve it.
_POLICY = BulkDataPolicy(
    by_tag=dict.fromkeys((PIXEL_DATA, FLOAT_PIXEL_DATA, DOUBLE_FLOAT_PIXEL_DATA), BulkDataAction.STORE)
)
# The same for the engine, which then writes the UIDs of the instance itself: the URL has them already.
_LEFT_TO_PYTHON = replace(_POLICY, above=BulkDataAction.DROP, by_tag=dict.fromkeys(_POLICY.by_tag, BulkDataAction.DROP))
# Stored files are not judged again, but a file that ends early is not an instance.
_READING = ReadOptions(
    limits=Limits(held_size=HELD_SIZE),
    on_deviation=lambda _: None,
    deviations={"truncated": "error", "broken-structure": "error"},
)

_ABSOLUTE = re.compile(r"https?:|//", re.IGNORECASE)  # RFC 3986 4.2 and 4.3

_OF_A_VALUE = frozenset({ELEMENT, BULK_DATA, START_ELEMENT, START_FRAGMENTS})
_ENDS = frozenset({END_ELEMENT, END_FRAGMENTS})


def resource_of(study: str, series: str, instance: str) -> str:
    """Return the path of an instance below the base URL (PS3.18 10.1.1).

    >>> resource_of("1.2", "1.2.3", "1.2.3.4")
    'studies/1.2/series/1.2.3/instances/1.2.3.4'
    """
    return f"studies/{study}/series/{series}/instances/{instance}"


# --- metadata --------------------------------------------------------------------------------------------------


def metadata_form(options: WriteOptions, format: FormatName, array: bool) -> object | None:
    """Return the form for ``metadata``.

    Args:
        options: The options of the encoder.
        format: The name of the format.
        array: As for ``EventEncoder``.
    """
    reading = replace(_READING, bulk_data_store=_References(""))
    return output_form(reading, replace(options, bulk_data_policy=_LEFT_TO_PYTHON), format=format, array=array)


def metadata(entry: Entry, url: str, form: object | None = None) -> Iterator[Event]:
    """Yield the metadata of an instance, with references to bulk data.

    PS3.18 10.4.1.1.2.

    Args:
        entry: The place of the instance.
        url: The URL of the instance, which starts the URLs of its bulk data.
        form: The form of the writer that gets all events, if nothing else does.

    Raises:
        InputError: The file is invalid, or has changed.
        OSError: The file cannot be read.
    """
    if form is not None:
        form = cast(Any, form).referring(_url_of_value(url, ""))
    events = sort_elements(entry.events(_READING, form) if entry.is_json else _written_events(entry, form))
    if entry.is_json:
        events = _referring(events, url)
    for event in store_bulk_data(events, _POLICY, _References(url)):
        if event[0] == BULK_DATA:
            kind, tag, vr, value = event
            yield kind, tag, vr, value.removesuffix(FRAGMENT_FORMS[0])
        else:
            yield event


class _References:
    """A store that keeps nothing and returns the URL of a value."""

    def __init__(self, url: str) -> None:
        self._url = url

    def put(self, segments: Iterable[bytes], info: BulkDataInfo) -> str:
        if not info.vr:  # it follows the value, whose size then decides
            for _ in segments:
                pass
        return _url_of_value(self._url, info.tag_path)

    def open(self, uri: str) -> Iterator[bytes]:
        raise NotImplementedError


def _url_of_value(url: str, tag_path: str) -> str:
    return f"{url}/bulkdata/{tag_path.replace('[', '/').replace('].', '/')}"


def _tag_path(path: str) -> str:
    """Return the tag path in a URL, the inverse of ``_url_of_value``."""
    first, *others = path.split("/")
    return first + "".join(f"[{item}].{tag}" for item, tag in zip(others[::2], others[1::2], strict=False))


def _referring(events: Iterator[Event], url: str) -> Iterator[Event]:
    """Redirect relative references of DICOM JSON to this server."""
    position = Position()
    for event in events:
        kind, tag, vr, value = event
        if kind == BULK_DATA and not _ABSOLUTE.match(value):
            yield kind, tag, vr, _url_of_value(url, position.tag_path(tag))
            continue
        if kind != ELEMENT:
            position.move(kind, tag, value)
        yield event


def _written_events(entry: Entry, form: object | None) -> Iterator[Event]:
    """Yield the events of a file without long values."""
    first = CHUNK if entry.size <= CHUNK else _HEAD
    with entry.open() as file:
        yield from chain.from_iterable(_short_batches(file, form=form, first=first))


def _file_events(entry: Entry, except_tag: int) -> Iterator[Event]:
    with entry.open() as file:
        yield from short_events(file, except_tag)


def short_events(file: BinaryIO, except_tag: int = -1, expansion: Expansion | None = None) -> Iterator[Event]:
    """Yield the events of a DICOM file without long values, except for one tag.

    Args:
        file: The file.
        except_tag: The tag of the values that are not left out.
        expansion: The bound of the compressed body around the file, if any.

    Raises:
        InputError: The file is invalid or incomplete.
        OSError: The file cannot be read.
    """
    return chain.from_iterable(_short_batches(file, except_tag, expansion))


def _short_batches(
    file: BinaryIO,
    except_tag: int = -1,
    expansion: Expansion | None = None,
    form: object | None = None,
    first: int = CHUNK,
) -> Iterator[Iterable[Event]]:
    parser = Part10Parser(options=_READING, expansion=expansion)
    if form is not None:
        parser.encode_in(form)
    size = first
    while chunk := file.read(size):
        size = CHUNK
        yield from drained(parser, chunk)
        if skipped := parser.skip(except_tag):
            file.seek(skipped, os.SEEK_CUR)
    yield parser.close()


# --- a single value --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Value:
    """The value of one element.

    Attributes:
        transfer_syntax: The transfer syntax of compressed frames; "" if the value is not compressed.
        frames: Number of Frames, or 1.
        frame_size: Bytes of an uncompressed frame; 0 if a frame is not a whole number of bytes.
        parts: The value, or its compressed frames, each as segments. Consume a part before the next.
        size: The bytes of a value that is not compressed, if that is known.
    """

    transfer_syntax: str
    frames: int
    frame_size: int
    parts: Iterator[Iterator[bytes]]
    size: int | None = None


def find_value(entry: Entry, path: str) -> Value | None:
    """Return the bulk data at a path, or None.

    Args:
        entry: The place of the data set.
        path: The part after ``bulkdata/`` of a URL in ``metadata``.

    Raises:
        InputError: The file is invalid, or has changed.
        OSError: The file cannot be read.
    """
    wanted = _tag_path(path)
    tag = int(wanted[-8:], 16)
    position = Position()
    facts: dict[int, Any] = {}
    events = entry.events(_READING) if entry.is_json else _file_events(entry, tag)
    for event in events:
        kind, event_tag, _, value = event
        if event_tag == tag and kind in _OF_A_VALUE and position.tag_path(tag) == wanted:
            return _value(entry, facts, chain([event], _until_end(events, kind)))
        if kind == ELEMENT:
            if event_tag in _FACTS and not position.items and value:
                facts[event_tag] = value[0]
        else:
            position.move(kind, event_tag, value)
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
    # Metadata refers to bytes only.
    if first[0] == ELEMENT and not all(isinstance(part, bytes) for part in first[3]):
        return None
    size = first[3] if first[0] == START_ELEMENT else sum(map(len, first[3])) if first[0] == ELEMENT else None
    return Value("", frames, _frame_size(facts), iter([_bytes_of(chain([first], events))]), size)


def _bytes_of(events: Iterator[Event]) -> Iterator[bytes]:
    for kind, _, _, value in events:
        if kind == ELEMENT:
            yield from value
        elif kind == SEGMENT or kind == LAST_SEGMENT:
            if not isinstance(value, bytes):
                raise InputError("expected bytes in a long value, found text")
            yield value


def _store_of(entry: Entry) -> DirectoryStore:
    """Return the store of relative references, in the file's folder (RFC 3986 5.1.3)."""
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
    if facts.get(PHOTOMETRIC_INTERPRETATION) == "YBR_FULL_422":  # PS3.3 C.7.6.3.1.2: chroma is subsampled by two
        size = size * 2 // 3
    return 0 if size % 8 else size // 8


def _compressed(events: Iterator[Event], count: int) -> Iterator[Iterator[bytes]]:
    """Yield the frames of encapsulated pixel data (PS3.5 A.4)."""
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
    """Return the transfer syntax of an instance, or ``NATIVE`` if the web excludes it.

    PS3.18 8.7.3.

    Raises:
        InputError: The file is invalid, or has changed.
        OSError: The file cannot be read.
    """
    found = _syntax_in_file(entry)
    is_kept = is_encapsulated(found) if entry.is_json else found not in _NOT_ON_THE_WEB
    return found if found and is_kept else NATIVE


def _syntax_in_file(entry: Entry) -> str:
    for kind, tag, _, value in entry.events(_READING):
        if kind == ELEMENT and tag == TRANSFER_SYNTAX_UID and value:
            return str(value[0])
        if tag > TRANSFER_SYNTAX_UID:
            break
    return ""


def _is_kept(entry: Entry, syntax: str) -> bool:
    return not entry.is_json and _syntax_in_file(entry) == syntax


def file_size(entry: Entry, syntax: str) -> int | None:
    """Return the bytes of ``as_file`` if that is known before writing them."""
    return entry.length if _is_kept(entry, syntax) else None


def file_part(entry: Entry, wanted: range) -> Iterator[bytes]:
    """Yield a range of the bytes of an instance whose ``file_size`` is known.

    Raises:
        InputError: The file has changed.
        OSError: The file cannot be read.
    """
    return replace(entry, offset=entry.offset + wanted.start, length=len(wanted)).chunks()


def as_file(entry: Entry, syntax: str, free_space: int) -> Iterator[bytes]:
    """Yield an instance as a DICOM file, unchanged if the transfer syntax fits.

    Args:
        entry: The place of the instance.
        syntax: Its own transfer syntax, or ``NATIVE``.
        free_space: Bytes of the disk that a temporary file of another transfer syntax leaves free.

    Raises:
        StreamDicomError: The file is invalid, or has changed.
        OSError: The file cannot be read.
    """
    if _is_kept(entry, syntax):
        yield from entry.chunks()
        return
    store = _store_of(entry) if entry.is_json else None
    with temporary() as file:
        target = cast(BinaryIO, SparingWriter(file, Space(free_space)))
        write_events(load_bulk_data(sort_elements(entry.events(_READING)), store), target, format="dicom")
        file.seek(0)
        while chunk := file.read(_COPY_SIZE):
            yield chunk
