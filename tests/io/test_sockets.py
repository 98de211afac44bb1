"""Loopback sockets: when data arrives, and connections that break off."""

from __future__ import annotations

import multiprocessing
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydicom import Dataset

import streamdicom
from streamdicom import (
    DatasetWriter,
    Event,
    EventType,
    InputError,
    JsonSyntaxError,
    OutputError,
    ReadOptions,
    TruncatedError,
)
from streamdicom.formats import FormatName
from tests.support.connections import connected, dataset, reset
from tests.support.memory import peak

_ONE = b'{"00100020":{"vr":"LO","Value":["1"]}}'
_FORMS = pytest.mark.parametrize(
    ("start", "between"),
    [(b"[", b","), (b"", b"\n"), (b"", b"")],
    ids=["array", "ndjson", "concatenated"],
)


# --- reading ---------------------------------------------------------------------------------------------------


@_FORMS
def test_data_set_is_delivered_with_its_last_byte(start: bytes, between: bytes) -> None:
    with connected() as (near, far):
        datasets = streamdicom.iter_datasets(far)
        near.sendall(start)
        for number in range(3):
            near.sendall((between if number else b"") + _ONE)
            # Nothing more is sent until this one is delivered.
            assert next(datasets).PatientID == "1"


def test_single_bytes_yield_the_same_data_sets() -> None:
    with connected() as (near, far):
        for value in b"[" + _ONE + b",{}]":
            near.sendall(bytes([value]))
        near.shutdown(socket.SHUT_WR)
        assert [ds.get("PatientID") for ds in streamdicom.iter_datasets(far)] == ["1", None]


def test_events_are_delivered_as_they_are_complete() -> None:
    with connected() as (near, far):
        events = streamdicom.iter_events(far)
        near.sendall(b"[" + _ONE[:-1])
        assert [next(events)[0] for _ in range(2)] == [EventType.START_DATASET, EventType.ELEMENT]
        near.sendall(b"}")
        assert next(events)[0] == EventType.END_DATASET


def test_one_data_set_is_loaded_when_the_peer_stops_sending() -> None:
    with connected() as (near, far):
        near.sendall(_ONE)
        near.shutdown(socket.SHUT_WR)
        assert streamdicom.load(far).PatientID == "1"
        far.sendall(b"thank you")  # still open
        assert near.recv(100) == b"thank you"


def test_load_rejects_a_second_data_set() -> None:
    for text in (b"[" + _ONE + b"," + _ONE, _ONE + b"\n" + _ONE):
        with connected() as (near, far):
            near.sendall(text)
            with pytest.raises(InputError, match="iter_datasets"):
                streamdicom.load(far)


def test_end_between_documents_is_not_an_error() -> None:
    with connected() as (near, far):
        near.sendall(_ONE + b"\n" + _ONE)
        near.shutdown(socket.SHUT_WR)
        assert len(list(streamdicom.iter_datasets(far))) == 2


@pytest.mark.parametrize("read", [streamdicom.iter_datasets, streamdicom.iter_events])
def test_fault_is_raised_before_more_input_is_requested(read: Callable[[Any], Iterator[Any]]) -> None:
    class Requested(Exception):
        pass

    def source() -> Iterator[bytes]:
        yield b"[" + _ONE + b",{},}"
        raise Requested

    found = read(source())
    with pytest.raises(JsonSyntaxError):
        list(found)


def _collected(source: socket.socket, options: ReadOptions) -> tuple[list[Dataset], TruncatedError]:
    datasets = streamdicom.iter_datasets(source, options=options)
    found = []
    while True:
        try:
            found.append(next(datasets))
        except TruncatedError as error:
            return found, error


@_FORMS
@pytest.mark.parametrize("inside", [b"", b'{"00100020":{"vr":"LO","Value":["2'], ids=["between", "inside"])
@pytest.mark.parametrize("end", ["time-out", "reset", "end"])
def test_broken_connection_is_truncated_after_the_complete_data_sets(
    start: bytes, between: bytes, inside: bytes, end: str
) -> None:
    text = start + _ONE + between + inside
    with connected() as (near, far):
        near.sendall(text)
        far.settimeout(0.05)
        source: Any = far
        if end == "end":
            near.shutdown(socket.SHUT_WR)
        elif end == "reset":
            source = _Resetting(near, far, len(text))
        if end == "end" and not inside and not start:
            assert len(list(streamdicom.iter_datasets(source))) == 1
            return
        datasets, error = _collected(source, ReadOptions())
    assert [ds.PatientID for ds in datasets] == ["1"]
    assert error.location.byte_offset == len(text)
    if inside:
        assert (error.location.dataset_index, error.location.tag_path) == (1, "00100020")
    cause = {"time-out": TimeoutError, "reset": ConnectionResetError, "end": type(None)}[end]
    assert type(error.__cause__) is cause
    assert isinstance(error, EOFError)


