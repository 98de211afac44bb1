"""Data sets within another JSON document."""

from __future__ import annotations

from streamdicom.errors import DicomJsonError, Location, TruncatedError
from streamdicom.events import Event
from streamdicom.formats.json.key_filter import KeyFilter
from streamdicom.formats.json.parser import JsonParser
from streamdicom.jsontext import Origin, PathMask
from streamdicom.options import ReadOptions


class PathParser(JsonParser):
    """A parser of the data sets, and arrays of data sets, at ``ReadOptions.path``.

    The text around them must be JSON. Offsets are offsets in the whole text.

    Args:
        options: The options, with a path.
        skip: See ``JsonParser``.

    >>> parser = PathParser(options=ReadOptions(path="entry.item"))
    >>> [value for *_, value in parser.feed(b'{"entry": [{"00100020": {"vr": "LO", "Value": ["17"]}}]}')]
    [0, ('17',), None]
    """

    def __init__(self, *, options: ReadOptions, skip: KeyFilter | None = None) -> None:
        super().__init__(options=options, skip=skip, origin=Origin())
        assert options.path is not None
        self._mask = PathMask(options.path, options.limits, lenient=not self._policy.is_json_strict)

    def _feed(self, data: bytes, events: list[Event]) -> None:
        super()._feed(self._mask.feed(data), events)
        self._check()

    def _close(self, events: list[Event]) -> None:
        self._mask.close()
        super()._close(events)
        self._check()
        if self._mask.is_empty:
            raise TruncatedError("the input is empty", Location(self.bytes_consumed))

    def _check(self) -> None:
        if self._mask.other is not None:
            raise DicomJsonError("expected a data set at the path, found another value", Location(self._mask.other))
        if self._mask.error:
            raise self._mask.error
