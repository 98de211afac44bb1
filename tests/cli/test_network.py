"""Addresses of the commands that use TCP."""

from __future__ import annotations

import pytest

from streamdicom.cli.exit_codes import UsageError
from streamdicom.cli.network import format_address, parse_address


@pytest.mark.parametrize("text", ["localhost:4711", "[::1]:0", "127.0.0.1:65535"])
def test_address_survives_a_round_trip(text: str) -> None:
    assert format_address(parse_address(text)) == text


@pytest.mark.parametrize("text", ["", "localhost", ":17", "::1:17", "localhost:x", "localhost:65536", "[::1]"])
def test_malformed_address_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_address(text)
