"""The attributes of the index, by level of the information model.

Attributes of PS3.18, tables 10.6.3-3 to 10.6.3-5, have the types of these tables: R is in every result, if need be
without a value, and C is in the result if it is known. All others are returned on request. Attributes of the patient
belong to the study (PS3.4 C.6.2.1, Study Root).
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from streamdicom.dicom import format_tag, parse_tag


class Level(IntEnum):
    """A level of the information model (PS3.4 C.6.2.1), the highest first.

    >>> Level["SERIES"] < Level.INSTANCE
    True
    """

    STUDY = 0
    SERIES = 1
    INSTANCE = 2


class Attribute(NamedTuple):
    """An attribute of a level, of type "R", "C" or ""."""

    tag: int
    keyword: str
    vr: str
    level: Level
    type: str

    @property
    def key(self) -> str:
        """The tag as a key of DICOM JSON."""
        return format_tag(self.tag)


_STUDY = """
00080020 StudyDate DA R
00080030 StudyTime TM R
00080050 AccessionNumber SH R
00080090 ReferringPhysicianName PN R
00080201 TimezoneOffsetFromUTC SH C
00081030 StudyDescription LO
00081032 ProcedureCodeSequence SQ
00081048 PhysiciansOfRecord PN
00081060 NameOfPhysiciansReadingStudy PN
00081080 AdmittingDiagnosesDescription LO
00100010 PatientName PN R
00100020 PatientID LO R
00100021 IssuerOfPatientID LO
00100030 PatientBirthDate DA R
00100032 PatientBirthTime TM
00100040 PatientSex CS R
00101000 OtherPatientIDs LO
00101001 OtherPatientNames PN
00101010 PatientAge AS
00101020 PatientSize DS
00101030 PatientWeight DS
00102160 EthnicGroup SH
00102180 Occupation SH
00104000 PatientComments LT
0020000D StudyInstanceUID UI R
00200010 StudyID SH R
"""

_SERIES = """
00080021 SeriesDate DA
00080031 SeriesTime TM
00080060 Modality CS R
00080070 Manufacturer LO
00080080 InstitutionName LO
00081010 StationName SH
0008103E SeriesDescription LO C
00081040 InstitutionalDepartmentName LO
00081050 PerformingPhysicianName PN
00081070 OperatorsName PN
00081090 ManufacturerModelName LO
00180015 BodyPartExamined CS
00181030 ProtocolName LO
00185100 PatientPosition CS
0020000E SeriesInstanceUID UI R
00200011 SeriesNumber IS R
00200052 FrameOfReferenceUID UI
00200060 Laterality CS
00400244 PerformedProcedureStepStartDate DA C
00400245 PerformedProcedureStepStartTime TM C
00400253 PerformedProcedureStepID SH
00400254 PerformedProcedureStepDescription LO
00400275 RequestAttributesSequence SQ C
"""

_INSTANCE = """
00080008 ImageType CS
00080016 SOPClassUID UI R
00080018 SOPInstanceUID UI R
00080022 AcquisitionDate DA
00080023 ContentDate DA
0008002A AcquisitionDateTime DT
00080032 AcquisitionTime TM
00080033 ContentTime TM
00200012 AcquisitionNumber IS
00200013 InstanceNumber IS R
00280008 NumberOfFrames IS C
00280010 Rows US C
00280011 Columns US C
00280100 BitsAllocated US C
"""


def _read(text: str, level: Level) -> tuple[Attribute, ...]:
    rows = [line.split() for line in text.strip().splitlines()]
    return tuple(Attribute(parse_tag(tag), keyword, vr, level, "".join(kind)) for tag, keyword, vr, *kind in rows)


ATTRIBUTES = {
    Level.STUDY: _read(_STUDY, Level.STUDY),
    Level.SERIES: _read(_SERIES, Level.SERIES),
    Level.INSTANCE: _read(_INSTANCE, Level.INSTANCE),
}
"""The attributes read from each data set; for a study or a series, from its first data set."""

COLUMNS = {level: tuple(attribute for attribute in rows if attribute.vr != "SQ") for level, rows in ATTRIBUTES.items()}
"""The attributes with a column of their own."""

SEQUENCE_ITEMS = {0x00400009: "SH", 0x00401001: "SH", 0x00080100: "SH", 0x00080102: "SH", 0x00080104: "LO"}
"""Attributes of items that can be matched: two IDs of procedures, and the parts of a code."""

UNIQUE_KEYS = {Level.STUDY: "StudyInstanceUID", Level.SERIES: "SeriesInstanceUID", Level.INSTANCE: "SOPInstanceUID"}

COMPUTED = {
    Level.STUDY: _read("00080061 ModalitiesInStudy CS R", Level.STUDY)
    + _read("00080062 SOPClassesInStudy UI", Level.STUDY)
    + _read("00201206 NumberOfStudyRelatedSeries IS R", Level.STUDY)
    + _read("00201208 NumberOfStudyRelatedInstances IS R", Level.STUDY),
    Level.SERIES: _read("00201209 NumberOfSeriesRelatedInstances IS R", Level.SERIES),
    Level.INSTANCE: (),
}
"""Attributes that are computed, as no file has them (PS3.4 C.3.4)."""

DATE_AND_TIME = {
    "StudyDate": "StudyTime",
    "SeriesDate": "SeriesTime",
    "PerformedProcedureStepStartDate": "PerformedProcedureStepStartTime",
    "AcquisitionDate": "AcquisitionTime",
    "ContentDate": "ContentTime",
}
"""Dates and their times, whose ranges are matched together (PS3.4 C.2.2.2.5)."""

BY_TAG = {attribute.tag: attribute for rows in (*ATTRIBUTES.values(), *COMPUTED.values()) for attribute in rows}
HIGHEST_TAG = max(attribute.tag for rows in ATTRIBUTES.values() for attribute in rows)
