"""Data sets of all kinds of sources are found, numbered and read back."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from pathlib import Path
from zipfile import ZipExtFile

import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file

from streamdicom import build_index
from streamdicom.io import UnpackedFile
from streamdicom.server.browse import Library
from streamdicom.server.browse.datasets import uid_of
from streamdicom.server.browse.library import MAX_SAME
from streamdicom.server.browse.numbers import Lookup
from streamdicom.server.browse.search import Query, find_uid, search
from streamdicom.server.browse.units import SourceChangedError
from tests.server.browse.sources import UID, array, lines, members, tarred, xml, zipped
from tests.support.each import each
from tests.support.memory import peak

_COUNT = 40

_SOURCES: dict[str, Callable[[], bytes]] = {
    "a.json": lambda: array(_COUNT),
    "a.ndjson": lambda: lines(_COUNT),
    "a.xml": lambda: xml(_COUNT),
    "wrapper.json": lambda: b'{"results": ' + array(_COUNT) + b', "next": [{"00100020": {}}, {}]}',
    "members.json.gz": lambda: members(array(_COUNT)),
    "whole.json.gz": lambda: gzip.compress(array(_COUNT)),
    "a.zip": lambda: zipped({"x/a.json": array(_COUNT)}),
    "a.tar": lambda: tarred({"a.ndjson": lines(_COUNT)}),
    "a.tar.gz": lambda: gzip.compress(tarred({"a.ndjson": lines(_COUNT)})),
}


def _library(*sources: Path) -> Library:
    library = Library([str(source) for source in sources])
    library.wait()
    return library


@pytest.mark.parametrize("name", _SOURCES)
def test_each_data_set_is_read_from_its_place(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(_SOURCES[name]())
    with _library(path) as library:
        assert library.progress.problems == []
        assert library.progress.is_complete
        assert [uid_of(library, number) for number in range(len(library))] == [f"{UID}{n}" for n in range(_COUNT)]
        assert [list(find_uid(library, f"{UID}{number}")) for number in range(_COUNT)] == [[n] for n in range(_COUNT)]
        assert list(find_uid(library, "1.2.3")) == []
        with pytest.raises(IndexError):
            library.locate(_COUNT)


def test_sources_follow_one_another(tmp_path: Path) -> None:
    one, other, folder = tmp_path / "1.json", tmp_path / "2.xml", tmp_path / "folder"
    one.write_bytes(array(3))
    other.write_bytes(xml(2))
    folder.mkdir()
    ds = dcmread(get_testdata_file("CT_small.dcm"))
    for number in range(3):
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = f"1.7.{number}"
        ds.save_as(folder / f"{number}.dcm")
    with _library(one, folder, other) as library:
        assert [(library.locate(number).unit.format, library.locate(number).number) for number in range(8)] == [
            *(("json", number) for number in range(3)),
            *(("dicom", 0) for _ in range(3)),
            *(("xml", number) for number in range(2)),
        ]
        assert [uid_of(library, number) for number in range(3, 6)] == ["1.7.0", "1.7.1", "1.7.2"]
        assert list(find_uid(library, "1.7.1")) == [4]


def test_dicom_files_in_zip_and_tar(tmp_path: Path) -> None:
    data = Path(get_testdata_file("CT_small.dcm")).read_bytes()
    uid = dcmread(io.BytesIO(data)).SOPInstanceUID
    for name, pack in (("a.zip", zipped), ("a.tar", tarred)):
        path = tmp_path / name
        path.write_bytes(pack({"1.dcm": data, "readme.txt": b"text", "2.dcm": data}))
        with _library(path) as library:
            assert [library.locate(number).unit.member for number in range(len(library))] == ["1.dcm", "2.dcm"]
            assert [uid_of(library, number) for number in range(2)] == [uid, uid]


def test_the_index_beside_a_source_is_used(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(array(_COUNT))
    build_index(path).close()
    with _library(path) as library:
        assert len(library) == _COUNT
        assert library._indices
        assert list(find_uid(library, f"{UID}7")) == [7]
    path.write_bytes(array(_COUNT + 1))
    with _library(path) as library:
        assert len(library) == _COUNT + 1
        assert "is not used" in library.progress.problems[0]
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a.json", "a.json.sdx"]


@each("change", ["append", "replace", "remove"])
def test_changed_source_is_an_error_and_never_another_data_set(tmp_path: Path, change: str) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(array(3))
    with _library(path) as library:
        assert uid_of(library, 1) == f"{UID}1"
        if change == "append":
            with path.open("ab") as file:
                file.write(b" ")
        elif change == "replace":
            other = tmp_path / "b.json"
            other.write_bytes(array(3))
            other.replace(path)
        else:
            path.unlink()
        with pytest.raises(SourceChangedError, match=r"a\.json"):
            uid_of(library, 1)


def test_faulty_inputs_are_problems(tmp_path: Path) -> None:
    (tmp_path / "bad.dcm").write_bytes(b"no")
    (tmp_path / "bad.json").write_bytes(b'[{"00100020": {"vr": "LO"}}, {"00100020"')
    (tmp_path / "bad.zip").write_bytes(b"PK\x03\x04 nothing")
    (tmp_path / "good.json").write_bytes(b'[{"00100020": {"vr": "LO"}}]')
    with _library(tmp_path) as library:
        assert len(library) == 3
        problems = [text.rpartition("/")[2].partition(":")[0] for text in library.progress.problems]
        assert problems == ["bad.dcm", "bad.zip"]


@each(("text", "count"), [(b"[]", 0), (b"[ ]\n", 0), (b"[" * 1000, 1), (b'["x", 1]', 1)])
def test_text_without_data_sets_is_a_problem_unless_it_is_empty(tmp_path: Path, text: bytes, count: int) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(text)
    with _library(path) as library:
        assert (len(library), len(library.progress.problems)) == (0, count)


def test_member_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    data = bytearray(zipped({"1.json": array(2), "2.json": array(3)}))
    for flags in (6, data.index(b"PK\x01\x02") + 8):
        data[flags] |= 1  # encrypted
    path.write_bytes(data)
    with _library(path) as library:
        assert [uid_of(library, number) for number in range(len(library))] == [f"{UID}{n}" for n in range(3)]
        assert library.progress.problems == [f"{path}!1.json: the member is encrypted, or not compressed by deflate"]


def test_data_sets_after_a_comment_are_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(array(_COUNT) + b" " * 200_000 + b"// the end\n" + array(1))
    with _library(path) as library:
        assert [uid_of(library, number) for number in range(len(library))] == [f"{UID}{n}" for n in range(_COUNT)]
        assert "comment" in library.progress.problems[0]


@pytest.mark.parametrize("name", ["whole.json.gz", "lines.ndjson.gz", "docs.xml.gz", "a.zip", "docs.zip", "a.tar.gz"])
def test_reading_on_in_a_compressed_file_does_not_start_again(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    count, size = 40, 20_000  # together more than is held for steps back
    filler = b'{"00080018":{"vr":"UI","Value":["1.7.%d"]},"00420011":{"vr":"OB","InlineBinary":"%s"}}'
    json_lines = [filler % (number, b"AAAA" * (size // 4)) for number in range(count)]
    docs = xml(count).replace(b"</NativeDicomModel>", b"</NativeDicomModel>" + b" " * size)
    text = b"[" + b",".join(json_lines) + b"]"
    data = {
        "whole.json.gz": lambda: gzip.compress(text),
        "lines.ndjson.gz": lambda: gzip.compress(b"\n".join(json_lines)),
        "docs.xml.gz": lambda: gzip.compress(docs),
        "a.zip": lambda: zipped({"a.json": text}),
        "docs.zip": lambda: zipped({"a.xml": docs}),
        "a.tar.gz": lambda: gzip.compress(tarred({f"{n}.json": line for n, line in enumerate(json_lines)})),
    }[name]()
    path = tmp_path / name
    path.write_bytes(data)
    starts: list[object] = []
    for kind, method in ((UnpackedFile, "_open"), (ZipExtFile, "__init__")):
        start = getattr(kind, method)
        monkeypatch.setattr(
            kind, method, lambda *args, start=start, **options: (starts.append(1), start(*args, **options))[1]
        )
    with _library(path) as library:
        starts.clear()
        first, others = ["1.7.0", "1.7."] if "docs" not in name else [f"{UID}0", UID]
        assert [uid_of(library, number) for number in range(count)] == [f"{others}{n}" for n in range(count)]
        assert len(starts) <= 2
        assert sum(len(step.numbers) for step in search(library, Query({}, [others]))) == count
        assert len(starts) <= 4
        assert uid_of(library, 0) == first


def test_missing_source_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Library([str(tmp_path / "none.json")])


def test_uid_is_found_while_others_are_still_being_read(tmp_path: Path) -> None:
    for name in ("a.json", "b.json"):
        (tmp_path / name).write_bytes(array(3))
    with _library(tmp_path) as library:
        assert list(find_uid(library, f"{UID}1")) == [1, 4]
        library._uids.is_finished = False
        assert list(find_uid(library, f"{UID}1")) == [1, 4]


@pytest.mark.parametrize("head", [b"", b'"00080005":{"vr":"CS","Value":["%s"]},' % (b"A" * 2000)])
def test_the_first_data_sets_of_a_uid_are_found(tmp_path: Path, head: bytes) -> None:
    one = b'{%s"00080018":{"vr":"UI","Value":["1.7"]}}'
    path = tmp_path / "a.json"
    path.write_bytes(b"[" + b",".join([one % (head if number % 2 else b"") for number in range(3 * MAX_SAME)]) + b"]")
    with _library(path) as library:
        for is_finished in (True, False):
            library._uids.is_finished = is_finished
            assert list(find_uid(library, "1.7")) == list(range(MAX_SAME))


def test_hash_is_found_at_its_place_only() -> None:
    lookup = Lookup()
    for number, value in enumerate([0x0700000000000000, 5, 7, 5, 1]):
        lookup.add(value, number)
    lookup.add(9, 5)
    lookup.finish()
    assert [list(lookup.find(value)) for value in (5, 7, 1, 3)] == [[1, 3], [2], [4], []]
    lookup.close()


@pytest.mark.slow
def test_long_data_sets_are_searched_without_being_held(tmp_path: Path) -> None:
    long = b'{"00100020":{"vr":"LO","Value":["x"]},"00420011":{"vr":"OB","InlineBinary":"%s"}}' % (b"AAAA" * 4_000_000)
    path = tmp_path / "a.json"
    path.write_bytes(b"[" + b",".join([array(1)[1:-1], long, array(2)[1:-1], long]) + b"]")
    with _library(path) as library:

        def found(query: Query) -> list[int]:
            return [number for step in search(library, query) for number in step.numbers]

        assert found(Query({}, ["x"])) == [0, 1, 2, 3, 4]
        assert found(Query({"PatientID": "x"}, [])) == [1, 4]
        assert peak(lambda: found(Query({}, ["nothing"]))) < 4 * 1024 * 1024  # a fourth of a data set


def test_search_ends_when_the_library_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(array(3))
    library = _library(path)
    library.progress.is_complete = False  # as while more data sets are being found
    steps = search(library, Query({}, ["nothing"]))
    assert [next(steps).position for _ in range(4)] == [2, 3, 3, 3]
    library.close()
    assert list(steps) == []
