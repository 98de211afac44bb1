"""Messages of a server that its clients can cause, each once a minute.

Otherwise a client could fill the disk with messages about its requests.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from traceback import extract_tb

_LOGGERS = ("uvicorn.error", "asyncio", "streamdicom.server.app", "streamdicom.server.operations")
_PAUSE = 60.0  # seconds
_MAX_MESSAGES = 100  # that are told apart


@contextmanager
def once_a_minute() -> Iterator[None]:
    """Print each message of a server once a minute, and count the others."""
    repeated = RepeatedMessages()
    logs = [logging.getLogger(name) for name in _LOGGERS]
    for log in logs:
        log.addFilter(repeated)
    try:
        yield
    finally:
        for log in logs:
            log.removeFilter(repeated)


class RepeatedMessages(logging.Filter):
    """A filter that passes equal messages once a minute.

    Messages are equal if their text before the arguments, and the place of their exception, are.

    >>> repeated = RepeatedMessages()
    >>> record = logging.LogRecord("uvicorn.error", logging.WARNING, "", 1, "invalid", (), None)
    >>> repeated.filter(record), repeated.filter(record)
    (True, False)
    """

    def __init__(self) -> None:
        super().__init__()
        self._lock = Lock()
        self._seen: dict[object, tuple[float, int]] = {}  # the end of the pause, and the number of messages in it

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to print a message."""
        key: object = (record.name, record.msg, _place(record))
        now = time.monotonic()
        with self._lock:
            if key not in self._seen and len(self._seen) >= _MAX_MESSAGES:
                key = None
            end, count = self._seen.get(key, (0.0, 0))
            if now < end:
                self._seen[key] = (end, count + 1)
                return False
            self._seen[key] = (now + _PAUSE, 0)
        if count:
            record.msg = f"{str(record.msg).rstrip()} (and {count:,} times before)"
        return True


def _place(record: logging.LogRecord) -> tuple[str, int | None] | None:
    """Return the line that has raised the exception of a message."""
    trace = record.exc_info[2] if isinstance(record.exc_info, tuple) else None
    if trace is None:
        return None
    place = extract_tb(trace, limit=-1)[0]
    return place.filename, place.lineno
