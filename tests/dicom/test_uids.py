"""Validity of UIDs (PS3.5 9.1)."""

from __future__ import annotations

from streamdicom.dicom.uids import is_uid
from tests.support.each import each

UIDS = ["0", "1.2.840.10008.1.2", "1.2.03", "9" * 64, "1." + "2" * 62]
NOT_UIDS = ["", ".", "1.", ".1", "1..2", "1.2 ", " 1.2", "1.2\n", "1.2\0", "1.2a", "-1", "../1", "1/2", "9" * 65]
NOT_UIDS += ["\u0661.\u0662", "1.\u00b2"]


@each("text", UIDS)
def test_valid_uids(text: str) -> None:
    assert is_uid(text)


@each("text", NOT_UIDS)
def test_invalid_uids(text: str) -> None:
    assert not is_uid(text)
