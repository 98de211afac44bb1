"""Text in character sets (PS3.5 6.1, PS3.3 C.12.1.1.2).

The code tables are in Python's codecs. ``charset_terms`` has the defined terms; the escape sequences of code
extensions, and the delimiters at which the first character set is in force again, are here.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable
from functools import cache, lru_cache
from itertools import islice

from streamdicom._late import late_pattern
from streamdicom._typing import TYPE_CHECKING
from streamdicom.dicom.charset_terms import (
    ASCII,
    DEFAULT_TERM,
    DESIGNATIONS,
    GB_2312,
    TERMS,
    UTF_8_TERM,
    CodeElement,
    Term,
    decode_function,
    encoded,
    encoded_character,
    incremental_decoder,
    misspelt_term,
)
from streamdicom.dicom.vr import VRS, Form

if TYPE_CHECKING:
    import re

_ESCAPE = b"\x1b"
_REPLACEMENT = "\ufffd"
_MAX_TERMS = 64  # there are about thirty
_SEQUENCE = late_pattern(rb"[\x20-\x2f]{0,3}[\x30-\x7e]")  # after ESC
_START_OF_SEQUENCE = late_pattern(rb"[\x20-\x2f]{0,3}")
_ESCAPED_BYTES = late_pattern("[\udc80-\udcff]")  # of the error handler "surrogateescape"
_LATIN_1 = CodeElement("latin_1", b"")

# Faults of text, by their code in the table of deviations.
UNDECODABLE = "undecodable-text"
NO_CHARACTER_SET = "no-character-set"
UNEXPECTED_ESCAPE = "escape-sequence"

# PS3.5 6.1.2.5.3: before one of these the first character set is in force again.
_CONTROL = "".join(map(chr, [*range(0x1B), *range(0x1C, 0x20)]))
_DELIMITERS = {False: _CONTROL, True: _CONTROL + "\\"}
_NAME_DELIMITERS = _CONTROL + "\\^="


def delimiters(vr: str) -> str:
    r"""Return the delimiters of a text VR (PS3.5 6.1.2.5.3).

    After them the first character set is in force again.

    >>> [name for name in "\\^=\n" if name in delimiters("LO")]
    ['\\', '\n']
    """
    row = VRS[vr]
    return _NAME_DELIMITERS if row.form is Form.PERSON_NAME else _DELIMITERS[row.multiple]


class CharacterSets:
    """The character sets in force, by the values of Specific Character Set.

    Args:
        terms: The values.

    Attributes:
        terms: The values.
        is_defined: True if PS3.3 C.12.1.1.2 defines each of them, in this combination.
        g0: The first set in G0: the default repertoire or ISO-IR 14.
        g1: The first set in G1, if there is one.
        has_extensions: True if escape sequences may change the sets.
        elements: The sets that have escape sequences, in the order of the values.
        fallback: The set for bytes that no set in force has.
    """

    def __init__(self, terms: tuple[str, ...]) -> None:
        self.terms = terms
        self.is_defined = True
        first, *others = [self._meaning(term) for term in terms] or [DEFAULT_TERM]
        self.has_extensions = first.has_extensions or bool(others)
        if others and not terms[0]:
            first = TERMS["ISO 2022 IR 6"]
        if others and first.is_whole:  # as pydicom: the first one counts
            self.has_extensions = self.is_defined = False
            others = []
        extensions = [term for term in others if not term.is_whole]
        if not first.is_first or len(extensions) < len(others) or not all(term.has_extensions for term in others):
            self.is_defined = False
        if first.has_extensions is not bool(others):  # one value does not allow code extensions, several need them
            self.is_defined = False
        self.g0 = first.g0 if first.g0 is not None and first.g0.width == 1 else ASCII
        self.g1 = first.g1
        self._is_whole = first.is_whole
        self.elements: tuple[CodeElement, ...] = ()
        if self.has_extensions:
            found = [element for term in (first, *extensions) for element in (term.g0, term.g1)]
            self.elements = tuple(dict.fromkeys(element for element in found if element is not None))
        named = [element for element in self.elements if not element.in_g0]
        self.fallback = named[0] if named else _LATIN_1
        self._decode = decode_function(self.g1.codec if self.g1 else "ascii")

    def _meaning(self, text: str) -> Term:
        if not text:
            return DEFAULT_TERM
        term = TERMS.get(text)
        if term is None:
            self.is_defined = False
            term = misspelt_term(text)
        return term or DEFAULT_TERM

    def decode(self, data: bytes, vr: str) -> tuple[str, frozenset[str]]:
        r"""Return the text of a whole value field, and the codes of its faults.

        Bytes that no character set has become U+FFFD. The text never has an escape sequence.

        Args:
            data: The value field.
            vr: A text VR to which Specific Character Set applies.

        >>> character_sets(["", "ISO 2022 IR 58"]).decode(b"\x1b$)A\xd5\xc5^\x1b$)A\xb6\xab", "PN")
        ('张^东', frozenset())
        """
        if _ESCAPE not in data:
            try:
                return self._decode(data, "strict")[0], _NO_FAULTS
            except UnicodeDecodeError:
                pass
        return (_remembered if len(data) <= _MAX_REMEMBERED else _decoded)(self, data, vr)

    def encode(self, text: str, vr: str) -> bytes | None:
        r"""Return the bytes of a whole value field, or None if the sets lack a character.

        >>> character_sets(["", "ISO 2022 IR 87"]).encode("山^太", "PN")
        b'\x1b$B;3\x1b(B^\x1b$BB@\x1b(B'
        >>> character_sets(["ISO_IR 100"]).encode("山", "PN") is None
        True
        """
        return TextEncoder(self, vr).encode(text, final=True)

    def encode_in_one(self, text: str) -> bytes | None:
        """Return the bytes of a text, or None, for sets without code extensions."""
        if text.isascii():
            return text.encode("ascii")
        # A file with a term that only some readers guess is no help to others.
        if self.g1 is None or not self.is_defined:
            return None
        return text.encode() if self.g1.codec == "utf-8" else encoded(text, self.g1.codec)


_NO_FAULTS: frozenset[str] = frozenset()
_MAX_REMEMBERED = 256  # bytes


def _decoded(sets: CharacterSets, data: bytes, vr: str) -> tuple[str, frozenset[str]]:
    decoder = TextDecoder(sets, vr)
    return decoder.decode(data, final=True), frozenset(decoder.faults)


# The images of a study have the same names.
_remembered = lru_cache(maxsize=1024)(_decoded)


@lru_cache(maxsize=256)
def _character_sets(terms: tuple[str, ...]) -> CharacterSets:
    return CharacterSets(terms)


def character_sets(terms: Iterable[str | None]) -> CharacterSets:
    """Return the character sets by the values of Specific Character Set.

    A term that is not defined is read as a similar one, else as the name of a Python codec, else as the default.

    >>> character_sets(["ISO_IR 192"]) is UTF_8
    True
    >>> character_sets(["latin"]).is_defined
    False
    """
    found = [term.strip(" \0") if term else "" for term in islice(terms, _MAX_TERMS)]
    while found and not found[-1]:
        found.pop()
    return _character_sets(tuple(term if len(term) <= _MAX_TERMS else "?" for term in found))


class TextDecoder:
    """Decodes the text of a value field in any number of pieces.

    Args:
        sets: The character sets in force.
        vr: A text VR to which Specific Character Set applies.

    Attributes:
        faults: The codes of the faults so far.
    """

    def __init__(self, sets: CharacterSets, vr: str) -> None:
        self.faults: set[str] = set()
        self._sets = sets
        self._delimiters = delimiters(vr).encode()
        self._find_delimiter = _pattern_of(self._delimiters).search
        self._pending = b""  # the start of an escape sequence, or of a character in G0
        self._g0 = sets.g0
        self._g1 = sets.g1
        self._decoder: codecs.IncrementalDecoder | None = None  # of G1, if it may hold the start of a character
        self._parts: list[str] = []

    def decode(self, data: bytes, *, final: bool) -> str:
        """Return the text that the next bytes complete.

        Args:
            data: The next bytes of the value field.
            final: True for the last ones.
        """
        first, *others = (self._pending + data).split(_ESCAPE)
        self._pending = b""
        held = None
        if others and not final and _START_OF_SEQUENCE.fullmatch(others[-1]):
            held = others.pop()
        self._run(first, is_last=not others and held is None and not final)
        for number, piece in enumerate(others, 1):
            self._flush()
            self._run(self._designate(piece), is_last=number == len(others) and held is None and not final)
        if held is not None:
            self._pending = _ESCAPE + held
        if final:
            self._flush()
        text = "".join(self._parts)
        self._parts.clear()
        return text

    def _invoke(self, g0: CodeElement, g1: CodeElement | None) -> None:
        self._g0 = g0
        if g1 is not self._g1:
            self._flush()
            self._g1 = g1

    def _flush(self) -> None:
        if self._decoder is not None:
            self._put(self._decoder.decode(b"", True))
            self._decoder = None

    def _put(self, text: str) -> None:
        if not text.isascii() and _ESCAPED_BYTES.search(text):
            self.faults.add(UNDECODABLE)
            text = _ESCAPED_BYTES.sub(_REPLACEMENT, text)
        self._parts.append(text)

    def _designate(self, piece: bytes) -> bytes:
        """Take the escape sequence at the start of the bytes after ESC; return the rest."""
        found = _SEQUENCE.match(piece)
        element = DESIGNATIONS.get(found[0]) if found else None
        if found is None or element is None:
            self.faults.add(UNDECODABLE)
            self._parts.append(_REPLACEMENT)
            return piece[found.end() if found else 0 :]
        sets = self._sets
        if not sets.has_extensions or (element not in sets.elements and element is not ASCII) or found[0] == b"$@":
            self.faults.add(UNEXPECTED_ESCAPE)
        self._invoke(*((element, self._g1) if element.in_g0 else (self._g0, element)))
        return piece[found.end() :]

    def _run(self, data: bytes, *, is_last: bool) -> None:
        """Decode bytes without escape sequences.

        Args:
            data: The bytes.
            is_last: True if more bytes of the same run may follow.
        """
        if not data:
            return
        sets = self._sets
        if self._g0.width == 2:
            data = self._run_of_pairs(data, is_last=is_last)
            if data:
                self._invoke(sets.g0, sets.g1)
        elif self._g1 is not sets.g1:
            found = self._find_delimiter(data)
            if found:
                self._run_of_bytes(data[: found.start()])
                self._invoke(sets.g0, sets.g1)
                data = data[found.start() :]
        self._run_of_bytes(data)

    def _run_of_bytes(self, data: bytes) -> None:
        if self._decoder is None:
            if data.isascii():  # which is the same in all sets
                self._parts.append(data.decode("ascii"))
                return
            self._decoder = incremental_decoder((self._g1 or self._sets.fallback).codec, "surrogateescape")
        if self._g1 is None and not data.isascii():
            self.faults.add(NO_CHARACTER_SET)
        self._put(self._decoder.decode(data))

    def _run_of_pairs(self, data: bytes, *, is_last: bool) -> bytes:
        """Decode characters of two bytes up to the first delimiter; return the rest."""
        while data:
            found = _PAIRS.match(data)
            assert found
            for run in _RUNS.findall(data[: found.end()]):
                if run[0] == 0x20:
                    self._parts.append(run.decode("ascii"))
                elif run[0] >= 0x80:
                    self._run_of_bytes(run)
                else:
                    self._put_pairs(run)
            data = data[found.end() :]
            if len(data) == 1 and is_last and 0x20 < data[0] < 0x7F:
                self._pending = data
                return b""
            if data and data[0] in self._delimiters:
                if data[0] > 0x20:  # the first set should be in force again before it
                    self.faults.add(UNEXPECTED_ESCAPE)
                return data
            if data:
                self._flush()
                self.faults.add(UNDECODABLE)
                self._parts.append(_REPLACEMENT)
                data = data[1:]
        return b""

    def _put_pairs(self, run: bytes) -> None:
        codec, prefix = self._g0.codec, self._g0.prefix
        self._flush()
        high = run.translate(_WITH_HIGH_BIT)
        pairs = [prefix + high[start : start + 2] for start in range(0, len(high), 2)]
        try:
            self._parts.append((b"".join(pairs) if prefix else high).decode(codec))
        except UnicodeDecodeError:
            self.faults.add(UNDECODABLE)
            self._parts.append("".join([pair.decode(codec, "replace")[:1] for pair in pairs]))


@cache
def _pattern_of(delimiters: bytes) -> re.Pattern[bytes]:
    import re  # which takes long, and few values need it

    return re.compile(b"[" + re.escape(delimiters) + b"]")


_PAIRS = late_pattern(rb"(?:[\x21-\x7e]{2}| |[\x80-\xff])*")
_RUNS = late_pattern(rb"[\x21-\x7e]+| +|[\x80-\xff]+")
_WITH_HIGH_BIT = bytes(byte | 0x80 for byte in range(256))


class TextEncoder:
    """Encodes the text of a value field in any number of pieces.

    Args:
        sets: The character sets.
        vr: A text VR to which Specific Character Set applies.
    """

    def __init__(self, sets: CharacterSets, vr: str) -> None:
        self._sets = sets
        self._delimiters = delimiters(vr)
        self._g0 = sets.g0
        self._g1 = sets.g1
        self._is_after_gb_2312 = False  # and after the delimiters that ended it

    def encode(self, text: str, *, final: bool) -> bytes | None:
        """Return the bytes of the next piece, or None if the sets do not carry it.

        Args:
            text: The piece.
            final: True for the last one, after which the first sets are in force again.
        """
        sets = self._sets
        if "\x1b" in text:
            return None
        if not sets.has_extensions:
            return sets.encode_in_one(text)
        if text.isascii() and self._g0 is sets.g0 and self._g1 is sets.g1 and not self._is_after_gb_2312:
            return text.encode("ascii")
        if not sets.is_defined and not text.isascii():
            return None
        data = bytearray()
        for character in text:
            if character in self._delimiters:
                self._is_after_gb_2312 = self._is_after_gb_2312 or (self._g1 is GB_2312 and sets.g1 is None)
                self._restore(data)
                data += character.encode("ascii")
            elif character.isascii():
                if self._g1 is GB_2312 or self._is_after_gb_2312:
                    # DCMTK takes a single byte before an escape sequence for half a character here.
                    self._g0, self._g1 = GB_2312, None
                    self._is_after_gb_2312 = False
                self._invoke(sets.g0, data)
                data += character.encode("ascii")
            elif self._append(character, data):
                self._is_after_gb_2312 = False
            else:
                return None
        if final:
            self._restore(data)
        return bytes(data)

    def _append(self, character: str, data: bytearray) -> bool:
        """Append a character beyond ASCII; return False if no set has it."""
        for element in (self._g1, self._g0, *self._sets.elements):
            if element is None or element.codec == "ascii":
                continue
            code = encoded_character(character, element)
            if code is not None:
                self._invoke(element, data)
                data += code
                return True
        return False

    def _invoke(self, element: CodeElement, data: bytearray) -> None:
        if element is self._g0 or element is self._g1:
            return
        data += _ESCAPE + element.escape
        if element.in_g0:
            self._g0 = element
        else:
            self._g1 = element

    def _restore(self, data: bytearray) -> None:
        """Put the first sets in force again, as before a delimiter."""
        self._invoke(self._sets.g0, data)
        if self._sets.g1 is not None:
            self._invoke(self._sets.g1, data)
        self._g1 = self._sets.g1  # a delimiter ends a set for which there is no first one


DEFAULT = character_sets(())
"""The default repertoire, if Specific Character Set is missing."""

UTF_8 = character_sets((UTF_8_TERM,))
