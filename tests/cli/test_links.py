"""``send`` and ``listen``: TLS, tokens, Unix sockets and lost connections."""

from __future__ import annotations

import json
import select
import signal
import socket
import stat
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path

import pytest

from streamdicom.cli.network import format_address, parse_address
from tests.cli.certificates import certificate, needs_openssl
from tests.cli.listening import PATIENCE, is_acknowledged, listening
from tests.cli.running import COMMAND, ONE, Result, run, run_process

pytestmark = pytest.mark.slow


def _lines(count: int, size: int = 0) -> list[bytes]:
    """Return data sets, each with its number and a comment."""
    comment = ',"00104000":{"vr":"LT","Value":["' + "x" * size + '"]}' if size else ""
    return [b'{"00100020":{"vr":"LO","Value":["%d"]}%s}\n' % (number, comment.encode()) for number in range(count)]


# --- TLS, tokens and Unix sockets ------------------------------------------------------------------------------


@needs_openssl
def test_tls_with_certificates_of_both_sides(tmp_path: Path) -> None:
    (server, key), (client, client_key), (stranger, stranger_key) = (
        certificate(tmp_path, name) for name in ("server", "client", "stranger")
    )
    trust = ("--tls-ca", server)
    with listening("--tls-cert", server, "--tls-key", key, "--tls-client-ca", client) as listener:
        assert listener.address.startswith("tls:127.0.0.1:")

        def send(*options: object) -> Result:
            return run("send", "-", listener.address, *options, data=ONE)

        assert send(*trust, "--tls-cert", client, "--tls-key", client_key).code == 0
        assert listener.stdout.readline() == ONE + b"\n"
        for refused in (
            send(*trust),
            send(*trust, "--tls-cert", stranger, "--tls-key", stranger_key),
            send("--tls-ca", stranger, "--tls-cert", client, "--tls-key", client_key),
            run("send", "-", listener.address.removeprefix("tls:"), "--timeout", 5, data=ONE),
        ):
            assert refused.code == 1
            assert "has not acknowledged the stream" in refused.error
        assert send(*trust, "--tls-cert", client, "--tls-key", client_key).code == 0
        assert listener.stdout.readline() == ONE + b"\n"  # and nothing else before


@needs_openssl
@needs_openssl
def test_peer_that_stalls_within_the_handshake_is_reset(tmp_path: Path) -> None:
    server, key = certificate(tmp_path, "server")
    with listening("--tls-cert", server, "--tls-key", key, "--timeout", 0.2) as listener:
        address = parse_address(listener.address.removeprefix("tls:"))
        for start in (b"", b"\x16\x03\x01\x02\x00"):
            with socket.create_connection(address, 10) as peer, suppress(ConnectionResetError):
                peer.sendall(start)
                assert peer.recv(100) == b""
            assert "the connection is lost" in listener.read_error()


def test_long_stream_over_tls(tmp_path: Path) -> None:
    server, key = certificate(tmp_path, "server")
    lines = _lines(300, 20_000)
    (tmp_path / "in.json").write_bytes(b"".join(lines))
    with listening("--tls-cert", server, "--tls-key", key, "-o", tmp_path / "out.json") as listener:
        assert run("send", tmp_path / "in.json", listener.address, "--tls-ca", server).code == 0
    assert (tmp_path / "out.json").read_bytes() == b"".join(lines)


@needs_openssl
def test_arguments_of_tls_are_checked(tmp_path: Path) -> None:
    server, key = certificate(tmp_path, "server")
    for arguments in (
        ("listen", "127.0.0.1:0", "--tls-key", key),
        ("listen", "127.0.0.1:0", "--tls-cert", tmp_path / "none"),
        ("listen", "127.0.0.1:0", "--tls-cert", server),  # without its key
        ("listen", f"unix:{tmp_path}/socket", "--tls-cert", server, "--tls-key", key),
        ("send", "-", "127.0.0.1:1", "--tls-ca", server),
        ("send", "-", "tls:127.0.0.1:1", "--tls-ca", key),
        ("send", "-", "tls:127.0.0.1:1", "--tls-key", key),
    ):
        assert run(*arguments, data=ONE).code == 2, arguments


def test_only_tokens_that_write_are_accepted(tmp_path: Path) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text(f"write {sha256(b'abc d').hexdigest()}\nread {sha256(b'def').hexdigest()}\n")
    with listening("--tokens", tokens) as listener:
        for token in ("def", "abc", ""):
            refused = run("send", "-", listener.address, "--token", token, data=ONE)
            assert (refused.code, "the token is not known" in refused.error) == (1, True)
            assert "token" in listener.read_error()
        with listener.connect() as peer:
            peer.sendall(ONE)
            assert not is_acknowledged(peer)
        assert run("send", "-", listener.address, "--token", "abc d", data=ONE).code == 0
        assert run_process("send", "-", listener.address, data=ONE, STREAMDICOM_TOKEN="abc d").code == 0
        assert [listener.stdout.readline() for _ in range(2)] == [ONE + b"\n"] * 2
    tokens.write_text("abc")
    assert "line 1" in run("listen", "127.0.0.1:0", "--tokens", tokens).error


