"""Text in the character sets of DICOM (PS3.5 6.1), with the codecs of pydicom."""

from __future__ import annotations

import re
from collections.abc import Iterable
from encodings.aliases import aliases
from functools import cache, lru_cache
from itertools import islice
from types import ModuleType

from streamdicom._warn import warn

DEFAULT_ENCODINGS = ["iso8859"]  # pydicom's, if Specific Character Set is missing
UTF_8_ENCODINGS = ["UTF8"]
UTF_8_TERM = "ISO_IR 192"  # of Specific Character Set (PS3.3 C.12.1.1.2)
_CODECS = frozenset(aliases) | frozenset(aliases.values())
_ASCII = bytes(range(128))
_MAX_TERMS = 64  # PS3.3 C.12.1.1.2 has about thirty
_MISSPELT = re.compile("ISO[ -]IR.?[0-9]{1,3}|ISO[ _-]2022[ _-]IR[ _-][0-9]{1,3}")  # spellings that pydicom corrects

# PS3.5 6.1.2.5.3: after one of these the first character set is in force again.
_DELIMITERS = re.compile(r"([\\\r\n\t\f^=]+)")


@cache
def _pydicom() -> ModuleType:
    """Import pydicom's codecs when the first text needs them.

    Importing pydicom takes longer than reading a small file.
    """
    import pydicom.charset

    return pydicom.charset


def python_encodings(terms: Iterable[str | None]) -> list[str]:
    """Return Python's names of the encodings in the values of Specific Character Set.

    As in pydicom, a value may also be the name of a Python codec. It must contain ASCII, otherwise text could be
    mistaken for a delimiter.

    >>> python_encodings(["ISO_IR 192"])
    ['UTF8']
    >>> python_encodings(["koi8-r"])
    ['koi8-r']
    >>> python_encodings([None, "ISO 2022 IR 87"])
    ['iso8859', 'iso2022_jp']
    """
    encodings: list[str] = _pydicom().convert_encodings([_known(term or "") for term in islice(terms, _MAX_TERMS)])
    return encodings


def _known(term: str) -> str:
    """Return a term that pydicom may know, or the term of the default.

    Python caches codec lookups and warning texts forever, so unknown terms must be bounded.
    """
    python_encoding = _pydicom().python_encoding
    if term in python_encoding or term in python_encoding.values() or _MISSPELT.fullmatch(term) or _has_ascii(term):
        return term
    warn("expected a known character set in Specific Character Set, found another term; the default is used")
    return ""


def _has_ascii(term: str) -> bool:
    """Return True if a term is the name of a Python codec that contains ASCII."""
    if term.lower().replace("-", "_") not in _CODECS:
        return False
    try:
        return _ASCII.decode(term) == _ASCII.decode() and _ASCII.decode().encode(term) == _ASCII
    except (UnicodeError, LookupError):
        return False


def encode_text(text: str, encodings: list[str]) -> bytes | None:
    r"""Return the bytes of a text, or None if the character sets do not carry it.

    >>> encode_text("é", ["latin_1"])
    b'\xe9'
    >>> encode_text("é", ["iso8859_5"]) is None
    True
    """
    if encodings == UTF_8_ENCODINGS:
        return text.encode()
    if len(encodings) == 1:
        return _encode_in_one(text, encodings[0])
    parts = _DELIMITERS.split(text)
    if not all(_can_encode(character, tuple(encodings)) for part in parts[::2] for character in part):
        return None
    data = b"".join(_pydicom().encode_string(part, encodings) for part in parts)
    return data if decode_text(data, encodings) == text else None


def _encode_in_one(text: str, encoding: str) -> bytes | None:
    try:
        data = text.encode(encoding)
    except (UnicodeError, LookupError):
        return None
    # ISO_IR 13 has one byte for a character; Python's codec knows more.
    if encoding == "shift_jis" and len(data) != len(text):
        return None
    return data if data.decode(encoding) == text else None


def decode_text(data: bytes, encodings: list[str]) -> str:
    r"""Return the text of bytes.

    The bytes must not contain a delimiter after which another character set is in force. As in pydicom, bytes that
    cannot be decoded are replaced, with a warning.

    >>> decode_text(b"\xe9", ["latin_1"])
    'é'
    """
    charset = _pydicom()
    text: str = charset.decode_bytes(data, encodings, charset.TEXT_VR_DELIMS)
    return text


@lru_cache(maxsize=4096)
def _can_encode(character: str, encodings: tuple[str, ...]) -> bool:
    return any(_encodes(character, encoding) for encoding in encodings)


def _encodes(character: str, encoding: str) -> bool:
    try:
        custom_encoders = _pydicom().custom_encoders
        if encoding in custom_encoders:
            custom_encoders[encoding](character, errors="strict")
        else:
            character.encode(encoding)
    except (UnicodeError, LookupError):
        return False
    return True
