"""The UIDs and paths of an import, in memory and in a database."""

from __future__ import annotations

from random import Random

import pytest

from streamdicom.archive import seen
from streamdicom.archive.seen import Seen


@pytest.mark.parametrize("held", [0, 3, 5])
def test_database_has_the_same_as_memory(held: int, monkeypatch: pytest.MonkeyPatch) -> None:
    random, in_memory = Random(17), Seen()
    monkeypatch.setattr(seen, "_MAX_HELD", held)
    spilled, names = Seen(), "abcdefgh"
    for _ in range(200):
        uid, path = random.choice(names), random.choice(names).upper()
        spilled.put(uid, path)
        monkeypatch.setattr(seen, "_MAX_HELD", 1000)
        in_memory.put(uid, path)
        monkeypatch.setattr(seen, "_MAX_HELD", held)
        assert in_memory.path_of(uid) == path
        assert in_memory.uid_of(path) == uid
        for name in names:
            assert in_memory.path_of(name) == spilled.path_of(name)
            assert in_memory.uid_of(name.upper()) == spilled.uid_of(name.upper())
    in_memory.close()
    spilled.close()


def test_number_of_a_path_is_kept() -> None:
    seen = Seen()
    seen.put("1", "a")
    assert seen.number_of("a") == 2
    seen.put_number("a", 3)
    assert (seen.number_of("a"), seen.number_of("b"), seen.path_of("1"), seen.uid_of("a")) == (3, 2, "a", "1")
    seen.close()
