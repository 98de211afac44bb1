"""The response to a departure from the standard: an error, a report, or nothing."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence

from streamdicom.deviations import DEVIATIONS, Deviation, warner
from streamdicom.errors import DicomJsonError, InputError, JsonSyntaxError, Location
from streamdicom.jsontext import JsonTokenizer, Token
from streamdicom.options import ReadOptions

_JSON_CODES = ("byte-order-mark", "trailing-comma", "comment", "bare-nonfinite")
_WRONG_VALUE = "wrong-value"


class DeviationPolicy:
    """Handle deviations as the options say.

    Reports are held until their locations are known.

    Args:
        options: The profile, the actions for single codes, and ``on_error``.
        locate: Returns the index of the current token in the last call (see ``JsonTokenizer.locate``), the index of
            its data set, and its tag path.

    Attributes:
        keeps: True if ``on_error`` is "keep".
    """

    def __init__(self, options: ReadOptions, locate: Callable[[], tuple[int, int | None, str]]) -> None:
        default = "error" if options.profile == "strict" else "report"
        self._actions = {code: options.deviations.get(code, default) for code in DEVIATIONS}
        self._raises = options.on_error == "raise" or self._actions[_WRONG_VALUE] == "error"
        self.keeps = options.on_error == "keep"
        self._on_deviation = options.on_deviation
        self._warn = warner()
        self._locate = locate
        self._pending: list[tuple[int, int | None, str, str, str]] = []

    @property
    def is_json_strict(self) -> bool:
        """True if every departure from RFC 8259 is an error."""
        return not any(map(self.accepts, _JSON_CODES))

    @property
    def accepts_wrong_values(self) -> bool:
        """True if parsing continues after an invalid value."""
        return not self._raises

    def accepts(self, code: str) -> bool:
        """True if a deviation with this code is not an error."""
        return self._actions[code] != "error"

    def report(self, code: str, message: str) -> None:
        """Report a deviation at the current token.

        Raises:
            DicomJsonError: The deviation is an error.
        """
        action = self._actions[code]
        if action == "error":
            raise DicomJsonError(message)
        if action == "report":
            self._report(code, message)

    def reject_value(self, message: str, error: InputError | None = None) -> None:
        """Report an invalid value.

        Raises:
            InputError: ``ReadOptions.on_error`` is "raise", or the deviation is an error.
        """
        if self._raises:
            raise error or DicomJsonError(message)
        self.report(_WRONG_VALUE, message)

    def _report(self, code: str, message: str) -> None:
        if self._on_deviation is None:
            self._warn(code)
        else:
            self._pending.append((*self._locate(), code, message))

    def first_fault(self, departures: Iterable[tuple[int, str]]) -> JsonSyntaxError | None:
        """Return an error for the first departure from JSON that is not accepted."""
        for offset, code in sorted(departures):
            if not self.accepts(code):
                return JsonSyntaxError(DEVIATIONS[code].meaning.partition(";")[0], Location(offset))
        return None

    def flush(self, json: JsonTokenizer, error: InputError | None) -> None:
        """Report the deviations of the last call in stream order, up to the error if any."""
        found = list(self._departures(json, error)) if json.departures else []
        if self._pending:
            offsets = json.locate_all([index for index, *_ in self._pending])
            for offset, (_, index, path, code, message) in zip(offsets, self._pending, strict=True):
                location = Location(offset, index, path)
                found.append(Deviation(code, DEVIATIONS[code].severity, location, message))
            self._pending.clear()
        if self._on_deviation is not None:
            for deviation in sorted(found, key=lambda deviation: deviation.location.byte_offset or 0):
                self._on_deviation(deviation)

    def _departures(self, json: JsonTokenizer, error: InputError | None) -> Iterable[Deviation]:
        end = error.location.byte_offset if error else None
        for offset, code in json.departures:
            if self._actions[code] == "report" and (end is None or offset < end):
                if self._on_deviation is None:
                    self._warn(code)
                message = DEVIATIONS[code].meaning.partition(";")[0]
                yield Deviation(code, DEVIATIONS[code].severity, Location(offset), message)


def before(json: JsonTokenizer, tokens: Sequence[Token], first: int, offset: int) -> Sequence[Token]:
    """Return the tokens that start before a byte offset.

    Args:
        json: The tokenizer, whose last call returned the tokens.
        tokens: Some of them.
        first: Index of the first of these in the call.
        offset: The byte offset.
    """
    return tokens[: bisect_left(range(first, first + len(tokens)), offset, key=json.locate)]
