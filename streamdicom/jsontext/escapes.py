"""Escapes of characters that JSON itself would let stand (RFC 8259, section 7).

In JSON text these characters are found only within strings, so that they are replaced in any piece of it, wherever
it is cut.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from json.encoder import encode_basestring_ascii

# As ``json.dumps`` has it, DEL is none of the characters of ASCII that may stand.
_BEYOND_ASCII = re.compile("[^\0-\x7e]+")
_FOR_HTML = re.compile("[<>&'\u2028\u2029]")
_DELETE = "\x7f"


def escaper(*, ensure_ascii: bool, escape_html: bool) -> Callable[[str], str] | None:
    r"""What puts escapes into JSON text; None if none are wanted.

    Args:
        ensure_ascii: Whether characters beyond ASCII are escaped.
        escape_html: Whether <, >, & and ' are, and U+2028 and U+2029, which end a line of a script.

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
    return _BEYOND_ASCII.sub(lambda found: encode_basestring_ascii(found[0])[1:-1], text)


def _html(text: str) -> str:
    return _FOR_HTML.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