class _Resetting:
    """A connection that is reset once all data is read: a reset may overtake data."""

    def __init__(self, near: socket.socket, far: socket.socket, size: int) -> None:
        self._near, self._far, self._left = near, far, size
        self.sendall = far.sendall

    def recv(self, size: int) -> bytes:
        if not self._left:
            reset(self._near)
        data = self._far.recv(size)
        self._left -= len(data)
        return data


def test_fault_before_the_end_takes_precedence() -> None:
    with connected() as (near, far):
        near.sendall(b"[" + _ONE + b",{]")
        far.settimeout(0.05)
        with pytest.raises(JsonSyntaxError):
            list(streamdicom.iter_datasets(far))


def test_non_blocking_socket_is_an_error() -> None:
    with connected() as (near, far):
        far.setblocking(False)
        for action in (
            lambda: list(streamdicom.iter_datasets(far)),
            lambda: DatasetWriter(far),
        ):
            with pytest.raises(BlockingIOError, match="non-blocking mode"):
                action()
        assert near.fileno() > 0


def test_multiprocessing_connection_is_not_a_source() -> None:
    one, other = multiprocessing.Pipe()
    with one, other:
        one.send("x")
        with pytest.raises(TypeError):
            list(streamdicom.iter_datasets(other))  # type: ignore[arg-type]


@pytest.mark.slow
def test_endless_stream_is_read_in_constant_memory() -> None:
    with connected() as (near, far):
        block = (_ONE + b"\n") * 1000

        def send() -> None:
            for _ in range(20):
                near.sendall(block)
            near.shutdown(socket.SHUT_WR)

        thread = threading.Thread(target=send)
        thread.start()
        assert peak(lambda: sum(1 for _ in streamdicom.iter_datasets(far))) < 2 * 1024 * 1024
        thread.join()


# --- writing ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", ["json", "ndjson"])
def test_data_set_is_sent_when_it_is_written(format: FormatName) -> None:
    with connected() as (near, far):
        datasets = streamdicom.iter_datasets(far)
        with DatasetWriter(near, format=format) as writer:
            for number in range(3):
                writer.write(dataset(number))
                assert next(datasets).PatientID == str(number)
        near.shutdown(socket.SHUT_WR)
        assert list(datasets) == []


def test_data_set_is_sent_before_the_next_one_is_requested() -> None:
    with connected() as (near, far):
        received = streamdicom.iter_datasets(far)

        def datasets() -> Iterator[Dataset]:
            for number in range(3):
                yield dataset(number)
                assert next(received).PatientID == str(number)

        streamdicom.dump(datasets(), near)
        near.shutdown(socket.SHUT_WR)
        assert list(received) == []


def test_events_are_sent_when_their_data_set_is_complete() -> None:
    with connected() as (near, far):
        received = streamdicom.iter_datasets(far)

        def events() -> Iterator[Event]:
            for number in range(3):
                yield from streamdicom.iter_events(streamdicom.dumps(dataset(number)).encode())
                assert next(received).PatientID == str(number)

        streamdicom.write_events(events(), near, format="ndjson")
        near.shutdown(socket.SHUT_WR)
        assert list(received) == []


def test_array_is_left_open_when_the_writer_fails() -> None:
    with connected() as (near, far):
        with pytest.raises(RuntimeError), DatasetWriter(near) as writer:
            writer.write(dataset(1))
            raise RuntimeError
        near.close()
        datasets, error = _collected(far, ReadOptions())
        assert len(datasets) == 1
        assert error.__cause__ is None


def test_nothing_is_sent_after_a_failed_send() -> None:
    with connected() as (near, far):
        near.settimeout(0.05)
        writer = DatasetWriter(near)
        with pytest.raises(TimeoutError):
            while True:  # until the buffers are full
                writer.write(dataset(1, 100_000))
        for action in (writer.close, writer.flush, lambda: writer.write(dataset(2))):
            with pytest.raises(OutputError):
                action()
        near.close()
        _, error = _collected(far, ReadOptions())
        assert error.__cause__ is None


def test_departed_peer_is_a_connection_error() -> None:
    with connected() as (near, far):
        reset(far)
        writer = DatasetWriter(near)
        with pytest.raises(ConnectionError):
            while True:
                writer.write(dataset(1))


# --- TLS -------------------------------------------------------------------------------------------------------


def _anonymous(side: int) -> ssl.SSLContext:
    """Return a TLS context without certificates."""
    context = ssl.SSLContext(side)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("AECDH-AES128-SHA:@SECLEVEL=0")
    return context


def test_tls_connection_is_a_source_and_a_target() -> None:
    with connected() as (near, far):
        received: list[str] = []

        def receive() -> None:
            with _anonymous(ssl.PROTOCOL_TLS_SERVER).wrap_socket(far, server_side=True) as secure:
                received.extend(ds.PatientID for ds in streamdicom.iter_datasets(secure))
                secure.unwrap()

        thread = threading.Thread(target=receive)
        thread.start()
        with _anonymous(ssl.PROTOCOL_TLS_CLIENT).wrap_socket(near) as secure:
            streamdicom.dump([dataset(1), dataset(2)], secure)
            secure.unwrap()
        thread.join()
        assert received == ["1", "2"]
