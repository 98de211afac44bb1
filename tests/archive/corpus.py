"""DICOM files to export, readers of the output, and processes that are killed."""

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
    """Return a data set with its own UIDs."""
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
    """Return a data set with encapsulated pixel data."""
    ds = dataset(number)
    ds.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    ds.PixelData = encapsulate([b"\xff\xd8 no image \xff\xd9"])
    ds["PixelData"].VR = "OB"
    ds["PixelData"].is_undefined_length = True
    return ds


def file_bytes(ds: Dataset) -> bytes:
    """Return a data set as a DICOM file (PS3.10)."""
    buffer = io.BytesIO()
    dcmwrite(buffer, ds, enforce_file_format=True)
    return buffer.getvalue()


def files(folder: Path, count: int, start: int = 1) -> list[Path]:
    """Write files with numbered data sets, named in the same order."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number:05}.dcm" for number in range(start, start + count)]
    for number, path in enumerate(paths, start):
        path.write_bytes(file_bytes(dataset(number)))
    return paths


def truncated(path: Path) -> Path:
    """Write a file that stops within its data set."""
    path.write_bytes(file_bytes(dataset(999))[:-5])
    return path


def patient_ids(text: bytes) -> list[str]:
    """Return the patient IDs in an array or NDJSON, parsed by the standard library."""
    objects = json.loads(text) if text.startswith(b"[") else [json.loads(line) for line in text.splitlines()]
    return [item["00100020"]["Value"][0] for item in objects]


def uid(number: int) -> UID:
    return UID(f"1.2.3.{number}")


# --- kills ----------------------------------------------------------------------------------------------------


_TRACED = ("sink.py", "journal.py", "importing.py", "import_tasks.py", "work_folder.py", "destination.py")


def run_killed(action: Callable[[], object], at: int) -> int:
    """Run an action in another process, and kill it at a line.

    Lines of the modules that write outputs and journals are counted.

    Args:
        action: The action.
        at: The number of the line, counted as they are executed; 0 for none.

    Returns:
        The number of lines executed, or -1 if the process was killed.
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
        if Path(frame.f_code.co_filename).name not in _TRACED:
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
    """Return lines spread from the first to the last, and each of the last few."""
    return sorted(
        {1 + (lines - 1) * number // (count - 5) for number in range(count - 5)} | set(range(lines - 5, lines))
    )
