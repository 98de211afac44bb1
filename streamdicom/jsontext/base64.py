"""Base64 (RFC 4648, section 4) of bytes that come in pieces."""

from __future__ import annotations

import binascii


class Base64Encoder:
    r"""Encodes bytes that come in pieces of any length. The text does not depend on the cuts.

    >>> encoder = Base64Encoder()
    >>> encoder.encode(b"\x00\x01") + encoder.encode(b"\x02\x03", final=True)
    'AAECAw=='
    """

    def __init__(self) -> None:
        self._carry = b""  # what does not fill a group of three

    def encode(self, data: bytes | memoryview, *, final: bool = False) -> str:
        """The text of all bytes so far that fill groups; with ``final`` of the others too, and padding."""
        whole = self._carry + bytes(data) if self._carry else data
        rest = 0 if final else len(whole) % 3
        cut = len(whole) - rest
        self._carry = bytes(whole[cut:])
        return binascii.b2a_base64(whole[:cut], newline=False).decode("ascii")


class Base64Decoder:
    r"""Decodes a base64 text that comes in pieces of any length. The bytes do not depend on the cuts.

    Strict: white space, characters of other alphabets and missing padding are errors.

    >>> decoder = Base64Decoder()
    >>> decoder.feed("AAE") + decoder.feed("CAw==")
    b'\x00\x01\x02\x03'
    >>> decoder.close()
    """

    def __init__(self) -> None:
        self._held = ""  # what does not fill a group of four
        self._is_padded = False

    def feed(self, text: str) -> bytes:
        """The bytes of all characters so far that fill groups of four.

        Raises:
            ValueError: The text is not base64.
        """
        if self._is_padded and text:
            raise ValueError("base64 goes on behind its padding")
        text = self._held + text if self._held else text
        cut = len(text) // 4 * 4
        self._held = text[cut:]
        whole = text[:cut]  # which is no copy if there is nothing left over
        self._is_padded = self._is_padded or whole.endswith("=")
        return decode_base64(whole)

    def close(self) -> None:
        """Say that the text has ended.

        Raises:
            ValueError: The last group is not complete.
        """
        if self._held:
            raise ValueError("not base64")


def decode_base64(text: str) -> bytes:
    r"""The bytes of a whole base64 text.

    Raises:
        ValueError: The text is not base64.

    >>> decode_base64("AAEC")
    b'\x00\x01\x02'
    """
    # Not every version of Python minds padding that nothing needs.
    if len(text) % 4 or text.find("=", 0, -2) >= 0:
        raise ValueError("not base64")
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        raise ValueError("not base64") from None
