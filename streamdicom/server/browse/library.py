"""All data sets of some sources, numbered from 0 in the order of the sources.

A thread finds them while they are already shown: the number of a data set never changes. Memory does not depend on the
number of data sets, of which a temporary file holds 16 bytes each for the place and 16 for the SOP Instance UID.
"""

from __future__ import annotations

import json
import tarfile
import time
import zipfile
from array import array
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass, field
from heapq import nsmallest
from itertools import chain, islice
from pathlib import Path
from sys import maxsize
from threading import Event as Flag
from threading import Lock, Thread
from typing import BinaryIO, NamedTuple, cast

from streamdicom.archive import Heads
from streamdicom.dicom import SOP_INSTANCE_UID
from streamdicom.errors import IndexMismatchError, InputError
from streamdicom.events import ELEMENT, END_DATASET, START_DATASET
from streamdicom.formats import EventParser, detect
from streamdicom.index import (
    StreamIndex,
    has_wrapper,
    hash_of,
    sidecar_of,
    starts_and_hashes,
    uid_hash,
)
from streamdicom.inputs import HEAD_SIZE, Input, Kind, find, reading, recognize
from streamdicom.io import COMPRESSIONS, MemberPlace, UnpackedFile, read_range
from streamdicom.jsontext import CommentError
from streamdicom.options import ReadOptions
from streamdicom.server.browse.numbers import Lookup, Records, Texts
from streamdicom.server.browse.units import DAMAGED, TAR, ZIP, Readers, Slice, SourceChangedError, Unit, opened

MAX_SAME = 100
"""Data sets with one UID that are found."""

_BLOCK = 128 * 1024
_STARTS = 64 * 1024  # offsets of an index that are copied at once
_MAX_PROBLEMS = 1000
_MAX_UNITS = 256  # that are held
_MAX_UID_SIZE = 1024 * 1024  # bytes of a DICOM file that are read for its UID
_TEXT = ("json", "xml")


class Located(NamedTuple):
    """The place of a data set.

    Attributes:
        unit: The unit that has it.
        unit_number: The number of the unit.
        start: The offset of its first byte in the unit.
        end: The offset of the next data set of the unit, or None.
        number: Its number in the unit.
    """

    unit: Unit
    unit_number: int
    start: int
    end: int | None
    number: int


@dataclass
class Progress:
    """The progress of finding data sets.

    Attributes:
        count: Data sets so far.
        done: Bytes that were scanned.
        total: Bytes in all, or None.
        is_complete: Whether all data sets are found.
        seconds: The time that it took so far.
        units: Files and members so far.
        problems: Inputs that cannot be shown, and why.
        more_problems: The number of further ones.
    """

    count: int = 0
    done: int = 0
    total: int | None = None
    is_complete: bool = False
    seconds: float = 0.0
    units: int = 0
    problems: list[str] = field(default_factory=list)
    more_problems: int = 0

    def add_problem(self, text: str) -> None:
        """Note an input that cannot be shown."""
        if len(self.problems) < _MAX_PROBLEMS:
            self.problems.append(text)
        else:
            self.more_problems += 1


class _StoppedError(Exception):
    """The library was closed."""