def test_open_address_needs_consent() -> None:
    refused = run("listen", "0.0.0.0:0")
    assert (refused.code, "--insecure" in refused.error) == (2, True)
    with listening("--insecure", host="0.0.0.0") as listener:
        port = parse_address(listener.address)[1]
        assert run("send", "-", f"127.0.0.1:{port}", data=ONE).code == 0


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="needs Unix sockets")
def test_unix_socket_is_private_and_removed(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    for how in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL, signal.SIGINT):
        with listening(address=f"unix:{path}") as listener:
            assert listener.address == f"unix:{path}"
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            assert run("listen", f"unix:{path}").code == 2  # taken
            assert run("send", "-", f"unix:{path}", data=ONE).code == 0
            assert listener.stdout.readline() == ONE + b"\n"
            sent = run("send", "-", f"unix:{path}", data=b'{"00100020":{"vr":"DA","Value":[17]}}')
            assert sent.code == 1
            listener.process.send_signal(how)
            listener.end()
        assert path.exists() is (how == signal.SIGKILL)  # and is replaced
    assert "has not acknowledged" in run("send", "-", f"unix:{path}", data=ONE).error
    path.write_text("")
    assert run("listen", f"unix:{path}").code == 2
    assert path.read_text() == ""


# --- connections that are lost ---------------------------------------------------------------------------------


