"""``streamdicom listen`` as a process on loopback."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from pydicom.data import get_testdata_file

import streamdicom
from tests.cli.listening import Listener, is_acknowledged, listening
from tests.cli.running import ONE, run
from tests.support.connections import dataset, reset

pytestmark = pytest.mark.slow

_CT = get_testdata_file("CT_small.dcm")
_GREETING = b"streamdicom-send 1 new " + b"a" * 32 + b" \n"


def test_ipv6_address_is_supported() -> None:
    with suppress(OSError), socket.create_server(("::1", 0), family=socket.AF_INET6):
        with listening(host="[::1]") as listener:
            assert listener.address.startswith("[::1]:")
            assert run("send", "-", listener.address, data=ONE).code == 0
            assert listener.stdout.readline() == ONE + b"\n"
        return
    pytest.skip("needs IPv6")


def test_elements_are_sorted() -> None:
    text = b'{"00100020":{"vr":"LO"},"00081140":{"vr":"SQ","Value":[{"00100020":{"vr":"LO"},"00100010":{"vr":"PN"}}]}}'
    with listening() as listener, listener.connect() as peer:
        peer.sendall(text)
        assert is_acknowledged(peer)
        assert listener.stdout.readline() == (
            b'{"00081140":{"vr":"SQ","Value":[{"00100010":{"vr":"PN"},"00100020":{"vr":"LO"}}]},"00100020":{"vr":"LO"}}\n'
        )


def test_xml_is_accepted() -> None:
    text = streamdicom.dumps(dataset(1), format="xml").encode()
    with listening() as listener, listener.connect() as peer:
        peer.sendall(text)
        assert is_acknowledged(peer)
        assert listener.stdout.readline() == ONE + b"\n"


# --- errors ---------------------------------------------------------------------------------------------------


def _cut(peer: socket.socket) -> None:
    peer.sendall(b"[" + ONE + b',{"00100020":{"vr":"LO","Val')
    assert not is_acknowledged(peer)


def _malformed(peer: socket.socket) -> None:
    peer.sendall(b"[" + ONE + b',{"00100020":]')
    assert not is_acknowledged(peer)


def _wrong(peer: socket.socket) -> None:
    peer.sendall(b"[" + ONE + b',{"00100020":{"vr":"DA","Value":[17]}}]')
    assert not is_acknowledged(peer)


def _gone(peer: socket.socket) -> None:
    peer.sendall(b"[" + ONE + b',{"00100020":{"vr":"LO","Val')
    reset(peer)


@pytest.mark.parametrize("fail", [_cut, _malformed, _wrong])
def test_failing_peer_is_reset_and_the_next_is_served(
    fail: Callable[[socket.socket], None],
) -> None:
    with listening() as listener:
        with listener.connect() as peer:
            fail(peer)
            host, port = peer.getsockname()
        assert listener.stdout.readline() == ONE + b"\n"  # complete before the error
        error = listener.read_error()
        assert error.startswith(f"streamdicom: {host}:{port}: ")
        assert "[1]" in error
        with listener.connect() as peer:
            peer.sendall(ONE)
            assert is_acknowledged(peer)
        assert listener.stdout.readline() == ONE + b"\n"


def test_peer_that_disappears_is_reported() -> None:
    with listening() as listener, listener.connect() as peer:
        peer.sendall(b"[" + ONE)
        assert listener.stdout.readline() == ONE + b"\n"
        reset(peer)
        assert "ConnectionResetError" in listener.read_error()


def test_stalled_peer_is_reset() -> None:
    with listening("--timeout", "0.2") as listener, listener.connect() as peer:
        peer.sendall(b"[" + ONE + b",{")
        assert listener.stdout.readline() == ONE + b"\n"
        with pytest.raises(ConnectionResetError):
            peer.recv(1)
        assert "TimeoutError (byte 41, [1])" in listener.read_error()


@pytest.mark.parametrize(
    "start",
    [b"", _GREETING[:20], _GREETING, _GREETING + bytes(2), _GREETING + b"\0\0\0\x09["],
    ids=["start", "greeting", "stream", "length", "data"],
)
def test_peer_that_stalls_at_any_moment_is_reset(start: bytes) -> None:
    with listening("--timeout", "0.2") as listener, listener.connect() as peer:
        peer.settimeout(10)
        peer.sendall(start)
        with pytest.raises(ConnectionResetError):
            while peer.recv(100):
                pass
        assert "TimeoutError" in listener.read_error()
        with listener.connect() as other:
            other.sendall(ONE)
            assert is_acknowledged(other)


def test_empty_stream_is_an_error() -> None:
    with listening() as listener, listener.connect() as peer:
        assert not is_acknowledged(peer)
        assert "found no data" in listener.read_error()


def test_peers_do_not_wait_for_each_other() -> None:
    with listening() as listener, listener.connect() as slow, listener.connect() as fast:
        slow.sendall(b"[" + ONE[:20])
        fast.sendall(b"[{}]")
        assert is_acknowledged(fast)
        assert listener.stdout.readline() == b"{}\n"
        slow.sendall(ONE[20:] + b"]")
        assert is_acknowledged(slow)
        assert listener.stdout.readline() == ONE + b"\n"


def test_silent_peer_loses_its_place_to_another() -> None:
    with listening() as listener:
        active, *silent = [listener.connect() for _ in range(64)]
        active.sendall(b"[" + b" " * 2000)
        with listener.connect() as late:
            late.sendall(ONE)
            late.settimeout(20)  # the others have a minute
            assert is_acknowledged(late)
        ended, _, _ = select.select(silent, [], [], 1)
        assert ended == silent[:1]  # the place of one was enough
        assert "it is silent" in listener.read_error()
        active.sendall(b"{}]")
        assert is_acknowledged(active)
        for one in (active, *silent):
            one.close()


def test_sender_that_loses_its_place_resumes(tmp_path: Path) -> None:
    with listening("-o", tmp_path / "out.ndjson") as listener:
        stalled = listener.connect()
        stalled.sendall(b"streamdicom-send 1 new " + b"a" * 32 + b" \n")
        assert stalled.recv(100) == b"ready 0\n"
        stalled.sendall(len(ONE + b"[").to_bytes(4, "big") + b"[" + ONE)
        others = [listener.connect() for _ in range(63)]
        with listener.connect() as late:
            late.sendall(ONE)
            late.settimeout(20)
            assert is_acknowledged(late)
        with pytest.raises(ConnectionError):
            stalled.recv(1)
        others.pop().close()
        with listener.connect() as again:
            again.settimeout(20)
            again.sendall(b"streamdicom-send 1 resume " + b"a" * 32 + b" \n")
            assert again.recv(100) == b"ready 1\n"
        for one in (stalled, *others):
            one.close()


def test_once_ends_with_the_first_connection() -> None:
    for text, code in ((ONE, 0), (ONE[:20], 1)):
        with listening("--once") as listener, listener.connect() as peer:
            peer.sendall(text)
            assert is_acknowledged(peer) is (code == 0)
            assert listener.end() == code


@pytest.mark.parametrize("text", [b"", b"[" + ONE + b"," + ONE[:20]])
def test_ctrl_c_leaves_no_partial_line(text: bytes) -> None:
    with listening() as listener, listener.connect() as peer:
        peer.sendall(text)
        if text:
            assert listener.stdout.readline() == ONE + b"\n"
        listener.process.send_signal(signal.SIGINT)
        assert listener.end() == 130
        assert listener.stdout.read() == listener.stderr.read() == b""
        if text:
            with pytest.raises(ConnectionResetError):
                peer.recv(1)


def test_killed_listener_acknowledges_nothing() -> None:
    with listening() as listener, listener.connect() as peer:
        peer.sendall(ONE)
        assert listener.stdout.readline()
        listener.process.kill()
        listener.end()
        assert not _is_acknowledged(peer)


def _is_acknowledged(peer: socket.socket) -> bool:
    try:
        return is_acknowledged(peer)
    except OSError:  # reset before
        return False


# --- the output ------------------------------------------------------------------------------------------------


def test_lines_are_appended_to_a_file(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    for number in (1, 2):
        with listening("--once", "-o", path) as listener:
            assert run("send", "-", listener.address, data=b"[{}]").code == 0
            assert listener.end() == 0
        assert path.read_bytes() == b"{}\n" * number


def test_file_that_ends_within_a_line_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out.json").write_bytes(b"[{}]")
    result = run("listen", "127.0.0.1:0", "-o", tmp_path / "out.json")
    assert result.code == 2
    assert "expected a line feed at the end" in result.error
    assert (tmp_path / "out.json").read_bytes() == b"[{}]"


def test_full_disk_ends_the_listener_and_the_sender_fails() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    with listening("-o", "/dev/full") as listener:
        sent = run("send", "-", listener.address, data=ONE)
        assert sent.code == 1
        assert sent.error.startswith(f"{listener.address} has not acknowledged the stream")
        assert listener.end() == 4
        assert "/dev/full: No space left" in listener.read_error()


@contextmanager
def _listening_with_small_files(path: Path) -> Iterator[Listener]:
    """Run a listener whose files, also temporary ones, have at most 100,000 bytes."""
    code = (
        "import resource, runpy, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)); "
        "runpy.run_module('streamdicom', run_name='__main__')"
    )
    command = [sys.executable, "-c", code, "listen", "127.0.0.1:0", "-o", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0) as process:
        try:
            yield Listener(process)
        finally:
            process.kill()


def test_peer_that_fills_the_temporary_folder_fails_alone(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    large = b'[{"7FE00010":{"vr":"OB","InlineBinary":"' + b"AAAA" * (4 * 1024 * 1024) + b'"}}]'
    with _listening_with_small_files(path) as listener:
        sent = run("send", "-", listener.address, data=large)
        assert sent.code == 1
        assert "has not acknowledged the stream" in sent.error
        assert "cannot be kept until it is complete: File too large" in listener.read_error()
        with listener.connect() as peer, pytest.raises(ConnectionError):
            peer.sendall(large)
            peer.recv(1)
        assert "cannot be kept until it is complete: File too large" in listener.read_error()
        assert run("send", "-", listener.address, data=ONE).code == 0
    assert path.read_bytes() == ONE + b"\n"


def test_partial_line_is_removed_again(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    with _listening_with_small_files(path) as listener:
        large = streamdicom.dumps(dataset(1, 200_000)).encode()
        assert run("send", "-", listener.address, data=b"[" + ONE + b"," + large + b"]").code == 1
        assert listener.end() == 4
    assert path.read_bytes() == ONE + b"\n"


def test_closed_pipe_ends_the_listener() -> None:
    reader, writer = os.pipe()
    with listening(out=writer) as listener, listener.connect() as peer:
        os.close(writer)
        os.close(reader)
        peer.sendall(ONE)
        assert listener.end() == 141


def _peak(process: int) -> int:
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{process}/status").read_text().splitlines())
    return int(fields["VmHWM"].split()[0]) * 1024


@pytest.mark.memory
def test_memory_does_not_grow_with_a_value(tmp_path: Path) -> None:
    size = 96 * 1024 * 1024
    with listening("-o", tmp_path / "out.json") as listener:
        assert run("send", _CT, listener.address).code == 0  # imports all modules
        before = _peak(listener.process.pid)
        with listener.connect() as peer:
            peer.sendall(b'[{"7FE00010":{"vr":"OB","InlineBinary":"')
            for _ in range(size // 65536):
                peer.sendall(b"AAAA" * (65536 // 4))
            peer.sendall(b'"}}]')
            assert is_acknowledged(peer)
        assert _peak(listener.process.pid) - before < 16 * 1024 * 1024
    assert (tmp_path / "out.json").stat().st_size > size
