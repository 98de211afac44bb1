"""What stands between the quotation marks of a JSON string (RFC 8259, section 7).

Escapes must not be taken for what they are not while a text is cut at its quotation marks, so that those of a
quotation mark and of a backslash are masked until the string is looked at.
"""

from __future__ import annotations

import json
import re

from streamdicom.jsontext.grammar import Fault

_CONTROLS_REPLACED = b" " * 0x20 + bytes(range(0x20, 0x100))
SURROGATE = re.compile("[\ud800-\udfff]")
# Before Python 3.11.5 a possessive repeat goes on where its last alternative has failed, and not where that began: so
# the last one is (?!), which fails where it is.
_VALID_RUN = re.compile(
    r"""(?:[^\\\x00-\x1f]+
       |\\(?:["\\/bfnrt]
            |u(?![dD][89a-fA-F])[0-9a-fA-F]{4}
            |u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})
       |(?!))*+""",
    re.VERBOSE,
)
# A segment must not end in the middle of an escape, nor of two escapes that make up one character.
_ESCAPES = re.compile(
    rb"""(?:[^\\]+
        |\\(?:[^u]
             |u(?![dD][89abAB])[0-9a-fA-F]{4}
             |u[dD][89abAB][0-9a-fA-F]{2}\\u[0-9a-fA-F]{4})
        |(?!))*+""",
    re.VERBOSE | re.DOTALL,
)
# The start of an escape. One of \ud800 to \udbff is such a start too: it takes another that begins with \ud.
_BEGUN = (
    r"\\(?:u(?:[0-9a-cA-CefEF][0-9a-fA-F]{0,2}|[dD](?:[0-7][0-9a-fA-F]?|[89abAB][0-9a-fA-F]?)?)?"
    r"|u[dD][89abAB][0-9a-fA-F]{2}(?:\\(?:u(?:[dD](?:[c-fC-F][0-9a-fA-F]?)?)?)?)?)?"
)
_ESCAPE_BEGUN = re.compile(_BEGUN)
_RAW_ESCAPE_BEGUN = re.compile(_BEGUN.encode())

# Escaped quotation marks must not count as the end of a string, nor escaped backslashes as the start of an escape.
# Lone surrogates take their places: no text decoded from UTF-8 can hold one.
_ESCAPED_BACKSLASH, _ESCAPED_QUOTE = "\udc5c\udc5c", "\udc5c\udc22"

_decode_string = json.JSONDecoder().decode


class StringFault(Fault):
    """A fault within a string; the position counts from its first character."""


def has_control(raw: bytes) -> bool:
    return raw.translate(_CONTROLS_REPLACED) != raw  # translate gives the same object if there is nothing to replace


def mask_text(text: str) -> str:
    return text.replace("\\\\", _ESCAPED_BACKSLASH).replace('\\"', _ESCAPED_QUOTE)


def mask_bytes(piece: bytes) -> bytes:
    """A piece of the same length, in which no quotation mark is an escaped one."""
    if b"\\" not in piece:
        return piece
    return piece.replace(b"\\\\", b"--").replace(b'\\"', b"--")


def _unmask(text: str) -> str:
    return text.replace(_ESCAPED_BACKSLASH, "\\\\").replace(_ESCAPED_QUOTE, '\\"')


def length_in_bytes(text: str) -> int:
    """The length in bytes of a text in which escapes may be masked (of which one may be cut in two)."""
    return len(_unmask(text).replace(_ESCAPED_QUOTE[0], "-").encode())


def unescape(string: str) -> str:
    """The characters of a string, from what stands between its quotation marks (RFC 8259, section 7).

    Raises:
        Fault: at a control character, a wrong escape or a lone surrogate.
    """
    raw = _unmask(string)
    try:
        text: str = _decode_string(f'"{raw}"')
    except ValueError:
        raise escape_fault(raw) from None
    if not text.isascii() and SURROGATE.search(text):
        raise escape_fault(raw)
    return text


def escape_fault(raw: str) -> Fault:
    match = _VALID_RUN.match(raw)
    assert match is not None  # it matches the empty string
    position = match.end()
    if raw[position] != "\\":
        return StringFault("a control character in a string", position)
    if re.match(r"u[dD][89a-fA-F]", raw[position + 1 :]):
        return StringFault("half of a surrogate pair", position)
    return StringFault("not an escape that JSON knows", position)


def may_be_character(raw: bytes) -> bool:
    """Whether the bytes are the start of a character, or nothing."""
    if not raw:
        return True
    return any(_is_utf8(raw + last * more) for last in (b"\x80", b"\xbf") for more in (1, 2, 3))


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def is_begun(text: str) -> bool:
    """Whether the start of a string has nothing wrong in it."""
    match = _VALID_RUN.match(text)
    assert match is not None  # it matches the empty string
    return match.end() == len(text) or _ESCAPE_BEGUN.fullmatch(text, match.end()) is not None


def whole_characters(raw: bytes) -> int:
    """How many bytes of the start of a string are whole characters and escapes."""
    if b"\\" in raw:
        match = _ESCAPES.match(raw)
        assert match is not None  # it matches the empty string
        if _RAW_ESCAPE_BEGUN.fullmatch(raw, match.end()):
            return match.end()
    for back in range(1, min(3, len(raw)) + 1):
        byte = raw[-back]
        if byte >= 0xC0:
            needs = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return len(raw) - back if needs > back else len(raw)
        if byte < 0x80:
            break
    return len(raw)
