"""What the index keeps of each data set of a file, and where in the file it is."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from enum import IntEnum
from itertools import chain
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

from streamdicom.api import iter_events, iter_file_events
from streamdicom.archive import Kind, kind_of, pieces
from streamdicom.codec import DatasetEncoder
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
from streamdicom.io import CHUNK
from streamdicom.jsontext import JsonTokenizer, TokenType
from streamdicom.options import ReadOptions
from streamdicom.server.qido import ATTRIBUTES, COLUMNS, HIGHEST_TAG, UNIQUE_KEYS, Level, column_text

_HEAD = 512
_BLANK = b" \t\r\n"
_MARK = b"\xef\xbb\xbf"  # the byte order mark of UTF-8

# Of one element. More is not for an index to keep; the file has it.
_MOST_TEXT = 16 * 1024  # characters
_MOST_EVENTS = 1024

_LEVELS = {one.tag: one.level for rows in ATTRIBUTES.values() for one in rows}
_PLACES = {one.tag: (level, place) for level, rows in COLUMNS.items() for place, one in enumerate(rows)}
_OPTIONS = ReadOptions(include=[one.key for rows in ATTRIBUTES.values() for one in rows], on_deviation=lambda _: None)

_NO_INDEX_KEEPS = frozenset({START_ELEMENT, START_FRAGMENTS, BULK_DATA, JSON_ELEMENT})
_START: Event = (START_DATASET, 0, "", 0)
_END: Event = (END_DATASET, 0, "", None)


class FileKind(IntEnum):
    """What a file is to the index."""

    OTHER = 0
    DICOM = 1
    JSON = 2


class Row(NamedTuple):
    """What there is of a data set for one level: the texts of the columns, and all of it as DICOM JSON."""

    columns: tuple[str | None, ...]
    attributes: str


class Record(NamedTuple):
    """A data set: the bytes in the file that it takes, and what there is for each level."""

    offset: int
    length: int
    rows: tuple[Row, ...]


def kind_of_file(path: str) -> FileKind:
    """What a file is, by its first bytes.

    Raises:
        OSError: It cannot be read.
    """
    with Path(path).open("rb", buffering=0) as file:
        head = file.read(_HEAD) or b""
    if kind_of(head) == Kind.DICOM:
        return FileKind.DICOM
    is_json = head.removeprefix(_MARK).lstrip(_BLANK).startswith((b"{", b"["))
    return FileKind.JSON if is_json else FileKind.OTHER


def records(path: str, kind: FileKind) -> Iterator[Record | StreamDicomError]:
    """The records of a file; an error stands for a data set that the index cannot have.

    Raises:
        InputError: The file is at fault; what came before it is right.
        OSError: It cannot be read.
    """
    with Path(path).open("rb", buffering=0) as raw:
        file = cast(BinaryIO, raw)
        if kind == FileKind.DICOM:
            size = file.seek(0, os.SEEK_END)
            file.seek(0)
            events = iter_file_events(pieces(file), options=_OPTIONS)
            # Tags ascend (PS3.5 7.1), so that nothing behind the last one is looked at.
            yield _record(0, size, _elements(events, HIGHEST_TAG))
            return
        with Path(path).open("rb", buffering=0) as again:
            for offset, length in _ranges(pieces(cast(BinaryIO, again))):
                yield _json_record(file, offset, length)


def _json_record(file: BinaryIO, offset: int, length: int) -> Record | StreamDicomError:
    try:
        events = iter_events(read_range(file, offset, length), options=_OPTIONS)
        return _record(offset, length, _elements(events))
    except StreamDicomError as error:
        return error


def read_range(file: BinaryIO, offset: int, length: int) -> Iterator[bytes]:
    """So many bytes of a file from a place on, some at a time.

    Raises:
        InputError: The file ends before them.
    """
    while length:
        file.seek(offset)
        chunk = file.read(min(length, CHUNK))
        if not chunk:
            raise InputError("the file has become shorter")
        offset, length = offset + len(chunk), length - len(chunk)
        yield chunk


# --- data sets in a file of DICOM JSON -------------------------------------------------------------------------

_START_OBJECT, _END_OBJECT = int(TokenType.START_OBJECT), int(TokenType.END_OBJECT)
_START_ARRAY, _END_ARRAY = int(TokenType.START_ARRAY), int(TokenType.END_ARRAY)


def _ranges(chunks: Iterable[bytes]) -> Iterator[tuple[int, int]]:
    """The offset and the length of each object at the top, or in an array at the top.

    Raises:
        InputError: It is no JSON.
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
        for offset in reader.locate_all([(index, 0) for index in bounds]):
            if start:
                yield start - 1, offset + 2 - start
            start = 0 if start else offset + 1


# --- a data set ------------------------------------------------------------------------------------------------


def _record(offset: int, length: int, elements: Iterable[list[Event]]) -> Record:
    """What the index keeps of a data set.

    Raises:
        InputError: The source is at fault, or there is no UID of the study, the series or the instance.
    """
    columns: list[list[str | None]] = [[None] * len(COLUMNS[level]) for level in Level]
    kept: list[list[Event]] = [[] for _ in Level]
    for element in elements:
        _, tag, vr, values = element[0]
        if tag in _LEVELS:
            kept[_LEVELS[tag]] += element
        if tag in _PLACES and len(element) == 1:
            level, place = _PLACES[tag]
            columns[level][place] = column_text(vr, values)
    _check_uids(columns)
    rows = (Row(tuple(columns[level]), json_text(kept[level]) if kept[level] else "{}") for level in Level)
    return Record(offset, length, tuple(rows))


def _check_uids(columns: list[list[str | None]]) -> None:
    for level, keyword in UNIQUE_KEYS.items():
        [place] = [place for place, one in enumerate(COLUMNS[level]) if one.keyword == keyword]
        if not is_uid(columns[level][place] or ""):
            raise InputError(f"no data set of an instance: {keyword} is missing, or is no UID")


def _elements(events: Iterable[Event], highest: int = MAX_TAG) -> Iterator[list[Event]]:
    """The elements at the top up to a tag, each with all that is in it, but for those that are long or no values."""
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
        if kind in _NO_INDEX_KEEPS or len(element) >= _MOST_EVENTS or size > _MOST_TEXT:
            element, is_kept = [], False
        if is_kept:
            element.append(event)
            if not depth:
                yield element


def json_text(elements: Iterable[Event]) -> str:
    """Elements as the text of one data set in DICOM JSON.

    >>> json_text([(3, 0x00100020, "LO", ("17",))])
    '{"00100020":{"vr":"LO","Value":["17"]}}'
    """
    encoder = DatasetEncoder(array=False)
    blocks = list(encoder.encode_events(sort_elements(chain((_START,), elements, (_END,)))))
    return (b"".join(blocks) + encoder.close()).decode()
