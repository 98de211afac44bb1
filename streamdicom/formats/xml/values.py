"""Values from the text of ``Value`` elements (PS3.19 A.1.5)."""

from __future__ import annotations

import re
from collections.abc import Callable
from math import isinf

from streamdicom.dicom import VRS, Form, parse_tag
from streamdicom.errors import LimitError
from streamdicom.events import Value

_TAG = re.compile(r"[0-9A-Fa-f]{8}")


def parse_tag_in_any_case(text: str) -> int:
    """Return a tag from eight hexadecimal digits, in upper or lower case.

    Raises:
        ValueError: The text has another form.

    >>> parse_tag_in_any_case("0018106a") == parse_tag_in_any_case("0018106A") == 0x0018106A
    True
    """
    try:
        return parse_tag(text)
    except ValueError:
        if not _TAG.fullmatch(text):
            raise
        return int(text, 16)


def _integer(text: str) -> int:
    if not text.isascii() or "_" in text:  # both of which Python accepts
        raise ValueError
    return int(text)


def _float(text: str) -> float:
    """Parse a number, NaN or infinity in any spelling (NaN and INF in XML Schema)."""
    if not text.isascii() or "_" in text:
        raise ValueError
    number = float(text)
    if isinf(number) and text.strip()[-1] not in "fFyY":  # an overflow, unlike "inf" and "Infinity"
        raise ValueError
    return number


def _tag(text: str) -> int:
    return parse_tag_in_any_case(text.strip())


_PARSER_BY_FORM: dict[Form, Callable[[str], Value]] = {
    Form.INTEGER: _integer,
    Form.LONG_INTEGER: _integer,
    Form.FLOAT: _float,
    Form.TAG: _tag,
}
PARSERS: dict[str, Callable[[str], Value] | None] = {vr: _PARSER_BY_FORM.get(row.form) for vr, row in VRS.items()}
"""The function that parses a text that is not empty, by VR; None where the text is the value."""


def convert(vr: str, texts: list[str], max_length: int) -> tuple[Value, ...]:
    """Return the values of a data element from their texts; empty texts become None.

    Text is kept as it is, also that of DS and IS, even if it is not a number.

    Args:
        vr: A VR whose values are text or numbers.
        texts: The content of each ``Value``.
        max_length: Maximum number of characters in a number.

    Raises:
        ValueError: A text is not a value of the VR.
        LimitError: A number is too long.

    >>> convert("DS", ["1.50", ""], 9), convert("FD", ["1.50", "-INF"], 9), convert("AT", ["00181063"], 9)
    (('1.50', None), (1.5, -inf), (1577059,))
    """
    parse = PARSERS[vr]
    if parse is None:
        return tuple([text or None for text in texts])
    if any(len(text) > max_length for text in texts):
        raise LimitError(f"a number of more than {max_length} characters", "number_length")
    return tuple([parse(text) if text else None for text in texts])
