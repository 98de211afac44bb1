"""Base64 (RFC 4648, section 4), encoded and decoded incrementally."""

from __future__ import annotations

import binascii

from streamdicom import _native


class Base64Encoder:
    r"""Encode bytes incrementally, in pieces of any length.

    >>> encoder = Base64Encoder()
    >>> encoder.encode(b"\x00\x01") + encoder.encode(b"\x02\x03", final=True)
    'AAECAw=='
    """

    def __init__(self) -> None:
        self._carry = b""  # up to two bytes, an incomplete group

    def encode(self, data: bytes | memoryview, *, final: bool = False) -> str:
        """Return the text of the complete groups; with ``final``, of all bytes, padded."""
        whole = self._carry + bytes(data) if self._carry else data
        rest = 0 if final else len(whole) % 3
        cut = len(whole) - rest
        self._carry = bytes(whole[cut:])
        return encode_base64(whole[:cut])


class Base64Decoder:
    r"""Decode base64 text incrementally, in pieces of any length.

    Strict, unless it is lenient: white space, the URL-safe alphabet and missing padding are errors.

    Args:
        is_lenient: Accept these forms.

    Attributes:
        is_odd: True if the text has one of these forms.

    >>> decoder = Base64Decoder()
    >>> decoder.feed("AAE") + decoder.feed("CAw==") + decoder.close()
    b'\x00\x01\x02\x03'
    """

    def __init__(self, *, is_lenient: bool = False) -> None:
        self._is_lenient = is_lenient
        self._held = ""  # up to three characters, an incomplete group
        self._is_padded = False
        self.is_odd = False

    @property
    def is_plain(self) -> bool:
        """True between groups of four characters, if all so far were standard."""
        return not (self._held or self._is_padded or self.is_odd)

    def feed(self, text: str) -> bytes:
        """Return the bytes of the complete groups of four characters.

        Raises:
            ValueError: The text is not base64.
        """
        text = self._held + text if self._held else text
        try:
            return self._decode(text)
        except ValueError:
            if not self._is_lenient:
                raise
        self.is_odd = True
        text = text.translate(_OTHER_FORMS)
        return self._decode("" if self._is_padded and not text.strip("=") else text)

    def _decode(self, text: str) -> bytes:
        if self._is_padded and text:
            raise ValueError("not base64: data after the padding")
        cut = len(text) // 4 * 4
        whole = text[:cut]  # not copied if nothing is left over
        data = decode_base64(whole)
        self._held = text[cut:]
        self._is_padded = self._is_padded or whole.endswith("=")
        return data

    def close(self) -> bytes:
        """Finish the text, and return the bytes of the last group if it lacks its padding.

        Raises:
            ValueError: The last group is incomplete.
        """
        if not self._held:
            return b""
        if not self._is_lenient:
            raise ValueError("not base64")
        self.is_odd = True
        text = self._held.translate(_OTHER_FORMS).rstrip("=")
        return decode_base64(text + "=" * (-len(text) % 4))


_OTHER_FORMS = str.maketrans({"-": "+", "_": "/", **dict.fromkeys(" \t\r\n")})


def encode_base64(data: bytes | memoryview) -> str:
    r"""Return the base64 text of bytes, padded.

    Raises:
        TypeError: The value is not bytes.

    >>> encode_base64(b"\x00\x01\x02")
    'AAEC'
    """
    if type(data) is bytes and _native.functions is not None:
        text: str = _native.functions.base64_text(data)
        return text
    return binascii.b2a_base64(data, newline=False).decode("ascii")


def decode_base64(text: str) -> bytes:
    r"""Decode a complete base64 text.

    Raises:
        ValueError: The text is not base64.

    >>> decode_base64("AAEC")
    b'\x00\x01\x02'
    """
    if _native.functions is not None:
        data: bytes | None = _native.functions.base64_bytes(text)
        if data is not None:
            return data
    # Some versions of Python accept excess padding.
    if len(text) % 4 or text.find("=", 0, -2) >= 0:
        raise ValueError("not base64")
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        raise ValueError("not base64") from None


def decode_any_base64(text: str) -> tuple[bytes, bool]:
    r"""Decode a complete base64 text as a lenient ``Base64Decoder`` does.

    Returns:
        The bytes, and whether the text has another form than that of RFC 4648, section 4.

    Raises:
        ValueError: The text is not base64.

    >>> decode_any_base64("AAEC"), decode_any_base64("AAE")
    ((b'\x00\x01\x02', False), (b'\x00\x01', True))
    """
    try:
        return decode_base64(text), False
    except ValueError:
        decoder = Base64Decoder(is_lenient=True)
        return decoder.feed(text) + decoder.close(), True
