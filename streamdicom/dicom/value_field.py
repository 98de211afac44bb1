"""Values to and from value fields (PS3.5 7.1).

A value field is the bytes in a file and in a raw element of pydicom. These functions handle common values fast. They
return None if the bytes would not read back as the same value (text that ends in a space, a float that FL cannot hold),
or if the value needs more than this module knows (text beyond ASCII, a length that is not a multiple of the size of a
value). The caller must then look closer.
"""

from __future__ import annotations

import binascii
import struct
from array import array
from collections.abc import Callable

from streamdicom._typing import Any
from streamdicom.dicom.person_name import join_name, split_name
from streamdicom.dicom.tags import SPECIFIC_CHARACTER_SET
from streamdicom.dicom.vr import VRS, Form
from streamdicom.errors import OutputError
from streamdicom.events import Value

_Decoder = Callable[[bytes, bool], tuple[Value, ...] | None]

_ESCAPE = "\x1b"  # starts a code extension (PS3.5 6.1.2.5)


# --- values to bytes -------------------------------------------------------------------------------------------


def joined_text(vr: str, values: tuple[Any, ...]) -> str | None:
    """Return the joined values of a text VR, if pydicom reads the same from them.

    The result is None if it does not.
    """
    row = VRS[vr]
    if row.form is Form.PERSON_NAME:
        texts = [join_name(value) for value in values]
    else:
        texts = [value or empty_text(value) for value in values]
    if len(texts) > 1 and not row.multiple:
        return None
    text = "\\".join(texts)
    if vr == "IS" or " " in text or not text.isprintable():  # otherwise nothing is stripped
        is_kept = _IS_KEPT[vr]
        if any(text and not is_kept(text) for text in texts):
            return None
    if row.multiple and text.count("\\") >= len(texts) > 0:  # a value has a separator
        return None
    if row.form is Form.PERSON_NAME and "=" in "".join([group for value in values if value for group in value]):
        return None
    return text


def empty_text(value: object) -> str:
    """Return the text of an empty value.

    Raises:
        TypeError: The value is false, but neither None nor an empty text.
    """
    if value is None or value == "":
        return ""
    raise TypeError("expected text, found another value")


def _keeps_start(text: str) -> bool:
    return text[-1] not in " \0"


def _keeps_middle(text: str) -> bool:
    return text == text.strip() and text[-1] != "\0"


def _keeps_integer(text: str) -> bool:
    # pydicom compares the text of an IS with a float, and uses the float if they differ.
    return len(text) <= _EXACT_DIGITS and _keeps_middle(text)


def _keeps_uri(text: str) -> bool:
    return text == text.rstrip() and text[-1:] != "\0"


_EXACT_DIGITS = 15
_STRIPPED = frozenset({"AE", "DS", "IS", "UI"})

# Predicates: pydicom strips nothing from the value. It strips padding, and insignificant spaces of some VRs.
_IS_KEPT: dict[str, Callable[[str], bool]] = {
    vr: _keeps_middle if vr in _STRIPPED else _keeps_start
    for vr, row in VRS.items()
    if row.form in (Form.TEXT, Form.DECIMAL, Form.PERSON_NAME)
}
_IS_KEPT |= {"IS": _keeps_integer, "UR": _keeps_uri}


def _encode_text(vr: str) -> Callable[[tuple[Any, ...]], bytes | None]:
    row = VRS[vr]
    is_name = row.form is Form.PERSON_NAME
    is_kept = _IS_KEPT[vr]
    strips_end = is_kept is _keeps_start
    is_separated = row.multiple
    padding = b"\0" if vr == "UI" else b" "  # PS3.5 6.2

    def encoder(values: tuple[Any, ...]) -> bytes | None:
        text: str | None
        if is_name:
            text = joined_text(vr, values)
        else:
            match values:  # a str is no sequence here
                case (value,):  # the common case
                    text = value or empty_text(value)
                    if text:
                        is_padded = text[-1] in " \0" if strips_end else not is_kept(text)
                        if is_padded or (is_separated and "\\" in text):
                            return None
                case (_, *_):
                    text = joined_text(vr, values)
                case _:
                    raise TypeError("expected a tuple of values, found another value")
        if text is None or not text.isascii() or _ESCAPE in text:
            return None
        data = text.encode("ascii")
        return data + padding if len(data) & 1 else data

    return encoder


def _encode_numbers(vr: str) -> Callable[[tuple[Any, ...]], bytes | None]:
    code = VRS[vr].code

    def encoder(values: tuple[Any, ...]) -> bytes | None:
        try:
            return struct.pack(f"<{len(values)}{code}", *values)
        except (struct.error, OverflowError):
            return None

    return encoder


