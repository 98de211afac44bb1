"""Defined terms of Specific Character Set (PS3.3 C.12.1.1.2, 2025e)."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from encodings.aliases import aliases
from functools import lru_cache

from streamdicom._late import late_pattern
from streamdicom._records import NamedTuple
from streamdicom._typing import TypeAlias

UTF_8_TERM = "ISO_IR 192"

Decode: TypeAlias = Callable[[bytes, str], tuple[str, int]]
"""Takes bytes and the name of an error handler; returns text and the number of bytes."""


class CodeElement(NamedTuple):
    """A coded character set in G0 or G1 (PS3.5 6.1.2.5.1).

    Attributes:
        codec: The Python codec that has the set beside ASCII, with the high bit set.
        escape: The escape sequence that designates the set, without ESC; or empty.
        prefix: The bytes before each character in the codec.
        width: The bytes of a character.
        in_g0: True for a set in G0, whose bytes have no high bit in a value field.
    """

    codec: str
    escape: bytes
    prefix: bytes = b""
    width: int = 1
    in_g0: bool = False


ASCII = CodeElement("ascii", b"(B", in_g0=True)
# ISO-IR 14 has a yen sign and an overline in the places of backslash and tilde. They are read as these two: the code of
# the backslash separates values in both sets (PS3.5 6.1.2.3).
ROMAJI = CodeElement("ascii", b"(J", in_g0=True)
KATAKANA = CodeElement("jis_x_0201", b")I")
JIS_X_0208 = CodeElement("euc_jp", b"$B", width=2, in_g0=True)
JIS_X_0212 = CodeElement("euc_jp", b"$(D", prefix=b"\x8f", width=2, in_g0=True)
KS_X_1001 = CodeElement("euc_kr", b"$)C", width=2)
GB_2312 = CodeElement("gb2312", b"$)A", width=2)

_ISO_8859 = {
    100: CodeElement("latin_1", b"-A"),
    101: CodeElement("iso8859_2", b"-B"),
    109: CodeElement("iso8859_3", b"-C"),
    110: CodeElement("iso8859_4", b"-D"),
    144: CodeElement("iso8859_5", b"-L"),
    127: CodeElement("iso8859_6", b"-G"),
    126: CodeElement("iso8859_7", b"-F"),
    138: CodeElement("iso8859_8", b"-H"),
    148: CodeElement("iso8859_9", b"-M"),
    203: CodeElement("iso8859_15", b"-b"),
    166: CodeElement("tis_620", b"-T"),
}


class Term(NamedTuple):
    """The meaning of a defined term.

    Attributes:
        g0: The set that it puts in G0, if any.
        g1: The set that it puts in G1, if any.
        has_extensions: True if the term allows code extensions.
        is_whole: True if it is a code of its own, which G1 stands for, and allows no other term.
        is_first: True if it may be the first of several values, or the only one.
    """

    g0: CodeElement | None
    g1: CodeElement | None
    has_extensions: bool = True
    is_whole: bool = False
    is_first: bool = True


def _terms() -> dict[str, Term]:
    single = {number: (ASCII, element) for number, element in _ISO_8859.items()} | {13: (ROMAJI, KATAKANA)}
    return {
        **{f"ISO_IR {number}": Term(*pair, has_extensions=False) for number, pair in single.items()},
        "ISO 2022 IR 6": Term(ASCII, None),
        **{f"ISO 2022 IR {number}": Term(*pair) for number, pair in single.items()},
        "ISO 2022 IR 87": Term(JIS_X_0208, None, is_first=False),
        "ISO 2022 IR 159": Term(JIS_X_0212, None, is_first=False),
        "ISO 2022 IR 149": Term(None, KS_X_1001, is_first=False),
        "ISO 2022 IR 58": Term(None, GB_2312, is_first=False),
        UTF_8_TERM: _whole("utf-8"),
        "GB18030": _whole("gb18030"),
        "GBK": _whole("gbk"),
    }


def _whole(codec: str) -> Term:
    return Term(ASCII, CodeElement(codec, b""), has_extensions=False, is_whole=True)


DEFAULT_TERM = Term(ASCII, None, has_extensions=False)
"""The meaning of an absent value of Specific Character Set."""

TERMS = _terms()
"""The defined terms: Tables C.12-2 to C.12-5."""

DESIGNATIONS: dict[bytes, CodeElement] = {
    element.escape: element
    for term in TERMS.values()
    for element in (term.g0, term.g1)
    if element is not None and element.escape
}
"""The sets by their escape sequences, without ESC."""

# JIS C 6226-1978, the first edition of JIS X 0208: no defined term has it, but old files do.
DESIGNATIONS[b"$@"] = JIS_X_0208

_MISSPELT = late_pattern("(?i)ISO[ _-]?(2022)?[ _-]?(?:IR)?[ _-]?([0-9]{1,3}|GBK)")
_CODECS = frozenset(aliases) | frozenset(aliases.values())
_ASCII_BYTES = bytes(range(128))
_MAX_LENGTH = 64  # characters of a term, so that no long text is looked up


def misspelt_term(text: str) -> Term | None:
    """Return the meaning of a misspelt term, or of the name of a Python codec.

    pydicom accepts both. The codec must contain ASCII, otherwise text could be mistaken for a delimiter.

    >>> misspelt_term("ISO-IR 144").g1.codec
    'iso8859_5'
    >>> misspelt_term("koi8-r").g1.codec
    'koi8-r'
    """
    if len(text) > _MAX_LENGTH:
        return None
    found = _MISSPELT.fullmatch(text)
    if not found:
        return _whole(text) if _has_ascii(text) else None
    extension, number = found.groups()
    if number in ("6", "GBK"):
        return DEFAULT_TERM if number == "6" else TERMS["GBK"]
    spellings = (f"ISO_IR {number}", f"ISO 2022 IR {number}")
    candidates = map(TERMS.get, reversed(spellings) if extension else spellings)
    return next((term for term in candidates if term is not None), None)


def _has_ascii(name: str) -> bool:
    # Python caches codec lookups forever, so only known names are looked up.
    if name.lower().replace("-", "_") not in _CODECS:
        return False
    try:
        return _ASCII_BYTES.decode(name) == _ASCII_BYTES.decode() and _ASCII_BYTES.decode().encode(name) == _ASCII_BYTES
    except (UnicodeError, LookupError):
        return False


# --- codes -----------------------------------------------------------------------------------------------------

_JIS_X_0201 = "".join([*map(chr, range(128)), *"\ufffe" * 33, *map(chr, range(0xFF61, 0xFFA0)), *"\ufffe" * 32])
_JIS_X_0201_CODES = codecs.charmap_build(_JIS_X_0201)


def decode_function(codec: str) -> Decode:
    r"""Return the decoder of a codec.

    >>> decode_function("jis_x_0201")(b"\xd4\xcf", "strict")
    ('ﾔﾏ', 2)
    """
    return _decode_katakana if codec == KATAKANA.codec else codecs.getdecoder(codec)


def _decode_katakana(data: bytes, errors: str = "strict") -> tuple[str, int]:
    return codecs.charmap_decode(data, errors, _JIS_X_0201)


class _KatakanaDecoder(codecs.IncrementalDecoder):
    def decode(self, data: bytes, final: bool = False) -> str:  # type: ignore[override]
        return _decode_katakana(data, self.errors)[0]


def incremental_decoder(codec: str, errors: str) -> codecs.IncrementalDecoder:
    """Return a decoder for a text in pieces."""
    if codec == KATAKANA.codec:
        return _KatakanaDecoder(errors)
    return codecs.getincrementaldecoder(codec)(errors)


def encoded(text: str, codec: str) -> bytes | None:
    r"""Return the bytes of a text, or None if a codec does not return the same text.

    >>> encoded("é", "latin_1")
    b'\xe9'
    >>> encoded("é", "iso8859_5") is None
    True
    """
    try:
        data = (
            codecs.charmap_encode(text, "strict", _JIS_X_0201_CODES)[0]
            if codec == KATAKANA.codec
            else text.encode(codec)
        )
        return data if decode_function(codec)(data, "strict")[0] == text else None
    except UnicodeError:
        return None


@lru_cache(maxsize=32 * 1024)
def encoded_character(character: str, element: CodeElement) -> bytes | None:
    """Return the bytes of a character beyond ASCII, or None if a set lacks it."""
    data = encoded(character, element.codec)
    if data is None or not data.startswith(element.prefix):
        return None
    data = data[len(element.prefix) :]
    if len(data) != element.width or min(data) < 0x80 or (element.width == 2 and min(data) < 0xA1):
        return None
    return bytes(byte & 0x7F for byte in data) if element.in_g0 else data
