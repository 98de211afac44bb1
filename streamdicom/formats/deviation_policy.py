"""The response to a departure from the standard: an error, a report, or nothing."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

from streamdicom.deviations import DEVIATIONS, Deviation, Severity, warner
from streamdicom.errors import InputError, Location
from streamdicom.options import OnError, ReadOptions

_WRONG_VALUE = "wrong-value"


class DeviationPolicy(ABC):
    """Handle deviations as the options say.

    Args:
        options: The profile, the actions for single codes, and ``on_error``.
        error: The type of the errors.
        on_error: The action if ``ReadOptions.on_error`` is None.

    Attributes:
        keeps: True if an element with an invalid value is kept, and not skipped.
    """

    def __init__(self, options: ReadOptions, error: type[InputError], on_error: OnError = "raise") -> None:
        default = "error" if options.profile == "strict" else "report"
        on_error = options.on_error or on_error
        self._actions = {code: options.deviations.get(code, default) for code in DEVIATIONS}
        self._raises = on_error == "raise" or self._actions[_WRONG_VALUE] == "error"
        self.keeps = on_error == "keep"
        self._error = error
        self._on_deviation = options.on_deviation

    @property
    def accepts_wrong_values(self) -> bool:
        """True if parsing continues after an invalid value."""
        return not self._raises

    def accepts(self, code: str) -> bool:
        """True if a deviation with this code is not an error."""
        return self._actions[code] != "error"

    def report(self, code: str, message: str) -> None:
        """Report a deviation at the current place.

        Raises:
            InputError: The deviation is an error.
        """
        action = self._actions[code]
        if action == "error":
            raise self._new_error(message)
        if action == "report":
            self._deliver(code, message)

    def reject_value(self, message: str, error: InputError | None = None) -> None:
        """Report an invalid value; see ``reject``."""
        self.reject(_WRONG_VALUE, message, error)

    def reject(self, code: str, message: str, error: InputError | None = None) -> None:
        """Report a deviation that costs content.

        Raises:
            InputError: ``ReadOptions.on_error`` is "raise", or the deviation is an error.
        """
        if self._raises or not self.accepts(code):
            raise error or self._new_error(message)
        self.report(code, message)

    def _new_error(self, message: str) -> InputError:
        return self._error(message)

    @abstractmethod
    def _deliver(self, code: str, message: str) -> None:
        """Pass a deviation to the callback, or warn."""


class PlacedDeviationPolicy(DeviationPolicy):
    """A policy for parsers that know the current place at once.

    Without a callback, each code that matters raises one warning, with the place of its first occurrence.

    Args:
        options: See ``DeviationPolicy``.
        error: See ``DeviationPolicy``.
        locate: Returns the current place.
        on_error: See ``DeviationPolicy``.
    """

    def __init__(
        self,
        options: ReadOptions,
        error: type[InputError],
        locate: Callable[[], Location],
        on_error: OnError = "raise",
    ) -> None:
        super().__init__(options, error, on_error)
        self._locate = locate
        self._warn = warner()

    def _new_error(self, message: str) -> InputError:
        return self._error(message, self._locate())

    def _deliver(self, code: str, message: str) -> None:
        severity = DEVIATIONS[code].severity
        if self._on_deviation is not None:
            self._on_deviation(Deviation(code, severity, self._locate(), message))
        elif severity >= Severity.WARNING:
            self._warn(code, f"{message} ({self._locate()})")
