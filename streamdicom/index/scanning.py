"""The data sets of a JSON text: where each starts, and its SOP Instance UID."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator

from streamdicom import _native
from streamdicom._digests import blake2b
from streamdicom._late import late_pattern
from streamdicom._records import NamedTuple
from streamdicom._typing import BinaryIO
from streamdicom.dicom import SOP_INSTANCE_UID
from streamdicom.errors import InputError, Location
from streamdicom.events import ELEMENT, END_DATASET
from streamdicom.formats.json import KeyFilter
from streamdicom.index.offsets import BLANK, WRAPPER
from streamdicom.index.sorting import numbers_of
from streamdicom.io import read_range
from streamdicom.jsontext import FIRST, NEXT, BoundaryScanner, CommentError, Origin, Summary, scan
from streamdicom.limits import Limits
from streamdicom.options import ReadOptions
from streamdicom.patterns import DatasetConditions

PIECE = 128 * 1024
"""Bytes that are scanned at once."""

_NO_DIGEST, _ONE = bytes(8), (1).to_bytes(8, "little")
_MAX_UID = 64  # bytes
_UID_BYTES = b"0123456789."
_HEAD = 1024  # bytes of a data set in which its SOP Instance UID mostly is
_VALUE = rb'"Value"\s*:\s*\[\s*"([0-9.]{1,64})"\s*\]'
_VR = rb'"vr"\s*:\s*"UI"'
_COMMA = rb"\s*,\s*"
_UID_PATTERN = (  # pydicom writes the VR after the value
    rb'"00080018"\s*:\s*\{\s*(?:' + _VR + _COMMA + _VALUE + b"|" + _VALUE + _COMMA + _VR + rb")\s*\}"
)
_PLAIN = rb'\{[^{}"\\/]*+(?:"[^{}"\\]*+"[^{}"\\/]*+|(?!))*+\}'  # an object whose end is evident
_UID = late_pattern(_UID_PATTERN)
_PLAIN_UID = late_pattern(
    rb'\{\s*(?:"(?!00080018)[0-9A-F]{8}"\s*:\s*' + _PLAIN + _COMMA + rb"|(?!))*+(?:" + _UID_PATTERN + b")"
)
_UID_TAG = late_pattern(rb'0008[^"]{0,3}0018')
_KEYWORD_END = b"InstanceUID"  # of SOPInstanceUID and of sopInstanceUID
_ESCAPED_ASCII = late_pattern(rb"\\u00[0-7]")
_LONGEST_KEY = 32  # bytes
_KEYED = late_pattern(rb'\{\s*"[0-9A-Fa-f]{8}"')
_LOOK_BACK = 64  # bytes
_STRUCTURES = {b",": NEXT, b"[": FIRST}
_LIMITS = Limits().depth, Limits().segment_size, Limits().number_length


def starts(file: BinaryIO, start: int = 0, end: int | None = None) -> Iterator[array[int]]:
    """Yield the offsets of the data sets of a JSON text, in lists of bounded length.

    Args:
        file: The JSON text.
        start: The offset of a data set, or of the start of the text.
        end: The offset before which to stop; None for the end of the text.

    Raises:
        CommentError: The text has a comment.
    """
    for found, _, _ in _scanned(file, start, end):
        yield found


class Found(NamedTuple):
    """Data sets that were found in a part of a text.

    Attributes:
        starts: Their offsets.
        hashes: Of their SOP Instance UIDs, see ``uid_hash``.
        missing: The numbers of those whose hash is not known; ``hash_of`` finds it.
    """

    starts: array[int]
    hashes: array[int]
    missing: list[int]


def starts_and_hashes(file: BinaryIO) -> Iterator[Found]:
    """Yield the data sets of a JSON text, in lists of bounded length.

    Raises:
        CommentError: The text has a comment.
    """
    before: Found | None = None  # yielded with the next ones
    last, end = b"", 0  # the piece of it, and the offset after that
    try:
        for starts, piece, offset in _scanned(file, 0, None):
            if before is not None:
                if end == offset and before.missing[-1:] == [len(before.starts) - 1]:
                    # The last data set goes on in this piece.
                    text = last[before.starts[-1] - end :] + piece[: starts[0] - offset]
                    _complete(before, hashes_at(text, before.starts[-1], before.starts[-1:], starts[0]))
                yield before
            end = offset + len(piece)
            before, last = hashes_at(piece, offset, starts), piece
    except CommentError:
        if before is not None:
            yield before
        raise
    if before is not None:
        yield before


def _complete(found: Found, last: Found) -> None:
    """Set the hash of the last data set, if it is known."""
    if not last.missing:
        found.hashes[-1:] = last.hashes
        found.missing.pop()


def _scanned(file: BinaryIO, offset: int, end: int | None) -> Iterator[tuple[array[int], bytes, int]]:
    """Yield the offsets of data sets, the piece that they start in, and its offset."""
    scanner = BoundaryScanner(offset)
    for piece in read_range(file, offset, end, PIECE):
        found = scanner.feed(piece)
        if found:
            yield found, piece, offset
        offset += len(piece)


def hashes_at(data: bytes, offset: int, starts: array[int], end: int | None = None) -> Found:
    """Return data sets with the hashes of those SOP Instance UIDs that are evident.

    Args:
        data: A part of the text.
        offset: The offset of the part.
        starts: The offsets of data sets that start in it.
        end: The offset after the last of them, if it ends in the part.

    >>> found = hashes_at(b'[{"00080018":{"vr":"UI","Value":["1.2"]}},{"', 0, array("Q", [1, 42]))
    >>> found.hashes[0] == uid_hash("1.2"), found.missing
    (True, [1])
    """
    if _native.functions is not None:
        words, missing = _native.functions.json_uid_hashes(data, offset, starts.tobytes(), end, _LIMITS)
        return Found(starts, array("Q", words), missing)
    uids = _evident_uids(data, offset, starts)
    missing = []
    if None in uids:
        may_have = any(uids) or _has_uid_key(data)
        missing = [
            number
            for number, (uid, start, stop) in enumerate(zip(uids, starts, [*starts[1:], end], strict=True))
            if uid is None and (stop is None or not _has_no_uid(data[start - offset : stop - offset], may_have))
        ]
    return Found(starts, numbers_of(b"".join(map(_digest, uids))), missing)


def _evident_uids(data: bytes, offset: int, starts: Iterable[int]) -> list[bytes | None]:
    """Return the evident UID of each data set in a part of a text.

    Most data sets begin as the one before, up to the UID.
    """
    uids: list[bytes | None] = []
    head, tail, size = b"", b"", 0
    for start in starts:
        start -= offset
        if size and data.startswith(head, start):
            first = start + size
            last = data.find(b'"', first, first + _MAX_UID + 1)
            uid = data[first:last]
            if last > first and data.startswith(tail, last) and not uid.translate(None, _UID_BYTES):
                uids.append(uid)
                continue
        match = _PLAIN_UID.match(data, start, start + _HEAD)
        uids.append(match and (match[1] or match[2]))
        if match and match.end() - start < _HEAD - _MAX_UID:
            first, last = match.span(match.lastindex or 1)
            head, tail, size = data[start:first], data[last : match.end()], first - start
    return uids


def _evident_uid(data: bytes) -> str | None:
    [uid] = _evident_uids(data, 0, [0])
    return None if uid is None else uid.decode()


def origin_of(file: BinaryIO, offset: int) -> Origin:
    """Return the origin of a data set, by the structure before it.

    Args:
        file: The JSON text.
        offset: The offset of the data set.
    """
    end, size = offset, _LOOK_BACK
    while end > 0:
        start = max(0, end - size)
        before = b"".join(read_range(file, start, end)).rstrip(BLANK)
        if before:
            return Origin(offset, _STRUCTURES.get(before[-1:], ""))
        end, size = start, min(2 * size, PIECE)
    return Origin(offset)


def is_first_item(file: BinaryIO, offset: int) -> bool:
    """Return whether an object is the first item of a sequence.

    Args:
        file: The JSON text.
        offset: The offset of the object.
    """
    before = b"".join(read_range(file, max(0, offset - _LOOK_BACK), offset)).rstrip(BLANK)
    return before.endswith(b"[") and before[:-1].rstrip(BLANK).endswith(b":")


def uid_hash(uid: str | None) -> int:
    """Return a hash of 64 bits, which is the same in every process; 0 for no UID.

    >>> uid_hash("1.2.3") == uid_hash("1.2.3") != uid_hash(None)
    True
    """
    return int.from_bytes(_digest(uid.encode() if uid else None), "little")


def _digest(uid: bytes | None) -> bytes:
    """Return the hash of a UID as bytes."""
    if not uid:
        return _NO_DIGEST
    digest = blake2b(uid, digest_size=len(_NO_DIGEST)).digest()
    return digest if digest != _NO_DIGEST else _ONE


def hash_of(file: BinaryIO, start: int, end: int) -> int:
    """Return the hash of the SOP Instance UID of a data set; see ``uid_of``."""
    return uid_hash(uid_of(file, start, end))


def hashes_of(file: BinaryIO, offsets: array[int]) -> array[int]:
    """Return the hashes of the SOP Instance UIDs of data sets that follow one another.

    Args:
        file: The JSON text.
        offsets: The offset of each data set, and that after the last one.

    Raises:
        InputError: An object around an array is no data set.
    """
    hashes = array("Q")
    while len(hashes) < len(offsets) - 1:
        first = len(hashes)
        start = offsets[first]
        last = max(bisect_right(offsets, start + PIECE, first) - 1, first + 1)
        if last == first + 1:  # which may be long
            hashes.append(hash_of(file, start, offsets[last]))
            continue
        data = b"".join(read_range(file, start, offsets[last], PIECE))
        found = hashes_at(data, start, offsets[first:last], offsets[last])
        hashes += found.hashes
        for number in found.missing:
            hashes[first + number] = hash_of(file, offsets[first + number], offsets[first + number + 1])
    return hashes


def uid_of(file: BinaryIO, start: int, end: int) -> str | None:
    """Return the SOP Instance UID of a data set, or None.

    Args:
        file: The JSON text.
        start: The offset of the data set.
        end: The offset of the next one, or the end of the text.

    Raises:
        InputError: This is an object around an array of data sets.
    """
    head = b"".join(read_range(file, start, min(end, start + _HEAD)))
    uid = _evident_uid(head)
    if uid is not None:
        return uid
    found = _UID.search(head)
    if found and _KEYED.match(head):
        before = scan(head[: found.start()])
        if isinstance(before, Summary) and before.change == 1 and not before.ends_in_string:
            return (found[1] or found[2]).decode()
    if _KEYED.match(head) and not _may_have_uid(file, start, end):
        return None
    return _parsed_uid(file, start, end)


def _may_have_uid(file: BinaryIO, start: int, end: int) -> bool:
    held = b""
    for piece in read_range(file, start, end, PIECE):
        data = held + piece
        if _has_uid_key(data):
            return True
        held = data[-_LONGEST_KEY:]
    return False


def _has_no_uid(text: bytes, may_have_key: bool = True) -> bool:
    """Return True if a data set evidently has no SOP Instance UID."""
    return not (may_have_key and _has_uid_key(text)) and _KEYED.match(text) is not None


def _has_uid_key(data: bytes) -> bool:
    """Return False if the text cannot have the key of SOP Instance UID, in any form."""
    # One pattern for all of them takes ten times as long.
    is_escaped = b"\\" in data and _ESCAPED_ASCII.search(data)
    return bool(is_escaped or _KEYWORD_END in data or _UID_TAG.search(data))


def _parsed_uid(file: BinaryIO, start: int, end: int) -> str | None:
    from streamdicom.formats.json import JsonParser  # which takes long to import

    codes: set[str] = set()
    options = ReadOptions(
        include=["SOPInstanceUID"], on_deviation=lambda deviation: codes.add(deviation.code), on_error="skip"
    )
    skip = KeyFilter.of(options, DatasetConditions({}, options.limits))

    parser = JsonParser(options=options, skip=skip, origin=origin_of(file, start))
    for piece in read_range(file, start, end, PIECE):
        events = parser.feed(piece)
        if WRAPPER in codes:
            raise InputError("expected data sets, found an object around an array of them", Location(start))
        for kind, tag, _, value in events:
            if kind == ELEMENT and tag == SOP_INSTANCE_UID and value:
                return str(value[0])
            if kind == END_DATASET:
                return None
        if parser.error:
            break
    return None
