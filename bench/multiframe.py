"""An enhanced MR image of thousands of frames, without pixels."""

from __future__ import annotations

import gc
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydicom import Dataset, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import EnhancedMRImageStorage, ExplicitVRLittleEndian

LENGTHS = ("defined", "undefined")
FRAMES = 4400  # about 150,000 elements


@dataclass(frozen=True)
class File:
    """A DICOM file and its number of elements, without group 0002."""

    path: Path
    elements: int


def write_files(folder: Path, frames: int) -> dict[str, File]:
    """Write the file with defined and with undefined lengths (PS3.5 7.5)."""
    dataset = _multiframe(frames)
    files = {}
    for lengths in LENGTHS:
        elements = _prepare(dataset, is_undefined=lengths == "undefined")
        files[lengths] = File(folder / f"{lengths}.dcm", elements)
        dcmwrite(files[lengths].path, dataset, enforce_file_format=True)
    del dataset
    gc.collect()  # garbage would slow down later measurements
    return files


def _multiframe(frames: int) -> Dataset:
    dataset = _dataset(
        SOPClassUID=EnhancedMRImageStorage,
        SOPInstanceUID="1.2.840.113619.2.55.3.604688119.1",
        Modality="MR",
        PatientName="Doe^Jane",
        PatientID="17",
        StudyInstanceUID="1.2.840.113619.2.55.3.604688119.2",
        SeriesInstanceUID="1.2.840.113619.2.55.3.604688119.3",
        NumberOfFrames=frames,
        PerFrameFunctionalGroupsSequence=[_frame(number) for number in range(frames)],
    )
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return dataset


def _dataset(**values: Any) -> Dataset:
    dataset = Dataset()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


def _frame(number: int) -> Dataset:
    """Return the functional groups of a frame (PS3.3 C.7.6.16, C.8.13.5)."""
    return _dataset(
        ReferencedImageSequence=[
            _dataset(
                ReferencedSOPClassUID="1.2.840.10008.5.1.4.1.1.4",
                ReferencedSOPInstanceUID=f"1.2.840.113619.2.55.3.604688119.969.1268071029.{number}",
                PurposeOfReferenceCodeSequence=[
                    _dataset(CodeValue="121311", CodingSchemeDesignator="DCM", CodeMeaning="Localizer")
                ],
            )
        ],
        MRImageFrameTypeSequence=[
            _dataset(
                FrameType=["ORIGINAL", "PRIMARY", "M", "NONE"],
                PixelPresentation="MONOCHROME",
                VolumetricProperties="VOLUME",
                VolumeBasedCalculationTechnique="NONE",
                ComplexImageComponent="MAGNITUDE",
                AcquisitionContrast="UNKNOWN",
            )
        ],
        FrameContentSequence=[
            _dataset(
                FrameAcquisitionDateTime=f"20240131{number % 24:02}{number % 60:02}00.{number:06}",
                FrameAcquisitionDuration=12.5 + number,
                DimensionIndexValues=[1, number + 1, 2],
                StackID="1",
                InStackPositionNumber=number + 1,
                TemporalPositionIndex=1,
                FrameAcquisitionNumber=number,
            )
        ],
        PlanePositionSequence=[_dataset(ImagePositionPatient=[-125.25, -106.5 + number, 88.5])],
        PlaneOrientationSequence=[_dataset(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])],
        PixelMeasuresSequence=[
            _dataset(SliceThickness=5, PixelSpacing=["0.48828125", "0.48828125"], SpacingBetweenSlices=5.5)
        ],
        FrameVOILUTSequence=[
            _dataset(WindowCenter=600 + number, WindowWidth=1600, WindowCenterWidthExplanation="NORMAL")
        ],
    )


def _prepare(dataset: Dataset, *, is_undefined: bool) -> int:
    """Set the kind of lengths; count the elements."""
    count = 0
    for element in dataset:
        count += 1
        if element.VR == "SQ":
            element.is_undefined_length = is_undefined
            for item in element.value:
                item.is_undefined_length_sequence_item = is_undefined
                count += _prepare(item, is_undefined=is_undefined)
    return count
