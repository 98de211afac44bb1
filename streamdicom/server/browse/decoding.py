"""Pictures and curves of data sets, which a process of its own decodes.

Decoders take several times the memory of a frame, and a damaged frame can crash or block them. The server is spared
both. The process starts with the first picture and ends when none is asked for.
"""

from __future__ import annotations

import signal
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Lock, Timer
from typing import IO, Any, NamedTuple, TypeAlias

from streamdicom._workers import Pool
from streamdicom.server.browse.exports import write_file
from streamdicom.server.browse.library import Library
from streamdicom.server.browse.pictures import CannotShowError, picture, waveform

_IDLE = 30  # seconds after which the process ends
_PATIENCE = 60  # seconds for a picture

_Task: TypeAlias = Callable[[], Iterable[Any]]


class Picture(NamedTuple):
    """A frame.

    Attributes:
        facts: Width, height, the number of samples, frames, and the window.
        blocks: Rows of bytes, for each pixel one for each sample.
    """

    facts: dict[str, Any]
    blocks: list[bytes]


class Decoding:
    """The process that decodes, and the last data set that it has as a file."""

    def __init__(self) -> None:
        self._lock = Lock()  # of all below
        self._pool: Pool[_Task, Any] | None = None
        self._file: IO[bytes] | None = None
        self._written: tuple[Library, int] | None = None
        self._timer: Timer | None = None
        self._is_closed = False

    def picture(self, library: Library, number: int, frame: int, window: tuple[float, float] | None) -> Picture:
        """Return a frame of a data set; see ``pictures.picture``.

        Raises:
            CannotShowError: The pixels cannot be decoded.
            IndexError: There is no such data set.
            InputError, OutputError: The data set cannot be read, or not written as a DICOM file.
            SourceChangedError: The source has changed.
        """
        with self._path(library, number) as path:
            facts, *blocks = self._run(partial(picture, path, frame, window, force=library.force))
            return Picture(facts, blocks)

    def waveform(self, library: Library, number: int, group: int) -> dict[str, Any]:
        """Return the curves of a data set; see ``pictures.waveform`` and ``picture``."""
        with self._path(library, number) as path:
            curves: dict[str, Any]
            [curves] = self._run(partial(waveform, path, group, force=library.force))
            return curves

    @contextmanager
    def _path(self, library: Library, number: int) -> Iterator[Path]:
        """Yield the path of a data set as a DICOM file; nothing else is decoded meanwhile."""
        located = library.locate(number)
        unit = located.unit
        with self._lock, self._resting_later(), library.opened(located):  # so a source that has changed is noticed
            if unit.format == "dicom" and not unit.container and not unit.packing:
                yield Path(unit.path)
                return
            if self._file is None or self._written != (library, number):
                self._forget()
                self._file = tempfile.NamedTemporaryFile(suffix=".dcm")  # noqa: SIM115 - for the next frames too
                write_file(library, number, self._file)
                self._file.flush()
                self._written = library, number
            yield Path(self._file.name)

    @contextmanager
    def _resting_later(self) -> Iterator[None]:
        if self._timer:
            self._timer.cancel()
        try:
            yield
        finally:
            self._timer = Timer(_IDLE, self._rest)
            self._timer.daemon = True
            self._timer.start()

    def _run(self, task: _Task) -> list[Any]:
        """Return the results of a task in the process."""
        if self._is_closed:
            raise CannotShowError("the page is closed")
        if self._pool is None:
            self._pool = Pool[_Task, Any](_answer, 1).__enter__()
        try:
            found = [result for _, result in self._pool.run([task])]
        except ChildProcessError as error:
            self._end()
            raise CannotShowError("the decoder has crashed, or takes more than a minute") from error
        if found and isinstance(found[-1], CannotShowError):
            raise found[-1]
        return found

    def _rest(self) -> None:
        with self._lock:
            self._end()

    def _end(self) -> None:
        if self._pool:
            self._pool.__exit__(None, None, None)
            self._pool = None
        self._forget()

    def _forget(self) -> None:
        self._written = None
        if self._file:
            self._file.close()
            self._file = None

    def close(self) -> None:
        """End the process, also while it decodes."""
        self._is_closed = True
        pool = self._pool
        if pool:
            pool.terminate()
        self._rest()
        if self._timer:
            self._timer.cancel()


def _answer(task: _Task) -> Iterator[Any]:
    """Yield the results of a task, and the reason why there are no more."""
    warnings.simplefilter("ignore")  # the page shows deviations
    if hasattr(signal, "alarm"):  # not on Windows
        signal.alarm(_PATIENCE)  # ends this process, whatever a decoder does
    try:
        yield from task()
    except CannotShowError as error:
        yield error
    finally:
        if hasattr(signal, "alarm"):
            signal.alarm(0)
