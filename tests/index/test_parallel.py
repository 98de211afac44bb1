"""Ranges of a text that several processes scan have the places of the whole."""

from __future__ import annotations

import json
from array import array
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamdicom import InputError
from streamdicom.index import build_index, sidecar_of
from streamdicom.index.parallel import parallel_starts
from streamdicom.index.scanning import hash_of, hashes_of, starts, uid_hash
from tests.index.test_planning import FORMS, text_of
from tests.support.each import each
from tests.support.engines import both_engines as both_engines

_TEXT = st.sampled_from(["},{", "\\", '"', "\\" * 9, ",", "//", "/*", "a"])
_VALUE = st.recursive(
    _TEXT, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3), max_leaves=8
)


def found_by_ranges(path: Path) -> list[int]:
    with path.open("rb") as file:
        return [start for some in parallel_starts(str(path), file, 1) for start in some]


@given(
    content=st.lists(st.dictionaries(_TEXT, _VALUE, max_size=3), max_size=5),
    indent=st.sampled_from([None, 1]),
    kept=st.floats(0, 1),
    sizes=st.tuples(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2)),
)
def test_ranges_cut_anywhere_have_the_places_of_the_whole(
    content: list[dict[str, object]],
    indent: int | None,
    kept: float,
    sizes: tuple[int, int, int],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    path = tmp_path_factory.getbasetemp() / "ranges.json"
    text = json.dumps(content, indent=indent)
    path.write_text(text[: round(kept * len(text))])
    with pytest.MonkeyPatch.context() as patch:
        for name, size in zip(("_RANGE", "PIECE", "_MAX_STARTS"), sizes, strict=True):
            patch.setattr(f"streamdicom.index.parallel.{name}", size)
        found = found_by_ranges(path)
    with path.open("rb") as file:
        assert found == [start for some in starts(file) for start in some]


def test_long_run_of_backslashes_is_not_cut_within_an_escape(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamdicom.index.parallel._RANGE", 7)
    monkeypatch.setattr("streamdicom.index.parallel.PIECE", 3)
    path = tmp_path / "in.json"
    path.write_text(json.dumps([{"a": "\\" * 50 + '"},{'}, {"b": "\\" * 51}, {}]))
    with path.open("rb") as file:
        assert found_by_ranges(path) == [start for some in starts(file) for start in some]
    assert len(found_by_ranges(path)) == 3


@each("piece", [64, 300, 1 << 17])
@each("form", ["array", "indented"])
def test_hashes_of_consecutive_data_sets_are_those_of_each(
    piece: int, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamdicom.index.scanning.PIECE", piece)
    text = (
        text_of(40, form)
        .replace(b'"1.2.7"', b'"1.2.\\u0037"')
        .replace(b"1.2.9", b"")
        .replace(b"00080018", b"00080017", 3)
    )
    file = BytesIO(text)
    offsets = array("Q", [start for some in starts(file) for start in some])
    offsets.append(len(text))
    expected = [hash_of(file, start, end) for start, end in pairwise(offsets)]
    assert expected.count(0) >= 2
    assert uid_hash("1.2.7") in expected
    assert list(hashes_of(file, offsets)) == expected
    assert list(hashes_of(file, offsets[:1])) == []


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_index_by_two_processes_is_that_by_one(form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamdicom.index.build._MIN_SIZE", 1)
    path = tmp_path / "in.json"
    path.write_bytes(text_of(400, form))
    build_index(path).close()
    expected = Path(sidecar_of(path)).read_bytes()
    build_index(path, jobs=2).close()
    assert Path(sidecar_of(path)).read_bytes() == expected


@pytest.mark.slow
def test_fault_is_the_same_with_two_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamdicom.index.build._MIN_SIZE", 1)
    path = tmp_path / "in.json"
    for text in (b"[{}, /* {} */ {}]", b'{"results": [{}, {}]}'):
        path.write_bytes(text)
        messages = []
        for jobs in (1, 2):
            with pytest.raises(InputError, match="can be indexed") as error:
                build_index(path, jobs=jobs)
            messages.append(str(error.value))
        assert messages[0] == messages[1]


def test_no_job_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="jobs must be at least 1"):
        build_index(tmp_path / "in.json", jobs=0)
