"""``streamdicom send``: send data sets over TCP to ``streamdicom listen``."""

from __future__ import annotations

import socket
from argparse import Namespace
from itertools import chain
from pathlib import Path

from streamdicom.api import write_events
from streamdicom.cli.deidentifying import deidentification_of, finish_deidentification
from streamdicom.cli.exit_codes import DONE, UsageError
from streamdicom.cli.inputs import event_batches, size_of
from streamdicom.cli.network import parse_address
from streamdicom.cli.options import read_options
from streamdicom.cli.progress import ProgressLine
from streamdicom.filters import sort_elements
from streamdicom.options import ReadOptions, WriteOptions


def run(arguments: Namespace) -> int:
    """Run the command."""
    deidentification = deidentification_of(arguments)
    writing = WriteOptions(file_meta=True, deidentification=deidentification)
    send_file(arguments.source, arguments.address, arguments.timeout, read_options(arguments), writing)
    finish_deidentification(deidentification, arguments.deidentify_report)
    return DONE


def send_file(source: Path, address: str, timeout: float, reading: ReadOptions, writing: WriteOptions) -> None:
    """Send the data sets of a file while it is read, and wait for the acknowledgement.

    Args:
        source: A file of any format, or ``-`` for standard input.
        address: The listener, as ``HOST:PORT``.
        timeout: Seconds for each step: to connect, to send a block, to receive the acknowledgement.
        reading: How the file is read.
        writing: How the data sets are written.

    Raises:
        UsageError: The address has another form, or another program listens there.
        InputError: The file is not valid. The data sets before the error were sent, and the array stays open.
        OSError: The file cannot be read, or the listener has not written everything.
    """
    target = parse_address(address)
    with ProgressLine(f"Sending {source}", size_of(source)) as progress:
        events = sort_elements(chain.from_iterable(event_batches(source, progress, reading)))
        try:
            with socket.create_connection(target, timeout) as connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                write_events(events, connection, options=writing)
                connection.shutdown(socket.SHUT_WR)
                answer = connection.recv(1)
        except (ConnectionError, TimeoutError, socket.gaierror) as error:
            raise OSError(f"{address} has not acknowledged the stream: {error.strerror or error}") from error
    if answer:
        raise UsageError(f"{address} is not a 'streamdicom listen': expected no answer, found one")
