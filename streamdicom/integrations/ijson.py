"""Events of the package ijson to DICOM events.

The extra ``ijson`` has the package, of which any backend will do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from json.encoder import encode_basestring
from typing import Any

from streamdicom._records import replace
from streamdicom.codec import reading_pipeline
from streamdicom.deviations import Deviation
from streamdicom.errors import StreamDicomError
from streamdicom.events import Event
from streamdicom.options import ReadOptions, options_or_default

_BLOCK = 16 * 1024  # characters
_LITERALS = {None: "null", True: "true", False: "false"}
_BRACKETS = {"start_map": "{", "end_map": "}", "start_array": "[", "end_array": "]"}


def iter_events(
    parse_events: Iterable[tuple[str, str, Any]], prefix: str = "", *, options: ReadOptions | None = None
) -> Iterator[Event]:
    """Iterate over the DICOM events of data sets in a stream that ijson parses.

    The data sets are at a prefix, as for ``ijson.items``; so may be arrays of data sets. For a file,
    ``ReadOptions.path`` is faster and knows byte offsets.

    Memory is bounded, except that ijson holds each string.

    Args:
        parse_events: The result of ``ijson.parse``. Without ``use_float``, numbers keep their digits.
        prefix: The prefix of the data sets; "" for the whole document.
        options: Options for reading JSON. Locations have no byte offsets.

    Raises:
        InputError: A value at the prefix is not a data set.

    >>> import io, ijson
    >>> file = io.BytesIO(b'{"entry": [{"00100020": {"vr": "LO", "Value": ["17"]}}]}')
    >>> [value for *_, value in iter_events(ijson.parse(file), "entry.item")]
    [0, ('17',), None]
    """
    options = _without_offsets(options_or_default(options, ReadOptions))
    parser, pipeline = reading_pipeline(options, options.bulk_data_store)

    def events() -> Iterator[Event]:
        is_empty = True
        try:
            for text in _texts(parse_events, prefix):
                is_empty = False
                yield from parser.feed(text.encode(errors="surrogatepass"))
            if not is_empty:
                yield from parser.finish()
                parser.close()
        except StreamDicomError as error:
            error.location = replace(error.location, byte_offset=None)
            raise

    return pipeline.iter(events())


def _without_offsets(options: ReadOptions) -> ReadOptions:
    """Return options for a text that nobody has seen."""
    report = options.on_deviation
    options = replace(options, format="json", path=None)
    if report is None:
        return options

    def reported(deviation: Deviation) -> object:
        return report(replace(deviation, location=replace(deviation.location, byte_offset=None)))

    return replace(options, on_deviation=reported)


def _texts(parse_events: Iterable[tuple[str, str, Any]], prefix: str) -> Iterator[str]:
    """Yield the JSON text of the values at a prefix, in blocks."""
    pieces: list[str] = []
    size = depth = 0
    needs_comma = False
    for current, kind, value in parse_events:
        if not depth and current != prefix:
            continue
        if kind.startswith("end_"):
            depth -= 1
            text = _BRACKETS[kind]
        else:
            text = ("," if needs_comma and depth else "") + (_BRACKETS.get(kind) or _scalar(kind, value))
            depth += kind in _BRACKETS
        needs_comma = kind not in ("start_map", "start_array", "map_key")
        pieces.append(text)
        if not depth:
            pieces.append("\n")
        size += len(text)
        if size >= _BLOCK or not depth:
            yield "".join(pieces)
            pieces, size = [], 0
    if pieces:
        yield "".join(pieces)


def _scalar(kind: str, value: Any) -> str:
    if kind in ("string", "map_key"):
        return encode_basestring(value) + (":" if kind == "map_key" else "")
    return str(value) if kind == "number" else _LITERALS[value]
