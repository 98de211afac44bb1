"""Values derived by a key: UIDs, patient IDs and the shift of dates."""

from __future__ import annotations

from streamdicom._cache import BoundedCache
from streamdicom._typing import Any
from streamdicom.dicom import is_uid

_DICOM_ROOT = "1.2.840.10008."  # PS3.5 Annex A
_MAX_DAYS = 3650


class KeyedValues:
    r"""Replacements that are the same whenever the key and the value are the same.

    Each is a keyed digest (HMAC with SHA-256), so that no table is needed.

    Args:
        key: The key.

    >>> values = KeyedValues(b"a secret of 16 bytes or more")
    >>> values.uid("1.2.3") == values.uid("1.2.3\0"), values.uid("1.2.840.10008.1.2")
    (True, '1.2.840.10008.1.2')
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._uids: BoundedCache[str, str] = BoundedCache()

    def uid(self, uid: str) -> str:
        """Return the UID that replaces another; UIDs that DICOM defines stay.

        The result is derived from a UUID (PS3.5 B.2).
        """
        uid = uid.strip("\0 ")
        found = self._uids.get(uid)
        if found is None:
            found = self._uids.remember(uid, self._new_uid(uid))
        return found

    def _new_uid(self, uid: str) -> str:
        if uid.startswith(_DICOM_ROOT) and is_uid(uid):
            return uid
        digest = bytearray(self._digest("uid", uid)[:16])
        digest[6] = digest[6] & 0x0F | 0x80  # RFC 9562 5.8: version 8, and the variant
        digest[8] = digest[8] & 0x3F | 0x80
        return f"2.25.{int.from_bytes(digest, 'big')}"

    def patient_id(self, patient_id: str) -> str:
        """Return the ID that replaces the ID of a patient."""
        return "P" + self._digest("patient", patient_id.strip("\0 ")).hex()[:15].upper()

    def days(self, patient_id: str) -> int:
        """Return the shift of the dates of a patient: -3650 to -1 days."""
        digest = self._digest("dates", patient_id.strip("\0 "))
        return -1 - int.from_bytes(digest[:8], "big") % _MAX_DAYS

    @property
    def fingerprint(self) -> str:
        """Digits that differ for another key."""
        return self._digest("fingerprint", "").hex()[:8]

    def _digest(self, purpose: str, text: str) -> bytes:
        import hmac  # a twentieth of the import time of this package

        return hmac.digest(self._key, f"{purpose} {text}".encode(errors="surrogatepass"), "sha256")


def uid_text(value: Any) -> str:
    r"""Return the text of a UID or an ID, or of the bytes of an element of VR UN.

    >>> uid_text("1.2"), uid_text(b"1.2\0")
    ('1.2', '1.2\x00')
    """
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
