"""Base64 (RFC 4648, section 4) in pieces, as InlineBinary holds it."""

from __future__ import annotations

import binascii

__all__ = ["Base64Decoder"]


class Base64Decoder:
    r"""Decodes a base64 text that comes in pieces of any length. The bytes do not depend on the cuts.

    Strict: white space, characters of other alphabets and missing padding are errors.

    >>> decoder = Base64Decoder()
    >>> decoder.feed("AAE") + decoder.feed("CAw==") + decoder.close()
    b'\x00\x01\x02\x03'
    """

    def __init__(self) -> None:
        self._held = ""

    def feed(self, text: str) -> bytes:
        """The bytes of all characters so far that cannot be the last group of four.

        Raises:
            ValueError: The text is not base64.
        """
        text = self._held + text if self._held else text
        cut = max(0, len(text) - 1) // 4 * 4
        self._held = text[cut:]
        whole = text[:cut]
        if "=" in whole:
            raise ValueError("base64 goes on behind its padding")
        return decode_base64(whole)

    def close(self) -> bytes:
        """The bytes of the last group.

        Raises:
            ValueError: The text is not base64.
        """
        held, self._held = self._held, ""
        return decode_base64(held)


def decode_base64(text: str) -> bytes:
    r"""The bytes of a whole base64 text.

    Raises:
        ValueError: The text is not base64.

    >>> decode_base64("AAEC")
    b'\x00\x01\x02'
    """
    # Not every version of Python minds padding that nothing needs.
    if len(text) % 4 or "=" in text[:-2]:
        raise ValueError("not base64")
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        raise ValueError("not base64") from None
