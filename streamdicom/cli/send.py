"""``streamdicom send``: send data sets over a network to ``streamdicom listen``."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain

from streamdicom.api import write_events
from streamdicom.cli import exchange
from streamdicom.cli.arguments import Arguments
from streamdicom.cli.credentials import client_context
from streamdicom.cli.deidentifying import deidentification_of, finish_deidentification
from streamdicom.cli.exit_codes import DONE, UsageError
from streamdicom.cli.inputs import event_batches, is_pipe, size_of
from streamdicom.cli.network import TLS, UNIX, parse_address
from streamdicom.cli.options import read_options
from streamdicom.cli.outputs import check_outputs
from streamdicom.cli.progress import ProgressLine
from streamdicom.cli.terminal import console
from streamdicom.events import END_DATASET, Event
from streamdicom.filters import sort_elements
from streamdicom.options import WriteOptions

_PAUSE = 0.5  # seconds before the next try to connect
_WRITING = WriteOptions(file_meta=True)


def run(arguments: Arguments) -> int:
    """Run the command."""
    check_outputs(arguments, [arguments.source])
    deidentification = deidentification_of(arguments)
    reading = read_options(arguments, deidentification=deidentification)
    token = arguments.token or os.environ.get("STREAMDICOM_TOKEN") or ""
    if not token.isprintable():
        raise UsageError("expected a token of printable characters")
    connect = _connector(arguments)

    def events(progress: ProgressLine) -> Iterator[Event]:
        if deidentification:
            deidentification.report.take()  # of the connection that was lost
        return sort_elements(chain.from_iterable(event_batches(arguments.source, progress, reading)))

    _send(arguments.source, events, connect, arguments.address, token.encode(), arguments.timeout)
    finish_deidentification(deidentification, arguments.deidentify_report)
    return DONE


def _connector(arguments: Arguments) -> Callable[[], socket.socket]:
    """Return a function that connects to the listener.

    Raises:
        UsageError: The address has another form, or a file of TLS cannot be used.
    """
    address, timeout = arguments.address, arguments.timeout
    is_secure = address.startswith(TLS)
    if not is_secure and (arguments.tls_ca or arguments.tls_cert or arguments.tls_key):
        raise UsageError(f"expected an address that starts with {TLS}")
    if address.startswith(UNIX):
        return lambda: _connect_unix(address.removeprefix(UNIX), timeout)
    target = parse_address(address.removeprefix(TLS))
    context = client_context(arguments.tls_ca, arguments.tls_cert, arguments.tls_key) if is_secure else None

    def connect() -> socket.socket:
        connection = socket.create_connection(target, timeout)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return context.wrap_socket(connection, server_hostname=target[0]) if context else connection

    return connect


def _connect_unix(path: str, timeout: float) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(timeout)
        connection.connect(path)
    except OSError:
        connection.close()
        raise
    return connection


def _send(
    source: str,
    events: Callable[[ProgressLine], Iterator[Event]],
    connect: Callable[[], socket.socket],
    address: str,
    token: bytes,
    timeout: float,
) -> None:
    """Send the data sets of a file while it is read, and wait until they are written.

    If the connection is lost, the file is read again, and the data sets that the listener has not written are sent.

    Args:
        source: A file of any format, or ``-`` for standard input, which cannot be read again.
        events: Return the events of the file.
        connect: Return a connection to the listener.
        address: The address of the listener, for messages.
        token: The token, or nothing.
        timeout: Seconds for each step, and for losses without progress.

    Raises:
        UsageError: Another program listens there.
        InputError: The file is not valid. The data sets before the error were sent, and the array stays open.
        OSError: The file cannot be read, or the listener has not written everything.
    """
    greeting = exchange.Greeting(os.urandom(16).hex(), False, token)
    state = None if is_pipe(source) else _state(source)
    most, deadline = -1, 0.0
    while True:
        try:
            with _connected(connect) as connection:
                link = exchange.Link(connection)
                written = _ready(link, greeting, address)
                greeting = greeting._replace(is_resumed=True)
                if written > most:
                    most, deadline = written, 0.0
                with ProgressLine(f"Sending {source}", size_of(source)) as progress:
                    write_events(_after(written, events(progress)), link, options=_WRITING)
                    _check(link.end(), address)
                return
        except exchange.LinkLostError as error:
            deadline = deadline or time.monotonic() + timeout
            if not greeting.is_resumed or state is None or time.monotonic() > deadline:
                raise OSError(f"{address} has not acknowledged the stream: {error}") from error
            console.note(f"{address}: {error}; connecting again")
        time.sleep(_PAUSE)
        if _state(source) != state:
            raise UsageError(f"{source} has changed while it was sent")


@contextmanager
def _connected(connect: Callable[[], socket.socket]) -> Iterator[socket.socket]:
    """Connect to the listener.

    Raises:
        LinkLostError: That is not possible.
    """
    try:
        connection = connect()
    except OSError as error:
        raise exchange.LinkLostError(error.strerror or str(error)) from error
    with connection:
        yield connection


def _ready(link: exchange.Link, greeting: exchange.Greeting, address: str) -> int:
    """Return the number of data sets that the listener has written.

    Raises:
        UsageError: Another program listens there.
        OSError: The listener does not take the stream.
    """
    word, written = link.greet(greeting)
    if word != exchange.READY:
        _check(word, address)
    return written


def _check(answer: str, address: str) -> None:
    """Raise the error that an answer stands for."""
    reasons = {
        exchange.FAILED: "it cannot take or write a data set; its own messages have the reason",
        exchange.REFUSED: "the token is not known, or allows reading only",
        exchange.UNKNOWN: "it has ended since the stream began; it has written a part of the stream",
    }
    if answer in reasons:
        raise OSError(f"{address} has not acknowledged the stream: {reasons[answer]}")
    if answer != exchange.WRITTEN:
        raise UsageError(f"{address} is not a 'streamdicom listen': found another answer")


def _after(count: int, events: Iterable[Event]) -> Iterator[Event]:
    """Yield the events after a number of data sets."""
    for event in events:
        if count:
            count -= event[0] == END_DATASET
        else:
            yield event


def _state(source: str) -> tuple[int, int, int]:
    status = os.stat(source)
    return status.st_ino, status.st_size, status.st_mtime_ns