def _encode_singles(values: tuple[Any, ...]) -> bytes | None:
    """Encode FL; JSON may have more digits, which must not be lost silently."""
    form = f"<{len(values)}f"
    try:
        data = struct.pack(form, *values)
    except (struct.error, OverflowError):
        return None
    same = all(held == value or value != value for held, value in zip(struct.unpack(form, data), values, strict=True))
    return data if same else None


def _encode_tags(values: tuple[Any, ...]) -> bytes | None:
    if None in values:
        return None
    return b"".join([struct.pack("<HH", value >> 16, value & 0xFFFF) for value in values])


def _encode_binary(values: tuple[Any, ...]) -> bytes | None:
    """Encode bytes of even length.

    JSON has no padding (PS3.18 F.2.7), and pydicom does not pad raw values.
    """
    data: bytes = values[0]
    return None if len(values) > 1 or len(data) & 1 or not isinstance(data, bytes) else data


MAX_SINGLE = 3.4028235677973366e38
"""The least double that is rounded to infinity in 32 bits."""

_SINGLE = struct.Struct("<f")


def is_single(number: float) -> bool:
    """Return whether FL holds a finite number, exactly or in fewer decimal digits.

    >>> is_single(0.1), is_single(0.10000000149011612), is_single(16777217.0), is_single(1e39)
    (True, True, False, False)
    """
    if not -MAX_SINGLE < number < MAX_SINGLE:
        return False
    [single] = _SINGLE.unpack(_SINGLE.pack(number))
    if single == number:
        return True
    digits = repr(number).partition("e")[0].replace(".", "").strip("-0")
    return float(f"{single:.{len(digits)}g}") == number


def as_single(number: float) -> float:
    """Return the number that FL holds, if ``is_single`` accepts it, else the number.

    >>> as_single(0.1), as_single(16777217.0)
    (0.10000000149011612, 16777217.0)
    """
    if not is_single(number):
        return number
    [single] = _SINGLE.unpack(_SINGLE.pack(number))
    return float(single)


def field_text(vr: str, values: tuple[Any, ...]) -> str:
    r"""Return the joined values of a text VR, even if others would be read back.

    Raises:
        ValueError: The VR has one value only.
        TypeError: A value is not text.

    >>> field_text("PN", (("Yamada^Tarou", "", "a"), None))
    'Yamada^Tarou==a\\'
    """
    row = VRS[vr]
    if len(values) > 1 and not row.multiple:
        raise ValueError(f"expected one value for VR {vr}, found {len(values)}")
    if row.form is Form.PERSON_NAME:
        return "\\".join([join_name(value) for value in values])
    return "\\".join([value or empty_text(value) for value in values])


def field_numbers(vr: str, values: tuple[Any, ...]) -> bytes:
    """Return the value field of numbers in little endian; numbers of FL are rounded.

    Raises:
        ValueError: A number does not fit the VR.
        TypeError: A value is not a number.
    """
    try:
        if VRS[vr].form is Form.TAG:
            return b"".join([struct.pack("<HH", value >> 16, value & 0xFFFF) for value in values])
        return struct.pack(f"<{len(values)}{VRS[vr].code}", *values)
    except (struct.error, OverflowError):
        raise ValueError(f"expected numbers in the range of VR {vr}, found another one") from None


def json_value(tag: int, text: str) -> tuple[str, tuple[Any, ...]]:
    r"""Return a VR and the values for a JSON_ELEMENT, in formats that are not JSON.

    Strings, numbers and null become text with a backslash between values, and InlineBinary becomes its bytes. Anything
    else becomes the JSON text. The VR is UT or OB: a reader would give UN the VR of the dictionary, and read numbers
    from the text. Specific Character Set becomes empty, because readers use it with any VR.

    Args:
        tag: The tag of the element.
        text: The JSON text of the attribute, which is the value of the event.

    Raises:
        OutputError: It is a ``DataFragment`` with references, which other formats cannot hold.

    >>> json_value(0x00280010, '{"vr":"US","Value":["many",1.50]}')
    ('UT', ('many\\1.50',))
    >>> json_value(0x00280010, '{"vr":"US","InlineBinary":"AAEC"}')
    ('OB', (b'\x00\x01\x02',))
    """
    attribute = _attribute(text)
    if _has_reference(attribute):
        raise OutputError("expected a value, found fragments by reference, which only JSON can hold")
    return _value_in(tag, attribute, text)


