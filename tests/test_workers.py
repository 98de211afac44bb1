"""Tasks on several processes: order, bounds and dead processes."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import repeat
from multiprocessing import active_children
from pathlib import Path
from typing import Any

import pytest

from streamdicom._workers import Pool, in_order


def _slow(jobs: int) -> Any:
    return pytest.param(jobs, marks=pytest.mark.slow)


def _count(task: int) -> Iterator[int]:
    time.sleep(0.01 * (task % 3))
    yield from range(task % 4)


def _large(task: int) -> Iterator[bytes]:
    for _ in range(6):
        yield bytes(400_000)


def _end(task: int) -> Iterator[int]:
    if task == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    if task == 4:
        sys.exit(7)
    yield task


def _fail(task: int) -> Iterator[int]:
    yield task
    if task == 3:
        raise OSError(28, os.strerror(28), "path")
    if task == 4:
        raise KeyError("secret")


@pytest.mark.parametrize("jobs", [1, _slow(2), _slow(5)])
@pytest.mark.slow
def test_results_are_in_the_order_of_the_tasks(jobs: int) -> None:
    expected = [(task, result) for task in range(40) for result in range(task % 4)]
    assert list(in_order(_count, range(40), jobs)) == expected
    assert not active_children()


@pytest.mark.parametrize("jobs", [1, _slow(3)])
def test_no_tasks_have_no_results(jobs: int) -> None:
    assert list(in_order(_count, [], jobs)) == []


def _time(task: int) -> Iterator[float]:
    yield time.monotonic()


def _echo(task: bytes) -> Iterator[bytes]:
    yield from (bytes(300_000), task)


@pytest.mark.slow
def test_worker_goes_on_while_its_results_are_used() -> None:
    with Pool(_time, 1, is_ahead=True) as pool:
        results = pool.run(range(3))
        next(results)
        time.sleep(0.5)
        now = time.monotonic()
        assert [value < now for _, value in results] == [True, False]


@pytest.mark.parametrize("size", [10, 4096, 10_000, 1_000_000])
@pytest.mark.slow
def test_tasks_of_any_size_are_sent_ahead(size: int) -> None:
    tasks = [bytes([number]) * (size if number % 3 else 1) for number in range(20)]
    with closing(in_order(_echo, tasks, 2, is_ahead=True)) as results:
        assert [result for _, result in results][1::2] == tasks


@pytest.mark.slow
def test_tasks_are_drawn_as_workers_become_free() -> None:
    taken = 0

    def tasks() -> Iterator[int]:
        nonlocal taken
        for number in range(10_000):
            taken += 1
            yield number

    with closing(in_order(_count, tasks(), 2)) as results:
        next(results)
        assert taken <= 20
    assert not active_children()


@pytest.mark.slow
def test_many_large_results_do_not_block() -> None:
    assert [len(result) for _, result in in_order(_large, range(12), 3)] == [400_000] * 72


@pytest.mark.slow
@pytest.mark.parametrize(("task", "code"), [(3, -9), (4, 7)])
def test_dead_worker_is_an_error(task: int, code: int) -> None:
    with pytest.raises(ChildProcessError, match=f"died with exit code {code}"):
        list(in_order(_end, [0, 1, 2, task, 5, 6, 7, 8], 2))
    assert not active_children()


@pytest.mark.slow
def test_os_error_is_raised_unchanged() -> None:
    with pytest.raises(OSError, match="No space left on device") as caught:
        list(in_order(_fail, [0, 1, 3], 2))
    assert (caught.value.errno, caught.value.filename) == (28, "path")


@pytest.mark.slow
def test_other_error_has_the_traceback_of_the_worker() -> None:
    with pytest.raises(RuntimeError, match=r"(?s)Traceback.*in _fail.*KeyError"):
        list(in_order(_fail, [4], 2))
    with pytest.raises(KeyError):
        list(in_order(_fail, [4], 1))


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="needs masks of signals")
def test_workers_never_see_ctrl_c(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = "'--multiprocessing-fork' in sys.orig_argv"
    (tmp_path / "sitecustomize.py").write_text(
        f"import os, signal, sys; {started} and os.kill(os.getpid(), {signal.SIGINT:d})"
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *sys.path]))
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    assert list(in_order(range, [2], 2)) == [(2, 0), (2, 1)]
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
def test_workers_exit_with_their_parent() -> None:
    reader, writer = os.pipe()
    parent = os.fork()
    if not parent:
        for _ in in_order(_count, repeat(1), 2):
            pids = " ".join(str(child.pid) for child in active_children())
            os.write(writer, pids.encode())
            os.kill(os.getpid(), signal.SIGKILL)
    os.close(writer)
    os.waitpid(parent, 0)
    with os.fdopen(reader) as file:
        pids = list(map(int, file.read().split()))
    assert len(pids) == 2
    deadline = time.monotonic() + 10
    while any(map(_is_running, pids)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not any(map(_is_running, pids))


def _is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
