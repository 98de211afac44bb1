"""What is a UID (PS3.5 9.1)."""

from __future__ import annotations

import pytest

from streamdicom.dicom.uids import is_uid

UIDS = ["0", "1.2.840.10008.1.2", "1.2.03", "9" * 64, "1." + "2" * 62]
NO_UIDS = ["", ".", "1.", ".1", "1..2", "1.2 ", " 1.2", "1.2\n", "1.2\0", "1.2a", "-1", "../1", "1/2", "9" * 65]
NO_UIDS += ["\u0661.\u0662", "1.\u00b2"]


@pytest.mark.parametrize("text", UIDS)
def test_what_is_a_uid(text: str) -> None:
    assert is_uid(text)


@pytest.mark.parametrize("text", NO_UIDS)
def test_what_is_no_uid(text: str) -> None:
    assert not is_uid(text)