def json_field(tag: int, text: str) -> bytes:
    r"""Return the value field of ``json_value``, in UTF-8.

    Args:
        tag: See ``json_value``.
        text: See ``json_value``.

    Raises:
        ValueError: The text holds half of a surrogate pair, which UTF-8 cannot carry.

    >>> json_field(0x00280010, '{"vr":"US","Value":["many",1.50]}')
    b'many\\1.50 '
    >>> json_field(0x00280010, '{"vr":"US","Value":[true]}')
    b'{"vr":"US","Value":[true]}'
    """
    vr, values = _value_in(tag, _attribute(text), text)
    if not values:
        return b""
    data: bytes = values[0] if vr == "OB" else values[0].encode()
    return data + (b"\0" if vr == "OB" else b" ") if len(data) & 1 else data


class _Number(str):
    """The text of a JSON number or literal, which is no string."""

    __slots__ = ()


def _attribute(text: str) -> dict[str, Any]:
    """Return ``vr`` and the other member of an attribute; nothing for any other text."""
    import json  # which takes long, and few files need it

    try:
        attribute = json.loads(
            text, parse_int=_Number, parse_float=_Number, parse_constant=_Number, object_pairs_hook=_without_duplicates
        )
    except (ValueError, RecursionError):
        return {}
    return attribute if isinstance(attribute, dict) and len(attribute) <= 1 + ("vr" in attribute) else {}


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a name is there twice")
    return members


def _has_reference(attribute: dict[str, Any]) -> bool:
    """Return True if an attribute has fragments, and some are references."""
    value = attribute.get("DataFragment")
    fragments = [fragment for fragment in value if fragment is not None] if isinstance(value, list) else []
    return all(map(_is_fragment, fragments)) and any("BulkDataURI" in fragment for fragment in fragments)


def _is_fragment(fragment: Any) -> bool:
    return isinstance(fragment, dict) and len(fragment) < 2 and all(type(member) is str for member in fragment.values())


def _value_in(tag: int, attribute: dict[str, Any], text: str) -> tuple[str, tuple[Any, ...]]:
    if tag == SPECIFIC_CHARACTER_SET:
        return "CS", ()
    base64 = attribute.get("InlineBinary")
    try:
        binary = binascii.a2b_base64(base64, strict_mode=True) if type(base64) is str else None
    except ValueError:
        binary = None
    if binary is None:
        return "UT", (_joined(attribute) or text,)
    return "OB", (binary,) if binary else ()


def _joined(attribute: Any) -> str | None:
    """Return the joined values of an attribute, or None if it has other values."""
    try:
        value = attribute["Value"]
        joined = "\\".join(["" if text is None else text for text in (value if isinstance(value, list) else [value])])
    except (KeyError, TypeError):
        return None
    # JSON escapes control characters and halves of surrogate pairs, which other formats lack.
    return joined if joined.isprintable() else None


def _encoder(vr: str) -> Callable[[tuple[Any, ...]], bytes | None]:
    form = VRS[vr].form
    if form in (Form.TEXT, Form.DECIMAL, Form.PERSON_NAME):
        return _encode_text(vr)
    if form is Form.TAG:
        return _encode_tags
    if form is Form.BINARY:
        return _encode_binary
    return _encode_singles if vr == "FL" else _encode_numbers(vr)


ENCODERS = {vr: _encoder(vr) for vr in VRS if vr != "SQ"}
"""By VR, a function from the values of an element to its value field (PS3.5 6.2), padded and in little endian.

It returns None if pydicom would not read the same values from the bytes, or if the text is not ASCII.

>>> ENCODERS["LO"](("a", "b"))
b'a\\\\b '
>>> ENCODERS["US"]((1, 256))
b'\\x01\\x00\\x00\\x01'
>>> ENCODERS["LO"](("a ",)) is None
True
"""


# --- bytes to values -------------------------------------------------------------------------------------------


def _decode_binary(vr: str) -> _Decoder:
    word = VRS[vr].word
    return lambda data, little_endian: (data if little_endian else swap_words(data, word),)


def text_value_decoder(vr: str, *, takes_null: bool = True) -> _Decoder:
    r"""Return the entry of ``DECODERS`` for a VR of text.

    Args:
        vr: The VR.
        takes_null: Read value fields with NULL too.

    >>> text_value_decoder("LO")(b"a\0", True), text_value_decoder("LO", takes_null=False)(b"a\0", True)
    (('a',), None)
    """
    split = SPLITTERS[vr]
    # Most elements have one value, which needs no splitting.
    padded = split in (_split_string, _split_text)
    stripped = split is _split_stripped
    refuses_null = not takes_null

    def decoder(data: bytes, little_endian: bool) -> tuple[Value, ...] | None:
        if not data.isascii():
            return None
        text = data.decode()
        if _ESCAPE in text or (refuses_null and "\0" in text):
            return None
        if "\\" not in text:
            if padded:
                return (text.rstrip("\0 "),)
            if stripped:
                return (text.lstrip().rstrip(_ASCII_ENDS),)
        return split(text)

    return decoder


