"""Base64 (RFC 4648, section 4) of bytes that come in pieces."""

from __future__ import annotations

import binascii

__all__ = ["Base64Encoder"]


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
