"""Contents of JSON strings (RFC 8259, section 7).

A text is split at its quotation marks, so escaped quotation marks and escaped backslashes are masked first. They are
unmasked when the string is decoded.
"""

from __future__ import annotations

# The module json takes it from here, and takes as long to import as all of jsontext.
from _json import scanstring

from streamdicom._late import late_pattern
from streamdicom.jsontext.escapes import SURROGATE
from streamdicom.jsontext.grammar import Fault

_CONTROLS_REPLACED = b" " * 0x20 + bytes(range(0x20, 0x100))
# Before Python 3.11.5, a possessive repeat continues where its last alternative failed instead of where that began.
# The last alternative is therefore (?!), which fails without moving.
_VALID_RUN = late_pattern(
    r"""(?x)(?:[^\\\x00-\x1f]+
       |\\(?:["\\/bfnrt]
            |u(?![dD][89a-fA-F])[0-9a-fA-F]{4}
            |u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})
       |(?!))*+"""
)
# A segment must not end within an escape, nor within a surrogate pair of escapes.
_ESCAPES = late_pattern(
    rb"""(?xs)(?:[^\\]+
        |\\(?:[^u]
             |u(?![dD][89abAB])[0-9a-fA-F]{4}
             |u[dD][89abAB][0-9a-fA-F]{2}\\u[0-9a-fA-F]{4})
        |(?!))*+"""
)
# The start of an escape. A high surrogate, \ud800 to \udbff, is incomplete until its low surrogate follows.
_PARTIAL = (
    r"\\(?:u(?:[0-9a-cA-CefEF][0-9a-fA-F]{0,2}|[dD](?:[0-7][0-9a-fA-F]?|[89abAB][0-9a-fA-F]?)?)?"
    r"|u[dD][89abAB][0-9a-fA-F]{2}(?:\\(?:u(?:[dD](?:[c-fC-F][0-9a-fA-F]?)?)?)?)?)?"
)
_HALF_OF_PAIR = late_pattern(r"\\u[dD][89a-fA-F]")
_PARTIAL_ESCAPE = late_pattern(_PARTIAL)
_RAW_PARTIAL_ESCAPE = late_pattern(_PARTIAL.encode())

# Lone surrogates stand for escaped backslashes and quotation marks: no text decoded from UTF-8 contains one.
_ESCAPED_BACKSLASH, _ESCAPED_QUOTE = "\udc5c\udc5c", "\udc5c\udc22"


class StringFault(Fault):
    """A fault within a string; ``position`` counts from its first character."""


def has_control(raw: bytes) -> bool:
    return raw.translate(_CONTROLS_REPLACED) != raw  # translate returns the same object if nothing is replaced


def mask_text(text: str) -> str:
    if "\\\\" not in text and '\\"' not in text:
        return text
    # Up to Python 3.13.5, str.replace reads past the end of a text that it has to widen for the replacement, which ends
    # the process where a page of memory ends there. So the text is widened before.
    widened = text + _ESCAPED_BACKSLASH[0]
    return widened.replace("\\\\", _ESCAPED_BACKSLASH).replace('\\"', _ESCAPED_QUOTE)[:-1]


def mask_bytes(piece: bytes) -> bytes:
    """Return a piece of the same length without escaped quotation marks."""
    if b"\\" not in piece:
        return piece
    return piece.replace(b"\\\\", b"--").replace(b'\\"', b"--")


def _unmask(text: str) -> str:
    return text.replace(_ESCAPED_BACKSLASH, "\\\\").replace(_ESCAPED_QUOTE, '\\"')


def length_in_bytes(text: str) -> int:
    """Return the length in bytes of a masked text, which may end within an escape.

    >>> length_in_bytes("Jérôme")
    8
    """
    if text.isascii():  # nothing is masked
        return len(text)
    return len(_unmask(text).replace(_ESCAPED_QUOTE[0], "-").encode())


def unescape(string: str) -> str:
    """Decode the masked text between two quotation marks.

    Raises:
        Fault: The text has a control character, an invalid escape or a lone surrogate.
    """
    raw = _unmask(string)
    try:
        text, _ = scanstring(f'"{raw}"', 1)
    except (ValueError, SystemError):  # Python 3.11 cannot raise its error before json.decoder is imported
        raise escape_fault(raw) from None
    if not text.isascii() and SURROGATE.search(text):
        raise escape_fault(raw)
    return text


def escape_fault(raw: str) -> Fault:
    match = _VALID_RUN.match(raw)
    assert match is not None  # it matches the empty string
    position = match.end()
    if raw[position] != "\\":
        return StringFault("expected an escaped character, found a control character", position)
    if _HALF_OF_PAIR.match(raw, position):
        return StringFault("expected a surrogate pair, found half of one", position)
    return StringFault("expected an escape of RFC 8259, section 7, found another one", position)


def is_character_start(raw: bytes) -> bool:
    """True if the bytes are the start of a UTF-8 character, or empty."""
    if not raw:
        return True
    return any(_is_utf8(raw + last * more) for last in (b"\x80", b"\xbf") for more in (1, 2, 3))


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def is_valid_start(text: str) -> bool:
    """True if the start of a string is valid so far."""
    match = _VALID_RUN.match(text)
    assert match is not None  # it matches the empty string
    return match.end() == len(text) or _PARTIAL_ESCAPE.fullmatch(text, match.end()) is not None


def whole_characters(raw: bytes) -> int:
    """Return how many bytes form complete characters and escapes."""
    if b"\\" in raw:
        match = _ESCAPES.match(raw)
        assert match is not None  # it matches the empty string
        if _RAW_PARTIAL_ESCAPE.fullmatch(raw, match.end()):
            return match.end()
    for back in range(1, min(3, len(raw)) + 1):
        byte = raw[-back]
        if byte >= 0xC0:
            needs = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return len(raw) - back if needs > back else len(raw)
        if byte < 0x80:
            break
    return len(raw)
