"""Person names: values of VR PN (PS3.5 6.2.1)."""

from __future__ import annotations

NAME_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
"""Component groups in the order of a value, by their names in JSON and XML (PS3.18 F.2.2, PS3.19 A.1.5)."""


def split_name(text: str) -> tuple[str, str, str]:
    """Split a person name into its component groups.

    A third "=" and the text after it stay in the third group.

    >>> split_name("Yamada^Tarou=山田^太郎")
    ('Yamada^Tarou', '山田^太郎', '')
    """
    alphabetic, _, rest = text.rstrip("=").partition("=")
    ideographic, _, phonetic = rest.partition("=")
    return alphabetic, ideographic, phonetic


def join_name(name: tuple[str, str, str] | None) -> str:
    """Join the component groups of a person name, without empty groups at its end.

    Raises:
        TypeError: The name is a str, not its component groups.
        ValueError: The name has not three component groups.

    >>> join_name(("Yamada^Tarou", "山田^太郎", ""))
    'Yamada^Tarou=山田^太郎'
    """
    if isinstance(name, str):
        raise TypeError("expected the three component groups of a person name, found str")
    if not name:
        return ""
    if len(name) != len(NAME_GROUPS):
        raise ValueError("expected three component groups of a person name, found another number")
    return "=".join(name).rstrip("=")
