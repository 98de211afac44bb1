"""Options of a de-identification, and its key."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from enum import StrEnum

from streamdicom._records import field, record
from streamdicom.converters import PrivateKey
from streamdicom.deidentification.keyed import KeyedValues
from streamdicom.deidentification.report import DeidentificationReport

MIN_KEY_LENGTH = 16
"""Bytes; shorter keys can be found by trying."""


class DeidentificationOption(StrEnum):
    """An option of the basic profile (PS3.15 E.3).

    >>> DeidentificationOption("retain-uids").name
    'RETAIN_UIDS'
    """

    RETAIN_UIDS = "retain-uids"
    RETAIN_DEVICE_IDENTITY = "retain-device-identity"
    RETAIN_INSTITUTION_IDENTITY = "retain-institution-identity"
    RETAIN_PATIENT_CHARACTERISTICS = "retain-patient-characteristics"
    RETAIN_FULL_DATES = "retain-full-dates"
    RETAIN_MODIFIED_DATES = "retain-modified-dates"
    RETAIN_SAFE_PRIVATE = "retain-safe-private"
    CLEAN_DESCRIPTORS = "clean-descriptors"
    CLEAN_STRUCTURED_CONTENT = "clean-structured-content"
    CLEAN_GRAPHICS = "clean-graphics"


@record(frozen=True, slots=True)
class Deidentification:
    """De-identify by the basic profile of PS3.15 Annex E and some of its options.

    UIDs, Patient ID and dates are replaced consistently: equal values get equal replacements in all data sets, runs and
    processes with the same key. The number of days by which dates are shifted also depends on the Patient ID.

    Pixels are not changed.

    Args:
        key: A secret of at least 16 bytes. With the key, replacements can be traced back by trying known values.
        options: Options of the profile, by name.
        clean_text: Called with text that the clean options keep, such as a Series Description; returns the clean text.
            By default known words of the standard are kept and all others removed, see ``known_words``.
        safe_private: Private elements that are safe, beside PS3.15 Table E.3.10-1. They are retained with
            the option "retain-safe-private" only.
        report: Counts elements by action. By default a new one.

    Raises:
        TypeError: The key is not bytes.
        ValueError: The key is too short, an option is unknown, or both options for dates are given.

    >>> from streamdicom import ReadOptions, loads
    >>> options = ReadOptions(deidentification=Deidentification(b"a secret of 16 bytes or more"))
    >>> ds = loads('{"00100010": {"vr": "PN", "Value": [{"Alphabetic": "A^B"}]}}', options=options)
    >>> ds.PatientName == "", ds.PatientIdentityRemoved
    (True, 'YES')
    >>> options.deidentification.report.elements
    {'emptied': {'PatientName': 1}}
    """

    key: bytes
    options: Iterable[str] = ()
    clean_text: Callable[[str], str] | None = None
    safe_private: Iterable[PrivateKey] = ()
    report: DeidentificationReport = field(default_factory=DeidentificationReport, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.key, bytes):
            raise TypeError(f"expected bytes as the key, found {type(self.key).__name__}")
        if len(self.key) < MIN_KEY_LENGTH:
            raise ValueError(f"expected a key of at least {MIN_KEY_LENGTH} bytes, found {len(self.key)}")
        if isinstance(self.options, str):
            raise TypeError("expected a collection of options, found one str")
        chosen = frozenset(map(_option, self.options))
        if {DeidentificationOption.RETAIN_FULL_DATES, DeidentificationOption.RETAIN_MODIFIED_DATES} <= chosen:
            raise ValueError("expected retain-full-dates or retain-modified-dates, found both")
        object.__setattr__(self, "options", tuple(option for option in DeidentificationOption if option in chosen))
        object.__setattr__(self, "safe_private", tuple(self.safe_private))

    @property
    def shifts_dates(self) -> bool:
        """True if dates are shifted."""
        return DeidentificationOption.RETAIN_MODIFIED_DATES in self.options

    def __repr__(self) -> str:
        """Return a text that differs for another key and does not reveal the key."""
        names = [str(option) for option in self.options]
        parts = [f"key=<{KeyedValues(self.key).fingerprint}>", f"options={names}"]
        if self.clean_text:
            parts.append(f"clean_text={getattr(self.clean_text, '__qualname__', type(self.clean_text).__qualname__)}")
        if self.safe_private:
            parts.append(f"safe_private={list(self.safe_private)}")
        return f"Deidentification({', '.join(parts)})"


def _option(name: str) -> DeidentificationOption:
    try:
        return DeidentificationOption(name)
    except ValueError:
        raise ValueError(f"expected an option among {', '.join(DeidentificationOption)}, found {name!r}") from None


def read_key(path: str | os.PathLike[str]) -> bytes:
    r"""Return the key in a file; white space around it does not count.

    Raises:
        ValueError: The key is too short.
        OSError: The file cannot be read.
    """
    with open(path, "rb") as file:
        key = file.read().strip()
    if len(key) < MIN_KEY_LENGTH:
        raise ValueError(f"{path}: expected a key of at least {MIN_KEY_LENGTH} bytes, found {len(key)}")
    return key
