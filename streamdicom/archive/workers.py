"""Tasks on several processes, their results in the order of the tasks.

A worker has one task at a time and sends its results through a pipe of its own. Only so many tasks are ahead of the
one whose turn it is, and only so many results of each are taken from the pipe, so that what waits is bounded; the
worker waits then too. A worker that ends, for whatever reason, closes its pipe, which is an error at once. If it is
the parent that ends, the workers find their pipes closed and end too.
"""

from __future__ import annotations

import logging
import pickle
import signal
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

_AHEAD = 8  # tasks for each worker, those that are done but whose turn has not come among them
_HELD = 4  # results of a task whose turn has not come

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")


def in_order(
    function: Callable[[_Task], Iterable[_Result]], tasks: Iterable[_Task], jobs: int
) -> Generator[tuple[_Task, _Result], None, None]:
    """Each task with each of its results.

    Args:
        function: What is done for a task. With several jobs it goes to other processes, and so do tasks and results.
        tasks: They are taken as they are needed.
        jobs: How many processes; with one it is done in this one.

    Raises:
        ChildProcessError: A process has ended before its time.
        RuntimeError: The function has failed in another process; the text has its traceback.
        OSError: As the function raised it.

    >>> list(in_order(range, [1, 2], 1))
    [(1, 0), (2, 0), (2, 1)]
    """
    if jobs == 1:
        for task in tasks:
            for result in function(task):
                yield task, result
        return
    with _Pool[_Task, _Result](function, jobs) as pool:
        yield from pool.run(tasks)


class _Pending(Generic[_Task, _Result]):
    """A task that was given out, and what came of it so far."""

    def __init__(self, task: _Task) -> None:
        self.task = task
        self.results: deque[_Result] = deque()
        self.is_done = False


class _Worker(Generic[_Task, _Result]):
    """A process and this end of its pipe."""

    def __init__(self, function: Callable[[_Task], Iterable[_Result]]) -> None:
        # Not a fork: a copy of a process with threads may wait for ever for a lock that one of them had.
        context = get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process: BaseProcess = context.Process(target=_serve, args=(theirs, function), daemon=True)
        self.process.start()
        theirs.close()  # or its end would not show here
        self.pending: _Pending[_Task, _Result] | None = None


class _Pool(Generic[_Task, _Result]):
    def __init__(self, function: Callable[[_Task], Iterable[_Result]], jobs: int) -> None:
        self._queue: deque[_Pending[_Task, _Result]] = deque()
        self._workers: list[_Worker[_Task, _Result]] = []
        self._function = function
        self._jobs = jobs

    def __enter__(self) -> Self:
        try:
            for _ in range(self._jobs):
                self._workers.append(_Worker(self._function))
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        for worker in self._workers:
            worker.process.terminate()
        for worker in self._workers:
            worker.process.join()
            worker.connection.close()

    def run(self, tasks: Iterable[_Task]) -> Iterator[tuple[_Task, _Result]]:
        source = iter(tasks)
        while True:
            self._give(source)
            if not self._queue:
                return
            head = self._queue[0]
            while head.results:
                yield head.task, head.results.popleft()
            if head.is_done:
                self._queue.popleft()
            else:
                self._receive(head, source)

    def _give(self, tasks: Iterator[_Task]) -> None:
        """A task for each worker that has none."""
        for worker in self._workers:
            if worker.pending is None and len(self._queue) < _AHEAD * self._jobs:
                for task in tasks:
                    worker.pending = _Pending(task)
                    self._queue.append(worker.pending)
                    with suppress(BrokenPipeError):  # which shows when its result is waited for
                        _send(worker.connection, task)
                    break

    def _receive(self, head: _Pending[_Task, _Result], tasks: Iterator[_Task]) -> None:
        """Take what there is, and wait for it if there is nothing."""
        listened = {
            worker.connection: worker
            for worker in self._workers
            if worker.pending is not None and (worker.pending is head or len(worker.pending.results) < _HELD)
        }
        for connection in wait(list(listened)):
            worker = listened[connection]  # type: ignore[index]
            assert worker.pending is not None
            try:
                what, value = _receive(worker.connection)
            except (EOFError, OSError):
                worker.process.join()
                raise ChildProcessError(
                    f"a process has ended too early, with the code {worker.process.exitcode}"
                ) from None
            if what == "result":
                worker.pending.results.append(value)
            elif what == "error":
                raise value
            else:
                worker.pending.is_done = True
                worker.pending = None
        self._give(tasks)


# ``Connection.send`` and ``recv`` leave a complaint of the interpreter's on stderr if Ctrl-C comes while they look into
# a buffer of theirs.


def _send(connection: Connection, value: object) -> None:
    connection.send_bytes(pickle.dumps(value))


def _receive(connection: Connection) -> Any:
    return pickle.loads(connection.recv_bytes())  # noqa: S301 - of a process of our own


def _serve(connection: Connection, function: Callable[[Any], Iterable[Any]]) -> None:
    """What a worker does: tasks, until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent sees it too, and ends the workers
    logging.getLogger("pydicom").addHandler(logging.NullHandler())  # its warnings come as warnings too
    with suppress(EOFError, ConnectionError):
        while True:
            task = _receive(connection)
            try:
                for result in function(task):
                    _send(connection, ("result", result))
            except ConnectionError:
                return
            except OSError as error:
                _send(connection, ("error", error))
            except Exception as error:  # a fault in the program, which may not survive the way
                _send(connection, ("error", RuntimeError("".join(traceback.format_exception(error)))))
            else:
                _send(connection, ("done", None))
