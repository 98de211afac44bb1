"""Files that DCMTK must read."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

HAS_DCMTK = bool(shutil.which("dcmdump"))
NO_DCMTK = "dcmdump is not installed (Debian package dcmtk)"


def assert_dcmtk_reads(paths: list[Path], *options: str) -> None:
    """Assert that dcmdump reads files without an error."""
    if paths:
        run = subprocess.run(["dcmdump", *options, *paths], capture_output=True, check=False)
        errors = [line for line in run.stderr.decode("latin-1").splitlines() if line.startswith("E:")]
        assert (errors, run.returncode) == ([], 0)
