"""Ways to run the command line: in the test process, as a process, in a shell."""

from __future__ import annotations

import io
import os
import shlex
import subprocess
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from pydicom import Dataset, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from streamdicom.cli import main

COMMAND = [sys.executable, "-m", "streamdicom"]
ONE = b'{"00100020":{"vr":"LO","Value":["1"]}}'


@dataclass(frozen=True)
class Result:
    """The result of a command."""

    code: int
    stdout: bytes
    stderr: str

    @property
    def error(self) -> str:
        """The only line on standard error, without its prefix."""
        assert self.stderr.startswith("streamdicom: "), self.stderr
        assert self.stderr.count("\n") == 1, self.stderr
        return self.stderr.removeprefix("streamdicom: ").rstrip("\n")


def run(*arguments: object, data: bytes = b"") -> Result:
    """Run the command line within this process, with its own standard streams."""
    stdin, stdout, stderr = (io.TextIOWrapper(io.BytesIO(text), encoding="utf-8") for text in (data, b"", b""))
    streams = mock.patch.multiple(sys, stdin=stdin, stdout=stdout, stderr=stderr)
    with streams, warnings.catch_warnings():
        warnings.simplefilter("default")
        code = main([str(argument) for argument in arguments])
    return Result(code, _content(stdout), _content(stderr).decode())


def _content(stream: io.TextIOWrapper) -> bytes:
    stream.flush()
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue()


def run_process(*arguments: object, data: bytes | None = None, **environment: str) -> Result:
    """Run the command line as a process."""
    command = [*COMMAND, *map(str, arguments)]
    done = subprocess.run(
        command, input=data, capture_output=True, timeout=120, check=False, env={**os.environ, **environment}
    )
    return Result(done.returncode, done.stdout, done.stderr.decode())


def run_shell(line: str, *, stdout: int = subprocess.PIPE, **environment: str) -> Result:
    """Run a line of the shell, in which the first ``streamdicom`` is the command line."""
    done = subprocess.run(
        ["sh", "-c", line.replace("streamdicom", shlex.join(COMMAND), 1)],
        stdout=stdout,
        stderr=subprocess.PIPE,
        env={**os.environ, **environment},
        timeout=120,
        check=False,
    )
    return Result(done.returncode, done.stdout or b"", done.stderr.decode())


def dataset() -> Dataset:
    """Return a data set with a sequence, text that is not ASCII, and a binary value."""
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 100"
    ds.SOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    ds.SOPInstanceUID = "1.2.3"
    ds.PatientName = "Buc^Jérôme"
    inner = Dataset()
    inner.Rows = 2
    ds.ReferencedImageSequence = [inner, Dataset()]
    ds.PixelData = bytes(100)
    ds["PixelData"].VR = "OB"
    return ds


def dicom_file(path: Path) -> Path:
    """Write ``dataset()`` as a DICOM file."""
    ds = dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dcmwrite(path, ds, enforce_file_format=True)
    return path


def without_preamble(path: Path) -> Path:
    """Write a data set that starts with group 0010, without preamble and group 0002."""
    path.write_bytes(bytes.fromhex("10002000") + b"LO\x02\x0017")
    return path
