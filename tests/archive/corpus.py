"""DICOM files to export, what came of them, and ways to be killed."""

from __future__ import annotations

import io
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from pydicom import Dataset, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID, ExplicitVRLittleEndian, JPEGBaseline8Bit


def dataset(number: int = 1, **attributes: Any) -> Dataset:
    """A data set with UIDs of its own."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    ds.SOPInstanceUID = f"1.2.3.{number}"
    ds.StudyInstanceUID = "1.2.1"
    ds.SeriesInstanceUID = f"1.2.2.{number % 3}"
    ds.PatientName = "Müller^Jürgen"
    ds.PatientID = str(number)
    for name, value in attributes.items():
        setattr(ds, name, value)
    return ds


def encapsulated(number: int = 1) -> Dataset:
    """A data set with encapsulated pixel data."""
    ds = dataset(number)
    ds.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    ds.PixelData = encapsulate([b"\xff\xd8 no image \xff\xd9"])
    ds["PixelData"].VR = "OB"
    ds["PixelData"].is_undefined_length = True
    return ds


def file_bytes(ds: Dataset) -> bytes:
    """A DICOM file (PS3.10)."""
    buffer = io.BytesIO()
    dcmwrite(buffer, ds, enforce_file_format=True)
    return buffer.getvalue()


def files(folder: Path, count: int, start: int = 1) -> list[Path]:
    """Files with data sets from a number on, under names in the same order."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number:05}.dcm" for number in range(start, start + count)]
    for number, path in enumerate(paths, start):
        path.write_bytes(file_bytes(dataset(number)))
    return paths


def truncated(path: Path) -> Path:
    """A file that stops within its data set."""
    path.write_bytes(file_bytes(dataset(999))[:-5])
    return path


def patient_ids(text: bytes) -> list[str]:
    """The patient IDs in an array or in lines, read by another parser than ours."""
    objects = json.loads(text) if text.startswith(b"[") else [json.loads(line) for line in text.splitlines()]
    return [one["00100020"]["Value"][0] for one in objects]


def uid(number: int) -> UID:
    return UID(f"1.2.3.{number}")


# --- being killed ----------------------------------------------------------------------------------------------


def run_killed(action: Callable[[], object], at: int) -> int:
    """Run in a process of its own, killed at a line of what writes outputs and journals, counted as they are executed.

    Returns:
        How many lines there were, or -1 if it was killed.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        _run_traced(action, at, writer)
    os.close(writer)
    with os.fdopen(reader, "rb") as file:
        text = file.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return -1
    assert os.waitstatus_to_exitcode(status) == 0, text.decode()
    return int(text)


def _run_traced(action: Callable[[], object], at: int, writer: int) -> None:
    lines = 0

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal lines
        if Path(frame.f_code.co_filename).name not in ("sink.py", "journal.py", "import_.py"):
            return None
        if event == "line":
            lines += 1
            if lines == at:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    code = 1
    try:
        sys.settrace(trace)
        action()
        sys.settrace(None)
        os.write(writer, str(lines).encode())
        code = 0
    except BaseException as error:
        os.write(writer, repr(error).encode())
    finally:
        os._exit(code)


def moments(lines: int, count: int = 20) -> list[int]:
    """Moments from the first line to the last, and those right before the end, where most happens at once."""
    return sorted(
        {1 + (lines - 1) * number // (count - 5) for number in range(count - 5)} | set(range(lines - 5, lines))
    )
