"""Remove or replace identifiers and UIDs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from streamdicom.converters.registry import UNSEEN, Converter, Converters, Element
from streamdicom.dicom import split_name

_DICOM_ROOT = "1.2.840.10008."  # PS3.5 Annex A

Action: TypeAlias = "str | int | float | tuple[Any, ...] | Callable[[Element], Element | None] | Converter"

# fmt: off
_REMOVED = (
    "PatientBirthTime", "PatientAge", "PatientSize", "PatientWeight", "PatientAddress", "PatientTelephoneNumbers",
    "PatientMotherBirthName", "OtherPatientIDs", "OtherPatientIDsSequence", "OtherPatientNames", "PatientBirthName",
    "PatientInsurancePlanCodeSequence", "EthnicGroup", "Occupation", "PatientReligiousPreference", "MilitaryRank",
    "BranchOfService", "MedicalRecordLocator", "CountryOfResidence", "RegionOfResidence",
    "AdditionalPatientHistory", "PatientComments", "MedicalAlerts", "Allergies", "ReferringPhysicianAddress",
    "ReferringPhysicianTelephoneNumbers", "PhysiciansOfRecord", "PerformingPhysicianName",
    "NameOfPhysiciansReadingStudy", "RequestingPhysician", "ScheduledPerformingPhysicianName", "InstitutionAddress",
    "InstitutionalDepartmentName", "RequestAttributesSequence", "StudyDescription", "SeriesDescription",
    "StudyComments", "ImageComments", "AdmissionID", "AdmittingDiagnosesDescription", "60xx4000", "private",
)
_EMPTIED = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "ReferringPhysicianName", "AccessionNumber",
    "StudyID", "StudyDate", "StudyTime", "InstitutionName", "StationName", "OperatorsName", "DeviceSerialNumber",
    "ContentCreatorName", "PersonName", "VerifyingObserverName",
)
# fmt: on

BEST_KNOWN_IDENTIFIERS: Mapping[str, str] = dict.fromkeys(_REMOVED, "remove") | dict.fromkeys(_EMPTIED, "empty")
"""Identifiers of common images, each with its action in the Basic Profile of PS3.15 Annex E.

This is not an implementation of that profile: Table E.1-1 has several hundred attributes and requires new UIDs, see
``UidMap``. Free text, structured reports and pixels are not searched for identifiers.
"""


class Deidentifier(Converters):
    """Remove or replace identifiers at every level, by a table.

    Args:
        table: Maps a tag, a pattern, a VR or a ``PrivateKey`` to an action: "remove"; "empty", which removes the values
            or items; another value or a tuple of values, as the replacement; a callable that takes an ``Element`` and
            returns the new one, or None to remove it; or a converter.

    Raises:
        ValueError: A key is invalid.

    >>> from streamdicom import ReadOptions, loads
    >>> options = ReadOptions(converters=Deidentifier({"PatientName": "remove", "PatientID": "17"}))
    >>> ds = loads('{"00100010": {"vr": "PN"}, "00100020": {"vr": "LO", "Value": ["4711"]}}', options=options)
    >>> ds.PatientID, "PatientName" in ds
    ('17', False)
    """

    def __init__(self, table: Mapping[Any, Action] = BEST_KNOWN_IDENTIFIERS) -> None:
        super().__init__({key: _converter(action) for key, action in table.items()})


def _converter(action: Action) -> Converter:
    if isinstance(action, Converter):
        return action
    if callable(action):
        return _Callable(action)
    if action == "remove":
        return _Replacement(None)
    if action == "empty":
        return _Replacement(())
    return _Replacement(action if isinstance(action, tuple) else (action,))


class _Replacement(Converter):
    needs_value = False

    def __init__(self, values: tuple[Any, ...] | None) -> None:
        self._values = values

    def read(self, element: Element) -> Element | None:
        if self._values is None:
            return None
        is_name = element.vr == "PN"
        values = [split_name(value) if is_name and isinstance(value, str) else value for value in self._values]
        return element._replace(values=tuple(values), uri="")

    write = read


class _Callable(Converter):
    def __init__(self, action: Callable[[Element], Element | None]) -> None:
        self._action = action

    def read(self, element: Element) -> Element | None:
        return self._action(element)

    write = read


class UidMap(Converter):
    """Replace UIDs, except UIDs that DICOM defines, such as SOP classes.

    Equal UIDs get equal replacements, in all data sets and in all runs with the same salt. A replacement is derived
    from a UUID (PS3.5 B.2), which is a keyed digest of the UID, so that no table is needed.

    Args:
        salt: A secret. With the salt, replacements can be traced back by trying known UIDs.

    >>> uids = UidMap("a secret")
    >>> new = uids.read(Element(0x00080018, "UI", ("1.2.3", "1.2.840.10008.1.2"))).values
    >>> new[0][:5], new[1], new == uids.read(Element(0x00081155, "UI", ("1.2.3", "1.2.840.10008.1.2"))).values
    ('2.25.', '1.2.840.10008.1.2', True)
    """

    keys = ("UI",)

    def __init__(self, salt: str | bytes) -> None:
        self._salt = salt.encode() if isinstance(salt, str) else salt

    def read(self, element: Element) -> Element:
        """Return the element with its UIDs replaced."""
        if element.values == UNSEEN:
            raise ValueError("expected UIDs in an element, found values that a converter does not see")
        return element._replace(values=tuple([value and self._replacement(value) for value in element.values]))

    write = read

    def _replacement(self, uid: str) -> str:
        uid = uid.rstrip("\0 ")
        if uid.startswith(_DICOM_ROOT):
            return uid
        import hmac  # a twentieth of the import time of this package

        digest = bytearray(hmac.digest(self._salt, uid.encode(errors="surrogatepass"), "sha256")[:16])
        digest[6] = digest[6] & 0x0F | 0x80  # RFC 9562 5.8: version 8, and the variant
        digest[8] = digest[8] & 0x3F | 0x80
        return f"2.25.{int.from_bytes(digest, 'big')}"
