"""Files and values of a DICOMweb server as local files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from mimetypes import guess_extension

from streamdicom._typing import TYPE_CHECKING
from streamdicom.api import iter_events
from streamdicom.cli.exit_codes import UsageError
from streamdicom.cli.inputs import PIPE
from streamdicom.cli.progress import ProgressLine
from streamdicom.cli.terminal import counted
from streamdicom.dicom import SOP_INSTANCE_UID, is_uid
from streamdicom.errors import InputError
from streamdicom.events import ELEMENT
from streamdicom.io import Output
from streamdicom.options import ReadOptions

if TYPE_CHECKING:
    from streamdicom.web.client import Part

_FILE = "application/dicom"
_HEAD = 64 * 1024  # bytes in which the SOP Instance UID must be


def write_parts(parts: Iterable[Part], target: str, size: Callable[[], int]) -> int:
    """Write each part to a file, which gets its name when it is complete.

    Args:
        parts: DICOM files, or values.
        target: A folder, in which an instance gets its SOP Instance UID as its name, and a value its number; or a file
            for a single part.
        size: Returns the bytes that were received.

    Returns:
        The number of files.

    Raises:
        UsageError: The target is standard output, or a file although there are several parts.
        InputError: A DICOM file has no SOP Instance UID, or the response is not complete.
        OSError: A file cannot be written.
    """
    if target == PIPE:
        raise UsageError("expected a folder or a file after -o for DICOM files and values")
    is_folder = os.path.isdir(target) or not os.path.splitext(target)[1]
    number = 0
    with ProgressLine("Fetching") as progress:
        for number, part in enumerate(parts, 1):
            if number > 1 and not is_folder:
                raise UsageError("expected a folder after -o, because the response has several parts")
            chunks = iter(part.chunks)
            path = target
            if is_folder:
                name, chunks = _name(part.media_type, number, chunks)
                os.makedirs(target, exist_ok=True)  # not before there is a file for it
                path = os.path.join(target, name)
            with Output(path) as output:
                for chunk in chunks:
                    output.write(chunk)
                    progress.update(f"Fetching {counted(number, 'file')}", size(), None)
                output.commit()
    return number


def _name(media_type: str, number: int, chunks: Iterator[bytes]) -> tuple[str, Iterator[bytes]]:
    """Return the name of a file, and its bytes."""
    if media_type != _FILE:
        return f"{number}{guess_extension(media_type) or '.bin'}", chunks
    head: list[bytes] = []
    for chunk in chunks:
        head.append(chunk)
        if sum(map(len, head)) >= _HEAD:
            break
    return f"{_instance(head, number)}.dcm", chain(head, chunks)


def _instance(head: list[bytes], number: int) -> str:
    """Return the SOP Instance UID of the start of a file."""
    options = ReadOptions(format="dicom", deviations={"truncated": "ignore"}, on_deviation=lambda _: None)
    try:
        for event in iter_events(iter(head), options=options):
            if event[0] == ELEMENT and event[1] == SOP_INSTANCE_UID and event[3] and is_uid(str(event[3][0])):
                return str(event[3][0])
    except InputError:
        pass
    raise InputError(f"file {number} of the response has no SOP Instance UID")
