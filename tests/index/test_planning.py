"""Parts of a stream have the events, deviations and errors of the whole."""

from __future__ import annotations

import gzip
import json
import pickle
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import streamdicom
from streamdicom import Deviation, Event, InputError, ReadOptions, SplitError
from streamdicom.events import END_DATASET, START_DATASET
from streamdicom.index import Split, build_index, plan_splits
from streamdicom.index.planning import parse_size
from streamdicom.io import read_range
from tests.support.each import each
from tests.support.engines import both_engines as both_engines

_TEXT = '},{"00080018": and \\ back" }]'


def datasets(count: int) -> list[dict[str, object]]:
    """Return data sets with a sequence, and text like the structure around it."""
    return [
        {
            "00080018": {"vr": "UI", "Value": [f"1.2.{number}"]},
            "00081140": {"vr": "SQ", "Value": [{"00080018": {"vr": "UI", "Value": ["1.2"]}}, {}]},
            "00104000": {"vr": "LT", "Value": [_TEXT * (number % 5)]},
        }
        for number in range(count)
    ]


def text_of(count: int, form: str) -> bytes:
    if form == "lines":
        return b"".join(json.dumps(one).encode() + b"\n" for one in datasets(count))
    if form == "concatenated":
        return b"".join(json.dumps(one, separators=(",", ":")).encode() for one in datasets(count))
    if form == "arrays":
        return json.dumps(datasets(count)).encode() + b"\n" + json.dumps(datasets(3)).encode()
    return json.dumps(datasets(count), indent=2 if form == "indented" else None).encode()


FORMS = ("array", "indented", "lines", "concatenated", "arrays")


def read(parts: Iterable[Split]) -> tuple[list[Event], list[Deviation]]:
    deviations: list[Deviation] = []
    options = ReadOptions(on_deviation=deviations.append)
    return [event for part in parts for event in part.iter_events(options=options)], deviations


@each("form", FORMS)
@each("count", [0, 1, 2, 7, 40])
def test_parts_have_the_events_of_the_whole(form: str, count: int, tmp_path: Path) -> None:
    path = tmp_path / "in.json"
    path.write_bytes(text_of(count, form) or b"[]")
    whole = list(streamdicom.iter_events(path))
    for parts in (1, 2, 3, 8, 50, 1000):
        splits = plan_splits(path, parts=parts)
        assert len(splits) <= parts
        assert read(splits)[0] == whole
        assert read(reversed(splits))[0] != whole or len(splits) == 1


@each("form", FORMS)
def test_index_plans_the_same_parts(form: str, tmp_path: Path) -> None:
    path = tmp_path / "in.json"
    path.write_bytes(text_of(40, form))
    scanned = plan_splits(path, parts=7)
    assert plan_splits(path, parts=7, index="build") == scanned
    assert plan_splits(path, parts=7, index="require") == scanned


