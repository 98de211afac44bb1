"""Records of the data sets in a file: place, columns and attributes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from enum import IntEnum
from itertools import chain
from typing import BinaryIO, NamedTuple, cast

from streamdicom.api import iter_events
from streamdicom.codec import EventEncoder
from streamdicom.dicom import (
    MAX_TAG,
    is_uid,
)
from streamdicom.errors import InputError, StreamDicomError
from streamdicom.events import (
    BULK_DATA,
    CLOSING,
    ELEMENT,
    END_DATASET,
    JSON_ELEMENT,
    OPENING,
    START_DATASET,
    START_ELEMENT,
    START_FRAGMENTS,
    Event,
)
from streamdicom.filters import sort_elements
from streamdicom.formats import DICOM, JSON, UNKNOWN, detect
from streamdicom.inputs import pieces
from streamdicom.io import CHUNK
from streamdicom.jsontext import JsonTokenizer, TokenType
from streamdicom.limits import Limits
from streamdicom.options import ReadOptions
from streamdicom.server.limits import HELD_SIZE
from streamdicom.server.qido import ATTRIBUTES, COLUMNS, HIGHEST_TAG, UNIQUE_KEYS, Level, column_text

_HEAD = 512

# Bounds on one element of the index; a longer element stays in the file only.
_MAX_TEXT = 16 * 1024  # characters
_MAX_EVENTS = 1024

_LEVELS = {attribute.tag: attribute.level for rows in ATTRIBUTES.values() for attribute in rows}
_COLUMNS = {attribute.tag: (level, number) for level, rows in COLUMNS.items() for number, attribute in enumerate(rows)}
_OPTIONS = ReadOptions(
    include=[attribute.key for rows in ATTRIBUTES.values() for attribute in rows],
    limits=Limits(held_size=HELD_SIZE),
    on_deviation=lambda _: None,
    deviations={"truncated": "error", "broken-structure": "error"},
)

_NOT_INDEXED = frozenset({START_ELEMENT, START_FRAGMENTS, BULK_DATA, JSON_ELEMENT})
_START: Event = (START_DATASET, 0, "", 0)
_END: Event = (END_DATASET, 0, "", None)


class FileKind(IntEnum):
    """The kind of a file."""

    OTHER = 0
    DICOM = 1
    JSON = 2


_KINDS: dict[str, FileKind] = {DICOM.name: FileKind.DICOM, JSON.name: FileKind.JSON}


class Row(NamedTuple):
    """The attributes of one level: texts of the columns, and DICOM JSON of all."""

    columns: tuple[str | None, ...]
    attributes: str


class Record(NamedTuple):
    """The place of a data set in its file, in bytes, and a row for each level."""

    offset: int
    length: int
    rows: tuple[Row, ...]


def open_file(path: str) -> BinaryIO:
    """Open a file without a buffer, and without waiting for the writer of a pipe.

    Raises:
        OSError: The file cannot be read.
    """
    return cast(BinaryIO, open(path, "rb", buffering=0, opener=_without_waiting))


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def kind_of_file(path: str) -> FileKind:
    """Detect the kind of a file by its first bytes.

    Raises:
        OSError: The file cannot be read.
    """
    with open_file(path) as file:
        head = file.read(_HEAD) or b""
    return _KINDS.get(detect(head, is_all=True) or UNKNOWN, FileKind.OTHER)


def records(path: str, kind: FileKind) -> Iterator[Record | StreamDicomError]:
    """Yield the records of a file, or an error for a data set that has none.

    Raises:
        InputError: The file is invalid; the records before are valid.
        OSError: The file cannot be read.
    """
    with open_file(path) as file:
        if kind == FileKind.DICOM:
            size = file.seek(0, os.SEEK_END)
            file.seek(0)
            events = iter_events(pieces(file), options=_OPTIONS)
            # Tags ascend (PS3.5 7.1), so reading stops after the highest tag of the index.
            yield _record(0, size, short_elements(events, HIGHEST_TAG))
            return
        with open_file(path) as again:
            for offset, length in _ranges(pieces(again)):
                yield _json_record(file, offset, length)


def _json_record(file: BinaryIO, offset: int, length: int) -> Record | StreamDicomError:
    try:
        events = iter_events(read_range(file, offset, length), options=_OPTIONS)
        return _record(offset, length, short_elements(events))
    except StreamDicomError as error:
        return error


def read_range(file: BinaryIO, offset: int, length: int) -> Iterator[bytes]:
    """Yield a range of a file in chunks.

    Raises:
        InputError: The file ends within the range.
    """
    while length:
        file.seek(offset)
        chunk = file.read(min(length, CHUNK))
        if not chunk:
            raise InputError("the file has become shorter since it was indexed")
        offset, length = offset + len(chunk), length - len(chunk)
        yield chunk


# --- data sets in a file of DICOM JSON -------------------------------------------------------------------------

_START_OBJECT, _END_OBJECT = int(TokenType.START_OBJECT), int(TokenType.END_OBJECT)
_START_ARRAY, _END_ARRAY = int(TokenType.START_ARRAY), int(TokenType.END_ARRAY)


def _ranges(chunks: Iterable[bytes]) -> Iterator[tuple[int, int]]:
    """Yield offset and length of each object at the top, or in an array at the top.

    Raises:
        InputError: The bytes are not JSON.
    """
    reader = JsonTokenizer(multiple=True, lenient=True)
    depth = top = start = 0
    for chunk in chain(chunks, (None,)):
        bounds = []
        for index, (kind, _) in enumerate(reader.close() if chunk is None else reader.feed(chunk)):
            if kind == _START_OBJECT:
                if depth == top:
                    bounds.append(index)
                depth += 1
            elif kind == _END_OBJECT:
                depth -= 1
                if depth == top:
                    bounds.append(index)
            elif kind == _START_ARRAY:
                top = 1 if not depth else top
                depth += 1
            elif kind == _END_ARRAY:
                depth -= 1
                top = top if depth else 0
        for offset in reader.locate_all(bounds):
            if start:
                yield start - 1, offset + 2 - start
            start = 0 if start else offset + 1


# --- a data set ------------------------------------------------------------------------------------------------


def _record(offset: int, length: int, elements: Iterable[list[Event]]) -> Record:
    """Build the record of a data set.

    Raises:
        InputError: The source is invalid, or lacks the UID of the study, the series or the instance.
    """
    columns: list[list[str | None]] = [[None] * len(COLUMNS[level]) for level in Level]
    kept: list[list[Event]] = [[] for _ in Level]
    for element in elements:
        _, tag, vr, values = element[0]
        if tag in _LEVELS:
            kept[_LEVELS[tag]] += element
        if tag in _COLUMNS and len(element) == 1:
            level, number = _COLUMNS[tag]
            columns[level][number] = column_text(vr, values)
    _check_uids(columns)
    rows = (Row(tuple(columns[level]), json_text(kept[level]) if kept[level] else "{}") for level in Level)
    return Record(offset, length, tuple(rows))


def _check_uids(columns: list[list[str | None]]) -> None:
    for level, keyword in UNIQUE_KEYS.items():
        [number] = [number for number, attribute in enumerate(COLUMNS[level]) if attribute.keyword == keyword]
        if not is_uid(columns[level][number] or ""):
            raise InputError(f"expected a UID in {keyword}; the data set is not an instance")


def short_elements(events: Iterable[Event], highest: int = MAX_TAG) -> Iterator[list[Event]]:
    """Yield the elements at the top, up to a tag, without long values and references."""
    element: list[Event] = []
    depth = size = 0
    is_kept = True
    for event in events:
        kind, tag, _, value = event
        if kind == START_DATASET or kind == END_DATASET:
            continue
        if not depth:
            if tag > highest:
                return
            element, size, is_kept = [], 0, True
        depth += (kind in OPENING) - (kind in CLOSING)
        size += len(str(value)) if kind == ELEMENT else 0
        if kind in _NOT_INDEXED or len(element) >= _MAX_EVENTS or size > _MAX_TEXT:
            element, is_kept = [], False
        if is_kept:
            element.append(event)
            if not depth:
                yield element


def json_text(elements: Iterable[Event]) -> str:
    """Return elements as the DICOM JSON of one data set.

    >>> json_text([(3, 0x00100020, "LO", ("17",))])
    '{"00100020":{"vr":"LO","Value":["17"]}}'
    """
    encoder = EventEncoder(array=False)
    blocks = list(encoder.encode(sort_elements(chain((_START,), elements, (_END,)))))
    return (b"".join(blocks) + encoder.close()).decode()
