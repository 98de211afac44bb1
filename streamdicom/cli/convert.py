"""``streamdicom convert``: a DICOM file to DICOM JSON, or back."""

from __future__ import annotations

import sys
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from streamdicom.api import dump, load_file
from streamdicom.cli.streams import PIPE, CallError, Meter, is_json, read
from streamdicom.errors import InputError, OutputError
from streamdicom.files import Output
from streamdicom.options import WriteOptions

if TYPE_CHECKING:
    from pydicom.dataset import FileDataset

__all__ = ["convert_file", "read_dicom"]


def convert_file(source: Path, target: Path, indent: int | None, file_meta: bool) -> None:
    """Convert a file, or a pipe, in the direction that the names or the first bytes tell.

    Raises:
        CallError: The names are of the same kind.
        InputError: What was read is at fault.
        OutputError: It cannot be written in the other form.
        OSError: A file cannot be read or written.
    """
    with Meter(f"Converting {source}", source.stat().st_size if source != PIPE else None) as meter:
        data = read(source, meter)
        start = next(data, b"")
        from_json = is_json(source, start)
        if target != PIPE and is_json(target, None) == from_json:
            raise CallError("IN and OUT must be one DICOM file and one DICOM JSON file")
        pieces = chain([start], data)
        output = Output(sys.stdout.buffer if target == PIPE else target)
        try:
            if from_json:
                output.write(_part10(load_file(pieces)))
            else:
                dataset = read_dicom(b"".join(pieces))
                counted = cast(BinaryIO, _Counted(output, meter))  # of which only ``write`` is needed
                dump(dataset, counted, indent, options=WriteOptions(file_meta=file_meta))
                output.write(b"\n")
            output.commit()
        finally:
            output.discard()


class _Counted:
    """An output whose bytes move the progress on."""

    def __init__(self, output: Output, meter: Meter) -> None:
        self._output = output
        self._meter = meter

    def write(self, data: bytes) -> int:
        self._output.write(data)
        self._meter.advance(len(data))
        return len(data)


def read_dicom(data: bytes) -> FileDataset:
    """The data set of a DICOM file.

    Raises:
        InputError: pydicom cannot read it.
    """
    from pydicom import dcmread

    try:
        return dcmread(BytesIO(data))
    except Exception as error:  # pydicom has no common base for what a damaged file makes it raise
        raise InputError(f"not a DICOM file that pydicom can read: {error}") from error


def _part10(dataset: FileDataset) -> bytes:
    """A DICOM file (PS3.10 7), in the transfer syntax that came with the data set, or else explicit VR."""
    from pydicom import dcmwrite
    from pydicom.uid import ExplicitVRLittleEndian

    if "TransferSyntaxUID" not in dataset.file_meta:
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    buffer = BytesIO()
    try:
        # The file meta information needs both UIDs; without them it is as complete as it can be.
        complete = "SOPClassUID" in dataset and "SOPInstanceUID" in dataset
        dcmwrite(buffer, dataset, enforce_file_format=complete)
    except Exception as error:  # as in ``read_dicom``
        raise OutputError(f"pydicom cannot write the data set: {error}") from error
    return buffer.getvalue()
