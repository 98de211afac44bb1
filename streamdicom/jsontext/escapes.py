"""Optional escapes of characters that JSON allows unescaped (RFC 8259, section 7).

These characters occur only within strings, so they can be replaced in any piece of JSON text, wherever it is cut.
"""

from __future__ import annotations

from _json import encode_basestring_ascii  # json takes long to import
from collections.abc import Callable

from streamdicom._late import late_pattern

SURROGATE = late_pattern("[\ud800-\udfff]")
"""A half of a surrogate pair, which UTF-8 cannot represent."""

# ``json.dumps`` escapes DEL too.
_NON_ASCII = late_pattern("[^\0-\x7e]+")
_HTML_SPECIAL = late_pattern("[<>&'\u2028\u2029]")
_DELETE = "\x7f"


def escaper(*, ensure_ascii: bool, escape_html: bool) -> Callable[[str], str] | None:
    r"""Return a function that escapes JSON text, or None if neither option is set.

    Args:
        ensure_ascii: Escape characters beyond ASCII.
        escape_html: Escape <, >, &, ', and the line terminators of scripts U+2028 and U+2029.

    >>> escape = escaper(ensure_ascii=False, escape_html=True)
    >>> escape('["</p>"]') if escape else ""
    '["\\u003c/p\\u003e"]'
    """
    if ensure_ascii and escape_html:
        return lambda text: _ascii(_html(text))
    return _ascii if ensure_ascii else _html if escape_html else None


def _ascii(text: str) -> str:
    if text.isascii() and _DELETE not in text:
        return text
    return _NON_ASCII.sub(lambda found: encode_basestring_ascii(found[0])[1:-1], text)


def _html(text: str) -> str:
    return _HTML_SPECIAL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
