"""Inputs at fault that a command skips, if ``--on-error skip`` asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from streamdicom.cli.exit_codes import DONE, SKIPPED
from streamdicom.cli.terminal import console
from streamdicom.errors import InputError


class SkippedInputs:
    """Reports the inputs that are skipped.

    Args:
        on_error: "stop", which raises each error, or "skip".

    Attributes:
        skips: Whether inputs are skipped.
    """

    def __init__(self, on_error: str) -> None:
        self.skips = on_error == "skip"
        self._count = 0

    def add(self, error: InputError) -> None:
        """Report the error of an input, or raise it."""
        if not self.skips:
            raise error
        self._count += 1
        console.note(f"skipped: {error}")

    @contextmanager
    def caught(self) -> Iterator[None]:
        """Catch the error of an input that is read within."""
        try:
            yield
        except InputError as error:
            self.add(error)

    @property
    def code(self) -> int:
        """The exit code."""
        return SKIPPED if self._count else DONE
