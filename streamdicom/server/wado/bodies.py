"""Bodies of responses: their encoders, and their media types."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, Literal, NamedTuple, TypeAlias, cast

from starlette.requests import Request

from streamdicom.api import iter_events
from streamdicom.codec import EventEncoder
from streamdicom.errors import RequestError
from streamdicom.events import Event
from streamdicom.io import SpoolFile
from streamdicom.options import WriteOptions
from streamdicom.server.space import Space
from streamdicom.server.wado.instances import NATIVE, Value, metadata_form
from streamdicom.web.asgi import (
    DEFAULT_FORMATTERS,
    DICOM_XML,
    DatasetResponse,
    Encoder,
    Formatter,
    MediaRange,
    negotiated_response,
    read_accept,
)

Draw: TypeAlias = Callable[[object | None], Iterator[Event]]
"""A function that takes the form of a writer, and returns the events of a data set for it."""


class _EventsEncoder:
    """An encoder of data sets in a form that can be turned into events."""

    def __init__(self, encoder: EventEncoder, events: Callable[[Any], Iterable[Event]]) -> None:
        self._encoder = encoder
        self._events = events
        self.flush, self.close = encoder.flush, encoder.close

    def encode(self, dataset: Any) -> Iterator[bytes]:
        return self._encoder.encode(self._events(dataset))


class _TextEncoder:
    """An encoder of data sets that are DICOM JSON already."""

    def __init__(self) -> None:
        self._start = b"["

    def encode(self, text: str) -> Iterator[bytes]:
        yield self._start + text.encode()
        self._start = b","

    def flush(self) -> bytes:
        return b""

    def close(self) -> bytes:
        return b"]"


class File(NamedTuple):
    """A DICOM file of a response: its transfer syntax and its bytes."""

    transfer_syntax: str
    pieces: Iterable[bytes]


class _BytesEncoder:
    """An encoder that passes the bytes of a part on."""

    def encode(self, part: Iterable[bytes] | File) -> Iterator[bytes]:
        yield from part.pieces if isinstance(part, File) else part

    def flush(self) -> bytes:
        return b""

    def close(self) -> bytes:
        return b""


def _with_events(formatter: Formatter, events: Callable[[Any, object | None], Iterable[Event]]) -> Formatter:
    """Return a formatter of data sets that a function turns into events.

    Args:
        formatter: JSON or XML.
        events: The function, which takes a data set and the form of the writer.
    """
    format: Literal["json", "xml"] = "xml" if formatter is DICOM_XML else "json"

    def encoder(options: WriteOptions, array: bool) -> Encoder:
        form = metadata_form(options, format, array)
        encoder = EventEncoder(format=format, options=options, array=array)
        return _EventsEncoder(encoder, lambda dataset: events(dataset, form))

    return replace(formatter, encoder=encoder)


def _events_of_text(text: str, _: object | None) -> Iterator[Event]:
    return iter_events(text.encode())


def _drawn(draw: Draw, form: object | None) -> Iterator[Event]:
    return draw(form)


def _result(formatter: Formatter) -> Formatter:
    if formatter is DICOM_XML:
        return _with_events(formatter, _events_of_text)
    return replace(formatter, encoder=lambda options, array: cast(Encoder, _TextEncoder()))


def _bytes(media_type: str, part_type: Callable[[Any], str] | None = None) -> Formatter:
    return Formatter(media_type, lambda options, array: cast(Encoder, _BytesEncoder()), part_type=part_type)


def _parts(kind: str, syntax: str) -> Formatter:
    """Return a format whose parts name their transfer syntax (PS3.18 8.7.3.4)."""
    media_type = f'multipart/related; type="{kind}"; transfer-syntax={syntax}'
    return _bytes(media_type, lambda _: f"{kind}; transfer-syntax={syntax}")


METADATA = tuple(_with_events(formatter, _drawn) for formatter in DEFAULT_FORMATTERS)
"""The formats of metadata, drawn as functions that take a form and return events."""

RESULTS = tuple(map(_result, DEFAULT_FORMATTERS))
"""The formats of search results, drawn as text."""

FILES = _bytes(
    'multipart/related; type="application/dicom"',
    lambda file: f"application/dicom; transfer-syntax={file.transfer_syntax}",
)
"""The format of DICOM files, each drawn as a ``File``."""

ONE_FILE = _bytes("application/dicom")
"""The format of a single DICOM file, drawn as a ``File``."""


def answer(
    request: Request,
    drawn: Iterable[Draw] | Iterable[str] | Iterable[Iterable[bytes]] | Iterable[File],
    formatters: Sequence[Formatter],
    headers: Mapping[str, str] | None = None,
) -> DatasetResponse:
    """Return a response in the format that the request accepts.

    Raises:
        RequestError: No format is acceptable (406).
    """
    return negotiated_response(request, cast(Any, drawn), headers=headers, formatters=formatters)


# --- transfer syntaxes -----------------------------------------------------------------------------------------

# PS3.18, tables 8.7.3-4 and 8.7.3-5: the media types of frames.
_MEDIA_TYPES = {
    "image/jpeg": ("50", "51", "57", "70"),
    "image/jls": ("80", "81"),
    "image/jp2": ("90", "91"),
    "image/jpx": ("92", "93"),
    "image/jphc": ("201", "202", "203"),
    "image/jxl": ("110", "111", "112"),
    "video/mpeg2": ("100", "100.1", "101", "101.1"),
    "video/mp4": ("102", "102.1", "103", "103.1", "104", "104.1", "105", "105.1", "106", "106.1", "107", "108"),
}
_OF_SYNTAX = {f"1.2.840.10008.1.2.4.{end}": name for name, ends in _MEDIA_TYPES.items() for end in ends} | {
    "1.2.840.10008.1.2.5": "image/dicom-rle"
}
# The default of media types: those with "D" in table 8.7.3-5.
_DEFAULTS = {
    "image/jpeg": "1.2.840.10008.1.2.4.70",
    "image/dicom-rle": "1.2.840.10008.1.2.5",
    "image/jls": "1.2.840.10008.1.2.4.80",
    "image/jp2": "1.2.840.10008.1.2.4.90",
    "image/jpx": "1.2.840.10008.1.2.4.92",
    "video/mpeg2": "1.2.840.10008.1.2.4.100",
    "video/mp4": "1.2.840.10008.1.2.4.102",
}
_OCTETS = "application/octet-stream"
_PIECE = 64 * 1024  # bytes


def wanted_syntaxes(request: Request, *, lenient: bool) -> frozenset[str]:
    """Return the transfer syntaxes of files that a client accepts; ``*`` means any.

    PS3.18 8.7.3.5.

    Args:
        request: The request.
        lenient: Whether a client that names none accepts any; by default it accepts explicit VR little endian.
    """
    default = "*" if lenient else NATIVE
    return frozenset(
        range_.parameters.get("transfer-syntax", default)
        for range_ in _acceptable(request)
        if _accepts(range_, "application/dicom") or range_.type in ("application/dicom", "application/*")
    )


def _acceptable(request: Request) -> list[MediaRange]:
    """Return the media types that a client accepts; any if it names none."""
    text = ", ".join([*request.headers.getlist("accept"), *request.query_params.getlist("accept")])
    return [range_ for range_ in read_accept(text) or read_accept("*/*") if range_.weight]


def _accepts(range_: MediaRange, kind: str) -> bool:
    """Return whether a range accepts a multipart body with parts of a media type."""
    wanted = range_.parameters.get("type", kind)  # which is optional
    return range_.type in ("*/*", "multipart/*", "multipart/related") and wanted in (kind, "*/*")


def formatters_of_value(request: Request, value: Value, *, lenient: bool) -> tuple[Formatter, ...]:
    """Return the formats of a value (PS3.18 8.7.3.3).

    A compressed value has the media type of its transfer syntax, or octets. The client must accept the transfer
    syntax: by name, or because it is the default of the media type. The default of octets, and of a wildcard, is
    explicit VR little endian.

    Args:
        request: The request.
        value: The value.
        lenient: Whether a client that names no transfer syntax accepts any.

    Raises:
        RequestError: The client does not accept the transfer syntax (406).
    """
    syntax = value.transfer_syntax
    if not syntax:
        return _parts(_OCTETS, NATIVE), _bytes(_OCTETS)
    kinds = [_OF_SYNTAX[syntax], _OCTETS] if syntax in _OF_SYNTAX else [_OCTETS]
    named = [(range_, "*" if lenient else _default_of(range_)) for range_ in _acceptable(request)]
    accepted = tuple(
        _parts(kind, syntax)
        for kind in kinds
        if any(
            _accepts(range_, kind) and range_.parameters.get("transfer-syntax", default) in ("*", syntax)
            for range_, default in named
        )
    )
    if not accepted:
        raise RequestError(f"expected the parameter transfer-syntax={syntax} or * for this compressed value", 406)
    return accepted


def _default_of(range_: MediaRange) -> str:
    """Return the transfer syntax of a range that names none (PS3.18 8.7.3)."""
    return _DEFAULTS.get(range_.parameters.get("type", ""), NATIVE)


def frames_of(value: Value, numbers: Sequence[int], free_space: int) -> Iterator[Iterator[bytes]]:
    """Yield frames of a value by number, counted from 1.

    The value is read once. If the numbers do not ascend, its frames wait in a temporary file, which leaves
    ``free_space`` bytes of the disk free.
    """
    parts = value.parts if value.transfer_syntax else _native_frames(value)
    found = _found(parts, set(numbers))
    if all(number < following for number, following in pairwise(numbers)):
        yield from (part for _, part in found)
        return
    spool, space = SpoolFile(), Space(free_space)
    places: dict[int, range] = {}
    for number, part in found:
        start = spool.size
        for piece in part:
            space.take(len(piece))
            spool.append(piece)
        places[number] = range(start, spool.size)
    for number in numbers:
        yield _spooled(spool, places.get(number, range(0)))


def _found(parts: Iterable[Iterator[bytes]], wanted: set[int]) -> Iterator[tuple[int, Iterator[bytes]]]:
    last = max(wanted)
    for number, part in enumerate(parts, 1):
        if number in wanted:
            yield number, part
        if number == last:
            return
        for _ in part:  # skip the frame
            pass


def _spooled(spool: SpoolFile, place: range) -> Iterator[bytes]:
    for start in place[::_PIECE]:
        yield spool.read_at(start, min(_PIECE, place.stop - start))


def _native_frames(value: Value) -> Iterator[Iterator[bytes]]:
    [segments] = value.parts
    source = _Cutter(segments)
    for _ in range(value.frames):
        yield source.take(value.frame_size)


def cut(segments: Iterator[bytes], wanted: range) -> Iterator[bytes]:
    """Yield a range of the bytes in segments.

    >>> b"".join(cut(iter([b"ab", b"cde"]), range(1, 4)))
    b'bcd'
    """
    source = _Cutter(segments)
    for _ in source.take(wanted.start):
        pass
    yield from source.take(len(wanted))


class _Cutter:
    """Cuts segments into pieces of given lengths."""

    def __init__(self, segments: Iterator[bytes]) -> None:
        self._segments = segments
        self._held = b""

    def take(self, length: int) -> Iterator[bytes]:
        while length:
            held = self._held or next(self._segments, b"")
            if not held:
                return
            piece, self._held = held[:length], held[length:]
            length -= len(piece)
            yield piece
