"""The journal of a run: whole and torn lines, and its lock."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamdicom.archive.journal import Entry, Journal, check_request
from streamdicom.errors import ResumeError

_ENTRIES: list[Entry] = [{"a": 1}, {"b": "ä\udcff\n"}, {"c": [None, "x" * 100_000]}, {"d": 4}]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "journal"
    journal = Journal(path)
    journal.append(*_ENTRIES[:2])
    journal.append(*_ENTRIES[2:], sync=False)
    journal.close()
    return path


def _entries(path: Path) -> list[Entry]:
    journal = Journal(path)
    try:
        return list(journal.entries())
    finally:
        journal.close()


def test_entries_round_trip(path: Path) -> None:
    assert _entries(path) == _ENTRIES


def test_torn_last_line_is_ignored_and_overwritten(path: Path) -> None:
    data = path.read_bytes()
    ends = [number + 1 for number, byte in enumerate(data) if byte == 10]
    for cut in {0, 1, *ends, *(end - 1 for end in ends), *(end - 5 for end in ends), *range(1, len(data), 9973)}:
        path.write_bytes(data[:cut])
        whole = sum(end <= cut for end in ends)
        journal = Journal(path)
        assert list(journal.entries()) == _ENTRIES[:whole]
        journal.append({"new": 1})
        journal.close()
        assert _entries(path) == [*_ENTRIES[:whole], {"new": 1}]


@pytest.mark.parametrize("line", [b"\0\0\0\0", b"[1]", b"{]", b"7", b"", b"\xff", b"[" * 100_000])
def test_invalid_line_ends_the_journal(path: Path, line: bytes) -> None:
    with path.open("ab") as file:
        file.write(line + b'\n{"e": 5}\n')
    assert _entries(path) == _ENTRIES


def test_entry_is_valid_once_the_next_is_requested(path: Path) -> None:
    journal = Journal(path)
    entries = journal.entries()
    assert [next(entries), next(entries)] == _ENTRIES[:2]
    journal.append({"new": 1})
    journal.close()
    assert _entries(path) == [_ENTRIES[0], {"new": 1}]


def test_restart_discards_all_entries(path: Path) -> None:
    journal = Journal(path)
    list(journal.entries())
    journal.restart()
    journal.append({"new": 1})
    journal.close()
    assert path.read_bytes() == b'{"new":1}\n'


def test_open_journal_is_locked(path: Path) -> None:
    journal = Journal(path)
    with pytest.raises(ResumeError, match="in use"):
        Journal(path)
    journal.remove()
    assert not path.exists()
    Journal(path).close()


def test_request_must_be_that_of_the_journal() -> None:
    check_request({"a": [1], "b": None}, {"a": (1,), "b": None})
    for before in (None, [], "x"):
        with pytest.raises(ResumeError, match="another kind of run"):
            check_request(before, {})
    with pytest.raises(ResumeError, match=r"differing: a, c$"):
        check_request({"a": 1, "b": 2}, {"a": 2, "b": 2, "c": 3})
