"""The text of values, by VR (PS3.19 A.1.5)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from math import isinf

from streamdicom.dicom import (
    NAME_GROUPS,
    VRS,
    Form,
    parse_tag,
)
from streamdicom.errors import LimitError
from streamdicom.events import PersonName, Value

COMPONENTS = ("FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix")
"""The components of a group, in the order of PS3.5 6.2.1.1."""

_TAG = re.compile(r"[0-9A-Fa-f]{8}")


def tag_of(text: str) -> int:
    """The number of a tag in eight hexadecimal digits; those in lower case, which are disallowed, are taken too.

    Raises:
        ValueError: The text is of another form.

    >>> tag_of("0018106a") == tag_of("0018106A") == 0x0018106A
    True
    """
    try:
        return parse_tag(text)
    except ValueError:
        if not _TAG.fullmatch(text):
            raise
        return int(text, 16)


def _integer(text: str) -> int:
    if not text.isascii() or "_" in text:  # which Python takes, and nobody else
        raise ValueError
    return int(text)


def _float(text: str) -> float:
    """A number; NaN and infinities are taken in whatever spelling, of which XML Schema's are NaN, INF and -INF."""
    if not text.isascii() or "_" in text:
        raise ValueError
    number = float(text)
    if isinf(number) and text.strip()[-1] not in "fFyY":
        raise ValueError
    return number


def _tag(text: str) -> int:
    return tag_of(text.strip())


_OF_FORM: dict[Form, Callable[[str], Value]] = {
    Form.INTEGER: _integer,
    Form.LONG_INTEGER: _integer,
    Form.FLOAT: _float,
    Form.TAG: _tag,
}
PARSERS: dict[str, Callable[[str], Value] | None] = {vr: _OF_FORM.get(row.form) for vr, row in VRS.items()}
"""By VR, how a value is made of a text that is not empty; None where it is the text."""


def convert(vr: str, texts: list[str], most: int) -> tuple[Value, ...]:
    """The values of a data element from their texts; an empty one is None.

    Text is taken as it is, and that of DS and IS too, whether it is a number or not.

    Args:
        vr: A VR whose values are text or numbers.
        texts: The texts.
        most: Characters of a number.

    Raises:
        ValueError: A text is no value of the VR.
        LimitError: A number is too long.

    >>> convert("DS", ["1.50", ""], 9), convert("FD", ["1.50", "-INF"], 9), convert("AT", ["00181063"], 9)
    (('1.50', None), (1.5, -inf), (1577059,))
    """
    parse = PARSERS[vr]
    if parse is None:
        return tuple([text or None for text in texts])
    if any(len(text) > most for text in texts):
        raise LimitError(f"a number of more than {most} characters", "number_length")
    return tuple([parse(text) if text else None for text in texts])


def name_of(groups: Mapping[str, Mapping[str, str]]) -> PersonName:
    """A person name from its components by group; each group up to the last component that is there.

    >>> name_of({"Ideographic": {"GivenName": "Yamada"}})
    ('', '^Yamada', '')
    """
    alphabetic, ideographic, phonetic = [_joined(groups.get(group, {})) for group in NAME_GROUPS]
    return alphabetic, ideographic, phonetic


def _joined(components: Mapping[str, str]) -> str:
    texts = [components.get(name) for name in COMPONENTS]
    while texts and texts[-1] is None:
        texts.pop()
    return "^".join([text or "" for text in texts])
