"""Text in the character sets of DICOM (PS3.5 6.1), on top of pydicom's."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from pydicom.charset import convert_encodings, custom_encoders

__all__ = ["DEFAULT", "UTF_8", "UTF_8_TERM", "can_encode", "encode", "encodings_of"]

UTF_8_TERM = "ISO_IR 192"


def encodings_of(terms: Iterable[str | None]) -> list[str]:
    """Python's names of the encodings that the values of Specific Character Set name.

    >>> encodings_of(["ISO_IR 192"])
    ['UTF8']
    """
    return convert_encodings([term or "" for term in terms])


DEFAULT = encodings_of([])  # what pydicom takes where there is no Specific Character Set
UTF_8 = encodings_of([UTF_8_TERM])


def encode(text: str, encodings: list[str]) -> bytes | None:
    r"""Text beyond ASCII, in a character set without code extensions; None where it would lose a character.

    >>> encode("é", ["latin_1"])
    b'\xe9'
    >>> encode("é", ["iso8859_5"]) is None
    True
    """
    [encoding] = encodings
    try:
        data = _encoder(text, encoding)
        return data if data.decode(encoding) == text else None
    except (UnicodeError, LookupError):
        return None


def can_encode(text: str, encodings: list[str]) -> bool:
    """Whether each character of a text is in one of the character sets.

    >>> can_encode("山é", ["latin_1", "iso2022_jp"])
    True
    """
    names = tuple(encodings)
    return all(_can_encode(character, names) for character in set(text))


@lru_cache(maxsize=4096)
def _can_encode(character: str, encodings: tuple[str, ...]) -> bool:
    return any(encode(character, [encoding]) is not None for encoding in encodings)


def _encoder(text: str, encoding: str) -> bytes:
    custom = custom_encoders.get(encoding)
    if custom is None:
        return text.encode(encoding)
    return custom(text, errors="strict")
