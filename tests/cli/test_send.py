"""``streamdicom send`` to a listener on loopback."""

from __future__ import annotations

import gzip
import socket
import subprocess
import threading
from contextlib import suppress
from pathlib import Path

import pydicom
import pytest
from pydicom.data import get_testdata_file

import streamdicom
from tests.cli.listening import PATIENCE, listening
from tests.cli.running import COMMAND, ONE, run, without_preamble
from tests.formats.part10.files import EXPLICIT, start

pytestmark = pytest.mark.slow

_CT = get_testdata_file("CT_small.dcm")


def _formats(folder: Path) -> list[Path]:
    """Return files with CT_small in every format."""
    ds = pydicom.dcmread(_CT)
    text = streamdicom.dumps(ds).encode()
    (folder / "one.json").write_bytes(text)
    (folder / "array.json").write_bytes(b"[" + text + b"]")
    (folder / "lines.json").write_bytes(text + b"\n")
    (folder / "array.json.gz").write_bytes(gzip.compress(b"[" + text + b"]"))
    streamdicom.dump(ds, folder / "a.xml")
    return [Path(_CT), *sorted(folder.iterdir())]


def test_every_format_is_received_unchanged(tmp_path: Path) -> None:
    with listening() as listener:
        for source in _formats(tmp_path):
            sent = run("send", source, listener.address)
            assert (sent.code, sent.stderr) == (0, "")
            received = streamdicom.loads(listener.stdout.readline())
            assert received == pydicom.dcmread(_CT), source
        piped = run("send", "-", listener.address, data=b"[" + ONE + b"," + ONE + b"]")
        assert piped.code == 0
        assert [listener.stdout.readline() for _ in range(2)] == [ONE + b"\n"] * 2


def test_group_0002_is_sent() -> None:
    with listening() as listener:
        assert run("send", _CT, listener.address).code == 0
        meta = streamdicom.loads(listener.stdout.readline(), as_file=True).file_meta
        assert meta.TransferSyntaxUID == pydicom.dcmread(_CT).file_meta.TransferSyntaxUID


def test_file_without_preamble_needs_force(tmp_path: Path) -> None:
    path = without_preamble(tmp_path / "a")
    with listening() as listener:
        assert run("send", path, listener.address).code == 1
        assert run("send", path, listener.address, "--force").code == 0
        assert b"17" in listener.stdout.readline()


def test_folder_without_data_sets_is_reported(tmp_path: Path) -> None:
    with listening() as listener:
        sent = run("send", tmp_path, listener.address)
        assert (sent.code, sent.error) == (0, f"warning: {tmp_path}: found no data sets in this folder")


def test_warning_names_each_file_of_a_folder(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a.dcm", "b.dcm")]
    for path in paths:
        path.write_bytes(start(EXPLICIT.uid) + EXPLICIT.element(0x00100010, "PN", b"M\xfcller"))
    with listening() as listener:
        lines = run("send", tmp_path, listener.address).stderr.splitlines()
    assert [line.partition(": no-character-set: ")[0] for line in lines] == [
        f"streamdicom: warning: {path}" for path in paths
    ]


def test_each_data_set_is_sent_as_soon_as_it_is_read() -> None:
    with listening() as listener:
        command = [*COMMAND, "send", "-", listener.address]
        with subprocess.Popen(command, stdin=subprocess.PIPE, bufsize=0) as sender:
            assert sender.stdin
            for _ in range(3):
                sender.stdin.write(ONE)
                assert listener.stdout.readline() == ONE + b"\n"
            sender.stdin.close()
            assert sender.wait(PATIENCE) == 0


def test_invalid_input_leaves_the_array_open() -> None:
    with listening("--once") as listener:
        sent = run("send", "-", listener.address, data=b"[" + ONE + b',{"00100020":]')
        assert (sent.code, bool(sent.error)) == (1, True)
        assert listener.stdout.readline() == ONE + b"\n"
        assert listener.end() == 1


def test_missing_listener_is_reported() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = "{}:{}".format(*server.getsockname())
    result = run("send", "-", address, data=ONE)
    assert (result.code, result.error) == (1, f"{address} has not acknowledged the stream: Connection refused")


def test_silent_listener_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        result = run("send", "-", "{}:{}".format(*server.getsockname()), "--timeout", "0.2", data=ONE)
        assert (result.code, "timed out" in result.error) == (1, True)


def test_other_server_is_recognized() -> None:
    def answer(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            with suppress(ConnectionResetError):
                while connection.recv(1000):
                    pass

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=answer, args=[server])
        thread.start()
        result = run("send", "-", "{}:{}".format(*server.getsockname()), data=ONE)
        thread.join()
    assert (result.code, "not a 'streamdicom listen'" in result.error) == (2, True)


def test_arguments_are_checked_first(tmp_path: Path) -> None:
    assert run("send", tmp_path / "none.json", "127.0.0.1:1").code == 2
    assert run("send", "-", "nowhere", data=ONE).code == 2
    assert run("listen", "nowhere").code == 2
