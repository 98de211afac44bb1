"""A pool of worker processes.

Each worker runs one task at a time and sends results through its own pipe. It may have the next task in the pipe, so
that it does not wait for the parent, which may be busy with the results. Two bounds keep the pending results small:
the number of tasks ahead of the one at the head of the queue, and the number of results received for each of them. A
worker that exceeds the second waits. A worker that dies closes its pipe, which raises an error at once. If the parent
dies, the workers find their pipes closed and exit.
"""

from __future__ import annotations

import logging
import pickle
import signal
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import TracebackType

from streamdicom._typing import Any, Generic, Self, TypeVar
from streamdicom.errors import StreamDicomError

_MAX_TASKS_AHEAD = 8  # per worker, in the queue: running, or done and waiting for their turn
_MAX_RESULTS = 4  # of a task that is not at the head of the queue
_MAX_SIZE = 4096  # bytes of a task that is sent to a worker with another one: a pipe holds them, so nobody waits

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")


@contextmanager
def _ctrl_c_blocked() -> Iterator[None]:
    """Let processes start that never see Ctrl-C, not even while they import modules.

    A blocked signal is delivered to this process at the end.
    """
    if not hasattr(signal, "pthread_sigmask"):  # on Windows
        yield
        return
    resource_tracker.ensure_running()  # the first process would start it, which unblocks the signal
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Pending(Generic[_Task, _Result]):
    """A task that a worker has, and the results received so far."""

    def __init__(self, task: _Task) -> None:
        self.task = task
        self.results: deque[_Result] = deque()
        self.is_done = False


class _Worker(Generic[_Task, _Result]):
    """A process and the parent's end of its pipe."""

    def __init__(self, function: Callable[[_Task], Iterable[_Result]]) -> None:
        # A fork of a process with threads could wait forever for a lock that one of them holds.
        context = get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process: BaseProcess = context.Process(target=_serve, args=(theirs, function), daemon=True)
        self.process.start()
        theirs.close()  # so that the end of the worker closes the pipe
        self.pending: deque[_Pending[_Task, _Result]] = deque()  # the first is running
        self._held: bytes | None = None  # the last task, if it is long and another one is running

    def give(self, pending: _Pending[_Task, _Result]) -> None:
        """Give the worker a task."""
        task = pickle.dumps(pending.task)
        self.pending.append(pending)
        if len(self.pending) > 1 and len(task) > _MAX_SIZE:
            self._held = task
        else:
            self._send(task)

    def end_task(self) -> None:
        """Go on with the next task."""
        self.pending.popleft().is_done = True
        if self._held is not None:
            self._send(self._held)
            self._held = None

    def _send(self, task: bytes) -> None:
        with suppress(BrokenPipeError):  # reported when the result is received
            self.connection.send_bytes(task)


class Pool(Generic[_Task, _Result]):
    """Worker processes that run a function.

    Args:
        function: Returns the results of a task.
        jobs: The number of processes.
        is_ahead: Whether a worker gets its next task while it runs one. It may start late, if another worker is free
            earlier, so tasks must be short.
    """

    def __init__(self, function: Callable[[_Task], Iterable[_Result]], jobs: int, *, is_ahead: bool = False) -> None:
        self._queue: deque[_Pending[_Task, _Result]] = deque()
        self._workers: list[_Worker[_Task, _Result]] = []
        self._function = function
        self._jobs = jobs
        self._counts = (0, 1) if is_ahead else (0,)  # the tasks of a worker that gets another one

    def __enter__(self) -> Self:
        try:
            with _ctrl_c_blocked():
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

    def terminate(self) -> None:
        """End the workers, from any thread; a run raises ``ChildProcessError``."""
        for worker in self._workers:
            worker.process.terminate()

    def _end(self) -> None:
        self.terminate()
        for worker in self._workers:
            worker.process.join()
            worker.connection.close()

    def run(self, tasks: Iterable[_Task]) -> Iterator[tuple[_Task, _Result]]:
        """Yield each task with each of its results, in order."""
        source = iter(tasks)
        while True:
            self._assign(source)
            if not self._queue:
                return
            head = self._queue[0]
            while head.results:
                yield head.task, head.results.popleft()
            if head.is_done:
                self._queue.popleft()
            else:
                self._receive(head, source)

    def _assign(self, tasks: Iterator[_Task]) -> None:
        """Send a task to each worker that can take one."""
        for count in self._counts:
            for worker in self._workers:
                if len(worker.pending) == count and len(self._queue) < _MAX_TASKS_AHEAD * self._jobs:
                    for task in tasks:
                        pending = _Pending[_Task, _Result](task)
                        self._queue.append(pending)
                        worker.give(pending)
                        break

    def _receive(self, head: _Pending[_Task, _Result], tasks: Iterator[_Task]) -> None:
        """Wait for results, and receive those that are ready."""
        workers = {
            worker.connection: worker
            for worker in self._workers
            if worker.pending and (worker.pending[0] is head or len(worker.pending[0].results) < _MAX_RESULTS)
        }
        ready = wait(list(workers))
        for worker in (worker for connection, worker in workers.items() if connection in ready):
            try:
                kind, value = _receive(worker.connection)
            except (EOFError, OSError):
                worker.process.join()
                raise ChildProcessError(f"a worker process died with exit code {worker.process.exitcode}") from None
            if kind == "result":
                worker.pending[0].results.append(value)
            elif kind == "error":
                raise value
            else:
                worker.end_task()
        self._assign(tasks)


# Not ``Connection.send`` and ``recv``: on Ctrl-C the interpreter may print an error about a buffer that they use.


def _send(connection: Connection, value: object) -> None:
    connection.send_bytes(pickle.dumps(value))


def _receive(connection: Connection) -> Any:
    return pickle.loads(connection.recv_bytes())  # noqa: S301 - from our own process


def _serve(connection: Connection, function: Callable[[Any], Iterable[Any]]) -> None:
    """Run tasks until the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # on Windows; the parent gets it too, and ends the workers
    logging.getLogger("pydicom").addHandler(logging.NullHandler())  # they are Python warnings too
    with suppress(EOFError, ConnectionError):
        while True:
            task = _receive(connection)
            try:
                for result in function(task):
                    _send(connection, ("result", result))
            except ConnectionError:
                return
            except (OSError, StreamDicomError) as error:
                _send(connection, ("error", error))
            except Exception as error:  # possibly not picklable
                _send(connection, ("error", RuntimeError("".join(traceback.format_exception(error)))))
            else:
                _send(connection, ("done", None))
