"""The arguments of ``streamdicom browse``; ``tests/browser`` tests its page."""

from __future__ import annotations

import socket
from pathlib import Path

from tests.cli.running import run


def test_missing_source_is_a_usage_error(tmp_path: Path) -> None:
    path = tmp_path / "none.json"
    result = run("browse", "--no-open", path)
    assert (result.code, result.stdout) == (2, b"")
    assert result.error == f"{path}: No such file or directory"


def test_taken_port_is_a_usage_error(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"[{}]")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        result = run("browse", "--no-open", "--port", port, path)
    assert (result.code, result.stdout) == (2, b"")
    assert f"127.0.0.1:{port}" in result.error


def test_help_says_who_can_read(tmp_path: Path) -> None:
    text = " ".join(run("browse", "--help").stdout.decode().split())
    assert "--no-open" in text
    assert "Only programs on this machine that know the printed address can read the data sets" in text