@given(texts=st.lists(st.text(max_size=20), max_size=12), parts=st.integers(1, 12), indent=st.sampled_from([None, 1]))
def test_text_of_any_characters_is_split(
    texts: list[str], parts: int, indent: int | None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.json"
    content = [{"00104000": {"vr": "LT", "Value": [text]}} for text in texts]
    path.write_text(json.dumps(content, indent=indent, ensure_ascii=False), encoding="utf-8", errors="surrogatepass")
    options = ReadOptions(on_error="skip", on_deviation=lambda _: None)
    whole = list(streamdicom.iter_events(path, options=options))
    assert [event for part in plan_splits(path, parts=parts) for event in part.iter_events(options=options)] == whole


def test_data_sets_of_parts_are_those_of_the_whole(tmp_path: Path) -> None:
    path = tmp_path / "in.json"
    path.write_bytes(text_of(20, "array"))
    parts = [pickle.loads(pickle.dumps(part)) for part in plan_splits(path, parts=4)]
    assert [ds for part in parts for ds in part.iter_datasets()] == list(streamdicom.iter_datasets(path))


def test_deviations_have_their_place_in_the_whole(tmp_path: Path) -> None:
    path = tmp_path / "in.json"
    content = datasets(20)
    for one in content[::3]:
        one["00100020"] = {"vr": "LO", "Value": [17]}
    path.write_text(json.dumps(content))
    deviations: list[Deviation] = []
    whole = list(streamdicom.iter_events(path, options=ReadOptions(on_deviation=deviations.append)))
    assert len(deviations) >= 7
    assert read(plan_splits(path, parts=5)) == (whole, deviations)


def test_error_has_its_place_in_the_whole(tmp_path: Path) -> None:
    path = tmp_path / "in.json"
    path.write_bytes(text_of(20, "array").replace(b'["1.2.17"]', b'["1.2.17", tru]'))
    with pytest.raises(streamdicom.JsonSyntaxError) as whole:
        list(streamdicom.iter_events(path))
    with pytest.raises(streamdicom.JsonSyntaxError) as part:
        read(plan_splits(path, parts=5))
    assert str(part.value) == str(whole.value)
    assert part.value.location.dataset_index == 17


@each("number", range(6))
def test_error_in_any_data_set_is_the_error_of_the_whole(number: int, tmp_path: Path) -> None:
    path = tmp_path / "in.ndjson"
    path.write_text("".join('{"00100020": 5}\n' if one == number else "{}            \n" for one in range(6)))
    with pytest.raises(InputError) as whole:
        list(streamdicom.iter_events(path))
    with pytest.raises(InputError) as found:
        for split in plan_splits(path, parts=3):
            list(split.iter_events())
    assert str(found.value) == str(whole.value)
    assert type(found.value) is type(whole.value)


_WRONG = [
    b"",
    b'"',
    b"{",
    b"}",
    b"},{",
    b"}},{",
    b"\\",
    b",",
    b"[",
    b"]",
    b"tru",
    b"//",
    b"/*",
    b"\xff",
    b" ",
    b"\n",
    b"0",
    b"[]",
]


def _read_until_error(parts: Iterable[Split]) -> tuple[list[Event], list[Deviation], InputError | None]:
    events: list[Event] = []
    deviations: list[Deviation] = []
    options = ReadOptions(on_deviation=deviations.append)
    try:
        for part in parts:
            events.extend(part.iter_events(options=options))
    except InputError as error:
        return events, deviations, error
    return events, deviations, None


@pytest.mark.slow
@settings(max_examples=200)
@given(
    form=st.sampled_from(FORMS),
    count=st.integers(1, 20),
    parts=st.integers(1, 50),
    place=st.floats(0, 1),
    removed=st.sampled_from([0, 0, 1, 2, 40, 10_000]),
    inserted=st.sampled_from(_WRONG),
)
def test_parts_of_a_damaged_stream_have_its_error_or_refuse(
    form: str,
    count: int,
    parts: int,
    place: float,
    removed: int,
    inserted: bytes,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.json"
    text = text_of(count, form)
    offset = round(place * len(text))
    path.write_bytes(text[:offset] + inserted + text[offset + removed :])
    events, deviations, error = _read_until_error([Split(str(path))])
    found, reported, refused = _read_until_error(plan_splits(path, parts=parts))
    if isinstance(refused, SplitError):
        assert error is not None
        assert found == events[: len(found)]
        assert reported == deviations[: len(reported)]
    else:
        assert (found, reported) == (events, deviations)
        assert (type(refused), str(refused)) == (type(error), str(error))


def test_file_that_changes_after_planning_is_never_read_wrongly(tmp_path: Path) -> None:
    path = tmp_path / "in.json"
    path.write_bytes(text_of(20, "array"))
    first, second, *_ = plan_splits(path, parts=5)
    path.write_bytes(b"   " + path.read_bytes())
    with pytest.raises(SplitError, match="the source has changed"):
        list(first.iter_events())
    with pytest.raises(streamdicom.InputError):
        list(second.iter_events())


@each("text", [b"[{} {}, {}, {}]", b"[{}, {}]]{}"])
def test_text_that_is_not_json_is_never_read_wrongly(text: bytes, tmp_path: Path) -> None:
    path = tmp_path / "in.json"
    path.write_bytes(text)
    with pytest.raises(streamdicom.InputError):
        list(streamdicom.iter_events(path))
    with pytest.raises(streamdicom.InputError):
        read(plan_splits(path, parts=10))


def without_numbers(events: list[Event]) -> list[tuple[object, ...]]:
    return [event[:3] if event[0] == START_DATASET else event for event in events]


@each("form", FORMS)
@each("count", [0, 1, 40])
def test_right_guesses_have_the_events_of_the_whole(form: str, count: int, tmp_path: Path) -> None:
    path = tmp_path / "in.json"
    path.write_bytes(text_of(count, form) or b"[]")
    whole = without_numbers(list(streamdicom.iter_events(path)))
    for parts in (1, 2, 7):
        splits = plan_splits(path, parts=parts, index="guess")
        assert without_numbers(read(splits)[0]) == whole
        assert len(splits) == parts or count < 40


_ITEMS = st.recursive(
    st.just({}),
    lambda items: st.fixed_dictionaries(
        {},
        optional={
            "00080005": st.builds(lambda text: {"vr": "LO", "Value": [text]}, st.sampled_from([_TEXT, "},{", "\\"])),
            "00081140": st.builds(lambda value: {"vr": "SQ", "Value": value}, st.lists(items, max_size=3)),
        },
    ),
    max_leaves=9,
)


@pytest.mark.slow
@given(content=st.lists(_ITEMS, max_size=9), parts=st.integers(2, 9), is_lines=st.booleans())
def test_wrong_guesses_are_an_error(
    content: list[object], parts: int, is_lines: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "guess.json"
    path.write_text("\n".join(map(json.dumps, content)) if is_lines and content else json.dumps(content))
    whole = without_numbers(read([Split(str(path))])[0])
    try:
        found = read(plan_splits(path, parts=parts, index="guess"))[0]
    except streamdicom.InputError:
        return
    assert without_numbers(found) == whole


def test_guess_reads_a_few_places_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "in.json"
    path.write_bytes(text_of(4000, "array"))
    size = 0

    def counted(*arguments: Any) -> Iterator[bytes]:
        nonlocal size
        for block in read_range(*arguments):
            size += len(block)
            yield block

    monkeypatch.setattr("streamdicom.index.planning.read_range", counted)
    monkeypatch.setattr("streamdicom.index.planning.PIECE", 2048)
    assert len(plan_splits(path, parts=4, index="guess")) == 4
    assert size < 20_000


@each("parts", [1, 4])
def test_object_around_an_array_is_one_part(parts: int, tmp_path: Path) -> None:
    path = tmp_path / "in.json"
    path.write_bytes(b'\xef\xbb\xbf{"total": 40, "results": ' + text_of(40, "array") + b"}")
    splits = plan_splits(path, parts=parts)
    assert len(splits) == 1
    assert read(splits) == read([Split(str(path))])
    assert sum(event[0] == END_DATASET for event in read(splits)[0]) == 40


def test_sources_that_cannot_be_split_are_one_part(tmp_path: Path) -> None:
    text = text_of(20, "array")
    ds = streamdicom.loads(json.dumps(datasets(1)[0]))
    streamdicom.dump(ds, tmp_path / "a.xml")
    (tmp_path / "a.json.gz").write_bytes(gzip.compress(text))
    (tmp_path / "comments.json").write_bytes(text.replace(b"}}, {", b"}}, /* {} */ {"))
    for path in tmp_path.iterdir():
        options = ReadOptions(on_deviation=lambda _: None)
        [part] = plan_splits(path, parts=5)
        assert list(part.iter_events(options=options)) == list(streamdicom.iter_events(path, options=options))


def test_size_of_a_part_counts_bytes(tmp_path: Path) -> None:
    path = tmp_path / "in.json"
    path.write_bytes(text_of(40, "array"))
    sizes = [(part.end or part.origin).offset - part.origin.offset for part in plan_splits(path, target="2 KB")[:-1]]
    assert all(1000 < size < 3000 for size in sizes)
    assert len(sizes) > 3


@each(("text", "size"), [("64 MiB", 64 << 20), ("2kb", 2000), (5, 5), ("1 GiB", 1 << 30)])
def test_size_is_parsed(text: str | int, size: int) -> None:
    assert parse_size(text) == size


@each("text", ["", "MiB", "0", "-1", "1.5 MiB", "1 TiB", 0])
def test_wrong_size_is_refused(text: str | int) -> None:
    with pytest.raises(ValueError, match="expected a size"):
        parse_size(text)


def test_wrong_arguments_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "in.json"
    path.write_bytes(b"[]")
    with pytest.raises(ValueError, match="at least one part"):
        plan_splits(path, parts=0)
    with pytest.raises(ValueError, match="index must be one of"):
        plan_splits(path, index="never")  # type: ignore[arg-type]
    with pytest.raises(FileNotFoundError):
        plan_splits(path, index="require")


def test_index_of_another_state_of_the_source_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "in.json"
    path.write_bytes(text_of(20, "array"))
    build_index(path).close()
    path.write_bytes(text_of(20, "array").replace(b"1.2.17", b"1.2.18"))
    with pytest.raises(streamdicom.IndexMismatchError, match="has changed"):
        plan_splits(path)
