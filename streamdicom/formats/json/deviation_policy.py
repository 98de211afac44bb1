"""The response to a departure from DICOM JSON, held until its place is known."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence

from streamdicom._typing import TYPE_CHECKING
from streamdicom.errors import DicomJsonError, InputError, JsonSyntaxError, Location
from streamdicom.formats.deviation_policy import DeviationPolicy
from streamdicom.formats.json.habits import CodeAndMessage
from streamdicom.jsontext import JsonTokenizer, Token
from streamdicom.options import ReadOptions

if TYPE_CHECKING:
    from streamdicom.deviations import Deviation

_JSON_CODES = ("byte-order-mark", "trailing-comma", "comment", "bare-nonfinite")


class JsonDeviationPolicy(DeviationPolicy):
    """Handle deviations as the options say.

    Reports are held until their locations are known.

    Args:
        options: The profile, the actions for single codes, and ``on_error``.
        locate: Returns the index of the current token in the last call (see ``JsonTokenizer.locate``), the index of
            its data set, and its tag path.
    """

    def __init__(self, options: ReadOptions, locate: Callable[[], tuple[int, int | None, str]]) -> None:
        super().__init__(options, DicomJsonError)
        self._locate = locate
        self._pending: list[tuple[int, int | None, str, str, str]] = []

    @property
    def is_json_strict(self) -> bool:
        """True if every departure from RFC 8259 is an error."""
        return not any(map(self.accepts, _JSON_CODES))

    @property
    def needs_places(self) -> bool:
        """True if each deviation is reported with its place."""
        return self._on_deviation is not None

    def report_all(self, found: Iterable[tuple[Location, CodeAndMessage]]) -> None:
        """Report deviations that are accepted, at places that are known."""
        if self._on_deviation is None:
            return
        from streamdicom.deviations import DEVIATIONS, Deviation  # imported late: most streams have none

        for location, (code, message) in found:
            if self._action(code) == "report":
                self._on_deviation(Deviation(code, DEVIATIONS[code].severity, location, message))

    def _deliver(self, code: str, message: str) -> None:
        if self._on_deviation is None:
            self._warn(code)
        else:
            self._pending.append((*self._locate(), code, message))

    def first_fault(self, departures: Iterable[tuple[int, str]]) -> JsonSyntaxError | None:
        """Return an error for the first departure from JSON that is not accepted."""
        for offset, code in sorted(departures):
            if not self.accepts(code):
                return JsonSyntaxError(_fault(code), Location(offset))
        return None

    def flush(self, json: JsonTokenizer, error: InputError | None) -> None:
        """Report the deviations of the last call in stream order, up to the error if any."""
        found = list(self._departures(json, error)) if json.departures else []
        if self._pending:
            offsets = json.locate_all([index for index, *_ in self._pending])
            for offset, (_, index, path, code, message) in zip(offsets, self._pending, strict=True):
                location = Location(offset, index, path)
                found.append(_deviation(code, location, message))
            self._pending.clear()
        if self._on_deviation is not None:
            for deviation in sorted(found, key=lambda deviation: deviation.location.byte_offset or 0):
                self._on_deviation(deviation)

    def _departures(self, json: JsonTokenizer, error: InputError | None) -> Iterable[Deviation]:
        end = error.location.byte_offset if error else None
        for offset, code in json.departures:
            if self._action(code) == "report" and (end is None or offset < end):
                if self._on_deviation is None:
                    self._warn(code)
                yield _deviation(code, Location(offset), _fault(code))


def _deviation(code: str, location: Location, message: str) -> Deviation:
    from streamdicom.deviations import DEVIATIONS, Deviation  # imported late: most streams have none

    return Deviation(code, DEVIATIONS[code].severity, location, message)


def _fault(code: str) -> str:
    """Return the first part of the meaning of a code."""
    from streamdicom.deviations import DEVIATIONS

    return DEVIATIONS[code].meaning.partition(";")[0]


def before(json: JsonTokenizer, tokens: Sequence[Token], first: int, offset: int) -> Sequence[Token]:
    """Return the tokens that start before a byte offset.

    Args:
        json: The tokenizer, whose last call returned the tokens.
        tokens: Some of them.
        first: Index of the first of these in the call.
        offset: The byte offset.
    """
    return tokens[: bisect_left(range(first, first + len(tokens)), offset, key=json.locate)]
