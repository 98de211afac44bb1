"""Certificates for tests of TLS."""

from __future__ import annotations

import subprocess
from pathlib import Path
from shutil import which

import pytest

needs_openssl = pytest.mark.skipif(not which("openssl"), reason="openssl makes the certificates")


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """Make a certificate of its own authority, and its key."""
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    return certificate, key