class Library:
    """The data sets of some sources.

    Args:
        sources: Files, folders, ZIP and tar files.
        force: Read DICOM files that have no preamble.

    Attributes:
        sources: As given.
        force: As given.
        progress: How far the data sets are found.

    Raises:
        OSError: A source does not exist.

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile(suffix=".json") as file:
    ...     _ = file.write(b"[{}, {}]")
    ...     file.flush()
    ...     with Library([file.name]) as library:
    ...         library.wait()
    ...         library.progress.count, library.locate(1).start
    (2, 5)
    """

    def __init__(self, sources: Sequence[str], *, force: bool = False) -> None:
        self.sources = list(sources)
        self.force = force
        sizes = [Path(source).stat().st_size if Path(source).is_file() else None for source in _checked(sources)]
        total = None if None in sizes else sum(size or 0 for size in sizes)
        self.progress = Progress(total=total)
        self._places = Records(2)  # the number of the unit, and the offset
        self._units = Texts()
        self._held: OrderedDict[int, Unit] = OrderedDict()
        self._members: dict[int, list[MemberPlace]] = {}  # of compressed units
        self._indices: list[tuple[int, int, StreamIndex]] = []  # first number, count and index
        self._uids = Lookup()
        self._missing = Records(1)  # the numbers of data sets whose UID is still to be found
        self._heads = Heads.of([SOP_INSTANCE_UID], ReadOptions(include=[SOP_INSTANCE_UID]))
        self._lock = Lock()
        self._is_stopped = Flag()
        self._start = time.monotonic()
        self._stack = ExitStack()
        self._readers = Readers()
        for item in (self._places, self._units, self._uids, self._missing, self._readers):
            self._stack.callback(item.close)
        self._thread = Thread(target=self._run, name="browse-index", daemon=True)
        self._thread.start()

    def __enter__(self) -> Library:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def wait(self, timeout: float | None = None) -> None:
        """Wait until all data sets are found."""
        self._thread.join(timeout)

    def close(self) -> None:
        """Stop, and remove the temporary files."""
        self._is_stopped.set()
        self._thread.join()
        self._stack.close()

    # --- look-up -----------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._places)

    def locate(self, number: int) -> Located:
        """Return the place of a data set.

        Raises:
            IndexError: There is no such data set.
        """
        found = self._places.get(number, 2)
        unit_number, start = found[0], found[1]
        end = found[3] if len(found) > 2 and found[2] == unit_number else None
        unit = self.unit(unit_number)
        return Located(unit, unit_number, start, end, number - unit.first)

    def places(self, start: int, count: int) -> array[int]:
        """Return the numbers of the units and the offsets of some data sets, in turn."""
        return self._places.get(start, count)

    def unit(self, number: int) -> Unit:
        """Return a unit by its number."""
        with self._lock:
            held = self._held.get(number)
            if held is not None:
                self._held.move_to_end(number)
                return held
        unit = Unit(*json.loads(self._units.get(number)))
        with self._lock:
            self._held[number] = unit
            if len(self._held) > _MAX_UNITS:
                self._held.popitem(last=False)
        return unit

    def opened(self, located: Located) -> AbstractContextManager[BinaryIO]:
        """Open the unit of a data set, to read it from there; see ``Readers``."""
        return self._readers.opened(located.unit, located.start, self._members.get(located.unit_number))

    def candidates(self, uid: str) -> list[int] | None:
        """Return the numbers of the first data sets that may have a SOP Instance UID.

        Returns:
            None as long as the UIDs of some are not known.
        """
        if not self._uids.is_finished:
            return None
        return nsmallest(MAX_SAME, chain(self._uids.find(uid_hash(uid)), self._indexed(uid)))

    def _indexed(self, uid: str) -> Iterator[int]:
        for first, count, index in self._indices:
            with suppress(IndexMismatchError), self._lock:
                yield from (first + ordinal for ordinal in index.ordinals(uid) if ordinal < count)

    # --- the thread --------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            for found in find(self.sources, force=self.force):
                self._check_stop()
                self._add_input(found)
            self._check_stop()
            self.progress.is_complete = True
            with suppress(SourceChangedError):  # which the page says
                self._add_missing()
            self._uids.finish()
        except _StoppedError:
            pass
        except Exception as error:
            self.progress.add_problem(f"not all data sets are found: {error}")
            self.progress.is_complete = True
            raise

    @property
    def is_closed(self) -> bool:
        """Whether the library was closed."""
        return self._is_stopped.is_set()

    def _check_stop(self) -> None:
        if not self.progress.is_complete:
            self.progress.seconds = time.monotonic() - self._start
        if self._is_stopped.is_set():
            raise _StoppedError

    def _add_input(self, found: Input) -> None:
        try:
            if found.kind == Kind.DICOM:
                self._add_file(Unit(found.path, found.size, found.mtime, "dicom"))
            elif found.kind == Kind.TEXT:
                self._add_text(Unit(found.path, found.size, found.mtime, ""), is_named=found.is_named)
            elif found.kind in (Kind.ZIP, Kind.TAR, Kind.COMPRESSED):
                self._add_container(found)
            elif found.kind == Kind.FAULT:
                self.progress.add_problem(f"{found.path}: {found.fault}")
        except (InputError, SourceChangedError, ValueError, OSError) as error:
            name = "" if str(error).startswith(found.path) else f"{found.path}: "
            self.progress.add_problem(f"{name}{error}")
        if not self._is_stopped.is_set():
            self.progress.done += 0 if found.kind == Kind.TEXT else found.size

    def _add_unit(self, unit: Unit) -> int:
        self.progress.units += 1
        return self._units.append(json.dumps(unit._replace(first=len(self._places))))

    def _add_places(self, unit_number: int, starts: Sequence[int]) -> None:
        records = array("Q", [unit_number]) * (2 * len(starts))
        records[1::2] = array("Q", starts)
        self._places.extend(records)
        self.progress.count = len(self._places)

    def _add_file(self, unit: Unit, uid: str | None = None) -> None:
        """Add a DICOM file."""
        if uid is None:
            with suppress(InputError, SourceChangedError), self._readers.opened(unit, 0) as file:
                uid = self._uid_of(unit, file)
        number = self._add_unit(unit)
        self._add_places(number, [0])
        self._uids.add(uid_hash(uid), len(self._places) - 1)

    def _uid_of(self, unit: Unit, file: BinaryIO) -> str | None:
        """Return the SOP Instance UID of a DICOM file, or None."""
        if self._heads is not None and not unit.container and not unit.packing:
            events = self._heads.read(unit.path, unit.size)
            if events is not None:
                return next((str(value[0]) for _, _, _, value in events if value), None)
        return _uid_of_file(file, force=self.force)

    # --- JSON and XML ------------------------------------------------------------------------------------------

    def _add_text(self, unit: Unit, *, is_named: bool = False) -> None:
        """Add a stream of JSON or XML, plain or compressed."""
        if is_named and not unit.container and self._add_indexed(unit):
            return
        with opened(unit) as file:
            head = b"".join(read_range(file, 0, _BLOCK))
            content = detect(head[:HEAD_SIZE], is_all=len(head) < HEAD_SIZE) or ""
            if content not in _TEXT:
                raise InputError("expected DICOM JSON or Native DICOM XML")
            unit = unit._replace(format=content)
            number = self._add_unit(unit)
            if unit.packing and isinstance(file, UnpackedFile):
                self._members[number] = file.places
            before = self.progress.done
            if content == "xml":
                self._parse(number, file, before)
            else:
                self._scan(number, file, before, _array_start(head) if has_wrapper(head) else None)

    def _add_indexed(self, unit: Unit) -> bool:
        """Add a stream by the index beside it; return False without one."""
        if not Path(sidecar_of(unit.path)).exists():
            return False
        try:
            index = StreamIndex(unit.path)
        except (IndexMismatchError, OSError) as error:
            self.progress.add_problem(f"{error}; the index beside it is not used")
            return False
        self._stack.callback(index.close)
        packing = index.packing
        unit = unit._replace(format="json", packing=packing.kind if packing else "")
        number = self._add_unit(unit)
        if packing:
            self._members[number] = packing.places
        first = len(self._places)
        starts = index.starts()
        while block := list(islice(starts, _STARTS)):
            self._check_stop()
            self._add_places(number, block)
        self._indices.append((first, len(self._places) - first, index))
        self.progress.done += unit.size
        return True

    def _scan(self, number: int, file: BinaryIO, before: int, array_start: int | None) -> None:
        """Add the data sets of a JSON text by the scan of its structure.

        Args:
            number: The number of the unit.
            file: The text.
            before: Bytes of the sources before it.
            array_start: The offset of the array in an object around it, or None.
        """
        base = array_start or 0
        text = file if array_start is None else cast(BinaryIO, Slice(file, base, file.seek(0, 2) - base))
        # After the array, the object around it may have other objects.
        left = maxsize if array_start is None else self._count(file)
        try:
            for starts, hashes, missing in starts_and_hashes(text):
                self._check_stop()
                first = len(self._places)
                found = [base + start for start in starts[:left]] if base else starts
                self._add_places(number, found)
                left -= len(found)
                unknown = {first + number for number in missing if number < len(found)}
                self._missing.extend(array("Q", sorted(unknown)))
                for ordinal, value in zip(range(first, len(self._places)), hashes, strict=False):
                    if ordinal not in unknown:
                        self._uids.add(value, ordinal)
                self.progress.done = before + base + starts[-1]
                if left <= 0:
                    break
        except CommentError:
            self.progress.add_problem(f"{self.unit(number).name}: data sets after a comment are not shown")
        size = file.seek(0, 2)
        self.progress.done = before + size
        if len(self._places) == self.unit(number).first:
            self._explain(number, file)

    def _explain(self, number: int, file: BinaryIO) -> None:
        """Note why a JSON text has no data set, unless it is an empty array."""
        parser = EventParser(options=ReadOptions(format="json", on_error="keep", on_deviation=lambda _: None))
        try:
            for block in read_range(file, 0, _BLOCK):
                parser.feed(block)
        except InputError as error:
            self.progress.add_problem(f"{self.unit(number).name}: {error}")

    def _add_missing(self) -> None:
        """Add the UIDs that the scans have not seen at the start of their data sets."""
        opened_unit = -1
        with ExitStack() as stack:
            for first in range(0, len(self._missing), _STARTS):
                for number in self._missing.get(first, _STARTS):
                    self._check_stop()
                    located = self.locate(number)
                    if located.unit_number != opened_unit:
                        stack.close()
                        file = stack.enter_context(self.opened(located))
                        opened_unit = located.unit_number
                    with suppress(InputError):
                        value = hash_of(file, located.start, maxsize if located.end is None else located.end)
                        if value != uid_hash(None):
                            self._uids.add(value, number)

    def _count(self, file: BinaryIO) -> int:
        """Return the number of data sets of a JSON text, up to a fault."""
        options = ReadOptions(include=["SOPInstanceUID"], on_error="keep", on_deviation=lambda _: None)
        parser = EventParser(options=options)
        count = 0
        with suppress(InputError):
            for block in read_range(file, 0, None, _BLOCK):
                self._check_stop()
                count += sum(event[0] == START_DATASET for event in parser.feed(block))
        return count

    def _parse(self, number: int, file: BinaryIO, before: int) -> None:
        """Add the data sets of XML documents."""
        options = ReadOptions(format="xml", include=["SOPInstanceUID"], on_error="keep", on_deviation=lambda _: None)
        parser = EventParser(options=options)
        parser.keep_places()
        first = len(self._places)
        try:
            for block in read_range(file, 0, None, _BLOCK):
                self._check_stop()
                events = parser.feed(block)
                offset_of = parser.offset_of()
                for index, (kind, tag, _, value) in enumerate(events):
                    if kind == START_DATASET:
                        # The first document starts with its declaration, which has the encoding.
                        self._add_places(number, [0 if len(self._places) == first else offset_of(index)])
                    elif kind == ELEMENT and tag == SOP_INSTANCE_UID and value:
                        self._uids.add(uid_hash(str(value[0])), len(self._places) - 1)
                self.progress.done = before + file.tell()
        except InputError as error:
            self.progress.add_problem(f"{self.unit(number).name}: {error}")

    # --- ZIP, tar and compressed files -------------------------------------------------------------------------

    def _add_container(self, found: Input) -> None:
        unit = Unit(found.path, found.size, found.mtime, "")
        with Path(found.path).open("rb") as raw:
            if found.kind == Kind.ZIP:
                with reading(DAMAGED):
                    self._add_zip(unit, raw)
                return
            if found.kind == Kind.TAR:
                with reading(DAMAGED):
                    self._add_tar(unit, raw)
                return
            packing = detect(raw.read(HEAD_SIZE), is_all=found.size <= HEAD_SIZE)
            unit = unit._replace(packing=packing if packing in COMPRESSIONS else "")
            with opened(unit) as content:
                head = b"".join(read_range(content, 0, HEAD_SIZE))
                kind, fault = recognize(head, found.path, is_named=found.is_named)
                if kind == Kind.TAR:
                    with reading(DAMAGED):
                        self._add_tar(unit, content)
                    return
        self._add_content(unit, kind, fault, is_named=found.is_named)

    def _add_content(self, unit: Unit, kind: Kind, fault: str, *, is_named: bool = False) -> None:
        if kind == Kind.DICOM:
            self._add_file(unit._replace(format="dicom"))
        elif kind == Kind.TEXT:
            done = self.progress.done
            self._add_text(unit, is_named=is_named)
            self.progress.done = done
        elif kind == Kind.FAULT:
            self.progress.add_problem(f"{unit.name}: {fault}")

    def _add_zip(self, unit: Unit, raw: BinaryIO) -> None:
        with zipfile.ZipFile(raw) as archive:
            for info in archive.infolist():
                self._check_stop()
                if info.filename.endswith("/"):
                    continue
                member = unit._replace(
                    container=ZIP,
                    member=info.filename,
                    place=info.header_offset,
                    length=info.compress_size,
                    method=info.compress_type,
                    content=info.file_size,
                    checksum=info.CRC,
                )
                if info.flag_bits & 1 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    self.progress.add_problem(f"{member.name}: the member is encrypted, or not compressed by deflate")
                    continue
                with archive.open(info) as file:
                    head = file.read(HEAD_SIZE)
                self._add_member(member, head)

    def _add_tar(self, unit: Unit, content: BinaryIO) -> None:
        content.seek(0)
        with tarfile.open(fileobj=content, mode="r:", errors="surrogateescape") as archive:
            for header in archive:
                self._check_stop()
                archive.members = []  # type: ignore[attr-defined]  # tarfile would keep all headers
                if header.isreg() and not header.issparse():
                    member = unit._replace(
                        container=TAR, member=header.name, place=header.offset_data, length=header.size
                    )
                    head = b"".join(read_range(content, member.place, member.place + min(HEAD_SIZE, member.length)))
                    self._add_member(member, head)

    def _add_member(self, member: Unit, head: bytes) -> None:
        kind, fault = recognize(head, member.member)
        with suppress(InputError):
            self._add_content(member, kind, fault)


def _checked(sources: Sequence[str]) -> Iterator[str]:
    for source in sources:
        Path(source).stat()
        yield source


def _array_start(head: bytes) -> int:
    """Return the offset of the array in an object around it.

    Raises:
        InputError: It is further away, or its first data set is empty.
    """
    parser = EventParser(options=ReadOptions(on_error="keep", on_deviation=lambda _: None))
    parser.keep_places()
    for index, (kind, *_) in enumerate(parser.feed(head)):
        if kind not in (START_DATASET, END_DATASET):
            return head.rindex(b"[", 0, parser.offset_of()(index))
    raise InputError("an object around an array whose first element is not near is not shown")


def _uid_of_file(file: BinaryIO, *, force: bool) -> str | None:
    """Return the SOP Instance UID of a DICOM file, or None."""
    options = ReadOptions(include=["SOPInstanceUID"], on_deviation=lambda _: None, force=force)
    parser = EventParser(options=options)
    for block in read_range(file, 0, _MAX_UID_SIZE, 4096):
        for kind, tag, _, value in parser.feed(block):
            if kind == ELEMENT and tag >= SOP_INSTANCE_UID:
                return str(value[0]) if tag == SOP_INSTANCE_UID and value else None
    return None