def _splitter(vr: str) -> Callable[[str], tuple[Value, ...]]:
    """Return a function that splits text as ``pydicom.values`` does."""
    row = VRS[vr]
    if vr == "UR":
        return _split_ur
    if vr in _STRIPPED:
        return _split_stripped
    if row.form is Form.PERSON_NAME:
        return _split_names
    if row.character_set and row.multiple:
        return _split_text
    return _split_string if row.multiple else _single


def _single(text: str) -> tuple[Value, ...]:
    return (text.rstrip("\0 "),)


def _split_ur(text: str) -> tuple[Value, ...]:
    return (text.rstrip(_ENDS),)


def _split_string(text: str) -> tuple[Value, ...]:
    return tuple(_parts(text, "\0 "))


def _split_text(text: str) -> tuple[Value, ...]:
    return tuple([part.rstrip("\0 ") for part in text.split("\\")])


def _split_stripped(text: str) -> tuple[Value, ...]:
    text = text.rstrip("\0 ")
    if " " not in text and text.isprintable():  # nothing to strip
        return tuple(text.split("\\"))
    return tuple([part.lstrip().rstrip(_ENDS) for part in text.split("\\")])


def _split_names(text: str) -> tuple[Value, ...]:
    return tuple([split_name(part) for part in _parts(text, "=\0 ")])


def _parts(text: str, ends: str) -> list[str]:
    """Return the values of text, without characters at an end if NUL is among them.

    pydicom strips NUL at the end of the last value only.
    """
    parts = text.rstrip("\0 ").split("\\")
    if "\0" in text:
        kept = [part.rstrip(ends) for part in parts]
        parts = [short if "\0" in part[len(short) :] else part for part, short in zip(parts, kept, strict=True)]
    return parts


_ASCII_ENDS = "\0\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f "
"""Characters that are no part of a value at its end, in ASCII: NUL and white space."""

_ENDS = (
    f"{_ASCII_ENDS}\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
"""Characters that are no part of a value at its end, in all of Unicode. They take a while to find."""

SPLITTERS = {vr: _splitter(vr) for vr, row in VRS.items() if row.form in (Form.TEXT, Form.DECIMAL, Form.PERSON_NAME)}
"""By VR, a function from the text of a value field, with its padding, to the values.

>>> SPLITTERS["LO"]("a\\\\b ")
('a', 'b')
"""


def _decode_numbers(vr: str) -> _Decoder:
    code = VRS[vr].code
    size = struct.calcsize(f"={code}")
    one = {True: struct.Struct(f"<{code}"), False: struct.Struct(f">{code}")}

    def decoder(data: bytes, little_endian: bool) -> tuple[Value, ...] | None:
        if len(data) == size:
            return one[little_endian].unpack(data)
        count, rest = divmod(len(data), size)
        return None if rest else struct.unpack(f"{'<' if little_endian else '>'}{count}{code}", data)

    return decoder


def _decode_tags(data: bytes, little_endian: bool) -> tuple[Value, ...] | None:
    count, rest = divmod(len(data), 4)
    if rest:
        return None
    numbers = struct.unpack(f"{'<' if little_endian else '>'}{2 * count}H", data)
    return tuple([group << 16 | element for group, element in zip(numbers[::2], numbers[1::2], strict=True)])


def swap_words(data: bytes, word: int) -> bytes:
    r"""Return the bytes of a binary value in the other byte order (PS3.5 7.3).

    An incomplete last word is kept.

    >>> swap_words(b"\x01\x02\x03\x04", 2)
    b'\x02\x01\x04\x03'
    """
    if word == 1:
        return data
    cut = len(data) // word * word
    words = array({2: "H", 4: "I", 8: "Q"}[word], data[:cut])
    words.byteswap()
    return words.tobytes() + data[cut:]


def _decoder(vr: str) -> _Decoder:
    form = VRS[vr].form
    if form is Form.BINARY:
        return _decode_binary(vr)
    if form is Form.TAG:
        return _decode_tags
    return _decode_numbers(vr) if VRS[vr].code else text_value_decoder(vr)


DECODERS = {vr: _decoder(vr) for vr in VRS if vr != "SQ"}
"""By VR, a function from a value field and its byte order (True for little endian) to the values.

The values are those that pydicom reads. It returns None if the bytes need a closer look.

>>> DECODERS["IS"](b"1\\\\2 ", True)
('1', '2')
>>> DECODERS["LO"]("é".encode(), True) is None
True
"""
