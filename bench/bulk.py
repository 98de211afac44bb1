"""A DICOM file with gigabytes of pixel data to DICOM JSON and back.

Each step runs in its own process.

The pixel data goes to a store, or stays in the JSON text. The result must equal the source, bit for bit.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from pydicom import Dataset, dcmread, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MultiFrameGrayscaleWordSecondaryCaptureImageStorage

from bench.memory import MIB, Measurement, run_alone
from bench.steps import IMAGE, STEPS

_ROOM = 4.5  # disk space in multiples of the pixel data: the file, its JSON in base64, and the copy
_SIDE = 1024  # pixels, of 16 bits: a frame is 2 MiB
_FRAME = 2 * _SIDE * _SIDE


def measure(mib: int) -> dict[str, Measurement]:
    """Measure all steps with a file of pixel data; return nothing without disk space.

    Raises:
        ValueError: The copy differs from the source.
    """
    with TemporaryDirectory() as name:
        folder = Path(name)
        if shutil.disk_usage(folder).free < _ROOM * mib * MIB:
            return {}
        write_file(folder / IMAGE, mib)
        found = {}
        for step, target in STEPS.items():
            found[step] = run_alone("bench.steps", step, name)
            if target.endswith(".dcm"):
                _compare(folder / target, folder / IMAGE, mib * MIB)
                (folder / target).unlink()
                (folder / target).with_suffix(".json").unlink()
                shutil.rmtree(folder / "bulk", ignore_errors=True)
        return found


def write_file(path: Path, mib: int) -> None:
    """Write a file with native pixel data, each frame different."""
    dataset = Dataset()
    dataset.SOPClassUID = MultiFrameGrayscaleWordSecondaryCaptureImageStorage
    dataset.SOPInstanceUID = "1.2.840.113619.2.55.3.604688119.4"
    dataset.PatientName, dataset.PatientID, dataset.Modality = "Doe^Jane", "17", "OT"
    dataset.NumberOfFrames = mib * MIB // _FRAME
    dataset.Rows = dataset.Columns = _SIDE
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation, dataset.PixelRepresentation = 1, "MONOCHROME2", 0
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit = 15
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dcmwrite(path, dataset, enforce_file_format=True)
    with path.open("ab") as file:
        # PS3.5 7.1.2: tag, VR, two reserved bytes, and a length of four bytes
        file.write(b"\xe0\x7f\x10\x00OW\0\0" + (mib * MIB).to_bytes(4, "little"))
        noise = Random(1).randbytes(_FRAME)
        for number in range(dataset.NumberOfFrames):
            file.write(noise[number:] + noise[:number])


def _compare(path: Path, original: Path, length: int) -> None:
    """Check that two files have the same elements and the same pixel data."""
    if dcmread(path, stop_before_pixels=True) != dcmread(original, stop_before_pixels=True):
        raise ValueError("the copy has other elements")
    for piece, expected in zip(_end(path, length), _end(original, length), strict=True):
        if piece != expected:
            raise ValueError("the copy has other pixel data")


def _end(path: Path, length: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(-length - 4, 2)  # from the length of the value on
        while piece := file.read(MIB):
            yield piece
