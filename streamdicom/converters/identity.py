"""Who a data set is about: identifiers taken out by a table, UIDs replaced consistently."""

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
"""The identifiers that most images have, with what the Basic Profile of PS3.15 Annex E does to them, or less of them.

It is no implementation of that profile: Table E.1-1 has several hundred attributes, and asks for new UIDs, for which
there is ``UidMap``. Nothing here looks into text, into structured reports or at pixels.
"""


class Deidentifier(Converters):
    """Takes identifiers out, at every level, by a table.

    Args:
        table: For a tag, a pattern, a VR or a ``PrivateKey`` what becomes of it: "remove"; "empty", the items of a
            sequence too; another value, or a tuple of values, that takes the place; a callable from an ``Element`` to
            an ``Element``, or to None to remove it; or a converter.

    Raises:
        ValueError: A key is none.

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
        return _Calling(action)
    if action == "remove":
        return _Replacing(None)
    if action == "empty":
        return _Replacing(())
    return _Replacing(action if isinstance(action, tuple) else (action,))


class _Replacing(Converter):
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


class _Calling(Converter):
    def __init__(self, action: Callable[[Element], Element | None]) -> None:
        self._action = action

    def read(self, element: Element) -> Element | None:
        return self._action(element)

    write = read


class UidMap(Converter):
    """Replaces UIDs, but for those that DICOM itself has defined, such as SOP classes and transfer syntaxes.

    The same UID becomes the same one wherever it stands, in every data set and every run with the same salt. What it
    becomes is made of a UUID (PS3.5 B.2) from a keyed digest of it, so that nothing needs to be remembered.

    Args:
        salt: A secret: whoever knows it can tell which UID became which, by trying.

    >>> uids = UidMap("a secret")
    >>> new = uids.read(Element(0x00080018, "UI", ("1.2.3", "1.2.840.10008.1.2"))).values
    >>> new[0][:5], new[1], new == uids.read(Element(0x00081155, "UI", ("1.2.3", "1.2.840.10008.1.2"))).values
    ('2.25.', '1.2.840.10008.1.2', True)
    """

    keys = ("UI",)

    def __init__(self, salt: str | bytes) -> None:
        self._salt = salt.encode() if isinstance(salt, str) else salt

    def read(self, element: Element) -> Element:
        """With other UIDs."""
        if element.values == UNSEEN:
            raise ValueError("UIDs that cannot be seen")
        return element._replace(values=tuple([value and self._other(value) for value in element.values]))

    write = read

    def _other(self, uid: str) -> str:
        uid = uid.rstrip("\0 ")
        if uid.startswith(_DICOM_ROOT):
            return uid
        import hmac  # which takes a twentieth of this package's time to import

        digest = bytearray(hmac.digest(self._salt, uid.encode(errors="surrogatepass"), "sha256")[:16])
        digest[6] = digest[6] & 0x0F | 0x80  # RFC 9562 5.8: version 8, and the variant
        digest[8] = digest[8] & 0x3F | 0x80
        return f"2.25.{int.from_bytes(digest, 'big')}"
