"""Tasks on several processes, with results in the order of the tasks."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable

from streamdicom._late import late_names
from streamdicom._typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from streamdicom._workers.pool import Pool

__all__ = ["Pool", "in_order"]

__getattr__, __dir__ = late_names(__name__, {"pool": ("Pool",)}, globals())  # it takes long to import

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")


def in_order(
    function: Callable[[_Task], Iterable[_Result]], tasks: Iterable[_Task], jobs: int, *, is_ahead: bool = False
) -> Generator[tuple[_Task, _Result], None, None]:
    """Yield each task with each of its results, in order.

    Args:
        function: Returns the results of a task. With several jobs, function, tasks and results must be picklable.
        tasks: The tasks, drawn as workers become free.
        jobs: The number of processes. With 1, the function runs in this process.
        is_ahead: Whether each process gets its next task while it runs one, which is for short tasks.

    Raises:
        ChildProcessError: A worker has died.
        RuntimeError: The function raised an exception in a worker; the message has its traceback.
        OSError, StreamDicomError: The function raised this error.

    >>> list(in_order(range, [1, 2], 1))
    [(1, 0), (2, 0), (2, 1)]
    """
    if jobs == 1:
        for task in tasks:
            for result in function(task):
                yield task, result
        return
    from streamdicom._workers.pool import Pool

    with Pool[_Task, _Result](function, jobs, is_ahead=is_ahead) as pool:
        yield from pool.run(tasks)