class _Proxy:
    """A way to the listener, which ends after some bytes of the sender."""

    def __init__(self, target: str, budgets: list[int]) -> None:
        self._target = parse_address(target)
        self._budgets = budgets
        self._server = socket.create_server(("127.0.0.1", 0))
        self.address = format_address(self._server.getsockname())
        self.connections = 0
        self.on_loss = lambda: None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join(PATIENCE)

    def _run(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._server.accept()
                self.connections += 1
                with near, socket.create_connection(self._target) as far, suppress(ConnectionError):
                    self._pass(near, far, self._budgets.pop(0) if self._budgets else 1 << 40)

    def _pass(self, near: socket.socket, far: socket.socket, budget: int) -> None:
        """Pass bytes on, until the budget is spent or a side ends."""
        while True:
            for source in select.select([near, far], [], [])[0]:
                data = source.recv(min(budget, 4096) if source is near else 4096)
                (far if source is near else near).sendall(data)
                if not data:
                    return
                if source is near:
                    budget -= len(data)
                    if not budget:
                        self.on_loss()
                        return


@contextmanager
def _proxy(target: str, *budgets: int) -> Iterator[_Proxy]:
    proxy = _Proxy(target, list(budgets))
    try:
        yield proxy
    finally:
        proxy.close()


@pytest.mark.parametrize("size", [0, 50_000])
def test_lost_connection_costs_and_repeats_no_data_set(tmp_path: Path, size: int) -> None:
    lines = _lines(200, size)
    (tmp_path / "in.json").write_bytes(b"".join(lines))
    total = sum(map(len, lines))
    budgets = (60, total // 3, 70, total // 3, 200)
    with listening("-o", tmp_path / "out.json") as listener, _proxy(listener.address, *budgets) as proxy:
        sent = run("send", tmp_path / "in.json", proxy.address)
        assert (sent.code, sent.stderr.count("connecting again")) == (0, proxy.connections - 1)
        assert proxy.connections == 6
    assert (tmp_path / "out.json").read_bytes() == b"".join(lines)


def test_lost_acknowledgement_repeats_nothing(tmp_path: Path) -> None:
    lines = _lines(3)
    (tmp_path / "in.json").write_bytes(b"".join(lines))
    with listening("-o", tmp_path / "out.json") as listener:
        with _proxy(listener.address) as proxy:
            assert run("send", tmp_path / "in.json", proxy.address).code == 0
        sent = _bytes_of(tmp_path / "in.json")
        with _proxy(listener.address, sent) as proxy:  # ends with the last byte of the sender
            proxy.on_loss = lambda: _wait(lambda: len((tmp_path / "out.json").read_bytes().splitlines()) == 6)
            assert run("send", tmp_path / "in.json", proxy.address).code == 0
            assert proxy.connections == 2
    assert (tmp_path / "out.json").read_bytes() == b"".join(lines) * 2


def _bytes_of(path: Path) -> int:
    """Return the number of bytes that a sender of a file sends."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        command = [*COMMAND, "send", str(path), format_address(server.getsockname())]
        with subprocess.Popen(command) as process:
            connection, _ = server.accept()
            with connection:
                size = len(connection.recv(4096))
                connection.sendall(b"ready 0\n")
                while not (data := connection.recv(4096)).endswith(bytes(4)):
                    size += len(data)
                connection.sendall(b"written\n")
            assert process.wait(PATIENCE) == 0
        return size + len(data)


def _wait(is_done: object) -> None:
    end = time.monotonic() + PATIENCE
    while not is_done():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.01)


def test_pipe_is_not_sent_again() -> None:
    with listening() as listener, _proxy(listener.address, 100) as proxy:
        sent = run("send", "-", proxy.address, data=b"".join(_lines(10)))
        assert (sent.code, proxy.connections) == (1, 1)


def test_refused_data_set_ends_the_sender_at_once(tmp_path: Path) -> None:
    (tmp_path / "in.json").write_bytes(_lines(1)[0] + b'{"00100020":{"vr":"LO","Value":["' + b"x" * 99 + b'"]}}')
    with listening("-o", "/dev/full") as listener:
        sent = run("send", tmp_path / "in.json", listener.address)
        assert (sent.code, "cannot take or write a data set" in sent.error) == (1, True)
        assert listener.end() == 4


def test_listener_that_has_restarted_does_not_write_a_stream_twice(tmp_path: Path) -> None:
    lines = _lines(50)
    (tmp_path / "in.json").write_bytes(b"".join(lines))
    with listening("-o", tmp_path / "out.json") as listener, _proxy(listener.address, 1000) as proxy:
        port = parse_address(listener.address)[1]

        def restart() -> None:
            _wait(lambda: (tmp_path / "out.json").stat().st_size)
            listener.process.kill()
            listener.end()
            others.append(
                subprocess.Popen(
                    [*COMMAND, "listen", f"127.0.0.1:{port}", "-o", tmp_path / "out.json"],
                    stderr=subprocess.PIPE,
                )
            )
            assert others[0].stderr
            others[0].stderr.readline()

        others: list[subprocess.Popen[bytes]] = []
        proxy.on_loss = restart
        try:
            sent = run("send", tmp_path / "in.json", proxy.address)
        finally:
            for other in others:
                other.kill()
                other.communicate()
        assert (sent.code, "has ended since the stream began" in sent.stderr) == (1, True)
    found = (tmp_path / "out.json").read_bytes().splitlines(keepends=True)
    assert found
    assert found == lines[: len(found)]


def test_file_that_changes_is_not_resumed(tmp_path: Path) -> None:
    path = tmp_path / "in.json"
    path.write_bytes(b"".join(_lines(50)))
    with listening("-o", tmp_path / "out.json") as listener, _proxy(listener.address, 1000) as proxy:
        proxy.on_loss = lambda: path.write_bytes(b"".join(_lines(49)))  # type: ignore[assignment, return-value]
        sent = run("send", path, proxy.address)
        assert (sent.code, "has changed while it was sent" in sent.stderr) == (2, True)


def test_listener_that_does_not_return_is_given_up(tmp_path: Path) -> None:
    (tmp_path / "in.json").write_bytes(b"".join(_lines(50)))
    with listening("-o", tmp_path / "out.json") as listener, _proxy(listener.address, 1000) as proxy:
        proxy.on_loss = listener.process.kill
        start = time.monotonic()
        sent = run("send", tmp_path / "in.json", proxy.address, "--timeout", 2)
        assert (sent.code, time.monotonic() - start < 30) == (1, True)
        assert "has not acknowledged the stream" in sent.stderr


def test_report_counts_each_data_set_once(tmp_path: Path) -> None:
    (tmp_path / "in.json").write_bytes(b"".join(_lines(50, 5000)))
    (tmp_path / "key").write_text("00" * 32)
    options = ("--deidentify", "basic", "--key-file", tmp_path / "key", "--deidentify-report", tmp_path / "report")
    with listening("-o", tmp_path / "out.json") as listener, _proxy(listener.address, 3000, 2000) as proxy:
        assert run("send", tmp_path / "in.json", proxy.address, *options).code == 0
        assert proxy.connections == 3
    assert json.loads((tmp_path / "report").read_text())["datasets"] == 50
    assert len((tmp_path / "out.json").read_bytes().splitlines()) == 50


@pytest.mark.parametrize("line", [b"streamdicom-send 2 new\n", b"streamdicom-send 1 new x\n", b"s" * 200_000, b"strea"])
def test_line_of_another_form_is_refused(line: bytes) -> None:
    with listening() as listener, listener.connect() as peer:
        with suppress(ConnectionError):
            peer.sendall(line)
        assert not is_acknowledged(peer)
        assert listener.read_error().startswith("streamdicom: 127.0.0.1:")
        assert run("send", "-", listener.address, data=ONE).code == 0
