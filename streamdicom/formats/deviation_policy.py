"""The response to a departure from the standard: an error, a report, or nothing."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cached_property

from streamdicom._typing import TYPE_CHECKING
from streamdicom.errors import InputError, Location
from streamdicom.options import OnError, ReadOptions
from streamdicom.patterns import selection

if TYPE_CHECKING:
    from streamdicom._warn import Warner

_WRONG_VALUE = "wrong-value"

FILE_META_IN_ITEM = "file-meta-in-item", "expected no element of group 0002 in an item (PS3.10 7.1), found one"
"""The code and the message, which all formats share."""

# Codes of faults that cost more than their element, or are in none.
_NOT_OF_AN_ELEMENT = frozenset(
    {"broken-structure", "file-meta-length", "misplaced-end", "trailing-padding", "truncated", "wrong-encoding"}
)


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
        self._default_action = "error" if options.profile == "strict" else "report"
        self._own_actions = options.deviations
        on_error = options.on_error or on_error
        self._raises = on_error == "raise" or self._action(_WRONG_VALUE) == "error"
        self.keeps = on_error == "keep"
        self._error = error
        self._on_deviation = options.on_deviation

    @property
    def accepts_wrong_values(self) -> bool:
        """True if parsing continues after an invalid value."""
        return not self._raises

    def accepts(self, code: str) -> bool:
        """True if a deviation with this code is not an error."""
        return self._action(code) != "error"

    def _action(self, code: str) -> str:
        return self._own_actions.get(code, self._default_action)

    @cached_property
    def _warn(self) -> Warner:
        from streamdicom.deviations import warner  # imported late: most streams have no deviations

        return warner()

    def report(self, code: str, message: str) -> None:
        """Report a deviation at the current place.

        Raises:
            InputError: The deviation is an error.
        """
        action = self._action(code)
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

    Without a callback, each code that matters raises one warning, with the place of its first occurrence. Faults of
    elements that the options leave out are not reported.

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
        self._selection = selection(options.include, options.exclude)

    def report(self, code: str, message: str) -> None:
        """Report a deviation, unless its element is left out."""
        if not self._is_left_out(code):
            super().report(code, message)

    def reject(self, code: str, message: str, error: InputError | None = None) -> None:
        """Report a deviation that costs content, unless its element is left out."""
        if not self._is_left_out(code):
            super().reject(code, message, error)

    def _is_left_out(self, code: str) -> bool:
        if self._selection.is_whole or code in _NOT_OF_AN_ELEMENT:
            return False
        path = self._locate().tag_path
        return bool(path) and self._selection.skips_path(*[int(part[:8], 16) for part in path.split(".")])

    def _new_error(self, message: str) -> InputError:
        return self._error(message, self._locate())

    def _deliver(self, code: str, message: str) -> None:
        from streamdicom.deviations import DEVIATIONS, Deviation, Severity

        severity = DEVIATIONS[code].severity
        if self._on_deviation is not None:
            self._on_deviation(Deviation(code, severity, self._locate(), message))
        elif severity >= Severity.WARNING:
            self._warn(code, f"{message} ({self._locate()})")
