"""Text in the character sets of DICOM (PS3.5 6.1), on top of pydicom's."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable
from encodings.aliases import aliases
from functools import lru_cache
from itertools import islice

from pydicom.charset import (
    convert_encodings,
    custom_encoders,
    decode_bytes,
    encode_string,
    python_encoding,
)
from pydicom.valuerep import TEXT_VR_DELIMS

from streamdicom.dicom.tags import UTF_8_TERM

__all__ = ["DEFAULT", "UTF_8", "decode", "encode", "encodings_of"]

_KNOWN = frozenset(python_encoding.values())
_CODECS = frozenset(aliases) | frozenset(aliases.values())
_ASCII = bytes(range(128))
_MOST_TERMS = 64  # there are about thirty (PS3.3 C.12.1.1.2)
_MISSPELT = re.compile("ISO[ -]IR.?[0-9]{1,3}|ISO[ _-]2022[ _-]IR[ _-][0-9]{1,3}")  # what pydicom puts right

# PS3.5 6.1.2.5.3: behind one of these the first character set is in force again.
_DELIMITERS = re.compile(r"([\\\r\n\t\f^=]+)")


def encodings_of(terms: Iterable[str | None]) -> list[str]:
    """Python's names of the encodings that the values of Specific Character Set name.

    As in pydicom, the name of a codec of Python's is one too; but not of one without ASCII in it, which would take
    other text for a delimiter.

    >>> encodings_of(["ISO_IR 192"])
    ['UTF8']
    >>> encodings_of(["koi8-r"])
    ['koi8-r']
    >>> encodings_of([None, "ISO 2022 IR 87"])
    ['iso8859', 'iso2022_jp']
    """
    return convert_encodings([_known(term or "") for term in islice(terms, _MOST_TERMS)])


def _known(term: str) -> str:
    """A term that pydicom may have, or that of the default.

    Python keeps each name of a codec that somebody asks it for, and each text of a warning, as long as it runs.
    """
    if term in python_encoding or term in _KNOWN or _MISSPELT.fullmatch(term) or _has_ascii(term):
        return term
    warnings.warn("a character set that is not known; the default is taken for it", UserWarning, stacklevel=3)
    return ""


def _has_ascii(term: str) -> bool:
    """Whether a term is the name of a codec of Python's that leaves ASCII as it is."""
    if term.lower().replace("-", "_") not in _CODECS:
        return False
    try:
        return _ASCII.decode(term) == _ASCII.decode() and _ASCII.decode().encode(term) == _ASCII
    except (UnicodeError, LookupError):
        return False


DEFAULT = encodings_of([])  # what pydicom takes where there is no Specific Character Set
UTF_8 = encodings_of([UTF_8_TERM])


def encode(text: str, encodings: list[str]) -> bytes | None:
    r"""The bytes of a text, or None where the character sets would lose something of it.

    >>> encode("é", ["latin_1"])
    b'\xe9'
    >>> encode("é", ["iso8859_5"]) is None
    True
    """
    if encodings == UTF_8:
        return text.encode()
    if len(encodings) == 1:
        return _encode_in_one(text, encodings[0])
    parts = _DELIMITERS.split(text)
    if not all(_can_encode(character, tuple(encodings)) for part in parts[::2] for character in part):
        return None
    data = b"".join(encode_string(part, encodings) for part in parts)
    return data if decode_bytes(data, encodings, TEXT_VR_DELIMS) == text else None


def _encode_in_one(text: str, encoding: str) -> bytes | None:
    try:
        data = text.encode(encoding)
    except (UnicodeError, LookupError):
        return None
    # Python's codec knows more than ISO_IR 13 does, which has one byte for a character.
    if encoding == "shift_jis" and len(data) != len(text):
        return None
    return data if data.decode(encoding) == text else None


def decode(data: bytes, encodings: list[str]) -> str:
    r"""The text of some bytes, without any delimiter behind which another character set is in force.

    As in pydicom, what cannot be decoded is replaced, with a warning.

    >>> decode(b"\xe9", ["latin_1"])
    'é'
    """
    return decode_bytes(data, encodings, TEXT_VR_DELIMS)


@lru_cache(maxsize=4096)
def _can_encode(character: str, encodings: tuple[str, ...]) -> bool:
    return any(_encodes(character, encoding) for encoding in encodings)


def _encodes(character: str, encoding: str) -> bool:
    try:
        if encoding in custom_encoders:
            custom_encoders[encoding](character, errors="strict")
        else:
            character.encode(encoding)
    except (UnicodeError, LookupError):
        return False
    return True
