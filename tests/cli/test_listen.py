"""``streamdicom listen`` and ``send``, as processes on loopback: what is written when, and who is told of what."""

from __future__ import annotations

import gzip
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, cast

import pydicom
import pytest
from pydicom.data import get_testdata_file

import streamdicom
from streamdicom.cli.inputs import CallError
from streamdicom.cli.listen import address_of
from tests.support.connections import dataset, reset

pytest.importorskip("typer", reason="the command line is an extra: install streamdicom[cli]")

_COMMAND = [sys.executable, "-c", "from streamdicom.cli import main; main()"]
_PATIENCE = 60
_ONE = b'{"00100020":{"vr":"LO","Value":["1"]}}'


def _run(*arguments: str | Path, data: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    command = [*_COMMAND, *map(str, arguments)]
    return subprocess.run(command, input=data, capture_output=True, timeout=_PATIENCE, check=False)


class _Listener:
    """A process that listens."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.stdout = cast(BinaryIO, process.stdout)
        self.stderr = cast(BinaryIO, process.stderr)
        said = self.stderr.readline().decode()
        assert said.startswith("streamdicom: listening on "), said
        self.address = said.split()[-1]

    def connect(self) -> socket.socket:
        connection = socket.create_connection(address_of(self.address), _PATIENCE)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def told(self) -> str:
        """The next line on stderr."""
        return self.stderr.readline().decode()

    def end(self) -> int:
        """The exit code, once there is one."""
        return self.process.wait(_PATIENCE)


@contextmanager
def _listening(*arguments: str | Path, host: str = "127.0.0.1", out: int = subprocess.PIPE) -> Iterator[_Listener]:
    command = [*_COMMAND, "listen", f"{host}:0", *map(str, arguments)]
    with subprocess.Popen(command, stdout=out, stderr=subprocess.PIPE, bufsize=0) as process:
        watchdog = threading.Timer(_PATIENCE, process.kill)  # so that a line that never comes is a failure
        watchdog.start()
        try:
            yield _Listener(process)
        finally:
            watchdog.cancel()
            process.kill()


def _is_taken(connection: socket.socket) -> bool:
    """Whether the listener says that it has taken everything."""
    connection.shutdown(socket.SHUT_WR)
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return False


# --- the pair --------------------------------------------------------------------------------------------------


_CT = get_testdata_file("CT_small.dcm")


def _forms(folder: Path) -> list[Path]:
    """CT_small in every form that is read."""
    ds = pydicom.dcmread(_CT)
    text = streamdicom.dumps(ds).encode()
    (folder / "one.json").write_bytes(text)
    (folder / "array.json").write_bytes(b"[" + text + b"]")
    (folder / "lines.json").write_bytes(text + b"\n")
    (folder / "array.json.gz").write_bytes(gzip.compress(b"[" + text + b"]"))
    return [Path(_CT), *sorted(folder.iterdir())]


def test_what_is_sent_in_any_form_is_what_comes_out(tmp_path: Path) -> None:
    sources = _forms(tmp_path)
    with _listening() as listener:
        for source in sources:
            sent = _run("send", source, listener.address)
            assert (sent.returncode, sent.stderr) == (0, b"")
            received = streamdicom.loads(listener.stdout.readline(), as_file=True)
            assert received == pydicom.dcmread(_CT), source
        piped = _run("send", "-", listener.address, data=b"[" + _ONE + b"," + _ONE + b"]")
        assert piped.returncode == 0
        assert [listener.stdout.readline() for _ in range(2)] == [_ONE + b"\n"] * 2


def test_group_0002_of_a_file_arrives() -> None:
    with _listening() as listener:
        assert _run("send", _CT, listener.address).returncode == 0
        meta = streamdicom.loads(listener.stdout.readline(), as_file=True).file_meta
        assert meta.TransferSyntaxUID == pydicom.dcmread(_CT).file_meta.TransferSyntaxUID


def test_an_address_may_be_one_of_ipv6() -> None:
    with suppress(OSError), socket.create_server(("::1", 0), family=socket.AF_INET6):
        with _listening(host="[::1]") as listener:
            assert listener.address.startswith("[::1]:")
            assert _run("send", "-", listener.address, data=_ONE).returncode == 0
            assert listener.stdout.readline() == _ONE + b"\n"
        return
    pytest.skip("there is no IPv6 here")


def test_each_data_set_goes_through_both_as_soon_as_it_was_read() -> None:
    with _listening() as listener:
        command = [*_COMMAND, "send", "-", listener.address]
        with subprocess.Popen(command, stdin=subprocess.PIPE, bufsize=0) as sender:
            assert sender.stdin
            for _ in range(3):
                sender.stdin.write(_ONE)
                assert listener.stdout.readline() == _ONE + b"\n"
            sender.stdin.close()
            assert sender.wait(_PATIENCE) == 0


def test_elements_out_of_order_are_put_in_order() -> None:
    text = b'{"00100020":{"vr":"LO"},"00081140":{"vr":"SQ","Value":[{"00100020":{"vr":"LO"},"00100010":{"vr":"PN"}}]}}'
    with _listening() as listener, listener.connect() as peer:
        peer.sendall(text)
        assert _is_taken(peer)
        assert listener.stdout.readline() == (
            b'{"00081140":{"vr":"SQ","Value":[{"00100010":{"vr":"PN"},"00100020":{"vr":"LO"}}]},"00100020":{"vr":"LO"}}\n'
        )


def test_xml_is_taken_too() -> None:
    text = streamdicom.dumps(dataset(1), format="xml").encode()
    with _listening() as listener, listener.connect() as peer:
        peer.sendall(text)
        assert _is_taken(peer)
        assert listener.stdout.readline() == _ONE + b"\n"


# --- what goes wrong -------------------------------------------------------------------------------------------


def _cut(peer: socket.socket) -> None:
    peer.sendall(b"[" + _ONE + b',{"00100020":{"vr":"LO","Val')
    assert not _is_taken(peer)


def _malformed(peer: socket.socket) -> None:
    peer.sendall(b"[" + _ONE + b',{"00100020":]')
    assert not _is_taken(peer)


def _wrong(peer: socket.socket) -> None:
    peer.sendall(b"[" + _ONE + b',{"00100020":{"vr":"DA","Value":[17]}}]')
    assert not _is_taken(peer)


def _gone(peer: socket.socket) -> None:
    peer.sendall(b"[" + _ONE + b',{"00100020":{"vr":"LO","Val')
    reset(peer)


@pytest.mark.parametrize("fail", [_cut, _malformed, _wrong])
def test_a_peer_that_fails_is_reset_and_told_of_and_the_next_one_is_served(
    fail: Callable[[socket.socket], None],
) -> None:
    with _listening() as listener:
        with listener.connect() as peer:
            fail(peer)
            host, port = peer.getsockname()
        assert listener.stdout.readline() == _ONE + b"\n"  # which was complete
        told = listener.told()
        assert told.startswith(f"streamdicom: {host}:{port}: ")
        assert "[1]" in told
        with listener.connect() as peer:
            peer.sendall(_ONE)
            assert _is_taken(peer)
        assert listener.stdout.readline() == _ONE + b"\n"


def test_a_peer_that_disappears_is_told_of() -> None:
    with _listening() as listener, listener.connect() as peer:
        peer.sendall(b"[" + _ONE)
        assert listener.stdout.readline() == _ONE + b"\n"
        reset(peer)
        assert "ConnectionResetError" in listener.told()


def test_a_peer_that_stalls_is_given_up() -> None:
    with _listening("--timeout", "0.2") as listener, listener.connect() as peer:
        peer.sendall(b"[" + _ONE + b",{")
        assert listener.stdout.readline() == _ONE + b"\n"
        with pytest.raises(ConnectionResetError):
            peer.recv(1)
        assert "TimeoutError (byte 41, [1])" in listener.told()


def test_nothing_at_all_is_no_stream() -> None:
    with _listening() as listener, listener.connect() as peer:
        assert not _is_taken(peer)
        assert "nothing was sent" in listener.told()


def test_peers_do_not_wait_for_one_another() -> None:
    with _listening() as listener, listener.connect() as slow, listener.connect() as fast:
        slow.sendall(b"[" + _ONE[:20])
        fast.sendall(b"[{}]")
        assert _is_taken(fast)
        assert listener.stdout.readline() == b"{}\n"
        slow.sendall(_ONE[20:] + b"]")
        assert _is_taken(slow)
        assert listener.stdout.readline() == _ONE + b"\n"


def test_there_are_not_more_peers_at_once_than_there_are_places() -> None:
    with _listening() as listener:
        idle = [listener.connect() for _ in range(64)]
        with listener.connect() as late:
            late.sendall(_ONE)
            late.settimeout(0.2)
            late.shutdown(socket.SHUT_WR)
            with pytest.raises(TimeoutError):
                late.recv(1)
            idle.pop().close()
            late.settimeout(_PATIENCE)
            assert late.recv(1) == b""
        for one in idle:
            one.close()


def test_once_is_over_with_the_first_connection() -> None:
    for text, code in ((_ONE, 0), (_ONE[:20], 1)):
        with _listening("--once") as listener, listener.connect() as peer:
            peer.sendall(text)
            assert _is_taken(peer) is (code == 0)
            assert listener.end() == code


@pytest.mark.parametrize("text", [b"", b"[" + _ONE + b"," + _ONE[:20]])
def test_ctrl_c_ends_it_and_nothing_is_half_written(text: bytes) -> None:
    with _listening() as listener, listener.connect() as peer:
        peer.sendall(text)
        if text:
            assert listener.stdout.readline() == _ONE + b"\n"
        listener.process.send_signal(signal.SIGINT)
        assert listener.end() == 130
        assert listener.stdout.read() == listener.stderr.read() == b""
        if text:
            with pytest.raises(ConnectionResetError):
                peer.recv(1)


def test_a_listener_that_is_killed_acknowledges_nothing() -> None:
    with _listening() as listener, listener.connect() as peer:
        peer.sendall(_ONE)
        assert listener.stdout.readline()
        listener.process.kill()
        listener.end()
        assert not _is_taken_or_broken(peer)


def _is_taken_or_broken(peer: socket.socket) -> bool:
    try:
        return _is_taken(peer)
    except OSError:  # it was reset before
        return False


# --- where it goes ---------------------------------------------------------------------------------------------


def test_lines_are_added_to_a_file(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    for number in (1, 2):
        with _listening("--once", "-o", path) as listener:
            assert _run("send", "-", listener.address, data=b"[{}]").returncode == 0
            assert listener.end() == 0
        assert path.read_bytes() == b"{}\n" * number


def test_nothing_is_added_to_what_ends_within_a_line(tmp_path: Path) -> None:
    (tmp_path / "out.json").write_bytes(b"[{}]")
    result = _run("listen", "127.0.0.1:0", "-o", tmp_path / "out.json")
    assert result.returncode == 2
    assert b"ends within a line" in result.stderr
    assert (tmp_path / "out.json").read_bytes() == b"[{}]"


def test_a_disk_that_is_full_ends_it_and_the_sender_knows() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full here")
    with _listening("-o", "/dev/full") as listener:
        sent = _run("send", "-", listener.address, data=_ONE)
        assert sent.returncode == 1
        assert sent.stderr.startswith(f"streamdicom: {listener.address} has not taken everything".encode())
        assert listener.end() == 4
        assert "/dev/full: No space left" in listener.told()


def test_a_line_that_could_not_be_written_whole_is_taken_away_again(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    limited = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)); {_COMMAND[2]}"
    arguments = ["listen", "127.0.0.1:0", "-o", str(path)]
    command = [sys.executable, "-c", "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); " + limited]
    with subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0) as process:
        listener = _Listener(process)
        large = streamdicom.dumps(dataset(1, 200_000)).encode()
        assert _run("send", "-", listener.address, data=b"[" + _ONE + b"," + large + b"]").returncode == 1
        assert listener.end() == 4
    assert path.read_bytes() == _ONE + b"\n"


def test_a_reader_that_has_gone_ends_it() -> None:
    reader, writer = os.pipe()
    with _listening(out=writer) as listener, listener.connect() as peer:
        os.close(writer)
        os.close(reader)
        peer.sendall(_ONE)
        assert listener.end() == 141


# --- the sender ------------------------------------------------------------------------------------------------


def test_a_sender_that_reads_what_is_wrong_leaves_the_array_open() -> None:
    with _listening("--once") as listener:
        sent = _run("send", "-", listener.address, data=b"[" + _ONE + b',{"00100020":]')
        assert sent.returncode == 1
        assert sent.stderr.count(b"\n") == 1
        assert listener.stdout.readline() == _ONE + b"\n"
        assert listener.end() == 1


def test_a_sender_tells_in_one_line_that_nobody_is_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = "{}:{}".format(*server.getsockname())
    result = _run("send", "-", address, data=_ONE)
    assert result.returncode == 1
    assert result.stderr.decode().splitlines() == [
        f"streamdicom: {address} has not taken everything: Connection refused"
    ]


def test_a_sender_does_not_wait_for_ever() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        result = _run("send", "-", "{}:{}".format(*server.getsockname()), "--timeout", "0.2", data=_ONE)
        assert (result.returncode, b"timed out" in result.stderr) == (1, True)


def test_somebody_who_answers_is_no_listener() -> None:
    def answer(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            while connection.recv(1000):
                pass

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=answer, args=[server])
        thread.start()
        result = _run("send", "-", "{}:{}".format(*server.getsockname()), data=_ONE)
        thread.join()
    assert (result.returncode, b"no streamdicom listen" in result.stderr) == (2, True)


@pytest.mark.parametrize("address", ["", "localhost", ":17", "::1:17", "localhost:x", "localhost:65536", "[::1]"])
def test_what_is_no_address_is_an_error_of_the_call(address: str) -> None:
    with pytest.raises(CallError):
        address_of(address)


def test_the_call_is_checked_before_anything_happens(tmp_path: Path) -> None:
    assert _run("send", tmp_path / "none.json", "127.0.0.1:1").returncode == 2
    assert _run("send", "-", "nowhere", data=_ONE).returncode == 2
    assert _run("listen", "nowhere").returncode == 2


# --- how small -------------------------------------------------------------------------------------------------


def _peak(process: int) -> int:
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{process}/status").read_text().splitlines())
    return int(fields["VmHWM"].split()[0]) * 1024


def test_a_value_of_any_length_takes_no_memory(tmp_path: Path) -> None:
    size = 96 * 1024 * 1024
    with _listening("-o", tmp_path / "out.json") as listener:
        assert _run("send", _CT, listener.address).returncode == 0  # so that all modules are there
        before = _peak(listener.process.pid)
        with listener.connect() as peer:
            peer.sendall(b'[{"7FE00010":{"vr":"OB","InlineBinary":"')
            for _ in range(size // 65536):
                peer.sendall(b"AAAA" * (65536 // 4))
            peer.sendall(b'"}}]')
            assert _is_taken(peer)
        assert _peak(listener.process.pid) - before < 16 * 1024 * 1024
    assert (tmp_path / "out.json").stat().st_size > size
